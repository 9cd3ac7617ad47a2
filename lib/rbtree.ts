// SPDX-License-Identifier: GPL-2.0-only
//
// Red-black trees: balance after the caller linked a node (rb_insert_color), removal, walking in
// order. The retransmit queue, the out-of-order queue, hrtimers and fq keep their order by it.

import { RB_BLACK, RB_RED } from "../include/linux/rbtree.ts";
import type { rb_node, rb_root, rb_root_cached } from "../include/linux/rbtree.ts";

/** Hangs `now` where `old` hung. */
function __rb_change_child<T>(
  old: rb_node<T>,
  now: rb_node<T> | null,
  parent: rb_node<T> | null,
  root: rb_root<T>,
): void {
  if (parent === null) root.rb_node = now;
  else if (parent.rb_left === old) parent.rb_left = now;
  else parent.rb_right = now;
}

/** x's right child takes x's place, x becomes its left child. */
function rotate_left<T>(x: rb_node<T>, root: rb_root<T>): void {
  const y = x.rb_right as rb_node<T>;
  const inner = y.rb_left;
  const parent = x.rb_parent;
  x.rb_right = inner;
  if (inner !== null) inner.rb_parent = x;
  y.rb_left = x;
  y.rb_parent = parent;
  x.rb_parent = y;
  __rb_change_child(x, y, parent, root);
}

/** x's left child takes x's place, x becomes its right child. */
function rotate_right<T>(x: rb_node<T>, root: rb_root<T>): void {
  const y = x.rb_left as rb_node<T>;
  const inner = y.rb_right;
  const parent = x.rb_parent;
  x.rb_left = inner;
  if (inner !== null) inner.rb_parent = x;
  y.rb_right = x;
  y.rb_parent = parent;
  x.rb_parent = y;
  __rb_change_child(x, y, parent, root);
}

/** Restores balance after rb_link_node(). */
export function rb_insert_color<T>(node: rb_node<T>, root: rb_root<T>): void {
  for (;;) {
    let parent = node.rb_parent;
    if (parent === null) {
      node.rb_color = RB_BLACK;
      return;
    }
    if (parent.rb_color === RB_BLACK) return;
    const gparent = parent.rb_parent as rb_node<T>;
    const left = gparent.rb_left === parent;
    const uncle = left ? gparent.rb_right : gparent.rb_left;
    if (uncle !== null && uncle.rb_color === RB_RED) {
      parent.rb_color = RB_BLACK;
      uncle.rb_color = RB_BLACK;
      gparent.rb_color = RB_RED;
      node = gparent;
      continue;
    }
    if (left) {
      if (parent.rb_right === node) {
        rotate_left(parent, root);
        parent = node;
      }
      rotate_right(gparent, root);
    } else {
      if (parent.rb_left === node) {
        rotate_right(parent, root);
        parent = node;
      }
      rotate_left(gparent, root);
    }
    parent.rb_color = RB_BLACK;
    gparent.rb_color = RB_RED;
    return;
  }
}

/** Restores balance when the side of `parent` where `node` hangs lacks a black node. */
function ____rb_erase_color<T>(
  node: rb_node<T> | null,
  parent: rb_node<T> | null,
  root: rb_root<T>,
): void {
  while (parent !== null && (node === null || node.rb_color === RB_BLACK)) {
    const left: boolean = parent.rb_left === node;
    let sibling = (left ? parent.rb_right : parent.rb_left) as rb_node<T>;
    if (sibling.rb_color === RB_RED) {
      sibling.rb_color = RB_BLACK;
      parent.rb_color = RB_RED;
      if (left) {
        rotate_left(parent, root);
        sibling = parent.rb_right as rb_node<T>;
      } else {
        rotate_right(parent, root);
        sibling = parent.rb_left as rb_node<T>;
      }
    }
    let far = left ? sibling.rb_right : sibling.rb_left;
    const near = left ? sibling.rb_left : sibling.rb_right;
    const far_red = far !== null && far.rb_color === RB_RED;
    if (!far_red && (near === null || near.rb_color === RB_BLACK)) {
      sibling.rb_color = RB_RED;
      node = parent;
      parent = node.rb_parent;
      continue;
    }
    if (!far_red) {
      (near as rb_node<T>).rb_color = RB_BLACK;
      sibling.rb_color = RB_RED;
      far = sibling;
      if (left) rotate_right(sibling, root);
      else rotate_left(sibling, root);
      sibling = near as rb_node<T>;
    }
    sibling.rb_color = parent.rb_color;
    parent.rb_color = RB_BLACK;
    (far as rb_node<T>).rb_color = RB_BLACK;
    if (left) rotate_left(parent, root);
    else rotate_right(parent, root);
    return;
  }
  if (node !== null) node.rb_color = RB_BLACK;
}

/** Takes a node out. */
export function rb_erase<T>(node: rb_node<T>, root: rb_root<T>): void {
  let child: rb_node<T> | null;
  let parent: rb_node<T> | null;
  let color: number;
  const right = node.rb_right;
  if (node.rb_left === null || right === null) {
    child = node.rb_left ?? right;
    parent = node.rb_parent;
    color = node.rb_color;
    if (child !== null) child.rb_parent = parent;
    __rb_change_child(node, child, parent, root);
  } else {
    // Two children: the next node in order, which has no left child, takes the place.
    let next = right;
    while (next.rb_left !== null) next = next.rb_left;
    child = next.rb_right;
    color = next.rb_color;
    if (next === right) parent = next;
    else {
      parent = next.rb_parent as rb_node<T>;
      parent.rb_left = child;
      if (child !== null) child.rb_parent = parent;
      next.rb_right = right;
      right.rb_parent = next;
    }
    next.rb_left = node.rb_left;
    next.rb_left.rb_parent = next;
    next.rb_color = node.rb_color;
    next.rb_parent = node.rb_parent;
    __rb_change_child(node, next, node.rb_parent, root);
  }
  if (color === RB_BLACK) ____rb_erase_color(child, parent, root);
}

/** First node in order. */
export function rb_first<T>(root: rb_root<T>): rb_node<T> | null {
  let n = root.rb_node;
  if (n === null) return null;
  while (n.rb_left !== null) n = n.rb_left;
  return n;
}

/** Last node in order. */
export function rb_last<T>(root: rb_root<T>): rb_node<T> | null {
  let n = root.rb_node;
  if (n === null) return null;
  while (n.rb_right !== null) n = n.rb_right;
  return n;
}

/** The node after this one. */
export function rb_next<T>(node: rb_node<T>): rb_node<T> | null {
  let n = node.rb_right;
  if (n !== null) {
    while (n.rb_left !== null) n = n.rb_left;
    return n;
  }
  if (node.rb_parent === node) return null;
  let parent = node.rb_parent;
  while (parent !== null && parent.rb_right === node) {
    node = parent;
    parent = node.rb_parent;
  }
  return parent;
}

/** The node before this one. */
export function rb_prev<T>(node: rb_node<T>): rb_node<T> | null {
  let n = node.rb_left;
  if (n !== null) {
    while (n.rb_right !== null) n = n.rb_right;
    return n;
  }
  if (node.rb_parent === node) return null;
  let parent = node.rb_parent;
  while (parent !== null && parent.rb_left === node) {
    node = parent;
    parent = node.rb_parent;
  }
  return parent;
}

/** `now` takes the place of `victim`, which sorts alike. */
export function rb_replace_node<T>(victim: rb_node<T>, now: rb_node<T>, root: rb_root<T>): void {
  const parent = victim.rb_parent;
  now.rb_parent = parent;
  now.rb_color = victim.rb_color;
  now.rb_left = victim.rb_left;
  now.rb_right = victim.rb_right;
  if (now.rb_left !== null) now.rb_left.rb_parent = now;
  if (now.rb_right !== null) now.rb_right.rb_parent = now;
  __rb_change_child(victim, now, parent, root);
}

/** rb_insert_color() of a cached tree; `leftmost` when the caller only went left. */
export function rb_insert_color_cached<T>(
  node: rb_node<T>,
  root: rb_root_cached<T>,
  leftmost: boolean,
): void {
  if (leftmost) root.rb_leftmost = node;
  rb_insert_color(node, root.rb_root);
}

/** rb_erase() of a cached tree. */
export function rb_erase_cached<T>(node: rb_node<T>, root: rb_root_cached<T>): void {
  if (root.rb_leftmost === node) root.rb_leftmost = rb_next(node);
  rb_erase(node, root.rb_root);
}

/** The deepest first node: where a walk that frees all of a tree starts. */
function rb_left_deepest_node<T>(node: rb_node<T>): rb_node<T> {
  for (;;) {
    const down: rb_node<T> | null = node.rb_left ?? node.rb_right;
    if (down === null) return node;
    node = down;
  }
}

/** First node of a walk in which children come before their parent. */
export function rb_first_postorder<T>(root: rb_root<T>): rb_node<T> | null {
  return root.rb_node === null ? null : rb_left_deepest_node(root.rb_node);
}

/** Next node of that walk. */
export function rb_next_postorder<T>(node: rb_node<T>): rb_node<T> | null {
  const parent = node.rb_parent;
  if (parent !== null && parent.rb_left === node && parent.rb_right !== null) {
    return rb_left_deepest_node(parent.rb_right);
  }
  return parent;
}

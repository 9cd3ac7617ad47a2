// SPDX-License-Identifier: GPL-2.0-only
//
// The red-black tree's node and root. A node's `owner` is the object it is embedded in. The caller
// walks down by its own order and links the node; balance is kept by lib/rbtree.ts.

export const RB_RED = 0;
export const RB_BLACK = 1;

/** A member of a tree. One in no tree is its own parent. */
export class rb_node<T = unknown> {
  /** Parent; the node itself when it is in no tree. */
  rb_parent: rb_node<T> | null;
  rb_right: rb_node<T> | null = null;
  rb_left: rb_node<T> | null = null;
  rb_color = RB_RED;
  owner: T;

  constructor(owner: T) {
    this.rb_parent = this;
    this.owner = owner;
  }
}

/** A tree. */
export class rb_root<T = unknown> {
  rb_node: rb_node<T> | null = null;
}

/** A tree that remembers its first node. */
export class rb_root_cached<T = unknown> {
  rb_root: rb_root<T> = new rb_root<T>();
  rb_leftmost: rb_node<T> | null = null;
}

/** True of a tree without nodes. */
export function RB_EMPTY_ROOT<T>(root: rb_root<T>): boolean {
  return root.rb_node === null;
}

/** True of a node that RB_CLEAR_NODE() took out of any tree. */
export function RB_EMPTY_NODE<T>(node: rb_node<T>): boolean {
  return node.rb_parent === node;
}

/** Marks a node as being in no tree. */
export function RB_CLEAR_NODE<T>(node: rb_node<T>): void {
  node.rb_parent = node;
}

/** The parent, null for the root's node. */
export function rb_parent<T>(node: rb_node<T>): rb_node<T> | null {
  return node.rb_parent;
}

/**
 * Hangs a node below `parent`, on its left or right side, or at the root.
 * @differs C's rb_link is the address of the empty link; here `root` and the side tell it
 */
export function rb_link_node<T>(
  node: rb_node<T>,
  parent: rb_node<T> | null,
  root: rb_root<T>,
  left: boolean,
): void {
  node.rb_parent = parent;
  node.rb_color = RB_RED;
  node.rb_left = null;
  node.rb_right = null;
  if (parent === null) root.rb_node = node;
  else if (left) parent.rb_left = node;
  else parent.rb_right = node;
}

/** First node of a cached tree. */
export function rb_first_cached<T>(root: rb_root_cached<T>): rb_node<T> | null {
  return root.rb_leftmost;
}

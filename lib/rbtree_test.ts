// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import {
  RB_BLACK,
  RB_CLEAR_NODE,
  RB_EMPTY_NODE,
  rb_link_node,
  rb_node,
  RB_RED,
  rb_root_cached,
} from "../include/linux/rbtree.ts";
import type { rb_root } from "../include/linux/rbtree.ts";
import {
  rb_erase_cached,
  rb_first,
  rb_first_postorder,
  rb_insert_color_cached,
  rb_last,
  rb_next,
  rb_next_postorder,
  rb_prev,
  rb_replace_node,
} from "./rbtree.ts";

type node = rb_node<number>;

function insert(root: rb_root_cached<number>, key: number): node {
  const n = new rb_node<number>(key);
  let parent: node | null = null, left = true, leftmost = true;
  for (let p = root.rb_root.rb_node; p; p = left ? p.rb_left : p.rb_right) {
    parent = p;
    left = key < p.owner;
    if (!left) leftmost = false;
  }
  rb_link_node(n, parent, root.rb_root, left);
  rb_insert_color_cached(n, root, leftmost);
  return n;
}

/** Black height, after checking colours, order and parents below. */
function check(n: node | null, parent: node | null): number {
  if (n === null) return 1;
  assert(n.rb_parent === parent);
  if (n.rb_color === RB_RED) {
    assert(parent !== null && parent.rb_color === RB_BLACK, "red below red");
  }
  if (n.rb_left) assert(n.rb_left.owner <= n.owner);
  if (n.rb_right) assert(n.rb_right.owner >= n.owner);
  const l = check(n.rb_left, n), r = check(n.rb_right, n);
  assertEquals(l, r, "black height");
  return l + (n.rb_color === RB_BLACK ? 1 : 0);
}

function keys(root: rb_root<number>): number[] {
  const out: number[] = [];
  for (let n = rb_first(root); n; n = rb_next(n)) out.push(n.owner);
  const back: number[] = [];
  for (let n = rb_last(root); n; n = rb_prev(n)) back.push(n.owner);
  assertEquals(back.reverse(), out);
  return out;
}

Deno.test("rbtree keeps its invariants under random insertions and removals", () => {
  let seed = 7;
  const rnd = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) | 0;
    return (seed >>> 8) % n;
  };
  const root = new rb_root_cached<number>();
  const model: node[] = [];
  for (let i = 0; i < 4000; i++) {
    if (rnd(100) < (i < 2000 ? 60 : 40) || model.length === 0) {
      model.push(insert(root, rnd(500)));
    } else {
      const [n] = model.splice(rnd(model.length), 1);
      rb_erase_cached(n, root);
      RB_CLEAR_NODE(n);
      assert(RB_EMPTY_NODE(n));
    }
    if (i % 10 === 0) {
      check(root.rb_root.rb_node, null);
      assertEquals(keys(root.rb_root), model.map((n) => n.owner).sort((a, b) => a - b));
    }
    assert(root.rb_leftmost === rb_first(root.rb_root));
  }
});

Deno.test("rb_replace_node() keeps the place, rb_next_postorder() reaches all", () => {
  const root = new rb_root_cached<number>();
  const nodes = Array.from({ length: 50 }, (_, i) => insert(root, i));
  for (const n of nodes) rb_replace_node(n, new rb_node<number>(n.owner + 0.5), root.rb_root);
  check(root.rb_root.rb_node, null);
  assertEquals(keys(root.rb_root), nodes.map((n) => n.owner + 0.5));
  const seen = new Set<number>();
  for (let n = rb_first_postorder(root.rb_root); n; n = rb_next_postorder(n)) {
    assert(!n.rb_left || seen.has(n.rb_left.owner));
    seen.add(n.owner);
  }
  assertEquals(seen.size, 50);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import {
  hlist_add_before,
  hlist_add_behind,
  hlist_add_head,
  hlist_add_tail_rcu,
  hlist_del_init,
  hlist_empty,
  hlist_unhashed,
  list_add,
  list_add_tail,
  list_del_init,
  list_empty,
  list_first_entry_or_null,
  list_is_singular,
  list_move_tail,
  list_splice_tail_init,
} from "./list.ts";
import {
  get_nulls_value,
  hlist_nulls_add_head,
  hlist_nulls_add_tail_rcu,
  hlist_nulls_del_init_rcu,
  hlist_nulls_empty,
  hlist_nulls_head,
  hlist_nulls_node,
  hlist_nulls_replace_init_rcu,
  hlist_nulls_unhashed,
  INIT_HLIST_NULLS_HEAD,
  is_a_nulls,
} from "./list_nulls.ts";
import { hlist_head, hlist_node, list_head } from "./types.ts";

function members(head: list_head<string>): string {
  let fore = "", back = "";
  for (let p = head.next; p !== head; p = p.next) fore += p.owner;
  for (let p = head.prev; p !== head; p = p.prev) back = p.owner + back;
  assertEquals(fore, back);
  return fore;
}

Deno.test("list_head keeps order both ways", () => {
  const head = new list_head<string>(), other = new list_head<string>();
  const [a, b, c] = ["a", "b", "c"].map((x) => new list_head<string>(x));
  assertEquals(list_first_entry_or_null(head), null);
  list_add(a, head);
  assert(list_is_singular(head));
  list_add(b, head);
  list_add_tail(c, head);
  assertEquals(members(head), "bac");
  list_move_tail(b, other);
  list_splice_tail_init(other, head);
  assertEquals([members(head), members(other)], ["acb", ""]);
  list_del_init(c);
  assert(list_empty(c));
  assertEquals(members(head), "ab");
});

Deno.test("hlist_node knows the word that points to it", () => {
  const head = new hlist_head<string>();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((x) => new hlist_node<string>(x));
  const all = (): string => {
    let s = "";
    for (let n = head.first; n; n = n.next) {
      assert(n.pprev !== null && n.pprev.next === n);
      s += n.owner;
    }
    return s;
  };
  hlist_add_head(a, head);
  hlist_add_behind(b, a);
  hlist_add_before(c, a);
  hlist_add_tail_rcu(d, head);
  assertEquals(all(), "cabd");
  for (const n of [a, d, c, b, b]) hlist_del_init(n);
  assert(hlist_empty(head) && hlist_unhashed(a));
});

Deno.test("hlist_nulls lists end in their number", () => {
  class item extends hlist_nulls_node<item> {
    constructor(readonly name: string) {
      super();
    }
  }
  const heads: (item | number)[] = [5, 6, 7];
  const head = new hlist_nulls_head<item>(heads, 1);
  INIT_HLIST_NULLS_HEAD(head, 77);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((x) => new item(x));
  const all = (): string => {
    let s = "";
    let n = head.first;
    for (; !is_a_nulls(n); n = n.next) {
      assert(n.pprev !== null && n.pprev.next === n);
      s += n.owner.name;
    }
    return s + get_nulls_value(n);
  };
  hlist_nulls_add_head(a, head);
  hlist_nulls_add_tail_rcu(b, head);
  hlist_nulls_add_head(c, head);
  assertEquals(all(), "cab77");
  assert(hlist_nulls_replace_init_rcu(a, d));
  assertEquals([all(), hlist_nulls_unhashed(a)], ["cdb77", true]);
  for (const n of [b, c, d, d]) hlist_nulls_del_init_rcu(n);
  assertEquals([all(), hlist_nulls_empty(head)], ["77", true]);
  assertEquals(heads, [5, 77, 7]);
});

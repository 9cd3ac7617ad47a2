// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { living_list } from "./living.ts";

class thing {
  living_index = -1;
  constructor(readonly name: string) {}
}

Deno.test("living_list holds what was added and not taken out, whatever the order", () => {
  const list = new living_list<thing>();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((n) => new thing(n));
  const names = (): string => [...list].map((t) => t.name).sort().join("");
  for (const t of [a, b, c]) list.add(t);
  list.delete(a);
  assertEquals([names(), list.size], ["bc", 2]);
  list.add(d);
  list.delete(c);
  list.delete(c);
  assertEquals(names(), "bd");
  list.delete(d);
  list.delete(b);
  assertEquals([names(), list.size], ["", 0]);
});

Deno.test("living_list lets objects of before clear() go their way", () => {
  const list = new living_list<thing>();
  const old = new thing("old"), young = new thing("young");
  list.add(old);
  list.clear();
  list.add(young);
  list.delete(old);
  assertEquals([...list], [young]);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { jhash, jhash2, jhash_1word, jhash_2words, jhash_3words, JHASH_INITVAL } from "./jhash.ts";

const text = new TextEncoder().encode("Four score and seven years ago");

Deno.test("jhash() gives lookup3's published values", () => {
  // lookup3.c's driver5(), whose seed is what jhash() adds to JHASH_INITVAL
  assertEquals(jhash(text, 0, 0) >>> 0, 0xdeadbeef);
  assertEquals(jhash(text, 0, JHASH_INITVAL) >>> 0, 0xbd5b7dde);
  assertEquals(jhash(text, 30, 0) >>> 0, 0x17770551);
  assertEquals(jhash(text, 30, 1) >>> 0, 0xcd628161);
});

Deno.test("jhash2() and jhash_*words() agree", () => {
  const w = new Int32Array([0x12345678, -5, 77, 1 << 31, 9, 10, 11]);
  assertEquals(jhash_3words(w[0], w[1], w[2], 42), jhash2(w, 3, 42));
  assertEquals(jhash_2words(1, 2, 3), jhash_2words(1, 2, 3));
  const bytes = new Uint8Array(w.buffer);
  for (let n = 1; n <= 7; n++) assertEquals(jhash2(w, n, 5), jhash(bytes, n * 4, 5));
  assertEquals(jhash_1word(w[0], 7), jhash2(new Int32Array([w[0], 0, 0]), 1, 7));
});

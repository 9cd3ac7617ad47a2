// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { hsiphash_key_t, siphash_key_t } from "../include/linux/siphash.ts";
import {
  hsiphash,
  hsiphash_1u32,
  hsiphash_2u32,
  hsiphash_3u32,
  hsiphash_4u32,
  siphash,
  siphash_1u32,
  siphash_1u64,
  siphash_2u32,
  siphash_2u64,
  siphash_3u32,
  siphash_3u64,
  siphash_4u32,
  siphash_hi,
} from "./siphash.ts";

const key = new siphash_key_t();
key.key.set([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c]);
const hkey = new hsiphash_key_t();
hkey.key.set(key.key);
const data = Uint8Array.from({ length: 64 }, (_, i) => i);

/** SipHash-c-d in BigInt, straight from the paper. */
function reference(b: Uint8Array, c: number, d: number): bigint {
  const M = (1n << 64n) - 1n;
  const rol = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & M;
  const k0 = 0x0706050403020100n, k1 = 0x0f0e0d0c0b0a0908n;
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const round = (n: number): void => {
    while (n-- > 0) {
      v[0] = (v[0] + v[1]) & M;
      v[1] = rol(v[1], 13n) ^ v[0];
      v[0] = rol(v[0], 32n);
      v[2] = (v[2] + v[3]) & M;
      v[3] = rol(v[3], 16n) ^ v[2];
      v[0] = (v[0] + v[3]) & M;
      v[3] = rol(v[3], 21n) ^ v[0];
      v[2] = (v[2] + v[1]) & M;
      v[1] = rol(v[1], 17n) ^ v[2];
      v[2] = rol(v[2], 32n);
    }
  };
  const padded = new Uint8Array((b.length & ~7) + 8);
  padded.set(b);
  padded[padded.length - 1] = b.length;
  const view = new DataView(padded.buffer);
  for (let i = 0; i < padded.length; i += 8) {
    const m = view.getBigUint64(i, true);
    v[3] ^= m;
    round(c);
    v[0] ^= m;
  }
  v[2] ^= 0xffn;
  round(d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function u64(lo: number): bigint {
  return (BigInt(siphash_hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

Deno.test("siphash() gives the paper's test vectors", () => {
  assertEquals(u64(siphash(data, 0, key)), 0x726fdb47dd0e0e31n);
  assertEquals(u64(siphash(data, 15, key)), 0xa129ca6149be45e5n);
  for (let n = 0; n <= 64; n++) {
    assertEquals(u64(siphash(data, n, key)), reference(data.subarray(0, n), 2, 4));
  }
});

Deno.test("siphash of words is that of their little-endian bytes", () => {
  const w = new Int32Array(data.buffer, 0, 6);
  assertEquals(u64(siphash_1u32(w[0], key)), u64(siphash(data, 4, key)));
  const all: [number, () => number][] = [
    [4, () => siphash_1u32(w[0], key)],
    [8, () => siphash_2u32(w[0], w[1], key)],
    [8, () => siphash_1u64(w[0], w[1], key)],
    [12, () => siphash_3u32(w[0], w[1], w[2], key)],
    [16, () => siphash_4u32(w[0], w[1], w[2], w[3], key)],
    [16, () => siphash_2u64(w[0], w[1], w[2], w[3], key)],
    [24, () => siphash_3u64(w[0], w[1], w[2], w[3], w[4], w[5], key)],
  ];
  for (const [n, fn] of all) assertEquals(u64(fn()), reference(data.subarray(0, n), 2, 4));
});

Deno.test("hsiphash is SipHash-1-3 cut to 32 bits", () => {
  const w = new Int32Array(data.buffer, 0, 4);
  const want = (n: number): number =>
    Number(reference(data.subarray(0, n), 1, 3) & 0xffffffffn) | 0;
  for (let n = 0; n <= 64; n++) assertEquals(hsiphash(data, n, hkey) | 0, want(n));
  assertEquals(hsiphash_1u32(w[0], hkey), want(4));
  assertEquals(hsiphash_2u32(w[0], w[1], hkey), want(8));
  assertEquals(hsiphash_3u32(w[0], w[1], w[2], hkey), want(12));
  assertEquals(hsiphash_4u32(w[0], w[1], w[2], w[3], hkey), want(16));
});

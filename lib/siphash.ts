// SPDX-License-Identifier: GPL-2.0-only
//
// SipHash-2-4: a keyed hash of short input, for cookies, IP ids and ports. C's u64 are pairs of int32 here;
// a result's low word is returned and its high word left in siphash_hi. hsiphash is SipHash-1-3 cut to 32 bits,
// as on a 64-bit kernel.

import type { hsiphash_key_t, siphash_key_t } from "../include/linux/siphash.ts";

/**
 * The high word of the last siphash.
 * @local
 */
export let siphash_hi = 0;

/** The state: v0 to v3, low word first. */
const v = new Int32Array(8);

function rounds(n: number): void {
  let al = v[0], ah = v[1], bl = v[2], bh = v[3], cl = v[4], ch = v[5], dl = v[6], dh = v[7];
  let t = 0;
  while (n-- > 0) {
    // a += b; b = rol(b, 13) ^ a; a = rol(a, 32)
    al = (al + bl) | 0;
    ah = (ah + bh + ((al >>> 0) < (bl >>> 0) ? 1 : 0)) | 0;
    t = (bl << 13) | (bh >>> 19);
    bh = ((bh << 13) | (bl >>> 19)) ^ ah;
    bl = t ^ al;
    t = al;
    al = ah;
    ah = t;
    // c += d; d = rol(d, 16) ^ c
    cl = (cl + dl) | 0;
    ch = (ch + dh + ((cl >>> 0) < (dl >>> 0) ? 1 : 0)) | 0;
    t = (dl << 16) | (dh >>> 16);
    dh = ((dh << 16) | (dl >>> 16)) ^ ch;
    dl = t ^ cl;
    // a += d; d = rol(d, 21) ^ a
    al = (al + dl) | 0;
    ah = (ah + dh + ((al >>> 0) < (dl >>> 0) ? 1 : 0)) | 0;
    t = (dl << 21) | (dh >>> 11);
    dh = ((dh << 21) | (dl >>> 11)) ^ ah;
    dl = t ^ al;
    // c += b; b = rol(b, 17) ^ c; c = rol(c, 32)
    cl = (cl + bl) | 0;
    ch = (ch + bh + ((cl >>> 0) < (bl >>> 0) ? 1 : 0)) | 0;
    t = (bl << 17) | (bh >>> 15);
    bh = ((bh << 17) | (bl >>> 15)) ^ ch;
    bl = t ^ cl;
    t = cl;
    cl = ch;
    ch = t;
  }
  v[0] = al;
  v[1] = ah;
  v[2] = bl;
  v[3] = bh;
  v[4] = cl;
  v[5] = ch;
  v[6] = dl;
  v[7] = dh;
}

function start(k: Int32Array): void {
  v[0] = k[0] ^ 0x70736575;
  v[1] = k[1] ^ 0x736f6d65;
  v[2] = k[2] ^ 0x6e646f6d;
  v[3] = k[3] ^ 0x646f7261;
  v[4] = k[0] ^ 0x6e657261;
  v[5] = k[1] ^ 0x6c796765;
  v[6] = k[2] ^ 0x79746573;
  v[7] = k[3] ^ 0x74656462;
}

function word(lo: number, hi: number, n: number): void {
  v[6] ^= lo;
  v[7] ^= hi;
  rounds(n);
  v[0] ^= lo;
  v[1] ^= hi;
}

function finish(lo: number, hi: number, c: number, d: number): number {
  word(lo, hi, c);
  v[4] ^= 0xff;
  rounds(d);
  siphash_hi = v[1] ^ v[3] ^ v[5] ^ v[7];
  return v[0] ^ v[2] ^ v[4] ^ v[6];
}

/** Of one u64. */
export function siphash_1u64(lo: number, hi: number, key: siphash_key_t): number {
  start(key.key);
  word(lo, hi, 2);
  return finish(0, 8 << 24, 2, 4);
}

/** Of two u64. */
export function siphash_2u64(
  first_lo: number,
  first_hi: number,
  second_lo: number,
  second_hi: number,
  key: siphash_key_t,
): number {
  start(key.key);
  word(first_lo, first_hi, 2);
  word(second_lo, second_hi, 2);
  return finish(0, 16 << 24, 2, 4);
}

/** Of three u64. */
export function siphash_3u64(
  first_lo: number,
  first_hi: number,
  second_lo: number,
  second_hi: number,
  third_lo: number,
  third_hi: number,
  key: siphash_key_t,
): number {
  start(key.key);
  word(first_lo, first_hi, 2);
  word(second_lo, second_hi, 2);
  word(third_lo, third_hi, 2);
  return finish(0, 24 << 24, 2, 4);
}

/** Of one u32. */
export function siphash_1u32(first: number, key: siphash_key_t): number {
  start(key.key);
  return finish(first, 4 << 24, 2, 4);
}

/** Of two u32. */
export function siphash_2u32(a: number, b: number, key: siphash_key_t): number {
  return siphash_1u64(a, b, key);
}

/** Of three u32. */
export function siphash_3u32(a: number, b: number, c: number, key: siphash_key_t): number {
  start(key.key);
  word(a, b, 2);
  return finish(c, 12 << 24, 2, 4);
}

/** Of four u32. */
export function siphash_4u32(
  a: number,
  b: number,
  c: number,
  d: number,
  key: siphash_key_t,
): number {
  return siphash_2u64(a, b, c, d, key);
}

function bytes(data: Uint8Array, len: number, c: number, d: number): number {
  let i = 0;
  for (; i + 8 <= len; i += 8) {
    word(
      data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24),
      data[i + 4] | (data[i + 5] << 8) | (data[i + 6] << 16) | (data[i + 7] << 24),
      c,
    );
  }
  let lo = 0, hi = len << 24;
  for (let j = 0; i < len; i++, j++) {
    if (j < 4) lo |= data[i] << (j << 3);
    else hi |= data[i] << ((j & 3) << 3);
  }
  return finish(lo, hi, c, d);
}

/** Of the first len bytes. */
export function siphash(data: Uint8Array, len: number, key: siphash_key_t): number {
  start(key.key);
  return bytes(data, len, 2, 4);
}

/** 32 bits, of the first len bytes. */
export function hsiphash(data: Uint8Array, len: number, key: hsiphash_key_t): number {
  start(key.key);
  return bytes(data, len, 1, 3);
}

/** 32 bits, of one u32. */
export function hsiphash_1u32(first: number, key: hsiphash_key_t): number {
  start(key.key);
  return finish(first, 4 << 24, 1, 3);
}

/** 32 bits, of two u32. */
export function hsiphash_2u32(a: number, b: number, key: hsiphash_key_t): number {
  start(key.key);
  word(a, b, 1);
  return finish(0, 8 << 24, 1, 3);
}

/** 32 bits, of three u32. */
export function hsiphash_3u32(a: number, b: number, c: number, key: hsiphash_key_t): number {
  start(key.key);
  word(a, b, 1);
  return finish(c, 12 << 24, 1, 3);
}

/** 32 bits, of four u32. */
export function hsiphash_4u32(
  a: number,
  b: number,
  c: number,
  d: number,
  key: hsiphash_key_t,
): number {
  start(key.key);
  word(a, b, 1);
  word(c, d, 1);
  return finish(0, 16 << 24, 1, 3);
}

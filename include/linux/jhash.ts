// SPDX-License-Identifier: GPL-2.0-only
//
// Bob Jenkins' hash (lookup3, public domain) of words and bytes, as ehash and the route caches use it. Results are
// int32, bit for bit the kernel's.

/** What every hash starts from. */
export const JHASH_INITVAL = 0xdeadbeef | 0;

/** The last mix of three words; returns c. */
export function __jhash_final(a: number, b: number, c: number): number {
  c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
  a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
  b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
  c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
  a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
  b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
  c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
  return c;
}

let ma = 0, mb = 0, mc = 0;

/** The mix between blocks of three words, left in ma, mb, mc. */
function __jhash_mix(a: number, b: number, c: number): void {
  a = ((a - c) ^ ((c << 4) | (c >>> 28))) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ ((a << 6) | (a >>> 26))) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ ((b << 8) | (b >>> 24))) | 0;
  b = (b + a) | 0;
  a = ((a - c) ^ ((c << 16) | (c >>> 16))) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ ((a << 19) | (a >>> 13))) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ ((b << 4) | (b >>> 28))) | 0;
  b = (b + a) | 0;
  ma = a;
  mb = b;
  mc = c;
}

/** Of bytes 0..length-1 of key, read little-endian. */
export function jhash(key: Uint8Array, length: number, initval: number): number {
  ma = mb = mc = (JHASH_INITVAL + length + initval) | 0;
  const word = (i: number): number =>
    key[i] | (key[i + 1] << 8) | (key[i + 2] << 16) | (key[i + 3] << 24);
  let i = 0;
  for (; length > 12; i += 12, length -= 12) {
    __jhash_mix((ma + word(i)) | 0, (mb + word(i + 4)) | 0, (mc + word(i + 8)) | 0);
  }
  if (length === 0) return mc;
  let a = 0, b = 0, c = 0;
  for (let j = 0; j < length; j++) {
    const v = key[i + j] << ((j & 3) << 3);
    if (j < 4) a |= v;
    else if (j < 8) b |= v;
    else c |= v;
  }
  return __jhash_final((ma + a) | 0, (mb + b) | 0, (mc + c) | 0);
}

/** Of words 0..length-1 of k. */
export function jhash2(k: Int32Array, length: number, initval: number): number {
  ma = mb = mc = (JHASH_INITVAL + (length << 2) + initval) | 0;
  let i = 0;
  for (; length > 3; i += 3, length -= 3) {
    __jhash_mix((ma + k[i]) | 0, (mb + k[i + 1]) | 0, (mc + k[i + 2]) | 0);
  }
  if (length === 0) return mc;
  return __jhash_final(
    (ma + k[i]) | 0,
    length > 1 ? (mb + k[i + 1]) | 0 : mb,
    length > 2 ? (mc + k[i + 2]) | 0 : mc,
  );
}

/** Of up to three words; initval includes JHASH_INITVAL and the length. */
export function __jhash_nwords(a: number, b: number, c: number, initval: number): number {
  return __jhash_final((a + initval) | 0, (b + initval) | 0, (c + initval) | 0);
}

export function jhash_3words(a: number, b: number, c: number, initval: number): number {
  return __jhash_nwords(a, b, c, (initval + JHASH_INITVAL + (3 << 2)) | 0);
}

export function jhash_2words(a: number, b: number, initval: number): number {
  return __jhash_nwords(a, b, 0, (initval + JHASH_INITVAL + (2 << 2)) | 0);
}

export function jhash_1word(a: number, initval: number): number {
  return __jhash_nwords(a, 0, 0, (initval + JHASH_INITVAL + (1 << 2)) | 0);
}

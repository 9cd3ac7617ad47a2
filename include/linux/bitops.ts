// SPDX-License-Identifier: GPL-2.0-only
//
// Bits of 32-bit words.

/** 1 << nr */
export function BIT(nr: number): number {
  return 1 << nr;
}

/** Number of the highest set bit from 1, 0 for 0. */
export function fls(x: number): number {
  return 32 - Math.clz32(x);
}

/** Number of the highest set bit from 0; x is not 0. */
export function __fls(x: number): number {
  return 31 - Math.clz32(x);
}

/** Number of the lowest set bit from 1, 0 for 0. */
export function ffs(x: number): number {
  return 32 - Math.clz32(x & -x);
}

/** Number of the lowest set bit from 0; x is not 0. */
export function __ffs(x: number): number {
  return 31 - Math.clz32(x & -x);
}

/** How many bits are set. */
export function hweight32(w: number): number {
  w = w - ((w >>> 1) & 0x55555555);
  w = (w & 0x33333333) + ((w >>> 2) & 0x33333333);
  return Math.imul((w + (w >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Rotates left. */
export function rol32(word: number, shift: number): number {
  return (word << (shift & 31)) | (word >>> (-shift & 31));
}

/** Rotates right. */
export function ror32(word: number, shift: number): number {
  return (word >>> (shift & 31)) | (word << (-shift & 31));
}

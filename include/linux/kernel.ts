// SPDX-License-Identifier: GPL-2.0-only
//
// Small arithmetic. C's min() and max() are Math.min() and Math.max().

/** n / d rounded up. */
export function DIV_ROUND_UP(n: number, d: number): number {
  return Math.ceil(n / d);
}

/** n / d rounded to the nearest. */
export function DIV_ROUND_CLOSEST(n: number, d: number): number {
  return Math.floor((n + (d >> 1)) / d);
}

/** Up to a multiple of y, a power of two. */
export function round_up(x: number, y: number): number {
  return ((x - 1) | (y - 1)) + 1;
}

/** Down to a multiple of y, a power of two. */
export function round_down(x: number, y: number): number {
  return x & ~(y - 1);
}

/** Up to a multiple of y. */
export function roundup(x: number, y: number): number {
  return Math.ceil(x / y) * y;
}

/** Down to a multiple of y. */
export function rounddown(x: number, y: number): number {
  return x - (x % y);
}

/** Up to a multiple of a, a power of two. */
export function ALIGN(x: number, a: number): number {
  return (x + a - 1) & ~(a - 1);
}

/** val limited to lo..hi. */
export function clamp(val: number, lo: number, hi: number): number {
  return val < lo ? lo : val > hi ? hi : val;
}

/** a, b with 0 standing for none. */
export function min_not_zero(x: number, y: number): number {
  return x === 0 ? y : y === 0 ? x : Math.min(x, y);
}

/** A hash onto 0..ep_ro-1 without a division: the high word of val * ep_ro. */
export function reciprocal_scale(val: number, ep_ro: number): number {
  return Math.floor(((val >>> 0) * ep_ro) / 4294967296);
}

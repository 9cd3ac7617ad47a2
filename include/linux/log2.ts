// SPDX-License-Identifier: GPL-2.0-only

/** The logarithm to base 2, rounded down; n is not 0. */
export function ilog2(n: number): number {
  return 31 - Math.clz32(n);
}

/** True of 1, 2, 4, ... */
export function is_power_of_2(n: number): boolean {
  return n !== 0 && (n & (n - 1)) === 0;
}

/** The next power of two, n itself if it is one. */
export function roundup_pow_of_two(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1));
}

/** The power of two below or equal. */
export function rounddown_pow_of_two(n: number): number {
  return 2 ** (31 - Math.clz32(n));
}

/** The logarithm to base 2, rounded up. */
export function order_base_2(n: number): number {
  return n > 1 ? 32 - Math.clz32(n - 1) : 0;
}

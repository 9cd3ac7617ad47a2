// SPDX-License-Identifier: GPL-2.0-only
//
// Division of 64-bit numbers, which are doubles here: exact below 2^53.

/** Quotient rounded down. */
export function div_u64(dividend: number, divisor: number): number {
  return Math.floor(dividend / divisor);
}

/** Quotient rounded down. */
export function div64_u64(dividend: number, divisor: number): number {
  return Math.floor(dividend / divisor);
}

/** Quotient rounded towards zero. */
export function div64_s64(dividend: number, divisor: number): number {
  return Math.trunc(dividend / divisor);
}

/** Quotient rounded down. */
export function div64_ul(dividend: number, divisor: number): number {
  return Math.floor(dividend / divisor);
}

/** Quotient rounded up. */
export function div64_u64_roundup(dividend: number, divisor: number): number {
  return Math.ceil(dividend / divisor);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// ktime_t: a time or a span in ns, kept as a double (exact up to 104 days after the epoch of the
// monotonic clock, and to 256 ns for times since 1970).

import { NSEC_PER_MSEC, NSEC_PER_USEC } from "./time64.ts";

export type ktime_t = number;

/** Later than any time. */
export const KTIME_MAX = Infinity;

export function ns_to_ktime(ns: number): ktime_t {
  return ns;
}

export function us_to_ktime(us: number): ktime_t {
  return us * NSEC_PER_USEC;
}

export function ms_to_ktime(ms: number): ktime_t {
  return ms * NSEC_PER_MSEC;
}

export function ktime_set(secs: number, nsecs: number): ktime_t {
  return secs * 1000000000 + nsecs;
}

export function ktime_to_ns(kt: ktime_t): number {
  return kt;
}

/** Microseconds, rounded towards zero. */
export function ktime_to_us(kt: ktime_t): number {
  return Math.trunc(kt / NSEC_PER_USEC);
}

/** Milliseconds, rounded towards zero. */
export function ktime_to_ms(kt: ktime_t): number {
  return Math.trunc(kt / NSEC_PER_MSEC);
}

export function ktime_add(a: ktime_t, b: ktime_t): ktime_t {
  return a + b;
}

export function ktime_sub(a: ktime_t, b: ktime_t): ktime_t {
  return a - b;
}

export function ktime_add_ns(kt: ktime_t, ns: number): ktime_t {
  return kt + ns;
}

export function ktime_add_us(kt: ktime_t, us: number): ktime_t {
  return kt + us * NSEC_PER_USEC;
}

export function ktime_add_ms(kt: ktime_t, ms: number): ktime_t {
  return kt + ms * NSEC_PER_MSEC;
}

/** Microseconds from `earlier` to `later`. */
export function ktime_us_delta(later: ktime_t, earlier: ktime_t): number {
  return ktime_to_us(later - earlier);
}

/** Milliseconds from `earlier` to `later`. */
export function ktime_ms_delta(later: ktime_t, earlier: ktime_t): number {
  return ktime_to_ms(later - earlier);
}

/** Less than, equal to or greater than 0. */
export function ktime_compare(a: ktime_t, b: ktime_t): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function ktime_before(a: ktime_t, b: ktime_t): boolean {
  return a < b;
}

export function ktime_after(a: ktime_t, b: ktime_t): boolean {
  return a > b;
}

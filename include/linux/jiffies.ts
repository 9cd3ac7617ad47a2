// SPDX-License-Identifier: GPL-2.0-only
//
// The clock of timers: jiffies count milliseconds (HZ 1000) as int32 and start five minutes before
// they wrap, so that a wrap is met early. do_timer() of kernel/time/timekeeping.ts moves them, once per softirq run
// or system call, not by a tick.

export const HZ = 1000;

/** Five minutes before the wrap. */
export const INITIAL_JIFFIES = (-300 * HZ) | 0;

/** The longest timeout that conversions return. */
export const MAX_JIFFY_OFFSET = (0x7fffffff >> 1) - 1;

/** Milliseconds since boot plus INITIAL_JIFFIES, int32. */
export let jiffies = INITIAL_JIFFIES;

/** jiffies before they wrap, as a double. */
export let jiffies_64 = INITIAL_JIFFIES;

/**
 * Only for kernel/time/timekeeping.ts.
 * @local
 */
export function jiffies_set(now: number): void {
  jiffies_64 = now;
  jiffies = now | 0;
}

/** jiffies as a double that does not wrap. */
export function get_jiffies_64(): number {
  return jiffies_64;
}

/** a is later than b. */
export function time_after(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}

/** a is earlier than b. */
export function time_before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** a is b or later. */
export function time_after_eq(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** a is b or earlier. */
export function time_before_eq(a: number, b: number): boolean {
  return ((b - a) | 0) >= 0;
}

/** b <= a <= c */
export function time_in_range(a: number, b: number, c: number): boolean {
  return time_after_eq(a, b) && time_before_eq(a, c);
}

/** a is before now. */
export function time_is_before_jiffies(a: number): boolean {
  return time_after(jiffies, a);
}

/** a is now or before. */
export function time_is_before_eq_jiffies(a: number): boolean {
  return time_after_eq(jiffies, a);
}

/** a is after now. */
export function time_is_after_jiffies(a: number): boolean {
  return time_before(jiffies, a);
}

/** Milliseconds to jiffies; what is negative or too long becomes MAX_JIFFY_OFFSET. */
export function msecs_to_jiffies(m: number): number {
  return m < 0 || m > MAX_JIFFY_OFFSET ? MAX_JIFFY_OFFSET : m;
}

/** Microseconds to jiffies, rounded up. */
export function usecs_to_jiffies(u: number): number {
  const j = Math.ceil(u / (1000000 / HZ));
  return j > MAX_JIFFY_OFFSET ? MAX_JIFFY_OFFSET : j;
}

/** Nanoseconds to jiffies, rounded down. */
export function nsecs_to_jiffies(n: number): number {
  return Math.floor(n / (1000000000 / HZ));
}

/** Jiffies to milliseconds. */
export function jiffies_to_msecs(j: number): number {
  return j;
}

/** Jiffies to microseconds. */
export function jiffies_to_usecs(j: number): number {
  return j * (1000000 / HZ);
}

/** Jiffies to nanoseconds. */
export function jiffies_to_nsecs(j: number): number {
  return j * (1000000000 / HZ);
}

/** A span of jiffies to clock_t, which counts hundredths of a second. */
export function jiffies_to_clock_t(j: number): number {
  return Math.trunc(j / (HZ / 100));
}

/** As jiffies_to_clock_t(), 0 for a span that is negative. */
export function jiffies_delta_to_clock_t(delta: number): number {
  return jiffies_to_clock_t(Math.max(0, delta));
}

/** As jiffies_to_msecs(), 0 for a span that is negative. */
export function jiffies_delta_to_msecs(delta: number): number {
  return jiffies_to_msecs(Math.max(0, delta));
}

/** clock_t to jiffies. */
export function clock_t_to_jiffies(x: number): number {
  return x * (HZ / 100);
}

/** Rounds up to a full second of jiffies, unless that is past. */
export function round_jiffies_up(j: number): number {
  const rem = (j >>> 0) % HZ;
  const rounded = (rem === 0 ? j : j + HZ - rem) | 0;
  return time_is_after_jiffies(rounded) ? rounded : j;
}

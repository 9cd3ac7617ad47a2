// SPDX-License-Identifier: GPL-2.0-only
//
// Units of time, and struct timespec64.

export const MSEC_PER_SEC = 1000;
export const USEC_PER_MSEC = 1000;
export const NSEC_PER_USEC = 1000;
export const NSEC_PER_MSEC = 1000000;
export const USEC_PER_SEC = 1000000;
export const NSEC_PER_SEC = 1000000000;

/** Seconds and nanoseconds. */
export class timespec64 {
  tv_sec = 0;
  tv_nsec = 0;
}

/** A time in ns as a timespec64. */
export function ns_to_timespec64(nsec: number): timespec64 {
  const ts = new timespec64();
  ts.tv_sec = Math.floor(nsec / NSEC_PER_SEC);
  ts.tv_nsec = nsec - ts.tv_sec * NSEC_PER_SEC;
  return ts;
}

/** A timespec64 in ns. */
export function timespec64_to_ns(ts: timespec64): number {
  return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

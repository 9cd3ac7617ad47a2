// SPDX-License-Identifier: GPL-2.0-only
//
// What time it is: read from a copy that update_wall_time() of kernel/time/timekeeping.ts refreshes once per
// softirq run, system call and timer interrupt, so that reading costs nothing and one run of the
// stack sees one time.

import type { ktime_t } from "./ktime.ts";
import { NSEC_PER_SEC } from "./time64.ts";

/** Index into tk_core: ns since boot. @local */
export const TK_MONO = 0;
/** Index into tk_core: ns that the wall clock is ahead of the monotonic one. @local */
export const TK_OFFS_REAL = 1;

/** The timekeeper's copy of the time. A typed array, so that storing a double allocates nothing. */
export const tk_core: Float64Array = new Float64Array(2);

/** ns since boot. */
export function ktime_get(): ktime_t {
  return tk_core[TK_MONO];
}

/** ns since boot. */
export function ktime_get_ns(): number {
  return tk_core[TK_MONO];
}

/** ns since boot. */
export function ktime_get_boottime_ns(): number {
  return tk_core[TK_MONO];
}

/** ns since 1970. */
export function ktime_get_real(): ktime_t {
  return tk_core[TK_MONO] + tk_core[TK_OFFS_REAL];
}

/** ns since 1970. */
export function ktime_get_real_ns(): number {
  return tk_core[TK_MONO] + tk_core[TK_OFFS_REAL];
}

/** Whole seconds since boot. */
export function ktime_get_seconds(): number {
  return Math.floor(tk_core[TK_MONO] / NSEC_PER_SEC);
}

/** Whole seconds since 1970. */
export function ktime_get_real_seconds(): number {
  return Math.floor((tk_core[TK_MONO] + tk_core[TK_OFFS_REAL]) / NSEC_PER_SEC);
}

/** Wall-clock time of a monotonic one. */
export function ktime_mono_to_real(mono: ktime_t): ktime_t {
  return mono + tk_core[TK_OFFS_REAL];
}

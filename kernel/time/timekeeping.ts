// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps the copy of the time that include/linux/timekeeping.ts and jiffies.ts read. update_wall_time() is
// called where a run of the stack starts: at a softirq run, a system call, a timer interrupt.

import type { clocksource } from "../../include/linux/clocksource.ts";
import { INITIAL_JIFFIES, jiffies_64, jiffies_set } from "../../include/linux/jiffies.ts";
import { NSEC_PER_MSEC, NSEC_PER_SEC } from "../../include/linux/time64.ts";
import { tk_core, TK_MONO, TK_OFFS_REAL } from "../../include/linux/timekeeping.ts";

/** The monotonic clock starts here, because many stamps mean 'never' by 0. */
const BOOT_NS = NSEC_PER_SEC;

let clock: clocksource = { name: "none", read: () => 0, real_offset: 0 };
/** ns to subtract from clock.read() for the monotonic time. */
let base = 0;

/** Moves jiffies. */
export function do_timer(ticks: number): void {
  jiffies_set(jiffies_64 + ticks);
}

/** Reads the clock: ktime_get() and jiffies tell this time until the next call. */
export function update_wall_time(): void {
  const now = clock.read() - base;
  if (now <= tk_core[TK_MONO]) return;
  tk_core[TK_MONO] = now;
  tk_core[TK_OFFS_REAL] = clock.real_offset + base;
  const ticks = INITIAL_JIFFIES + Math.floor(now / NSEC_PER_MSEC) - jiffies_64;
  if (ticks > 0) do_timer(ticks);
}

/** Starts the clocks at boot. @differs takes the clocksource; Linux lets clocksources register */
export function timekeeping_init(cs: clocksource): void {
  clock = cs;
  base = cs.read() - BOOT_NS;
  tk_core[TK_MONO] = BOOT_NS;
  tk_core[TK_OFFS_REAL] = cs.real_offset + base;
  jiffies_set(INITIAL_JIFFIES + BOOT_NS / NSEC_PER_MSEC);
}

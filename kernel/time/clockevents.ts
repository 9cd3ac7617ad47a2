// SPDX-License-Identifier: GPL-2.0-only
//
// The one clock event device. While the machine runs nobody programs it; tick_nohz_idle_enter() does
// before arch sleeps, and a timer that is started while arch sleeps and is due earlier does again.

import type { clock_event_device } from "../../include/linux/clockchips.ts";

let device: clock_event_device | null = null;
let next_event = Infinity;
let idle = false;

/** Makes `dev` the clock event device. Its handler is `handler` when given. */
export function clockevents_register_device(
  dev: clock_event_device | null,
  handler: ((dev: clock_event_device) => void) | null = null,
): void {
  device = dev;
  next_event = Infinity;
  idle = false;
  if (dev !== null) dev.event_handler = handler;
}

/** Has the device wake arch at this ktime; Infinity: never. */
export function clockevents_program_event(expires: number): void {
  idle = true;
  next_event = expires;
  device?.set_next_event(expires);
}

/** The machine runs again: no need to program anything until it is idle. @local */
export function clockevents_running(): void {
  idle = false;
}

/** True while arch sleeps. @local */
export function clockevents_idle(): boolean {
  return idle;
}

/** A timer is due at this ktime: programs the device if arch sleeps and would wake too late. @local */
export function wake_up_nohz_cpu(expires: number): void {
  if (idle && expires < next_event) clockevents_program_event(expires);
}

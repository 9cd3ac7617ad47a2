// SPDX-License-Identifier: GPL-2.0-only
//
// No tick: the machine looks at the clock when it has something to do and is woken for the next
// timer when it has not. Arch calls tick_nohz_handler() (the event device's handler) whenever it wakes or
// turns, and tick_nohz_idle_enter() before it sleeps.

import type { clock_event_device } from "../../include/linux/clockchips.ts";
import { irq_enter, irq_exit } from "../softirq.ts";
import { clockevents_program_event, clockevents_running } from "./clockevents.ts";
import { hrtimer_run_queues } from "./hrtimer.ts";
import { update_wall_time } from "./timekeeping.ts";
import { get_next_timer_interrupt, run_local_timers } from "./timer.ts";

/** The timer interrupt: looks at the clock, then runs due timers and pending softirqs. */
export function tick_nohz_handler(_dev: clock_event_device | null): void {
  clockevents_running();
  irq_enter();
  update_wall_time();
  run_local_timers();
  hrtimer_run_queues();
  irq_exit();
}

/** Nothing to do: programs the event device and returns for when (ns since boot, Infinity: never). */
export function tick_nohz_idle_enter(): number {
  const next = get_next_timer_interrupt();
  clockevents_program_event(next);
  return next;
}

/** Something to do, other than the timer interrupt. */
export function tick_nohz_idle_exit(): void {
  clockevents_running();
  update_wall_time();
}

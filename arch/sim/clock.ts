// SPDX-License-Identifier: GPL-2.0-only
//
// Virtual time: a clock that stands still until it is moved, and an alarm clock that only remembers
// what it was set to. Both hand over to kernel/time/ as a real machine's do.

import type { clock_event_device } from "../../include/linux/clockchips.ts";
import type { clocksource } from "../../include/linux/clocksource.ts";

/** 2024-01-01T00:00:00Z, where the simulated wall clock starts. @local */
export const SIM_EPOCH = 1704067200 * 1e9;

/** A clock that is moved by hand. @local */
export class sim_clocksource implements clocksource {
  readonly name = "sim";
  real_offset: number;
  private now: number;

  /** Starts at `start` ns (of no meaning); the wall clock starts at `real` ns since 1970. */
  constructor(start = 0, real = SIM_EPOCH) {
    this.now = start;
    this.real_offset = real - start;
  }

  read(): number {
    return this.now;
  }

  /** Sets the wall clock ns ahead; seen once time moves. */
  settimeofday(ns: number): void {
    this.real_offset += ns;
  }

  /** Moves on by so many ns. */
  advance(ns: number): void {
    if (ns > 0) this.now += ns;
  }
}

/** An alarm clock that the event loop looks at. @local */
export class sim_clock_event_device implements clock_event_device {
  readonly name = "sim";
  event_handler: ((dev: clock_event_device) => void) | null = null;
  /** When to wake, ns since boot; Infinity: not at all. */
  next_event = Infinity;

  set_next_event(expires: number): void {
    this.next_event = expires;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The seam through which the stack asks to be woken at a time: arch registers a clock_event_device
// with clockevents_register_device() and calls its event_handler when the time has come.

/** An alarm clock with one alarm. */
export interface clock_event_device {
  readonly name: string;
  /** Wakes at this ktime (ns since boot), Infinity: never. A new call replaces the last one. */
  set_next_event(expires: number): void;
  /** The interrupt: filled in by clockevents_register_device(). */
  event_handler: ((dev: clock_event_device) => void) | null;
}

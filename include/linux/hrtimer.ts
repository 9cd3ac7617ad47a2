// SPDX-License-Identifier: GPL-2.0-only
//
// struct hrtimer: a timeout in ns, for pacing and ACK compression. Set up by hrtimer_init(), started by
// hrtimer_start() of kernel/time/hrtimer.ts; its function runs in softirq and says whether to run again.

import { RB_RED } from "./rbtree.ts";
import type { rb_node } from "./rbtree.ts";

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;

/** The function of a timer returns this when it is done, */
export const HRTIMER_NORESTART = 0;
/** and this when it has set a new time by hrtimer_forward(). */
export const HRTIMER_RESTART = 1;
export type hrtimer_restart = typeof HRTIMER_NORESTART | typeof HRTIMER_RESTART;

/** The time is absolute, */
export const HRTIMER_MODE_ABS = 0x00;
/** or from now. */
export const HRTIMER_MODE_REL = 0x01;
export const HRTIMER_MODE_PINNED = 0x02;
export const HRTIMER_MODE_SOFT = 0x04;
export const HRTIMER_MODE_ABS_PINNED = HRTIMER_MODE_ABS | HRTIMER_MODE_PINNED;
export const HRTIMER_MODE_REL_PINNED = HRTIMER_MODE_REL | HRTIMER_MODE_PINNED;
export const HRTIMER_MODE_ABS_SOFT = HRTIMER_MODE_ABS | HRTIMER_MODE_SOFT;
export const HRTIMER_MODE_REL_SOFT = HRTIMER_MODE_REL | HRTIMER_MODE_SOFT;
export const HRTIMER_MODE_ABS_PINNED_SOFT = HRTIMER_MODE_ABS_PINNED | HRTIMER_MODE_SOFT;
export const HRTIMER_MODE_REL_PINNED_SOFT = HRTIMER_MODE_REL_PINNED | HRTIMER_MODE_SOFT;

type hrtimer_function<T> = { bivariant(timer: hrtimer<T>): hrtimer_restart }["bivariant"];

/** A timer; `owner` is the object it is embedded in. */
export class hrtimer<T = unknown> implements rb_node<T> {
  /** Place in the tree, as rb_node has it. */
  rb_parent: rb_node<T> | null;
  rb_right: rb_node<T> | null = null;
  rb_left: rb_node<T> | null = null;
  rb_color = RB_RED;
  owner: T;
  /** When it is due at the latest, ns since boot (kept a double from the start). */
  expires = NaN;
  /** When it may run. */
  _softexpires = NaN;
  function: hrtimer_function<T> | null = null;
  is_queued = false;
  /** Its function is running. */
  running = false;

  constructor(owner: T) {
    this.rb_parent = this;
    this.owner = owner;
  }
}

/** True while a timer waits in the tree. */
export function hrtimer_is_queued<T>(timer: hrtimer<T>): boolean {
  return timer.is_queued;
}

/** True while a timer waits or its function runs. */
export function hrtimer_active<T>(timer: hrtimer<T>): boolean {
  return timer.is_queued || timer.running;
}

/** True while a timer's function runs. */
export function hrtimer_callback_running<T>(timer: hrtimer<T>): boolean {
  return timer.running;
}

export function hrtimer_get_expires<T>(timer: hrtimer<T>): number {
  return timer.expires;
}

export function hrtimer_get_softexpires<T>(timer: hrtimer<T>): number {
  return timer._softexpires;
}

/** Sets the time of a timer that is not queued, ns since boot. */
export function hrtimer_set_expires<T>(timer: hrtimer<T>, time: number): void {
  timer.expires = time;
  timer._softexpires = time;
}

/** As hrtimer_set_expires(), with a span within which it may run. */
export function hrtimer_set_expires_range_ns<T>(
  timer: hrtimer<T>,
  time: number,
  delta: number,
): void {
  timer._softexpires = time;
  timer.expires = time + delta;
}

/** Puts off a timer that is not queued. */
export function hrtimer_add_expires_ns<T>(timer: hrtimer<T>, ns: number): void {
  timer.expires += ns;
  timer._softexpires += ns;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Timers by ns: a tree by the time they are due, run in softirq. The interrupt calls
// hrtimer_run_queues(), which raises HRTIMER_SOFTIRQ when the first is due.

import {
  hrtimer_active,
  HRTIMER_MODE_REL,
  HRTIMER_NORESTART,
  hrtimer_set_expires_range_ns,
} from "../../include/linux/hrtimer.ts";
import type { hrtimer } from "../../include/linux/hrtimer.ts";
import { HRTIMER_SOFTIRQ } from "../../include/linux/interrupt.ts";
import { RB_CLEAR_NODE, rb_link_node, rb_root_cached } from "../../include/linux/rbtree.ts";
import type { rb_node } from "../../include/linux/rbtree.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import { rb_erase_cached, rb_insert_color_cached, rb_next } from "../../lib/rbtree.ts";
import { __raise_softirq_irqoff, open_softirq } from "../softirq.ts";
import { wake_up_nohz_cpu } from "./clockevents.ts";

let active = new rb_root_cached();

/** Prepares a timer, once, before its first use; only the monotonic clock is there. */
export function hrtimer_init<T>(timer: hrtimer<T>, _which_clock: number, _mode: number): void {
  timer.expires = NaN;
  timer._softexpires = NaN;
  timer.is_queued = false;
  timer.running = false;
  RB_CLEAR_NODE(timer);
}

/** True if it is the first of all. */
function enqueue_hrtimer(timer: hrtimer): boolean {
  let parent: rb_node | null = null;
  let node = active.rb_root.rb_node;
  let left = true;
  let leftmost = true;
  while (node !== null) {
    parent = node;
    left = timer.expires < (node as hrtimer).expires;
    if (left) node = node.rb_left;
    else {
      node = node.rb_right;
      leftmost = false;
    }
  }
  rb_link_node(timer, parent, active.rb_root, left);
  rb_insert_color_cached(timer, active, leftmost);
  timer.is_queued = true;
  return leftmost;
}

function __remove_hrtimer(timer: hrtimer): void {
  rb_erase_cached(timer, active);
  RB_CLEAR_NODE(timer);
  timer.is_queued = false;
}

/** Starts a timer, or starts it again; it runs between `tim` and `delta_ns` later. */
export function hrtimer_start_range_ns<T>(
  timer: hrtimer<T>,
  tim: number,
  delta_ns: number,
  mode: number,
): void {
  if (timer.is_queued) __remove_hrtimer(timer);
  if (mode & HRTIMER_MODE_REL) tim += ktime_get_ns();
  hrtimer_set_expires_range_ns(timer, tim, delta_ns);
  if (enqueue_hrtimer(timer)) wake_up_nohz_cpu(timer.expires);
}

/** Starts a timer, or starts it again. */
export function hrtimer_start<T>(timer: hrtimer<T>, tim: number, mode: number): void {
  hrtimer_start_range_ns(timer, tim, 0, mode);
}

/** Starts a timer at the time it has. */
export function hrtimer_start_expires<T>(timer: hrtimer<T>, mode: number): void {
  hrtimer_start_range_ns(timer, timer._softexpires, timer.expires - timer._softexpires, mode & ~1);
}

/** Stops a timer: 1, 0 when it was not queued, -1 when its function is running. */
export function hrtimer_try_to_cancel<T>(timer: hrtimer<T>): number {
  if (!hrtimer_active(timer)) return 0;
  if (timer.running && !timer.is_queued) return -1;
  __remove_hrtimer(timer);
  return 1;
}

/** Stops a timer: 1, 0 when it was not queued. */
export function hrtimer_cancel<T>(timer: hrtimer<T>): number {
  if (!timer.is_queued) return 0;
  __remove_hrtimer(timer);
  return 1;
}

/** Puts off a timer that is not queued past `now` by whole intervals; how many. */
export function hrtimer_forward<T>(timer: hrtimer<T>, now: number, interval: number): number {
  const delta = now - timer.expires;
  if (delta < 0 || timer.is_queued) return 0;
  const overruns = Math.floor(delta / interval) + 1;
  timer.expires += overruns * interval;
  timer._softexpires += overruns * interval;
  return overruns;
}

/** hrtimer_forward() past the present. */
export function hrtimer_forward_now<T>(timer: hrtimer<T>, interval: number): number {
  return hrtimer_forward(timer, ktime_get_ns(), interval);
}

/** ns until a timer is due. */
export function hrtimer_get_remaining<T>(timer: hrtimer<T>): number {
  return timer.expires - ktime_get_ns();
}

/** The present, on the timer's clock. */
export function hrtimer_cb_get_time<T>(_timer: hrtimer<T>): number {
  return ktime_get_ns();
}

/** When the first timer is due, ns; Infinity if there is none. */
export function hrtimer_get_next_event(): number {
  const first = active.rb_leftmost;
  return first === null ? Infinity : (first as hrtimer).expires;
}

/** The interrupt: raises the softirq when a timer is due. */
export function hrtimer_run_queues(): void {
  const first = active.rb_leftmost;
  if (first !== null && (first as hrtimer)._softexpires <= ktime_get_ns()) {
    __raise_softirq_irqoff(HRTIMER_SOFTIRQ);
  }
}

/** Runs a timer's function. Its exception is returned, so that the other timers run. */
function __run_hrtimer(timer: hrtimer): unknown {
  __remove_hrtimer(timer);
  timer.running = true;
  let restart: number = HRTIMER_NORESTART;
  let oops: unknown = undefined;
  try {
    restart = timer.function?.(timer) ?? HRTIMER_NORESTART;
  } catch (error) {
    oops = error ?? new Error("exception in a timer");
  }
  timer.running = false;
  if (restart !== HRTIMER_NORESTART && !timer.is_queued) enqueue_hrtimer(timer);
  return oops;
}

function hrtimer_run_softirq(): void {
  const now = ktime_get_ns();
  let oops: unknown = undefined;
  for (let node = active.rb_leftmost; node !== null; node = active.rb_leftmost) {
    const timer = node as hrtimer;
    if (timer._softexpires > now) break;
    oops = __run_hrtimer(timer) ?? oops;
  }
  if (oops !== undefined) throw oops;
}

/**
 * Names of the functions of pending timers, for leak reports.
 * @local
 */
export function hrtimers_pending(): string[] {
  const names: string[] = [];
  for (let n = active.rb_leftmost; n !== null; n = rb_next(n)) {
    names.push((n as hrtimer).function?.name ?? "?");
  }
  return names;
}

/** No timer is pending. Behind softirq_init(). */
export function hrtimers_init(): void {
  active = new rb_root_cached();
  open_softirq(HRTIMER_SOFTIRQ, hrtimer_run_softirq);
}

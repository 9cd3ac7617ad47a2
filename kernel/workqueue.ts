// SPDX-License-Identifier: GPL-2.0-only
//
// Work that runs in a task: soon (schedule_work) or after a delay (schedule_delayed_work). It runs in ksoftirqd's turn,
// behind the softirqs.

import type { timer_list } from "../include/linux/timer.ts";
import { timer_setup } from "../include/linux/timer.ts";
import { jiffies } from "../include/linux/jiffies.ts";
import type { delayed_work, work_struct } from "../include/linux/workqueue.ts";
import { register_kworker, wakeup_softirqd } from "./softirq.ts";
import { add_timer, del_timer } from "./time/timer.ts";

let head: work_struct | null = null;
let tail: work_struct | null = null;

/** Prepares work. */
export function INIT_WORK<T>(work: work_struct<T>, func: (work: work_struct<T>) => void): void {
  work.next = null;
  work.pending = false;
  work.func = func as (work: work_struct) => void;
}

/** Prepares delayed work. */
export function INIT_DELAYED_WORK<T>(
  dwork: delayed_work<T>,
  func: (work: work_struct<T>) => void,
): void {
  INIT_WORK(dwork, func);
  timer_setup(dwork.timer, delayed_work_timer_fn, 0);
}

/** As INIT_DELAYED_WORK(). */
export function INIT_DEFERRABLE_WORK<T>(
  dwork: delayed_work<T>,
  func: (work: work_struct<T>) => void,
): void {
  INIT_DELAYED_WORK(dwork, func);
}

function __queue_work(work: work_struct): void {
  work.next = null;
  if (tail === null) head = work;
  else tail.next = work;
  tail = work;
  wakeup_softirqd();
}

/** Has work run soon; false if it waits already. */
export function schedule_work<T>(work: work_struct<T>): boolean {
  if (work.pending) return false;
  work.pending = true;
  __queue_work(work as work_struct);
  return true;
}

function delayed_work_timer_fn(t: timer_list<delayed_work>): void {
  __queue_work(t.owner);
}

function __queue_delayed_work(dwork: delayed_work, delay: number): void {
  dwork.pending = true;
  if (delay === 0) {
    __queue_work(dwork);
    return;
  }
  dwork.timer.expires = (jiffies + delay) | 0;
  add_timer(dwork.timer);
}

/** Has work run after `delay` jiffies; false if it waits already. */
export function schedule_delayed_work<T>(dwork: delayed_work<T>, delay: number): boolean {
  if (dwork.pending) return false;
  __queue_delayed_work(dwork as delayed_work, delay);
  return true;
}

/** Takes work that waits to be run out of the list. */
function unlink_work(work: work_struct): void {
  let prev: work_struct | null = null;
  for (let w = head; w !== null; prev = w, w = w.next) {
    if (w !== work) continue;
    if (prev === null) head = w.next;
    else prev.next = w.next;
    if (tail === w) tail = prev;
    w.next = null;
    return;
  }
}

/** Has work run after `delay` jiffies from now, whether it waits already (true) or not. */
export function mod_delayed_work<T>(dwork: delayed_work<T>, delay: number): boolean {
  const ret = cancel_delayed_work(dwork);
  __queue_delayed_work(dwork as delayed_work, delay);
  return ret;
}

/** Takes work back; true if it waited. */
export function cancel_work_sync<T>(work: work_struct<T>): boolean {
  if (!work.pending) return false;
  unlink_work(work as work_struct);
  work.pending = false;
  return true;
}

/** Takes delayed work back; true if it waited. */
export function cancel_delayed_work<T>(dwork: delayed_work<T>): boolean {
  if (!dwork.pending) return false;
  if (del_timer(dwork.timer) === 0) unlink_work(dwork as work_struct);
  dwork.pending = false;
  return true;
}

/** Takes delayed work back; true if it waited. */
export function cancel_delayed_work_sync<T>(dwork: delayed_work<T>): boolean {
  return cancel_delayed_work(dwork);
}

/** Runs the work that waits now. What it starts itself comes in the next turn. */
function process_scheduled_works(): void {
  let oops: { error: unknown } | null = null;
  let todo = 0;
  for (let w = head; w !== null; w = w.next) todo++;
  while (head !== null && todo-- > 0) {
    const w: work_struct = head;
    unlink_work(w);
    w.pending = false;
    try {
      w.func?.(w);
    } catch (error) {
      oops ??= { error };
    }
  }
  if (head !== null) wakeup_softirqd();
  if (oops !== null) throw oops.error;
}

/** No work waits. Behind softirq_init(). */
export function workqueue_init(): void {
  head = null;
  tail = null;
  register_kworker(process_scheduled_works);
}

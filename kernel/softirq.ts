// SPDX-License-Identifier: GPL-2.0-only
//
// Softirqs: work that interrupts and system calls put off. raise_softirq() marks it, it runs when bottom
// halves are enabled again (local_bh_enable), when an interrupt ends (irq_exit), or, when it does not
// come to an end, in ksoftirqd, which arch runs in a later turn so that programs get theirs.

import {
  HI_SOFTIRQ,
  NR_SOFTIRQS,
  TASKLET_SOFTIRQ,
  TASKLET_STATE_RUN,
  TASKLET_STATE_SCHED,
} from "../include/linux/interrupt.ts";
import type { softirq_action, tasklet_struct } from "../include/linux/interrupt.ts";
import { jiffies, time_before } from "../include/linux/jiffies.ts";
import {
  __preempt_count_add,
  __preempt_count_sub,
  HARDIRQ_OFFSET,
  in_interrupt,
  preempt_count,
  preempt_count_set,
  SOFTIRQ_DISABLE_OFFSET,
  SOFTIRQ_OFFSET,
} from "../include/linux/preempt.ts";
import { update_wall_time } from "./time/timekeeping.ts";

export { in_serving_softirq, in_softirq } from "../include/linux/preempt.ts";

/** ms after which the rest is left to ksoftirqd. */
const MAX_SOFTIRQ_TIME = 2;
/** Rounds after which the rest is left to ksoftirqd. */
const MAX_SOFTIRQ_RESTART = 10;

const softirq_vec: (softirq_action | null)[] = new Array(NR_SOFTIRQS).fill(null);
let __softirq_pending = 0;

/** How often each softirq has run, as in /proc/softirqs. */
export const kstat_softirqs: number[] = new Array(NR_SOFTIRQS).fill(0);

let ksoftirqd_wakeup: () => void = () => {};
let ksoftirqd_woken = false;

/**
 * How ksoftirqd is woken: `wakeup` sees to it that run_ksoftirqd() is called in a later turn.
 * @local
 */
export function register_ksoftirqd(wakeup: () => void): void {
  ksoftirqd_wakeup = wakeup;
}

/** Softirqs that are raised, a bit for each. */
export function local_softirq_pending(): number {
  return __softirq_pending;
}

/** Has arch call run_ksoftirqd() in a later turn. */
export function wakeup_softirqd(): void {
  if (ksoftirqd_woken) return;
  ksoftirqd_woken = true;
  ksoftirqd_wakeup();
}

/** Work that ksoftirqd's turn does besides: the workqueue. */
let kworker: (() => void) | null = null;

/**
 * Registers what else runs in ksoftirqd's turn, in a task.
 * @local
 */
export function register_kworker(fn: (() => void) | null): void {
  kworker = fn;
}

/** ksoftirqd's turn: runs what is pending. */
export function run_ksoftirqd(): void {
  ksoftirqd_woken = false;
  if (__softirq_pending !== 0 && !in_interrupt()) __do_softirq();
  if (kworker !== null) kworker();
}

/** True while run_ksoftirqd() is due. @local */
export function ksoftirqd_running(): boolean {
  return ksoftirqd_woken;
}

/** Bottom halves wait from here on. */
export function local_bh_disable(): void {
  __preempt_count_add(SOFTIRQ_DISABLE_OFFSET);
}

/** Ends local_bh_disable(); the last one runs what is pending. */
export function local_bh_enable(): void {
  __local_bh_enable_ip();
}

/** Ends local_bh_disable(); the last one runs what is pending. */
export function __local_bh_enable_ip(): void {
  __preempt_count_sub(SOFTIRQ_DISABLE_OFFSET);
  if (__softirq_pending !== 0 && !in_interrupt()) do_softirq();
}

/** Ends local_bh_disable() without running anything. */
export function _local_bh_enable(): void {
  __preempt_count_sub(SOFTIRQ_DISABLE_OFFSET);
}

/** Runs what is pending, unless in an interrupt or a softirq, or with bottom halves disabled. */
export function do_softirq(): void {
  if (!in_interrupt() && __softirq_pending !== 0) __do_softirq();
}

/**
 * Runs pending softirqs, round after round, up to a limit. An exception of one leaves the others
 * and all counters as they should be; the first is thrown again at the end.
 */
export function __do_softirq(): void {
  update_wall_time();
  const end = (jiffies + MAX_SOFTIRQ_TIME) | 0;
  let max_restart = MAX_SOFTIRQ_RESTART;
  let oops: { error: unknown } | null = null;
  let pending = __softirq_pending;

  __preempt_count_add(SOFTIRQ_OFFSET);
  for (;;) {
    __softirq_pending = 0;
    while (pending !== 0) {
      const vec_nr = 31 - Math.clz32(pending & -pending);
      pending &= pending - 1;
      const h = softirq_vec[vec_nr];
      if (h === null) continue;
      kstat_softirqs[vec_nr]++;
      const prev_count = preempt_count();
      try {
        h.action(h);
      } catch (error) {
        oops ??= { error };
        preempt_count_set(prev_count);
      }
      if (prev_count !== preempt_count()) {
        oops ??= { error: new Error(`softirq ${vec_nr} changed the preempt count`) };
        preempt_count_set(prev_count);
      }
    }
    pending = __softirq_pending;
    if (pending === 0) break;
    update_wall_time();
    if (oops === null && time_before(jiffies, end) && --max_restart > 0) continue;
    wakeup_softirqd();
    break;
  }
  __preempt_count_sub(SOFTIRQ_OFFSET);
  if (oops !== null) throw oops.error;
}

/** Marks a softirq as pending. */
export function __raise_softirq_irqoff(nr: number): void {
  __softirq_pending |= 1 << nr;
}

/** Marks a softirq; where none would run soon (in a task), wakes ksoftirqd. */
export function raise_softirq_irqoff(nr: number): void {
  __softirq_pending |= 1 << nr;
  if (!in_interrupt()) wakeup_softirqd();
}

/** Marks a softirq; where none would run soon (in a task), wakes ksoftirqd. */
export function raise_softirq(nr: number): void {
  raise_softirq_irqoff(nr);
}

/** Sets the function of a softirq. */
export function open_softirq(nr: number, action: (h: softirq_action) => void): void {
  softirq_vec[nr] = { action };
}

/** A hard interrupt begins. */
export function irq_enter(): void {
  __preempt_count_add(HARDIRQ_OFFSET);
}

/** A hard interrupt ends: runs what is pending. */
export function irq_exit(): void {
  __preempt_count_sub(HARDIRQ_OFFSET);
  if (__softirq_pending !== 0 && !in_interrupt()) __do_softirq();
}

class tasklet_head {
  head: tasklet_struct | null = null;
  tail: tasklet_struct | null = null;
}

const tasklet_vec = new tasklet_head();
const tasklet_hi_vec = new tasklet_head();

function __tasklet_schedule_common(t: tasklet_struct, head: tasklet_head, nr: number): void {
  t.next = null;
  if (head.tail === null) head.head = t;
  else head.tail.next = t;
  head.tail = t;
  raise_softirq_irqoff(nr);
}

/** Prepares a tasklet. */
export function tasklet_setup<T>(
  t: tasklet_struct<T>,
  callback: (t: tasklet_struct<T>) => void,
): void {
  t.next = null;
  t.state = 0;
  t.count = 0;
  t.callback = callback;
}

/** Has a tasklet run once, soon; scheduled twice before it runs it still runs once. */
export function tasklet_schedule(t: tasklet_struct): void {
  if (t.state & (1 << TASKLET_STATE_SCHED)) return;
  t.state |= 1 << TASKLET_STATE_SCHED;
  __tasklet_schedule_common(t, tasklet_vec, TASKLET_SOFTIRQ);
}

/** As tasklet_schedule(), before all other softirqs. */
export function tasklet_hi_schedule(t: tasklet_struct): void {
  if (t.state & (1 << TASKLET_STATE_SCHED)) return;
  t.state |= 1 << TASKLET_STATE_SCHED;
  __tasklet_schedule_common(t, tasklet_hi_vec, HI_SOFTIRQ);
}

/** Keeps a tasklet from running until tasklet_enable(). */
export function tasklet_disable(t: tasklet_struct): void {
  t.count++;
}

/** Undoes tasklet_disable(). */
export function tasklet_enable(t: tasklet_struct): void {
  t.count--;
}

function tasklet_unlink(t: tasklet_struct, tl_head: tasklet_head): void {
  let prev: tasklet_struct | null = null;
  for (let p = tl_head.head; p !== null; prev = p, p = p.next) {
    if (p !== t) continue;
    if (prev === null) tl_head.head = t.next;
    else prev.next = t.next;
    if (tl_head.tail === t) tl_head.tail = prev;
    t.next = null;
    return;
  }
}

/** Takes back a tasklet's scheduling. */
export function tasklet_kill(t: tasklet_struct): void {
  t.state &= ~(1 << TASKLET_STATE_SCHED);
  tasklet_unlink(t, tasklet_vec);
  tasklet_unlink(t, tasklet_hi_vec);
}

/** Runs the tasklets that are scheduled now. What they schedule comes in the next round. */
function tasklet_action_common(tl_head: tasklet_head, nr: number): void {
  let oops: { error: unknown } | null = null;
  let todo = 0;
  for (let t = tl_head.head; t !== null; t = t.next) todo++;
  while (tl_head.head !== null && todo-- > 0) {
    const t: tasklet_struct = tl_head.head;
    tasklet_unlink(t, tl_head);
    if (t.count !== 0) {
      __tasklet_schedule_common(t, tl_head, nr);
      continue;
    }
    t.state = 1 << TASKLET_STATE_RUN;
    try {
      t.callback?.(t);
    } catch (error) {
      oops ??= { error };
    }
    t.state &= ~(1 << TASKLET_STATE_RUN);
  }
  if (oops !== null) throw oops.error;
}

/** Nothing is pending, no bottom half is disabled, tasklets have their softirqs. */
export function softirq_init(): void {
  softirq_vec.fill(null);
  kstat_softirqs.fill(0);
  __softirq_pending = 0;
  ksoftirqd_woken = false;
  kworker = null;
  preempt_count_set(0);
  tasklet_vec.head = tasklet_vec.tail = null;
  tasklet_hi_vec.head = tasklet_hi_vec.tail = null;
  open_softirq(TASKLET_SOFTIRQ, () => tasklet_action_common(tasklet_vec, TASKLET_SOFTIRQ));
  open_softirq(HI_SOFTIRQ, () => tasklet_action_common(tasklet_hi_vec, HI_SOFTIRQ));
}

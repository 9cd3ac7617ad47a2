// SPDX-License-Identifier: GPL-2.0-only
//
// The timer wheel: nine levels of 64 buckets, each level eight times as coarse as the one below. A timer
// goes where its distance fits and stays there until it is due (nothing cascades), so starting and stopping one
// costs the same however many there are; the price is that far timers fire late, by up to an eighth.
// The interrupt calls run_local_timers(), which raises TIMER_SOFTIRQ when a bucket is due.

import { TIMER_SOFTIRQ } from "../../include/linux/interrupt.ts";
import {
  INITIAL_JIFFIES,
  jiffies,
  jiffies_64,
  msecs_to_jiffies,
} from "../../include/linux/jiffies.ts";
import {
  current,
  MAX_SCHEDULE_TIMEOUT,
  TASK_INTERRUPTIBLE,
  TASK_NORMAL,
  TASK_UNINTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import { NSEC_PER_MSEC } from "../../include/linux/time64.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { hlist_head } from "../../include/linux/types.ts";
import { wait_queue_entry_of } from "../../include/linux/wait.ts";
import type { wait_queue_entry } from "../../include/linux/wait.ts";
import { default_wake_function, schedule, try_to_wake_up } from "../sched/core.ts";
import { __raise_softirq_irqoff, open_softirq } from "../softirq.ts";
import { clockevents_idle, wake_up_nohz_cpu } from "./clockevents.ts";
import { hrtimer_get_next_event } from "./hrtimer.ts";

const LVL_CLK_SHIFT = 3;
const LVL_CLK_DIV = 1 << LVL_CLK_SHIFT;
const LVL_CLK_MASK = LVL_CLK_DIV - 1;
const LVL_BITS = 6;
const LVL_SIZE = 1 << LVL_BITS;
const LVL_MASK = LVL_SIZE - 1;
const LVL_DEPTH = 9;
const WHEEL_SIZE = LVL_SIZE * LVL_DEPTH;

/** The least distance that goes into level n. */
function LVL_START(n: number): number {
  return (LVL_SIZE - 1) << ((n - 1) * LVL_CLK_SHIFT);
}
const LVL_START_1 = LVL_START(1);
const WHEEL_TIMEOUT_CUTOFF = LVL_START(LVL_DEPTH);
const WHEEL_TIMEOUT_MAX = WHEEL_TIMEOUT_CUTOFF - (1 << ((LVL_DEPTH - 1) * LVL_CLK_SHIFT));
const NEXT_TIMER_MAX_DELTA = (1 << 30) - 1;

class timer_base {
  /** The jiffy that the wheel has been run up to. */
  clk = 0;
  /** The first bucket's time, or earlier when next_expiry_recalc. */
  next_expiry = 0;
  /** A timer was taken out that may have been the first. */
  next_expiry_recalc = false;
  timers_pending = false;
  running_timer: timer_list | null = null;
  /** A bit for each bucket that may hold a timer. */
  readonly pending_map = new Int32Array(WHEEL_SIZE >> 5);
  readonly vectors: hlist_head[] = [];
}

let base = new timer_base();

/** The bucket's time, the second thing calc_wheel_index() returns. */
let bucket_expiry = 0;

/** Rounded up to the level's grain, so that no timer is early. */
function calc_index(expires: number, lvl: number): number {
  const shift = lvl * LVL_CLK_SHIFT;
  const n = (expires >>> shift) + 1;
  bucket_expiry = n << shift;
  return (lvl << LVL_BITS) + (n & LVL_MASK);
}

function calc_wheel_index(expires: number, clk: number): number {
  const delta = (expires - clk) | 0;
  if (delta < 0) {
    bucket_expiry = clk;
    return clk & LVL_MASK;
  }
  if (delta < LVL_START_1) return calc_index(expires, 0);
  if (delta >= WHEEL_TIMEOUT_CUTOFF) {
    return calc_index((clk + WHEEL_TIMEOUT_MAX) | 0, LVL_DEPTH - 1);
  }
  let lvl = 1;
  while (delta >= LVL_START(lvl + 1)) lvl++;
  return calc_index(expires, lvl);
}

/** Monotonic ns of a jiffy. */
function jiffies_to_ktime(j: number): number {
  return (jiffies_64 - INITIAL_JIFFIES + ((j - jiffies) | 0)) * NSEC_PER_MSEC;
}

function enqueue_timer(timer: timer_list, idx: number, expiry: number): void {
  const head = base.vectors[idx];
  const first = head.next;
  timer.next = first;
  if (first !== null) first.pprev = timer;
  head.next = timer;
  timer.pprev = head;
  timer.idx = idx;
  base.pending_map[idx >> 5] |= 1 << (idx & 31);
  if (!base.timers_pending || ((expiry - base.next_expiry) | 0) < 0) {
    base.next_expiry = expiry;
    base.timers_pending = true;
    base.next_expiry_recalc = false;
    if (clockevents_idle()) wake_up_nohz_cpu(jiffies_to_ktime(expiry));
  }
}

function detach_timer(timer: timer_list): void {
  const next = timer.next;
  const pprev = timer.pprev;
  if (pprev !== null) pprev.next = next;
  if (next !== null) next.pprev = pprev;
  timer.next = null;
  timer.pprev = null;
}

/** Takes a timer out; true if it was pending. */
function detach_if_pending(timer: timer_list): boolean {
  if (timer.pprev === null) return false;
  const idx = timer.idx;
  detach_timer(timer);
  if (base.vectors[idx].next === null) {
    base.pending_map[idx >> 5] &= ~(1 << (idx & 31));
    base.next_expiry_recalc = true;
  }
  return true;
}

/** Brings the wheel up to the present, as far as no timer is due before. */
function forward_timer_base(): void {
  const jnow = jiffies;
  if (((jnow - base.clk) | 0) < 1) return;
  if (!base.timers_pending || ((base.next_expiry - jnow) | 0) > 0) base.clk = jnow;
  else if (((base.next_expiry - base.clk) | 0) > 0) base.clk = base.next_expiry;
}

/** Starts a timer, or starts it again; 1 if it was pending. */
export function mod_timer<T>(timer: timer_list<T>, expires: number): number {
  expires |= 0;
  const pending = timer.pprev !== null;
  if (pending && timer.expires === expires) return 1;
  forward_timer_base();
  const idx = calc_wheel_index(expires, base.clk);
  if (pending) {
    if (idx === timer.idx) {
      timer.expires = expires;
      return 1;
    }
    const expiry = bucket_expiry;
    detach_if_pending(timer);
    timer.expires = expires;
    enqueue_timer(timer, idx, expiry);
    return 1;
  }
  timer.expires = expires;
  enqueue_timer(timer, idx, bucket_expiry);
  return 0;
}

/** As mod_timer(), but a timer that is not pending stays so. */
export function mod_timer_pending<T>(timer: timer_list<T>, expires: number): number {
  return timer.pprev === null ? 0 : mod_timer(timer, expires);
}

/** As mod_timer(), but a pending timer only becomes earlier. */
export function timer_reduce<T>(timer: timer_list<T>, expires: number): number {
  if (timer.pprev !== null && ((timer.expires - expires) | 0) <= 0) return 1;
  return mod_timer(timer, expires);
}

/** Starts a timer at its `expires`. */
export function add_timer<T>(timer: timer_list<T>): void {
  mod_timer(timer, timer.expires);
}

/** Stops a timer; 1 if it was pending. */
export function del_timer<T>(timer: timer_list<T>): number {
  return detach_if_pending(timer) ? 1 : 0;
}

/** Stops a timer: 1, 0 when it was not pending, -1 when its function is running. */
export function try_to_del_timer_sync<T>(timer: timer_list<T>): number {
  if (base.running_timer === timer && timer.pprev === null) return -1;
  return del_timer(timer);
}

/** Stops a timer; 1 if it was pending. With one CPU its function never runs beside. */
export function del_timer_sync<T>(timer: timer_list<T>): number {
  return del_timer(timer);
}

/** The next set bit of pending_map in from..to-1, or -1. */
function find_next_bit(map: Int32Array, from: number, to: number): number {
  let i = from;
  while (i < to) {
    const word = map[i >> 5] >>> (i & 31);
    if (word !== 0) {
      const pos = i + 31 - Math.clz32(word & -word);
      return pos < to ? pos : -1;
    }
    i = (i | 31) + 1;
  }
  return -1;
}

/** How many buckets ahead of `clk` a level's first pending one is, or -1. */
function next_pending_bucket(offset: number, clk: number): number {
  const start = offset + clk;
  const end = offset + LVL_SIZE;
  let pos = find_next_bit(base.pending_map, start, end);
  if (pos >= 0) return pos - start;
  pos = find_next_bit(base.pending_map, offset, start);
  return pos >= 0 ? pos + LVL_SIZE - start : -1;
}

/** The time of the first bucket that holds a timer, jiffies; sets timers_pending. */
function __next_timer_interrupt(): number {
  const none = (base.clk + NEXT_TIMER_MAX_DELTA) | 0;
  let next = none;
  let clk = base.clk;
  for (let lvl = 0, offset = 0; lvl < LVL_DEPTH; lvl++, offset += LVL_SIZE) {
    const pos = next_pending_bucket(offset, clk & LVL_MASK);
    const lvl_clk = clk & LVL_CLK_MASK;
    if (pos >= 0) {
      const expiry = (clk + pos) << (lvl * LVL_CLK_SHIFT);
      if (((expiry - next) | 0) < 0) next = expiry;
      // Coarser levels move on only when this one has: nothing there can be earlier.
      if (pos <= ((LVL_CLK_DIV - lvl_clk) & LVL_CLK_MASK)) break;
    }
    // A coarser bucket that this level is already inside of is past; the next one counts.
    clk = (clk >>> LVL_CLK_SHIFT) + (lvl_clk !== 0 ? 1 : 0);
  }
  base.next_expiry_recalc = false;
  base.timers_pending = next !== none;
  return next;
}

/** When the machine has to wake for a timer, ns since boot; Infinity: not at all. */
export function get_next_timer_interrupt(): number {
  forward_timer_base();
  if (base.next_expiry_recalc) base.next_expiry = __next_timer_interrupt();
  const wheel = base.timers_pending ? jiffies_to_ktime(base.next_expiry) : Infinity;
  return Math.min(wheel, hrtimer_get_next_event());
}

/** The exceptions of timers' functions: the first is thrown when all have run. */
let oops: unknown = undefined;

function call_timer_fn(timer: timer_list): void {
  try {
    timer.function?.(timer);
  } catch (error) {
    oops ??= error ?? new Error("exception in a timer");
  }
}

function expire_timers(head: hlist_head): void {
  while (head.next !== null) {
    const timer = head.next as timer_list;
    base.running_timer = timer;
    detach_timer(timer);
    call_timer_fn(timer);
    base.running_timer = null;
  }
}

/** One head a level for what is due. */
const expired: hlist_head[] = Array.from({ length: LVL_DEPTH }, () => new hlist_head());

/** Moves the buckets that are due at next_expiry to `expired`; how many. */
function collect_expired_timers(): number {
  let clk = base.clk = base.next_expiry;
  let levels = 0;
  for (let lvl = 0; lvl < LVL_DEPTH; lvl++) {
    const idx = (clk & LVL_MASK) + lvl * LVL_SIZE;
    const bit = 1 << (idx & 31);
    if (base.pending_map[idx >> 5] & bit) {
      base.pending_map[idx >> 5] &= ~bit;
      const vec = base.vectors[idx];
      const head = expired[levels++];
      head.next = vec.next;
      if (head.next !== null) head.next.pprev = head;
      vec.next = null;
    }
    // The coarser level's bucket is due only when this one has come round.
    if (clk & LVL_CLK_MASK) break;
    clk >>>= LVL_CLK_SHIFT;
  }
  return levels;
}

function __run_timers(): void {
  if (base.running_timer !== null) return;
  if (base.next_expiry_recalc) base.next_expiry = __next_timer_interrupt();
  while (
    base.timers_pending && ((jiffies - base.clk) | 0) >= 0 &&
    ((jiffies - base.next_expiry) | 0) >= 0
  ) {
    let levels = collect_expired_timers();
    // One ahead, so that a timer started for 'now' comes in the next round.
    base.clk = (base.clk + 1) | 0;
    base.next_expiry = __next_timer_interrupt();
    while (levels-- > 0) expire_timers(expired[levels]);
  }
  if (oops !== undefined) {
    const error = oops;
    oops = undefined;
    throw error;
  }
}

/** TIMER_SOFTIRQ. */
export function run_timer_softirq(): void {
  __run_timers();
}

/** The interrupt: raises the softirq when a bucket is due. */
export function run_local_timers(): void {
  if (base.timers_pending && ((jiffies - base.next_expiry) | 0) >= 0) {
    __raise_softirq_irqoff(TIMER_SOFTIRQ);
  }
}

function process_timeout(t: timer_list<wait_queue_entry>): void {
  try_to_wake_up(t.owner, TASK_NORMAL, 0);
}

function no_timeout(): number {
  return MAX_SCHEDULE_TIMEOUT;
}

/**
 * Sleeps until woken, signalled (in TASK_INTERRUPTIBLE) or `timeout` jiffies have passed, and gives what is left of
 * them. MAX_SCHEDULE_TIMEOUT sleeps without limit. An entry that was woken since it was prepared does not sleep.
 * @differs takes the wait_queue_entry that sleeps, where C means `current`
 */
export function schedule_timeout(
  wait: wait_queue_entry,
  timeout: number,
): number | Promise<number> {
  if (timeout === MAX_SCHEDULE_TIMEOUT) return schedule(wait, no_timeout);
  if (timeout < 0) return 0;
  const expire = (timeout + jiffies) | 0;
  const timer = new timer_list<wait_queue_entry>(wait);
  timer_setup(timer, process_timeout, 0);
  mod_timer(timer, expire);
  return schedule(wait, () => {
    del_timer(timer);
    return Math.max(0, (expire - jiffies) | 0);
  });
}

/** Sleeps for so many jiffies or until a signal. */
export function schedule_timeout_interruptible(timeout: number): number | Promise<number> {
  const wait = wait_queue_entry_of("schedule_timeout", current, default_wake_function);
  wait.state = TASK_INTERRUPTIBLE;
  return schedule_timeout(wait, timeout);
}

/** Sleeps for so many jiffies. */
export function schedule_timeout_uninterruptible(timeout: number): number | Promise<number> {
  const wait = wait_queue_entry_of("schedule_timeout", current, default_wake_function);
  wait.state = TASK_UNINTERRUPTIBLE;
  return schedule_timeout(wait, timeout);
}

/** Sleeps for at least so many ms. */
export function msleep(msecs: number): number | Promise<number> {
  return schedule_timeout_uninterruptible(msecs_to_jiffies(msecs) + 1);
}

/**
 * Names of the functions of pending timers, for leak reports.
 * @local
 */
export function timers_pending(): string[] {
  const names: string[] = [];
  for (const head of base.vectors) {
    for (let n = head.next; n !== null; n = n.next) {
      names.push((n as timer_list).function?.name ?? "?");
    }
  }
  return names;
}

/** No timer is pending. Behind timekeeping_init() and softirq_init(). */
export function timers_init(): void {
  base = new timer_base();
  for (let i = 0; i < WHEEL_SIZE; i++) base.vectors.push(new hlist_head());
  for (const head of expired) head.next = null;
  base.clk = jiffies;
  base.next_expiry = (jiffies + NEXT_TIMER_MAX_DELTA) | 0;
  oops = undefined;
  open_softirq(TIMER_SOFTIRQ, run_timer_softirq);
}

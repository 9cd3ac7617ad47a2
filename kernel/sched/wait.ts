// SPDX-License-Identifier: GPL-2.0-only
//
// The one place where calls sleep. Either prepare_to_wait(), look again, schedule_timeout(), finish_wait(); or
// add_wait_queue() with woken_wake_function, look again, wait_woken(), remove_wait_queue(). A waker (__wake_up and its
// kin), the timeout or a signal ends the sleep; after_sleep() says how the call goes on then.

import { list_del_init } from "../../include/linux/list.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending_state,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import type { task_struct } from "../../include/linux/sched.ts";
import {
  DEFINE_WAIT_FUNC,
  finish_wait,
  prepare_to_wait,
  wait_queue_entry_of,
  WQ_FLAG_WOKEN,
} from "../../include/linux/wait.ts";
import type { wait_queue_entry, wait_queue_head } from "../../include/linux/wait.ts";
import { ERESTARTSYS } from "../../include/uapi/asm-generic/errno.ts";
import { schedule_timeout } from "../time/timer.ts";
import { default_wake_function } from "./core.ts";

export * from "../../include/linux/wait.ts";
export { default_wake_function } from "./core.ts";
export { schedule_timeout } from "../time/timer.ts";

/** Prepares an entry that wakes `p`'s call. */
export function init_waitqueue_entry(wq_entry: wait_queue_entry, p: task_struct): void {
  wq_entry.flags = 0;
  wq_entry.private = p;
  wq_entry.func = default_wake_function;
}

/** An entry that wakes `tsk`'s call; the name is for the deadlock report. */
export function DECLARE_WAITQUEUE(name: string, tsk: task_struct): wait_queue_entry {
  return wait_queue_entry_of(name, tsk, default_wake_function);
}

/** An entry of the running task for prepare_to_wait(); the name is for the deadlock report. */
export function DEFINE_WAIT(name: string): wait_queue_entry {
  return DEFINE_WAIT_FUNC(name, autoremove_wake_function);
}

/** Wakes, and takes the entry out of its queue. */
export function autoremove_wake_function(
  wq_entry: wait_queue_entry,
  mode: number,
  sync: number,
  key: number,
): number {
  const ret = default_wake_function(wq_entry, mode, sync, key);
  if (ret !== 0) list_del_init(wq_entry.entry);
  return ret;
}

/** Wakes, and remembers it for a wait_woken() that is yet to come. */
export function woken_wake_function(
  wq_entry: wait_queue_entry,
  mode: number,
  sync: number,
  key: number,
): number {
  wq_entry.flags |= WQ_FLAG_WOKEN;
  return default_wake_function(wq_entry, mode, sync, key);
}

/**
 * Sleeps, unless woken since the last time, and gives the jiffies left of `timeout`: 0 when it has
 * passed. The entry's function is woken_wake_function.
 */
export function wait_woken(
  wq_entry: wait_queue_entry,
  mode: number,
  timeout: number,
): number | Promise<number> {
  if (wq_entry.flags & WQ_FLAG_WOKEN) {
    wq_entry.flags &= ~WQ_FLAG_WOKEN;
    wq_entry.state = TASK_RUNNING;
    return timeout;
  }
  wq_entry.state = mode;
  return after_sleep(schedule_timeout(wq_entry, timeout), (left) => {
    wq_entry.state = TASK_RUNNING;
    wq_entry.flags &= ~WQ_FLAG_WOKEN;
    return left;
  });
}

/** Sleeps until `condition`: the jiffies left (at least 1), 0 when time has passed, or -ERESTARTSYS. */
function ___wait_event(
  wq_head: wait_queue_head,
  condition: () => boolean,
  state: number,
  timeout: number,
): number | Promise<number> {
  const wait = DEFINE_WAIT(wq_head.name || "wait_event");
  const look = (left: number): number | Promise<number> => {
    prepare_to_wait(wq_head, wait, state);
    if (condition()) {
      left = Math.max(left, 1);
    } else if (left !== 0) {
      if (!signal_pending_state(state, current)) {
        return after_sleep(schedule_timeout(wait, left), look);
      }
      left = -ERESTARTSYS;
    }
    finish_wait(wq_head, wait);
    return left;
  };
  return look(timeout);
}

/** Sleeps until `condition`, which is looked at again after each wake-up. */
export function wait_event(
  wq_head: wait_queue_head,
  condition: () => boolean,
): void | Promise<void> {
  if (condition()) return;
  return after_sleep(
    ___wait_event(wq_head, condition, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT),
    () => {},
  );
}

/** As wait_event(), at most `timeout` jiffies: those left (at least 1), or 0. */
export function wait_event_timeout(
  wq_head: wait_queue_head,
  condition: () => boolean,
  timeout: number,
): number | Promise<number> {
  if (condition()) return Math.max(timeout, 1);
  return ___wait_event(wq_head, condition, TASK_UNINTERRUPTIBLE, timeout);
}

/** As wait_event(): 0, or -ERESTARTSYS. */
export function wait_event_interruptible(
  wq_head: wait_queue_head,
  condition: () => boolean,
): number | Promise<number> {
  if (condition()) return 0;
  return after_sleep(
    ___wait_event(wq_head, condition, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT),
    (ret) => Math.min(ret, 0),
  );
}

/** As wait_event_timeout(), or -ERESTARTSYS. */
export function wait_event_interruptible_timeout(
  wq_head: wait_queue_head,
  condition: () => boolean,
  timeout: number,
): number | Promise<number> {
  if (condition()) return Math.max(timeout, 1);
  return ___wait_event(wq_head, condition, TASK_INTERRUPTIBLE, timeout);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Going to sleep and being woken. What sleeps is a call, on a wait_queue_entry: schedule_timeout() gives the promise
// of its answer, try_to_wake_up() puts it into the run queue. It goes on in a microtask, after the softirq that woke it.

import { list_add_tail, list_del, list_empty, list_move_tail } from "../../include/linux/list.ts";
import {
  current,
  init_task_setup,
  resume_call,
  sleeper,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
} from "../../include/linux/sched.ts";
import type { task_struct } from "../../include/linux/sched.ts";
import type { nsproxy } from "../../include/linux/nsproxy.ts";
import { list_head } from "../../include/linux/types.ts";
import type { wait_queue_entry } from "../../include/linux/wait.ts";

/**
 * Everything that sleeps, for the deadlock and the leak report.
 * @local
 */
export const sleepers: list_head<sleeper> = new list_head<sleeper>();

/** Calls that were woken, until they go on. */
const rq = new list_head<sleeper>();
const soon = Promise.resolve();

/** Lets the calls of the run queue go on, and those that they wake. */
function __schedule(): void {
  while (!list_empty(rq)) {
    const call = rq.next.owner;
    list_del(call.node);
    resume_call(call, call.ret);
  }
}

function activate_task(call: sleeper): void {
  if (list_empty(rq)) soon.then(__schedule);
  list_move_tail(call.node, rq);
}

/** Ends a sleep that is in one of these states; 1 if it slept, or was about to. */
export function try_to_wake_up(wait: wait_queue_entry, state: number, _wake_flags: number): number {
  if ((wait.state & state) === 0) return 0;
  wait.state = TASK_RUNNING;
  const call = wait.sleeper;
  if (call !== null) {
    wait.sleeper = null;
    call.task.nr_asleep--;
    call.ret = call.woken();
    activate_task(call);
  }
  return 1;
}

/** The wake function of DECLARE_WAITQUEUE(): wakes the entry's sleep. */
export function default_wake_function(
  curr: wait_queue_entry,
  mode: number,
  wake_flags: number,
  _key: number,
): number {
  return try_to_wake_up(curr, mode, wake_flags);
}

/**
 * Sleeps until try_to_wake_up(); `woken` tells then what the sleep gives. No promise where it was woken already.
 * @differs takes the wait_queue_entry that sleeps, where C means `current`
 */
export function schedule(wait: wait_queue_entry, woken: () => number): number | Promise<number> {
  const task = wait.private ?? current;
  if (wait.state === TASK_RUNNING) return woken();
  if (wait.state & TASK_INTERRUPTIBLE && task.pending !== 0) {
    wait.state = TASK_RUNNING;
    return woken();
  }
  const call = new sleeper(task, wait, woken);
  wait.sleeper = call;
  task.nr_asleep++;
  list_add_tail(call.node, sleepers);
  return call.promise as Promise<number>;
}

/**
 * What sleeps, one line each: 'comm/pid in NAME'.
 * @local
 */
export function show_sleepers(): string[] {
  const lines: string[] = [];
  for (let p = sleepers.next; p !== sleepers; p = p.next) {
    const { task, wait } = p.owner;
    lines.push(`${task.comm}/${task.pid} in ${wait.name || wait.func?.name || "?"}`);
  }
  return lines;
}

/** Ends the interruptible sleeps of a task. */
export function signal_wake_up(t: task_struct): void {
  for (let p = sleepers.next, next = p.next; p !== sleepers; p = next, next = p.next) {
    if (p.owner.task === t) try_to_wake_up(p.owner.wait, TASK_INTERRUPTIBLE, 0);
  }
}

/** Forgets every sleeper and every task but init_task. @differs takes init_task's namespaces */
export function sched_init(ns: nsproxy): void {
  while (!list_empty(sleepers)) list_del(sleepers.next);
  init_task_setup(ns);
}

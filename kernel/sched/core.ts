// SPDX-License-Identifier: GPL-2.0-only
//
// Going to sleep and being woken. What sleeps is a wait_queue_entry: schedule_timeout() gives a
// promise, try_to_wake_up() keeps it. The sleeper goes on in a microtask, after the softirq that woke it.

import { current, init_task_setup, switch_to } from "../../include/linux/sched.ts";
import type { task_struct } from "../../include/linux/sched.ts";
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from "../../include/linux/sched.ts";
import type { nsproxy } from "../../include/linux/nsproxy.ts";
import type { wait_queue_entry } from "../../include/linux/wait.ts";

/**
 * Everything that sleeps, for the deadlock and the leak report.
 * @local
 */
export const sleepers: Set<wait_queue_entry> = new Set();

/** Ends a sleep that is in one of these states; 1 if it slept, or was about to. */
export function try_to_wake_up(wait: wait_queue_entry, state: number, _wake_flags: number): number {
  if ((wait.state & state) === 0) return 0;
  wait.state = TASK_RUNNING;
  const wake = wait.wake;
  if (wake !== null) {
    wait.wake = null;
    wake();
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
 * Sleeps until try_to_wake_up(); `woken` tells then what the promise gives. Whoever awaits this very
 * promise goes on as the task that went to sleep.
 * @differs takes the wait_queue_entry that sleeps, where C means `current`
 */
export function schedule(wait: wait_queue_entry, woken: () => number): Promise<number> {
  const task = wait.private ?? current;
  if (wait.state === TASK_RUNNING) return Promise.resolve(woken());
  if (wait.state & TASK_INTERRUPTIBLE && task.pending !== 0) {
    wait.state = TASK_RUNNING;
    return Promise.resolve(woken());
  }
  const promise = new Promise<number>((resolve) => {
    wait.wake = () => {
      sleepers.delete(wait);
      task.waits.delete(wait);
      resolve(woken());
    };
  });
  sleepers.add(wait);
  task.waits.add(wait);
  // The first reaction of the promise: it runs right before the sleeper's own.
  promise.then(() => switch_to(task));
  return promise;
}

/**
 * What sleeps, one line each: 'comm/pid in NAME'.
 * @local
 */
export function show_sleepers(): string[] {
  return [...sleepers].map((w) => {
    const task = w.private;
    return `${task?.comm ?? "?"}/${task?.pid ?? 0} in ${w.name || w.func?.name || "?"}`;
  });
}

/** Ends the interruptible sleeps of a task. */
export function signal_wake_up(t: task_struct): void {
  for (const wait of [...t.waits]) try_to_wake_up(wait, TASK_INTERRUPTIBLE, 0);
}

/** Forgets every sleeper and every task but init_task. @differs takes init_task's namespaces */
export function sched_init(ns: nsproxy): void {
  sleepers.clear();
  init_task_setup(ns);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Tasks. A task is one program on the stack: a name, its namespaces, its files. It may have many
// calls asleep at once, each in a wait_queue_entry of its own (kernel/sched/wait.ts), so that what
// sleeps is the entry, not the task. A system call sets `current` by switch_to() when it starts;
// after a sleep after_sleep() sets it again.

import type { files_struct } from "./fdtable.ts";
import type { nsproxy } from "./nsproxy.ts";
import { list_head } from "./types.ts";
import type { wait_queue_entry } from "./wait.ts";

/** States of a wait_queue_entry: awake, */
export const TASK_RUNNING = 0x00000000;
/** asleep until woken, timed out or signalled, */
export const TASK_INTERRUPTIBLE = 0x00000001;
/** asleep until woken or timed out. */
export const TASK_UNINTERRUPTIBLE = 0x00000002;
export const TASK_NORMAL = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;
export const TASK_KILLABLE = TASK_UNINTERRUPTIBLE;

/** A sleep without a time limit. */
export const MAX_SCHEDULE_TIMEOUT = 0x7fffffff;

let last_pid = 0;

/** A program on the stack. */
export class task_struct {
  comm: string;
  pid: number;
  nsproxy: nsproxy;
  files: files_struct | null;
  /** Pending signals, a bit for each. */
  pending = 0;
  /** Signals that it ignores. @differs SIGPIPE is ignored from the start: writers see -EPIPE */
  ignored = 1 << (13 - 1);
  /** How many of its calls are asleep. @local */
  nr_asleep = 0;

  constructor(comm: string, ns: nsproxy, files: files_struct | null = null) {
    this.comm = comm;
    this.pid = last_pid++;
    this.nsproxy = ns;
    this.files = files;
  }
}

/** The task that runs when no other does. */
export let init_task: task_struct = new task_struct("swapper", null as unknown as nsproxy);

/** The running task. */
export let current: task_struct = init_task;

/**
 * Makes a task the running one.
 * @local
 */
export function switch_to(task: task_struct): void {
  current = task;
}

/**
 * Starts over with init_task alone, which has these namespaces.
 * @local
 */
export function init_task_setup(ns: nsproxy): void {
  last_pid = 0;
  init_task = new task_struct("swapper", ns);
  current = init_task;
}

/** True when a task has a signal to see to: its interruptible sleeps end. */
export function signal_pending(p: task_struct): boolean {
  return p.pending !== 0;
}

/** As signal_pending(), for a sleep in this state. */
export function signal_pending_state(state: number, p: task_struct): boolean {
  return (state & TASK_INTERRUPTIBLE) !== 0 && p.pending !== 0;
}

/** Forgets a task's pending signals. */
export function flush_signals(p: task_struct): void {
  p.pending = 0;
}

/**
 * A call that is asleep: one promise of its answer, and what is left of it as functions, the innermost first. What is
 * a stack in C, left in the middle, is this list: no promise stands between two of its functions.
 * @local
 */
export class sleeper {
  readonly task: task_struct;
  readonly wait: wait_queue_entry;
  /** What the sleep gives, asked when it ends. */
  readonly woken: () => number;
  /** Among all that sleep, then among those that were woken. */
  readonly node: list_head<sleeper> = new list_head<sleeper>(this);
  /** What the sleep gave. */
  ret = 0;
  /** Each gets what the one before it gave, the first what ended the sleep. */
  readonly rest: ((v: unknown) => unknown)[] = [];
  readonly promise: Promise<unknown>;
  resolve!: (v: unknown) => void;
  reject!: (reason: unknown) => void;

  constructor(task: task_struct, wait: wait_queue_entry, woken: () => number) {
    this.task = task;
    this.wait = wait;
    this.woken = woken;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    falling_asleep = this;
  }
}

/** The sleep whose promise is on its way up through the functions of its call, if any. */
let falling_asleep: sleeper | null = null;

/**
 * Runs the rest of a call: at once if what it waits for is there, else after the sleep, as the same task. Nothing is
 * allocated when nothing sleeps but `fn` itself. The promise is the caller's to return or to give to
 * after_sleep(), and to nobody else: what it gives is what all of the call's functions make of it.
 * @local
 */
export function after_sleep<T, R>(
  ret: T | Promise<T>,
  fn: (v: T) => R | Promise<R>,
): R | Promise<R> {
  if (!(ret instanceof Promise)) return fn(ret);
  const call = falling_asleep;
  if (call !== null && call.promise === ret) {
    call.rest.push(fn as (v: unknown) => unknown);
    return ret as unknown as Promise<R>;
  }
  const task = current;
  return ret.then((v) => {
    current = task;
    return fn(v);
  });
}

/** Goes on with a call whose sleep gave v, until its answer is there or it sleeps again. @local */
export function resume_call(call: sleeper, v: unknown): void {
  const { rest } = call;
  current = call.task;
  if (falling_asleep === call) falling_asleep = null;
  try {
    for (let i = 0; i < rest.length; i++) {
      v = rest[i](v);
      if (v instanceof Promise) {
        rest.splice(0, i + 1);
        sleep_again(call, v);
        return;
      }
    }
  } catch (e) {
    call.reject(e);
    return;
  }
  call.resolve(v);
}

/** What is left of a call comes after what it waits for now. */
function sleep_again(call: sleeper, promise: Promise<unknown>): void {
  const next = falling_asleep;
  if (next === null || next.promise !== promise) {
    promise.then((v) => resume_call(call, v), call.reject);
    return;
  }
  next.rest.push(...call.rest);
  next.resolve = call.resolve;
  next.reject = call.reject;
}

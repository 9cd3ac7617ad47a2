// SPDX-License-Identifier: GPL-2.0-only
//
// Wait queues, the leaf half: types and waking. Sleeping stands in kernel/sched/wait.ts.
// A waker calls each entry's function with the mode and the poll events that are its key; the function wakes the
// sleeper (default_wake_function, autoremove_wake_function, woken_wake_function) or does something
// else (poll, epoll).

import { list_add, list_add_tail, list_del_init, list_empty } from "./list.ts";
import { list_head } from "./types.ts";
import { current, TASK_INTERRUPTIBLE, TASK_NORMAL, TASK_RUNNING } from "./sched.ts";
import type { sleeper, task_struct } from "./sched.ts";

/** The entry's waker stops here, */
export const WQ_FLAG_EXCLUSIVE = 0x01;
/** it was woken (wait_woken), */
export const WQ_FLAG_WOKEN = 0x02;
export const WQ_FLAG_BOOKMARK = 0x04;
export const WQ_FLAG_CUSTOM = 0x08;
export const WQ_FLAG_DONE = 0x10;
/** it goes before all others. */
export const WQ_FLAG_PRIORITY = 0x20;

/** Wake flags: the waker is about to sleep itself. */
export const WF_SYNC = 0x10;

/** Returns not 0 if it woke somebody, negative to stop the waker. */
export type wait_queue_func_t = (
  wq_entry: wait_queue_entry,
  mode: number,
  flags: number,
  key: number,
) => number;

/** Who wants to know about a wake-up; `owner` is the object it is embedded in, if any. */
export class wait_queue_entry<T = unknown> {
  flags = 0;
  private: task_struct | null = null;
  func: wait_queue_func_t | null = null;
  entry: list_head<wait_queue_entry> = new list_head<wait_queue_entry>(this);
  owner: T;
  /** For the deadlock report. @local */
  name = "";
  /** TASK_RUNNING, or how it sleeps or is about to sleep. @local */
  state = TASK_RUNNING;
  /** The call that sleeps on it. @local */
  sleeper: sleeper | null = null;

  constructor(owner: T = null as T) {
    this.owner = owner;
  }
}

/** A queue of them. */
export class wait_queue_head {
  head: list_head<wait_queue_entry> = new list_head<wait_queue_entry>();
  /** For the deadlock report. @local */
  name = "";
}

/** Makes a queue empty. */
export function init_waitqueue_head(wq_head: wait_queue_head, name = ""): void {
  wq_head.head.next = wq_head.head;
  wq_head.head.prev = wq_head.head;
  wq_head.name = name;
}

/** Prepares an entry whose wake-up runs `func`. */
export function init_waitqueue_func_entry(
  wq_entry: wait_queue_entry,
  func: wait_queue_func_t,
): void {
  wq_entry.flags = 0;
  wq_entry.private = null;
  wq_entry.func = func;
}

/** True when anybody waits. */
export function waitqueue_active(wq_head: wait_queue_head): boolean {
  return wq_head.head.next !== wq_head.head;
}

/** True when anybody waits. */
export function wq_has_sleeper(wq_head: wait_queue_head | null): boolean {
  return wq_head !== null && wq_head.head.next !== wq_head.head;
}

/** Adds at the front, behind those with priority. */
export function __add_wait_queue(wq_head: wait_queue_head, wq_entry: wait_queue_entry): void {
  let head = wq_head.head;
  for (let p = head.next; p !== wq_head.head && p.owner.flags & WQ_FLAG_PRIORITY; p = p.next) {
    head = p;
  }
  list_add(wq_entry.entry, head);
}

/** Adds at the end. */
export function __add_wait_queue_entry_tail(
  wq_head: wait_queue_head,
  wq_entry: wait_queue_entry,
): void {
  list_add_tail(wq_entry.entry, wq_head.head);
}

/** Takes an entry out of its queue. */
export function __remove_wait_queue(_wq_head: wait_queue_head, wq_entry: wait_queue_entry): void {
  list_del_init(wq_entry.entry);
}

/** Adds an entry that every wake-up reaches. */
export function add_wait_queue(wq_head: wait_queue_head, wq_entry: wait_queue_entry): void {
  wq_entry.flags &= ~WQ_FLAG_EXCLUSIVE;
  __add_wait_queue(wq_head, wq_entry);
}

/** Adds an entry of which a wake-up reaches only the first. */
export function add_wait_queue_exclusive(
  wq_head: wait_queue_head,
  wq_entry: wait_queue_entry,
): void {
  wq_entry.flags |= WQ_FLAG_EXCLUSIVE;
  __add_wait_queue_entry_tail(wq_head, wq_entry);
}

/** Takes an entry out of its queue. */
export function remove_wait_queue(_wq_head: wait_queue_head, wq_entry: wait_queue_entry): void {
  list_del_init(wq_entry.entry);
}

/** Adds an entry if it is in no queue, and declares that it is about to sleep. */
export function prepare_to_wait(
  wq_head: wait_queue_head,
  wq_entry: wait_queue_entry,
  state: number,
): void {
  wq_entry.flags &= ~WQ_FLAG_EXCLUSIVE;
  if (list_empty(wq_entry.entry)) __add_wait_queue(wq_head, wq_entry);
  wq_entry.state = state;
}

/** As prepare_to_wait(), exclusive; true if it is the first. */
export function prepare_to_wait_exclusive(
  wq_head: wait_queue_head,
  wq_entry: wait_queue_entry,
  state: number,
): boolean {
  let was_empty = false;
  wq_entry.flags |= WQ_FLAG_EXCLUSIVE;
  if (list_empty(wq_entry.entry)) {
    was_empty = list_empty(wq_head.head);
    __add_wait_queue_entry_tail(wq_head, wq_entry);
  }
  wq_entry.state = state;
  return was_empty;
}

/** Undoes prepare_to_wait(). */
export function finish_wait(_wq_head: wait_queue_head, wq_entry: wait_queue_entry): void {
  wq_entry.state = TASK_RUNNING;
  if (!list_empty(wq_entry.entry)) list_del_init(wq_entry.entry);
}

/** The running task's entry, as DECLARE_WAITQUEUE() and DEFINE_WAIT_FUNC() make it. @local */
export function wait_queue_entry_of(
  name: string,
  tsk: task_struct,
  func: wait_queue_func_t,
): wait_queue_entry {
  const wait = new wait_queue_entry();
  wait.name = name;
  wait.private = tsk;
  wait.func = func;
  return wait;
}

/** An entry of the running task whose wake-up runs `func`; the name is for the deadlock report. */
export function DEFINE_WAIT_FUNC(name: string, func: wait_queue_func_t): wait_queue_entry {
  return wait_queue_entry_of(name, current, func);
}

function __wake_up_common(
  wq_head: wait_queue_head,
  mode: number,
  nr_exclusive: number,
  wake_flags: number,
  key: number,
): void {
  const head = wq_head.head;
  let next: list_head<wait_queue_entry>;
  for (let p = head.next; p !== head; p = next) {
    next = p.next;
    const curr = p.owner;
    const flags = curr.flags;
    const ret = (curr.func as wait_queue_func_t)(curr, mode, wake_flags, key);
    if (ret < 0) break;
    if (ret !== 0 && flags & WQ_FLAG_EXCLUSIVE && --nr_exclusive === 0) break;
  }
}

/** Wakes all that are not exclusive and `nr_exclusive` that are (0: all). */
export function __wake_up(
  wq_head: wait_queue_head,
  mode: number,
  nr_exclusive: number,
  key: number,
): void {
  __wake_up_common(wq_head, mode, nr_exclusive, 0, key);
}

/** As __wake_up() with one exclusive, saying that the waker is about to sleep. */
export function __wake_up_sync_key(wq_head: wait_queue_head, mode: number, key: number): void {
  __wake_up_common(wq_head, mode, 1, WF_SYNC, key);
}

/** Wakes all but that of exclusive entries one. */
export function wake_up(wq_head: wait_queue_head): void {
  __wake_up_common(wq_head, TASK_NORMAL, 1, 0, 0);
}

/** Wakes everybody. */
export function wake_up_all(wq_head: wait_queue_head): void {
  __wake_up_common(wq_head, TASK_NORMAL, 0, 0, 0);
}

/** As wake_up(), only of interruptible sleeps. */
export function wake_up_interruptible(wq_head: wait_queue_head): void {
  __wake_up_common(wq_head, TASK_INTERRUPTIBLE, 1, 0, 0);
}

/** As wake_up_all(), only of interruptible sleeps. */
export function wake_up_interruptible_all(wq_head: wait_queue_head): void {
  __wake_up_common(wq_head, TASK_INTERRUPTIBLE, 0, 0, 0);
}

/** As wake_up(), with poll events as key. */
export function wake_up_poll(wq_head: wait_queue_head, m: number): void {
  __wake_up_common(wq_head, TASK_NORMAL, 1, 0, m);
}

/** As wake_up_interruptible(), with poll events as key. */
export function wake_up_interruptible_poll(wq_head: wait_queue_head, m: number): void {
  __wake_up_common(wq_head, TASK_INTERRUPTIBLE, 1, 0, m);
}

/** As wake_up_interruptible_poll(), saying that the waker is about to sleep. */
export function wake_up_interruptible_sync_poll(wq_head: wait_queue_head, m: number): void {
  __wake_up_sync_key(wq_head, TASK_INTERRUPTIBLE, m);
}

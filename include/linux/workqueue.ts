// SPDX-License-Identifier: GPL-2.0-only
//
// Work that runs in a task, soon or after a delay. kernel/workqueue.ts runs it.

import { timer_list } from "./timer.ts";

type work_func<T> = { bivariant(work: work_struct<T>): void }["bivariant"];

/** Work; `owner` is the object it is embedded in. */
export class work_struct<T = unknown> {
  next: work_struct | null = null;
  /** Waits to be run. */
  pending = false;
  func: work_func<T> | null = null;
  owner: T;

  constructor(owner: T) {
    this.owner = owner;
  }
}

/** Work after a delay. */
export class delayed_work<T = unknown> extends work_struct<T> {
  timer: timer_list<delayed_work<T>> = new timer_list<delayed_work<T>>(this);
}

/** True while work waits to be run. */
export function work_pending<T>(work: work_struct<T>): boolean {
  return work.pending;
}

/** True while delayed work waits for its time or to be run. */
export function delayed_work_pending<T>(dwork: delayed_work<T>): boolean {
  return dwork.pending;
}

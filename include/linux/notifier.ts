// SPDX-License-Identifier: GPL-2.0-only
//
// Notifier chains: who registered is told of every event, highest priority first. The calls are in
// kernel/notifier.ts.

export const NOTIFY_DONE = 0x0000;
export const NOTIFY_OK = 0x0001;
export const NOTIFY_STOP_MASK = 0x8000;
export const NOTIFY_BAD = NOTIFY_STOP_MASK | 0x0002;
export const NOTIFY_STOP = NOTIFY_OK | NOTIFY_STOP_MASK;

/** One listener; `ptr` is what the chain is about. */
export interface notifier_block<T> {
  notifier_call(nb: notifier_block<T>, event: number, ptr: T): number;
  next: notifier_block<T> | null;
  priority: number;
}

/** A chain. */
export class raw_notifier_head<T> {
  head: notifier_block<T> | null = null;
}

/** The negative errno of a notifier's answer, 0 for none. */
export function notifier_to_errno(ret: number): number {
  ret &= ~NOTIFY_STOP_MASK;
  return ret > NOTIFY_OK ? NOTIFY_OK - ret : 0;
}

/** An answer that stops the chain with this negative errno. */
export function notifier_from_errno(err: number): number {
  return err !== 0 ? NOTIFY_STOP_MASK | (NOTIFY_OK - err) : NOTIFY_OK;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// struct timer_list: a timeout in jiffies. Set up by timer_setup(), started by mod_timer() or
// add_timer() of kernel/time/timer.ts; its function runs in softirq and finds its object by from_timer().

import type { hlist_node, hlist_slot } from "./types.ts";

/** Flags: do not wake an idle machine for it (it wakes all the same here). */
export const TIMER_DEFERRABLE = 0x00080000;
/** Flags: stays on its CPU. */
export const TIMER_PINNED = 0x00100000;
/** Flags: its function runs with interrupts off. */
export const TIMER_IRQSAFE = 0x00200000;

type timer_function<T> = { bivariant(timer: timer_list<T>): void }["bivariant"];

/** A timer; `owner` is the object it is embedded in. */
export class timer_list<T = unknown> implements hlist_node<T> {
  /** Place in the wheel. */
  next: hlist_node<T> | null = null;
  pprev: hlist_slot<T> | null = null;
  owner: T;
  /** Bucket of the wheel while pending. */
  idx = 0;
  /** When it is due, jiffies. */
  expires = 0;
  function: timer_function<T> | null = null;
  flags = 0;

  constructor(owner: T) {
    this.owner = owner;
  }
}

/** The object that a timer is embedded in. */
export function from_timer<T>(timer: timer_list<T>): T {
  return timer.owner;
}

/** Prepares a timer, once, before its first use. */
export function timer_setup<T>(
  timer: timer_list<T>,
  func: (timer: timer_list<T>) => void,
  flags: number,
): void {
  timer.next = null;
  timer.pprev = null;
  timer.function = func;
  timer.flags = flags;
}

/** True while a timer is in the wheel. */
export function timer_pending<T>(timer: timer_list<T>): boolean {
  return timer.pprev !== null;
}

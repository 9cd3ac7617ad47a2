// SPDX-License-Identifier: GPL-2.0-only
//
// preempt_count: in which context the machine runs. One CPU, so one word: bits 8 to 15 count softirq
// (bit 8 itself: serving one; the others: bottom halves disabled), bits 16 to 19 hard interrupts.

export const SOFTIRQ_OFFSET = 0x100;
export const SOFTIRQ_MASK = 0xff00;
export const HARDIRQ_OFFSET = 0x10000;
export const HARDIRQ_MASK = 0xf0000;
export const SOFTIRQ_DISABLE_OFFSET = 2 * SOFTIRQ_OFFSET;

let __preempt_count = 0;

export function preempt_count(): number {
  return __preempt_count;
}

export function preempt_count_set(pc: number): void {
  __preempt_count = pc;
}

export function __preempt_count_add(val: number): void {
  __preempt_count = (__preempt_count + val) | 0;
}

export function __preempt_count_sub(val: number): void {
  __preempt_count = (__preempt_count - val) | 0;
}

export function softirq_count(): number {
  return __preempt_count & SOFTIRQ_MASK;
}

/** In a hard interrupt. */
export function in_hardirq(): boolean {
  return (__preempt_count & HARDIRQ_MASK) !== 0;
}

/** In a softirq, or bottom halves are disabled. */
export function in_softirq(): boolean {
  return (__preempt_count & SOFTIRQ_MASK) !== 0;
}

/** In a softirq. */
export function in_serving_softirq(): boolean {
  return (__preempt_count & SOFTIRQ_OFFSET) !== 0;
}

/** In an interrupt or a softirq, or bottom halves are disabled. */
export function in_interrupt(): boolean {
  return (__preempt_count & (SOFTIRQ_MASK | HARDIRQ_MASK)) !== 0;
}

/** In a task: neither in an interrupt nor in a softirq. */
export function in_task(): boolean {
  return (__preempt_count & (SOFTIRQ_OFFSET | HARDIRQ_MASK)) === 0;
}

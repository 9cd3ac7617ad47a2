// SPDX-License-Identifier: GPL-2.0-only
//
// Softirqs and tasklets: their numbers and types. kernel/softirq.ts runs them.

export const HI_SOFTIRQ = 0;
export const TIMER_SOFTIRQ = 1;
export const NET_TX_SOFTIRQ = 2;
export const NET_RX_SOFTIRQ = 3;
export const BLOCK_SOFTIRQ = 4;
export const IRQ_POLL_SOFTIRQ = 5;
export const TASKLET_SOFTIRQ = 6;
export const SCHED_SOFTIRQ = 7;
export const HRTIMER_SOFTIRQ = 8;
export const RCU_SOFTIRQ = 9;
export const NR_SOFTIRQS = 10;

/** What /proc/softirqs calls them. */
export const softirq_to_name: readonly string[] = [
  "HI",
  "TIMER",
  "NET_TX",
  "NET_RX",
  "BLOCK",
  "IRQ_POLL",
  "TASKLET",
  "SCHED",
  "HRTIMER",
  "RCU",
];

/** What open_softirq() registers. */
export interface softirq_action {
  action: (h: softirq_action) => void;
}

/** Bits of tasklet_struct.state. */
export const TASKLET_STATE_SCHED = 0;
export const TASKLET_STATE_RUN = 1;

type tasklet_callback<T> = { bivariant(t: tasklet_struct<T>): void }["bivariant"];

/** Work that runs once in softirq, soon; `owner` is the object it is embedded in. */
export class tasklet_struct<T = unknown> {
  next: tasklet_struct | null = null;
  state = 0;
  /** Disabled while not 0. */
  count = 0;
  callback: tasklet_callback<T> | null = null;
  owner: T;

  constructor(owner: T) {
    this.owner = owner;
  }
}

/** The object that a tasklet is embedded in. */
export function from_tasklet<T>(t: tasklet_struct<T>): T {
  return t.owner;
}

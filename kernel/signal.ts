// SPDX-License-Identifier: GPL-2.0-only
//
// Signals, as far as sockets know them: one that a task does not ignore ends its interruptible sleeps.

import type { task_struct } from "../include/linux/sched.ts";
import { signal_wake_up } from "./sched/core.ts";

export const SIGINT = 2;
export const SIGPIPE = 13;
export const SIGTERM = 15;
export const SIGURG = 23;
export const SIGIO = 29;

/** Sends a signal. Returns 0. */
export function send_sig(sig: number, p: task_struct, _priv: number): number {
  const bit = 1 << (sig - 1);
  if (p.ignored & bit) return 0;
  p.pending |= bit;
  signal_wake_up(p);
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Locks that are held across sleeps.

import type { mutex } from "../../include/linux/mutex.ts";
import { wake_up } from "../../include/linux/wait.ts";
import { wait_event } from "../sched/wait.ts";

/** Takes the lock if it is free: whether it did. */
export function mutex_trylock(lock: mutex): boolean {
  if (lock.owned) return false;
  return lock.owned = true;
}

/** Takes the lock; sleeps while another call has it. */
export function mutex_lock(lock: mutex): void | Promise<void> {
  return wait_event(lock.wait, () => mutex_trylock(lock));
}

export function mutex_unlock(lock: mutex): void {
  lock.owned = false;
  wake_up(lock.wait);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Calls into the kernel that no system call is for.

import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";

/** Runs kernel code as one; softirqs that it raises run behind it. */
export function kernel<T>(fn: () => T): T {
  update_wall_time();
  local_bh_disable();
  try {
    return fn();
  } finally {
    local_bh_enable();
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// mutex: a lock that is held across sleeps. What does not sleep needs none: there is one CPU.

import { wait_queue_head } from "./wait.ts";

/** A lock; see kernel/locking/mutex.ts. */
export class mutex {
  owned = false;
  readonly wait = new wait_queue_head();
}

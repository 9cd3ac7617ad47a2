// SPDX-License-Identifier: GPL-2.0-only
//
// epoll_ctl()'s operations, and struct epoll_event.

import { O_CLOEXEC } from "../../linux/fs.ts";

export const EPOLL_CLOEXEC = O_CLOEXEC;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

/** What to watch for, or what happened, and what the program wants to be told by. */
export interface epoll_event {
  /** EPOLL* */
  events: number;
  data: unknown;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// How poll(), select() and epoll ask a file for events and hang themselves on its wait queues.

import type { file } from "./fs.ts";
import type { wait_queue_head } from "./wait.ts";

export const EPOLLIN = 0x0001;
export const EPOLLPRI = 0x0002;
export const EPOLLOUT = 0x0004;
export const EPOLLERR = 0x0008;
export const EPOLLHUP = 0x0010;
export const EPOLLNVAL = 0x0020;
export const EPOLLRDNORM = 0x0040;
export const EPOLLRDBAND = 0x0080;
export const EPOLLWRNORM = 0x0100;
export const EPOLLWRBAND = 0x0200;
export const EPOLLMSG = 0x0400;
export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 1 << 28;
export const EPOLLWAKEUP = 1 << 29;
export const EPOLLONESHOT = 1 << 30;
export const EPOLLET = (1 << 31) | 0;

export const POLLIN = EPOLLIN;
export const POLLPRI = EPOLLPRI;
export const POLLOUT = EPOLLOUT;
export const POLLERR = EPOLLERR;
export const POLLHUP = EPOLLHUP;
export const POLLNVAL = EPOLLNVAL;
export const POLLRDNORM = EPOLLRDNORM;
export const POLLRDBAND = EPOLLRDBAND;
export const POLLWRNORM = EPOLLWRNORM;
export const POLLWRBAND = EPOLLWRBAND;
export const POLLMSG = EPOLLMSG;
export const POLLRDHUP = EPOLLRDHUP;

/** One poll(2) entry. */
export interface pollfd {
  fd: number;
  events: number;
  revents: number;
}

/** Given to file_operations.poll: queues the caller on a wait queue, and says which events count. */
export interface poll_table {
  _qproc: ((filp: file, wq: wait_queue_head, p: poll_table) => void) | null;
  _key: number;
}

/** Called by a file's poll() for each queue whose wake-ups may change the answer. */
export function poll_wait(filp: file, wq: wait_queue_head, p: poll_table | null): void {
  if (p !== null && p._qproc !== null) p._qproc(filp, wq, p);
}

/** The caller does not want to wait: poll() has already something, or only looks. */
export function poll_does_not_wait(p: poll_table | null): boolean {
  return p === null || p._qproc === null;
}

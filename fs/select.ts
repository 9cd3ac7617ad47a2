// SPDX-License-Identifier: GPL-2.0-only
//
// poll() and select(): ask each file for its events; when there are none, hang on the wait queues that
// the files named while they were asked (poll_wait -> __pollwait), sleep until a wake-up whose key
// fits (pollwake), and ask again. Asking without sleeping stays synchronous.

import type { file } from "../include/linux/fs.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLNVAL,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDBAND,
  EPOLLRDNORM,
  EPOLLWRBAND,
  EPOLLWRNORM,
} from "../include/linux/poll.ts";
import type { poll_table, pollfd } from "../include/linux/poll.ts";
import { msecs_to_jiffies } from "../include/linux/jiffies.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
} from "../include/linux/sched.ts";
import type { task_struct } from "../include/linux/sched.ts";
import { add_wait_queue, remove_wait_queue, wait_queue_entry } from "../include/linux/wait.ts";
import type { wait_queue_head } from "../include/linux/wait.ts";
import { EBADF, EFAULT, EINTR, EINVAL } from "../include/uapi/asm-generic/errno.ts";
import {
  DECLARE_WAITQUEUE,
  default_wake_function,
  schedule_timeout,
} from "../kernel/sched/wait.ts";
import { fcheck, fdget, fdput } from "./file.ts";
import { fput, get_file } from "./file_table.ts";

export const DEFAULT_POLLMASK = EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;

/** The events of a file; those of one without poll() are always there. */
export function vfs_poll(file: file, pt: poll_table | null): number {
  return file.f_op.poll === undefined ? DEFAULT_POLLMASK : file.f_op.poll(file, pt);
}

/** The poller on one of a file's queues. */
class poll_table_entry {
  readonly filp: file;
  readonly key: number;
  readonly wait: wait_queue_entry;
  readonly wait_address: wait_queue_head;
  readonly pwq: poll_wqueues;

  constructor(filp: file, key: number, wait_address: wait_queue_head, pwq: poll_wqueues) {
    this.filp = filp;
    this.key = key;
    this.wait_address = wait_address;
    this.pwq = pwq;
    this.wait = new wait_queue_entry(this as unknown);
    this.wait.name = "poll";
    this.wait.private = pwq.polling_task;
    this.wait.func = pollwake;
  }
}

/** One call of poll() or select(): its sleep, and the queues it hangs on. */
export class poll_wqueues implements poll_table {
  _qproc: ((filp: file, wq: wait_queue_head, p: poll_table) => void) | null = __pollwait;
  _key = -1;
  readonly polling_task: task_struct = current;
  triggered = false;
  readonly entries: poll_table_entry[] = [];
  /** What sleeps. @local */
  readonly wait: wait_queue_entry;

  constructor(name: string) {
    this.wait = DECLARE_WAITQUEUE(name, current);
  }
}

function pollwake(wait: wait_queue_entry, mode: number, sync: number, key: number): number {
  const entry = wait.owner as poll_table_entry;
  if (key !== 0 && (key & entry.key) === 0) return 0;
  entry.pwq.triggered = true;
  return default_wake_function(entry.pwq.wait, mode, sync, key);
}

/** poll_wait() of poll() and select(): hangs the caller on the queue. */
function __pollwait(filp: file, wait_address: wait_queue_head, p: poll_table): void {
  const pwq = p as poll_wqueues;
  const entry = new poll_table_entry(get_file(filp), pwq._key, wait_address, pwq);
  pwq.entries.push(entry);
  add_wait_queue(wait_address, entry.wait);
}

/** A call that has to wait begins. */
export function poll_initwait(name: string): poll_wqueues {
  return new poll_wqueues(name);
}

/** It ends: takes it off all queues. */
export function poll_freewait(pwq: poll_wqueues): void | Promise<void> {
  let waits: Promise<void>[] | null = null;
  for (const entry of pwq.entries) {
    remove_wait_queue(entry.wait_address, entry.wait);
    const released = fput(entry.filp);
    if (released !== undefined) (waits ??= []).push(released);
  }
  pwq.entries.length = 0;
  if (waits !== null) return Promise.all(waits).then(() => {});
}

/** Sleeps until triggered, a signal, or the time has passed: the jiffies left. */
function poll_schedule_timeout(
  pwq: poll_wqueues,
  state: number,
  timeout: number,
): number | Promise<number> {
  const { wait } = pwq;
  wait.state = state;
  return after_sleep(pwq.triggered ? timeout : schedule_timeout(wait, timeout), (left) => {
    wait.state = TASK_RUNNING;
    pwq.triggered = false;
    return left;
  });
}

/** The events of one entry; hangs on its queues while pwait wants that. */
function do_pollfd(pollfd: pollfd, pwait: poll_table): number {
  const { fd } = pollfd;
  if (fd < 0) return 0;
  const f = fdget(fd);
  if (f === null) return EPOLLNVAL;
  const filter = (pollfd.events & 0xffff) | EPOLLERR | EPOLLHUP;
  pwait._key = filter;
  const mask = vfs_poll(f, pwait) & filter;
  fdput(f);
  return mask;
}

/** Asks all; how many have events. */
function poll_each(fds: readonly pollfd[], nfds: number, pt: poll_table): number {
  let count = 0;
  for (let i = 0; i < nfds; i++) {
    const mask = do_pollfd(fds[i], pt);
    fds[i].revents = mask;
    if (mask === 0) continue;
    count++;
    // It returns after this round: no need to hang on more queues.
    pt._qproc = null;
  }
  return count;
}

/** Asks, hangs itself on the queues and sleeps, until something is there. */
function poll_loop(
  ask: (pt: poll_table) => number,
  timeout: number,
  name: string,
): number | Promise<number> {
  const pwq = poll_initwait(name);
  const look = (timeout: number): number | Promise<number> => {
    let count = ask(pwq);
    pwq._qproc = null;
    if (count === 0 && timeout !== 0) {
      if (!signal_pending(current)) {
        return after_sleep(poll_schedule_timeout(pwq, TASK_INTERRUPTIBLE, timeout), look);
      }
      count = -EINTR;
    }
    return after_sleep(poll_freewait(pwq), () => count);
  };
  return look(timeout);
}

const no_wait: poll_table = { _qproc: null, _key: -1 };

/** Polls until something is there or `timeout` jiffies have passed: how many have events, or -EINTR. */
function do_poll(
  fds: readonly pollfd[],
  nfds: number,
  timeout: number,
): number | Promise<number> {
  const count = poll_each(fds, nfds, no_wait);
  if (count !== 0 || timeout === 0) return count;
  return poll_loop((pt) => poll_each(fds, nfds, pt), timeout, "do_poll");
}

/** jiffies of a timeout in ms; negative: none. */
function poll_timeout(timeout_msecs: number): number {
  if (!(timeout_msecs >= 0)) return MAX_SCHEDULE_TIMEOUT;
  if (timeout_msecs === 0) return 0;
  return Math.min(msecs_to_jiffies(timeout_msecs), MAX_SCHEDULE_TIMEOUT - 1);
}

export function do_sys_poll(
  ufds: readonly pollfd[],
  nfds: number,
  timeout_msecs: number,
): number | Promise<number> {
  if (nfds > (current.files?.max_fds ?? 0)) return -EINVAL;
  if (nfds > ufds.length) return -EFAULT;
  return do_poll(ufds, nfds, poll_timeout(timeout_msecs));
}

/** Stores revents of each entry; answers how many are not 0, or a negative errno. */
export function __x64_sys_poll(
  ufds: readonly pollfd[],
  nfds: number,
  timeout_msecs: number,
): number | Promise<number> {
  return do_sys_poll(ufds, nfds, timeout_msecs);
}

/** A set of descriptors: bit fd & 31 of word fd >> 5. */
export type fd_set = Uint32Array;

export const POLLIN_SET = EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR;
export const POLLOUT_SET = EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR;
export const POLLEX_SET = EPOLLPRI;

/** What select() is asked for, and what it found: readers, writers, exceptions. */
class fd_set_bits {
  readonly in: readonly (fd_set | null)[];
  readonly res: readonly Uint32Array[];
  readonly n: number;

  constructor(n: number, sets: readonly (fd_set | null)[]) {
    this.n = n;
    this.in = sets;
    this.res = sets.map(() => new Uint32Array((n + 31) >> 5));
  }

  wants(set: number, fd: number): boolean {
    return ((this.in[set]?.[fd >> 5] ?? 0) & (1 << (fd & 31))) !== 0;
  }
}

const select_sets = [POLLIN_SET, POLLOUT_SET, POLLEX_SET];

/** The greatest number that is asked for, plus one; -EBADF for one that is not open. */
function max_select_fd(n: number, fds: fd_set_bits): number {
  let max = 0;
  for (let fd = 0; fd < n; fd++) {
    if (!fds.wants(0, fd) && !fds.wants(1, fd) && !fds.wants(2, fd)) continue;
    if (fcheck(fd) === null) return -EBADF;
    max = fd + 1;
  }
  return max;
}

function select_each(n: number, fds: fd_set_bits, pt: poll_table): number {
  let retval = 0;
  for (let fd = 0; fd < n; fd++) {
    let key = 0;
    for (let s = 0; s < 3; s++) if (fds.wants(s, fd)) key |= select_sets[s];
    if (key === 0) continue;
    const f = fdget(fd);
    if (f === null) continue;
    pt._key = key | EPOLLERR | EPOLLHUP;
    const mask = vfs_poll(f, pt);
    fdput(f);
    for (let s = 0; s < 3; s++) {
      if (!fds.wants(s, fd) || (mask & select_sets[s]) === 0) continue;
      fds.res[s][fd >> 5] |= 1 << (fd & 31);
      retval++;
      pt._qproc = null;
    }
  }
  return retval;
}

/** Bits found, or a negative errno. */
function do_select(n: number, fds: fd_set_bits, timeout: number): number | Promise<number> {
  n = max_select_fd(n, fds);
  if (n < 0) return n;
  const retval = select_each(n, fds, no_wait);
  if (retval !== 0 || timeout === 0) return retval;
  return poll_loop((pt) => select_each(n, fds, pt), timeout, "do_select");
}

/** Selects; the sets become what was found. A timeout in ms, negative: none. */
export function core_sys_select(
  n: number,
  inp: fd_set | null,
  outp: fd_set | null,
  exp: fd_set | null,
  timeout_msecs: number,
): number | Promise<number> {
  if (!(n >= 0)) return -EINVAL;
  n = Math.min(n, current.files?.fd.length ?? 0);
  const fds = new fd_set_bits(n, [inp, outp, exp]);
  const store = (ret: number): number => {
    if (ret < 0) return ret;
    fds.in.forEach((set, s) => {
      if (set === null) return;
      set.fill(0);
      set.set(fds.res[s].subarray(0, set.length));
    });
    return ret;
  };
  const ret = do_select(n, fds, poll_timeout(timeout_msecs));
  return after_sleep(ret, store);
}

/** @differs the timeout in ms, negative for none */
export function __x64_sys_select(
  n: number,
  inp: fd_set | null,
  outp: fd_set | null,
  exp: fd_set | null,
  timeout_msecs: number,
): number | Promise<number> {
  return core_sys_select(n, inp, outp, exp, timeout_msecs);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// epoll: a set of watched files that remembers who became ready. epoll_ctl() hangs an epitem on the wait queues of its
// file; a wake-up there (ep_poll_callback) puts it on the ready list; epoll_wait() takes them off, asks each file
// again, and puts level-triggered ones back. Costs nothing for files where nothing happens.

import { IS_ERR } from "../include/linux/err.ts";
import { O_CLOEXEC, O_RDWR } from "../include/linux/fs.ts";
import type { file, file_operations } from "../include/linux/fs.ts";
import { msecs_to_jiffies } from "../include/linux/jiffies.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLRDNORM,
  EPOLLWAKEUP,
  poll_wait,
} from "../include/linux/poll.ts";
import type { poll_table } from "../include/linux/poll.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending,
  TASK_INTERRUPTIBLE,
} from "../include/linux/sched.ts";
import { list_head } from "../include/linux/types.ts";
import { list_add_tail, list_del_init, list_empty } from "../include/linux/list.ts";
import {
  add_wait_queue,
  add_wait_queue_exclusive,
  finish_wait,
  prepare_to_wait_exclusive,
  remove_wait_queue,
  wait_queue_entry,
  wait_queue_head,
  waitqueue_active,
  wake_up,
  wake_up_poll,
} from "../include/linux/wait.ts";
import {
  EBADF,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ELOOP,
  ENOENT,
  EPERM,
} from "../include/uapi/asm-generic/errno.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from "../include/uapi/linux/eventpoll.ts";
import type { epoll_event } from "../include/uapi/linux/eventpoll.ts";
import { DEFINE_WAIT, schedule_timeout } from "../kernel/sched/wait.ts";
import { fd_install, fdget, get_unused_fd_flags, put_unused_fd } from "./file.ts";
import { alloc_file, eventpoll_release_register, fput, fput_after } from "./file_table.ts";
import { vfs_poll } from "./select.ts";

/** Bits that are not events of a file. */
const EP_PRIVATE_BITS = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
const EPOLLEXCLUSIVE_OK_BITS = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET |
  EPOLLEXCLUSIVE;
const EP_MAX_NESTS = 4;
const EP_MAX_EVENTS = 0x7fffffff / 12;

/** One watched descriptor. */
class epitem {
  readonly ep: eventpoll;
  readonly file: file;
  readonly fd: number;
  events: number;
  data: unknown;
  /** Its entries on the file's queues. */
  readonly pwqlist: { wait: wait_queue_entry; whead: wait_queue_head }[] = [];
  /** Place in the ready list. */
  readonly rdllink: list_head<epitem>;

  constructor(ep: eventpoll, file: file, fd: number, event: epoll_event) {
    this.ep = ep;
    this.file = file;
    this.fd = fd;
    this.events = event.events | EPOLLERR | EPOLLHUP;
    this.data = event.data;
    this.rdllink = new list_head<epitem>(this);
  }
}

/** A set. */
class eventpoll {
  /** Sleepers in epoll_wait(). */
  readonly wq = new wait_queue_head();
  /** Who polls the set itself. */
  readonly poll_wait = new wait_queue_head();
  readonly rdllist = new list_head<epitem>();
  /** Items by file and descriptor. */
  readonly rbr: Map<file, Map<number, epitem>> = new Map();
  file!: file;
}

const eventpoll_fops: file_operations = {
  release: ep_eventpoll_release,
  poll: ep_eventpoll_poll,
};

function is_file_epoll(f: file): boolean {
  return f.f_op === eventpoll_fops;
}

/** A watched file woke its queue. */
function ep_poll_callback(wait: wait_queue_entry, _m: number, _s: number, key: number): number {
  const epi = wait.owner as epitem;
  const { ep } = epi;
  if ((epi.events & ~EP_PRIVATE_BITS) === 0) return 1;
  if (key !== 0 && (key & epi.events) === 0) return 1;
  ep_add_ready(epi);
  // Level-triggered exclusive waiters pass the wake-up on when nobody of this set takes it.
  let ewake = 0;
  if (waitqueue_active(ep.wq)) {
    ewake = 1;
    wake_up(ep.wq);
  }
  if (waitqueue_active(ep.poll_wait)) wake_up_poll(ep.poll_wait, EPOLLIN);
  return (epi.events & EPOLLEXCLUSIVE) !== 0 ? ewake : 1;
}

function ep_add_ready(epi: epitem): void {
  if (list_empty(epi.rdllink)) list_add_tail(epi.rdllink, epi.ep.rdllist);
}

/** A poll_table that hangs an item on the queues. */
class ep_pqueue implements poll_table {
  _qproc: ((filp: file, wq: wait_queue_head, p: poll_table) => void) | null;
  _key: number;
  readonly epi: epitem;

  constructor(epi: epitem) {
    this.epi = epi;
    this._key = epi.events;
    this._qproc = ep_ptable_queue_proc;
  }
}

function ep_ptable_queue_proc(_file: file, whead: wait_queue_head, p: poll_table): void {
  const { epi } = p as ep_pqueue;
  const wait = new wait_queue_entry(epi as unknown);
  wait.name = "epoll";
  wait.func = ep_poll_callback;
  epi.pwqlist.push({ wait, whead });
  if ((epi.events & EPOLLEXCLUSIVE) !== 0) add_wait_queue_exclusive(whead, wait);
  else add_wait_queue(whead, wait);
}

const ep_no_wait: poll_table = { _qproc: null, _key: 0 };

/** The events of an item now. */
function ep_item_poll(epi: epitem, pt: poll_table): number {
  pt._key = epi.events;
  return vfs_poll(epi.file, pt) & epi.events;
}

function ep_remove(ep: eventpoll, epi: epitem): void {
  for (const { wait, whead } of epi.pwqlist) remove_wait_queue(whead, wait);
  epi.pwqlist.length = 0;
  const watches = epi.file.f_ep as Set<epitem>;
  watches.delete(epi);
  if (watches.size === 0) epi.file.f_ep = null;
  const fds = ep.rbr.get(epi.file) as Map<number, epitem>;
  fds.delete(epi.fd);
  if (fds.size === 0) ep.rbr.delete(epi.file);
  list_del_init(epi.rdllink);
}

/** A watched file ends: so do its watches. */
function eventpoll_release_file(file: file): void {
  for (const epi of [...file.f_ep as Set<epitem>]) ep_remove(epi.ep, epi);
}

function ep_eventpoll_release(file: file): number {
  const ep = file.private_data as eventpoll;
  for (const fds of [...ep.rbr.values()]) for (const epi of [...fds.values()]) ep_remove(ep, epi);
  return 0;
}

function ep_eventpoll_poll(file: file, wait: poll_table | null): number {
  const ep = file.private_data as eventpoll;
  poll_wait(file, ep.poll_wait, wait);
  let next: list_head<epitem>;
  for (let p = ep.rdllist.next; p !== ep.rdllist; p = next) {
    next = p.next;
    if (ep_item_poll(p.owner, ep_no_wait) !== 0) return EPOLLIN | EPOLLRDNORM;
    list_del_init(p);
  }
  return 0;
}

/** Sets that `file` watches reach `ep`, or are too deep. */
function ep_loop_check(ep: eventpoll, file: file, depth: number): boolean {
  if (!is_file_epoll(file)) return false;
  const inner = file.private_data as eventpoll;
  if (inner === ep || depth > EP_MAX_NESTS) return true;
  for (const f of inner.rbr.keys()) if (ep_loop_check(ep, f, depth + 1)) return true;
  return false;
}

function ep_find(ep: eventpoll, file: file, fd: number): epitem | null {
  return ep.rbr.get(file)?.get(fd) ?? null;
}

/** The item has events: who waits for the set is told. */
function ep_notify(ep: eventpoll, epi: epitem): void {
  ep_add_ready(epi);
  if (waitqueue_active(ep.wq)) wake_up(ep.wq);
  if (waitqueue_active(ep.poll_wait)) wake_up_poll(ep.poll_wait, EPOLLIN);
}

function ep_insert(ep: eventpoll, event: epoll_event, tfile: file, fd: number): number {
  const epi = new epitem(ep, tfile, fd, event);
  let fds = ep.rbr.get(tfile);
  if (fds === undefined) ep.rbr.set(tfile, fds = new Map());
  fds.set(fd, epi);
  ((tfile.f_ep ??= new Set<epitem>()) as Set<epitem>).add(epi);
  if (ep_item_poll(epi, new ep_pqueue(epi)) !== 0) ep_notify(ep, epi);
  return 0;
}

function ep_modify(ep: eventpoll, epi: epitem, event: epoll_event): number {
  epi.events = event.events | EPOLLERR | EPOLLHUP;
  epi.data = event.data;
  if (ep_item_poll(epi, ep_no_wait) !== 0) ep_notify(ep, epi);
  return 0;
}

/** Hands over up to maxevents; how many. */
function ep_send_events(ep: eventpoll, events: epoll_event[], maxevents: number): number {
  let res = 0;
  let todo = 0;
  for (let p = ep.rdllist.next; p !== ep.rdllist; p = p.next) todo++;
  while (todo-- > 0 && res < maxevents && !list_empty(ep.rdllist)) {
    const epi = ep.rdllist.next.owner;
    list_del_init(epi.rdllink);
    const revents = ep_item_poll(epi, ep_no_wait);
    if (revents === 0) continue;
    const slot = events[res];
    if (slot === undefined) events[res] = { events: revents, data: epi.data };
    else {
      slot.events = revents;
      slot.data = epi.data;
    }
    res++;
    if ((epi.events & EPOLLONESHOT) !== 0) epi.events &= EP_PRIVATE_BITS;
    else if ((epi.events & EPOLLET) === 0) ep_add_ready(epi);
  }
  return res;
}

/** Sleeps until something is ready: how many were handed over, or -EINTR. */
function ep_poll_slow(
  ep: eventpoll,
  events: epoll_event[],
  maxevents: number,
  timeout: number,
): number | Promise<number> {
  const wait = DEFINE_WAIT("ep_poll");
  prepare_to_wait_exclusive(ep.wq, wait, TASK_INTERRUPTIBLE);
  if (signal_pending(current)) {
    finish_wait(ep.wq, wait);
    return -EINTR;
  }
  return after_sleep(schedule_timeout(wait, timeout), (left) => {
    finish_wait(ep.wq, wait);
    const res = ep_send_events(ep, events, maxevents);
    return res !== 0 || left === 0 ? res : ep_poll_slow(ep, events, maxevents, left);
  });
}

function ep_poll(
  ep: eventpoll,
  events: epoll_event[],
  maxevents: number,
  timeout: number,
): number | Promise<number> {
  const res = ep_send_events(ep, events, maxevents);
  if (res !== 0 || timeout === 0) return res;
  return ep_poll_slow(ep, events, maxevents, timeout);
}

function do_epoll_create(flags: number): number {
  if ((flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  const fd = get_unused_fd_flags(O_RDWR | (flags & O_CLOEXEC));
  if (fd < 0) return fd;
  const ep = new eventpoll();
  const file = alloc_file(ep, O_RDWR, eventpoll_fops);
  if (IS_ERR(file)) {
    put_unused_fd(fd);
    return file;
  }
  ep.file = file;
  eventpoll_release_register(eventpoll_release_file);
  fd_install(fd, file);
  return fd;
}

/** A descriptor of a new set, or a negative errno. */
export function __x64_sys_epoll_create1(flags: number): number {
  return do_epoll_create(flags);
}

/** What is wrong with an operation on these files, 0 for nothing. */
function epoll_ctl_check(f: file, tf: file, op: number, epds: epoll_event | null): number {
  if (tf.f_op.poll === undefined) return -EPERM;
  if (f === tf || !is_file_epoll(f)) return -EINVAL;
  if (epds !== null && op !== EPOLL_CTL_DEL && (epds.events & EPOLLEXCLUSIVE) !== 0) {
    if (op === EPOLL_CTL_MOD || is_file_epoll(tf)) return -EINVAL;
    if ((epds.events & ~EPOLLEXCLUSIVE_OK_BITS) !== 0) return -EINVAL;
  }
  return 0;
}

function do_epoll_ctl(
  f: file,
  tf: file,
  op: number,
  fd: number,
  epds: epoll_event | null,
): number {
  const err = epoll_ctl_check(f, tf, op, epds);
  if (err !== 0) return err;
  const ep = f.private_data as eventpoll;
  const epi = ep_find(ep, tf, fd);
  switch (op) {
    case EPOLL_CTL_ADD:
      if (ep_loop_check(ep, tf, 0)) return -ELOOP;
      return epi !== null ? -EEXIST : ep_insert(ep, epds!, tf, fd);
    case EPOLL_CTL_DEL:
      if (epi === null) return -ENOENT;
      ep_remove(ep, epi);
      return 0;
    case EPOLL_CTL_MOD:
      if (epi === null) return -ENOENT;
      return (epi.events & EPOLLEXCLUSIVE) !== 0 ? -EINVAL : ep_modify(ep, epi, epds!);
    default:
      return -EINVAL;
  }
}

/** Adds, changes or removes a watch: 0 or a negative errno. */
export function __x64_sys_epoll_ctl(
  epfd: number,
  op: number,
  fd: number,
  event: epoll_event | null,
): number | Promise<number> {
  if (op !== EPOLL_CTL_DEL && (event === null || event === undefined)) return -EFAULT;
  const f = fdget(epfd);
  if (f === null) return -EBADF;
  const tf = fdget(fd);
  if (tf === null) return fput_after(f, -EBADF);
  const error = do_epoll_ctl(f, tf, op, fd, event ?? null);
  fput(tf);
  return fput_after(f, error);
}

/** Stores who is ready: how many, 0 at the timeout (ms; negative: none), or a negative errno. */
export function __x64_sys_epoll_wait(
  epfd: number,
  events: epoll_event[],
  maxevents: number,
  timeout: number,
): number | Promise<number> {
  if (!(maxevents > 0) || maxevents > EP_MAX_EVENTS) return -EINVAL;
  const f = fdget(epfd);
  if (f === null) return -EBADF;
  if (!is_file_epoll(f)) return fput_after(f, -EINVAL);
  const jiffies = timeout < 0
    ? MAX_SCHEDULE_TIMEOUT
    : timeout === 0
    ? 0
    : Math.min(msecs_to_jiffies(timeout), MAX_SCHEDULE_TIMEOUT - 1);
  return fput_after(f, ep_poll(f.private_data as eventpoll, events, maxevents, jiffies));
}

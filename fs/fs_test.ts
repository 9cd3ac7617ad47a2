// SPDX-License-Identifier: GPL-2.0-only
//
// Descriptors, read, write, fcntl, poll and select, on a file that the test makes: a byte queue.

import { assertEquals } from "@std/assert";
import { sim_machine } from "../arch/sim/mod.ts";
import { files_struct } from "../include/linux/fdtable.ts";
import { FMODE_READ, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR } from "../include/linux/fs.ts";
import type { file, file_operations } from "../include/linux/fs.ts";
import { IS_ERR } from "../include/linux/err.ts";
import type { nsproxy } from "../include/linux/nsproxy.ts";
import {
  EPOLLET,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  poll_wait,
  POLLIN,
  POLLNVAL,
  POLLOUT,
} from "../include/linux/poll.ts";
import { switch_to, task_struct } from "../include/linux/sched.ts";
import {
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  FIONBIO,
} from "../include/linux/socket.ts";
import { copy_from_iter, copy_to_iter } from "../include/linux/uio.ts";
import {
  wait_queue_head,
  waitqueue_active,
  wake_up_interruptible_poll,
} from "../include/linux/wait.ts";
import {
  EAGAIN,
  EBADF,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  ELOOP,
  EMFILE,
  ENFILE,
  ENOENT,
  ENOTTY,
} from "../include/uapi/asm-generic/errno.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_MOD } from "../include/uapi/linux/eventpoll.ts";
import type { epoll_event } from "../include/uapi/linux/eventpoll.ts";
import { send_sig, SIGINT } from "../kernel/signal.ts";
import { ktime_get_ns } from "../include/linux/timekeeping.ts";
import { msleep } from "../kernel/time/timer.ts";
import { wait_event_interruptible } from "../kernel/sched/wait.ts";
import {
  __x64_sys_dup,
  __x64_sys_dup2,
  __x64_sys_dup3,
  close_fd,
  exit_files,
  fcheck,
  fd_install,
  get_unused_fd_flags,
  put_unused_fd,
} from "./file.ts";
import { __x64_sys_epoll_create1, __x64_sys_epoll_ctl, __x64_sys_epoll_wait } from "./eventpoll.ts";
import { alloc_file, files_init, get_nr_files, OPEN_FMODE, set_max_files } from "./file_table.ts";
import { __x64_sys_fcntl } from "./fcntl.ts";
import { __x64_sys_ioctl } from "./ioctl.ts";
import { __x64_sys_readv, __x64_sys_writev, ksys_read, ksys_write } from "./read_write.ts";
import { __x64_sys_poll, __x64_sys_select } from "./select.ts";
import { syscall_script_tests } from "../tools/testing/syscall_script.ts";

/** What is written to it is read from it. */
class byte_queue {
  readonly wait = new wait_queue_head();
  bytes: number[] = [];
  released = 0;
}

const fops: file_operations = {
  read_iter(iocb, to) {
    const q = iocb.ki_filp.private_data as byte_queue;
    const take = (): number => {
      const n = Math.min(q.bytes.length, to.count);
      return copy_to_iter(Uint8Array.from(q.bytes.splice(0, n)), 0, n, to);
    };
    if (q.bytes.length > 0) return take();
    if ((iocb.ki_filp.f_flags & O_NONBLOCK) !== 0) return -EAGAIN;
    const ret = wait_event_interruptible(q.wait, () => q.bytes.length > 0);
    if (!(ret instanceof Promise)) return take();
    return ret.then((err) => err < 0 ? -EINTR : take());
  },
  write_iter(iocb, from) {
    const q = iocb.ki_filp.private_data as byte_queue;
    const b = new Uint8Array(from.count);
    const n = copy_from_iter(b, 0, b.length, from);
    q.bytes.push(...b);
    wake_up_interruptible_poll(q.wait, EPOLLIN);
    return n;
  },
  poll(file, wait) {
    const q = file.private_data as byte_queue;
    poll_wait(file, q.wait, wait);
    return EPOLLOUT | (q.bytes.length > 0 ? EPOLLIN : 0);
  },
  release(file) {
    (file.private_data as byte_queue).released++;
    return 0;
  },
};

interface bench {
  m: sim_machine;
  task: task_struct;
  /** A new queue's descriptor. */
  open(flags?: number): { fd: number; q: byte_queue };
}

function setup(): bench {
  const m = new sim_machine();
  m.start();
  files_init();
  const task = new task_struct("test", null as unknown as nsproxy, new files_struct());
  switch_to(task);
  return {
    m,
    task,
    open(flags = O_RDWR) {
      const q = new byte_queue();
      const f = alloc_file(q, flags, fops);
      if (IS_ERR(f)) throw new Error(`alloc_file: ${f}`);
      const fd = get_unused_fd_flags(flags);
      fd_install(fd, f);
      return { fd, q };
    },
  };
}

const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);

Deno.test("get_unused_fd_flags() gives the lowest free number, -EMFILE at the limit", () => {
  const { task } = setup();
  assertEquals([0, 1, 2].map(() => get_unused_fd_flags(0)), [0, 1, 2]);
  put_unused_fd(1);
  assertEquals(get_unused_fd_flags(0), 1);
  task.files!.max_fds = 4;
  assertEquals(get_unused_fd_flags(0), 3);
  assertEquals(get_unused_fd_flags(0), -EMFILE);
});

Deno.test("alloc_file() answers -ENFILE at fs.file-max; OPEN_FMODE() knows who may read", () => {
  setup();
  set_max_files(0);
  assertEquals(alloc_file(null, O_RDWR, fops), -ENFILE);
  assertEquals(OPEN_FMODE(O_RDONLY), FMODE_READ);
});

Deno.test("close_fd() releases the file when nothing uses it any more, and once", () => {
  const { open } = setup();
  const { fd, q } = open();
  const dup = __x64_sys_dup(fd);
  assertEquals(dup, fd + 1);
  assertEquals(close_fd(fd), 0);
  assertEquals(q.released, 0);
  assertEquals(close_fd(dup), 0);
  assertEquals(q.released, 1);
  assertEquals(close_fd(dup), -EBADF);
  assertEquals(close_fd(-1), -EBADF);
  assertEquals(close_fd(NaN), -EBADF);
  assertEquals(get_nr_files(), 0);
});

Deno.test("a read that sleeps keeps the file open past close_fd()", async () => {
  const { m, task, open } = setup();
  const { fd, q } = open();
  const keep = __x64_sys_dup(fd);
  const f = fcheck(fd) as file;
  const buf = new Uint8Array(8);
  const n = ksys_read(fd, buf, 8);
  assertEquals(close_fd(fd), 0);
  assertEquals(f.f_count, 2);
  switch_to(task);
  assertEquals(ksys_write(keep, bytes("abc"), 3), 3);
  close_fd(keep);
  assertEquals(q.released, 0);
  assertEquals(await m.run_until(n as Promise<number>), 3);
  assertEquals(q.released, 1);
  assertEquals(buf.subarray(0, 3), bytes("abc"));
});

Deno.test("ksys_read() and ksys_write() check descriptor, mode, count and buffer", () => {
  const { open } = setup();
  const { fd } = open(O_RDWR | O_NONBLOCK);
  const ro = open(O_RDONLY).fd;
  const buf = new Uint8Array(4);
  assertEquals(ksys_read(99, buf, 4), -EBADF);
  assertEquals(ksys_read(fd, buf, 5), -EFAULT);
  assertEquals(ksys_read(fd, buf, -1), -EINVAL);
  assertEquals(ksys_read(fd, buf, 4), -EAGAIN);
  assertEquals(ksys_write(ro, buf, 4), -EBADF);
  assertEquals(ksys_write(fd, bytes("hello"), 5), 5);
  assertEquals(ksys_read(fd, buf, 4), 4);
  assertEquals(buf, bytes("hell"));
});

Deno.test("readv and writev walk the list; -EINVAL beyond UIO_MAXIOV", () => {
  const { open } = setup();
  const { fd } = open(O_RDWR | O_NONBLOCK);
  const vec = ["ab", "", "cde"].map((s) => ({ iov_base: bytes(s), iov_len: s.length }));
  assertEquals(__x64_sys_writev(fd, vec, 3), 5);
  const to = [3, 0, 9].map((n) => ({ iov_base: new Uint8Array(n), iov_len: n }));
  assertEquals(__x64_sys_readv(fd, to, 3), 5);
  assertEquals(to[0].iov_base, bytes("abc"));
  assertEquals(to[2].iov_base.subarray(0, 2), bytes("de"));
  assertEquals(__x64_sys_readv(fd, to, 1025), -EINVAL);
  assertEquals(__x64_sys_readv(fd, [], 0), 0);
  assertEquals(__x64_sys_readv(fd, [{ iov_base: new Uint8Array(1), iov_len: 2 }], 1), -EFAULT);
});

Deno.test("fcntl() knows F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD; ioctl() FIONBIO", () => {
  const { open, task } = setup();
  const { fd } = open(O_RDWR | O_CLOEXEC);
  assertEquals(__x64_sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
  assertEquals(__x64_sys_fcntl(fd, F_SETFD, 0), 0);
  assertEquals(__x64_sys_fcntl(fd, F_GETFD, 0), 0);
  assertEquals(__x64_sys_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  assertEquals((__x64_sys_fcntl(fd, F_GETFL, 0) as number) & O_NONBLOCK, O_NONBLOCK);
  assertEquals(__x64_sys_ioctl(fd, FIONBIO, Int32Array.of(0)), 0);
  assertEquals((__x64_sys_fcntl(fd, F_GETFL, 0) as number) & O_NONBLOCK, 0);
  assertEquals(__x64_sys_fcntl(fd, F_DUPFD, 10), 10);
  assertEquals(__x64_sys_fcntl(fd, F_DUPFD_CLOEXEC, 10), 11);
  assertEquals(__x64_sys_fcntl(11, F_GETFD, 0), FD_CLOEXEC);
  assertEquals(__x64_sys_fcntl(fd, F_DUPFD, task.files!.max_fds), -EINVAL);
  assertEquals(__x64_sys_fcntl(fd, 4711, 0), -EINVAL);
  assertEquals(__x64_sys_fcntl(99, F_GETFL, 0), -EBADF);
  assertEquals(__x64_sys_ioctl(fd, 0x5401, null), -ENOTTY);
  assertEquals(__x64_sys_ioctl(fd, FIONBIO, null), -EFAULT);
  assertEquals(get_unused_fd_flags(0), fd + 1);
});

Deno.test("dup2() closes what newfd was", () => {
  const { open } = setup();
  const a = open(), b = open();
  assertEquals(__x64_sys_dup2(a.fd, b.fd), b.fd);
  assertEquals(b.q.released, 1);
  assertEquals(fcheck(a.fd), fcheck(b.fd));
  assertEquals(__x64_sys_dup2(a.fd, a.fd), a.fd);
  assertEquals(__x64_sys_dup3(a.fd, a.fd, 0), -EINVAL);
  assertEquals(__x64_sys_dup2(99, 5), -EBADF);
  assertEquals(__x64_sys_dup2(a.fd, 20), 20);
  assertEquals(get_unused_fd_flags(0), 2);
});

Deno.test("poll() answers at once, after a wake-up, at its timeout, and at a signal", async () => {
  const { m, task, open } = setup();
  const { fd, q } = open();
  const fds = [{ fd, events: POLLIN | POLLOUT, revents: 0 }, { fd: 99, events: 0, revents: 0 }];
  assertEquals(__x64_sys_poll(fds, 2, -1), 2);
  assertEquals(fds.map((f) => f.revents), [POLLOUT, POLLNVAL]);
  const one = [{ fd, events: POLLIN, revents: 0 }];
  assertEquals(__x64_sys_poll(one, 1, 0), 0);

  let t0 = ktime_get_ns();
  assertEquals(await m.run_until(__x64_sys_poll(one, 1, 250) as Promise<number>), 0);
  assertEquals(ktime_get_ns() - t0 >= 250e6, true);
  assertEquals(waitqueue_active(q.wait), false);

  switch_to(task);
  t0 = ktime_get_ns();
  const p = __x64_sys_poll(one, 1, -1) as Promise<number>;
  await m.run_until(msleep(10));
  switch_to(task);
  ksys_write(fd, bytes("x"), 1);
  assertEquals(await m.run_until(p), 1);
  assertEquals(one[0].revents, POLLIN);
  assertEquals(waitqueue_active(q.wait), false);

  switch_to(task);
  q.bytes = [];
  const p2 = __x64_sys_poll(one, 1, -1) as Promise<number>;
  send_sig(SIGINT, task, 0);
  assertEquals(await m.run_until(p2), -EINTR);
  task.pending = 0;
  switch_to(task);
  assertEquals(__x64_sys_poll([], 0, 0), 0);
  assertEquals(__x64_sys_poll([], 1 << 21, 0), -EINVAL);
});

Deno.test("select() tells which are ready, -EBADF for one that is not open", async () => {
  const { m, task, open } = setup();
  const { fd } = open();
  const other = open().fd;
  const r = Uint32Array.of((1 << fd) | (1 << other));
  const p = __x64_sys_select(8, r, null, null, -1) as Promise<number>;
  switch_to(task);
  ksys_write(other, bytes("x"), 1);
  assertEquals(await m.run_until(p), 1);
  assertEquals(r[0], 1 << other);
  switch_to(task);
  assertEquals(__x64_sys_select(8, Uint32Array.of(1 << fd), null, null, 0), 0);
  assertEquals(__x64_sys_select(2, null, Uint32Array.of(3), null, 0), 2);
  close_fd(other);
  assertEquals(__x64_sys_select(8, Uint32Array.of(1 << other), null, null, 0), -EBADF);
});

Deno.test("epoll tells level, edge and once", async () => {
  const { m, task, open } = setup();
  const { fd } = open();
  const ep = __x64_sys_epoll_create1(0);
  const ev: epoll_event[] = [];
  const read = (): unknown => ksys_read(fd, new Uint8Array(9), 9);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, { events: EPOLLIN, data: 1 }), -ENOENT);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, null), -EFAULT);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, ep, { events: EPOLLIN, data: 1 }), -EINVAL);
  assertEquals(__x64_sys_epoll_ctl(fd, EPOLL_CTL_ADD, ep, { events: EPOLLIN, data: 1 }), -EINVAL);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, 99, { events: EPOLLIN, data: 1 }), -EBADF);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 1 }), 0);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 1 }), -EEXIST);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 0);
  const p = __x64_sys_epoll_wait(ep, ev, 4, -1) as Promise<number>;
  switch_to(task);
  ksys_write(fd, bytes("x"), 1);
  assertEquals(await m.run_until(p), 1);
  assertEquals(ev, [{ events: EPOLLIN, data: 1 }]);
  switch_to(task);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 1);
  assertEquals(read(), 1);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 0);

  const et = { events: EPOLLIN | EPOLLET, data: 2 };
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, et), 0);
  ksys_write(fd, bytes("x"), 1);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 1);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 0);
  ksys_write(fd, bytes("x"), 1);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 1);

  const once = { events: EPOLLIN | EPOLLONESHOT, data: 3 };
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, once), 0);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 1);
  ksys_write(fd, bytes("x"), 1);
  assertEquals(__x64_sys_epoll_wait(ep, ev, 4, 0), 0);

  const outer = __x64_sys_epoll_create1(0);
  assertEquals(__x64_sys_epoll_ctl(outer, EPOLL_CTL_ADD, ep, { events: EPOLLIN, data: 4 }), 0);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_ADD, outer, { events: EPOLLIN, data: 5 }), -ELOOP);
  assertEquals(__x64_sys_epoll_wait(outer, ev, 4, 0), 0);
  assertEquals(__x64_sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, { events: EPOLLIN, data: 1 }), 0);
  assertEquals(__x64_sys_epoll_wait(outer, ev, 4, 0), 1);
  close_fd(fd);
  assertEquals(__x64_sys_epoll_wait(outer, ev, 4, 0), 0);
  exit_files(task);
  assertEquals(get_nr_files(), 0);
});

Deno.test("exit_files() closes everything", () => {
  const { task, open } = setup();
  const qs = [open(), open(), open()];
  assertEquals(exit_files(task), undefined);
  assertEquals(qs.map((o) => o.q.released), [1, 1, 1]);
  assertEquals(get_nr_files(), 0);
  assertEquals(close_fd(0), -EBADF);
});

syscall_script_tests("poll");

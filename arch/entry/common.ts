// SPDX-License-Identifier: GPL-2.0-only
//
// The gate between programs and the stack. do_syscall_64() looks the number up in sys_call_table and calls with
// up to six arguments; each call starts by reading the clock. class userland is what libc is to a
// program in C: one method per system call, bound to one task. Answers are those of the kernel, a number or
// (only where the call sleeps) a promise of one, negative for an error.

import type { fd_set } from "../../fs/select.ts";
import { __x64_sys_poll, __x64_sys_select } from "../../fs/select.ts";
import {
  __x64_sys_dup,
  __x64_sys_dup2,
  __x64_sys_dup3,
  close_fd,
  exit_files,
} from "../../fs/file.ts";
import {
  __x64_sys_epoll_create1,
  __x64_sys_epoll_ctl,
  __x64_sys_epoll_wait,
} from "../../fs/eventpoll.ts";
import { __x64_sys_fcntl } from "../../fs/fcntl.ts";
import { __x64_sys_ioctl } from "../../fs/ioctl.ts";
import { __x64_sys_pipe2 } from "../../fs/pipe.ts";
import {
  __x64_sys_lseek,
  __x64_sys_read,
  __x64_sys_readv,
  __x64_sys_write,
  __x64_sys_writev,
} from "../../fs/read_write.ts";
import { __x64_sys_sendfile64, __x64_sys_splice } from "../../fs/splice.ts";
import { files_struct } from "../../include/linux/fdtable.ts";
import type { loff_t_ptr } from "../../include/linux/fs.ts";
import { nsproxy } from "../../include/linux/nsproxy.ts";
import type { pollfd } from "../../include/linux/poll.ts";
import {
  after_sleep,
  current,
  flush_signals,
  switch_to,
  task_struct,
} from "../../include/linux/sched.ts";
import { SOCKADDR_IN_SIZE } from "../../include/linux/socket.ts";
import type { mmsghdr, user_msghdr } from "../../include/linux/socket.ts";
import type { iovec } from "../../include/linux/uio.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { EINTR, ENOSYS, ERESTARTSYS } from "../../include/uapi/asm-generic/errno.ts";
import type { epoll_event } from "../../include/uapi/linux/eventpoll.ts";
import * as nr from "../../include/uapi/asm-generic/unistd.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { send_sig } from "../../kernel/signal.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import { __x64_sys_memfd_create } from "../../mm/memfd.ts";
import {
  sys_accept,
  sys_accept4,
  sys_bind,
  sys_connect,
  sys_getpeername,
  sys_getsockname,
  sys_getsockopt,
  sys_listen,
  sys_recvfrom,
  sys_recvmmsg,
  sys_recvmsg,
  sys_sendmmsg,
  sys_sendmsg,
  sys_sendto,
  sys_setsockopt,
  sys_shutdown,
  sys_socket,
  sys_socketpair,
} from "../../net/socket.ts";

/** A system call: up to six arguments. */
export type sys_call_ptr_t = (
  di: unknown,
  si: unknown,
  dx: unknown,
  r10: unknown,
  r8: unknown,
  r9: unknown,
) => number | Promise<number>;

const SIGKILL = 9;

function __x64_sys_close(fd: number): number | Promise<number> {
  return close_fd(fd);
}

function __x64_sys_getpid(): number {
  return current.pid;
}

function sys_ni_syscall(): number {
  return -ENOSYS;
}

/** Calls by number. */
export const sys_call_table: sys_call_ptr_t[] = new Array(nr.__NR_syscalls).fill(sys_ni_syscall);

const calls: readonly [number, (...args: never[]) => number | Promise<number>][] = [
  [nr.__NR_read, __x64_sys_read],
  [nr.__NR_write, __x64_sys_write],
  [nr.__NR_close, __x64_sys_close],
  [nr.__NR_poll, __x64_sys_poll],
  [nr.__NR_lseek, __x64_sys_lseek],
  [nr.__NR_ioctl, __x64_sys_ioctl],
  [nr.__NR_readv, __x64_sys_readv],
  [nr.__NR_writev, __x64_sys_writev],
  [nr.__NR_select, __x64_sys_select],
  [nr.__NR_dup, __x64_sys_dup],
  [nr.__NR_dup2, __x64_sys_dup2],
  [nr.__NR_dup3, __x64_sys_dup3],
  [nr.__NR_getpid, __x64_sys_getpid],
  [nr.__NR_sendfile, __x64_sys_sendfile64],
  [nr.__NR_socket, sys_socket],
  [nr.__NR_connect, sys_connect],
  [nr.__NR_accept, sys_accept],
  [nr.__NR_sendto, sys_sendto],
  [nr.__NR_recvfrom, sys_recvfrom],
  [nr.__NR_sendmsg, sys_sendmsg],
  [nr.__NR_recvmsg, sys_recvmsg],
  [nr.__NR_shutdown, sys_shutdown],
  [nr.__NR_bind, sys_bind],
  [nr.__NR_listen, sys_listen],
  [nr.__NR_getsockname, sys_getsockname],
  [nr.__NR_getpeername, sys_getpeername],
  [nr.__NR_socketpair, sys_socketpair],
  [nr.__NR_setsockopt, sys_setsockopt],
  [nr.__NR_getsockopt, sys_getsockopt],
  [nr.__NR_fcntl, __x64_sys_fcntl],
  [nr.__NR_epoll_wait, __x64_sys_epoll_wait],
  [nr.__NR_epoll_ctl, __x64_sys_epoll_ctl],
  [nr.__NR_splice, __x64_sys_splice],
  [nr.__NR_accept4, sys_accept4],
  [nr.__NR_epoll_create1, __x64_sys_epoll_create1],
  [nr.__NR_recvmmsg, sys_recvmmsg],
  [nr.__NR_pipe2, __x64_sys_pipe2],
  [nr.__NR_sendmmsg, sys_sendmmsg],
  [nr.__NR_memfd_create, __x64_sys_memfd_create],
];
for (const [n, fn] of calls) sys_call_table[n] = fn as sys_call_ptr_t;

/** Signals have no handlers here: a call that one ended is not started again. */
function syscall_exit_to_user_mode(task: task_struct, ret: number): number {
  if (task.pending !== 0 && task.files !== null) flush_signals(task);
  return ret === -ERESTARTSYS ? -EINTR : ret;
}

/** One system call of the running task. */
export function do_syscall_64(
  nr: number,
  di?: unknown,
  si?: unknown,
  dx?: unknown,
  r10?: unknown,
  r8?: unknown,
  r9?: unknown,
): number | Promise<number> {
  const task = current;
  update_wall_time();
  const call = sys_call_table[nr] ?? sys_ni_syscall;
  const ret = call(di, si, dx, r10, r8, r9);
  return after_sleep(ret, (ret) => syscall_exit_to_user_mode(task, ret));
}

/** Every program that has not ended, for the leak report. @local */
export const living_tasks: Set<task_struct> = new Set();

/** A new program on a host, with no descriptors open. @local */
export function create_task(comm: string, n: net): task_struct {
  const task = new task_struct(comm, new nsproxy(n), new files_struct());
  living_tasks.add(task);
  return task;
}

/** Ends a program: its sleeps end with -EINTR, its descriptors are closed. */
export function do_exit(task: task_struct): void | Promise<void> {
  const was = current;
  if (!living_tasks.delete(task)) return;
  update_wall_time();
  switch_to(task);
  const closed = exit_files(task);
  send_sig(SIGKILL, task, 0);
  switch_to(was);
  return closed;
}

/** The system calls of one task: like libc's, but for -errno in place of errno. @local */
export class userland {
  /** The program. */
  readonly task: task_struct;

  /** The calls of a program: see create_task(). */
  constructor(task: task_struct) {
    this.task = task;
  }

  private call(
    n: number,
    di?: unknown,
    si?: unknown,
    dx?: unknown,
    r10?: unknown,
    r8?: unknown,
    r9?: unknown,
  ): number | Promise<number> {
    switch_to(this.task);
    return do_syscall_64(n, di, si, dx, r10, r8, r9);
  }

  /** `type` with SOCK_NONBLOCK or SOCK_CLOEXEC: a descriptor. */
  sys_socket(family: number, type: number, protocol = 0): number {
    return this.call(nr.__NR_socket, family, type, protocol) as number;
  }

  /** -EOPNOTSUPP: Internet sockets come in no pairs. */
  sys_socketpair(family: number, type: number, protocol: number, sv: Int32Array): number {
    return this.call(nr.__NR_socketpair, family, type, protocol, sv) as number;
  }

  /**
   * 0, -EADDRINUSE, -EADDRNOTAVAIL, -EACCES below ip_unprivileged_port_start, -EINVAL if it is bound.
   */
  sys_bind(fd: number, addr: sockaddr | null, addrlen = SOCKADDR_IN_SIZE): number {
    return this.call(nr.__NR_bind, fd, addr, addrlen) as number;
  }

  /** `backlog` connections at most wait for accept(), no more than net.core.somaxconn. */
  sys_listen(fd: number, backlog: number): number {
    return this.call(nr.__NR_listen, fd, backlog) as number;
  }

  /** A connection's descriptor; stores the peer's address. */
  sys_accept(
    fd: number,
    addr: sockaddr | null = null,
    addrlen: Int32Array | null = socklen(addr),
  ): number | Promise<number> {
    return this.call(nr.__NR_accept, fd, addr, addrlen);
  }

  /** As sys_accept(), with SOCK_NONBLOCK and SOCK_CLOEXEC as flags. */
  sys_accept4(
    fd: number,
    addr: sockaddr | null,
    addrlen: Int32Array | null,
    flags: number,
  ): number | Promise<number> {
    return this.call(nr.__NR_accept4, fd, addr, addrlen, flags);
  }

  /**
   * 0; -EINPROGRESS where it is O_NONBLOCK, else it sleeps: -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH.
   */
  sys_connect(
    fd: number,
    addr: sockaddr | null,
    addrlen = SOCKADDR_IN_SIZE,
  ): number | Promise<number> {
    return this.call(nr.__NR_connect, fd, addr, addrlen);
  }

  /** Bytes read, 0 at the end. */
  sys_read(fd: number, buf: Uint8Array, count = buf.length): number | Promise<number> {
    switch_to(this.task);
    return do_syscall_64(nr.__NR_read, fd, buf, count);
  }

  /** Bytes written, which may be fewer. */
  sys_write(fd: number, buf: Uint8Array, count = buf.length): number | Promise<number> {
    switch_to(this.task);
    return do_syscall_64(nr.__NR_write, fd, buf, count);
  }

  /** As sys_read(), into several buffers. */
  sys_readv(fd: number, vec: readonly iovec[], vlen = vec.length): number | Promise<number> {
    return this.call(nr.__NR_readv, fd, vec, vlen);
  }

  /** As sys_write(), out of several buffers. */
  sys_writev(fd: number, vec: readonly iovec[], vlen = vec.length): number | Promise<number> {
    return this.call(nr.__NR_writev, fd, vec, vlen);
  }

  /** `flags` MSG_*. */
  sys_send(
    fd: number,
    buf: Uint8Array,
    len = buf.length,
    flags = 0,
  ): number | Promise<number> {
    return this.call(nr.__NR_sendto, fd, buf, len, flags, null, 0);
  }

  /** As sys_send(), to an address. */
  sys_sendto(
    fd: number,
    buf: Uint8Array,
    len: number,
    flags: number,
    addr: sockaddr | null,
    addrlen = SOCKADDR_IN_SIZE,
  ): number | Promise<number> {
    return this.call(nr.__NR_sendto, fd, buf, len, flags, addr, addrlen);
  }

  /** Buffers, address and control messages; bytes sent. */
  sys_sendmsg(fd: number, msg: user_msghdr, flags = 0): number | Promise<number> {
    return this.call(nr.__NR_sendmsg, fd, msg, flags);
  }

  /** Several messages; how many were sent, each with its bytes in msg_len. */
  sys_sendmmsg(
    fd: number,
    mmsg: readonly mmsghdr[],
    vlen: number,
    flags: number,
  ): number | Promise<number> {
    return this.call(nr.__NR_sendmmsg, fd, mmsg, vlen, flags);
  }

  /** `flags` MSG_*: bytes received, 0 at the end. */
  sys_recv(
    fd: number,
    buf: Uint8Array,
    size = buf.length,
    flags = 0,
  ): number | Promise<number> {
    return this.call(nr.__NR_recvfrom, fd, buf, size, flags, null, null);
  }

  /** Stores the sender's address. */
  sys_recvfrom(
    fd: number,
    buf: Uint8Array,
    size: number,
    flags: number,
    addr: sockaddr | null = null,
    addrlen: Int32Array | null = socklen(addr),
  ): number | Promise<number> {
    return this.call(nr.__NR_recvfrom, fd, buf, size, flags, addr, addrlen);
  }

  /** As sys_recvfrom(), with control messages; msg_flags tells MSG_TRUNC and the like. */
  sys_recvmsg(fd: number, msg: user_msghdr, flags = 0): number | Promise<number> {
    return this.call(nr.__NR_recvmsg, fd, msg, flags);
  }

  /** `timeout` in ns, null: none. */
  sys_recvmmsg(
    fd: number,
    mmsg: readonly mmsghdr[],
    vlen: number,
    flags: number,
    timeout: number | null = null,
  ): number | Promise<number> {
    return this.call(nr.__NR_recvmmsg, fd, mmsg, vlen, flags, timeout);
  }

  /** `how` SHUT_* */
  sys_shutdown(fd: number, how: number): number | Promise<number> {
    return this.call(nr.__NR_shutdown, fd, how);
  }

  /** 0 or -EBADF; sleeps only for SO_LINGER. */
  sys_close(fd: number): number | Promise<number> {
    return this.call(nr.__NR_close, fd);
  }

  /** 0; stores our address. */
  sys_getsockname(
    fd: number,
    addr: sockaddr | null,
    addrlen: Int32Array | null = name_socklen(addr),
  ): number {
    return this.call(nr.__NR_getsockname, fd, addr, addrlen) as number;
  }

  /** 0; stores the peer's address. -ENOTCONN. */
  sys_getpeername(
    fd: number,
    addr: sockaddr | null,
    addrlen: Int32Array | null = name_socklen(addr),
  ): number {
    return this.call(nr.__NR_getpeername, fd, addr, addrlen) as number;
  }

  /** `optval` bytes, ints little-endian. */
  sys_setsockopt(
    fd: number,
    level: number,
    optname: number,
    optval: Uint8Array | null,
    optlen = optval?.length ?? 0,
  ): number | Promise<number> {
    return this.call(nr.__NR_setsockopt, fd, level, optname, optval, optlen);
  }

  /** Stores the option in optval and its length in optlen. -ENOPROTOOPT. */
  sys_getsockopt(
    fd: number,
    level: number,
    optname: number,
    optval: Uint8Array | null,
    optlen: Int32Array | null,
  ): number | Promise<number> {
    return this.call(nr.__NR_getsockopt, fd, level, optname, optval, optlen);
  }

  /** `cmd` F_GETFL, F_SETFL (O_NONBLOCK), F_DUPFD and the like. */
  sys_fcntl(fd: number, cmd: number, arg = 0): number {
    return this.call(nr.__NR_fcntl, fd, cmd, arg) as number;
  }

  /** `arg` an int, or the bytes of a struct. */
  sys_ioctl(fd: number, cmd: number, arg: Int32Array | null = null): number {
    return this.call(nr.__NR_ioctl, fd, cmd, arg) as number;
  }

  /** How many have events; `timeout` in ms, negative: none. */
  sys_poll(
    fds: readonly pollfd[],
    nfds = fds.length,
    timeout = -1,
  ): number | Promise<number> {
    return this.call(nr.__NR_poll, fds, nfds, timeout);
  }

  /** `timeout` in ms, negative: none. */
  sys_select(
    n: number,
    inp: fd_set | null,
    outp: fd_set | null,
    exp: fd_set | null,
    timeout = -1,
  ): number | Promise<number> {
    return this.call(nr.__NR_select, n, inp, outp, exp, timeout);
  }

  /** A descriptor for sys_epoll_ctl(). */
  sys_epoll_create1(flags = 0): number {
    return this.call(nr.__NR_epoll_create1, flags) as number;
  }

  /** `op` EPOLL_CTL_* */
  sys_epoll_ctl(epfd: number, op: number, fd: number, event: epoll_event | null): number {
    return this.call(nr.__NR_epoll_ctl, epfd, op, fd, event) as number;
  }

  /** How many are ready, stored in events; `timeout` in ms, negative: none. */
  sys_epoll_wait(
    epfd: number,
    events: epoll_event[],
    maxevents: number,
    timeout = -1,
  ): number | Promise<number> {
    return this.call(nr.__NR_epoll_wait, epfd, events, maxevents, timeout);
  }

  /** Another descriptor for the same open file. */
  sys_dup(fd: number): number {
    return this.call(nr.__NR_dup, fd) as number;
  }

  /** `newfd`, which is closed first if it is open. */
  sys_dup2(oldfd: number, newfd: number): number | Promise<number> {
    return this.call(nr.__NR_dup2, oldfd, newfd);
  }

  /** As sys_dup2(), with O_CLOEXEC as a flag. */
  sys_dup3(oldfd: number, newfd: number, flags: number): number | Promise<number> {
    return this.call(nr.__NR_dup3, oldfd, newfd, flags);
  }

  /** The position, moved by SEEK_*; -ESPIPE: sockets and pipes have none. */
  sys_lseek(fd: number, offset: number, whence: number): number {
    return this.call(nr.__NR_lseek, fd, offset, whence) as number;
  }

  /** A descriptor of a new file in memory. */
  sys_memfd_create(name: string, flags = 0): number {
    return this.call(nr.__NR_memfd_create, name, flags) as number;
  }

  /** Stores the descriptors of a pipe's reading and writing end; O_NONBLOCK, O_CLOEXEC. */
  sys_pipe2(fildes: Int32Array, flags = 0): number {
    return this.call(nr.__NR_pipe2, fildes, flags) as number;
  }

  /** Sends bytes of a file from `offset` (moved along) or its position on: how many. */
  sys_sendfile(
    out_fd: number,
    in_fd: number,
    offset: loff_t_ptr | null,
    count: number,
  ): number | Promise<number> {
    return this.call(nr.__NR_sendfile, out_fd, in_fd, offset, count);
  }

  /** Moves bytes from or to a pipe without copying: how many, 0 at the end. */
  sys_splice(
    fd_in: number,
    off_in: loff_t_ptr | null,
    fd_out: number,
    off_out: loff_t_ptr | null,
    len: number,
    flags = 0,
  ): number | Promise<number> {
    return this.call(nr.__NR_splice, fd_in, off_in, fd_out, off_out, len, flags);
  }

  /** The number of the program. */
  sys_getpid(): number {
    return this.call(nr.__NR_getpid) as number;
  }

  /** The program ends. */
  sys_exit(): void | Promise<void> {
    return do_exit(this.task);
  }
}

/** Room for the length of an address that is to be stored. */
function socklen(addr: sockaddr | null): Int32Array | null {
  return addr === null ? null : Int32Array.of(SOCKADDR_IN_SIZE);
}

const name_len = new Int32Array(1);

/** As socklen(), for calls that do not sleep: they share one. */
function name_socklen(addr: sockaddr | null): Int32Array | null {
  if (addr === null) return null;
  name_len[0] = SOCKADDR_IN_SIZE;
  return name_len;
}

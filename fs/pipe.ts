// SPDX-License-Identifier: GPL-2.0-only
//
// Pipes: pipe2() makes one and a file for each end. Bytes stand in pages of the ring, which splice() (fs/splice.ts)
// fills and empties without looking into them. Whoever works on the ring has the pipe locked.

import { IS_ERR } from "../include/linux/err.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../include/linux/fs.ts";
import type { file, file_operations, kiocb } from "../include/linux/fs.ts";
import {
  pipe_buf,
  PIPE_BUF_FLAG_CAN_MERGE,
  pipe_buffer,
  PIPE_DEF_BUFFERS,
  pipe_empty,
  pipe_full,
  pipe_inode_info,
  pipe_tail_buf,
} from "../include/linux/pipe_fs_i.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDNORM,
  EPOLLWRNORM,
  poll_wait,
} from "../include/linux/poll.ts";
import type { poll_table } from "../include/linux/poll.ts";
import { after_sleep, current } from "../include/linux/sched.ts";
import { PAGE_SIZE } from "../include/linux/skbuff.ts";
import { FIONREAD } from "../include/linux/socket.ts";
import { copy_from_iter, copy_to_iter } from "../include/linux/uio.ts";
import type { iov_iter } from "../include/linux/uio.ts";
import { wake_up_all, wake_up_interruptible_sync_poll } from "../include/linux/wait.ts";
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENFILE,
  ENOIOCTLCMD,
  EPIPE,
} from "../include/uapi/asm-generic/errno.ts";
import { FMODE_READ, FMODE_WRITE } from "../include/linux/fs.ts";
import { mutex_lock, mutex_unlock } from "../kernel/locking/mutex.ts";
import { wait_event_interruptible } from "../kernel/sched/wait.ts";
import { send_sig, SIGPIPE } from "../kernel/signal.ts";
import { alloc_pages, put_page } from "../mm/page_alloc.ts";
import { fd_install, get_unused_fd_flags, put_unused_fd } from "./file.ts";
import { alloc_file, fput } from "./file_table.ts";

/** Larger than any count of bytes and than any errno: the call has to sleep first. @local */
const MUST_SLEEP = -4096;

const pipefifo_fops: file_operations = {
  read_iter: pipe_read,
  write_iter: pipe_write,
  poll: pipe_poll,
  unlocked_ioctl: pipe_ioctl,
  release: pipe_release,
};

export function pipe_lock(pipe: pipe_inode_info): void | Promise<void> {
  return mutex_lock(pipe.mutex);
}

export function pipe_unlock(pipe: pipe_inode_info): void {
  mutex_unlock(pipe.mutex);
}

/** The pipe of a file, null where it is another kind of file. */
export function get_pipe_info(file: file): pipe_inode_info | null {
  return file.f_op === pipefifo_fops ? file.private_data as pipe_inode_info : null;
}

/** Gives a piece's page back. */
export function pipe_buf_release(buf: pipe_buffer): void {
  const { page } = buf;
  buf.page = null;
  if (page !== null) put_page(page);
}

export function wakeup_pipe_readers(pipe: pipe_inode_info): void {
  wake_up_interruptible_sync_poll(pipe.rd_wait, EPOLLIN | EPOLLRDNORM);
}

export function wakeup_pipe_writers(pipe: pipe_inode_info): void {
  wake_up_interruptible_sync_poll(pipe.wr_wait, EPOLLOUT | EPOLLWRNORM);
}

/** There are bytes, or nobody left to write any. */
function pipe_readable(pipe: pipe_inode_info): boolean {
  return !pipe_empty(pipe.head, pipe.tail) || pipe.writers === 0;
}

function pipe_writable(pipe: pipe_inode_info): boolean {
  return !pipe_full(pipe.head, pipe.tail, pipe.max_usage) || pipe.readers === 0;
}

/** Sleeps, with the pipe unlocked, until there may be bytes: 0 or -ERESTARTSYS. @differs answers it */
export function pipe_wait_readable(pipe: pipe_inode_info): number | Promise<number> {
  pipe_unlock(pipe);
  const ret = wait_event_interruptible(pipe.rd_wait, () => pipe_readable(pipe));
  return after_sleep(ret, (v) => after_sleep(pipe_lock(pipe), () => v));
}

/** As pipe_wait_readable(), until there may be room. */
export function pipe_wait_writable(pipe: pipe_inode_info): number | Promise<number> {
  pipe_unlock(pipe);
  const ret = wait_event_interruptible(pipe.wr_wait, () => pipe_writable(pipe));
  return after_sleep(ret, (v) => after_sleep(pipe_lock(pipe), () => v));
}

/** Runs `fn` with the pipe locked. @local */
export function with_pipe_lock(
  pipe: pipe_inode_info,
  fn: () => number | Promise<number>,
): number | Promise<number> {
  return after_sleep(pipe_lock(pipe), () =>
    after_sleep(fn(), (ret) => {
      pipe_unlock(pipe);
      return ret;
    }));
}

/** Copies what is there to the program: bytes, 0 at the end, a negative errno, or MUST_SLEEP. */
function pipe_read_copy(pipe: pipe_inode_info, filp: file, to: iov_iter): number {
  const was_full = pipe_full(pipe.head, pipe.tail, pipe.max_usage);
  let ret = 0;
  while (to.count > 0 && !pipe_empty(pipe.head, pipe.tail)) {
    const buf = pipe_tail_buf(pipe);
    const chars = copy_to_iter(buf.page!.u8, buf.offset, Math.min(buf.len, to.count), to);
    ret += chars;
    buf.offset += chars;
    buf.len -= chars;
    if (buf.len > 0) break;
    pipe_buf_release(buf);
    pipe.tail = (pipe.tail + 1) | 0;
  }
  if (ret > 0) {
    if (was_full) wakeup_pipe_writers(pipe);
    return ret;
  }
  if (to.count === 0 || pipe.writers === 0) return 0;
  return (filp.f_flags & O_NONBLOCK) !== 0 ? -EAGAIN : MUST_SLEEP;
}

function pipe_read(iocb: kiocb, to: iov_iter): number | Promise<number> {
  const filp = iocb.ki_filp;
  const pipe = filp.private_data as pipe_inode_info;
  const read = (): number | Promise<number> => {
    const ret = pipe_read_copy(pipe, filp, to);
    if (ret !== MUST_SLEEP) return ret;
    return after_sleep(pipe_wait_readable(pipe), (err) => err < 0 ? err : read());
  };
  return with_pipe_lock(pipe, read);
}

/** Adds a piece of a page at the head, where there is room; the reference goes over. @local */
export function pipe_add_page(
  pipe: pipe_inode_info,
  page: NonNullable<pipe_buffer["page"]>,
  offset: number,
  len: number,
  flags = 0,
): void {
  const buf = pipe_buf(pipe, pipe.head);
  buf.page = page;
  buf.offset = offset;
  buf.len = len;
  buf.flags = flags;
  pipe.head = (pipe.head + 1) | 0;
}

/** The tail of a write that fills no page goes behind the last piece, if there it has room: bytes. */
function pipe_write_merge(pipe: pipe_inode_info, from: iov_iter): number {
  const chars = from.count & (PAGE_SIZE - 1);
  if (chars === 0 || pipe_empty(pipe.head, pipe.tail)) return 0;
  const buf = pipe_buf(pipe, pipe.head - 1);
  const offset = buf.offset + buf.len;
  if ((buf.flags & PIPE_BUF_FLAG_CAN_MERGE) === 0 || offset + chars > PAGE_SIZE) return 0;
  buf.len += chars;
  return copy_from_iter(buf.page!.u8, offset, chars, from);
}

/** Copies from the program what there is room for: 0, -EPIPE, or MUST_SLEEP. */
function pipe_write_copy(pipe: pipe_inode_info, from: iov_iter): number {
  while (from.count > 0) {
    if (pipe.readers === 0) {
      send_sig(SIGPIPE, current, 0);
      return -EPIPE;
    }
    if (pipe_full(pipe.head, pipe.tail, pipe.max_usage)) return MUST_SLEEP;
    const page = alloc_pages(PAGE_SIZE);
    const copied = copy_from_iter(page.u8, 0, PAGE_SIZE, from);
    pipe_add_page(pipe, page, 0, copied, PIPE_BUF_FLAG_CAN_MERGE);
  }
  return 0;
}

function pipe_write(iocb: kiocb, from: iov_iter): number | Promise<number> {
  const filp = iocb.ki_filp;
  const pipe = filp.private_data as pipe_inode_info;
  const total_len = from.count;
  if (total_len === 0) return 0;

  const out = (err: number): number => {
    const ret = total_len - from.count;
    if (ret > 0) wakeup_pipe_readers(pipe);
    return ret > 0 ? ret : err;
  };
  const write = (): number | Promise<number> => {
    const err = pipe_write_copy(pipe, from);
    if (err !== MUST_SLEEP) return out(err);
    if ((filp.f_flags & O_NONBLOCK) !== 0) return out(-EAGAIN);
    wakeup_pipe_readers(pipe);
    return after_sleep(pipe_wait_writable(pipe), (e) => e < 0 ? out(e) : write());
  };
  return with_pipe_lock(pipe, () => {
    if (pipe.readers > 0) pipe_write_merge(pipe, from);
    return write();
  });
}

/** FIONREAD: the bytes in the pipe. */
function pipe_ioctl(filp: file, cmd: number, arg: Int32Array): number {
  const pipe = filp.private_data as pipe_inode_info;
  if (cmd !== FIONREAD) return -ENOIOCTLCMD;
  if (!(arg instanceof Int32Array) || arg.length < 1) return -EFAULT;
  arg[0] = 0;
  for (let i = pipe.tail; i !== pipe.head; i = (i + 1) | 0) arg[0] += pipe_buf(pipe, i).len;
  return 0;
}

function pipe_poll(filp: file, wait: poll_table | null): number {
  const pipe = filp.private_data as pipe_inode_info;
  let mask = 0;
  if ((filp.f_mode & FMODE_READ) !== 0) {
    poll_wait(filp, pipe.rd_wait, wait);
    if (!pipe_empty(pipe.head, pipe.tail)) mask |= EPOLLIN | EPOLLRDNORM;
    if (pipe.writers === 0) mask |= EPOLLHUP;
  }
  if ((filp.f_mode & FMODE_WRITE) !== 0) {
    poll_wait(filp, pipe.wr_wait, wait);
    if (!pipe_full(pipe.head, pipe.tail, pipe.max_usage)) mask |= EPOLLOUT | EPOLLWRNORM;
    if (pipe.readers === 0) mask |= EPOLLERR;
  }
  return mask;
}

function pipe_release(filp: file): number {
  const pipe = filp.private_data as pipe_inode_info;
  if ((filp.f_mode & FMODE_READ) !== 0) pipe.readers--;
  if ((filp.f_mode & FMODE_WRITE) !== 0) pipe.writers--;
  // Who waits for the other end will never be served.
  if ((pipe.readers === 0) !== (pipe.writers === 0)) {
    wake_up_all(pipe.rd_wait);
    wake_up_all(pipe.wr_wait);
  }
  if (--pipe.files === 0) free_pipe_info(pipe);
  return 0;
}

/** A pipe without files. */
export function alloc_pipe_info(): pipe_inode_info {
  return new pipe_inode_info(PIPE_DEF_BUFFERS);
}

/** The pages of a pipe that nobody has any more. */
export function free_pipe_info(pipe: pipe_inode_info): void {
  for (const buf of pipe.bufs) pipe_buf_release(buf);
}

/** A pipe's two files, the reader's first; or -ENFILE. */
function create_pipe_files(flags: number): [file, file] | number {
  const pipe = alloc_pipe_info();
  const f = alloc_file(pipe, O_WRONLY | (flags & O_NONBLOCK), pipefifo_fops);
  if (IS_ERR(f)) return f;
  const r = alloc_file(pipe, O_RDONLY | (flags & O_NONBLOCK), pipefifo_fops);
  if (!IS_ERR(r)) return [r, f];
  pipe.files = 1;
  fput(f);
  return -ENFILE;
}

function do_pipe2(fildes: Int32Array, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  if (!(fildes instanceof Int32Array) || fildes.length < 2) return -EFAULT;
  const files = create_pipe_files(flags);
  if (IS_ERR(files)) return files;
  const fds = files.map(() => get_unused_fd_flags(flags));
  if (fds[1] < 0) {
    if (fds[0] >= 0) put_unused_fd(fds[0]);
    for (const f of files) fput(f);
    return fds[1];
  }
  for (const [i, f] of files.entries()) fd_install(fds[i], f);
  fildes.set(fds);
  return 0;
}

/** A pipe: stores the descriptors of its reading and its writing end. @differs no O_DIRECT */
export function __x64_sys_pipe2(fildes: Int32Array, flags: number): number {
  return do_pipe2(fildes, flags);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// read() and write() of a descriptor: __x64_sys_read -> ksys_read -> vfs_read -> __vfs_read ->
// new_sync_read -> the file's read_iter, and the same for writing; readv() and writev() go through
// vfs_readv() and do_iter_read(). Answers: bytes, or a negative errno. Files that have a position
// never sleep: where it is afterwards is known when the operation returns.

import {
  FMODE_LSEEK,
  FMODE_READ,
  FMODE_WRITE,
  kiocb,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../include/linux/fs.ts";
import type { file } from "../include/linux/fs.ts";
import { IS_ERR } from "../include/linux/err.ts";
import { iov_iter, ITER_DEST, ITER_SOURCE, MAX_RW_COUNT } from "../include/linux/uio.ts";
import type { iovec } from "../include/linux/uio.ts";
import { EBADF, EFAULT, EINVAL, ESPIPE } from "../include/uapi/asm-generic/errno.ts";
import { access_ok, import_iovec } from "../lib/iov_iter.ts";
import { fdget } from "./file.ts";
import { fput_after } from "./file_table.ts";

function new_sync_read(
  filp: file,
  buf: Uint8Array,
  len: number,
): number | Promise<number> {
  const kio = new kiocb(filp);
  kio.ki_pos = filp.f_pos;
  const ret = filp.f_op.read_iter!(kio, new iov_iter(ITER_DEST, buf, null, len));
  filp.f_pos = kio.ki_pos;
  return ret;
}

export function __vfs_read(file: file, buf: Uint8Array, count: number): number | Promise<number> {
  if (file.f_op.read_iter !== undefined) return new_sync_read(file, buf, count);
  return -EINVAL;
}

/** The count fits the file and the buffer: 0 or a negative errno. */
function rw_verify_area(file: file, mode: number, buf: Uint8Array, count: number): number {
  if ((file.f_mode & mode) === 0) return -EBADF;
  if (!(count >= 0)) return -EINVAL;
  return access_ok(buf, count) ? 0 : -EFAULT;
}

/** Reads up to count bytes. */
export function vfs_read(file: file, buf: Uint8Array, count: number): number | Promise<number> {
  const err = rw_verify_area(file, FMODE_READ, buf, count);
  if (err !== 0) return err;
  if (count > MAX_RW_COUNT) count = MAX_RW_COUNT;
  return __vfs_read(file, buf, count);
}

function new_sync_write(filp: file, buf: Uint8Array, len: number): number | Promise<number> {
  const kio = new kiocb(filp);
  kio.ki_pos = filp.f_pos;
  const ret = filp.f_op.write_iter!(kio, new iov_iter(ITER_SOURCE, buf, null, len));
  filp.f_pos = kio.ki_pos;
  return ret;
}

export function __vfs_write(file: file, p: Uint8Array, count: number): number | Promise<number> {
  if (file.f_op.write_iter !== undefined) return new_sync_write(file, p, count);
  return -EINVAL;
}

/** Writes up to count bytes. */
export function vfs_write(file: file, buf: Uint8Array, count: number): number | Promise<number> {
  const err = rw_verify_area(file, FMODE_WRITE, buf, count);
  if (err !== 0) return err;
  if (count > MAX_RW_COUNT) count = MAX_RW_COUNT;
  return __vfs_write(file, buf, count);
}

export function ksys_read(fd: number, buf: Uint8Array, count: number): number | Promise<number> {
  const f = fdget(fd);
  if (f === null) return -EBADF;
  return fput_after(f, vfs_read(f, buf, count));
}

export function __x64_sys_read(
  fd: number,
  buf: Uint8Array,
  count: number,
): number | Promise<number> {
  return ksys_read(fd, buf, count);
}

export function ksys_write(fd: number, buf: Uint8Array, count: number): number | Promise<number> {
  const f = fdget(fd);
  if (f === null) return -EBADF;
  return fput_after(f, vfs_write(f, buf, count));
}

export function __x64_sys_write(
  fd: number,
  buf: Uint8Array,
  count: number,
): number | Promise<number> {
  return ksys_write(fd, buf, count);
}

/** Moves a file's position: where it is then, or -ESPIPE of a file that has none. */
function vfs_llseek(file: file, offset: number, whence: number): number {
  if ((file.f_mode & FMODE_LSEEK) === 0 || file.f_op.llseek === undefined) return -ESPIPE;
  return file.f_op.llseek(file, offset, whence);
}

export function __x64_sys_lseek(
  fd: number,
  offset: number,
  whence: number,
): number | Promise<number> {
  const f = fdget(fd);
  return f === null ? -EBADF : fput_after(f, vfs_llseek(f, offset, whence));
}

/** SEEK_SET, SEEK_CUR and SEEK_END in a file of `size` bytes. @differs takes the size, for the inode */
export function generic_file_llseek_size(
  file: file,
  offset: number,
  whence: number,
  size: number,
): number {
  if (whence === SEEK_CUR) offset += file.f_pos;
  else if (whence === SEEK_END) offset += size;
  else if (whence !== SEEK_SET) return -EINVAL;
  if (!(offset >= 0) || offset > Number.MAX_SAFE_INTEGER) return -EINVAL;
  return file.f_pos = offset;
}

function do_iter_read(file: file, iter: iov_iter): number | Promise<number> {
  if ((file.f_mode & FMODE_READ) === 0) return -EBADF;
  if (file.f_op.read_iter === undefined) return -EINVAL;
  if (iter.count === 0) return 0;
  const kio = new kiocb(file);
  kio.ki_pos = file.f_pos;
  const ret = file.f_op.read_iter(kio, iter);
  file.f_pos = kio.ki_pos;
  return ret;
}

function do_iter_write(file: file, iter: iov_iter): number | Promise<number> {
  if ((file.f_mode & FMODE_WRITE) === 0) return -EBADF;
  if (file.f_op.write_iter === undefined) return -EINVAL;
  if (iter.count === 0) return 0;
  const kio = new kiocb(file);
  kio.ki_pos = file.f_pos;
  const ret = file.f_op.write_iter(kio, iter);
  file.f_pos = kio.ki_pos;
  return ret;
}

function vfs_readv(file: file, vec: readonly iovec[], vlen: number): number | Promise<number> {
  const iter = import_iovec(ITER_DEST, vec, vlen);
  return IS_ERR(iter) ? iter : do_iter_read(file, iter);
}

function vfs_writev(file: file, vec: readonly iovec[], vlen: number): number | Promise<number> {
  const iter = import_iovec(ITER_SOURCE, vec, vlen);
  return IS_ERR(iter) ? iter : do_iter_write(file, iter);
}

function do_readv(fd: number, vec: readonly iovec[], vlen: number): number | Promise<number> {
  const f = fdget(fd);
  return f === null ? -EBADF : fput_after(f, vfs_readv(f, vec, vlen));
}

function do_writev(fd: number, vec: readonly iovec[], vlen: number): number | Promise<number> {
  const f = fdget(fd);
  return f === null ? -EBADF : fput_after(f, vfs_writev(f, vec, vlen));
}

export function __x64_sys_readv(
  fd: number,
  vec: readonly iovec[],
  vlen: number,
): number | Promise<number> {
  return do_readv(fd, vec, vlen);
}

export function __x64_sys_writev(
  fd: number,
  vec: readonly iovec[],
  vlen: number,
): number | Promise<number> {
  return do_writev(fd, vec, vlen);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// A task's descriptors: get_unused_fd_flags() reserves a number, fd_install() has it refer to a file,
// close_fd() takes it back. A call that uses a descriptor takes a reference with fdget() and drops it
// with fdput(): another call may close the number meanwhile. dup() and its kin; exit_files().

import { files_struct } from "../include/linux/fdtable.ts";
import { O_CLOEXEC } from "../include/linux/fs.ts";
import type { file } from "../include/linux/fs.ts";
import { after_sleep, current } from "../include/linux/sched.ts";
import type { task_struct } from "../include/linux/sched.ts";
import { EBADF, EINVAL, EMFILE } from "../include/uapi/asm-generic/errno.ts";
import { fput, get_file } from "./file_table.ts";
import { filp_close } from "./open.ts";

/** An empty table. @local */
export function alloc_files(): files_struct {
  return new files_struct();
}

/** A free number from `start` below `end`, which is reserved from now on; or -EMFILE. */
export function alloc_fd(start: number, end: number, flags: number): number {
  const files = current.files;
  if (files === null) return -EMFILE;
  const { open_fds } = files;
  let fd = Math.max(start, files.next_fd);
  while (open_fds[fd]) fd++;
  if (fd >= end) return -EMFILE;
  // No holes: the engine then keeps plain arrays.
  while (open_fds.length < fd) {
    open_fds.push(false);
    files.close_on_exec.push(false);
    files.fd.push(null);
  }
  open_fds[fd] = true;
  files.close_on_exec[fd] = (flags & O_CLOEXEC) !== 0;
  files.fd[fd] = null;
  if (start <= files.next_fd) files.next_fd = fd + 1;
  return fd;
}

export function __get_unused_fd_flags(flags: number, nofile: number): number {
  return alloc_fd(0, nofile, flags);
}

/** The lowest free number, reserved; or -EMFILE. */
export function get_unused_fd_flags(flags: number): number {
  return __get_unused_fd_flags(flags, current.files?.max_fds ?? 0);
}

function __put_unused_fd(files: files_struct, fd: number): void {
  files.open_fds[fd] = false;
  files.close_on_exec[fd] = false;
  if (fd < files.next_fd) files.next_fd = fd;
}

/** Gives a reserved number back. */
export function put_unused_fd(fd: number): void {
  if (current.files !== null) __put_unused_fd(current.files, fd);
}

/** Has a reserved number refer to a file, whose reference it takes over. */
export function fd_install(fd: number, file: file): void {
  const { files } = current;
  // A task that has ended meanwhile has no use for it.
  if (files === null) fput(file);
  else files.fd[fd] = file;
}

/** Takes the file out of the table and frees its number; null where there is none. */
function file_close_fd_locked(files: files_struct, fd: number): file | null {
  const file = fd >= 0 && fd < files.fd.length ? files.fd[fd] : null;
  if (file !== null && file !== undefined) {
    files.fd[fd] = null;
    __put_unused_fd(files, fd);
    return file;
  }
  return null;
}

/** Closes a descriptor: 0 or -EBADF. */
export function close_fd(fd: number): number | Promise<number> {
  const files = current.files;
  if (files === null) return -EBADF;
  const file = file_close_fd_locked(files, fd);
  if (file === null) return -EBADF;
  return filp_close(file, files);
}

/** The file of a descriptor, with a reference; or null. */
export function fget(fd: number): file | null {
  const file = fcheck(fd);
  return file !== null ? get_file(file) : null;
}

/** The file of a descriptor, without a reference; or null. */
export function fcheck(fd: number): file | null {
  const files = current.files;
  if (files === null || !(fd >= 0) || fd >= files.fd.length) return null;
  return files.fd[fd] ?? null;
}

/**
 * The file of a descriptor, for the time of a call.
 * @differs takes a reference always: calls of one task overlap
 */
export function fdget(fd: number): file | null {
  return fget(fd);
}

/** The call that did fdget() is done. */
export function fdput(file: file): void | Promise<void> {
  return fput(file);
}

/** FD_CLOEXEC of a descriptor. */
export function get_close_on_exec(fd: number): boolean {
  return current.files?.close_on_exec[fd] ?? false;
}

export function set_close_on_exec(fd: number, flag: boolean): void {
  if (current.files !== null) current.files.close_on_exec[fd] = flag;
}

/** A second number, from `from` on, for a file: the number, -EINVAL or -EMFILE. */
export function f_dupfd(from: number, file: file, flags: number): number {
  const nofile = current.files?.max_fds ?? 0;
  if (!(from >= 0) || from >= nofile) return -EINVAL;
  const err = alloc_fd(from, nofile, flags);
  if (err >= 0) {
    get_file(file);
    fd_install(err, file);
  }
  return err;
}

/** dup(): the lowest free number for the same file. */
export function __x64_sys_dup(fildes: number): number {
  const file = fcheck(fildes);
  return file === null ? -EBADF : f_dupfd(0, file, 0);
}

/** Has newfd refer to oldfd's file, closing what it was; newfd or a negative errno. */
function ksys_dup3(oldfd: number, newfd: number, flags: number): number | Promise<number> {
  const files = current.files;
  if ((flags & ~O_CLOEXEC) !== 0 || oldfd === newfd) return -EINVAL;
  if (files === null || !(newfd >= 0) || newfd >= files.max_fds) return -EBADF;
  const file = fcheck(oldfd);
  if (file === null) return -EBADF;
  get_file(file);
  const closed = close_fd(newfd);
  const next_fd = files.next_fd;
  const fd = alloc_fd(newfd, newfd + 1, flags);
  if (newfd > next_fd) files.next_fd = next_fd;
  if (fd < 0) {
    fput(file);
    return -EINVAL;
  }
  fd_install(fd, file);
  return after_sleep(closed, () => newfd);
}

export function __x64_sys_dup3(
  oldfd: number,
  newfd: number,
  flags: number,
): number | Promise<number> {
  return ksys_dup3(oldfd, newfd, flags);
}

export function __x64_sys_dup2(oldfd: number, newfd: number): number | Promise<number> {
  if (oldfd === newfd) return fcheck(oldfd) === null ? -EBADF : oldfd;
  return ksys_dup3(oldfd, newfd, 0);
}

/** Closes all descriptors of a table. */
function close_files(files: files_struct): void | Promise<void> {
  const waits: Promise<unknown>[] = [];
  for (let fd = 0; fd < files.fd.length; fd++) {
    const file = file_close_fd_locked(files, fd);
    if (file === null) continue;
    const ret = filp_close(file, files);
    if (ret instanceof Promise) waits.push(ret);
  }
  if (waits.length > 0) return Promise.all(waits).then(() => {});
}

/** A task ends: its descriptors are closed. */
export function exit_files(tsk: task_struct): void | Promise<void> {
  const files = tsk.files;
  if (files === null) return;
  tsk.files = null;
  return close_files(files);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Open files: alloc_file() makes one with one reference, get_file() takes more, fput() drops them.
// The last fput() releases the file at once, where Linux does on the way out of the system call; what
// the release waits for (SO_LINGER) the call that dropped the last reference waits for, too.

import { file, FMODE_READ, FMODE_WRITE, O_ACCMODE } from "../include/linux/fs.ts";
import type { file_operations } from "../include/linux/fs.ts";
import { living_list } from "../include/linux/living.ts";
import { after_sleep } from "../include/linux/sched.ts";
import { ENFILE } from "../include/uapi/asm-generic/errno.ts";

/** Every open file, for the leak report. @local */
export const living_files: living_list<file> = new living_list();

/** fs.file-max */
let max_files = Infinity;

let eventpoll_release: (file: file) => void = () => {};

/** What a file that is watched by epoll calls in the end. @local */
export function eventpoll_release_register(fn: (file: file) => void): void {
  eventpoll_release = fn;
}

/** Open files. */
export function get_nr_files(): number {
  return living_files.size;
}

/** Limits the number of open files of the machine. @local */
export function set_max_files(max: number): void {
  max_files = max;
}

/** The FMODE_* bits of O_RDONLY, O_WRONLY and O_RDWR. */
export function OPEN_FMODE(flag: number): number {
  return ((flag + 1) & O_ACCMODE) & (FMODE_READ | FMODE_WRITE);
}

/** A new file with one reference, or -ENFILE. @differs takes what becomes private_data, for a path */
export function alloc_file(
  private_data: unknown,
  flags: number,
  fop: file_operations,
): file | number {
  if (living_files.size >= max_files) return -ENFILE;
  const filp = new file(fop, flags, private_data);
  filp.f_mode = OPEN_FMODE(flags);
  living_files.add(filp);
  return filp;
}

/** Takes one more reference. */
export function get_file(f: file): file {
  f.f_count++;
  return f;
}

/** The end of a file. */
export function __fput(file: file): void | Promise<void> {
  living_files.delete(file);
  if (file.f_ep !== null) eventpoll_release(file);
  const ret = file.f_op.release?.(file);
  if (ret instanceof Promise) return after_sleep(ret, () => {});
}

/** Drops a reference. The promise of the last one tells when the file's release is done. */
export function fput(file: file): void | Promise<void> {
  if (--file.f_count > 0) return;
  return __fput(file);
}

/** fput() of a call that took a reference, or (0) took none. */
export function fput_light(file: file, fput_needed: number): void | Promise<void> {
  if (fput_needed !== 0) return fput(file);
}

/** Drops the reference of a call when it is done, and gives the call's answer. @local */
export function fput_after<T>(file: file, ret: T | Promise<T>): T | Promise<T> {
  if (ret instanceof Promise) return after_sleep(ret, (v) => fput_after<T>(file, v));
  const released = fput(file);
  return released === undefined ? ret : after_sleep(released, () => ret);
}

/** No file is open. */
export function files_init(): void {
  living_files.clear();
  max_files = Infinity;
}

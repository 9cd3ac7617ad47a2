// SPDX-License-Identifier: GPL-2.0-only
//
// file: what a descriptor refers to, and the operations behind it.

import type { pipe_inode_info } from "./pipe_fs_i.ts";
import type { poll_table } from "./poll.ts";
import type { iov_iter } from "./uio.ts";

export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

export const FMODE_READ = 0x1;
export const FMODE_WRITE = 0x2;
/** The file has a position, */
export const FMODE_LSEEK = 0x4;
/** and may be read and written elsewhere. */
export const FMODE_PREAD = 0x8;
export const FMODE_PWRITE = 0x10;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

/** Where a program or a call keeps a position in a file: one number, bytes. */
export type loff_t_ptr = Float64Array;

/** One I/O request in progress. */
export class kiocb {
  ki_filp: file;
  /** Where in the file, bytes. */
  ki_pos = 0;
  ki_flags = 0;

  constructor(filp: file) {
    this.ki_filp = filp;
  }
}

/** Operations of a kind of file. Calls that may sleep may answer a promise. */
export interface file_operations {
  /** Moves the position: where it is then, or a negative errno. */
  llseek?(file: file, offset: number, whence: number): number;
  read_iter?(iocb: kiocb, to: iov_iter): number | Promise<number>;
  write_iter?(iocb: kiocb, from: iov_iter): number | Promise<number>;
  /** Ready events, EPOLL* bits. */
  poll?(file: file, wait: poll_table | null): number;
  unlocked_ioctl?(file: file, cmd: number, arg: Int32Array): number;
  release?(file: file): number | Promise<number>;
  /** Moves up to len bytes from the file to a pipe, which the caller has locked: bytes, or a negative errno. */
  splice_read?(
    in_: file,
    ppos: loff_t_ptr,
    pipe: pipe_inode_info,
    len: number,
    flags: number,
  ): number | Promise<number>;
  /** Moves up to len bytes from a pipe to the file: bytes, or a negative errno. */
  splice_write?(
    pipe: pipe_inode_info,
    out: file,
    ppos: loff_t_ptr,
    len: number,
    flags: number,
  ): number | Promise<number>;
  /** There were fewer bytes than SPLICE_F_MORE promised. */
  splice_eof?(file: file): void | Promise<void>;
}

/** An open file. */
export class file {
  f_op: file_operations;
  f_flags: number;
  f_mode: number;
  f_count = 1;
  f_pos = 0;
  private_data: unknown;
  /** Watches of epoll on this file, of fs/eventpoll.ts. */
  f_ep: unknown = null;
  /** Place in living_files. @local */
  living_index = -1;

  constructor(f_op: file_operations, f_flags: number, private_data: unknown) {
    this.f_op = f_op;
    this.f_flags = f_flags;
    this.f_mode = FMODE_READ | FMODE_WRITE;
    this.private_data = private_data;
  }
}

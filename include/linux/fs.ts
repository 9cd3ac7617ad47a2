// SPDX-License-Identifier: GPL-2.0-only
//
// file: what a descriptor refers to, and the operations behind it.

import type { iov_iter } from "./uio.ts";
import type { poll_table } from "./poll.ts";

export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

export const FMODE_READ = 0x1;
export const FMODE_WRITE = 0x2;

/** One I/O request in progress. */
export class kiocb {
  ki_filp: file;
  ki_flags = 0;

  constructor(filp: file) {
    this.ki_filp = filp;
  }
}

/** Operations of a kind of file. Calls that may sleep may answer a promise. */
export interface file_operations {
  read_iter?(iocb: kiocb, to: iov_iter): number | Promise<number>;
  write_iter?(iocb: kiocb, from: iov_iter): number | Promise<number>;
  /** Ready events, EPOLL* bits. */
  poll?(file: file, wait: poll_table | null): number;
  unlocked_ioctl?(file: file, cmd: number, arg: Int32Array): number;
  release?(file: file): number | Promise<number>;
}

/** An open file. */
export class file {
  f_op: file_operations;
  f_flags: number;
  f_mode: number;
  f_count = 1;
  private_data: unknown;
  /** Watches of epoll on this file, of fs/eventpoll.ts. */
  f_ep: unknown = null;

  constructor(f_op: file_operations, f_flags: number, private_data: unknown) {
    this.f_op = f_op;
    this.f_flags = f_flags;
    this.f_mode = FMODE_READ | FMODE_WRITE;
    this.private_data = private_data;
  }
}

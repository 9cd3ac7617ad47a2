// SPDX-License-Identifier: GPL-2.0-only
//
// fcntl(): a descriptor's flags, a file's flags, duplicates.

import { O_CLOEXEC, O_NONBLOCK } from "../include/linux/fs.ts";
import type { file } from "../include/linux/fs.ts";
import {
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
} from "../include/linux/socket.ts";
import { EBADF, EINVAL } from "../include/uapi/asm-generic/errno.ts";
import { f_dupfd, fdget, get_close_on_exec, set_close_on_exec } from "./file.ts";
import { fput_after } from "./file_table.ts";

/** Flags that F_SETFL changes. */
const SETFL_MASK = O_NONBLOCK;

function setfl(filp: file, arg: number): number {
  filp.f_flags = (arg & SETFL_MASK) | (filp.f_flags & ~SETFL_MASK);
  return 0;
}

function do_fcntl(fd: number, cmd: number, arg: number, filp: file): number {
  switch (cmd) {
    case F_DUPFD:
      return f_dupfd(arg, filp, 0);
    case F_DUPFD_CLOEXEC:
      return f_dupfd(arg, filp, O_CLOEXEC);
    case F_GETFD:
      return get_close_on_exec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      set_close_on_exec(fd, (arg & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return filp.f_flags;
    case F_SETFL:
      return setfl(filp, arg);
    default:
      return -EINVAL;
  }
}

/** What the command says, or a negative errno. */
export function __x64_sys_fcntl(fd: number, cmd: number, arg: number): number | Promise<number> {
  const f = fdget(fd);
  if (f === null) return -EBADF;
  return fput_after(f, do_fcntl(fd, cmd, arg, f));
}

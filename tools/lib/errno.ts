// SPDX-License-Identifier: GPL-2.0-only
//
// Errors of system calls as exceptions: what stands between -errno and programs that prefer to catch.

import { errname } from "../../include/uapi/asm-generic/errno.ts";

/** A system call failed. `code` is the name as in node ('ECONNREFUSED'), `errno` the positive number. */
export class SyscallError extends Error {
  /** The name: 'ECONNREFUSED'. */
  readonly code: string;
  /** The number, positive. */
  readonly errno: number;
  /** The call's name: 'connect'. */
  readonly syscall: string;

  /** `errno` of either sign; `what` it was about, for the message. */
  constructor(errno: number, syscall: string, what = "") {
    const code = errname(errno);
    super(`${syscall} ${code}${what === "" ? "" : " " + what}`);
    this.name = "SyscallError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** An answer that is no error; throws SyscallError for one. */
export function check(ret: number, syscall: string, what = ""): number {
  if (ret < 0) throw new SyscallError(-ret, syscall, what);
  return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// ioctl(): what concerns every descriptor is done here, the rest is the file's.

import { O_NONBLOCK } from "../include/linux/fs.ts";
import type { file } from "../include/linux/fs.ts";
import { FIONBIO } from "../include/linux/socket.ts";
import { EBADF, EFAULT, ENOIOCTLCMD, ENOTTY } from "../include/uapi/asm-generic/errno.ts";
import { fdget, set_close_on_exec } from "./file.ts";
import { fput_after } from "./file_table.ts";

export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;
export const FIOASYNC = 0x5452;

/** Has the file do it; -ENOTTY where it knows no such command. */
export function vfs_ioctl(filp: file, cmd: number, arg: Int32Array | null): number {
  if (filp.f_op.unlocked_ioctl === undefined) return -ENOTTY;
  const error = filp.f_op.unlocked_ioctl(filp, cmd, arg as Int32Array);
  return error === -ENOIOCTLCMD ? -ENOTTY : error;
}

function ioctl_fionbio(filp: file, argp: Int32Array | null): number {
  if (!(argp instanceof Int32Array) || argp.length < 1) return -EFAULT;
  if (argp[0] !== 0) filp.f_flags |= O_NONBLOCK;
  else filp.f_flags &= ~O_NONBLOCK;
  return 0;
}

/** A command for any file, or -ENOIOCTLCMD. */
function do_vfs_ioctl(filp: file, fd: number, cmd: number, arg: Int32Array | null): number {
  switch (cmd) {
    case FIOCLEX:
      set_close_on_exec(fd, true);
      return 0;
    case FIONCLEX:
      set_close_on_exec(fd, false);
      return 0;
    case FIONBIO:
      return ioctl_fionbio(filp, arg);
    case FIOASYNC:
      return -ENOTTY;
    default:
      return -ENOIOCTLCMD;
  }
}

/** The argument is what C passes a pointer to: an int, or the bytes of a struct ifreq, rtentry, arpreq. */
export function __x64_sys_ioctl(
  fd: number,
  cmd: number,
  arg: Int32Array | null,
): number | Promise<number> {
  const f = fdget(fd);
  if (f === null) return -EBADF;
  let error = do_vfs_ioctl(f, fd, cmd, arg);
  if (error === -ENOIOCTLCMD) error = vfs_ioctl(f, cmd, arg);
  return fput_after(f, error);
}

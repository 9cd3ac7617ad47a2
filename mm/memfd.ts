// SPDX-License-Identifier: GPL-2.0-only
//
// memfd_create(): a file in memory that only its descriptors know.

import { IS_ERR } from "../include/linux/err.ts";
import { O_CLOEXEC } from "../include/linux/fs.ts";
import { EFAULT, EINVAL } from "../include/uapi/asm-generic/errno.ts";
import { fd_install, get_unused_fd_flags, put_unused_fd } from "../fs/file.ts";
import { shmem_file_setup } from "./shmem.ts";

export const MFD_CLOEXEC = 0x0001;
/** Longest name, of NAME_MAX without "memfd:". */
const MFD_NAME_MAX_LEN = 249;

/** A descriptor, or a negative errno. @differs no seals, no huge pages */
export function __x64_sys_memfd_create(uname: string, flags: number): number {
  if ((flags & ~MFD_CLOEXEC) !== 0) return -EINVAL;
  if (typeof uname !== "string") return -EFAULT;
  if (uname.length > MFD_NAME_MAX_LEN) return -EINVAL;
  const fd = get_unused_fd_flags((flags & MFD_CLOEXEC) !== 0 ? O_CLOEXEC : 0);
  if (fd < 0) return fd;
  const file = shmem_file_setup(`memfd:${uname}`, 0, 0);
  if (IS_ERR(file)) {
    put_unused_fd(fd);
    return file;
  }
  fd_install(fd, file);
  return fd;
}

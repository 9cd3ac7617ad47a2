// SPDX-License-Identifier: GPL-2.0-only
//
// files_struct: a task's table of open files. Its operations are in fs/file.ts.

import type { file } from "./fs.ts";

/** The descriptors of a task; null where a number is free or only reserved. */
export class files_struct {
  readonly fd: (file | null)[] = [];
  /** Numbers given out by get_unused_fd_flags(). */
  readonly open_fds: boolean[] = [];
  /** Numbers with FD_CLOEXEC. */
  readonly close_on_exec: boolean[] = [];
  next_fd = 0;
  /** RLIMIT_NOFILE */
  max_fds = 1 << 20;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The end of a descriptor: close(). There are no files with names here, so nothing is opened.

import type { files_struct } from "../include/linux/fdtable.ts";
import type { file } from "../include/linux/fs.ts";
import { after_sleep } from "../include/linux/sched.ts";
import { fput } from "./file_table.ts";

/** Drops the reference that a descriptor held. Returns 0. */
export function filp_close(filp: file, _id: files_struct): number | Promise<number> {
  const released = fput(filp);
  return released === undefined ? 0 : after_sleep(released, () => 0);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The start of /proc: from start_kernel(), before any subsystem makes its files.

import { proc_net_init } from "./proc_net.ts";
import { proc_sys_init } from "./proc_sysctl.ts";

/** Starts with an empty /proc. */
export function proc_root_init(): void {
  proc_sys_init();
  proc_net_init();
}

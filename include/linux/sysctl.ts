// SPDX-License-Identifier: GPL-2.0-only
//
// Sysctls of a host: named values, read and written as text.

import type { net } from "../net/net_namespace.ts";

/** A sysctl. @differs two functions in place of data, maxlen and proc_handler */
export interface ctl_table {
  /** The last part of the name. */
  procname: string;
  /** 0o644, or 0o444 where it cannot be written. */
  mode: number;
  /** The value as text, without newline. */
  read(n: net): string;
  /** Sets the value: 0 or a negative errno. */
  write(n: net, text: string): number;
}

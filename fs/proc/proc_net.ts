// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/net: texts about a host. Subsystems register theirs by name at boot; tools read them.

import type { net } from "../../include/net/net_namespace.ts";

/** The text of a file, for a host. */
export type proc_net_show = (n: net) => string;

const files: Map<string, proc_net_show> = new Map();

/** Makes a file of /proc/net. @differs no mode, directory and private data; a show function answers the text */
export function proc_create_net_single(name: string, show: proc_net_show): void {
  files.set(name, show);
}

export function remove_proc_entry(name: string): void {
  files.delete(name);
}

/** The text of /proc/net/NAME; null where there is none. @local */
export function proc_net_read(n: net, name: string): string | null {
  const show = files.get(name);
  return show !== undefined ? show(n) : null;
}

/** Names of the files. @local */
export function proc_net_list(): string[] {
  return [...files.keys()].sort();
}

/** Starts with no file. */
export function proc_net_init(): void {
  files.clear();
}

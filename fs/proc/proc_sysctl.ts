// SPDX-License-Identifier: GPL-2.0-only
//
// /proc/sys: the sysctls by their names, "net.ipv4.tcp_rmem" or "net/ipv4/tcp_rmem". Subsystems register tables at
// boot; directories whose entries come and go (a device's) are asked.

import type { ctl_table } from "../../include/linux/sysctl.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { EACCES, ENOENT } from "../../include/uapi/asm-generic/errno.ts";

/** A directory whose entries are made when they are asked for; names are relative to it, with slashes. @local */
export interface ctl_dir {
  lookup(n: net, name: string): ctl_table | null;
  list(n: net): string[];
}

const tables: Map<string, ctl_table> = new Map();
const dirs: Map<string, ctl_dir> = new Map();

/** Makes the entries of a table known under a path, "net/ipv4". @differs one table for all hosts */
export function register_net_sysctl(path: string, table: readonly ctl_table[]): void {
  for (const entry of table) tables.set(`${path}/${entry.procname}`, entry);
}

/** Makes a directory known, "net/ipv4/conf". @local */
export function register_net_sysctl_dir(path: string, dir: ctl_dir): void {
  dirs.set(path, dir);
}

function find_entry(n: net, name: string): ctl_table | null {
  // As sysctl(8): the first separator tells which one it is.
  const path = /^[^/]*\./.test(name) ? name.replace(/[./]/g, (c) => c === "." ? "/" : ".") : name;
  const entry = tables.get(path);
  if (entry !== undefined) return entry;
  for (const [at, dir] of dirs) {
    if (path.startsWith(`${at}/`)) return dir.lookup(n, path.slice(at.length + 1));
  }
  return null;
}

/** The value of a sysctl as /proc/sys has it, but for the newline, or -ENOENT. @local */
export function proc_sys_read(n: net, name: string): string | number {
  const entry = find_entry(n, name);
  return entry === null ? -ENOENT : entry.read(n);
}

/** Sets a sysctl: 0, -ENOENT, -EACCES or what the entry says. @local */
export function proc_sys_write(n: net, name: string, text: string): number {
  const entry = find_entry(n, name);
  if (entry === null) return -ENOENT;
  if ((entry.mode & 0o200) === 0) return -EACCES;
  return entry.write(n, text);
}

/** Names of all sysctls of a host, with dots, sorted. @local */
export function proc_sys_list(n: net): string[] {
  const paths = [...tables.keys()];
  for (const [at, dir] of dirs) for (const name of dir.list(n)) paths.push(`${at}/${name}`);
  return paths.map((p) => p.replace(/[./]/g, (c) => c === "/" ? "." : "/")).sort();
}

/** Starts without sysctls. */
export function proc_sys_init(): void {
  tables.clear();
  dirs.clear();
}

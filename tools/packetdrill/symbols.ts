// SPDX-License-Identifier: GPL-2.0-only
//
// Names that scripts may use in system calls, as the kernel's headers define them.

import * as errqueue from "../../include/linux/errqueue.ts";
import * as fs from "../../include/linux/fs.ts";
import * as linux_net from "../../include/linux/net.ts";
import * as poll from "../../include/linux/poll.ts";
import * as splice from "../../include/linux/splice.ts";
import * as socket from "../../include/linux/socket.ts";
import * as sock from "../../include/net/sock.ts";
import * as errno from "../../include/uapi/asm-generic/errno.ts";
import * as eventpoll from "../../include/uapi/linux/eventpoll.ts";
import * as uapi_in from "../../include/uapi/linux/in.ts";
import * as net_tstamp from "../../include/uapi/linux/net_tstamp.ts";
import * as tcp from "../../include/uapi/linux/tcp.ts";
import * as tcp_states from "../../include/net/tcp_states.ts";

/** What the headers here do not have: they belong to libc, or to other families. */
const OTHERS: Record<string, number> = {
  NULL: 0,
  O_RDONLY: 0,
  O_WRONLY: 1,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  SOL_IPV6: 41,
  IPPROTO_IPV6: 41,
  IPV6_RECVERR: 25,
};

const TABLES: Record<string, unknown>[] = [
  sock,
  fs,
  linux_net,
  poll,
  splice,
  socket,
  eventpoll,
  uapi_in,
  net_tstamp,
  errqueue,
  tcp_states,
  tcp,
  errno,
  OTHERS,
];

const symbols = new Map<string, number>();
for (const table of TABLES) {
  for (const [name, v] of Object.entries(table)) if (typeof v === "number") symbols.set(name, v);
}

/** A name's value, or undefined. */
export function symbol_value(name: string): number | undefined {
  return symbols.get(name);
}

/** Names of all bits of a value among those with a prefix: 'EPOLLIN|EPOLLET'. */
export function flag_names(prefix: string, value: number): string {
  const out: string[] = [];
  let left = value;
  for (const [name, v] of symbols) {
    if (!name.startsWith(prefix) || v === 0 || (left & v) !== v) continue;
    out.push(name);
    left &= ~v;
  }
  if (left !== 0 || out.length === 0) out.push(`0x${(left >>> 0).toString(16)}`);
  return out.join("|");
}

// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP's counters, the errnos of its errors, and icmp_send(): whoever drops a packet asks for an
// error to its sender here; net/ipv4/icmp.ts registers what sends it.

import type { ip_options, sk_buff } from "../linux/skbuff.ts";
import type { net } from "./net_namespace.ts";

/** Errno of an unreachable, and whether it ends a connection. */
export interface icmp_err {
  errno: number;
  fatal: boolean;
}

export function __ICMP_INC_STATS(n: net, field: number): void {
  n.mib.icmp_statistics[field]++;
}
export const ICMP_INC_STATS = __ICMP_INC_STATS;

/** Counts a message of a type that came in. */
export function ICMPMSGIN_INC_STATS(n: net, type: number): void {
  n.mib.icmpmsg_statistics[type]++;
}

/** Counts a message of a type that went out. */
export function ICMPMSGOUT_INC_STATS(n: net, type: number): void {
  n.mib.icmpmsg_statistics[256 + type]++;
}

type icmp_sender = (
  skb: sk_buff,
  type: number,
  code: number,
  info: number,
  opt: ip_options,
) => void;

let __icmp_send: icmp_sender = () => {};

/** Where icmp_send() sends. @local */
export function register_icmp_send(send: icmp_sender): void {
  __icmp_send = send;
}

/** Sends an ICMP error about skb, which stays the caller's; info is the second word. */
export function icmp_send(skb: sk_buff, type: number, code: number, info: number): void {
  __icmp_send(skb, type, code, info, skb.inet_cb.opt);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// raw_sock, the table of raw sockets, and the calls by which IP and ICMP hand them copies; what they
// do stands in net/ipv4/raw.ts, which registers it.

import type { sk_buff } from "../linux/skbuff.ts";
import { hlist_head } from "../linux/types.ts";
import { inet_sock } from "./inet_sock.ts";
import type { sock, sock_common } from "./sock.ts";

export const RAW_HTABLE_SIZE = 256;

/** A raw socket. */
export class raw_sock extends inet_sock {
  /** ICMP_FILTER: a bit for each type not wanted. */
  filter = 0;
}

/** Raw sockets by protocol number. */
export class raw_hashinfo {
  readonly ht: hlist_head<sock_common>[] = [];
}

export function raw_sk(sk: sock): raw_sock {
  return sk as raw_sock;
}

interface raw_receiver {
  /** Gives copies to the sockets of a protocol; true if there are any. */
  raw_local_deliver(skb: sk_buff, protocol: number): boolean;
  /** Tells sockets of an ICMP error about their packet. */
  raw_icmp_error(skb: sk_buff, protocol: number, info: number): void;
}

let receiver: raw_receiver | null = null;

/** Where copies go. @local */
export function register_raw_receiver(r: raw_receiver): void {
  receiver = r;
}

/** Gives copies of a packet to the raw sockets of a protocol; true if there are any. */
export function raw_local_deliver(skb: sk_buff, protocol: number): boolean {
  return receiver !== null && receiver.raw_local_deliver(skb, protocol);
}

/** Tells the raw sockets of a protocol of an ICMP error. */
export function raw_icmp_error(skb: sk_buff, protocol: number, info: number): void {
  if (receiver !== null) receiver.raw_icmp_error(skb, protocol, info);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// net_protocol: who takes IP packets of a protocol number; inet_protosw: which socket type and
// protocol make which kind of socket.

import type { sk_buff, sk_buff_head } from "../linux/skbuff.ts";
import type { proto_ops } from "../linux/net.ts";
import type { proto } from "./sock.ts";

export const MAX_INET_PROTOS = 256;

/** A receiver of IP packets. */
export interface net_protocol {
  /** Takes the packet, transport header in front: 0, or minus a protocol to deliver to instead. */
  handler(skb: sk_buff): number;
  /** Finds the packet's socket, and its route with it, before routes are looked up: 0 or a negative errno. */
  early_demux?(skb: sk_buff): number;
  /** An ICMP error about a packet of ours; info is the MTU of a Fragmentation Needed. */
  err_handler?(skb: sk_buff, info: number): number;
  no_policy: boolean;
  icmp_strict_tag_validation: boolean;
}

/** GRO and GSO of a transport protocol. */
export interface net_offload {
  gso_segment(skb: sk_buff, features: number): sk_buff | null | number;
  gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null;
  gro_complete(skb: sk_buff, nhoff: number): number;
}

/** A kind of socket. */
export interface inet_protosw {
  type: number;
  protocol: number;
  prot: proto;
  ops: proto_ops;
  /** INET_PROTOSW_* */
  flags: number;
}

export const INET_PROTOSW_REUSE = 0x01;
export const INET_PROTOSW_PERMANENT = 0x02;
export const INET_PROTOSW_ICSK = 0x04;

/** Receivers by protocol number. */
export const inet_protos: (net_protocol | null)[] = new Array(MAX_INET_PROTOS).fill(null);
/** GRO and GSO by protocol number. */
export const inet_offloads: (net_offload | null)[] = new Array(MAX_INET_PROTOS).fill(null);

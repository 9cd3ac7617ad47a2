// SPDX-License-Identifier: GPL-2.0-only
//
// rtable: an IPv4 route. Lookups and what calls them (ip_route_connect(), ip_route_newports()) are
// in net/ipv4/route.ts.

import type { net_device } from "../linux/netdevice.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import { dst_entry } from "./dst.ts";
import type { dst_ops } from "./dst.ts";
import type { net } from "./net_namespace.ts";
import type { inet_sock } from "./inet_sock.ts";
import { sock_flag, SOCK_LOCALROUTE } from "./sock.ts";
import type { sock } from "./sock.ts";
import { IPTOS_TOS_MASK } from "../uapi/linux/ip.ts";

export const RTO_ONLINK = 0x01;
export const IPTOS_RT_MASK = 0x1c;

export const RTCF_DEAD = 0x00000001;
export const RTCF_ONLINK = 0x00000002;
export const RTCF_NOTIFY = 0x00010000;
export const RTCF_REDIRECTED = 0x00040000;
export const RTCF_DOREDIRECT = 0x01000000;
export const RTCF_DIRECTSRC = 0x04000000;
export const RTCF_BROADCAST = 0x10000000;
export const RTCF_MULTICAST = 0x20000000;
export const RTCF_LOCAL = 0x80000000 | 0;

/** The routing decision for packets to one place. */
export class rtable extends dst_entry {
  rt_genid = 0;
  /** RTCF_* */
  rt_flags = 0;
  /** RTN_* */
  rt_type = 0;
  rt_is_input = false;
  /** rt_gw4 is a gateway. */
  rt_uses_gateway = false;
  rt_iif = 0;
  rt_gw4 = 0;
  /** The learned path MTU is not to be lowered further. */
  rt_mtu_locked = false;
  /** Learned path MTU, bytes; 0 none. */
  rt_pmtu = 0;

  constructor(
    dev: net_device,
    ops: dst_ops,
    metrics: Int32Array,
    input: (skb: sk_buff) => number,
    output: (net: net, sk: sock | null, skb: sk_buff) => number,
  ) {
    super(dev, ops, metrics, input, output);
  }
}

/** The rtable that skb carries; null where none is set. */
export function skb_rtable(skb: sk_buff): rtable | null {
  return skb._skb_refdst as rtable | null;
}

/** The address to resolve on the link for packets to daddr. */
export function rt_nexthop(rt: rtable, daddr: number): number {
  return rt.rt_gw4 !== 0 ? rt.rt_gw4 : daddr;
}

/** The interface that a packet came in by: of its route, else of the device. */
export function inet_iif(skb: sk_buff): number {
  const rt = skb._skb_refdst as rtable | null;
  return rt !== null && rt.rt_iif !== 0 ? rt.rt_iif : skb.skb_iif;
}

/** The part of a TOS byte that routes are looked up by. */
export function RT_TOS(tos: number): number {
  return tos & IPTOS_TOS_MASK;
}

/** TOS and RTO_ONLINK of a socket's packets. */
export function RT_CONN_FLAGS(sk: sock): number {
  return RT_TOS((sk as inet_sock).tos) | (sock_flag(sk, SOCK_LOCALROUTE) ? RTO_ONLINK : 0);
}

export function rt_is_output_route(rt: rtable): boolean {
  return !rt.rt_is_input;
}

/** Priorities of the TOS bits, by the four bits. */
const ip_tos2prio = Uint8Array.of(0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4);

/** The priority of packets with this TOS byte, TC_PRIO_*. */
export function rt_tos2priority(tos: number): number {
  return ip_tos2prio[(tos & IPTOS_TOS_MASK) >> 1];
}

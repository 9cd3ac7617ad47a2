// SPDX-License-Identifier: GPL-2.0-only
//
// dst_entry: where a packet goes next. Its ops and metrics are those of the protocol family.

import type { net_device } from "../linux/netdevice.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import type { neighbour } from "./neighbour.ts";
import type { net } from "./net_namespace.ts";
import type { sock } from "./sock.ts";

export const RTAX_LOCK = 1;
export const RTAX_MTU = 2;
export const RTAX_WINDOW = 3;
export const RTAX_RTT = 4;
export const RTAX_RTTVAR = 5;
export const RTAX_SSTHRESH = 6;
export const RTAX_CWND = 7;
export const RTAX_ADVMSS = 8;
export const RTAX_REORDERING = 9;
export const RTAX_HOPLIMIT = 10;
export const RTAX_INITCWND = 11;
export const RTAX_FEATURES = 12;
export const RTAX_RTO_MIN = 13;
export const RTAX_INITRWND = 14;
export const RTAX_QUICKACK = 15;
export const RTAX_CC_ALGO = 16;
export const RTAX_FASTOPEN_NO_COOKIE = 17;
export const RTAX_MAX = 17;

export const RTAX_FEATURE_ECN = 1 << 0;

export const DST_NOXFRM = 0x0002;
export const DST_NOPOLICY = 0x0004;
export const DST_NOCOUNT = 0x0008;

/** dst.obsolete */
export const DST_OBSOLETE_NONE = 0;
export const DST_OBSOLETE_DEAD = 2;
export const DST_OBSOLETE_FORCE_CHK = -1;
export const DST_OBSOLETE_KILL = -2;

/** What a protocol family does with its routes. */
export interface dst_ops {
  family: number;
  /** The route if still good, or null. */
  check(dst: dst_entry, cookie: number): dst_entry | null;
  /** The MSS to advertise, bytes. */
  default_advmss(dst: dst_entry): number;
  mtu(dst: dst_entry): number;
  negative_advice(dst: dst_entry): dst_entry | null;
  link_failure(skb: sk_buff): void;
  update_pmtu(
    dst: dst_entry,
    sk: sock | null,
    skb: sk_buff | null,
    mtu: number,
    confirm_neigh: boolean,
  ): void;
  redirect(dst: dst_entry, sk: sock | null, skb: sk_buff): void;
  neigh_lookup(dst: dst_entry, skb: sk_buff | null, daddr: number): neighbour | null;
  confirm_neigh(dst: dst_entry, daddr: number): void;
}

/** A route as packets carry it. */
export class dst_entry {
  dev: net_device;
  ops: dst_ops;
  /** RTAX_* values; shared with the fib_info until a metric is set for this route alone. */
  _metrics: Int32Array;
  /** jiffies; 0 never. */
  expires = 0;
  flags = 0;
  obsolete = DST_OBSOLETE_NONE;
  error = 0;
  lastuse = 0;
  input: (skb: sk_buff) => number;
  output: (net: net, sk: sock | null, skb: sk_buff) => number;

  constructor(
    dev: net_device,
    ops: dst_ops,
    metrics: Int32Array,
    input: (skb: sk_buff) => number,
    output: (net: net, sk: sock | null, skb: sk_buff) => number,
  ) {
    this.dev = dev;
    this.ops = ops;
    this._metrics = metrics;
    this.input = input;
    this.output = output;
  }
}

/** The value of a metric, 0 where it is not set. */
export function dst_metric_raw(dst: dst_entry, metric: number): number {
  return dst._metrics[metric - 1];
}

export function dst_metric(dst: dst_entry, metric: number): number {
  return dst._metrics[metric - 1];
}

/** The MSS that this route lets us advertise, bytes. */
export function dst_metric_advmss(dst: dst_entry): number {
  const advmss = dst._metrics[RTAX_ADVMSS - 1];
  return advmss !== 0 ? advmss : dst.ops.default_advmss(dst);
}

export function dst_metric_locked(dst: dst_entry, metric: number): boolean {
  return (dst._metrics[RTAX_LOCK - 1] & (1 << metric)) !== 0;
}

/** Minimum RTO of the route, ms; 0 where it is not set. */
export function dst_metric_rtt(dst: dst_entry, metric: number): number {
  return dst._metrics[metric - 1];
}

export function dst_feature(dst: dst_entry, feature: number): boolean {
  return (dst._metrics[RTAX_FEATURES - 1] & feature) !== 0;
}

/** Path MTU, bytes. */
export function dst_mtu(dst: dst_entry): number {
  return dst.ops.mtu(dst);
}

/** The route if still valid, or null. */
export function dst_check(dst: dst_entry, cookie: number): dst_entry | null {
  return dst.obsolete !== 0 ? dst.ops.check(dst, cookie) : dst;
}

/** Sends a routed packet; 0 or a negative errno or NET_XMIT_*. */
export function dst_output(net: net, sk: sock | null, skb: sk_buff): number {
  return skb._skb_refdst!.output(net, sk, skb);
}

/** Delivers or forwards a routed packet that came in. */
export function dst_input(skb: sk_buff): number {
  return skb._skb_refdst!.input(skb);
}

export function dst_link_failure(skb: sk_buff): void {
  const dst = skb._skb_refdst;
  if (dst !== null) dst.ops.link_failure(skb);
}

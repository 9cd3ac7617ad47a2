// SPDX-License-Identifier: GPL-2.0-only
//
// dst_entry, what all protocol families' routes have in common. Routes are garbage collected: nobody
// holds one, and one that is no longer good is marked (obsolete), upon which its users look up again.
// A device that goes takes its routes out of use by dst_dev_put().

import {
  SKB_DROP_REASON_IP_INNOROUTES,
  SKB_DROP_REASON_IP_OUTNOROUTES,
} from "../../include/net/dropreason.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { net_device } from "../../include/linux/netdevice.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { dst_entry, DST_OBSOLETE_DEAD, RTAX_MAX, RTAX_MTU } from "../../include/net/dst.ts";
import type { dst_ops } from "../../include/net/dst.ts";
import type { neighbour } from "../../include/net/neighbour.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { sock } from "../../include/net/sock.ts";
import { kfree_skb_reason } from "./skbuff.ts";

/** The metrics of a route that has none. Nobody writes to them: dst_cow_metrics_generic(). */
export const dst_default_metrics: Int32Array = new Int32Array(RTAX_MAX);

/** Stands in for a device that is gone. */
export const blackhole_netdev: net_device = new net_device("blackhole_dev");

/** Drops what a route without output is given; 0. */
export function dst_discard_out(_net: net, _sk: sock | null, skb: sk_buff): number {
  kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
  return 0;
}

/** Drops what a route without input is given; 0. */
export function dst_discard(skb: sk_buff): number {
  kfree_skb_reason(skb, SKB_DROP_REASON_IP_INNOROUTES);
  return 0;
}

/** Prepares a new route. */
export function dst_init(
  dst: dst_entry,
  ops: dst_ops,
  dev: net_device,
  initial_obsolete: number,
  flags: number,
): void {
  dst.dev = dev;
  dst.ops = ops;
  dst._metrics = dst_default_metrics;
  dst.expires = 0;
  dst.input = dst_discard;
  dst.output = dst_discard_out;
  dst.error = 0;
  dst.obsolete = initial_obsolete;
  dst.lastuse = jiffies;
  dst.flags = flags;
}

/** A new route that drops everything. */
export function dst_alloc(
  ops: dst_ops,
  dev: net_device,
  initial_obsolete: number,
  flags: number,
): dst_entry {
  const dst = new dst_entry(dev, ops, dst_default_metrics, dst_discard, dst_discard_out);
  dst.lastuse = jiffies;
  dst.obsolete = initial_obsolete;
  dst.flags = flags;
  return dst;
}

/** Takes a route out of use: its device is going, or something better is known. */
export function dst_dev_put(dst: dst_entry): void {
  dst.obsolete = DST_OBSOLETE_DEAD;
  dst.input = dst_discard;
  dst.output = dst_discard_out;
  dst.dev = blackhole_netdev;
}

/** Drops a reference. @differs nothing to do: routes are garbage collected */
export function dst_release(_dst: dst_entry | null): void {}

/** Metrics of dst that may be written: its own copy, where they are shared. */
export function dst_cow_metrics_generic(dst: dst_entry): Int32Array {
  return dst._metrics = dst._metrics.slice();
}

/** Sets a metric of this route alone. */
export function dst_metric_set(dst: dst_entry, metric: number, val: number): void {
  dst_cow_metrics_generic(dst)[metric - 1] = val;
}

export function dst_blackhole_check(_dst: dst_entry, _cookie: number): dst_entry | null {
  return null;
}

export function dst_blackhole_neigh_lookup(
  _dst: dst_entry,
  _skb: sk_buff | null,
  _daddr: number,
): neighbour | null {
  return null;
}

export function dst_blackhole_update_pmtu(): void {}

export function dst_blackhole_redirect(): void {}

/** The route's own MTU, or its device's. */
export function dst_blackhole_mtu(dst: dst_entry): number {
  const mtu = dst._metrics[RTAX_MTU - 1];
  return mtu !== 0 ? mtu : dst.dev.mtu;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Trace events of packets: kfree_skb (one was dropped) and consume_skb (one came to its normal end).
// While nobody listens they cost one comparison.

import type { sk_buff } from "../../linux/skbuff.ts";

type kfree_skb_probe = (skb: sk_buff, reason: number) => void;
type consume_skb_probe = (skb: sk_buff) => void;

let kfree_skb_probes: kfree_skb_probe[] = [];
let consume_skb_probes: consume_skb_probe[] = [];

/** Whether anybody listens. */
export let trace_kfree_skb_enabled = false;
export let trace_consume_skb_enabled = false;

/** Calls the listeners; skb is still whole. */
export function trace_kfree_skb(skb: sk_buff, reason: number): void {
  for (const probe of kfree_skb_probes) probe(skb, reason);
}

export function trace_consume_skb(skb: sk_buff): void {
  for (const probe of consume_skb_probes) probe(skb);
}

export function register_trace_kfree_skb(probe: kfree_skb_probe): void {
  kfree_skb_probes = [...kfree_skb_probes, probe];
  trace_kfree_skb_enabled = true;
}

export function unregister_trace_kfree_skb(probe: kfree_skb_probe): void {
  kfree_skb_probes = kfree_skb_probes.filter((p) => p !== probe);
  trace_kfree_skb_enabled = kfree_skb_probes.length > 0;
}

export function register_trace_consume_skb(probe: consume_skb_probe): void {
  consume_skb_probes = [...consume_skb_probes, probe];
  trace_consume_skb_enabled = true;
}

export function unregister_trace_consume_skb(probe: consume_skb_probe): void {
  consume_skb_probes = consume_skb_probes.filter((p) => p !== probe);
  trace_consume_skb_enabled = consume_skb_probes.length > 0;
}

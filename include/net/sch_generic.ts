// SPDX-License-Identifier: GPL-2.0-only
//
// Queueing disciplines: what stands between dev_queue_xmit() and a driver.

import type { net_device } from "../linux/netdevice.ts";
import { sk_buff_head } from "../linux/skbuff.ts";
import type { sk_buff } from "../linux/skbuff.ts";

export const TCQ_F_CAN_BYPASS = 4;

/** Operations of a discipline. */
export interface Qdisc_ops {
  id: string;
  /** Queues or drops skb: NET_XMIT_*. */
  enqueue: ((skb: sk_buff, sch: Qdisc) => number) | null;
  dequeue(sch: Qdisc): sk_buff | null;
  init?(sch: Qdisc): number;
  reset?(sch: Qdisc): void;
  destroy?(sch: Qdisc): void;
}

/** One discipline on one device. */
export class Qdisc {
  ops: Qdisc_ops;
  dev: net_device;
  flags = 0;
  limit = 0;
  running = false;
  /** In softnet_data.output_queue. */
  scheduled = false;
  next_sched: Qdisc | null = null;
  /** Packet that the driver would not take. */
  gso_skb: sk_buff | null = null;
  readonly q = new sk_buff_head();
  /** Bytes queued; packets and bytes sent; drops. */
  backlog = 0;
  packets = 0;
  bytes = 0;
  drops = 0;
  requeues = 0;
  overlimits = 0;
  /** The discipline's own state. */
  priv: unknown = null;

  constructor(ops: Qdisc_ops, dev: net_device) {
    this.ops = ops;
    this.dev = dev;
  }
}

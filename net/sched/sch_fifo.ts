// SPDX-License-Identifier: GPL-2.0-only
//
// pfifo: one queue, limited in packets: first come, first sent. fifo_set_limit() sets the limit from outside.

import { __skb_dequeue, __skb_queue_tail } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { NET_XMIT_SUCCESS } from "../../include/linux/netdevice.ts";
import { TCQ_F_CAN_BYPASS } from "../../include/net/sch_generic.ts";
import type { Qdisc, Qdisc_ops } from "../../include/net/sch_generic.ts";
import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { __skb_queue_purge } from "../core/skbuff.ts";
import { qdisc_bstats_update, qdisc_drop } from "./sch_generic.ts";

function pfifo_enqueue(skb: sk_buff, sch: Qdisc): number {
  if (sch.q.qlen >= sch.limit) return qdisc_drop(skb, sch);
  __skb_queue_tail(sch.q, skb);
  sch.backlog += skb.len;
  return NET_XMIT_SUCCESS;
}

function pfifo_dequeue(sch: Qdisc): sk_buff | null {
  const skb = __skb_dequeue(sch.q);
  if (skb === null) return null;
  sch.backlog -= skb.len;
  qdisc_bstats_update(sch, skb);
  return skb;
}

/** A queue that takes nothing must see every packet to drop it. */
function fifo_limit(sch: Qdisc, limit: number): void {
  sch.limit = limit;
  if (limit >= 1) sch.flags |= TCQ_F_CAN_BYPASS;
  else sch.flags &= ~TCQ_F_CAN_BYPASS;
}

function fifo_init(sch: Qdisc): number {
  fifo_limit(sch, sch.dev.tx_queue_len);
  return 0;
}

function pfifo_reset(sch: Qdisc): void {
  __skb_queue_purge(sch.q);
  sch.backlog = 0;
}

export const pfifo_qdisc_ops: Qdisc_ops = {
  id: "pfifo",
  enqueue: pfifo_enqueue,
  dequeue: pfifo_dequeue,
  init: fifo_init,
  reset: pfifo_reset,
};

/** Sets the limit of a pfifo, packets: 0 or -EINVAL where it is none. */
export function fifo_set_limit(q: Qdisc, limit: number): number {
  if (q.ops !== pfifo_qdisc_ops) return -EINVAL;
  fifo_limit(q, limit);
  return 0;
}

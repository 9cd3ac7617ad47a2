// SPDX-License-Identifier: GPL-2.0-only
//
// Queueing disciplines: __dev_queue_xmit() enqueues and calls qdisc_run(); qdisc_restart() takes a
// packet (dequeue_skb) and hands it to the driver (sch_direct_xmit); what a driver won't take waits in
// gso_skb (dev_requeue_skb) for net_tx_action. A device without a queue has noqueue, one that is
// down noop, others pfifo_fast, which is here too.
//
// dev.ts stands above: what is needed of it (dev_xmit_ops) it registers.

import {
  __LINK_STATE_NOCARRIER,
  dev_xmit_complete,
  IFF_NO_QUEUE,
  IFF_UP,
  NET_XMIT_CN,
  NET_XMIT_DROP,
  NET_XMIT_SUCCESS,
  NETDEV_TX_BUSY,
  netif_carrier_ok,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import {
  __skb_dequeue,
  __skb_queue_tail,
  sk_buff_head,
  skb_queue_head_init,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { SKB_DROP_REASON_QDISC_DROP } from "../../include/net/dropreason.ts";
import { Qdisc, TCQ_F_CAN_BYPASS } from "../../include/net/sch_generic.ts";
import type { Qdisc_ops } from "../../include/net/sch_generic.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import { __skb_queue_purge, kfree_skb_list_reason, kfree_skb_reason } from "../core/skbuff.ts";

/** What dev_hard_start_xmit() answers beside the packets that are left. @local */
export class xmit_ret {
  rc = NETDEV_TX_BUSY;
}

/** What this file needs of net/core/dev.ts. @local */
export interface dev_xmit_ops {
  dev_hard_start_xmit(first: sk_buff, dev: net_device, ret: xmit_ret): sk_buff | null;
  validate_xmit_skb_list(skb: sk_buff, dev: net_device): sk_buff | null;
  netif_schedule(q: Qdisc): void;
  /** The link came or went. */
  linkwatch_event(dev: net_device): void;
}

let dev_ops!: dev_xmit_ops;

const xmit_result = new xmit_ret();

/** Length of a packet as a queue counts it, bytes. */
export function qdisc_pkt_len(skb: sk_buff): number {
  return skb.len;
}

/** Packets in the queue. */
export function qdisc_qlen(q: Qdisc): number {
  return q.q.qlen;
}

export function qdisc_bstats_update(q: Qdisc, skb: sk_buff): void {
  q.bytes += skb.len;
  q.packets += skb.shinfo.gso_size !== 0 ? skb.shinfo.gso_segs : 1;
}

/** Drops a packet that is not to be queued; NET_XMIT_DROP. */
export function qdisc_drop(skb: sk_buff, sch: Qdisc): number {
  sch.drops++;
  kfree_skb_reason(skb, SKB_DROP_REASON_QDISC_DROP);
  return NET_XMIT_DROP;
}

/** Whether the caller may run the queue now; nobody else does until qdisc_run_end(). */
export function qdisc_run_begin(q: Qdisc): boolean {
  if (q.running) return false;
  q.running = true;
  return true;
}

export function qdisc_run_end(q: Qdisc): void {
  q.running = false;
}

/** Has net_tx_action() run the queue. */
export function netif_schedule_queue(q: Qdisc): void {
  dev_ops.netif_schedule(q);
}

/** Sends what is queued, unless someone does already. */
export function qdisc_run(q: Qdisc): void {
  if (!qdisc_run_begin(q)) return;
  __qdisc_run(q);
  qdisc_run_end(q);
}

/** Keeps the packets (linked by next) that the driver did not take, to be sent first. */
function dev_requeue_skb(skb: sk_buff, q: Qdisc): void {
  q.gso_skb = skb;
  for (let p: sk_buff | null = skb; p !== null; p = p.next) {
    q.requeues++;
    q.backlog += p.len;
    q.q.qlen++;
  }
  dev_ops.netif_schedule(q);
}

/** Set by dequeue_skb(): the packet is fresh from the queue. */
let dequeue_validate = false;

/** The packets to be sent next, a list of such as were refused before, or null. */
function dequeue_skb(q: Qdisc): sk_buff | null {
  const skb = q.gso_skb;
  if (skb !== null) {
    dequeue_validate = false;
    if (q.dev.tx_stopped) return null;
    q.gso_skb = null;
    for (let p: sk_buff | null = skb; p !== null; p = p.next) {
      q.backlog -= p.len;
      q.q.qlen--;
    }
    return skb;
  }
  dequeue_validate = true;
  if (q.dev.tx_stopped) return null;
  return q.ops.dequeue(q);
}

/**
 * Sends packets, cutting them and completing checksums if they are fresh (validate). False where the
 * driver would not take them all: they are queued again.
 */
export function sch_direct_xmit(
  skb: sk_buff,
  q: Qdisc,
  dev: net_device,
  validate: boolean,
): boolean {
  let left: sk_buff | null = skb;
  if (validate) left = dev_ops.validate_xmit_skb_list(skb, dev);
  if (left === null) return true;
  let rc = NETDEV_TX_BUSY;
  if (!dev.tx_stopped) {
    left = dev_ops.dev_hard_start_xmit(left, dev, xmit_result);
    rc = xmit_result.rc;
  }
  if (!dev_xmit_complete(rc)) {
    if (left !== null) dev_requeue_skb(left, q);
    return false;
  }
  return true;
}

/** Sends one packet; false where there is none, or the driver would not take it. */
function qdisc_restart(q: Qdisc): boolean {
  const skb = dequeue_skb(q);
  if (skb === null) return false;
  return sch_direct_xmit(skb, q, q.dev, dequeue_validate);
}

/** Sends what is queued, up to a limit; the rest is left to net_tx_action. */
export function __qdisc_run(q: Qdisc): void {
  let quota = q.dev.nd_net.core.dev_tx_weight;
  while (qdisc_restart(q)) {
    if (--quota <= 0) {
      dev_ops.netif_schedule(q);
      break;
    }
  }
}

/** The link came. */
export function netif_carrier_on(dev: net_device): void {
  if (netif_carrier_ok(dev)) return;
  dev.state &= ~__LINK_STATE_NOCARRIER;
  if (dev.registered) dev_ops.linkwatch_event(dev);
}

/** The link went. */
export function netif_carrier_off(dev: net_device): void {
  if (!netif_carrier_ok(dev)) return;
  dev.state |= __LINK_STATE_NOCARRIER;
  if (dev.registered) dev_ops.linkwatch_event(dev);
}

function noop_enqueue(skb: sk_buff, _sch: Qdisc): number {
  kfree_skb_reason(skb, SKB_DROP_REASON_QDISC_DROP);
  return NET_XMIT_CN;
}

function noop_dequeue(_sch: Qdisc): sk_buff | null {
  return null;
}

/** Takes nothing: of a device that is down. */
export const noop_qdisc_ops: Qdisc_ops = {
  id: "noop",
  enqueue: noop_enqueue,
  dequeue: noop_dequeue,
};

/** No queue: packets go to the driver at once. */
export const noqueue_qdisc_ops: Qdisc_ops = {
  id: "noqueue",
  enqueue: null,
  dequeue: noop_dequeue,
};

/** The band of a packet by the lower four bits of its priority. */
const prio2band = Uint8Array.of(1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
const PFIFO_FAST_BANDS = 3;

class pfifo_fast_priv {
  readonly bands: sk_buff_head[] = [];

  constructor() {
    for (let i = 0; i < PFIFO_FAST_BANDS; i++) this.bands.push(new sk_buff_head());
  }
}

function pfifo_fast_enqueue(skb: sk_buff, qdisc: Qdisc): number {
  const band = (qdisc.priv as pfifo_fast_priv).bands[prio2band[skb.priority & 15]];
  if (band.qlen >= qdisc.dev.tx_queue_len) return qdisc_drop(skb, qdisc);
  __skb_queue_tail(band, skb);
  qdisc.q.qlen++;
  qdisc.backlog += skb.len;
  return NET_XMIT_SUCCESS;
}

function pfifo_fast_dequeue(qdisc: Qdisc): sk_buff | null {
  if (qdisc.q.qlen === 0) return null;
  const { bands } = qdisc.priv as pfifo_fast_priv;
  for (let i = 0; i < PFIFO_FAST_BANDS; i++) {
    const skb = __skb_dequeue(bands[i]);
    if (skb === null) continue;
    qdisc.q.qlen--;
    qdisc.backlog -= skb.len;
    qdisc_bstats_update(qdisc, skb);
    return skb;
  }
  return null;
}

function pfifo_fast_init(qdisc: Qdisc): number {
  qdisc.priv = new pfifo_fast_priv();
  qdisc.flags |= TCQ_F_CAN_BYPASS;
  return 0;
}

function pfifo_fast_reset(qdisc: Qdisc): void {
  for (const band of (qdisc.priv as pfifo_fast_priv).bands) __skb_queue_purge(band);
}

/** Three queues, the first before the second before the third. */
export const pfifo_fast_ops: Qdisc_ops = {
  id: "pfifo_fast",
  enqueue: pfifo_fast_enqueue,
  dequeue: pfifo_fast_dequeue,
  init: pfifo_fast_init,
  reset: pfifo_fast_reset,
};

/** What devices get that ask for nothing else: net.core.default_qdisc. */
export let default_qdisc_ops: Qdisc_ops = pfifo_fast_ops;

export function default_qdisc_ops_set(ops: Qdisc_ops): void {
  default_qdisc_ops = ops;
}

/** A discipline that has not begun yet. @differs -ENOBUFS of C's allocation cannot come */
export function qdisc_alloc(dev: net_device, ops: Qdisc_ops): Qdisc {
  return new Qdisc(ops, dev);
}

/** A discipline with its default parameters, or the negative errno of its init. */
export function qdisc_create_dflt(dev: net_device, ops: Qdisc_ops): Qdisc | number {
  const sch = qdisc_alloc(dev, ops);
  const err = ops.init !== undefined ? ops.init(sch) : 0;
  return err === 0 ? sch : err;
}

/** Frees what is queued. */
export function qdisc_reset(qdisc: Qdisc): void {
  qdisc.ops.reset?.(qdisc);
  kfree_skb_list_reason(qdisc.gso_skb, SKB_DROP_REASON_QDISC_DROP);
  qdisc.gso_skb = null;
  skb_queue_head_init(qdisc.q);
  qdisc.backlog = 0;
}

/** Ends a discipline. */
export function qdisc_put(qdisc: Qdisc): void {
  qdisc_reset(qdisc);
  qdisc.ops.destroy?.(qdisc);
}

/** Puts another discipline in the place of a device's; the old one, for the caller to qdisc_put(). */
export function dev_graft_qdisc(dev: net_device, qdisc: Qdisc): Qdisc {
  const oqdisc = dev.qdisc_sleeping;
  if (dev.qdisc === oqdisc && (dev.flags & IFF_UP) !== 0) dev.qdisc = qdisc;
  dev.qdisc_sleeping = qdisc;
  return oqdisc;
}

function is_noop(q: Qdisc): boolean {
  return q.ops === noop_qdisc_ops;
}

/** Has the device its queue, at the latest when it comes up. */
function attach_default_qdiscs(dev: net_device): void {
  const none = (dev.priv_flags & IFF_NO_QUEUE) !== 0 || dev.tx_queue_len === 0;
  let qdisc = qdisc_create_dflt(dev, none ? noqueue_qdisc_ops : default_qdisc_ops);
  if (IS_ERR(qdisc)) qdisc = qdisc_alloc(dev, noqueue_qdisc_ops);
  dev.qdisc_sleeping = qdisc;
}

/** The device may send: its queue is put to use, once the link is there. */
export function dev_activate(dev: net_device): void {
  if (is_noop(dev.qdisc_sleeping)) attach_default_qdiscs(dev);
  if (!netif_carrier_ok(dev)) return;
  dev.qdisc = dev.qdisc_sleeping;
}

/** The device must not send: what is queued is dropped. */
export function dev_deactivate(dev: net_device): void {
  const qdisc = dev.qdisc;
  dev.qdisc = qdisc_alloc(dev, noop_qdisc_ops);
  qdisc_reset(qdisc);
}

/** A device that registers is inactive. */
export function dev_init_scheduler(dev: net_device): void {
  dev.qdisc = qdisc_alloc(dev, noop_qdisc_ops);
  dev.qdisc_sleeping = dev.qdisc;
}

/** A device that goes gives up its queue. */
export function dev_shutdown(dev: net_device): void {
  const qdisc = dev.qdisc_sleeping;
  dev_init_scheduler(dev);
  qdisc_put(qdisc);
}

/** Fresh for a machine that boots; takes what dev.ts provides. @local */
export function sch_init(ops: dev_xmit_ops): void {
  dev_ops = ops;
  default_qdisc_ops = pfifo_fast_ops;
}

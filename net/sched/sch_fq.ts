// SPDX-License-Identifier: GPL-2.0-only
//
// fq: a queue for each flow, served in turn, new flows before old ones. A packet goes not before its
// time of departure (skb.tstamp, set by TCP), and a flow not faster than its socket's pacing rate; until
// then the flow is throttled, in a tree by time, and a qdisc_watchdog wakes the queue.
//
// While a packet is queued here, gro_cb.age holds its time of departure: C keeps it in skb->cb too.

import { jiffies, time_after } from "../../include/linux/jiffies.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import { NET_XMIT_SUCCESS } from "../../include/linux/netdevice.ts";
import { rb_link_node, rb_node, rb_root } from "../../include/linux/rbtree.ts";
import { __skb_dequeue, __skb_queue_after, sk_buff_head } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { Qdisc, Qdisc_ops } from "../../include/net/sch_generic.ts";
import { PACING_UNLIMITED, SK_PACING_FQ } from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import { TCP_LISTEN, TCP_NEW_SYN_RECV, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import { rb_erase, rb_first, rb_insert_color } from "../../lib/rbtree.ts";
import { skb_get_hash } from "../core/flow_dissector.ts";
import { __skb_queue_purge } from "../core/skbuff.ts";
import {
  qdisc_watchdog,
  qdisc_watchdog_cancel,
  qdisc_watchdog_init,
  qdisc_watchdog_schedule_range_ns,
  register_qdisc,
} from "./sch_api.ts";
import { qdisc_bstats_update, qdisc_drop, qdisc_pkt_len } from "./sch_generic.ts";

const NSEC_PER_SEC = 1e9;
const TC_PRIO_CONTROL = 7;

/** What fq_flow.state says: not in a list; in new_flows or old_flows; waiting for its time. */
const FQ_DETACHED = 0;
const FQ_ATTACHED = 1;
const FQ_THROTTLED = 2;

/** The packets of a socket, or of the flows without one that share a hash. */
class fq_flow {
  readonly queue = new sk_buff_head();
  /** bytes that may still be sent in this round */
  credit = 0;
  state = FQ_DETACHED;
  next: fq_flow | null = null;
  /** ns since boot */
  time_next_packet = 0;
  /** jiffies when it became empty */
  age = 0;
  /** In fq_sched_data.delayed. */
  readonly rate_node: rb_node<fq_flow> = new rb_node<fq_flow>(this);
}

class fq_flow_head {
  first: fq_flow | null = null;
  last: fq_flow | null = null;
}

class fq_sched_data {
  readonly new_flows = new fq_flow_head();
  readonly old_flows = new fq_flow_head();
  /** Throttled flows by time_next_packet, and the first one's. */
  readonly delayed = new rb_root<fq_flow>();
  time_next_delayed_flow = Infinity;
  /** Packets that are never delayed. */
  readonly internal = new fq_flow();
  sockets: WeakMap<sock_common, fq_flow> = new WeakMap();
  readonly orphans: (fq_flow | null)[] = new Array(ORPHANS).fill(null);
  readonly watchdog: qdisc_watchdog;
  /** bytes a round, and a new flow's first */
  readonly quantum: number;
  readonly initial_quantum: number;
  /** jiffies after which a flow that was empty has its credit again */
  flow_refill_delay = 40;
  /** bytes per second */
  flow_max_rate = PACING_UNLIMITED;
  low_rate_threshold = 550000 / 8;
  flow_plimit = 100;
  rate_enable = true;
  /** ns */
  timer_slack = 10000;
  horizon = 10 * NSEC_PER_SEC;
  horizon_drop = true;
  stat_throttled = 0;
  stat_horizon_drops = 0;
  stat_flows_plimit = 0;
  stat_internal_packets = 0;

  constructor(sch: Qdisc) {
    const mtu = sch.dev.mtu + sch.dev.hard_header_len;
    this.quantum = 2 * mtu;
    this.initial_quantum = 10 * mtu;
    this.watchdog = new qdisc_watchdog(sch);
  }
}

const ORPHANS = 1024;

function fq_flow_add_tail(head: fq_flow_head, flow: fq_flow): void {
  if (head.last === null) head.first = flow;
  else head.last.next = flow;
  head.last = flow;
  flow.next = null;
  flow.state = FQ_ATTACHED;
}

function fq_flow_del_first(head: fq_flow_head): void {
  head.first = (head.first as fq_flow).next;
  if (head.first === null) head.last = null;
}

function fq_flow_set_throttled(q: fq_sched_data, f: fq_flow): void {
  let parent: rb_node<fq_flow> | null = null;
  let left = false;
  for (let p = q.delayed.rb_node; p !== null;) {
    parent = p;
    left = f.time_next_packet < p.owner.time_next_packet;
    p = left ? p.rb_left : p.rb_right;
  }
  rb_link_node(f.rate_node, parent, q.delayed, left);
  rb_insert_color(f.rate_node, q.delayed);
  f.state = FQ_THROTTLED;
  q.stat_throttled++;
  q.time_next_delayed_flow = Math.min(q.time_next_delayed_flow, f.time_next_packet);
}

function fq_flow_unset_throttled(q: fq_sched_data, f: fq_flow): void {
  rb_erase(f.rate_node, q.delayed);
  fq_flow_add_tail(q.old_flows, f);
}

/** Flows whose time has come are served again. */
function fq_check_throttled(q: fq_sched_data, now: number): void {
  if (q.time_next_delayed_flow > now + q.timer_slack) return;
  q.time_next_delayed_flow = Infinity;
  for (let p = rb_first(q.delayed); p !== null; p = rb_first(q.delayed)) {
    const f = p.owner;
    if (f.time_next_packet > now) {
      q.time_next_delayed_flow = f.time_next_packet;
      break;
    }
    fq_flow_unset_throttled(q, f);
  }
}

function fq_flow_new(q: fq_sched_data): fq_flow {
  const f = new fq_flow();
  f.credit = q.initial_quantum;
  return f;
}

/** The flow of a packet. @differs sockets by themselves, others in a table: nothing to collect */
function fq_classify(skb: sk_buff, q: fq_sched_data): fq_flow {
  if ((skb.priority & 15) === TC_PRIO_CONTROL) return q.internal;
  const sk: sock | null = skb.sk;
  const state = sk !== null ? sk.skc_state : TCP_LISTEN;
  // SYN+ACKs are charged to the listener, but each is of a connection of its own.
  if (
    sk === null || state === TCP_LISTEN || state === TCP_NEW_SYN_RECV || state === TCP_TIME_WAIT
  ) {
    const i = skb_get_hash(skb) & (ORPHANS - 1);
    return q.orphans[i] ??= fq_flow_new(q);
  }
  let f = q.sockets.get(sk);
  if (f === undefined) {
    f = fq_flow_new(q);
    q.sockets.set(sk, f);
    if (q.rate_enable) sk.sk_pacing_status = SK_PACING_FQ;
  }
  return f;
}

/** Puts a packet behind all that leave not later. */
function flow_queue_add(flow: fq_flow, skb: sk_buff): void {
  const time = skb.gro_cb.age;
  let prev = flow.queue.prev;
  while (prev !== null && prev.gro_cb.age > time) prev = prev.prev;
  __skb_queue_after(flow.queue, prev, skb);
}

function fq_enqueue(skb: sk_buff, sch: Qdisc): number {
  const q = sch.priv as fq_sched_data;
  if (sch.q.qlen >= sch.limit) return qdisc_drop(skb, sch);
  const now = ktime_get_ns();
  let time = now;
  if (skb.mono_delivery_time) {
    time = skb.tstamp;
    if (time > now + q.horizon) {
      if (q.horizon_drop) {
        q.stat_horizon_drops++;
        return qdisc_drop(skb, sch);
      }
      time = now + q.horizon;
    }
  }
  skb.gro_cb.age = time;
  const f = fq_classify(skb, q);
  if (f === q.internal) {
    q.stat_internal_packets++;
  } else if (f.queue.qlen >= q.flow_plimit) {
    q.stat_flows_plimit++;
    return qdisc_drop(skb, sch);
  } else if (f.state === FQ_DETACHED) {
    fq_flow_add_tail(q.new_flows, f);
    if (time_after(jiffies, (f.age + q.flow_refill_delay) | 0)) {
      f.credit = Math.max(f.credit, q.quantum);
    }
  }
  flow_queue_add(f, skb);
  sch.q.qlen++;
  sch.backlog += qdisc_pkt_len(skb);
  return NET_XMIT_SUCCESS;
}

function fq_dequeue_skb(sch: Qdisc, flow: fq_flow): sk_buff | null {
  const skb = __skb_dequeue(flow.queue);
  if (skb === null) return null;
  skb.gro_cb.age = 0;
  sch.q.qlen--;
  sch.backlog -= qdisc_pkt_len(skb);
  qdisc_bstats_update(sch, skb);
  return skb;
}

/** Charges a packet to its flow: credit, and the time of its next packet. */
function fq_charge(q: fq_sched_data, f: fq_flow, skb: sk_buff, now: number): void {
  let plen = qdisc_pkt_len(skb);
  f.credit -= plen;
  if (!q.rate_enable) return;
  let rate = q.flow_max_rate;
  // A packet with a time of departure is paced by its sender.
  if (!skb.mono_delivery_time) {
    if (skb.sk !== null) rate = Math.min(skb.sk.sk_pacing_rate, rate);
    if (rate <= q.low_rate_threshold) {
      f.credit = 0;
    } else {
      plen = Math.max(plen, q.quantum);
      if (f.credit > 0) return;
    }
  }
  if (rate >= PACING_UNLIMITED) return;
  let len = plen * NSEC_PER_SEC / Math.max(rate, 1);
  // A pacing rate of next to nothing must not hold a flow for ever.
  if (len > NSEC_PER_SEC) len = NSEC_PER_SEC;
  // What was lost since the packet was due is made up for.
  if (f.time_next_packet !== 0) len -= Math.min(len / 2, Math.max(now - f.time_next_packet, 0));
  f.time_next_packet = now + len;
}

function fq_dequeue(sch: Qdisc): sk_buff | null {
  if (sch.q.qlen === 0) return null;
  const q = sch.priv as fq_sched_data;
  const internal = fq_dequeue_skb(sch, q.internal);
  if (internal !== null) return internal;
  const now = ktime_get_ns();
  fq_check_throttled(q, now);
  for (;;) {
    const head = q.new_flows.first !== null ? q.new_flows : q.old_flows;
    const f = head.first;
    if (f === null) {
      if (q.time_next_delayed_flow !== Infinity) {
        qdisc_watchdog_schedule_range_ns(q.watchdog, q.time_next_delayed_flow, q.timer_slack);
      }
      return null;
    }
    if (f.credit <= 0) {
      f.credit += q.quantum;
      fq_flow_del_first(head);
      fq_flow_add_tail(q.old_flows, f);
      continue;
    }
    const skb = f.queue.next;
    if (skb === null) {
      fq_flow_del_first(head);
      // Once more through the old flows, so that a flow cannot be new again and again.
      if (head === q.new_flows && q.old_flows.first !== null) {
        fq_flow_add_tail(q.old_flows, f);
      } else {
        f.state = FQ_DETACHED;
        f.age = jiffies;
      }
      continue;
    }
    const time_next_packet = Math.max(skb.gro_cb.age, f.time_next_packet);
    if (now < time_next_packet) {
      fq_flow_del_first(head);
      f.time_next_packet = time_next_packet;
      fq_flow_set_throttled(q, f);
      continue;
    }
    fq_dequeue_skb(sch, f);
    fq_charge(q, f, skb, now);
    return skb;
  }
}

function fq_flow_purge(f: fq_flow): void {
  __skb_queue_purge(f.queue);
  f.state = FQ_DETACHED;
}

function fq_reset(sch: Qdisc): void {
  const q = sch.priv as fq_sched_data;
  fq_flow_purge(q.internal);
  for (const head of [q.new_flows, q.old_flows]) {
    while (head.first !== null) {
      const f = head.first;
      fq_flow_del_first(head);
      fq_flow_purge(f);
    }
  }
  for (let p = rb_first(q.delayed); p !== null; p = rb_first(q.delayed)) {
    rb_erase(p, q.delayed);
    fq_flow_purge(p.owner);
  }
  q.time_next_delayed_flow = Infinity;
  q.sockets = new WeakMap();
  q.orphans.fill(null);
  qdisc_watchdog_cancel(q.watchdog);
}

function fq_init(sch: Qdisc): number {
  const q = new fq_sched_data(sch);
  sch.priv = q;
  sch.limit = 10000;
  qdisc_watchdog_init(q.watchdog, sch);
  return 0;
}

function fq_destroy(sch: Qdisc): void {
  fq_reset(sch);
}

export const fq_qdisc_ops: Qdisc_ops = {
  id: "fq",
  enqueue: fq_enqueue,
  dequeue: fq_dequeue,
  init: fq_init,
  reset: fq_reset,
  destroy: fq_destroy,
};

export function fq_module_init(): number {
  return register_qdisc(fq_qdisc_ops);
}

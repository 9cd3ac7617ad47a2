// SPDX-License-Identifier: GPL-2.0-only
//
// inet_connection_sock: a connection-oriented Internet socket: accept queue, timers, congestion
// control, delayed ACKs. What starts and stops timers is in net/ipv4/inet_connection_sock.ts.

import { timer_list } from "../linux/timer.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import type { dst_entry } from "./dst.ts";
import type { inet_bind_bucket } from "./inet_hashtables.ts";
import { inet_sock } from "./inet_sock.ts";
import { request_sock_queue } from "./request_sock.ts";
import type { request_sock } from "./request_sock.ts";
import type { sock, sock_common } from "./sock.ts";
import type { tcp_congestion_ops } from "./tcp.ts";

/** What TCP asks of the IP version below. */
export interface inet_connection_sock_af_ops {
  queue_xmit(sk: sock, skb: sk_buff, fl: unknown): number;
  send_check(sk: sock, skb: sk_buff): void;
  rebuild_header(sk: sock): number;
  sk_rx_dst_set(sk: sock, skb: sk_buff): void;
  conn_request(sk: sock, skb: sk_buff): number;
  syn_recv_sock(
    sk: sock,
    skb: sk_buff,
    req: request_sock,
    dst: dst_entry | null,
    req_unhash: request_sock | null,
    own_req: { value: boolean },
  ): sock | null;
  net_header_len: number;
  setsockopt(
    sk: sock,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: number,
  ): number | Promise<number>;
  getsockopt(
    sk: sock,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: Int32Array,
  ): number | Promise<number>;
  mtu_reduced(sk: sock): void;
}

export const ICSK_TIME_RETRANS = 1;
export const ICSK_TIME_DACK = 2;
export const ICSK_TIME_PROBE0 = 3;
export const ICSK_TIME_LOSS_PROBE = 5;
export const ICSK_TIME_REO_TIMEOUT = 6;

/** icsk_ack.pending */
export const ICSK_ACK_SCHED = 1;
export const ICSK_ACK_TIMER = 2;
export const ICSK_ACK_PUSHED = 4;
export const ICSK_ACK_PUSHED2 = 8;
export const ICSK_ACK_NOW = 16;
export const ICSK_ACK_NOMEM = 32;

/** Delayed ACKs. Times in jiffies. */
export class icsk_ack_state {
  /** ICSK_ACK_* */
  pending = 0;
  /** Quick ACKs left to send. */
  quick = 0;
  /** The connection is interactive: don't ack quickly. */
  pingpong = 0;
  retry = 0;
  /** Predicted interval of data, clocks the delayed ACK. */
  ato = 0;
  /** When the delayed ACK is due. */
  timeout = 0;
  /** When the last data came. */
  lrcvtime = 0;
  last_seg_size = 0;
  /** Estimate of the peer's MSS, bytes. */
  rcv_mss = 0;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: icsk_ack_state): void {
    this.pending = o.pending;
    this.quick = o.quick;
    this.pingpong = o.pingpong;
    this.retry = o.retry;
    this.ato = o.ato;
    this.timeout = o.timeout;
    this.lrcvtime = o.lrcvtime;
    this.last_seg_size = o.last_seg_size;
    this.rcv_mss = o.rcv_mss;
  }
}

/** MTU probing. */
export class icsk_mtup_state {
  search_high = 0;
  search_low = 0;
  /** Size of the probe under way, bytes; 0 none. */
  probe_size = 0;
  probe_timestamp = 0;
  enabled = false;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: icsk_mtup_state): void {
    this.search_high = o.search_high;
    this.search_low = o.search_low;
    this.probe_size = o.probe_size;
    this.probe_timestamp = o.probe_timestamp;
    this.enabled = o.enabled;
  }
}

/** A connection-oriented Internet socket. */
export class inet_connection_sock extends inet_sock {
  readonly icsk_accept_queue = new request_sock_queue();
  icsk_bind_hash: inet_bind_bucket | null = null;
  /** jiffies at which icsk_retransmit_timer is due */
  icsk_timeout = 0;
  readonly icsk_retransmit_timer: timer_list<inet_connection_sock>;
  readonly icsk_delack_timer: timer_list<inet_connection_sock>;
  /** Retransmission timeout, its floor, and the longest delayed ACK, jiffies. */
  icsk_rto = 0;
  icsk_rto_min = 0;
  icsk_rto_max = 0;
  icsk_delack_max = 0;
  /** Path MTU as last seen, bytes. */
  icsk_pmtu_cookie = 0;
  icsk_ca_ops!: tcp_congestion_ops;
  icsk_af_ops!: inet_connection_sock_af_ops;
  icsk_sync_mss!: (sk: sock, pmtu: number) => number;
  /** TCP_CA_* */
  icsk_ca_state = 0;
  icsk_ca_initialized = false;
  icsk_ca_setsockopt = false;
  icsk_ca_dst_locked = false;
  /** Expiries of the RTO in a row. */
  icsk_retransmits = 0;
  /** ICSK_TIME_* that icsk_retransmit_timer stands for. */
  icsk_pending = 0;
  icsk_backoff = 0;
  /** TCP_SYNCNT; 0: the namespace's */
  icsk_syn_retries = 0;
  icsk_probes_out = 0;
  icsk_ext_hdr_len = 0;
  readonly icsk_ack = new icsk_ack_state();
  readonly icsk_mtup = new icsk_mtup_state();
  /** When the first zero-window probe was sent, jiffies; 0 none. */
  icsk_probes_tstamp = 0;
  /** TCP_USER_TIMEOUT, ms; 0 none. */
  icsk_user_timeout = 0;
  /** The congestion control's own state, made by its init(). */
  icsk_ca_priv: unknown = null;

  constructor() {
    super();
    this.icsk_retransmit_timer = new timer_list<inet_connection_sock>(this);
    this.icsk_delack_timer = new timer_list<inet_connection_sock>(this);
  }

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  override copy_from(o: inet_connection_sock): void {
    super.copy_from(o);
    this.icsk_accept_queue.rskq_defer_accept = o.icsk_accept_queue.rskq_defer_accept;
    this.icsk_bind_hash = o.icsk_bind_hash;
    this.icsk_timeout = o.icsk_timeout;
    this.icsk_rto = o.icsk_rto;
    this.icsk_rto_min = o.icsk_rto_min;
    this.icsk_rto_max = o.icsk_rto_max;
    this.icsk_delack_max = o.icsk_delack_max;
    this.icsk_pmtu_cookie = o.icsk_pmtu_cookie;
    this.icsk_ca_ops = o.icsk_ca_ops;
    this.icsk_af_ops = o.icsk_af_ops;
    this.icsk_sync_mss = o.icsk_sync_mss;
    this.icsk_ca_state = o.icsk_ca_state;
    this.icsk_ca_initialized = o.icsk_ca_initialized;
    this.icsk_ca_setsockopt = o.icsk_ca_setsockopt;
    this.icsk_ca_dst_locked = o.icsk_ca_dst_locked;
    this.icsk_retransmits = o.icsk_retransmits;
    this.icsk_pending = o.icsk_pending;
    this.icsk_backoff = o.icsk_backoff;
    this.icsk_syn_retries = o.icsk_syn_retries;
    this.icsk_probes_out = o.icsk_probes_out;
    this.icsk_ext_hdr_len = o.icsk_ext_hdr_len;
    this.icsk_ack.copy_from(o.icsk_ack);
    this.icsk_mtup.copy_from(o.icsk_mtup);
    this.icsk_probes_tstamp = o.icsk_probes_tstamp;
    this.icsk_user_timeout = o.icsk_user_timeout;
    this.icsk_ca_priv = o.icsk_ca_priv;
  }
}

export function inet_csk(sk: sock_common): inet_connection_sock {
  return sk as inet_connection_sock;
}

/** The congestion control's state; the module knows its type. */
export function inet_csk_ca<T>(sk: sock_common): T {
  return (sk as inet_connection_sock).icsk_ca_priv as T;
}

/** Sets the delayed-ACK state to empty. */
export function inet_csk_delack_init(sk: sock): void {
  const ack = (sk as inet_connection_sock).icsk_ack;
  ack.pending = 0;
  ack.quick = 0;
  ack.pingpong = 0;
  ack.retry = 0;
  ack.ato = 0;
  ack.timeout = 0;
  ack.lrcvtime = 0;
  ack.last_seg_size = 0;
  ack.rcv_mss = 0;
}

/** An ACK has to be sent, now or a little later. */
export function inet_csk_schedule_ack(sk: sock): void {
  (sk as inet_connection_sock).icsk_ack.pending |= ICSK_ACK_SCHED;
}

export function inet_csk_ack_scheduled(sk: sock): boolean {
  return ((sk as inet_connection_sock).icsk_ack.pending & ICSK_ACK_SCHED) !== 0;
}

export function inet_csk_enter_pingpong_mode(sk: sock): void {
  (sk as inet_connection_sock).icsk_ack.pingpong = sk.skc_net.ipv4.sysctl_tcp_pingpong_thresh;
}

export function inet_csk_exit_pingpong_mode(sk: sock): void {
  (sk as inet_connection_sock).icsk_ack.pingpong = 0;
}

export function inet_csk_in_pingpong_mode(sk: sock): boolean {
  return (sk as inet_connection_sock).icsk_ack.pingpong >=
    sk.skc_net.ipv4.sysctl_tcp_pingpong_thresh;
}

export function inet_csk_inc_pingpong_cnt(sk: sock): void {
  const ack = (sk as inet_connection_sock).icsk_ack;
  if (ack.pingpong < 255) ack.pingpong++;
}

/** The RTO with its backoff, not above max_when; jiffies. */
export function inet_csk_rto_backoff(icsk: inet_connection_sock, max_when: number): number {
  return Math.min(icsk.icsk_rto * (1 << Math.min(icsk.icsk_backoff, 30)), max_when);
}

/** The SYN+ACK's timeout with its backoff, jiffies. */
export function reqsk_timeout(req: request_sock, max_timeout: number): number {
  return Math.min(req.timeout * (1 << Math.min(req.num_timeout, 30)), max_timeout);
}

/** request_socks that wait for their third ACK. */
export function inet_csk_reqsk_queue_len(sk: sock): number {
  return (sk as inet_connection_sock).icsk_accept_queue.qlen;
}

export function inet_csk_reqsk_queue_is_full(sk: sock): boolean {
  return inet_csk_reqsk_queue_len(sk) > sk.sk_max_ack_backlog;
}

/** A request_sock has entered ehash for this listener. */
export function inet_csk_reqsk_queue_added(sk: sock): void {
  const queue = (sk as inet_connection_sock).icsk_accept_queue;
  queue.young++;
  queue.qlen++;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// RACK (RFC 8985): a packet is lost when one that was sent later has arrived and the time for being reordered is over.
// tcp_ack() notes each delivery (tcp_rack_advance), adapts the window for reordering (tcp_rack_update_reo_wnd) and asks
// what is lost (tcp_rack_mark_lost); packets that may still arrive are asked about again by a timer
// (tcp_rack_reo_timeout). NewReno's rule for peers without SACK stands here too.

import { usecs_to_jiffies } from "../../include/linux/jiffies.ts";
import { TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import {
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
} from "../../include/net/inet_connection_sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  before,
  TCP_FRAG_IN_RTX_QUEUE,
  tcp_min_rtt,
  tcp_packets_in_flight,
  TCP_RACK_NO_DUPTHRESH,
  TCP_RACK_RECOVERY_THRESH,
  TCP_RACK_STATIC_REO_WND,
  tcp_sk,
  tcp_skb_mss,
  tcp_skb_pcount,
  tcp_skb_sent_after,
  tcp_skb_timestamp_us,
  tcp_stamp_us_delta,
  TCP_TIMEOUT_MIN_US,
  TCPCB_LOST,
  TCPCB_RETRANS,
  TCPCB_SACKED_RETRANS,
} from "../../include/net/tcp.ts";
import type { rate_sample } from "../../include/net/tcp.ts";
import { TCP_CA_Recovery } from "../../include/uapi/linux/tcp.ts";
import { inet_csk_reset_xmit_timer } from "./inet_connection_sock.ts";
import { tcp_rtx_queue_head, tcp_skb_tsorted_del } from "./tcp.ts";
import {
  tcp_cwnd_reduction,
  tcp_enter_recovery,
  tcp_mark_skb_lost,
  tcp_rearm_rto,
} from "./tcp_input.ts";
import { tcp_fragment, tcp_xmit_retransmit_queue } from "./tcp_output.ts";

/** Time that a packet may be late against those sent after it, us. @rfc 8985 6.2 step 4 */
function tcp_rack_reo_wnd(sk: sock): number {
  const tp = tcp_sk(sk);
  if (tp.reord_seen === 0) {
    // This path is not known to reorder: no time is lost once loss is likely.
    if (tp.icsk_ca_state >= TCP_CA_Recovery) return 0;
    if (
      tp.sacked_out >= tp.reordering &&
      (sk.skc_net.ipv4.sysctl_tcp_recovery & TCP_RACK_NO_DUPTHRESH) === 0
    ) return 0;
  }
  const steps = Math.floor(tcp_min_rtt(tp) / 4) * tp.rack.reo_wnd_steps;
  return Math.min(steps, Math.floor(tp.srtt_us / 8));
}

/** Time until skb is held lost, us; not positive when it is. */
export function tcp_rack_skb_timeout(tp: tcp_sock, skb: sk_buff, reo_wnd: number): number {
  return tp.rack.rtt_us + reo_wnd -
    tcp_stamp_us_delta(tp.tcp_mstamp, tcp_skb_timestamp_us(skb));
}

/** Marks what is lost; the longest time until another packet may be, us. @rfc 8985 6.2 step 5 */
function tcp_rack_detect_loss(sk: sock): number {
  const tp = tcp_sk(sk);
  const reo_wnd = tcp_rack_reo_wnd(sk);
  let reo_timeout = 0;
  let skb = tp.tsorted_sent_queue.first;
  while (skb !== null) {
    const next: sk_buff | null = skb.tsorted_next;
    const scb = TCP_SKB_CB(skb);
    // Lost already, and waiting to be sent again.
    const waiting = (scb.sacked & TCPCB_LOST) !== 0 && (scb.sacked & TCPCB_SACKED_RETRANS) === 0;
    if (!waiting) {
      if (
        !tcp_skb_sent_after(
          tp.rack.mstamp,
          tcp_skb_timestamp_us(skb),
          tp.rack.end_seq,
          scb.end_seq,
        )
      ) break;
      const remaining = tcp_rack_skb_timeout(tp, skb, reo_wnd);
      if (remaining <= 0) {
        tcp_mark_skb_lost(sk, skb);
        tcp_skb_tsorted_del(tp, skb);
      } else {
        reo_timeout = Math.max(reo_timeout, remaining);
      }
    }
    skb = next;
  }
  return reo_timeout;
}

/** Marks what is lost after an ACK; true if the reordering timer runs now. */
export function tcp_rack_mark_lost(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (!tp.rack.advanced) return false;
  tp.rack.advanced = false;
  const timeout = tcp_rack_detect_loss(sk);
  if (timeout === 0) return false;
  inet_csk_reset_xmit_timer(
    sk,
    ICSK_TIME_REO_TIMEOUT,
    usecs_to_jiffies(timeout + TCP_TIMEOUT_MIN_US),
    tp.icsk_rto,
  );
  return true;
}

/** A packet sent at xmit_time (us) has arrived. @rfc 8985 6.2 step 2 */
export function tcp_rack_advance(
  tp: tcp_sock,
  sacked: number,
  end_seq: number,
  xmit_time: number,
): void {
  const rtt_us = tcp_stamp_us_delta(tp.tcp_mstamp, xmit_time);
  // So soon after a retransmission it was the original that arrived.
  if (rtt_us < tcp_min_rtt(tp) && (sacked & TCPCB_RETRANS) !== 0) return;
  tp.rack.advanced = true;
  tp.rack.rtt_us = rtt_us;
  if (tcp_skb_sent_after(xmit_time, tp.rack.mstamp, end_seq, tp.rack.end_seq)) {
    tp.rack.mstamp = xmit_time;
    tp.rack.end_seq = end_seq;
  }
}

/** The time for being reordered is over: what has not arrived is lost. */
export function tcp_rack_reo_timeout(sk: sock): void {
  const tp = tcp_sk(sk);
  const prior_inflight = tcp_packets_in_flight(tp);
  const lost = tp.lost;
  tcp_rack_detect_loss(sk);
  if (prior_inflight !== tcp_packets_in_flight(tp)) {
    if (tp.icsk_ca_state !== TCP_CA_Recovery) {
      tcp_enter_recovery(sk, false);
      if (tp.icsk_ca_ops.cong_control === undefined) {
        tcp_cwnd_reduction(sk, 1, tp.lost - lost, 0);
      }
    }
    tcp_xmit_retransmit_queue(sk);
  }
  if (tp.icsk_pending !== ICSK_TIME_RETRANS) tcp_rearm_rto(sk);
}

/**
 * Widens the reordering window by a step per round trip in which a D-SACK proved a retransmission needless; goes back
 * after 16 recoveries. @rfc 8985 6.2 step 4
 */
export function tcp_rack_update_reo_wnd(sk: sock, rs: rate_sample): void {
  const tp = tcp_sk(sk);
  if (
    (sk.skc_net.ipv4.sysctl_tcp_recovery & TCP_RACK_STATIC_REO_WND) !== 0 ||
    rs.prior_delivered === 0
  ) return;
  // Less than a round trip since the last step.
  if (before(rs.prior_delivered, tp.rack.last_delivered)) tp.rack.dsack_seen = false;
  if (tp.rack.dsack_seen) {
    tp.rack.reo_wnd_steps = Math.min(0xff, tp.rack.reo_wnd_steps + 1);
    tp.rack.dsack_seen = false;
    tp.rack.last_delivered = tp.delivered;
    tp.rack.reo_wnd_persist = TCP_RACK_RECOVERY_THRESH;
  } else if (tp.rack.reo_wnd_persist === 0) {
    tp.rack.reo_wnd_steps = 1;
  }
}

/** Without SACK: three duplicates, or a partial ACK in recovery, mean that the head is lost. @rfc 6582 3.2 */
export function tcp_newreno_mark_lost(sk: sock, snd_una_advanced: boolean): void {
  const tp = tcp_sk(sk);
  const state = tp.icsk_ca_state;
  if (
    (state < TCP_CA_Recovery && tp.sacked_out >= tp.reordering) ||
    (state === TCP_CA_Recovery && snd_una_advanced)
  ) {
    const skb = tcp_rtx_queue_head(sk)!;
    if ((TCP_SKB_CB(skb).sacked & TCPCB_LOST) !== 0) return;
    const mss = tcp_skb_mss(skb);
    if (tcp_skb_pcount(skb) > 1 && skb.len > mss) {
      tcp_fragment(sk, TCP_FRAG_IN_RTX_QUEUE, skb, mss, mss);
    }
    tcp_mark_skb_lost(sk, skb);
  }
}

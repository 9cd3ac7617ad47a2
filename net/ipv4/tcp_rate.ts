// SPDX-License-Identifier: GPL-2.0-only
//
// Delivery rate samples: how many packets were delivered between two ACKs, and how long that took on the
// sending and on the receiving side; the longer of the two counts. tcp_transmit_skb() stamps each skb
// (tcp_rate_skb_sent), tcp_ack() meets it again (tcp_rate_skb_delivered) and closes the sample (tcp_rate_gen).

import type { sk_buff } from "../../include/linux/skbuff.ts";
import { SKB_TRUESIZE, TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import { sk_wmem_alloc_get } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  after,
  tcp_min_rtt,
  tcp_packets_in_flight,
  tcp_sk,
  tcp_skb_sent_after,
  tcp_skb_timestamp_us,
  tcp_snd_cwnd,
  tcp_stamp_us_delta,
  TCPCB_RETRANS,
  TCPCB_SACKED_ACKED,
} from "../../include/net/tcp.ts";
import type { rate_sample } from "../../include/net/tcp.ts";

/** Notes in an skb that is sent how much has been delivered by now. */
export function tcp_rate_skb_sent(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const tx = TCP_SKB_CB(skb);
  if (tp.packets_out === 0) {
    // Nothing was in flight: the pause before this packet is no delivery time.
    const now = tcp_skb_timestamp_us(skb);
    tp.first_tx_mstamp = now;
    tp.delivered_mstamp = now;
  }
  tx.first_tx_mstamp = tp.first_tx_mstamp;
  tx.delivered_mstamp = tp.delivered_mstamp;
  tx.delivered = tp.delivered;
  tx.delivered_ce = tp.delivered_ce;
  tx.is_app_limited = tp.app_limited !== 0;
}

/** An skb was acknowledged or SACKed: the one sent last starts the sample. */
export function tcp_rate_skb_delivered(sk: sock, skb: sk_buff, rs: rate_sample): void {
  const tp = tcp_sk(sk);
  const scb = TCP_SKB_CB(skb);
  if (scb.delivered_mstamp === 0) return;
  const tx_tstamp = tcp_skb_timestamp_us(skb);
  if (
    rs.prior_delivered === 0 ||
    tcp_skb_sent_after(tx_tstamp, tp.first_tx_mstamp, scb.end_seq, rs.last_end_seq)
  ) {
    rs.prior_delivered_ce = scb.delivered_ce;
    rs.prior_delivered = scb.delivered;
    rs.prior_mstamp = scb.delivered_mstamp;
    rs.is_app_limited = scb.is_app_limited;
    rs.is_retrans = (scb.sacked & TCPCB_RETRANS) !== 0;
    rs.last_end_seq = scb.end_seq;
    tp.first_tx_mstamp = tx_tstamp;
    rs.interval_us = tcp_stamp_us_delta(tx_tstamp, scb.first_tx_mstamp);
  }
  // Once SACKed, the later cumulative ACK must not count it again.
  if ((scb.sacked & TCPCB_SACKED_ACKED) !== 0) scb.delivered_mstamp = 0;
}

/** Ends the sample of one ACK; interval_us -1 where there is none. */
export function tcp_rate_gen(
  sk: sock,
  delivered: number,
  lost: number,
  is_sack_reneg: boolean,
  rs: rate_sample,
): void {
  const tp = tcp_sk(sk);
  if (tp.app_limited !== 0 && after(tp.delivered, tp.app_limited)) tp.app_limited = 0;
  if (delivered !== 0) tp.delivered_mstamp = tp.tcp_mstamp;
  rs.acked_sacked = delivered;
  rs.losses = lost;

  if (rs.prior_mstamp === 0 || is_sack_reneg) {
    rs.delivered = -1;
    rs.interval_us = -1;
    return;
  }
  rs.delivered = tp.delivered - rs.prior_delivered;
  rs.delivered_ce = tp.delivered_ce - rs.prior_delivered_ce;

  const snd_us = rs.interval_us;
  const ack_us = tcp_stamp_us_delta(tp.tcp_mstamp, rs.prior_mstamp);
  rs.snd_interval_us = snd_us;
  rs.rcv_interval_us = ack_us;
  rs.interval_us = Math.max(snd_us, ack_us);

  // Shorter than any RTT: the sample is of a retransmission whose original arrived.
  if (rs.interval_us < tcp_min_rtt(tp)) {
    rs.interval_us = -1;
    return;
  }
  if (
    !rs.is_app_limited ||
    rs.delivered * tp.rate_interval_us >= tp.rate_delivered * rs.interval_us
  ) {
    tp.rate_delivered = rs.delivered;
    tp.rate_interval_us = rs.interval_us;
    tp.rate_app_limited = rs.is_app_limited;
  }
}

/** Before a program writes more: samples until then are limited by it if the network had room. */
export function tcp_rate_check_app_limited(sk: sock): void {
  const tp = tcp_sk(sk);
  if (
    ((tp.write_seq - tp.snd_nxt) | 0) < tp.mss_cache &&
    sk_wmem_alloc_get(sk) < SKB_TRUESIZE(1) &&
    tcp_packets_in_flight(tp) < tcp_snd_cwnd(tp) &&
    tp.lost_out <= tp.retrans_out
  ) {
    const mark = tp.delivered + tcp_packets_in_flight(tp);
    tp.app_limited = mark !== 0 ? mark : 1;
  }
}

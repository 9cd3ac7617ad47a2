// SPDX-License-Identifier: GPL-2.0-only
//
// tcp_sock: one TCP connection; tcp_request_sock: one that is being opened; tcp_timewait_sock: what
// is left of one.

import { hrtimer } from "./hrtimer.ts";
import { rb_root } from "./rbtree.ts";
import type { sk_buff } from "./skbuff.ts";
import { inet_connection_sock } from "../net/inet_connection_sock.ts";
import { inet_request_sock } from "../net/inet_sock.ts";
import { inet_timewait_sock } from "../net/inet_timewait_sock.ts";
import type { request_sock, saved_syn } from "../net/request_sock.ts";
import type { sock_common } from "../net/sock.ts";
import type { tcp_fastopen_request, tcp_request_sock_ops } from "../net/tcp.ts";

/** A range of received sequence numbers, end excluded. */
export class tcp_sack_block {
  start_seq = 0;
  end_seq = 0;
}

/** Options of the peer, from SYN and from the present segment. */
export class tcp_options_received {
  /** When ts_recent was taken, seconds of the monotonic clock; 0 none. */
  ts_recent_stamp = 0;
  ts_recent = 0;
  /** Of the present segment. */
  rcv_tsval = 0;
  rcv_tsecr = 0;
  saw_tstamp = false;
  /** Timestamps were agreed on. */
  tstamp_ok = false;
  dsack = false;
  wscale_ok = false;
  /** TCP_SACK_SEEN, TCP_DSACK_SEEN; 0 where the peer takes no SACK. */
  sack_ok = 0;
  smc_ok = false;
  snd_wscale = 0;
  rcv_wscale = 0;
  saw_unknown = false;
  num_sacks = 0;
  /** MSS that the program asked for, and the bound on what the peer may send or ask for. */
  user_mss = 0;
  mss_clamp = 0;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: tcp_options_received): void {
    this.ts_recent_stamp = o.ts_recent_stamp;
    this.ts_recent = o.ts_recent;
    this.rcv_tsval = o.rcv_tsval;
    this.rcv_tsecr = o.rcv_tsecr;
    this.saw_tstamp = o.saw_tstamp;
    this.tstamp_ok = o.tstamp_ok;
    this.dsack = o.dsack;
    this.wscale_ok = o.wscale_ok;
    this.sack_ok = o.sack_ok;
    this.smc_ok = o.smc_ok;
    this.snd_wscale = o.snd_wscale;
    this.rcv_wscale = o.rcv_wscale;
    this.saw_unknown = o.saw_unknown;
    this.num_sacks = o.num_sacks;
    this.user_mss = o.user_mss;
    this.mss_clamp = o.mss_clamp;
  }
}

/** Windowed minimum, see lib/win_minmax.ts. */
export class minmax_sample {
  t = 0;
  v = 0;
}

export class minmax {
  readonly s: [minmax_sample, minmax_sample, minmax_sample] = [
    new minmax_sample(),
    new minmax_sample(),
    new minmax_sample(),
  ];
}

/** RACK's state. @rfc 8985 */
export class tcp_rack {
  /** Departure of the latest delivered packet, us. */
  mstamp = 0;
  rtt_us = 0;
  end_seq = 0;
  last_delivered = 0;
  /** In units of min_rtt / 4. */
  reo_wnd_steps = 1;
  reo_wnd_persist = 0;
  dsack_seen = false;
  advanced = false;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: tcp_rack): void {
    this.mstamp = o.mstamp;
    this.rtt_us = o.rtt_us;
    this.end_seq = o.end_seq;
    this.last_delivered = o.last_delivered;
    this.reo_wnd_steps = o.reo_wnd_steps;
    this.reo_wnd_persist = o.reo_wnd_persist;
    this.dsack_seen = o.dsack_seen;
    this.advanced = o.advanced;
  }
}

/** Estimators of the receiver. Times us. */
export class tcp_rcv_rtt_est {
  rtt_us = 0;
  seq = 0;
  time = 0;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: tcp_rcv_rtt_est): void {
    this.rtt_us = o.rtt_us;
    this.seq = o.seq;
    this.time = o.time;
  }
}

export class tcp_rcvq_space {
  space = 0;
  seq = 0;
  time = 0;

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: tcp_rcvq_space): void {
    this.space = o.space;
    this.seq = o.seq;
    this.time = o.time;
  }
}

/** Sent skbs by time of their last transmission, for RACK. */
export class sk_buff_tsorted {
  first: sk_buff | null = null;
  last: sk_buff | null = null;
}

/** A connection. Sequence numbers int32; times us unless said otherwise. */
export class tcp_sock extends inet_connection_sock {
  tcp_header_len = 0;
  /** Goal of a TSO packet, in segments. */
  gso_segs = 0;
  /** Header prediction: the flag word of the segment that is expected (int32); 0 off. */
  pred_flags = 0;
  scaling_ratio = 0;

  bytes_received = 0;
  segs_in = 0;
  data_segs_in = 0;
  rcv_nxt = 0;
  /** Head of what the program has not read. */
  copied_seq = 0;
  /** rcv_nxt when the last window went out. */
  rcv_wup = 0;
  snd_nxt = 0;
  segs_out = 0;
  data_segs_out = 0;
  bytes_sent = 0;
  bytes_acked = 0;
  dsack_dups = 0;
  snd_una = 0;
  /** Last byte of the small packet sent most recently. */
  snd_sml = 0;
  /** Last ACK came and last data went, jiffies. */
  rcv_tstamp = 0;
  lsndtime = 0;
  /** Last out-of-window segment that was acked, jiffies. */
  last_oow_ack_time = 0;
  /** Compressed ACKs since the last out-of-order one that moved the right edge. */
  compressed_ack = 0;
  compressed_ack_rcv_nxt = 0;
  dup_ack_counter = 0;
  tlp_retrans = false;
  /** Offset of our timestamps. */
  tsoffset = 0;
  readonly tsorted_sent_queue = new sk_buff_tsorted();
  snd_wl1 = 0;
  snd_wnd = 0;
  /** Largest window the peer ever offered. */
  max_window = 0;
  mss_cache = 0;
  window_clamp = 0;
  /** Clamp of the window while little was received. */
  rcv_ssthresh = 0;
  readonly rack = new tcp_rack();
  advmss = 0;
  /** Highest 8 bits: time limited by the receiver's window; enum tcp_chrono. */
  chrono_type = 0;
  chrono_start = 0;
  /** jiffies in each of the states busy, rwnd_limited, sndbuf_limited. */
  readonly chrono_stat: [number, number, number] = [0, 0, 0];
  rate_app_limited = false;
  fastopen_connect = false;
  fastopen_no_cookie = false;
  is_sack_reneg = false;
  fastopen_client_fail = 0;
  /** TCP_NAGLE_* */
  nonagle = 0;
  thin_lto = false;
  recvmsg_inq = false;
  repair = false;
  repair_queue = 0;
  /** F-RTO (RFC 5682) is on. */
  frto = false;
  /** TCP_SAVE_SYN */
  save_syn = 0;
  syn_data = false;
  syn_fastopen = false;
  syn_fastopen_exp = false;
  syn_fastopen_ch = false;
  syn_data_acked = false;
  is_cwnd_limited = false;
  tlp_high_seq = 0;
  tcp_tx_delay = 0;
  /** Earliest departure of the next packet, ns. */
  tcp_wstamp_ns = 0;
  /** Time of the present event, ns and us. */
  tcp_clock_cache = 0;
  tcp_mstamp = 0;
  /** Smoothed RTT << 3, its medium deviation << 2, the largest in this RTT, the smoothed; us. */
  srtt_us = 0;
  mdev_us = 0;
  mdev_max_us = 0;
  rttvar_us = 0;
  rtt_seq = 0;
  readonly rtt_min = new minmax();
  packets_out = 0;
  retrans_out = 0;
  max_packets_out = 0;
  cwnd_usage_seq = 0;
  /** TCP_ECN_* */
  ecn_flags = 0;
  keepalive_probes = 0;
  reordering = 0;
  reord_seen = 0;
  snd_up = 0;
  readonly rx_opt = new tcp_options_received();
  snd_ssthresh = 0;
  snd_cwnd = 0;
  snd_cwnd_cnt = 0;
  snd_cwnd_clamp = 0;
  snd_cwnd_used = 0;
  /** jiffies */
  snd_cwnd_stamp = 0;
  prior_cwnd = 0;
  prr_delivered = 0;
  prr_out = 0;
  delivered = 0;
  delivered_ce = 0;
  lost = 0;
  app_limited = 0;
  first_tx_mstamp = 0;
  delivered_mstamp = 0;
  rate_delivered = 0;
  rate_interval_us = 0;
  rcv_wnd = 0;
  /** One past the last byte written by the program. */
  write_seq = 0;
  notsent_lowat = 0;
  pushed_seq = 0;
  lost_out = 0;
  sacked_out = 0;
  readonly pacing_timer: hrtimer<tcp_sock>;
  readonly compressed_ack_timer: hrtimer<tcp_sock>;
  lost_skb_hint: sk_buff | null = null;
  retransmit_skb_hint: sk_buff | null = null;
  /** Sent and not yet acknowledged, by sequence. */
  readonly tcp_rtx_queue = new rb_root<sk_buff>();
  /** Received out of order, by sequence. */
  readonly out_of_order_queue = new rb_root<sk_buff>();
  ooo_last_skb: sk_buff | null = null;
  readonly duplicate_sack: [tcp_sack_block] = [new tcp_sack_block()];
  readonly selective_acks: tcp_sack_block[] = sack_blocks();
  readonly recv_sack_cache: tcp_sack_block[] = sack_blocks();
  highest_sack: sk_buff | null = null;
  lost_cnt_hint = 0;
  prior_ssthresh = 0;
  /** snd_nxt when loss was found. */
  high_seq = 0;
  /** Timestamp (ms) of the first retransmission of this recovery; 0 none. */
  retrans_stamp = 0;
  undo_marker = 0;
  /** Retransmissions that DSACK may still prove needless. */
  undo_retrans = 0;
  bytes_retrans = 0;
  total_retrans = 0;
  /** Expiries of the RTO, the recoveries that they began, how long these took (ms), and when the last began (ms), or 0. */
  total_rto = 0;
  total_rto_recoveries = 0;
  total_rto_time = 0;
  rto_stamp = 0;
  urg_seq = 0;
  urg_data = 0;
  /** jiffies; 0 default */
  keepalive_time = 0;
  keepalive_intvl = 0;
  /** jiffies; 0 default, negative none */
  linger2 = 0;
  timeout_rehash = 0;
  rcv_ooopack = 0;
  rcv_rtt_last_tsecr = 0;
  readonly rcv_rtt_est = new tcp_rcv_rtt_est();
  readonly rcvq_space = new tcp_rcvq_space();
  mtu_probe_start = 0;
  mtu_probe_end = 0;
  /** The path MTU that an ICMP told, to act on when the socket is free. */
  mtu_info = 0;
  fastopen_req: tcp_fastopen_request | null = null;
  fastopen_rsk: request_sock | null = null;
  saved_syn: saved_syn | null = null;
  /** The SYN's timestamp option was sent in us units. */
  tcp_usec_ts = false;
  /** In the list of sockets that TSQ will serve. */
  tsq_next: tcp_sock | null = null;
  /** The receive buffer was shrunk below what was advertised. */
  rcv_mwnd_seq = 0;
  plb_rehash = 0;

  constructor() {
    super();
    this.pacing_timer = new hrtimer<tcp_sock>(this);
    this.compressed_ack_timer = new hrtimer<tcp_sock>(this);
  }

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  override copy_from(o: tcp_sock): void {
    super.copy_from(o);
    this.tcp_header_len = o.tcp_header_len;
    this.gso_segs = o.gso_segs;
    this.pred_flags = o.pred_flags;
    this.scaling_ratio = o.scaling_ratio;
    this.bytes_received = o.bytes_received;
    this.segs_in = o.segs_in;
    this.data_segs_in = o.data_segs_in;
    this.rcv_nxt = o.rcv_nxt;
    this.copied_seq = o.copied_seq;
    this.rcv_wup = o.rcv_wup;
    this.snd_nxt = o.snd_nxt;
    this.segs_out = o.segs_out;
    this.data_segs_out = o.data_segs_out;
    this.bytes_sent = o.bytes_sent;
    this.bytes_acked = o.bytes_acked;
    this.dsack_dups = o.dsack_dups;
    this.snd_una = o.snd_una;
    this.snd_sml = o.snd_sml;
    this.rcv_tstamp = o.rcv_tstamp;
    this.lsndtime = o.lsndtime;
    this.last_oow_ack_time = o.last_oow_ack_time;
    this.compressed_ack = o.compressed_ack;
    this.compressed_ack_rcv_nxt = o.compressed_ack_rcv_nxt;
    this.dup_ack_counter = o.dup_ack_counter;
    this.tlp_retrans = o.tlp_retrans;
    this.tsoffset = o.tsoffset;
    this.snd_wl1 = o.snd_wl1;
    this.snd_wnd = o.snd_wnd;
    this.max_window = o.max_window;
    this.mss_cache = o.mss_cache;
    this.window_clamp = o.window_clamp;
    this.rcv_ssthresh = o.rcv_ssthresh;
    this.rack.copy_from(o.rack);
    this.advmss = o.advmss;
    this.chrono_type = o.chrono_type;
    this.chrono_start = o.chrono_start;
    for (let i = 0; i < 3; i++) this.chrono_stat[i] = o.chrono_stat[i];
    this.rate_app_limited = o.rate_app_limited;
    this.fastopen_connect = o.fastopen_connect;
    this.fastopen_no_cookie = o.fastopen_no_cookie;
    this.is_sack_reneg = o.is_sack_reneg;
    this.fastopen_client_fail = o.fastopen_client_fail;
    this.nonagle = o.nonagle;
    this.thin_lto = o.thin_lto;
    this.recvmsg_inq = o.recvmsg_inq;
    this.repair = o.repair;
    this.repair_queue = o.repair_queue;
    this.frto = o.frto;
    this.save_syn = o.save_syn;
    this.syn_data = o.syn_data;
    this.syn_fastopen = o.syn_fastopen;
    this.syn_fastopen_exp = o.syn_fastopen_exp;
    this.syn_fastopen_ch = o.syn_fastopen_ch;
    this.syn_data_acked = o.syn_data_acked;
    this.is_cwnd_limited = o.is_cwnd_limited;
    this.tlp_high_seq = o.tlp_high_seq;
    this.tcp_tx_delay = o.tcp_tx_delay;
    this.tcp_wstamp_ns = o.tcp_wstamp_ns;
    this.tcp_clock_cache = o.tcp_clock_cache;
    this.tcp_mstamp = o.tcp_mstamp;
    this.srtt_us = o.srtt_us;
    this.mdev_us = o.mdev_us;
    this.mdev_max_us = o.mdev_max_us;
    this.rttvar_us = o.rttvar_us;
    this.rtt_seq = o.rtt_seq;
    for (let i = 0; i < 3; i++) {
      this.rtt_min.s[i].t = o.rtt_min.s[i].t;
      this.rtt_min.s[i].v = o.rtt_min.s[i].v;
    }
    this.packets_out = o.packets_out;
    this.retrans_out = o.retrans_out;
    this.max_packets_out = o.max_packets_out;
    this.cwnd_usage_seq = o.cwnd_usage_seq;
    this.ecn_flags = o.ecn_flags;
    this.keepalive_probes = o.keepalive_probes;
    this.reordering = o.reordering;
    this.reord_seen = o.reord_seen;
    this.snd_up = o.snd_up;
    this.rx_opt.copy_from(o.rx_opt);
    this.snd_ssthresh = o.snd_ssthresh;
    this.snd_cwnd = o.snd_cwnd;
    this.snd_cwnd_cnt = o.snd_cwnd_cnt;
    this.snd_cwnd_clamp = o.snd_cwnd_clamp;
    this.snd_cwnd_used = o.snd_cwnd_used;
    this.snd_cwnd_stamp = o.snd_cwnd_stamp;
    this.prior_cwnd = o.prior_cwnd;
    this.prr_delivered = o.prr_delivered;
    this.prr_out = o.prr_out;
    this.delivered = o.delivered;
    this.delivered_ce = o.delivered_ce;
    this.lost = o.lost;
    this.app_limited = o.app_limited;
    this.first_tx_mstamp = o.first_tx_mstamp;
    this.delivered_mstamp = o.delivered_mstamp;
    this.rate_delivered = o.rate_delivered;
    this.rate_interval_us = o.rate_interval_us;
    this.rcv_wnd = o.rcv_wnd;
    this.write_seq = o.write_seq;
    this.notsent_lowat = o.notsent_lowat;
    this.pushed_seq = o.pushed_seq;
    this.lost_out = o.lost_out;
    this.sacked_out = o.sacked_out;
    this.lost_skb_hint = o.lost_skb_hint;
    this.retransmit_skb_hint = o.retransmit_skb_hint;
    this.ooo_last_skb = o.ooo_last_skb;
    this.highest_sack = o.highest_sack;
    this.lost_cnt_hint = o.lost_cnt_hint;
    this.prior_ssthresh = o.prior_ssthresh;
    this.high_seq = o.high_seq;
    this.retrans_stamp = o.retrans_stamp;
    this.undo_marker = o.undo_marker;
    this.undo_retrans = o.undo_retrans;
    this.bytes_retrans = o.bytes_retrans;
    this.total_retrans = o.total_retrans;
    this.total_rto = o.total_rto;
    this.total_rto_recoveries = o.total_rto_recoveries;
    this.total_rto_time = o.total_rto_time;
    this.rto_stamp = o.rto_stamp;
    this.urg_seq = o.urg_seq;
    this.urg_data = o.urg_data;
    this.keepalive_time = o.keepalive_time;
    this.keepalive_intvl = o.keepalive_intvl;
    this.linger2 = o.linger2;
    this.timeout_rehash = o.timeout_rehash;
    this.rcv_ooopack = o.rcv_ooopack;
    this.rcv_rtt_last_tsecr = o.rcv_rtt_last_tsecr;
    this.rcv_rtt_est.copy_from(o.rcv_rtt_est);
    this.rcvq_space.copy_from(o.rcvq_space);
    this.mtu_probe_start = o.mtu_probe_start;
    this.mtu_probe_end = o.mtu_probe_end;
    this.mtu_info = o.mtu_info;
    this.fastopen_req = o.fastopen_req;
    this.fastopen_rsk = o.fastopen_rsk;
    this.saved_syn = o.saved_syn;
    this.tcp_usec_ts = o.tcp_usec_ts;
    this.tsq_next = o.tsq_next;
    this.rcv_mwnd_seq = o.rcv_mwnd_seq;
    this.plb_rehash = o.plb_rehash;
  }
}

function sack_blocks(): tcp_sack_block[] {
  return [new tcp_sack_block(), new tcp_sack_block(), new tcp_sack_block(), new tcp_sack_block()];
}

/** A connection being opened. */
export class tcp_request_sock extends inet_request_sock {
  af_specific!: tcp_request_sock_ops;
  /** When the SYN+ACK was sent first, us. */
  snt_synack = 0;
  tfo_listener = false;
  is_mptcp = false;
  req_usec_ts = false;
  txhash = 0;
  rcv_isn = 0;
  snt_isn = 0;
  ts_off = 0;
  /** Timestamps of the first and the latest SYN+ACK; 0 where none bore one. */
  snt_tsval_first = 0;
  snt_tsval_last = 0;
  /** When the last SYN+ACK went out for an out-of-window segment, jiffies. */
  last_oow_ack_time = 0;
  rcv_nxt = 0;
  syn_tos = 0;
  rsk_rcv_wnd = 0;
  rsk_window_clamp = 0;
}

/** A connection in TIME_WAIT or an orphan in FIN_WAIT2. */
export class tcp_timewait_sock extends inet_timewait_sock {
  tw_rcv_nxt = 0;
  tw_snd_nxt = 0;
  tw_rcv_wnd = 0;
  tw_ts_offset = 0;
  tw_ts_recent = 0;
  /** When an out-of-window segment was acked last, jiffies. @differs tw_last_oow_ack_time in C: one name for all holders */
  last_oow_ack_time = 0;
  tw_ts_recent_stamp = 0;
  tw_tx_delay = 0;
}

export function tcp_twsk(sk: sock_common): tcp_timewait_sock {
  return sk as tcp_timewait_sock;
}

/** Forgets the options of a SYN. */
export function tcp_clear_options(rx_opt: tcp_options_received): void {
  rx_opt.tstamp_ok = false;
  rx_opt.sack_ok = 0;
  rx_opt.wscale_ok = false;
  rx_opt.snd_wscale = 0;
}

/** Hands the SYN that the program asked to save to the new socket. */
export function tcp_move_syn(tp: tcp_sock, req: request_sock): void {
  tp.saved_syn = req.saved_syn;
  req.saved_syn = null;
}

export function tcp_saved_syn_free(tp: tcp_sock): void {
  tp.saved_syn = null;
}

/** The queue of a Fast Open listener is in use. */
export function fastopen_queue_tune(sk: inet_connection_sock, backlog: number): void {
  const q = sk.icsk_accept_queue.fastopenq;
  q.max_qlen = Math.min(backlog, sk.skc_net.core.sysctl_somaxconn);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// What the numbers in a tcp_sock are: a kind for each field of the chain that holds a number. A field of a struct
// within is named by its path, of an array by the array.

/** The kinds of numbers. */
export type unit =
  | "IPv4 address"
  | "port"
  | "state"
  | "seq"
  | "bytes"
  | "segments"
  | "packets"
  | "count"
  | "jiffies"
  | "at jiffies"
  | "ms"
  | "at ms"
  | "us"
  | "at us"
  | "us << 3"
  | "us << 2"
  | "at ns"
  | "at s"
  | "B/s"
  | "shift"
  | "number"
  | "hash"
  | "nulls"
  | "flags"
  | "ca state";

const FIELDS: Record<unit, string> = {
  nulls: "next",
  "IPv4 address": "skc_daddr skc_rcv_saddr inet_saddr mc_addr",
  port: "skc_dport skc_num inet_sport local_port_range_lo local_port_range_hi",
  state: "skc_state",
  seq:
    "rcv_nxt copied_seq rcv_wup snd_nxt snd_una snd_sml compressed_ack_rcv_nxt snd_wl1 rack.end_seq " +
    "tlp_high_seq rtt_seq cwnd_usage_seq snd_up write_seq pushed_seq high_seq undo_marker urg_seq " +
    "rcv_rtt_est.seq rcvq_space.seq mtu_probe_start mtu_probe_end rcv_mwnd_seq duplicate_sack " +
    "selective_acks recv_sack_cache",
  bytes:
    "sk_rcvlowat sk_omem_alloc sk_forward_alloc sk_rcvbuf sk_sndbuf sk_wmem_queued sk_wmem_alloc " +
    "sk_backlog.rmem_alloc sk_backlog.len sk_peek_off sk_gso_max_size icsk_pmtu_cookie icsk_ext_hdr_len " +
    "icsk_ack.last_seg_size icsk_ack.rcv_mss icsk_mtup.search_high icsk_mtup.search_low icsk_mtup.probe_size " +
    "tcp_header_len bytes_received bytes_sent bytes_acked bytes_retrans snd_wnd max_window mss_cache " +
    "window_clamp rcv_ssthresh rcv_wnd advmss rx_opt.user_mss rx_opt.mss_clamp notsent_lowat rcvq_space.space mtu_info",
  segments:
    "sk_gso_max_segs gso_segs segs_in data_segs_in segs_out data_segs_out packets_out retrans_out " +
    "max_packets_out reordering snd_ssthresh snd_cwnd snd_cwnd_cnt snd_cwnd_clamp snd_cwnd_used prior_cwnd " +
    "prior_ssthresh prr_delivered prr_out delivered delivered_ce lost app_limited rate_delivered lost_out " +
    "sacked_out lost_cnt_hint undo_retrans total_retrans rcv_ooopack rack.last_delivered dsack_dups",
  packets: "sk_drops",
  count: "skc_refcnt sk_write_pending sk_disconnects sk_ack_backlog sk_max_ack_backlog " +
    "icsk_accept_queue.qlen icsk_accept_queue.young icsk_retransmits icsk_backoff icsk_syn_retries " +
    "icsk_probes_out icsk_ack.quick icsk_ack.pingpong icsk_ack.retry compressed_ack dup_ack_counter " +
    "keepalive_probes reord_seen rx_opt.num_sacks total_rto total_rto_recoveries timeout_rehash plb_rehash rack.reo_wnd_steps " +
    "rack.reo_wnd_persist sk_tskey sk_zckey",
  jiffies:
    "sk_sndtimeo sk_rcvtimeo sk_lingertime icsk_rto icsk_rto_min icsk_rto_max icsk_delack_max " +
    "icsk_ack.ato chrono_stat icsk_accept_queue.rskq_defer_accept keepalive_time keepalive_intvl linger2",
  "at jiffies":
    "icsk_timeout icsk_ack.timeout icsk_ack.lrcvtime icsk_probes_tstamp icsk_mtup.probe_timestamp " +
    "rcv_tstamp lsndtime last_oow_ack_time snd_cwnd_stamp chrono_start",
  ms: "icsk_user_timeout tsoffset total_rto_time",
  "at ms":
    "retrans_stamp rto_stamp rcv_rtt_last_tsecr rx_opt.ts_recent rx_opt.rcv_tsval rx_opt.rcv_tsecr",
  us: "rack.rtt_us rcv_rtt_est.rtt_us rate_interval_us tcp_tx_delay sk_ll_usec rtt_min",
  "at us":
    "rack.mstamp tcp_mstamp first_tx_mstamp delivered_mstamp rcv_rtt_est.time rcvq_space.time",
  "us << 3": "srtt_us",
  "us << 2": "mdev_us mdev_max_us rttvar_us",
  "at ns": "tcp_wstamp_ns tcp_clock_cache sk_stamp",
  "at s": "rx_opt.ts_recent_stamp",
  "B/s": "sk_pacing_rate sk_max_pacing_rate",
  shift: "sk_pacing_shift rx_opt.snd_wscale rx_opt.rcv_wscale",
  number:
    "skc_family skc_reuse skc_bound_dev_if skc_cookie sk_rx_dst_ifindex sk_pacing_status sk_priority " +
    "sk_mark sk_type sk_protocol sk_gso_type sk_err sk_err_soft sk_clockid sk_napi_id sk_uid living_index sk_txrehash " +
    "uc_ttl inet_id rx_dst_ifindex tos min_ttl mc_ttl pmtudisc rcv_tos convert_csum uc_index mc_index " +
    "icsk_pending scaling_ratio chrono_type fastopen_client_fail nonagle repair_queue save_syn urg_data",
  hash: "skc_hash sk_txhash sk_rxhash",
  flags:
    "skc_flags sk_tsq_flags sk_route_caps sk_userlocks sk_shutdown sk_tsflags cmsg_flags icsk_ack.pending " +
    "pred_flags ecn_flags rx_opt.sack_ok",
  "ca state": "icsk_ca_state",
};

/** Field to unit. */
export const UNITS: ReadonlyMap<string, unit> = new Map(
  Object.entries(FIELDS).flatMap(([unit, names]) =>
    names.split(" ").filter((n) => n !== "").map((n) => [n, unit as unit])
  ),
);

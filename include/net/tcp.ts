// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's constants and the inlines that need nothing above. Those that call into a .c file stand in
// the file of net/ipv4 that their prototype belongs to.

import { HZ, jiffies, jiffies_64, usecs_to_jiffies } from "../linux/jiffies.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import { TCP_SKB_CB } from "../linux/skbuff.ts";
import type { tcp_options_received, tcp_request_sock, tcp_sock } from "../linux/tcp.ts";
import { ktime_get_ns } from "../linux/timekeeping.ts";
import { dst_metric_locked, dst_metric_rtt, RTAX_CC_ALGO, RTAX_RTO_MIN } from "./dst.ts";
import type { dst_entry } from "./dst.ts";
import { TCP_SYN_RECV } from "./tcp_states.ts";
import { LINUX_MIB_LISTENDROPS } from "../uapi/linux/snmp.ts";
import { TCP_FLAG_ACK, TCP_MSS_DEFAULT, TCPF_CA_CWR, TCPF_CA_Recovery } from "../uapi/linux/tcp.ts";
import { SK_PACING_NEEDED } from "./sock.ts";
import type { flowi4 } from "./flow.ts";
import type { inet_connection_sock } from "./inet_connection_sock.ts";
import type { net } from "./net_namespace.ts";
import type { request_sock } from "./request_sock.ts";
import type { sock, sock_common } from "./sock.ts";

/** a comes before b in sequence space. */
export function before(seq1: number, seq2: number): boolean {
  return ((seq1 - seq2) | 0) < 0;
}

/** a comes after b in sequence space. */
export function after(seq2: number, seq1: number): boolean {
  return ((seq1 - seq2) | 0) < 0;
}

/** seq2 <= seq1 <= seq3 */
export function between(seq1: number, seq2: number, seq3: number): boolean {
  return ((seq3 - seq2) >>> 0) >= ((seq1 - seq2) >>> 0);
}

export const MAX_TCP_HEADER = 320;
export const MAX_TCP_OPTION_SPACE = 40;
export const TCP_MIN_SND_MSS = 48;
export const TCP_MIN_GSO_SIZE = TCP_MIN_SND_MSS - MAX_TCP_OPTION_SPACE;
export const MAX_TCP_WINDOW = 32767;
export const TCP_MIN_MSS = 88;
export const TCP_BASE_MSS = 1024;
export const TCP_PROBE_INTERVAL = 600;
export const TCP_PROBE_THRESHOLD = 8;
export const TCP_FASTRETRANS_THRESH = 3;
export const TCP_MAX_QUICKACKS = 16;
export const TCP_MAX_WSCALE = 14;
export const TCP_URG_VALID = 0x0100;
export const TCP_URG_NOTYET = 0x0200;
export const TCP_URG_READ = 0x0400;
export const TCP_RETR1 = 3;
export const TCP_RETR2 = 15;
export const TCP_SYN_RETRIES = 6;
export const TCP_SYNACK_RETRIES = 5;
/** jiffies, all of these */
export const TCP_TIMEWAIT_LEN = 60 * HZ;
export const TCP_FIN_TIMEOUT = TCP_TIMEWAIT_LEN;
export const TCP_FIN_TIMEOUT_MAX = 120 * HZ;
export const TCP_DELACK_MAX = HZ / 5;
export const TCP_DELACK_MIN = HZ / 25;
export const TCP_ATO_MIN = HZ / 25;
export const TCP_RTO_MAX = 120 * HZ;
export const TCP_RTO_MIN = HZ / 5;
export const TCP_TIMEOUT_MIN = 2;
export const TCP_TIMEOUT_INIT = HZ;
export const TCP_TIMEOUT_FALLBACK = 3 * HZ;
export const TCP_RESOURCE_PROBE_INTERVAL = HZ / 2;
export const TCP_KEEPALIVE_TIME = 120 * 60 * HZ;
export const TCP_KEEPALIVE_PROBES = 9;
export const TCP_KEEPALIVE_INTVL = 75 * HZ;
export const MAX_TCP_KEEPIDLE = 32767;
export const MAX_TCP_KEEPINTVL = 32767;
export const MAX_TCP_KEEPCNT = 127;
export const MAX_TCP_SYNCNT = 127;
export const TCP_TIMEOUT_MIN_US = 2000;
/** seconds; of 24 days before a timestamp is too old to compare */
export const TCP_PAWS_24DAYS = 60 * 60 * 24 * 24;
export const TCP_PAWS_MSL = 60;
export const TCP_PAWS_WINDOW = 1;

export const TCPOPT_NOP = 1;
export const TCPOPT_EOL = 0;
export const TCPOPT_MSS = 2;
export const TCPOPT_WINDOW = 3;
export const TCPOPT_SACK_PERM = 4;
export const TCPOPT_SACK = 5;
export const TCPOPT_TIMESTAMP = 8;
export const TCPOPT_MD5SIG = 19;
export const TCPOPT_FASTOPEN = 34;
export const TCPOPT_EXP = 254;
export const TCPOPT_FASTOPEN_MAGIC = 0xf989;
export const TCPOLEN_MSS = 4;
export const TCPOLEN_WINDOW = 3;
export const TCPOLEN_SACK_PERM = 2;
export const TCPOLEN_TIMESTAMP = 10;
export const TCPOLEN_MD5SIG = 18;
export const TCPOLEN_FASTOPEN_BASE = 2;
export const TCPOLEN_EXP_FASTOPEN_BASE = 4;
export const TCPOLEN_TSTAMP_ALIGNED = 12;
export const TCPOLEN_WSCALE_ALIGNED = 4;
export const TCPOLEN_SACKPERM_ALIGNED = 4;
export const TCPOLEN_SACK_BASE = 2;
export const TCPOLEN_SACK_BASE_ALIGNED = 4;
export const TCPOLEN_SACK_PERBLOCK = 8;
export const TCPOLEN_MSS_ALIGNED = 4;
export const TCP_NUM_SACKS = 4;

export const TCP_NAGLE_OFF = 1;
export const TCP_NAGLE_CORK = 2;
export const TCP_NAGLE_PUSH = 4;
export const TCP_THIN_LINEAR_RETRIES = 6;
export const TCP_INIT_CWND = 10;
export const TCP_INFINITE_SSTHRESH = 0x7fffffff;
export const TCP_CA_NAME_MAX = 16;

export const TFO_CLIENT_ENABLE = 1;
export const TFO_SERVER_ENABLE = 2;
export const TFO_CLIENT_NO_COOKIE = 4;
export const TFO_SERVER_COOKIE_NOT_REQD = 0x200;
export const TFO_SERVER_WO_SOCKOPT1 = 0x400;
export const TCP_FASTOPEN_COOKIE_MIN = 4;
export const TCP_FASTOPEN_COOKIE_MAX = 16;
export const TCP_FASTOPEN_COOKIE_SIZE = 8;

export const TCPHDR_FIN = 0x01;
export const TCPHDR_SYN = 0x02;
export const TCPHDR_RST = 0x04;
export const TCPHDR_PSH = 0x08;
export const TCPHDR_ACK = 0x10;
export const TCPHDR_URG = 0x20;
export const TCPHDR_ECE = 0x40;
export const TCPHDR_CWR = 0x80;
export const TCPHDR_SYN_ECN = TCPHDR_SYN | TCPHDR_ECE | TCPHDR_CWR;

export const TCPCB_SACKED_ACKED = 0x01;
export const TCPCB_SACKED_RETRANS = 0x02;
export const TCPCB_LOST = 0x04;
export const TCPCB_TAGBITS = 0x07;
export const TCPCB_REPAIRED = 0x10;
export const TCPCB_EVER_RETRANS = 0x80;
export const TCPCB_RETRANS = TCPCB_SACKED_RETRANS | TCPCB_EVER_RETRANS | TCPCB_REPAIRED;

export const TCP_ECN_OK = 1;
export const TCP_ECN_QUEUE_CWR = 2;
export const TCP_ECN_DEMAND_CWR = 4;
export const TCP_ECN_SEEN = 8;

export const TCP_RACK_LOSS_DETECTION = 0x1;
export const TCP_RACK_STATIC_REO_WND = 0x2;
export const TCP_RACK_NO_DUPTHRESH = 0x4;
/** Recoveries after which a widened reordering window goes back. */
export const TCP_RACK_RECOVERY_THRESH = 16;

/** Bits of tcp_options_received.sack_ok: the peer takes SACK; it has sent D-SACKs. */
export const TCP_SACK_SEEN = 1 << 0;
export const TCP_DSACK_SEEN = 1 << 2;

/** Events for tcp_congestion_ops.cwnd_event. */
export const CA_EVENT_TX_START = 0;
export const CA_EVENT_CWND_RESTART = 1;
export const CA_EVENT_COMPLETE_CWR = 2;
export const CA_EVENT_LOSS = 3;
export const CA_EVENT_ECN_NO_CE = 4;
export const CA_EVENT_ECN_IS_CE = 5;
/** Flags for tcp_congestion_ops.in_ack_event. */
export const CA_ACK_SLOWPATH = 1 << 0;
export const CA_ACK_WIN_UPDATE = 1 << 1;
export const CA_ACK_ECE = 1 << 2;

export const TCP_CONG_NON_RESTRICTED = 0x1;
export const TCP_CONG_NEEDS_ECN = 0x2;

/** Bits of sk.sk_tsq_flags and their masks. */
export const TSQ_THROTTLED = 0;
export const TSQ_QUEUED = 1;
export const TCP_TSQ_DEFERRED = 2;
export const TCP_WRITE_TIMER_DEFERRED = 3;
export const TCP_DELACK_TIMER_DEFERRED = 4;
export const TCP_MTU_REDUCED_DEFERRED = 5;
export const TCP_ACK_DEFERRED = 6;
export const TSQF_THROTTLED = 1 << TSQ_THROTTLED;
export const TSQF_QUEUED = 1 << TSQ_QUEUED;
export const TCPF_TSQ_DEFERRED = 1 << TCP_TSQ_DEFERRED;
export const TCPF_WRITE_TIMER_DEFERRED = 1 << TCP_WRITE_TIMER_DEFERRED;
export const TCPF_DELACK_TIMER_DEFERRED = 1 << TCP_DELACK_TIMER_DEFERRED;
export const TCPF_MTU_REDUCED_DEFERRED = 1 << TCP_MTU_REDUCED_DEFERRED;
export const TCPF_ACK_DEFERRED = 1 << TCP_ACK_DEFERRED;

/** enum tcp_chrono */
export const TCP_CHRONO_UNSPEC = 0;
export const TCP_CHRONO_BUSY = 1;
export const TCP_CHRONO_RWND_LIMITED = 2;
export const TCP_CHRONO_SNDBUF_LIMITED = 3;

/** Flags of tcp_ack() and below. */
export const FLAG_DATA = 0x01;
export const FLAG_WIN_UPDATE = 0x02;
export const FLAG_DATA_ACKED = 0x04;
export const FLAG_RETRANS_DATA_ACKED = 0x08;
export const FLAG_SYN_ACKED = 0x10;
export const FLAG_DATA_SACKED = 0x20;
export const FLAG_ECE = 0x40;
export const FLAG_LOST_RETRANS = 0x80;
export const FLAG_SLOWPATH = 0x100;
export const FLAG_ORIG_SACK_ACKED = 0x200;
export const FLAG_SND_UNA_ADVANCED = 0x400;
export const FLAG_DSACKING_ACK = 0x800;
export const FLAG_SET_XMIT_TIMER = 0x1000;
export const FLAG_SACK_RENEGING = 0x2000;
export const FLAG_UPDATE_TS_RECENT = 0x4000;
export const FLAG_NO_CHALLENGE_ACK = 0x8000;
export const FLAG_ACK_MAYBE_DELAYED = 0x10000;
export const FLAG_DSACK_TLP = 0x20000;
export const FLAG_ACKED = FLAG_DATA_ACKED | FLAG_SYN_ACKED;
export const FLAG_NOT_DUP = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_ACKED;
export const FLAG_CA_ALERT = FLAG_DATA_SACKED | FLAG_ECE | FLAG_DSACKING_ACK;
export const FLAG_FORWARD_PROGRESS = FLAG_ACKED | FLAG_DATA_SACKED;

/** tcp_skb_timestamp and RTT sample of an ACK for congestion control. */
export class ack_sample {
  pkts_acked = 0;
  rtt_us = 0;
  in_flight = 0;
}

/** A delivery rate sample, made per ACK. Times in us. @rfc draft-cheng-iccrg-delivery-rate-estimation */
export class rate_sample {
  prior_mstamp = 0;
  prior_delivered = 0;
  prior_delivered_ce = 0;
  delivered = 0;
  delivered_ce = 0;
  interval_us = 0;
  snd_interval_us = 0;
  rcv_interval_us = 0;
  rtt_us = 0;
  losses = 0;
  acked_sacked = 0;
  prior_in_flight = 0;
  last_end_seq = 0;
  is_app_limited = false;
  is_retrans = false;
  is_ack_delayed = false;
}

/** A congestion control. */
export interface tcp_congestion_ops {
  name: string;
  /** TCP_CONG_* */
  flags: number;
  init?(sk: sock): void;
  release?(sk: sock): void;
  /** The slow start threshold after a loss, packets. */
  ssthresh(sk: sock): number;
  cong_avoid?(sk: sock, ack: number, acked: number): void;
  set_state?(sk: sock, new_state: number): void;
  cwnd_event?(sk: sock, ev: number): void;
  in_ack_event?(sk: sock, flags: number): void;
  /** The window to go back to when a loss proves none, packets. */
  undo_cwnd(sk: sock): number;
  pkts_acked?(sk: sock, sample: ack_sample): void;
  min_tso_segs?(sk: sock): number;
  sndbuf_expand?(sk: sock): number;
  cong_control?(sk: sock, rs: rate_sample): void;
  get_info?(sk: sock, ext: number): unknown;
}

/** What differs between IP versions while a connection is being opened. */
export interface tcp_request_sock_ops {
  mss_clamp: number;
  init_req(req: request_sock, sk: sock, skb: sk_buff): void;
  cookie_init_seq(skb: sk_buff, mss: { value: number }): number;
  route_req(sk: sock, fl: flowi4, req: request_sock): dst_entry | null;
  init_seq(skb: sk_buff): number;
  init_ts_off(net: net, skb: sk_buff): number;
  send_synack(
    sk: sock,
    dst: dst_entry | null,
    fl: flowi4 | null,
    req: request_sock,
    foc: tcp_fastopen_cookie | null,
    synack_type: number,
    syn_skb: sk_buff | null,
  ): number;
}

export const TCP_SYNACK_NORMAL = 0;
export const TCP_SYNACK_FASTOPEN = 1;
export const TCP_SYNACK_COOKIE = 2;

/** A Fast Open cookie, 4..16 bytes. @rfc 7413 */
export class tcp_fastopen_cookie {
  readonly val = new Uint8Array(TCP_FASTOPEN_COOKIE_MAX);
  /** Bytes in val; 0: a request for one; -1: none. */
  len = 0;
  /** In the experimental option. */
  exp = false;
}

/** A Fast Open connect in progress. */
export interface tcp_fastopen_request {
  cookie: tcp_fastopen_cookie;
  data: import("../linux/net.ts").msghdr | null;
  size: number;
  copied: number;
  uarg: unknown;
}

/** ID of a timewait socket's answer, from tcp_timewait_state_process(). */
export const TCP_TW_SUCCESS = 0;
export const TCP_TW_RST = 1;
export const TCP_TW_ACK = 2;
export const TCP_TW_SYN = 3;

export function tcp_sk(sk: sock_common): tcp_sock {
  return sk as tcp_sock;
}

export function tcp_rsk(req: sock_common): tcp_request_sock {
  return req as tcp_request_sock;
}

export function TCP_INC_STATS(n: net, field: number): void {
  n.mib.tcp_statistics[field]++;
}
export const __TCP_INC_STATS = TCP_INC_STATS;

export function TCP_DEC_STATS(n: net, field: number): void {
  n.mib.tcp_statistics[field]--;
}

export function TCP_ADD_STATS(n: net, field: number, val: number): void {
  n.mib.tcp_statistics[field] += val;
}

/** The clock of TCP, ns and us (doubles), and of its timestamp option, ms (int32). */
export function tcp_clock_ns(): number {
  return ktime_get_ns();
}

export function tcp_clock_us(): number {
  return Math.floor(ktime_get_ns() / 1000);
}

export function tcp_clock_ms(): number {
  return Math.floor(ktime_get_ns() / 1000000) | 0;
}

export function tcp_clock_ts(): number {
  return tcp_clock_ms();
}

/** jiffies, int32. */
export function tcp_jiffies32(): number {
  return jiffies;
}

/** The timestamp of now, ms as int32: what TSval is made from before ts offset. */
export function tcp_time_stamp(tp: tcp_sock): number {
  return Math.floor(tp.tcp_mstamp / 1000) | 0;
}

export function tcp_time_stamp_ms(tp: tcp_sock): number {
  return Math.floor(tp.tcp_mstamp / 1000) | 0;
}

export function tcp_time_stamp_raw(): number {
  return tcp_clock_ms();
}

/** us from t0 to t1, not negative. */
export function tcp_stamp_us_delta(t1: number, t0: number): number {
  return t1 > t0 ? t1 - t0 : 0;
}

/** Departure time of skb as a timestamp, ms int32. */
export function tcp_skb_timestamp(skb: sk_buff): number {
  return Math.floor(skb.skb_mstamp_ns / 1000000) | 0;
}

/** Departure time of skb, us. */
export function tcp_skb_timestamp_us(skb: sk_buff): number {
  return Math.floor(skb.skb_mstamp_ns / 1000);
}

/** Segments that skb stands for. */
export function tcp_skb_pcount(skb: sk_buff): number {
  return TCP_SKB_CB(skb).tcp_gso_segs;
}

export function tcp_skb_pcount_set(skb: sk_buff, segs: number): void {
  TCP_SKB_CB(skb).tcp_gso_segs = segs;
}

export function tcp_skb_pcount_add(skb: sk_buff, segs: number): void {
  TCP_SKB_CB(skb).tcp_gso_segs += segs;
}

/** Bytes of one of skb's segments. */
export function tcp_skb_mss(skb: sk_buff): number {
  return TCP_SKB_CB(skb).tcp_gso_size;
}

export function tcp_skb_can_collapse_to(skb: sk_buff): boolean {
  return !TCP_SKB_CB(skb).eor;
}

/** Congestion window, packets. */
export function tcp_snd_cwnd(tp: tcp_sock): number {
  return tp.snd_cwnd;
}

export function tcp_snd_cwnd_set(tp: tcp_sock, val: number): void {
  tp.snd_cwnd = val;
}

export function tcp_is_sack(tp: tcp_sock): boolean {
  return tp.rx_opt.sack_ok !== 0;
}

export function tcp_is_reno(tp: tcp_sock): boolean {
  return tp.rx_opt.sack_ok === 0;
}

/** Packets that left the network: SACKed or held lost. */
export function tcp_left_out(tp: tcp_sock): number {
  return tp.sacked_out + tp.lost_out;
}

/** Packets believed to be in the network. */
export function tcp_packets_in_flight(tp: tcp_sock): number {
  return tp.packets_out - (tp.sacked_out + tp.lost_out) + tp.retrans_out;
}

export function tcp_in_slow_start(tp: tcp_sock): boolean {
  return tp.snd_cwnd < tp.snd_ssthresh;
}

export function tcp_in_initial_slowstart(tp: tcp_sock): boolean {
  return tp.snd_ssthresh >= TCP_INFINITE_SSTHRESH;
}

/** State CWR or Recovery: the window is being reduced. */
export function tcp_in_cwnd_reduction(sk: sock): boolean {
  return ((TCPF_CA_CWR | TCPF_CA_Recovery) & (1 << (sk as tcp_sock).icsk_ca_state)) !== 0;
}

/** ssthresh for now: in slow start it follows the window. */
export function tcp_current_ssthresh(sk: sock): number {
  const tp = sk as tcp_sock;
  if (tcp_in_cwnd_reduction(sk)) return tp.snd_ssthresh;
  return Math.max(tp.snd_ssthresh, (tp.snd_cwnd >> 1) + (tp.snd_cwnd >> 2));
}

export function tcp_max_tso_deferred_mss(_tp: tcp_sock): number {
  return 3;
}

/** End of the window that the peer opened, sequence number. */
export function tcp_wnd_end(tp: tcp_sock): number {
  return (tp.snd_una + tp.snd_wnd) | 0;
}

/** The connection fills its congestion window. */
export function tcp_is_cwnd_limited(sk: sock): boolean {
  const tp = sk as tcp_sock;
  if (tp.is_cwnd_limited) return true;
  return tcp_in_slow_start(tp) && tp.snd_cwnd < 2 * tp.max_packets_out;
}

export function tcp_needs_internal_pacing(sk: sock): boolean {
  return sk.sk_pacing_status === SK_PACING_NEEDED;
}

/** Smallest RTT seen in the window, us. */
export function tcp_min_rtt(tp: tcp_sock): number {
  return tp.rtt_min.s[0].v;
}

/** Starts watching snd_una for the update of a window. */
export function tcp_init_wl(tp: tcp_sock, seq: number): void {
  tp.snd_wl1 = seq;
}

export function tcp_update_wl(tp: tcp_sock, seq: number): void {
  tp.snd_wl1 = seq;
}

/** The window that may still be used of the one that was advertised, bytes. @rfc 9293 3.8.6 */
export function tcp_receive_window(tp: tcp_sock): number {
  const win = (tp.rcv_wup + tp.rcv_wnd - tp.rcv_nxt) | 0;
  return win < 0 ? 0 : win;
}

/** tcp_sock.scaling_ratio is in units of 1 / (1 << TCP_RMEM_TO_WIN_SCALE). */
export const TCP_RMEM_TO_WIN_SCALE = 8;
/** Half of the buffer is window until it is seen how much of a packet's memory is payload. */
export const TCP_DEFAULT_SCALING_RATIO = 1 << (TCP_RMEM_TO_WIN_SCALE - 1);

export function tcp_scaling_ratio_init(sk: sock): void {
  (sk as tcp_sock).scaling_ratio = TCP_DEFAULT_SCALING_RATIO;
}

/** Window that a buffer of `space` bytes allows, bytes. */
export function tcp_win_from_space(sk: sock, space: number): number {
  return Math.floor((space * (sk as tcp_sock).scaling_ratio) / (1 << TCP_RMEM_TO_WIN_SCALE));
}

/** Buffer that a window of `win` bytes needs, bytes. */
export function tcp_space_from_win(sk: sock, win: number): number {
  return Math.floor((win * (1 << TCP_RMEM_TO_WIN_SCALE)) / (sk as tcp_sock).scaling_ratio);
}

/** Free receive buffer as window, bytes. */
export function tcp_space(sk: sock): number {
  return tcp_win_from_space(sk, sk.sk_rcvbuf - sk.sk_backlog.len - sk.sk_backlog.rmem_alloc);
}

/** The whole receive buffer as window, bytes. */
export function tcp_full_space(sk: sock): number {
  return tcp_win_from_space(sk, sk.sk_rcvbuf);
}

/** Cuts a segment size to half the largest window seen, as the receiver may not open more. */
export function tcp_bound_to_half_wnd(tp: tcp_sock, pktsize: number): number {
  const cutoff = tp.max_window > TCP_MSS_DEFAULT ? tp.max_window >> 1 : tp.max_window;
  return cutoff !== 0 && pktsize > cutoff ? Math.max(cutoff, 68 - tp.tcp_header_len) : pktsize;
}

/** Lets header prediction match segments with this window: data offset, ACK and window in one word. */
export function __tcp_fast_path_on(tp: tcp_sock, snd_wnd: number): void {
  tp.pred_flags = (tp.tcp_header_len << 26) | TCP_FLAG_ACK | snd_wnd;
}

export function tcp_fast_path_on(tp: tcp_sock): void {
  __tcp_fast_path_on(tp, tp.snd_wnd >> tp.rx_opt.snd_wscale);
}

/** Turns header prediction on where nothing stands against it. */
export function tcp_fast_path_check(sk: sock): void {
  const tp = sk as tcp_sock;
  if (
    tp.out_of_order_queue.rb_node === null && tp.rcv_wnd !== 0 &&
    sk.sk_backlog.rmem_alloc < sk.sk_rcvbuf && tp.urg_data === 0
  ) tcp_fast_path_on(tp);
}

/** Least RTO of the connection, jiffies. */
export function tcp_rto_min_us(sk: sock): number {
  return tcp_rto_min(sk) * (1000000 / HZ);
}

export function tcp_rto_min(sk: sock): number {
  const dst = sk.sk_dst_cache;
  if (dst !== null && dst_metric_locked(dst, RTAX_RTO_MIN)) {
    return dst_metric_rtt(dst, RTAX_RTO_MIN);
  }
  return (sk as tcp_sock).icsk_rto_min;
}

/** RTO by the measured round trips, without backoff, jiffies. @rfc 6298 2.3 */
export function __tcp_set_rto(tp: tcp_sock): number {
  return usecs_to_jiffies((tp.srtt_us >> 3) + tp.rttvar_us);
}

/** The route fixes the congestion control. */
export function tcp_ca_dst_locked(dst: dst_entry): boolean {
  return dst_metric_locked(dst, RTAX_CC_ALGO);
}

/** Keepalive's times, jiffies, and count. */
export function keepalive_intvl_when(tp: tcp_sock): number {
  return tp.keepalive_intvl !== 0 ? tp.keepalive_intvl : tp.skc_net.ipv4.sysctl_tcp_keepalive_intvl;
}

export function keepalive_time_when(tp: tcp_sock): number {
  return tp.keepalive_time !== 0 ? tp.keepalive_time : tp.skc_net.ipv4.sysctl_tcp_keepalive_time;
}

export function keepalive_probes(tp: tcp_sock): number {
  return tp.keepalive_probes !== 0
    ? tp.keepalive_probes
    : tp.skc_net.ipv4.sysctl_tcp_keepalive_probes;
}

/** Time since the connection last heard anything, jiffies. */
export function keepalive_time_elapsed(tp: tcp_sock): number {
  return Math.min((jiffies - tp.icsk_ack.lrcvtime) | 0, (jiffies - tp.rcv_tstamp) | 0);
}

/** FIN_WAIT2's time, jiffies, not below 3.5 RTO. */
export function tcp_fin_time(sk: sock): number {
  const tp = sk as tcp_sock;
  const fin_timeout = tp.linger2 !== 0 ? tp.linger2 : sk.skc_net.ipv4.sysctl_tcp_fin_timeout;
  const rto = tp.icsk_rto;
  return Math.max(fin_timeout, (rto << 2) - (rto >> 1));
}

/** A segment with this timestamp is older than the last one in order. @rfc 7323 5.2 */
export function tcp_paws_check(
  rx_opt: { ts_recent: number; rcv_tsval: number; ts_recent_stamp: number },
  paws_win: number,
): boolean {
  if (((rx_opt.ts_recent - rx_opt.rcv_tsval) | 0) <= paws_win) return true;
  const seconds = Math.floor(ktime_get_ns() / 1e9);
  if (seconds >= rx_opt.ts_recent_stamp + TCP_PAWS_24DAYS) return true;
  // A peer that sends zero is taken to send no timestamps at all.
  return rx_opt.ts_recent === 0;
}

export function tcp_paws_reject(
  rx_opt: { ts_recent: number; rcv_tsval: number; ts_recent_stamp: number },
  rst: boolean,
): boolean {
  if (tcp_paws_check(rx_opt, 0)) return false;
  // A reset may bear an old timestamp where the peer forgot the connection.
  if (rst && Math.floor(ktime_get_ns() / 1e9) >= rx_opt.ts_recent_stamp + TCP_PAWS_MSL) {
    return false;
  }
  return true;
}

/** Marks a pure ACK: its truesize is 2, which no packet with data has. */
export function skb_set_tcp_pure_ack(skb: sk_buff): void {
  skb.truesize = 2;
}

/** An MSS within what the program allows. */
export function tcp_mss_clamp(tp: tcp_sock, mss: number): number {
  const user_mss = tp.rx_opt.user_mss;
  return user_mss !== 0 && user_mss < mss ? user_mss : mss;
}

/** A SYN was dropped by a listener. */
export function tcp_listendrop(sk: sock): void {
  sk.sk_drops++;
  sk.skc_net.mib.net_statistics[LINUX_MIB_LISTENDROPS]++;
}

/** Counts a segment that came in. */
export function tcp_segs_in(tp: tcp_sock, skb: sk_buff): void {
  const segs_in = Math.max(1, skb.shinfo.gso_segs);
  tp.segs_in += segs_in;
  if (skb.len > (skb.head.u8[skb.transport_header + 12] >> 4) << 2) tp.data_segs_in += segs_in;
}

/** SYN cookies are good for this many of their minutes. */
export const MAX_SYNCOOKIE_AGE = 2;
export const TCP_SYNCOOKIE_PERIOD = 60 * HZ;
export const TCP_SYNCOOKIE_VALID = MAX_SYNCOOKIE_AGE * TCP_SYNCOOKIE_PERIOD;

/** Remembers in a listener that SYN cookies go out. */
export function tcp_synq_overflow(sk: sock): void {
  const tp = sk as tcp_sock;
  const now = jiffies;
  const last = tp.rx_opt.ts_recent_stamp | 0;
  if (((now - last) | 0) < 0 || ((now - last) | 0) > HZ) tp.rx_opt.ts_recent_stamp = now;
}

/** No SYN cookie went out lately: an ACK cannot bear a good one. */
export function tcp_synq_no_recent_overflow(sk: sock): boolean {
  const last = (sk as tcp_sock).rx_opt.ts_recent_stamp | 0;
  // A listener that never overflowed has 0 here, which jiffies come near to only by chance.
  const age = (jiffies - last) | 0;
  return age < -HZ || age > TCP_SYNCOOKIE_VALID;
}

/** The minute that a SYN cookie bears. */
export function tcp_cookie_time(): number {
  return Math.floor(jiffies_64 / TCP_SYNCOOKIE_PERIOD) | 0;
}

/** Options of the SYN in the low bits of a SYN cookie's timestamp. */
export const TS_OPT_WSCALE_MASK = 0xf;
export const TS_OPT_SACK = 1 << 4;
export const TS_OPT_ECN = 1 << 5;
export const TSBITS = 6;

/**
 * The time to put into the timestamp of a SYN cookie, ns: as late as `now` allows, the options of the SYN in its
 * low bits. @differs stands in syncookies.c, which is above its caller here
 */
export function cookie_init_timestamp(req: request_sock, now: number): number {
  const ireq = req as tcp_request_sock;
  const ts_now = Math.floor(now / 1000000);
  let options = ireq.wscale_ok ? ireq.snd_wscale : TS_OPT_WSCALE_MASK;
  if (ireq.sack_ok) options |= TS_OPT_SACK;
  if (ireq.ecn_ok) options |= TS_OPT_ECN;
  let ts = Math.floor(ts_now / (1 << TSBITS)) * (1 << TSBITS) + options;
  if (ts > ts_now) ts -= 1 << TSBITS;
  return ts * 1000000;
}

export function skb_is_tcp_pure_ack(skb: sk_buff): boolean {
  return skb.truesize === 2;
}

export function tcp_ca_needs_ecn(sk: sock): boolean {
  return ((sk as inet_connection_sock).icsk_ca_ops.flags & TCP_CONG_NEEDS_ECN) !== 0;
}

export function tcp_ca_event(sk: sock, event: number): void {
  const ops = (sk as inet_connection_sock).icsk_ca_ops;
  if (ops.cwnd_event !== undefined) ops.cwnd_event(sk, event);
}

/** Bytes that wait to be read or sent for the first time are too many to ask for more. */
export function tcp_notsent_lowat(tp: tcp_sock): number {
  return tp.notsent_lowat !== 0 ? tp.notsent_lowat : tp.skc_net.ipv4.sysctl_tcp_notsent_lowat;
}

export function tcp_stream_memory_free(sk: sock, wake: number): boolean {
  const tp = sk as tcp_sock;
  const notsent_bytes = (tp.write_seq - tp.snd_nxt) | 0;
  return notsent_bytes * (1 << wake) < tcp_notsent_lowat(tp);
}

/** A retransmission queue without skbs. */
export function tcp_rtx_queue_empty(sk: sock): boolean {
  return (sk as tcp_sock).tcp_rtx_queue.rb_node === null;
}

export function tcp_write_queue_empty(sk: sock): boolean {
  return sk.sk_write_queue.next === null;
}

export function tcp_rtx_and_write_queues_empty(sk: sock): boolean {
  return tcp_rtx_queue_empty(sk) && tcp_write_queue_empty(sk);
}

/** The first skb not yet sent. */
export function tcp_send_head(sk: sock): sk_buff | null {
  return sk.sk_write_queue.next;
}

export function tcp_write_queue_head(sk: sock): sk_buff | null {
  return sk.sk_write_queue.next;
}

export function tcp_write_queue_tail(sk: sock): sk_buff | null {
  return sk.sk_write_queue.prev;
}

export function tcp_skb_is_last(sk: sock, skb: sk_buff): boolean {
  return sk.sk_write_queue.prev === skb;
}

/** Whether a packet sent at t1 left after one sent at t2 (us), by sequence where the times are equal. */
export function tcp_skb_sent_after(t1: number, t2: number, seq1: number, seq2: number): boolean {
  return t1 > t2 || (t1 === t2 && after(seq1, seq2));
}

export function tcp_passive_fastopen(sk: sock): boolean {
  return sk.skc_state === TCP_SYN_RECV && (sk as tcp_sock).fastopen_rsk !== null;
}

/** Bytes that a reader could take now, not counting the urgent byte. */
export function tcp_epollin_ready(sk: sock, target: number): boolean {
  const tp = sk as tcp_sock;
  const avail = (tp.rcv_nxt - tp.copied_seq) | 0;
  if (avail <= 0) return false;
  return avail >= target || tcp_receive_window(tp) <= tp.icsk_ack.rcv_mss;
}

/** Which queue tcp_fragment() works on, enum tcp_queue. */
export const TCP_FRAG_IN_WRITE_QUEUE = 0;
export const TCP_FRAG_IN_RTX_QUEUE = 1;

/** A packet may be merged into the one before it. */
export function tcp_skb_can_collapse(to: sk_buff, _from: sk_buff): boolean {
  return tcp_skb_can_collapse_to(to);
}

/** Too few packets in flight for fast retransmit to work. */
export function tcp_stream_is_thin(tp: tcp_sock): boolean {
  return tp.packets_out < 4 && !tcp_in_initial_slowstart(tp);
}

/** Memory is short: the window grows no further than four segments. */
export function tcp_adjust_rcv_ssthresh(sk: sock): void {
  const tp = sk as tcp_sock;
  tp.rcv_ssthresh = Math.min(tp.rcv_ssthresh, 4 * tp.advmss);
}

/** Greatest RTO of the connection, jiffies. */
export function tcp_rto_max(sk: sock): number {
  const max = (sk as inet_connection_sock).icsk_rto_max;
  return max !== 0 ? max : TCP_RTO_MAX;
}

/** No block of ours is to be reported. */
export function tcp_sack_reset(rx_opt: tcp_options_received): void {
  rx_opt.dsack = false;
  rx_opt.num_sacks = 0;
}

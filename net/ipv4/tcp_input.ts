// SPDX-License-Identifier: GPL-2.0-only
//
// What a segment does to a connection.
//
//   tcp_v4_rcv -> tcp_v4_do_rcv -> tcp_rcv_established       header prediction, or else in this order:
//                                    tcp_validate_incoming     PAWS, sequence numbers, RST, SYN
//                                    tcp_ack                   window, SACK, retransmit queue, RTT, congestion
//                                    tcp_urg, tcp_data_queue   urgent byte; data and FIN, in or out of order
//                                    tcp_data_snd_check, tcp_ack_snd_check
//                               -> tcp_rcv_state_process     all other states, the same steps
//                                    tcp_conn_request          LISTEN: where the SYN is handled
//                                    tcp_rcv_synsent_state_process
//
// tcp_recovery.ts decides what is lost, tcp_output.ts sends what is decided here.

import { SCM_TSTAMP_ACK } from "../../include/linux/errqueue.ts";
import { hrtimer_is_queued, HRTIMER_MODE_REL_PINNED_SOFT } from "../../include/linux/hrtimer.ts";
import {
  HZ,
  jiffies_to_usecs,
  msecs_to_jiffies,
  usecs_to_jiffies,
} from "../../include/linux/jiffies.ts";
import { roundup_pow_of_two } from "../../include/linux/log2.ts";
import { SOCK_NOSPACE } from "../../include/linux/net.ts";
import { get_random_u32_below } from "../../include/linux/random.ts";
import { RB_CLEAR_NODE, rb_link_node } from "../../include/linux/rbtree.ts";
import type { rb_node, rb_root } from "../../include/linux/rbtree.ts";
import {
  __skb_dequeue,
  __skb_queue_before,
  __skb_queue_tail,
  __skb_unlink,
  PAGE_SIZE,
  sk_buff_head,
  skb_csum_unnecessary,
  skb_dst_drop,
  skb_headlen,
  skb_is_nonlinear,
  skb_mstamp_us_delta,
  skb_network_header_len,
  SKB_OVERHEAD_SHINFO,
  SKB_OVERHEAD_SKB,
  skb_peek,
  skb_peek_tail,
  skb_queue_empty,
  skb_queue_len,
  SKB_TRUESIZE,
  SKB_WITH_OVERHEAD,
  tcp_hdr,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, tcp_skb_cb } from "../../include/linux/skbuff.ts";
import {
  tcp_clear_options,
  tcp_options_received,
  tcp_sack_block,
} from "../../include/linux/tcp.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { ktime_get_seconds } from "../../include/linux/timekeeping.ts";
import {
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_PROTO_MEM,
  SKB_DROP_REASON_TCP_ABORT_ON_DATA,
  SKB_DROP_REASON_TCP_ACK_UNSENT_DATA,
  SKB_DROP_REASON_TCP_CLOSE,
  SKB_DROP_REASON_TCP_CSUM,
  SKB_DROP_REASON_TCP_FASTOPEN,
  SKB_DROP_REASON_TCP_FLAGS,
  SKB_DROP_REASON_TCP_INVALID_END_SEQUENCE,
  SKB_DROP_REASON_TCP_INVALID_SEQUENCE,
  SKB_DROP_REASON_TCP_INVALID_SYN,
  SKB_DROP_REASON_TCP_OFO_DROP,
  SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE,
  SKB_DROP_REASON_TCP_OFOMERGE,
  SKB_DROP_REASON_TCP_OLD_ACK,
  SKB_DROP_REASON_TCP_OLD_DATA,
  SKB_DROP_REASON_TCP_OLD_SEQUENCE,
  SKB_DROP_REASON_TCP_OVERWINDOW,
  SKB_DROP_REASON_TCP_RESET,
  SKB_DROP_REASON_TCP_RFC7323_PAWS,
  SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK,
  SKB_DROP_REASON_TCP_TOO_OLD_ACK,
  SKB_DROP_REASON_TCP_ZEROWINDOW,
  SKB_NOT_DROPPED_YET,
} from "../../include/net/dropreason.ts";
import type { skb_drop_reason } from "../../include/net/dropreason.ts";
import {
  dst_feature,
  dst_metric,
  RTAX_FEATURE_ECN,
  RTAX_INITCWND,
  RTAX_QUICKACK,
} from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { flowi4 } from "../../include/net/flow.ts";
import {
  ICSK_ACK_NOMEM,
  ICSK_ACK_NOW,
  ICSK_ACK_PUSHED,
  ICSK_ACK_PUSHED2,
  ICSK_TIME_DACK,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inet_csk,
  inet_csk_ack_scheduled,
  inet_csk_enter_pingpong_mode,
  inet_csk_exit_pingpong_mode,
  inet_csk_in_pingpong_mode,
  inet_csk_reqsk_queue_is_full,
  inet_csk_reqsk_queue_len,
  inet_csk_schedule_ack,
} from "../../include/net/inet_connection_sock.ts";
import {
  INET_ECN_CE,
  INET_ECN_is_not_ect,
  INET_ECN_MASK,
  INET_ECN_NOT_ECT,
} from "../../include/net/inet_ecn.ts";
import {
  inet_request_bound_dev_if,
  inet_request_mark,
  inet_rsk,
} from "../../include/net/inet_sock.ts";
import { __NET_INC_STATS, NET_ADD_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { request_sock, request_sock_ops } from "../../include/net/request_sock.ts";
import {
  __sock_put,
  net_tx_rndhash,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  sk_acceptq_is_full,
  SOCK_DEAD,
  SOCK_DONE,
  sock_flag,
  sock_hold,
  SOCK_KEEPOPEN,
  sock_owned_by_user,
  SOCK_RCVBUF_LOCK,
  sock_set_flag,
  SOCK_SNDBUF_LOCK,
  SOCK_URGINLINE,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  __tcp_fast_path_on,
  ack_sample,
  after,
  before,
  between,
  CA_ACK_ECE,
  CA_ACK_SLOWPATH,
  CA_ACK_WIN_UPDATE,
  CA_EVENT_COMPLETE_CWR,
  CA_EVENT_ECN_IS_CE,
  CA_EVENT_ECN_NO_CE,
  CA_EVENT_LOSS,
  FLAG_ACK_MAYBE_DELAYED,
  FLAG_ACKED,
  FLAG_CA_ALERT,
  FLAG_DATA,
  FLAG_DATA_ACKED,
  FLAG_DATA_SACKED,
  FLAG_DSACK_TLP,
  FLAG_DSACKING_ACK,
  FLAG_ECE,
  FLAG_FORWARD_PROGRESS,
  FLAG_LOST_RETRANS,
  FLAG_NO_CHALLENGE_ACK,
  FLAG_NOT_DUP,
  FLAG_ORIG_SACK_ACKED,
  FLAG_RETRANS_DATA_ACKED,
  FLAG_SACK_RENEGING,
  FLAG_SET_XMIT_TIMER,
  FLAG_SLOWPATH,
  FLAG_SND_UNA_ADVANCED,
  FLAG_SYN_ACKED,
  FLAG_UPDATE_TS_RECENT,
  FLAG_WIN_UPDATE,
  keepalive_time_when,
  MAX_TCP_HEADER,
  rate_sample,
  tcp_adjust_rcv_ssthresh,
  TCP_ATO_MIN,
  tcp_ca_event,
  tcp_ca_needs_ecn,
  TCP_CHRONO_BUSY,
  TCP_CHRONO_SNDBUF_LIMITED,
  tcp_clock_us,
  tcp_current_ssthresh,
  TCP_DELACK_MAX,
  TCP_DSACK_SEEN,
  TCP_ECN_DEMAND_CWR,
  TCP_ECN_OK,
  TCP_ECN_QUEUE_CWR,
  TCP_ECN_SEEN,
  tcp_epollin_ready,
  tcp_fast_path_check,
  tcp_fast_path_on,
  tcp_fastopen_cookie,
  TCP_FASTOPEN_COOKIE_MAX,
  TCP_FASTOPEN_COOKIE_MIN,
  TCP_FASTRETRANS_THRESH,
  tcp_fin_time,
  TCP_FRAG_IN_RTX_QUEUE,
  tcp_full_space,
  tcp_in_cwnd_reduction,
  TCP_INC_STATS,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  tcp_init_wl,
  tcp_is_reno,
  tcp_is_sack,
  tcp_jiffies32,
  tcp_left_out,
  tcp_listendrop,
  TCP_MAX_QUICKACKS,
  TCP_MAX_WSCALE,
  TCP_MIN_GSO_SIZE,
  TCP_MIN_MSS,
  tcp_min_rtt,
  TCP_NAGLE_OFF,
  TCP_NUM_SACKS,
  tcp_packets_in_flight,
  tcp_paws_check,
  tcp_paws_reject,
  TCP_PAWS_WINDOW,
  TCP_RACK_LOSS_DETECTION,
  TCP_RACK_RECOVERY_THRESH,
  tcp_receive_window,
  TCP_RMEM_TO_WIN_SCALE,
  tcp_rsk,
  tcp_rto_max,
  tcp_rto_min_us,
  tcp_rtx_queue_empty,
  tcp_sack_reset,
  TCP_SACK_SEEN,
  tcp_send_head,
  tcp_sk,
  tcp_skb_can_collapse,
  tcp_skb_mss,
  tcp_skb_pcount,
  tcp_skb_pcount_add,
  tcp_skb_timestamp,
  tcp_skb_timestamp_us,
  tcp_snd_cwnd,
  tcp_snd_cwnd_set,
  tcp_space,
  tcp_space_from_win,
  tcp_stamp_us_delta,
  TCP_SYNACK_COOKIE,
  TCP_SYNACK_FASTOPEN,
  TCP_SYNACK_NORMAL,
  tcp_synq_overflow,
  tcp_time_stamp,
  tcp_time_stamp_ms,
  TCP_TIMEOUT_INIT,
  TCP_TIMEOUT_MIN,
  TCP_TIMEWAIT_LEN,
  tcp_update_wl,
  TCP_URG_NOTYET,
  TCP_URG_VALID,
  tcp_win_from_space,
  tcp_wnd_end,
  tcp_write_queue_empty,
  TCPCB_EVER_RETRANS,
  TCPCB_LOST,
  TCPCB_RETRANS,
  TCPCB_SACKED_ACKED,
  TCPCB_SACKED_RETRANS,
  TCPCB_TAGBITS,
  TCPF_ACK_DEFERRED,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_SYN,
  TCPOLEN_EXP_FASTOPEN_BASE,
  TCPOLEN_FASTOPEN_BASE,
  TCPOLEN_MD5SIG,
  TCPOLEN_MSS,
  TCPOLEN_SACK_BASE,
  TCPOLEN_SACK_PERBLOCK,
  TCPOLEN_SACK_PERM,
  TCPOLEN_TIMESTAMP,
  TCPOLEN_TSTAMP_ALIGNED,
  TCPOLEN_WINDOW,
  TCPOPT_EOL,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  TCPOPT_FASTOPEN_MAGIC,
  TCPOPT_MD5SIG,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
} from "../../include/net/tcp.ts";
import type { tcp_request_sock_ops } from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TCPF_CLOSE_WAIT,
  TCPF_CLOSING,
  TCPF_LAST_ACK,
} from "../../include/net/tcp_states.ts";
import { ECONNREFUSED, ECONNRESET, EINVAL, EPIPE } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_BEYOND_WINDOW,
  LINUX_MIB_DELAYEDACKLOST,
  LINUX_MIB_LISTENOVERFLOWS,
  LINUX_MIB_OFOPRUNED,
  LINUX_MIB_PAWS_OLD_ACK,
  LINUX_MIB_PAWSACTIVEREJECTED,
  LINUX_MIB_PAWSESTABREJECTED,
  LINUX_MIB_PRUNECALLED,
  LINUX_MIB_RCVPRUNED,
  LINUX_MIB_SACKMERGED,
  LINUX_MIB_SACKSHIFTED,
  LINUX_MIB_SACKSHIFTFALLBACK,
  LINUX_MIB_SYNCOOKIESSENT,
  LINUX_MIB_TCPABORTONDATA,
  LINUX_MIB_TCPACKCOMPRESSED,
  LINUX_MIB_TCPACKSKIPPEDCHALLENGE,
  LINUX_MIB_TCPACKSKIPPEDPAWS,
  LINUX_MIB_TCPACKSKIPPEDSEQ,
  LINUX_MIB_TCPCHALLENGEACK,
  LINUX_MIB_TCPDELIVERED,
  LINUX_MIB_TCPDELIVEREDCE,
  LINUX_MIB_TCPDSACKIGNOREDDUBIOUS,
  LINUX_MIB_TCPDSACKIGNOREDNOUNDO,
  LINUX_MIB_TCPDSACKIGNOREDOLD,
  LINUX_MIB_TCPDSACKOFORECV,
  LINUX_MIB_TCPDSACKOFOSENT,
  LINUX_MIB_TCPDSACKOLDSENT,
  LINUX_MIB_TCPDSACKRECV,
  LINUX_MIB_TCPDSACKRECVSEGS,
  LINUX_MIB_TCPDSACKUNDO,
  LINUX_MIB_TCPFASTOPENACTIVE,
  LINUX_MIB_TCPFASTOPENACTIVEFAIL,
  LINUX_MIB_TCPFULLUNDO,
  LINUX_MIB_TCPHPACKS,
  LINUX_MIB_TCPHPHITS,
  LINUX_MIB_TCPLOSSPROBERECOVERY,
  LINUX_MIB_TCPLOSSUNDO,
  LINUX_MIB_TCPLOSTRETRANSMIT,
  LINUX_MIB_TCPMTUPFAIL,
  LINUX_MIB_TCPMTUPSUCCESS,
  LINUX_MIB_TCPOFODROP,
  LINUX_MIB_TCPOFOMERGE,
  LINUX_MIB_TCPOFOQUEUE,
  LINUX_MIB_TCPPARTIALUNDO,
  LINUX_MIB_TCPPUREACKS,
  LINUX_MIB_TCPRCVCOALESCE,
  LINUX_MIB_TCPRCVCOLLAPSED,
  LINUX_MIB_TCPRCVQDROP,
  LINUX_MIB_TCPRENORECOVERY,
  LINUX_MIB_TCPRENOREORDER,
  LINUX_MIB_TCPREQQFULLDOCOOKIES,
  LINUX_MIB_TCPREQQFULLDROP,
  LINUX_MIB_TCPSACKDISCARD,
  LINUX_MIB_TCPSACKRECOVERY,
  LINUX_MIB_TCPSACKRENEGING,
  LINUX_MIB_TCPSACKREORDER,
  LINUX_MIB_TCPSPURIOUSRTOS,
  LINUX_MIB_TCPSYNCHALLENGE,
  LINUX_MIB_TCPTSREORDER,
  LINUX_MIB_TCPZEROWINDOWDROP,
  TCP_MIB_CSUMERRORS,
  TCP_MIB_INERRS,
} from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CA_CWR,
  TCP_CA_Disorder,
  TCP_CA_Loss,
  TCP_CA_Open,
  TCP_CA_Recovery,
  TCP_FLAG_FIN,
  TCP_FLAG_PSH,
  TCP_FLAG_SYN,
  TCP_FLAG_URG,
  TCP_HLEN,
  TCP_MSS_DEFAULT,
  TCP_RESERVED_BITS,
  TFO_DATA_NOT_ACKED,
  TFO_SYN_RETRANSMITTED,
} from "../../include/uapi/linux/tcp.ts";
import type { tcphdr } from "../../include/uapi/linux/tcp.ts";
import { rb_erase, rb_insert_color, rb_replace_node } from "../../lib/rbtree.ts";
import { minmax_running_min } from "../../lib/win_minmax.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { hrtimer_start_range_ns, hrtimer_try_to_cancel } from "../../kernel/time/hrtimer.ts";
import {
  __reqsk_free,
  reqsk_alloc,
  reqsk_fastopen_remove,
  reqsk_free,
  reqsk_put,
} from "../core/request_sock.ts";
import {
  __kfree_skb,
  __skb_checksum_complete,
  __skb_pull,
  __skb_tstamp_tx,
  alloc_skb,
  consume_skb,
  kfree_skb_partial,
  kfree_skb_reason,
  skb_coalesce,
  skb_condense,
  skb_copy_bits,
  skb_put,
  skb_rb_first,
  skb_rb_last,
  skb_rb_next,
  skb_rb_prev,
  skb_rbtree_purge,
  skb_shift,
  skb_try_coalesce,
} from "../core/skbuff.ts";
import {
  sk_dst_confirm,
  sk_error_report,
  sk_forced_mem_schedule,
  sk_mem_charge,
  sk_memory_allocated,
  sk_prot_mem_limits,
  sk_rmem_schedule,
  skb_set_owner_r,
  sock_put,
} from "../core/sock.ts";
import {
  inet_csk_clear_xmit_timer,
  inet_csk_reqsk_queue_add,
  inet_csk_reqsk_queue_hash_add,
  inet_csk_reset_keepalive_timer,
  inet_csk_reset_xmit_timer,
} from "./inet_connection_sock.ts";
import {
  tcp_advance_highest_sack,
  tcp_clear_all_retrans_hints,
  tcp_clear_retrans_hints_partial,
  tcp_done,
  tcp_highest_sack,
  tcp_highest_sack_replace,
  tcp_highest_sack_reset,
  tcp_highest_sack_seq,
  tcp_probe0_when,
  tcp_push_pending_frames,
  tcp_reset_xmit_timer,
  tcp_rto_delta_us,
  tcp_rtx_queue_head,
  tcp_rtx_queue_unlink_and_free,
  tcp_set_state,
  tcp_set_window_clamp,
  tcp_shutdown,
  tcp_skb_tsorted_del,
  tcp_slow_start_after_idle_check,
  tcp_timeout_init,
  tcp_under_memory_pressure,
  tcp_write_queue_purge,
} from "./tcp.ts";
import { tcp_init_congestion_control, tcp_set_ca_state } from "./tcp_cong.ts";
import {
  tcp_fastopen_active_disable,
  tcp_fastopen_add_skb,
  tcp_try_fastopen,
} from "./tcp_fastopen.ts";
import {
  tcp_fastopen_cache_set,
  tcp_init_metrics,
  tcp_peer_is_proven,
  tcp_update_metrics,
} from "./tcp_metrics.ts";
import { tcp_check_req, tcp_openreq_init_rwin, tcp_time_wait } from "./tcp_minisocks.ts";
import {
  __tcp_push_pending_frames,
  __tcp_select_window,
  tcp_chrono_stop,
  tcp_current_mss,
  tcp_fragment,
  tcp_mss_to_mtu,
  tcp_mstamp_refresh,
  tcp_mtup_init,
  tcp_schedule_loss_probe,
  tcp_send_ack,
  tcp_send_delayed_ack,
  tcp_send_synack,
  tcp_skb_collapse_tstamp,
  tcp_sync_mss,
  tcp_trim_head,
  tcp_xmit_retransmit_queue,
} from "./tcp_output.ts";
import { tcp_rate_gen, tcp_rate_skb_delivered } from "./tcp_rate.ts";
import {
  tcp_newreno_mark_lost,
  tcp_rack_advance,
  tcp_rack_mark_lost,
  tcp_rack_skb_timeout,
  tcp_rack_update_reo_wnd,
} from "./tcp_recovery.ts";
import { tcp_clamp_probe0_to_user_timeout } from "./tcp_timer.ts";

/** What tcp_fastretrans_alert() and below decide to (re)transmit once the window is known. */
const REXMIT_NONE = 0;
const REXMIT_LOST = 1;
const REXMIT_NEW = 2;

/** Bits of the header's flag word that header prediction compares. */
const TCP_HP_BITS = ~(TCP_RESERVED_BITS | TCP_FLAG_PSH);
/** Flags that allow a segment to be shorter than the peer's MSS. */
const TCP_REMNANT = TCP_FLAG_FIN | TCP_FLAG_URG | TCP_FLAG_SYN | TCP_FLAG_PSH;

/** What one ACK's SACK blocks told. Times in us. */
class tcp_sacktag_state {
  /** Departure of the first and last packet SACKed that was never retransmitted; 0 none. */
  first_sackt = 0;
  last_sackt = 0;
  /** Lowest sequence number that was delivered late. */
  reord = 0;
  /** Packets newly delivered. */
  sack_delivered = 0;
  /** FLAG_* */
  flag = 0;
  mss_now = 0;
  readonly rate = new rate_sample();
}

/** The state of one run of tcp_ack(). @local */
class ack_context {
  /** FLAG_*, changed on the way. */
  flag = 0;
  /** REXMIT_* */
  rexmit = REXMIT_NONE;
  readonly sack = new tcp_sacktag_state();
}

// An ACK that is processed in a task may transmit, which lets softirqs run, which process ACKs of other sockets:
// hence a context per level, kept for the next time.
const ack_contexts: ack_context[] = [new ack_context()];
let ack_level = 0;

function ack_context_get(flag: number): ack_context {
  if (ack_level === ack_contexts.length) ack_contexts.push(new ack_context());
  const c = ack_contexts[ack_level++];
  c.flag = flag;
  c.rexmit = REXMIT_NONE;
  c.sack.first_sackt = 0;
  c.sack.last_sackt = 0;
  c.sack.sack_delivered = 0;
  c.sack.flag = 0;
  const rs = c.sack.rate;
  rs.prior_mstamp = 0;
  rs.prior_delivered = 0;
  rs.prior_delivered_ce = 0;
  rs.delivered = 0;
  rs.delivered_ce = 0;
  rs.interval_us = 0;
  rs.rtt_us = 0;
  rs.losses = 0;
  rs.acked_sacked = 0;
  rs.prior_in_flight = 0;
  rs.last_end_seq = 0;
  rs.is_app_limited = false;
  rs.is_retrans = false;
  rs.is_ack_delayed = false;
  return c;
}

// ---- The receiver's estimate of the peer's segments, quick ACKs ----

/** Learns the peer's segment size, which decides how many bytes an ACK may wait for. */
function tcp_measure_rcv_mss(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const ack = tp.icsk_ack;
  const lss = ack.last_seg_size;
  ack.last_seg_size = 0;

  let len = skb.shinfo.gso_size;
  if (len === 0) len = skb.len;
  if (len >= ack.rcv_mss) {
    if (len !== ack.rcv_mss) {
      // How much of a packet's memory is payload: what a window costs in buffer.
      const old_ratio = tp.scaling_ratio;
      const ratio = Math.floor(skb.len * (1 << TCP_RMEM_TO_WIN_SCALE) / skb.truesize) & 0xff;
      tp.scaling_ratio = ratio !== 0 ? ratio : 1;
      if (old_ratio !== tp.scaling_ratio) {
        tcp_set_window_clamp(sk, tcp_win_from_space(sk, sk.sk_rcvbuf));
        if (tp.window_clamp < tp.rcvq_space.space) tp.rcvq_space.space = tp.window_clamp;
      }
    }
    ack.rcv_mss = Math.min(len, tp.advmss);
    // A full segment that was pushed is likely the last of a write.
    if ((TCP_SKB_CB(skb).tcp_flags & TCPHDR_PSH) !== 0) ack.pending |= ICSK_ACK_PUSHED;
    return;
  }
  // Shorter, perhaps by the options of this segment only: compare lengths that include the header.
  len += skb.data - skb.transport_header;
  if (
    len >= TCP_MSS_DEFAULT + TCP_HLEN ||
    (len >= TCP_MIN_MSS + TCP_HLEN && (tcp_hdr(skb).flag_word & TCP_REMNANT) === 0)
  ) {
    len -= tp.tcp_header_len;
    ack.last_seg_size = len;
    if (len === lss) {
      ack.rcv_mss = len;
      return;
    }
  }
  if ((ack.pending & ICSK_ACK_PUSHED) !== 0) ack.pending |= ICSK_ACK_PUSHED2;
  ack.pending |= ICSK_ACK_PUSHED;
}

function tcp_incr_quickack(sk: sock, max_quickacks: number): void {
  const tp = tcp_sk(sk);
  let quickacks = Math.floor(tp.rcv_wnd / (2 * tp.icsk_ack.rcv_mss));
  if (quickacks === 0) quickacks = 2;
  quickacks = Math.min(quickacks, max_quickacks);
  if (quickacks > tp.icsk_ack.quick) tp.icsk_ack.quick = quickacks;
}

/** The next ACKs go out at once. */
export function tcp_enter_quickack_mode(sk: sock, max_quickacks: number): void {
  tcp_incr_quickack(sk, max_quickacks);
  inet_csk_exit_pingpong_mode(sk);
  inet_csk(sk).icsk_ack.ato = TCP_ATO_MIN;
}

function tcp_in_quickack_mode(sk: sock): boolean {
  const dst = sk.sk_dst_cache;
  if (dst !== null && dst_metric(dst, RTAX_QUICKACK) !== 0) return true;
  return inet_csk(sk).icsk_ack.quick !== 0 && !inet_csk_in_pingpong_mode(sk);
}

// ---- ECN (RFC 3168) ----

function tcp_ecn_queue_cwr(tp: tcp_sock): void {
  if ((tp.ecn_flags & TCP_ECN_OK) !== 0) tp.ecn_flags |= TCP_ECN_QUEUE_CWR;
}

function tcp_ecn_accept_cwr(sk: sock, skb: sk_buff): void {
  if (!tcp_hdr(skb).cwr) return;
  const tp = tcp_sk(sk);
  tp.ecn_flags &= ~TCP_ECN_DEMAND_CWR;
  // The peer's window may be one packet now: do not delay the ACK of it.
  const cb = TCP_SKB_CB(skb);
  if (cb.seq !== cb.end_seq) tp.icsk_ack.pending |= ICSK_ACK_NOW;
}

function tcp_ecn_withdraw_cwr(tp: tcp_sock): void {
  tp.ecn_flags &= ~TCP_ECN_QUEUE_CWR;
}

function __tcp_ecn_check_ce(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  switch (TCP_SKB_CB(skb).ip_dsfield & INET_ECN_MASK) {
    case INET_ECN_NOT_ECT:
      // After ECT was seen, a segment without it is probably a retransmission.
      if ((tp.ecn_flags & TCP_ECN_SEEN) !== 0) tcp_enter_quickack_mode(sk, 2);
      break;
    case INET_ECN_CE:
      if (tcp_ca_needs_ecn(sk)) tcp_ca_event(sk, CA_EVENT_ECN_IS_CE);
      if ((tp.ecn_flags & TCP_ECN_DEMAND_CWR) === 0) {
        tcp_enter_quickack_mode(sk, 2);
        tp.ecn_flags |= TCP_ECN_DEMAND_CWR;
      }
      tp.ecn_flags |= TCP_ECN_SEEN;
      break;
    default:
      if (tcp_ca_needs_ecn(sk)) tcp_ca_event(sk, CA_EVENT_ECN_NO_CE);
      tp.ecn_flags |= TCP_ECN_SEEN;
  }
}

function tcp_ecn_check_ce(sk: sock, skb: sk_buff): void {
  if ((tcp_sk(sk).ecn_flags & TCP_ECN_OK) !== 0) __tcp_ecn_check_ce(sk, skb);
}

function tcp_ecn_rcv_synack(tp: tcp_sock, th: tcphdr): void {
  if ((tp.ecn_flags & TCP_ECN_OK) !== 0 && (!th.ece || th.cwr)) tp.ecn_flags &= ~TCP_ECN_OK;
}

function tcp_ecn_rcv_syn(tp: tcp_sock, th: tcphdr): void {
  if ((tp.ecn_flags & TCP_ECN_OK) !== 0 && (!th.ece || !th.cwr)) tp.ecn_flags &= ~TCP_ECN_OK;
}

function tcp_ecn_rcv_ecn_echo(tp: tcp_sock, th: tcphdr): boolean {
  return (tp.ecn_flags & TCP_ECN_OK) !== 0 && th.ece && !th.syn;
}

function tcp_count_delivered(tp: tcp_sock, delivered: number, ece_ack: boolean): void {
  tp.delivered += delivered;
  if (ece_ack) tp.delivered_ce += delivered;
}

// ---- Buffer sizes and the advertised window ----

/** Grows the send buffer to two windows of full segments. */
function tcp_sndbuf_expand(sk: sock): void {
  const tp = tcp_sk(sk);
  const ca_ops = tp.icsk_ca_ops;
  const frame = Math.max(tp.rx_opt.mss_clamp, tp.mss_cache) + MAX_TCP_HEADER + SKB_OVERHEAD_SHINFO;
  const per_mss = roundup_pow_of_two(frame) + SKB_OVERHEAD_SKB;
  const nr_segs = Math.max(TCP_INIT_CWND, tcp_snd_cwnd(tp), tp.reordering + 1);
  const factor = ca_ops.sndbuf_expand !== undefined ? ca_ops.sndbuf_expand(sk) : 2;
  const sndmem = factor * nr_segs * per_mss;
  if (sk.sk_sndbuf < sndmem) {
    sk.sk_sndbuf = Math.min(sndmem, sk.skc_net.ipv4.sysctl_tcp_wmem[2]);
  }
}

/** How far the window may grow for an skb whose memory is more than its window. */
function __tcp_grow_window(sk: sock, skb: sk_buff, skbtruesize: number): number {
  const tp = tcp_sk(sk);
  let truesize = tcp_win_from_space(sk, skbtruesize) >> 1;
  let window = tcp_win_from_space(sk, sk.skc_net.ipv4.sysctl_tcp_rmem[2]) >> 1;
  while (tp.rcv_ssthresh <= window) {
    if (truesize <= skb.len) return 2 * tp.icsk_ack.rcv_mss;
    truesize >>= 1;
    window >>= 1;
  }
  return 0;
}

/** An skb without bytes in its head will lose the head when it is merged into another. */
function truesize_adjust(adjust: boolean, skb: sk_buff): number {
  let truesize = skb.truesize;
  if (adjust && skb_headlen(skb) === 0) {
    truesize -= SKB_TRUESIZE(skb.end);
    if (truesize < skb.len) truesize = skb.truesize;
  }
  return truesize;
}

/** Lets the window grow by what arrived, towards what the buffer can hold. */
function tcp_grow_window(sk: sock, skb: sk_buff, adjust: boolean): void {
  const tp = tcp_sk(sk);
  const room = Math.min(tp.window_clamp, tcp_space(sk)) - tp.rcv_ssthresh;
  if (room <= 0) return;
  if (tcp_under_memory_pressure(sk)) {
    tcp_adjust_rcv_ssthresh(sk);
    return;
  }
  const truesize = truesize_adjust(adjust, skb);
  let incr = tcp_win_from_space(sk, truesize) <= skb.len
    ? 2 * tp.advmss
    : __tcp_grow_window(sk, skb, truesize);
  if (incr !== 0) {
    incr = Math.max(incr, 2 * skb.len);
    tp.rcv_ssthresh += Math.min(room, incr);
    tp.icsk_ack.quick |= 1;
  }
}

/**
 * Makes the receive buffer hold the initial window.
 * @differs current Linux has no such function, as its tcp_rmem[1] is large enough: no more than that is given
 */
function tcp_fixup_rcvbuf(sk: sock): void {
  const tp = tcp_sk(sk);
  const rcvmem = tcp_space_from_win(sk, Math.min(2 * TCP_INIT_CWND * tp.advmss, 65535));
  if (sk.sk_rcvbuf < rcvmem) {
    sk.sk_rcvbuf = Math.max(sk.sk_rcvbuf, Math.min(rcvmem, sk.skc_net.ipv4.sysctl_tcp_rmem[1]));
  }
}

/** Sizes buffers and window of a connection that is becoming established. */
function tcp_init_buffer_space(sk: sock): void {
  const tp = tcp_sk(sk);
  const app_win = sk.skc_net.ipv4.sysctl_tcp_app_win;
  if ((sk.sk_userlocks & SOCK_RCVBUF_LOCK) === 0) tcp_fixup_rcvbuf(sk);
  if ((sk.sk_userlocks & SOCK_SNDBUF_LOCK) === 0) tcp_sndbuf_expand(sk);

  tcp_mstamp_refresh(tp);
  tp.rcvq_space.time = tp.tcp_mstamp;
  tp.rcvq_space.seq = tp.copied_seq;

  const maxwin = tcp_full_space(sk);
  if (tp.window_clamp >= maxwin) {
    tp.window_clamp = maxwin;
    if (app_win !== 0 && maxwin > 4 * tp.advmss) {
      tp.window_clamp = Math.max(maxwin - Math.floor(maxwin / 2 ** app_win), 4 * tp.advmss);
    }
  }
  // One segment is kept back.
  if (app_win !== 0 && tp.window_clamp > 2 * tp.advmss && tp.window_clamp + tp.advmss > maxwin) {
    tp.window_clamp = Math.max(2 * tp.advmss, maxwin - tp.advmss);
  }
  tp.rcv_ssthresh = Math.min(tp.rcv_ssthresh, tp.window_clamp);
  tp.snd_cwnd_stamp = tcp_jiffies32();
  tp.rcvq_space.space = Math.min(tp.rcv_ssthresh, tp.rcv_wnd, TCP_INIT_CWND * tp.advmss);
}

/** The buffer is over its limit: raise the limit if that is allowed, else shrink the window. */
function tcp_clamp_window(sk: sock): void {
  const tp = tcp_sk(sk);
  const rmem2 = sk.skc_net.ipv4.sysctl_tcp_rmem[2];
  const rmem_alloc = sk.sk_backlog.rmem_alloc;
  tp.icsk_ack.quick = 0;
  if (
    sk.sk_rcvbuf < rmem2 && (sk.sk_userlocks & SOCK_RCVBUF_LOCK) === 0 &&
    !tcp_under_memory_pressure(sk) && sk_memory_allocated(sk) < sk_prot_mem_limits(sk, 0)
  ) sk.sk_rcvbuf = Math.min(rmem_alloc, rmem2);
  if (rmem_alloc > sk.sk_rcvbuf) tp.rcv_ssthresh = Math.min(tp.window_clamp, 2 * tp.advmss);
}

/** A first guess at the peer's segment size, rather too small than too large. */
export function tcp_initialize_rcv_mss(sk: sock): void {
  const tp = tcp_sk(sk);
  const hint = Math.min(tp.advmss, tp.mss_cache, tp.rcv_wnd >> 1, TCP_MSS_DEFAULT);
  tp.icsk_ack.rcv_mss = Math.max(hint, TCP_MIN_MSS);
}

/** Takes in an RTT that the receiver measured; `win_dep`: over a window, thus too large rather than too small. */
function tcp_rcv_rtt_update(tp: tcp_sock, sample: number, win_dep: boolean): void {
  const old_sample = tp.rcv_rtt_est.rtt_us;
  const m = sample * 8;
  if (old_sample === 0 || m < old_sample) tp.rcv_rtt_est.rtt_us = m;
  else if (!win_dep && tp.rcv_nxt === tp.copied_seq) {
    // With bytes unread it would be their reader's time.
    tp.rcv_rtt_est.rtt_us = old_sample - Math.floor(old_sample / 8) + sample;
  }
}

/** Measures the RTT as the time that one window of data takes. */
function tcp_rcv_rtt_measure(tp: tcp_sock): void {
  const est = tp.rcv_rtt_est;
  if (est.time !== 0) {
    if (before(tp.rcv_nxt, est.seq)) return;
    const delta_us = tcp_stamp_us_delta(tp.tcp_mstamp, est.time);
    tcp_rcv_rtt_update(tp, delta_us !== 0 ? delta_us : 1, true);
  }
  est.seq = (tp.rcv_nxt + tp.rcv_wnd) | 0;
  est.time = tp.tcp_mstamp;
}

/** us since the time that the peer's echo of our timestamp bears; -1 for none that can be. @local */
function tcp_rtt_tsopt_us(tp: tcp_sock): number {
  const delta = (tcp_time_stamp(tp) - tp.rx_opt.rcv_tsecr) >>> 0;
  if (delta >= Math.floor(0x7fffffff / 1000)) return -1;
  return (delta !== 0 ? delta : 1) * 1000;
}

/** Measures the RTT by timestamps. */
function tcp_rcv_rtt_measure_ts(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  if (tp.rx_opt.rcv_tsecr === tp.rcv_rtt_last_tsecr) return;
  tp.rcv_rtt_last_tsecr = tp.rx_opt.rcv_tsecr;
  const cb = TCP_SKB_CB(skb);
  if (((cb.end_seq - cb.seq) | 0) < tp.icsk_ack.rcv_mss) return;
  const delta_us = tcp_rtt_tsopt_us(tp);
  if (delta_us >= 0) tcp_rcv_rtt_update(tp, delta_us, false);
}

/** The program reads `newval` bytes in an RTT: sizes the buffer by it, where that makes it larger. */
function tcp_rcvbuf_grow(sk: sock, newval: number): void {
  const tp = tcp_sk(sk);
  const ipv4 = sk.skc_net.ipv4;
  const oldval = tp.rcvq_space.space;
  tp.rcvq_space.space = newval;
  if (ipv4.sysctl_tcp_moderate_rcvbuf === 0 || (sk.sk_userlocks & SOCK_RCVBUF_LOCK) !== 0) return;

  // The next RTT's bytes while these are read; and again by as much as the sender's rate grows.
  let rcvwin = newval * 2;
  rcvwin += Math.floor(rcvwin * (newval - oldval) / oldval) * 2;
  if (tp.out_of_order_queue.rb_node !== null) {
    rcvwin += (TCP_SKB_CB(tp.ooo_last_skb!).end_seq - tp.rcv_nxt) | 0;
  }
  const rcvbuf = Math.min(tcp_space_from_win(sk, rcvwin), ipv4.sysctl_tcp_rmem[2]);
  if (rcvbuf > sk.sk_rcvbuf) {
    sk.sk_rcvbuf = rcvbuf;
    tp.window_clamp = tcp_win_from_space(sk, rcvbuf);
  }
}

/** The program has read: notes how much it reads in an RTT. */
export function tcp_rcv_space_adjust(sk: sock): void {
  const tp = tcp_sk(sk);
  const rtt_us = tp.rcv_rtt_est.rtt_us;
  if (rtt_us === 0) return;
  const time = tcp_stamp_us_delta(tp.tcp_mstamp, tp.rcvq_space.time);
  if (time < Math.floor(rtt_us / 8)) return;

  // What is unread came too fast for the program: no larger buffer would help.
  const inq = (tp.rcv_nxt - tp.copied_seq) | 0;
  const copied = ((tp.copied_seq - tp.rcvq_space.seq) | 0) - inq;
  if (copied > tp.rcvq_space.space) tcp_rcvbuf_grow(sk, copied);
  tp.rcvq_space.seq = tp.copied_seq;
  tp.rcvq_space.time = tp.tcp_mstamp;
}

/** Data has come: adapts the delayed ACK's clock to how often it does. */
function tcp_event_data_recv(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const ack = tp.icsk_ack;
  inet_csk_schedule_ack(sk);
  tcp_measure_rcv_mss(sk, skb);
  tcp_rcv_rtt_measure(tp);

  const now = tcp_jiffies32();
  if (ack.ato === 0) {
    tcp_incr_quickack(sk, TCP_MAX_QUICKACKS);
    ack.ato = TCP_ATO_MIN;
  } else {
    const m = (now - ack.lrcvtime) | 0;
    if (m <= TCP_ATO_MIN / 2) {
      ack.ato = (ack.ato >> 1) + TCP_ATO_MIN / 2;
    } else if (m < ack.ato) {
      ack.ato = Math.min((ack.ato >> 1) + m, tp.icsk_rto);
    } else if (m > tp.icsk_rto) {
      // The sender paused, and starts anew with a small window.
      tcp_incr_quickack(sk, TCP_MAX_QUICKACKS);
    }
  }
  ack.lrcvtime = now;
  tcp_ecn_check_ce(sk, skb);
  if (skb.len >= 128) tcp_grow_window(sk, skb, true);
}

// ---- RTT and RTO ----

/** Smooths an RTT sample (us) into srtt, mdev and rttvar. @rfc 6298 2 */
function tcp_rtt_estimator(sk: sock, mrtt_us: number): void {
  const tp = tcp_sk(sk);
  let m = mrtt_us;
  let srtt = tp.srtt_us;
  if (srtt !== 0) {
    m -= Math.floor(srtt / 8);
    srtt += m;
    if (m < 0) {
      m = -m - Math.floor(tp.mdev_us / 4);
      // An RTT that shrinks must not raise the RTO as one that grows does.
      if (m > 0) m = Math.floor(m / 8);
    } else {
      m -= Math.floor(tp.mdev_us / 4);
    }
    tp.mdev_us += m;
    if (tp.mdev_us > tp.mdev_max_us) {
      tp.mdev_max_us = tp.mdev_us;
      if (tp.mdev_max_us > tp.rttvar_us) tp.rttvar_us = tp.mdev_max_us;
    }
    if (after(tp.snd_una, tp.rtt_seq)) {
      if (tp.mdev_max_us < tp.rttvar_us) {
        tp.rttvar_us -= Math.floor((tp.rttvar_us - tp.mdev_max_us) / 4);
      }
      tp.rtt_seq = tp.snd_nxt;
      tp.mdev_max_us = tcp_rto_min_us(sk);
    }
  } else {
    srtt = m * 8;
    tp.mdev_us = m * 2;
    tp.rttvar_us = Math.max(tp.mdev_us, tcp_rto_min_us(sk));
    tp.mdev_max_us = tp.rttvar_us;
    tp.rtt_seq = tp.snd_nxt;
  }
  tp.srtt_us = Math.max(1, srtt);
}

/** Pacing rate from window and RTT: 200 % of it in slow start, 120 % after (sysctl). */
export function tcp_update_pacing_rate(sk: sock): void {
  const tp = tcp_sk(sk);
  const ipv4 = sk.skc_net.ipv4;
  const ratio = tcp_snd_cwnd(tp) < tp.snd_ssthresh / 2
    ? ipv4.sysctl_tcp_pacing_ss_ratio
    : ipv4.sysctl_tcp_pacing_ca_ratio;
  let rate = tp.mss_cache * (1000000 / 100) * 8 * ratio *
    Math.max(tcp_snd_cwnd(tp), tp.packets_out);
  if (tp.srtt_us !== 0) rate = Math.floor(rate / tp.srtt_us);
  sk.sk_pacing_rate = Math.min(rate, sk.sk_max_pacing_rate);
}

/** RTO from the estimate, without backoff. @rfc 6298 2.2 */
function tcp_set_rto(sk: sock): void {
  const tp = tcp_sk(sk);
  const rto = usecs_to_jiffies(Math.floor(tp.srtt_us / 8) + tp.rttvar_us);
  tp.icsk_rto = Math.min(rto, tcp_rto_max(sk));
}

/** Initial congestion window, packets: the route's, or 10. @rfc 6928 */
export function tcp_init_cwnd(tp: tcp_sock, dst: dst_entry | null): number {
  let cwnd = dst !== null ? dst_metric(dst, RTAX_INITCWND) : 0;
  if (cwnd === 0) cwnd = TCP_INIT_CWND;
  return Math.min(cwnd, tp.snd_cwnd_clamp);
}

// ---- The SACK scoreboard (RFC 2018, 2883, 6675) ----

/** The peer reports duplicates: how many of our segments that were, 0 where it can't be our doing. */
function tcp_dsack_seen(
  tp: tcp_sock,
  start_seq: number,
  end_seq: number,
  state: tcp_sacktag_state,
): number {
  if (!before(start_seq, end_seq)) return 0;
  const seq_len = (end_seq - start_seq) >>> 0;
  if (seq_len > tp.max_window) return 0;
  let dup_segs = 1;
  if (seq_len > tp.mss_cache) dup_segs = Math.ceil(seq_len / tp.mss_cache);
  else if (tp.tlp_high_seq !== 0 && tp.tlp_high_seq === end_seq) state.flag |= FLAG_DSACK_TLP;

  tp.dsack_dups += dup_segs;
  // More duplicates than we ever sent twice: the network made them.
  if (tp.dsack_dups > tp.total_retrans) return 0;

  tp.rx_opt.sack_ok |= TCP_DSACK_SEEN;
  if (tp.reord_seen !== 0 && (state.flag & FLAG_DSACK_TLP) === 0) tp.rack.dsack_seen = true;
  state.flag |= FLAG_DSACKING_ACK;
  state.sack_delivered += dup_segs;
  return dup_segs;
}

/** low_seq was delivered after higher ones: the distance raises the reordering metric. */
function tcp_check_sack_reordering(sk: sock, low_seq: number, ts: boolean): void {
  const tp = tcp_sk(sk);
  const mss = tp.mss_cache;
  const fack = tcp_highest_sack_seq(tp);
  if (!before(low_seq, fack)) return;
  const metric = (fack - low_seq) >>> 0;
  if (mss !== 0 && metric > tp.reordering * mss) {
    tp.reordering = Math.min(
      Math.ceil(metric / mss),
      sk.skc_net.ipv4.sysctl_tcp_max_reordering,
    );
  }
  tp.reord_seen++;
  NET_INC_STATS(sk.skc_net, ts ? LINUX_MIB_TCPTSREORDER : LINUX_MIB_TCPSACKREORDER);
}

/** skb is about to be marked lost: perhaps it is the next to retransmit. */
function tcp_verify_retransmit_hint(tp: tcp_sock, skb: sk_buff): void {
  const hint = tp.retransmit_skb_hint;
  if (
    (hint === null && tp.retrans_out >= tp.lost_out) ||
    (hint !== null && before(TCP_SKB_CB(skb).seq, TCP_SKB_CB(hint).seq))
  ) tp.retransmit_skb_hint = skb;
}

function tcp_notify_skb_loss_event(tp: tcp_sock, skb: sk_buff): void {
  tp.lost += tcp_skb_pcount(skb);
}

/**
 * Marks a packet lost; one that was retransmitted already, lost again.
 * @differs takes that retransmission out of retrans_out even where an undo had cleared the mark before, so that it
 * is not counted twice when it is sent again
 */
export function tcp_mark_skb_lost(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  const sacked = cb.sacked;
  if ((sacked & TCPCB_SACKED_ACKED) !== 0) return;
  tcp_verify_retransmit_hint(tp, skb);
  if ((sacked & TCPCB_SACKED_RETRANS) !== 0) {
    cb.sacked &= ~TCPCB_SACKED_RETRANS;
    tp.retrans_out -= tcp_skb_pcount(skb);
    NET_ADD_STATS(sk.skc_net, LINUX_MIB_TCPLOSTRETRANSMIT, tcp_skb_pcount(skb));
    tcp_notify_skb_loss_event(tp, skb);
  }
  if ((sacked & TCPCB_LOST) === 0) {
    tp.lost_out += tcp_skb_pcount(skb);
    cb.sacked |= TCPCB_LOST;
    if ((sacked & TCPCB_SACKED_RETRANS) === 0) tcp_notify_skb_loss_event(tp, skb);
  }
}

/**
 * Whether a SACK block can be true: within what is outstanding, or, of a D-SACK, below snd_una but not older than
 * the last undo point by more than a window. A block that begins at snd_una is none: it would be an ACK.
 */
function tcp_is_sackblock_valid(
  tp: tcp_sock,
  is_dsack: boolean,
  start_seq: number,
  end_seq: number,
): boolean {
  if (after(end_seq, tp.snd_nxt) || !before(start_seq, end_seq)) return false;
  if (!before(start_seq, tp.snd_nxt)) return false;
  if (after(start_seq, tp.snd_una)) return true;
  if (!is_dsack || tp.undo_marker === 0) return false;
  if (after(end_seq, tp.snd_una)) return false;
  if (!before(start_seq, tp.undo_marker)) return true;
  if (!after(end_seq, tp.undo_marker)) return false;
  return !before(start_seq, (end_seq - tp.max_window) | 0);
}

/** Whether the first of the blocks is a D-SACK: below the ACK, or within the second. @rfc 2883 4 */
function tcp_check_dsack(
  sk: sock,
  ack_skb: sk_buff,
  wire: tcp_sack_block[],
  num_sacks: number,
  prior_snd_una: number,
  state: tcp_sacktag_state,
): boolean {
  const tp = tcp_sk(sk);
  const net = sk.skc_net;
  const start_seq_0 = wire[0].start_seq;
  const end_seq_0 = wire[0].end_seq;
  if (before(start_seq_0, TCP_SKB_CB(ack_skb).ack_seq)) {
    NET_INC_STATS(net, LINUX_MIB_TCPDSACKRECV);
  } else if (num_sacks > 1) {
    if (after(end_seq_0, wire[1].end_seq) || before(start_seq_0, wire[1].start_seq)) return false;
    NET_INC_STATS(net, LINUX_MIB_TCPDSACKOFORECV);
  } else {
    return false;
  }

  const dup_segs = tcp_dsack_seen(tp, start_seq_0, end_seq_0, state);
  if (dup_segs === 0) {
    NET_INC_STATS(net, LINUX_MIB_TCPDSACKIGNOREDDUBIOUS);
    return false;
  }
  NET_ADD_STATS(net, LINUX_MIB_TCPDSACKRECVSEGS, dup_segs);
  // Of data that is off the queue already only the count is left.
  if (
    tp.undo_marker !== 0 && tp.undo_retrans > 0 && !after(end_seq_0, prior_snd_una) &&
    after(end_seq_0, tp.undo_marker)
  ) tp.undo_retrans = Math.max(0, tp.undo_retrans - dup_segs);
  return true;
}

/**
 * 1 if the whole of skb is SACKed, 0 if not. Of a packet of several segments that is SACKed in part the part is split
 * off first, at segment bounds. Negative errno where that failed.
 */
function tcp_match_skb_to_sack(
  sk: sock,
  skb: sk_buff,
  start_seq: number,
  end_seq: number,
): number {
  const cb = TCP_SKB_CB(skb);
  let in_sack = !after(start_seq, cb.seq) && !before(end_seq, cb.end_seq);
  if (tcp_skb_pcount(skb) > 1 && !in_sack && after(cb.end_seq, start_seq)) {
    const mss = tcp_skb_mss(skb);
    let pkt_len: number;
    in_sack = !after(start_seq, cb.seq);
    if (!in_sack) {
      pkt_len = Math.max((start_seq - cb.seq) | 0, mss);
    } else {
      pkt_len = (end_seq - cb.seq) | 0;
      if (pkt_len < mss) return -EINVAL;
    }
    if (pkt_len > mss) {
      let new_len = Math.floor(pkt_len / mss) * mss;
      if (!in_sack && new_len < pkt_len) new_len += mss;
      pkt_len = new_len;
    }
    if (pkt_len >= skb.len && !in_sack) return 0;
    const err = tcp_fragment(sk, TCP_FRAG_IN_RTX_QUEUE, skb, pkt_len, mss);
    if (err < 0) return err;
  }
  return in_sack ? 1 : 0;
}

/** Tags one range as SACKed and keeps the counters; the new value of `sacked`. */
function tcp_sacktag_one(
  sk: sock,
  state: tcp_sacktag_state,
  sacked: number,
  start_seq: number,
  end_seq: number,
  dup_sack: boolean,
  pcount: number,
  xmit_time: number,
): number {
  const tp = tcp_sk(sk);
  if (dup_sack && (sacked & TCPCB_RETRANS) !== 0) {
    if (tp.undo_marker !== 0 && tp.undo_retrans > 0 && after(end_seq, tp.undo_marker)) {
      tp.undo_retrans = Math.max(0, tp.undo_retrans - pcount);
    }
    if ((sacked & TCPCB_SACKED_ACKED) !== 0 && before(start_seq, state.reord)) {
      state.reord = start_seq;
    }
  }
  if (!after(end_seq, tp.snd_una)) return sacked;

  if ((sacked & TCPCB_SACKED_ACKED) === 0) {
    tcp_rack_advance(tp, sacked, end_seq, xmit_time);
    if ((sacked & TCPCB_SACKED_RETRANS) !== 0) {
      // Not held lost: both original and retransmission may still be under way.
      if ((sacked & TCPCB_LOST) !== 0) {
        sacked &= ~(TCPCB_LOST | TCPCB_SACKED_RETRANS);
        tp.lost_out -= pcount;
        tp.retrans_out -= pcount;
      }
    } else {
      if ((sacked & TCPCB_RETRANS) === 0) {
        // A hole that was never retransmitted is filled: reordering.
        if (before(start_seq, tcp_highest_sack_seq(tp)) && before(start_seq, state.reord)) {
          state.reord = start_seq;
        }
        if (!after(end_seq, tp.high_seq)) state.flag |= FLAG_ORIG_SACK_ACKED;
        if (state.first_sackt === 0) state.first_sackt = xmit_time;
        state.last_sackt = xmit_time;
      }
      if ((sacked & TCPCB_LOST) !== 0) {
        sacked &= ~TCPCB_LOST;
        tp.lost_out -= pcount;
      }
    }
    sacked |= TCPCB_SACKED_ACKED;
    state.flag |= FLAG_DATA_SACKED;
    tp.sacked_out += pcount;
    state.sack_delivered += pcount;
    if (tp.lost_skb_hint !== null && before(start_seq, TCP_SKB_CB(tp.lost_skb_hint).seq)) {
      tp.lost_cnt_hint += pcount;
    }
  }
  // A D-SACK proves the retransmission needless, and that it has arrived.
  if (dup_sack && (sacked & TCPCB_SACKED_RETRANS) !== 0) {
    sacked &= ~TCPCB_SACKED_RETRANS;
    tp.retrans_out -= pcount;
  }
  return sacked;
}

/** `shifted` bytes of skb went over to prev, which is SACKed; true if nothing is left of skb. */
function tcp_shifted_skb(
  sk: sock,
  prev: sk_buff,
  skb: sk_buff,
  state: tcp_sacktag_state,
  pcount: number,
  shifted: number,
  mss: number,
  dup_sack: boolean,
): boolean {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  const prev_cb = TCP_SKB_CB(prev);
  const start_seq = cb.seq;
  // Before the sequence numbers move, as those of the highest SACKed skb are what is compared with.
  tcp_sacktag_one(
    sk,
    state,
    cb.sacked,
    start_seq,
    (start_seq + shifted) | 0,
    dup_sack,
    pcount,
    tcp_skb_timestamp_us(skb),
  );
  tcp_rate_skb_delivered(sk, skb, state.rate);
  if (skb === tp.lost_skb_hint) tp.lost_cnt_hint += pcount;

  prev_cb.end_seq = (prev_cb.end_seq + shifted) | 0;
  cb.seq = (cb.seq + shifted) | 0;
  tcp_skb_pcount_add(prev, pcount);
  tcp_skb_pcount_add(skb, -pcount);
  if (prev_cb.tcp_gso_size === 0) prev_cb.tcp_gso_size = mss;
  if (tcp_skb_pcount(skb) <= 1) cb.tcp_gso_size = 0;
  prev_cb.sacked |= cb.sacked & TCPCB_EVER_RETRANS;
  if (skb.len > 0) {
    NET_INC_STATS(sk.skc_net, LINUX_MIB_SACKSHIFTED);
    return false;
  }

  if (skb === tp.retransmit_skb_hint) tp.retransmit_skb_hint = prev;
  if (skb === tp.lost_skb_hint) {
    tp.lost_skb_hint = prev;
    tp.lost_cnt_hint -= tcp_skb_pcount(prev);
  }
  prev_cb.tcp_flags |= cb.tcp_flags;
  prev_cb.eor = cb.eor;
  if ((cb.tcp_flags & TCPHDR_FIN) !== 0) prev_cb.end_seq = (prev_cb.end_seq + 1) | 0;
  if (skb === tcp_highest_sack(sk)) tcp_advance_highest_sack(sk, skb);
  tcp_skb_collapse_tstamp(prev, skb);
  prev_cb.delivered_mstamp = 0;
  tcp_rtx_queue_unlink_and_free(skb, sk);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_SACKMERGED);
  return true;
}

/** Bytes of one of skb's segments, or of the only one. */
function tcp_skb_seglen(skb: sk_buff): number {
  return tcp_skb_pcount(skb) === 1 ? skb.len : tcp_skb_mss(skb);
}

function skb_can_shift(skb: sk_buff): boolean {
  return skb_headlen(skb) === 0 && skb_is_nonlinear(skb);
}

/** Moves bytes to the skb before; 0 where the result would be too large. */
export function tcp_skb_shift(
  to: sk_buff,
  from: sk_buff,
  pcount: number,
  shiftlen: number,
): number {
  if (to.len + shiftlen >= 65535 * TCP_MIN_GSO_SIZE) return 0;
  if (tcp_skb_pcount(to) + pcount > 65535) return 0;
  return skb_shift(to, from, shiftlen);
}

/**
 * Moves what is SACKed of skb into the skb before, if that is SACKed too, so that one skb stands for one block. The skb
 * to go on from; skb itself where there is nothing to do; null where it must be tagged the plain way.
 */
function tcp_shift_skb_data(
  sk: sock,
  skb: sk_buff,
  state: tcp_sacktag_state,
  start_seq: number,
  end_seq: number,
  dup_sack: boolean,
): sk_buff | null {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  fallback: {
    if (
      !dup_sack && (cb.sacked & (TCPCB_LOST | TCPCB_SACKED_RETRANS)) === TCPCB_SACKED_RETRANS
    ) break fallback;
    if (!skb_can_shift(skb)) break fallback;
    if (!after(cb.end_seq, tp.snd_una)) break fallback;
    const prev = skb_rb_prev(skb);
    if (prev === null) break fallback;
    if ((TCP_SKB_CB(prev).sacked & TCPCB_TAGBITS) !== TCPCB_SACKED_ACKED) break fallback;
    if (!tcp_skb_can_collapse(prev, skb)) break fallback;

    let len: number;
    let pcount: number;
    let mss: number;
    if (!after(start_seq, cb.seq) && !before(end_seq, cb.end_seq)) {
      len = skb.len;
      pcount = tcp_skb_pcount(skb);
      mss = tcp_skb_seglen(skb);
      if (mss !== tcp_skb_seglen(prev)) break fallback;
    } else {
      if (!after(cb.end_seq, start_seq)) return skb;
      if (tcp_skb_pcount(skb) <= 1) return skb;
      if (after(start_seq, cb.seq)) break fallback;
      len = (end_seq - cb.seq) | 0;
      mss = tcp_skb_mss(skb);
      if (mss !== tcp_skb_seglen(prev)) break fallback;
      if (len < mss) return skb;
      pcount = Math.floor(len / mss);
      len = pcount * mss;
    }
    if (!after((cb.seq + len) | 0, tp.snd_una)) break fallback;
    if (tcp_skb_shift(prev, skb, pcount, len) === 0) break fallback;
    if (!tcp_shifted_skb(sk, prev, skb, state, pcount, len, mss, dup_sack)) return prev;

    // The hole between prev and the skb after it may be gone now.
    const next = skb_rb_next(prev);
    if (
      next !== null && skb_can_shift(next) &&
      (TCP_SKB_CB(next).sacked & TCPCB_TAGBITS) === TCPCB_SACKED_ACKED &&
      mss === tcp_skb_seglen(next) && tcp_skb_can_collapse(prev, next)
    ) {
      len = next.len;
      pcount = tcp_skb_pcount(next);
      if (tcp_skb_shift(prev, next, pcount, len) !== 0) {
        tcp_shifted_skb(sk, prev, next, state, pcount, len, mss, false);
      }
    }
    return prev;
  }
  NET_INC_STATS(sk.skc_net, LINUX_MIB_SACKSHIFTFALLBACK);
  return null;
}

/** Tags everything from skb on that is within [start_seq, end_seq); the skb where it ended. */
function tcp_sacktag_walk(
  skb: sk_buff | null,
  sk: sock,
  next_dup: tcp_sack_block | null,
  state: tcp_sacktag_state,
  start_seq: number,
  end_seq: number,
  dup_sack_in: boolean,
): sk_buff | null {
  const tp = tcp_sk(sk);
  for (; skb !== null; skb = skb_rb_next(skb)) {
    let in_sack = 0;
    let dup_sack = dup_sack_in;
    if (!before(TCP_SKB_CB(skb).seq, end_seq)) break;
    if (next_dup !== null && before(TCP_SKB_CB(skb).seq, next_dup.end_seq)) {
      in_sack = tcp_match_skb_to_sack(sk, skb, next_dup.start_seq, next_dup.end_seq);
      if (in_sack > 0) dup_sack = true;
    }
    if (in_sack <= 0) {
      const tmp = tcp_shift_skb_data(sk, skb, state, start_seq, end_seq, dup_sack);
      if (tmp === null) {
        in_sack = tcp_match_skb_to_sack(sk, skb, start_seq, end_seq);
      } else if (tmp !== skb) {
        // skb may be freed: its predecessor took it over.
        skb = tmp;
        continue;
      } else {
        in_sack = 0;
      }
    }
    if (in_sack < 0) break;
    if (in_sack > 0) {
      const cb = TCP_SKB_CB(skb);
      cb.sacked = tcp_sacktag_one(
        sk,
        state,
        cb.sacked,
        cb.seq,
        cb.end_seq,
        dup_sack,
        tcp_skb_pcount(skb),
        tcp_skb_timestamp_us(skb),
      );
      tcp_rate_skb_delivered(sk, skb, state.rate);
      if ((cb.sacked & TCPCB_SACKED_ACKED) !== 0) tcp_skb_tsorted_del(tp, skb);
      if (!before(cb.seq, tcp_highest_sack_seq(tp))) tcp_advance_highest_sack(sk, skb);
    }
  }
  return skb;
}

/** The skb of the retransmit queue that holds seq, or null. */
function tcp_sacktag_bsearch(sk: sock, seq: number): sk_buff | null {
  let node = tcp_sk(sk).tcp_rtx_queue.rb_node;
  while (node !== null) {
    const skb = node.owner;
    if (before(seq, TCP_SKB_CB(skb).seq)) node = node.rb_left;
    else if (!before(seq, TCP_SKB_CB(skb).end_seq)) node = node.rb_right;
    else return skb;
  }
  return null;
}

function tcp_sacktag_skip(skb: sk_buff | null, sk: sock, skip_to_seq: number): sk_buff | null {
  if (skb !== null && after(TCP_SKB_CB(skb).seq, skip_to_seq)) return skb;
  return tcp_sacktag_bsearch(sk, skip_to_seq);
}

/** On the way to skip_to_seq a D-SACK must not be missed. */
function tcp_maybe_skipping_dsack(
  skb: sk_buff | null,
  sk: sock,
  next_dup: tcp_sack_block | null,
  state: tcp_sacktag_state,
  skip_to_seq: number,
): sk_buff | null {
  if (next_dup === null || !before(next_dup.start_seq, skip_to_seq)) return skb;
  skb = tcp_sacktag_skip(skb, sk, next_dup.start_seq);
  return tcp_sacktag_walk(
    skb,
    sk,
    null,
    state,
    next_dup.start_seq,
    next_dup.end_seq,
    true,
  );
}

function tcp_sack_cache_ok(cache: number): boolean {
  return cache < TCP_NUM_SACKS;
}

const sacktag_wire = [
  new tcp_sack_block(),
  new tcp_sack_block(),
  new tcp_sack_block(),
  new tcp_sack_block(),
];
const sacktag_sp = [
  new tcp_sack_block(),
  new tcp_sack_block(),
  new tcp_sack_block(),
  new tcp_sack_block(),
];

/** Exchanges the values of two blocks. @local */
function sack_block_swap(a: tcp_sack_block, b: tcp_sack_block): void {
  const start_seq = a.start_seq;
  const end_seq = a.end_seq;
  a.start_seq = b.start_seq;
  a.end_seq = b.end_seq;
  b.start_seq = start_seq;
  b.end_seq = end_seq;
}

/** Reads the blocks of a segment's SACK option into sacktag_wire; how many. @local */
function sacktag_read_blocks(ack_skb: sk_buff): number {
  const th = tcp_hdr(ack_skb);
  const ptr = th.off + TCP_SKB_CB(ack_skb).sacked;
  const n = Math.min(TCP_NUM_SACKS, (th.dv.getUint8(ptr + 1) - TCPOLEN_SACK_BASE) >> 3);
  for (let i = 0; i < n; i++) {
    const off = ptr + TCPOLEN_SACK_BASE + i * TCPOLEN_SACK_PERBLOCK;
    sacktag_wire[i].start_seq = th.dv.getInt32(off);
    sacktag_wire[i].end_seq = th.dv.getInt32(off + 4);
  }
  return n;
}

/** Tags the retransmit queue by an ACK's SACK blocks; FLAG_*. */
function tcp_sacktag_write_queue(
  sk: sock,
  ack_skb: sk_buff,
  prior_snd_una: number,
  state: tcp_sacktag_state,
): number {
  const tp = tcp_sk(sk);
  const sp = sacktag_sp;
  state.flag = 0;
  state.reord = tp.snd_nxt;
  if (tp.sacked_out === 0) tcp_highest_sack_reset(sk);
  const num_sacks = sacktag_read_blocks(ack_skb);
  const found_dup_sack = tcp_check_dsack(
    sk,
    ack_skb,
    sacktag_wire,
    num_sacks,
    prior_snd_una,
    state,
  );

  // An ACK that is too old tells nothing; one that is a little old may.
  if (before(TCP_SKB_CB(ack_skb).ack_seq, (prior_snd_una - tp.max_window) | 0)) return 0;
  if (tp.packets_out === 0) return state.flag;

  let used_sacks = 0;
  let first_sack_index = 0;
  for (let i = 0; i < num_sacks; i++) {
    const dup_sack = i === 0 && found_dup_sack;
    const start_seq = sacktag_wire[i].start_seq;
    const end_seq = sacktag_wire[i].end_seq;
    if (!tcp_is_sackblock_valid(tp, dup_sack, start_seq, end_seq)) {
      let mib_idx = LINUX_MIB_TCPSACKDISCARD;
      if (dup_sack) {
        mib_idx = tp.undo_marker === 0
          ? LINUX_MIB_TCPDSACKIGNOREDNOUNDO
          : LINUX_MIB_TCPDSACKIGNOREDOLD;
      } else if (TCP_SKB_CB(ack_skb).ack_seq !== tp.snd_una && !after(end_seq, tp.snd_una)) {
        // ACKs were reordered, no more.
        continue;
      }
      NET_INC_STATS(sk.skc_net, mib_idx);
      if (i === 0) first_sack_index = -1;
      continue;
    }
    if (!after(end_seq, prior_snd_una)) {
      if (i === 0) first_sack_index = -1;
      continue;
    }
    sp[used_sacks].start_seq = start_seq;
    sp[used_sacks].end_seq = end_seq;
    used_sacks++;
  }

  // In order of sequence, so that one walk over the queue meets them all.
  for (let i = used_sacks - 1; i > 0; i--) {
    for (let j = 0; j < i; j++) {
      if (after(sp[j].start_seq, sp[j + 1].start_seq)) {
        sack_block_swap(sp[j], sp[j + 1]);
        if (j === first_sack_index) first_sack_index = j + 1;
      }
    }
  }

  state.mss_now = tcp_current_mss(sk);
  let skb: sk_buff | null = null;
  // What the last ACK told need not be walked again.
  const recv_sack_cache = tp.recv_sack_cache;
  let cache = TCP_NUM_SACKS;
  if (tp.sacked_out !== 0) {
    cache = 0;
    while (
      tcp_sack_cache_ok(cache) && recv_sack_cache[cache].start_seq === 0 &&
      recv_sack_cache[cache].end_seq === 0
    ) cache++;
  }

  let i = 0;
  while (i < used_sacks) {
    const start_seq = sp[i].start_seq;
    const end_seq = sp[i].end_seq;
    const dup_sack = found_dup_sack && i === first_sack_index;
    const next_dup = found_dup_sack && i + 1 === first_sack_index ? sp[i + 1] : null;
    while (tcp_sack_cache_ok(cache) && !before(start_seq, recv_sack_cache[cache].end_seq)) cache++;

    walk: {
      if (
        tcp_sack_cache_ok(cache) && !dup_sack && after(end_seq, recv_sack_cache[cache].start_seq)
      ) {
        const c = recv_sack_cache[cache];
        if (before(start_seq, c.start_seq)) {
          skb = tcp_sacktag_skip(skb, sk, start_seq);
          skb = tcp_sacktag_walk(skb, sk, next_dup, state, start_seq, c.start_seq, dup_sack);
        }
        if (!after(end_seq, c.end_seq)) {
          i++;
          continue;
        }
        skb = tcp_maybe_skipping_dsack(skb, sk, next_dup, state, c.end_seq);
        if (tcp_highest_sack_seq(tp) === c.end_seq) {
          skb = tcp_highest_sack(sk);
          if (skb === null) break;
          cache++;
          break walk;
        }
        skb = tcp_sacktag_skip(skb, sk, c.end_seq);
        cache++;
        continue;
      }
      if (!before(start_seq, tcp_highest_sack_seq(tp))) {
        skb = tcp_highest_sack(sk);
        if (skb === null) break;
      }
      skb = tcp_sacktag_skip(skb, sk, start_seq);
    }
    skb = tcp_sacktag_walk(skb, sk, next_dup, state, start_seq, end_seq, dup_sack);
    i++;
  }

  const unused = TCP_NUM_SACKS - used_sacks;
  for (let j = 0; j < TCP_NUM_SACKS; j++) {
    const c = recv_sack_cache[j];
    c.start_seq = j < unused ? 0 : sp[j - unused].start_seq;
    c.end_seq = j < unused ? 0 : sp[j - unused].end_seq;
  }
  if (tp.icsk_ca_state !== TCP_CA_Loss || tp.undo_marker !== 0) {
    tcp_check_sack_reordering(sk, state.reord, false);
  }
  return state.flag;
}

// ---- Duplicate ACKs where there is no SACK (RFC 6582) ----

/** Keeps sacked_out + lost_out within packets_out; false if it was. */
function tcp_limit_reno_sacked(tp: tcp_sock): boolean {
  const holes = Math.min(Math.max(tp.lost_out, 1), tp.packets_out);
  if (tp.sacked_out + holes > tp.packets_out) {
    tp.sacked_out = tp.packets_out - holes;
    return true;
  }
  return false;
}

/** More duplicate ACKs than packets can have caused them: reordering. */
function tcp_check_reno_reordering(sk: sock, addend: number): void {
  const tp = tcp_sk(sk);
  if (!tcp_limit_reno_sacked(tp)) return;
  tp.reordering = Math.min(tp.packets_out + addend, sk.skc_net.ipv4.sysctl_tcp_max_reordering);
  tp.reord_seen++;
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPRENOREORDER);
}

/** A duplicate ACK: one more packet has arrived, which one is unknown. */
function tcp_add_reno_sack(sk: sock, num_dupack: number, ece_ack: boolean): void {
  if (num_dupack === 0) return;
  const tp = tcp_sk(sk);
  const prior_sacked = tp.sacked_out;
  tp.sacked_out += num_dupack;
  tcp_check_reno_reordering(sk, 0);
  const delivered = tp.sacked_out - prior_sacked;
  if (delivered > 0) tcp_count_delivered(tp, delivered, ece_ack);
}

/** An ACK of `acked` packets: one was the hole, the others are among the duplicates counted. */
function tcp_remove_reno_sacks(sk: sock, acked: number, ece_ack: boolean): void {
  const tp = tcp_sk(sk);
  if (acked > 0) {
    tcp_count_delivered(tp, Math.max(acked - tp.sacked_out, 1), ece_ack);
    tp.sacked_out = acked - 1 >= tp.sacked_out ? 0 : tp.sacked_out - (acked - 1);
  }
  tcp_check_reno_reordering(sk, acked);
}

function tcp_reset_reno_sack(tp: tcp_sock): void {
  tp.sacked_out = 0;
}

/** Forgets retransmissions and losses. */
export function tcp_clear_retrans(tp: tcp_sock): void {
  tp.retrans_out = 0;
  tp.lost_out = 0;
  tp.undo_marker = 0;
  tp.undo_retrans = -1;
  tp.sacked_out = 0;
}

/** From here on it is watched whether the retransmissions were needless. */
function tcp_init_undo(tp: tcp_sock): void {
  tp.undo_marker = tp.snd_una;
  tp.undo_retrans = tp.retrans_out;
  if (tp.tlp_high_seq !== 0 && tp.tlp_retrans) tp.undo_retrans++;
  // 0 would mean that all were proven needless.
  if (tp.undo_retrans === 0) tp.undo_retrans = -1;
}

function tcp_is_rack(sk: sock): boolean {
  return (sk.skc_net.ipv4.sysctl_tcp_recovery & TCP_RACK_LOSS_DETECTION) !== 0;
}

// ---- Loss and recovery ----

/** The RTO has expired: everything is lost, but for what RACK knows to be too young. */
function tcp_timeout_mark_lost(sk: sock): void {
  const tp = tcp_sk(sk);
  const head = tcp_rtx_queue_head(sk);
  const is_reneg = head !== null && (TCP_SKB_CB(head).sacked & TCPCB_SACKED_ACKED) !== 0;
  if (is_reneg) {
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPSACKRENEGING);
    tp.sacked_out = 0;
    tp.is_sack_reneg = true;
  } else if (tcp_is_reno(tp)) {
    tcp_reset_reno_sack(tp);
  }
  for (let skb = head; skb !== null; skb = skb_rb_next(skb)) {
    if (is_reneg) TCP_SKB_CB(skb).sacked &= ~TCPCB_SACKED_ACKED;
    else if (tcp_is_rack(sk) && skb !== head && tcp_rack_skb_timeout(tp, skb, 0) > 0) continue;
    tcp_mark_skb_lost(sk, skb);
  }
  tcp_clear_all_retrans_hints(tp);
}

/** Enters the Loss state: the RTO has expired. @rfc 5681 3.1, 5682 */
export function tcp_enter_loss(sk: sock): void {
  const tp = tcp_sk(sk);
  const ipv4 = sk.skc_net.ipv4;
  const new_recovery = tp.icsk_ca_state < TCP_CA_Recovery;
  tcp_timeout_mark_lost(sk);

  // Once per window.
  if (
    tp.icsk_ca_state <= TCP_CA_Disorder || !after(tp.high_seq, tp.snd_una) ||
    (tp.icsk_ca_state === TCP_CA_Loss && tp.icsk_retransmits === 0)
  ) {
    tp.prior_ssthresh = tcp_current_ssthresh(sk);
    tp.prior_cwnd = tcp_snd_cwnd(tp);
    tp.snd_ssthresh = tp.icsk_ca_ops.ssthresh(sk);
    tcp_ca_event(sk, CA_EVENT_LOSS);
    tcp_init_undo(tp);
  }
  tcp_snd_cwnd_set(tp, tcp_packets_in_flight(tp) + 1);
  tp.snd_cwnd_cnt = 0;
  tp.snd_cwnd_stamp = tcp_jiffies32();

  // So many duplicates and yet a timeout: the reordering metric is too high.
  if (tp.icsk_ca_state <= TCP_CA_Disorder && tp.sacked_out >= ipv4.sysctl_tcp_reordering) {
    tp.reordering = Math.min(tp.reordering, ipv4.sysctl_tcp_reordering);
  }
  tcp_set_ca_state(sk, TCP_CA_Loss);
  tp.high_seq = tp.snd_nxt;
  tp.tlp_high_seq = 0;
  tcp_ecn_queue_cwr(tp);
  tp.frto = ipv4.sysctl_tcp_frto !== 0 && (new_recovery || tp.icsk_retransmits !== 0) &&
    tp.icsk_mtup.probe_size === 0;
}

/** A SACKed packet is still not acknowledged: gives the receiver some time before its SACKs are forgotten. */
function tcp_check_sack_reneging(sk: sock, c: ack_context): boolean {
  if ((c.flag & FLAG_SACK_RENEGING) === 0 || (c.flag & FLAG_SND_UNA_ADVANCED) === 0) return false;
  const tp = tcp_sk(sk);
  const delay = Math.max(usecs_to_jiffies(Math.floor(tp.srtt_us / 16)), msecs_to_jiffies(10));
  inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, delay, tcp_rto_max(sk));
  c.flag &= ~FLAG_SET_XMIT_TIMER;
  return true;
}

function tcp_dupack_heuristics(tp: tcp_sock): number {
  return tp.sacked_out + 1;
}

/** Loss is proven, or the duplicates are more than reordering explains. */
function tcp_time_to_recover(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (tp.lost_out !== 0) return true;
  return !tcp_is_rack(sk) && tcp_dupack_heuristics(tp) > tp.reordering;
}

/** Marks lost what has more than `packets` SACKed packets above it, or the head alone. @rfc 6675 */
function tcp_mark_head_lost(sk: sock, packets: number, mark_head: boolean): void {
  const tp = tcp_sk(sk);
  const loss_high = tp.snd_nxt;
  let skb = tp.lost_skb_hint;
  let cnt = 0;
  if (skb !== null) {
    if (mark_head && after(TCP_SKB_CB(skb).seq, tp.snd_una)) return;
    cnt = tp.lost_cnt_hint;
  } else {
    skb = tcp_rtx_queue_head(sk);
  }
  for (; skb !== null; skb = skb_rb_next(skb)) {
    const cb = TCP_SKB_CB(skb);
    tp.lost_skb_hint = skb;
    tp.lost_cnt_hint = cnt;
    if (after(cb.end_seq, loss_high)) break;
    if ((cb.sacked & TCPCB_SACKED_ACKED) !== 0) cnt += tcp_skb_pcount(skb);
    if (cnt > packets) break;
    if ((cb.sacked & TCPCB_LOST) === 0) tcp_mark_skb_lost(sk, skb);
    if (mark_head) break;
  }
}

function tcp_update_scoreboard(sk: sock, fast_rexmit: boolean): void {
  const tp = tcp_sk(sk);
  if (!tcp_is_sack(tp)) return;
  const sacked_upto = tp.sacked_out - tp.reordering;
  if (sacked_upto >= 0) tcp_mark_head_lost(sk, sacked_upto, false);
  else if (fast_rexmit) tcp_mark_head_lost(sk, 1, true);
}

/** The peer echoes a timestamp from before `when` (ms). @rfc 3522 */
function tcp_tsopt_ecr_before(tp: tcp_sock, when: number): boolean {
  return tp.rx_opt.saw_tstamp && tp.rx_opt.rcv_tsecr !== 0 && before(tp.rx_opt.rcv_tsecr, when);
}

function tcp_skb_spurious_retrans(tp: tcp_sock, skb: sk_buff): boolean {
  return (TCP_SKB_CB(skb).sacked & TCPCB_RETRANS) !== 0 &&
    tcp_tsopt_ecr_before(tp, tcp_skb_timestamp(skb));
}

/** The ACK is of an original packet: it was late, not lost. */
function tcp_packet_delayed(tp: tcp_sock): boolean {
  if (tp.retrans_stamp !== 0) return tcp_tsopt_ecr_before(tp, tp.retrans_stamp);
  // No retransmission went out yet; but two places clear retrans_stamp after one did.
  if (!tcp_is_sack(tp) && !before(tp.snd_una, tp.high_seq)) return false;
  return tp.skc_state !== TCP_SYN_SENT;
}

function tcp_any_retrans_done(sk: sock): boolean {
  if (tcp_sk(sk).retrans_out !== 0) return true;
  const skb = tcp_rtx_queue_head(sk);
  return skb !== null && (TCP_SKB_CB(skb).sacked & TCPCB_EVER_RETRANS) !== 0;
}

/** Retransmissions are all over: the next recovery counts its time anew. */
function tcp_retrans_stamp_cleanup(sk: sock): void {
  if (!tcp_any_retrans_done(sk)) tcp_sk(sk).retrans_stamp = 0;
}

/** Takes the reduction of the window back. */
function tcp_undo_cwnd_reduction(sk: sock, unmark_loss: boolean): void {
  const tp = tcp_sk(sk);
  if (unmark_loss) {
    for (let skb = tcp_rtx_queue_head(sk); skb !== null; skb = skb_rb_next(skb)) {
      TCP_SKB_CB(skb).sacked &= ~TCPCB_LOST;
    }
    tp.lost_out = 0;
    tcp_clear_all_retrans_hints(tp);
  }
  if (tp.prior_ssthresh !== 0) {
    tcp_snd_cwnd_set(tp, tp.icsk_ca_ops.undo_cwnd(sk));
    if (tp.prior_ssthresh > tp.snd_ssthresh) {
      tp.snd_ssthresh = tp.prior_ssthresh;
      tcp_ecn_withdraw_cwr(tp);
    }
  }
  tp.snd_cwnd_stamp = tcp_jiffies32();
  tp.undo_marker = 0;
  tp.rack.advanced = true;
}

function tcp_may_undo(tp: tcp_sock): boolean {
  return tp.undo_marker !== 0 && (tp.undo_retrans === 0 || tcp_packet_delayed(tp));
}

/** Without SACK the state is held until something above high_seq is acknowledged. @rfc 6582 4.1 */
function tcp_is_non_sack_preventing_reopen(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (tp.snd_una !== tp.high_seq || !tcp_is_reno(tp)) return false;
  tcp_retrans_stamp_cleanup(sk);
  return true;
}

/** Recovery is complete: undoes it if it was needless. */
function tcp_try_undo_recovery(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (tcp_may_undo(tp)) {
    const mib_idx = tp.icsk_ca_state === TCP_CA_Loss
      ? LINUX_MIB_TCPLOSSUNDO
      : LINUX_MIB_TCPFULLUNDO;
    tcp_undo_cwnd_reduction(sk, false);
    NET_INC_STATS(sk.skc_net, mib_idx);
  } else if (tp.rack.reo_wnd_persist !== 0) {
    tp.rack.reo_wnd_persist--;
  }
  if (tcp_is_non_sack_preventing_reopen(sk)) return true;
  tcp_set_ca_state(sk, TCP_CA_Open);
  tp.is_sack_reneg = false;
  return false;
}

/** Every retransmission was reported as a duplicate: undoes the reduction. */
function tcp_try_undo_dsack(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (tp.undo_marker === 0 || tp.undo_retrans !== 0) return false;
  tp.rack.reo_wnd_persist = Math.min(TCP_RACK_RECOVERY_THRESH, tp.rack.reo_wnd_persist + 1);
  tcp_undo_cwnd_reduction(sk, false);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPDSACKUNDO);
  return true;
}

/** In the Loss state an original was acknowledged, or F-RTO found the timeout spurious. */
function tcp_try_undo_loss(sk: sock, frto_undo: boolean): boolean {
  const tp = tcp_sk(sk);
  if (!frto_undo && !tcp_may_undo(tp)) return false;
  tcp_undo_cwnd_reduction(sk, true);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPLOSSUNDO);
  if (frto_undo) NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPSPURIOUSRTOS);
  tp.icsk_retransmits = 0;
  if (tcp_is_non_sack_preventing_reopen(sk)) return true;
  if (frto_undo || tcp_is_sack(tp)) {
    tcp_set_ca_state(sk, TCP_CA_Open);
    tp.is_sack_reneg = false;
  }
  return true;
}

function tcp_init_cwnd_reduction(sk: sock): void {
  const tp = tcp_sk(sk);
  tp.high_seq = tp.snd_nxt;
  tp.tlp_high_seq = 0;
  tp.snd_cwnd_cnt = 0;
  tp.prior_cwnd = tcp_snd_cwnd(tp);
  tp.prr_delivered = 0;
  tp.prr_out = 0;
  tp.snd_ssthresh = tp.icsk_ca_ops.ssthresh(sk);
  tcp_ecn_queue_cwr(tp);
}

/** Proportional rate reduction: the window of this ACK. @rfc 6937 */
export function tcp_cwnd_reduction(
  sk: sock,
  newly_acked_sacked: number,
  newly_lost: number,
  flag: number,
): void {
  const tp = tcp_sk(sk);
  if (newly_acked_sacked <= 0 || tp.prior_cwnd === 0) return;
  const delta = tp.snd_ssthresh - tcp_packets_in_flight(tp);
  let sndcnt: number;
  tp.prr_delivered += newly_acked_sacked;
  if (delta < 0) {
    const dividend = tp.snd_ssthresh * tp.prr_delivered + tp.prior_cwnd - 1;
    sndcnt = Math.floor(dividend / tp.prior_cwnd) - tp.prr_out;
  } else {
    sndcnt = Math.max(tp.prr_delivered - tp.prr_out, newly_acked_sacked);
    if ((flag & FLAG_SND_UNA_ADVANCED) !== 0 && newly_lost === 0) sndcnt++;
    sndcnt = Math.min(delta, sndcnt);
  }
  // The first retransmission goes out whatever the count.
  sndcnt = Math.max(sndcnt, tp.prr_out !== 0 ? 0 : 1);
  tcp_snd_cwnd_set(tp, tcp_packets_in_flight(tp) + sndcnt);
}

function tcp_end_cwnd_reduction(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.icsk_ca_ops.cong_control !== undefined) return;
  if (
    tp.snd_ssthresh < TCP_INFINITE_SSTHRESH &&
    (tp.icsk_ca_state === TCP_CA_CWR || tp.undo_marker !== 0)
  ) {
    tcp_snd_cwnd_set(tp, tp.snd_ssthresh);
    tp.snd_cwnd_stamp = tcp_jiffies32();
  }
  tcp_ca_event(sk, CA_EVENT_COMPLETE_CWR);
}

/** Enters CWR: congestion that is proven, not to be undone (ECN, local congestion). */
export function tcp_enter_cwr(sk: sock): void {
  const tp = tcp_sk(sk);
  tp.prior_ssthresh = 0;
  if (tp.icsk_ca_state < TCP_CA_CWR) {
    tp.undo_marker = 0;
    tcp_init_cwnd_reduction(sk);
    tcp_set_ca_state(sk, TCP_CA_CWR);
  }
}

function tcp_try_keep_open(sk: sock): void {
  const tp = tcp_sk(sk);
  const state = tcp_left_out(tp) !== 0 || tcp_any_retrans_done(sk) ? TCP_CA_Disorder : TCP_CA_Open;
  if (tp.icsk_ca_state !== state) {
    tcp_set_ca_state(sk, state);
    tp.high_seq = tp.snd_nxt;
  }
}

function tcp_try_to_open(sk: sock, flag: number): void {
  tcp_retrans_stamp_cleanup(sk);
  if ((flag & FLAG_ECE) !== 0) tcp_enter_cwr(sk);
  if (tcp_sk(sk).icsk_ca_state !== TCP_CA_CWR) tcp_try_keep_open(sk);
}

function tcp_mtup_probe_failed(sk: sock): void {
  const mtup = inet_csk(sk).icsk_mtup;
  mtup.search_high = mtup.probe_size - 1;
  mtup.probe_size = 0;
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPMTUPFAIL);
}

function tcp_mtup_probe_success(sk: sock): void {
  const tp = tcp_sk(sk);
  const mtup = tp.icsk_mtup;
  // The window counts packets, which are larger from now on.
  tp.prior_ssthresh = tcp_current_ssthresh(sk);
  const bytes = tcp_snd_cwnd(tp) * tcp_mss_to_mtu(sk, tp.mss_cache);
  tcp_snd_cwnd_set(tp, Math.max(1, Math.floor(bytes / mtup.probe_size)));
  tp.snd_cwnd_cnt = 0;
  tp.snd_cwnd_stamp = tcp_jiffies32();
  tp.snd_ssthresh = tcp_current_ssthresh(sk);
  mtup.search_low = mtup.probe_size;
  mtup.probe_size = 0;
  tcp_sync_mss(sk, tp.icsk_pmtu_cookie);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPMTUPSUCCESS);
}

/** Retransmits what was lost by no congestion, without reducing the window. */
function tcp_non_congestion_loss_retransmit(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.icsk_ca_state !== TCP_CA_Loss) {
    tp.high_seq = tp.snd_nxt;
    tp.snd_ssthresh = tcp_current_ssthresh(sk);
    tp.prior_ssthresh = 0;
    tp.undo_marker = 0;
    tcp_set_ca_state(sk, TCP_CA_Loss);
  }
  tcp_xmit_retransmit_queue(sk);
}

/** The path MTU shrank: what is larger than a segment now is lost. */
export function tcp_simple_retransmit(sk: sock): void {
  const tp = tcp_sk(sk);
  // A Fast Open SYN is two skbs of which neither is too large, but together they were.
  const mss = tp.syn_data && sk.skc_state === TCP_SYN_SENT ? -1 : tcp_current_mss(sk);
  for (let skb = tcp_rtx_queue_head(sk); skb !== null; skb = skb_rb_next(skb)) {
    if (tcp_skb_seglen(skb) > mss) tcp_mark_skb_lost(sk, skb);
  }
  tcp_clear_retrans_hints_partial(tp);
  if (tp.lost_out === 0) return;
  if (tcp_is_reno(tp)) tcp_limit_reno_sacked(tp);
  tcp_non_congestion_loss_retransmit(sk);
}

/** Enters fast recovery. @rfc 6675 5, 6582 3.2 */
export function tcp_enter_recovery(sk: sock, ece_ack: boolean): void {
  const tp = tcp_sk(sk);
  tcp_retrans_stamp_cleanup(sk);
  NET_INC_STATS(
    sk.skc_net,
    tcp_is_reno(tp) ? LINUX_MIB_TCPRENORECOVERY : LINUX_MIB_TCPSACKRECOVERY,
  );
  tp.prior_ssthresh = 0;
  tcp_init_undo(tp);
  if (!tcp_in_cwnd_reduction(sk)) {
    if (!ece_ack) tp.prior_ssthresh = tcp_current_ssthresh(sk);
    tcp_init_cwnd_reduction(sk);
  }
  tcp_set_ca_state(sk, TCP_CA_Recovery);
}

/** A recovery from the RTO is over. */
function tcp_update_rto_time(tp: tcp_sock): void {
  if (tp.rto_stamp === 0) return;
  tp.total_rto_time += (tcp_time_stamp_ms(tp) - tp.rto_stamp) | 0;
  tp.rto_stamp = 0;
}

/** An ACK in the Loss state: F-RTO, undo, or on with the retransmissions. @rfc 5682 2.1 */
function tcp_process_loss(sk: sock, flag: number, num_dupack: number, c: ack_context): void {
  const tp = tcp_sk(sk);
  const recovered = !before(tp.snd_una, tp.high_seq);
  if (
    ((flag & FLAG_SND_UNA_ADVANCED) !== 0 || tp.fastopen_rsk !== null) &&
    tcp_try_undo_loss(sk, false)
  ) return;

  if (tp.frto) {
    // Data that was never retransmitted got through: the timeout was spurious.
    if ((flag & FLAG_ORIG_SACK_ACKED) !== 0 && tcp_try_undo_loss(sk, true)) return;
    if (after(tp.snd_nxt, tp.high_seq)) {
      if ((flag & FLAG_DATA_SACKED) !== 0 || num_dupack !== 0) tp.frto = false;
    } else if ((flag & FLAG_SND_UNA_ADVANCED) !== 0 && !recovered) {
      tp.high_seq = tp.snd_nxt;
      if (!tcp_write_queue_empty(sk) && after(tcp_wnd_end(tp), tp.snd_nxt)) {
        c.rexmit = REXMIT_NEW;
        return;
      }
      tp.frto = false;
    }
  }
  if (recovered) {
    tcp_try_undo_recovery(sk);
    return;
  }
  if (tcp_is_reno(tp)) {
    if (after(tp.snd_nxt, tp.high_seq) && num_dupack !== 0) {
      tcp_add_reno_sack(sk, num_dupack, (flag & FLAG_ECE) !== 0);
    } else if ((flag & FLAG_SND_UNA_ADVANCED) !== 0) {
      tcp_reset_reno_sack(tp);
    }
  }
  c.rexmit = REXMIT_LOST;
}

function tcp_force_fast_retransmit(sk: sock): boolean {
  const tp = tcp_sk(sk);
  return after(tcp_highest_sack_seq(tp), (tp.snd_una + tp.reordering * tp.mss_cache) | 0);
}

/** A partial ACK in recovery that a late original caused: true to leave everything as it is for now. */
function tcp_try_undo_partial(sk: sock, prior_snd_una: number): boolean {
  const tp = tcp_sk(sk);
  tcp_check_sack_reordering(sk, prior_snd_una, true);
  // Retransmissions are still out: what they will show is awaited.
  if (tp.retrans_out !== 0) return true;
  tcp_retrans_stamp_cleanup(sk);
  tcp_undo_cwnd_reduction(sk, true);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPPARTIALUNDO);
  tcp_try_keep_open(sk);
  return false;
}

function tcp_identify_packet_loss(sk: sock, c: ack_context): void {
  const tp = tcp_sk(sk);
  if (tcp_rtx_queue_empty(sk)) return;
  if (tcp_is_reno(tp)) {
    tcp_newreno_mark_lost(sk, (c.flag & FLAG_SND_UNA_ADVANCED) !== 0);
  } else if (tcp_is_rack(sk)) {
    const prior_retrans = tp.retrans_out;
    if (tcp_rack_mark_lost(sk)) c.flag &= ~FLAG_SET_XMIT_TIMER;
    if (prior_retrans > tp.retrans_out) c.flag |= FLAG_LOST_RETRANS;
  }
}

/**
 * The congestion state machine, run by every ACK that is not plain progress in the Open state:
 *
 *   Open      nothing is amiss
 *   Disorder  duplicates or SACKs were seen
 *   CWR       the window is being reduced for ECN or local congestion
 *   Recovery  the window is being reduced, lost packets are retransmitted
 *   Loss      the RTO expired
 *
 * It estimates what is lost and changes the state; what is sent then is up to tcp_xmit_recovery().
 */
function tcp_fastretrans_alert(
  sk: sock,
  prior_snd_una: number,
  num_dupack: number,
  c: ack_context,
): void {
  const tp = tcp_sk(sk);
  const flag = c.flag;
  const ece_ack = (flag & FLAG_ECE) !== 0;
  let fast_rexmit = false;
  let do_lost = num_dupack !== 0 ||
    ((flag & FLAG_DATA_SACKED) !== 0 && tcp_force_fast_retransmit(sk));

  if (tp.packets_out === 0 && tp.sacked_out !== 0) tp.sacked_out = 0;
  // ECN demands the reduction: it will not be undone.
  if (ece_ack) tp.prior_ssthresh = 0;
  if (tcp_check_sack_reneging(sk, c)) return;

  // Is the state over?
  if (tp.icsk_ca_state === TCP_CA_Open) {
    tp.retrans_stamp = 0;
  } else if (!before(tp.snd_una, tp.high_seq)) {
    if (tp.icsk_ca_state === TCP_CA_CWR) {
      // Something above high_seq must be acknowledged for the peer to have seen CWR.
      if (tp.snd_una !== tp.high_seq) {
        tcp_end_cwnd_reduction(sk);
        tcp_set_ca_state(sk, TCP_CA_Open);
      }
    } else if (tp.icsk_ca_state === TCP_CA_Recovery) {
      if (tcp_is_reno(tp)) tcp_reset_reno_sack(tp);
      if (tcp_try_undo_recovery(sk)) return;
      tcp_end_cwnd_reduction(sk);
    }
  }

  if (tp.icsk_ca_state === TCP_CA_Recovery) {
    if ((flag & FLAG_SND_UNA_ADVANCED) === 0) {
      if (tcp_is_reno(tp)) tcp_add_reno_sack(sk, num_dupack, ece_ack);
    } else if (tp.undo_marker !== 0 && tcp_packet_delayed(tp)) {
      if (tcp_try_undo_partial(sk, prior_snd_una)) return;
    } else {
      do_lost = tcp_force_fast_retransmit(sk);
    }
    if (tcp_try_undo_dsack(sk)) tcp_try_to_open(sk, flag);
    tcp_identify_packet_loss(sk, c);
    if ((tp.icsk_ca_state as number) !== TCP_CA_Recovery) {
      if (!tcp_time_to_recover(sk)) return;
      tcp_enter_recovery(sk, ece_ack);
    }
  } else {
    if (tp.icsk_ca_state === TCP_CA_Loss) {
      tcp_process_loss(sk, flag, num_dupack, c);
      if ((tp.icsk_ca_state as number) !== TCP_CA_Loss) tcp_update_rto_time(tp);
      tcp_identify_packet_loss(sk, c);
      if ((tp.icsk_ca_state as number) !== TCP_CA_Open && (c.flag & FLAG_LOST_RETRANS) === 0) {
        return;
      }
    }
    if (tcp_is_reno(tp)) {
      if ((flag & FLAG_SND_UNA_ADVANCED) !== 0) tcp_reset_reno_sack(tp);
      tcp_add_reno_sack(sk, num_dupack, ece_ack);
    }
    if (tp.icsk_ca_state <= TCP_CA_Disorder) tcp_try_undo_dsack(sk);
    tcp_identify_packet_loss(sk, c);
    if (!tcp_time_to_recover(sk)) {
      tcp_try_to_open(sk, flag);
      return;
    }
    if (
      tp.icsk_ca_state < TCP_CA_CWR && tp.icsk_mtup.probe_size !== 0 &&
      tp.snd_una === tp.mtu_probe_start
    ) {
      // The probe was too large: no congestion.
      tcp_mtup_probe_failed(sk);
      tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) + 1);
      tcp_simple_retransmit(sk);
      return;
    }
    tcp_enter_recovery(sk, ece_ack);
    fast_rexmit = true;
  }
  if (!tcp_is_rack(sk) && do_lost) tcp_update_scoreboard(sk, fast_rexmit);
  c.rexmit = REXMIT_LOST;
}

// ---- Acknowledgements ----

/** Smallest RTT of the last minutes, us. */
function tcp_update_rtt_min(sk: sock, rtt_us: number, flag: number): void {
  const tp = tcp_sk(sk);
  // A delayed ACK says nothing about the path.
  if ((flag & FLAG_ACK_MAYBE_DELAYED) !== 0 && rtt_us > tcp_min_rtt(tp)) return;
  const wlen = sk.skc_net.ipv4.sysctl_tcp_min_rtt_wlen * HZ;
  minmax_running_min(
    tp.rtt_min,
    wlen,
    tcp_jiffies32(),
    rtt_us !== 0 ? rtt_us : jiffies_to_usecs(1),
  );
}

/** Takes an RTT sample (us; -1 none) by the departure of what was acknowledged, or by timestamps; false for none. */
function tcp_ack_update_rtt(
  sk: sock,
  flag: number,
  seq_rtt_us: number,
  sack_rtt_us: number,
  ca_rtt_us: number,
  rs: rate_sample,
): boolean {
  const tp = tcp_sk(sk);
  if (seq_rtt_us < 0) seq_rtt_us = sack_rtt_us;
  // Of retransmitted data only a timestamp can tell which packet the ACK is for (Karn).
  if (
    seq_rtt_us < 0 && tp.rx_opt.saw_tstamp && tp.rx_opt.rcv_tsecr !== 0 &&
    (flag & FLAG_ACKED) !== 0
  ) {
    const rtt_us = tcp_rtt_tsopt_us(tp);
    if (rtt_us >= 0) {
      seq_rtt_us = rtt_us;
      ca_rtt_us = rtt_us;
    }
  }
  rs.rtt_us = ca_rtt_us;
  if (seq_rtt_us < 0) return false;
  tcp_update_rtt_min(sk, ca_rtt_us, flag);
  tcp_rtt_estimator(sk, seq_rtt_us);
  tcp_set_rto(sk);
  tp.icsk_backoff = 0;
  return true;
}

const synack_rate = new rate_sample();

/** The RTT of the handshake, where the SYN+ACK was sent once. */
export function tcp_synack_rtt_meas(sk: sock, req: request_sock | null): void {
  let rtt_us = -1;
  if (req !== null && req.num_retrans === 0 && tcp_rsk(req).snt_synack !== 0) {
    rtt_us = skb_mstamp_us_delta(tcp_clock_us(), tcp_rsk(req).snt_synack);
  }
  tcp_ack_update_rtt(sk, FLAG_SYN_ACKED, rtt_us, -1, rtt_us, synack_rate);
}

function tcp_cong_avoid(sk: sock, ack: number, acked: number): void {
  const tp = tcp_sk(sk);
  tp.icsk_ca_ops.cong_avoid!(sk, ack, acked);
  tp.snd_cwnd_stamp = tcp_jiffies32();
}

/** Restarts the retransmission timer after progress, or stops it. @rfc 6298 5.2, 5.3 */
export function tcp_rearm_rto(sk: sock): void {
  const tp = tcp_sk(sk);
  // The timer belongs to the SYN+ACK of a Fast Open child until that is acknowledged.
  if (tp.fastopen_rsk !== null) return;
  if (tp.packets_out === 0) {
    inet_csk_clear_xmit_timer(sk, ICSK_TIME_RETRANS);
    return;
  }
  let rto = tp.icsk_rto;
  if (tp.icsk_pending === ICSK_TIME_REO_TIMEOUT || tp.icsk_pending === ICSK_TIME_LOSS_PROBE) {
    // These two ran in its place: the RTO counts from when the packet left.
    rto = usecs_to_jiffies(Math.max(tcp_rto_delta_us(sk), 1));
  }
  tcp_reset_xmit_timer(sk, ICSK_TIME_RETRANS, rto, tcp_rto_max(sk));
}

/** A loss probe if one is due, else the RTO. */
function tcp_set_xmit_timer(sk: sock): void {
  if (!tcp_schedule_loss_probe(sk, true)) tcp_rearm_rto(sk);
}

/** Part of a TSO packet was acknowledged: trims it; how many of its segments those were. */
function tcp_tso_acked(sk: sock, skb: sk_buff): number {
  const tp = tcp_sk(sk);
  const before_pcount = tcp_skb_pcount(skb);
  if (tcp_trim_head(sk, skb, (tp.snd_una - TCP_SKB_CB(skb).seq) | 0) !== 0) return 0;
  return before_pcount - tcp_skb_pcount(skb);
}

function tcp_ack_tstamp(sk: sock, skb: sk_buff, ack_skb: sk_buff, prior_snd_una: number): void {
  if (!TCP_SKB_CB(skb).txstamp_ack) return;
  const tskey = skb.shinfo.tskey;
  if (!before(tskey, prior_snd_una) && before(tskey, tcp_sk(sk).snd_una)) {
    __skb_tstamp_tx(skb, ack_skb, null, sk, SCM_TSTAMP_ACK);
  }
}

const clean_sample = new ack_sample();

/** Frees what was acknowledged, and measures by it; FLAG_*. */
function tcp_clean_rtx_queue(
  sk: sock,
  ack_skb: sk_buff,
  prior_fack: number,
  prior_snd_una: number,
  sack: tcp_sacktag_state,
  ece_ack: boolean,
): number {
  const tp = tcp_sk(sk);
  const prior_sacked = tp.sacked_out;
  let reord = tp.snd_nxt;
  let first_ackt = 0;
  let last_ackt = 0;
  let fully_acked = true;
  let pkts_acked = 0;
  let flag = 0;

  let skb = tcp_rtx_queue_head(sk);
  while (skb !== null) {
    const scb = TCP_SKB_CB(skb);
    const start_seq = scb.seq;
    const sacked = scb.sacked;
    let acked_pcount: number;
    if (after(scb.end_seq, tp.snd_una)) {
      if (tcp_skb_pcount(skb) === 1 || !after(tp.snd_una, scb.seq)) break;
      acked_pcount = tcp_tso_acked(sk, skb);
      if (acked_pcount === 0) break;
      fully_acked = false;
    } else {
      acked_pcount = tcp_skb_pcount(skb);
    }

    if ((sacked & TCPCB_RETRANS) !== 0) {
      if ((sacked & TCPCB_SACKED_RETRANS) !== 0) tp.retrans_out -= acked_pcount;
      flag |= FLAG_RETRANS_DATA_ACKED;
    } else if ((sacked & TCPCB_SACKED_ACKED) === 0) {
      last_ackt = tcp_skb_timestamp_us(skb);
      if (first_ackt === 0) first_ackt = last_ackt;
      if (before(start_seq, reord)) reord = start_seq;
      if (!after(scb.end_seq, tp.high_seq)) flag |= FLAG_ORIG_SACK_ACKED;
    }

    if ((sacked & TCPCB_SACKED_ACKED) !== 0) {
      tp.sacked_out -= acked_pcount;
    } else if (tcp_is_sack(tp)) {
      tcp_count_delivered(tp, acked_pcount, ece_ack);
      if (!tcp_skb_spurious_retrans(tp, skb)) {
        tcp_rack_advance(tp, sacked, scb.end_seq, tcp_skb_timestamp_us(skb));
      }
    }
    if ((sacked & TCPCB_LOST) !== 0) tp.lost_out -= acked_pcount;
    tp.packets_out -= acked_pcount;
    pkts_acked += acked_pcount;
    tcp_rate_skb_delivered(sk, skb, sack.rate);

    // A SYN is no data: its ACK must not count for slow start.
    if ((scb.tcp_flags & TCPHDR_SYN) === 0) {
      flag |= FLAG_DATA_ACKED;
    } else {
      flag |= FLAG_SYN_ACKED;
      tp.retrans_stamp = 0;
    }
    if (!fully_acked) break;

    tcp_ack_tstamp(sk, skb, ack_skb, prior_snd_una);
    const next = skb_rb_next(skb);
    if (skb === tp.retransmit_skb_hint) tp.retransmit_skb_hint = null;
    if (skb === tp.lost_skb_hint) tp.lost_skb_hint = null;
    tcp_highest_sack_replace(sk, skb, next);
    tcp_rtx_queue_unlink_and_free(skb, sk);
    skb = next;
  }

  if (skb === null) tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
  if (between(tp.snd_up, prior_snd_una, tp.snd_una)) tp.snd_up = tp.snd_una;
  if (skb !== null) {
    tcp_ack_tstamp(sk, skb, ack_skb, prior_snd_una);
    if ((TCP_SKB_CB(skb).sacked & TCPCB_SACKED_ACKED) !== 0) flag |= FLAG_SACK_RENEGING;
  }

  let seq_rtt_us = -1;
  let sack_rtt_us = -1;
  let ca_rtt_us = -1;
  if (first_ackt !== 0 && (flag & FLAG_RETRANS_DATA_ACKED) === 0) {
    seq_rtt_us = tcp_stamp_us_delta(tp.tcp_mstamp, first_ackt);
    ca_rtt_us = tcp_stamp_us_delta(tp.tcp_mstamp, last_ackt);
    // One small packet that was alone: its ACK was probably delayed.
    if (
      pkts_acked === 1 && fully_acked && prior_sacked === 0 &&
      ((tp.snd_una - prior_snd_una) | 0) < tp.mss_cache &&
      sack.rate.prior_delivered + 1 === tp.delivered &&
      (flag & (FLAG_CA_ALERT | FLAG_SYN_ACKED)) === 0
    ) flag |= FLAG_ACK_MAYBE_DELAYED;
  }
  if (sack.first_sackt !== 0) {
    sack_rtt_us = tcp_stamp_us_delta(tp.tcp_mstamp, sack.first_sackt);
    ca_rtt_us = tcp_stamp_us_delta(tp.tcp_mstamp, sack.last_sackt);
  }
  const rtt_update = tcp_ack_update_rtt(sk, flag, seq_rtt_us, sack_rtt_us, ca_rtt_us, sack.rate);

  if ((flag & FLAG_ACKED) !== 0) {
    // With nothing in flight the timer only has to stop; else tcp_ack() sets it once losses are known.
    if (tp.packets_out === 0) tcp_rearm_rto(sk);
    else flag |= FLAG_SET_XMIT_TIMER;
    if (tp.icsk_mtup.probe_size !== 0 && !after(tp.mtu_probe_end, tp.snd_una)) {
      tcp_mtup_probe_success(sk);
    }
    if (tcp_is_reno(tp)) {
      tcp_remove_reno_sacks(sk, pkts_acked, ece_ack);
      // Without SACK it is not known which of them the ACK is for.
      if ((flag & FLAG_RETRANS_DATA_ACKED) !== 0) flag &= ~FLAG_ORIG_SACK_ACKED;
    } else {
      if (before(reord, prior_fack)) tcp_check_sack_reordering(sk, reord, false);
      tp.lost_cnt_hint -= Math.min(tp.lost_cnt_hint, prior_sacked - tp.sacked_out);
    }
  } else if (
    skb !== null && rtt_update && sack_rtt_us >= 0 &&
    sack_rtt_us > tcp_stamp_us_delta(tp.tcp_mstamp, tcp_skb_timestamp_us(skb))
  ) {
    flag |= FLAG_SET_XMIT_TIMER;
  }

  const ca_ops = tp.icsk_ca_ops;
  if (ca_ops.pkts_acked !== undefined) {
    clean_sample.pkts_acked = pkts_acked;
    clean_sample.rtt_us = sack.rate.rtt_us;
    clean_sample.in_flight = tp.mss_cache * (tp.delivered - sack.rate.prior_delivered);
    ca_ops.pkts_acked(sk, clean_sample);
  }
  return flag;
}

/** An ACK while nothing is in flight: the window may have opened, or goes on being probed. */
function tcp_ack_probe(sk: sock): void {
  const tp = tcp_sk(sk);
  const head = tcp_send_head(sk);
  if (head === null) return;
  if (!after(TCP_SKB_CB(head).end_seq, tcp_wnd_end(tp))) {
    tp.icsk_backoff = 0;
    tp.icsk_probes_tstamp = 0;
    inet_csk_clear_xmit_timer(sk, ICSK_TIME_PROBE0);
    // tcp_data_snd_check() sends what waits.
  } else {
    let when = tcp_probe0_when(sk, tcp_rto_max(sk));
    when = tcp_clamp_probe0_to_user_timeout(sk, when);
    tcp_reset_xmit_timer(sk, ICSK_TIME_PROBE0, when, tcp_rto_max(sk));
  }
}

function tcp_ack_is_dubious(sk: sock, flag: number): boolean {
  return (flag & FLAG_NOT_DUP) === 0 || (flag & FLAG_CA_ALERT) !== 0 ||
    inet_csk(sk).icsk_ca_state !== TCP_CA_Open;
}

/** Where much reordering was seen, delivery in any order lets the window grow. */
function tcp_may_raise_cwnd(sk: sock, flag: number): boolean {
  const high = tcp_sk(sk).reordering > sk.skc_net.ipv4.sysctl_tcp_reordering;
  return (flag & (high ? FLAG_FORWARD_PROGRESS : FLAG_DATA_ACKED)) !== 0;
}

/** Sets window and pacing rate; all sending waits for it. */
function tcp_cong_control(
  sk: sock,
  ack: number,
  acked_sacked: number,
  flag: number,
  rs: rate_sample,
): void {
  const ca_ops = inet_csk(sk).icsk_ca_ops;
  if (ca_ops.cong_control !== undefined) {
    ca_ops.cong_control(sk, rs);
    return;
  }
  if (tcp_in_cwnd_reduction(sk)) tcp_cwnd_reduction(sk, acked_sacked, rs.losses, flag);
  else if (tcp_may_raise_cwnd(sk, flag)) tcp_cong_avoid(sk, ack, acked_sacked);
  tcp_update_pacing_rate(sk);
}

/** The segment is newer than the one that gave the window, or offers more, or closes it. @rfc 9293 3.10.7.4 */
function tcp_may_update_window(tp: tcp_sock, ack: number, ack_seq: number, nwin: number): boolean {
  return after(ack, tp.snd_una) || after(ack_seq, tp.snd_wl1) ||
    (ack_seq === tp.snd_wl1 && (nwin > tp.snd_wnd || nwin === 0));
}

function tcp_snd_una_update(tp: tcp_sock, ack: number): void {
  tp.bytes_acked += (ack - tp.snd_una) >>> 0;
  tp.snd_una = ack;
}

function tcp_rcv_nxt_update(tp: tcp_sock, seq: number): void {
  tp.bytes_received += (seq - tp.rcv_nxt) >>> 0;
  tp.rcv_nxt = seq;
}

/** Takes over the window that the peer offers; FLAG_WIN_UPDATE or 0. */
function tcp_ack_update_window(sk: sock, skb: sk_buff, ack: number, ack_seq: number): number {
  const tp = tcp_sk(sk);
  const th = tcp_hdr(skb);
  let flag = 0;
  let nwin = th.window;
  if (!th.syn) nwin <<= tp.rx_opt.snd_wscale;
  if (tcp_may_update_window(tp, ack, ack_seq, nwin)) {
    flag |= FLAG_WIN_UPDATE;
    tcp_update_wl(tp, ack_seq);
    if (tp.snd_wnd !== nwin) {
      tp.snd_wnd = nwin;
      // pred_flags holds the window.
      tp.pred_flags = 0;
      tcp_fast_path_check(sk);
      if (!tcp_write_queue_empty(sk)) tcp_slow_start_after_idle_check(sk);
      if (nwin > tp.max_window) {
        tp.max_window = nwin;
        tcp_sync_mss(sk, tp.icsk_pmtu_cookie);
      }
    }
  }
  tcp_snd_una_update(tp, ack);
  return flag;
}

/** When the last ACK for a segment out of the window was sent, jiffies; 0 never. @local */
export interface oow_ack_state {
  last_oow_ack_time: number;
}

function __tcp_oow_rate_limited(net: net, mib_idx: number, last: oow_ack_state): boolean {
  if (last.last_oow_ack_time !== 0) {
    const elapsed = (tcp_jiffies32() - last.last_oow_ack_time) | 0;
    if (elapsed >= 0 && elapsed < net.ipv4.sysctl_tcp_invalid_ratelimit) {
      NET_INC_STATS(net, mib_idx);
      return true;
    }
  }
  last.last_oow_ack_time = tcp_jiffies32();
  return false;
}

/**
 * True if no ACK may be sent now for a segment out of the window: two ends could go on for ever.
 * @differs `last` has the time as its field, where C has a pointer to it
 */
export function tcp_oow_rate_limited(
  net: net,
  skb: sk_buff,
  mib_idx: number,
  last: oow_ack_state,
): boolean {
  const cb = TCP_SKB_CB(skb);
  // Data is no part of such a loop.
  if (cb.seq !== cb.end_seq && !tcp_hdr(skb).syn) return false;
  return __tcp_oow_rate_limited(net, mib_idx, last);
}

/** Takes one challenge ACK of those that the namespace may send in this second. */
function tcp_challenge_ack_allowed(net: net): boolean {
  const ipv4 = net.ipv4;
  const ack_limit = ipv4.sysctl_tcp_challenge_ack_limit;
  if (ack_limit === 0x7fffffff) return true;
  const now = Math.floor((tcp_jiffies32() >>> 0) / HZ);
  if (now !== ipv4.tcp_challenge_timestamp) {
    ipv4.tcp_challenge_timestamp = now;
    ipv4.tcp_challenge_count = ((ack_limit + 1) >> 1) + get_random_u32_below(ack_limit);
  }
  if (ipv4.tcp_challenge_count <= 0) return false;
  ipv4.tcp_challenge_count--;
  return true;
}

/** Makes the peer prove a RST or SYN that may be forged. @rfc 5961 3.2, 4.2, 7 */
function tcp_send_challenge_ack(sk: sock): void {
  const net = sk.skc_net;
  if (__tcp_oow_rate_limited(net, LINUX_MIB_TCPACKSKIPPEDCHALLENGE, tcp_sk(sk))) return;
  if (tcp_challenge_ack_allowed(net)) {
    NET_INC_STATS(net, LINUX_MIB_TCPCHALLENGEACK);
    tcp_send_ack(sk);
  }
}

/** The same for a connection that is being opened. */
export function tcp_reqsk_send_challenge_ack(sk: sock, skb: sk_buff, req: request_sock): void {
  const net = sk.skc_net;
  if (__tcp_oow_rate_limited(net, LINUX_MIB_TCPACKSKIPPEDCHALLENGE, tcp_rsk(req))) return;
  if (tcp_challenge_ack_allowed(net)) {
    NET_INC_STATS(net, LINUX_MIB_TCPCHALLENGEACK);
    req.rsk_ops.send_ack(sk, skb, req);
  }
}

function tcp_store_ts_recent(tp: tcp_sock): void {
  tp.rx_opt.ts_recent = tp.rx_opt.rcv_tsval;
  tp.rx_opt.ts_recent_stamp = ktime_get_seconds();
}

/** Remembers the timestamp of a segment that spans the last ACK sent. @rfc 7323 4.3 */
function tcp_replace_ts_recent(tp: tcp_sock, seq: number): void {
  if (tp.rx_opt.saw_tstamp && !after(seq, tp.rcv_wup) && tcp_paws_check(tp.rx_opt, 0)) {
    tcp_store_ts_recent(tp);
  }
}

/** An ACK while a tail loss probe is out. @rfc 8985 7.4 */
function tcp_process_tlp_ack(sk: sock, ack: number, flag: number): void {
  const tp = tcp_sk(sk);
  if (before(ack, tp.tlp_high_seq)) return;
  if (!tp.tlp_retrans || (flag & FLAG_DSACK_TLP) !== 0) {
    // New data was acknowledged, or both original and probe arrived: no loss.
    tp.tlp_high_seq = 0;
  } else if (after(ack, tp.tlp_high_seq)) {
    // The probe repaired a loss that nothing else has shown.
    tcp_init_cwnd_reduction(sk);
    tcp_set_ca_state(sk, TCP_CA_CWR);
    tcp_end_cwnd_reduction(sk);
    tcp_try_keep_open(sk);
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPLOSSPROBERECOVERY);
  } else if ((flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED)) === 0) {
    tp.tlp_high_seq = 0;
  }
}

/** Tells congestion control of an ACK; CA_ACK_*. */
function tcp_in_ack_event(sk: sock, flags: number): void {
  const ca_ops = inet_csk(sk).icsk_ca_ops;
  if (ca_ops.in_ack_event !== undefined) ca_ops.in_ack_event(sk, flags);
}

/** Sends what recovery calls for, now that the window is set. */
function tcp_xmit_recovery(sk: sock, rexmit: number): void {
  const tp = tcp_sk(sk);
  if (rexmit === REXMIT_NONE || sk.skc_state === TCP_SYN_SENT) return;
  if (rexmit === REXMIT_NEW) {
    __tcp_push_pending_frames(sk, tcp_current_mss(sk), TCP_NAGLE_OFF);
    if (after(tp.snd_nxt, tp.high_seq)) return;
    tp.frto = false;
  }
  tcp_xmit_retransmit_queue(sk);
}

function tcp_newly_delivered(sk: sock, prior_delivered: number, flag: number): number {
  const net = sk.skc_net;
  const delivered = tcp_sk(sk).delivered - prior_delivered;
  NET_ADD_STATS(net, LINUX_MIB_TCPDELIVERED, delivered);
  if ((flag & FLAG_ECE) !== 0) NET_ADD_STATS(net, LINUX_MIB_TCPDELIVEREDCE, delivered);
  return delivered;
}

/**
 * Processes the ACK of a segment. 1 if it was used, 0 if it is old, -SKB_DROP_REASON_* if it can't be: far too old,
 * or of data never sent. @rfc 9293 3.10.7.4, 5961 5.2
 */
function tcp_ack(sk: sock, skb: sk_buff, flag: number): number {
  const tp = tcp_sk(sk);
  const prior_snd_una = tp.snd_una;
  const is_sack_reneg = tp.is_sack_reneg;
  const ack_seq = TCP_SKB_CB(skb).seq;
  const ack = TCP_SKB_CB(skb).ack_seq;
  const prior_packets = tp.packets_out;
  const prior_delivered = tp.delivered;
  const prior_lost = tp.lost;

  if (before(ack, prior_snd_una)) {
    const max_window = Math.min(tp.max_window, tp.bytes_acked);
    if (before(ack, (prior_snd_una - max_window) | 0)) {
      if ((flag & FLAG_NO_CHALLENGE_ACK) === 0) tcp_send_challenge_ack(sk);
      return -SKB_DROP_REASON_TCP_TOO_OLD_ACK;
    }
    tcp_old_ack(sk, skb, flag, prior_snd_una, prior_delivered);
    return 0;
  }
  if (after(ack, tp.snd_nxt)) {
    if ((flag & FLAG_NO_CHALLENGE_ACK) === 0) tcp_send_challenge_ack(sk);
    return -SKB_DROP_REASON_TCP_ACK_UNSENT_DATA;
  }

  if (after(ack, prior_snd_una)) {
    flag |= FLAG_SND_UNA_ADVANCED;
    tp.icsk_retransmits = 0;
  }
  const c = ack_context_get(flag);
  const rs = c.sack.rate;
  const prior_fack = tcp_is_sack(tp) ? tcp_highest_sack_seq(tp) : tp.snd_una;
  rs.prior_in_flight = tcp_packets_in_flight(tp);
  if ((flag & FLAG_UPDATE_TS_RECENT) !== 0) tcp_replace_ts_recent(tp, ack_seq);

  if ((flag & (FLAG_SLOWPATH | FLAG_SND_UNA_ADVANCED)) === FLAG_SND_UNA_ADVANCED) {
    // Header prediction has seen that the window is the same.
    tcp_update_wl(tp, ack_seq);
    tcp_snd_una_update(tp, ack);
    c.flag |= FLAG_WIN_UPDATE;
    tcp_in_ack_event(sk, CA_ACK_WIN_UPDATE);
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPHPACKS);
  } else {
    let ack_ev_flags = CA_ACK_SLOWPATH;
    if (ack_seq !== TCP_SKB_CB(skb).end_seq) c.flag |= FLAG_DATA;
    else NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPPUREACKS);
    c.flag |= tcp_ack_update_window(sk, skb, ack, ack_seq);
    if (TCP_SKB_CB(skb).sacked !== 0) {
      c.flag |= tcp_sacktag_write_queue(sk, skb, prior_snd_una, c.sack);
    }
    if (tcp_ecn_rcv_ecn_echo(tp, tcp_hdr(skb))) {
      c.flag |= FLAG_ECE;
      ack_ev_flags |= CA_ACK_ECE;
    }
    if (c.sack.sack_delivered !== 0) {
      tcp_count_delivered(tp, c.sack.sack_delivered, (c.flag & FLAG_ECE) !== 0);
    }
    if ((c.flag & FLAG_WIN_UPDATE) !== 0) ack_ev_flags |= CA_ACK_WIN_UPDATE;
    tcp_in_ack_event(sk, ack_ev_flags);
  }
  tcp_ecn_accept_cwr(sk, skb);

  sk.sk_err_soft = 0;
  tp.icsk_probes_out = 0;
  tp.rcv_tstamp = tcp_jiffies32();
  if (prior_packets === 0) {
    tcp_ack_no_queue(sk, ack, prior_snd_una, prior_delivered, c);
    ack_level--;
    return 1;
  }

  c.flag |= tcp_clean_rtx_queue(
    sk,
    skb,
    prior_fack,
    prior_snd_una,
    c.sack,
    (c.flag & FLAG_ECE) !== 0,
  );
  tcp_rack_update_reo_wnd(sk, rs);
  if (tp.tlp_high_seq !== 0) tcp_process_tlp_ack(sk, ack, c.flag);

  if (tcp_ack_is_dubious(sk, c.flag)) {
    let num_dupack = 0;
    if ((c.flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK)) === 0) {
      num_dupack = 1;
      // tcp_add_backlog() may have merged several.
      if ((c.flag & FLAG_DATA) === 0) num_dupack = Math.max(1, skb.shinfo.gso_segs);
    }
    tcp_fastretrans_alert(sk, prior_snd_una, num_dupack, c);
  }
  if ((c.flag & FLAG_SET_XMIT_TIMER) !== 0) tcp_set_xmit_timer(sk);
  if ((c.flag & FLAG_FORWARD_PROGRESS) !== 0 || (c.flag & FLAG_NOT_DUP) === 0) sk_dst_confirm(sk);

  const delivered = tcp_newly_delivered(sk, prior_delivered, c.flag);
  const lost = tp.lost - prior_lost;
  rs.is_ack_delayed = (c.flag & FLAG_ACK_MAYBE_DELAYED) !== 0;
  tcp_rate_gen(sk, delivered, lost, is_sack_reneg, rs);
  tcp_cong_control(sk, ack, delivered, c.flag, rs);
  tcp_xmit_recovery(sk, c.rexmit);
  ack_level--;
  return 1;
}

/** The end of tcp_ack() where nothing was in flight. @local */
function tcp_ack_no_queue(
  sk: sock,
  ack: number,
  prior_snd_una: number,
  prior_delivered: number,
  c: ack_context,
): void {
  if ((c.flag & FLAG_DSACKING_ACK) !== 0) {
    tcp_fastretrans_alert(sk, prior_snd_una, 0, c);
    tcp_newly_delivered(sk, prior_delivered, c.flag);
  }
  tcp_ack_probe(sk);
  if (tcp_sk(sk).tlp_high_seq !== 0) tcp_process_tlp_ack(sk, ack, c.flag);
}

/** tcp_ack() of an old ACK, whose SACK blocks may still tell something. @local */
function tcp_old_ack(
  sk: sock,
  skb: sk_buff,
  flag: number,
  prior_snd_una: number,
  prior_delivered: number,
): void {
  const tp = tcp_sk(sk);
  if ((flag & FLAG_UPDATE_TS_RECENT) !== 0) tcp_replace_ts_recent(tp, TCP_SKB_CB(skb).seq);
  if (TCP_SKB_CB(skb).sacked === 0) return;
  const c = ack_context_get(flag);
  c.flag |= tcp_sacktag_write_queue(sk, skb, prior_snd_una, c.sack);
  tcp_fastretrans_alert(sk, prior_snd_una, 0, c);
  tcp_newly_delivered(sk, prior_delivered, c.flag);
  tcp_xmit_recovery(sk, c.rexmit);
  ack_level--;
}

// ---- Options ----

function tcp_parse_fastopen_option(
  len: number,
  th: tcphdr,
  off: number,
  syn: boolean,
  foc: tcp_fastopen_cookie | null,
  exp_opt: boolean,
): void {
  if (foc === null || !syn || len < 0 || (len & 1) !== 0) return;
  if (len >= TCP_FASTOPEN_COOKIE_MIN && len <= TCP_FASTOPEN_COOKIE_MAX) {
    for (let i = 0; i < len; i++) foc.val[i] = th.dv.getUint8(off + i);
  } else if (len !== 0) {
    len = -1;
  }
  foc.len = len;
  foc.exp = exp_opt;
}

/** The MSS option of a SYN, bounded by what the program asked for; 0 where there is none. */
export function tcp_parse_mss_option(th: tcphdr, user_mss: number): number {
  let ptr = th.off + TCP_HLEN;
  let length = th.doff * 4 - TCP_HLEN;
  let mss = 0;
  while (length > 0) {
    const opcode = th.dv.getUint8(ptr++);
    if (opcode === TCPOPT_EOL) return mss;
    if (opcode === TCPOPT_NOP) {
      length--;
      continue;
    }
    if (length < 2) return mss;
    const opsize = th.dv.getUint8(ptr++);
    if (opsize < 2 || opsize > length) return mss;
    if (opcode === TCPOPT_MSS && opsize === TCPOLEN_MSS) {
      const in_mss = th.dv.getUint16(ptr);
      if (in_mss !== 0) mss = user_mss !== 0 && user_mss < in_mss ? user_mss : in_mss;
    }
    ptr += opsize - 2;
    length -= opsize;
  }
  return mss;
}

/** Reads the options of a segment into opt_rx; those of SYNs alone only if not `estab`. @rfc 9293 3.1, 7323, 2018 */
export function tcp_parse_options(
  net: net,
  skb: sk_buff,
  opt_rx: tcp_options_received,
  estab: boolean,
  foc: tcp_fastopen_cookie | null,
): void {
  const th = tcp_hdr(skb);
  const dv = th.dv;
  const syn = th.syn;
  let ptr = th.off + TCP_HLEN;
  let length = th.doff * 4 - TCP_HLEN;
  opt_rx.saw_tstamp = false;
  opt_rx.saw_unknown = false;
  while (length > 0) {
    const opcode = dv.getUint8(ptr++);
    if (opcode === TCPOPT_EOL) return;
    if (opcode === TCPOPT_NOP) {
      length--;
      continue;
    }
    if (length < 2) return;
    const opsize = dv.getUint8(ptr++);
    if (opsize < 2 || opsize > length) return;
    switch (opcode) {
      case TCPOPT_MSS:
        if (opsize === TCPOLEN_MSS && syn && !estab) {
          const in_mss = dv.getUint16(ptr);
          if (in_mss !== 0) {
            const user_mss = opt_rx.user_mss;
            opt_rx.mss_clamp = user_mss !== 0 && user_mss < in_mss ? user_mss : in_mss;
          }
        }
        break;
      case TCPOPT_WINDOW:
        if (
          opsize === TCPOLEN_WINDOW && syn && !estab && net.ipv4.sysctl_tcp_window_scaling !== 0
        ) {
          opt_rx.wscale_ok = true;
          opt_rx.snd_wscale = Math.min(dv.getUint8(ptr), TCP_MAX_WSCALE);
        }
        break;
      case TCPOPT_TIMESTAMP:
        if (
          opsize === TCPOLEN_TIMESTAMP &&
          (estab ? opt_rx.tstamp_ok : net.ipv4.sysctl_tcp_timestamps !== 0)
        ) {
          opt_rx.saw_tstamp = true;
          opt_rx.rcv_tsval = dv.getInt32(ptr);
          opt_rx.rcv_tsecr = dv.getInt32(ptr + 4);
        }
        break;
      case TCPOPT_SACK_PERM:
        if (opsize === TCPOLEN_SACK_PERM && syn && !estab && net.ipv4.sysctl_tcp_sack !== 0) {
          opt_rx.sack_ok = TCP_SACK_SEEN;
          tcp_sack_reset(opt_rx);
        }
        break;
      case TCPOPT_SACK:
        if (
          opsize >= TCPOLEN_SACK_BASE + TCPOLEN_SACK_PERBLOCK &&
          (opsize - TCPOLEN_SACK_BASE) % TCPOLEN_SACK_PERBLOCK === 0 && opt_rx.sack_ok !== 0
        ) TCP_SKB_CB(skb).sacked = ptr - 2 - th.off;
        break;
      case TCPOPT_MD5SIG:
        break;
      case TCPOPT_FASTOPEN:
        tcp_parse_fastopen_option(opsize - TCPOLEN_FASTOPEN_BASE, th, ptr, syn, foc, false);
        break;
      case TCPOPT_EXP:
        if (opsize >= TCPOLEN_EXP_FASTOPEN_BASE && dv.getUint16(ptr) === TCPOPT_FASTOPEN_MAGIC) {
          const len = opsize - TCPOLEN_EXP_FASTOPEN_BASE;
          tcp_parse_fastopen_option(len, th, ptr + 2, syn, foc, true);
        } else {
          opt_rx.saw_unknown = true;
        }
        break;
      default:
        opt_rx.saw_unknown = true;
    }
    ptr += opsize - 2;
    length -= opsize;
  }
}

const TSTAMP_ALIGNED_WORD = (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_TIMESTAMP << 8) |
  TCPOLEN_TIMESTAMP;

/** The timestamp option where it is the only one, as everybody lays it out. */
function tcp_parse_aligned_timestamp(tp: tcp_sock, th: tcphdr): boolean {
  const ptr = th.off + TCP_HLEN;
  if (th.dv.getInt32(ptr) !== TSTAMP_ALIGNED_WORD) return false;
  tp.rx_opt.saw_tstamp = true;
  tp.rx_opt.rcv_tsval = th.dv.getInt32(ptr + 4);
  const tsecr = th.dv.getInt32(ptr + 8);
  tp.rx_opt.rcv_tsecr = tsecr !== 0 ? (tsecr - tp.tsoffset) | 0 : 0;
  return true;
}

/** The options of a segment of a connection; false if it has none. */
function tcp_fast_parse_options(net: net, skb: sk_buff, th: tcphdr, tp: tcp_sock): boolean {
  const doff = th.doff;
  if (doff === TCP_HLEN / 4) {
    tp.rx_opt.saw_tstamp = false;
    return false;
  }
  if (
    tp.rx_opt.tstamp_ok && doff === (TCP_HLEN + TCPOLEN_TSTAMP_ALIGNED) / 4 &&
    tcp_parse_aligned_timestamp(tp, th)
  ) return true;
  tcp_parse_options(net, skb, tp.rx_opt, true, null);
  if (tp.rx_opt.saw_tstamp && tp.rx_opt.rcv_tsecr !== 0) {
    tp.rx_opt.rcv_tsecr = (tp.rx_opt.rcv_tsecr - tp.tsoffset) | 0;
  }
  return true;
}

/** Offset of the MD5 signature from the start of the header, 0 where there is none. @rfc 2385 */
export function tcp_parse_md5sig_option(th: tcphdr): number {
  let ptr = th.off + TCP_HLEN;
  let length = th.doff * 4 - TCP_HLEN;
  while (length >= TCPOLEN_MD5SIG) {
    const opcode = th.dv.getUint8(ptr++);
    if (opcode === TCPOPT_EOL) return 0;
    if (opcode === TCPOPT_NOP) {
      length--;
      continue;
    }
    const opsize = th.dv.getUint8(ptr++);
    if (opsize < 2 || opsize > length) return 0;
    if (opcode === TCPOPT_MD5SIG) return opsize === TCPOLEN_MD5SIG ? ptr - th.off : 0;
    ptr += opsize - 2;
    length -= opsize;
  }
  return 0;
}

// ---- Is the segment acceptable? ----

/** How much older a timestamp may be: the RTO's time, of a clock of 1200 Hz as some have. */
function tcp_tsval_replay(sk: sock): number {
  return Math.floor(tcp_sk(sk).icsk_rto * 1200 / HZ);
}

/**
 * Why a segment with an old timestamp is not acceptable. A pure duplicate ACK that is a little old is: harmless, and the
 * sender may need it.
 */
function tcp_disordered_ack_check(sk: sock, skb: sk_buff): skb_drop_reason {
  const tp = tcp_sk(sk);
  const th = tcp_hdr(skb);
  const { seq, end_seq, ack_seq } = TCP_SKB_CB(skb);
  if (!th.ack || seq !== end_seq) return SKB_DROP_REASON_TCP_RFC7323_PAWS;
  if (before(seq, tp.rcv_nxt)) return SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK;
  const fine = seq === tp.rcv_nxt && ack_seq === tp.snd_una &&
    !tcp_may_update_window(tp, ack_seq, seq, th.window << tp.rx_opt.snd_wscale) &&
    ((tp.rx_opt.ts_recent - tp.rx_opt.rcv_tsval) | 0) <= tcp_tsval_replay(sk);
  return fine ? SKB_NOT_DROPPED_YET : SKB_DROP_REASON_TCP_RFC7323_PAWS;
}

/**
 * Whether a segment touches the window (from rcv_wup on: the peer may not have seen our latest ACK), else why not.
 * One that goes on beyond it is taken only where nothing waits to be read, or if it is the FIN that does.
 */
function tcp_sequence(sk: sock, skb: sk_buff): skb_drop_reason {
  const tp = tcp_sk(sk);
  const { seq, end_seq, tcp_flags } = TCP_SKB_CB(skb);
  if (before(end_seq, tp.rcv_wup)) return SKB_DROP_REASON_TCP_OLD_SEQUENCE;
  const limit = (tp.rcv_nxt + tcp_receive_window(tp)) | 0;
  if (!after(end_seq, limit)) return SKB_NOT_DROPPED_YET;
  if ((tcp_flags & TCPHDR_FIN) !== 0 && end_seq === ((limit + 1) | 0)) return SKB_NOT_DROPPED_YET;
  if (after(seq, limit)) return SKB_DROP_REASON_TCP_INVALID_SEQUENCE;
  return skb_queue_empty(sk.sk_receive_queue)
    ? SKB_NOT_DROPPED_YET
    : SKB_DROP_REASON_TCP_INVALID_END_SEQUENCE;
}

/** Ends a connection with an error for the program. */
export function tcp_done_with_error(sk: sock, err: number): void {
  sk.sk_err = err;
  tcp_write_queue_purge(sk);
  tcp_done(sk);
  if (!sock_flag(sk, SOCK_DEAD)) sk_error_report(sk);
}

/** A valid RST has come. */
export function tcp_reset(sk: sock, _skb: sk_buff): void {
  let err = ECONNRESET;
  if (sk.skc_state === TCP_SYN_SENT) err = ECONNREFUSED;
  else if (sk.skc_state === TCP_CLOSE_WAIT) err = EPIPE;
  else if (sk.skc_state === TCP_CLOSE) return;
  tcp_done_with_error(sk, err);
}

/** FIN, and all before it, has been received. @rfc 9293 3.10.7.4 */
export function tcp_fin(sk: sock): void {
  const tp = tcp_sk(sk);
  inet_csk_schedule_ack(sk);
  sk.sk_shutdown |= RCV_SHUTDOWN;
  sock_set_flag(sk, SOCK_DONE);
  switch (sk.skc_state) {
    case TCP_SYN_RECV:
    case TCP_ESTABLISHED:
      tcp_set_state(sk, TCP_CLOSE_WAIT);
      inet_csk_enter_pingpong_mode(sk);
      break;
    case TCP_FIN_WAIT1:
      // Both close at once.
      tcp_send_ack(sk);
      tcp_set_state(sk, TCP_CLOSING);
      break;
    case TCP_FIN_WAIT2:
      tcp_send_ack(sk);
      tcp_time_wait(sk, TCP_TIME_WAIT, 0);
      break;
    default:
      // CLOSE_WAIT, CLOSING, LAST_ACK: a FIN that was sent again.
      break;
  }
  // Nothing can come after a FIN.
  skb_rbtree_purge(tp.out_of_order_queue);
  if (tcp_is_sack(tp)) tcp_sack_reset(tp.rx_opt);
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_state_change(sk);
}

// ---- SACK blocks of our own ----

/** Joins [seq, end_seq) to a block that it touches. */
function tcp_sack_extend(sp: tcp_sack_block, seq: number, end_seq: number): boolean {
  if (after(seq, sp.end_seq) || after(sp.start_seq, end_seq)) return false;
  if (before(seq, sp.start_seq)) sp.start_seq = seq;
  if (after(end_seq, sp.end_seq)) sp.end_seq = end_seq;
  return true;
}

/** The next ACK reports [seq, end_seq) as a duplicate. @rfc 2883 */
function tcp_dsack_set(sk: sock, seq: number, end_seq: number): void {
  const tp = tcp_sk(sk);
  if (!tcp_is_sack(tp) || sk.skc_net.ipv4.sysctl_tcp_dsack === 0) return;
  NET_INC_STATS(
    sk.skc_net,
    before(seq, tp.rcv_nxt) ? LINUX_MIB_TCPDSACKOLDSENT : LINUX_MIB_TCPDSACKOFOSENT,
  );
  tp.rx_opt.dsack = true;
  tp.duplicate_sack[0].start_seq = seq;
  tp.duplicate_sack[0].end_seq = end_seq;
}

function tcp_dsack_extend(sk: sock, seq: number, end_seq: number): void {
  const tp = tcp_sk(sk);
  if (!tp.rx_opt.dsack) tcp_dsack_set(sk, seq, end_seq);
  else tcp_sack_extend(tp.duplicate_sack[0], seq, end_seq);
}

/** Answers a segment that is out of the window. */
function tcp_send_dupack(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  if (cb.end_seq !== cb.seq && before(cb.seq, tp.rcv_nxt)) {
    NET_INC_STATS(sk.skc_net, LINUX_MIB_DELAYEDACKLOST);
    tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
    if (tcp_is_sack(tp) && sk.skc_net.ipv4.sysctl_tcp_dsack !== 0) {
      tcp_dsack_set(sk, cb.seq, after(cb.end_seq, tp.rcv_nxt) ? tp.rcv_nxt : cb.end_seq);
    }
  }
  tcp_send_ack(sk);
}

/** Takes block `i` out, moving up those behind it; the new count. @local */
function sack_block_remove(blocks: tcp_sack_block[], i: number, count: number): number {
  for (; i + 1 < count; i++) {
    blocks[i].start_seq = blocks[i + 1].start_seq;
    blocks[i].end_seq = blocks[i + 1].end_seq;
  }
  return count - 1;
}

/** The first block has grown: those that it touches now become part of it. */
function tcp_sack_maybe_coalesce(tp: tcp_sock): void {
  const sp = tp.selective_acks;
  for (let i = 1; i < tp.rx_opt.num_sacks;) {
    if (tcp_sack_extend(sp[0], sp[i].start_seq, sp[i].end_seq)) {
      tp.rx_opt.num_sacks = sack_block_remove(sp, i, tp.rx_opt.num_sacks);
    } else {
      i++;
    }
  }
}

/** Sends the ACK that compression was holding back. */
export function tcp_sack_compress_send_ack(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.compressed_ack === 0) return;
  if (hrtimer_try_to_cancel(tp.compressed_ack_timer) === 1) __sock_put(sk);
  NET_ADD_STATS(sk.skc_net, LINUX_MIB_TCPACKCOMPRESSED, tp.compressed_ack - 1);
  tp.compressed_ack = 0;
  tcp_send_ack(sk);
}

/** Blocks that an ACK is sure to have room for. */
const TCP_SACK_BLOCKS_EXPECTED = 2;

/** [seq, end_seq) came out of order: the newest block stands first. @rfc 2018 4 */
function tcp_sack_new_ofo_skb(sk: sock, seq: number, end_seq: number): void {
  const tp = tcp_sk(sk);
  const sp = tp.selective_acks;
  const cur_sacks = tp.rx_opt.num_sacks;
  let this_sack = 0;
  for (; this_sack < cur_sacks; this_sack++) {
    if (!tcp_sack_extend(sp[this_sack], seq, end_seq)) continue;
    if (this_sack >= TCP_SACK_BLOCKS_EXPECTED) tcp_sack_compress_send_ack(sk);
    for (; this_sack > 0; this_sack--) sack_block_swap(sp[this_sack], sp[this_sack - 1]);
    if (cur_sacks > 1) tcp_sack_maybe_coalesce(tp);
    return;
  }
  if (this_sack >= TCP_SACK_BLOCKS_EXPECTED) tcp_sack_compress_send_ack(sk);
  // A new block in front; the last falls off where there are too many.
  if (this_sack >= TCP_NUM_SACKS) {
    this_sack--;
    tp.rx_opt.num_sacks--;
  }
  for (; this_sack > 0; this_sack--) {
    sp[this_sack].start_seq = sp[this_sack - 1].start_seq;
    sp[this_sack].end_seq = sp[this_sack - 1].end_seq;
  }
  sp[0].start_seq = seq;
  sp[0].end_seq = end_seq;
  tp.rx_opt.num_sacks++;
}

/** rcv_nxt has passed some blocks. */
function tcp_sack_remove(tp: tcp_sock): void {
  if (tp.out_of_order_queue.rb_node === null) {
    tp.rx_opt.num_sacks = 0;
    return;
  }
  let num_sacks = tp.rx_opt.num_sacks;
  for (let i = 0; i < num_sacks;) {
    if (!before(tp.rcv_nxt, tp.selective_acks[i].start_seq)) {
      num_sacks = sack_block_remove(tp.selective_acks, i, num_sacks);
    } else {
      i++;
    }
  }
  tp.rx_opt.num_sacks = num_sacks;
}

// ---- Queueing data ----

const coalesced = new skb_coalesce();

/** Merges `from` into the skb before it, if cheap; the caller then frees it by kfree_skb_partial(coalesced.fragstolen). */
function tcp_try_coalesce(sk: sock, to: sk_buff, from: sk_buff): boolean {
  const to_cb = TCP_SKB_CB(to);
  const from_cb = TCP_SKB_CB(from);
  coalesced.fragstolen = false;
  if (from_cb.seq !== to_cb.end_seq) return false;
  if (!skb_try_coalesce(to, from, coalesced)) return false;
  sk.sk_backlog.rmem_alloc += coalesced.delta_truesize;
  sk_mem_charge(sk, coalesced.delta_truesize);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPRCVCOALESCE);
  to_cb.end_seq = from_cb.end_seq;
  to_cb.ack_seq = from_cb.ack_seq;
  to_cb.tcp_flags |= from_cb.tcp_flags;
  if (from_cb.has_rxtstamp) {
    to_cb.has_rxtstamp = true;
    to.tstamp = from.tstamp;
  }
  return true;
}

function tcp_ooo_try_coalesce(sk: sock, to: sk_buff, from: sk_buff): boolean {
  if (!tcp_try_coalesce(sk, to, from)) return false;
  // Counted as drops if the queue is pruned.
  const gso_segs = Math.max(1, to.shinfo.gso_segs) + Math.max(1, from.shinfo.gso_segs);
  to.shinfo.gso_segs = Math.min(gso_segs, 0xffff);
  return true;
}

function tcp_drop_reason(sk: sock, skb: sk_buff, reason: skb_drop_reason): void {
  sk.sk_drops += Math.max(1, skb.shinfo.gso_segs);
  kfree_skb_reason(skb, reason);
}

/** Moves to the receive queue what is in order now. */
function tcp_ofo_queue(sk: sock): void {
  const tp = tcp_sk(sk);
  const dsack_high = tp.rcv_nxt;
  let skb = skb_rb_first(tp.out_of_order_queue);
  while (skb !== null) {
    const cb = TCP_SKB_CB(skb);
    if (after(cb.seq, tp.rcv_nxt)) break;
    if (before(cb.seq, dsack_high)) {
      tcp_dsack_extend(sk, cb.seq, before(cb.end_seq, dsack_high) ? cb.end_seq : dsack_high);
    }
    const next = skb_rb_next(skb);
    rb_erase(skb.rbnode, tp.out_of_order_queue);
    if (!after(cb.end_seq, tp.rcv_nxt)) {
      tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_OFO_DROP);
      skb = next;
      continue;
    }
    const tail = skb_peek_tail(sk.sk_receive_queue);
    const eaten = tail !== null && tcp_try_coalesce(sk, tail, skb);
    const fin = (cb.tcp_flags & TCPHDR_FIN) !== 0;
    tcp_rcv_nxt_update(tp, cb.end_seq);
    if (eaten) kfree_skb_partial(skb, coalesced.fragstolen);
    else __skb_queue_tail(sk.sk_receive_queue, skb);
    if (fin) {
      // It purges the queue that we walk.
      tcp_fin(sk);
      break;
    }
    skb = next;
  }
}

/** The receive buffer takes one more skb: it is not full, however large that is. */
function tcp_can_ingest(sk: sock, _skb: sk_buff): boolean {
  return sk.sk_backlog.rmem_alloc <= sk.sk_rcvbuf;
}

/** Makes room for `size` bytes of memory, if need be by dropping what came out of order; -1 if there is none. */
function tcp_try_rmem_schedule(sk: sock, skb: sk_buff, size: number): number {
  if (tcp_can_ingest(sk, skb) && sk_rmem_schedule(sk, skb, size)) return 0;
  if (tcp_prune_queue(sk, skb) < 0) return -1;
  while (!sk_rmem_schedule(sk, skb, size)) {
    if (!tcp_prune_ofo_queue(sk, skb)) return -1;
  }
  return 0;
}

/** What became of an skb: it stands in the queue, another skb took its bytes, it was dropped. */
const OFO_QUEUED = 0;
const OFO_COALESCED = 1;
const OFO_DROPPED = 2;

/** Puts skb into the out-of-order queue, where it may overlap what is there; OFO_*. @local */
function tcp_ofo_insert(sk: sock, skb: sk_buff): number {
  const tp = tcp_sk(sk);
  const root = tp.out_of_order_queue;
  const seq = TCP_SKB_CB(skb).seq;
  const end_seq = TCP_SKB_CB(skb).end_seq;
  const last = tp.ooo_last_skb!;
  let parent: rb_node<sk_buff> | null = null;
  let left = false;
  let linked = false;

  // Most often it goes behind the last.
  if (tcp_ooo_try_coalesce(sk, last, skb)) return OFO_COALESCED;
  if (!before(seq, TCP_SKB_CB(last).end_seq)) {
    parent = last.rbnode;
  } else {
    let p = root.rb_node;
    while (p !== null) {
      parent = p;
      const skb1 = p.owner;
      const cb1 = TCP_SKB_CB(skb1);
      if (before(seq, cb1.seq)) {
        left = true;
        p = p.rb_left;
        continue;
      }
      if (before(seq, cb1.end_seq)) {
        if (!after(end_seq, cb1.end_seq)) {
          // All of it is there already.
          NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPOFOMERGE);
          tcp_dsack_set(sk, seq, end_seq);
          tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_OFOMERGE);
          return OFO_DROPPED;
        }
        if (after(seq, cb1.seq)) {
          tcp_dsack_set(sk, seq, cb1.end_seq);
        } else {
          // It covers skb1 from its start: takes its place.
          rb_replace_node(skb1.rbnode, skb.rbnode, root);
          RB_CLEAR_NODE(skb1.rbnode);
          tcp_dsack_extend(sk, cb1.seq, cb1.end_seq);
          NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPOFOMERGE);
          tcp_drop_reason(sk, skb1, SKB_DROP_REASON_TCP_OFOMERGE);
          linked = true;
          break;
        }
      } else if (tcp_ooo_try_coalesce(sk, skb1, skb)) {
        return OFO_COALESCED;
      }
      left = false;
      p = p.rb_right;
    }
  }
  if (!linked) {
    rb_link_node(skb.rbnode, parent, root, left);
    rb_insert_color(skb.rbnode, root);
  }

  // What it covers behind it goes.
  let skb1 = skb_rb_next(skb);
  while (skb1 !== null) {
    const cb1 = TCP_SKB_CB(skb1);
    if (!after(end_seq, cb1.seq)) break;
    if (before(end_seq, cb1.end_seq)) {
      tcp_dsack_extend(sk, cb1.seq, end_seq);
      break;
    }
    rb_erase(skb1.rbnode, root);
    tcp_dsack_extend(sk, cb1.seq, cb1.end_seq);
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPOFOMERGE);
    tcp_drop_reason(sk, skb1, SKB_DROP_REASON_TCP_OFOMERGE);
    skb1 = skb_rb_next(skb);
  }
  if (skb1 === null) tp.ooo_last_skb = skb;
  return OFO_QUEUED;
}

/** Queues a segment that leaves a gap before it. */
function tcp_data_queue_ofo(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const net = sk.skc_net;
  tcp_ecn_check_ce(sk, skb);
  if (tcp_try_rmem_schedule(sk, skb, skb.truesize) !== 0) {
    NET_INC_STATS(net, LINUX_MIB_TCPOFODROP);
    sk.sk_data_ready(sk);
    tcp_drop_reason(sk, skb, SKB_DROP_REASON_PROTO_MEM);
    return;
  }
  tcp_measure_rcv_mss(sk, skb);
  tp.pred_flags = 0;
  inet_csk_schedule_ack(sk);
  tp.rcv_ooopack += Math.max(1, skb.shinfo.gso_segs);
  NET_INC_STATS(net, LINUX_MIB_TCPOFOQUEUE);
  const seq = TCP_SKB_CB(skb).seq;
  const end_seq = TCP_SKB_CB(skb).end_seq;

  let queued = OFO_QUEUED;
  if (tp.out_of_order_queue.rb_node === null) {
    if (tcp_is_sack(tp)) {
      tp.rx_opt.num_sacks = 1;
      tp.selective_acks[0].start_seq = seq;
      tp.selective_acks[0].end_seq = end_seq;
    }
    rb_link_node(skb.rbnode, null, tp.out_of_order_queue, false);
    rb_insert_color(skb.rbnode, tp.out_of_order_queue);
    tp.ooo_last_skb = skb;
  } else {
    queued = tcp_ofo_insert(sk, skb);
    if (queued === OFO_COALESCED) {
      // Without SACK the window must stand still, or the peer sees no duplicate ACKs.
      if (tcp_is_sack(tp)) tcp_grow_window(sk, skb, true);
      kfree_skb_partial(skb, coalesced.fragstolen);
    }
    if (tcp_is_sack(tp)) tcp_sack_new_ofo_skb(sk, seq, end_seq);
  }
  if (queued === OFO_QUEUED) {
    if (tcp_is_sack(tp)) tcp_grow_window(sk, skb, false);
    skb_condense(skb);
    skb_set_owner_r(skb, sk);
  }
  // What waits behind gaps needs buffer, too; not of a socket that nobody reads (yet, or any more).
  if (sk.sk_socket !== null) tcp_rcvbuf_grow(sk, tp.rcvq_space.space);
}

/** Appends in-order data to the receive queue; true if it was merged (see tcp_try_coalesce()). */
function tcp_queue_rcv(sk: sock, skb: sk_buff): boolean {
  const tail = skb_peek_tail(sk.sk_receive_queue);
  const eaten = tail !== null && tcp_try_coalesce(sk, tail, skb);
  tcp_rcv_nxt_update(tcp_sk(sk), TCP_SKB_CB(skb).end_seq);
  if (!eaten) {
    __skb_queue_tail(sk.sk_receive_queue, skb);
    skb_set_owner_r(skb, sk);
  }
  return eaten;
}

/** Wakes the reader if what it waits for is there. */
export function tcp_data_ready(sk: sock): void {
  if (tcp_epollin_ready(sk, sk.sk_rcvlowat) || sock_flag(sk, SOCK_DONE)) sk.sk_data_ready(sk);
}

/** The segment can't be used: it is acknowledged at once, and dropped. @local */
function tcp_data_out_of_window(sk: sock, skb: sk_buff, reason: skb_drop_reason): void {
  tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
  inet_csk_schedule_ack(sk);
  tcp_drop_reason(sk, skb, reason);
}

/** Takes in the data and the FIN of a segment. @rfc 9293 3.10.7.4, seventh */
function tcp_data_queue(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  const net = sk.skc_net;
  if (cb.seq === cb.end_seq) {
    __kfree_skb(skb);
    return;
  }
  skb_dst_drop(skb);
  __skb_pull(skb, tcp_hdr(skb).doff * 4);
  tp.rx_opt.dsack = false;

  if (cb.seq === tp.rcv_nxt) {
    // A FIN alone needs no window.
    if (tcp_receive_window(tp) === 0 && skb.len !== 0) {
      NET_INC_STATS(net, LINUX_MIB_TCPZEROWINDOWDROP);
      tcp_data_out_of_window(sk, skb, SKB_DROP_REASON_TCP_ZEROWINDOW);
      return;
    }
    tcp_queue_and_out(sk, skb);
    return;
  }
  if (!after(cb.end_seq, tp.rcv_nxt)) {
    // A retransmission of what is here.
    NET_INC_STATS(net, LINUX_MIB_DELAYEDACKLOST);
    tcp_dsack_set(sk, cb.seq, cb.end_seq);
    tcp_data_out_of_window(sk, skb, SKB_DROP_REASON_TCP_OLD_DATA);
    return;
  }
  if (!before(cb.seq, (tp.rcv_nxt + tcp_receive_window(tp)) | 0)) {
    tcp_data_out_of_window(sk, skb, SKB_DROP_REASON_TCP_OVERWINDOW);
    return;
  }
  if (before(cb.seq, tp.rcv_nxt)) {
    // New from rcv_nxt on.
    tcp_dsack_set(sk, cb.seq, tp.rcv_nxt);
    if (tcp_receive_window(tp) === 0) {
      NET_INC_STATS(net, LINUX_MIB_TCPZEROWINDOWDROP);
      tcp_data_out_of_window(sk, skb, SKB_DROP_REASON_TCP_ZEROWINDOW);
      return;
    }
    tcp_queue_and_out(sk, skb);
    return;
  }
  tcp_data_queue_ofo(sk, skb);
}

/** In order and in the window: to the receive queue, with what it puts in order. @local */
function tcp_queue_and_out(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  if (tcp_try_rmem_schedule(sk, skb, skb.truesize) !== 0) {
    // The peer is told to stop, by a window of 0.
    tp.icsk_ack.pending |= ICSK_ACK_NOMEM | ICSK_ACK_NOW;
    inet_csk_schedule_ack(sk);
    sk.sk_data_ready(sk);
    if (skb_queue_len(sk.sk_receive_queue) !== 0 && skb.len !== 0) {
      NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPRCVQDROP);
      tcp_drop_reason(sk, skb, SKB_DROP_REASON_PROTO_MEM);
      return;
    }
    sk_forced_mem_schedule(sk, skb.truesize);
  }
  const eaten = tcp_queue_rcv(sk, skb);
  const fragstolen = coalesced.fragstolen;
  if (skb.len !== 0) tcp_event_data_recv(sk, skb);
  if ((TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0) tcp_fin(sk);
  if (tp.out_of_order_queue.rb_node !== null) {
    tcp_ofo_queue(sk);
    // The gap is closed: say so at once. @rfc 5681 4.2
    if ((tp.out_of_order_queue.rb_node as unknown) === null) tp.icsk_ack.pending |= ICSK_ACK_NOW;
  }
  if (tp.rx_opt.num_sacks !== 0) tcp_sack_remove(tp);
  tcp_fast_path_check(sk);
  if (eaten) kfree_skb_partial(skb, fragstolen);
  if (!sock_flag(sk, SOCK_DEAD)) tcp_data_ready(sk);
}

// ---- When the receive buffer is over its limit ----

/** The skb after, in a queue or in a tree. */
function tcp_skb_next(skb: sk_buff, list: sk_buff_head | null): sk_buff | null {
  return list !== null ? skb.next : skb_rb_next(skb);
}

function tcp_collapse_one(
  sk: sock,
  skb: sk_buff,
  list: sk_buff_head | null,
  root: rb_root<sk_buff> | null,
): sk_buff | null {
  const next = tcp_skb_next(skb, list);
  if (list !== null) __skb_unlink(skb, list);
  else rb_erase(skb.rbnode, root!);
  __kfree_skb(skb);
  NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPRCVCOLLAPSED);
  return next;
}

/** Inserts skb into a tree by sequence number. */
export function tcp_rbtree_insert(root: rb_root<sk_buff>, skb: sk_buff): void {
  let parent: rb_node<sk_buff> | null = null;
  let left = false;
  let p = root.rb_node;
  while (p !== null) {
    parent = p;
    left = before(TCP_SKB_CB(skb).seq, TCP_SKB_CB(p.owner).seq);
    p = left ? p.rb_left : p.rb_right;
  }
  rb_link_node(skb.rbnode, parent, root, left);
  rb_insert_color(skb.rbnode, root);
}

/** Payload of an skb that collapsing makes, bytes: what a page holds. */
const COLLAPSE_SIZE = SKB_WITH_OVERHEAD(PAGE_SIZE);

/**
 * Copies the bytes start..end, which skbs head up to tail (excluded; null: the end) hold, into skbs that are full. A
 * queue is `list` or `root`. Segments with SYN or FIN stay as they are.
 */
function tcp_collapse(
  sk: sock,
  list: sk_buff_head | null,
  root: rb_root<sk_buff> | null,
  head: sk_buff,
  tail: sk_buff | null,
  start: number,
  end: number,
): void {
  const SYN_FIN = TCPHDR_SYN | TCPHDR_FIN;
  let skb: sk_buff | null = head;
  let end_of_skbs = true;
  // From where on is there something to gain?
  while (skb !== null && skb !== tail) {
    const cb = TCP_SKB_CB(skb);
    const n = tcp_skb_next(skb, list);
    if (!before(start, cb.end_seq)) {
      skb = tcp_collapse_one(sk, skb, list, root);
      continue;
    }
    if (
      (cb.tcp_flags & SYN_FIN) === 0 &&
      (tcp_win_from_space(sk, skb.truesize) > skb.len || before(cb.seq, start))
    ) {
      end_of_skbs = false;
      break;
    }
    if (n !== null && n !== tail && cb.end_seq !== TCP_SKB_CB(n).seq) {
      end_of_skbs = false;
      break;
    }
    start = cb.end_seq;
    skb = n;
  }
  if (end_of_skbs || skb === null || (TCP_SKB_CB(skb).tcp_flags & SYN_FIN) !== 0) return;

  const tmp = new sk_buff_head();
  copying:
  while (before(start, end)) {
    let copy = Math.min(COLLAPSE_SIZE, (end - start) | 0);
    const nskb = alloc_skb(copy);
    if (nskb === null) break;
    const ncb = TCP_SKB_CB(nskb);
    const scb: tcp_skb_cb = TCP_SKB_CB(skb!);
    ncb.tcp_flags = scb.tcp_flags;
    ncb.ack_seq = scb.ack_seq;
    ncb.ip_dsfield = scb.ip_dsfield;
    ncb.has_rxtstamp = scb.has_rxtstamp;
    ncb.sacked = 0;
    nskb.tstamp = skb!.tstamp;
    ncb.seq = start;
    ncb.end_seq = start;
    if (list !== null) __skb_queue_before(list, skb!, nskb);
    else __skb_queue_tail(tmp, nskb);
    skb_set_owner_r(nskb, sk);
    while (copy > 0) {
      const cb: tcp_skb_cb = TCP_SKB_CB(skb!);
      const offset = (start - cb.seq) | 0;
      let size = (cb.end_seq - start) | 0;
      if (size > 0) {
        size = Math.min(copy, size);
        skb_copy_bits(skb!, offset, nskb.head.u8, size, skb_put(nskb, size));
        ncb.end_seq = (ncb.end_seq + size) | 0;
        copy -= size;
        start = (start + size) | 0;
      }
      if (!before(start, cb.end_seq)) {
        skb = tcp_collapse_one(sk, skb!, list, root);
        if (skb === null || skb === tail || (TCP_SKB_CB(skb).tcp_flags & SYN_FIN) !== 0) {
          break copying;
        }
      }
    }
  }
  for (let n = __skb_dequeue(tmp); n !== null; n = __skb_dequeue(tmp)) tcp_rbtree_insert(root!, n);
}

/** Collapses each stretch without gaps of the out-of-order queue. */
function tcp_collapse_ofo_queue(sk: sock): void {
  const tp = tcp_sk(sk);
  let sum_tiny = 0;
  let skb = skb_rb_first(tp.out_of_order_queue);
  while (skb !== null) {
    const head: sk_buff = skb;
    let start = TCP_SKB_CB(head).seq;
    let end = TCP_SKB_CB(head).end_seq;
    let range_truesize = head.truesize;
    for (;;) {
      skb = skb_rb_next(skb!);
      if (
        skb === null || after(TCP_SKB_CB(skb).seq, end) || before(TCP_SKB_CB(skb).end_seq, start)
      ) {
        break;
      }
      range_truesize += skb.truesize;
      if (before(TCP_SKB_CB(skb).seq, start)) start = TCP_SKB_CB(skb).seq;
      if (after(TCP_SKB_CB(skb).end_seq, end)) end = TCP_SKB_CB(skb).end_seq;
    }
    // Of a lone small skb nothing is gained.
    if (range_truesize !== head.truesize || ((end - start) | 0) >= COLLAPSE_SIZE) {
      tcp_collapse(sk, null, tp.out_of_order_queue, head, skb, start, end);
    } else {
      sum_tiny += range_truesize;
      if (sum_tiny > sk.sk_rcvbuf >> 3) return;
    }
  }
  tp.ooo_last_skb = skb_rb_last(tp.out_of_order_queue);
}

/**
 * Drops the out-of-order queue from its end, an eighth of the buffer at a time, as far as it stands behind in_skb;
 * false if that was nothing.
 */
function tcp_prune_ofo_queue(sk: sock, in_skb: sk_buff): boolean {
  const tp = tcp_sk(sk);
  let pruned = false;
  let goal = sk.sk_rcvbuf >> 3;
  let skb = tp.out_of_order_queue.rb_node !== null ? tp.ooo_last_skb : null;
  while (skb !== null && !after(TCP_SKB_CB(in_skb).seq, TCP_SKB_CB(skb).seq)) {
    const prev = skb_rb_prev(skb);
    pruned = true;
    rb_erase(skb.rbnode, tp.out_of_order_queue);
    goal -= skb.truesize;
    tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE);
    tp.ooo_last_skb = skb = prev;
    if (prev === null || goal <= 0) {
      if (tcp_can_ingest(sk, in_skb) && !tcp_under_memory_pressure(sk)) break;
      goal = sk.sk_rcvbuf >> 3;
    }
  }
  if (!pruned) return false;
  NET_INC_STATS(sk.skc_net, LINUX_MIB_OFOPRUNED);
  // Some of what was SACKed is gone; the peer finds out by its timer.
  if (tp.rx_opt.sack_ok !== 0) tcp_sack_reset(tp.rx_opt);
  return true;
}

/** Makes room for in_skb in the receive queues; -1 where that failed and data must be dropped. */
function tcp_prune_queue(sk: sock, in_skb: sk_buff): number {
  const tp = tcp_sk(sk);
  if (sk.sk_backlog.rmem_alloc === 0) return -1;
  NET_INC_STATS(sk.skc_net, LINUX_MIB_PRUNECALLED);
  if (!tcp_can_ingest(sk, in_skb)) tcp_clamp_window(sk);
  else if (tcp_under_memory_pressure(sk)) tcp_adjust_rcv_ssthresh(sk);
  if (tcp_can_ingest(sk, in_skb)) return 0;

  tcp_collapse_ofo_queue(sk);
  const head = skb_peek(sk.sk_receive_queue);
  if (head !== null) {
    tcp_collapse(sk, sk.sk_receive_queue, null, head, null, tp.copied_seq, tp.rcv_nxt);
  }
  if (tcp_can_ingest(sk, in_skb)) return 0;
  tcp_prune_ofo_queue(sk, in_skb);
  if (tcp_can_ingest(sk, in_skb)) return 0;
  NET_INC_STATS(sk.skc_net, LINUX_MIB_RCVPRUNED);
  tp.pred_flags = 0;
  return -1;
}

// ---- What a segment sets going on our side ----

function tcp_should_expand_sndbuf(sk: sock): boolean {
  const tp = tcp_sk(sk);
  return (sk.sk_userlocks & SOCK_SNDBUF_LOCK) === 0 && !tcp_under_memory_pressure(sk) &&
    sk_memory_allocated(sk) < sk_prot_mem_limits(sk, 0) &&
    tcp_packets_in_flight(tp) < tcp_snd_cwnd(tp);
}

function tcp_new_space(sk: sock): void {
  if (tcp_should_expand_sndbuf(sk)) {
    tcp_sndbuf_expand(sk);
    tcp_sk(sk).snd_cwnd_stamp = tcp_jiffies32();
  }
  sk.sk_write_space(sk);
}

/** Space was made in the send queue: wakes a writer that waits for it. */
export function tcp_check_space(sk: sock): void {
  const sock = sk.sk_socket;
  if (sock !== null && (sock.flags & (1 << SOCK_NOSPACE)) !== 0) {
    tcp_new_space(sk);
    if ((sock.flags & (1 << SOCK_NOSPACE)) === 0) tcp_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
  }
}

function tcp_data_snd_check(sk: sock): void {
  tcp_push_pending_frames(sk);
  tcp_check_space(sk);
}

/** Sends an ACK now, or lets the delayed one wait, or holds it back while a gap is open. @rfc 9293 3.8.6.3 */
function __tcp_ack_snd_check(sk: sock, ofo_possible: boolean): void {
  const tp = tcp_sk(sk);
  const ipv4 = sk.skc_net.ipv4;
  if (
    // More than one full segment, and room for the window to move on (if not, the reader will send it).
    (((tp.rcv_nxt - tp.rcv_wup) | 0) > tp.icsk_ack.rcv_mss &&
      (((tp.rcv_nxt - tp.copied_seq) | 0) < sk.sk_rcvlowat ||
        __tcp_select_window(sk) >= tp.rcv_wnd)) ||
    tcp_in_quickack_mode(sk) || (tp.icsk_ack.pending & ICSK_ACK_NOW) !== 0
  ) {
    // From the backlog: one ACK for all of it, by tcp_release_cb().
    if (sock_owned_by_user(sk) && ipv4.sysctl_tcp_backlog_ack_defer !== 0) {
      sk.sk_tsq_flags |= TCPF_ACK_DEFERRED;
      return;
    }
    tcp_send_ack(sk);
    return;
  }
  if (!ofo_possible || tp.out_of_order_queue.rb_node === null) {
    tcp_send_delayed_ack(sk);
    return;
  }
  if (!tcp_is_sack(tp) || tp.compressed_ack >= ipv4.sysctl_tcp_comp_sack_nr) {
    tcp_send_ack(sk);
    return;
  }
  if (tp.compressed_ack_rcv_nxt !== tp.rcv_nxt) {
    tp.compressed_ack_rcv_nxt = tp.rcv_nxt;
    tp.dup_ack_counter = 0;
  }
  // The first three tell the peer of the loss; of the later ones the last says all.
  if (tp.dup_ack_counter < TCP_FASTRETRANS_THRESH) {
    tp.dup_ack_counter++;
    tcp_send_ack(sk);
    return;
  }
  tp.compressed_ack++;
  if (hrtimer_is_queued(tp.compressed_ack_timer)) return;
  let rtt = tp.rcv_rtt_est.rtt_us;
  if (tp.srtt_us !== 0 && tp.srtt_us < rtt) rtt = tp.srtt_us;
  // 5 % of the RTT.
  const delay = Math.min(ipv4.sysctl_tcp_comp_sack_delay_ns, Math.floor(rtt * 125 / 20));
  sock_hold(sk);
  hrtimer_start_range_ns(
    tp.compressed_ack_timer,
    delay,
    ipv4.sysctl_tcp_comp_sack_slack_ns,
    HRTIMER_MODE_REL_PINNED_SOFT,
  );
}

function tcp_ack_snd_check(sk: sock): void {
  // Data that went out has acknowledged already.
  if (inet_csk_ack_scheduled(sk)) __tcp_ack_snd_check(sk, true);
}

// ---- Urgent data (RFC 6093) ----

/** A segment with URG: where is the urgent byte? */
function tcp_check_urg(sk: sock, th: tcphdr): void {
  const tp = tcp_sk(sk);
  let ptr = th.urg_ptr;
  if (ptr !== 0 && sk.skc_net.ipv4.sysctl_tcp_stdurg === 0) ptr--;
  ptr = (ptr + th.seq) | 0;
  if (after(tp.copied_seq, ptr) || before(ptr, tp.rcv_nxt)) return;
  if (tp.urg_data !== 0 && !after(ptr, tp.urg_seq)) return;

  // The program stands at an urgent byte that it has not read: it is lost, as on BSD.
  if (
    tp.urg_seq === tp.copied_seq && tp.urg_data !== 0 && !sock_flag(sk, SOCK_URGINLINE) &&
    tp.copied_seq !== tp.rcv_nxt
  ) {
    const skb = skb_peek(sk.sk_receive_queue);
    tp.copied_seq = (tp.copied_seq + 1) | 0;
    if (skb !== null && !before(tp.copied_seq, TCP_SKB_CB(skb).end_seq)) {
      __skb_unlink(skb, sk.sk_receive_queue);
      __kfree_skb(skb);
    }
  }
  tp.urg_data = TCP_URG_NOTYET;
  tp.urg_seq = ptr;
  tp.pred_flags = 0;
}

const urg_byte = new Uint8Array(1);

/** Takes the urgent byte out of the segment that holds it. */
function tcp_urg(sk: sock, skb: sk_buff, th: tcphdr): void {
  const tp = tcp_sk(sk);
  if (th.urg) tcp_check_urg(sk, th);
  if (tp.urg_data !== TCP_URG_NOTYET) return;
  const ptr = (tp.urg_seq - th.seq + th.doff * 4 - (th.syn ? 1 : 0)) >>> 0;
  if (ptr < skb.len) {
    skb_copy_bits(skb, ptr, urg_byte, 1);
    tp.urg_data = TCP_URG_VALID | urg_byte[0];
    if (!sock_flag(sk, SOCK_DEAD)) sk.sk_data_ready(sk);
  }
}

// ---- Segments of a connection ----

/** A RST right at the FIN before rcv_nxt: sent by ends that closed and were then killed. */
function tcp_reset_check(sk: sock, skb: sk_buff): boolean {
  return TCP_SKB_CB(skb).seq === ((tcp_sk(sk).rcv_nxt - 1) | 0) &&
    ((1 << sk.skc_state) & (TCPF_CLOSE_WAIT | TCPF_LAST_ACK | TCPF_CLOSING)) !== 0;
}

/** The segment's end of SACKed data, the highest. @local */
function tcp_max_sack(tp: tcp_sock): number {
  let max_sack = tp.selective_acks[0].end_seq;
  for (let i = 1; i < tp.rx_opt.num_sacks; i++) {
    const end_seq = tp.selective_acks[i].end_seq;
    if (after(end_seq, max_sack)) max_sack = end_seq;
  }
  return max_sack;
}

/**
 * Checks timestamp, sequence numbers, RST and SYN of a segment; false if that was the end of it.
 * @rfc 9293 3.10.7.4 (first to fourth), 7323 5, 5961 3.2, 4.2
 */
function tcp_validate_incoming(sk: sock, skb: sk_buff, th: tcphdr, syn_inerr: boolean): boolean {
  const tp = tcp_sk(sk);
  const net = sk.skc_net;
  const cb = TCP_SKB_CB(skb);

  if (
    tcp_fast_parse_options(net, skb, th, tp) && tp.rx_opt.saw_tstamp &&
    !tcp_paws_check(tp.rx_opt, TCP_PAWS_WINDOW)
  ) {
    const reason = tcp_disordered_ack_check(sk, skb);
    // A RST is accepted whatever its timestamp.
    if (reason !== SKB_NOT_DROPPED_YET && !th.rst) {
      if (th.syn) {
        tcp_syn_challenge(sk, skb, syn_inerr);
        return false;
      }
      // Old ACKs are common, and nobody needs an answer.
      if (reason === SKB_DROP_REASON_TCP_RFC7323_PAWS_ACK) {
        NET_INC_STATS(net, LINUX_MIB_PAWS_OLD_ACK);
      } else {
        NET_INC_STATS(net, LINUX_MIB_PAWSESTABREJECTED);
        if (!tcp_oow_rate_limited(net, skb, LINUX_MIB_TCPACKSKIPPEDPAWS, tp)) {
          tcp_send_dupack(sk, skb);
        }
      }
      tcp_drop_reason(sk, skb, reason);
      return false;
    }
  }

  const reason = tcp_sequence(sk, skb);
  if (reason !== SKB_NOT_DROPPED_YET) {
    if (!th.rst) {
      if (th.syn) {
        tcp_syn_challenge(sk, skb, syn_inerr);
        return false;
      }
      if (reason !== SKB_DROP_REASON_TCP_OLD_SEQUENCE) {
        NET_INC_STATS(net, LINUX_MIB_BEYOND_WINDOW);
      }
      if (!tcp_oow_rate_limited(net, skb, LINUX_MIB_TCPACKSKIPPEDSEQ, tp)) {
        tcp_send_dupack(sk, skb);
      }
    } else if (tcp_reset_check(sk, skb)) {
      tcp_reset(sk, skb);
      __kfree_skb(skb);
      return false;
    }
    tcp_drop_reason(sk, skb, reason);
    return false;
  }

  if (th.rst) {
    if (
      cb.seq === tp.rcv_nxt || tcp_reset_check(sk, skb) ||
      (tcp_is_sack(tp) && tp.rx_opt.num_sacks > 0 && cb.seq === tcp_max_sack(tp))
    ) {
      tcp_reset(sk, skb);
      __kfree_skb(skb);
      return false;
    }
    // A middlebox may not like Fast Open.
    if (tp.syn_fastopen && tp.data_segs_in === 0 && sk.skc_state === TCP_ESTABLISHED) {
      tcp_fastopen_active_disable(sk);
    }
    tcp_send_challenge_ack(sk);
    tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_RESET);
    return false;
  }

  if (th.syn) {
    // The SYN+ACK that ends a simultaneous open repeats the SYN.
    if (
      sk.skc_state === TCP_SYN_RECV && sk.sk_socket !== null && th.ack &&
      ((cb.seq + 1) | 0) === cb.end_seq && ((cb.seq + 1) | 0) === tp.rcv_nxt &&
      cb.ack_seq === tp.snd_nxt
    ) return true;
    tcp_syn_challenge(sk, skb, syn_inerr);
    return false;
  }
  return true;
}

/** A SYN on a connection: the peer must prove that it means it. @rfc 5961 4.2 @local */
function tcp_syn_challenge(sk: sock, skb: sk_buff, syn_inerr: boolean): void {
  const net = sk.skc_net;
  if (syn_inerr) TCP_INC_STATS(net, TCP_MIB_INERRS);
  NET_INC_STATS(net, LINUX_MIB_TCPSYNCHALLENGE);
  tcp_send_challenge_ack(sk);
  tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_INVALID_SYN);
}

/** The segment's checksum is wrong. */
export function tcp_checksum_complete(skb: sk_buff): boolean {
  return !skb_csum_unnecessary(skb) && __skb_checksum_complete(skb) !== 0;
}

/** @local */
function tcp_csum_error(sk: sock, skb: sk_buff): void {
  const net = sk.skc_net;
  TCP_INC_STATS(net, TCP_MIB_CSUMERRORS);
  TCP_INC_STATS(net, TCP_MIB_INERRS);
  tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_CSUM);
}

/**
 * A segment in the ESTABLISHED state. What header prediction expects, the next data or an ACK with the window
 * unchanged, takes the short way; all else goes through every check.
 */
export function tcp_rcv_established(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const th = tcp_hdr(skb);
  const cb = TCP_SKB_CB(skb);
  const len = skb.len;
  tcp_mstamp_refresh(tp);
  if (sk.sk_rx_dst === null) tp.icsk_af_ops.sk_rx_dst_set(sk, skb);
  tp.rx_opt.saw_tstamp = false;

  let validated = false;
  slow_path:
  if (
    (th.flag_word & TCP_HP_BITS) === tp.pred_flags && cb.seq === tp.rcv_nxt &&
    !after(cb.ack_seq, tp.snd_nxt)
  ) {
    const tcp_header_len = tp.tcp_header_len;
    const tstamp = tcp_header_len === TCP_HLEN + TCPOLEN_TSTAMP_ALIGNED;
    if (tstamp) {
      if (!tcp_parse_aligned_timestamp(tp, th)) break slow_path;
      // PAWS looks closer.
      if (((tp.rx_opt.rcv_tsval - tp.rx_opt.ts_recent) | 0) < 0) break slow_path;
    }

    if (len <= tcp_header_len) {
      if (len < tcp_header_len) {
        TCP_INC_STATS(sk.skc_net, TCP_MIB_INERRS);
        tcp_drop_reason(sk, skb, SKB_DROP_REASON_PKT_TOO_SMALL);
        return;
      }
      // We send, the peer acknowledges.
      if (tstamp && tp.rcv_nxt === tp.rcv_wup) tcp_store_ts_recent(tp);
      tcp_ack(sk, skb, 0);
      __kfree_skb(skb);
      tcp_data_snd_check(sk);
      tp.rcv_rtt_last_tsecr = tp.rx_opt.rcv_tsecr;
      return;
    }

    // We receive.
    if (tcp_checksum_complete(skb)) {
      tcp_csum_error(sk, skb);
      return;
    }
    if (after(cb.end_seq, (tp.rcv_nxt + tcp_receive_window(tp)) | 0)) break slow_path;
    if (skb.truesize > sk.sk_forward_alloc) {
      validated = true;
      break slow_path;
    }
    if (tstamp && tp.rcv_nxt === tp.rcv_wup) tcp_store_ts_recent(tp);
    tcp_rcv_rtt_measure_ts(sk, skb);
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPHPHITS);
    skb_dst_drop(skb);
    __skb_pull(skb, tcp_header_len);
    const eaten = tcp_queue_rcv(sk, skb);
    const fragstolen = coalesced.fragstolen;
    tcp_event_data_recv(sk, skb);
    let ack_due = true;
    if (cb.ack_seq !== tp.snd_una) {
      tcp_ack(sk, skb, FLAG_DATA);
      tcp_data_snd_check(sk);
      ack_due = inet_csk_ack_scheduled(sk);
    } else {
      tcp_update_wl(tp, cb.seq);
    }
    if (ack_due) __tcp_ack_snd_check(sk, false);
    if (eaten) kfree_skb_partial(skb, fragstolen);
    tcp_data_ready(sk);
    return;
  }

  if (!validated) {
    if (len < th.doff << 2 || tcp_checksum_complete(skb)) {
      tcp_csum_error(sk, skb);
      return;
    }
    if (!th.ack && !th.rst && !th.syn) {
      tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_FLAGS);
      return;
    }
    if (!tcp_validate_incoming(sk, skb, th, true)) return;
  }

  const reason = tcp_ack(sk, skb, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT);
  if (reason < 0) {
    tcp_drop_reason(sk, skb, -reason);
    return;
  }
  tcp_rcv_rtt_measure_ts(sk, skb);
  tcp_urg(sk, skb, th);
  tcp_data_queue(sk, skb);
  tcp_data_snd_check(sk);
  tcp_ack_snd_check(sk);
}

// ---- Opening ----

/** The window to start with; one packet where the handshake was lost more than once. @rfc 5681 3.1 @local */
function tcp_set_initial_cwnd(sk: sock): void {
  const tp = tcp_sk(sk);
  const lost = tp.total_retrans > 1 && tp.undo_marker !== 0;
  tcp_snd_cwnd_set(tp, lost ? 1 : tcp_init_cwnd(tp, sk.sk_dst_cache));
  tp.snd_cwnd_stamp = tcp_jiffies32();
}

/** Sets up what data needs: route, metrics, window, congestion control, buffers. */
export function tcp_init_transfer(sk: sock): void {
  const tp = tcp_sk(sk);
  tp.icsk_af_ops.rebuild_header(sk);
  tcp_init_metrics(sk);
  tcp_set_initial_cwnd(sk);
  if (!tp.icsk_ca_initialized) tcp_init_congestion_control(sk);
  tcp_init_buffer_space(sk);
}

/** Our SYN was acknowledged: the connection is established. */
export function tcp_finish_connect(sk: sock, skb: sk_buff | null): void {
  const tp = tcp_sk(sk);
  tcp_set_state(sk, TCP_ESTABLISHED);
  tp.icsk_ack.lrcvtime = tcp_jiffies32();
  if (skb !== null) tp.icsk_af_ops.sk_rx_dst_set(sk, skb);
  tcp_init_transfer(sk);

  // Or the first write would find the connection idle since it was made.
  tp.lsndtime = tcp_jiffies32();
  if (sock_flag(sk, SOCK_KEEPOPEN)) inet_csk_reset_keepalive_timer(sk, keepalive_time_when(tp));
  if (tp.rx_opt.snd_wscale === 0) __tcp_fast_path_on(tp, tp.snd_wnd);
  else tp.pred_flags = 0;
}

const fastopen_opt = new tcp_options_received();

/** The SYN+ACK to a Fast Open SYN; true if its data must be sent again. @rfc 7413 4.2.2 */
function tcp_rcv_fastopen_synack(sk: sock, synack: sk_buff, cookie: tcp_fastopen_cookie): boolean {
  const tp = tcp_sk(sk);
  const net = sk.skc_net;
  const data = tp.syn_data ? tcp_rtx_queue_head(sk) : null;
  let mss = tp.rx_opt.mss_clamp;
  let try_exp = 0;
  let syn_drop = false;
  if (mss === tp.rx_opt.user_mss) {
    // The program's limit hides what the peer said.
    tcp_clear_options(fastopen_opt);
    fastopen_opt.user_mss = 0;
    fastopen_opt.mss_clamp = 0;
    tcp_parse_options(net, synack, fastopen_opt, false, null);
    mss = fastopen_opt.mss_clamp;
  }
  if (!tp.syn_fastopen) {
    cookie.len = -1;
  } else if (tp.total_retrans !== 0) {
    // Only a plain SYN got through.
    syn_drop = cookie.len < 0 && data !== null;
  } else if (cookie.len < 0 && !tp.syn_data) {
    // Asked for a cookie in vain: the other kind of option next time.
    try_exp = tp.syn_fastopen_exp ? 2 : 1;
  }
  tcp_fastopen_cache_set(sk, mss, cookie, syn_drop, try_exp);

  if (data !== null) {
    tp.fastopen_client_fail = tp.total_retrans !== 0 ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
    for (let skb: sk_buff | null = data; skb !== null; skb = skb_rb_next(skb)) {
      tcp_mark_skb_lost(sk, skb);
    }
    tcp_non_congestion_loss_retransmit(sk);
    NET_INC_STATS(net, LINUX_MIB_TCPFASTOPENACTIVEFAIL);
    return true;
  }
  tp.syn_data_acked = tp.syn_data;
  if (tp.syn_data_acked) {
    NET_INC_STATS(net, LINUX_MIB_TCPFASTOPENACTIVE);
    // SYN and data were two packets to tcp_ack().
    if (tp.delivered > 1) tp.delivered--;
  }
  tcp_fastopen_add_skb(sk, synack);
  return false;
}

/** The handshake's timeout was spurious if the first SYN's timestamp is echoed. */
function tcp_try_undo_spurious_syn(sk: sock): void {
  const tp = tcp_sk(sk);
  const syn_stamp = tp.retrans_stamp;
  if (
    tp.undo_marker !== 0 && syn_stamp !== 0 && tp.rx_opt.saw_tstamp &&
    syn_stamp === tp.rx_opt.rcv_tsecr
  ) tp.undo_marker = 0;
}

const synsent_foc = new tcp_fastopen_cookie();

/**
 * A segment in the SYN_SENT state. 0: done with; SKB_DROP_REASON_*: the peer must be sent a RST;
 * -1: established, look for more.
 * @rfc 9293 3.10.7.3
 */
function tcp_rcv_synsent_state_process(sk: sock, skb: sk_buff, th: tcphdr): number {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  const saved_clamp = tp.rx_opt.mss_clamp;
  let reason = SKB_DROP_REASON_TCP_FLAGS;
  synsent_foc.len = -1;
  tcp_parse_options(sk.skc_net, skb, tp.rx_opt, false, synsent_foc);
  if (tp.rx_opt.saw_tstamp && tp.rx_opt.rcv_tsecr !== 0) {
    tp.rx_opt.rcv_tsecr = (tp.rx_opt.rcv_tsecr - tp.tsoffset) | 0;
  }

  undo: {
    if (th.ack) {
      if (!after(cb.ack_seq, tp.snd_una) || after(cb.ack_seq, tp.snd_nxt)) {
        // Of an earlier connection with these ports: after our RST the SYN may be sent again at once.
        if (tp.icsk_retransmits === 0) {
          inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, TCP_TIMEOUT_MIN, tcp_rto_max(sk));
        }
        tcp_synsent_undo(tp, saved_clamp);
        return after(cb.ack_seq, tp.snd_nxt)
          ? SKB_DROP_REASON_TCP_ACK_UNSENT_DATA
          : SKB_DROP_REASON_TCP_OLD_ACK;
      }
      if (
        tp.rx_opt.saw_tstamp && tp.rx_opt.rcv_tsecr !== 0 &&
        !between(tp.rx_opt.rcv_tsecr, tp.retrans_stamp, tcp_time_stamp(tp))
      ) {
        NET_INC_STATS(sk.skc_net, LINUX_MIB_PAWSACTIVEREJECTED);
        tcp_synsent_undo(tp, saved_clamp);
        return SKB_DROP_REASON_TCP_RFC7323_PAWS;
      }
      if (th.rst) {
        tcp_reset(sk, skb);
        __kfree_skb(skb);
        return 0;
      }
      if (!th.syn) break undo;
      return tcp_rcv_synack(sk, skb, th);
    }

    if (th.rst) {
      reason = SKB_DROP_REASON_TCP_RESET;
      break undo;
    }
    if (
      tp.rx_opt.ts_recent_stamp !== 0 && tp.rx_opt.saw_tstamp &&
      tcp_paws_reject(tp.rx_opt, false)
    ) {
      reason = SKB_DROP_REASON_TCP_RFC7323_PAWS;
      break undo;
    }
    if (th.syn) {
      tcp_rcv_crossed_syn(sk, skb, th);
      return 0;
    }
  }
  tcp_synsent_undo(tp, saved_clamp);
  tcp_drop_reason(sk, skb, reason);
  return 0;
}

/** Forgets what a segment that was no answer to our SYN offered. @local */
function tcp_synsent_undo(tp: tcp_sock, saved_clamp: number): void {
  tcp_clear_options(tp.rx_opt);
  tp.rx_opt.mss_clamp = saved_clamp;
}

/** The SYN+ACK that our SYN asked for. @local */
function tcp_rcv_synack(sk: sock, skb: sk_buff, th: tcphdr): number {
  const tp = tcp_sk(sk);
  const rx_opt = tp.rx_opt;
  const seq = TCP_SKB_CB(skb).seq;
  tcp_ecn_rcv_synack(tp, th);
  tcp_init_wl(tp, seq);
  tcp_try_undo_spurious_syn(sk);
  tcp_ack(sk, skb, FLAG_SLOWPATH);

  tp.rcv_nxt = (seq + 1) | 0;
  tp.rcv_wup = tp.rcv_nxt;
  // The window of a SYN is not scaled. @rfc 7323 2.2
  tp.snd_wnd = th.window;
  if (!rx_opt.wscale_ok) {
    rx_opt.snd_wscale = 0;
    rx_opt.rcv_wscale = 0;
    tp.window_clamp = Math.min(tp.window_clamp, 65535);
  }
  if (rx_opt.saw_tstamp) {
    rx_opt.tstamp_ok = true;
    tp.tcp_header_len = TCP_HLEN + TCPOLEN_TSTAMP_ALIGNED;
    tp.advmss -= TCPOLEN_TSTAMP_ALIGNED;
    tcp_store_ts_recent(tp);
  } else {
    tp.tcp_header_len = TCP_HLEN;
  }
  tcp_mtup_init(sk);
  tcp_sync_mss(sk, tp.icsk_pmtu_cookie);
  tcp_initialize_rcv_mss(sk);
  tp.copied_seq = tp.rcv_nxt;
  tcp_finish_connect(sk, skb);

  const fastopen_fail = (tp.syn_fastopen || tp.syn_data) &&
    tcp_rcv_fastopen_synack(sk, skb, synsent_foc);
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_state_change(sk);
  if (fastopen_fail) return -1;
  if (
    sk.sk_write_pending !== 0 || tp.icsk_accept_queue.rskq_defer_accept !== 0 ||
    inet_csk_in_pingpong_mode(sk)
  ) {
    // Data is about to go out, and can bear the ACK.
    inet_csk_schedule_ack(sk);
    tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
    inet_csk_reset_xmit_timer(sk, ICSK_TIME_DACK, TCP_DELACK_MAX, tcp_rto_max(sk));
    __kfree_skb(skb);
    return 0;
  }
  tcp_send_ack(sk);
  return -1;
}

/** A SYN in SYN_SENT: both ends open at once. @rfc 9293 3.5 @local */
function tcp_rcv_crossed_syn(sk: sock, skb: sk_buff, th: tcphdr): void {
  const tp = tcp_sk(sk);
  const seq = TCP_SKB_CB(skb).seq;
  tcp_set_state(sk, TCP_SYN_RECV);
  tp.tcp_header_len = TCP_HLEN;
  if (tp.rx_opt.saw_tstamp) {
    tp.rx_opt.tstamp_ok = true;
    tcp_store_ts_recent(tp);
    tp.tcp_header_len += TCPOLEN_TSTAMP_ALIGNED;
  }
  tp.rcv_nxt = (seq + 1) | 0;
  tp.copied_seq = tp.rcv_nxt;
  tp.rcv_wup = tp.rcv_nxt;
  tp.snd_wnd = th.window;
  tp.snd_wl1 = seq;
  tp.max_window = tp.snd_wnd;
  tcp_ecn_rcv_syn(tp, th);
  tcp_mtup_init(sk);
  tcp_sync_mss(sk, tp.icsk_pmtu_cookie);
  tcp_initialize_rcv_mss(sk);
  tcp_send_synack(sk);
  // Its data, if any, is ignored: the peer will send it again.
  __kfree_skb(skb);
}

/** The SYN+ACK of a Fast Open child was acknowledged. */
function tcp_rcv_synrecv_state_fastopen(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.icsk_ca_state === TCP_CA_Loss && tp.packets_out === 0) tcp_try_undo_recovery(sk);
  tp.retrans_stamp = 0;
  tcp_update_rto_time(tp);
  tp.icsk_retransmits = 0;
  reqsk_fastopen_remove(sk, tp.fastopen_rsk!, false);
  // Data may be out already.
  tcp_rearm_rto(sk);
}

/** The last ACK of the handshake, in SYN_RECV. @local */
function tcp_rcv_synrecv_ack(sk: sock, skb: sk_buff, th: tcphdr, req: request_sock | null): void {
  const tp = tcp_sk(sk);
  tp.delivered++;
  if (tp.srtt_us === 0) tcp_synack_rtt_meas(sk, req);
  if (tp.rx_opt.tstamp_ok) tp.advmss -= TCPOLEN_TSTAMP_ALIGNED;
  if (req !== null) {
    tcp_rcv_synrecv_state_fastopen(sk);
  } else {
    tcp_try_undo_spurious_syn(sk);
    tp.retrans_stamp = 0;
    tp.icsk_af_ops.rebuild_header(sk);
    if (!tp.icsk_ca_initialized) tcp_init_congestion_control(sk);
    tcp_mtup_init(sk);
    tp.copied_seq = tp.rcv_nxt;
    tcp_init_buffer_space(sk);
  }
  tcp_set_state(sk, TCP_ESTABLISHED);
  sk.sk_state_change(sk);
  tp.snd_una = TCP_SKB_CB(skb).ack_seq;
  tp.snd_wnd = th.window << tp.rx_opt.snd_wscale;
  tcp_init_wl(tp, TCP_SKB_CB(skb).seq);
  if (req === null) {
    tcp_init_metrics(sk);
    tcp_set_initial_cwnd(sk);
  }
  if (tp.icsk_ca_ops.cong_control === undefined) tcp_update_pacing_rate(sk);
  tp.lsndtime = tcp_jiffies32();
  tcp_initialize_rcv_mss(sk);
  tcp_fast_path_on(tp);
  if ((sk.sk_shutdown & SEND_SHUTDOWN) !== 0) tcp_shutdown(sk, SEND_SHUTDOWN);
}

/** What FIN_WAIT1 goes on with after an ACK: 0 with the segment, 1 a RST is due, 2 the socket is gone. @local */
function tcp_rcv_fin_wait1_ack(sk: sock, skb: sk_buff, th: tcphdr): number {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  if (tp.fastopen_rsk !== null) tcp_rcv_synrecv_state_fastopen(sk);
  if (tp.snd_una !== tp.write_seq) return 0;
  tcp_set_state(sk, TCP_FIN_WAIT2);
  sk.sk_shutdown |= SEND_SHUTDOWN;
  sk_dst_confirm(sk);
  if (!sock_flag(sk, SOCK_DEAD)) {
    // A close() that lingers waits for this.
    sk.sk_state_change(sk);
    return 0;
  }
  const fin = th.fin;
  if (
    tp.linger2 < 0 ||
    (cb.end_seq !== cb.seq && after((cb.end_seq - (fin ? 1 : 0)) | 0, tp.rcv_nxt))
  ) {
    // Data that no one will read.
    if (tp.linger2 >= 0 && tp.syn_fastopen && fin) tcp_fastopen_active_disable(sk);
    tcp_done(sk);
    NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPABORTONDATA);
    return 1;
  }
  const tmo = tcp_fin_time(sk);
  if (tmo > TCP_TIMEWAIT_LEN) {
    inet_csk_reset_keepalive_timer(sk, tmo - TCP_TIMEWAIT_LEN);
  } else if (fin || sock_owned_by_user(sk)) {
    // The FIN must still be processed by this socket.
    inet_csk_reset_keepalive_timer(sk, tmo);
  } else {
    tcp_time_wait(sk, TCP_FIN_WAIT2, tmo);
    return 2;
  }
  return 0;
}

/**
 * A segment in any state but ESTABLISHED and TIME_WAIT. SKB_DROP_REASON_* where the peer must be sent
 * a RST (skb is the caller's then), else 0.
 * @rfc 9293 3.10.7
 */
export function tcp_rcv_state_process(sk: sock, skb: sk_buff): number {
  const tp = tcp_sk(sk);
  const cb = TCP_SKB_CB(skb);
  const th = tcp_hdr(skb);
  switch (sk.skc_state) {
    case TCP_CLOSE:
      tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_CLOSE);
      return 0;
    case TCP_LISTEN: {
      if (th.ack) return SKB_DROP_REASON_TCP_FLAGS;
      if (th.rst || !th.syn || th.fin) {
        tcp_drop_reason(sk, skb, th.rst ? SKB_DROP_REASON_TCP_RESET : SKB_DROP_REASON_TCP_FLAGS);
        return 0;
      }
      // It may come from the backlog, in the listener's task.
      local_bh_disable();
      const acceptable = tp.icsk_af_ops.conn_request(sk, skb) >= 0;
      local_bh_enable();
      if (!acceptable) return SKB_DROP_REASON_TCP_INVALID_SYN;
      consume_skb(skb);
      return 0;
    }
    case TCP_SYN_SENT: {
      tp.rx_opt.saw_tstamp = false;
      tcp_mstamp_refresh(tp);
      const queued = tcp_rcv_synsent_state_process(sk, skb, th);
      if (queued >= 0) return queued;
      tcp_urg(sk, skb, th);
      __kfree_skb(skb);
      tcp_data_snd_check(sk);
      return 0;
    }
  }

  tcp_mstamp_refresh(tp);
  tp.rx_opt.saw_tstamp = false;
  const req = tp.fastopen_rsk;
  if (req !== null && tcp_check_req(sk, skb, req, true, req_stolen) === null) {
    tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_FASTOPEN);
    return 0;
  }
  if (!th.ack && !th.rst && !th.syn) {
    tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_FLAGS);
    return 0;
  }
  if (!tcp_validate_incoming(sk, skb, th, false)) return 0;

  const reason = tcp_ack(sk, skb, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT | FLAG_NO_CHALLENGE_ACK);
  if (reason <= 0) {
    if (sk.skc_state === TCP_SYN_RECV) {
      return reason < 0 ? -reason : SKB_DROP_REASON_TCP_OLD_ACK;
    }
    // An old ACK will do while closing.
    if (reason < 0) {
      tcp_send_challenge_ack(sk);
      tcp_drop_reason(sk, skb, -reason);
      return 0;
    }
  }

  switch (sk.skc_state) {
    case TCP_SYN_RECV:
      tcp_rcv_synrecv_ack(sk, skb, th, req);
      break;
    case TCP_FIN_WAIT1: {
      const ret = tcp_rcv_fin_wait1_ack(sk, skb, th);
      if (ret === 1) return SKB_DROP_REASON_TCP_ABORT_ON_DATA;
      if (ret === 2) {
        __kfree_skb(skb);
        return 0;
      }
      break;
    }
    case TCP_CLOSING:
      if (tp.snd_una === tp.write_seq) {
        tcp_time_wait(sk, TCP_TIME_WAIT, 0);
        __kfree_skb(skb);
        return 0;
      }
      break;
    case TCP_LAST_ACK:
      if (tp.snd_una === tp.write_seq) {
        tcp_update_metrics(sk);
        tcp_done(sk);
        __kfree_skb(skb);
        return 0;
      }
      break;
  }

  tcp_urg(sk, skb, th);
  let queued = false;
  switch (sk.skc_state) {
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
      if (!before(cb.seq, tp.rcv_nxt)) break;
      // falls through
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
      // Data that no one will read: the peer is told. @rfc 9293 3.6.1
      if (
        (sk.sk_shutdown & RCV_SHUTDOWN) !== 0 && cb.end_seq !== cb.seq &&
        after((cb.end_seq - (th.fin ? 1 : 0)) | 0, tp.rcv_nxt)
      ) {
        NET_INC_STATS(sk.skc_net, LINUX_MIB_TCPABORTONDATA);
        tcp_reset(sk, skb);
        return SKB_DROP_REASON_TCP_ABORT_ON_DATA;
      }
      // falls through
    case TCP_ESTABLISHED:
      tcp_data_queue(sk, skb);
      queued = true;
      break;
  }
  // The data may have brought TIME_WAIT.
  if ((sk.skc_state as number) !== TCP_CLOSE) {
    tcp_data_snd_check(sk);
    tcp_ack_snd_check(sk);
  }
  if (!queued) {
    // Only what stands behind a FIN is lost; a mere ACK has done its work.
    if (cb.end_seq === cb.seq) __kfree_skb(skb);
    else tcp_drop_reason(sk, skb, SKB_DROP_REASON_TCP_INVALID_SEQUENCE);
  }
  return 0;
}

const req_stolen = { value: false };

// ---- A SYN to a listener ----

/** Whether the connection may use ECN: the SYN asks for it and is not marked itself. @rfc 3168 6.1.1 */
function tcp_ecn_create_request(
  req: request_sock,
  skb: sk_buff,
  listen_sk: sock,
  dst: dst_entry,
): void {
  const th = tcp_hdr(skb);
  if (!th.ece || !th.cwr) return;
  const ect = !INET_ECN_is_not_ect(TCP_SKB_CB(skb).ip_dsfield);
  const res1 = (th.flag_word & TCP_RESERVED_BITS) !== 0;
  const ecn_ok = listen_sk.skc_net.ipv4.sysctl_tcp_ecn !== 0 || dst_feature(dst, RTAX_FEATURE_ECN);
  if (((!ect || res1) && ecn_ok) || tcp_ca_needs_ecn(listen_sk)) inet_rsk(req).ecn_ok = true;
}

function tcp_openreq_init(
  req: request_sock,
  rx_opt: tcp_options_received,
  skb: sk_buff,
  sk: sock,
): void {
  const ireq = inet_rsk(req);
  const treq = tcp_rsk(req);
  const cb = TCP_SKB_CB(skb);
  const th = tcp_hdr(skb);
  // tcp_make_synack() sees by this that the window is to be chosen.
  treq.rsk_rcv_wnd = 0;
  treq.rcv_isn = cb.seq;
  treq.rcv_nxt = (cb.seq + 1) | 0;
  treq.snt_synack = 0;
  treq.last_oow_ack_time = 0;
  req.mss = rx_opt.mss_clamp;
  req.ts_recent = rx_opt.saw_tstamp ? rx_opt.rcv_tsval : 0;
  ireq.tstamp_ok = rx_opt.tstamp_ok;
  ireq.sack_ok = rx_opt.sack_ok !== 0;
  ireq.snd_wscale = rx_opt.snd_wscale;
  ireq.wscale_ok = rx_opt.wscale_ok;
  ireq.acked = false;
  ireq.ecn_ok = false;
  ireq.ir_rmt_port = th.source;
  ireq.ir_num = th.dest;
  ireq.ir_mark = inet_request_mark(sk, skb);
}

/** Makes the request_sock of a SYN; null where the listener is gone. */
export function inet_reqsk_alloc(
  ops: request_sock_ops,
  sk_listener: sock,
  attach_listener: boolean,
): request_sock | null {
  const req = reqsk_alloc(ops, sk_listener, attach_listener);
  if (req !== null) {
    const ireq = inet_rsk(req);
    ireq.ireq_opt = null;
    ireq.ireq_state = TCP_NEW_SYN_RECV;
    ireq.ireq_net = sk_listener.skc_net;
    ireq.ireq_family = sk_listener.skc_family;
    req.timeout = TCP_TIMEOUT_INIT;
  }
  return req;
}

/** The SYN queue is full: true if a SYN cookie is to be sent. @rfc 4987 */
function tcp_syn_flood_action(sk: sock): boolean {
  const want_cookie = sk.skc_net.ipv4.sysctl_tcp_syncookies !== 0;
  __NET_INC_STATS(
    sk.skc_net,
    want_cookie ? LINUX_MIB_TCPREQQFULLDOCOOKIES : LINUX_MIB_TCPREQQFULLDROP,
  );
  inet_csk(sk).icsk_accept_queue.synflood_warned = true;
  return want_cookie;
}

/** Keeps the SYN's headers for getsockopt(TCP_SAVED_SYN). */
function tcp_reqsk_record_syn(sk: sock, req: request_sock, skb: sk_buff): void {
  const save_syn = tcp_sk(sk).save_syn;
  if (save_syn === 0) return;
  const network_hdrlen = skb_network_header_len(skb);
  const tcp_hdrlen = tcp_hdr(skb).doff * 4;
  const mac_hdrlen = save_syn === 2 ? skb.network_header - skb.mac_header : 0;
  const base = skb.network_header - mac_hdrlen;
  req.saved_syn = {
    mac_hdrlen,
    network_hdrlen,
    tcp_hdrlen,
    data: skb.head.u8.slice(base, base + mac_hdrlen + network_hdrlen + tcp_hdrlen),
  };
}

/** The MSS that a SYN cookie is to bear; 0 if none is to be sent. */
export function tcp_get_syncookie_mss(
  _rsk_ops: request_sock_ops,
  af_ops: tcp_request_sock_ops,
  sk: sock,
  th: tcphdr,
): number {
  if (sk.skc_net.ipv4.sysctl_tcp_syncookies !== 2 && !inet_csk_reqsk_queue_is_full(sk)) return 0;
  if (!tcp_syn_flood_action(sk)) return 0;
  if (sk_acceptq_is_full(sk)) {
    NET_INC_STATS(sk.skc_net, LINUX_MIB_LISTENOVERFLOWS);
    return 0;
  }
  const mss = tcp_parse_mss_option(th, tcp_sk(sk).rx_opt.user_mss);
  return mss !== 0 ? mss : af_ops.mss_clamp;
}

const cookie_mss = { value: 0 };

/** The ISN that is a SYN cookie; bounds req.mss to what it can bear. */
function cookie_init_sequence(
  ops: tcp_request_sock_ops,
  sk: sock,
  skb: sk_buff,
  req: request_sock,
): number {
  tcp_synq_overflow(sk);
  __NET_INC_STATS(sk.skc_net, LINUX_MIB_SYNCOOKIESSENT);
  cookie_mss.value = req.mss;
  const isn = ops.cookie_init_seq(skb, cookie_mss);
  req.mss = cookie_mss.value;
  return isn;
}

// A listener's SYNs are processed with softirqs off, one by one.
const conn_opt = new tcp_options_received();
const conn_foc = new tcp_fastopen_cookie();
const conn_fl = new flowi4();

/** Answers a SYN: a request_sock enters ehash and a SYN+ACK leaves, or a SYN cookie does. 0 always. */
export function tcp_conn_request(
  rsk_ops: request_sock_ops,
  af_ops: tcp_request_sock_ops,
  sk: sock,
  skb: sk_buff,
): number {
  const tp = tcp_sk(sk);
  const net = sk.skc_net;
  const syncookies = net.ipv4.sysctl_tcp_syncookies;
  let isn = TCP_SKB_CB(skb).tcp_tw_isn;
  let want_cookie = false;

  // One that takes the place of a TIME_WAIT socket comes from a real peer.
  if ((syncookies === 2 || inet_csk_reqsk_queue_is_full(sk)) && isn === 0) {
    want_cookie = tcp_syn_flood_action(sk);
    if (!want_cookie) {
      tcp_listendrop(sk);
      return 0;
    }
  }
  if (sk_acceptq_is_full(sk)) {
    NET_INC_STATS(net, LINUX_MIB_LISTENOVERFLOWS);
    tcp_listendrop(sk);
    return 0;
  }
  const req = inet_reqsk_alloc(rsk_ops, sk, !want_cookie);
  if (req === null) {
    tcp_listendrop(sk);
    return 0;
  }
  const treq = tcp_rsk(req);
  req.syncookie = want_cookie;
  treq.af_specific = af_ops;
  treq.ts_off = 0;

  conn_foc.len = -1;
  tcp_clear_options(conn_opt);
  conn_opt.mss_clamp = af_ops.mss_clamp;
  conn_opt.user_mss = tp.rx_opt.user_mss;
  tcp_parse_options(net, skb, conn_opt, false, want_cookie ? null : conn_foc);
  // A cookie has room for options in the timestamp only.
  if (want_cookie && !conn_opt.saw_tstamp) tcp_clear_options(conn_opt);
  conn_opt.tstamp_ok = conn_opt.saw_tstamp;
  tcp_openreq_init(req, conn_opt, skb, sk);
  inet_rsk(req).no_srccheck = tp.transparent;
  inet_rsk(req).ir_iif = inet_request_bound_dev_if(sk, skb);
  af_ops.init_req(req, sk, skb);

  if (conn_opt.tstamp_ok) treq.ts_off = af_ops.init_ts_off(net, skb);
  if (!want_cookie && isn === 0) isn = af_ops.init_seq(skb);
  const dst = af_ops.route_req(sk, conn_fl, req);
  if (dst === null || (!want_cookie && tcp_synq_nearly_full(sk, req, dst, syncookies))) {
    __reqsk_free(req);
    tcp_listendrop(sk);
    return 0;
  }

  tcp_ecn_create_request(req, skb, sk, dst);
  if (want_cookie) {
    isn = cookie_init_sequence(af_ops, sk, skb, req);
    if (!conn_opt.tstamp_ok) inet_rsk(req).ecn_ok = false;
  }
  treq.snt_isn = isn;
  treq.txhash = net_tx_rndhash();
  treq.syn_tos = TCP_SKB_CB(skb).ip_dsfield;
  tcp_openreq_init_rwin(req, sk, dst);

  let fastopen_sk: sock | null = null;
  if (!want_cookie) {
    tcp_reqsk_record_syn(sk, req, skb);
    fastopen_sk = tcp_try_fastopen(sk, skb, req, conn_foc, dst);
  }
  if (fastopen_sk !== null) {
    af_ops.send_synack(fastopen_sk, dst, conn_fl, req, conn_foc, TCP_SYNACK_FASTOPEN, skb);
    // The child can be accepted before the handshake is over.
    if (inet_csk_reqsk_queue_add(sk, req, fastopen_sk) === null) {
      sock_put(fastopen_sk);
      reqsk_put(req);
      tcp_listendrop(sk);
      return 0;
    }
    sk.sk_data_ready(sk);
    sock_put(fastopen_sk);
  } else {
    treq.tfo_listener = false;
    if (!want_cookie) {
      req.timeout = tcp_timeout_init(sk);
      if (!inet_csk_reqsk_queue_hash_add(sk, req, req.timeout)) {
        reqsk_free(req);
        return 0;
      }
    }
    const synack_type = want_cookie ? TCP_SYNACK_COOKIE : TCP_SYNACK_NORMAL;
    af_ops.send_synack(sk, dst, conn_fl, req, conn_foc, synack_type, skb);
    if (want_cookie) {
      reqsk_free(req);
      return 0;
    }
  }
  reqsk_put(req);
  return 0;
}

/** Without SYN cookies the last quarter of the SYN queue is for peers that are known. @local */
function tcp_synq_nearly_full(
  sk: sock,
  req: request_sock,
  dst: dst_entry,
  syncookies: number,
): boolean {
  const max_syn_backlog = sk.skc_net.ipv4.sysctl_max_syn_backlog;
  return syncookies === 0 &&
    max_syn_backlog - inet_csk_reqsk_queue_len(sk) < max_syn_backlog >> 2 &&
    !tcp_peer_is_proven(req, dst);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's way out. tcp_push() and incoming ACKs call tcp_write_xmit(), which takes skbs from the write queue as
// far as pacing, congestion window, the peer's window, Nagle's rule and TSQ allow, and moves them to the retransmit
// queue. tcp_transmit_skb() puts header and options on a clone and hands it to IP. Timers and loss detection
// send again by tcp_retransmit_skb(). SYN, SYN+ACK, FIN, RST, ACK and probes are made here as well; so is the
// window that we advertise (tcp_select_window).

import { SKB_DROP_REASON_SKB_UCOPY_FAULT } from "../../include/net/dropreason.ts";
import { hrtimer_is_queued, HRTIMER_MODE_ABS_PINNED_SOFT } from "../../include/linux/hrtimer.ts";
import { HRTIMER_NORESTART } from "../../include/linux/hrtimer.ts";
import type { hrtimer, hrtimer_restart } from "../../include/linux/hrtimer.ts";
import { tasklet_struct } from "../../include/linux/interrupt.ts";
import {
  HZ,
  jiffies,
  jiffies_to_usecs,
  time_before,
  time_before_eq,
  usecs_to_jiffies,
} from "../../include/linux/jiffies.ts";
import { ALIGN, clamp, DIV_ROUND_UP, round_down, rounddown } from "../../include/linux/kernel.ts";
import { ilog2 } from "../../include/linux/log2.ts";
import { SOCK_NOSPACE } from "../../include/linux/net.ts";
import { GSO_LEGACY_MAX_SIZE, net_xmit_eval } from "../../include/linux/netdevice.ts";
import {
  __skb_queue_after,
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_PARTIAL,
  PAGE_SIZE,
  skb_cloned,
  skb_dst_set,
  SKB_GSO_TCP_ECN,
  skb_headlen,
  skb_headroom,
  skb_mstamp_get,
  skb_orphan,
  skb_reserve,
  skb_reset_transport_header,
  skb_set_delivery_time,
  SKB_TRUESIZE,
  SKB_WITH_OVERHEAD,
  SKBTX_ANY_TSTAMP,
  tcp_hdr,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, tcp_skb_cb } from "../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { NSEC_PER_MSEC, NSEC_PER_SEC, NSEC_PER_USEC } from "../../include/linux/time64.ts";
import { copy_from_iter } from "../../include/linux/uio.ts";
import {
  dst_feature,
  dst_metric,
  dst_metric_advmss,
  dst_mtu,
  RTAX_CC_ALGO,
  RTAX_FEATURE_ECN,
  RTAX_INITRWND,
  RTAX_WINDOW,
} from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  ICSK_ACK_NOMEM,
  ICSK_ACK_PUSHED,
  ICSK_ACK_SCHED,
  ICSK_ACK_TIMER,
  ICSK_TIME_DACK,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inet_csk,
  inet_csk_ack_scheduled,
  inet_csk_in_pingpong_mode,
  inet_csk_inc_pingpong_cnt,
} from "../../include/net/inet_connection_sock.ts";
import { INET_ECN_dontxmit, INET_ECN_xmit } from "../../include/net/inet_ecn.ts";
import { inet_rsk, inet_sk } from "../../include/net/inet_sock.ts";
import type { inet_request_sock } from "../../include/net/inet_sock.ts";
import { __NET_INC_STATS, NET_ADD_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import {
  __sock_put,
  net_tx_rndhash,
  PACING_UNLIMITED,
  SK_PACING_NONE,
  sk_wmem_alloc_get,
  sk_wmem_queued_add,
  SOCK_DONE,
  sock_hold,
  sock_net,
  sock_owned_by_user,
  SOCK_RCVBUF_LOCK,
  sock_reset_flag,
  SOCK_TXREHASH_ENABLED,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  after,
  before,
  between,
  CA_EVENT_CWND_RESTART,
  CA_EVENT_TX_START,
  cookie_init_timestamp,
  MAX_TCP_HEADER,
  MAX_TCP_OPTION_SPACE,
  MAX_TCP_WINDOW,
  skb_is_tcp_pure_ack,
  skb_set_tcp_pure_ack,
  TCP_ADD_STATS,
  tcp_adjust_rcv_ssthresh,
  tcp_bound_to_half_wnd,
  tcp_ca_dst_locked,
  tcp_ca_event,
  tcp_ca_needs_ecn,
  TCP_CHRONO_BUSY,
  TCP_CHRONO_RWND_LIMITED,
  TCP_CHRONO_SNDBUF_LIMITED,
  TCP_CHRONO_UNSPEC,
  tcp_clock_ns,
  tcp_current_ssthresh,
  TCP_DELACK_MAX,
  TCP_DELACK_MIN,
  TCP_ECN_DEMAND_CWR,
  TCP_ECN_OK,
  TCP_ECN_QUEUE_CWR,
  TCP_FRAG_IN_RTX_QUEUE,
  TCP_FRAG_IN_WRITE_QUEUE,
  tcp_full_space,
  tcp_in_cwnd_reduction,
  TCP_INC_STATS,
  tcp_init_wl,
  tcp_is_cwnd_limited,
  tcp_is_reno,
  tcp_is_sack,
  tcp_jiffies32,
  tcp_max_tso_deferred_mss,
  TCP_MAX_WSCALE,
  tcp_min_rtt,
  tcp_mss_clamp,
  TCP_NAGLE_CORK,
  TCP_NAGLE_OFF,
  TCP_NAGLE_PUSH,
  tcp_needs_internal_pacing,
  tcp_packets_in_flight,
  tcp_passive_fastopen,
  tcp_receive_window,
  TCP_RESOURCE_PROBE_INTERVAL,
  tcp_rsk,
  tcp_rto_max,
  tcp_rto_min,
  tcp_rto_min_us,
  tcp_rtx_and_write_queues_empty,
  tcp_send_head,
  tcp_sk,
  tcp_skb_can_collapse,
  tcp_skb_is_last,
  tcp_skb_mss,
  tcp_skb_pcount,
  tcp_skb_pcount_set,
  tcp_skb_timestamp,
  tcp_skb_timestamp_us,
  tcp_snd_cwnd,
  tcp_snd_cwnd_set,
  tcp_space,
  TCP_SYNACK_COOKIE,
  TCP_SYNACK_FASTOPEN,
  TCP_SYNACK_NORMAL,
  tcp_time_stamp,
  TCP_TIMEOUT_INIT,
  TCP_TIMEOUT_MIN_US,
  TCP_TSQ_DEFERRED,
  tcp_wnd_end,
  tcp_write_queue_empty,
  tcp_write_queue_tail,
  TCPCB_EVER_RETRANS,
  TCPCB_LOST,
  TCPCB_RETRANS,
  TCPCB_SACKED_ACKED,
  TCPCB_SACKED_RETRANS,
  TCPF_ACK_DEFERRED,
  TCPF_DELACK_TIMER_DEFERRED,
  TCPF_MTU_REDUCED_DEFERRED,
  TCPF_TSQ_DEFERRED,
  TCPF_WRITE_TIMER_DEFERRED,
  TCPHDR_ACK,
  TCPHDR_CWR,
  TCPHDR_ECE,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCPHDR_SYN_ECN,
  TCPHDR_URG,
  TCPOLEN_EXP_FASTOPEN_BASE,
  TCPOLEN_FASTOPEN_BASE,
  TCPOLEN_MSS,
  TCPOLEN_MSS_ALIGNED,
  TCPOLEN_SACK_BASE,
  TCPOLEN_SACK_BASE_ALIGNED,
  TCPOLEN_SACK_PERBLOCK,
  TCPOLEN_SACK_PERM,
  TCPOLEN_SACKPERM_ALIGNED,
  TCPOLEN_TIMESTAMP,
  TCPOLEN_TSTAMP_ALIGNED,
  TCPOLEN_WINDOW,
  TCPOLEN_WSCALE_ALIGNED,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  TCPOPT_FASTOPEN_MAGIC,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
  TSQF_QUEUED,
  TSQF_THROTTLED,
} from "../../include/net/tcp.ts";
import type { tcp_fastopen_cookie } from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCPF_CLOSE_WAIT,
  TCPF_CLOSING,
  TCPF_ESTABLISHED,
  TCPF_FIN_WAIT1,
  TCPF_LAST_ACK,
} from "../../include/net/tcp_states.ts";
import {
  EAGAIN,
  EBUSY,
  ECONNREFUSED,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  ENOBUFS,
  ENOMEM,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_TCPABORTFAILED,
  LINUX_MIB_TCPACKCOMPRESSED,
  LINUX_MIB_TCPFASTRETRANS,
  LINUX_MIB_TCPFROMZEROWINDOWADV,
  LINUX_MIB_TCPLOSSPROBES,
  LINUX_MIB_TCPORIGDATASENT,
  LINUX_MIB_TCPRETRANSFAIL,
  LINUX_MIB_TCPSLOWSTARTRETRANS,
  LINUX_MIB_TCPSPURIOUS_RTX_HOSTQUEUES,
  LINUX_MIB_TCPSYNRETRANS,
  LINUX_MIB_TCPTOZEROWINDOWADV,
  LINUX_MIB_TCPWANTZEROWINDOWADV,
  LINUX_MIB_TCPWINPROBE,
  LINUX_MIB_TCPWQUEUETOOBIG,
  TCP_MIB_ACTIVEOPENS,
  TCP_MIB_OUTRSTS,
  TCP_MIB_OUTSEGS,
  TCP_MIB_RETRANSSEGS,
} from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CA_CWR,
  TCP_CA_Loss,
  TCP_CA_Open,
  TCP_CA_Recovery,
  TCP_SEND_QUEUE,
} from "../../include/uapi/linux/tcp.ts";
import type { tcphdr } from "../../include/uapi/linux/tcp.ts";
import { tasklet_schedule, tasklet_setup } from "../../kernel/softirq.ts";
import { hrtimer_start, hrtimer_try_to_cancel } from "../../kernel/time/hrtimer.ts";
import {
  __pskb_copy,
  __skb_header_release,
  __skb_pull,
  alloc_skb,
  alloc_skb_fclone,
  kfree_skb_reason,
  pskb_copy,
  skb_clone,
  skb_copy,
  skb_copy_bits,
  skb_fclone_busy,
  skb_frag_unref,
  skb_pull,
  skb_push,
  skb_put,
  skb_rb_last,
  skb_rb_next,
  skb_set_hash_from_sk,
  skb_shift,
  skb_split,
  skb_trim,
  skb_unclone_keeptruesize,
  skb_zcopy_pure,
  skb_zcopy_set,
} from "../core/skbuff.ts";
import {
  __sk_dst_get,
  __sock_wfree,
  sk_forced_mem_schedule,
  sk_free,
  sk_mem_charge,
  sk_mem_uncharge,
  sk_reset_timer,
  skb_set_owner_w,
  sock_put,
} from "../core/sock.ts";
import { inet_csk_clear_xmit_timer, inet_csk_reset_xmit_timer } from "./inet_connection_sock.ts";
import {
  sk_stream_alloc_skb,
  tcp_add_write_queue_tail,
  tcp_check_probe_timer,
  tcp_clear_retrans_hints_partial,
  tcp_dec_quickack_mode,
  tcp_highest_sack_replace,
  tcp_insert_write_queue_before,
  tcp_probe0_when,
  tcp_reset_xmit_timer,
  tcp_rto_delta_us,
  tcp_rtx_queue_head,
  tcp_rtx_queue_tail,
  tcp_rtx_queue_unlink_and_free,
  tcp_skb_tsorted_add_after,
  tcp_skb_tsorted_move_tail,
  tcp_timeout_init,
  tcp_under_memory_pressure,
  tcp_unlink_write_queue,
  tcp_wmem_free_skb,
  tcp_write_queue_purge,
} from "./tcp.ts";
import { tcp_ca_find_key } from "./tcp_cong.ts";
import { tcp_fastopen_cookie_check } from "./tcp_fastopen.ts";
import {
  tcp_check_space,
  tcp_clear_retrans,
  tcp_enter_cwr,
  tcp_finish_connect,
  tcp_init_cwnd,
  tcp_initialize_rcv_mss,
  tcp_rbtree_insert,
  tcp_rearm_rto,
  tcp_skb_shift,
} from "./tcp_input.ts";
import { tcp_rate_skb_sent } from "./tcp_rate.ts";
import {
  tcp_clamp_probe0_to_user_timeout,
  tcp_delack_timer_handler,
  tcp_write_timer_handler,
} from "./tcp_timer.ts";

const U16_MAX = 0xffff;
/** sizeof(struct tcphdr), bytes. */
const TCP_HLEN = 20;

/** A number that a function gives back through a parameter. @local */
export interface u32_ref {
  value: number;
}

/** Takes the time of the present event. */
export function tcp_mstamp_refresh(tp: tcp_sock): void {
  const val = tcp_clock_ns();
  tp.tcp_clock_cache = val;
  tp.tcp_mstamp = Math.floor(val / NSEC_PER_USEC);
}

/** New data went out: skb moves to the retransmit queue. */
function tcp_event_new_data_sent(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const prior_packets = tp.packets_out;
  const pcount = tcp_skb_pcount(skb);
  tp.snd_nxt = TCP_SKB_CB(skb).end_seq;
  __skb_unlink(skb, sk.sk_write_queue);
  tcp_rbtree_insert(tp.tcp_rtx_queue, skb);
  if (tp.highest_sack === null) tp.highest_sack = skb;
  tp.packets_out += pcount;
  if (prior_packets === 0 || tp.icsk_pending === ICSK_TIME_LOSS_PROBE) tcp_rearm_rto(sk);
  NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPORIGDATASENT, pcount);
  tcp_check_space(sk);
}

/** Sequence number of a segment without data: snd_nxt, unless the peer took back its window. */
function tcp_acceptable_seq(sk: sock): number {
  const tp = tcp_sk(sk);
  const wnd_end = tcp_wnd_end(tp);
  if (
    !before(wnd_end, tp.snd_nxt) ||
    (tp.rx_opt.wscale_ok && ((tp.snd_nxt - wnd_end) | 0) < (1 << tp.rx_opt.rcv_wscale))
  ) return tp.snd_nxt;
  return wnd_end;
}

/** MSS for our SYN: what the route allows and was not promised lower before. @rfc 9293 3.7.1 */
function tcp_advertise_mss(sk: sock): number {
  const tp = tcp_sk(sk);
  const dst = __sk_dst_get(sk);
  if (dst !== null) tp.advmss = Math.min(tp.advmss, dst_metric_advmss(dst));
  return tp.advmss & U16_MAX;
}

/** After `delta` jiffies of idleness the window is halved per RTO, to the restart window. @rfc 2861 */
export function tcp_cwnd_restart(sk: sock, delta: number): void {
  const tp = tcp_sk(sk);
  let cwnd = tcp_snd_cwnd(tp);
  const restart_cwnd = Math.min(tcp_init_cwnd(tp, __sk_dst_get(sk)), cwnd);
  tcp_ca_event(sk, CA_EVENT_CWND_RESTART);
  tp.snd_ssthresh = tcp_current_ssthresh(sk);
  for (delta -= tp.icsk_rto; delta > 0 && cwnd > restart_cwnd; delta -= tp.icsk_rto) cwnd >>= 1;
  tcp_snd_cwnd_set(tp, Math.max(cwnd, restart_cwnd));
  tp.snd_cwnd_stamp = tcp_jiffies32();
  tp.snd_cwnd_used = 0;
}

/** A segment with data leaves. An answer within the delayed-ACK time makes the session interactive. */
function tcp_event_data_sent(tp: tcp_sock, sk: sock): void {
  const now = tcp_jiffies32();
  if (tcp_packets_in_flight(tp) === 0) tcp_ca_event(sk, CA_EVENT_TX_START);
  tp.lsndtime = now;
  if (((now - tp.icsk_ack.lrcvtime) >>> 0) < tp.icsk_ack.ato) inet_csk_inc_pingpong_cnt(sk);
}

/** An ACK leaves: none is owed any more. */
function tcp_event_ack_sent(sk: sock, rcv_nxt: number): void {
  const tp = tcp_sk(sk);
  if (tp.compressed_ack !== 0) {
    NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPACKCOMPRESSED, tp.compressed_ack);
    tp.compressed_ack = 0;
    if (hrtimer_try_to_cancel(tp.compressed_ack_timer) === 1) __sock_put(sk);
  }
  // An ACK of an older edge, to tell of ECN marks: the newer one is still owed.
  if (rcv_nxt !== tp.rcv_nxt) return;
  tcp_dec_quickack_mode(sk);
  inet_csk_clear_xmit_timer(sk, ICSK_TIME_DACK);
}

/**
 * Window and scale to offer at first, from `__space` bytes of window and the peer's MSS. window_clamp (0: none)
 * comes in and goes out, rcv_wnd (bytes) and rcv_wscale go out.
 */
export function tcp_select_initial_window(
  sk: sock,
  __space: number,
  mss: number,
  rcv_wnd: u32_ref,
  window_clamp: u32_ref,
  wscale_ok: boolean | number,
  rcv_wscale: u32_ref,
  init_rcv_wnd: number,
): void {
  const net = sock_net(sk);
  const max_window = U16_MAX * 2 ** TCP_MAX_WSCALE;
  const wclamp = window_clamp.value === 0 ? max_window : window_clamp.value;
  let space = Math.min(wclamp, Math.max(__space, 0));
  if (space > mss) space = rounddown(space, mss);

  let wnd = space;
  if (net.ipv4.sysctl_tcp_workaround_signed_windows !== 0) wnd = Math.min(space, MAX_TCP_WINDOW);
  if (init_rcv_wnd !== 0) wnd = Math.min(wnd, init_rcv_wnd * mss);
  rcv_wnd.value = wnd;

  let wscale = 0;
  if (wscale_ok) {
    // The scale must do for the largest buffer that the socket may get later.
    space = Math.max(space, net.ipv4.sysctl_tcp_rmem[2], net.core.sysctl_rmem_max);
    space = Math.min(space, wclamp);
    wscale = clamp(ilog2(space) - 15, 0, TCP_MAX_WSCALE);
  }
  rcv_wscale.value = wscale;
  window_clamp.value = Math.min(U16_MAX * 2 ** wscale, wclamp);
}

/** Chooses the window to advertise, notes it, and answers it as it stands in the header. @rfc 7323 2.3 */
function tcp_select_window(sk: sock): number {
  const tp = tcp_sk(sk);
  const net = sock_net(sk);
  const rcv_wscale = tp.rx_opt.rcv_wscale;
  const old_win = tp.rcv_wnd;

  // A segment could not be queued for want of memory: the peer must stop.
  if ((tp.icsk_ack.pending & ICSK_ACK_NOMEM) !== 0) {
    tp.pred_flags = 0;
    tp.rcv_wnd = 0;
    tp.rcv_wup = tp.rcv_nxt;
    return 0;
  }

  const cur_win = tcp_receive_window(tp);
  let new_win = __tcp_select_window(sk);
  if (new_win < cur_win && (net.ipv4.sysctl_tcp_shrink_window === 0 || rcv_wscale === 0)) {
    // What was offered stays offered.
    if (new_win === 0) NET_INC_STATS(net, LINUX_MIB_TCPWANTZEROWINDOWADV);
    new_win = ALIGN(cur_win, 1 << rcv_wscale);
  }
  tp.rcv_wnd = new_win;
  tp.rcv_wup = tp.rcv_nxt;

  if (rcv_wscale === 0 && net.ipv4.sysctl_tcp_workaround_signed_windows !== 0) {
    new_win = Math.min(new_win, MAX_TCP_WINDOW);
  } else {
    new_win = Math.min(new_win, U16_MAX << rcv_wscale);
  }
  new_win >>= rcv_wscale;

  if (new_win === 0) {
    tp.pred_flags = 0;
    if (old_win !== 0) NET_INC_STATS(net, LINUX_MIB_TCPTOZEROWINDOWADV);
  } else if (old_win === 0) {
    NET_INC_STATS(net, LINUX_MIB_TCPFROMZEROWINDOWADV);
  }
  return new_win;
}

/** ECN's part of a SYN+ACK sent from a full socket (crossed SYNs). @rfc 3168 6.1.1 */
function tcp_ecn_send_synack(sk: sock, skb: sk_buff): void {
  const tcb = TCP_SKB_CB(skb);
  tcb.tcp_flags &= ~TCPHDR_CWR;
  if ((tcp_sk(sk).ecn_flags & TCP_ECN_OK) === 0) tcb.tcp_flags &= ~TCPHDR_ECE;
  else if (tcp_ca_needs_ecn(sk)) INET_ECN_xmit(sk);
}

/** Asks for ECN in a SYN where sysctl, congestion control or route want it. @rfc 3168 6.1.1 */
function tcp_ecn_send_syn(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const needs_ecn = tcp_ca_needs_ecn(sk);
  let use_ecn = sock_net(sk).ipv4.sysctl_tcp_ecn === 1 || needs_ecn;
  if (!use_ecn) {
    const dst = __sk_dst_get(sk);
    if (dst !== null && dst_feature(dst, RTAX_FEATURE_ECN)) use_ecn = true;
  }
  tp.ecn_flags = 0;
  if (!use_ecn) return;
  TCP_SKB_CB(skb).tcp_flags |= TCPHDR_ECE | TCPHDR_CWR;
  tp.ecn_flags = TCP_ECN_OK;
  if (needs_ecn) INET_ECN_xmit(sk);
}

/** A SYN that is sent again does without ECN: it may be what was dropped. @rfc 3168 6.1.1.1 */
function tcp_ecn_clear_syn(sk: sock, skb: sk_buff): void {
  if (sock_net(sk).ipv4.sysctl_tcp_ecn_fallback !== 0) {
    TCP_SKB_CB(skb).tcp_flags &= ~(TCPHDR_ECE | TCPHDR_CWR);
  }
}

function tcp_ecn_make_synack(req: request_sock, th: tcphdr): void {
  if (inet_rsk(req).ecn_ok) th.flags |= TCPHDR_ECE;
}

/** ECN's part of a segment of an established connection. @rfc 3168 6.1.2 */
function tcp_ecn_send(sk: sock, skb: sk_buff, th: tcphdr, tcp_header_len: number): void {
  const tp = tcp_sk(sk);
  if ((tp.ecn_flags & TCP_ECN_OK) === 0) return;
  if (skb.len !== tcp_header_len && !before(TCP_SKB_CB(skb).seq, tp.snd_nxt)) {
    INET_ECN_xmit(sk);
    if ((tp.ecn_flags & TCP_ECN_QUEUE_CWR) !== 0) {
      tp.ecn_flags &= ~TCP_ECN_QUEUE_CWR;
      th.flags |= TCPHDR_CWR;
      skb.shinfo.gso_type |= SKB_GSO_TCP_ECN;
    }
  } else if (!tcp_ca_needs_ecn(sk)) {
    // Pure ACKs and retransmissions are not ECN capable.
    INET_ECN_dontxmit(sk);
  }
  if ((tp.ecn_flags & TCP_ECN_DEMAND_CWR) !== 0) th.flags |= TCPHDR_ECE;
}

/** Control block of an skb without data; SYN and FIN take a sequence number. */
function tcp_init_nondata_skb(skb: sk_buff, seq: number, flags: number): void {
  const tcb = TCP_SKB_CB(skb);
  skb.ip_summed = CHECKSUM_PARTIAL;
  tcb.tcp_flags = flags;
  tcp_skb_pcount_set(skb, 1);
  tcb.seq = seq | 0;
  tcb.end_seq = (flags & (TCPHDR_SYN | TCPHDR_FIN)) !== 0 ? (seq + 1) | 0 : seq | 0;
}

function tcp_urg_mode(tp: tcp_sock): boolean {
  return tp.snd_una !== tp.snd_up;
}

// ---- options ----

const OPTION_SACK_ADVERTISE = 1 << 0;
const OPTION_TS = 1 << 1;
const OPTION_WSCALE = 1 << 3;
const OPTION_FAST_OPEN_COOKIE = 1 << 8;

/** The options that a segment will have. */
class tcp_out_options {
  /** OPTION_* */
  options = 0;
  /** 0: no MSS option */
  mss = 0;
  ws = 0;
  num_sack_blocks = 0;
  tsval = 0;
  tsecr = 0;
  fastopen_cookie: tcp_fastopen_cookie | null = null;
}

/** Of the segment that is being built: written before it is handed down, so one is enough. @local */
const out_opts = new tcp_out_options();
/** What tcp_current_mss() measures with. @local */
const mss_opts = new tcp_out_options();

function tcp_out_options_clear(opts: tcp_out_options): void {
  opts.options = 0;
  opts.mss = 0;
  opts.ws = 0;
  opts.num_sack_blocks = 0;
  opts.tsval = 0;
  opts.tsecr = 0;
  opts.fastopen_cookie = null;
}

/**
 * Writes options behind the header, each word in one go. Their order is what the Internet is used to:
 * MSS, SACK permitted, timestamps, window scale, SACK, Fast Open. @rfc 9293 3.2
 */
function tcp_options_write(th: tcphdr, tp: tcp_sock | null, opts: tcp_out_options): void {
  const dv = th.dv;
  let options = opts.options;
  let ptr = th.off + TCP_HLEN;

  if (opts.mss !== 0) {
    dv.setInt32(ptr, (TCPOPT_MSS << 24) | (TCPOLEN_MSS << 16) | opts.mss);
    ptr += 4;
  }
  if ((options & OPTION_TS) !== 0) {
    let lead = (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16);
    if ((options & OPTION_SACK_ADVERTISE) !== 0) {
      lead = (TCPOPT_SACK_PERM << 24) | (TCPOLEN_SACK_PERM << 16);
      options &= ~OPTION_SACK_ADVERTISE;
    }
    dv.setInt32(ptr, lead | (TCPOPT_TIMESTAMP << 8) | TCPOLEN_TIMESTAMP);
    dv.setInt32(ptr + 4, opts.tsval);
    dv.setInt32(ptr + 8, opts.tsecr);
    ptr += 12;
  }
  if ((options & OPTION_SACK_ADVERTISE) !== 0) {
    const lead = (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16);
    dv.setInt32(ptr, lead | (TCPOPT_SACK_PERM << 8) | TCPOLEN_SACK_PERM);
    ptr += 4;
  }
  if ((options & OPTION_WSCALE) !== 0) {
    dv.setInt32(ptr, (TCPOPT_NOP << 24) | (TCPOPT_WINDOW << 16) | (TCPOLEN_WINDOW << 8) | opts.ws);
    ptr += 4;
  }
  if (opts.num_sack_blocks !== 0 && tp !== null) {
    const dsack = tp.rx_opt.dsack;
    const len = TCPOLEN_SACK_BASE + opts.num_sack_blocks * TCPOLEN_SACK_PERBLOCK;
    dv.setInt32(ptr, (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_SACK << 8) | len);
    ptr += 4;
    for (let i = 0; i < opts.num_sack_blocks; i++) {
      // duplicate_sack and selective_acks follow each other in memory: a DSACK comes first.
      const sp = dsack
        ? i === 0 ? tp.duplicate_sack[0] : tp.selective_acks[i - 1]
        : tp.selective_acks[i];
      dv.setInt32(ptr, sp.start_seq);
      dv.setInt32(ptr + 4, sp.end_seq);
      ptr += 8;
    }
    tp.rx_opt.dsack = false;
  }
  if ((options & OPTION_FAST_OPEN_COOKIE) !== 0) {
    tcp_fastopen_option_write(dv, ptr, opts.fastopen_cookie!);
  }
}

/** The Fast Open option, or its experimental form, padded to whole words. @rfc 7413 4.1.1 @local */
function tcp_fastopen_option_write(dv: DataView, ptr: number, foc: tcp_fastopen_cookie): void {
  let len = foc.len;
  if (foc.exp) {
    len += TCPOLEN_EXP_FASTOPEN_BASE;
    dv.setInt32(ptr, (TCPOPT_EXP << 24) | (len << 16) | TCPOPT_FASTOPEN_MAGIC);
    ptr += TCPOLEN_EXP_FASTOPEN_BASE;
  } else {
    len += TCPOLEN_FASTOPEN_BASE;
    dv.setUint8(ptr, TCPOPT_FASTOPEN);
    dv.setUint8(ptr + 1, len);
    ptr += TCPOLEN_FASTOPEN_BASE;
  }
  for (let i = 0; i < foc.len; i++) dv.setUint8(ptr + i, foc.val[i]);
  ptr += foc.len;
  for (; (len & 3) !== 0; len++) dv.setUint8(ptr++, TCPOPT_NOP);
}

/** Bytes of a Fast Open option, padded. @local */
function tcp_fastopen_option_need(foc: tcp_fastopen_cookie): number {
  return (foc.len + (foc.exp ? TCPOLEN_EXP_FASTOPEN_BASE : TCPOLEN_FASTOPEN_BASE) + 3) & ~3;
}

/** Options of a SYN; their bytes. @differs no MD5 */
function tcp_syn_options(sk: sock, skb: sk_buff, opts: tcp_out_options): number {
  const tp = tcp_sk(sk);
  const ipv4 = sock_net(sk).ipv4;
  const fastopen = tp.fastopen_req;
  let remaining = MAX_TCP_OPTION_SPACE;

  opts.mss = tcp_advertise_mss(sk);
  remaining -= TCPOLEN_MSS_ALIGNED;
  if (ipv4.sysctl_tcp_timestamps !== 0) {
    opts.options |= OPTION_TS;
    opts.tsval = (tcp_skb_timestamp(skb) + tp.tsoffset) | 0;
    opts.tsecr = tp.rx_opt.ts_recent;
    remaining -= TCPOLEN_TSTAMP_ALIGNED;
  }
  if (ipv4.sysctl_tcp_window_scaling !== 0) {
    opts.ws = tp.rx_opt.rcv_wscale;
    opts.options |= OPTION_WSCALE;
    remaining -= TCPOLEN_WSCALE_ALIGNED;
  }
  if (ipv4.sysctl_tcp_sack !== 0) {
    opts.options |= OPTION_SACK_ADVERTISE;
    if ((opts.options & OPTION_TS) === 0) remaining -= TCPOLEN_SACKPERM_ALIGNED;
  }
  if (fastopen !== null && fastopen.cookie.len >= 0) {
    const need = tcp_fastopen_option_need(fastopen.cookie);
    if (remaining >= need) {
      opts.options |= OPTION_FAST_OPEN_COOKIE;
      opts.fastopen_cookie = fastopen.cookie;
      remaining -= need;
      tp.syn_fastopen = true;
      tp.syn_fastopen_exp = fastopen.cookie.exp;
    }
  }
  return MAX_TCP_OPTION_SPACE - remaining;
}

/** Options of a SYN+ACK; their bytes. @differs no MD5 */
function tcp_synack_options(
  _sk: sock,
  req: request_sock,
  mss: number,
  skb: sk_buff,
  opts: tcp_out_options,
  foc: tcp_fastopen_cookie | null,
): number {
  const ireq: inet_request_sock = inet_rsk(req);
  let remaining = MAX_TCP_OPTION_SPACE;

  opts.mss = mss;
  remaining -= TCPOLEN_MSS_ALIGNED;
  if (ireq.wscale_ok) {
    opts.ws = ireq.rcv_wscale;
    opts.options |= OPTION_WSCALE;
    remaining -= TCPOLEN_WSCALE_ALIGNED;
  }
  if (ireq.tstamp_ok) {
    opts.options |= OPTION_TS;
    const treq = tcp_rsk(req);
    opts.tsval = (tcp_skb_timestamp(skb) + treq.ts_off) | 0;
    if (treq.snt_tsval_first === 0) {
      // 0 stands for none.
      if (opts.tsval === 0) opts.tsval = ~0;
      treq.snt_tsval_first = opts.tsval;
    }
    treq.snt_tsval_last = opts.tsval;
    opts.tsecr = req.ts_recent;
    remaining -= TCPOLEN_TSTAMP_ALIGNED;
  }
  if (ireq.sack_ok) {
    opts.options |= OPTION_SACK_ADVERTISE;
    if (!ireq.tstamp_ok) remaining -= TCPOLEN_SACKPERM_ALIGNED;
  }
  if (foc !== null && foc.len >= 0) {
    const need = tcp_fastopen_option_need(foc);
    if (remaining >= need) {
      opts.options |= OPTION_FAST_OPEN_COOKIE;
      opts.fastopen_cookie = foc;
      remaining -= need;
    }
  }
  return MAX_TCP_OPTION_SPACE - remaining;
}

/** Options of a segment of an established connection; their bytes. skb null: only the size matters. */
function tcp_established_options(sk: sock, skb: sk_buff | null, opts: tcp_out_options): number {
  const tp = tcp_sk(sk);
  let size = 0;
  opts.options = 0;
  opts.num_sack_blocks = 0;
  if (tp.rx_opt.tstamp_ok) {
    opts.options |= OPTION_TS;
    opts.tsval = skb !== null ? (tcp_skb_timestamp(skb) + tp.tsoffset) | 0 : 0;
    opts.tsecr = tp.rx_opt.ts_recent;
    size += TCPOLEN_TSTAMP_ALIGNED;
  }
  const eff_sacks = tp.rx_opt.num_sacks + (tp.rx_opt.dsack ? 1 : 0);
  if (eff_sacks !== 0) {
    const room = MAX_TCP_OPTION_SPACE - size - TCPOLEN_SACK_BASE_ALIGNED;
    if (room < TCPOLEN_SACK_PERBLOCK) return size;
    opts.num_sack_blocks = Math.min(eff_sacks, (room / TCPOLEN_SACK_PERBLOCK) | 0);
    size += TCPOLEN_SACK_BASE_ALIGNED + opts.num_sack_blocks * TCPOLEN_SACK_PERBLOCK;
  }
  return size;
}

// ---- TCP small queues: a socket has little in qdisc and device, and goes on when that has left ----

/** Sockets whose packets have left the host, and that may have more to send. */
class tsq_tasklet {
  readonly tasklet: tasklet_struct<tsq_tasklet> = new tasklet_struct<tsq_tasklet>(this);
  head: tcp_sock | null = null;
}

let tsq = new tsq_tasklet();

function tcp_tsq_write(sk: sock): void {
  const states = TCPF_ESTABLISHED | TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_CLOSE_WAIT |
    TCPF_LAST_ACK;
  if (((1 << sk.skc_state) & states) === 0) return;
  const tp = tcp_sk(sk);
  if (tp.lost_out > tp.retrans_out && tcp_snd_cwnd(tp) > tcp_packets_in_flight(tp)) {
    tcp_mstamp_refresh(tp);
    tcp_xmit_retransmit_queue(sk);
  }
  tcp_write_xmit(sk, tcp_current_mss(sk), tp.nonagle, 0);
}

function tcp_tsq_handler(sk: sock): void {
  if (!sock_owned_by_user(sk)) tcp_tsq_write(sk);
  else if ((sk.sk_tsq_flags & (1 << TCP_TSQ_DEFERRED)) === 0) {
    sk.sk_tsq_flags |= 1 << TCP_TSQ_DEFERRED;
    sock_hold(sk);
  }
}

/** Lets the sockets on the list send. */
function tcp_tasklet_func(t: tasklet_struct<tsq_tasklet>): void {
  let tp = t.owner.head;
  t.owner.head = null;
  while (tp !== null) {
    const next: tcp_sock | null = tp.tsq_next;
    tp.tsq_next = null;
    tp.sk_tsq_flags &= ~TSQF_QUEUED;
    tcp_tsq_handler(tp);
    sk_free(tp);
    tp = next;
  }
}

const TCP_DEFERRED_ALL = TCPF_TSQ_DEFERRED | TCPF_WRITE_TIMER_DEFERRED |
  TCPF_DELACK_TIMER_DEFERRED | TCPF_MTU_REDUCED_DEFERRED | TCPF_ACK_DEFERRED;

/** release_sock() calls it: does what timers and ICMP left undone while a task owned the socket. */
export function tcp_release_cb(sk: sock): void {
  const flags = sk.sk_tsq_flags;
  if ((flags & TCP_DEFERRED_ALL) === 0) return;
  sk.sk_tsq_flags = flags & ~TCP_DEFERRED_ALL;
  if ((flags & TCPF_TSQ_DEFERRED) !== 0) {
    tcp_tsq_write(sk);
    __sock_put(sk);
  }
  if ((flags & TCPF_WRITE_TIMER_DEFERRED) !== 0) {
    tcp_write_timer_handler(sk);
    __sock_put(sk);
  }
  if ((flags & TCPF_DELACK_TIMER_DEFERRED) !== 0) {
    tcp_delack_timer_handler(sk);
    __sock_put(sk);
  }
  if ((flags & TCPF_MTU_REDUCED_DEFERRED) !== 0) {
    inet_csk(sk).icsk_af_ops.mtu_reduced(sk);
    __sock_put(sk);
  }
  if ((flags & TCPF_ACK_DEFERRED) !== 0 && inet_csk_ack_scheduled(sk)) tcp_send_ack(sk);
}

/** For tcp_init(): a fresh list. */
export function tcp_tasklet_init(): void {
  tsq = new tsq_tasklet();
  tasklet_setup(tsq.tasklet, tcp_tasklet_func);
}

/** Destructor of sent skbs. Sending from here is forbidden, so the socket goes to the tasklet. */
export function tcp_wfree(skb: sk_buff): void {
  const sk = skb.sk as sock;
  const flags = sk.sk_tsq_flags;
  // One byte stays: the reference that the list, or sk_free() below, holds.
  sk.sk_wmem_alloc -= skb.truesize - 1;
  if ((flags & TSQF_THROTTLED) === 0 || (flags & TSQF_QUEUED) !== 0) {
    sk_free(sk);
    return;
  }
  sk.sk_tsq_flags = (flags & ~TSQF_THROTTLED) | TSQF_QUEUED;
  const tp = tcp_sk(sk);
  const empty = tsq.head === null;
  tp.tsq_next = tsq.head;
  tsq.head = tp;
  if (empty) tasklet_schedule(tsq.tasklet as tasklet_struct);
}

/** The pacing timer: the next packet may leave. */
export function tcp_pace_kick(timer: hrtimer<tcp_sock>): hrtimer_restart {
  const sk = timer.owner;
  tcp_tsq_handler(sk);
  sock_put(sk);
  return HRTIMER_NORESTART;
}

/** Moves the time of the next departure by what skb takes at the pacing rate; skb is the youngest now. */
function tcp_update_skb_after_send(sk: sock, skb: sk_buff, prior_wstamp: number): void {
  const tp = tcp_sk(sk);
  if (sk.sk_pacing_status !== SK_PACING_NONE) {
    const rate = sk.sk_pacing_rate;
    // The first ten segments go out as one burst.
    if (rate !== PACING_UNLIMITED && rate !== 0 && tp.data_segs_out >= 10) {
      let len_ns = Math.floor((skb.len * NSEC_PER_SEC) / rate);
      const credit = tp.tcp_wstamp_ns - prior_wstamp;
      len_ns -= Math.min(Math.floor(len_ns / 2), credit);
      tp.tcp_wstamp_ns += len_ns;
    }
  }
  tcp_skb_tsorted_move_tail(tp, skb);
}

/** TCP_TX_DELAY */
function tcp_add_tx_delay(skb: sk_buff, tp: tcp_sock): void {
  if (tp.tcp_tx_delay !== 0) {
    skb_set_delivery_time(skb, skb.skb_mstamp_ns + tp.tcp_tx_delay * NSEC_PER_USEC, true);
  }
}

/** Urgent pointer of a segment that comes before the end of urgent data. @rfc 6093 @local */
function tcp_urg_write(tp: tcp_sock, tcb: tcp_skb_cb, th: tcphdr): void {
  if (before(tp.snd_up, (tcb.seq + 0x10000) | 0)) {
    th.urg_ptr = (tp.snd_up - tcb.seq) & U16_MAX;
    th.flags |= TCPHDR_URG;
  } else if (after((tcb.seq + U16_MAX) | 0, tp.snd_nxt)) {
    th.urg_ptr = U16_MAX;
    th.flags |= TCPHDR_URG;
  }
}

/**
 * Sends a segment: header and options go before a clone of skb (clone_it), or before skb itself, which is
 * consumed. 0 or a negative errno.
 */
function __tcp_transmit_skb(sk: sock, skb: sk_buff, clone_it: boolean, rcv_nxt: number): number {
  const tp = tcp_sk(sk);
  const prior_wstamp = tp.tcp_wstamp_ns;
  let oskb: sk_buff | null = null;

  if (tp.tcp_wstamp_ns < tp.tcp_clock_cache) tp.tcp_wstamp_ns = tp.tcp_clock_cache;
  skb_set_delivery_time(skb, tp.tcp_wstamp_ns, true);
  if (clone_it) {
    oskb = skb;
    skb = skb_cloned(oskb) ? pskb_copy(oskb) : skb_clone(oskb);
  }

  const tcb = TCP_SKB_CB(skb);
  const pcount = tcp_skb_pcount(skb);
  const syn = (tcb.tcp_flags & TCPHDR_SYN) !== 0;
  let tcp_options_size: number;
  tcp_out_options_clear(out_opts);
  if (syn) tcp_options_size = tcp_syn_options(sk, skb, out_opts);
  else {
    tcp_options_size = tcp_established_options(sk, skb, out_opts);
    // A receiver's GRO hands a packet up at once when it ends in PSH.
    if (pcount > 1) tcb.tcp_flags |= TCPHDR_PSH;
  }
  const tcp_header_size = tcp_options_size + TCP_HLEN;

  skb.ooo_okay = sk_wmem_alloc_get(sk) < SKB_TRUESIZE(1);
  skb.pfmemalloc = false;
  skb_push(skb, tcp_header_size);
  skb_reset_transport_header(skb);

  skb_orphan(skb);
  skb.sk = sk;
  skb.destructor = skb_is_tcp_pure_ack(skb) ? __sock_wfree : tcp_wfree;
  sk.sk_wmem_alloc += skb.truesize;
  skb.dst_pending_confirm = sk.sk_dst_pending_confirm;

  const th = tcp_hdr(skb);
  const inet = inet_sk(sk);
  th.source = inet.inet_sport;
  th.dest = inet.skc_dport;
  th.seq = tcb.seq;
  th.ack_seq = rcv_nxt;
  th.flag_word = ((tcp_header_size >> 2) << 28) | (tcb.tcp_flags << 16);
  th.check = 0;
  th.urg_ptr = 0;
  if (tcp_urg_mode(tp) && before(tcb.seq, tp.snd_up)) tcp_urg_write(tp, tcb, th);

  skb.shinfo.gso_type = sk.sk_gso_type;
  if (!syn) {
    th.window = tcp_select_window(sk);
    tcp_ecn_send(sk, skb, th, tcp_header_size);
  } else {
    // Windows of SYN and SYN+ACK are not scaled.
    th.window = Math.min(tp.rcv_wnd, U16_MAX);
  }
  tcp_options_write(th, tp, out_opts);
  tp.icsk_af_ops.send_check(sk, skb);

  if ((tcb.tcp_flags & TCPHDR_ACK) !== 0) tcp_event_ack_sent(sk, rcv_nxt);
  if (skb.len !== tcp_header_size) {
    tcp_event_data_sent(tp, sk);
    tp.data_segs_out += pcount;
    tp.bytes_sent += skb.len - tcp_header_size;
  }
  if (after(tcb.end_seq, tp.snd_nxt) || tcb.seq === tcb.end_seq) {
    TCP_ADD_STATS(sock_net(sk), TCP_MIB_OUTSEGS, pcount);
  }
  tp.segs_out += pcount;
  skb_set_hash_from_sk(skb, sk);
  skb.shinfo.gso_segs = pcount;
  skb.shinfo.gso_size = tcp_skb_mss(skb);
  tcp_add_tx_delay(skb, tp);

  let err = tp.icsk_af_ops.queue_xmit(sk, skb, inet.cork_fl4);
  if (err > 0) {
    tcp_enter_cwr(sk);
    err = net_xmit_eval(err);
  }
  if (err === 0 && oskb !== null) {
    tcp_update_skb_after_send(sk, oskb, prior_wstamp);
    tcp_rate_skb_sent(sk, oskb);
  }
  return err;
}

function tcp_transmit_skb(sk: sock, skb: sk_buff, clone_it: boolean): number {
  return __tcp_transmit_skb(sk, skb, clone_it, tcp_sk(sk).rcv_nxt);
}

/** Queues skb and sends nothing. The caller sees to it that something will (push, or probe timer). */
function tcp_queue_skb(sk: sock, skb: sk_buff): void {
  tcp_sk(sk).write_seq = TCP_SKB_CB(skb).end_seq;
  __skb_header_release(skb);
  tcp_add_write_queue_tail(sk, skb);
  sk_wmem_queued_add(sk, skb.truesize);
  sk_mem_charge(sk, skb.truesize);
}

/** Counts the segments that skb will be. */
function tcp_set_skb_tso_segs(skb: sk_buff, mss_now: number): void {
  const tcb = TCP_SKB_CB(skb);
  if (skb.len <= mss_now) {
    tcb.tcp_gso_segs = 1;
    tcb.tcp_gso_size = 0;
  } else {
    tcb.tcp_gso_segs = DIV_ROUND_UP(skb.len, mss_now);
    tcb.tcp_gso_size = mss_now;
  }
}

/** A sent skb stands for `decr` segments less: takes them from every count that they are in. */
function tcp_adjust_pcount(sk: sock, skb: sk_buff, decr: number): void {
  const tp = tcp_sk(sk);
  const sacked = TCP_SKB_CB(skb).sacked;
  tp.packets_out -= decr;
  if ((sacked & TCPCB_SACKED_ACKED) !== 0) tp.sacked_out -= decr;
  if ((sacked & TCPCB_SACKED_RETRANS) !== 0) tp.retrans_out -= decr;
  if ((sacked & TCPCB_LOST) !== 0) tp.lost_out -= decr;
  // Without SACK, sacked_out counts duplicate ACKs.
  if (tcp_is_reno(tp) && decr > 0) tp.sacked_out -= Math.min(tp.sacked_out, decr);
  if (
    tp.lost_skb_hint !== null &&
    before(TCP_SKB_CB(skb).seq, TCP_SKB_CB(tp.lost_skb_hint).seq) &&
    (sacked & TCPCB_SACKED_ACKED) !== 0
  ) tp.lost_cnt_hint -= decr;
}

function tcp_has_tx_tstamp(skb: sk_buff): boolean {
  return TCP_SKB_CB(skb).txstamp_ack || (skb.shinfo.tx_flags & SKBTX_ANY_TSTAMP) !== 0;
}

/** A timestamp that was asked for goes with the part that has its byte. */
function tcp_fragment_tstamp(skb: sk_buff, skb2: sk_buff): void {
  if (!tcp_has_tx_tstamp(skb)) return;
  const shinfo = skb.shinfo;
  const cb = TCP_SKB_CB(skb), cb2 = TCP_SKB_CB(skb2);
  if (before(shinfo.tskey, cb2.seq)) return;
  const shinfo2 = skb2.shinfo;
  const tsflags = shinfo.tx_flags & SKBTX_ANY_TSTAMP;
  shinfo.tx_flags &= ~tsflags;
  shinfo2.tx_flags |= tsflags;
  const tskey = shinfo.tskey;
  shinfo.tskey = shinfo2.tskey;
  shinfo2.tskey = tskey;
  cb2.txstamp_ack = cb.txstamp_ack;
  cb.txstamp_ack = false;
}

function tcp_skb_fragment_eor(skb: sk_buff, skb2: sk_buff): void {
  TCP_SKB_CB(skb2).eor = TCP_SKB_CB(skb).eor;
  TCP_SKB_CB(skb).eor = false;
}

/** Puts buff behind skb in the queue that skb is in. */
function tcp_insert_write_queue_after(
  skb: sk_buff,
  buff: sk_buff,
  sk: sock,
  tcp_queue: number,
): void {
  if (tcp_queue === TCP_FRAG_IN_WRITE_QUEUE) __skb_queue_after(sk.sk_write_queue, skb, buff);
  else tcp_rbtree_insert(tcp_sk(sk).tcp_rtx_queue, buff);
}

/** Sequence numbers and flags of skb's parts, cut at `len`: FIN and PSH go with the second. @local */
function tcp_fragment_cb(skb: sk_buff, buff: sk_buff, len: number): void {
  const cb = TCP_SKB_CB(skb), cb2 = TCP_SKB_CB(buff);
  const flags = cb.tcp_flags;
  cb2.seq = (cb.seq + len) | 0;
  cb2.end_seq = cb.end_seq;
  cb.end_seq = cb2.seq;
  cb.tcp_flags = flags & ~(TCPHDR_FIN | TCPHDR_PSH);
  cb2.tcp_flags = flags;
  tcp_skb_fragment_eor(skb, buff);
}

/**
 * Cuts skb to `len` bytes; the rest becomes an skb behind it. 0, -EINVAL, or -ENOMEM where splitting would
 * take more memory than the socket may have.
 */
export function tcp_fragment(
  sk: sock,
  tcp_queue: number,
  skb: sk_buff,
  len: number,
  mss_now: number,
): number {
  const tp = tcp_sk(sk);
  if (len > skb.len) return -EINVAL;
  const nsize = Math.max(0, skb_headlen(skb) - len);

  // SACK blocks of an attacker could have a queue split into ever smaller skbs.
  const limit = sk.sk_sndbuf + 2 * SKB_TRUESIZE(GSO_LEGACY_MAX_SIZE);
  if (
    (sk.sk_wmem_queued >> 1) > limit && tcp_queue !== TCP_FRAG_IN_WRITE_QUEUE &&
    skb !== tcp_rtx_queue_head(sk) && skb !== tcp_rtx_queue_tail(sk)
  ) {
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPWQUEUETOOBIG);
    return -ENOMEM;
  }
  if (skb_unclone_keeptruesize(skb) !== 0) return -ENOMEM;
  const buff = sk_stream_alloc_skb(sk, nsize, true);
  if (buff === null) return -ENOMEM;

  sk_wmem_queued_add(sk, buff.truesize);
  sk_mem_charge(sk, buff.truesize);
  const nlen = skb.len - len - nsize;
  buff.truesize += nlen;
  skb.truesize -= nlen;

  tcp_fragment_cb(skb, buff, len);
  const cb = TCP_SKB_CB(skb), cb2 = TCP_SKB_CB(buff);
  cb2.sacked = cb.sacked;
  skb_split(skb, buff, len);
  buff.ip_summed = CHECKSUM_PARTIAL;
  skb_set_delivery_time(buff, skb.skb_mstamp_ns, true);
  tcp_fragment_tstamp(skb, buff);

  const old_factor = tcp_skb_pcount(skb);
  tcp_set_skb_tso_segs(skb, mss_now);
  tcp_set_skb_tso_segs(buff, mss_now);
  cb2.is_app_limited = cb.is_app_limited;
  cb2.delivered_ce = cb.delivered_ce;
  cb2.delivered = cb.delivered;
  cb2.first_tx_mstamp = cb.first_tx_mstamp;
  cb2.delivered_mstamp = cb.delivered_mstamp;
  cb2.in_flight = cb.in_flight;

  // Sent before: the counts of packets change with the number of segments.
  if (!before(tp.snd_nxt, cb2.end_seq)) {
    const diff = old_factor - tcp_skb_pcount(skb) - tcp_skb_pcount(buff);
    if (diff !== 0) tcp_adjust_pcount(sk, skb, diff);
  }
  __skb_header_release(buff);
  tcp_insert_write_queue_after(skb, buff, sk, tcp_queue);
  if (tcp_queue === TCP_FRAG_IN_RTX_QUEUE) tcp_skb_tsorted_add_after(tp, skb, buff);
  return 0;
}

/** Throws `len` bytes at the front away; how many of them were in fragments. */
function __pskb_trim_head(skb: sk_buff, len: number): number {
  const head = Math.min(len, skb_headlen(skb));
  if (head !== 0) {
    __skb_pull(skb, head);
    len -= head;
    if (len === 0) return 0;
  }
  let eat = len;
  let k = 0;
  const shinfo = skb.shinfo;
  const frags = shinfo.frags;
  for (let i = 0; i < shinfo.nr_frags; i++) {
    const frag = frags[i];
    if (frag.bv_len <= eat) {
      skb_frag_unref(skb, i);
      eat -= frag.bv_len;
    } else {
      // Swapped, as the objects behind nr_frags are kept for reuse.
      frags[i] = frags[k];
      frags[k] = frag;
      frag.bv_offset += eat;
      frag.bv_len -= eat;
      eat = 0;
      k++;
    }
  }
  shinfo.nr_frags = k;
  skb.data_len -= len;
  skb.len = skb.data_len;
  return len;
}

/** Takes `len` acknowledged bytes off the front of a sent skb: 0 or -ENOMEM. */
export function tcp_trim_head(sk: sock, skb: sk_buff, len: number): number {
  if (skb_unclone_keeptruesize(skb) !== 0) return -ENOMEM;
  const delta_truesize = __pskb_trim_head(skb, len);
  TCP_SKB_CB(skb).seq = (TCP_SKB_CB(skb).seq + len) | 0;
  if (delta_truesize !== 0) {
    skb.truesize -= delta_truesize;
    sk_wmem_queued_add(sk, -delta_truesize);
    if (!skb_zcopy_pure(skb)) sk_mem_uncharge(sk, delta_truesize);
  }
  if (tcp_skb_pcount(skb) > 1) tcp_set_skb_tso_segs(skb, tcp_skb_mss(skb));
  return 0;
}

/** MSS for a path MTU, TCP options not taken off, bytes. */
function __tcp_mtu_to_mss(sk: sock, pmtu: number): number {
  const tp = tcp_sk(sk);
  let mss_now = pmtu - tp.icsk_af_ops.net_header_len - TCP_HLEN;
  if (mss_now > tp.rx_opt.mss_clamp) mss_now = tp.rx_opt.mss_clamp;
  mss_now -= tp.icsk_ext_hdr_len;
  return Math.max(mss_now, sock_net(sk).ipv4.sysctl_tcp_min_snd_mss);
}

/** MSS for a path MTU, all options but SACK taken off, bytes. */
export function tcp_mtu_to_mss(sk: sock, pmtu: number): number {
  return __tcp_mtu_to_mss(sk, pmtu) - (tcp_sk(sk).tcp_header_len - TCP_HLEN);
}

/** Path MTU that an MSS needs, bytes. */
export function tcp_mss_to_mtu(sk: sock, mss: number): number {
  const tp = tcp_sk(sk);
  return mss + tp.tcp_header_len + tp.icsk_ext_hdr_len + tp.icsk_af_ops.net_header_len;
}

/** Sets the range in which to look for the path MTU. @rfc 4821 */
export function tcp_mtup_init(sk: sock): void {
  const tp = tcp_sk(sk);
  const ipv4 = sock_net(sk).ipv4;
  const mtup = tp.icsk_mtup;
  mtup.enabled = ipv4.sysctl_tcp_mtu_probing > 1;
  mtup.search_high = tp.rx_opt.mss_clamp + TCP_HLEN + tp.icsk_af_ops.net_header_len;
  mtup.search_low = tcp_mss_to_mtu(sk, ipv4.sysctl_tcp_base_mss);
  mtup.probe_size = 0;
  if (mtup.enabled) mtup.probe_timestamp = tcp_jiffies32();
}

/** Takes over a path MTU; answers the MSS by it, which tp.mss_cache holds from now on. */
export function tcp_sync_mss(sk: sock, pmtu: number): number {
  const tp = tcp_sk(sk);
  const mtup = tp.icsk_mtup;
  if (mtup.search_high > pmtu) mtup.search_high = pmtu;
  let mss_now = tcp_bound_to_half_wnd(tp, tcp_mtu_to_mss(sk, pmtu));
  tp.icsk_pmtu_cookie = pmtu;
  if (mtup.enabled) mss_now = Math.min(mss_now, tcp_mtu_to_mss(sk, mtup.search_low));
  tp.mss_cache = mss_now;
  return mss_now;
}

/** MSS for the next segment: path MTU and options of this moment taken off, bytes. */
export function tcp_current_mss(sk: sock): number {
  const tp = tcp_sk(sk);
  const dst = __sk_dst_get(sk);
  let mss_now = tp.mss_cache;
  if (dst !== null) {
    const mtu = dst_mtu(dst);
    if (mtu !== tp.icsk_pmtu_cookie) mss_now = tcp_sync_mss(sk, mtu);
  }
  const header_len = tcp_established_options(sk, null, mss_opts) + TCP_HLEN;
  return mss_now - (header_len - tp.tcp_header_len);
}

/** The window was not used in full for an RTO: takes back half of what was not. @rfc 2861 */
function tcp_cwnd_application_limited(sk: sock): void {
  const tp = tcp_sk(sk);
  if (
    tp.icsk_ca_state === TCP_CA_Open && sk.sk_socket !== null &&
    (sk.sk_socket.flags & (1 << SOCK_NOSPACE)) === 0
  ) {
    const win_used = Math.max(tp.snd_cwnd_used, tcp_init_cwnd(tp, __sk_dst_get(sk)));
    if (win_used < tcp_snd_cwnd(tp)) {
      tp.snd_ssthresh = tcp_current_ssthresh(sk);
      tcp_snd_cwnd_set(tp, (tcp_snd_cwnd(tp) + win_used) >> 1);
    }
    tp.snd_cwnd_used = 0;
  }
  tp.snd_cwnd_stamp = tcp_jiffies32();
}

/** Notes after sending whether the congestion window or something else is the limit. @rfc 2861 */
function tcp_cwnd_validate(sk: sock, is_cwnd_limited: boolean): void {
  const tp = tcp_sk(sk);
  if (
    !before(tp.snd_una, tp.cwnd_usage_seq) || is_cwnd_limited ||
    (!tp.is_cwnd_limited && tp.packets_out > tp.max_packets_out)
  ) {
    tp.is_cwnd_limited = is_cwnd_limited;
    tp.max_packets_out = tp.packets_out;
    tp.cwnd_usage_seq = tp.snd_nxt;
  }
  if (tcp_is_cwnd_limited(sk)) {
    tp.snd_cwnd_used = 0;
    tp.snd_cwnd_stamp = tcp_jiffies32();
    return;
  }
  if (tp.packets_out > tp.snd_cwnd_used) tp.snd_cwnd_used = tp.packets_out;
  if (
    sock_net(sk).ipv4.sysctl_tcp_slow_start_after_idle !== 0 &&
    ((tcp_jiffies32() - tp.snd_cwnd_stamp) | 0) >= tp.icsk_rto &&
    tp.icsk_ca_ops.cong_control === undefined
  ) tcp_cwnd_application_limited(sk);

  // The program wants to write and has nothing queued: its send buffer is the limit.
  if (
    tcp_write_queue_empty(sk) && sk.sk_socket !== null &&
    (sk.sk_socket.flags & (1 << SOCK_NOSPACE)) !== 0 &&
    ((1 << sk.skc_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) !== 0
  ) tcp_chrono_start(sk, TCP_CHRONO_SNDBUF_LIMITED);
}

/** A small segment is in flight (Minshall's variant of Nagle's rule). */
function tcp_minshall_check(tp: tcp_sock): boolean {
  return after(tp.snd_sml, tp.snd_una) && !after(tp.snd_sml, tp.snd_nxt);
}

/** Notes the end of skb if its last segment is small. */
function tcp_minshall_update(tp: tcp_sock, mss_now: number, skb: sk_buff): void {
  if (skb.len < tcp_skb_pcount(skb) * mss_now) tp.snd_sml = TCP_SKB_CB(skb).end_seq;
}

/** A segment must wait: it is partial, and the socket is corked or a small one is in flight. @rfc 896 */
function tcp_nagle_check(partial: boolean, tp: tcp_sock, nonagle: number): boolean {
  return partial &&
    ((nonagle & TCP_NAGLE_CORK) !== 0 ||
      (nonagle === 0 && tp.packets_out !== 0 && tcp_minshall_check(tp)));
}

/** Segments of a TSO packet: a ms at the pacing rate, and more the closer the peer is. */
function tcp_tso_autosize(sk: sock, mss_now: number, min_tso_segs: number): number {
  let bytes = Math.floor(sk.sk_pacing_rate / (1 << sk.sk_pacing_shift));
  const rtt_log = sock_net(sk).ipv4.sysctl_tcp_tso_rtt_log;
  const r = rtt_log < 32 ? tcp_min_rtt(tcp_sk(sk)) >>> rtt_log : 0;
  if (r < 32) bytes += sk.sk_gso_max_size >>> r;
  bytes = Math.min(bytes, sk.sk_gso_max_size);
  return Math.max(Math.floor(bytes / mss_now), min_tso_segs);
}

/** Most segments of a packet that is sent now. */
function tcp_tso_segs(sk: sock, mss_now: number): number {
  const ca_ops = inet_csk(sk).icsk_ca_ops;
  const min_tso = ca_ops.min_tso_segs !== undefined
    ? ca_ops.min_tso_segs(sk)
    : sock_net(sk).ipv4.sysctl_tcp_min_tso_segs;
  return Math.min(tcp_tso_autosize(sk, mss_now, min_tso), sk.sk_gso_max_segs);
}

/** How many bytes of skb may go now. */
function tcp_mss_split_point(
  sk: sock,
  skb: sk_buff,
  mss_now: number,
  max_segs: number,
  nonagle: number,
): number {
  const tp = tcp_sk(sk);
  const window = (tcp_wnd_end(tp) - TCP_SKB_CB(skb).seq) >>> 0;
  const max_len = mss_now * max_segs;
  if (max_len <= window && skb !== tcp_write_queue_tail(sk)) return max_len;
  const needed = Math.min(skb.len, window);
  if (max_len <= needed) return max_len;
  const partial = needed % mss_now;
  return tcp_nagle_check(partial !== 0, tp, nonagle) ? needed - partial : needed;
}

/**
 * Segments that the congestion window allows now: at most half of it, so that two packets are in flight.
 * @differs current Linux makes no exception for FIN, as 6.1 does
 */
function tcp_cwnd_test(tp: tcp_sock): number {
  const in_flight = tcp_packets_in_flight(tp);
  const cwnd = tcp_snd_cwnd(tp);
  if (in_flight >= cwnd) return 0;
  return Math.min(Math.max(cwnd >> 1, 1), cwnd - in_flight);
}

/** Counts skb's segments before it is sent for the first time. */
function tcp_init_tso_segs(skb: sk_buff, mss_now: number): number {
  const tso_segs = tcp_skb_pcount(skb);
  if (tso_segs === 0 || (tso_segs > 1 && tcp_skb_mss(skb) !== mss_now)) {
    tcp_set_skb_tso_segs(skb, mss_now);
    return tcp_skb_pcount(skb);
  }
  return tso_segs;
}

/** Nagle's rule lets skb go now. */
function tcp_nagle_test(tp: tcp_sock, skb: sk_buff, cur_mss: number, nonagle: number): boolean {
  if ((nonagle & TCP_NAGLE_PUSH) !== 0) return true;
  if (tcp_urg_mode(tp) || (TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0) return true;
  return !tcp_nagle_check(skb.len < cur_mss, tp, nonagle);
}

/** skb's first segment fits into the peer's window. */
function tcp_snd_wnd_test(tp: tcp_sock, skb: sk_buff, cur_mss: number): boolean {
  const tcb = TCP_SKB_CB(skb);
  const end_seq = skb.len > cur_mss ? (tcb.seq + cur_mss) | 0 : tcb.end_seq;
  return !after(end_seq, tcp_wnd_end(tp));
}

/** tcp_fragment() for an skb that was never sent and whose bytes are all in fragments. */
function tso_fragment(sk: sock, skb: sk_buff, len: number, mss_now: number): number {
  if (skb.len !== skb.data_len) {
    return tcp_fragment(sk, TCP_FRAG_IN_WRITE_QUEUE, skb, len, mss_now);
  }
  const nlen = skb.len - len;
  const buff = sk_stream_alloc_skb(sk, 0, true);
  if (buff === null) return -ENOMEM;
  sk_wmem_queued_add(sk, buff.truesize);
  sk_mem_charge(sk, buff.truesize);
  buff.truesize += nlen;
  skb.truesize -= nlen;

  tcp_fragment_cb(skb, buff, len);
  skb_split(skb, buff, len);
  buff.ip_summed = CHECKSUM_PARTIAL;
  tcp_fragment_tstamp(skb, buff);
  tcp_set_skb_tso_segs(skb, mss_now);
  tcp_set_skb_tso_segs(buff, mss_now);
  __skb_header_release(buff);
  tcp_insert_write_queue_after(skb, buff, sk, TCP_FRAG_IN_WRITE_QUEUE);
  return 0;
}

/** Why tcp_tso_should_defer() said yes last: the congestion window, or the peer's. @local */
let deferred_by_cwnd = false;
let deferred_by_rwnd = false;

/**
 * Waiting a little lets skb leave in one piece: windows allow only a part of it, and the next ACK is near.
 * @differs what limits is left in two variables, for the caller to take at once
 */
function tcp_tso_should_defer(sk: sock, skb: sk_buff, max_segs: number): boolean {
  const tp = tcp_sk(sk);
  deferred_by_cwnd = false;
  deferred_by_rwnd = false;
  if (tp.icsk_ca_state >= TCP_CA_Recovery) return false;
  // Only a stream that wrote within the last ms waits.
  if (tp.tcp_clock_cache - tp.tcp_wstamp_ns > NSEC_PER_MSEC) return false;

  const mss = tp.mss_cache;
  const send_win = (tcp_wnd_end(tp) - TCP_SKB_CB(skb).seq) >>> 0;
  const cong_win = (tcp_snd_cwnd(tp) - tcp_packets_in_flight(tp)) * mss;
  const limit = Math.min(send_win, cong_win);
  if (limit >= max_segs * mss) return false;
  if (skb !== tcp_write_queue_tail(sk) && limit >= skb.len) return false;

  const win_divisor = sock_net(sk).ipv4.sysctl_tcp_tso_win_divisor;
  if (win_divisor !== 0) {
    const chunk = Math.floor(Math.min(tp.snd_wnd, tcp_snd_cwnd(tp) * mss) / win_divisor);
    if (limit >= chunk) return false;
  } else if (limit > tcp_max_tso_deferred_mss(tp) * mss) {
    return false;
  }

  const head = tcp_rtx_queue_head(sk);
  if (head === null) return false;
  const srtt_in_ns = (NSEC_PER_USEC / 8) * tp.srtt_us;
  const how_far_is_the_ack = head.skb_mstamp_ns + srtt_in_ns - tp.tcp_clock_cache;
  const threshold = Math.min(Math.floor(srtt_in_ns / 2), NSEC_PER_MSEC);
  if (how_far_is_the_ack > threshold) return false;

  if (cong_win < send_win) {
    if (cong_win <= skb.len) return deferred_by_cwnd = true;
  } else if (send_win <= skb.len) return deferred_by_rwnd = true;

  const tcb = TCP_SKB_CB(skb);
  return (tcb.tcp_flags & TCPHDR_FIN) === 0 && !tcb.eor;
}

/** The search for the path MTU ended long ago: begins again. */
function tcp_mtu_check_reprobe(sk: sock): void {
  const tp = tcp_sk(sk);
  const mtup = tp.icsk_mtup;
  const delta = (tcp_jiffies32() - mtup.probe_timestamp) | 0;
  if (delta < sock_net(sk).ipv4.sysctl_tcp_probe_interval * HZ) return;
  const mss = tcp_current_mss(sk);
  mtup.probe_size = 0;
  mtup.search_high = tp.rx_opt.mss_clamp + TCP_HLEN + tp.icsk_af_ops.net_header_len;
  mtup.search_low = tcp_mss_to_mtu(sk, mss);
  mtup.probe_timestamp = tcp_jiffies32();
}

/** The first `len` bytes of the write queue may be sent as one. */
function tcp_can_coalesce_send_queue_head(sk: sock, len: number): boolean {
  for (let skb = tcp_send_head(sk); skb !== null; skb = skb.next) {
    if (len <= skb.len) break;
    if (
      tcp_has_tx_tstamp(skb) || (skb.next !== null && !tcp_skb_can_collapse(skb, skb.next))
    ) return false;
    len -= skb.len;
  }
  return true;
}

/** Moves the first probe_size bytes of the write queue into nskb, which stands before them. @local */
function tcp_mtu_probe_fill(
  sk: sock,
  nskb: sk_buff,
  probe_size: number,
  mss_now: number,
): void {
  const ncb = TCP_SKB_CB(nskb);
  let len = 0;
  for (let skb = nskb.next; skb !== null && len < probe_size;) {
    const next: sk_buff | null = skb.next;
    const cb = TCP_SKB_CB(skb);
    const copy = Math.min(skb.len, probe_size - len);
    const to = skb_put(nskb, copy);
    skb_copy_bits(skb, 0, nskb.head.u8, copy, to);
    if (skb.len <= copy) {
      ncb.tcp_flags |= cb.tcp_flags;
      ncb.eor = cb.eor;
      tcp_skb_collapse_tstamp(nskb, skb);
      tcp_unlink_write_queue(skb, sk);
      tcp_wmem_free_skb(sk, skb);
    } else {
      ncb.tcp_flags |= cb.tcp_flags & ~(TCPHDR_FIN | TCPHDR_PSH);
      if (skb.shinfo.nr_frags === 0) skb_pull(skb, copy);
      else {
        __pskb_trim_head(skb, copy);
        tcp_set_skb_tso_segs(skb, mss_now);
      }
      cb.seq = (cb.seq + copy) | 0;
    }
    len += copy;
    skb = next;
  }
}

/**
 * Sends a segment that is larger than the path MTU we know of, to find a larger one: 1 sent, 0 if the
 * caller should wait until it can be, -1 if none is due. @rfc 4821
 */
function tcp_mtu_probe(sk: sock): number {
  const tp = tcp_sk(sk);
  const mtup = tp.icsk_mtup;
  if (
    !mtup.enabled || mtup.probe_size !== 0 || tp.icsk_ca_state !== TCP_CA_Open ||
    tcp_snd_cwnd(tp) < 11 || tp.rx_opt.num_sacks !== 0 || tp.rx_opt.dsack
  ) return -1;

  const mss_now = tcp_current_mss(sk);
  const probe_size = tcp_mtu_to_mss(sk, (mtup.search_high + mtup.search_low) >> 1);
  const size_needed = probe_size + (tp.reordering + 1) * tp.mss_cache;
  const interval = mtup.search_high - mtup.search_low;
  if (
    probe_size > tcp_mtu_to_mss(sk, mtup.search_high) ||
    interval < sock_net(sk).ipv4.sysctl_tcp_probe_threshold
  ) {
    tcp_mtu_check_reprobe(sk);
    return -1;
  }

  if (((tp.write_seq - tp.snd_nxt) >>> 0) < size_needed) return -1;
  if (tp.snd_wnd < size_needed) return -1;
  if (after((tp.snd_nxt + size_needed) | 0, tcp_wnd_end(tp))) return 0;
  if (tcp_packets_in_flight(tp) + 2 > tcp_snd_cwnd(tp)) {
    return tcp_packets_in_flight(tp) === 0 ? -1 : 0;
  }
  if (!tcp_can_coalesce_send_queue_head(sk, probe_size)) return -1;

  const nskb = sk_stream_alloc_skb(sk, probe_size, false);
  if (nskb === null) return -1;
  sk_wmem_queued_add(sk, nskb.truesize);
  sk_mem_charge(sk, nskb.truesize);
  const skb = tcp_send_head(sk)!;
  const ncb = TCP_SKB_CB(nskb);
  ncb.seq = TCP_SKB_CB(skb).seq;
  ncb.end_seq = (ncb.seq + probe_size) | 0;
  ncb.tcp_flags = TCPHDR_ACK;
  nskb.ip_summed = CHECKSUM_PARTIAL;
  tcp_insert_write_queue_before(nskb, skb, sk);
  tcp_highest_sack_replace(sk, skb, nskb);
  tcp_mtu_probe_fill(sk, nskb, probe_size, mss_now);
  tcp_init_tso_segs(nskb, nskb.len);

  // Should this fail, tcp_write_xmit() cuts it to the size that is known to work.
  if (tcp_transmit_skb(sk, nskb, true) !== 0) return -1;
  // It stands for two.
  tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) - 1);
  tcp_event_new_data_sent(sk, nskb);
  mtup.probe_size = tcp_mss_to_mtu(sk, nskb.len);
  tp.mtu_probe_start = ncb.seq;
  tp.mtu_probe_end = ncb.end_seq;
  return 1;
}

/** It is not yet time for the next packet: the pacing timer will say when. */
function tcp_pacing_check(sk: sock): boolean {
  const tp = tcp_sk(sk);
  if (!tcp_needs_internal_pacing(sk)) return false;
  if (tp.tcp_wstamp_ns <= tp.tcp_clock_cache) return false;
  if (!hrtimer_is_queued(tp.pacing_timer)) {
    hrtimer_start(tp.pacing_timer, tp.tcp_wstamp_ns, HRTIMER_MODE_ABS_PINNED_SOFT);
    sock_hold(sk);
  }
  return true;
}

function tcp_rtx_queue_empty_or_single_skb(sk: sock): boolean {
  const node = tcp_sk(sk).tcp_rtx_queue.rb_node;
  return node === null || (node.rb_left === null && node.rb_right === null);
}

/** Enough of the socket's bytes (a ms of them, << factor) are in qdisc and device: tcp_wfree() goes on. */
function tcp_small_queue_check(sk: sock, skb: sk_buff, factor: number): boolean {
  const tp = tcp_sk(sk);
  let limit = Math.max(
    2 * skb.truesize,
    Math.floor(sk.sk_pacing_rate / (1 << sk.sk_pacing_shift)),
  );
  if (sk.sk_pacing_status === SK_PACING_NONE) {
    limit = Math.min(limit, sock_net(sk).ipv4.sysctl_tcp_limit_output_bytes);
  }
  limit *= 1 << factor;
  if (tp.tcp_tx_delay !== 0) {
    limit += Math.floor((sk.sk_pacing_rate * tp.tcp_tx_delay) / 2 ** 19);
  }
  if (sk.sk_wmem_alloc <= limit) return false;
  // With nothing else in flight no ACK would help a completion that comes late.
  if (tcp_rtx_queue_empty_or_single_skb(sk)) return false;
  sk.sk_tsq_flags |= TSQF_THROTTLED;
  return true;
}

function tcp_chrono_set(tp: tcp_sock, new_: number): void {
  const now = tcp_jiffies32();
  const old = tp.chrono_type;
  if (old > TCP_CHRONO_UNSPEC) tp.chrono_stat[old - 1] += (now - tp.chrono_start) >>> 0;
  tp.chrono_start = now;
  tp.chrono_type = new_;
}

/** A reason not to send begins; of several the greatest counts. */
export function tcp_chrono_start(sk: sock, type: number): void {
  const tp = tcp_sk(sk);
  if (type > tp.chrono_type) tcp_chrono_set(tp, type);
}

/** A reason ends: the connection is busy, or has nothing to send. */
export function tcp_chrono_stop(sk: sock, type: number): void {
  const tp = tcp_sk(sk);
  if (tcp_rtx_and_write_queues_empty(sk)) tcp_chrono_set(tp, TCP_CHRONO_UNSPEC);
  else if (type === tp.chrono_type) tcp_chrono_set(tp, TCP_CHRONO_BUSY);
}

/**
 * Lengthens skb, which is to be sent and is not the queue's last, by up to `amount` bytes of the next.
 * @differs only up to a whole segment, so that none is short while there is more; the kernel fills whole packets
 */
function tcp_grow_skb(sk: sock, skb: sk_buff, amount: number): void {
  const next_skb = skb.next as sk_buff;
  if (!tcp_skb_can_collapse(skb, next_skb)) return;
  const nlen = Math.min(amount, next_skb.len);
  if (nlen === 0 || skb_shift(skb, next_skb, nlen) === 0) return;
  const tcb = TCP_SKB_CB(skb), ncb = TCP_SKB_CB(next_skb);
  tcb.end_seq = (tcb.end_seq + nlen) | 0;
  ncb.seq = (ncb.seq + nlen) | 0;
  // To be counted anew.
  tcp_skb_pcount_set(skb, 0);
  tcp_skb_pcount_set(next_skb, 0);
  if (next_skb.len !== 0) return;
  // A FIN has a number, too.
  tcb.end_seq = ncb.end_seq;
  tcb.eor = ncb.eor;
  tcb.tcp_flags |= ncb.tcp_flags;
  tcp_unlink_write_queue(next_skb, sk);
  tcp_wmem_free_skb(sk, next_skb);
}

/**
 * Sends from the write queue what may be sent. push_one 1: one skb; 2: one skb even without congestion
 * window, as a loss probe. True if there is data, none of it was sent and nothing is in flight, so that only a
 * probe can bring the connection on.
 */
function tcp_write_xmit(sk: sock, mss_now: number, nonagle: number, push_one: number): boolean {
  const tp = tcp_sk(sk);
  let sent_pkts = 0;
  let is_cwnd_limited = false;
  let is_rwnd_limited = false;

  tcp_mstamp_refresh(tp);
  if (push_one === 0) {
    const result = tcp_mtu_probe(sk);
    if (result === 0) return false;
    if (result > 0) sent_pkts = 1;
  }

  const max_segs = tcp_tso_segs(sk, mss_now);
  for (let skb = tcp_send_head(sk); skb !== null; skb = tcp_send_head(sk)) {
    if (tp.repair && tp.repair_queue === TCP_SEND_QUEUE) {
      // Nothing leaves: the peer is told to have it already.
      tp.tcp_wstamp_ns = tp.tcp_clock_cache;
      skb_set_delivery_time(skb, tp.tcp_wstamp_ns, true);
      tcp_skb_tsorted_move_tail(tp, skb);
      tcp_init_tso_segs(skb, mss_now);
    } else {
      if (tcp_pacing_check(sk)) break;

      let cwnd_quota = tcp_cwnd_test(tp);
      if (cwnd_quota === 0) {
        if (push_one !== 2) break;
        cwnd_quota = 1;
      }
      if (!tcp_skb_is_last(sk, skb)) {
        const partial = skb.len % mss_now;
        if (partial !== 0) tcp_grow_skb(sk, skb, mss_now - partial);
      }
      const tso_segs = tcp_init_tso_segs(skb, mss_now);
      if (!tcp_snd_wnd_test(tp, skb, mss_now)) {
        is_rwnd_limited = true;
        break;
      }
      if (tso_segs === 1) {
        const rule = tcp_skb_is_last(sk, skb) ? nonagle : TCP_NAGLE_PUSH;
        if (!tcp_nagle_test(tp, skb, mss_now, rule)) break;
      } else if (push_one === 0 && tcp_tso_should_defer(sk, skb, max_segs)) {
        if (deferred_by_cwnd) is_cwnd_limited = true;
        if (deferred_by_rwnd) is_rwnd_limited = true;
        break;
      }

      let limit = mss_now;
      if (tso_segs > 1 && !tcp_urg_mode(tp)) {
        const segs = Math.min(cwnd_quota, max_segs);
        limit = tcp_mss_split_point(sk, skb, mss_now, segs, nonagle);
      }
      if (skb.len > limit && tso_fragment(sk, skb, limit, mss_now) !== 0) break;
      if (tcp_small_queue_check(sk, skb, 0)) break;
      // An empty skb: its writer sleeps in sendmsg() for memory.
      if (TCP_SKB_CB(skb).end_seq === TCP_SKB_CB(skb).seq) break;
      if (tcp_transmit_skb(sk, skb, true) !== 0) break;
    }
    tcp_event_new_data_sent(sk, skb);
    tcp_minshall_update(tp, mss_now, skb);
    sent_pkts += tcp_skb_pcount(skb);
    if (push_one !== 0) break;
  }

  if (is_rwnd_limited) tcp_chrono_start(sk, TCP_CHRONO_RWND_LIMITED);
  else tcp_chrono_stop(sk, TCP_CHRONO_RWND_LIMITED);

  if (tcp_packets_in_flight(tp) >= tcp_snd_cwnd(tp)) is_cwnd_limited = true;
  if (sent_pkts !== 0 || is_cwnd_limited) tcp_cwnd_validate(sk, is_cwnd_limited);

  if (sent_pkts !== 0) {
    if (tcp_in_cwnd_reduction(sk)) tp.prr_out += sent_pkts;
    if (push_one !== 2) tcp_schedule_loss_probe(sk, false);
    return false;
  }
  return tp.packets_out === 0 && !tcp_write_queue_empty(sk);
}

/** Sets the timer for a tail loss probe instead of the RTO where one makes sense. @rfc 8985 7.2 */
export function tcp_schedule_loss_probe(sk: sock, advancing_rto: boolean): boolean {
  const tp = tcp_sk(sk);
  if (tp.fastopen_rsk !== null) return false;
  const early_retrans = sock_net(sk).ipv4.sysctl_tcp_early_retrans;
  if (
    (early_retrans !== 3 && early_retrans !== 4) || tp.packets_out === 0 || !tcp_is_sack(tp) ||
    (tp.icsk_ca_state !== TCP_CA_Open && tp.icsk_ca_state !== TCP_CA_CWR)
  ) return false;

  let timeout = TCP_TIMEOUT_INIT;
  if (tp.srtt_us !== 0) {
    // Two round trips, and for a lone packet the time for which its ACK may be delayed.
    let timeout_us = tp.srtt_us >>> 2;
    timeout_us += tp.packets_out === 1 ? tcp_rto_min_us(sk) : TCP_TIMEOUT_MIN_US;
    timeout = usecs_to_jiffies(timeout_us);
  }
  const rto_delta_us = advancing_rto ? jiffies_to_usecs(tp.icsk_rto) : tcp_rto_delta_us(sk);
  if (rto_delta_us > 0) timeout = Math.min(timeout, usecs_to_jiffies(rto_delta_us));
  tcp_reset_xmit_timer(sk, ICSK_TIME_LOSS_PROBE, timeout, tcp_rto_max(sk));
  return true;
}

/** The last transmission of skb has not even left the host: no use in sending it again. */
function skb_still_in_host_queue(sk: sock, skb: sk_buff): boolean {
  if (!skb_fclone_busy(sk, skb)) return false;
  sk.sk_tsq_flags |= TSQF_THROTTLED;
  NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPSPURIOUS_RTX_HOSTQUEUES);
  return true;
}

/** Retransmits the last segment as a loss probe; whether it left. @local */
function tcp_retransmit_loss_probe(sk: sock, skb: sk_buff, mss: number): boolean {
  if (skb_still_in_host_queue(sk, skb)) return false;
  const pcount = tcp_skb_pcount(skb);
  if (pcount === 0) return false;
  if (pcount > 1 && skb.len > (pcount - 1) * mss) {
    if (tcp_fragment(sk, TCP_FRAG_IN_RTX_QUEUE, skb, (pcount - 1) * mss, mss) !== 0) return false;
    skb = skb_rb_next(skb)!;
  }
  return __tcp_retransmit_skb(sk, skb, 1) === 0;
}

/** The probe timer: sends a new segment if there is one, else the last again. @rfc 8985 7.3 */
export function tcp_send_loss_probe(sk: sock): void {
  const tp = tcp_sk(sk);
  const mss = tcp_current_mss(sk);
  let sent = false;
  // One probe per tail.
  if (tp.tlp_high_seq === 0) {
    tp.tlp_retrans = false;
    const head = tcp_send_head(sk);
    if (head !== null && tcp_snd_wnd_test(tp, head, mss)) {
      const packets_out = tp.packets_out;
      tcp_write_xmit(sk, mss, TCP_NAGLE_OFF, 2);
      sent = tp.packets_out > packets_out;
    } else {
      const skb = skb_rb_last(tp.tcp_rtx_queue);
      if (skb === null) {
        tp.icsk_pending = 0;
        return;
      }
      sent = tcp_retransmit_loss_probe(sk, skb, mss);
      if (sent) tp.tlp_retrans = true;
    }
  }
  if (sent) {
    tp.tlp_high_seq = tp.snd_nxt;
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPLOSSPROBES);
    // So that the RTO counts from now.
    tp.icsk_pending = 0;
  }
  tcp_rearm_rto(sk);
}

/** Sends what was held back. The caller has the socket. */
export function __tcp_push_pending_frames(sk: sock, cur_mss: number, nonagle: number): void {
  // Closed: the queue will be emptied.
  if (sk.skc_state === TCP_CLOSE) return;
  if (tcp_write_xmit(sk, cur_mss, nonagle, 0)) tcp_check_probe_timer(sk);
}

/** Sends the one skb that is queued, full-sized, while more is being written. */
export function tcp_push_one(sk: sock, mss_now: number): void {
  tcp_write_xmit(sk, mss_now, TCP_NAGLE_PUSH, 1);
}

/** Window by free buffer where the one offered may be taken back (tcp_shrink_window). @local */
function tcp_shrunk_window(
  sk: sock,
  free_space: number,
  full_space: number,
  allowed_space: number,
  mss: number,
): number {
  const tp = tcp_sk(sk);
  const unit = 1 << tp.rx_opt.rcv_wscale;
  free_space = free_space < 0 ? 0 : round_down(free_space, unit);
  if (free_space < (full_space >> 1)) {
    tp.icsk_ack.quick = 0;
    if (tcp_under_memory_pressure(sk)) tcp_adjust_rcv_ssthresh(sk);
    if (free_space < (allowed_space >> 4) || free_space < mss || free_space < unit) return 0;
  }
  return free_space > tp.rcv_ssthresh ? ALIGN(tp.rcv_ssthresh, unit) : free_space;
}

/**
 * The window that the free buffer allows, bytes: none before it is worth a segment, in steps of the MSS or of the
 * scale. @rfc 9293 3.8.6.2.2
 */
export function __tcp_select_window(sk: sock): number {
  const tp = tcp_sk(sk);
  const rcv_wscale = tp.rx_opt.rcv_wscale;
  const allowed_space = tcp_full_space(sk);
  const full_space = Math.min(tp.window_clamp, allowed_space);
  let free_space = tcp_space(sk);
  let mss = tp.icsk_ack.rcv_mss;
  if (mss > full_space) {
    mss = full_space;
    if (mss <= 0) return 0;
  }
  if (sock_net(sk).ipv4.sysctl_tcp_shrink_window !== 0 && rcv_wscale !== 0) {
    return tcp_shrunk_window(sk, free_space, full_space, allowed_space, mss);
  }

  if (free_space < (full_space >> 1)) {
    tp.icsk_ack.quick = 0;
    if (tcp_under_memory_pressure(sk)) tcp_adjust_rcv_ssthresh(sk);
    free_space = free_space < 0 ? 0 : round_down(free_space, 1 << rcv_wscale);
    // Closed early enough that what is in flight still finds room.
    if (free_space < (allowed_space >> 4) || free_space < mss) return 0;
  }
  if (free_space > tp.rcv_ssthresh) free_space = tp.rcv_ssthresh;

  // A scaled window is on no MSS boundary; it is rounded up, lest scaling make it 0.
  if (rcv_wscale !== 0) return ALIGN(free_space, 1 << rcv_wscale);
  const window = tp.rcv_wnd;
  if (window <= free_space - mss || window > free_space) return rounddown(free_space, mss);
  if (mss === full_space && free_space > window + (full_space >> 1)) return free_space;
  return window;
}

/** Timestamps that were asked for next_skb are asked for skb now. */
export function tcp_skb_collapse_tstamp(skb: sk_buff, next_skb: sk_buff): void {
  if (!tcp_has_tx_tstamp(next_skb)) return;
  const next_shinfo = next_skb.shinfo;
  const shinfo = skb.shinfo;
  shinfo.tx_flags |= next_shinfo.tx_flags & SKBTX_ANY_TSTAMP;
  shinfo.tskey = next_shinfo.tskey;
  if (TCP_SKB_CB(next_skb).txstamp_ack) TCP_SKB_CB(skb).txstamp_ack = true;
}

/** Appends the skb behind skb to it, both one segment; false where that cannot be. */
function tcp_collapse_retrans(sk: sock, skb: sk_buff): boolean {
  const tp = tcp_sk(sk);
  const next_skb = skb_rb_next(skb)!;
  const cb = TCP_SKB_CB(skb), next_cb = TCP_SKB_CB(next_skb);
  const next_skb_size = next_skb.len;
  if (next_skb_size !== 0 && tcp_skb_shift(skb, next_skb, 1, next_skb_size) === 0) return false;
  tcp_highest_sack_replace(sk, next_skb, skb);

  cb.end_seq = next_cb.end_seq;
  cb.tcp_flags |= next_cb.tcp_flags;
  cb.sacked |= next_cb.sacked & TCPCB_EVER_RETRANS;
  cb.eor = next_cb.eor;

  tcp_clear_retrans_hints_partial(tp);
  if (next_skb === tp.retransmit_skb_hint) tp.retransmit_skb_hint = skb;
  tcp_adjust_pcount(sk, next_skb, tcp_skb_pcount(next_skb));
  tcp_skb_collapse_tstamp(skb, next_skb);
  tcp_rtx_queue_unlink_and_free(next_skb, sk);
  return true;
}

function tcp_can_collapse(_sk: sock, skb: sk_buff): boolean {
  return tcp_skb_pcount(skb) <= 1 && !skb_cloned(skb) &&
    (TCP_SKB_CB(skb).sacked & TCPCB_SACKED_ACKED) === 0;
}

/** Fills `to` up to `space` bytes from the skbs behind it, as it will be sent again. */
function tcp_retrans_try_collapse(sk: sock, to: sk_buff, space: number): void {
  const tp = tcp_sk(sk);
  if (sock_net(sk).ipv4.sysctl_tcp_retrans_collapse === 0) return;
  if ((TCP_SKB_CB(to).tcp_flags & TCPHDR_SYN) !== 0) return;
  for (let skb: sk_buff | null = to; skb !== null;) {
    const next: sk_buff | null = skb_rb_next(skb);
    if (!tcp_can_collapse(sk, skb) || !tcp_skb_can_collapse(to, skb)) break;
    space -= skb.len;
    if (skb !== to) {
      if (space < 0 || after(TCP_SKB_CB(skb).end_seq, tcp_wnd_end(tp))) break;
      if (!tcp_collapse_retrans(sk, to)) break;
    }
    skb = next;
  }
}

/** Takes off what is acknowledged of an skb that will be sent again: 0 or a negative errno. @local */
function tcp_retransmit_trim(sk: sock, skb: sk_buff): number {
  const tp = tcp_sk(sk);
  const tcb = TCP_SKB_CB(skb);
  if (before(tcb.seq, tp.snd_una) && (tcb.tcp_flags & TCPHDR_SYN) !== 0) {
    tcb.tcp_flags &= ~TCPHDR_SYN;
    tcb.seq = (tcb.seq + 1) | 0;
  }
  if (!before(tcb.seq, tp.snd_una)) return 0;
  if (before(tcb.end_seq, tp.snd_una)) return -EINVAL;
  return tcp_trim_head(sk, skb, (tp.snd_una - tcb.seq) | 0) !== 0 ? -ENOMEM : 0;
}

/** Sends a private copy of skb, whose data has moved too far from the start of its head. @local */
function tcp_retransmit_copy(sk: sock, skb: sk_buff): number {
  const nskb = __pskb_copy(skb, MAX_TCP_HEADER);
  const err = tcp_transmit_skb(sk, nskb, false);
  if (err === 0) {
    tcp_update_skb_after_send(sk, skb, tcp_sk(sk).tcp_wstamp_ns);
    tcp_rate_skb_sent(sk, skb);
  }
  return err;
}

/** Sends one skb again, at most `segs` segments of it: 0 or an errno. Counts of packets are the caller's. */
export function __tcp_retransmit_skb(sk: sock, skb: sk_buff, segs: number): number {
  const tp = tcp_sk(sk);
  const tcb = TCP_SKB_CB(skb);
  const net = sock_net(sk);
  if (tp.icsk_mtup.probe_size !== 0) tp.icsk_mtup.probe_size = 0;
  if (skb_still_in_host_queue(sk, skb)) return -EBUSY;
  let err = tcp_retransmit_trim(sk, skb);
  if (err !== 0) return err;
  if (tp.icsk_af_ops.rebuild_header(sk) !== 0) return -EHOSTUNREACH;

  const cur_mss = tcp_current_mss(sk);
  let avail_wnd = (tcp_wnd_end(tp) - tcb.seq) | 0;
  // Beyond a window that was taken back nothing goes, but the first segment serves as a probe of it.
  if (avail_wnd <= 0) {
    if (tcb.seq !== tp.snd_una) return -EAGAIN;
    avail_wnd = cur_mss;
  }
  let len = cur_mss * (tcp_urg_mode(tp) ? 1 : segs);
  if (len > avail_wnd) len = rounddown(avail_wnd, cur_mss) || avail_wnd;
  if (skb.len > len) {
    if (tcp_fragment(sk, TCP_FRAG_IN_RTX_QUEUE, skb, len, cur_mss) !== 0) return -ENOMEM;
  } else {
    if (skb_unclone_keeptruesize(skb) !== 0) return -ENOMEM;
    let diff = tcp_skb_pcount(skb);
    tcp_set_skb_tso_segs(skb, cur_mss);
    diff -= tcp_skb_pcount(skb);
    if (diff !== 0) tcp_adjust_pcount(sk, skb, diff);
    avail_wnd = Math.min(avail_wnd, cur_mss);
    if (skb.len < avail_wnd) tcp_retrans_try_collapse(sk, skb, avail_wnd);
  }
  if ((tcb.tcp_flags & TCPHDR_SYN_ECN) === TCPHDR_SYN_ECN) tcp_ecn_clear_syn(sk, skb);

  segs = tcp_skb_pcount(skb);
  TCP_ADD_STATS(net, TCP_MIB_RETRANSSEGS, segs);
  if ((tcb.tcp_flags & TCPHDR_SYN) !== 0) __NET_INC_STATS(net, LINUX_MIB_TCPSYNRETRANS);
  tp.total_retrans += segs;
  tp.bytes_retrans += skb.len;

  err = skb_headroom(skb) >= U16_MAX
    ? tcp_retransmit_copy(sk, skb)
    : tcp_transmit_skb(sk, skb, true);
  // Even if it failed: no round trip may be measured from a transmission that never was.
  tcb.sacked |= TCPCB_EVER_RETRANS;
  if (err !== 0 && err !== -EBUSY) NET_ADD_STATS(net, LINUX_MIB_TCPRETRANSFAIL, segs);
  return err;
}

/** Sends one skb again and counts it as retransmitted: 0 or an errno. */
export function tcp_retransmit_skb(sk: sock, skb: sk_buff, segs: number): number {
  const tp = tcp_sk(sk);
  const err = __tcp_retransmit_skb(sk, skb, segs);
  if (err === 0) {
    TCP_SKB_CB(skb).sacked |= TCPCB_RETRANS;
    tp.retrans_out += tcp_skb_pcount(skb);
  }
  if (tp.retrans_stamp === 0) tp.retrans_stamp = tcp_skb_timestamp(skb);
  if (tp.undo_retrans < 0) tp.undo_retrans = 0;
  tp.undo_retrans += tcp_skb_pcount(skb);
  return err;
}

/** Sends again what is marked lost, oldest first, as far as the congestion window allows. */
export function tcp_xmit_retransmit_queue(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.packets_out === 0) return;
  const net = sock_net(sk);
  const rtx_head = tcp_rtx_queue_head(sk);
  const max_segs = tcp_tso_segs(sk, tcp_current_mss(sk));
  let hole = false;
  let rearm_timer = false;

  for (
    let skb = tp.retransmit_skb_hint ?? rtx_head;
    skb !== null;
    skb = skb_rb_next(skb)
  ) {
    if (tcp_pacing_check(sk)) break;
    if (!hole) tp.retransmit_skb_hint = skb;
    const quota = tcp_snd_cwnd(tp) - tcp_packets_in_flight(tp);
    if (quota <= 0) break;
    const sacked = TCP_SKB_CB(skb).sacked;
    if (tp.retrans_out >= tp.lost_out) break;
    if ((sacked & TCPCB_LOST) === 0) {
      // The next walk begins at the first that may yet be marked.
      if ((sacked & (TCPCB_SACKED_RETRANS | TCPCB_SACKED_ACKED)) === 0) hole = true;
      continue;
    }
    if ((sacked & (TCPCB_SACKED_ACKED | TCPCB_SACKED_RETRANS)) !== 0) continue;
    if (tcp_small_queue_check(sk, skb, 1)) break;
    if (tcp_retransmit_skb(sk, skb, Math.min(quota, max_segs)) !== 0) break;

    const mib_idx = tp.icsk_ca_state !== TCP_CA_Loss
      ? LINUX_MIB_TCPFASTRETRANS
      : LINUX_MIB_TCPSLOWSTARTRETRANS;
    NET_ADD_STATS(net, mib_idx, tcp_skb_pcount(skb));
    if (tcp_in_cwnd_reduction(sk)) tp.prr_out += tcp_skb_pcount(skb);
    if (skb === rtx_head && tp.icsk_pending !== ICSK_TIME_REO_TIMEOUT) rearm_timer = true;
  }
  if (rearm_timer) tcp_reset_xmit_timer(sk, ICSK_TIME_RETRANS, tp.icsk_rto, tcp_rto_max(sk));
}

/** Queues a FIN, on the last skb if it is unsent, and sends. @rfc 9293 3.6 */
export function tcp_send_fin(sk: sock): void {
  const tp = tcp_sk(sk);
  const tail = tcp_write_queue_tail(sk);
  let tskb = tail;
  // Short of memory, even one that was sent: the FIN then goes with its retransmission.
  if (tskb === null && tcp_under_memory_pressure(sk)) tskb = skb_rb_last(tp.tcp_rtx_queue);
  if (tskb !== null) {
    const tcb = TCP_SKB_CB(tskb);
    tcb.tcp_flags |= TCPHDR_FIN;
    tcb.end_seq = (tcb.end_seq + 1) | 0;
    tp.write_seq = (tp.write_seq + 1) | 0;
    if (tail === null) {
      tp.snd_nxt = (tp.snd_nxt + 1) | 0;
      return;
    }
  } else {
    const skb = alloc_skb_fclone(MAX_TCP_HEADER);
    skb_reserve(skb, MAX_TCP_HEADER);
    sk_forced_mem_schedule(sk, skb.truesize);
    tcp_init_nondata_skb(skb, tp.write_seq, TCPHDR_ACK | TCPHDR_FIN);
    tcp_queue_skb(sk, skb);
  }
  __tcp_push_pending_frames(sk, tcp_current_mss(sk), TCP_NAGLE_OFF);
}

/** Resets the connection from our side, e.g. as data is left that nobody will read. @rfc 2525 2.17 */
export function tcp_send_active_reset(sk: sock): void {
  TCP_INC_STATS(sock_net(sk), TCP_MIB_OUTRSTS);
  const skb = alloc_skb(MAX_TCP_HEADER);
  skb_reserve(skb, MAX_TCP_HEADER);
  tcp_init_nondata_skb(skb, tcp_acceptable_seq(sk), TCPHDR_ACK | TCPHDR_RST);
  tcp_mstamp_refresh(tcp_sk(sk));
  if (tcp_transmit_skb(sk, skb, false) !== 0) {
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTFAILED);
  }
}

/** Answers a SYN that crossed ours: ours goes again, with ACK. 0 or a negative errno. @rfc 9293 3.5 */
export function tcp_send_synack(sk: sock): number {
  const tp = tcp_sk(sk);
  let skb = tcp_rtx_queue_head(sk);
  if (skb === null || (TCP_SKB_CB(skb).tcp_flags & TCPHDR_SYN) === 0) return -EFAULT;
  if ((TCP_SKB_CB(skb).tcp_flags & TCPHDR_ACK) === 0) {
    if (skb_cloned(skb)) {
      const nskb = skb_copy(skb);
      if (skb === tp.retransmit_skb_hint) tp.retransmit_skb_hint = nskb;
      tcp_highest_sack_replace(sk, skb, nskb);
      tcp_rtx_queue_unlink_and_free(skb, sk);
      __skb_header_release(nskb);
      tcp_rbtree_insert(tp.tcp_rtx_queue, nskb);
      sk_wmem_queued_add(sk, nskb.truesize);
      sk_mem_charge(sk, nskb.truesize);
      skb = nskb;
    }
    TCP_SKB_CB(skb).tcp_flags |= TCPHDR_ACK;
    tcp_ecn_send_synack(sk, skb);
  }
  return tcp_transmit_skb(sk, skb, true);
}

/** Builds the SYN+ACK to a request_sock, header and options; IP and checksum are the caller's. */
export function tcp_make_synack(
  sk: sock,
  dst: dst_entry,
  req: request_sock,
  foc: tcp_fastopen_cookie | null,
  synack_type: number,
  _syn_skb: sk_buff | null,
): sk_buff | null {
  const ireq = inet_rsk(req);
  const treq = tcp_rsk(req);
  const tp = tcp_sk(sk);
  const skb = alloc_skb(MAX_TCP_HEADER);
  skb_reserve(skb, MAX_TCP_HEADER);
  if (synack_type === TCP_SYNACK_NORMAL) skb_set_owner_w(skb, req as unknown as sock);
  else if (synack_type === TCP_SYNACK_FASTOPEN) skb_set_owner_w(skb, sk);
  skb_dst_set(skb, dst);

  const mss = tcp_mss_clamp(tp, dst_metric_advmss(dst));
  const now = tcp_clock_ns();
  if (synack_type === TCP_SYNACK_COOKIE && ireq.tstamp_ok) {
    skb_set_delivery_time(skb, cookie_init_timestamp(req, now), true);
  } else {
    skb_set_delivery_time(skb, now, true);
    if (treq.snt_synack === 0) treq.snt_synack = tcp_skb_timestamp_us(skb);
  }
  skb.hash = treq.txhash;
  skb.l4_hash = true;
  TCP_SKB_CB(skb).tcp_flags = TCPHDR_SYN | TCPHDR_ACK;
  tcp_out_options_clear(out_opts);
  const tcp_header_size = TCP_HLEN + tcp_synack_options(sk, req, mss, skb, out_opts, foc);

  skb_push(skb, tcp_header_size);
  skb_reset_transport_header(skb);
  const th = tcp_hdr(skb);
  th.source = ireq.ir_num;
  th.dest = ireq.ir_rmt_port;
  th.seq = treq.snt_isn;
  // Data that came with the SYN is acknowledged as it is.
  th.ack_seq = treq.rcv_nxt;
  th.flag_word = ((tcp_header_size >> 2) << 28) | ((TCPHDR_SYN | TCPHDR_ACK) << 16) |
    Math.min(treq.rsk_rcv_wnd, U16_MAX);
  th.check = 0;
  th.urg_ptr = 0;
  tcp_ecn_make_synack(req, th);
  skb.mark = ireq.ir_mark;
  skb.ip_summed = CHECKSUM_PARTIAL;
  tcp_options_write(th, null, out_opts);
  TCP_INC_STATS(sock_net(sk), TCP_MIB_OUTSEGS);
  skb_set_delivery_time(skb, now, true);
  tcp_add_tx_delay(skb, tp);
  return skb;
}

/** Takes the congestion control that the route asks for. */
function tcp_ca_dst_init(sk: sock, dst: dst_entry): void {
  const icsk = inet_csk(sk);
  const ca_key = dst_metric(dst, RTAX_CC_ALGO);
  if (ca_key === 0) return;
  const ca = tcp_ca_find_key(ca_key);
  if (ca !== null) {
    icsk.icsk_ca_dst_locked = tcp_ca_dst_locked(dst);
    icsk.icsk_ca_ops = ca;
  }
}

/** Sets a socket up for its SYN, as far as no address family matters. */
function tcp_connect_init(sk: sock): void {
  const tp = tcp_sk(sk);
  const dst = __sk_dst_get(sk)!;
  const ipv4 = sock_net(sk).ipv4;

  tp.tcp_header_len = TCP_HLEN;
  if (ipv4.sysctl_tcp_timestamps !== 0) tp.tcp_header_len += TCPOLEN_TSTAMP_ALIGNED;
  if (tp.rx_opt.user_mss !== 0) tp.rx_opt.mss_clamp = tp.rx_opt.user_mss;
  tp.max_window = 0;
  tcp_mtup_init(sk);
  tcp_sync_mss(sk, dst_mtu(dst));
  tcp_ca_dst_init(sk, dst);

  if (tp.window_clamp === 0) tp.window_clamp = dst_metric(dst, RTAX_WINDOW);
  tp.advmss = tcp_mss_clamp(tp, dst_metric_advmss(dst));
  tcp_initialize_rcv_mss(sk);
  if (
    (sk.sk_userlocks & SOCK_RCVBUF_LOCK) !== 0 &&
    (tp.window_clamp > tcp_full_space(sk) || tp.window_clamp === 0)
  ) tp.window_clamp = tcp_full_space(sk);

  const rcv_wnd: u32_ref = { value: 0 };
  const window_clamp: u32_ref = { value: tp.window_clamp };
  const rcv_wscale: u32_ref = { value: 0 };
  tcp_select_initial_window(
    sk,
    tcp_full_space(sk),
    tp.advmss - (tp.rx_opt.ts_recent_stamp !== 0 ? tp.tcp_header_len - TCP_HLEN : 0),
    rcv_wnd,
    window_clamp,
    ipv4.sysctl_tcp_window_scaling,
    rcv_wscale,
    dst_metric(dst, RTAX_INITRWND),
  );
  tp.rcv_wnd = rcv_wnd.value;
  tp.window_clamp = window_clamp.value;
  tp.rx_opt.rcv_wscale = rcv_wscale.value;
  tp.rcv_ssthresh = tp.rcv_wnd;

  sk.sk_err = 0;
  sock_reset_flag(sk, SOCK_DONE);
  tp.snd_wnd = 0;
  tcp_init_wl(tp, 0);
  tcp_write_queue_purge(sk);
  tp.snd_una = tp.write_seq;
  tp.snd_sml = tp.write_seq;
  tp.snd_up = tp.write_seq;
  tp.snd_nxt = tp.write_seq;
  if (!tp.repair) tp.rcv_nxt = 0;
  else tp.rcv_tstamp = tcp_jiffies32();
  tp.rcv_wup = tp.rcv_nxt;
  tp.copied_seq = tp.rcv_nxt;
  tp.icsk_rto = tcp_timeout_init(sk);
  tp.icsk_retransmits = 0;
  tcp_clear_retrans(tp);
}

/** Charges the socket for a SYN, and counts it as sent. */
function tcp_connect_queue_skb(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const tcb = TCP_SKB_CB(skb);
  tcb.end_seq = (tcb.end_seq + skb.len) | 0;
  __skb_header_release(skb);
  sk_wmem_queued_add(sk, skb.truesize);
  sk_mem_charge(sk, skb.truesize);
  tp.write_seq = tcb.end_seq;
  tp.packets_out += tcp_skb_pcount(skb);
}

/** The data of a SYN with Fast Open, as an skb with the SYN's control block; null: send none. @local */
function tcp_syn_data_skb(sk: sock, syn: sk_buff): sk_buff | null {
  const tp = tcp_sk(sk);
  const fo = tp.fastopen_req!;
  // Room is left for any option, as middleboxes may add theirs.
  let space = __tcp_mtu_to_mss(sk, tp.icsk_pmtu_cookie) - MAX_TCP_OPTION_SPACE;
  space = Math.min(space, fo.size, SKB_WITH_OVERHEAD(PAGE_SIZE) - MAX_TCP_HEADER);
  const syn_data = sk_stream_alloc_skb(sk, space, false);
  if (syn_data === null) return null;

  const cb = TCP_SKB_CB(syn_data), syn_cb = TCP_SKB_CB(syn);
  syn_data.ip_summed = CHECKSUM_PARTIAL;
  cb.seq = syn_cb.seq;
  cb.end_seq = syn_cb.end_seq;
  cb.tcp_flags = syn_cb.tcp_flags;
  cb.tcp_gso_segs = syn_cb.tcp_gso_segs;
  cb.tcp_gso_size = syn_cb.tcp_gso_size;
  if (space > 0) {
    const off = skb_put(syn_data, space);
    const copied = copy_from_iter(syn_data.head.u8, off, space, fo.data!.msg_iter);
    if (copied === 0) {
      kfree_skb_reason(syn_data, SKB_DROP_REASON_SKB_UCOPY_FAULT);
      return null;
    }
    if (copied !== space) {
      skb_trim(syn_data, copied);
      space = copied;
    }
    skb_zcopy_set(syn_data, fo.uarg as Parameters<typeof skb_zcopy_set>[1], false);
  }
  if (space === fo.size) fo.data = null;
  fo.copied = space;
  return syn_data;
}

/**
 * Sends a SYN with data, if there is a cookie for the peer, else one that asks for a cookie. The data are queued
 * behind the SYN as a segment of their own, so that a SYN that is sent again goes alone. @rfc 7413 4.2.1
 */
function tcp_send_syn_data(sk: sock, syn: sk_buff): number {
  const tp = tcp_sk(sk);
  const fo = tp.fastopen_req!;
  let err = 0;

  const mss_clamp: u32_ref = { value: tp.advmss };
  const have_cookie = tcp_fastopen_cookie_check(sk, mss_clamp, fo.cookie);
  tp.rx_opt.mss_clamp = mss_clamp.value;
  if (have_cookie) {
    tp.rx_opt.mss_clamp = tcp_mss_clamp(tp, tp.rx_opt.mss_clamp);
    tcp_sync_mss(sk, tp.icsk_pmtu_cookie);
    const syn_data = tcp_syn_data_skb(sk, syn);
    if (syn_data !== null) {
      tcp_connect_queue_skb(sk, syn_data);
      if (syn_data.len !== 0) tcp_chrono_start(sk, TCP_CHRONO_BUSY);
      err = tcp_transmit_skb(sk, syn_data, true);
      skb_set_delivery_time(syn, syn_data.skb_mstamp_ns, true);

      const tcb = TCP_SKB_CB(syn_data);
      tcb.seq = (tcb.seq + 1) | 0;
      tcb.tcp_flags = TCPHDR_ACK | TCPHDR_PSH;
      if (err === 0) {
        tp.syn_data = fo.copied > 0;
        tcp_rbtree_insert(tp.tcp_rtx_queue, syn_data);
        NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPORIGDATASENT);
        fo.cookie.len = -1;
        return err;
      }
      __skb_queue_tail(sk.sk_write_queue, syn_data);
      tp.packets_out -= tcp_skb_pcount(syn_data);
    }
  }

  if (fo.cookie.len > 0) fo.cookie.len = 0;
  err = tcp_transmit_skb(sk, syn, true);
  if (err !== 0) tp.syn_fastopen = false;
  // A SYN that is sent again has no Fast Open option.
  fo.cookie.len = -1;
  return err;
}

/** Sends the SYN: 0, -EHOSTUNREACH, -ENOBUFS, -ECONNREFUSED. @rfc 9293 3.10.1 */
export function tcp_connect(sk: sock): number {
  const tp = tcp_sk(sk);
  if (tp.icsk_af_ops.rebuild_header(sk) !== 0) return -EHOSTUNREACH;
  tcp_connect_init(sk);
  if (tp.repair) {
    tcp_finish_connect(sk, null);
    return 0;
  }
  const buff = sk_stream_alloc_skb(sk, 0, true);
  if (buff === null) return -ENOBUFS;
  const seq = tp.write_seq;
  tp.write_seq = (seq + 1) | 0;
  tcp_init_nondata_skb(buff, seq, TCPHDR_SYN);
  tcp_mstamp_refresh(tp);
  tp.retrans_stamp = tcp_time_stamp(tp);
  tcp_connect_queue_skb(sk, buff);
  tcp_ecn_send_syn(sk, buff);
  tcp_rbtree_insert(tp.tcp_rtx_queue, buff);

  const err = tp.fastopen_req !== null
    ? tcp_send_syn_data(sk, buff)
    : tcp_transmit_skb(sk, buff, true);
  if (err === -ECONNREFUSED) return err;

  // Only now, so that the SYN was counted in OutSegs.
  tp.snd_nxt = tp.write_seq;
  tp.pushed_seq = tp.write_seq;
  const head = tcp_send_head(sk);
  if (head !== null) {
    tp.snd_nxt = TCP_SKB_CB(head).seq;
    tp.pushed_seq = TCP_SKB_CB(head).seq;
  }
  TCP_INC_STATS(sock_net(sk), TCP_MIB_ACTIVEOPENS);
  inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, tp.icsk_rto, tcp_rto_max(sk));
  return 0;
}

/** Longest time for which an ACK may be delayed, jiffies: less than the peer's likely RTO. */
export function tcp_delack_max(sk: sock): number {
  const delack_from_rto_min = Math.max(tcp_rto_min(sk), 2) - 1;
  return Math.min(inet_csk(sk).icsk_delack_max, delack_from_rto_min);
}

/** Starts the timer of a delayed ACK. @rfc 9293 3.8.6.3 */
export function tcp_send_delayed_ack(sk: sock): void {
  const tp = tcp_sk(sk);
  const ack = tp.icsk_ack;
  let ato = ack.ato;
  if (ato > TCP_DELACK_MIN) {
    let max_ato = HZ / 2;
    if (inet_csk_in_pingpong_mode(sk) || (ack.pending & ICSK_ACK_PUSHED) !== 0) {
      max_ato = TCP_DELACK_MAX;
    }
    // Not for longer than a round trip.
    if (tp.srtt_us !== 0) {
      max_ato = Math.min(max_ato, Math.max(usecs_to_jiffies(tp.srtt_us >>> 3), TCP_DELACK_MIN));
    }
    ato = Math.min(ato, max_ato);
  }
  ato = Math.min(ato, tcp_delack_max(sk));

  let timeout = (jiffies + ato) | 0;
  if ((ack.pending & ICSK_ACK_TIMER) !== 0) {
    if (time_before_eq(ack.timeout, (jiffies + (ato >> 2)) | 0)) {
      tcp_send_ack(sk);
      return;
    }
    if (!time_before(timeout, ack.timeout)) timeout = ack.timeout;
  }
  ack.pending |= ICSK_ACK_SCHED | ICSK_ACK_TIMER;
  ack.timeout = timeout;
  sk_reset_timer(sk, tp.icsk_delack_timer, timeout);
}

/** Sends an ACK of all before rcv_nxt, with the window of this moment. */
export function __tcp_send_ack(sk: sock, rcv_nxt: number): void {
  // A connection that was reset sends nothing more.
  if (sk.skc_state === TCP_CLOSE) return;
  const buff = alloc_skb(MAX_TCP_HEADER);
  skb_reserve(buff, MAX_TCP_HEADER);
  tcp_init_nondata_skb(buff, tcp_acceptable_seq(sk), TCPHDR_ACK);
  // Neither pacing nor TSQ counts it.
  skb_set_tcp_pure_ack(buff);
  skb_mstamp_get(buff);
  if (rcv_nxt === tcp_sk(sk).rcv_nxt) tcp_transmit_skb(sk, buff, false);
  else __tcp_transmit_skb(sk, buff, false, rcv_nxt);
}

export function tcp_send_ack(sk: sock): void {
  __tcp_send_ack(sk, tcp_sk(sk).rcv_nxt);
}

/** Sends a segment that the peer will answer: one byte too old, or (urgent) one that brings the pointer. */
function tcp_xmit_probe_skb(sk: sock, urgent: boolean, mib: number): number {
  const tp = tcp_sk(sk);
  const skb = alloc_skb(MAX_TCP_HEADER);
  skb_reserve(skb, MAX_TCP_HEADER);
  tcp_init_nondata_skb(skb, urgent ? tp.snd_una : (tp.snd_una - 1) | 0, TCPHDR_ACK);
  NET_INC_STATS(sock_net(sk), mib);
  return tcp_transmit_skb(sk, skb, false);
}

/** A connection that was repaired learns the peer's window. */
export function tcp_send_window_probe(sk: sock): void {
  if (sk.skc_state !== TCP_ESTABLISHED) return;
  const tp = tcp_sk(sk);
  tp.snd_wl1 = (tp.rcv_nxt - 1) | 0;
  tcp_mstamp_refresh(tp);
  tcp_xmit_probe_skb(sk, false, LINUX_MIB_TCPWINPROBE);
}

/** Sends data that fits the window, or else a probe; `mib` counts it. 0, or as IP answers, -1 not sent. */
export function tcp_write_wakeup(sk: sock, mib: number): number {
  if (sk.skc_state === TCP_CLOSE) return -1;
  const tp = tcp_sk(sk);
  const skb = tcp_send_head(sk);
  if (skb === null || !before(TCP_SKB_CB(skb).seq, tcp_wnd_end(tp))) {
    if (between(tp.snd_up, (tp.snd_una + 1) | 0, (tp.snd_una + U16_MAX) | 0)) {
      tcp_xmit_probe_skb(sk, true, mib);
    }
    return tcp_xmit_probe_skb(sk, false, mib);
  }

  const tcb = TCP_SKB_CB(skb);
  const mss = tcp_current_mss(sk);
  let seg_size = (tcp_wnd_end(tp) - tcb.seq) | 0;
  if (before(tp.pushed_seq, tcb.end_seq)) tp.pushed_seq = tcb.end_seq;
  // The window is open, though less than we would have waited for.
  if (seg_size < ((tcb.end_seq - tcb.seq) | 0) || skb.len > mss) {
    seg_size = Math.min(seg_size, mss);
    tcb.tcp_flags |= TCPHDR_PSH;
    if (tcp_fragment(sk, TCP_FRAG_IN_WRITE_QUEUE, skb, seg_size, mss) !== 0) return -1;
  } else if (tcp_skb_pcount(skb) === 0) {
    tcp_set_skb_tso_segs(skb, mss);
  }
  tcb.tcp_flags |= TCPHDR_PSH;
  const err = tcp_transmit_skb(sk, skb, true);
  if (err === 0) tcp_event_new_data_sent(sk, skb);
  return err;
}

/** The probe timer: sends a window probe and sets the time of the next. @rfc 9293 3.8.6.1 */
export function tcp_send_probe0(sk: sock): void {
  const tp = tcp_sk(sk);
  const err = tcp_write_wakeup(sk, LINUX_MIB_TCPWINPROBE);
  if (tp.packets_out !== 0 || tcp_write_queue_empty(sk)) {
    tp.icsk_probes_out = 0;
    tp.icsk_backoff = 0;
    tp.icsk_probes_tstamp = 0;
    return;
  }
  tp.icsk_probes_out++;
  let timeout = TCP_RESOURCE_PROBE_INTERVAL;
  if (err <= 0) {
    if (tp.icsk_backoff < sock_net(sk).ipv4.sysctl_tcp_retries2) tp.icsk_backoff++;
    timeout = tcp_probe0_when(sk, tcp_rto_max(sk));
  }
  timeout = tcp_clamp_probe0_to_user_timeout(sk, timeout);
  tcp_reset_xmit_timer(sk, ICSK_TIME_PROBE0, timeout, tcp_rto_max(sk));
}

/** Sends the SYN+ACK of a request_sock again: 0 or a negative errno. */
export function tcp_rtx_synack(sk: sock, req: request_sock): number {
  const treq = tcp_rsk(req);
  const net = sock_net(sk);
  if (sk.sk_txrehash === SOCK_TXREHASH_ENABLED) treq.txhash = net_tx_rndhash();
  const res = treq.af_specific.send_synack(sk, null, null, req, null, TCP_SYNACK_NORMAL, null);
  if (res === 0) {
    TCP_INC_STATS(net, TCP_MIB_RETRANSSEGS);
    NET_INC_STATS(net, LINUX_MIB_TCPSYNRETRANS);
    if (tcp_passive_fastopen(sk)) tcp_sk(sk).total_retrans++;
  }
  return res;
}

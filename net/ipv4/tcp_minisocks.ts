// SPDX-License-Identifier: GPL-2.0-only
//
// The ends of a connection's life. Its begin: tcp_conn_request() sizes the window (tcp_openreq_init_rwin); the third ACK
// is judged by tcp_check_req(), which makes the full socket (tcp_create_openreq_child) and queues it; then
// tcp_child_process() gives the segment to it. Its end: tcp_time_wait() leaves a timewait socket behind, and what
// still comes is answered by tcp_timewait_state_process().

import {
  SKB_CONSUMED,
  SKB_DROP_REASON_TCP_FLAGS,
  SKB_DROP_REASON_TCP_INVALID_SEQUENCE,
  SKB_DROP_REASON_TCP_INVALID_SYN,
  SKB_DROP_REASON_TCP_LISTEN_OVERFLOW,
  SKB_DROP_REASON_TCP_OVERWINDOW,
  SKB_DROP_REASON_TCP_RESET,
  SKB_DROP_REASON_TCP_RFC7323_PAWS,
} from "../../include/net/dropreason.ts";
import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import { tcp_hdr, TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { tcp_options_received, tcp_twsk } from "../../include/linux/tcp.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { ktime_get_seconds } from "../../include/linux/timekeeping.ts";
import {
  dst_metric,
  dst_metric_advmss,
  dst_metric_locked,
  RTAX_CC_ALGO,
  RTAX_INITRWND,
  RTAX_WINDOW,
} from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { inet_csk, reqsk_timeout } from "../../include/net/inet_connection_sock.ts";
import { inet_rsk, inet_sk } from "../../include/net/inet_sock.ts";
import type { inet_timewait_sock } from "../../include/net/inet_timewait_sock.ts";
import { __NET_INC_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import {
  sock_flag,
  SOCK_KEEPOPEN,
  sock_net,
  sock_owned_by_user,
  SOCK_RCVBUF_LOCK,
  sock_rps_save_rxhash,
} from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import {
  __TCP_INC_STATS,
  after,
  before,
  between,
  keepalive_time_when,
  tcp_clock_ms,
  tcp_clock_us,
  TCP_ECN_OK,
  tcp_full_space,
  TCP_INC_STATS,
  tcp_init_wl,
  tcp_jiffies32,
  tcp_mss_clamp,
  tcp_paws_reject,
  tcp_receive_window,
  tcp_rsk,
  tcp_rto_max,
  tcp_segs_in,
  tcp_sk,
  tcp_time_stamp_ms,
  TCP_TIMEWAIT_LEN,
  TCP_TW_ACK,
  TCP_TW_RST,
  TCP_TW_SUCCESS,
  TCP_TW_SYN,
  TCPOLEN_TSTAMP_ALIGNED,
} from "../../include/net/tcp.ts";
import { TCP_FIN_WAIT2, TCP_SYN_RECV, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import {
  LINUX_MIB_EMBRYONICRSTS,
  LINUX_MIB_PAWS_TW_REJECTED,
  LINUX_MIB_PAWSESTABREJECTED,
  LINUX_MIB_TCPACKSKIPPEDFINWAIT2,
  LINUX_MIB_TCPACKSKIPPEDSYNRECV,
  LINUX_MIB_TCPACKSKIPPEDTIMEWAIT,
  LINUX_MIB_TCPDEFERACCEPTDROP,
  LINUX_MIB_TCPTIMEWAITOVERFLOW,
  LINUX_MIB_TSECRREJECTED,
  TCP_MIB_ATTEMPTFAILS,
  TCP_MIB_PASSIVEOPENS,
} from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CA_Open,
  TCP_FLAG_ACK,
  TCP_FLAG_RST,
  TCP_FLAG_SYN,
  TCP_MSS_DEFAULT,
} from "../../include/uapi/linux/tcp.ts";
import type { tcphdr } from "../../include/uapi/linux/tcp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { mod_timer_pending } from "../../kernel/time/timer.ts";
import { minmax_reset } from "../../lib/win_minmax.ts";
import { reqsk_fastopen_remove } from "../core/request_sock.ts";
import { __sk_add_backlog, sock_put } from "../core/sock.ts";
import {
  inet_csk_clone_lock,
  inet_csk_complete_hashdance,
  inet_csk_reqsk_queue_drop,
  inet_csk_reset_keepalive_timer,
  inet_rtx_syn_ack,
} from "./inet_connection_sock.ts";
import { tcp_hashinfo } from "./inet_hashtables.ts";
import {
  inet_twsk_alloc,
  inet_twsk_deschedule_put,
  inet_twsk_hashdance,
  inet_twsk_purge,
  inet_twsk_put,
  inet_twsk_reschedule,
  inet_twsk_schedule,
  twsk_net,
} from "./inet_timewait_sock.ts";
import { tcp_done } from "./tcp.ts";
import { tcp_assign_congestion_control, tcp_ca_find_key, tcp_set_ca_state } from "./tcp_cong.ts";
import {
  tcp_oow_rate_limited,
  tcp_parse_options,
  tcp_rcv_state_process,
  tcp_reqsk_send_challenge_ack,
  tcp_reset,
  tcp_synack_rtt_meas,
} from "./tcp_input.ts";
import { tcp_update_metrics } from "./tcp_metrics.ts";
import { tcp_select_initial_window } from "./tcp_output.ts";
import { tcp_init_xmit_timers } from "./tcp_timer.ts";

/** Bytes of a TCP header without options. */
const TCP_HDR_LEN = 20;

/** The segment seq..end_seq lies in the window from s_win to e_win, or touches its edges. @rfc 9293 3.10.7.4 */
function tcp_in_window(seq: number, end_seq: number, s_win: number, e_win: number): boolean {
  if (seq === s_win) return true;
  if (after(end_seq, s_win) && before(seq, e_win)) return true;
  return seq === e_win && seq === end_seq;
}

/** An ACK for an invalid segment, if not too soon after the last: TCP_TW_ACK keeps the reference for it. */
function tcp_timewait_check_oow_rate_limit(
  tw: inet_timewait_sock,
  skb: sk_buff,
  mib_idx: number,
): number {
  if (!tcp_oow_rate_limited(twsk_net(tw), skb, mib_idx, tcp_twsk(tw))) return TCP_TW_ACK;
  inet_twsk_put(tw);
  return TCP_TW_SUCCESS;
}

const tw_opt = new tcp_options_received();

/** The timestamp of a segment to a timewait socket, in tw_opt, is older than the last. @local */
function tw_paws_reject(tw: inet_timewait_sock, skb: sk_buff, th: tcphdr): boolean {
  const tcptw = tcp_twsk(tw);

  tw_opt.saw_tstamp = false;
  if (th.doff <= TCP_HDR_LEN >> 2 || tcptw.tw_ts_recent_stamp === 0) return false;
  tcp_parse_options(twsk_net(tw), skb, tw_opt, false, null);
  if (!tw_opt.saw_tstamp) return false;
  if (tw_opt.rcv_tsecr !== 0) tw_opt.rcv_tsecr = (tw_opt.rcv_tsecr - tcptw.tw_ts_offset) | 0;
  tw_opt.ts_recent = tcptw.tw_ts_recent;
  tw_opt.ts_recent_stamp = tcptw.tw_ts_recent_stamp;
  return tcp_paws_reject(tw_opt, th.rst);
}

/** A segment to an orphan in FIN_WAIT2 that a timewait socket stands for. @local */
function tcp_fin_wait2_state_process(
  tw: inet_timewait_sock,
  skb: sk_buff,
  th: tcphdr,
  paws_reject: boolean,
): number {
  const tcptw = tcp_twsk(tw);
  const { seq, end_seq } = TCP_SKB_CB(skb);
  const rcv_nxt = tcptw.tw_rcv_nxt;

  if (paws_reject || !tcp_in_window(seq, end_seq, rcv_nxt, (rcv_nxt + tcptw.tw_rcv_wnd) | 0)) {
    return tcp_timewait_check_oow_rate_limit(tw, skb, LINUX_MIB_TCPACKSKIPPEDFINWAIT2);
  }
  if (th.rst) {
    inet_twsk_deschedule_put(tw);
    return TCP_TW_SUCCESS;
  }
  if (th.syn && !before(seq, rcv_nxt)) return TCP_TW_RST;

  // Nothing new in it.
  if (!th.ack || !after(end_seq, rcv_nxt) || end_seq === seq) {
    inet_twsk_put(tw);
    return TCP_TW_SUCCESS;
  }
  // Data that nobody will ever read.
  if (!th.fin || end_seq !== ((rcv_nxt + 1) | 0)) return TCP_TW_RST;

  tw.tw_substate = TCP_TIME_WAIT;
  tcptw.tw_rcv_nxt = end_seq;
  if (tw_opt.saw_tstamp) {
    tw.tw_entry_stamp = tcp_clock_ms();
    tcptw.tw_ts_recent_stamp = ktime_get_seconds();
    tcptw.tw_ts_recent = tw_opt.rcv_tsval;
  }
  inet_twsk_reschedule(tw, TCP_TIMEWAIT_LEN);
  return TCP_TW_ACK;
}

/**
 * What to do about a segment to a timewait socket. TCP_TW_SUCCESS: nothing, the reference is gone; TCP_TW_ACK, TCP_TW_RST:
 * answer it; TCP_TW_SYN: a new connection, with tcp_tw_isn for its ISN. @rfc 9293 3.10.7.4 @rfc 6191 @rfc 1337
 */
export function tcp_timewait_state_process(
  tw: inet_timewait_sock,
  skb: sk_buff,
  th: tcphdr,
): number {
  const tcptw = tcp_twsk(tw);
  const cb = TCP_SKB_CB(skb);
  const paws_reject = tw_paws_reject(tw, skb, th);

  if (tw.tw_substate === TCP_FIN_WAIT2) {
    return tcp_fin_wait2_state_process(tw, skb, th, paws_reject);
  }

  if (!paws_reject && cb.seq === tcptw.tw_rcv_nxt && (cb.seq === cb.end_seq || th.rst)) {
    if (!th.rst) {
      inet_twsk_reschedule(tw, TCP_TIMEWAIT_LEN);
    } else if (twsk_net(tw).ipv4.sysctl_tcp_rfc1337 === 0) {
      // The hazard of RFC 1337, taken by default.
      inet_twsk_deschedule_put(tw);
      return TCP_TW_SUCCESS;
    }
    if (tw_opt.saw_tstamp) {
      tcptw.tw_ts_recent = tw_opt.rcv_tsval;
      tcptw.tw_ts_recent_stamp = ktime_get_seconds();
    }
    inet_twsk_put(tw);
    return TCP_TW_SUCCESS;
  }

  // A SYN that is surely new: by its sequence number, or by its timestamp.
  if (
    th.syn && !th.rst && !th.ack && !paws_reject &&
    (after(cb.seq, tcptw.tw_rcv_nxt) ||
      (tw_opt.saw_tstamp && ((tcptw.tw_ts_recent - tw_opt.rcv_tsval) | 0) < 0))
  ) {
    const isn = (tcptw.tw_snd_nxt + 65535 + 2) | 0;
    cb.tcp_tw_isn = isn === 0 ? 1 : isn;
    return TCP_TW_SYN;
  }

  if (paws_reject) __NET_INC_STATS(twsk_net(tw), LINUX_MIB_PAWS_TW_REJECTED);
  if (!th.rst) {
    // A SYN without ACK may be an old one: that must not prolong the wait.
    if (paws_reject || th.ack) inet_twsk_reschedule(tw, TCP_TIMEWAIT_LEN);
    return tcp_timewait_check_oow_rate_limit(tw, skb, LINUX_MIB_TCPACKSKIPPEDTIMEWAIT);
  }
  inet_twsk_put(tw);
  return TCP_TW_SUCCESS;
}

/** Leaves a timewait socket in sk's place, in TIME_WAIT or FIN_WAIT2, and ends sk; timeo in jiffies. */
export function tcp_time_wait(sk: sock, state: number, timeo: number): void {
  const tp = tcp_sk(sk);
  const net = sock_net(sk);
  const tw = inet_twsk_alloc(sk, net.ipv4.tcp_death_row, state);

  if (tw !== null) {
    const tcptw = tcp_twsk(tw);
    const rto = (tp.icsk_rto << 2) - (tp.icsk_rto >> 1);

    tw.tw_transparent = inet_sk(sk).transparent;
    tw.tw_mark = sk.sk_mark;
    tw.tw_priority = sk.sk_priority;
    tw.tw_rcv_wscale = tp.rx_opt.rcv_wscale;
    tw.tw_txhash = sk.sk_txhash;
    tw.tw_entry_stamp = tcp_time_stamp_ms(tp);
    tcptw.tw_rcv_nxt = tp.rcv_nxt;
    tcptw.tw_snd_nxt = tp.snd_nxt;
    tcptw.tw_rcv_wnd = tcp_receive_window(tp);
    tcptw.tw_ts_recent = tp.rx_opt.ts_recent;
    tcptw.tw_ts_recent_stamp = tp.rx_opt.ts_recent_stamp;
    tcptw.tw_ts_offset = tp.tsoffset;
    tcptw.last_oow_ack_time = 0;
    tcptw.tw_tx_delay = tp.tcp_tx_delay;

    if (timeo < rto) timeo = rto;
    if (state === TCP_TIME_WAIT) timeo = TCP_TIMEWAIT_LEN;

    local_bh_disable();
    inet_twsk_schedule(tw, timeo);
    inet_twsk_hashdance(tw, sk, sk.skc_prot.hashinfo!);
    local_bh_enable();
  } else {
    NET_INC_STATS(net, LINUX_MIB_TCPTIMEWAITOVERFLOW);
  }
  tcp_update_metrics(sk);
  tcp_done(sk);
}

/** A timewait socket ends: nothing of TCP's hangs on it. */
export function tcp_twsk_destructor(_sk: sock_common): void {}

/** Ends what a host leaves in the tables. @differs takes one host, C a list of them */
export function tcp_twsk_purge(net: net): void {
  inet_twsk_purge(tcp_hashinfo, net);
}

const rcv_wnd_out = { value: 0 };
const window_clamp_out = { value: 0 };
const rcv_wscale_out = { value: 0 };

/** Chooses the window and its scale for a connection that is being opened. */
export function tcp_openreq_init_rwin(
  req: request_sock,
  sk_listener: sock,
  dst: dst_entry,
): void {
  const treq = tcp_rsk(req);
  const tp = tcp_sk(sk_listener);
  const full_space = tcp_full_space(sk_listener);
  const mss = tcp_mss_clamp(tp, dst_metric_advmss(dst));

  let clamp = tp.window_clamp !== 0 ? tp.window_clamp : dst_metric(dst, RTAX_WINDOW);
  if (
    (sk_listener.sk_userlocks & SOCK_RCVBUF_LOCK) !== 0 && (clamp > full_space || clamp === 0)
  ) clamp = full_space;

  rcv_wnd_out.value = treq.rsk_rcv_wnd;
  window_clamp_out.value = clamp;
  rcv_wscale_out.value = 0;
  tcp_select_initial_window(
    sk_listener,
    full_space,
    mss - (treq.tstamp_ok ? TCPOLEN_TSTAMP_ALIGNED : 0),
    rcv_wnd_out,
    window_clamp_out,
    treq.wscale_ok,
    rcv_wscale_out,
    dst_metric(dst, RTAX_INITRWND),
  );
  treq.rsk_rcv_wnd = rcv_wnd_out.value;
  treq.rsk_window_clamp = window_clamp_out.value;
  treq.rcv_wscale = rcv_wscale_out.value;
}

function tcp_ecn_openreq_child(tp: tcp_sock, req: request_sock): void {
  tp.ecn_flags = inet_rsk(req).ecn_ok ? TCP_ECN_OK : 0;
}

/** Gives a new child its congestion control: the route's, the listener's, or the host's. */
export function tcp_ca_openreq_child(sk: sock, dst: dst_entry): void {
  const icsk = inet_csk(sk);
  const ca_key = dst_metric(dst, RTAX_CC_ALGO);
  const ca = ca_key !== 0 ? tcp_ca_find_key(ca_key) : null;

  if (ca !== null) {
    icsk.icsk_ca_dst_locked = dst_metric_locked(dst, RTAX_CC_ALGO);
    icsk.icsk_ca_ops = ca;
  } else if (!icsk.icsk_ca_setsockopt) {
    tcp_assign_congestion_control(sk);
  }
  tcp_set_ca_state(sk, TCP_CA_Open);
}

/** A child of the listener for the connection of req, in SYN_RECV; skb is the third ACK. */
export function tcp_create_openreq_child(
  sk: sock,
  req: request_sock,
  skb: sk_buff,
): sock | null {
  const newsk = inet_csk_clone_lock(sk, req);
  if (newsk === null) return null;
  const treq = tcp_rsk(req);
  const newtp = tcp_sk(newsk);
  const rx_opt = newtp.rx_opt;
  const rcv = (treq.rcv_isn + 1) | 0;
  const snd = (treq.snt_isn + 1) | 0;

  newtp.pred_flags = 0;
  newtp.rcv_wup = rcv;
  newtp.copied_seq = rcv;
  newtp.rcv_nxt = rcv;
  newtp.segs_in = 1;
  newtp.snd_sml = snd;
  newtp.snd_una = snd;
  newtp.snd_nxt = snd;
  newtp.snd_up = snd;
  tcp_init_wl(newtp, treq.rcv_isn);
  minmax_reset(newtp.rtt_min, tcp_jiffies32(), 0xffffffff);
  newtp.icsk_ack.lrcvtime = tcp_jiffies32();
  newtp.lsndtime = tcp_jiffies32();
  newsk.sk_txhash = treq.txhash;
  newtp.total_retrans = req.num_retrans;
  tcp_init_xmit_timers(newsk);
  newtp.write_seq = snd;
  newtp.pushed_seq = snd;
  if (sock_flag(newsk, SOCK_KEEPOPEN)) {
    inet_csk_reset_keepalive_timer(newsk, keepalive_time_when(newtp));
  }

  rx_opt.tstamp_ok = treq.tstamp_ok;
  rx_opt.sack_ok = treq.sack_ok ? 1 : 0;
  newtp.window_clamp = treq.rsk_window_clamp;
  newtp.rcv_ssthresh = treq.rsk_rcv_wnd;
  newtp.rcv_wnd = treq.rsk_rcv_wnd;
  newtp.rcv_mwnd_seq = (rcv + treq.rsk_rcv_wnd) | 0;
  rx_opt.wscale_ok = treq.wscale_ok;
  if (rx_opt.wscale_ok) {
    rx_opt.snd_wscale = treq.snd_wscale;
    rx_opt.rcv_wscale = treq.rcv_wscale;
  } else {
    rx_opt.snd_wscale = 0;
    rx_opt.rcv_wscale = 0;
    newtp.window_clamp = Math.min(newtp.window_clamp, 65535);
  }
  newtp.snd_wnd = tcp_hdr(skb).window << rx_opt.snd_wscale;
  newtp.max_window = newtp.snd_wnd;

  if (rx_opt.tstamp_ok) {
    newtp.tcp_usec_ts = treq.req_usec_ts;
    rx_opt.ts_recent = req.ts_recent;
    rx_opt.ts_recent_stamp = ktime_get_seconds();
    newtp.tcp_header_len = TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED;
  } else {
    newtp.tcp_usec_ts = false;
    rx_opt.ts_recent_stamp = 0;
    newtp.tcp_header_len = TCP_HDR_LEN;
  }
  if (req.num_timeout !== 0) {
    newtp.total_rto = req.num_timeout;
    newtp.total_rto_recoveries = 1;
    newtp.total_rto_time = ((tcp_clock_us() - treq.snt_synack) / 1000) | 0;
    newtp.undo_marker = treq.snt_isn;
    newtp.retrans_stamp = Math.floor(treq.snt_synack / 1000) | 0;
  }
  newtp.tsoffset = treq.ts_off;
  if (skb.len >= TCP_MSS_DEFAULT + newtp.tcp_header_len) {
    newtp.icsk_ack.last_seg_size = skb.len - newtp.tcp_header_len;
  }
  rx_opt.mss_clamp = req.mss;
  tcp_ecn_openreq_child(newtp, req);
  newtp.fastopen_req = null;
  newtp.fastopen_rsk = null;

  __TCP_INC_STATS(sock_net(sk), TCP_MIB_PASSIVEOPENS);
  return newsk;
}

const req_opt = new tcp_options_received();
const own_req_out = { value: false };

/** A reset or a bad SYN ends the connection before it was open. The label `embryonic_reset`. @local */
function embryonic_reset(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  fastopen: boolean,
  rst: boolean,
  req_stolen: { value: boolean },
): null {
  if (!rst) {
    req.rsk_ops.send_reset(sk, skb);
  } else if (fastopen) {
    reqsk_fastopen_remove(sk, req, true);
    tcp_reset(sk, skb);
  }
  if (!fastopen) {
    const unlinked = inet_csk_reqsk_queue_drop(sk, req);
    if (unlinked) __NET_INC_STATS(sock_net(sk), LINUX_MIB_EMBRYONICRSTS);
    req_stolen.value = !unlinked;
  }
  return null;
}

/** For callers that have a reason of their own. */
const no_drop_reason = { value: 0 };

/**
 * A segment to a connection that is being opened. sk is the listener, or the child in Fast Open. Answers the new child;
 * sk for an ACK that is not ours (and in Fast Open for a good one); null where all is said. @rfc 9293 3.10.7.4
 */
export function tcp_check_req(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  fastopen: boolean,
  req_stolen: { value: boolean },
  drop_reason: { value: number } = no_drop_reason,
): sock | null {
  const th = tcp_hdr(skb);
  const treq = tcp_rsk(req);
  const cb = TCP_SKB_CB(skb);
  const net = sock_net(sk);
  let flg = th.flag_word & (TCP_FLAG_RST | TCP_FLAG_SYN | TCP_FLAG_ACK);
  let paws_reject = false, tsecr_reject = false;

  drop_reason.value = SKB_CONSUMED;
  req_opt.saw_tstamp = false;
  if (th.doff > TCP_HDR_LEN >> 2) {
    tcp_parse_options(net, skb, req_opt, false, null);
    if (req_opt.saw_tstamp) {
      req_opt.ts_recent = req.ts_recent;
      if (req_opt.rcv_tsecr !== 0) {
        if (treq.tstamp_ok && !fastopen && treq.snt_tsval_first !== 0) {
          tsecr_reject = !between(req_opt.rcv_tsecr, treq.snt_tsval_first, treq.snt_tsval_last);
        }
        req_opt.rcv_tsecr = (req_opt.rcv_tsecr - treq.ts_off) | 0;
      }
      // When the timestamp came is not remembered; no longer ago than the timer has run.
      req_opt.ts_recent_stamp = ktime_get_seconds() -
        Math.floor(reqsk_timeout(req, tcp_rto_max(sk)) / HZ);
      paws_reject = tcp_paws_reject(req_opt, th.rst);
    }
  }

  // The SYN once more: so is the SYN+ACK, and the timer starts over.
  if (cb.seq === treq.rcv_isn && flg === TCP_FLAG_SYN && !paws_reject) {
    if (
      !tcp_oow_rate_limited(net, skb, LINUX_MIB_TCPACKSKIPPEDSYNRECV, treq) &&
      inet_rtx_syn_ack(sk, req) === 0
    ) {
      const expires = (jiffies + reqsk_timeout(req, tcp_rto_max(sk))) | 0;
      if (!fastopen) mod_timer_pending(req.rsk_timer, expires);
      else req.rsk_timer.expires = expires;
    }
    return null;
  }

  // An ACK of something that we did not send: the listener resets it. The child of Fast Open sees to it itself.
  if (
    (flg & TCP_FLAG_ACK) !== 0 && (flg & TCP_FLAG_RST) === 0 && !fastopen &&
    cb.ack_seq !== ((treq.snt_isn + 1) | 0)
  ) return sk;

  if (
    paws_reject || tsecr_reject ||
    !tcp_in_window(cb.seq, cb.end_seq, treq.rcv_nxt, (treq.rcv_nxt + treq.rsk_rcv_wnd) | 0)
  ) {
    if (
      (flg & TCP_FLAG_RST) === 0 &&
      !tcp_oow_rate_limited(net, skb, LINUX_MIB_TCPACKSKIPPEDSYNRECV, treq)
    ) req.rsk_ops.send_ack(sk, skb, req);
    drop_reason.value = paws_reject || tsecr_reject
      ? SKB_DROP_REASON_TCP_RFC7323_PAWS
      : SKB_DROP_REASON_TCP_OVERWINDOW;
    if (paws_reject) NET_INC_STATS(net, LINUX_MIB_PAWSESTABREJECTED);
    else if (tsecr_reject) NET_INC_STATS(net, LINUX_MIB_TSECRREJECTED);
    return null;
  }

  // The SYN itself is before the window.
  if (cb.seq === treq.rcv_isn) flg &= ~TCP_FLAG_SYN;

  if ((flg & TCP_FLAG_RST) !== 0 && cb.seq !== treq.rcv_nxt) {
    tcp_reqsk_send_challenge_ack(sk, skb, req);
    drop_reason.value = SKB_DROP_REASON_TCP_INVALID_SEQUENCE;
    return null;
  }
  if ((flg & (TCP_FLAG_RST | TCP_FLAG_SYN)) !== 0) {
    TCP_INC_STATS(net, TCP_MIB_ATTEMPTFAILS);
    drop_reason.value = (flg & TCP_FLAG_RST) !== 0
      ? SKB_DROP_REASON_TCP_RESET
      : SKB_DROP_REASON_TCP_INVALID_SYN;
    return embryonic_reset(sk, skb, req, fastopen, (flg & TCP_FLAG_RST) !== 0, req_stolen);
  }
  if ((flg & TCP_FLAG_ACK) === 0) {
    drop_reason.value = SKB_DROP_REASON_TCP_FLAGS;
    return null;
  }
  if (fastopen) return sk;

  // TCP_DEFER_ACCEPT: wait for data.
  if (
    req.num_timeout < inet_csk(sk).icsk_accept_queue.rskq_defer_accept &&
    cb.end_seq === ((treq.rcv_isn + 1) | 0)
  ) {
    treq.acked = true;
    __NET_INC_STATS(net, LINUX_MIB_TCPDEFERACCEPTDROP);
    return null;
  }

  own_req_out.value = false;
  const child = inet_csk(sk).icsk_af_ops.syn_recv_sock(sk, skb, req, null, req, own_req_out);
  if (child === null) {
    drop_reason.value = SKB_DROP_REASON_TCP_LISTEN_OVERFLOW;
    if (net.ipv4.sysctl_tcp_abort_on_overflow === 0) {
      treq.acked = true;
      return null;
    }
    return embryonic_reset(sk, skb, req, fastopen, false, req_stolen);
  }
  const own_req = own_req_out.value;
  if (own_req && req_opt.saw_tstamp && !after(cb.seq, treq.rcv_nxt)) {
    tcp_sk(child).rx_opt.ts_recent = req_opt.rcv_tsval;
  }
  sock_rps_save_rxhash(child, skb);
  tcp_synack_rtt_meas(child, req);
  req_stolen.value = !own_req;
  return inet_csk_complete_hashdance(sk, child, req, own_req);
}

/**
 * Gives the segment that opened it to a new child, and wakes who waits to accept it. Takes a reference of child.
 * Not 0: the caller answers with a reset, skb is still the caller's.
 */
export function tcp_child_process(parent: sock, child: sock, skb: sk_buff): number {
  const state = child.skc_state;
  let ret = 0;

  tcp_segs_in(tcp_sk(child), skb);
  if (!sock_owned_by_user(child)) {
    ret = tcp_rcv_state_process(child, skb);
    if (state === TCP_SYN_RECV && child.skc_state !== state) parent.sk_data_ready(parent);
  } else {
    __sk_add_backlog(child, skb);
  }
  sock_put(child);
  return ret;
}

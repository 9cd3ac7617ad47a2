// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's timers. icsk_retransmit_timer stands for one of RTO, zero-window probe, loss probe and RACK's reordering
// timer at a time (icsk_pending): tcp_write_timer -> tcp_write_timer_handler -> tcp_retransmit_timer,
// tcp_probe_timer, tcp_send_loss_probe, tcp_rack_reo_timeout. icsk_delack_timer sends delayed ACKs, sk_timer is
// keepalive and FIN_WAIT2, and two hrtimers pace and compress ACKs. A timer that finds the socket owned by a
// task leaves a flag, and tcp_release_cb() does its work.

import {
  CLOCK_MONOTONIC,
  HRTIMER_MODE_ABS_PINNED_SOFT,
  HRTIMER_MODE_REL_PINNED_SOFT,
  HRTIMER_NORESTART,
} from "../../include/linux/hrtimer.ts";
import type { hrtimer, hrtimer_restart } from "../../include/linux/hrtimer.ts";
import {
  HZ,
  jiffies,
  jiffies_to_msecs,
  msecs_to_jiffies,
  time_after,
} from "../../include/linux/jiffies.ts";
import { clamp } from "../../include/linux/kernel.ts";
import { ilog2 } from "../../include/linux/log2.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { from_timer } from "../../include/linux/timer.ts";
import type { timer_list } from "../../include/linux/timer.ts";
import {
  ICSK_ACK_TIMER,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inet_csk,
  inet_csk_ack_scheduled,
  inet_csk_exit_pingpong_mode,
  inet_csk_in_pingpong_mode,
  inet_csk_rto_backoff,
} from "../../include/net/inet_connection_sock.ts";
import type { inet_connection_sock } from "../../include/net/inet_connection_sock.ts";
import { __NET_INC_STATS } from "../../include/net/ip.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import {
  SOCK_DEAD,
  sock_flag,
  sock_hold,
  SOCK_KEEPOPEN,
  sock_net,
  sock_owned_by_user,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  __tcp_set_rto,
  keepalive_intvl_when,
  keepalive_probes,
  keepalive_time_elapsed,
  keepalive_time_when,
  TCP_ATO_MIN,
  TCP_DELACK_TIMER_DEFERRED,
  tcp_fin_time,
  tcp_is_sack,
  tcp_jiffies32,
  TCP_RESOURCE_PROBE_INTERVAL,
  tcp_rto_max,
  TCP_RTO_MIN,
  tcp_rto_min,
  tcp_send_head,
  tcp_sk,
  tcp_skb_timestamp,
  tcp_stream_is_thin,
  TCP_THIN_LINEAR_RETRIES,
  tcp_time_stamp,
  tcp_time_stamp_ms,
  TCP_TIMEOUT_MIN,
  TCP_TIMEWAIT_LEN,
  tcp_write_queue_empty,
  TCP_WRITE_TIMER_DEFERRED,
} from "../../include/net/tcp.ts";
import {
  TCP_ESTABLISHED,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_SENT,
  TCPF_CLOSE,
  TCPF_LISTEN,
  TCPF_SYN_RECV,
  TCPF_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { ETIMEDOUT } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_DELAYEDACKLOCKED,
  LINUX_MIB_DELAYEDACKS,
  LINUX_MIB_TCPABORTONMEMORY,
  LINUX_MIB_TCPABORTONTIMEOUT,
  LINUX_MIB_TCPKEEPALIVE,
  LINUX_MIB_TCPLOSSFAILURES,
  LINUX_MIB_TCPRENOFAILURES,
  LINUX_MIB_TCPRENORECOVERYFAIL,
  LINUX_MIB_TCPSACKFAILURES,
  LINUX_MIB_TCPSACKRECOVERYFAIL,
  LINUX_MIB_TCPTIMEOUTREHASH,
  LINUX_MIB_TCPTIMEOUTS,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_CA_Disorder, TCP_CA_Loss, TCP_CA_Recovery } from "../../include/uapi/linux/tcp.ts";
import { hrtimer_init } from "../../kernel/time/hrtimer.ts";
import {
  __sk_dst_reset,
  dst_negative_advice,
  sk_reset_timer,
  sk_rethink_txhash,
  sock_put,
} from "../core/sock.ts";
import {
  inet_csk_delete_keepalive_timer,
  inet_csk_init_xmit_timers,
  inet_csk_reset_keepalive_timer,
  inet_csk_reset_xmit_timer,
  inet_rtx_syn_ack,
} from "./inet_connection_sock.ts";
import { tcp_check_oom, tcp_done, tcp_rtx_queue_head, tcp_timeout_init } from "./tcp.ts";
import { tcp_fastopen_active_detect_blackhole } from "./tcp_fastopen.ts";
import { tcp_done_with_error, tcp_enter_loss, tcp_sack_compress_send_ack } from "./tcp_input.ts";
import { tcp_time_wait } from "./tcp_minisocks.ts";
import {
  tcp_mss_to_mtu,
  tcp_mstamp_refresh,
  tcp_mtu_to_mss,
  tcp_pace_kick,
  tcp_retransmit_skb,
  tcp_send_ack,
  tcp_send_active_reset,
  tcp_send_loss_probe,
  tcp_send_probe0,
  tcp_sync_mss,
  tcp_write_wakeup,
} from "./tcp_output.ts";
import { tcp_rack_reo_timeout } from "./tcp_recovery.ts";

/** The RTO, but not past TCP_USER_TIMEOUT; jiffies. */
function tcp_clamp_rto_to_user_timeout(sk: sock): number {
  const tp = tcp_sk(sk);
  const user_timeout = tp.icsk_user_timeout;
  if (user_timeout === 0) return tp.icsk_rto;
  const elapsed = (tcp_time_stamp(tp) - tp.retrans_stamp) >>> 0;
  const remaining = user_timeout - elapsed;
  if (remaining <= 0) return 1;
  return Math.min(tp.icsk_rto, msecs_to_jiffies(remaining));
}

/** Time to the next zero-window probe, `when`, but not past TCP_USER_TIMEOUT; jiffies. */
export function tcp_clamp_probe0_to_user_timeout(sk: sock, when: number): number {
  const icsk = inet_csk(sk);
  if (icsk.icsk_user_timeout === 0 || icsk.icsk_probes_tstamp === 0) return when;
  const elapsed = Math.max(0, (tcp_jiffies32() - icsk.icsk_probes_tstamp) | 0);
  const remaining = msecs_to_jiffies(icsk.icsk_user_timeout) - elapsed;
  return Math.min(Math.max(remaining, TCP_TIMEOUT_MIN), when);
}

/** Ends a connection that cannot get through: ETIMEDOUT, or what an ICMP said. */
function tcp_write_err(sk: sock): void {
  tcp_done_with_error(sk, sk.sk_err_soft !== 0 ? sk.sk_err_soft : ETIMEDOUT);
  __NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONTIMEOUT);
}

/** Ends an orphan, as there are too many or too little memory: true if so. do_reset: with an RST. */
function tcp_out_of_resources(sk: sock, do_reset: boolean): boolean {
  const tp = tcp_sk(sk);
  const idle = (tcp_jiffies32() - tp.lsndtime) | 0;
  let shift = 0;
  if (idle > 2 * tcp_rto_max(sk) || !do_reset) shift++;
  if (sk.sk_err_soft !== 0) shift++;
  if (!tcp_check_oom(sk, shift)) return false;

  if (idle <= TCP_TIMEWAIT_LEN || (tp.snd_wnd === 0 && tp.packets_out === 0)) do_reset = true;
  if (do_reset) tcp_send_active_reset(sk);
  tcp_done(sk);
  __NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
  return true;
}

/** How often an orphan is retransmitted; `alive`: its RTO is not yet at its greatest. */
function tcp_orphan_retries(sk: sock, alive: boolean): number {
  let retries = sock_net(sk).ipv4.sysctl_tcp_orphan_retries;
  if (sk.sk_err_soft !== 0 && !alive) retries = 0;
  if (retries === 0 && alive) retries = 8;
  return retries;
}

/** Nothing gets through: perhaps a black hole for large packets, so tries smaller ones. @rfc 4821 7.7 */
function tcp_mtu_probing(icsk: inet_connection_sock, sk: sock): void {
  const ipv4 = sock_net(sk).ipv4;
  const mtup = icsk.icsk_mtup;
  if (ipv4.sysctl_tcp_mtu_probing === 0) return;
  if (!mtup.enabled) {
    mtup.enabled = true;
    mtup.probe_timestamp = tcp_jiffies32();
  } else {
    let mss = tcp_mtu_to_mss(sk, mtup.search_low) >> 1;
    mss = Math.min(ipv4.sysctl_tcp_base_mss, mss);
    mss = Math.max(mss, ipv4.sysctl_tcp_mtu_probe_floor, ipv4.sysctl_tcp_min_snd_mss);
    mtup.search_low = tcp_mss_to_mtu(sk, mss);
  }
  tcp_sync_mss(sk, icsk.icsk_pmtu_cookie);
}

/** How long `boundary` retransmissions take from a first RTO of rto_base jiffies on, ms. */
function tcp_model_timeout(sk: sock, boundary: number, rto_base: number): number {
  const rto_max = tcp_rto_max(sk);
  const thresh = ilog2(Math.max(1, Math.floor(rto_max / rto_base)));
  const timeout = boundary <= thresh
    ? (2 ** (boundary + 1) - 1) * rto_base
    : (2 ** (thresh + 1) - 1) * rto_base + (boundary - thresh) * rto_max;
  return jiffies_to_msecs(timeout);
}

/** Retransmissions go on for longer than `timeout` ms; 0: than `boundary` of them would take. @rfc 9293 3.8.3 */
function retransmits_timed_out(sk: sock, boundary: number, timeout: number): boolean {
  const tp = tcp_sk(sk);
  if (tp.icsk_retransmits === 0) return false;
  if (timeout === 0) {
    const opening = ((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) !== 0;
    timeout = tcp_model_timeout(sk, boundary, opening ? tcp_timeout_init(sk) : TCP_RTO_MIN);
  }
  return ((tcp_time_stamp(tp) - tp.retrans_stamp - timeout) | 0) >= 0;
}

/** An RTO expired: looks for another route, or gives up (true). */
function tcp_write_timeout(sk: sock): boolean {
  const tp = tcp_sk(sk);
  const net = sock_net(sk);
  const ipv4 = net.ipv4;
  let expired = false;
  let retry_until: number;

  if (((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) !== 0) {
    if (tp.icsk_retransmits !== 0) dst_negative_advice(sk);
    retry_until = tp.icsk_syn_retries !== 0 ? tp.icsk_syn_retries : ipv4.sysctl_tcp_syn_retries;
    let max_retransmits = retry_until;
    if (sk.skc_state === TCP_SYN_SENT) max_retransmits += ipv4.sysctl_tcp_syn_linear_timeouts;
    expired = tp.icsk_retransmits >= max_retransmits;
  } else {
    if (retransmits_timed_out(sk, ipv4.sysctl_tcp_retries1, 0)) {
      tcp_mtu_probing(tp, sk);
      dst_negative_advice(sk);
    }
    retry_until = ipv4.sysctl_tcp_retries2;
    if (sock_flag(sk, SOCK_DEAD)) {
      const alive = tp.icsk_rto < tcp_rto_max(sk);
      retry_until = tcp_orphan_retries(sk, alive);
      const do_reset = alive || !retransmits_timed_out(sk, retry_until, 0);
      if (tcp_out_of_resources(sk, do_reset)) return true;
    }
  }
  if (!expired) expired = retransmits_timed_out(sk, retry_until, tp.icsk_user_timeout);
  tcp_fastopen_active_detect_blackhole(sk, expired);
  if (expired) {
    tcp_write_err(sk);
    return true;
  }
  if (sk_rethink_txhash(sk)) {
    tp.timeout_rehash++;
    __NET_INC_STATS(net, LINUX_MIB_TCPTIMEOUTREHASH);
  }
  return false;
}

/** A delayed ACK is due; so is one that was compressed. */
export function tcp_delack_timer_handler(sk: sock): void {
  const tp = tcp_sk(sk);
  const ack = tp.icsk_ack;
  if (((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) !== 0) return;
  if (tp.compressed_ack !== 0) {
    tcp_mstamp_refresh(tp);
    tcp_sack_compress_send_ack(sk);
    return;
  }
  if ((ack.pending & ICSK_ACK_TIMER) === 0) return;
  if (time_after(ack.timeout, jiffies)) {
    sk_reset_timer(sk, tp.icsk_delack_timer, ack.timeout);
    return;
  }
  ack.pending &= ~ICSK_ACK_TIMER;
  if (!inet_csk_ack_scheduled(sk)) return;
  if (!inet_csk_in_pingpong_mode(sk)) {
    // No data came in time to go with: the next one may be delayed for longer.
    ack.ato = Math.min(ack.ato * 2, tp.icsk_rto);
  } else {
    inet_csk_exit_pingpong_mode(sk);
    ack.ato = TCP_ATO_MIN;
  }
  tcp_mstamp_refresh(tp);
  tcp_send_ack(sk);
  __NET_INC_STATS(sock_net(sk), LINUX_MIB_DELAYEDACKS);
}

/** Leaves a timer's work to tcp_release_cb(). @local */
function tcp_timer_defer(sk: sock, bit: number): void {
  if ((sk.sk_tsq_flags & (1 << bit)) !== 0) return;
  sk.sk_tsq_flags |= 1 << bit;
  sock_hold(sk);
}

function tcp_delack_timer(t: timer_list<sock>): void {
  const sk = from_timer(t);
  if (!sock_owned_by_user(sk)) tcp_delack_timer_handler(sk);
  else {
    __NET_INC_STATS(sock_net(sk), LINUX_MIB_DELAYEDACKLOCKED);
    tcp_timer_defer(sk, TCP_DELACK_TIMER_DEFERRED);
  }
  sock_put(sk);
}

/** Zero-window probe: for ever while the peer answers, unless user timeout or orphan. @rfc 9293 3.8.6.1 */
function tcp_probe_timer(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.packets_out !== 0 || tcp_send_head(sk) === null) {
    tp.icsk_probes_out = 0;
    tp.icsk_probes_tstamp = 0;
    return;
  }
  if (tp.icsk_probes_tstamp === 0) tp.icsk_probes_tstamp = tcp_jiffies32();
  else if (
    tp.icsk_user_timeout !== 0 &&
    ((tcp_jiffies32() - tp.icsk_probes_tstamp) | 0) >= msecs_to_jiffies(tp.icsk_user_timeout)
  ) {
    tcp_write_err(sk);
    return;
  }

  let max_probes = sock_net(sk).ipv4.sysctl_tcp_retries2;
  if (sock_flag(sk, SOCK_DEAD)) {
    const rto_max = tcp_rto_max(sk);
    const alive = inet_csk_rto_backoff(tp, rto_max) < rto_max;
    max_probes = tcp_orphan_retries(sk, alive);
    if (!alive && tp.icsk_backoff >= max_probes) {
      tcp_write_err(sk);
      return;
    }
    if (tcp_out_of_resources(sk, true)) return;
  }
  if (tp.icsk_probes_out >= max_probes) tcp_write_err(sk);
  else tcp_send_probe0(sk);
}

/** Counts an expiry of the RTO. */
function tcp_update_rto_stats(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.icsk_retransmits === 0) {
    tp.total_rto_recoveries++;
    tp.rto_stamp = tcp_time_stamp_ms(tp);
  }
  tp.icsk_retransmits++;
  tp.total_rto++;
}

/** RTO of a Fast Open child in SYN_RECV: the SYN+ACK goes again. @rfc 7413 4.2.2 */
function tcp_fastopen_synack_timer(sk: sock, req: request_sock): void {
  const tp = tcp_sk(sk);
  req.rsk_ops.syn_ack_timeout(req);
  const max_retries = tp.icsk_syn_retries !== 0
    ? tp.icsk_syn_retries
    : sock_net(sk).ipv4.sysctl_tcp_synack_retries + 1;
  if (req.num_timeout >= max_retries) {
    tcp_write_err(sk);
    return;
  }
  if (tp.icsk_retransmits === 1) tcp_enter_loss(sk);
  // Whether it was sent or not, the next try comes: the child may be accepted already.
  inet_rtx_syn_ack(sk, req);
  req.num_timeout++;
  tcp_update_rto_stats(sk);
  if (tp.retrans_stamp === 0) tp.retrans_stamp = tcp_time_stamp(tp);
  const when = req.timeout * 2 ** req.num_timeout;
  inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, when, tcp_rto_max(sk));
}

/** A peer that took its window back to zero was silent for too long. */
function tcp_rtx_probe0_timed_out(sk: sock, skb: sk_buff): boolean {
  const tp = tcp_sk(sk);
  const user_timeout = tp.icsk_user_timeout;
  const start = tp.retrans_stamp !== 0 ? tp.retrans_stamp : tcp_skb_timestamp(skb);
  const rtx_delta = (tcp_time_stamp(tp) - start) >>> 0;
  let timeout = tcp_rto_max(sk) * 2;
  if (user_timeout !== 0) {
    if (rtx_delta > user_timeout) return true;
    timeout = Math.min(timeout, msecs_to_jiffies(user_timeout));
  }
  const rcv_delta = (tp.icsk_timeout - tp.rcv_tstamp) | 0;
  if (rcv_delta <= timeout) return false;
  return msecs_to_jiffies(rtx_delta) > timeout;
}

/** Which counter an RTO that ends a recovery bumps; 0 none. @local */
function tcp_rto_mib(tp: tcp_sock): number {
  const sack = tcp_is_sack(tp);
  switch (tp.icsk_ca_state) {
    case TCP_CA_Recovery:
      return sack ? LINUX_MIB_TCPSACKRECOVERYFAIL : LINUX_MIB_TCPRENORECOVERYFAIL;
    case TCP_CA_Loss:
      return LINUX_MIB_TCPLOSSFAILURES;
  }
  if (tp.icsk_ca_state !== TCP_CA_Disorder && tp.sacked_out === 0) return 0;
  return sack ? LINUX_MIB_TCPSACKFAILURES : LINUX_MIB_TCPRENOFAILURES;
}

/** The RTO expired: all is held lost, the oldest segment goes again, the RTO doubles. @rfc 6298 5.4-5.7 */
export function tcp_retransmit_timer(sk: sock): void {
  const tp = tcp_sk(sk);
  const net = sock_net(sk);
  if (tp.fastopen_rsk !== null) {
    // Nothing but the SYN+ACK before the peer has answered it.
    tcp_fastopen_synack_timer(sk, tp.fastopen_rsk);
    return;
  }
  if (tp.packets_out === 0) return;
  const skb = tcp_rtx_queue_head(sk);
  if (skb === null) return;

  if (
    tp.snd_wnd === 0 && !sock_flag(sk, SOCK_DEAD) &&
    ((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) === 0
  ) {
    // The peer took its window back: retransmissions are probes of it, and end no connection.
    if (tcp_rtx_probe0_timed_out(sk, skb)) {
      tcp_write_err(sk);
      return;
    }
    tcp_enter_loss(sk);
    tcp_retransmit_skb(sk, skb, 1);
    __sk_dst_reset(sk);
  } else {
    __NET_INC_STATS(net, LINUX_MIB_TCPTIMEOUTS);
    if (tcp_write_timeout(sk)) return;
    if (tp.icsk_retransmits === 0) {
      const mib_idx = tcp_rto_mib(tp);
      if (mib_idx !== 0) __NET_INC_STATS(net, mib_idx);
    }
    tcp_enter_loss(sk);
    tcp_update_rto_stats(sk);
    const head = tcp_rtx_queue_head(sk);
    if (head !== null && tcp_retransmit_skb(sk, head, 1) > 0) {
      // Our own queues are full: soon again, without backing off.
      const when = TCP_RESOURCE_PROBE_INTERVAL;
      inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, when, tcp_rto_max(sk));
      return;
    }
  }
  tcp_retransmit_timer_reset(sk);
}

/** Backs the RTO off (not for thin streams, nor for the first SYNs) and starts it. @local */
function tcp_retransmit_timer_reset(sk: sock): void {
  const tp = tcp_sk(sk);
  const ipv4 = sock_net(sk).ipv4;
  const rto_max = tcp_rto_max(sk);
  if (
    sk.skc_state === TCP_ESTABLISHED &&
    (tp.thin_lto || ipv4.sysctl_tcp_thin_linear_timeouts !== 0) && tcp_stream_is_thin(tp) &&
    tp.icsk_retransmits <= TCP_THIN_LINEAR_RETRIES
  ) {
    tp.icsk_backoff = 0;
    tp.icsk_rto = clamp(__tcp_set_rto(tp), tcp_rto_min(sk), rto_max);
  } else if (
    sk.skc_state !== TCP_SYN_SENT || tp.total_rto > ipv4.sysctl_tcp_syn_linear_timeouts
  ) {
    tp.icsk_backoff++;
    tp.icsk_rto = Math.min(tp.icsk_rto * 2, rto_max);
  }
  const when = tcp_clamp_rto_to_user_timeout(sk);
  inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, when, rto_max);
  if (retransmits_timed_out(sk, ipv4.sysctl_tcp_retries1 + 1, 0)) __sk_dst_reset(sk);
}

/** Does what icsk_pending says, if its time has come. */
export function tcp_write_timer_handler(sk: sock): void {
  const icsk = inet_csk(sk);
  if (
    ((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) !== 0 || icsk.icsk_pending === 0
  ) return;
  if (time_after(icsk.icsk_timeout, jiffies)) {
    sk_reset_timer(sk, icsk.icsk_retransmit_timer, icsk.icsk_timeout);
    return;
  }
  tcp_mstamp_refresh(tcp_sk(sk));
  switch (icsk.icsk_pending) {
    case ICSK_TIME_REO_TIMEOUT:
      tcp_rack_reo_timeout(sk);
      break;
    case ICSK_TIME_LOSS_PROBE:
      tcp_send_loss_probe(sk);
      break;
    case ICSK_TIME_RETRANS:
      icsk.icsk_pending = 0;
      tcp_retransmit_timer(sk);
      break;
    case ICSK_TIME_PROBE0:
      icsk.icsk_pending = 0;
      tcp_probe_timer(sk);
      break;
  }
}

function tcp_write_timer(t: timer_list<sock>): void {
  const sk = from_timer(t);
  if (!sock_owned_by_user(sk)) tcp_write_timer_handler(sk);
  else tcp_timer_defer(sk, TCP_WRITE_TIMER_DEFERRED);
  sock_put(sk);
}

/** Counts the timeout of a SYN+ACK. */
export function tcp_syn_ack_timeout(req: request_sock): void {
  __NET_INC_STATS(sock_net(req), LINUX_MIB_TCPTIMEOUTS);
}

/** SO_KEEPALIVE */
export function tcp_set_keepalive(sk: sock, val: number): void {
  if (((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) !== 0) return;
  if (val !== 0) {
    if (!sock_flag(sk, SOCK_KEEPOPEN)) {
      inet_csk_reset_keepalive_timer(sk, keepalive_time_when(tcp_sk(sk)));
    }
  } else {
    inet_csk_delete_keepalive_timer(sk);
  }
}

/** Probes an idle peer; time until the next look, jiffies, or -1 if the connection is over. @local */
function tcp_keepalive_probe(sk: sock): number {
  const tp = tcp_sk(sk);
  const time_when = keepalive_time_when(tp);
  if (tp.packets_out !== 0 || !tcp_write_queue_empty(sk)) return time_when;
  const elapsed = keepalive_time_elapsed(tp);
  if (elapsed < time_when) return time_when - elapsed;

  const user_timeout = tp.icsk_user_timeout;
  const dead = user_timeout !== 0
    ? elapsed >= msecs_to_jiffies(user_timeout) && tp.icsk_probes_out > 0
    : tp.icsk_probes_out >= keepalive_probes(tp);
  if (dead) {
    tcp_send_active_reset(sk);
    tcp_write_err(sk);
    return -1;
  }
  if (tcp_write_wakeup(sk, LINUX_MIB_TCPKEEPALIVE) > 0) return TCP_RESOURCE_PROBE_INTERVAL;
  tp.icsk_probes_out++;
  return keepalive_intvl_when(tp);
}

/** FIN_WAIT2 of an orphan is over: the rest of it as a timewait socket, or the end by RST. @local */
function tcp_fin_wait2_timeout(sk: sock): void {
  if (tcp_sk(sk).linger2 >= 0) {
    const tmo = tcp_fin_time(sk) - TCP_TIMEWAIT_LEN;
    if (tmo > 0) {
      tcp_time_wait(sk, TCP_FIN_WAIT2, tmo);
      return;
    }
  }
  tcp_send_active_reset(sk);
  tcp_done(sk);
}

/** Keepalive, and FIN_WAIT2 of an orphan. @rfc 9293 3.8.4 */
function tcp_keepalive_timer(t: timer_list<sock>): void {
  const sk = from_timer(t);
  if (sock_owned_by_user(sk)) inet_csk_reset_keepalive_timer(sk, HZ / 20);
  else if (sk.skc_state !== TCP_LISTEN) {
    tcp_mstamp_refresh(tcp_sk(sk));
    if (sk.skc_state === TCP_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD)) tcp_fin_wait2_timeout(sk);
    else if (
      sock_flag(sk, SOCK_KEEPOPEN) &&
      ((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_SYN_SENT)) === 0
    ) {
      const when = tcp_keepalive_probe(sk);
      if (when >= 0) inet_csk_reset_keepalive_timer(sk, when);
    }
  }
  sock_put(sk);
}

/** Out-of-order data was not acknowledged one by one: now one ACK for all. */
function tcp_compressed_ack_kick(timer: hrtimer<tcp_sock>): hrtimer_restart {
  const tp = timer.owner;
  if (sock_owned_by_user(tp)) tcp_timer_defer(tp, TCP_DELACK_TIMER_DEFERRED);
  else if (tp.compressed_ack !== 0) {
    // The one that is sent was not spared.
    tp.compressed_ack--;
    tcp_mstamp_refresh(tp);
    tcp_send_ack(tp);
  }
  sock_put(tp);
  return HRTIMER_NORESTART;
}

/** Prepares the timers of a socket. */
export function tcp_init_xmit_timers(sk: sock): void {
  const tp = tcp_sk(sk);
  inet_csk_init_xmit_timers(sk, tcp_write_timer, tcp_delack_timer, tcp_keepalive_timer);
  hrtimer_init(tp.pacing_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_SOFT);
  tp.pacing_timer.function = tcp_pace_kick;
  hrtimer_init(tp.compressed_ack_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_SOFT);
  tp.compressed_ack_timer.function = tcp_compressed_ack_kick;
}

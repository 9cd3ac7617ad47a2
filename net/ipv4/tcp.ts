// SPDX-License-Identifier: GPL-2.0-only
//
// The program's side of TCP: what sockets' system calls come to through tcp_prot and inet_stream_ops.
//
//   write: tcp_sendmsg -> tcp_sendmsg_locked: bytes into page fragments of skbs on sk_write_queue, then
//          tcp_push | __tcp_push_pending_frames | tcp_push_one -> tcp_write_xmit (tcp_output.ts)
//   read:  tcp_recvmsg -> tcp_recvmsg_locked: bytes from sk_receive_queue, then tcp_cleanup_rbuf
//   close: tcp_shutdown, tcp_close -> __tcp_close, tcp_disconnect, tcp_abort; tcp_done, tcp_set_state
//
// Calls that may sleep do so outside of the function that copies: that one is entered again with its
// progress kept in the msghdr. First stand the inlines of include/net/tcp.h that call into a file.

import { rb_erase } from "../../lib/rbtree.ts";
import { hrtimer_try_to_cancel } from "../../kernel/time/hrtimer.ts";
import { jiffies, jiffies_to_usecs, nsecs_to_jiffies } from "../../include/linux/jiffies.ts";
import { ilog2 } from "../../include/linux/log2.ts";
import { __skb_queue_before, __skb_queue_tail, __skb_unlink } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { ICSK_ACK_SCHED, ICSK_TIME_PROBE0 } from "../../include/net/inet_connection_sock.ts";
import { inet_hashinfo } from "../../include/net/inet_hashtables.ts";
import {
  __sock_put,
  proto_counters,
  SOCK_DONE,
  sock_flag,
  SOCK_MIN_SNDBUF,
  SOCK_URGINLINE,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  before,
  TCP_ATO_MIN,
  TCP_CHRONO_BUSY,
  TCP_RTO_MAX,
  TCP_RTO_MIN,
  tcp_send_head,
  tcp_sk,
  tcp_skb_timestamp_us,
  TCP_TIMEOUT_INIT,
} from "../../include/net/tcp.ts";
import { TCPF_SYN_RECV, TCPF_SYN_SENT } from "../../include/net/tcp_states.ts";
import { __kfree_skb, skb_rb_first, skb_rb_last, skb_rb_next } from "../core/skbuff.ts";
import { sk_mem_uncharge } from "../core/sock.ts";
import { inet_csk_clear_xmit_timers, inet_csk_reset_xmit_timer } from "./inet_connection_sock.ts";
import {
  __tcp_push_pending_frames,
  tcp_chrono_start,
  tcp_current_mss,
  tcp_cwnd_restart,
} from "./tcp_output.ts";

/** TCP's tables. @differs the kernel has it in tcp_ipv4.c, which stands above this layer */
export const tcp_hashinfo: inet_hashinfo = new inet_hashinfo();

/** What tcp_prot counts: sockets, their memory, orphans, memory pressure (jiffies, 0 none). @local */
export const tcp_counters: proto_counters = new proto_counters();

/** First and last skb of what was sent and not yet acknowledged, by sequence; or null. */
export function tcp_rtx_queue_head(sk: sock): sk_buff | null {
  return skb_rb_first(tcp_sk(sk).tcp_rtx_queue);
}

export function tcp_rtx_queue_tail(sk: sock): sk_buff | null {
  return skb_rb_last(tcp_sk(sk).tcp_rtx_queue);
}

/** Appends skb to the list by time of transmission. @local */
export function tcp_skb_tsorted_add_tail(tp: tcp_sock, skb: sk_buff): void {
  const q = tp.tsorted_sent_queue;
  const last = q.last;
  skb.tsorted_prev = last;
  skb.tsorted_next = null;
  skb.tsorted_linked = true;
  if (last === null) q.first = skb;
  else last.tsorted_next = skb;
  q.last = skb;
}

/** Takes skb off the list by time of transmission, if it is there. @local */
export function tcp_skb_tsorted_del(tp: tcp_sock, skb: sk_buff): void {
  if (!skb.tsorted_linked) return;
  const q = tp.tsorted_sent_queue;
  const prev = skb.tsorted_prev;
  const next = skb.tsorted_next;
  if (prev === null) q.first = next;
  else prev.tsorted_next = next;
  if (next === null) q.last = prev;
  else next.tsorted_prev = prev;
  skb.tsorted_prev = null;
  skb.tsorted_next = null;
  skb.tsorted_linked = false;
}

/** skb was sent again: it is now the youngest. @local */
export function tcp_skb_tsorted_move_tail(tp: tcp_sock, skb: sk_buff): void {
  tcp_skb_tsorted_del(tp, skb);
  tcp_skb_tsorted_add_tail(tp, skb);
}

/** Puts `skb` behind `prev` in the list by time of transmission, where prev is there. @local */
export function tcp_skb_tsorted_add_after(tp: tcp_sock, prev: sk_buff, skb: sk_buff): void {
  if (!prev.tsorted_linked) return;
  const next = prev.tsorted_next;
  skb.tsorted_prev = prev;
  skb.tsorted_next = next;
  skb.tsorted_linked = true;
  prev.tsorted_next = skb;
  if (next === null) tp.tsorted_sent_queue.last = skb;
  else next.tsorted_prev = skb;
}

/** Takes skb out of the retransmit queue; the list by time is the caller's. */
export function tcp_rtx_queue_unlink(skb: sk_buff, sk: sock): void {
  rb_erase(skb.rbnode, tcp_sk(sk).tcp_rtx_queue);
}

export function tcp_rtx_queue_unlink_and_free(skb: sk_buff, sk: sock): void {
  tcp_skb_tsorted_del(tcp_sk(sk), skb);
  tcp_rtx_queue_unlink(skb, sk);
  tcp_wmem_free_skb(sk, skb);
}

export function tcp_unlink_write_queue(skb: sk_buff, sk: sock): void {
  __skb_unlink(skb, sk.sk_write_queue);
}

/** Queues skb to be sent. The first one starts the time that the connection is busy. */
export function tcp_add_write_queue_tail(sk: sock, skb: sk_buff): void {
  __skb_queue_tail(sk.sk_write_queue, skb);
  if (sk.sk_write_queue.next === skb) tcp_chrono_start(sk, TCP_CHRONO_BUSY);
}

export function tcp_insert_write_queue_before(new_: sk_buff, skb: sk_buff, sk: sock): void {
  __skb_queue_before(sk.sk_write_queue, skb, new_);
}

/** Frees an skb of the send queues and gives its memory back to the socket. */
export function tcp_wmem_free_skb(sk: sock, skb: sk_buff): void {
  sk.sk_wmem_queued -= skb.truesize;
  sk_mem_uncharge(sk, skb.truesize);
  __kfree_skb(skb);
}

/** Sends what the window and Nagle's rule allow. */
export function tcp_push_pending_frames(sk: sock): void {
  if (tcp_send_head(sk) !== null) {
    __tcp_push_pending_frames(sk, tcp_current_mss(sk), tcp_sk(sk).nonagle);
  }
}

/** Start of the highest skb that was SACKed; snd_una if none was, snd_nxt if all after it were. */
export function tcp_highest_sack_seq(tp: tcp_sock): number {
  if (tp.sacked_out === 0) return tp.snd_una;
  return tp.highest_sack === null ? tp.snd_nxt : tp.highest_sack.tcp_cb.seq;
}

export function tcp_highest_sack(sk: sock): sk_buff | null {
  return tcp_sk(sk).highest_sack;
}

export function tcp_advance_highest_sack(sk: sock, skb: sk_buff): void {
  tcp_sk(sk).highest_sack = skb_rb_next(skb);
}

export function tcp_highest_sack_reset(sk: sock): void {
  tcp_sk(sk).highest_sack = tcp_rtx_queue_head(sk);
}

/** `old` is about to be replaced by `new_`. */
export function tcp_highest_sack_replace(sk: sock, old: sk_buff, new_: sk_buff): void {
  const tp = tcp_sk(sk);
  if (old === tp.highest_sack) tp.highest_sack = new_;
}

/** Time until the pacer lets the next packet go, jiffies. */
export function tcp_pacing_delay(sk: sock): number {
  const tp = tcp_sk(sk);
  const delay = tp.tcp_wstamp_ns - tp.tcp_clock_cache;
  return delay > 0 ? nsecs_to_jiffies(delay) : 0;
}

/** Starts a timer ICSK_TIME_* that counts from when the pacer lets a packet go; jiffies. */
export function tcp_reset_xmit_timer(
  sk: sock,
  what: number,
  when: number,
  max_when: number,
): void {
  inet_csk_reset_xmit_timer(sk, what, when + tcp_pacing_delay(sk), max_when);
}

/** Interval of the first zero-window probe, jiffies. */
export function tcp_probe0_base(sk: sock): number {
  return Math.max(tcp_sk(sk).icsk_rto, TCP_RTO_MIN);
}

/** Interval of the next zero-window probe, backed off, jiffies. */
export function tcp_probe0_when(sk: sock, max_when: number): number {
  const backoff = Math.min(ilog2(TCP_RTO_MAX / TCP_RTO_MIN) + 1, tcp_sk(sk).icsk_backoff);
  return Math.min(tcp_probe0_base(sk) * 2 ** backoff, max_when);
}

/** Nothing is in flight and no timer runs: the window must be probed. */
export function tcp_check_probe_timer(sk: sock): void {
  const tp = tcp_sk(sk);
  if (tp.packets_out === 0 && tp.icsk_pending === 0) {
    tcp_reset_xmit_timer(sk, ICSK_TIME_PROBE0, tcp_probe0_base(sk), tp.icsk_rto_max);
  }
}

/** Time until the RTO of the oldest packet in flight, us; negative when it is over. */
export function tcp_rto_delta_us(sk: sock): number {
  const tp = tcp_sk(sk);
  const rto_us = jiffies_to_usecs(tp.icsk_rto);
  const skb = tcp_rtx_queue_head(sk);
  if (skb === null) return rto_us;
  return tcp_skb_timestamp_us(skb) + rto_us - tp.tcp_mstamp;
}

export function tcp_clear_retrans_hints_partial(tp: tcp_sock): void {
  tp.lost_skb_hint = null;
}

export function tcp_clear_all_retrans_hints(tp: tcp_sock): void {
  tp.lost_skb_hint = null;
  tp.retransmit_skb_hint = null;
}

/** Goes back towards the initial window after the connection was idle for an RTO. @rfc 2861 */
export function tcp_slow_start_after_idle_check(sk: sock): void {
  const tp = tcp_sk(sk);
  if (
    sk.skc_net.ipv4.sysctl_tcp_slow_start_after_idle === 0 || tp.packets_out !== 0 ||
    tp.icsk_ca_ops.cong_control !== undefined
  ) return;
  const delta = (jiffies - tp.lsndtime) | 0;
  if (delta > tp.icsk_rto) tcp_cwnd_restart(sk, delta);
}

/** RTO of a connection that is being opened, jiffies. */
export function tcp_timeout_init(_sk: sock): number {
  return TCP_TIMEOUT_INIT;
}

export function tcp_under_memory_pressure(sk: sock): boolean {
  return sk.skc_prot.counters.memory_pressure !== 0;
}

/** The socket queues much and TCP is past its limit of memory. */
export function tcp_out_of_memory(sk: sock): boolean {
  return sk.sk_wmem_queued > SOCK_MIN_SNDBUF &&
    sk.skc_prot.counters.memory_allocated > sk.skc_net.ipv4.sysctl_tcp_mem[2];
}

/** An ACK was sent: one quick ACK less is left. */
export function tcp_dec_quickack_mode(sk: sock): void {
  const ack = tcp_sk(sk).icsk_ack;
  if (ack.quick === 0) return;
  const pkts = (ack.pending & ICSK_ACK_SCHED) !== 0 ? 1 : 0;
  if (pkts >= ack.quick) {
    ack.quick = 0;
    // Leaving quick ACK mode deflates the delay.
    ack.ato = TCP_ATO_MIN;
  } else {
    ack.quick -= pkts;
  }
}

/** The receive buffer is nearly full, or memory short. */
export function tcp_rmem_pressure(sk: sock): boolean {
  if (tcp_under_memory_pressure(sk)) return true;
  const rcvbuf = sk.sk_rcvbuf;
  return sk.sk_backlog.rmem_alloc > rcvbuf - (rcvbuf >> 3);
}

/** Stops every timer of the connection. */
export function tcp_clear_xmit_timers(sk: sock): void {
  const tp = tcp_sk(sk);
  if (hrtimer_try_to_cancel(tp.pacing_timer) === 1) __sock_put(sk);
  if (hrtimer_try_to_cancel(tp.compressed_ack_timer) === 1) __sock_put(sk);
  inet_csk_clear_xmit_timers(sk);
}

/** Bytes that a reader could take up to urgent data or FIN. */
export function tcp_inq(sk: sock): number {
  const tp = tcp_sk(sk);
  if (((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) !== 0) return 0;
  if (
    sock_flag(sk, SOCK_URGINLINE) || tp.urg_data === 0 || before(tp.urg_seq, tp.copied_seq) ||
    !before(tp.urg_seq, tp.rcv_nxt)
  ) {
    const answ = (tp.rcv_nxt - tp.copied_seq) | 0;
    return answ !== 0 && sock_flag(sk, SOCK_DONE) ? answ - 1 : answ;
  }
  return (tp.urg_seq - tp.copied_seq) | 0;
}

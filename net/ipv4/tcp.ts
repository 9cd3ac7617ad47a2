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

import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import type { file, loff_t_ptr } from "../../include/linux/fs.ts";
import {
  HZ,
  jiffies,
  jiffies_to_msecs,
  jiffies_to_usecs,
  msecs_to_jiffies,
  nsecs_to_jiffies,
  usecs_to_jiffies,
} from "../../include/linux/jiffies.ts";
import { ilog2 } from "../../include/linux/log2.ts";
import { get_page } from "../../include/linux/mm_types.ts";
import type { page } from "../../include/linux/mm_types.ts";
import { SOCK_NOSPACE, SOCK_STREAM, SOCKWQ_ASYNC_NOSPACE } from "../../include/linux/net.ts";
import type { msghdr, socket } from "../../include/linux/net.ts";
import { NETIF_F_SG } from "../../include/linux/netdevice.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  EPOLLRDNORM,
  EPOLLWRNORM,
} from "../../include/linux/poll.ts";
import type { pipe_inode_info } from "../../include/linux/pipe_fs_i.ts";
import type { poll_table } from "../../include/linux/poll.ts";
import { after_sleep, current, signal_pending } from "../../include/linux/sched.ts";
import {
  __skb_dequeue,
  __skb_queue_before,
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_PARTIAL,
  MAX_SKB_FRAGS,
  PAGE_SIZE,
  skb_can_coalesce,
  skb_fill_page_desc,
  skb_peek,
  skb_peek_tail,
  skb_queue_empty,
  skb_reserve,
  SKB_TRUESIZE,
  SKBFL_PURE_ZEROCOPY,
  SKBFL_SHARED_FRAG,
  SKBTX_HW_TSTAMP,
  SKBTX_SCHED_TSTAMP,
  SKBTX_SW_TSTAMP,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, ubuf_info } from "../../include/linux/skbuff.ts";
import {
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_SPLICE_PAGES,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_ZEROCOPY,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SO_TIMESTAMP,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMPING,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPNS,
  SO_TIMESTAMPNS_NEW,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import {
  fastopen_queue_tune,
  tcp_options_received,
  tcp_saved_syn_free,
} from "../../include/linux/tcp.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { copy_from_iter, copy_to_iter } from "../../include/linux/uio.ts";
import type { iov_iter } from "../../include/linux/uio.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import {
  ICSK_ACK_PUSHED,
  ICSK_ACK_PUSHED2,
  ICSK_ACK_SCHED,
  ICSK_TIME_PROBE0,
  inet_csk_ack_scheduled,
  inet_csk_delack_init,
  inet_csk_enter_pingpong_mode,
  inet_csk_exit_pingpong_mode,
  inet_csk_in_pingpong_mode,
} from "../../include/net/inet_connection_sock.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import { NET_ADD_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import {
  __sk_stream_is_writeable,
  __sock_put,
  proto_counters,
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  SK_FORCE_REUSE,
  SK_NO_REUSE,
  sk_peek_offset,
  sk_peek_offset_bwd,
  sk_stream_memory_free,
  SOCK_BINDADDR_LOCK,
  SOCK_BINDPORT_LOCK,
  SOCK_DEAD,
  SOCK_DONE,
  sock_error,
  sock_flag,
  sock_hold,
  sock_intr_errno,
  SOCK_KEEPOPEN,
  SOCK_LINGER,
  SOCK_MIN_RCVBUF,
  SOCK_MIN_SNDBUF,
  sock_net,
  sock_orphan,
  SOCK_RCVBUF_LOCK,
  sock_rcvlowat,
  sock_rcvtimeo,
  SOCK_RCVTSTAMP,
  SOCK_RCVTSTAMPNS,
  sock_reset_flag,
  sock_set_flag,
  sock_sndtimeo,
  SOCK_TSTAMP_NEW,
  SOCK_URGINLINE,
  SOCK_USE_WRITE_QUEUE,
  SOCK_ZEROCOPY,
  sockcm_cookie,
} from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import {
  after,
  before,
  keepalive_intvl_when,
  keepalive_probes,
  keepalive_time_elapsed,
  keepalive_time_when,
  MAX_TCP_HEADER,
  MAX_TCP_KEEPCNT,
  MAX_TCP_KEEPIDLE,
  MAX_TCP_KEEPINTVL,
  MAX_TCP_SYNCNT,
  MAX_TCP_WINDOW,
  TCP_ATO_MIN,
  tcp_bound_to_half_wnd,
  TCP_CA_NAME_MAX,
  TCP_CHRONO_BUSY,
  TCP_CHRONO_RWND_LIMITED,
  TCP_CHRONO_SNDBUF_LIMITED,
  tcp_clock_ms,
  TCP_DEC_STATS,
  TCP_DELACK_MAX,
  TCP_ECN_OK,
  TCP_ECN_SEEN,
  tcp_epollin_ready,
  tcp_fast_path_check,
  tcp_fastopen_cookie,
  tcp_fin_time,
  TCP_FIN_TIMEOUT_MAX,
  TCP_INC_STATS,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  tcp_is_sack,
  TCP_MAX_WSCALE,
  TCP_MIN_MSS,
  tcp_min_rtt,
  TCP_NAGLE_CORK,
  TCP_NAGLE_OFF,
  TCP_NAGLE_PUSH,
  tcp_passive_fastopen,
  tcp_receive_window,
  TCP_RTO_MAX,
  TCP_RTO_MIN,
  tcp_rtx_and_write_queues_empty,
  tcp_rtx_queue_empty,
  tcp_scaling_ratio_init,
  tcp_send_head,
  tcp_sk,
  tcp_skb_can_collapse_to,
  tcp_skb_pcount_set,
  tcp_skb_timestamp_us,
  tcp_snd_cwnd,
  tcp_snd_cwnd_set,
  tcp_space_from_win,
  tcp_time_stamp_raw,
  TCP_TIMEOUT_INIT,
  TCP_TIMEOUT_MIN,
  TCP_TIMEWAIT_LEN,
  TCP_URG_READ,
  TCP_URG_VALID,
  tcp_write_queue_empty,
  tcp_write_queue_tail,
  TCPCB_REPAIRED,
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_SYN,
  TCPOPT_MSS,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
  TFO_CLIENT_ENABLE,
  TSQF_THROTTLED,
} from "../../include/net/tcp.ts";
import {
  TCP_ACTION_FIN,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_STATE_MASK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TCPF_CLOSE,
  TCPF_CLOSE_WAIT,
  TCPF_CLOSING,
  TCPF_ESTABLISHED,
  TCPF_FIN_WAIT1,
  TCPF_FIN_WAIT2,
  TCPF_LAST_ACK,
  TCPF_LISTEN,
  TCPF_SYN_RECV,
  TCPF_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import {
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  ECONNRESET,
  EEXIST,
  EFAULT,
  EFBIG,
  EINPROGRESS,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENOBUFS,
  ENOENT,
  ENOIOCTLCMD,
  ENOMEM,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  ESPIPE,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  SOF_TIMESTAMPING_SOFTWARE,
  SOF_TIMESTAMPING_TX_ACK,
  SOF_TIMESTAMPING_TX_HARDWARE,
  SOF_TIMESTAMPING_TX_RECORD_MASK,
  SOF_TIMESTAMPING_TX_SCHED,
  SOF_TIMESTAMPING_TX_SOFTWARE,
} from "../../include/uapi/linux/net_tstamp.ts";
import {
  LINUX_MIB_TCPABORTONCLOSE,
  LINUX_MIB_TCPABORTONDATA,
  LINUX_MIB_TCPABORTONLINGER,
  LINUX_MIB_TCPABORTONMEMORY,
  LINUX_MIB_TCPAUTOCORKING,
  LINUX_MIB_TCPMEMORYPRESSURES,
  LINUX_MIB_TCPMEMORYPRESSURESCHRONO,
  TCP_MIB_ATTEMPTFAILS,
  TCP_MIB_CURRESTAB,
  TCP_MIB_ESTABRESETS,
} from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CA_Open,
  TCP_CC_INFO,
  TCP_CM_INQ,
  TCP_CONGESTION,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_DELACK_MAX_US,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_FASTOPEN_KEY,
  TCP_FASTOPEN_NO_COOKIE,
  TCP_INFO,
  tcp_info,
  tcp_info_encode,
  TCP_INQ,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_MSS_DEFAULT,
  TCP_NO_QUEUE,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUEUE_SEQ,
  TCP_QUEUES_NR,
  TCP_QUICKACK,
  TCP_RECV_QUEUE,
  TCP_REPAIR,
  TCP_REPAIR_OFF,
  TCP_REPAIR_OFF_NO_WP,
  TCP_REPAIR_ON,
  TCP_REPAIR_OPTIONS,
  TCP_REPAIR_QUEUE,
  TCP_REPAIR_WINDOW,
  TCP_RTO_MAX_MS,
  TCP_RTO_MIN_US,
  TCP_SAVE_SYN,
  TCP_SAVED_SYN,
  TCP_SEND_QUEUE,
  TCP_SYNCNT,
  TCP_THIN_DUPACK,
  TCP_THIN_LINEAR_TIMEOUTS,
  TCP_TIMESTAMP,
  TCP_TX_DELAY,
  TCP_ULP,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
  TCP_ZEROCOPY_RECEIVE,
  TCPI_OPT_ECN,
  TCPI_OPT_ECN_SEEN,
  TCPI_OPT_SACK,
  TCPI_OPT_SYN_DATA,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from "../../include/uapi/linux/tcp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { hrtimer_try_to_cancel } from "../../kernel/time/hrtimer.ts";
import { rb_erase, rb_first, rb_next } from "../../lib/rbtree.ts";
import { minmax_reset } from "../../lib/win_minmax.ts";
import { put_page } from "../../mm/page_alloc.ts";
import { skb_copy_datagram_iter } from "../core/datagram.ts";
import { reqsk_fastopen_remove } from "../core/request_sock.ts";
import {
  put_cmsg,
  put_cmsg_scm_timestamping,
  put_cmsg_timespec,
  put_cmsg_timeval,
} from "../core/scm.ts";
import {
  __kfree_skb,
  __skb_header_release,
  __skb_queue_purge,
  alloc_skb_fclone,
  net_zcopy_get,
  net_zcopy_put,
  skb_rb_first,
  skb_rb_last,
  skb_rb_next,
  skb_rbtree_purge,
  skb_splice_bits,
  skb_splice_from_iter,
  skb_zcopy,
  skb_zcopy_pure,
} from "../core/skbuff.ts";
import {
  msg_zerocopy_realloc,
  net_zcopy_put_abort,
  skb_zerocopy_iter_stream,
  uarg_to_msgzc,
} from "../core/skbuff_zerocopy.ts";
import {
  __release_sock,
  __sk_dst_reset,
  __sk_flush_backlog,
  lock_sock,
  release_sock,
  sk_error_report,
  sk_flush_backlog,
  sk_forced_mem_schedule,
  sk_mem_charge,
  sk_mem_uncharge,
  sk_page_frag,
  sk_page_frag_refill,
  sk_wait_data,
  sk_wmem_schedule,
  sock_cmsg_send,
  sock_poll_wait,
  sock_put,
  sockopt_answer,
  sockopt_get_int,
  sockopt_put_int,
} from "../core/sock.ts";
import {
  sk_stream_error,
  sk_stream_wait_close,
  sk_stream_wait_connect,
  sk_stream_wait_memory,
  sk_stream_write_space,
} from "../core/stream.ts";
import {
  inet_csk_clear_xmit_timers,
  inet_csk_destroy_sock,
  inet_csk_listen_poll,
  inet_csk_listen_stop,
  inet_csk_reqsk_queue_drop,
  inet_csk_reset_keepalive_timer,
  inet_csk_reset_xmit_timer,
} from "./inet_connection_sock.ts";
import { inet_hashinfo_init, inet_put_port, tcp_hashinfo } from "./inet_hashtables.ts";
import { inet_sk_state_store } from "./inet_sock_state.ts";
import { inet_twsk_deschedule_put } from "./inet_timewait_sock.ts";
import { ip_recv_error } from "./ip_sockglue.ts";
import {
  tcp_assign_congestion_control,
  tcp_register_congestion_control,
  tcp_reno,
  tcp_set_ca_state,
  tcp_set_congestion_control,
} from "./tcp_cong.ts";
import {
  tcp_fastopen_active_disable_ofo_check,
  tcp_fastopen_get_cipher,
  tcp_fastopen_init_key_once,
  tcp_fastopen_reset_cipher,
} from "./tcp_fastopen.ts";
import {
  tcp_clear_retrans,
  tcp_data_ready,
  tcp_done_with_error,
  tcp_rcv_space_adjust,
} from "./tcp_input.ts";
import { tcp_metrics_init } from "./tcp_metrics.ts";
import { tcp_time_wait } from "./tcp_minisocks.ts";
import {
  __tcp_push_pending_frames,
  __tcp_select_window,
  tcp_chrono_start,
  tcp_chrono_stop,
  tcp_connect,
  tcp_current_mss,
  tcp_cwnd_restart,
  tcp_mtup_init,
  tcp_push_one,
  tcp_send_ack,
  tcp_send_active_reset,
  tcp_send_fin,
  tcp_send_window_probe,
  tcp_sync_mss,
  tcp_tasklet_init,
} from "./tcp_output.ts";
import { tcp_rate_check_app_limited } from "./tcp_rate.ts";
import { tcp_init_xmit_timers } from "./tcp_timer.ts";

export { tcp_hashinfo };

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
export function tcp_highest_sack_replace(sk: sock, old: sk_buff, new_: sk_buff | null): void {
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

// ---- the protocol and its sockets ----

/** More than any errno: the copying half of a call has to sleep before it can go on. @local */
const MUST_SLEEP = -4096;

/** What tcp_send_mss() and tcp_recv_skb() store through their pointers. */
const size_goal_p = { value: 0 };
const offset_p = { value: 0 };

/** Buckets of ehash that were asked for; 0: as many as a small machine has. */
let thash_entries = 0;

/** Sets the size of ehash and bhash before tcp_init(), as thash_entries= does on the command line. */
export function set_thash_entries(entries: number): void {
  thash_entries = entries;
}

/** Makes TCP's tables and counters empty. @differs tcp_v4_init() is called by inet_init(): it is above */
export function tcp_init(): void {
  tcp_counters.sockets_allocated = 0;
  tcp_counters.memory_allocated = 0;
  tcp_counters.memory_pressure = 0;
  tcp_counters.orphan_count = 0;
  const entries = thash_entries !== 0 ? thash_entries : 1024;
  inet_hashinfo_init(tcp_hashinfo, entries, Math.min(entries, 64 * 1024));
  tcp_metrics_init();
  tcp_register_congestion_control(tcp_reno);
  tcp_tasklet_init();
}

/** All TCP sockets together take more memory than they should. */
export function tcp_enter_memory_pressure(sk: sock): void {
  const counters = sk.skc_prot.counters;
  if (counters.memory_pressure !== 0) return;
  counters.memory_pressure = jiffies !== 0 ? jiffies : -1;
  NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPMEMORYPRESSURES);
}

export function tcp_leave_memory_pressure(sk: sock): void {
  const counters = sk.skc_prot.counters;
  const since = counters.memory_pressure;
  if (since === 0) return;
  counters.memory_pressure = 0;
  NET_ADD_STATS(
    sock_net(sk),
    LINUX_MIB_TCPMEMORYPRESSURESCHRONO,
    jiffies_to_msecs((jiffies - since) | 0),
  );
}

/** Number of retransmissions with backoff that take `seconds`, for TCP_DEFER_ACCEPT. */
export function secs_to_retrans(seconds: number, timeout: number, rto_max: number): number {
  if (seconds <= 0) return 0;
  let res = 1;
  for (let period = timeout; seconds > period && res < 255; period += timeout) {
    res++;
    timeout = Math.min(timeout * 2, rto_max);
  }
  return res;
}

/** Seconds that so many retransmissions with backoff take. */
export function retrans_to_secs(retrans: number, timeout: number, rto_max: number): number {
  let period = 0;
  for (; retrans > 0; retrans--) {
    period += timeout;
    timeout = Math.min(timeout * 2, rto_max);
  }
  return period;
}

/** The last delivery rate sample, bytes per second; 0 none. */
function tcp_compute_delivery_rate(tp: tcp_sock): number {
  if (tp.rate_delivered === 0 || tp.rate_interval_us === 0) return 0;
  return Math.floor(tp.rate_delivered * tp.mss_cache * 1000000 / tp.rate_interval_us);
}

/** Sets up what does not depend on the version of IP. */
export function tcp_init_sock(sk: sock): void {
  const tp = tcp_sk(sk);
  const ipv4 = sock_net(sk).ipv4;

  tcp_init_xmit_timers(sk);

  tp.icsk_rto = TCP_TIMEOUT_INIT;
  tp.icsk_rto_max = msecs_to_jiffies(ipv4.sysctl_tcp_rto_max_ms);
  tp.icsk_rto_min = usecs_to_jiffies(ipv4.sysctl_tcp_rto_min_us);
  tp.icsk_delack_max = TCP_DELACK_MAX;
  tp.mdev_us = jiffies_to_usecs(TCP_TIMEOUT_INIT);
  minmax_reset(tp.rtt_min, jiffies, TCP_MIN_RTT_NONE);

  tcp_snd_cwnd_set(tp, TCP_INIT_CWND);
  // Until the first ACK the pipe cannot be full.
  tp.app_limited = -1;
  tp.rate_app_limited = true;
  tp.snd_ssthresh = TCP_INFINITE_SSTHRESH;
  tp.snd_cwnd_clamp = TCP_INFINITE_SSTHRESH;
  tp.mss_cache = TCP_MSS_DEFAULT;
  tp.reordering = ipv4.sysctl_tcp_reordering;
  tcp_assign_congestion_control(sk);
  tp.tsoffset = 0;
  tp.rack.reo_wnd_steps = 1;

  sk.sk_write_space = sk_stream_write_space;
  sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
  tp.icsk_sync_mss = tcp_sync_mss;

  sk.sk_sndbuf = ipv4.sysctl_tcp_wmem[1];
  sk.sk_rcvbuf = ipv4.sysctl_tcp_rmem[1];
  tcp_scaling_ratio_init(sk);
  sk.skc_prot.counters.sockets_allocated++;
}

/** rtt_min before there is a sample, us. @differs ~0U, which would not stay positive in an int32 */
export const TCP_MIN_RTT_NONE = 0x7fffffff;

// ---- poll, ioctl ----

/** Marks the last skb of a write so that its way out is reported, as SO_TIMESTAMPING asks. */
function tcp_tx_timestamp(sk: sock, tsflags: number): void {
  const skb = tcp_write_queue_tail(sk);
  if (tsflags === 0 || skb === null) return;
  const shinfo = skb.shinfo;
  const tcb = TCP_SKB_CB(skb);
  if ((tsflags & SOF_TIMESTAMPING_TX_HARDWARE) !== 0) shinfo.tx_flags |= SKBTX_HW_TSTAMP;
  if ((tsflags & SOF_TIMESTAMPING_TX_SOFTWARE) !== 0) shinfo.tx_flags |= SKBTX_SW_TSTAMP;
  if ((tsflags & SOF_TIMESTAMPING_TX_SCHED) !== 0) shinfo.tx_flags |= SKBTX_SCHED_TSTAMP;
  if ((tsflags & SOF_TIMESTAMPING_TX_ACK) !== 0) tcb.txstamp_ack = true;
  if ((tsflags & SOF_TIMESTAMPING_TX_RECORD_MASK) !== 0) {
    shinfo.tskey = (tcb.seq + skb.len - 1) | 0;
  }
}

function tcp_stream_is_readable(sk: sock, target: number): boolean {
  return tcp_epollin_ready(sk, target);
}

/** The events that are ready, EPOLL*; hangs the caller on the socket's wait queue. */
export function tcp_poll(file: file, sock: socket, wait: poll_table | null): number {
  const sk = sock.sk as sock;
  const tp = tcp_sk(sk);
  sock_poll_wait(file, sock, wait);

  const state = sk.skc_state;
  if (state === TCP_LISTEN) return inet_csk_listen_poll(sk);

  let mask = 0;
  const shutdown = sk.sk_shutdown;
  if (shutdown === SHUTDOWN_MASK || state === TCP_CLOSE) mask |= EPOLLHUP;
  if ((shutdown & RCV_SHUTDOWN) !== 0) mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;

  if (
    state !== TCP_SYN_SENT && (state !== TCP_SYN_RECV || tp.fastopen_rsk !== null)
  ) {
    let target = sock_rcvlowat(sk, false, 0x7fffffff);
    const urg_data = tp.urg_data;
    if (urg_data !== 0 && tp.urg_seq === tp.copied_seq && !sock_flag(sk, SOCK_URGINLINE)) target++;
    if (tcp_stream_is_readable(sk, target)) mask |= EPOLLIN | EPOLLRDNORM;

    if ((shutdown & SEND_SHUTDOWN) !== 0 || __sk_stream_is_writeable(sk, 1)) {
      mask |= EPOLLOUT | EPOLLWRNORM;
    } else {
      if (sk.sk_wq !== null) sk.sk_wq.flags |= 1 << SOCKWQ_ASYNC_NOSPACE;
      sock.flags |= 1 << SOCK_NOSPACE;
    }
    if ((urg_data & TCP_URG_VALID) !== 0) mask |= EPOLLPRI;
  } else if (state === TCP_SYN_SENT && tp.defer_connect) {
    // Fast Open: the first write sends the SYN.
    mask |= EPOLLOUT | EPOLLWRNORM;
  }
  if (sk.sk_err !== 0 || !skb_queue_empty(sk.sk_error_queue)) mask |= EPOLLERR;
  return mask;
}

/** Bytes to read, to send, the urgent mark; stored in arg[0]. 0 or a negative errno. */
export function tcp_ioctl(sk: sock, cmd: number, arg: Int32Array): number {
  const tp = tcp_sk(sk);
  const opening = ((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) !== 0;
  switch (cmd) {
    case SIOCINQ:
      if (sk.skc_state === TCP_LISTEN) return -EINVAL;
      arg[0] = tcp_inq(sk);
      return 0;
    case SIOCATMARK:
      arg[0] = tp.urg_data !== 0 && tp.urg_seq === tp.copied_seq ? 1 : 0;
      return 0;
    case SIOCOUTQ:
      if (sk.skc_state === TCP_LISTEN) return -EINVAL;
      arg[0] = opening ? 0 : (tp.write_seq - tp.snd_una) | 0;
      return 0;
    case SIOCOUTQNSD:
      if (sk.skc_state === TCP_LISTEN) return -EINVAL;
      arg[0] = opening ? 0 : (tp.write_seq - tp.snd_nxt) | 0;
      return 0;
    default:
      return -ENOIOCTLCMD;
  }
}

// ---- writing ----

/** skb ends a push: the peer's reader is to get it at once. */
export function tcp_mark_push(tp: tcp_sock, skb: sk_buff): void {
  TCP_SKB_CB(skb).tcp_flags |= TCPHDR_PSH;
  tp.pushed_seq = tp.write_seq;
}

/** Half of the largest window was written since the last push. */
export function forced_push(tp: tcp_sock): boolean {
  return after(tp.write_seq, (tp.pushed_seq + (tp.max_window >>> 1)) | 0);
}

/** Puts an empty skb at the end of the send queue. */
export function tcp_skb_entail(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  const tcb = TCP_SKB_CB(skb);
  tcb.seq = tcb.end_seq = tp.write_seq;
  tcb.tcp_flags = TCPHDR_ACK;
  __skb_header_release(skb);
  tcp_add_write_queue_tail(sk, skb);
  sk.sk_wmem_queued += skb.truesize;
  sk_mem_charge(sk, skb.truesize);
  if ((tp.nonagle & TCP_NAGLE_PUSH) !== 0) tp.nonagle &= ~TCP_NAGLE_PUSH;
  tcp_slow_start_after_idle_check(sk);
}

function tcp_mark_urg(tp: tcp_sock, flags: number): void {
  if ((flags & MSG_OOB) !== 0) tp.snd_up = tp.write_seq;
}

/** The last skb may still fill up while the device has packets of ours to send: their end pushes it. */
export function tcp_should_autocork(sk: sock, skb: sk_buff, size_goal: number): boolean {
  return skb.len < size_goal && sock_net(sk).ipv4.sysctl_tcp_autocorking !== 0 &&
    !tcp_rtx_queue_empty(sk) && sk.sk_wmem_alloc > skb.truesize && tcp_skb_can_collapse_to(skb);
}

/** Sends what was written, as Nagle's rule, corks and the windows allow. */
export function tcp_push(
  sk: sock,
  flags: number,
  mss_now: number,
  nonagle: number,
  size_goal: number,
): void {
  const tp = tcp_sk(sk);
  const skb = tcp_write_queue_tail(sk);
  if (skb === null) return;
  if ((flags & MSG_MORE) === 0 || forced_push(tp)) tcp_mark_push(tp, skb);
  tcp_mark_urg(tp, flags);

  if (tcp_should_autocork(sk, skb, size_goal)) {
    if ((sk.sk_tsq_flags & TSQF_THROTTLED) === 0) {
      NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPAUTOCORKING);
      sk.sk_tsq_flags |= TSQF_THROTTLED;
    }
    return;
  }
  if ((flags & MSG_MORE) !== 0) nonagle = TCP_NAGLE_CORK;
  __tcp_push_pending_frames(sk, mss_now, nonagle);
}

/** An skb for the send queue with `size` bytes of head for payload; null where memory is short. */
export function sk_stream_alloc_skb(
  sk: sock,
  size: number,
  force_schedule: boolean,
): sk_buff | null {
  const skb = alloc_skb_fclone(size + MAX_TCP_HEADER);
  skb.truesize = SKB_TRUESIZE(skb.end);
  if (force_schedule) {
    sk_forced_mem_schedule(sk, skb.truesize);
  } else if (!sk_wmem_schedule(sk, skb.truesize)) {
    __kfree_skb(skb);
    return null;
  }
  skb_reserve(skb, MAX_TCP_HEADER);
  skb.ip_summed = CHECKSUM_PARTIAL;
  return skb;
}

export { sk_stream_alloc_skb as tcp_stream_alloc_skb };

/** Bytes that one skb takes: as much as the device segments, but no more than half the window. */
export function tcp_xmit_size_goal(sk: sock, mss_now: number, large_allowed: boolean): number {
  if (!large_allowed) return mss_now;
  const tp = tcp_sk(sk);
  const new_size_goal = tcp_bound_to_half_wnd(tp, sk.sk_gso_max_size);
  let size_goal = tp.gso_segs * mss_now;
  if (new_size_goal < size_goal || new_size_goal >= size_goal + mss_now) {
    tp.gso_segs = Math.min((new_size_goal / mss_now) | 0, sk.sk_gso_max_segs);
    size_goal = tp.gso_segs * mss_now;
  }
  return Math.max(size_goal, mss_now);
}

/** The present MSS; size_goal becomes the bytes that one skb takes. */
export function tcp_send_mss(sk: sock, size_goal: { value: number }, flags: number): number {
  const mss_now = tcp_current_mss(sk);
  size_goal.value = tcp_xmit_size_goal(sk, mss_now, (flags & MSG_OOB) === 0);
  return mss_now;
}

/** Takes back an skb that no byte came into: it would stand in the way of EPOLLOUT. */
export function tcp_remove_empty_skb(sk: sock): void {
  const skb = tcp_write_queue_tail(sk);
  if (skb === null || TCP_SKB_CB(skb).seq !== TCP_SKB_CB(skb).end_seq) return;
  tcp_unlink_write_queue(skb, sk);
  if (tcp_write_queue_empty(sk)) tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
  tcp_wmem_free_skb(sk, skb);
}

/** Copied bytes join a zero-copy skb: from now on its memory counts. 0 or -ENOMEM. */
function tcp_downgrade_zcopy_pure(sk: sock, skb: sk_buff): number {
  if (!skb_zcopy_pure(skb)) return 0;
  const extra = skb.truesize - SKB_TRUESIZE(skb.end);
  if (!sk_wmem_schedule(sk, extra)) return -ENOMEM;
  sk_mem_charge(sk, extra);
  skb.shinfo.flags &= ~SKBFL_PURE_ZEROCOPY;
  return 0;
}

/** Of `copy` bytes, as many as the socket may be charged for; under pressure the minimum goes on. */
function tcp_wmem_schedule(sk: sock, copy: number): number {
  if (sk_wmem_schedule(sk, copy)) return copy;
  const left = sock_net(sk).ipv4.sysctl_tcp_wmem[0] - sk.sk_wmem_queued;
  if (left > 0) sk_forced_mem_schedule(sk, Math.min(left, copy));
  return Math.min(copy, sk.sk_forward_alloc);
}

/** Copies from the program to a page, and counts the bytes to skb and socket; 0. */
function skb_copy_to_page_nocache(
  sk: sock,
  from: iov_iter,
  skb: sk_buff,
  page: page,
  off: number,
  copy: number,
): number {
  if (copy_from_iter(page.u8, off, copy, from) !== copy) return -EFAULT;
  skb.len += copy;
  skb.data_len += copy;
  skb.truesize += copy;
  sk.sk_wmem_queued += copy;
  sk_mem_charge(sk, copy);
  return 0;
}

/** Hangs up to `copy` bytes of pages on skb, and counts them to it and the socket: bytes, or -EMSGSIZE. @local */
function tcp_splice_from_iter(sk: sock, skb: sk_buff, from: iov_iter, copy: number): number {
  const n = skb_splice_from_iter(skb, from, copy);
  if (n < 0) return n;
  skb.shinfo.flags |= SKBFL_SHARED_FRAG;
  sk.sk_wmem_queued += n;
  sk_mem_charge(sk, n);
  return n;
}

export function tcp_free_fastopen_req(tp: tcp_sock): void {
  tp.fastopen_req = null;
}

/**
 * Connects with the first bytes in the SYN: 0, or a negative errno; copied becomes the bytes that went into it.
 * @rfc 7413 4.2.1
 */
export function tcp_sendmsg_fastopen(
  sk: sock,
  msg: msghdr,
  copied: { value: number },
  size: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const tp = tcp_sk(sk);
  const uaddr = msg.msg_name;
  if (
    (sock_net(sk).ipv4.sysctl_tcp_fastopen & TFO_CLIENT_ENABLE) === 0 ||
    (uaddr !== null && msg.msg_namelen >= 2 && uaddr.sin_family === AF_UNSPEC)
  ) return -EOPNOTSUPP;
  if (tp.fastopen_req !== null) return -EALREADY;

  tp.fastopen_req = { cookie: new tcp_fastopen_cookie(), data: msg, size, copied: 0, uarg };
  if (tp.defer_connect) {
    const err = tcp_connect(sk);
    if (err !== 0) {
      tcp_set_state(sk, TCP_CLOSE);
      tp.inet_dport = 0;
      sk.sk_route_caps = 0;
    }
  }
  const flags = (msg.msg_flags & MSG_DONTWAIT) !== 0 ? O_NONBLOCK : 0;
  const sock = sk.sk_socket as socket;
  const connect = sock.ops.connect_locked;
  const err = connect === undefined ? -EOPNOTSUPP : connect(sock, uaddr, msg.msg_namelen, flags, 1);
  return after_sleep(err, (err) => {
    // The connection may be gone already, and the request with it.
    if (tp.fastopen_req !== null) {
      copied.value = tp.fastopen_req.copied;
      tcp_free_fastopen_req(tp);
      tp.defer_connect = false;
    }
    return err;
  });
}

/**
 * Queues bytes of the program and sends them as they fill packets, until all are taken (0), something is wrong
 * (a negative errno), or there is no memory (MUST_SLEEP). Progress is kept in msg. @local
 */
function tcp_sendmsg_copy(
  sk: sock,
  msg: msghdr,
  flags: number,
  uarg: ubuf_info | null,
): number {
  const tp = tcp_sk(sk);
  const iter = msg.msg_iter;
  const zc = (uarg !== null || (flags & MSG_SPLICE_PAGES) !== 0) &&
    (sk.sk_route_caps & NETIF_F_SG) !== 0;
  let process_backlog = 0;
  let mss_now = tcp_send_mss(sk, size_goal_p, flags);
  let size_goal = size_goal_p.value;
  let new_segment = false;

  if (sk.sk_err !== 0 || (sk.sk_shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE;

  while (iter.count > 0) {
    let skb = tcp_write_queue_tail(sk);
    let copy = skb === null ? 0 : size_goal - skb.len;

    if (new_segment || skb === null || copy <= 0 || !tcp_skb_can_collapse_to(skb)) {
      if (!sk_stream_memory_free(sk)) {
        return tcp_sendmsg_wait_for_space(sk, msg, flags, mss_now, size_goal);
      }
      if (process_backlog >= 16) {
        process_backlog = 0;
        if (sk_flush_backlog(sk)) {
          mss_now = tcp_send_mss(sk, size_goal_p, flags);
          size_goal = size_goal_p.value;
          if (sk.sk_err !== 0 || (sk.sk_shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE;
          new_segment = false;
          continue;
        }
      }
      skb = sk_stream_alloc_skb(sk, 0, tcp_rtx_and_write_queues_empty(sk));
      if (skb === null) {
        return tcp_sendmsg_wait_for_space(sk, msg, flags, mss_now, size_goal);
      }
      process_backlog++;
      tcp_skb_entail(sk, skb);
      copy = size_goal;
      new_segment = false;
      if (tp.repair) TCP_SKB_CB(skb).sacked |= TCPCB_REPAIRED;
    }
    if (copy > iter.count) copy = iter.count;

    if (!zc) {
      const i = skb.shinfo.nr_frags;
      const pfrag = sk_page_frag(sk);
      if (!sk_page_frag_refill(sk, pfrag)) {
        return tcp_sendmsg_wait_for_space(sk, msg, flags, mss_now, size_goal);
      }
      const p = pfrag.page as page;
      const off = pfrag.offset;
      const merge = skb_can_coalesce(skb, i, p, off);
      if (!merge && i >= MAX_SKB_FRAGS) {
        tcp_mark_push(tp, skb);
        new_segment = true;
        continue;
      }
      if (copy > pfrag.size - off) copy = pfrag.size - off;
      if (tcp_downgrade_zcopy_pure(sk, skb) !== 0 || (copy = tcp_wmem_schedule(sk, copy)) <= 0) {
        return tcp_sendmsg_wait_for_space(sk, msg, flags, mss_now, size_goal);
      }
      const err = skb_copy_to_page_nocache(sk, iter, skb, p, off, copy);
      if (err !== 0) return err;
      if (merge) {
        skb.shinfo.frags[i - 1].bv_len += copy;
      } else {
        skb_fill_page_desc(skb, i, p, off, copy);
        get_page(p);
      }
      pfrag.offset = off + copy;
    } else {
      if (tcp_downgrade_zcopy_pure(sk, skb) !== 0 || (copy = tcp_wmem_schedule(sk, copy)) <= 0) {
        return tcp_sendmsg_wait_for_space(sk, msg, flags, mss_now, size_goal);
      }
      const n = uarg !== null
        ? skb_zerocopy_iter_stream(sk, skb, msg, copy, uarg)
        : tcp_splice_from_iter(sk, skb, iter, copy);
      if (n === -EMSGSIZE || n === -EEXIST) {
        tcp_mark_push(tp, skb);
        new_segment = true;
        continue;
      }
      if (n < 0) return n;
      copy = n;
    }

    const tcb = TCP_SKB_CB(skb);
    if (msg.msg_copied === 0) tcb.tcp_flags &= ~TCPHDR_PSH;
    tp.write_seq = (tp.write_seq + copy) | 0;
    tcb.end_seq = (tcb.end_seq + copy) | 0;
    tcp_skb_pcount_set(skb, 0);
    msg.msg_copied += copy;

    if (iter.count === 0) {
      if ((flags & MSG_EOR) !== 0) tcb.eor = true;
      break;
    }
    if (skb.len < size_goal || (flags & MSG_OOB) !== 0 || tp.repair) continue;
    if (forced_push(tp)) {
      tcp_mark_push(tp, skb);
      __tcp_push_pending_frames(sk, mss_now, TCP_NAGLE_PUSH);
    } else if (skb === tcp_send_head(sk)) {
      tcp_push_one(sk, mss_now);
    }
  }
  if (msg.msg_copied !== 0) {
    if (msg.msg_tsflags !== 0) tcp_tx_timestamp(sk, msg.msg_tsflags);
    tcp_push(sk, flags, mss_now, tp.nonagle, size_goal);
  }
  return 0;
}

/** The send buffer is full: sends what is in it. Answers MUST_SLEEP. @local */
function tcp_sendmsg_wait_for_space(
  sk: sock,
  msg: msghdr,
  flags: number,
  mss_now: number,
  size_goal: number,
): number {
  if (sk.sk_socket !== null) sk.sk_socket.flags |= 1 << SOCK_NOSPACE;
  if (msg.msg_copied !== 0) tcp_push(sk, flags & ~MSG_MORE, mss_now, TCP_NAGLE_PUSH, size_goal);
  return MUST_SLEEP;
}

/** The end of a send: bytes taken, or a negative errno. @local */
function tcp_sendmsg_out(
  sk: sock,
  msg: msghdr,
  flags: number,
  err: number,
  copied_syn: number,
  uarg: ubuf_info | null,
): number {
  const copied = msg.msg_copied;
  if (err !== 0) {
    tcp_remove_empty_skb(sk);
    if (copied + copied_syn === 0) return tcp_sendmsg_out_err(sk, flags, err, uarg);
    if (copied !== 0) {
      tcp_tx_timestamp(sk, msg.msg_tsflags);
      const mss_now = tcp_send_mss(sk, size_goal_p, flags);
      tcp_push(sk, flags, mss_now, tcp_sk(sk).nonagle, size_goal_p.value);
    }
  }
  if (uarg !== null) net_zcopy_put(uarg);
  return copied + copied_syn;
}

/** The end of a send that took nothing: a negative errno. @local */
function tcp_sendmsg_out_err(sk: sock, flags: number, err: number, uarg: ubuf_info | null): number {
  if (uarg !== null) net_zcopy_put_abort(uarg, true);
  err = sk_stream_error(sk, flags, err);
  // Who waits for an edge of EPOLLOUT must see one.
  if (err === -EAGAIN && tcp_rtx_and_write_queues_empty(sk)) {
    sk.sk_write_space(sk);
    tcp_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
  }
  return err;
}

/** tcp_sendmsg_locked() from where the connection is there. @local */
function tcp_sendmsg_connected(
  sk: sock,
  msg: msghdr,
  flags: number,
  timeo: number,
  copied_syn: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const tp = tcp_sk(sk);
  if (tp.repair && tp.repair_queue !== TCP_SEND_QUEUE) {
    return tcp_sendmsg_out_err(sk, flags, -EINVAL, uarg);
  }
  msg.msg_tsflags = sk.sk_tsflags;
  if (msg.msg_controllen !== 0) {
    const sockc = new sockcm_cookie();
    sockc.tsflags = sk.sk_tsflags;
    if (sock_cmsg_send(sk, msg, sockc) !== 0) {
      return tcp_sendmsg_out_err(sk, flags, -EINVAL, uarg);
    }
    msg.msg_tsflags = sockc.tsflags;
  }
  if (sk.sk_wq !== null) sk.sk_wq.flags &= ~(1 << SOCKWQ_ASYNC_NOSPACE);
  const ret = tcp_sendmsg_copy(sk, msg, flags, uarg);
  if (ret === MUST_SLEEP) return tcp_sendmsg_wait(sk, msg, flags, timeo, copied_syn, uarg);
  return tcp_sendmsg_out(sk, msg, flags, ret, copied_syn, uarg);
}

/** Waits for memory and goes on copying; no promise where the wait ends before it starts. @local */
function tcp_sendmsg_wait(
  sk: sock,
  msg: msghdr,
  flags: number,
  timeo: number,
  copied_syn: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const timeo_p = { value: timeo };
  for (;;) {
    const err = sk_stream_wait_memory(sk, timeo_p);
    // A loop while nothing sleeps: calls within calls would go as deep as there are bytes.
    if (typeof err !== "number") {
      return after_sleep(err, (err) => {
        const ret = err === 0 ? tcp_sendmsg_copy(sk, msg, flags, uarg) : err;
        if (ret !== MUST_SLEEP) return tcp_sendmsg_out(sk, msg, flags, ret, copied_syn, uarg);
        return tcp_sendmsg_wait(sk, msg, flags, timeo_p.value, copied_syn, uarg);
      });
    }
    const ret = err === 0 ? tcp_sendmsg_copy(sk, msg, flags, uarg) : err;
    if (ret !== MUST_SLEEP) return tcp_sendmsg_out(sk, msg, flags, ret, copied_syn, uarg);
  }
}

/** tcp_sendmsg_locked() from where Fast Open, if any, is over. @local */
function tcp_sendmsg_connect(
  sk: sock,
  msg: msghdr,
  flags: number,
  copied_syn: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const timeo = sock_sndtimeo(sk, (flags & MSG_DONTWAIT) !== 0);
  tcp_rate_check_app_limited(sk);
  if (
    ((1 << sk.skc_state) & ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) === 0 || tcp_passive_fastopen(sk)
  ) return tcp_sendmsg_connected(sk, msg, flags, timeo, copied_syn, uarg);
  return tcp_sendmsg_wait_connect(sk, msg, flags, timeo, copied_syn, uarg);
}

function tcp_sendmsg_wait_connect(
  sk: sock,
  msg: msghdr,
  flags: number,
  timeo: number,
  copied_syn: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const timeo_p = { value: timeo };
  return after_sleep(sk_stream_wait_connect(sk, timeo_p), (err) => {
    if (err !== 0) return tcp_sendmsg_out(sk, msg, flags, err, copied_syn, uarg);
    return tcp_sendmsg_connected(sk, msg, flags, timeo_p.value, copied_syn, uarg);
  });
}

function tcp_sendmsg_fastopen_first(
  sk: sock,
  msg: msghdr,
  size: number,
  flags: number,
  uarg: ubuf_info | null,
): number | Promise<number> {
  const copied_syn = { value: 0 };
  return after_sleep(tcp_sendmsg_fastopen(sk, msg, copied_syn, size, uarg), (err) => {
    if (err === -EINPROGRESS && copied_syn.value > 0) {
      return tcp_sendmsg_out(sk, msg, flags, 0, copied_syn.value, uarg);
    }
    if (err !== 0) return tcp_sendmsg_out_err(sk, flags, err, uarg);
    return tcp_sendmsg_connect(sk, msg, flags, copied_syn.value, uarg);
  });
}

/** The completion that a zero-copy send reports to, with a reference for the call; null: copy. @local */
function tcp_sendmsg_zerocopy(sk: sock, msg: msghdr, size: number): ubuf_info | null | number {
  if (msg.msg_ubuf !== null) {
    net_zcopy_get(msg.msg_ubuf);
    return msg.msg_ubuf;
  }
  if (!sock_flag(sk, SOCK_ZEROCOPY)) return null;
  const skb = tcp_write_queue_tail(sk);
  const uarg = msg_zerocopy_realloc(sk, size, skb === null ? null : skb_zcopy(skb));
  if (uarg === null) return -ENOBUFS;
  if ((sk.sk_route_caps & NETIF_F_SG) === 0) uarg_to_msgzc(uarg).zerocopy = false;
  return uarg;
}

/**
 * Sends bytes on a locked socket: bytes taken, or a negative errno. May sleep, for the connection and for memory.
 * @rfc 9293 3.10.2
 */
export function tcp_sendmsg_locked(sk: sock, msg: msghdr, size: number): number | Promise<number> {
  const tp = tcp_sk(sk);
  const flags = msg.msg_flags;
  let uarg: ubuf_info | null = null;
  msg.msg_copied = 0;

  if ((flags & MSG_ZEROCOPY) !== 0 && size !== 0) {
    const ret = tcp_sendmsg_zerocopy(sk, msg, size);
    if (typeof ret === "number") return tcp_sendmsg_out_err(sk, flags, ret, null);
    uarg = ret;
  }
  if (((flags & MSG_FASTOPEN) !== 0 || tp.defer_connect) && !tp.repair) {
    return tcp_sendmsg_fastopen_first(sk, msg, size, flags, uarg);
  }
  return tcp_sendmsg_connect(sk, msg, flags, 0, uarg);
}

/** Sends bytes: bytes taken, or a negative errno. A promise only where it has to sleep. */
export function tcp_sendmsg(sk: sock, msg: msghdr, size: number): number | Promise<number> {
  const locked = lock_sock(sk);
  if (locked !== undefined) return tcp_sendmsg_later(locked, sk, msg, size);
  const ret = tcp_sendmsg_locked(sk, msg, size);
  if (typeof ret !== "number") return tcp_sendmsg_release(ret, sk);
  release_sock(sk);
  return ret;
}

function tcp_sendmsg_later(
  locked: Promise<void>,
  sk: sock,
  msg: msghdr,
  size: number,
): number | Promise<number> {
  return after_sleep(
    locked,
    () => tcp_sendmsg_release(tcp_sendmsg_locked(sk, msg, size), sk),
  );
}

/** A splice ends with fewer bytes than it said: what waited for more goes out. */
export function tcp_splice_eof(sock: socket): void | Promise<void> {
  const sk = sock.sk as sock;
  if (tcp_write_queue_tail(sk) === null) return;
  return after_sleep(lock_sock(sk), () => {
    const mss_now = tcp_send_mss(sk, size_goal_p, 0);
    tcp_push(sk, 0, mss_now, tcp_sk(sk).nonagle, size_goal_p.value);
    release_sock(sk);
  });
}

/** Waits for the end of a call that has the socket locked, and gives the socket back. @local */
function tcp_sendmsg_release(ret: number | Promise<number>, sk: sock): number | Promise<number> {
  return after_sleep(ret, (ret) => {
    release_sock(sk);
    return ret;
  });
}

// ---- reading ----

/** Reads the urgent byte: 1, 0 at the end, or a negative errno. Never sleeps. @rfc 9293 3.8.5 */
function tcp_recv_urg(sk: sock, msg: msghdr, len: number, flags: number): number {
  const tp = tcp_sk(sk);
  if (sock_flag(sk, SOCK_URGINLINE) || tp.urg_data === 0 || tp.urg_data === TCP_URG_READ) {
    return -EINVAL;
  }
  if (sk.skc_state === TCP_CLOSE && !sock_flag(sk, SOCK_DONE)) return -ENOTCONN;

  if ((tp.urg_data & TCP_URG_VALID) !== 0) {
    const c = tp.urg_data & 0xff;
    if ((flags & MSG_PEEK) === 0) tp.urg_data = TCP_URG_READ;
    msg.msg_flags |= MSG_OOB;
    if (len <= 0) {
      msg.msg_flags |= MSG_TRUNC;
      return 0;
    }
    if ((flags & MSG_TRUNC) === 0 && copy_to_iter(Uint8Array.of(c), 0, 1, msg.msg_iter) !== 1) {
      return -EFAULT;
    }
    return 1;
  }
  if (sk.skc_state === TCP_CLOSE || (sk.sk_shutdown & RCV_SHUTDOWN) !== 0) return 0;
  // The byte is on its way; this call never waits for it.
  return -EAGAIN;
}

/** Reads what is queued to be sent, in repair mode: bytes, or a negative errno. */
function tcp_peek_sndq(sk: sock, msg: msghdr, _len: number): number {
  let copied = 0;
  for (let skb = tcp_rtx_queue_head(sk); skb !== null; skb = skb_rb_next(skb)) {
    const err = skb_copy_datagram_iter(skb, 0, msg.msg_iter, skb.len);
    if (err !== 0) return err;
    copied += skb.len;
  }
  for (let skb = skb_peek(sk.sk_write_queue); skb !== null; skb = skb.next) {
    const err = skb_copy_datagram_iter(skb, 0, msg.msg_iter, skb.len);
    if (err !== 0) return err;
    copied += skb.len;
  }
  return copied;
}

/** Sends an ACK if reading made one due, or opened the window enough to tell. @rfc 9293 3.8.6.2.2 */
export function __tcp_cleanup_rbuf(sk: sock, copied: number): void {
  const tp = tcp_sk(sk);
  let time_to_ack = false;

  if (inet_csk_ack_scheduled(sk)) {
    const ack = tp.icsk_ack;
    time_to_ack = ((tp.rcv_nxt - tp.rcv_wup) >>> 0) > ack.rcv_mss ||
      (copied > 0 && sk.sk_backlog.rmem_alloc === 0 &&
        ((ack.pending & ICSK_ACK_PUSHED2) !== 0 ||
          ((ack.pending & ICSK_ACK_PUSHED) !== 0 && !inet_csk_in_pingpong_mode(sk))));
  }
  if (copied > 0 && !time_to_ack && (sk.sk_shutdown & RCV_SHUTDOWN) === 0) {
    const rcv_window_now = tcp_receive_window(tp);
    if (2 * rcv_window_now <= tp.window_clamp) {
      const new_window = __tcp_select_window(sk);
      // At least twice of what the peer knows.
      if (new_window !== 0 && new_window >= 2 * rcv_window_now) time_to_ack = true;
    }
  }
  if (time_to_ack) tcp_send_ack(sk);
}

export function tcp_cleanup_rbuf(sk: sock, copied: number): void {
  const skb = skb_peek(sk.sk_receive_queue);
  WARN_ONCE(
    skb !== null && !before(tcp_sk(sk).copied_seq, TCP_SKB_CB(skb).end_seq),
    "tcp_cleanup_rbuf: a packet that is read is still in the queue",
  );
  __tcp_cleanup_rbuf(sk, copied);
}

/** Frees a packet that is read. */
function tcp_eat_recv_skb(sk: sock, skb: sk_buff): void {
  __skb_unlink(skb, sk.sk_receive_queue);
  __kfree_skb(skb);
}

/** The packet that holds `seq`, or its FIN; off becomes the place in it. Frees those before it. */
export function tcp_recv_skb(sk: sock, seq: number, off: { value: number }): sk_buff | null {
  let skb: sk_buff | null;
  while ((skb = skb_peek(sk.sk_receive_queue)) !== null) {
    const tcb = TCP_SKB_CB(skb);
    let offset = (seq - tcb.seq) >>> 0;
    if ((tcb.tcp_flags & TCPHDR_SYN) !== 0) offset--;
    if (offset < skb.len || (tcb.tcp_flags & TCPHDR_FIN) !== 0) {
      off.value = offset;
      return skb;
    }
    tcp_eat_recv_skb(sk, skb);
  }
  return null;
}

/** A reader of received packets without copying. */
export interface read_descriptor_t {
  /** Bytes that are still wanted; 0 ends the reading. */
  count: number;
  written: number;
  error: number;
  arg: unknown;
}

/** Takes up to len bytes at `offset` of skb: bytes taken, 0 to stop, or a negative errno. */
export type sk_read_actor_t = (
  desc: read_descriptor_t,
  skb: sk_buff,
  offset: number,
  len: number,
) => number;

/**
 * Gives received packets to recv_actor, in order: bytes that it took, or a negative errno. The socket is locked.
 * Stops at urgent data.
 */
export function tcp_read_sock(
  sk: sock,
  desc: read_descriptor_t,
  recv_actor: sk_read_actor_t,
): number {
  const tp = tcp_sk(sk);
  let seq = tp.copied_seq;
  let copied = 0;
  if (sk.skc_state === TCP_LISTEN) return -ENOTCONN;
  for (let skb; (skb = tcp_recv_skb(sk, seq, offset_p)) !== null;) {
    const offset = offset_p.value;
    if (offset < skb.len) {
      let len = skb.len - offset;
      if (tp.urg_data !== 0) {
        len = Math.min(len, (tp.urg_seq - seq) >>> 0);
        if (len === 0) break;
      }
      const used = Math.min(recv_actor(desc, skb, offset, len), len);
      if (used <= 0) {
        if (copied === 0) copied = used;
        break;
      }
      seq = (seq + used) | 0;
      copied += used;
      // recv_actor may have let the lock go, and the packet may have been merged with others.
      skb = tcp_recv_skb(sk, (seq - 1) | 0, offset_p);
      if (skb === null) break;
      if (offset_p.value + 1 !== skb.len) continue;
    }
    const fin = (TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0;
    tcp_eat_recv_skb(sk, skb);
    if (fin) {
      seq = (seq + 1) | 0;
      break;
    }
    if (desc.count === 0) break;
    tp.copied_seq = seq;
  }
  tp.copied_seq = seq;
  tcp_rcv_space_adjust(sk);
  if (copied > 0) {
    tcp_recv_skb(sk, seq, offset_p);
    tcp_cleanup_rbuf(sk, copied);
  }
  return copied;
}

/** A splice() from a socket: where to, how, and how many bytes are wanted. */
interface tcp_splice_state {
  pipe: pipe_inode_info;
  len: number;
  flags: number;
}

function tcp_splice_data_recv(
  rd_desc: read_descriptor_t,
  skb: sk_buff,
  offset: number,
  len: number,
): number {
  const tss = rd_desc.arg as tcp_splice_state;
  const ret = skb_splice_bits(skb, offset, tss.pipe, Math.min(rd_desc.count, len));
  if (ret > 0) rd_desc.count -= ret;
  return ret;
}

/** Moves what is received to the pipe: bytes, or a negative errno. */
function __tcp_splice_read(sk: sock, tss: tcp_splice_state): number {
  return tcp_read_sock(
    sk,
    { count: tss.len, written: 0, error: 0, arg: tss },
    tcp_splice_data_recv,
  );
}

/** Why a splice that got nothing does not wait: 0 or errno; MUST_SLEEP: it waits. @local */
function tcp_splice_no_data(sk: sock, timeo: number): number {
  if (sock_flag(sk, SOCK_DONE)) return 0;
  if (sk.sk_err !== 0) return sock_error(sk);
  if ((sk.sk_shutdown & RCV_SHUTDOWN) !== 0) return 0;
  if (sk.skc_state === TCP_CLOSE) return -ENOTCONN;
  if (timeo === 0) return -EAGAIN;
  // Urgent data stands in the way: no wait would end.
  return skb_queue_empty(sk.sk_receive_queue) ? MUST_SLEEP : 0;
}

/** tcp_splice_read() with the socket locked, and again after each sleep. @local */
function tcp_splice_read_locked(
  sk: sock,
  tss: tcp_splice_state,
  timeo: number,
): number | Promise<number> {
  for (let spliced = 0;;) {
    const ret = tss.len > 0 ? __tcp_splice_read(sk, tss) : 0;
    if (ret > 0) {
      tss.len -= ret;
      spliced += ret;
      if (tss.len === 0 || timeo === 0) return spliced;
      // Between two turns others get at the socket.
      release_sock(sk);
      const locked = lock_sock(sk);
      if (locked !== undefined) return after_sleep(locked, () => spliced);
      if (
        sk.sk_err !== 0 || sk.skc_state === TCP_CLOSE ||
        (sk.sk_shutdown & RCV_SHUTDOWN) !== 0 || signal_pending(current)
      ) return spliced;
      continue;
    }
    if (spliced > 0) return spliced;
    if (ret < 0) return ret;
    const why = tcp_splice_no_data(sk, timeo);
    if (why !== MUST_SLEEP) return why;
    return after_sleep(sk_wait_data(sk, timeo, null), (left) => {
      if (signal_pending(current)) return sock_intr_errno(left);
      return tcp_splice_read_locked(sk, tss, left);
    });
  }
}

/** Moves up to len received bytes to a pipe that the caller has locked: bytes, 0 at the end, a negative errno. */
export function tcp_splice_read(
  sock: socket,
  ppos: loff_t_ptr,
  pipe: pipe_inode_info,
  len: number,
  flags: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  if (ppos[0] !== 0) return -ESPIPE;
  const nonblock = ((sock.file as file).f_flags & O_NONBLOCK) !== 0;
  return after_sleep(lock_sock(sk), () => {
    const ret = tcp_splice_read_locked(sk, { pipe, len, flags }, sock_rcvtimeo(sk, nonblock));
    return tcp_sendmsg_release(ret, sk);
  });
}

/** Marks len bytes as read that a reader looked at in place. */
export function tcp_read_done(sk: sock, len: number): void {
  const tp = tcp_sk(sk);
  let seq = tp.copied_seq;
  let left = len;
  if (sk.skc_state === TCP_LISTEN) return;
  while (left > 0) {
    const skb = tcp_recv_skb(sk, seq, offset_p);
    if (skb === null) break;
    const used = Math.min(skb.len - offset_p.value, left);
    seq = (seq + used) | 0;
    left -= used;
    if (skb.len > offset_p.value + used) break;
    const fin = (TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0;
    tcp_eat_recv_skb(sk, skb);
    if (fin) {
      seq = (seq + 1) | 0;
      break;
    }
  }
  tp.copied_seq = seq;
  tcp_rcv_space_adjust(sk);
  if (left !== len) tcp_cleanup_rbuf(sk, len - left);
}

/** Bytes to read. */
export function tcp_peek_len(sock: socket): number {
  return tcp_inq(sock.sk as sock);
}

/** SO_RCVLOWAT: grows the receive buffer so that the peer can send as much; 0. */
export function tcp_set_rcvlowat(sk: sock, val: number): number {
  const locked = (sk.sk_userlocks & SOCK_RCVBUF_LOCK) !== 0;
  const cap = locked ? sk.sk_rcvbuf >> 1 : sock_net(sk).ipv4.sysctl_tcp_rmem[2] >> 1;
  val = Math.min(val, cap);
  sk.sk_rcvlowat = val !== 0 ? val : 1;
  // What is there may be enough now.
  tcp_data_ready(sk);
  if (locked) return 0;
  const space = tcp_space_from_win(sk, val);
  if (space > sk.sk_rcvbuf) {
    sk.sk_rcvbuf = space;
    const tp = tcp_sk(sk);
    if (tp.window_clamp !== 0 && tp.window_clamp < val) tp.window_clamp = val;
  }
  return 0;
}

/** Notes when a packet came whose bytes a reader gets. @differs in msg, ns, for struct scm_timestamping_internal */
export function tcp_update_recv_tstamps(skb: sk_buff, msg: msghdr): void {
  msg.msg_tstamp = skb.tstamp;
}

/** Adds the control messages of SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING; time in ns, 0 none. */
export function tcp_recv_timestamp(msg: msghdr, sk: sock, tstamp: number): void {
  if (tstamp === 0) return;
  const is_new = sock_flag(sk, SOCK_TSTAMP_NEW);
  if (sock_flag(sk, SOCK_RCVTSTAMPNS)) {
    put_cmsg_timespec(msg, SOL_SOCKET, is_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS, tstamp);
  } else if (sock_flag(sk, SOCK_RCVTSTAMP)) {
    put_cmsg_timeval(msg, SOL_SOCKET, is_new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP, tstamp);
  }
  if ((sk.sk_tsflags & SOF_TIMESTAMPING_SOFTWARE) !== 0) {
    const type = is_new ? SO_TIMESTAMPING_NEW : SO_TIMESTAMPING;
    put_cmsg_scm_timestamping(msg, SOL_SOCKET, type, tstamp, 0);
  }
}

/** Bytes that a reader could take next; at the end 1, so that it reads on. */
function tcp_inq_hint(sk: sock): number {
  const tp = tcp_sk(sk);
  const inq = (tp.rcv_nxt - tp.copied_seq) | 0;
  return inq === 0 && sock_flag(sk, SOCK_DONE) ? 1 : inq;
}

/** Why a reader that finds no more bytes does not wait: bytes or errno; MUST_SLEEP: it waits. @local */
function tcp_recvmsg_no_data(sk: sock, copied: number, timeo: number): number {
  const shut = (sk.sk_shutdown & RCV_SHUTDOWN) !== 0;
  if (copied > 0) {
    const stop = timeo === 0 || sk.sk_err !== 0 || sk.skc_state === TCP_CLOSE || shut ||
      signal_pending(current);
    return stop ? copied : MUST_SLEEP;
  }
  if (sock_flag(sk, SOCK_DONE)) return 0;
  if (sk.sk_err !== 0) return sock_error(sk);
  if (shut) return 0;
  // Never connected.
  if (sk.skc_state === TCP_CLOSE) return -ENOTCONN;
  if (timeo === 0) return -EAGAIN;
  if (signal_pending(current)) return sock_intr_errno(timeo);
  return MUST_SLEEP;
}

/**
 * Copies received bytes to the program until it has what it wants: bytes, 0 at the end, a negative errno, or
 * MUST_SLEEP. Progress is kept in msg. @local
 */
function tcp_recvmsg_copy(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
  target: number,
  timeo: number,
): number {
  const tp = tcp_sk(sk);
  const peek = (flags & MSG_PEEK) !== 0;
  const queue = sk.sk_receive_queue;
  let copied = msg.msg_copied;

  do {
    if (
      peek &&
      ((msg.msg_peek_seq - msg.msg_peek_offset - copied - msg.msg_urg_hole) | 0) !== tp.copied_seq
    ) {
      // Another reader took what was seen.
      msg.msg_peek_seq = (tp.copied_seq + msg.msg_peek_offset) | 0;
    }
    let seq = peek ? msg.msg_peek_seq : tp.copied_seq;

    if (tp.urg_data !== 0 && tp.urg_seq === seq) {
      if (copied > 0) break;
      if (signal_pending(current)) {
        copied = timeo !== 0 ? sock_intr_errno(timeo) : -EAGAIN;
        break;
      }
    }

    let skb = queue.next;
    let offset = 0;
    for (; skb !== null; skb = skb.next) {
      const tcb = TCP_SKB_CB(skb);
      if (
        WARN_ONCE(before(seq, tcb.seq), "tcp_recvmsg: a hole in the receive queue")
      ) {
        skb = null;
        break;
      }
      offset = (seq - tcb.seq) | 0;
      if ((tcb.tcp_flags & TCPHDR_SYN) !== 0) offset--;
      if (offset < skb.len || (tcb.tcp_flags & TCPHDR_FIN) !== 0) break;
      WARN_ONCE(!peek, "tcp_recvmsg: a packet that is read is still in the queue");
    }

    if (skb === null) {
      if (copied >= target && sk.sk_backlog.tail === null) break;
      const ret = tcp_recvmsg_no_data(sk, copied, timeo);
      if (ret !== MUST_SLEEP) {
        copied = ret;
        break;
      }
      if (copied < target) {
        msg.msg_copied = copied;
        return MUST_SLEEP;
      }
      __sk_flush_backlog(sk);
      continue;
    }

    if (offset < skb.len) {
      let used = Math.min(skb.len - offset, len - copied);
      if (tp.urg_data !== 0) {
        const urg_offset = (tp.urg_seq - seq) >>> 0;
        if (urg_offset > 0 && urg_offset < used) {
          used = urg_offset;
        } else if (urg_offset === 0 && used > 0 && !sock_flag(sk, SOCK_URGINLINE)) {
          // The urgent byte is not part of the stream.
          seq = (seq + 1) | 0;
          msg.msg_urg_hole++;
          offset++;
          used--;
        }
      }
      if (used > 0) {
        if ((flags & MSG_TRUNC) === 0) {
          const err = skb_copy_datagram_iter(skb, offset, msg.msg_iter, used);
          if (err !== 0) {
            if (copied === 0) copied = -EFAULT;
            break;
          }
        }
        seq = (seq + used) | 0;
        copied += used;
      }
      if (peek) msg.msg_peek_seq = seq;
      else tp.copied_seq = seq;
      if (used > 0) {
        if (sk.sk_peek_off >= 0) sk_peek_offset_bwd(sk, peek ? -used : used);
        tcp_rcv_space_adjust(sk);
      }

      if (tp.urg_data !== 0 && after(tp.copied_seq, tp.urg_seq)) {
        tp.urg_data = 0;
        tcp_fast_path_check(sk);
      }
      if (TCP_SKB_CB(skb).has_rxtstamp) tcp_update_recv_tstamps(skb, msg);
      if (used + offset < skb.len) continue;
    }

    if ((TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0) {
      seq = (seq + 1) | 0;
      if (peek) msg.msg_peek_seq = seq;
      else tp.copied_seq = seq;
      if (!peek) tcp_eat_recv_skb(sk, skb);
      break;
    }
    if (!peek) tcp_eat_recv_skb(sk, skb);
  } while (copied < len);

  msg.msg_copied = copied;
  tcp_cleanup_rbuf(sk, copied);
  return copied;
}

/** Waits for packets and goes on copying. @local */
function tcp_recvmsg_wait(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
  target: number,
  timeo: number,
): number | Promise<number> {
  let ret: number;
  do {
    const last = skb_peek_tail(sk.sk_receive_queue);
    tcp_cleanup_rbuf(sk, msg.msg_copied);
    const left = sk_wait_data(sk, timeo, last);
    // As in tcp_sendmsg_wait(), a loop while nothing sleeps.
    if (typeof left !== "number") {
      return after_sleep(left, (left) => {
        const ret = tcp_recvmsg_copy(sk, msg, len, flags, target, left);
        return ret === MUST_SLEEP ? tcp_recvmsg_wait(sk, msg, len, flags, target, left) : ret;
      });
    }
    timeo = left;
    ret = tcp_recvmsg_copy(sk, msg, len, flags, target, timeo);
  } while (ret === MUST_SLEEP);
  return ret;
}

/** Receives bytes on a locked socket; may sleep for them. @rfc 9293 3.10.3 */
function tcp_recvmsg_locked(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  const tp = tcp_sk(sk);
  if (sk.skc_state === TCP_LISTEN) return -ENOTCONN;
  if (tp.recvmsg_inq) msg.msg_get_inq = true;
  const timeo = sock_rcvtimeo(sk, (flags & MSG_DONTWAIT) !== 0);
  if ((flags & MSG_OOB) !== 0) return tcp_recv_urg(sk, msg, len, flags);

  if (tp.repair) {
    if ((flags & MSG_PEEK) === 0) return -EPERM;
    if (tp.repair_queue === TCP_SEND_QUEUE) return tcp_peek_sndq(sk, msg, len);
    if (tp.repair_queue === TCP_NO_QUEUE) return -EINVAL;
  }
  msg.msg_copied = 0;
  msg.msg_urg_hole = 0;
  msg.msg_peek_offset = Math.max(sk_peek_offset(sk, flags), 0);
  msg.msg_peek_seq = (tp.copied_seq + msg.msg_peek_offset) | 0;
  const target = sock_rcvlowat(sk, (flags & MSG_WAITALL) !== 0, len);
  const ret = tcp_recvmsg_copy(sk, msg, len, flags, target, timeo);
  return ret === MUST_SLEEP ? tcp_recvmsg_wait(sk, msg, len, flags, target, timeo) : ret;
}

/** Gives the socket back after a read and adds control messages. @local */
function tcp_recvmsg_release(sk: sock, msg: msghdr, ret: number): number {
  release_sock(sk);
  if (ret < 0 || (msg.msg_tstamp === 0 && !msg.msg_get_inq)) return ret;
  if (msg.msg_tstamp !== 0) tcp_recv_timestamp(msg, sk, msg.msg_tstamp);
  if (msg.msg_get_inq) {
    msg.msg_inq = tcp_inq_hint(sk);
    if (tcp_sk(sk).recvmsg_inq) {
      const data = new Uint8Array(4);
      sockopt_put_int(data, 0, msg.msg_inq);
      put_cmsg(msg, SOL_TCP, TCP_CM_INQ, data.length, data);
    }
  }
  return ret;
}

function tcp_recvmsg_later(
  locked: void | Promise<void>,
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  return after_sleep(
    locked,
    () =>
      after_sleep(
        tcp_recvmsg_locked(sk, msg, len, flags),
        (ret) => tcp_recvmsg_release(sk, msg, ret),
      ),
  );
}

function tcp_recvmsg_sleeps(
  ret: Promise<number>,
  sk: sock,
  msg: msghdr,
): number | Promise<number> {
  return after_sleep(ret, (ret) => tcp_recvmsg_release(sk, msg, ret));
}

/**
 * Receives bytes: their number, 0 at the end of the stream, or a negative errno. A promise only where it has to sleep.
 * MSG_TRUNC throws the bytes away.
 */
export function tcp_recvmsg(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  if ((flags & MSG_ERRQUEUE) !== 0) return ip_recv_error(sk, msg, len);
  msg.msg_tstamp = 0;
  const locked = lock_sock(sk);
  if (locked !== undefined) return tcp_recvmsg_later(locked, sk, msg, len, flags);
  const ret = tcp_recvmsg_locked(sk, msg, len, flags);
  if (typeof ret !== "number") return tcp_recvmsg_sleeps(ret, sk, msg);
  return tcp_recvmsg_release(sk, msg, ret);
}

// ---- states, closing ----

/** Changes the state of a connection; a closed one leaves the tables. @rfc 9293 3.3.2 */
export function tcp_set_state(sk: sock, state: number): void {
  const oldstate = sk.skc_state;
  const was_open = oldstate === TCP_ESTABLISHED || oldstate === TCP_CLOSE_WAIT;
  switch (state) {
    case TCP_ESTABLISHED:
      if (oldstate !== TCP_ESTABLISHED) TCP_INC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
      break;
    case TCP_CLOSE_WAIT:
      if (oldstate === TCP_SYN_RECV) TCP_INC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
      break;
    case TCP_CLOSE:
      if (was_open) TCP_INC_STATS(sock_net(sk), TCP_MIB_ESTABRESETS);
      sk.skc_prot.unhash?.(sk);
      if (
        tcp_sk(sk).icsk_bind_hash !== null && (sk.sk_userlocks & SOCK_BINDPORT_LOCK) === 0
      ) inet_put_port(sk);
      if (was_open) TCP_DEC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
      break;
    default:
      if (was_open) TCP_DEC_STATS(sock_net(sk), TCP_MIB_CURRESTAB);
  }
  // Not earlier: no closed socket stands in the tables.
  inet_sk_state_store(sk, state);
}

/** Where our end of the stream takes each state, and whether a FIN goes out for it. @rfc 9293 3.10.4 */
// deno-fmt-ignore
const new_state: readonly number[] = [
  /* (invalid) */     TCP_CLOSE,
  /* ESTABLISHED */   TCP_FIN_WAIT1 | TCP_ACTION_FIN,
  /* SYN_SENT */      TCP_CLOSE,
  /* SYN_RECV */      TCP_FIN_WAIT1 | TCP_ACTION_FIN,
  /* FIN_WAIT1 */     TCP_FIN_WAIT1,
  /* FIN_WAIT2 */     TCP_FIN_WAIT2,
  /* TIME_WAIT */     TCP_CLOSE,
  /* CLOSE */         TCP_CLOSE,
  /* CLOSE_WAIT */    TCP_LAST_ACK | TCP_ACTION_FIN,
  /* LAST_ACK */      TCP_LAST_ACK,
  /* LISTEN */        TCP_CLOSE,
  /* CLOSING */       TCP_CLOSING,
  /* NEW_SYN_RECV */  TCP_CLOSE,
];

/** We have no more to send: changes the state; true if a FIN must go out. */
export function tcp_close_state(sk: sock): boolean {
  const next = new_state[sk.skc_state];
  tcp_set_state(sk, next & TCP_STATE_MASK);
  return (next & TCP_ACTION_FIN) !== 0;
}

/** Ends our half of the stream, where how has SEND_SHUTDOWN. */
export function tcp_shutdown(sk: sock, how: number): void {
  if ((how & SEND_SHUTDOWN) === 0) return;
  if (((1 << sk.skc_state) & (TCPF_ESTABLISHED | TCPF_SYN_SENT | TCPF_CLOSE_WAIT)) === 0) return;
  if (tcp_close_state(sk)) tcp_send_fin(sk);
}

/** Connections whose program has closed them. */
export function tcp_orphan_count_sum(): number {
  return Math.max(tcp_counters.orphan_count, 0);
}

/**
 * There are more orphans than net.ipv4.tcp_max_orphans, each counted 2 ** shift times.
 * @differs counts them now; the kernel's sum is up to 100 ms old
 */
export function tcp_too_many_orphans(sk: sock, shift: number): boolean {
  const orphans = Math.max(sk.skc_prot.counters.orphan_count, 0);
  return orphans * 2 ** shift > sock_net(sk).ipv4.sysctl_tcp_max_orphans;
}

/** There is no room for an orphan that counts 2 ** shift times. */
export function tcp_check_oom(sk: sock, shift: number): boolean {
  return tcp_too_many_orphans(sk, shift) || tcp_out_of_memory(sk);
}

/** Ends a socket's life with its program; may linger up to `timeout` jiffies for the peer's last ACK. */
export function __tcp_close(sk: sock, timeout: number): void | Promise<void> {
  sk.sk_shutdown = SHUTDOWN_MASK;
  if (sk.skc_state === TCP_LISTEN) {
    tcp_set_state(sk, TCP_CLOSE);
    inet_csk_listen_stop(sk);
    return adjudge_to_death(sk);
  }

  const tp = tcp_sk(sk);
  let data_was_unread = false;
  for (let skb; (skb = __skb_dequeue(sk.sk_receive_queue)) !== null;) {
    const tcb = TCP_SKB_CB(skb);
    const fin = (tcb.tcp_flags & TCPHDR_FIN) !== 0 ? 1 : 0;
    if (after((tcb.end_seq - fin) | 0, tp.copied_seq)) data_was_unread = true;
    __kfree_skb(skb);
  }
  // Reset already.
  if (sk.skc_state === TCP_CLOSE) return adjudge_to_death(sk);

  if (tp.repair) {
    sk.skc_prot.disconnect?.(sk, 0);
  } else if (data_was_unread) {
    // The peer must know that bytes were lost. @rfc 2525 2.17
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONCLOSE);
    tcp_set_state(sk, TCP_CLOSE);
    tcp_send_active_reset(sk);
  } else if (sock_flag(sk, SOCK_LINGER) && sk.sk_lingertime === 0) {
    sk.skc_prot.disconnect?.(sk, 0);
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONDATA);
  } else if (tcp_close_state(sk)) {
    tcp_send_fin(sk);
  }
  const wait = sk_stream_wait_close(sk, timeout);
  if (wait !== undefined) return after_sleep(wait, () => adjudge_to_death(sk));
  adjudge_to_death(sk);
}

/** The kernel's label in __tcp_close(): nobody holds the socket any more; it lives on only as far as TCP needs it. @local */
function adjudge_to_death(sk: sock): void {
  const state = sk.skc_state;
  sock_hold(sk);
  sock_orphan(sk);

  local_bh_disable();
  // What came meanwhile, with the lock still ours.
  __release_sock(sk);
  sk.skc_prot.counters.orphan_count++;
  // A packet of the backlog may have ended it just now.
  if (state === TCP_CLOSE || sk.skc_state !== TCP_CLOSE) tcp_close_orphan(sk);
  local_bh_enable();
}

/** What becomes of an orphan: TIME_WAIT, a timer, or its end. @local */
function tcp_close_orphan(sk: sock): void {
  const tp = tcp_sk(sk);
  if (sk.skc_state === TCP_FIN_WAIT2) {
    if (tp.linger2 < 0) {
      tcp_set_state(sk, TCP_CLOSE);
      tcp_send_active_reset(sk);
      NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONLINGER);
    } else {
      const tmo = tcp_fin_time(sk);
      if (tmo <= TCP_TIMEWAIT_LEN) {
        tcp_time_wait(sk, TCP_FIN_WAIT2, tmo);
        return;
      }
      inet_csk_reset_keepalive_timer(sk, tmo - TCP_TIMEWAIT_LEN);
    }
  }
  if (sk.skc_state !== TCP_CLOSE && tcp_check_oom(sk, 0)) {
    tcp_set_state(sk, TCP_CLOSE);
    tcp_send_active_reset(sk);
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
  }
  if (sk.skc_state === TCP_CLOSE) {
    const req = tp.fastopen_rsk;
    if (req !== null) reqsk_fastopen_remove(sk, req, false);
    inet_csk_destroy_sock(sk);
  }
}

/** Closes a socket; sleeps where it lingers. @rfc 9293 3.10.4 */
export function tcp_close(sk: sock, timeout: number): void | Promise<void> {
  return after_sleep(lock_sock(sk), () =>
    after_sleep(__tcp_close(sk, timeout), () => {
      release_sock(sk);
      sock_put(sk);
    }));
}

/** States in which an abort tells the peer by RST. @rfc 9293 3.10.5 */
function tcp_need_reset(state: number): boolean {
  return ((1 << state) &
    (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_SYN_RECV)) !== 0;
}

function tcp_rtx_queue_purge(sk: sock): void {
  const root = tcp_sk(sk).tcp_rtx_queue;
  tcp_sk(sk).highest_sack = null;
  for (let p = rb_first(root); p !== null;) {
    const skb = p.owner;
    p = rb_next(p);
    tcp_skb_tsorted_del(tcp_sk(sk), skb);
    tcp_rtx_queue_unlink(skb, sk);
    tcp_wmem_free_skb(sk, skb);
  }
}

/** Throws away all that was written and not acknowledged. */
export function tcp_write_queue_purge(sk: sock): void {
  const tp = tcp_sk(sk);
  tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
  for (let skb; (skb = __skb_dequeue(sk.sk_write_queue)) !== null;) {
    tcp_skb_tsorted_del(tp, skb);
    tcp_wmem_free_skb(sk, skb);
  }
  tcp_rtx_queue_purge(sk);
  tcp_clear_all_retrans_hints(tp);
  tp.packets_out = 0;
  tp.icsk_backoff = 0;
}

/** Aborts a connection, so that the socket can be used for another; 0. @rfc 9293 3.10.5 */
export function tcp_disconnect(sk: sock, _flags: number): number {
  const tp = tcp_sk(sk);
  const old_state = sk.skc_state;
  if (old_state !== TCP_CLOSE) tcp_set_state(sk, TCP_CLOSE);

  if (old_state === TCP_LISTEN) {
    inet_csk_listen_stop(sk);
  } else if (tp.repair) {
    sk.sk_err = ECONNABORTED;
  } else if (
    tcp_need_reset(old_state) ||
    // A FIN that is queued behind bytes has not left although the state says so.
    (tp.snd_nxt !== tp.write_seq && ((1 << old_state) & (TCPF_CLOSING | TCPF_LAST_ACK)) !== 0)
  ) {
    tcp_send_active_reset(sk);
    sk.sk_err = ECONNRESET;
  } else if (old_state === TCP_SYN_SENT) {
    sk.sk_err = ECONNRESET;
  }

  tcp_clear_xmit_timers(sk);
  __skb_queue_purge(sk.sk_receive_queue);
  tp.copied_seq = tp.rcv_nxt;
  tp.urg_data = 0;
  tcp_write_queue_purge(sk);
  tcp_fastopen_active_disable_ofo_check(sk);
  skb_rbtree_purge(tp.out_of_order_queue);
  tp.ooo_last_skb = null;

  tp.inet_dport = 0;
  if ((sk.sk_userlocks & SOCK_BINDADDR_LOCK) === 0) {
    tp.inet_rcv_saddr = 0;
    tp.inet_saddr = 0;
  }
  sk.sk_shutdown = 0;
  sock_reset_flag(sk, SOCK_DONE);
  tcp_disconnect_reset(sk);

  const req = tp.fastopen_rsk;
  if (req !== null) reqsk_fastopen_remove(sk, req, false);
  tcp_free_fastopen_req(tp);
  tp.defer_connect = false;
  tp.fastopen_client_fail = 0;
  WARN_ONCE(
    tp.inet_num !== 0 && tp.icsk_bind_hash === null,
    "tcp_disconnect: a port without its bind bucket",
  );
  if (sk.sk_frag !== null && sk.sk_frag.page !== null) {
    put_page(sk.sk_frag.page);
    sk.sk_frag.page = null;
    sk.sk_frag.offset = 0;
  }
  sk_error_report(sk);
  return 0;
}

/** The fields of a connection as in a new socket, but for what the program has set. @local */
function tcp_disconnect_reset(sk: sock): void {
  const tp = tcp_sk(sk);
  tp.srtt_us = 0;
  tp.mdev_us = jiffies_to_usecs(TCP_TIMEOUT_INIT);
  tp.rcv_rtt_last_tsecr = 0;
  // Far from what the old connection sent.
  const seq = (tp.write_seq + tp.max_window + 2) | 0;
  tp.write_seq = seq !== 0 ? seq : 1;

  tp.icsk_backoff = 0;
  tp.icsk_probes_out = 0;
  tp.icsk_probes_tstamp = 0;
  tp.icsk_rto = TCP_TIMEOUT_INIT;
  tp.icsk_rto_min = TCP_RTO_MIN;
  tp.icsk_delack_max = TCP_DELACK_MAX;
  tp.snd_ssthresh = TCP_INFINITE_SSTHRESH;
  tcp_snd_cwnd_set(tp, TCP_INIT_CWND);
  tp.snd_cwnd_cnt = 0;
  tp.is_cwnd_limited = false;
  tp.max_packets_out = 0;
  tp.window_clamp = 0;
  tp.delivered = 0;
  tp.delivered_ce = 0;
  tp.icsk_ca_ops.release?.(sk);
  tp.icsk_ca_priv = null;
  tp.icsk_ca_initialized = false;
  tcp_set_ca_state(sk, TCP_CA_Open);
  tp.is_sack_reneg = false;
  tcp_clear_retrans(tp);
  tp.total_retrans = 0;
  inet_csk_delack_init(sk);
  // Never 0: __tcp_select_window() divides by it.
  tp.icsk_ack.rcv_mss = TCP_MIN_MSS;
  tp.rx_opt.copy_from(new tcp_options_received());
  __sk_dst_reset(sk);
  sk.sk_rx_dst = null;
  tcp_saved_syn_free(tp);
  tp.compressed_ack = 0;
  tp.segs_in = 0;
  tp.segs_out = 0;
  tp.bytes_sent = 0;
  tp.bytes_acked = 0;
  tp.bytes_received = 0;
  tp.bytes_retrans = 0;
  tp.data_segs_in = 0;
  tp.data_segs_out = 0;
  tp.duplicate_sack[0].start_seq = 0;
  tp.duplicate_sack[0].end_seq = 0;
  tp.dsack_dups = 0;
  tp.reord_seen = 0;
  tp.retrans_out = 0;
  tp.sacked_out = 0;
  tp.tlp_high_seq = 0;
  tp.last_oow_ack_time = 0;
  tp.app_limited = -1;
  tp.rate_app_limited = true;
  tp.rack.mstamp = 0;
  tp.rack.advanced = false;
  tp.rack.reo_wnd_steps = 1;
  tp.rack.last_delivered = 0;
  tp.rack.reo_wnd_persist = 0;
  tp.rack.dsack_seen = false;
  tp.syn_data_acked = false;
  tp.rcv_ooopack = 0;
  tp.plb_rehash = 0;
  tp.timeout_rehash = 0;
  tp.total_rto = 0;
  tp.total_rto_recoveries = 0;
  tp.total_rto_time = 0;
  tp.rto_stamp = 0;
}

/** The connection is over: wakes its program, or ends the orphan. */
export function tcp_done(sk: sock): void {
  const req = tcp_sk(sk).fastopen_rsk;
  if (sk.skc_state === TCP_SYN_SENT || sk.skc_state === TCP_SYN_RECV) {
    TCP_INC_STATS(sock_net(sk), TCP_MIB_ATTEMPTFAILS);
  }
  tcp_set_state(sk, TCP_CLOSE);
  tcp_clear_xmit_timers(sk);
  if (req !== null) reqsk_fastopen_remove(sk, req, false);
  sk.sk_shutdown = SHUTDOWN_MASK;
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_state_change(sk);
  else inet_csk_destroy_sock(sk);
}

/** Ends a connection in any state from outside, its program sees `err`: 0 or a negative errno. */
export function tcp_abort(sk: sock_common, err: number): number | Promise<number> {
  if (sk.skc_state === TCP_NEW_SYN_RECV) {
    const req = inet_reqsk(sk);
    local_bh_disable();
    inet_csk_reqsk_queue_drop(req.rsk_listener as sock, req);
    local_bh_enable();
    return 0;
  }
  if (sk.skc_state === TCP_TIME_WAIT) {
    const tw = inet_twsk(sk);
    tw.tw_refcnt++;
    local_bh_disable();
    inet_twsk_deschedule_put(tw);
    local_bh_enable();
    return 0;
  }
  const full = tcp_sk(sk);
  return after_sleep(lock_sock(full), () => tcp_abort_locked(full, err));
}

function tcp_abort_locked(sk: sock, err: number): number {
  if (sk.skc_state === TCP_CLOSE) {
    release_sock(sk);
    return -ENOENT;
  }
  if (sk.skc_state === TCP_LISTEN) {
    tcp_set_state(sk, TCP_CLOSE);
    inet_csk_listen_stop(sk);
  }
  local_bh_disable();
  if (tcp_need_reset(sk.skc_state)) tcp_send_active_reset(sk);
  tcp_done_with_error(sk, err);
  local_bh_enable();
  release_sock(sk);
  return 0;
}

// ---- options ----

function tcp_can_repair_sock(sk: sock): boolean {
  return sk.skc_state !== TCP_LISTEN;
}

/** TCP_REPAIR_WINDOW: snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup; 0 or a negative errno. */
function tcp_repair_set_window(tp: tcp_sock, optbuf: Uint8Array, len: number): number {
  if (!tp.repair) return -EPERM;
  if (len !== 20) return -EINVAL;
  if (optbuf.length < len) return -EFAULT;
  const snd_wl1 = sockopt_get_int(optbuf, 0);
  const snd_wnd = sockopt_get_int(optbuf, 4) >>> 0;
  const max_window = sockopt_get_int(optbuf, 8) >>> 0;
  const rcv_wnd = sockopt_get_int(optbuf, 12) >>> 0;
  const rcv_wup = sockopt_get_int(optbuf, 16);
  if (max_window < snd_wnd) return -EINVAL;
  if (after(snd_wl1, (tp.rcv_nxt + rcv_wnd) | 0)) return -EINVAL;
  if (after(rcv_wup, tp.rcv_nxt)) return -EINVAL;
  tp.snd_wl1 = snd_wl1;
  tp.snd_wnd = snd_wnd;
  tp.max_window = max_window;
  tp.rcv_wnd = rcv_wnd;
  tp.rcv_wup = rcv_wup;
  return 0;
}

const TCP_SACK_SEEN = 1 << 0;

/** TCP_REPAIR_OPTIONS: pairs of option number and value, as the handshake would have agreed. */
function tcp_repair_options_est(sk: sock, optbuf: Uint8Array, len: number): number {
  const rx_opt = tcp_sk(sk).rx_opt;
  for (let off = 0; off + 8 <= len; off += 8) {
    if (off + 8 > optbuf.length) return -EFAULT;
    const opt_val = sockopt_get_int(optbuf, off + 4);
    switch (sockopt_get_int(optbuf, off)) {
      case TCPOPT_MSS:
        rx_opt.mss_clamp = opt_val & 0xffff;
        tcp_mtup_init(sk);
        break;
      case TCPOPT_WINDOW: {
        const snd_wscale = opt_val & 0xffff;
        const rcv_wscale = opt_val >>> 16;
        if (snd_wscale > TCP_MAX_WSCALE || rcv_wscale > TCP_MAX_WSCALE) return -EFBIG;
        rx_opt.snd_wscale = snd_wscale;
        rx_opt.rcv_wscale = rcv_wscale;
        rx_opt.wscale_ok = true;
        break;
      }
      case TCPOPT_SACK_PERM:
        if (opt_val !== 0) return -EINVAL;
        rx_opt.sack_ok |= TCP_SACK_SEEN;
        break;
      case TCPOPT_TIMESTAMP:
        if (opt_val !== 0) return -EINVAL;
        rx_opt.tstamp_ok = true;
        break;
    }
  }
  return 0;
}

/** TCP_CORK: only full packets leave until it is taken off. */
export function __tcp_sock_set_cork(sk: sock, on: boolean): void {
  const tp = tcp_sk(sk);
  if (on) {
    tp.nonagle |= TCP_NAGLE_CORK;
    return;
  }
  tp.nonagle &= ~TCP_NAGLE_CORK;
  if ((tp.nonagle & TCP_NAGLE_OFF) !== 0) tp.nonagle |= TCP_NAGLE_PUSH;
  tcp_push_pending_frames(sk);
}

/** Runs `fn` with the socket locked. @local */
function with_lock_sock<T>(sk: sock, fn: () => T): T | Promise<T> {
  return after_sleep(lock_sock(sk), () => {
    const ret = fn();
    release_sock(sk);
    return ret;
  });
}

export function tcp_sock_set_cork(sk: sock, on: boolean): void | Promise<void> {
  return with_lock_sock(sk, () => __tcp_sock_set_cork(sk, on));
}

/** TCP_NODELAY: Nagle's rule off; what is queued leaves now even from under a cork. @rfc 896 */
export function __tcp_sock_set_nodelay(sk: sock, on: boolean): void {
  const tp = tcp_sk(sk);
  if (on) {
    tp.nonagle |= TCP_NAGLE_OFF | TCP_NAGLE_PUSH;
    tcp_push_pending_frames(sk);
  } else {
    tp.nonagle &= ~TCP_NAGLE_OFF;
  }
}

export function tcp_sock_set_nodelay(sk: sock): void | Promise<void> {
  return with_lock_sock(sk, () => __tcp_sock_set_nodelay(sk, true));
}

function __tcp_sock_set_quickack(sk: sock, val: number): void {
  if (val === 0) {
    inet_csk_enter_pingpong_mode(sk);
    return;
  }
  inet_csk_exit_pingpong_mode(sk);
  if (
    ((1 << sk.skc_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) !== 0 &&
    inet_csk_ack_scheduled(sk)
  ) {
    tcp_sk(sk).icsk_ack.pending |= ICSK_ACK_PUSHED;
    tcp_cleanup_rbuf(sk, 1);
    if ((val & 1) === 0) inet_csk_enter_pingpong_mode(sk);
  }
}

/** TCP_QUICKACK: ACKs go out at once, or delayed. */
export function tcp_sock_set_quickack(sk: sock, val: number): void | Promise<void> {
  return with_lock_sock(sk, () => __tcp_sock_set_quickack(sk, val));
}

/** TCP_SYNCNT: 0 or -EINVAL. */
export function tcp_sock_set_syncnt(sk: sock, val: number): number {
  if (val < 1 || val > MAX_TCP_SYNCNT) return -EINVAL;
  tcp_sk(sk).icsk_syn_retries = val;
  return 0;
}

/** TCP_USER_TIMEOUT, ms: 0 or -EINVAL. @rfc 5482 */
export function tcp_sock_set_user_timeout(sk: sock, val: number): number {
  if (val < 0) return -EINVAL;
  tcp_sk(sk).icsk_user_timeout = val;
  return 0;
}

/** TCP_KEEPIDLE, seconds: 0 or -EINVAL. */
export function tcp_sock_set_keepidle_locked(sk: sock, val: number): number {
  const tp = tcp_sk(sk);
  if (val < 1 || val > MAX_TCP_KEEPIDLE) return -EINVAL;
  tp.keepalive_time = val * HZ;
  if (
    sock_flag(sk, SOCK_KEEPOPEN) && ((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) === 0
  ) {
    const elapsed = keepalive_time_elapsed(tp);
    inet_csk_reset_keepalive_timer(sk, Math.max(tp.keepalive_time - elapsed, 0));
  }
  return 0;
}

export function tcp_sock_set_keepidle(sk: sock, val: number): number | Promise<number> {
  return with_lock_sock(sk, () => tcp_sock_set_keepidle_locked(sk, val));
}

/** TCP_KEEPINTVL, seconds: 0 or -EINVAL. */
export function tcp_sock_set_keepintvl(sk: sock, val: number): number {
  if (val < 1 || val > MAX_TCP_KEEPINTVL) return -EINVAL;
  tcp_sk(sk).keepalive_intvl = val * HZ;
  return 0;
}

/** TCP_KEEPCNT: 0 or -EINVAL. */
export function tcp_sock_set_keepcnt(sk: sock, val: number): number {
  if (val < 1 || val > MAX_TCP_KEEPCNT) return -EINVAL;
  tcp_sk(sk).keepalive_probes = val;
  return 0;
}

/** TCP_WINDOW_CLAMP, bytes: 0 or -EINVAL. */
export function tcp_set_window_clamp(sk: sock, val: number): number {
  const tp = tcp_sk(sk);
  if (val === 0) {
    if (sk.skc_state !== TCP_CLOSE) return -EINVAL;
    tp.window_clamp = 0;
    return 0;
  }
  const old_window_clamp = tp.window_clamp;
  const new_window_clamp = Math.max(SOCK_MIN_RCVBUF / 2, val);
  if (new_window_clamp === old_window_clamp) return 0;
  tp.window_clamp = new_window_clamp;
  if (new_window_clamp < old_window_clamp) {
    tp.rcv_ssthresh = Math.min(tp.rcv_ssthresh, new_window_clamp);
  } else {
    tp.rcv_ssthresh = Math.max(Math.min(tp.rcv_wnd, new_window_clamp), tp.rcv_ssthresh);
  }
  return 0;
}

/** A name in the bytes of an option, up to its 0. */
function strncpy_from_sockptr(optval: Uint8Array, len: number): string {
  let name = "";
  for (let i = 0; i < len && i < optval.length && optval[i] !== 0; i++) {
    name += String.fromCharCode(optval[i]);
  }
  return name;
}

/** TCP_REPAIR: on, or off with or without a probe that finds the peer. */
function tcp_set_repair(sk: sock, val: number): number {
  const tp = tcp_sk(sk);
  if (!tcp_can_repair_sock(sk)) return -EPERM;
  if (val === TCP_REPAIR_ON) {
    tp.repair = true;
    sk.skc_reuse = SK_FORCE_REUSE;
    tp.repair_queue = TCP_NO_QUEUE;
  } else if (val === TCP_REPAIR_OFF || val === TCP_REPAIR_OFF_NO_WP) {
    tp.repair = false;
    sk.skc_reuse = SK_NO_REUSE;
    if (val === TCP_REPAIR_OFF) tcp_send_window_probe(sk);
  } else {
    return -EINVAL;
  }
  return 0;
}

/** TCP_QUEUE_SEQ: where the queue that is repaired begins. */
function tcp_set_queue_seq(sk: sock, val: number): number {
  const tp = tcp_sk(sk);
  if (sk.skc_state !== TCP_CLOSE) return -EPERM;
  if (tp.repair_queue === TCP_SEND_QUEUE) {
    if (!tcp_rtx_queue_empty(sk)) return -EPERM;
    tp.write_seq = val;
  } else if (tp.repair_queue === TCP_RECV_QUEUE) {
    if (tp.rcv_nxt !== tp.copied_seq) return -EPERM;
    tp.rcv_nxt = val;
    tp.copied_seq = val;
  } else {
    return -EINVAL;
  }
  return 0;
}

const TCP_FASTOPEN_KEY_LENGTH = 16;
const TCP_FASTOPEN_KEY_BUF_LENGTH = 2 * TCP_FASTOPEN_KEY_LENGTH;

/** Sets an option whose value is an int, on a locked socket: 0 or a negative errno. @local */
function tcp_setsockopt_locked(
  sk: sock,
  optname: number,
  val: number,
  optval: Uint8Array,
  optlen: number,
): number {
  const tp = tcp_sk(sk);
  const net = sock_net(sk);
  const bool = val === 0 || val === 1;
  const idle = ((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) !== 0;
  switch (optname) {
    case TCP_MAXSEG:
      if (val !== 0 && (val < TCP_MIN_MSS || val > MAX_TCP_WINDOW)) return -EINVAL;
      tp.rx_opt.user_mss = val;
      return 0;
    case TCP_NODELAY:
      __tcp_sock_set_nodelay(sk, val !== 0);
      return 0;
    case TCP_THIN_LINEAR_TIMEOUTS:
      if (!bool) return -EINVAL;
      tp.thin_lto = val !== 0;
      return 0;
    case TCP_THIN_DUPACK:
      return bool ? 0 : -EINVAL;
    case TCP_REPAIR:
      return tcp_set_repair(sk, val);
    case TCP_REPAIR_QUEUE:
      if (!tp.repair) return -EPERM;
      if (val < 0 || val >= TCP_QUEUES_NR) return -EINVAL;
      tp.repair_queue = val;
      return 0;
    case TCP_QUEUE_SEQ:
      return tcp_set_queue_seq(sk, val);
    case TCP_REPAIR_OPTIONS:
      if (!tp.repair) return -EINVAL;
      if (sk.skc_state !== TCP_ESTABLISHED || tp.bytes_sent !== 0) return -EPERM;
      return tcp_repair_options_est(sk, optval, optlen);
    case TCP_CORK:
      __tcp_sock_set_cork(sk, val !== 0);
      return 0;
    case TCP_KEEPIDLE:
      return tcp_sock_set_keepidle_locked(sk, val);
    case TCP_SAVE_SYN:
      if (val < 0 || val > 2) return -EINVAL;
      tp.save_syn = val;
      return 0;
    case TCP_WINDOW_CLAMP:
      return tcp_set_window_clamp(sk, val);
    case TCP_QUICKACK:
      __tcp_sock_set_quickack(sk, val);
      return 0;
    case TCP_FASTOPEN:
      if (val < 0 || !idle) return -EINVAL;
      tcp_fastopen_init_key_once(net);
      fastopen_queue_tune(tp, val);
      return 0;
    case TCP_FASTOPEN_CONNECT:
      if (!bool) return -EINVAL;
      if ((net.ipv4.sysctl_tcp_fastopen & TFO_CLIENT_ENABLE) === 0) return -EOPNOTSUPP;
      if (sk.skc_state !== TCP_CLOSE) return -EINVAL;
      tp.fastopen_connect = val !== 0;
      return 0;
    case TCP_FASTOPEN_NO_COOKIE:
      if (!bool || !idle) return -EINVAL;
      tp.fastopen_no_cookie = val !== 0;
      return 0;
    case TCP_TIMESTAMP:
      if (!tp.repair) return -EPERM;
      tp.tsoffset = (val - tcp_time_stamp_raw()) | 0;
      return 0;
    case TCP_REPAIR_WINDOW:
      return tcp_repair_set_window(tp, optval, optlen);
    case TCP_NOTSENT_LOWAT:
      tp.notsent_lowat = val >>> 0;
      sk.sk_write_space(sk);
      return 0;
    case TCP_INQ:
      if (!bool) return -EINVAL;
      tp.recvmsg_inq = val !== 0;
      return 0;
    case TCP_TX_DELAY:
      tp.tcp_tx_delay = val;
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

/** Options that need no lock: 0, a negative errno, or 1 where it is none of them. @local */
function tcp_setsockopt_unlocked(sk: sock, optname: number, val: number): number {
  const tp = tcp_sk(sk);
  switch (optname) {
    case TCP_SYNCNT:
      return tcp_sock_set_syncnt(sk, val);
    case TCP_USER_TIMEOUT:
      return tcp_sock_set_user_timeout(sk, val);
    case TCP_KEEPINTVL:
      return tcp_sock_set_keepintvl(sk, val);
    case TCP_KEEPCNT:
      return tcp_sock_set_keepcnt(sk, val);
    case TCP_LINGER2:
      if (val < 0) tp.linger2 = -1;
      else tp.linger2 = Math.min(val * HZ, TCP_FIN_TIMEOUT_MAX);
      return 0;
    case TCP_DEFER_ACCEPT:
      tp.icsk_accept_queue.rskq_defer_accept = secs_to_retrans(
        val,
        TCP_TIMEOUT_INIT / HZ,
        TCP_RTO_MAX / HZ,
      );
      return 0;
    case TCP_RTO_MAX_MS:
      if (val < 1000 || val > TCP_RTO_MAX / HZ * 1000) return -EINVAL;
      tp.icsk_rto_max = msecs_to_jiffies(val);
      return 0;
    case TCP_RTO_MIN_US: {
      const rto_min = val < 0 ? -1 : usecs_to_jiffies(val);
      if (rto_min > TCP_RTO_MIN || rto_min < TCP_TIMEOUT_MIN) return -EINVAL;
      tp.icsk_rto_min = rto_min;
      return 0;
    }
    case TCP_DELACK_MAX_US: {
      const delack_max = val < 0 ? -1 : usecs_to_jiffies(val);
      if (delack_max > TCP_DELACK_MAX || delack_max < TCP_TIMEOUT_MIN) return -EINVAL;
      tp.icsk_delack_max = delack_max;
      return 0;
    }
    default:
      return 1;
  }
}

/** Sets an option of SOL_TCP: 0 or a negative errno. */
export function do_tcp_setsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  switch (optname) {
    case TCP_CONGESTION: {
      if (optlen < 1) return -EINVAL;
      const name = strncpy_from_sockptr(optval, Math.min(TCP_CA_NAME_MAX - 1, optlen));
      return with_lock_sock(sk, () => tcp_set_congestion_control(sk, name, true, true));
    }
    case TCP_ULP:
      return optlen < 1 ? -EINVAL : -ENOENT;
    case TCP_FASTOPEN_KEY: {
      if (optlen !== TCP_FASTOPEN_KEY_LENGTH && optlen !== TCP_FASTOPEN_KEY_BUF_LENGTH) {
        return -EINVAL;
      }
      if (optval.length < optlen) return -EFAULT;
      const key = optval.slice(0, TCP_FASTOPEN_KEY_LENGTH);
      const backup_key = optlen === TCP_FASTOPEN_KEY_BUF_LENGTH
        ? optval.slice(TCP_FASTOPEN_KEY_LENGTH, TCP_FASTOPEN_KEY_BUF_LENGTH)
        : null;
      return tcp_fastopen_reset_cipher(sock_net(sk), sk, key, backup_key);
    }
  }
  if (optlen < 4) return -EINVAL;
  if (optval.length < 4) return -EFAULT;
  const val = sockopt_get_int(optval, 0);
  const ret = tcp_setsockopt_unlocked(sk, optname, val);
  if (ret <= 0) return ret;
  return with_lock_sock(sk, () => tcp_setsockopt_locked(sk, optname, val, optval, optlen));
}

export function tcp_setsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (level !== SOL_TCP) {
    return tcp_sk(sk).icsk_af_ops.setsockopt(sk, level, optname, optval, optlen);
  }
  return do_tcp_setsockopt(sk, level, optname, optval, optlen);
}

/** How long the connection was busy, and what held it up; us. */
function tcp_get_info_chrono_stats(tp: tcp_sock, info: tcp_info): void {
  const stat = (type: number): number => {
    const running = tp.chrono_type === type ? (jiffies - tp.chrono_start) | 0 : 0;
    return jiffies_to_usecs(tp.chrono_stat[type - 1] + running);
  };
  const rwnd_limited = stat(TCP_CHRONO_RWND_LIMITED);
  const sndbuf_limited = stat(TCP_CHRONO_SNDBUF_LIMITED);
  info.tcpi_busy_time = stat(TCP_CHRONO_BUSY) + rwnd_limited + sndbuf_limited;
  info.tcpi_rwnd_limited = rwnd_limited;
  info.tcpi_sndbuf_limited = sndbuf_limited;
}

/** Fills info with the state of a connection. A listener's unacked and sacked: its accept queue and its limit. */
export function tcp_get_info(sk: sock, info: tcp_info): void {
  const tp = tcp_sk(sk);
  Object.assign(info, new tcp_info());
  if (sk.sk_type !== SOCK_STREAM) return;

  info.tcpi_state = sk.skc_state;
  info.tcpi_pacing_rate = sk.sk_pacing_rate;
  info.tcpi_max_pacing_rate = sk.sk_max_pacing_rate;
  info.tcpi_reordering = tp.reordering;
  info.tcpi_snd_cwnd = tcp_snd_cwnd(tp);
  if (info.tcpi_state === TCP_LISTEN) {
    info.tcpi_unacked = sk.sk_ack_backlog;
    info.tcpi_sacked = sk.sk_max_ack_backlog;
    return;
  }

  info.tcpi_ca_state = tp.icsk_ca_state;
  info.tcpi_retransmits = tp.icsk_retransmits;
  info.tcpi_probes = tp.icsk_probes_out;
  info.tcpi_backoff = tp.icsk_backoff;
  if (tp.rx_opt.tstamp_ok) info.tcpi_options |= TCPI_OPT_TIMESTAMPS;
  if (tcp_is_sack(tp)) info.tcpi_options |= TCPI_OPT_SACK;
  if (tp.rx_opt.wscale_ok) {
    info.tcpi_options |= TCPI_OPT_WSCALE;
    info.tcpi_snd_wscale = tp.rx_opt.snd_wscale;
    info.tcpi_rcv_wscale = tp.rx_opt.rcv_wscale;
  }
  if ((tp.ecn_flags & TCP_ECN_OK) !== 0) info.tcpi_options |= TCPI_OPT_ECN;
  if ((tp.ecn_flags & TCP_ECN_SEEN) !== 0) info.tcpi_options |= TCPI_OPT_ECN_SEEN;
  if (tp.syn_data_acked) info.tcpi_options |= TCPI_OPT_SYN_DATA;

  info.tcpi_rto = jiffies_to_usecs(tp.icsk_rto);
  info.tcpi_ato = jiffies_to_usecs(tp.icsk_ack.ato);
  info.tcpi_snd_mss = tp.mss_cache;
  info.tcpi_rcv_mss = tp.icsk_ack.rcv_mss;
  info.tcpi_unacked = tp.packets_out;
  info.tcpi_sacked = tp.sacked_out;
  info.tcpi_lost = tp.lost_out;
  info.tcpi_retrans = tp.retrans_out;

  const now = jiffies;
  info.tcpi_last_data_sent = jiffies_to_msecs((now - tp.lsndtime) >>> 0);
  info.tcpi_last_data_recv = jiffies_to_msecs((now - tp.icsk_ack.lrcvtime) >>> 0);
  info.tcpi_last_ack_recv = jiffies_to_msecs((now - tp.rcv_tstamp) >>> 0);

  info.tcpi_pmtu = tp.icsk_pmtu_cookie;
  info.tcpi_rcv_ssthresh = tp.rcv_ssthresh;
  info.tcpi_rtt = tp.srtt_us >> 3;
  info.tcpi_rttvar = tp.mdev_us >> 2;
  info.tcpi_snd_ssthresh = tp.snd_ssthresh;
  info.tcpi_advmss = tp.advmss;
  info.tcpi_rcv_rtt = tp.rcv_rtt_est.rtt_us >> 3;
  info.tcpi_rcv_space = tp.rcvq_space.space;
  info.tcpi_total_retrans = tp.total_retrans;

  info.tcpi_bytes_acked = tp.bytes_acked;
  info.tcpi_bytes_received = tp.bytes_received;
  info.tcpi_notsent_bytes = Math.max(0, (tp.write_seq - tp.snd_nxt) | 0);
  tcp_get_info_chrono_stats(tp, info);
  info.tcpi_segs_out = tp.segs_out;
  info.tcpi_segs_in = tp.segs_in;
  info.tcpi_data_segs_in = tp.data_segs_in;
  const min_rtt = tcp_min_rtt(tp);
  info.tcpi_min_rtt = min_rtt === TCP_MIN_RTT_NONE ? 0xffffffff : min_rtt;
  info.tcpi_data_segs_out = tp.data_segs_out;
  info.tcpi_delivery_rate_app_limited = tp.rate_app_limited ? 1 : 0;
  info.tcpi_delivery_rate = tcp_compute_delivery_rate(tp);
  info.tcpi_delivered = tp.delivered;
  info.tcpi_delivered_ce = tp.delivered_ce;
  info.tcpi_bytes_sent = tp.bytes_sent;
  info.tcpi_bytes_retrans = tp.bytes_retrans;
  info.tcpi_dsack_dups = tp.dsack_dups;
  info.tcpi_reord_seen = tp.reord_seen;
  info.tcpi_rcv_ooopack = tp.rcv_ooopack;
  info.tcpi_snd_wnd = tp.snd_wnd;
  info.tcpi_rcv_wnd = tp.rcv_wnd;
  info.tcpi_rehash = tp.plb_rehash + tp.timeout_rehash;
  info.tcpi_total_rto = tp.total_rto;
  info.tcpi_total_rto_recoveries = tp.total_rto_recoveries;
  info.tcpi_total_rto_time = tp.total_rto_time;
  if (tp.rto_stamp !== 0) info.tcpi_total_rto_time += (tcp_clock_ms() - tp.rto_stamp) | 0;
  info.tcpi_fastopen_client_fail = tp.fastopen_client_fail;
}

/** An option of SOL_TCP that is an int; null: there is none of this name; or a negative errno in `err`. @local */
function tcp_getsockopt_int(sk: sock, optname: number): number | null {
  const tp = tcp_sk(sk);
  const ipv4 = sock_net(sk).ipv4;
  const flag = (b: boolean): number => b ? 1 : 0;
  switch (optname) {
    case TCP_MAXSEG:
      if (tp.repair) return tp.rx_opt.mss_clamp;
      if (
        tp.rx_opt.user_mss !== 0 && ((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) !== 0
      ) return tp.rx_opt.user_mss;
      return tp.mss_cache;
    case TCP_NODELAY:
      return flag((tp.nonagle & TCP_NAGLE_OFF) !== 0);
    case TCP_CORK:
      return flag((tp.nonagle & TCP_NAGLE_CORK) !== 0);
    case TCP_KEEPIDLE:
      return Math.floor(keepalive_time_when(tp) / HZ);
    case TCP_KEEPINTVL:
      return Math.floor(keepalive_intvl_when(tp) / HZ);
    case TCP_KEEPCNT:
      return keepalive_probes(tp);
    case TCP_SYNCNT:
      return tp.icsk_syn_retries !== 0 ? tp.icsk_syn_retries : ipv4.sysctl_tcp_syn_retries;
    case TCP_LINGER2:
      if (tp.linger2 < 0) return tp.linger2;
      return Math.floor((tp.linger2 !== 0 ? tp.linger2 : ipv4.sysctl_tcp_fin_timeout) / HZ);
    case TCP_DEFER_ACCEPT:
      return retrans_to_secs(
        tp.icsk_accept_queue.rskq_defer_accept,
        TCP_TIMEOUT_INIT / HZ,
        TCP_RTO_MAX / HZ,
      );
    case TCP_WINDOW_CLAMP:
      return tp.window_clamp;
    case TCP_QUICKACK:
      return flag(!inet_csk_in_pingpong_mode(sk));
    case TCP_THIN_LINEAR_TIMEOUTS:
      return flag(tp.thin_lto);
    case TCP_THIN_DUPACK:
      return 0;
    case TCP_REPAIR:
      return flag(tp.repair);
    case TCP_REPAIR_QUEUE:
      return tp.repair_queue;
    case TCP_QUEUE_SEQ:
      return tp.repair_queue === TCP_SEND_QUEUE ? tp.write_seq : tp.rcv_nxt;
    case TCP_USER_TIMEOUT:
      return tp.icsk_user_timeout;
    case TCP_FASTOPEN:
      return tp.icsk_accept_queue.fastopenq.max_qlen;
    case TCP_FASTOPEN_CONNECT:
      return flag(tp.fastopen_connect);
    case TCP_FASTOPEN_NO_COOKIE:
      return flag(tp.fastopen_no_cookie);
    case TCP_TX_DELAY:
      return tp.tcp_tx_delay;
    case TCP_TIMESTAMP:
      return (tcp_time_stamp_raw() + tp.tsoffset) | 0;
    case TCP_NOTSENT_LOWAT:
      return tp.notsent_lowat | 0;
    case TCP_INQ:
      return flag(tp.recvmsg_inq);
    case TCP_SAVE_SYN:
      return tp.save_syn;
    case TCP_RTO_MAX_MS:
      return jiffies_to_msecs(tp.icsk_rto_max);
    case TCP_RTO_MIN_US:
      return jiffies_to_usecs(tp.icsk_rto_min);
    case TCP_DELACK_MAX_US:
      return jiffies_to_usecs(tp.icsk_delack_max);
    default:
      return null;
  }
}

/** TCP_SAVED_SYN: the headers of the SYN, once; optlen tells how long they are where there is no room. */
function tcp_get_saved_syn(tp: tcp_sock, optval: Uint8Array, optlen: Int32Array): number {
  if (tp.saved_syn === null) {
    optlen[0] = 0;
    return 0;
  }
  const data = tp.saved_syn.data;
  if (optlen[0] < data.length) {
    optlen[0] = data.length;
    return -EINVAL;
  }
  const ret = sockopt_answer(optval, optlen, data, data.length);
  if (ret === 0) tcp_saved_syn_free(tp);
  return ret;
}

/** struct tcp_zerocopy_receive: its bytes, with fields at these places. */
const TCP_ZC_SIZE = 64;
const TCP_ZC_ADDRESS = 0;
const TCP_ZC_LENGTH = 8;
const TCP_ZC_RECV_SKIP_HINT = 12;
const TCP_ZC_INQ = 16;
const TCP_ZC_ERR = 20;
const TCP_ZC_COPYBUF_LEN = 32;
const TCP_ZC_MSG_FLAGS = 56;
const TCP_ZC_RESERVED = 60;
const TCP_CMSG_TS = 0x2;

/**
 * TCP_ZEROCOPY_RECEIVE: 0 where so little is there that recv() should fetch it, or a negative errno.
 * @differs no mmap() of a socket: there is no address to which pages could be mapped
 */
function tcp_zerocopy_receive(sk: sock, zc: DataView): number {
  const inq = tcp_inq(sk);
  const copybuf_len = zc.getInt32(TCP_ZC_COPYBUF_LEN, true);
  zc.setInt32(TCP_ZC_COPYBUF_LEN, 0, true);
  zc.setUint32(TCP_ZC_MSG_FLAGS, 0, true);
  if ((zc.getUint32(TCP_ZC_ADDRESS, true) & (PAGE_SIZE - 1)) !== 0) return -EINVAL;
  if (sk.skc_state === TCP_LISTEN) return -ENOTCONN;
  if (inq !== 0 && inq <= copybuf_len) return -EFAULT;
  if (inq >= PAGE_SIZE) return -EINVAL;
  zc.setUint32(TCP_ZC_LENGTH, 0, true);
  zc.setUint32(TCP_ZC_RECV_SKIP_HINT, inq, true);
  return inq === 0 && sock_flag(sk, SOCK_DONE) ? -EIO : 0;
}

/** The option TCP_ZEROCOPY_RECEIVE, of which a program may know only the first fields. @local */
function tcp_get_zerocopy_receive(sk: sock, optval: Uint8Array, optlen: Int32Array): number {
  let len = optlen[0];
  if (len < TCP_ZC_RECV_SKIP_HINT) return -EINVAL;
  if (optval.length < len) return -EFAULT;
  if (len > TCP_ZC_SIZE) {
    if (optval.subarray(TCP_ZC_SIZE, len).some((b) => b !== 0)) return -EINVAL;
    optlen[0] = len = TCP_ZC_SIZE;
  }
  const bytes = new Uint8Array(TCP_ZC_SIZE);
  bytes.set(optval.subarray(0, len));
  const zc = new DataView(bytes.buffer);
  if (zc.getUint32(TCP_ZC_RESERVED, true) !== 0) return -EINVAL;
  if ((zc.getUint32(TCP_ZC_MSG_FLAGS, true) & ~TCP_CMSG_TS) !== 0) return -EINVAL;
  const err = tcp_zerocopy_receive(sk, zc);
  if (err !== 0) return err;
  if (len > TCP_ZC_ERR) zc.setInt32(TCP_ZC_ERR, sock_error(sk), true);
  zc.setUint32(TCP_ZC_INQ, tcp_inq_hint(sk), true);
  optval.set(bytes.subarray(0, len));
  return 0;
}

/** Answers an option of SOL_TCP: 0 or a negative errno; optlen becomes what was written. */
export function do_tcp_getsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  const tp = tcp_sk(sk);
  if (optlen[0] < 0) return -EINVAL;
  switch (optname) {
    case TCP_INFO: {
      const info = new tcp_info();
      tcp_get_info(sk, info);
      const bytes = tcp_info_encode(info);
      return sockopt_answer(optval, optlen, bytes, bytes.length);
    }
    case TCP_CONGESTION: {
      const ca_name = new Uint8Array(TCP_CA_NAME_MAX);
      const name = tp.icsk_ca_ops.name;
      for (let i = 0; i < name.length; i++) ca_name[i] = name.charCodeAt(i);
      return sockopt_answer(optval, optlen, ca_name, ca_name.length);
    }
    case TCP_CC_INFO: {
      const info = tp.icsk_ca_ops.get_info?.(sk, -1);
      const bytes = info instanceof Uint8Array ? info : new Uint8Array(0);
      return sockopt_answer(optval, optlen, bytes, bytes.length);
    }
    case TCP_ULP:
      optlen[0] = 0;
      return 0;
    case TCP_FASTOPEN_KEY: {
      const key = new Uint8Array(TCP_FASTOPEN_KEY_BUF_LENGTH);
      const n = tcp_fastopen_get_cipher(sock_net(sk), tp, key) * TCP_FASTOPEN_KEY_LENGTH;
      return sockopt_answer(optval, optlen, key, n);
    }
    case TCP_SAVED_SYN:
      return tcp_get_saved_syn(tp, optval, optlen);
    case TCP_ZEROCOPY_RECEIVE:
      return tcp_get_zerocopy_receive(sk, optval, optlen);
    case TCP_REPAIR_WINDOW: {
      if (optlen[0] !== 20) return -EINVAL;
      if (!tp.repair) return -EPERM;
      const opt = new Uint8Array(20);
      sockopt_put_int(opt, 0, tp.snd_wl1);
      sockopt_put_int(opt, 4, tp.snd_wnd);
      sockopt_put_int(opt, 8, tp.max_window);
      sockopt_put_int(opt, 12, tp.rcv_wnd);
      sockopt_put_int(opt, 16, tp.rcv_wup);
      return sockopt_answer(optval, optlen, opt, 20);
    }
    case TCP_REPAIR_QUEUE:
      if (!tp.repair) return -EINVAL;
      break;
    case TCP_QUEUE_SEQ:
      if (tp.repair_queue === TCP_NO_QUEUE) return -EINVAL;
      break;
  }
  const val = tcp_getsockopt_int(sk, optname);
  if (val === null) return -ENOPROTOOPT;
  const bytes = new Uint8Array(4);
  sockopt_put_int(bytes, 0, val);
  return sockopt_answer(optval, optlen, bytes, 4);
}

export function tcp_getsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number | Promise<number> {
  if (level !== SOL_TCP) {
    return tcp_sk(sk).icsk_af_ops.getsockopt(sk, level, optname, optval, optlen);
  }
  return do_tcp_getsockopt(sk, level, optname, optval, optlen);
}

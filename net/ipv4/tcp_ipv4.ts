// SPDX-License-Identifier: GPL-2.0-only
//
// TCP over IPv4. Segments come in by tcp_v4_rcv(), which finds their socket: a timewait socket
// (tcp_timewait_state_process), a request_sock (tcp_check_req), a listener or a connection (tcp_v4_do_rcv, or the backlog
// while a task owns it); with no socket a reset goes out (tcp_v4_send_reset). ICMP errors come by tcp_v4_err(),
// connect() by tcp_v4_connect(). ipv4_specific is what TCP asks of IPv4, tcp_prot what sockets ask of TCP;
// tcp_v4_init() starts both.

import { IS_ERR } from "../../include/linux/err.ts";
import {
  HZ,
  jiffies,
  jiffies_delta_to_clock_t,
  jiffies_to_clock_t,
  usecs_to_jiffies,
} from "../../include/linux/jiffies.ts";
import { SOCK_RAW } from "../../include/linux/net.ts";
import { net_xmit_eval } from "../../include/linux/netdevice.ts";
import { get_random_u16 } from "../../include/linux/random.ts";
import {
  icmp_hdr,
  ip_hdr,
  ip_options,
  PACKET_HOST,
  skb_dst,
  skb_dst_drop,
  skb_dst_set,
  SKB_GSO_TCPV4,
  skb_transport_offset,
  tcp_hdr,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { AF_INET, PF_INET } from "../../include/linux/socket.ts";
import {
  tcp_move_syn,
  tcp_request_sock,
  tcp_saved_syn_free,
  tcp_sock,
  tcp_timewait_sock,
  tcp_twsk,
} from "../../include/linux/tcp.ts";
import { NSEC_PER_MSEC, NSEC_PER_USEC } from "../../include/linux/time64.ts";
import { timer_pending } from "../../include/linux/timer.ts";
import {
  SKB_DROP_REASON_NO_SOCKET,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_SOCKET_BACKLOG,
  SKB_DROP_REASON_SOCKET_FILTER,
  SKB_DROP_REASON_TCP_CLOSE,
  SKB_DROP_REASON_TCP_CSUM,
  SKB_DROP_REASON_TCP_MD5UNEXPECTED,
  SKB_DROP_REASON_TCP_MINTTL,
  SKB_NOT_DROPPED_YET,
} from "../../include/net/dropreason.ts";
import { ipv4_get_dsfield } from "../../include/net/dsfield.ts";
import { dst_check, dst_metric_advmss, dst_mtu } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { flowi4, LOOPBACK_IFINDEX } from "../../include/net/flow.ts";
import { __ICMP_INC_STATS } from "../../include/net/icmp.ts";
import {
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inet_csk,
  inet_csk_in_pingpong_mode,
  inet_csk_rto_backoff,
} from "../../include/net/inet_connection_sock.ts";
import type { inet_connection_sock_af_ops } from "../../include/net/inet_connection_sock.ts";
import { INET_ECN_MASK } from "../../include/net/inet_ecn.ts";
import { inet_rsk, inet_sk } from "../../include/net/inet_sock.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import type { inet_timewait_sock } from "../../include/net/inet_timewait_sock.ts";
import {
  __NET_INC_STATS,
  ip_dont_fragment,
  IP_INC_STATS,
  ip_reply_arg,
  IP_REPLY_ARG_NOSRCCHECK,
  ip_sk_accept_pmtu,
  ipv4_is_loopback,
  NET_INC_STATS,
} from "../../include/net/ip.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import type { request_sock, request_sock_ops } from "../../include/net/request_sock.ts";
import { inet_iif, RTCF_BROADCAST, RTCF_MULTICAST, skb_rtable } from "../../include/net/route.ts";
import {
  sk_acceptq_is_full,
  sk_fullsock,
  SOCK_BINDADDR_LOCK,
  sock_hold,
  sock_net,
  sock_owned_by_user,
  sock_rps_save_rxhash,
  sock_set_flag,
  SOCK_USE_WRITE_QUEUE,
} from "../../include/net/sock.ts";
import type { proto, sock, sock_common } from "../../include/net/sock.ts";
import {
  __TCP_INC_STATS,
  __tcp_set_rto,
  before,
  between,
  MAX_TCP_HEADER,
  TCP_BASE_MSS,
  tcp_clock_ms,
  tcp_clock_ns,
  TCP_FASTRETRANS_THRESH,
  TCP_FIN_TIMEOUT,
  tcp_in_initial_slowstart,
  TCP_INC_STATS,
  TCP_KEEPALIVE_INTVL,
  TCP_KEEPALIVE_PROBES,
  TCP_KEEPALIVE_TIME,
  tcp_listendrop,
  TCP_MIN_SND_MSS,
  tcp_mss_clamp,
  TCP_MTU_REDUCED_DEFERRED,
  TCP_PROBE_INTERVAL,
  TCP_PROBE_THRESHOLD,
  TCP_RACK_LOSS_DETECTION,
  TCP_RETR1,
  TCP_RETR2,
  tcp_rsk,
  tcp_rto_max,
  tcp_segs_in,
  tcp_sk,
  tcp_skb_timestamp_us,
  tcp_snd_cwnd,
  tcp_stream_memory_free,
  TCP_SYN_RETRIES,
  TCP_SYNACK_RETRIES,
  tcp_time_stamp_raw,
  TCP_TIMEOUT_INIT,
  TCP_TW_ACK,
  TCP_TW_RST,
  TCP_TW_SYN,
  TCPHDR_ACK,
  TCPHDR_CWR,
  TCPHDR_ECE,
  TCPHDR_FIN,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCPHDR_URG,
  TCPOLEN_TIMESTAMP,
  TCPOLEN_TSTAMP_ALIGNED,
  TCPOPT_NOP,
  TCPOPT_TIMESTAMP,
  TFO_CLIENT_ENABLE,
} from "../../include/net/tcp.ts";
import type {
  tcp_fastopen_cookie,
  tcp_request_sock_ops as tcp_rsk_ops,
} from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TCPF_CLOSE,
  TCPF_LISTEN,
} from "../../include/net/tcp_states.ts";
import type { timewait_sock_ops } from "../../include/net/timewait_sock.ts";
import {
  EAFNOSUPPORT,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOENT,
  EPROTO,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  NR_ICMP_UNREACH,
} from "../../include/uapi/linux/icmp.ts";
import { IP_PMTUDISC_DO, IP_PMTUDISC_DONT, IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import type { iphdr } from "../../include/uapi/linux/ip.ts";
import { RTN_LOCAL } from "../../include/uapi/linux/rtnetlink.ts";
import {
  ICMP_MIB_INERRORS,
  IPSTATS_MIB_OUTNOROUTES,
  LINUX_MIB_LISTENOVERFLOWS,
  LINUX_MIB_LOCKDROPPEDICMPS,
  LINUX_MIB_OUTOFWINDOWICMPS,
  LINUX_MIB_TCPBACKLOGCOALESCE,
  LINUX_MIB_TCPBACKLOGDROP,
  LINUX_MIB_TCPMD5UNEXPECTED,
  LINUX_MIB_TCPMINTTLDROP,
  TCP_MIB_CSUMERRORS,
  TCP_MIB_INERRS,
  TCP_MIB_INSEGS,
  TCP_MIB_OUTRSTS,
  TCP_MIB_OUTSEGS,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_MSS_DEFAULT } from "../../include/uapi/linux/tcp.ts";
import type { tcphdr } from "../../include/uapi/linux/tcp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { csum_tcpudp_magic, csum_tcpudp_nofold } from "../../lib/checksum.ts";
import { init_net, register_pernet_subsys } from "../core/net_namespace.ts";
import { reqsk_put } from "../core/request_sock.ts";
import { secure_tcp_sequence_number, secure_tcp_ts_off } from "../core/secure_seq.ts";
import {
  __skb_pull,
  __skb_push,
  consume_skb,
  inet_compute_pseudo,
  kfree_skb_partial,
  kfree_skb_reason,
  pskb_may_pull,
  skb_checksum_init,
  skb_coalesce,
  skb_condense,
  skb_rbtree_purge,
  skb_try_coalesce,
} from "../core/skbuff.ts";
import {
  __sk_dst_check,
  sk_add_backlog,
  sk_error_report,
  sk_set_txhash,
  sk_setup_caps,
  sock_edemux,
  sock_put,
} from "../core/sock.ts";
import { icmp_err_convert } from "./icmp.ts";
import {
  inet_csk_accept,
  inet_csk_get_port,
  inet_csk_prepare_forced_close,
  inet_csk_reqsk_queue_drop,
  inet_csk_reqsk_queue_drop_and_put,
  inet_csk_reset_xmit_timer,
  inet_csk_route_child_sock,
  inet_csk_route_req,
  inet_csk_update_pmtu,
} from "./inet_connection_sock.ts";
import {
  __inet_inherit_port,
  __inet_lookup_established,
  __inet_lookup_skb,
  inet_ehash_nolisten,
  inet_hash,
  inet_hash_connect,
  inet_lookup_listener,
  inet_put_port,
  inet_unhash,
  tcp_hashinfo,
} from "./inet_hashtables.ts";
import { inet_ctl_sock_create, inet_ctl_sock_destroy } from "./inet_sock_state.ts";
import { inet_twsk_deschedule_put, inet_twsk_put } from "./inet_timewait_sock.ts";
import { __ip_options_echo } from "./ip_options.ts";
import { ip_build_and_send_pkt, ip_queue_xmit, ip_send_unicast_reply } from "./ip_output.ts";
import { ip_getsockopt, ip_icmp_error, ip_setsockopt } from "./ip_sockglue.ts";
import { ip_route_connect, ip_route_newports } from "./route.ts";
import { cookie_v4_check, cookie_v4_init_sequence } from "./syncookies.ts";
import {
  tcp_abort,
  tcp_clear_xmit_timers,
  tcp_close,
  tcp_counters,
  tcp_disconnect,
  tcp_done,
  tcp_enter_memory_pressure,
  tcp_free_fastopen_req,
  tcp_getsockopt,
  tcp_init_sock,
  tcp_ioctl,
  tcp_leave_memory_pressure,
  tcp_recvmsg,
  tcp_rtx_queue_head,
  tcp_sendmsg,
  tcp_set_state,
  tcp_setsockopt,
  tcp_shutdown,
  tcp_splice_eof,
  tcp_write_queue_purge,
} from "./tcp.ts";
import { tcp_cleanup_congestion_control, tcp_reno } from "./tcp_cong.ts";
import {
  tcp_fastopen_active_disable_ofo_check,
  tcp_fastopen_ctx_destroy,
  tcp_fastopen_defer_connect,
  tcp_fastopen_destroy_cipher,
} from "./tcp_fastopen.ts";
import {
  tcp_checksum_complete,
  tcp_conn_request,
  tcp_done_with_error,
  tcp_initialize_rcv_mss,
  tcp_parse_md5sig_option,
  tcp_rcv_established,
  tcp_rcv_state_process,
  tcp_simple_retransmit,
} from "./tcp_input.ts";
import {
  tcp_ca_openreq_child,
  tcp_check_req,
  tcp_child_process,
  tcp_create_openreq_child,
  tcp_timewait_state_process,
  tcp_twsk_destructor,
  tcp_twsk_purge,
} from "./tcp_minisocks.ts";
import {
  tcp_connect,
  tcp_make_synack,
  tcp_mstamp_refresh,
  tcp_release_cb,
  tcp_rtx_synack,
  tcp_sync_mss,
} from "./tcp_output.ts";
import { tcp_retransmit_timer, tcp_set_keepalive, tcp_syn_ack_timeout } from "./tcp_timer.ts";

export { tcp_hashinfo } from "./inet_hashtables.ts";

/** Bytes of a TCP header without options. */
const TCP_HDR_LEN = 20;
/** Place of the checksum in it. */
const TCP_CHECK_OFFSET = 16;
/** NOP, NOP and the head of a timestamp option, as one word. */
const TSTAMP_ALIGNED = (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_TIMESTAMP << 8) |
  TCPOLEN_TIMESTAMP;
/** sizeof(struct sockaddr_in) */
const SOCKADDR_IN_SIZE = 16;

// ---- numbers of a connection ----

/** The ISN of the SYN+ACK to the SYN in skb. */
function tcp_v4_init_sequence(skb: sk_buff): number {
  const iph = ip_hdr(skb);
  const th = tcp_hdr(skb);
  return secure_tcp_sequence_number(iph.daddr, iph.saddr, th.dest, th.source);
}

/** The offset of our timestamps to the sender of skb. */
function tcp_v4_init_ts_off(net: net, skb: sk_buff): number {
  const iph = ip_hdr(skb);
  return secure_tcp_ts_off(net, iph.daddr, iph.saddr);
}

/**
 * True if the new connection sk may take the place of the timewait socket sktw, whose reference it then has: the
 * timestamps tell their segments apart. twp: connect() chose the port itself. @rfc 6191
 */
export function tcp_twsk_unique(sk: sock, sktw: sock_common, twp: unknown): boolean {
  const ipv4 = sock_net(sk).ipv4;
  const tw = inet_twsk(sktw);
  const tcptw = tcp_twsk(sktw);
  const tp = tcp_sk(sk);
  let reuse = ipv4.sysctl_tcp_tw_reuse;

  if (tw.tw_substate !== TCP_TIME_WAIT) reuse = 0;
  if (
    reuse === 2 && tw.skc_bound_dev_if !== LOOPBACK_IFINDEX &&
    !ipv4_is_loopback(tw.skc_daddr) && !ipv4_is_loopback(tw.skc_rcv_saddr)
  ) reuse = 0;

  const waited = (tcp_clock_ms() - tw.tw_entry_stamp - ipv4.sysctl_tcp_tw_reuse_delay) | 0;
  if (tcptw.tw_ts_recent_stamp === 0 || (twp !== null && (reuse === 0 || waited <= 0))) {
    return false;
  }
  sock_hold(sktw);
  if (!tp.repair) {
    const seq = (tcptw.tw_snd_nxt + 65535 + 2) | 0;
    tp.write_seq = seq === 0 ? 1 : seq;
    tp.rx_opt.ts_recent = tcptw.tw_ts_recent;
    tp.rx_opt.ts_recent_stamp = tcptw.tw_ts_recent_stamp;
  }
  return true;
}

// ---- connect ----

function tcp_v4_pre_connect(_sk: sock, _uaddr: sockaddr, addr_len: number): number {
  return addr_len < SOCKADDR_IN_SIZE ? -EINVAL : 0;
}

/** The address that connect() chose is forgotten. */
function inet_reset_saddr(sk: sock): void {
  const inet = inet_sk(sk);
  inet.inet_rcv_saddr = 0;
  inet.inet_saddr = 0;
}

const defer_err = { value: 0 };

/** Sends a SYN to uaddr: 0 or a negative errno. @rfc 9293 3.10.1 */
export function tcp_v4_connect(sk: sock, uaddr: sockaddr, addr_len: number): number {
  const inet = inet_sk(sk);
  const tp = tcp_sk(sk);
  const net = sock_net(sk);

  if (addr_len < SOCKADDR_IN_SIZE) return -EINVAL;
  if (uaddr.sin_family !== AF_INET) return -EAFNOSUPPORT;

  const inet_opt = inet.inet_opt;
  const srr = inet_opt !== null && inet_opt.srr !== 0;
  let daddr = uaddr.sin_addr;
  let nexthop = daddr;
  if (srr) {
    if (daddr === 0) return -EINVAL;
    nexthop = inet_opt.faddr;
  }

  const orig_sport = inet.inet_sport;
  const orig_dport = uaddr.sin_port;
  const fl4 = inet.cork_fl4;
  let rt = ip_route_connect(
    fl4,
    nexthop,
    inet.inet_saddr,
    sk.skc_bound_dev_if,
    IPPROTO_TCP,
    orig_sport,
    orig_dport,
    sk,
  );
  if (IS_ERR(rt)) {
    if (rt === -ENETUNREACH) IP_INC_STATS(net, IPSTATS_MIB_OUTNOROUTES);
    return rt;
  }
  if ((rt.rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST)) !== 0) return -ENETUNREACH;
  if (!srr) daddr = fl4.daddr;

  if (inet.inet_saddr === 0) inet.inet_saddr = fl4.saddr;
  inet.inet_rcv_saddr = inet.inet_saddr;

  if (tp.rx_opt.ts_recent_stamp !== 0 && inet.inet_daddr !== daddr) {
    // What the last connection of this socket left is of another peer.
    tp.rx_opt.ts_recent = 0;
    tp.rx_opt.ts_recent_stamp = 0;
    if (!tp.repair) tp.write_seq = 0;
  }

  inet.inet_dport = uaddr.sin_port;
  inet.inet_daddr = daddr;
  tp.icsk_ext_hdr_len = inet_opt !== null ? inet_opt.optlen : 0;
  tp.rx_opt.mss_clamp = TCP_MSS_DEFAULT;

  // The port may still be 0: the tables are entered with the state set.
  tcp_set_state(sk, TCP_SYN_SENT);
  let err = inet_hash_connect(net.ipv4.tcp_death_row, sk);
  if (err !== 0) return tcp_v4_connect_failure(sk, err);
  sk_set_txhash(sk);

  rt = ip_route_newports(
    fl4,
    rt,
    orig_sport,
    orig_dport,
    inet.inet_sport,
    inet.inet_dport,
    sk,
  );
  if (IS_ERR(rt)) return tcp_v4_connect_failure(sk, rt);
  sk.sk_gso_type = SKB_GSO_TCPV4;
  sk_setup_caps(sk, rt);

  if (!tp.repair) {
    if (tp.write_seq === 0) {
      tp.write_seq = secure_tcp_sequence_number(
        inet.inet_saddr,
        inet.inet_daddr,
        inet.inet_sport,
        uaddr.sin_port,
      );
    }
    tp.tsoffset = secure_tcp_ts_off(net, inet.inet_saddr, inet.inet_daddr);
  }
  inet.inet_id = get_random_u16();

  defer_err.value = 0;
  if (tcp_fastopen_defer_connect(sk, defer_err)) return defer_err.value;
  err = defer_err.value;
  if (err === 0) err = tcp_connect(sk);
  return err === 0 ? 0 : tcp_v4_connect_failure(sk, err);
}

/** Undoes a connect: the label `failure` of tcp_v4_connect(). @local */
function tcp_v4_connect_failure(sk: sock, err: number): number {
  // Leaves the tables, and gives the port back if bind() did not choose it.
  tcp_set_state(sk, TCP_CLOSE);
  if ((sk.sk_userlocks & SOCK_BINDADDR_LOCK) === 0) inet_reset_saddr(sk);
  sk.sk_route_caps = 0;
  inet_sk(sk).inet_dport = 0;
  return err;
}

// ---- ICMP errors ----

/** Acts on a path MTU that an ICMP told, in tp.mtu_info. Also from tcp_release_cb(). @rfc 1191 */
export function tcp_v4_mtu_reduced(sk: sock): void {
  if (((1 << sk.skc_state) & (TCPF_LISTEN | TCPF_CLOSE)) !== 0) return;
  let mtu = tcp_sk(sk).mtu_info;
  const dst = inet_csk_update_pmtu(sk, mtu);
  if (dst === null) return;

  // The route did not take it: should the connection fail, this was why.
  if (mtu < dst_mtu(dst) && ip_dont_fragment(sk, dst)) sk.sk_err_soft = EMSGSIZE;

  mtu = dst_mtu(dst);
  if (
    inet_sk(sk).pmtudisc !== IP_PMTUDISC_DONT && ip_sk_accept_pmtu(sk) &&
    inet_csk(sk).icsk_pmtu_cookie > mtu
  ) {
    tcp_sync_mss(sk, mtu);
    // The packet that was too big is lost for sure.
    tcp_simple_retransmit(sk);
  }
}

function do_redirect(skb: sk_buff, sk: sock): void {
  const dst = __sk_dst_check(sk, 0);
  if (dst !== null) dst.ops.redirect(dst, sk, skb);
}

/** An ICMP error about a SYN+ACK with this sequence number; takes sk's reference. */
export function tcp_req_err(sk: sock_common, seq: number, abort: boolean): void {
  const req = inet_reqsk(sk);
  const listener = req.rsk_listener!;

  if (seq !== tcp_rsk(req).snt_isn) {
    __NET_INC_STATS(sock_net(sk), LINUX_MIB_OUTOFWINDOWICMPS);
  } else if (abort) {
    // accept() has no errors of the network to report.
    inet_csk_reqsk_queue_drop(listener, req);
    tcp_listendrop(listener);
  }
  reqsk_put(req);
}

/** The path was down, no congestion: takes the last doubling of the RTO back. @rfc 6069 */
export function tcp_ld_RTO_revert(sk: sock, seq: number): void {
  const tp = tcp_sk(sk);

  if (sock_owned_by_user(sk)) return;
  if (seq !== tp.snd_una || tp.icsk_retransmits === 0 || tp.icsk_backoff === 0) return;
  const skb = tcp_rtx_queue_head(sk);
  if (skb === null) return;

  tp.icsk_backoff--;
  tp.icsk_rto = tp.srtt_us !== 0 ? __tcp_set_rto(tp) : TCP_TIMEOUT_INIT;
  tp.icsk_rto = inet_csk_rto_backoff(tp, tcp_rto_max(sk));
  tcp_mstamp_refresh(tp);
  const remaining = tp.icsk_rto - usecs_to_jiffies(tp.tcp_mstamp - tcp_skb_timestamp_us(skb));
  if (remaining > 0) {
    inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, remaining, tcp_rto_max(sk));
  } else {
    tcp_retransmit_timer(sk);
  }
}

/**
 * An ICMP error; skb.data is at the IP header of the packet of ours that it is about. info: the MTU of a Fragmentation
 * Needed. 0, or -ENOENT where no connection has it. @rfc 5927 4.1
 */
export function tcp_v4_err(skb: sk_buff, info: number): number {
  const net = skb.dev!.nd_net;
  const dv = skb.head.dv;
  const iph = skb.data;
  const th = iph + ((dv.getUint8(iph) & 15) << 2);
  const icmph = icmp_hdr(skb);
  const type = icmph.type, code = icmph.code;

  const sk = __inet_lookup_established(
    net,
    tcp_hashinfo,
    dv.getInt32(iph + 16),
    dv.getUint16(th + 2),
    dv.getInt32(iph + 12),
    dv.getUint16(th),
    inet_iif(skb),
    0,
  );
  if (sk === null) {
    __ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
    return -ENOENT;
  }
  if (sk.skc_state === TCP_TIME_WAIT) {
    inet_twsk_put(inet_twsk(sk));
    return 0;
  }
  const seq = dv.getInt32(th + 4);
  if (sk.skc_state === TCP_NEW_SYN_RECV) {
    const abort = type === ICMP_PARAMETERPROB || type === ICMP_TIME_EXCEEDED ||
      (type === ICMP_DEST_UNREACH && (code === ICMP_NET_UNREACH || code === ICMP_HOST_UNREACH));
    tcp_req_err(sk, seq, abort);
    return 0;
  }

  // A path MTU is kept for later; other errors that come while the socket is owned have less effect.
  if (
    sock_owned_by_user(sk) && !(type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED)
  ) __NET_INC_STATS(net, LINUX_MIB_LOCKDROPPEDICMPS);
  if (sk.skc_state !== TCP_CLOSE) {
    const min_ttl = inet_sk(sk).min_ttl;
    if (min_ttl !== 0 && dv.getUint8(iph + 8) < min_ttl) {
      __NET_INC_STATS(net, LINUX_MIB_TCPMINTTLDROP);
    } else {
      tcp_v4_err_sock(sk, skb, type, code, info, th, seq);
    }
  }
  sock_put(sk);
  return 0;
}

/** An ICMP error to a full socket; th is the offset of the TCP header that it quotes. @local */
function tcp_v4_err_sock(
  sk: sock,
  skb: sk_buff,
  type: number,
  code: number,
  info: number,
  th: number,
  seq: number,
): void {
  const tp = tcp_sk(sk);
  const fastopen = tp.fastopen_rsk;
  const snd_una = fastopen !== null ? tcp_rsk(fastopen).snt_isn : tp.snd_una;
  let err: number;

  if (sk.skc_state !== TCP_LISTEN && !between(seq, snd_una, tp.snd_nxt)) {
    __NET_INC_STATS(sock_net(sk), LINUX_MIB_OUTOFWINDOWICMPS);
    return;
  }
  switch (type) {
    case ICMP_REDIRECT:
      if (!sock_owned_by_user(sk)) do_redirect(skb, sk);
      return;
    case ICMP_SOURCE_QUENCH:
      return;
    case ICMP_PARAMETERPROB:
      err = EPROTO;
      break;
    case ICMP_DEST_UNREACH:
      if (code > NR_ICMP_UNREACH) return;
      if (code === ICMP_FRAG_NEEDED) {
        // SYN+ACKs are small enough to be fragmented where they must.
        if (sk.skc_state === TCP_LISTEN) return;
        tp.mtu_info = info;
        if (!sock_owned_by_user(sk)) {
          tcp_v4_mtu_reduced(sk);
        } else if ((sk.sk_tsq_flags & (1 << TCP_MTU_REDUCED_DEFERRED)) === 0) {
          sk.sk_tsq_flags |= 1 << TCP_MTU_REDUCED_DEFERRED;
          sock_hold(sk);
        }
        return;
      }
      err = icmp_err_convert[code].errno;
      if (fastopen === null && (code === ICMP_NET_UNREACH || code === ICMP_HOST_UNREACH)) {
        tcp_ld_RTO_revert(sk, seq);
      }
      break;
    case ICMP_TIME_EXCEEDED:
      err = EHOSTUNREACH;
      break;
    default:
      return;
  }

  const opening = sk.skc_state === TCP_SYN_SENT || sk.skc_state === TCP_SYN_RECV;
  // A Fast Open child that was accepted counts as connected.
  if (opening && !(fastopen !== null && fastopen.sk === null)) {
    if (inet_sk(sk).recverr) {
      ip_icmp_error(sk, skb, err, skb.head.dv.getUint16(th + 2), info, th);
    }
    if (!sock_owned_by_user(sk)) {
      tcp_done_with_error(sk, err);
    } else {
      sk.sk_err_soft = err;
    }
    return;
  }

  // A connection goes on until it times out. @rfc 1122 4.2.3.9
  if (!sock_owned_by_user(sk) && inet_sk(sk).recverr) {
    sk.sk_err = err;
    sk_error_report(sk);
  } else {
    sk.sk_err_soft = err;
  }
}

// ---- checksums and answers without a connection ----

/** Leaves the checksum of the segment in skb to the device, or to skb_checksum_help(). */
export function __tcp_v4_send_check(skb: sk_buff, saddr: number, daddr: number): void {
  const th = tcp_hdr(skb);
  th.check = ~csum_tcpudp_magic(saddr, daddr, skb.len, IPPROTO_TCP, 0) & 0xffff;
  skb.csum_start = skb.transport_header;
  skb.csum_offset = TCP_CHECK_OFFSET;
}

export function tcp_v4_send_check(sk: sock, skb: sk_buff): void {
  const inet = inet_sk(sk);
  __tcp_v4_send_check(skb, inet.inet_saddr, inet.inet_daddr);
}

/** When a segment of this socket without a connection is to leave, ns: TCP_TX_DELAY; 0 at once. */
function tcp_transmit_time(sk: sock_common): number {
  const delay = sk.skc_state === TCP_TIME_WAIT ? tcp_twsk(sk).tw_tx_delay : tcp_sk(sk).tcp_tx_delay;
  return delay !== 0 ? tcp_clock_ns() + delay * NSEC_PER_USEC : 0;
}

const arg = new ip_reply_arg();
const rep = new DataView(arg.iov.buffer);

/** Starts an answer to skb in `rep`: ports swapped, len bytes. @local */
function rep_init(th: tcphdr, len: number, flags: number, seq: number, ack_seq: number): void {
  rep.setUint16(0, th.dest);
  rep.setUint16(2, th.source);
  rep.setInt32(4, seq);
  rep.setInt32(8, ack_seq);
  rep.setUint8(12, (len >> 2) << 4);
  rep.setUint8(13, flags);
  rep.setUint16(14, 0);
  rep.setInt32(16, 0);
}

/** Sends the answer in `rep` as the host's own socket. @local */
function rep_send(
  net: net,
  sk: sock_common | null,
  skb: sk_buff,
  len: number,
  txhash: number,
): void {
  const ctl_sk = net.ipv4.tcp_sk!;
  const iph = ip_hdr(skb);
  let transmit_time = 0;

  arg.csum = csum_tcpudp_nofold(iph.daddr, iph.saddr, len, IPPROTO_TCP, 0);
  arg.csumoffset = TCP_CHECK_OFFSET;
  arg.uid = sk !== null && sk_fullsock(sk) ? sk.sk_uid : 0;
  local_bh_disable();
  if (sk === null) {
    ctl_sk.sk_mark = 0;
    ctl_sk.sk_priority = 0;
  } else {
    const tw = sk.skc_state === TCP_TIME_WAIT;
    ctl_sk.sk_mark = tw ? inet_twsk(sk).tw_mark : (sk as sock).sk_mark;
    ctl_sk.sk_priority = tw ? inet_twsk(sk).tw_priority : (sk as sock).sk_priority;
    transmit_time = tcp_transmit_time(sk);
  }
  ip_send_unicast_reply(
    ctl_sk,
    skb,
    skb.inet_cb.opt,
    iph.saddr,
    iph.daddr,
    arg,
    len,
    transmit_time,
    txhash,
  );
  __TCP_INC_STATS(net, TCP_MIB_OUTSEGS);
  local_bh_enable();
}

/** The segment is signed. Most bear a timestamp, aligned, and nothing else. @local */
function tcp_has_md5sig(th: tcphdr): boolean {
  const doff = th.doff;
  if (doff <= TCP_HDR_LEN >> 2) return false;
  if (doff === 8 && th.dv.getInt32(th.off + TCP_HDR_LEN) === TSTAMP_ALIGNED) return false;
  return tcp_parse_md5sig_option(th) !== 0;
}

/** Nobody has keys here: a signed segment is not for us. An SKB_DROP_REASON_*, or SKB_NOT_DROPPED_YET. */
function tcp_inbound_md5_hash(sk: sock, th: tcphdr): number {
  if (!tcp_has_md5sig(th)) return SKB_NOT_DROPPED_YET;
  NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPMD5UNEXPECTED);
  return SKB_DROP_REASON_TCP_MD5UNEXPECTED;
}

/** Answers skb with a reset, as sk (null: there is none) cannot take it. @rfc 9293 3.10.7.1 */
function tcp_v4_send_reset(sk: sock_common | null, skb: sk_buff): void {
  const th = tcp_hdr(skb);

  // Never a reset for a reset.
  if (th.rst) return;
  // With a socket, its lookup has shown that the packet is for this host.
  if (sk === null && skb_rtable(skb)!.rt_type !== RTN_LOCAL) return;
  // A signed segment asks for a signed answer.
  if ((sk === null || !sk_fullsock(sk)) && tcp_has_md5sig(th)) return;

  const net = sk !== null ? sock_net(sk) : skb_dst(skb)!.dev.nd_net;
  if (th.ack) {
    rep_init(th, TCP_HDR_LEN, TCPHDR_RST, th.ack_seq, 0);
  } else {
    const len = (th.syn ? 1 : 0) + (th.fin ? 1 : 0) + skb.len - (th.doff << 2);
    rep_init(th, TCP_HDR_LEN, TCPHDR_RST | TCPHDR_ACK, 0, (th.seq + len) | 0);
  }

  let txhash = 0;
  arg.flags = 0;
  arg.bound_dev_if = 0;
  if (sk !== null) {
    const tw = sk.skc_state === TCP_TIME_WAIT;
    const transparent = tw ? inet_twsk(sk).tw_transparent : inet_sk(sk).transparent;
    if (transparent) arg.flags = IP_REPLY_ARG_NOSRCCHECK;
    arg.bound_dev_if = sk.skc_bound_dev_if;
    txhash = tw ? inet_twsk(sk).tw_txhash : (sk as sock).sk_txhash;
  }
  arg.tos = ip_hdr(skb).tos;
  rep_send(net, sk, skb, TCP_HDR_LEN, txhash);
  __TCP_INC_STATS(net, TCP_MIB_OUTRSTS);
}

/** Answers skb with an ACK of these values; a timestamp where tsecr is not 0. @differs no MD5 key */
function tcp_v4_send_ack(
  sk: sock_common,
  skb: sk_buff,
  seq: number,
  ack: number,
  win: number,
  tsval: number,
  tsecr: number,
  oif: number,
  reply_flags: number,
  tos: number,
  txhash: number,
): void {
  const len = tsecr !== 0 ? TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED : TCP_HDR_LEN;

  rep_init(tcp_hdr(skb), len, TCPHDR_ACK, seq, ack);
  rep.setUint16(14, win);
  if (tsecr !== 0) {
    rep.setInt32(20, TSTAMP_ALIGNED);
    rep.setInt32(24, tsval);
    rep.setInt32(28, tsecr);
  }
  arg.flags = reply_flags;
  arg.bound_dev_if = oif;
  arg.tos = tos;
  rep_send(sock_net(sk), sk, skb, len, txhash);
}

/** The ACK of a timewait socket; takes its reference. */
function tcp_v4_timewait_ack(sk: sock_common, skb: sk_buff): void {
  const tw = inet_twsk(sk);
  const tcptw = tcp_twsk(sk);

  tcp_v4_send_ack(
    sk,
    skb,
    tcptw.tw_snd_nxt,
    tcptw.tw_rcv_nxt,
    tcptw.tw_rcv_wnd >> tw.tw_rcv_wscale,
    (tcp_time_stamp_raw() + tcptw.tw_ts_offset) | 0,
    tcptw.tw_ts_recent,
    tw.skc_bound_dev_if,
    tw.tw_transparent ? IP_REPLY_ARG_NOSRCCHECK : 0,
    tw.tw_tos,
    tw.tw_txhash,
  );
  inet_twsk_put(tw);
}

/** The ACK of a connection that is being opened; sk is the listener, or the child in Fast Open. */
function tcp_v4_reqsk_send_ack(sk: sock, skb: sk_buff, req: request_sock): void {
  const treq = tcp_rsk(req);

  tcp_v4_send_ack(
    sk,
    skb,
    sk.skc_state === TCP_LISTEN ? (treq.snt_isn + 1) | 0 : tcp_sk(sk).snd_nxt,
    treq.rcv_nxt,
    treq.rsk_rcv_wnd >> treq.rcv_wscale,
    (tcp_time_stamp_raw() + treq.ts_off) | 0,
    req.ts_recent,
    0,
    treq.no_srccheck ? IP_REPLY_ARG_NOSRCCHECK : 0,
    ip_hdr(skb).tos,
    treq.txhash,
  );
}

// ---- connections that are being opened ----

const synack_fl4 = new flowi4();

/** Sends the SYN+ACK: 0, or not 0 where it failed. */
function tcp_v4_send_synack(
  sk: sock,
  dst: dst_entry | null,
  _fl: flowi4 | null,
  req: request_sock,
  foc: tcp_fastopen_cookie | null,
  synack_type: number,
  syn_skb: sk_buff | null,
): number {
  const ireq = inet_rsk(req);

  dst ??= inet_csk_route_req(sk, synack_fl4, req);
  if (dst === null) return -1;
  const skb = tcp_make_synack(sk, dst, req, foc, synack_type, syn_skb);
  if (skb === null) return -1;

  __tcp_v4_send_check(skb, ireq.ir_loc_addr, ireq.ir_rmt_addr);
  let tos = inet_sk(sk).tos;
  if (sock_net(sk).ipv4.sysctl_tcp_reflect_tos !== 0) {
    tos = (tcp_rsk(req).syn_tos & ~INET_ECN_MASK) | (tos & INET_ECN_MASK);
  }
  const err = ip_build_and_send_pkt(
    skb,
    sk,
    ireq.ir_loc_addr,
    ireq.ir_rmt_addr,
    ireq.ireq_opt,
    tos,
  );
  return net_xmit_eval(err);
}

function tcp_v4_reqsk_destructor(req: request_sock): void {
  inet_rsk(req).ireq_opt = null;
}

/** The options of the SYN's IP header as answers bear them; null for none. */
function tcp_v4_save_options(net: net, skb: sk_buff): ip_options | null {
  const opt = skb.inet_cb.opt;
  if (opt.optlen === 0) return null;
  const dopt = new ip_options();
  return __ip_options_echo(net, dopt, skb, opt) !== 0 ? null : dopt;
}

/** Takes addresses and IP options from the SYN. */
function tcp_v4_init_req(req: request_sock, sk_listener: sock, skb: sk_buff): void {
  const ireq = inet_rsk(req);
  const iph = ip_hdr(skb);

  ireq.ir_loc_addr = iph.daddr;
  ireq.ir_rmt_addr = iph.saddr;
  ireq.ireq_opt = tcp_v4_save_options(sock_net(sk_listener), skb);
}

function tcp_v4_route_req(sk: sock, fl: flowi4, req: request_sock): dst_entry | null {
  return inet_csk_route_req(sk, fl, req);
}

export const tcp_request_sock_ops: request_sock_ops = {
  family: PF_INET,
  slab_name: "request_sock_TCP",
  alloc_request: () => new tcp_request_sock(),
  rtx_syn_ack: tcp_rtx_synack,
  send_ack: tcp_v4_reqsk_send_ack,
  send_reset: tcp_v4_send_reset,
  destructor: tcp_v4_reqsk_destructor,
  syn_ack_timeout: tcp_syn_ack_timeout,
};

export const tcp_request_sock_ipv4_ops: tcp_rsk_ops = {
  mss_clamp: TCP_MSS_DEFAULT,
  init_req: tcp_v4_init_req,
  cookie_init_seq: cookie_v4_init_sequence,
  route_req: tcp_v4_route_req,
  init_seq: tcp_v4_init_sequence,
  init_ts_off: tcp_v4_init_ts_off,
  send_synack: tcp_v4_send_synack,
};

/** A SYN for a listener; 0. */
export function tcp_v4_conn_request(sk: sock, skb: sk_buff): number {
  // A SYN to many is answered by nobody.
  if ((skb_rtable(skb)!.rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0) {
    tcp_listendrop(sk);
    return 0;
  }
  return tcp_conn_request(tcp_request_sock_ops, tcp_request_sock_ipv4_ops, sk, skb);
}

const found_dup_sk = { value: false };

/**
 * The connection of req is open: the new socket, in ehash in the place of req_unhash. own_req: it is the only one
 * there; otherwise it is dead (or null). dst: its route, where the caller knows it.
 */
export function tcp_v4_syn_recv_sock(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  dst: dst_entry | null,
  req_unhash: request_sock | null,
  own_req: { value: boolean },
): sock | null {
  if (sk_acceptq_is_full(sk)) {
    NET_INC_STATS(sock_net(sk), LINUX_MIB_LISTENOVERFLOWS);
    tcp_listendrop(sk);
    return null;
  }
  const newsk = tcp_create_openreq_child(sk, req, skb);
  if (newsk === null) {
    tcp_listendrop(sk);
    return null;
  }
  newsk.sk_gso_type = SKB_GSO_TCPV4;
  inet_sk_rx_dst_set(newsk, skb);

  const newtp = tcp_sk(newsk);
  const treq = tcp_rsk(req);
  const iph = ip_hdr(skb);
  const inet_opt = treq.ireq_opt;
  newtp.inet_daddr = treq.ir_rmt_addr;
  newtp.inet_rcv_saddr = treq.ir_loc_addr;
  newsk.skc_bound_dev_if = treq.ir_iif;
  newtp.inet_saddr = treq.ir_loc_addr;
  newtp.inet_opt = inet_opt;
  newtp.mc_index = inet_iif(skb);
  newtp.mc_ttl = iph.ttl;
  newtp.rcv_tos = iph.tos;
  newtp.icsk_ext_hdr_len = inet_opt !== null ? inet_opt.optlen : 0;
  newtp.inet_id = get_random_u16();
  if (sock_net(sk).ipv4.sysctl_tcp_reflect_tos !== 0) newtp.tos = treq.syn_tos & ~INET_ECN_MASK;

  dst ??= inet_csk_route_child_sock(sk, newsk, req);
  if (dst === null) return tcp_v4_put_and_exit(sk, newsk);
  sk_setup_caps(newsk, dst);
  tcp_ca_openreq_child(newsk, dst);
  tcp_sync_mss(newsk, dst_mtu(dst));
  newtp.advmss = tcp_mss_clamp(tcp_sk(sk), dst_metric_advmss(dst));
  tcp_initialize_rcv_mss(newsk);

  if (__inet_inherit_port(sk, newsk) < 0) return tcp_v4_put_and_exit(sk, newsk);
  found_dup_sk.value = false;
  own_req.value = inet_ehash_nolisten(newsk, req_unhash, found_dup_sk);
  if (own_req.value) {
    tcp_move_syn(newtp, req);
    treq.ireq_opt = null;
    return newsk;
  }
  newtp.inet_opt = null;
  if (req_unhash === null && found_dup_sk.value) {
    // Of two ACKs with a SYN cookie the first made the connection.
    sock_put(newsk);
    return null;
  }
  return newsk;
}

/** Ends a half-made child: the label `put_and_exit`. @local */
function tcp_v4_put_and_exit(sk: sock, newsk: sock): null {
  inet_sk(newsk).inet_opt = null;
  inet_csk_prepare_forced_close(newsk);
  tcp_done(newsk);
  tcp_listendrop(sk);
  return null;
}

/** An ACK for the listener may bear a SYN cookie: the socket to go on with, or null. @rfc 4987 3.6 */
function tcp_v4_cookie_check(sk: sock, skb: sk_buff): sock | null {
  return tcp_hdr(skb).syn ? sk : cookie_v4_check(sk, skb, tcp_request_sock_ipv4_ops);
}

// ---- receive ----

function sk_mark_napi_id(sk: sock, skb: sk_buff): void {
  if (sk.sk_napi_id !== skb.napi_id) sk.sk_napi_id = skb.napi_id;
}

/** Counts a dropped packet, as the segments that it was made of. */
function sk_drops_add(sk: sock, skb: sk_buff): void {
  sk.sk_drops += Math.max(1, skb.shinfo.gso_segs);
}

/** A segment for a socket that nobody owns, or from its backlog, or for a listener; 0. Takes skb. */
export function tcp_v4_do_rcv(sk: sock, skb: sk_buff): number {
  let rsk = sk;

  if (sk.skc_state === TCP_ESTABLISHED) {
    const dst = sk.sk_rx_dst;
    sock_rps_save_rxhash(sk, skb);
    sk_mark_napi_id(sk, skb);
    if (
      dst !== null &&
      (sk.sk_rx_dst_ifindex !== skb.skb_iif || dst.ops.check(dst, 0) === null)
    ) sk.sk_rx_dst = null;
    tcp_rcv_established(sk, skb);
    return 0;
  }

  if (tcp_checksum_complete(skb)) {
    TCP_INC_STATS(sock_net(sk), TCP_MIB_CSUMERRORS);
    TCP_INC_STATS(sock_net(sk), TCP_MIB_INERRS);
    kfree_skb_reason(skb, SKB_DROP_REASON_TCP_CSUM);
    return 0;
  }

  if (sk.skc_state === TCP_LISTEN) {
    const nsk = tcp_v4_cookie_check(sk, skb);
    if (nsk === null) {
      kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
      return 0;
    }
    if (nsk !== sk) {
      const reason = tcp_child_process(sk, nsk, skb);
      if (reason === SKB_NOT_DROPPED_YET) return 0;
      rsk = nsk;
      tcp_v4_send_reset(rsk, skb);
      kfree_skb_reason(skb, reason);
      return 0;
    }
  } else {
    sock_rps_save_rxhash(sk, skb);
  }

  const reason = tcp_rcv_state_process(sk, skb);
  if (reason !== SKB_NOT_DROPPED_YET) {
    tcp_v4_send_reset(rsk, skb);
    kfree_skb_reason(skb, reason);
  }
  return 0;
}

/** Finds the connection before routing, so that its cached route serves; 0. */
export function tcp_v4_early_demux(skb: sk_buff): number {
  if (skb.pkt_type !== PACKET_HOST) return 0;
  if (!pskb_may_pull(skb, skb_transport_offset(skb) + TCP_HDR_LEN)) return 0;
  const iph = ip_hdr(skb);
  const th = tcp_hdr(skb);
  if (th.doff < TCP_HDR_LEN >> 2) return 0;

  const sk = __inet_lookup_established(
    skb.dev!.nd_net,
    tcp_hashinfo,
    iph.saddr,
    th.source,
    iph.daddr,
    th.dest,
    skb.skb_iif,
    0,
  );
  if (sk === null) return 0;
  skb.sk = sk;
  skb.destructor = sock_edemux;
  if (sk_fullsock(sk)) {
    const dst = sk.sk_rx_dst;
    if (dst !== null && sk.sk_rx_dst_ifindex === skb.skb_iif && dst_check(dst, 0) !== null) {
      skb_dst_set(skb, dst);
    }
  }
  return 0;
}

/** What a packet carries from IP is of no use while it waits. */
function tcp_cleanup_skb(skb: sk_buff): void {
  skb_dst_drop(skb);
}

/** Two skbs have the same options: doff words at data of each. @local */
function same_options(a: sk_buff, b: sk_buff, hdrlen: number): boolean {
  const au8 = a.head.u8, bu8 = b.head.u8;
  for (let i = TCP_HDR_LEN; i < hdrlen; i++) {
    if (au8[a.data + i] !== bu8[b.data + i]) return false;
  }
  return true;
}

/** skb continues the last packet of the backlog, with the same header but for numbers. @local */
function tcp_backlog_can_coalesce(tail: sk_buff, skb: sk_buff, hdrlen: number): boolean {
  const t = TCP_SKB_CB(tail), s = TCP_SKB_CB(skb);
  return t.end_seq === s.seq && t.ip_dsfield === s.ip_dsfield &&
    ((t.tcp_flags | s.tcp_flags) & (TCPHDR_SYN | TCPHDR_RST | TCPHDR_URG)) === 0 &&
    (t.tcp_flags & s.tcp_flags & TCPHDR_ACK) !== 0 &&
    ((t.tcp_flags ^ s.tcp_flags) & (TCPHDR_ECE | TCPHDR_CWR)) === 0 &&
    tail.head.u8[tail.data + 12] >> 4 === hdrlen >> 2 && same_options(tail, skb, hdrlen);
}

const coalesce = new skb_coalesce();

/** Appends skb to the last packet of the backlog, if they fit; true: skb is gone. @local */
function tcp_backlog_coalesce(sk: sock, tail: sk_buff, skb: sk_buff): boolean {
  const hdrlen = (skb.head.u8[skb.data + 12] >> 4) << 2;
  if (!tcp_backlog_can_coalesce(tail, skb, hdrlen)) return false;

  __skb_pull(skb, hdrlen);
  const si = skb.shinfo, ti = tail.shinfo;
  const gso_size = si.gso_size !== 0 ? si.gso_size : skb.len;
  const gso_segs = si.gso_segs !== 0 ? si.gso_segs : 1;
  const tail_gso_size = ti.gso_size !== 0 ? ti.gso_size : tail.len - hdrlen;
  const tail_gso_segs = ti.gso_segs !== 0 ? ti.gso_segs : 1;

  if (!skb_try_coalesce(tail, skb, coalesce)) {
    __skb_push(skb, hdrlen);
    return false;
  }
  const tcb = TCP_SKB_CB(tail), cb = TCP_SKB_CB(skb);
  const thtail = tail.data, tdv = tail.head.dv;
  tcb.end_seq = cb.end_seq;
  if (!before(cb.ack_seq, tcb.ack_seq)) {
    tcb.ack_seq = cb.ack_seq;
    tdv.setUint16(thtail + 14, skb.head.dv.getUint16(skb.data - hdrlen + 14));
  }
  // Header prediction must not take a segment with FIN for one without.
  if ((cb.tcp_flags & TCPHDR_FIN) !== 0) {
    tdv.setUint8(thtail + 13, tdv.getUint8(thtail + 13) | TCPHDR_FIN);
  }
  tcb.tcp_flags |= cb.tcp_flags;
  if (cb.has_rxtstamp) {
    tcb.has_rxtstamp = true;
    tail.tstamp = skb.tstamp;
  }
  ti.gso_size = Math.max(gso_size, tail_gso_size);
  ti.gso_segs = Math.min(gso_segs + tail_gso_segs, 0xffff);
  sk.sk_backlog.len += coalesce.delta_truesize;
  __NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPBACKLOGCOALESCE);
  kfree_skb_partial(skb, coalesce.fragstolen);
  return true;
}

/** Puts a segment aside for the owner of sk; true: it is to be dropped, for this reason. */
export function tcp_add_backlog(sk: sock, skb: sk_buff, reason: { value: number }): boolean {
  skb_condense(skb);
  tcp_cleanup_skb(skb);

  if (tcp_checksum_complete(skb)) {
    reason.value = SKB_DROP_REASON_TCP_CSUM;
    __TCP_INC_STATS(sock_net(sk), TCP_MIB_CSUMERRORS);
    __TCP_INC_STATS(sock_net(sk), TCP_MIB_INERRS);
    return true;
  }
  const tail = sk.sk_backlog.tail;
  if (tail !== null && tcp_backlog_coalesce(sk, tail, skb)) return false;

  // The owner alone may collapse the receive queue, hence the room to spare.
  const limit = sk.sk_rcvbuf * 2 + (sk.sk_sndbuf >> 1) + 64 * 1024;
  if (sk_add_backlog(sk, skb, Math.min(limit, 0xffffffff)) !== 0) {
    reason.value = SKB_DROP_REASON_SOCKET_BACKLOG;
    __NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPBACKLOGDROP);
    return true;
  }
  return false;
}

/** Not 0: a filter of the socket's drops skb. There are none. */
export function tcp_filter(_sk: sock, _skb: sk_buff): number {
  return 0;
}

/** IP's control block is where it was. @differs it stands beside TCP's here */
function tcp_v4_restore_cb(_skb: sk_buff): void {}

/** Fills TCP's control block from the headers. */
function tcp_v4_fill_cb(skb: sk_buff, iph: iphdr, th: tcphdr): void {
  const cb = TCP_SKB_CB(skb);
  const flags = th.flags;
  const seq = th.seq;

  cb.seq = seq;
  // SYN and FIN, the bits 1 and 0, count as one each.
  cb.end_seq = (seq + ((flags >> 1) & 1) + (flags & 1) + skb.len - (th.doff << 2)) | 0;
  cb.ack_seq = th.ack_seq;
  cb.tcp_flags = flags;
  cb.tcp_tw_isn = 0;
  cb.ip_dsfield = ipv4_get_dsfield(iph);
  cb.sacked = 0;
  cb.has_rxtstamp = skb.tstamp !== 0;
}

/** Drops a segment with a bad checksum: the label `csum_error`. @local */
function tcp_v4_csum_error(net: net, skb: sk_buff): number {
  __TCP_INC_STATS(net, TCP_MIB_CSUMERRORS);
  __TCP_INC_STATS(net, TCP_MIB_INERRS);
  kfree_skb_reason(skb, SKB_DROP_REASON_TCP_CSUM);
  return 0;
}

/** Drops a segment of a socket: the label `discard_and_relse`. @local */
function tcp_v4_discard_and_relse(
  sk: sock,
  skb: sk_buff,
  refcounted: boolean,
  drop_reason: number,
): number {
  sk_drops_add(sk, skb);
  if (refcounted) sock_put(sk);
  kfree_skb_reason(skb, drop_reason);
  return 0;
}

/** A segment that no socket wants: the label `no_tcp_socket`. @local */
function tcp_v4_no_tcp_socket(net: net, skb: sk_buff): number {
  tcp_v4_fill_cb(skb, ip_hdr(skb), tcp_hdr(skb));
  if (tcp_checksum_complete(skb)) return tcp_v4_csum_error(net, skb);
  tcp_v4_send_reset(null, skb);
  kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
  return 0;
}

/**
 * A segment to a timewait socket, whose reference it takes: the label `do_time_wait`. Answers the listener for a SYN that
 * opens a new connection, null where skb is done with. @local
 */
function tcp_v4_do_time_wait(net: net, sk: sock_common, skb: sk_buff): sock | null {
  const tw = inet_twsk(sk);
  const iph = ip_hdr(skb);
  const th = tcp_hdr(skb);

  tcp_v4_fill_cb(skb, iph, th);
  if (tcp_checksum_complete(skb)) {
    inet_twsk_put(tw);
    tcp_v4_csum_error(net, skb);
    return null;
  }
  switch (tcp_timewait_state_process(tw, skb, th)) {
    case TCP_TW_SYN: {
      const sk2 = inet_lookup_listener(
        net,
        tcp_hashinfo,
        skb,
        th.doff << 2,
        iph.saddr,
        th.source,
        iph.daddr,
        th.dest,
        inet_iif(skb),
        0,
      );
      if (sk2 !== null) {
        inet_twsk_deschedule_put(tw);
        tcp_v4_restore_cb(skb);
        return sk2;
      }
      tcp_v4_timewait_ack(sk, skb);
      break;
    }
    case TCP_TW_ACK:
      tcp_v4_timewait_ack(sk, skb);
      break;
    case TCP_TW_RST:
      tcp_v4_send_reset(sk, skb);
      inet_twsk_deschedule_put(tw);
      kfree_skb_reason(skb, SKB_DROP_REASON_TCP_CLOSE);
      return null;
  }
  // It has ended the connection, or was answered.
  consume_skb(skb);
  return null;
}

const rcv_refcounted = { value: false };
const rcv_req_stolen = { value: false };
const rcv_drop_reason = { value: 0 };

/** A segment from IP, transport header in front; 0. Takes skb. @rfc 9293 3.10.7 */
export function tcp_v4_rcv(skb: sk_buff): number {
  const net = skb.dev!.nd_net;
  let tw_isn = 0;

  if (skb.pkt_type !== PACKET_HOST) {
    kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
    return 0;
  }
  // Counts those that are bad, too.
  __TCP_INC_STATS(net, TCP_MIB_INSEGS);
  if (!pskb_may_pull(skb, TCP_HDR_LEN)) {
    kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
    return 0;
  }
  const hdrlen = tcp_hdr(skb).doff << 2;
  if (hdrlen < TCP_HDR_LEN) {
    __TCP_INC_STATS(net, TCP_MIB_INERRS);
    kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
    return 0;
  }
  if (!pskb_may_pull(skb, hdrlen)) {
    kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
    return 0;
  }
  if (skb_checksum_init(skb, IPPROTO_TCP, inet_compute_pseudo) !== 0) {
    return tcp_v4_csum_error(net, skb);
  }
  // The headers stay where they are from here on.
  const th = tcp_hdr(skb);
  const iph = ip_hdr(skb);

  lookup: for (;;) {
    let sk = __inet_lookup_skb(tcp_hashinfo, skb, hdrlen, th.source, th.dest, 0, rcv_refcounted);
    let refcounted = rcv_refcounted.value;
    if (sk === null) return tcp_v4_no_tcp_socket(net, skb);

    if (sk.skc_state === TCP_TIME_WAIT) {
      sk = tcp_v4_do_time_wait(net, sk, skb);
      if (sk === null) return 0;
      refcounted = false;
      tw_isn = TCP_SKB_CB(skb).tcp_tw_isn;
    }

    if (sk.skc_state === TCP_NEW_SYN_RECV) {
      const req = inet_reqsk(sk);
      sk = req.rsk_listener!;
      const drop_reason = tcp_inbound_md5_hash(sk, th);
      if (drop_reason !== SKB_NOT_DROPPED_YET) {
        sk_drops_add(sk, skb);
        reqsk_put(req);
        kfree_skb_reason(skb, drop_reason);
        return 0;
      }
      if (tcp_checksum_complete(skb)) {
        reqsk_put(req);
        return tcp_v4_csum_error(net, skb);
      }
      if (sk.skc_state !== TCP_LISTEN) {
        inet_csk_reqsk_queue_drop_and_put(sk, req);
        continue lookup;
      }
      // req holds the listener, but req may go.
      sock_hold(sk);
      refcounted = true;
      let nsk: sock | null = null;
      let reason = SKB_DROP_REASON_SOCKET_FILTER;
      rcv_req_stolen.value = false;
      if (tcp_filter(sk, skb) === 0) {
        tcp_v4_fill_cb(skb, iph, th);
        nsk = tcp_check_req(sk, skb, req, false, rcv_req_stolen, rcv_drop_reason);
        reason = rcv_drop_reason.value;
      }
      if (nsk === null) {
        reqsk_put(req);
        if (rcv_req_stolen.value) {
          // Another segment was faster: the connection is in ehash now.
          tcp_v4_restore_cb(skb);
          sock_put(sk);
          continue lookup;
        }
        return tcp_v4_discard_and_relse(sk, skb, true, reason);
      }
      if (nsk === sk) {
        reqsk_put(req);
        tcp_v4_restore_cb(skb);
      } else {
        reason = tcp_child_process(sk, nsk, skb);
        if (reason !== SKB_NOT_DROPPED_YET) {
          tcp_v4_send_reset(nsk, skb);
          return tcp_v4_discard_and_relse(sk, skb, true, reason);
        }
        sock_put(sk);
        return 0;
      }
    }

    return tcp_v4_rcv_sock(net, sk, skb, iph, th, refcounted, tw_isn);
  }
}

/** A segment for a full socket: the second half of `process`. @local */
function tcp_v4_rcv_sock(
  net: net,
  sk: sock,
  skb: sk_buff,
  iph: iphdr,
  th: tcphdr,
  refcounted: boolean,
  tw_isn: number,
): number {
  const min_ttl = inet_sk(sk).min_ttl;
  if (min_ttl !== 0 && iph.ttl < min_ttl) {
    __NET_INC_STATS(net, LINUX_MIB_TCPMINTTLDROP);
    return tcp_v4_discard_and_relse(sk, skb, refcounted, SKB_DROP_REASON_TCP_MINTTL);
  }
  const drop_reason = tcp_inbound_md5_hash(sk, th);
  if (drop_reason !== SKB_NOT_DROPPED_YET) {
    return tcp_v4_discard_and_relse(sk, skb, refcounted, drop_reason);
  }
  if (tcp_filter(sk, skb) !== 0) {
    return tcp_v4_discard_and_relse(sk, skb, refcounted, SKB_DROP_REASON_SOCKET_FILTER);
  }
  tcp_v4_fill_cb(skb, iph, th);
  TCP_SKB_CB(skb).tcp_tw_isn = tw_isn;
  skb.dev = null;

  if (sk.skc_state === TCP_LISTEN) {
    tcp_v4_do_rcv(sk, skb);
  } else {
    tcp_segs_in(tcp_sk(sk), skb);
    if (!sock_owned_by_user(sk)) {
      tcp_v4_do_rcv(sk, skb);
    } else if (tcp_add_backlog(sk, skb, rcv_drop_reason)) {
      return tcp_v4_discard_and_relse(sk, skb, refcounted, rcv_drop_reason.value);
    }
  }
  if (refcounted) sock_put(sk);
  return 0;
}

// ---- operations ----

const tcp_timewait_sock_ops: timewait_sock_ops = {
  twsk_slab_name: "tw_sock_TCP",
  alloc_timewait: () => new tcp_timewait_sock(),
  twsk_unique: tcp_twsk_unique,
  twsk_destructor: tcp_twsk_destructor,
};

/** Remembers the route that skb came by, for tcp_v4_early_demux(). */
export function inet_sk_rx_dst_set(sk: sock, skb: sk_buff): void {
  const dst = skb_dst(skb);
  if (dst === null) return;
  sk.sk_rx_dst = dst;
  sk.sk_rx_dst_ifindex = skb.skb_iif;
}

export const ipv4_specific: inet_connection_sock_af_ops = {
  queue_xmit: (sk, skb, fl) => ip_queue_xmit(sk, skb, fl as flowi4),
  send_check: tcp_v4_send_check,
  // inet_init() registers inet_sk_rebuild_header(), which stands above.
  rebuild_header: () => -EHOSTUNREACH,
  sk_rx_dst_set: inet_sk_rx_dst_set,
  conn_request: tcp_v4_conn_request,
  syn_recv_sock: tcp_v4_syn_recv_sock,
  net_header_len: 20,
  setsockopt: ip_setsockopt,
  getsockopt: ip_getsockopt,
  mtu_reduced: tcp_v4_mtu_reduced,
};

/** Makes a new TCP socket one over IPv4; 0. */
function tcp_v4_init_sock(sk: sock): number {
  tcp_init_sock(sk);
  inet_csk(sk).icsk_af_ops = ipv4_specific;
  return 0;
}

/** Frees what hangs on a TCP socket at its end. */
export function tcp_v4_destroy_sock(sk: sock): void {
  const tp = tcp_sk(sk);

  tcp_clear_xmit_timers(sk);
  tcp_cleanup_congestion_control(sk);
  tcp_write_queue_purge(sk);
  tcp_fastopen_active_disable_ofo_check(sk);
  skb_rbtree_purge(tp.out_of_order_queue);
  if (tp.icsk_bind_hash !== null) inet_put_port(sk);
  tcp_free_fastopen_req(tp);
  tcp_fastopen_destroy_cipher(sk);
  tcp_saved_syn_free(tp);
  sk.skc_prot.counters.sockets_allocated--;
}

// ---- /proc/net/tcp ----

export const TCP_SEQ_STATE_LISTENING = 0;
export const TCP_SEQ_STATE_ESTABLISHED = 1;

/** Stands before the first socket: the head line. */
export const SEQ_START_TOKEN = 1;

/** Where a walk over a host's TCP sockets is. */
export class tcp_iter_state {
  readonly net: net;
  /** TCP_SEQ_STATE_* */
  state = TCP_SEQ_STATE_LISTENING;
  bucket = 0;
  num = 0;

  constructor(n: net) {
    this.net = n;
  }
}

function listening_get_first(st: tcp_iter_state): sock_common | null {
  for (; st.bucket < tcp_hashinfo.listening_hash.length; st.bucket++) {
    for (let n = tcp_hashinfo.listening_hash[st.bucket].head.next; n !== null; n = n.next) {
      if (n.owner.skc_net === st.net) return n.owner;
    }
  }
  return null;
}

function listening_get_next(st: tcp_iter_state, cur: sock_common): sock_common | null {
  st.num++;
  for (let n = cur.skc_node.next; n !== null; n = n.next) {
    if (n.owner.skc_net === st.net) return n.owner;
  }
  st.bucket++;
  return listening_get_first(st);
}

function established_get_first(st: tcp_iter_state): sock_common | null {
  for (; st.bucket <= tcp_hashinfo.ehash_mask; st.bucket++) {
    let n = tcp_hashinfo.ehash[st.bucket];
    for (; typeof n !== "number"; n = n.next) {
      if (n.owner.skc_net === st.net) return n.owner;
    }
  }
  return null;
}

function established_get_next(st: tcp_iter_state, cur: sock_common): sock_common | null {
  st.num++;
  for (let n = cur.skc_nulls_node.next; typeof n !== "number"; n = n.next) {
    if (n.owner.skc_net === st.net) return n.owner;
  }
  st.bucket++;
  return established_get_first(st);
}

function tcp_get_idx(st: tcp_iter_state): sock_common | null {
  st.state = TCP_SEQ_STATE_LISTENING;
  st.bucket = 0;
  const sk = listening_get_first(st);
  if (sk !== null) return sk;
  st.state = TCP_SEQ_STATE_ESTABLISHED;
  st.bucket = 0;
  return established_get_first(st);
}

/** Begins a walk: the head line. @differs always at the start */
export function tcp_seq_start(st: tcp_iter_state): sock_common | typeof SEQ_START_TOKEN | null {
  st.num = 0;
  return SEQ_START_TOKEN;
}

/** Goes on behind v, which must still be in its table: listeners first, then ehash. null at the end. */
export function tcp_seq_next(
  st: tcp_iter_state,
  v: sock_common | typeof SEQ_START_TOKEN,
): sock_common | null {
  if (v === SEQ_START_TOKEN) return tcp_get_idx(st);
  if (st.state === TCP_SEQ_STATE_ESTABLISHED) return established_get_next(st, v);
  const sk = listening_get_next(st, v);
  if (sk !== null) return sk;
  st.state = TCP_SEQ_STATE_ESTABLISHED;
  st.bucket = 0;
  return established_get_first(st);
}

function hex(v: number, width: number): string {
  return (v >>> 0).toString(16).toUpperCase().padStart(width, "0");
}

/** An address as x86's readers of /proc/net/tcp expect it: the first byte is the last. @local */
function hex_addr(addr: number): string {
  const swapped = (addr << 24) | ((addr & 0xff00) << 8) | ((addr >> 8) & 0xff00) | (addr >>> 24);
  return hex(swapped, 8);
}

/** The columns that all kinds of sockets have, up to inode and what stands for the pointer. @local */
function seq_line(
  i: number,
  sk: sock_common,
  srcp: number,
  state: number,
  tx: number,
  rx: number,
  timer: number,
  when: number,
  retrans: number,
  uid: number,
  probes: number,
  refcnt: number,
): string {
  return `${String(i).padStart(4)}: ${hex_addr(sk.skc_rcv_saddr)}:${hex(srcp, 4)} ` +
    `${hex_addr(sk.skc_daddr)}:${hex(sk.skc_dport, 4)} ${hex(state, 2)} ${hex(tx, 8)}:${
      hex(rx, 8)
    } ` +
    `${hex(timer, 2)}:${hex(jiffies_delta_to_clock_t((when - jiffies) | 0), 8)} ${
      hex(retrans, 8)
    } ${String(uid).padStart(5)} ${String(probes).padStart(8)} 0 ${refcnt} 0000000000000000`;
}

function get_openreq4(req: request_sock, i: number): string {
  const { rsk_timer, num_timeout } = req;
  return seq_line(
    i,
    req,
    req.skc_num,
    TCP_SYN_RECV,
    0,
    0,
    1,
    rsk_timer.expires,
    num_timeout,
    req.rsk_listener!.sk_uid,
    0,
    0,
  );
}

function get_tcp4_sock(sk: sock, i: number): string {
  const tp = tcp_sk(sk);
  const state = sk.skc_state;
  let timer_active = 0, timer_expires = jiffies;

  switch (tp.icsk_pending) {
    case ICSK_TIME_RETRANS:
    case ICSK_TIME_REO_TIMEOUT:
    case ICSK_TIME_LOSS_PROBE:
      timer_active = 1;
      timer_expires = tp.icsk_timeout;
      break;
    case ICSK_TIME_PROBE0:
      timer_active = 4;
      timer_expires = tp.icsk_timeout;
      break;
    default:
      if (timer_pending(sk.sk_timer)) {
        timer_active = 2;
        timer_expires = sk.sk_timer.expires;
      }
  }
  const rx_queue = state === TCP_LISTEN
    ? sk.sk_ack_backlog
    : Math.max((tp.rcv_nxt - tp.copied_seq) | 0, 0);
  const line = seq_line(
    i,
    sk,
    tp.inet_sport,
    state,
    (tp.write_seq - tp.snd_una) | 0,
    rx_queue,
    timer_active,
    timer_expires,
    tp.icsk_retransmits,
    sk.sk_uid,
    tp.icsk_probes_out,
    sk.skc_refcnt,
  );
  const ssthresh = state === TCP_LISTEN
    ? tp.icsk_accept_queue.fastopenq.max_qlen
    : tcp_in_initial_slowstart(tp)
    ? -1
    : tp.snd_ssthresh;
  return `${line} ${jiffies_to_clock_t(tp.icsk_rto)} ${jiffies_to_clock_t(tp.icsk_ack.ato)} ${
    (tp.icsk_ack.quick << 1) | (inet_csk_in_pingpong_mode(sk) ? 1 : 0)
  } ${tcp_snd_cwnd(tp)} ${ssthresh}`;
}

function get_timewait4_sock(tw: inet_timewait_sock, i: number): string {
  return seq_line(
    i,
    tw,
    tw.tw_sport,
    tw.tw_substate,
    0,
    0,
    3,
    tw.tw_timer.expires,
    0,
    0,
    0,
    tw.tw_refcnt,
  );
}

/** Bytes of a line with its end. */
const TMPSZ = 150;

/** One line of /proc/net/tcp. @differs answers it, C prints it into a seq_file; no inodes and pointers */
export function tcp4_seq_show(
  st: tcp_iter_state,
  v: sock_common | typeof SEQ_START_TOKEN,
): string {
  let line: string;
  if (v === SEQ_START_TOKEN) {
    line = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " +
      "timeout inode";
  } else if (v.skc_state === TCP_TIME_WAIT) {
    line = get_timewait4_sock(inet_twsk(v), st.num);
  } else if (v.skc_state === TCP_NEW_SYN_RECV) {
    line = get_openreq4(inet_reqsk(v), st.num);
  } else {
    line = get_tcp4_sock(v as sock, st.num);
  }
  return line.padEnd(TMPSZ - 1) + "\n";
}

/** The text of /proc/net/tcp. @local */
export function tcp4_proc_show(n: net): string {
  const st = new tcp_iter_state(n);
  let text = "";
  for (let v = tcp_seq_start(st); v !== null; v = tcp_seq_next(st, v)) {
    text += tcp4_seq_show(st, v);
  }
  return text;
}

// ---- the protocol ----

export const tcp_prot: proto = {
  name: "TCP",
  close: tcp_close,
  pre_connect: tcp_v4_pre_connect,
  connect: tcp_v4_connect,
  disconnect: tcp_disconnect,
  accept: (sk, flags) => inet_csk_accept(sk, flags),
  ioctl: tcp_ioctl,
  init: tcp_v4_init_sock,
  destroy: tcp_v4_destroy_sock,
  shutdown: tcp_shutdown,
  setsockopt: tcp_setsockopt,
  getsockopt: tcp_getsockopt,
  keepalive: tcp_set_keepalive,
  recvmsg: tcp_recvmsg,
  sendmsg: tcp_sendmsg,
  splice_eof: tcp_splice_eof,
  backlog_rcv: tcp_v4_do_rcv,
  release_cb: tcp_release_cb,
  hash: inet_hash,
  unhash: inet_unhash,
  get_port: inet_csk_get_port,
  put_port: inet_put_port,
  enter_memory_pressure: tcp_enter_memory_pressure,
  leave_memory_pressure: tcp_leave_memory_pressure,
  stream_memory_free: tcp_stream_memory_free,
  counters: tcp_counters,
  sysctl_mem: (n) => n.ipv4.sysctl_tcp_mem,
  sysctl_wmem: (n) => n.ipv4.sysctl_tcp_wmem,
  sysctl_rmem: (n) => n.ipv4.sysctl_tcp_rmem,
  max_header: MAX_TCP_HEADER,
  alloc_sock: () => new tcp_sock(),
  twsk_prot: tcp_timewait_sock_ops,
  rsk_prot: tcp_request_sock_ops,
  hashinfo: tcp_hashinfo,
  no_autobind: true,
  diag_destroy: tcp_abort,
};

/** A host ends: its congestion control, TIME_WAITs, control socket. */
function tcp_sk_exit(net: net): void {
  tcp_twsk_purge(net);
  tcp_fastopen_ctx_destroy(net);
  if (net.ipv4.tcp_sk !== null) inet_ctl_sock_destroy(net.ipv4.tcp_sk);
  net.ipv4.tcp_sk = null;
  net.ipv4.tcp_congestion_control = null;
}

/** Limits that follow the size of ehash. @differs no fewer TIME_WAITs than 65536: memory is not what sets the size here */
function tcp_set_hashinfo(net: net): void {
  const ehash_entries = tcp_hashinfo.ehash_mask + 1;
  net.ipv4.tcp_death_row.sysctl_max_tw_buckets = Math.max(65536, ehash_entries >> 1);
  net.ipv4.sysctl_max_syn_backlog = Math.max(4096, ehash_entries >> 7);
}

/** The socket that resets and ACKs without a connection are sent as: 0 or a negative errno. @local */
function tcp_ctl_sock_create(net: net): number {
  const sk = inet_ctl_sock_create(PF_INET, SOCK_RAW, IPPROTO_TCP, net);
  if (IS_ERR(sk)) return sk;
  sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
  // DF, and so ID 0.
  inet_sk(sk).pmtudisc = IP_PMTUDISC_DO;
  net.ipv4.tcp_sk = sk;
  return 0;
}

/** A host starts: net.ipv4.tcp_* as Linux has them; 0 or a negative errno. */
function tcp_sk_init(net: net): number {
  const ipv4 = net.ipv4;

  ipv4.sysctl_tcp_ecn = 2;
  ipv4.sysctl_tcp_ecn_fallback = 1;
  ipv4.sysctl_tcp_base_mss = TCP_BASE_MSS;
  ipv4.sysctl_tcp_min_snd_mss = TCP_MIN_SND_MSS;
  ipv4.sysctl_tcp_probe_threshold = TCP_PROBE_THRESHOLD;
  ipv4.sysctl_tcp_probe_interval = TCP_PROBE_INTERVAL;
  ipv4.sysctl_tcp_mtu_probe_floor = TCP_MIN_SND_MSS;
  ipv4.sysctl_tcp_keepalive_time = TCP_KEEPALIVE_TIME;
  ipv4.sysctl_tcp_keepalive_probes = TCP_KEEPALIVE_PROBES;
  ipv4.sysctl_tcp_keepalive_intvl = TCP_KEEPALIVE_INTVL;
  ipv4.sysctl_tcp_syn_retries = TCP_SYN_RETRIES;
  ipv4.sysctl_tcp_synack_retries = TCP_SYNACK_RETRIES;
  ipv4.sysctl_tcp_syn_linear_timeouts = 4;
  ipv4.sysctl_tcp_syncookies = 1;
  ipv4.sysctl_tcp_reordering = TCP_FASTRETRANS_THRESH;
  ipv4.sysctl_tcp_retries1 = TCP_RETR1;
  ipv4.sysctl_tcp_retries2 = TCP_RETR2;
  ipv4.sysctl_tcp_orphan_retries = 0;
  ipv4.sysctl_tcp_fin_timeout = TCP_FIN_TIMEOUT;
  ipv4.sysctl_tcp_notsent_lowat = 0xffffffff;
  ipv4.sysctl_tcp_tw_reuse = 2;
  ipv4.sysctl_tcp_tw_reuse_delay = 1000;
  ipv4.sysctl_tcp_no_ssthresh_metrics_save = 1;
  ipv4.tcp_death_row.tw_refcount = 1;
  tcp_set_hashinfo(net);
  ipv4.sysctl_tcp_sack = 1;
  ipv4.sysctl_tcp_window_scaling = 1;
  ipv4.sysctl_tcp_timestamps = 1;
  ipv4.sysctl_tcp_early_retrans = 3;
  ipv4.sysctl_tcp_recovery = TCP_RACK_LOSS_DETECTION;
  ipv4.sysctl_tcp_slow_start_after_idle = 1;
  ipv4.sysctl_tcp_retrans_collapse = 1;
  ipv4.sysctl_tcp_max_reordering = 300;
  ipv4.sysctl_tcp_dsack = 1;
  ipv4.sysctl_tcp_app_win = 31;
  ipv4.sysctl_tcp_frto = 2;
  ipv4.sysctl_tcp_moderate_rcvbuf = 1;
  // The part of the congestion window, 1/n, that one TSO packet may take.
  ipv4.sysctl_tcp_tso_win_divisor = 3;
  ipv4.sysctl_tcp_limit_output_bytes = 4 << 20;
  // RFC 5961's limit for the whole host is off: it told others about our connections.
  ipv4.sysctl_tcp_challenge_ack_limit = 0x7fffffff;
  ipv4.sysctl_tcp_min_tso_segs = 2;
  ipv4.sysctl_tcp_tso_rtt_log = 9;
  ipv4.sysctl_tcp_min_rtt_wlen = 300;
  ipv4.sysctl_tcp_autocorking = 1;
  ipv4.sysctl_tcp_invalid_ratelimit = HZ / 2;
  ipv4.sysctl_tcp_pacing_ss_ratio = 200;
  ipv4.sysctl_tcp_pacing_ca_ratio = 120;
  if (net !== init_net) {
    ipv4.sysctl_tcp_rmem.set(init_net.ipv4.sysctl_tcp_rmem);
    ipv4.sysctl_tcp_wmem.set(init_net.ipv4.sysctl_tcp_wmem);
  }
  ipv4.sysctl_tcp_comp_sack_delay_ns = NSEC_PER_MSEC;
  ipv4.sysctl_tcp_comp_sack_slack_ns = 100 * NSEC_PER_USEC;
  ipv4.sysctl_tcp_comp_sack_nr = 44;
  ipv4.sysctl_tcp_backlog_ack_defer = 1;
  ipv4.sysctl_tcp_fastopen = TFO_CLIENT_ENABLE;
  ipv4.sysctl_tcp_fastopen_blackhole_timeout = 0;
  ipv4.tfo_active_disable_times = 0;
  ipv4.sysctl_tcp_shrink_window = 0;
  ipv4.sysctl_tcp_pingpong_thresh = 1;
  ipv4.sysctl_tcp_rto_min_us = 200 * 1000;
  ipv4.sysctl_tcp_rto_max_ms = 120 * 1000;

  ipv4.tcp_congestion_control ??=
    (net !== init_net ? init_net.ipv4.tcp_congestion_control : null) ??
      tcp_reno;
  return tcp_ctl_sock_create(net);
}

const tcp_sk_ops: pernet_operations = { init: tcp_sk_init, exit: tcp_sk_exit };

/** Starts TCP over IPv4 on every host; behind tcp_init(). */
export function tcp_v4_init(): void {
  if (register_pernet_subsys(tcp_sk_ops) < 0) {
    throw new Error("Failed to create the TCP control socket.");
  }
}

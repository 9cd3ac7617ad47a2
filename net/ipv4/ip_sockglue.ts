// SPDX-License-Identifier: GPL-2.0-only
//
// The options of level SOL_IP, ancillary data of datagrams, and the queue of errors.
//
// sys_setsockopt -> tcp_setsockopt | udp_setsockopt | raw_setsockopt -> ip_setsockopt -> do_ip_setsockopt
// udp_sendmsg, raw_sendmsg -> ip_cmsg_send;   udp_recvmsg, raw_recvmsg -> ip_cmsg_recv_offset
// tcp_v4_err, udp_err, raw_err -> ip_icmp_error;  what cannot be sent -> ip_local_error
// recvmsg(MSG_ERRQUEUE) -> inet_recv_error -> ip_recv_error

import {
  SKB_DROP_REASON_SKB_UCOPY_FAULT,
  SKB_DROP_REASON_SOCKET_RCVBUFF,
} from "../../include/net/dropreason.ts";
import {
  SKB_EXT_ERR,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_LOCAL,
} from "../../include/linux/errqueue.ts";
import type { sock_exterr_skb } from "../../include/linux/errqueue.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import { SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from "../../include/linux/net.ts";
import { msghdr } from "../../include/linux/net.ts";
import { after_sleep } from "../../include/linux/sched.ts";
import {
  icmp_hdr,
  ip_hdr,
  ip_options,
  IPCB,
  skb_reset_network_header,
  skb_reset_transport_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  AF_INET,
  MSG_CTRUNC,
  MSG_ERRQUEUE,
  MSG_TRUNC,
  SOL_IP,
  SOL_SOCKET,
} from "../../include/linux/socket.ts";
import { dst_mtu } from "../../include/net/dst.ts";
import { LOOPBACK_IFINDEX } from "../../include/net/flow.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import { INET_ECN_MASK } from "../../include/net/inet_ecn.ts";
import {
  inet_sk,
  IP_CMSG_ORIGDSTADDR,
  IP_CMSG_PKTINFO,
  IP_CMSG_RECVFRAGSIZE,
  IP_CMSG_RECVOPTS,
  IP_CMSG_RETOPTS,
  IP_CMSG_TOS,
  IP_CMSG_TTL,
} from "../../include/net/inet_sock.ts";
import type { inet_sock } from "../../include/net/inet_sock.ts";
import type { ipcm_cookie } from "../../include/net/ip.ts";
import { inet_iif, rt_tos2priority } from "../../include/net/route.ts";
import { sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  EADDRNOTAVAIL,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  IP_BIND_ADDRESS_NO_PORT,
  IP_FREEBIND,
  IP_HDRINCL,
  IP_LOCAL_PORT_RANGE,
  IP_MINTTL,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_NODEFRAG,
  IP_OPTIONS,
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IP_PKTOPTIONS,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_OMIT,
  IP_PROTOCOL,
  IP_RECVERR,
  IP_RECVERR_RFC4884,
  IP_RECVFRAGSIZE,
  IP_RECVOPTS,
  IP_RECVORIGDSTADDR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_RETOPTS,
  IP_TOS,
  IP_TRANSPARENT,
  IP_TTL,
  IP_UNICAST_IF,
} from "../../include/uapi/linux/in.ts";
import { skb_copy_datagram_iter } from "../core/datagram.ts";
import { put_cmsg } from "../core/scm.ts";
import {
  __skb_pull,
  alloc_skb,
  consume_skb,
  kfree_skb_reason,
  pskb_may_pull,
  skb_clone,
  skb_pull,
  skb_put,
  skb_queue_purge,
  sock_dequeue_err_skb,
  sock_queue_err_skb,
} from "../core/skbuff.ts";
import {
  __sock_cmsg_send,
  lock_sock,
  release_sock,
  sk_dst_get,
  sk_dst_reset,
  sockopt_answer,
  sockopt_get_int,
  sockopt_put_int,
} from "../core/sock.ts";
import { sock_recv_timestamp } from "../socket.ts";
import { fib_compute_spec_dst } from "./fib_frontend.ts";
import { ip_options_echo, ip_options_get, ip_options_undo } from "./ip_options.ts";

/** sizeof(struct cmsghdr) on 64-bit machines; ancillary data are aligned to 8. */
const CMSG_HDR = 16;

/** Stores an address as it stands in a packet. */
function put_addr(b: Uint8Array, off: number, addr: number): void {
  b[off] = addr >> 24;
  b[off + 1] = addr >> 16;
  b[off + 2] = addr >> 8;
  b[off + 3] = addr;
}

function get_addr(b: Uint8Array, off: number): number {
  return (b[off] << 24) | (b[off + 1] << 16) | (b[off + 2] << 8) | b[off + 3];
}

/** Stores a struct sockaddr_in. */
function put_sockaddr_in(b: Uint8Array, off: number, addr: number, port: number): void {
  b[off] = AF_INET;
  b[off + 1] = 0;
  b[off + 2] = port >> 8;
  b[off + 3] = port;
  put_addr(b, off + 4, addr);
}

function put_cmsg_int(msg: msghdr, type: number, val: number): void {
  const b = new Uint8Array(4);
  sockopt_put_int(b, 0, val);
  put_cmsg(msg, SOL_IP, type, 4, b);
}

/** struct in_pktinfo: interface, the address to answer from, the destination. */
function put_pktinfo(msg: msghdr, ifindex: number, spec_dst: number, addr: number): void {
  const b = new Uint8Array(12);
  sockopt_put_int(b, 0, ifindex);
  put_addr(b, 4, spec_dst);
  put_addr(b, 8, addr);
  put_cmsg(msg, SOL_IP, IP_PKTINFO, 12, b);
}

function ip_cmsg_recv_opts(msg: msghdr, skb: sk_buff): void {
  const optlen = IPCB(skb).opt.optlen;
  if (optlen === 0) return;
  const at = skb.network_header + 20;
  put_cmsg(msg, SOL_IP, IP_RECVOPTS, optlen, skb.head.u8.slice(at, at + optlen));
}

function ip_cmsg_recv_retopts(sk: sock, msg: msghdr, skb: sk_buff): void {
  if (IPCB(skb).opt.optlen === 0) return;
  const opt = new ip_options();
  if (ip_options_echo(sock_net(sk), opt, skb) !== 0 || opt.__data === null) {
    msg.msg_flags |= MSG_CTRUNC;
    return;
  }
  ip_options_undo(opt);
  put_cmsg(msg, SOL_IP, IP_RETOPTS, opt.optlen, opt.__data);
}

function ip_cmsg_recv_dstaddr(msg: msghdr, skb: sk_buff): void {
  if (!pskb_may_pull(skb, skb.transport_header - skb.data + 4)) return;
  const u8 = skb.head.u8;
  const th = skb.transport_header;
  const b = new Uint8Array(16);
  put_sockaddr_in(b, 0, ip_hdr(skb).daddr, (u8[th + 2] << 8) | u8[th + 3]);
  put_cmsg(msg, SOL_IP, IP_ORIGDSTADDR, 16, b);
}

/** Reports what the socket asked to know of a packet's IP header. */
export function ip_cmsg_recv_offset(
  msg: msghdr,
  sk: sock,
  skb: sk_buff,
  _tlen: number,
  _offset: number,
): void {
  const flags = inet_sk(sk).cmsg_flags;
  if (flags === 0) return;
  if (flags & IP_CMSG_PKTINFO) {
    put_pktinfo(msg, IPCB(skb).iif, IPCB(skb).ipi_spec_dst, ip_hdr(skb).daddr);
  }
  if (flags & IP_CMSG_TTL) put_cmsg_int(msg, IP_TTL, ip_hdr(skb).ttl);
  if (flags & IP_CMSG_TOS) put_cmsg(msg, SOL_IP, IP_TOS, 1, Uint8Array.of(ip_hdr(skb).tos));
  if (flags & IP_CMSG_RECVOPTS) ip_cmsg_recv_opts(msg, skb);
  if (flags & IP_CMSG_RETOPTS) ip_cmsg_recv_retopts(sk, msg, skb);
  if (flags & IP_CMSG_ORIGDSTADDR) ip_cmsg_recv_dstaddr(msg, skb);
  if (flags & IP_CMSG_RECVFRAGSIZE && IPCB(skb).frag_max_size !== 0) {
    put_cmsg_int(msg, IP_RECVFRAGSIZE, IPCB(skb).frag_max_size);
  }
}

/** As ip_cmsg_recv_offset(), of the packet's own socket. */
export function ip_cmsg_recv(msg: msghdr, skb: sk_buff): void {
  if (skb.sk !== null) ip_cmsg_recv_offset(msg, skb.sk, skb, 0, 0);
}

/** Ancillary data of SOL_IP: 0 or -EINVAL. */
function ip_cmsg_send_one(
  sk: sock,
  type: number,
  b: Uint8Array,
  at: number,
  len: number,
  ipc: ipcm_cookie,
): number {
  switch (type) {
    case IP_RETOPTS: {
      const n = Math.min(len, 40);
      const opt = ip_options_get(sock_net(sk), b.slice(at, at + n), n);
      if (IS_ERR(opt)) return opt;
      ipc.opt = opt;
      return 0;
    }
    case IP_PKTINFO: {
      if (len !== 12) return -EINVAL;
      const ifindex = sockopt_get_int(b, at);
      if (ifindex !== 0) ipc.oif = ifindex;
      ipc.addr = get_addr(b, at + 4);
      return 0;
    }
    case IP_TTL: {
      const val = len === 4 ? sockopt_get_int(b, at) : 0;
      if (val < 1 || val > 255) return -EINVAL;
      ipc.ttl = val;
      return 0;
    }
    case IP_TOS: {
      const val = len === 4 ? sockopt_get_int(b, at) : len === 1 ? b[at] : -1;
      if (val < 0 || val > 255) return -EINVAL;
      ipc.tos = val;
      ipc.priority = rt_tos2priority(val);
      return 0;
    }
    case IP_PROTOCOL: {
      const val = len === 4 ? sockopt_get_int(b, at) : 0;
      if (val < 1 || val > 255) return -EINVAL;
      ipc.protocol = val;
      return 0;
    }
    default:
      return -EINVAL;
  }
}

/** Takes the ancillary data of a datagram that is to be sent: 0 or a negative errno. */
export function ip_cmsg_send(
  sk: sock,
  msg: msghdr,
  ipc: ipcm_cookie,
  _allow_ipv6: boolean,
): number {
  const b = msg.msg_control;
  if (b === null) return 0;
  const end = Math.min(msg.msg_controllen, b.length);
  for (let at = 0; at + CMSG_HDR <= end;) {
    const cmsg_len = sockopt_get_int(b, at);
    if (cmsg_len < CMSG_HDR || at + cmsg_len > end) return -EINVAL;
    const level = sockopt_get_int(b, at + 8);
    const type = sockopt_get_int(b, at + 12);
    let err = 0;
    if (level === SOL_SOCKET) {
      err = __sock_cmsg_send(sk, type, b, at + CMSG_HDR, cmsg_len - CMSG_HDR, ipc.sockc);
    } else if (level === SOL_IP) {
      err = ip_cmsg_send_one(sk, type, b, at + CMSG_HDR, cmsg_len - CMSG_HDR, ipc);
    }
    if (err !== 0) return err;
    at += (cmsg_len + 7) & ~7;
  }
  return 0;
}

/** An ICMP error about a packet of ours, for the program: err errno, payload the offset in skb's head of what we sent. */
export function ip_icmp_error(
  sk: sock,
  skb: sk_buff,
  err: number,
  port: number,
  info: number,
  payload: number,
): void {
  const icmph = icmp_hdr(skb);
  const clone = skb_clone(skb);
  const serr = SKB_EXT_ERR(clone);
  serr.ee.ee_errno = err;
  serr.ee.ee_origin = SO_EE_ORIGIN_ICMP;
  serr.ee.ee_type = icmph.type;
  serr.ee.ee_code = icmph.code;
  serr.ee.ee_info = info;
  serr.ee.ee_data = 0;
  // The destination of the packet that the ICMP message quotes.
  serr.addr_offset = icmph.off + 8 + 16 - clone.network_header;
  serr.port = port;
  serr.opt_stats = false;
  const len = payload - clone.data;
  if (len >= 0 && len <= clone.len && pskb_may_pull(clone, len)) {
    skb_pull(clone, len);
    skb_reset_transport_header(clone);
    if (sock_queue_err_skb(sk, clone) === 0) return;
  }
  kfree_skb_reason(clone, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

/** A packet could not be sent from here: err errno, info the MTU that it met. */
export function ip_local_error(
  sk: sock,
  err: number,
  daddr: number,
  port: number,
  info: number,
): void {
  if (!inet_sk(sk).recverr) return;
  const skb = alloc_skb(20);
  if (skb === null) return;
  skb_put(skb, 20);
  skb.head.u8.fill(0, skb.data, skb.tail);
  skb_reset_network_header(skb);
  ip_hdr(skb).daddr = daddr;
  const serr = SKB_EXT_ERR(skb);
  serr.ee.ee_errno = err;
  serr.ee.ee_origin = SO_EE_ORIGIN_LOCAL;
  serr.ee.ee_type = 0;
  serr.ee.ee_code = 0;
  serr.ee.ee_info = info;
  serr.ee.ee_data = 0;
  serr.addr_offset = 16;
  serr.port = port;
  serr.opt_stats = false;
  __skb_pull(skb, 20);
  skb_reset_transport_header(skb);
  if (sock_queue_err_skb(sk, skb) !== 0) kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

/** The error knows an address: it is of ICMP or our own, or has a port. */
function ipv4_datagram_support_addr(serr: sock_exterr_skb): boolean {
  return serr.ee.ee_origin === SO_EE_ORIGIN_ICMP || serr.ee.ee_origin === SO_EE_ORIGIN_LOCAL ||
    serr.port !== 0;
}

/** recvmsg(MSG_ERRQUEUE): the oldest error, with the packet that it is about: bytes copied, or -EAGAIN. */
export function ip_recv_error(sk: sock, msg: msghdr, len: number): number {
  const skb = sock_dequeue_err_skb(sk);
  if (skb === null) return -EAGAIN;
  let copied = skb.len;
  if (copied > len) {
    msg.msg_flags |= MSG_TRUNC;
    copied = len;
  }
  const err = skb_copy_datagram_iter(skb, 0, msg.msg_iter, copied);
  if (err !== 0) {
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_UCOPY_FAULT);
    return err;
  }
  sock_recv_timestamp(msg, sk, skb);
  const serr = SKB_EXT_ERR(skb);
  const sin = msg.msg_name;
  if (sin !== null && ipv4_datagram_support_addr(serr)) {
    sin.sin_family = AF_INET;
    sin.sin_addr = skb.head.dv.getInt32(skb.network_header + serr.addr_offset);
    sin.sin_port = serr.port;
    msg.msg_namelen = 16;
  }
  // struct sock_extended_err, then the offender's struct sockaddr_in.
  const errhdr = new Uint8Array(32);
  sockopt_put_int(errhdr, 0, serr.ee.ee_errno);
  errhdr[4] = serr.ee.ee_origin;
  errhdr[5] = serr.ee.ee_type;
  errhdr[6] = serr.ee.ee_code;
  sockopt_put_int(errhdr, 8, serr.ee.ee_info);
  sockopt_put_int(errhdr, 12, serr.ee.ee_data);
  if (serr.ee.ee_origin === SO_EE_ORIGIN_ICMP) {
    put_sockaddr_in(errhdr, 16, ip_hdr(skb).saddr, 0);
    ip_cmsg_recv_offset(msg, sk, skb, 0, 0);
  }
  put_cmsg(msg, SOL_IP, IP_RECVERR, 32, errhdr);
  msg.msg_flags |= MSG_ERRQUEUE;
  consume_skb(skb);
  return copied;
}

/** As ip_recv_error(), for a socket of any family. @differs stands in af_inet.c, above its callers here */
export function inet_recv_error(sk: sock, msg: msghdr, len: number): number {
  return sk.skc_family === AF_INET ? ip_recv_error(sk, msg, len) : -EINVAL;
}

/** Keeps what IP_PKTINFO will report, as the route goes. */
export function ipv4_pktinfo_prepare(sk: sock, skb: sk_buff, drop_dst: boolean): void {
  const cb = IPCB(skb);
  if ((inet_sk(sk).cmsg_flags & IP_CMSG_PKTINFO) !== 0 && skb._skb_refdst !== null) {
    // Of what this host sends to itself, the interface that it would have left by.
    if (cb.iif === LOOPBACK_IFINDEX) cb.iif = inet_iif(skb);
    cb.ipi_spec_dst = fib_compute_spec_dst(skb);
  } else {
    cb.iif = 0;
    cb.ipi_spec_dst = 0;
  }
  if (drop_dst) skb._skb_refdst = null;
}

/** Sets the TOS byte of a locked socket; TCP keeps the ECN bits to itself. */
export function __ip_sock_set_tos(sk: sock, val: number): void {
  const inet = inet_sk(sk);
  if (sk.sk_type === SOCK_STREAM) val = (val & ~INET_ECN_MASK) | (inet.tos & INET_ECN_MASK);
  if (inet.tos === val) return;
  inet.tos = val;
  sk.sk_priority = rt_tos2priority(val);
  sk_dst_reset(sk);
}

function set_cmsg_flag(inet: inet_sock, flag: number, val: number): number {
  if (val !== 0) inet.cmsg_flags |= flag;
  else inet.cmsg_flags &= ~flag;
  return 0;
}

/** IP_OPTIONS of a locked socket: 0 or a negative errno. */
function ip_sock_set_options(sk: sock, optval: Uint8Array, optlen: number): number {
  const inet = inet_sk(sk);
  if (optlen > 40) return -EINVAL;
  const opt = ip_options_get(sock_net(sk), optval.slice(0, optlen), optlen);
  if (IS_ERR(opt)) return opt;
  const old = inet.inet_opt;
  if (inet.is_icsk) {
    const icsk = inet_csk(sk);
    if (old !== null) icsk.icsk_ext_hdr_len -= old.optlen;
    icsk.icsk_ext_hdr_len += opt.optlen;
    icsk.icsk_sync_mss(sk, icsk.icsk_pmtu_cookie);
  }
  inet.inet_opt = opt.optlen !== 0 ? opt : null;
  return 0;
}

/** IP_MULTICAST_IF: struct in_addr, ip_mreq or ip_mreqn. */
function ip_sock_set_multicast_if(sk: sock, optval: Uint8Array, optlen: number): number {
  const inet = inet_sk(sk);
  if (sk.sk_type === SOCK_STREAM || optlen < 4) return -EINVAL;
  const addr = get_addr(optval, optlen >= 8 ? 4 : 0);
  let ifindex = optlen >= 12 ? sockopt_get_int(optval, 8) : 0;
  if (ifindex === 0) {
    if (addr === 0) {
      inet.mc_index = 0;
      inet.mc_addr = 0;
      return 0;
    }
    for (const dev of sock_net(sk).dev_base_head) {
      for (let ifa = dev.ip_ptr?.ifa_list ?? null; ifa !== null; ifa = ifa.ifa_next) {
        if (ifa.ifa_local === addr) ifindex = dev.ifindex;
      }
    }
  }
  if (!sock_net(sk).dev_index_head.has(ifindex)) return -EADDRNOTAVAIL;
  if (sk.skc_bound_dev_if !== 0 && ifindex !== sk.skc_bound_dev_if) return -EINVAL;
  inet.mc_index = ifindex;
  inet.mc_addr = addr;
  return 0;
}

function ip_sock_set_unicast_if(sk: sock, optval: Uint8Array, optlen: number): number {
  if (optlen !== 4) return -EINVAL;
  // In network byte order, alone of all.
  const ifindex = get_addr(optval, 0);
  if (ifindex !== 0) {
    if (!sock_net(sk).dev_index_head.has(ifindex)) return -EADDRNOTAVAIL;
    if (sk.skc_bound_dev_if !== 0) return -EINVAL;
  }
  inet_sk(sk).uc_index = ifindex;
  return 0;
}

/** Sets an option of a locked socket: 0 or a negative errno. */
function ip_setsockopt_locked(
  sk: sock,
  optname: number,
  val: number,
  optval: Uint8Array,
  optlen: number,
): number {
  const inet = inet_sk(sk);
  switch (optname) {
    case IP_OPTIONS:
      return ip_sock_set_options(sk, optval, optlen);
    case IP_PKTINFO:
      return set_cmsg_flag(inet, IP_CMSG_PKTINFO, val);
    case IP_RECVTTL:
      return set_cmsg_flag(inet, IP_CMSG_TTL, val);
    case IP_RECVTOS:
      return set_cmsg_flag(inet, IP_CMSG_TOS, val);
    case IP_RECVOPTS:
      return set_cmsg_flag(inet, IP_CMSG_RECVOPTS, val);
    case IP_RETOPTS:
      return set_cmsg_flag(inet, IP_CMSG_RETOPTS, val);
    case IP_RECVORIGDSTADDR:
      return set_cmsg_flag(inet, IP_CMSG_ORIGDSTADDR, val);
    case IP_RECVFRAGSIZE:
      if (sk.sk_type !== SOCK_RAW && sk.sk_type !== SOCK_DGRAM) return -EINVAL;
      return set_cmsg_flag(inet, IP_CMSG_RECVFRAGSIZE, val);
    case IP_TOS:
      __ip_sock_set_tos(sk, val & 0xff);
      return 0;
    case IP_TTL:
      if (optlen < 1 || (val !== -1 && (val < 1 || val > 255))) return -EINVAL;
      inet.uc_ttl = val;
      return 0;
    case IP_HDRINCL:
      if (sk.sk_type !== SOCK_RAW) return -ENOPROTOOPT;
      inet.hdrincl = val !== 0;
      return 0;
    case IP_NODEFRAG:
      if (sk.sk_type !== SOCK_RAW) return -ENOPROTOOPT;
      inet.nodefrag = val !== 0;
      return 0;
    case IP_BIND_ADDRESS_NO_PORT:
      inet.bind_address_no_port = val !== 0;
      return 0;
    case IP_MTU_DISCOVER:
      if (val < IP_PMTUDISC_DONT || val > IP_PMTUDISC_OMIT) return -EINVAL;
      inet.pmtudisc = val;
      return 0;
    case IP_RECVERR:
      inet.recverr = val !== 0;
      if (val === 0) skb_queue_purge(sk.sk_error_queue);
      return 0;
    case IP_RECVERR_RFC4884:
      if (val < 0 || val > 1) return -EINVAL;
      inet.recverr_rfc4884 = val !== 0;
      return 0;
    case IP_MULTICAST_TTL:
      if (sk.sk_type === SOCK_STREAM || optlen < 1) return -EINVAL;
      if (val === -1) val = 1;
      if (val < 0 || val > 255) return -EINVAL;
      inet.mc_ttl = val;
      return 0;
    case IP_MULTICAST_LOOP:
      if (optlen < 1) return -EINVAL;
      inet.mc_loop = val !== 0;
      return 0;
    case IP_MULTICAST_IF:
      return ip_sock_set_multicast_if(sk, optval, optlen);
    case IP_UNICAST_IF:
      return ip_sock_set_unicast_if(sk, optval, optlen);
    case IP_FREEBIND:
      if (optlen < 1) return -EINVAL;
      inet.freebind = val !== 0;
      return 0;
    case IP_TRANSPARENT:
      if (optlen < 1) return -EINVAL;
      inet.transparent = val !== 0;
      return 0;
    case IP_MINTTL:
      if (optlen < 1 || val < 0 || val > 255) return -EINVAL;
      inet.min_ttl = val;
      return 0;
    case IP_LOCAL_PORT_RANGE: {
      const lo = val & 0xffff;
      const hi = val >>> 16;
      if (optlen !== 4 || (lo !== 0 && hi !== 0 && lo > hi)) return -EINVAL;
      inet.local_port_range_lo = lo;
      inet.local_port_range_hi = hi;
      return 0;
    }
    default:
      return -ENOPROTOOPT;
  }
}

export function do_ip_setsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (optlen < 0) return -EINVAL;
  if (optval.length < Math.min(optlen, 40)) return -EFAULT;
  // An int, or one byte; nothing is 0.
  const val = optlen >= 4 ? sockopt_get_int(optval, 0) : optlen >= 1 ? optval[0] : 0;
  return after_sleep(lock_sock(sk), () => {
    const err = ip_setsockopt_locked(sk, optname, val, optval, optlen);
    release_sock(sk);
    return err;
  });
}

/** Sets an option of SOL_IP: 0 or a negative errno. */
export function ip_setsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (level !== SOL_IP) return -ENOPROTOOPT;
  return do_ip_setsockopt(sk, level, optname, optval, optlen);
}

/** An option that is an int; null where there is none of the name. */
function ip_getsockopt_int(sk: sock, optname: number): number | null {
  const inet = inet_sk(sk);
  const flag = (f: number): number => (inet.cmsg_flags & f) !== 0 ? 1 : 0;
  switch (optname) {
    case IP_PKTINFO:
      return flag(IP_CMSG_PKTINFO);
    case IP_RECVTTL:
      return flag(IP_CMSG_TTL);
    case IP_RECVTOS:
      return flag(IP_CMSG_TOS);
    case IP_RECVOPTS:
      return flag(IP_CMSG_RECVOPTS);
    case IP_RETOPTS:
      return flag(IP_CMSG_RETOPTS);
    case IP_RECVORIGDSTADDR:
      return flag(IP_CMSG_ORIGDSTADDR);
    case IP_RECVFRAGSIZE:
      return flag(IP_CMSG_RECVFRAGSIZE);
    case IP_TOS:
      return inet.tos;
    case IP_TTL:
      return inet.uc_ttl === -1 ? sock_net(sk).ipv4.sysctl_ip_default_ttl : inet.uc_ttl;
    case IP_HDRINCL:
      return inet.hdrincl ? 1 : 0;
    case IP_NODEFRAG:
      return inet.nodefrag ? 1 : 0;
    case IP_BIND_ADDRESS_NO_PORT:
      return inet.bind_address_no_port ? 1 : 0;
    case IP_MTU_DISCOVER:
      return inet.pmtudisc;
    case IP_MTU: {
      const dst = sk_dst_get(sk);
      return dst !== null ? dst_mtu(dst) : 0;
    }
    case IP_RECVERR:
      return inet.recverr ? 1 : 0;
    case IP_RECVERR_RFC4884:
      return inet.recverr_rfc4884 ? 1 : 0;
    case IP_MULTICAST_TTL:
      return inet.mc_ttl;
    case IP_MULTICAST_LOOP:
      return inet.mc_loop ? 1 : 0;
    case IP_FREEBIND:
      return inet.freebind ? 1 : 0;
    case IP_TRANSPARENT:
      return inet.transparent ? 1 : 0;
    case IP_MINTTL:
      return inet.min_ttl;
    case IP_LOCAL_PORT_RANGE:
      return (inet.local_port_range_hi << 16) | inet.local_port_range_lo;
    case IP_PROTOCOL:
      return inet.skc_num;
    default:
      return null;
  }
}

/** IP_PKTOPTIONS: what a stream socket would report, as ancillary data. */
function ip_get_pktoptions(sk: sock, optval: Uint8Array, optlen: Int32Array): number {
  const inet = inet_sk(sk);
  if (sk.sk_type !== SOCK_STREAM) return -ENOPROTOOPT;
  const msg = new msghdr();
  const len = Math.min(optlen[0], optval.length);
  msg.msg_control = optval;
  msg.msg_controllen = len;
  if (inet.cmsg_flags & IP_CMSG_PKTINFO) {
    put_pktinfo(msg, inet.mc_index, inet.skc_rcv_saddr, inet.skc_rcv_saddr);
  }
  if (inet.cmsg_flags & IP_CMSG_TTL) put_cmsg_int(msg, IP_TTL, inet.mc_ttl);
  if (inet.cmsg_flags & IP_CMSG_TOS) put_cmsg_int(msg, IP_TOS, inet.rcv_tos);
  optlen[0] = len - msg.msg_controllen;
  return 0;
}

export function do_ip_getsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  if (level !== SOL_IP) return -EOPNOTSUPP;
  const len = optlen[0];
  if (len < 0) return -EINVAL;
  const inet = inet_sk(sk);
  const b = new Uint8Array(4);
  switch (optname) {
    case IP_OPTIONS: {
      const opt = inet.inet_opt;
      if (opt === null || opt.optlen === 0 || opt.__data === null) {
        optlen[0] = 0;
        return 0;
      }
      const copy = Object.assign(new ip_options(), opt);
      copy.__data = opt.__data.slice();
      ip_options_undo(copy);
      return sockopt_answer(optval, optlen, copy.__data, copy.optlen);
    }
    case IP_MULTICAST_IF:
      put_addr(b, 0, inet.mc_addr);
      return sockopt_answer(optval, optlen, b, 4);
    case IP_UNICAST_IF:
      put_addr(b, 0, inet.uc_index);
      return sockopt_answer(optval, optlen, b, 4);
    case IP_PKTOPTIONS:
      return ip_get_pktoptions(sk, optval, optlen);
  }
  const val = ip_getsockopt_int(sk, optname);
  if (val === null) return -ENOPROTOOPT;
  if (optname === IP_MTU && val === 0) return -ENOTCONN;
  sockopt_put_int(b, 0, val);
  // Whoever has room for less than an int gets one byte.
  return sockopt_answer(optval, optlen, b, len < 4 && len > 0 && val >= 0 && val <= 255 ? 1 : 4);
}

/** Answers an option of SOL_IP: 0 or a negative errno; optlen becomes what was written. */
export function ip_getsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  return do_ip_getsockopt(sk, level, optname, optval, optlen);
}

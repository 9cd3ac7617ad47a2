// SPDX-License-Identifier: GPL-2.0-only
//
// Raw sockets. ip_local_deliver() has raw_local_deliver() of include/net/raw.ts give each socket of
// the protocol a copy of every packet, IP header and all, and icmp_socket_deliver() has
// raw_icmp_error() tell them of errors: both are registered here. raw_sendmsg() sends what follows the
// IP header, or with IP_HDRINCL all of it.

import { IS_ERR } from "../../include/linux/err.ts";
import { hlist_add_head, hlist_del_init, hlist_unhashed } from "../../include/linux/list.ts";
import type { msghdr } from "../../include/linux/net.ts";
import {
  LL_RESERVED_SPACE,
  NET_RX_DROP,
  NET_RX_SUCCESS,
  net_xmit_errno,
} from "../../include/linux/netdevice.ts";
import { after_sleep } from "../../include/linux/sched.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  icmp_hdr,
  ip_hdr,
  skb_dst_set,
  skb_peek,
  skb_reserve,
  skb_reset_network_header,
  skb_transport_offset,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  AF_INET,
  AF_UNSPEC,
  MSG_CONFIRM,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PROBE,
  MSG_TRUNC,
  SOL_RAW,
} from "../../include/linux/socket.ts";
import { copy_from_iter } from "../../include/linux/uio.ts";
import {
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_PROTO_MEM,
  SKB_DROP_REASON_SKB_UCOPY_FAULT,
  SKB_DROP_REASON_SOCKET_RCVBUFF,
} from "../../include/net/dropreason.ts";
import { dst_output } from "../../include/net/dst.ts";
import { flowi4, flowi4_init_output, FLOWI_FLAG_KNOWN_NH } from "../../include/net/flow.ts";
import { inet_can_nonlocal_bind, inet_sk } from "../../include/net/inet_sock.ts";
import { inet_sk_flowi_flags } from "../../include/net/inet_sock.ts";
import {
  IP_INC_STATS,
  ipcm_cookie,
  ipcm_init_sk,
  ipv4_is_multicast,
} from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  raw_hashinfo,
  RAW_HTABLE_SIZE,
  raw_sk,
  raw_sock,
  register_raw_receiver,
} from "../../include/net/raw.ts";
import { inet_iif, RT_TOS, RTCF_BROADCAST, RTO_ONLINK } from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import {
  proto_counters,
  sk_wmem_alloc_get,
  SOCK_BROADCAST,
  sock_flag,
  SOCK_LOCALROUTE,
  sock_net,
  sock_prot_inuse_add,
  SOCK_RCU_FREE,
  sock_set_flag,
} from "../../include/net/sock.ts";
import type { proto, sock } from "../../include/net/sock.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { hlist_head } from "../../include/linux/types.ts";
import {
  EACCES,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EDESTADDRREQ,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOIOCTLCMD,
  ENOMEM,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_FILTER,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  NR_ICMP_UNREACH,
} from "../../include/uapi/linux/icmp.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import {
  INADDR_ANY,
  IP_PMTUDISC_DONT,
  IPPROTO_ICMP,
  IPPROTO_RAW,
} from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import {
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
} from "../../include/uapi/linux/rtnetlink.ts";
import { IPSTATS_MIB_OUTDISCARDS } from "../../include/uapi/linux/snmp.ts";
import { SIOCINQ, SIOCOUTQ } from "../../include/uapi/linux/sockios.ts";
import { csum_block_add, csum_partial_copy, ip_fast_csum } from "../../lib/checksum.ts";
import { skb_copy_datagram_msg, skb_free_datagram } from "../core/datagram.ts";
import { skb_recv_datagram, skb_recv_state } from "../core/datagram.ts";
import { kfree_skb_reason, skb_clone, skb_copy_bits, skb_push, skb_put } from "../core/skbuff.ts";
import {
  lock_sock,
  release_sock,
  sk_common_release,
  sk_dst_reset,
  sk_error_report,
  sock_alloc_send_skb,
  sock_queue_rcv_skb,
  sockopt_answer,
  sockopt_get_int,
  sockopt_put_int,
} from "../core/sock.ts";
import { sock_recv_cmsgs } from "../socket.ts";
import { ip4_datagram_connect, ip4_datagram_release_cb } from "./datagram.ts";
import { inet_addr_type_table } from "./fib_frontend.ts";
import { icmp_err_convert, icmp_out_count } from "./icmp.ts";
import {
  ip_append_data,
  ip_flush_pending_frames,
  ip_generic_getfrag,
  ip_push_pending_frames,
} from "./ip_output.ts";
import {
  ip_cmsg_recv,
  ip_cmsg_send,
  ip_getsockopt,
  ip_icmp_error,
  ip_local_error,
  ip_recv_error,
  ip_setsockopt,
  ipv4_pktinfo_prepare,
} from "./ip_sockglue.ts";
import { ip_route_output_flow, ip_select_ident } from "./route.ts";
import { ipv4_sk_redirect, ipv4_sk_update_pmtu } from "./route.ts";
import { __udp_disconnect } from "./udp.ts";

const SOCKADDR_IN_SIZE = 16;

/** All raw sockets. */
export const raw_v4_hashinfo: raw_hashinfo = new raw_hashinfo();

function raw_hashfunc(proto: number): number {
  return proto & (RAW_HTABLE_SIZE - 1);
}

/** Enters a socket under its protocol. 0. */
export function raw_hash_sk(sk: sock): number {
  sk.skc_refcnt++;
  hlist_add_head(sk.skc_node, raw_v4_hashinfo.ht[raw_hashfunc(inet_sk(sk).inet_num)]);
  sock_set_flag(sk, SOCK_RCU_FREE);
  sock_prot_inuse_add(sock_net(sk), sk.skc_prot, 1);
  return 0;
}

/** Takes a socket out of the table. */
export function raw_unhash_sk(sk: sock): void {
  if (hlist_unhashed(sk.skc_node)) return;
  hlist_del_init(sk.skc_node);
  sk.skc_refcnt--;
  sock_prot_inuse_add(sock_net(sk), sk.skc_prot, -1);
}

/** sk wants packets of protocol num from raddr to laddr that come in by dif. */
export function raw_v4_match(
  n: net,
  sk: sock,
  num: number,
  raddr: number,
  laddr: number,
  dif: number,
): boolean {
  return sk.skc_net === n && sk.skc_num === num &&
    (sk.skc_daddr === 0 || sk.skc_daddr === raddr) &&
    (sk.skc_rcv_saddr === 0 || sk.skc_rcv_saddr === laddr) &&
    (sk.skc_bound_dev_if === 0 || sk.skc_bound_dev_if === dif);
}

const icmp_head = new Uint8Array(8);

/** ICMP_FILTER: sk does not want this message. */
function icmp_filter(sk: sock, skb: sk_buff): boolean {
  const at = skb_transport_offset(skb);
  if (at + 8 > skb.len || skb_copy_bits(skb, at, icmp_head, 8) !== 0) return true;
  const type = icmp_head[0];
  return type < 32 && ((1 << type) & raw_sk(sk).filter) !== 0;
}

function raw_v4_input(n: net, skb: sk_buff, protocol: number): boolean {
  const hlist = raw_v4_hashinfo.ht[raw_hashfunc(protocol)];
  let delivered = false;
  let next;
  for (let node = hlist.next; node !== null; node = next) {
    next = node.next;
    const sk = node.owner as sock;
    const iph = ip_hdr(skb);
    if (!raw_v4_match(n, sk, protocol, iph.saddr, iph.daddr, inet_iif(skb))) continue;
    delivered = true;
    if (protocol === IPPROTO_ICMP && icmp_filter(sk, skb)) continue;
    raw_rcv(sk, skb_clone(skb));
  }
  return delivered;
}

/** Gives copies to the sockets of a protocol; true if there are any. */
export function raw_local_deliver(skb: sk_buff, protocol: number): boolean {
  if (raw_v4_hashinfo.ht[raw_hashfunc(protocol)].next === null) return false;
  return raw_v4_input(skb.dev!.nd_net, skb, protocol);
}

/** An ICMP error about a packet of sk: data is its IP header. */
function raw_err(sk: sock, skb: sk_buff, info: number): void {
  const inet = inet_sk(sk);
  const { type, code } = icmp_hdr(skb);
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
    ipv4_sk_update_pmtu(skb, sk, info);
  } else if (type === ICMP_REDIRECT) {
    ipv4_sk_redirect(skb, sk);
    return;
  }
  if (!inet.recverr && sk.skc_state !== TCP_ESTABLISHED) return;

  let err = EHOSTUNREACH;
  let harderr = false;
  if (type === ICMP_SOURCE_QUENCH) return;
  if (type === ICMP_PARAMETERPROB) {
    err = EPROTO;
    harderr = true;
  } else if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
    err = EMSGSIZE;
    harderr = inet.pmtudisc !== IP_PMTUDISC_DONT;
  } else if (type === ICMP_DEST_UNREACH && code <= NR_ICMP_UNREACH) {
    err = icmp_err_convert[code].errno;
    harderr = icmp_err_convert[code].fatal;
  }
  if (inet.recverr) {
    const ihl = (skb.head.u8[skb.data] & 15) << 2;
    ip_icmp_error(sk, skb, err, 0, info, inet.hdrincl ? skb.data : skb.data + ihl);
  }
  if (inet.recverr || harderr) {
    sk.sk_err = err;
    sk_error_report(sk);
  }
}

/** Tells the sockets of a protocol of an ICMP error: data is the IP header of the packet in question. */
export function raw_icmp_error(skb: sk_buff, protocol: number, info: number): void {
  const hlist = raw_v4_hashinfo.ht[raw_hashfunc(protocol)];
  const dev = skb.dev!;
  const { dv } = skb.head;
  const saddr = dv.getInt32(skb.data + 12);
  const daddr = dv.getInt32(skb.data + 16);
  for (let node = hlist.next; node !== null; node = node.next) {
    const sk = node.owner as sock;
    if (raw_v4_match(dev.nd_net, sk, protocol, daddr, saddr, dev.ifindex)) raw_err(sk, skb, info);
  }
}

function raw_rcv_skb(sk: sock, skb: sk_buff): number {
  ipv4_pktinfo_prepare(sk, skb, true);
  const err = sock_queue_rcv_skb(sk, skb);
  if (err >= 0) return NET_RX_SUCCESS;
  kfree_skb_reason(
    skb,
    err === -ENOMEM ? SKB_DROP_REASON_SOCKET_RCVBUFF : SKB_DROP_REASON_PROTO_MEM,
  );
  return NET_RX_DROP;
}

/** A packet for a socket, which gets it with its IP header. */
export function raw_rcv(sk: sock, skb: sk_buff): number {
  skb_push(skb, skb.data - skb.network_header);
  raw_rcv_skb(sk, skb);
  return 0;
}

/** What one send carries; ICMP's first bytes were read for the route's sake. */
class raw_frag_vec {
  msg!: msghdr;
  readonly hdr = new Uint8Array(2);
  hlen = 0;
  readonly ipc = new ipcm_cookie();
  readonly fl4 = new flowi4();
  rt!: rtable;
}

/** IP_HDRINCL: sends the program's own IP header: 0 or a negative errno. */
function raw_send_hdrinc(
  sk: sock,
  rfv: raw_frag_vec,
  msg: msghdr,
  length: number,
): number | Promise<number> {
  const { rt, fl4 } = rfv;
  const inet = inet_sk(sk);
  const flags = msg.msg_flags;
  const { dev } = rt;
  if (length > dev.mtu) {
    ip_local_error(sk, EMSGSIZE, fl4.daddr, inet.inet_dport, dev.mtu);
    return -EMSGSIZE;
  }
  if (length < 20) return -EINVAL;
  if ((flags & MSG_PROBE) !== 0) return 0;

  const hlen = LL_RESERVED_SPACE(dev);
  const made = sock_alloc_send_skb(sk, length + hlen + 15, (flags & MSG_DONTWAIT) !== 0);
  return after_sleep(made, (skb) => {
    let err = IS_ERR(skb) ? skb : raw_send_hdrinc_skb(sk, rfv, skb, msg, length);
    if (err > 0) err = net_xmit_errno(err);
    if (err !== 0) {
      IP_INC_STATS(sock_net(sk), IPSTATS_MIB_OUTDISCARDS);
      if (err === -ENOBUFS && !inet.recverr) err = 0;
    }
    return err;
  });
}

function raw_send_hdrinc_skb(
  sk: sock,
  rfv: raw_frag_vec,
  skb: sk_buff,
  msg: msghdr,
  length: number,
): number {
  const n = sock_net(sk);
  const { rt, fl4, ipc } = rfv;
  skb_reserve(skb, LL_RESERVED_SPACE(rt.dev));
  skb.protocol = ETH_P_IP;
  skb.priority = sk.sk_priority;
  skb.mark = ipc.sockc.mark;
  skb.tstamp = ipc.sockc.transmit_time;
  skb_dst_set(skb, rt);
  skb_reset_network_header(skb);
  const at = skb_put(skb, length);
  skb.ip_summed = CHECKSUM_NONE;
  if ((msg.msg_flags & MSG_CONFIRM) !== 0) skb.dst_pending_confirm = true;
  skb.transport_header = skb.network_header;
  if (copy_from_iter(skb.head.u8, at, length, msg.msg_iter) !== length) {
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_UCOPY_FAULT);
    return -EFAULT;
  }
  const iph = ip_hdr(skb);
  const iphlen = iph.ihl << 2;
  if (iphlen > length || iphlen < 20) {
    kfree_skb_reason(skb, SKB_DROP_REASON_IP_INHDR);
    return -EINVAL;
  }
  if (iph.saddr === 0) iph.saddr = fl4.saddr;
  iph.check = 0;
  iph.tot_len = length;
  if (iph.id === 0) ip_select_ident(n, skb, null);
  iph.check = ip_fast_csum(skb.head.u8, skb.network_header, iph.ihl);
  skb.transport_header += iphlen;
  if (iph.protocol === IPPROTO_ICMP && length >= iphlen + 8) icmp_out_count(n, icmp_hdr(skb).type);
  return dst_output(n, sk, skb);
}

/** The ICMP type and code are part of the route's key. */
function raw_probe_proto_opt(rfv: raw_frag_vec): number {
  const { fl4 } = rfv;
  if (fl4.flowi4_proto !== IPPROTO_ICMP) return 0;
  rfv.hlen = 2;
  if (copy_from_iter(rfv.hdr, 0, 2, rfv.msg.msg_iter) !== 2) return -EFAULT;
  fl4.fl4_icmp_type = rfv.hdr[0];
  fl4.fl4_icmp_code = rfv.hdr[1];
  return 0;
}

function raw_getfrag(
  rfv: raw_frag_vec,
  to: Uint8Array,
  to_off: number,
  offset: number,
  len: number,
  odd: number,
  skb: sk_buff,
): number {
  if (offset < rfv.hlen) {
    const copy = Math.min(rfv.hlen - offset, len);
    const csum = csum_partial_copy(rfv.hdr, offset, to, to_off, copy, 0);
    if (skb.ip_summed !== CHECKSUM_PARTIAL) skb.csum = csum_block_add(skb.csum, csum, odd);
    odd = 0;
    offset += copy;
    to_off += copy;
    len -= copy;
    if (len === 0) return 0;
  }
  return ip_generic_getfrag(rfv.msg, to, to_off, offset - rfv.hlen, len, odd, skb);
}

/** sendmsg() of a raw socket: the bytes sent, or a negative errno. */
export function raw_sendmsg(sk: sock, msg: msghdr, len: number): number | Promise<number> {
  if (len > 0xffff) return -EMSGSIZE;
  if ((msg.msg_flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  const rfv = new raw_frag_vec();
  rfv.msg = msg;
  const bad = raw_send_prepare(sk, msg, rfv);
  if (bad !== 0) return bad;

  const { rt, fl4, ipc } = rfv;
  if ((msg.msg_flags & MSG_CONFIRM) !== 0 && (msg.msg_flags & MSG_PROBE) !== 0) {
    rt.ops.confirm_neigh(rt, fl4.daddr);
    if (len === 0) return 0;
  }
  if (inet_sk(sk).hdrincl) {
    return after_sleep(raw_send_hdrinc(sk, rfv, msg, len), (err) => err < 0 ? err : len);
  }
  if (ipc.addr === 0) ipc.addr = fl4.daddr;
  return after_sleep(lock_sock(sk), () => {
    const ret = ip_append_data(sk, fl4, raw_getfrag, rfv, len, 0, ipc, rt, msg.msg_flags);
    return after_sleep(ret, (err) => {
      if (err !== 0) {
        ip_flush_pending_frames(sk);
      } else if ((msg.msg_flags & MSG_MORE) === 0) {
        err = ip_push_pending_frames(sk, fl4);
        if (err === -ENOBUFS && !inet_sk(sk).recverr) err = 0;
      }
      release_sock(sk);
      return err < 0 ? err : len;
    });
  });
}

/** Finds out where the packet goes and how: fills rfv. 0 or a negative errno. */
function raw_send_prepare(sk: sock, msg: msghdr, rfv: raw_frag_vec): number {
  const inet = inet_sk(sk);
  const { hdrincl } = inet;
  const { ipc, fl4 } = rfv;
  const usin = msg.msg_name;
  let daddr = inet.inet_daddr;
  if (usin !== null && msg.msg_namelen !== 0) {
    if (msg.msg_namelen < SOCKADDR_IN_SIZE) return -EINVAL;
    if (usin.sin_family !== AF_INET && usin.sin_family !== AF_UNSPEC) return -EAFNOSUPPORT;
    daddr = usin.sin_addr;
  } else if (sk.skc_state !== TCP_ESTABLISHED) {
    return -EDESTADDRREQ;
  }

  ipcm_init_sk(ipc, inet);
  if (hdrincl) ipc.protocol = IPPROTO_RAW;
  if (msg.msg_controllen !== 0) {
    const err = ip_cmsg_send(sk, msg, ipc, false);
    if (err !== 0) return err;
  }
  let saddr = ipc.addr;
  ipc.addr = daddr;
  ipc.opt ??= inet.inet_opt;
  if (ipc.opt !== null) {
    if (hdrincl) return -EINVAL;
    if (ipc.opt.srr !== 0) {
      if (daddr === 0) return -EINVAL;
      daddr = ipc.opt.faddr;
    }
  }
  let tos = RT_TOS(ipc.tos !== -1 ? ipc.tos : inet.tos);
  if (sock_flag(sk, SOCK_LOCALROUTE) || (msg.msg_flags & MSG_DONTROUTE) !== 0) tos |= RTO_ONLINK;
  if (ipv4_is_multicast(daddr)) {
    if (ipc.oif === 0) ipc.oif = inet.mc_index;
    if (saddr === 0) saddr = inet.mc_addr;
  } else if (ipc.oif === 0) {
    ipc.oif = inet.uc_index;
  }
  flowi4_init_output(
    fl4,
    ipc.oif,
    ipc.sockc.mark,
    tos,
    RT_SCOPE_UNIVERSE,
    hdrincl ? ipc.protocol : sk.sk_protocol,
    inet_sk_flowi_flags(sk) | (hdrincl ? FLOWI_FLAG_KNOWN_NH : 0),
    daddr,
    saddr,
    0,
    0,
    sk.sk_uid,
  );
  if (!hdrincl) {
    const err = raw_probe_proto_opt(rfv);
    if (err !== 0) return err;
  }
  const rt = ip_route_output_flow(sock_net(sk), fl4, sk);
  if (IS_ERR(rt)) return rt;
  if ((rt.rt_flags & RTCF_BROADCAST) !== 0 && !sock_flag(sk, SOCK_BROADCAST)) return -EACCES;
  rfv.rt = rt;
  return 0;
}

function raw_close(sk: sock, _timeout: number): void {
  sk_common_release(sk);
}

function raw_destroy(sk: sock): void {
  ip_flush_pending_frames(sk);
}

/** bind() of a raw socket: 0, or -EADDRNOTAVAIL. */
function raw_bind(sk: sock, addr: sockaddr, addr_len: number): number {
  const inet = inet_sk(sk);
  const n = sock_net(sk);
  if (sk.skc_state !== TCP_CLOSE || addr_len < SOCKADDR_IN_SIZE) return -EINVAL;
  const type = inet_addr_type_table(n, addr.sin_addr, RT_TABLE_LOCAL);
  if (
    !inet_can_nonlocal_bind(n, inet) && addr.sin_addr !== INADDR_ANY && type !== RTN_LOCAL &&
    type !== RTN_MULTICAST && type !== RTN_BROADCAST
  ) return -EADDRNOTAVAIL;
  inet.inet_rcv_saddr = inet.inet_saddr = addr.sin_addr;
  if (type === RTN_MULTICAST || type === RTN_BROADCAST) inet.inet_saddr = 0;
  sk_dst_reset(sk);
  return 0;
}

const recv_state = new skb_recv_state();

/** recvmsg() of a raw socket: bytes received, IP header first, or a negative errno. */
export function raw_recvmsg(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  if ((flags & MSG_ERRQUEUE) !== 0) return ip_recv_error(sk, msg, len);

  const noblock = (flags & MSG_DONTWAIT) !== 0 || sk.sk_receive_queue.next !== null;
  // A call that sleeps needs its own: another may come in between.
  const st = noblock ? recv_state : new skb_recv_state();
  const skb = skb_recv_datagram(sk, flags, st);
  if (skb instanceof Promise) {
    return after_sleep(skb, (s) => s === null ? st.err : raw_recv_skb(sk, msg, len, flags, s));
  }
  st.last = null;
  return skb === null ? st.err : raw_recv_skb(sk, msg, len, flags, skb);
}

/** Gives a packet to the program and lets it go. @local */
function raw_recv_skb(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
  skb: sk_buff,
): number {
  let copied = skb.len;
  if (len < copied) {
    msg.msg_flags |= MSG_TRUNC;
    copied = len;
  }
  const err = skb_copy_datagram_msg(skb, 0, msg, copied);
  if (err === 0) {
    sock_recv_cmsgs(msg, sk, skb);
    const sin = msg.msg_name;
    if (sin !== null) {
      sin.sin_family = AF_INET;
      sin.sin_addr = ip_hdr(skb).saddr;
      sin.sin_port = 0;
      msg.msg_namelen = SOCKADDR_IN_SIZE;
    }
    if (inet_sk(sk).cmsg_flags !== 0) ip_cmsg_recv(msg, skb);
    if ((flags & MSG_TRUNC) !== 0) copied = skb.len;
  }
  skb_free_datagram(sk, skb);
  return err !== 0 ? err : copied;
}

function raw_sk_init(sk: sock): number {
  raw_sk(sk).filter = 0;
  return 0;
}

function raw_setsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (level !== SOL_RAW) return ip_setsockopt(sk, level, optname, optval, optlen);
  if (optname !== ICMP_FILTER) return -ENOPROTOOPT;
  if (inet_sk(sk).inet_num !== IPPROTO_ICMP) return -EOPNOTSUPP;
  if (optlen < 4) return -EINVAL;
  if (optval.length < 4) return -EFAULT;
  raw_sk(sk).filter = sockopt_get_int(optval, 0);
  return 0;
}

function raw_getsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number | Promise<number> {
  if (level !== SOL_RAW) return ip_getsockopt(sk, level, optname, optval, optlen);
  if (optname !== ICMP_FILTER) return -ENOPROTOOPT;
  if (inet_sk(sk).inet_num !== IPPROTO_ICMP) return -EOPNOTSUPP;
  if (optlen[0] < 0) return -EINVAL;
  const bytes = new Uint8Array(4);
  sockopt_put_int(bytes, 0, raw_sk(sk).filter);
  return sockopt_answer(optval, optlen, bytes, 4);
}

function raw_ioctl(sk: sock, cmd: number, arg: Int32Array): number {
  switch (cmd) {
    case SIOCOUTQ:
      arg[0] = sk_wmem_alloc_get(sk);
      return 0;
    case SIOCINQ:
      arg[0] = skb_peek(sk.sk_receive_queue)?.len ?? 0;
      return 0;
  }
  return -ENOIOCTLCMD;
}

/** Ends a socket from outside, with an error for its program. */
export function raw_abort(sk: sock, err: number): number {
  sk.sk_err = err;
  sk_error_report(sk);
  __udp_disconnect(sk, 0);
  return 0;
}

/** Operations of raw sockets. */
export const raw_prot: proto = {
  name: "RAW",
  close: raw_close,
  destroy: raw_destroy,
  connect: ip4_datagram_connect,
  disconnect: __udp_disconnect,
  ioctl: raw_ioctl,
  init: raw_sk_init,
  setsockopt: raw_setsockopt,
  getsockopt: raw_getsockopt,
  sendmsg: raw_sendmsg,
  recvmsg: raw_recvmsg,
  bind: raw_bind,
  backlog_rcv: raw_rcv_skb,
  release_cb: ip4_datagram_release_cb,
  hash: raw_hash_sk,
  unhash: raw_unhash_sk,
  diag_destroy: raw_abort,
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new raw_sock(),
};

/** Makes the table empty. */
export function raw_hashinfo_init(): void {
  raw_v4_hashinfo.ht.length = 0;
  for (let i = 0; i < RAW_HTABLE_SIZE; i++) raw_v4_hashinfo.ht.push(new hlist_head());
}

/** Raw sockets begin. */
export function raw_init(): void {
  register_raw_receiver({ raw_local_deliver, raw_icmp_error });
}

// SPDX-License-Identifier: GPL-2.0-only
//
// UDP. bind() and autobind come in by udp_v4_get_port(), which puts the socket into udp_table: by
// port, and by address and port. udp_rcv() finds the socket by __udp4_lib_lookup() and queues the
// packet for udp_recvmsg(). udp_sendmsg() has ip_make_skb() build a packet, or ip_append_data() add to
// the one that is corked, and udp_send_skb() finish it.

import { DIV_ROUND_UP } from "../../include/linux/kernel.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import type { file } from "../../include/linux/fs.ts";
import { hlist_add_head, hlist_del_init, hlist_unhashed } from "../../include/linux/list.ts";
import { SOCK_NOSPACE } from "../../include/linux/net.ts";
import type { msghdr, socket } from "../../include/linux/net.ts";
import { EPOLLIN, EPOLLRDNORM } from "../../include/linux/poll.ts";
import type { poll_table } from "../../include/linux/poll.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import { reciprocal_scale } from "../../include/linux/kernel.ts";
import { after_sleep } from "../../include/linux/sched.ts";
import {
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  icmp_hdr,
  ip_hdr,
  skb_csum_unnecessary,
  SKB_GSO_UDP_L4,
  skb_is_gso,
  skb_network_header_len,
  skb_peek,
  skb_queue_empty,
  skb_transport_offset,
  udp_hdr,
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
  MSG_PEEK,
  MSG_PROBE,
  MSG_TRUNC,
  SOL_UDP,
} from "../../include/linux/socket.ts";
import {
  SKB_DROP_REASON_NO_SOCKET,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_PROTO_MEM,
  SKB_DROP_REASON_SKB_GSO_SEG,
  SKB_DROP_REASON_SKB_UCOPY_FAULT,
  SKB_DROP_REASON_SOCKET_RCVBUFF,
  SKB_DROP_REASON_UDP_CSUM,
} from "../../include/net/dropreason.ts";
import { flowi4, flowi4_init_output } from "../../include/net/flow.ts";
import { __ICMP_INC_STATS, icmp_send } from "../../include/net/icmp.ts";
import { __inet_ehashfn, inet_cork, inet_sk } from "../../include/net/inet_sock.ts";
import { inet_sk_flowi_flags } from "../../include/net/inet_sock.ts";
import {
  inet_is_local_reserved_port,
  IP_INC_STATS,
  ipcm_cookie,
  ipcm_init_sk,
  ipv4_is_multicast,
  ipv4_portaddr_hash,
} from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  RT_TOS,
  RTCF_BROADCAST,
  RTCF_MULTICAST,
  RTO_ONLINK,
  skb_rtable,
} from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import {
  proto_counters,
  RCV_SHUTDOWN,
  sk_hashed,
  sk_peek_offset,
  sk_peek_offset_bwd,
  sk_unhashed,
  sk_wmem_alloc_get,
  SOCK_BINDADDR_LOCK,
  SOCK_BINDPORT_LOCK,
  SOCK_BROADCAST,
  SOCK_DEAD,
  sock_flag,
  SOCK_LOCALROUTE,
  sock_net,
  sock_prot_inuse_add,
  SOCK_RCU_FREE,
  sock_rps_reset_rxhash,
  sock_rps_save_rxhash,
  sock_set_flag,
} from "../../include/net/sock.ts";
import type { proto, sock, sock_common } from "../../include/net/sock.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import {
  __UDP_INC_STATS,
  udp_hashfn,
  udp_hashslot,
  udp_hashslot2,
  udp_hslot,
  UDP_INC_STATS,
  UDP_MAX_SEGMENTS,
  udp_sk,
  udp_sock,
  udp_table as udp_table_t,
} from "../../include/net/udp.ts";
import {
  EACCES,
  EADDRINUSE,
  EAFNOSUPPORT,
  EAGAIN,
  EDESTADDRREQ,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENOENT,
  ENOIOCTLCMD,
  ENOMEM,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_PORT_UNREACH,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  NR_ICMP_UNREACH,
} from "../../include/uapi/linux/icmp.ts";
import { INADDR_ANY, IP_PMTUDISC_DONT, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { RT_SCOPE_UNIVERSE } from "../../include/uapi/linux/rtnetlink.ts";
import {
  ICMP_MIB_INERRORS,
  IPSTATS_MIB_OUTNOROUTES,
  UDP_MIB_CSUMERRORS,
  UDP_MIB_IGNOREDMULTI,
  UDP_MIB_INDATAGRAMS,
  UDP_MIB_INERRORS,
  UDP_MIB_MEMERRORS,
  UDP_MIB_NOPORTS,
  UDP_MIB_OUTDATAGRAMS,
  UDP_MIB_RCVBUFERRORS,
  UDP_MIB_SNDBUFERRORS,
} from "../../include/uapi/linux/snmp.ts";
import { SIOCINQ, SIOCOUTQ } from "../../include/uapi/linux/sockios.ts";
import { UDP_CORK, UDP_GRO, UDP_SEGMENT } from "../../include/uapi/linux/udp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { csum_add, csum_partial, csum_tcpudp_magic } from "../../lib/checksum.ts";
import {
  __sk_queue_drop_skb,
  __skb_recv_datagram,
  __skb_try_recv_datagram,
  datagram_poll,
  skb_copy_and_csum_datagram_msg,
  skb_copy_datagram_msg,
  skb_recv_state,
} from "../core/datagram.ts";
import { __skb_gso_segment } from "../core/dev.ts";
import { put_cmsg } from "../core/scm.ts";
import {
  __skb_checksum_complete,
  __skb_pull,
  __skb_push,
  consume_skb,
  inet_compute_pseudo,
  kfree_skb_reason,
  pskb_may_pull,
  pskb_trim_rcsum,
  skb_checksum,
  skb_checksum_init_zero_check,
  skb_clone,
  skb_condense,
  skb_pull_rcsum,
} from "../core/skbuff.ts";
import {
  lock_sock,
  release_sock,
  sk_common_release,
  sk_dst_check,
  sk_dst_reset,
  sk_dst_set,
  sk_error_report,
  sk_rmem_schedule,
  skb_set_owner_r,
  sockopt_answer,
  sockopt_get_int,
  sockopt_put_int,
} from "../core/sock.ts";
import { sock_recv_cmsgs } from "../socket.ts";
import { ip4_datagram_connect, ip4_datagram_release_cb } from "./datagram.ts";
import { icmp_err_convert } from "./icmp.ts";
import { inet_sock_destruct } from "./inet_sock_state.ts";
import { inet_get_local_port_range } from "./inet_connection_sock.ts";
import {
  __ip_make_skb,
  ip_append_data,
  ip_flush_pending_frames,
  ip_generic_getfrag,
  ip_make_skb,
  ip_send_skb,
} from "./ip_output.ts";
import {
  ip_cmsg_recv_offset,
  ip_cmsg_send,
  ip_getsockopt,
  ip_icmp_error,
  ip_recv_error,
  ip_setsockopt,
  ipv4_pktinfo_prepare,
} from "./ip_sockglue.ts";
import {
  ip_route_output_flow,
  ipv4_redirect,
  ipv4_sk_redirect,
  ipv4_sk_update_pmtu,
  ipv4_update_pmtu,
} from "./route.ts";

/** All UDP sockets. */
export const udp_table: udp_table_t = new udp_table_t();

const UDP_HTABLE_SIZE = 1024;
const UDP_HLEN = 8;
const SOCKADDR_IN_SIZE = 16;
const CMSG_HDR = 16;
/** A checksum of 0 is sent as its other form; 0 means none. @rfc 768 */
const CSUM_MANGLED_0 = 0xffff;

/** Ports of one chain that are taken, by port >> log. */
const port_bitmap = new Uint8Array(65536 / UDP_HTABLE_SIZE);

let udp_ehash_secret = 0;

// ---- the table ----

/** Two sockets would receive the same packets: one address, or any. */
function inet_rcv_saddr_overlap(sk: sock, sk2: sock_common): boolean {
  const a = sk.skc_rcv_saddr;
  const b = sk2.skc_rcv_saddr;
  return a === b || a === INADDR_ANY || b === INADDR_ANY;
}

/** sk2 keeps sk from having its port. */
function udp_lport_conflict(sk: sock, sk2: udp_sock): boolean {
  return sk2 !== sk && (sk2.skc_reuse === 0 || sk.skc_reuse === 0) &&
    (sk2.skc_bound_dev_if === 0 || sk.skc_bound_dev_if === 0 ||
      sk2.skc_bound_dev_if === sk.skc_bound_dev_if) &&
    inet_rcv_saddr_overlap(sk, sk2) &&
    !(sk2.skc_reuseport && sk.skc_reuseport && sk.sk_uid === sk2.sk_uid);
}

/** Port num is taken; with a bitmap, marks the ports of the chain that are. */
function udp_lib_lport_inuse(
  n: net,
  num: number,
  hslot: udp_hslot,
  bitmap: Uint8Array | null,
  sk: sock,
  log: number,
): boolean {
  for (let node = hslot.head.next; node !== null; node = node.next) {
    const sk2 = node.owner as udp_sock;
    if (
      sk2.skc_net === n && (bitmap !== null || sk2.udp_port_hash === num) &&
      udp_lport_conflict(sk, sk2)
    ) {
      if (bitmap === null) return true;
      bitmap[sk2.udp_port_hash >> log] = 1;
    }
  }
  return false;
}

/** As udp_lib_lport_inuse(), in a chain by address. */
function udp_lib_lport_inuse2(n: net, num: number, hslot2: udp_hslot, sk: sock): boolean {
  for (let node = hslot2.head.next; node !== null; node = node.next) {
    const sk2 = node.owner as udp_sock;
    if (sk2.skc_net === n && sk2.udp_port_hash === num && udp_lport_conflict(sk, sk2)) return true;
  }
  return false;
}

/** A free port for sk, by a walk with a random start and step; 0 where there is none. */
function udp_lib_choose_port(sk: sock): number {
  const n = sock_net(sk);
  const { local_port_range_lo: lo, local_port_range_hi: hi } = inet_sk(sk);
  let [low, high] = inet_get_local_port_range(n);
  if (lo >= low && lo <= high) low = lo;
  if (hi >= low && hi <= high) high = hi;
  let rand = get_random_u32();
  let first = reciprocal_scale(rand, high - low + 1) + low;
  // An odd multiple of the table's size stays in the chain and meets all of its ports.
  rand = Math.imul(rand | 1, udp_table.mask + 1);
  const last = first + udp_table.mask + 1;
  do {
    const start = first & 0xffff;
    port_bitmap.fill(0);
    udp_lib_lport_inuse(n, 0, udp_hashslot(udp_table, n, start), port_bitmap, sk, udp_table.log);
    let snum = start;
    do {
      if (
        low <= snum && snum <= high && port_bitmap[snum >> udp_table.log] === 0 &&
        !inet_is_local_reserved_port(n, snum)
      ) return snum;
      snum = (snum + rand) & 0xffff;
    } while (snum !== start);
  } while (++first !== last);
  return 0;
}

/** The port is taken: looks in the shorter of the chains that could tell. */
function udp_lib_port_taken(sk: sock, snum: number, hash2_nulladdr: number): boolean {
  const n = sock_net(sk);
  const hslot = udp_hashslot(udp_table, n, snum);
  if (hslot.count > 10) {
    const slot2 = (udp_sk(sk).udp_portaddr_hash ^ snum) & udp_table.mask;
    const null2 = hash2_nulladdr & udp_table.mask;
    const hslot2 = udp_table.hash2[slot2];
    // Sockets of other addresses conflict with one that is bound to all.
    if (hslot.count >= hslot2.count && sk.skc_rcv_saddr !== INADDR_ANY) {
      return udp_lib_lport_inuse2(n, snum, hslot2, sk) ||
        (null2 !== slot2 && udp_lib_lport_inuse2(n, snum, udp_table.hash2[null2], sk));
    }
  }
  return udp_lib_lport_inuse(n, snum, hslot, null, sk, 0);
}

/** Gives sk a port (snum, or 0: any) and enters it into the table: 0, or -EADDRINUSE. */
export function udp_lib_get_port(sk: sock, snum: number, hash2_nulladdr: number): number {
  const up = udp_sk(sk);
  if (snum === 0) {
    snum = udp_lib_choose_port(sk);
    if (snum === 0) return -EADDRINUSE;
  } else if (udp_lib_port_taken(sk, snum, hash2_nulladdr)) {
    return -EADDRINUSE;
  }
  up.inet_num = snum;
  up.udp_port_hash = snum;
  up.udp_portaddr_hash ^= snum;
  if (sk_unhashed(sk)) {
    const n = sock_net(sk);
    const hslot = udp_hashslot(udp_table, n, snum);
    const hslot2 = udp_hashslot2(udp_table, up.udp_portaddr_hash);
    sock_set_flag(sk, SOCK_RCU_FREE);
    sk.skc_refcnt++;
    hlist_add_head(sk.skc_node, hslot.head);
    hslot.count++;
    sock_prot_inuse_add(n, sk.skc_prot, 1);
    hlist_add_head(up.udp_portaddr_node, hslot2.head);
    hslot2.count++;
  }
  return 0;
}

/** get_port of udp_prot: 0, or -EADDRINUSE. */
export function udp_v4_get_port(sk: sock, snum: number): number {
  const n = sock_net(sk);
  udp_sk(sk).udp_portaddr_hash = ipv4_portaddr_hash(n, inet_sk(sk).inet_rcv_saddr, 0);
  return udp_lib_get_port(sk, snum, ipv4_portaddr_hash(n, INADDR_ANY, snum));
}

/** A packet that came in by dif may go to a socket that is bound to bound_dev_if. */
function udp_sk_bound_dev_eq(bound_dev_if: number, dif: number): boolean {
  return bound_dev_if === 0 || bound_dev_if === dif;
}

/** How well sk fits a packet; -1 not at all. */
function compute_score(
  sk: udp_sock,
  n: net,
  saddr: number,
  sport: number,
  daddr: number,
  hnum: number,
  dif: number,
): number {
  if (sk.skc_net !== n || sk.udp_port_hash !== hnum || sk.skc_rcv_saddr !== daddr) return -1;
  let score = 2;
  if (sk.skc_daddr !== 0) {
    if (sk.skc_daddr !== saddr) return -1;
    score += 4;
  }
  if (sk.skc_dport !== 0) {
    if (sk.skc_dport !== sport) return -1;
    score += 4;
  }
  if (!udp_sk_bound_dev_eq(sk.skc_bound_dev_if, dif)) return -1;
  if (sk.skc_bound_dev_if !== 0) score += 4;
  return score;
}

/** The hash by which sockets of one port share its packets (int32). */
export function udp_ehashfn(
  n: net,
  laddr: number,
  lport: number,
  faddr: number,
  fport: number,
): number {
  return __inet_ehashfn(laddr, lport, faddr, fport, (udp_ehash_secret + n.hash_mix) | 0);
}

/**
 * The best socket of a chain by address. `baddr` is the address that it is bound to.
 * @differs sockets that share a port by SO_REUSEPORT are counted as they are met, not kept in a group
 */
function udp4_lib_lookup2(
  n: net,
  saddr: number,
  sport: number,
  daddr: number,
  hnum: number,
  dif: number,
  baddr: number,
): udp_sock | null {
  const hslot2 = udp_hashslot2(udp_table, ipv4_portaddr_hash(n, baddr, hnum));
  let result: udp_sock | null = null;
  let badness = 0;
  let sharing = 0;
  let hash = 0;
  for (let node = hslot2.head.next; node !== null; node = node.next) {
    const sk = node.owner as udp_sock;
    const score = compute_score(sk, n, saddr, sport, baddr, hnum, dif);
    if (score > badness) {
      result = sk;
      badness = score;
      sharing = sk.skc_reuseport && sk.skc_state !== TCP_ESTABLISHED ? 1 : 0;
      if (sharing !== 0) hash = udp_ehashfn(n, daddr, hnum, saddr, sport);
    } else if (score === badness && sharing !== 0 && sk.skc_reuseport) {
      sharing++;
      if (reciprocal_scale(hash, sharing) === 0) result = sk;
      hash = (Math.imul(hash, 1664525) + 1013904223) | 0;
    }
  }
  return result;
}

/** The socket for a packet from saddr:sport to daddr:dport that came in by dif, or null. */
export function __udp4_lib_lookup(
  n: net,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  dif: number,
  _sdif: number,
  _udptable: udp_table_t,
  _skb: sk_buff | null,
): udp_sock | null {
  return udp4_lib_lookup2(n, saddr, sport, daddr, dport, dif, daddr) ??
    udp4_lib_lookup2(n, saddr, sport, daddr, dport, dif, INADDR_ANY);
}

function __udp4_lib_lookup_skb(skb: sk_buff, sport: number, dport: number): udp_sock | null {
  const iph = ip_hdr(skb);
  const dev = skb.dev!;
  return __udp4_lib_lookup(
    dev.nd_net,
    iph.saddr,
    sport,
    iph.daddr,
    dport,
    dev.ifindex,
    0,
    udp_table,
    skb,
  );
}

/** As __udp4_lib_lookup(), with a reference that the caller drops. */
export function udp4_lib_lookup(
  n: net,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  dif: number,
): udp_sock | null {
  const sk = __udp4_lib_lookup(n, saddr, sport, daddr, dport, dif, 0, udp_table, null);
  if (sk !== null) sk.skc_refcnt++;
  return sk;
}

// ---- errors ----

/** An ICMP error about a datagram of ours: data is its IP header. 0, or -ENOENT. */
export function __udp4_lib_err(skb: sk_buff, info: number, udptable: udp_table_t): number {
  const { u8, dv } = skb.head;
  const iph = skb.data;
  const uh = iph + ((u8[iph] & 15) << 2);
  const { type, code } = icmp_hdr(skb);
  const dev = skb.dev!;
  const dport = dv.getUint16(uh + 2);
  const sk = __udp4_lib_lookup(
    dev.nd_net,
    dv.getInt32(iph + 16),
    dport,
    dv.getInt32(iph + 12),
    dv.getUint16(uh),
    dev.ifindex,
    0,
    udptable,
    null,
  );
  if (sk === null) {
    __ICMP_INC_STATS(dev.nd_net, ICMP_MIB_INERRORS);
    return -ENOENT;
  }

  let err = EHOSTUNREACH;
  let harderr = false;
  switch (type) {
    case ICMP_SOURCE_QUENCH:
      return 0;
    case ICMP_PARAMETERPROB:
      err = EPROTO;
      harderr = true;
      break;
    case ICMP_DEST_UNREACH:
      if (code === ICMP_FRAG_NEEDED) {
        ipv4_sk_update_pmtu(skb, sk, info);
        if (sk.pmtudisc === IP_PMTUDISC_DONT) return 0;
        err = EMSGSIZE;
        harderr = true;
        break;
      }
      if (code <= NR_ICMP_UNREACH) {
        harderr = icmp_err_convert[code].fatal;
        err = icmp_err_convert[code].errno;
      }
      break;
    case ICMP_REDIRECT:
      ipv4_sk_redirect(skb, sk);
      return 0;
  }

  // Without IP_RECVERR only the connected hear, and only of what is final. @rfc 1122 4.1.3.3
  if (sk.recverr) ip_icmp_error(sk, skb, err, dport, info, uh + UDP_HLEN);
  else if (!harderr || sk.skc_state !== TCP_ESTABLISHED) return 0;
  sk.sk_err = err;
  sk_error_report(sk);
  return 0;
}

/** err_handler of UDP. */
export function udp_err(skb: sk_buff, info: number): number {
  const { type, code } = icmp_hdr(skb);
  const n = skb.dev!.nd_net;
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
    ipv4_update_pmtu(skb, n, info, 0, IPPROTO_UDP);
  } else if (type === ICMP_REDIRECT) {
    ipv4_redirect(skb, n, 0, IPPROTO_UDP);
  }
  return __udp4_lib_err(skb, info, udp_table);
}

// ---- sending ----

/** Throws away what is corked. The socket is locked. */
export function udp_flush_pending_frames(sk: sock): void {
  const up = udp_sk(sk);
  if (up.pending === 0) return;
  up.len = 0;
  up.pending = 0;
  ip_flush_pending_frames(sk);
}

/** Leaves the checksum to the device, or where there are several pieces does it here. */
export function udp4_hwcsum(skb: sk_buff, src: number, dst: number): void {
  const uh = udp_hdr(skb);
  const offset = skb_transport_offset(skb);
  const len = skb.len - offset;
  const { frag_list } = skb.shinfo;
  if (frag_list === null) {
    skb.csum_start = skb.transport_header;
    skb.csum_offset = 6;
    uh.check = ~csum_tcpudp_magic(src, dst, len, IPPROTO_UDP, 0) & 0xffff;
    return;
  }
  let csum = 0;
  let hlen = len;
  for (let frag: sk_buff | null = frag_list; frag !== null; frag = frag.next) {
    csum = csum_add(csum, frag.csum);
    hlen -= frag.len;
  }
  csum = skb_checksum(skb, offset, hlen, csum);
  skb.ip_summed = CHECKSUM_NONE;
  uh.check = csum_tcpudp_magic(src, dst, len, IPPROTO_UDP, csum) || CSUM_MANGLED_0;
}

/** The sum of the UDP header and of what follows, which is summed in skb.csum already. */
function udp_csum(skb: sk_buff): number {
  let csum = csum_partial(skb.head.u8, skb.transport_header, UDP_HLEN, skb.csum);
  for (let frag = skb.shinfo.frag_list; frag !== null; frag = frag.next) {
    csum = csum_add(csum, frag.csum);
  }
  return csum;
}

/** UDP_SEGMENT: several datagrams of cork.gso_size leave as one. 0 or a negative errno. */
function udp_send_skb_gso(skb: sk_buff, sk: sock, cork: inet_cork, datalen: number): number {
  const hlen = skb_network_header_len(skb) + UDP_HLEN;
  const { gso_size } = cork;
  if (hlen + Math.min(datalen, gso_size) > cork.fragsize) return -EMSGSIZE;
  if (datalen > gso_size * UDP_MAX_SEGMENTS || sk.sk_no_check_tx) return -EINVAL;
  if (skb.ip_summed !== CHECKSUM_PARTIAL) return -EIO;
  if (datalen > gso_size) {
    skb.shinfo.gso_size = gso_size;
    skb.shinfo.gso_type = SKB_GSO_UDP_L4;
    skb.shinfo.gso_segs = DIV_ROUND_UP(datalen, gso_size);
  }
  return 0;
}

/** Writes the UDP header and sends: 0 or a negative errno. */
export function udp_send_skb(skb: sk_buff, fl4: flowi4, cork: inet_cork): number {
  const sk = skb.sk as sock;
  const n = sock_net(sk);
  const len = skb.len - skb_transport_offset(skb);
  const uh = udp_hdr(skb);
  uh.source = inet_sk(sk).inet_sport;
  uh.dest = fl4.fl4_dport;
  uh.len = len;
  uh.check = 0;

  if (cork.gso_size !== 0) {
    const bad = udp_send_skb_gso(skb, sk, cork, len - UDP_HLEN);
    if (bad !== 0) {
      kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
      return bad;
    }
  }
  if (sk.sk_no_check_tx) {
    skb.ip_summed = CHECKSUM_NONE;
  } else if (skb.ip_summed === CHECKSUM_PARTIAL) {
    udp4_hwcsum(skb, fl4.saddr, fl4.daddr);
  } else {
    uh.check = csum_tcpudp_magic(fl4.saddr, fl4.daddr, len, IPPROTO_UDP, udp_csum(skb)) ||
      CSUM_MANGLED_0;
  }

  const err = ip_send_skb(n, skb);
  if (err === 0) {
    UDP_INC_STATS(n, UDP_MIB_OUTDATAGRAMS);
  } else if (err === -ENOBUFS && !inet_sk(sk).recverr) {
    UDP_INC_STATS(n, UDP_MIB_SNDBUFERRORS);
    return 0;
  }
  return err;
}

/** Sends what is corked, as one datagram. The socket is locked. */
export function udp_push_pending_frames(sk: sock): number {
  const up = udp_sk(sk);
  let err = 0;
  if (up.cork !== null) {
    const skb = __ip_make_skb(sk, up.cork_fl4, sk.sk_write_queue, up.cork);
    if (skb !== null) err = udp_send_skb(skb, up.cork_fl4, up.cork);
  }
  up.len = 0;
  up.pending = 0;
  return err;
}

/** A splice ends with fewer bytes than it said: the datagram that waited for more goes out. */
function udp_splice_eof(sock: socket): void | Promise<void> {
  const sk = sock.sk as sock;
  if (udp_sk(sk).pending === 0 || udp_sk(sk).corkflag) return;
  return after_sleep(lock_sock(sk), () => {
    if (udp_sk(sk).pending !== 0 && !udp_sk(sk).corkflag) udp_push_pending_frames(sk);
    release_sock(sk);
  });
}

/**
 * Ancillary data of SOL_UDP: 1 where there is other besides, or a negative errno.
 * @differs stores gso_size in ipc
 */
function udp_cmsg_send(msg: msghdr, ipc: ipcm_cookie): number {
  const b = msg.msg_control;
  if (b === null) return 0;
  const end = Math.min(msg.msg_controllen, b.length);
  let need_ip = 0;
  for (let at = 0; at + CMSG_HDR <= end;) {
    const cmsg_len = sockopt_get_int(b, at);
    if (cmsg_len < CMSG_HDR || at + cmsg_len > end) return -EINVAL;
    if (sockopt_get_int(b, at + 8) !== SOL_UDP) {
      need_ip = 1;
    } else {
      if (sockopt_get_int(b, at + 12) !== UDP_SEGMENT || cmsg_len !== CMSG_HDR + 2) {
        return -EINVAL;
      }
      ipc.gso_size = b[at + CMSG_HDR] | (b[at + CMSG_HDR + 1] << 8);
    }
    at += (cmsg_len + 7) & ~7;
  }
  return need_ip;
}

/** What one send needs, kept for the next: a send may sleep, and another come in between. @local */
class udp_send_state {
  next: udp_send_state | null = null;
  readonly ipc = new ipcm_cookie();
  readonly fl4 = new flowi4();
  readonly cork = new inet_cork();
  rt: rtable | null = null;
}

let send_states: udp_send_state | null = null;

function send_state_get(): udp_send_state {
  const st = send_states;
  if (st === null) return new udp_send_state();
  send_states = st.next;
  return st;
}

function send_state_put(st: udp_send_state): void {
  st.rt = null;
  st.ipc.opt = null;
  st.cork.dst = null;
  st.cork.opt = null;
  st.next = send_states;
  send_states = st;
}

/** sendmsg() of a UDP socket: the bytes sent, or a negative errno. */
export function udp_sendmsg(sk: sock, msg: msghdr, len: number): number | Promise<number> {
  if (len > 0xffff) return -EMSGSIZE;
  if ((msg.msg_flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  if (udp_sk(sk).pending !== 0) {
    return after_sleep(lock_sock(sk), () => {
      if (udp_sk(sk).pending !== 0) return udp_append_locked(sk, msg, len, len, null);
      release_sock(sk);
      return udp_sendmsg_new(sk, msg, len);
    });
  }
  return udp_sendmsg_new(sk, msg, len);
}

function udp_sendmsg_new(sk: sock, msg: msghdr, len: number): number | Promise<number> {
  const st = send_state_get();
  let err = udp_send_prepare(sk, msg, st);
  if (err === 0) {
    const ret = udp_send_routed(sk, msg, len, st);
    if (typeof ret !== "number") return udp_send_slept(sk, ret, len, st);
    err = ret;
  }
  send_state_put(st);
  return udp_send_result(sk, err, len);
}

function udp_send_slept(
  sk: sock,
  ret: Promise<number>,
  len: number,
  st: udp_send_state,
): number | Promise<number> {
  return after_sleep(ret, (err) => {
    send_state_put(st);
    return udp_send_result(sk, err, len);
  });
}

/** The end of a send. A send that found no room counts as SndbufErrors. */
function udp_send_result(sk: sock, err: number, len: number): number {
  if (err === 0) return len;
  if (err > 0) return 0;
  const sock = sk.sk_socket;
  if (err === -ENOBUFS || (sock !== null && (sock.flags & (1 << SOCK_NOSPACE)) !== 0)) {
    UDP_INC_STATS(sock_net(sk), UDP_MIB_SNDBUFERRORS);
  }
  return err;
}

/** Finds out where the datagram goes and how: fills st. 0 or a negative errno. */
function udp_send_prepare(sk: sock, msg: msghdr, st: udp_send_state): number {
  const inet = udp_sk(sk);
  const { ipc } = st;
  const usin = msg.msg_name;
  let daddr = inet.inet_daddr;
  let dport = inet.inet_dport;
  let connected = false;
  if (usin !== null) {
    if (msg.msg_namelen < SOCKADDR_IN_SIZE) return -EINVAL;
    if (usin.sin_family !== AF_INET && usin.sin_family !== AF_UNSPEC) return -EAFNOSUPPORT;
    daddr = usin.sin_addr;
    dport = usin.sin_port;
    if (dport === 0) return -EINVAL;
  } else {
    if (sk.skc_state !== TCP_ESTABLISHED) return -EDESTADDRREQ;
    connected = true;
  }

  ipcm_init_sk(ipc, inet);
  ipc.gso_size = inet.gso_size;
  if (msg.msg_controllen !== 0) {
    let err = udp_cmsg_send(msg, ipc);
    if (err > 0) {
      err = ip_cmsg_send(sk, msg, ipc, false);
      connected = false;
    }
    if (err < 0) return err;
  }
  ipc.opt ??= inet.inet_opt;

  let saddr = ipc.addr;
  let faddr = ipc.addr = daddr;
  if (ipc.opt !== null && ipc.opt.srr !== 0) {
    if (daddr === 0) return -EINVAL;
    faddr = ipc.opt.faddr;
    connected = false;
  }
  let tos = RT_TOS(ipc.tos !== -1 ? ipc.tos : inet.tos);
  if (
    sock_flag(sk, SOCK_LOCALROUTE) || (msg.msg_flags & MSG_DONTROUTE) !== 0 ||
    (ipc.opt !== null && ipc.opt.is_strictroute)
  ) {
    tos |= RTO_ONLINK;
    connected = false;
  }
  if (ipv4_is_multicast(daddr)) {
    if (ipc.oif === 0) ipc.oif = inet.mc_index;
    if (saddr === 0) saddr = inet.mc_addr;
    connected = false;
  } else if (ipc.oif === 0) {
    ipc.oif = inet.uc_index;
  }
  return udp_send_route(sk, st, tos, faddr, saddr, dport, connected);
}

/** The route: that of the connection while it is good, or a new one. 0 or a negative errno. */
function udp_send_route(
  sk: sock,
  st: udp_send_state,
  tos: number,
  faddr: number,
  saddr: number,
  dport: number,
  connected: boolean,
): number {
  const { fl4, ipc } = st;
  const n = sock_net(sk);
  flowi4_init_output(
    fl4,
    ipc.oif,
    ipc.sockc.mark,
    tos,
    RT_SCOPE_UNIVERSE,
    sk.sk_protocol,
    inet_sk_flowi_flags(sk),
    faddr,
    saddr,
    dport,
    inet_sk(sk).inet_sport,
    sk.sk_uid,
  );
  if (connected) {
    st.rt = sk_dst_check(sk, 0) as rtable | null;
    if (st.rt !== null) return 0;
  }
  const rt = ip_route_output_flow(n, fl4, sk);
  if (IS_ERR(rt)) {
    if (rt === -ENETUNREACH) IP_INC_STATS(n, IPSTATS_MIB_OUTNOROUTES);
    return rt;
  }
  if ((rt.rt_flags & RTCF_BROADCAST) !== 0 && !sock_flag(sk, SOCK_BROADCAST)) return -EACCES;
  if (connected) sk_dst_set(sk, rt);
  st.rt = rt;
  return 0;
}

/** Builds and sends the datagram, or begins a corked one: 0, 1 for a probe, or a negative errno. */
function udp_send_routed(
  sk: sock,
  msg: msghdr,
  len: number,
  st: udp_send_state,
): number | Promise<number> {
  const rt = st.rt!;
  const flags = msg.msg_flags;
  const { fl4, ipc } = st;
  if ((flags & MSG_CONFIRM) !== 0) {
    if ((flags & MSG_PROBE) !== 0) rt.ops.confirm_neigh(rt, fl4.daddr);
    if ((flags & MSG_PROBE) !== 0 && len === 0) return 1;
  }
  if (ipc.addr === 0) ipc.addr = fl4.daddr;

  if (!udp_sk(sk).corkflag && (flags & MSG_MORE) === 0) {
    const skb = ip_make_skb(
      sk,
      fl4,
      ip_generic_getfrag,
      msg,
      len + UDP_HLEN,
      UDP_HLEN,
      ipc,
      rt,
      st.cork,
      flags,
    );
    if (skb instanceof Promise) return udp_send_made_later(skb, st);
    if (skb === null) return 0;
    return IS_ERR(skb) ? skb : udp_send_skb(skb, fl4, st.cork);
  }

  return after_sleep(lock_sock(sk), () => {
    const up = udp_sk(sk);
    // Somebody else has begun meanwhile.
    if (up.pending !== 0) {
      release_sock(sk);
      return -EINVAL;
    }
    const to = up.cork_fl4;
    to.daddr = ipc.addr;
    to.saddr = fl4.saddr;
    to.fl4_dport = fl4.fl4_dport;
    to.fl4_sport = inet_sk(sk).inet_sport;
    up.pending = AF_INET;
    return after_sleep(
      udp_append_locked(sk, msg, len, len + UDP_HLEN, st),
      (ret) => ret < 0 ? ret : 0,
    );
  });
}

function udp_send_made_later(
  promise: Promise<sk_buff | number | null>,
  st: udp_send_state,
): number | Promise<number> {
  return after_sleep(promise, (skb) => {
    if (skb === null) return 0;
    return IS_ERR(skb) ? skb : udp_send_skb(skb, st.fl4, st.cork);
  });
}

/** Adds to what is corked, and sends it unless there is more to come. Releases the socket. */
function udp_append_locked(
  sk: sock,
  msg: msghdr,
  len: number,
  ulen: number,
  st: udp_send_state | null,
): number | Promise<number> {
  const up = udp_sk(sk);
  const corkreq = up.corkflag || (msg.msg_flags & MSG_MORE) !== 0;
  const state = st ?? send_state_get();
  up.len += ulen;
  const ret = ip_append_data(
    sk,
    up.cork_fl4,
    ip_generic_getfrag,
    msg,
    ulen,
    UDP_HLEN,
    state.ipc,
    state.rt,
    corkreq ? msg.msg_flags | MSG_MORE : msg.msg_flags,
  );
  return after_sleep(ret, (err) => {
    if (err !== 0) udp_flush_pending_frames(sk);
    else if (!corkreq) err = udp_push_pending_frames(sk);
    else if (skb_queue_empty(sk.sk_write_queue)) up.pending = 0;
    release_sock(sk);
    if (st === null) send_state_put(state);
    return st === null ? udp_send_result(sk, err, len) : err;
  });
}

// ---- receiving ----

/** Verifies the checksum where that was not done; false if it is right. */
function udp_lib_checksum_complete(skb: sk_buff): boolean {
  return !skb_csum_unnecessary(skb) && __skb_checksum_complete(skb) !== 0;
}

/**
 * Queues a packet for the reader: 0, -ENOMEM (receive buffer full), or -ENOBUFS (UDP's memory is).
 * @differs the packet is charged by skb_set_owner_r(); there is no reader_queue
 */
export function __udp_enqueue_schedule_skb(sk: sock, skb: sk_buff): number {
  const rmem = sk.sk_backlog.rmem_alloc;
  // One packet is always let in.
  if (rmem > sk.sk_rcvbuf) {
    sk.sk_drops++;
    return -ENOMEM;
  }
  if (rmem > sk.sk_rcvbuf >> 1) skb_condense(skb);
  if (!sk_rmem_schedule(sk, skb, skb.truesize)) {
    sk.sk_drops++;
    return -ENOBUFS;
  }
  skb.dev = null;
  skb_set_owner_r(skb, sk);
  __skb_queue_tail(sk.sk_receive_queue, skb);
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_data_ready(sk);
  return 0;
}

/** A new UDP socket. */
export function udp_init_sock(sk: sock): number {
  sk.sk_destruct = udp_destruct_sock;
  return 0;
}

function udp_destruct_sock(sk: sock): void {
  inet_sock_destruct(sk);
}

/** Done with a packet of which len bytes were read. */
export function skb_consume_udp(sk: sock, skb: sk_buff, len: number): void {
  sk_peek_offset_bwd(sk, len);
  consume_skb(skb);
}

/** Length of the first good packet, bytes; -1 where there is none. Bad ones are dropped. */
function first_packet_length(sk: sock): number {
  const queue = sk.sk_receive_queue;
  let skb: sk_buff | null;
  while ((skb = skb_peek(queue)) !== null && udp_lib_checksum_complete(skb)) {
    const n = sock_net(sk);
    __UDP_INC_STATS(n, UDP_MIB_CSUMERRORS);
    __UDP_INC_STATS(n, UDP_MIB_INERRORS);
    sk.sk_drops++;
    __skb_unlink(skb, queue);
    kfree_skb_reason(skb, SKB_DROP_REASON_UDP_CSUM);
  }
  return skb !== null ? skb.len : -1;
}

/** ioctl() of a UDP socket: SIOCOUTQ, SIOCINQ. */
export function udp_ioctl(sk: sock, cmd: number, arg: Int32Array): number {
  switch (cmd) {
    case SIOCOUTQ:
      arg[0] = sk_wmem_alloc_get(sk);
      return 0;
    case SIOCINQ:
      arg[0] = Math.max(0, first_packet_length(sk));
      return 0;
  }
  return -ENOIOCTLCMD;
}

const recv_state = new skb_recv_state();

/** The packet's checksum was wrong: look for another. */
const UDP_CSUM_COPY_ERR = -0x7fffffff;

/** recvmsg() of a UDP socket: bytes received, or a negative errno. */
export function udp_recvmsg(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  if ((flags & MSG_ERRQUEUE) !== 0) return ip_recv_error(sk, msg, len);
  for (;;) {
    recv_state.off = sk_peek_offset(sk, flags);
    const skb = __skb_try_recv_datagram(sk, sk.sk_receive_queue, flags, recv_state);
    recv_state.last = null;
    if (skb === null) {
      const { err } = recv_state;
      if (err !== -EAGAIN || (flags & MSG_DONTWAIT) !== 0 || sk.sk_rcvtimeo === 0) return err;
      return udp_recvmsg_wait(sk, msg, len, flags);
    }
    const ret = udp_recv_skb(sk, msg, len, flags, skb, recv_state.off);
    if (ret !== UDP_CSUM_COPY_ERR) return ret;
  }
}

function udp_recvmsg_wait(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
): number | Promise<number> {
  const st = new skb_recv_state();
  st.off = sk_peek_offset(sk, flags);
  return after_sleep(__skb_recv_datagram(sk, sk.sk_receive_queue, flags, st), (skb) => {
    if (skb === null) return st.err;
    const ret = udp_recv_skb(sk, msg, len, flags, skb, st.off);
    return ret === UDP_CSUM_COPY_ERR ? udp_recvmsg(sk, msg, len, flags) : ret;
  });
}

/** The packet is bad: counts and frees it. @local */
function udp_csum_copy_err(sk: sock, msg: msghdr, skb: sk_buff, flags: number): number {
  const n = sock_net(sk);
  if (__sk_queue_drop_skb(sk, sk.sk_receive_queue, skb, flags, null) === 0) {
    UDP_INC_STATS(n, UDP_MIB_CSUMERRORS);
    UDP_INC_STATS(n, UDP_MIB_INERRORS);
  }
  kfree_skb_reason(skb, SKB_DROP_REASON_UDP_CSUM);
  msg.msg_flags &= ~MSG_TRUNC;
  return UDP_CSUM_COPY_ERR;
}

/** Gives a packet to the program and lets it go: bytes, or a negative errno. @local */
function udp_recv_skb(
  sk: sock,
  msg: msghdr,
  len: number,
  flags: number,
  skb: sk_buff,
  off: number,
): number {
  const inet = udp_sk(sk);
  const peeking = (flags & MSG_PEEK) !== 0;
  const ulen = skb.len;
  let copied = len;
  if (copied > ulen - off) copied = ulen - off;
  else if (copied < ulen) msg.msg_flags |= MSG_TRUNC;

  // What is not copied whole is verified before.
  if ((copied < ulen || peeking) && udp_lib_checksum_complete(skb)) {
    return udp_csum_copy_err(sk, msg, skb, flags);
  }
  let err: number;
  if (copied < ulen || peeking || skb_csum_unnecessary(skb)) {
    err = skb_copy_datagram_msg(skb, off, msg, copied);
  } else {
    err = skb_copy_and_csum_datagram_msg(skb, off, msg);
    if (err === -EINVAL) return udp_csum_copy_err(sk, msg, skb, flags);
  }
  if (err !== 0) {
    if (!peeking) {
      sk.sk_drops++;
      UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS);
    }
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_UCOPY_FAULT);
    return err;
  }
  if (!peeking) UDP_INC_STATS(sock_net(sk), UDP_MIB_INDATAGRAMS);

  sock_recv_cmsgs(msg, sk, skb);
  const sin = msg.msg_name;
  if (sin !== null) {
    sin.sin_family = AF_INET;
    sin.sin_port = udp_hdr(skb).source;
    sin.sin_addr = ip_hdr(skb).saddr;
    msg.msg_namelen = SOCKADDR_IN_SIZE;
  }
  if (inet.gro_enabled && skb.shinfo.gso_size !== 0) udp_cmsg_recv(msg, skb);
  if (inet.cmsg_flags !== 0) ip_cmsg_recv_offset(msg, sk, skb, UDP_HLEN, off);

  const ret = (flags & MSG_TRUNC) !== 0 ? ulen : copied;
  skb_consume_udp(sk, skb, peeking ? -ret : ret);
  return ret;
}

/** Reports the size of the datagrams that were merged. */
function udp_cmsg_recv(msg: msghdr, skb: sk_buff): void {
  const data = new Uint8Array(4);
  sockopt_put_int(data, 0, skb.shinfo.gso_size);
  put_cmsg(msg, SOL_UDP, UDP_GRO, 4, data);
}

export function udp_pre_connect(_sk: sock, _uaddr: sockaddr, addr_len: number): number {
  return addr_len < SOCKADDR_IN_SIZE ? -EINVAL : 0;
}

/** Forgets the peer. The socket is locked. */
export function __udp_disconnect(sk: sock, _flags: number): number {
  const inet = udp_sk(sk);
  sk.skc_state = TCP_CLOSE;
  inet.inet_daddr = 0;
  inet.inet_dport = 0;
  sock_rps_reset_rxhash(sk);
  sk.skc_bound_dev_if = 0;
  if ((sk.sk_userlocks & SOCK_BINDADDR_LOCK) === 0) {
    inet.inet_rcv_saddr = inet.inet_saddr = 0;
    if ((sk.sk_userlocks & SOCK_BINDPORT_LOCK) !== 0) sk.skc_prot.rehash?.(sk);
  }
  if ((sk.sk_userlocks & SOCK_BINDPORT_LOCK) === 0) {
    sk.skc_prot.unhash?.(sk);
    inet.inet_sport = 0;
  }
  sk_dst_reset(sk);
  return 0;
}

/** connect() to nobody. @differs does not wait for the socket's lock: nothing here sleeps */
export function udp_disconnect(sk: sock, flags: number): number {
  local_bh_disable();
  __udp_disconnect(sk, flags);
  local_bh_enable();
  return 0;
}

/** Takes sk out of the table; its port is free. */
export function udp_lib_unhash(sk: sock): void {
  if (!sk_hashed(sk)) return;
  const up = udp_sk(sk);
  const n = sock_net(sk);
  const hslot = udp_hashslot(udp_table, n, up.udp_port_hash);
  const hslot2 = udp_hashslot2(udp_table, up.udp_portaddr_hash);
  if (hlist_unhashed(sk.skc_node)) return;
  hlist_del_init(sk.skc_node);
  sk.skc_refcnt--;
  hslot.count--;
  up.inet_num = 0;
  sock_prot_inuse_add(n, sk.skc_prot, -1);
  hlist_del_init(up.udp_portaddr_node);
  hslot2.count--;
}

/** The address has changed: sk moves in the table by address. */
export function udp_lib_rehash(sk: sock, newhash: number): void {
  if (!sk_hashed(sk)) return;
  const up = udp_sk(sk);
  const hslot2 = udp_hashslot2(udp_table, up.udp_portaddr_hash);
  const nhslot2 = udp_hashslot2(udp_table, newhash);
  up.udp_portaddr_hash = newhash;
  if (hslot2 === nhslot2) return;
  hlist_del_init(up.udp_portaddr_node);
  hslot2.count--;
  hlist_add_head(up.udp_portaddr_node, nhslot2.head);
  nhslot2.count++;
}

export function udp_v4_rehash(sk: sock): void {
  const inet = inet_sk(sk);
  udp_lib_rehash(sk, ipv4_portaddr_hash(sock_net(sk), inet.inet_rcv_saddr, inet.inet_num));
}

function __udp_queue_rcv_skb(sk: sock, skb: sk_buff): number {
  if (inet_sk(sk).inet_daddr !== 0) sock_rps_save_rxhash(sk, skb);
  const rc = __udp_enqueue_schedule_skb(sk, skb);
  if (rc >= 0) return 0;
  const n = sock_net(sk);
  if (rc === -ENOMEM) {
    UDP_INC_STATS(n, UDP_MIB_RCVBUFERRORS);
    UDP_INC_STATS(n, UDP_MIB_INERRORS);
    kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
  } else {
    UDP_INC_STATS(n, UDP_MIB_MEMERRORS);
    UDP_INC_STATS(n, UDP_MIB_INERRORS);
    kfree_skb_reason(skb, SKB_DROP_REASON_PROTO_MEM);
  }
  return -1;
}

/** Takes the UDP header off; its sum stays in skb.csum while the checksum is open. */
function udp_csum_pull_header(skb: sk_buff): void {
  if (!skb.csum_valid && skb.ip_summed === CHECKSUM_NONE) {
    skb.csum = csum_partial(skb.head.u8, skb.data, UDP_HLEN, skb.csum);
  }
  skb_pull_rcsum(skb, UDP_HLEN);
}

function udp_queue_rcv_one_skb(sk: sock, skb: sk_buff): number {
  udp_csum_pull_header(skb);
  ipv4_pktinfo_prepare(sk, skb, true);
  return __udp_queue_rcv_skb(sk, skb);
}

/** Gives a packet to a socket; one of several datagrams is taken apart unless UDP_GRO is on. */
export function udp_queue_rcv_skb(sk: sock, skb: sk_buff): number {
  if (!skb_is_gso(skb) || udp_sk(sk).gro_enabled) return udp_queue_rcv_one_skb(sk, skb);

  __skb_push(skb, skb.data - skb.mac_header);
  const segs = __skb_gso_segment(skb, 0, false);
  if (segs === null || typeof segs === "number") {
    __UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS);
    sk.sk_drops++;
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
    return 0;
  }
  consume_skb(skb);
  let next: sk_buff | null;
  for (let seg: sk_buff | null = segs; seg !== null; seg = next) {
    next = seg.next;
    seg.next = null;
    __skb_pull(seg, skb_transport_offset(seg));
    // The segmentation has summed it: what the whole had is no longer true.
    seg.csum_valid = true;
    udp_queue_rcv_one_skb(sk, seg);
  }
  return 0;
}

/** sk wants packets to a group or broadcast address from rmt_addr:rmt_port. @differs joins are not kept */
function __udp_is_mcast_sock(
  n: net,
  sk: udp_sock,
  loc_addr: number,
  rmt_port: number,
  rmt_addr: number,
  dif: number,
  hnum: number,
): boolean {
  return sk.skc_net === n && sk.udp_port_hash === hnum &&
    (sk.skc_daddr === 0 || sk.skc_daddr === rmt_addr) &&
    (sk.skc_dport === 0 || sk.skc_dport === rmt_port) &&
    (sk.skc_rcv_saddr === 0 || sk.skc_rcv_saddr === loc_addr) &&
    udp_sk_bound_dev_eq(sk.skc_bound_dev_if, dif);
}

/** Multicasts and broadcasts go to every socket that wants them. */
function __udp4_lib_mcast_deliver(n: net, skb: sk_buff, saddr: number, daddr: number): number {
  const { source, dest: hnum } = udp_hdr(skb);
  const hslot = udp_table.hash[udp_hashfn(n, hnum, udp_table.mask)];
  const dif = skb.dev!.ifindex;
  let first: udp_sock | null = null;
  for (let node = hslot.head.next; node !== null; node = node.next) {
    const sk = node.owner as udp_sock;
    if (!__udp_is_mcast_sock(n, sk, daddr, source, saddr, dif, hnum)) continue;
    if (first === null) first = sk;
    else udp_queue_rcv_skb(sk, skb_clone(skb));
  }
  if (first !== null) {
    udp_queue_rcv_skb(first, skb);
  } else {
    kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
    __UDP_INC_STATS(n, UDP_MIB_IGNOREDMULTI);
  }
  return 0;
}

/** Begins to verify the checksum: not 0 where it is found wrong. */
function udp4_csum_init(skb: sk_buff, check: number): number {
  const err = skb_checksum_init_zero_check(skb, IPPROTO_UDP, check, inet_compute_pseudo);
  if (err !== 0) return err;
  if (skb.ip_summed === CHECKSUM_COMPLETE && !skb.csum_valid) {
    if (skb.csum_complete_sw) return 1;
    // The device's sum is off: see for ourselves.
    skb.ip_summed = CHECKSUM_NONE;
  }
  return 0;
}

function udp_unicast_rcv_skb(sk: sock, skb: sk_buff): number {
  const ret = udp_queue_rcv_skb(sk, skb);
  return ret > 0 ? -ret : 0;
}

/** A datagram from IP, its UDP header in front. 0. */
export function __udp4_lib_rcv(skb: sk_buff, _udptable: udp_table_t, _proto: number): number {
  const n = skb.dev!.nd_net;
  if (!pskb_may_pull(skb, UDP_HLEN)) {
    return udp_rcv_drop(n, skb, SKB_DROP_REASON_PKT_TOO_SMALL);
  }
  const ulen = udp_hdr(skb).len;
  if (ulen > skb.len || ulen < UDP_HLEN || pskb_trim_rcsum(skb, ulen) !== 0) {
    return udp_rcv_drop(n, skb, SKB_DROP_REASON_PKT_TOO_SMALL);
  }
  const uh = udp_hdr(skb);
  if (udp4_csum_init(skb, uh.check) !== 0) return udp_rcv_csum_error(n, skb);

  const rt = skb_rtable(skb)!;
  if ((rt.rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0) {
    const iph = ip_hdr(skb);
    return __udp4_lib_mcast_deliver(n, skb, iph.saddr, iph.daddr);
  }
  const sk = __udp4_lib_lookup_skb(skb, uh.source, uh.dest);
  if (sk !== null) return udp_unicast_rcv_skb(sk, skb);

  // Nobody has the port: silence for what is broken, an error for the rest. @rfc 1122 4.1.3.1
  if (udp_lib_checksum_complete(skb)) return udp_rcv_csum_error(n, skb);
  __UDP_INC_STATS(n, UDP_MIB_NOPORTS);
  icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
  kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
  return 0;
}

function udp_rcv_csum_error(n: net, skb: sk_buff): number {
  __UDP_INC_STATS(n, UDP_MIB_CSUMERRORS);
  return udp_rcv_drop(n, skb, SKB_DROP_REASON_UDP_CSUM);
}

function udp_rcv_drop(n: net, skb: sk_buff, reason: number): number {
  __UDP_INC_STATS(n, UDP_MIB_INERRORS);
  kfree_skb_reason(skb, reason);
  return 0;
}

/** handler of UDP. */
export function udp_rcv(skb: sk_buff): number {
  return __udp4_lib_rcv(skb, udp_table, IPPROTO_UDP);
}

// ---- the socket ----

/** The program closes it: what is corked is thrown away. */
export function udp_destroy_sock(sk: sock): void {
  sock_set_flag(sk, SOCK_DEAD);
  udp_flush_pending_frames(sk);
}

/** Options of SOL_UDP: 0 or a negative errno. push_pending sends what is corked. */
export function udp_lib_setsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
  push_pending: (sk: sock) => number,
): number | Promise<number> {
  const up = udp_sk(sk);
  if (optlen < 4) return -EINVAL;
  if (optval.length < 4) return -EFAULT;
  const val = sockopt_get_int(optval, 0);
  switch (optname) {
    case UDP_CORK:
      up.corkflag = val !== 0;
      if (up.corkflag) return 0;
      return after_sleep(lock_sock(sk), () => {
        push_pending(sk);
        release_sock(sk);
        return 0;
      });
    case UDP_SEGMENT:
      if (val < 0 || val > 0xffff) return -EINVAL;
      up.gso_size = val;
      return 0;
    case UDP_GRO:
      up.gro_enabled = up.accept_udp_l4 = val !== 0;
      return 0;
  }
  return -ENOPROTOOPT;
}

export function udp_setsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (level === SOL_UDP) {
    return udp_lib_setsockopt(sk, level, optname, optval, optlen, udp_push_pending_frames);
  }
  return ip_setsockopt(sk, level, optname, optval, optlen);
}

/** Options of SOL_UDP: 0 or a negative errno. */
export function udp_lib_getsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  const up = udp_sk(sk);
  if (optlen[0] < 0) return -EINVAL;
  let val: number;
  switch (optname) {
    case UDP_CORK:
      val = up.corkflag ? 1 : 0;
      break;
    case UDP_SEGMENT:
      val = up.gso_size;
      break;
    case UDP_GRO:
      val = up.gro_enabled ? 1 : 0;
      break;
    default:
      return -ENOPROTOOPT;
  }
  const bytes = new Uint8Array(4);
  sockopt_put_int(bytes, 0, val);
  return sockopt_answer(optval, optlen, bytes, 4);
}

export function udp_getsockopt(
  sk: sock,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number | Promise<number> {
  if (level === SOL_UDP) return udp_lib_getsockopt(sk, level, optname, optval, optlen);
  return ip_getsockopt(sk, level, optname, optval, optlen);
}

/** As datagram_poll(); a blocking reader is not woken for packets with bad checksums. */
export function udp_poll(file: file, sock: socket, wait: poll_table | null): number {
  let mask = datagram_poll(file, sock, wait);
  const sk = sock.sk as sock;
  if (
    (mask & EPOLLRDNORM) !== 0 && (file.f_flags & O_NONBLOCK) === 0 &&
    (sk.sk_shutdown & RCV_SHUTDOWN) === 0 && first_packet_length(sk) === -1
  ) mask &= ~(EPOLLIN | EPOLLRDNORM);
  return mask;
}

/** Ends a socket from outside, with an error for its program. */
export function udp_abort(sk: sock, err: number): number {
  local_bh_disable();
  if (!sock_flag(sk, SOCK_DEAD)) {
    sk.sk_err = err;
    sk_error_report(sk);
    __udp_disconnect(sk, 0);
  }
  local_bh_enable();
  return 0;
}

export function udp_lib_close(sk: sock, _timeout: number): void {
  sk_common_release(sk);
}

/** Operations of UDP sockets. */
export const udp_prot: proto = {
  name: "UDP",
  close: udp_lib_close,
  pre_connect: udp_pre_connect,
  connect: ip4_datagram_connect,
  disconnect: udp_disconnect,
  ioctl: udp_ioctl,
  init: udp_init_sock,
  destroy: udp_destroy_sock,
  setsockopt: udp_setsockopt,
  getsockopt: udp_getsockopt,
  sendmsg: udp_sendmsg,
  recvmsg: udp_recvmsg,
  splice_eof: udp_splice_eof,
  release_cb: ip4_datagram_release_cb,
  unhash: udp_lib_unhash,
  rehash: udp_v4_rehash,
  get_port: udp_v4_get_port,
  put_port: udp_lib_unhash,
  diag_destroy: udp_abort,
  counters: new proto_counters(),
  sysctl_mem: (n) => n.ipv4.sysctl_udp_mem,
  sysctl_wmem: (n) => Int32Array.of(n.ipv4.sysctl_udp_wmem_min),
  sysctl_rmem: (n) => Int32Array.of(n.ipv4.sysctl_udp_rmem_min),
  max_header: 0,
  alloc_sock: () => new udp_sock(),
};

/** Makes the table empty. */
export function udp_table_init(table: udp_table_t, size: number): void {
  table.mask = size - 1;
  table.log = 31 - Math.clz32(size);
  table.hash = [];
  table.hash2 = [];
  for (let i = 0; i < size; i++) {
    table.hash.push(new udp_hslot());
    table.hash2.push(new udp_hslot());
  }
}

/** UDP begins. */
export function udp_init(): void {
  udp_table_init(udp_table, UDP_HTABLE_SIZE);
  udp_ehash_secret = get_random_u32();
  send_states = null;
}

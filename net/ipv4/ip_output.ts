// SPDX-License-Identifier: GPL-2.0-only
//
// IPv4 packets go out. TCP calls ip_queue_xmit() (without a socket of its own: ip_build_and_send_pkt() for a
// SYN+ACK, ip_send_unicast_reply() for a RST); datagrams are put together by ip_append_data() and
// ip_push_pending_frames(), or by ip_make_skb() and ip_send_skb(). All end in ip_local_out(), ip_output(),
// ip_finish_output(), ip_fragment() where needed, and the neighbour by ip_finish_output2().

import { IS_ERR, IS_ERR_OR_NULL } from "../../include/linux/err.ts";
import {
  LL_RESERVED_SPACE,
  NETIF_F_GSO_MASK,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
} from "../../include/linux/netdevice.ts";
import { net_xmit_errno } from "../../include/linux/netdevice.ts";
import type { msghdr } from "../../include/linux/net.ts";
import {
  NF_HOOK,
  nf_hook,
  NF_HOOK_COND,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NFPROTO_IPV4,
} from "../../include/linux/netfilter.ts";
import { get_random_u16 } from "../../include/linux/random.ts";
import { after_sleep } from "../../include/linux/sched.ts";
import {
  __skb_dequeue,
  __skb_dequeue_tail,
  __skb_fill_page_desc,
  __skb_queue_tail,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  icmp_hdr,
  ip_hdr,
  ip_options,
  IPCB,
  IPSKB_FORWARDED,
  IPSKB_FRAG_COMPLETE,
  IPSKB_FRAG_PMTU,
  IPSKB_REROUTED,
  MAX_SKB_FRAGS,
  sk_buff_head,
  skb_can_coalesce,
  skb_cloned,
  skb_dst,
  skb_dst_drop,
  skb_dst_set,
  skb_headroom,
  skb_is_gso,
  skb_network_header_len,
  skb_network_offset,
  skb_peek,
  skb_peek_tail,
  skb_reserve,
  skb_reset_network_header,
  skb_set_network_header,
  skb_shared,
  skb_shinfo,
  skb_tailroom,
  tcp_hdr,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { get_page } from "../../include/linux/mm_types.ts";
import { MSG_CONFIRM, MSG_DONTWAIT, MSG_MORE, MSG_PROBE } from "../../include/linux/socket.ts";
import { copy_from_iter } from "../../include/linux/uio.ts";
import { dst_mtu, dst_output } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_OUTNOROUTES,
  SKB_DROP_REASON_NEIGH_CREATEFAIL,
  SKB_DROP_REASON_NETFILTER_DROP,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_QDISC_DROP,
  SKB_DROP_REASON_QUEUE_PURGE,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_SKB_GSO_SEG,
  SKB_DROP_REASON_SKB_UCOPY_FAULT,
} from "../../include/net/dropreason.ts";
import { flowi4, flowi4_init_output, FLOWI_FLAG_ANYSRC } from "../../include/net/flow.ts";
import { ICMP_INC_STATS, icmp_send, ICMPMSGOUT_INC_STATS } from "../../include/net/icmp.ts";
import { INET_ECN_MASK } from "../../include/net/inet_ecn.ts";
import { inet_cork, inet_sk, IPCORK_OPT } from "../../include/net/inet_sock.ts";
import type { inet_sock } from "../../include/net/inet_sock.ts";
import {
  IP_DF,
  ip_dont_fragment,
  IP_INC_STATS,
  ip_is_fragment,
  IP_MAX_MTU,
  IP_MF,
  IP_OFFSET,
  IP_REPLY_ARG_NOSRCCHECK,
  ip_sk_ignore_df,
  ip_sk_use_pmtu,
  IP_UPD_PO_STATS,
  ipcm_cookie,
  ipcm_init,
  IPV4_MIN_MTU,
} from "../../include/net/ip.ts";
import type { getfrag_t, ip_reply_arg } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { neigh_confirm } from "../../include/net/neighbour.ts";
import type { neighbour } from "../../include/net/neighbour.ts";
import {
  RT_TOS,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  RTO_ONLINK,
  skb_rtable,
} from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import { sock_flag, SOCK_LOCALROUTE, sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  EFAULT,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENOMEM,
  EPERM,
} from "../../include/uapi/asm-generic/errno.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from "../../include/uapi/linux/icmp.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import {
  IP_PMTUDISC_DO,
  IP_PMTUDISC_PROBE,
  IPPROTO_ICMP,
  IPPROTO_TCP,
} from "../../include/uapi/linux/in.ts";
import type { iphdr } from "../../include/uapi/linux/ip.ts";
import {
  RT_SCOPE_UNIVERSE,
  RTN_BROADCAST,
  RTN_MULTICAST,
} from "../../include/uapi/linux/rtnetlink.ts";
import {
  ICMP_MIB_OUTMSGS,
  IPSTATS_MIB_FRAGCREATES,
  IPSTATS_MIB_FRAGFAILS,
  IPSTATS_MIB_FRAGOKS,
  IPSTATS_MIB_OUTBCASTOCTETS,
  IPSTATS_MIB_OUTBCASTPKTS,
  IPSTATS_MIB_OUTDISCARDS,
  IPSTATS_MIB_OUTMCASTOCTETS,
  IPSTATS_MIB_OUTMCASTPKTS,
  IPSTATS_MIB_OUTNOROUTES,
  IPSTATS_MIB_OUTOCTETS,
  IPSTATS_MIB_OUTPKTS,
  IPSTATS_MIB_OUTREQUESTS,
} from "../../include/uapi/linux/snmp.ts";
import {
  csum_add,
  csum_block_add,
  csum_fold,
  csum_partial,
  csum_partial_copy,
  csum_sub,
  ip_fast_csum,
} from "../../lib/checksum.ts";
import {
  dev_loopback_xmit,
  netif_skb_features,
  skb_checksum_help,
  skb_gso_segment,
} from "../core/dev.ts";
import { neigh_output } from "../core/neighbour.ts";
import {
  __skb_pull,
  __skb_trim,
  alloc_skb,
  consume_skb,
  kfree_skb_list_reason,
  kfree_skb_reason,
  pskb_trim_unique,
  skb_clone,
  skb_copy_and_csum_bits,
  skb_copy_bits,
  skb_copy_hash,
  skb_expand_head,
  skb_gso_validate_network_len,
  skb_push,
  skb_put,
} from "../core/skbuff.ts";
import {
  __sk_dst_check,
  sk_page_frag,
  sk_page_frag_refill,
  sk_setup_caps,
  skb_set_owner_w,
  sock_alloc_send_skb,
  sock_wfree,
} from "../core/sock.ts";
import { inetdev_valid_mtu } from "./devinet.ts";
import { inet_initpeers } from "./inetpeer.ts";
import { ip_local_error } from "./ip_sockglue.ts";
import { __ip_options_echo, ip_options_build, ip_options_fragment } from "./ip_options.ts";
import {
  __ip_select_ident,
  ip4_dst_hoplimit,
  ip_neigh_for_gw,
  ip_route_output_flow,
  ip_route_output_ports,
  ip_rt_init,
  ip_select_ident,
  ip_select_ident_segs,
  ip_skb_dst_mtu,
  rt_dst_clone,
  rt_register_output,
} from "./route.ts";

/** Sums a header anew. */
export function ip_send_check(iph: iphdr): void {
  const dv = iph.dv;
  const off = iph.off;
  const u8 = iph.u8 ?? new Uint8Array(dv.buffer, dv.byteOffset, dv.byteLength);
  u8[off + 10] = 0;
  u8[off + 11] = 0;
  dv.setUint16(off + 10, ip_fast_csum(u8, off, u8[off] & 15));
}

/** Completes the header of a packet of ours: 1 and it may go, 0 where a hook took it, or -EPERM. */
export function __ip_local_out(net: net, sk: sock | null, skb: sk_buff): number {
  const iph = ip_hdr(skb);
  IP_INC_STATS(net, IPSTATS_MIB_OUTREQUESTS);
  iph.tot_len = skb.len;
  ip_send_check(iph);
  skb.protocol = ETH_P_IP;
  const ret = nf_hook(
    NFPROTO_IPV4,
    NF_INET_LOCAL_OUT,
    net,
    sk,
    skb,
    null,
    skb_dst(skb)!.dev,
  );
  if (ret < 0) {
    kfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);
    return -EPERM;
  }
  return ret;
}

/** Sends a packet that has header and route: 0, NET_XMIT_* or a negative errno. */
export function ip_local_out(net: net, sk: sock | null, skb: sk_buff): number {
  const err = __ip_local_out(net, sk, skb);
  return err === 1 ? dst_output(net, sk, skb) : err;
}

/** The TTL of a socket's packets. */
function ip_select_ttl(inet: inet_sock, dst: dst_entry): number {
  const ttl = inet.uc_ttl;
  return ttl < 0 ? ip4_dst_hoplimit(dst) : ttl;
}

/** Writes an IP header in front of a transport header and sends: for a socket that has no connection yet. */
export function ip_build_and_send_pkt(
  skb: sk_buff,
  sk: sock,
  saddr: number,
  daddr: number,
  opt: ip_options | null,
  tos: number,
): number {
  const inet = inet_sk(sk);
  const rt = skb_rtable(skb)!;
  const net = sock_net(sk);
  const optlen = opt !== null ? opt.optlen : 0;
  skb_push(skb, 20 + optlen);
  skb_reset_network_header(skb);
  const iph = ip_hdr(skb);
  iph.version_ihl = 0x45 + (optlen >> 2);
  iph.tos = tos;
  iph.ttl = ip_select_ttl(inet, rt);
  iph.daddr = opt !== null && opt.srr !== 0 ? opt.faddr : daddr;
  iph.saddr = saddr;
  iph.protocol = sk.sk_protocol;
  if (skb.len <= IPV4_MIN_MTU || ip_dont_fragment(sk, rt)) {
    iph.frag_off = IP_DF;
    iph.id = 0;
  } else {
    iph.frag_off = 0;
    // A SYN+ACK: no need to take from the numbers of this pair of hosts.
    if (sk.sk_protocol === IPPROTO_TCP) iph.id = get_random_u16();
    else __ip_select_ident(net, iph, 1);
  }
  if (optlen !== 0) ip_options_build(skb, opt!, daddr, rt);
  skb.priority = sk.sk_priority;
  if (skb.mark === 0) skb.mark = sk.sk_mark;
  return ip_local_out(net, skb.sk, skb);
}

/** Notes at the neighbour that the packet's socket has heard from the peer. */
function sock_confirm_neigh(skb: sk_buff, n: neighbour): void {
  if (!skb.dst_pending_confirm) return;
  const sk = skb.sk;
  if (sk !== null && sk.sk_dst_pending_confirm) sk.sk_dst_pending_confirm = false;
  neigh_confirm(n);
}

/** Hands a packet that fits to the neighbour. */
function ip_finish_output2(net: net, _sk: sock | null, skb: sk_buff): number {
  const rt = skb_rtable(skb)!;
  const dev = rt.dev;
  if (rt.rt_type === RTN_MULTICAST) {
    IP_UPD_PO_STATS(net, IPSTATS_MIB_OUTMCASTPKTS, IPSTATS_MIB_OUTMCASTOCTETS, skb.len);
  } else if (rt.rt_type === RTN_BROADCAST) {
    IP_UPD_PO_STATS(net, IPSTATS_MIB_OUTBCASTPKTS, IPSTATS_MIB_OUTBCASTOCTETS, skb.len);
  }
  // Each fragment.
  IP_UPD_PO_STATS(net, IPSTATS_MIB_OUTPKTS, IPSTATS_MIB_OUTOCTETS, skb.len);
  const hh_len = LL_RESERVED_SPACE(dev);
  if (skb_headroom(skb) < hh_len && dev.header_ops !== null) skb = skb_expand_head(skb, hh_len);
  const neigh = ip_neigh_for_gw(rt, skb);
  if (IS_ERR(neigh)) {
    kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_CREATEFAIL);
    return neigh;
  }
  sock_confirm_neigh(skb, neigh);
  return neigh_output(neigh, skb, false);
}

/** A GSO packet: cut here where its segments do not fit the way. */
function ip_finish_output_gso(net: net, sk: sock | null, skb: sk_buff, mtu: number): number {
  if (skb_gso_validate_network_len(skb, mtu)) return ip_finish_output2(net, sk, skb);
  const features = netif_skb_features(skb);
  let segs = skb_gso_segment(skb, features & ~NETIF_F_GSO_MASK);
  if (IS_ERR_OR_NULL(segs)) {
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
    return -ENOMEM;
  }
  consume_skb(skb);
  let ret = 0;
  for (let seg: sk_buff | null = segs; seg !== null; seg = segs) {
    segs = seg.next;
    seg.next = null;
    seg.prev = null;
    const err = ip_fragment(net, sk, seg, mtu, ip_finish_output2);
    if (err !== 0 && ret === 0) ret = err;
  }
  return ret;
}

function __ip_finish_output(net: net, sk: sock | null, skb: sk_buff): number {
  const mtu = ip_skb_dst_mtu(sk, skb);
  if (skb_is_gso(skb)) return ip_finish_output_gso(net, sk, skb, mtu);
  if (skb.len > mtu || IPCB(skb).frag_max_size !== 0) {
    return ip_fragment(net, sk, skb, mtu, ip_finish_output2);
  }
  return ip_finish_output2(net, sk, skb);
}

function ip_finish_output(net: net, sk: sock | null, skb: sk_buff): number {
  return __ip_finish_output(net, sk, skb);
}

/** A copy of what is sent to all comes back to this host. */
function ip_mc_finish_output(net: net, sk: sock | null, skb: sk_buff): number {
  const new_rt = rt_dst_clone(net.loopback_dev, skb_rtable(skb)!);
  new_rt.rt_iif = 0;
  skb_dst_drop(skb);
  skb_dst_set(skb, new_rt);
  return dev_loopback_xmit(net, sk, skb);
}

/** Sends a packet to a group or to all of a link, and to this host if it is among them. */
export function ip_mc_output(net: net, sk: sock | null, skb: sk_buff): number {
  const rt = skb_rtable(skb)!;
  const dev = rt.dev;
  skb.dev = dev;
  skb.protocol = ETH_P_IP;
  if ((rt.rt_flags & RTCF_MULTICAST) !== 0) {
    const loop = sk === null || inet_sk(sk).mc_loop;
    if (
      loop && ((rt.rt_flags & RTCF_LOCAL) !== 0 || (IPCB(skb).flags & IPSKB_FORWARDED) === 0)
    ) ip_mc_loop(net, sk, skb);
    // TTL 0 does not leave the host. @rfc 1112 4
    if (ip_hdr(skb).ttl === 0) {
      kfree_skb_reason(skb, SKB_DROP_REASON_IP_INHDR);
      return 0;
    }
  }
  if ((rt.rt_flags & RTCF_BROADCAST) !== 0) ip_mc_loop(net, sk, skb);
  return NF_HOOK_COND(
    NFPROTO_IPV4,
    NF_INET_POST_ROUTING,
    net,
    sk,
    skb,
    null,
    dev,
    ip_finish_output,
    (IPCB(skb).flags & IPSKB_REROUTED) === 0,
  );
}

function ip_mc_loop(net: net, sk: sock | null, skb: sk_buff): void {
  const newskb = skb_clone(skb);
  NF_HOOK(
    NFPROTO_IPV4,
    NF_INET_POST_ROUTING,
    net,
    sk,
    newskb,
    null,
    newskb.dev,
    ip_mc_finish_output,
  );
}

/** Sends a routed packet: 0, NET_XMIT_* or a negative errno. */
export function ip_output(net: net, sk: sock | null, skb: sk_buff): number {
  const dev = skb_dst(skb)!.dev;
  const indev = skb.dev;
  skb.dev = dev;
  skb.protocol = ETH_P_IP;
  return NF_HOOK_COND(
    NFPROTO_IPV4,
    NF_INET_POST_ROUTING,
    net,
    sk,
    skb,
    indev,
    dev,
    ip_finish_output,
    (IPCB(skb).flags & IPSKB_REROUTED) === 0,
  );
}

function ip_copy_addrs(iph: iphdr, fl4: flowi4): void {
  iph.saddr = fl4.saddr;
  iph.daddr = fl4.daddr;
}

function RT_CONN_FLAGS_TOS(sk: sock, tos: number): number {
  return RT_TOS(tos) | (sock_flag(sk, SOCK_LOCALROUTE) ? RTO_ONLINK : 0);
}

/** Sends a connected socket's packet, finding its route if there is none yet: 0, NET_XMIT_* or a negative errno. */
export function __ip_queue_xmit(sk: sock, skb: sk_buff, fl: flowi4, tos: number): number {
  const inet = inet_sk(sk);
  const net = sock_net(sk);
  const opt = inet.inet_opt;
  let rt = skb_rtable(skb);
  no_route: {
    if (rt === null) {
      rt = __sk_dst_check(sk, 0) as rtable | null;
      if (rt === null) {
        const found = ip_route_output_ports(
          net,
          fl,
          sk,
          opt !== null && opt.srr !== 0 ? opt.faddr : inet.inet_daddr,
          inet.inet_saddr,
          inet.inet_dport,
          inet.inet_sport,
          sk.sk_protocol,
          RT_CONN_FLAGS_TOS(sk, tos),
          sk.sk_bound_dev_if,
        );
        if (IS_ERR(found)) break no_route;
        rt = found;
        sk_setup_caps(sk, rt);
      }
      skb_dst_set(skb, rt);
    }
    if (opt !== null && opt.is_strictroute && rt.rt_uses_gateway) break no_route;
    const optlen = opt !== null ? opt.optlen : 0;
    skb_push(skb, 20 + optlen);
    skb_reset_network_header(skb);
    const iph = ip_hdr(skb);
    iph.version_ihl = 0x45 + (optlen >> 2);
    iph.tos = tos & 0xff;
    iph.frag_off = ip_dont_fragment(sk, rt) && !skb.ignore_df ? IP_DF : 0;
    iph.ttl = ip_select_ttl(inet, rt);
    iph.protocol = sk.sk_protocol;
    ip_copy_addrs(iph, fl);
    if (optlen !== 0) ip_options_build(skb, opt!, inet.inet_daddr, rt);
    const segs = skb_shinfo(skb).gso_segs;
    ip_select_ident_segs(net, skb, sk, segs !== 0 ? segs : 1);
    skb.priority = sk.sk_priority;
    skb.mark = sk.sk_mark;
    return ip_local_out(net, sk, skb);
  }
  IP_INC_STATS(net, IPSTATS_MIB_OUTNOROUTES);
  kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
  return -EHOSTUNREACH;
}

export function ip_queue_xmit(sk: sock, skb: sk_buff, fl: unknown): number {
  return __ip_queue_xmit(sk, skb, fl as flowi4, inet_sk(sk).tos);
}

// ---- fragmentation ----

type ip_output_t = (net: net, sk: sock | null, skb: sk_buff) => number;

/** What a fragment takes over from its packet. */
function ip_copy_metadata(to: sk_buff, from: sk_buff): void {
  to.pkt_type = from.pkt_type;
  to.priority = from.priority;
  to.protocol = from.protocol;
  to.skb_iif = from.skb_iif;
  skb_dst_drop(to);
  skb_dst_set(to, skb_dst(from));
  to.dev = from.dev;
  to.mark = from.mark;
  skb_copy_hash(to, from);
}

/** Fragments a packet that does not fit, or where it may not be, tells its sender. */
function ip_fragment(
  net: net,
  sk: sock | null,
  skb: sk_buff,
  mtu: number,
  output: ip_output_t,
): number {
  if ((ip_hdr(skb).frag_off & IP_DF) === 0) return ip_do_fragment(net, sk, skb, output);
  const max = IPCB(skb).frag_max_size;
  if (!skb.ignore_df || (max !== 0 && max > mtu)) {
    IP_INC_STATS(net, IPSTATS_MIB_FRAGFAILS);
    icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_BIG);
    return -EMSGSIZE;
  }
  return ip_do_fragment(net, sk, skb, output);
}

/** How far ip_do_fragment() is, sending the pieces of a frag_list one by one. */
export class ip_fraglist_iter {
  frag: sk_buff | null = null;
  /** The header of the packet, as bytes. */
  readonly iph = new Uint8Array(60);
  offset = 0;
  hlen = 0;
}

/** Makes the packet's head its first fragment. */
export function ip_fraglist_init(
  skb: sk_buff,
  iph: iphdr,
  hlen: number,
  iter: ip_fraglist_iter,
): void {
  const si = skb_shinfo(skb);
  const first_len = skb_pagelen(skb);
  iter.frag = si.frag_list;
  si.frag_list = null;
  iter.offset = 0;
  iter.hlen = hlen;
  skb.data_len = first_len - (skb.tail - skb.data);
  skb.len = first_len;
  iph.tot_len = first_len;
  iph.frag_off = IP_MF;
  ip_send_check(iph);
  iter.iph.set(skb.head.u8.subarray(iph.off, iph.off + hlen));
}

/** Gives the next piece its header. */
export function ip_fraglist_prepare(skb: sk_buff, iter: ip_fraglist_iter): void {
  const frag = iter.frag!;
  frag.ip_summed = CHECKSUM_NONE;
  frag.transport_header = frag.data;
  skb_push(frag, iter.hlen);
  skb_reset_network_header(frag);
  frag.head.u8.set(
    skb.head.u8.subarray(skb.network_header, skb.network_header + iter.hlen),
    frag.data,
  );
  iter.offset += skb.len - iter.hlen;
  ip_copy_metadata(frag, skb);
  const iph = ip_hdr(frag);
  iph.tot_len = frag.len;
  iph.frag_off = (iter.offset >> 3) | (frag.next !== null ? IP_MF : 0);
  ip_send_check(iph);
}

function ip_fraglist_next(iter: ip_fraglist_iter): sk_buff {
  const skb = iter.frag!;
  iter.frag = skb.next;
  skb.next = null;
  skb.prev = null;
  return skb;
}

/** How far ip_do_fragment() is, cutting a packet. */
export class ip_frag_state {
  DF = false;
  hlen = 0;
  ll_rs = 0;
  mtu = 0;
  left = 0;
  offset = 0;
  ptr = 0;
  not_last_frag = 0;
}

export function ip_frag_init(
  skb: sk_buff,
  hlen: number,
  ll_rs: number,
  mtu: number,
  DF: boolean,
  state: ip_frag_state,
): void {
  const iph = ip_hdr(skb);
  state.DF = DF;
  state.hlen = hlen;
  state.ll_rs = ll_rs;
  state.mtu = mtu;
  state.left = skb.len - hlen;
  state.ptr = hlen;
  state.offset = (iph.frag_off & IP_OFFSET) << 3;
  state.not_last_frag = iph.frag_off & IP_MF;
}

/** The next fragment, a packet of its own. */
export function ip_frag_next(skb: sk_buff, state: ip_frag_state): sk_buff {
  let len = state.left;
  if (len > state.mtu) len = state.mtu;
  if (len < state.left) len &= ~7;
  const skb2 = alloc_skb(len + state.hlen + state.ll_rs);
  ip_copy_metadata(skb2, skb);
  skb_reserve(skb2, state.ll_rs);
  skb_put(skb2, len + state.hlen);
  skb_reset_network_header(skb2);
  skb2.transport_header = skb2.network_header + state.hlen;
  if (skb.sk !== null) skb_set_owner_w(skb2, skb.sk);
  skb_copy_bits(skb, 0, skb2.head.u8, state.hlen, skb2.network_header);
  skb_copy_bits(skb, state.ptr, skb2.head.u8, len, skb2.transport_header);
  state.left -= len;
  const iph = ip_hdr(skb2);
  let frag_off = state.offset >> 3;
  if (state.DF) frag_off |= IP_DF;
  if (state.left > 0 || state.not_last_frag !== 0) frag_off |= IP_MF;
  iph.frag_off = frag_off;
  state.ptr += len;
  state.offset += len;
  iph.tot_len = len + state.hlen;
  ip_send_check(iph);
  return skb2;
}

/** Bytes in head and fragments, without those of the frag_list. */
function skb_pagelen(skb: sk_buff): number {
  let len = skb.len;
  for (let f = skb_shinfo(skb).frag_list; f !== null; f = f.next) len -= f.len;
  return len;
}

/** The pieces of a frag_list can go as they are: their lengths, their room, nobody shares them. */
function ip_fraglist_fits(skb: sk_buff, hlen: number, mtu: number, ll_rs: number): boolean {
  const first_len = skb_pagelen(skb);
  if (
    first_len - hlen > mtu || ((first_len - hlen) & 7) !== 0 || ip_is_fragment(ip_hdr(skb)) ||
    skb_cloned(skb) || skb_headroom(skb) < ll_rs
  ) return false;
  for (let f = skb_shinfo(skb).frag_list; f !== null; f = f.next) {
    if (
      f.len > mtu || ((f.len & 7) !== 0 && f.next !== null) || skb_headroom(f) < hlen + ll_rs ||
      skb_shared(f)
    ) return false;
  }
  return true;
}

/** Sends a packet in fragments: 0 or what the first failure answered. @rfc 791 3.2 */
export function ip_do_fragment(
  net: net,
  sk: sock | null,
  skb: sk_buff,
  output: ip_output_t,
): number {
  let err = 0;
  if (skb.ip_summed === CHECKSUM_PARTIAL) err = skb_checksum_help(skb);
  if (err !== 0) {
    kfree_skb_reason(skb, SKB_DROP_REASON_SKB_CSUM);
    IP_INC_STATS(net, IPSTATS_MIB_FRAGFAILS);
    return err;
  }
  const iph = ip_hdr(skb);
  const cb = IPCB(skb);
  let mtu = ip_skb_dst_mtu(sk, skb);
  if (cb.frag_max_size !== 0 && cb.frag_max_size < mtu) mtu = cb.frag_max_size;
  const hlen = iph.ihl << 2;
  mtu -= hlen;
  cb.flags |= IPSKB_FRAG_COMPLETE;
  const ll_rs = LL_RESERVED_SPACE(skb_rtable(skb)!.dev);
  const tstamp = skb.tstamp;
  if (skb_shinfo(skb).frag_list !== null && ip_fraglist_fits(skb, hlen, mtu, ll_rs)) {
    return ip_do_fraglist(net, sk, skb, output, hlen, tstamp);
  }
  const state = new ip_frag_state();
  ip_frag_init(skb, hlen, ll_rs, mtu, (cb.flags & IPSKB_FRAG_PMTU) !== 0, state);
  while (state.left > 0) {
    const first_frag = state.offset === 0;
    const skb2 = ip_frag_next(skb, state);
    ip_frag_ipcb(skb, skb2, first_frag);
    skb2.tstamp = tstamp;
    err = output(net, sk, skb2);
    if (err !== 0) {
      kfree_skb_reason(skb, SKB_DROP_REASON_QDISC_DROP);
      IP_INC_STATS(net, IPSTATS_MIB_FRAGFAILS);
      return err;
    }
    IP_INC_STATS(net, IPSTATS_MIB_FRAGCREATES);
  }
  consume_skb(skb);
  IP_INC_STATS(net, IPSTATS_MIB_FRAGOKS);
  return err;
}

/** After the first fragment, options that are not copied leave the packet. */
function ip_frag_ipcb(from: sk_buff, to: sk_buff, first_frag: boolean): void {
  IPCB(to).flags = IPCB(from).flags;
  if (first_frag) ip_options_fragment(from);
}

/** Sends the pieces of a packet's frag_list as its fragments. */
function ip_do_fraglist(
  net: net,
  sk: sock | null,
  skb: sk_buff,
  output: ip_output_t,
  hlen: number,
  tstamp: number,
): number {
  const iter = new ip_fraglist_iter();
  for (let f = skb_shinfo(skb).frag_list; f !== null; f = f.next) {
    if (skb.sk !== null) {
      f.sk = skb.sk;
      f.destructor = sock_wfree;
    }
    skb.truesize -= f.truesize;
  }
  ip_fraglist_init(skb, ip_hdr(skb), hlen, iter);
  let err = 0;
  for (;;) {
    if (iter.frag !== null) {
      const first_frag = iter.offset === 0;
      IPCB(iter.frag).flags = IPCB(skb).flags;
      ip_fraglist_prepare(skb, iter);
      if (first_frag && IPCB(skb).opt.optlen !== 0) {
        IPCB(iter.frag).opt.optlen = IPCB(skb).opt.optlen;
        ip_options_fragment(iter.frag);
        ip_send_check(ip_hdr(iter.frag));
      }
    }
    skb.tstamp = tstamp;
    err = output(net, sk, skb);
    if (err === 0) IP_INC_STATS(net, IPSTATS_MIB_FRAGCREATES);
    if (err !== 0 || iter.frag === null) break;
    skb = ip_fraglist_next(iter);
  }
  if (err === 0) {
    IP_INC_STATS(net, IPSTATS_MIB_FRAGOKS);
    return 0;
  }
  kfree_skb_list_reason(iter.frag, SKB_DROP_REASON_QDISC_DROP);
  IP_INC_STATS(net, IPSTATS_MIB_FRAGFAILS);
  return err;
}

// ---- datagrams ----

/** getfrag of what a program sends. */
export function ip_generic_getfrag(
  from: msghdr,
  to: Uint8Array,
  to_off: number,
  _offset: number,
  len: number,
  odd: number,
  skb: sk_buff,
): number {
  if (copy_from_iter(to, to_off, len, from.msg_iter) !== len) return -EFAULT;
  if (skb.ip_summed !== CHECKSUM_PARTIAL) {
    skb.csum = csum_block_add(skb.csum, csum_partial(to, to_off, len, 0), odd);
  }
  return 0;
}

function sk_cork(sk: sock): inet_cork {
  return inet_sk(sk).cork ??= new inet_cork();
}

/**
 * Appends length bytes to the datagram in `queue`, in pieces as long as fragments: 0 or a negative errno. With
 * transhdrlen (the queue is empty) it may sleep for room in the send buffer.
 */
function __ip_append_data<T>(
  sk: sock,
  fl4: flowi4,
  queue: sk_buff_head,
  cork: inet_cork,
  getfrag: getfrag_t<T>,
  from: T,
  length: number,
  transhdrlen: number,
  flags: number,
): number | Promise<number> {
  const rt = cork.dst as rtable;
  const dev = rt.dev;
  const mtu = cork.gso_size !== 0 ? IP_MAX_MTU : cork.fragsize;
  const fragheaderlen = 20 + (cork.opt !== null ? cork.opt.optlen : 0);
  const maxnonfragsize = ip_sk_ignore_df(sk) ? IP_MAX_MTU : mtu;
  if (cork.length + length > maxnonfragsize - fragheaderlen) {
    const info = mtu - (fragheaderlen - 20);
    ip_local_error(sk, EMSGSIZE, fl4.daddr, inet_sk(sk).inet_dport, info);
    return -EMSGSIZE;
  }
  let csummode = CHECKSUM_NONE;
  if (
    transhdrlen !== 0 && length + fragheaderlen <= mtu &&
    (dev.features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM)) !== 0 &&
    ((flags & MSG_MORE) === 0 || cork.gso_size !== 0)
  ) csummode = CHECKSUM_PARTIAL;
  cork.length += length;
  let first: sk_buff | number | Promise<sk_buff | number> | null = null;
  if (transhdrlen !== 0 && skb_peek_tail(queue) === null) {
    const maxfraglen = ((mtu - fragheaderlen) & ~7) + fragheaderlen;
    let fraglen = length + fragheaderlen;
    if (fraglen > mtu) fraglen = maxfraglen;
    const alloclen = ((flags & MSG_MORE) !== 0 && cork.gso_size === 0 ? mtu : fraglen) +
      LL_RESERVED_SPACE(dev) + 15;
    first = sock_alloc_send_skb(sk, alloclen, (flags & MSG_DONTWAIT) !== 0);
    if (first instanceof Promise) {
      return after_sleep(
        first,
        (skb) =>
          append_frames(sk, queue, cork, getfrag, from, skb, length, transhdrlen, flags, csummode),
      );
    }
  }
  return append_frames(sk, queue, cork, getfrag, from, first, length, transhdrlen, flags, csummode);
}

/** Bytes of headroom and slack of each piece. */
const ALLOC_SLACK = 15;

/** An empty piece; null where the socket has far too much under way. */
function append_alloc(sk: sock, size: number): sk_buff | null {
  return sk.sk_wmem_alloc <= 2 * sk.sk_sndbuf ? alloc_skb(size) : null;
}

/** The loop of __ip_append_data(), beginning with the piece `first` if one was waited for. @local */
function append_frames<T>(
  sk: sock,
  queue: sk_buff_head,
  cork: inet_cork,
  getfrag: getfrag_t<T>,
  from: T,
  first: sk_buff | number | null,
  length: number,
  transhdrlen: number,
  flags: number,
  csummode: number,
): number {
  const total = length;
  const dev = cork.dst!.dev;
  const mtu = cork.gso_size !== 0 ? IP_MAX_MTU : cork.fragsize;
  const hh_len = LL_RESERVED_SPACE(dev);
  const fragheaderlen = 20 + (cork.opt !== null ? cork.opt.optlen : 0);
  const maxfraglen = ((mtu - fragheaderlen) & ~7) + fragheaderlen;
  let skb = skb_peek_tail(queue);
  let offset = 0;
  let err = 0;
  let left = length;
  while (left > 0 || skb === null) {
    let copy = 0;
    if (skb !== null) {
      copy = mtu - skb.len;
      if (copy < left) copy = maxfraglen - skb.len;
    }
    if (copy <= 0) {
      const skb_prev: sk_buff | null = skb;
      // What the piece before has too much for a fragment that is not the last.
      const fraggap = skb_prev !== null ? skb_prev.len - maxfraglen : 0;
      let datalen = left + fraggap;
      if (datalen > mtu - fragheaderlen) datalen = maxfraglen - fragheaderlen;
      const fraglen = datalen + fragheaderlen;
      if (typeof first === "number") {
        err = first;
        break;
      }
      let nskb: sk_buff | null = first;
      first = null;
      if (nskb === null) {
        const more = (flags & MSG_MORE) !== 0 && cork.gso_size === 0;
        nskb = append_alloc(sk, (more ? mtu : fraglen) + hh_len + ALLOC_SLACK);
      }
      if (nskb === null) {
        err = -ENOBUFS;
        break;
      }
      nskb.ip_summed = csummode;
      nskb.csum = 0;
      skb_reserve(nskb, hh_len);
      skb_put(nskb, fraglen);
      skb_set_network_header(nskb, 0);
      nskb.transport_header = nskb.network_header + fragheaderlen;
      let data = nskb.data + fragheaderlen;
      if (fraggap > 0) {
        const at = data + transhdrlen;
        nskb.csum = skb_copy_and_csum_bits(skb_prev!, maxfraglen, nskb.head.u8, fraggap, at);
        skb_prev!.csum = csum_sub(skb_prev!.csum, nskb.csum);
        data += fraggap;
        pskb_trim_unique(skb_prev!, maxfraglen);
      }
      copy = datalen - transhdrlen - Math.max(fraggap, 0);
      if (
        copy > 0 &&
        getfrag(from, nskb.head.u8, data + transhdrlen, offset, copy, fraggap, nskb) < 0
      ) {
        err = -EFAULT;
        kfree_skb_reason(nskb, SKB_DROP_REASON_SKB_UCOPY_FAULT);
        break;
      }
      offset += copy;
      left -= copy + transhdrlen;
      transhdrlen = 0;
      csummode = CHECKSUM_NONE;
      if ((flags & MSG_CONFIRM) !== 0 && skb_prev === null) nskb.dst_pending_confirm = true;
      if (nskb.destructor === null) {
        nskb.destructor = sock_wfree;
        nskb.sk = sk;
        sk.sk_wmem_alloc += nskb.truesize;
      }
      __skb_queue_tail(queue, nskb);
      skb = nskb;
      continue;
    }
    if (copy > left) copy = left;
    const last: sk_buff = skb!;
    if (skb_tailroom(last) >= copy) {
      const off = last.len;
      skb_put(last, copy);
      if (getfrag(from, last.head.u8, last.tail - copy, offset, copy, off, last) < 0) {
        __skb_trim(last, off);
        err = -EFAULT;
        break;
      }
    } else {
      copy = append_page(sk, getfrag, from, last, offset, copy);
      if (copy < 0) {
        err = copy;
        break;
      }
    }
    offset += copy;
    left -= copy;
  }
  if (err === 0) return 0;
  cork.length -= Math.min(left, total);
  IP_INC_STATS(sock_net(sk), IPSTATS_MIB_OUTDISCARDS);
  return err;
}

/** Appends up to copy bytes to skb as a fragment of the socket's page: how many, or a negative errno. */
function append_page<T>(
  sk: sock,
  getfrag: getfrag_t<T>,
  from: T,
  skb: sk_buff,
  offset: number,
  copy: number,
): number {
  const pfrag = sk_page_frag(sk);
  if (!sk_page_frag_refill(sk, pfrag)) return -ENOMEM;
  const p = pfrag.page!;
  const si = skb_shinfo(skb);
  let i = si.nr_frags;
  if (!skb_can_coalesce(skb, i, p, pfrag.offset)) {
    if (i === MAX_SKB_FRAGS) return -EMSGSIZE;
    __skb_fill_page_desc(skb, i, p, pfrag.offset, 0);
    si.nr_frags = ++i;
    get_page(p);
  }
  copy = Math.min(copy, pfrag.size - pfrag.offset);
  if (getfrag(from, p.u8, pfrag.offset, offset, copy, skb.len, skb) < 0) return -EFAULT;
  pfrag.offset += copy;
  si.frags[i - 1].bv_len += copy;
  skb.len += copy;
  skb.data_len += copy;
  skb.truesize += copy;
  sk.sk_wmem_alloc += copy;
  return copy;
}

/** Notes how a datagram is to be sent: 0, -EFAULT without a route, or -ENETUNREACH. */
function ip_setup_cork(sk: sock, cork: inet_cork, ipc: ipcm_cookie, rt: rtable | null): number {
  if (rt === null) return -EFAULT;
  cork.fragsize = ip_sk_use_pmtu(sk) ? dst_mtu(rt) : rt.dev.mtu;
  if (!inetdev_valid_mtu(cork.fragsize)) return -ENETUNREACH;
  const opt = ipc.opt;
  cork.flags = 0;
  cork.opt = null;
  if (opt !== null) {
    // A copy: the caller's may be used for another packet before this one goes.
    const copy = Object.assign(new ip_options(), opt);
    copy.__data = opt.__data !== null ? opt.__data.slice() : null;
    cork.opt = copy;
    cork.flags |= IPCORK_OPT;
    cork.addr = ipc.addr;
  }
  cork.gso_size = ipc.gso_size;
  cork.dst = rt;
  cork.length = 0;
  cork.ttl = ipc.ttl;
  cork.tos = ipc.tos;
  cork.mark = ipc.sockc.mark;
  cork.priority = ipc.priority;
  return 0;
}

/**
 * Adds length bytes, transhdrlen of them of a header that the caller writes later, to the socket's pending
 * datagram; several calls make one, which ip_push_pending_frames() sends. 0 or a negative errno.
 */
export function ip_append_data<T>(
  sk: sock,
  fl4: flowi4,
  getfrag: getfrag_t<T>,
  from: T,
  length: number,
  transhdrlen: number,
  ipc: ipcm_cookie,
  rt: rtable | null,
  flags: number,
): number | Promise<number> {
  if ((flags & MSG_PROBE) !== 0) return 0;
  const cork = sk_cork(sk);
  if (skb_peek(sk.sk_write_queue) === null) {
    const err = ip_setup_cork(sk, cork, ipc, rt);
    if (err !== 0) return err;
  } else {
    transhdrlen = 0;
  }
  return __ip_append_data(
    sk,
    fl4,
    sk.sk_write_queue,
    cork,
    getfrag,
    from,
    length,
    transhdrlen,
    flags,
  );
}

function ip_cork_release(cork: inet_cork): void {
  cork.flags &= ~IPCORK_OPT;
  cork.opt = null;
  cork.dst = null;
}

/** Makes one packet of the pieces in queue, with its header: null where there are none. */
export function __ip_make_skb(
  sk: sock,
  fl4: flowi4,
  queue: sk_buff_head,
  cork: inet_cork,
): sk_buff | null {
  const skb = __skb_dequeue(queue);
  if (skb === null) return null;
  const inet = inet_sk(sk);
  const net = sock_net(sk);
  const rt = cork.dst as rtable;
  if (skb.data < skb.network_header) __skb_pull(skb, skb_network_offset(skb));
  let tail: sk_buff | null = null;
  for (let tmp = __skb_dequeue(queue); tmp !== null; tmp = __skb_dequeue(queue)) {
    __skb_pull(tmp, skb_network_header_len(skb));
    if (tail === null) skb_shinfo(skb).frag_list = tmp;
    else tail.next = tmp;
    tail = tmp;
    skb.len += tmp.len;
    skb.data_len += tmp.len;
    skb.truesize += tmp.truesize;
    tmp.destructor = null;
    tmp.sk = null;
  }
  skb.ignore_df = ip_sk_ignore_df(sk);
  let df = 0;
  if (
    inet.pmtudisc === IP_PMTUDISC_DO || inet.pmtudisc === IP_PMTUDISC_PROBE ||
    (skb.len <= dst_mtu(rt) && ip_dont_fragment(sk, rt))
  ) df = IP_DF;
  const opt = (cork.flags & IPCORK_OPT) !== 0 ? cork.opt : null;
  let ttl = cork.ttl;
  if (ttl === 0) ttl = rt.rt_type === RTN_MULTICAST ? inet.mc_ttl : ip_select_ttl(inet, rt);
  const iph = ip_hdr(skb);
  iph.version_ihl = 0x45;
  iph.tos = cork.tos !== -1 ? cork.tos : inet.tos;
  iph.frag_off = df;
  iph.ttl = ttl;
  iph.protocol = sk.sk_protocol;
  ip_copy_addrs(iph, fl4);
  ip_select_ident(net, skb, sk);
  if (opt !== null) {
    iph.version_ihl = 0x45 + (opt.optlen >> 2);
    ip_options_build(skb, opt, cork.addr, rt);
  }
  skb.priority = cork.tos !== -1 ? cork.priority : sk.sk_priority;
  skb.mark = cork.mark;
  skb_dst_set(skb, rt);
  if (sk.sk_protocol === IPPROTO_ICMP) {
    ICMPMSGOUT_INC_STATS(net, icmp_hdr(skb).type);
    ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
  }
  ip_cork_release(cork);
  return skb;
}

/** Sends a packet that __ip_make_skb() made: 0 or a negative errno. */
export function ip_send_skb(net: net, skb: sk_buff): number {
  let err = ip_local_out(net, skb.sk, skb);
  if (err !== 0) {
    if (err > 0) err = net_xmit_errno(err);
    if (err !== 0) IP_INC_STATS(net, IPSTATS_MIB_OUTDISCARDS);
  }
  return err;
}

/** Sends the socket's pending datagram: 0 or a negative errno. */
export function ip_push_pending_frames(sk: sock, fl4: flowi4): number {
  const skb = ip_finish_skb(sk, fl4);
  return skb === null ? 0 : ip_send_skb(sock_net(sk), skb);
}

/** The socket's pending datagram as a packet. */
export function ip_finish_skb(sk: sock, fl4: flowi4): sk_buff | null {
  return __ip_make_skb(sk, fl4, sk.sk_write_queue, sk_cork(sk));
}

function __ip_flush_pending_frames(_sk: sock, queue: sk_buff_head, cork: inet_cork): void {
  for (let skb = __skb_dequeue_tail(queue); skb !== null; skb = __skb_dequeue_tail(queue)) {
    kfree_skb_reason(skb, SKB_DROP_REASON_QUEUE_PURGE);
  }
  ip_cork_release(cork);
}

/** Throws the socket's pending datagram away. */
export function ip_flush_pending_frames(sk: sock): void {
  __ip_flush_pending_frames(sk, sk.sk_write_queue, sk_cork(sk));
}

/** A datagram as one packet, without touching the socket's pending one; null for MSG_PROBE, or a negative errno. */
export function ip_make_skb<T>(
  sk: sock,
  fl4: flowi4,
  getfrag: getfrag_t<T>,
  from: T,
  length: number,
  transhdrlen: number,
  ipc: ipcm_cookie,
  rt: rtable | null,
  cork: inet_cork,
  flags: number,
): sk_buff | null | number | Promise<sk_buff | null | number> {
  if ((flags & MSG_PROBE) !== 0) return null;
  cork.flags = 0;
  cork.addr = 0;
  cork.opt = null;
  let err: number | Promise<number> = ip_setup_cork(sk, cork, ipc, rt);
  if (err !== 0) return err;
  const queue = spare_queue ?? new sk_buff_head();
  spare_queue = null;
  err = __ip_append_data(sk, fl4, queue, cork, getfrag, from, length, transhdrlen, flags);
  return after_sleep(err, (err) => ip_make_skb_end(sk, fl4, queue, cork, err));
}

/** An empty queue for the next ip_make_skb(). */
let spare_queue: sk_buff_head | null = new sk_buff_head();

function ip_make_skb_end(
  sk: sock,
  fl4: flowi4,
  queue: sk_buff_head,
  cork: inet_cork,
  err: number,
): sk_buff | null | number {
  let ret: sk_buff | null | number = err;
  if (err !== 0) __ip_flush_pending_frames(sk, queue, cork);
  else ret = __ip_make_skb(sk, fl4, queue, cork);
  spare_queue = queue;
  return ret;
}

// ---- answers without a socket ----

/** getfrag of an answer: the bytes of a transport header. */
function ip_reply_glue_bits(
  dptr: Uint8Array,
  to: Uint8Array,
  to_off: number,
  offset: number,
  len: number,
  odd: number,
  skb: sk_buff,
): number {
  const csum = csum_partial_copy(dptr, offset, to, to_off, len, 0);
  skb.csum = csum_block_add(skb.csum, csum, odd);
  return 0;
}

const reply_opts = new ip_options();
const reply_ipc = new ipcm_cookie();
const reply_fl4 = new flowi4();

/** Answers skb from no socket of its own: len bytes of arg.iov to daddr, by the kernel's socket sk. */
export function ip_send_unicast_reply(
  sk: sock,
  skb: sk_buff,
  sopt: ip_options,
  daddr: number,
  saddr: number,
  arg: ip_reply_arg,
  len: number,
  transmit_time: number,
  txhash: number,
): void {
  const net = sock_net(sk);
  if (__ip_options_echo(net, reply_opts, skb, sopt) !== 0) return;
  const ipc = reply_ipc;
  ipcm_init(ipc);
  ipc.addr = daddr;
  ipc.sockc.transmit_time = transmit_time;
  if (reply_opts.optlen !== 0) {
    ipc.opt = reply_opts;
    if (reply_opts.srr !== 0) daddr = reply_opts.faddr;
  }
  const fl4 = reply_fl4;
  const protocol = ip_hdr(skb).protocol;
  flowi4_init_output(
    fl4,
    arg.bound_dev_if,
    net.ipv4.sysctl_fwmark_reflect !== 0 && skb.mark !== 0 ? skb.mark : sk.sk_mark,
    RT_TOS(arg.tos),
    RT_SCOPE_UNIVERSE,
    protocol,
    (arg.flags & IP_REPLY_ARG_NOSRCCHECK) !== 0 ? FLOWI_FLAG_ANYSRC : 0,
    daddr,
    saddr,
    tcp_hdr(skb).source,
    tcp_hdr(skb).dest,
    arg.uid,
  );
  const rt = ip_route_output_flow(net, fl4, sk);
  if (IS_ERR(rt)) return;
  inet_sk(sk).tos = arg.tos & ~INET_ECN_MASK;
  sk.sk_protocol = protocol;
  sk.sk_bound_dev_if = arg.bound_dev_if;
  sk.sk_sndbuf = net.core.sysctl_wmem_default;
  ipc.sockc.mark = fl4.flowi4_mark;
  const err = ip_append_data(sk, fl4, ip_reply_glue_bits, arg.iov, len, 0, ipc, rt, MSG_DONTWAIT);
  if (err !== 0) {
    ip_flush_pending_frames(sk);
    return;
  }
  const nskb = skb_peek(sk.sk_write_queue);
  if (nskb === null) return;
  if (arg.csumoffset >= 0) {
    nskb.head.dv.setUint16(
      nskb.transport_header + arg.csumoffset,
      csum_fold(csum_add(nskb.csum, arg.csum)),
    );
  }
  nskb.ip_summed = CHECKSUM_NONE;
  if (txhash !== 0) {
    nskb.hash = txhash;
    nskb.l4_hash = true;
    nskb.sw_hash = false;
  }
  ip_push_pending_frames(sk, fl4);
}

/** Starts IPv4's lower half: routes, and what is remembered of peers. */
export function ip_init(): void {
  ip_rt_init();
  inet_initpeers();
}

rt_register_output(ip_output, ip_mc_output);

// SPDX-License-Identifier: GPL-2.0-only
//
// ARP: IPv4 addresses to link addresses. net/core/neighbour.ts calls arp_constructor() for a new
// neighbour and arp_solicit() to ask for its address; arp_rcv() takes what comes from the device,
// arp_process() answers for our addresses and tells neigh_update() what it has learned.

import { IS_ERR } from "../../include/linux/err.ts";
import {
  __in_dev_get_rcu,
  IN_DEV_ARP_EVICT_NOCARRIER,
  IN_DEV_FORWARD,
  IN_DEV_MEDIUM_ID,
  IN_DEV_ORCONF,
  IN_DEV_PROXY_ARP,
  IN_DEV_PROXY_ARP_PVLAN,
  IN_DEV_ROUTE_LOCALNET,
} from "../../include/linux/inetdevice.ts";
import type { in_device, ipv4_devconf } from "../../include/linux/inetdevice.ts";
import { jiffies, time_after } from "../../include/linux/jiffies.ts";
import {
  IFF_LOOPBACK,
  IFF_NOARP,
  IFF_POINTOPOINT,
  LL_RESERVED_SPACE,
  NET_RX_DROP,
  NET_RX_SUCCESS,
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  netif_carrier_ok,
} from "../../include/linux/netdevice.ts";
import type { net_device, packet_type } from "../../include/linux/netdevice.ts";
import { NOTIFY_DONE } from "../../include/linux/notifier.ts";
import type { notifier_block } from "../../include/linux/notifier.ts";
import {
  arp_hdr,
  ip_hdr,
  PACKET_HOST,
  PACKET_LOOPBACK,
  PACKET_OTHERHOST,
  skb_dst_drop,
  skb_dst_set,
  skb_reserve,
  skb_reset_network_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { arp_hashfn } from "../../include/net/arp.ts";
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_IP_INVALID_DEST,
  SKB_DROP_REASON_IP_INVALID_SOURCE,
  SKB_DROP_REASON_NEIGH_FAILED,
  SKB_DROP_REASON_NEIGH_HH_FILLFAIL,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from "../../include/net/dropreason.ts";
import { dst_link_failure } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  __NET_INC_STATS,
  in_ntoa,
  ipv4_is_loopback,
  ipv4_is_multicast,
} from "../../include/net/ip.ts";
import {
  neigh_table,
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from "../../include/net/neighbour.ts";
import type { neigh_ops, neighbour } from "../../include/net/neighbour.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import { RTO_ONLINK, skb_rtable } from "../../include/net/route.ts";
import type { sock } from "../../include/net/sock.ts";
import type { rtable } from "../../include/net/route.ts";
import {
  EFAULT,
  EINVAL,
  ENODEV,
  ENXIO,
  EPFNOSUPPORT,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ARPHRD_ETHER,
  ARPHRD_IEEE802,
  ARPOP_REPLY,
  ARPOP_REQUEST,
  ATF_COM,
  ATF_PERM,
  ATF_PUBL,
} from "../../include/uapi/linux/if_arp.ts";
import { ARPREQ_SIZE } from "../../include/uapi/linux/if_arp.ts";
import type { arpreq } from "../../include/uapi/linux/if_arp.ts";
import { ETH_P_ARP, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { INADDR_ANY } from "../../include/uapi/linux/in.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from "../../include/uapi/linux/rtnetlink.ts";
import { LINUX_MIB_ARPFILTER } from "../../include/uapi/linux/snmp.ts";
import { SIOCDARP, SIOCGARP, SIOCSARP } from "../../include/uapi/linux/sockios.ts";
import {
  __dev_get_by_name,
  dev_add_pack,
  dev_queue_xmit,
  register_netdevice_notifier,
} from "../core/dev.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import {
  __neigh_lookup,
  neigh_add,
  NEIGH_ARP_TABLE,
  neigh_carrier_down,
  NEIGH_CB,
  neigh_changeaddr,
  neigh_connected_output,
  neigh_delete,
  neigh_direct_output,
  neigh_event_ns,
  neigh_for_each,
  neigh_ifdown,
  neigh_lookup,
  neigh_resolve_output,
  neigh_table_init,
  neigh_update,
  pneigh_enqueue,
} from "../core/neighbour.ts";
import {
  alloc_skb,
  consume_skb,
  kfree_skb_reason,
  pskb_may_pull,
  skb_put,
  skb_share_check,
} from "../core/skbuff.ts";
import { inet_addr_onlink, inet_confirm_addr, inet_select_addr } from "./devinet.ts";
import { inet_addr_type_dev_table } from "./fib_frontend.ts";
import { ip_route_input_noref, ip_route_output } from "./route.ts";

export {
  __ipv4_confirm_neigh,
  __ipv4_neigh_lookup,
  __ipv4_neigh_lookup_noref,
} from "../../include/net/arp.ts";

const arp_generic_ops: neigh_ops = {
  family: AF_INET,
  solicit: arp_solicit,
  error_report: arp_error_report,
  output: neigh_resolve_output,
  connected_output: neigh_connected_output,
};

const arp_hh_ops: neigh_ops = {
  family: AF_INET,
  solicit: arp_solicit,
  error_report: arp_error_report,
  output: neigh_resolve_output,
  connected_output: neigh_resolve_output,
};

const arp_direct_ops: neigh_ops = {
  family: AF_INET,
  output: neigh_direct_output,
  connected_output: neigh_direct_output,
};

/** IPv4's neighbours, of all hosts: a device belongs to one. */
export const arp_tbl: neigh_table = new neigh_table();

/** The link address of a multicast address: 0, or -EINVAL. `dir` not 0: broadcast will do. */
export function arp_mc_map(
  addr: number,
  haddr: Uint8Array,
  dev: net_device,
  dir: number,
): number {
  if (dev.type === ARPHRD_ETHER || dev.type === ARPHRD_IEEE802) {
    ip_eth_mc_map(addr, haddr);
    return 0;
  }
  if (dir === 0) return -EINVAL;
  for (let i = 0; i < dev.addr_len; i++) haddr[i] = dev.broadcast[i];
  return 0;
}

/** The Ethernet group of an IPv4 group. @rfc 1112 6.4 */
function ip_eth_mc_map(naddr: number, buf: Uint8Array): void {
  buf[0] = 0x01;
  buf[1] = 0x00;
  buf[2] = 0x5e;
  buf[3] = (naddr >> 16) & 0x7f;
  buf[4] = (naddr >> 8) & 0xff;
  buf[5] = naddr & 0xff;
}

function arp_hash(pkey: number, dev: net_device, hash_rnd: number): number {
  return arp_hashfn(pkey, dev, hash_rnd);
}

/** The stricter of the switch for all devices and the device's own. */
function IN_DEV_MAXCONF(in_dev: in_device, attr: keyof ipv4_devconf): number {
  return Math.max(in_dev.dev.nd_net.ipv4.devconf_all[attr], in_dev.cnf[attr]);
}

function set_ha(neigh: neighbour, ha: Uint8Array): void {
  for (let i = 0; i < neigh.dev.addr_len; i++) neigh.ha[i] = ha[i];
}

/** Sets up a new neighbour: some need no asking. 0, or -EINVAL where the device has no IPv4. */
export function arp_constructor(neigh: neighbour): number {
  const dev = neigh.dev;
  // Links without addresses have one neighbour for all.
  if ((dev.flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) !== 0) neigh.primary_key = INADDR_ANY;
  const addr = neigh.primary_key;
  const in_dev = __in_dev_get_rcu(dev);
  if (in_dev === null) return -EINVAL;

  neigh.type = inet_addr_type_dev_table(dev.nd_net, dev, addr);
  neigh.parms = in_dev.arp_parms ?? arp_tbl.parms;

  const header_ops = dev.header_ops;
  if (header_ops === null) {
    neigh.nud_state = NUD_NOARP;
    neigh.ops = arp_direct_ops;
    neigh.output = neigh_direct_output;
    return 0;
  }
  if (neigh.type === RTN_MULTICAST) {
    neigh.nud_state = NUD_NOARP;
    arp_mc_map(addr, neigh.ha, dev, 1);
  } else if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) {
    neigh.nud_state = NUD_NOARP;
    set_ha(neigh, dev.dev_addr);
  } else if (neigh.type === RTN_BROADCAST || (dev.flags & IFF_POINTOPOINT) !== 0) {
    neigh.nud_state = NUD_NOARP;
    set_ha(neigh, dev.broadcast);
  }
  neigh.ops = header_ops.cache !== undefined ? arp_hh_ops : arp_generic_ops;
  neigh.output = (neigh.nud_state & NUD_VALID) !== 0
    ? neigh.ops.connected_output
    : neigh.ops.output;
  return 0;
}

/** Nobody answered for the address that skb waits for: its sender hears 'host unreachable'. */
export function arp_error_report(_neigh: neighbour, skb: sk_buff): void {
  dst_link_failure(skb);
  kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
}

function arp_send_dst(
  type: number,
  ptype: number,
  dest_ip: number,
  dev: net_device,
  src_ip: number,
  dest_hw: Uint8Array | null,
  src_hw: Uint8Array | null,
  target_hw: Uint8Array | null,
  dst: dst_entry | null,
): void {
  if ((dev.flags & IFF_NOARP) !== 0) return;
  const skb = arp_create(type, ptype, dest_ip, dev, src_ip, dest_hw, src_hw, target_hw);
  if (skb === null) return;
  skb_dst_set(skb, dst);
  arp_xmit(skb);
}

/** Makes and sends an ARP packet; see arp_create(). */
export function arp_send(
  type: number,
  ptype: number,
  dest_ip: number,
  dev: net_device,
  src_ip: number,
  dest_hw: Uint8Array | null,
  src_hw: Uint8Array | null,
  target_hw: Uint8Array | null,
): void {
  arp_send_dst(type, ptype, dest_ip, dev, src_ip, dest_hw, src_hw, target_hw, null);
}

/** The address to ask from: that of the waiting packet where arp_announce lets it, or 0. @local */
function arp_solicit_saddr(in_dev: in_device, skb: sk_buff | null, target: number): number {
  if (skb === null) return 0;
  const dev = in_dev.dev;
  const announce = IN_DEV_MAXCONF(in_dev, "arp_announce");
  if (announce === 2) return 0;
  const saddr = ip_hdr(skb).saddr;
  if (inet_addr_type_dev_table(dev.nd_net, dev, saddr) !== RTN_LOCAL) return 0;
  if (announce === 1 && !inet_addr_onlink(in_dev, target, saddr)) return 0;
  return saddr;
}

/** Asks who has the neighbour's address: the known link address first, then everybody. @rfc 826 */
export function arp_solicit(neigh: neighbour, skb: sk_buff | null): void {
  const dev = neigh.dev;
  const target = neigh.primary_key;
  const in_dev = __in_dev_get_rcu(dev);
  if (in_dev === null) return;

  let saddr = arp_solicit_saddr(in_dev, skb, target);
  if (saddr === 0) saddr = inet_select_addr(dev, target, RT_SCOPE_LINK);

  let dst_hw: Uint8Array | null = null;
  const probes = neigh.probes - neigh.parms.ucast_probes;
  if (probes < 0) dst_hw = neigh.ha;
  // No daemon resolves addresses for us.
  else if (probes < neigh.parms.app_probes) return;
  arp_send_dst(
    ARPOP_REQUEST,
    ETH_P_ARP,
    target,
    dev,
    saddr,
    dst_hw,
    dev.dev_addr,
    null,
    skb !== null ? skb._skb_refdst : null,
  );
}

/** arp_ignore says not to answer sip's question for tip. */
function arp_ignore(in_dev: in_device, sip: number, tip: number): boolean {
  const n = in_dev.dev.nd_net;
  switch (IN_DEV_MAXCONF(in_dev, "arp_ignore")) {
    case 1:
      return inet_confirm_addr(n, in_dev, 0, tip, RT_SCOPE_HOST) === 0;
    case 2:
      return inet_confirm_addr(n, in_dev, sip, tip, RT_SCOPE_HOST) === 0;
    case 3:
      return inet_confirm_addr(n, null, 0, tip, RT_SCOPE_LINK) === 0;
    case 8:
      return true;
    default:
      return false;
  }
}

/** arp_accept lets an unasked announcement make an entry. */
function arp_accept(in_dev: in_device, sip: number): boolean {
  switch (IN_DEV_MAXCONF(in_dev, "arp_accept")) {
    case 1:
      return true;
    case 2:
      return inet_confirm_addr(in_dev.dev.nd_net, in_dev, sip, 0, RT_SCOPE_LINK) !== 0;
    default:
      return false;
  }
}

/** arp_filter: we would not answer sip by this device. */
function arp_filter(sip: number, tip: number, dev: net_device): boolean {
  const n = dev.nd_net;
  const rt = ip_route_output(n, sip, tip, 0, 0);
  if (IS_ERR(rt)) return true;
  if (rt.dev === dev) return false;
  __NET_INC_STATS(n, LINUX_MIB_ARPFILTER);
  return true;
}

/** proxy_arp: we answer for a host behind another device, of another medium. */
function arp_fwd_proxy(in_dev: in_device, dev: net_device, rt: rtable): boolean {
  if (rt.dev === dev || !IN_DEV_PROXY_ARP(in_dev)) return false;
  const imi = IN_DEV_MEDIUM_ID(in_dev);
  if (imi === 0) return true;
  if (imi === -1) return false;
  const out_dev = __in_dev_get_rcu(rt.dev);
  const omi = out_dev !== null ? IN_DEV_MEDIUM_ID(out_dev) : -1;
  return omi !== imi && omi !== -1;
}

/** proxy_arp_pvlan: we answer for another host on the device's own link. @rfc 3069 */
function arp_fwd_pvlan(
  in_dev: in_device,
  dev: net_device,
  rt: rtable,
  sip: number,
  tip: number,
): boolean {
  return rt.dev === dev && sip !== tip && IN_DEV_PROXY_ARP_PVLAN(in_dev);
}

/** Bytes of an ARP packet of the device. */
export function arp_hdr_len(dev: net_device): number {
  return 8 + (dev.addr_len + 4) * 2;
}

/**
 * An ARP packet with its link header: type ARPOP_*, from src_ip to dest_ip. Null addresses stand for
 * broadcast (dest_hw), the device's (src_hw) and zeros (target_hw). Null where the link has no header for it.
 */
export function arp_create(
  type: number,
  ptype: number,
  dest_ip: number,
  dev: net_device,
  src_ip: number,
  dest_hw: Uint8Array | null,
  src_hw: Uint8Array | null,
  target_hw: Uint8Array | null,
): sk_buff | null {
  const hlen = LL_RESERVED_SPACE(dev);
  const len = arp_hdr_len(dev);
  const skb = alloc_skb(len + hlen);
  skb_reserve(skb, hlen);
  skb_reset_network_header(skb);
  skb_put(skb, len);
  skb.dev = dev;
  skb.protocol = ETH_P_ARP;
  src_hw ??= dev.dev_addr;

  const ops = dev.header_ops;
  if (
    ops !== null && ops.create(skb, dev, ptype, dest_hw ?? dev.broadcast, src_hw, skb.len) < 0
  ) {
    kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_HH_FILLFAIL);
    return null;
  }

  const arp = arp_hdr(skb);
  arp.ar_hrd = dev.type;
  arp.ar_pro = ETH_P_IP;
  arp.ar_hln = dev.addr_len;
  arp.ar_pln = 4;
  arp.ar_op = type;
  const { dv, u8 } = skb.head;
  let at = skb.network_header + 8;
  for (let i = 0; i < dev.addr_len; i++) u8[at++] = src_hw[i];
  dv.setInt32(at, src_ip);
  at += 4;
  for (let i = 0; i < dev.addr_len; i++) u8[at++] = target_hw !== null ? target_hw[i] : 0;
  dv.setInt32(at, dest_ip);
  return skb;
}

/** Sends an ARP packet. */
export function arp_xmit(skb: sk_buff): void {
  dev_queue_xmit(skb);
}

/** The sender announces its own address. @rfc 5227 */
function arp_is_garp(
  n: net,
  dev: net_device,
  ar_op: number,
  sip: number,
  tip: number,
  sha: Uint8Array,
  tha: Uint8Array,
): boolean {
  if (tip !== sip) return false;
  if (ar_op === ARPOP_REPLY) {
    for (let i = 0; i < dev.addr_len; i++) if (sha[i] !== tha[i]) return false;
  }
  return inet_addr_type_dev_table(n, dev, sip) === RTN_UNICAST;
}

/** A question for an address of ours: answers, and remembers who asked. */
function arp_reply(dev: net_device, sip: number, tip: number, sha: Uint8Array): void {
  if (neigh_event_ns(arp_tbl, sha, sip, dev) === null) return;
  arp_send_dst(ARPOP_REPLY, ETH_P_ARP, sip, dev, tip, sha, dev.dev_addr, sha, null);
}

/** What arp_process_request() says: the question is not for us and may still teach us something; it is done; it waits. */
const ARP_REQUEST_OTHER = 0;
const ARP_REQUEST_DONE = 1;
const ARP_REQUEST_QUEUED = 2;

/** Answers a question where it is for us, now or later: ARP_REQUEST_*. @local */
function arp_process_request(
  n: net,
  skb: sk_buff,
  in_dev: in_device,
  sip: number,
  tip: number,
  sha: Uint8Array,
): number {
  const dev = in_dev.dev;
  // Somebody checks whether an address is free. @rfc 2131 2.2
  if (sip === 0) {
    if (
      inet_addr_type_dev_table(n, dev, tip) === RTN_LOCAL && !arp_ignore(in_dev, sip, tip)
    ) arp_send_dst(ARPOP_REPLY, ETH_P_ARP, sip, dev, tip, sha, dev.dev_addr, sha, null);
    return ARP_REQUEST_DONE;
  }
  if (ip_route_input_noref(skb, tip, sip, 0, dev) !== 0) return ARP_REQUEST_OTHER;
  const rt = skb_rtable(skb)!;
  if (rt.rt_type === RTN_LOCAL) {
    if (
      !arp_ignore(in_dev, sip, tip) &&
      !(IN_DEV_ORCONF(in_dev, "arp_filter") && arp_filter(sip, tip, dev))
    ) arp_reply(dev, sip, tip, sha);
    return ARP_REQUEST_DONE;
  }
  if (
    IN_DEV_FORWARD(in_dev) && rt.rt_type === RTN_UNICAST &&
    (arp_fwd_proxy(in_dev, dev, rt) || arp_fwd_pvlan(in_dev, dev, rt, sip, tip))
  ) {
    const parms = in_dev.arp_parms ?? arp_tbl.parms;
    if (
      NEIGH_CB(skb).same_flow || skb.pkt_type === PACKET_HOST || parms.proxy_delay === 0
    ) {
      arp_reply(dev, sip, tip, sha);
      return ARP_REQUEST_DONE;
    }
    neigh_event_ns(arp_tbl, sha, sip, dev);
    pneigh_enqueue(arp_tbl, parms, skb);
    return ARP_REQUEST_QUEUED;
  }
  return ARP_REQUEST_OTHER;
}

/** A question that waited for a proxy's answer. */
function parp_redo(skb: sk_buff): void {
  skb_dst_drop(skb);
  arp_process((skb.dev as net_device).nd_net, null, skb);
}

/** An ARP packet whose lengths are right. */
function arp_process(n: net, _sk: sock | null, skb: sk_buff): number {
  const dev = skb.dev!;
  const in_dev = __in_dev_get_rcu(dev);
  if (in_dev === null) return arp_free_skb(skb, SKB_DROP_REASON_DEV_READY);

  const arp = arp_hdr(skb);
  const ar_op = arp.ar_op;
  const hrd = arp.ar_hrd;
  const right_type = dev.type === ARPHRD_ETHER || dev.type === ARPHRD_IEEE802
    ? hrd === ARPHRD_ETHER || hrd === ARPHRD_IEEE802
    : hrd === dev.type;
  if (!right_type || arp.ar_pro !== ETH_P_IP) {
    return arp_free_skb(skb, SKB_DROP_REASON_UNHANDLED_PROTO);
  }
  if (ar_op !== ARPOP_REPLY && ar_op !== ARPOP_REQUEST) {
    return arp_free_skb(skb, SKB_DROP_REASON_UNHANDLED_PROTO);
  }

  const { dv, u8 } = skb.head;
  let at = skb.network_header + 8;
  const sha = u8.slice(at, at + dev.addr_len);
  at += dev.addr_len;
  const sip = dv.getInt32(at);
  at += 4;
  const tha = u8.subarray(at, at + dev.addr_len);
  at += dev.addr_len;
  const tip = dv.getInt32(at);

  if (ipv4_is_multicast(tip) || (ipv4_is_loopback(tip) && !IN_DEV_ROUTE_LOCALNET(in_dev))) {
    return arp_free_skb(skb, SKB_DROP_REASON_IP_INVALID_DEST);
  }
  if (sip === tip && IN_DEV_ORCONF(in_dev, "drop_gratuitous_arp")) {
    return arp_free_skb(skb, SKB_DROP_REASON_IP_INVALID_SOURCE);
  }

  const request = ar_op === ARPOP_REQUEST
    ? arp_process_request(n, skb, in_dev, sip, tip, sha)
    : ARP_REQUEST_OTHER;
  if (request === ARP_REQUEST_QUEUED) return NET_RX_SUCCESS;
  if (request === ARP_REQUEST_DONE || sip === 0) {
    consume_skb(skb);
    return NET_RX_SUCCESS;
  }

  let neigh = __neigh_lookup(arp_tbl, sip, dev, false);
  const accept = arp_accept(in_dev, sip);
  const is_garp = (neigh !== null || accept) &&
    arp_is_garp(n, dev, ar_op, sip, tip, sha, tha);
  if (
    accept && neigh === null &&
    (is_garp ||
      (ar_op === ARPOP_REPLY && inet_addr_type_dev_table(n, dev, sip) === RTN_UNICAST))
  ) neigh = __neigh_lookup(arp_tbl, sip, dev, true);

  if (neigh !== null) {
    // Of several answers in a row the first counts: it comes from the fastest router.
    const override = is_garp || time_after(jiffies, (neigh.updated + neigh.parms.locktime) | 0);
    // Neither a question nor what was sent to everybody proves that the host hears us.
    const state = ar_op !== ARPOP_REPLY || skb.pkt_type !== PACKET_HOST ? NUD_STALE : NUD_REACHABLE;
    neigh_update(neigh, sha, state, override ? NEIGH_UPDATE_F_OVERRIDE : 0, 0);
  }
  consume_skb(skb);
  return NET_RX_SUCCESS;
}

function arp_free_skb(skb: sk_buff, reason: number): number {
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

function arp_is_multicast(pkey: number): boolean {
  return ipv4_is_multicast(pkey);
}

/** An ARP packet from a device. */
export function arp_rcv(
  skb: sk_buff,
  dev: net_device,
  _pt: packet_type,
  _orig_dev: net_device,
): number {
  if (
    (dev.flags & IFF_NOARP) !== 0 || skb.pkt_type === PACKET_OTHERHOST ||
    skb.pkt_type === PACKET_LOOPBACK
  ) {
    consume_skb(skb);
    return NET_RX_SUCCESS;
  }
  skb = skb_share_check(skb);
  if (!pskb_may_pull(skb, arp_hdr_len(dev))) {
    return arp_free_skb(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
  }
  const arp = arp_hdr(skb);
  if (arp.ar_hln !== dev.addr_len || arp.ar_pln !== 4) {
    return arp_free_skb(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
  }
  NEIGH_CB(skb).same_flow = false;
  return arp_process(dev.nd_net, null, skb);
}

/** The device that an entry set by ioctl is of: named, or that of the route. */
function arp_req_dev(n: net, r: arpreq): net_device | number {
  if (r.arp_dev !== "") return __dev_get_by_name(n, r.arp_dev) ?? -ENODEV;
  const rt = ip_route_output(n, r.arp_pa, 0, RTO_ONLINK, 0);
  if (IS_ERR(rt)) return rt;
  return rt.dev;
}

function arp_req_set(n: net, r: arpreq): number {
  if ((r.arp_flags & ATF_PUBL) !== 0) return -EINVAL;
  const dev = arp_req_dev(n, r);
  if (IS_ERR(dev)) return dev;
  if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0) return -EINVAL;
  if ((r.arp_flags & ATF_COM) === 0) return neigh_add(arp_tbl, dev, r.arp_pa, null, NUD_STALE);
  if (r.arp_ha_family !== dev.type) return -EINVAL;
  const state = (r.arp_flags & ATF_PERM) !== 0 ? NUD_PERMANENT : NUD_STALE;
  return neigh_add(arp_tbl, dev, r.arp_pa, r.arp_ha, state);
}

/** ATF_* of an entry's state. */
function arp_state_to_flags(neigh: neighbour): number {
  if ((neigh.nud_state & NUD_PERMANENT) !== 0) return ATF_PERM | ATF_COM;
  if ((neigh.nud_state & NUD_VALID) !== 0) return ATF_COM;
  return 0;
}

function arp_req_get(n: net, r: arpreq): number {
  const dev = arp_req_dev(n, r);
  if (IS_ERR(dev)) return dev;
  const neigh = neigh_lookup(arp_tbl, r.arp_pa, dev);
  if (neigh === null || (neigh.nud_state & NUD_NOARP) !== 0) return -ENXIO;
  r.arp_ha = neigh.ha.slice(0, dev.addr_len);
  r.arp_ha_family = dev.type;
  r.arp_flags = arp_state_to_flags(neigh);
  r.arp_dev = dev.name;
  return 0;
}

/** Forgets the entry of an address. 0, or -ENXIO. */
export function arp_invalidate(dev: net_device, ip: number, force: boolean): number {
  const neigh = neigh_lookup(arp_tbl, ip, dev);
  if (neigh === null) return -ENXIO;
  if ((neigh.nud_state & NUD_VALID) !== 0 && !force) return 0;
  if ((neigh.nud_state & NUD_NOARP) !== 0) return -ENXIO;
  return neigh_delete(arp_tbl, dev, ip);
}

/** struct arpreq, from the bytes of an ioctl's argument. */
function arp_req_read(u8: Uint8Array): arpreq {
  const dv = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  let arp_dev = "";
  for (let i = 52; i < ARPREQ_SIZE && u8[i] !== 0; i++) arp_dev += String.fromCharCode(u8[i]);
  return {
    arp_pa: dv.getInt32(4),
    arp_ha_family: dv.getUint16(16, true),
    arp_ha: u8.slice(18, 26),
    arp_flags: dv.getInt32(32, true),
    arp_dev,
  };
}

function arp_req_write(u8: Uint8Array, r: arpreq): void {
  const dv = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  dv.setUint16(16, r.arp_ha_family, true);
  u8.fill(0, 18, 32);
  u8.set(r.arp_ha, 18);
  dv.setInt32(32, r.arp_flags, true);
  u8.fill(0, 52, ARPREQ_SIZE);
  for (let i = 0; i < r.arp_dev.length; i++) u8[52 + i] = r.arp_dev.charCodeAt(i);
}

/** SIOCSARP, SIOCGARP, SIOCDARP: `arg` is a struct arpreq of 68 bytes. 0 or a negative errno. */
export function arp_ioctl(n: net, cmd: number, arg: Int32Array): number {
  if (arg.byteLength < ARPREQ_SIZE) return -EFAULT;
  const u8 = new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength);
  if ((u8[0] | (u8[1] << 8)) !== AF_INET) return -EPFNOSUPPORT;
  const r = arp_req_read(u8);
  switch (cmd) {
    case SIOCSARP:
      return arp_req_set(n, r);
    case SIOCGARP: {
      const err = arp_req_get(n, r);
      if (err === 0) arp_req_write(u8, r);
      return err;
    }
    case SIOCDARP: {
      const dev = arp_req_dev(n, r);
      return IS_ERR(dev) ? dev : arp_invalidate(dev, r.arp_pa, true);
    }
  }
  return -EINVAL;
}

/** Tells everybody on the link our addresses. */
function inetdev_send_gratuitous_arp(dev: net_device, in_dev: in_device): void {
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    const ip = ifa.ifa_local;
    arp_send(ARPOP_REQUEST, ETH_P_ARP, ip, dev, ip, null, dev.dev_addr, null);
  }
}

/** @differs announces addresses of a device that comes up (arp_notify), which devinet.c does */
function arp_netdev_event(
  _nb: notifier_block<net_device>,
  event: number,
  dev: net_device,
): number {
  const in_dev = __in_dev_get_rcu(dev);
  switch (event) {
    case NETDEV_UP:
      if (in_dev !== null && IN_DEV_MAXCONF(in_dev, "arp_notify") !== 0) {
        inetdev_send_gratuitous_arp(dev, in_dev);
      }
      break;
    case NETDEV_CHANGEADDR:
      neigh_changeaddr(arp_tbl, dev);
      if (in_dev !== null && IN_DEV_MAXCONF(in_dev, "arp_notify") !== 0) {
        inetdev_send_gratuitous_arp(dev, in_dev);
      }
      break;
    case NETDEV_CHANGE:
      if ((dev.flags & IFF_NOARP) !== 0) neigh_changeaddr(arp_tbl, dev);
      if (!netif_carrier_ok(dev) && (in_dev === null || IN_DEV_ARP_EVICT_NOCARRIER(in_dev))) {
        neigh_carrier_down(arp_tbl, dev);
      }
      break;
    case NETDEV_DOWN:
    case NETDEV_UNREGISTER:
      arp_ifdown(dev);
      break;
  }
  return NOTIFY_DONE;
}

const arp_netdev_notifier: notifier_block<net_device> = {
  notifier_call: arp_netdev_event,
  next: null,
  priority: 0,
};

/** The device goes down: its neighbours are forgotten. */
export function arp_ifdown(dev: net_device): void {
  neigh_ifdown(arp_tbl, dev);
}

/** The device has lost its carrier: all but permanent neighbours are forgotten. */
export function arp_carrier_down(dev: net_device): void {
  neigh_carrier_down(arp_tbl, dev);
}

const arp_packet_type: packet_type = {
  type: ETH_P_ARP,
  dev: null,
  func: arp_rcv,
};

const arp_net_ops: pernet_operations = {
  init(n) {
    n.ipv4.arp_tbl = arp_tbl;
    return 0;
  },
};

/** ARP begins: before devices get their IPv4 side. */
export function arp_init(): void {
  arp_tbl.family = AF_INET;
  arp_tbl.protocol = ETH_P_IP;
  arp_tbl.id = "arp_cache";
  arp_tbl.hash = arp_hash;
  arp_tbl.constructor_ = arp_constructor;
  arp_tbl.is_multicast = arp_is_multicast;
  arp_tbl.gc_thresh1 = 128;
  arp_tbl.gc_thresh2 = 512;
  arp_tbl.gc_thresh3 = 1024;
  arp_tbl.proxy_redo = parp_redo;
  neigh_table_init(NEIGH_ARP_TABLE, arp_tbl);
  dev_add_pack(arp_packet_type);
  register_pernet_subsys(arp_net_ops);
  arp_netdev_notifier.next = null;
  register_netdevice_notifier(arp_netdev_notifier);
}

/** A link address as 02:00:00:00:00:01. */
function arp_format_neigh_entry(n: neighbour): string {
  let text = "";
  for (let i = 0; i < n.dev.addr_len; i++) {
    text += (i === 0 ? "" : ":") + n.ha[i].toString(16).padStart(2, "0");
  }
  return text;
}

/** The lines of /proc/net/arp of a host. @differs all at once */
export function arp_seq_show(net: net): string {
  let text = "IP address       HW type     Flags       HW address            Mask     Device\n";
  neigh_for_each(arp_tbl, (n) => {
    if (n.dev.nd_net !== net || (n.nud_state & ~NUD_NOARP) === 0) return;
    const hrd = `0x${n.dev.type.toString(16)}`.padEnd(10);
    const flags = `0x${arp_state_to_flags(n).toString(16)}`.padEnd(10);
    const ha = arp_format_neigh_entry(n).padEnd(17);
    text += `${in_ntoa(n.primary_key).padEnd(16)} ${hrd}  ${flags}  ${ha}     *        ` +
      `${n.dev.name}\n`;
  });
  return text;
}

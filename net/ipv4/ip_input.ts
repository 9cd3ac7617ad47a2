// SPDX-License-Identifier: GPL-2.0-only
//
// IPv4 packets come in: ip_rcv() from a device one by one, ip_list_rcv() a list. ip_rcv_core() checks the
// header, ip_rcv_finish_core() finds socket or route, dst_input() leads to ip_local_deliver() (or to
// ip_forward()), and ip_protocol_deliver_rcu() to the transport that registered for the protocol.

import {
  __in_dev_get_rcu,
  IN_DEV_ORCONF,
  IN_DEV_SOURCE_ROUTE,
} from "../../include/linux/inetdevice.ts";
import { NET_RX_DROP, NET_RX_SUCCESS } from "../../include/linux/netdevice.ts";
import type { net_device, packet_type } from "../../include/linux/netdevice.ts";
import {
  NF_HOOK,
  NF_HOOK_LIST,
  NF_INET_LOCAL_IN,
  NF_INET_PRE_ROUTING,
  NFPROTO_IPV4,
} from "../../include/linux/netfilter.ts";
import {
  __skb_dequeue,
  __skb_queue_tail,
  ip_hdr,
  ip_hdrlen,
  IPCB,
  PACKET_BROADCAST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  sk_buff_head,
  skb_dst,
  skb_headroom,
  skb_network_header_len,
  skb_orphan,
  skb_queue_empty,
  skb_queue_head_init,
  skb_shinfo,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { dst_input } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  SKB_DROP_REASON_IP_CSUM,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_INNOROUTES,
  SKB_DROP_REASON_IP_INVALID_SOURCE,
  SKB_DROP_REASON_IP_NOPROTO,
  SKB_DROP_REASON_IP_RPFILTER,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_UNICAST_IN_L2_MULTICAST,
} from "../../include/net/dropreason.ts";
import { icmp_send } from "../../include/net/icmp.ts";
import { INET_ECN_MASK } from "../../include/net/inet_ecn.ts";
import {
  __IP_ADD_STATS,
  __IP_INC_STATS,
  __IP_UPD_PO_STATS,
  __NET_INC_STATS,
  IP_DEFRAG_LOCAL_DELIVER,
  ip_is_fragment,
} from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { inet_protos } from "../../include/net/protocol.ts";
import { raw_local_deliver } from "../../include/net/raw.ts";
import { skb_rtable } from "../../include/net/route.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  EHOSTUNREACH,
  ENETUNREACH,
  ENOBUFS,
  ENOMEM,
  EXDEV,
} from "../../include/uapi/asm-generic/errno.ts";
import { ICMP_DEST_UNREACH, ICMP_PROT_UNREACH } from "../../include/uapi/linux/icmp.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "../../include/uapi/linux/rtnetlink.ts";
import {
  IPSTATS_MIB_CSUMERRORS,
  IPSTATS_MIB_INBCASTOCTETS,
  IPSTATS_MIB_INBCASTPKTS,
  IPSTATS_MIB_INDELIVERS,
  IPSTATS_MIB_INDISCARDS,
  IPSTATS_MIB_INHDRERRORS,
  IPSTATS_MIB_INMCASTOCTETS,
  IPSTATS_MIB_INMCASTPKTS,
  IPSTATS_MIB_INOCTETS,
  IPSTATS_MIB_INPKTS,
  IPSTATS_MIB_INTRUNCATEDPKTS,
  IPSTATS_MIB_INUNKNOWNPROTOS,
  IPSTATS_MIB_NOECTPKTS,
  LINUX_MIB_IPRPFILTER,
} from "../../include/uapi/linux/snmp.ts";
import { ip_fast_csum } from "../../lib/checksum.ts";
import {
  __skb_pull,
  consume_skb,
  inet_skb_parm_clear,
  kfree_skb_reason,
  pskb_may_pull,
  pskb_trim_rcsum,
  skb_cow,
  skb_share_check,
} from "../core/skbuff.ts";
import { ip_defrag } from "./ip_fragment.ts";
import { ip_options_compile, ip_options_rcv_srr } from "./ip_options.ts";
import { ip_route_input_noref, ip_route_use_hint, rt_register_local_deliver } from "./route.ts";

/** Gives a packet, transport header in front, to who takes its protocol. */
export function ip_protocol_deliver_rcu(net: net, skb: sk_buff, protocol: number): void {
  for (;;) {
    const raw = raw_local_deliver(skb, protocol);
    const ipprot = inet_protos[protocol];
    if (ipprot !== null) {
      const ret = ipprot.handler(skb);
      if (ret < 0) {
        protocol = -ret;
        continue;
      }
      __IP_INC_STATS(net, IPSTATS_MIB_INDELIVERS);
    } else if (!raw) {
      __IP_INC_STATS(net, IPSTATS_MIB_INUNKNOWNPROTOS);
      icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
      kfree_skb_reason(skb, SKB_DROP_REASON_IP_NOPROTO);
    } else {
      __IP_INC_STATS(net, IPSTATS_MIB_INDELIVERS);
      consume_skb(skb);
    }
    return;
  }
}

function ip_local_deliver_finish(net: net, _sk: sock | null, skb: sk_buff): number {
  __skb_pull(skb, skb_network_header_len(skb));
  ip_protocol_deliver_rcu(net, skb, ip_hdr(skb).protocol);
  return 0;
}

/** A packet for this host: fragments wait for the rest. @rfc 791 3.2 */
export function ip_local_deliver(skb: sk_buff): number {
  const dev = skb.dev!;
  const net = dev.nd_net;
  if (ip_is_fragment(ip_hdr(skb)) && ip_defrag(net, skb, IP_DEFRAG_LOCAL_DELIVER) !== 0) return 0;
  return NF_HOOK(
    NFPROTO_IPV4,
    NF_INET_LOCAL_IN,
    net,
    null,
    skb,
    skb.dev,
    null,
    ip_local_deliver_finish,
  );
}

/** Parses the options of a packet that came in; true where it is to be dropped. */
function ip_rcv_options(skb: sk_buff, dev: net_device): boolean {
  const net = dev.nd_net;
  // Options are written into on the way.
  if (skb_cow(skb, skb_headroom(skb)) !== 0) {
    __IP_INC_STATS(net, IPSTATS_MIB_INDISCARDS);
    return true;
  }
  const opt = IPCB(skb).opt;
  opt.optlen = ip_hdrlen(skb) - 20;
  if (ip_options_compile(net, opt, skb) !== 0) {
    __IP_INC_STATS(net, IPSTATS_MIB_INHDRERRORS);
    return true;
  }
  if (opt.srr !== 0) {
    const in_dev = __in_dev_get_rcu(dev);
    if (in_dev !== null && !IN_DEV_SOURCE_ROUTE(in_dev)) return true;
    if (ip_options_rcv_srr(skb, dev) !== 0) return true;
  }
  return false;
}

/** The packet before went to the same place: its route will do. */
function ip_can_use_hint(skb: sk_buff, hint: sk_buff | null): boolean {
  if (hint === null || skb_dst(skb) !== null) return false;
  const iph = ip_hdr(skb);
  const h = ip_hdr(hint);
  return h.daddr === iph.daddr && h.tos === iph.tos;
}

/** Finds socket or route of a packet and sees to its options: NET_RX_SUCCESS, or NET_RX_DROP and it is gone. */
export function ip_rcv_finish_core(
  net: net,
  _sk: sock | null,
  skb: sk_buff,
  dev: net_device,
  hint: sk_buff | null,
): number {
  let err = 0;
  let reason = SKB_DROP_REASON_IP_INHDR;
  drop: {
    drop_error: {
      if (ip_can_use_hint(skb, hint)) {
        const iph = ip_hdr(skb);
        err = ip_route_use_hint(skb, iph.daddr, iph.saddr, iph.tos, dev, hint!);
        if (err !== 0) break drop_error;
      }
      const ipv4 = net.ipv4;
      if (
        ipv4.sysctl_ip_early_demux !== 0 && skb_dst(skb) === null && skb.sk === null &&
        !ip_is_fragment(ip_hdr(skb))
      ) {
        const protocol = ip_hdr(skb).protocol;
        if (
          protocol === IPPROTO_TCP
            ? ipv4.sysctl_tcp_early_demux !== 0
            : protocol === IPPROTO_UDP && ipv4.sysctl_udp_early_demux !== 0
        ) {
          const ipprot = inet_protos[protocol];
          if (ipprot !== null && ipprot.early_demux !== undefined) {
            err = ipprot.early_demux(skb);
            if (err !== 0) break drop_error;
          }
        }
      }
      const iph = ip_hdr(skb);
      if (skb_dst(skb) === null) {
        err = ip_route_input_noref(skb, iph.daddr, iph.saddr, iph.tos, dev);
        if (err !== 0) break drop_error;
      }
      if (iph.ihl > 5 && ip_rcv_options(skb, dev)) break drop;
      const rt = skb_rtable(skb)!;
      if (rt.rt_type === RTN_MULTICAST) {
        __IP_UPD_PO_STATS(net, IPSTATS_MIB_INMCASTPKTS, IPSTATS_MIB_INMCASTOCTETS, skb.len);
      } else if (rt.rt_type === RTN_BROADCAST) {
        __IP_UPD_PO_STATS(net, IPSTATS_MIB_INBCASTPKTS, IPSTATS_MIB_INBCASTOCTETS, skb.len);
      } else if (skb.pkt_type === PACKET_BROADCAST || skb.pkt_type === PACKET_MULTICAST) {
        // A unicast packet in a broadcast frame. @rfc 1122 3.3.6
        const in_dev = __in_dev_get_rcu(dev);
        if (in_dev !== null && IN_DEV_ORCONF(in_dev, "drop_unicast_in_l2_multicast")) {
          reason = SKB_DROP_REASON_UNICAST_IN_L2_MULTICAST;
          break drop;
        }
      }
      return NET_RX_SUCCESS;
    }
    reason = SKB_DROP_REASON_IP_INVALID_SOURCE;
    if (err === -EXDEV) {
      reason = SKB_DROP_REASON_IP_RPFILTER;
      __NET_INC_STATS(net, LINUX_MIB_IPRPFILTER);
    } else if (err === -EHOSTUNREACH || err === -ENETUNREACH) {
      reason = SKB_DROP_REASON_IP_INNOROUTES;
    } else if (err === -ENOMEM || err === -ENOBUFS) {
      reason = SKB_DROP_REASON_NOMEM;
    }
  }
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

export function ip_rcv_finish(net: net, sk: sock | null, skb: sk_buff): number {
  const dev = skb.dev!;
  if (ip_rcv_finish_core(net, sk, skb, dev, null) === NET_RX_DROP) return NET_RX_DROP;
  return dst_input(skb);
}

/** Checks a packet's IPv4 header and cuts padding off: the packet, or null and it is gone. @rfc 1122 3.2.1 */
export function ip_rcv_core(skb: sk_buff, net: net): sk_buff | null {
  if (skb.pkt_type === PACKET_OTHERHOST) {
    skb.dev!.stats.rx_dropped++;
    kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
    return null;
  }
  __IP_UPD_PO_STATS(net, IPSTATS_MIB_INPKTS, IPSTATS_MIB_INOCTETS, skb.len);
  skb = skb_share_check(skb);
  let reason = SKB_DROP_REASON_IP_INHDR;
  drop: {
    inhdr_error: {
      if (!pskb_may_pull(skb, 20)) break inhdr_error;
      let iph = ip_hdr(skb);
      const ihl = iph.ihl;
      if (ihl < 5 || iph.version !== 4) break inhdr_error;
      const gso_segs = skb_shinfo(skb).gso_segs;
      __IP_ADD_STATS(
        net,
        IPSTATS_MIB_NOECTPKTS + (iph.tos & INET_ECN_MASK),
        gso_segs > 1 ? gso_segs : 1,
      );
      if (ihl > 5 && !pskb_may_pull(skb, ihl << 2)) break inhdr_error;
      iph = ip_hdr(skb);
      if (ip_fast_csum(skb.head.u8, iph.off, ihl) !== 0) {
        reason = SKB_DROP_REASON_IP_CSUM;
        __IP_INC_STATS(net, IPSTATS_MIB_CSUMERRORS);
        break inhdr_error;
      }
      const len = iph.tot_len;
      if (skb.len < len) {
        reason = SKB_DROP_REASON_PKT_TOO_SMALL;
        __IP_INC_STATS(net, IPSTATS_MIB_INTRUNCATEDPKTS);
        break drop;
      }
      if (len < ihl << 2) break inhdr_error;
      if (skb.len > len && pskb_trim_rcsum(skb, len) !== 0) {
        __IP_INC_STATS(net, IPSTATS_MIB_INDISCARDS);
        reason = SKB_DROP_REASON_NOMEM;
        break drop;
      }
      skb.transport_header = skb.network_header + (ihl << 2);
      inet_skb_parm_clear(skb);
      IPCB(skb).iif = skb.skb_iif;
      skb_orphan(skb);
      return skb;
    }
    __IP_INC_STATS(net, IPSTATS_MIB_INHDRERRORS);
  }
  kfree_skb_reason(skb, reason);
  return null;
}

/** A packet came in by dev: NET_RX_SUCCESS or NET_RX_DROP. */
export function ip_rcv(
  skb: sk_buff,
  dev: net_device,
  _pt: packet_type,
  _orig_dev: net_device,
): number {
  const net = dev.nd_net;
  const checked = ip_rcv_core(skb, net);
  if (checked === null) return NET_RX_DROP;
  return NF_HOOK(NFPROTO_IPV4, NF_INET_PRE_ROUTING, net, null, checked, dev, null, ip_rcv_finish);
}

/** Hands on packets that have the same dst. */
function ip_sublist_rcv_finish(head: sk_buff_head): void {
  for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) dst_input(skb);
}

/** Whose route the next packet may use. */
function ip_extract_route_hint(
  _net: net,
  skb: sk_buff,
  rt_type: number,
): sk_buff | null {
  return rt_type === RTN_BROADCAST ? null : skb;
}

// Lists that are not in use; a run that interrupts another (it cannot) would make its own.
let spare_rcv: sk_buff_head | null = new sk_buff_head();
let spare_finish: sk_buff_head | null = new sk_buff_head();

/** Finds the packets' routes, and hands them on in runs of the same. */
function ip_list_rcv_finish(net: net, sk: sock | null, head: sk_buff_head): void {
  const sublist = spare_finish ?? new sk_buff_head();
  spare_finish = null;
  skb_queue_head_init(sublist);
  let curr_dst: dst_entry | null = null;
  let hint: sk_buff | null = null;
  for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
    if (ip_rcv_finish_core(net, sk, skb, skb.dev!, hint) === NET_RX_DROP) continue;
    const dst = skb_dst(skb);
    if (curr_dst !== dst) {
      hint = ip_extract_route_hint(net, skb, skb_rtable(skb)!.rt_type);
      if (!skb_queue_empty(sublist)) ip_sublist_rcv_finish(sublist);
      curr_dst = dst;
    }
    __skb_queue_tail(sublist, skb);
  }
  ip_sublist_rcv_finish(sublist);
  spare_finish = sublist;
}

function ip_sublist_rcv(head: sk_buff_head, dev: net_device, net: net): void {
  NF_HOOK_LIST(
    NFPROTO_IPV4,
    NF_INET_PRE_ROUTING,
    net,
    null,
    head,
    dev,
    null,
    ip_rcv_finish,
  );
  ip_list_rcv_finish(net, null, head);
}

/** A list of packets came in. */
export function ip_list_rcv(head: sk_buff_head, _pt: packet_type, _orig_dev: net_device): void {
  const sublist = spare_rcv ?? new sk_buff_head();
  spare_rcv = null;
  skb_queue_head_init(sublist);
  let curr_dev: net_device | null = null;
  for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
    const dev = skb.dev!;
    const checked = ip_rcv_core(skb, dev.nd_net);
    if (checked === null) continue;
    if (curr_dev !== dev) {
      if (!skb_queue_empty(sublist)) ip_sublist_rcv(sublist, curr_dev!, curr_dev!.nd_net);
      curr_dev = dev;
    }
    __skb_queue_tail(sublist, checked);
  }
  if (!skb_queue_empty(sublist)) ip_sublist_rcv(sublist, curr_dev!, curr_dev!.nd_net);
  spare_rcv = sublist;
}

rt_register_local_deliver(ip_local_deliver);

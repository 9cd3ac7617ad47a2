// SPDX-License-Identifier: GPL-2.0-only
//
// Routers: route.ts leads packets that are for others to ip_forward(), which takes one off the TTL, sends
// the errors that a router owes, and hands on to ip_output() by dst_output().

import { LL_RESERVED_SPACE } from "../../include/linux/netdevice.ts";
import { NET_RX_DROP } from "../../include/linux/netdevice.ts";
import { NF_HOOK, NF_INET_FORWARD, NFPROTO_IPV4 } from "../../include/linux/netfilter.ts";
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  ip_hdr,
  IPCB,
  IPSKB_DOREDIRECT,
  IPSKB_FORWARDED,
  PACKET_HOST,
  skb_is_gso,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { dst_output } from "../../include/net/dst.ts";
import {
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_INNOROUTES,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_BIG,
} from "../../include/net/dropreason.ts";
import { icmp_send } from "../../include/net/icmp.ts";
import { __IP_INC_STATS, ip_decrease_ttl, IP_DF, IP_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { skb_rtable } from "../../include/net/route.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_SR_FAILED,
  ICMP_TIME_EXCEEDED,
} from "../../include/uapi/linux/icmp.ts";
import {
  IPSTATS_MIB_FRAGFAILS,
  IPSTATS_MIB_INHDRERRORS,
  IPSTATS_MIB_OUTFORWDATAGRAMS,
} from "../../include/uapi/linux/snmp.ts";
import { kfree_skb_reason, skb_cow, skb_gso_validate_network_len } from "../core/skbuff.ts";
import { ip_forward_options } from "./ip_options.ts";
import { ip_dst_mtu_maybe_forward, ip_rt_send_redirect, rt_register_forward } from "./route.ts";

/** The packet does not fit and must not be fragmented. */
function ip_exceeds_mtu(skb: sk_buff, mtu: number): boolean {
  if (skb.len <= mtu) return false;
  if ((ip_hdr(skb).frag_off & IP_DF) === 0) return false;
  // Its fragments came with DF and are larger than what passes here.
  if (IPCB(skb).frag_max_size > mtu) return true;
  if (skb.ignore_df) return false;
  return !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu));
}

function ip_forward_finish(n: net, sk: sock | null, skb: sk_buff): number {
  __IP_INC_STATS(n, IPSTATS_MIB_OUTFORWDATAGRAMS);
  if (IPCB(skb).opt.optlen !== 0) ip_forward_options(skb);
  skb.tstamp = 0;
  return dst_output(n, sk, skb);
}

/** Forwards a packet: 0, or NET_RX_DROP. @rfc 1812 5.2 */
export function ip_forward(skb: sk_buff): number {
  let reason = SKB_DROP_REASON_OTHERHOST;
  drop: {
    if (skb.pkt_type !== PACKET_HOST || skb.sk !== null) break drop;
    if (skb.ip_summed === CHECKSUM_COMPLETE) skb.ip_summed = CHECKSUM_NONE;
    const rt = skb_rtable(skb)!;
    const n = rt.dev.nd_net;
    if (ip_hdr(skb).ttl <= 1) {
      __IP_INC_STATS(n, IPSTATS_MIB_INHDRERRORS);
      icmp_send(skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
      reason = SKB_DROP_REASON_IP_INHDR;
      break drop;
    }
    const opt = IPCB(skb).opt;
    if (opt.is_strictroute && rt.rt_uses_gateway) {
      icmp_send(skb, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0);
      reason = SKB_DROP_REASON_IP_INNOROUTES;
      break drop;
    }
    IPCB(skb).flags |= IPSKB_FORWARDED;
    const mtu = ip_dst_mtu_maybe_forward(rt, true);
    if (ip_exceeds_mtu(skb, mtu)) {
      IP_INC_STATS(n, IPSTATS_MIB_FRAGFAILS);
      icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
      reason = SKB_DROP_REASON_PKT_TOO_BIG;
      break drop;
    }
    if (skb_cow(skb, LL_RESERVED_SPACE(rt.dev)) !== 0) {
      reason = SKB_DROP_REASON_NOMEM;
      break drop;
    }
    const iph = ip_hdr(skb);
    ip_decrease_ttl(iph);
    // To where it came from: the sender should know the better way.
    if ((IPCB(skb).flags & IPSKB_DOREDIRECT) !== 0 && opt.srr === 0) ip_rt_send_redirect(skb);
    if (n.ipv4.sysctl_ip_fwd_update_priority !== 0) skb.priority = rt_tos2priority(iph.tos);
    return NF_HOOK(
      NFPROTO_IPV4,
      NF_INET_FORWARD,
      n,
      null,
      skb,
      skb.dev,
      rt.dev,
      ip_forward_finish,
    );
  }
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

/** TC_PRIO_* by the four TOS bits. */
const ip_tos2prio: readonly number[] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];

function rt_tos2priority(tos: number): number {
  return ip_tos2prio[(tos & 0x1e) >> 1];
}

rt_register_forward(ip_forward);

// SPDX-License-Identifier: GPL-2.0-only
//
// Routing decisions. ip_rcv_finish_core() has ip_route_input_noref() give a packet its route; sockets ask
// ip_route_output_flow(), often by ip_route_connect() or ip_route_output_ports(). What fib_lookup() finds is
// kept as an rtable in the nexthop, so that later lookups of other destinations behind it allocate nothing.
// What is learned about one destination (path MTU, a better gateway) is a fib_nh_exception of the nexthop.
//
// ip_input.ts, ip_output.ts and ip_forward.ts stand above: they register what routes lead to.

import { IS_ERR } from "../../include/linux/err.ts";
import {
  __in_dev_get_rcu,
  IN_DEV_FORWARD,
  IN_DEV_ORCONF,
  IN_DEV_PROXY_ARP_PVLAN,
  IN_DEV_ROUTE_LOCALNET,
  IN_DEV_RX_REDIRECTS,
  IN_DEV_SEC_REDIRECTS,
  IN_DEV_SHARED_MEDIA,
  IN_DEV_TX_REDIRECTS,
} from "../../include/linux/inetdevice.ts";
import type { in_device } from "../../include/linux/inetdevice.ts";
import { jiffies, time_after, time_before } from "../../include/linux/jiffies.ts";
import { IFF_LOOPBACK, IFF_UP } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { get_random_bytes, get_random_u32, prandom_u32_max } from "../../include/linux/random.ts";
import { siphash_key_random, siphash_key_t } from "../../include/linux/siphash.ts";
import {
  icmp_hdr,
  ip_hdr,
  IPCB,
  IPSKB_DOREDIRECT,
  IPSKB_FORWARDED,
  skb_dst,
  skb_dst_set,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import {
  dst_check,
  dst_metric_raw,
  DST_OBSOLETE_FORCE_CHK,
  DST_OBSOLETE_KILL,
  RTAX_HOPLIMIT,
  RTAX_MTU,
} from "../../include/net/dst.ts";
import type { dst_entry, dst_ops } from "../../include/net/dst.ts";
import {
  SKB_DROP_REASON_IP_INADDRERRORS,
  SKB_DROP_REASON_IP_INNOROUTES,
  SKB_DROP_REASON_IP_OUTNOROUTES,
} from "../../include/net/dropreason.ts";
import {
  flowi4,
  flowi4_init_output,
  FLOWI_FLAG_ANYSRC,
  FLOWI_FLAG_KNOWN_NH,
  LOOPBACK_IFINDEX,
} from "../../include/net/flow.ts";
import { __ipv4_confirm_neigh, __ipv4_neigh_lookup_noref } from "../../include/net/arp.ts";
import { icmp_send } from "../../include/net/icmp.ts";
import { inet_sk, inet_sk_flowi_flags } from "../../include/net/inet_sock.ts";
import {
  __IP_INC_STATS,
  IP_DF,
  IP_MAX_MTU,
  ip_mtu_locked,
  ip_sk_accept_pmtu,
  ip_sk_use_pmtu,
  ipv4_is_lbcast,
  ipv4_is_local_multicast,
  ipv4_is_loopback,
  ipv4_is_multicast,
  ipv4_is_zeronet,
  IPV4_MAX_PMTU,
} from "../../include/net/ip.ts";
import {
  fib_lookup,
  fib_nh_exception,
  FIB_RES_DEV,
  FIB_RES_OIF,
  fib_result,
  FNHE_HASH_SHIFT,
  FNHE_HASH_SIZE,
  FNHE_RECLAIM_DEPTH,
} from "../../include/net/ip_fib.ts";
import type { fib_info, fib_nh_common } from "../../include/net/ip_fib.ts";
import { NUD_VALID } from "../../include/net/neighbour.ts";
import type { neighbour } from "../../include/net/neighbour.ts";
import { rt_genid_bump_ipv4, rt_genid_ipv4 } from "../../include/net/net_namespace.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  IPTOS_RT_MASK,
  RT_CONN_FLAGS,
  RT_TOS,
  rtable,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  RTCF_REDIRECTED,
  RTO_ONLINK,
  skb_rtable,
} from "../../include/net/route.ts";
import { rt_nexthop } from "../../include/net/route.ts";
import { sk_fullsock, sock_net, sock_owned_by_user } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  EACCES,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_REDIR_HOST,
  ICMP_REDIRECT,
} from "../../include/uapi/linux/icmp.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { INADDR_LOOPBACK, IPPROTO_IGMP, IPPROTO_RAW } from "../../include/uapi/linux/in.ts";
import { iphdr } from "../../include/uapi/linux/ip.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from "../../include/uapi/linux/rtnetlink.ts";
import { IPSTATS_MIB_INADDRERRORS, IPSTATS_MIB_INNOROUTES } from "../../include/uapi/linux/snmp.ts";
import { siphash_3u32 } from "../../lib/siphash.ts";
import { dev_get_by_index } from "../core/dev.ts";
import { dst_default_metrics, dst_discard, dst_discard_out } from "../core/dst.ts";
import { __neigh_create, neigh_event_send } from "../core/neighbour.ts";
import { kfree_skb_reason } from "../core/skbuff.ts";
import { sk_dst_get, sk_dst_set } from "../core/sock.ts";
import {
  devinet_init,
  inet_addr_onlink,
  inet_lookup_ifaddr_rcu,
  inet_select_addr,
} from "./devinet.ts";
import { fib_validate_source, inet_addr_type, ip_fib_init } from "./fib_frontend.ts";
import { fib_select_path, ip_fib_check_default } from "./fib_semantics.ts";
import { inet_getpeer_v4 } from "./inetpeer.ts";

const HZ = 1000;
/** net.ipv4.route.* of all hosts. Times in jiffies. @local */
export const ip_rt: {
  redirect_number: number;
  redirect_load: number;
  redirect_silence: number;
  error_cost: number;
  error_burst: number;
  /** That a gateway learned by a redirect is believed. */
  gc_timeout: number;
} = {
  redirect_number: 9,
  redirect_load: HZ / 50,
  redirect_silence: (HZ / 50) << (9 + 1),
  error_cost: HZ,
  error_burst: 5 * HZ,
  gc_timeout: 300 * HZ,
};
const ip_rt_defaults = { ...ip_rt };
const INADDR_ALLHOSTS_GROUP = 0xe0000001 | 0;

type dst_input_t = (skb: sk_buff) => number;
type dst_output_t = (net: net, sk: sock | null, skb: sk_buff) => number;

// What routes lead to; each of these files registers its own.
let ip_local_deliver: dst_input_t = dst_discard;
let ip_forward: dst_input_t = dst_discard;
let ip_output: dst_output_t = dst_discard_out;
let ip_mc_output: dst_output_t = dst_discard_out;

/** Where packets for this host go: of ip_input.ts. @local */
export function rt_register_local_deliver(fn: dst_input_t): void {
  ip_local_deliver = fn;
}

/** Where packets for others go: of ip_forward.ts. @local */
export function rt_register_forward(fn: dst_input_t): void {
  ip_forward = fn;
}

/** Where packets of ours go: of ip_output.ts. @local */
export function rt_register_output(output: dst_output_t, mc_output: dst_output_t): void {
  ip_output = output;
  ip_mc_output = mc_output;
}

/** Makes all routes handed out so far invalid: what they follow from has changed. */
export function rt_cache_flush(n: net): void {
  rt_genid_bump_ipv4(n);
}

// ---- dst_ops ----

/** The neighbour of an address on dev's link, made if need be, or a negative errno. */
export function ip_neigh_gw4(dev: net_device, daddr: number): neighbour | number {
  const neigh = __ipv4_neigh_lookup_noref(dev, daddr);
  if (neigh !== null) return neigh;
  const tbl = dev.nd_net.ipv4.arp_tbl;
  return tbl !== null ? __neigh_create(tbl, daddr, dev, false) : -ENOBUFS;
}

/** The neighbour that skb goes to. */
export function ip_neigh_for_gw(rt: rtable, skb: sk_buff): neighbour | number {
  return ip_neigh_gw4(rt.dev, rt.rt_gw4 !== 0 ? rt.rt_gw4 : ip_hdr(skb).daddr);
}

function ipv4_neigh_lookup(dst: dst_entry, skb: sk_buff | null, daddr: number): neighbour | null {
  const rt = dst as rtable;
  let n: neighbour | number;
  if (rt.rt_gw4 !== 0) n = ip_neigh_gw4(dst.dev, rt.rt_gw4);
  else n = ip_neigh_gw4(dst.dev, skb !== null ? ip_hdr(skb).daddr : daddr);
  return IS_ERR(n) ? null : n;
}

function ipv4_confirm_neigh(dst: dst_entry, daddr: number): void {
  const rt = dst as rtable;
  const pkey = rt.rt_gw4 !== 0 ? rt.rt_gw4 : daddr;
  if (pkey === 0 || (rt.rt_flags & (RTCF_MULTICAST | RTCF_BROADCAST | RTCF_LOCAL)) !== 0) return;
  __ipv4_confirm_neigh(dst.dev, pkey);
}

function rt_is_expired(rth: rtable): boolean {
  return rth.rt_genid !== rt_genid_ipv4(rth.dev.nd_net);
}

/** The route if it is still what a lookup would find. */
function ipv4_dst_check(dst: dst_entry, _cookie: number): dst_entry | null {
  const rt = dst as rtable;
  return dst.obsolete !== DST_OBSOLETE_FORCE_CHK || rt_is_expired(rt) ? null : dst;
}

function ipv4_negative_advice(dst: dst_entry): dst_entry | null {
  const rt = dst as rtable;
  if (dst.obsolete > 0 || (rt.rt_flags & RTCF_REDIRECTED) !== 0 || dst.expires !== 0) return null;
  return dst;
}

/** Sets the time after which what a route learned is void, `timeout` jiffies from now, unless it is sooner. */
function dst_set_expires(dst: dst_entry, timeout: number): void {
  const expires = (jiffies + timeout) | 0 || 1;
  if (dst.expires === 0 || time_before(expires, dst.expires)) dst.expires = expires;
}

/** The neighbour of a packet's route does not answer. */
function ipv4_link_failure(skb: sk_buff): void {
  icmp_send(skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
  const rt = skb_rtable(skb);
  if (rt !== null) dst_set_expires(rt, 0);
}

/** The MTU of a route, bytes; forwarding: learned ones count only where ip_forward_use_pmtu is set. */
export function ip_dst_mtu_maybe_forward(dst: dst_entry, forwarding: boolean): number {
  const rt = dst as rtable;
  let mtu: number;
  if (
    !forwarding || rt.rt_mtu_locked || dst.dev.nd_net.ipv4.sysctl_ip_fwd_use_pmtu !== 0 ||
    ip_mtu_locked(dst)
  ) {
    mtu = rt.rt_pmtu;
    if (mtu !== 0 && time_before(jiffies, dst.expires)) return Math.min(mtu, IP_MAX_MTU);
  }
  mtu = dst_metric_raw(dst, RTAX_MTU);
  if (mtu !== 0) return Math.min(mtu, IP_MAX_MTU);
  mtu = dst.dev.mtu;
  if (ip_mtu_locked(dst) && rt.rt_uses_gateway && mtu > 576) mtu = 576;
  return Math.min(mtu, IP_MAX_MTU);
}

/** The MTU that skb may have on its route, bytes. */
export function ip_skb_dst_mtu(sk: sock | null, skb: sk_buff): number {
  const dst = skb_dst(skb)!;
  if (sk === null || !sk_fullsock(sk) || ip_sk_use_pmtu(sk)) {
    return ip_dst_mtu_maybe_forward(dst, (IPCB(skb).flags & IPSKB_FORWARDED) !== 0);
  }
  return Math.min(dst.dev.mtu, IP_MAX_MTU);
}

/** The path MTU of a route, bytes. */
export function ipv4_mtu(dst: dst_entry): number {
  return ip_dst_mtu_maybe_forward(dst, false);
}

/** The MSS to advertise by a route, bytes. @rfc 6691 */
export function ipv4_default_advmss(dst: dst_entry): number {
  const header_size = 20 + 20;
  const advmss = Math.max(ipv4_mtu(dst) - header_size, dst.dev.nd_net.ipv4.ip_rt_min_advmss);
  return Math.min(advmss, IPV4_MAX_PMTU - header_size);
}

/** The TTL of packets by a route that is not told otherwise. */
export function ip4_dst_hoplimit(dst: dst_entry): number {
  const hoplimit = dst_metric_raw(dst, RTAX_HOPLIMIT);
  return hoplimit !== 0 ? hoplimit : dst.dev.nd_net.ipv4.sysctl_ip_default_ttl;
}

export const ipv4_dst_ops: dst_ops = {
  family: AF_INET,
  check: ipv4_dst_check,
  default_advmss: ipv4_default_advmss,
  mtu: ipv4_mtu,
  negative_advice: ipv4_negative_advice,
  link_failure: ipv4_link_failure,
  update_pmtu: ip_rt_update_pmtu,
  redirect: ip_do_redirect,
  neigh_lookup: ipv4_neigh_lookup,
  confirm_neigh: ipv4_confirm_neigh,
};

// ---- IP identification ----

const IP_IDENTS_SZ = 2048;
const ip_idents = new Int32Array(IP_IDENTS_SZ);
const ip_tstamps = new Int32Array(IP_IDENTS_SZ);
const ip_id_key = new siphash_key_t();

/** segs numbers of the generator that hash selects: the first. It jumps by chance, more the longer it rested. */
function ip_idents_reserve(hash: number, segs: number): number {
  const i = hash & (IP_IDENTS_SZ - 1);
  const old = ip_tstamps[i];
  const now = jiffies;
  let delta = 0;
  if (old !== now) {
    ip_tstamps[i] = now;
    delta = prandom_u32_max((now - old) >>> 0);
  }
  return (ip_idents[i] = (ip_idents[i] + segs + delta) | 0) - segs;
}

/** Gives a header, and segs - 1 packets after it, identifications that its pair of hosts did not see lately. */
export function __ip_select_ident(n: net, iph: iphdr, segs: number): void {
  const hash = siphash_3u32(iph.daddr, iph.saddr, iph.protocol ^ n.hash_mix, ip_id_key);
  iph.id = ip_idents_reserve(hash, segs) & 0xffff;
}

/** Gives skb its identification, and segs - 1 after it. */
export function ip_select_ident_segs(
  n: net,
  skb: sk_buff,
  sk: sock | null,
  segs: number,
): void {
  const iph = ip_hdr(skb);
  if (sk !== null && inet_sk(sk).skc_daddr !== 0) {
    const inet = inet_sk(sk);
    iph.id = inet.inet_id & 0xffff;
    inet.inet_id = (inet.inet_id + segs) & 0xffff;
    return;
  }
  if ((iph.frag_off & IP_DF) !== 0 && !skb.ignore_df) iph.id = 0;
  else __ip_select_ident(n, iph, segs);
}

export function ip_select_ident(n: net, skb: sk_buff, sk: sock | null): void {
  ip_select_ident_segs(n, skb, sk, 1);
}

// ---- exceptions of nexthops ----

let fnhe_hash_key = 0;

function fnhe_hashfun(daddr: number): number {
  return Math.imul(daddr ^ fnhe_hash_key, 0x61c88647) >>> (32 - FNHE_HASH_SHIFT);
}

function fnhe_flush_routes(fnhe: fib_nh_exception): void {
  if (fnhe.fnhe_rth_input !== null) fnhe.fnhe_rth_input.obsolete = DST_OBSOLETE_KILL;
  if (fnhe.fnhe_rth_output !== null) fnhe.fnhe_rth_output.obsolete = DST_OBSOLETE_KILL;
  fnhe.fnhe_rth_input = null;
  fnhe.fnhe_rth_output = null;
}

function fnhe_unlink(
  hash: (fib_nh_exception | null)[],
  hval: number,
  victim: fib_nh_exception,
): void {
  let prev: fib_nh_exception | null = null;
  for (let p = hash[hval]; p !== null; prev = p, p = p.fnhe_next) {
    if (p !== victim) continue;
    if (prev === null) hash[hval] = p.fnhe_next;
    else prev.fnhe_next = p.fnhe_next;
    break;
  }
  fnhe_flush_routes(victim);
}

function fnhe_remove_oldest(hash: (fib_nh_exception | null)[], hval: number): void {
  let oldest = hash[hval];
  for (let p = oldest; p !== null; p = p.fnhe_next) {
    if (time_before(p.fnhe_stamp, oldest!.fnhe_stamp)) oldest = p;
  }
  if (oldest !== null) fnhe_unlink(hash, hval, oldest);
}

/** Has a route do what is known of its destination. */
function fill_route_from_fnhe(rt: rtable, fnhe: fib_nh_exception): void {
  rt.rt_pmtu = fnhe.fnhe_pmtu;
  rt.rt_mtu_locked = fnhe.fnhe_mtu_locked;
  rt.expires = fnhe.fnhe_expires;
  if (fnhe.fnhe_gw !== 0) {
    rt.rt_flags |= RTCF_REDIRECTED;
    rt.rt_uses_gateway = true;
    rt.rt_gw4 = fnhe.fnhe_gw;
  }
}

/** Notes a gateway (0: none) or a path MTU (0: none) for a destination, until `expires` (jiffies). */
function update_or_create_fnhe(
  nhc: fib_nh_common,
  daddr: number,
  gw: number,
  pmtu: number,
  lock: boolean,
  expires: number,
): void {
  const hval = fnhe_hashfun(daddr);
  const hash = nhc.nhc_exceptions ??= new Array(FNHE_HASH_SIZE).fill(null);
  expires = expires | 0 || 1;
  let depth = 0;
  let fnhe = hash[hval];
  for (; fnhe !== null && fnhe.fnhe_daddr !== daddr; fnhe = fnhe.fnhe_next) depth++;
  if (fnhe !== null) {
    if (gw !== 0) fnhe.fnhe_gw = gw;
    if (pmtu !== 0) {
      fnhe.fnhe_pmtu = pmtu;
      fnhe.fnhe_mtu_locked = lock;
    }
    fnhe.fnhe_expires = expires;
    if (fnhe.fnhe_rth_input !== null) fill_route_from_fnhe(fnhe.fnhe_rth_input, fnhe);
    if (fnhe.fnhe_rth_output !== null) fill_route_from_fnhe(fnhe.fnhe_rth_output, fnhe);
  } else {
    // The depth varies by chance, so that nobody learns from it what is in the chain.
    const max_depth = FNHE_RECLAIM_DEPTH + prandom_u32_max(FNHE_RECLAIM_DEPTH);
    for (; depth > max_depth; depth--) fnhe_remove_oldest(hash, hval);
    fnhe = new fib_nh_exception();
    fnhe.fnhe_daddr = daddr;
    fnhe.fnhe_gw = gw;
    fnhe.fnhe_pmtu = pmtu;
    fnhe.fnhe_mtu_locked = lock;
    fnhe.fnhe_expires = expires;
    fnhe.fnhe_next = hash[hval];
    hash[hval] = fnhe;
    // Who holds the common route has to look again: the exception may be his.
    if (nhc.nhc_rth_input !== null) nhc.nhc_rth_input.obsolete = DST_OBSOLETE_KILL;
    if (nhc.nhc_pcpu_rth_output !== null) nhc.nhc_pcpu_rth_output.obsolete = DST_OBSOLETE_KILL;
  }
  fnhe.fnhe_stamp = jiffies;
}

function ip_del_fnhe(nhc: fib_nh_common, daddr: number): void {
  const hash = nhc.nhc_exceptions!;
  const hval = fnhe_hashfun(daddr);
  for (let p = hash[hval]; p !== null; p = p.fnhe_next) {
    if (p.fnhe_daddr !== daddr) continue;
    fnhe_unlink(hash, hval, p);
    return;
  }
}

/** What is known of a destination behind a nexthop, or null. */
function find_exception(nhc: fib_nh_common, daddr: number): fib_nh_exception | null {
  const hash = nhc.nhc_exceptions;
  if (hash === null) return null;
  for (let fnhe = hash[fnhe_hashfun(daddr)]; fnhe !== null; fnhe = fnhe.fnhe_next) {
    if (fnhe.fnhe_daddr !== daddr) continue;
    if (fnhe.fnhe_expires !== 0 && time_after(jiffies, fnhe.fnhe_expires)) {
      ip_del_fnhe(nhc, daddr);
      return null;
    }
    return fnhe;
  }
  return null;
}

/** Completes a route by an exception and keeps it there; true if it is kept. */
function rt_bind_exception(
  rt: rtable,
  fnhe: fib_nh_exception,
  daddr: number,
  do_cache: boolean,
): boolean {
  if (daddr !== fnhe.fnhe_daddr) return false;
  fill_route_from_fnhe(rt, fnhe);
  if (rt.rt_gw4 === 0) rt.rt_gw4 = daddr;
  if (do_cache) {
    if (rt.rt_is_input) fnhe.fnhe_rth_input = rt;
    else fnhe.fnhe_rth_output = rt;
  }
  fnhe.fnhe_stamp = jiffies;
  return do_cache;
}

/** Keeps a route in its nexthop; true. */
function rt_cache_route(nhc: fib_nh_common, rt: rtable): boolean {
  if (rt.rt_is_input) nhc.nhc_rth_input = rt;
  else nhc.nhc_pcpu_rth_output = rt;
  return true;
}

function rt_cache_valid(rt: rtable | null): rt is rtable {
  return rt !== null && rt.obsolete === DST_OBSOLETE_FORCE_CHK && !rt_is_expired(rt);
}

/** Gives a new route what its fib_info says, and keeps it for the next one. */
function rt_set_nexthop(
  rt: rtable,
  daddr: number,
  res: fib_result,
  fnhe: fib_nh_exception | null,
  fi: fib_info | null,
  _type: number,
  _itag: number,
  do_cache: boolean,
): void {
  if (fi === null) return;
  const nhc = res.nhc!;
  if (nhc.fib_nh_gw4 !== 0 && nhc.fib_nh_scope === RT_SCOPE_LINK) {
    rt.rt_uses_gateway = true;
    rt.rt_gw4 = nhc.fib_nh_gw4;
  }
  rt._metrics = fi.fib_metrics;
  let cached = false;
  if (fnhe !== null) cached = rt_bind_exception(rt, fnhe, daddr, do_cache);
  else if (do_cache) cached = rt_cache_route(nhc, rt);
  // A route of one destination may name it as next hop.
  if (!cached && rt.rt_gw4 === 0) rt.rt_gw4 = daddr;
}

/** A route that leads out by dev, or (RTCF_LOCAL) to this host. */
export function rt_dst_alloc(dev: net_device, flags: number, type: number): rtable {
  const input = (flags & RTCF_LOCAL) !== 0 ? ip_local_deliver : dst_discard;
  const rt = new rtable(dev, ipv4_dst_ops, dst_default_metrics, input, ip_output);
  rt.obsolete = DST_OBSOLETE_FORCE_CHK;
  rt.lastuse = jiffies;
  rt.rt_genid = rt_genid_ipv4(dev.nd_net);
  rt.rt_flags = flags;
  rt.rt_type = type;
  return rt;
}

/** A route like rt that leads to dev. */
export function rt_dst_clone(dev: net_device, rt: rtable): rtable {
  const new_rt = new rtable(dev, ipv4_dst_ops, rt._metrics, rt.input, rt.output);
  new_rt.obsolete = rt.obsolete;
  new_rt.error = rt.error;
  new_rt.expires = rt.expires;
  new_rt.rt_genid = rt_genid_ipv4(dev.nd_net);
  new_rt.rt_flags = rt.rt_flags;
  new_rt.rt_type = rt.rt_type;
  new_rt.rt_is_input = rt.rt_is_input;
  new_rt.rt_iif = rt.rt_iif;
  new_rt.rt_pmtu = rt.rt_pmtu;
  new_rt.rt_mtu_locked = rt.rt_mtu_locked;
  new_rt.rt_gw4 = rt.rt_gw4;
  new_rt.rt_uses_gateway = rt.rt_uses_gateway;
  return new_rt;
}

// ---- redirects ----

const redirect_fl4 = new flowi4();
const redirect_res = new fib_result();

function __ip_do_redirect(rt: rtable, skb: sk_buff, fl4: flowi4, kill_route: boolean): void {
  const new_gw = icmp_hdr(skb).un;
  const old_gw = ip_hdr(skb).saddr;
  const dev = skb.dev!;
  const n = dev.nd_net;
  if ((icmp_hdr(skb).code & 7) > 3) return;
  if (rt.rt_gw4 === 0 || rt.rt_gw4 !== old_gw) return;
  const in_dev = __in_dev_get_rcu(dev);
  if (in_dev === null) return;
  if (
    new_gw === old_gw || !IN_DEV_RX_REDIRECTS(in_dev) || ipv4_is_multicast(new_gw) ||
    ipv4_is_lbcast(new_gw) || ipv4_is_zeronet(new_gw)
  ) return;
  if (!IN_DEV_SHARED_MEDIA(in_dev)) {
    if (!inet_addr_onlink(in_dev, new_gw, old_gw)) return;
    if (IN_DEV_SEC_REDIRECTS(in_dev) && ip_fib_check_default(new_gw, dev) !== 0) return;
  } else if (inet_addr_type(n, new_gw) !== RTN_UNICAST) {
    return;
  }
  const neigh = ip_neigh_gw4(rt.dev, new_gw);
  if (IS_ERR(neigh)) return;
  if ((neigh.nud_state & NUD_VALID) === 0) {
    // Once it is resolved, the next redirect finds it.
    neigh_event_send(neigh, null);
    return;
  }
  const res = redirect_res;
  if (fib_lookup(n, fl4, res, 0) === 0) {
    fib_select_path(n, res, fl4, skb);
    update_or_create_fnhe(res.nhc!, fl4.daddr, new_gw, 0, false, jiffies + ip_rt.gc_timeout);
  }
  if (kill_route) rt.obsolete = DST_OBSOLETE_KILL;
}

/** A redirect came for a packet of sk: a gateway says that another one is better. @rfc 1122 3.3.1.2 */
function ip_do_redirect(dst: dst_entry, sk: sock | null, skb: sk_buff): void {
  const iph = inner_iph(skb);
  const fl4 = redirect_fl4;
  __build_flow_key(
    dst.dev.nd_net,
    fl4,
    sk,
    iph,
    skb.dev!.ifindex,
    iph.tos,
    iph.protocol,
    skb.mark,
    0,
  );
  ip_rt_fix_tos(fl4);
  __ip_do_redirect(dst as rtable, skb, fl4, true);
}

/** Tells the sender of a packet that goes back where it came from of the better gateway, not too often. */
export function ip_rt_send_redirect(skb: sk_buff): void {
  const rt = skb_rtable(skb)!;
  const in_dev = __in_dev_get_rcu(rt.dev);
  if (in_dev === null || !IN_DEV_TX_REDIRECTS(in_dev)) return;
  const n = rt.dev.nd_net;
  const gw = rt_nexthop(rt, ip_hdr(skb).daddr);
  const peer = inet_getpeer_v4(n.ipv4.peers, ip_hdr(skb).saddr, 0, true);
  if (peer === null) {
    icmp_send(skb, ICMP_REDIRECT, ICMP_REDIR_HOST, gw);
    return;
  }
  if (time_after(jiffies, (peer.rate_last + ip_rt.redirect_silence) | 0)) {
    peer.rate_tokens = 0;
    peer.n_redirects = 0;
  }
  if (peer.n_redirects >= ip_rt.redirect_number) {
    peer.rate_last = jiffies;
    return;
  }
  if (
    peer.n_redirects === 0 ||
    time_after(jiffies, (peer.rate_last + (ip_rt.redirect_load << peer.n_redirects)) | 0)
  ) {
    icmp_send(skb, ICMP_REDIRECT, ICMP_REDIR_HOST, gw);
    peer.rate_last = jiffies;
    ++peer.n_redirects;
  }
}

/** Drops a packet that no route leads on for; as a router, with an ICMP error. */
export function ip_error(skb: sk_buff): number {
  const rt = skb_rtable(skb)!;
  const dev = skb.dev!;
  const in_dev = __in_dev_get_rcu(dev);
  let reason = SKB_DROP_REASON_IP_INADDRERRORS;
  let code: number;
  const n = rt.dev.nd_net;
  out: {
    if (in_dev === null) break out;
    if (!IN_DEV_FORWARD(in_dev)) {
      if (rt.error === EHOSTUNREACH) {
        __IP_INC_STATS(n, IPSTATS_MIB_INADDRERRORS);
      } else if (rt.error === ENETUNREACH) {
        reason = SKB_DROP_REASON_IP_INNOROUTES;
        __IP_INC_STATS(n, IPSTATS_MIB_INNOROUTES);
      }
      break out;
    }
    switch (rt.error) {
      case EHOSTUNREACH:
        code = ICMP_HOST_UNREACH;
        break;
      case ENETUNREACH:
        code = ICMP_NET_UNREACH;
        reason = SKB_DROP_REASON_IP_INNOROUTES;
        __IP_INC_STATS(n, IPSTATS_MIB_INNOROUTES);
        break;
      case EACCES:
        code = ICMP_PKT_FILTERED;
        break;
      default:
        break out;
    }
    const peer = inet_getpeer_v4(n.ipv4.peers, ip_hdr(skb).saddr, 0, true);
    if (peer !== null) {
      peer.rate_tokens = Math.min(
        peer.rate_tokens + ((jiffies - peer.rate_last) >>> 0),
        ip_rt.error_burst,
      );
      peer.rate_last = jiffies;
      if (peer.rate_tokens < ip_rt.error_cost) break out;
      peer.rate_tokens -= ip_rt.error_cost;
    }
    icmp_send(skb, ICMP_DEST_UNREACH, code, 0);
  }
  kfree_skb_reason(skb, reason);
  return 0;
}

/** A packet that came in took the way out: never. */
export function ip_rt_bug(_net: net, _sk: sock | null, skb: sk_buff): number {
  kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
  return 0;
}

// ---- path MTU ----

const pmtu_res = new fib_result();

/** A router on the way to fl4.daddr forwards no more than mtu bytes. @rfc 1191 */
function __ip_rt_update_pmtu(rt: rtable, fl4: flowi4, mtu: number): void {
  const ipv4 = rt.dev.nd_net.ipv4;
  if (ip_mtu_locked(rt)) return;
  const old_mtu = ipv4_mtu(rt);
  if (old_mtu < mtu) return;
  let lock = false;
  if (mtu < ipv4.ip_rt_min_pmtu) {
    lock = true;
    mtu = Math.min(old_mtu, ipv4.ip_rt_min_pmtu);
  }
  const half = ipv4.ip_rt_mtu_expires / 2;
  if (rt.rt_pmtu === mtu && !lock && time_before(jiffies, (rt.expires - half) | 0)) return;
  const res = pmtu_res;
  if (fib_lookup(rt.dev.nd_net, fl4, res, 0) === 0) {
    fib_select_path(rt.dev.nd_net, res, fl4, null);
    update_or_create_fnhe(res.nhc!, fl4.daddr, 0, mtu, lock, jiffies + ipv4.ip_rt_mtu_expires);
  }
}

const inner = new iphdr(new DataView(new ArrayBuffer(20)), 0);

/** The header at skb's data: of the packet of ours that an ICMP error is about. */
function inner_iph(skb: sk_buff): iphdr {
  inner.dv = skb.head.dv;
  inner.off = skb.data;
  return inner;
}

/** The lookup key of a packet of ours with this header, of sk if it is known. */
function __build_flow_key(
  _n: net,
  fl4: flowi4,
  sk: sock | null,
  iph: iphdr,
  oif: number,
  tos: number,
  prot: number,
  mark: number,
  flow_flags: number,
): void {
  let uid = 0;
  if (sk !== null && sk_fullsock(sk)) {
    oif = sk.sk_bound_dev_if;
    mark = sk.sk_mark;
    tos = RT_CONN_FLAGS(sk);
    prot = inet_sk(sk).hdrincl ? IPPROTO_RAW : sk.sk_protocol;
    uid = sk.sk_uid;
  }
  flowi4_init_output(
    fl4,
    oif,
    mark,
    tos,
    RT_SCOPE_UNIVERSE,
    prot,
    flow_flags,
    iph.daddr,
    iph.saddr,
    0,
    0,
    uid,
  );
}

function build_sk_flow_key(fl4: flowi4, sk: sock): void {
  const inet = inet_sk(sk);
  const opt = inet.inet_opt;
  flowi4_init_output(
    fl4,
    sk.sk_bound_dev_if,
    sk.sk_mark,
    RT_CONN_FLAGS(sk),
    RT_SCOPE_UNIVERSE,
    inet.hdrincl ? IPPROTO_RAW : sk.sk_protocol,
    inet_sk_flowi_flags(sk),
    opt !== null && opt.srr !== 0 ? opt.faddr : inet.inet_daddr,
    inet.inet_saddr,
    0,
    0,
    sk.sk_uid,
  );
}

function ip_rt_build_flow_key(fl4: flowi4, sk: sock | null, skb: sk_buff | null, n: net): void {
  if (skb !== null) {
    const iph = ip_hdr(skb);
    const oif = skb.dev !== null ? skb.dev.ifindex : 0;
    __build_flow_key(n, fl4, sk, iph, oif, RT_TOS(iph.tos), iph.protocol, skb.mark, 0);
  } else if (sk !== null) {
    build_sk_flow_key(fl4, sk);
  }
}

const pmtu_fl4 = new flowi4();

/** The path of a route, that sk or skb uses, has this MTU, bytes. */
function ip_rt_update_pmtu(
  dst: dst_entry,
  sk: sock | null,
  skb: sk_buff | null,
  mtu: number,
  _confirm_neigh: boolean,
): void {
  const fl4 = pmtu_fl4;
  ip_rt_build_flow_key(fl4, sk, skb, dst.dev.nd_net);
  ip_rt_fix_tos(fl4);
  __ip_rt_update_pmtu(dst as rtable, fl4, mtu);
}

/** An ICMP error says that the packet at skb's data met this MTU (bytes); its socket is not known. */
export function ipv4_update_pmtu(
  skb: sk_buff,
  n: net,
  mtu: number,
  oif: number,
  protocol: number,
): void {
  const iph = inner_iph(skb);
  const fl4 = pmtu_fl4;
  __build_flow_key(n, fl4, null, iph, oif, RT_TOS(iph.tos), protocol, 0, 0);
  const rt = __ip_route_output_key(n, fl4);
  if (!IS_ERR(rt)) __ip_rt_update_pmtu(rt, fl4, mtu);
}

function __ipv4_sk_update_pmtu(skb: sk_buff, sk: sock, mtu: number): void {
  const fl4 = pmtu_fl4;
  __build_flow_key(sock_net(sk), fl4, sk, inner_iph(skb), 0, 0, 0, 0, 0);
  const rt = __ip_route_output_key(sock_net(sk), fl4);
  if (!IS_ERR(rt)) __ip_rt_update_pmtu(rt, fl4, mtu);
}

/** As ipv4_update_pmtu(), for a datagram socket: it gets the route anew. */
export function ipv4_sk_update_pmtu(skb: sk_buff, sk: sock, mtu: number): void {
  if (!ip_sk_accept_pmtu(sk)) return;
  const n = sock_net(sk);
  const odst = sk_dst_get(sk);
  if (sock_owned_by_user(sk) || odst === null) {
    __ipv4_sk_update_pmtu(skb, sk, mtu);
    return;
  }
  const fl4 = pmtu_fl4;
  __build_flow_key(n, fl4, sk, inner_iph(skb), 0, 0, 0, 0, 0);
  let rt: rtable | number = odst as rtable;
  let fresh = false;
  if (odst.obsolete !== 0 && odst.ops.check(odst, 0) === null) {
    rt = ip_route_output_flow(n, fl4, sk);
    if (IS_ERR(rt)) return;
    fresh = true;
  }
  ip_rt_fix_tos(fl4);
  __ip_rt_update_pmtu(rt, fl4, mtu);
  if (dst_check(rt, 0) === null) {
    rt = ip_route_output_flow(n, fl4, sk);
    if (IS_ERR(rt)) return;
    fresh = true;
  }
  if (fresh) sk_dst_set(sk, rt);
}

/** An ICMP redirect about the packet at skb's data, whose socket is not known. */
export function ipv4_redirect(skb: sk_buff, n: net, oif: number, protocol: number): void {
  const iph = inner_iph(skb);
  const fl4 = redirect_fl4;
  __build_flow_key(n, fl4, null, iph, oif, RT_TOS(iph.tos), protocol, 0, 0);
  const rt = __ip_route_output_key(n, fl4);
  if (!IS_ERR(rt)) __ip_do_redirect(rt, skb, fl4, false);
}

export function ipv4_sk_redirect(skb: sk_buff, sk: sock): void {
  const fl4 = redirect_fl4;
  const n = sock_net(sk);
  __build_flow_key(n, fl4, sk, inner_iph(skb), 0, 0, 0, 0, 0);
  const rt = __ip_route_output_key(n, fl4);
  if (!IS_ERR(rt)) __ip_do_redirect(rt, skb, fl4, false);
}

/** The address that answers to skb come from, for the record route option. */
export function ip_rt_get_source(skb: sk_buff, rt: rtable): number {
  const iph = ip_hdr(skb);
  if (!rt.rt_is_input) return iph.saddr;
  const fl4 = src_fl4;
  fl4.daddr = iph.daddr;
  fl4.saddr = iph.saddr;
  fl4.flowi4_tos = iph.tos & IPTOS_RT_MASK;
  fl4.flowi4_oif = rt.dev.ifindex;
  fl4.flowi4_iif = skb.dev!.ifindex;
  fl4.flowi4_mark = skb.mark;
  const n = rt.dev.nd_net;
  if (fib_lookup(n, fl4, src_res, 0) === 0) {
    fl4.saddr = 0;
    fib_select_path(n, src_res, fl4, skb);
    return fl4.saddr;
  }
  return inet_select_addr(rt.dev, rt_nexthop(rt, iph.daddr), RT_SCOPE_UNIVERSE);
}

const src_fl4 = new flowi4();
const src_res = new fib_result();

// ---- input ----

const input_fl4 = new flowi4();
const input_res = new fib_result();

/** Multicast: the group of all hosts is the only one that this host is in. */
function ip_route_input_mc(
  skb: sk_buff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: net_device,
  in_dev: in_device,
): number {
  if (daddr !== INADDR_ALLHOSTS_GROUP) return -EINVAL;
  if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr) || skb.protocol !== ETH_P_IP) {
    return -EINVAL;
  }
  if (ipv4_is_loopback(saddr) && !IN_DEV_ROUTE_LOCALNET(in_dev)) return -EINVAL;
  if (ipv4_is_zeronet(saddr)) {
    if (!ipv4_is_local_multicast(daddr)) return -EINVAL;
  } else {
    const err = fib_validate_source(skb, saddr, 0, tos, 0, dev, in_dev);
    if (err < 0) return err;
  }
  const rth = rt_dst_alloc(dev.nd_net.loopback_dev, RTCF_MULTICAST | RTCF_LOCAL, RTN_MULTICAST);
  rth.output = ip_rt_bug;
  rth.rt_is_input = true;
  skb_dst_set(skb, rth);
  return 0;
}

/** The route on, for a packet that is not for us. */
function __mkroute_input(
  skb: sk_buff,
  res: fib_result,
  in_dev: in_device,
  daddr: number,
  saddr: number,
  tos: number,
): number {
  const nhc = res.nhc!;
  const out_dev = nhc.fib_nh_dev!;
  const out_in_dev = __in_dev_get_rcu(out_dev);
  if (out_in_dev === null) return -EINVAL;
  const err = fib_validate_source(skb, saddr, daddr, tos, FIB_RES_OIF(res), in_dev.dev, in_dev);
  if (err < 0) return err;
  const do_cache = res.fi !== null;
  if (
    out_in_dev === in_dev && err !== 0 && IN_DEV_TX_REDIRECTS(out_in_dev) &&
    skb.protocol === ETH_P_IP &&
    (IN_DEV_SHARED_MEDIA(out_in_dev) || inet_addr_onlink(out_in_dev, saddr, nhc.fib_nh_gw4))
  ) IPCB(skb).flags |= IPSKB_DOREDIRECT;
  // ARP asks whether to answer for daddr: not on the link that it is on itself, if its hosts hear each other.
  if (skb.protocol !== ETH_P_IP && out_in_dev === in_dev && !IN_DEV_PROXY_ARP_PVLAN(in_dev)) {
    return -EINVAL;
  }
  const fnhe = find_exception(nhc, daddr);
  if (do_cache) {
    const rth = fnhe !== null ? fnhe.fnhe_rth_input : nhc.nhc_rth_input;
    if (rt_cache_valid(rth)) {
      skb_dst_set(skb, rth);
      return 0;
    }
  }
  const rth = rt_dst_alloc(out_dev, 0, res.type);
  rth.rt_is_input = true;
  rth.input = ip_forward;
  rt_set_nexthop(rth, daddr, res, fnhe, res.fi, res.type, 0, do_cache);
  skb_dst_set(skb, rth);
  return 0;
}

function ip_mkroute_input(
  skb: sk_buff,
  res: fib_result,
  in_dev: in_device,
  daddr: number,
  saddr: number,
  tos: number,
): number {
  return __mkroute_input(skb, res, in_dev, daddr, saddr, tos);
}

/** The route of a packet to this host, or (res.type RTN_UNREACHABLE) to nowhere. */
function ip_route_local_input(
  skb: sk_buff,
  n: net,
  flags: number,
  err: number,
  res: fib_result,
): number {
  const do_cache = res.fi !== null;
  if (do_cache) {
    const rth = res.nhc!.nhc_rth_input;
    if (rt_cache_valid(rth)) {
      skb_dst_set(skb, rth);
      return 0;
    }
  }
  const rth = rt_dst_alloc(n.loopback_dev, flags | RTCF_LOCAL, res.type);
  rth.output = ip_rt_bug;
  rth.rt_is_input = true;
  if (res.type === RTN_UNREACHABLE) {
    rth.input = ip_error;
    rth.error = -err;
    rth.rt_flags &= ~RTCF_LOCAL;
  }
  if (do_cache) rt_cache_route(res.nhc!, rth);
  skb_dst_set(skb, rth);
  return 0;
}

/** Looks up where a packet goes that came in by dev: 0 and its dst, -EINVAL (martian) or -EXDEV. */
function ip_route_input_slow(
  skb: sk_buff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: net_device,
  res: fib_result,
): number {
  const in_dev = __in_dev_get_rcu(dev);
  const n = dev.nd_net;
  if (in_dev === null) return -EINVAL;
  if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr)) return -EINVAL;
  res.fi = null;
  res.table = null;
  res.nhc = null;
  let err = 0;
  brd_input: {
    if (ipv4_is_lbcast(daddr) || (saddr === 0 && daddr === 0)) break brd_input;
    if (ipv4_is_zeronet(saddr) || ipv4_is_zeronet(daddr)) return -EINVAL;
    if (ipv4_is_loopback(daddr) || ipv4_is_loopback(saddr)) {
      if (!IN_DEV_ROUTE_LOCALNET(in_dev)) return -EINVAL;
    }
    const fl4 = input_fl4;
    fl4.flowi4_oif = 0;
    fl4.flowi4_iif = dev.ifindex;
    fl4.flowi4_mark = skb.mark;
    fl4.flowi4_tos = tos;
    fl4.flowi4_scope = RT_SCOPE_UNIVERSE;
    fl4.flowi4_flags = 0;
    fl4.daddr = daddr;
    fl4.saddr = saddr;
    err = fib_lookup(n, fl4, res, 0);
    if (err === 0) {
      if (res.type === RTN_LOCAL) {
        err = fib_validate_source(skb, saddr, daddr, tos, 0, dev, in_dev);
        return err < 0 ? err : ip_route_local_input(skb, n, 0, 0, res);
      }
      if (res.type === RTN_BROADCAST) {
        if (!IN_DEV_ORCONF(in_dev, "bc_forwarding")) break brd_input;
        return ip_mkroute_input(skb, res, in_dev, daddr, saddr, tos);
      }
      if (IN_DEV_FORWARD(in_dev)) {
        if (res.type !== RTN_UNICAST) return -EINVAL;
        return ip_mkroute_input(skb, res, in_dev, daddr, saddr, tos);
      }
      err = -EHOSTUNREACH;
    } else if (!IN_DEV_FORWARD(in_dev)) {
      err = -EHOSTUNREACH;
    }
    res.type = RTN_UNREACHABLE;
    res.fi = null;
    res.table = null;
    return ip_route_local_input(skb, n, 0, err, res);
  }
  if (skb.protocol !== ETH_P_IP) return -EINVAL;
  if (!ipv4_is_zeronet(saddr)) {
    err = fib_validate_source(skb, saddr, 0, tos, 0, dev, in_dev);
    if (err < 0) return err;
  }
  res.type = RTN_BROADCAST;
  return ip_route_local_input(skb, n, RTCF_BROADCAST, 0, res);
}

function ip_route_input_rcu(
  skb: sk_buff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: net_device,
  res: fib_result,
): number {
  if (ipv4_is_multicast(daddr)) {
    const in_dev = __in_dev_get_rcu(dev);
    return in_dev === null ? -EINVAL : ip_route_input_mc(skb, daddr, saddr, tos, dev, in_dev);
  }
  return ip_route_input_slow(skb, daddr, saddr, tos, dev, res);
}

/** Gives a packet that came in by dev its dst: 0, -EINVAL (martian) or -EXDEV (reverse path). */
export function ip_route_input_noref(
  skb: sk_buff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: net_device,
): number {
  return ip_route_input_rcu(skb, daddr, saddr, tos & IPTOS_RT_MASK, dev, input_res);
}

export const ip_route_input = ip_route_input_noref;

/** Gives skb the route of the packet before it, which went to the same address; 0, -EINVAL or -EXDEV. */
export function ip_route_use_hint(
  skb: sk_buff,
  daddr: number,
  saddr: number,
  tos: number,
  dev: net_device,
  hint: sk_buff,
): number {
  const in_dev = __in_dev_get_rcu(dev);
  const rt = skb_rtable(hint)!;
  if (in_dev === null) return -EINVAL;
  if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr) || ipv4_is_zeronet(saddr)) return -EINVAL;
  if (ipv4_is_loopback(saddr) && !IN_DEV_ROUTE_LOCALNET(in_dev)) return -EINVAL;
  if (rt.rt_type === RTN_LOCAL) {
    const err = fib_validate_source(skb, saddr, daddr, tos & IPTOS_RT_MASK, 0, dev, in_dev);
    if (err < 0) return err;
  }
  skb_dst_set(skb, rt);
  return 0;
}

// ---- output ----

/** The route that a lookup stands for: of the nexthop if it has one already. */
function __mkroute_output(
  res: fib_result,
  fl4: flowi4,
  orig_oif: number,
  dev_out: net_device,
  flags: number,
): rtable | number {
  let fi = res.fi;
  let type = res.type;
  const in_dev = __in_dev_get_rcu(dev_out);
  if (in_dev === null) return -EINVAL;
  const loopback = (dev_out.flags & IFF_LOOPBACK) !== 0;
  if (!loopback && ipv4_is_loopback(fl4.saddr) && !IN_DEV_ROUTE_LOCALNET(in_dev)) return -EINVAL;
  if (ipv4_is_lbcast(fl4.daddr)) type = RTN_BROADCAST;
  else if (ipv4_is_multicast(fl4.daddr)) type = RTN_MULTICAST;
  else if (ipv4_is_zeronet(fl4.daddr)) return -EINVAL;
  if (loopback) flags |= RTCF_LOCAL;
  let do_cache = true;
  if (type === RTN_BROADCAST) {
    flags |= RTCF_BROADCAST | RTCF_LOCAL;
    fi = null;
  } else if (type === RTN_MULTICAST) {
    flags |= RTCF_MULTICAST;
    if (fl4.daddr === INADDR_ALLHOSTS_GROUP) {
      flags |= RTCF_LOCAL;
      do_cache = false;
    }
    // Not by the default route's gateway.
    if (fi !== null && res.prefixlen < 4) fi = null;
  } else if (type === RTN_LOCAL && orig_oif !== 0 && orig_oif !== dev_out.ifindex) {
    do_cache = false;
  }
  if (fi === null) do_cache = false;
  let fnhe: fib_nh_exception | null = null;
  if (fi !== null) {
    const nhc = res.nhc!;
    fnhe = find_exception(nhc, fl4.daddr);
    if (
      do_cache && fnhe === null && (fl4.flowi4_flags & FLOWI_FLAG_KNOWN_NH) !== 0 &&
      !(nhc.fib_nh_gw4 !== 0 && nhc.fib_nh_scope === RT_SCOPE_LINK)
    ) do_cache = false;
    if (do_cache) {
      const rth = fnhe !== null ? fnhe.fnhe_rth_output : nhc.nhc_pcpu_rth_output;
      if (rt_cache_valid(rth)) return rth;
    }
  }
  const rth = rt_dst_alloc(dev_out, flags, type);
  rth.rt_iif = orig_oif;
  if (
    (flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0 && (flags & RTCF_LOCAL) !== 0 && !loopback
  ) rth.output = ip_mc_output;
  rt_set_nexthop(rth, fl4.daddr, res, fnhe, fi, type, 0, do_cache);
  return rth;
}

/** Parts the tos of a key from its RTO_ONLINK. */
function ip_rt_fix_tos(fl4: flowi4): void {
  const tos = fl4.flowi4_tos;
  fl4.flowi4_tos = tos & IPTOS_RT_MASK;
  if ((tos & RTO_ONLINK) !== 0) fl4.flowi4_scope = RT_SCOPE_LINK;
}

const output_res = new fib_result();

/** Looks up the route of packets of ours, completing fl4; a negative errno where there is none. */
export function ip_route_output_key_hash(
  n: net,
  fl4: flowi4,
  skb: sk_buff | null,
): rtable | number {
  const res = output_res;
  res.type = 0;
  res.fi = null;
  res.table = null;
  res.nhc = null;
  res.prefixlen = 0;
  fl4.flowi4_iif = LOOPBACK_IFINDEX;
  ip_rt_fix_tos(fl4);
  return ip_route_output_key_hash_rcu(n, fl4, res, skb);
}

export function ip_route_output_key_hash_rcu(
  n: net,
  fl4: flowi4,
  res: fib_result,
  skb: sk_buff | null,
): rtable | number {
  let dev_out: net_device | null = null;
  let orig_oif = fl4.flowi4_oif;
  let flags = 0;
  if (fl4.saddr !== 0) {
    const saddr = fl4.saddr;
    if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr) || ipv4_is_zeronet(saddr)) return -EINVAL;
    if (fl4.flowi4_oif === 0 && (ipv4_is_multicast(fl4.daddr) || ipv4_is_lbcast(fl4.daddr))) {
      const ifa = inet_lookup_ifaddr_rcu(n, saddr);
      if (ifa === null) return -EINVAL;
      dev_out = ifa.ifa_dev.dev;
      fl4.flowi4_oif = dev_out.ifindex;
      return __mkroute_output(res, fl4, orig_oif, dev_out, flags);
    }
    if ((fl4.flowi4_flags & FLOWI_FLAG_ANYSRC) === 0 && !__ip_dev_find(n, saddr)) return -EINVAL;
  }
  if (fl4.flowi4_oif !== 0) {
    dev_out = dev_get_by_index(n, fl4.flowi4_oif);
    if (dev_out === null) return -ENODEV;
    if ((dev_out.flags & IFF_UP) === 0 || __in_dev_get_rcu(dev_out) === null) return -ENETUNREACH;
    if (
      ipv4_is_local_multicast(fl4.daddr) || ipv4_is_lbcast(fl4.daddr) ||
      fl4.flowi4_proto === IPPROTO_IGMP
    ) {
      if (fl4.saddr === 0) fl4.saddr = inet_select_addr(dev_out, 0, RT_SCOPE_LINK);
      return __mkroute_output(res, fl4, orig_oif, dev_out, flags);
    }
    if (fl4.saddr === 0) {
      if (ipv4_is_multicast(fl4.daddr)) {
        fl4.saddr = inet_select_addr(dev_out, 0, fl4.flowi4_scope);
      } else if (fl4.daddr === 0) {
        fl4.saddr = inet_select_addr(dev_out, 0, RT_SCOPE_HOST);
      }
    }
  }
  if (fl4.daddr === 0) {
    fl4.daddr = fl4.saddr;
    if (fl4.daddr === 0) fl4.daddr = fl4.saddr = INADDR_LOOPBACK;
    dev_out = n.loopback_dev;
    fl4.flowi4_oif = LOOPBACK_IFINDEX;
    res.type = RTN_LOCAL;
    flags |= RTCF_LOCAL;
    return __mkroute_output(res, fl4, orig_oif, dev_out, flags);
  }
  const err = fib_lookup(n, fl4, res, 0);
  if (err !== 0) {
    res.fi = null;
    res.table = null;
    if (dev_out === null) return err;
    // No route, but a device: the destination is taken to be on its link.
    if (fl4.saddr === 0) fl4.saddr = inet_select_addr(dev_out, 0, RT_SCOPE_LINK);
    res.type = RTN_UNICAST;
    return __mkroute_output(res, fl4, orig_oif, dev_out, flags);
  }
  if (res.type === RTN_LOCAL) {
    if (fl4.saddr === 0) {
      fl4.saddr = res.fi!.fib_prefsrc !== 0 ? res.fi!.fib_prefsrc : fl4.daddr;
    }
    dev_out = n.loopback_dev;
    orig_oif = FIB_RES_OIF(res);
    fl4.flowi4_oif = dev_out.ifindex;
    flags |= RTCF_LOCAL;
    return __mkroute_output(res, fl4, orig_oif, dev_out, flags);
  }
  fib_select_path(n, res, fl4, skb);
  return __mkroute_output(res, fl4, orig_oif, FIB_RES_DEV(res), flags);
}

/** addr is an address of this host. @differs answers whether, C the device */
function __ip_dev_find(n: net, addr: number): boolean {
  return inet_lookup_ifaddr_rcu(n, addr) !== null || inet_addr_type(n, addr) === RTN_LOCAL;
}

export function __ip_route_output_key(n: net, flp: flowi4): rtable | number {
  return ip_route_output_key_hash(n, flp, null);
}

/** The route of packets of sk (null: of nobody), completing flp4; a negative errno where there is none. */
export function ip_route_output_flow(n: net, flp4: flowi4, _sk: sock | null): rtable | number {
  const rt = __ip_route_output_key(n, flp4);
  if (IS_ERR(rt)) return rt;
  if (flp4.flowi4_proto !== 0) flp4.flowi4_oif = rt.dev.ifindex;
  return rt;
}

export function ip_route_output_key(n: net, flp: flowi4): rtable | number {
  return ip_route_output_flow(n, flp, null);
}

const plain_fl4 = new flowi4();

/** The route to daddr, by addresses alone. */
export function ip_route_output(
  n: net,
  daddr: number,
  saddr: number,
  tos: number,
  oif: number,
): rtable | number {
  flowi4_init_output(plain_fl4, oif, 0, tos, RT_SCOPE_UNIVERSE, 0, 0, daddr, saddr, 0, 0, 0);
  return ip_route_output_key(n, plain_fl4);
}

/** The route of a flow, filling fl4 from its parts. */
export function ip_route_output_ports(
  n: net,
  fl4: flowi4,
  sk: sock | null,
  daddr: number,
  saddr: number,
  dport: number,
  sport: number,
  proto: number,
  tos: number,
  oif: number,
): rtable | number {
  flowi4_init_output(
    fl4,
    oif,
    sk !== null ? sk.sk_mark : 0,
    tos,
    RT_SCOPE_UNIVERSE,
    proto,
    sk !== null ? inet_sk_flowi_flags(sk) : 0,
    daddr,
    saddr,
    dport,
    sport,
    sk !== null ? sk.sk_uid : 0,
  );
  return ip_route_output_flow(n, fl4, sk);
}

export function flowi4_update_output(
  fl4: flowi4,
  oif: number,
  tos: number,
  daddr: number,
  saddr: number,
): void {
  fl4.flowi4_oif = oif;
  fl4.flowi4_tos = tos;
  fl4.daddr = daddr;
  fl4.saddr = saddr;
}

/** Fills fl4 for a socket that connects. */
export function ip_route_connect_init(
  fl4: flowi4,
  dst: number,
  src: number,
  oif: number,
  protocol: number,
  sport: number,
  dport: number,
  sk: sock,
): void {
  const flow_flags = inet_sk(sk).transparent ? FLOWI_FLAG_ANYSRC : 0;
  flowi4_init_output(
    fl4,
    oif,
    sk.sk_mark,
    RT_CONN_FLAGS(sk),
    RT_SCOPE_UNIVERSE,
    protocol,
    flow_flags,
    dst,
    src,
    dport,
    sport,
    sk.sk_uid,
  );
}

/** The route of a socket that connects; addresses that were 0 are chosen, in fl4. */
export function ip_route_connect(
  fl4: flowi4,
  dst: number,
  src: number,
  oif: number,
  protocol: number,
  sport: number,
  dport: number,
  sk: sock,
): rtable | number {
  const n = sock_net(sk);
  ip_route_connect_init(fl4, dst, src, oif, protocol, sport, dport, sk);
  if (dst === 0 || src === 0) {
    const rt = __ip_route_output_key(n, fl4);
    if (IS_ERR(rt)) return rt;
    flowi4_update_output(fl4, oif, fl4.flowi4_tos, fl4.daddr, fl4.saddr);
  }
  return ip_route_output_flow(n, fl4, sk);
}

/** The route once the ports are known: looked up again if they differ from what rt was looked up by. */
export function ip_route_newports(
  fl4: flowi4,
  rt: rtable,
  orig_sport: number,
  orig_dport: number,
  sport: number,
  dport: number,
  sk: sock,
): rtable | number {
  if (sport === orig_sport && dport === orig_dport) return rt;
  fl4.fl4_dport = dport;
  fl4.fl4_sport = sport;
  flowi4_update_output(fl4, sk.sk_bound_dev_if, RT_CONN_FLAGS(sk), fl4.daddr, fl4.saddr);
  return ip_route_output_flow(sock_net(sk), fl4, sk);
}

/** Fresh generators and tables, and what routing is made of. From ip_init(). */
export function ip_rt_init(): number {
  Object.assign(ip_rt, ip_rt_defaults);
  get_random_bytes(new Uint8Array(ip_idents.buffer));
  ip_tstamps.fill(0);
  siphash_key_random(ip_id_key);
  fnhe_hash_key = get_random_u32();
  devinet_init();
  ip_fib_init();
  return 0;
}

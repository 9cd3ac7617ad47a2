// SPDX-License-Identifier: GPL-2.0-only
//
// Routing tables as the rest of the host meets them. ip_rt_init() calls ip_fib_init(), which gives each host
// its tables and follows devices and addresses: an address makes local, broadcast and subnet routes
// (fib_add_ifaddr). route.ts asks fib_lookup() and fib_validate_source(), others inet_addr_type(); programs
// change routes by ip_rt_ioctl(), tools by inet_rtm_newroute() and inet_rtm_delroute().

import { inet_mask_len } from "../../include/linux/inetdevice.ts";
import {
  __in_dev_get_rcu,
  IN_DEV_ACCEPT_LOCAL,
  IN_DEV_RPFILTER,
  IN_DEV_TX_REDIRECTS,
} from "../../include/linux/inetdevice.ts";
import type { in_device, in_ifaddr } from "../../include/linux/inetdevice.ts";
import {
  IFF_LOOPBACK,
  IFF_UP,
  NETDEV_CHANGE,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  netif_carrier_ok,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { NOTIFY_DONE } from "../../include/linux/notifier.ts";
import type { notifier_block } from "../../include/linux/notifier.ts";
import { ip_hdr } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { RTAX_ADVMSS, RTAX_MAX, RTAX_WINDOW } from "../../include/net/dst.ts";
import { flowi4, LOOPBACK_IFINDEX } from "../../include/net/flow.ts";
import { ipv4_is_zeronet } from "../../include/net/ip.ts";
import {
  __inet_dev_addr_type,
  fib_config,
  fib_get_table,
  fib_lookup,
  FIB_LOOKUP_IGNORE_LINKSTATE,
  fib_result,
  fib_rules_table,
} from "../../include/net/ip_fib.ts";
import type { fib_table } from "../../include/net/ip_fib.ts";
import { rt_genid_bump_ipv4 } from "../../include/net/net_namespace.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import {
  IPTOS_RT_MASK,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
} from "../../include/net/route.ts";
import { skb_rtable } from "../../include/net/route.ts";
import {
  EAFNOSUPPORT,
  EINVAL,
  ENETUNREACH,
  ENODEV,
  ESRCH,
  EXDEV,
} from "../../include/uapi/asm-generic/errno.ts";
import { IFA_F_NOPREFIXROUTE, IFA_F_SECONDARY } from "../../include/uapi/linux/if_addr.ts";
import {
  RTF_GATEWAY,
  RTF_HOST,
  RTF_MTU,
  RTF_REJECT,
  RTF_WINDOW,
} from "../../include/uapi/linux/route.ts";
import type { rtentry } from "../../include/uapi/linux/route.ts";
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTPROT_BOOT,
  RTPROT_KERNEL,
} from "../../include/uapi/linux/rtnetlink.ts";
import { SIOCADDRT, SIOCDELRT } from "../../include/uapi/linux/sockios.ts";
import { __dev_get_by_name, register_netdevice_notifier } from "../core/dev.ts";
import { neigh_ifdown } from "../core/neighbour.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import {
  inet_ifa_byprefix,
  inet_lookup_ifaddr_rcu,
  inet_select_addr,
  register_inetaddr_notifier,
} from "./devinet.ts";
import {
  fib_info_nh_uses_dev,
  fib_result_prefsrc,
  fib_sync_down_addr,
  fib_sync_down_dev,
  fib_sync_mtu,
  fib_sync_up,
} from "./fib_semantics.ts";
import {
  fib_free_table,
  fib_table_delete,
  fib_table_flush,
  fib_table_insert,
  fib_trie_table,
} from "./fib_trie.ts";

export { fib_get_table, fib_lookup } from "../../include/net/ip_fib.ts";

/** The table of an id; null where there can be none. @differs the local and the main table are all there are */
export function fib_new_table(n: net, id: number): fib_table | null {
  return fib_get_table(n, id);
}

/** Throws out routes whose nexthop is dead, and all cached ones with them. */
export function fib_flush(n: net): void {
  const fib = n.ipv4.fib;
  if (fib === null) return;
  const flushed = fib_table_flush(n, fib.local, false) + fib_table_flush(n, fib.main, false);
  if (flushed !== 0) rt_genid_bump_ipv4(n);
}

/** What addr is to this host by one table: RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST or RTN_UNICAST. */
export function inet_addr_type_table(n: net, addr: number, tb_id: number): number {
  return __inet_dev_addr_type(n, null, addr, tb_id);
}

export function inet_addr_type(n: net, addr: number): number {
  return __inet_dev_addr_type(n, null, addr, RT_TABLE_LOCAL);
}

/** As inet_addr_type(), of one device's addresses. */
export function inet_dev_addr_type(n: net, dev: net_device | null, addr: number): number {
  return __inet_dev_addr_type(n, dev, addr, RT_TABLE_LOCAL);
}

/** As inet_addr_type(), by the table of dev. */
export function inet_addr_type_dev_table(
  n: net,
  _dev: net_device | null,
  addr: number,
): number {
  return __inet_dev_addr_type(n, null, addr, RT_TABLE_LOCAL);
}

const spec_fl4 = new flowi4();
const spec_res = new fib_result();

/** The address of ours that skb was sent to, or that an answer to it would have. */
export function fib_compute_spec_dst(skb: sk_buff): number {
  const dev = skb.dev!;
  const rt = skb_rtable(skb)!;
  if ((rt.rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST | RTCF_LOCAL)) === RTCF_LOCAL) {
    return ip_hdr(skb).daddr;
  }
  const saddr = ip_hdr(skb).saddr;
  let scope = RT_SCOPE_UNIVERSE;
  if (!ipv4_is_zeronet(saddr)) {
    const fl4 = spec_fl4;
    fl4.flowi4_iif = LOOPBACK_IFINDEX;
    fl4.daddr = saddr;
    fl4.flowi4_tos = ip_hdr(skb).tos & IPTOS_RT_MASK;
    fl4.flowi4_scope = scope;
    if (fib_lookup(dev.nd_net, fl4, spec_res, 0) === 0) {
      return fib_result_prefsrc(dev.nd_net, spec_res);
    }
  } else {
    scope = RT_SCOPE_LINK;
  }
  return inet_select_addr(dev, saddr, scope);
}

const src_fl4 = new flowi4();
const src_res = new fib_result();

/** Looks the sender up: would an answer leave by where the packet came in. */
function __fib_validate_source(
  _skb: sk_buff,
  src: number,
  dst: number,
  tos: number,
  oif: number,
  dev: net_device,
  rpf: number,
  idev: in_device,
): number {
  const n = dev.nd_net;
  const fl4 = src_fl4;
  const res = src_res;
  fl4.flowi4_oif = 0;
  fl4.flowi4_iif = oif !== 0 ? oif : LOOPBACK_IFINDEX;
  fl4.daddr = src;
  fl4.saddr = dst;
  fl4.flowi4_tos = tos;
  fl4.flowi4_scope = RT_SCOPE_UNIVERSE;
  const no_addr = idev.ifa_list === null;
  if (fib_lookup(n, fl4, res, 0) !== 0) return rpf !== 0 ? -EXDEV : 0;
  if (res.type !== RTN_UNICAST && (res.type !== RTN_LOCAL || !IN_DEV_ACCEPT_LOCAL(idev))) {
    return -EINVAL;
  }
  if (
    fib_info_nh_uses_dev(res.fi!, dev) || (res.type === RTN_LOCAL && dev === n.loopback_dev)
  ) return res.nhc!.fib_nh_scope >= RT_SCOPE_HOST ? 1 : 0;
  if (no_addr) return rpf !== 0 ? -EXDEV : 0;
  if (rpf === 1) return -EXDEV;
  fl4.flowi4_oif = dev.ifindex;
  if (fib_lookup(n, fl4, res, FIB_LOOKUP_IGNORE_LINKSTATE) === 0 && res.type === RTN_UNICAST) {
    return res.nhc!.fib_nh_scope >= RT_SCOPE_HOST ? 1 : 0;
  }
  return 0;
}

/**
 * Whether a packet from src may have come in by dev: negative if not (-EINVAL: the address is our own or no
 * unicast; -EXDEV: reverse path), 1 where src is on dev's link, else 0. @rfc 3704
 */
export function fib_validate_source(
  skb: sk_buff,
  src: number,
  dst: number,
  tos: number,
  oif: number,
  dev: net_device,
  idev: in_device,
): number {
  const r = IN_DEV_RPFILTER(idev);
  if (r === 0 && (dev.ifindex !== oif || !IN_DEV_TX_REDIRECTS(idev))) {
    if (IN_DEV_ACCEPT_LOCAL(idev)) return 0;
    return inet_lookup_ifaddr_rcu(dev.nd_net, src) !== null ? -EINVAL : 0;
  }
  return __fib_validate_source(skb, src, dst, tos, oif, dev, r, idev);
}

/** A mask with holes, or one that addr has bits outside of. */
function bad_mask(mask: number, addr: number): boolean {
  const host = ~mask;
  return (addr & host) !== 0 || (host & (host + 1)) !== 0;
}

/** A route of the ioctls as a configuration: 0 or a negative errno. */
function rtentry_to_fib_config(n: net, cmd: number, rt: rtentry, cfg: fib_config): number {
  if (rt.rt_dst.sin_family !== AF_INET) return -EAFNOSUPPORT;
  let plen = 32;
  const addr = rt.rt_dst.sin_addr;
  if ((rt.rt_flags & RTF_HOST) === 0) {
    const genmask = rt.rt_genmask;
    const mask = genmask !== null ? genmask.sin_addr : 0;
    if (genmask !== null && genmask.sin_family !== AF_INET && (mask | genmask.sin_family) !== 0) {
      return -EAFNOSUPPORT;
    }
    if (bad_mask(mask, addr)) return -EINVAL;
    plen = inet_mask_len(mask);
  }
  cfg.fc_dst_len = plen;
  cfg.fc_dst = addr;
  cfg.fc_table = RT_TABLE_MAIN;
  if (cmd !== SIOCDELRT) {
    cfg.fc_nlflags = NLM_F_CREATE;
    cfg.fc_protocol = RTPROT_BOOT;
  }
  if (rt.rt_metric !== 0) cfg.fc_priority = rt.rt_metric - 1;
  if ((rt.rt_flags & RTF_REJECT) !== 0) {
    cfg.fc_scope = RT_SCOPE_HOST;
    cfg.fc_type = RTN_UNREACHABLE;
    return 0;
  }
  cfg.fc_scope = RT_SCOPE_NOWHERE;
  cfg.fc_type = RTN_UNICAST;
  if (rt.rt_dev !== null) {
    const dev = __dev_get_by_name(n, rt.rt_dev);
    if (dev === null) return -ENODEV;
    cfg.fc_oif = dev.ifindex;
  }
  const gw = rt.rt_gateway;
  if (gw !== null && gw.sin_family === AF_INET && gw.sin_addr !== 0) {
    cfg.fc_gw4 = gw.sin_addr;
    if (
      (rt.rt_flags & RTF_GATEWAY) !== 0 &&
      inet_addr_type_table(n, gw.sin_addr, RT_TABLE_LOCAL) === RTN_UNICAST
    ) cfg.fc_scope = RT_SCOPE_UNIVERSE;
  }
  if (cmd === SIOCDELRT) return 0;
  if ((rt.rt_flags & RTF_GATEWAY) !== 0 && cfg.fc_gw4 === 0) return -EINVAL;
  if (cfg.fc_scope === RT_SCOPE_NOWHERE) cfg.fc_scope = RT_SCOPE_LINK;
  if ((rt.rt_flags & (RTF_MTU | RTF_WINDOW)) !== 0) {
    const mx = new Int32Array(RTAX_MAX);
    if ((rt.rt_flags & RTF_MTU) !== 0) mx[RTAX_ADVMSS - 1] = rt.rt_mtu - 40;
    if ((rt.rt_flags & RTF_WINDOW) !== 0) mx[RTAX_WINDOW - 1] = rt.rt_window;
    cfg.fc_mx = mx;
  }
  return 0;
}

/** SIOCADDRT and SIOCDELRT: 0 or a negative errno. */
export function ip_rt_ioctl(n: net, cmd: number, rt: rtentry): number {
  if (cmd !== SIOCADDRT && cmd !== SIOCDELRT) return -EINVAL;
  const cfg = new fib_config();
  const err = rtentry_to_fib_config(n, cmd, rt, cfg);
  if (err !== 0) return err;
  if (cmd === SIOCDELRT) return inet_rtm_delroute(n, cfg);
  return inet_rtm_newroute(n, cfg);
}

/** Adds a route, as `ip route add` does: 0 or a negative errno. @differs takes what netlink's message says */
export function inet_rtm_newroute(n: net, cfg: fib_config): number {
  const tb = fib_new_table(n, cfg.fc_table);
  return tb === null ? -ENETUNREACH : fib_table_insert(n, tb, cfg);
}

/** Takes a route away, as `ip route del` does: 0, -ESRCH or -EINVAL. */
export function inet_rtm_delroute(n: net, cfg: fib_config): number {
  const tb = fib_get_table(n, cfg.fc_table);
  return tb === null ? -ESRCH : fib_table_delete(n, tb, cfg);
}

/** Adds or takes away one of the routes that an address brings. */
function fib_magic(
  cmd: number,
  type: number,
  dst: number,
  dst_len: number,
  ifa: in_ifaddr,
  rt_priority: number,
): void {
  const n = ifa.ifa_dev.dev.nd_net;
  const tb_id = type === RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
  const tb = fib_new_table(n, tb_id);
  if (tb === null) return;
  const cfg = new fib_config();
  cfg.fc_protocol = RTPROT_KERNEL;
  cfg.fc_type = type;
  cfg.fc_dst = dst;
  cfg.fc_dst_len = dst_len;
  cfg.fc_priority = rt_priority;
  cfg.fc_prefsrc = ifa.ifa_local;
  cfg.fc_oif = ifa.ifa_dev.dev.ifindex;
  cfg.fc_nlflags = NLM_F_CREATE | NLM_F_APPEND;
  cfg.fc_table = tb_id;
  cfg.fc_scope = type !== RTN_LOCAL ? RT_SCOPE_LINK : RT_SCOPE_HOST;
  if (cmd === RTM_NEWROUTE) fib_table_insert(n, tb, cfg);
  else fib_table_delete(n, tb, cfg);
}

/** The routes of an address: to itself, its subnet, and the subnet's broadcast address. */
export function fib_add_ifaddr(ifa: in_ifaddr): void {
  const in_dev = ifa.ifa_dev;
  const dev = in_dev.dev;
  const mask = ifa.ifa_mask;
  const addr = ifa.ifa_local;
  const prefix = ifa.ifa_address & mask;
  let prim = ifa;
  if ((ifa.ifa_flags & IFA_F_SECONDARY) !== 0) {
    const p = inet_ifa_byprefix(in_dev, prefix, mask);
    if (p === null) return;
    prim = p;
  }
  fib_magic(RTM_NEWROUTE, RTN_LOCAL, addr, 32, prim, 0);
  if ((dev.flags & IFF_UP) === 0) return;
  if (ifa.ifa_broadcast !== 0 && ifa.ifa_broadcast !== -1) {
    fib_magic(RTM_NEWROUTE, RTN_BROADCAST, ifa.ifa_broadcast, 32, prim, 0);
  }
  if (
    !ipv4_is_zeronet(prefix) && (ifa.ifa_flags & IFA_F_SECONDARY) === 0 &&
    (prefix !== addr || ifa.ifa_prefixlen < 32)
  ) {
    if ((ifa.ifa_flags & IFA_F_NOPREFIXROUTE) === 0) {
      const type = (dev.flags & IFF_LOOPBACK) !== 0 ? RTN_LOCAL : RTN_UNICAST;
      fib_magic(RTM_NEWROUTE, type, prefix, ifa.ifa_prefixlen, prim, 0);
    }
    if (ifa.ifa_prefixlen < 31) {
      fib_magic(RTM_NEWROUTE, RTN_BROADCAST, prefix | ~mask, 32, prim, 0);
    }
  }
}

const LOCAL_OK = 1;
const BRD_OK = 2;
const BRD0_OK = 4;
const BRD1_OK = 8;

/** Which of ifa's routes another address of the device, with the same preferred source, needs too. */
function fib_still_needed(
  ifa: in_ifaddr,
  prim: in_ifaddr,
  iprim: in_ifaddr | null,
): number {
  const in_dev = ifa.ifa_dev;
  const any = ifa.ifa_address & ifa.ifa_mask;
  const brd = ifa.ifa_address | ~ifa.ifa_mask;
  let ok = 0;
  for (let ifa1 = in_dev.ifa_list; ifa1 !== null; ifa1 = ifa1.ifa_next) {
    if (ifa1 === ifa) continue;
    if (
      iprim !== null && ifa1.ifa_mask === iprim.ifa_mask &&
      ((ifa1.ifa_address ^ iprim.ifa_address) & iprim.ifa_mask) === 0
    ) continue;
    let prim1: in_ifaddr | null = ifa1;
    if ((ifa1.ifa_flags & IFA_F_SECONDARY) !== 0) {
      const same = ifa1.ifa_mask === prim.ifa_mask &&
        ((ifa1.ifa_address ^ prim.ifa_address) & prim.ifa_mask) === 0;
      prim1 = same ? prim : inet_ifa_byprefix(in_dev, ifa1.ifa_address, ifa1.ifa_mask);
      if (prim1 === null) continue;
    }
    if (prim1.ifa_local !== prim.ifa_local) continue;
    if (ifa.ifa_local === ifa1.ifa_local) ok |= LOCAL_OK;
    if (ifa.ifa_broadcast === ifa1.ifa_broadcast) ok |= BRD_OK;
    if (brd === ifa1.ifa_broadcast) ok |= BRD1_OK;
    if (any === ifa1.ifa_broadcast) ok |= BRD0_OK;
    if (prim1 === ifa1 && ifa1.ifa_prefixlen < 31) {
      const brd1 = ifa1.ifa_address | ~ifa1.ifa_mask;
      const any1 = ifa1.ifa_address & ifa1.ifa_mask;
      if (!ipv4_is_zeronet(any1)) {
        if (ifa.ifa_broadcast === brd1) ok |= BRD_OK;
        if (brd === brd1) ok |= BRD1_OK;
        if (any === brd1) ok |= BRD0_OK;
      }
    }
  }
  return ok;
}

/** Takes away the routes of an address that no other address needs; iprim: the primary one of a promotion. */
export function fib_del_ifaddr(ifa: in_ifaddr, iprim: in_ifaddr | null): void {
  const in_dev = ifa.ifa_dev;
  const dev = in_dev.dev;
  const any = ifa.ifa_address & ifa.ifa_mask;
  const brd = ifa.ifa_address | ~ifa.ifa_mask;
  let prim = ifa;
  let subnet = false;
  if ((ifa.ifa_flags & IFA_F_SECONDARY) !== 0) {
    const p = inet_ifa_byprefix(in_dev, any, ifa.ifa_mask);
    if (p === null || (iprim !== null && iprim !== p)) return;
    prim = p;
  } else if (!ipv4_is_zeronet(any) && (any !== ifa.ifa_local || ifa.ifa_prefixlen < 32)) {
    if ((ifa.ifa_flags & IFA_F_NOPREFIXROUTE) === 0) {
      const type = (dev.flags & IFF_LOOPBACK) !== 0 ? RTN_LOCAL : RTN_UNICAST;
      fib_magic(RTM_DELROUTE, type, any, ifa.ifa_prefixlen, prim, 0);
    }
    subnet = true;
  }
  const ok = in_dev.dead ? 0 : fib_still_needed(ifa, prim, iprim);
  if ((ok & BRD_OK) === 0) fib_magic(RTM_DELROUTE, RTN_BROADCAST, ifa.ifa_broadcast, 32, prim, 0);
  if (subnet && ifa.ifa_prefixlen < 31) {
    if ((ok & BRD1_OK) === 0) fib_magic(RTM_DELROUTE, RTN_BROADCAST, brd, 32, prim, 0);
    if ((ok & BRD0_OK) === 0) fib_magic(RTM_DELROUTE, RTN_BROADCAST, any, 32, prim, 0);
  }
  if ((ok & LOCAL_OK) !== 0) return;
  fib_magic(RTM_DELROUTE, RTN_LOCAL, ifa.ifa_local, 32, prim, 0);
  if (inet_addr_type(dev.nd_net, ifa.ifa_local) !== RTN_LOCAL) {
    if (fib_sync_down_addr(dev, ifa.ifa_local) !== 0) fib_flush(dev.nd_net);
  }
}

/** dev does no IPv4 for now (force: for ever): its routes go, and its neighbours. */
function fib_disable_ip(dev: net_device, event: number, force: boolean): void {
  const n = dev.nd_net;
  if (fib_sync_down_dev(dev, event, force) !== 0) fib_flush(n);
  rt_genid_bump_ipv4(n);
  if (n.ipv4.arp_tbl !== null) neigh_ifdown(n.ipv4.arp_tbl, dev);
}

function fib_inetaddr_event(_nb: notifier_block<in_ifaddr>, event: number, ifa: in_ifaddr): number {
  const dev = ifa.ifa_dev.dev;
  const n = dev.nd_net;
  const fib = n.ipv4.fib;
  if (fib === null) return NOTIFY_DONE;
  if (event === NETDEV_UP) {
    fib_add_ifaddr(ifa);
    fib_sync_up(dev, RTNH_F_DEAD);
    fib.dev_addr_genid++;
    rt_genid_bump_ipv4(n);
  } else if (event === NETDEV_DOWN) {
    fib_del_ifaddr(ifa, null);
    fib.dev_addr_genid++;
    if (ifa.ifa_dev.ifa_list === null) fib_disable_ip(dev, event, true);
    else rt_genid_bump_ipv4(n);
  }
  return NOTIFY_DONE;
}

function fib_netdev_event(_nb: notifier_block<net_device>, event: number, dev: net_device): number {
  const n = dev.nd_net;
  const fib = n.ipv4.fib;
  if (fib === null) return NOTIFY_DONE;
  if (event === NETDEV_UNREGISTER) {
    fib_disable_ip(dev, event, true);
    return NOTIFY_DONE;
  }
  const in_dev = __in_dev_get_rcu(dev);
  if (in_dev === null) return NOTIFY_DONE;
  switch (event) {
    case NETDEV_UP:
      for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) fib_add_ifaddr(ifa);
      fib_sync_up(dev, RTNH_F_DEAD);
      fib.dev_addr_genid++;
      rt_genid_bump_ipv4(n);
      break;
    case NETDEV_DOWN:
      fib_disable_ip(dev, event, false);
      break;
    case NETDEV_CHANGE:
      if (netif_carrier_ok(dev)) fib_sync_up(dev, RTNH_F_LINKDOWN);
      else fib_sync_down_dev(dev, event, false);
      rt_genid_bump_ipv4(n);
      break;
    case NETDEV_CHANGEMTU:
      fib_sync_mtu(dev, 0);
      rt_genid_bump_ipv4(n);
      break;
  }
  return NOTIFY_DONE;
}

const fib_inetaddr_notifier: notifier_block<in_ifaddr> = {
  notifier_call: fib_inetaddr_event,
  next: null,
  priority: 0,
};

const fib_netdev_notifier: notifier_block<net_device> = {
  notifier_call: fib_netdev_event,
  next: null,
  priority: 0,
};

function ip_fib_net_init(n: net): number {
  n.ipv4.fib = new fib_rules_table(
    fib_trie_table(RT_TABLE_LOCAL, null),
    fib_trie_table(RT_TABLE_MAIN, null),
  );
  return 0;
}

function ip_fib_net_exit(n: net): void {
  const fib = n.ipv4.fib;
  if (fib === null) return;
  fib_free_table(fib.local);
  fib_free_table(fib.main);
  fib.info.clear();
  n.ipv4.fib = null;
}

const fib_net_ops: pernet_operations = { init: ip_fib_net_init, exit: ip_fib_net_exit };

/** Routing tables for every host, which follow its devices and addresses. Behind devinet_init(). */
export function ip_fib_init(): void {
  fib_inetaddr_notifier.next = null;
  fib_netdev_notifier.next = null;
  register_pernet_subsys(fib_net_ops);
  register_netdevice_notifier(fib_netdev_notifier);
  register_inetaddr_notifier(fib_inetaddr_notifier);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// fib_info: what routes mean. fib_table_insert() has fib_create_info() check a configuration (is the gateway
// reachable, the source address ours) and share equal ones; fib_select_path() completes a lookup with a
// source address; fib_sync_down_dev(), fib_sync_down_addr() and fib_sync_up() follow devices and addresses.

import { IFF_UP, netif_carrier_ok } from "../../include/linux/netdevice.ts";
import { NETDEV_DOWN, NETDEV_UNREGISTER } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { RTAX_ADVMSS, RTAX_HOPLIMIT, RTAX_MAX, RTAX_MTU } from "../../include/net/dst.ts";
import { flowi4, LOOPBACK_IFINDEX } from "../../include/net/flow.ts";
import {
  __inet_dev_addr_type,
  fib_get_table,
  fib_info,
  fib_lookup,
  FIB_LOOKUP_IGNORE_LINKSTATE,
  FIB_LOOKUP_NOREF,
  fib_props,
  FIB_RES_DEV,
  FIB_RES_OIF,
  fib_result,
} from "../../include/net/ip_fib.ts";
import type { fib_config, fib_nh, fib_nh_common } from "../../include/net/ip_fib.ts";
import { NUD_REACHABLE, NUD_VALID } from "../../include/net/neighbour.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { __ipv4_neigh_lookup_noref } from "../../include/net/arp.ts";
import { EINVAL, ENETDOWN, ENETUNREACH, ENODEV } from "../../include/uapi/asm-generic/errno.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_ANYCAST,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MAX,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
  RTNH_F_ONLINK,
  RTNH_F_PERVASIVE,
} from "../../include/uapi/linux/rtnetlink.ts";
import { dev_get_by_index } from "../core/dev.ts";
import { inet_select_addr, inetdev_by_index } from "./devinet.ts";

/** Forgets what was learned about destinations behind a nexthop, and the routes handed out. */
export function fib_nh_common_release(nhc: fib_nh_common): void {
  nhc.nhc_exceptions = null;
  nhc.nhc_rth_input = null;
  nhc.nhc_pcpu_rth_output = null;
}

/** One route less points to fi; the last one ends it. */
export function fib_release_info(fi: fib_info | null): void {
  if (fi === null || --fi.fib_treeref > 0) return;
  const fib = fi.fib_net.ipv4.fib;
  if (fib !== null) fib.info.delete(fi);
  fi.fib_dead = true;
  fib_nh_common_release(fi.fib_nh);
}

function nh_comp(a: fib_nh, b: fib_nh): boolean {
  return a.fib_nh_oif === b.fib_nh_oif && a.fib_nh_gw4 === b.fib_nh_gw4 &&
    a.fib_nh_scope === b.fib_nh_scope &&
    ((a.fib_nh_flags ^ b.fib_nh_flags) & ~(RTNH_F_DEAD | RTNH_F_LINKDOWN)) === 0;
}

function metrics_equal(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < RTAX_MAX; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A fib_info that is as nfi, or null. */
function fib_find_info(nfi: fib_info): fib_info | null {
  for (const fi of nfi.fib_net.ipv4.fib!.info) {
    if (
      nfi.fib_protocol === fi.fib_protocol && nfi.fib_scope === fi.fib_scope &&
      nfi.fib_prefsrc === fi.fib_prefsrc && nfi.fib_priority === fi.fib_priority &&
      nfi.fib_type === fi.fib_type && nfi.fib_tb_id === fi.fib_tb_id &&
      ((nfi.fib_flags ^ fi.fib_flags) & ~(RTNH_F_DEAD | RTNH_F_LINKDOWN)) === 0 &&
      metrics_equal(nfi.fib_metrics, fi.fib_metrics) && nh_comp(nfi.fib_nh, fi.fib_nh)
    ) return fi;
  }
  return null;
}

/** The default route by gw and dev is there: 0, or -1. @differs walks all instead of a hash by device */
export function ip_fib_check_default(gw: number, dev: net_device): number {
  const fib = dev.nd_net.ipv4.fib;
  if (fib === null) return -1;
  for (const fi of fib.info) {
    const nh = fi.fib_nh;
    if (nh.fib_nh_dev === dev && nh.fib_nh_gw4 === gw && (nh.fib_nh_flags & RTNH_F_DEAD) === 0) {
      return 0;
    }
  }
  return -1;
}

/** 0 where the route has the nexthop (and priority) that cfg names, or cfg names none. */
export function fib_nh_match(_n: net, cfg: fib_config, fi: fib_info): number {
  if (cfg.fc_priority !== 0 && cfg.fc_priority !== fi.fib_priority) return 1;
  const nh = fi.fib_nh;
  if (cfg.fc_oif !== 0 && cfg.fc_oif !== nh.fib_nh_oif) return 1;
  return cfg.fc_gw4 !== 0 && cfg.fc_gw4 !== nh.fib_nh_gw4 ? 1 : 0;
}

/** The route has all metrics that cfg names. */
export function fib_metrics_match(cfg: fib_config, fi: fib_info): boolean {
  if (cfg.fc_mx === null) return true;
  for (let i = 0; i < RTAX_MAX; i++) {
    if (cfg.fc_mx[i] !== 0 && cfg.fc_mx[i] !== fi.fib_metrics[i]) return false;
  }
  return true;
}

/** A gateway must be a neighbour: scope and device of the nexthop are those of the route to it. */
function fib_check_nh_v4_gw(n: net, nh: fib_nh, table: number, scope: number): number {
  if ((nh.fib_nh_flags & RTNH_F_ONLINK) !== 0) {
    if (scope >= RT_SCOPE_LINK) return -EINVAL;
    const dev = dev_get_by_index(n, nh.fib_nh_oif);
    if (dev === null) return -ENODEV;
    if ((dev.flags & IFF_UP) === 0) return -ENETDOWN;
    if (__inet_dev_addr_type(n, dev, nh.fib_nh_gw4, RT_TABLE_LOCAL) !== RTN_UNICAST) return -EINVAL;
    if (!netif_carrier_ok(dev)) nh.fib_nh_flags |= RTNH_F_LINKDOWN;
    nh.fib_nh_dev = dev;
    nh.fib_nh_scope = RT_SCOPE_LINK;
    return 0;
  }
  const fl4 = new flowi4();
  const res = new fib_result();
  fl4.daddr = nh.fib_nh_gw4;
  fl4.flowi4_scope = Math.max(scope + 1, RT_SCOPE_LINK);
  fl4.flowi4_oif = nh.fib_nh_oif;
  fl4.flowi4_iif = LOOPBACK_IFINDEX;
  const tbl = table !== 0 && table !== RT_TABLE_MAIN ? fib_get_table(n, table) : null;
  const flags = FIB_LOOKUP_IGNORE_LINKSTATE | FIB_LOOKUP_NOREF;
  let err = tbl !== null ? tbl.tb_lookup(tbl, fl4, res, flags) : -ENETUNREACH;
  if (err !== 0) err = fib_lookup(n, fl4, res, FIB_LOOKUP_IGNORE_LINKSTATE);
  if (err !== 0) return err;
  if (res.type !== RTN_UNICAST && res.type !== RTN_LOCAL) return -EINVAL;
  nh.fib_nh_scope = res.scope;
  nh.fib_nh_oif = FIB_RES_OIF(res);
  const dev = FIB_RES_DEV(res);
  nh.fib_nh_dev = dev;
  if (dev === null) return -EINVAL;
  if (!netif_carrier_ok(dev)) nh.fib_nh_flags |= RTNH_F_LINKDOWN;
  return (dev.flags & IFF_UP) !== 0 ? 0 : -ENETDOWN;
}

function fib_check_nh_nongw(n: net, nh: fib_nh): number {
  if ((nh.fib_nh_flags & (RTNH_F_PERVASIVE | RTNH_F_ONLINK)) !== 0) return -EINVAL;
  const in_dev = inetdev_by_index(n, nh.fib_nh_oif);
  if (in_dev === null) return -ENODEV;
  if ((in_dev.dev.flags & IFF_UP) === 0) return -ENETDOWN;
  nh.fib_nh_dev = in_dev.dev;
  nh.fib_nh_scope = RT_SCOPE_HOST;
  if (!netif_carrier_ok(in_dev.dev)) nh.fib_nh_flags |= RTNH_F_LINKDOWN;
  return 0;
}

/** Checks a nexthop and finds its device: 0, -EINVAL, -ENODEV, -ENETDOWN or -ENETUNREACH. */
export function fib_check_nh(n: net, nh: fib_nh, table: number, scope: number): number {
  return nh.fib_nh_gw4 !== 0 ? fib_check_nh_v4_gw(n, nh, table, scope) : fib_check_nh_nongw(n, nh);
}

/** Chooses the source address of packets by a nexthop. */
export function fib_info_update_nhc_saddr(n: net, nhc: fib_nh_common, scope: number): number {
  nhc.nh_saddr = inet_select_addr(nhc.fib_nh_dev!, nhc.fib_nh_gw4, scope);
  nhc.nh_saddr_genid = n.ipv4.fib!.dev_addr_genid;
  return nhc.nh_saddr;
}

/** The source address that a found route prefers. */
export function fib_result_prefsrc(n: net, res: fib_result): number {
  const fi = res.fi!;
  if (fi.fib_prefsrc !== 0) return fi.fib_prefsrc;
  const nhc = res.nhc!;
  if (nhc.nh_saddr_genid === n.ipv4.fib!.dev_addr_genid) return nhc.nh_saddr;
  return fib_info_update_nhc_saddr(n, nhc, fi.fib_scope);
}

/** The preferred source must be an address of ours, but of the route that makes it one. */
function fib_valid_prefsrc(n: net, cfg: fib_config, fib_prefsrc: number): boolean {
  if (cfg.fc_type === RTN_LOCAL && cfg.fc_dst !== 0 && fib_prefsrc === cfg.fc_dst) return true;
  return __inet_dev_addr_type(n, null, fib_prefsrc, cfg.fc_table) === RTN_LOCAL ||
    __inet_dev_addr_type(n, null, fib_prefsrc, RT_TABLE_LOCAL) === RTN_LOCAL;
}

/** Takes cfg's metrics over, within their limits; 0 or -EINVAL. */
function ip_metrics_convert(fi: fib_info, mx: Int32Array | null): number {
  if (mx === null) return 0;
  for (let type = 1; type <= RTAX_MAX; type++) {
    let val = mx[type - 1];
    if (val === 0 || val === undefined) continue;
    if (type === RTAX_ADVMSS && val > 65535 - 40) val = 65535 - 40;
    if (type === RTAX_MTU && val > 65535 - 15) val = 65535 - 15;
    if (type === RTAX_HOPLIMIT && val > 255) val = 255;
    fi.fib_metrics[type - 1] = val;
  }
  return 0;
}

/**
 * The fib_info of a configuration, shared with equal ones, or a negative errno.
 * @differs takes the host, where C has it in cfg
 */
export function fib_create_info(cfg: fib_config, n: net): fib_info | number {
  const type = cfg.fc_type;
  if (type > RTN_MAX) return -EINVAL;
  if (fib_props[type].scope > cfg.fc_scope) return -EINVAL;
  if ((cfg.fc_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) !== 0) return -EINVAL;
  const fib = n.ipv4.fib;
  if (fib === null) return -ENETUNREACH;
  const fi = new fib_info(n);
  fi.fib_protocol = cfg.fc_protocol;
  fi.fib_scope = cfg.fc_scope;
  fi.fib_flags = cfg.fc_flags;
  fi.fib_priority = cfg.fc_priority;
  fi.fib_prefsrc = cfg.fc_prefsrc;
  fi.fib_type = type;
  fi.fib_tb_id = cfg.fc_table;
  let err = ip_metrics_convert(fi, cfg.fc_mx);
  if (err !== 0) return err;
  const nh = fi.fib_nh;
  nh.fib_nh_oif = cfg.fc_oif;
  nh.fib_nh_gw4 = cfg.fc_gw4;
  nh.fib_nh_flags = cfg.fc_flags;
  if (fib_props[type].error !== 0) {
    if (cfg.fc_gw4 !== 0 || cfg.fc_oif !== 0) return -EINVAL;
  } else {
    if (
      type !== RTN_UNICAST && type !== RTN_LOCAL && type !== RTN_BROADCAST &&
      type !== RTN_ANYCAST && type !== RTN_MULTICAST
    ) return -EINVAL;
    if (cfg.fc_scope > RT_SCOPE_HOST) return -EINVAL;
    if (cfg.fc_scope === RT_SCOPE_HOST) {
      if (nh.fib_nh_gw4 !== 0) return -EINVAL;
      nh.fib_nh_scope = RT_SCOPE_NOWHERE;
      nh.fib_nh_dev = dev_get_by_index(n, nh.fib_nh_oif);
      if (nh.fib_nh_dev === null) return -ENODEV;
    } else {
      err = fib_check_nh(n, nh, cfg.fc_table, cfg.fc_scope);
      if (err !== 0) return err;
      if ((nh.fib_nh_flags & RTNH_F_LINKDOWN) !== 0) fi.fib_flags |= RTNH_F_LINKDOWN;
    }
    if (fi.fib_prefsrc !== 0 && !fib_valid_prefsrc(n, cfg, fi.fib_prefsrc)) return -EINVAL;
    fib_info_update_nhc_saddr(n, nh, fi.fib_scope);
  }
  const ofi = fib_find_info(fi);
  if (ofi !== null) {
    fi.fib_dead = true;
    ofi.fib_treeref++;
    return ofi;
  }
  fi.fib_treeref = 1;
  fib.info.add(fi);
  return fi;
}

/** local is an address no more: marks routes dead that prefer it as source; how many. */
export function fib_sync_down_addr(dev: net_device, local: number): number {
  const fib = dev.nd_net.ipv4.fib;
  let ret = 0;
  if (fib === null || local === 0) return 0;
  for (const fi of fib.info) {
    if (fi.fib_prefsrc !== local) continue;
    fi.fib_flags |= RTNH_F_DEAD;
    ret++;
  }
  return ret;
}

/** The MTU of a device changed: what was learned of paths behind it may be more than it can do now. */
export function fib_nhc_update_mtu(nhc: fib_nh_common, new_: number, orig: number): void {
  const bucket = nhc.nhc_exceptions;
  if (bucket === null) return;
  for (let i = 0; i < bucket.length; i++) {
    for (let fnhe = bucket[i]; fnhe !== null; fnhe = fnhe.fnhe_next) {
      if (fnhe.fnhe_mtu_locked) {
        if (new_ <= fnhe.fnhe_pmtu) {
          fnhe.fnhe_pmtu = new_;
          fnhe.fnhe_mtu_locked = false;
        }
      } else if (new_ < fnhe.fnhe_pmtu || orig === fnhe.fnhe_pmtu) {
        fnhe.fnhe_pmtu = new_;
      }
    }
  }
}

export function fib_sync_mtu(dev: net_device, orig_mtu: number): void {
  const fib = dev.nd_net.ipv4.fib;
  if (fib === null) return;
  for (const fi of fib.info) {
    if (fi.fib_nh.fib_nh_dev === dev) fib_nhc_update_mtu(fi.fib_nh, dev.mtu, orig_mtu);
  }
}

/**
 * dev went down, lost its link, or goes: marks routes by it dead (or linkdown); how many died. Local
 * routes stay unless force.
 */
export function fib_sync_down_dev(dev: net_device, event: number, force: boolean): number {
  const fib = dev.nd_net.ipv4.fib;
  const scope = force ? -1 : RT_SCOPE_NOWHERE;
  let ret = 0;
  if (fib === null) return 0;
  for (const fi of fib.info) {
    const nh = fi.fib_nh;
    if (nh.fib_nh_dev !== dev || nh.fib_nh_scope === scope) continue;
    if ((nh.fib_nh_flags & RTNH_F_DEAD) === 0) {
      if (event === NETDEV_DOWN || event === NETDEV_UNREGISTER) nh.fib_nh_flags |= RTNH_F_DEAD;
      nh.fib_nh_flags |= RTNH_F_LINKDOWN;
    }
    if (event === NETDEV_DOWN || event === NETDEV_UNREGISTER) fi.fib_flags |= RTNH_F_DEAD;
    fi.fib_flags |= RTNH_F_LINKDOWN;
    ret++;
  }
  return ret;
}

/** dev is up, or has its link again: routes by it live; how many. */
export function fib_sync_up(dev: net_device, nh_flags: number): number {
  if ((dev.flags & IFF_UP) === 0) return 0;
  if ((nh_flags & RTNH_F_DEAD) !== 0 && netif_carrier_ok(dev)) nh_flags |= RTNH_F_LINKDOWN;
  const fib = dev.nd_net.ipv4.fib;
  let ret = 0;
  if (fib === null) return 0;
  for (const fi of fib.info) {
    const nh = fi.fib_nh;
    if (nh.fib_nh_dev !== dev || dev.ip_ptr === null || (nh.fib_nh_flags & nh_flags) === 0) {
      continue;
    }
    nh.fib_nh_flags &= ~nh_flags;
    fi.fib_flags &= ~nh_flags;
    ret++;
  }
  return ret;
}

/** A nexthop does by its device. */
export function fib_info_nh_uses_dev(fi: fib_info, dev: net_device): boolean {
  return fi.fib_nh.fib_nh_dev === dev;
}

/** Whether a default route's gateway is better passed over: it is not known to be reachable. */
function fib_detect_death(fi: fib_info): boolean {
  const nh = fi.fib_nh;
  const n = __ipv4_neigh_lookup_noref(nh.fib_nh_dev!, nh.fib_nh_gw4);
  if (n === null) return true;
  return (n.nud_state & NUD_REACHABLE) === 0 && (n.nud_state & NUD_VALID) === 0;
}

/** Of several default routes, takes the first whose gateway is not known to be dead. */
function fib_select_default(flp: flowi4, res: fib_result): void {
  let fallback: fib_info | null = null;
  let first = true;
  for (let fa = res.fa_head; fa !== null; fa = fa.fa_next) {
    const fi = fa.fa_info;
    if (fa.fa_dscp !== 0 && fa.fa_dscp !== flp.flowi4_tos) continue;
    if (fi.fib_scope !== res.scope || fa.fa_type !== RTN_UNICAST) continue;
    if (fi.fib_priority > res.fi!.fib_priority) break;
    if (fi.fib_nh.fib_nh_gw4 === 0 || fi.fib_nh.fib_nh_scope !== RT_SCOPE_LINK) continue;
    if ((fi.fib_flags & RTNH_F_DEAD) !== 0) continue;
    if (!fib_detect_death(fi)) {
      res.fi = fi;
      res.nhc = fi.fib_nh;
      return;
    }
    if (first) fallback = fi;
    first = false;
  }
  if (fallback !== null) {
    res.fi = fallback;
    res.nhc = fallback.fib_nh;
  }
}

/** Completes a lookup: which of several default routes, and which source address. */
export function fib_select_path(
  n: net,
  res: fib_result,
  fl4: flowi4,
  _skb: sk_buff | null,
): void {
  if (
    fl4.flowi4_oif === 0 && res.prefixlen === 0 && res.table!.tb_num_default > 1 &&
    res.type === RTN_UNICAST
  ) fib_select_default(fl4, res);
  if (fl4.saddr === 0) fl4.saddr = fib_result_prefsrc(n, res);
}

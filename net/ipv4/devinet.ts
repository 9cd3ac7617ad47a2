// SPDX-License-Identifier: GPL-2.0-only
//
// The IPv4 side of devices: a device that registers gets an in_device (inetdev_event); addresses come
// by inet_rtm_newaddr() or devinet_ioctl(), and who follows them (fib_frontend.ts) hears of each by
// the inetaddr chain. Routing asks inet_select_addr() for a source address, ARP inet_confirm_addr().

import {
  notifier_from_errno,
  NOTIFY_DONE,
  raw_notifier_head,
} from "../../include/linux/notifier.ts";
import type { notifier_block } from "../../include/linux/notifier.ts";
import {
  IN_DEV_PROMOTE_SECONDARIES,
  in_device,
  in_ifaddr,
  inet_ifa_match,
  inet_make_mask,
  inet_mask_len,
} from "../../include/linux/inetdevice.ts";
import type { ipv4_devconf } from "../../include/linux/inetdevice.ts";
import {
  IFF_BROADCAST,
  IFF_LOOPBACK,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { ipv4_is_lbcast, ipv4_is_loopback, ipv4_is_zeronet } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOIOCTLCMD,
} from "../../include/uapi/asm-generic/errno.ts";
import { IFA_F_PERMANENT, IFA_F_SECONDARY } from "../../include/uapi/linux/if_addr.ts";
import { INADDR_LOOPBACK } from "../../include/uapi/linux/in.ts";
import type { sockaddr_in } from "../../include/uapi/linux/in.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
} from "../../include/uapi/linux/rtnetlink.ts";
import {
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFDSTADDR,
  SIOCGIFNETMASK,
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFNETMASK,
} from "../../include/uapi/linux/sockios.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import {
  blocking_notifier_call_chain,
  blocking_notifier_chain_register,
  blocking_notifier_chain_unregister,
} from "../../kernel/notifier.ts";
import {
  __dev_get_by_name,
  dev_change_flags,
  dev_get_by_index,
  register_netdevice_notifier,
} from "../core/dev.ts";
import { neigh_parms_alloc, neigh_parms_release } from "../core/neighbour.ts";

const inetaddr_chain = new raw_notifier_head<in_ifaddr>();

/** Asks to be told of addresses that come (NETDEV_UP) and go (NETDEV_DOWN). */
export function register_inetaddr_notifier(nb: notifier_block<in_ifaddr>): number {
  return blocking_notifier_chain_register(inetaddr_chain, nb);
}

export function unregister_inetaddr_notifier(nb: notifier_block<in_ifaddr>): number {
  return blocking_notifier_chain_unregister(inetaddr_chain, nb);
}

export function inet_alloc_ifa(): in_ifaddr {
  return new in_ifaddr();
}

/** The address `addr` of this host, or null. */
export function inet_lookup_ifaddr_rcu(n: net, addr: number): in_ifaddr | null {
  const devs = n.dev_base_head;
  for (let i = 0; i < devs.length; i++) {
    const in_dev = devs[i].ip_ptr;
    if (in_dev === null) continue;
    for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
      if (ifa.ifa_local === addr) return ifa;
    }
  }
  return null;
}

/** The device's IPv4 side, by the device's number; null where there is none. */
export function inetdev_by_index(n: net, ifindex: number): in_device | null {
  const dev = dev_get_by_index(n, ifindex);
  return dev !== null ? dev.ip_ptr : null;
}

function inetdev_init(dev: net_device): in_device {
  const ipv4 = dev.nd_net.ipv4;
  const in_dev = new in_device(dev);
  Object.assign(in_dev.cnf, ipv4.devconf_dflt);
  if (ipv4.arp_tbl !== null) in_dev.arp_parms = neigh_parms_alloc(dev, ipv4.arp_tbl);
  dev.ip_ptr = in_dev;
  return in_dev;
}

function inetdev_destroy(in_dev: in_device): void {
  const dev = in_dev.dev;
  in_dev.dead = true;
  while (in_dev.ifa_list !== null) inet_del_ifa(in_dev, in_dev.ifa_list);
  dev.ip_ptr = null;
  if (in_dev.arp_parms !== null) neigh_parms_release(in_dev.arp_parms.tbl, in_dev.arp_parms);
}

/** One subnet of the device holds both a and b (b 0: a). */
export function inet_addr_onlink(in_dev: in_device, a: number, b: number): boolean {
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    if ((ifa.ifa_flags & IFA_F_SECONDARY) !== 0) continue;
    if (inet_ifa_match(a, ifa) && (b === 0 || inet_ifa_match(b, ifa))) return true;
  }
  return false;
}

function ifa_unlink(in_dev: in_device, ifa: in_ifaddr): void {
  let prev: in_ifaddr | null = null;
  for (let p = in_dev.ifa_list; p !== null; prev = p, p = p.ifa_next) {
    if (p !== ifa) continue;
    if (prev === null) in_dev.ifa_list = p.ifa_next;
    else prev.ifa_next = p.ifa_next;
    return;
  }
}

/** The secondary addresses of a primary one, in order. @local */
function inet_secondaries(ifa1: in_ifaddr): in_ifaddr[] {
  const out: in_ifaddr[] = [];
  if ((ifa1.ifa_flags & IFA_F_SECONDARY) !== 0) return out;
  for (let ifa = ifa1.ifa_next; ifa !== null; ifa = ifa.ifa_next) {
    if (
      (ifa.ifa_flags & IFA_F_SECONDARY) !== 0 && ifa.ifa_mask === ifa1.ifa_mask &&
      inet_ifa_match(ifa1.ifa_address, ifa)
    ) out.push(ifa);
  }
  return out;
}

/** An address goes; those who follow addresses are told. @local */
function ifa_down(in_dev: in_device, ifa: in_ifaddr): void {
  ifa_unlink(in_dev, ifa);
  blocking_notifier_call_chain(inetaddr_chain, NETDEV_DOWN, ifa);
}

/**
 * Takes an address away, and with a primary one the secondaries of its subnet; but with promote_secondaries the first
 * of them takes its place. @differs the secondaries go and come again, by the chain
 */
export function inet_del_ifa(in_dev: in_device, ifa1: in_ifaddr): void {
  const secondaries = inet_secondaries(ifa1);
  for (const ifa of secondaries) ifa_down(in_dev, ifa);
  ifa_down(in_dev, ifa1);
  if (in_dev.dead || !IN_DEV_PROMOTE_SECONDARIES(in_dev)) return;
  for (const ifa of secondaries) inet_insert_ifa(ifa);
}

/** Adds an address, ordered by scope and secondaries last; 0, -EEXIST or -EINVAL. */
export function inet_insert_ifa(ifa: in_ifaddr): number {
  const in_dev = ifa.ifa_dev;
  if (ifa.ifa_local === 0) return 0;
  ifa.ifa_flags &= ~IFA_F_SECONDARY;
  let last_primary: in_ifaddr | null = null;
  let last: in_ifaddr | null = null;
  for (let ifa1 = in_dev.ifa_list; ifa1 !== null; last = ifa1, ifa1 = ifa1.ifa_next) {
    if ((ifa1.ifa_flags & IFA_F_SECONDARY) === 0 && ifa.ifa_scope <= ifa1.ifa_scope) {
      last_primary = ifa1;
    }
    if (ifa1.ifa_mask === ifa.ifa_mask && inet_ifa_match(ifa1.ifa_address, ifa)) {
      if (ifa1.ifa_local === ifa.ifa_local) return -EEXIST;
      if (ifa1.ifa_scope !== ifa.ifa_scope) return -EINVAL;
      ifa.ifa_flags |= IFA_F_SECONDARY;
    }
  }
  const prev = (ifa.ifa_flags & IFA_F_SECONDARY) !== 0 ? last : last_primary;
  if (prev === null) {
    ifa.ifa_next = in_dev.ifa_list;
    in_dev.ifa_list = ifa;
  } else {
    ifa.ifa_next = prev.ifa_next;
    prev.ifa_next = ifa;
  }
  blocking_notifier_call_chain(inetaddr_chain, NETDEV_UP, ifa);
  return 0;
}

/** Gives an address to dev; 0 or a negative errno. */
export function inet_set_ifa(dev: net_device, ifa: in_ifaddr): number {
  const in_dev = dev.ip_ptr;
  if (in_dev === null) return -ENODEV;
  ipv4_devconf_setall(in_dev);
  ifa.ifa_dev = in_dev;
  if (ipv4_is_loopback(ifa.ifa_local)) ifa.ifa_scope = RT_SCOPE_HOST;
  return inet_insert_ifa(ifa);
}

/** The address of the device with this prefix and mask, or null. */
export function inet_ifa_byprefix(
  in_dev: in_device,
  prefix: number,
  mask: number,
): in_ifaddr | null {
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    if (ifa.ifa_mask === mask && inet_ifa_match(prefix, ifa)) return ifa;
  }
  return null;
}

/** What inet_rtm_newaddr() and inet_rtm_deladdr() are told. */
export interface ifaddrmsg {
  ifa_index: number;
  /** 0..32 */
  ifa_prefixlen: number;
  ifa_local: number;
  /** The peer's address on a point-to-point link; else as ifa_local. */
  ifa_address?: number;
  ifa_broadcast?: number;
  ifa_scope?: number;
  ifa_flags?: number;
}

/** Adds an address, as `ip addr add` does; 0, -ENODEV, -EINVAL or -EEXIST. */
export function inet_rtm_newaddr(n: net, ifm: ifaddrmsg): number {
  if (ifm.ifa_prefixlen < 0 || ifm.ifa_prefixlen > 32) return -EINVAL;
  const dev = dev_get_by_index(n, ifm.ifa_index);
  if (dev === null) return -ENODEV;
  const ifa = inet_alloc_ifa();
  ifa.ifa_prefixlen = ifm.ifa_prefixlen;
  ifa.ifa_mask = inet_make_mask(ifm.ifa_prefixlen);
  ifa.ifa_flags = (ifm.ifa_flags ?? 0) | IFA_F_PERMANENT;
  ifa.ifa_scope = ifm.ifa_scope ?? RT_SCOPE_UNIVERSE;
  ifa.ifa_local = ifm.ifa_local;
  ifa.ifa_address = ifm.ifa_address ?? ifm.ifa_local;
  ifa.ifa_broadcast = ifm.ifa_broadcast ?? 0;
  ifa.ifa_label = dev.name;
  return inet_set_ifa(dev, ifa);
}

/** Takes an address away, as `ip addr del` does; 0, -ENODEV or -EADDRNOTAVAIL. */
export function inet_rtm_deladdr(n: net, ifm: ifaddrmsg): number {
  const in_dev = inetdev_by_index(n, ifm.ifa_index);
  if (in_dev === null) return -ENODEV;
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    if (ifa.ifa_local !== ifm.ifa_local || ifa.ifa_prefixlen !== ifm.ifa_prefixlen) continue;
    inet_del_ifa(in_dev, ifa);
    return 0;
  }
  return -EADDRNOTAVAIL;
}

/** The mask that an address had before there were prefixes; -1 for none. @rfc 791 3.2 */
function inet_abc_len(addr: number): number {
  if (ipv4_is_zeronet(addr) || ipv4_is_lbcast(addr)) return 0;
  const top = addr >>> 24;
  return top < 128 ? 8 : top < 192 ? 16 : top < 224 ? 24 : top >= 240 ? 32 : -1;
}

/** What the SIOC?IF* ioctls of addresses are given and answer. */
export interface ifreq {
  ifr_name: string;
  ifr_addr: sockaddr_in;
  /** IFF_* */
  ifr_flags: number;
}

/** The ioctls of an interface's addresses; 0 or a negative errno. */
export function devinet_ioctl(n: net, cmd: number, ifr: ifreq): number {
  const dev = __dev_get_by_name(n, ifr.ifr_name);
  if (dev === null) return -ENODEV;
  const sin = ifr.ifr_addr;
  if (cmd === SIOCSIFFLAGS) return dev_change_flags(dev, ifr.ifr_flags);
  let ifa = dev.ip_ptr !== null ? dev.ip_ptr.ifa_list : null;
  if (ifa === null && cmd !== SIOCSIFADDR) return -EADDRNOTAVAIL;
  const get = (addr: number): number => {
    sin.sin_family = AF_INET;
    sin.sin_port = 0;
    sin.sin_addr = addr;
    return 0;
  };
  switch (cmd) {
    case SIOCGIFADDR:
      return get(ifa!.ifa_local);
    case SIOCGIFBRDADDR:
      return get(ifa!.ifa_broadcast);
    case SIOCGIFDSTADDR:
      return get(ifa!.ifa_address);
    case SIOCGIFNETMASK:
      return get(ifa!.ifa_mask);
  }
  if (sin.sin_family !== AF_INET) return -EINVAL;
  switch (cmd) {
    case SIOCSIFADDR: {
      const len = inet_abc_len(sin.sin_addr);
      if (len < 0) return -EINVAL;
      if (ifa !== null) {
        if (ifa.ifa_local === sin.sin_addr) return 0;
        inet_del_ifa(ifa.ifa_dev, ifa);
      }
      ifa = inet_alloc_ifa();
      ifa.ifa_label = dev.name;
      ifa.ifa_address = ifa.ifa_local = sin.sin_addr;
      ifa.ifa_prefixlen = len;
      ifa.ifa_mask = inet_make_mask(len);
      if ((dev.flags & IFF_BROADCAST) !== 0 && len < 31) {
        ifa.ifa_broadcast = ifa.ifa_address | ~ifa.ifa_mask;
      }
      return inet_set_ifa(dev, ifa);
    }
    case SIOCSIFBRDADDR:
      if (ifa!.ifa_broadcast === sin.sin_addr) return 0;
      inet_del_ifa(ifa!.ifa_dev, ifa!);
      ifa!.ifa_broadcast = sin.sin_addr;
      return inet_insert_ifa(ifa!);
    case SIOCSIFDSTADDR:
      if (ifa!.ifa_address === sin.sin_addr) return 0;
      if (inet_abc_len(sin.sin_addr) < 0) return -EINVAL;
      inet_del_ifa(ifa!.ifa_dev, ifa!);
      ifa!.ifa_address = sin.sin_addr;
      return inet_insert_ifa(ifa!);
    case SIOCSIFNETMASK: {
      const mask = sin.sin_addr;
      if (inet_make_mask(inet_mask_len(mask)) !== mask) return -EINVAL;
      if (ifa!.ifa_mask === mask) return 0;
      const old_mask = ifa!.ifa_mask;
      inet_del_ifa(ifa!.ifa_dev, ifa!);
      ifa!.ifa_mask = mask;
      ifa!.ifa_prefixlen = inet_mask_len(mask);
      // A broadcast address that followed from the old mask follows the new one.
      if (
        (dev.flags & IFF_BROADCAST) !== 0 && ifa!.ifa_prefixlen < 31 &&
        ifa!.ifa_broadcast === (ifa!.ifa_local | ~old_mask)
      ) {
        ifa!.ifa_broadcast = ifa!.ifa_local | ~mask;
      }
      return inet_insert_ifa(ifa!);
    }
  }
  return -ENOIOCTLCMD;
}

/** The device's address to use towards dst (0: any) within a scope; 0 where there is none. */
function in_dev_select_addr(in_dev: in_device, dst: number, scope: number): number {
  let addr = 0;
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    if ((ifa.ifa_flags & IFA_F_SECONDARY) !== 0) continue;
    if (Math.min(ifa.ifa_scope, RT_SCOPE_LINK) > scope) continue;
    if (dst === 0 || inet_ifa_match(dst, ifa)) return ifa.ifa_local;
    if (addr === 0) addr = ifa.ifa_local;
  }
  return addr;
}

/** The source address for packets to dst by dev, else any of the host's of that scope; or 0. */
export function inet_select_addr(dev: net_device, dst: number, scope: number): number {
  const in_dev = dev.ip_ptr;
  if (in_dev === null) return 0;
  const addr = in_dev_select_addr(in_dev, dst, scope);
  if (addr !== 0) return addr;
  const devs = dev.nd_net.dev_base_head;
  for (let i = 0; i < devs.length; i++) {
    const other = devs[i].ip_ptr;
    if (other === null) continue;
    for (let ifa = other.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
      if ((ifa.ifa_flags & IFA_F_SECONDARY) !== 0) continue;
      if (ifa.ifa_scope !== RT_SCOPE_LINK && ifa.ifa_scope <= scope) return ifa.ifa_local;
    }
  }
  return 0;
}

function confirm_addr_indev(
  in_dev: in_device,
  dst: number,
  local: number,
  scope: number,
): number {
  let addr = 0;
  let same = false;
  for (let ifa = in_dev.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    const min_scope = Math.min(ifa.ifa_scope, RT_SCOPE_LINK);
    if (addr === 0 && (local === ifa.ifa_local || local === 0) && min_scope <= scope) {
      addr = ifa.ifa_local;
      if (same) break;
    }
    if (!same) {
      same = (local === 0 || inet_ifa_match(local, ifa)) && (dst === 0 || inet_ifa_match(dst, ifa));
      if (same && addr !== 0) {
        if (local !== 0 || dst === 0) break;
        // The address that was taken first may be of another subnet than dst.
        if (inet_ifa_match(addr, ifa)) break;
        if (min_scope <= scope) {
          addr = ifa.ifa_local;
          break;
        }
        same = false;
      }
    }
  }
  return same ? addr : 0;
}

/** A local address that fits dst, local (0: any) and scope, of in_dev or (null) of any device; or 0. */
export function inet_confirm_addr(
  n: net,
  in_dev: in_device | null,
  dst: number,
  local: number,
  scope: number,
): number {
  if (in_dev !== null) return confirm_addr_indev(in_dev, dst, local, scope);
  for (const dev of n.dev_base_head) {
    if (dev.ip_ptr === null) continue;
    const addr = confirm_addr_indev(dev.ip_ptr, dst, local, scope);
    if (addr !== 0) return addr;
  }
  return 0;
}

/** Packets as small as IPv4 allows pass. */
export function inetdev_valid_mtu(mtu: number): boolean {
  return mtu >= 68;
}

function inetdev_event(_nb: notifier_block<net_device>, event: number, dev: net_device): number {
  const in_dev = dev.ip_ptr;
  if (in_dev === null) {
    if (event === NETDEV_REGISTER || (event === NETDEV_CHANGEMTU && inetdev_valid_mtu(dev.mtu))) {
      const made = inetdev_init(dev);
      if (IS_ERR(made)) return notifier_from_errno(made);
    }
    return NOTIFY_DONE;
  }
  switch (event) {
    case NETDEV_UP:
      if (!inetdev_valid_mtu(dev.mtu)) break;
      if ((dev.flags & IFF_LOOPBACK) !== 0 && in_dev.ifa_list === null) {
        const ifa = inet_alloc_ifa();
        ifa.ifa_address = ifa.ifa_local = INADDR_LOOPBACK;
        ifa.ifa_prefixlen = 8;
        ifa.ifa_mask = inet_make_mask(8);
        ifa.ifa_dev = in_dev;
        ifa.ifa_scope = RT_SCOPE_HOST;
        ifa.ifa_flags = IFA_F_PERMANENT;
        ifa.ifa_label = dev.name;
        inet_insert_ifa(ifa);
      }
      break;
    case NETDEV_CHANGEMTU:
      if (inetdev_valid_mtu(dev.mtu)) break;
      inetdev_destroy(in_dev);
      break;
    case NETDEV_UNREGISTER:
      inetdev_destroy(in_dev);
      break;
  }
  return NOTIFY_DONE;
}

const ip_netdev_notifier: notifier_block<net_device> = {
  notifier_call: inetdev_event,
  next: null,
  priority: 0,
};

/** A device with an address has its switches for good: "default" is for those that come. */
function ipv4_devconf_setall(in_dev: in_device): void {
  for (const key of Object.keys(in_dev.cnf)) in_dev.cnf_state.add(key as keyof ipv4_devconf);
}

/** "default" has changed: so do the devices for which this switch was not set. */
export function devinet_copy_dflt_conf(n: net, key: keyof ipv4_devconf): void {
  for (const dev of n.dev_base_head) {
    const in_dev = dev.ip_ptr;
    if (in_dev !== null && !in_dev.cnf_state.has(key)) in_dev.cnf[key] = n.ipv4.devconf_dflt[key];
  }
}

/** Switches forwarding for all devices and those to come to what devconf_all says. */
export function inet_forward_change(n: net): void {
  const on = n.ipv4.devconf_all.forwarding;
  n.ipv4.devconf_all.accept_redirects = on !== 0 ? 0 : 1;
  n.ipv4.devconf_dflt.forwarding = on;
  for (const dev of n.dev_base_head) if (dev.ip_ptr !== null) dev.ip_ptr.cnf.forwarding = on;
}

export function devinet_init(): void {
  inetaddr_chain.head = null;
  ip_netdev_notifier.next = null;
  register_netdevice_notifier(ip_netdev_notifier);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// in_device: a device's IPv4 side, with its addresses. Managed by net/ipv4/devinet.ts.

import type { neigh_parms } from "../net/neighbour.ts";
import type { net_device } from "./netdevice.ts";

/** net.ipv4.conf.*: one device's switches. */
export class ipv4_devconf {
  forwarding = 0;
  accept_redirects = 1;
  secure_redirects = 1;
  send_redirects = 1;
  shared_media = 1;
  rp_filter = 0;
  accept_source_route = 0;
  accept_local = 0;
  route_localnet = 0;
  arp_ignore = 0;
  arp_announce = 0;
  arp_accept = 0;
  arp_filter = 0;
  arp_notify = 0;
  arp_evict_nocarrier = 1;
  proxy_arp = 0;
  proxy_arp_pvlan = 0;
  medium_id = 0;
  promote_secondaries = 0;
  ignore_routes_with_linkdown = 0;
  drop_gratuitous_arp = 0;
  drop_unicast_in_l2_multicast = 0;
  bc_forwarding = 0;
}

/** An address on a device. */
export class in_ifaddr {
  ifa_next: in_ifaddr | null = null;
  ifa_dev!: in_device;
  /** int32 */
  ifa_local = 0;
  ifa_address = 0;
  ifa_mask = 0;
  ifa_broadcast = 0;
  ifa_prefixlen = 0;
  /** RT_SCOPE_* */
  ifa_scope = 0;
  /** IFA_F_* */
  ifa_flags = 0;
  ifa_label = "";
}

/** A device's IPv4 side. */
export class in_device {
  dev: net_device;
  dead = false;
  ifa_list: in_ifaddr | null = null;
  arp_parms: neigh_parms | null = null;
  readonly cnf = new ipv4_devconf();
  /** Switches that were set for this device: what "default" becomes is nothing to them. */
  readonly cnf_state: Set<keyof ipv4_devconf> = new Set();

  constructor(dev: net_device) {
    this.dev = dev;
  }
}

export function __in_dev_get_rcu(dev: net_device): in_device | null {
  return dev.ip_ptr;
}

export function in_dev_get(dev: net_device): in_device | null {
  return dev.ip_ptr;
}

/** The mask of a prefix length 0..32, int32. */
export function inet_make_mask(logmask: number): number {
  return logmask === 0 ? 0 : (-1 << (32 - logmask)) | 0;
}

/** The prefix length of a mask. */
export function inet_mask_len(mask: number): number {
  return Math.clz32(~mask);
}

/** addr is in ifa's subnet. */
export function inet_ifa_match(addr: number, ifa: in_ifaddr): boolean {
  return ((addr ^ ifa.ifa_address) & ifa.ifa_mask) === 0;
}

/** A switch that must be on for all and for the device. @local */
export function IN_DEV_ANDCONF(
  in_dev: in_device,
  attr: "accept_redirects" | "accept_source_route" | "arp_evict_nocarrier",
): boolean {
  return in_dev.dev.nd_net.ipv4.devconf_all[attr] !== 0 && in_dev.cnf[attr] !== 0;
}

/** A switch that is on for all or for the device. @local */
export function IN_DEV_ORCONF(in_dev: in_device, attr: keyof ipv4_devconf): boolean {
  return in_dev.dev.nd_net.ipv4.devconf_all[attr] !== 0 || in_dev.cnf[attr] !== 0;
}

export function IN_DEV_FORWARD(in_dev: in_device): boolean {
  return in_dev.cnf.forwarding !== 0;
}
/** 0 none, 1 strict, 2 loose: the stricter is the larger of all's and the device's. @rfc 3704 */
export function IN_DEV_RPFILTER(in_dev: in_device): number {
  return Math.max(in_dev.dev.nd_net.ipv4.devconf_all.rp_filter, in_dev.cnf.rp_filter);
}
export function IN_DEV_SOURCE_ROUTE(in_dev: in_device): boolean {
  return IN_DEV_ANDCONF(in_dev, "accept_source_route");
}
export function IN_DEV_ACCEPT_LOCAL(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "accept_local");
}
export function IN_DEV_ROUTE_LOCALNET(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "route_localnet");
}
export function IN_DEV_SHARED_MEDIA(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "shared_media");
}
export function IN_DEV_TX_REDIRECTS(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "send_redirects");
}
export function IN_DEV_SEC_REDIRECTS(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "secure_redirects");
}
/** A router needs both switches on to believe a redirect, a host one of them. */
export function IN_DEV_RX_REDIRECTS(in_dev: in_device): boolean {
  return IN_DEV_FORWARD(in_dev)
    ? IN_DEV_ANDCONF(in_dev, "accept_redirects")
    : IN_DEV_ORCONF(in_dev, "accept_redirects");
}
export function IN_DEV_PROXY_ARP(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "proxy_arp");
}
/** By proxy_arp we answer also for hosts on the device's own link, which cannot hear each other. @rfc 3069 */
export function IN_DEV_PROXY_ARP_PVLAN(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "proxy_arp_pvlan");
}
/** Devices of one link have one id; 0: by itself, -1: no proxy to or from it. */
export function IN_DEV_MEDIUM_ID(in_dev: in_device): number {
  return in_dev.cnf.medium_id;
}
export function IN_DEV_PROMOTE_SECONDARIES(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "promote_secondaries");
}
export function IN_DEV_IGNORE_ROUTES_WITH_LINKDOWN(in_dev: in_device): boolean {
  return IN_DEV_ORCONF(in_dev, "ignore_routes_with_linkdown");
}
/** Routes by a device without carrier do not count. */
export function ip_ignore_linkdown(dev: net_device): boolean {
  return dev.ip_ptr !== null && IN_DEV_IGNORE_ROUTES_WITH_LINKDOWN(dev.ip_ptr);
}
export function IN_DEV_ARP_EVICT_NOCARRIER(in_dev: in_device): boolean {
  return IN_DEV_ANDCONF(in_dev, "arp_evict_nocarrier");
}

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
  log_martians = 0;
  arp_ignore = 0;
  arp_announce = 0;
  arp_accept = 0;
  arp_filter = 0;
  arp_notify = 0;
  proxy_arp = 0;
  drop_gratuitous_arp = 0;
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

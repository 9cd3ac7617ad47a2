// SPDX-License-Identifier: GPL-2.0-only
//
// The hash of ARP's neighbours and the lookups that create nothing. net/ipv4/arp.ts keeps the table,
// which every host names as net.ipv4.arp_tbl.

import { IFF_LOOPBACK, IFF_POINTOPOINT } from "../linux/netdevice.ts";
import type { net_device } from "../linux/netdevice.ts";
import { INADDR_ANY } from "../uapi/linux/in.ts";
import { __neigh_lookup_noref, neigh_confirm } from "./neighbour.ts";
import type { neighbour } from "./neighbour.ts";

/** The hash of an address on a device (int32). */
export function arp_hashfn(key: number, dev: net_device, hash_rnd: number): number {
  return Math.imul(key ^ dev.ifindex, hash_rnd);
}

/** The neighbour of an address on a device, or null. Links without addresses have one neighbour. */
export function __ipv4_neigh_lookup_noref(dev: net_device, key: number): neighbour | null {
  const tbl = dev.nd_net.ipv4.arp_tbl;
  if (tbl === null) return null;
  if ((dev.flags & (IFF_LOOPBACK | IFF_POINTOPOINT)) !== 0) key = INADDR_ANY;
  return __neigh_lookup_noref(tbl, key, dev);
}

export function __ipv4_neigh_lookup(dev: net_device, key: number): neighbour | null {
  return __ipv4_neigh_lookup_noref(dev, key);
}

/** Notes that a neighbour answers, if there is one of that address. */
export function __ipv4_confirm_neigh(dev: net_device, key: number): void {
  const n = __ipv4_neigh_lookup_noref(dev, key);
  if (n !== null) neigh_confirm(n);
}

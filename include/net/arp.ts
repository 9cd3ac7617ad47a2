// SPDX-License-Identifier: GPL-2.0-only
//
// The hash of ARP's neighbours. arp_tbl and the lookups in it: net/ipv4/arp.ts.

import type { net_device } from "../linux/netdevice.ts";

/** The hash of an address on a device (int32). */
export function arp_hashfn(key: number, dev: net_device, hash_rnd: number): number {
  return Math.imul(key ^ dev.ifindex, hash_rnd);
}

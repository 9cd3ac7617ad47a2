// SPDX-License-Identifier: GPL-2.0-only
//
// The Differentiated Services field of the IP header.

import type { iphdr } from "../uapi/linux/ip.ts";

/** The whole byte, ECN bits included. */
export function ipv4_get_dsfield(iph: iphdr): number {
  return iph.tos;
}

/** The header checksum when its second byte changes. @rfc 1624 @local */
export function csum_fold16(check: number, from: number, to: number): number {
  const sum = (~check & 0xffff) + (~from & 0xffff) + to;
  const s = (sum & 0xffff) + (sum >>> 16);
  return ~((s & 0xffff) + (s >>> 16)) & 0xffff;
}

/** Sets the bits outside of mask. */
export function ipv4_change_dsfield(iph: iphdr, mask: number, value: number): void {
  const dsfield = (iph.tos & mask) | value;
  iph.check = csum_fold16(iph.check, iph.tos, dsfield);
  iph.tos = dsfield;
}

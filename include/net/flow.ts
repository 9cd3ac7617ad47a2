// SPDX-License-Identifier: GPL-2.0-only
//
// flowi4: the key of a route lookup.

export const LOOPBACK_IFINDEX = 1;

export const FLOWI_FLAG_ANYSRC = 0x01;
export const FLOWI_FLAG_KNOWN_NH = 0x02;

/** What a route is looked up by. Addresses int32, ports 0..65535. */
export class flowi4 {
  flowi4_oif = 0;
  flowi4_iif = 0;
  flowi4_mark = 0;
  flowi4_tos = 0;
  flowi4_scope = 0;
  flowi4_proto = 0;
  flowi4_flags = 0;
  flowi4_uid = 0;
  saddr = 0;
  daddr = 0;
  fl4_sport = 0;
  fl4_dport = 0;
  fl4_icmp_type = 0;
  fl4_icmp_code = 0;
}

/** Fills fl4 for a packet of ours. */
export function flowi4_init_output(
  fl4: flowi4,
  oif: number,
  mark: number,
  tos: number,
  scope: number,
  proto: number,
  flags: number,
  daddr: number,
  saddr: number,
  dport: number,
  sport: number,
  uid: number,
): void {
  fl4.flowi4_oif = oif;
  fl4.flowi4_iif = LOOPBACK_IFINDEX;
  fl4.flowi4_mark = mark;
  fl4.flowi4_tos = tos;
  fl4.flowi4_scope = scope;
  fl4.flowi4_proto = proto;
  fl4.flowi4_flags = flags;
  fl4.flowi4_uid = uid;
  fl4.daddr = daddr;
  fl4.saddr = saddr;
  fl4.fl4_dport = dport;
  fl4.fl4_sport = sport;
}

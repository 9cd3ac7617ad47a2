// SPDX-License-Identifier: GPL-2.0-only
//
// Constants, counters and leaf inlines of IPv4.

import { jhash_1word } from "../linux/jhash.ts";
import type { net_device } from "../linux/netdevice.ts";
import { ktime_get_real_ns } from "../linux/timekeeping.ts";
import type { net } from "./net_namespace.ts";
import type { inet_sock } from "./inet_sock.ts";
import type { ip_options, sk_buff } from "../linux/skbuff.ts";
import { sockcm_cookie } from "./sock.ts";
import type { sock } from "./sock.ts";
import { dst_metric_locked, RTAX_MTU } from "./dst.ts";
import type { dst_entry } from "./dst.ts";
import type { rtable } from "./route.ts";
import {
  IP_PMTUDISC_DO,
  IP_PMTUDISC_INTERFACE,
  IP_PMTUDISC_OMIT,
  IP_PMTUDISC_PROBE,
  IP_PMTUDISC_WANT,
} from "../uapi/linux/in.ts";

export const IP_CE = 0x8000;
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET = 0x1fff;
export const IP_FRAG_TIME = 30 * 1000;
export const IPV4_MIN_MTU = 68;
export const IPV4_MAX_PMTU = 65535;
export const IP_MAX_MTU = 0xffff;

export const IP_DEFRAG_LOCAL_DELIVER = 0;
export const IP_DEFRAG_CALL_RA_CHAIN = 1;

export const IP_REPLY_ARG_NOSRCCHECK = 1;

/** What ip_send_unicast_reply() sends: a transport header in iov, and how. */
export class ip_reply_arg {
  /** The bytes; the length is passed beside. */
  readonly iov = new Uint8Array(64);
  /** IP_REPLY_ARG_* */
  flags = 0;
  /** Sum of the pseudo header, and the checksum's place in iov, bytes; -1: none. */
  csum = 0;
  csumoffset = -1;
  bound_dev_if = 0;
  tos = 0;
  uid = 0;
}

/** How a datagram is to be sent: the socket's ways, overruled by ancillary data (ip_cmsg_send()). */
export class ipcm_cookie {
  readonly sockc = new sockcm_cookie();
  /** Source address before ip_cmsg_send() and the destination after; int32. */
  addr = 0;
  oif = 0;
  opt: ip_options | null = null;
  protocol = 0;
  ttl = 0;
  /** -1: the socket's. */
  tos = -1;
  priority = 0;
  gso_size = 0;
}

export function ipcm_init(ipcm: ipcm_cookie): void {
  ipcm.sockc.mark = 0;
  ipcm.sockc.tsflags = 0;
  ipcm.sockc.transmit_time = 0;
  ipcm.addr = 0;
  ipcm.oif = 0;
  ipcm.opt = null;
  ipcm.protocol = 0;
  ipcm.ttl = 0;
  ipcm.tos = -1;
  ipcm.priority = 0;
  ipcm.gso_size = 0;
}

export function ipcm_init_sk(ipcm: ipcm_cookie, inet: inet_sock): void {
  ipcm_init(ipcm);
  ipcm.sockc.mark = inet.sk_mark;
  ipcm.sockc.tsflags = inet.sk_tsflags;
  ipcm.oif = inet.sk_bound_dev_if;
  ipcm.addr = inet.inet_saddr;
  ipcm.protocol = inet.inet_num;
}

/**
 * Copies len bytes from `offset` of what ip_append_data() sends to `to` at to_off, and adds their sum
 * to skb.csum, as standing at `odd` of the packet, unless skb is CHECKSUM_PARTIAL. 0 or a negative errno.
 */
export type getfrag_t<T> = (
  from: T,
  to: Uint8Array,
  to_off: number,
  offset: number,
  len: number,
  odd: number,
  skb: sk_buff,
) => number;

/** Adds one to a counter of IP. */
export function __IP_INC_STATS(n: net, field: number): void {
  n.mib.ip_statistics[field]++;
}
export const IP_INC_STATS = __IP_INC_STATS;

export function __IP_ADD_STATS(n: net, field: number, val: number): void {
  n.mib.ip_statistics[field] += val;
}
export const IP_ADD_STATS = __IP_ADD_STATS;

/** Adds a packet and its bytes: `field` counts packets, the octets' counter follows it. */
export function __IP_UPD_PO_STATS(n: net, pkts: number, octets: number, len: number): void {
  const stats = n.mib.ip_statistics;
  stats[pkts]++;
  stats[octets] += len;
}
export const IP_UPD_PO_STATS = __IP_UPD_PO_STATS;

/** Adds one to a counter of TcpExt. */
export function __NET_INC_STATS(n: net, field: number): void {
  n.mib.net_statistics[field]++;
}
export const NET_INC_STATS = __NET_INC_STATS;

export function __NET_ADD_STATS(n: net, field: number, adnd: number): void {
  n.mib.net_statistics[field] += adnd;
}
export const NET_ADD_STATS = __NET_ADD_STATS;

/** 127.0.0.0/8 */
export function ipv4_is_loopback(addr: number): boolean {
  return (addr >>> 24) === 127;
}
/** 224.0.0.0/4 */
export function ipv4_is_multicast(addr: number): boolean {
  return (addr & 0xf0000000) === (0xe0000000 | 0);
}
/** 224.0.0.0/24 */
export function ipv4_is_local_multicast(addr: number): boolean {
  return (addr & 0xffffff00) === (0xe0000000 | 0);
}
/** 255.255.255.255 */
export function ipv4_is_lbcast(addr: number): boolean {
  return addr === -1;
}
/** 0.0.0.0; the rest of 0.0.0.0/8 are addresses like others. */
export function ipv4_is_zeronet(addr: number): boolean {
  return addr === 0;
}
/** 169.254.0.0/16 */
export function ipv4_is_linklocal_169(addr: number): boolean {
  return (addr >>> 16) === 0xa9fe;
}

/** A fragment, first or later. */
export function ip_is_fragment(iph: { frag_off: number }): boolean {
  return (iph.frag_off & (IP_MF | IP_OFFSET)) !== 0;
}

/** Takes one off the TTL and mends the checksum; answers the new TTL. @rfc 1141 */
export function ip_decrease_ttl(iph: { ttl: number; check: number }): number {
  let check = iph.check + 0x0100;
  check = (check & 0xffff) + (check >> 16);
  iph.check = check;
  return --iph.ttl;
}

/** The MTU of the route must not be changed by what is learned. */
export function ip_mtu_locked(dst: dst_entry): boolean {
  return (dst as rtable).rt_mtu_locked || dst_metric_locked(dst, RTAX_MTU);
}

/** The socket's packets must not be fragmented on their way. */
export function ip_dont_fragment(sk: sock, dst: dst_entry): boolean {
  const pmtudisc = (sk as inet_sock).pmtudisc;
  return pmtudisc === IP_PMTUDISC_DO || (pmtudisc === IP_PMTUDISC_WANT && !ip_mtu_locked(dst));
}

export function ip_sk_accept_pmtu(sk: sock): boolean {
  const pmtudisc = (sk as inet_sock).pmtudisc;
  return pmtudisc !== IP_PMTUDISC_INTERFACE && pmtudisc !== IP_PMTUDISC_OMIT;
}

export function ip_sk_use_pmtu(sk: sock): boolean {
  return (sk as inet_sock).pmtudisc < IP_PMTUDISC_PROBE;
}

export function ip_sk_ignore_df(sk: sock): boolean {
  const pmtudisc = (sk as inet_sock).pmtudisc;
  return pmtudisc < IP_PMTUDISC_DO || pmtudisc === IP_PMTUDISC_OMIT;
}

/** The device's MTU as far as IPv4 can use it. */
export function ip_dev_mtu(dev: net_device): number {
  return Math.min(dev.mtu, IP_MAX_MTU);
}

/** The hash of an address and a port (int32); the port's part is taken in by xor. */
export function ipv4_portaddr_hash(n: net, saddr: number, port: number): number {
  return jhash_1word(saddr, n.hash_mix) ^ port;
}

/** The port is never chosen by the system. */
export function inet_is_local_reserved_port(n: net, port: number): boolean {
  return n.ipv4.ip_local_reserved_ports.has(port);
}

/** Ports below this one need a privilege; this stack asks for none. */
export function inet_port_requires_bind_service(n: net, port: number): boolean {
  return port < n.ipv4.sysctl_ip_prot_sock;
}

/** 192.0.2.1 for an address (int32). @local */
export function in_ntoa(addr: number): string {
  return `${addr >>> 24}.${(addr >> 16) & 255}.${(addr >> 8) & 255}.${addr & 255}`;
}

/** The address (int32) of a dotted quad, or null. @local */
export function in_aton(text: string): number | null {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (m === null) return null;
  let addr = 0;
  for (let i = 1; i <= 4; i++) {
    const byte = Number(m[i]);
    if (byte > 255) return null;
    addr = (addr << 8) | byte;
  }
  return addr;
}

/** ms since midnight UT, as ICMP and IP timestamps have them. @differs stands in af_inet.c, above its callers here */
export function inet_current_timestamp(): number {
  return Math.floor(ktime_get_real_ns() / 1000000) % 86400000;
}

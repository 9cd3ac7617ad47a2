// SPDX-License-Identifier: GPL-2.0-only
//
// inet_sock: an Internet socket; inet_request_sock: a connection of it that is being opened.

import type { ip_options, sk_buff } from "../linux/skbuff.ts";
import { jhash_3words } from "../linux/jhash.ts";
import { flowi4 } from "./flow.ts";
import { request_sock } from "./request_sock.ts";
import { sock } from "./sock.ts";
import type { sock_common } from "./sock.ts";
import { INADDR_ANY } from "../uapi/linux/in.ts";
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST } from "../uapi/linux/rtnetlink.ts";

/** What the corked datagrams of a UDP or raw socket share. */
export class inet_cork {
  flags = 0;
  addr = 0;
  opt: ip_options | null = null;
  fragsize = 0;
  /** Bytes so far. */
  length = 0;
  dst: import("./dst.ts").dst_entry | null = null;
  ttl = 0;
  tos = -1;
  priority = 0;
  gso_size = 0;
  mark = 0;
  readonly fl = new flowi4();
}

export const IPCORK_OPT = 1;

/** An Internet socket. */
export class inet_sock extends sock {
  /** Source address of packets; equals inet_rcv_saddr unless multicast or broadcast. */
  inet_saddr = 0;
  /** -1: the default of the namespace. */
  uc_ttl = -1;
  cmsg_flags = 0;
  /** Local port, as it stands in packets. */
  inet_sport = 0;
  inet_id = 0;
  inet_opt: ip_options | null = null;
  rx_dst_ifindex = 0;
  tos = 0;
  min_ttl = 0;
  mc_ttl = 1;
  pmtudisc = 0;
  recverr = false;
  is_icsk = false;
  freebind = false;
  hdrincl = false;
  mc_loop = true;
  transparent = false;
  nodefrag = false;
  bind_address_no_port = false;
  recverr_rfc4884 = false;
  /** IP_CMSG_* that recvmsg() reports. */
  defer_connect = false;
  rcv_tos = 0;
  convert_csum = 0;
  uc_index = 0;
  mc_index = 0;
  mc_addr = 0;
  /** IP_LOCAL_PORT_RANGE: bounds of a chosen port; 0 those of the host. */
  local_port_range_lo = 0;
  local_port_range_hi = 0;
  readonly cork_fl4 = new flowi4();
  cork: inet_cork | null = null;

  get inet_daddr(): number {
    return this.skc_daddr;
  }
  set inet_daddr(v: number) {
    this.skc_daddr = v;
  }
  get inet_rcv_saddr(): number {
    return this.skc_rcv_saddr;
  }
  set inet_rcv_saddr(v: number) {
    this.skc_rcv_saddr = v;
  }
  get inet_dport(): number {
    return this.skc_dport;
  }
  set inet_dport(v: number) {
    this.skc_dport = v;
  }
  /** Local port, in host order; 0 while not bound. */
  get inet_num(): number {
    return this.skc_num;
  }
  set inet_num(v: number) {
    this.skc_num = v;
  }

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  override copy_from(o: inet_sock): void {
    super.copy_from(o);
    this.inet_saddr = o.inet_saddr;
    this.uc_ttl = o.uc_ttl;
    this.cmsg_flags = o.cmsg_flags;
    this.inet_sport = o.inet_sport;
    this.inet_id = o.inet_id;
    this.inet_opt = o.inet_opt;
    this.rx_dst_ifindex = o.rx_dst_ifindex;
    this.tos = o.tos;
    this.min_ttl = o.min_ttl;
    this.mc_ttl = o.mc_ttl;
    this.pmtudisc = o.pmtudisc;
    this.recverr = o.recverr;
    this.is_icsk = o.is_icsk;
    this.freebind = o.freebind;
    this.hdrincl = o.hdrincl;
    this.mc_loop = o.mc_loop;
    this.transparent = o.transparent;
    this.nodefrag = o.nodefrag;
    this.bind_address_no_port = o.bind_address_no_port;
    this.recverr_rfc4884 = o.recverr_rfc4884;
    this.defer_connect = o.defer_connect;
    this.rcv_tos = o.rcv_tos;
    this.convert_csum = o.convert_csum;
    this.uc_index = o.uc_index;
    this.mc_index = o.mc_index;
    this.mc_addr = o.mc_addr;
    this.local_port_range_lo = o.local_port_range_lo;
    this.local_port_range_hi = o.local_port_range_hi;
  }
}

/** A connection being opened. Names and numbers are those of our side: loc is ours, rmt the peer's. */
export class inet_request_sock extends request_sock {
  snd_wscale = 0;
  rcv_wscale = 0;
  tstamp_ok = false;
  sack_ok = false;
  wscale_ok = false;
  ecn_ok = false;
  acked = false;
  no_srccheck = false;
  smc_ok = false;
  ir_mark = 0;
  ireq_opt: ip_options | null = null;

  get ir_loc_addr(): number {
    return this.skc_rcv_saddr;
  }
  set ir_loc_addr(v: number) {
    this.skc_rcv_saddr = v;
  }
  get ir_rmt_addr(): number {
    return this.skc_daddr;
  }
  set ir_rmt_addr(v: number) {
    this.skc_daddr = v;
  }
  get ir_num(): number {
    return this.skc_num;
  }
  set ir_num(v: number) {
    this.skc_num = v;
  }
  get ir_rmt_port(): number {
    return this.skc_dport;
  }
  set ir_rmt_port(v: number) {
    this.skc_dport = v;
  }
  get ir_iif(): number {
    return this.skc_bound_dev_if;
  }
  set ir_iif(v: number) {
    this.skc_bound_dev_if = v;
  }
  get ireq_state(): number {
    return this.skc_state;
  }
  set ireq_state(v: number) {
    this.skc_state = v;
  }
  get ireq_family(): number {
    return this.skc_family;
  }
  set ireq_family(v: number) {
    this.skc_family = v;
  }
  get ireq_net(): import("./net_namespace.ts").net {
    return this.skc_net;
  }
  set ireq_net(v: import("./net_namespace.ts").net) {
    this.skc_net = v;
  }
}

export const IP_CMSG_PKTINFO = 1 << 0;
export const IP_CMSG_TTL = 1 << 1;
export const IP_CMSG_TOS = 1 << 2;
export const IP_CMSG_RECVOPTS = 1 << 3;
export const IP_CMSG_RETOPTS = 1 << 4;
export const IP_CMSG_ORIGDSTADDR = 1 << 6;
export const IP_CMSG_RECVFRAGSIZE = 1 << 7;

export function inet_sk(sk: sock_common): inet_sock {
  return sk as inet_sock;
}

export function inet_rsk(req: sock_common): inet_request_sock {
  return req as inet_request_sock;
}

/** The bucket hash of a connection (int32). */
export function __inet_ehashfn(
  laddr: number,
  lport: number,
  faddr: number,
  fport: number,
  initval: number,
): number {
  return jhash_3words(laddr, faddr, (lport << 16) | fport, initval);
}

/** The mark of replies to skb. */
export function inet_request_mark(sk: sock, skb: sk_buff): number {
  return sk.sk_mark === 0 && sk.skc_net.ipv4.sysctl_tcp_fwmark_accept !== 0 ? skb.mark : sk.sk_mark;
}

export function inet_request_bound_dev_if(sk: sock, _skb: sk_buff): number {
  return sk.sk_bound_dev_if;
}

/** FLOWI_FLAG_* for lookups of this socket. */
export function inet_sk_flowi_flags(sk: sock): number {
  const inet = sk as inet_sock;
  return inet.transparent || inet.hdrincl ? 1 : 0;
}

/** The socket may be bound to addr though this host does not have it. */
export function inet_can_nonlocal_bind(
  net: import("./net_namespace.ts").net,
  inet: inet_sock,
): boolean {
  return net.ipv4.sysctl_ip_nonlocal_bind !== 0 || inet.freebind || inet.transparent;
}

/**
 * Ports that may be chosen for a socket: the host's range, narrowed by IP_LOCAL_PORT_RANGE.
 * @differs takes the host's range, answers what C stores through pointers
 */
export function inet_sk_get_local_port_range(
  sk: sock_common,
  range: [number, number],
): [number, number] {
  const inet = sk as inet_sock;
  const { local_port_range_lo: sk_lo, local_port_range_hi: sk_hi } = inet;
  if (sk_lo === 0 && sk_hi === 0) return range;
  let [lo, hi] = range;
  if (lo <= sk_lo && sk_lo <= hi) lo = sk_lo;
  if (lo <= sk_hi && sk_hi <= hi) hi = sk_hi;
  return [lo, hi];
}

/** A socket may be bound to an address of this RTN_* type, or to any by its options. */
export function inet_addr_valid_or_nonlocal(
  net: import("./net_namespace.ts").net,
  inet: inet_sock,
  addr: number,
  addr_type: number,
): boolean {
  return inet_can_nonlocal_bind(net, inet) || addr === INADDR_ANY || addr_type === RTN_LOCAL ||
    addr_type === RTN_MULTICAST || addr_type === RTN_BROADCAST;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// connect() of UDP and raw sockets: remembers the peer and the route to it. When the route dies,
// release_sock() has ip4_datagram_release_cb() find another.

import { IS_ERR } from "../../include/linux/err.ts";
import { get_random_u16 } from "../../include/linux/random.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { flowi4 } from "../../include/net/flow.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { IP_INC_STATS, ipv4_is_multicast } from "../../include/net/ip.ts";
import { RT_CONN_FLAGS, RTCF_BROADCAST } from "../../include/net/route.ts";
import { SOCK_BROADCAST, sock_flag, sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import { TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { EACCES, EAFNOSUPPORT, EINVAL, ENETUNREACH } from "../../include/uapi/asm-generic/errno.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { IPSTATS_MIB_OUTNOROUTES } from "../../include/uapi/linux/snmp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { __sk_dst_get, sk_dst_reset, sk_dst_set, sk_set_txhash } from "../core/sock.ts";
import { ip_route_connect, ip_route_output_ports } from "./route.ts";

/** Bytes of a struct sockaddr_in. */
const SOCKADDR_IN_SIZE = 16;

const fl4 = new flowi4();

/** Remembers the peer: 0, -EAFNOSUPPORT, -EACCES of a broadcast without SO_BROADCAST, or no route. */
export function __ip4_datagram_connect(sk: sock, uaddr: sockaddr, addr_len: number): number {
  const inet = inet_sk(sk);
  if (addr_len < SOCKADDR_IN_SIZE) return -EINVAL;
  if (uaddr.sin_family !== AF_INET) return -EAFNOSUPPORT;

  sk_dst_reset(sk);
  let oif = sk.skc_bound_dev_if;
  let saddr = inet.inet_saddr;
  if (ipv4_is_multicast(uaddr.sin_addr)) {
    if (oif === 0) oif = inet.mc_index;
    if (saddr === 0) saddr = inet.mc_addr;
  } else if (oif === 0) {
    oif = inet.uc_index;
  }
  const rt = ip_route_connect(
    fl4,
    uaddr.sin_addr,
    saddr,
    oif,
    sk.sk_protocol,
    inet.inet_sport,
    uaddr.sin_port,
    sk,
  );
  if (IS_ERR(rt)) {
    if (rt === -ENETUNREACH) IP_INC_STATS(sock_net(sk), IPSTATS_MIB_OUTNOROUTES);
    return rt;
  }
  if ((rt.rt_flags & RTCF_BROADCAST) !== 0 && !sock_flag(sk, SOCK_BROADCAST)) return -EACCES;

  if (inet.inet_saddr === 0) inet.inet_saddr = fl4.saddr;
  if (inet.inet_rcv_saddr === 0) {
    inet.inet_rcv_saddr = fl4.saddr;
    sk.skc_prot.rehash?.(sk);
  }
  inet.inet_daddr = fl4.daddr;
  inet.inet_dport = uaddr.sin_port;
  sk.skc_state = TCP_ESTABLISHED;
  sk_set_txhash(sk);
  inet.inet_id = get_random_u16();
  sk_dst_set(sk, rt);
  return 0;
}

/** connect() of a datagram socket. @differs does not wait for the socket's lock: nothing here sleeps */
export function ip4_datagram_connect(sk: sock, uaddr: sockaddr, addr_len: number): number {
  local_bh_disable();
  const res = __ip4_datagram_connect(sk, uaddr, addr_len);
  local_bh_enable();
  return res;
}

/** Finds another route for a connected socket whose route has died. */
export function ip4_datagram_release_cb(sk: sock): void {
  const inet = inet_sk(sk);
  const dst = __sk_dst_get(sk);
  if (dst === null || dst.obsolete === 0 || dst.ops.check(dst, 0) !== null) return;
  const opt = inet.inet_opt;
  const daddr = opt !== null && opt.srr !== 0 ? opt.faddr : inet.inet_daddr;
  const rt = ip_route_output_ports(
    sock_net(sk),
    fl4,
    sk,
    daddr,
    inet.inet_saddr,
    inet.inet_dport,
    inet.inet_sport,
    sk.sk_protocol,
    RT_CONN_FLAGS(sk),
    sk.skc_bound_dev_if,
  );
  sk_dst_set(sk, IS_ERR(rt) ? null : rt);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// PF_INET: what the system calls of sockets come to, and the start of all of IPv4.
//
// sys_socket -> inet_create          sys_bind -> inet_bind           sys_listen -> inet_listen
// sys_connect -> inet_stream_connect | inet_dgram_connect            sys_accept4 -> inet_accept
// write, send* -> inet_sendmsg       read, recv* -> inet_recvmsg     close -> inet_release
// start_kernel -> inet_init: protocols, kinds of sockets, ARP, IP, TCP, UDP, raw, ICMP, then packets
// napi_gro_receive -> inet_gro_receive, inet_gro_complete;  skb_mac_gso_segment -> inet_gso_segment

import { proc_create_net_single } from "../../fs/proc/proc_net.ts";
import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import { IS_ERR, IS_ERR_OR_NULL } from "../../include/linux/err.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import {
  SHUT_RD,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  SS_CONNECTED,
  SS_CONNECTING,
  SS_DISCONNECTING,
  SS_UNCONNECTED,
} from "../../include/linux/net.ts";
import type { msghdr, net_proto_family, proto_ops, socket } from "../../include/linux/net.ts";
import { IFNAMSIZ } from "../../include/linux/netdevice.ts";
import type { packet_offload, packet_type } from "../../include/linux/netdevice.ts";
import {
  after_sleep,
  current,
  signal_pending,
  TASK_INTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import {
  ip_hdr,
  NAPI_GRO_CB,
  SKB_GSO_TCP_FIXEDID,
  skb_is_gso,
  skb_reset_mac_len,
  skb_reset_network_header,
  skb_reset_transport_header,
  skb_set_network_header,
  skb_set_transport_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import { AF_INET, AF_UNSPEC, PF_INET } from "../../include/linux/socket.ts";
import { fastopen_queue_tune } from "../../include/linux/tcp.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import { inet_addr_valid_or_nonlocal, inet_sk } from "../../include/net/inet_sock.ts";
import { IP_DF, IP_MF, IP_OFFSET } from "../../include/net/ip.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import {
  inet_offloads,
  inet_protos,
  INET_PROTOSW_ICSK,
  INET_PROTOSW_PERMANENT,
  INET_PROTOSW_REUSE,
} from "../../include/net/protocol.ts";
import { RT_CONN_FLAGS } from "../../include/net/route.ts";
import type { inet_protosw, net_protocol } from "../../include/net/protocol.ts";
import {
  RCV_SHUTDOWN,
  SHUTDOWN_MASK,
  SK_CAN_REUSE,
  SOCK_BINDADDR_LOCK,
  SOCK_BINDPORT_LOCK,
  sock_error,
  sock_flag,
  sock_graft,
  sock_intr_errno,
  SOCK_LINGER,
  sock_net,
  sock_sndtimeo,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import { tcp_sk, TFO_SERVER_ENABLE, TFO_SERVER_WO_SOCKOPT1 } from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_SYN_SENT,
  TCPF_CLOSE,
  TCPF_CLOSE_WAIT,
  TCPF_CLOSING,
  TCPF_ESTABLISHED,
  TCPF_FIN_WAIT1,
  TCPF_FIN_WAIT2,
  TCPF_LISTEN,
  TCPF_SYN_RECV,
  TCPF_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import {
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENOSYS,
  ENOTCONN,
  ENOTTY,
  EPERM,
  EPIPE,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../../include/uapi/asm-generic/errno.ts";
import { IFR_IFRU, IFREQ_SIZE } from "../../include/uapi/linux/if.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import {
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_WANT,
  IPPROTO_ICMP,
  IPPROTO_IP,
  IPPROTO_MAX,
  IPPROTO_RAW,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from "../../include/uapi/linux/in.ts";
import type { sockaddr, sockaddr_in } from "../../include/uapi/linux/in.ts";
import { iphdr } from "../../include/uapi/linux/ip.ts";
import type { rtentry } from "../../include/uapi/linux/route.ts";
import {
  RT_TABLE_LOCAL,
  RTN_BROADCAST,
  RTN_MULTICAST,
} from "../../include/uapi/linux/rtnetlink.ts";
import {
  SIOCADDRT,
  SIOCDARP,
  SIOCDELRT,
  SIOCGARP,
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFDSTADDR,
  SIOCGIFNETMASK,
  SIOCSARP,
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFNETMASK,
} from "../../include/uapi/linux/sockios.ts";
import {
  TCP_MIB_MAXCONN,
  TCP_MIB_RTOALGORITHM,
  TCP_MIB_RTOMAX,
  TCP_MIB_RTOMIN,
} from "../../include/uapi/linux/snmp.ts";
import { add_wait_queue, remove_wait_queue, wait_woken } from "../../kernel/sched/wait.ts";
import { ip_fast_csum } from "../../lib/checksum.ts";
import { datagram_poll } from "../core/datagram.ts";
import { dev_add_pack } from "../core/dev.ts";
import {
  call_gro_receive,
  dev_add_offload,
  skb_gro_flush_final,
  skb_gro_header,
  skb_gro_pull,
} from "../core/gro.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import { __skb_pull, pskb_may_pull } from "../core/skbuff.ts";
import {
  __sk_dst_check,
  DEFINE_WAIT_WOKEN,
  lock_sock,
  proto_register,
  release_sock,
  sk_alloc,
  sk_common_release,
  sk_dst_reset,
  sk_set_peek_off,
  sk_setup_caps,
  sk_sleep,
  sock_common_getsockopt,
  sock_common_setsockopt,
  sock_init_data,
  sock_no_accept,
  sock_no_listen,
} from "../core/sock.ts";
import { sock_register } from "../socket.ts";
import { arp_init, arp_ioctl, arp_seq_show } from "./arp.ts";
import { devinet_ioctl } from "./devinet.ts";
import type { ifreq } from "./devinet.ts";
import { inet_addr_type_table, ip_rt_ioctl } from "./fib_frontend.ts";
import { icmp_err, icmp_init, icmp_rcv } from "./icmp.ts";
import { inet_csk_listen_start } from "./inet_connection_sock.ts";
import { inet_sock_destruct } from "./inet_sock_state.ts";
// Registers itself with route.ts.
import "./ip_forward.ts";
import { ip_list_rcv, ip_rcv } from "./ip_input.ts";
import { ipfrag_init } from "./ip_fragment.ts";
import { ip_init, ip_send_check } from "./ip_output.ts";
import { ip_misc_proc_init } from "./proc.ts";
import { inet_add_protocol } from "./protocol.ts";
import { raw_hashinfo_init, raw_init, raw_prot } from "./raw.ts";
import { ip_route_connect, ip_route_output_ports } from "./route.ts";
import { syncookies_init } from "./syncookies.ts";
import { sysctl_ipv4_init } from "./sysctl_net_ipv4.ts";
import { tcp_init, tcp_poll, tcp_set_rcvlowat, tcp_splice_read } from "./tcp.ts";
import { tcp_fastopen_init_key_once } from "./tcp_fastopen.ts";
import {
  ipv4_specific,
  tcp4_proc_show,
  tcp_prot,
  tcp_v4_early_demux,
  tcp_v4_err,
  tcp_v4_init,
  tcp_v4_rcv,
} from "./tcp_ipv4.ts";
import { tcpv4_offload_init } from "./tcp_offload.ts";
import { udp_err, udp_init, udp_poll, udp_prot, udp_rcv } from "./udp.ts";
import { udpv4_offload_init } from "./udp_offload.ts";

export {
  inet_ctl_sock_create,
  inet_ctl_sock_destroy,
  inet_sk_set_state,
  inet_sk_state_store,
  inet_sock_destruct,
} from "./inet_sock_state.ts";
export { inet_recv_error } from "./ip_sockglue.ts";
export { inet_current_timestamp } from "../../include/net/ip.ts";

const SOCK_MAX = 11;
/** sizeof(struct sockaddr_in), and of the family in it. */
const SOCKADDR_IN_SIZE = 16;
const SA_FAMILY_SIZE = 2;

/** Kinds of sockets by SOCK_*; permanent ones first. */
const inetsw: inet_protosw[][] = [];

/** Binds a socket that sends before it was bound: 0, or -EAGAIN where no port is left. */
export function inet_autobind(sk: sock): number {
  const inet = inet_sk(sk);
  if (inet.skc_num !== 0) return 0;
  const owned = try_lock_sock(sk);
  let err = 0;
  if (inet.skc_num === 0) {
    if (sk.skc_prot.get_port!(sk, 0) !== 0) err = -EAGAIN;
    else inet.inet_sport = inet.skc_num;
  }
  if (owned) release_sock(sk);
  return err;
}

/**
 * Takes the socket for a call that does not sleep. Where another task has it already, that one has
 * just been woken and not gone on: nothing can come in between either. @local
 */
function try_lock_sock(sk: sock): boolean {
  return !sk.sk_lock.owned && lock_sock(sk) === undefined;
}

/** Makes a bound socket a listener, or changes its backlog. */
export function inet_listen(sock: socket, backlog: number): number {
  const sk = sock.sk as sock;
  const owned = try_lock_sock(sk);
  const err = __inet_listen_sk(sock, sk, backlog);
  if (owned) release_sock(sk);
  return err;
}

function __inet_listen_sk(sock: socket, sk: sock, backlog: number): number {
  if (sock.state !== SS_UNCONNECTED || sock.type !== SOCK_STREAM) return -EINVAL;
  const old_state = sk.skc_state;
  if (((1 << old_state) & (TCPF_CLOSE | TCPF_LISTEN)) === 0) return -EINVAL;
  sk.sk_max_ack_backlog = backlog;
  if (old_state === TCP_LISTEN) return 0;
  const icsk = inet_csk(sk);
  const fastopen = TFO_SERVER_WO_SOCKOPT1 | TFO_SERVER_ENABLE;
  if (
    (sock_net(sk).ipv4.sysctl_tcp_fastopen & fastopen) === fastopen &&
    icsk.icsk_accept_queue.fastopenq.max_qlen === 0
  ) {
    fastopen_queue_tune(icsk, backlog);
    tcp_fastopen_init_key_once(sock_net(sk));
  }
  return inet_csk_listen_start(sk);
}

/** The kind of socket for a type and protocol; 0 (IPPROTO_IP) on either side is a wild card. */
function inet_lookup_protosw(type: number, protocol: number): inet_protosw | number {
  const kinds = inetsw[type];
  if (kinds === undefined || kinds.length === 0) return -ESOCKTNOSUPPORT;
  for (const answer of kinds) {
    // Two wild cards match nothing: a raw socket must name its protocol.
    if (protocol === answer.protocol) {
      if (protocol !== IPPROTO_IP) return answer;
    } else if (protocol === IPPROTO_IP || answer.protocol === IPPROTO_IP) {
      return answer;
    }
  }
  return -EPROTONOSUPPORT;
}

/** Makes an Internet socket; 0 or a negative errno. */
export function inet_create(n: net, sock: socket, protocol: number, kern: boolean): number {
  if (protocol < 0 || protocol >= IPPROTO_MAX) return -EINVAL;
  sock.state = SS_UNCONNECTED;
  const answer = inet_lookup_protosw(sock.type, protocol);
  if (IS_ERR(answer)) return answer;
  if (protocol === IPPROTO_IP) protocol = answer.protocol;
  sock.ops = answer.ops;
  const sk = sk_alloc(n, PF_INET, answer.prot, kern);
  if ((answer.flags & INET_PROTOSW_REUSE) !== 0) sk.skc_reuse = SK_CAN_REUSE;
  const inet = inet_sk(sk);
  inet.is_icsk = (answer.flags & INET_PROTOSW_ICSK) !== 0;
  if (sock.type === SOCK_RAW) {
    inet.skc_num = protocol;
    inet.hdrincl = protocol === IPPROTO_RAW;
  }
  inet.pmtudisc = n.ipv4.sysctl_ip_no_pmtu_disc !== 0 ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
  sock_init_data(sock, sk);
  sk.sk_destruct = inet_sock_destruct;
  sk.sk_protocol = protocol;
  if (sk.skc_prot.backlog_rcv !== undefined) sk.sk_backlog_rcv = sk.skc_prot.backlog_rcv;
  sk.sk_txrehash = n.core.sysctl_txrehash;
  let err = 0;
  if (inet.skc_num !== 0) {
    // A raw socket's protocol stands in place of a port.
    inet.inet_sport = inet.skc_num;
    err = sk.skc_prot.hash!(sk);
  }
  if (err === 0 && sk.skc_prot.init !== undefined) err = sk.skc_prot.init(sk);
  if (err !== 0) {
    sk_common_release(sk);
    sock.sk = null;
  }
  return err;
}

/** close(): ends the socket now, or within the linger time. */
export function inet_release(sock: socket): number | Promise<number> {
  const sk = sock.sk;
  if (sk === null) return 0;
  const timeout = sock_flag(sk, SOCK_LINGER) ? sk.sk_lingertime : 0;
  return after_sleep(sk.skc_prot.close(sk, timeout), () => {
    sock.sk = null;
    return 0;
  });
}

/** Gives a socket its local address and port. */
export function inet_bind(sock: socket, uaddr: sockaddr, addr_len: number): number {
  const sk = sock.sk as sock;
  if (sk.skc_prot.bind !== undefined) return sk.skc_prot.bind(sk, uaddr, addr_len);
  if (addr_len < SOCKADDR_IN_SIZE) return -EINVAL;
  return __inet_bind(sk, uaddr, addr_len, BIND_WITH_LOCK);
}

/** Flags of __inet_bind(). */
export const BIND_FORCE_ADDRESS_NO_PORT = 1 << 0;
export const BIND_WITH_LOCK = 1 << 1;

export function __inet_bind(
  sk: sock,
  addr: sockaddr_in,
  _addr_len: number,
  flags: number,
): number {
  const n = sock_net(sk);
  if (
    addr.sin_family !== AF_INET && (addr.sin_family !== AF_UNSPEC || addr.sin_addr !== 0)
  ) return -EAFNOSUPPORT;
  const chk_addr_ret = inet_addr_type_table(n, addr.sin_addr, RT_TABLE_LOCAL);
  if (!inet_addr_valid_or_nonlocal(n, inet_sk(sk), addr.sin_addr, chk_addr_ret)) {
    return -EADDRNOTAVAIL;
  }
  const owned = (flags & BIND_WITH_LOCK) !== 0 && try_lock_sock(sk);
  const err = inet_bind_locked(sk, addr, chk_addr_ret, flags);
  if (owned) release_sock(sk);
  return err;
}

function inet_bind_locked(
  sk: sock,
  addr: sockaddr_in,
  chk_addr_ret: number,
  flags: number,
): number {
  const inet = inet_sk(sk);
  const snum = addr.sin_port;
  if (sk.skc_state !== TCP_CLOSE || inet.skc_num !== 0) return -EINVAL;
  inet.skc_rcv_saddr = inet.inet_saddr = addr.sin_addr;
  // Packets must not come from a multicast or broadcast address: the device's is taken.
  if (chk_addr_ret === RTN_MULTICAST || chk_addr_ret === RTN_BROADCAST) inet.inet_saddr = 0;
  if (
    snum !== 0 || !(inet.bind_address_no_port || (flags & BIND_FORCE_ADDRESS_NO_PORT) !== 0)
  ) {
    const err = sk.skc_prot.get_port!(sk, snum);
    if (err !== 0) {
      inet.inet_saddr = inet.skc_rcv_saddr = 0;
      return err;
    }
  }
  if (inet.skc_rcv_saddr !== 0) sk.sk_userlocks |= SOCK_BINDADDR_LOCK;
  if (snum !== 0) sk.sk_userlocks |= SOCK_BINDPORT_LOCK;
  inet.inet_sport = inet.skc_num;
  inet.skc_daddr = 0;
  inet.skc_dport = 0;
  sk_dst_reset(sk);
  return 0;
}

/** connect() of a datagram socket: sets where it sends to and from whom it receives. */
export function inet_dgram_connect(
  sock: socket,
  uaddr: sockaddr,
  addr_len: number,
  flags: number,
): number {
  const sk = sock.sk as sock;
  const prot = sk.skc_prot;
  if (addr_len < SA_FAMILY_SIZE) return -EINVAL;
  if (uaddr.sin_family === AF_UNSPEC) {
    sk.sk_disconnects++;
    return prot.disconnect!(sk, flags);
  }
  if (prot.pre_connect !== undefined) {
    const err = prot.pre_connect(sk, uaddr, addr_len);
    if (err !== 0) return err;
  }
  if (sk.skc_num === 0 && inet_autobind(sk) !== 0) return -EAGAIN;
  return prot.connect!(sk, uaddr, addr_len);
}

/** Waits until the handshake is over: jiffies left. The socket is locked before and after. */
function inet_wait_for_connect(
  sk: sock,
  timeo: number,
  writebias: number,
): number | Promise<number> {
  const wait = DEFINE_WAIT_WOKEN("inet_wait_for_connect");
  const wq = sk_sleep(sk);
  add_wait_queue(wq, wait);
  sk.sk_write_pending += writebias;
  const out = (left: number): number => {
    remove_wait_queue(wq, wait);
    sk.sk_write_pending -= writebias;
    return left;
  };
  const look = (timeo: number): number | Promise<number> => {
    if (((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) === 0) return out(timeo);
    release_sock(sk);
    return after_sleep(
      wait_woken(wait, TASK_INTERRUPTIBLE, timeo),
      (left) =>
        after_sleep(
          lock_sock(sk),
          () => signal_pending(current) || left === 0 ? out(left) : look(left),
        ),
    );
  };
  return look(timeo);
}

/** The connection ended before it was there: its error. */
function inet_stream_connect_failed(sock: socket, sk: sock, flags: number): number {
  const err = sock_error(sk) || -ECONNABORTED;
  sock.state = SS_UNCONNECTED;
  sk.sk_disconnects++;
  if (sk.skc_prot.disconnect!(sk, flags) !== 0) sock.state = SS_DISCONNECTING;
  return err;
}

function inet_stream_connected(sock: socket, sk: sock, flags: number): number {
  if (sk.skc_state === TCP_CLOSE) return inet_stream_connect_failed(sock, sk, flags);
  // sk_err may be set now (IP_RECVERR): the next call reports it.
  sock.state = SS_CONNECTED;
  return 0;
}

/**
 * Connects a locked socket. uaddr is null where a deferred Fast Open connect() is made up for by the
 * first write: is_sendmsg. 0 or a negative errno: -EINPROGRESS or -EALREADY where it must not wait.
 */
export function __inet_stream_connect(
  sock: socket,
  uaddr: sockaddr | null,
  addr_len: number,
  flags: number,
  is_sendmsg: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  let err: number;
  if (uaddr !== null) {
    if (addr_len < SA_FAMILY_SIZE) return -EINVAL;
    if (uaddr.sin_family === AF_UNSPEC) {
      sk.sk_disconnects++;
      err = sk.skc_prot.disconnect!(sk, flags);
      sock.state = err !== 0 ? SS_DISCONNECTING : SS_UNCONNECTED;
      return err;
    }
  }
  switch (sock.state) {
    case SS_CONNECTED:
      return -EISCONN;
    case SS_CONNECTING:
      if (inet_sk(sk).defer_connect) err = is_sendmsg !== 0 ? -EINPROGRESS : -EISCONN;
      else err = -EALREADY;
      break;
    case SS_UNCONNECTED:
      if (sk.skc_state !== TCP_CLOSE) return -EISCONN;
      if (uaddr === null) return -EINVAL;
      if (sk.skc_prot.pre_connect !== undefined) {
        err = sk.skc_prot.pre_connect(sk, uaddr, addr_len);
        if (err !== 0) return err;
      }
      err = sk.skc_prot.connect!(sk, uaddr, addr_len);
      if (err < 0) return err;
      sock.state = SS_CONNECTING;
      if (err === 0 && inet_sk(sk).defer_connect) return err;
      err = -EINPROGRESS;
      break;
    default:
      return -EINVAL;
  }
  if (((1 << sk.skc_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)) === 0) {
    return inet_stream_connected(sock, sk, flags);
  }
  const timeo = sock_sndtimeo(sk, (flags & O_NONBLOCK) !== 0);
  if (timeo === 0) return err;
  const fastopen_req = sk.sk_protocol === IPPROTO_TCP ? tcp_sk(sk).fastopen_req : null;
  const writebias = fastopen_req !== null && fastopen_req.data !== null ? 1 : 0;
  const dis = sk.sk_disconnects;
  return after_sleep(inet_wait_for_connect(sk, timeo, writebias), (left) => {
    if (left === 0) return err;
    if (signal_pending(current)) return sock_intr_errno(timeo);
    if (dis !== sk.sk_disconnects) return -EPIPE;
    return inet_stream_connected(sock, sk, flags);
  });
}

/** connect() of a stream socket. */
export function inet_stream_connect(
  sock: socket,
  uaddr: sockaddr,
  addr_len: number,
  flags: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  return after_sleep(
    lock_sock(sk),
    () =>
      after_sleep(__inet_stream_connect(sock, uaddr, addr_len, flags, 0), (err) => {
        release_sock(sk);
        return err;
      }),
  );
}

/** States that a socket may be in when it is accepted. */
const ACCEPTABLE = TCPF_ESTABLISHED | TCPF_SYN_RECV | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 |
  TCPF_CLOSING | TCPF_CLOSE_WAIT | TCPF_CLOSE;

/** Gives newsk to the socket that accept() made. */
export function __inet_accept(_sock: socket, newsock: socket, newsk: sock): void {
  WARN_ONCE(((1 << newsk.skc_state) & ACCEPTABLE) === 0, "inet_accept: state of the new socket");
  sock_graft(newsk, newsock);
  newsock.state = SS_CONNECTED;
}

/** accept(): waits for a connection, unless flags has O_NONBLOCK. */
export function inet_accept(
  sock: socket,
  newsock: socket,
  flags: number,
): number | Promise<number> {
  const sk1 = sock.sk as sock;
  if (sk1.skc_prot.accept === undefined) return -EINVAL;
  return after_sleep(sk1.skc_prot.accept(sk1, flags), (sk2) => {
    if (IS_ERR(sk2)) return sk2;
    return after_sleep(lock_sock(sk2), () => {
      __inet_accept(sock, newsock, sk2);
      release_sock(sk2);
      return 0;
    });
  });
}

/** The socket's own address, or its peer's: fills uaddr and answers its size, bytes. */
export function inet_getname(sock: socket, uaddr: sockaddr, peer: number): number {
  const sk = sock.sk as sock;
  const inet = inet_sk(sk);
  if (peer !== 0) {
    if (
      inet.skc_dport === 0 ||
      (((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_SYN_SENT)) !== 0 && peer === 1)
    ) return -ENOTCONN;
    uaddr.sin_port = inet.skc_dport;
    uaddr.sin_addr = inet.skc_daddr;
  } else {
    uaddr.sin_port = inet.inet_sport;
    uaddr.sin_addr = inet.skc_rcv_saddr !== 0 ? inet.skc_rcv_saddr : inet.inet_saddr;
  }
  uaddr.sin_family = AF_INET;
  return SOCKADDR_IN_SIZE;
}

/** Binds the socket if it is not yet: 0 or -EAGAIN. */
export function inet_send_prepare(sk: sock): number {
  if (sk.skc_num === 0 && sk.skc_prot.no_autobind !== true && inet_autobind(sk) !== 0) {
    return -EAGAIN;
  }
  return 0;
}

/** Sends size bytes of msg: how many were sent, or a negative errno. */
export function inet_sendmsg(sock: socket, msg: msghdr, size: number): number | Promise<number> {
  const sk = sock.sk as sock;
  if (sk.skc_num === 0 && inet_send_prepare(sk) !== 0) return -EAGAIN;
  return sk.skc_prot.sendmsg!(sk, msg, size);
}

/** A splice has fewer bytes than it said. */
export function inet_splice_eof(sock: socket): void | Promise<void> {
  const sk = sock.sk as sock;
  if (inet_send_prepare(sk) !== 0) return;
  return sk.skc_prot.splice_eof?.(sock);
}

/** Receives up to size bytes into msg: how many, 0 at the end, or a negative errno. */
export function inet_recvmsg(
  sock: socket,
  msg: msghdr,
  size: number,
  flags: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  // Protocols that know from whom it came set it again.
  msg.msg_namelen = 0;
  return sk.skc_prot.recvmsg!(sk, msg, size, flags);
}

/** shutdown() by SHUT_*. */
export function inet_shutdown(sock: socket, how: number): number | Promise<number> {
  const sk = sock.sk as sock;
  if (how < SHUT_RD || how >= SHUTDOWN_MASK) return -EINVAL;
  // From SHUT_RD, SHUT_WR, SHUT_RDWR to the bits RCV_SHUTDOWN and SEND_SHUTDOWN.
  return after_sleep(lock_sock(sk), () => {
    const err = inet_shutdown_locked(sock, sk, how + 1);
    sk.sk_state_change(sk);
    release_sock(sk);
    return err;
  });
}

function inet_shutdown_locked(sock: socket, sk: sock, how: number): number {
  let err = 0;
  if (sock.state === SS_CONNECTING) {
    const opening = TCPF_SYN_SENT | TCPF_SYN_RECV | TCPF_CLOSE;
    sock.state = ((1 << sk.skc_state) & opening) !== 0 ? SS_DISCONNECTING : SS_CONNECTED;
  }
  switch (sk.skc_state) {
    case TCP_LISTEN:
    case TCP_SYN_SENT:
      if (sk.skc_state === TCP_LISTEN && (how & RCV_SHUTDOWN) === 0) break;
      err = sk.skc_prot.disconnect!(sk, O_NONBLOCK);
      sock.state = err !== 0 ? SS_DISCONNECTING : SS_UNCONNECTED;
      break;
    case TCP_CLOSE:
      // Go on all the same: whoever polls another end of the socket shall see EPOLLHUP.
      err = -ENOTCONN;
      /* falls through */
    default:
      sk.sk_shutdown |= how;
      sk.skc_prot.shutdown?.(sk, how);
  }
  return err;
}

/** A struct sockaddr_in at `off` of an ioctl's argument. */
function get_sockaddr(dv: DataView, off: number): sockaddr_in {
  return {
    sin_family: dv.getUint16(off, true),
    sin_port: dv.getUint16(off + 2),
    sin_addr: dv.getInt32(off + 4),
  };
}

function put_sockaddr(dv: DataView, off: number, sin: sockaddr_in): void {
  dv.setUint16(off, sin.sin_family, true);
  dv.setUint16(off + 2, sin.sin_port);
  dv.setInt32(off + 4, sin.sin_addr);
}

/** sizeof(struct rtentry) on 64-bit machines. */
const RTENTRY_SIZE = 120;

/** A struct rtentry. @differs rt_dev is a pointer, which an argument of bytes cannot have: no device */
function get_user_rtentry(dv: DataView): rtentry {
  return {
    rt_dst: get_sockaddr(dv, 8),
    rt_gateway: get_sockaddr(dv, 24),
    rt_genmask: get_sockaddr(dv, 40),
    rt_flags: dv.getUint16(56, true),
    rt_metric: dv.getInt16(80, true),
    rt_dev: null,
    rt_mtu: dv.getUint32(96, true),
    rt_window: dv.getUint32(104, true),
  };
}

function get_user_ifreq(dv: DataView): ifreq {
  let ifr_name = "";
  for (let i = 0; i < IFNAMSIZ - 1 && dv.getUint8(i) !== 0; i++) {
    ifr_name += String.fromCharCode(dv.getUint8(i));
  }
  return { ifr_name, ifr_addr: get_sockaddr(dv, IFR_IFRU), ifr_flags: dv.getInt16(IFR_IFRU, true) };
}

/** ioctl() of a socket; the argument is the struct as on 64-bit machines, little-endian. */
export function inet_ioctl(sock: socket, cmd: number, arg: Int32Array): number {
  const sk = sock.sk as sock;
  const n = sock_net(sk);
  const dv = new DataView(arg.buffer, arg.byteOffset, arg.byteLength);
  switch (cmd) {
    case SIOCADDRT:
    case SIOCDELRT:
      if (dv.byteLength < RTENTRY_SIZE) return -EFAULT;
      return ip_rt_ioctl(n, cmd, get_user_rtentry(dv));
    case SIOCDARP:
    case SIOCGARP:
    case SIOCSARP:
      return arp_ioctl(n, cmd, arg);
    case SIOCGIFADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFDSTADDR:
    case SIOCSIFADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
    case SIOCSIFDSTADDR:
    case SIOCSIFFLAGS: {
      if (dv.byteLength < IFREQ_SIZE) return -EFAULT;
      const ifr = get_user_ifreq(dv);
      const err = devinet_ioctl(n, cmd, ifr);
      if (err === 0 && cmd !== SIOCSIFFLAGS) put_sockaddr(dv, IFR_IFRU, ifr.ifr_addr);
      return err;
    }
    default:
      return sk.skc_prot.ioctl !== undefined ? sk.skc_prot.ioctl(sk, cmd, arg) : -ENOTTY;
  }
}

/** What the system calls do on a stream socket. */
export const inet_stream_ops: proto_ops = {
  family: PF_INET,
  release: inet_release,
  bind: inet_bind,
  connect: inet_stream_connect,
  accept: inet_accept,
  getname: inet_getname,
  poll: (file, sock, wait) => tcp_poll(file, sock, wait),
  ioctl: inet_ioctl,
  listen: inet_listen,
  shutdown: inet_shutdown,
  setsockopt: sock_common_setsockopt,
  getsockopt: sock_common_getsockopt,
  sendmsg: inet_sendmsg,
  recvmsg: inet_recvmsg,
  splice_read: tcp_splice_read,
  splice_eof: inet_splice_eof,
  set_peek_off: sk_set_peek_off,
  set_rcvlowat: (sk, val) => tcp_set_rcvlowat(sk, val),
  connect_locked: __inet_stream_connect,
};

/** What they do on a datagram socket. */
export const inet_dgram_ops: proto_ops = {
  family: PF_INET,
  release: inet_release,
  bind: inet_bind,
  connect: inet_dgram_connect,
  accept: sock_no_accept,
  getname: inet_getname,
  poll: udp_poll,
  ioctl: inet_ioctl,
  listen: sock_no_listen,
  shutdown: inet_shutdown,
  setsockopt: sock_common_setsockopt,
  getsockopt: sock_common_getsockopt,
  sendmsg: inet_sendmsg,
  recvmsg: inet_recvmsg,
  splice_eof: inet_splice_eof,
  set_peek_off: sk_set_peek_off,
};

/** What they do on a raw socket. */
export const inet_sockraw_ops: proto_ops = {
  family: PF_INET,
  release: inet_release,
  bind: inet_bind,
  connect: inet_dgram_connect,
  accept: sock_no_accept,
  getname: inet_getname,
  poll: datagram_poll,
  ioctl: inet_ioctl,
  listen: sock_no_listen,
  shutdown: inet_shutdown,
  setsockopt: sock_common_setsockopt,
  getsockopt: sock_common_getsockopt,
  sendmsg: inet_sendmsg,
  recvmsg: inet_recvmsg,
};

const inet_family_ops: net_proto_family = { family: PF_INET, create: inet_create };

/** The kinds of sockets that are there from the start. @differs no ping sockets */
const inetsw_array: readonly inet_protosw[] = [
  {
    type: SOCK_STREAM,
    protocol: IPPROTO_TCP,
    prot: tcp_prot,
    ops: inet_stream_ops,
    flags: INET_PROTOSW_PERMANENT | INET_PROTOSW_ICSK,
  },
  {
    type: SOCK_DGRAM,
    protocol: IPPROTO_UDP,
    prot: udp_prot,
    ops: inet_dgram_ops,
    flags: INET_PROTOSW_PERMANENT,
  },
  {
    type: SOCK_RAW,
    protocol: IPPROTO_IP,
    prot: raw_prot,
    ops: inet_sockraw_ops,
    flags: INET_PROTOSW_REUSE,
  },
];

/** Adds a kind of socket: before others, but behind permanent ones. 0, -EINVAL or -EPERM. @differs answers */
export function inet_register_protosw(p: inet_protosw): number {
  if (p.type >= SOCK_MAX) return -EINVAL;
  const kinds = inetsw[p.type];
  let at = 0;
  while (at < kinds.length && (kinds[at].flags & INET_PROTOSW_PERMANENT) !== 0) {
    if (kinds[at].protocol === p.protocol) return -EPERM;
    at++;
  }
  kinds.splice(at, 0, p);
  return 0;
}

export function inet_unregister_protosw(p: inet_protosw): void {
  if ((p.flags & INET_PROTOSW_PERMANENT) !== 0) return;
  const kinds = inetsw[p.type];
  const i = kinds.indexOf(p);
  if (i >= 0) kinds.splice(i, 1);
}

function __sk_prot_rehash(sk: sock): number {
  sk.skc_prot.unhash?.(sk);
  return sk.skc_prot.hash?.(sk) ?? 0;
}

/** The host's address changed while the connection was being opened: takes another one. */
export function inet_sk_reselect_saddr(sk: sock): number {
  const inet = inet_sk(sk);
  const old_saddr = inet.inet_saddr;
  const opt = inet.inet_opt;
  const daddr = opt !== null && opt.srr !== 0 ? opt.faddr : sk.skc_daddr;
  const fl4 = inet.cork_fl4;
  const rt = ip_route_connect(
    fl4,
    daddr,
    0,
    sk.skc_bound_dev_if,
    sk.sk_protocol,
    inet.inet_sport,
    sk.skc_dport,
    sk,
  );
  if (IS_ERR(rt)) return rt;
  sk_setup_caps(sk, rt);
  if (fl4.saddr === old_saddr) return 0;
  inet.inet_saddr = fl4.saddr;
  sk.skc_rcv_saddr = fl4.saddr;
  return __sk_prot_rehash(sk);
}

/** Makes sure of a route for the socket's packets: 0 or a negative errno. */
export function inet_sk_rebuild_header(sk: sock): number {
  if (__sk_dst_check(sk, 0) !== null) return 0;
  const inet = inet_sk(sk);
  const opt = inet.inet_opt;
  const daddr = opt !== null && opt.srr !== 0 ? opt.faddr : sk.skc_daddr;
  const rt = ip_route_output_ports(
    sock_net(sk),
    inet.cork_fl4,
    sk,
    daddr,
    inet.inet_saddr,
    sk.skc_dport,
    inet.inet_sport,
    sk.sk_protocol,
    RT_CONN_FLAGS(sk),
    sk.skc_bound_dev_if,
  );
  if (!IS_ERR(rt)) {
    sk_setup_caps(sk, rt);
    return 0;
  }
  let err: number = rt;
  sk.sk_route_caps = 0;
  if (
    sock_net(sk).ipv4.sysctl_ip_dynaddr === 0 || sk.skc_state !== TCP_SYN_SENT ||
    (sk.sk_userlocks & SOCK_BINDADDR_LOCK) !== 0 || (err = inet_sk_reselect_saddr(sk)) !== 0
  ) sk.sk_err_soft = -err;
  return err;
}

/** Cuts a large IPv4 packet: a list of packets, null where nothing is to be cut, or a negative errno. */
export function inet_gso_segment(skb: sk_buff, features: number): sk_buff | null | number {
  skb_reset_network_header(skb);
  const nhoff = skb.network_header - skb.mac_header;
  if (!pskb_may_pull(skb, 20)) return -EINVAL;
  let iph = ip_hdr(skb);
  const ihl = iph.ihl * 4;
  if (ihl < 20) return -EINVAL;
  let id = iph.id;
  const proto = iph.protocol;
  const df = (iph.frag_off & IP_DF) !== 0;
  if (!pskb_may_pull(skb, ihl)) return -EINVAL;
  __skb_pull(skb, ihl);
  skb_reset_transport_header(skb);
  const fixedid = (skb.shinfo.gso_type & SKB_GSO_TCP_FIXEDID) !== 0;
  if (fixedid && !df) return -EPROTONOSUPPORT;
  const ops = inet_offloads[proto];
  if (ops === null) return -EPROTONOSUPPORT;
  const segs = ops.gso_segment(skb, features);
  if (segs === null) skb.network_header = skb.mac_header + nhoff;
  if (IS_ERR_OR_NULL(segs)) return segs;
  for (let seg: sk_buff | null = segs; seg !== null; seg = seg.next) {
    seg.network_header = seg.mac_header + nhoff;
    iph = ip_hdr(seg);
    if (!fixedid) {
      iph.id = id & 0xffff;
      id += skb_is_gso(seg) ? seg.shinfo.gso_segs : 1;
    }
    iph.tot_len = seg.len - nhoff;
    ip_send_check(iph);
    skb_reset_mac_len(seg);
  }
  return segs;
}

/** Header of a packet that GRO holds. One object: it is used within inet_gro_receive() only. */
const gro_iph2 = new iphdr(new DataView(new ArrayBuffer(0)), 0);

/**
 * Finds the held packets that skb may be merged to, by the IP header; the transport protocol goes on.
 * Answers a held packet that must be passed on now, or null.
 */
export function inet_gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null {
  const cb = NAPI_GRO_CB(skb);
  const off = cb.data_offset;
  let flush = 1;
  let pp: sk_buff | null = null;
  receive: {
    const at = skb_gro_header(skb, off + 20, off);
    if (at < 0 || skb.head.u8[at] !== 0x45) break receive;
    skb.network_header = at;
    const iph = ip_hdr(skb);
    const ops = inet_offloads[iph.protocol];
    if (ops === null) break receive;
    const frag_off = iph.frag_off;
    if ((frag_off & (IP_MF | IP_OFFSET)) !== 0) break receive;
    if (ip_fast_csum(skb.head.u8, at, 5) !== 0) break receive;
    // A fragment, or bytes behind the packet, cannot be merged.
    flush = (iph.tot_len ^ (skb.len - off)) | (frag_off & ~IP_DF);
    inet_gro_match(head, skb, off, flush);
    cb.is_atomic = (frag_off & IP_DF) !== 0;
    cb.flush |= flush;
    skb_set_network_header(skb, off);
    skb_gro_pull(skb, 20);
    skb_set_transport_header(skb, cb.data_offset);
    pp = call_gro_receive(ops.gro_receive, head, skb);
  }
  skb_gro_flush_final(skb, pp, flush);
  return pp;
}

/** Marks the held packets of another flow, and those that skb must not follow. */
function inet_gro_match(head: sk_buff_head, skb: sk_buff, off: number, flush: number): void {
  const iph = ip_hdr(skb);
  const iph2 = gro_iph2;
  const id = iph.id;
  const df = iph.frag_off & IP_DF;
  for (let p = head.next; p !== null; p = p.next) {
    const pcb = NAPI_GRO_CB(p);
    if (!pcb.same_flow) continue;
    iph2.dv = p.head.dv;
    iph2.off = p.data + off;
    if (
      iph.protocol !== iph2.protocol || iph.saddr !== iph2.saddr || iph.daddr !== iph2.daddr
    ) {
      pcb.same_flow = false;
      continue;
    }
    pcb.flush |= (iph.ttl ^ iph2.ttl) | (iph.tos ^ iph2.tos) |
      ((iph.frag_off ^ iph2.frag_off) & IP_DF) | flush;
    let flush_id = (id - iph2.id) & 0xffff;
    // Only packets that are never fragmented may have any ID; others must count up by one.
    if (!pcb.is_atomic || df === 0) flush_id = (flush_id ^ pcb.count) !== 0 ? 0xffff : 0;
    if (NAPI_GRO_CB(skb).is_atomic) pcb.flush_id = flush_id;
    else pcb.flush_id |= flush_id;
  }
}

/** A merged packet goes up: mends its length and checksum. */
export function inet_gro_complete(skb: sk_buff, nhoff: number): number {
  skb.network_header = skb.data + nhoff;
  const iph = ip_hdr(skb);
  const ops = inet_offloads[iph.protocol];
  iph.tot_len = skb.len - nhoff;
  ip_send_check(iph);
  if (WARN_ONCE(ops === null, "inet_gro_complete: no offload")) return -ENOSYS;
  return ops!.gro_complete(skb, nhoff + 20);
}

const tcp_protocol: net_protocol = {
  early_demux: (skb) => tcp_v4_early_demux(skb),
  handler: (skb) => tcp_v4_rcv(skb),
  err_handler: (skb, info) => tcp_v4_err(skb, info),
  no_policy: true,
  icmp_strict_tag_validation: true,
};

const udp_protocol: net_protocol = {
  handler: (skb) => udp_rcv(skb),
  err_handler: (skb, info) => udp_err(skb, info),
  no_policy: true,
  icmp_strict_tag_validation: false,
};

const icmp_protocol: net_protocol = {
  handler: (skb) => icmp_rcv(skb),
  err_handler: (skb, info) => icmp_err(skb, info),
  no_policy: true,
  icmp_strict_tag_validation: false,
};

function ipv4_mib_init_net(n: net): number {
  const mib = n.mib;
  mib.tcp_statistics.fill(0);
  mib.ip_statistics.fill(0);
  mib.net_statistics.fill(0);
  mib.udp_statistics.fill(0);
  mib.icmp_statistics.fill(0);
  mib.icmpmsg_statistics.fill(0);
  tcp_mib_init(n);
  return 0;
}

/** The values of MIB-II that never change: RTO algorithm (van Jacobson's), its limits in ms, no limit of connections. */
function tcp_mib_init(n: net): void {
  const tcp = n.mib.tcp_statistics;
  tcp[TCP_MIB_RTOALGORITHM] = 1;
  tcp[TCP_MIB_RTOMIN] = 200;
  tcp[TCP_MIB_RTOMAX] = 120000;
  tcp[TCP_MIB_MAXCONN] = -1;
}

const ipv4_mib_ops: pernet_operations = { init: ipv4_mib_init_net };

/** A host's defaults; the other sysctls have theirs in the class. */
function inet_init_net(n: net): number {
  n.ipv4.ip_local_ports = [32768, 60999];
  n.ipv4.sysctl_ip_default_ttl = 64;
  n.ipv4.sysctl_ip_fwd_update_priority = 1;
  n.ipv4.sysctl_ip_dynaddr = 0;
  n.ipv4.sysctl_ip_early_demux = 1;
  n.ipv4.sysctl_udp_early_demux = 1;
  // The notes look the socket up in tcp_v4_rcv(); 1 does it in ip_rcv_finish().
  n.ipv4.sysctl_tcp_early_demux = 0;
  n.ipv4.sysctl_ip_prot_sock = 1024;
  return 0;
}

const af_inet_ops: pernet_operations = { init: inet_init_net };

const ip_packet_offload: packet_offload = {
  type: ETH_P_IP,
  priority: 0,
  gso_segment: inet_gso_segment,
  gro_receive: inet_gro_receive,
  gro_complete: inet_gro_complete,
};

function ipv4_offload_init(): number {
  inet_offloads.fill(null);
  udpv4_offload_init();
  tcpv4_offload_init();
  dev_add_offload(ip_packet_offload);
  return 0;
}

const ip_packet_type: packet_type = {
  type: ETH_P_IP,
  dev: null,
  func: (skb, dev, pt, orig_dev) => ip_rcv(skb, dev, pt, orig_dev),
  list_func: (head, pt, orig_dev) => ip_list_rcv(head, pt, orig_dev),
};

/** Makes the files of /proc/net: tables and counters. */
function ipv4_proc_init(): number {
  proc_create_net_single("tcp", tcp4_proc_show);
  proc_create_net_single("arp", arp_seq_show);
  return ip_misc_proc_init();
}

/** Starts IPv4: behind sock_init() and net_dev_init(). 0 or a negative errno. */
export function inet_init(): number {
  raw_hashinfo_init();
  for (const prot of [tcp_prot, udp_prot, raw_prot]) {
    const rc = proto_register(prot, 1);
    if (rc !== 0) return rc;
  }
  sock_register(inet_family_ops);
  inet_protos.fill(null);
  inet_add_protocol(icmp_protocol, IPPROTO_ICMP);
  inet_add_protocol(udp_protocol, IPPROTO_UDP);
  inet_add_protocol(tcp_protocol, IPPROTO_TCP);
  for (let type = 0; type < SOCK_MAX; type++) inetsw[type] = [];
  for (const q of inetsw_array) inet_register_protosw(q);
  arp_init();
  ip_init();
  register_pernet_subsys(ipv4_mib_ops);
  // Before what makes the kernel's own sockets: they take the host's defaults.
  register_pernet_subsys(af_inet_ops);
  syncookies_init();
  tcp_init();
  ipv4_specific.rebuild_header = inet_sk_rebuild_header;
  tcp_v4_init();
  udp_init();
  raw_init();
  const rc = icmp_init();
  if (rc < 0) return rc;
  sysctl_ipv4_init();
  ipv4_proc_init();
  ipfrag_init();
  ipv4_offload_init();
  dev_add_pack(ip_packet_type);
  return 0;
}

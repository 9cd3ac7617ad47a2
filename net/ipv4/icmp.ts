// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP. icmp_rcv() takes a message and hands it to the handler of its type: icmp_echo() and
// icmp_timestamp() answer by icmp_reply(); icmp_unreach() and icmp_redirect() tell the protocol whose
// packet it was about (net_protocol.err_handler). Whoever drops a packet calls icmp_send() of
// include/net/icmp.ts, which is __icmp_send() here. Both kinds of sending go through
// icmp_push_reply() and the control socket of the host.

import { IS_ERR } from "../../include/linux/err.ts";
import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import { IFF_LOOPBACK, NET_RX_DROP, NET_RX_SUCCESS } from "../../include/linux/netdevice.ts";
import { SOCK_RAW } from "../../include/linux/net.ts";
import { get_random_u32_below } from "../../include/linux/random.ts";
import {
  CHECKSUM_NONE,
  icmp_hdr,
  ip_hdr,
  ip_options,
  PACKET_HOST,
  skb_network_offset,
  skb_peek,
  skb_transport_offset,
  SKB_TRUESIZE,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { MSG_DONTWAIT, PF_INET } from "../../include/linux/socket.ts";
import {
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_INVALID_PROTO,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_NO_SOCKET,
  SKB_DROP_REASON_NOMEM,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  SKB_NOT_DROPPED_YET,
} from "../../include/net/dropreason.ts";
import { dst_mtu } from "../../include/net/dst.ts";
import { flowi4 } from "../../include/net/flow.ts";
import {
  __ICMP_INC_STATS,
  ICMP_INC_STATS,
  ICMPMSGIN_INC_STATS,
  ICMPMSGOUT_INC_STATS,
  register_icmp_send,
} from "../../include/net/icmp.ts";
import type { icmp_err as icmp_err_t } from "../../include/net/icmp.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { inet_current_timestamp, IP_OFFSET, ipcm_cookie, ipcm_init } from "../../include/net/ip.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import { inet_protos } from "../../include/net/protocol.ts";
import { raw_icmp_error } from "../../include/net/raw.ts";
import {
  inet_iif,
  RT_TOS,
  RTCF_BROADCAST,
  RTCF_LOCAL,
  RTCF_MULTICAST,
  skb_rtable,
} from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import { sock_net, sock_set_flag, SOCK_USE_WRITE_QUEUE } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_ADDRESS,
  ICMP_ADDRESSREPLY,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
  NR_ICMP_TYPES,
  NR_ICMP_UNREACH,
} from "../../include/uapi/linux/icmp.ts";
import { IP_PMTUDISC_DONT, IPPROTO_ICMP, IPPROTO_RAW } from "../../include/uapi/linux/in.ts";
import { IPTOS_PREC_INTERNETCONTROL } from "../../include/uapi/linux/ip.ts";
import { RT_SCOPE_LINK, RTN_BROADCAST } from "../../include/uapi/linux/rtnetlink.ts";
import {
  ICMP_MIB_CSUMERRORS,
  ICMP_MIB_INERRORS,
  ICMP_MIB_INMSGS,
  ICMP_MIB_INTIMEEXCDS,
  ICMP_MIB_OUTERRORS,
  ICMP_MIB_OUTMSGS,
  ICMP_MIB_RATELIMITGLOBAL,
  ICMP_MIB_RATELIMITHOST,
} from "../../include/uapi/linux/snmp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { csum_add, csum_block_add, csum_fold, csum_partial_copy } from "../../lib/checksum.ts";
import { dev_get_by_index } from "../core/dev.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import {
  consume_skb,
  kfree_skb_reason,
  pskb_may_pull,
  pskb_pull,
  skb_checksum,
  skb_checksum_simple_validate,
  skb_copy_and_csum_bits,
  skb_copy_bits,
} from "../core/skbuff.ts";
import { inet_select_addr } from "./devinet.ts";
import { fib_compute_spec_dst, inet_addr_type_dev_table } from "./fib_frontend.ts";
import { inet_ctl_sock_create, inet_ctl_sock_destroy } from "./inet_sock_state.ts";
import { inet_getpeer_v4, inet_peer_xrlim_allow } from "./inetpeer.ts";
import { __ip_options_echo, ip_options_echo } from "./ip_options.ts";
import { ip_append_data, ip_flush_pending_frames, ip_push_pending_frames } from "./ip_output.ts";
import { ip_route_output_key, ipv4_redirect, ipv4_update_pmtu } from "./route.ts";

/** An answer or error that is being made. */
class icmp_bxm {
  /** The packet that it answers, and where in it the data begin that it carries. */
  skb: sk_buff | null = null;
  offset = 0;
  data_len = 0;
  /** The ICMP header, with the times of a timestamp message behind it. */
  head_len = 8;
  readonly data = new Uint8Array(8 + 12);
  readonly dv = new DataView(this.data.buffer);
  readonly replyopts = new ip_options();

  get type(): number {
    return this.data[0];
  }
  get code(): number {
    return this.data[1];
  }

  /** Takes the ICMP header of skb with another type and code, checksum 0. */
  from_header(skb: sk_buff, type: number, code: number): void {
    const h = skb.transport_header;
    for (let i = 0; i < 8; i++) this.data[i] = skb.head.u8[h + i];
    this.data[0] = type;
    this.data[1] = code;
    this.data[2] = this.data[3] = 0;
    this.skb = skb;
  }
}

/** Errno of each code of 'destination unreachable'. @rfc 1122 3.2.2.1 */
export const icmp_err_convert: readonly icmp_err_t[] = [
  { errno: ENETUNREACH, fatal: false }, // ICMP_NET_UNREACH
  { errno: EHOSTUNREACH, fatal: false }, // ICMP_HOST_UNREACH
  { errno: ENOPROTOOPT, fatal: true }, // ICMP_PROT_UNREACH
  { errno: ECONNREFUSED, fatal: true }, // ICMP_PORT_UNREACH
  { errno: EMSGSIZE, fatal: false }, // ICMP_FRAG_NEEDED
  { errno: EOPNOTSUPP, fatal: false }, // ICMP_SR_FAILED
  { errno: ENETUNREACH, fatal: true }, // ICMP_NET_UNKNOWN
  { errno: EHOSTDOWN, fatal: true }, // ICMP_HOST_UNKNOWN
  { errno: ENONET, fatal: true }, // ICMP_HOST_ISOLATED
  { errno: ENETUNREACH, fatal: true }, // ICMP_NET_ANO
  { errno: EHOSTUNREACH, fatal: true }, // ICMP_HOST_ANO
  { errno: ENETUNREACH, fatal: false }, // ICMP_NET_UNR_TOS
  { errno: EHOSTUNREACH, fatal: false }, // ICMP_HOST_UNR_TOS
  { errno: EHOSTUNREACH, fatal: true }, // ICMP_PKT_FILTERED
  { errno: EHOSTUNREACH, fatal: true }, // ICMP_PREC_VIOLATION
  { errno: EHOSTUNREACH, fatal: true }, // ICMP_PREC_CUTOFF
];

/** What a message type is, and who handles it: an SKB_DROP_REASON_*, SKB_NOT_DROPPED_YET for none. */
interface icmp_control {
  handler(skb: sk_buff): number;
  /** It is an error, and gets none in return. */
  error: boolean;
}

// One message is made at a time: icmp_xmit_lock() keeps an error about an ICMP message out.
const icmp_param = new icmp_bxm();
const ipc = new ipcm_cookie();
const fl4 = new flowi4();
let xmit_locked = false;

/** The host's control socket, or null where it is in use: a link failed under an ICMP message. */
function icmp_xmit_lock(n: net): sock | null {
  const sk = n.ipv4.icmp_sk;
  if (xmit_locked || sk === null) return null;
  xmit_locked = true;
  return sk;
}

function icmp_xmit_unlock(_sk: sock): void {
  xmit_locked = false;
  icmp_param.skb = null;
}

/** The host may send one more message: icmp_msgs_per_sec, by a token bucket of icmp_msgs_burst. */
export function icmp_global_allow(n: net): boolean {
  const ipv4 = n.ipv4;
  if (ipv4.icmp_global_credit > 0) return true;
  const delta = Math.min((jiffies - ipv4.icmp_global_stamp) >>> 0, HZ);
  if (delta < HZ / 50) return false;
  const incr = Math.floor(ipv4.sysctl_icmp_msgs_per_sec * delta / HZ);
  if (incr === 0) return false;
  ipv4.icmp_global_stamp = jiffies;
  ipv4.icmp_global_credit = Math.min(
    ipv4.icmp_global_credit + incr,
    ipv4.sysctl_icmp_msgs_burst,
  );
  return true;
}

/** Takes none to two credits, so that nobody can count our messages by them. */
export function icmp_global_consume(n: net): void {
  n.ipv4.icmp_global_credit -= get_random_u32_below(3);
}

/** Messages of this type are not limited. */
function icmpv4_mask_allow(n: net, type: number, code: number): boolean {
  if (type > NR_ICMP_TYPES) return true;
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) return true;
  return ((1 << type) & n.ipv4.sysctl_icmp_ratemask) === 0;
}

function icmpv4_global_allow(n: net, type: number, code: number): boolean {
  if (icmpv4_mask_allow(n, type, code) || icmp_global_allow(n)) return true;
  __ICMP_INC_STATS(n, ICMP_MIB_RATELIMITGLOBAL);
  return false;
}

/** This host may get one more of these messages (icmp_ratelimit). */
function icmpv4_xrlim_allow(
  n: net,
  rt: rtable,
  fl: flowi4,
  type: number,
  code: number,
  apply_ratelimit: boolean,
): boolean {
  if (!apply_ratelimit || icmpv4_mask_allow(n, type, code)) return true;
  let rc = true;
  if ((rt.dev.flags & IFF_LOOPBACK) === 0) {
    const peer = inet_getpeer_v4(n.ipv4.peers, fl.daddr, 0);
    rc = inet_peer_xrlim_allow(peer, n.ipv4.sysctl_icmp_ratelimit);
  }
  if (rc) icmp_global_consume(n);
  else __ICMP_INC_STATS(n, ICMP_MIB_RATELIMITHOST);
  return rc;
}

/** Counts a message that goes out. */
export function icmp_out_count(n: net, type: number): void {
  ICMPMSGOUT_INC_STATS(n, type);
  ICMP_INC_STATS(n, ICMP_MIB_OUTMSGS);
}

/** Copies a piece of the message's data and sums it. */
function icmp_glue_bits(
  from: icmp_bxm,
  to: Uint8Array,
  to_off: number,
  offset: number,
  len: number,
  odd: number,
  skb: sk_buff,
): number {
  const csum = skb_copy_and_csum_bits(from.skb!, from.offset + offset, to, len, to_off);
  skb.csum = csum_block_add(skb.csum, csum, odd);
  return 0;
}

/** Builds and sends the message. */
function icmp_push_reply(
  sk: sock,
  param: icmp_bxm,
  fl: flowi4,
  ipc: ipcm_cookie,
  rt: rtable,
): void {
  const err = ip_append_data(
    sk,
    fl,
    icmp_glue_bits,
    param,
    param.data_len + param.head_len,
    param.head_len,
    ipc,
    rt,
    MSG_DONTWAIT,
  ) as number;
  if (err < 0) {
    __ICMP_INC_STATS(sock_net(sk), ICMP_MIB_OUTERRORS);
    ip_flush_pending_frames(sk);
    return;
  }
  const skb = skb_peek(sk.sk_write_queue);
  if (skb === null) return;
  let csum = csum_partial_copy(
    param.data,
    0,
    skb.head.u8,
    skb.transport_header,
    param.head_len,
    0,
  );
  for (let skb1: sk_buff | null = skb; skb1 !== null; skb1 = skb1.next) {
    csum = csum_add(csum, skb1.csum);
  }
  icmp_hdr(skb).checksum = csum_fold(csum);
  skb.ip_summed = CHECKSUM_NONE;
  ip_push_pending_frames(sk, fl);
}

/** The mark of answers: that of the packet where fwmark_reflect says so. */
function IP4_REPLY_MARK(n: net, mark: number): number {
  return n.ipv4.sysctl_fwmark_reflect !== 0 ? mark : 0;
}

function icmp_flow_init(daddr: number, saddr: number, mark: number, tos: number): void {
  fl4.flowi4_oif = 0;
  fl4.flowi4_iif = 0;
  fl4.flowi4_mark = mark;
  fl4.flowi4_tos = tos;
  fl4.flowi4_scope = 0;
  fl4.flowi4_proto = IPPROTO_ICMP;
  fl4.flowi4_flags = 0;
  fl4.flowi4_uid = 0;
  fl4.daddr = daddr;
  fl4.saddr = saddr;
  fl4.fl4_sport = fl4.fl4_dport = 0;
  fl4.fl4_icmp_type = fl4.fl4_icmp_code = 0;
}

/** Sends icmp_param back to where skb came from. */
function icmp_reply(param: icmp_bxm, skb: sk_buff): void {
  const n = skb_rtable(skb)!.dev.nd_net;
  const { type, code } = param;
  if (ip_options_echo(n, param.replyopts, skb) !== 0) return;

  local_bh_disable();
  if (icmpv4_global_allow(n, type, code)) {
    const sk = icmp_xmit_lock(n);
    if (sk !== null) {
      icmp_reply_locked(sk, n, param, skb);
      icmp_xmit_unlock(sk);
    }
  }
  local_bh_enable();
}

function icmp_reply_locked(sk: sock, n: net, param: icmp_bxm, skb: sk_buff): void {
  const iph = ip_hdr(skb);
  const mark = IP4_REPLY_MARK(n, skb.mark);
  ipcm_init(ipc);
  inet_sk(sk).tos = iph.tos;
  ipc.sockc.mark = mark;
  let daddr = ipc.addr = iph.saddr;
  const saddr = fib_compute_spec_dst(skb);
  if (param.replyopts.optlen !== 0) {
    ipc.opt = param.replyopts;
    if (ipc.opt.srr !== 0) daddr = ipc.opt.faddr;
  }
  icmp_flow_init(daddr, saddr, mark, RT_TOS(iph.tos));
  const rt = ip_route_output_key(n, fl4);
  if (IS_ERR(rt)) return;
  if (icmpv4_xrlim_allow(n, rt, fl4, param.type, param.code, true)) {
    icmp_push_reply(sk, param, fl4, ipc, rt);
  }
}

/** The route of an error about a packet from iph's source. */
function icmp_route_lookup(
  n: net,
  faddr: number,
  saddr: number,
  tos: number,
  mark: number,
  type: number,
  code: number,
): rtable | number {
  icmp_flow_init(faddr, saddr, mark, RT_TOS(tos));
  fl4.fl4_icmp_type = type;
  fl4.fl4_icmp_code = code;
  return ip_route_output_key(n, fl4);
}

/** skb_in is an ICMP error, or of an unknown type: it gets no error in return. */
function icmp_about_error(skb_in: sk_buff): boolean {
  const at = skb_network_offset(skb_in) + (ip_hdr(skb_in).ihl << 2);
  if (at + 1 > skb_in.len || skb_copy_bits(skb_in, at, inner_type, 1) !== 0) return true;
  const type = inner_type[0];
  return type > NR_ICMP_TYPES || icmp_pointers[type].error;
}

const inner_type = new Uint8Array(1);

/**
 * Sends an error about skb_in to its sender, unless it must not have one: errors, later fragments,
 * and what was not sent to one host alone. `info` is the header's second word. @rfc 1122 3.2.2
 */
export function __icmp_send(
  skb_in: sk_buff,
  type: number,
  code: number,
  info: number,
  opt: ip_options,
): void {
  const rt = skb_rtable(skb_in);
  if (rt === null) return;
  const n = rt.dev.nd_net;
  if (skb_in.network_header < 0 || skb_in.network_header + 20 > skb_in.tail) return;
  if (skb_in.pkt_type !== PACKET_HOST) return;
  if ((rt.rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0) return;
  const iph = ip_hdr(skb_in);
  if ((iph.frag_off & IP_OFFSET) !== 0) return;
  const is_error = icmp_pointers[type].error;
  if (is_error && iph.protocol === IPPROTO_ICMP && icmp_about_error(skb_in)) return;

  local_bh_disable();
  // Nobody limits what a host says to itself.
  const limited = skb_in.dev === null || (skb_in.dev.flags & IFF_LOOPBACK) === 0;
  if (!limited || icmpv4_global_allow(n, type, code)) {
    const sk = icmp_xmit_lock(n);
    if (sk !== null) {
      icmp_send_locked(sk, n, skb_in, rt, type, code, info, opt, limited);
      icmp_xmit_unlock(sk);
    }
  }
  local_bh_enable();
}

/** The source address of an error: the one that the packet was for, if it is ours. @local */
function icmp_send_saddr(n: net, skb_in: sk_buff, rt: rtable): number {
  const iph = ip_hdr(skb_in);
  if ((rt.rt_flags & RTCF_LOCAL) !== 0) return iph.daddr;
  if (!rt.rt_is_input || n.ipv4.sysctl_icmp_errors_use_inbound_ifaddr === 0) return 0;
  const dev = dev_get_by_index(n, inet_iif(skb_in));
  return dev !== null ? inet_select_addr(dev, iph.saddr, RT_SCOPE_LINK) : 0;
}

/** 192.0.0.8: the source of an error where this host has no address. @rfc 7600 */
const INADDR_DUMMY = 0xc0000008 | 0;

function icmp_send_locked(
  sk: sock,
  n: net,
  skb_in: sk_buff,
  rt_in: rtable,
  type: number,
  code: number,
  info: number,
  opt: ip_options,
  limited: boolean,
): void {
  const saddr = icmp_send_saddr(n, skb_in, rt_in);
  const iph = ip_hdr(skb_in);
  const tos = icmp_pointers[type].error ? RT_TOS(iph.tos) | IPTOS_PREC_INTERNETCONTROL : iph.tos;
  const mark = IP4_REPLY_MARK(n, skb_in.mark);
  const { replyopts } = icmp_param;
  if (__ip_options_echo(n, replyopts, skb_in, opt) !== 0) return;

  icmp_param.data[0] = type;
  icmp_param.data[1] = code;
  icmp_param.dv.setUint16(2, 0);
  icmp_param.dv.setInt32(4, info);
  icmp_param.skb = skb_in;
  icmp_param.offset = skb_network_offset(skb_in);
  inet_sk(sk).tos = tos;
  ipcm_init(ipc);
  ipc.addr = iph.saddr;
  ipc.opt = replyopts.optlen !== 0 ? replyopts : null;
  ipc.sockc.mark = mark;

  const faddr = replyopts.srr !== 0 ? replyopts.faddr : iph.saddr;
  const rt = icmp_route_lookup(n, faddr, saddr, tos, mark, type, code);
  if (IS_ERR(rt)) return;
  if (!icmpv4_xrlim_allow(n, rt, fl4, type, code, limited)) return;

  // As much of the packet as fits into 576 bytes. @rfc 1812 4.3.2.3
  const room = Math.min(dst_mtu(rt), 576) - 20 - replyopts.optlen - 8;
  if (room <= 20) return;
  icmp_param.data_len = Math.min(skb_in.len - icmp_param.offset, room);
  icmp_param.head_len = 8;
  if (fl4.saddr === 0) fl4.saddr = INADDR_DUMMY;
  icmp_push_reply(sk, icmp_param, fl4, ipc, rt);
}

/** Gives an error to the protocol whose packet it is about: data is the packet's IP header. */
function icmp_socket_deliver(skb: sk_buff, info: number): void {
  const protocol = skb.head.u8[skb.data + 9];
  const ihl = (skb.head.u8[skb.data] & 15) << 2;
  // Eight bytes of the transport header, that the handlers need not look.
  if (protocol === IPPROTO_RAW || !pskb_may_pull(skb, ihl + 8)) {
    __ICMP_INC_STATS(skb.dev!.nd_net, ICMP_MIB_INERRORS);
    return;
  }
  raw_icmp_error(skb, protocol, info);
  const ipprot = inet_protos[protocol];
  if (ipprot !== null && ipprot.err_handler !== undefined) ipprot.err_handler(skb, info);
}

/** The protocol checks that an error is about a packet that it has sent. */
function icmp_tag_validation(proto: number): boolean {
  const ipprot = inet_protos[proto];
  return ipprot !== null && ipprot.icmp_strict_tag_validation;
}

/** Unreachable, time exceeded, source quench, parameter problem. */
export function icmp_unreach(skb: sk_buff): number {
  const n = skb._skb_refdst!.dev.nd_net;
  if (!pskb_may_pull(skb, 20)) {
    __ICMP_INC_STATS(n, ICMP_MIB_INERRORS);
    return SKB_DROP_REASON_PKT_TOO_SMALL;
  }
  const icmph = icmp_hdr(skb);
  const { u8, dv } = skb.head;
  if ((u8[skb.data] & 15) < 5) {
    __ICMP_INC_STATS(n, ICMP_MIB_INERRORS);
    return SKB_DROP_REASON_IP_INHDR;
  }

  let info = 0;
  switch (icmph.type) {
    case ICMP_DEST_UNREACH:
      if (icmph.code > NR_ICMP_UNREACH) return SKB_NOT_DROPPED_YET;
      if (icmph.code === ICMP_FRAG_NEEDED) {
        const no_pmtu_disc = n.ipv4.sysctl_ip_no_pmtu_disc;
        if (no_pmtu_disc === 2) return SKB_NOT_DROPPED_YET;
        if (no_pmtu_disc === 3 && !icmp_tag_validation(u8[skb.data + 9])) {
          return SKB_NOT_DROPPED_YET;
        }
        if (no_pmtu_disc === 0 || no_pmtu_disc === 3) info = icmph.sequence;
      }
      break;
    case ICMP_PARAMETERPROB:
      info = icmph.un >>> 24;
      break;
    case ICMP_TIME_EXCEEDED:
      __ICMP_INC_STATS(n, ICMP_MIB_INTIMEEXCDS);
      if (icmph.code === ICMP_EXC_FRAGTIME) return SKB_NOT_DROPPED_YET;
      break;
  }
  // About a broadcast there are no errors. @rfc 1122 3.2.2
  if (
    n.ipv4.sysctl_icmp_ignore_bogus_error_responses === 0 &&
    inet_addr_type_dev_table(n, skb.dev!, dv.getInt32(skb.data + 16)) === RTN_BROADCAST
  ) return SKB_NOT_DROPPED_YET;
  icmp_socket_deliver(skb, info);
  return SKB_NOT_DROPPED_YET;
}

/** A router knows a better first hop. @rfc 1122 3.2.2.2 */
export function icmp_redirect(skb: sk_buff): number {
  if (skb.len < 20) {
    __ICMP_INC_STATS(skb.dev!.nd_net, ICMP_MIB_INERRORS);
    return SKB_DROP_REASON_PKT_TOO_SMALL;
  }
  if (!pskb_may_pull(skb, 20)) return SKB_DROP_REASON_NOMEM;
  icmp_socket_deliver(skb, icmp_hdr(skb).un);
  return SKB_NOT_DROPPED_YET;
}

/** Answers a ping. @rfc 1122 3.2.2.6 */
export function icmp_echo(skb: sk_buff): number {
  const n = skb._skb_refdst!.dev.nd_net;
  if (n.ipv4.sysctl_icmp_echo_ignore_all !== 0) return SKB_NOT_DROPPED_YET;
  icmp_param.from_header(skb, ICMP_ECHOREPLY, icmp_hdr(skb).code);
  icmp_param.offset = 0;
  icmp_param.data_len = skb.len;
  icmp_param.head_len = 8;
  icmp_reply(icmp_param, skb);
  return SKB_NOT_DROPPED_YET;
}

/** Answers with the time of day, ms since midnight UT. @rfc 792 */
export function icmp_timestamp(skb: sk_buff): number {
  if (skb.len < 4) {
    __ICMP_INC_STATS(skb._skb_refdst!.dev.nd_net, ICMP_MIB_INERRORS);
    return SKB_DROP_REASON_PKT_TOO_SMALL;
  }
  icmp_param.from_header(skb, ICMP_TIMESTAMPREPLY, 0);
  const now = inet_current_timestamp();
  skb_copy_bits(skb, 0, icmp_param.data, 4, 8);
  icmp_param.dv.setInt32(12, now);
  icmp_param.dv.setInt32(16, now);
  icmp_param.offset = 0;
  icmp_param.data_len = 0;
  icmp_param.head_len = 8 + 12;
  icmp_reply(icmp_param, skb);
  return SKB_NOT_DROPPED_YET;
}

/** Types that nobody uses any more. */
export function icmp_discard(_skb: sk_buff): number {
  return SKB_NOT_DROPPED_YET;
}

/** An answer to a ping; raw sockets have their copies already. @differs there are no ping sockets */
function ping_rcv(_skb: sk_buff): number {
  return SKB_DROP_REASON_NO_SOCKET;
}

/** An ICMP message, for ip_local_deliver(). */
export function icmp_rcv(skb: sk_buff): number {
  const rt = skb_rtable(skb)!;
  const n = rt.dev.nd_net;
  __ICMP_INC_STATS(n, ICMP_MIB_INMSGS);

  if (skb_checksum_simple_validate(skb) !== 0) {
    __ICMP_INC_STATS(n, ICMP_MIB_CSUMERRORS);
    return icmp_rcv_error(n, skb, SKB_DROP_REASON_ICMP_CSUM);
  }
  if (pskb_pull(skb, 8) < 0) return icmp_rcv_error(n, skb, SKB_DROP_REASON_PKT_TOO_SMALL);
  const { type } = icmp_hdr(skb);
  ICMPMSGIN_INC_STATS(n, type);
  // Unknown types are discarded silently. @rfc 1122 3.2.2
  if (type > NR_ICMP_TYPES) return icmp_rcv_error(n, skb, SKB_DROP_REASON_UNHANDLED_PROTO);

  if ((rt.rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) !== 0) {
    const query = type === ICMP_ECHO || type === ICMP_TIMESTAMP;
    const ignored = query
      ? n.ipv4.sysctl_icmp_echo_ignore_broadcasts !== 0
      : type !== ICMP_ADDRESS && type !== ICMP_ADDRESSREPLY;
    if (ignored) return icmp_rcv_error(n, skb, SKB_DROP_REASON_INVALID_PROTO);
  }

  const reason = icmp_pointers[type].handler(skb);
  if (reason === SKB_NOT_DROPPED_YET) {
    consume_skb(skb);
    return NET_RX_SUCCESS;
  }
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

function icmp_rcv_error(n: net, skb: sk_buff, reason: number): number {
  __ICMP_INC_STATS(n, ICMP_MIB_INERRORS);
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

/** The extensions behind the quoted packet are well formed, or of another version. */
function ip_icmp_error_rfc4884_validate(skb: sk_buff, off: number): boolean {
  const head = new Uint8Array(4);
  if (off + 4 > skb.len) return false;
  skb_copy_bits(skb, off, head, 4);
  if (head[0] >> 4 !== 2) return true;
  if (
    (head[2] | head[3]) !== 0 && csum_fold(skb_checksum(skb, off, skb.len - off, 0)) !== 0
  ) return false;
  for (off += 4; off < skb.len;) {
    if (off + 4 > skb.len) return false;
    skb_copy_bits(skb, off, head, 4);
    const olen = (head[0] << 8) | head[1];
    if (olen < 4) return false;
    off += olen;
    if (off > skb.len) return false;
  }
  return true;
}

export const SO_EE_RFC4884_FLAG_INVALID = 1;

/**
 * Where the extensions of an error begin in what skb still holds: `off` is the length of the quoted
 * packet as the error says, thlen the transport header that was taken off. out.len stays 0 without.
 * @rfc 4884
 */
export function ip_icmp_error_rfc4884(
  skb: sk_buff,
  out: { len: number; flags: number },
  thlen: number,
  off: number,
): void {
  const hlen = -skb_transport_offset(skb) - thlen;
  if (off < 128 || off < hlen) return;
  off -= hlen;
  if (off + 4 > skb.len) return;
  out.len = off;
  if (!ip_icmp_error_rfc4884_validate(skb, off)) out.flags |= SO_EE_RFC4884_FLAG_INVALID;
}

/** An error about an ICMP message of ours: data is its IP header. */
export function icmp_err(skb: sk_buff, info: number): number {
  const ihl = (skb.head.u8[skb.data] & 15) << 2;
  const inner = skb.head.u8[skb.data + ihl];
  // Errors about pings are for their sockets.
  if (inner !== ICMP_ECHOREPLY) return 0;
  const n = skb.dev!.nd_net;
  const { type, code } = icmp_hdr(skb);
  if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
    ipv4_update_pmtu(skb, n, info, 0, IPPROTO_ICMP);
  } else if (type === ICMP_REDIRECT) {
    ipv4_redirect(skb, n, 0, IPPROTO_ICMP);
  }
  return 0;
}

const icmp_unknown: icmp_control = { handler: icmp_discard, error: true };
const icmp_info: icmp_control = { handler: icmp_discard, error: false };

/** Who handles each type. */
const icmp_pointers: readonly icmp_control[] = [
  { handler: ping_rcv, error: false }, // ICMP_ECHOREPLY
  icmp_unknown,
  icmp_unknown,
  { handler: icmp_unreach, error: true }, // ICMP_DEST_UNREACH
  { handler: icmp_unreach, error: true }, // ICMP_SOURCE_QUENCH
  { handler: icmp_redirect, error: true }, // ICMP_REDIRECT
  icmp_unknown,
  icmp_unknown,
  { handler: icmp_echo, error: false }, // ICMP_ECHO
  icmp_unknown,
  icmp_unknown,
  { handler: icmp_unreach, error: true }, // ICMP_TIME_EXCEEDED
  { handler: icmp_unreach, error: true }, // ICMP_PARAMETERPROB
  { handler: icmp_timestamp, error: false }, // ICMP_TIMESTAMP
  icmp_info, // ICMP_TIMESTAMPREPLY
  icmp_info, // ICMP_INFO_REQUEST
  icmp_info, // ICMP_INFO_REPLY
  icmp_info, // ICMP_ADDRESS
  icmp_info, // ICMP_ADDRESSREPLY
];

const icmp_sk_ops: pernet_operations = { init: icmp_sk_init, exit: icmp_sk_exit };

/** The host's control socket. 0 or a negative errno. @differs one a host, not one a CPU */
function icmp_sk_init(n: net): number {
  const sk = inet_ctl_sock_create(PF_INET, SOCK_RAW, IPPROTO_ICMP, n);
  if (IS_ERR(sk)) return sk;
  // Two full packets of 64 KiB.
  sk.sk_sndbuf = 2 * SKB_TRUESIZE(64 * 1024);
  sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
  inet_sk(sk).pmtudisc = IP_PMTUDISC_DONT;
  n.ipv4.icmp_sk = sk;
  n.ipv4.icmp_global_credit = 0;
  n.ipv4.icmp_global_stamp = 0;
  return 0;
}

function icmp_sk_exit(n: net): void {
  const sk = n.ipv4.icmp_sk;
  n.ipv4.icmp_sk = null;
  if (sk !== null) inet_ctl_sock_destroy(sk);
}

/** ICMP begins. 0 or a negative errno. */
export function icmp_init(): number {
  xmit_locked = false;
  register_icmp_send(__icmp_send);
  return register_pernet_subsys(icmp_sk_ops);
}

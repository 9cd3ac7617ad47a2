// SPDX-License-Identifier: GPL-2.0-only
//
// SYN cookies: where a listener has no room for a request_sock, its SYN+ACK's sequence number bears what must be known
// when the third ACK comes: a minute, one of four MSS, and a hash that nobody else can make. The other options
// of the SYN are in the low bits of the timestamp, if there is one.
//
// tcp_conn_request -> cookie_init_timestamp (include/net/tcp.ts), af_ops.cookie_init_seq = cookie_v4_init_sequence
// tcp_v4_cookie_check, for an ACK to a listener -> cookie_v4_check -> tcp_get_cookie_sock: the child, or null

import { IS_ERR } from "../../include/linux/err.ts";
import { ip_hdr, ip_options, IPCB, tcp_hdr, TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { siphash_key_random, siphash_key_t } from "../../include/linux/siphash.ts";
import { tcp_clear_options, tcp_options_received } from "../../include/linux/tcp.ts";
import {
  dst_feature,
  dst_metric,
  RTAX_FEATURE_ECN,
  RTAX_INITRWND,
  RTAX_WINDOW,
} from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { flowi4, flowi4_init_output } from "../../include/net/flow.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import {
  inet_request_bound_dev_if,
  inet_request_mark,
  inet_sk,
  inet_sk_flowi_flags,
} from "../../include/net/inet_sock.ts";
import { __NET_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { request_sock, request_sock_ops } from "../../include/net/request_sock.ts";
import { RT_CONN_FLAGS } from "../../include/net/route.ts";
import {
  net_tx_rndhash,
  sock_net,
  SOCK_RCVBUF_LOCK,
  sock_rps_save_rxhash,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  MAX_SYNCOOKIE_AGE,
  tcp_cookie_time,
  tcp_full_space,
  tcp_rsk,
  tcp_sk,
  tcp_synq_no_recent_overflow,
  TS_OPT_ECN,
  TS_OPT_SACK,
  TS_OPT_WSCALE_MASK,
} from "../../include/net/tcp.ts";
import type { tcp_request_sock_ops } from "../../include/net/tcp.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import type { iphdr } from "../../include/uapi/linux/ip.ts";
import { RT_SCOPE_UNIVERSE } from "../../include/uapi/linux/rtnetlink.ts";
import {
  LINUX_MIB_SYNCOOKIESFAILED,
  LINUX_MIB_SYNCOOKIESRECV,
} from "../../include/uapi/linux/snmp.ts";
import type { tcphdr } from "../../include/uapi/linux/tcp.ts";
import { siphash_4u32 } from "../../lib/siphash.ts";
import { __reqsk_free, reqsk_free, reqsk_put } from "../core/request_sock.ts";
import { secure_tcp_ts_off } from "../core/secure_seq.ts";
import { sock_put } from "../core/sock.ts";
import { inet_csk_reqsk_queue_add } from "./inet_connection_sock.ts";
import { ip_options_echo } from "./ip_options.ts";
import { ip_route_output_key } from "./route.ts";
import { inet_reqsk_alloc, tcp_parse_options } from "./tcp_input.ts";
import { tcp_select_initial_window } from "./tcp_output.ts";

export { cookie_init_timestamp } from "../../include/net/tcp.ts";

/** SACK was agreed on: tcp_options_received.sack_ok. */
const TCP_SACK_SEEN = 1 << 0;

/** The upper 8 bits count minutes. */
const COOKIEBITS = 24;
const COOKIEMASK = (1 << COOKIEBITS) - 1;

/** The MSS that a cookie can bear, bytes. */
const msstab = [536, 1300, 1440, 1460];

let syncookie_secret: [siphash_key_t, siphash_key_t] | null = null;

/** Forgets the secrets: at boot. @local */
export function syncookies_init(): void {
  syncookie_secret = null;
}

function cookie_hash(
  saddr: number,
  daddr: number,
  sport: number,
  dport: number,
  count: number,
  c: number,
): number {
  if (syncookie_secret === null) {
    syncookie_secret = [new siphash_key_t(), new siphash_key_t()];
    for (const key of syncookie_secret) siphash_key_random(key);
  }
  return siphash_4u32(saddr, daddr, (sport << 16) | dport, count, syncookie_secret[c]);
}

function secure_tcp_syn_cookie(
  saddr: number,
  daddr: number,
  sport: number,
  dport: number,
  sseq: number,
  data: number,
): number {
  const count = tcp_cookie_time();
  return (cookie_hash(saddr, daddr, sport, dport, 0, 0) + sseq + (count << COOKIEBITS) +
    ((cookie_hash(saddr, daddr, sport, dport, count, 1) + data) & COOKIEMASK)) | 0;
}

/** What a cookie bears, 0..COOKIEMASK, anything for a forged one; -1 for one that is too old. */
function check_tcp_syn_cookie(
  cookie: number,
  saddr: number,
  daddr: number,
  sport: number,
  dport: number,
  sseq: number,
): number {
  const count = tcp_cookie_time();
  cookie = (cookie - cookie_hash(saddr, daddr, sport, dport, 0, 0) - sseq) | 0;
  const diff = (count - (cookie >>> COOKIEBITS)) & (0xffffffff >>> COOKIEBITS);
  if (diff >= MAX_SYNCOOKIE_AGE) return -1;
  return (cookie - cookie_hash(saddr, daddr, sport, dport, (count - diff) | 0, 1)) & COOKIEMASK;
}

/** The cookie for a SYN; mssp becomes the MSS that it bears, not above the peer's. */
export function __cookie_v4_init_sequence(
  iph: iphdr,
  th: tcphdr,
  mssp: { value: number },
): number {
  let mssind = msstab.length - 1;
  while (mssind > 0 && mssp.value < msstab[mssind]) mssind--;
  mssp.value = msstab[mssind];
  return secure_tcp_syn_cookie(iph.saddr, iph.daddr, th.source, th.dest, th.seq, mssind);
}

export function cookie_v4_init_sequence(skb: sk_buff, mssp: { value: number }): number {
  return __cookie_v4_init_sequence(ip_hdr(skb), tcp_hdr(skb), mssp);
}

/** The MSS of a good cookie, 0 of a bad one. */
export function __cookie_v4_check(iph: iphdr, th: tcphdr, cookie: number): number {
  const seq = (th.seq - 1) | 0;
  const mssind = check_tcp_syn_cookie(cookie, iph.saddr, iph.daddr, th.source, th.dest, seq);
  return mssind >= 0 && mssind < msstab.length ? msstab[mssind] : 0;
}

/** Makes the child of a good cookie and puts it into the accept queue; null where there is no room. */
export function tcp_get_cookie_sock(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  dst: dst_entry | null,
  tsoff: number,
): sock | null {
  const own_req = { value: false };
  const child = inet_csk(sk).icsk_af_ops.syn_recv_sock(sk, skb, req, dst, null, own_req);
  if (child === null) {
    __reqsk_free(req);
    return null;
  }
  req.skc_refcnt = 1;
  tcp_sk(child).tsoffset = tsoff;
  sock_rps_save_rxhash(child, skb);
  if (inet_csk_reqsk_queue_add(sk, req, child) !== null) return child;
  sock_put(child);
  reqsk_put(req);
  return null;
}

/** The options that the echoed timestamp bears; false where the host's sysctls never let them out. */
export function cookie_timestamp_decode(n: net, tcp_opt: tcp_options_received): boolean {
  const options = tcp_opt.rcv_tsecr;
  if (!tcp_opt.saw_tstamp) {
    tcp_clear_options(tcp_opt);
    return true;
  }
  if (n.ipv4.sysctl_tcp_timestamps === 0) return false;
  tcp_opt.sack_ok = (options & TS_OPT_SACK) !== 0 ? TCP_SACK_SEEN : 0;
  if (tcp_opt.sack_ok !== 0 && n.ipv4.sysctl_tcp_sack === 0) return false;
  // All ones: no window scaling.
  if ((options & TS_OPT_WSCALE_MASK) === TS_OPT_WSCALE_MASK) return true;
  tcp_opt.wscale_ok = true;
  tcp_opt.snd_wscale = options & TS_OPT_WSCALE_MASK;
  return n.ipv4.sysctl_tcp_window_scaling !== 0;
}

/** ECN was agreed on, and is still allowed. */
export function cookie_ecn_ok(
  tcp_opt: tcp_options_received,
  n: net,
  dst: dst_entry,
): boolean {
  if ((tcp_opt.rcv_tsecr & TS_OPT_ECN) === 0) return false;
  return n.ipv4.sysctl_tcp_ecn !== 0 || dst_feature(dst, RTAX_FEATURE_ECN);
}

/** A request_sock as there would have been one since the SYN. */
export function cookie_tcp_reqsk_alloc(
  ops: request_sock_ops,
  af_ops: tcp_request_sock_ops,
  sk: sock,
  skb: sk_buff,
): request_sock | null {
  const req = inet_reqsk_alloc(ops, sk, false);
  if (req === null) return null;
  const treq = tcp_rsk(req);
  treq.af_specific = af_ops;
  treq.syn_tos = TCP_SKB_CB(skb).ip_dsfield;
  return req;
}

/** The options for the answers to skb, or null. */
function cookie_save_options(n: net, skb: sk_buff): ip_options | null {
  if (IPCB(skb).opt.optlen === 0) return null;
  const dopt = new ip_options();
  return ip_options_echo(n, dopt, skb) === 0 ? dopt : null;
}

/** Fills the request_sock with what the cookie and the ACK tell. */
function cookie_v4_fill_req(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  tcp_opt: tcp_options_received,
  mss: number,
): void {
  const treq = tcp_rsk(req);
  const th = tcp_hdr(skb);
  const iph = ip_hdr(skb);
  treq.rcv_isn = (th.seq - 1) | 0;
  treq.snt_isn = (th.ack_seq - 1) | 0;
  treq.ts_off = 0;
  treq.txhash = net_tx_rndhash();
  treq.mss = mss;
  treq.skc_num = th.dest;
  treq.skc_dport = th.source;
  treq.skc_rcv_saddr = iph.daddr;
  treq.skc_daddr = iph.saddr;
  treq.ir_mark = inet_request_mark(sk, skb);
  treq.snd_wscale = tcp_opt.snd_wscale;
  treq.sack_ok = tcp_opt.sack_ok !== 0;
  treq.wscale_ok = tcp_opt.wscale_ok;
  treq.tstamp_ok = tcp_opt.saw_tstamp;
  treq.ts_recent = tcp_opt.saw_tstamp ? tcp_opt.rcv_tsval : 0;
  treq.snt_synack = 0;
  treq.tfo_listener = false;
  treq.skc_bound_dev_if = inet_request_bound_dev_if(sk, skb);
  // Those of the SYN are gone: the ACK should have the same. @rfc 1122 4.2.3.8
  treq.ireq_opt = cookie_save_options(sock_net(sk), skb);
  treq.num_retrans = 0;
}

/**
 * An ACK to a listener: the child where it bears a good cookie, null where the child could not be made, the listener
 * itself where there is no cookie in it.
 * @differs takes tcp_request_sock_ipv4_ops, which stands beside its caller
 */
export function cookie_v4_check(
  sk: sock,
  skb: sk_buff,
  af_ops: tcp_request_sock_ops,
): sock | null {
  const n = sock_net(sk);
  const th = tcp_hdr(skb);
  if (n.ipv4.sysctl_tcp_syncookies === 0 || !th.ack || th.rst) return sk;
  if (tcp_synq_no_recent_overflow(sk)) return sk;
  const mss = __cookie_v4_check(ip_hdr(skb), th, (th.ack_seq - 1) | 0);
  if (mss === 0) {
    __NET_INC_STATS(n, LINUX_MIB_SYNCOOKIESFAILED);
    return sk;
  }
  __NET_INC_STATS(n, LINUX_MIB_SYNCOOKIESRECV);
  const tcp_opt = new tcp_options_received();
  tcp_parse_options(n, skb, tcp_opt, false, null);
  let tsoff = 0;
  if (tcp_opt.saw_tstamp && tcp_opt.rcv_tsecr !== 0) {
    const iph = ip_hdr(skb);
    tsoff = secure_tcp_ts_off(n, iph.daddr, iph.saddr);
    tcp_opt.rcv_tsecr = (tcp_opt.rcv_tsecr - tsoff) | 0;
  }
  if (!cookie_timestamp_decode(n, tcp_opt)) return sk;
  const req = cookie_tcp_reqsk_alloc(sk.skc_prot.rsk_prot!, af_ops, sk, skb);
  if (req === null) return null;
  cookie_v4_fill_req(sk, skb, req, tcp_opt, mss);
  return cookie_v4_finish(sk, skb, req, tcp_opt, tsoff);
}

/** The route, and the window as the SYN+ACK had it; then the child. */
function cookie_v4_finish(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  tcp_opt: tcp_options_received,
  tsoff: number,
): sock | null {
  const n = sock_net(sk);
  const treq = tcp_rsk(req);
  const opt = IPCB(skb).opt;
  const fl4 = new flowi4();
  flowi4_init_output(
    fl4,
    treq.skc_bound_dev_if,
    treq.ir_mark,
    RT_CONN_FLAGS(sk),
    RT_SCOPE_UNIVERSE,
    IPPROTO_TCP,
    inet_sk_flowi_flags(sk),
    opt.srr !== 0 ? opt.faddr : treq.skc_daddr,
    treq.skc_rcv_saddr,
    treq.skc_dport,
    treq.skc_num,
    sk.sk_uid,
  );
  const rt = ip_route_output_key(n, fl4);
  if (IS_ERR(rt)) {
    reqsk_free(req);
    return null;
  }
  const window_clamp = { value: tcp_sk(sk).window_clamp || dst_metric(rt, RTAX_WINDOW) };
  const rcv_wnd = { value: 0 };
  const rcv_wscale = { value: 0 };
  const full_space = tcp_full_space(sk);
  if (
    (sk.sk_userlocks & SOCK_RCVBUF_LOCK) !== 0 &&
    (window_clamp.value > full_space || window_clamp.value === 0)
  ) window_clamp.value = full_space;
  tcp_select_initial_window(
    sk,
    full_space,
    treq.mss,
    rcv_wnd,
    window_clamp,
    treq.wscale_ok,
    rcv_wscale,
    dst_metric(rt, RTAX_INITRWND),
  );
  treq.rsk_rcv_wnd = rcv_wnd.value;
  treq.rsk_window_clamp = window_clamp.value;
  treq.rcv_wscale = rcv_wscale.value;
  treq.ecn_ok = cookie_ecn_ok(tcp_opt, n, rt);
  const ret = tcp_get_cookie_sock(sk, skb, req, rt, tsoff);
  // ip_queue_xmit() goes by the socket's flow.
  if (ret !== null) Object.assign(inet_sk(ret).cork_fl4, fl4);
  return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// TCP Fast Open: data in the SYN for those who bear a cookie. @rfc 7413
//
// server: tcp_conn_request -> tcp_try_fastopen: makes or checks the cookie (SipHash of the addresses under
//         the host's or the listener's keys), and for a good one tcp_fastopen_create_child
// client: tcp_v4_connect -> tcp_fastopen_defer_connect; tcp_send_syn_data -> tcp_fastopen_cookie_check;
//         what speaks for a middlebox that eats such SYNs -> tcp_fastopen_active_disable for a while
// tcp_rcv_fastopen_synack (tcp_input.ts) and tcp_metrics.ts keep the peers' cookies.

import { HZ, jiffies, time_after, time_before } from "../../include/linux/jiffies.ts";
import { get_random_bytes } from "../../include/linux/random.ts";
import { __skb_queue_tail, ip_hdr, tcp_hdr, TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { siphash_key_t } from "../../include/linux/siphash.ts";
import { dst_metric, RTAX_FASTOPEN_NO_COOKIE } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { ICSK_TIME_RETRANS, inet_csk } from "../../include/net/inet_connection_sock.ts";
import type { inet_connection_sock } from "../../include/net/inet_connection_sock.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { __NET_INC_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import { sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  tcp_fastopen_cookie,
  TCP_FASTOPEN_COOKIE_SIZE,
  tcp_rsk,
  TCP_RTO_MAX,
  tcp_segs_in,
  tcp_sk,
  TCPHDR_FIN,
  TCPHDR_SYN,
  TFO_CLIENT_NO_COOKIE,
  TFO_SERVER_COOKIE_NOT_REQD,
  TFO_SERVER_ENABLE,
} from "../../include/net/tcp.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { IFF_LOOPBACK } from "../../include/uapi/linux/if.ts";
import {
  LINUX_MIB_TCPFASTOPENACTIVEFAIL,
  LINUX_MIB_TCPFASTOPENBLACKHOLE,
  LINUX_MIB_TCPFASTOPENCOOKIEREQD,
  LINUX_MIB_TCPFASTOPENLISTENOVERFLOW,
  LINUX_MIB_TCPFASTOPENPASSIVE,
  LINUX_MIB_TCPFASTOPENPASSIVEALTKEY,
  LINUX_MIB_TCPFASTOPENPASSIVEFAIL,
} from "../../include/uapi/linux/snmp.ts";
import { siphash, siphash_hi } from "../../lib/siphash.ts";
import { reqsk_put } from "../core/request_sock.ts";
import { __skb_pull, skb_clone, skb_rb_first, skb_rb_next } from "../core/skbuff.ts";
import { __sk_dst_get, sk_forced_mem_schedule, skb_set_owner_r } from "../core/sock.ts";
import { inet_csk_reset_xmit_timer } from "./inet_connection_sock.ts";
import { tcp_timeout_init } from "./tcp.ts";
import { tcp_fin, tcp_init_transfer } from "./tcp_input.ts";
import { tcp_mtup_init } from "./tcp_output.ts";
import { tcp_fastopen_cache_get } from "./tcp_metrics.ts";

/** Bytes of a key, and how many there may be: the one in use and the one before. */
export const TCP_FASTOPEN_KEY_LENGTH = 16;
export const TCP_FASTOPEN_KEY_MAX = 2;
export const TCP_FASTOPEN_KEY_BUF_LENGTH = TCP_FASTOPEN_KEY_LENGTH * TCP_FASTOPEN_KEY_MAX;

/** tcp_sock.fastopen_client_fail: no cookie; data in the SYN was not acknowledged; the SYN was sent again. */
const TFO_COOKIE_UNAVAILABLE = 1;

/** The keys of a host or of a listener. */
export class tcp_fastopen_context {
  readonly key: siphash_key_t[] = [new siphash_key_t(), new siphash_key_t()];
  /** Keys in use, 1 or 2. */
  num = 0;
}

/** What cookies are made of: the addresses as they stand in the packet. */
const addrs = new Uint8Array(8);

/** Makes the host's key, if it has none. */
export function tcp_fastopen_init_key_once(n: net): void {
  if (n.ipv4.tcp_fastopen_ctx !== null) return;
  const key = new Uint8Array(TCP_FASTOPEN_KEY_LENGTH);
  get_random_bytes(key);
  tcp_fastopen_reset_cipher(n, null, key, null);
}

/** Forgets a listener's own keys. */
export function tcp_fastopen_destroy_cipher(sk: sock): void {
  inet_csk(sk).icsk_accept_queue.fastopenq.ctx = null;
}

/** Forgets the host's keys. */
export function tcp_fastopen_ctx_destroy(n: net): void {
  n.ipv4.tcp_fastopen_ctx = null;
}

function get_key(k: siphash_key_t, bytes: Uint8Array): void {
  for (let i = 0; i < 4; i++) {
    k.key[i] = bytes[4 * i] | (bytes[4 * i + 1] << 8) | (bytes[4 * i + 2] << 16) |
      (bytes[4 * i + 3] << 24);
  }
}

/** Sets the keys of a listener, or of the host where sk is null. Returns 0. */
export function tcp_fastopen_reset_cipher(
  n: net,
  sk: sock | null,
  primary_key: Uint8Array,
  backup_key: Uint8Array | null,
): number {
  const ctx = new tcp_fastopen_context();
  get_key(ctx.key[0], primary_key);
  ctx.num = 1;
  if (backup_key !== null) {
    get_key(ctx.key[1], backup_key);
    ctx.num = 2;
  }
  if (sk !== null) inet_csk(sk).icsk_accept_queue.fastopenq.ctx = ctx;
  else n.ipv4.tcp_fastopen_ctx = ctx;
  return 0;
}

/** Writes the keys of a listener, or of the host where icsk is null, 16 bytes each: how many there are. */
export function tcp_fastopen_get_cipher(
  n: net,
  icsk: inet_connection_sock | null,
  key: Uint8Array,
): number {
  const ctx = (icsk !== null ? icsk.icsk_accept_queue.fastopenq.ctx : n.ipv4.tcp_fastopen_ctx) as
    | tcp_fastopen_context
    | null;
  if (ctx === null) return 0;
  for (let i = 0; i < ctx.num; i++) {
    for (let b = 0; b < TCP_FASTOPEN_KEY_LENGTH; b++) {
      key[i * TCP_FASTOPEN_KEY_LENGTH + b] = ctx.key[i].key[b >> 2] >>> ((b & 3) << 3);
    }
  }
  return ctx.num;
}

/** The keys that a listener's cookies are made by. */
function tcp_fastopen_get_ctx(sk: sock): tcp_fastopen_context | null {
  return (inet_csk(sk).icsk_accept_queue.fastopenq.ctx ?? sock_net(sk).ipv4.tcp_fastopen_ctx) as
    | tcp_fastopen_context
    | null;
}

function tcp_fastopen_cookie_set(to: tcp_fastopen_cookie, from: tcp_fastopen_cookie): void {
  to.val.set(from.val);
  to.len = from.len;
  to.exp = from.exp;
}

function tcp_fastopen_cookie_match(foc: tcp_fastopen_cookie, orig: tcp_fastopen_cookie): boolean {
  if (orig.len !== TCP_FASTOPEN_COOKIE_SIZE || orig.len !== foc.len) return false;
  let diff = 0;
  for (let i = 0; i < orig.len; i++) diff |= foc.val[i] ^ orig.val[i];
  return diff === 0;
}

function __tcp_fastopen_cookie_gen_cipher(
  req: request_sock,
  syn: sk_buff,
  key: siphash_key_t,
  foc: tcp_fastopen_cookie,
): boolean {
  if (req.rsk_ops.family !== AF_INET) return false;
  const iph = ip_hdr(syn);
  const u8 = syn.head.u8;
  for (let i = 0; i < 8; i++) addrs[i] = u8[iph.off + 12 + i];
  const lo = siphash(addrs, 8, key);
  const hi = siphash_hi;
  for (let i = 0; i < 4; i++) {
    foc.val[i] = lo >>> (8 * i);
    foc.val[4 + i] = hi >>> (8 * i);
  }
  foc.len = TCP_FASTOPEN_COOKIE_SIZE;
  return true;
}

/** Makes the cookie for the sender of syn. */
function tcp_fastopen_cookie_gen(
  sk: sock,
  req: request_sock,
  syn: sk_buff,
  foc: tcp_fastopen_cookie,
): void {
  const ctx = tcp_fastopen_get_ctx(sk);
  if (ctx !== null) __tcp_fastopen_cookie_gen_cipher(req, syn, ctx.key[0], foc);
}

/** Queues the data that a SYN or SYN+ACK brought; skb stays the caller's. */
export function tcp_fastopen_add_skb(sk: sock, skb: sk_buff): void {
  const tp = tcp_sk(sk);
  if (TCP_SKB_CB(skb).end_seq === tp.rcv_nxt) return;
  const clone = skb_clone(skb);
  clone._skb_refdst = null;
  // A child counts its SYN already: not twice.
  tp.segs_in = 0;
  tcp_segs_in(tp, clone);
  __skb_pull(clone, tcp_hdr(clone).doff * 4);
  sk_forced_mem_schedule(sk, clone.truesize);
  skb_set_owner_r(clone, sk);
  const cb = TCP_SKB_CB(clone);
  cb.seq = (cb.seq + 1) | 0;
  cb.tcp_flags &= ~TCPHDR_SYN;
  tp.rcv_nxt = cb.end_seq;
  __skb_queue_tail(sk.sk_receive_queue, clone);
  tp.syn_data_acked = true;
  tp.bytes_received = clone.len;
  if ((cb.tcp_flags & TCPHDR_FIN) !== 0) tcp_fin(sk);
}

/** By which key the cookie is good: 0 none, 1 the first, 2 the backup. valid_foc becomes the one of the first key. */
function tcp_fastopen_cookie_gen_check(
  sk: sock,
  req: request_sock,
  syn: sk_buff,
  orig: tcp_fastopen_cookie,
  valid_foc: tcp_fastopen_cookie,
): number {
  const ctx = tcp_fastopen_get_ctx(sk);
  if (ctx === null) return 0;
  let foc = valid_foc;
  for (let i = 0; i < ctx.num; i++) {
    __tcp_fastopen_cookie_gen_cipher(req, syn, ctx.key[i], foc);
    if (tcp_fastopen_cookie_match(foc, orig)) return i + 1;
    foc = new tcp_fastopen_cookie();
    foc.len = -1;
  }
  return 0;
}

/** The socket of a connection whose SYN is believed: in state SYN_RECV, with the SYN's data to read. */
function tcp_fastopen_create_child(sk: sock, skb: sk_buff, req: request_sock): sock | null {
  const queue = inet_csk(sk).icsk_accept_queue;
  const own_req = { value: false };
  const child = inet_csk(sk).icsk_af_ops.syn_recv_sock(sk, skb, req, null, null, own_req);
  if (child === null) return null;
  queue.fastopenq.qlen++;
  const tp = tcp_sk(child);
  tp.fastopen_rsk = req;
  tcp_rsk(req).tfo_listener = true;
  // The windows of SYN and SYN+ACK are never scaled. @rfc 7323 2.2
  tp.snd_wnd = tcp_hdr(skb).window;
  tp.max_window = tp.snd_wnd;
  // The SYN+ACK is sent again by the child's timer: the request_sock is not in ehash.
  req.timeout = tcp_timeout_init(child);
  inet_csk_reset_xmit_timer(child, ICSK_TIME_RETRANS, req.timeout, TCP_RTO_MAX);
  req.skc_refcnt = 2;
  tcp_mtup_init(child);
  tcp_init_transfer(child);
  tp.rcv_nxt = (TCP_SKB_CB(skb).seq + 1) | 0;
  tcp_fastopen_add_skb(child, skb);
  tcp_rsk(req).rcv_nxt = tp.rcv_nxt;
  tp.rcv_wup = tp.rcv_nxt;
  return child;
}

/** The listener does Fast Open, and has not too many such connections without third ACK. */
function tcp_fastopen_queue_check(sk: sock): boolean {
  const fastopenq = inet_csk(sk).icsk_accept_queue.fastopenq;
  const max_qlen = fastopenq.max_qlen;
  if (max_qlen === 0) return false;
  if (fastopenq.qlen < max_qlen) return true;
  // Those that were reset count for a minute: the oldest may be over.
  const req1 = fastopenq.rskq_rst_head;
  if (req1 === null || time_after(req1.rsk_timer.expires, jiffies)) {
    __NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPFASTOPENLISTENOVERFLOW);
    return false;
  }
  fastopenq.rskq_rst_head = req1.dl_next;
  fastopenq.qlen--;
  reqsk_put(req1);
  return true;
}

function tcp_fastopen_no_cookie(sk: sock, dst: dst_entry | null, flag: number): boolean {
  return (sock_net(sk).ipv4.sysctl_tcp_fastopen & flag) !== 0 || tcp_sk(sk).fastopen_no_cookie ||
    (dst !== null && dst_metric(dst, RTAX_FASTOPEN_NO_COOKIE) !== 0);
}

/**
 * A SYN with a Fast Open option or data: the child, where its data may be taken now; else null, and foc is the
 * cookie to answer with, if its len is not -1.
 */
export function tcp_try_fastopen(
  sk: sock,
  skb: sk_buff,
  req: request_sock,
  foc: tcp_fastopen_cookie,
  dst: dst_entry | null,
): sock | null {
  const n = sock_net(sk);
  const syn_data = TCP_SKB_CB(skb).end_seq !== ((TCP_SKB_CB(skb).seq + 1) | 0);
  if (foc.len === 0) NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENCOOKIEREQD);
  if (
    (n.ipv4.sysctl_tcp_fastopen & TFO_SERVER_ENABLE) === 0 || !(syn_data || foc.len >= 0) ||
    !tcp_fastopen_queue_check(sk)
  ) {
    foc.len = -1;
    return null;
  }
  const valid_foc = new tcp_fastopen_cookie();
  valid_foc.len = -1;
  let ret = 0;
  const no_cookie = tcp_fastopen_no_cookie(sk, dst, TFO_SERVER_COOKIE_NOT_REQD);
  if (!no_cookie && foc.len === 0) {
    tcp_fastopen_cookie_gen(sk, req, skb, valid_foc);
  } else if (!no_cookie && foc.len > 0) {
    ret = tcp_fastopen_cookie_gen_check(sk, req, skb, foc, valid_foc);
    if (ret === 0) NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENPASSIVEFAIL);
  }
  if (no_cookie || ret !== 0) {
    const child = tcp_fastopen_create_child(sk, skb, req);
    if (child !== null) {
      if (ret === 2) {
        // By the old key: the client gets a new cookie.
        valid_foc.exp = foc.exp;
        tcp_fastopen_cookie_set(foc, valid_foc);
        NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENPASSIVEALTKEY);
      } else {
        foc.len = -1;
      }
      NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENPASSIVE);
      return child;
    }
    NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENPASSIVEFAIL);
  }
  valid_foc.exp = foc.exp;
  tcp_fastopen_cookie_set(foc, valid_foc);
  return null;
}

/** There is a cookie for the peer, or none is needed: data may go in the SYN. mss becomes the peer's, if known. */
export function tcp_fastopen_cookie_check(
  sk: sock,
  mss: { value: number },
  cookie: tcp_fastopen_cookie,
): boolean {
  tcp_fastopen_cache_get(sk, mss, cookie);
  if (tcp_fastopen_active_should_disable(sk)) {
    cookie.len = -1;
    return false;
  }
  if (tcp_fastopen_no_cookie(sk, __sk_dst_get(sk), TFO_CLIENT_NO_COOKIE)) {
    cookie.len = -1;
    return true;
  }
  if (cookie.len > 0) return true;
  tcp_sk(sk).fastopen_client_fail = TFO_COOKIE_UNAVAILABLE;
  return false;
}

/** TCP_FASTOPEN_CONNECT: connect() sends nothing yet, the first write will. Else the SYN asks for a cookie. */
export function tcp_fastopen_defer_connect(sk: sock, _err: { value: number }): boolean {
  const tp = tcp_sk(sk);
  if (!tp.fastopen_connect || tp.fastopen_req !== null) return false;
  const cookie = new tcp_fastopen_cookie();
  if (tcp_fastopen_cookie_check(sk, { value: 0 }, cookie)) {
    inet_sk(sk).defer_connect = true;
    return true;
  }
  tp.fastopen_req = { cookie, data: null, size: 0, copied: 0, uarg: null };
  return false;
}

/** Something on the path breaks Fast Open: no more of it from this host for a time that grows. */
export function tcp_fastopen_active_disable(sk: sock): void {
  const n = sock_net(sk);
  if (n.ipv4.sysctl_tcp_fastopen_blackhole_timeout === 0) return;
  n.ipv4.tfo_active_disable_stamp = jiffies;
  n.ipv4.tfo_active_disable_times++;
  NET_INC_STATS(n, LINUX_MIB_TCPFASTOPENBLACKHOLE);
}

/** Active Fast Open is off now: 2^n times the timeout, n up to 6. */
export function tcp_fastopen_active_should_disable(sk: sock): boolean {
  const ipv4 = sock_net(sk).ipv4;
  const tfo_bh_timeout = ipv4.sysctl_tcp_fastopen_blackhole_timeout;
  const tfo_da_times = ipv4.tfo_active_disable_times;
  if (tfo_bh_timeout === 0 || tfo_da_times === 0) return false;
  const multiplier = 1 << Math.min(tfo_da_times - 1, 6);
  // Beyond half the range of jiffies the comparison would wrap.
  const delay = Math.min(multiplier * tfo_bh_timeout * HZ, 0x7fffffff);
  if (time_before(jiffies, (ipv4.tfo_active_disable_stamp + delay) | 0)) return true;
  // Whether this one succeeds decides on the next.
  tcp_sk(sk).syn_fastopen_ch = true;
  return false;
}

/** A connection of Fast Open ends: nothing but a FIN out of order came, or all went well. */
export function tcp_fastopen_active_disable_ofo_check(sk: sock): void {
  const tp = tcp_sk(sk);
  if (!tp.syn_fastopen) return;
  const ipv4 = sock_net(sk).ipv4;
  if (tp.data_segs_in === 0) {
    const skb = skb_rb_first(tp.out_of_order_queue);
    if (
      skb !== null && skb_rb_next(skb) === null && (TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN) !== 0
    ) tcp_fastopen_active_disable(sk);
  } else if (tp.syn_fastopen_ch && ipv4.tfo_active_disable_times !== 0) {
    const dst = __sk_dst_get(sk);
    if (dst === null || (dst.dev.flags & IFF_LOOPBACK) === 0) ipv4.tfo_active_disable_times = 0;
  }
}

/** A connection of Fast Open timed out: at the third time running, or at the last. */
export function tcp_fastopen_active_detect_blackhole(sk: sock, expired: boolean): void {
  const tp = tcp_sk(sk);
  const timeouts = tp.icsk_retransmits;
  if (
    (tp.syn_fastopen || tp.syn_data || tp.syn_data_acked) &&
    (timeouts === 2 || (timeouts < 2 && expired))
  ) {
    tcp_fastopen_active_disable(sk);
    NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPFASTOPENACTIVEFAIL);
  }
}

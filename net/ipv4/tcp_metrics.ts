// SPDX-License-Identifier: GPL-2.0-only
//
// What connections learned of their paths, for those that come after: RTT, its deviation, threshold, window,
// reordering, and the Fast Open cookie, by pair of addresses. Entries are not kept longer than an hour's
// disuse, nor chains longer than a few: the oldest is used anew.
//
// tcp_finish_connect, tcp_rcv_state_process -> tcp_init_transfer -> tcp_init_metrics
// tcp_fin_wait..., tcp_time_wait, tcp_done's callers -> tcp_update_metrics
// tcp_conn_request -> tcp_peer_is_proven;  tcp_fastopen.ts -> tcp_fastopen_cache_get, tcp_fastopen_cache_set

import {
  HZ,
  jiffies,
  jiffies_to_usecs,
  time_after,
  time_before,
} from "../../include/linux/jiffies.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import {
  dst_metric_locked,
  dst_metric_raw,
  RTAX_CWND,
  RTAX_REORDERING,
  RTAX_RTT,
  RTAX_RTTVAR,
  RTAX_SSTHRESH,
} from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { inet_rsk, inet_sk } from "../../include/net/inet_sock.ts";
import { net_hash_mix } from "../../include/net/net_namespace.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import { sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  tcp_fastopen_cookie,
  tcp_in_initial_slowstart,
  tcp_in_slow_start,
  TCP_INFINITE_SSTHRESH,
  tcp_rto_min,
  tcp_sk,
  tcp_snd_cwnd,
  TCP_TIMEOUT_FALLBACK,
} from "../../include/net/tcp.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { TCP_CA_Open } from "../../include/uapi/linux/tcp.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import { __sk_dst_get, sk_dst_confirm } from "../core/sock.ts";

/** Indexes of tcpm_vals: RTT and deviation us, scaled as srtt_us and mdev_us are. */
export const TCP_METRIC_RTT = 0;
export const TCP_METRIC_RTTVAR = 1;
export const TCP_METRIC_SSTHRESH = 2;
export const TCP_METRIC_CWND = 3;
export const TCP_METRIC_REORDERING = 4;
const TCP_METRIC_MAX_KERNEL = 5;

/** RTAX_* by index. */
const rtax = [RTAX_RTT, RTAX_RTTVAR, RTAX_SSTHRESH, RTAX_CWND, RTAX_REORDERING];

/** Of Fast Open. */
class tcp_fastopen_metrics {
  mss = 0;
  /** SYNs with data that were lost in a row, and when the last was, jiffies. */
  syn_loss = 0;
  last_syn_loss = 0;
  /** Ask by the experimental option (once). */
  try_exp = 0;
  readonly cookie = new tcp_fastopen_cookie();
}

/** What is known of a path. */
export class tcp_metrics_block {
  tcpm_next: tcp_metrics_block | null = null;
  tcpm_net: net;
  tcpm_saddr: number;
  tcpm_daddr: number;
  /** jiffies of the last use */
  tcpm_stamp = 0;
  /** Values that the route fixes, bits by index. */
  tcpm_lock = 0;
  readonly tcpm_vals = new Float64Array(TCP_METRIC_MAX_KERNEL);
  readonly tcpm_fastopen = new tcp_fastopen_metrics();

  constructor(n: net, saddr: number, daddr: number) {
    this.tcpm_net = n;
    this.tcpm_saddr = saddr;
    this.tcpm_daddr = daddr;
  }
}

const TCP_METRICS_TIMEOUT = 60 * 60 * HZ;
const TCP_METRICS_RECLAIM_DEPTH = 5;
const tcp_metrics_hash_log = 10;

let tcp_metrics_hash: (tcp_metrics_block | null)[] = [];

function tcp_metric_locked(tm: tcp_metrics_block, idx: number): boolean {
  return (tm.tcpm_lock & (1 << idx)) !== 0;
}

function tcp_metric_get(tm: tcp_metrics_block, idx: number): number {
  return tm.tcpm_vals[idx];
}

function tcp_metric_set(tm: tcp_metrics_block, idx: number, val: number): void {
  tm.tcpm_vals[idx] = val;
}

/** Takes the values of the route. */
function tcpm_suck_dst(tm: tcp_metrics_block, dst: dst_entry, fastopen_clear: boolean): void {
  tm.tcpm_stamp = jiffies;
  tm.tcpm_lock = 0;
  for (let i = 0; i < TCP_METRIC_MAX_KERNEL; i++) {
    if (dst_metric_locked(dst, rtax[i])) tm.tcpm_lock |= 1 << i;
    const msval = dst_metric_raw(dst, rtax[i]);
    tm.tcpm_vals[i] = i <= TCP_METRIC_RTTVAR ? msval * 1000 : msval;
  }
  if (!fastopen_clear) return;
  const tfom = tm.tcpm_fastopen;
  tfom.mss = 0;
  tfom.syn_loss = 0;
  tfom.try_exp = 0;
  tfom.cookie.exp = false;
  tfom.cookie.len = 0;
}

/** Starts an entry over that nobody used for an hour. */
function tcpm_check_stamp(tm: tcp_metrics_block | null, dst: dst_entry): void {
  if (tm === null) return;
  if (time_after(jiffies, (tm.tcpm_stamp + TCP_METRICS_TIMEOUT) | 0)) tcpm_suck_dst(tm, dst, false);
}

function tcp_metrics_hashfn(daddr: number, n: net): number {
  return Math.imul(daddr ^ net_hash_mix(n), 0x61c88647) >>> (32 - tcp_metrics_hash_log);
}

function tcpm_new(
  dst: dst_entry,
  n: net,
  saddr: number,
  daddr: number,
  hash: number,
): tcp_metrics_block {
  let depth = 0;
  let oldest: tcp_metrics_block | null = null;
  for (let tm = tcp_metrics_hash[hash]; tm !== null; tm = tm.tcpm_next, depth++) {
    if (oldest === null || time_before(tm.tcpm_stamp, oldest.tcpm_stamp)) oldest = tm;
  }
  if (oldest !== null && depth > TCP_METRICS_RECLAIM_DEPTH) {
    oldest.tcpm_net = n;
    oldest.tcpm_saddr = saddr;
    oldest.tcpm_daddr = daddr;
    tcpm_suck_dst(oldest, dst, true);
    return oldest;
  }
  const tm = new tcp_metrics_block(n, saddr, daddr);
  tcpm_suck_dst(tm, dst, false);
  tm.tcpm_next = tcp_metrics_hash[hash];
  tcp_metrics_hash[hash] = tm;
  return tm;
}

function __tcp_get_metrics(
  saddr: number,
  daddr: number,
  n: net,
  hash: number,
): tcp_metrics_block | null {
  let tm = tcp_metrics_hash[hash];
  while (
    tm !== null && (tm.tcpm_saddr !== saddr || tm.tcpm_daddr !== daddr || tm.tcpm_net !== n)
  ) tm = tm.tcpm_next;
  return tm;
}

function __tcp_get_metrics_req(req: request_sock, dst: dst_entry): tcp_metrics_block | null {
  if (req.rsk_ops.family !== AF_INET) return null;
  const ireq = inet_rsk(req);
  const n = dst.dev.nd_net;
  const hash = tcp_metrics_hashfn(ireq.skc_daddr, n);
  const tm = __tcp_get_metrics(ireq.skc_rcv_saddr, ireq.skc_daddr, n, hash);
  tcpm_check_stamp(tm, dst);
  return tm;
}

/** The entry of a connection's path; null where there is none and create is false. */
function tcp_get_metrics(sk: sock, dst: dst_entry, create: boolean): tcp_metrics_block | null {
  if (sk.skc_family !== AF_INET) return null;
  const saddr = inet_sk(sk).inet_saddr;
  const daddr = sk.skc_daddr;
  const n = dst.dev.nd_net;
  const hash = tcp_metrics_hashfn(daddr, n);
  const tm = __tcp_get_metrics(saddr, daddr, n, hash);
  if (tm === null && create) return tcpm_new(dst, n, saddr, daddr, hash);
  tcpm_check_stamp(tm, dst);
  return tm;
}

/** Moves the kept RTT and deviation towards the connection's: up at once, down slowly. */
function tcp_update_metrics_rtt(tm: tcp_metrics_block, tp: tcp_sock): void {
  const rtt = tcp_metric_get(tm, TCP_METRIC_RTT);
  let m = rtt - tp.srtt_us;
  if (!tcp_metric_locked(tm, TCP_METRIC_RTT)) {
    tcp_metric_set(tm, TCP_METRIC_RTT, m <= 0 ? tp.srtt_us : rtt - (m >> 3));
  }
  if (tcp_metric_locked(tm, TCP_METRIC_RTTVAR)) return;
  m = Math.max(Math.abs(m) >> 1, tp.mdev_us);
  const val = tcp_metric_get(tm, TCP_METRIC_RTTVAR);
  tcp_metric_set(tm, TCP_METRIC_RTTVAR, m >= val ? m : val - ((val - m) >> 2));
}

function tcp_update_metrics_cwnd(tm: tcp_metrics_block, tp: tcp_sock): void {
  const ipv4 = tp.skc_net.ipv4;
  const cwnd = tcp_snd_cwnd(tp);
  const save_ssthresh = ipv4.sysctl_tcp_no_ssthresh_metrics_save === 0 &&
    !tcp_metric_locked(tm, TCP_METRIC_SSTHRESH);
  const save_cwnd = !tcp_metric_locked(tm, TCP_METRIC_CWND);
  const ssthresh = tcp_metric_get(tm, TCP_METRIC_SSTHRESH);
  const old_cwnd = tcp_metric_get(tm, TCP_METRIC_CWND);
  if (tcp_in_initial_slowstart(tp)) {
    // Slow start has not ended: the values only grow.
    if (save_ssthresh && ssthresh !== 0 && cwnd >> 1 > ssthresh) {
      tcp_metric_set(tm, TCP_METRIC_SSTHRESH, cwnd >> 1);
    }
    if (save_cwnd && cwnd > old_cwnd) tcp_metric_set(tm, TCP_METRIC_CWND, cwnd);
    return;
  }
  if (!tcp_in_slow_start(tp) && tp.icsk_ca_state === TCP_CA_Open) {
    if (save_ssthresh) {
      tcp_metric_set(tm, TCP_METRIC_SSTHRESH, Math.max(cwnd >> 1, tp.snd_ssthresh));
    }
    if (save_cwnd) tcp_metric_set(tm, TCP_METRIC_CWND, (old_cwnd + cwnd) >> 1);
    return;
  }
  // In recovery or in slow start after it: the window says little.
  if (save_cwnd) tcp_metric_set(tm, TCP_METRIC_CWND, (old_cwnd + tp.snd_ssthresh) >> 1);
  if (save_ssthresh && ssthresh !== 0 && tp.snd_ssthresh > ssthresh) {
    tcp_metric_set(tm, TCP_METRIC_SSTHRESH, tp.snd_ssthresh);
  }
  if (
    !tcp_metric_locked(tm, TCP_METRIC_REORDERING) &&
    tcp_metric_get(tm, TCP_METRIC_REORDERING) < tp.reordering &&
    tp.reordering !== ipv4.sysctl_tcp_reordering
  ) tcp_metric_set(tm, TCP_METRIC_REORDERING, tp.reordering);
}

/** Keeps what a connection that ends has learned. */
export function tcp_update_metrics(sk: sock): void {
  const tp = tcp_sk(sk);
  const dst = __sk_dst_get(sk);
  sk_dst_confirm(sk);
  if (sock_net(sk).ipv4.sysctl_tcp_nometrics_save !== 0 || dst === null) return;
  if (tp.icsk_backoff !== 0 || tp.srtt_us === 0) {
    // It could not measure: what is known is not true any more.
    const tm = tcp_get_metrics(sk, dst, false);
    if (tm !== null && !tcp_metric_locked(tm, TCP_METRIC_RTT)) {
      tcp_metric_set(tm, TCP_METRIC_RTT, 0);
    }
    return;
  }
  const tm = tcp_get_metrics(sk, dst, true);
  if (tm === null) return;
  tcp_update_metrics_rtt(tm, tp);
  tcp_update_metrics_cwnd(tm, tp);
  tm.tcpm_stamp = jiffies;
}

/** Starts a connection with what others learned. @rfc 6298 5.7 */
export function tcp_init_metrics(sk: sock): void {
  const tp = tcp_sk(sk);
  const dst = __sk_dst_get(sk);
  let crtt = 0;
  sk_dst_confirm(sk);
  tp.snd_ssthresh = TCP_INFINITE_SSTHRESH;
  const tm = dst !== null ? tcp_get_metrics(sk, dst, false) : null;
  if (tm !== null) {
    if (tcp_metric_locked(tm, TCP_METRIC_CWND)) {
      tp.snd_cwnd_clamp = tcp_metric_get(tm, TCP_METRIC_CWND);
    }
    const ssthresh = sock_net(sk).ipv4.sysctl_tcp_no_ssthresh_metrics_save !== 0
      ? 0
      : tcp_metric_get(tm, TCP_METRIC_SSTHRESH);
    if (ssthresh !== 0) tp.snd_ssthresh = Math.min(ssthresh, tp.snd_cwnd_clamp);
    const reordering = tcp_metric_get(tm, TCP_METRIC_REORDERING);
    if (reordering !== 0) tp.reordering = reordering;
    crtt = tcp_metric_get(tm, TCP_METRIC_RTT);
  }
  if (crtt > tp.srtt_us) {
    // Small SYNs are faster than data: the kept RTT seeds the RTO, and nothing else.
    crtt = Math.floor(crtt / (8 * (1000000 / HZ)));
    tp.icsk_rto = crtt + Math.max(2 * crtt, tcp_rto_min(sk));
  } else if (tp.srtt_us === 0) {
    tp.rttvar_us = jiffies_to_usecs(TCP_TIMEOUT_FALLBACK);
    tp.mdev_us = tp.mdev_max_us = tp.rttvar_us;
    tp.icsk_rto = TCP_TIMEOUT_FALLBACK;
  }
}

/** A connection with this peer was complete once. */
export function tcp_peer_is_proven(req: request_sock, dst: dst_entry | null): boolean {
  if (dst === null) return false;
  const tm = __tcp_get_metrics_req(req, dst);
  return tm !== null && tcp_metric_get(tm, TCP_METRIC_RTT) !== 0;
}

/** The Fast Open cookie that the peer gave, and its MSS: untouched where there is none. */
export function tcp_fastopen_cache_get(
  sk: sock,
  mss: { value: number },
  cookie: tcp_fastopen_cookie,
): void {
  const dst = __sk_dst_get(sk);
  const tm = dst !== null ? tcp_get_metrics(sk, dst, false) : null;
  if (tm === null) return;
  const tfom = tm.tcpm_fastopen;
  if (tfom.mss !== 0) mss.value = tfom.mss;
  cookie.val.set(tfom.cookie.val);
  cookie.len = tfom.cookie.len;
  cookie.exp = tfom.cookie.exp;
  if (cookie.len <= 0 && tfom.try_exp === 1) cookie.exp = true;
}

/** Keeps what a Fast Open brought: MSS, cookie (if any), and whether the SYN with data was lost. */
export function tcp_fastopen_cache_set(
  sk: sock,
  mss: number,
  cookie: tcp_fastopen_cookie | null,
  syn_lost: boolean,
  try_exp: number,
): void {
  const dst = __sk_dst_get(sk);
  const tm = dst !== null ? tcp_get_metrics(sk, dst, true) : null;
  if (tm === null) return;
  const tfom = tm.tcpm_fastopen;
  if (mss !== 0) tfom.mss = mss;
  if (cookie !== null && cookie.len > 0) {
    tfom.cookie.val.set(cookie.val);
    tfom.cookie.len = cookie.len;
    tfom.cookie.exp = cookie.exp;
  } else if (try_exp > tfom.try_exp && tfom.cookie.len <= 0 && !tfom.cookie.exp) {
    tfom.try_exp = try_exp;
  }
  if (syn_lost) {
    tfom.syn_loss++;
    tfom.last_syn_loss = jiffies;
  } else {
    tfom.syn_loss = 0;
  }
}

/** What is kept of a host, for `ip tcp_metrics`. @local */
export function tcp_metrics_dump(n: net): tcp_metrics_block[] {
  const out: tcp_metrics_block[] = [];
  for (const chain of tcp_metrics_hash) {
    for (let tm = chain; tm !== null; tm = tm.tcpm_next) if (tm.tcpm_net === n) out.push(tm);
  }
  return out;
}

/** Forgets all of a host. */
export function tcp_metrics_flush_all(n: net): void {
  for (let i = 0; i < tcp_metrics_hash.length; i++) {
    let prev: tcp_metrics_block | null = null;
    for (let tm = tcp_metrics_hash[i]; tm !== null; tm = tm.tcpm_next) {
      if (tm.tcpm_net !== n) prev = tm;
      else if (prev === null) tcp_metrics_hash[i] = tm.tcpm_next;
      else prev.tcpm_next = tm.tcpm_next;
    }
  }
}

const tcp_net_metrics_ops = {
  exit: tcp_metrics_flush_all,
};

/** Starts with nothing learned. From tcp_init(). */
export function tcp_metrics_init(): void {
  tcp_metrics_hash = new Array(1 << tcp_metrics_hash_log).fill(null);
  register_pernet_subsys(tcp_net_metrics_ops);
}

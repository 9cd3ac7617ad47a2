// SPDX-License-Identifier: GPL-2.0-only
//
// Congestion controls: the list of those that there are (tcp_register_congestion_control), the choice of one for
// a namespace, a socket (TCP_CONGESTION) or a route, and Reno, which is always there. A socket gets the
// namespace's by tcp_assign_congestion_control() when it is made, and starts it by tcp_init_congestion_control()
// when it is connected; tcp_ack() then calls cong_avoid or cong_control.

import { jhash } from "../../include/linux/jhash.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import { INET_ECN_dontxmit, INET_ECN_xmit } from "../../include/net/inet_ecn.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  TCP_CA_NAME_MAX,
  tcp_ca_needs_ecn,
  TCP_CONG_NEEDS_ECN,
  TCP_CONG_NON_RESTRICTED,
  tcp_in_slow_start,
  tcp_is_cwnd_limited,
  tcp_sk,
  tcp_snd_cwnd,
  tcp_snd_cwnd_set,
} from "../../include/net/tcp.ts";
import type { tcp_congestion_ops } from "../../include/net/tcp.ts";
import { TCPF_CLOSE, TCPF_LISTEN } from "../../include/net/tcp_states.ts";
import { EEXIST, EINVAL, ENOENT, EPERM } from "../../include/uapi/asm-generic/errno.ts";
import { init_net } from "../core/net_namespace.ts";

/** The key of no congestion control. */
const TCP_CA_UNSPEC = 0;

/** What Linux calls CONFIG_DEFAULT_TCP_CONG. */
export const CONFIG_DEFAULT_TCP_CONG = "cubic";

const tcp_cong_list: tcp_congestion_ops[] = [];
/** Of each in the list, by which routes name it. @local */
const tcp_cong_keys: number[] = [];

/** The congestion control of this name, or null. */
export function tcp_ca_find(name: string): tcp_congestion_ops | null {
  for (const ca of tcp_cong_list) if (ca.name === name) return ca;
  return null;
}

/** Sets the congestion state TCP_CA_* of a socket. */
export function tcp_set_ca_state(sk: sock, ca_state: number): void {
  const icsk = inet_csk(sk);
  const ops = icsk.icsk_ca_ops;
  if (ops.set_state !== undefined) ops.set_state(sk, ca_state);
  icsk.icsk_ca_state = ca_state;
}

/** As tcp_ca_find(): there are no modules to load. */
function tcp_ca_find_autoload(_net: net, name: string): tcp_congestion_ops | null {
  return tcp_ca_find(name);
}

/** The congestion control that a route names by its metric cc_algo, or null. */
export function tcp_ca_find_key(key: number): tcp_congestion_ops | null {
  const i = tcp_cong_keys.indexOf(key | 0);
  return i < 0 ? null : tcp_cong_list[i];
}

/**
 * Adds a congestion control: 0, -EINVAL if it lacks an operation, -EEXIST.
 * @differs tcp_init() registers Reno first: with it the list of a machine that boots begins anew
 */
export function tcp_register_congestion_control(ca: tcp_congestion_ops): number {
  if (ca.cong_avoid === undefined && ca.cong_control === undefined) return -EINVAL;
  if (ca === tcp_reno) {
    for (const old of tcp_cong_list) old.flags &= ~TCP_CONG_NON_RESTRICTED;
    tcp_cong_list.length = 0;
    tcp_cong_keys.length = 0;
    ca.flags |= TCP_CONG_NON_RESTRICTED;
  }
  const name = new Uint8Array(TCP_CA_NAME_MAX);
  for (let i = 0; i < ca.name.length; i++) name[i] = ca.name.charCodeAt(i);
  const key = jhash(name, TCP_CA_NAME_MAX, ca.name.length);
  if (key === TCP_CA_UNSPEC || tcp_ca_find_key(key) !== null) return -EEXIST;
  tcp_cong_list.push(ca);
  tcp_cong_keys.push(key);
  return 0;
}

/** Takes a congestion control off the list; sockets keep theirs. */
export function tcp_unregister_congestion_control(ca: tcp_congestion_ops): void {
  const i = tcp_cong_list.indexOf(ca);
  if (i < 0) return;
  tcp_cong_list.splice(i, 1);
  tcp_cong_keys.splice(i, 1);
}

/** The key of a name for a route's metric, 0 if there is none; ecn_ca: it needs ECN. */
export function tcp_ca_get_key_by_name(
  net: net,
  name: string,
  ecn_ca: { value: boolean },
): number {
  const ca = tcp_ca_find_autoload(net, name);
  if (ca === null) return TCP_CA_UNSPEC;
  ecn_ca.value = (ca.flags & TCP_CONG_NEEDS_ECN) !== 0;
  return tcp_cong_keys[tcp_cong_list.indexOf(ca)];
}

/** The name of a key, or null. @differs returns it instead of filling a buffer */
export function tcp_ca_get_name_by_key(key: number): string | null {
  const ca = tcp_ca_find_key(key);
  return ca === null ? null : ca.name;
}

/** The socket's packets are ECN capable from the first if its congestion control needs that. @local */
function tcp_ca_ecn(sk: sock): void {
  if (tcp_ca_needs_ecn(sk)) INET_ECN_xmit(sk);
  else INET_ECN_dontxmit(sk);
}

/** Gives a new socket the namespace's congestion control. */
export function tcp_assign_congestion_control(sk: sock): void {
  const icsk = inet_csk(sk);
  icsk.icsk_ca_ops = sock_net(sk).ipv4.tcp_congestion_control ?? tcp_reno;
  icsk.icsk_ca_priv = null;
  tcp_ca_ecn(sk);
}

/** Starts the congestion control of a socket that is connected. */
export function tcp_init_congestion_control(sk: sock): void {
  const icsk = inet_csk(sk);
  tcp_sk(sk).prior_ssthresh = 0;
  if (icsk.icsk_ca_ops.init !== undefined) icsk.icsk_ca_ops.init(sk);
  tcp_ca_ecn(sk);
  icsk.icsk_ca_initialized = true;
}

function tcp_reinit_congestion_control(sk: sock, ca: tcp_congestion_ops): void {
  const icsk = inet_csk(sk);
  tcp_cleanup_congestion_control(sk);
  icsk.icsk_ca_ops = ca;
  icsk.icsk_ca_setsockopt = true;
  icsk.icsk_ca_priv = null;
  tcp_ca_ecn(sk);
  if (((1 << sk.skc_state) & (TCPF_CLOSE | TCPF_LISTEN)) === 0) tcp_init_congestion_control(sk);
}

/** The socket ends, or gets another congestion control. */
export function tcp_cleanup_congestion_control(sk: sock): void {
  const ops = inet_csk(sk).icsk_ca_ops;
  if (ops.release !== undefined) ops.release(sk);
}

/** sysctl tcp_congestion_control: 0 or -ENOENT. */
export function tcp_set_default_congestion_control(net: net, name: string): number {
  const ca = tcp_ca_find_autoload(net, name);
  if (ca === null) return -ENOENT;
  net.ipv4.tcp_congestion_control = ca;
  ca.flags |= TCP_CONG_NON_RESTRICTED;
  return 0;
}

/** A late initcall: what init_net begins with, and other namespaces take over from it. */
export function tcp_congestion_default(): number {
  return tcp_set_default_congestion_control(init_net, CONFIG_DEFAULT_TCP_CONG);
}

/** Names of all, for the sysctl of this name. @differs returns them instead of filling a buffer */
export function tcp_get_available_congestion_control(): string {
  return tcp_cong_list.map((ca) => ca.name).join(" ");
}

/** Name of the namespace's. @differs returns it instead of filling a buffer */
export function tcp_get_default_congestion_control(net: net): string {
  return (net.ipv4.tcp_congestion_control ?? tcp_reno).name;
}

/** Names that any program may choose. @differs returns them instead of filling a buffer */
export function tcp_get_allowed_congestion_control(): string {
  return tcp_cong_list.filter((ca) => (ca.flags & TCP_CONG_NON_RESTRICTED) !== 0)
    .map((ca) => ca.name).join(" ");
}

/** Sets which names any program may choose: 0 or -ENOENT. */
export function tcp_set_allowed_congestion_control(val: string): number {
  const allowed: tcp_congestion_ops[] = [];
  for (const name of val.split(" ")) {
    if (name === "") break;
    const ca = tcp_ca_find(name);
    if (ca === null) return -ENOENT;
    allowed.push(ca);
  }
  for (const ca of tcp_cong_list) ca.flags &= ~TCP_CONG_NON_RESTRICTED;
  for (const ca of allowed) ca.flags |= TCP_CONG_NON_RESTRICTED;
  return 0;
}

/** TCP_CONGESTION: 0, -ENOENT, or -EPERM where the route or the administrator has the say. */
export function tcp_set_congestion_control(
  sk: sock,
  name: string,
  load: boolean,
  cap_net_admin: boolean,
): number {
  const icsk = inet_csk(sk);
  if (icsk.icsk_ca_dst_locked) return -EPERM;
  const ca = load ? tcp_ca_find_autoload(sock_net(sk), name) : tcp_ca_find(name);
  if (ca === icsk.icsk_ca_ops) {
    icsk.icsk_ca_setsockopt = true;
    return 0;
  }
  if (ca === null) return -ENOENT;
  if ((ca.flags & TCP_CONG_NON_RESTRICTED) === 0 && !cap_net_admin) return -EPERM;
  tcp_reinit_congestion_control(sk, ca);
  return 0;
}

/** Slow start: a packet more per packet acknowledged; how many are left past ssthresh. @rfc 5681 3.1 */
export function tcp_slow_start(tp: tcp_sock, acked: number): number {
  const cwnd = Math.min(tcp_snd_cwnd(tp) + acked, tp.snd_ssthresh);
  acked -= cwnd - tcp_snd_cwnd(tp);
  tcp_snd_cwnd_set(tp, Math.min(cwnd, tp.snd_cwnd_clamp));
  return acked;
}

/** Congestion avoidance: a packet more per w packets acknowledged. */
export function tcp_cong_avoid_ai(tp: tcp_sock, w: number, acked: number): void {
  // Credit from a time when w was greater.
  if (tp.snd_cwnd_cnt >= w) {
    tp.snd_cwnd_cnt = 0;
    tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) + 1);
  }
  tp.snd_cwnd_cnt += acked;
  if (tp.snd_cwnd_cnt >= w) {
    const delta = Math.floor(tp.snd_cwnd_cnt / w);
    tp.snd_cwnd_cnt -= delta * w;
    tcp_snd_cwnd_set(tp, tcp_snd_cwnd(tp) + delta);
  }
  tcp_snd_cwnd_set(tp, Math.min(tcp_snd_cwnd(tp), tp.snd_cwnd_clamp));
}

/** Reno: slow start, then a packet per round trip. @rfc 5681 3.1 */
export function tcp_reno_cong_avoid(sk: sock, _ack: number, acked: number): void {
  const tp = tcp_sk(sk);
  if (!tcp_is_cwnd_limited(sk)) return;
  if (tcp_in_slow_start(tp)) {
    acked = tcp_slow_start(tp, acked);
    if (acked === 0) return;
  }
  tcp_cong_avoid_ai(tp, tcp_snd_cwnd(tp), acked);
}

/** Half the window, at least 2 packets. */
export function tcp_reno_ssthresh(sk: sock): number {
  return Math.max(tcp_snd_cwnd(tcp_sk(sk)) >> 1, 2);
}

/** The window before the loss that was none. */
export function tcp_reno_undo_cwnd(sk: sock): number {
  const tp = tcp_sk(sk);
  return Math.max(tcp_snd_cwnd(tp), tp.prior_cwnd);
}

export const tcp_reno: tcp_congestion_ops = {
  flags: TCP_CONG_NON_RESTRICTED,
  name: "reno",
  ssthresh: tcp_reno_ssthresh,
  cong_avoid: tcp_reno_cong_avoid,
  undo_cwnd: tcp_reno_undo_cwnd,
};

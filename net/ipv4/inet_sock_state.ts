// SPDX-License-Identifier: GPL-2.0-only
//
// The functions of af_inet.c that layers below af_inet.ts call: changes of state, the end of an
// Internet socket, the kernel's own sockets.
// @differs af_inet.c has them in the kernel; af_inet.ts hands them on under their names.
//
// tcp_set_state, inet_csk_clone_lock, inet_csk_listen_start -> inet_sk_set_state, inet_sk_state_store
// icmp_init, tcp_v4_init -> inet_ctl_sock_create
// sk_destruct -> inet_sock_destruct

import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import { SOCK_STREAM } from "../../include/linux/net.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { sk_rmem_alloc_get, SOCK_DEAD, sock_flag } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import { TCP_CLOSE } from "../../include/net/tcp_states.ts";
import { __skb_queue_purge } from "../core/skbuff.ts";
import { sk_mem_reclaim_final } from "../core/sock.ts";
import { sock_create_kern, sock_release } from "../socket.ts";

/** Changes the state of a connection. */
export function inet_sk_set_state(sk: sock, state: number): void {
  sk.skc_state = state;
}

/** As inet_sk_set_state(), where others look at the state without the lock. */
export function inet_sk_state_store(sk: sock, newstate: number): void {
  sk.skc_state = newstate;
}

/** The last reference is gone: frees what is left in an Internet socket. */
export function inet_sock_destruct(sk: sock): void {
  __skb_queue_purge(sk.sk_receive_queue);
  __skb_queue_purge(sk.sk_error_queue);
  sk_mem_reclaim_final(sk);
  if (
    WARN_ONCE(
      sk.sk_type === SOCK_STREAM && sk.skc_state !== TCP_CLOSE,
      "inet_sock_destruct: a TCP socket that is not closed",
    )
  ) return;
  if (WARN_ONCE(!sock_flag(sk, SOCK_DEAD), "inet_sock_destruct: a socket that is alive")) return;
  WARN_ONCE(sk_rmem_alloc_get(sk) !== 0, "inet_sock_destruct: sk_rmem_alloc is not 0");
  WARN_ONCE(sk.sk_wmem_alloc !== 0, "inet_sock_destruct: sk_wmem_alloc is not 0");
  WARN_ONCE(sk.sk_wmem_queued !== 0, "inet_sock_destruct: sk_wmem_queued is not 0");
  WARN_ONCE(sk.sk_forward_alloc !== 0, "inet_sock_destruct: sk_forward_alloc is not 0");
  inet_sk(sk).inet_opt = null;
  sk.sk_dst_cache = null;
  sk.sk_rx_dst = null;
}

/** A socket of the kernel's own, which no packet that comes in finds. @differs answers the sock or a negative errno */
export function inet_ctl_sock_create(
  family: number,
  type: number,
  protocol: number,
  n: net,
): sock | number {
  const sock = sock_create_kern(n, family, type, protocol);
  if (IS_ERR(sock)) return sock;
  const sk = sock.sk as sock;
  sk.skc_prot.unhash?.(sk);
  return sk;
}

/** Ends a socket of inet_ctl_sock_create(). */
export function inet_ctl_sock_destroy(sk: sock): void {
  const sock = sk.sk_socket;
  if (sock !== null) sock_release(sock);
}

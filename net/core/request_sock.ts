// SPDX-License-Identifier: GPL-2.0-only
//
// request_socks: made by inet_reqsk_alloc() when a SYN comes, freed with their last reference. References are
// those of ehash, of the timer, and of whoever looked it up; the accept queue takes over the latter.

import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import type {
  request_sock,
  request_sock_ops,
  request_sock_queue,
} from "../../include/net/request_sock.ts";
import type { sock } from "../../include/net/sock.ts";
import { tcp_rsk, tcp_sk } from "../../include/net/tcp.ts";
import { TCP_LISTEN } from "../../include/net/tcp_states.ts";
import { sock_hold } from "../../include/net/sock.ts";
import { sock_put } from "./sock.ts";

/** Makes a request_sock without references; null where the listener is gone. */
export function reqsk_alloc(
  ops: request_sock_ops,
  sk_listener: sock,
  attach_listener: boolean,
): request_sock | null {
  const req = ops.alloc_request();
  if (attach_listener) {
    if (sk_listener.skc_refcnt === 0) return null;
    sock_hold(sk_listener);
    req.rsk_listener = sk_listener;
  }
  req.rsk_ops = ops;
  req.skc_net = sk_listener.skc_net;
  req.skc_prot = sk_listener.skc_prot;
  req.skc_refcnt = 0;
  return req;
}

/** Frees one that has no references. */
export function __reqsk_free(req: request_sock): void {
  req.rsk_ops.destructor(req);
  const listener = req.rsk_listener;
  if (listener !== null) {
    req.rsk_listener = null;
    sock_put(listener);
  }
  req.saved_syn = null;
}

export function reqsk_free(req: request_sock): void {
  if (req.skc_refcnt !== 0) throw new Error("reqsk_free: a request_sock in use");
  __reqsk_free(req);
}

/** Drops a reference. */
export function reqsk_put(req: request_sock): void {
  if (--req.skc_refcnt === 0) reqsk_free(req);
}

/** Makes a listener's queues empty. */
export function reqsk_queue_alloc(queue: request_sock_queue): void {
  const fastopenq = queue.fastopenq;
  fastopenq.rskq_rst_head = null;
  fastopenq.rskq_rst_tail = null;
  fastopenq.qlen = 0;
  queue.rskq_accept_head = null;
  queue.rskq_accept_tail = null;
}

/**
 * Parts a Fast Open child and its request_sock: the handshake is complete, or the child is gone, by a RST
 * where reset. After a RST it still counts against the queue's limit for a minute: those who open with
 * forged addresses run into it.
 */
export function reqsk_fastopen_remove(sk: sock, req: request_sock, reset: boolean): void {
  const lsk = req.rsk_listener!;
  const fastopenq = inet_csk(lsk).icsk_accept_queue.fastopenq;

  tcp_sk(sk).fastopen_rsk = null;
  fastopenq.qlen--;
  tcp_rsk(req).tfo_listener = false;
  // Not accepted yet: the accept queue holds the other reference.
  if (req.sk !== null) return;
  if (!reset || lsk.sk_state !== TCP_LISTEN) {
    reqsk_put(req);
    return;
  }
  req.rsk_timer.expires = (jiffies + 60 * HZ) | 0;
  if (fastopenq.rskq_rst_head === null) fastopenq.rskq_rst_head = req;
  else fastopenq.rskq_rst_tail!.dl_next = req;
  req.dl_next = null;
  fastopenq.rskq_rst_tail = req;
  fastopenq.qlen++;
}

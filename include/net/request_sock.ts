// SPDX-License-Identifier: GPL-2.0-only
//
// request_sock: a connection that is being opened, from SYN to third ACK, and the listener's queue
// of those that are ready to be accepted. What allocates and frees is in net/core/request_sock.ts.

import type { sk_buff } from "../linux/skbuff.ts";
import { timer_list } from "../linux/timer.ts";
import { sk_acceptq_removed, sock_common } from "./sock.ts";
import type { sock } from "./sock.ts";

/** Operations of a family on its request_socks. */
export interface request_sock_ops {
  family: number;
  slab_name: string;
  alloc_request(): request_sock;
  /** Sends the SYN+ACK again; 0 or a negative errno. */
  rtx_syn_ack(sk: sock, req: request_sock): number;
  send_ack(sk: sock, skb: sk_buff, req: request_sock): void;
  send_reset(sk: sock | null, skb: sk_buff): void;
  destructor(req: request_sock): void;
  syn_ack_timeout(req: request_sock): void;
}

/** The SYN as it came, for TCP_SAVE_SYN. */
export interface saved_syn {
  mac_hdrlen: number;
  network_hdrlen: number;
  tcp_hdrlen: number;
  data: Uint8Array;
}

/** A connection being opened. */
export class request_sock extends sock_common {
  rsk_listener: sock | null = null;
  /** In the accept queue. */
  dl_next: request_sock | null = null;
  /** The peer's MSS, bytes. */
  mss = 0;
  /** Times the SYN+ACK was sent again. */
  num_retrans = 0;
  syncookie = false;
  /** Expiries of the timer. */
  num_timeout = 0;
  /** The peer's timestamp of the SYN. */
  ts_recent = 0;
  /** jiffies until the first retransmission. */
  timeout = 0;
  readonly rsk_timer: timer_list<request_sock>;
  rsk_ops!: request_sock_ops;
  /** The full socket, once there is one. */
  sk: sock | null = null;
  saved_syn: saved_syn | null = null;
  secid = 0;

  constructor() {
    super();
    this.rsk_timer = new timer_list<request_sock>(this);
  }

  get rsk_refcnt(): number {
    return this.skc_refcnt;
  }
  set rsk_refcnt(v: number) {
    this.skc_refcnt = v;
  }
  get rsk_hash(): number {
    return this.skc_hash;
  }
  set rsk_hash(v: number) {
    this.skc_hash = v;
  }
}

/** TCP Fast Open's part of the queue. */
export class fastopen_queue {
  rskq_rst_head: request_sock | null = null;
  rskq_rst_tail: request_sock | null = null;
  qlen = 0;
  /** 0: Fast Open is off on this listener. */
  max_qlen = 0;
  ctx: unknown = null;
}

/** The queues of a listener. */
export class request_sock_queue {
  rskq_defer_accept = 0;
  synflood_warned = false;
  /** request_socks in ehash. */
  qlen = 0;
  /** Of these, the ones whose SYN+ACK was not sent again. */
  young = 0;
  readonly fastopenq = new fastopen_queue();
  rskq_accept_head: request_sock | null = null;
  rskq_accept_tail: request_sock | null = null;
}

export function inet_reqsk(sk: sock_common): request_sock {
  return sk as request_sock;
}

export function reqsk_queue_empty(queue: request_sock_queue): boolean {
  return queue.rskq_accept_head === null;
}

/** Takes the oldest ready connection off; null when there is none. */
export function reqsk_queue_remove(queue: request_sock_queue, parent: sock): request_sock | null {
  const req = queue.rskq_accept_head;
  if (req !== null) {
    sk_acceptq_removed(parent);
    queue.rskq_accept_head = req.dl_next;
    if (queue.rskq_accept_head === null) queue.rskq_accept_tail = null;
  }
  return req;
}

/** A request_sock has left ehash. */
export function reqsk_queue_removed(queue: request_sock_queue, req: request_sock): void {
  if (req.num_timeout === 0) queue.young--;
  queue.qlen--;
}

/** A request_sock has entered ehash. */
export function reqsk_queue_added(queue: request_sock_queue): void {
  queue.young++;
  queue.qlen++;
}

export function reqsk_queue_len(queue: request_sock_queue): number {
  return queue.qlen;
}

export function reqsk_queue_len_young(queue: request_sock_queue): number {
  return queue.young;
}

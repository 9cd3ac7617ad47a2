// SPDX-License-Identifier: GPL-2.0-only
//
// What connection-oriented Internet sockets share: their local port (inet_csk_get_port, for bind() and listen()),
// the listener's queues, and timers. A SYN enters by inet_csk_reqsk_queue_hash_add(), reqsk_timer_handler() repeats
// its SYN+ACK; the third ACK clones the listener (inet_csk_clone_lock) and queues the child
// (inet_csk_complete_hashdance); inet_csk_accept() hands it to the program. inet_csk_destroy_sock() ends a socket.

import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { hlist_empty } from "../../include/linux/list.ts";
import { EPOLLIN, EPOLLRDNORM } from "../../include/linux/poll.ts";
import { get_random_u32_below } from "../../include/linux/random.ts";
import {
  after_sleep,
  current,
  signal_pending,
  TASK_INTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import { from_timer, timer_pending, TIMER_PINNED, timer_setup } from "../../include/linux/timer.ts";
import type { timer_list } from "../../include/linux/timer.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import { flowi4_init_output } from "../../include/net/flow.ts";
import type { flowi4 } from "../../include/net/flow.ts";
import {
  ICSK_ACK_TIMER,
  ICSK_TIME_DACK,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
  inet_csk,
  inet_csk_delack_init,
  inet_csk_reqsk_queue_added,
  reqsk_timeout,
} from "../../include/net/inet_connection_sock.ts";
import type { inet_bind_bucket } from "../../include/net/inet_hashtables.ts";
import {
  inet_rsk,
  inet_sk,
  inet_sk_flowi_flags,
  inet_sk_get_local_port_range,
} from "../../include/net/inet_sock.ts";
import { __IP_INC_STATS, inet_is_local_reserved_port } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  reqsk_queue_empty,
  reqsk_queue_len,
  reqsk_queue_len_young,
  reqsk_queue_remove,
  reqsk_queue_removed,
} from "../../include/net/request_sock.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import { RT_CONN_FLAGS } from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import {
  __sk_nulls_del_node_init_rcu,
  sk_acceptq_added,
  SK_CAN_REUSE,
  SK_FORCE_REUSE,
  sk_fullsock,
  sk_hashed,
  SOCK_DEAD,
  sock_flag,
  sock_hold,
  sock_intr_errno,
  sock_net,
  sock_orphan,
  SOCK_RCU_FREE,
  sock_rcvtimeo,
  sock_reset_flag,
  sock_set_flag,
} from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import { tcp_rsk, tcp_rto_max, tcp_sk } from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { EADDRINUSE, EAGAIN, EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { RT_SCOPE_UNIVERSE } from "../../include/uapi/linux/rtnetlink.ts";
import { IPSTATS_MIB_OUTNOROUTES } from "../../include/uapi/linux/snmp.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import {
  DEFINE_WAIT,
  finish_wait,
  prepare_to_wait_exclusive,
  schedule_timeout,
} from "../../kernel/sched/wait.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { reqsk_put, reqsk_queue_alloc } from "../core/request_sock.ts";
import {
  __sk_dst_check,
  lock_sock,
  release_sock,
  sk_clone_lock,
  sk_dst_reset,
  sk_reset_timer,
  sk_setup_caps,
  sk_sleep,
  sk_stop_timer,
  sock_put,
} from "../core/sock.ts";
import { sk_stream_kill_queues } from "../core/stream.ts";
import {
  inet_bhashfn,
  inet_bind_bucket_create,
  inet_bind_bucket_find,
  inet_bind_hash,
  inet_ehash_insert,
} from "./inet_hashtables.ts";
import { inet_sk_set_state, inet_sk_state_store } from "./inet_sock_state.ts";
import { ip_route_output_flow, ip_route_output_ports } from "./route.ts";

/** inet_bind_bucket.fastreuseport: any address may join, or only the one in fast_rcv_saddr. */
const FASTREUSEPORT_ANY = 1;
const FASTREUSEPORT_STRICT = 2;

// ---- the local port ----

/** Two bound addresses meet; those that are 0 match all where the flag says so. */
function ipv4_rcv_saddr_equal(
  sk1_rcv_saddr: number,
  sk2_rcv_saddr: number,
  match_sk1_wildcard: boolean,
  match_sk2_wildcard: boolean,
): boolean {
  if (sk1_rcv_saddr === sk2_rcv_saddr) return true;
  return (match_sk1_wildcard && sk1_rcv_saddr === 0) || (match_sk2_wildcard && sk2_rcv_saddr === 0);
}

/** Two sockets' bound addresses are the same, or meet with one that is bound to all. */
export function inet_rcv_saddr_equal(
  sk: sock_common,
  sk2: sock_common,
  match_wildcard: boolean,
): boolean {
  return ipv4_rcv_saddr_equal(
    sk.skc_rcv_saddr,
    sk2.skc_rcv_saddr,
    match_wildcard,
    match_wildcard,
  );
}

/** Bound to no address. */
export function inet_rcv_saddr_any(sk: sock_common): boolean {
  return sk.skc_rcv_saddr === 0;
}

/** First and last port that the system chooses. @differs answers what C stores through pointers */
export function inet_get_local_port_range(net: net): [number, number] {
  return net.ipv4.ip_local_ports;
}

/** sk may not have the port of sk2, unless their addresses differ. */
function inet_bind_conflict(
  sk: sock,
  sk2: sock_common,
  sk_uid: number,
  relax: boolean,
  reuseport_ok: boolean,
): boolean {
  if (sk === sk2) return false;
  const dif = sk.skc_bound_dev_if, dif2 = sk2.skc_bound_dev_if;
  if (dif !== 0 && dif2 !== 0 && dif !== dif2) return false;

  const share = sk.skc_reuseport && sk2.skc_reuseport &&
    (sk2.skc_state === TCP_TIME_WAIT || (sk_fullsock(sk2) && sk2.sk_uid === sk_uid));
  if (sk.skc_reuse !== 0 && sk2.skc_reuse !== 0 && sk2.skc_state !== TCP_LISTEN) {
    return !relax || (!reuseport_ok && share);
  }
  return !reuseport_ok || !share;
}

/**
 * One of the port's owners stands against sk. relax: SO_REUSEADDR on both lets them share; reuseport_ok: so
 * does SO_REUSEPORT.
 */
function inet_csk_bind_conflict(
  sk: sock,
  tb: inet_bind_bucket,
  relax: boolean,
  reuseport_ok: boolean,
): boolean {
  const uid = sk.sk_uid;
  for (let node = tb.owners.next; node !== null; node = node.next) {
    const sk2 = node.owner;
    if (
      inet_bind_conflict(sk, sk2, uid, relax, reuseport_ok) && inet_rcv_saddr_equal(sk, sk2, true)
    ) return true;
  }
  return false;
}

/** What a scan for a port of one's own found. @local */
const open_port: { port: number; tb: inet_bind_bucket | null } = { port: 0, tb: null };

/** Looks at every second port of low..high-1 from a start, then at the others: true fills open_port. @local */
function scan_open_port(sk: sock, low: number, high: number, relax: boolean): boolean {
  const hinfo = sk.skc_prot.hashinfo!;
  const net = sock_net(sk);
  let remaining = high - low;
  if (remaining > 1) remaining &= ~1;
  // connect() takes ports of the low end's parity first; bind() leaves these to it.
  let offset = get_random_u32_below(remaining) | 1;

  do {
    let port = low + offset;
    for (let i = 0; i < remaining; i += 2, port += 2) {
      if (port >= high) port -= remaining;
      if (inet_is_local_reserved_port(net, port)) continue;
      const head = hinfo.bhash[inet_bhashfn(net, port, hinfo.bhash_size)];
      const tb = inet_bind_bucket_find(head, net, port);
      if (tb !== null && inet_csk_bind_conflict(sk, tb, relax, false)) continue;
      open_port.port = port;
      open_port.tb = tb;
      return true;
    }
    offset--;
  } while ((offset & 1) === 0);
  return false;
}

/** Finds a port for bind(0): true, with the port and its bucket, if there is one, in open_port. */
function inet_csk_find_open_port(sk: sock): boolean {
  const net = sock_net(sk);
  const range = inet_sk_get_local_port_range(sk, inet_get_local_port_range(net));
  const low = range[0], high = range[1] + 1;
  const half = low + (((high - low) >> 2) << 1);
  // Those that share ports fill the lower half first, so that others find a free one above.
  const halves = sk.skc_reuse === SK_CAN_REUSE && high - low >= 4;

  for (let relax = false;; relax = true) {
    if (halves) {
      if (scan_open_port(sk, low, half, relax) || scan_open_port(sk, half, high, relax)) {
        return true;
      }
    } else if (scan_open_port(sk, low, high, relax)) {
      return true;
    }
    // All are taken, but connections to different places may share one.
    if (relax || net.ipv4.sysctl_ip_autobind_reuse === 0) return false;
  }
}

/** sk may join the bucket without a look at its owners. */
function sk_reuseport_match(tb: inet_bind_bucket, sk: sock): boolean {
  if (tb.fastreuseport <= 0 || !sk.skc_reuseport || tb.fastuid !== sk.sk_uid) return false;
  if (tb.fastreuseport === FASTREUSEPORT_ANY) return true;
  return ipv4_rcv_saddr_equal(tb.fast_rcv_saddr, sk.skc_rcv_saddr, true, false);
}

/** Remembers sk as what the bucket's owners with SO_REUSEPORT have in common. @local */
function tb_set_fastreuseport(tb: inet_bind_bucket, sk: sock, how: number): void {
  tb.fastreuseport = how;
  tb.fastuid = sk.sk_uid;
  tb.fast_rcv_saddr = sk.skc_rcv_saddr;
  tb.fast_ipv6_only = false;
  tb.fast_sk_family = sk.skc_family;
}

/** Keeps what the bucket knows about all of its owners right when sk joins them. */
export function inet_csk_update_fastreuse(tb: inet_bind_bucket, sk: sock): void {
  const reuse = sk.skc_reuse !== 0 && sk.skc_state !== TCP_LISTEN;

  if (hlist_empty(tb.owners)) {
    tb.fastreuse = reuse ? 1 : 0;
    if (sk.skc_reuseport) tb_set_fastreuseport(tb, sk, FASTREUSEPORT_ANY);
    else tb.fastreuseport = 0;
    return;
  }
  if (!reuse) tb.fastreuse = 0;
  if (!sk.skc_reuseport) tb.fastreuseport = 0;
  else if (!sk_reuseport_match(tb, sk)) tb_set_fastreuseport(tb, sk, FASTREUSEPORT_STRICT);
}

/** Gives sk the local port snum, or one of the system's choice for 0: 0, or -EADDRINUSE. */
export function inet_csk_get_port(sk: sock, snum: number): number {
  const hinfo = sk.skc_prot.hashinfo!;
  const net = sock_net(sk);
  const reuse = sk.skc_reuse !== 0 && sk.skc_state !== TCP_LISTEN;
  let port = snum;
  let tb: inet_bind_bucket | null;

  if (port === 0) {
    if (!inet_csk_find_open_port(sk)) return -EADDRINUSE;
    port = open_port.port;
    tb = open_port.tb;
    open_port.tb = null;
  } else {
    tb = inet_bind_bucket_find(hinfo.bhash[inet_bhashfn(net, port, hinfo.bhash_size)], net, port);
    if (
      tb !== null && !hlist_empty(tb.owners) && sk.skc_reuse !== SK_FORCE_REUSE &&
      !(tb.fastreuse > 0 && reuse) && !sk_reuseport_match(tb, sk) &&
      inet_csk_bind_conflict(sk, tb, true, true)
    ) return -EADDRINUSE;
  }

  if (tb === null) {
    const head = hinfo.bhash[inet_bhashfn(net, port, hinfo.bhash_size)];
    tb = inet_bind_bucket_create(hinfo, net, head, port);
  }
  inet_csk_update_fastreuse(tb, sk);
  if (inet_csk(sk).icsk_bind_hash === null) inet_bind_hash(sk, tb, port);
  return 0;
}

// ---- accept ----

/** Sleeps until a connection is ready, the socket locked before and after: 0, or a negative errno. */
function inet_csk_wait_for_connect(sk: sock, timeo: number): number | Promise<number> {
  const queue = inet_csk(sk).icsk_accept_queue;
  const wait = DEFINE_WAIT("accept");
  const wq = sk_sleep(sk);
  const woken = (left: number): number | Promise<number> => {
    let err = 0;
    if (reqsk_queue_empty(queue)) {
      if (sk.skc_state !== TCP_LISTEN) err = -EINVAL;
      else if (signal_pending(current)) err = sock_intr_errno(left);
      else if (left === 0) err = -EAGAIN;
      else return sleep(left);
    }
    finish_wait(wq, wait);
    return err;
  };
  const sleep = (timeo: number): number | Promise<number> => {
    // Exclusive: a connection wakes one of those who wait.
    prepare_to_wait_exclusive(wq, wait, TASK_INTERRUPTIBLE);
    release_sock(sk);
    const left = reqsk_queue_empty(queue) ? schedule_timeout(wait, timeo) : timeo;
    return after_sleep(left, (left) => after_sleep(lock_sock(sk), () => woken(left)));
  };
  return sleep(timeo);
}

/**
 * Takes the oldest connection off the listener's queue, sleeping for one unless O_NONBLOCK: the socket, or -EINVAL
 * where sk does not listen, -EAGAIN, -ERESTARTSYS, -EINTR.
 * @differs answers the errno that C stores by a pointer; `locked`: sk is already the caller's
 */
export function inet_csk_accept(
  sk: sock,
  flags: number,
  locked = false,
): sock | number | Promise<sock | number> {
  const queue = inet_csk(sk).icsk_accept_queue;

  if (!locked) {
    const wait = lock_sock(sk);
    if (wait !== undefined) return after_sleep(wait, () => inet_csk_accept(sk, flags, true));
  }
  if (sk.skc_state !== TCP_LISTEN) {
    release_sock(sk);
    return -EINVAL;
  }
  if (reqsk_queue_empty(queue)) {
    const timeo = sock_rcvtimeo(sk, (flags & O_NONBLOCK) !== 0);
    if (timeo === 0) {
      release_sock(sk);
      return -EAGAIN;
    }
    return after_sleep(inet_csk_wait_for_connect(sk, timeo), (error) => {
      if (error === 0) return inet_csk_accept(sk, flags, true);
      release_sock(sk);
      return error;
    });
  }

  const req = reqsk_queue_remove(queue, sk)!;
  const newsk = req.sk!;
  // A Fast Open child still waits for its third ACK, and needs the request_sock until then.
  const keep = sk.sk_protocol === IPPROTO_TCP && tcp_rsk(req).tfo_listener;
  if (keep) req.sk = null;
  release_sock(sk);
  if (!keep) reqsk_put(req);
  return newsk;
}

/** Poll events of a listener. */
export function inet_csk_listen_poll(sk: sock): number {
  return reqsk_queue_empty(inet_csk(sk).icsk_accept_queue) ? 0 : EPOLLIN | EPOLLRDNORM;
}

// ---- timers ----

type timer_handler<T> = { bivariant(t: timer_list<T>): void }["bivariant"];

/** Sets up the timers of retransmission, delayed ACKs and keepalive. */
export function inet_csk_init_xmit_timers(
  sk: sock,
  retransmit_handler: timer_handler<sock>,
  delack_handler: timer_handler<sock>,
  keepalive_handler: timer_handler<sock>,
): void {
  const icsk = inet_csk(sk);

  timer_setup(icsk.icsk_retransmit_timer, retransmit_handler, 0);
  timer_setup(icsk.icsk_delack_timer, delack_handler, 0);
  timer_setup(sk.sk_timer, keepalive_handler, 0);
  icsk.icsk_pending = 0;
  icsk.icsk_ack.pending = 0;
}

/** Stops all three timers. */
export function inet_csk_clear_xmit_timers(sk: sock): void {
  const icsk = inet_csk(sk);

  icsk.icsk_pending = 0;
  icsk.icsk_ack.pending = 0;
  sk_stop_timer(sk, icsk.icsk_retransmit_timer);
  sk_stop_timer(sk, icsk.icsk_delack_timer);
  sk_stop_timer(sk, sk.sk_timer);
}

export function inet_csk_delete_keepalive_timer(sk: sock): void {
  sk_stop_timer(sk, sk.sk_timer);
}

/** Starts the keepalive timer; len in jiffies. */
export function inet_csk_reset_keepalive_timer(sk: sock, len: number): void {
  sk_reset_timer(sk, sk.sk_timer, (jiffies + len) | 0);
}

/** Stops an ICSK_TIME_*: it runs out without effect. */
export function inet_csk_clear_xmit_timer(sk: sock, what: number): void {
  const icsk = inet_csk(sk);

  if (what === ICSK_TIME_DACK) {
    icsk.icsk_ack.pending = 0;
    icsk.icsk_ack.retry = 0;
  } else {
    icsk.icsk_pending = 0;
  }
}

/** Starts an ICSK_TIME_* to run out in `when` jiffies, at most max_when. */
export function inet_csk_reset_xmit_timer(
  sk: sock,
  what: number,
  when: number,
  max_when: number,
): void {
  const icsk = inet_csk(sk);
  const expires = (jiffies + (when > max_when ? max_when : when)) | 0;

  switch (what) {
    case ICSK_TIME_RETRANS:
    case ICSK_TIME_PROBE0:
    case ICSK_TIME_LOSS_PROBE:
    case ICSK_TIME_REO_TIMEOUT:
      icsk.icsk_pending = what;
      icsk.icsk_timeout = expires;
      sk_reset_timer(sk, icsk.icsk_retransmit_timer, expires);
      break;
    case ICSK_TIME_DACK:
      icsk.icsk_ack.pending |= ICSK_ACK_TIMER;
      icsk.icsk_ack.timeout = expires;
      sk_reset_timer(sk, icsk.icsk_delack_timer, expires);
      break;
  }
}

// ---- routes ----

/** The way of req's packets; null, and counted, where there is none. @local */
function csk_route_request(sk: sock, fl4: flowi4, req: request_sock): dst_entry | null {
  const ireq = inet_rsk(req);
  const net = ireq.ireq_net;
  const opt = ireq.ireq_opt;

  flowi4_init_output(
    fl4,
    ireq.ir_iif,
    ireq.ir_mark,
    RT_CONN_FLAGS(sk),
    RT_SCOPE_UNIVERSE,
    sk.sk_protocol,
    inet_sk_flowi_flags(sk),
    opt !== null && opt.srr !== 0 ? opt.faddr : ireq.ir_rmt_addr,
    ireq.ir_loc_addr,
    ireq.ir_rmt_port,
    ireq.ir_num,
    sk.sk_uid,
  );
  const rt = ip_route_output_flow(net, fl4, sk);
  if (IS_ERR(rt) || (opt !== null && opt.is_strictroute && rt.rt_uses_gateway)) {
    __IP_INC_STATS(net, IPSTATS_MIB_OUTNOROUTES);
    return null;
  }
  return rt;
}

/** The route of the SYN+ACK; null where there is none. */
export function inet_csk_route_req(sk: sock, fl4: flowi4, req: request_sock): dst_entry | null {
  return csk_route_request(sk, fl4, req);
}

/** The route of a new child; null where there is none. */
export function inet_csk_route_child_sock(
  sk: sock,
  newsk: sock,
  req: request_sock,
): dst_entry | null {
  return csk_route_request(sk, inet_sk(newsk).cork_fl4, req);
}

// ---- connections that are being opened ----

const recalc = { expire: false, resend: false };

/** Whether a request_sock is given up, and whether its SYN+ACK is sent again, in `recalc`. */
function syn_ack_recalc(
  req: request_sock,
  max_syn_ack_retries: number,
  rskq_defer_accept: number,
): void {
  const acked = inet_rsk(req).acked;
  const n = req.num_timeout;

  if (rskq_defer_accept === 0) {
    recalc.expire = n >= max_syn_ack_retries;
    recalc.resend = true;
    return;
  }
  recalc.expire = n >= max_syn_ack_retries && (!acked || n >= rskq_defer_accept);
  // Acked and waiting for data: silent until the period ends, then one more chance to be acked.
  recalc.resend = !acked || n >= rskq_defer_accept - 1;
}

/** Sends the SYN+ACK again: 0 or a negative errno. */
export function inet_rtx_syn_ack(parent: sock, req: request_sock): number {
  const err = req.rsk_ops.rtx_syn_ack(parent, req);
  if (err === 0) req.num_retrans++;
  return err;
}

/** Takes req out of ehash and stops its timer; true if it was in ehash. */
function reqsk_queue_unlink(req: request_sock): boolean {
  const found = sk_hashed(req) && __sk_nulls_del_node_init_rcu(req);
  if (timer_pending(req.rsk_timer) && del_timer(req.rsk_timer) !== 0) reqsk_put(req);
  return found;
}

/** Gives a connection up that is being opened; true if it still stood in ehash. */
export function inet_csk_reqsk_queue_drop(sk: sock, req: request_sock): boolean {
  const unlinked = reqsk_queue_unlink(req);
  if (unlinked) {
    reqsk_queue_removed(inet_csk(sk).icsk_accept_queue, req);
    reqsk_put(req);
  }
  return unlinked;
}

export function inet_csk_reqsk_queue_drop_and_put(sk: sock, req: request_sock): void {
  inet_csk_reqsk_queue_drop(sk, req);
  reqsk_put(req);
}

/** No third ACK yet: sends the SYN+ACK again, or gives up. */
function reqsk_timer_handler(t: timer_list<request_sock>): void {
  const req = from_timer(t);
  const sk_listener = req.rsk_listener!;

  if (sk_listener.skc_state !== TCP_LISTEN) {
    inet_csk_reqsk_queue_drop_and_put(sk_listener, req);
    return;
  }
  const icsk = inet_csk(sk_listener);
  const queue = icsk.icsk_accept_queue;
  let max_syn_ack_retries = icsk.icsk_syn_retries !== 0
    ? icsk.icsk_syn_retries
    : sock_net(sk_listener).ipv4.sysctl_tcp_synack_retries;

  // Half of the queue is for young ones: when it fills, old ones get fewer tries.
  const qlen = reqsk_queue_len(queue);
  if ((qlen << 1) > Math.max(8, sk_listener.sk_max_ack_backlog)) {
    let young = reqsk_queue_len_young(queue) << 1;
    while (max_syn_ack_retries > 2 && qlen >= young) {
      max_syn_ack_retries--;
      young <<= 1;
    }
  }
  syn_ack_recalc(req, max_syn_ack_retries, queue.rskq_defer_accept);
  const { expire, resend } = recalc;
  req.rsk_ops.syn_ack_timeout(req);
  if (!expire && (!resend || inet_rtx_syn_ack(sk_listener, req) === 0 || inet_rsk(req).acked)) {
    if (req.num_timeout++ === 0) queue.young--;
    mod_timer(req.rsk_timer, (jiffies + reqsk_timeout(req, tcp_rto_max(sk_listener))) | 0);
    return;
  }
  inet_csk_reqsk_queue_drop_and_put(sk_listener, req);
}

const found_dup_sk = { value: false };

/** Enters req into ehash with its timer running, unless its four-tuple is taken. References: those two, the caller's. */
function reqsk_queue_hash_req(req: request_sock, timeout: number): boolean {
  found_dup_sk.value = false;
  if (!inet_ehash_insert(req, null, found_dup_sk)) return false;
  timer_setup(req.rsk_timer, reqsk_timer_handler, TIMER_PINNED);
  mod_timer(req.rsk_timer, (jiffies + timeout) | 0);
  req.rsk_refcnt = 2 + 1;
  return true;
}

/** A SYN's request_sock becomes known; timeout in jiffies. False where there is such a connection already. */
export function inet_csk_reqsk_queue_hash_add(
  sk: sock,
  req: request_sock,
  timeout: number,
): boolean {
  if (!reqsk_queue_hash_req(req, timeout)) return false;
  inet_csk_reqsk_queue_added(sk);
  return true;
}

/** The child of a listener for a connection that is open now, in SYN_RECV, with two references. */
export function inet_csk_clone_lock(sk: sock, req: request_sock): sock | null {
  const newsk = sk_clone_lock(sk);
  if (newsk === null) return null;
  const newicsk = inet_csk(newsk);
  const ireq = inet_rsk(req);

  inet_sk_set_state(newsk, TCP_SYN_RECV);
  newicsk.icsk_bind_hash = null;
  newicsk.inet_dport = ireq.ir_rmt_port;
  newicsk.inet_num = ireq.ir_num;
  newicsk.inet_sport = ireq.ir_num;
  // Listeners have it, their children do not.
  sock_reset_flag(newsk, SOCK_RCU_FREE);
  newsk.sk_mark = ireq.ir_mark;
  newsk.skc_cookie = req.skc_cookie;
  newicsk.icsk_retransmits = 0;
  newicsk.icsk_backoff = 0;
  newicsk.icsk_probes_out = 0;
  newicsk.icsk_probes_tstamp = 0;
  newicsk.icsk_accept_queue.rskq_defer_accept = 0;
  return newsk;
}

// ---- the end ----

/** The end of a socket that is closed, orphaned and in no table. */
export function inet_csk_destroy_sock(sk: sock): void {
  WARN_ONCE(sk.skc_state !== TCP_CLOSE, "inet_csk_destroy_sock: a socket that is not closed");
  WARN_ONCE(!sock_flag(sk, SOCK_DEAD), "inet_csk_destroy_sock: a socket that is alive");
  WARN_ONCE(sk_hashed(sk), "inet_csk_destroy_sock: a socket in a hash table");
  WARN_ONCE(
    inet_sk(sk).inet_num !== 0 && inet_csk(sk).icsk_bind_hash === null,
    "inet_csk_destroy_sock: a port without a bind bucket",
  );
  sk.skc_prot.destroy!(sk);
  sk_stream_kill_queues(sk);
  sk.skc_prot.counters.orphan_count--;
  sock_put(sk);
}

/** Makes a socket that no program had fit for inet_csk_destroy_sock(). */
export function inet_csk_prepare_for_destroy_sock(sk: sock): void {
  sock_set_flag(sk, SOCK_DEAD);
  sk.skc_prot.counters.orphan_count++;
}

/** Prepares the forced end of a child that was just made. */
export function inet_csk_prepare_forced_close(sk: sock): void {
  // The clone was made with two references.
  sock_put(sk);
  inet_csk_prepare_for_destroy_sock(sk);
  inet_sk(sk).inet_num = 0;
}

// ---- listening ----

/** Makes sk a listener: 0, or -EADDRINUSE where another may not share its port. */
export function inet_csk_listen_start(sk: sock): number {
  const icsk = inet_csk(sk);

  reqsk_queue_alloc(icsk.icsk_accept_queue);
  sk.sk_ack_backlog = 0;
  inet_csk_delack_init(sk);

  // The state comes first: conflicts are those of a listener. Nobody finds it before hash().
  inet_sk_state_store(sk, TCP_LISTEN);
  let err = sk.skc_prot.get_port!(sk, icsk.inet_num);
  if (err === 0) {
    icsk.inet_sport = icsk.inet_num;
    sk_dst_reset(sk);
    err = sk.skc_prot.hash!(sk);
    if (err === 0) return 0;
  }
  inet_sk_set_state(sk, TCP_CLOSE);
  return err;
}

/** Ends a connection that nobody will accept. */
function inet_child_forget(sk: sock, req: request_sock, child: sock): void {
  sk.skc_prot.disconnect!(child, O_NONBLOCK);
  sock_orphan(child);
  sk.skc_prot.counters.orphan_count++;
  if (sk.sk_protocol === IPPROTO_TCP && tcp_rsk(req).tfo_listener) {
    tcp_sk(child).fastopen_rsk = null;
  }
  inet_csk_destroy_sock(child);
}

/** Queues a connection to be accepted: child, or null where the listener closed. */
export function inet_csk_reqsk_queue_add(sk: sock, req: request_sock, child: sock): sock | null {
  const queue = inet_csk(sk).icsk_accept_queue;

  if (sk.skc_state !== TCP_LISTEN) {
    inet_child_forget(sk, req, child);
    return null;
  }
  req.sk = child;
  req.dl_next = null;
  if (queue.rskq_accept_head === null) queue.rskq_accept_head = req;
  else queue.rskq_accept_tail!.dl_next = req;
  queue.rskq_accept_tail = req;
  sk_acceptq_added(sk);
  return child;
}

/** child took req's place in ehash (own_req): it is queued to be accepted. null where that failed. */
export function inet_csk_complete_hashdance(
  sk: sock,
  child: sock,
  req: request_sock,
  own_req: boolean,
): sock | null {
  if (own_req) {
    inet_csk_reqsk_queue_drop(req.rsk_listener!, req);
    reqsk_queue_removed(inet_csk(req.rsk_listener!).icsk_accept_queue, req);
    if (inet_csk_reqsk_queue_add(sk, req, child) !== null) return child;
  }
  sock_put(child);
  return null;
}

/** Ends the connections that wait to be accepted; those being opened end by their timers. */
export function inet_csk_listen_stop(sk: sock): void {
  const queue = inet_csk(sk).icsk_accept_queue;
  let req: request_sock | null;

  while ((req = reqsk_queue_remove(queue, sk)) !== null) {
    const child = req.sk!;
    local_bh_disable();
    sock_hold(child);
    inet_child_forget(sk, req, child);
    reqsk_put(req);
    local_bh_enable();
    sock_put(child);
  }
  req = queue.fastopenq.rskq_rst_head;
  queue.fastopenq.rskq_rst_head = null;
  while (req !== null) {
    const next: request_sock | null = req.dl_next;
    reqsk_put(req);
    req = next;
  }
  WARN_ONCE(sk.sk_ack_backlog !== 0, "inet_csk_listen_stop: sk_ack_backlog is not 0");
}

/** Fills in the peer's address. */
export function inet_csk_addr2sockaddr(sk: sock, uaddr: sockaddr): void {
  const inet = inet_sk(sk);
  uaddr.sin_family = AF_INET;
  uaddr.sin_addr = inet.inet_daddr;
  uaddr.sin_port = inet.inet_dport;
}

/** Looks the connection's route up again; null where there is none. */
function inet_csk_rebuild_route(sk: sock, fl4: flowi4): dst_entry | null {
  const inet = inet_sk(sk);
  const opt = inet.inet_opt;

  const rt: rtable | number = ip_route_output_ports(
    sock_net(sk),
    fl4,
    sk,
    opt !== null && opt.srr !== 0 ? opt.faddr : inet.inet_daddr,
    inet.inet_saddr,
    inet.inet_dport,
    inet.inet_sport,
    sk.sk_protocol,
    RT_CONN_FLAGS(sk),
    sk.skc_bound_dev_if,
  );
  if (IS_ERR(rt)) return null;
  sk_setup_caps(sk, rt);
  return rt;
}

/** Tells the connection's route its MTU, bytes: the route to use from now on, or null. @rfc 1191 */
export function inet_csk_update_pmtu(sk: sock, mtu: number): dst_entry | null {
  const inet = inet_sk(sk);
  const dst = __sk_dst_check(sk, 0) ?? inet_csk_rebuild_route(sk, inet.cork_fl4);

  if (dst === null) return null;
  dst.ops.update_pmtu(dst, sk, null, mtu, true);
  return __sk_dst_check(sk, 0) ?? inet_csk_rebuild_route(sk, inet.cork_fl4);
}

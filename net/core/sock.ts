// SPDX-License-Identifier: GPL-2.0-only
//
// What all sockets have in common: their making (sk_alloc, sk_clone_lock) and end (sock_put, sk_free), the lock
// with its backlog (lock_sock, release_sock), what they are charged for memory, their wake-ups, timers and cached route,
// and the options of SOL_SOCKET. Protocols call in from above; net/socket.ts only through their operations.

import type { file } from "../../include/linux/fs.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { DIV_ROUND_UP } from "../../include/linux/kernel.ts";
import { living_list } from "../../include/linux/living.ts";
import { page_frag } from "../../include/linux/mm_types.ts";
import { SOCK_DGRAM, SOCK_STREAM, SOCKWQ_ASYNC_NOSPACE } from "../../include/linux/net.ts";
import type { msghdr, socket } from "../../include/linux/net.ts";
import {
  IFNAMSIZ,
  NETIF_F_GSO,
  NETIF_F_GSO_MASK,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
} from "../../include/linux/netdevice.ts";
import {
  EPOLLERR,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDBAND,
  EPOLLRDNORM,
  EPOLLWRBAND,
  EPOLLWRNORM,
  poll_wait,
} from "../../include/linux/poll.ts";
import type { poll_table } from "../../include/linux/poll.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending,
  TASK_INTERRUPTIBLE,
  TASK_UNINTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import { __skb_unlink, skb_orphan } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  SO_ACCEPTCONN,
  SO_BINDTODEVICE,
  SO_BINDTOIFINDEX,
  SO_BROADCAST,
  SO_BUF_LOCK,
  SO_BUSY_POLL,
  SO_CNX_ADVICE,
  SO_COOKIE,
  SO_DEBUG,
  SO_DOMAIN,
  SO_DONTROUTE,
  SO_ERROR,
  SO_INCOMING_CPU,
  SO_INCOMING_NAPI_ID,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_MARK,
  SO_MAX_PACING_RATE,
  SO_MEMINFO,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PEEK_OFF,
  SO_PEERNAME,
  SO_PRIORITY,
  SO_PROTOCOL,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_RCVTIMEO_NEW,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SELECT_ERR_QUEUE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_SNDTIMEO_NEW,
  SO_TIMESTAMP,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMPING,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPNS,
  SO_TIMESTAMPNS_NEW,
  SO_TXREHASH,
  SO_TXTIME,
  SO_TYPE,
  SO_ZEROCOPY,
  SOL_SOCKET,
} from "../../include/linux/socket.ts";
import { timer_setup } from "../../include/linux/timer.ts";
import type { timer_list } from "../../include/linux/timer.ts";
import { wait_queue_head } from "../../include/linux/wait.ts";
import type { wait_queue_entry } from "../../include/linux/wait.ts";
import { SKB_DROP_REASON_SOCKET_RCVBUFF } from "../../include/net/dropreason.ts";
import { dst_check } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  __sock_put,
  PACING_UNLIMITED,
  proto_counters,
  SEND_SHUTDOWN,
  sk_can_gso,
  SK_CAN_REUSE,
  SK_FLAGS_TIMESTAMP,
  sk_fullsock,
  SK_MEM_QUANTUM,
  SK_MEM_QUANTUM_SHIFT,
  SK_MEM_RECV,
  SK_MEM_SEND,
  SK_MEMINFO_BACKLOG,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_FWD_ALLOC,
  SK_MEMINFO_OPTMEM,
  SK_MEMINFO_RCVBUF,
  SK_MEMINFO_RMEM_ALLOC,
  SK_MEMINFO_SNDBUF,
  SK_MEMINFO_VARS,
  SK_MEMINFO_WMEM_ALLOC,
  SK_MEMINFO_WMEM_QUEUED,
  SK_NO_REUSE,
  SK_PACING_NEEDED,
  SK_PACING_NONE,
  sk_rmem_alloc_get,
  sk_unused_reserved_mem,
  sk_wmem_alloc_get,
  SOCK_BINDPORT_LOCK,
  SOCK_BROADCAST,
  SOCK_DBG,
  SOCK_DEAD,
  SOCK_DONE,
  sock_error,
  sock_flag,
  sock_hold,
  SOCK_KEEPOPEN,
  SOCK_LINGER,
  SOCK_LOCALROUTE,
  SOCK_MIN_RCVBUF,
  SOCK_MIN_SNDBUF,
  sock_net,
  sock_net_set,
  SOCK_RCVBUF_LOCK,
  SOCK_RCVTSTAMP,
  SOCK_RCVTSTAMPNS,
  sock_reset_flag,
  SOCK_RXQ_OVFL,
  SOCK_SELECT_ERR_QUEUE,
  sock_set_flag,
  SOCK_SNDBUF_LOCK,
  sock_sndtimeo,
  SOCK_TIMESTAMP,
  SOCK_TIMESTAMPING_RX_SOFTWARE,
  SOCK_TSTAMP_NEW,
  SOCK_TXREHASH_ENABLED,
  SOCK_TXTIME,
  SOCK_URGINLINE,
  SOCK_USE_WRITE_QUEUE,
  sock_valbool_flag,
  SOCK_ZAPPED,
  SOCK_ZEROCOPY,
} from "../../include/net/sock.ts";
import type { proto, sock, sock_common, sockcm_cookie } from "../../include/net/sock.ts";
import { tcp_sk } from "../../include/net/tcp.ts";
import { TCP_CLOSE, TCP_LISTEN } from "../../include/net/tcp_states.ts";
import {
  EAGAIN,
  EDOM,
  EFAULT,
  EINTR,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  ERESTARTSYS,
} from "../../include/uapi/asm-generic/errno.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import {
  SOF_TIMESTAMPING_MASK,
  SOF_TIMESTAMPING_OPT_ID,
  SOF_TIMESTAMPING_OPT_ID_TCP,
  SOF_TIMESTAMPING_OPT_STATS,
  SOF_TIMESTAMPING_OPT_TSONLY,
  SOF_TIMESTAMPING_RX_SOFTWARE,
  SOF_TIMESTAMPING_TX_RECORD_MASK,
  SOF_TXTIME_FLAGS_MASK,
} from "../../include/uapi/linux/net_tstamp.ts";
import {
  add_wait_queue,
  DEFINE_WAIT,
  DEFINE_WAIT_FUNC,
  finish_wait,
  prepare_to_wait,
  prepare_to_wait_exclusive,
  remove_wait_queue,
  schedule_timeout,
  wait_woken,
  waitqueue_active,
  wake_up,
  wake_up_interruptible_all,
  wake_up_interruptible_poll,
  wake_up_interruptible_sync_poll,
  woken_wake_function,
  wq_has_sleeper,
} from "../../kernel/sched/wait.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { alloc_pages, put_page } from "../../mm/page_alloc.ts";
import { net_disable_timestamp, net_enable_timestamp } from "./dev.ts";
import { __kfree_skb, alloc_skb, kfree_skb_reason, skb_set_hash_from_sk } from "./skbuff.ts";

/** Every socket in being, for the leak report. @local */
export const living_socks: living_list<sock> = new living_list();

/** Protocols in the order in which they were registered. */
export const proto_list: proto[] = [];

/** The page that all tasks cut their sends from. */
let task_frag = new page_frag();
let cookie = 0;
let sock_gen_put: (sk: sock_common) => void = (sk) => sock_put(sk as sock);

/** Size of the pages that payload is cut from, bytes. */
export const SKB_FRAG_PAGE_SIZE = 32768;

/** Where sock_edemux() drops references of request_socks and timewait sockets. @local */
export function sock_edemux_register(fn: (sk: sock_common) => void): void {
  sock_gen_put = fn;
}

/** Starts over without sockets. Behind page_alloc, before any protocol. */
export function sk_init(): void {
  living_socks.clear();
  proto_list.length = 0;
  task_frag = new page_frag();
  cookie = 0;
}

/** Gives back the page that sends are cut from, where no skb holds it. @local */
export function task_frag_release(): void {
  if (task_frag.page !== null) put_page(task_frag.page);
  task_frag.page = null;
}

// ---- references ----

/** Drops a reference; the last one frees the socket. */
export function sock_put(sk: sock): void {
  if (--sk.skc_refcnt === 0) sk_free(sk);
}

/** Makes a socket of a protocol, zeroed as its class has it. */
export function sk_prot_alloc(prot: proto, _family: number): sock {
  const sk = prot.alloc_sock();
  living_socks.add(sk);
  return sk;
}

/** A socket that is nobody's yet, with one reference. Fill it by sock_init_data(). @differs no gfp */
export function sk_alloc(net: net, family: number, prot: proto, kern: boolean): sock {
  const sk = sk_prot_alloc(prot, family);
  sk.skc_family = family;
  sk.skc_prot = prot;
  sk.sk_kern_sock = kern;
  sock_lock_init(sk);
  sock_net_set(sk, net);
  if (!kern) net.core.sock_inuse++;
  sk.sk_wmem_alloc = 1;
  return sk;
}

function sock_lock_init(sk: sock): void {
  sk.sk_lock.owned = false;
}

/** The real end of a socket, when neither it nor a packet of it is left. */
export function sk_destruct(sk: sock): void {
  sk.sk_destruct?.(sk);
  sock_disable_timestamp(sk, SK_FLAGS_TIMESTAMP);
  if (sk.sk_frag !== null && sk.sk_frag.page !== null) {
    put_page(sk.sk_frag.page);
    sk.sk_frag.page = null;
  }
  living_socks.delete(sk);
}

function __sk_free(sk: sock): void {
  if (!sk.sk_kern_sock) sock_net(sk).core.sock_inuse--;
  sk_destruct(sk);
}

/** The last reference is gone: ends now or when the device has sent the last packet. */
export function sk_free(sk: sock): void {
  if (--sk.sk_wmem_alloc === 0) __sk_free(sk);
}

/** Ends a half-made clone. */
export function sk_free_unlock_clone(sk: sock): void {
  sk.sk_destruct = sock_no_destruct;
  sk_free(sk);
}

function sock_no_destruct(_sk: sock): void {}

function sk_init_common(sk: sock): void {
  sk.sk_receive_queue.next = sk.sk_receive_queue.prev = null;
  sk.sk_receive_queue.qlen = 0;
  sk.sk_write_queue.next = sk.sk_write_queue.prev = null;
  sk.sk_write_queue.qlen = 0;
  sk.sk_error_queue.next = sk.sk_error_queue.prev = null;
  sk.sk_error_queue.qlen = 0;
}

/** Copies what a struct assignment would, but not what must not be shared. */
export function sock_copy(nsk: sock, osk: sock): void {
  nsk.copy_from(osk);
}

/** A copy of a socket with two references, locked against nobody. @differs no gfp */
export function sk_clone_lock(sk: sock): sock | null {
  const prot = sk.skc_prot;
  const newsk = sk_prot_alloc(prot, sk.skc_family);
  sock_copy(newsk, sk);
  sock_lock_init(newsk);
  newsk.sk_wmem_alloc = 1;
  newsk.sk_dst_cache = null;
  newsk.sk_dst_pending_confirm = false;
  newsk.sk_rx_dst = null;
  newsk.sk_wmem_queued = 0;
  newsk.sk_forward_alloc = 0;
  newsk.sk_drops = 0;
  newsk.sk_userlocks = sk.sk_userlocks & ~SOCK_BINDPORT_LOCK;
  newsk.sk_frag = null;
  newsk.sk_zckey = 0;
  newsk.sk_omem_alloc = 0;
  sock_reset_flag(newsk, SOCK_DONE);
  newsk.sk_err = 0;
  newsk.sk_err_soft = 0;
  newsk.sk_priority = 0;
  newsk.skc_cookie = 0;
  if (!newsk.sk_kern_sock) sock_net(newsk).core.sock_inuse++;
  newsk.skc_refcnt = 2;
  newsk.sk_socket = null;
  newsk.sk_wq = null;
  prot.counters.sockets_allocated++;
  if ((newsk.skc_flags & SK_FLAGS_TIMESTAMP) !== 0) net_enable_timestamp();
  return newsk;
}

/** What the route's device can do for the socket's packets, as far as TCP may use it. */
export function sk_setup_caps(sk: sock, dst: dst_entry): void {
  let max_segs = 1;
  sk_dst_set(sk, dst);
  let caps = dst.dev.features;
  if (sk.sk_type === SOCK_STREAM && sk.sk_protocol === IPPROTO_TCP) caps |= NETIF_F_GSO;
  if (caps & NETIF_F_GSO) caps |= NETIF_F_GSO_MASK;
  if (sk.sk_gso_disabled) caps &= ~NETIF_F_GSO_MASK;
  sk.sk_route_caps = caps;
  if (sk_can_gso(sk)) {
    sk.sk_route_caps = caps | NETIF_F_SG | NETIF_F_HW_CSUM;
    sk.sk_gso_max_size = sk_dst_gso_max_size(sk, dst);
    max_segs = Math.max(dst.dev.gso_max_segs, 1);
  }
  sk.sk_gso_max_segs = max_segs;
}

const GSO_LEGACY_MAX_SIZE = 65536;
/** MAX_TCP_HEADER + 1: a packet with all its headers stays below 64 KiB. */
const GSO_HEADER_ROOM = 320 + 1;

function sk_dst_gso_max_size(_sk: sock, dst: dst_entry): number {
  return Math.min(dst.dev.gso_max_size, GSO_LEGACY_MAX_SIZE) - GSO_HEADER_ROOM;
}

/** Sets up a new socket; `sock` is the program's end of it, if there is one. */
export function sock_init_data(sock: socket | null, sk: sock): void {
  sk_init_common(sk);
  timer_setup(sk.sk_timer, sk_timer_unset, 0);
  const core = sock_net(sk).core;
  sk.sk_rcvbuf = core.sysctl_rmem_default;
  sk.sk_sndbuf = core.sysctl_wmem_default;
  sk.skc_state = TCP_CLOSE;
  sk.sk_socket = sock;
  sock_set_flag(sk, SOCK_ZAPPED);
  if (sock !== null) {
    sk.sk_type = sock.type;
    sk.sk_wq = sock.wq;
    sock.sk = sk;
  } else {
    sk.sk_wq = null;
  }
  sk.sk_state_change = sock_def_wakeup;
  sk.sk_data_ready = sock_def_readable;
  sk.sk_write_space = sock_def_write_space;
  sk.sk_error_report = sock_def_error_report;
  sk.sk_destruct = sock_def_destruct;
  sk.sk_frag = null;
  sk.sk_peek_off = -1;
  sk.sk_write_pending = 0;
  sk.sk_rcvlowat = 1;
  sk.sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
  sk.sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
  sk.sk_stamp = -1;
  sk.sk_zckey = 0;
  sk.sk_omem_alloc = 0;
  sk.sk_max_pacing_rate = PACING_UNLIMITED;
  sk.sk_pacing_rate = PACING_UNLIMITED;
  sk.sk_pacing_shift = 10;
  sk.skc_refcnt = 1;
  sk.sk_drops = 0;
}

function sk_timer_unset(_t: timer_list<sock>): void {}

// ---- lock and backlog ----

/** Takes the socket for a task, with what is behind it waiting: a promise only where another has it. */
export function lock_sock(sk: sock): void | Promise<void> {
  return lock_sock_nested(sk, 0);
}

export function lock_sock_nested(sk: sock, _subclass: number): void | Promise<void> {
  const lock = sk.sk_lock;
  if (lock.owned) return __lock_sock(sk);
  lock.owned = true;
}

/** Waits until nobody owns the socket, in order of arrival, and takes it. */
export function __lock_sock(sk: sock): void | Promise<void> {
  const lock = sk.sk_lock;
  const wq = lock.wq ??= new wait_queue_head();
  const wait = DEFINE_WAIT("lock_sock");
  const sleep = (): void | Promise<void> => {
    prepare_to_wait_exclusive(wq, wait, TASK_UNINTERRUPTIBLE);
    return after_sleep(schedule_timeout(wait, MAX_SCHEDULE_TIMEOUT), () => {
      if (lock.owned) return sleep();
      finish_wait(wq, wait);
      lock.owned = true;
    });
  };
  return sleep();
}

/** Gives the socket back: what came meanwhile is handled first, then who waits is woken. */
export function release_sock(sk: sock): void {
  const lock = sk.sk_lock;
  local_bh_disable();
  if (sk.sk_backlog.tail !== null) __release_sock(sk);
  const prot = sk.skc_prot;
  if (prot.release_cb !== undefined) prot.release_cb(sk);
  lock.owned = false;
  if (lock.wq !== null && waitqueue_active(lock.wq)) wake_up(lock.wq);
  local_bh_enable();
}

/** Handles the packets that came while the socket was owned. Runs with bottom halves disabled. */
export function __release_sock(sk: sock): void {
  const backlog = sk.sk_backlog;
  let skb: sk_buff | null;
  while ((skb = backlog.head) !== null) {
    backlog.head = backlog.tail = null;
    local_bh_enable();
    do {
      const next: sk_buff | null = skb.next;
      skb.next = null;
      sk_backlog_rcv(sk, skb);
      skb = next;
    } while (skb !== null);
    local_bh_disable();
  }
  // Not earlier: senders that are faster than we are must meet the limit.
  backlog.len = 0;
}

/** Runs the backlog without giving the socket back. */
export function __sk_flush_backlog(sk: sock): void {
  local_bh_disable();
  __release_sock(sk);
  if (sk.skc_prot.release_cb !== undefined) sk.skc_prot.release_cb(sk);
  local_bh_enable();
}

export function sk_flush_backlog(sk: sock): boolean {
  if (sk.sk_backlog.tail === null) return false;
  __sk_flush_backlog(sk);
  return true;
}

export function __sk_add_backlog(sk: sock, skb: sk_buff): void {
  const backlog = sk.sk_backlog;
  skb.next = null;
  if (backlog.tail === null) backlog.head = skb;
  else backlog.tail.next = skb;
  backlog.tail = skb;
}

/** The backlog and what is unread together are above the limit, bytes. */
export function sk_rcvqueues_full(sk: sock, limit: number): boolean {
  return sk.sk_backlog.len + sk.sk_backlog.rmem_alloc > limit;
}

/** Puts a packet aside until the owner releases the socket: 0, or -ENOBUFS. */
export function sk_add_backlog(sk: sock, skb: sk_buff, limit: number): number {
  if (sk_rcvqueues_full(sk, limit)) return -ENOBUFS;
  __sk_add_backlog(sk, skb);
  sk.sk_backlog.len += skb.truesize;
  return 0;
}

export function __sk_backlog_rcv(sk: sock, skb: sk_buff): number {
  return sk.sk_backlog_rcv(sk, skb);
}

export function sk_backlog_rcv(sk: sock, skb: sk_buff): number {
  return sk.sk_backlog_rcv(sk, skb);
}

// ---- the route ----

export function __sk_dst_get(sk: sock): dst_entry | null {
  return sk.sk_dst_cache;
}

export function sk_dst_get(sk: sock): dst_entry | null {
  return sk.sk_dst_cache;
}

export function __sk_dst_set(sk: sock, dst: dst_entry | null): void {
  sk.sk_dst_pending_confirm = false;
  sk.sk_dst_cache = dst;
}

export function sk_dst_set(sk: sock, dst: dst_entry | null): void {
  sk.sk_dst_pending_confirm = false;
  sk.sk_dst_cache = dst;
}

export function __sk_dst_reset(sk: sock): void {
  __sk_dst_set(sk, null);
}

export function sk_dst_reset(sk: sock): void {
  sk_dst_set(sk, null);
}

/** The cached route if it is still good. */
export function __sk_dst_check(sk: sock, cookie: number): dst_entry | null {
  const dst = sk.sk_dst_cache;
  if (dst !== null && dst.obsolete !== 0 && dst_check(dst, cookie) === null) {
    sk.sk_dst_pending_confirm = false;
    sk.sk_dst_cache = null;
    return null;
  }
  return dst;
}

export function sk_dst_check(sk: sock, cookie: number): dst_entry | null {
  return __sk_dst_check(sk, cookie);
}

/** The peer was heard: the next packet confirms its neighbour entry. */
export function sk_dst_confirm(sk: sock): void {
  sk.sk_dst_pending_confirm = true;
}

/** The route seems bad: asks its family for another, and the flow for another hash. */
export function dst_negative_advice(sk: sock): void {
  sk_rethink_txhash(sk);
  const dst = sk.sk_dst_cache;
  if (dst === null) return;
  const ndst = dst.ops.negative_advice(dst);
  if (ndst !== dst) __sk_dst_set(sk, ndst);
}

function net_tx_rndhash(): number {
  return get_random_u32() || 1;
}

/** A random hash for the flow. */
export function sk_set_txhash(sk: sock): void {
  sk.sk_txhash = net_tx_rndhash();
}

/** Another hash for the flow, so that it may take another path; true if there is one now. */
export function sk_rethink_txhash(sk: sock): boolean {
  if (sk.sk_txhash === 0 || sk.sk_txrehash !== SOCK_TXREHASH_ENABLED) return false;
  sk_set_txhash(sk);
  return true;
}

// ---- memory ----

/** Whole quanta that hold amt bytes. */
export function sk_mem_pages(amt: number): number {
  return (amt + SK_MEM_QUANTUM - 1) >> SK_MEM_QUANTUM_SHIFT;
}

/** The protocol accounts for memory. */
export function sk_has_account(sk: sock): boolean {
  return sk.skc_prot.sysctl_mem !== undefined;
}

export function sk_has_memory_pressure(sk: sock): boolean {
  return sk.skc_prot.enter_memory_pressure !== undefined;
}

export function sk_under_memory_pressure(sk: sock): boolean {
  return sk.skc_prot.enter_memory_pressure !== undefined &&
    sk.skc_prot.counters.memory_pressure !== 0;
}

/** Pages in use by all sockets of the protocol. */
export function sk_memory_allocated(sk: sock): number {
  return sk.skc_prot.counters.memory_allocated;
}

/** Limits of the protocol's memory, pages: low, pressure, high. */
export function sk_prot_mem_limits(sk: sock, index: number): number {
  return (sk.skc_prot.sysctl_mem as (n: net) => Int32Array)(sock_net(sk))[index];
}

function sk_enter_memory_pressure(sk: sock): void {
  sk.skc_prot.enter_memory_pressure?.(sk);
}

function sk_leave_memory_pressure(sk: sock): void {
  const prot = sk.skc_prot;
  if (prot.leave_memory_pressure !== undefined) prot.leave_memory_pressure(sk);
  else prot.counters.memory_pressure = 0;
}

function sk_get_wmem0(sk: sock, prot: proto): number {
  return prot.sysctl_wmem === undefined ? 0 : prot.sysctl_wmem(sock_net(sk))[0];
}

function sk_get_rmem0(sk: sock, prot: proto): number {
  return prot.sysctl_rmem === undefined ? 0 : prot.sysctl_rmem(sock_net(sk))[0];
}

/** Cuts the send buffer to half of what is in it, where the program has not fixed it. */
export function sk_stream_moderate_sndbuf(sk: sock): void {
  if (sk.sk_userlocks & SOCK_SNDBUF_LOCK) return;
  const val = Math.min(sk.sk_sndbuf, sk.sk_wmem_queued >> 1);
  sk.sk_sndbuf = Math.max(val, SOCK_MIN_SNDBUF);
}

/** Charges the protocol with amt pages; false where its limit says no. */
export function __sk_mem_raise_allocated(
  sk: sock,
  size: number,
  amt: number,
  kind: number,
): boolean {
  const prot = sk.skc_prot;
  const counters = prot.counters;
  const allocated = counters.memory_allocated += amt;

  if (allocated <= sk_prot_mem_limits(sk, 0)) {
    if (counters.memory_pressure !== 0) sk_leave_memory_pressure(sk);
    return true;
  }
  if (allocated > sk_prot_mem_limits(sk, 1)) sk_enter_memory_pressure(sk);
  if (allocated <= sk_prot_mem_limits(sk, 2) && sk_may_have_more(sk, prot, kind)) return true;

  if (kind === SK_MEM_SEND && sk.sk_type === SOCK_STREAM) {
    sk_stream_moderate_sndbuf(sk);
    // A writer that is over its buffer stops by itself; refusing would only fail its last segment.
    if (sk.sk_wmem_queued + size >= sk.sk_sndbuf) return true;
  }
  counters.memory_allocated -= amt;
  return false;
}

/** Between the low and the high limit: the minimum is guaranteed, above it a fair share. */
function sk_may_have_more(sk: sock, prot: proto, kind: number): boolean {
  if (kind === SK_MEM_RECV) {
    if (sk_rmem_alloc_get(sk) < sk_get_rmem0(sk, prot)) return true;
  } else {
    const wmem0 = sk_get_wmem0(sk, prot);
    const used = sk.sk_type === SOCK_STREAM ? sk.sk_wmem_queued : sk.sk_wmem_alloc;
    if (used < wmem0) return true;
  }
  if (!sk_has_memory_pressure(sk)) return false;
  if (!sk_under_memory_pressure(sk)) return true;
  const share = sk_mem_pages(sk.sk_wmem_queued + sk_rmem_alloc_get(sk) + sk.sk_forward_alloc);
  return sk_prot_mem_limits(sk, 2) > prot.counters.sockets_allocated * share;
}

/** Makes sk_forward_alloc cover `size` bytes more; false where the protocol's limit says no. */
export function __sk_mem_schedule(sk: sock, size: number, kind: number): boolean {
  const amt = sk_mem_pages(size);
  sk.sk_forward_alloc += amt << SK_MEM_QUANTUM_SHIFT;
  const ret = __sk_mem_raise_allocated(sk, size, amt, kind);
  if (!ret) sk.sk_forward_alloc -= amt << SK_MEM_QUANTUM_SHIFT;
  return ret;
}

export function __sk_mem_reduce_allocated(sk: sock, amount: number): void {
  const counters = sk.skc_prot.counters;
  counters.memory_allocated -= amount;
  if (
    sk_under_memory_pressure(sk) && counters.memory_allocated < sk_prot_mem_limits(sk, 0)
  ) counters.memory_pressure = 0;
}

/** Gives whole quanta of `amount` bytes back to the protocol. */
export function __sk_mem_reclaim(sk: sock, amount: number): void {
  const pages = amount >> SK_MEM_QUANTUM_SHIFT;
  sk.sk_forward_alloc -= pages << SK_MEM_QUANTUM_SHIFT;
  __sk_mem_reduce_allocated(sk, pages);
}

/** Gives back what is charged and not used. */
export function sk_mem_reclaim(sk: sock): void {
  if (!sk_has_account(sk)) return;
  const reclaimable = sk.sk_forward_alloc - sk_unused_reserved_mem(sk);
  if (reclaimable >= SK_MEM_QUANTUM) __sk_mem_reclaim(sk, reclaimable);
}

/** As sk_mem_reclaim(), at the end of a socket. */
export function sk_mem_reclaim_final(sk: sock): void {
  sk_mem_reclaim(sk);
}

/** The socket may be charged for `size` bytes more to send. */
export function sk_wmem_schedule(sk: sock, size: number): boolean {
  if (!sk_has_account(sk)) return true;
  const delta = size - sk.sk_forward_alloc;
  return delta <= 0 || __sk_mem_schedule(sk, delta, SK_MEM_SEND);
}

/** The socket may be charged for `size` bytes more that came in skb. */
export function sk_rmem_schedule(sk: sock, skb: sk_buff | null, size: number): boolean {
  if (!sk_has_account(sk)) return true;
  const delta = size - sk.sk_forward_alloc;
  return delta <= 0 || __sk_mem_schedule(sk, delta, SK_MEM_RECV) ||
    (skb !== null && skb.pfmemalloc);
}

/** Charges for what must be sent whatever the limits say. */
export function sk_forced_mem_schedule(sk: sock, size: number): void {
  const delta = size - sk.sk_forward_alloc;
  if (delta <= 0) return;
  const amt = sk_mem_pages(delta);
  sk.sk_forward_alloc += amt << SK_MEM_QUANTUM_SHIFT;
  sk.skc_prot.counters.memory_allocated += amt;
}

export function sk_mem_charge(sk: sock, size: number): void {
  if (!sk_has_account(sk)) return;
  sk.sk_forward_alloc -= size;
}

export function sk_mem_uncharge(sk: sock, size: number): void {
  if (!sk_has_account(sk)) return;
  sk.sk_forward_alloc += size;
  sk_mem_reclaim(sk);
}

/** Frees a packet of the send queue and what it was charged. */
export function sk_wmem_free_skb(sk: sock, skb: sk_buff): void {
  sk.sk_wmem_queued -= skb.truesize;
  sk_mem_uncharge(sk, skb.truesize);
  __kfree_skb(skb);
}

/** Charges the socket for skb as one that goes to the device. */
export function skb_set_owner_w(skb: sk_buff, sk: sock): void {
  skb_orphan(skb);
  skb.sk = sk;
  if (!sk_fullsock(sk)) {
    skb.destructor = sock_edemux;
    sock_hold(sk);
    return;
  }
  skb.destructor = sock_wfree;
  skb_set_hash_from_sk(skb, sk);
  sk.sk_wmem_alloc += skb.truesize;
}

/** Charges the socket for skb as one that waits to be read. */
export function skb_set_owner_r(skb: sk_buff, sk: sock): void {
  skb_orphan(skb);
  skb.sk = sk;
  skb.destructor = sock_rfree;
  sk.sk_backlog.rmem_alloc += skb.truesize;
  sk_mem_charge(sk, skb.truesize);
}

/** skb holds a reference to sk and nothing else. */
export function skb_set_owner_sk_safe(skb: sk_buff, sk: sock | null): void {
  if (sk === null || sk.skc_refcnt === 0) return;
  skb_orphan(skb);
  sock_hold(sk);
  skb.destructor = sock_efree;
  skb.sk = sk;
}

/** The device is done with skb: the writer has room again. */
export function sock_wfree(skb: sk_buff): void {
  const sk = skb.sk as sock;
  let len = skb.truesize;
  if (!sock_flag(sk, SOCK_USE_WRITE_QUEUE)) {
    // One byte stays, so that the socket outlives its own callback.
    sk.sk_wmem_alloc -= len - 1;
    sk.sk_write_space(sk);
    len = 1;
  }
  if ((sk.sk_wmem_alloc -= len) === 0) __sk_free(sk);
}

/** As sock_wfree(), waking nobody: TCP's own destructor wakes. */
export function __sock_wfree(skb: sk_buff): void {
  const sk = skb.sk as sock;
  if ((sk.sk_wmem_alloc -= skb.truesize) === 0) __sk_free(sk);
}

/** A received packet is read or thrown away. */
export function sock_rfree(skb: sk_buff): void {
  const sk = skb.sk as sock;
  const len = skb.truesize;
  sk.sk_backlog.rmem_alloc -= len;
  sk_mem_uncharge(sk, len);
}

/** Whether size bytes may be kept for a program's call, by net.core.optmem_max. @differs allocates nothing */
export function sock_kmalloc(sk: sock, size: number): boolean {
  const { sysctl_optmem_max } = sock_net(sk).core;
  return size <= sysctl_optmem_max && sk.sk_omem_alloc + size < sysctl_optmem_max;
}

/** Drops skb's reference to its socket. */
export function sock_efree(skb: sk_buff): void {
  sock_put(skb.sk as sock);
}

/** As sock_efree(), of any kind of socket that early demultiplexing found. */
export function sock_edemux(skb: sk_buff): void {
  sock_gen_put(skb.sk as sock);
}

/** Gives a received packet to the socket's reader: 0 or a negative errno. */
export function __sock_queue_rcv_skb(sk: sock, skb: sk_buff): number {
  if (sk_rmem_alloc_get(sk) >= sk.sk_rcvbuf) {
    sk.sk_drops++;
    return -ENOMEM;
  }
  if (!sk_rmem_schedule(sk, skb, skb.truesize)) {
    sk.sk_drops++;
    return -ENOBUFS;
  }
  skb.dev = null;
  skb_set_owner_r(skb, sk);
  const list = sk.sk_receive_queue;
  const prev = list.prev;
  skb.next = null;
  skb.prev = prev;
  if (prev === null) list.next = skb;
  else prev.next = skb;
  list.prev = skb;
  list.qlen++;
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_data_ready(sk);
  return 0;
}

export function sock_queue_rcv_skb(sk: sock, skb: sk_buff): number {
  return __sock_queue_rcv_skb(sk, skb);
}

/** Takes a read packet off the receive queue and frees it. */
export function sk_eat_skb(sk: sock, skb: sk_buff): void {
  __skb_unlink(skb, sk.sk_receive_queue);
  __kfree_skb(skb);
}

/** Hands a packet to an unlocked socket, or to its backlog. */
export function sk_receive_skb(sk: sock, skb: sk_buff, _nested: number): number {
  let rc = 0;
  skb.dev = null;
  if (!sk.sk_lock.owned) {
    rc = sk_backlog_rcv(sk, skb);
  } else if (sk_add_backlog(sk, skb, sk.sk_rcvbuf) !== 0) {
    sk.sk_drops++;
    kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
  }
  sock_put(sk);
  return rc;
}

/** The socket's own page to cut payload from, or that of all tasks. */
export function sk_page_frag(sk: sock): page_frag {
  return sk.sk_frag ?? task_frag;
}

/** Makes sure of `sz` bytes in pfrag. */
export function skb_page_frag_refill(sz: number, pfrag: page_frag): boolean {
  const p = pfrag.page;
  if (p !== null) {
    if (p._refcount === 1) {
      pfrag.offset = 0;
      return true;
    }
    if (pfrag.offset + sz <= pfrag.size) return true;
    put_page(p);
  }
  pfrag.offset = 0;
  pfrag.page = alloc_pages(SKB_FRAG_PAGE_SIZE);
  pfrag.size = SKB_FRAG_PAGE_SIZE;
  return true;
}

/** Makes sure of some room in pfrag. */
export function sk_page_frag_refill(_sk: sock, pfrag: page_frag): boolean {
  return skb_page_frag_refill(32, pfrag);
}

/** An skb to send, charged to the socket; null where its send buffer is full and `force` is not set. */
export function sock_wmalloc(sk: sock, size: number, force: boolean): sk_buff | null {
  if (!force && sk.sk_wmem_alloc >= sk.sk_sndbuf) return null;
  const skb = alloc_skb(size);
  if (skb === null) return null;
  skb_set_owner_w(skb, sk);
  return skb;
}

/** A datagram socket has room for a writer. */
export function sock_writeable(sk: sock): boolean {
  return sk.sk_wmem_alloc < sk.sk_sndbuf >> 1;
}

/** Waits until a datagram socket may send: jiffies left. */
function sock_wait_for_wmem(sk: sock, timeo: number): number | Promise<number> {
  const wq = sk_sleep(sk) as wait_queue_head;
  const wait = DEFINE_WAIT("sock_wait_for_wmem");
  const wqf = sk.sk_wq as { flags: number };
  wqf.flags &= ~(1 << SOCKWQ_ASYNC_NOSPACE);
  const look = (timeo: number): number | Promise<number> => {
    if (timeo !== 0 && !signal_pending(current)) {
      if (sk.sk_socket !== null) sk.sk_socket.flags |= 1 << SOCK_NOSPACE_BIT;
      prepare_to_wait(wq, wait, TASK_INTERRUPTIBLE);
      if (
        sk.sk_wmem_alloc >= sk.sk_sndbuf && (sk.sk_shutdown & SEND_SHUTDOWN) === 0 &&
        sk.sk_err === 0
      ) return after_sleep(schedule_timeout(wait, timeo), look);
    }
    finish_wait(wq, wait);
    return timeo;
  };
  return look(timeo);
}

const SOCK_NOSPACE_BIT = 2;

/** An skb to send; sleeps for room: the skb or a negative errno. @differs answers what C stores by errcode */
export function sock_alloc_send_skb(
  sk: sock,
  size: number,
  noblock: boolean,
): sk_buff | number | Promise<sk_buff | number> {
  const timeo = sock_sndtimeo(sk, noblock);
  const err = sock_send_check(sk);
  if (err !== 0) return err;
  if (sk.sk_wmem_alloc < sk.sk_sndbuf) return sock_wmalloc(sk, size, true) ?? -ENOBUFS;
  return sock_alloc_send_skb_wait(sk, size, timeo);
}

function sock_send_check(sk: sock): number {
  const err = sock_error(sk);
  if (err !== 0) return err;
  return sk.sk_shutdown & SEND_SHUTDOWN ? -EPIPE : 0;
}

function sock_alloc_send_skb_wait(
  sk: sock,
  size: number,
  timeo: number,
): sk_buff | number | Promise<sk_buff | number> {
  const err = sock_send_check(sk);
  if (err !== 0) return err;
  if (sk.sk_wmem_alloc < sk.sk_sndbuf) return sock_wmalloc(sk, size, true) ?? -ENOBUFS;
  if (timeo === 0) {
    if (sk.sk_socket !== null) sk.sk_socket.flags |= 1 << SOCK_NOSPACE_BIT;
    return -EAGAIN;
  }
  if (signal_pending(current)) return timeo === MAX_SCHEDULE_TIMEOUT ? -ERESTARTSYS : -EINTR;
  return after_sleep(
    sock_wait_for_wmem(sk, timeo),
    (left) => sock_alloc_send_skb_wait(sk, size, left),
  );
}

// ---- sleeping and waking ----

/** Where the socket's program sleeps; only for sockets that have one. */
export function sk_sleep(sk: sock): wait_queue_head {
  return (sk.sk_wq as { wait: wait_queue_head }).wait;
}

/** poll() hangs itself on the socket's queue. */
export function sock_poll_wait(filp: file, sock: socket, p: poll_table | null): void {
  poll_wait(filp, sock.wq.wait, p);
}

export function skwq_has_sleeper(wq: { wait: wait_queue_head } | null): boolean {
  return wq !== null && wq_has_sleeper(wq.wait);
}

/** An entry that wait_woken() sleeps on. @local */
export function DEFINE_WAIT_WOKEN(name: string): wait_queue_entry {
  return DEFINE_WAIT_FUNC(name, woken_wake_function);
}

/**
 * Releases the socket, sleeps unless `condition` holds, and locks it again: jiffies left of `timeo`.
 * The entry hangs on sk_sleep(sk) with woken_wake_function.
 * @differs answers the time left, which C updates in place
 */
export function sk_wait_event(
  sk: sock,
  timeo: number,
  condition: () => boolean,
  wait: wait_queue_entry,
): number | Promise<number> {
  release_sock(sk);
  const left = condition() ? timeo : wait_woken(wait, TASK_INTERRUPTIBLE, timeo);
  return after_sleep(left, (left) => {
    const locked = lock_sock(sk);
    return locked === undefined ? left : after_sleep(locked, () => left);
  });
}

/** Sleeps until the last packet of the receive queue is another than skb: jiffies left of `timeo`. */
export function sk_wait_data(
  sk: sock,
  timeo: number,
  skb: sk_buff | null,
): number | Promise<number> {
  const wq = sk_sleep(sk);
  const wait = DEFINE_WAIT_WOKEN("sk_wait_data");
  add_wait_queue(wq, wait);
  const left = sk_wait_event(sk, timeo, () => sk.sk_receive_queue.prev !== skb, wait);
  return after_sleep(left, (left) => {
    remove_wait_queue(wq, wait);
    return left;
  });
}

export function sock_def_wakeup(sk: sock): void {
  const wq = sk.sk_wq;
  if (wq !== null && wq_has_sleeper(wq.wait)) wake_up_interruptible_all(wq.wait);
}

export function sock_def_error_report(sk: sock): void {
  const wq = sk.sk_wq;
  if (wq !== null && wq_has_sleeper(wq.wait)) wake_up_interruptible_poll(wq.wait, EPOLLERR);
}

export function sock_def_readable(sk: sock): void {
  const wq = sk.sk_wq;
  if (wq !== null && wq_has_sleeper(wq.wait)) {
    wake_up_interruptible_sync_poll(
      wq.wait,
      EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND,
    );
  }
}

export function sock_def_write_space(sk: sock): void {
  if (!sock_writeable(sk)) return;
  const wq = sk.sk_wq;
  if (wq !== null && wq_has_sleeper(wq.wait)) {
    wake_up_interruptible_sync_poll(wq.wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
  }
}

export function sock_def_destruct(_sk: sock): void {}

/** An error for the program: wakes it. */
export function sk_error_report(sk: sock): void {
  sk.sk_error_report(sk);
}

/** Starts or moves a timer, which holds a reference while it is pending. */
export function sk_reset_timer<T>(sk: sock, timer: timer_list<T>, expires: number): void {
  if (mod_timer(timer, expires) === 0) sock_hold(sk);
}

/** Stops a timer and drops its reference. */
export function sk_stop_timer<T>(sk: sock, timer: timer_list<T>): void {
  if (del_timer(timer) !== 0) __sock_put(sk);
}

export function sk_stop_timer_sync<T>(sk: sock, timer: timer_list<T>): void {
  if (del_timer(timer) !== 0) __sock_put(sk);
}

// ---- operations of families and protocols that do not have them ----

export function sock_no_bind(_sock: socket, _saddr: sockaddr, _len: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_connect(_sock: socket, _s: sockaddr, _len: number, _f: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_accept(_sock: socket, _newsock: socket, _flags: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_getname(_sock: socket, _saddr: sockaddr, _peer: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_ioctl(_sock: socket, _cmd: number, _arg: Int32Array): number {
  return -EOPNOTSUPP;
}

export function sock_no_listen(_sock: socket, _backlog: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_shutdown(_sock: socket, _how: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_sendmsg(_sock: socket, _m: msghdr, _len: number): number {
  return -EOPNOTSUPP;
}

export function sock_no_recvmsg(_sock: socket, _m: msghdr, _len: number, _flags: number): number {
  return -EOPNOTSUPP;
}

// ---- what proto_ops of the Internet share ----

/** getsockopt() of a level other than SOL_SOCKET. */
export function sock_common_getsockopt(
  sock: socket,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number | Promise<number> {
  const sk = sock.sk as sock;
  const fn = sk.skc_prot.getsockopt;
  return fn === undefined ? -EOPNOTSUPP : fn(sk, level, optname, optval, optlen);
}

/** setsockopt() of a level other than SOL_SOCKET. */
export function sock_common_setsockopt(
  sock: socket,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  const fn = sk.skc_prot.setsockopt;
  return fn === undefined ? -EOPNOTSUPP : fn(sk, level, optname, optval, optlen);
}

export function sock_common_recvmsg(
  sock: socket,
  msg: msghdr,
  size: number,
  flags: number,
): number | Promise<number> {
  const sk = sock.sk as sock;
  const fn = sk.skc_prot.recvmsg;
  return fn === undefined ? -EOPNOTSUPP : fn(sk, msg, size, flags);
}

/** The protocol's part of a closed socket goes: unhash, and the reference of its creator. */
export function sk_common_release(sk: sock): void {
  if (sk.skc_prot.destroy !== undefined) sk.skc_prot.destroy(sk);
  sk.skc_prot.unhash?.(sk);
  sock_set_flag(sk, SOCK_DEAD);
  sk.sk_socket = null;
  sk.sk_wq = null;
  sock_put(sk);
}

/** A number for the socket that is never used again. */
export function sock_gen_cookie(sk: sock_common): number {
  if (sk.skc_cookie === 0) sk.skc_cookie = ++cookie;
  return sk.skc_cookie;
}

// ---- ancillary data ----

const CMSG_HDR = 16;

/** Takes one control message of SOL_SOCKET, len bytes of b at `at`: 0 or -EINVAL. */
export function __sock_cmsg_send(
  sk: sock,
  type: number,
  b: Uint8Array,
  at: number,
  len: number,
  sockc: sockcm_cookie,
): number {
  switch (type) {
    case SO_MARK:
      if (len !== 4) return -EINVAL;
      sockc.mark = sockopt_get_int(b, at);
      return 0;
    case SO_TIMESTAMPING:
    case SO_TIMESTAMPING_NEW: {
      if (len !== 4) return -EINVAL;
      const tsflags = sockopt_get_int(b, at);
      if (tsflags & ~SOF_TIMESTAMPING_TX_RECORD_MASK) return -EINVAL;
      sockc.tsflags = (sockc.tsflags & ~SOF_TIMESTAMPING_TX_RECORD_MASK) | tsflags;
      return 0;
    }
    case SO_TXTIME:
      if (!sock_flag(sk, SOCK_TXTIME) || len !== 8) return -EINVAL;
      sockc.transmit_time = (sockopt_get_int(b, at) >>> 0) +
        sockopt_get_int(b, at + 4) * 4294967296;
      return 0;
    default:
      return -EINVAL;
  }
}

/** Takes the control messages of SOL_SOCKET of a message to be sent: 0 or -EINVAL. */
export function sock_cmsg_send(sk: sock, msg: msghdr, sockc: sockcm_cookie): number {
  const b = msg.msg_control;
  if (b === null) return 0;
  const end = Math.min(msg.msg_controllen, b.length);
  for (let at = 0; at + CMSG_HDR <= end;) {
    const cmsg_len = sockopt_get_int(b, at);
    if (cmsg_len < CMSG_HDR || at + cmsg_len > end) return -EINVAL;
    if (sockopt_get_int(b, at + 8) === SOL_SOCKET) {
      const type = sockopt_get_int(b, at + 12);
      const err = __sock_cmsg_send(sk, type, b, at + CMSG_HDR, cmsg_len - CMSG_HDR, sockc);
      if (err !== 0) return err;
    }
    at += (cmsg_len + 7) & ~7;
  }
  return 0;
}

// ---- protocols ----

/** Makes a protocol known. Returns 0. */
export function proto_register(prot: proto, _alloc_slab: number): number {
  const c = prot.counters;
  c.sockets_allocated = 0;
  c.memory_allocated = 0;
  c.memory_pressure = 0;
  c.orphan_count = 0;
  if (!proto_list.includes(prot)) proto_list.push(prot);
  return 0;
}

export function proto_unregister(prot: proto): void {
  const i = proto_list.indexOf(prot);
  if (i >= 0) proto_list.splice(i, 1);
}

/** Fresh counters, for those that define a protocol. @local */
export function new_proto_counters(): proto_counters {
  return new proto_counters();
}

/** Sockets of a protocol in use on a host. */
export function sock_prot_inuse_get(n: net, prot: proto): number {
  return Math.max(n.core.prot_inuse.get(prot.name) ?? 0, 0);
}

/** Sockets of a host. */
export function sock_inuse_get(n: net): number {
  return n.core.sock_inuse;
}

// ---- options of SOL_SOCKET ----

const INT_MAX = 0x7fffffff;

/** The int at `off` of an option's value. @local */
export function sockopt_get_int(optval: Uint8Array, off: number): number {
  return optval[off] | (optval[off + 1] << 8) | (optval[off + 2] << 16) | (optval[off + 3] << 24);
}

/** Stores an int at `off` of an option's value. @local */
export function sockopt_put_int(optval: Uint8Array, off: number, val: number): void {
  optval[off] = val;
  optval[off + 1] = val >> 8;
  optval[off + 2] = val >> 16;
  optval[off + 3] = val >> 24;
}

/** The unsigned long at `off`, as a double. */
function get_ulong(optval: Uint8Array, off: number): number {
  return (sockopt_get_int(optval, off) >>> 0) +
    (sockopt_get_int(optval, off + 4) >>> 0) * 4294967296;
}

/** Stores an unsigned or signed long (two's complement) at `off`. */
function put_long(optval: Uint8Array, off: number, val: number): void {
  const high = Math.floor(val / 4294967296);
  sockopt_put_int(optval, off, (val - high * 4294967296) | 0);
  sockopt_put_int(optval, off + 4, high | 0);
}

/** The bytes of a value for a getsockopt(), cut to what the caller takes: 0. @local */
export function sockopt_answer(
  optval: Uint8Array,
  optlen: Int32Array,
  val: Uint8Array,
  lv: number,
): number {
  const len = Math.min(optlen[0], lv);
  if (len > optval.length) return -EFAULT;
  for (let i = 0; i < len; i++) optval[i] = val[i];
  optlen[0] = len;
  return 0;
}

/** SO_RCVTIMEO or SO_SNDTIMEO as jiffies, or a negative errno. @differs answers the time */
function sock_set_timeout(optval: Uint8Array, optlen: number): number {
  if (optlen < 16) return -EINVAL;
  const sec_high = sockopt_get_int(optval, 4);
  const tv_sec = get_ulong(optval, 0);
  const tv_usec = get_ulong(optval, 8);
  // A negative tv_usec is a huge unsigned one.
  if (tv_usec >= 1000000) return -EDOM;
  if (sec_high < 0) return 0;
  if (tv_sec === 0 && tv_usec === 0) return MAX_SCHEDULE_TIMEOUT;
  if (tv_sec < MAX_SCHEDULE_TIMEOUT / HZ - 1) {
    return tv_sec * HZ + DIV_ROUND_UP(tv_usec, 1000000 / HZ);
  }
  return MAX_SCHEDULE_TIMEOUT;
}

function sock_get_timeout(timeo: number, val: Uint8Array): number {
  const forever = timeo === MAX_SCHEDULE_TIMEOUT;
  put_long(val, 0, forever ? 0 : Math.floor(timeo / HZ));
  put_long(val, 8, forever ? 0 : (timeo % HZ) * (1000000 / HZ));
  return 16;
}

/** Sets the receive buffer to twice what the program asks for, bytes. */
export function __sock_set_rcvbuf(sk: sock, val: number): void {
  val = Math.min(val, INT_MAX >> 1);
  sk.sk_userlocks |= SOCK_RCVBUF_LOCK;
  sk.sk_rcvbuf = Math.max(val * 2, SOCK_MIN_RCVBUF);
}

function __sock_set_sndbuf(sk: sock, val: number): void {
  val = Math.min(val, INT_MAX >> 1);
  sk.sk_userlocks |= SOCK_SNDBUF_LOCK;
  sk.sk_sndbuf = Math.max(val * 2, SOCK_MIN_SNDBUF);
  // The buffer may have grown: who waits for room looks again.
  sk.sk_write_space(sk);
}

/** Binds to a device by index; 0 unbinds. */
export function sock_bindtoindex_locked(sk: sock, ifindex: number): number {
  if (ifindex < 0) return -EINVAL;
  sk.skc_bound_dev_if = ifindex;
  sk.skc_prot.rehash?.(sk);
  sk_dst_reset(sk);
  return 0;
}

function sock_setbindtodevice(
  sk: sock,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (optlen < 0) return -EINVAL;
  const len = Math.min(optlen, IFNAMSIZ - 1, optval.length);
  let name = "";
  for (let i = 0; i < len && optval[i] !== 0; i++) name += String.fromCharCode(optval[i]);
  let index = 0;
  if (name !== "") {
    const dev = sock_net(sk).dev_name_head.get(name);
    if (dev === undefined) return -ENODEV;
    index = dev.ifindex;
  }
  return after_sleep(lock_sock(sk), () => {
    const ret = sock_bindtoindex_locked(sk, index);
    release_sock(sk);
    return ret;
  });
}

function sock_getbindtodevice(sk: sock, optval: Uint8Array, optlen: Int32Array): number {
  if (sk.skc_bound_dev_if === 0) {
    optlen[0] = 0;
    return 0;
  }
  if (optlen[0] < IFNAMSIZ) return -EINVAL;
  const dev = sock_net(sk).dev_index_head.get(sk.skc_bound_dev_if);
  if (dev === undefined) return -ENODEV;
  const val = new Uint8Array(IFNAMSIZ);
  for (let i = 0; i < dev.name.length; i++) val[i] = dev.name.charCodeAt(i);
  return sockopt_answer(optval, optlen, val, dev.name.length + 1);
}

/** SO_TIMESTAMP and SO_TIMESTAMPNS. */
export function sock_set_timestamp(sk: sock, optname: number, valbool: boolean): void {
  const ns = optname === SO_TIMESTAMPNS || optname === SO_TIMESTAMPNS_NEW;
  const tstamp_new = optname === SO_TIMESTAMP_NEW || optname === SO_TIMESTAMPNS_NEW;
  sock_valbool_flag(sk, SOCK_TSTAMP_NEW, valbool && tstamp_new);
  sock_valbool_flag(sk, SOCK_RCVTSTAMP, valbool);
  sock_valbool_flag(sk, SOCK_RCVTSTAMPNS, valbool && ns);
  if (valbool) sock_enable_timestamp(sk, SOCK_TIMESTAMP);
}

/** Has packets stamped as they arrive, for one of the two reasons. */
export function sock_enable_timestamp(sk: sock, flag: number): void {
  if ((sk.skc_flags & SK_FLAGS_TIMESTAMP) === 0) net_enable_timestamp();
  sock_set_flag(sk, flag);
}

function sock_disable_timestamp(sk: sock, flags: number): void {
  if ((sk.skc_flags & flags) === 0) return;
  sk.skc_flags &= ~flags;
  if ((sk.skc_flags & SK_FLAGS_TIMESTAMP) === 0) net_disable_timestamp();
}

/** SO_TIMESTAMPING: 0 or a negative errno. */
export function sock_set_timestamping(sk: sock, optname: number, flags: number): number {
  if (flags & ~SOF_TIMESTAMPING_MASK) return -EINVAL;
  if ((flags & SOF_TIMESTAMPING_OPT_ID_TCP) && !(flags & SOF_TIMESTAMPING_OPT_ID)) return -EINVAL;
  if ((flags & SOF_TIMESTAMPING_OPT_ID) && !(sk.sk_tsflags & SOF_TIMESTAMPING_OPT_ID)) {
    if (sk.sk_protocol === IPPROTO_TCP && sk.sk_type === SOCK_STREAM) {
      if (sk.skc_state === TCP_CLOSE || sk.skc_state === TCP_LISTEN) return -EINVAL;
      const tp = tcp_sk(sk);
      sk.sk_tskey = flags & SOF_TIMESTAMPING_OPT_ID_TCP ? tp.write_seq : tp.snd_una;
    } else {
      sk.sk_tskey = 0;
    }
  }
  if ((flags & SOF_TIMESTAMPING_OPT_STATS) && !(flags & SOF_TIMESTAMPING_OPT_TSONLY)) {
    return -EINVAL;
  }
  sk.sk_tsflags = flags;
  sock_valbool_flag(sk, SOCK_TSTAMP_NEW, optname === SO_TIMESTAMPING_NEW);
  if (flags & SOF_TIMESTAMPING_RX_SOFTWARE) {
    sock_enable_timestamp(sk, SOCK_TIMESTAMPING_RX_SOFTWARE);
  } else {
    sock_disable_timestamp(sk, 1 << SOCK_TIMESTAMPING_RX_SOFTWARE);
  }
  return 0;
}

function sock_set_linger(sk: sock, optval: Uint8Array, optlen: number): number {
  if (optlen < 8) return -EINVAL;
  if (sockopt_get_int(optval, 0) === 0) {
    sock_reset_flag(sk, SOCK_LINGER);
    return 0;
  }
  const t_sec = sockopt_get_int(optval, 4) >>> 0;
  sk.sk_lingertime = t_sec >= MAX_SCHEDULE_TIMEOUT / HZ ? MAX_SCHEDULE_TIMEOUT : t_sec * HZ;
  sock_set_flag(sk, SOCK_LINGER);
  return 0;
}

function sock_set_max_pacing_rate(
  sk: sock,
  val: number,
  optval: Uint8Array,
  optlen: number,
): void {
  let rate = val === -1 ? PACING_UNLIMITED : val >>> 0;
  if (optlen >= 8) rate = Math.min(get_ulong(optval, 0), PACING_UNLIMITED);
  if (rate !== PACING_UNLIMITED && sk.sk_pacing_status === SK_PACING_NONE) {
    sk.sk_pacing_status = SK_PACING_NEEDED;
  }
  sk.sk_max_pacing_rate = rate;
  sk.sk_pacing_rate = Math.min(sk.sk_pacing_rate, rate);
}

function sock_set_zerocopy(sk: sock, val: number): number {
  const tcp = sk.sk_type === SOCK_STREAM && sk.sk_protocol === IPPROTO_TCP;
  const udp = sk.sk_type === SOCK_DGRAM && sk.sk_protocol === IPPROTO_UDP;
  if (!tcp && !udp) return -EOPNOTSUPP;
  if (val < 0 || val > 1) return -EINVAL;
  sock_valbool_flag(sk, SOCK_ZEROCOPY, val !== 0);
  return 0;
}

function sock_set_txtime(sk: sock, optval: Uint8Array, optlen: number): number {
  if (optlen !== 8) return -EINVAL;
  const flags = sockopt_get_int(optval, 4);
  if (flags & ~SOF_TXTIME_FLAGS_MASK) return -EINVAL;
  sock_set_flag(sk, SOCK_TXTIME);
  sk.sk_clockid = sockopt_get_int(optval, 0);
  return 0;
}

/** Sets an option of SOL_SOCKET on a socket that is locked: 0 or a negative errno. */
function sk_setsockopt_locked(
  sk: sock,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number {
  const val = sockopt_get_int(optval, 0);
  const valbool = val !== 0;
  const core = sock_net(sk).core;
  switch (optname) {
    case SO_DEBUG:
      sock_valbool_flag(sk, SOCK_DBG, valbool);
      return 0;
    case SO_REUSEADDR:
      sk.skc_reuse = valbool ? SK_CAN_REUSE : SK_NO_REUSE;
      return 0;
    case SO_REUSEPORT:
      sk.skc_reuseport = valbool;
      return 0;
    case SO_DONTROUTE:
      sock_valbool_flag(sk, SOCK_LOCALROUTE, valbool);
      sk_dst_reset(sk);
      return 0;
    case SO_BROADCAST:
      sock_valbool_flag(sk, SOCK_BROADCAST, valbool);
      return 0;
    case SO_SNDBUF:
      __sock_set_sndbuf(sk, Math.min(val >>> 0, core.sysctl_wmem_max));
      return 0;
    case SO_SNDBUFFORCE:
      __sock_set_sndbuf(sk, Math.max(val, 0));
      return 0;
    case SO_RCVBUF:
      __sock_set_rcvbuf(sk, Math.min(val >>> 0, core.sysctl_rmem_max));
      return 0;
    case SO_RCVBUFFORCE:
      __sock_set_rcvbuf(sk, Math.max(val, 0));
      return 0;
    case SO_KEEPALIVE:
      sk.skc_prot.keepalive?.(sk, valbool ? 1 : 0);
      sock_valbool_flag(sk, SOCK_KEEPOPEN, valbool);
      return 0;
    case SO_OOBINLINE:
      sock_valbool_flag(sk, SOCK_URGINLINE, valbool);
      return 0;
    case SO_NO_CHECK:
      sk.sk_no_check_tx = valbool;
      return 0;
    case SO_PRIORITY:
      sk.sk_priority = val;
      return 0;
    case SO_LINGER:
      return sock_set_linger(sk, optval, optlen);
    case SO_TIMESTAMP:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMPNS_NEW:
      sock_set_timestamp(sk, optname, valbool);
      return 0;
    case SO_TIMESTAMPING:
    case SO_TIMESTAMPING_NEW:
      return sock_set_timestamping(sk, optname, val);
    case SO_RCVLOWAT: {
      const lowat = val < 0 ? INT_MAX : val;
      const set = sk.sk_socket?.ops.set_rcvlowat;
      if (set !== undefined) return set(sk, lowat);
      sk.sk_rcvlowat = lowat || 1;
      return 0;
    }
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW: {
      const timeo = sock_set_timeout(optval, optlen);
      if (timeo < 0) return timeo;
      if (optname === SO_RCVTIMEO || optname === SO_RCVTIMEO_NEW) sk.sk_rcvtimeo = timeo;
      else sk.sk_sndtimeo = timeo;
      return 0;
    }
    case SO_MARK:
      if (sk.sk_mark !== val) {
        sk.sk_mark = val;
        sk_dst_reset(sk);
      }
      return 0;
    case SO_RXQ_OVFL:
      sock_valbool_flag(sk, SOCK_RXQ_OVFL, valbool);
      return 0;
    case SO_PEEK_OFF:
      return sk.sk_socket?.ops.set_peek_off?.(sk, val) ?? -EOPNOTSUPP;
    case SO_SELECT_ERR_QUEUE:
      sock_valbool_flag(sk, SOCK_SELECT_ERR_QUEUE, valbool);
      return 0;
    case SO_BUSY_POLL:
      if (val < 0) return -EINVAL;
      sk.sk_ll_usec = val;
      return 0;
    case SO_MAX_PACING_RATE:
      sock_set_max_pacing_rate(sk, val, optval, optlen);
      return 0;
    case SO_INCOMING_CPU:
      return 0;
    case SO_CNX_ADVICE:
      if (val === 1) dst_negative_advice(sk);
      return 0;
    case SO_ZEROCOPY:
      return sock_set_zerocopy(sk, val);
    case SO_TXTIME:
      return sock_set_txtime(sk, optval, optlen);
    case SO_BINDTOIFINDEX:
      return sock_bindtoindex_locked(sk, val);
    case SO_BUF_LOCK: {
      const mask = SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK;
      if (val & ~mask) return -EINVAL;
      sk.sk_userlocks = val | (sk.sk_userlocks & ~mask);
      return 0;
    }
    case SO_TXREHASH:
      if (val < -1 || val > 1) return -EINVAL;
      sk.sk_txrehash = val === -1 ? core.sysctl_txrehash : val;
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

/** Sets an option of SOL_SOCKET: 0 or a negative errno. */
export function sk_setsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  if (optname === SO_BINDTODEVICE) return sock_setbindtodevice(sk, optval, optlen);
  if (optlen < 4) return -EINVAL;
  if (optval.length < Math.min(optlen, 16)) return -EFAULT;
  return after_sleep(lock_sock(sk), () => {
    const ret = sk_setsockopt_locked(sk, optname, optval, optlen);
    release_sock(sk);
    return ret;
  });
}

/** SO_PEEK_OFF: 0. */
export function sk_set_peek_off(sk: sock, val: number): number {
  sk.sk_peek_off = val;
  return 0;
}

export function sock_setsockopt(
  sock: socket,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: number,
): number | Promise<number> {
  return sk_setsockopt(sock.sk as sock, level, optname, optval, optlen);
}

/** The words of SO_MEMINFO. */
export function sk_get_meminfo(sk: sock, mem: Uint32Array): void {
  mem.fill(0);
  mem[SK_MEMINFO_RMEM_ALLOC] = sk_rmem_alloc_get(sk);
  mem[SK_MEMINFO_RCVBUF] = sk.sk_rcvbuf;
  mem[SK_MEMINFO_WMEM_ALLOC] = sk_wmem_alloc_get(sk);
  mem[SK_MEMINFO_SNDBUF] = sk.sk_sndbuf;
  mem[SK_MEMINFO_FWD_ALLOC] = sk.sk_forward_alloc;
  mem[SK_MEMINFO_WMEM_QUEUED] = sk.sk_wmem_queued;
  mem[SK_MEMINFO_OPTMEM] = sk.sk_omem_alloc;
  mem[SK_MEMINFO_BACKLOG] = sk.sk_backlog.len;
  mem[SK_MEMINFO_DROPS] = sk.sk_drops;
}

/** An option of SOL_SOCKET that is an int, or null. */
function sk_getsockopt_int(sk: sock, optname: number): number | null {
  const flag = (f: number): number => sock_flag(sk, f) ? 1 : 0;
  switch (optname) {
    case SO_DEBUG:
      return flag(SOCK_DBG);
    case SO_DONTROUTE:
      return flag(SOCK_LOCALROUTE);
    case SO_BROADCAST:
      return flag(SOCK_BROADCAST);
    case SO_SNDBUF:
      return sk.sk_sndbuf;
    case SO_RCVBUF:
      return sk.sk_rcvbuf;
    case SO_REUSEADDR:
      return sk.skc_reuse;
    case SO_REUSEPORT:
      return sk.skc_reuseport ? 1 : 0;
    case SO_KEEPALIVE:
      return flag(SOCK_KEEPOPEN);
    case SO_TYPE:
      return sk.sk_type;
    case SO_PROTOCOL:
      return sk.sk_protocol;
    case SO_DOMAIN:
      return sk.skc_family;
    case SO_ERROR: {
      const err = -sock_error(sk);
      if (err !== 0) return err;
      const soft = sk.sk_err_soft;
      sk.sk_err_soft = 0;
      return soft;
    }
    case SO_OOBINLINE:
      return flag(SOCK_URGINLINE);
    case SO_NO_CHECK:
      return sk.sk_no_check_tx ? 1 : 0;
    case SO_PRIORITY:
      return sk.sk_priority;
    case SO_TIMESTAMP:
      return flag(SOCK_RCVTSTAMP) & ~flag(SOCK_TSTAMP_NEW) & ~flag(SOCK_RCVTSTAMPNS);
    case SO_TIMESTAMPNS:
      return flag(SOCK_RCVTSTAMPNS) & ~flag(SOCK_TSTAMP_NEW);
    case SO_TIMESTAMP_NEW:
      return flag(SOCK_RCVTSTAMP) & flag(SOCK_TSTAMP_NEW);
    case SO_TIMESTAMPNS_NEW:
      return flag(SOCK_RCVTSTAMPNS) & flag(SOCK_TSTAMP_NEW);
    case SO_RCVLOWAT:
      return sk.sk_rcvlowat;
    case SO_SNDLOWAT:
      return 1;
    case SO_ACCEPTCONN:
      return sk.skc_state === TCP_LISTEN ? 1 : 0;
    case SO_MARK:
      return sk.sk_mark;
    case SO_RXQ_OVFL:
      return flag(SOCK_RXQ_OVFL);
    case SO_PEEK_OFF:
      return sk.sk_socket?.ops.set_peek_off !== undefined ? sk.sk_peek_off : -EOPNOTSUPP;
    case SO_SELECT_ERR_QUEUE:
      return flag(SOCK_SELECT_ERR_QUEUE);
    case SO_BUSY_POLL:
      return sk.sk_ll_usec;
    case SO_INCOMING_CPU:
      return 0;
    case SO_INCOMING_NAPI_ID:
      return sk.sk_napi_id;
    case SO_ZEROCOPY:
      return flag(SOCK_ZEROCOPY);
    case SO_BINDTOIFINDEX:
      return sk.skc_bound_dev_if;
    case SO_BUF_LOCK:
      return sk.sk_userlocks & (SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK);
    case SO_TXREHASH:
      return sk.sk_txrehash;
    default:
      return null;
  }
}

/** Answers an option of SOL_SOCKET: 0 or a negative errno; optlen becomes what was written. */
export function sk_getsockopt(
  sk: sock,
  _level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  const len = optlen[0];
  if (len < 0) return -EINVAL;
  const val = new Uint8Array(4 * SK_MEMINFO_VARS);
  let lv = 4;
  switch (optname) {
    case SO_PEEK_OFF:
      if (sk.sk_socket?.ops.set_peek_off === undefined) return -EOPNOTSUPP;
      sockopt_put_int(val, 0, sk.sk_peek_off);
      break;
    case SO_LINGER:
      lv = 8;
      sockopt_put_int(val, 0, sock_flag(sk, SOCK_LINGER) ? 1 : 0);
      sockopt_put_int(val, 4, Math.floor(sk.sk_lingertime / HZ));
      break;
    case SO_TIMESTAMPING:
    case SO_TIMESTAMPING_NEW:
      lv = 8;
      if (optname === SO_TIMESTAMPING || sock_flag(sk, SOCK_TSTAMP_NEW)) {
        sockopt_put_int(val, 0, sk.sk_tsflags);
      }
      break;
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
      lv = sock_get_timeout(sk.sk_rcvtimeo, val);
      break;
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
      lv = sock_get_timeout(sk.sk_sndtimeo, val);
      break;
    case SO_BINDTODEVICE:
      return sock_getbindtodevice(sk, optval, optlen);
    case SO_MAX_PACING_RATE: {
      const rate = sk.sk_max_pacing_rate;
      if (rate === PACING_UNLIMITED) val.fill(255, 0, 8);
      else if (len >= 8) put_long(val, 0, rate);
      else sockopt_put_int(val, 0, Math.min(rate, 0xffffffff) | 0);
      if (len >= 8) lv = 8;
      break;
    }
    case SO_MEMINFO: {
      const mem = new Uint32Array(SK_MEMINFO_VARS);
      sk_get_meminfo(sk, mem);
      for (let i = 0; i < SK_MEMINFO_VARS; i++) sockopt_put_int(val, 4 * i, mem[i]);
      lv = 4 * SK_MEMINFO_VARS;
      break;
    }
    case SO_COOKIE:
      lv = 8;
      if (len < lv) return -EINVAL;
      put_long(val, 0, sock_gen_cookie(sk));
      break;
    case SO_TXTIME:
      lv = 8;
      sockopt_put_int(val, 0, sk.sk_clockid);
      break;
    case SO_PEERNAME: {
      const addr: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
      lv = sk.sk_socket === null ? -1 : sk.sk_socket.ops.getname(sk.sk_socket, addr, 2);
      if (lv < 0) return -ENOTCONN;
      if (lv < len) return -EINVAL;
      val[0] = addr.sin_family;
      val[2] = addr.sin_port >> 8;
      val[3] = addr.sin_port;
      for (let i = 0; i < 4; i++) val[4 + i] = addr.sin_addr >> (24 - 8 * i);
      break;
    }
    default: {
      const v = sk_getsockopt_int(sk, optname);
      if (v === null) return -ENOPROTOOPT;
      sockopt_put_int(val, 0, v);
    }
  }
  return sockopt_answer(optval, optlen, val, lv);
}

export function sock_getsockopt(
  sock: socket,
  level: number,
  optname: number,
  optval: Uint8Array,
  optlen: Int32Array,
): number {
  return sk_getsockopt(sock.sk as sock, level, optname, optval, optlen);
}

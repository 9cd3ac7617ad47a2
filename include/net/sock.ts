// SPDX-License-Identifier: GPL-2.0-only
//
// sock_common, sock and proto: what every socket has, and what a protocol does with it. sock_common
// is what full sockets, request_socks and timewait sockets share, and what the hash tables hold;
// narrow by skc_state. The struct's `sk_x` names for fields of sock_common are accessors.
//
// Here stand types, constants and inlines that call nothing above; net/core/sock.ts has the rest.

import { EINTR, ERESTARTSYS } from "../uapi/asm-generic/errno.ts";
import { NETIF_F_TSO } from "../linux/netdevice.ts";
import { hlist_node } from "../linux/types.ts";
import {
  hlist_nulls_add_head_rcu,
  hlist_nulls_del_init_rcu,
  hlist_nulls_unhashed,
} from "../linux/list_nulls.ts";
import type {
  hlist_nulls_head,
  hlist_nulls_next,
  hlist_nulls_node,
  hlist_nulls_slot,
} from "../linux/list_nulls.ts";
import { page_frag } from "../linux/mm_types.ts";
import { MSG_PEEK } from "../linux/socket.ts";
import { sk_buff_head } from "../linux/skbuff.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import { get_random_u32 } from "../linux/random.ts";
import { timer_list } from "../linux/timer.ts";
import { wait_queue_head } from "../linux/wait.ts";
import type { msghdr, socket, socket_wq } from "../linux/net.ts";
import type { sockaddr } from "../uapi/linux/in.ts";
import type { dst_entry } from "./dst.ts";
import type { inet_bind_bucket, inet_hashinfo } from "./inet_hashtables.ts";
import type { net } from "./net_namespace.ts";
import type { request_sock, request_sock_ops } from "./request_sock.ts";
import { TCP_LISTEN, TCP_NEW_SYN_RECV, TCP_TIME_WAIT } from "./tcp_states.ts";
import type { timewait_sock_ops } from "./timewait_sock.ts";
import { MAX_SCHEDULE_TIMEOUT } from "../linux/sched.ts";

/** The part that all sockets in the hash tables share; what a lookup looks at comes first. */
export class sock_common implements hlist_nulls_node<sock_common> {
  /** Foreign and bound local address (int32). */
  skc_daddr = 0;
  skc_rcv_saddr = 0;
  /** The hash by which the socket stands in ehash (int32). */
  skc_hash = 0;
  /** Foreign port, local port. */
  skc_dport = 0;
  skc_num = 0;
  skc_bound_dev_if = 0;
  skc_net!: net;
  skc_refcnt = 1;
  /** Place in ehash: behind what a lookup compares, as it seldom has to go on. */
  next: hlist_nulls_next<sock_common> = 0;
  pprev: hlist_nulls_slot<sock_common> | null = null;
  skc_family = 0;
  /** TCP_* of include/net/tcp_states.ts */
  skc_state = 0;
  /** SK_NO_REUSE, SK_CAN_REUSE, SK_FORCE_REUSE */
  skc_reuse = 0;
  skc_reuseport = false;
  /** Place in a bind bucket's owners. */
  readonly skc_bind_node: hlist_node<sock_common>;
  skc_prot!: proto;
  /** SOCK_* flags of sock_set_flag(), or the tw/req owner's flags. */
  skc_flags = 0;
  /** Place in listening_hash, or in UDP's and raw's tables. */
  readonly skc_node: hlist_node<sock_common>;
  skc_cookie = 0;

  constructor() {
    this.skc_bind_node = new hlist_node<sock_common>(this);
    this.skc_node = new hlist_node<sock_common>(this);
  }

  /** container_of */
  get owner(): sock_common {
    return this;
  }

  /** Place in ehash: the socket is itself the node. */
  get skc_nulls_node(): hlist_nulls_node<sock_common> {
    return this;
  }

  get sk_state(): number {
    return this.skc_state;
  }
  set sk_state(v: number) {
    this.skc_state = v;
  }
  get sk_hash(): number {
    return this.skc_hash;
  }
  set sk_hash(v: number) {
    this.skc_hash = v;
  }
  get sk_family(): number {
    return this.skc_family;
  }
  set sk_family(v: number) {
    this.skc_family = v;
  }
  get sk_prot(): proto {
    return this.skc_prot;
  }
  set sk_prot(v: proto) {
    this.skc_prot = v;
  }
  get sk_refcnt(): number {
    return this.skc_refcnt;
  }
  set sk_refcnt(v: number) {
    this.skc_refcnt = v;
  }
  get sk_num(): number {
    return this.skc_num;
  }
  get sk_dport(): number {
    return this.skc_dport;
  }
  get sk_daddr(): number {
    return this.skc_daddr;
  }
  set sk_daddr(v: number) {
    this.skc_daddr = v;
  }
  get sk_rcv_saddr(): number {
    return this.skc_rcv_saddr;
  }
  set sk_rcv_saddr(v: number) {
    this.skc_rcv_saddr = v;
  }
  get sk_reuse(): number {
    return this.skc_reuse;
  }
  set sk_reuse(v: number) {
    this.skc_reuse = v;
  }
  get sk_reuseport(): boolean {
    return this.skc_reuseport;
  }
  set sk_reuseport(v: boolean) {
    this.skc_reuseport = v;
  }
  get sk_bound_dev_if(): number {
    return this.skc_bound_dev_if;
  }
  set sk_bound_dev_if(v: number) {
    this.skc_bound_dev_if = v;
  }
  get sk_node(): hlist_node<sock_common> {
    return this.skc_node;
  }
  get sk_nulls_node(): hlist_nulls_node<sock_common> {
    return this.skc_nulls_node;
  }
  get sk_bind_node(): hlist_node<sock_common> {
    return this.skc_bind_node;
  }

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  copy_from(o: sock_common): void {
    this.skc_daddr = o.skc_daddr;
    this.skc_rcv_saddr = o.skc_rcv_saddr;
    this.skc_hash = o.skc_hash;
    this.skc_dport = o.skc_dport;
    this.skc_num = o.skc_num;
    this.skc_family = o.skc_family;
    this.skc_state = o.skc_state;
    this.skc_reuse = o.skc_reuse;
    this.skc_reuseport = o.skc_reuseport;
    this.skc_bound_dev_if = o.skc_bound_dev_if;
    this.skc_prot = o.skc_prot;
    this.skc_net = o.skc_net;
    this.skc_flags = o.skc_flags;
    this.skc_cookie = o.skc_cookie;
  }
}

export const SK_NO_REUSE = 0;
export const SK_CAN_REUSE = 1;
export const SK_FORCE_REUSE = 2;

/** Packets that came while a task owned the socket; sk_rmem_alloc is what they are charged to. */
export class sk_backlog {
  rmem_alloc = 0;
  len = 0;
  head: sk_buff | null = null;
  tail: sk_buff | null = null;
}

/** Who may touch the socket: a task (owned), or else softirq code. */
export class socket_lock_t {
  owned = false;
  wq: wait_queue_head | null = null;
}

export const SK_MEM_SEND = 0;
export const SK_MEM_RECV = 1;
/** Unit of memory accounting, bytes. */
export const SK_MEM_QUANTUM = 4096;
export const SK_MEM_QUANTUM_SHIFT = 12;

/** A socket, seen from the network. */
export class sock extends sock_common {
  sk_rx_dst: dst_entry | null = null;
  sk_rx_dst_ifindex = 0;
  readonly sk_lock = new socket_lock_t();
  /** Dropped packets. */
  sk_drops = 0;
  sk_rcvlowat = 1;
  readonly sk_error_queue = new sk_buff_head();
  readonly sk_receive_queue = new sk_buff_head();
  readonly sk_backlog = new sk_backlog();
  sk_forward_alloc = 0;
  /** bytes */
  sk_rcvbuf = 0;
  sk_sndbuf = 0;
  sk_wq: socket_wq | null = null;
  sk_dst_cache: dst_entry | null = null;
  sk_dst_pending_confirm = false;
  /** Bytes of truesize that are queued to send and not yet acknowledged. */
  sk_wmem_queued = 0;
  /** Bytes handed to the device; starts at 1, for the socket itself. */
  sk_wmem_alloc = 1;
  /** TSQ state bits, enum tsq_enum. */
  sk_tsq_flags = 0;
  /** Not yet sent, the next to go first; sent ones are in tcp_rtx_queue. */
  readonly sk_write_queue = new sk_buff_head();
  sk_peek_off = -1;
  sk_write_pending = 0;
  /** disconnect()s so far: a sleeper sees that the socket is not the same connection any more. */
  sk_disconnects = 0;
  sk_pacing_status = 0;
  /** jiffies, or MAX_SCHEDULE_TIMEOUT */
  sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
  sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
  /** Keepalive, FIN_WAIT2 and linger. */
  readonly sk_timer: timer_list<sock>;
  sk_priority = 0;
  sk_mark = 0;
  /** bytes per second; PACING_UNLIMITED for no limit */
  sk_pacing_rate = 0;
  sk_max_pacing_rate = 0;
  sk_frag: page_frag | null = null;
  /** NETIF_F_* of the route's device that the socket may use. */
  sk_route_caps = 0;
  sk_gso_disabled = false;
  sk_kern_sock = false;
  sk_no_check_tx = false;
  sk_no_check_rx = false;
  /** SOCK_*_LOCK: buffer sizes that the program set. */
  sk_userlocks = 0;
  sk_pacing_shift = 10;
  sk_type = 0;
  sk_protocol = 0;
  sk_gso_type = 0;
  sk_gso_max_size = 0;
  sk_gso_max_segs = 0;
  /** jiffies */
  sk_lingertime = 0;
  sk_err = 0;
  sk_err_soft = 0;
  sk_ack_backlog = 0;
  sk_max_ack_backlog = 0;
  /** Shutdown mask: RCV_SHUTDOWN, SEND_SHUTDOWN. */
  sk_shutdown = 0;
  sk_txhash = 0;
  sk_txrehash = 0;
  sk_rxhash = 0;
  /** SOF_TIMESTAMPING_* */
  sk_tsflags = 0;
  sk_tskey = 0;
  sk_zckey = 0;
  /** Bytes of what a program has the kernel keep beside packets: limited by net.core.optmem_max. */
  sk_omem_alloc = 0;
  sk_clockid = 0;
  /** ns of the last packet handed to a reader */
  sk_stamp = -1;
  sk_socket: socket | null = null;
  sk_user_data: unknown = null;
  sk_ll_usec = 0;
  sk_napi_id = 0;
  sk_uid = 0;
  /** Place in living_socks. @local */
  living_index = -1;

  constructor() {
    super();
    this.sk_timer = new timer_list<sock>(this);
  }

  sk_state_change!: (sk: sock) => void;
  sk_data_ready!: (sk: sock) => void;
  sk_write_space!: (sk: sock) => void;
  sk_error_report!: (sk: sock) => void;
  sk_backlog_rcv!: (sk: sock, skb: sk_buff) => number;
  sk_destruct!: (sk: sock) => void;

  /** Receive memory in use, bytes; the kernel keeps it in sk_backlog. */
  get sk_rmem_alloc(): number {
    return this.sk_backlog.rmem_alloc;
  }
  set sk_rmem_alloc(v: number) {
    this.sk_backlog.rmem_alloc = v;
  }

  /** Takes over the other's values, but for lists, queues, timers and locks: for sock_copy(). @local */
  override copy_from(o: sock): void {
    super.copy_from(o);
    this.sk_rx_dst = o.sk_rx_dst;
    this.sk_rx_dst_ifindex = o.sk_rx_dst_ifindex;
    this.sk_drops = o.sk_drops;
    this.sk_rcvlowat = o.sk_rcvlowat;
    this.sk_forward_alloc = o.sk_forward_alloc;
    this.sk_rcvbuf = o.sk_rcvbuf;
    this.sk_sndbuf = o.sk_sndbuf;
    this.sk_wq = o.sk_wq;
    this.sk_dst_cache = o.sk_dst_cache;
    this.sk_dst_pending_confirm = o.sk_dst_pending_confirm;
    this.sk_wmem_queued = o.sk_wmem_queued;
    this.sk_wmem_alloc = o.sk_wmem_alloc;
    this.sk_tsq_flags = o.sk_tsq_flags;
    this.sk_peek_off = o.sk_peek_off;
    this.sk_write_pending = o.sk_write_pending;
    this.sk_pacing_status = o.sk_pacing_status;
    this.sk_sndtimeo = o.sk_sndtimeo;
    this.sk_rcvtimeo = o.sk_rcvtimeo;
    this.sk_priority = o.sk_priority;
    this.sk_mark = o.sk_mark;
    this.sk_pacing_rate = o.sk_pacing_rate;
    this.sk_max_pacing_rate = o.sk_max_pacing_rate;
    this.sk_frag = o.sk_frag;
    this.sk_route_caps = o.sk_route_caps;
    this.sk_gso_disabled = o.sk_gso_disabled;
    this.sk_kern_sock = o.sk_kern_sock;
    this.sk_no_check_tx = o.sk_no_check_tx;
    this.sk_no_check_rx = o.sk_no_check_rx;
    this.sk_userlocks = o.sk_userlocks;
    this.sk_pacing_shift = o.sk_pacing_shift;
    this.sk_type = o.sk_type;
    this.sk_protocol = o.sk_protocol;
    this.sk_gso_type = o.sk_gso_type;
    this.sk_gso_max_size = o.sk_gso_max_size;
    this.sk_gso_max_segs = o.sk_gso_max_segs;
    this.sk_lingertime = o.sk_lingertime;
    this.sk_err = o.sk_err;
    this.sk_err_soft = o.sk_err_soft;
    this.sk_ack_backlog = o.sk_ack_backlog;
    this.sk_max_ack_backlog = o.sk_max_ack_backlog;
    this.sk_shutdown = o.sk_shutdown;
    this.sk_txhash = o.sk_txhash;
    this.sk_txrehash = o.sk_txrehash;
    this.sk_rxhash = o.sk_rxhash;
    this.sk_tsflags = o.sk_tsflags;
    this.sk_tskey = o.sk_tskey;
    this.sk_zckey = o.sk_zckey;
    this.sk_omem_alloc = o.sk_omem_alloc;
    this.sk_clockid = o.sk_clockid;
    this.sk_stamp = o.sk_stamp;
    this.sk_socket = o.sk_socket;
    this.sk_user_data = o.sk_user_data;
    this.sk_ll_usec = o.sk_ll_usec;
    this.sk_napi_id = o.sk_napi_id;
    this.sk_uid = o.sk_uid;
    this.sk_state_change = o.sk_state_change;
    this.sk_data_ready = o.sk_data_ready;
    this.sk_write_space = o.sk_write_space;
    this.sk_error_report = o.sk_error_report;
    this.sk_backlog_rcv = o.sk_backlog_rcv;
    this.sk_destruct = o.sk_destruct;
  }
}

/** What ancillary data of sendmsg() at SOL_SOCKET asks for. */
export class sockcm_cookie {
  mark = 0;
  /** ns */
  transmit_time = 0;
  /** SOF_TIMESTAMPING_* */
  tsflags = 0;
}

export const SHUTDOWN_MASK = 3;
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;

export const SOCK_SNDBUF_LOCK = 1;
export const SOCK_RCVBUF_LOCK = 2;
export const SOCK_BINDADDR_LOCK = 4;
export const SOCK_BINDPORT_LOCK = 8;

export const SK_PACING_NONE = 0;
export const SK_PACING_NEEDED = 1;
export const SK_PACING_FQ = 2;

/** sk_txrehash: the namespace's default, off, on. */
export const SOCK_TXREHASH_DEFAULT = 255;
export const SOCK_TXREHASH_DISABLED = 0;
export const SOCK_TXREHASH_ENABLED = 1;

/** Words of SO_MEMINFO. */
export const SK_MEMINFO_RMEM_ALLOC = 0;
export const SK_MEMINFO_RCVBUF = 1;
export const SK_MEMINFO_WMEM_ALLOC = 2;
export const SK_MEMINFO_SNDBUF = 3;
export const SK_MEMINFO_FWD_ALLOC = 4;
export const SK_MEMINFO_WMEM_QUEUED = 5;
export const SK_MEMINFO_OPTMEM = 6;
export const SK_MEMINFO_BACKLOG = 7;
export const SK_MEMINFO_DROPS = 8;
export const SK_MEMINFO_VARS = 9;
/** No limit of the pacing rate: the greatest double below 2^64, for the kernel's ~0UL. */
export const PACING_UNLIMITED = 18446744073709549568;

/** Numbers of the bits in skc_flags, enum sock_flags. */
export const SOCK_DEAD = 0;
export const SOCK_DONE = 1;
export const SOCK_URGINLINE = 2;
export const SOCK_KEEPOPEN = 3;
export const SOCK_LINGER = 4;
export const SOCK_DESTROY = 5;
export const SOCK_BROADCAST = 6;
export const SOCK_TIMESTAMP = 7;
export const SOCK_ZAPPED = 8;
export const SOCK_USE_WRITE_QUEUE = 9;
export const SOCK_DBG = 10;
export const SOCK_RCVTSTAMP = 11;
export const SOCK_RCVTSTAMPNS = 12;
export const SOCK_LOCALROUTE = 13;
export const SOCK_MEMALLOC = 14;
export const SOCK_TIMESTAMPING_RX_SOFTWARE = 15;
export const SOCK_FASYNC = 16;
export const SOCK_RXQ_OVFL = 17;
export const SOCK_ZEROCOPY = 18;
export const SOCK_NOFCS = 20;
export const SOCK_FILTER_LOCKED = 21;
export const SOCK_SELECT_ERR_QUEUE = 22;
export const SOCK_RCU_FREE = 23;
export const SOCK_TXTIME = 24;
export const SOCK_TSTAMP_NEW = 26;
/** Those for which packets must be stamped as they arrive. */
export const SK_FLAGS_TIMESTAMP = (1 << SOCK_TIMESTAMP) | (1 << SOCK_TIMESTAMPING_RX_SOFTWARE);

/** Smallest and starting buffer sizes, bytes. */
export const TCP_SKB_MIN_TRUESIZE = 2048 + 256;
export const SOCK_MIN_SNDBUF = TCP_SKB_MIN_TRUESIZE * 2;
export const SOCK_MIN_RCVBUF = TCP_SKB_MIN_TRUESIZE;

export const PROTO_CMSG_DATA_ONLY = 1;

/** Collects what a protocol counts for all its sockets. */
export class proto_counters {
  /** Sockets; their memory in pages; orphans. */
  sockets_allocated = 0;
  memory_allocated = 0;
  memory_pressure = 0;
  orphan_count = 0;
}

/** What a transport protocol does for its sockets. Calls that may sleep may answer a promise. */
export interface proto {
  name: string;
  close(sk: sock, timeout: number): void | Promise<void>;
  pre_connect?(sk: sock, uaddr: sockaddr, addr_len: number): number;
  connect?(sk: sock, uaddr: sockaddr, addr_len: number): number;
  disconnect?(sk: sock, flags: number): number;
  /** A connected sock, or a negative errno. */
  accept?(sk: sock, flags: number): sock | number | Promise<sock | number>;
  ioctl?(sk: sock, cmd: number, arg: Int32Array): number;
  init?(sk: sock): number;
  destroy?(sk: sock): void;
  shutdown?(sk: sock, how: number): void;
  setsockopt?(
    sk: sock,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: number,
  ): number | Promise<number>;
  getsockopt?(
    sk: sock,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: Int32Array,
  ): number | Promise<number>;
  keepalive?(sk: sock, valbool: number): void;
  sendmsg?(sk: sock, msg: msghdr, len: number): number | Promise<number>;
  recvmsg?(sk: sock, msg: msghdr, len: number, flags: number): number | Promise<number>;
  splice_eof?(sock: socket): void | Promise<void>;
  bind?(sk: sock, addr: sockaddr, addr_len: number): number;
  backlog_rcv?(sk: sock, skb: sk_buff): number;
  release_cb?(sk: sock): void;
  hash?(sk: sock): number;
  unhash?(sk: sock): void;
  rehash?(sk: sock): void;
  /** 0, or 1/-errno where the port is taken. */
  get_port?(sk: sock, snum: number): number;
  put_port?(sk: sock): void;
  stream_memory_free?(sk: sock, wake: number): boolean;
  enter_memory_pressure?(sk: sock): void;
  leave_memory_pressure?(sk: sock): void;
  diag_destroy?(sk: sock, err: number): number | Promise<number>;
  counters: proto_counters;
  /** Limits in pages: low, pressure, high. */
  sysctl_mem?: (net: net) => Int32Array;
  sysctl_wmem?: (net: net) => Int32Array;
  sysctl_rmem?: (net: net) => Int32Array;
  max_header: number;
  no_autobind?: boolean;
  /** Makes the struct, instead of obj_size. */
  alloc_sock(): sock;
  rsk_prot?: request_sock_ops;
  twsk_prot?: timewait_sock_ops;
  /** TCP's tables; UDP and raw keep theirs in their files. */
  hashinfo?: inet_hashinfo;
}

/** The namespace of a socket. */
export function sock_net(sk: sock_common): net {
  return sk.skc_net;
}

export function sock_net_set(sk: sock_common, n: net): void {
  sk.skc_net = n;
}

export function sock_flag(sk: sock_common, flag: number): boolean {
  return (sk.skc_flags & (1 << flag)) !== 0;
}

export function sock_set_flag(sk: sock_common, flag: number): void {
  sk.skc_flags |= 1 << flag;
}

export function sock_reset_flag(sk: sock_common, flag: number): void {
  sk.skc_flags &= ~(1 << flag);
}

export function sock_valbool_flag(sk: sock_common, flag: number, valbool: boolean): void {
  if (valbool) sock_set_flag(sk, flag);
  else sock_reset_flag(sk, flag);
}

/** Takes one more reference. */
export function sock_hold(sk: sock_common): void {
  sk.skc_refcnt++;
}

/** Drops a reference that is known not to be the last. */
export function __sock_put(sk: sock_common): void {
  sk.skc_refcnt--;
}

/** A task holds the socket: softirq code must use the backlog. */
export function sock_owned_by_user(sk: sock): boolean {
  return sk.sk_lock.owned;
}

/** One more connection waits to be accepted. */
export function sk_acceptq_added(sk: sock): void {
  sk.sk_ack_backlog++;
}

/** One connection less waits to be accepted. */
export function sk_acceptq_removed(sk: sock): void {
  sk.sk_ack_backlog--;
}

export function sk_acceptq_is_full(sk: sock): boolean {
  return sk.sk_ack_backlog > sk.sk_max_ack_backlog;
}

/** Free send memory that makes a sleeping writer wake, bytes. */
export function sk_stream_min_wspace(sk: sock): number {
  return sk.sk_wmem_queued >> 1;
}

/** Free send memory, bytes; may be negative. */
export function sk_stream_wspace(sk: sock): number {
  return sk.sk_sndbuf - sk.sk_wmem_queued;
}

export function sk_wmem_queued_add(sk: sock, val: number): void {
  sk.sk_wmem_queued = sk.sk_wmem_queued + val;
}

/** The protocol lets the socket queue more to send. */
export function __sk_stream_memory_free(sk: sock, wake: number): boolean {
  if (sk.sk_wmem_queued >= sk.sk_sndbuf) return false;
  const free = sk.skc_prot.stream_memory_free;
  return free === undefined ? true : free(sk, wake);
}

export function sk_stream_memory_free(sk: sock): boolean {
  return __sk_stream_memory_free(sk, 0);
}

export function __sk_stream_is_writeable(sk: sock, wake: number): boolean {
  return sk_stream_wspace(sk) >= sk_stream_min_wspace(sk) && __sk_stream_memory_free(sk, wake);
}

export function sk_stream_is_writeable(sk: sock): boolean {
  return __sk_stream_is_writeable(sk, 0);
}

/** Bytes charged to packets that the device holds. */
export function sk_wmem_alloc_get(sk: sock): number {
  return sk.sk_wmem_alloc - 1;
}

export function sk_rmem_alloc_get(sk: sock): number {
  return sk.sk_backlog.rmem_alloc;
}

export function sk_has_allocations(sk: sock): boolean {
  return sk_wmem_alloc_get(sk) !== 0 || sk_rmem_alloc_get(sk) !== 0;
}

export function sk_unused_reserved_mem(_sk: sock): number {
  return 0;
}

export function sk_rx_queue_is_empty(sk: sock): boolean {
  return sk.sk_receive_queue.next === null;
}

/** How long a receive may wait, jiffies: none with MSG_DONTWAIT. */
export function sock_rcvtimeo(sk: sock, noblock: boolean): number {
  return noblock ? 0 : sk.sk_rcvtimeo;
}

export function sock_sndtimeo(sk: sock, noblock: boolean): number {
  return noblock ? 0 : sk.sk_sndtimeo;
}

/** Bytes that must be there before a receive returns: SO_RCVLOWAT, all with MSG_WAITALL. */
export function sock_rcvlowat(sk: sock, waitall: boolean, len: number): number {
  const v = waitall ? len : Math.min(sk.sk_rcvlowat, len);
  return v !== 0 ? v : 1;
}

/** The errno for a wait that a signal or a timeout ended. */
export function sock_intr_errno(timeo: number): number {
  return timeo === MAX_SCHEDULE_TIMEOUT ? -ERESTARTSYS : -EINTR;
}

/** Where a peek starts, bytes; negative where SO_PEEK_OFF is off. */
export function sk_peek_offset(sk: sock, flags: number): number {
  return (flags & MSG_PEEK) !== 0 ? sk.sk_peek_off : 0;
}

/** val bytes were read: peeks start that much earlier. */
export function sk_peek_offset_bwd(sk: sock, val: number): void {
  if (sk.sk_peek_off >= 0) sk.sk_peek_off = Math.max(sk.sk_peek_off - val, 0);
}

/** val bytes were peeked at: the next peek starts behind them. */
export function sk_peek_offset_fwd(sk: sock, val: number): void {
  sk_peek_offset_bwd(sk, -val);
}

/** Takes the socket's error, negative, and clears it. */
export function sock_error(sk: sock): number {
  const err = sk.sk_err;
  if (err === 0) return 0;
  sk.sk_err = 0;
  return -err;
}

/** Remembers the flow hash of a packet that was received, for receive packet steering. */
export function sock_rps_save_rxhash(sk: sock, skb: sk_buff): void {
  if (sk.sk_rxhash !== skb.hash) sk.sk_rxhash = skb.hash;
}

/** A random flow hash, never 0. */
export function net_tx_rndhash(): number {
  return get_random_u32() || 1;
}

export function sock_rps_reset_rxhash(sk: sock): void {
  sk.sk_rxhash = 0;
}

/** The list order of a bind bucket's owners: newest first. */
export function sk_add_bind_node(sk: sock_common, tb: inet_bind_bucket): void {
  const head = tb.owners;
  const node = sk.skc_bind_node;
  const first = head.next;
  node.next = first;
  node.pprev = head;
  if (first !== null) first.pprev = node;
  head.next = node;
}

/** Takes sk out of its bind bucket. */
export function __sk_del_bind_node(sk: sock_common): void {
  const node = sk.skc_bind_node;
  if (node.pprev === null) return;
  node.pprev.next = node.next;
  if (node.next !== null) node.next.pprev = node.pprev;
  node.next = null;
  node.pprev = null;
}

export function sk_unhashed(sk: sock_common): boolean {
  return sk.skc_node.pprev === null && sk.skc_nulls_node.pprev === null;
}

export function sk_hashed(sk: sock_common): boolean {
  return !sk_unhashed(sk);
}

/** A full socket: neither request_sock nor timewait sock. */
export function sk_fullsock(sk: sock_common): sk is sock {
  return sk.skc_state !== TCP_TIME_WAIT && sk.skc_state !== TCP_NEW_SYN_RECV;
}

/** skb's socket where it is a full one. */
export function skb_to_full_sk(skb: sk_buff): sock | null {
  const sk = skb.sk as sock_common | null;
  if (sk === null) return null;
  if (sk.skc_state === TCP_NEW_SYN_RECV) return (sk as unknown as request_sock).rsk_listener;
  return sk as sock;
}

export function sk_listener(sk: sock_common): boolean {
  return sk.skc_state === TCP_LISTEN || sk.skc_state === TCP_NEW_SYN_RECV;
}

/** The socket may hand packets larger than the MSS to its device. */
export function sk_can_gso(sk: sock): boolean {
  return sk.sk_gso_type !== 0 && (sk.sk_route_caps & NETIF_F_TSO) !== 0 && !sk.sk_gso_disabled;
}

/** Gives a connected sock to the socket that accept() makes. */
export function sock_graft(sk: sock, parent: socket): void {
  sk.sk_wq = parent.wq;
  parent.sk = sk;
  sk.sk_socket = parent;
}

/** Separates sk from its program. */
export function sock_orphan(sk: sock): void {
  sock_set_flag(sk, SOCK_DEAD);
  sk.sk_socket = null;
  sk.sk_wq = null;
}

/** Counts the sockets of a protocol in use. */
export function sock_prot_inuse_add(n: net, prot: proto, val: number): void {
  const inuse = n.core.prot_inuse;
  inuse.set(prot.name, (inuse.get(prot.name) ?? 0) + val);
}

/** Adds sk to a chain of ehash without taking a reference. */
export function __sk_nulls_add_node_rcu(
  sk: sock_common,
  list: hlist_nulls_head<sock_common>,
): void {
  hlist_nulls_add_head_rcu(sk.skc_nulls_node, list);
}

export function __sk_nulls_del_node_init_rcu(sk: sock_common): boolean {
  if (hlist_nulls_unhashed(sk.skc_nulls_node)) return false;
  hlist_nulls_del_init_rcu(sk.skc_nulls_node);
  return true;
}

/** Takes sk out of ehash and drops the table's reference; false where it was in none. */
export function sk_nulls_del_node_init_rcu(sk: sock_common): boolean {
  const rc = __sk_nulls_del_node_init_rcu(sk);
  if (rc) __sock_put(sk);
  return rc;
}

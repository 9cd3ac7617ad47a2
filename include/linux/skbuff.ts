// SPDX-License-Identifier: GPL-2.0-only
//
// sk_buff: one packet. `head` is the buffer that holds headers (and received payload); `data`,
// `tail` and `end` are offsets into it; more payload hangs in skb_shinfo(skb).frags. A clone shares
// head and shared info with its original (shinfo.dataref). sk_buffs come from a free list of
// net/core/skbuff.ts, with their control blocks and header overlays made once.
//
// Here stand the types and the inlines that free nothing; what allocates, copies or frees is in
// net/core/skbuff.ts.

import type { net_device } from "./netdevice.ts";
import type { dst_entry } from "../net/dst.ts";
import type { sock } from "../net/sock.ts";
import { arphdr } from "../uapi/linux/if_arp.ts";
import { ethhdr } from "../uapi/linux/if_ether.ts";
import { icmphdr } from "../uapi/linux/icmp.ts";
import { iphdr } from "../uapi/linux/ip.ts";
import { tcphdr } from "../uapi/linux/tcp.ts";
import { udphdr } from "../uapi/linux/udp.ts";
import type { sock_exterr_skb } from "./errqueue.ts";
import type { page } from "./mm_types.ts";
import { rb_node } from "./rbtree.ts";
import { ktime_get_ns } from "./timekeeping.ts";

/** Checksum not looked at (in); already complete (out). */
export const CHECKSUM_NONE = 0;
/** The device found the checksum good. */
export const CHECKSUM_UNNECESSARY = 1;
/** skb.csum sums the whole packet. */
export const CHECKSUM_COMPLETE = 2;
/** The checksum from csum_start on is to be stored at csum_start + csum_offset. */
export const CHECKSUM_PARTIAL = 3;

export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
export const PACKET_LOOPBACK = 5;

export const MAX_SKB_FRAGS = 17;
export const SMP_CACHE_BYTES = 64;
export const PAGE_SIZE = 4096;
export const NET_IP_ALIGN = 2;
export const NET_SKB_PAD = 64;

/** Rounds a length up to a cache line, bytes. */
export function SKB_DATA_ALIGN(x: number): number {
  return (x + (SMP_CACHE_BYTES - 1)) & ~(SMP_CACHE_BYTES - 1);
}

/** What the struct costs in a kernel's accounting, aligned, bytes. */
export const SKB_OVERHEAD_SKB = 256;
export const SKB_OVERHEAD_SHINFO = 320;

/** Data bytes of a head of x bytes. */
export function SKB_WITH_OVERHEAD(x: number): number {
  return x - SKB_OVERHEAD_SHINFO;
}

/** Memory that an skb of x bytes of head is charged for, bytes. */
export function SKB_TRUESIZE(x: number): number {
  return x + SKB_OVERHEAD_SKB + SKB_OVERHEAD_SHINFO;
}

export const SKB_GSO_TCPV4 = 1 << 0;
export const SKB_GSO_DODGY = 1 << 1;
export const SKB_GSO_TCP_ECN = 1 << 2;
export const SKB_GSO_TCP_FIXEDID = 1 << 3;
export const SKB_GSO_UDP_L4 = 1 << 17;

export const SKBTX_HW_TSTAMP = 1 << 0;
export const SKBTX_SW_TSTAMP = 1 << 1;
export const SKBTX_IN_PROGRESS = 1 << 2;
export const SKBTX_SCHED_TSTAMP = 1 << 6;
export const SKBTX_ANY_SW_TSTAMP = SKBTX_SW_TSTAMP | SKBTX_SCHED_TSTAMP;
export const SKBTX_ANY_TSTAMP = SKBTX_HW_TSTAMP | SKBTX_ANY_SW_TSTAMP;

/** shinfo.flags: destructor_arg is the ubuf_info of a zero-copy send; frags may change under us. */
export const SKBFL_ZEROCOPY_ENABLE = 1 << 0;
export const SKBFL_SHARED_FRAG = 1 << 1;
export const SKBFL_PURE_ZEROCOPY = 1 << 2;
export const SKBFL_ZEROCOPY_FRAG = SKBFL_ZEROCOPY_ENABLE | SKBFL_SHARED_FRAG;
export const SKBFL_ALL_ZEROCOPY = SKBFL_ZEROCOPY_FRAG | SKBFL_PURE_ZEROCOPY;

/** A piece of payload: `size` bytes at `off` of a page. */
export class skb_frag_t {
  bv_page: page;
  bv_offset: number;
  bv_len: number;

  constructor(p: page, off: number, len: number) {
    this.bv_page = p;
    this.bv_offset = off;
    this.bv_len = len;
  }
}

/** Completion of a zero-copy send, shared by the skbs that carry its bytes. */
export interface ubuf_info {
  /** Called when the last user is gone; `zerocopy` false if the data was copied after all. */
  callback(skb: sk_buff | null, uarg: ubuf_info, zerocopy: boolean): void;
  refcnt: number;
}

/** What all clones of a packet share beside its head. */
export class skb_shared_info {
  /** skbs that share head and frags; the upper half counts those without header rights. */
  dataref = 1;
  nr_frags = 0;
  /** Only the first nr_frags are in use; the objects stay for reuse. */
  readonly frags: skb_frag_t[] = [];
  frag_list: sk_buff | null = null;
  gso_size = 0;
  gso_segs = 0;
  gso_type = 0;
  tx_flags = 0;
  tskey = 0;
  destructor_arg: ubuf_info | null = null;
  /** Head is on loan to frags of other skbs (coalescing): it may not be reused in place. */
  flags = 0;
}

/** TCP's control block. Times of transmission in us, `delivered*` in packets. */
export class tcp_skb_cb {
  /** First sequence number (int32). */
  seq = 0;
  /** One past the last, SYN and FIN counted. */
  end_seq = 0;
  /** tcp_gso_segs and tcp_gso_size: the packet's segments, and their size. */
  tcp_gso_segs = 0;
  tcp_gso_size = 0;
  /** TCPHDR_* */
  tcp_flags = 0;
  /** TCPCB_* */
  sacked = 0;
  ip_dsfield = 0;
  /** Timestamp to be taken at ACK. */
  txstamp_ack = false;
  /** ISN for the SYN+ACK to a SYN that took over a TIME_WAIT socket's place; 0 none. */
  tcp_tw_isn = 0;
  /** MSG_EOR: nothing may be appended. */
  eor = false;
  has_rxtstamp = false;
  ack_seq = 0;
  /** tx: rate sample, see net/ipv4/tcp_rate.ts. */
  is_app_limited = false;
  delivered_ce = 0;
  delivered = 0;
  first_tx_mstamp = 0;
  delivered_mstamp = 0;
  in_flight = 0;
}

/** IP's control block. */
export class inet_skb_parm {
  iif = 0;
  /** IPSKB_* */
  flags = 0;
  frag_max_size = 0;
  /** IP_PKTINFO: the address that an answer comes from; set by ipv4_pktinfo_prepare(). */
  ipi_spec_dst = 0;
  /** IP options of the packet. */
  opt: ip_options = new ip_options();
}

export const IPSKB_FORWARDED = 1 << 0;
export const IPSKB_XFRM_TUNNEL_SIZE = 1 << 1;
export const IPSKB_XFRM_TRANSFORMED = 1 << 2;
export const IPSKB_FRAG_COMPLETE = 1 << 3;
export const IPSKB_REROUTED = 1 << 4;
export const IPSKB_DOREDIRECT = 1 << 5;
export const IPSKB_FRAG_PMTU = 1 << 6;

/** Parsed IP options. Offsets count from the start of the IP header, 0 where there is none. */
export class ip_options {
  faddr = 0;
  nexthop = 0;
  optlen = 0;
  srr = 0;
  rr = 0;
  ts = 0;
  is_strictroute = false;
  srr_is_hit = false;
  is_changed = false;
  rr_needaddr = false;
  ts_needtime = false;
  ts_needaddr = false;
  router_alert = 0;
  cipso = 0;
  /** The option bytes, where they don't stand in a packet (of a socket or a reply). */
  __data: Uint8Array | null = null;
}

/** GRO's control block. */
export class napi_gro_cb {
  data_offset = 0;
  /** The merge must end with this packet. */
  flush = 0;
  flush_id = 0;
  count = 0;
  same_flow = false;
  free = 0;
  /** Last skb of the frag_list, or the head itself. */
  last: sk_buff | null = null;
  age = 0;
  is_atomic = false;
  csum_valid = false;
  csum_cnt = 0;
  /** Of the data from data_offset on, while csum_valid. */
  csum = 0;
  network_offset = 0;
  proto = 0;
}

/** A packet. */
export class sk_buff {
  next: sk_buff | null = null;
  prev: sk_buff | null = null;
  /** In TCP's retransmit queue or out-of-order queue. */
  readonly rbnode: rb_node<sk_buff>;
  sk: sock | null = null;
  dev: net_device | null = null;
  _skb_refdst: dst_entry | null = null;
  destructor: ((skb: sk_buff) => void) | null = null;
  /** TCP's list by time of (re)transmission: tcp_tsorted_anchor. */
  tsorted_next: sk_buff | null = null;
  tsorted_prev: sk_buff | null = null;
  tsorted_linked = false;

  /** Bytes of the packet from data on, frags included. */
  len = 0;
  /** Of these, the bytes in frags. */
  data_len = 0;
  mac_len = 0;
  hdr_len = 0;

  head!: page;
  shinfo!: skb_shared_info;
  data = 0;
  tail = 0;
  end = 0;
  truesize = 0;
  users = 1;

  cloned = false;
  nohdr = false;
  /** SKB_FCLONE_* */
  fclone = 0;
  /** The clone of a SKB_FCLONE_ORIG while it is alive, and the original of that clone. */
  fclones: sk_buff | null = null;
  peeked = false;
  pfmemalloc = false;
  pkt_type = 0;
  ip_summed = 0;
  csum_valid = false;
  csum_complete_sw = false;
  csum_level = 0;
  csum = 0;
  /** Offsets: from head; from csum_start. */
  csum_start = 0;
  csum_offset = 0;
  ooo_okay = false;
  l4_hash = false;
  sw_hash = false;
  ignore_df = false;
  ndisc_nodetype = 0;
  dst_pending_confirm = false;
  wifi_acked_valid = false;
  redirected = false;
  hash = 0;
  priority = 0;
  mark = 0;
  skb_iif = 0;
  /** ETH_P_* */
  protocol = 0;
  /** Offsets from head; -1 when not set. */
  transport_header = -1;
  network_header = 0;
  mac_header = -1;
  /** Arrival or departure time, ns; 0 when not stamped. */
  tstamp = 0;
  /** TCP: time of transmission, ns. */
  skb_mstamp_ns = 0;
  mono_delivery_time = false;
  napi_id = 0;

  readonly tcp_cb = new tcp_skb_cb();
  readonly inet_cb = new inet_skb_parm();
  readonly gro_cb = new napi_gro_cb();
  /** Control block of a packet in a socket's error queue. */
  err_cb: sock_exterr_skb | null = null;

  /** Header overlays, made at first use and kept: see tcp_hdr(), ip_hdr(), … */
  h_tcp: tcphdr | null = null;
  h_ip: iphdr | null = null;
  h_udp: udphdr | null = null;
  h_icmp: icmphdr | null = null;
  h_eth: ethhdr | null = null;
  h_arp: arphdr | null = null;

  constructor() {
    this.rbnode = new rb_node<sk_buff>(this);
  }
}

export const SKB_FCLONE_UNAVAILABLE = 0;
export const SKB_FCLONE_ORIG = 1;
export const SKB_FCLONE_CLONE = 2;

/** Head of a doubly linked list of skbs; ends are null. */
export class sk_buff_head {
  next: sk_buff | null = null;
  prev: sk_buff | null = null;
  qlen = 0;
}

/** The control block of TCP, of IP, and of GRO. */
export function TCP_SKB_CB(skb: sk_buff): tcp_skb_cb {
  return skb.tcp_cb;
}
export function IPCB(skb: sk_buff): inet_skb_parm {
  return skb.inet_cb;
}
export function NAPI_GRO_CB(skb: sk_buff): napi_gro_cb {
  return skb.gro_cb;
}

export function skb_shinfo(skb: sk_buff): skb_shared_info {
  return skb.shinfo;
}

/** Bytes in the head. */
export function skb_headlen(skb: sk_buff): number {
  return skb.len - skb.data_len;
}

export function skb_is_nonlinear(skb: sk_buff): boolean {
  return skb.data_len !== 0;
}

/** Bytes of head before data. */
export function skb_headroom(skb: sk_buff): number {
  return skb.data;
}

/** Bytes of head after tail; none once there are frags. */
export function skb_tailroom(skb: sk_buff): number {
  return skb.data_len !== 0 ? 0 : skb.end - skb.tail;
}

/** Bytes that may be appended to the head without passing its reserved end. */
export function skb_availroom(skb: sk_buff): number {
  return skb_tailroom(skb);
}

/** Moves data and tail of an empty skb, to leave room for headers. */
export function skb_reserve(skb: sk_buff, len: number): void {
  skb.data += len;
  skb.tail += len;
}

export function skb_tail_pointer(skb: sk_buff): number {
  return skb.tail;
}

export function skb_reset_tail_pointer(skb: sk_buff): void {
  skb.tail = skb.data;
}

export function skb_reset_transport_header(skb: sk_buff): void {
  skb.transport_header = skb.data;
}

export function skb_set_transport_header(skb: sk_buff, offset: number): void {
  skb.transport_header = skb.data + offset;
}

export function skb_transport_header_was_set(skb: sk_buff): boolean {
  return skb.transport_header >= 0;
}

/** The transport header's offset from data, negative once pulled. */
export function skb_transport_offset(skb: sk_buff): number {
  return skb.transport_header - skb.data;
}

export function skb_reset_network_header(skb: sk_buff): void {
  skb.network_header = skb.data;
}

export function skb_set_network_header(skb: sk_buff, offset: number): void {
  skb.network_header = skb.data + offset;
}

export function skb_network_offset(skb: sk_buff): number {
  return skb.network_header - skb.data;
}

export function skb_network_header_len(skb: sk_buff): number {
  return skb.transport_header - skb.network_header;
}

export function skb_reset_mac_header(skb: sk_buff): void {
  skb.mac_header = skb.data;
}

export function skb_set_mac_header(skb: sk_buff, offset: number): void {
  skb.mac_header = skb.data + offset;
}

export function skb_mac_header_was_set(skb: sk_buff): boolean {
  return skb.mac_header >= 0;
}

export function skb_reset_mac_len(skb: sk_buff): void {
  skb.mac_len = skb.network_header - skb.mac_header;
}

/** The Ethernet header, at mac_header. */
export function eth_hdr(skb: sk_buff): ethhdr {
  const h = skb.h_eth ??= new ethhdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.off = skb.mac_header;
  return h;
}

/** The IPv4 header, at network_header. */
export function ip_hdr(skb: sk_buff): iphdr {
  const h = skb.h_ip ??= new iphdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.u8 = skb.head.u8;
  h.off = skb.network_header;
  return h;
}

/** IPv4 header length, bytes. */
export function ip_hdrlen(skb: sk_buff): number {
  return (skb.head.u8[skb.network_header] & 15) << 2;
}

/** The TCP header, at transport_header. */
export function tcp_hdr(skb: sk_buff): tcphdr {
  const h = skb.h_tcp ??= new tcphdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.off = skb.transport_header;
  return h;
}

/** The UDP header, at transport_header. */
export function udp_hdr(skb: sk_buff): udphdr {
  const h = skb.h_udp ??= new udphdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.off = skb.transport_header;
  return h;
}

/** The ICMP header, at transport_header. */
export function icmp_hdr(skb: sk_buff): icmphdr {
  const h = skb.h_icmp ??= new icmphdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.off = skb.transport_header;
  return h;
}

/** A clone or a copied header shares the data: don't write to it. */
export function skb_cloned(skb: sk_buff): boolean {
  return skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1;
}

/** Like skb_cloned(), but a clone that gave up its right to the headers does not count. */
export function skb_header_cloned(skb: sk_buff): boolean {
  if (!skb.cloned) return false;
  const dataref = skb.shinfo.dataref;
  return (dataref & 0xffff) - (dataref >> 16) !== 1;
}

/** More than one reference to the sk_buff itself. */
export function skb_shared(skb: sk_buff): boolean {
  return skb.users !== 1;
}

/** Takes one more reference to the sk_buff. */
export function skb_get(skb: sk_buff): sk_buff {
  skb.users++;
  return skb;
}

/** Takes the skb from its socket: the destructor gives the memory back. */
export function skb_orphan(skb: sk_buff): void {
  const destructor = skb.destructor;
  if (destructor !== null) {
    destructor(skb);
    skb.destructor = null;
    skb.sk = null;
  }
}

export function skb_is_gso(skb: sk_buff): boolean {
  return skb.shinfo.gso_size !== 0;
}

export function skb_gso_reset(skb: sk_buff): void {
  const si = skb.shinfo;
  si.gso_size = 0;
  si.gso_segs = 0;
  si.gso_type = 0;
}

export function skb_dst(skb: sk_buff): dst_entry | null {
  return skb._skb_refdst;
}

export function skb_dst_set(skb: sk_buff, dst: dst_entry | null): void {
  skb._skb_refdst = dst;
}

export function skb_dst_drop(skb: sk_buff): void {
  skb._skb_refdst = null;
}

export function skb_csum_unnecessary(skb: sk_buff): boolean {
  return skb.ip_summed === CHECKSUM_UNNECESSARY || skb.csum_valid ||
    (skb.ip_summed === CHECKSUM_PARTIAL && skb.csum_start - skb.data >= 0);
}

/** Offset of the checksummed part from data. */
export function skb_checksum_start_offset(skb: sk_buff): number {
  return skb.csum_start - skb.data;
}

/** Sets when the packet is to leave, ns; mono: on the monotonic clock. */
export function skb_set_delivery_time(skb: sk_buff, kt: number, mono: boolean): void {
  skb.tstamp = kt;
  skb.skb_mstamp_ns = kt;
  skb.mono_delivery_time = kt !== 0 && mono;
}

/** A hash of the packet's flow; 0 when unknown. */
export function skb_get_hash_raw(skb: sk_buff): number {
  return skb.hash;
}

/** Stamps the departure time with the clock's reading, ns. */
export function skb_mstamp_get(skb: sk_buff): number {
  skb.skb_mstamp_ns = ktime_get_ns();
  return skb.skb_mstamp_ns;
}

/** Microseconds from t0 to t1 (both us), not negative. */
export function skb_mstamp_us_delta(t1: number, t0: number): number {
  return t1 > t0 ? t1 - t0 : 0;
}

export function skb_queue_head_init(list: sk_buff_head): void {
  list.next = null;
  list.prev = null;
  list.qlen = 0;
}

export function skb_queue_empty(list: sk_buff_head): boolean {
  return list.next === null;
}

export function skb_queue_len(list: sk_buff_head): number {
  return list.qlen;
}

/** First skb of the list, or null. */
export function skb_peek(list: sk_buff_head): sk_buff | null {
  return list.next;
}

/** Last skb of the list, or null. */
export function skb_peek_tail(list: sk_buff_head): sk_buff | null {
  return list.prev;
}

export function skb_queue_is_last(list: sk_buff_head, skb: sk_buff): boolean {
  return list.prev === skb;
}

export function skb_queue_is_first(list: sk_buff_head, skb: sk_buff): boolean {
  return list.next === skb;
}

/** The skb after this one in its list; only where skb is not the last. */
export function skb_queue_next(_list: sk_buff_head, skb: sk_buff): sk_buff {
  return skb.next!;
}

export function skb_queue_prev(_list: sk_buff_head, skb: sk_buff): sk_buff {
  return skb.prev!;
}

/** Puts newsk behind prev (null: at the head). */
export function __skb_queue_after(
  list: sk_buff_head,
  prev: sk_buff | null,
  newsk: sk_buff,
): void {
  const next = prev === null ? list.next : prev.next;
  newsk.prev = prev;
  newsk.next = next;
  if (prev === null) list.next = newsk;
  else prev.next = newsk;
  if (next === null) list.prev = newsk;
  else next.prev = newsk;
  list.qlen++;
}

export function __skb_queue_head(list: sk_buff_head, newsk: sk_buff): void {
  __skb_queue_after(list, null, newsk);
}

export function __skb_queue_tail(list: sk_buff_head, newsk: sk_buff): void {
  __skb_queue_after(list, list.prev, newsk);
}

/** Puts newsk before next. */
export function __skb_queue_before(list: sk_buff_head, next: sk_buff, newsk: sk_buff): void {
  __skb_queue_after(list, next.prev, newsk);
}

export function __skb_unlink(skb: sk_buff, list: sk_buff_head): void {
  const { next, prev } = skb;
  list.qlen--;
  skb.next = null;
  skb.prev = null;
  if (next === null) list.prev = prev;
  else next.prev = prev;
  if (prev === null) list.next = next;
  else prev.next = next;
}

/** Takes the first skb off the list; null when there is none. */
export function __skb_dequeue(list: sk_buff_head): sk_buff | null {
  const skb = list.next;
  if (skb !== null) __skb_unlink(skb, list);
  return skb;
}

export function __skb_dequeue_tail(list: sk_buff_head): sk_buff | null {
  const skb = list.prev;
  if (skb !== null) __skb_unlink(skb, list);
  return skb;
}

/** Appends all of `list` to `head` and empties `list`. */
export function skb_queue_splice_tail_init(list: sk_buff_head, head: sk_buff_head): void {
  if (list.next === null) return;
  const last = head.prev;
  list.next.prev = last;
  if (last === null) head.next = list.next;
  else last.next = list.next;
  head.prev = list.prev;
  head.qlen += list.qlen;
  skb_queue_head_init(list);
}

export function skb_frag_size(frag: skb_frag_t): number {
  return frag.bv_len;
}
export function skb_frag_off(frag: skb_frag_t): number {
  return frag.bv_offset;
}
export function skb_frag_page(frag: skb_frag_t): page {
  return frag.bv_page;
}
export function skb_frag_size_sub(frag: skb_frag_t, delta: number): void {
  frag.bv_len -= delta;
}
export function skb_frag_off_add(frag: skb_frag_t, delta: number): void {
  frag.bv_offset += delta;
}

/** Writes frag i; its page reference is the caller's. Existing frag objects are reused. */
export function __skb_fill_page_desc(
  skb: sk_buff,
  i: number,
  p: page,
  off: number,
  size: number,
): void {
  const frags = skb.shinfo.frags;
  if (i < frags.length) {
    const frag = frags[i];
    frag.bv_page = p;
    frag.bv_offset = off;
    frag.bv_len = size;
  } else {
    frags.push(new skb_frag_t(p, off, size));
  }
}

export function skb_fill_page_desc(
  skb: sk_buff,
  i: number,
  p: page,
  off: number,
  size: number,
): void {
  __skb_fill_page_desc(skb, i, p, off, size);
  skb.shinfo.nr_frags = i + 1;
}

/** Whether off continues frag i - 1, so that bytes may be appended to it. */
export function skb_can_coalesce(skb: sk_buff, i: number, p: page, off: number): boolean {
  if (i === 0) return false;
  const frag = skb.shinfo.frags[i - 1];
  return p === frag.bv_page && off === frag.bv_offset + frag.bv_len;
}

/** The ARP header, at network_header. */
export function arp_hdr(skb: sk_buff): arphdr {
  const h = skb.h_arp ??= new arphdr(skb.head.dv, 0);
  h.dv = skb.head.dv;
  h.off = skb.network_header;
  return h;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Making, copying, cutting, joining and freeing packets. sk_buffs and their shared infos come from
// free lists, heads from mm/page_alloc.ts, so that a packet costs no allocation. Whoever makes or takes
// an skb ends it once: consume_skb() for its normal end, kfree_skb_reason() for a drop. A head or a
// fragment is memory of a page with references: payload goes from packet to packet uncopied.
//
// A freed sk_buff has users 0 and an empty head, so that using it further throws.

import { EINVAL, EMSGSIZE, ENOMEM } from "../../include/uapi/asm-generic/errno.ts";
import { ERR_PTR } from "../../include/linux/err.ts";
import {
  SCM_TSTAMP_SND,
  SKB_EXT_ERR,
  SO_EE_ORIGIN_TIMESTAMPING,
} from "../../include/linux/errqueue.ts";
import type { bio_vec } from "../../include/linux/bvec.ts";
import { get_page, page } from "../../include/linux/mm_types.ts";
import { NETIF_F_HW_CSUM, NETIF_F_IP_CSUM } from "../../include/linux/netdevice.ts";
import { NETIF_F_SG } from "../../include/linux/netdevice.ts";
import type { napi_struct, net_device } from "../../include/linux/netdevice.ts";
import type { pipe_inode_info } from "../../include/linux/pipe_fs_i.ts";
import { RB_CLEAR_NODE } from "../../include/linux/rbtree.ts";
import type { rb_node, rb_root } from "../../include/linux/rbtree.ts";
import {
  __skb_dequeue,
  __skb_dequeue_tail,
  __skb_fill_page_desc,
  __skb_queue_after,
  __skb_queue_head,
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  ip_hdr,
  MAX_SKB_FRAGS,
  NET_IP_ALIGN,
  NET_SKB_PAD,
  PACKET_HOST,
  PAGE_SIZE,
  sk_buff,
  sk_buff_head,
  SKB_DATA_ALIGN,
  SKB_FCLONE_CLONE,
  SKB_FCLONE_ORIG,
  SKB_FCLONE_UNAVAILABLE,
  skb_fill_page_desc,
  skb_frag_t,
  SKB_GSO_TCPV4,
  SKB_GSO_UDP_L4,
  skb_headlen,
  skb_orphan,
  SKB_OVERHEAD_SHINFO,
  SKB_OVERHEAD_SKB,
  skb_shared_info,
  skb_tailroom,
  SKB_TRUESIZE,
  SKBFL_ALL_ZEROCOPY,
  SKBFL_PURE_ZEROCOPY,
  SKBFL_SHARED_FRAG,
  SKBFL_ZEROCOPY_ENABLE,
  SKBFL_ZEROCOPY_FRAG,
  tcp_hdr,
} from "../../include/linux/skbuff.ts";
import type { ip_options, ubuf_info } from "../../include/linux/skbuff.ts";
import type { splice_pipe_desc } from "../../include/linux/splice.ts";
import { ktime_get_real } from "../../include/linux/timekeeping.ts";
import { iov_iter_advance, next_iovec } from "../../include/linux/uio.ts";
import type { iov_iter } from "../../include/linux/uio.ts";
import { skb_can_coalesce } from "../../include/linux/skbuff.ts";
import {
  SKB_CONSUMED,
  SKB_DROP_REASON_NOT_SPECIFIED,
  SKB_DROP_REASON_QUEUE_PURGE,
  SKB_DROP_REASON_SOCKET_RCVBUFF,
} from "../../include/net/dropreason.ts";
import { SOCK_DEAD, sock_flag } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  trace_consume_skb,
  trace_consume_skb_enabled,
  trace_kfree_skb,
  trace_kfree_skb_enabled,
} from "../../include/trace/events/skb.ts";
import { splice_to_pipe } from "../../fs/splice.ts";
import {
  csum_add,
  csum_block_add,
  csum_block_sub,
  csum_fold,
  csum_partial,
  csum_partial_copy,
  csum_tcpudp_nofold,
} from "../../lib/checksum.ts";
import { rb_erase, rb_first, rb_last, rb_next, rb_prev } from "../../lib/rbtree.ts";
import { alloc_pages, put_page } from "../../mm/page_alloc.ts";

/** Heads above this come without a class of their own. */
const KMALLOC_MAX = 65536;
/** mm/page_alloc.ts's largest class: 64 KiB of packet and its headers. */
const PAGE_MAX = 67584;

/** What a freed sk_buff points to: no byte of it can be read. */
const free_head = new page(new Uint8Array(0), -2);
const free_shinfo = new skb_shared_info();

/** Free sk_buffs, linked by next; free shared infos. */
let skbuff_cache: sk_buff | null = null;
const shinfo_cache: skb_shared_info[] = [];
let nr_shinfo_free = 0;
let nr_skbs = 0;
let nr_skb_bugs = 0;

/** Where each live skb was made, while skb_debug() is on. */
let skb_owners: Map<sk_buff, string> | null = null;

/** sk_buffs in use. @local */
export function nr_skbs_alive(): number {
  return nr_skbs;
}

/** Frees of skbs that were free already. @local */
export function nr_skb_double_frees(): number {
  return nr_skb_bugs;
}

/** Remembers (or stops to) the call stack that made each skb, for skb_leaks(). Slow. @local */
export function skb_debug(on: boolean): void {
  skb_owners = on ? new Map() : null;
}

/** Call stacks that made the skbs still alive, with how many of each. @local */
export function skb_leaks(): string[] {
  const count = new Map<string, number>();
  for (const where of skb_owners?.values() ?? []) count.set(where, (count.get(where) ?? 0) + 1);
  return [...count].map(([where, n]) => `${n} from\n${where.replace(/^Error\n/, "")}`);
}

/** Fresh counters for a machine that boots. */
export function skb_init(): void {
  nr_skbs = 0;
  nr_skb_bugs = 0;
  skb_owners?.clear();
}

function ip_options_clear(opt: ip_options): void {
  opt.faddr = 0;
  opt.nexthop = 0;
  opt.optlen = 0;
  opt.srr = 0;
  opt.rr = 0;
  opt.ts = 0;
  opt.is_strictroute = false;
  opt.srr_is_hit = false;
  opt.is_changed = false;
  opt.rr_needaddr = false;
  opt.ts_needtime = false;
  opt.ts_needaddr = false;
  opt.router_alert = 0;
  opt.cipso = 0;
  opt.__data = null;
}

/** Makes IP's control block as new. @local */
export function inet_skb_parm_clear(skb: sk_buff): void {
  const cb = skb.inet_cb;
  cb.iif = 0;
  cb.flags = 0;
  cb.frag_max_size = 0;
  const opt = cb.opt;
  if ((opt.optlen | opt.srr | opt.rr | opt.ts | opt.router_alert | opt.cipso) !== 0) {
    ip_options_clear(opt);
  } else {
    opt.__data = null;
  }
}

function tcp_skb_cb_clear(skb: sk_buff): void {
  const cb = skb.tcp_cb;
  cb.seq = 0;
  cb.end_seq = 0;
  cb.tcp_gso_segs = 0;
  cb.tcp_gso_size = 0;
  cb.tcp_flags = 0;
  cb.sacked = 0;
  cb.ip_dsfield = 0;
  cb.txstamp_ack = false;
  cb.eor = false;
  cb.has_rxtstamp = false;
  cb.ack_seq = 0;
  cb.is_app_limited = false;
  cb.delivered_ce = 0;
  cb.delivered = 0;
  cb.first_tx_mstamp = 0;
  cb.delivered_mstamp = 0;
  cb.in_flight = 0;
}

function gro_cb_clear(skb: sk_buff): void {
  const cb = skb.gro_cb;
  cb.data_offset = 0;
  cb.flush = 0;
  cb.flush_id = 0;
  cb.count = 0;
  cb.same_flow = false;
  cb.free = 0;
  cb.last = null;
  cb.age = 0;
  cb.is_atomic = false;
  cb.csum_valid = false;
  cb.csum_cnt = 0;
  cb.network_offset = 0;
  cb.proto = 0;
}

/** Takes an sk_buff off the free list, as it came; the caller sets every field. */
function kmem_cache_alloc(): sk_buff {
  let skb = skbuff_cache;
  if (skb === null) {
    skb = new sk_buff();
    skb.users = 0;
  } else {
    skbuff_cache = skb.next;
    if (skb.users !== 0) throw new Error("a free sk_buff was used");
  }
  nr_skbs++;
  if (skb_owners !== null) skb_owners.set(skb, new Error().stack ?? "");
  skb.next = null;
  skb.users = 1;
  return skb;
}

/** Gives an sk_buff back; its data are released. */
function kfree_skbmem(skb: sk_buff): void {
  const pair = skb.fclones;
  if (pair !== null) {
    pair.fclones = null;
    skb.fclones = null;
  }
  skb.users = 0;
  skb.head = free_head;
  skb.shinfo = free_shinfo;
  skb.dev = null;
  skb.prev = null;
  skb.gro_cb.last = null;
  skb.next = skbuff_cache;
  skbuff_cache = skb;
  nr_skbs--;
  if (skb_owners !== null) skb_owners.delete(skb);
}

function alloc_shinfo(): skb_shared_info {
  if (nr_shinfo_free === 0) return new skb_shared_info();
  const si = shinfo_cache[--nr_shinfo_free];
  si.dataref = 1;
  si.nr_frags = 0;
  si.frag_list = null;
  si.gso_size = 0;
  si.gso_segs = 0;
  si.gso_type = 0;
  si.tx_flags = 0;
  si.tskey = 0;
  si.destructor_arg = null;
  si.flags = 0;
  return si;
}

function free_shinfo_to_cache(si: skb_shared_info): void {
  if (nr_shinfo_free < shinfo_cache.length) shinfo_cache[nr_shinfo_free++] = si;
  else {
    shinfo_cache.push(si);
    nr_shinfo_free++;
  }
}

/** Fields of an empty packet over `head`; truesize is `size` bytes of head and the structs. */
function __build_skb_around(skb: sk_buff, head: page, end: number): void {
  skb.prev = null;
  RB_CLEAR_NODE(skb.rbnode);
  skb.sk = null;
  skb.dev = null;
  skb._skb_refdst = null;
  skb.destructor = null;
  skb.tsorted_next = null;
  skb.tsorted_prev = null;
  skb.tsorted_linked = false;
  skb.len = 0;
  skb.data_len = 0;
  skb.mac_len = 0;
  skb.hdr_len = 0;
  skb.head = head;
  skb.shinfo = alloc_shinfo();
  skb.data = 0;
  skb.tail = 0;
  skb.end = end;
  skb.truesize = SKB_TRUESIZE(end);
  skb.cloned = false;
  skb.nohdr = false;
  skb.fclone = SKB_FCLONE_UNAVAILABLE;
  skb.fclones = null;
  skb.peeked = false;
  skb.pfmemalloc = false;
  skb.pkt_type = PACKET_HOST;
  skb.ip_summed = CHECKSUM_NONE;
  skb.csum_valid = false;
  skb.csum_complete_sw = false;
  skb.csum_level = 0;
  skb.csum = 0;
  skb.csum_start = 0;
  skb.csum_offset = 0;
  skb.ooo_okay = false;
  skb.l4_hash = false;
  skb.sw_hash = false;
  skb.ignore_df = false;
  skb.ndisc_nodetype = 0;
  skb.dst_pending_confirm = false;
  skb.wifi_acked_valid = false;
  skb.redirected = false;
  skb.hash = 0;
  skb.priority = 0;
  skb.mark = 0;
  skb.skb_iif = 0;
  skb.protocol = 0;
  skb.transport_header = -1;
  skb.network_header = 0;
  skb.mac_header = -1;
  skb.tstamp = 0;
  skb.skb_mstamp_ns = 0;
  skb.mono_delivery_time = false;
  skb.napi_id = 0;
  skb.err_cb = null;
  inet_skb_parm_clear(skb);
  tcp_skb_cb_clear(skb);
  gro_cb_clear(skb);
}

/** Bytes of head that a kernel's allocator gives for `size` bytes of data: the rest of its class. */
function skb_head_size(size: number): number {
  const need = SKB_DATA_ALIGN(size) + SKB_OVERHEAD_SHINFO;
  if (need <= 512) return 512 - SKB_OVERHEAD_SHINFO;
  if (need <= KMALLOC_MAX) return (1 << (32 - Math.clz32(need - 1))) - SKB_OVERHEAD_SHINFO;
  if (need <= PAGE_MAX + SKB_OVERHEAD_SHINFO) return PAGE_MAX;
  return need - SKB_OVERHEAD_SHINFO;
}

export const SKB_ALLOC_FCLONE = 0x01;

/** An empty skb with room for `size` bytes. */
export function __alloc_skb(size: number, flags: number): sk_buff {
  const end = skb_head_size(size);
  const skb = kmem_cache_alloc();
  __build_skb_around(skb, alloc_pages(end), end);
  if ((flags & SKB_ALLOC_FCLONE) !== 0) skb.fclone = SKB_FCLONE_ORIG;
  return skb;
}

/** An empty skb with room for `size` bytes. */
export function alloc_skb(size: number): sk_buff {
  return __alloc_skb(size, 0);
}

/** As alloc_skb(), for one that will be cloned once at a time: skb_fclone_busy() knows its clone. */
export function alloc_skb_fclone(size: number): sk_buff {
  return __alloc_skb(size, SKB_ALLOC_FCLONE);
}

/** An skb with headroom for a header and up to `len` bytes received from dev. */
export function netdev_alloc_skb(dev: net_device | null, len: number): sk_buff {
  return __netdev_alloc_skb(dev, len);
}

export function __netdev_alloc_skb(dev: net_device | null, len: number): sk_buff {
  const need = SKB_DATA_ALIGN(len + NET_SKB_PAD);
  let skb: sk_buff;
  if (need <= 1024 - SKB_OVERHEAD_SHINFO || need > PAGE_SIZE - SKB_OVERHEAD_SHINFO) {
    skb = __alloc_skb(len + NET_SKB_PAD, 0);
  } else {
    skb = kmem_cache_alloc();
    __build_skb_around(skb, alloc_pages(need), need);
  }
  skb.data = NET_SKB_PAD;
  skb.tail = NET_SKB_PAD;
  skb.dev = dev;
  return skb;
}

/** As netdev_alloc_skb(), with the IP header behind an Ethernet header aligned. */
export function netdev_alloc_skb_ip_align(dev: net_device | null, len: number): sk_buff {
  const skb = __netdev_alloc_skb(dev, len + NET_IP_ALIGN);
  skb.data += NET_IP_ALIGN;
  skb.tail += NET_IP_ALIGN;
  return skb;
}

export function napi_alloc_skb(napi: napi_struct, len: number): sk_buff {
  return netdev_alloc_skb_ip_align(napi.dev, len);
}

export function dev_alloc_skb(len: number): sk_buff {
  return __netdev_alloc_skb(null, len);
}

/**
 * An empty skb whose head is `data`, from its first byte to its last; takes over the reference.
 * @differs a page has its size, so C's frag_size is not needed
 */
export function build_skb(data: page): sk_buff {
  const skb = kmem_cache_alloc();
  const end = data.u8.length;
  __build_skb_around(skb, data, end);
  skb.truesize = end + SKB_OVERHEAD_SKB;
  return skb;
}

export function napi_build_skb(data: page): sk_buff {
  return build_skb(data);
}

/** Frees a list linked by next. */
export function kfree_skb_list_reason(segs: sk_buff | null, reason: number): void {
  while (segs !== null) {
    const next: sk_buff | null = segs.next;
    segs.next = null;
    segs.prev = null;
    kfree_skb_reason(segs, reason);
    segs = next;
  }
}

export function kfree_skb_list(segs: sk_buff | null): void {
  kfree_skb_list_reason(segs, SKB_DROP_REASON_NOT_SPECIFIED);
}

function skb_clone_fraglist(si: skb_shared_info): void {
  for (let list = si.frag_list; list !== null; list = list.next) list.users++;
}

/** Takes a reference to the page of fragment f. */
export function skb_frag_ref(skb: sk_buff, f: number): void {
  skb.shinfo.frags[f].bv_page._refcount++;
}

export function __skb_frag_ref(frag: skb_frag_t): void {
  frag.bv_page._refcount++;
}

/** Drops the reference to the page of fragment f. */
export function skb_frag_unref(skb: sk_buff, f: number): void {
  put_page(skb.shinfo.frags[f].bv_page);
}

export function __skb_frag_unref(frag: skb_frag_t): void {
  put_page(frag.bv_page);
}

/** Drops this skb's share of its data; the last one frees them. */
function skb_release_data(skb: sk_buff): void {
  const si = skb.shinfo;
  if (skb.cloned) {
    si.dataref -= skb.nohdr ? (1 << 16) + 1 : 1;
    if (si.dataref !== 0) return;
  }
  if (si.destructor_arg !== null) skb_zcopy_clear(skb, true);
  const frags = si.frags;
  for (let i = 0, n = si.nr_frags; i < n; i++) put_page(frags[i].bv_page);
  // The whole packet is counted, not its parts.
  if (si.frag_list !== null) kfree_skb_list_reason(si.frag_list, SKB_CONSUMED);
  free_shinfo_to_cache(si);
  put_page(skb.head);
}

/** Drops what the skb refers to but its data. */
export function skb_release_head_state(skb: sk_buff): void {
  skb._skb_refdst = null;
  const destructor = skb.destructor;
  if (destructor !== null) {
    destructor(skb);
    skb.destructor = null;
  }
  skb.sk = null;
}

function skb_release_all(skb: sk_buff): void {
  skb_release_head_state(skb);
  skb_release_data(skb);
}

/** Frees an skb without references, whatever the reason. */
export function __kfree_skb(skb: sk_buff): void {
  if (skb.head === free_head) {
    skb_double_free();
    return;
  }
  skb_release_all(skb);
  kfree_skbmem(skb);
}

function skb_double_free(): void {
  nr_skb_bugs++;
  if (skb_owners !== null) throw new Error("an sk_buff was freed twice");
}

/** Drops a reference; true if it was the last. */
export function skb_unref(skb: sk_buff | null): skb is sk_buff {
  if (skb === null) return false;
  if (skb.users === 1) return true;
  if (skb.users <= 0) {
    skb_double_free();
    return false;
  }
  skb.users--;
  return false;
}

/** Drops an skb: counts and reports why, and frees it. */
export function kfree_skb_reason(skb: sk_buff | null, reason: number): void {
  if (!skb_unref(skb)) return;
  if (reason === SKB_CONSUMED) {
    if (trace_consume_skb_enabled) trace_consume_skb(skb);
  } else {
    if (trace_kfree_skb_enabled) trace_kfree_skb(skb, reason);
    const n = skb.dev !== null ? skb.dev.nd_net : skb.sk !== null ? skb.sk.skc_net : null;
    if (n) n.mib.drop_reasons[reason]++;
  }
  __kfree_skb(skb);
}

/** Drops an skb for no named reason. */
export function kfree_skb(skb: sk_buff | null): void {
  kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
}

/** Ends an skb that has done its work. */
export function consume_skb(skb: sk_buff | null): void {
  if (!skb_unref(skb)) return;
  if (trace_consume_skb_enabled) trace_consume_skb(skb);
  __kfree_skb(skb);
}

export function napi_consume_skb(skb: sk_buff | null, _budget: number): void {
  consume_skb(skb);
}

export function dev_kfree_skb_any(skb: sk_buff): void {
  kfree_skb(skb);
}

export function dev_consume_skb_any(skb: sk_buff): void {
  consume_skb(skb);
}

export function dev_kfree_skb(skb: sk_buff): void {
  consume_skb(skb);
}

/** Forgets what a driver that could not send has noted; the caller keeps skb. */
export function skb_tx_error(skb: sk_buff): void {
  skb_zcopy_clear(skb, true);
}

/** What a clone and a copy take over from the original. */
function __copy_skb_header(n: sk_buff, old: sk_buff): void {
  n.tstamp = old.tstamp;
  n.skb_mstamp_ns = old.skb_mstamp_ns;
  n.mono_delivery_time = old.mono_delivery_time;
  n.dev = old.dev;
  n._skb_refdst = old._skb_refdst;
  n.pkt_type = old.pkt_type;
  n.ip_summed = old.ip_summed;
  n.csum_valid = old.csum_valid;
  n.csum_complete_sw = old.csum_complete_sw;
  n.csum_level = old.csum_level;
  n.csum = old.csum;
  n.csum_start = old.csum_start;
  n.csum_offset = old.csum_offset;
  n.ooo_okay = old.ooo_okay;
  n.l4_hash = old.l4_hash;
  n.sw_hash = old.sw_hash;
  n.ignore_df = old.ignore_df;
  n.ndisc_nodetype = old.ndisc_nodetype;
  n.dst_pending_confirm = old.dst_pending_confirm;
  n.wifi_acked_valid = old.wifi_acked_valid;
  n.redirected = old.redirected;
  n.pfmemalloc = old.pfmemalloc;
  n.hash = old.hash;
  n.priority = old.priority;
  n.mark = old.mark;
  n.skb_iif = old.skb_iif;
  n.protocol = old.protocol;
  n.transport_header = old.transport_header;
  n.network_header = old.network_header;
  n.mac_header = old.mac_header;
  n.mac_len = old.mac_len;
  n.napi_id = old.napi_id;

  const t = n.tcp_cb, o = old.tcp_cb;
  t.seq = o.seq;
  t.end_seq = o.end_seq;
  t.tcp_gso_segs = o.tcp_gso_segs;
  t.tcp_gso_size = o.tcp_gso_size;
  t.tcp_flags = o.tcp_flags;
  t.sacked = o.sacked;
  t.ip_dsfield = o.ip_dsfield;
  t.txstamp_ack = o.txstamp_ack;
  t.eor = o.eor;
  t.has_rxtstamp = o.has_rxtstamp;
  t.ack_seq = o.ack_seq;
  t.is_app_limited = o.is_app_limited;
  t.delivered_ce = o.delivered_ce;
  t.delivered = o.delivered;
  t.first_tx_mstamp = o.first_tx_mstamp;
  t.delivered_mstamp = o.delivered_mstamp;
  t.in_flight = o.in_flight;

  const i = n.inet_cb, p = old.inet_cb;
  i.iif = p.iif;
  i.flags = p.flags;
  i.frag_max_size = p.frag_max_size;
  const from = p.opt;
  if ((from.optlen | from.srr | from.rr | from.ts | from.router_alert | from.cipso) !== 0) {
    const opt = i.opt;
    opt.faddr = from.faddr;
    opt.nexthop = from.nexthop;
    opt.optlen = from.optlen;
    opt.srr = from.srr;
    opt.rr = from.rr;
    opt.ts = from.ts;
    opt.is_strictroute = from.is_strictroute;
    opt.srr_is_hit = from.srr_is_hit;
    opt.is_changed = from.is_changed;
    opt.rr_needaddr = from.rr_needaddr;
    opt.ts_needtime = from.ts_needtime;
    opt.ts_needaddr = from.ts_needaddr;
    opt.router_alert = from.router_alert;
    opt.cipso = from.cipso;
    opt.__data = from.__data;
  }
}

/** Copies what describes the packet; the data are another matter. */
export function skb_copy_header(new_: sk_buff, old: sk_buff): void {
  __copy_skb_header(new_, old);
  const to = new_.shinfo, from = old.shinfo;
  to.gso_size = from.gso_size;
  to.gso_segs = from.gso_segs;
  to.gso_type = from.gso_type;
}

/** A second sk_buff for the same data, which neither may write to from now on. */
export function skb_clone(skb: sk_buff): sk_buff {
  const n = kmem_cache_alloc();
  n.prev = null;
  RB_CLEAR_NODE(n.rbnode);
  n.sk = null;
  n.destructor = null;
  n.tsorted_next = null;
  n.tsorted_prev = null;
  n.tsorted_linked = false;
  inet_skb_parm_clear(n);
  gro_cb_clear(n);
  n.err_cb = null;
  __copy_skb_header(n, skb);
  n.len = skb.len;
  n.data_len = skb.data_len;
  n.hdr_len = skb.nohdr ? skb.data - skb_clone_headroom(skb) : skb.hdr_len;
  n.cloned = true;
  n.nohdr = false;
  n.peeked = false;
  n.head = skb.head;
  n.shinfo = skb.shinfo;
  n.data = skb.data;
  n.tail = skb.tail;
  n.end = skb.end;
  n.truesize = skb.truesize;
  skb.shinfo.dataref++;
  skb.cloned = true;
  if (skb.fclone === SKB_FCLONE_ORIG && skb.fclones === null) {
    n.fclone = SKB_FCLONE_CLONE;
    n.fclones = skb;
    skb.fclones = n;
  } else {
    n.fclone = SKB_FCLONE_UNAVAILABLE;
    n.fclones = null;
  }
  return n;
}

/** hdr_len of a clone of a header-released skb says how much headroom the clone may write to. */
function skb_clone_headroom(skb: sk_buff): number {
  return skb.data - skb.hdr_len;
}

/** The clone that was made last is still on its way through qdisc or driver, for socket sk. */
export function skb_fclone_busy(sk: sock, skb: sk_buff): boolean {
  return skb.fclone === SKB_FCLONE_ORIG && skb.fclones !== null && skb.fclones.sk === sk;
}

/** Gives up the right to the headers: a clone may write them although the payload is shared. */
export function __skb_header_release(skb: sk_buff): void {
  skb.nohdr = true;
  skb.shinfo.dataref = 1 + (1 << 16);
}

export function skb_header_release(skb: sk_buff): void {
  skb.nohdr = true;
  skb.shinfo.dataref += 1 << 16;
}

/** Copies bytes between pages: short runs by loop, as a view costs more than they do. */
function memcpy(dst: Uint8Array, dst_off: number, src: Uint8Array, off: number, n: number): void {
  if (n <= 48) {
    for (let i = 0; i < n; i++) dst[dst_off + i] = src[off + i];
  } else {
    dst.set(src.subarray(off, off + n), dst_off);
  }
}

function skb_headers_offset_update(skb: sk_buff, off: number): void {
  if (skb.ip_summed === CHECKSUM_PARTIAL) skb.csum_start += off;
  if (skb.transport_header >= 0) skb.transport_header += off;
  skb.network_header += off;
  if (skb.mac_header >= 0) skb.mac_header += off;
}

/** A private copy of packet and data, all of it linear. */
export function skb_copy(skb: sk_buff): sk_buff {
  return skb_copy_expand(skb, skb.data, skb.data_len === 0 ? skb.end - skb.tail : 0);
}

/** A private copy with this much room before and behind the data, all of it linear. */
export function skb_copy_expand(skb: sk_buff, newheadroom: number, newtailroom: number): sk_buff {
  const n = __alloc_skb(newheadroom + skb.len + newtailroom, 0);
  const head_copy_len = Math.min(skb.data, newheadroom);
  n.data = newheadroom;
  n.tail = newheadroom;
  skb_put(n, skb.len);
  skb_copy_bits(
    skb,
    -head_copy_len,
    n.head.u8,
    head_copy_len + skb.len,
    newheadroom - head_copy_len,
  );
  skb_copy_header(n, skb);
  skb_headers_offset_update(n, newheadroom - skb.data);
  return n;
}

/** A packet with a private head and shared fragments. */
export function __pskb_copy_fclone(skb: sk_buff, headroom: number, fclone: boolean): sk_buff {
  const headlen = skb.len - skb.data_len;
  const n = __alloc_skb(headlen + headroom, fclone ? SKB_ALLOC_FCLONE : 0);
  n.data = headroom;
  n.tail = headroom;
  skb_put(n, headlen);
  memcpy(n.head.u8, n.data, skb.head.u8, skb.data, headlen);
  n.truesize += skb.data_len;
  n.data_len = skb.data_len;
  n.len = skb.len;
  const si = skb.shinfo;
  if (si.nr_frags !== 0) {
    skb_zerocopy_clone(n, skb);
    for (let i = 0; i < si.nr_frags; i++) {
      const frag = si.frags[i];
      get_page(frag.bv_page);
      __skb_fill_page_desc(n, i, frag.bv_page, frag.bv_offset, frag.bv_len);
    }
    n.shinfo.nr_frags = si.nr_frags;
  }
  if (si.frag_list !== null) {
    n.shinfo.frag_list = si.frag_list;
    skb_clone_fraglist(n.shinfo);
  }
  skb_copy_header(n, skb);
  skb_headers_offset_update(n, headroom - skb.data);
  return n;
}

export function __pskb_copy(skb: sk_buff, headroom: number): sk_buff {
  return __pskb_copy_fclone(skb, headroom, false);
}

export function pskb_copy(skb: sk_buff): sk_buff {
  return __pskb_copy(skb, skb.data);
}

/** A new private head with nhead more bytes before and ntail behind the data; 0. */
export function pskb_expand_head(skb: sk_buff, nhead: number, ntail: number): number {
  if (skb.users !== 1) throw new Error("pskb_expand_head() of a shared skb");
  const osize = skb.end;
  const end = skb_head_size(nhead + osize + ntail);
  const head = alloc_pages(end);
  memcpy(head.u8, nhead, skb.head.u8, 0, skb.tail);
  const old = skb.shinfo;
  if (skb.cloned && (old.dataref & 0xffff) !== 1) {
    const si = alloc_shinfo();
    si.gso_size = old.gso_size;
    si.gso_segs = old.gso_segs;
    si.gso_type = old.gso_type;
    si.tx_flags = old.tx_flags;
    si.tskey = old.tskey;
    si.flags = old.flags;
    si.destructor_arg = old.destructor_arg;
    if ((si.flags & SKBFL_ZEROCOPY_ENABLE) !== 0 && si.destructor_arg !== null) {
      si.destructor_arg.refcnt++;
    }
    const head_skb = skb.shinfo;
    skb.shinfo = si;
    for (let i = 0; i < head_skb.nr_frags; i++) {
      const frag = head_skb.frags[i];
      get_page(frag.bv_page);
      __skb_fill_page_desc(skb, i, frag.bv_page, frag.bv_offset, frag.bv_len);
    }
    si.nr_frags = head_skb.nr_frags;
    if (head_skb.frag_list !== null) {
      si.frag_list = head_skb.frag_list;
      skb_clone_fraglist(si);
    }
    head_skb.dataref -= skb.nohdr ? (1 << 16) + 1 : 1;
  } else {
    old.dataref = 1;
    put_page(skb.head);
  }
  skb.head = head;
  skb.data += nhead;
  skb.tail += nhead;
  skb.end = end;
  skb_headers_offset_update(skb, nhead);
  skb.cloned = false;
  skb.hdr_len = 0;
  skb.nohdr = false;
  if (skb.sk === null) skb.truesize += end - osize;
  return 0;
}

/** A packet with at least this much room before its data: skb itself is left alone. */
export function skb_realloc_headroom(skb: sk_buff, headroom: number): sk_buff {
  const delta = headroom - skb.data;
  if (delta <= 0) return pskb_copy(skb);
  const skb2 = skb_clone(skb);
  pskb_expand_head(skb2, SKB_DATA_ALIGN(delta), 0);
  return skb2;
}

/** skb, or in its place a packet with at least this much room before its data. */
export function skb_expand_head(skb: sk_buff, headroom: number): sk_buff {
  const delta = headroom - skb.data;
  if (delta <= 0) return skb;
  let n = skb;
  if (skb.users !== 1) {
    n = skb_clone(skb);
    if (skb.sk !== null) skb_set_owner_of(n, skb);
    consume_skb(skb);
  }
  pskb_expand_head(n, SKB_DATA_ALIGN(delta), 0);
  return n;
}

/** Charges a clone to the socket that its original is charged to. */
function skb_set_owner_of(n: sk_buff, skb: sk_buff): void {
  const sk = skb.sk!;
  n.sk = sk;
  n.destructor = skb.destructor;
  if (skb.destructor !== null) sk.sk_wmem_alloc += n.truesize;
}

/** Makes head and fragments private; 0. */
export function skb_unclone(skb: sk_buff): number {
  if (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1) return pskb_expand_head(skb, 0, 0);
  return 0;
}

/** As skb_unclone(), for an skb whose truesize is charged somewhere. */
export function skb_unclone_keeptruesize(skb: sk_buff): number {
  if (!skb.cloned || (skb.shinfo.dataref & 0xffff) === 1) return 0;
  const truesize = skb.truesize;
  const res = pskb_expand_head(skb, 0, 0);
  skb.truesize = truesize;
  return res;
}

function skb_header_is_cloned(skb: sk_buff): boolean {
  if (!skb.cloned) return false;
  const dataref = skb.shinfo.dataref;
  return (dataref & 0xffff) - (dataref >> 16) !== 1;
}

export function skb_header_unclone(skb: sk_buff): number {
  return skb_header_is_cloned(skb) ? pskb_expand_head(skb, 0, 0) : 0;
}

function __skb_cow(skb: sk_buff, headroom: number, cloned: boolean): number {
  const delta = headroom > skb.data ? headroom - skb.data : 0;
  if (delta !== 0 || cloned) {
    return pskb_expand_head(skb, (delta + NET_SKB_PAD - 1) & ~(NET_SKB_PAD - 1), 0);
  }
  return 0;
}

/** Head private and at least this much room before the data; 0. */
export function skb_cow(skb: sk_buff, headroom: number): number {
  return __skb_cow(skb, headroom, skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1);
}

/** As skb_cow(), where only headers are going to be written. */
export function skb_cow_head(skb: sk_buff, headroom: number): number {
  return __skb_cow(skb, headroom, skb_header_is_cloned(skb));
}

/** The first write_len bytes linear and private; 0 or -ENOMEM where the packet is shorter. */
export function skb_ensure_writable(skb: sk_buff, write_len: number): number {
  if (!pskb_may_pull(skb, write_len)) return -ENOMEM;
  if (!skb.cloned || skb_clone_writable(skb, write_len)) return 0;
  return pskb_expand_head(skb, 0, 0);
}

/** Whether the first len bytes of a clone are its own to write. */
export function skb_clone_writable(skb: sk_buff, len: number): boolean {
  return !skb_header_is_cloned(skb) && len <= skb.hdr_len;
}

/** skb if it has one user, else a clone in its place. */
export function skb_share_check(skb: sk_buff): sk_buff {
  if (skb.users === 1) return skb;
  const nskb = skb_clone(skb);
  consume_skb(skb);
  return nskb;
}

/** skb if its data are its own, else a copy in its place. */
export function skb_unshare(skb: sk_buff): sk_buff {
  if (!skb.cloned || (skb.shinfo.dataref & 0xffff) === 1) return skb;
  const nskb = skb_copy(skb);
  consume_skb(skb);
  return nskb;
}

function skb_over_panic(skb: sk_buff, sz: number): never {
  throw new Error(`skb_over_panic: len ${skb.len} put ${sz} tail ${skb.tail} end ${skb.end}`);
}

function skb_under_panic(skb: sk_buff, sz: number): never {
  throw new Error(`skb_under_panic: len ${skb.len} push ${sz} data ${skb.data}`);
}

/** Appends len bytes to the head; the offset of the first. */
export function skb_put(skb: sk_buff, len: number): number {
  const tmp = skb.tail;
  skb.tail = tmp + len;
  skb.len += len;
  if (skb.tail > skb.end || skb.data_len !== 0) skb_over_panic(skb, len);
  return tmp;
}

export function __skb_put(skb: sk_buff, len: number): number {
  return skb_put(skb, len);
}

/** Appends zeros. */
export function skb_put_zero(skb: sk_buff, len: number): number {
  const tmp = skb_put(skb, len);
  skb.head.u8.fill(0, tmp, tmp + len);
  return tmp;
}

/** Appends a copy of data's first len bytes. */
export function skb_put_data(skb: sk_buff, data: Uint8Array, len: number): number {
  const tmp = skb_put(skb, len);
  memcpy(skb.head.u8, tmp, data, 0, len);
  return tmp;
}

/** Adds len bytes in front; the offset of the first. */
export function skb_push(skb: sk_buff, len: number): number {
  skb.data -= len;
  skb.len += len;
  if (skb.data < 0) skb_under_panic(skb, len);
  return skb.data;
}

export function __skb_push(skb: sk_buff, len: number): number {
  skb.data -= len;
  skb.len += len;
  return skb.data;
}

/** Takes len bytes off the front; the new offset of the data, -1 if there were fewer. */
export function skb_pull(skb: sk_buff, len: number): number {
  return len > skb.len ? -1 : __skb_pull(skb, len);
}

/** Takes len bytes off the front, which stand in the head. */
export function __skb_pull(skb: sk_buff, len: number): number {
  skb.len -= len;
  if (skb.len < skb.data_len) throw new Error(`__skb_pull: ${len} beyond the head`);
  skb.data += len;
  return skb.data;
}

/** As skb_pull(), and takes the bytes out of a CHECKSUM_COMPLETE sum. */
export function skb_pull_rcsum(skb: sk_buff, len: number): number {
  const data = skb.data;
  __skb_pull(skb, len);
  skb_postpull_rcsum(skb, data, len);
  return skb.data;
}

/** The data after something was pulled: from offset `start` of the head on. */
export function skb_postpull_rcsum(skb: sk_buff, start: number, len: number): void {
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    skb.csum = csum_block_sub(skb.csum, csum_partial(skb.head.u8, start, len, 0), 0);
  } else if (skb.ip_summed === CHECKSUM_PARTIAL && skb.csum_start - skb.data < 0) {
    skb.ip_summed = CHECKSUM_NONE;
  }
}

/** Adds bytes that were pushed to a CHECKSUM_COMPLETE sum. */
export function skb_postpush_rcsum(skb: sk_buff, start: number, len: number): void {
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    skb.csum = csum_block_add(csum_partial(skb.head.u8, start, len, 0), skb.csum, len);
  }
}

export function skb_push_rcsum(skb: sk_buff, len: number): number {
  skb_push(skb, len);
  skb_postpush_rcsum(skb, skb.data, len);
  return skb.data;
}

/** Whether the first len bytes stand in the head, pulling them there if need be. */
export function pskb_may_pull(skb: sk_buff, len: number): boolean {
  const headlen = skb.len - skb.data_len;
  if (len <= headlen) return true;
  if (len > skb.len) return false;
  return __pskb_pull_tail(skb, len - headlen);
}

/** As skb_pull(), getting the bytes into the head first; -1 if there are fewer. */
export function pskb_pull(skb: sk_buff, len: number): number {
  return pskb_may_pull(skb, len) ? __skb_pull(skb, len) : -1;
}

/** Cuts a packet without fragments to len bytes. */
export function skb_trim(skb: sk_buff, len: number): void {
  if (skb.len > len) __skb_trim(skb, len);
}

export function __skb_trim(skb: sk_buff, len: number): void {
  if (skb.data_len !== 0) throw new Error("__skb_trim() of fragments");
  skb.len = len;
  skb.tail = skb.data + len;
}

/** Cuts a packet to len bytes; 0. */
export function pskb_trim(skb: sk_buff, len: number): number {
  return len < skb.len ? __pskb_trim(skb, len) : 0;
}

export function __pskb_trim(skb: sk_buff, len: number): number {
  if (skb.data_len !== 0) return ___pskb_trim(skb, len);
  skb.len = len;
  skb.tail = skb.data + len;
  return 0;
}

/** As pskb_trim(), and takes what is cut off out of a CHECKSUM_COMPLETE sum. */
export function pskb_trim_rcsum(skb: sk_buff, len: number): number {
  return len >= skb.len ? 0 : pskb_trim_rcsum_slow(skb, len);
}

export function pskb_trim_rcsum_slow(skb: sk_buff, len: number): number {
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    const delta = skb.len - len;
    skb.csum = csum_block_sub(skb.csum, skb_checksum(skb, len, delta, 0), len);
  } else if (skb.ip_summed === CHECKSUM_PARTIAL) {
    if (skb.csum_start - skb.data + skb.csum_offset + 2 > len) return -EINVAL;
  }
  return __pskb_trim(skb, len);
}

/** As pskb_trim() of an skb that nobody shares. */
export function pskb_trim_unique(skb: sk_buff, len: number): void {
  pskb_trim(skb, len);
}

/** Cuts a packet with fragments to len bytes; 0. */
export function ___pskb_trim(skb: sk_buff, len: number): number {
  if (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1) pskb_expand_head(skb, 0, 0);
  const si = skb.shinfo;
  let offset = skb.len - skb.data_len;
  drop_pages: {
    let i = 0;
    if (offset < len) {
      for (; i < si.nr_frags; i++) {
        const end = offset + si.frags[i].bv_len;
        if (end < len) {
          offset = end;
          continue;
        }
        si.frags[i++].bv_len = len - offset;
        offset = len;
        break;
      }
    }
    if (offset < len && i === si.nr_frags) {
      trim_frag_list(si, len - offset);
      break drop_pages;
    }
    for (let k = i; k < si.nr_frags; k++) put_page(si.frags[k].bv_page);
    si.nr_frags = i;
    if (si.frag_list !== null) {
      kfree_skb_list_reason(si.frag_list, SKB_CONSUMED);
      si.frag_list = null;
    }
  }
  const headlen = skb.len - skb.data_len;
  if (len > headlen) {
    skb.data_len -= skb.len - len;
    skb.len = len;
  } else {
    skb.len = len;
    skb.data_len = 0;
    skb.tail = skb.data + len;
  }
  if (skb.sk === null) skb_condense(skb);
  return 0;
}

/** Keeps the first `left` bytes of a frag_list. */
function trim_frag_list(si: skb_shared_info, left: number): void {
  let prev: sk_buff | null = null;
  for (let frag = si.frag_list; frag !== null; prev = frag, frag = frag.next) {
    if (frag.users !== 1) {
      const nfrag = skb_clone(frag);
      nfrag.next = frag.next;
      consume_skb(frag);
      if (prev === null) si.frag_list = nfrag;
      else prev.next = nfrag;
      frag = nfrag;
    }
    if (frag.len < left) {
      left -= frag.len;
      continue;
    }
    pskb_trim(frag, left);
    kfree_skb_list_reason(frag.next, SKB_CONSUMED);
    frag.next = null;
    return;
  }
}

/** Gives up memory that a trimmed packet no longer needs. */
export function skb_condense(skb: sk_buff): void {
  if (skb.data_len !== 0) {
    if (
      skb.data_len > skb.end - skb.tail ||
      (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1)
    ) return;
    __pskb_pull_tail(skb, skb.data_len);
  }
  skb.truesize = SKB_TRUESIZE(skb.end);
}

/** Gets delta more bytes from the fragments into the head; false if there are not so many. */
export function __pskb_pull_tail(skb: sk_buff, delta: number): boolean {
  const eat = skb.tail + delta - skb.end;
  if (eat > 0 || (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1)) {
    pskb_expand_head(skb, 0, eat > 0 ? eat + 128 : 0);
  }
  if (skb_copy_bits(skb, skb_headlen(skb), skb.head.u8, delta, skb.tail) < 0) return false;
  const si = skb.shinfo;
  let left = delta;
  let k = 0;
  for (let i = 0; i < si.nr_frags; i++) {
    const frag = si.frags[i];
    const size = frag.bv_len;
    if (size <= left) {
      put_page(frag.bv_page);
      left -= size;
    } else {
      if (k !== i || left !== 0) {
        __skb_fill_page_desc(skb, k, frag.bv_page, frag.bv_offset + left, size - left);
      }
      left = 0;
      k++;
    }
  }
  si.nr_frags = k;
  while (left > 0) {
    const list: sk_buff = si.frag_list!;
    if (list.len <= left) {
      left -= list.len;
      si.frag_list = list.next;
      list.next = null;
      consume_skb(list);
    } else {
      let head = list;
      if (list.users !== 1) {
        head = skb_clone(list);
        head.next = list.next;
        consume_skb(list);
        si.frag_list = head;
      }
      if (!pskb_may_pull(head, left)) return false;
      __skb_pull(head, left);
      left = 0;
    }
  }
  skb.tail += delta;
  skb.data_len -= delta;
  if (skb.data_len === 0) skb_zcopy_clear(skb, false);
  return true;
}

/** Gets the whole packet into the head; 0. */
export function skb_linearize(skb: sk_buff): number {
  return skb.data_len !== 0 ? __skb_linearize(skb) : 0;
}

export function __skb_linearize(skb: sk_buff): number {
  return __pskb_pull_tail(skb, skb.data_len) ? 0 : -ENOMEM;
}

/** Linear and private; 0. */
export function skb_linearize_cow(skb: sk_buff): number {
  return skb.data_len !== 0 || (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1)
    ? __pskb_pull_tail(skb, skb.data_len) ? 0 : -ENOMEM
    : 0;
}

/** Appends zeros until the packet has len bytes; 0. */
export function skb_put_padto(skb: sk_buff, len: number): number {
  const size = skb.len;
  if (size >= len) return 0;
  const pad = len - size;
  if (skb.data_len !== 0 || (skb.cloned && (skb.shinfo.dataref & 0xffff) !== 1)) {
    __pskb_pull_tail(skb, skb.data_len);
  }
  if (skb.end - skb.tail < pad) pskb_expand_head(skb, 0, pad);
  skb_put_zero(skb, pad);
  return 0;
}

/** Adds the piece of a page behind those of spd, where there is room: whether there is. */
function spd_fill_page(spd: splice_pipe_desc, page: page, offset: number, len: number): boolean {
  const last = spd.partial[spd.nr_pages - 1];
  if (last !== undefined && last.page === page && last.offset + last.len === offset) {
    last.len += len;
    return true;
  }
  if (spd.nr_pages === MAX_SKB_FRAGS) return false;
  get_page(page);
  spd.partial.push({ page, offset, len });
  spd.nr_pages++;
  return true;
}

/** Collects `len` bytes from `offset` on as pieces of pages: the bytes for which there was no room. */
function __skb_splice_bits(
  skb: sk_buff,
  offset: number,
  len: number,
  spd: splice_pipe_desc,
): number {
  const piece = (p: page, at: number, size: number): boolean => {
    const n = Math.min(size - offset, len);
    if (n <= 0) {
      offset -= size;
      return true;
    }
    if (!spd_fill_page(spd, p, at + offset, n)) return false;
    offset = 0;
    len -= n;
    return true;
  };
  if (!piece(skb.head, skb.data, skb_headlen(skb))) return len;
  const si = skb.shinfo;
  for (let i = 0; len > 0 && i < si.nr_frags; i++) {
    const f = si.frags[i];
    if (!piece(f.bv_page, f.bv_offset, f.bv_len)) return len;
  }
  for (let list = si.frag_list; len > 0 && list !== null; list = list.next) {
    if (offset < list.len) {
      const n = Math.min(list.len - offset, len);
      const left = __skb_splice_bits(list, offset, n, spd);
      len -= n - left;
      if (left > 0) return len;
      offset = 0;
    } else offset -= list.len;
  }
  return len;
}

/** Puts up to tlen bytes from `offset` on into a pipe, without copying: bytes, or a negative errno. */
export function skb_splice_bits(
  skb: sk_buff,
  offset: number,
  pipe: pipe_inode_info,
  tlen: number,
): number {
  const spd: splice_pipe_desc = { partial: [], nr_pages: 0 };
  __skb_splice_bits(skb, offset, tlen, spd);
  return spd.nr_pages !== 0 ? splice_to_pipe(pipe, spd) : 0;
}

/** Hangs up to maxsize bytes of pages on skb: bytes, or -EMSGSIZE where it has no free fragment. */
export function skb_splice_from_iter(skb: sk_buff, iter: iov_iter, maxsize: number): number {
  let spliced = 0;
  maxsize = Math.min(maxsize, iter.count);
  while (spliced < maxsize) {
    if (iter.iov_offset === iter.iov_end) next_iovec(iter);
    const { bv_page, bv_offset } = iter.iov![iter.nr] as bio_vec;
    const part = Math.min(maxsize - spliced, iter.iov_end - iter.iov_offset);
    const off = bv_offset + iter.iov_offset;
    const i = skb.shinfo.nr_frags;
    if (skb_can_coalesce(skb, i, bv_page, off)) skb.shinfo.frags[i - 1].bv_len += part;
    else if (i < MAX_SKB_FRAGS) {
      get_page(bv_page);
      skb_fill_page_desc(skb, i, bv_page, off, part);
    } else break;
    iov_iter_advance(iter, part);
    spliced += part;
  }
  if (spliced === 0) return -EMSGSIZE;
  skb.len += spliced;
  skb.data_len += spliced;
  skb.truesize += spliced;
  return spliced;
}

/** Copies len bytes from offset on to `to` at to_off; 0 or -EFAULT (-14) past the packet's end. */
export function skb_copy_bits(
  skb: sk_buff,
  offset: number,
  to: Uint8Array,
  len: number,
  to_off = 0,
): number {
  let start = skb.len - skb.data_len;
  if (offset > skb.len - len) return -EFAULT;
  let copy = start - offset;
  if (copy > 0) {
    if (copy > len) copy = len;
    memcpy(to, to_off, skb.head.u8, skb.data + offset, copy);
    len -= copy;
    if (len === 0) return 0;
    offset += copy;
    to_off += copy;
  }
  const si = skb.shinfo;
  for (let i = 0; i < si.nr_frags; i++) {
    const f = si.frags[i];
    const end = start + f.bv_len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      memcpy(to, to_off, f.bv_page.u8, f.bv_offset + offset - start, copy);
      len -= copy;
      if (len === 0) return 0;
      offset += copy;
      to_off += copy;
    }
    start = end;
  }
  for (let list = si.frag_list; list !== null; list = list.next) {
    const end = start + list.len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      if (skb_copy_bits(list, offset - start, to, copy, to_off) < 0) return -EFAULT;
      len -= copy;
      if (len === 0) return 0;
      offset += copy;
      to_off += copy;
    }
    start = end;
  }
  return len === 0 ? 0 : -EFAULT;
}

const EFAULT = 14;

/** Writes len bytes of `from` at from_off to offset of the packet; 0 or -EFAULT. */
export function skb_store_bits(
  skb: sk_buff,
  offset: number,
  from: Uint8Array,
  len: number,
  from_off = 0,
): number {
  let start = skb.len - skb.data_len;
  if (offset > skb.len - len) return -EFAULT;
  let copy = start - offset;
  if (copy > 0) {
    if (copy > len) copy = len;
    memcpy(skb.head.u8, skb.data + offset, from, from_off, copy);
    len -= copy;
    if (len === 0) return 0;
    offset += copy;
    from_off += copy;
  }
  const si = skb.shinfo;
  for (let i = 0; i < si.nr_frags; i++) {
    const f = si.frags[i];
    const end = start + f.bv_len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      memcpy(f.bv_page.u8, f.bv_offset + offset - start, from, from_off, copy);
      len -= copy;
      if (len === 0) return 0;
      offset += copy;
      from_off += copy;
    }
    start = end;
  }
  for (let list = si.frag_list; list !== null; list = list.next) {
    const end = start + list.len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      if (skb_store_bits(list, offset - start, from, copy, from_off) < 0) return -EFAULT;
      len -= copy;
      if (len === 0) return 0;
      offset += copy;
      from_off += copy;
    }
    start = end;
  }
  return len === 0 ? 0 : -EFAULT;
}

/** Adds the sum of len bytes from offset on to csum. */
export function skb_checksum(skb: sk_buff, offset: number, len: number, csum: number): number {
  let start = skb.len - skb.data_len;
  let pos = 0;
  let copy = start - offset;
  if (copy > 0) {
    if (copy > len) copy = len;
    csum = csum_partial(skb.head.u8, skb.data + offset, copy, csum);
    len -= copy;
    if (len === 0) return csum;
    offset += copy;
    pos = copy;
  }
  const si = skb.shinfo;
  for (let i = 0; i < si.nr_frags; i++) {
    const f = si.frags[i];
    const end = start + f.bv_len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      const csum2 = csum_partial(f.bv_page.u8, f.bv_offset + offset - start, copy, 0);
      csum = csum_block_add(csum, csum2, pos);
      len -= copy;
      if (len === 0) return csum;
      offset += copy;
      pos += copy;
    }
    start = end;
  }
  for (let list = si.frag_list; list !== null; list = list.next) {
    const end = start + list.len;
    copy = end - offset;
    if (copy > 0) {
      if (copy > len) copy = len;
      csum = csum_block_add(csum, skb_checksum(list, offset - start, copy, 0), pos);
      len -= copy;
      if (len === 0) return csum;
      offset += copy;
      pos += copy;
    }
    start = end;
  }
  return csum;
}

/** Copies len bytes from offset on to `to` at to_off and answers their sum. */
export function skb_copy_and_csum_bits(
  skb: sk_buff,
  offset: number,
  to: Uint8Array,
  len: number,
  to_off = 0,
): number {
  let start = skb.len - skb.data_len;
  if (offset + len <= start) {
    return csum_partial_copy(skb.head.u8, skb.data + offset, to, to_off, len, 0);
  }
  if (offset < start || skb.shinfo.frag_list !== null) {
    skb_copy_bits(skb, offset, to, len, to_off);
    return csum_partial(to, to_off, len, 0);
  }
  const { frags, nr_frags } = skb.shinfo;
  let csum = 0;
  let done = 0;
  for (let i = 0; i < nr_frags && done < len; i++) {
    const frag = frags[i];
    const skip = offset + done - start;
    if (skip < frag.bv_len) {
      const copy = Math.min(frag.bv_len - skip, len - done);
      const from = frag.bv_offset + skip;
      const sum = csum_partial_copy(frag.bv_page.u8, from, to, to_off + done, copy, 0);
      csum = csum_block_add(csum, sum, done);
      done += copy;
    }
    start += frag.bv_len;
  }
  return csum;
}

/** Copies the packet to `to` and completes a CHECKSUM_PARTIAL checksum there. */
export function skb_copy_and_csum_dev(skb: sk_buff, to: Uint8Array): void {
  const csstart = skb.ip_summed === CHECKSUM_PARTIAL
    ? skb.csum_start - skb.data
    : skb.len - skb.data_len;
  skb_copy_bits(skb, 0, to, csstart);
  let csum = 0;
  if (csstart !== skb.len) {
    csum = skb_copy_and_csum_bits(skb, csstart, to, skb.len - csstart, csstart);
  }
  if (skb.ip_summed === CHECKSUM_PARTIAL) {
    const at = csstart + skb.csum_offset;
    const sum = csum_fold(csum);
    to[at] = sum >> 8;
    to[at + 1] = sum & 255;
  }
}

/** The sum of the pseudo header, for protocol proto. */
export function inet_compute_pseudo(skb: sk_buff, proto: number): number {
  const iph = ip_hdr(skb);
  return csum_tcpudp_nofold(iph.saddr, iph.daddr, skb.len, proto, 0);
}

export function null_compute_pseudo(_skb: sk_buff, _proto: number): number {
  return 0;
}

/** The checksum of the first len bytes including skb.csum: 0 if it is right. */
export function __skb_checksum_complete_head(skb: sk_buff, len: number): number {
  const sum = csum_fold(skb_checksum(skb, 0, len, skb.csum));
  if (skb.users === 1) skb.csum_valid = sum === 0;
  return sum;
}

/** The checksum of the packet including skb.csum: 0 if it is right. */
export function __skb_checksum_complete(skb: sk_buff): number {
  const csum = skb_checksum(skb, 0, skb.len, 0);
  const sum = csum_fold(csum_add(skb.csum, csum));
  if (skb.users === 1) {
    skb.csum = csum;
    skb.ip_summed = CHECKSUM_COMPLETE;
    skb.csum_complete_sw = true;
    skb.csum_valid = sum === 0;
  }
  return sum;
}

/** A device or an earlier check has found the checksum good. */
function csum_unnecessary(skb: sk_buff): boolean {
  return skb.ip_summed === CHECKSUM_UNNECESSARY || skb.csum_valid ||
    (skb.ip_summed === CHECKSUM_PARTIAL && skb.csum_start - skb.data >= 0);
}

/** Verifies what skb_checksum_init() left open; 0 if the checksum is right. */
export function skb_checksum_complete(skb: sk_buff): number {
  return csum_unnecessary(skb) ? 0 : __skb_checksum_complete(skb);
}

/** Packets up to this long are verified at once. */
export const CHECKSUM_BREAK = 76;

function __skb_checksum_validate_needed(
  skb: sk_buff,
  zero_okay: boolean,
  check: number,
): boolean {
  if (csum_unnecessary(skb) || (zero_okay && check === 0)) {
    skb.csum_valid = true;
    if (skb.ip_summed === CHECKSUM_UNNECESSARY) {
      if (skb.csum_level === 0) skb.ip_summed = CHECKSUM_NONE;
      else skb.csum_level--;
    }
    return false;
  }
  return true;
}

function __skb_checksum_validate_complete(
  skb: sk_buff,
  complete: boolean,
  psum: number,
): number {
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    if (csum_fold(csum_add(psum, skb.csum)) === 0) {
      skb.csum_valid = true;
      return 0;
    }
  }
  skb.csum = psum;
  if (complete || skb.len <= CHECKSUM_BREAK) {
    const csum = __skb_checksum_complete(skb);
    skb.csum_valid = csum === 0;
    return csum;
  }
  return 0;
}

type compute_pseudo = (skb: sk_buff, proto: number) => number;

function __skb_checksum_validate(
  skb: sk_buff,
  proto: number,
  complete: boolean,
  zero_okay: boolean,
  check: number,
  compute_pseudo: compute_pseudo,
): number {
  skb.csum_valid = false;
  if (__skb_checksum_validate_needed(skb, zero_okay, check)) {
    return __skb_checksum_validate_complete(skb, complete, compute_pseudo(skb, proto));
  }
  return 0;
}

/** Begins to verify the transport checksum; not 0 where it is found wrong already. */
export function skb_checksum_init(
  skb: sk_buff,
  proto: number,
  compute_pseudo: compute_pseudo,
): number {
  return __skb_checksum_validate(skb, proto, false, false, 0, compute_pseudo);
}

/** As skb_checksum_init(); a checksum field `check` of 0 means that there is none. */
export function skb_checksum_init_zero_check(
  skb: sk_buff,
  proto: number,
  check: number,
  compute_pseudo: compute_pseudo,
): number {
  return __skb_checksum_validate(skb, proto, false, true, check, compute_pseudo);
}

/** Verifies the transport checksum; 0 if it is right. */
export function skb_checksum_validate(
  skb: sk_buff,
  proto: number,
  compute_pseudo: compute_pseudo,
): number {
  return __skb_checksum_validate(skb, proto, true, false, 0, compute_pseudo);
}

export function skb_checksum_validate_zero_check(
  skb: sk_buff,
  proto: number,
  check: number,
  compute_pseudo: compute_pseudo,
): number {
  return __skb_checksum_validate(skb, proto, true, true, check, compute_pseudo);
}

/** Verifies a checksum over the whole packet, as ICMP's; 0 if it is right. */
export function skb_checksum_simple_validate(skb: sk_buff): number {
  return __skb_checksum_validate(skb, 0, true, false, 0, null_compute_pseudo);
}

/** Asks for the checksum from `start` on, to be stored `off` behind start; false on bad offsets. */
export function skb_partial_csum_set(skb: sk_buff, start: number, off: number): boolean {
  if (start > skb_headlen(skb) || start + off + 2 > skb_headlen(skb)) return false;
  skb.ip_summed = CHECKSUM_PARTIAL;
  skb.csum_start = skb.data + start;
  skb.csum_offset = off;
  skb.transport_header = skb.data + start;
  return true;
}

/** Replaces *new_'s data and fields by a clone of src. */
export function skb_morph(dst: sk_buff, src: sk_buff): sk_buff {
  skb_release_all(dst);
  const n = skb_clone(src);
  __copy_skb_header(dst, n);
  dst.len = n.len;
  dst.data_len = n.data_len;
  dst.head = n.head;
  dst.shinfo = n.shinfo;
  dst.data = n.data;
  dst.tail = n.tail;
  dst.end = n.end;
  dst.truesize = n.truesize;
  dst.cloned = true;
  dst.nohdr = false;
  kfree_skbmem(n);
  return dst;
}

/** Moves what follows the first len bytes of skb to the empty skb1. */
export function skb_split(skb: sk_buff, skb1: sk_buff, len: number): void {
  const pos = skb.len - skb.data_len;
  skb1.shinfo.flags |= skb.shinfo.flags & SKBFL_SHARED_FRAG;
  skb_zerocopy_clone(skb1, skb);
  if (len < pos) skb_split_inside_header(skb, skb1, len, pos);
  else skb_split_no_header(skb, skb1, len, pos);
}

function skb_split_inside_header(skb: sk_buff, skb1: sk_buff, len: number, pos: number): void {
  const to = skb_put(skb1, pos - len);
  memcpy(skb1.head.u8, to, skb.head.u8, skb.data + len, pos - len);
  const si = skb.shinfo;
  for (let i = 0; i < si.nr_frags; i++) {
    const frag = si.frags[i];
    __skb_fill_page_desc(skb1, i, frag.bv_page, frag.bv_offset, frag.bv_len);
  }
  skb1.shinfo.nr_frags = si.nr_frags;
  si.nr_frags = 0;
  skb1.data_len = skb.data_len;
  skb1.len += skb1.data_len;
  skb.data_len = 0;
  skb.len = len;
  skb.tail = skb.data + len;
}

function skb_split_no_header(skb: sk_buff, skb1: sk_buff, len: number, pos: number): void {
  const si = skb.shinfo;
  const nfrags = si.nr_frags;
  let k = 0;
  si.nr_frags = 0;
  skb1.len = skb1.data_len = skb.len - len;
  skb.len = len;
  skb.data_len = len - pos;
  for (let i = 0; i < nfrags; i++) {
    const frag = si.frags[i];
    const size = frag.bv_len;
    if (pos + size > len) {
      if (pos < len) {
        const cut = len - pos;
        get_page(frag.bv_page);
        __skb_fill_page_desc(skb1, k, frag.bv_page, frag.bv_offset + cut, size - cut);
        frag.bv_len = cut;
        si.nr_frags++;
      } else {
        __skb_fill_page_desc(skb1, k, frag.bv_page, frag.bv_offset, size);
      }
      k++;
    } else {
      si.nr_frags++;
    }
    pos += size;
  }
  skb1.shinfo.nr_frags = k;
}

function skb_len_add(skb: sk_buff, delta: number): void {
  skb.len += delta;
  skb.data_len += delta;
  skb.truesize += delta;
}

/** Moves shiftlen bytes from the front of skb to the end of tgt, both with empty heads; how many. */
export function skb_shift(tgt: sk_buff, skb: sk_buff, shiftlen: number): number {
  if (skb_headlen(skb) !== 0 || shiftlen > skb.len) return 0;
  if (skb_zcopy(tgt) !== null || skb_zcopy(skb) !== null) return 0;
  const si = skb.shinfo, ti = tgt.shinfo;
  if (si.nr_frags === 0) return 0;
  let todo = shiftlen;
  let from = 0;
  let to = ti.nr_frags;
  const first = si.frags[0];
  const merge = to !== 0 && skb_can_coalesce(tgt, to, first.bv_page, first.bv_offset);
  // How many of skb's fragments go over whole, and whether the target has room for what comes new.
  let need = merge ? 0 : 1;
  for (let left = todo - first.bv_len, i = 1; left > 0; i++) {
    left -= si.frags[i].bv_len;
    need++;
  }
  if (to + need > MAX_SKB_FRAGS) return 0;
  skb_unclone_keeptruesize(skb);
  skb_unclone_keeptruesize(tgt);
  const sfrags = skb.shinfo.frags;
  if (merge) {
    const fragfrom = sfrags[0];
    const n = Math.min(todo, fragfrom.bv_len);
    tgt.shinfo.frags[to - 1].bv_len += n;
    todo -= n;
    if (n === fragfrom.bv_len) {
      put_page(fragfrom.bv_page);
      from++;
    } else {
      fragfrom.bv_offset += n;
      fragfrom.bv_len -= n;
    }
  }
  while (todo > 0) {
    const fragfrom = sfrags[from];
    const size = fragfrom.bv_len;
    if (todo >= size) {
      __skb_fill_page_desc(tgt, to, fragfrom.bv_page, fragfrom.bv_offset, size);
      todo -= size;
      from++;
    } else {
      get_page(fragfrom.bv_page);
      __skb_fill_page_desc(tgt, to, fragfrom.bv_page, fragfrom.bv_offset, todo);
      fragfrom.bv_offset += todo;
      fragfrom.bv_len -= todo;
      todo = 0;
    }
    to++;
  }
  tgt.shinfo.nr_frags = to;
  const nr = skb.shinfo.nr_frags;
  if (from > 0) {
    for (let i = from; i < nr; i++) {
      const f = sfrags[i];
      __skb_fill_page_desc(skb, i - from, f.bv_page, f.bv_offset, f.bv_len);
    }
    skb.shinfo.nr_frags = nr - from;
  }
  tgt.ip_summed = CHECKSUM_PARTIAL;
  skb.ip_summed = CHECKSUM_PARTIAL;
  skb_len_add(skb, -shiftlen);
  skb_len_add(tgt, shiftlen);
  return shiftlen;
}

/** Appends a fragment, or lengthens the last; the page's reference is taken. 0 or -EMSGSIZE. */
export function skb_append_pagefrags(
  skb: sk_buff,
  p: page,
  offset: number,
  size: number,
  max_frags: number,
): number {
  const i = skb.shinfo.nr_frags;
  if (skb_can_coalesce(skb, i, p, offset)) {
    skb.shinfo.frags[i - 1].bv_len += size;
  } else if (i < max_frags) {
    get_page(p);
    skb_fill_page_desc(skb, i, p, offset, size);
  } else {
    return -EMSGSIZE;
  }
  return 0;
}

/** Appends received bytes as fragment i; takes over the page's reference. */
export function skb_add_rx_frag(
  skb: sk_buff,
  i: number,
  p: page,
  off: number,
  size: number,
  truesize: number,
): void {
  skb_fill_page_desc(skb, i, p, off, size);
  skb.len += size;
  skb.data_len += size;
  skb.truesize += truesize;
}

export function skb_coalesce_rx_frag(
  skb: sk_buff,
  i: number,
  size: number,
  truesize: number,
): void {
  skb.shinfo.frags[i].bv_len += size;
  skb.len += size;
  skb.data_len += size;
  skb.truesize += truesize;
}

/** What skb_try_coalesce() answers beside true. @local */
export class skb_coalesce {
  /** from's head went over: free it by kfree_skb_partial(from, true). */
  fragstolen = false;
  /** bytes by which to.truesize grew */
  delta_truesize = 0;
}

/**
 * Appends from's bytes to `to` by moving references to its pages (or copying into free tailroom).
 * @differs the two results are fields of `ret`, where C has two pointers
 */
export function skb_try_coalesce(to: sk_buff, from: sk_buff, ret: skb_coalesce): boolean {
  const len = from.len;
  ret.fragstolen = false;
  ret.delta_truesize = 0;
  const ti = to.shinfo, si = from.shinfo;
  if (to.cloned && (ti.dataref & 0xffff) !== 1) return false;
  if (len <= skb_tailroom(to)) {
    if (len !== 0) skb_copy_bits(from, 0, to.head.u8, len, skb_put(to, len));
    return true;
  }
  if (ti.frag_list !== null || si.frag_list !== null) return false;
  if (skb_zcopy(to) !== null || skb_zcopy(from) !== null) return false;
  const cloned = from.cloned && (si.dataref & 0xffff) !== 1;
  const headlen = from.len - from.data_len;
  let k = ti.nr_frags;
  let delta: number;
  if (headlen !== 0) {
    // A head that is no pooled page stays its packet's.
    if (cloned || from.head.order < 0 || k + si.nr_frags >= MAX_SKB_FRAGS) return false;
    delta = from.truesize - SKB_OVERHEAD_SKB;
    __skb_fill_page_desc(to, k++, from.head, from.data, headlen);
    ret.fragstolen = true;
  } else {
    if (k + si.nr_frags > MAX_SKB_FRAGS) return false;
    delta = from.truesize - SKB_TRUESIZE(from.end);
  }
  for (let i = 0; i < si.nr_frags; i++) {
    const frag = si.frags[i];
    if (cloned) get_page(frag.bv_page);
    __skb_fill_page_desc(to, k++, frag.bv_page, frag.bv_offset, frag.bv_len);
  }
  ti.nr_frags = k;
  if (!cloned) si.nr_frags = 0;
  if (delta < len) delta = len;
  to.truesize += delta;
  to.len += len;
  to.data_len += len;
  ret.delta_truesize = delta;
  return true;
}

/** Frees an skb whose head may have become a fragment of another. */
export function kfree_skb_partial(skb: sk_buff, head_stolen: boolean): void {
  if (head_stolen) {
    skb_release_head_state(skb);
    free_shinfo_to_cache(skb.shinfo);
    kfree_skbmem(skb);
  } else {
    __kfree_skb(skb);
  }
}

/** Makes a packet that comes from another host or namespace look as if just received. */
export function skb_scrub_packet(skb: sk_buff, xnet: boolean): void {
  skb.pkt_type = PACKET_HOST;
  skb.skb_iif = 0;
  skb.ignore_df = false;
  skb._skb_refdst = null;
  skb.redirected = false;
  if (!xnet) return;
  skb_orphan(skb);
  skb.mark = 0;
  skb.tstamp = 0;
  skb.mono_delivery_time = false;
}

/** Length of transport header and payload of one segment of a GSO packet, bytes. */
export function skb_gso_transport_seglen(skb: sk_buff): number {
  const si = skb.shinfo;
  if ((si.gso_type & SKB_GSO_TCPV4) !== 0) return (tcp_hdr(skb).doff << 2) + si.gso_size;
  if ((si.gso_type & SKB_GSO_UDP_L4) !== 0) return 8 + si.gso_size;
  return si.gso_size;
}

/** Length of one segment from the network header on, bytes. */
export function skb_gso_network_seglen(skb: sk_buff): number {
  return skb.transport_header - skb.network_header + skb_gso_transport_seglen(skb);
}

export function skb_gso_mac_seglen(skb: sk_buff): number {
  return skb.transport_header - skb.mac_header + skb_gso_transport_seglen(skb);
}

/** Whether the segments of a GSO packet fit into mtu. */
export function skb_gso_validate_network_len(skb: sk_buff, mtu: number): boolean {
  return skb_gso_network_seglen(skb) <= mtu;
}

export function skb_gso_validate_mac_len(skb: sk_buff, len: number): boolean {
  return skb_gso_mac_seglen(skb) <= len;
}

/** skb is a TCP packet of several segments. */
export function skb_is_gso_tcp(skb: sk_buff): boolean {
  return (skb.shinfo.gso_type & SKB_GSO_TCPV4) !== 0;
}

/**
 * Cuts a packet into segments of gso_size bytes of payload, each with a copy of the headers between
 * mac_header and data; payload is referenced, not copied, where `features` has NETIF_F_SG. The list
 * is linked by next, its head's prev is its tail; checksums are the caller's business. The packet itself
 * stays. An error is a negative errno.
 */
export function skb_segment(head_skb: sk_buff, features: number): sk_buff | number {
  const mss = head_skb.shinfo.gso_size;
  if (head_skb.shinfo.frag_list !== null && __skb_linearize(head_skb) < 0) return ERR_PTR(-ENOMEM);
  const doffset = head_skb.data - head_skb.mac_header;
  const headroom = head_skb.mac_header;
  const sg = (features & NETIF_F_SG) !== 0;
  const csum = (features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM)) !== 0;
  const total = head_skb.len;
  if (mss === 0) return ERR_PTR(-EINVAL);
  const linear = total - head_skb.data_len;
  const hfrags = head_skb.shinfo.frags;
  let segs: sk_buff | null = null;
  let tail: sk_buff | null = null;
  let offset = 0;
  // Where the next byte in fragments is: fragment i, whose first byte is at `pos` of the payload.
  let i = 0;
  let pos = linear;
  while (offset < total) {
    const len = Math.min(mss, total - offset);
    const nskb = __alloc_skb(headroom + doffset + (sg ? 0 : len), 0);
    if (tail === null) segs = nskb;
    else tail.next = nskb;
    tail = nskb;
    nskb.data = headroom;
    nskb.tail = headroom;
    nskb.len = 0;
    skb_put(nskb, doffset);
    memcpy(nskb.head.u8, headroom, head_skb.head.u8, headroom, doffset);
    __copy_skb_header(nskb, head_skb);
    // As at the start of a segment: data at the payload, headers before it.
    nskb.mac_header = headroom;
    if (sg) {
      let k = 0;
      let left = len;
      if (offset < linear) {
        const n = Math.min(left, linear - offset);
        get_page(head_skb.head);
        __skb_fill_page_desc(nskb, k++, head_skb.head, head_skb.data + offset, n);
        left -= n;
      }
      while (left > 0) {
        const frag = hfrags[i];
        const skip = offset + len - left - pos;
        const n = Math.min(left, frag.bv_len - skip);
        get_page(frag.bv_page);
        __skb_fill_page_desc(nskb, k++, frag.bv_page, frag.bv_offset + skip, n);
        left -= n;
        if (skip + n === frag.bv_len) {
          pos += frag.bv_len;
          i++;
        }
      }
      nskb.shinfo.nr_frags = k;
      nskb.shinfo.flags |= head_skb.shinfo.flags & SKBFL_SHARED_FRAG;
      nskb.data_len = len;
      nskb.len += len;
      nskb.truesize += len;
      if (skb_zcopy(head_skb) !== null) skb_zerocopy_clone(nskb, head_skb);
    } else if (csum) {
      skb_copy_bits(head_skb, offset, nskb.head.u8, len, skb_put(nskb, len));
    } else {
      nskb.csum = skb_copy_and_csum_bits(
        head_skb,
        offset,
        nskb.head.u8,
        len,
        skb_put(nskb, len),
      );
    }
    if (!csum) nskb.ip_summed = CHECKSUM_NONE;
    offset += len;
  }
  if (segs === null) return ERR_PTR(-EINVAL);
  segs.prev = tail;
  return segs;
}

/** The packet's zero-copy completion, or null. */
export function skb_zcopy(skb: sk_buff): ubuf_info | null {
  const si = skb.shinfo;
  return (si.flags & SKBFL_ZEROCOPY_ENABLE) !== 0 ? si.destructor_arg : null;
}

export function skb_zcopy_pure(skb: sk_buff): boolean {
  return (skb.shinfo.flags & SKBFL_PURE_ZEROCOPY) !== 0;
}

export function net_zcopy_get(uarg: ubuf_info): void {
  uarg.refcnt++;
}

/** Drops a reference: the last one reports completion. */
export function net_zcopy_put(uarg: ubuf_info | null): void {
  if (uarg !== null) uarg.callback(null, uarg, true);
}

export function skb_zcopy_init(skb: sk_buff, uarg: ubuf_info): void {
  skb.shinfo.destructor_arg = uarg;
  skb.shinfo.flags |= SKBFL_ZEROCOPY_FRAG;
}

/** Has skb report to uarg; have_ref: skb takes over the caller's reference. */
export function skb_zcopy_set(skb: sk_buff, uarg: ubuf_info | null, have_ref: boolean): void {
  if (uarg === null || skb_zcopy(skb) !== null) return;
  if (!have_ref) net_zcopy_get(uarg);
  skb_zcopy_init(skb, uarg);
}

/** Ends skb's part in a zero-copy send; zerocopy_success false: the bytes were copied after all. */
export function skb_zcopy_clear(skb: sk_buff, zerocopy_success: boolean): void {
  const uarg = skb_zcopy(skb);
  if (uarg === null) return;
  uarg.callback(skb, uarg, zerocopy_success);
  skb.shinfo.flags &= ~SKBFL_ALL_ZEROCOPY;
  skb.shinfo.destructor_arg = null;
}

/** Has nskb take part in orig's zero-copy send; 0. */
export function skb_zerocopy_clone(nskb: sk_buff, orig: sk_buff): number {
  const uarg = skb_zcopy(orig);
  if (uarg === null || skb_zcopy(nskb) === uarg) return 0;
  if (skb_zcopy(nskb) !== null) skb_copy_ubufs(nskb);
  skb_zcopy_set(nskb, uarg, false);
  return 0;
}

/** Copies a zero-copy packet's fragments into memory of our own and reports completion; 0. */
export function skb_copy_ubufs(skb: sk_buff): number {
  if (skb.users !== 1) return -EINVAL;
  skb_unclone_keeptruesize(skb);
  const si = skb.shinfo;
  for (let i = 0; i < si.nr_frags; i++) {
    const frag = si.frags[i];
    const p = alloc_pages(frag.bv_len);
    memcpy(p.u8, 0, frag.bv_page.u8, frag.bv_offset, frag.bv_len);
    put_page(frag.bv_page);
    frag.bv_page = p;
    frag.bv_offset = 0;
  }
  skb_zcopy_clear(skb, false);
  return 0;
}

/** Before a packet is held where nobody bounds how long: no fragment stays the program's; 0. */
export function skb_orphan_frags(skb: sk_buff): number {
  return skb_zcopy(skb) === null ? 0 : skb_copy_ubufs(skb);
}

export function skb_orphan_frags_rx(skb: sk_buff): number {
  return skb_zcopy(skb) === null ? 0 : skb_copy_ubufs(skb);
}

export function skb_queue_tail(list: sk_buff_head, newsk: sk_buff): void {
  __skb_queue_tail(list, newsk);
}

export function skb_queue_head(list: sk_buff_head, newsk: sk_buff): void {
  __skb_queue_head(list, newsk);
}

export function skb_dequeue(list: sk_buff_head): sk_buff | null {
  return __skb_dequeue(list);
}

export function skb_dequeue_tail(list: sk_buff_head): sk_buff | null {
  return __skb_dequeue_tail(list);
}

export function skb_unlink(skb: sk_buff, list: sk_buff_head): void {
  __skb_unlink(skb, list);
}

/** Puts newsk behind old. */
export function skb_append(old: sk_buff, newsk: sk_buff, list: sk_buff_head): void {
  __skb_queue_after(list, old, newsk);
}

/** Drops every packet of the list. */
export function __skb_queue_purge_reason(list: sk_buff_head, reason: number): void {
  for (let skb = __skb_dequeue(list); skb !== null; skb = __skb_dequeue(list)) {
    kfree_skb_reason(skb, reason);
  }
}

/** Drops every packet of the list. */
export function __skb_queue_purge(list: sk_buff_head): void {
  __skb_queue_purge_reason(list, SKB_DROP_REASON_QUEUE_PURGE);
}

export function skb_queue_purge(list: sk_buff_head): void {
  __skb_queue_purge(list);
}

/** The skb that a tree's node belongs to. */
export function rb_to_skb(rb: rb_node<sk_buff> | null): sk_buff | null {
  return rb === null ? null : rb.owner;
}

export function skb_rb_first(root: rb_root<sk_buff>): sk_buff | null {
  return rb_to_skb(rb_first(root));
}

export function skb_rb_last(root: rb_root<sk_buff>): sk_buff | null {
  return rb_to_skb(rb_last(root));
}

export function skb_rb_next(skb: sk_buff): sk_buff | null {
  return rb_to_skb(rb_next(skb.rbnode));
}

export function skb_rb_prev(skb: sk_buff): sk_buff | null {
  return rb_to_skb(rb_prev(skb.rbnode));
}

/** Frees every packet of a tree; the sum of their truesizes. */
export function skb_rbtree_purge(root: rb_root<sk_buff>): number {
  let sum = 0;
  for (let p = rb_first(root); p !== null;) {
    const skb = p.owner;
    p = rb_next(p);
    rb_erase(skb.rbnode, root);
    sum += skb.truesize;
    kfree_skb_reason(skb, SKB_DROP_REASON_QUEUE_PURGE);
  }
  return sum;
}

/** Gives a flow's hash of its socket to its packet. */
export function skb_set_hash_from_sk(skb: sk_buff, sk: sock): void {
  if (sk.sk_txhash !== 0) {
    skb.l4_hash = true;
    skb.hash = sk.sk_txhash;
  }
}

export function skb_copy_hash(to: sk_buff, from: sk_buff): void {
  to.hash = from.hash;
  to.sw_hash = from.sw_hash;
  to.l4_hash = from.l4_hash;
}

export function skb_clear_hash(skb: sk_buff): void {
  skb.hash = 0;
  skb.sw_hash = false;
  skb.l4_hash = false;
}

/** Gives back the memory of a packet in an error queue. */
function sock_rmem_free(skb: sk_buff): void {
  skb.sk!.sk_rmem_alloc -= skb.truesize;
}

/** Puts a packet on sk's error queue; 0, or -ENOMEM where it would exceed the receive buffer. */
export function sock_queue_err_skb(sk: sock, skb: sk_buff): number {
  if (sk.sk_rmem_alloc + skb.truesize >= sk.sk_rcvbuf) return -ENOMEM;
  skb_orphan(skb);
  skb.sk = sk;
  skb.destructor = sock_rmem_free;
  sk.sk_rmem_alloc += skb.truesize;
  __skb_queue_tail(sk.sk_error_queue, skb);
  if (!sock_flag(sk, SOCK_DEAD)) sk.sk_error_report(sk);
  return 0;
}

/** Takes a packet off the error queue; the next one's error becomes sk_err. */
export function sock_dequeue_err_skb(sk: sock): sk_buff | null {
  const q = sk.sk_error_queue;
  const skb = __skb_dequeue(q);
  if (skb === null) return null;
  const next = q.next;
  const is_icmp = (s: sk_buff): boolean => {
    const origin = SKB_EXT_ERR(s).ee.ee_origin;
    return origin === 2 || origin === 3;
  };
  if (next !== null && is_icmp(next)) sk.sk_err = SKB_EXT_ERR(next).ee.ee_errno;
  else if (is_icmp(skb)) sk.sk_err = 0;
  if (next !== null) sk.sk_error_report(sk);
  return skb;
}

const ENOMSG = 42;
const SOF_TIMESTAMPING_OPT_ID = 1 << 7;
const SOF_TIMESTAMPING_OPT_TSONLY = 1 << 11;

/** Reports a packet's time of transmission (tstype SCM_TSTAMP_*) to its socket's error queue. */
export function __skb_tstamp_tx(
  orig_skb: sk_buff,
  _ack_skb: sk_buff | null,
  hwtstamps: number | null,
  sk: sock | null,
  tstype: number,
): void {
  if (sk === null) return;
  if (hwtstamps === null && (orig_skb.shinfo.tx_flags & SKBTX_IN_PROGRESS) !== 0) return;
  const tsonly = (sk.sk_tsflags & SOF_TIMESTAMPING_OPT_TSONLY) !== 0;
  const skb = tsonly ? alloc_skb(0) : skb_clone(orig_skb);
  if (tsonly) {
    skb.shinfo.tx_flags |= orig_skb.shinfo.tx_flags & SKBTX_ANY_TSTAMP;
    skb.shinfo.tskey = orig_skb.shinfo.tskey;
  }
  skb.tstamp = hwtstamps ?? ktime_get_real();
  const serr = SKB_EXT_ERR(skb);
  serr.ee.ee_errno = ENOMSG;
  serr.ee.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
  serr.ee.ee_info = tstype;
  if ((sk.sk_tsflags & SOF_TIMESTAMPING_OPT_ID) !== 0) {
    serr.ee.ee_data = (skb.shinfo.tskey - (sk.sk_type === SOCK_STREAM ? sk.sk_tskey : 0)) | 0;
  }
  if (sock_queue_err_skb(sk, skb) < 0) kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

const SOCK_STREAM = 1;
const SKBTX_IN_PROGRESS = 1 << 2;
const SKBTX_ANY_TSTAMP = (1 << 0) | (1 << 1) | (1 << 6);
const SKBTX_SW_TSTAMP = 1 << 1;

/** A driver tells that it is about to send skb. */
export function skb_tstamp_tx(orig_skb: sk_buff, hwtstamps: number | null): void {
  __skb_tstamp_tx(orig_skb, null, hwtstamps, orig_skb.sk, SCM_TSTAMP_SND);
}

/** For a driver, as it hands skb to the hardware. */
export function skb_tx_timestamp(skb: sk_buff): void {
  if ((skb.shinfo.tx_flags & SKBTX_SW_TSTAMP) !== 0) skb_tstamp_tx(skb, null);
}

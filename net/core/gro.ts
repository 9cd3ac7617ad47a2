// SPDX-License-Identifier: GPL-2.0-only
//
// Generic receive offload. A driver's poll function gives each packet to napi_gro_receive();
// dev_gro_receive() asks the packet's type (inet_gro_receive, then tcp4_gro_receive), which compares it
// with the packets that the NAPI context holds: it is joined to one (skb_gro_receive), held, or
// passed on. What is finished gathers in rx_list and goes up by gro_normal_list().
// skb_mac_gso_segment() is the way back, for a device that cannot cut a packet itself.
//
// The leaf functions of the kernel's include/net/gro.h are here too. A header is asked for as an offset
// in skb.head: there is no frag0, headers that stand in fragments are pulled.

import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from "../../include/net/dropreason.ts";
import { E2BIG, EPROTONOSUPPORT } from "../../include/uapi/asm-generic/errno.ts";
import { ETH_HLEN } from "../../include/uapi/linux/if_ether.ts";
import { ERR_PTR } from "../../include/linux/err.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import {
  GRO_HASH_BUCKETS,
  GRO_HELD,
  GRO_MERGED,
  GRO_MERGED_FREE,
  GRO_NORMAL,
  MAX_GRO_SKBS,
  NETIF_F_GRO,
} from "../../include/linux/netdevice.ts";
import type {
  gro_list,
  napi_struct,
  net_device,
  packet_offload,
} from "../../include/linux/netdevice.ts";
import {
  __skb_fill_page_desc,
  __skb_queue_head,
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  ip_hdr,
  MAX_SKB_FRAGS,
  skb_cloned,
  SKB_OVERHEAD_SKB,
  skb_reset_mac_len,
  skb_set_network_header,
  SKB_TRUESIZE,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import { csum_add, csum_fold, csum_tcpudp_nofold } from "../../lib/checksum.ts";
import {
  __kfree_skb,
  __pskb_pull_tail,
  __skb_header_release,
  __skb_pull,
  __skb_push,
  kfree_skb_partial,
  kfree_skb_reason,
  skb_checksum,
} from "./skbuff.ts";

const NAPI_GRO_FREE = 1;
const NAPI_GRO_FREE_STOLEN_HEAD = 2;

/** Segments that gather in rx_list before they go up: net.core.gro_normal_batch. */
export let gro_normal_batch = 8;

export function gro_normal_batch_set(batch: number): void {
  gro_normal_batch = batch;
}

const offload_base: packet_offload[] = [];

/** Where finished packets go: netif_receive_skb_list_internal() of dev.ts, which stands above. */
let receive_skb_list: (head: sk_buff_head) => void = () => {};

/** Fresh for a machine that boots. @local */
export function gro_init(receive: (head: sk_buff_head) => void): void {
  offload_base.length = 0;
  gro_normal_batch = 8;
  receive_skb_list = receive;
}

/** Registers GRO and GSO of a packet type; lower priority numbers are asked first. */
export function dev_add_offload(po: packet_offload): void {
  let i = 0;
  while (i < offload_base.length && po.priority >= offload_base[i].priority) i++;
  offload_base.splice(i, 0, po);
}

export function dev_remove_offload(po: packet_offload): void {
  const i = offload_base.indexOf(po);
  if (i >= 0) offload_base.splice(i, 1);
}

/** The packet type behind the link header, ETH_P_*; 0 where there is none. */
export function skb_network_protocol(skb: sk_buff): number {
  return skb.protocol;
}

/**
 * Cuts a GSO packet, whose data starts with the link header, by its packet type. The segments' list,
 * null where it may go as it is, or a negative errno.
 */
export function skb_mac_gso_segment(skb: sk_buff, features: number): sk_buff | null | number {
  const type = skb_network_protocol(skb);
  let segs: sk_buff | null | number = ERR_PTR(-EPROTONOSUPPORT);
  __skb_pull(skb, skb.mac_len);
  for (let i = 0; i < offload_base.length; i++) {
    const ptype = offload_base[i];
    if (ptype.type !== type) continue;
    segs = ptype.gso_segment(skb, features);
    break;
  }
  __skb_push(skb, skb.data - skb.mac_header);
  return segs;
}

/** Offset of what is looked at now from the packet's data. */
export function skb_gro_offset(skb: sk_buff): number {
  return skb.gro_cb.data_offset;
}

/** Bytes from there on. */
export function skb_gro_len(skb: sk_buff): number {
  return skb.len - skb.gro_cb.data_offset;
}

/** Goes on to the next header. */
export function skb_gro_pull(skb: sk_buff, len: number): void {
  skb.gro_cb.data_offset += len;
}

/** The first hlen bytes of the packet do not stand in the head yet. */
export function skb_gro_header_hard(skb: sk_buff, hlen: number): boolean {
  return skb.len - skb.data_len < hlen;
}

/** Where in skb.head the byte at offset stands, the first hlen bytes being there; -1 if there are fewer. */
export function skb_gro_header_slow(skb: sk_buff, hlen: number, offset: number): number {
  if (hlen > skb.len || !__pskb_pull_tail(skb, hlen - (skb.len - skb.data_len))) return -1;
  return skb.data + offset;
}

/**
 * The header at `offset` of the packet, of which hlen bytes from the start are needed.
 * @differs C answers a pointer; here it is the offset in skb.head, -1 where the packet is too short
 */
export function skb_gro_header(skb: sk_buff, hlen: number, offset: number): number {
  if (skb.len - skb.data_len >= hlen) return skb.data + offset;
  return skb_gro_header_slow(skb, hlen, offset);
}

/** Offset in skb.head of the network header. */
export function skb_gro_network_header(skb: sk_buff): number {
  return skb.network_header;
}

/** The pseudo header's sum for what is left of an IPv4 packet. */
export function inet_gro_compute_pseudo(skb: sk_buff, proto: number): number {
  const iph = ip_hdr(skb);
  return csum_tcpudp_nofold(iph.saddr, iph.daddr, skb_gro_len(skb), proto, 0);
}

/** Has the checksum of what is left computed; 0 if it is right. */
export function __skb_gro_checksum_complete(skb: sk_buff): number {
  const cb = skb.gro_cb;
  const wsum = skb_checksum(skb, cb.data_offset, skb.len - cb.data_offset, 0);
  const sum = csum_fold(csum_add(cb.csum, wsum));
  cb.csum = wsum;
  cb.csum_valid = true;
  return sum;
}

/** The device has done its part for one more checksum. */
export function skb_gro_incr_csum_unnecessary(skb: sk_buff): void {
  const cb = skb.gro_cb;
  if (cb.csum_cnt > 0) {
    cb.csum_cnt--;
  } else if (skb.ip_summed === CHECKSUM_NONE) {
    skb.ip_summed = CHECKSUM_UNNECESSARY;
    skb.csum_level = 0;
  } else if (skb.ip_summed === CHECKSUM_UNNECESSARY && skb.csum_level < 3) {
    skb.csum_level++;
  }
}

/** 0 where the checksum of the header at the offset is right, or is not to be looked at. */
export function __skb_gro_checksum_validate(
  skb: sk_buff,
  proto: number,
  zero_okay: boolean,
  check: number,
  compute_pseudo: (skb: sk_buff, proto: number) => number,
): number {
  const cb = skb.gro_cb;
  const needed =
    (skb.ip_summed !== CHECKSUM_PARTIAL || skb.csum_start - skb.data < cb.data_offset) &&
    cb.csum_cnt === 0 && (!zero_okay || check !== 0);
  if (needed) {
    const psum = compute_pseudo(skb, proto);
    if (!cb.csum_valid || csum_fold(csum_add(psum, cb.csum)) !== 0) {
      cb.csum = psum;
      const ret = __skb_gro_checksum_complete(skb);
      if (ret !== 0) return ret;
    }
  }
  skb_gro_incr_csum_unnecessary(skb);
  return 0;
}

export function skb_gro_checksum_validate(
  skb: sk_buff,
  proto: number,
  compute_pseudo: (skb: sk_buff, proto: number) => number,
): number {
  return __skb_gro_checksum_validate(skb, proto, false, 0, compute_pseudo);
}

export function skb_gro_checksum_validate_zero_check(
  skb: sk_buff,
  proto: number,
  check: number,
  compute_pseudo: (skb: sk_buff, proto: number) => number,
): number {
  return __skb_gro_checksum_validate(skb, proto, true, check, compute_pseudo);
}

/** At the end of a gro_receive function: what it found out goes to the packet. */
export function skb_gro_flush_final(skb: sk_buff, _pp: sk_buff | null, flush: number): void {
  skb.gro_cb.flush |= flush !== 0 ? 1 : 0;
}

/** Asks the next protocol. @differs no limit of nesting: nothing here is encapsulated */
export function call_gro_receive(
  cb: (head: sk_buff_head, skb: sk_buff) => sk_buff | null,
  head: sk_buff_head,
  skb: sk_buff,
): sk_buff | null {
  return cb(head, skb);
}

/**
 * Joins the payload of skb to the held packet p, by reference: as fragments of p or, where there is no
 * room for more, as a packet on p's frag_list. 0, or -E2BIG where p is full.
 */
export function skb_gro_receive(p: sk_buff, skb: sk_buff): number {
  const cb = skb.gro_cb, pcb = p.gro_cb;
  const len = skb.len - cb.data_offset;
  if (p.len + len >= (p.dev as net_device).gro_max_size || cb.flush !== 0) return -E2BIG;
  // Another packet refers to these fragments or this head too.
  if (skb_cloned(skb)) return -E2BIG;

  let lp = pcb.last as sk_buff;
  let delta_truesize = skb_gro_receive_frags(lp, skb);
  if (delta_truesize < 0) {
    delta_truesize = skb.truesize;
    skb_gro_receive_list(p, skb);
    lp = p;
  }
  pcb.count++;
  p.data_len += len;
  p.truesize += delta_truesize;
  p.len += len;
  if (lp !== p) {
    lp.data_len += len;
    lp.truesize += delta_truesize;
    lp.len += len;
  }
  cb.same_flow = true;
  return 0;
}

/** Moves skb's payload to lp's fragments; what truesize grows by, -1 where they are too many. @local */
function skb_gro_receive_frags(lp: sk_buff, skb: sk_buff): number {
  const cb = skb.gro_cb;
  const pinfo = lp.shinfo, skbinfo = skb.shinfo;
  const { frags, nr_frags } = skbinfo;
  const offset = cb.data_offset;
  const headlen = skb.len - skb.data_len;
  let k = pinfo.nr_frags;
  let delta: number;
  if (skbinfo.frag_list !== null || lp.shinfo.frag_list !== null) return -1;
  if (headlen > offset) {
    if (k + 1 + nr_frags > MAX_SKB_FRAGS) return -1;
    __skb_fill_page_desc(lp, k++, skb.head, skb.data + offset, headlen - offset);
    delta = skb.truesize - SKB_OVERHEAD_SKB;
    cb.free = NAPI_GRO_FREE_STOLEN_HEAD;
  } else {
    if (k + nr_frags > MAX_SKB_FRAGS) return -1;
    const skip = offset - headlen;
    frags[0].bv_offset += skip;
    frags[0].bv_len -= skip;
    delta = Math.max(skb.truesize - SKB_TRUESIZE(skb.end), 0);
    cb.free = NAPI_GRO_FREE;
  }
  for (let i = 0; i < nr_frags; i++) {
    const frag = frags[i];
    __skb_fill_page_desc(lp, k++, frag.bv_page, frag.bv_offset, frag.bv_len);
  }
  pinfo.nr_frags = k;
  skbinfo.nr_frags = 0;
  return delta;
}

/** Appends skb to p's frag_list; later packets become its fragments. @local */
export function skb_gro_receive_list(p: sk_buff, skb: sk_buff): void {
  const cb = skb.gro_cb, pcb = p.gro_cb;
  const headlen = skb.len - skb.data_len;
  let offset = cb.data_offset;
  if (offset > headlen) {
    const eat = offset - headlen;
    const frag = skb.shinfo.frags[0];
    frag.bv_offset += eat;
    frag.bv_len -= eat;
    skb.data_len -= eat;
    skb.len -= eat;
    offset = headlen;
  }
  __skb_pull(skb, offset);
  const last = pcb.last as sk_buff;
  if (last === p) p.shinfo.frag_list = skb;
  else last.next = skb;
  pcb.last = skb;
  __skb_header_release(skb);
}

/** The type's last word on a joined packet, which then goes up. */
function napi_gro_complete(napi: napi_struct, skb: sk_buff): void {
  const cb = skb.gro_cb;
  cb.last = null;
  if (cb.count === 1) {
    skb.shinfo.gso_size = 0;
  } else {
    const type = skb.protocol;
    let err = -EPROTONOSUPPORT;
    for (let i = 0; i < offload_base.length; i++) {
      if (offload_base[i].type !== type) continue;
      err = offload_base[i].gro_complete(skb, 0);
      break;
    }
    if (err !== 0) {
      kfree_skb_reason(skb, SKB_DROP_REASON_UNHANDLED_PROTO);
      return;
    }
  }
  gro_normal_one(napi, skb, cb.count);
}

function __napi_gro_flush_chain(napi: napi_struct, index: number, flush_old: boolean): void {
  const bucket = napi.gro_hash[index];
  const head = bucket.list;
  for (let skb = head.prev; skb !== null; skb = head.prev) {
    if (flush_old && skb.gro_cb.age === jiffies) return;
    __skb_unlink(skb, head);
    bucket.count--;
    napi_gro_complete(napi, skb);
  }
  napi.gro_bitmask &= ~(1 << index);
}

/** Completes what is held, oldest first; flush_old: only what came in earlier jiffies. */
export function napi_gro_flush(napi: napi_struct, flush_old: boolean): void {
  for (let mask = napi.gro_bitmask; mask !== 0; mask &= mask - 1) {
    __napi_gro_flush_chain(napi, 31 - Math.clz32(mask & -mask), flush_old);
  }
}

/** Whether the link headers are the same, and where both came from. @local */
function gro_same_link(p: sk_buff, skb: sk_buff, maclen: number): boolean {
  if (p.dev !== skb.dev) return false;
  if (maclen === 0) return true;
  const a = p.mac_header, b = skb.mac_header;
  if (maclen === ETH_HLEN) {
    const x = p.head.dv, y = skb.head.dv;
    return x.getInt32(a) === y.getInt32(b) && x.getInt32(a + 4) === y.getInt32(b + 4) &&
      x.getInt32(a + 8) === y.getInt32(b + 8) && x.getInt16(a + 12) === y.getInt16(b + 12);
  }
  const x = p.head.u8, y = skb.head.u8;
  for (let i = 0; i < maclen; i++) if (x[a + i] !== y[b + i]) return false;
  return true;
}

/** Marks which of the held packets may be of skb's flow. */
function gro_list_prepare(head: sk_buff_head, skb: sk_buff): void {
  const maclen = (skb.dev as net_device).hard_header_len;
  const hash = skb.hash;
  for (let p = head.next; p !== null; p = p.next) {
    const cb = p.gro_cb;
    cb.flush = 0;
    cb.same_flow = hash === p.hash && gro_same_link(p, skb, maclen);
  }
}

function gro_flush_oldest(napi: napi_struct, head: sk_buff_head): void {
  const oldest = head.prev;
  if (oldest === null) return;
  __skb_unlink(oldest, head);
  napi_gro_complete(napi, oldest);
}

/** Nothing is known of the packet yet. @local */
function gro_cb_prepare(skb: sk_buff): void {
  const cb = skb.gro_cb;
  const si = skb.shinfo;
  cb.same_flow = false;
  cb.flush = si.gso_size !== 0 || si.frag_list !== null ? 1 : 0;
  cb.flush_id = 0;
  cb.count = 1;
  cb.free = 0;
  cb.is_atomic = true;
  cb.csum = 0;
  cb.csum_cnt = 0;
  cb.csum_valid = false;
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    cb.csum = skb.csum;
    cb.csum_valid = true;
  } else if (skb.ip_summed === CHECKSUM_UNNECESSARY) {
    cb.csum_cnt = skb.csum_level + 1;
  }
}

function gro_find_receive_by_type(type: number): packet_offload | null {
  for (let i = 0; i < offload_base.length; i++) {
    if (offload_base[i].type === type) return offload_base[i];
  }
  return null;
}

export function gro_find_complete_by_type(type: number): packet_offload | null {
  return gro_find_receive_by_type(type);
}

/** Holds skb as the first packet of a flow. @local */
function gro_hold(napi: napi_struct, bucket: gro_list, skb: sk_buff): void {
  const cb = skb.gro_cb;
  if (bucket.count >= MAX_GRO_SKBS) gro_flush_oldest(napi, bucket.list);
  else bucket.count++;
  cb.age = jiffies;
  cb.last = skb;
  if (skb.shinfo.gso_size === 0) skb.shinfo.gso_size = skb.len - cb.data_offset;
  __skb_queue_head(bucket.list, skb);
}

/** Joins, holds or passes skb: GRO_*. */
function dev_gro_receive(napi: napi_struct, skb: sk_buff): number {
  const index = skb.hash & (GRO_HASH_BUCKETS - 1);
  const bucket = napi.gro_hash[index];
  if (((skb.dev as net_device).features & NETIF_F_GRO) === 0) return GRO_NORMAL;
  gro_list_prepare(bucket.list, skb);
  const ptype = gro_find_receive_by_type(skb.protocol);
  if (ptype === null) return GRO_NORMAL;

  const cb = skb.gro_cb;
  skb_set_network_header(skb, cb.data_offset);
  skb_reset_mac_len(skb);
  gro_cb_prepare(skb);
  const pp = ptype.gro_receive(bucket.list, skb);
  const same_flow = cb.same_flow;
  let ret = cb.free !== 0 ? GRO_MERGED_FREE : GRO_MERGED;
  if (pp !== null) {
    __skb_unlink(pp, bucket.list);
    bucket.count--;
    napi_gro_complete(napi, pp);
  }
  if (!same_flow) {
    if (cb.flush !== 0) {
      ret = GRO_NORMAL;
    } else {
      gro_hold(napi, bucket, skb);
      ret = GRO_HELD;
    }
  }
  if (bucket.count !== 0) napi.gro_bitmask |= 1 << index;
  else napi.gro_bitmask &= ~(1 << index);
  return ret;
}

/** Frees an skb whose head went over to the packet that it was joined to. */
export function napi_skb_free_stolen_head(skb: sk_buff): void {
  kfree_skb_partial(skb, true);
}

function napi_skb_finish(napi: napi_struct, skb: sk_buff, ret: number): number {
  switch (ret) {
    case GRO_NORMAL:
      gro_normal_one(napi, skb, 1);
      break;
    case GRO_MERGED_FREE:
      if (skb.gro_cb.free === NAPI_GRO_FREE_STOLEN_HEAD) napi_skb_free_stolen_head(skb);
      else __kfree_skb(skb);
      break;
  }
  return ret;
}

/** Takes a packet, link header pulled, from a driver's poll function: GRO_*. */
export function napi_gro_receive(napi: napi_struct, skb: sk_buff): number {
  skb.gro_cb.data_offset = 0;
  return napi_skb_finish(napi, skb, dev_gro_receive(napi, skb));
}

/** Passes the packets of rx_list on. */
export function gro_normal_list(napi: napi_struct): void {
  if (napi.rx_count === 0) return;
  napi.rx_count = 0;
  receive_skb_list(napi.rx_list);
}

/** Adds a finished packet of so many segments to rx_list, which is passed on once long enough. */
export function gro_normal_one(napi: napi_struct, skb: sk_buff, segs: number): void {
  __skb_queue_tail(napi.rx_list, skb);
  napi.rx_count += segs;
  if (napi.rx_count >= gro_normal_batch) gro_normal_list(napi);
}

/** Frees what a NAPI context holds that goes away. @local */
export function napi_gro_purge(napi: napi_struct): void {
  for (const bucket of napi.gro_hash) {
    for (let skb = bucket.list.next; skb !== null; skb = bucket.list.next) {
      __skb_unlink(skb, bucket.list);
      skb.gro_cb.last = null;
      kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
    }
    bucket.count = 0;
  }
  napi.gro_bitmask = 0;
  for (let skb = napi.rx_list.next; skb !== null; skb = napi.rx_list.next) {
    __skb_unlink(skb, napi.rx_list);
    kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
  }
  napi.rx_count = 0;
}

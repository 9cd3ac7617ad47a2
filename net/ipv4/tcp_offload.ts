// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's GSO and GRO. Out: inet_gso_segment() -> tcp4_gso_segment() cuts a packet that its device cannot.
// In: inet_gro_receive() -> tcp4_gro_receive() joins segments that follow each other; inet_gro_complete()
// -> tcp4_gro_complete() makes one packet of them.

import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { ERR_PTR, IS_ERR } from "../../include/linux/err.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import { NETIF_F_GSO_ROBUST } from "../../include/linux/netdevice.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  ip_hdr,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCP_FIXEDID,
  SKB_GSO_TCPV4,
  SKBTX_SW_TSTAMP,
  tcp_hdr,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import type { net_offload } from "../../include/net/protocol.ts";
import { before } from "../../include/net/tcp.ts";
import type { sock } from "../../include/net/sock.ts";
import { csum_partial, csum_tcpudp_magic } from "../../lib/checksum.ts";
import { skb_gso_ok } from "../core/dev.ts";
import {
  inet_gro_compute_pseudo,
  skb_gro_checksum_validate,
  skb_gro_flush_final,
  skb_gro_header,
  skb_gro_len,
  skb_gro_offset,
  skb_gro_pull,
  skb_gro_receive,
} from "../core/gro.ts";
import { __skb_pull, pskb_may_pull, skb_checksum, skb_segment } from "../core/skbuff.ts";
import { inet_add_offload } from "./protocol.ts";
import { tcp_wfree } from "./tcp_output.ts";

const TCPHDR_LEN = 20;
const CHECK_OFFSET = 16;

const TCPHDR_FIN = 0x01;
const TCPHDR_PSH = 0x08;
const TCPHDR_CWR = 0x80;
/** The same in the word of data offset, flags and window. */
const TCP_FLAG_CWR = TCPHDR_CWR << 16;
const TCP_FLAG_FIN_PSH = (TCPHDR_FIN | TCPHDR_PSH) << 16;
const TCP_FLAG_MAY_DIFFER = TCP_FLAG_CWR | TCP_FLAG_FIN_PSH;
/** URG, PSH, RST, SYN, FIN: nothing may follow. */
const TCP_FLAG_ENDS = 0x2f << 16;

/** The segment with byte ts_seq is the one whose departure is reported. */
function tcp_gso_tstamp(skb: sk_buff | null, ts_seq: number, seq: number, mss: number): void {
  for (; skb !== null; skb = skb.next, seq = (seq + mss) | 0) {
    if (!before(ts_seq, (seq + mss) | 0)) continue;
    skb.shinfo.tx_flags |= SKBTX_SW_TSTAMP;
    skb.shinfo.tskey = ts_seq;
    return;
  }
}

/** The sum of the pseudo header for so many bytes, as a header with CHECKSUM_PARTIAL has it. */
function tcp_v4_partial_check(len: number, saddr: number, daddr: number): number {
  return ~csum_tcpudp_magic(saddr, daddr, len, IPPROTO_TCP, 0) & 0xffff;
}

/** Writes a segment's checksum, or leaves it to the device; summed: csum is that of its payload. */
function tcp_gso_checksum(seg: sk_buff, thlen: number, summed: boolean): void {
  const thoff = seg.transport_header - seg.data;
  const len = seg.len - thoff;
  const { dv } = seg.head;
  const saddr = dv.getInt32(seg.network_header + 12);
  const daddr = dv.getInt32(seg.network_header + 16);
  const at = seg.transport_header + CHECK_OFFSET;
  if (seg.ip_summed === CHECKSUM_PARTIAL) {
    dv.setUint16(at, tcp_v4_partial_check(len, saddr, daddr));
    return;
  }
  dv.setUint16(at, 0);
  const sum = summed
    ? csum_partial(seg.head.u8, seg.transport_header, thlen, seg.csum)
    : skb_checksum(seg, thoff, len, 0);
  dv.setUint16(at, csum_tcpudp_magic(saddr, daddr, len, IPPROTO_TCP, sum));
}

/** Charges the segments to the socket in place of the packet. */
function tcp_gso_copy_destructor(gso_skb: sk_buff, segs: sk_buff): void {
  const sk = gso_skb.sk as sock;
  let sum_truesize = 0;
  for (let skb: sk_buff | null = segs; skb !== null; skb = skb.next) {
    skb.destructor = gso_skb.destructor;
    skb.sk = sk;
    sum_truesize += skb.truesize;
  }
  sk.sk_wmem_alloc += sum_truesize - gso_skb.truesize;
  gso_skb.sk = null;
  gso_skb.destructor = null;
}

/** Cuts a packet of TCP, its TCP header in front. Segments, null where it may go as it is, or -errno. */
export function tcp_gso_segment(skb: sk_buff, features: number): sk_buff | null | number {
  const thlen = tcp_hdr(skb).doff << 2;
  if (thlen < TCPHDR_LEN || !pskb_may_pull(skb, thlen)) return ERR_PTR(-EINVAL);
  const gso_skb = skb;
  __skb_pull(skb, thlen);
  const si = skb.shinfo;
  const mss = si.gso_size;
  if (skb.len <= mss) return ERR_PTR(-EINVAL);
  if (skb_gso_ok(skb, features | NETIF_F_GSO_ROBUST)) {
    // Its headers have now been looked at.
    si.gso_segs = Math.ceil(skb.len / mss);
    return null;
  }
  const copy_destructor = gso_skb.destructor === tcp_wfree;
  const { ooo_okay } = gso_skb;
  gso_skb.ooo_okay = false;
  const segs = skb_segment(gso_skb, features);
  if (IS_ERR(segs)) return segs;

  segs.ooo_okay = ooo_okay;
  // skb_segment() had to copy, and summed up on the way.
  const summed = segs.ip_summed === CHECKSUM_NONE && segs.data_len === 0;
  let seq = tcp_hdr(segs).seq;
  if ((si.tx_flags & SKBTX_SW_TSTAMP) !== 0) tcp_gso_tstamp(segs, si.tskey, seq, mss);
  for (let seg: sk_buff | null = segs; seg !== null; seg = seg.next) {
    const th = tcp_hdr(seg);
    let { flags } = th;
    if (seg.next !== null) flags &= ~(TCPHDR_FIN | TCPHDR_PSH);
    if (seg !== segs) flags &= ~TCPHDR_CWR;
    th.flags = flags;
    th.seq = seq;
    seq = (seq + mss) | 0;
    tcp_gso_checksum(seg, thlen, summed);
  }
  if (copy_destructor) tcp_gso_copy_destructor(gso_skb, segs);
  return segs;
}

function tcp4_gso_segment(skb: sk_buff, features: number): sk_buff | null | number {
  if ((skb.shinfo.gso_type & SKB_GSO_TCPV4) === 0) return ERR_PTR(-EINVAL);
  if (!pskb_may_pull(skb, TCPHDR_LEN)) return ERR_PTR(-EINVAL);
  if (skb.ip_summed !== CHECKSUM_PARTIAL) {
    // Its checksum was complete; the segments' are not.
    const iph = ip_hdr(skb);
    tcp_hdr(skb).check = tcp_v4_partial_check(skb.len, iph.saddr, iph.daddr);
    skb.csum_start = skb.transport_header;
    skb.csum_offset = CHECK_OFFSET;
    skb.ip_summed = CHECKSUM_PARTIAL;
  }
  return tcp_gso_segment(skb, features);
}

/** The held packet of skb's connection, or null; others lose same_flow. */
function tcp_gro_lookup(head: sk_buff_head, ports: number): sk_buff | null {
  for (let p = head.next; p !== null; p = p.next) {
    if (!p.gro_cb.same_flow) continue;
    if (p.head.dv.getInt32(p.transport_header) === ports) return p;
    p.gro_cb.same_flow = false;
  }
  return null;
}

/** Not 0 where the segment at th (of len bytes) cannot follow p. */
function tcp_gro_differs(p: sk_buff, skb: sk_buff, th: number, thlen: number, len: number): number {
  const cb = p.gro_cb;
  const dv = skb.head.dv, dv2 = p.head.dv;
  const th2 = p.transport_header;
  const flags = dv.getInt32(th + 12);
  let flush = cb.flush | (flags & TCP_FLAG_CWR);
  // Headers of different length too: then p's may end where skb's goes on.
  if (((flags ^ dv2.getInt32(th2 + 12)) & ~TCP_FLAG_MAY_DIFFER) !== 0) return 1;
  flush |= dv.getInt32(th + 8) ^ dv2.getInt32(th2 + 8);
  for (let i = TCPHDR_LEN; i < thlen; i += 4) flush |= dv.getInt32(th + i) ^ dv2.getInt32(th2 + i);
  // The second packet shows whether the IDs count up or stay.
  if (cb.flush_id !== 1 || cb.count !== 1 || !cb.is_atomic) flush |= cb.flush_id;
  else cb.is_atomic = false;
  if (len === 0 || len > p.shinfo.gso_size) flush = 1;
  return flush | ((dv2.getInt32(th2 + 4) + skb_gro_len(p)) ^ dv.getInt32(th + 4));
}

/** Joins a segment to the held one before it. The held packet that is complete, or null. */
export function tcp_gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null {
  const off = skb_gro_offset(skb);
  let th = skb_gro_header(skb, off + TCPHDR_LEN, off);
  const cb = skb.gro_cb;
  if (th < 0) {
    cb.flush = 1;
    return null;
  }
  const thlen = (skb.head.u8[th + 12] >> 4) << 2;
  if (thlen < TCPHDR_LEN || (th = skb_gro_header(skb, off + thlen, off)) < 0) {
    cb.flush = 1;
    return null;
  }
  skb_gro_pull(skb, thlen);
  const len = skb_gro_len(skb);
  const flags = skb.head.dv.getInt32(th + 12);
  const p = tcp_gro_lookup(head, skb.head.dv.getInt32(th));
  let mss = 1;
  if (p !== null) {
    mss = p.shinfo.gso_size;
    if (tcp_gro_differs(p, skb, th, thlen, len) !== 0 || skb_gro_receive(p, skb) !== 0) {
      mss = 1;
    } else {
      const at = p.transport_header + 12;
      const { dv } = p.head;
      dv.setInt32(at, dv.getInt32(at) | (flags & TCP_FLAG_FIN_PSH));
    }
  }
  const flush = len < mss || (flags & TCP_FLAG_ENDS) !== 0;
  skb_gro_flush_final(skb, null, flush ? 1 : 0);
  return p !== null && (!cb.same_flow || flush) ? p : null;
}

/** The joined packet is a GSO packet of as many segments. */
export function tcp_gro_complete(skb: sk_buff): number {
  const si = skb.shinfo;
  skb.csum_start = skb.transport_header;
  skb.csum_offset = CHECK_OFFSET;
  skb.ip_summed = CHECKSUM_PARTIAL;
  si.gso_segs = skb.gro_cb.count;
  if (tcp_hdr(skb).cwr) si.gso_type |= SKB_GSO_TCP_ECN;
  return 0;
}

/** As tcp_gro_receive(), for a segment whose checksum is right. */
export function tcp4_gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null {
  const cb = skb.gro_cb;
  if (
    cb.flush === 0 && skb_gro_checksum_validate(skb, IPPROTO_TCP, inet_gro_compute_pseudo) !== 0
  ) {
    cb.flush = 1;
    return null;
  }
  return tcp_gro_receive(head, skb);
}

/** Makes a GSO packet of joined segments, TCP header at thoff from data; 0. */
export function tcp4_gro_complete(skb: sk_buff, thoff: number): number {
  const iph = ip_hdr(skb);
  tcp_hdr(skb).check = tcp_v4_partial_check(skb.len - thoff, iph.saddr, iph.daddr);
  skb.shinfo.gso_type |= SKB_GSO_TCPV4;
  if (skb.gro_cb.is_atomic) skb.shinfo.gso_type |= SKB_GSO_TCP_FIXEDID;
  return tcp_gro_complete(skb);
}

export const tcpv4_offload: net_offload = {
  gso_segment: tcp4_gso_segment,
  gro_receive: tcp4_gro_receive,
  gro_complete: tcp4_gro_complete,
};

export function tcpv4_offload_init(): number {
  return inet_add_offload(tcpv4_offload, IPPROTO_TCP);
}

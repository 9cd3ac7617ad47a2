// SPDX-License-Identifier: GPL-2.0-only
//
// Ethernet frames made by hand, and wrongly where a test wants that: builders take fields, overrides for lengths and
// checksums, and compute the rest; a frame_rx has a device receive them as from the wire.

import { napi_struct } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { __skb_dequeue, __skb_queue_tail, sk_buff_head } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import {
  csum_fold,
  csum_partial,
  csum_tcpudp_nofold,
  ip_compute_csum,
  ip_fast_csum,
} from "../../lib/checksum.ts";
import {
  napi_complete_done,
  napi_enable,
  napi_schedule,
  netif_napi_add,
} from "../../net/core/dev.ts";
import { napi_gro_receive } from "../../net/core/gro.ts";
import { netdev_alloc_skb, skb_put_data } from "../../net/core/skbuff.ts";
import { eth_type_trans } from "../../net/ethernet/eth.ts";

export const ETH_HLEN = 14;
const NONE = new Uint8Array(0);
/** Destination of broadcasts. */
export const everybody: Uint8Array = new Uint8Array(6).fill(0xff);

/** The fields of an IPv4 header; what is not given is right. */
export interface ip_fields {
  saddr: number;
  daddr: number;
  protocol: number;
  version?: number;
  ihl?: number;
  tos?: number;
  tot_len?: number;
  id?: number;
  /** With the flags. */
  frag_off?: number;
  ttl?: number;
  check?: number;
  /** Padded to words. */
  options?: Uint8Array | readonly number[];
}

export interface tcp_fields {
  source: number;
  dest: number;
  seq: number;
  ack_seq: number;
  /** TCPHDR_* */
  flags: number;
  window?: number;
  urg_ptr?: number;
  doff?: number;
  check?: number;
  /** Padded to words, by what is not given up to 40 bytes. */
  options?: Uint8Array | readonly number[];
}

export interface udp_fields {
  source: number;
  dest: number;
  len?: number;
  check?: number;
}

export interface icmp_fields {
  type: number;
  code?: number;
  /** The second word of the header. */
  un?: number;
  check?: number;
}

export interface arp_fields {
  op: number;
  sha: Uint8Array;
  sip: number;
  tha?: Uint8Array;
  tip: number;
  hrd?: number;
  pro?: number;
  hln?: number;
  pln?: number;
}

function view(b: Uint8Array): DataView {
  return new DataView(b.buffer, b.byteOffset, b.byteLength);
}

/** A frame. */
export function eth_frame(
  dst: Uint8Array,
  src: Uint8Array,
  payload: Uint8Array,
  proto = ETH_P_IP,
): Uint8Array {
  const f = new Uint8Array(ETH_HLEN + payload.length);
  f.set(dst);
  f.set(src, 6);
  f[12] = proto >> 8;
  f[13] = proto;
  f.set(payload, ETH_HLEN);
  return f;
}

/** An IPv4 packet. */
export function ip_packet(f: ip_fields, payload: Uint8Array): Uint8Array {
  const opt = f.options ?? NONE;
  const hlen = 20 + ((opt.length + 3) & ~3);
  const p = new Uint8Array(hlen + payload.length);
  const dv = view(p);
  p[0] = (f.version ?? 4) << 4 | (f.ihl ?? hlen >> 2);
  p[1] = f.tos ?? 0;
  dv.setUint16(2, f.tot_len ?? p.length);
  dv.setUint16(4, f.id ?? 0);
  dv.setUint16(6, f.frag_off ?? 0);
  p[8] = f.ttl ?? 64;
  p[9] = f.protocol;
  dv.setInt32(12, f.saddr);
  dv.setInt32(16, f.daddr);
  p.set(opt, 20);
  dv.setUint16(10, f.check ?? ip_compute_csum(p, 0, hlen));
  p.set(payload, hlen);
  return p;
}

/** The checksum of a segment or datagram between addresses. */
export function l4_csum(saddr: number, daddr: number, proto: number, seg: Uint8Array): number {
  const sum = csum_tcpudp_nofold(saddr, daddr, seg.length, proto, 0);
  return csum_fold(csum_partial(seg, 0, seg.length, sum));
}

/** A TCP segment in an IPv4 packet; `ip` overrides fields of its header. */
export function tcp_packet(
  addr: { saddr: number; daddr: number },
  t: tcp_fields,
  payload: Uint8Array = NONE,
  ip: Partial<ip_fields> = {},
): Uint8Array {
  const opt = t.options ?? NONE;
  const hlen = 20 + ((opt.length + 3) & ~3);
  const s = new Uint8Array(hlen + payload.length);
  const dv = view(s);
  dv.setUint16(0, t.source);
  dv.setUint16(2, t.dest);
  dv.setInt32(4, t.seq);
  dv.setInt32(8, t.ack_seq);
  s[12] = (t.doff ?? hlen >> 2) << 4;
  s[13] = t.flags;
  dv.setUint16(14, t.window ?? 65535);
  dv.setUint16(18, t.urg_ptr ?? 0);
  s.set(opt, 20);
  s.set(payload, hlen);
  dv.setUint16(16, t.check ?? l4_csum(addr.saddr, addr.daddr, IPPROTO_TCP, s));
  return ip_packet({ ...addr, protocol: IPPROTO_TCP, ...ip }, s);
}

/** A UDP datagram in an IPv4 packet. */
export function udp_packet(
  addr: { saddr: number; daddr: number },
  u: udp_fields,
  payload: Uint8Array = NONE,
  ip: Partial<ip_fields> = {},
): Uint8Array {
  const s = new Uint8Array(8 + payload.length);
  const dv = view(s);
  dv.setUint16(0, u.source);
  dv.setUint16(2, u.dest);
  dv.setUint16(4, u.len ?? s.length);
  s.set(payload, 8);
  dv.setUint16(6, u.check ?? (l4_csum(addr.saddr, addr.daddr, IPPROTO_UDP, s) || 0xffff));
  return ip_packet({ ...addr, protocol: IPPROTO_UDP, ...ip }, s);
}

/** An ICMP message alone. */
export function icmp_message(i: icmp_fields, payload: Uint8Array = NONE): Uint8Array {
  const s = new Uint8Array(8 + payload.length);
  const dv = view(s);
  s[0] = i.type;
  s[1] = i.code ?? 0;
  dv.setInt32(4, i.un ?? 0);
  s.set(payload, 8);
  dv.setUint16(2, i.check ?? ip_compute_csum(s, 0, s.length));
  return s;
}

/** An ICMP message in an IPv4 packet. */
export function icmp_packet(
  addr: { saddr: number; daddr: number },
  i: icmp_fields,
  payload: Uint8Array = NONE,
  ip: Partial<ip_fields> = {},
): Uint8Array {
  return ip_packet({ ...addr, protocol: IPPROTO_ICMP, ...ip }, icmp_message(i, payload));
}

/** An ARP packet. */
export function arp_packet(a: arp_fields): Uint8Array {
  const p = new Uint8Array(28);
  const dv = view(p);
  dv.setUint16(0, a.hrd ?? 1);
  dv.setUint16(2, a.pro ?? ETH_P_IP);
  p[4] = a.hln ?? 6;
  p[5] = a.pln ?? 4;
  dv.setUint16(6, a.op);
  p.set(a.sha, 8);
  dv.setInt32(14, a.sip);
  if (a.tha !== undefined) p.set(a.tha, 18);
  dv.setInt32(24, a.tip);
  return p;
}

/** The pieces of a packet that a router of this MTU would make. */
export function ip_fragments(packet: Uint8Array, mtu: number): Uint8Array[] {
  const hlen = (packet[0] & 15) << 2;
  const size = (mtu - hlen) & ~7;
  const out: Uint8Array[] = [];
  for (let at = 0; hlen + at < packet.length; at += size) {
    const piece = packet.subarray(hlen + at, Math.min(hlen + at + size, packet.length));
    const f = new Uint8Array(hlen + piece.length);
    f.set(packet.subarray(0, hlen));
    f.set(piece, hlen);
    const dv = view(f);
    const more = hlen + at + size < packet.length ? 0x2000 : 0;
    dv.setUint16(2, f.length);
    dv.setUint16(6, more | at >> 3);
    fix_ip_csum(f, 0);
    out.push(f);
  }
  return out;
}

/** Makes the header checksum of the IPv4 packet at off right, if its header is all there. */
export function fix_ip_csum(b: Uint8Array, off: number): void {
  const ihl = b[off] & 15;
  if (ihl < 5 || off + ihl * 4 > b.length) return;
  b[off + 10] = b[off + 11] = 0;
  const sum = ip_fast_csum(b, off, ihl);
  b[off + 10] = sum >> 8;
  b[off + 11] = sum;
}

/** Makes the transport's checksum of the IPv4 packet at off right, as far as one can tell where it is. */
export function fix_l4_csum(b: Uint8Array, off: number): void {
  const hlen = (b[off] & 15) << 2;
  const protocol = b[off + 9];
  const at = off + hlen;
  const dv = view(b);
  if (hlen < 20 || at + 8 > b.length || (dv.getUint16(off + 6) & 0x1fff) !== 0) return;
  const end = Math.min(b.length, Math.max(at, off + dv.getUint16(off + 2)));
  const field = protocol === IPPROTO_TCP ? 16 : protocol === IPPROTO_UDP ? 6 : 2;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP && protocol !== IPPROTO_ICMP) return;
  if (at + field + 2 > end) return;
  dv.setUint16(at + field, 0);
  const seg = b.subarray(at, end);
  const sum = protocol === IPPROTO_ICMP
    ? ip_compute_csum(seg, 0, seg.length)
    : l4_csum(dv.getInt32(off + 12), dv.getInt32(off + 16), protocol, seg);
  dv.setUint16(at + field, protocol === IPPROTO_UDP ? sum || 0xffff : sum);
}

/** An sk_buff of a frame that dev receives. */
export function frame_skb(dev: net_device, frame: Uint8Array): sk_buff {
  const skb = netdev_alloc_skb(dev, frame.length);
  skb_put_data(skb, frame, frame.length);
  skb.dev = dev;
  skb.protocol = eth_type_trans(skb, dev);
  return skb;
}

/** The receiving half of a driver, put on a device: frames come in by NAPI and GRO. */
export class frame_rx {
  private readonly napi: napi_struct;
  private readonly ring = new sk_buff_head();

  constructor(readonly dev: net_device) {
    const poll = (napi: napi_struct, budget: number): number => {
      let done = 0;
      while (done < budget) {
        const skb = __skb_dequeue(this.ring);
        if (skb === null) break;
        napi_gro_receive(napi, skb);
        done++;
      }
      if (done < budget) napi_complete_done(napi, done);
      return done;
    };
    this.napi = new napi_struct(dev, poll);
    netif_napi_add(dev, this.napi, poll);
    napi_enable(this.napi);
  }

  /** One more packet has come; softirqs are off. */
  queue(skb: sk_buff): void {
    __skb_queue_tail(this.ring, skb);
    napi_schedule(this.napi);
  }

  /** Frames have come, as one interrupt. */
  receive(frames: readonly Uint8Array[]): void {
    update_wall_time();
    local_bh_disable();
    for (const f of frames) this.queue(frame_skb(this.dev, f));
    local_bh_enable();
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// What fuzz.ts throws at the stack. Each function of `kinds` makes the frames of one attack from a fuzz_source: valid
// frames of live flows, bent. Two kinds of flows are told apart: those of forged peers may be killed or
// filled with anything; on those of the real host only what a stack must not be impressed by is
// sent: broken checksums and lengths, sequence numbers out of the window, RSTs that miss.

import type { net_device } from "../../include/linux/netdevice.ts";
import { tcp_twsk } from "../../include/linux/tcp.ts";
import type { tcp_request_sock, tcp_sock } from "../../include/linux/tcp.ts";
import { tcp_time_stamp_raw } from "../../include/net/tcp.ts";
import {
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCPHDR_URG,
} from "../../include/net/tcp.ts";
import { TCP_NEW_SYN_RECV, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import { ETH_P_ARP, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_ICMP } from "../../include/uapi/linux/in.ts";
import { __inet_lookup_established, tcp_hashinfo } from "../../net/ipv4/inet_hashtables.ts";
import {
  arp_packet,
  eth_frame,
  ETH_HLEN,
  everybody,
  fix_ip_csum,
  fix_l4_csum,
  icmp_packet,
  ip_fragments,
  ip_packet,
  tcp_packet,
  udp_packet,
} from "./frames.ts";
import type { ip_fields } from "./frames.ts";

/** Reproducible choices. @local */
export class fuzz_random {
  constructor(private a: number) {}

  /** 32 bits, signed. */
  u32(): number {
    this.a = (this.a + 0x6d2b79f5) | 0;
    let t = Math.imul(this.a ^ (this.a >>> 15), 1 | this.a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  }

  /** 0..n-1 */
  below(n: number): number {
    return (this.u32() >>> 0) % n;
  }

  /** True once in n. */
  one_in(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)];
  }

  bytes(n: number): Uint8Array {
    const b = new Uint8Array(n);
    for (let i = 0; i < n; i++) b[i] = this.u32();
    return b;
  }

  /** Small, large and extreme numbers alike. */
  odd_number(): number {
    return this.pick([0, 1, -1, 2, 8, -100, 1460, 65535, 65536, 0x7fffffff, -0x80000000])! +
        (this.one_in(3) ? this.below(7) - 3 : 0) | 0;
  }
}

/** A connection between the host and a forged peer. @local */
export interface flow {
  saddr: number;
  source: number;
  daddr: number;
  dest: number;
}

/** What frames are made of. @local */
export interface fuzz_source {
  r: fuzz_random;
  /** The host's device that they come in by, its address, and the sender's. */
  dev: net_device;
  mac: Uint8Array;
  us: number;
  /** The real host on the link, and hosts that there are not; an address behind the host. */
  real: number;
  peers: readonly number[];
  behind: number;
  /** The host's listening TCP ports and its UDP ports. */
  tcp_ports: readonly number[];
  udp_ports: readonly number[];
  /** Connections of forged peers; the real host's, from its side. */
  flows: flow[];
  kept: flow[];
  /** Frames that the real host sent and IP packets that the host sent, lately. */
  live: Uint8Array[];
  heard: Uint8Array[];
}

type kind = (s: fuzz_source) => Uint8Array[];

function frame(s: fuzz_source, packet: Uint8Array): Uint8Array {
  return eth_frame(s.dev.dev_addr.slice(0, 6), s.mac, packet);
}

function forged(s: fuzz_source): { saddr: number; daddr: number } {
  return { saddr: s.r.pick(s.peers), daddr: s.us };
}

/** What the stack has for a flow. */
function lookup(s: fuzz_source, f: flow): tcp_sock | null {
  const { saddr, source, daddr, dest } = f;
  const net = s.dev.nd_net;
  const sk = __inet_lookup_established(
    net,
    tcp_hashinfo,
    saddr,
    source,
    daddr,
    dest,
    s.dev.ifindex,
    0,
  );
  if (sk === null) return null;
  sk.skc_refcnt--;
  return sk as tcp_sock;
}

interface expected {
  rcv_nxt: number;
  rcv_wnd: number;
  snd_una: number;
  snd_nxt: number;
  ts_recent: number;
  ts_off: number;
}

/** The numbers that the other side of a socket would use. */
function expectations(sk: tcp_sock): expected {
  if (sk.skc_state === TCP_NEW_SYN_RECV) {
    const req = sk as unknown as tcp_request_sock;
    return {
      rcv_nxt: (req.rcv_isn + 1) | 0,
      rcv_wnd: req.rsk_rcv_wnd,
      snd_una: (req.snt_isn + 1) | 0,
      snd_nxt: (req.snt_isn + 1) | 0,
      ts_recent: req.ts_recent,
      ts_off: req.ts_off,
    };
  }
  if (sk.skc_state === TCP_TIME_WAIT) {
    const tw = tcp_twsk(sk);
    return {
      rcv_nxt: tw.tw_rcv_nxt,
      rcv_wnd: tw.tw_rcv_wnd,
      snd_una: tw.tw_snd_nxt,
      snd_nxt: tw.tw_snd_nxt,
      ts_recent: tw.tw_ts_recent,
      ts_off: tw.tw_ts_offset,
    };
  }
  return {
    rcv_nxt: sk.rcv_nxt,
    rcv_wnd: sk.rcv_wnd,
    snd_una: sk.snd_una,
    snd_nxt: sk.snd_nxt,
    ts_recent: sk.rx_opt.ts_recent,
    ts_off: sk.tsoffset,
  };
}

function u32(v: number): number[] {
  return [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];
}

/** TCP options, good and absurd. */
function tcp_options(s: fuzz_source, e: expected, syn: boolean): number[] {
  const { r } = s;
  const out: number[] = [];
  const in_flight = (e.snd_nxt - e.snd_una) | 0;
  const ts = (): void => {
    const val = r.one_in(20) ? r.u32() : e.ts_recent + r.below(3);
    const ecr = r.one_in(6) ? r.u32() : tcp_time_stamp_raw() + e.ts_off - r.below(3);
    out.push(1, 1, 8, 10, ...u32(val), ...u32(ecr));
  };
  if (syn) {
    if (!r.one_in(8)) out.push(2, 4, ...r.pick([[5, 180], [0, 0], [0, 1], [2, 24], [255, 255]]));
    if (r.one_in(2)) out.push(4, 2, 1, 1);
    if (r.one_in(2)) ts();
    if (r.one_in(2)) out.push(1, 3, 3, r.pick([0, 2, 7, 14, 15, 255]));
    if (r.one_in(12)) out.push(34, 2 + r.below(18), ...r.bytes(8));
  } else {
    if (!r.one_in(4)) ts();
    if (r.one_in(3)) {
      const blocks = 1 + r.below(out.length > 0 ? 3 : 4);
      out.push(1, 1, 5, 2 + blocks * 8);
      for (let i = 0; i < blocks; i++) {
        const from = e.snd_una +
          (in_flight > 0 && !r.one_in(6) ? r.below(in_flight) : r.odd_number());
        const to = r.one_in(8) ? from + r.odd_number() : from + r.pick([1, 100, 1448, 2896, 10000]);
        out.push(...u32(from), ...u32(in_flight > 0 && to - e.snd_nxt > 0 ? e.snd_nxt : to));
      }
    }
  }
  switch (r.below(30)) {
    case 0:
      out.push(r.below(256), r.below(256), ...r.bytes(r.below(12)));
      break;
    case 1:
      out.push(19, 18, ...r.bytes(16));
      break;
    case 2:
      out.splice(r.below(out.length + 1), r.below(4));
      break;
    case 3:
      if (out.length > 0) out[r.below(out.length)] = r.u32() & 255;
      break;
    case 4:
      out.push(254, r.pick([2, 3, 4, 8]), 0xf9, 0x89, ...r.bytes(4));
      break;
  }
  return out.slice(0, 40);
}

/** What a connection does not pass while a batch of frames is under way, and what it never has in flight, bytes. */
const AHEAD = 40000;
const FAR = 0x10000000;

const FLAGS = [
  TCPHDR_FIN | TCPHDR_ACK,
  TCPHDR_FIN | TCPHDR_PSH | TCPHDR_ACK,
  TCPHDR_RST,
  TCPHDR_RST | TCPHDR_ACK,
  TCPHDR_SYN,
  TCPHDR_SYN | TCPHDR_ACK,
  TCPHDR_URG | TCPHDR_ACK,
  TCPHDR_URG | TCPHDR_PSH | TCPHDR_ACK,
  TCPHDR_SYN | TCPHDR_FIN,
  TCPHDR_FIN,
  0,
  255,
];

/** A segment that a socket finds plausible, mostly. */
function guided(s: fuzz_source, f: flow, sk: tcp_sock): Uint8Array {
  const { r } = s;
  const e = expectations(sk);
  const flags = r.below(4) !== 0 ? TCPHDR_ACK | r.below(2) * TCPHDR_PSH : r.pick(FLAGS);
  let seq = e.rcv_nxt;
  switch (r.below(10)) {
    case 0:
      seq += r.odd_number();
      break;
    case 1:
      seq += e.rcv_wnd + r.below(5) - 2;
      break;
    case 2:
    case 3:
      seq += r.below(Math.max(1, Math.min(e.rcv_wnd, 20000)));
      break;
    case 4:
      seq -= r.below(3000);
  }
  let ack = e.snd_nxt;
  const in_flight = (e.snd_nxt - e.snd_una) | 0;
  switch (r.below(8)) {
    case 0:
      ack += r.odd_number();
      break;
    case 1:
    case 2:
      if (in_flight > 0) ack = e.snd_una + r.below(in_flight);
      break;
    case 3:
    case 4:
      ack = e.snd_una;
  }
  const len = r.pick([0, 0, 0, 1, 2, 10, 536, 1000, 1448, 1460]);
  const payload = r.one_in(6) ? r.bytes(r.below(1461)) : new Uint8Array(len);
  const window = r.pick([0, 1, 100, 502, 1000, 8192, 65535, r.u32() & 0xffff]);
  const syn = (flags & TCPHDR_SYN) !== 0;
  return tcp_packet(
    f,
    {
      source: f.source,
      dest: f.dest,
      seq: seq | 0,
      ack_seq: ack | 0,
      flags: r.one_in(40) ? r.u32() & 255 : flags,
      window,
      urg_ptr: (flags & TCPHDR_URG) !== 0 ? r.pick([0, 1, 2, 500, 1460, 65535]) : 0,
      options: tcp_options(s, e, syn),
    },
    payload,
    { tos: r.one_in(10) ? r.below(256) : 0 },
  );
}

/** A plausible segment of a random flow of a forged peer; a new one where there is none. */
function tcp_flow(s: fuzz_source): Uint8Array {
  const { r } = s;
  for (let tries = 0; tries < 4 && s.flows.length > 0; tries++) {
    const i = r.below(s.flows.length);
    const f = s.flows[i];
    const sk = lookup(s, f);
    if (sk !== null) return guided(s, f, sk);
    s.flows[i] = s.flows[s.flows.length - 1];
    s.flows.pop();
  }
  return tcp_syn(s);
}

/** A SYN to a listener, whose flow is remembered. */
function tcp_syn(s: fuzz_source): Uint8Array {
  const { r } = s;
  const f = { ...forged(s), source: 1 + r.below(65535), dest: r.pick(s.tcp_ports) };
  if (s.flows.length < 400) s.flows.push(f);
  const isn = r.one_in(3) ? r.u32() : -r.below(20000);
  const e = { rcv_nxt: 0, rcv_wnd: 0, snd_una: 0, snd_nxt: 0, ts_recent: r.u32(), ts_off: 0 };
  const flags = r.one_in(20) ? TCPHDR_SYN | 0xc0 : TCPHDR_SYN;
  const payload = r.one_in(10) ? r.bytes(r.below(100)) : undefined;
  return tcp_packet(f, {
    source: f.source,
    dest: f.dest,
    seq: isn,
    ack_seq: 0,
    flags,
    window: r.pick([0, 1000, 65535]),
    options: tcp_options(s, e, true),
  }, payload);
}

/** A TCP packet that ends nobody's connection but forged peers'. */
function tcp_any(s: fuzz_source): Uint8Array {
  return s.r.one_in(12) ? tcp_syn(s) : tcp_flow(s);
}

function udp_any(s: fuzz_source): Uint8Array {
  const { r } = s;
  const dest = r.one_in(4) ? r.below(65536) : r.pick(s.udp_ports);
  const payload = r.bytes(r.pick([0, 1, 20, 500, 1472]));
  return udp_packet(forged(s), {
    source: r.below(65536),
    dest,
    len: r.one_in(8) ? r.pick([0, 7, 8, 9, 65535, payload.length]) : undefined,
    check: r.one_in(8) ? r.pick([0, 1, 65535]) : undefined,
  }, payload);
}

/** The head of a packet that the host has sent, as an ICMP error quotes it. */
function quote(s: fuzz_source): Uint8Array {
  const { r } = s;
  if (s.heard.length === 0 || r.one_in(20)) return r.bytes(r.below(64));
  const p = r.pick(s.heard).slice();
  const n = r.pick([28, 28, 28, 40, 60, 0, 1, 19, 20, 21, 24, 27, p.length]);
  const q = p.slice(0, Math.min(n, p.length));
  if (r.one_in(6) && q.length > 0) q[r.below(q.length)] ^= 1 << r.below(8);
  return q;
}

function icmp_any(s: fuzz_source): Uint8Array {
  const { r } = s;
  const type = r.pick([3, 3, 3, 3, 4, 5, 8, 8, 0, 11, 12, 13, 15, 17, r.below(256)]);
  const code = r.pick([0, 1, 2, 3, 4, 4, 4, 5, 9, 13, r.below(256)]);
  const mtu = r.pick([0, 1, 67, 68, 296, 552, 576, 1280, 1499, 1500, 1501, 65535]);
  const is_echo = type === 8 || type === 0 || type === 13;
  const un = type === 5 ? r.pick([s.real, s.us, r.u32(), r.pick(s.peers)]) : mtu;
  const body = is_echo ? r.bytes(r.pick([0, 1, 12, 56, 1400])) : quote(s);
  const addr = { saddr: r.one_in(3) ? s.real : r.pick(s.peers), daddr: s.us };
  return icmp_packet(addr, {
    type,
    code: is_echo ? 0 : code,
    un: r.one_in(10) ? r.u32() : un,
    check: r.one_in(12) ? r.below(65536) : undefined,
  }, body);
}

/** Any packet that may come from a forged peer. */
function any_packet(s: fuzz_source): Uint8Array {
  switch (s.r.below(8)) {
    case 0:
      return udp_any(s);
    case 1:
      return icmp_any(s);
    case 2:
      return ip_packet({ ...forged(s), protocol: s.r.below(256) }, s.r.bytes(s.r.below(100)));
    default:
      return tcp_any(s);
  }
}

/** Options of IP, good and absurd. */
function ip_options(s: fuzz_source): number[] {
  const { r } = s;
  const out: number[] = [];
  const addrs = (n: number): number[] => {
    const b: number[] = [];
    for (let i = 0; i < n; i++) b.push(...u32(r.pick([s.us, s.real, s.behind, ...s.peers])));
    return b;
  };
  for (let left = 1 + r.below(3); left > 0; left--) {
    const n = 1 + r.below(4);
    const ptr = r.one_in(3) ? r.below(256) : r.pick([4, 8, 12, 5, 9]);
    const len = r.one_in(6) ? r.below(256) : 3 + n * 4;
    switch (r.below(8)) {
      case 0:
        out.push(1);
        break;
      case 1:
        out.push(7, len, ptr, ...addrs(n));
        break;
      case 2:
        out.push(68, len + 1, ptr + 1, r.pick([0, 1, 3, 0xf0, 0xe1, 2]), ...addrs(n));
        break;
      case 3:
        out.push(131, len, ptr, ...addrs(n));
        break;
      case 4:
        out.push(137, len, ptr, ...addrs(n));
        break;
      case 5:
        out.push(148, r.pick([4, 4, 3, 5]), r.below(2), 0);
        break;
      case 6:
        out.push(r.pick([134, 130, 82, r.below(256)]), len, ...r.bytes(n * 4));
        break;
      default:
        out.push(0, ...r.bytes(r.below(4)));
    }
  }
  return out.slice(0, 40);
}

/** Rewrites the IP header of a packet. */
function with_header(p: Uint8Array, f: Partial<ip_fields>): Uint8Array {
  const dv = new DataView(p.buffer, p.byteOffset);
  return ip_packet({
    saddr: dv.getInt32(12),
    daddr: dv.getInt32(16),
    protocol: p[9],
    tos: p[1],
    id: dv.getUint16(4),
    frag_off: dv.getUint16(6),
    ttl: p[8],
    ...f,
  }, p.slice(20));
}

/** Each kind with its weight. @local */
export const kinds: readonly (readonly [name: string, weight: number, make: kind])[] = [
  ["guided TCP segments of forged peers", 30, (s) => [frame(s, tcp_any(s))]],
  ["SYNs of forged peers", 4, (s) => [frame(s, tcp_syn(s))]],
  ["a run of segments for GRO", 4, (s) => {
    const { r } = s;
    const first = tcp_flow(s);
    const out = [frame(s, first)];
    const dv = new DataView(first.buffer);
    const at = 20;
    const doff = (first[at + 12] >> 4) * 4;
    let seq = dv.getInt32(at + 4) + Math.max(0, first.length - at - doff);
    for (let n = r.below(6); n > 0; n--) {
      const next = first.slice();
      new DataView(next.buffer).setInt32(at + 4, seq);
      seq += first.length - at - doff;
      if (r.one_in(8)) next[r.below(next.length)] ^= 1 << r.below(8);
      fix_ip_csum(next, 0);
      fix_l4_csum(next, 0);
      out.push(frame(s, next));
    }
    return out;
  }],
  ["UDP", 4, (s) => [frame(s, udp_any(s))]],
  ["ICMP", 8, (s) => [frame(s, icmp_any(s))]],
  ["live frames, truncated", 8, (s) => {
    if (s.live.length === 0) return [];
    const f = s.r.pick(s.live);
    return [f.slice(0, ETH_HLEN + s.r.below(f.length - ETH_HLEN + 1))];
  }],
  ["live frames with one bit turned", 8, (s) => {
    if (s.live.length === 0) return [];
    const f = s.r.pick(s.live).slice();
    f[s.r.below(Math.min(f.length, s.r.pick([34, 54, 66, 2000])))] ^= 1 << s.r.below(8);
    return [f];
  }],
  ["live frames again", 2, (s) => s.live.length === 0 ? [] : [s.r.pick(s.live).slice()]],
  ["live frames with wrong lengths", 4, (s) => {
    if (s.live.length === 0) return [];
    const { r } = s;
    const f = r.pick(s.live).slice();
    if (f[12] !== 8 || f[13] !== 0) return [];
    const dv = new DataView(f.buffer);
    switch (r.below(3)) {
      case 0:
        f[14] = (f[14] & 0xf0) | r.below(16);
        break;
      case 1:
        // Longer than it is, or no longer than headers.
        dv.setUint16(16, r.pick([0, 1, 19, 20, 39, 40, f.length - 13, 65535]));
        break;
      default:
        f[14] = r.below(256);
    }
    fix_ip_csum(f, ETH_HLEN);
    return [f];
  }],
  ["packets of forged peers, truncated, with right lengths and checksums", 5, (s) => {
    const p = any_packet(s);
    const q = p.slice(0, 20 + s.r.below(p.length - 19));
    new DataView(q.buffer).setUint16(2, q.length);
    fix_ip_csum(q, 0);
    fix_l4_csum(q, 0);
    return [frame(s, q)];
  }],
  ["packets of forged peers with bits turned and checksums right", 6, (s) => {
    const { r } = s;
    const p = any_packet(s);
    for (let n = 1 + r.below(3); n > 0; n--) p[20 + r.below(p.length - 20)] ^= 1 << r.below(8);
    fix_l4_csum(p, 0);
    return [frame(s, p)];
  }],
  ["IP headers with bits turned and checksums right", 4, (s) => {
    const { r } = s;
    const p = any_packet(s);
    // Not the addresses: the source is not to become the real host's.
    for (let n = 1 + r.below(2); n > 0; n--) p[r.below(10)] ^= 1 << r.below(8);
    fix_ip_csum(p, 0);
    if (r.one_in(2)) fix_l4_csum(p, 0);
    return [frame(s, p)];
  }],
  ["IP options", 5, (s) => [frame(s, with_header(any_packet(s), { options: ip_options(s) }))]],
  ["fragments", 4, (s) => {
    const { r } = s;
    const id = r.below(30);
    const addr = forged(s);
    const body = r.bytes(r.pick([100, 2000, 4000]));
    const whole = r.one_in(2)
      ? icmp_packet(addr, { type: 8 }, body, { id })
      : udp_packet(addr, { source: 9, dest: r.pick(s.udp_ports) }, body, { id });
    const out = ip_fragments(whole, r.pick([28, 68, 548, 548, 1500, 1500])).slice(0, 80);
    for (let n = r.below(3); n > 0; n--) {
      const f = r.pick(out).slice();
      const dv = new DataView(f.buffer);
      switch (r.below(4)) {
        case 0:
          dv.setUint16(6, (dv.getUint16(6) + r.below(8) - 4) & 0xffff);
          break;
        case 1:
          dv.setUint16(6, dv.getUint16(6) ^ 0x2000);
          break;
        case 2:
          dv.setUint16(6, r.below(65536));
          break;
        default:
          dv.setUint16(2, 20 + r.below(f.length - 19));
      }
      fix_ip_csum(f, 0);
      out.splice(r.below(out.length + 1), 0, f);
    }
    if (r.one_in(2)) out.sort(() => r.below(3) - 1);
    if (r.one_in(2)) out.splice(r.below(out.length), 1);
    return out.slice(0, r.pick([2, 4, 8, 80])).map((p) => frame(s, p));
  }],
  ["the end of a packet beyond 65535", 1, (s) => {
    const f = { ...forged(s), protocol: IPPROTO_ICMP, id: s.r.below(30) };
    const off = 8189 - s.r.below(4);
    const end = ip_packet({ ...f, frag_off: off }, s.r.bytes(s.r.below(1400)));
    return [frame(s, end)];
  }],
  ["land and other impossible sources", 3, (s) => {
    const { r } = s;
    const saddr = r.pick([s.us, 0x7f000001, 0, -1, 0xe0000001 | 0, s.us | 255, r.u32()]);
    const port = r.pick(s.tcp_ports);
    const e = { rcv_nxt: 0, rcv_wnd: 0, snd_una: 0, snd_nxt: 0, ts_recent: 0, ts_off: 0 };
    const t = { source: port, dest: port, seq: r.u32(), ack_seq: r.u32(), flags: TCPHDR_SYN };
    if (r.one_in(3)) t.flags = r.pick(FLAGS);
    return [
      frame(s, tcp_packet({ saddr, daddr: s.us }, { ...t, options: tcp_options(s, e, true) })),
    ];
  }],
  ["packets to other addresses", 4, (s) => {
    const { r } = s;
    const daddr = r.pick([
      s.behind,
      s.behind,
      s.us | 255,
      -1,
      0xe0000001 | 0,
      s.real,
      0x7f000001,
      r.u32(),
    ]);
    const p = with_header(any_packet(s), { daddr, ttl: r.pick([0, 1, 2, 64]) });
    fix_l4_csum(p, 0);
    return [frame(s, p)];
  }],
  ["to the real host's connections: segments out of the window, RSTs that miss", 6, (s) => {
    if (s.kept.length === 0) return [];
    const { r } = s;
    const f = r.pick(s.kept);
    const sk = lookup(s, f);
    if (sk === null || sk.skc_state === TCP_TIME_WAIT || sk.skc_state === TCP_NEW_SYN_RECV) {
      return [];
    }
    const { rcv_nxt, rcv_wnd, snd_nxt, snd_una } = sk;
    const t = { source: f.source, dest: f.dest, seq: rcv_nxt, ack_seq: snd_una, flags: TCPHDR_ACK };
    let payload: Uint8Array | undefined;
    switch (r.below(6)) {
      case 0: {
        // In the window, but beyond where rcv_nxt may be by then, or out of it; no edge of a SACK block.
        t.flags = TCPHDR_RST | r.below(2) * TCPHDR_ACK;
        const far = AHEAD + r.below(Math.max(1, rcv_wnd - AHEAD));
        t.seq = (rcv_nxt + r.pick([far, -1 - r.below(5000), FAR + r.below(FAR)])) | 0;
        const edge = sk.selective_acks.some((b) => b.end_seq === t.seq);
        if (edge) return [];
        break;
      }
      case 1:
        t.flags = TCPHDR_SYN | r.below(2) * TCPHDR_ACK;
        t.seq = (rcv_nxt + r.odd_number()) | 0;
        break;
      case 2:
        t.ack_seq = (snd_nxt + FAR + r.below(FAR)) | 0;
        payload = r.bytes(r.below(100));
        break;
      case 3:
        // Bytes that were read long ago, and others than they were.
        payload = r.bytes(1 + r.below(1000));
        t.seq = (sk.rcv_wup - payload.length - 1 - r.below(100)) | 0;
        t.flags |= r.below(2) * TCPHDR_FIN;
        if (t.flags & TCPHDR_FIN) t.seq = (t.seq - 1) | 0;
        break;
      case 4:
        payload = r.bytes(1 + r.below(1000));
        t.seq = (rcv_nxt + FAR + r.below(FAR)) | 0;
        break;
      default:
        t.ack_seq = (snd_una - 0x40000000 - r.below(1000000)) | 0;
        payload = r.bytes(r.below(100));
    }
    return [frame(s, tcp_packet(f, t, payload))];
  }],
  ["ARP", 4, (s) => {
    const { r } = s;
    const p = arp_packet({
      op: r.pick([1, 1, 1, 2, 2, 3, 8, r.below(65536)]),
      sha: r.one_in(6) ? r.bytes(6) : s.mac,
      sip: r.pick([...s.peers, 0, s.us, s.real, r.u32()]),
      tip: r.pick([s.us, s.us, s.us, s.behind, ...s.peers, r.u32()]),
      hrd: r.one_in(10) ? r.below(65536) : undefined,
      pro: r.one_in(10) ? r.below(65536) : undefined,
      hln: r.one_in(10) ? r.below(256) : undefined,
      pln: r.one_in(10) ? r.below(256) : undefined,
    });
    const f = eth_frame(r.one_in(2) ? everybody : s.dev.dev_addr.slice(0, 6), s.mac, p, ETH_P_ARP);
    return [r.one_in(6) ? f.slice(0, ETH_HLEN + r.below(29)) : f];
  }],
  ["other frames", 2, (s) => {
    const { r } = s;
    const proto = r.pick([
      0,
      1,
      60,
      0x05dc,
      0x0600,
      0x8100,
      0x86dd,
      ETH_P_ARP,
      ETH_P_IP,
      r.below(65536),
    ]);
    const dst = r.pick([
      s.dev.dev_addr.slice(0, 6),
      everybody,
      Uint8Array.of(1, 0, 0x5e, 0, 0, 1),
      r.bytes(6),
    ]);
    const p = r.one_in(2) ? r.bytes(r.below(100)) : any_packet(s);
    return [eth_frame(dst, s.mac, p, proto)];
  }],
];

const total = kinds.reduce((sum, [, weight]) => sum + weight, 0);

/** A kind by its weight. @local */
export function pick_kind(r: fuzz_random): readonly [string, number, kind] {
  let n = r.below(total);
  for (const k of kinds) {
    n -= k[1];
    if (n < 0) return k;
  }
  return kinds[0];
}

/** A frame as a line of hex. @local */
export function hex(f: Uint8Array): string {
  return Array.from(f, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A frame of hex. @local */
export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (b) => parseInt(b, 16));
}

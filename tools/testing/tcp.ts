// SPDX-License-Identifier: GPL-2.0-only
//
// The test bench of TCP: one host on a wire, the other end of which is the test. tcp_test() boots a machine in virtual
// time with 198.51.100.2/24 on a device that keeps what is sent; t.peer() is a peer of this connection that does
// nothing by itself: peer.send() hands the stack a segment, peer.expect() takes the next one that the stack
// sent, checks its checksums, and compares what is named. Sequence numbers are relative to the ISNs, which lie just below the wrap; options are
// written as packetdrill writes them. t.advance() lets time pass. Programs are system calls, that never sleep
// unless the test makes them. Leaving the test ends the machine and fails if anything is left.

import { assert, assertEquals, fail } from "@std/assert";
import { warnings } from "../../include/asm-generic/bug.ts";
import {
  IFF_NO_QUEUE,
  IFF_NOARP,
  IFF_POINTOPOINT,
  NETDEV_TX_OK,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import {
  CHECKSUM_PARTIAL,
  PACKET_HOST,
  SKB_GSO_TCPV4,
  skb_reset_mac_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  AF_INET,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SO_REUSEADDR,
  SOL_SOCKET,
} from "../../include/linux/socket.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { tk_core, TK_OFFS_REAL } from "../../include/linux/timekeeping.ts";
import { EINPROGRESS } from "../../include/uapi/asm-generic/errno.ts";
import { ARPHRD_NONE } from "../../include/uapi/linux/if_arp.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_ICMP, IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { TCP_INFO, tcp_info_decode, TCP_INFO_SIZE } from "../../include/uapi/linux/tcp.ts";
import type { tcp_info } from "../../include/uapi/linux/tcp.ts";
import { SOCK_NONBLOCK, SOCK_STREAM } from "../../include/linux/net.ts";
import { SOL_TCP } from "../../include/linux/socket.ts";
import { fcheck } from "../../fs/file.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import {
  csum_fold,
  csum_partial,
  csum_tcpudp_magic,
  csum_tcpudp_nofold,
  ip_compute_csum,
} from "../../lib/checksum.ts";
import { alloc_netdev, netif_receive_skb, register_netdev } from "../../net/core/dev.ts";
import { tcp_hashinfo } from "../../net/ipv4/inet_hashtables.ts";
import { is_a_nulls } from "../../include/linux/list_nulls.ts";
import { secure_tcp_sequence_number } from "../../net/core/secure_seq.ts";
import {
  consume_skb,
  netdev_alloc_skb,
  skb_copy_bits,
  skb_put_data,
} from "../../net/core/skbuff.ts";
import { sock_from_file } from "../../net/socket.ts";
import { switch_to } from "../../include/linux/sched.ts";
import { boot, sim_machine } from "../../mod.ts";
import type { host, machine, nic, userland } from "../../mod.ts";
import { check } from "../lib/errno.ts";
import { inet_addr } from "../lib/inet.ts";

/** Our address, and that of the first peer. */
export const ADDR_US = "198.51.100.2";
export const ADDR_PEER = "198.51.100.1";
export const INADDR_US = inet_addr(ADDR_US);
export const INADDR_PEER = inet_addr(ADDR_PEER);
/** The port that we serve, unless the test says another. */
export const PORT = 2222;

const FLAGS = "FSRP.UEW";
const HZ_MS = 1e6;
/** 1970-01-12: small enough for the wall clock to be exact to the ns. */
const REAL_NS = 1e15;

// ---- Options, in packetdrill's words ----

/** Option bytes as text: 'mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7,sack 1:2 3:4'. */
export function options_text(b: Uint8Array, rel: (seq: number) => number = (s) => s): string {
  const dv = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const out: string[] = [];
  for (let i = 0; i < b.length;) {
    const kind = b[i];
    if (kind === 0) {
      out.push("eol");
      break;
    }
    if (kind === 1) {
      out.push("nop");
      i++;
      continue;
    }
    const len = b[i + 1];
    if (kind === 2 && len === 4) out.push(`mss ${dv.getUint16(i + 2)}`);
    else if (kind === 3 && len === 3) out.push(`wscale ${b[i + 2]}`);
    else if (kind === 4 && len === 2) out.push("sackOK");
    else if (kind === 8 && len === 10) {
      out.push(`TS val ${dv.getUint32(i + 2)} ecr ${dv.getUint32(i + 6)}`);
    } else if (kind === 5) {
      const blocks: string[] = [];
      for (let j = i + 2; j + 8 <= i + len; j += 8) {
        blocks.push(`${rel(dv.getInt32(j))}:${rel(dv.getInt32(j + 4))}`);
      }
      out.push(`sack ${blocks.join(" ")}`);
    } else out.push(`${kind}:${[...b.subarray(i + 2, i + len)].join(".")}`);
    if (!(len >= 2)) break;
    i += len;
  }
  return out.join(",");
}

/** The bytes of such a text, filled up with nop. */
export function options_bytes(text: string, abs: (seq: number) => number = (s) => s): Uint8Array {
  const out: number[] = [];
  const u32 = (v: number): void => void out.push(v >>> 24, v >>> 16 & 255, v >>> 8 & 255, v & 255);
  for (const o of text.split(",")) {
    const n = o.match(/\d+/g)?.map(Number) ?? [];
    if (o === "nop") out.push(1);
    else if (o === "eol") out.push(0);
    else if (o === "sackOK") out.push(4, 2);
    else if (o.startsWith("mss ")) out.push(2, 4, n[0] >> 8, n[0] & 255);
    else if (o.startsWith("wscale ")) out.push(3, 3, n[0]);
    else if (o.startsWith("TS ")) {
      out.push(8, 10);
      u32(n[0]);
      u32(n[1]);
    } else if (o.startsWith("sack ")) {
      out.push(5, 2 + n.length * 4);
      for (const v of n) u32(abs(v));
    } else if (/^\d+:/.test(o)) out.push(n[0], n.length + 1, ...n.slice(1));
    else throw new TypeError(`no option '${o}'`);
  }
  while ((out.length & 3) !== 0) out.push(1);
  return Uint8Array.from(out);
}

// ---- Segments ----

/** A segment that the stack has sent. Sequence numbers are relative. */
export interface segment {
  /** When, ms since boot. */
  time: number;
  /** As tcpdump has them, of 'FSRP.UEW'. */
  flags: string;
  seq: number;
  ack: number;
  /** As it is on the wire: not scaled. */
  win: number;
  urg: number;
  len: number;
  /** The payload as text. */
  data: string;
  bytes: Uint8Array;
  options: string;
  /** Timestamp; 0, 0 where there is none. */
  tsval: number;
  tsecr: number;
  /** Bytes per segment where the device is to segment; 0: it is one. */
  gso_size: number;
  tos: number;
  ttl: number;
  id: number;
  df: boolean;
}

/** What is compared: flags and length always (0 unless given), the rest where given; 'TS' stands for any timestamp. */
export type expected = Partial<Omit<segment, "flags" | "bytes">>;

/** What a segment of the peer has; else what the last segments and the peer's options call for. */
export interface segment_fields {
  seq?: number;
  ack?: number;
  /** As it is on the wire: not scaled. */
  win?: number;
  urg?: number;
  /** Text, bytes, or so many bytes of the peer's pattern. */
  data?: string | Uint8Array | number;
  /** Options as text, or raw. */
  options?: string | Uint8Array;
  tsval?: number;
  tsecr?: number;
  tos?: number;
  /** Wrong on purpose. */
  bad_checksum?: boolean;
  /** Header length in words, wrong on purpose. */
  doff?: number;
  /** Reserved bits, 0..15. */
  reserved?: number;
  saddr?: number;
}

/** What a peer is like. */
export interface peer_options {
  addr?: string;
  port?: number;
  /** The stack's port. */
  dport?: number;
  isn?: number;
  mss?: number;
  /** Asks for window scaling, by so much. */
  wscale?: number;
  /** Permits SACK. */
  sack?: boolean;
  /** Sends timestamps. */
  ts?: boolean;
  /** Window, as it is on the wire. */
  win?: number;
}

/** The byte at each place of the peer's data, and of ours: a wrong place shows. */
export function pattern(seq: number, len: number): Uint8Array {
  const b = new Uint8Array(len);
  for (let i = 0; i < len; i++) b[i] = ((seq + i) * 31 + ((seq + i) >> 8)) & 255;
  return b;
}

const text = (b: Uint8Array): string => new TextDecoder().decode(b);
const bytes_of = (d: string | Uint8Array): Uint8Array =>
  typeof d === "string" ? new TextEncoder().encode(d) : d;

// ---- The peer ----

/** The other end of a connection, moved by the test. */
export class tcp_peer {
  readonly addr: number;
  readonly port: number;
  dport: number;
  readonly isn: number;
  readonly options: peer_options;
  /** The stack's ISN, once it is known. */
  stack_isn: number | null = null;
  /** Next sequence number to send, and to be received: relative. */
  snd_nxt = 0;
  rcv_nxt = 0;
  win: number;
  /** The last timestamp of the stack, and what is subtracted from all of the peer's. */
  ts_recent = 0;
  ts_offset = 1000;
  /** Timestamps go on after the handshake. */
  ts_on: boolean;
  readonly queue: segment[] = [];

  constructor(readonly t: tcp_bench, o: peer_options, port: number) {
    this.options = o;
    this.addr = o.addr === undefined ? INADDR_PEER : inet_addr(o.addr);
    this.port = o.port ?? port;
    this.dport = o.dport ?? PORT;
    this.isn = o.isn ?? -300;
    this.win = o.win ?? 65535;
    this.ts_on = o.ts ?? false;
  }

  /** The timestamp of now. */
  tsval(): number {
    return this.ts_offset + this.t.now();
  }

  private options_of(flags: string, f: segment_fields): Uint8Array {
    const o = this.options;
    const ours = (s: number): number => (s + (this.stack_isn ?? 0)) | 0;
    const tsval = f.tsval ?? this.tsval();
    const tsecr = f.tsecr ?? (flags.includes(".") ? this.ts_recent : 0);
    const ts = `TS val ${tsval >>> 0} ecr ${tsecr >>> 0}`;
    if (f.options instanceof Uint8Array) return f.options;
    if (f.options === "") return new Uint8Array();
    if (f.options !== undefined) return options_bytes(f.options.replace(/TS(?! val)/, ts), ours);
    const list: string[] = [];
    if (flags.includes("S")) {
      if (o.mss !== undefined) list.push(`mss ${o.mss}`);
      if (this.ts_on) list.push(o.sack ? `sackOK,${ts}` : `nop,nop,${ts}`);
      else if (o.sack) list.push("nop,nop,sackOK");
      if (o.wscale !== undefined) list.push(`nop,wscale ${o.wscale}`);
    } else if (this.ts_on && !flags.includes("R")) {
      list.push(`nop,nop,${ts}`);
    }
    return list.length === 0 ? new Uint8Array() : options_bytes(list.join(","), ours);
  }

  /** Hands the stack a segment. Flags as tcpdump has them, 'S', 'S.', '.', 'P.', 'F.', 'R', ... */
  send(flags: string, f: segment_fields = {}): this {
    const { t } = this;
    const seq = f.seq ?? this.snd_nxt;
    const data = typeof f.data === "number" ? pattern(seq, f.data) : bytes_of(f.data ?? "");
    const syn = flags.includes("S");
    if (syn && !flags.includes(".")) t.choose_isn(this);
    const opts = this.options_of(flags, f);
    const hlen = 20 + opts.length;
    const p = new Uint8Array(20 + hlen + data.length);
    const dv = new DataView(p.buffer);
    dv.setUint16(20, this.port);
    dv.setUint16(22, this.dport);
    dv.setInt32(24, (this.isn + seq) | 0);
    if (flags.includes(".")) dv.setInt32(28, ((this.stack_isn ?? 0) + (f.ack ?? this.rcv_nxt)) | 0);
    p[32] = (f.doff ?? hlen / 4) << 4 | (f.reserved ?? 0);
    for (const c of flags) p[33] |= 1 << FLAGS.indexOf(c);
    dv.setUint16(34, f.win ?? this.win);
    dv.setUint16(38, f.urg ?? 0);
    p.set(opts, 40);
    p.set(data, 20 + hlen);
    const end = seq + data.length + (syn ? 1 : 0) + (flags.includes("F") ? 1 : 0);
    if (end > this.snd_nxt) this.snd_nxt = end;
    const saddr = f.saddr ?? this.addr;
    const len = hlen + data.length;
    const sum = csum_tcpudp_magic(saddr, INADDR_US, len, IPPROTO_TCP, csum_partial(p, 20, len, 0));
    dv.setUint16(36, f.bad_checksum ? sum ^ 0x1111 : sum);
    t.receive_ip(saddr, IPPROTO_TCP, p, f.tos ?? 0);
    return this;
  }

  /** Hands the stack an ICMP error about a segment that it sent: with `seq`, to this peer. */
  icmp(type: number, code: number, f: { seq?: number; mtu?: number; saddr?: number } = {}): void {
    const p = new Uint8Array(20 + 8 + 28);
    const dv = new DataView(p.buffer);
    p[20] = type;
    p[21] = code;
    dv.setUint16(26, f.mtu ?? 0);
    p[28] = 0x45;
    dv.setUint16(30, 40);
    p[36] = 64;
    p[37] = IPPROTO_TCP;
    dv.setInt32(40, INADDR_US);
    dv.setInt32(44, this.addr);
    dv.setUint16(48, this.dport);
    dv.setUint16(50, this.port);
    dv.setInt32(52, ((this.stack_isn ?? 0) + (f.seq ?? 0)) | 0);
    dv.setUint16(38, ip_compute_csum(p, 28, 20));
    dv.setUint16(22, ip_compute_csum(p, 20, 36));
    this.t.receive_ip(f.saddr ?? this.addr, IPPROTO_ICMP, p);
  }

  /** Takes the next segment that the stack sent here. */
  expect(flags: string, e: expected = {}): segment {
    const s = this.queue.shift();
    if (s === undefined) fail(`[${flags}] expected, but the stack sent nothing`);
    const want: Record<string, unknown> = { flags, ...e };
    if (e.len === undefined && e.data === undefined) want.len = 0;
    const got: Record<string, unknown> = {};
    for (const k of Object.keys(want)) got[k] = s[k as keyof segment];
    if (e.options !== undefined && !/TS val/.test(e.options)) {
      got.options = s.options.replace(/TS val \d+ ecr \d+/, "TS");
    }
    assertEquals(got, want, this.show(s));
    return s;
  }

  /** Lets time pass until the stack sends something: so many ms from now, with the timer wheel's tolerance. */
  async expect_after(ms: number, flags: string, e: expected = {}): Promise<segment> {
    assertEquals(this.queue.map((s) => this.show(s)), [], "sent before");
    const start = this.t.now();
    const limit = start + ms * 1.15 + 3;
    // A timer of our own ends the wait.
    const timer = new timer_list<tcp_peer>(this);
    timer_setup(timer, () => {}, 0);
    mod_timer(timer, (jiffies + Math.ceil(limit - start)) | 0);
    await this.t.sim.run_until(() => this.queue.length > 0 || this.t.now() >= limit);
    del_timer(timer);
    const s = this.queue[0];
    if (s === undefined) fail(`[${flags}] expected in ${ms} ms, but the stack sent nothing`);
    const took = s.time - start;
    assert(
      took >= ms - 1.5 && took <= ms * 1.13 + 2,
      `after ${took} ms, not ${ms}: ${this.show(s)}`,
    );
    return this.expect(flags, e);
  }

  /** Nothing comes from the stack in so many ms. */
  async expect_nothing(ms = 0): Promise<void> {
    if (ms > 0) await this.t.advance(ms);
    else await this.t.sim.settle();
    assertEquals(this.queue.map((s) => this.show(s)), []);
    assertEquals(this.t.stray, []);
  }

  /** A segment as one line. */
  show(s: segment): string {
    return `[${s.flags}] seq ${s.seq}:${s.seq + s.len} ack ${s.ack} win ${s.win}` +
      `${s.urg ? ` urg ${s.urg}` : ""} <${s.options}>`;
  }

  /** Opens a connection to the stack: SYN, SYN+ACK, ACK. */
  handshake(f: segment_fields = {}): this {
    this.send("S", { seq: 0 });
    this.expect("S.", { seq: 0, ack: 1 });
    return this.send(".", { seq: 1, ack: 1, ...f });
  }

  /** A segment for this peer has left the stack. */
  input(p: Uint8Array, skb_gso_size: number, time: number): void {
    const dv = new DataView(p.buffer, p.byteOffset, p.byteLength);
    const hlen = (p[32] >> 4) * 4;
    let flags = "";
    for (let i = 0; i < 8; i++) if ((p[33] & (1 << i)) !== 0) flags += FLAGS[i];
    const seq = dv.getInt32(24);
    if (flags.includes("S")) this.stack_isn = seq;
    const bytes = p.slice(20 + hlen);
    const opts = p.subarray(40, 20 + hlen);
    const options = options_text(opts, (s) => (s - this.isn) | 0);
    const ts = /TS val (\d+) ecr (\d+)/.exec(options);
    const s: segment = {
      time,
      flags,
      seq: (seq - (this.stack_isn ?? 0)) | 0,
      ack: flags.includes(".") ? (dv.getInt32(28) - this.isn) | 0 : 0,
      win: dv.getUint16(34),
      urg: dv.getUint16(38),
      len: bytes.length,
      data: text(bytes),
      bytes,
      options,
      tsval: ts === null ? 0 : Number(ts[1]),
      tsecr: ts === null ? 0 : Number(ts[2]),
      gso_size: skb_gso_size,
      tos: p[1],
      ttl: p[8],
      id: dv.getUint16(4),
      df: (p[6] & 0x40) !== 0,
    };
    if (ts !== null) this.ts_recent = s.tsval;
    const end = s.seq + s.len + (flags.includes("S") ? 1 : 0) + (flags.includes("F") ? 1 : 0);
    if (end > this.rcv_nxt && !flags.includes("R")) this.rcv_nxt = end;
    this.queue.push(s);
  }
}

// ---- The bench ----

/** How the bench is set up. */
export interface tcp_test_options {
  /** Our ISN. Just below the wrap by default. */
  isn?: number;
  seed?: number;
  mtu?: number;
  /** Buckets of ehash. */
  thash_entries?: number;
  /** NETIF_F_* of the device; default none: the stack segments and checksums itself. */
  features?: number;
  /** net.ipv4.* by name, as numbers. */
  sysctl?: Record<string, number>;
}

/** A machine with one host, and the wire of its device in our hands. */
export class tcp_bench implements AsyncDisposable {
  readonly machine: machine;
  readonly sim: sim_machine;
  readonly host: host;
  readonly nic: nic;
  /** The program. */
  readonly u: userland;
  readonly isn: number;
  /** What was sent to no peer, as one line each. */
  readonly stray: string[] = [];
  private readonly peers: tcp_peer[] = [];
  private readonly dev: net_device;

  constructor(o: tcp_test_options) {
    this.isn = o.isn ?? -1000;
    this.sim = new sim_machine({ seed: o.seed ?? 1, real_ns: REAL_NS });
    this.machine = boot({ arch: this.sim, thash_entries: o.thash_entries });
    this.host = this.machine.host();
    const dev = this.dev = alloc_netdev(null, "wire0", (d) => this.setup(d));
    dev.features = o.features ?? 0;
    register_netdev(dev);
    this.nic = this.host.nic("wire0").ifconfig(`${ADDR_US}/24`, { mtu: o.mtu ?? 1500 });
    const ipv4 = this.host.net.ipv4 as unknown as Record<string, number>;
    for (const [k, v] of Object.entries(o.sysctl ?? {})) {
      assert(`sysctl_${k}` in ipv4, `no sysctl ${k}`);
      ipv4[`sysctl_${k}`] = v;
    }
    this.u = this.host.task("test");
  }

  private setup(dev: net_device): void {
    dev.type = ARPHRD_NONE;
    dev.hard_header_len = 0;
    dev.addr_len = 0;
    dev.mtu = 1500;
    dev.flags = IFF_POINTOPOINT | IFF_NOARP;
    dev.priv_flags |= IFF_NO_QUEUE;
    dev.netdev_ops = {
      ndo_start_xmit: (skb) => {
        this.sent(skb);
        return NETDEV_TX_OK;
      },
    };
  }

  /** ms since boot. */
  now(): number {
    return this.sim.now() / HZ_MS;
  }

  /** Lets so many ms pass. */
  async advance(ms: number): Promise<void> {
    await this.sim.advance(ms);
  }

  /** A peer of one connection. */
  peer(o: peer_options = {}): tcp_peer {
    const p = new tcp_peer(this, o, 40000 + this.peers.length);
    this.peers.push(p);
    return p;
  }

  /** Sets the wall clock, a part of every ISN, so that the stack's next ISN to this peer is the one wanted. */
  choose_isn(p: tcp_peer): void {
    update_wall_time();
    const isn = secure_tcp_sequence_number(INADDR_US, p.addr, p.dport, p.port);
    const ns = ((this.isn - isn) >>> 0) * 64;
    this.sim.clocksource.settimeofday(ns);
    tk_core[TK_OFFS_REAL] += ns;
  }

  /** The stack's packet is on the wire. */
  private sent(skb: sk_buff): void {
    const p = new Uint8Array(skb.len);
    skb_copy_bits(skb, 0, p, skb.len);
    const { gso_size, gso_type } = skb.shinfo;
    const partial = skb.ip_summed === CHECKSUM_PARTIAL;
    consume_skb(skb);
    const dv = new DataView(p.buffer);
    assertEquals(p[0], 0x45, "IP version and header length");
    assertEquals(ip_compute_csum(p, 0, 20), 0, "IP checksum");
    assertEquals(dv.getUint16(2), p.length, "IP length");
    const saddr = dv.getInt32(12);
    const daddr = dv.getInt32(16);
    const protocol = p[9];
    if (protocol !== IPPROTO_TCP) {
      this.stray.push(`ip-proto-${protocol} type ${p[20]} code ${p[21]}`);
      return;
    }
    const len = p.length - 20;
    if (partial) {
      const pseudo = csum_tcpudp_nofold(saddr, daddr, len, IPPROTO_TCP, 0);
      assertEquals(dv.getUint16(36), ~csum_fold(pseudo) & 0xffff, "pseudo-header checksum");
    } else {
      const sum = csum_partial(p, 20, len, 0);
      assertEquals(csum_tcpudp_magic(saddr, daddr, len, IPPROTO_TCP, sum), 0, "TCP checksum");
      assertEquals(gso_size, 0);
    }
    if (gso_size !== 0) assert((gso_type & SKB_GSO_TCPV4) !== 0, "gso_type");
    const sport = dv.getUint16(20);
    const dport = dv.getUint16(22);
    const peer = this.peers.find((q) =>
      q.addr === daddr && q.port === dport && (q.dport === sport || q.dport === 0)
    );
    if (peer === undefined) {
      this.stray.push(`tcp ${sport} > ${dport} flags ${p[33]}`);
      return;
    }
    peer.dport = sport;
    peer.input(p, gso_size, this.now());
  }

  /** Hands the stack a packet, whose IP header (the first 20 bytes) is filled in. */
  receive_ip(saddr: number, protocol: number, p: Uint8Array, tos = 0): void {
    const dv = new DataView(p.buffer, p.byteOffset, p.byteLength);
    p[0] = 0x45;
    p[1] = tos;
    dv.setUint16(2, p.length);
    p[8] = 64;
    p[9] = protocol;
    dv.setInt32(12, saddr);
    dv.setInt32(16, INADDR_US);
    dv.setUint16(10, 0);
    dv.setUint16(10, ip_compute_csum(p, 0, 20));
    this.receive(p);
  }

  /** Hands the stack a packet as it is. */
  receive(p: Uint8Array): void {
    update_wall_time();
    local_bh_disable();
    try {
      const skb = netdev_alloc_skb(this.dev, p.length);
      skb_put_data(skb, p, p.length);
      skb.dev = this.dev;
      skb.protocol = ETH_P_IP;
      skb.pkt_type = PACKET_HOST;
      skb_reset_mac_header(skb);
      netif_receive_skb(skb);
    } finally {
      local_bh_enable();
    }
  }

  // ---- Programs ----

  /** An int option's value. */
  setsockopt(fd: number, level: number, name: number, v: number | Uint8Array): number {
    const val = typeof v === "number" ? new Uint8Array(Int32Array.of(v).buffer) : v;
    return this.u.sys_setsockopt(fd, level, name, val) as number;
  }

  getsockopt(fd: number, level: number, name: number): number {
    const val = new Uint8Array(4);
    const ret = this.u.sys_getsockopt(fd, level, name, val, Int32Array.of(4)) as number;
    return ret < 0 ? ret : new DataView(val.buffer).getInt32(0, true);
  }

  /** A nonblocking socket. */
  socket(flags = SOCK_NONBLOCK): number {
    return check(this.u.sys_socket(AF_INET, SOCK_STREAM | flags), "socket");
  }

  sockaddr(sin_port: number, sin_addr = INADDR_US): sockaddr {
    return { sin_family: AF_INET, sin_port, sin_addr };
  }

  /** A socket that listens, at PORT by default. */
  listen(port = PORT, backlog = 128, setup?: (fd: number) => void): number {
    const fd = this.socket();
    this.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    setup?.(fd);
    check(this.u.sys_bind(fd, this.sockaddr(port, 0)), "bind");
    check(this.u.sys_listen(fd, backlog), "listen");
    return fd;
  }

  /** A connection's descriptor, or -EAGAIN. */
  accept(fd: number): number {
    return this.u.sys_accept4(fd, null, null, SOCK_NONBLOCK) as number;
  }

  /** Starts to connect to the peer, from `port`. */
  connect(peer: tcp_peer, port = 44404, setup?: (fd: number) => void): number {
    const fd = this.socket();
    setup?.(fd);
    check(this.u.sys_bind(fd, this.sockaddr(port, 0)), "bind");
    peer.dport = port;
    this.choose_isn(peer);
    assertEquals(this.u.sys_connect(fd, this.sockaddr(peer.port, peer.addr)), -EINPROGRESS);
    return fd;
  }

  /** A connection that the peer has opened and we have accepted; the listener is closed. */
  accepted(
    o: peer_options = { mss: 1000 },
    setup?: (listener: number) => void,
  ): { peer: tcp_peer; fd: number } {
    const peer = this.peer(o);
    const listener = this.listen(peer.dport, 128, setup);
    peer.handshake();
    const fd = check(this.accept(listener), "accept");
    check(this.u.sys_close(listener) as number, "close");
    return { peer, fd };
  }

  /** A connection that we have opened. */
  connected(
    o: peer_options = { mss: 1000 },
    setup?: (fd: number) => void,
  ): { peer: tcp_peer; fd: number } {
    const peer = this.peer({ port: 7, ...o });
    const fd = this.connect(peer, 44404, setup);
    peer.expect("S", { seq: 0 });
    peer.send("S.", { seq: 0, ack: 1 });
    peer.expect(".", { seq: 1, ack: 1 });
    return { peer, fd };
  }

  /** Bytes written, or -errno. A number: so many bytes. */
  write(fd: number, data: string | Uint8Array | number, flags = 0): number {
    const b = typeof data === "number" ? new Uint8Array(data) : bytes_of(data);
    return this.u.sys_send(fd, b, b.length, flags | MSG_NOSIGNAL | MSG_DONTWAIT) as number;
  }

  /** What is read as text, or -errno; "" at the end. */
  read(fd: number, len = 1 << 20, flags = 0): string | number {
    const b = new Uint8Array(len);
    const ret = this.u.sys_recv(fd, b, len, flags | MSG_DONTWAIT) as number;
    return ret < 0 ? ret : text(b.subarray(0, ret));
  }

  /** Reads what is there, which must be the pattern from `seq` on; the number of bytes, or -errno. */
  read_pattern(fd: number, seq: number, len = 1 << 20): number {
    const b = new Uint8Array(len);
    const ret = this.u.sys_recv(fd, b, len, MSG_DONTWAIT) as number;
    if (ret > 0) assertEquals(b.subarray(0, ret), pattern(seq, ret));
    return ret;
  }

  close(fd: number): number {
    return this.u.sys_close(fd) as number;
  }

  /** The socket behind a descriptor. */
  sk(fd: number): tcp_sock {
    switch_to(this.u.task);
    const file = fcheck(fd);
    const sock = file === null ? null : sock_from_file(file);
    if (sock === null || sock.sk === null) fail(`no socket ${fd}`);
    return sock.sk as tcp_sock;
  }

  tcp_info(fd: number): tcp_info {
    const val = new Uint8Array(TCP_INFO_SIZE);
    const len = Int32Array.of(TCP_INFO_SIZE);
    check(this.u.sys_getsockopt(fd, SOL_TCP, TCP_INFO, val, len) as number, "TCP_INFO");
    return tcp_info_decode(val);
  }

  /** State of the connection of a port (ours), if it is in ehash, a request or in TIME_WAIT, too; 0: it is not. */
  state(port = PORT): number {
    for (const first of tcp_hashinfo.ehash) {
      for (let n = first; !is_a_nulls(n); n = n.next) {
        if (n.owner.skc_num === port) return n.owner.skc_state;
      }
    }
    return 0;
  }

  /** A counter LINUX_MIB_* of the host. */
  mib(n: number): number {
    return this.host.net.mib.net_statistics[n];
  }

  /** Ends the machine. Throws LeakError if anything is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.shutdown({ grace_ms: 0 });
    assertEquals(warnings, []);
  }
}

/** Boots the bench: `await using t = tcp_test();` */
export function tcp_test(o: tcp_test_options = {}): tcp_bench {
  return new tcp_bench(o);
}

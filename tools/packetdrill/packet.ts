// SPDX-License-Identifier: GPL-2.0-only
//
// Packets as bytes: inbound ones are built from the script's words, outbound ones taken apart into the same words,
// so that the two can be compared and shown alike.

import {
  TCPOPT_EOL,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  TCPOPT_FASTOPEN_MAGIC,
  TCPOPT_MD5SIG,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
} from "../../include/net/tcp.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import {
  csum_fold,
  csum_partial,
  csum_tcpudp_magic,
  csum_tcpudp_nofold,
  ip_compute_csum,
} from "../../lib/checksum.ts";
import type { icmp_packet, ip_info, packet, tcp_option, tcp_packet } from "./script.ts";

/** Flag characters by bit; A is the ninth flag, AE. */
const FLAGS = "FSRP.UEWA";
const DEFAULT_TTL = 255;

/** Addresses and ports of an inbound packet. */
export interface tuple {
  saddr: number;
  daddr: number;
  sport: number;
  dport: number;
}

/** An outbound packet: what its headers say, sequence numbers as they are on the wire. */
export interface live_packet extends tuple {
  /** us since the script began. */
  time: number;
  bytes: Uint8Array;
  proto: number;
  ihl: number;
  tos: number;
  ttl: number;
  /** What is wrong with it, or "". */
  bad: string;
  /** Of 'FSRP.UEWA'. */
  flags: string;
  seq: number;
  ack: number;
  win: number;
  urg: number;
  /** Words of the TCP header. */
  doff: number;
  options: tcp_option[];
  payload: Uint8Array;
  /** Type and code of an ICMP message. */
  icmp_type: number;
  icmp_code: number;
}

function parse_options(b: Uint8Array): tcp_option[] {
  const out: tcp_option[] = [];
  for (let i = 0; i < b.length;) {
    const kind = b[i];
    const len = kind < 2 ? 1 : Math.max(b[i + 1] ?? 2, 2);
    out.push({ kind, data: b.slice(i + 2, Math.max(i + 2, i + len)) });
    if (kind === TCPOPT_EOL) break;
    i += len;
  }
  return out;
}

/** Takes a packet apart. `partial`: its transport checksum is left to the device. */
export function parse_packet(bytes: Uint8Array, time: number, partial: boolean): live_packet {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hlen = (bytes[0] & 15) * 4;
  const proto = bytes[9];
  const p: live_packet = {
    ...{ time, bytes, proto, ihl: hlen / 4, tos: bytes[1], ttl: bytes[8], bad: "" },
    ...{ saddr: dv.getInt32(12), daddr: dv.getInt32(16), sport: 0, dport: 0 },
    ...{ flags: "", seq: 0, ack: 0, win: 0, urg: 0, doff: 0, options: [], payload: bytes },
    ...{ icmp_type: -1, icmp_code: -1 },
  };
  if (bytes[0] >> 4 !== 4 || dv.getUint16(2) !== bytes.length) p.bad = "bad outbound IP header";
  else if (ip_compute_csum(bytes, 0, hlen) !== 0) p.bad = "bad outbound IP checksum";
  const len = bytes.length - hlen;
  if (proto === IPPROTO_ICMP) {
    p.icmp_type = bytes[hlen];
    p.icmp_code = bytes[hlen + 1];
    if (ip_compute_csum(bytes, hlen, len) !== 0) p.bad = "bad outbound ICMP checksum";
    return p;
  }
  p.sport = dv.getUint16(hlen);
  p.dport = dv.getUint16(hlen + 2);
  if (proto === IPPROTO_UDP) p.payload = bytes.subarray(hlen + 8);
  if (proto !== IPPROTO_TCP) return p;
  p.seq = dv.getUint32(hlen + 4);
  p.doff = bytes[hlen + 12] >> 4;
  const flags = ((bytes[hlen + 12] & 1) << 8) | bytes[hlen + 13];
  for (let i = 0; i < 9; i++) if ((flags & (1 << i)) !== 0) p.flags += FLAGS[i];
  p.ack = dv.getUint32(hlen + 8);
  p.win = dv.getUint16(hlen + 14);
  p.urg = dv.getUint16(hlen + 18);
  p.options = parse_options(bytes.subarray(hlen + 20, hlen + p.doff * 4));
  p.payload = bytes.subarray(hlen + p.doff * 4);
  if ((bytes[hlen + 12] & 0xe) !== 0) p.bad = "reserved bits set in outbound TCP header";
  const want = ~csum_fold(csum_tcpudp_nofold(p.saddr, p.daddr, len, IPPROTO_TCP, 0)) & 0xffff;
  const sum = csum_partial(bytes, hlen, len, 0);
  const good = partial
    ? dv.getUint16(hlen + 16) === want
    : csum_tcpudp_magic(p.saddr, p.daddr, len, IPPROTO_TCP, sum) === 0;
  if (!good) p.bad = "bad outbound TCP checksum";
  return p;
}

/** Bytes of a packet with its IP header, checksum and all; the rest is the caller's. */
function ip_packet(ip: ip_info, t: tuple, proto: number, len: number): Uint8Array {
  const b = new Uint8Array(20 + len);
  const dv = new DataView(b.buffer);
  b[0] = 0x45;
  b[1] = ip.tos;
  dv.setUint16(2, b.length);
  b[8] = ip.ttl === 0 ? DEFAULT_TTL : ip.ttl;
  b[9] = proto;
  dv.setInt32(12, t.saddr);
  dv.setInt32(16, t.daddr);
  dv.setUint16(10, ip_compute_csum(b, 0, 20));
  return b;
}

/** Bytes of a list of options. */
export function options_bytes(options: readonly tcp_option[]): number[] {
  return options.flatMap((o) => o.kind < 2 ? [o.kind] : [o.kind, o.data.length + 2, ...o.data]);
}

/** The bytes of a TCP segment with live sequence numbers and options. */
export function build_tcp(
  p: tcp_packet,
  t: tuple,
  seq: number,
  ack: number,
  options: readonly tcp_option[],
): Uint8Array {
  const opts = options_bytes(options);
  const len = 20 + opts.length + p.len;
  const b = ip_packet(p.ip, t, IPPROTO_TCP, len);
  const dv = new DataView(b.buffer);
  dv.setUint16(20, t.sport);
  dv.setUint16(22, t.dport);
  dv.setUint32(24, seq >>> 0);
  dv.setUint32(28, ack >>> 0);
  let flags = p.ace < 0 ? 0 : p.ace << 6;
  for (const c of p.flags) flags |= 1 << FLAGS.indexOf(c);
  b[32] = ((20 + opts.length) / 4) << 4 | flags >> 8;
  b[33] = flags & 255;
  dv.setUint16(34, p.win);
  dv.setUint16(38, p.urg);
  b.set(opts, 40);
  const sum = csum_partial(b, 20, len, 0);
  dv.setUint16(36, csum_tcpudp_magic(t.saddr, t.daddr, len, IPPROTO_TCP, sum));
  return b;
}

/** The bytes of a UDP datagram of zeroes. */
export function build_udp(ip: ip_info, t: tuple, payload: number): Uint8Array {
  const len = 8 + payload;
  const b = ip_packet(ip, t, IPPROTO_UDP, len);
  const dv = new DataView(b.buffer);
  dv.setUint16(20, t.sport);
  dv.setUint16(22, t.dport);
  dv.setUint16(24, len);
  const sum = csum_tcpudp_magic(t.saddr, t.daddr, len, IPPROTO_UDP, csum_partial(b, 20, len, 0));
  dv.setUint16(26, sum === 0 ? 0xffff : sum);
  return b;
}

const ICMP_TYPES: Record<string, number> = {
  ...{ echo_reply: 0, unreachable: 3, source_quench: 4, redirect: 5, echo_request: 8 },
  ...{ time_exceeded: 11, parameter_problem: 12, timestamp_request: 13, timestamp_reply: 14 },
  ...{ information_request: 15, information_reply: 16 },
  ...{ address_mask_request: 17, address_mask_reply: 18 },
};
const UNREACHABLE_CODES = [
  ...["net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable"],
  ...["frag_needed", "source_route_failed", "net_unknown", "host_unknown", "source_host_isolated"],
  ...["net_prohibited", "host_prohibited", "net_unreachable_for_tos", "host_unreachable_for_tos"],
  ...["packet_filtered", "precedence_violation", "precedence_cutoff"],
];

/** Type and code of an ICMP message, -1 for a name that is none. */
export function icmp_type_code(p: icmp_packet): { type: number; code: number } {
  const numbered = (prefix: string, name: string): number =>
    name.startsWith(prefix) ? Number(name.slice(prefix.length)) : -1;
  const type = ICMP_TYPES[p.icmp_type] ?? numbered("type_", p.icmp_type);
  if (p.code === null) return { type, code: 0 };
  const code = type === ICMP_TYPES.unreachable ? UNREACHABLE_CODES.indexOf(p.code) : -1;
  return { type, code: code >= 0 ? code : numbered("code_", p.code) };
}

/** The bytes of an ICMP message about a packet with these addresses, the other way round. */
export function build_icmp(p: icmp_packet, t: tuple, seq: number): Uint8Array {
  const { type, code } = icmp_type_code(p);
  const raw = p.echoed.proto === "raw";
  const b = ip_packet(p.ip, t, IPPROTO_ICMP, raw ? Math.max(8, p.echoed.len) : 8 + 28);
  const dv = new DataView(b.buffer);
  b[20] = type;
  b[21] = code;
  if (p.mtu >= 0) dv.setUint32(24, p.mtu);
  else dv.setUint16(24, p.id);
  if (!raw) {
    const tcp = p.echoed.proto === "tcp";
    b[28] = 0x45;
    dv.setUint16(30, 20 + (tcp ? 20 : 8) + p.echoed.len);
    b[36] = DEFAULT_TTL;
    b[37] = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    dv.setInt32(40, t.daddr);
    dv.setInt32(44, t.saddr);
    dv.setUint16(48, t.dport);
    dv.setUint16(50, t.sport);
    if (tcp) dv.setUint32(52, seq >>> 0);
    dv.setUint16(38, ip_compute_csum(b, 28, 20));
  }
  dv.setUint16(22, ip_compute_csum(b, 20, b.length - 20));
  return b;
}

// ---- Text ----

/** An option as packetdrill writes it. */
export function option_text(o: tcp_option): string {
  const dv = new DataView(o.data.buffer, o.data.byteOffset, o.data.byteLength);
  const hex = (from: number): string => {
    const s = [...o.data.subarray(from)].map((b) => b.toString(16).padStart(2, "0")).join("");
    return s === "" ? "" : ` ${s}`;
  };
  const len = o.data.length;
  if (o.kind === TCPOPT_NOP) return "nop";
  if (o.kind === TCPOPT_EOL) return "eol";
  if (o.kind === TCPOPT_MSS && len === 2) return `mss ${dv.getUint16(0)}`;
  if (o.kind === TCPOPT_WINDOW && len === 1) return `wscale ${o.data[0]}`;
  if (o.kind === TCPOPT_SACK_PERM && len === 0) return "sackOK";
  if (o.kind === TCPOPT_TIMESTAMP && len === 8) {
    return `TS val ${dv.getUint32(0)} ecr ${dv.getUint32(4)}`;
  }
  if (o.kind === TCPOPT_SACK) {
    let s = "sack";
    for (let i = 0; i + 8 <= len; i += 8) s += ` ${dv.getUint32(i)}:${dv.getUint32(i + 4)}`;
    return s;
  }
  if (o.kind === TCPOPT_FASTOPEN) return `FO${hex(0)}`;
  if (o.kind === TCPOPT_MD5SIG) return `md5${hex(0)}`;
  if (o.kind === TCPOPT_EXP && len >= 2 && dv.getUint16(0) === TCPOPT_FASTOPEN_MAGIC) {
    return `FOEXP${hex(2)}`;
  }
  return `kind ${o.kind}${hex(0)}`;
}

/** A list of options as packetdrill writes it, with the blank before; "" for none. */
export function options_text(options: readonly tcp_option[] | null): string {
  if (options === null) return " <...>";
  return options.length === 0 ? "" : ` <${options.map(option_text).join(",")}>`;
}

const ECN_NAMES = ["noecn", "ect1", "ect0", "ce"];

/** A script's packet as packetdrill writes it. */
export function packet_text(p: packet): string {
  const { check, tos } = p.ip;
  const ip = check === "none"
    ? ""
    : check === "tos"
    ? `[tos 0x${tos.toString(16)}] `
    : `[${check === "ect01" ? check : ECN_NAMES[tos & 3]}] `;
  const arrow = p.inbound ? "<" : ">";
  if (p.proto === "udp") return `${arrow} ${ip}udp (${p.len})`;
  if (p.proto === "icmp") return `${arrow} ${ip}icmp ${p.icmp_type} ${p.code ?? ""}`.trimEnd();
  const flags = p.flags === "" ? "-" : p.flags;
  return `${arrow} ${ip}${flags} ${p.seq}:${p.seq + p.len}(${p.len})` +
    (p.flags.includes(".") ? ` ack ${p.ack}` : "") + (p.win < 0 ? "" : ` win ${p.win}`) +
    (p.urg === 0 ? "" : ` urg ${p.urg}`) + options_text(p.options);
}

/** An outbound packet in the same words. */
export function live_text(p: live_packet): string {
  const ip = (p.tos & 3) === 0 ? "" : `[${ECN_NAMES[p.tos & 3]}] `;
  if (p.proto === IPPROTO_ICMP) return `> icmp type_${p.icmp_type} code_${p.icmp_code}`;
  if (p.proto === IPPROTO_UDP) return `> ${ip}udp (${p.payload.length})`;
  const len = p.payload.length;
  const flags = p.flags === "" ? "-" : p.flags;
  return `> ${ip}${flags} ${p.seq}:${p.seq + len}(${len})` +
    (p.flags.includes(".") ? ` ack ${p.ack}` : "") + ` win ${p.win}` +
    (p.urg === 0 ? "" : ` urg ${p.urg}`) + options_text(p.options);
}

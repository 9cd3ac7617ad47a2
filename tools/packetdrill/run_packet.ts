// SPDX-License-Identifier: GPL-2.0-only
//
// Packets of a script: inbound ones are translated to live sequence numbers and injected; for outbound ones the next
// packet of the socket under test is awaited, several segments are put together up to the script's length, and
// every field is compared.

import { TCPOPT_NOP, TCPOPT_SACK, TCPOPT_TIMESTAMP } from "../../include/net/tcp.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import {
  build_icmp,
  build_tcp,
  build_udp,
  icmp_type_code,
  live_text,
  option_text,
  options_bytes,
  options_text,
  packet_text,
} from "./packet.ts";
import type { live_packet, tuple } from "./packet.ts";
import type { event, packet, tcp_option, tcp_packet } from "./script.ts";
import { ScriptError } from "./script.ts";
import { script_socket } from "./state.ts";
import type { state } from "./state.ts";

/** How long after its time an outbound packet is waited for. */
const LATE_US = 2e6;
const ANY_TIME_LIMIT_US = 3600e6;
/** What looking at a packet takes. As on a real machine, not all happens in the same instant. */
const PACKET_US = 10;

const PROTOCOLS = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, icmp: IPPROTO_ICMP };

const is_syn = (p: { flags: string }): boolean => p.flags.includes("S");
const is_ack = (p: { flags: string }): boolean => p.flags.includes(".");

/** The socket that a packet of the script belongs to; an inbound one to a listener makes a new one. */
function find_or_create_socket(s: state, p: packet): script_socket {
  const { config } = s;
  let sk = s.socket_under_test;
  if (p.proto === "tcp" && p.inbound && (sk === null || sk.state === "listening")) {
    sk = new script_socket("packet_received", IPPROTO_TCP);
    sk.remote_addr = config.remote_ip;
    sk.remote_port = s.next_port++;
    sk.local_addr = config.local_ip;
    sk.local_port = config.bind_port;
    sk.remote_isn = p.seq;
    s.sockets.unshift(sk);
    s.socket_under_test = sk;
    return sk;
  }
  if (sk === null) s.fail("no matching socket for script packet");
  if (p.proto === "tcp" && !p.inbound && is_syn(p) && !is_ack(p) && sk.state === "connecting") {
    sk.state = "syn_sent";
    sk.script_local_isn = p.seq;
  }
  const foreign = p.proto !== "icmp" && p.sport + p.dport > 0;
  const fits = p.proto === "icmp" || PROTOCOLS[p.proto] === sk.protocol;
  if (!foreign && !fits) s.fail("no matching socket for script packet");
  return sk;
}

// ---- Inbound ----

function shift_sacks(options: readonly tcp_option[], by: number): tcp_option[] {
  return options.map((o) => {
    if (o.kind !== TCPOPT_SACK) return o;
    const data = o.data.slice();
    const dv = new DataView(data.buffer);
    for (let i = 0; i + 4 <= data.length; i += 4) dv.setUint32(i, (dv.getUint32(i) + by) >>> 0);
    return { kind: o.kind, data };
  });
}

/** An option with its two numbers, if there is a timestamp. */
function timestamp(options: readonly tcp_option[]): { val: number; ecr: number } | null {
  const o = options.find((x) => x.kind === TCPOPT_TIMESTAMP && x.data.length === 8);
  if (o === undefined) return null;
  const dv = new DataView(o.data.buffer, o.data.byteOffset, 8);
  return { val: dv.getUint32(0), ecr: dv.getUint32(4) };
}

function with_timestamp(options: readonly tcp_option[], val: number, ecr: number): tcp_option[] {
  const data = new Uint8Array(8);
  const dv = new DataView(data.buffer);
  dv.setUint32(0, val >>> 0);
  dv.setUint32(4, ecr >>> 0);
  return options.map((o) => o.kind === TCPOPT_TIMESTAMP ? { kind: o.kind, data } : o);
}

/** The live timestamp that a scripted echo stands for. */
function live_ecr(s: state, sk: script_socket, ecr: number): number {
  const live = sk.ts_val.get(ecr);
  if (live !== undefined) return live;
  if (s.config.tcp_ts_ecr_scaled && sk.first_ts !== null) {
    return ecr - sk.first_ts.script + sk.first_ts.live;
  }
  return s.fail(
    `unable to infer live TS ecr for script TS ecr ${ecr}; no matching or preceding outbound TS val`,
  );
}

function inbound_tcp(s: state, sk: script_socket, p: tcp_packet, t: tuple): void {
  const syn = is_syn(p);
  const ack_offset = sk.live_local_isn - (syn ? sk.script_local_isn : 0);
  let options = shift_sacks(p.options ?? [], ack_offset);
  const ts = timestamp(options);
  if (ts !== null && is_ack(p)) options = with_timestamp(options, ts.val, live_ecr(s, sk, ts.ecr));
  const seq = p.seq + (syn ? 0 : sk.remote_isn);
  const ack = is_ack(p) ? p.ack + ack_offset : 0;
  const merged = s.config.mss > 0 ? s.config.mss : 0;
  s.netdev.inject(build_tcp(p, t, seq, ack, options), merged);
}

function run_inbound(s: state, sk: script_socket, p: packet): void {
  if (p.proto === "tcp") {
    if (sk.state === "synack_sent" && is_ack(p)) sk.state = "synack_acked";
    else if (sk.state === "syn_sent" && is_syn(p) && is_ack(p)) {
      sk.state = "syn_acked";
      sk.remote_isn = p.seq;
    }
  }
  const ports = p.proto === "icmp" ? { sport: 0, dport: 0 } : p;
  const t: tuple = {
    saddr: sk.remote_addr,
    daddr: sk.local_addr,
    sport: ports.sport || sk.remote_port,
    dport: ports.dport || sk.local_port,
  };
  if (p.proto === "tcp") inbound_tcp(s, sk, p, t);
  else if (p.proto === "udp") s.netdev.inject(build_udp(p.ip, t, p.len));
  else {
    const { type, code } = icmp_type_code(p);
    if (!(type >= 0 && code >= 0)) s.fail(`bad ICMP type or code ${p.icmp_type} ${p.code ?? ""}`);
    s.netdev.inject(build_icmp(p, t, p.echoed.seq + sk.live_local_isn));
  }
}

// ---- Outbound ----

/** Whether a live packet is of this socket; a connecting one learns its port and ISN from its SYN. */
function matches(sk: script_socket, p: live_packet): boolean {
  if (p.proto !== sk.protocol && p.proto !== IPPROTO_ICMP) return false;
  if (p.daddr !== sk.remote_addr) return false;
  if (p.proto === IPPROTO_ICMP) return p.proto === sk.protocol;
  if (p.dport !== sk.remote_port) return false;
  if (sk.local_port === p.sport && p.saddr === sk.local_addr) return true;
  const connecting = p.proto === IPPROTO_TCP
    ? sk.state === "syn_sent" && is_syn(p) && !is_ack(p)
    : sk.state === "connecting";
  if (!connecting) return false;
  sk.local_addr = p.saddr;
  sk.local_port = p.sport;
  sk.live_local_isn = p.seq;
  return true;
}

/** The next outbound packet of the socket. Those of others are not looked at. */
async function sniff(s: state, ev: event, sk: script_socket): Promise<live_packet> {
  const { sniffed } = s.netdev;
  const late = Math.max(ev.time, ev.time_end) + LATE_US;
  const limit = ev.time_type === "any" ? s.now() + ANY_TIME_LIMIT_US : late;
  for (;;) {
    if (!await s.wait_until(() => sniffed.length > 0, limit)) {
      throw new ScriptError(ev.line, "Timed out waiting for packet");
    }
    const p = sniffed.shift()!;
    await s.wait_for(s.now() + PACKET_US);
    if (matches(sk, p)) return p;
  }
}

/** Sequence numbers as the script counts them. */
function to_script(sk: script_socket, p: live_packet): live_packet {
  if (p.proto !== IPPROTO_TCP) return p;
  const syn = is_syn(p);
  const seq = p.seq - sk.live_local_isn + (syn ? sk.script_local_isn : 0);
  const remote = syn ? 0 : sk.remote_isn;
  return {
    ...p,
    seq: seq >>> 0,
    ack: is_ack(p) ? (p.ack - remote) >>> 0 : p.ack,
    options: shift_sacks(p.options, -remote),
  };
}

/** Fails the event, with both packets. */
function mismatch(s: state, want: packet, got: readonly live_packet[], message: string): never {
  const sec = (us: number): string => (us / 1e6).toFixed(6);
  const lines = got.map((p, i) =>
    `actual packet${got.length > 1 ? ` #${i}` : ""}: ${sec(p.time)} ${live_text(p)}`
  );
  return s.fail(
    `error handling packet: ${message}\n` +
      `script packet: ${sec(s.event!.time)} ${packet_text(want)}\n${lines.join("\n")}`,
  );
}

/** Why a second segment cannot be the next part of what the first began; null: it can. */
function fragment_error(prev: live_packet, p: live_packet, left: number): string | null {
  const fields: [string, number, number][] = [
    ["ttl", prev.ttl, p.ttl],
    ["tcp_data_offset", prev.doff, p.doff],
    ["tcp_seq", (prev.seq + prev.payload.length) >>> 0, p.seq],
    ["tcp_ack_seq", prev.ack, p.ack],
    ["tcp_window", prev.win, p.win],
    ["tcp_urg_ptr", prev.urg, p.urg],
  ];
  for (const f of "SR.UEA") {
    fields.push([`flag ${f}`, Number(prev.flags.includes(f)), Number(p.flags.includes(f))]);
  }
  for (const [name, a, b] of fields) {
    if (a !== b) return `live packet field ${name}: expected: ${a} vs actual: ${b}`;
  }
  const len = p.payload.length;
  if (len < left && len !== prev.payload.length) {
    return `fragment payload: expected ${prev.payload.length} bytes vs actual ${len} bytes`;
  }
  return null;
}

/** One packet of several: headers of the last, sequence number and CWR of the first. */
function aggregate(parts: readonly live_packet[]): live_packet {
  const first = parts[0];
  const last = parts[parts.length - 1];
  if (parts.length === 1) return first;
  const flags = last.flags.replace("W", "") + (first.flags.includes("W") ? "W" : "");
  const payload = Uint8Array.from(parts.flatMap((p) => [...p.payload]));
  return { ...last, flags, seq: first.seq, payload };
}

type field = [name: string, expected: number, actual: number];

const hex = (v: number): string => `${v} (0x${(v >>> 0).toString(16)})`;

function ip_error(want: packet, p: live_packet): string | null {
  const { check, tos, ttl } = want.ip;
  const ecn = p.tos & 3;
  if (check === "ect01" && ecn !== 1 && ecn !== 2) {
    return `live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: 0x${ecn.toString(16)}`;
  }
  const fields: field[] = [
    ["ipv4_protocol", PROTOCOLS[want.proto], p.proto],
    ["ipv4_header_length", 5, p.ihl],
  ];
  if (check === "ecn") fields.push(["ip_ecn", tos, ecn]);
  if (check === "tos") fields.push(["tos", tos, p.tos]);
  if (ttl !== 0) fields.push(["ttl", ttl, p.ttl]);
  return fields_error(fields);
}

function fields_error(fields: readonly field[]): string | null {
  const bad = fields.find(([, want, got]) => want !== got);
  if (bad === undefined) return null;
  return `live packet field ${bad[0]}: expected: ${hex(bad[1])} vs actual: ${hex(bad[2])}`;
}

const FLAG_NAMES: Record<string, string> = {
  ...{ F: "fin", S: "syn", R: "rst", P: "psh", ".": "ack", U: "urg", E: "ece", W: "cwr", A: "ae" },
};

function tcp_error(want: tcp_packet, p: live_packet): string | null {
  const bytes = want.options === null ? (p.doff - 5) * 4 : options_bytes(want.options).length;
  const fields: field[] = [["tcp_data_offset", 5 + bytes / 4, p.doff]];
  for (const f of "FSRP.U" + (want.ace > 0 ? "" : "EWA")) {
    const bit = (flags: string): number => Number(flags.includes(f));
    fields.push([`tcp_${FLAG_NAMES[f]}`, bit(want.flags), bit(p.flags)]);
  }
  if (want.ace > 0) {
    const ace = (p.flags.includes("A") ? 4 : 0) + (p.flags.includes("W") ? 2 : 0) +
      (p.flags.includes("E") ? 1 : 0);
    fields.push(["tcp_ace", want.ace, ace]);
  }
  fields.push(["tcp_seq", want.seq, p.seq], ["tcp_ack_seq", want.ack, p.ack]);
  if (want.win >= 0) fields.push(["tcp_window", want.win, p.win]);
  fields.push(["tcp_urg_ptr", want.urg, p.urg]);
  return fields_error(fields);
}

/** What is wrong with the options, the timestamp already being the script's. */
function options_error(s: state, want: tcp_packet, p: live_packet): string | null {
  if (want.options === null) return null;
  const { tolerance_usecs, tolerance_percent, tcp_ts_tick_usecs } = s.config;
  const texts = `expected:${options_text(want.options)} actual:${options_text(p.options)}`;
  if (want.options.length !== p.options.length) return `bad outbound TCP options: ${texts}`;
  for (let i = 0; i < want.options.length; i++) {
    const [w, a] = [want.options[i], p.options[i]];
    if (w.kind !== a.kind) return `bad outbound TCP options: ${texts}`;
    if (w.kind <= TCPOPT_NOP) continue;
    if (w.kind === TCPOPT_TIMESTAMP) {
      const tolerance = Math.max(tolerance_usecs, tolerance_percent / 100 * s.event!.time);
      const diff = Math.abs((timestamp([w])!.val - timestamp([a])!.val) | 0);
      if (diff * tcp_ts_tick_usecs > tolerance) {
        return `bad outbound TCP timestamp value, tolerance ${tolerance}: ${texts}`;
      }
      continue;
    }
    if (option_text(w) !== option_text(a)) {
      const what = w.data.length === a.data.length ? "value" : "length";
      return `bad ${what} in outbound TCP option (kind=${w.kind}): ` +
        `expected: ${option_text(w)} actual: ${option_text(a)}`;
    }
  }
  return null;
}

/** Learns the outbound timestamp, and answers the packet with it as the script counts. */
function map_timestamp(sk: script_socket, want: tcp_packet, p: live_packet): live_packet {
  const script = want.options === null ? null : timestamp(want.options);
  const live = timestamp(p.options);
  if (script === null || live === null) return p;
  sk.ts_val.set(script.val, live.val);
  sk.first_ts ??= { script: script.val, live: live.val };
  const val = sk.first_ts.script + (live.val - sk.first_ts.live);
  return { ...p, options: with_timestamp(p.options, val, live.ecr) };
}

async function sniff_all(
  s: state,
  ev: event,
  sk: script_socket,
  want: packet,
): Promise<live_packet[]> {
  const len = want.proto === "icmp" ? 0 : want.len;
  const parts: live_packet[] = [];
  let got = 0;
  do {
    const live = await sniff(s, ev, sk);
    if (sk.state === "packet_received" && want.proto === "tcp" && is_syn(want) && is_ack(want)) {
      sk.state = "synack_sent";
      sk.live_local_isn = live.seq;
    }
    const p = to_script(sk, live);
    s.log?.(`outbound sniffed packet: ${(p.time / 1e6).toFixed(6)} ${live_text(p)}`);
    if (p.bad !== "") mismatch(s, want, [...parts, p], p.bad);
    if (parts.length > 0 && parts[0].sport !== p.sport) {
      // The SYN of an older socket that connects to the same place.
      parts.length = 0;
      got = 0;
    }
    if (parts.length > 0) {
      const error = fragment_error(parts[parts.length - 1], p, len - got);
      if (error !== null) mismatch(s, want, [...parts, p], error);
    }
    parts.push(p);
    if (p.proto !== IPPROTO_ICMP) got += p.payload.length;
  } while (got < len && !s.config.strict_segments);
  if (want.proto !== "icmp" && got !== len) {
    const message = `live packet payload: expected ${len} bytes vs actual ${got} bytes`;
    mismatch(s, want, parts, message);
  }
  return parts;
}

async function run_outbound(
  s: state,
  ev: event,
  sk: script_socket,
  want: packet,
): Promise<void> {
  if (sk.state === "packet_received" && want.proto === "tcp" && is_syn(want) && is_ack(want)) {
    sk.script_local_isn = want.seq;
  }
  let p = aggregate(await sniff_all(s, ev, sk, want));
  let error = ip_error(want, p);
  if (want.proto === "tcp" && error === null) {
    p = map_timestamp(sk, want, p);
    error = tcp_error(want, p) ?? options_error(s, want, p);
  } else if (want.proto === "icmp" && error === null) {
    const { type, code } = icmp_type_code(want);
    error = fields_error([["icmp_type", type, p.icmp_type], ["icmp_code", code, p.icmp_code]]);
  }
  if (error === null && want.proto !== "icmp" && p.payload.some((b) => b !== 0)) {
    error = "incorrect outbound data payload";
  }
  if (error !== null) mismatch(s, want, [p], error);
  try {
    const last = s.last_event === null ? null : s.last_event.time;
    s.verify_time(ev.time_type, ev.time, ev.time_end, p.time, last, "outbound packet");
  } catch (e) {
    if (!(e instanceof ScriptError)) throw e;
    mismatch(s, want, [p], e.message);
  }
}

/** Carries out a packet event. */
export async function run_packet(
  s: state,
  ev: event,
  p: packet,
  wait: () => Promise<void>,
): Promise<void> {
  const sk = find_or_create_socket(s, p);
  if (!p.inbound) {
    await run_outbound(s, ev, sk, p);
    return;
  }
  await wait();
  s.log?.(`inbound injected packet: ${(s.now() / 1e6).toFixed(6)} ${packet_text(p)}`);
  run_inbound(s, sk, p);
}

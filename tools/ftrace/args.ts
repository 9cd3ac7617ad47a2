// SPDX-License-Identifier: GPL-2.0-only
//
// Arguments of calls in words: packets, sockets, devices and the like by what one knows them by.

import { net_device } from "../../include/linux/netdevice.ts";
import { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import { task_struct } from "../../include/linux/sched.ts";
import { timer_list } from "../../include/linux/timer.ts";
import * as reasons from "../../include/net/dropreason.ts";
import { inet_timewait_sock } from "../../include/net/inet_timewait_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import { request_sock } from "../../include/net/request_sock.ts";
import { sock_common } from "../../include/net/sock.ts";
import { ETH_P_ARP, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import { inet_ntoa } from "../lib/inet.ts";
import { packet_printer } from "../lib/tcpdump.ts";

const REASONS: readonly string[] = Object.entries(reasons).reduce((names: string[], [name, v]) => {
  if (typeof v === "number") names[v] = name;
  return names;
}, []);

const TCP_STATES =
  " ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING NEW_SYN_RECV"
    .split(" ");

const FLAGS = "FSRP.UEW";

/** The packet's bytes from its network header on, as far as they are in its head; null: it has none yet. */
function network_bytes(skb: sk_buff): DataView | null {
  const { head, network_header, tail } = skb;
  // While it is made there is no head yet, and when it is freed nothing behind the offsets.
  const u8 = (head as typeof head | undefined)?.u8;
  if (u8 === undefined) return null;
  if (network_header <= 0 || network_header + 20 > tail || tail > u8.length) return null;
  return new DataView(u8.buffer, u8.byteOffset + network_header, tail - network_header);
}

/** ISNs by direction: sequence numbers are shown relative to them. */
const isns = new Map<string, number>();

/** `S 198.51.100.1:44404 > 198.51.100.2:2222 seq 0`, or what there is of it. */
function skb_text(skb: sk_buff): string {
  const len = `len ${skb.len}`;
  const dv = network_bytes(skb);
  if (dv === null) return len;
  if (skb.protocol === ETH_P_ARP) return "ARP";
  if (skb.protocol !== ETH_P_IP && dv.getUint8(0) >> 4 !== 4) return len;
  const ihl = (dv.getUint8(0) & 15) * 4;
  const src = inet_ntoa(dv.getInt32(12));
  const dst = inet_ntoa(dv.getInt32(16));
  const protocol = dv.getUint8(9);
  if (ihl < 20 || dv.byteLength < ihl + 20 || protocol !== IPPROTO_TCP) {
    return `${src} > ${dst} proto ${protocol}`;
  }
  const sport = dv.getUint16(ihl);
  const dport = dv.getUint16(ihl + 2);
  const seq = dv.getInt32(ihl + 4);
  const ack = dv.getInt32(ihl + 8);
  const bits = dv.getUint8(ihl + 13);
  let flags = "";
  for (let i = 0; i < 8; i++) if ((bits & (1 << i)) !== 0) flags += FLAGS[i];
  const fwd = `${src}:${sport} > ${dst}:${dport}`;
  if ((bits & 2) !== 0) isns.set(fwd, seq);
  const rel = (s: number, dir: string): number => (s - (isns.get(dir) ?? 0)) >>> 0;
  const acked = (bits & 16) !== 0 ? ` ack ${rel(ack, `${dst}:${dport} > ${src}:${sport}`)}` : "";
  return `${flags} ${fwd} seq ${rel(seq, fwd)}${acked}`;
}

function sock_text(sk: sock_common): string {
  const local = `${inet_ntoa(sk.skc_rcv_saddr)}:${sk.skc_num}`;
  const state = TCP_STATES[sk.skc_state] ?? String(sk.skc_state);
  if (sk.skc_dport === 0) return `${state} ${local}`;
  return `${state} ${local} > ${inet_ntoa(sk.skc_daddr)}:${sk.skc_dport}`;
}

/** One value in words; "" where there is nothing to say. */
function value_text(name: string, v: unknown): string {
  if (v === null) return "NULL";
  switch (typeof v) {
    case "number":
      if (/^(s|d|r?cv_s|loc_|rmt_)?addr$|^(new_|orig_)?[sd]addr$/.test(name)) return inet_ntoa(v);
      if (name === "reason") return REASONS[v] ?? String(v);
      return String(v);
    case "boolean":
      return String(v);
    case "string":
      return JSON.stringify(v).replaceAll("|", "/");
    case "function":
      return v.name === "" ? "fn" : v.name;
    case "object":
      break;
    default:
      return "";
  }
  if (v instanceof sk_buff) return `<${skb_text(v)}>`;
  if (v instanceof sk_buff_head) return `<${v.qlen} packets>`;
  if (v instanceof request_sock) return `<${sock_text(v)}>`;
  if (v instanceof inet_timewait_sock) return `<${sock_text(v)}>`;
  if (v instanceof sock_common) return `<${sock_text(v)}>`;
  if (v instanceof net_device) return v.name;
  if (v instanceof net) return `net:${v.name}`;
  if (v instanceof task_struct) return `${v.comm}-${v.pid}`;
  if (v instanceof timer_list) return `<timer ${v.function?.name ?? ""}>`;
  if (ArrayBuffer.isView(v)) return `<${v.byteLength} bytes>`;
  const o = v as Record<string, unknown>;
  if (typeof o.sin_port === "number" && typeof o.sin_addr === "number") {
    return `${inet_ntoa(o.sin_addr)}:${o.sin_port}`;
  }
  if (o.sk instanceof sock_common) return `<${sock_text(o.sk)}>`;
  const type = v.constructor?.name ?? "";
  return type === "Object" || type === "Array" ? "" : `<${type}>`;
}

/** How many arguments are shown. */
const SHOWN = 4;

/** The first arguments of a call. */
export function args_text(params: string, args: IArguments): string {
  if (params === "") return "";
  const out: string[] = [];
  params.split(",", SHOWN).forEach((name, i) => {
    if (i >= args.length || name === "") return;
    const text = value_text(name, args[i]);
    if (text !== "") out.push(`${name}=${text}`);
  });
  return out.join(", ");
}

let printer = new packet_printer();

/** Forgets the connections that there were. */
export function forget_isns(): void {
  printer = new packet_printer();
  isns.clear();
}

function line_of(skb: sk_buff): string {
  const dv = network_bytes(skb);
  if (dv === null) return `${skb.len} bytes`;
  // What is not in the head is counted, not shown: printers look at headers only.
  if (skb.protocol === ETH_P_ARP) return printer.arp(dv);
  if (skb.protocol === ETH_P_IP) return printer.ip(dv, 0, Math.max(dv.byteLength, skb_ip_len(dv)));
  return `ethertype 0x${skb.protocol.toString(16).padStart(4, "0")}, ${skb.len} bytes`;
}

/** The packet's whole length, 0 (too long for the field) aside. */
function skb_ip_len(dv: DataView): number {
  return dv.getUint16(2);
}

/** Functions that a packet comes in by, and out by. */
const IN = new Set(["ip_rcv", "arp_rcv", "tcp_v4_rcv", "udp_rcv", "icmp_rcv"]);
const OUT = new Set(["xmit_one", "dev_hard_start_xmit"]);

/** Looks at a packet that goes out, for its ISN. */
export function learn_isn(name: string, args: IArguments): void {
  if (!OUT.has(name) || !(args[0] instanceof sk_buff)) return;
  line_of(args[0]);
  skb_text(args[0]);
}

/** Packets that a call is about, as tcpdump prints them; null: none. */
export function packet_text(name: string, args: IArguments): string[] | null {
  if (name === "ip_list_rcv") {
    const lines: string[] = [];
    let skb = (args[0] as sk_buff_head).next;
    for (; skb instanceof sk_buff; skb = skb.next) {
      lines.push(`${skb.dev?.name} In  ${line_of(skb)}`);
    }
    return lines;
  }
  const dir = IN.has(name) ? "In " : OUT.has(name) ? "Out" : null;
  const skb = args[0];
  if (dir === null || !(skb instanceof sk_buff)) return null;
  return [`${skb.dev?.name} ${dir} ${line_of(skb)}`];
}

/** Name of a drop reason, and the packet. */
export function drop_text(skb: sk_buff, reason: number): { reason: string; packet: string } {
  return { reason: REASONS[reason] ?? String(reason), packet: line_of(skb) };
}

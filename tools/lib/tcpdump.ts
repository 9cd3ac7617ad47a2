// SPDX-License-Identifier: GPL-2.0-only
//
// Packets as `tcpdump -n` prints them. tcpdump() watches a device both ways, as a packet socket does;
// packet_printer alone turns bytes into lines, and remembers ISNs to print sequence numbers relative to them.

import { ETH_P_ALL, ETH_P_ARP, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_ANO,
  ICMP_HOST_ISOLATED,
  ICMP_HOST_UNKNOWN,
  ICMP_HOST_UNREACH,
  ICMP_NET_ANO,
  ICMP_NET_UNKNOWN,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
  ICMP_SR_FAILED,
  ICMP_TIME_EXCEEDED,
} from "../../include/uapi/linux/icmp.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import type { net_device, packet_type } from "../../include/linux/netdevice.ts";

import { ktime_get, ktime_mono_to_real } from "../../include/linux/timekeeping.ts";
import {
  TCPOPT_EOL,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  TCPOPT_MD5SIG,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
} from "../../include/net/tcp.ts";
import { dev_add_pack, dev_remove_pack } from "../../net/core/dev.ts";
import { kfree_skb, skb_copy_bits } from "../../net/core/skbuff.ts";
import { inet_ntoa } from "./inet.ts";

/** Flags in tcpdump's order: FIN SYN RST PSH ACK(.) URG ECE CWR. */
const FLAG_CHARS = "FSRP.UEW";

function tcp_flags(flags: number): string {
  let s = "";
  for (let i = 0; i < 8; i++) if ((flags & (1 << i)) !== 0) s += FLAG_CHARS[i];
  return s === "" ? "none" : s;
}

function hex(dv: DataView, off: number, len: number): string {
  let s = "";
  for (let i = 0; i < len; i++) s += dv.getUint8(off + i).toString(16).padStart(2, "0");
  return s;
}

/** The options of a header that ends at `end`, as tcpdump's list. */
function tcp_options(dv: DataView, off: number, end: number, rel: (seq: number) => number): string {
  const opts: string[] = [];
  while (off < end) {
    const kind = dv.getUint8(off);
    if (kind === TCPOPT_EOL) {
      opts.push("eol");
      break;
    }
    if (kind === TCPOPT_NOP) {
      opts.push("nop");
      off++;
      continue;
    }
    const len = off + 1 < end ? dv.getUint8(off + 1) : 0;
    if (len < 2 || off + len > end) {
      opts.push(`[bad opt]`);
      break;
    }
    if (kind === TCPOPT_MSS && len === 4) {
      opts.push(`mss ${dv.getUint16(off + 2)}`);
    } else if (kind === TCPOPT_WINDOW && len === 3) {
      opts.push(`wscale ${dv.getUint8(off + 2)}`);
    } else if (kind === TCPOPT_SACK_PERM && len === 2) {
      opts.push("sackOK");
    } else if (kind === TCPOPT_TIMESTAMP && len === 10) {
      opts.push(`TS val ${dv.getUint32(off + 2)} ecr ${dv.getUint32(off + 6)}`);
    } else if (kind === TCPOPT_SACK) {
      let s = `sack ${(len - 2) >> 3} `;
      for (let i = 2; i + 8 <= len; i += 8) {
        s += `{${rel(dv.getInt32(off + i))}:${rel(dv.getInt32(off + i + 4))}}`;
      }
      opts.push(s);
    } else if (kind === TCPOPT_FASTOPEN) {
      opts.push(len === 2 ? "tfo cookiereq" : `tfo cookie ${hex(dv, off + 2, len - 2)}`);
    } else if (kind === TCPOPT_MD5SIG) {
      opts.push("md5");
    } else if (kind === TCPOPT_EXP) {
      opts.push(`exp-${hex(dv, off + 2, Math.min(2, len - 2))}`);
    } else {
      opts.push(`unknown-${kind}`);
    }
    off += len;
  }
  return opts.join(",");
}

/** What is unreachable, by code: `dst` the address that the packet in the error went to. */
const ICMP_UNREACHABLE: Record<number, (dst: string) => string> = {
  [ICMP_NET_UNREACH]: (dst) => `net ${dst} unreachable`,
  [ICMP_HOST_UNREACH]: (dst) => `host ${dst} unreachable`,
  [ICMP_SR_FAILED]: (dst) => `${dst} unreachable - source route failed`,
  [ICMP_NET_UNKNOWN]: (dst) => `net ${dst} unreachable - unknown`,
  [ICMP_HOST_UNKNOWN]: (dst) => `host ${dst} unreachable - unknown`,
  [ICMP_HOST_ISOLATED]: (dst) => `${dst} unreachable - source host isolated`,
  [ICMP_NET_ANO]: (dst) => `net ${dst} unreachable - admin prohibited`,
  [ICMP_HOST_ANO]: (dst) => `host ${dst} unreachable - admin prohibited`,
  [ICMP_PKT_FILTERED]: (dst) => `host ${dst} unreachable - admin prohibited filter`,
};

/** The text of a destination unreachable whose header is at `at`. */
function icmp_unreach(dv: DataView, at: number, plen: number): string {
  const code = dv.getUint8(at + 1);
  const inner = at + 8;
  if (plen < 28) return `unreachable code ${code}`;
  const dst = inet_ntoa(dv.getInt32(inner + 16));
  if (code === ICMP_FRAG_NEEDED) {
    const mtu = dv.getUint16(at + 6);
    return `${dst} unreachable - need to frag${mtu === 0 ? "" : ` (mtu ${mtu})`}`;
  }
  const protocol = dv.getUint8(inner + 9);
  if (code === ICMP_PROT_UNREACH) return `${dst} protocol ${protocol} unreachable`;
  if (code === ICMP_PORT_UNREACH) {
    const th = inner + (dv.getUint8(inner) & 15) * 4;
    if (th + 4 > at + plen) return `${dst} port unreachable`;
    const port = dv.getUint16(th + 2);
    if (protocol === IPPROTO_TCP) return `${dst} tcp port ${port} unreachable`;
    if (protocol === IPPROTO_UDP) return `${dst} udp port ${port} unreachable`;
    return `${dst} protocol ${protocol} port ${port} unreachable`;
  }
  return ICMP_UNREACHABLE[code]?.(dst) ?? `${dst} unreachable - #${code}`;
}

/** Where the sequence numbers of a conversation are counted from, as seen by the sender of its first packet. */
interface conversation {
  seq: number;
  ack: number;
}

/** Turns packets into lines. */
export class packet_printer {
  /** By "src.port > dst.port" of the first packet with an ACK. */
  private readonly conversations = new Map<string, conversation>();
  private readonly absolute: boolean;

  /** `absolute`: sequence numbers as they are (tcpdump -S). */
  constructor(options: { absolute?: boolean } = {}) {
    this.absolute = options.absolute ?? false;
  }

  /** The line of an IPv4 packet, without time. */
  ip(dv: DataView, off = 0, len = dv.byteLength): string {
    if (len < 20) return `IP truncated-ip - ${20 - len} bytes missing!`;
    const ihl = (dv.getUint8(off) & 15) * 4;
    const tot_len = Math.min(dv.getUint16(off + 2), len);
    const frag_off = dv.getUint16(off + 6);
    const protocol = dv.getUint8(off + 9);
    const src = inet_ntoa(dv.getInt32(off + 12));
    const dst = inet_ntoa(dv.getInt32(off + 16));
    const plen = tot_len - ihl;
    if (ihl < 20 || plen < 0) return `IP bad-hlen ${ihl}`;
    const at = off + ihl;
    if ((frag_off & 0x1fff) !== 0) {
      return `IP ${src} > ${dst}: ip-proto-${protocol}`;
    }
    if (protocol === IPPROTO_TCP && plen >= 20) return this.tcp(dv, at, plen, src, dst);
    if (protocol === IPPROTO_UDP && plen >= 8) {
      const sport = dv.getUint16(at);
      const dport = dv.getUint16(at + 2);
      return `IP ${src}.${sport} > ${dst}.${dport}: UDP, length ${plen - 8}`;
    }
    if (protocol === IPPROTO_ICMP && plen >= 8) return this.icmp(dv, at, plen, src, dst);
    return `IP ${src} > ${dst}: ip-proto-${protocol} ${plen}`;
  }

  /**
   * What a packet's numbers are relative to. As tcpdump has it: a conversation is known from its first packet with an ACK
   * on, a SYN+ACK starts it anew, and that packet's own numbers are shown as they are.
   */
  private origin(
    dv: DataView,
    at: number,
    fwd: string,
    rev: string,
  ): conversation & { first: boolean } {
    const flags = dv.getUint8(at + 13);
    if (this.absolute || (flags & 16) === 0) return { seq: 0, ack: 0, first: true };
    const { conversations } = this;
    const known = conversations.get(fwd);
    const back = conversations.get(rev);
    if ((known ?? back) === undefined || (flags & 2) !== 0) {
      const c = { seq: dv.getInt32(at + 4), ack: (dv.getInt32(at + 8) - 1) | 0 };
      if (back !== undefined) conversations.set(rev, { seq: c.ack, ack: c.seq });
      else conversations.set(fwd, c);
      return { ...c, first: true };
    }
    if (known !== undefined) return { ...known, first: false };
    return { seq: back!.ack, ack: back!.seq, first: false };
  }

  private tcp(dv: DataView, at: number, plen: number, src: string, dst: string): string {
    const sport = dv.getUint16(at);
    const dport = dv.getUint16(at + 2);
    const seq = dv.getInt32(at + 4);
    const ack = dv.getInt32(at + 8);
    const doff = (dv.getUint8(at + 12) >> 4) * 4;
    const flags = dv.getUint8(at + 13);
    const fwd = `${src}.${sport} > ${dst}.${dport}`;
    const { seq: seq_isn, ack: ack_isn, first } = this.origin(
      dv,
      at,
      fwd,
      `${dst}.${dport} > ${src}.${sport}`,
    );
    const rel = (s: number, isn: number): number => (s - isn) >>> 0;
    const data = Math.max(0, plen - doff);
    let line = `IP ${fwd}: Flags [${tcp_flags(flags)}]`;
    if (data > 0 || (flags & 7) !== 0) {
      line += `, seq ${rel(seq, first ? 0 : seq_isn)}`;
      if (data > 0) line += `:${rel((seq + data) | 0, first ? 0 : seq_isn)}`;
    }
    if ((flags & 16) !== 0) line += `, ack ${rel(ack, first ? 0 : ack_isn)}`;
    line += `, win ${dv.getUint16(at + 14)}`;
    if ((flags & 32) !== 0) line += `, urg ${dv.getUint16(at + 18)}`;
    if (doff > 20 && doff <= plen) {
      const opts = tcp_options(dv, at + 20, at + doff, (s) => rel(s, ack_isn));
      line += `, options [${opts}]`;
    }
    return `${line}, length ${data}`;
  }

  private icmp(dv: DataView, at: number, plen: number, src: string, dst: string): string {
    const type = dv.getUint8(at);
    const code = dv.getUint8(at + 1);
    const head = `IP ${src} > ${dst}: ICMP`;
    if (type === 8 || type === 0) {
      const what = type === 8 ? "request" : "reply";
      return `${head} echo ${what}, id ${dv.getUint16(at + 4)}, seq ${dv.getUint16(at + 6)}, ` +
        `length ${plen}`;
    }
    if (type === ICMP_DEST_UNREACH) {
      return `${head} ${icmp_unreach(dv, at, plen)}, length ${plen}`;
    }
    if (type === ICMP_TIME_EXCEEDED) {
      const what = code === 0 ? "time exceeded in-transit" : "ip reassembly time exceeded";
      return `${head} ${what}, length ${plen}`;
    }
    return `${head} type-${type} code-${code}, length ${plen}`;
  }

  /** The line of an ARP packet. */
  arp(dv: DataView, off = 0, len = dv.byteLength): string {
    if (len < 28) return "ARP, truncated";
    const op = dv.getUint16(off + 6);
    const sip = inet_ntoa(dv.getInt32(off + 14));
    const tip = inet_ntoa(dv.getInt32(off + 24));
    if (op === 1) return `ARP, Request who-has ${tip} tell ${sip}, length ${len}`;
    const mac = hex(dv, off + 8, 6).replace(/(..)(?!$)/g, "$1:");
    return `ARP, Reply ${sip} is-at ${mac}, length ${len}`;
  }
}

/** Time of day of a monotonic time (ns) as HH:MM:SS.uuuuuu, UTC. */
export function print_time(mono_ns: number): string {
  // The two parts alone are exact; their sum in ns is more than a double holds.
  const us = Math.floor(mono_ns / 1000) + Math.floor(ktime_mono_to_real(0) / 1000);
  const iso = new Date(Math.floor(us / 1000)).toISOString();
  return iso.slice(11, 23) + String(us % 1000).padStart(3, "0");
}

/** What tcpdump() shows. */
export interface tcpdump_options {
  absolute?: boolean;
  /** Called for each packet that passes; default all. Offset and length of the IP or ARP header on. */
  filter?: (dv: DataView, off: number, protocol: number) => boolean;
}

/** Prints what passes a device, until the returned function is called. */
export function tcpdump(
  dev: net_device | null,
  print: (line: string) => void,
  options: tcpdump_options = {},
): () => void {
  const printer = new packet_printer(options);
  const pt: packet_type = {
    type: ETH_P_ALL,
    dev,
    func(skb) {
      // The network header of what is sent stands behind a link header, of what came in at data.
      const off = skb.network_header - skb.data;
      const len = skb.len - off;
      const bytes = new Uint8Array(len);
      skb_copy_bits(skb, off, bytes, len);
      const { protocol } = skb;
      kfree_skb(skb);
      const dv = new DataView(bytes.buffer);
      if (options.filter !== undefined && !options.filter(dv, 0, protocol)) return 0;
      if (protocol === ETH_P_IP) print(`${print_time(ktime_get())} ${printer.ip(dv)}`);
      else if (protocol === ETH_P_ARP) print(`${print_time(ktime_get())} ${printer.arp(dv)}`);
      return 0;
    },
  };
  dev_add_pack(pt);
  return () => dev_remove_pack(pt);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Malformed and hostile frames with the counters that they move, by nstat's names. ip_input_test.ts holds our stack
// to them and ip_input_interop_test.ts the host's own Linux. The host in question is 198.51.100.2/24, knows the
// Ethernet address of 198.51.100.1, does not forward, has a UDP socket on port 53 and listens on TCP port 80.

import { TCPHDR_ACK, TCPHDR_RST, TCPHDR_SYN } from "../../include/net/tcp.ts";
import { ETH_P_ARP } from "../../include/uapi/linux/if_ether.ts";
import {
  arp_packet,
  eth_frame,
  everybody,
  fix_ip_csum,
  icmp_message,
  icmp_packet,
  ip_packet,
  tcp_packet,
  udp_packet,
} from "./frames.ts";

export const HOST = 0xc6336402 | 0;
export const PEER = 0xc6336401 | 0;
export const PEER_MAC: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 1);
const BROADCAST = 0xc63364ff | 0;
const TO = { saddr: PEER, daddr: HOST };

/** Frames, and what they count; counters that are not named do not move, but for those of NOISE. */
export interface malformed_case {
  name: string;
  /** The host's Ethernet address is given. */
  frames: (mac: Uint8Array) => Uint8Array[];
  counters: Readonly<Record<string, number>>;
}

/** Counters of packets and bytes as such, and details of others. */
export const NOISE =
  /^(IpInReceives|IpOutRequests|IpOutTransmits|IpExt.*(Octets|ECT.*Pkts|CEPkts|castPkts)|IcmpMsg.*|TcpOutSegs)$/;

/** The frame with which PEER makes itself known. */
export function hello(): Uint8Array {
  const p = arp_packet({ op: 1, sha: PEER_MAC, sip: PEER, tip: HOST });
  return eth_frame(everybody, PEER_MAC, p, ETH_P_ARP);
}

function bytes(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => i * 7);
}

const packets = (...p: Uint8Array[]) => (mac: Uint8Array) =>
  p.map((x) => eth_frame(mac, PEER_MAC, x));

const dns = { source: 1024, dest: 53 };
const good_udp = udp_packet(TO, dns, bytes(20));
const syn = { source: 1024, dest: 80, seq: 1, ack_seq: 0, flags: TCPHDR_SYN };

/** A packet changed behind its checksums; the header's is made right again. */
function bent(p: Uint8Array, change: (p: Uint8Array) => void): Uint8Array {
  const q = p.slice();
  change(q);
  fix_ip_csum(q, 0);
  return q;
}

/** An ICMP error of PEER about a packet of HOST. */
function about(type: number, code: number, quoted: Uint8Array, un = 0): Uint8Array {
  return icmp_packet(TO, { type, code, un }, quoted);
}

const from_host = udp_packet({ saddr: HOST, daddr: PEER }, { source: 53, dest: 9 }, bytes(8));

function ip_case(
  name: string,
  counters: Readonly<Record<string, number>>,
  ...p: Uint8Array[]
): malformed_case {
  return { name, frames: packets(...p), counters };
}

/** Frames cut off after each number of bytes of the IP packet. */
function truncated(p: Uint8Array, hlen: number): malformed_case[] {
  const out: malformed_case[] = [];
  for (let n = 0; n < p.length; n++) {
    const counters: Record<string, number> = n < hlen
      ? { IpInHdrErrors: 1 }
      : { IpExtInTruncatedPkts: 1 };
    out.push(ip_case(`a datagram cut off after ${n} bytes`, counters, p.slice(0, n)));
  }
  return out;
}

const frag = { ...TO, protocol: 17, id: 7 };
const MF = 0x2000;

/** Headers of IP. */
const ip_cases: readonly malformed_case[] = [
  ip_case("a good datagram", { IpInDelivers: 1, UdpInDatagrams: 1 }, good_udp),
  ip_case("one with padding", { IpInDelivers: 1, UdpInDatagrams: 1 }, padded(good_udp, 26)),
  ip_case(
    "TTL 0",
    { IpInDelivers: 1, UdpInDatagrams: 1 },
    udp_packet(TO, dns, bytes(1), { ttl: 0 }),
  ),
  ip_case("version 0", { IpInHdrErrors: 1 }, udp_packet(TO, dns, bytes(8), { version: 0 })),
  ip_case("version 5", { IpInHdrErrors: 1 }, udp_packet(TO, dns, bytes(8), { version: 5 })),
  ip_case("version 6", { IpInHdrErrors: 1 }, udp_packet(TO, dns, bytes(8), { version: 6 })),
  ip_case("a header of 0 words", { IpInHdrErrors: 1 }, udp_packet(TO, dns, bytes(8), { ihl: 0 })),
  ip_case("a header of 4 words", { IpInHdrErrors: 1 }, udp_packet(TO, dns, bytes(8), { ihl: 4 })),
  ip_case(
    "a header longer than the packet",
    { IpInHdrErrors: 1 },
    udp_packet(TO, dns, bytes(8), { ihl: 15 }),
  ),
  ip_case(
    "a wrong checksum",
    { IpInHdrErrors: 1, IpExtInCsumErrors: 1 },
    udp_packet(TO, dns, bytes(8), { check: 1 }),
  ),
  ip_case(
    "a total length of 0",
    { IpInHdrErrors: 1 },
    udp_packet(TO, dns, bytes(8), { tot_len: 0 }),
  ),
  ip_case(
    "a total length less than the header",
    { IpInHdrErrors: 1 },
    udp_packet(TO, dns, bytes(8), { tot_len: 19 }),
  ),
  ip_case(
    "a total length beyond the end",
    { IpExtInTruncatedPkts: 1 },
    udp_packet(TO, dns, bytes(8), { tot_len: 37 }),
  ),
  ip_case(
    "a total length of 65535",
    { IpExtInTruncatedPkts: 1 },
    udp_packet(TO, dns, bytes(8), { tot_len: 65535 }),
  ),
  ip_case(
    "a packet for another host of the link",
    { IpInAddrErrors: 1 },
    udp_packet({ saddr: PEER, daddr: 0xc6336409 | 0 }, dns),
  ),
  ip_case(
    "a packet for a host elsewhere",
    { IpInAddrErrors: 1 },
    udp_packet({ saddr: PEER, daddr: 0x08080808 }, dns),
  ),
  ip_case("a packet to 0.0.0.1", { IpInAddrErrors: 1 }, udp_packet({ saddr: PEER, daddr: 1 }, dns)),
  ip_case("a packet to 127.0.0.1", {}, udp_packet({ saddr: PEER, daddr: 0x7f000001 }, dns)),
  ip_case("a packet from 127.0.0.1", {}, udp_packet({ saddr: 0x7f000001, daddr: HOST }, dns)),
  ip_case("a packet from 0.0.0.0", {}, udp_packet({ saddr: 0, daddr: HOST }, dns)),
  ip_case("a packet from 255.255.255.255", {}, udp_packet({ saddr: -1, daddr: HOST }, dns)),
  ip_case("a packet from a group", {}, udp_packet({ saddr: 0xe0000005 | 0, daddr: HOST }, dns)),
  ip_case("a packet from our own address", {}, udp_packet({ saddr: HOST, daddr: HOST }, dns)),
  ip_case(
    "a packet from the link's broadcast address",
    { IpInDelivers: 1, UdpInDatagrams: 1 },
    udp_packet({ saddr: BROADCAST, daddr: HOST }, dns),
  ),
  ip_case(
    "an unknown protocol",
    { IpInUnknownProtos: 1, IcmpOutMsgs: 1, IcmpOutDestUnreachs: 1 },
    ip_packet({ ...TO, protocol: 254 }, bytes(8)),
  ),
];

function padded(p: Uint8Array, n: number): Uint8Array {
  const q = new Uint8Array(p.length + n);
  q.set(p);
  return q;
}

function options(name: string, opt: number[], bad: boolean): malformed_case {
  const counters: Record<string, number> = bad
    ? { IpInHdrErrors: 1, IcmpOutMsgs: 1, IcmpOutParmProbs: 1 }
    : { IpInDelivers: 1, UdpInDatagrams: 1 };
  return ip_case(`options: ${name}`, counters, udp_packet(TO, dns, bytes(8), { options: opt }));
}

/** Options of IP. */
const option_cases: readonly malformed_case[] = [
  options("nothing but padding", [1, 1, 1, 1], false),
  options("the end, and garbage behind it", [0, 9, 9, 9], false),
  options("record route", [7, 7, 4, 0, 0, 0, 0, 0], false),
  options("record route that is full", [7, 7, 8, 9, 9, 9, 9, 0], false),
  options("record route of 2 bytes", [7, 2, 0, 0], true),
  options("record route with a pointer below 4", [7, 7, 3, 0, 0, 0, 0, 0], true),
  options("record route with half an address of room", [7, 5, 4, 0, 0, 0, 0, 0], true),
  options("record route twice", [7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0, 0], true),
  options("a time stamp", [68, 8, 5, 0, 0, 0, 0, 0], false),
  options("a time stamp with its address", [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0], false),
  options("a time stamp of 3 bytes", [68, 3, 5, 0], true),
  options("a time stamp with a pointer below 5", [68, 8, 4, 0, 0, 0, 0, 0], true),
  options("a time stamp that has overflown 15 times", [68, 8, 9, 0xf0, 0, 0, 0, 0], true),
  options("a length of 0", [130, 0, 0, 0], true),
  options("a length of 1", [130, 1, 0, 0], true),
  options("a length beyond the header", [130, 5, 0, 0], true),
  options("a length that is missing", [1, 1, 1, 130], true),
  options("one that nobody knows", [30, 4, 1, 2], false),
  options("router alert", [148, 4, 0, 0], false),
  options("router alert of 3 bytes", [148, 3, 0, 0], true),
  options("CIPSO twice", [134, 4, 0, 0, 134, 4, 0, 0], true),
  options("a source route of 2 bytes", [131, 2, 0, 0], true),
  options("a source route with a pointer below 4", [131, 7, 3, 0, 0, 0, 0, 0], true),
  options("two source routes", [131, 7, 4, 0, 0, 0, 0, 137, 7, 4, 0, 0, 0, 0, 0, 0], true),
  ip_case(
    "options: a source route, which the host does not take",
    {},
    udp_packet(TO, dns, bytes(8), { options: [131, 7, 4, 1, 2, 3, 4, 0] }),
  ),
  ip_case(
    "options: a strict source route, which the host does not take",
    {},
    udp_packet(TO, dns, bytes(8), { options: [137, 7, 8, 1, 2, 3, 4, 0] }),
  ),
];

/** Fragments. */
const fragment_cases: readonly malformed_case[] = [
  ip_case(
    "a last fragment without bytes",
    { IpReasmReqds: 1, IpReasmFails: 1 },
    ip_packet({ ...frag, frag_off: 1 }, bytes(0)),
  ),
  ip_case(
    "a first fragment of less than 8 bytes",
    { IpReasmReqds: 1, IpReasmFails: 1 },
    ip_packet({ ...frag, id: 8, frag_off: MF }, bytes(7)),
  ),
  ip_case(
    "fragments that overlap",
    { IpReasmReqds: 2, IpReasmFails: 1, IpExtReasmOverlaps: 1 },
    ip_packet({ ...frag, id: 9, frag_off: MF }, bytes(64)),
    ip_packet({ ...frag, id: 9, frag_off: MF | 4 }, bytes(64)),
  ),
  ip_case(
    "a fragment twice",
    { IpReasmReqds: 2 },
    ip_packet({ ...frag, id: 10, frag_off: MF | 1 }, bytes(64)),
    ip_packet({ ...frag, id: 10, frag_off: MF | 1 }, bytes(64)),
  ),
  ip_case(
    "two last fragments that do not agree",
    { IpReasmReqds: 2, IpReasmFails: 1 },
    ip_packet({ ...frag, id: 11, frag_off: 4 }, bytes(64)),
    ip_packet({ ...frag, id: 11, frag_off: 4 }, bytes(72)),
  ),
  ip_case(
    "a fragment behind the last",
    { IpReasmReqds: 2, IpReasmFails: 1 },
    ip_packet({ ...frag, id: 12, frag_off: 4 }, bytes(8)),
    ip_packet({ ...frag, id: 12, frag_off: MF | 64 }, bytes(8)),
  ),
  ip_case(
    "a packet of more than 65535 bytes",
    { IpReasmReqds: 46, IpReasmFails: 1 },
    ...too_long(),
  ),
  ip_case("a datagram in two halves", {
    IpReasmReqds: 2,
    IpReasmOKs: 1,
    IpInDelivers: 1,
    UdpInDatagrams: 1,
  }, ...halves(good_udp)),
];

/** Fragments of 65536 bytes, the last of which comes first. */
function too_long(): Uint8Array[] {
  const out: Uint8Array[] = [ip_packet({ ...frag, id: 13, frag_off: 8190 }, bytes(16))];
  for (let at = 0; at < 65520; at += 1456) {
    const n = Math.min(1456, 65520 - at);
    out.push(ip_packet({ ...frag, id: 13, frag_off: MF | at >> 3 }, bytes(n)));
  }
  return out;
}

/** A packet in two fragments, the second first. */
function halves(p: Uint8Array): Uint8Array[] {
  const f = { ...frag, id: 14 };
  return [
    ip_packet({ ...f, frag_off: 2 }, p.slice(36)),
    ip_packet({ ...f, frag_off: MF }, p.slice(20, 36)),
  ];
}

const UDP_BAD = { IpInDelivers: 1, UdpInErrors: 1 };
const ONE_UNREACHABLE = { IpInDelivers: 1, UdpNoPorts: 1, IcmpOutMsgs: 1, IcmpOutDestUnreachs: 1 };

const udp_cases: readonly malformed_case[] = [
  ip_case(
    "UDP: a checksum of 0, which is none",
    { IpInDelivers: 1, UdpInDatagrams: 1 },
    udp_packet(TO, { ...dns, check: 0 }, bytes(9)),
  ),
  ip_case(
    "UDP: a wrong checksum",
    { ...UDP_BAD, UdpInCsumErrors: 1 },
    udp_packet(TO, { ...dns, check: 1 }, bytes(9)),
  ),
  ip_case("UDP: a length of 7", UDP_BAD, udp_packet(TO, { ...dns, len: 7 }, bytes(9))),
  ip_case("UDP: a length of 0", UDP_BAD, udp_packet(TO, { ...dns, len: 0 }, bytes(9))),
  ip_case(
    "UDP: a length beyond the packet",
    UDP_BAD,
    udp_packet(TO, { ...dns, len: 18 }, bytes(9)),
  ),
  ip_case("UDP: a header of 7 bytes", UDP_BAD, ip_packet({ ...TO, protocol: 17 }, bytes(7))),
  ip_case("UDP: no header", UDP_BAD, ip_packet({ ...TO, protocol: 17 }, bytes(0))),
  ip_case(
    "UDP: a port that nobody has",
    ONE_UNREACHABLE,
    udp_packet(TO, { source: 9, dest: 9 }, bytes(9)),
  ),
  ip_case(
    "UDP: a port that nobody has, wrong checksum",
    { ...UDP_BAD, UdpInCsumErrors: 1 },
    udp_packet(TO, { source: 9, dest: 9, check: 1 }, bytes(9)),
  ),
  ip_case(
    "UDP: a port that nobody has, by broadcast",
    { IpInDelivers: 1, UdpIgnoredMulti: 1 },
    udp_packet({ saddr: PEER, daddr: BROADCAST }, { source: 9, dest: 9 }, bytes(9)),
  ),
];

const ICMP_IN = { IpInDelivers: 1, IcmpInMsgs: 1 };
const ICMP_BAD = { ...ICMP_IN, IcmpInErrors: 1 };

const icmp_cases: readonly malformed_case[] = [
  ip_case(
    "ICMP: echo",
    { ...ICMP_IN, IcmpInEchos: 1, IcmpOutMsgs: 1, IcmpOutEchoReps: 1 },
    icmp_packet(TO, { type: 8, un: 1 }, bytes(56)),
  ),
  ip_case(
    "ICMP: a wrong checksum",
    { ...ICMP_BAD, IcmpInCsumErrors: 1 },
    icmp_packet(TO, { type: 8, check: 1 }, bytes(56)),
  ),
  ip_case("ICMP: a header of 7 bytes", ICMP_BAD, ip_packet({ ...TO, protocol: 1 }, short_icmp(7))),
  ip_case(
    "ICMP: no header",
    { ...ICMP_BAD, IcmpInCsumErrors: 1 },
    ip_packet({ ...TO, protocol: 1 }, bytes(0)),
  ),
  ip_case("ICMP: a type that nobody knows", ICMP_BAD, icmp_packet(TO, { type: 200 }, bytes(8))),
  ip_case(
    "ICMP: echo by broadcast",
    { ...ICMP_BAD, IcmpInEchos: 1 },
    icmp_packet({ saddr: PEER, daddr: BROADCAST }, { type: 8 }, bytes(8)),
  ),
  ip_case(
    "ICMP: a time stamp without room for one",
    { ...ICMP_BAD, IcmpInTimestamps: 1 },
    icmp_packet(TO, { type: 13 }, bytes(3)),
  ),
  ip_case(
    "ICMP: unreachable with 19 bytes of the packet",
    { ...ICMP_BAD, IcmpInDestUnreachs: 1 },
    about(3, 1, from_host.slice(0, 19)),
  ),
  ip_case(
    "ICMP: unreachable with 27 bytes of the packet",
    { ...ICMP_BAD, IcmpInDestUnreachs: 1 },
    about(3, 1, from_host.slice(0, 27)),
  ),
  ip_case("ICMP: unreachable about a packet of 4 words of header", {
    ...ICMP_BAD,
    IcmpInDestUnreachs: 1,
  }, about(3, 1, bent(from_host, (p) => p[0] = 0x44))),
  ip_case("ICMP: unreachable about a datagram that nobody sent", {
    ...ICMP_BAD,
    IcmpInDestUnreachs: 1,
  }, about(3, 3, udp_packet({ saddr: HOST, daddr: PEER }, { source: 7777, dest: 9 }, bytes(8)))),
  ip_case("ICMP: unreachable about a segment of a connection that is not", {
    ...ICMP_BAD,
    IcmpInDestUnreachs: 1,
  }, about(3, 3, tcp_packet({ saddr: HOST, daddr: PEER }, { ...syn, source: 9 }))),
  ip_case(
    "ICMP: unreachable with a code that is none",
    { ...ICMP_IN, IcmpInDestUnreachs: 1 },
    about(3, 99, from_host),
  ),
  ip_case(
    "ICMP: fragmentation needed with an MTU of 0",
    { ...ICMP_IN, IcmpInDestUnreachs: 1 },
    about(3, 4, from_host),
  ),
  ip_case("ICMP: redirect to nowhere", { ...ICMP_IN, IcmpInRedirects: 1 }, about(5, 1, from_host)),
  ip_case(
    "ICMP: redirect without a packet",
    { ...ICMP_BAD, IcmpInRedirects: 1 },
    about(5, 1, bytes(0)),
  ),
];

function short_icmp(n: number): Uint8Array {
  const m = icmp_message({ type: 8 }).slice(0, n);
  m[2] = 0xf7;
  m[3] = 0xff;
  return m;
}

const TCP_IN = { IpInDelivers: 1, TcpInSegs: 1 };
const TCP_BAD = { ...TCP_IN, TcpInErrs: 1 };

const tcp_cases: readonly malformed_case[] = [
  ip_case(
    "TCP: a wrong checksum",
    { ...TCP_BAD, TcpInCsumErrors: 1 },
    tcp_packet(TO, { ...syn, check: 1 }),
  ),
  ip_case("TCP: a header of 4 words", TCP_BAD, tcp_packet(TO, { ...syn, doff: 4 })),
  ip_case("TCP: a header of 0 words", TCP_BAD, tcp_packet(TO, { ...syn, doff: 0 })),
  ip_case("TCP: a header longer than the segment", TCP_IN, tcp_packet(TO, { ...syn, doff: 6 })),
  ip_case("TCP: 19 bytes", TCP_IN, ip_packet({ ...TO, protocol: 6 }, bytes(19))),
  ip_case("TCP: no header", TCP_IN, ip_packet({ ...TO, protocol: 6 }, bytes(0))),
  ip_case(
    "TCP: a SYN to a port that nobody listens on",
    { ...TCP_IN, TcpOutRsts: 1 },
    tcp_packet(TO, { ...syn, dest: 81 }),
  ),
  ip_case(
    "TCP: an ACK to a listener",
    { ...TCP_IN, TcpOutRsts: 1 },
    tcp_packet(TO, { ...syn, flags: TCPHDR_ACK, ack_seq: 5 }),
  ),
  ip_case("TCP: a RST to nobody", TCP_IN, tcp_packet(TO, { ...syn, dest: 81, flags: TCPHDR_RST })),
  ip_case(
    "TCP: a SYN from our own address (land)",
    {},
    tcp_packet({ saddr: HOST, daddr: HOST }, { ...syn, source: 80 }),
  ),
  ip_case(
    "TCP: a SYN by broadcast",
    { ...TCP_IN, TcpExtListenDrops: 1 },
    tcp_packet({ saddr: PEER, daddr: BROADCAST }, syn),
  ),
];

/** Frames that are no IP for this host. */
const link_cases: readonly malformed_case[] = [
  {
    name: "a frame for another station",
    frames: () => [eth_frame(Uint8Array.of(2, 9, 9, 9, 9, 9), PEER_MAC, good_udp)],
    counters: {},
  },
  {
    name: "a frame of an unknown type",
    frames: (mac) => [eth_frame(mac, PEER_MAC, good_udp, 0x1234)],
    counters: {},
  },
  {
    name: "a frame without anything",
    frames: (mac) => [eth_frame(mac, PEER_MAC, bytes(0))],
    counters: { IpInHdrErrors: 1 },
  },
  {
    name: "an unicast packet in a broadcast frame to TCP",
    frames: () => [eth_frame(everybody, PEER_MAC, tcp_packet(TO, syn))],
    counters: { IpInDelivers: 1 },
  },
];

/** All. */
export const malformed: readonly malformed_case[] = [
  ...ip_cases,
  ...truncated(good_udp, 20),
  ...truncated(udp_packet(TO, dns, bytes(2), { options: [1, 1, 1, 1] }), 24),
  ...option_cases,
  ...fragment_cases,
  ...udp_cases,
  ...icmp_cases,
  ...tcp_cases,
  ...link_cases,
];

/** What has changed between two readings, without noise. */
export function counted(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, v] of after) {
    const d = v - (before.get(name) ?? 0);
    if (d !== 0 && !NOISE.test(name)) out[name] = d;
  }
  return out;
}

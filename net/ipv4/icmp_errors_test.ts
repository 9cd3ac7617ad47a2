// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors that come in, by protocol and code, and those that go out, by rate.

import { assert, assertEquals } from "@std/assert";
import { SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM } from "../../include/linux/net.ts";
import { AF_INET, MSG_DONTWAIT, SO_ERROR, SOL_IP, SOL_SOCKET } from "../../include/linux/socket.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EINPROGRESS,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EPROTO,
} from "../../include/uapi/asm-generic/errno.ts";
import { IP_RECVERR } from "../../include/uapi/linux/in.ts";
import { frame_host } from "../../tools/testing/frame_host.ts";
import { icmp_packet, tcp_packet, udp_packet } from "../../tools/testing/frames.ts";
import { HOST, PEER } from "../../tools/testing/malformed.ts";

const ROUTER = 0xc6336409 | 0;

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

function sin(sin_port: number, sin_addr = PEER) {
  return { sin_family: AF_INET, sin_port, sin_addr };
}

/** An error about a packet that the host has sent. */
function error(t: frame_host, type: number, code: number, quoted: Uint8Array, un = 0): void {
  t.receive(icmp_packet({ saddr: ROUTER, daddr: HOST }, { type, code, un }, quoted.slice(0, 28)));
}

/** What a datagram socket's owner hears of an error about what it sent; 0: nothing. */
function heard(
  t: frame_host,
  type: number,
  code: number,
  recverr: boolean,
  connected: boolean,
): number {
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  if (recverr) t.u.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  if (connected) t.u.sys_connect(fd, sin(9));
  t.u.sys_sendto(fd, new Uint8Array(8), 8, 0, connected ? null : sin(9));
  const [sent] = t.take();
  error(t, type, code, sent, code === 4 ? 1000 : 0);
  const ret = t.u.sys_recv(fd, new Uint8Array(1), 1, MSG_DONTWAIT) as number;
  t.u.sys_close(fd);
  return ret === -EAGAIN ? 0 : -ret;
}

Deno.test("udp_err() tells connected sockets of final errors, those with IP_RECVERR of all", async () => {
  await using t = new frame_host();
  const table: [string, number, number, number, number, number][] = [
    // type, code; connected; IP_RECVERR; neither
    ["net unreachable", 3, 0, 0, ENETUNREACH, 0],
    ["host unreachable", 3, 1, 0, EHOSTUNREACH, 0],
    ["protocol unreachable", 3, 2, ENOPROTOOPT, ENOPROTOOPT, 0],
    ["port unreachable", 3, 3, ECONNREFUSED, ECONNREFUSED, 0],
    ["fragmentation needed", 3, 4, EMSGSIZE, EMSGSIZE, 0],
    ["net unknown", 3, 6, ENETUNREACH, ENETUNREACH, 0],
    ["host unknown", 3, 7, EHOSTDOWN, EHOSTDOWN, 0],
    ["host isolated", 3, 8, ENONET, ENONET, 0],
    ["prohibited", 3, 13, EHOSTUNREACH, EHOSTUNREACH, 0],
    ["source quench", 4, 0, 0, 0, 0],
    ["time exceeded", 11, 0, 0, EHOSTUNREACH, 0],
    ["parameter problem", 12, 0, EPROTO, EPROTO, 0],
  ];
  for (const [name, type, code, connected, recverr, neither] of table) {
    assertEquals([
      name,
      heard(t, type, code, false, true),
      heard(t, type, code, true, false),
      heard(t, type, code, false, false),
    ], [name, connected, recverr, neither]);
  }
});

Deno.test("tcp_v4_err() ends a connect() that is refused or has no way, but only for its own SYN", async () => {
  await using t = new frame_host();
  for (
    const [code, errno] of [[0, ENETUNREACH], [1, EHOSTUNREACH], [2, ENOPROTOOPT], [
      3,
      ECONNREFUSED,
    ]]
  ) {
    const fd = t.u.sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    assertEquals(t.u.sys_connect(fd, sin(7)), -EINPROGRESS);
    const [sent] = t.take();
    const so_error = (): number => {
      const v = new Uint8Array(4);
      t.u.sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, v, Int32Array.of(4));
      return new DataView(v.buffer).getInt32(0, true);
    };
    const forged = sent.slice();
    forged[20 + 4] ^= 0x40;
    const counts = t.counting(() => error(t, 3, code, forged));
    assertEquals([counts.TcpExtOutOfWindowIcmps, so_error()], [1, 0]);
    error(t, 3, code, sent);
    assertEquals(so_error(), errno);
    t.u.sys_close(fd);
  }
});

Deno.test("__icmp_send() lets a host have six errors at once, then one a second", async () => {
  await using t = new frame_host();
  const none = udp_packet({ saddr: PEER, daddr: HOST }, { source: 9, dest: 9 }, new Uint8Array(8));
  await t.advance(61000);
  const burst = (n: number): number => {
    for (let i = 0; i < n; i++) t.receive(none);
    return t.take().length;
  };
  assertEquals(burst(20), 6);
  await t.advance(500);
  assertEquals(burst(5), 0);
  await t.advance(600);
  assertEquals(burst(5), 1);
  await t.advance(3100);
  assertEquals(burst(5), 3);
  const counts = t.counting(() => t.receive(none));
  assertEquals(counts.IcmpOutRateLimitHost, 1);
});

Deno.test("__icmp_send() quotes the packet whole as far as 576 bytes go, and is right in every sum", async () => {
  await using t = new frame_host();
  for (const n of [0, 8, 500, 1400]) {
    const p = udp_packet({ saddr: PEER, daddr: HOST }, { source: 9, dest: 9 }, new Uint8Array(n));
    t.receive(p);
    const [e] = t.take();
    assertEquals(e.length, Math.min(576, p.length + 28));
    assertEquals([e[9], e[20], e[21]], [1, 3, 3]);
    assertEquals(e.slice(28), p.slice(0, e.length - 28));
    let sum = 0;
    for (let i = 20; i < e.length; i += 2) sum += e[i] << 8 | (e[i + 1] ?? 0);
    assertEquals(sum % 0xffff, 0);
  }
});

Deno.test("__icmp_send() is silent about errors, later fragments, broadcasts", async () => {
  await using t = new frame_host();
  const to = { saddr: PEER, daddr: HOST };
  const bytes = new Uint8Array(64);
  t.receive(
    icmp_packet(to, { type: 3, code: 3 }, bytes, { protocol: 254 }),
    udp_packet(to, { source: 9, dest: 9 }, bytes, { frag_off: 8 }),
    udp_packet({ ...to, daddr: 0xc63364ff | 0 }, { source: 9, dest: 9 }, bytes),
    icmp_packet({ ...to, daddr: 0xc63364ff | 0 }, { type: 8 }, bytes),
    icmp_packet(to, { type: 3, code: 3 }, bytes, { options: [130, 9, 0, 0] }),
    tcp_packet({ ...to, daddr: 0xc63364ff | 0 }, {
      source: 9,
      dest: 9,
      seq: 1,
      ack_seq: 0,
      flags: 2,
    }),
  );
  // An unknown protocol is answered, as it was to us alone; nothing else is.
  assertEquals(t.take().map((p) => [p[9], p[20], p[21]]), [[1, 3, 2]]);
});

Deno.test("icmp_echo() answers broadcasts only when asked to by sysctl", async () => {
  await using t = new frame_host();
  const ping = icmp_packet({ saddr: PEER, daddr: 0xc63364ff | 0 }, { type: 8 }, new Uint8Array(8));
  t.receive(ping);
  assertEquals(t.take(), []);
  t.sysctl("net.ipv4.icmp_echo_ignore_broadcasts", 0);
  t.receive(ping);
  const [reply] = t.take();
  assertEquals([new DataView(reply.buffer).getInt32(12), reply[20]], [HOST, 0]);
  t.sysctl("net.ipv4.icmp_echo_ignore_all", 1);
  t.receive(ping);
  assertEquals(t.take(), []);
  assert(reply.length === 36);
});

Deno.test("udp_recvmsg() takes the answer to a DNS query from the server alone", async () => {
  await using t = new frame_host();
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  assertEquals(t.u.sys_connect(fd, sin(53)), 0);
  const query = Uint8Array.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1);
  assertEquals(t.u.sys_write(fd, query), query.length);
  const [sent] = t.take();
  assertEquals(sent.slice(28), query);
  const port = new DataView(sent.buffer).getUint16(20);
  const answer = Uint8Array.of(...query, 192, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1);
  t.receive(
    udp_packet({ saddr: ROUTER, daddr: HOST }, { source: 53, dest: port }, answer),
    udp_packet({ saddr: PEER, daddr: HOST }, { source: 54, dest: port }, answer),
    udp_packet({ saddr: PEER, daddr: HOST }, { source: 53, dest: port, check: 0 }, answer),
  );
  const buf = new Uint8Array(512);
  assertEquals(t.u.sys_recv(fd, buf, 512, MSG_DONTWAIT), answer.length);
  assertEquals(buf.slice(0, answer.length), answer);
  assertEquals(t.u.sys_recv(fd, buf, 512, MSG_DONTWAIT), -EAGAIN);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { SOCK_RAW } from "../../include/linux/net.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { AF_INET, MSG_DONTWAIT, SOL_RAW } from "../../include/linux/socket.ts";
import { EAGAIN } from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_FILTER,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
} from "../../include/uapi/linux/icmp.ts";
import { INADDR_LOOPBACK, IPPROTO_ICMP, IPPROTO_RAW } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { ICMP_MIB_CSUMERRORS, ICMP_MIB_INMSGS } from "../../include/uapi/linux/snmp.ts";
import { ip_compute_csum } from "../../lib/checksum.ts";
import { boot } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { icmp_global_allow, icmp_global_consume } from "./icmp.ts";

const lo: sockaddr = { sin_family: AF_INET, sin_port: 0, sin_addr: INADDR_LOOPBACK };

/** An ICMP message of id 0x1234 and sequence 1. */
function icmp(type: number, data: Uint8Array): Uint8Array {
  const b = new Uint8Array(8 + data.length);
  b.set([type, 0, 0, 0, 0x12, 0x34, 0, 1]);
  b.set(data, 8);
  new DataView(b.buffer).setUint16(2, ip_compute_csum(b, 0, b.length));
  return b;
}

/** What a raw socket receives, without the IP header; or a negative errno. */
function recv(u: userland, fd: number): Uint8Array | number {
  const buf = new Uint8Array(2048);
  const n = u.sys_recvfrom(fd, buf, buf.length, MSG_DONTWAIT) as number;
  return n < 0 ? n : buf.slice(20, n);
}

function raw(u: userland, protocol = IPPROTO_ICMP): number {
  return u.sys_socket(AF_INET, SOCK_RAW, protocol);
}

Deno.test("icmp_echo() answers a ping, and raw sockets see both", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const fd = raw(u);
  for (const len of [0, 1, 56, 1400]) {
    const data = Uint8Array.from({ length: len }, (_, i) => i);
    const ping = icmp(ICMP_ECHO, data);
    assertEquals(u.sys_sendto(fd, ping, ping.length, 0, lo), ping.length);
    await m.sim!.settle();
    assertEquals(recv(u, fd), ping);
    assertEquals(recv(u, fd), icmp(ICMP_ECHOREPLY, data));
    assertEquals(recv(u, fd), -EAGAIN);
  }
});

Deno.test("icmp_rcv() drops messages with wrong checksums", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const fd = raw(u);
  const ping = icmp(ICMP_ECHO, new Uint8Array(8));
  ping[10] ^= 1;
  u.sys_sendto(fd, ping, ping.length, 0, lo);
  await m.sim!.settle();
  assertEquals(recv(u, fd), ping);
  assertEquals(recv(u, fd), -EAGAIN);
  const mib = m.host().net.mib.icmp_statistics;
  assertEquals([mib[ICMP_MIB_INMSGS], mib[ICMP_MIB_CSUMERRORS]], [1, 1]);
});

Deno.test("icmp_filter() keeps types from a raw socket", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const fd = raw(u);
  const filter = new Uint8Array(Int32Array.of(~(1 << ICMP_ECHOREPLY)).buffer);
  assertEquals(u.sys_setsockopt(fd, SOL_RAW, ICMP_FILTER, filter), 0);
  const ping = icmp(ICMP_ECHO, new Uint8Array(8));
  u.sys_sendto(fd, ping, ping.length, 0, lo);
  await m.sim!.settle();
  assertEquals(recv(u, fd), icmp(ICMP_ECHOREPLY, new Uint8Array(8)));
  assertEquals(recv(u, fd), -EAGAIN);
});

Deno.test("icmp_timestamp() answers with the time of day", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const fd = raw(u);
  const data = new Uint8Array(12);
  data.set([1, 2, 3, 4]);
  const ask = icmp(ICMP_TIMESTAMP, data);
  u.sys_sendto(fd, ask, ask.length, 0, lo);
  await m.sim!.settle();
  recv(u, fd);
  const b = recv(u, fd) as Uint8Array;
  assertEquals([b.length, b[0], ip_compute_csum(b, 0, 20)], [20, ICMP_TIMESTAMPREPLY, 0]);
  assertEquals(b.slice(8, 12), data.slice(0, 4));
  assertEquals(b.slice(12, 16), b.slice(16, 20));
});

Deno.test("raw_send_hdrinc() sends the program's own IP header", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const fd = raw(u);
  const out = raw(u, IPPROTO_RAW);
  const ping = icmp(ICMP_ECHO, new Uint8Array(8));
  const packet = new Uint8Array(20 + ping.length);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 9, IPPROTO_ICMP]);
  new DataView(packet.buffer).setInt32(16, INADDR_LOOPBACK);
  packet.set(ping, 20);
  assertEquals(u.sys_sendto(out, packet, packet.length, 0, lo), packet.length);
  await m.sim!.settle();
  const buf = new Uint8Array(100);
  assertEquals(u.sys_recvfrom(fd, buf, 100, MSG_DONTWAIT), packet.length);
  assertEquals([buf[8], buf[3]], [9, packet.length]);
  assertEquals(recv(u, fd), icmp(ICMP_ECHOREPLY, new Uint8Array(8)));
});

Deno.test("icmp_global_allow() lets a burst of 50 pass, then 1000 a second", async () => {
  await using m = boot({ clock: "sim" });
  const n = m.host().net;
  await m.sim!.advance(5000);
  const burst = (): number => {
    for (let used = 0;; used++) {
      if (!icmp_global_allow(n)) return used;
      const before = n.ipv4.icmp_global_credit;
      while (n.ipv4.icmp_global_credit === before) icmp_global_consume(n);
      n.ipv4.icmp_global_credit = before - 1;
    }
  };
  assertEquals(burst(), 50);
  assertEquals(n.ipv4.icmp_global_stamp, jiffies);
  await m.sim!.advance(10);
  assertEquals(burst(), 0);
  await m.sim!.advance(10);
  assertEquals(burst(), 20);
});

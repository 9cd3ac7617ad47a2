// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW } from "../../include/linux/net.ts";
import {
  AF_INET,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_PEEK,
  MSG_TRUNC,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOL_IP,
  SOL_SOCKET,
  SOL_UDP,
} from "../../include/linux/socket.ts";
import {
  EADDRINUSE,
  EAGAIN,
  ECONNREFUSED,
  EDESTADDRREQ,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
} from "../../include/uapi/asm-generic/errno.ts";
import { INADDR_LOOPBACK, IP_RECVERR, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import {
  UDP_MIB_CSUMERRORS,
  UDP_MIB_INDATAGRAMS,
  UDP_MIB_NOPORTS,
  UDP_MIB_OUTDATAGRAMS,
  UDP_MIB_RCVBUFERRORS,
} from "../../include/uapi/linux/snmp.ts";
import { UDP_CORK } from "../../include/uapi/linux/udp.ts";
import { boot } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { __udp4_lib_lookup, udp_table } from "./udp.ts";

const LO = INADDR_LOOPBACK;

function sin(port: number, addr = LO): sockaddr {
  return { sin_family: AF_INET, sin_port: port, sin_addr: addr };
}

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

function text(s: string): Uint8Array {
  return new TextEncoder().encode(s);
}

/** A socket that is bound to a port of the loopback address. */
function bound(u: userland, port: number, opt = 0): number {
  const fd = u.sys_socket(AF_INET, SOCK_DGRAM, 0);
  if (opt !== 0) u.sys_setsockopt(fd, SOL_SOCKET, opt, int(1));
  assertEquals(u.sys_bind(fd, sin(port)), 0);
  return fd;
}

function send(u: userland, fd: number, s: string, to: sockaddr | null, flags = 0): unknown {
  const data = text(s);
  return u.sys_sendto(fd, data, data.length, flags, to, to === null ? 0 : 16);
}

/** What a socket receives without waiting: the text, or a negative errno. */
function recv(u: userland, fd: number, flags = 0, from: sockaddr | null = null): string | number {
  const buf = new Uint8Array(2048);
  const n = u.sys_recvfrom(fd, buf, buf.length, flags | MSG_DONTWAIT, from) as number;
  return n < 0 ? n : new TextDecoder().decode(buf.subarray(0, n));
}

Deno.test("udp_sendmsg() and udp_recvmsg() carry datagrams between two sockets", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const a = bound(u, 1000);
  const b = bound(u, 2000);
  assertEquals(send(u, a, "hello", sin(2000)), 5);
  assertEquals(send(u, a, "", sin(2000)), 0);
  await m.sim!.settle();
  const from = sin(0, 0);
  assertEquals(recv(u, b, MSG_PEEK), "hello");
  assertEquals(recv(u, b, 0, from), "hello");
  assertEquals(from, sin(1000));
  assertEquals(recv(u, b), "");
  assertEquals(recv(u, b), -EAGAIN);
  const mib = m.host().net.mib.udp_statistics;
  assertEquals([mib[UDP_MIB_OUTDATAGRAMS], mib[UDP_MIB_INDATAGRAMS]], [2, 2]);
});

Deno.test("udp_recvmsg() cuts what does not fit, and tells the length with MSG_TRUNC", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const b = bound(u, 2000);
  send(u, b, "0123456789", sin(2000));
  send(u, b, "abc", sin(2000));
  await m.sim!.settle();
  const buf = new Uint8Array(4);
  assertEquals(u.sys_recvfrom(b, buf, 4, MSG_TRUNC), 10);
  assertEquals(buf, text("0123"));
  assertEquals(recv(u, b), "abc");
});

Deno.test("udp_recvmsg() sleeps until a datagram comes", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const b = bound(u, 2000);
  const buf = new Uint8Array(10);
  const got = u.sys_recvfrom(b, buf, 10, 0);
  assert(got instanceof Promise);
  send(u, b, "late", sin(2000));
  assertEquals(await m.sim!.run_until(got), 4);
});

Deno.test("udp_recvmsg() that slept passes over any number of datagrams with wrong checksums", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const { net } = m.host();
  net.core.sysctl_rmem_max = 64 << 20;
  const b = bound(u, 2000);
  assertEquals(u.sys_setsockopt(b, SOL_SOCKET, SO_RCVBUF, int(32 << 20)), 0);
  const buf = new Uint8Array(10);
  const n = Promise.resolve(u.sys_read(b, buf));
  const raw = u.sys_socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  // So long that they are summed up only when they are copied.
  const bad = new Uint8Array(108);
  bad.set([1000 >> 8, 1000 & 255, 2000 >> 8, 2000 & 255, 0, bad.length, 0xde, 0xad]);
  for (let i = 0; i < 20_000; i++) {
    assertEquals(u.sys_sendto(raw, bad, bad.length, 0, sin(0)), bad.length);
  }
  send(u, b, "good", sin(2000));
  assertEquals(await m.sim!.run_until(n), 4);
  assertEquals(net.mib.udp_statistics[UDP_MIB_CSUMERRORS], 20_000);
});

Deno.test("udp_v4_get_port() refuses a port that is taken, unless both reuse it", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  bound(u, 1000);
  const c = u.sys_socket(AF_INET, SOCK_DGRAM, 0);
  assertEquals(u.sys_bind(c, sin(1000)), -EADDRINUSE);
  assertEquals(u.sys_bind(c, sin(1000, 0)), -EADDRINUSE);
  assertEquals(u.sys_bind(c, sin(1000, 0x7f000002)), 0);
  bound(u, 3000, SO_REUSEADDR);
  bound(u, 3000, SO_REUSEADDR);
  bound(u, 4000, SO_REUSEPORT);
  bound(u, 4000, SO_REUSEPORT);
});

Deno.test("udp_lib_get_port() chooses among the free local ports", async () => {
  await using m = boot({ clock: "sim" });
  const h = m.host();
  h.net.ipv4.ip_local_ports = [40000, 40019];
  const u = h.task();
  const ports = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const fd = u.sys_socket(AF_INET, SOCK_DGRAM, 0);
    assertEquals(u.sys_bind(fd, sin(0)), 0);
    const name = sin(0);
    u.sys_getsockname(fd, name);
    assert(name.sin_port >= 40000 && name.sin_port <= 40019);
    ports.add(name.sin_port);
  }
  assertEquals(ports.size, 20);
  const fd = u.sys_socket(AF_INET, SOCK_DGRAM, 0);
  assertEquals(u.sys_bind(fd, sin(0)), -EADDRINUSE);
});

Deno.test("__udp4_lib_lookup() prefers the connected socket, and shares a port of SO_REUSEPORT", async () => {
  await using m = boot({ clock: "sim" });
  const h = m.host();
  const u = h.task();
  bound(u, 4000, SO_REUSEPORT);
  const c = bound(u, 4000, SO_REUSEPORT);
  bound(u, 4000, SO_REUSEPORT);
  const find = (sport: number) =>
    __udp4_lib_lookup(h.net, LO, sport, LO, 4000, 1, 0, udp_table, null);
  const met = new Set(Array.from({ length: 64 }, (_, i) => find(i + 1)));
  assertEquals(met.size, 3);
  assertEquals(u.sys_connect(c, sin(7)), 0);
  assertEquals(find(7)?.skc_dport, 7);
});

Deno.test("udp_err() tells a connected socket that nobody has the port", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const a = bound(u, 1000);
  assertEquals(send(u, a, "x", null), -EDESTADDRREQ);
  assertEquals(u.sys_connect(a, sin(9)), 0);
  assertEquals(send(u, a, "x", null), 1);
  await m.sim!.settle();
  assertEquals(recv(u, a), -ECONNREFUSED);
  assertEquals(recv(u, a), -EAGAIN);
  assertEquals(m.host().net.mib.udp_statistics[UDP_MIB_NOPORTS], 1);
});

Deno.test("udp_sendmsg() joins what is corked into one datagram", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const a = bound(u, 1000);
  const b = bound(u, 2000);
  assertEquals(send(u, a, "one ", sin(2000), MSG_MORE), 4);
  assertEquals(send(u, a, "two ", sin(2000), MSG_MORE), 4);
  assertEquals(send(u, a, "three", sin(2000)), 5);
  await m.sim!.settle();
  assertEquals(recv(u, b), "one two three");
  u.sys_setsockopt(a, SOL_UDP, UDP_CORK, int(1));
  send(u, a, "a", sin(2000));
  send(u, a, "b", sin(2000));
  await m.sim!.settle();
  assertEquals(recv(u, b), -EAGAIN);
  u.sys_setsockopt(a, SOL_UDP, UDP_CORK, int(0));
  await m.sim!.settle();
  assertEquals(recv(u, b), "ab");
  // What is corked when the program ends must not leak.
  send(u, a, "never sent", sin(2000), MSG_MORE);
});

Deno.test("udp_sendmsg() refuses what no datagram can carry, and port 0", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const a = bound(u, 1000);
  const big = new Uint8Array(65536);
  assertEquals(u.sys_sendto(a, big, 65536, 0, sin(2000)), -EMSGSIZE);
  assertEquals(u.sys_sendto(a, big, 65508, 0, sin(2000)), -EMSGSIZE);
  assertEquals(send(u, a, "x", sin(0)), -EINVAL);
});

Deno.test("udp datagrams larger than the MTU are fragmented and put together", async () => {
  await using m = boot({ clock: "sim" });
  const [na, nb] = m.wire(m.host("a"), m.host("b"));
  na.ifconfig("198.51.100.1/24");
  nb.ifconfig("198.51.100.2/24");
  const ua = m.host("a").task();
  const ub = m.host("b").task();
  const a = ua.sys_socket(AF_INET, SOCK_DGRAM, 0);
  const b = ub.sys_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  assertEquals(ub.sys_bind(b, sin(2000, 0)), 0);
  const data = Uint8Array.from({ length: 5001 }, (_, i) => i * 13);
  assertEquals(ua.sys_sendto(a, data, data.length, 0, sin(2000, 0xc6336402 | 0)), 5001);
  await m.sim!.advance(100);
  const buf = new Uint8Array(9000);
  assertEquals(ub.sys_recvfrom(b, buf, buf.length, 0), 5001);
  assertEquals(buf.subarray(0, 5001), data);
});

Deno.test("__udp_enqueue_schedule_skb() drops beyond SO_RCVBUF", async () => {
  await using m = boot({ clock: "sim" });
  const u = m.host().task();
  const b = bound(u, 2000);
  u.sys_setsockopt(b, SOL_SOCKET, SO_RCVBUF, int(2304));
  for (let i = 0; i < 40; i++) {
    send(u, b, "x".repeat(500), sin(2000));
    await m.sim!.settle();
  }
  let n = 0;
  while (typeof recv(u, b) === "string") n++;
  assert(n > 0 && n < 40);
  assertEquals(m.host().net.mib.udp_statistics[UDP_MIB_RCVBUFERRORS], 40 - n);
});

Deno.test("udp_err() tells a socket with IP_RECVERR that a host does not answer ARP", async () => {
  await using m = boot({ clock: "sim" });
  const [na, nb] = m.wire(m.host("a"), m.host("b"));
  na.ifconfig("198.51.100.1/24");
  nb.ifconfig("198.51.100.2/24");
  const u = m.host("a").task();
  const fd = u.sys_socket(AF_INET, SOCK_DGRAM, 0);
  u.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  for (let i = 0; i < 3; i++) send(u, fd, "anybody?", sin(2000, 0xc6336409 | 0));
  await m.sim!.advance(2000);
  assertEquals(recv(u, fd), -EAGAIN);
  await m.sim!.advance(2000);
  assertEquals(recv(u, fd), -EHOSTUNREACH);
  assertEquals(recv(u, fd, MSG_ERRQUEUE), "anybody?");
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import {
  SHUT_RDWR,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  socket,
  SS_UNCONNECTED,
} from "../../include/linux/net.ts";
import { AF_INET, AF_UNSPEC } from "../../include/linux/socket.ts";
import { TCP_CLOSE, TCP_LISTEN } from "../../include/net/tcp_states.ts";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EINVAL,
  ENOTCONN,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../../include/uapi/asm-generic/errno.ts";
import type { sockaddr_in } from "../../include/uapi/linux/in.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import { start_kernel } from "../../init/main.ts";
import { sock_create } from "../socket.ts";
import { syscall_script_tests } from "../../tools/testing/syscall_script.ts";

function boot(): sim_machine {
  const m = new sim_machine();
  start_kernel(m);
  return m;
}

function addr(sin_addr: number, sin_port: number, sin_family = AF_INET): sockaddr_in {
  return { sin_family, sin_port, sin_addr };
}

function make(type: number, protocol = 0): socket {
  const sock = sock_create(AF_INET, type, protocol);
  if (typeof sock === "number") throw new Error(`sock_create: ${sock}`);
  return sock;
}

Deno.test("inet_create() makes sockets by type and protocol", () => {
  boot();
  assertEquals(make(SOCK_STREAM).sk!.sk_protocol, IPPROTO_TCP);
  assertEquals(make(SOCK_DGRAM).sk!.sk_protocol, IPPROTO_UDP);
  assertEquals(make(SOCK_STREAM, IPPROTO_TCP).sk!.sk_prot.name, "TCP");
  assertEquals(make(SOCK_RAW, 89).sk!.sk_num, 89);
  assertEquals(sock_create(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
  assertEquals(sock_create(AF_INET, SOCK_RAW, 0), -EPROTONOSUPPORT);
  assertEquals(sock_create(AF_INET, 5, 0), -ESOCKTNOSUPPORT);
  assertEquals(sock_create(AF_INET, SOCK_STREAM, 263), -EINVAL);
});

Deno.test("inet_bind() takes an address of this host and a free port", () => {
  boot();
  const one = make(SOCK_STREAM);
  assertEquals(one.ops.bind(one, addr(0, 2222, 10), 16), -EAFNOSUPPORT);
  assertEquals(one.ops.bind(one, addr(0xc0000201 | 0, 2222), 16), -EADDRNOTAVAIL);
  assertEquals(one.ops.bind(one, addr(0, 2222), 8), -EINVAL);
  assertEquals(one.ops.bind(one, addr(0, 2222, AF_UNSPEC), 16), 0);
  assertEquals(one.ops.bind(one, addr(0, 2223), 16), -EINVAL, "bound already");
  const two = make(SOCK_STREAM);
  assertEquals(two.ops.bind(two, addr(0, 2222), 16), -EADDRINUSE);
  assertEquals(two.ops.bind(two, addr(0, 0), 16), 0);
  const name = addr(1, 1);
  assertEquals(one.ops.getname(one, name, 0), 16);
  assertEquals(name, addr(0, 2222));
  assertEquals(one.ops.getname(one, name, 1), -ENOTCONN);
});

Deno.test("inet_listen() makes a listener of a stream socket only, and sets its backlog again", () => {
  boot();
  const sock = make(SOCK_STREAM);
  assertEquals(sock.ops.bind(sock, addr(0, 2222), 16), 0);
  assertEquals(sock.ops.listen(sock, 5), 0);
  assertEquals(sock.sk!.sk_state, TCP_LISTEN);
  assertEquals(sock.ops.listen(sock, 7), 0);
  assertEquals(sock.sk!.sk_max_ack_backlog, 7);
  const dgram = make(SOCK_DGRAM);
  assertEquals(dgram.ops.listen(dgram, 5), -EOPNOTSUPP);
});

Deno.test("inet_shutdown() ends a listener", async () => {
  boot();
  const sock = make(SOCK_STREAM);
  sock.ops.listen(sock, 5);
  assertEquals(await sock.ops.shutdown(sock, SHUT_RDWR), 0);
  assertEquals(sock.sk!.sk_state, TCP_CLOSE);
  assertEquals(sock.state, SS_UNCONNECTED);
  assertEquals(await sock.ops.shutdown(sock, SHUT_RDWR), -ENOTCONN);
  assertEquals(await sock.ops.shutdown(sock, 3), -EINVAL);
});

Deno.test("inet_accept() of a socket that does not listen is -EINVAL", async () => {
  boot();
  const sock = make(SOCK_STREAM);
  assertEquals(await sock.ops.accept(sock, new socket(), O_NONBLOCK), -EINVAL);
});

Deno.test("inet_dgram_connect() binds, and AF_UNSPEC undoes it", async () => {
  boot();
  const sock = make(SOCK_DGRAM);
  const sk = sock.sk!;
  assertEquals(await sock.ops.bind(sock, addr(0, 0), 16), 0);
  assertEquals(await sock.ops.connect(sock, addr(0, 0, AF_UNSPEC), 16, 0), 0);
  assertEquals(sk.sk_dport, 0);
  assertEquals(await sock.ops.connect(sock, addr(0, 0), 1, 0), -EINVAL);
});

syscall_script_tests("ports");
syscall_script_tests("udp");

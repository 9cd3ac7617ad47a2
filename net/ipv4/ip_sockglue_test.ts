// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { SO_EE_ORIGIN_LOCAL } from "../../include/linux/errqueue.ts";
import { msghdr, SOCK_DGRAM, SOCK_STREAM } from "../../include/linux/net.ts";
import { AF_INET, MSG_ERRQUEUE, MSG_TRUNC, SOL_IP, SOL_TCP } from "../../include/linux/socket.ts";
import { iov_iter, ITER_DEST } from "../../include/linux/uio.ts";
import { inet_sock } from "../../include/net/inet_sock.ts";
import { ipcm_cookie, ipcm_init } from "../../include/net/ip.ts";
import { net } from "../../include/net/net_namespace.ts";
import { proto_counters } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import {
  EAGAIN,
  EINVAL,
  EMSGSIZE,
  ENOPROTOOPT,
  ENOTCONN,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  IP_HDRINCL,
  IP_LOCAL_PORT_RANGE,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_OPTIONS,
  IP_PKTINFO,
  IP_PMTUDISC_DO,
  IP_RECVERR,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
} from "../../include/uapi/linux/in.ts";
import { sk_alloc, sock_init_data } from "../core/sock.ts";
import {
  ip_cmsg_send,
  ip_getsockopt,
  ip_local_error,
  ip_recv_error,
  ip_setsockopt,
} from "./ip_sockglue.ts";

const test_prot: proto = {
  name: "TEST",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new inet_sock(),
};

function start(type: number): inet_sock {
  new sim_machine().start();
  const sk = sk_alloc(new net("test"), AF_INET, test_prot, true) as inet_sock;
  sock_init_data(null, sk);
  sk.sk_type = type;
  return sk;
}

function int(...vals: number[]): Uint8Array {
  const b = new Uint8Array(4 * vals.length);
  const dv = new DataView(b.buffer);
  vals.forEach((v, i) => dv.setInt32(4 * i, v, true));
  return b;
}

function get(sk: inet_sock, optname: number, size = 4): number[] | number {
  const b = new Uint8Array(size);
  const len = Int32Array.of(size);
  const err = ip_getsockopt(sk, SOL_IP, optname, b, len);
  return err !== 0 ? err : [...b.subarray(0, len[0])];
}

Deno.test("ip_setsockopt() sets what ip_getsockopt() answers, as int or as one byte", () => {
  const sk = start(SOCK_DGRAM);
  assertEquals(get(sk, IP_TTL), [64, 0, 0, 0], "the host's");
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_TTL, int(9), 4), 0);
  assertEquals(get(sk, IP_TTL), [9, 0, 0, 0]);
  assertEquals(get(sk, IP_TTL, 1), [9]);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_TTL, Uint8Array.of(10), 1), 0);
  assertEquals(get(sk, IP_TTL, 1), [10]);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_TTL, int(256), 4), -EINVAL);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_TTL, int(-1), 4), 0);
  assertEquals(get(sk, IP_TTL), [64, 0, 0, 0]);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_MTU_DISCOVER, int(IP_PMTUDISC_DO), 4), 0);
  assertEquals(sk.pmtudisc, IP_PMTUDISC_DO);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_MTU_DISCOVER, int(6), 4), -EINVAL);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_RECVTTL, int(1), 4), 0);
  assertEquals(get(sk, IP_RECVTTL), [1, 0, 0, 0]);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_LOCAL_PORT_RANGE, int((200 << 16) | 100), 4), 0);
  assertEquals(get(sk, IP_LOCAL_PORT_RANGE), [100, 0, 200, 0]);
});

Deno.test("ip_setsockopt() refuses what the socket or the level does not have", () => {
  const sk = start(SOCK_DGRAM);
  assertEquals(ip_setsockopt(sk, SOL_TCP, IP_TTL, int(9), 4), -ENOPROTOOPT);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_HDRINCL, int(1), 4), -ENOPROTOOPT);
  assertEquals(ip_setsockopt(sk, SOL_IP, 999, int(1), 4), -ENOPROTOOPT);
  assertEquals(get(sk, IP_MTU), -ENOTCONN);
});

Deno.test("ip_setsockopt(IP_TOS) leaves the ECN bits of a stream to TCP, and sets the priority", () => {
  const sk = start(SOCK_STREAM);
  sk.tos = 2;
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_TOS, int(0x11), 4), 0);
  assertEquals(sk.tos, 0x12);
  assertEquals(sk.sk_priority, 6);
});

Deno.test("ip_setsockopt(IP_OPTIONS) pads the options and gives them back", () => {
  const sk = start(SOCK_DGRAM);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_OPTIONS, Uint8Array.of(1, 1, 1), 3), 0);
  assertEquals(get(sk, IP_OPTIONS, 40), [1, 1, 1, 0]);
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_OPTIONS, new Uint8Array(0), 0), 0);
  assertEquals(get(sk, IP_OPTIONS, 40), []);
});

/** A control message, padded. */
function cmsg(level: number, type: number, data: Uint8Array): Uint8Array {
  const b = new Uint8Array((16 + data.length + 7) & ~7);
  b.set(int(16 + data.length, 0, level, type));
  b.set(data, 16);
  return b;
}

Deno.test("ip_cmsg_send() takes TTL, TOS and source address", () => {
  const sk = start(SOCK_DGRAM);
  const msg = new msghdr();
  const parts = [
    cmsg(SOL_IP, IP_TTL, int(3)),
    cmsg(SOL_IP, IP_TOS, Uint8Array.of(0x10)),
    cmsg(SOL_TCP, 77, int(0)),
    cmsg(SOL_IP, IP_PKTINFO, Uint8Array.of(2, 0, 0, 0, 198, 51, 100, 2, 0, 0, 0, 0)),
  ];
  msg.msg_control = Uint8Array.from(parts.flatMap((p) => [...p]));
  msg.msg_controllen = msg.msg_control.length;
  const ipc = new ipcm_cookie();
  ipcm_init(ipc);
  assertEquals(ip_cmsg_send(sk, msg, ipc, false), 0);
  assertEquals([ipc.ttl, ipc.tos, ipc.priority, ipc.oif], [3, 0x10, 6, 2]);
  assertEquals(ipc.addr, 0xc6336402 | 0);
  msg.msg_control = cmsg(SOL_IP, IP_TTL, int(0));
  assertEquals(ip_cmsg_send(sk, msg, ipc, false), -EINVAL);
  msg.msg_control.set(int(1000), 0);
  assertEquals(ip_cmsg_send(sk, msg, ipc, false), -EINVAL, "longer than the data");
});

Deno.test("ip_recv_error() reports what ip_local_error() queued", () => {
  const sk = start(SOCK_DGRAM);
  const msg = new msghdr();
  msg.msg_iter = new iov_iter(ITER_DEST, new Uint8Array(100), null, 100);
  ip_local_error(sk, EMSGSIZE, 0xc0000201 | 0, 53, 1500);
  assertEquals(ip_recv_error(sk, msg, 100), -EAGAIN, "nobody asked for errors");
  assertEquals(ip_setsockopt(sk, SOL_IP, IP_RECVERR, int(1), 4), 0);
  ip_local_error(sk, EMSGSIZE, 0xc0000201 | 0, 53, 1500);
  const control = new Uint8Array(64);
  msg.msg_control = control;
  msg.msg_controllen = 64;
  msg.msg_name = { sin_family: 0, sin_port: 0, sin_addr: 0 };
  assertEquals(ip_recv_error(sk, msg, 100), 0);
  assertEquals(msg.msg_name, { sin_family: AF_INET, sin_port: 53, sin_addr: 0xc0000201 | 0 });
  assertEquals(msg.msg_flags & (MSG_ERRQUEUE | MSG_TRUNC), MSG_ERRQUEUE);
  const dv = new DataView(control.buffer);
  assertEquals([dv.getInt32(8, true), dv.getInt32(12, true)], [SOL_IP, IP_RECVERR]);
  assertEquals([dv.getInt32(16, true), dv.getUint8(20)], [EMSGSIZE, SO_EE_ORIGIN_LOCAL]);
  assertEquals(dv.getInt32(24, true), 1500);
  assertEquals(ip_recv_error(sk, msg, 100), -EAGAIN);
});

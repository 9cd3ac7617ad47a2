// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { socket_wq } from "../../include/linux/net.ts";
import { PF_INET } from "../../include/linux/socket.ts";
import { tcp_request_sock, tcp_sock } from "../../include/linux/tcp.ts";
import { net } from "../../include/net/net_namespace.ts";
import type { request_sock_ops } from "../../include/net/request_sock.ts";
import { proto_counters, SK_CAN_REUSE } from "../../include/net/sock.ts";
import type { proto, sock } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
} from "../../include/net/tcp_states.ts";
import { EADDRINUSE, EAGAIN, EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { reqsk_alloc, reqsk_put } from "../core/request_sock.ts";
import { sock_def_readable } from "../core/sock.ts";
import {
  inet_csk_accept,
  inet_csk_complete_hashdance,
  inet_csk_get_port,
  inet_csk_listen_start,
  inet_csk_reqsk_queue_hash_add,
} from "./inet_connection_sock.ts";
import {
  inet_ehash_insert,
  inet_hash,
  inet_hashinfo_init,
  inet_put_port,
  tcp_hashinfo,
} from "./inet_hashtables.ts";

const US = 0xc6336402 | 0;
const PEER = 0xc6336401 | 0;
let synacks = 0;
let destructed = 0;

const rsk_ops: request_sock_ops = {
  family: PF_INET,
  slab_name: "request_sock_TCP",
  alloc_request: () => new tcp_request_sock(),
  rtx_syn_ack: () => (synacks++, 0),
  send_ack() {},
  send_reset() {},
  destructor: () => void destructed++,
  syn_ack_timeout() {},
};

const prot: proto = {
  name: "TCP",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new tcp_sock(),
  get_port: inet_csk_get_port,
  hash: inet_hash,
  hashinfo: tcp_hashinfo,
  rsk_prot: rsk_ops,
};

function boot(): { machine: sim_machine; n: net } {
  const machine = new sim_machine();
  machine.start();
  inet_hashinfo_init(tcp_hashinfo);
  synacks = destructed = 0;
  return { machine, n: new net("t") };
}

interface binding {
  addr?: number;
  dev?: number;
  reuse?: boolean;
  reuseport?: boolean;
  uid?: number;
  listen?: boolean;
}

function a_sock(n: net, b: binding = {}): tcp_sock {
  const sk = new tcp_sock();
  sk.skc_prot = prot;
  sk.skc_net = n;
  sk.skc_family = PF_INET;
  sk.skc_state = TCP_CLOSE;
  sk.sk_wq = new socket_wq();
  sk.sk_data_ready = sock_def_readable;
  sk.inet_rcv_saddr = b.addr ?? 0;
  sk.skc_bound_dev_if = b.dev ?? 0;
  sk.skc_reuse = b.reuse ? SK_CAN_REUSE : 0;
  sk.skc_reuseport = b.reuseport ?? false;
  sk.sk_uid = b.uid ?? 0;
  sk.sk_max_ack_backlog = 128;
  return sk;
}

/** Whether the second may have the port of the first. */
function may_share(first: binding, second: binding): boolean {
  const { n } = boot();
  const a = a_sock(n, first);
  assertEquals(inet_csk_get_port(a, 2222), 0);
  if (first.listen) assertEquals(inet_csk_listen_start(a), 0);
  const b = a_sock(n, second);
  const err = inet_csk_get_port(b, 2222);
  assert(err === 0 || err === -EADDRINUSE);
  if (err === 0 && second.listen) return inet_csk_listen_start(b) === 0;
  return err === 0;
}

Deno.test("inet_csk_get_port() lets sockets share a port as Linux does", () => {
  const table: [boolean, binding, binding][] = [
    [false, {}, {}],
    [false, { addr: US }, { addr: US }],
    [true, { addr: US }, { addr: US + 1 }],
    [false, { addr: US }, {}],
    [false, {}, { addr: US }],
    [true, { dev: 1 }, { dev: 2 }],
    [false, { dev: 1 }, {}],
    [true, { reuse: true }, { reuse: true }],
    [false, { reuse: true }, {}],
    [false, {}, { reuse: true }],
    [false, { reuse: true, listen: true }, { reuse: true }],
    [true, { reuse: true }, { reuse: true, listen: true }],
    [true, { reuseport: true, listen: true }, { reuseport: true, listen: true }],
    [false, { reuseport: true, uid: 1 }, { reuseport: true, uid: 2 }],
    [false, { reuseport: true }, {}],
    [false, {}, { reuseport: true }],
    [true, { reuse: true, reuseport: true }, { reuse: true, reuseport: true }],
  ];
  for (const [ok, first, second] of table) {
    assertEquals(may_share(first, second), ok, JSON.stringify([first, second]));
  }
});

Deno.test("inet_csk_get_port(0) takes odd ports first, then even ones, then fails", () => {
  const { n } = boot();
  n.ipv4.ip_local_ports = [40000, 40009];
  const ports: number[] = [];
  for (let i = 0; i < 10; i++) {
    const sk = a_sock(n);
    assertEquals(inet_csk_get_port(sk, 0), 0);
    ports.push(sk.inet_num);
  }
  assert(ports.slice(0, 5).every((p) => p % 2 === 1), ports.join());
  assertEquals(new Set(ports).size, 10);
  assertEquals(inet_csk_get_port(a_sock(n), 0), -EADDRINUSE);
  assertEquals(inet_csk_get_port(a_sock(n, { addr: US }), 0), -EADDRINUSE);
});

Deno.test("inet_put_port() frees the bucket of the last owner", () => {
  const { n } = boot();
  const a = a_sock(n, { reuse: true }), b = a_sock(n, { reuse: true });
  inet_csk_get_port(a, 2222);
  inet_csk_get_port(b, 2222);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 1);
  inet_put_port(a);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 1);
  inet_put_port(b);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 0);
});

Deno.test("inet_csk_listen_start() fails where two that share a port both want to listen", () => {
  const { n } = boot();
  const a = a_sock(n, { reuse: true }), b = a_sock(n, { reuse: true });
  assertEquals(inet_csk_get_port(a, 2222), 0);
  assertEquals(inet_csk_get_port(b, 2222), 0);
  assertEquals(inet_csk_listen_start(a), 0);
  assertEquals(inet_csk_listen_start(b), -EADDRINUSE);
  assertEquals(b.skc_state, TCP_CLOSE);
});

function a_listener(n: net): tcp_sock {
  const sk = a_sock(n);
  assertEquals(inet_csk_get_port(sk, 2222), 0);
  assertEquals(inet_csk_listen_start(sk), 0);
  return sk;
}

/** A connection of which the SYN has come. */
function a_request(listener: tcp_sock, port = 5000): tcp_request_sock {
  const req = reqsk_alloc(rsk_ops, listener, true) as tcp_request_sock;
  req.skc_state = TCP_NEW_SYN_RECV;
  req.skc_family = PF_INET;
  req.ir_rmt_addr = PEER;
  req.ir_rmt_port = port;
  req.ir_loc_addr = US;
  req.ir_num = 2222;
  req.timeout = HZ;
  assert(inet_csk_reqsk_queue_hash_add(listener, req, req.timeout));
  reqsk_put(req);
  return req;
}

/** The third ACK: a child takes the request_sock's place and is queued. */
function complete(listener: tcp_sock, req: tcp_request_sock): sock {
  const child = a_sock(listener.skc_net);
  child.skc_state = TCP_ESTABLISHED;
  child.inet_daddr = req.ir_rmt_addr;
  child.inet_dport = req.ir_rmt_port;
  child.inet_rcv_saddr = req.ir_loc_addr;
  child.inet_num = req.ir_num;
  req.rsk_refcnt++;
  const own_req = inet_ehash_insert(child, req);
  assertStrictEquals(inet_csk_complete_hashdance(listener, child, req, own_req), child);
  listener.sk_data_ready(listener);
  return child;
}

Deno.test("reqsk_timer_handler() repeats the SYN+ACK after 1, 2, 4, 8, 16 s and gives up after 32 more", async () => {
  const { machine, n } = boot();
  const listener = a_listener(n);
  const req = a_request(listener);
  assertEquals(listener.icsk_accept_queue.qlen, 1);
  assertEquals(listener.icsk_accept_queue.young, 1);
  await machine.advance(1.2 * HZ);
  assertEquals(synacks, 1);
  assertEquals(listener.icsk_accept_queue.young, 0);
  await machine.advance(2.3 * HZ);
  assertEquals(synacks, 2);
  await machine.advance(60 * HZ);
  assertEquals(synacks, 5);
  await machine.advance(12 * HZ);
  assertEquals(synacks, 5);
  assertEquals(listener.icsk_accept_queue.qlen, 0);
  assertEquals(req.rsk_refcnt, 0);
  assertEquals(destructed, 1);
  assertEquals(listener.skc_refcnt, 1);
});

Deno.test("reqsk_timer_handler() keeps an acked one silent while TCP_DEFER_ACCEPT lasts", async () => {
  const { machine, n } = boot();
  const listener = a_listener(n);
  listener.icsk_accept_queue.rskq_defer_accept = 3;
  const req = a_request(listener);
  req.acked = true;
  await machine.advance(1.2 * HZ);
  assertEquals(synacks, 0);
  await machine.advance(2.3 * HZ);
  assertEquals(synacks, 0);
  await machine.advance(5 * HZ);
  assertEquals(synacks, 1);
});

Deno.test("inet_csk_accept() takes connections in the order of their third ACKs", () => {
  const { n } = boot();
  const listener = a_listener(n);
  const reqs = [1, 2, 3].map((port) => a_request(listener, port));
  const children = [reqs[1], reqs[0], reqs[2]].map((req) => complete(listener, req));
  assertEquals(listener.icsk_accept_queue.qlen, 0);
  assertEquals(listener.sk_ack_backlog, 3);
  for (const child of children) assertStrictEquals(inet_csk_accept(listener, 0), child);
  assertEquals(listener.sk_ack_backlog, 0);
  assertEquals(destructed, 3);
  assertEquals(listener.skc_refcnt, 1);
  assertEquals(inet_csk_accept(listener, O_NONBLOCK), -EAGAIN);
  assertEquals(inet_csk_accept(a_sock(n), 0), -EINVAL);
});

Deno.test("inet_csk_accept() sleeps until a connection is ready, one sleeper for each", async () => {
  const { machine, n } = boot();
  const listener = a_listener(n);
  const first = inet_csk_accept(listener, 0) as Promise<sock | number>;
  const second = inet_csk_accept(listener, 0) as Promise<sock | number>;
  let woken = 0;
  first.then(() => woken++);
  second.then(() => woken++);
  await machine.settle();
  assertEquals(woken, 0);
  assert(!listener.sk_lock.owned);
  const child = complete(listener, a_request(listener, 1));
  await machine.settle();
  assertEquals(woken, 1);
  assertStrictEquals(await machine.run_until(first), child);
  const other = complete(listener, a_request(listener, 2));
  assertStrictEquals(await machine.run_until(second), other);
  assert(!listener.sk_lock.owned);
});

Deno.test("inet_csk_accept() gives up after SO_RCVTIMEO", async () => {
  const { machine, n } = boot();
  const listener = a_listener(n);
  listener.sk_rcvtimeo = 100;
  const ret = inet_csk_accept(listener, 0) as Promise<sock | number>;
  assertEquals(await machine.run_until(ret), -EAGAIN);
  assertEquals(listener.skc_state, TCP_LISTEN);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers that any correct stack shows: the three hash tables after each step of a connection, the states that
// it goes through, and the accounts of a blocking write.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { EINPROGRESS } from "../../include/uapi/asm-generic/errno.ts";
import { is_a_nulls } from "../../include/linux/list_nulls.ts";
import { NETIF_F_HW_CSUM, NETIF_F_SG, NETIF_F_TSO } from "../../include/linux/netdevice.ts";
import { SO_SNDBUF, SOL_SOCKET } from "../../include/linux/socket.ts";
import type { inet_bind_bucket } from "../../include/net/inet_hashtables.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import { sk_stream_is_writeable, sk_stream_wspace } from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { sock_from_file } from "../socket.ts";
import { fcheck } from "../../fs/file.ts";
import { INADDR_PEER, INADDR_US, tcp_test } from "../../tools/testing/tcp.ts";
import type { tcp_bench } from "../../tools/testing/tcp.ts";
import { inet_ehashfn, tcp_hashinfo } from "./inet_hashtables.ts";
import { ipv4_specific } from "./tcp_ipv4.ts";

/** Everything in bhash: [index, bucket]. */
function bhash(): [number, inet_bind_bucket][] {
  const out: [number, inet_bind_bucket][] = [];
  tcp_hashinfo.bhash.forEach((head, i) => {
    for (let n = head.chain.next; n !== null; n = n.next) out.push([i, n.owner]);
  });
  return out;
}

/** The sockets of a bind bucket, in their order. */
function owners(tb: inet_bind_bucket): sock_common[] {
  const out: sock_common[] = [];
  for (let n = tb.owners.next; n !== null; n = n.next) out.push(n.owner);
  return out;
}

/** Everything in listening_hash: [index, socket]. */
function listening_hash(): [number, sock_common][] {
  const out: [number, sock_common][] = [];
  tcp_hashinfo.listening_hash.forEach((head, i) => {
    for (let n = head.head.next; n !== null; n = n.next) out.push([i, n.owner]);
  });
  return out;
}

/** Everything in ehash. Each stands in the bucket that its hash names. */
function ehash(t: tcp_bench): sock_common[] {
  const out: sock_common[] = [];
  tcp_hashinfo.ehash.forEach((first, i) => {
    for (let n = first; !is_a_nulls(n); n = n.next) {
      const sk = n.owner;
      const hash = inet_ehashfn(t.host.net, INADDR_US, sk.skc_num, INADDR_PEER, sk.skc_dport);
      assertEquals([sk.skc_hash, hash & tcp_hashinfo.ehash_mask], [hash, i]);
      assertStrictEquals(sk.skc_nulls_node, n);
      out.push(sk);
    }
  });
  return out;
}

Deno.test("the hash tables hold what they should after each step of bind, listen, SYN, ACK, accept", async () => {
  await using t = tcp_test({ thash_entries: 1024 });
  t.host.net.hash_mix = 0;
  assertEquals(
    [tcp_hashinfo.ehash.length, tcp_hashinfo.bhash_size, tcp_hashinfo.listening_hash.length],
    [1024, 1024, 32],
  );
  const fd = t.socket();
  const listener = t.sk(fd);
  assertEquals([bhash(), listening_hash(), ehash(t)], [[], [], []]);

  // bind(2222)
  assertEquals(t.u.sys_bind(fd, t.sockaddr(2222, 0)), 0);
  assertEquals(bhash().length, 1);
  const [index, tb] = bhash()[0];
  assertEquals([index, tb.port, tb.num_owners], [174, 2222, 1]);
  assertStrictEquals(owners(tb)[0], listener);
  assertStrictEquals(tb.owners.next, listener.sk_bind_node);
  assertStrictEquals(listener.icsk_bind_hash, tb);
  assertEquals([listening_hash(), ehash(t)], [[], []]);

  // listen()
  assertEquals(t.u.sys_listen(fd, 5), 0);
  assertEquals(listening_hash().length, 1);
  assertEquals(listening_hash()[0][0], 14);
  assertStrictEquals(listening_hash()[0][1], listener);
  assertEquals([listener.sk_state, TCP_LISTEN, listener.sk_ack_backlog], [10, 10, 0]);
  assertEquals(ehash(t), []);

  // A SYN is received.
  const peer = t.peer({ mss: 1000, dport: 2222 });
  peer.send("S");
  peer.expect("S.");
  const [req] = ehash(t);
  assertEquals([req.skc_state, TCP_NEW_SYN_RECV], [12, 12]);
  assertStrictEquals(inet_reqsk(req).rsk_listener, listener);
  assertEquals([listener.icsk_accept_queue.qlen, tb.num_owners], [1, 1]);
  assertEquals(listener.icsk_accept_queue.rskq_accept_head, null);

  // An ACK is received.
  peer.send(".");
  const [child] = ehash(t) as sock[];
  assert(child !== req);
  assertEquals([ehash(t).length, child.skc_state, TCP_ESTABLISHED], [1, 1, 1]);
  assertEquals(child.skc_hash, req.skc_hash);
  assertEquals(tb.num_owners, 2);
  assertEquals(owners(tb).length, 2);
  assert(owners(tb).includes(child) && owners(tb).includes(listener));
  assertStrictEquals((child as typeof listener).icsk_bind_hash, tb);
  const queue = listener.icsk_accept_queue;
  assertStrictEquals(queue.rskq_accept_head as sock_common | null, req);
  assertStrictEquals(queue.rskq_accept_head!.sk, child);
  assertEquals([queue.qlen, listener.sk_ack_backlog], [0, 1]);
  assertEquals(child.sk_socket, null);

  // accept()
  const conn = t.accept(fd);
  assertStrictEquals(t.sk(conn) as sock, child);
  assertEquals([queue.rskq_accept_head, listener.sk_ack_backlog], [null, 0]);
  assertEquals(req.skc_refcnt, 0);
  const file = fcheck(conn)!;
  assertStrictEquals(sock_from_file(file), child.sk_socket);
  assertStrictEquals(child.sk_socket!.file, file);

  // All is gone at the end.
  t.close(conn);
  peer.expect("F.");
  peer.send("R", { ack: 0 });
  t.close(fd);
  assertEquals([bhash(), listening_hash(), ehash(t)], [[], [], []]);
});

Deno.test("connect() from port 44404 stands in bhash and ehash, not in listening_hash", async () => {
  await using t = tcp_test({ thash_entries: 1024 });
  t.host.net.hash_mix = 0;
  const peer = t.peer({ port: 7 });
  const fd = t.connect(peer, 44404);
  const sk = t.sk(fd);
  const [[index, tb]] = bhash();
  assertEquals([index, tb.port, tb.num_owners], [372, 44404, 1]);
  assertStrictEquals(owners(tb)[0], sk);
  assertEquals([ehash(t).length, sk.sk_state, TCP_SYN_SENT], [1, 2, 2]);
  assertStrictEquals(ehash(t)[0], sk);
  assertEquals(listening_hash(), []);
});

Deno.test("a connection goes through the states of the diagram", async () => {
  await using t = tcp_test();
  const peer = t.peer({ mss: 1000 });
  const fd = t.socket();
  const states = [t.sk(fd).sk_state];
  t.u.sys_bind(fd, t.sockaddr(2222, 0));
  t.u.sys_listen(fd, 5);
  states.push(t.sk(fd).sk_state);
  peer.send("S");
  peer.expect("S.");
  states.push(ehash(t)[0].skc_state);
  // The tcp_sock that the ACK makes starts in SYN_RECV.
  const { syn_recv_sock } = ipv4_specific;
  ipv4_specific.syn_recv_sock = (...args) => {
    const child = syn_recv_sock(...args);
    if (child !== null) states.push(child.skc_state);
    return child;
  };
  try {
    peer.send(".");
  } finally {
    ipv4_specific.syn_recv_sock = syn_recv_sock;
  }
  const conn = t.accept(fd);
  states.push(t.sk(conn).sk_state);
  assertEquals(states, [TCP_CLOSE, TCP_LISTEN, TCP_NEW_SYN_RECV, TCP_SYN_RECV, TCP_ESTABLISHED]);
  assertEquals(states, [7, 10, 12, 3, 1]);
  t.close(fd);

  // We close first.
  const active: number[] = [];
  const state = (): number => ehash(t).find((sk) => sk.skc_num === 2222)?.skc_state ?? 0;
  t.u.sys_shutdown(conn, 1);
  active.push(state());
  peer.expect("F.");
  peer.send(".");
  active.push(state());
  peer.send("F.");
  peer.expect(".");
  active.push(state());
  await t.advance(65000);
  active.push(state());
  assertEquals(active, [TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, 0]);
  assertEquals(active, [4, 5, 6, 0]);
  t.close(conn);

  // connect(); the peer closes first.
  const passive: number[] = [];
  const server = t.peer({ port: 7 });
  const client = t.connect(server);
  passive.push(t.sk(client).sk_state);
  server.expect("S");
  server.send("S.");
  server.expect(".");
  passive.push(t.sk(client).sk_state);
  server.send("F.");
  passive.push(t.sk(client).sk_state);
  t.close(client);
  passive.push(ehash(t)[0].skc_state);
  assertEquals(passive, [TCP_SYN_SENT, TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LAST_ACK]);
  assertEquals(passive, [2, 1, 8, 9]);
  server.queue.length = 0;
  server.send(".");
  assertEquals(ehash(t), []);

  // Both open, and close, at once.
  const both: number[] = [];
  const other = t.peer({ port: 8 });
  const s = t.connect(other, 44405);
  other.send("S");
  both.push(t.sk(s).sk_state);
  other.send("S.", { seq: 0 });
  both.push(t.sk(s).sk_state);
  t.close(s);
  both.push(ehash(t)[0].skc_state);
  other.send("F.", { ack: 1 });
  both.push(ehash(t)[0].skc_state);
  other.send(".", { ack: 2 });
  both.push(ehash(t)[0].skc_state);
  assertEquals(both, [TCP_SYN_RECV, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_CLOSING, TCP_TIME_WAIT]);
  assertEquals(both, [3, 1, 4, 11, 6]);
});

/** Notes each value that a field takes. */
function watch<T extends object, K extends keyof T>(o: T, key: K): T[K][] {
  const values: T[K][] = [];
  let value = o[key];
  Object.defineProperty(o, key, {
    get: () => value,
    set: (v: T[K]) => {
      value = v;
      values.push(v);
    },
    enumerable: true,
    configurable: true,
  });
  return values;
}

Deno.test("a blocking write of 61000 bytes is accounted for to the byte", async () => {
  await using t = tcp_test({
    features: NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO,
    sysctl: { tcp_min_tso_segs: 10 },
  });
  // mss 1000, no window scaling, window 50000.
  const peer = t.peer({ port: 7, mss: 1000, win: 50000 });
  const fd = t.socket(0);
  t.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 21000);
  const sk = t.sk(fd);
  assertEquals(sk.sk_sndbuf, 42000);
  t.u.sys_bind(fd, t.sockaddr(44404, 0));
  t.u.sys_fcntl(fd, 4, 0o4000);
  peer.dport = 44404;
  t.choose_isn(peer);
  assertEquals(t.u.sys_connect(fd, t.sockaddr(7, peer.addr)), -EINPROGRESS);
  t.u.sys_fcntl(fd, 4, 0);
  peer.expect("S");
  // So slow that pacing would make smaller packets than tcp_min_tso_segs.
  await t.advance(100);
  peer.send("S.");
  peer.expect(".");
  assertEquals([sk.snd_cwnd, sk.mss_cache, sk.sk_wmem_queued], [10, 1000, 0]);
  const sizes = (): number[] => peer.queue.splice(0).map((s) => s.len);

  const queued = watch(sk, "sk_wmem_queued");
  const write = t.u.sys_write(fd, new Uint8Array(61000));
  assert(write instanceof Promise);
  let done = false;
  write.then(() => done = true);
  // The bytes of a full page frag end within a packet: 5000 are 2768 and 2232.
  assertEquals(queued, [1280, 26280, 27560, 32560, 33840, 36608, 38840, 40120, 65120]);
  assertEquals(sizes(), [5000, 5000]);
  await t.sim.settle();
  assert(!done);

  const steps: [number, number[], number, number, number, boolean][] = [
    // ack, what is sent then, sk_wmem_queued, wspace, min_wspace, writable
    [10001, [10000, 10000], 55120, -13120, 27560, false],
    [30001, [5000, 10000, 10000, 5000], 35120, 6880, 17560, false],
  ];
  for (const [ack, sent, wmem, wspace, min, writable] of steps) {
    await t.advance(100);
    peer.send(".", { ack });
    assertEquals(sizes(), sent, `ACK of ${ack - 1}`);
    assertEquals([sk.sk_wmem_queued, sk_stream_wspace(sk), sk.sk_wmem_queued >> 1], [
      wmem,
      wspace,
      min,
    ]);
    assertEquals(sk_stream_is_writeable(sk), writable);
    await t.sim.settle();
    assert(!done);
  }
  await t.advance(100);
  queued.length = 0;
  peer.send(".", { ack: 36001 });
  // Writable: 14160 >= 13920.
  assert(queued.includes(27840), `${queued}`);
  assertEquals(42000 - 27840, 14160);
  assertEquals(await t.sim.run_until(write), 61000);
  assertEquals(sizes(), [1000]);
  peer.send(".", { ack: 61001 });
  assertEquals(sk.sk_wmem_queued, 0);
});

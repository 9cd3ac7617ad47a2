// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { PF_INET } from "../../include/linux/socket.ts";
import { tcp_request_sock, tcp_sock, tcp_timewait_sock } from "../../include/linux/tcp.ts";
import { net } from "../../include/net/net_namespace.ts";
import { proto_counters, SK_CAN_REUSE } from "../../include/net/sock.ts";
import type { proto, sock_common } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { EADDRNOTAVAIL } from "../../include/uapi/asm-generic/errno.ts";
import { inet_csk_get_port } from "./inet_connection_sock.ts";
import {
  __inet_inherit_port,
  __inet_lookup_established,
  __inet_lookup_listener,
  inet_ehash_bucket,
  inet_ehash_insert,
  inet_hash,
  inet_hash_connect,
  inet_hashinfo_init,
  inet_put_port,
  inet_unhash,
  tcp_hashinfo,
} from "./inet_hashtables.ts";
import { inet_twsk_alloc, inet_twsk_hashdance, inet_twsk_schedule } from "./inet_timewait_sock.ts";

const US = 0xc6336402 | 0;
const PEER = 0xc6336401 | 0;

const prot: proto = {
  name: "TCP",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new tcp_sock(),
  get_port: inet_csk_get_port,
  hash: inet_hash,
  hashinfo: tcp_hashinfo,
  twsk_prot: {
    twsk_slab_name: "tw_sock_TCP",
    alloc_timewait: () => new tcp_timewait_sock(),
    twsk_unique(_sk, sktw) {
      sktw.skc_refcnt++;
      return true;
    },
    twsk_destructor() {},
  },
};

function boot(ehash_entries = 1024): net {
  new sim_machine().start();
  inet_hashinfo_init(tcp_hashinfo, ehash_entries);
  return new net("t");
}

function a_sock(n: net): tcp_sock {
  const sk = new tcp_sock();
  sk.skc_prot = prot;
  sk.skc_net = n;
  sk.skc_family = PF_INET;
  sk.skc_state = TCP_CLOSE;
  return sk;
}

function a_listener(n: net, port: number, addr = 0): tcp_sock {
  const sk = a_sock(n);
  sk.inet_rcv_saddr = addr;
  sk.inet_saddr = addr;
  assertEquals(inet_csk_get_port(sk, port), 0);
  sk.skc_state = TCP_LISTEN;
  assertEquals(inet_hash(sk), 0);
  return sk;
}

function a_connector(n: net, dport: number): tcp_sock {
  const sk = a_sock(n);
  sk.inet_rcv_saddr = US;
  sk.inet_daddr = PEER;
  sk.inet_dport = dport;
  sk.skc_state = TCP_SYN_SENT;
  return sk;
}

function lookup(n: net, faddr: number, fport: number, lport: number): sock_common | null {
  const sk = __inet_lookup_established(n, tcp_hashinfo, faddr, fport, US, lport, 1, 0);
  if (sk !== null) sk.skc_refcnt--;
  return sk;
}

Deno.test("bind(2222) and listen() fill bhash[174] and listening_hash[14]", () => {
  const n = boot();
  const sk = a_listener(n, 2222);
  const tb = tcp_hashinfo.bhash[174].chain.next!.owner;
  assertEquals(tb.port, 2222);
  assertEquals(tb.num_owners, 1);
  assertStrictEquals(tb.owners.next!.owner, sk);
  assertStrictEquals(sk.icsk_bind_hash, tb);
  assertStrictEquals(tcp_hashinfo.listening_hash[14].head.next!.owner, sk);

  const child = a_sock(n);
  child.inet_num = 2222;
  assertEquals(__inet_inherit_port(sk, child), 0);
  assertEquals(tb.num_owners, 2);
  assertStrictEquals(tb.owners.next!.owner, child);
  assertStrictEquals(tb.owners.next!.next!.owner, sk);

  inet_unhash(sk);
  inet_put_port(sk);
  inet_put_port(child);
  assertEquals(tcp_hashinfo.bhash[174].chain.next, null);
  assertEquals(tcp_hashinfo.listening_hash[14].count, 0);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 0);
});

Deno.test("ehash finds each of 100,000 connections", () => {
  const n = boot(65536);
  const count = 100_000;
  const socks: tcp_sock[] = [];
  for (let i = 0; i < count; i++) {
    const sk = a_sock(n);
    sk.skc_state = TCP_ESTABLISHED;
    sk.inet_num = 2222;
    sk.inet_rcv_saddr = US;
    sk.inet_daddr = (PEER + Math.floor(i / 50000)) | 0;
    sk.inet_dport = 1024 + i % 50000;
    assert(inet_ehash_insert(sk, null));
    socks.push(sk);
  }
  let longest = 0;
  for (const first of tcp_hashinfo.ehash) {
    let length = 0;
    for (let p = first; typeof p !== "number"; p = p.next) length++;
    longest = Math.max(longest, length);
  }
  assert(longest < 16, `a chain of ${longest}`);
  for (const sk of socks) {
    if (lookup(n, sk.skc_daddr, sk.skc_dport, 2222) !== sk) throw new Error("lost");
    if (typeof inet_ehash_bucket(tcp_hashinfo, sk.skc_hash).chain.first === "number") {
      throw new Error("bucket");
    }
  }
  assertEquals(lookup(n, PEER, 1023, 2222), null);
  assertEquals(lookup(new net("other"), PEER, 1024, 2222), null);
  for (const sk of socks) inet_unhash(sk);
  for (const first of tcp_hashinfo.ehash) assert(typeof first === "number");
});

Deno.test("a lookup moves what it finds to the front of its chain", () => {
  const n = boot(1);
  const socks = Array.from({ length: 4 }, (_, i) => {
    const sk = a_sock(n);
    sk.skc_state = TCP_ESTABLISHED;
    sk.inet_num = 2222;
    sk.inet_rcv_saddr = US;
    sk.inet_daddr = PEER;
    sk.inet_dport = 5000 + i;
    assert(inet_ehash_insert(sk, null));
    return sk;
  });
  const chain = (): number[] => {
    const ports: number[] = [];
    let p = tcp_hashinfo.ehash[0];
    for (; typeof p !== "number"; p = p.next) {
      assertStrictEquals(p.pprev?.next, p);
      ports.push(p.owner.skc_dport);
    }
    assertEquals(p, 0);
    return ports;
  };
  assertEquals(chain(), [5003, 5002, 5001, 5000]);
  lookup(n, PEER, 5001, 2222);
  assertEquals(chain(), [5001, 5003, 5002, 5000]);
  lookup(n, PEER, 5000, 2222);
  lookup(n, PEER, 5000, 2222);
  lookup(n, PEER, 4999, 2222);
  assertEquals(chain(), [5000, 5001, 5003, 5002]);
  for (const sk of socks) inet_unhash(sk);
  assertEquals(chain(), []);
});

Deno.test("inet_ehash_insert() puts a socket in a request_sock's place, once", () => {
  const n = boot();
  const req = new tcp_request_sock();
  req.skc_prot = prot;
  req.skc_net = n;
  req.skc_state = TCP_NEW_SYN_RECV;
  req.skc_refcnt = 3;
  req.ir_rmt_addr = PEER;
  req.ir_rmt_port = 5000;
  req.ir_loc_addr = US;
  req.ir_num = 2222;
  const dup = { value: false };
  assert(inet_ehash_insert(req, null, dup));
  assert(!inet_ehash_insert(req, null, dup));
  assert(dup.value);

  const make = (): tcp_sock => {
    const sk = a_sock(n);
    sk.skc_state = TCP_ESTABLISHED;
    sk.inet_daddr = PEER;
    sk.inet_dport = 5000;
    sk.inet_rcv_saddr = US;
    sk.inet_num = 2222;
    return sk;
  };
  const sk = make();
  assert(inet_ehash_insert(sk, req));
  assertEquals(req.skc_refcnt, 2);
  assertStrictEquals(lookup(n, PEER, 5000, 2222), sk);
  assert(!inet_ehash_insert(make(), req));
});

Deno.test("inet_hash_connect() takes even ports first and each only once per destination", () => {
  const n = boot();
  n.ipv4.ip_local_ports = [40000, 40009];
  const ports: number[] = [];
  for (let i = 0; i < 10; i++) {
    const sk = a_connector(n, 80);
    assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, sk), 0);
    assertStrictEquals(lookup(n, PEER, 80, sk.inet_num), sk);
    assertEquals(sk.icsk_bind_hash!.port, sk.inet_num);
    ports.push(sk.inet_num);
  }
  assert(ports.slice(0, 5).every((p) => p % 2 === 0));
  assert(ports.slice(5).every((p) => p % 2 === 1));
  assertEquals(new Set(ports).size, 10);
  const late = a_connector(n, 80);
  assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, late), -EADDRNOTAVAIL);
  const other = a_connector(n, 81);
  assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, other), 0);
  assertEquals(other.icsk_bind_hash!.num_owners, 2);
});

Deno.test("inet_hash_connect() leaves reserved ports and those of bind() alone", () => {
  const n = boot();
  n.ipv4.ip_local_ports = [40000, 40003];
  n.ipv4.ip_local_reserved_ports.add(40000).add(40001);
  a_listener(n, 40002);
  const sk = a_connector(n, 80);
  assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, sk), 0);
  assertEquals(sk.inet_num, 40003);
});

Deno.test("inet_hash_connect() takes the place of a TIME_WAIT socket that lets it", () => {
  const n = boot();
  n.ipv4.ip_local_ports = [40000, 40001];
  n.ipv4.ip_local_reserved_ports.add(40001);
  const old = a_connector(n, 80);
  assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, old), 0);
  const tw = inet_twsk_alloc(old, n.ipv4.tcp_death_row, TCP_TIME_WAIT)!;
  inet_twsk_schedule(tw, 60000);
  inet_twsk_hashdance(tw, old, tcp_hashinfo);
  inet_put_port(old);
  assertStrictEquals(lookup(n, PEER, 80, 40000), tw as sock_common);

  const sk = a_connector(n, 80);
  assertEquals(inet_hash_connect(n.ipv4.tcp_death_row, sk), 0);
  assertEquals(sk.inet_num, 40000);
  assertStrictEquals(lookup(n, PEER, 80, 40000), sk);
  assertEquals(tw.tw_refcnt, 0);
  assertEquals(n.ipv4.tcp_death_row.tw_refcount, 1);
  assertStrictEquals(sk.icsk_bind_hash!.owners.next!.owner, sk);
  assertEquals(sk.icsk_bind_hash!.owners.next!.next, null);
});

Deno.test("__inet_lookup_listener() prefers the listener bound to the address", () => {
  const n = boot();
  const find = (addr: number, port: number): sock_common | null =>
    __inet_lookup_listener(n, tcp_hashinfo, null, 0, PEER, 5000, addr, port, 1, 0);
  const reuse = (sk: tcp_sock): tcp_sock => {
    sk.skc_reuse = SK_CAN_REUSE;
    return sk;
  };
  const one = reuse(a_listener(n, 2222, US));
  const two = a_listener(n, 2222, US + 1);
  assertStrictEquals(find(US, 2222), one);
  assertStrictEquals(find(US + 1, 2222), two);
  assertEquals(find(US + 2, 2222), null);
  assertEquals(find(US, 2222 + 32), null);
});

Deno.test("__inet_lookup_listener() spreads connections over SO_REUSEPORT listeners", () => {
  const n = boot();
  const listeners = new Map<sock_common, number>();
  for (let i = 0; i < 4; i++) {
    const sk = a_sock(n);
    sk.skc_reuseport = true;
    assertEquals(inet_csk_get_port(sk, 2222), 0);
    sk.skc_state = TCP_LISTEN;
    inet_hash(sk);
    listeners.set(sk, 0);
  }
  for (let port = 1; port <= 4000; port++) {
    const sk = __inet_lookup_listener(n, tcp_hashinfo, null, 0, PEER, port, US, 2222, 1, 0)!;
    listeners.set(sk, listeners.get(sk)! + 1);
  }
  for (const hits of listeners.values()) assert(hits > 800 && hits < 1200, `${hits} of 4000`);
});

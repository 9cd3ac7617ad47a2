// SPDX-License-Identifier: GPL-2.0-only
//
// What a lookup in ehash costs: established sockets are entered as connect() and accept() enter them, and looked up as
// tcp_v4_rcv() does it for each packet, in random order. With 1,000 busy connections what is measured is the table:
// its hash and its chains. When 100,000 are busy at once each lookup fetches a bucket and a socket from memory, as in C.

import { AF_INET } from "../../include/linux/socket.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { sock } from "../../include/net/sock.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { sk_alloc, sk_free, sock_put } from "../../net/core/sock.ts";
import {
  __inet_lookup_established,
  inet_ehash_nolisten,
  inet_unhash,
  tcp_hashinfo,
} from "../../net/ipv4/inet_hashtables.ts";
import { inet_sk_set_state } from "../../net/ipv4/inet_sock_state.ts";
import { tcp_prot } from "../../net/ipv4/tcp_ipv4.ts";

const LOCAL = 0xc6336402 | 0;
const LOCAL_PORT = 80;
const LOOKUPS = 1 << 19;

/** The i-th peer: 50,000 connections from each address. */
function peer_addr(i: number): number {
  return (0x0a000001 + Math.floor(i / 50_000)) | 0;
}

function peer_port(i: number): number {
  return 10_000 + i % 50_000;
}

function established(net: net, i: number): sock {
  const sk = sk_alloc(net, AF_INET, tcp_prot, true);
  sk.skc_refcnt = 1;
  const inet = inet_sk(sk);
  inet.inet_rcv_saddr = inet.inet_saddr = LOCAL;
  inet.inet_num = inet.inet_sport = LOCAL_PORT;
  inet.inet_daddr = peer_addr(i);
  inet.inet_dport = peer_port(i);
  inet_sk_set_state(sk, TCP_ESTABLISHED);
  inet_ehash_nolisten(sk, null);
  return sk;
}

function lookups(net: net, addrs: Int32Array, ports: Uint16Array): number {
  const start = performance.now();
  for (let i = 0; i < LOOKUPS; i++) {
    const sk = __inet_lookup_established(
      net,
      tcp_hashinfo,
      addrs[i],
      ports[i],
      LOCAL,
      LOCAL_PORT,
      0,
      0,
    );
    if (sk === null) throw new Error("ehash lost a connection");
    sock_put(sk);
  }
  return (performance.now() - start) * 1e6 / LOOKUPS;
}

/** So many connections, of which so many have packets. */
export interface ehash_load {
  size: number;
  busy: number;
}

/** ns of a lookup for each load, `runs` figures each. */
export function bench_ehash(net: net, loads: ehash_load[], runs: number): number[][] {
  const addrs = new Int32Array(LOOKUPS), ports = new Uint16Array(LOOKUPS);
  const socks: sock[] = [];
  const results: number[][] = loads.map(() => []);
  const order = loads.map((_, i) => i).sort((a, b) => loads[a].size - loads[b].size);
  for (const at of order) {
    const { size, busy } = loads[at];
    while (socks.length < size) socks.push(established(net, socks.length));
    const which = Array.from(
      { length: busy },
      (_, i) => busy === size ? i : Math.floor(Math.random() * size),
    );
    for (let i = 0; i < LOOKUPS; i++) {
      const n = which[Math.floor(Math.random() * busy)];
      addrs[i] = peer_addr(n);
      ports[i] = peer_port(n);
    }
    lookups(net, addrs, ports);
    for (let run = 0; run < runs; run++) results[at].push(lookups(net, addrs, ports));
  }
  for (const sk of socks) {
    inet_unhash(sk);
    inet_sk_set_state(sk, TCP_CLOSE);
    sk.sk_destruct = () => {};
    sk_free(sk);
  }
  return results;
}

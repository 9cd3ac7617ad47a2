// SPDX-License-Identifier: GPL-2.0-only
//
// What a lookup in ehash costs: established sockets are entered as connect() and accept() enter them, and looked up as
// tcp_v4_rcv() does it for each packet, in random order. With 1,000 busy connections what is measured is the table:
// its hash and its chains. When 100,000 are busy at once each lookup fetches a bucket and a socket from memory, as in C.
// All tables are there at once and take turns, since the machine is not as fast at one time as at another.

import { AF_INET } from "../../include/linux/socket.ts";
import { roundup_pow_of_two } from "../../include/linux/log2.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { inet_hashinfo } from "../../include/net/inet_hashtables.ts";
import type { net } from "../../include/net/net_namespace.ts";
import type { sock } from "../../include/net/sock.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { sk_alloc, sk_free, sock_put } from "../../net/core/sock.ts";
import {
  __inet_lookup_established,
  inet_ehash_nolisten,
  inet_hashinfo_init,
  inet_unhash,
  tcp_hashinfo,
} from "../../net/ipv4/inet_hashtables.ts";
import { inet_sk_set_state } from "../../net/ipv4/inet_sock_state.ts";
import { tcp_prot } from "../../net/ipv4/tcp_ipv4.ts";

const LOCAL = 0xc6336402 | 0;
const LOCAL_PORT = 80;
const LOOKUPS = 1 << 17;
const MIN_PACKETS = 1 << 13;

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

/** So many connections, of which so many have packets. */
export interface ehash_load {
  size: number;
  busy: number;
}

/** Connections in a table of their own. */
class ehash_table {
  readonly hashinfo = new inet_hashinfo();
  private readonly socks: sock[] = [];

  constructor(readonly size: number) {
    inet_hashinfo_init(this.hashinfo, tcp_hashinfo.ehash.length);
  }

  fill(net: net): void {
    this.as_tcp(() => {
      for (let i = 0; i < this.size; i++) this.socks.push(established(net, i));
    });
  }

  /** Does something with TCP's sockets while this is TCP's table. */
  private as_tcp<T>(fn: () => T): T {
    const before = tcp_prot.hashinfo;
    tcp_prot.hashinfo = this.hashinfo;
    try {
      return fn();
    } finally {
      tcp_prot.hashinfo = before;
    }
  }

  free(): void {
    this.as_tcp(() => {
      for (const sk of this.socks) {
        inet_unhash(sk);
        inet_sk_set_state(sk, TCP_CLOSE);
        sk.sk_destruct = () => {};
        sk_free(sk);
      }
    });
  }
}

/** A table with the packets that come: what they are from, in random order. */
class ehash_traffic {
  private readonly addrs: Int32Array;
  private readonly ports: Uint16Array;

  constructor(private readonly net: net, private readonly table: ehash_table, busy: number) {
    const { size } = table;
    const which = Array.from(
      { length: busy },
      (_, i) => busy === size ? i : Math.floor(Math.random() * size),
    );
    // They come again and again: a long list would take the cache from the table.
    const packets = Math.max(MIN_PACKETS, roundup_pow_of_two(busy));
    this.addrs = new Int32Array(packets);
    this.ports = new Uint16Array(packets);
    for (let i = 0; i < packets; i++) {
      const n = which[Math.floor(Math.random() * busy)];
      this.addrs[i] = peer_addr(n);
      this.ports[i] = peer_port(n);
    }
  }

  /** ns of a lookup, with the caches as it leaves them: the one before was another's. */
  lookups(): number {
    this.look_up(this.addrs.length);
    const start = performance.now();
    this.look_up(LOOKUPS);
    return (performance.now() - start) * 1e6 / LOOKUPS;
  }

  private look_up(count: number): void {
    const { net, addrs, ports } = this;
    const { hashinfo } = this.table;
    const mask = addrs.length - 1;
    for (let i = 0; i < count; i++) {
      const sk = __inet_lookup_established(
        net,
        hashinfo,
        addrs[i & mask],
        ports[i & mask],
        LOCAL,
        LOCAL_PORT,
        0,
        0,
      );
      if (sk === null) throw new Error("ehash lost a connection");
      sock_put(sk);
    }
  }
}

/** Tables under these loads. */
export class ehash_bench {
  private readonly tables: ehash_table[];
  private readonly traffic: ehash_traffic[];

  constructor(net: net, loads: readonly ehash_load[]) {
    const sizes = [...new Set(loads.map((l) => l.size))];
    // The secret in the hash is chosen anew after a table was made: the first socket waits for the last table.
    this.tables = sizes.map((size) => new ehash_table(size));
    for (const t of this.tables) t.fill(net);
    this.traffic = loads.map(({ size, busy }) =>
      new ehash_traffic(net, this.tables[sizes.indexOf(size)], busy)
    );
  }

  /** ns of a lookup under each load. */
  run(): number[] {
    return this.traffic.map((t) => t.lookups());
  }

  free(): void {
    for (const t of this.tables) t.free();
  }
}

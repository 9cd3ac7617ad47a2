// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertStrictEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { PF_INET } from "../../include/linux/socket.ts";
import { tcp_sock, tcp_timewait_sock } from "../../include/linux/tcp.ts";
import type { inet_timewait_sock } from "../../include/net/inet_timewait_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import { proto_counters } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import { TCP_ESTABLISHED, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import { LINUX_MIB_TIMEWAITED, LINUX_MIB_TIMEWAITKILLED } from "../../include/uapi/linux/snmp.ts";
import { inet_csk_get_port } from "./inet_connection_sock.ts";
import {
  __inet_lookup_established,
  inet_ehash_insert,
  inet_hashinfo_init,
  inet_put_port,
  tcp_hashinfo,
} from "./inet_hashtables.ts";
import {
  inet_twsk_alloc,
  inet_twsk_deschedule_put,
  inet_twsk_hashdance,
  inet_twsk_purge,
  inet_twsk_reschedule,
  inet_twsk_schedule,
} from "./inet_timewait_sock.ts";

const US = 0xc6336402 | 0;
const PEER = 0xc6336401 | 0;
let destructed = 0;

const prot: proto = {
  name: "TCP",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new tcp_sock(),
  hashinfo: tcp_hashinfo,
  twsk_prot: {
    twsk_slab_name: "tw_sock_TCP",
    alloc_timewait: () => new tcp_timewait_sock(),
    twsk_unique: () => false,
    twsk_destructor: () => void destructed++,
  },
};

function boot(): { machine: sim_machine; n: net } {
  const machine = new sim_machine();
  machine.start();
  inet_hashinfo_init(tcp_hashinfo);
  destructed = 0;
  return { machine, n: new net("t") };
}

/** A connection that has gone over into TIME_WAIT. */
function a_timewait(n: net, timeo: number, dport = 80): inet_timewait_sock {
  const sk = new tcp_sock();
  sk.skc_prot = prot;
  sk.skc_net = n;
  sk.skc_family = PF_INET;
  sk.skc_state = TCP_ESTABLISHED;
  sk.skc_reuse = 1;
  sk.inet_rcv_saddr = US;
  sk.inet_daddr = PEER;
  sk.inet_dport = dport;
  assertEquals(inet_csk_get_port(sk, 2222), 0);
  sk.inet_sport = 2222;
  inet_ehash_insert(sk, null);
  const tw = inet_twsk_alloc(sk, n.ipv4.tcp_death_row, TCP_TIME_WAIT)!;
  inet_twsk_schedule(tw, timeo);
  inet_twsk_hashdance(tw, sk, tcp_hashinfo);
  inet_put_port(sk);
  return tw;
}

function lookup(n: net, dport = 80): inet_timewait_sock | null {
  const tw = __inet_lookup_established(n, tcp_hashinfo, PEER, dport, US, 2222, 1, 0);
  return tw as unknown as inet_timewait_sock | null;
}

Deno.test("a timewait socket has the connection's place and goes with its timer", async () => {
  const { machine, n } = boot();
  const tw = a_timewait(n, 60 * HZ);
  assertEquals(tw.tw_refcnt, 3);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TIMEWAITED], 1);
  assertEquals(n.ipv4.tcp_death_row.tw_refcount, 2);
  assertStrictEquals(lookup(n), tw);
  tw.tw_refcnt--;
  assertStrictEquals(tcp_hashinfo.bhash[174].chain.next!.owner.owners.next!.owner, tw);

  await machine.advance(59 * HZ);
  assertEquals(tw.tw_refcnt, 3);
  // The wheel is up to an eighth late.
  await machine.advance(9 * HZ);
  assertEquals(tw.tw_refcnt, 0);
  assertEquals(destructed, 1);
  assertEquals(lookup(n), null);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 0);
  assertEquals(n.ipv4.tcp_death_row.tw_refcount, 1);
});

Deno.test("inet_twsk_reschedule() prolongs the wait", async () => {
  const { machine, n } = boot();
  const tw = a_timewait(n, 60 * HZ);
  await machine.advance(50 * HZ);
  inet_twsk_reschedule(tw, 60 * HZ);
  await machine.advance(50 * HZ);
  assertEquals(tw.tw_refcnt, 3);
  await machine.advance(18 * HZ);
  assertEquals(tw.tw_refcnt, 0);
});

Deno.test("inet_twsk_deschedule_put() ends it at once", () => {
  const { n } = boot();
  const tw = a_timewait(n, 2 * HZ);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TIMEWAITKILLED], 1);
  assertStrictEquals(lookup(n), tw);
  inet_twsk_deschedule_put(tw);
  assertEquals(tw.tw_refcnt, 0);
  assertEquals(destructed, 1);
  assertEquals(tcp_hashinfo.bind_bucket_cachep, 0);
});

Deno.test("inet_twsk_alloc() refuses past tcp_max_tw_buckets", () => {
  const { n } = boot();
  n.ipv4.tcp_death_row.sysctl_max_tw_buckets = 1;
  a_timewait(n, 60 * HZ);
  const sk = new tcp_sock();
  sk.skc_prot = prot;
  sk.skc_net = n;
  assertEquals(inet_twsk_alloc(sk, n.ipv4.tcp_death_row, TCP_TIME_WAIT), null);
  inet_twsk_purge(tcp_hashinfo, n);
});

Deno.test("inet_twsk_purge() ends those of one host", () => {
  const { n } = boot();
  const other = new net("other");
  for (let port = 1; port <= 20; port++) a_timewait(n, 60 * HZ, port);
  const tw = a_timewait(other, 60 * HZ);
  inet_twsk_purge(tcp_hashinfo, n);
  assertEquals(destructed, 20);
  assertEquals(tw.tw_refcnt, 3);
  inet_twsk_purge(tcp_hashinfo, other);
  assertEquals(destructed, 21);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { flowi4 } from "../../include/net/flow.ts";
import { fib_config, fib_result } from "../../include/net/ip_fib.ts";
import { in_ntoa } from "../../include/net/ip.ts";
import { inet_make_mask } from "../../include/linux/inetdevice.ts";
import {
  EAGAIN,
  EEXIST,
  EHOSTUNREACH,
  EINVAL,
  ESRCH,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from "../../include/uapi/linux/rtnetlink.ts";
import { ip_host, PEER, US } from "../../tools/testing/ip_host.ts";
import { inet_addr_type } from "./fib_frontend.ts";
import {
  fib_table_delete,
  fib_table_dump,
  fib_table_insert,
  fib_table_lookup,
  fib_trie_table,
} from "./fib_trie.ts";

function route(t: ip_host, dst: number, len: number, more: Partial<fib_config> = {}): fib_config {
  return Object.assign(new fib_config(), {
    fc_dst: dst,
    fc_dst_len: len,
    fc_type: RTN_UNICAST,
    fc_scope: RT_SCOPE_LINK,
    fc_oif: t.dev.ifindex,
    fc_table: RT_TABLE_MAIN,
    fc_nlflags: NLM_F_CREATE,
  }, more);
}

function lookup(tb: ReturnType<typeof fib_trie_table>, daddr: number): number | string {
  const fl4 = new flowi4();
  const res = new fib_result();
  fl4.daddr = daddr;
  const err = fib_table_lookup(tb, fl4, res, 0);
  return err !== 0 ? err : `${in_ntoa(res.prefix)}/${res.prefixlen}`;
}

Deno.test("fib_table_lookup() finds the longest of many prefixes", () => {
  using t = new ip_host();
  const tb = fib_trie_table(RT_TABLE_MAIN, null);
  const known = new Map<string, number>();
  let seed = 12345;
  const rnd = (): number => seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  for (let i = 0; i < 400; i++) {
    const len = (rnd() >>> 8) % 33;
    const dst = (rnd() & 0x0f0f0f0f) & inet_make_mask(len);
    const key = `${in_ntoa(dst)}/${len}`;
    const err = fib_table_insert(
      t.net,
      tb,
      route(t, dst, len, { fc_nlflags: NLM_F_CREATE | NLM_F_EXCL }),
    );
    assertEquals(err, known.has(key) ? -EEXIST : 0);
    known.set(key, dst);
    if (i % 3 === 0) {
      const [k, d] = [...known][(rnd() >>> 8) % known.size];
      assertEquals(fib_table_delete(t.net, tb, route(t, d, Number(k.split("/")[1]))), 0);
      known.delete(k);
    }
  }
  for (let i = 0; i < 2000; i++) {
    const addr = rnd() & 0x0f0f0f0f;
    let best: number | string = -EAGAIN;
    let best_len = -1;
    for (const [k, d] of known) {
      const len = Number(k.split("/")[1]);
      if (len > best_len && ((addr ^ d) & inet_make_mask(len)) === 0) [best, best_len] = [k, len];
    }
    assertEquals(lookup(tb, addr), best);
  }
  const dumped: string[] = [];
  fib_table_dump(tb, (p, len) => dumped.push(`${in_ntoa(p)}/${len}`));
  assertEquals(dumped.sort(), [...known.keys()].sort());
  for (const [k, d] of known) {
    assertEquals(fib_table_delete(t.net, tb, route(t, d, Number(k.split("/")[1]))), 0);
  }
  assertEquals(tb.tb_data, null);
});

Deno.test("fib_table_insert() refuses host bits, replaces, appends, orders by priority", () => {
  using t = new ip_host();
  const tb = t.net.ipv4.fib!.main;
  const net10 = 0x0a000000;
  assertEquals(fib_table_insert(t.net, tb, route(t, net10 + 1, 8)), -EINVAL);
  const via = { fc_gw4: PEER, fc_scope: RT_SCOPE_UNIVERSE };
  assertEquals(fib_table_insert(t.net, tb, route(t, net10, 8, { ...via, fc_priority: 20 })), 0);
  assertEquals(fib_table_insert(t.net, tb, route(t, net10, 8, { fc_priority: 10 })), 0);
  const flags = NLM_F_CREATE | NLM_F_APPEND;
  const more = { fc_priority: 10, fc_nlflags: flags, ...via };
  assertEquals(fib_table_insert(t.net, tb, route(t, net10, 8, more)), 0);
  assertEquals(fib_table_insert(t.net, tb, route(t, net10, 8, more)), -EEXIST);
  const gws = (): number[] => {
    const out: number[] = [];
    fib_table_dump(tb, (p, _len, fa) => {
      if (p === net10) out.push(fa.fa_info.fib_priority, fa.fa_info.fib_nh.fib_nh_gw4);
    });
    return out;
  };
  assertEquals(gws(), [10, 0, 10, PEER, 20, PEER]);
  const replace = {
    fc_priority: 10,
    fc_nlflags: NLM_F_CREATE | NLM_F_REPLACE,
    fc_type: RTN_UNREACHABLE,
  };
  assertEquals(fib_table_insert(t.net, tb, route(t, net10, 8, { ...replace, fc_oif: 0 })), 0);
  assertEquals(lookup(tb, net10 + 5), -EHOSTUNREACH);
  assertEquals(fib_table_delete(t.net, tb, route(t, 0x0b000000, 8)), -ESRCH);
});

Deno.test("fib_add_ifaddr() makes addresses local, their subnet reachable, its last address broadcast", () => {
  using t = new ip_host();
  assertEquals(inet_addr_type(t.net, US), RTN_LOCAL);
  assertEquals(inet_addr_type(t.net, PEER), RTN_UNICAST);
  assertEquals(inet_addr_type(t.net, US | 0xff), RTN_BROADCAST);
  assertEquals(inet_addr_type(t.net, 0x7f010203), RTN_LOCAL);
  assertEquals(lookup(t.net.ipv4.fib!.main, PEER), "198.51.100.0/24");
  assertEquals(lookup(t.net.ipv4.fib!.main, 0x08080808), -EAGAIN);
});

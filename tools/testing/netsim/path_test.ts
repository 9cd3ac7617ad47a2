// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { sk_buff } from "../../../include/linux/skbuff.ts";
import { ktime_get_ns } from "../../../include/linux/timekeeping.ts";
import { NSEC_PER_MSEC, NSEC_PER_SEC } from "../../../include/linux/time64.ts";
import { ETH_P_IP } from "../../../include/uapi/linux/if_ether.ts";
import { __skb_put, alloc_skb, kfree_skb } from "../../../net/core/skbuff.ts";
import { sim_machine } from "../../../mod.ts";
import { net_path } from "./path.ts";
import type { path_counters, path_options } from "./path.ts";

const GOOD: path_options = {
  rate: 12e6, // 1500 bytes a ms
  delay: 10 * NSEC_PER_MSEC,
  buffer: 1e9,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  passers: 8,
  seed: 1,
};

/** What arrives of n packets of 1500 bytes that are sent at intervals (ms): numbers and times (ms). */
async function through(
  options: Partial<path_options>,
  n: number,
  interval = 1,
): Promise<{ arrived: [n: number, ms: number][]; stats: path_counters }> {
  const m = new sim_machine();
  m.start();
  const start = ktime_get_ns();
  const arrived: [number, number][] = [];
  const path = new net_path({ ...GOOD, ...options }, (skb: sk_buff) => {
    arrived.push([skb.head.dv.getUint32(skb.data), (ktime_get_ns() - start) / NSEC_PER_MSEC]);
    kfree_skb(skb);
  });
  for (let i = 0; i < n; i++) {
    const skb = alloc_skb(1500)!;
    skb.head.dv.setUint32(__skb_put(skb, 1500), i);
    skb.network_header = skb.data;
    skb.protocol = ETH_P_IP;
    path.input(skb);
    if (interval > 0) await m.advance(interval);
  }
  await m.run_until(ktime_get_ns() + NSEC_PER_SEC);
  path.stop();
  return { arrived, stats: path.stats };
}

Deno.test("net_path sends at the bottleneck's rate, so much later", async () => {
  assertEquals((await through({}, 4, 0)).arrived, [[0, 11], [1, 12], [2, 13], [3, 14]]);
  assertEquals((await through({}, 3, 5)).arrived, [[0, 11], [1, 16], [2, 21]]);
});

Deno.test("net_path drops what finds more waiting than the buffer", async () => {
  const { arrived, stats } = await through({ buffer: 4500 }, 10, 0);
  assertEquals(arrived.map(([n]) => n), [0, 1, 2, 3]);
  assertEquals(stats.full, 6);
});

Deno.test("net_path loses, duplicates and delays as often as it is told, the same for a seed", async () => {
  const bad = { loss: 0.1, duplicate: 0.05, reorder: 0.02 };
  const a = await through(bad, 10000);
  assertEquals(a, await through(bad, 10000));
  assertAlmostEquals(a.stats.lost, 1000, 100);
  assertAlmostEquals(a.stats.duplicated, 450, 70);
  assertAlmostEquals(a.stats.late, 180, 50);
  assertEquals(a.arrived.length, 10000 - a.stats.lost + a.stats.duplicated);
});

Deno.test("net_path loses the same packets whatever else it does", async () => {
  const lost = async (o: Partial<path_options>): Promise<number[]> => {
    const came = new Set((await through({ loss: 0.05, ...o }, 2000)).arrived.map(([n]) => n));
    return Array.from({ length: 2000 }, (_, i) => i).filter((i) => !came.has(i));
  };
  const plain = await lost({});
  assert(plain.length > 50);
  assertEquals(await lost({ duplicate: 0.1, reorder: 0.1 }), plain);
});

Deno.test("net_path has what is late passed by up to eight", async () => {
  const { arrived, stats } = await through({ reorder: 0.05 }, 2000);
  assert(stats.late > 50);
  const order = arrived.map(([n]) => n);
  let most = 0;
  order.forEach((n, i) => {
    // Those behind it that came before it.
    const passers = order.slice(Math.max(0, i - 20), i).filter((m) => m > n).length;
    most = Math.max(most, passers);
  });
  assert(most >= 6 && most <= 8, `${most}`);
});

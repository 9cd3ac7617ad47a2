// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  get_random_bytes,
  get_random_u32,
  get_random_u32_below,
} from "../../include/linux/random.ts";
import { ktime_get_real_seconds } from "../../include/linux/timekeeping.ts";
import { msleep } from "../../kernel/time/timer.ts";
import { DeadlockError, sim_machine } from "./mod.ts";

Deno.test("a machine with the same seed gives the same entropy", () => {
  const take = (seed: number): number[] => {
    const m = new sim_machine({ seed });
    m.start();
    return Array.from({ length: 600 }, get_random_u32);
  };
  assertEquals(take(1), take(1));
  assertNotEquals(take(1), take(2));
  const b = new Uint8Array(33);
  get_random_bytes(b);
  const counts = new Array(5).fill(0);
  for (let i = 0; i < 10000; i++) counts[get_random_u32_below(5)]++;
  for (const n of counts) assertEquals(n > 1800 && n < 2200, true);
});

Deno.test("run_until() jumps from timer to timer", async () => {
  const m = new sim_machine();
  m.start();
  const t0 = ktime_get_real_seconds();
  assertEquals(t0, 1704067200);
  let n = 0;
  const ticks = (async () => {
    for (; n < 100; n++) await msleep(1000);
    return "done";
  })();
  await m.run_until(() => n === 50);
  assertEquals(n, 50);
  assertEquals(await m.run_until(ticks), "done");
  await m.advance(60000);
  assertEquals(ktime_get_real_seconds() - t0 >= 160, true);
});

Deno.test("run_until() reports a deadlock, throws what the promise throws, waits for the host", async () => {
  const m = new sim_machine();
  m.start();
  await assertRejects(() => m.run_until(new Promise(() => {})), DeadlockError);
  await assertRejects(() => m.run_until(() => false), DeadlockError);
  await assertRejects(() => m.run_until(Promise.reject(new RangeError("x"))), RangeError);
  const host = m.host(new Promise<number>((r) => setTimeout(() => r(7), 5)));
  assertEquals(await m.run_until(host), 7);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../arch/sim/mod.ts";
import { delayed_work, delayed_work_pending, work_struct } from "../include/linux/workqueue.ts";
import {
  cancel_delayed_work,
  cancel_work_sync,
  INIT_DELAYED_WORK,
  INIT_WORK,
  mod_delayed_work,
  schedule_delayed_work,
  schedule_work,
} from "./workqueue.ts";

Deno.test("schedule_work() runs work once, in a later turn", async () => {
  const m = new sim_machine();
  m.start();
  const ran: string[] = [];
  const make = (name: string): work_struct<string> => {
    const w = new work_struct(name);
    INIT_WORK(w, (x) => ran.push(x.owner));
    return w;
  };
  const a = make("a"), b = make("b");
  assertEquals([schedule_work(a), schedule_work(a), schedule_work(b)], [true, false, true]);
  assertEquals(cancel_work_sync(b), true);
  assertEquals(ran, []);
  await m.settle();
  assertEquals(ran, ["a"]);
});

Deno.test("delayed work waits, is put off, is cancelled", async () => {
  const m = new sim_machine();
  m.start();
  const at: number[] = [];
  const d = new delayed_work(null);
  INIT_DELAYED_WORK(d, () => at.push(m.now() / 1e6));
  const t0 = m.now() / 1e6;
  assertEquals(schedule_delayed_work(d, 50), true);
  assertEquals(schedule_delayed_work(d, 5), false);
  await m.advance(20);
  assertEquals(mod_delayed_work(d, 50), true);
  await m.advance(200);
  assertEquals(at.length, 1);
  assertEquals(at[0] - t0, 71);
  schedule_delayed_work(d, 0);
  assertEquals(cancel_delayed_work(d), true);
  assertEquals(delayed_work_pending(d), false);
  await m.advance(100);
  assertEquals(at.length, 1);
});

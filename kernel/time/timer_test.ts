// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { INITIAL_JIFFIES, jiffies, time_after_eq } from "../../include/linux/jiffies.ts";
import { from_timer, timer_list, timer_pending, timer_setup } from "../../include/linux/timer.ts";
import { tick_nohz_idle_enter } from "./tick-sched.ts";
import {
  add_timer,
  del_timer,
  get_next_timer_interrupt,
  mod_timer,
  mod_timer_pending,
  msleep,
  timer_reduce,
  timers_pending,
} from "./timer.ts";

function start(): sim_machine {
  const m = new sim_machine();
  m.start();
  return m;
}

class thing {
  fired = 0;
  at: number[] = [];
  timer: timer_list<thing> = new timer_list<thing>(this);
  constructor(fn: (t: timer_list<thing>) => void = thing_timer) {
    timer_setup(this.timer, fn, 0);
  }
}

function thing_timer(t: timer_list<thing>): void {
  const x = from_timer(t);
  x.fired++;
  x.at.push(jiffies);
}

Deno.test("mod_timer() fires once, never early, late by at most an eighth", async () => {
  const m = start();
  const things: [thing, number, number][] = [];
  let seed = 5;
  for (let i = 0; i < 3000; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) | 0;
    const delay = (seed >>> 4) % [3, 60, 600, 5000, 100000, 7200000][i % 6];
    const t = new thing();
    assertEquals(mod_timer(t.timer, jiffies + delay), 0);
    things.push([t, jiffies, delay]);
    if (i % 10 === 0) await m.advance((seed >>> 20) % 50);
  }
  await m.advance(9000000);
  for (const [t, from, delay] of things) {
    assertEquals(t.fired, 1);
    const took = (t.at[0] - from) | 0;
    assertGreaterOrEqual(took, delay);
    assertLess(took, delay + 2 + delay / 7, `delay ${delay}`);
  }
  assertEquals(timers_pending(), []);
});

Deno.test("del_timer(), mod_timer() of a pending timer, timer_reduce(), mod_timer_pending()", async () => {
  const m = start();
  const t = new thing();
  const now = jiffies;
  t.timer.expires = now + 100;
  add_timer(t.timer);
  assert(timer_pending(t.timer));
  assertEquals(timers_pending(), ["thing_timer"]);
  assertEquals(mod_timer(t.timer, now + 20), 1);
  assertEquals(timer_reduce(t.timer, now + 50), 1);
  assertEquals(t.timer.expires, now + 20);
  assertEquals(timer_reduce(t.timer, now + 10), 1);
  assertEquals(t.timer.expires, now + 10);
  assertEquals(del_timer(t.timer), 1);
  assertEquals(del_timer(t.timer), 0);
  assertEquals(mod_timer_pending(t.timer, now + 5), 0);
  assertEquals(get_next_timer_interrupt(), Infinity);
  await m.advance(200);
  assertEquals(t.fired, 0);
  mod_timer(t.timer, jiffies - 5);
  await m.advance(1);
  assertEquals(t.fired, 1);
});

Deno.test("the wheel goes on over the wrap of jiffies", async () => {
  const m = start();
  assert(INITIAL_JIFFIES < 0);
  const t = new thing((tm) => {
    thing_timer(tm);
    mod_timer(tm, jiffies + 1000);
  });
  mod_timer(t.timer, jiffies + 1000);
  await m.advance(400000);
  assert(jiffies > 0);
  assertGreaterOrEqual(t.fired, 350);
  t.at.reduce((a, b) => (assert(time_after_eq(b, a + 1000)), b));
  del_timer(t.timer);
});

Deno.test("a timer may start itself for now without an endless loop, and stop others", async () => {
  const m = start();
  const other = new thing();
  let n = 0;
  const t = new thing((tm) => {
    del_timer(other.timer);
    if (++n < 5) mod_timer(tm, jiffies);
  });
  mod_timer(t.timer, jiffies + 1);
  mod_timer(other.timer, jiffies + 1);
  await m.advance(50);
  assertEquals(n, 5);
});

Deno.test("an exception in a timer does not keep the others from running", async () => {
  const m = start();
  const a = new thing(), c = new thing();
  const b = new thing(() => {
    throw new Error("boom");
  });
  for (const t of [a, b, c]) mod_timer(t.timer, jiffies + 10);
  await assertRejects(() => m.advance(20), Error, "boom");
  assertEquals([a.fired, c.fired], [1, 1]);
  mod_timer(a.timer, jiffies + 10);
  await m.advance(20);
  assertEquals(a.fired, 2);
});

Deno.test("msleep() sleeps in virtual time", async () => {
  const m = start();
  const t0 = m.now();
  const wall = performance.now();
  await m.run_until(msleep(30000));
  assertGreaterOrEqual(m.now() - t0, 30e9);
  assertLess(m.now() - t0, 35e9);
  assertLess(performance.now() - wall, 1000);
});

Deno.test("mod_timer() while idle programs the event device, and only for an earlier time", () => {
  const m = start();
  const far = new thing(), near = new thing();
  mod_timer(far.timer, jiffies + 100000);
  assertEquals(m.clock_event_device.next_event, Infinity);
  const next = tick_nohz_idle_enter();
  assertEquals(m.clock_event_device.next_event, next);
  mod_timer(near.timer, jiffies + 200000);
  assertEquals(m.clock_event_device.next_event, next);
  mod_timer(near.timer, jiffies + 5);
  assertEquals(m.clock_event_device.next_event, m.now() + 6e6);
});

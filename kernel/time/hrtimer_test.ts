// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import {
  CLOCK_MONOTONIC,
  hrtimer,
  hrtimer_active,
  hrtimer_is_queued,
  HRTIMER_MODE_ABS,
  HRTIMER_MODE_REL,
  HRTIMER_NORESTART,
  HRTIMER_RESTART,
} from "../../include/linux/hrtimer.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import {
  hrtimer_cancel,
  hrtimer_forward_now,
  hrtimer_get_next_event,
  hrtimer_init,
  hrtimer_start,
  hrtimer_start_range_ns,
  hrtimer_try_to_cancel,
  hrtimers_pending,
} from "./hrtimer.ts";

Deno.test("hrtimers run at their ns, in order", async () => {
  const m = new sim_machine();
  m.start();
  const t0 = m.now();
  const ran: [string, number][] = [];
  const make = (name: string): hrtimer<string> => {
    const t = new hrtimer(name);
    hrtimer_init(t, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    t.function = (x) => {
      ran.push([x.owner, ktime_get_ns() - t0]);
      return HRTIMER_NORESTART;
    };
    return t;
  };
  const a = make("a"), b = make("b"), c = make("c");
  hrtimer_start(b, 2500, HRTIMER_MODE_REL);
  hrtimer_start(a, t0 + 1234, HRTIMER_MODE_ABS);
  hrtimer_start(c, 100, HRTIMER_MODE_REL);
  assertEquals(hrtimer_get_next_event(), t0 + 100);
  assertEquals(hrtimer_cancel(c), 1);
  assertEquals(hrtimer_try_to_cancel(c), 0);
  assertEquals(hrtimers_pending().length, 2);
  await m.advance(1);
  assertEquals(ran, [["a", 1234], ["b", 2500]]);
  assert(!hrtimer_is_queued(a));
});

Deno.test("HRTIMER_RESTART runs a timer again where hrtimer_forward() put it", async () => {
  const m = new sim_machine();
  m.start();
  let n = 0;
  const t = new hrtimer(null);
  hrtimer_init(t, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
  t.function = (x) => {
    assert(hrtimer_active(x) && !hrtimer_is_queued(x));
    assertEquals(hrtimer_try_to_cancel(x), -1);
    assertEquals(hrtimer_forward_now(x, 1e6), 1);
    return ++n < 10 ? HRTIMER_RESTART : HRTIMER_NORESTART;
  };
  hrtimer_start(t, 1e6, HRTIMER_MODE_REL);
  await m.advance(5);
  assertEquals(n, 5);
  await m.advance(100);
  assertEquals(n, 10);
  hrtimer_start_range_ns(t, 1e6, 5e5, HRTIMER_MODE_REL);
  assertEquals(hrtimer_get_next_event(), m.now() + 1.5e6);
  hrtimer_cancel(t);
});

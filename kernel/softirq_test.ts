// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertThrows } from "@std/assert";
import { sim_machine } from "../arch/sim/mod.ts";
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ, tasklet_struct } from "../include/linux/interrupt.ts";
import { in_interrupt, in_task, preempt_count } from "../include/linux/preempt.ts";
import {
  in_serving_softirq,
  in_softirq,
  irq_enter,
  irq_exit,
  ksoftirqd_running,
  local_bh_disable,
  local_bh_enable,
  local_softirq_pending,
  open_softirq,
  raise_softirq,
  run_ksoftirqd,
  tasklet_disable,
  tasklet_enable,
  tasklet_kill,
  tasklet_schedule,
  tasklet_setup,
} from "./softirq.ts";

function start(): void {
  new sim_machine().start();
}

Deno.test("local_bh_enable() runs what was raised, the outermost one only", () => {
  start();
  const ran: string[] = [];
  open_softirq(NET_RX_SOFTIRQ, () => {
    ran.push("rx");
    assert(in_serving_softirq() && in_softirq() && in_interrupt() && !in_task());
    local_bh_disable();
    local_bh_enable();
  });
  open_softirq(NET_TX_SOFTIRQ, () => ran.push("tx"));
  local_bh_disable();
  local_bh_disable();
  assert(in_softirq() && !in_serving_softirq() && in_task());
  raise_softirq(NET_RX_SOFTIRQ);
  raise_softirq(NET_TX_SOFTIRQ);
  local_bh_enable();
  assertEquals(ran, []);
  local_bh_enable();
  assertEquals(ran, ["tx", "rx"]);
  assertEquals(preempt_count(), 0);
  irq_enter();
  raise_softirq(NET_RX_SOFTIRQ);
  irq_exit();
  assertEquals(ran.length, 3);
});

Deno.test("a softirq that raises itself without end is left to ksoftirqd", () => {
  start();
  let n = 0;
  open_softirq(NET_RX_SOFTIRQ, () => {
    n++;
    raise_softirq(NET_RX_SOFTIRQ);
  });
  local_bh_disable();
  raise_softirq(NET_RX_SOFTIRQ);
  local_bh_enable();
  assertEquals(n, 10);
  assert(ksoftirqd_running());
  run_ksoftirqd();
  assertEquals(n, 20);
});

Deno.test("raise_softirq() in a task wakes ksoftirqd", () => {
  start();
  let n = 0;
  open_softirq(NET_RX_SOFTIRQ, () => n++);
  raise_softirq(NET_RX_SOFTIRQ);
  assert(ksoftirqd_running());
  assertEquals(n, 0);
  run_ksoftirqd();
  assertEquals(n, 1);
});

Deno.test("an exception in a softirq leaves the counters and the other softirqs whole", () => {
  start();
  let rx = 0;
  open_softirq(NET_TX_SOFTIRQ, () => {
    local_bh_disable();
    throw new Error("boom");
  });
  open_softirq(NET_RX_SOFTIRQ, () => rx++);
  local_bh_disable();
  raise_softirq(NET_TX_SOFTIRQ);
  raise_softirq(NET_RX_SOFTIRQ);
  assertThrows(() => local_bh_enable(), Error, "boom");
  assertEquals([rx, preempt_count(), local_softirq_pending()], [1, 0, 0]);
});

Deno.test("tasklets run once however often they are scheduled", () => {
  start();
  const ran: number[] = [];
  const make = (n: number): tasklet_struct<number> => {
    const t = new tasklet_struct(n);
    tasklet_setup(t, (x) => ran.push(x.owner));
    return t;
  };
  const a = make(1), b = make(2), c = make(3);
  local_bh_disable();
  tasklet_schedule(a);
  tasklet_schedule(b);
  tasklet_schedule(a);
  tasklet_schedule(c);
  tasklet_kill(b);
  local_bh_enable();
  assertEquals(ran, [1, 3]);
  tasklet_disable(b);
  tasklet_schedule(b);
  run_ksoftirqd();
  assertEquals(ran, [1, 3]);
  tasklet_enable(b);
  run_ksoftirqd();
  assertEquals(ran, [1, 3, 2]);
});

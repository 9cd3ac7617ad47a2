// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlockError, sim_machine } from "../../arch/sim/mod.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending,
  switch_to,
  TASK_INTERRUPTIBLE,
  task_struct,
} from "../../include/linux/sched.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import type { nsproxy } from "../../include/linux/nsproxy.ts";
import { ERESTARTSYS } from "../../include/uapi/asm-generic/errno.ts";
import { send_sig, SIGINT, SIGPIPE } from "../signal.ts";
import { show_sleepers } from "./core.ts";
import { mod_timer, timers_pending } from "../time/timer.ts";
import {
  add_wait_queue,
  DEFINE_WAIT,
  DEFINE_WAIT_FUNC,
  finish_wait,
  init_waitqueue_head,
  prepare_to_wait,
  prepare_to_wait_exclusive,
  remove_wait_queue,
  schedule_timeout,
  wait_event_interruptible,
  wait_event_interruptible_timeout,
  wait_event_timeout,
  wait_queue_head,
  wait_woken,
  waitqueue_active,
  wake_up,
  wake_up_interruptible,
  wake_up_interruptible_all,
  wake_up_interruptible_sync_poll,
  woken_wake_function,
} from "./wait.ts";

function start(): sim_machine {
  const m = new sim_machine();
  m.start();
  return m;
}

function task(comm: string): task_struct {
  return new task_struct(comm, null as unknown as nsproxy);
}

async function sleep_on(wq: wait_queue_head, timeout: number): Promise<number> {
  const wait = DEFINE_WAIT_FUNC("sleep_on", woken_wake_function);
  add_wait_queue(wq, wait);
  const left = await wait_woken(wait, TASK_INTERRUPTIBLE, timeout);
  remove_wait_queue(wq, wait);
  return left;
}

Deno.test("wait_woken() sleeps until woken and tells the jiffies left", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const p = sleep_on(wq, 1000);
  assert(waitqueue_active(wq));
  assertEquals(show_sleepers().length, 1);
  await m.advance(300);
  wake_up_interruptible_sync_poll(wq, 1);
  assertEquals(await m.run_until(p), 700);
  assert(!waitqueue_active(wq));
  assertEquals([show_sleepers().length, timers_pending()], [0, []]);
});

Deno.test("wait_woken() times out with 0", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const t0 = m.now();
  assertEquals(await m.run_until(sleep_on(wq, 50)), 0);
  assertEquals(m.now() - t0, 51e6);
});

Deno.test("wait_woken() does not lose a wake-up that came before the sleep", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const wait = DEFINE_WAIT_FUNC("x", woken_wake_function);
  add_wait_queue(wq, wait);
  wake_up_interruptible(wq);
  assertEquals(wait_woken(wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT), 0x7fffffff);
  await assertRejects(
    () => m.run_until(wait_woken(wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT)),
    DeadlockError,
    "swapper/0 in x",
  );
});

Deno.test("exclusive sleepers are woken one by one, first come first served", async () => {
  const m = start();
  const wq = new wait_queue_head();
  init_waitqueue_head(wq, "accept");
  const woken: number[] = [];
  const accept = async (n: number): Promise<void> => {
    const wait = DEFINE_WAIT("accept");
    prepare_to_wait_exclusive(wq, wait, TASK_INTERRUPTIBLE);
    await schedule_timeout(wait, MAX_SCHEDULE_TIMEOUT);
    finish_wait(wq, wait);
    woken.push(n);
  };
  for (let i = 0; i < 4; i++) accept(i);
  wake_up(wq);
  await m.settle();
  assertEquals(woken, [0]);
  wake_up(wq);
  await m.settle();
  assertEquals(woken, [0, 1]);
  wake_up_interruptible_all(wq);
  await m.settle();
  assertEquals(woken, [0, 1, 2, 3]);
});

Deno.test("a signal ends interruptible sleeps; an ignored one does not", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const t = task("nc");
  switch_to(t);
  const p = wait_event_interruptible(wq, () => false);
  await m.settle();
  send_sig(SIGPIPE, t, 0);
  await m.settle();
  assertEquals(show_sleepers().length, 1);
  send_sig(SIGINT, t, 0);
  assertEquals(await m.run_until(p as Promise<number>), -ERESTARTSYS);
  assert(signal_pending(t));
  assertEquals(await wait_event_interruptible(wq, () => false), -ERESTARTSYS);
});

Deno.test("wait_event_interruptible_timeout() whose time is over answers 0, whatever comes then", async () => {
  const m = start();
  const t = task("nc");
  switch_to(t);
  const p = wait_event_interruptible_timeout(new wait_queue_head(), () => false, 5);
  const timer = new timer_list<null>(null);
  timer_setup(timer, () => send_sig(SIGINT, t, 0), 0);
  mod_timer(timer, (jiffies + 5) | 0);
  assertEquals(await m.run_until(p as Promise<number>), 0);
  assert(signal_pending(t));
});

Deno.test("wait_event_timeout() looks at the condition at each wake-up", async () => {
  const m = start();
  const wq = new wait_queue_head();
  let ready = false;
  const p = wait_event_timeout(wq, () => ready, 100);
  wake_up(wq);
  await m.advance(10);
  ready = true;
  wake_up(wq);
  assertEquals(await m.run_until(p as Promise<number>), 90);
  assertEquals(wait_event_timeout(wq, () => true, 5), 5);
  assertEquals(await m.run_until(wait_event_timeout(wq, () => false, 5) as Promise<number>), 0);
});

Deno.test("each sleeper goes on as its own task, through all that is left of its call", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const seen: string[] = [];
  const run = (t: task_struct): Promise<unknown> => {
    switch_to(t);
    const wait = DEFINE_WAIT_FUNC("x", woken_wake_function);
    const sleep = (): number | Promise<number> =>
      wait_woken(wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
    add_wait_queue(wq, wait);
    const once = after_sleep(sleep(), () => {
      seen.push(`once ${t.comm} ${current.comm}`);
      return sleep();
    });
    return after_sleep(once, (v) => {
      seen.push(`twice ${t.comm} ${current.comm}`);
      return after_sleep(v, (v) => `${t.comm} ${v}`);
    }) as Promise<string>;
  };
  const a = run(task("a")), b = run(task("b"));
  wake_up_interruptible_all(wq);
  await m.settle();
  assertEquals(seen, ["once b b", "once a a"]);
  wake_up_interruptible_all(wq);
  assertEquals(await m.run_until(Promise.all([a, b])), ["a 2147483647", "b 2147483647"]);
  assertEquals(seen.slice(2), ["twice b b", "twice a a"]);
});

Deno.test("after_sleep() waits for any promise, and passes an error on to who waits for the call", async () => {
  const m = start();
  const wq = new wait_queue_head();
  const sleep = (): Promise<number> => {
    const wait = DEFINE_WAIT("x");
    prepare_to_wait(wq, wait, TASK_INTERRUPTIBLE);
    return schedule_timeout(wait, MAX_SCHEDULE_TIMEOUT) as Promise<number>;
  };
  const late = after_sleep(
    after_sleep(sleep(), () => Promise.resolve(5)),
    (v) => v + 1,
  ) as Promise<number>;
  const broken = after_sleep(sleep(), () => {
    throw new RangeError("broken");
  }) as unknown as Promise<number>;
  wake_up_interruptible_all(wq);
  await assertRejects(() => m.run_until(broken), RangeError, "broken");
  assertEquals(await m.run_until(late), 6);
});

Deno.test("after_sleep() goes on at once when nothing sleeps", () => {
  assertEquals(after_sleep(1, (v) => v + 1), 2);
});

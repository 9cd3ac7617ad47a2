// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { NET_RX_SOFTIRQ } from "../../include/linux/interrupt.ts";
import { IRQCHIP_STATE_PENDING } from "../../include/linux/irq.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { disable_irq_nosync, enable_irq, irq_set_irqchip_state } from "../../kernel/irq/manage.ts";
import { open_softirq, raise_softirq_irqoff } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import { mod_timer } from "../../kernel/time/timer.ts";
import { libc_available } from "./libc.ts";
import { cpu_idle_stats, machine_halt } from "./process.ts";
import { boot_cpu, test_line } from "./testing.ts";

const no_ffi = Deno.build.os !== "linux" || !libc_available();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts a timer; when it fired, ms from now. */
function fires_after(ms: number): Promise<number> {
  const start = performance.now();
  update_wall_time();
  return new Promise((resolve) => {
    const timer = new timer_list<null>(null);
    timer_setup(timer, () => resolve(performance.now() - start), 0);
    mod_timer(timer, (jiffies + ms) | 0);
  });
}

Deno.test("do_idle() runs timers on time without any line", async () => {
  boot_cpu();
  try {
    await sleep(5);
    const took = await fires_after(30);
    assert(took >= 29 && took < 200, `${took} ms`);
  } finally {
    await machine_halt();
  }
});

Deno.test({
  name: "do_idle() calls the handler of a descriptor that becomes readable",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      await sleep(5);
      line.raise();
      await sleep(20);
      assertEquals(line.handled, 1);
      disable_irq_nosync(line.fd);
      line.raise();
      await sleep(20);
      assertEquals(line.handled, 1);
      enable_irq(line.fd);
      await sleep(20);
      assertEquals(line.handled, 2);
    } finally {
      line.close();
      await machine_halt();
    }
  },
});

Deno.test({
  name: "mod_timer() of a program cuts the sleep of the loop short",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      await sleep(5);
      const { sleeps } = cpu_idle_stats;
      const took = await fires_after(20);
      assert(took >= 19 && took < 200, `${took} ms`);
      assert(cpu_idle_stats.sleeps - sleeps < 20, "the loop is spinning");
    } finally {
      line.close();
      await machine_halt();
    }
  },
});

Deno.test({
  name: "do_idle() lets the event loop turn while a line stays busy",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      line.on_irq = () => line.raise();
      line.raise();
      await sleep(20);
      const { handled } = line;
      await sleep(20);
      assert(line.handled > handled + 10, `${line.handled - handled} in 20 ms`);
    } finally {
      line.on_irq = () => {};
      line.close();
      await machine_halt();
    }
  },
});

Deno.test({
  name: "cpu_idle() lets a program that an interrupt woke go on before the next interrupt",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      const order: string[] = [];
      let woken = Promise.withResolvers<void>();
      line.on_irq = () => {
        order.push("irq");
        if (order.length < 40) line.raise();
        woken.resolve();
      };
      const program = async (): Promise<void> => {
        while (order.length < 40) {
          await woken.promise;
          woken = Promise.withResolvers<void>();
          order.push("program");
        }
      };
      line.raise();
      await program();
      assertEquals(order, Array.from({ length: 40 }, (_, i) => i % 2 === 0 ? "irq" : "program"));
    } finally {
      line.close();
      await machine_halt();
    }
  },
});

Deno.test({
  name: "do_idle() handles a line that is pending without a look at it, once",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      const set_pending = (): number => irq_set_irqchip_state(line.fd, IRQCHIP_STATE_PENDING, true);
      line.on_irq = () => {
        if (line.handled % 3 !== 0) set_pending();
      };
      line.raise();
      await sleep(20);
      assertEquals(line.handled, 3);
      // Asleep by now.
      set_pending();
      await sleep(20);
      assertEquals(line.handled, 6);
    } finally {
      line.close();
      await machine_halt();
    }
  },
});

Deno.test({
  name: "do_idle() lets what has come in be handled before the timers that wait for it",
  ignore: no_ffi,
  async fn() {
    boot_cpu();
    const line = new test_line();
    try {
      const order: string[] = [];
      open_softirq(NET_RX_SOFTIRQ, () => void order.push("packet"));
      line.on_irq = () => raise_softirq_irqoff(NET_RX_SOFTIRQ);
      await sleep(5);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = new timer_list<null>(null);
      timer_setup(timer, () => (order.push("timer"), resolve()), 0);
      update_wall_time();
      mod_timer(timer, (jiffies + 10) | 0);
      line.raise();
      // A program that has the thread for long.
      for (const end = performance.now() + 30; performance.now() < end;);
      await promise;
      assertEquals(order, ["packet", "timer"]);
    } finally {
      line.close();
      await machine_halt();
    }
  },
});

/** Runs a program in a process of its own; its exit code, or -1 if it did not end by itself in 10 s. */
async function run_program(body: string): Promise<number> {
  const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const source = `
    import { boot_cpu, test_line } from ${url("testing.ts")};
    import { cpu_idle_ref, machine_halt } from ${url("process.ts")};
    ${body}`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", source] }).spawn();
  const limit = setTimeout(() => child.kill(), 10_000);
  const { code, signal } = await child.status;
  clearTimeout(limit);
  return signal !== null ? -1 : code;
}

Deno.test("a process ends after machine_halt(), or when nothing holds the loop", async (t) => {
  await t.step("machine_halt() without lines", async () => {
    assertEquals(await run_program("boot_cpu(); await machine_halt();"), 0);
  });
  await t.step("cpu_idle_ref(-1) without lines", async () => {
    assertEquals(await run_program("boot_cpu(); cpu_idle_ref(-1);"), 0);
  });
  if (no_ffi) return;
  const asleep = "await new Promise((r) => setTimeout(r, 50));";
  await t.step("machine_halt() from sleep", async () => {
    const code = await run_program(`boot_cpu(); new test_line(); ${asleep} await machine_halt();`);
    assertEquals(code, 0);
  });
  await t.step("cpu_idle_ref(-1) in sleep", async () => {
    const code = await run_program(`boot_cpu(); new test_line(); ${asleep} cpu_idle_ref(-1);`);
    assertEquals(code, 0);
  });
  await t.step("not while it is referenced", async () => {
    const code = await run_program(
      `boot_cpu(); new test_line(); setTimeout(() => Deno.exit(7), 300);`,
    );
    assertEquals(code, 7);
  });
});

Deno.test({
  name: "machine_halt() lets another machine boot",
  ignore: no_ffi,
  async fn() {
    for (let i = 0; i < 3; i++) {
      boot_cpu();
      const line = new test_line();
      if (i > 0) await sleep(5);
      line.raise();
      await sleep(10);
      assertEquals(line.handled, 1);
      line.close();
      await machine_halt();
    }
  },
});

// SPDX-License-Identifier: GPL-2.0-only
//
// A machine in virtual time: nothing happens but what the stack and the programs do, and a 30 s
// timeout takes no time. setup_arch(), time_init() and init_IRQ() hand over entropy, the clock,
// the alarm clock and ksoftirqd's wake-up as arch/deno does; then run_until() is the machine's idle loop: let every program run until it sleeps, run what is
// pending, jump to the next timer.

import { setImmediate } from "node:timers";
import { register_random_source } from "../../include/linux/random.ts";
import { current, switch_to } from "../../include/linux/sched.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import { NSEC_PER_MSEC } from "../../include/linux/time64.ts";
import type { nsproxy } from "../../include/linux/nsproxy.ts";
import { sched_init, show_sleepers } from "../../kernel/sched/core.ts";
import {
  ksoftirqd_running,
  local_softirq_pending,
  register_ksoftirqd,
  run_ksoftirqd,
  softirq_init,
} from "../../kernel/softirq.ts";
import { clockevents_register_device } from "../../kernel/time/clockevents.ts";
import { tick_nohz_handler, tick_nohz_idle_enter } from "../../kernel/time/tick-sched.ts";
import { hrtimers_init } from "../../kernel/time/hrtimer.ts";
import { timekeeping_init } from "../../kernel/time/timekeeping.ts";
import { timers_init } from "../../kernel/time/timer.ts";
import { workqueue_init } from "../../kernel/workqueue.ts";
import { sim_clock_event_device, sim_clocksource } from "./clock.ts";
import { seeded_random } from "./random.ts";

export { sim_clock_event_device, sim_clocksource, SIM_EPOCH } from "./clock.ts";
export { seeded_random } from "./random.ts";

/** What a simulated machine starts from. @local */
export interface sim_options {
  /** Of its entropy. */
  seed?: number;
  /** ns since 1970 at boot. */
  real_ns?: number;
}

/** Everything sleeps and nothing is left that could wake it. @local */
export class DeadlockError extends Error {
  /** What sleeps, one line each. */
  readonly sleepers: readonly string[];

  constructor(sleepers: readonly string[]) {
    super(
      sleepers.length
        ? `deadlock: all tasks asleep, no timer pending: ${sleepers.join("; ")}`
        : "deadlock: nothing is asleep and no timer pending, yet it has not come",
    );
    this.name = "DeadlockError";
    this.sleepers = sleepers;
  }
}

/** Waits until every microtask has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A simulated machine's host side. @local */
export class sim_machine {
  readonly clocksource: sim_clocksource;
  readonly clock_event_device: sim_clock_event_device;
  readonly random: ReturnType<typeof seeded_random>;
  private outside = 0;
  private running = false;

  constructor(options: sim_options = {}) {
    this.clocksource = new sim_clocksource(0, options.real_ns);
    this.clock_event_device = new sim_clock_event_device();
    this.random = seeded_random(options.seed ?? 1);
  }

  /** Entropy. Before everything. */
  setup_arch(): void {
    register_random_source(this.random);
  }

  /** The clock. */
  time_init(): void {
    timekeeping_init(this.clocksource);
  }

  /** The alarm clock and ksoftirqd; there are no interrupt lines. Needs softirqs and timers. */
  init_IRQ(): void {
    register_ksoftirqd(() => {});
    clockevents_register_device(this.clock_event_device, tick_nohz_handler);
  }

  /** Nothing: the machine runs while run_until() does. */
  cpu_startup_entry(): void {}

  /** Nothing wakes the machine any more. */
  machine_halt(): Promise<void> {
    clockevents_register_device(null);
    return Promise.resolve();
  }

  /** Starts kernel/ alone, without a network: for tests below net/. */
  start(ns: nsproxy = null as unknown as nsproxy): void {
    this.setup_arch();
    sched_init(ns);
    softirq_init();
    this.time_init();
    timers_init();
    hrtimers_init();
    workqueue_init();
    this.init_IRQ();
  }

  /** ns since boot. */
  now(): number {
    return ktime_get_ns();
  }

  /** Has run_until() wait in real time for something outside the machine: a file, a process. */
  async host<T>(promise: Promise<T>): Promise<T> {
    this.outside++;
    try {
      return await promise;
    } finally {
      this.outside--;
    }
  }

  /** Runs programs and softirqs until all sleep, without time passing. */
  async settle(): Promise<void> {
    for (;;) {
      await turn();
      if (!ksoftirqd_running() && local_softirq_pending() === 0) return;
      run_ksoftirqd();
    }
  }

  /**
   * Runs the machine until a promise is kept (gives or throws what it does), a predicate holds, or
   * ns since boot have passed. Throws DeadlockError when that cannot come any more.
   */
  async run_until<T>(what: Promise<T> | (() => boolean) | number): Promise<T | undefined> {
    if (this.running) throw new Error("run_until() is running already");
    this.running = true;
    const task = current;
    try {
      let kept: { value: T } | null = null;
      let broken: { error: unknown } | null = null;
      if (what instanceof Promise) {
        what.then((value) => kept = { value }, (error) => broken = { error });
      }
      const limit = typeof what === "number" ? what : Infinity;
      for (;;) {
        await this.settle();
        if (broken !== null) throw (broken as { error: unknown }).error;
        if (kept !== null) return (kept as { value: T }).value;
        if (typeof what === "function" && what()) return undefined;
        if (ktime_get_ns() >= limit) return undefined;
        const next = tick_nohz_idle_enter();
        if (this.outside > 0 && next === Infinity) {
          await turn();
          continue;
        }
        if (next === Infinity && limit === Infinity) throw new DeadlockError(show_sleepers());
        this.jump(Math.min(next, limit));
      }
    } finally {
      this.running = false;
      switch_to(task);
    }
  }

  /** Lets so many ms pass. */
  async advance(ms: number): Promise<void> {
    await this.run_until(ktime_get_ns() + ms * NSEC_PER_MSEC);
  }

  /** Moves the clock to ns since boot and interrupts. */
  private jump(to: number): void {
    this.clocksource.advance(to - ktime_get_ns());
    const dev = this.clock_event_device;
    dev.next_event = Infinity;
    dev.event_handler?.(dev);
  }
}

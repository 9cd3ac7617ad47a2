// SPDX-License-Identifier: GPL-2.0-only
//
// The test bench of everything above IP: two_hosts() boots a machine in virtual time with two hosts on a wire,
// a 198.51.100.1/24 and b 198.51.100.2/24, runs the test, ends its programs, lets TIME_WAIT and all
// timers pass, and fails if anything is left: sockets, packets, timers, descriptors, buckets.
// Faults and delay come between the hosts when asked for.

import { NETDEV_TX_OK, NETIF_F_ALL_TSO } from "../../include/linux/netdevice.ts";
import type { net_device, net_device_ops } from "../../include/linux/netdevice.ts";
import { jiffies, msecs_to_jiffies, time_after } from "../../include/linux/jiffies.ts";
import { skb_orphan } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { NSEC_PER_SEC } from "../../include/linux/time64.ts";
import { SKB_DROP_REASON_NOT_SPECIFIED } from "../../include/net/dropreason.ts";
import { show_sleepers } from "../../kernel/sched/core.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { kfree_skb_reason } from "../../net/core/skbuff.ts";
import { boot, LeakError } from "../../mod.ts";
import type { boot_options, host, machine, nic, sim_machine, userland } from "../../mod.ts";
import { faulty_nic } from "./faulty_nic.ts";
import type { faults } from "./faulty_nic.ts";
import { path_of_dev } from "./netsim/path.ts";
import type { net_path, path_options } from "./netsim/path.ts";

export const ADDR_A = "198.51.100.1";
export const ADDR_B = "198.51.100.2";
/** The addresses as the stack has them. */
export const INADDR_A = 0xc6336401 | 0;
export const INADDR_B = 0xc6336402 | 0;

/** How the bench is set up. @local */
export interface two_hosts_options extends boot_options {
  mtu?: number;
  /** One way, ms. */
  delay_ms?: number;
  /** What happens to packets from a to b, and from b to a. */
  a_to_b?: faults;
  b_to_a?: faults;
  /** What lies between them, each way; default nothing. */
  paths?: readonly [a_to_b: path_options, b_to_a: path_options];
  /** The devices segment (TSO); default: unless there are faults or paths. */
  offload?: boolean;
  /** The test must be through in so much virtual time, s; default an hour. */
  limit_s?: number;
}

/** What a test works with. @local */
export interface two_hosts_bench {
  machine: machine;
  sim: sim_machine;
  a: host;
  b: host;
  nic_a: nic;
  nic_b: nic;
  /** A program on each. */
  ua: userland;
  ub: userland;
  /** The faults, where there are any: with counters. */
  faulty_a: faulty_nic | null;
  faulty_b: faulty_nic | null;
  /** What lies between them, if anything. */
  path_a: net_path | null;
  path_b: net_path | null;
}

/** Holds what a device sends for a time, in order. */
class delay_line {
  private readonly queue: { skb: sk_buff; due: number }[] = [];
  private readonly timer: timer_list<delay_line>;
  private readonly dev: net_device;
  private readonly ops: net_device_ops;

  constructor(dev: net_device, delay: number) {
    const ops = dev.netdev_ops;
    this.dev = dev;
    this.ops = ops;
    this.timer = new timer_list<delay_line>(this);
    timer_setup(this.timer, () => this.release(), 0);
    dev.netdev_ops = {
      ...ops,
      ndo_start_xmit: (skb) => {
        // What is on its way is no longer the sender's memory, as with netem.
        skb_orphan(skb);
        this.queue.push({ skb, due: (jiffies + delay) | 0 });
        if (this.queue.length === 1) mod_timer(this.timer, this.queue[0].due);
        return NETDEV_TX_OK;
      },
    };
  }

  private release(): void {
    while (this.queue.length > 0 && !time_after(this.queue[0].due, jiffies)) {
      this.ops.ndo_start_xmit(this.queue.shift()!.skb, this.dev);
    }
    if (this.queue.length > 0) mod_timer(this.timer, this.queue[0].due);
  }

  stop(): void {
    this.dev.netdev_ops = this.ops;
    del_timer(this.timer);
    for (const { skb } of this.queue.splice(0)) {
      kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
    }
  }
}

/** Runs a promise in virtual time, at most until limit (ns since boot). */
async function run<T>(sim: sim_machine, promise: Promise<T>, limit: number): Promise<T> {
  let state: { value: T } | { error: unknown } | null = null;
  promise.then((value) => state = { value }, (error) => state = { error });
  await sim.run_until(() => state !== null || sim.now() >= limit);
  const end = state as { value: T } | { error: unknown } | null;
  if (end === null) {
    throw new Error(`not through in ${limit / NSEC_PER_SEC} s: ${show_sleepers().join("; ")}`);
  }
  if ("error" in end) throw end.error;
  return end.value;
}

/** Runs a test between two hosts; then nothing may be left. @local */
export async function two_hosts(
  fn: (t: two_hosts_bench) => Promise<void> | void,
  options: two_hosts_options = {},
): Promise<void> {
  const m = boot({ clock: "sim", seed: 1, ...options });
  const sim = m.sim as sim_machine;
  const a = m.host("a"), b = m.host("b");
  const [nic_a, nic_b] = m.wire(a, b, { mtu: options.mtu });
  const { a_to_b, b_to_a, paths, delay_ms = 0 } = options;
  const nics = [nic_a, nic_b];
  if (!(options.offload ?? [a_to_b, b_to_a, paths].every((o) => o === undefined))) {
    for (const n of nics) n.dev.features &= ~NETIF_F_ALL_TSO;
  }
  nic_a.ifconfig(`${ADDR_A}/24`);
  nic_b.ifconfig(`${ADDR_B}/24`);
  const lines = delay_ms > 0
    ? nics.map((n) => new delay_line(n.dev, msecs_to_jiffies(delay_ms)))
    : [];
  const seed = options.seed ?? 1;
  const faulty_a = a_to_b ? new faulty_nic(nic_a.dev, { seed, tx: a_to_b }) : null;
  const faulty_b = b_to_a ? new faulty_nic(nic_b.dev, { seed: seed + 1, tx: b_to_a }) : null;
  const on_path = paths === undefined ? [] : nics.map((n, i) => new path_of_dev(n.dev, paths[i]));
  const stop = (): void => {
    for (const p of on_path) p.restore();
    faulty_a?.stop();
    faulty_b?.stop();
    for (const l of lines) l.stop();
  };
  const t: two_hosts_bench = {
    machine: m,
    sim,
    a,
    b,
    nic_a,
    nic_b,
    ua: a.task("a"),
    ub: b.task("b"),
    faulty_a,
    faulty_b,
    path_a: on_path[0]?.path ?? null,
    path_b: on_path[1]?.path ?? null,
  };
  try {
    const limit = sim.now() + (options.limit_s ?? 3600) * NSEC_PER_SEC;
    await run(sim, (async () => await fn(t))(), limit);
    await run(sim, m.exit_tasks(), limit + 60 * NSEC_PER_SEC);
    await pass_time_wait(m, sim);
    m.assert_no_leaks();
  } catch (e) {
    // The test's own failure is the one to show.
    stop();
    await m.shutdown({ grace_ms: 0 }).catch((leak) => {
      if (!(leak instanceof LeakError)) console.error(leak);
    });
    throw e;
  }
  stop();
  await m.shutdown();
}

/** Lets what connections leave behind pass: at most 15 minutes of virtual time. */
async function pass_time_wait(m: machine, sim: sim_machine): Promise<void> {
  for (let i = 0; i < 90 && m.leaks().length > 0; i++) await sim.advance(10000);
}

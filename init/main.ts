// SPDX-License-Identifier: GPL-2.0-only
//
// start_kernel(): brings a machine up, in the kernel's order: architecture, scheduler, softirqs, time,
// interrupts, then the initcalls from the core of the network to drivers. Everything starts
// afresh, so that a process can boot one machine after another.

import { loopback_init } from "../drivers/net/loopback.ts";
import { veth_init } from "../drivers/net/veth.ts";
import { files_init } from "../fs/file_table.ts";
import { proc_root_init } from "../fs/proc/root.ts";
import { warnings_init } from "../include/asm-generic/bug.ts";
import { nsproxy } from "../include/linux/nsproxy.ts";
import { init_task } from "../include/linux/sched.ts";
import { sched_init } from "../kernel/sched/core.ts";
import { softirq_init } from "../kernel/softirq.ts";
import { hrtimers_init } from "../kernel/time/hrtimer.ts";
import { timers_init } from "../kernel/time/timer.ts";
import { workqueue_init } from "../kernel/workqueue.ts";
import { net_dev_init } from "../net/core/dev.ts";
import { init_default_flow_dissectors } from "../net/core/flow_dissector.ts";
import { init_net, net_ns_init } from "../net/core/net_namespace.ts";
import { sysctl_core_init } from "../net/core/sysctl_net_core.ts";
import { net_utils_init } from "../net/core/utils.ts";
import { inet_init } from "../net/ipv4/af_inet.ts";
import { set_thash_entries } from "../net/ipv4/tcp.ts";
import { tcp_congestion_default } from "../net/ipv4/tcp_cong.ts";
import { cubictcp_register } from "../net/ipv4/tcp_cubic.ts";
import { pktsched_init } from "../net/sched/sch_api.ts";
import { fq_module_init } from "../net/sched/sch_fq.ts";
import { sock_init } from "../net/socket.ts";

/** What a port to some host provides: arch/deno, or arch/sim's sim_machine. @local */
export interface arch_ops {
  /** Entropy and the host's devices. Before everything. */
  setup_arch(): void;
  /** The clock: calls timekeeping_init(). */
  time_init(): void;
  /** Interrupt lines, the alarm clock and ksoftirqd. Needs softirqs and timers. */
  init_IRQ(): void;
  /** Starts the idle loop. */
  cpu_startup_entry(): void;
  /** Ends it. */
  machine_halt(): Promise<void>;
}

/** The kernel's command line. */
export interface boot_params {
  /** Buckets of TCP's ehash, rounded up to a power of two. */
  thash_entries?: number;
}

/** 0, or the first negative errno of an initcall. */
export type initcall_t = () => number | void;

function do_initcalls(): void {
  const initcalls: readonly initcall_t[] = [
    sock_init,
    net_utils_init,
    init_default_flow_dissectors,
    net_dev_init,
    loopback_init,
    pktsched_init,
    sysctl_core_init,
    inet_init,
    fq_module_init,
    cubictcp_register,
    veth_init,
    tcp_congestion_default,
  ];
  for (const fn of initcalls) {
    const ret = fn();
    if (typeof ret === "number" && ret < 0) throw new Error(`initcall ${fn.name}: ${ret}`);
  }
}

/** Boots. The idle loop runs from then on. */
export function start_kernel(arch: arch_ops, params: boot_params = {}): void {
  warnings_init();
  arch.setup_arch();
  sched_init(null as unknown as nsproxy);
  softirq_init();
  arch.time_init();
  timers_init();
  hrtimers_init();
  workqueue_init();
  arch.init_IRQ();
  files_init();
  proc_root_init();
  net_ns_init();
  init_task.nsproxy = new nsproxy(init_net);
  set_thash_entries(params.thash_entries ?? 0);
  do_initcalls();
  arch.cpu_startup_entry();
}

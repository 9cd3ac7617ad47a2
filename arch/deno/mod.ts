// SPDX-License-Identifier: GPL-2.0-only
//
// The port to Deno as start_kernel() sees it, in the order in which it is called: setup_arch() before
// everything, init_IRQ() and time_init() after softirq_init(), cpu_startup_entry() at the end; to end,
// machine_halt().

import { register_random_source } from "../../include/linux/random.ts";
import { early_irq_init, irq_set_chip } from "../../kernel/irq/irqdesc.ts";
import { register_ksoftirqd } from "../../kernel/softirq.ts";
import { timekeeping_init } from "../../kernel/time/timekeeping.ts";
import { register_net_rx_oops } from "../../net/core/dev.ts";
import { tun_chrdev_register } from "../../drivers/tun/tun.ts";
import { deno_clocksource, deno_random_source } from "./clocksource.ts";
import { cpu_idle_init } from "./process.ts";
import { os_tun_chrdev_ops } from "./tuntap.ts";

export {
  cpu_idle_ref,
  cpu_idle_stats,
  cpu_startup_entry,
  machine_halt,
  set_halt_poll_us,
} from "./process.ts";
export { os_error } from "./libc.ts";
export { tuntap_open } from "./tuntap.ts";
export type { tuntap_options } from "./tuntap.ts";

/** Entropy and the host's devices. */
export function setup_arch(): void {
  register_random_source(deno_random_source);
  // One bad packet must not stop the stack, but whoever runs it should know.
  register_net_rx_oops((error) => console.error("tuxnet: a packet made the stack fail:", error));
  tun_chrdev_register(os_tun_chrdev_ops);
}

/** The clock, from which all other time is reckoned. */
export function time_init(): void {
  timekeeping_init(deno_clocksource);
}

/** Interrupt lines, the alarm clock, and ksoftirqd. Needs softirqs and timers. */
export function init_IRQ(): void {
  early_irq_init();
  const { chip, wakeup_ksoftirqd } = cpu_idle_init();
  irq_set_chip(chip);
  register_ksoftirqd(wakeup_ksoftirqd);
}

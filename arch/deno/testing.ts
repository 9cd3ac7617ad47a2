// SPDX-License-Identifier: GPL-2.0-only
//
// For tests of this directory: a CPU without a network, and an interrupt line to raise by hand.

import { IRQ_HANDLED } from "../../include/linux/irqreturn.ts";
import { early_irq_init, irq_set_chip } from "../../kernel/irq/irqdesc.ts";
import { free_irq, request_irq } from "../../kernel/irq/manage.ts";
import { register_ksoftirqd, softirq_init } from "../../kernel/softirq.ts";
import { hrtimers_init } from "../../kernel/time/hrtimer.ts";
import { timekeeping_init } from "../../kernel/time/timekeeping.ts";
import { timers_init } from "../../kernel/time/timer.ts";
import { deno_clocksource } from "./clocksource.ts";
import { EFD_NONBLOCK, os_close_file, os_eventfd, os_read_file, os_write_file } from "./libc.ts";
import { cpu_idle_init, cpu_startup_entry } from "./process.ts";

/** Starts timers, softirqs, interrupts and the loop. @local */
export function boot_cpu(): void {
  softirq_init();
  timekeeping_init(deno_clocksource);
  timers_init();
  hrtimers_init();
  early_irq_init();
  const { chip, wakeup_ksoftirqd } = cpu_idle_init();
  irq_set_chip(chip);
  register_ksoftirqd(wakeup_ksoftirqd);
  cpu_startup_entry();
}

/** A line that the test raises by writing to an eventfd. @local */
export class test_line {
  readonly fd = os_eventfd(0, EFD_NONBLOCK);
  readonly buf = new Uint8Array(8);
  handled = 0;
  on_irq: () => void = () => {};

  constructor() {
    request_irq(
      this.fd,
      () => {
        os_read_file(this.fd, this.buf, 8);
        this.handled++;
        this.on_irq();
        return IRQ_HANDLED;
      },
      0,
      "test",
      this,
    );
  }

  raise(): void {
    this.buf.fill(0);
    this.buf[0] = 1;
    os_write_file(this.fd, this.buf, 8);
  }

  close(): void {
    free_irq(this.fd, this);
    os_close_file(this.fd);
  }
}

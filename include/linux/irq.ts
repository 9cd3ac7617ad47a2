// SPDX-License-Identifier: GPL-2.0-only
//
// Interrupt lines and the chip that they hang on. A line's number is whatever the architecture polls:
// on Deno a descriptor of the host, whose being readable is the interrupt.

import type { irqreturn_t } from "./irqreturn.ts";

/** Serves the device `dev_id` of line `irq`; runs with softirqs disabled. */
export type irq_handler_t = (irq: number, dev_id: unknown) => irqreturn_t;

/** A handler on a line. */
export class irqaction {
  handler: irq_handler_t;
  dev_id: unknown;
  irq: number;
  flags: number;
  name: string;
  next: irqaction | null = null;

  constructor(
    irq: number,
    handler: irq_handler_t,
    flags: number,
    name: string,
    dev_id: unknown,
  ) {
    this.irq = irq;
    this.handler = handler;
    this.flags = flags;
    this.name = name;
    this.dev_id = dev_id;
  }
}

/** Handlers of one line may be several. */
export const IRQF_SHARED = 0x80;

/** What raises the lines: told which of them to watch. */
export interface irq_chip {
  name: string;
  irq_unmask(irq: number): void;
  irq_mask(irq: number): void;
  /** State `which` of a line that is not masked: IRQCHIP_STATE_PENDING has it raised without a look at it. */
  irq_set_irqchip_state(irq: number, which: number, state: boolean): void;
}

/** irq_set_irqchip_state(): the line is raised and was not handled yet. */
export const IRQCHIP_STATE_PENDING = 0;

/** A line: its handlers, and how often they are disabled. */
export class irq_desc {
  irq: number;
  action: irqaction | null = null;
  /** Number of disable_irq() calls that enable_irq() has not undone. */
  depth = 0;
  /** Interrupts so far, and those nobody felt responsible for. */
  tot_count = 0;
  irqs_unhandled = 0;

  constructor(irq: number) {
    this.irq = irq;
  }
}

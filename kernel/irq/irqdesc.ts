// SPDX-License-Identifier: GPL-2.0-only
//
// The table of interrupt lines. The architecture's chip sees a line raised and calls
// generic_handle_irq(); drivers come and go by request_irq() and free_irq() in manage.ts.

import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { irq_desc } from "../../include/linux/irq.ts";
import type { irq_chip } from "../../include/linux/irq.ts";
import { IRQ_NONE } from "../../include/linux/irqreturn.ts";

const no_irq_chip: irq_chip = {
  name: "none",
  irq_unmask() {},
  irq_mask() {},
  irq_set_irqchip_state() {},
};

let irq_desc_tree = new Map<number, irq_desc>();
let chip = no_irq_chip;

/** Forgets all lines and the chip. */
export function early_irq_init(): void {
  irq_desc_tree = new Map();
  chip = no_irq_chip;
}

/** The one chip of the machine; it learns of lines requested from now on. */
export function irq_set_chip(c: irq_chip | null): void {
  chip = c ?? no_irq_chip;
}

export function irq_get_chip(): irq_chip {
  return chip;
}

export function irq_to_desc(irq: number): irq_desc | undefined {
  return irq_desc_tree.get(irq);
}

/** A new line without handlers. */
export function alloc_desc(irq: number): irq_desc {
  const desc = new irq_desc(irq);
  irq_desc_tree.set(irq, desc);
  return desc;
}

export function free_desc(irq: number): void {
  irq_desc_tree.delete(irq);
}

/** All lines with a handler. @local */
export function for_each_irq_desc(): IterableIterator<irq_desc> {
  return irq_desc_tree.values();
}

/** Runs the handlers of a raised line. 0, or -EINVAL where there is none. */
export function generic_handle_irq(irq: number): number {
  const desc = irq_desc_tree.get(irq);
  if (desc === undefined) return -EINVAL;
  if (desc.depth > 0) return 0;
  desc.tot_count++;
  let ret = IRQ_NONE;
  for (let action = desc.action; action !== null; action = action.next) {
    ret |= action.handler(irq, action.dev_id);
  }
  if (ret === IRQ_NONE) desc.irqs_unhandled++;
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Drivers' side of interrupts: request_irq() when a device opens, disable_irq_nosync() in its handler
// and enable_irq() when NAPI has emptied it, free_irq() when it stops.

import { EBUSY, EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { irqaction, IRQF_SHARED } from "../../include/linux/irq.ts";
import type { irq_handler_t } from "../../include/linux/irq.ts";
import { alloc_desc, free_desc, irq_get_chip, irq_to_desc } from "./irqdesc.ts";

/**
 * Puts a handler on line `irq`, a descriptor of the host. 0, -EINVAL for a bad number, -EBUSY where
 * the line has a handler and not both are IRQF_SHARED.
 */
export function request_irq(
  irq: number,
  handler: irq_handler_t,
  flags: number,
  name: string,
  dev_id: unknown,
): number {
  if (irq < 0 || ((flags & IRQF_SHARED) !== 0 && dev_id === null)) return -EINVAL;
  const desc = irq_to_desc(irq) ?? alloc_desc(irq);
  const first = desc.action;
  if (first !== null && (first.flags & flags & IRQF_SHARED) === 0) return -EBUSY;

  const action = new irqaction(irq, handler, flags, name, dev_id);
  action.next = first;
  desc.action = action;
  if (first === null && desc.depth === 0) irq_get_chip().irq_unmask(irq);
  return 0;
}

/** Takes dev_id's handler off the line, and answers its dev_id, or null if it had none. */
export function free_irq(irq: number, dev_id: unknown): unknown {
  const desc = irq_to_desc(irq);
  if (desc === undefined) return null;
  let prev: irqaction | null = null;
  let action = desc.action;
  while (action !== null && action.dev_id !== dev_id) {
    prev = action;
    action = action.next;
  }
  if (action === null) return null;
  if (prev === null) desc.action = action.next;
  else prev.next = action.next;
  if (desc.action === null) {
    irq_get_chip().irq_mask(irq);
    free_desc(irq);
  }
  return dev_id;
}

/** Keeps the line quiet until as many enable_irq() follow. */
export function disable_irq_nosync(irq: number): void {
  const desc = irq_to_desc(irq);
  if (desc !== undefined && desc.depth++ === 0) irq_get_chip().irq_mask(irq);
}

/** disable_irq_nosync(): on one CPU no handler can be running elsewhere. */
export function disable_irq(irq: number): void {
  disable_irq_nosync(irq);
}

export function enable_irq(irq: number): void {
  const desc = irq_to_desc(irq);
  if (desc === undefined || desc.depth === 0) return;
  if (--desc.depth === 0) irq_get_chip().irq_unmask(irq);
}

/**
 * Tells the chip what it cannot know: see irq_chip. Nothing while the line is disabled. 0, or -EINVAL where there is
 * no such line.
 */
export function irq_set_irqchip_state(irq: number, which: number, val: boolean): number {
  const desc = irq_to_desc(irq);
  if (desc === undefined) return -EINVAL;
  if (desc.depth === 0) irq_get_chip().irq_set_irqchip_state(irq, which, val);
  return 0;
}

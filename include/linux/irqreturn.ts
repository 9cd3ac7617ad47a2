// SPDX-License-Identifier: GPL-2.0-only
//
// What an interrupt handler answers.

/** Not from this device. */
export const IRQ_NONE = 0;
/** The device was served. */
export const IRQ_HANDLED = 1;
/** IRQ_NONE or IRQ_HANDLED. */
export type irqreturn_t = number;

// SPDX-License-Identifier: GPL-2.0-only
//
// Notifier chains: register at init, unregister, and the call that tells all. The blocking forms are
// the raw ones: nothing here runs concurrently.

import { NOTIFY_DONE, NOTIFY_STOP_MASK } from "../include/linux/notifier.ts";
import type { notifier_block, raw_notifier_head } from "../include/linux/notifier.ts";
import { EEXIST, ENOENT } from "../include/uapi/asm-generic/errno.ts";

/** Adds a listener behind those of the same or a higher priority; 0 or -EEXIST. */
export function raw_notifier_chain_register<T>(
  nh: raw_notifier_head<T>,
  n: notifier_block<T>,
): number {
  let prev: notifier_block<T> | null = null;
  for (let nb = nh.head; nb !== null; nb = nb.next) {
    if (nb === n) return -EEXIST;
    if (n.priority > nb.priority) break;
    prev = nb;
  }
  if (prev === null) {
    n.next = nh.head;
    nh.head = n;
  } else {
    n.next = prev.next;
    prev.next = n;
  }
  return 0;
}

/** Takes a listener out; 0 or -ENOENT. */
export function raw_notifier_chain_unregister<T>(
  nh: raw_notifier_head<T>,
  n: notifier_block<T>,
): number {
  let prev: notifier_block<T> | null = null;
  for (let nb = nh.head; nb !== null; prev = nb, nb = nb.next) {
    if (nb !== n) continue;
    if (prev === null) nh.head = n.next;
    else prev.next = n.next;
    n.next = null;
    return 0;
  }
  return -ENOENT;
}

/** Tells all listeners until one stops the chain; the last answer. */
export function raw_notifier_call_chain<T>(
  nh: raw_notifier_head<T>,
  val: number,
  v: T,
): number {
  let ret = NOTIFY_DONE;
  for (let nb = nh.head; nb !== null;) {
    const next: notifier_block<T> | null = nb.next;
    ret = nb.notifier_call(nb, val, v);
    if ((ret & NOTIFY_STOP_MASK) !== 0) break;
    nb = next;
  }
  return ret;
}

export const blocking_notifier_chain_register = raw_notifier_chain_register;
export const blocking_notifier_chain_unregister = raw_notifier_chain_unregister;
export const blocking_notifier_call_chain = raw_notifier_call_chain;

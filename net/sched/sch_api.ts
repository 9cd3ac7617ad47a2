// SPDX-License-Identifier: GPL-2.0-only
//
// Queueing disciplines by name: register_qdisc(), the default one of new devices (net.core.default_qdisc),
// and tc_modify_qdisc(), which gives a device another one. qdisc_watchdog has a queue run at a time.

import { EEXIST, ENOENT } from "../../include/uapi/asm-generic/errno.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import {
  CLOCK_MONOTONIC,
  hrtimer,
  HRTIMER_MODE_ABS_PINNED,
  HRTIMER_NORESTART,
} from "../../include/linux/hrtimer.ts";
import type { hrtimer_restart } from "../../include/linux/hrtimer.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import type { Qdisc, Qdisc_ops } from "../../include/net/sch_generic.ts";
import { hrtimer_cancel, hrtimer_init, hrtimer_start_range_ns } from "../../kernel/time/hrtimer.ts";
import { pfifo_qdisc_ops } from "./sch_fifo.ts";
import {
  default_qdisc_ops,
  default_qdisc_ops_set,
  dev_graft_qdisc,
  netif_schedule_queue,
  noqueue_qdisc_ops,
  pfifo_fast_ops,
  qdisc_create_dflt,
  qdisc_put,
} from "./sch_generic.ts";

const qdisc_base: Map<string, Qdisc_ops> = new Map();

/** Makes a discipline known by its name; 0 or -EEXIST. */
export function register_qdisc(qops: Qdisc_ops): number {
  if (qdisc_base.has(qops.id)) return -EEXIST;
  qdisc_base.set(qops.id, qops);
  return 0;
}

export function unregister_qdisc(qops: Qdisc_ops): void {
  qdisc_base.delete(qops.id);
}

export function qdisc_lookup_ops(name: string): Qdisc_ops | null {
  return qdisc_base.get(name) ?? null;
}

/** The name of the default discipline. */
export function qdisc_get_default(): string {
  return default_qdisc_ops.id;
}

/** Sets the discipline of devices that come up from now on; 0 or -ENOENT. */
export function qdisc_set_default(name: string): number {
  const ops = qdisc_lookup_ops(name);
  if (ops === null) return -ENOENT;
  default_qdisc_ops_set(ops);
  return 0;
}

/**
 * tc qdisc replace dev DEV root KIND; 0 or a negative errno.
 * @differs arguments, not a netlink message; only the root
 */
export function tc_modify_qdisc(dev: net_device, kind: string): number {
  const ops = qdisc_lookup_ops(kind);
  if (ops === null) return -ENOENT;
  const q = qdisc_create_dflt(dev, ops);
  if (IS_ERR(q)) return q;
  qdisc_put(dev_graft_qdisc(dev, q));
  return 0;
}

/** Has a queue run when its time has come. */
export class qdisc_watchdog {
  readonly timer: hrtimer<qdisc_watchdog> = new hrtimer<qdisc_watchdog>(this);
  qdisc: Qdisc;
  last_expires = 0;

  constructor(qdisc: Qdisc) {
    this.qdisc = qdisc;
  }
}

function qdisc_watchdog_timer(timer: hrtimer<qdisc_watchdog>): hrtimer_restart {
  netif_schedule_queue(timer.owner.qdisc);
  return HRTIMER_NORESTART;
}

export function qdisc_watchdog_init(wd: qdisc_watchdog, qdisc: Qdisc): void {
  wd.qdisc = qdisc;
  hrtimer_init(wd.timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED);
  wd.timer.function = qdisc_watchdog_timer;
}

/** Has the queue run between expires and delta_ns later, ns since boot. */
export function qdisc_watchdog_schedule_range_ns(
  wd: qdisc_watchdog,
  expires: number,
  delta_ns: number,
): void {
  if (wd.timer.is_queued) {
    // It is due then already.
    if (wd.last_expires >= expires && wd.last_expires - expires <= delta_ns) return;
  }
  wd.last_expires = expires;
  hrtimer_start_range_ns(wd.timer, expires, delta_ns, HRTIMER_MODE_ABS_PINNED);
}

export function qdisc_watchdog_schedule_ns(wd: qdisc_watchdog, expires: number): void {
  qdisc_watchdog_schedule_range_ns(wd, expires, 0);
}

export function qdisc_watchdog_cancel(wd: qdisc_watchdog): void {
  hrtimer_cancel(wd.timer);
}

/** The disciplines that every machine has. */
export function pktsched_init(): number {
  qdisc_base.clear();
  register_qdisc(pfifo_fast_ops);
  register_qdisc(pfifo_qdisc_ops);
  register_qdisc(noqueue_qdisc_ops);
  return 0;
}

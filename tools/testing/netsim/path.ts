// SPDX-License-Identifier: GPL-2.0-only
//
// An emulated path, one direction: packets wait in a FIFO before a bottleneck (what finds the buffer full is
// dropped), take their time on it, and then go a long way, where they are lost, come twice, or come so late that
// others pass them, each with a probability. Loss, duplication and reordering have a random stream each, so that
// switching one on leaves the others as they were, and the n-th packet of a seed has the same fate on
// each path. In virtual or in the host's time.

import { NETDEV_TX_OK } from "../../../include/linux/netdevice.ts";
import type { net_device } from "../../../include/linux/netdevice.ts";
import {
  CLOCK_MONOTONIC,
  hrtimer,
  HRTIMER_MODE_ABS,
  HRTIMER_NORESTART,
} from "../../../include/linux/hrtimer.ts";
import type { hrtimer_restart } from "../../../include/linux/hrtimer.ts";
import { skb_network_offset, skb_orphan } from "../../../include/linux/skbuff.ts";
import type { sk_buff } from "../../../include/linux/skbuff.ts";
import { ktime_get_ns } from "../../../include/linux/timekeeping.ts";
import { NSEC_PER_SEC } from "../../../include/linux/time64.ts";
import { SKB_DROP_REASON_NOT_SPECIFIED } from "../../../include/net/dropreason.ts";
import { ETH_P_IP } from "../../../include/uapi/linux/if_ether.ts";
import { hrtimer_cancel, hrtimer_init, hrtimer_start } from "../../../kernel/time/hrtimer.ts";
import { kfree_skb_reason, skb_copy } from "../../../net/core/skbuff.ts";

/** A path. @local */
export interface path_options {
  /** Of the bottleneck, bits of IP packets a second. */
  rate: number;
  /** One way, ns, besides the time on the bottleneck. */
  delay: number;
  /** A packet that finds more bytes waiting is dropped. */
  buffer: number;
  /** Probabilities, 0..1. */
  loss: number;
  duplicate: number;
  reorder: number;
  /** A packet that comes late is passed by up to so many of 1500 bytes that follow at the bottleneck's rate. */
  passers: number;
  seed: number;
}

/** What may happen to a packet. @local */
export type path_event = "full" | "lost" | "duplicated" | "late";

/** What happened. @local */
export interface path_counters {
  packets: number;
  /** Dropped before the bottleneck. */
  full: number;
  lost: number;
  duplicated: number;
  late: number;
}

/** Uniform in 0..1, from a seed (mulberry32, public domain). */
function seeded(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One direction of a path. @local */
export class net_path {
  readonly stats: path_counters = { packets: 0, full: 0, lost: 0, duplicated: 0, late: 0 };
  /** Sees what happens to packets, before it does. */
  on_event: ((what: path_event, skb: sk_buff) => void) | null = null;
  private readonly rand_loss: () => number;
  private readonly rand_duplicate: () => number;
  private readonly rand_reorder: () => number;
  /** When the bottleneck has sent all that it was given, ns. */
  private busy_until = 0;
  /** What is on its way by the time that it arrives; what stands before `head` has. */
  private skbs: sk_buff[] = [];
  private due: number[] = [];
  private head = 0;
  private readonly timer = new hrtimer<net_path>(this);
  private cut = false;

  /** `deliver` is given what arrives, in softirq. */
  constructor(
    private readonly options: path_options,
    private readonly deliver: (skb: sk_buff) => void,
  ) {
    this.rand_loss = seeded(options.seed * 3);
    this.rand_duplicate = seeded(options.seed * 3 + 1);
    this.rand_reorder = seeded(options.seed * 3 + 2);
    hrtimer_init(this.timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
    this.timer.function = () => this.arrive();
  }

  /** Takes a packet. */
  input(skb: sk_buff): void {
    const { options, stats } = this;
    // On a wire it is no longer the sender's memory.
    skb_orphan(skb);
    if (this.cut) {
      kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
      return;
    }
    const now = ktime_get_ns();
    if (skb.protocol !== ETH_P_IP) {
      this.send(skb, now + options.delay);
      return;
    }
    stats.packets++;
    const start = Math.max(now, this.busy_until);
    if ((start - now) * options.rate / (8 * NSEC_PER_SEC) > options.buffer) {
      this.drop("full", skb);
      return;
    }
    this.busy_until = start + this.wire_time(skb.len - Math.max(skb_network_offset(skb), 0));
    // Each stream moves on with each packet.
    const lost = this.rand_loss() < options.loss;
    const twice = this.rand_duplicate() < options.duplicate;
    const late = this.rand_reorder() < options.reorder;
    if (lost) {
      this.drop("lost", skb);
      return;
    }
    let arrival = this.busy_until + options.delay;
    if (late) {
      stats.late++;
      this.on_event?.("late", skb);
      arrival += this.wire_time(1500) * options.passers * this.rand_reorder();
    }
    const copy = twice ? skb_copy(skb) : null;
    if (copy !== null) {
      copy.dev = skb.dev;
      stats.duplicated++;
      this.on_event?.("duplicated", skb);
    }
    this.send(skb, arrival);
    if (copy !== null) this.send(copy, arrival);
  }

  /** ns that so many bytes take. */
  private wire_time(bytes: number): number {
    return bytes * 8 * NSEC_PER_SEC / this.options.rate;
  }

  private drop(what: "full" | "lost", skb: sk_buff): void {
    this.stats[what]++;
    this.on_event?.(what, skb);
    kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
  }

  /** On the long way. */
  private send(skb: sk_buff, arrival: number): void {
    const { skbs, due } = this;
    let i = due.length;
    while (i > this.head && due[i - 1] > arrival) i--;
    if (i === due.length) {
      skbs.push(skb);
      due.push(arrival);
    } else {
      skbs.splice(i, 0, skb);
      due.splice(i, 0, arrival);
    }
    if (i === this.head) this.start_timer();
  }

  private start_timer(): void {
    hrtimer_start(this.timer, Math.ceil(this.due[this.head]), HRTIMER_MODE_ABS);
  }

  private arrive(): hrtimer_restart {
    const now = ktime_get_ns();
    while (this.head < this.due.length && this.due[this.head] <= now) {
      this.deliver(this.skbs[this.head++]);
    }
    if (this.head > 256 || this.head === this.due.length) {
      this.skbs.splice(0, this.head);
      this.due.splice(0, this.head);
      this.head = 0;
    }
    if (this.due.length > 0) this.start_timer();
    return HRTIMER_NORESTART;
  }

  /** Frees what is on its way, and what is still sent. */
  stop(): void {
    this.cut = true;
    hrtimer_cancel(this.timer);
    for (const skb of this.skbs.slice(this.head)) {
      kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
    }
    this.skbs = [];
    this.due = [];
    this.head = 0;
  }
}

/** Puts a path behind what a device sends, until restore(). @local */
export class path_of_dev {
  readonly path: net_path;
  readonly restore: () => void;

  constructor(dev: net_device, options: path_options) {
    const ops = dev.netdev_ops;
    const path = new net_path(options, (skb) => void ops.ndo_start_xmit(skb, dev));
    this.path = path;
    dev.netdev_ops = {
      ...ops,
      ndo_start_xmit: (skb) => {
        path.input(skb);
        return NETDEV_TX_OK;
      },
    };
    this.restore = () => {
      dev.netdev_ops = ops;
      path.stop();
    };
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// A bad network, on purpose: wraps a device so that packets are dropped, duplicated, held back behind
// later ones, delayed or corrupted, each with a probability, the same for the same seed. Towards
// the wire it stands in front of ndo_start_xmit, from the wire behind the driver (of a TUN or TAP;
// for a veth wrap both ends' transmission). Open the NIC without offload: then what is lost is a
// segment and not 64 KiB, and what is corrupted is found by its checksum.

import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { CHECKSUM_PARTIAL, skb_is_gso, skb_orphan } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { NETDEV_TX_OK } from "../../include/linux/netdevice.ts";
import type { net_device, net_device_ops } from "../../include/linux/netdevice.ts";
import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { SKB_DROP_REASON_NOT_SPECIFIED } from "../../include/net/dropreason.ts";
import { tun_struct } from "../../drivers/tun/tun.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { netif_receive_skb } from "../../net/core/dev.ts";
import { skb_checksum_help } from "../../net/core/dev.ts";
import { kfree_skb_reason, skb_copy } from "../../net/core/skbuff.ts";

/** What happens to packets of one direction: probabilities 0..1. @local */
export interface faults {
  drop?: number;
  duplicate?: number;
  /** Passed by one to three later packets, if they come within 20 ms. */
  reorder?: number;
  /** One bit is turned. */
  corrupt?: number;
  /** Comes delay_ms later. */
  delay?: number;
  /** Default 1 to 10. */
  delay_ms?: readonly [number, number];
}

/** What happened. @local */
export interface fault_counters {
  packets: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  delayed: number;
}

/** A held packet goes on at the latest after so long, ms. */
const HOLD_MS = 20;

/** Uniform in 0..1, from a seed. */
function seeded(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A packet on its way, late. */
class held_skb {
  skb: sk_buff;
  /** Packets that still pass it; Infinity: only the time counts. */
  passers: number;
  readonly timer = new timer_list<held_skb>(this);

  constructor(skb: sk_buff, passers: number) {
    this.skb = skb;
    this.passers = passers;
  }
}

/** One direction. */
class faulty_path {
  readonly stats: fault_counters = {
    packets: 0,
    dropped: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    delayed: 0,
  };
  private readonly held: held_skb[] = [];

  constructor(
    public faults: faults,
    private readonly random: () => number,
    private readonly forward: (skb: sk_buff) => void,
  ) {}

  private happens(probability: number | undefined): boolean {
    return probability !== undefined && this.random() < probability;
  }

  /** Takes a packet. */
  input(skb: sk_buff): void {
    const { faults, stats } = this;
    stats.packets++;
    if (this.happens(faults.drop)) {
      stats.dropped++;
      kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
      return;
    }
    if (this.happens(faults.corrupt)) skb = this.corrupt(skb);
    if (this.happens(faults.duplicate)) {
      const copy = skb_copy(skb);
      if (copy !== null) {
        stats.duplicated++;
        copy.dev = skb.dev;
        this.forward(copy);
      }
    }
    if (this.happens(faults.delay)) {
      const [min, max] = faults.delay_ms ?? [1, 10];
      stats.delayed++;
      this.hold(skb, Infinity, min + Math.floor(this.random() * (max - min + 1)));
    } else if (this.happens(faults.reorder)) {
      stats.reordered++;
      this.hold(skb, 1 + Math.floor(this.random() * 3), HOLD_MS);
      return;
    } else {
      this.forward(skb);
    }
    this.pass();
  }

  /**
   * The packet with one bit turned; a copy, since its bytes may be a retransmit queue's too. Only what a checksum
   * covers: a wrong ARP reply would cut the hosts off for minutes.
   */
  private corrupt(skb: sk_buff): sk_buff {
    if (skb_is_gso(skb) || skb.protocol !== ETH_P_IP) return skb;
    const copy = skb_copy(skb);
    if (copy === null) return skb;
    copy.dev = skb.dev;
    if (copy.ip_summed === CHECKSUM_PARTIAL && skb_checksum_help(copy) !== 0) return copy;
    const from = Math.max(copy.network_header, copy.data);
    const at = from + Math.floor(this.random() * (copy.data + copy.len - from));
    copy.head.u8[at] ^= 1 << Math.floor(this.random() * 8);
    this.stats.corrupted++;
    kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
    return copy;
  }

  private hold(skb: sk_buff, passers: number, ms: number): void {
    // As with netem: the sender's small queue does not wait for the path.
    skb_orphan(skb);
    const h = new held_skb(skb, passers);
    this.held.push(h);
    timer_setup(h.timer, () => this.release(h), 0);
    mod_timer(h.timer, (jiffies + Math.ceil(ms * HZ / 1000)) | 0);
  }

  private release(h: held_skb): void {
    const i = this.held.indexOf(h);
    if (i < 0) return;
    this.held.splice(i, 1);
    del_timer(h.timer);
    this.forward(h.skb);
  }

  /** A packet has passed those that are held. */
  private pass(): void {
    for (const h of this.held.slice()) {
      if (--h.passers <= 0) this.release(h);
    }
  }

  /** Frees what is held. */
  stop(): void {
    for (const h of this.held.splice(0)) {
      del_timer(h.timer);
      kfree_skb_reason(h.skb, SKB_DROP_REASON_NOT_SPECIFIED);
    }
  }
}

/** A device behind a bad network, until stop(). @local */
export class faulty_nic {
  readonly tx: faulty_path;
  readonly rx: faulty_path;
  private readonly dev: net_device;
  private readonly ops: net_device_ops;

  constructor(dev: net_device, o: { seed: number; tx?: faults; rx?: faults }) {
    const random = seeded(o.seed);
    const ops = dev.netdev_ops;
    this.dev = dev;
    this.ops = ops;
    this.tx = new faulty_path(o.tx ?? {}, random, (skb) => void ops.ndo_start_xmit(skb, dev));
    this.rx = new faulty_path(o.rx ?? {}, random, (skb) => void netif_receive_skb(skb));
    dev.netdev_ops = {
      ...ops,
      ndo_start_xmit: (skb) => {
        this.tx.input(skb);
        return NETDEV_TX_OK;
      },
    };
    if (dev.priv instanceof tun_struct) {
      dev.priv.xdp_prog = (skb) => {
        this.rx.input(skb);
        return true;
      };
    }
  }

  /** Gives the device back as it was; packets on their way are lost. */
  stop(): void {
    this.dev.netdev_ops = this.ops;
    if (this.dev.priv instanceof tun_struct) this.dev.priv.xdp_prog = null;
    this.tx.stop();
    this.rx.stop();
  }
}

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { loopback_init } from "../../drivers/net/loopback.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IFF_UP, NETDEV_TX_OK } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { skb_reserve, skb_set_delivery_time } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import {
  alloc_netdev,
  dev_change_flags,
  dev_open,
  dev_queue_xmit,
  net_dev_init,
  register_netdev,
} from "../core/dev.ts";
import { cleanup_net, init_net, net_ns_init } from "../core/net_namespace.ts";
import { alloc_skb, consume_skb, nr_skbs_alive, skb_init, skb_put } from "../core/skbuff.ts";
import { ether_setup } from "../ethernet/eth.ts";
import { pktsched_init, qdisc_set_default, tc_modify_qdisc } from "./sch_api.ts";
import { fq_module_init } from "./sch_fq.ts";

const MS = 1e6;

class machine {
  readonly sim = new sim_machine();
  readonly dev: net_device;
  sent: [number, number][] = [];

  constructor() {
    skb_init();
    this.sim.start();
    net_ns_init();
    net_dev_init();
    loopback_init();
    pktsched_init();
    fq_module_init();
    this.dev = alloc_netdev(null, "eth0", ether_setup);
    this.dev.netdev_ops = {
      ndo_start_xmit: (skb) => {
        this.sent.push([skb.head.u8[skb.data], Math.round((ktime_get_ns() - this.t0) / MS)]);
        consume_skb(skb);
        return NETDEV_TX_OK;
      },
    };
    register_netdev(this.dev);
    assertEquals(tc_modify_qdisc(this.dev, "fq"), 0);
    dev_open(this.dev);
    assertEquals(this.dev.qdisc.ops.id, "fq");
  }
  readonly t0 = ktime_get_ns();

  packet(n: number, hash: number, at: number | null = null): sk_buff {
    const skb = alloc_skb(2000);
    skb_reserve(skb, 64);
    skb.head.u8[skb_put(skb, 1000)] = n;
    skb.dev = this.dev;
    skb.protocol = ETH_P_IP;
    skb.hash = hash;
    skb.l4_hash = true;
    if (at !== null) skb_set_delivery_time(skb, ktime_get_ns() + at * MS, true);
    return skb;
  }

  end(): void {
    cleanup_net(init_net);
    assertEquals(nr_skbs_alive(), 0);
  }
}

Deno.test("fq sends a packet not before its time of departure", async () => {
  const m = new machine();
  m.dev.tx_stopped = true;
  dev_queue_xmit(m.packet(1, 1, 5));
  dev_queue_xmit(m.packet(2, 1, 3));
  m.dev.tx_stopped = false;
  dev_queue_xmit(m.packet(3, 2));
  assertEquals(m.sent.splice(0).map(([n]) => n), [3]);
  const t = Math.round((ktime_get_ns() - m.t0) / MS);
  await m.sim.advance(20);
  assertEquals(m.sent.map(([n, at]) => [n, at - t]), [[2, 3], [1, 5]]);
  m.end();
});

Deno.test("fq serves flows in turn", () => {
  const m = new machine();
  m.dev.tx_stopped = true;
  for (let i = 0; i < 40; i++) dev_queue_xmit(m.packet(1, 1));
  for (let i = 0; i < 3; i++) dev_queue_xmit(m.packet(2, 2));
  m.dev.tx_stopped = false;
  dev_queue_xmit(m.packet(3, 3));
  const order = m.sent.map(([n]) => n);
  assertEquals(order.length, 44);
  assert(order.lastIndexOf(2) < order.lastIndexOf(1));
  assert(order.indexOf(3) < order.lastIndexOf(1));
  m.end();
});

Deno.test("fq drops beyond a flow's limit and beyond its horizon", () => {
  const m = new machine();
  m.dev.tx_stopped = true;
  for (let i = 0; i < 110; i++) dev_queue_xmit(m.packet(1, 1));
  dev_queue_xmit(m.packet(2, 2, 11000));
  assertEquals([m.dev.qdisc.q.qlen, m.dev.qdisc.drops], [100, 11]);
  m.end();
});

Deno.test("fq forgets all when the device goes down", async () => {
  const m = new machine();
  for (let i = 0; i < 5; i++) dev_queue_xmit(m.packet(1, i, 5));
  dev_change_flags(m.dev, m.dev.flags & ~IFF_UP);
  assertEquals(nr_skbs_alive(), 0);
  await m.sim.advance(20);
  assertEquals(m.sent, []);
  assertEquals(qdisc_set_default("nosuch") < 0, true);
  m.end();
});

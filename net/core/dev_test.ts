// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { loopback_init } from "../../drivers/net/loopback.ts";
import { veth_newlink } from "../../drivers/net/veth.ts";
import { CLONE_NEWNET } from "../../include/uapi/linux/sched.ts";
import { EEXIST, EINVAL, ENETDOWN } from "../../include/uapi/asm-generic/errno.ts";
import { ETH_P_ALL, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import {
  IFF_RUNNING,
  IFF_UP,
  napi_struct,
  NET_RX_DROP,
  NET_RX_SUCCESS,
  NET_XMIT_SUCCESS,
  NETDEV_CHANGEMTU,
  NETDEV_DOWN,
  NETDEV_GOING_DOWN,
  NETDEV_REGISTER,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  netif_carrier_ok,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
} from "../../include/linux/netdevice.ts";
import type { net_device, packet_type } from "../../include/linux/netdevice.ts";
import { NOTIFY_DONE } from "../../include/linux/notifier.ts";
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  skb_reserve,
  skb_reset_network_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { SKB_DROP_REASON_UNHANDLED_PROTO } from "../../include/net/dropreason.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { csum_fold, csum_partial } from "../../lib/checksum.ts";
import { ether_setup } from "../ethernet/eth.ts";
import {
  __dev_get_by_index,
  __dev_get_by_name,
  alloc_netdev,
  dev_add_pack,
  dev_change_flags,
  dev_change_net_namespace,
  dev_get_flags,
  dev_open,
  dev_queue_xmit,
  dev_remove_pack,
  dev_set_mtu,
  napi_complete_done,
  napi_disable,
  napi_enable,
  napi_schedule,
  net_dev_init,
  netif_napi_add,
  netif_receive_skb,
  netif_rx,
  netif_start_queue,
  netif_stop_queue,
  netif_wake_queue,
  register_net_rx_oops,
  register_netdev,
  register_netdevice_notifier,
  skb_checksum_help,
  softnet_data_cpu0,
  unregister_netdev,
  unregister_netdevice_notifier,
} from "./dev.ts";
import { cleanup_net, copy_net_ns, init_net, net_ns_init } from "./net_namespace.ts";
import { alloc_skb, consume_skb, kfree_skb, nr_skbs_alive, skb_init, skb_put } from "./skbuff.ts";

/** A machine without protocols. */
function start(): void {
  skb_init();
  new sim_machine().start();
  net_ns_init();
  net_dev_init();
  loopback_init();
}

/** Ends it: nothing may be left. */
function end(): void {
  cleanup_net(init_net);
  assertEquals(nr_skbs_alive(), 0);
}

function packet(dev: net_device, bytes: number[], proto = ETH_P_IP): sk_buff {
  const skb = alloc_skb(64 + bytes.length);
  skb_reserve(skb, 64);
  skb.head.u8.set(bytes, skb_put(skb, bytes.length));
  skb_reset_network_header(skb);
  skb.dev = dev;
  skb.protocol = proto;
  return skb;
}

/** A NIC that keeps what it sends. */
class test_nic {
  readonly dev: net_device;
  sent: sk_buff[] = [];
  busy = false;

  constructor(name = "eth%d", features = NETIF_F_SG | NETIF_F_HW_CSUM, queue = true) {
    this.dev = alloc_netdev(this, name, ether_setup);
    this.dev.features = features;
    this.dev.dev_addr.set([2, 0, 0, 0, 0, 1]);
    if (!queue) this.dev.tx_queue_len = 0;
    this.dev.netdev_ops = {
      ndo_start_xmit: (skb) => {
        if (this.busy) return NETDEV_TX_BUSY;
        this.sent.push(skb);
        return NETDEV_TX_OK;
      },
    };
    assertEquals(register_netdev(this.dev), 0);
  }

  free(): number[] {
    return this.sent.splice(0).map((skb) => {
      const first = skb.head.u8[skb.data];
      consume_skb(skb);
      return first;
    });
  }
}

/** A receiver that keeps what it gets. */
function receiver(type: number, dev: net_device | null = null): packet_type & { got: sk_buff[] } {
  const got: sk_buff[] = [];
  return {
    type,
    dev,
    got,
    func(skb) {
      got.push(skb);
      return 0;
    },
  };
}

Deno.test("register_netdev() names, numbers and lists a device, and unregister_netdev() takes it away", () => {
  start();
  const a = new test_nic(), b = new test_nic();
  assertEquals([a.dev.name, b.dev.name], ["eth0", "eth1"]);
  assertEquals([init_net.loopback_dev.ifindex, a.dev.ifindex, b.dev.ifindex], [1, 2, 3]);
  assertEquals(__dev_get_by_name(init_net, "eth1"), b.dev);
  assertEquals(__dev_get_by_index(init_net, 2), a.dev);
  assertEquals(
    register_netdev(alloc_netdev(null, "eth0", (dev) => {
      ether_setup(dev);
      dev.netdev_ops = a.dev.netdev_ops;
    })),
    -EEXIST,
  );
  unregister_netdev(a.dev);
  assertEquals(__dev_get_by_name(init_net, "eth0"), null);
  assertEquals(__dev_get_by_index(init_net, 2), null);
  end();
});

Deno.test("register_netdevice_notifier() tells of devices there are and of all that happens to them", () => {
  start();
  const events: string[] = [];
  const nb = {
    notifier_call(_nb: unknown, event: number, dev: net_device) {
      events.push(`${dev.name} ${event}`);
      return NOTIFY_DONE;
    },
    next: null,
    priority: 0,
  };
  register_netdevice_notifier(nb);
  assertEquals(events.splice(0), [`lo ${NETDEV_REGISTER}`]);
  const { dev } = new test_nic();
  dev_change_flags(dev, dev.flags | IFF_UP);
  assertEquals(dev_set_mtu(dev, 1400), 0);
  assertEquals(dev_set_mtu(dev, 67), -EINVAL);
  unregister_netdev(dev);
  assertEquals(
    events.splice(0),
    [
      NETDEV_REGISTER,
      NETDEV_UP,
      NETDEV_CHANGEMTU,
      NETDEV_GOING_DOWN,
      NETDEV_DOWN,
      NETDEV_UNREGISTER,
    ].map((e) => `eth0 ${e}`),
  );
  unregister_netdevice_notifier(nb);
  end();
});

Deno.test("dev_queue_xmit() of a device that is down drops", () => {
  start();
  const nic = new test_nic("eth%d", 0, false);
  dev_queue_xmit(packet(nic.dev, [1]));
  assertEquals(dev_queue_xmit(packet(init_net.loopback_dev, [1])) !== NET_XMIT_SUCCESS, true);
  dev_open(nic.dev);
  nic.dev.flags &= ~IFF_UP;
  assertEquals(dev_queue_xmit(packet(nic.dev, [1])), -ENETDOWN);
  nic.dev.flags |= IFF_UP;
  end();
});

Deno.test("pfifo_fast keeps what the driver won't take and sends it first", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  assertEquals(nic.dev.qdisc.ops.id, "pfifo_fast");
  dev_queue_xmit(packet(nic.dev, [1]));
  netif_stop_queue(nic.dev);
  for (const [n, priority] of [[2, 0], [3, 2], [4, 6]]) {
    const skb = packet(nic.dev, [n]);
    skb.priority = priority;
    assertEquals(dev_queue_xmit(skb), NET_XMIT_SUCCESS);
  }
  assertEquals(nic.free(), [1]);
  assertEquals(nic.dev.qdisc.q.qlen, 3);
  nic.busy = true;
  local_bh_disable();
  netif_wake_queue(nic.dev);
  local_bh_enable();
  assertEquals(nic.sent.length, 0);
  assert(nic.dev.qdisc.requeues > 0);
  nic.busy = false;
  local_bh_disable();
  netif_stop_queue(nic.dev);
  netif_wake_queue(nic.dev);
  local_bh_enable();
  assertEquals(nic.free(), [4, 2, 3]);
  assertEquals([nic.dev.qdisc.q.qlen, nic.dev.qdisc.backlog], [0, 0]);
  netif_start_queue(nic.dev);
  end();
});

Deno.test("pfifo_fast drops what is over tx_queue_len, and all when the device goes down", () => {
  start();
  const nic = new test_nic();
  nic.dev.tx_queue_len = 2;
  dev_open(nic.dev);
  netif_stop_queue(nic.dev);
  for (let i = 0; i < 5; i++) dev_queue_xmit(packet(nic.dev, [i]));
  assertEquals(nr_skbs_alive(), 2);
  assertEquals(nic.dev.qdisc.drops, 3);
  dev_change_flags(nic.dev, nic.dev.flags & ~IFF_UP);
  assertEquals(nr_skbs_alive(), 0);
  end();
});

Deno.test("validate_xmit_skb() completes the checksum for a device that cannot", () => {
  start();
  const nic = new test_nic("eth%d", 0);
  dev_open(nic.dev);
  const skb = packet(nic.dev, [9, 9, 1, 2, 3, 4, 0, 0]);
  skb.ip_summed = CHECKSUM_PARTIAL;
  skb.csum_start = skb.data + 2;
  skb.csum_offset = 4;
  dev_queue_xmit(skb);
  const [sent] = nic.sent;
  assertEquals(sent.ip_summed, CHECKSUM_NONE);
  assertEquals(csum_fold(csum_partial(sent.head.u8, sent.data + 2, 6, 0)), 0);
  nic.free();
  end();
});

Deno.test("skb_checksum_help() writes 0xffff for a sum of 0", () => {
  start();
  const skb = packet(init_net.loopback_dev, [0xff, 0xff, 0, 0]);
  skb.ip_summed = CHECKSUM_PARTIAL;
  skb.csum_start = skb.data;
  skb.csum_offset = 2;
  assertEquals(skb_checksum_help(skb), 0);
  assertEquals(skb.head.dv.getUint16(skb.data + 2), 0xffff);
  kfree_skb(skb);
  end();
});

Deno.test("TSO without checksums is no TSO", () => {
  start();
  const { dev } = new test_nic("eth%d", NETIF_F_SG | NETIF_F_TSO);
  assertEquals(dev.features & NETIF_F_TSO, 0);
  end();
});

Deno.test("netif_rx() has the receivers of its type called, and taps", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const ip = receiver(ETH_P_IP), tap = receiver(ETH_P_ALL), other = receiver(ETH_P_IP);
  const on_lo = receiver(ETH_P_IP, init_net.loopback_dev);
  for (const pt of [ip, tap, other, on_lo]) dev_add_pack(pt);
  assertEquals(netif_rx(packet(nic.dev, [7])), NET_RX_SUCCESS);
  assertEquals([ip.got.length, tap.got.length, other.got.length, on_lo.got.length], [1, 1, 1, 0]);
  assert(ip.got[0] === tap.got[0] && ip.got[0].users === 3);
  for (const pt of [ip, tap, other]) consume_skb(pt.got[0]);
  for (const pt of [ip, tap, other, on_lo]) dev_remove_pack(pt);
  netif_rx(packet(nic.dev, [7]));
  assertEquals(nic.dev.stats.rx_dropped, 1);
  assertEquals(init_net.mib.drop_reasons[SKB_DROP_REASON_UNHANDLED_PROTO], 1);
  end();
});

Deno.test("netif_rx() drops when the backlog is full, and for a device that is down", () => {
  start();
  const nic = new test_nic();
  assertEquals(netif_rx(packet(nic.dev, [1])), NET_RX_DROP);
  dev_open(nic.dev);
  init_net.core.sysctl_netdev_max_backlog = 2;
  const ip = receiver(ETH_P_IP);
  dev_add_pack(ip);
  local_bh_disable();
  const ret = [1, 2, 3, 4, 5].map((n) => netif_rx(packet(nic.dev, [n])));
  assertEquals(ip.got.length, 0);
  local_bh_enable();
  assertEquals(ret, [0, 0, 0, NET_RX_DROP, NET_RX_DROP]);
  assertEquals(ip.got.map((skb) => skb.head.u8[skb.data]), [1, 2, 3]);
  ip.got.forEach((skb) => consume_skb(skb));
  end();
});

Deno.test("process_backlog() handles dev_weight packets a poll", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const polls: number[] = [];
  const ip = receiver(ETH_P_IP);
  dev_add_pack(ip);
  init_net.core.dev_rx_weight = 2;
  // The weight of a poll is set by the one before.
  netif_rx(packet(nic.dev, [0]));
  const napi = new napi_struct(nic.dev, (napi, budget) => {
    polls.push(ip.got.length);
    if (polls.length < 3) return budget;
    napi_complete_done(napi, 0);
    return 0;
  });
  netif_napi_add(nic.dev, napi, napi.poll);
  napi_enable(napi);
  local_bh_disable();
  for (const n of [1, 2, 3, 4, 5]) netif_rx(packet(nic.dev, [n]));
  napi_schedule(napi);
  local_bh_enable();
  assertEquals([polls, ip.got.length], [[3, 5, 6], 6]);
  ip.got.forEach((skb) => consume_skb(skb));
  end();
});

Deno.test("dev_queue_xmit_nit() shows a tap what is sent, as its own clone", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const tap = receiver(ETH_P_ALL, nic.dev), all = receiver(ETH_P_ALL);
  dev_add_pack(tap);
  dev_add_pack(all);
  dev_queue_xmit(packet(nic.dev, [5]));
  assertEquals([tap.got.length, all.got.length], [1, 1]);
  assertEquals(nr_skbs_alive(), 2);
  consume_skb(tap.got[0]);
  consume_skb(all.got[0]);
  assertEquals(nic.free(), [5]);
  end();
});

Deno.test("net_rx_action() polls round robin, with a budget, until nobody has more", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const left = [150, 10];
  const polled: number[][] = [];
  const napis = left.map((_, i) =>
    new napi_struct(nic.dev, (napi, budget) => {
      const n = Math.min(budget, left[i]);
      left[i] -= n;
      polled.push([i, n]);
      if (n < budget) napi_complete_done(napi, n);
      return n;
    })
  );
  for (const napi of napis) {
    netif_napi_add(nic.dev, napi, napi.poll);
    assertEquals(napi_schedule(napi), false);
    napi_enable(napi);
  }
  local_bh_disable();
  for (const napi of napis) assertEquals(napi_schedule(napi), true);
  assertEquals(napi_schedule(napis[0]), false);
  local_bh_enable();
  assertEquals(left, [0, 0]);
  // napis[0] was scheduled twice: it is polled once more after it is done.
  assertEquals(polled, [[0, 64], [1, 10], [0, 64], [0, 22], [0, 0]]);
  napi_disable(napis[0]);
  assertEquals(napi_schedule(napis[0]), false);
  end();
});

Deno.test("net_rx_action() survives an exception of a receiver and goes on with the next packet", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const seen: number[] = [];
  dev_add_pack({
    type: ETH_P_IP,
    dev: null,
    func(skb) {
      const n = skb.head.u8[skb.data];
      kfree_skb(skb);
      if (n === 2) throw new Error("a bug");
      seen.push(n);
      return 0;
    },
  });
  const errors: unknown[] = [];
  register_net_rx_oops((error) => errors.push(error));
  local_bh_disable();
  for (const n of [1, 2, 3]) netif_rx(packet(nic.dev, [n]));
  local_bh_enable();
  register_net_rx_oops(null);
  assertEquals(seen, [1, 3]);
  assertEquals([errors.length, softnet_data_cpu0.oopses], [1, 1]);
  end();
});

Deno.test("lo gives a host what it sends", () => {
  start();
  const lo = init_net.loopback_dev;
  dev_open(lo);
  assertEquals(lo.qdisc.ops.id, "noqueue");
  const ip = receiver(ETH_P_IP);
  dev_add_pack(ip);
  const frame = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 42];
  assertEquals(dev_queue_xmit(packet(lo, frame)), NET_XMIT_SUCCESS);
  const [skb] = ip.got;
  assertEquals([skb.len, skb.head.u8[skb.data], skb.pkt_type], [1, 42, 0]);
  assertEquals([lo.stats.rx_packets, lo.stats.tx_bytes], [1, 1]);
  consume_skb(skb);
  end();
});

Deno.test("veth carries frames between two hosts, once both ends are up", () => {
  start();
  const other = copy_net_ns(CLONE_NEWNET, init_net, "other") as net;
  assertEquals(other.loopback_dev.ifindex, 1);
  const pair = veth_newlink(init_net, "veth%d", other, "veth%d");
  assert(typeof pair !== "number");
  const [a, b] = pair;
  assertEquals([a.name, b.name, b.nd_net.name], ["veth0", "veth0", "other"]);
  dev_open(a);
  assertEquals([netif_carrier_ok(a), dev_get_flags(a) & IFF_RUNNING], [false, 0]);
  dev_open(b);
  assert(netif_carrier_ok(a) && netif_carrier_ok(b));
  const ip = receiver(ETH_P_IP);
  dev_add_pack(ip);
  const frame = [...b.dev_addr.subarray(0, 6), ...a.dev_addr.subarray(0, 6), 8, 0, 42];
  dev_queue_xmit(packet(a, frame));
  const [skb] = ip.got;
  assert(skb.dev === b);
  assertEquals([skb.len, skb.head.u8[skb.data], skb.pkt_type], [1, 42, 0]);
  consume_skb(skb);
  assertEquals([a.stats.tx_packets, b.stats.rx_packets], [1, 1]);
  cleanup_net(other);
  assertEquals(__dev_get_by_name(init_net, "veth0"), null);
  end();
});

Deno.test("dev_change_net_namespace() moves a device, under another name where its own is taken", () => {
  start();
  const other = copy_net_ns(CLONE_NEWNET, init_net) as net;
  const nic = new test_nic();
  assertEquals(dev_change_net_namespace(nic.dev, other, null), 0);
  const second = new test_nic();
  assertEquals(dev_change_net_namespace(second.dev, other, null), -EEXIST);
  assertEquals(dev_change_net_namespace(second.dev, other, "eth%d"), 0);
  assertEquals(__dev_get_by_name(other, "eth1"), second.dev);
  cleanup_net(other);
  end();
});

Deno.test("netif_receive_skb() delivers at once", () => {
  start();
  const nic = new test_nic();
  dev_open(nic.dev);
  const ip = receiver(ETH_P_IP);
  dev_add_pack(ip);
  netif_receive_skb(packet(nic.dev, [1, 2]));
  assertEquals(ip.got[0].skb_iif, nic.dev.ifindex);
  consume_skb(ip.got[0]);
  end();
});

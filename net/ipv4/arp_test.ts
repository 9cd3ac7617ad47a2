// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { loopback_init } from "../../drivers/net/loopback.ts";
import { IFF_UP, NETDEV_TX_OK } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { PACKET_HOST } from "../../include/linux/skbuff.ts";
import { SIOCDARP, SIOCGARP, SIOCSARP } from "../../include/uapi/linux/sockios.ts";
import { ENXIO } from "../../include/uapi/asm-generic/errno.ts";
import { NUD_PERMANENT, NUD_REACHABLE, NUD_STALE } from "../../include/net/neighbour.ts";
import type { neighbour } from "../../include/net/neighbour.ts";
import { ARPOP_REPLY, ARPOP_REQUEST, ATF_COM, ATF_PERM } from "../../include/uapi/linux/if_arp.ts";
import { ETH_P_ARP } from "../../include/uapi/linux/if_ether.ts";
import { timers_pending } from "../../kernel/time/timer.ts";
import {
  alloc_etherdev,
  dev_change_flags,
  net_dev_init,
  netif_receive_skb,
  register_netdev,
  unregister_netdev,
} from "../core/dev.ts";
import { neigh_event_send, neigh_lookup } from "../core/neighbour.ts";
import { init_net, net_ns_init } from "../core/net_namespace.ts";
import { dev_alloc_skb, kfree_skb, nr_skbs_alive, skb_init, skb_put_data } from "../core/skbuff.ts";
import { netif_carrier_off, netif_carrier_on } from "../sched/sch_generic.ts";
import { eth_type_trans } from "../ethernet/eth.ts";
import { __neigh_lookup } from "../core/neighbour.ts";
import { arp_init, arp_ioctl, arp_seq_show, arp_tbl } from "./arp.ts";
import { inet_rtm_newaddr } from "./devinet.ts";
import { ip_rt_init } from "./route.ts";

const US = 0xc6336402 | 0;
const PEER = 0xc6336401 | 0;
const OTHER = 0xc6336403 | 0;
const our_ha = Uint8Array.of(2, 0, 0, 0, 0, 2);
const peer_ha = Uint8Array.of(2, 0, 0, 0, 0, 1);
const everybody = new Uint8Array(6).fill(0xff);

/** An ARP packet in an Ethernet frame. */
function frame(
  dst: Uint8Array,
  op: number,
  sha: Uint8Array,
  sip: number,
  tha: Uint8Array,
  tip: number,
): Uint8Array {
  const f = new Uint8Array(42);
  const dv = new DataView(f.buffer);
  f.set(dst, 0);
  f.set(sha, 6);
  dv.setUint16(12, ETH_P_ARP);
  dv.setUint16(14, 1);
  dv.setUint16(16, 0x0800);
  f[18] = 6;
  f[19] = 4;
  dv.setUint16(20, op);
  f.set(sha, 22);
  dv.setInt32(28, sip);
  f.set(tha, 32);
  dv.setInt32(38, tip);
  return f;
}

/** A host with one Ethernet device, whose frames are kept. */
class arp_test {
  readonly machine = new sim_machine();
  readonly dev: net_device;
  readonly sent: Uint8Array[] = [];

  constructor() {
    this.machine.start();
    skb_init();
    net_ns_init();
    net_dev_init();
    loopback_init();
    arp_init();
    ip_rt_init();
    const dev = this.dev = alloc_etherdev(null);
    dev.dev_addr.set(our_ha);
    dev.netdev_ops = {
      ndo_start_xmit: (skb) => {
        this.sent.push(skb.head.u8.slice(skb.data, skb.data + skb.len));
        kfree_skb(skb);
        return NETDEV_TX_OK;
      },
    };
    register_netdev(dev);
    dev_change_flags(dev, dev.flags | IFF_UP);
    inet_rtm_newaddr(
      init_net,
      {
        ifa_prefixlen: 24,
        ifa_index: dev.ifindex,
        ifa_local: US,
        ifa_address: US,
      } as Parameters<typeof inet_rtm_newaddr>[1],
    );
  }

  receive(f: Uint8Array): void {
    const skb = dev_alloc_skb(f.length);
    skb_put_data(skb, f, f.length);
    skb.dev = this.dev;
    skb.protocol = eth_type_trans(skb, this.dev);
    netif_receive_skb(skb);
  }

  neigh(ip: number): neighbour | null {
    return neigh_lookup(arp_tbl, ip, this.dev);
  }

  [Symbol.dispose](): void {
    unregister_netdev(this.dev);
    assertEquals(arp_tbl.entries, 0);
    assertEquals(timers_pending().filter((t) => t.includes("neigh")), []);
    assertEquals(nr_skbs_alive(), 0);
  }
}

Deno.test("arp_process() answers for our address and remembers who asked", () => {
  using t = new arp_test();
  t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), US));
  assertEquals(t.sent, [frame(peer_ha, ARPOP_REPLY, our_ha, US, peer_ha, PEER)]);
  assertEquals(t.neigh(PEER)!.nud_state, NUD_STALE);
  assertEquals(t.neigh(PEER)!.ha.slice(0, 6), peer_ha);
});

Deno.test("arp_process() is silent about addresses that are not ours, and learns nothing", () => {
  using t = new arp_test();
  t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), OTHER));
  assertEquals(t.sent, []);
  assertEquals(t.neigh(PEER), null);
});

Deno.test("arp_process() answers a probe for our address (sender 0.0.0.0)", () => {
  using t = new arp_test();
  t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, 0, new Uint8Array(6), US));
  assertEquals(t.sent, [frame(peer_ha, ARPOP_REPLY, our_ha, US, peer_ha, 0)]);
  assertEquals(arp_tbl.entries, 0);
});

Deno.test("arp_process() makes a neighbour REACHABLE by the answer to our question", () => {
  using t = new arp_test();
  const n = __neigh_lookup(arp_tbl, PEER, t.dev, true)!;
  assertEquals(neigh_event_send(n, null), 1);
  assertEquals(t.sent, [frame(everybody, ARPOP_REQUEST, our_ha, US, new Uint8Array(6), PEER)]);
  t.receive(frame(our_ha, ARPOP_REPLY, peer_ha, PEER, our_ha, US));
  assertEquals(n.nud_state, NUD_REACHABLE);
  assertEquals(n.ha.slice(0, 6), peer_ha);
});

Deno.test("arp_process() does not let an unasked answer make an entry", () => {
  using t = new arp_test();
  t.receive(frame(our_ha, ARPOP_REPLY, peer_ha, PEER, our_ha, US));
  assertEquals(t.neigh(PEER), null);
  t.dev.ip_ptr!.cnf.arp_accept = 1;
  t.receive(frame(our_ha, ARPOP_REPLY, peer_ha, PEER, our_ha, US));
  assertEquals(t.neigh(PEER)!.nud_state, NUD_REACHABLE);
});

Deno.test("arp_process() obeys arp_ignore 8", () => {
  using t = new arp_test();
  t.dev.ip_ptr!.cnf.arp_ignore = 8;
  t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), US));
  assertEquals(t.sent, []);
});

/** A router with proxy_arp_pvlan: is asked for a host of the asker's own link. */
function pvlan(t: arp_test): () => void {
  const { cnf } = t.dev.ip_ptr!;
  cnf.forwarding = cnf.proxy_arp_pvlan = 1;
  return () => t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), OTHER));
}

Deno.test("pneigh_enqueue() has a proxy answer within proxy_delay, so that the host itself may come first", async () => {
  using t = new arp_test();
  const ask = pvlan(t);
  ask();
  ask();
  assertEquals(t.sent, []);
  await t.machine.advance(800);
  const answer = frame(peer_ha, ARPOP_REPLY, our_ha, OTHER, peer_ha, PEER);
  assertEquals(t.sent, [answer, answer]);
  assertEquals(t.dev.ip_ptr!.arp_parms!.qlen, 0);
});

Deno.test("pneigh_enqueue() keeps no more than proxy_qlen questions, and none of a device that goes", async () => {
  using t = new arp_test();
  const ask = pvlan(t);
  t.dev.ip_ptr!.arp_parms!.proxy_qlen = 1;
  for (let i = 0; i < 3; i++) ask();
  assertEquals(t.dev.ip_ptr!.arp_parms!.qlen, 2);
  dev_change_flags(t.dev, t.dev.flags & ~IFF_UP);
  assertEquals(t.dev.ip_ptr!.arp_parms!.qlen, 0);
  await t.machine.advance(1000);
  assertEquals(t.sent, []);
});

Deno.test("arp_process() of a proxy without proxy_delay, or asked directly, answers at once", () => {
  using t = new arp_test();
  const ask = pvlan(t);
  t.receive(frame(our_ha, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), OTHER));
  assertEquals(t.sent.length, 1);
  t.dev.ip_ptr!.arp_parms!.proxy_delay = 0;
  ask();
  assertEquals(t.sent.length, 2);
});

Deno.test("arp_netdev_event() forgets neighbours with the carrier, but without arp_evict_nocarrier", async () => {
  using t = new arp_test();
  const learn = () =>
    t.receive(frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), US));
  learn();
  t.dev.ip_ptr!.cnf.arp_evict_nocarrier = 0;
  netif_carrier_off(t.dev);
  await t.machine.advance(2000);
  assertEquals(t.neigh(PEER)?.nud_state, NUD_STALE);
  netif_carrier_on(t.dev);
  await t.machine.advance(2000);
  t.dev.ip_ptr!.cnf.arp_evict_nocarrier = 1;
  netif_carrier_off(t.dev);
  await t.machine.advance(2000);
  assertEquals(t.neigh(PEER), null);
});

Deno.test("arp_rcv() drops packets that are too short or of other lengths", () => {
  using t = new arp_test();
  const good = frame(everybody, ARPOP_REQUEST, peer_ha, PEER, new Uint8Array(6), US);
  for (let len = 14; len < 42; len++) t.receive(good.slice(0, len));
  for (const at of [14, 16, 18, 19, 20]) {
    const bad = good.slice();
    bad[at] ^= 0x40;
    t.receive(bad);
  }
  assertEquals(t.sent, []);
  t.receive(good);
  assertEquals(t.sent.length, 1);
});

Deno.test("arp_ioctl() sets, reads and deletes an entry", () => {
  using t = new arp_test();
  const arg = new Int32Array(17);
  const u8 = new Uint8Array(arg.buffer);
  const dv = new DataView(arg.buffer);
  dv.setUint16(0, 2, true);
  dv.setInt32(4, PEER);
  dv.setUint16(16, 1, true);
  u8.set(peer_ha, 18);
  dv.setInt32(32, ATF_COM | ATF_PERM, true);
  u8.set(new TextEncoder().encode(t.dev.name), 52);
  assertEquals(arp_ioctl(init_net, SIOCSARP, arg), 0);
  assertEquals(t.neigh(PEER)!.nud_state, NUD_PERMANENT);
  assertEquals(
    arp_seq_show(init_net).split("\n")[1],
    "198.51.100.1     0x1         0x6         02:00:00:00:00:01     *        eth0",
  );
  u8.fill(0, 18, 36);
  assertEquals(arp_ioctl(init_net, SIOCGARP, arg), 0);
  assertEquals(u8.slice(18, 24), peer_ha);
  assertEquals(dv.getInt32(32, true), ATF_COM | ATF_PERM);
  assertEquals(arp_ioctl(init_net, SIOCDARP, arg), 0);
  assertEquals(t.neigh(PEER), null);
  assertEquals(arp_ioctl(init_net, SIOCGARP, arg), -ENXIO);
});

Deno.test("packets for us are PACKET_HOST in these tests", () => {
  using t = new arp_test();
  const skb = dev_alloc_skb(42);
  skb_put_data(skb, frame(our_ha, ARPOP_REPLY, peer_ha, PEER, our_ha, US), 42);
  skb.dev = t.dev;
  eth_type_trans(skb, t.dev);
  assertEquals(skb.pkt_type, PACKET_HOST);
  kfree_skb(skb);
});

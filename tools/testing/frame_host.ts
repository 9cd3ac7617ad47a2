// SPDX-License-Identifier: GPL-2.0-only
//
// The bench of tests at the level of frames: frame_host() boots a host, 198.51.100.2/24 on an Ethernet device whose other
// end is the test: t.receive() hands it IP packets (t.frames() whole frames) of 198.51.100.1, whose Ethernet address
// it knows, and t.sent has the packets that it sends. All in virtual time; leaving fails if anything is left.

import { assertEquals } from "@std/assert";
import { warnings } from "../../include/asm-generic/bug.ts";
import { NETDEV_TX_OK, NETIF_F_GRO } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { kfree_skb, skb_copy_bits } from "../../net/core/skbuff.ts";
import { snmp_counters } from "../../net/ipv4/proc.ts";
import { proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { boot } from "../../mod.ts";
import type { host, machine, nic, sim_machine, userland } from "../../mod.ts";
import { eth_frame, ETH_HLEN, frame_rx } from "./frames.ts";
import { counted, hello, PEER_MAC } from "./malformed.ts";

/** A host, and the wire that the test holds. @local */
export class frame_host {
  readonly machine: machine;
  readonly sim: sim_machine;
  readonly host: host;
  readonly net: net;
  readonly nic: nic;
  readonly dev: net_device;
  /** A program. */
  readonly u: userland;
  /** IP packets that were sent, and other frames. */
  readonly sent: Uint8Array[] = [];
  readonly other: Uint8Array[] = [];
  private readonly rx: frame_rx;

  constructor(options: { seed?: number; mtu?: number } = {}) {
    const m = this.machine = boot({ clock: "sim", seed: options.seed ?? 1 });
    this.sim = m.sim as sim_machine;
    this.host = m.host("host");
    this.net = this.host.net;
    [this.nic] = m.wire(this.host, m.host("wire"), { mtu: options.mtu });
    m.host("wire").nic("eth0").ifconfig();
    const dev = this.dev = this.nic.ifconfig("198.51.100.2/24").dev;
    dev.netdev_ops = {
      ...dev.netdev_ops,
      ndo_start_xmit: (skb) => {
        const f = new Uint8Array(skb.len);
        skb_copy_bits(skb, 0, f, skb.len);
        kfree_skb(skb);
        if ((f[12] << 8 | f[13]) === ETH_P_IP) this.sent.push(f.slice(ETH_HLEN));
        else this.other.push(f);
        return NETDEV_TX_OK;
      },
    };
    dev.features = NETIF_F_GRO;
    this.rx = new frame_rx(dev);
    this.u = this.host.task("test");
    this.frames(hello());
    this.other.length = 0;
  }

  /** Frames come, as one interrupt. */
  frames(...frames: Uint8Array[]): void {
    this.rx.receive(frames);
  }

  /** IP packets come in frames of 198.51.100.1. */
  receive(...packets: Uint8Array[]): void {
    const mac = this.dev.dev_addr.slice(0, 6);
    this.frames(...packets.map((p) => eth_frame(mac, PEER_MAC, p)));
  }

  /** The packets sent since the last time. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }

  /** What fn counts, by nstat's names. */
  counting(fn: () => void): Record<string, number> {
    const before = snmp_counters(this.net);
    fn();
    return counted(before, snmp_counters(this.net));
  }

  sysctl(name: string, value: string | number): void {
    assertEquals(proc_sys_write(this.net, name, String(value)), 0, name);
  }

  async advance(ms: number): Promise<void> {
    await this.sim.advance(ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const seen = warnings.slice();
    await this.machine.shutdown({ grace_ms: 0 });
    assertEquals(seen, []);
  }
}

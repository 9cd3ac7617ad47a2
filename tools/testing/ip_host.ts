// SPDX-License-Identifier: GPL-2.0-only
//
// A simulated host with IPv4 up to the transports (none registered) and an Ethernet device without ARP:
// tests hand it packets and look at what it sends.

import { sim_machine } from "../../arch/sim/mod.ts";
import { loopback_init } from "../../drivers/net/loopback.ts";
import { IFF_NOARP, IFF_UP, NETDEV_TX_OK } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { PACKET_HOST, skb_reset_mac_header } from "../../include/linux/skbuff.ts";
import { skb_reset_network_header } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { register_icmp_send } from "../../include/net/icmp.ts";
import { inet_protos } from "../../include/net/protocol.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { ip_compute_csum } from "../../lib/checksum.ts";
import {
  alloc_etherdev,
  dev_change_flags,
  net_dev_init,
  register_netdev,
  unregister_netdev,
} from "../../net/core/dev.ts";
import { init_net, net_ns_init } from "../../net/core/net_namespace.ts";
import {
  consume_skb,
  dev_alloc_skb,
  nr_skbs_alive,
  skb_copy_bits,
  skb_init,
  skb_put_data,
} from "../../net/core/skbuff.ts";
import { arp_init } from "../../net/ipv4/arp.ts";
import { inet_rtm_newaddr } from "../../net/ipv4/devinet.ts";
import "../../net/ipv4/ip_forward.ts";
import { ipfrag_init } from "../../net/ipv4/ip_fragment.ts";
import { ip_rcv } from "../../net/ipv4/ip_input.ts";
import { ip_init } from "../../net/ipv4/ip_output.ts";

/** The host's address, 198.51.100.2/24, and a neighbour's. */
export const US = 0xc6336402 | 0;
export const PEER = 0xc6336401 | 0;
/** The protocol whose packets ip_host.delivered keeps. */
export const PROTO = 253;

/** An ICMP error that the host would send. */
export interface icmp_sent {
  type: number;
  code: number;
  info: number;
}

/** Fields of a packet's header; the rest is computed. */
export interface ip_fields {
  saddr?: number;
  daddr?: number;
  protocol?: number;
  ttl?: number;
  id?: number;
  tos?: number;
  frag_off?: number;
  options?: readonly number[];
}

/** A packet: header and payload. */
export function ip_packet(f: ip_fields, payload: Uint8Array): Uint8Array {
  const opt = f.options ?? [];
  const hlen = 20 + opt.length;
  const p = new Uint8Array(hlen + payload.length);
  const dv = new DataView(p.buffer);
  p[0] = 0x40 | (hlen >> 2);
  p[1] = f.tos ?? 0;
  dv.setUint16(2, p.length);
  dv.setUint16(4, f.id ?? 1);
  dv.setUint16(6, f.frag_off ?? 0);
  p[8] = f.ttl ?? 64;
  p[9] = f.protocol ?? PROTO;
  dv.setInt32(12, f.saddr ?? PEER);
  dv.setInt32(16, f.daddr ?? US);
  p.set(opt, 20);
  dv.setUint16(10, ip_compute_csum(p, 0, hlen));
  p.set(payload, hlen);
  return p;
}

/** n bytes that differ. */
export function bytes(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

/** A host. */
export class ip_host {
  readonly machine = new sim_machine();
  readonly net: net;
  readonly dev: net_device;
  /** IP packets that left. */
  readonly sent: Uint8Array[] = [];
  /** Payloads of protocol PROTO that came, whole packets, and ICMP errors asked for. */
  readonly delivered: Uint8Array[] = [];
  readonly packets: Uint8Array[] = [];
  readonly icmp: icmp_sent[] = [];

  constructor() {
    this.machine.start();
    skb_init();
    net_ns_init();
    net_dev_init();
    loopback_init();
    inet_protos.fill(null);
    inet_protos[PROTO] = {
      handler: (skb) => {
        this.packets.push(all(skb, skb.data - skb.network_header));
        this.delivered.push(all(skb, 0));
        consume_skb(skb);
        return 0;
      },
      no_policy: true,
      icmp_strict_tag_validation: false,
    };
    register_icmp_send((_skb, type, code, info) => this.icmp.push({ type, code, info }));
    arp_init();
    ip_init();
    ipfrag_init();
    this.net = init_net;
    dev_change_flags(this.net.loopback_dev, IFF_UP);
    const dev = this.dev = alloc_etherdev(null);
    dev.netdev_ops = {
      ndo_start_xmit: (skb) => {
        this.sent.push(all(skb, 0).slice(14));
        consume_skb(skb);
        return NETDEV_TX_OK;
      },
    };
    dev.flags |= IFF_NOARP;
    register_netdev(dev);
    dev_change_flags(dev, dev.flags | IFF_UP);
    inet_rtm_newaddr(this.net, { ifa_index: dev.ifindex, ifa_prefixlen: 24, ifa_local: US });
  }

  /** An skb of the device with a packet in it. */
  skb(packet: Uint8Array): sk_buff {
    const skb = dev_alloc_skb(packet.length + 128);
    skb.data += 64;
    skb.tail += 64;
    skb_put_data(skb, packet, packet.length);
    skb.dev = this.dev;
    skb.skb_iif = this.dev.ifindex;
    skb.protocol = ETH_P_IP;
    skb.pkt_type = PACKET_HOST;
    skb_reset_mac_header(skb);
    skb_reset_network_header(skb);
    return skb;
  }

  /** A packet comes in. */
  receive(packet: Uint8Array): void {
    const pt = { type: ETH_P_IP, dev: null, func: ip_rcv };
    ip_rcv(this.skb(packet), this.dev, pt, this.dev);
  }

  [Symbol.dispose](): void {
    unregister_netdev(this.dev);
    inet_protos.fill(null);
    if (nr_skbs_alive() !== 0) throw new Error(`${nr_skbs_alive()} sk_buffs leaked`);
  }
}

/** The packet's bytes from `before` bytes in front of its data. */
function all(skb: sk_buff, before: number): Uint8Array {
  const b = new Uint8Array(before + skb.len);
  for (let i = 0; i < before; i++) b[i] = skb.head.u8[skb.data - before + i];
  skb_copy_bits(skb, 0, b, skb.len, before);
  return b;
}

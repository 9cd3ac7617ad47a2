// SPDX-License-Identifier: GPL-2.0-only
//
// The wire: a device as packetdrill's TUN is, which leaves segmenting and checksums to the other end unless ethtool
// says otherwise. What is sent stands in `sniffed`; inject() hands the stack a packet.

import {
  IFF_NOARP,
  IFF_POINTOPOINT,
  NETDEV_TX_OK,
  NETIF_F_ALL_TSO,
  NETIF_F_FRAGLIST,
  NETIF_F_GSO,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { get_page, page } from "../../include/linux/mm_types.ts";
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  NET_SKB_PAD,
  PACKET_HOST,
  PAGE_SIZE,
  SKB_DATA_ALIGN,
  SKB_GSO_DODGY,
  SKB_GSO_TCPV4,
  SKB_OVERHEAD_SHINFO,
  SKB_OVERHEAD_SKB,
  skb_reserve,
  skb_reset_mac_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { ARPHRD_NONE } from "../../include/uapi/linux/if_arp.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import {
  alloc_netdev,
  netdev_update_features,
  netif_receive_skb,
  register_netdev,
} from "../../net/core/dev.ts";
import {
  build_skb,
  consume_skb,
  skb_copy_bits,
  skb_orphan_frags_rx,
  skb_put_data,
  skb_tx_timestamp,
} from "../../net/core/skbuff.ts";
import { parse_packet } from "./packet.ts";
import type { live_packet } from "./packet.ts";

/** The head of a small packet, and the largest that is one piece of memory; bytes. */
const SMALL_HEAD = 576;
const LARGE_HEAD = 8192;

/**
 * An empty packet as TUN makes it, so that receive buffers fill as with a real one: its head is memory of a power of
 * two, no page of which another packet could take a part over.
 */
function tun_alloc_skb(len: number): sk_buff {
  const need = SKB_DATA_ALIGN(NET_SKB_PAD + len) + SKB_OVERHEAD_SHINFO;
  let head = SMALL_HEAD;
  if (need > LARGE_HEAD) head = LARGE_HEAD + PAGE_SIZE * Math.ceil((need - LARGE_HEAD) / PAGE_SIZE);
  else if (need > SMALL_HEAD) head = 2 ** Math.ceil(Math.log2(need));
  const data = new page(new Uint8Array(head - SKB_OVERHEAD_SHINFO), -1);
  // Ours and the packet's: it is of no pool, so nobody gives it back.
  get_page(data);
  const skb = build_skb(data);
  skb.truesize = SKB_OVERHEAD_SKB + head;
  skb_reserve(skb, NET_SKB_PAD);
  return skb;
}

/** One end of the virtual wire. */
export class netdev {
  readonly dev: net_device;
  /** What the stack has sent and nobody looked at yet. */
  readonly sniffed: live_packet[] = [];
  /** The script's time, us. */
  now: () => number = () => 0;

  /** A device in init_net. */
  constructor(name: string, mtu: number) {
    this.dev = alloc_netdev(null, name, (dev) => {
      dev.type = ARPHRD_NONE;
      dev.hard_header_len = 0;
      dev.addr_len = 0;
      dev.mtu = mtu;
      dev.tx_queue_len = 500;
      dev.flags = IFF_POINTOPOINT | IFF_NOARP;
      dev.features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_ALL_TSO;
      dev.netdev_ops = { ndo_start_xmit: (skb) => this.xmit(skb) };
    });
    register_netdev(this.dev);
  }

  private xmit(skb: sk_buff): number {
    skb_tx_timestamp(skb);
    // Whoever looks at a packet keeps it: a zero-copy send ends here.
    skb_orphan_frags_rx(skb);
    const bytes = new Uint8Array(skb.len);
    skb_copy_bits(skb, 0, bytes, skb.len);
    const partial = skb.ip_summed === CHECKSUM_PARTIAL;
    consume_skb(skb);
    this.sniffed.push(parse_packet(bytes, this.now(), partial));
    return NETDEV_TX_OK;
  }

  /** ethtool -K DEV tso|gso on|off */
  set_feature(name: string, on: boolean): void {
    const bits = name === "tso" ? NETIF_F_ALL_TSO : name === "gso" ? NETIF_F_GSO : 0;
    if (on) this.dev.features |= bits;
    else this.dev.features &= ~bits;
    netdev_update_features(this.dev);
  }

  /** A packet arrives; gso_size: as merged of segments of so many bytes, 0: as it is. */
  inject(p: Uint8Array, gso_size = 0): void {
    update_wall_time();
    local_bh_disable();
    try {
      const skb = tun_alloc_skb(p.length);
      skb_put_data(skb, p, p.length);
      skb.dev = this.dev;
      skb.protocol = ETH_P_IP;
      skb.pkt_type = PACKET_HOST;
      skb_reset_mac_header(skb);
      if (gso_size > 0) {
        skb.shinfo.gso_size = gso_size;
        skb.shinfo.gso_type = SKB_GSO_TCPV4 | SKB_GSO_DODGY;
        skb.ip_summed = CHECKSUM_UNNECESSARY;
      }
      netif_receive_skb(skb);
    } finally {
      local_bh_enable();
    }
  }
}

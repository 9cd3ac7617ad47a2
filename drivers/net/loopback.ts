// SPDX-License-Identifier: GPL-2.0-only
//
// lo: what a host sends to itself. Each host gets one as it starts (loopback_net_init), number 1;
// loopback_xmit() gives a packet to netif_rx(), checksums and segmentation left undone. When lo comes up
// devinet gives it 127.0.0.1.

import { ARPHRD_LOOPBACK } from "../../include/uapi/linux/if_arp.ts";
import { ETH_ALEN, ETH_HLEN } from "../../include/uapi/linux/if_ether.ts";
import {
  IFF_LIVE_ADDR_CHANGE,
  IFF_LOOPBACK,
  IFF_NO_QUEUE,
  NET_RX_SUCCESS,
  NETDEV_TX_OK,
  NETIF_F_FRAGLIST,
  NETIF_F_GSO_SOFTWARE,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  netif_keep_dst,
} from "../../include/linux/netdevice.ts";
import type { net_device, net_device_ops } from "../../include/linux/netdevice.ts";
import { skb_orphan } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import {
  __netif_rx,
  alloc_netdev,
  dev_net_set,
  free_netdev,
  register_netdev,
} from "../../net/core/dev.ts";
import { register_pernet_device } from "../../net/core/net_namespace.ts";
import { skb_tx_timestamp } from "../../net/core/skbuff.ts";
import { eth_header_ops, eth_mac_addr, eth_type_trans } from "../../net/ethernet/eth.ts";

/** The host receives what it sends. */
function loopback_xmit(skb: sk_buff, dev: net_device): number {
  skb_tx_timestamp(skb);
  skb.tstamp = 0;
  skb.mono_delivery_time = false;
  skb_orphan(skb);
  skb.protocol = eth_type_trans(skb, dev);
  const { len } = skb;
  const { stats } = dev;
  if (__netif_rx(skb) === NET_RX_SUCCESS) {
    stats.rx_packets++;
    stats.rx_bytes += len;
    stats.tx_packets++;
    stats.tx_bytes += len;
  }
  return NETDEV_TX_OK;
}

const loopback_ops: net_device_ops = {
  ndo_start_xmit: loopback_xmit,
  ndo_set_mac_address: eth_mac_addr,
};

function loopback_setup(dev: net_device): void {
  dev.mtu = 64 * 1024;
  dev.min_mtu = 0;
  dev.max_mtu = 0;
  dev.tx_queue_len = 1000;
  dev.hard_header_len = ETH_HLEN;
  dev.addr_len = ETH_ALEN;
  dev.type = ARPHRD_LOOPBACK;
  dev.flags = IFF_LOOPBACK;
  dev.priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_NO_QUEUE;
  netif_keep_dst(dev);
  dev.lltx = true;
  dev.features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_GSO_SOFTWARE | NETIF_F_HW_CSUM |
    NETIF_F_RXCSUM;
  dev.header_ops = eth_header_ops;
  dev.netdev_ops = loopback_ops;
}

/** Makes a host's lo; 0 or a negative errno. */
function loopback_net_init(net: net): number {
  const dev = alloc_netdev(null, "lo", loopback_setup);
  dev_net_set(dev, net);
  dev.ifindex = 1;
  const err = register_netdev(dev);
  if (err !== 0) {
    free_netdev(dev);
    return err;
  }
  net.ifindex = Math.max(net.ifindex, 1);
  net.loopback_dev = dev;
  return 0;
}

export const loopback_net_ops: pernet_operations = { init: loopback_net_init };

/**
 * Gives every host its lo: the first device, right after net_dev_init().
 * @differs net_dev_init() cannot do it: drivers stand above net/core @local
 */
export function loopback_init(): number {
  return register_pernet_device(loopback_net_ops);
}

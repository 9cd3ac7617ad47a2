// SPDX-License-Identifier: GPL-2.0-only
//
// veth: two Ethernet devices at the ends of one wire, in one host or in two. veth_newlink() makes a
// pair; veth_xmit() gives a packet to the other end: to netif_rx(), or, where GRO is wanted
// (NETIF_F_GRO switched on and a packet that could be merged), to its NAPI. The wire is ideal: packets
// cross in no time, uncut, with their checksums undone.

import { ENOTCONN } from "../../include/uapi/asm-generic/errno.ts";
import { ETH_MAX_MTU, ETH_MIN_MTU } from "../../include/uapi/linux/if_ether.ts";
import {
  IFF_LIVE_ADDR_CHANGE,
  IFF_NO_QUEUE,
  IFF_TX_SKB_SHARING,
  IFF_UP,
  napi_struct,
  NET_RX_SUCCESS,
  netdev_priv,
  NETDEV_TX_OK,
  NETIF_F_ALL_TSO,
  NETIF_F_FRAGLIST,
  NETIF_F_GRO,
  NETIF_F_GSO_SOFTWARE,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
} from "../../include/linux/netdevice.ts";
import type { net_device, net_device_ops } from "../../include/linux/netdevice.ts";
import {
  __skb_dequeue,
  __skb_queue_tail,
  sk_buff_head,
  skb_is_gso,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_FULL_RING,
} from "../../include/net/dropreason.ts";
import {
  __dev_forward_skb,
  __netif_rx,
  alloc_netdev,
  dev_net_set,
  dev_set_link_ops,
  napi_complete_done,
  napi_disable,
  napi_enable,
  napi_schedule,
  netif_carrier_off,
  netif_carrier_on,
  netif_napi_add,
  netif_receive_skb,
  register_netdevice,
  unregister_netdevice,
} from "../../net/core/dev.ts";
import type { rtnl_link_ops } from "../../net/core/dev.ts";
import { napi_gro_receive } from "../../net/core/gro.ts";
import {
  __skb_queue_purge,
  kfree_skb_reason,
  skb_tx_timestamp,
  skb_unclone,
} from "../../net/core/skbuff.ts";
import { eth_hw_addr_random, eth_mac_addr, ether_setup } from "../../net/ethernet/eth.ts";

export const DRV_NAME = "veth";
/** Packets that wait for NAPI, at most. */
const VETH_RING_SIZE = 256;

const VETH_FEATURES = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
  NETIF_F_GSO_SOFTWARE;

/** Our end of the wire. */
export class veth_priv {
  peer: net_device | null = null;
  /** Packets dropped on the way out: the other end was down or gone. */
  dropped = 0;
  readonly xdp_ring = new sk_buff_head();
  xdp_napi!: napi_struct;
  napi_enabled = false;
}

function veth_poll(napi: napi_struct, budget: number): number {
  const priv = netdev_priv<veth_priv>(napi.dev);
  let done = 0;
  while (done < budget) {
    const skb = __skb_dequeue(priv.xdp_ring);
    if (skb === null) break;
    if ((napi.dev.features & NETIF_F_GRO) !== 0) napi_gro_receive(napi, skb);
    else netif_receive_skb(skb);
    done++;
  }
  if (done < budget) napi_complete_done(napi, done);
  return done;
}

/** Whether GRO may join this packet to another. */
function veth_skb_is_eligible_for_gro(dev: net_device, skb: sk_buff): boolean {
  return (dev.features & NETIF_F_ALL_TSO) === 0 && !skb_is_gso(skb);
}

/**
 * Queues a packet for the receiving end's NAPI; NET_RX_*.
 * @differs makes its data private, as GRO is about to write to them: the sender may keep a clone
 */
function veth_xdp_rx(priv: veth_priv, skb: sk_buff): number {
  if (priv.xdp_ring.qlen >= VETH_RING_SIZE) {
    kfree_skb_reason(skb, SKB_DROP_REASON_FULL_RING);
    return 1;
  }
  skb_unclone(skb);
  __skb_queue_tail(priv.xdp_ring, skb);
  napi_schedule(priv.xdp_napi);
  return NET_RX_SUCCESS;
}

function veth_forward_skb(dev: net_device, skb: sk_buff, use_napi: boolean): number {
  const ret = __dev_forward_skb(dev, skb);
  if (ret !== 0) return ret;
  return use_napi ? veth_xdp_rx(netdev_priv<veth_priv>(dev), skb) : __netif_rx(skb);
}

/** The other end receives what this one sends. */
function veth_xmit(skb: sk_buff, dev: net_device): number {
  const priv = netdev_priv<veth_priv>(dev);
  const rcv = priv.peer;
  const { stats } = dev;
  if (rcv === null) {
    kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
    priv.dropped++;
    stats.tx_dropped++;
    return NETDEV_TX_OK;
  }
  const { len } = skb;
  const use_napi = netdev_priv<veth_priv>(rcv).napi_enabled &&
    veth_skb_is_eligible_for_gro(dev, skb);
  skb_tx_timestamp(skb);
  if (veth_forward_skb(rcv, skb, use_napi) === NET_RX_SUCCESS) {
    stats.tx_packets++;
    stats.tx_bytes += len;
    rcv.stats.rx_packets++;
    rcv.stats.rx_bytes += len;
  } else {
    priv.dropped++;
    stats.tx_dropped++;
  }
  return NETDEV_TX_OK;
}

function veth_napi_enable(dev: net_device): void {
  const priv = netdev_priv<veth_priv>(dev);
  if (priv.napi_enabled) return;
  napi_enable(priv.xdp_napi);
  priv.napi_enabled = true;
}

function veth_napi_del(dev: net_device): void {
  const priv = netdev_priv<veth_priv>(dev);
  if (!priv.napi_enabled) return;
  priv.napi_enabled = false;
  napi_disable(priv.xdp_napi);
  __skb_queue_purge(priv.xdp_ring);
}

/** Up: the link is there once both ends are. */
function veth_open(dev: net_device): number {
  const { peer } = netdev_priv<veth_priv>(dev);
  if (peer === null) return -ENOTCONN;
  if ((dev.features & NETIF_F_ALL_TSO) === 0 && (dev.features & NETIF_F_GRO) !== 0) {
    veth_napi_enable(dev);
  }
  if ((peer.flags & IFF_UP) !== 0) {
    netif_carrier_on(dev);
    netif_carrier_on(peer);
  }
  return 0;
}

function veth_close(dev: net_device): number {
  const { peer } = netdev_priv<veth_priv>(dev);
  netif_carrier_off(dev);
  veth_napi_del(dev);
  if (peer !== null) netif_carrier_off(peer);
  return 0;
}

function veth_dev_uninit(dev: net_device): void {
  const priv = netdev_priv<veth_priv>(dev);
  __skb_queue_purge(priv.xdp_ring);
  if (priv.peer !== null) netdev_priv<veth_priv>(priv.peer).peer = null;
}

const veth_netdev_ops: net_device_ops = {
  ndo_uninit: veth_dev_uninit,
  ndo_open: veth_open,
  ndo_stop: veth_close,
  ndo_start_xmit: veth_xmit,
  ndo_set_mac_address: eth_mac_addr,
};

const veth_link_ops: rtnl_link_ops = { kind: DRV_NAME, dellink: veth_dellink };

function veth_setup(dev: net_device): void {
  ether_setup(dev);
  dev.priv_flags &= ~IFF_TX_SKB_SHARING;
  dev.priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_NO_QUEUE;
  dev.netdev_ops = veth_netdev_ops;
  dev.lltx = true;
  dev.features = VETH_FEATURES;
  dev.min_mtu = ETH_MIN_MTU;
  dev.max_mtu = ETH_MAX_MTU;
  dev_set_link_ops(dev, veth_link_ops);
}

/** One end, registered in its host without a link; or a negative errno. */
function veth_create_end(net: net, name: string): net_device | number {
  const priv = new veth_priv();
  const dev = alloc_netdev(priv, name, veth_setup);
  dev_net_set(dev, net);
  eth_hw_addr_random(dev);
  priv.xdp_napi = new napi_struct(dev, veth_poll);
  netif_napi_add(dev, priv.xdp_napi, veth_poll);
  netif_carrier_off(dev);
  const err = register_netdevice(dev);
  return err < 0 ? err : dev;
}

/**
 * Makes a pair of devices, each in its host and down: both, or a negative errno. Names may have %d.
 * @differs arguments are the two hosts and names, where the kernel has netlink attributes
 */
export function veth_newlink(
  src_net: net,
  name: string,
  peer_net: net,
  peer_name: string,
): readonly [net_device, net_device] | number {
  const dev = veth_create_end(src_net, name);
  if (typeof dev === "number") return dev;
  const peer = veth_create_end(peer_net, peer_name);
  if (typeof peer === "number") {
    unregister_netdevice(dev);
    return peer;
  }
  netdev_priv<veth_priv>(dev).peer = peer;
  netdev_priv<veth_priv>(peer).peer = dev;
  return [dev, peer];
}

/** Takes both ends away. */
export function veth_dellink(dev: net_device): void {
  const { peer } = netdev_priv<veth_priv>(dev);
  unregister_netdevice(dev);
  if (peer !== null) unregister_netdevice(peer);
}

/** The other end; null once it is gone. */
export function veth_peer_dev(dev: net_device): net_device | null {
  return netdev_priv<veth_priv>(dev).peer;
}

/** Whether dev is one end of such a wire. */
export function netif_is_veth(dev: net_device): boolean {
  return dev.netdev_ops === veth_netdev_ops;
}

/** Nothing to prepare: there is no netlink to register a kind of link with. */
export function veth_init(): number {
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Ethernet: eth_type_trans() reads the header of a packet that a driver received, eth_header() writes
// one (through dev.header_ops, from neighbour output), eth_header_cache() keeps one ready for a
// neighbour. ether_setup() makes a device an Ethernet one.

import { EADDRNOTAVAIL, EBUSY } from "../../include/uapi/asm-generic/errno.ts";
import { ARPHRD_ETHER } from "../../include/uapi/linux/if_arp.ts";
import {
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_MIN_MTU,
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_802_3_MIN,
} from "../../include/uapi/linux/if_ether.ts";
import {
  IFF_BROADCAST,
  IFF_LIVE_ADDR_CHANGE,
  IFF_MULTICAST,
  IFF_TX_SKB_SHARING,
  netif_running,
} from "../../include/linux/netdevice.ts";
import type { header_ops, net_device } from "../../include/linux/netdevice.ts";
import { get_random_bytes } from "../../include/linux/random.ts";
import {
  PACKET_BROADCAST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  skb_reset_mac_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import type { neighbour } from "../../include/net/neighbour.ts";
import { pskb_may_pull, skb_push } from "../core/skbuff.ts";

/** Headers kept ready start here in hh_data: the whole is 16 bytes. */
const HH_DATA_OFF = 2;

/** Two addresses of 6 bytes are the same. */
export function ether_addr_equal(
  a: Uint8Array,
  b: Uint8Array,
  a_off = 0,
  b_off = 0,
): boolean {
  for (let i = 0; i < ETH_ALEN; i++) if (a[a_off + i] !== b[b_off + i]) return false;
  return true;
}

export function is_zero_ether_addr(addr: Uint8Array): boolean {
  return (addr[0] | addr[1] | addr[2] | addr[3] | addr[4] | addr[5]) === 0;
}

export function is_multicast_ether_addr(addr: Uint8Array): boolean {
  return (addr[0] & 1) !== 0;
}

export function is_broadcast_ether_addr(addr: Uint8Array): boolean {
  return (addr[0] & addr[1] & addr[2] & addr[3] & addr[4] & addr[5]) === 0xff;
}

/** Neither zero nor a group. */
export function is_valid_ether_addr(addr: Uint8Array): boolean {
  return !is_multicast_ether_addr(addr) && !is_zero_ether_addr(addr);
}

/** Fills addr with a random address, locally administered. */
export function eth_random_addr(addr: Uint8Array): void {
  const six = addr.subarray(0, ETH_ALEN);
  get_random_bytes(six);
  six[0] = (six[0] & 0xfe) | 0x02;
}

export function eth_hw_addr_random(dev: net_device): void {
  eth_random_addr(dev.dev_addr);
}

export function eth_hw_addr_set(dev: net_device, addr: Uint8Array): void {
  for (let i = 0; i < ETH_ALEN; i++) dev.dev_addr[i] = addr[i];
}

export function eth_broadcast_addr(addr: Uint8Array): void {
  addr.fill(0xff, 0, ETH_ALEN);
}

/**
 * Pushes an Ethernet header; saddr null: the device's own address. Its length, or its negative where
 * daddr is not known yet.
 */
export function eth_header(
  skb: sk_buff,
  dev: net_device,
  type: number,
  daddr: Uint8Array | null,
  saddr: Uint8Array | null,
  len: number,
): number {
  const at = skb_push(skb, ETH_HLEN);
  const { u8 } = skb.head;
  const proto = type !== ETH_P_802_3 && type !== ETH_P_802_2 ? type : len;
  u8[at + 12] = proto >> 8;
  u8[at + 13] = proto & 0xff;
  const src = saddr ?? dev.dev_addr;
  for (let i = 0; i < ETH_ALEN; i++) u8[at + ETH_ALEN + i] = src[i];
  if (daddr === null) return -ETH_HLEN;
  for (let i = 0; i < ETH_ALEN; i++) u8[at + i] = daddr[i];
  return ETH_HLEN;
}

/** Who a frame is for: PACKET_*, 0 for us. */
function eth_pkt_type(skb: sk_buff, dev: net_device): number {
  const { u8 } = skb.head;
  const at = skb.mac_header;
  const addr = dev.dev_addr;
  if (
    u8[at] === addr[0] && u8[at + 1] === addr[1] && u8[at + 2] === addr[2] &&
    u8[at + 3] === addr[3] && u8[at + 4] === addr[4] && u8[at + 5] === addr[5]
  ) return 0;
  if ((u8[at] & 1) === 0) return PACKET_OTHERHOST;
  return ether_addr_equal(u8, dev.broadcast, at) ? PACKET_BROADCAST : PACKET_MULTICAST;
}

/** Pulls the Ethernet header of a received frame and says what it carries, ETH_P_*. */
export function eth_type_trans(skb: sk_buff, dev: net_device): number {
  skb.dev = dev;
  skb_reset_mac_header(skb);
  if (!pskb_may_pull(skb, ETH_HLEN)) return 0;
  // Reading of the header may have got it into the head anew.
  skb_reset_mac_header(skb);
  skb.data += ETH_HLEN;
  skb.len -= ETH_HLEN;
  const type = eth_pkt_type(skb, dev);
  if (type !== 0) skb.pkt_type = type;
  const proto = skb.head.dv.getUint16(skb.mac_header + 12);
  if (proto >= ETH_P_802_3_MIN) return proto;
  const { u8 } = skb.head;
  const raw = skb.len >= 2 && u8[skb.data] === 0xff && u8[skb.data + 1] === 0xff;
  return raw ? ETH_P_802_3 : ETH_P_802_2;
}

/** The sender's address of a frame; its length. */
export function eth_header_parse(skb: sk_buff, haddr: Uint8Array): number {
  const { u8 } = skb.head;
  for (let i = 0; i < ETH_ALEN; i++) haddr[i] = u8[skb.mac_header + ETH_ALEN + i];
  return ETH_ALEN;
}

/** Keeps the header to a neighbour ready; 0, or -1 for a type that has none. */
export function eth_header_cache(neigh: neighbour, type: number): number {
  if (type === ETH_P_802_3) return -1;
  const { hh_data } = neigh.hh;
  for (let i = 0; i < ETH_ALEN; i++) {
    hh_data[HH_DATA_OFF + i] = neigh.ha[i];
    hh_data[HH_DATA_OFF + ETH_ALEN + i] = neigh.dev.dev_addr[i];
  }
  hh_data[HH_DATA_OFF + 12] = type >> 8;
  hh_data[HH_DATA_OFF + 13] = type & 0xff;
  neigh.hh.hh_len = ETH_HLEN;
  return 0;
}

/** The neighbour's address changed. */
export function eth_header_cache_update(
  neigh: neighbour,
  _dev: net_device,
  haddr: Uint8Array,
): void {
  for (let i = 0; i < ETH_ALEN; i++) neigh.hh.hh_data[HH_DATA_OFF + i] = haddr[i];
}

/** 0, or the negative errno for which the address cannot be set. */
export function eth_prepare_mac_addr_change(dev: net_device, addr: Uint8Array): number {
  if ((dev.priv_flags & IFF_LIVE_ADDR_CHANGE) === 0 && netif_running(dev)) return -EBUSY;
  return is_valid_ether_addr(addr) ? 0 : -EADDRNOTAVAIL;
}

/** Sets the device's address: 0, -EBUSY while it is up, -EADDRNOTAVAIL for no address of a device. */
export function eth_mac_addr(dev: net_device, addr: Uint8Array): number {
  const ret = eth_prepare_mac_addr_change(dev, addr);
  if (ret < 0) return ret;
  eth_hw_addr_set(dev, addr);
  return 0;
}

export function eth_validate_addr(dev: net_device): number {
  return is_valid_ether_addr(dev.dev_addr) ? 0 : -EADDRNOTAVAIL;
}

export const eth_header_ops: header_ops = {
  create: eth_header,
  parse: eth_header_parse,
  cache: eth_header_cache,
  cache_update: eth_header_cache_update,
};

/** Makes a device an Ethernet one. */
export function ether_setup(dev: net_device): void {
  dev.header_ops = eth_header_ops;
  dev.type = ARPHRD_ETHER;
  dev.hard_header_len = ETH_HLEN;
  dev.mtu = ETH_DATA_LEN;
  dev.min_mtu = ETH_MIN_MTU;
  dev.max_mtu = ETH_DATA_LEN;
  dev.addr_len = ETH_ALEN;
  dev.tx_queue_len = 1000;
  dev.flags = IFF_BROADCAST | IFF_MULTICAST;
  dev.priv_flags |= IFF_TX_SKB_SHARING;
  eth_broadcast_addr(dev.broadcast);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Network devices, their drivers' operations, NAPI contexts, and the receivers of packet types.

import type { net } from "../net/net_namespace.ts";
import type { neighbour } from "../net/neighbour.ts";
import type { Qdisc } from "../net/sch_generic.ts";
import type { in_device } from "./inetdevice.ts";
import { ENOBUFS } from "../uapi/asm-generic/errno.ts";
import { sk_buff_head } from "./skbuff.ts";
import type { sk_buff } from "./skbuff.ts";

export const IFNAMSIZ = 16;

export const IFF_UP = 1 << 0;
export const IFF_BROADCAST = 1 << 1;
export const IFF_LOOPBACK = 1 << 3;
export const IFF_POINTOPOINT = 1 << 4;
export const IFF_RUNNING = 1 << 6;
export const IFF_NOARP = 1 << 7;
export const IFF_PROMISC = 1 << 8;
export const IFF_ALLMULTI = 1 << 9;
export const IFF_MULTICAST = 1 << 12;
export const IFF_LOWER_UP = 1 << 16;

export const NETIF_F_SG = 1 << 0;
export const NETIF_F_IP_CSUM = 1 << 1;
export const NETIF_F_HW_CSUM = 1 << 3;
export const NETIF_F_FRAGLIST = 1 << 6;
export const NETIF_F_GSO = 1 << 11;
export const NETIF_F_GRO = 1 << 14;
export const NETIF_F_TSO = 1 << 16;
/** Takes GSO packets whose headers nobody has checked. */
export const NETIF_F_GSO_ROBUST = 1 << 17;
export const NETIF_F_TSO_ECN = 1 << 18;
export const NETIF_F_TSO_MANGLEID = 1 << 19;
export const NETIF_F_GSO_UDP_L4 = 1 << 20;
export const NETIF_F_RXCSUM = 1 << 29;
export const NETIF_F_CSUM_MASK = NETIF_F_IP_CSUM | NETIF_F_HW_CSUM;
export const NETIF_F_GSO_MASK = NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_TSO_MANGLEID |
  NETIF_F_GSO_UDP_L4;
/** TSO in any of its forms. */
export const NETIF_F_ALL_TSO = NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_TSO_MANGLEID;

/** What GSO does in software for a device that cannot. */
export const NETIF_F_GSO_SOFTWARE = NETIF_F_ALL_TSO | NETIF_F_GSO_UDP_L4;
/** Features that every device gets. */
export const NETIF_F_SOFT_FEATURES = NETIF_F_GSO | NETIF_F_GRO;
/** From SKB_GSO_* to the feature that it needs, all but SKB_GSO_UDP_L4. */
export const NETIF_F_GSO_SHIFT = 16;

export const NETDEV_TX_OK = 0;
export const NETDEV_TX_BUSY = 0x10;

export const NET_XMIT_SUCCESS = 0;
export const NET_XMIT_DROP = 1;
export const NET_XMIT_CN = 2;
export const NET_XMIT_MASK = 15;

/** A transmission's result as an error: congestion is none, the packet is on its way. */
export function net_xmit_eval(e: number): number {
  return e === NET_XMIT_CN ? 0 : e;
}

export const NET_RX_SUCCESS = 0;
export const NET_RX_DROP = 1;

/** Results of an rx_handler and of GRO. */
export const GRO_MERGED = 0;
export const GRO_MERGED_FREE = 1;
export const GRO_HELD = 2;
export const GRO_NORMAL = 3;
export const GRO_CONSUMED = 4;

export const NAPI_POLL_WEIGHT = 64;
export const MAX_GRO_SKBS = 8;
export const GRO_HASH_BUCKETS = 8;
/** Largest GSO packet by default, bytes, and its most segments. */
export const GSO_MAX_SIZE = 65536;
export const GSO_LEGACY_MAX_SIZE = 65536;
export const GSO_MAX_SEGS = 65535;

export const LL_MAX_HEADER = 128;
export const MAX_HEADER = LL_MAX_HEADER + 48;
const HH_DATA_MOD = 16;

/** Bytes to reserve before a packet for dev's link header, rounded up. */
export function LL_RESERVED_SPACE(dev: net_device): number {
  return ((dev.hard_header_len + dev.needed_headroom) & ~(HH_DATA_MOD - 1)) + HH_DATA_MOD;
}

export const NETDEV_UP = 0x0001;
export const NETDEV_DOWN = 0x0002;
export const NETDEV_CHANGE = 0x0004;
export const NETDEV_REGISTER = 0x0005;
export const NETDEV_UNREGISTER = 0x0006;
export const NETDEV_CHANGEMTU = 0x0007;
export const NETDEV_CHANGEADDR = 0x0008;
export const NETDEV_GOING_DOWN = 0x000a;
export const NETDEV_CHANGENAME = 0x000b;
export const NETDEV_FEAT_CHANGE = 0x000c;

/** net_device.priv_flags: packets leave the route behind as they are sent; there is no queue. */
export const IFF_XMIT_DST_RELEASE = 1 << 5;
export const IFF_TX_SKB_SHARING = 1 << 11;
export const IFF_LIVE_ADDR_CHANGE = 1 << 15;
export const IFF_NO_QUEUE = 1 << 21;

/** net_device.state */
export const __LINK_STATE_NOCARRIER = 1 << 2;

export const NAPI_STATE_SCHED = 1 << 0;
export const NAPI_STATE_MISSED = 1 << 1;
export const NAPI_STATE_DISABLE = 1 << 2;

/** A poll context of a driver: net_rx_action() calls poll() while it is scheduled. */
export class napi_struct {
  dev: net_device;
  /** NAPI_STATE_* */
  state = 0;
  weight = NAPI_POLL_WEIGHT;
  /** Handles up to budget packets, answers how many; below budget it calls napi_complete_done(). */
  poll: (napi: napi_struct, budget: number) => number;
  gro_hash: gro_list[] = [];
  /** Which gro_hash buckets hold something. */
  gro_bitmask = 0;
  rx_list: sk_buff_head = new sk_buff_head();
  rx_count = 0;
  /** Links of softnet_data's poll_list. */
  poll_next: napi_struct | null = null;

  constructor(dev: net_device, poll: (napi: napi_struct, budget: number) => number) {
    this.dev = dev;
    this.poll = poll;
    for (let i = 0; i < GRO_HASH_BUCKETS; i++) this.gro_hash.push(new gro_list());
  }
}

/** Held packets of one GRO bucket. */
export class gro_list {
  readonly list = new sk_buff_head();
  count = 0;
}

/** What a driver provides. */
export interface net_device_ops {
  ndo_init?(dev: net_device): number;
  ndo_uninit?(dev: net_device): void;
  ndo_open?(dev: net_device): number;
  ndo_stop?(dev: net_device): number;
  /** Sends or drops skb and answers NETDEV_TX_OK, or NETDEV_TX_BUSY without taking it. */
  ndo_start_xmit(skb: sk_buff, dev: net_device): number;
  ndo_change_mtu?(dev: net_device, new_mtu: number): number;
  ndo_set_mac_address?(dev: net_device, addr: Uint8Array): number;
}

/** How a link type writes and reads its headers. */
export interface header_ops {
  /** Pushes the link header; `daddr` null when unknown. Answers its length, or its negative. */
  create(
    skb: sk_buff,
    dev: net_device,
    type: number,
    daddr: Uint8Array | null,
    saddr: Uint8Array | null,
    len: number,
  ): number;
  parse(skb: sk_buff, haddr: Uint8Array): number;
  /** Fills neigh's cached header; 0 or negative. */
  cache?(neigh: neighbour, type: number): number;
  cache_update?(neigh: neighbour, dev: net_device, haddr: Uint8Array): void;
}

/** Counters of a device. */
export class rtnl_link_stats64 {
  rx_packets = 0;
  tx_packets = 0;
  rx_bytes = 0;
  tx_bytes = 0;
  rx_errors = 0;
  tx_errors = 0;
  rx_dropped = 0;
  tx_dropped = 0;
  multicast = 0;
  rx_length_errors = 0;
  rx_frame_errors = 0;
  rx_fifo_errors = 0;
  tx_fifo_errors = 0;
}

/** A network device. */
export class net_device {
  name: string;
  ifindex = 0;
  nd_net!: net;
  /** bytes, 68..65535 */
  mtu = 1500;
  min_mtu = 68;
  max_mtu = 65535;
  /** ARPHRD_* */
  type = 0;
  /** IFF_* */
  flags = 0;
  /** IFF_XMIT_DST_RELEASE … */
  priv_flags = IFF_XMIT_DST_RELEASE;
  /** __LINK_STATE_* */
  state = 0;
  /** NETIF_F_* */
  features = 0;
  hard_header_len = 0;
  needed_headroom = 0;
  addr_len = 0;
  readonly dev_addr = new Uint8Array(8);
  readonly broadcast = new Uint8Array(8);
  gso_max_size = GSO_MAX_SIZE;
  gso_max_segs = GSO_MAX_SEGS;
  /** Longest packet that GRO makes, bytes. */
  gro_max_size = GSO_MAX_SIZE;
  tx_queue_len = 1000;
  netdev_ops!: net_device_ops;
  header_ops: header_ops | null = null;
  ip_ptr: in_device | null = null;
  qdisc!: Qdisc;
  /** The one that is in use while the device is up. */
  qdisc_sleeping!: Qdisc;
  /** The driver stopped the queue (netif_stop_queue). */
  tx_stopped = false;
  readonly ptype_all: packet_type[] = [];
  readonly ptype_specific: packet_type[] = [];
  readonly napi_list: napi_struct[] = [];
  readonly stats = new rtnl_link_stats64();
  /** Registered and not yet gone. */
  registered = false;
  lltx = false;
  /** The driver's own state. */
  priv: unknown = null;

  constructor(name: string) {
    this.name = name;
  }
}

/** A receiver of packets of one ETH_P_* type. */
export interface packet_type {
  type: number;
  /** Only packets of this device; null: of all. */
  dev: net_device | null;
  af_packet_net?: net;
  /** Takes one reference to skb. */
  func(skb: sk_buff, dev: net_device, pt: packet_type, orig_dev: net_device): number;
  list_func?(head: sk_buff_head, pt: packet_type, orig_dev: net_device): void;
  af_packet_priv?: unknown;
  ignore_outgoing?: boolean;
}

/** Callbacks of GRO and GSO for a packet type. */
export interface packet_offload {
  type: number;
  priority: number;
  gso_segment(skb: sk_buff, features: number): sk_buff | null | number;
  gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null;
  gro_complete(skb: sk_buff, nhoff: number): number;
}

export function dev_net(dev: net_device): net {
  return dev.nd_net;
}

export function netif_running(dev: net_device): boolean {
  return (dev.flags & IFF_UP) !== 0;
}

/** The link is there. */
export function netif_carrier_ok(dev: net_device): boolean {
  return (dev.state & __LINK_STATE_NOCARRIER) === 0;
}

/** Link and device are ready for packets. */
export function netif_oper_up(dev: net_device): boolean {
  return (dev.state & __LINK_STATE_NOCARRIER) === 0;
}

/** True where a driver took the packet, or it is lost. */
export function dev_xmit_complete(rc: number): boolean {
  return rc < NET_XMIT_MASK;
}

/** What a transport learns of a NET_XMIT_*, as -errno: congestion is none of its business. */
export function net_xmit_errno(e: number): number {
  return e !== NET_XMIT_CN ? -ENOBUFS : 0;
}

/** Packets keep their route through dev. */
export function netif_keep_dst(dev: net_device): void {
  dev.priv_flags &= ~IFF_XMIT_DST_RELEASE;
}

export function netif_queue_stopped(dev: net_device): boolean {
  return dev.tx_stopped;
}

/** The driver's private part; the driver knows its type. */
export function netdev_priv<T>(dev: net_device): T {
  return dev.priv as T;
}

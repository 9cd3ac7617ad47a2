// SPDX-License-Identifier: GPL-2.0-only
//
// Devices: registration, up and down; sending: dev_queue_xmit() -> qdisc -> dev_hard_start_xmit() ->
// the driver; receiving: a driver's napi_schedule() -> net_rx_action() -> its poll -> GRO ->
// netif_receive_skb_list_internal() -> the packet_types (ip_rcv, arp_rcv), or netif_rx() ->
// process_backlog() -> the same one by one.
//
// A device has one queue: where the kernel passes a netdev_queue, the device itself stands.

import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENETDOWN,
  ENFILE,
  ENOMEM,
  EOPNOTSUPP,
} from "../../include/uapi/asm-generic/errno.ts";
import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import { ETH_P_ALL, ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IS_ERR } from "../../include/linux/err.ts";
import { SCM_TSTAMP_SCHED } from "../../include/linux/errqueue.ts";
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from "../../include/linux/interrupt.ts";
import { jiffies, time_after_eq, usecs_to_jiffies } from "../../include/linux/jiffies.ts";
import {
  IFF_ALLMULTI,
  IFF_LOWER_UP,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
  IFF_XMIT_DST_RELEASE,
  IFNAMSIZ,
  NAPI_POLL_WEIGHT,
  NAPI_STATE_DISABLE,
  NAPI_STATE_MISSED,
  NAPI_STATE_SCHED,
  napi_struct,
  net_device,
  NET_RX_DROP,
  NET_RX_SUCCESS,
  NET_XMIT_MASK,
  NET_XMIT_SUCCESS,
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_FEAT_CHANGE,
  NETDEV_GOING_DOWN,
  NETDEV_REGISTER,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  netif_carrier_ok,
  NETIF_F_ALL_TSO,
  NETIF_F_CSUM_MASK,
  NETIF_F_FRAGLIST,
  NETIF_F_GSO,
  NETIF_F_GSO_MASK,
  NETIF_F_GSO_SHIFT,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_SG,
  NETIF_F_SOFT_FEATURES,
  NETIF_F_TSO_MANGLEID,
  netif_running,
} from "../../include/linux/netdevice.ts";
import { dev_xmit_complete } from "../../include/linux/netdevice.ts";
import type { packet_type, rtnl_link_stats64 } from "../../include/linux/netdevice.ts";
import { notifier_to_errno, raw_notifier_head } from "../../include/linux/notifier.ts";
import type { notifier_block } from "../../include/linux/notifier.ts";
import { in_interrupt, preempt_count, preempt_count_set } from "../../include/linux/preempt.ts";
import {
  __skb_dequeue,
  __skb_queue_tail,
  __skb_unlink,
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  ip_hdr,
  PACKET_LOOPBACK,
  PACKET_OUTGOING,
  sk_buff_head,
  skb_dst_drop,
  SKB_GSO_TCPV4,
  SKB_GSO_UDP_L4,
  skb_is_gso,
  skb_queue_head_init,
  skb_queue_splice_tail_init,
  skb_reset_mac_header,
  skb_reset_mac_len,
  skb_reset_network_header,
  skb_reset_transport_header,
  SKBFL_SHARED_FRAG,
  SKBTX_SCHED_TSTAMP,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { ktime_get_real } from "../../include/linux/timekeeping.ts";
import {
  SKB_DROP_REASON_CPU_BACKLOG,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_RECURSION_LIMIT,
  SKB_DROP_REASON_SKB_GSO_SEG,
  SKB_DROP_REASON_SKB_UCOPY_FAULT,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  SKB_NOT_DROPPED_YET,
} from "../../include/net/dropreason.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { TCQ_F_CAN_BYPASS } from "../../include/net/sch_generic.ts";
import type { Qdisc } from "../../include/net/sch_generic.ts";
import {
  raw_notifier_call_chain,
  raw_notifier_chain_register,
  raw_notifier_chain_unregister,
} from "../../kernel/notifier.ts";
import {
  local_bh_disable,
  local_bh_enable,
  open_softirq,
  raise_softirq_irqoff,
} from "../../kernel/softirq.ts";
import { csum_fold } from "../../lib/checksum.ts";
import { eth_type_trans, ether_setup } from "../ethernet/eth.ts";
import {
  __qdisc_run,
  dev_activate,
  dev_deactivate,
  dev_init_scheduler,
  dev_shutdown,
  netif_carrier_off,
  netif_carrier_on,
  qdisc_bstats_update,
  qdisc_run,
  qdisc_run_begin,
  qdisc_run_end,
  sch_direct_xmit,
  sch_init,
  xmit_ret,
} from "../sched/sch_generic.ts";
import {
  gro_init,
  gro_normal_list,
  napi_gro_flush,
  napi_gro_purge,
  skb_mac_gso_segment,
  skb_network_protocol,
} from "./gro.ts";
import { init_net, net_namespace_list, register_pernet_device } from "./net_namespace.ts";
import {
  __skb_linearize,
  __skb_pull,
  __skb_tstamp_tx,
  consume_skb,
  kfree_skb_list_reason,
  kfree_skb_reason,
  skb_checksum,
  skb_clone,
  skb_cow_head,
  skb_ensure_writable,
  skb_orphan_frags,
  skb_orphan_frags_rx,
  skb_scrub_packet,
} from "./skbuff.ts";

export { netif_carrier_off, netif_carrier_on };

const PTYPE_HASH_SIZE = 16;
const PTYPE_HASH_MASK = PTYPE_HASH_SIZE - 1;

/** Receivers of all packets (taps), and of one type by ptype_head(). */
const ptype_all: packet_type[] = [];
const ptype_base: packet_type[][] = [];
for (let i = 0; i < PTYPE_HASH_SIZE; i++) ptype_base.push([]);

const netdev_chain = new raw_notifier_head<net_device>();

/** Sockets that want arrival times. */
let netstamp_needed = 0;

/** NAPI contexts that are to be polled, first to last. */
class napi_queue {
  head: napi_struct | null = null;
  tail: napi_struct | null = null;
}

/** The CPU's network state. */
class softnet_data {
  readonly poll_list = new napi_queue();
  readonly process_queue = new sk_buff_head();
  /** Queues that net_tx_action() is to run. */
  output_queue: Qdisc | null = null;
  output_queue_tail: Qdisc | null = null;
  readonly input_pkt_queue = new sk_buff_head();
  readonly backlog: napi_struct;
  /** Packets received; runs that ended with work left; packets dropped for want of room. */
  processed = 0;
  time_squeeze = 0;
  dropped = 0;
  /** Depth of devices that send through devices. */
  xmit_recursion = 0;
  xmit_more = false;
  /** Exceptions of the receive path. @local */
  oopses = 0;

  constructor() {
    // It has no device.
    this.backlog = new napi_struct(null as unknown as net_device, process_backlog);
  }
}

const XMIT_RECURSION_LIMIT = 8;

/** The one CPU's. */
export const softnet_data_cpu0: softnet_data = new softnet_data();
const sd = softnet_data_cpu0;

/** Called with what was thrown while packets were received. Without it the run throws it at its end. */
let net_rx_oops: ((error: unknown) => void) | null = null;

/** Who is told of exceptions of the receive path: the host. @local */
export function register_net_rx_oops(fn: ((error: unknown) => void) | null): void {
  net_rx_oops = fn;
}

function napi_queue_add(q: napi_queue, n: napi_struct): void {
  n.poll_next = null;
  if (q.tail === null) q.head = n;
  else q.tail.poll_next = n;
  q.tail = n;
}

function napi_queue_del(q: napi_queue, n: napi_struct): void {
  let prev: napi_struct | null = null;
  for (let p = q.head; p !== null; prev = p, p = p.poll_next) {
    if (p !== n) continue;
    if (prev === null) q.head = n.poll_next;
    else prev.poll_next = n.poll_next;
    if (q.tail === n) q.tail = prev;
    n.poll_next = null;
    return;
  }
}

/** Appends list to q and empties it. */
function napi_queue_splice(list: napi_queue, q: napi_queue): void {
  if (list.head === null) return;
  if (q.tail === null) q.head = list.head;
  else q.tail.poll_next = list.head;
  q.tail = list.tail;
  list.head = list.tail = null;
}

function ptype_head(pt: packet_type): packet_type[] {
  if (pt.type === ETH_P_ALL) return pt.dev !== null ? pt.dev.ptype_all : ptype_all;
  return pt.dev !== null ? pt.dev.ptype_specific : ptype_base[pt.type & PTYPE_HASH_MASK];
}

/** Has pt.func called for packets of its type, ETH_P_ALL for all. */
export function dev_add_pack(pt: packet_type): void {
  ptype_head(pt).unshift(pt);
}

export function __dev_remove_pack(pt: packet_type): void {
  const head = ptype_head(pt);
  const i = head.indexOf(pt);
  if (i >= 0) head.splice(i, 1);
}

export function dev_remove_pack(pt: packet_type): void {
  __dev_remove_pack(pt);
}

export function __dev_get_by_name(net: net, name: string): net_device | null {
  return net.dev_name_head.get(name) ?? null;
}

export function dev_get_by_name(net: net, name: string): net_device | null {
  return net.dev_name_head.get(name) ?? null;
}

export function __dev_get_by_index(net: net, ifindex: number): net_device | null {
  return net.dev_index_head.get(ifindex) ?? null;
}

export function dev_get_by_index(net: net, ifindex: number): net_device | null {
  return net.dev_index_head.get(ifindex) ?? null;
}

export function dev_get_by_index_rcu(net: net, ifindex: number): net_device | null {
  return net.dev_index_head.get(ifindex) ?? null;
}

/** The first device that is up, of a type. */
export function dev_getfirstbyhwtype(net: net, type: number): net_device | null {
  return net.dev_base_head.find((dev) => dev.type === type) ?? null;
}

/** A name that a device may have. */
export function dev_valid_name(name: string): boolean {
  return name !== "" && name.length < IFNAMSIZ && name !== "." && name !== ".." &&
    !/[/:\s]/.test(name);
}

/** The name with the least number in the place of %d that no device has; or a negative errno. */
function __dev_alloc_name(net: net, name: string): string | number {
  if (!dev_valid_name(name)) return -EINVAL;
  const at = name.indexOf("%");
  if (at < 0) return name;
  if (name[at + 1] !== "d" || name.indexOf("%", at + 1) >= 0) return -EINVAL;
  for (let i = 0; i < 32768; i++) {
    const s = name.replace("%d", String(i));
    if (!net.dev_name_head.has(s)) return s.length < IFNAMSIZ ? s : -EINVAL;
  }
  return -ENFILE;
}

/** Gives dev a name by a format like veth%d; 0 or a negative errno. */
export function dev_alloc_name(dev: net_device, name: string): number {
  const s = __dev_alloc_name(dev.nd_net, name);
  if (typeof s === "number") return s;
  dev.name = s;
  return 0;
}

function dev_get_valid_name(net: net, dev: net_device, name: string): number {
  const s = __dev_alloc_name(net, name);
  if (typeof s === "number") return s;
  if (net.dev_name_head.has(s)) return -EEXIST;
  dev.name = s;
  return 0;
}

/** Gives a device that is down another name; 0 or a negative errno. */
export function dev_change_name(dev: net_device, newname: string): number {
  const net = dev.nd_net;
  if ((dev.flags & IFF_UP) !== 0) return -EBUSY;
  if (newname === dev.name) return 0;
  net.dev_name_head.delete(dev.name);
  const err = dev_get_valid_name(net, dev, newname);
  net.dev_name_head.set(dev.name, dev);
  if (err === 0) call_netdevice_notifiers(NETDEV_CHANGENAME, dev);
  return err;
}

/** A number that no device of the host has. */
function dev_new_index(net: net): number {
  let ifindex = net.ifindex;
  do ifindex++; while (net.dev_index_head.has(ifindex));
  net.ifindex = ifindex;
  return ifindex;
}

function list_netdevice(dev: net_device): void {
  const net = dev.nd_net;
  net.dev_base_head.push(dev);
  net.dev_name_head.set(dev.name, dev);
  net.dev_index_head.set(dev.ifindex, dev);
  net.dev_base_seq++;
}

function unlist_netdevice(dev: net_device): void {
  const net = dev.nd_net;
  const i = net.dev_base_head.indexOf(dev);
  if (i >= 0) net.dev_base_head.splice(i, 1);
  net.dev_name_head.delete(dev.name);
  net.dev_index_head.delete(dev.ifindex);
  net.dev_base_seq++;
}

function call_netdevice_unregister_notifiers(
  nb: notifier_block<net_device>,
  dev: net_device,
): void {
  if ((dev.flags & IFF_UP) !== 0) {
    nb.notifier_call(nb, NETDEV_GOING_DOWN, dev);
    nb.notifier_call(nb, NETDEV_DOWN, dev);
  }
  nb.notifier_call(nb, NETDEV_UNREGISTER, dev);
}

/** Asks to be told of NETDEV_*; of the devices there are, as if they came now. 0 or a negative errno. */
export function register_netdevice_notifier(nb: notifier_block<net_device>): number {
  const err = raw_notifier_chain_register(netdev_chain, nb);
  if (err !== 0) return err;
  for (const net of net_namespace_list) {
    for (const dev of net.dev_base_head) {
      const ret = notifier_to_errno(nb.notifier_call(nb, NETDEV_REGISTER, dev));
      if (ret !== 0) {
        raw_notifier_chain_unregister(netdev_chain, nb);
        return ret;
      }
      if ((dev.flags & IFF_UP) !== 0) nb.notifier_call(nb, NETDEV_UP, dev);
    }
  }
  return 0;
}

export function unregister_netdevice_notifier(nb: notifier_block<net_device>): number {
  const err = raw_notifier_chain_unregister(netdev_chain, nb);
  if (err !== 0) return err;
  for (const net of net_namespace_list) {
    for (const dev of net.dev_base_head) call_netdevice_unregister_notifiers(nb, dev);
  }
  return 0;
}

/** Tells all of a device's event; the last answer. */
export function call_netdevice_notifiers(val: number, dev: net_device): number {
  return raw_notifier_call_chain(netdev_chain, val, dev);
}

/** The device's state changed otherwise. */
export function netdev_state_change(dev: net_device): void {
  if ((dev.flags & IFF_UP) !== 0) call_netdevice_notifiers(NETDEV_CHANGE, dev);
}

/** The link came or went: the queue is put to use or out of it, and all are told. */
function linkwatch_do_dev(dev: net_device): void {
  if ((dev.flags & IFF_UP) === 0) return;
  if (netif_carrier_ok(dev)) dev_activate(dev);
  else dev_deactivate(dev);
  netdev_state_change(dev);
}

function __dev_open(dev: net_device): number {
  // The driver may have packets come as it opens.
  dev.flags |= IFF_UP;
  const ret = dev.netdev_ops.ndo_open?.(dev) ?? 0;
  if (ret !== 0) dev.flags &= ~IFF_UP;
  else dev_activate(dev);
  return ret;
}

/** Brings a device up; 0 or a negative errno. */
export function dev_open(dev: net_device): number {
  if ((dev.flags & IFF_UP) !== 0) return 0;
  const ret = __dev_open(dev);
  if (ret < 0) return ret;
  call_netdevice_notifiers(NETDEV_UP, dev);
  return ret;
}

function __dev_close(dev: net_device): void {
  call_netdevice_notifiers(NETDEV_GOING_DOWN, dev);
  dev_deactivate(dev);
  dev.netdev_ops.ndo_stop?.(dev);
  dev.flags &= ~IFF_UP;
}

/** Takes a device down. */
export function dev_close(dev: net_device): void {
  if ((dev.flags & IFF_UP) === 0) return;
  __dev_close(dev);
  call_netdevice_notifiers(NETDEV_DOWN, dev);
}

/** Flags as programs see them, with the link's state. */
export function dev_get_flags(dev: net_device): number {
  let flags = dev.flags & ~(IFF_RUNNING | IFF_LOWER_UP);
  if (netif_running(dev) && netif_carrier_ok(dev)) flags |= IFF_RUNNING | IFF_LOWER_UP;
  return flags;
}

/** Flags that a program may set. */
const IFF_SETTABLE = IFF_UP | IFF_PROMISC | IFF_ALLMULTI | (1 << 2) | (1 << 5) | (1 << 7) |
  (1 << 12) | (1 << 13) | (1 << 14) | (1 << 15);

function __dev_change_flags(dev: net_device, flags: number): number {
  const old_flags = dev.flags;
  dev.flags = (flags & IFF_SETTABLE & ~IFF_UP) | (old_flags & (~IFF_SETTABLE | IFF_UP));
  if (((old_flags ^ flags) & IFF_UP) === 0) return 0;
  if ((old_flags & IFF_UP) === 0) return __dev_open(dev);
  __dev_close(dev);
  return 0;
}

function __dev_notify_flags(dev: net_device, old_flags: number): void {
  const changes = dev.flags ^ old_flags;
  if ((changes & IFF_UP) !== 0) {
    call_netdevice_notifiers((dev.flags & IFF_UP) !== 0 ? NETDEV_UP : NETDEV_DOWN, dev);
  }
  if ((dev.flags & IFF_UP) !== 0 && (changes & ~(IFF_UP | IFF_PROMISC | IFF_ALLMULTI)) !== 0) {
    call_netdevice_notifiers(NETDEV_CHANGE, dev);
  }
}

/** Sets IFF_UP and the other flags that may be set; 0 or a negative errno. */
export function dev_change_flags(dev: net_device, flags: number): number {
  const old_flags = dev.flags;
  const ret = __dev_change_flags(dev, flags);
  if (ret < 0) return ret;
  __dev_notify_flags(dev, old_flags);
  return ret;
}

/** Sets the MTU, bytes: 0, or -EINVAL where the device cannot. */
export function dev_set_mtu(dev: net_device, new_mtu: number): number {
  if (new_mtu === dev.mtu) return 0;
  if (new_mtu < dev.min_mtu || (dev.max_mtu > 0 && new_mtu > dev.max_mtu)) return -EINVAL;
  const orig_mtu = dev.mtu;
  const err = __dev_set_mtu(dev, new_mtu);
  if (err !== 0) return err;
  const ret = notifier_to_errno(call_netdevice_notifiers(NETDEV_CHANGEMTU, dev));
  if (ret === 0) return 0;
  __dev_set_mtu(dev, orig_mtu);
  call_netdevice_notifiers(NETDEV_CHANGEMTU, dev);
  return ret;
}

function __dev_set_mtu(dev: net_device, new_mtu: number): number {
  const ops = dev.netdev_ops;
  if (ops.ndo_change_mtu !== undefined) return ops.ndo_change_mtu(dev, new_mtu);
  dev.mtu = new_mtu;
  return 0;
}

/** Sets the link address; 0 or a negative errno. */
export function dev_set_mac_address(dev: net_device, addr: Uint8Array): number {
  const ops = dev.netdev_ops;
  if (ops.ndo_set_mac_address === undefined) return -EOPNOTSUPP;
  const err = ops.ndo_set_mac_address(dev, addr);
  if (err !== 0) return err;
  call_netdevice_notifiers(NETDEV_CHANGEADDR, dev);
  return 0;
}

export function dev_set_tx_queue_len(dev: net_device, new_len: number): number {
  if (new_len < 0) return -EINVAL;
  dev.tx_queue_len = new_len;
  return 0;
}

/** The device's counters. */
export function dev_get_stats(dev: net_device): rtnl_link_stats64 {
  return dev.stats;
}

/** Features that go together: TSO needs scatter-gather and checksums. */
function netdev_fix_features(_dev: net_device, features: number): number {
  if ((features & NETIF_F_ALL_TSO) !== 0 && (features & NETIF_F_CSUM_MASK) === 0) {
    features &= ~NETIF_F_ALL_TSO;
  }
  if ((features & NETIF_F_SG) === 0) features &= ~(NETIF_F_ALL_TSO | NETIF_F_GSO);
  return features;
}

/** Features were switched on or off; they are made to fit, and all are told. */
export function netdev_update_features(dev: net_device): void {
  dev.features = netdev_fix_features(dev, dev.features);
  call_netdevice_notifiers(NETDEV_FEAT_CHANGE, dev);
}

/**
 * A new device, its name perhaps with %d; `priv` is the driver's own state. It is registered by
 * register_netdevice().
 * @differs no size of the private part, no name_assign_type, no queues: one for each direction
 */
export function alloc_netdev(
  priv: unknown,
  name: string,
  setup: (dev: net_device) => void,
): net_device {
  const dev = new net_device(name);
  dev.priv = priv;
  setup(dev);
  dev.nd_net = init_net;
  return dev;
}

export const alloc_netdev_mqs = alloc_netdev;

/** A new Ethernet device. @differs stands here since dev.ts imports net/ethernet/eth.ts */
export function alloc_etherdev(priv: unknown): net_device {
  return alloc_netdev(priv, "eth%d", ether_setup);
}

export function dev_net_set(dev: net_device, net: net): void {
  dev.nd_net = net;
}

/** Frees a device that is not registered. */
export function free_netdev(dev: net_device): void {
  for (const napi of dev.napi_list.slice()) netif_napi_del(napi);
}

/** Makes a device known to its host; 0 or a negative errno. */
export function register_netdevice(dev: net_device): number {
  const net = dev.nd_net;
  if (dev.registered) return -EBUSY;
  let ret = dev_get_valid_name(net, dev, dev.name);
  if (ret < 0) return ret;
  ret = dev.netdev_ops.ndo_init?.(dev) ?? 0;
  if (ret !== 0) return ret > 0 ? -EINVAL : ret;
  if (dev.ifindex !== 0 && net.dev_index_head.has(dev.ifindex)) ret = -EBUSY;
  else if (dev.ifindex === 0) dev.ifindex = dev_new_index(net);
  if (ret !== 0) {
    dev.netdev_ops.ndo_uninit?.(dev);
    return ret;
  }
  dev.features = netdev_fix_features(dev, dev.features | NETIF_F_SOFT_FEATURES);
  dev.flags &= ~IFF_UP;
  dev_init_scheduler(dev);
  dev.registered = true;
  list_netdevice(dev);
  ret = notifier_to_errno(call_netdevice_notifiers(NETDEV_REGISTER, dev));
  if (ret !== 0) unregister_netdevice(dev);
  return ret;
}

export function register_netdev(dev: net_device): number {
  return register_netdevice(dev);
}

/** Drops what has come by netif_rx() from a device that goes. */
function flush_backlog(dev: net_device): void {
  for (const q of [sd.input_pkt_queue, sd.process_queue]) {
    for (let skb = q.next; skb !== null;) {
      const next: sk_buff | null = skb.next;
      if (skb.dev === dev) {
        __skb_unlink(skb, q);
        kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
      }
      skb = next;
    }
  }
}

/** Takes a device from its host, after it was taken down. */
export function unregister_netdevice(dev: net_device): void {
  if (!dev.registered) return;
  dev_close(dev);
  unlist_netdevice(dev);
  flush_backlog(dev);
  dev_shutdown(dev);
  call_netdevice_notifiers(NETDEV_UNREGISTER, dev);
  dev.registered = false;
  dev.netdev_ops.ndo_uninit?.(dev);
  free_netdev(dev);
}

export function unregister_netdev(dev: net_device): void {
  unregister_netdevice(dev);
}

/** Moves a device to another host, under `pat` where its name is taken; 0 or a negative errno. */
export function dev_change_net_namespace(dev: net_device, net: net, pat: string | null): number {
  if (!dev.registered) return -EINVAL;
  if (dev.nd_net === net) return 0;
  let name: string | number = dev.name;
  if (net.dev_name_head.has(name)) {
    if (pat === null) return -EEXIST;
    name = __dev_alloc_name(net, pat);
    if (typeof name === "number") return name;
  }
  dev_close(dev);
  unlist_netdevice(dev);
  flush_backlog(dev);
  dev_shutdown(dev);
  call_netdevice_notifiers(NETDEV_UNREGISTER, dev);
  dev.nd_net = net;
  dev.name = name;
  if (net.dev_index_head.has(dev.ifindex)) dev.ifindex = dev_new_index(net);
  list_netdevice(dev);
  call_netdevice_notifiers(NETDEV_REGISTER, dev);
  return 0;
}

/** Has arrival and departure times noted in packets. */
export function net_enable_timestamp(): void {
  netstamp_needed++;
}

export function net_disable_timestamp(): void {
  netstamp_needed--;
}

export function __net_timestamp(skb: sk_buff): void {
  skb.mono_delivery_time = false;
  skb.tstamp = ktime_get_real();
}

/** `prequeue`: it has not waited for NET_RX yet. */
function net_timestamp_check(prequeue: boolean, skb: sk_buff): void {
  if (netstamp_needed === 0 || skb.tstamp !== 0) return;
  if ((init_net.core.netdev_tstamp_prequeue !== 0) === prequeue) __net_timestamp(skb);
}

/** Whether a packet may be given to dev as if received: it is up, and the packet not too long. */
export function is_skb_forwardable(dev: net_device, skb: sk_buff): boolean {
  if ((dev.flags & IFF_UP) === 0) return false;
  return skb.len <= dev.mtu + dev.hard_header_len + 4 || skb_is_gso(skb);
}

/** Makes a packet that another device sent one that dev receives; 0, or NET_RX_DROP and it is freed. */
export function __dev_forward_skb(dev: net_device, skb: sk_buff): number {
  let reason = SKB_NOT_DROPPED_YET;
  if (skb_orphan_frags(skb) !== 0) reason = SKB_DROP_REASON_SKB_UCOPY_FAULT;
  else if ((dev.flags & IFF_UP) === 0) reason = SKB_DROP_REASON_DEV_READY;
  else if (!is_skb_forwardable(dev, skb)) reason = SKB_DROP_REASON_PKT_TOO_BIG;
  if (reason !== SKB_NOT_DROPPED_YET) {
    dev.stats.rx_dropped++;
    kfree_skb_reason(skb, reason);
    return NET_RX_DROP;
  }
  skb_scrub_packet(skb, skb.dev === null || skb.dev.nd_net !== dev.nd_net);
  skb.priority = 0;
  skb.protocol = eth_type_trans(skb, dev);
  return 0;
}

/** Has dev receive a packet that another device sent; NET_RX_*. */
export function dev_forward_skb(dev: net_device, skb: sk_buff): number {
  const ret = __dev_forward_skb(dev, skb);
  return ret !== 0 ? ret : netif_rx(skb);
}

/** Gives a packet to a receiver, keeping our own reference; what it answers. */
function deliver_skb(skb: sk_buff, pt_prev: packet_type, orig_dev: net_device): number {
  if (skb_orphan_frags_rx(skb) !== 0) return -ENOMEM;
  skb.users++;
  return pt_prev.func(skb, skb.dev as net_device, pt_prev, orig_dev);
}

/** Whether a tap is that of the socket that sends. */
function skb_loop_sk(ptype: packet_type, skb: sk_buff): boolean {
  return skb.sk !== null && ptype.af_packet_priv === skb.sk;
}

/** Somebody listens to what dev sends. */
export function dev_nit_active(dev: net_device): boolean {
  return ptype_all.length !== 0 || dev.ptype_all.length !== 0;
}

/** Makes the copy of an outgoing packet that taps get. */
function dev_nit_clone(skb: sk_buff): sk_buff {
  const skb2 = skb_clone(skb);
  if (netstamp_needed !== 0) __net_timestamp(skb2);
  else skb2.tstamp = 0;
  skb2.mono_delivery_time = false;
  skb_reset_mac_header(skb2);
  if (skb2.network_header < skb2.data || skb2.network_header > skb2.tail) {
    skb_reset_network_header(skb2);
  }
  skb2.transport_header = skb2.network_header;
  skb2.pkt_type = PACKET_OUTGOING;
  return skb2;
}

/** Shows an outgoing packet to the taps. */
export function dev_queue_xmit_nit(skb: sk_buff, dev: net_device): void {
  let skb2: sk_buff | null = null;
  let pt_prev: packet_type | null = null;
  for (let list = ptype_all;; list = dev.ptype_all) {
    for (let i = 0; i < list.length; i++) {
      const ptype = list[i];
      if (ptype.ignore_outgoing === true || skb_loop_sk(ptype, skb)) continue;
      if (pt_prev !== null) deliver_skb(skb2 as sk_buff, pt_prev, dev);
      else skb2 = dev_nit_clone(skb);
      pt_prev = ptype;
    }
    if (list === dev.ptype_all) break;
  }
  if (pt_prev === null) return;
  const copy = skb2 as sk_buff;
  if (skb_orphan_frags_rx(copy) === 0) pt_prev.func(copy, dev, pt_prev, dev);
  else kfree_skb_reason(copy, SKB_DROP_REASON_SKB_UCOPY_FAULT);
}

/** Has net_tx_action() run a queue. */
export function __netif_schedule(q: Qdisc): void {
  if (q.scheduled) return;
  q.scheduled = true;
  q.next_sched = null;
  if (sd.output_queue_tail === null) sd.output_queue = q;
  else sd.output_queue_tail.next_sched = q;
  sd.output_queue_tail = q;
  raise_softirq_irqoff(NET_TX_SOFTIRQ);
}

export const netif_schedule = __netif_schedule;

/** The driver can send. */
export function netif_start_queue(dev: net_device): void {
  dev.tx_stopped = false;
}

/** The driver cannot send for now. */
export function netif_stop_queue(dev: net_device): void {
  dev.tx_stopped = true;
}

/** The driver can send again: what is queued goes. */
export function netif_wake_queue(dev: net_device): void {
  if (!dev.tx_stopped) return;
  dev.tx_stopped = false;
  __netif_schedule(dev.qdisc);
}

export const netif_tx_start_all_queues = netif_start_queue;
export const netif_tx_stop_all_queues = netif_stop_queue;
export const netif_tx_wake_all_queues = netif_wake_queue;
export const netif_tx_start_queue = netif_start_queue;
export const netif_tx_stop_queue = netif_stop_queue;
export const netif_tx_wake_queue = netif_wake_queue;

/** More packets follow at once: a driver may put off ringing its bell. */
export function netdev_xmit_more(): boolean {
  return sd.xmit_more;
}

/** The device went to sleep: nothing is sent. */
export function netif_device_detach(dev: net_device): void {
  netif_stop_queue(dev);
}

export function netif_device_attach(dev: net_device): void {
  netif_wake_queue(dev);
}

/** Computes and stores the checksum that was left to the device; 0 or a negative errno. */
export function skb_checksum_help(skb: sk_buff): number {
  if (skb.ip_summed === CHECKSUM_COMPLETE) {
    skb.ip_summed = CHECKSUM_NONE;
    return 0;
  }
  if (skb_is_gso(skb)) {
    WARN_ONCE(true, "skb_checksum_help: of a GSO packet");
    return -EINVAL;
  }
  if (skb.data_len !== 0 && (skb.shinfo.flags & SKBFL_SHARED_FRAG) !== 0) {
    // Its bytes may change between now and when they are sent.
    const ret = __skb_linearize(skb);
    if (ret !== 0) return ret;
  }
  let offset = skb.csum_start - skb.data;
  const csum = csum_fold(skb_checksum(skb, offset, skb.len - offset, 0));
  offset += skb.csum_offset;
  const ret = skb_ensure_writable(skb, offset + 2);
  if (ret !== 0) return ret;
  skb.head.dv.setUint16(skb.data + offset, csum === 0 ? 0xffff : csum);
  skb.ip_summed = CHECKSUM_NONE;
  return 0;
}

/** Whether a packet cannot be cut as it is: its checksums are complete, or its headers shared. */
function skb_needs_check(skb: sk_buff, tx_path: boolean): boolean {
  if (tx_path) return skb.ip_summed !== CHECKSUM_PARTIAL && skb.ip_summed !== CHECKSUM_UNNECESSARY;
  return skb.ip_summed === CHECKSUM_NONE;
}

/**
 * Cuts a GSO packet. A list of segments linked by next, null where it may go as it is, or a negative
 * errno; the packet itself stays.
 */
export function __skb_gso_segment(
  skb: sk_buff,
  features: number,
  tx_path: boolean,
): sk_buff | null | number {
  if (skb_needs_check(skb, tx_path)) {
    const err = skb_cow_head(skb, 0);
    if (err < 0) return err;
  }
  skb_reset_mac_header(skb);
  skb_reset_mac_len(skb);
  return skb_mac_gso_segment(skb, features);
}

export function skb_gso_segment(skb: sk_buff, features: number): sk_buff | null | number {
  return __skb_gso_segment(skb, features, true);
}

/** Whether these features can send GSO packets of this kind. */
export function net_gso_ok(features: number, gso_type: number): boolean {
  let feature = (gso_type & 15) << NETIF_F_GSO_SHIFT;
  if ((gso_type & SKB_GSO_UDP_L4) !== 0) feature |= NETIF_F_GSO_UDP_L4;
  return (features & feature) === feature;
}

export function skb_gso_ok(skb: sk_buff, features: number): boolean {
  return net_gso_ok(features, skb.shinfo.gso_type) &&
    (skb.shinfo.frag_list === null || (features & NETIF_F_FRAGLIST) !== 0);
}

/** Whether a packet must be cut before such a device sends it. */
export function netif_needs_gso(skb: sk_buff, features: number): boolean {
  return skb_is_gso(skb) && (!skb_gso_ok(skb, features) ||
    (skb.ip_summed !== CHECKSUM_PARTIAL && skb.ip_summed !== CHECKSUM_UNNECESSARY));
}

function can_checksum_protocol(features: number, protocol: number): boolean {
  if ((features & NETIF_F_HW_CSUM) !== 0) return true;
  return protocol === ETH_P_IP && (features & NETIF_F_IP_CSUM) !== 0;
}

function harmonize_features(skb: sk_buff, features: number): number {
  if (
    skb.ip_summed !== CHECKSUM_NONE && !can_checksum_protocol(features, skb_network_protocol(skb))
  ) {
    features &= ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
  }
  return features;
}

/** What of GSO a device can do for this packet. */
function gso_features_check(skb: sk_buff, dev: net_device, features: number): number {
  const si = skb.shinfo;
  if (si.gso_segs > dev.gso_max_segs) return features & ~NETIF_F_GSO_MASK;
  if (skb.len >= dev.gso_max_size + dev.hard_header_len) return features & ~NETIF_F_GSO_MASK;
  if (si.gso_type === 0) return features & ~NETIF_F_GSO_MASK;
  if ((si.gso_type & SKB_GSO_TCPV4) !== 0 && (ip_hdr(skb).frag_off & IP_DF) === 0) {
    features &= ~NETIF_F_TSO_MANGLEID;
  }
  return features;
}

const IP_DF = 0x4000;

/** The device's features, as far as they are good for this packet. */
export function netif_skb_features(skb: sk_buff): number {
  const dev = skb.dev as net_device;
  let features = dev.features;
  if (skb_is_gso(skb)) features = gso_features_check(skb, dev, features);
  return harmonize_features(skb, features);
}

export function skb_needs_linearize(skb: sk_buff, features: number): boolean {
  if (skb.data_len === 0) return false;
  const si = skb.shinfo;
  return (si.frag_list !== null && (features & NETIF_F_FRAGLIST) === 0) ||
    (si.nr_frags !== 0 && (features & NETIF_F_SG) === 0);
}

export function skb_csum_hwoffload_help(skb: sk_buff, features: number): number {
  if ((features & NETIF_F_HW_CSUM) !== 0) return 0;
  if ((features & NETIF_F_IP_CSUM) !== 0 && (skb.csum_offset === 16 || skb.csum_offset === 6)) {
    return 0;
  }
  return skb_checksum_help(skb);
}

/** Frees a packet that cannot be sent. */
function validate_xmit_drop(skb: sk_buff, dev: net_device): null {
  dev.stats.tx_dropped++;
  kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
  return null;
}

/** The packet as its device can send it: cut, linear, with its checksum. Null: it was dropped. */
export function validate_xmit_skb(skb: sk_buff, dev: net_device): sk_buff | null {
  const features = netif_skb_features(skb);
  if (netif_needs_gso(skb, features)) {
    const segs = skb_gso_segment(skb, features);
    if (IS_ERR(segs)) return validate_xmit_drop(skb, dev);
    if (segs !== null) {
      consume_skb(skb);
      return segs;
    }
    return skb;
  }
  if (skb_needs_linearize(skb, features) && __skb_linearize(skb) !== 0) {
    return validate_xmit_drop(skb, dev);
  }
  if (skb.ip_summed === CHECKSUM_PARTIAL) {
    skb.transport_header = skb.csum_start;
    if (skb_csum_hwoffload_help(skb, features) !== 0) return validate_xmit_drop(skb, dev);
  }
  return skb;
}

/** validate_xmit_skb() of packets linked by next: all that came of it, linked by next. */
export function validate_xmit_skb_list(skb: sk_buff, dev: net_device): sk_buff | null {
  let head: sk_buff | null = null;
  let tail: sk_buff | null = null;
  for (let p: sk_buff | null = skb; p !== null;) {
    const next: sk_buff | null = p.next;
    p.next = null;
    // In case it is not cut, it is its own tail.
    p.prev = p;
    const one = validate_xmit_skb(p, dev);
    p = next;
    if (one === null) continue;
    if (tail === null) head = one;
    else tail.next = one;
    tail = one.prev;
  }
  return head;
}

function xmit_one(skb: sk_buff, dev: net_device, more: boolean): number {
  if (ptype_all.length !== 0 || dev.ptype_all.length !== 0) dev_queue_xmit_nit(skb, dev);
  sd.xmit_more = more;
  return dev.netdev_ops.ndo_start_xmit(skb, dev);
}

/** Hands packets linked by next to the driver: those that are left; ret.rc is the driver's last word. */
export function dev_hard_start_xmit(
  first: sk_buff,
  dev: net_device,
  ret: xmit_ret,
): sk_buff | null {
  let skb: sk_buff | null = first;
  let rc = NETDEV_TX_OK;
  while (skb !== null) {
    const next: sk_buff | null = skb.next;
    skb.next = null;
    skb.prev = null;
    rc = xmit_one(skb, dev, next !== null);
    if (!dev_xmit_complete(rc)) {
      skb.next = next;
      break;
    }
    skb = next;
    if (dev.tx_stopped && skb !== null) {
      rc = NETDEV_TX_BUSY;
      break;
    }
  }
  ret.rc = rc;
  return skb;
}

/** Queues or sends a packet; NET_XMIT_*. */
function __dev_xmit_skb(skb: sk_buff, q: Qdisc, dev: net_device): number {
  if (
    (q.flags & TCQ_F_CAN_BYPASS) !== 0 && q.q.qlen === 0 && !dev.tx_stopped && qdisc_run_begin(q)
  ) {
    qdisc_bstats_update(q, skb);
    if (sch_direct_xmit(skb, q, dev, true) && q.q.qlen !== 0) __qdisc_run(q);
    qdisc_run_end(q);
    return NET_XMIT_SUCCESS;
  }
  const enqueue = q.ops.enqueue as (skb: sk_buff, sch: Qdisc) => number;
  const rc = enqueue(skb, q) & NET_XMIT_MASK;
  if (qdisc_run_begin(q)) {
    __qdisc_run(q);
    qdisc_run_end(q);
  }
  return rc;
}

const noqueue_ret = new xmit_ret();

/** Sends a packet through a device without a queue; 0 or a negative errno. */
function dev_xmit_noqueue(skb: sk_buff, dev: net_device): number {
  if ((dev.flags & IFF_UP) === 0 || sd.xmit_recursion >= XMIT_RECURSION_LIMIT) {
    WARN_ONCE(sd.xmit_recursion >= XMIT_RECURSION_LIMIT, "dev_queue_xmit: recursion");
    dev.stats.tx_dropped++;
    const down = (dev.flags & IFF_UP) === 0;
    kfree_skb_list_reason(
      skb,
      down ? SKB_DROP_REASON_DEV_READY : SKB_DROP_REASON_RECURSION_LIMIT,
    );
    return -ENETDOWN;
  }
  const segs = validate_xmit_skb(skb, dev);
  if (segs === null) return -ENOMEM;
  let left: sk_buff | null = segs;
  if (!dev.tx_stopped) {
    sd.xmit_recursion++;
    left = dev_hard_start_xmit(segs, dev, noqueue_ret);
    sd.xmit_recursion--;
    const { rc } = noqueue_ret;
    if (dev_xmit_complete(rc)) return rc;
  }
  dev.stats.tx_dropped++;
  kfree_skb_list_reason(left, SKB_DROP_REASON_DEV_READY);
  return -ENETDOWN;
}

/** Sends a packet with its link header through skb.dev. NET_XMIT_*, or a negative errno; skb is gone. */
export function __dev_queue_xmit(skb: sk_buff, _sb_dev: net_device | null): number {
  const dev = skb.dev as net_device;
  skb_reset_mac_header(skb);
  if ((skb.shinfo.tx_flags & SKBTX_SCHED_TSTAMP) !== 0) {
    __skb_tstamp_tx(skb, null, null, skb.sk, SCM_TSTAMP_SCHED);
  }
  local_bh_disable();
  if ((dev.priv_flags & IFF_XMIT_DST_RELEASE) !== 0) skb_dst_drop(skb);
  const q = dev.qdisc;
  const rc = q.ops.enqueue !== null ? __dev_xmit_skb(skb, q, dev) : dev_xmit_noqueue(skb, dev);
  local_bh_enable();
  return rc;
}

export function dev_queue_xmit(skb: sk_buff): number {
  return __dev_queue_xmit(skb, null);
}

/** Sends back to this host a packet for a group that it is in; 0. */
export function dev_loopback_xmit(_net: net, _sk: unknown, skb: sk_buff): number {
  skb_reset_mac_header(skb);
  __skb_pull(skb, skb.network_header - skb.data);
  skb.pkt_type = PACKET_LOOPBACK;
  if (skb.ip_summed === CHECKSUM_NONE) skb.ip_summed = CHECKSUM_UNNECESSARY;
  netif_rx(skb);
  return 0;
}

/** Marks n as to be polled. */
function ____napi_schedule(n: napi_struct): void {
  napi_queue_add(sd.poll_list, n);
  raise_softirq_irqoff(NET_RX_SOFTIRQ);
}

/** Puts a packet on the backlog, which NET_RX_SOFTIRQ works off; NET_RX_*. */
function enqueue_to_backlog(skb: sk_buff): number {
  const dev = skb.dev as net_device;
  const queue = sd.input_pkt_queue;
  let reason: number;
  if (!netif_running(dev)) {
    reason = SKB_DROP_REASON_DEV_READY;
  } else if (queue.qlen > init_net.core.sysctl_netdev_max_backlog) {
    reason = SKB_DROP_REASON_CPU_BACKLOG;
    sd.dropped++;
  } else {
    const { backlog } = sd;
    if (queue.qlen === 0 && (backlog.state & NAPI_STATE_SCHED) === 0) {
      backlog.state |= NAPI_STATE_SCHED;
      ____napi_schedule(backlog);
    }
    __skb_queue_tail(queue, skb);
    return NET_RX_SUCCESS;
  }
  dev.stats.rx_dropped++;
  kfree_skb_reason(skb, reason);
  return NET_RX_DROP;
}

function netif_rx_internal(skb: sk_buff): number {
  net_timestamp_check(true, skb);
  return enqueue_to_backlog(skb);
}

/** As netif_rx(), in a softirq or with bottom halves disabled. */
export function __netif_rx(skb: sk_buff): number {
  return netif_rx_internal(skb);
}

/** Takes a received packet to be looked at soon; NET_RX_*. */
export function netif_rx(skb: sk_buff): number {
  const need_bh_off = !in_interrupt();
  if (need_bh_off) local_bh_disable();
  const ret = netif_rx_internal(skb);
  if (need_bh_off) local_bh_enable();
  return ret;
}

/** Runs the queues that were scheduled. */
function net_tx_action(): void {
  let head = sd.output_queue;
  sd.output_queue = sd.output_queue_tail = null;
  while (head !== null) {
    const q: Qdisc = head;
    head = q.next_sched;
    q.next_sched = null;
    q.scheduled = false;
    qdisc_run(q);
  }
}

/** Set by __netif_receive_skb_core(): the receiver that is still to be given the packet. */
let core_pt_prev: packet_type | null = null;

/** Gives skb to all of list that want this type but the last, which is answered. */
function deliver_ptype_list_skb(
  skb: sk_buff,
  pt_prev: packet_type | null,
  orig_dev: net_device,
  type: number,
  list: packet_type[],
): packet_type | null {
  for (let i = 0; i < list.length; i++) {
    const ptype = list[i];
    if (ptype.type !== type) continue;
    if (pt_prev !== null) deliver_skb(skb, pt_prev, orig_dev);
    pt_prev = ptype;
  }
  return pt_prev;
}

/** Shows a received packet to the taps but the last, which is answered. */
function deliver_taps(skb: sk_buff, orig_dev: net_device): packet_type | null {
  let pt_prev = deliver_ptype_list_skb(skb, null, orig_dev, ETH_P_ALL, ptype_all);
  pt_prev = deliver_ptype_list_skb(skb, pt_prev, orig_dev, ETH_P_ALL, orig_dev.ptype_all);
  return pt_prev;
}

/**
 * Finds who is to have a received packet, and gives it to all of them but the last: core_pt_prev, or
 * null where there was none and the packet is gone. NET_RX_*.
 */
function __netif_receive_skb_core(skb: sk_buff, pfmemalloc: boolean): number {
  const orig_dev = skb.dev as net_device;
  net_timestamp_check(false, skb);
  skb_reset_network_header(skb);
  if (skb.transport_header < 0) skb_reset_transport_header(skb);
  skb_reset_mac_len(skb);
  skb.skb_iif = orig_dev.ifindex;
  sd.processed++;

  let pt_prev: packet_type | null = null;
  if (!pfmemalloc && (ptype_all.length !== 0 || orig_dev.ptype_all.length !== 0)) {
    pt_prev = deliver_taps(skb, orig_dev);
  }
  const type = skb.protocol;
  pt_prev = deliver_ptype_list_skb(
    skb,
    pt_prev,
    orig_dev,
    type,
    ptype_base[type & PTYPE_HASH_MASK],
  );
  if (orig_dev.ptype_specific.length !== 0) {
    pt_prev = deliver_ptype_list_skb(skb, pt_prev, orig_dev, type, orig_dev.ptype_specific);
  }
  if (pt_prev !== null && skb_orphan_frags_rx(skb) === 0) {
    core_pt_prev = pt_prev;
    return NET_RX_SUCCESS;
  }
  core_pt_prev = null;
  orig_dev.stats.rx_dropped++;
  kfree_skb_reason(skb, SKB_DROP_REASON_UNHANDLED_PROTO);
  return NET_RX_DROP;
}

function __netif_receive_skb_one_core(skb: sk_buff, pfmemalloc: boolean): number {
  const orig_dev = skb.dev as net_device;
  const ret = __netif_receive_skb_core(skb, pfmemalloc);
  const pt_prev = core_pt_prev;
  if (pt_prev === null) return ret;
  return pt_prev.func(skb, skb.dev as net_device, pt_prev, orig_dev);
}

/** Gives packets that have the same receiver to it. */
function __netif_receive_skb_list_ptype(
  head: sk_buff_head,
  pt_prev: packet_type | null,
  orig_dev: net_device | null,
): void {
  if (pt_prev === null || head.next === null) return;
  if (pt_prev.list_func !== undefined) {
    pt_prev.list_func(head, pt_prev, orig_dev as net_device);
    return;
  }
  for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
    pt_prev.func(skb, skb.dev as net_device, pt_prev, orig_dev as net_device);
  }
}

/** Packets with the same receiver. A list is not received while another is. */
const sublist = new sk_buff_head();

function __netif_receive_skb_list_core(head: sk_buff_head, pfmemalloc: boolean): void {
  let pt_curr: packet_type | null = null;
  let od_curr: net_device | null = null;
  skb_queue_head_init(sublist);
  for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
    const orig_dev = skb.dev as net_device;
    __netif_receive_skb_core(skb, pfmemalloc);
    const pt_prev = core_pt_prev;
    if (pt_prev === null) continue;
    if (pt_curr !== pt_prev || od_curr !== orig_dev) {
      __netif_receive_skb_list_ptype(sublist, pt_curr, od_curr);
      skb_queue_head_init(sublist);
      pt_curr = pt_prev;
      od_curr = orig_dev;
    }
    __skb_queue_tail(sublist, skb);
  }
  __netif_receive_skb_list_ptype(sublist, pt_curr, od_curr);
}

function __netif_receive_skb(skb: sk_buff): number {
  return __netif_receive_skb_one_core(skb, false);
}

function __netif_receive_skb_list(head: sk_buff_head): void {
  __netif_receive_skb_list_core(head, false);
}

/** Receives a packet at once; NET_RX_*, or a receiver's answer. In a softirq. */
export function netif_receive_skb(skb: sk_buff): number {
  net_timestamp_check(true, skb);
  return __netif_receive_skb(skb);
}

/** As netif_receive_skb(), without looking for a hook of the device first. */
export function netif_receive_skb_core(skb: sk_buff): number {
  return __netif_receive_skb_one_core(skb, false);
}

/** Receives packets; the list is empty afterwards. */
export function netif_receive_skb_list_internal(head: sk_buff_head): void {
  if (netstamp_needed !== 0) {
    for (let skb = head.next; skb !== null; skb = skb.next) net_timestamp_check(true, skb);
  }
  __netif_receive_skb_list(head);
}

/** As netif_receive_skb_list_internal(), for a driver. */
export function netif_receive_skb_list(head: sk_buff_head): void {
  if (head.next !== null) netif_receive_skb_list_internal(head);
}

/** The poll function of packets that came by netif_rx(). */
function process_backlog(napi: napi_struct, quota: number): number {
  let work = 0;
  napi.weight = init_net.core.dev_rx_weight;
  for (;;) {
    let skb: sk_buff | null;
    while ((skb = __skb_dequeue(sd.process_queue)) !== null) {
      __netif_receive_skb(skb);
      if (++work >= quota) return work;
    }
    if (sd.input_pkt_queue.next === null) {
      napi.state &= ~NAPI_STATE_SCHED;
      return work;
    }
    skb_queue_splice_tail_init(sd.input_pkt_queue, sd.process_queue);
  }
}

/** Has n polled, which napi_schedule_prep() answered true for. */
export function __napi_schedule(n: napi_struct): void {
  ____napi_schedule(n);
}

export function __napi_schedule_irqoff(n: napi_struct): void {
  ____napi_schedule(n);
}

/** Whether n is to be scheduled now: it is neither scheduled nor disabled. */
export function napi_schedule_prep(n: napi_struct): boolean {
  const val = n.state;
  if ((val & NAPI_STATE_DISABLE) !== 0) return false;
  if ((val & NAPI_STATE_SCHED) !== 0) {
    n.state = val | NAPI_STATE_MISSED;
    return false;
  }
  n.state = val | NAPI_STATE_SCHED;
  return true;
}

/** Has n polled; false where it is already to be, or disabled. */
export function napi_schedule(n: napi_struct): boolean {
  if (!napi_schedule_prep(n)) return false;
  __napi_schedule(n);
  return true;
}

/**
 * A poll function has no more work: what GRO holds goes up, and interrupts may be enabled. False where
 * n was scheduled again meanwhile.
 */
export function napi_complete_done(n: napi_struct, _work_done: number): boolean {
  if (n.gro_bitmask !== 0) napi_gro_flush(n, false);
  gro_normal_list(n);
  if ((n.state & NAPI_STATE_DISABLE) !== 0) return false;
  const missed = (n.state & NAPI_STATE_MISSED) !== 0;
  n.state &= ~(NAPI_STATE_MISSED | NAPI_STATE_SCHED);
  if (!missed) return true;
  n.state |= NAPI_STATE_SCHED;
  __napi_schedule(n);
  return false;
}

export function napi_complete(n: napi_struct): boolean {
  return napi_complete_done(n, 0);
}

/** Prepares a NAPI context, which is disabled until napi_enable(). */
export function netif_napi_add(
  dev: net_device,
  napi: napi_struct,
  poll: (napi: napi_struct, budget: number) => number,
): void {
  netif_napi_add_weight(dev, napi, poll, NAPI_POLL_WEIGHT);
}

export function netif_napi_add_weight(
  dev: net_device,
  napi: napi_struct,
  poll: (napi: napi_struct, budget: number) => number,
  weight: number,
): void {
  napi.dev = dev;
  napi.poll = poll;
  napi.weight = weight;
  napi.state = NAPI_STATE_SCHED;
  if (!dev.napi_list.includes(napi)) dev.napi_list.push(napi);
}

/** Takes a NAPI context away, with what it holds. */
export function netif_napi_del(napi: napi_struct): void {
  const list = napi.dev.napi_list;
  const i = list.indexOf(napi);
  if (i >= 0) list.splice(i, 1);
  napi_queue_del(sd.poll_list, napi);
  napi_queue_del(rx_list, napi);
  napi_gro_purge(napi);
}

/** Keeps n from being polled. @differs need not wait for a poll to end: none runs beside us */
export function napi_disable(n: napi_struct): void {
  napi_queue_del(sd.poll_list, n);
  napi_queue_del(rx_list, n);
  n.state = NAPI_STATE_SCHED | NAPI_STATE_DISABLE;
  local_bh_disable();
  napi_gro_flush(n, false);
  gro_normal_list(n);
  local_bh_enable();
}

/** Undoes napi_disable(). */
export function napi_enable(n: napi_struct): void {
  WARN_ONCE((n.state & NAPI_STATE_SCHED) === 0, "napi_enable: of one that is enabled");
  n.state &= ~(NAPI_STATE_SCHED | NAPI_STATE_MISSED | NAPI_STATE_DISABLE);
}

/** Set by __napi_poll(): there is more to be polled. */
let napi_repoll = false;

function __napi_poll(n: napi_struct): number {
  const { weight } = n;
  napi_repoll = false;
  let work = 0;
  if ((n.state & NAPI_STATE_SCHED) !== 0) work = n.poll(n, weight);
  napi_repoll = false;
  if (work < weight) return work;
  // It was disabled or completed meanwhile.
  if ((n.state & (NAPI_STATE_SCHED | NAPI_STATE_DISABLE)) !== NAPI_STATE_SCHED) return work;
  if (n.gro_bitmask !== 0) napi_gro_flush(n, true);
  gro_normal_list(n);
  napi_repoll = true;
  return work;
}

/** Polls n once; it goes to repoll where it has more. Packets received. */
function napi_poll(n: napi_struct, repoll: napi_queue): number {
  const work = __napi_poll(n);
  if (napi_repoll) napi_queue_add(repoll, n);
  return work;
}

/** What net_rx_action() has still to poll, and what is to be polled again. */
const rx_list = new napi_queue();
const rx_repoll = new napi_queue();

/** Notes an exception of a poll function, which is to be polled on: one packet must not stop others. */
function net_rx_oopsed(n: napi_struct, error: unknown): void {
  sd.oopses++;
  sd.xmit_recursion = 0;
  for (const net of net_namespace_list) {
    for (const dev of net.dev_base_head) dev.qdisc.running = false;
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  WARN_ONCE(true, `net_rx_action: ${text}`);
  if ((n.state & (NAPI_STATE_SCHED | NAPI_STATE_DISABLE)) !== NAPI_STATE_SCHED) return;
  // It may have scheduled itself before it threw.
  napi_queue_del(sd.poll_list, n);
  napi_queue_add(rx_repoll, n);
}

/** Polls who is scheduled, until nobody is, or the budget of packets or time is used up. */
function net_rx_action(): void {
  const { core } = init_net;
  const time_limit = (jiffies + usecs_to_jiffies(core.netdev_budget_usecs)) | 0;
  let budget = core.netdev_budget;
  const prev_count = preempt_count();
  let oops: { error: unknown } | null = null;
  napi_queue_splice(sd.poll_list, rx_list);
  while (rx_list.head !== null) {
    const n: napi_struct = rx_list.head;
    napi_queue_del(rx_list, n);
    try {
      budget -= napi_poll(n, rx_repoll);
    } catch (error) {
      preempt_count_set(prev_count);
      net_rx_oopsed(n, error);
      if (net_rx_oops !== null) net_rx_oops(error);
      else oops ??= { error };
      budget--;
    }
    if (budget <= 0 || time_after_eq(jiffies, time_limit)) {
      sd.time_squeeze++;
      break;
    }
  }
  // Who was not polled is first, then who was scheduled meanwhile, then who has more.
  napi_queue_splice(sd.poll_list, rx_list);
  napi_queue_splice(rx_repoll, rx_list);
  napi_queue_splice(rx_list, sd.poll_list);
  if (sd.poll_list.head !== null) raise_softirq_irqoff(NET_RX_SOFTIRQ);
  if (oops !== null) throw oops.error;
}

/** Takes down and away the devices of a host that ends. */
function default_device_exit(net: net): void {
  for (const dev of net.dev_base_head.slice().reverse()) {
    if (!dev.registered) continue;
    const { dellink } = dev_link_ops(dev);
    if (dellink !== undefined) dellink(dev);
    else unregister_netdevice(dev);
  }
}

/** How a kind of device is taken away: veth's goes with its other end. @local */
export interface rtnl_link_ops {
  kind: string;
  dellink?(dev: net_device): void;
}

const no_link_ops: rtnl_link_ops = { kind: "" };
const link_ops = new WeakMap<net_device, rtnl_link_ops>();

/** Says of which kind a device is. @local */
export function dev_set_link_ops(dev: net_device, ops: rtnl_link_ops): void {
  link_ops.set(dev, ops);
}

/** The kind of a device. @local */
export function dev_link_ops(dev: net_device): rtnl_link_ops {
  return link_ops.get(dev) ?? no_link_ops;
}

function netdev_queues_init(): void {
  skb_queue_head_init(sd.input_pkt_queue);
  skb_queue_head_init(sd.process_queue);
  for (const q of [sd.poll_list, rx_list, rx_repoll]) q.head = q.tail = null;
  sd.output_queue = sd.output_queue_tail = null;
  sd.processed =
    sd.time_squeeze =
    sd.dropped =
    sd.oopses =
    sd.xmit_recursion =
      0;
  sd.backlog.state = 0;
  sd.backlog.weight = NAPI_POLL_WEIGHT;
}

/** Fresh device layer of a machine that boots. Needs net_ns_init(). */
export function net_dev_init(): void {
  ptype_all.length = 0;
  for (const list of ptype_base) list.length = 0;
  netdev_chain.head = null;
  netstamp_needed = 0;
  netdev_queues_init();
  gro_init(netif_receive_skb_list_internal);
  sch_init({
    dev_hard_start_xmit,
    validate_xmit_skb_list,
    netif_schedule: __netif_schedule,
    linkwatch_event: linkwatch_do_dev,
  });
  register_pernet_device({ exit: default_device_exit });
  open_softirq(NET_TX_SOFTIRQ, net_tx_action);
  open_softirq(NET_RX_SOFTIRQ, net_rx_action);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// net: one host: its devices, addresses, routes, sysctls and counters. A process may have several.

import type { net_device } from "../linux/netdevice.ts";
import {
  __ICMP_MIB_MAX,
  __IPSTATS_MIB_MAX,
  __LINUX_MIB_MAX,
  __TCP_MIB_MAX,
  __UDP_MIB_MAX,
} from "../uapi/linux/snmp.ts";
import { SOMAXCONN } from "../linux/socket.ts";
import { SKB_DROP_REASON_MAX } from "./dropreason.ts";
import { netns_ipv4 } from "./netns/ipv4.ts";

/** Counters by the names of include/uapi/linux/snmp.ts. */
export class netns_mib {
  readonly tcp_statistics = new Float64Array(__TCP_MIB_MAX);
  readonly ip_statistics = new Float64Array(__IPSTATS_MIB_MAX);
  readonly net_statistics = new Float64Array(__LINUX_MIB_MAX);
  readonly udp_statistics = new Float64Array(__UDP_MIB_MAX);
  readonly icmp_statistics = new Float64Array(__ICMP_MIB_MAX);
  /** ICMP messages by type: in at type, out at 256 + type. */
  readonly icmpmsg_statistics = new Float64Array(512);
  /** Packets dropped, by SKB_DROP_REASON_*. */
  readonly drop_reasons = new Float64Array(SKB_DROP_REASON_MAX);
}

/** net.core.* */
export class netns_core {
  sysctl_somaxconn = SOMAXCONN;
  sysctl_wmem_max = 4194304;
  sysctl_rmem_max = 4194304;
  sysctl_wmem_default = 212992;
  sysctl_rmem_default = 212992;
  sysctl_optmem_max = 131072;
  sysctl_txrehash = 1;
  /** Packets that wait for NET_RX, at most; and that one run handles, in how many us. */
  sysctl_netdev_max_backlog = 1000;
  netdev_budget = 300;
  /** Packets that one run of the backlog handles, and that one of a qdisc sends: dev_weight times its bias. */
  dev_weight = 64;
  dev_weight_rx_bias = 1;
  dev_weight_tx_bias = 1;
  dev_rx_weight = 64;
  dev_tx_weight = 64;
  /** Packets have their time of arrival from before they wait for NET_RX. */
  netdev_tstamp_prequeue = 1;
  netdev_budget_usecs = 2000;
  /** Sockets in use by protocol name (sock_prot_inuse_add). */
  readonly prot_inuse: Map<string, number> = new Map();
  /** Sockets of the namespace (sock_inuse_add). */
  sock_inuse = 0;
}

/** A host. */
export class net {
  name: string;
  /** Mixed into the hashes, so that hosts do not share chains. */
  hash_mix = 0;
  ifindex = 0;
  readonly dev_base_head: net_device[] = [];
  readonly dev_name_head: Map<string, net_device> = new Map();
  readonly dev_index_head: Map<number, net_device> = new Map();
  loopback_dev!: net_device;
  readonly ipv4 = new netns_ipv4();
  readonly core = new netns_core();
  readonly mib = new netns_mib();
  dev_base_seq = 0;

  constructor(name: string) {
    this.name = name;
  }
}

export function net_eq(a: net, b: net): boolean {
  return a === b;
}

/** What is mixed into a hash for this host. */
export function net_hash_mix(n: net): number {
  return n.hash_mix;
}

/** The generation of routes: one of another generation is looked up again. */
export function rt_genid_ipv4(n: net): number {
  return n.ipv4.rt_genid;
}

/** Makes all routes handed out so far invalid. */
export function rt_genid_bump_ipv4(n: net): void {
  n.ipv4.rt_genid = (n.ipv4.rt_genid + 1) | 0;
}

/** Code that wants to run for every host that starts or ends. */
export interface pernet_operations {
  init?(net: net): number;
  exit?(net: net): void;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// neighbour: a host on the link and what is known of its link address. The state machine is in
// net/core/neighbour.ts, its ARP half in net/ipv4/arp.ts.

import type { net_device } from "../linux/netdevice.ts";
import { sk_buff_head } from "../linux/skbuff.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import type { timer_list } from "../linux/timer.ts";
import type { net } from "./net_namespace.ts";

export const NUD_INCOMPLETE = 0x01;
export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_DELAY = 0x08;
export const NUD_PROBE = 0x10;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;
export const NUD_NONE = 0x00;

export const NUD_IN_TIMER = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;
export const NUD_VALID = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE |
  NUD_DELAY;
export const NUD_CONNECTED = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;

/** Configuration of one device's neighbours. Times in jiffies. */
export class neigh_parms {
  dev: net_device | null;
  tbl: neigh_table;
  mcast_probes = 3;
  ucast_probes = 3;
  app_probes = 0;
  mcast_reprobes = 0;
  retrans_time = 1000;
  base_reachable_time = 30000;
  /** Random, around base_reachable_time. */
  reachable_time = 30000;
  delay_probe_time = 5000;
  gc_staletime = 60000;
  /** Bytes of packets held while resolving. */
  queue_len_bytes = 212992;
  locktime = 1000;

  constructor(tbl: neigh_table, dev: net_device | null) {
    this.tbl = tbl;
    this.dev = dev;
  }
}

export interface neigh_ops {
  family: number;
  solicit(neigh: neighbour, skb: sk_buff | null): void;
  error_report(neigh: neighbour, skb: sk_buff): void;
  output(neigh: neighbour, skb: sk_buff): number;
  connected_output(neigh: neighbour, skb: sk_buff): number;
}

/** A cached link header, ready to be copied in front of a packet. */
export class hh_cache {
  /** Bytes of header; 0 while there is none. */
  hh_len = 0;
  readonly hh_data = new Uint8Array(16);
}

/** A host on the link. */
export class neighbour {
  next: neighbour | null = null;
  tbl: neigh_table;
  parms: neigh_parms;
  dev: net_device;
  /** IPv4 address (int32). */
  primary_key: number;
  /** Times in jiffies. */
  confirmed = 0;
  updated = 0;
  used = 0;
  readonly arp_queue = new sk_buff_head();
  arp_queue_len_bytes = 0;
  timer!: timer_list<neighbour>;
  probes = 0;
  /** NUD_* */
  nud_state = NUD_NONE;
  /** RTN_* of the address. */
  type = 0;
  dead = false;
  readonly ha = new Uint8Array(8);
  readonly hh = new hh_cache();
  output!: (neigh: neighbour, skb: sk_buff) => number;
  ops!: neigh_ops;

  constructor(tbl: neigh_table, parms: neigh_parms, dev: net_device, primary_key: number) {
    this.tbl = tbl;
    this.parms = parms;
    this.dev = dev;
    this.primary_key = primary_key;
  }
}

/** Neighbours of one protocol family, hashed by address and device. */
export interface neigh_table {
  family: number;
  id: string;
  parms: neigh_parms;
  hash_buckets: (neighbour | null)[];
  entries: number;
  gc_thresh1: number;
  gc_thresh2: number;
  gc_thresh3: number;
  last_flush: number;
  constructor_(neigh: neighbour): number;
  is_multicast(pkey: number): boolean;
  /** The table of one host: two hosts of a process do not share neighbours. */
  net?: net;
}

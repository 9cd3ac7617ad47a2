// SPDX-License-Identifier: GPL-2.0-only
//
// neighbour: a host on the link and what is known of its link address. The state machine is in
// net/core/neighbour.ts, its ARP half in net/ipv4/arp.ts.

import type { net_device } from "../linux/netdevice.ts";
import { sk_buff_head } from "../linux/skbuff.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import { jiffies } from "../linux/jiffies.ts";
import { timer_list } from "../linux/timer.ts";
import { delayed_work } from "../linux/workqueue.ts";

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
  /** What a proxy answers waits for up to this time, so that the host itself may answer first. */
  proxy_delay = 800;
  /** Questions that wait for a proxy's answer: at most, and now. */
  proxy_qlen = 64;
  qlen = 0;
  dead = false;
  /** What was set for this device: the table's defaults are nothing to it. */
  readonly data_state: Set<string> = new Set();

  constructor(tbl: neigh_table, dev: net_device | null) {
    this.tbl = tbl;
    this.dev = dev;
  }
}

export interface neigh_ops {
  family: number;
  /** Asks for the link address; skb is a packet that waits for it, and stays the caller's. */
  solicit?(neigh: neighbour, skb: sk_buff | null): void;
  /** The address could not be found: takes a packet that waited for it. */
  error_report?(neigh: neighbour, skb: sk_buff): void;
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
  readonly timer: timer_list<neighbour>;
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
    this.timer = new timer_list<neighbour>(this);
  }
}

/** What happened in a table. */
export class neigh_statistics {
  allocs = 0;
  destroys = 0;
  hash_grows = 0;
  res_failed = 0;
  lookups = 0;
  hits = 0;
  periodic_gc_runs = 0;
  forced_gc_runs = 0;
  unres_discards = 0;
  table_fulls = 0;
}

/** Neighbours of one protocol family, hashed by address and device. Set up by neigh_table_init(). */
export class neigh_table {
  family = 0;
  /** ETH_P_* of the packets that go to them. */
  protocol = 0;
  id = "";
  /** Defaults of the devices' parameters. */
  parms: neigh_parms;
  /** All parameters: the defaults and those of each device. */
  readonly parms_list: neigh_parms[] = [];
  hash_buckets: (neighbour | null)[] = [];
  hash_shift = 0;
  hash_rnd = 0;
  entries = 0;
  gc_thresh1 = 128;
  gc_thresh2 = 512;
  gc_thresh3 = 1024;
  /** jiffies */
  last_flush = 0;
  last_rand = 0;
  readonly gc_work: delayed_work<neigh_table>;
  stats: neigh_statistics = new neigh_statistics();
  hash: (pkey: number, dev: net_device, hash_rnd: number) => number = () => 0;
  /** Fills a new neighbour: 0 or a negative errno. */
  constructor_: (neigh: neighbour) => number = () => 0;
  is_multicast: (pkey: number) => boolean = () => false;
  /** Questions that wait for a proxy's answer, and who answers. */
  readonly proxy_queue = new sk_buff_head();
  readonly proxy_timer: timer_list<neigh_table>;
  proxy_redo: ((skb: sk_buff) => void) | null = null;

  constructor() {
    this.parms = new neigh_parms(this, null);
    this.gc_work = new delayed_work<neigh_table>(this);
    this.proxy_timer = new timer_list<neigh_table>(this);
  }
}

/** Flags of neigh_update(): a different address replaces the known one, */
export const NEIGH_UPDATE_F_OVERRIDE = 0x00000001;
/** or makes it suspect; */
export const NEIGH_UPDATE_F_WEAK_OVERRIDE = 0x00000002;
/** a user wants the entry looked after; */
export const NEIGH_UPDATE_F_USE = 0x10000000;
/** the change is an administrator's. */
export const NEIGH_UPDATE_F_ADMIN = 0x80000000 | 0;

/** The bucket of an address on a device. @local */
export function neigh_hashslot(tbl: neigh_table, pkey: number, dev: net_device): number {
  return tbl.hash(pkey, dev, tbl.hash_rnd) >>> (32 - tbl.hash_shift);
}

/** The neighbour with an address on a device, or null. */
export function __neigh_lookup_noref(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
): neighbour | null {
  let n = tbl.hash_buckets[neigh_hashslot(tbl, pkey, dev)];
  while (n !== null && (n.primary_key !== pkey || n.dev !== dev)) n = n.next;
  return n;
}

/** A layer above has heard from the neighbour: it is reachable. */
export function neigh_confirm(n: neighbour): void {
  if (n.confirmed !== jiffies) n.confirmed = jiffies;
}

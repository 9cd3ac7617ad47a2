// SPDX-License-Identifier: GPL-2.0-only
//
// Queues of fragments that wait for the rest of their packet; fqdir: all of a host, and their
// limits. Operations: net/ipv4/inet_fragment.ts; IPv4's part: ip_fragment.ts.

import { rb_root } from "../linux/rbtree.ts";
import type { sk_buff } from "../linux/skbuff.ts";
import { timer_list } from "../linux/timer.ts";
import type { net } from "./net_namespace.ts";

/** Flags of a queue: the first and the last fragment are here, no more is wanted. */
export const INET_FRAG_FIRST_IN = 1 << 0;
export const INET_FRAG_LAST_IN = 1 << 1;
export const INET_FRAG_COMPLETE = 1 << 2;
export const INET_FRAG_HASH_DEAD = 1 << 3;

/** Results of inet_frag_queue_insert(). */
export const IPFRAG_OK = 0;
export const IPFRAG_DUP = 1;
export const IPFRAG_OVERLAP = 2;

/** Fragments of one packet, and what tells them from those of others. */
export class inet_frag_queue {
  /** Key. */
  readonly saddr: number;
  readonly daddr: number;
  readonly user: number;
  readonly id: number;
  readonly protocol: number;
  /** Next queue of the hash chain. */
  next: inet_frag_queue | null = null;
  readonly timer: timer_list<inet_frag_queue>;
  refcnt = 3;
  /** By offset; each node heads a run of adjoining fragments. */
  readonly rb_fragments = new rb_root<sk_buff>();
  /** The fragment that reaches farthest, and the run that it is in. */
  fragments_tail: sk_buff | null = null;
  last_run_head: sk_buff | null = null;
  /** ns of the last fragment's arrival */
  stamp = 0;
  /** Length of the packet as known so far, and of the fragments that came, bytes. */
  len = 0;
  meat = 0;
  /** INET_FRAG_* */
  flags = 0;
  /** Largest fragment, bytes. */
  max_size = 0;
  readonly fqdir: fqdir;
  /** Largest fragment with DF. */
  max_df_size = 0;
  ecn = 0;
  iif = 0;
  /** Counts queued fragments of the peer, to notice a queue that is too old. */
  rid = 0;
  peer: unknown = null;

  constructor(
    fqd: fqdir,
    saddr: number,
    daddr: number,
    user: number,
    id: number,
    protocol: number,
  ) {
    this.fqdir = fqd;
    this.saddr = saddr;
    this.daddr = daddr;
    this.user = user;
    this.id = id;
    this.protocol = protocol;
    this.timer = new timer_list<inet_frag_queue>(this);
  }
}

/** What a protocol does with its queues. */
export interface inet_frags {
  /** The time of a queue is over. */
  frag_expire(q: inet_frag_queue): void;
  frags_cache_name: string;
}

/** All queues of a host. */
export class fqdir {
  /** Bytes: new queues are refused above high_thresh. */
  high_thresh = 0;
  low_thresh = 0;
  /** jiffies */
  timeout = 0;
  max_dist = 0;
  readonly f: inet_frags;
  readonly net: net;
  dead = false;
  /** Hash chains by key. */
  readonly rhashtable: (inet_frag_queue | null)[] = [];
  nr_queues = 0;
  /** Bytes of truesize held. */
  mem = 0;

  constructor(f: inet_frags, n: net) {
    this.f = f;
    this.net = n;
  }
}

export function frag_mem_limit(fqd: fqdir): number {
  return fqd.mem;
}

export function sub_frag_mem_limit(fqd: fqdir, val: number): void {
  fqd.mem -= val;
}

export function add_frag_mem_limit(fqd: fqdir, val: number): void {
  fqd.mem += val;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Queues of fragments, whatever the protocol: inet_frag_find() finds or makes the queue of a packet,
// inet_frag_queue_insert() puts a fragment in its place, inet_frag_reasm_prepare() and _finish() make one
// packet of them. Memory is limited by fqdir.high_thresh: above it no new queue is made.
//
// Adjoining fragments form a run: its head is in the tree, the others follow it by next_frag.

import { jiffies } from "../../include/linux/jiffies.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import { jhash_3words } from "../../include/linux/jhash.ts";
import { RB_CLEAR_NODE, RB_EMPTY_NODE, rb_link_node } from "../../include/linux/rbtree.ts";
import type { rb_node } from "../../include/linux/rbtree.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_NONE } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { timer_setup } from "../../include/linux/timer.ts";
import {
  add_frag_mem_limit,
  fqdir,
  INET_FRAG_COMPLETE,
  inet_frag_queue,
  IPFRAG_DUP,
  IPFRAG_OK,
  IPFRAG_OVERLAP,
  sub_frag_mem_limit,
} from "../../include/net/inet_frag.ts";
import type { inet_frags } from "../../include/net/inet_frag.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { SKB_DROP_REASON_FRAG_REASM_TIMEOUT } from "../../include/net/dropreason.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { csum_add } from "../../lib/checksum.ts";
import { rb_erase, rb_first, rb_insert_color, rb_next, rb_replace_node } from "../../lib/rbtree.ts";
import {
  consume_skb,
  kfree_skb_partial,
  kfree_skb_reason,
  skb_clone,
  skb_coalesce,
  skb_morph,
  skb_try_coalesce,
  skb_unclone,
} from "../core/skbuff.ts";

const FRAG_HASH_SIZE = 256;
let frag_hash_rnd = 0;

// What C keeps of a queued fragment in skb->cb: its first byte, the next fragment of its run, and (of a
// run's head) the bytes of the run. It lies in the control block of GRO, which is behind it.

function frag_offset(skb: sk_buff): number {
  return skb.gro_cb.data_offset;
}

function fragcb_clear(skb: sk_buff): void {
  RB_CLEAR_NODE(skb.rbnode);
  skb.gro_cb.last = null;
  skb.gro_cb.count = skb.len;
}

/** Appends skb to the last run. */
function fragrun_append_to_last(q: inet_frag_queue, skb: sk_buff): void {
  fragcb_clear(skb);
  q.last_run_head!.gro_cb.count += skb.len;
  q.fragments_tail!.gro_cb.last = skb;
  q.fragments_tail = skb;
}

/** Starts a run behind all others. */
function fragrun_create(q: inet_frag_queue, skb: sk_buff): void {
  fragcb_clear(skb);
  if (q.last_run_head !== null) {
    rb_link_node(skb.rbnode, q.last_run_head.rbnode, q.rb_fragments, false);
  } else {
    rb_link_node(skb.rbnode, null, q.rb_fragments, false);
  }
  rb_insert_color(skb.rbnode, q.rb_fragments);
  q.fragments_tail = skb;
  q.last_run_head = skb;
}

/** A fresh key of the tables: a machine boots. */
export function inet_frags_init(_f: inet_frags): number {
  frag_hash_rnd = get_random_u32();
  return 0;
}

/** A host's queues, empty. */
export function fqdir_init(f: inet_frags, n: net): fqdir {
  const fqd = new fqdir(f, n);
  for (let i = 0; i < FRAG_HASH_SIZE; i++) fqd.rhashtable.push(null);
  return fqd;
}

/** Frees all queues. */
export function fqdir_exit(fqd: fqdir): void {
  fqd.dead = true;
  for (let i = 0; i < fqd.rhashtable.length; i++) {
    while (fqd.rhashtable[i] !== null) {
      const q = fqd.rhashtable[i]!;
      q.refcnt++;
      inet_frag_kill(q);
      inet_frag_put(q);
    }
  }
}

function frag_hash(saddr: number, daddr: number, id: number, protocol: number): number {
  return jhash_3words((id << 16) | (protocol & 0xff), saddr, daddr, frag_hash_rnd) &
    (FRAG_HASH_SIZE - 1);
}

function frag_unhash(q: inet_frag_queue): void {
  const fqd = q.fqdir;
  const h = frag_hash(q.saddr, q.daddr, q.id, q.protocol);
  let prev: inet_frag_queue | null = null;
  for (let p = fqd.rhashtable[h]; p !== null; prev = p, p = p.next) {
    if (p !== q) continue;
    if (prev === null) fqd.rhashtable[h] = p.next;
    else prev.next = p.next;
    fqd.nr_queues--;
    break;
  }
  q.next = null;
}

/** The queue takes no more fragments, and is found no more: timer and table give their references back. */
export function inet_frag_kill(fq: inet_frag_queue): void {
  if (del_timer(fq.timer) !== 0) fq.refcnt--;
  if ((fq.flags & INET_FRAG_COMPLETE) !== 0) return;
  fq.flags |= INET_FRAG_COMPLETE;
  frag_unhash(fq);
  fq.refcnt--;
}

/** Frees all fragments of a tree of runs; the sum of their truesizes. */
export function inet_frag_rbtree_purge(q: inet_frag_queue, reason: number): number {
  let sum = 0;
  for (let p = rb_first(q.rb_fragments); p !== null;) {
    let skb: sk_buff | null = p.owner;
    const next: rb_node<sk_buff> | null = rb_next(p);
    rb_erase(p, q.rb_fragments);
    RB_CLEAR_NODE(p);
    while (skb !== null) {
      const next_frag: sk_buff | null = skb.gro_cb.last;
      sum += skb.truesize;
      kfree_skb_reason(skb, reason);
      skb = next_frag;
    }
    p = next;
  }
  return sum;
}

/** Frees a queue that nobody refers to. */
export function inet_frag_destroy(q: inet_frag_queue): void {
  const sum = inet_frag_rbtree_purge(q, SKB_DROP_REASON_FRAG_REASM_TIMEOUT);
  q.fragments_tail = null;
  q.last_run_head = null;
  sub_frag_mem_limit(q.fqdir, sum + FRAG_QUEUE_SIZE);
}

/** What a queue itself is charged for, bytes. */
const FRAG_QUEUE_SIZE = 216;

/** Drops a reference. */
export function inet_frag_put(q: inet_frag_queue): void {
  if (--q.refcnt === 0) inet_frag_destroy(q);
}

/** The queue of the packet that these numbers tell from others, made if need be; null above the memory limit. */
export function inet_frag_find(
  fqd: fqdir,
  saddr: number,
  daddr: number,
  user: number,
  id: number,
  protocol: number,
): inet_frag_queue | null {
  if (fqd.high_thresh === 0 || fqd.mem > fqd.high_thresh) return null;
  const h = frag_hash(saddr, daddr, id, protocol);
  for (let q = fqd.rhashtable[h]; q !== null; q = q.next) {
    if (
      q.id === id && q.saddr === saddr && q.daddr === daddr && q.protocol === protocol &&
      q.user === user
    ) {
      q.refcnt++;
      return q;
    }
  }
  const q = new inet_frag_queue(fqd, saddr, daddr, user, id, protocol);
  add_frag_mem_limit(fqd, FRAG_QUEUE_SIZE);
  timer_setup(q.timer, (t) => fqd.f.frag_expire(t.owner), 0);
  mod_timer(q.timer, (jiffies + fqd.timeout) | 0);
  q.next = fqd.rhashtable[h];
  fqd.rhashtable[h] = q;
  fqd.nr_queues++;
  return q;
}

/** Puts the fragment of bytes offset..end-1 in its place: IPFRAG_OK, IPFRAG_DUP or IPFRAG_OVERLAP. @rfc 5722 */
export function inet_frag_queue_insert(
  q: inet_frag_queue,
  skb: sk_buff,
  offset: number,
  end: number,
): number {
  const last = q.fragments_tail;
  skb.gro_cb.data_offset = offset;
  if (last === null) {
    fragrun_create(q, skb);
  } else if (frag_offset(last) + last.len < end) {
    if (offset < frag_offset(last) + last.len) return IPFRAG_OVERLAP;
    if (offset === frag_offset(last) + last.len) fragrun_append_to_last(q, skb);
    else fragrun_create(q, skb);
  } else {
    let parent: rb_node<sk_buff> | null = null;
    let left = false;
    for (let rbn = q.rb_fragments.rb_node; rbn !== null;) {
      const curr = rbn.owner;
      const curr_run_end = frag_offset(curr) + curr.gro_cb.count;
      parent = rbn;
      if (end <= frag_offset(curr)) {
        left = true;
        rbn = rbn.rb_left;
      } else if (offset >= curr_run_end) {
        left = false;
        rbn = rbn.rb_right;
      } else if (offset >= frag_offset(curr) && end <= curr_run_end) {
        return IPFRAG_DUP;
      } else {
        return IPFRAG_OVERLAP;
      }
    }
    fragcb_clear(skb);
    rb_link_node(skb.rbnode, parent, q.rb_fragments, left);
    rb_insert_color(skb.rbnode, q.rb_fragments);
  }
  return IPFRAG_OK;
}

/** Makes skb, the fragment that came last, the head of the queue: what follows it hangs in its frag_list. */
export function inet_frag_reasm_prepare(
  q: inet_frag_queue,
  skb: sk_buff,
  parent: sk_buff | null,
): boolean {
  const head = rb_first(q.rb_fragments)!.owner;
  if (head !== skb) {
    // The caller holds skb: it takes the head's contents, and a clone of it takes its own place.
    const fp = skb_clone(skb);
    fp.gro_cb.last = skb.gro_cb.last;
    fp.gro_cb.count = skb.gro_cb.count;
    fp.gro_cb.data_offset = skb.gro_cb.data_offset;
    if (RB_EMPTY_NODE(skb.rbnode)) parent!.gro_cb.last = fp;
    else rb_replace_node(skb.rbnode, fp.rbnode, q.rb_fragments);
    if (q.fragments_tail === skb) q.fragments_tail = fp;
    skb_morph(skb, head);
    skb.gro_cb.last = head.gro_cb.last;
    rb_replace_node(head.rbnode, skb.rbnode, q.rb_fragments);
    RB_CLEAR_NODE(head.rbnode);
    consume_skb(head);
  }
  const truesize = skb.truesize;
  if (skb_unclone(skb) !== 0) return false;
  add_frag_mem_limit(q.fqdir, skb.truesize - truesize);
  return true;
}

const coalesce = new skb_coalesce();

/** Joins all fragments behind head, which is at its first byte (the network header); try_coalesce: by pages. */
export function inet_frag_reasm_finish(
  q: inet_frag_queue,
  head: sk_buff,
  try_coalesce: boolean,
): void {
  let sum_truesize = head.truesize;
  let last: sk_buff | null = null;
  let fp: sk_buff | null = head.gro_cb.last;
  let rbn: rb_node<sk_buff> | null = rb_next(head.rbnode);
  rb_erase(head.rbnode, q.rb_fragments);
  RB_CLEAR_NODE(head.rbnode);
  const si = head.shinfo;
  // Pieces that the head had already stay in front.
  for (let f = si.frag_list; f !== null; f = f.next) last = f;
  while (fp !== null || rbn !== null) {
    if (fp === null) {
      fp = rbn!.owner;
      const rbnext: rb_node<sk_buff> | null = rb_next(rbn!);
      rb_erase(rbn!, q.rb_fragments);
      RB_CLEAR_NODE(rbn!);
      rbn = rbnext;
    }
    const next_frag: sk_buff | null = fp.gro_cb.last;
    fp.gro_cb.last = null;
    sum_truesize += fp.truesize;
    if (head.ip_summed !== fp.ip_summed) head.ip_summed = CHECKSUM_NONE;
    else if (head.ip_summed === CHECKSUM_COMPLETE) head.csum = csum_add(head.csum, fp.csum);
    if (try_coalesce && last === null && skb_try_coalesce(head, fp, coalesce)) {
      kfree_skb_partial(fp, coalesce.fragstolen);
    } else {
      fp.prev = null;
      fp.next = null;
      fp.sk = null;
      if (last === null) si.frag_list = fp;
      else last.next = fp;
      last = fp;
      head.data_len += fp.len;
      head.len += fp.len;
      head.truesize += fp.truesize;
    }
    fp = next_frag;
  }
  sub_frag_mem_limit(q.fqdir, sum_truesize);
  head.next = null;
  head.prev = null;
  head.tstamp = q.stamp;
  head.gro_cb.last = null;
  q.fragments_tail = null;
  q.last_run_head = null;
}

/** Takes the first fragment out, for the packet of an ICMP error; null where there is none. */
export function inet_frag_pull_head(q: inet_frag_queue): sk_buff | null {
  const first = rb_first(q.rb_fragments);
  if (first === null) return null;
  const head = first.owner;
  const next = head.gro_cb.last;
  if (next !== null) {
    next.gro_cb.count = head.gro_cb.count - head.len;
    rb_replace_node(head.rbnode, next.rbnode, q.rb_fragments);
    if (q.last_run_head === head) q.last_run_head = next;
  } else {
    rb_erase(head.rbnode, q.rb_fragments);
    if (q.last_run_head === head) q.last_run_head = null;
  }
  RB_CLEAR_NODE(head.rbnode);
  if (head === q.fragments_tail) q.fragments_tail = null;
  sub_frag_mem_limit(q.fqdir, head.truesize);
  return head;
}

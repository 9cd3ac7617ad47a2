// SPDX-License-Identifier: GPL-2.0-only
//
// Neighbours: finding and keeping the link addresses of hosts on the same link. ip_finish_output2()
// looks one up or has __neigh_create() make it, and hands its packet to neigh_output(). While the
// address is unknown neigh_resolve_output() keeps packets and __neigh_event_send() starts to ask;
// the answer comes by neigh_update(), no answer by neigh_timer_handler(), which walks the states
// INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED. What is asked and how stands in net/ipv4/arp.ts.

import { netif_running } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import {
  time_after,
  time_before,
  time_before_eq,
  time_in_range,
} from "../../include/linux/jiffies.ts";
import { prandom_u32_max } from "../../include/linux/random.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import {
  __skb_dequeue,
  __skb_queue_tail,
  __skb_unlink,
  skb_dst_drop,
  skb_headroom,
  skb_network_offset,
  skb_peek_tail,
  skb_queue_head_init,
} from "../../include/linux/skbuff.ts";
import type { napi_gro_cb, sk_buff } from "../../include/linux/skbuff.ts";
import { from_timer, timer_pending, timer_setup } from "../../include/linux/timer.ts";
import type { timer_list } from "../../include/linux/timer.ts";
import type { work_struct } from "../../include/linux/workqueue.ts";
import {
  SKB_DROP_REASON_NEIGH_DEAD,
  SKB_DROP_REASON_NEIGH_FAILED,
  SKB_DROP_REASON_NEIGH_HH_FILLFAIL,
  SKB_DROP_REASON_NEIGH_QUEUEFULL,
  SKB_DROP_REASON_NOT_SPECIFIED,
} from "../../include/net/dropreason.ts";
import { DST_OBSOLETE_DEAD } from "../../include/net/dst.ts";
import {
  __neigh_lookup_noref,
  neigh_hashslot,
  neigh_parms,
  neigh_statistics,
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_USE,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  neighbour,
  NUD_CONNECTED,
  NUD_DELAY,
  NUD_FAILED,
  NUD_IN_TIMER,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
} from "../../include/net/neighbour.ts";
import type { neigh_table } from "../../include/net/neighbour.ts";
import { EINVAL, ENETDOWN, ENOBUFS, ENOENT, EPERM } from "../../include/uapi/asm-generic/errno.ts";
import { NET_XMIT_DROP } from "../../include/linux/netdevice.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import {
  cancel_delayed_work_sync,
  INIT_DEFERRABLE_WORK,
  schedule_delayed_work,
} from "../../kernel/workqueue.ts";
import { dev_queue_xmit } from "./dev.ts";
import {
  __skb_pull,
  __skb_queue_purge_reason,
  consume_skb,
  kfree_skb_reason,
  skb_clone,
  skb_push,
} from "./skbuff.ts";

export {
  __neigh_lookup_noref,
  neigh_confirm,
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_USE,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
} from "../../include/net/neighbour.ts";

const HH_DATA_MOD = 16;

/** What a neighbour outputs by that nobody has set up or that is gone. */
function neigh_blackhole(_neigh: neighbour, skb: sk_buff): number {
  kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_DEAD);
  return -ENETDOWN;
}

/** A time from half of base to one and a half of it. @rfc 4861 6.3.2 */
export function neigh_rand_reach_time(base: number): number {
  return base !== 0 ? prandom_u32_max(base) + (base >> 1) : 0;
}

function neigh_cleanup_and_release(neigh: neighbour): void {
  neigh_destroy(neigh);
}

/** Takes an entry out of its table; false if it is not there or its timer needs it. */
export function neigh_remove_one(ndel: neighbour, tbl: neigh_table): boolean {
  const slot = neigh_hashslot(tbl, ndel.primary_key, ndel.dev);
  let prev: neighbour | null = null;
  for (let n = tbl.hash_buckets[slot]; n !== null; prev = n, n = n.next) {
    if (n !== ndel) continue;
    if (timer_pending(n.timer)) return false;
    neigh_unlink(tbl, slot, prev, n);
    n.dead = true;
    neigh_cleanup_and_release(n);
    return true;
  }
  return false;
}

/** Takes n, which follows prev, out of its chain. @local */
function neigh_unlink(
  tbl: neigh_table,
  slot: number,
  prev: neighbour | null,
  n: neighbour,
): void {
  if (prev === null) tbl.hash_buckets[slot] = n.next;
  else prev.next = n.next;
}

/** Frees what can be freed of a table that is too full; how many. */
function neigh_forced_gc(tbl: neigh_table): number {
  const max_clean = tbl.entries - tbl.gc_thresh2;
  const tref = (jiffies - 5 * HZ) | 0;
  let shrunk = 0;

  tbl.stats.forced_gc_runs++;
  buckets: for (const first of tbl.hash_buckets) {
    let next: neighbour | null;
    for (let n = first; n !== null; n = next) {
      next = n.next;
      if ((n.nud_state & NUD_PERMANENT) !== 0) continue;
      const remove = n.nud_state === NUD_FAILED || n.nud_state === NUD_NOARP ||
        tbl.is_multicast(n.primary_key) || !time_in_range(n.updated, tref, jiffies);
      if (remove && neigh_remove_one(n, tbl)) shrunk++;
      if (shrunk >= max_clean) break buckets;
    }
  }
  tbl.last_flush = jiffies;
  return shrunk;
}

/** Starts the entry's timer. Times too far back are brought nearer, so that comparisons stay right. */
function neigh_add_timer(n: neighbour, when: number): void {
  const mint = (jiffies - (0x7fffffff - 86400 * HZ)) | 0;
  if (!time_in_range(n.confirmed, mint, jiffies)) n.confirmed = mint;
  if (time_before(n.used, n.confirmed)) n.used = n.confirmed;
  mod_timer(n.timer, when | 0);
}

function neigh_del_timer(n: neighbour): boolean {
  return (n.nud_state & NUD_IN_TIMER) !== 0 && del_timer(n.timer) !== 0;
}

/** Forgets the neighbours of a device (null: all), but permanent ones with skip_perm. */
function neigh_flush_dev(tbl: neigh_table, dev: net_device | null, skip_perm: boolean): void {
  for (let i = 0; i < tbl.hash_buckets.length; i++) {
    let prev: neighbour | null = null;
    for (let n = tbl.hash_buckets[i]; n !== null; n = n.next) {
      if (
        (dev !== null && n.dev !== dev) || (skip_perm && (n.nud_state & NUD_PERMANENT) !== 0)
      ) {
        prev = n;
        continue;
      }
      neigh_unlink(tbl, i, prev, n);
      neigh_del_timer(n);
      n.dead = true;
      // Somebody may be about to send by it.
      n.output = neigh_blackhole;
      n.nud_state = (n.nud_state & NUD_VALID) !== 0 ? NUD_NOARP : NUD_NONE;
      n.hh.hh_len = 0;
      neigh_cleanup_and_release(n);
    }
  }
}

/** The device has another link address: what neighbours know of us is void. */
export function neigh_changeaddr(tbl: neigh_table, dev: net_device): void {
  local_bh_disable();
  neigh_flush_dev(tbl, dev, false);
  local_bh_enable();
}

/** The cable is out: forgets all but the permanent entries. */
export function neigh_carrier_down(tbl: neigh_table, dev: net_device): number {
  local_bh_disable();
  neigh_flush_dev(tbl, dev, true);
  local_bh_enable();
  return 0;
}

/** The device goes down: forgets its neighbours. */
export function neigh_ifdown(tbl: neigh_table, dev: net_device | null): number {
  local_bh_disable();
  neigh_flush_dev(tbl, dev, false);
  pneigh_queue_purge(tbl, dev);
  local_bh_enable();
  return 0;
}

/** The questions of a device (null: all) get no answer any more. */
function pneigh_queue_purge(tbl: neigh_table, dev: net_device | null): void {
  let next: sk_buff | null;
  for (let skb = tbl.proxy_queue.next; skb !== null; skb = next) {
    next = skb.next;
    if (dev !== null && skb.dev !== dev) continue;
    pneigh_unqueue(tbl, skb);
    kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
  }
  if (tbl.proxy_queue.next === null) del_timer(tbl.proxy_timer);
}

/** Takes a question off the queue. @local */
function pneigh_unqueue(tbl: neigh_table, skb: sk_buff): void {
  const parms = (skb.dev as net_device).ip_ptr?.arp_parms;
  if (parms) parms.qlen--;
  __skb_unlink(skb, tbl.proxy_queue);
}

/** Answers the questions that have waited long enough. */
function neigh_proxy_process(t: timer_list<neigh_table>): void {
  const tbl = from_timer(t);
  let sched_next = 0;
  let next: sk_buff | null;
  for (let skb = tbl.proxy_queue.next; skb !== null; skb = next) {
    next = skb.next;
    const tdif = (NEIGH_CB(skb).age - jiffies) | 0;
    if (tdif <= 0) {
      pneigh_unqueue(tbl, skb);
      if (tbl.proxy_redo !== null && netif_running(skb.dev as net_device)) tbl.proxy_redo(skb);
      else kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
    } else if (sched_next === 0 || tdif < sched_next) sched_next = tdif;
  }
  if (sched_next !== 0) mod_timer(tbl.proxy_timer, (jiffies + sched_next) | 0);
}

/** While a packet is queued here: `age` is when it is due, `same_flow` says that it was here before. @local */
export function NEIGH_CB(skb: sk_buff): napi_gro_cb {
  return skb.gro_cb;
}

/** A proxy is to answer this question, after a random delay. */
export function pneigh_enqueue(tbl: neigh_table, p: neigh_parms, skb: sk_buff): void {
  const timer = tbl.proxy_timer;
  let sched_next = (jiffies + prandom_u32_max(p.proxy_delay)) | 0;
  if (p.qlen > p.proxy_qlen) {
    kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_QUEUEFULL);
    return;
  }
  NEIGH_CB(skb).age = sched_next;
  NEIGH_CB(skb).same_flow = true;
  if (timer_pending(timer) && time_before(timer.expires, sched_next)) sched_next = timer.expires;
  skb_dst_drop(skb);
  __skb_queue_tail(tbl.proxy_queue, skb);
  p.qlen++;
  mod_timer(timer, sched_next);
}

/** A new entry; null when the table is full. */
function neigh_alloc(tbl: neigh_table, pkey: number, dev: net_device): neighbour | null {
  const now = jiffies;
  const entries = tbl.entries;
  if (
    entries >= tbl.gc_thresh3 ||
    (entries >= tbl.gc_thresh2 && time_after(now, (tbl.last_flush + 5 * HZ) | 0))
  ) {
    if (neigh_forced_gc(tbl) === 0 && entries >= tbl.gc_thresh3) {
      tbl.stats.table_fulls++;
      return null;
    }
  }
  const n = new neighbour(tbl, tbl.parms, dev, pkey);
  n.updated = n.used = now;
  n.output = neigh_blackhole;
  n.dead = true;
  timer_setup(n.timer, neigh_timer_handler, 0);
  tbl.stats.allocs++;
  tbl.entries++;
  return n;
}

function neigh_hash_alloc(tbl: neigh_table, shift: number): void {
  tbl.hash_buckets = new Array<neighbour | null>(1 << shift).fill(null);
  tbl.hash_shift = shift;
  tbl.hash_rnd = get_random_u32() | 1;
}

function neigh_hash_grow(tbl: neigh_table, new_shift: number): void {
  const old = tbl.hash_buckets;
  tbl.stats.hash_grows++;
  neigh_hash_alloc(tbl, new_shift);
  for (const first of old) {
    let next: neighbour | null;
    for (let n = first; n !== null; n = next) {
      next = n.next;
      const slot = neigh_hashslot(tbl, n.primary_key, n.dev);
      n.next = tbl.hash_buckets[slot];
      tbl.hash_buckets[slot] = n;
    }
  }
}

/** The neighbour with an address on a device, or null. */
export function neigh_lookup(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
): neighbour | null {
  tbl.stats.lookups++;
  const n = __neigh_lookup_noref(tbl, pkey, dev);
  if (n !== null) tbl.stats.hits++;
  return n;
}

/** As neigh_lookup(); with `creat` it makes what it does not find. */
export function __neigh_lookup(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
  creat: boolean,
): neighbour | null {
  const n = neigh_lookup(tbl, pkey, dev);
  if (n !== null || !creat) return n;
  const made = neigh_create(tbl, pkey, dev);
  return typeof made === "number" ? null : made;
}

export function __neigh_lookup_errno(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
): neighbour | number {
  return neigh_lookup(tbl, pkey, dev) ?? neigh_create(tbl, pkey, dev);
}

/** Makes an entry, or answers the one that is there: -ENOBUFS when the table is full. */
export function __neigh_create(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
  _want_ref: boolean,
): neighbour | number {
  const n = neigh_alloc(tbl, pkey, dev);
  if (n === null) return -ENOBUFS;

  const error = tbl.constructor_(n);
  if (error < 0) {
    neigh_destroy(n);
    return error;
  }
  n.confirmed = (jiffies - (n.parms.base_reachable_time << 1)) | 0;

  if (tbl.entries > 1 << tbl.hash_shift) neigh_hash_grow(tbl, tbl.hash_shift + 1);
  if (n.parms.dead) {
    neigh_destroy(n);
    return -EINVAL;
  }
  // The constructor may have changed the key.
  const n1 = __neigh_lookup_noref(tbl, n.primary_key, dev);
  if (n1 !== null) {
    neigh_destroy(n);
    return n1;
  }
  const slot = neigh_hashslot(tbl, n.primary_key, dev);
  n.dead = false;
  n.next = tbl.hash_buckets[slot];
  tbl.hash_buckets[slot] = n;
  neigh_gc_start(tbl);
  return n;
}

export function neigh_create(
  tbl: neigh_table,
  pkey: number,
  dev: net_device,
): neighbour | number {
  return __neigh_create(tbl, pkey, dev, true);
}

/** The end of an entry that is out of the table. */
export function neigh_destroy(neigh: neighbour): void {
  neigh.tbl.stats.destroys++;
  if (!neigh.dead) return;
  neigh_del_timer(neigh);
  __skb_queue_purge_reason(neigh.arp_queue, SKB_DROP_REASON_NEIGH_DEAD);
  neigh.arp_queue_len_bytes = 0;
  neigh.tbl.entries--;
}

/** The address is in doubt: every packet asks first. */
function neigh_suspect(neigh: neighbour): void {
  neigh.output = neigh.ops.output;
}

/** The address is good: packets go straight out. */
function neigh_connect(neigh: neighbour): void {
  neigh.output = neigh.ops.connected_output;
}

/** Has neigh_periodic_work() run while the table holds enough to be worth it. @local */
function neigh_gc_start(tbl: neigh_table): void {
  neigh_rand_reach_times(tbl);
  if (tbl.entries >= tbl.gc_thresh1) {
    schedule_delayed_work(tbl.gc_work, tbl.parms.base_reachable_time >> 1);
  }
}

/** Chooses reachable_time anew every five minutes. @local */
function neigh_rand_reach_times(tbl: neigh_table): void {
  if (!time_after(jiffies, (tbl.last_rand + 300 * HZ) | 0)) return;
  tbl.last_rand = jiffies;
  for (const p of tbl.parms_list) p.reachable_time = neigh_rand_reach_time(p.base_reachable_time);
}

/**
 * Drops entries that nobody has used for gc_staletime, and failed ones.
 * @differs does not run while there are fewer than gc_thresh1 entries, so that a machine may fall idle
 */
export function neigh_periodic_work(work: work_struct<neigh_table>): void {
  const tbl = work.owner;
  tbl.stats.periodic_gc_runs++;
  neigh_rand_reach_times(tbl);
  if (tbl.entries < tbl.gc_thresh1) return;

  for (let i = 0; i < tbl.hash_buckets.length; i++) {
    let prev: neighbour | null = null;
    for (let n = tbl.hash_buckets[i]; n !== null; n = n.next) {
      const state = n.nud_state;
      if ((state & (NUD_PERMANENT | NUD_IN_TIMER)) === 0) {
        if (time_before(n.used, n.confirmed) && time_before_eq(n.confirmed, jiffies)) {
          n.used = n.confirmed;
        }
        const age = (jiffies - n.used) | 0;
        if (state === NUD_FAILED || age < 0 || age >= n.parms.gc_staletime) {
          neigh_unlink(tbl, i, prev, n);
          n.dead = true;
          neigh_cleanup_and_release(n);
          continue;
        }
      }
      prev = n;
    }
  }
  neigh_gc_start(tbl);
}

function neigh_max_probes(n: neighbour): number {
  const p = n.parms;
  return p.ucast_probes + p.app_probes +
    ((n.nud_state & NUD_PROBE) !== 0 ? p.mcast_reprobes : p.mcast_probes);
}

/** Nobody answered: reports every packet that waited. */
function neigh_invalidate(neigh: neighbour): void {
  const queue = neigh.arp_queue;
  let skb: sk_buff | null;
  neigh.tbl.stats.res_failed++;
  neigh.updated = jiffies;

  // A report may lead back to this very entry and change its state.
  while (neigh.nud_state === NUD_FAILED && (skb = __skb_dequeue(queue)) !== null) {
    if (neigh.ops.error_report !== undefined) neigh.ops.error_report(neigh, skb);
    else kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
  }
  __skb_queue_purge_reason(queue, SKB_DROP_REASON_NEIGH_FAILED);
  neigh.arp_queue_len_bytes = 0;
}

/** Asks once for the link address. */
function neigh_probe(neigh: neighbour): void {
  const last = skb_peek_tail(neigh.arp_queue);
  // A copy, as the original may go while the question is sent.
  const skb = last !== null ? skb_clone(last) : null;
  if (neigh.ops.solicit !== undefined) neigh.ops.solicit(neigh, skb);
  neigh.probes++;
  if (skb !== null) consume_skb(skb);
}

/** Moves an entry on: each state that has a timer ends here. @rfc 4861 7.3.3 */
export function neigh_timer_handler(t: timer_list<neighbour>): void {
  const neigh = from_timer(t);
  const parms = neigh.parms;
  const state = neigh.nud_state;
  const now = jiffies;
  let next = (now + HZ) | 0;

  if ((state & NUD_IN_TIMER) === 0) return;

  if ((state & NUD_REACHABLE) !== 0) {
    const reachable_until = (neigh.confirmed + parms.reachable_time) | 0;
    if (time_before_eq(now, reachable_until)) {
      next = reachable_until;
    } else if (time_before_eq(now, (neigh.used + parms.delay_probe_time) | 0)) {
      neigh.nud_state = NUD_DELAY;
      neigh.updated = now;
      neigh_suspect(neigh);
      next = (now + parms.delay_probe_time) | 0;
    } else {
      neigh.nud_state = NUD_STALE;
      neigh.updated = now;
      neigh_suspect(neigh);
    }
  } else if ((state & NUD_DELAY) !== 0) {
    if (time_before_eq(now, (neigh.confirmed + parms.delay_probe_time) | 0)) {
      neigh.nud_state = NUD_REACHABLE;
      neigh.updated = now;
      neigh_connect(neigh);
      next = (neigh.confirmed + parms.reachable_time) | 0;
    } else {
      neigh.nud_state = NUD_PROBE;
      neigh.updated = now;
      neigh.probes = 0;
      next = (now + Math.max(parms.retrans_time, HZ / 100)) | 0;
    }
  } else {
    next = (now + Math.max(parms.retrans_time, HZ / 100)) | 0;
  }

  if (
    (neigh.nud_state & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 &&
    neigh.probes >= neigh_max_probes(neigh)
  ) {
    neigh.nud_state = NUD_FAILED;
    neigh_invalidate(neigh);
    return;
  }
  if ((neigh.nud_state & NUD_IN_TIMER) !== 0) {
    const soonest = (now + HZ / 100) | 0;
    mod_timer(neigh.timer, time_before(next, soonest) ? soonest : next);
  }
  if ((neigh.nud_state & (NUD_INCOMPLETE | NUD_PROBE)) !== 0) neigh_probe(neigh);
}

/**
 * Sees to it that the address gets known: 0 where it is already, and skb may be sent. Otherwise 1,
 * and skb is kept until it is, or thrown away.
 */
export function __neigh_event_send(
  neigh: neighbour,
  skb: sk_buff | null,
  immediate_ok: boolean,
): number {
  const parms = neigh.parms;
  if ((neigh.nud_state & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) !== 0) return 0;
  if (neigh.dead) {
    if ((neigh.nud_state & NUD_STALE) !== 0) return 0;
    if (skb !== null) kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_DEAD);
    return 1;
  }

  let rc = 0;
  let immediate_probe = false;
  const now = jiffies;
  local_bh_disable();
  if ((neigh.nud_state & (NUD_STALE | NUD_INCOMPLETE)) === 0) {
    if (parms.mcast_probes + parms.app_probes === 0) {
      neigh.nud_state = NUD_FAILED;
      neigh.updated = now;
      local_bh_enable();
      if (skb !== null) kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
      return 1;
    }
    // Nothing to ask directly: start behind the unicast probes.
    neigh.probes = parms.ucast_probes;
    neigh_del_timer(neigh);
    neigh.nud_state = NUD_INCOMPLETE;
    neigh.updated = now;
    immediate_probe = immediate_ok;
    neigh_add_timer(neigh, now + (immediate_ok ? Math.max(parms.retrans_time, HZ / 100) : 1));
  } else if ((neigh.nud_state & NUD_STALE) !== 0) {
    neigh_del_timer(neigh);
    neigh.nud_state = NUD_DELAY;
    neigh.updated = now;
    neigh_add_timer(neigh, now + parms.delay_probe_time);
  }

  if (neigh.nud_state === NUD_INCOMPLETE) {
    if (skb !== null) neigh_queue(neigh, skb);
    rc = 1;
  }
  if (immediate_probe) neigh_probe(neigh);
  local_bh_enable();
  return rc;
}

/** Keeps a packet until the address is known; the oldest make room. @local */
function neigh_queue(neigh: neighbour, skb: sk_buff): void {
  while (neigh.arp_queue_len_bytes + skb.truesize > neigh.parms.queue_len_bytes) {
    const buff = __skb_dequeue(neigh.arp_queue);
    if (buff === null) break;
    neigh.arp_queue_len_bytes -= buff.truesize;
    kfree_skb_reason(buff, SKB_DROP_REASON_NEIGH_QUEUEFULL);
    neigh.tbl.stats.unres_discards++;
  }
  __skb_queue_tail(neigh.arp_queue, skb);
  neigh.arp_queue_len_bytes += skb.truesize;
}

/** Notes the use of an entry and sees to it that its address gets known; see __neigh_event_send(). */
export function neigh_event_send_probe(
  neigh: neighbour,
  skb: sk_buff | null,
  immediate_ok: boolean,
): number {
  if (neigh.used !== jiffies) neigh.used = jiffies;
  if ((neigh.nud_state & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) === 0) {
    return __neigh_event_send(neigh, skb, immediate_ok);
  }
  return 0;
}

export function neigh_event_send(neigh: neighbour, skb: sk_buff | null): number {
  return neigh_event_send_probe(neigh, skb, true);
}

function neigh_update_hhs(neigh: neighbour): void {
  const ops = neigh.dev.header_ops;
  if (ops !== null && ops.cache_update !== undefined && neigh.hh.hh_len !== 0) {
    ops.cache_update(neigh, neigh.dev, neigh.ha);
  }
}

function ha_equal(a: Uint8Array, b: Uint8Array, len: number): boolean {
  for (let i = 0; i < len; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Sends what waited for the address. @local */
function neigh_flush_queue(neigh: neighbour): void {
  let skb: sk_buff | null;
  while (
    (neigh.nud_state & NUD_VALID) !== 0 && (skb = __skb_dequeue(neigh.arp_queue)) !== null
  ) {
    const dst = skb._skb_refdst;
    let n1 = neigh;
    // The route may have another neighbour for it by now.
    if (dst !== null && dst.obsolete !== DST_OBSOLETE_DEAD) {
      n1 = dst.ops.neigh_lookup(dst, skb, 0) ?? neigh;
    }
    n1.output(n1, skb);
  }
  __skb_queue_purge_reason(neigh.arp_queue, SKB_DROP_REASON_NEIGH_DEAD);
  neigh.arp_queue_len_bytes = 0;
}

/**
 * Something was learned: `lladdr` is a link address (null: none given), `new_` the NUD_* state that
 * it means, `flags` NEIGH_UPDATE_F_*. 0, -EPERM of an entry that only an administrator may change, or
 * -EINVAL where no address is known.
 */
export function neigh_update(
  neigh: neighbour,
  lladdr: Uint8Array | null,
  new_: number,
  flags: number,
  _nlmsg_pid: number,
): number {
  if (neigh.dead) return -EPERM;
  local_bh_disable();
  const err = __neigh_update(neigh, lladdr, new_, flags);
  local_bh_enable();
  return err;
}

function __neigh_update(
  neigh: neighbour,
  lladdr: Uint8Array | null,
  new_: number,
  flags: number,
): number {
  const dev = neigh.dev;
  const old = neigh.nud_state;
  const admin = (flags & NEIGH_UPDATE_F_ADMIN) !== 0;

  if (!admin && (old & (NUD_NOARP | NUD_PERMANENT)) !== 0) return -EPERM;
  if ((flags & NEIGH_UPDATE_F_USE) !== 0) {
    neigh.nud_state = old & ~NUD_PERMANENT;
    return 0;
  }

  if ((new_ & NUD_VALID) === 0) {
    neigh_del_timer(neigh);
    if ((old & NUD_CONNECTED) !== 0) neigh_suspect(neigh);
    neigh.nud_state = new_;
    if ((old & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 && (new_ & NUD_FAILED) !== 0) {
      neigh_invalidate(neigh);
    }
    return 0;
  }

  // From here on lladdr is neigh.ha itself where the address stays.
  if (dev.addr_len === 0) {
    lladdr = neigh.ha;
  } else if (lladdr !== null) {
    if ((old & NUD_VALID) !== 0 && ha_equal(lladdr, neigh.ha, dev.addr_len)) lladdr = neigh.ha;
  } else {
    if ((old & NUD_VALID) === 0) return -EINVAL;
    lladdr = neigh.ha;
  }

  if ((new_ & NUD_CONNECTED) !== 0) neigh.confirmed = jiffies;

  if ((old & NUD_VALID) !== 0) {
    if (lladdr !== neigh.ha && (flags & NEIGH_UPDATE_F_OVERRIDE) === 0) {
      if ((flags & NEIGH_UPDATE_F_WEAK_OVERRIDE) === 0 || (old & NUD_CONNECTED) === 0) return 0;
      lladdr = neigh.ha;
      new_ = NUD_STALE;
    } else if (lladdr === neigh.ha && new_ === NUD_STALE && !admin) {
      new_ = old;
    }
  }

  // Not for updates that change nothing: they would prolong locktime.
  if (new_ !== old || lladdr !== neigh.ha) neigh.updated = jiffies;

  if (new_ !== old) {
    neigh_del_timer(neigh);
    if ((new_ & NUD_PROBE) !== 0) neigh.probes = 0;
    if ((new_ & NUD_IN_TIMER) !== 0) {
      neigh_add_timer(
        neigh,
        jiffies + ((new_ & NUD_REACHABLE) !== 0 ? neigh.parms.reachable_time : 0),
      );
    }
    neigh.nud_state = new_;
  }

  if (lladdr !== neigh.ha) {
    for (let i = 0; i < dev.addr_len; i++) neigh.ha[i] = lladdr[i];
    neigh_update_hhs(neigh);
    if ((new_ & NUD_CONNECTED) === 0) {
      neigh.confirmed = (jiffies - (neigh.parms.base_reachable_time << 1)) | 0;
    }
  }
  if (new_ === old) return 0;
  if ((new_ & NUD_CONNECTED) !== 0) neigh_connect(neigh);
  else neigh_suspect(neigh);
  if ((old & NUD_VALID) === 0) neigh_flush_queue(neigh);
  return 0;
}

/** Somebody asked for us and told its own address: the entry for it, made if need be. */
export function neigh_event_ns(
  tbl: neigh_table,
  lladdr: Uint8Array | null,
  saddr: number,
  dev: net_device,
): neighbour | null {
  const neigh = __neigh_lookup(tbl, saddr, dev, lladdr !== null || dev.addr_len === 0);
  if (neigh !== null) neigh_update(neigh, lladdr, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE, 0);
  return neigh;
}

/** Writes the link header in front of a packet; its length, or a negative number. @local */
function neigh_hard_header(neigh: neighbour, skb: sk_buff): number {
  const dev = neigh.dev;
  __skb_pull(skb, skb_network_offset(skb));
  const ops = dev.header_ops;
  return ops === null ? 0 : ops.create(skb, dev, skb.protocol, neigh.ha, null, skb.len);
}

/** Sends skb as soon as the address is known. 0, or a negative errno. */
export function neigh_resolve_output(neigh: neighbour, skb: sk_buff): number {
  if (neigh_event_send(neigh, skb) !== 0) return 0;
  const ops = neigh.dev.header_ops;
  if (ops !== null && ops.cache !== undefined && neigh.hh.hh_len === 0) {
    ops.cache(neigh, neigh.tbl.protocol);
  }
  return neigh_connected_output(neigh, skb);
}

/** Sends skb to an address that is known to be good. */
export function neigh_connected_output(neigh: neighbour, skb: sk_buff): number {
  if (neigh_hard_header(neigh, skb) >= 0) return dev_queue_xmit(skb);
  kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_HH_FILLFAIL);
  return -EINVAL;
}

/** Sends skb on a link that has no addresses. */
export function neigh_direct_output(_neigh: neighbour, skb: sk_buff): number {
  return dev_queue_xmit(skb);
}

/** Sends skb with the cached link header, which ends hh_data. */
export function neigh_hh_output(neigh: neighbour, skb: sk_buff): number {
  const { hh_len, hh_data } = neigh.hh;
  if (skb_headroom(skb) < hh_len) {
    kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_HH_FILLFAIL);
    return NET_XMIT_DROP;
  }
  const u8 = skb.head.u8;
  let at = skb_push(skb, hh_len);
  for (let i = HH_DATA_MOD - hh_len; i < HH_DATA_MOD; i++) u8[at++] = hh_data[i];
  return dev_queue_xmit(skb);
}

/** Sends skb, network header in front, to a neighbour; skip_cache: not by the cached link header. */
export function neigh_output(n: neighbour, skb: sk_buff, skip_cache: boolean): number {
  if (!skip_cache && n.hh.hh_len !== 0 && (n.nud_state & NUD_CONNECTED) !== 0) {
    return neigh_hh_output(n, skb);
  }
  return n.output(n, skb);
}

/** A device's own parameters, as the table's defaults are now. */
export function neigh_parms_alloc(dev: net_device, tbl: neigh_table): neigh_parms {
  const p = new neigh_parms(tbl, dev);
  const from = tbl.parms;
  p.mcast_probes = from.mcast_probes;
  p.ucast_probes = from.ucast_probes;
  p.app_probes = from.app_probes;
  p.mcast_reprobes = from.mcast_reprobes;
  p.retrans_time = from.retrans_time;
  p.base_reachable_time = from.base_reachable_time;
  p.delay_probe_time = from.delay_probe_time;
  p.gc_staletime = from.gc_staletime;
  p.queue_len_bytes = from.queue_len_bytes;
  p.locktime = from.locktime;
  p.proxy_delay = from.proxy_delay;
  p.proxy_qlen = from.proxy_qlen;
  p.reachable_time = neigh_rand_reach_time(p.base_reachable_time);
  tbl.parms_list.push(p);
  return p;
}

/** The device's parameters go with it. */
export function neigh_parms_release(tbl: neigh_table, parms: neigh_parms): void {
  if (parms === tbl.parms) return;
  const i = tbl.parms_list.indexOf(parms);
  if (i >= 0) tbl.parms_list.splice(i, 1);
  parms.dead = true;
}

/** Tables by index: there is ARP's. */
export const NEIGH_ARP_TABLE = 0;
const neigh_tables: (neigh_table | null)[] = [null];

/** Makes a table empty and known. */
export function neigh_table_init(index: number, tbl: neigh_table): void {
  neigh_hash_alloc(tbl, 3);
  tbl.entries = 0;
  tbl.stats = new neigh_statistics();
  tbl.parms = new neigh_parms(tbl, null);
  skb_queue_head_init(tbl.proxy_queue);
  timer_setup(tbl.proxy_timer, neigh_proxy_process, 0);
  tbl.parms.reachable_time = neigh_rand_reach_time(tbl.parms.base_reachable_time);
  tbl.parms_list.length = 0;
  tbl.parms_list.push(tbl.parms);
  tbl.last_flush = jiffies;
  tbl.last_rand = (jiffies + tbl.parms.reachable_time * 20) | 0;
  INIT_DEFERRABLE_WORK(tbl.gc_work, neigh_periodic_work);
  neigh_tables[index] = tbl;
}

/** Forgets a table and all its neighbours. 0. */
export function neigh_table_clear(index: number, tbl: neigh_table): number {
  neigh_tables[index] = null;
  cancel_delayed_work_sync(tbl.gc_work);
  neigh_ifdown(tbl, null);
  return 0;
}

/** The table of an index, or null. */
export function neigh_find_table(index: number): neigh_table | null {
  return neigh_tables[index] ?? null;
}

/**
 * Enters or changes a neighbour by hand, with state ndm_state (NUD_PERMANENT: never asked again).
 * 0 or a negative errno. @differs the fields of a netlink message are arguments
 */
export function neigh_add(
  tbl: neigh_table,
  dev: net_device,
  dst: number,
  lladdr: Uint8Array | null,
  ndm_state: number,
): number {
  if (lladdr !== null && lladdr.length < dev.addr_len) return -EINVAL;
  const neigh = __neigh_lookup_errno(tbl, dst, dev);
  if (typeof neigh === "number") return neigh;
  return neigh_update(
    neigh,
    lladdr,
    ndm_state,
    NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN,
    0,
  );
}

/** Forgets a neighbour by hand: 0, or -ENOENT. @differs the fields of a netlink message are arguments */
export function neigh_delete(tbl: neigh_table, dev: net_device, dst: number): number {
  const neigh = neigh_lookup(tbl, dst, dev);
  if (neigh === null) return -ENOENT;
  const err = neigh_update(
    neigh,
    null,
    NUD_FAILED,
    NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN,
    0,
  );
  neigh_remove_one(neigh, tbl);
  return err;
}

/** Calls cb for every neighbour of a table. */
export function neigh_for_each(tbl: neigh_table, cb: (n: neighbour) => void): void {
  for (const first of tbl.hash_buckets) {
    let next: neighbour | null;
    for (let n = first; n !== null; n = next) {
      next = n.next;
      cb(n);
    }
  }
}

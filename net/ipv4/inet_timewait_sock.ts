// SPDX-License-Identifier: GPL-2.0-only
//
// Timewait sockets. tcp_time_wait() makes one (inet_twsk_alloc), starts its timer (inet_twsk_schedule) and puts it in
// the connection's place in ehash and bhash (inet_twsk_hashdance). It ends by its timer (tw_timer_handler), or earlier,
// when a reset or a new connection comes (inet_twsk_deschedule_put). References: bhash, ehash, timer, and lookups.

import { HZ, jiffies } from "../../include/linux/jiffies.ts";
import { hlist_add_head, hlist_del } from "../../include/linux/list.ts";
import { hlist_nulls_add_head_rcu } from "../../include/linux/list_nulls.ts";
import type { hlist_nulls_head, hlist_nulls_next } from "../../include/linux/list_nulls.ts";
import { from_timer, TIMER_PINNED, timer_setup } from "../../include/linux/timer.ts";
import type { timer_list } from "../../include/linux/timer.ts";
import type { hlist_head } from "../../include/linux/types.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import type { inet_hashinfo } from "../../include/net/inet_hashtables.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import type {
  inet_timewait_death_row,
  inet_timewait_sock,
} from "../../include/net/inet_timewait_sock.ts";
import { __NET_INC_STATS } from "../../include/net/ip.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import {
  __sk_nulls_del_node_init_rcu,
  __sock_put,
  sk_fullsock,
  sk_nulls_del_node_init_rcu,
  sock_hold,
  sock_net,
  sock_net_set,
  sock_prot_inuse_add,
} from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import { TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import { LINUX_MIB_TIMEWAITED, LINUX_MIB_TIMEWAITKILLED } from "../../include/uapi/linux/snmp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { del_timer_sync, mod_timer, mod_timer_pending } from "../../kernel/time/timer.ts";
import { inet_csk_reqsk_queue_drop_and_put } from "./inet_connection_sock.ts";
import { inet_bind_bucket_destroy, inet_ehash_bucket } from "./inet_hashtables.ts";

export function twsk_net(twsk: inet_timewait_sock): net {
  return sock_net(twsk);
}

/** Gives its share of the port back. */
export function inet_twsk_bind_unhash(tw: inet_timewait_sock, hashinfo: inet_hashinfo): void {
  const tb = tw.tw_tb;
  if (tb === null) return;
  hlist_del(tw.skc_bind_node);
  tw.tw_tb = null;
  inet_bind_bucket_destroy(hashinfo, tb);
  __sock_put(tw);
}

/** Takes a timewait socket out of all tables; its timer does not run. */
function inet_twsk_kill(tw: inet_timewait_sock): void {
  sk_nulls_del_node_init_rcu(tw);
  inet_twsk_bind_unhash(tw, tw.skc_prot.hashinfo!);
  tw.tw_dr!.tw_refcount--;
  inet_twsk_put(tw);
}

/** The last reference is gone. */
export function inet_twsk_free(tw: inet_timewait_sock): void {
  tw.skc_prot.twsk_prot!.twsk_destructor(tw);
}

/** Drops a reference. */
export function inet_twsk_put(tw: inet_timewait_sock): void {
  if (--tw.skc_refcnt === 0) inet_twsk_free(tw);
}

function inet_twsk_add_node_rcu(tw: inet_timewait_sock, list: hlist_nulls_head<sock_common>): void {
  hlist_nulls_add_head_rcu(tw.skc_nulls_node, list);
}

function inet_twsk_add_bind_node(tw: inet_timewait_sock, list: hlist_head<sock_common>): void {
  hlist_add_head(tw.skc_bind_node, list);
}

/** Puts tw in sk's place in ehash, and beside it in bhash. Runs with bottom halves disabled. */
export function inet_twsk_hashdance(
  tw: inet_timewait_sock,
  sk: sock,
  hashinfo: inet_hashinfo,
): void {
  // First the port, so that it is never free between the two.
  const tb = inet_csk(sk).icsk_bind_hash!;
  tw.tw_tb = tb;
  inet_twsk_add_bind_node(tw, tb.owners);

  inet_twsk_add_node_rcu(tw, inet_ehash_bucket(hashinfo, sk.skc_hash).chain);
  if (__sk_nulls_del_node_init_rcu(sk)) sock_prot_inuse_add(sock_net(sk), sk.skc_prot, -1);

  tw.tw_refcnt = 3;
}

function tw_timer_handler(t: timer_list<inet_timewait_sock>): void {
  inet_twsk_kill(from_timer(t));
}

/** A timewait socket with sk's four-tuple, in no table yet; null past tcp_max_tw_buckets. */
export function inet_twsk_alloc(
  sk: sock,
  dr: inet_timewait_death_row,
  state: number,
): inet_timewait_sock | null {
  if (dr.tw_refcount - 1 >= dr.sysctl_max_tw_buckets) return null;
  const tw = sk.skc_prot.twsk_prot!.alloc_timewait();
  const inet = inet_sk(sk);

  tw.tw_dr = dr;
  tw.skc_daddr = inet.inet_daddr;
  tw.skc_rcv_saddr = inet.inet_rcv_saddr;
  tw.skc_bound_dev_if = sk.skc_bound_dev_if;
  tw.tw_tos = inet.tos;
  tw.skc_num = inet.inet_num;
  tw.skc_state = TCP_TIME_WAIT;
  tw.tw_substate = state;
  tw.tw_sport = inet.inet_sport;
  tw.skc_dport = inet.inet_dport;
  tw.skc_family = sk.skc_family;
  tw.skc_reuse = sk.skc_reuse;
  tw.skc_reuseport = sk.skc_reuseport;
  tw.skc_hash = sk.skc_hash;
  tw.tw_transparent = inet.transparent;
  tw.skc_prot = sk.skc_prot;
  tw.skc_cookie = sk.skc_cookie;
  sock_net_set(tw, sock_net(sk));
  timer_setup(tw.tw_timer, tw_timer_handler, TIMER_PINNED);
  tw.tw_refcnt = 0;
  return tw;
}

/** Ends a timewait socket early; takes the caller's reference. */
export function inet_twsk_deschedule_put(tw: inet_timewait_sock): void {
  if (del_timer_sync(tw.tw_timer) !== 0) inet_twsk_kill(tw);
  inet_twsk_put(tw);
}

/** Starts the timer, or, to rearm, moves it if it still runs; timeo in jiffies. */
export function __inet_twsk_schedule(tw: inet_timewait_sock, timeo: number, rearm: boolean): void {
  const expires = (jiffies + timeo) | 0;
  if (rearm) {
    mod_timer_pending(tw.tw_timer, expires);
    return;
  }
  __NET_INC_STATS(
    twsk_net(tw),
    timeo <= 4 * HZ ? LINUX_MIB_TIMEWAITKILLED : LINUX_MIB_TIMEWAITED,
  );
  mod_timer(tw.tw_timer, expires);
  tw.tw_dr!.tw_refcount++;
}

export function inet_twsk_schedule(tw: inet_timewait_sock, timeo: number): void {
  __inet_twsk_schedule(tw, timeo, false);
}

export function inet_twsk_reschedule(tw: inet_timewait_sock, timeo: number): void {
  __inet_twsk_schedule(tw, timeo, true);
}

/** Ends what a host that goes leaves behind: its timewait sockets and request_socks. @differs takes the host */
export function inet_twsk_purge(hashinfo: inet_hashinfo, net: net): void {
  const { ehash } = hashinfo;
  for (let slot = 0; slot < ehash.length; slot++) {
    let sk = purge_victim(ehash[slot], net);
    for (; sk !== null; sk = purge_victim(ehash[slot], net)) {
      sock_hold(sk);
      local_bh_disable();
      if (sk.skc_state === TCP_TIME_WAIT) {
        inet_twsk_deschedule_put(inet_twsk(sk));
      } else {
        const req = inet_reqsk(sk);
        inet_csk_reqsk_queue_drop_and_put(req.rsk_listener!, req);
      }
      local_bh_enable();
    }
  }
}

/** The chain's first socket of the host that is no full one. @local */
function purge_victim(first: hlist_nulls_next<sock_common>, net: net): sock_common | null {
  for (let node = first; typeof node !== "number"; node = node.next) {
    const sk = node.owner;
    if (sk.skc_net === net && !sk_fullsock(sk)) return sk;
  }
  return null;
}

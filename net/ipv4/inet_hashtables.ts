// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's hash tables. bhash: bind() and connect() enter a port (inet_bind_hash), closing gives it back (inet_put_port).
// listening_hash: listen() enters (inet_hash). ehash: connect() (inet_hash_connect), SYNs and third ACKs enter
// (inet_ehash_insert); tcp_v4_rcv() looks up each packet (__inet_lookup_skb). What stands in ehash is a full socket, a
// request_sock or a timewait socket: narrow by skc_state. Full sockets in the tables hold no reference
// for it, request_socks and timewait sockets do.

import { reciprocal_scale } from "../../include/linux/kernel.ts";
import {
  hlist_add_head,
  hlist_del,
  hlist_del_init,
  hlist_empty,
} from "../../include/linux/list.ts";
import {
  __hlist_nulls_del,
  hlist_nulls_add_head,
  NULLS_MARKER,
} from "../../include/linux/list_nulls.ts";
import type { hlist_nulls_head } from "../../include/linux/list_nulls.ts";
import { roundup_pow_of_two } from "../../include/linux/log2.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import { ip_hdr } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { PF_INET } from "../../include/linux/socket.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import {
  inet_bind_bucket,
  inet_bind_hashbucket,
  inet_ehash_bucket as ehash_bucket,
  inet_hashinfo,
  INET_LHTABLE_SIZE,
  inet_listen_hashbucket,
} from "../../include/net/inet_hashtables.ts";
import {
  __inet_ehashfn,
  inet_sk,
  inet_sk_get_local_port_range,
} from "../../include/net/inet_sock.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import type {
  inet_timewait_death_row,
  inet_timewait_sock,
} from "../../include/net/inet_timewait_sock.ts";
import { __NET_INC_STATS, inet_is_local_reserved_port } from "../../include/net/ip.ts";
import { net_hash_mix } from "../../include/net/net_namespace.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import { inet_iif } from "../../include/net/route.ts";
import {
  __sk_del_bind_node,
  __sk_nulls_add_node_rcu,
  __sk_nulls_del_node_init_rcu,
  sk_add_bind_node,
  sk_nulls_del_node_init_rcu,
  sk_unhashed,
  SOCK_DEAD,
  sock_hold,
  sock_net,
  sock_prot_inuse_add,
  SOCK_RCU_FREE,
  sock_set_flag,
} from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { EADDRNOTAVAIL, ENOENT, ENOMEM } from "../../include/uapi/asm-generic/errno.ts";
import { LINUX_MIB_TIMEWAITRECYCLED } from "../../include/uapi/linux/snmp.ts";
import { reqsk_free } from "../core/request_sock.ts";
import { secure_ipv4_port_ephemeral, secure_seq_init } from "../core/secure_seq.ts";
import { sk_free, sock_edemux_register } from "../core/sock.ts";
import { inet_csk_destroy_sock, inet_get_local_port_range } from "./inet_connection_sock.ts";
import {
  inet_twsk_bind_unhash,
  inet_twsk_deschedule_put,
  inet_twsk_free,
} from "./inet_timewait_sock.ts";

/** TCP's tables. @differs the kernel has it in tcp_ipv4.c, which stands above those who need it */
export const tcp_hashinfo: inet_hashinfo = new inet_hashinfo();

let inet_ehash_secret = 0;
let inet_ehash_secret_ready = false;

/** Moves on with each port that connect() took. */
let hint = 0;

/**
 * Makes the tables empty. Sizes are rounded up to powers of two.
 * @differs tcp_init() allocates ehash and bhash itself in C
 */
export function inet_hashinfo_init(
  h: inet_hashinfo,
  ehash_entries = 1024,
  bhash_entries: number = Math.min(roundup_pow_of_two(ehash_entries), 65536),
): void {
  h.listening_hash = Array.from({ length: INET_LHTABLE_SIZE }, () => new inet_listen_hashbucket());
  const size = roundup_pow_of_two(Math.max(1, ehash_entries));
  h.ehash_mask = size - 1;
  h.ehash = [];
  for (let i = 0; i < size; i++) h.ehash.push(NULLS_MARKER(i));
  h.bhash_size = roundup_pow_of_two(Math.max(1, bhash_entries));
  h.bhash = Array.from({ length: h.bhash_size }, () => new inet_bind_hashbucket());
  h.bind_bucket_cachep = 0;
  inet_ehash_secret_ready = false;
  hint = 0;
  secure_seq_init();
  sock_edemux_register(sock_gen_put);
}

/** The hash of a connection in ehash, int32; l is our side, f the peer's. */
export function inet_ehashfn(
  net: net,
  laddr: number,
  lport: number,
  faddr: number,
  fport: number,
): number {
  if (!inet_ehash_secret_ready) {
    inet_ehash_secret = get_random_u32();
    inet_ehash_secret_ready = true;
  }
  return __inet_ehashfn(laddr, lport, faddr, fport, (inet_ehash_secret + net_hash_mix(net)) | 0);
}

/** The hash under which a socket with its four-tuple complete stands in ehash. */
export function sk_ehashfn(sk: sock_common): number {
  return inet_ehashfn(sk.skc_net, sk.skc_rcv_saddr, sk.skc_num, sk.skc_daddr, sk.skc_dport);
}

/** The bucket that a hash names. */
export function inet_ehash_bucket(hashinfo: inet_hashinfo, hash: number): ehash_bucket {
  return new ehash_bucket(hashinfo.ehash, hash & hashinfo.ehash_mask);
}

/** Index into bhash. */
export function inet_bhashfn(net: net, lport: number, bhash_size: number): number {
  return (lport + net_hash_mix(net)) & (bhash_size - 1);
}

/** Index into listening_hash: the port alone. */
export function inet_lhashfn(_net: net, num: number): number {
  return num & (INET_LHTABLE_SIZE - 1);
}

export function inet_sk_listen_hashfn(sk: sock): number {
  return inet_lhashfn(sk.skc_net, sk.skc_num);
}

/** Makes a bucket for a port. @differs takes the tables in place of their kmem_cache */
export function inet_bind_bucket_create(
  hashinfo: inet_hashinfo,
  net: net,
  head: inet_bind_hashbucket,
  snum: number,
): inet_bind_bucket {
  const tb = new inet_bind_bucket(net, snum);
  hashinfo.bind_bucket_cachep++;
  hlist_add_head(tb.node, head.chain);
  return tb;
}

/** Frees a bucket that has no owners left. @differs takes the tables in place of their kmem_cache */
export function inet_bind_bucket_destroy(hashinfo: inet_hashinfo, tb: inet_bind_bucket): void {
  if (!hlist_empty(tb.owners)) return;
  hlist_del(tb.node);
  hashinfo.bind_bucket_cachep--;
}

/** The bucket of a port; null when nobody has it. */
export function inet_bind_bucket_find(
  head: inet_bind_hashbucket,
  net: net,
  port: number,
): inet_bind_bucket | null {
  for (let n = head.chain.next; n !== null; n = n.next) {
    const tb = n.owner;
    if (tb.port === port && tb.ib_net === net) return tb;
  }
  return null;
}

/** Gives a port to a socket. */
export function inet_bind_hash(sk: sock, tb: inet_bind_bucket, snum: number): void {
  inet_sk(sk).inet_num = snum;
  sk_add_bind_node(sk, tb);
  tb.num_owners++;
  inet_csk(sk).icsk_bind_hash = tb;
}

function __inet_put_port(sk: sock): void {
  const hashinfo = sk.skc_prot.hashinfo!;
  const icsk = inet_csk(sk);
  const tb = icsk.icsk_bind_hash;

  icsk.inet_num = 0;
  if (tb === null) return;
  __sk_del_bind_node(sk);
  tb.num_owners--;
  icsk.icsk_bind_hash = null;
  inet_bind_bucket_destroy(hashinfo, tb);
}

/** Gives a socket's port back. */
export function inet_put_port(sk: sock): void {
  if (inet_sk(sk).inet_num !== 0) __inet_put_port(sk);
}

/** Gives the listener's port to its child; -ENOENT where it has none. */
export function __inet_inherit_port(sk: sock, child: sock): number {
  const hashinfo = sk.skc_prot.hashinfo!;
  const port = inet_sk(child).inet_num;
  let tb = inet_csk(sk).icsk_bind_hash;

  if (tb === null) return -ENOENT;
  if (tb.port !== port) {
    // The connection was opened to a port other than the listener's: a transparent proxy.
    const net = sock_net(sk);
    const head = hashinfo.bhash[inet_bhashfn(net, port, hashinfo.bhash_size)];
    tb = inet_bind_bucket_find(head, net, port) ??
      inet_bind_bucket_create(hashinfo, net, head, port);
    if (tb === null) return -ENOMEM;
  }
  inet_bind_hash(child, tb, port);
  return 0;
}

/** How well a listener fits a packet; -1 not at all. */
function compute_score(
  sk: sock,
  net: net,
  hnum: number,
  daddr: number,
  dif: number,
  sdif: number,
): number {
  if (sk.skc_num !== hnum || sk.skc_net !== net) return -1;
  let score = sk.skc_family === PF_INET ? 2 : 1;
  const rcv_saddr = sk.skc_rcv_saddr;
  if (rcv_saddr !== 0) {
    if (rcv_saddr !== daddr) return -1;
    score += 4;
  }
  const bound = sk.skc_bound_dev_if;
  if (bound !== 0) {
    if (bound !== dif && bound !== sdif) return -1;
    score += 4;
  }
  return score;
}

/** The linear congruential step that spreads connections over SO_REUSEPORT listeners. */
function next_pseudo_random32(seed: number): number {
  return (Math.imul(seed, 1664525) + 1013904223) | 0;
}

/**
 * The listener that fits best, without a reference; of equal ones with SO_REUSEPORT one by the hash of
 * the connection. null when nobody listens.
 */
export function __inet_lookup_listener(
  net: net,
  hashinfo: inet_hashinfo,
  _skb: sk_buff | null,
  _doff: number,
  saddr: number,
  sport: number,
  daddr: number,
  hnum: number,
  dif: number,
  sdif: number,
): sock | null {
  let result: sock | null = null;
  let hiscore = 0, matches = 0, phash = 0;
  let reuseport = false;

  for (let n = hashinfo.listening_hash[inet_lhashfn(net, hnum)].head.next; n !== null; n = n.next) {
    const sk = n.owner as sock;
    const score = compute_score(sk, net, hnum, daddr, dif, sdif);
    if (score > hiscore) {
      result = sk;
      hiscore = score;
      reuseport = sk.skc_reuseport;
      if (reuseport) {
        phash = inet_ehashfn(net, daddr, hnum, saddr, sport);
        matches = 1;
      }
    } else if (score === hiscore && reuseport) {
      matches++;
      if (reciprocal_scale(phash, matches) === 0) result = sk;
      phash = next_pseudo_random32(phash);
    }
  }
  return result;
}

export function inet_lookup_listener(
  net: net,
  hashinfo: inet_hashinfo,
  skb: sk_buff | null,
  doff: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  dif: number,
  sdif: number,
): sock | null {
  return __inet_lookup_listener(net, hashinfo, skb, doff, saddr, sport, daddr, dport, dif, sdif);
}

/** Drops a reference to what stands in ehash, whatever it is. */
export function sock_gen_put(sk: sock_common): void {
  if (--sk.skc_refcnt !== 0) return;
  if (sk.skc_state === TCP_TIME_WAIT) inet_twsk_free(inet_twsk(sk));
  else if (sk.skc_state === TCP_NEW_SYN_RECV) reqsk_free(inet_reqsk(sk));
  else sk_free(sk as sock);
}

/** The socket has this four-tuple; saddr and sport are the peer's. @differs takes no packed ports */
export function inet_match(
  net: net,
  sk: sock_common,
  saddr: number,
  daddr: number,
  sport: number,
  hnum: number,
  dif: number,
  sdif: number,
): boolean {
  if (
    sk.skc_dport !== sport || sk.skc_num !== hnum || sk.skc_daddr !== saddr ||
    sk.skc_rcv_saddr !== daddr || sk.skc_net !== net
  ) return false;
  const bound = sk.skc_bound_dev_if;
  return bound === 0 || bound === dif || bound === sdif;
}

/** Idle connections get behind busy ones, whose lookups need not fetch them from far memory then. @local */
function inet_ehash_to_front(sk: sock_common, first: sock_common): void {
  const list = first.pprev as hlist_nulls_head<sock_common>;
  __hlist_nulls_del(sk);
  hlist_nulls_add_head(sk, list);
}

/**
 * The connection of a packet, with a reference; null when there is none.
 * @differs moves it to the front of its chain: nobody reads the chain meanwhile
 */
export function __inet_lookup_established(
  net: net,
  hashinfo: inet_hashinfo,
  saddr: number,
  sport: number,
  daddr: number,
  hnum: number,
  dif: number,
  sdif: number,
): sock | null {
  const hash = inet_ehashfn(net, daddr, hnum, saddr, sport);
  const first = hashinfo.ehash[hash & hashinfo.ehash_mask];

  for (let node = first; typeof node !== "number"; node = node.next) {
    const sk = node as sock_common;
    if (sk.skc_hash === hash && inet_match(net, sk, saddr, daddr, sport, hnum, dif, sdif)) {
      sk.skc_refcnt++;
      if (sk !== first) inet_ehash_to_front(sk, first as sock_common);
      return sk as sock;
    }
  }
  return null;
}

/** The socket of a packet: its connection, with a reference, or else the listener, without. */
export function __inet_lookup(
  net: net,
  hashinfo: inet_hashinfo,
  skb: sk_buff,
  doff: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  dif: number,
  sdif: number,
  refcounted: { value: boolean },
): sock | null {
  const sk = __inet_lookup_established(net, hashinfo, saddr, sport, daddr, dport, dif, sdif);
  if (sk !== null) {
    refcounted.value = true;
    return sk;
  }
  refcounted.value = false;
  return __inet_lookup_listener(
    net,
    hashinfo,
    skb,
    doff,
    saddr,
    sport,
    daddr,
    dport,
    dif,
    sdif,
  );
}

/** The listener or the connection, with a reference. */
export function inet_lookup(
  net: net,
  hashinfo: inet_hashinfo,
  skb: sk_buff,
  doff: number,
  saddr: number,
  sport: number,
  daddr: number,
  dport: number,
  dif: number,
): sock | null {
  const refcounted = { value: false };
  const sk = __inet_lookup(
    net,
    hashinfo,
    skb,
    doff,
    saddr,
    sport,
    daddr,
    dport,
    dif,
    0,
    refcounted,
  );
  if (sk !== null && !refcounted.value) sock_hold(sk);
  return sk;
}

/** The socket that the early lookup left in skb; its reference goes to the caller. */
function skb_steal_sock(skb: sk_buff, refcounted: { value: boolean }): sock | null {
  const sk = skb.sk;
  if (sk === null) {
    refcounted.value = false;
    return null;
  }
  refcounted.value = true;
  skb.destructor = null;
  skb.sk = null;
  return sk;
}

/** As __inet_lookup(), for the packet in skb: network header set, ports as given. */
export function __inet_lookup_skb(
  hashinfo: inet_hashinfo,
  skb: sk_buff,
  doff: number,
  sport: number,
  dport: number,
  sdif: number,
  refcounted: { value: boolean },
): sock | null {
  const sk = skb_steal_sock(skb, refcounted);
  if (sk !== null) return sk;
  const iph = ip_hdr(skb);
  return __inet_lookup(
    skb.dev!.nd_net,
    hashinfo,
    skb,
    doff,
    iph.saddr,
    sport,
    iph.daddr,
    dport,
    inet_iif(skb),
    sdif,
    refcounted,
  );
}

/** Where __inet_hash_connect() is given the timewait socket whose place was taken. */
interface tw_ref {
  tw: inet_timewait_sock | null;
}

/**
 * Enters a connection into ehash with local port lport if no other has its four-tuple: 0, or -EADDRNOTAVAIL. One in
 * TIME_WAIT gives way where that is safe; it is handed to twp, or freed.
 */
export function __inet_check_established(
  _death_row: inet_timewait_death_row,
  sk: sock,
  lport: number,
  twp: tw_ref | null,
): number {
  const hinfo = sk.skc_prot.hashinfo!;
  const inet = inet_sk(sk);
  const net = sock_net(sk);
  const { inet_rcv_saddr: daddr, inet_daddr: saddr, inet_dport: dport } = inet;
  const dif = sk.skc_bound_dev_if;
  const hash = inet_ehashfn(net, daddr, lport, saddr, dport);
  const head = inet_ehash_bucket(hinfo, hash);
  let tw: inet_timewait_sock | null = null;

  for (let node = head.chain.first; typeof node !== "number"; node = node.next) {
    const sk2 = node.owner;
    if (sk2.skc_hash !== hash) continue;
    if (!inet_match(net, sk2, saddr, daddr, dport, lport, dif, 0)) continue;
    if (
      sk2.skc_state !== TCP_TIME_WAIT || sk.skc_prot.twsk_prot === undefined ||
      !sk.skc_prot.twsk_prot.twsk_unique(sk, sk2, twp)
    ) return -EADDRNOTAVAIL;
    tw = inet_twsk(sk2);
    break;
  }

  // From here on the port is the socket's, and the lookup finds it.
  inet.inet_num = lport;
  inet.inet_sport = lport;
  sk.skc_hash = hash;
  __sk_nulls_add_node_rcu(sk, head.chain);
  if (tw !== null) {
    sk_nulls_del_node_init_rcu(tw);
    __NET_INC_STATS(net, LINUX_MIB_TIMEWAITRECYCLED);
  }
  sock_prot_inuse_add(net, sk.skc_prot, 1);

  if (twp !== null) twp.tw = tw;
  else if (tw !== null) inet_twsk_deschedule_put(tw);
  return 0;
}

/** Where the search for a local port to this destination starts. */
export function inet_sk_port_offset(sk: sock): number {
  const inet = inet_sk(sk);
  return secure_ipv4_port_ephemeral(inet.inet_rcv_saddr, inet.inet_daddr, inet.inet_dport);
}

/** Another socket with sk's four-tuple is in the chain. */
function inet_ehash_lookup_by_sk(
  sk: sock_common,
  list: hlist_nulls_head<sock_common>,
): boolean {
  for (let node = list.first; typeof node !== "number"; node = node.next) {
    const esk = node.owner;
    if (
      esk.skc_hash === sk.skc_hash &&
      inet_match(
        sk.skc_net,
        esk,
        sk.skc_daddr,
        sk.skc_rcv_saddr,
        sk.skc_dport,
        sk.skc_num,
        sk.skc_bound_dev_if,
        0,
      )
    ) return true;
  }
  return false;
}

/**
 * Enters a socket or request_sock into ehash, in osk's place where that is given: false if osk had left
 * it already. With found_dup_sk and no osk, it does not enter where its four-tuple is taken.
 */
export function inet_ehash_insert(
  sk: sock_common,
  osk: sock_common | null,
  found_dup_sk: { value: boolean } | null = null,
): boolean {
  const hashinfo = sk.skc_prot.hashinfo!;
  let ret = true;

  sk.skc_hash = sk_ehashfn(sk);
  const list = inet_ehash_bucket(hashinfo, sk.skc_hash).chain;
  if (osk !== null) {
    ret = sk_nulls_del_node_init_rcu(osk);
  } else if (found_dup_sk !== null) {
    found_dup_sk.value = inet_ehash_lookup_by_sk(sk, list);
    ret = !found_dup_sk.value;
  }
  if (ret) __sk_nulls_add_node_rcu(sk, list);
  return ret;
}

/** As inet_ehash_insert(), for a full socket: one that may not enter is destroyed. */
export function inet_ehash_nolisten(
  sk: sock,
  osk: sock_common | null,
  found_dup_sk: { value: boolean } | null = null,
): boolean {
  const ok = inet_ehash_insert(sk, osk, found_dup_sk);
  if (ok) {
    sock_prot_inuse_add(sock_net(sk), sk.skc_prot, 1);
  } else {
    sk.skc_prot.counters.orphan_count++;
    sk.skc_state = TCP_CLOSE;
    sock_set_flag(sk, SOCK_DEAD);
    inet_csk_destroy_sock(sk);
  }
  return ok;
}

/** Enters a socket into the table of its state; 0. */
export function __inet_hash(sk: sock, osk: sock_common | null): number {
  if (sk.skc_state !== TCP_LISTEN) {
    inet_ehash_nolisten(sk, osk, null);
    return 0;
  }
  const ilb = sk.skc_prot.hashinfo!.listening_hash[inet_sk_listen_hashfn(sk)];
  hlist_add_head(sk.skc_node, ilb.head);
  ilb.count++;
  sock_set_flag(sk, SOCK_RCU_FREE);
  sock_prot_inuse_add(sock_net(sk), sk.skc_prot, 1);
  return 0;
}

/** Enters a socket into the table of its state, but for one that is closed; 0. */
export function inet_hash(sk: sock): number {
  if (sk.skc_state === TCP_CLOSE) return 0;
  return __inet_hash(sk, null);
}

/** Takes a socket out of listening_hash or ehash. */
export function inet_unhash(sk: sock): void {
  if (sk_unhashed(sk)) return;
  if (sk.skc_node.pprev !== null) {
    const ilb = sk.skc_prot.hashinfo!.listening_hash[inet_sk_listen_hashfn(sk)];
    hlist_del_init(sk.skc_node);
    ilb.count--;
  } else {
    __sk_nulls_del_node_init_rcu(sk);
  }
  sock_prot_inuse_add(sock_net(sk), sk.skc_prot, -1);
}

type check_established_t = (
  death_row: inet_timewait_death_row,
  sk: sock,
  lport: number,
  twp: tw_ref | null,
) => number;

const connect_tw: tw_ref = { tw: null };

/** connect() from a port that bind() chose. */
function __inet_hash_connect_bound(
  death_row: inet_timewait_death_row,
  sk: sock,
  port: number,
  check_established: check_established_t,
): number {
  const tb = inet_csk(sk).icsk_bind_hash!;
  // The port's only owner: no other connection can have its four-tuple.
  if (tb.owners.next === sk.skc_bind_node && sk.skc_bind_node.next === null) {
    inet_ehash_nolisten(sk, null, null);
    return 0;
  }
  return check_established(death_row, sk, port, null);
}

/** True if connect() may take the port: it is free, or shared with other connections of connect() only. */
function connect_port_is_free(
  tb: inet_bind_bucket | null,
  death_row: inet_timewait_death_row,
  sk: sock,
  port: number,
  check_established: check_established_t,
): boolean {
  if (tb === null) return true;
  if (tb.fastreuse >= 0 || tb.fastreuseport >= 0) return false;
  return check_established(death_row, sk, port, connect_tw) === 0;
}

/**
 * Gives an unbound socket a port and enters it into bhash and ehash: 0, or -EADDRNOTAVAIL. Ports of the
 * lower end's parity come first; bind(0) chooses the others first.
 */
export function __inet_hash_connect(
  death_row: inet_timewait_death_row,
  sk: sock,
  port_offset: number,
  check_established: check_established_t,
): number {
  const hinfo = sk.skc_prot.hashinfo!;
  const net = sock_net(sk);
  const num = inet_sk(sk).inet_num;

  if (num !== 0) return __inet_hash_connect_bound(death_row, sk, num, check_established);

  const range = inet_sk_get_local_port_range(sk, inet_get_local_port_range(net));
  const low = range[0], high = range[1] + 1;
  let remaining = high - low;
  if (remaining > 1) remaining &= ~1;
  let offset = ((hint + port_offset) >>> 0) % remaining & ~1;

  do {
    let port = low + offset;
    for (let i = 0; i < remaining; i += 2, port += 2) {
      if (port >= high) port -= remaining;
      if (inet_is_local_reserved_port(net, port)) continue;
      const head = hinfo.bhash[inet_bhashfn(net, port, hinfo.bhash_size)];
      let tb = inet_bind_bucket_find(head, net, port);
      connect_tw.tw = null;
      if (!connect_port_is_free(tb, death_row, sk, port, check_established)) continue;
      if (tb === null) {
        tb = inet_bind_bucket_create(hinfo, net, head, port);
        tb.fastreuse = -1;
        tb.fastreuseport = -1;
      }
      hint = (hint + i + 2) | 0;
      __inet_hash_connect_ok(sk, tb, port);
      return 0;
    }
    offset++;
  } while ((offset & 1) !== 0 && remaining > 1);
  return -EADDRNOTAVAIL;
}

/** The label `ok` of __inet_hash_connect(). */
function __inet_hash_connect_ok(sk: sock, tb: inet_bind_bucket, port: number): void {
  const tw = connect_tw.tw;

  inet_bind_hash(sk, tb, port);
  if (sk_unhashed(sk)) {
    inet_sk(sk).inet_sport = port;
    inet_ehash_nolisten(sk, tw, null);
  }
  if (tw === null) return;
  connect_tw.tw = null;
  inet_twsk_bind_unhash(tw, sk.skc_prot.hashinfo!);
  inet_twsk_deschedule_put(tw);
}

/** Gives a connecting socket its port and its place in ehash: 0, or -EADDRNOTAVAIL. */
export function inet_hash_connect(death_row: inet_timewait_death_row, sk: sock): number {
  const port_offset = inet_sk(sk).inet_num === 0 ? inet_sk_port_offset(sk) : 0;
  return __inet_hash_connect(death_row, sk, port_offset, __inet_check_established);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// What is remembered for a while about other hosts, in a tree by address: the tokens by which ICMP errors and
// redirects to one host are limited. icmp.ts and route.ts get a peer by inet_getpeer_v4() and ask
// inet_peer_xrlim_allow(). Peers that nobody used for long go while the tree is walked.

import { jiffies } from "../../include/linux/jiffies.ts";
import { RB_CLEAR_NODE, rb_link_node } from "../../include/linux/rbtree.ts";
import type { rb_node } from "../../include/linux/rbtree.ts";
import { inet_peer, inet_peer_base } from "../../include/net/inetpeer.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import { rb_erase, rb_insert_color } from "../../lib/rbtree.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";

/** net.ipv4.inet_peer_* of all hosts. @local */
export const inet_peer_sysctls: { threshold: number; minttl: number; maxttl: number } = {
  /** A tree this large may throw out what was used lately too. */
  threshold: 65536 + 128,
  /** Jiffies that a peer stays unused: from a full tree, from an empty one. */
  minttl: 120 * 1000,
  maxttl: 10 * 60 * 1000,
};
const inet_peer_defaults = { ...inet_peer_sysctls };
const PEER_MAX_GC = 32;

/** Peers met on the last walk down, to be looked at by inet_peer_gc(). */
const gc_stack: (inet_peer | null)[] = new Array(PEER_MAX_GC).fill(null);

export function inet_peer_base_init(bp: inet_peer_base): void {
  bp.rb_root.rb_node = null;
  bp.total = 0;
}

function inet_peer_gc(base: inet_peer_base, gc_cnt: number): void {
  const { threshold, minttl, maxttl } = inet_peer_sysctls;
  const ttl = base.total >= threshold ? 0 : maxttl - Math.floor(
    (maxttl - minttl) / 1000 * base.total / threshold * 1000,
  );
  for (let i = 0; i < gc_cnt; i++) {
    const p = gc_stack[i]!;
    gc_stack[i] = null;
    if (((jiffies - p.dtime) | 0) < ttl) continue;
    rb_erase(p.rb_node, base.rb_root);
    RB_CLEAR_NODE(p.rb_node);
    base.total--;
  }
}

/** The peer with this address; made where create, else null if there is none. */
export function inet_getpeer(
  base: inet_peer_base,
  daddr: number,
  create: boolean,
): inet_peer | null {
  const root = base.rb_root;
  let parent: rb_node<inet_peer> | null = null;
  let left = false;
  let gc_cnt = 0;
  for (let n = root.rb_node; n !== null;) {
    const p = n.owner;
    if (p.daddr === daddr) {
      for (let i = 0; i < gc_cnt; i++) gc_stack[i] = null;
      p.dtime = jiffies;
      return p;
    }
    if (gc_cnt < PEER_MAX_GC) gc_stack[gc_cnt++] = p;
    parent = n;
    left = daddr >>> 0 < p.daddr >>> 0;
    n = left ? n.rb_left : n.rb_right;
  }
  if (!create) {
    for (let i = 0; i < gc_cnt; i++) gc_stack[i] = null;
    return null;
  }
  const p = new inet_peer(daddr);
  // As if the last error had been long ago: the first ones pass.
  p.rate_last = (jiffies - 60 * 1000) | 0;
  p.dtime = jiffies;
  rb_link_node(p.rb_node, parent, root, left);
  rb_insert_color(p.rb_node, root);
  base.total++;
  if (gc_cnt !== 0) inet_peer_gc(base, gc_cnt);
  return p;
}

/** The peer of a host, made if need be. `vif` is 0. */
export function inet_getpeer_v4(
  base: unknown,
  v4daddr: number,
  _vif: number,
  create = true,
): inet_peer | null {
  return base instanceof inet_peer_base ? inet_getpeer(base, v4daddr, create) : null;
}

/** The caller is done with p. */
export function inet_putpeer(p: inet_peer): void {
  p.dtime = jiffies;
}

const XRLIM_BURST_FACTOR = 6;

/** Takes a token worth `timeout` jiffies, of which at most 6 are saved up; false if there is none. */
export function inet_peer_xrlim_allow(peer: inet_peer | null, timeout: number): boolean {
  if (peer === null) return true;
  const now = jiffies;
  let token = peer.rate_tokens;
  const elapsed = (now - peer.rate_last) | 0;
  if (elapsed !== 0) {
    peer.rate_last = now;
    token += elapsed >>> 0;
    if (token > XRLIM_BURST_FACTOR * timeout) token = XRLIM_BURST_FACTOR * timeout;
  }
  const rc = token >= timeout;
  if (rc) token -= timeout;
  peer.rate_tokens = token;
  return rc;
}

/** Forgets all peers. */
export function inetpeer_invalidate_tree(base: inet_peer_base): void {
  inet_peer_base_init(base);
}

function ipv4_inetpeer_init(n: net): number {
  n.ipv4.peers = new inet_peer_base();
  return 0;
}

function ipv4_inetpeer_exit(n: net): void {
  n.ipv4.peers = null;
}

const ipv4_inetpeer_ops: pernet_operations = { init: ipv4_inetpeer_init, exit: ipv4_inetpeer_exit };

export function inet_initpeers(): void {
  Object.assign(inet_peer_sysctls, inet_peer_defaults);
  register_pernet_subsys(ipv4_inetpeer_ops);
}

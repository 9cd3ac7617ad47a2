// SPDX-License-Identifier: GPL-2.0-only
//
// A routing table: prefixes in a trie, each with its routes (fib_alias). fib_frontend.ts and the tools
// insert and delete by fib_table_insert() and fib_table_delete(); fib_lookup() asks fib_table_lookup() for
// the longest prefix that holds an address and has a route that fits; fib_table_flush() throws out what
// fib_sync_down_dev() and fib_sync_down_addr() marked dead.
//
// The trie compresses paths, not levels: a node stands for a prefix that has routes, or for a fork.

import { IS_ERR } from "../../include/linux/err.ts";
import { inet_make_mask, ip_ignore_linkdown } from "../../include/linux/inetdevice.ts";
import type { flowi4 } from "../../include/net/flow.ts";
import { FA_S_ACCESSED, fib_alias, fib_props, key_vector } from "../../include/net/ip_fib.ts";
import { FIB_LOOKUP_IGNORE_LINKSTATE } from "../../include/net/ip_fib.ts";
import type { fib_config, fib_nh_common, fib_result, fib_table } from "../../include/net/ip_fib.ts";
import { rt_genid_bump_ipv4 } from "../../include/net/net_namespace.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { EAGAIN, EEXIST, EINVAL, ENOENT, ESRCH } from "../../include/uapi/asm-generic/errno.ts";
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_NOWHERE,
  RTNH_F_DEAD,
  RTNH_F_LINKDOWN,
} from "../../include/uapi/linux/rtnetlink.ts";
import {
  fib_create_info,
  fib_metrics_match,
  fib_nh_match,
  fib_release_info,
} from "./fib_semantics.ts";

const KEYLENGTH = 32;

/** The first bit of key behind a prefix of pos bits. */
function get_index(key: number, pos: number): number {
  return (key >>> (KEYLENGTH - 1 - pos)) & 1;
}

/** The node of exactly this prefix, or null. */
function fib_find_node(tb: fib_table, key: number, plen: number): key_vector | null {
  let n = tb.tb_data;
  while (n !== null) {
    if (((n.key ^ key) & inet_make_mask(n.pos)) !== 0 || n.pos > plen) return null;
    if (n.pos === plen) return n;
    n = get_index(key, n.pos) !== 0 ? n.child1 : n.child0;
  }
  return null;
}

/** Hangs n where old hung below parent (null: at the root). */
function put_child(
  tb: fib_table,
  parent: key_vector | null,
  key: number,
  n: key_vector | null,
): void {
  if (parent === null) tb.tb_data = n;
  else if (get_index(key, parent.pos) !== 0) parent.child1 = n;
  else parent.child0 = n;
  if (n !== null) n.parent = parent;
}

/** The node of this prefix, made if it is not there. */
function fib_insert_node(tb: fib_table, key: number, plen: number): key_vector {
  let parent: key_vector | null = null;
  let n = tb.tb_data;
  let common = 0;
  while (n !== null) {
    common = Math.min(plen, n.pos, Math.clz32(n.key ^ key));
    if (common < n.pos) break;
    if (n.pos === plen) return n;
    parent = n;
    n = get_index(key, n.pos) !== 0 ? n.child1 : n.child0;
  }
  const leaf = new key_vector(key, plen);
  if (n === null) {
    put_child(tb, parent, key, leaf);
  } else if (common === plen) {
    put_child(tb, parent, key, leaf);
    put_child(tb, leaf, n.key, n);
  } else {
    const fork = new key_vector(key & inet_make_mask(common), common);
    put_child(tb, parent, key, fork);
    put_child(tb, fork, n.key, n);
    put_child(tb, fork, key, leaf);
  }
  return leaf;
}

/** Takes nodes out that neither have routes nor fork any more. */
function trie_rebalance(tb: fib_table, n: key_vector | null): void {
  while (n !== null && n.leaf === null && (n.child0 === null || n.child1 === null)) {
    const parent: key_vector | null = n.parent;
    put_child(tb, parent, n.key, n.child0 ?? n.child1);
    n = parent;
  }
}

/**
 * The first route of this tos and at least this priority, or the one that such a route belongs before;
 * find_first: the first of the table.
 */
function fib_find_alias(
  fah: fib_alias | null,
  slen: number,
  dscp: number,
  prio: number,
  tb_id: number,
  find_first: boolean,
): fib_alias | null {
  for (let fa = fah; fa !== null; fa = fa.fa_next) {
    if (fa.fa_slen < slen || fa.tb_id > tb_id) continue;
    if (fa.fa_slen !== slen || fa.tb_id !== tb_id) break;
    if (find_first) return fa;
    if (fa.fa_dscp > dscp) continue;
    if (fa.fa_info.fib_priority >= prio || fa.fa_dscp < dscp) return fa;
  }
  return null;
}

/** Puts new_ before fa, at the end where fa is null. */
function fib_insert_alias(l: key_vector, new_: fib_alias, fa: fib_alias | null): void {
  let prev: fib_alias | null = null;
  let p = l.leaf;
  while (p !== null && p !== fa) {
    prev = p;
    p = p.fa_next;
  }
  new_.fa_next = p;
  if (prev === null) l.leaf = new_;
  else prev.fa_next = new_;
}

function fib_remove_alias(tb: fib_table, l: key_vector, old: fib_alias): void {
  let prev: fib_alias | null = null;
  for (let p = l.leaf; p !== null && p !== old; p = p.fa_next) prev = p;
  if (prev === null) l.leaf = old.fa_next;
  else prev.fa_next = old.fa_next;
  if (l.leaf === null) trie_rebalance(tb, l);
}

/** A prefix of plen bits that has none set behind them. */
function fib_valid_key_len(key: number, plen: number): boolean {
  return plen >= 0 && plen <= KEYLENGTH && (key & ~inet_make_mask(plen)) === 0;
}

/** Adds a route: 0, -EINVAL, -EEXIST, -ENOENT, or what fib_create_info() answers. */
export function fib_table_insert(n: net, tb: fib_table, cfg: fib_config): number {
  const plen = cfg.fc_dst_len;
  const slen = KEYLENGTH - plen;
  const key = cfg.fc_dst;
  const dscp = cfg.fc_dscp;
  if (!fib_valid_key_len(key, plen)) return -EINVAL;
  const fi = fib_create_info(cfg, n);
  if (IS_ERR(fi)) return fi;
  const l = fib_find_node(tb, key, plen);
  let fa = l !== null ? fib_find_alias(l.leaf, slen, dscp, fi.fib_priority, tb.tb_id, false) : null;
  if (fa !== null && fa.fa_dscp === dscp && fa.fa_info.fib_priority === fi.fib_priority) {
    const fa_first: fib_alias = fa;
    let fa_match: fib_alias | null = null;
    if ((cfg.fc_nlflags & NLM_F_EXCL) !== 0) {
      fib_release_info(fi);
      return -EEXIST;
    }
    for (; fa !== null; fa = fa.fa_next) {
      if (fa.fa_dscp !== dscp || fa.fa_info.fib_priority !== fi.fib_priority) break;
      if (fa.fa_type === cfg.fc_type && fa.fa_info === fi) {
        fa_match = fa;
        break;
      }
    }
    if ((cfg.fc_nlflags & NLM_F_REPLACE) !== 0) {
      if (fa_match !== null) {
        fib_release_info(fi);
        return fa_match === fa_first ? 0 : -EEXIST;
      }
      const drop = fa_first.fa_info;
      const state = fa_first.fa_state;
      fa_first.fa_info = fi;
      fa_first.fa_type = cfg.fc_type;
      fa_first.fa_state &= ~FA_S_ACCESSED;
      fa_first.fa_default = -1;
      fib_release_info(drop);
      if ((state & FA_S_ACCESSED) !== 0) rt_genid_bump_ipv4(n);
      return 0;
    }
    if (fa_match !== null) {
      fib_release_info(fi);
      return -EEXIST;
    }
    if ((cfg.fc_nlflags & NLM_F_APPEND) === 0) fa = fa_first;
  }
  if ((cfg.fc_nlflags & NLM_F_CREATE) === 0) {
    fib_release_info(fi);
    return -ENOENT;
  }
  const new_fa = new fib_alias(fi, dscp, cfg.fc_type, slen, tb.tb_id);
  fib_insert_alias(l ?? fib_insert_node(tb, key, plen), new_fa, fa);
  if (plen === 0) tb.tb_num_default++;
  rt_genid_bump_ipv4(n);
  return 0;
}

/** The nexthop is alive and leaves by the device that the flow asks for. */
export function fib_lookup_good_nhc(
  nhc: fib_nh_common,
  fib_flags: number,
  flp: flowi4,
): boolean {
  if ((nhc.fib_nh_flags & RTNH_F_DEAD) !== 0) return false;
  if (
    (nhc.fib_nh_flags & RTNH_F_LINKDOWN) !== 0 &&
    (fib_flags & FIB_LOOKUP_IGNORE_LINKSTATE) === 0 && ip_ignore_linkdown(nhc.fib_nh_dev!)
  ) return false;
  return flp.flowi4_oif === 0 || flp.flowi4_oif === nhc.fib_nh_oif;
}

/** Looks flp.daddr up: 0 and res, -EAGAIN where no route fits, or the error that the route stands for. */
export function fib_table_lookup(
  tb: fib_table,
  flp: flowi4,
  res: fib_result,
  fib_flags: number,
): number {
  const key = flp.daddr;
  let n: key_vector | null = null;
  for (let p = tb.tb_data; p !== null;) {
    const pos = p.pos;
    if (pos !== 0 && (p.key ^ key) >>> (KEYLENGTH - pos) !== 0) break;
    n = p;
    if (pos === KEYLENGTH) break;
    p = (key >>> (KEYLENGTH - 1 - pos)) & 1 ? p.child1 : p.child0;
  }
  for (; n !== null; n = n.parent) {
    for (let fa = n.leaf; fa !== null; fa = fa.fa_next) {
      const fi = fa.fa_info;
      if (fa.fa_dscp !== 0 && fa.fa_dscp !== flp.flowi4_tos) continue;
      if (fi.fib_dead || fi.fib_scope < flp.flowi4_scope) continue;
      fa.fa_state |= FA_S_ACCESSED;
      const err = fib_props[fa.fa_type].error;
      if (err < 0) return err;
      if ((fi.fib_flags & RTNH_F_DEAD) !== 0) continue;
      if (!fib_lookup_good_nhc(fi.fib_nh, fib_flags, flp)) continue;
      res.prefix = n.key;
      res.prefixlen = n.pos;
      res.nh_sel = 0;
      res.nhc = fi.fib_nh;
      res.type = fa.fa_type;
      res.scope = fi.fib_scope;
      res.fi = fi;
      res.table = tb;
      res.fa_head = n.leaf;
      return 0;
    }
  }
  return -EAGAIN;
}

/** Takes away the first route that fits cfg: 0, -EINVAL or -ESRCH. */
export function fib_table_delete(n: net, tb: fib_table, cfg: fib_config): number {
  const plen = cfg.fc_dst_len;
  const key = cfg.fc_dst;
  const dscp = cfg.fc_dscp;
  if (!fib_valid_key_len(key, plen)) return -EINVAL;
  const l = fib_find_node(tb, key, plen);
  if (l === null) return -ESRCH;
  let fa = fib_find_alias(l.leaf, KEYLENGTH - plen, dscp, 0, tb.tb_id, false);
  for (; fa !== null; fa = fa.fa_next) {
    const fi = fa.fa_info;
    if (fa.fa_dscp !== dscp) return -ESRCH;
    if (
      (cfg.fc_type === 0 || fa.fa_type === cfg.fc_type) &&
      (cfg.fc_scope === RT_SCOPE_NOWHERE || fi.fib_scope === cfg.fc_scope) &&
      (cfg.fc_prefsrc === 0 || fi.fib_prefsrc === cfg.fc_prefsrc) &&
      (cfg.fc_protocol === 0 || fi.fib_protocol === cfg.fc_protocol) &&
      fib_nh_match(n, cfg, fi) === 0 && fib_metrics_match(cfg, fi)
    ) break;
  }
  if (fa === null) return -ESRCH;
  if (plen === 0) tb.tb_num_default--;
  fib_remove_alias(tb, l, fa);
  if ((fa.fa_state & FA_S_ACCESSED) !== 0) rt_genid_bump_ipv4(n);
  fib_release_info(fa.fa_info);
  return 0;
}

/** The node behind n in order of key, then of prefix length; null n: the first. */
function leaf_walk_rcu(tb: fib_table, n: key_vector | null): key_vector | null {
  if (n === null) return tb.tb_data;
  if (n.child0 !== null) return n.child0;
  if (n.child1 !== null) return n.child1;
  for (let p = n.parent; p !== null; n = p, p = p.parent) {
    if (p.child0 === n && p.child1 !== null) return p.child1;
  }
  return null;
}

/** Takes away all routes whose nexthop is dead, and (flush_all) all others; how many went. */
export function fib_table_flush(_n: net, tb: fib_table, flush_all: boolean): number {
  let found = 0;
  const emptied: key_vector[] = [];
  for (let l = leaf_walk_rcu(tb, null); l !== null; l = leaf_walk_rcu(tb, l)) {
    let prev: fib_alias | null = null;
    for (let fa = l.leaf; fa !== null; fa = fa.fa_next) {
      const fi = fa.fa_info;
      const error = fib_props[fa.fa_type].error !== 0;
      if (!flush_all && (error || (fi.fib_flags & RTNH_F_DEAD) === 0)) {
        prev = fa;
        continue;
      }
      if (prev === null) l.leaf = fa.fa_next;
      else prev.fa_next = fa.fa_next;
      if (l.pos === 0) tb.tb_num_default--;
      fib_release_info(fi);
      found++;
    }
    if (l.leaf === null) emptied.push(l);
  }
  for (const l of emptied.reverse()) trie_rebalance(tb, l);
  return found;
}

/** Calls cb with each route of the table, in order of prefix. @differs a callback instead of netlink's skb */
export function fib_table_dump(
  tb: fib_table,
  cb: (prefix: number, plen: number, fa: fib_alias) => void,
): void {
  for (let l = leaf_walk_rcu(tb, null); l !== null; l = leaf_walk_rcu(tb, l)) {
    for (let fa = l.leaf; fa !== null; fa = fa.fa_next) cb(l.key, l.pos, fa);
  }
}

/** A table without routes. */
export function fib_trie_table(id: number, _alias: fib_table | null): fib_table {
  return { tb_id: id, tb_num_default: 0, tb_data: null, tb_lookup: fib_table_lookup };
}

/** Forgets a table's routes. */
export function fib_free_table(tb: fib_table): void {
  tb.tb_data = null;
  tb.tb_num_default = 0;
}

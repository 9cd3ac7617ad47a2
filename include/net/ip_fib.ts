// SPDX-License-Identifier: GPL-2.0-only
//
// The forwarding information base: tables of fib_alias by prefix, each pointing to a fib_info with
// its nexthop; nexthops cache rtables and what was learned about single destinations. Tables:
// net/ipv4/fib_trie.ts; fib_info: fib_semantics.ts; addresses, devices and users: fib_frontend.ts.

import { RTAX_MAX } from "./dst.ts";
import { flowi4 } from "./flow.ts";
import type { net } from "./net_namespace.ts";
import type { rtable } from "./route.ts";
import type { net_device } from "../linux/netdevice.ts";
import { EACCES, EAGAIN, EHOSTUNREACH, EINVAL, ENETUNREACH } from "../uapi/asm-generic/errno.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_BROADCAST,
  RTN_MULTICAST,
  RTN_UNICAST,
  RTN_UNSPEC,
} from "../uapi/linux/rtnetlink.ts";

/** What a route is made from, and deleted by. */
export class fib_config {
  /** 0..32 */
  fc_dst_len = 0;
  fc_dscp = 0;
  /** RTPROT_* */
  fc_protocol = 0;
  /** RT_SCOPE_* */
  fc_scope = 0;
  /** RTN_* */
  fc_type = 0;
  /** RT_TABLE_*, or 0 for the usual one. */
  fc_table = 0;
  fc_dst = 0;
  /** The gateway; 0 none. */
  fc_gw4 = 0;
  fc_oif = 0;
  /** RTNH_F_* */
  fc_flags = 0;
  fc_priority = 0;
  fc_prefsrc = 0;
  /** Metrics at RTAX_* - 1; null for none. */
  fc_mx: Int32Array | null = null;
  /** NLM_F_* */
  fc_nlflags = 0;
}

export const FNHE_HASH_SHIFT = 11;
export const FNHE_HASH_SIZE = 1 << FNHE_HASH_SHIFT;
export const FNHE_RECLAIM_DEPTH = 5;

/** What differs for one destination behind a nexthop: path MTU, gateway. */
export class fib_nh_exception {
  fnhe_next: fib_nh_exception | null = null;
  fnhe_genid = 0;
  fnhe_daddr = 0;
  /** bytes; 0 unknown */
  fnhe_pmtu = 0;
  fnhe_mtu_locked = false;
  fnhe_gw = 0;
  /** jiffies; 0 never */
  fnhe_expires = 0;
  fnhe_rth_input: rtable | null = null;
  fnhe_rth_output: rtable | null = null;
  fnhe_stamp = 0;
}

/** The next hop of a route. */
export class fib_nh {
  fib_nh_dev: net_device | null = null;
  fib_nh_oif = 0;
  /** RTNH_F_* */
  fib_nh_flags = 0;
  fib_nh_scope = 0;
  /** 0: the destinations are on the link. */
  fib_nh_gw4 = 0;
  nh_parent: fib_info;
  /** The source address that packets to it have, and the address generation it is of. */
  nh_saddr = 0;
  nh_saddr_genid = 0;
  /** Routes handed out before, for any destination that has no exception. */
  nhc_rth_input: rtable | null = null;
  nhc_pcpu_rth_output: rtable | null = null;
  /** Chains of FNHE_HASH_SIZE; null until the first. */
  nhc_exceptions: (fib_nh_exception | null)[] | null = null;

  constructor(parent: fib_info) {
    this.nh_parent = parent;
  }
}

/** A nexthop in common parlance. */
export type fib_nh_common = fib_nh;

/** What routes to many prefixes share. */
export class fib_info {
  fib_net: net;
  /** fib_alias that point here. */
  fib_treeref = 0;
  fib_flags = 0;
  fib_dead = false;
  fib_protocol = 0;
  fib_scope = 0;
  fib_type = 0;
  fib_prefsrc = 0;
  fib_tb_id = 0;
  fib_priority = 0;
  /** Metrics at RTAX_* - 1. */
  readonly fib_metrics = new Int32Array(RTAX_MAX);
  readonly fib_nh: fib_nh;

  constructor(n: net) {
    this.fib_net = n;
    this.fib_nh = new fib_nh(this);
  }
}

export const FA_S_ACCESSED = 0x01;

/** One route of a prefix. */
export class fib_alias {
  /** The next one of the same prefix, in order of tos (falling) and priority (rising). */
  fa_next: fib_alias | null = null;
  fa_info: fib_info;
  fa_dscp: number;
  /** RTN_* */
  fa_type: number;
  fa_state = 0;
  /** 32 less the prefix length. */
  fa_slen: number;
  tb_id: number;
  fa_default = -1;

  constructor(fi: fib_info, dscp: number, type: number, slen: number, tb_id: number) {
    this.fa_info = fi;
    this.fa_dscp = dscp;
    this.fa_type = type;
    this.fa_slen = slen;
    this.tb_id = tb_id;
  }
}

/** A node of the trie: a prefix, its routes, and the longer prefixes below it. */
export class key_vector {
  key: number;
  /** Prefix length, 0..32: `key` has no bits behind it. */
  pos: number;
  parent: key_vector | null = null;
  /** By the first bit behind the prefix. */
  child0: key_vector | null = null;
  child1: key_vector | null = null;
  /** null where the node only branches. */
  leaf: fib_alias | null = null;

  constructor(key: number, pos: number) {
    this.key = key;
    this.pos = pos;
  }
}

/** A routing table. */
export interface fib_table {
  /** RT_TABLE_* */
  tb_id: number;
  tb_num_default: number;
  /** Root of the trie. */
  tb_data: key_vector | null;
  /** fib_table_lookup(): 0, -EAGAIN where no route is there, or the error that the route stands for. */
  tb_lookup(tb: fib_table, flp: flowi4, res: fib_result, fib_flags: number): number;
}

/** A host's tables, and all its fib_infos. */
export class fib_rules_table {
  readonly local: fib_table;
  readonly main: fib_table;
  readonly info: Set<fib_info> = new Set();
  /** Moves on with addresses: chosen source addresses are looked up again. */
  dev_addr_genid = 0;

  constructor(local: fib_table, main: fib_table) {
    this.local = local;
    this.main = main;
  }
}

/** What a lookup found. */
export class fib_result {
  prefix = 0;
  prefixlen = 0;
  nh_sel = 0;
  /** RTN_* */
  type = RTN_UNSPEC;
  scope = 0;
  fi: fib_info | null = null;
  nhc: fib_nh_common | null = null;
  table: fib_table | null = null;
  /** All routes of the prefix. */
  fa_head: fib_alias | null = null;
}

export const FIB_LOOKUP_NOREF = 1;
export const FIB_LOOKUP_IGNORE_LINKSTATE = 2;

/** What a route type means: error of lookups, 0 for none; smallest scope. */
export const fib_props: readonly { readonly error: number; readonly scope: number }[] = [
  { error: 0, scope: RT_SCOPE_NOWHERE },
  { error: 0, scope: RT_SCOPE_UNIVERSE },
  { error: 0, scope: RT_SCOPE_HOST },
  { error: 0, scope: RT_SCOPE_LINK },
  { error: 0, scope: RT_SCOPE_LINK },
  { error: 0, scope: RT_SCOPE_UNIVERSE },
  { error: -EINVAL, scope: RT_SCOPE_UNIVERSE },
  { error: -EHOSTUNREACH, scope: RT_SCOPE_UNIVERSE },
  { error: -EACCES, scope: RT_SCOPE_UNIVERSE },
  { error: -EAGAIN, scope: RT_SCOPE_UNIVERSE },
  { error: -EINVAL, scope: RT_SCOPE_NOWHERE },
  { error: -EINVAL, scope: RT_SCOPE_NOWHERE },
];

export function FIB_RES_DEV(res: fib_result): net_device {
  return res.nhc!.fib_nh_dev!;
}

export function FIB_RES_OIF(res: fib_result): number {
  return res.nhc!.fib_nh_oif;
}

/** The table of an id; null where there is none. */
export function fib_get_table(n: net, id: number): fib_table | null {
  const fib = n.ipv4.fib;
  if (fib === null) return null;
  return id === RT_TABLE_LOCAL ? fib.local : id === RT_TABLE_MAIN || id === 0 ? fib.main : null;
}

const addr_res = new fib_result();
const addr_fl4 = new flowi4();

/** What addr is to this host, or (dev not null) to one device: RTN_*. */
export function __inet_dev_addr_type(
  n: net,
  dev: net_device | null,
  addr: number,
  tb_id: number,
): number {
  if ((addr & 0xff000000) === 0 || addr === -1) return RTN_BROADCAST;
  if ((addr & 0xf0000000) === (0xe0000000 | 0)) return RTN_MULTICAST;
  const table = fib_get_table(n, tb_id);
  if (table === null) return RTN_BROADCAST;
  addr_fl4.daddr = addr;
  if (table.tb_lookup(table, addr_fl4, addr_res, FIB_LOOKUP_NOREF) !== 0) return RTN_UNICAST;
  const nhc = addr_res.nhc;
  return dev === null || (nhc !== null && nhc.fib_nh_dev === dev) ? addr_res.type : RTN_UNICAST;
}

/** Looks a flow up in the local, then in the main table: 0, -ENETUNREACH, or the route's error. */
export function fib_lookup(n: net, flp: flowi4, res: fib_result, flags: number): number {
  const fib = n.ipv4.fib;
  if (fib === null) return -ENETUNREACH;
  let err = fib.local.tb_lookup(fib.local, flp, res, flags | FIB_LOOKUP_NOREF);
  if (err === -EAGAIN) err = fib.main.tb_lookup(fib.main, flp, res, flags | FIB_LOOKUP_NOREF);
  return err === -EAGAIN ? -ENETUNREACH : err;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// tcp_hashinfo's types: ehash (full sockets, request_socks and timewait sockets by their four-tuple),
// bhash (bound ports) and listening_hash. Operations: net/ipv4/inet_hashtables.ts.

import { hlist_nulls_head } from "../linux/list_nulls.ts";
import type { hlist_nulls_next } from "../linux/list_nulls.ts";
import { hlist_head, hlist_node } from "../linux/types.ts";
import type { net } from "./net_namespace.ts";
import type { sock_common } from "./sock.ts";

/** A chain of ehash: a pointer to its head in the table. */
export class inet_ehash_bucket extends hlist_nulls_head<sock_common> {
  get chain(): hlist_nulls_head<sock_common> {
    return this;
  }
}

/** A bound port with its sockets. */
export class inet_bind_bucket {
  ib_net: net;
  l3mdev = 0;
  port: number;
  /** May connect() and bind() share the port: >= 0 the first owner's SO_REUSEADDR, -1 an ephemeral one. */
  fastreuse = 0;
  fastreuseport = 0;
  fastuid = 0;
  fast_rcv_saddr = 0;
  fast_sk_family = 0;
  fast_ipv6_only = false;
  num_owners = 0;
  readonly node: hlist_node<inet_bind_bucket>;
  readonly owners = new hlist_head<sock_common>();

  constructor(ib_net: net, port: number) {
    this.ib_net = ib_net;
    this.port = port;
    this.node = new hlist_node<inet_bind_bucket>(this);
  }
}

/** A chain of bhash. */
export class inet_bind_hashbucket {
  readonly chain = new hlist_head<inet_bind_bucket>();
}

/** A chain of listening_hash. */
export class inet_listen_hashbucket {
  readonly head = new hlist_head<sock_common>();
  /** Sockets in it. */
  count = 0;
}

export const INET_LHTABLE_SIZE = 32;

/** TCP's hash tables. */
export class inet_hashinfo {
  /** The chains' first members, or the numbers that empty ones end in: inet_ehash_bucket() points to one. */
  ehash: hlist_nulls_next<sock_common>[] = [];
  /** Size of ehash less one; the size is a power of two. */
  ehash_mask = 0;
  bhash: inet_bind_hashbucket[] = [];
  /** A power of two. */
  bhash_size = 0;
  /** Bind buckets in being. */
  bind_bucket_cachep = 0;
  listening_hash: inet_listen_hashbucket[] = [];
}

// SPDX-License-Identifier: GPL-2.0-only
//
// inet_peer: what is remembered about a host for a while: the tokens of its rate limits.

import { rb_node, rb_root } from "../linux/rbtree.ts";

/** A host that packets are exchanged with. */
export class inet_peer {
  readonly rb_node: rb_node<inet_peer>;
  /** int32 */
  daddr: number;
  /** Tokens of inet_peer_xrlim_allow(), jiffies. */
  rate_tokens = 0;
  rate_last = 0;
  n_redirects = 0;
  /** Last used, jiffies. */
  dtime = 0;
  refcnt = 1;

  constructor(daddr: number) {
    this.rb_node = new rb_node<inet_peer>(this);
    this.daddr = daddr;
  }
}

/** A host's peers. */
export class inet_peer_base {
  readonly rb_root = new rb_root<inet_peer>();
  total = 0;
}

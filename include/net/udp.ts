// SPDX-License-Identifier: GPL-2.0-only
//
// udp_sock and udp_table: UDP's sockets, found by local port, or by local address and port.

import { hlist_head, hlist_node } from "../linux/types.ts";
import { inet_sock } from "./inet_sock.ts";
import type { net } from "./net_namespace.ts";
import type { sock, sock_common } from "./sock.ts";

export const UDP_HTABLE_SIZE_MIN = 256;
export const UDP_MAX_SEGMENTS = 1 << 6;

/** A UDP socket. */
export class udp_sock extends inet_sock {
  /** Place in the table by address and port. */
  readonly udp_portaddr_node: hlist_node<sock_common>;
  /** Hash of the port, and of the address with the port. */
  udp_port_hash = 0;
  udp_portaddr_hash = 0;
  /** AF_INET while there are corked frames, 0 otherwise. */
  pending = 0;
  corkflag = false;
  no_check6_tx = false;
  no_check6_rx = false;
  encap_enabled = false;
  gro_enabled = false;
  accept_udp_l4 = false;
  /** Bytes of the corked frames. */
  len = 0;
  gso_size = 0;

  constructor() {
    super();
    this.udp_portaddr_node = new hlist_node<sock_common>(this);
  }
}

/** A chain of a UDP table. */
export class udp_hslot {
  readonly head = new hlist_head<sock_common>();
  count = 0;
}

/** UDP's tables: `hash` by port, `hash2` by address and port. */
export class udp_table {
  hash: udp_hslot[] = [];
  hash2: udp_hslot[] = [];
  mask = 0;
  log = 0;
}

export function udp_sk(sk: sock): udp_sock {
  return sk as udp_sock;
}

export function UDP_INC_STATS(n: net, field: number): void {
  n.mib.udp_statistics[field]++;
}
export const __UDP_INC_STATS = UDP_INC_STATS;

/** The bucket of a port. */
export function udp_hashfn(n: net, num: number, mask: number): number {
  return (num + n.hash_mix) & mask;
}

export function udp_hashslot(table: udp_table, n: net, num: number): udp_hslot {
  return table.hash[udp_hashfn(n, num, table.mask)];
}

export function udp_hashslot2(table: udp_table, hash: number): udp_hslot {
  return table.hash2[hash & table.mask];
}

// SPDX-License-Identifier: GPL-2.0-only
//
// timewait_sock_ops: what a protocol does to make and reuse its TIME_WAIT sockets.

import type { inet_timewait_sock } from "./inet_timewait_sock.ts";
import type { sock, sock_common } from "./sock.ts";

/** Operations of a protocol on its timewait sockets. */
export interface timewait_sock_ops {
  twsk_slab_name: string;
  alloc_timewait(): inet_timewait_sock;
  /** A new connection may take the place of sktw. */
  twsk_unique(sk: sock, sktw: sock_common, twp: unknown): boolean;
  twsk_destructor(sk: sock_common): void;
}

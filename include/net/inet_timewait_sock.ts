// SPDX-License-Identifier: GPL-2.0-only
//
// inet_timewait_sock: what is left of a connection in TIME_WAIT (and of an orphan in FIN_WAIT2).

import { timer_list } from "../linux/timer.ts";
import type { inet_bind_bucket } from "./inet_hashtables.ts";
import { sock_common } from "./sock.ts";

/** Counters of a namespace's timewait sockets. */
export class inet_timewait_death_row {
  tw_refcount = 1;
  sysctl_max_tw_buckets = 65536;
}

/** A minimal socket, to answer what still comes. */
export class inet_timewait_sock extends sock_common {
  tw_mark = 0;
  /** TCP_TIME_WAIT, or TCP_FIN_WAIT2 */
  tw_substate = 0;
  tw_rcv_wscale = 0;
  /** Local port (inet_sport). */
  tw_sport = 0;
  tw_kill = false;
  tw_transparent = false;
  tw_flowlabel = 0;
  tw_tos = 0;
  tw_priority = 0;
  tw_txhash = 0;
  /** When it entered TIME_WAIT, ms of TCP's clock (int32). */
  tw_entry_stamp = 0;
  readonly tw_timer: timer_list<inet_timewait_sock>;
  tw_tb: inet_bind_bucket | null = null;
  tw_dr: inet_timewait_death_row | null = null;

  constructor() {
    super();
    this.tw_timer = new timer_list<inet_timewait_sock>(this);
  }

  get tw_refcnt(): number {
    return this.skc_refcnt;
  }
  set tw_refcnt(v: number) {
    this.skc_refcnt = v;
  }
  get tw_daddr(): number {
    return this.skc_daddr;
  }
  get tw_rcv_saddr(): number {
    return this.skc_rcv_saddr;
  }
  get tw_dport(): number {
    return this.skc_dport;
  }
  get tw_num(): number {
    return this.skc_num;
  }
  get tw_bound_dev_if(): number {
    return this.skc_bound_dev_if;
  }
}

export function inet_twsk(sk: sock_common): inet_timewait_sock {
  return sk as inet_timewait_sock;
}

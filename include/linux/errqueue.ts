// SPDX-License-Identifier: GPL-2.0-only
//
// What a socket's error queue holds beside a packet: recvmsg(MSG_ERRQUEUE) reports it.

import type { sk_buff } from "./skbuff.ts";

export const SO_EE_ORIGIN_NONE = 0;
export const SO_EE_ORIGIN_LOCAL = 1;
export const SO_EE_ORIGIN_ICMP = 2;
export const SO_EE_ORIGIN_ICMP6 = 3;
export const SO_EE_ORIGIN_TXSTATUS = 4;
export const SO_EE_ORIGIN_ZEROCOPY = 5;
export const SO_EE_ORIGIN_TIMESTAMPING = SO_EE_ORIGIN_TXSTATUS;

export const SO_EE_CODE_ZEROCOPY_COPIED = 1;

/** ee_info of a timestamp: of handing to the driver, to the qdisc, of the acknowledgement. */
export const SCM_TSTAMP_SND = 0;
export const SCM_TSTAMP_SCHED = 1;
export const SCM_TSTAMP_ACK = 2;

/** The error as the program gets it. */
export class sock_extended_err {
  ee_errno = 0;
  /** SO_EE_ORIGIN_* */
  ee_origin = 0;
  ee_type = 0;
  ee_code = 0;
  ee_info = 0;
  ee_data = 0;
}

/** The control block of a packet in sk_error_queue. */
export class sock_exterr_skb {
  readonly ee = new sock_extended_err();
  /** Offset of the offender's address from the network header. */
  addr_offset = 0;
  port = 0;
  opt_stats = false;
}

/** skb's error; made at first use. */
export function SKB_EXT_ERR(skb: sk_buff): sock_exterr_skb {
  return skb.err_cb ??= new sock_exterr_skb();
}

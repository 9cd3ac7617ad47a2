// SPDX-License-Identifier: GPL-2.0-only
//
// Small helpers of the network: addresses as text, rate limit of messages, checksums of a transport
// whose addresses or ports change on the way.

import { HZ, jiffies, time_after_eq } from "../../include/linux/jiffies.ts";
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { csum_add, csum_fold, csum_replace4, csum_sub } from "../../lib/checksum.ts";

export { in_aton } from "../../include/net/ip.ts";

/** jiffies, and messages in that time. */
const DEFAULT_RATELIMIT_INTERVAL = 5 * HZ;
const DEFAULT_RATELIMIT_BURST = 10;

let ratelimit_begin = 0;
let ratelimit_printed = 0;
let ratelimit_used = false;

/** Whether one more message about packets may be written now. */
export function net_ratelimit(): boolean {
  if (
    !ratelimit_used || time_after_eq(jiffies, (ratelimit_begin + DEFAULT_RATELIMIT_INTERVAL) | 0)
  ) {
    ratelimit_used = true;
    ratelimit_begin = jiffies;
    ratelimit_printed = 0;
  }
  return ratelimit_printed++ < DEFAULT_RATELIMIT_BURST;
}

/** Fresh for a machine that boots. @local */
export function net_utils_init(): void {
  ratelimit_used = false;
}

/** Corrects the checksum at `off` of skb.head for a 32-bit word that changes from `from` to `to`. */
export function inet_proto_csum_replace4(
  off: number,
  skb: sk_buff,
  from: number,
  to: number,
  pseudohdr: boolean,
): void {
  const { dv } = skb.head;
  const sum = dv.getUint16(off);
  if (skb.ip_summed !== CHECKSUM_PARTIAL) {
    dv.setUint16(off, csum_replace4(sum, from, to));
    if (skb.ip_summed === CHECKSUM_COMPLETE && pseudohdr) {
      skb.csum = ~csum_add(csum_sub(~skb.csum, from), to);
    }
  } else if (pseudohdr) {
    dv.setUint16(off, ~csum_fold(csum_add(csum_sub(sum, from), to)) & 0xffff);
  }
}

/** The same for a 16-bit word. */
export function inet_proto_csum_replace2(
  off: number,
  skb: sk_buff,
  from: number,
  to: number,
  pseudohdr: boolean,
): void {
  inet_proto_csum_replace4(off, skb, from, to, pseudohdr);
}

/** Corrects the checksum at `off` by the difference of two sums. */
export function inet_proto_csum_replace_by_diff(
  off: number,
  skb: sk_buff,
  diff: number,
  pseudohdr: boolean,
): void {
  const { dv } = skb.head;
  const sum = dv.getUint16(off);
  if (skb.ip_summed !== CHECKSUM_PARTIAL) {
    dv.setUint16(off, csum_fold(csum_add(diff, ~sum & 0xffff)));
    if (skb.ip_summed === CHECKSUM_COMPLETE && pseudohdr) {
      skb.csum = ~csum_add(diff, ~skb.csum);
    }
  } else if (pseudohdr) {
    dv.setUint16(off, ~csum_fold(csum_add(diff, sum)) & 0xffff);
  }
}

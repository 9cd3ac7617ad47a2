// SPDX-License-Identifier: GPL-2.0-only
//
// rtentry: what SIOCADDRT and SIOCDELRT are given.

import type { sockaddr_in } from "./in.ts";

export const RTF_UP = 0x0001;
export const RTF_GATEWAY = 0x0002;
export const RTF_HOST = 0x0004;
export const RTF_MTU = 0x0040;
export const RTF_WINDOW = 0x0080;
export const RTF_REJECT = 0x0200;

/** A route as the ioctls pass it. Lengths in bytes. */
export interface rtentry {
  rt_dst: sockaddr_in;
  rt_gateway: sockaddr_in | null;
  rt_genmask: sockaddr_in | null;
  /** RTF_* */
  rt_flags: number;
  /** One more than the priority; 0 for the default. */
  rt_metric: number;
  rt_dev: string | null;
  rt_mtu: number;
  rt_window: number;
}

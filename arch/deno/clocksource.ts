// SPDX-License-Identifier: GPL-2.0-only
//
// The host's clocks and entropy: what timekeeping_init() reads time from, and where
// get_random_u32() gets its bits.

import type { clocksource } from "../../include/linux/clocksource.ts";
import { NSEC_PER_MSEC } from "../../include/linux/time64.ts";

/** The monotonic clock of the host, which Deno gives in ms with a fraction. */
export const deno_clocksource: clocksource = {
  name: "deno",
  read: () => performance.now() * NSEC_PER_MSEC,
  real_offset: performance.timeOrigin * NSEC_PER_MSEC,
};

/** getRandomValues() answers at most so many bytes at a time. */
const ENTROPY_MAX = 65536;

/** Fills a buffer from the host's random number generator. @local */
export function deno_random_source(buf: Uint8Array): void {
  for (let off = 0; off < buf.length; off += ENTROPY_MAX) {
    crypto.getRandomValues(
      buf.subarray(off, off + ENTROPY_MAX) as Uint8Array<ArrayBuffer>,
    );
  }
}

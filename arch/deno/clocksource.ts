// SPDX-License-Identifier: GPL-2.0-only
//
// The host's clocks and entropy: what timekeeping_init() reads time from, and where
// get_random_u32() gets its bits.

import type { clocksource } from "../../include/linux/clocksource.ts";
import { NSEC_PER_MSEC, NSEC_PER_SEC } from "../../include/linux/time64.ts";
import { libc_loaded } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
/** struct timespec of a 64-bit host, seconds at 0 and nanoseconds at 2. */
const timespec = new Uint32Array(4);
/** CLOCK_MONOTONIC less Deno's clock, ns: the same clock from another start. */
let monotonic_offset = NaN;

/** The monotonic clock of the host: by libc where a NIC has it loaded, at a third of the cost. */
function read_monotonic(): number {
  const libc = Deno.build.os === "linux" ? libc_loaded() : null;
  if (libc === null) return performance.now() * NSEC_PER_MSEC;
  libc.clock_gettime(CLOCK_MONOTONIC, timespec);
  const now = timespec[0] * NSEC_PER_SEC + timespec[2];
  if (Number.isNaN(monotonic_offset)) monotonic_offset = now - performance.now() * NSEC_PER_MSEC;
  return now - monotonic_offset;
}

/** ns since the process began. */
export const deno_clocksource: clocksource = {
  name: "deno",
  read: read_monotonic,
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

// SPDX-License-Identifier: GPL-2.0-only
//
// What both ends of the benchmark have to know, and how they run: a virtual core shares a real one with those of
// others, and is then down to half of its speed for seconds or minutes. Each run is told with the speed of its core.

/** The stack's address on the TUN, and the host's. */
export const OURS = "198.51.100.2";
export const THEIRS = "198.51.100.1";
/** The servers' port. */
export const PORT = 5001;
/** Bytes of a read or write of bulk data. */
export const BULK = 256 * 1024;

/** The least part of the full speed at which a core counts as ours alone. */
const UNDISTURBED = 0.85;
/** How many runs are tried for each that is wanted. */
const TRIES = 4;
const SPEED_SAMPLES = 8;
const SPEED_ROUNDS = 250_000;

/** Additions that need not wait for each other: it is these that a neighbour on the same core slows down. */
function additions(rounds: number): number {
  let a = 0, b = 1, c = 2, d = 3, e = 4, f = 5;
  for (let i = 0; i < rounds; i++) {
    a = (a + 1) | 0;
    b = (b + a) | 0;
    c = (c + 3) | 0;
    d = (d + c) | 0;
    e = (e + 5) | 0;
    f = (f + e) | 0;
  }
  return a ^ b ^ c ^ d ^ e ^ f;
}

/** How fast this core is just now, in rounds of additions a microsecond: the best of a few milliseconds. */
export function core_speed(): number {
  let best = Infinity;
  for (let i = 0; i < SPEED_SAMPLES; i++) {
    const start = performance.now();
    additions(SPEED_ROUNDS);
    best = Math.min(best, performance.now() - start);
  }
  return SPEED_ROUNDS / best / 1000;
}

/**
 * Runs until the core was undisturbed in as many runs as are wanted, at most so many times as often. A line each: the
 * figures and the core's speed, the lower of before and after. `full` is the core's speed when it is ours alone.
 */
export async function print_runs(
  wanted: number,
  full: number,
  run: () => number[] | Promise<number[]>,
): Promise<void> {
  let before = core_speed();
  for (let n = 0, good = 0; n < TRIES * wanted && good < wanted; n++) {
    const figures = await run();
    const after = core_speed();
    const speed = Math.min(before, after);
    if (speed >= UNDISTURBED * full) good++;
    console.log([...figures, speed].join(" "));
    before = after;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Random numbers. Entropy comes from arch through register_random_source(); get_random_u32() takes
// it from a batch, so that a call costs a few ns.

/**
 * Fills a buffer with entropy.
 * @local
 */
export type random_source = (buf: Uint8Array) => void;

const batch = new Int32Array(256);
const batch_bytes = new Uint8Array(batch.buffer);
let position = batch.length;

let source: random_source = () => {
  throw new Error("no source of entropy: arch registers one before anything starts");
};

/**
 * Where entropy comes from; forgets the batch taken from the last source.
 * @local
 */
export function register_random_source(fn: random_source): void {
  source = fn;
  position = batch.length;
}

/** 32 random bits. @differs int32, like every 32-bit word here */
export function get_random_u32(): number {
  if (position >= batch.length) {
    source(batch_bytes);
    position = 0;
  }
  const v = batch[position];
  batch[position++] = 0;
  return v;
}

/** 16 random bits. */
export function get_random_u16(): number {
  return get_random_u32() >>> 16;
}

/** A random number in 0..ceil-1, each as likely; ceil is in 1..2^32. */
export function get_random_u32_below(ceil: number): number {
  if (ceil <= 1) return 0;
  const limit = 4294967296 - (4294967296 % ceil);
  for (;;) {
    const v = get_random_u32() >>> 0;
    if (v < limit) return v % ceil;
  }
}

/** A random number in floor..ceil, both included. */
export function get_random_u32_inclusive(floor: number, ceil: number): number {
  return floor + get_random_u32_below(ceil - floor + 1);
}

/** A random number in 0..ep_ro-1, as likely as a multiplication makes it. */
export function prandom_u32_max(ep_ro: number): number {
  return Math.floor(((get_random_u32() >>> 0) * ep_ro) / 4294967296);
}

/** Fills a buffer. */
export function get_random_bytes(buf: Uint8Array): void {
  source(buf);
}

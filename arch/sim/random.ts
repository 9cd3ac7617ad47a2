// SPDX-License-Identifier: GPL-2.0-only
//
// Entropy from a seed: xoshiro128** (Blackman and Vigna, public domain), so that a run is repeated by its seed.

import type { random_source } from "../../include/linux/random.ts";

/** A source of entropy that gives the same bytes for the same seed. @local */
export function seeded_random(seed: number): random_source {
  const s = new Int32Array(4);
  // splitmix32 spreads the seed over the state
  let x = seed | 0;
  for (let i = 0; i < 4; i++) {
    x = (x + 0x9e3779b9) | 0;
    let z = x;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    s[i] = z ^ (z >>> 16);
  }
  const next = (): number => {
    const m = Math.imul(s[1], 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  };
  return (buf) => {
    for (let i = 0; i < buf.length; i += 4) {
      const v = next();
      for (let j = 0; j < 4 && i + j < buf.length; j++) buf[i + j] = v >>> (j << 3);
    }
  };
}

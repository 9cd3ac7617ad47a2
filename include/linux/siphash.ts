// SPDX-License-Identifier: GPL-2.0-only
//
// Keys of lib/siphash.ts.

import { get_random_u32 } from "./random.ts";

/** 128 bits: the words of key[0] and key[1], each low half first. */
export class siphash_key_t {
  readonly key: Int32Array = new Int32Array(4);
}

/** 64 bits of hsiphash: the words of key[0] and key[1], each low half first. */
export class hsiphash_key_t {
  readonly key: Int32Array = new Int32Array(4);
}

/** A random key. @local */
export function siphash_key_random(k: siphash_key_t | hsiphash_key_t): void {
  for (let i = 0; i < 4; i++) k.key[i] = get_random_u32();
}

/** True of a key that was never set. */
export function siphash_key_is_zero(k: siphash_key_t): boolean {
  return (k.key[0] | k.key[1] | k.key[2] | k.key[3]) === 0;
}

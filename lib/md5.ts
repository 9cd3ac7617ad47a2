// SPDX-License-Identifier: GPL-2.0-only
//
// MD5's inner function over one block, which makes sequence numbers and ports hard to guess
// (net/core/secure_seq.ts). @rfc 1321

const K = Int32Array.from(
  { length: 64 },
  (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32),
);
const SHIFT = Uint8Array.from(
  [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]].flatMap((
    r,
  ) => [...r, ...r, ...r, ...r]),
);

/** Mixes the 16 words of `input` (little-endian of the data) into the 4 of `hash`. */
export function md5_transform(hash: Int32Array, input: Int32Array): void {
  let a = hash[0], b = hash[1], c = hash[2], d = hash[3];
  for (let i = 0; i < 64; i++) {
    let f: number;
    let g: number;
    if (i < 16) {
      f = d ^ (b & (c ^ d));
      g = i;
    } else if (i < 32) {
      f = c ^ (d & (b ^ c));
      g = (5 * i + 1) & 15;
    } else if (i < 48) {
      f = b ^ c ^ d;
      g = (3 * i + 5) & 15;
    } else {
      f = c ^ (b | ~d);
      g = (7 * i) & 15;
    }
    const x = (a + f + K[i] + input[g]) | 0;
    const s = SHIFT[i];
    a = d;
    d = c;
    c = b;
    b = (b + ((x << s) | (x >>> (32 - s)))) | 0;
  }
  hash[0] = (hash[0] + a) | 0;
  hash[1] = (hash[1] + b) | 0;
  hash[2] = (hash[2] + c) | 0;
  hash[3] = (hash[3] + d) | 0;
}

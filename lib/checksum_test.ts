// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import {
  csum_add,
  csum_block_add,
  csum_fold,
  csum_partial,
  csum_partial_copy,
  csum_replace2,
  csum_replace4,
  csum_sub,
  csum_tcpudp_magic,
  ip_compute_csum,
  ip_fast_csum,
} from "./checksum.ts";

/** RFC 1071's own words: no cleverness. */
function naive(b: Uint8Array, off: number, len: number): number {
  let sum = 0;
  for (let i = 0; i < len; i += 2) {
    sum += b[off + i] * 256 + (i + 1 < len ? b[off + i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

let seed = 12345;
function rnd(n: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  return (seed >>> 8) % n;
}

function noise(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, () => rnd(256));
}

Deno.test("csum_partial() agrees with RFC 1071 at every offset and length", () => {
  const big = noise(200000);
  for (let off = 0; off < 4; off++) {
    for (let len = 0; len < 700; len++) {
      assertEquals(
        csum_fold(csum_partial(big, off, len, 0)),
        naive(big, off, len),
        `${off} ${len}`,
      );
    }
  }
  for (let i = 0; i < 100; i++) {
    const off = rnd(1000), len = rnd(190000);
    assertEquals(csum_fold(csum_partial(big, off, len, 0)), naive(big, off, len), `${off} ${len}`);
    const view = big.subarray(off, off + len);
    assertEquals(csum_fold(csum_partial(view, 0, len, 0)), naive(big, off, len));
  }
  const ones = new Uint8Array(150000).fill(0xff);
  for (const len of [1, 2, 64, 65536, 65537, 131072, 150000]) {
    assertEquals(csum_fold(csum_partial(ones, 0, len, 0)), naive(ones, 0, len), `ones ${len}`);
  }
});

Deno.test("csum_block_add() joins pieces cut anywhere", () => {
  const b = noise(3000);
  for (let i = 0; i < 300; i++) {
    const cut = rnd(3000);
    const sum = csum_block_add(
      csum_partial(b, 0, cut, 0),
      csum_partial(b, cut, 3000 - cut, 0),
      cut,
    );
    assertEquals(csum_fold(sum), naive(b, 0, 3000));
  }
});

Deno.test("csum_add() and csum_sub() carry around the end", () => {
  assertEquals(csum_add(-1, 1), 1);
  assertEquals(csum_add(-1, -1), -1);
  assertEquals(csum_add(-0x80000000, -0x80000000), 1);
  for (let i = 0; i < 100; i++) {
    const a = csum_partial(noise(50), 0, 50, 0), b = csum_partial(noise(50), 0, 50, -rnd(1e9));
    assertEquals(csum_fold(csum_sub(csum_add(a, b), b)), csum_fold(a));
  }
});

Deno.test("csum_partial_copy() copies and sums", () => {
  const src = noise(5000);
  for (const len of [0, 1, 7, 63, 64, 65, 1460, 4096]) {
    const dst = new Uint8Array(5000);
    assertEquals(csum_fold(csum_partial_copy(src, 3, dst, 5, len, 0)), naive(src, 3, len));
    assertEquals(dst.subarray(5, 5 + len), src.subarray(3, 3 + len));
    assertEquals(dst[5 + len], 0);
  }
});

Deno.test("ip_fast_csum() knows the header of RFC 791's kind", () => {
  // The header everyone computes by hand: 192.168.0.1 > 192.168.0.199, UDP, checksum b861
  const iph = Uint8Array.from(
    [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7],
  );
  assertEquals(ip_fast_csum(iph, 0, 5), 0xb861);
  iph[10] = 0xb8;
  iph[11] = 0x61;
  assertEquals(ip_fast_csum(iph, 0, 5), 0);
  assertEquals(ip_compute_csum(iph, 0, 20), 0);
});

Deno.test("csum_tcpudp_magic() covers the pseudo header", () => {
  const saddr = 0xc6336402 | 0, daddr = 0xc6336401 | 0;
  const seg = noise(33);
  const all = new Uint8Array(12 + 33);
  const v = new DataView(all.buffer);
  v.setInt32(0, saddr);
  v.setInt32(4, daddr);
  v.setUint16(8, 6);
  v.setUint16(10, 33);
  all.set(seg, 12);
  assertEquals(
    csum_tcpudp_magic(saddr, daddr, 33, 6, csum_partial(seg, 0, 33, 0)),
    naive(all, 0, all.length),
  );
});

Deno.test("csum_replace2() and csum_replace4() follow a changed word", () => {
  for (let i = 0; i < 200; i++) {
    const b = noise(40);
    const v = new DataView(b.buffer);
    const before = naive(b, 0, 40);
    const old4 = v.getInt32(8), old2 = v.getUint16(20);
    v.setInt32(8, rnd(0x1000000) * 256 | 0);
    const mid = csum_replace4(before, old4, v.getInt32(8));
    assertEquals(mid, naive(b, 0, 40));
    v.setUint16(20, rnd(65536));
    assertEquals(csum_replace2(mid, old2, v.getUint16(20)), naive(b, 0, 40));
  }
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The Internet checksum. A sum (C's __wsum) is an int32 holding an unsigned ones' complement accumulator
// of the big-endian 16-bit words of the data; csum_fold() makes of it the 16-bit number that goes into
// a header (C's __sum16), where it is written big-endian like every number. Offsets and lengths
// may be odd; a piece's first byte is always the high one, so pieces are joined by csum_block_add().
// Long runs are copied to a page of WebAssembly memory and summed there by SIMD.
// @rfc 1071

/** Pieces at least this long go to WebAssembly. */
const WIDE = 160;
/** The page they are copied to. */
const PAGE = 65536;

interface wasm_exports {
  memory: { readonly buffer: ArrayBuffer };
  /** Sums the little-endian 16-bit words of p..end-1, a multiple of 64 bytes, at most a page. */
  sum(p: number, end: number): number;
}

interface wasm_host {
  WebAssembly?: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object) => { readonly exports: object };
  };
}

/**
 * The module, assembled here: (func (param $p i32) (param $end i32) (result i32) (local $a v128)) with one loop over
 * 64 bytes, each 16 of them i32x4.extadd_pairwise_i16x8_u and added to $a.
 */
function assemble(): Uint8Array {
  const P = 0, END = 1, A = 2;
  const get = (x: number): number[] => [0x20, x];
  const set = (x: number): number[] => [0x21, x];
  const i32_const = (x: number): number[] => x < 64 ? [0x41, x] : [0x41, (x & 0x7f) | 0x80, x >> 7];
  const i32_add = [0x6a], i32_lt_u = [0x49], end = [0x0b];
  const simd = (op: number): number[] =>
    op < 128 ? [0xfd, op] : [0xfd, (op & 0x7f) | 0x80, op >> 7];
  const v128_load = (offset: number): number[] => [...simd(0x00), 0, offset];
  const extadd_pairwise_i16x8_u = simd(0x7f), i32x4_add = simd(0xae);
  const extract_lane = (lane: number): number[] => [...simd(0x1b), lane];
  const step = (offset: number): number[] => [
    ...get(P),
    ...v128_load(offset),
    ...extadd_pairwise_i16x8_u,
    ...get(A),
    ...i32x4_add,
    ...set(A),
  ];
  const body = [
    ...[1, 1, 0x7b], // one local, v128
    ...[0x03, 0x40], // loop
    ...[0, 16, 32, 48].flatMap(step),
    ...get(P),
    ...i32_const(64),
    ...i32_add,
    ...set(P),
    ...get(P),
    ...get(END),
    ...i32_lt_u,
    ...[0x0d, 0], // br_if loop
    ...end,
    ...[0, 1, 2, 3].flatMap((lane) => [...get(A), ...extract_lane(lane)]),
    ...i32_add,
    ...i32_add,
    ...i32_add,
    ...end,
  ];
  const section = (id: number, bytes: number[]): number[] => [
    id,
    (bytes.length & 0x7f) | 0x80,
    bytes.length >> 7,
    ...bytes,
  ];
  const name = (s: string): number[] => [s.length, ...[...s].map((c) => c.charCodeAt(0))];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f]), // type: (i32, i32) -> i32
    ...section(3, [1, 0]), // one function of that type
    ...section(5, [1, 0, 1]), // one page of memory
    ...section(7, [2, ...name("memory"), 2, 0, ...name("sum"), 0, 0]),
    ...section(10, [1, (body.length & 0x7f) | 0x80, body.length >> 7, ...body]),
  ]);
}

function load(): wasm_exports | null {
  const wasm = (globalThis as unknown as wasm_host).WebAssembly;
  if (wasm === undefined) return null;
  try {
    return new wasm.Instance(new wasm.Module(assemble())).exports as wasm_exports;
  } catch {
    return null; // no SIMD, or a page's policy forbids it
  }
}

const wasm = load();
const page = wasm === null ? new Uint8Array(0) : new Uint8Array(wasm.memory.buffer);
const wasm_sum = wasm === null ? (): number => 0 : wasm.sum;

/** Adds two sums, carry and all. */
export function csum_add(csum: number, addend: number): number {
  const sum = (csum >>> 0) + (addend >>> 0);
  return sum > 0xffffffff ? (sum + 1) | 0 : sum | 0;
}

/** Takes a sum out of another. */
export function csum_sub(csum: number, addend: number): number {
  return csum_add(csum, ~addend);
}

/** A sum of data that stands at an odd or even offset of a larger run. */
export function csum_shift(sum: number, offset: number): number {
  return offset & 1 ? (sum << 24) | (sum >>> 8) : sum;
}

/** Adds the sum of a piece that stands at `offset` of the run. */
export function csum_block_add(csum: number, csum2: number, offset: number): number {
  return csum_add(csum, csum_shift(csum2, offset));
}

/** Takes out the sum of a piece that stands at `offset` of the run. */
export function csum_block_sub(csum: number, csum2: number, offset: number): number {
  return csum_block_add(csum, ~csum2, offset);
}

/** The checksum of a sum, 0..0xffff: its 16-bit complement. */
export function csum_fold(csum: number): number {
  let sum = (csum & 0xffff) + (csum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The sum of a checksum field. */
export function csum_unfold(n: number): number {
  return n;
}

/** 16 bits of a sum, not complemented. */
export function csum_from32to16(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** Adds two 16-bit sums. */
export function csum16_add(csum: number, addend: number): number {
  const res = csum + addend;
  return (res & 0xffff) + (res >>> 16);
}

/** Takes a 16-bit sum out of another. */
export function csum16_sub(csum: number, addend: number): number {
  return csum16_add(csum, ~addend & 0xffff);
}

/** Sums bytes by pairs, at most 65534 of them, so that an int32 holds the sum. */
function csum_narrow(buf: Uint8Array, off: number, len: number): number {
  let high = 0;
  let low = 0;
  let i = off;
  for (const end = off + (len & ~7); i < end; i += 8) {
    high = (high + buf[i] + buf[i + 2] + buf[i + 4] + buf[i + 6]) | 0;
    low = (low + buf[i + 1] + buf[i + 3] + buf[i + 5] + buf[i + 7]) | 0;
  }
  for (const end = off + (len & ~1); i < end; i += 2) {
    high = (high + buf[i]) | 0;
    low = (low + buf[i + 1]) | 0;
  }
  if (len & 1) high = (high + buf[i]) | 0;
  return ((high << 8) + low) | 0;
}

/** Sums the whole blocks of 64 bytes of a page's worth. */
function csum_wide(buf: Uint8Array, off: number, len: number): number {
  page.set(off === 0 && len === buf.length ? buf : buf.subarray(off, off + len), 0);
  const sum = csum_from32to16(wasm_sum(0, len));
  return ((sum & 0xff) << 8) | (sum >>> 8);
}

/** Adds the sum of len bytes at off to a sum. */
export function csum_partial(buf: Uint8Array, off: number, len: number, sum: number): number {
  if (len >= WIDE && wasm !== null) {
    while (len >= WIDE) {
      const n = len > PAGE ? PAGE : len & ~63;
      sum = csum_add(sum, csum_wide(buf, off, n));
      off += n;
      len -= n;
    }
  }
  while (len > 65534) {
    sum = csum_add(sum, csum_narrow(buf, off, 65534));
    off += 65534;
    len -= 65534;
  }
  return csum_add(sum, csum_narrow(buf, off, len));
}

/** Copies len bytes and adds their sum to a sum. */
export function csum_partial_copy(
  src: Uint8Array,
  src_off: number,
  dst: Uint8Array,
  dst_off: number,
  len: number,
  sum: number,
): number {
  if (len < 64) {
    for (let i = 0; i < len; i++) dst[dst_off + i] = src[src_off + i];
  } else dst.set(src.subarray(src_off, src_off + len), dst_off);
  return csum_partial(dst, dst_off, len, sum);
}

/** As csum_partial_copy(), from a program's buffer, starting from nothing. */
export function csum_and_copy_from_user(
  src: Uint8Array,
  src_off: number,
  dst: Uint8Array,
  dst_off: number,
  len: number,
): number {
  return csum_partial_copy(src, src_off, dst, dst_off, len, 0);
}

/** Adds the pseudo header of TCP or UDP to a sum: addresses int32, len of the segment. */
export function csum_tcpudp_nofold(
  saddr: number,
  daddr: number,
  len: number,
  proto: number,
  sum: number,
): number {
  const s = (saddr >>> 16) + (saddr & 0xffff) + (daddr >>> 16) + (daddr & 0xffff) + len + proto;
  return csum_add(sum, s);
}

/** The checksum over pseudo header and `sum`, 0..0xffff. */
export function csum_tcpudp_magic(
  saddr: number,
  daddr: number,
  len: number,
  proto: number,
  sum: number,
): number {
  return csum_fold(csum_tcpudp_nofold(saddr, daddr, len, proto, sum));
}

/** The checksum of an IP header of ihl 32-bit words at off: 0 when a received one is right. */
export function ip_fast_csum(iph: Uint8Array, off: number, ihl: number): number {
  let sum = 0;
  for (const end = off + (ihl << 2); off < end; off += 4) {
    sum += ((iph[off] << 8) | iph[off + 1]) + ((iph[off + 2] << 8) | iph[off + 3]);
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The checksum of len bytes at off, as ICMP has it. */
export function ip_compute_csum(buf: Uint8Array, off: number, len: number): number {
  return csum_fold(csum_partial(buf, off, len, 0));
}

/** The checksum when one sum of its data gives way to another. @rfc 1624 */
export function csum_replace_by_diff(sum: number, diff: number): number {
  return csum_fold(csum_add(diff, ~sum & 0xffff));
}

/** The checksum when a 32-bit word of its data changes. @differs returns it; C writes it in place */
export function csum_replace4(sum: number, from: number, to: number): number {
  return csum_fold(csum_add(csum_sub(~sum & 0xffff, from), to));
}

/** The checksum when a 16-bit word of its data changes. @differs returns it; C writes it in place */
export function csum_replace2(sum: number, old: number, now: number): number {
  return ~csum16_add(csum16_sub(~sum & 0xffff, old), now) & 0xffff;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// iov_iter: the program's buffers of one call and how far they are used.

import type { bio_vec } from "./bvec.ts";

export const ITER_SOURCE = 1;
export const ITER_DEST = 0;
export const UIO_MAXIOV = 1024;
/** Most bytes of one read or write. */
export const MAX_RW_COUNT = 0x7ffff000;

/** A piece of a program's memory. */
export interface iovec {
  iov_base: Uint8Array;
  /** bytes, at most iov_base.length */
  iov_len: number;
}

/** A position in a list of buffers. */
export class iov_iter {
  /** ITER_SOURCE: bytes leave the program; ITER_DEST: bytes come to it. */
  data_source: number;
  /** Where the next byte stands in the first buffer. */
  iov_offset = 0;
  /** Bytes left. */
  count: number;
  /** The present buffer, with iov_end its end, and those after it. */
  buf: Uint8Array;
  iov_end: number;
  iov: readonly iovec[] | null;
  nr: number;

  /** A single buffer (iov null), or a list of them. */
  constructor(direction: number, buf: Uint8Array, iov: readonly iovec[] | null, count: number) {
    this.data_source = direction;
    this.buf = buf;
    this.iov = iov;
    this.nr = 0;
    this.count = count;
    this.iov_end = iov === null ? count : Math.min(iov[0].iov_len, count);
  }
}

/** Pieces of pages in place of a program's buffers; at least one. */
export function iov_iter_bvec(
  direction: number,
  bvec: readonly bio_vec[],
  count: number,
): iov_iter {
  return new iov_iter(direction, bvec[0].iov_base, bvec, count);
}

export function iov_iter_count(i: iov_iter): number {
  return i.count;
}

/** Moves to the next buffer that has bytes; only while count > 0. @local */
export function next_iovec(i: iov_iter): void {
  do {
    i.nr++;
    const v = i.iov![i.nr];
    i.buf = v.iov_base;
    i.iov_offset = 0;
    i.iov_end = v.iov_len;
  } while (i.iov_end === 0);
}

/** Steps over up to size bytes. */
export function iov_iter_advance(i: iov_iter, size: number): void {
  if (size > i.count) size = i.count;
  i.count -= size;
  while (size > 0) {
    if (i.iov_offset === i.iov_end) next_iovec(i);
    const n = Math.min(size, i.iov_end - i.iov_offset);
    i.iov_offset += n;
    size -= n;
  }
}

/** Goes back over unroll bytes. */
export function iov_iter_revert(i: iov_iter, unroll: number): void {
  i.count += unroll;
  while (unroll > i.iov_offset) {
    unroll -= i.iov_offset;
    i.nr--;
    const v = i.iov![i.nr];
    i.buf = v.iov_base;
    i.iov_end = v.iov_len;
    i.iov_offset = v.iov_len;
  }
  i.iov_offset -= unroll;
}

function copy(to: Uint8Array, at: number, from: Uint8Array, off: number, n: number): void {
  if (n <= 32) {
    for (let k = 0; k < n; k++) to[at + k] = from[off + k];
  } else if (off === 0 && n === from.length) {
    to.set(from, at);
  } else {
    to.set(from.subarray(off, off + n), at);
  }
}

/** Copies up to bytes out of `addr` at `off` to the program; answers how many. */
export function copy_to_iter(addr: Uint8Array, off: number, bytes: number, i: iov_iter): number {
  if (bytes > i.count) bytes = i.count;
  let left = bytes;
  while (left > 0) {
    if (i.iov_offset === i.iov_end) next_iovec(i);
    const n = Math.min(left, i.iov_end - i.iov_offset);
    copy(i.buf, i.iov_offset, addr, off, n);
    i.iov_offset += n;
    off += n;
    left -= n;
  }
  i.count -= bytes;
  return bytes;
}

/** Copies up to bytes from the program into `addr` at `off`; answers how many. */
export function copy_from_iter(addr: Uint8Array, off: number, bytes: number, i: iov_iter): number {
  if (bytes > i.count) bytes = i.count;
  let left = bytes;
  while (left > 0) {
    if (i.iov_offset === i.iov_end) next_iovec(i);
    const n = Math.min(left, i.iov_end - i.iov_offset);
    copy(addr, off, i.buf, i.iov_offset, n);
    i.iov_offset += n;
    off += n;
    left -= n;
  }
  i.count -= bytes;
  return bytes;
}

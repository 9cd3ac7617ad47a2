// SPDX-License-Identifier: GPL-2.0-only
//
// Pooled memory for packets. alloc_pages(size) answers with the smallest class that fits,
// __free_pages() puts a buffer back on its class's free list. Buffers are cut from slabs, and their
// views are made once, since making a typed array costs more than handling a packet.

import { page } from "../include/linux/mm_types.ts";

/** Size classes, bytes. The last takes a 64 KiB packet with its headers and headroom. */
const classes = [512, 1024, 2048, 4096, 8192, 16384, 32768, 67584];
/** Buffers cut from one slab, per class. */
const per_slab = [128, 128, 128, 32, 16, 8, 4, 1];

const free_lists: page[][] = classes.map(() => []);
let nr_pages = 0;
let nr_bytes = 0;

function refill(order: number): page {
  const size = classes[order];
  const n = per_slab[order];
  const slab = new ArrayBuffer(size * n);
  const list = free_lists[order];
  for (let i = n - 1; i > 0; i--) list.push(new page(new Uint8Array(slab, i * size, size), order));
  nr_bytes += size * n;
  return new page(new Uint8Array(slab, 0, size), order);
}

/** A buffer of at least `size` bytes with one reference; its contents are whatever was there. */
export function alloc_pages(size: number): page {
  let order = 0;
  while (order < classes.length && classes[order] < size) order++;
  nr_pages++;
  if (order === classes.length) return new page(new Uint8Array(size), -1);
  const p = free_lists[order].pop() ?? refill(order);
  p._refcount = 1;
  return p;
}

/** Drops a reference; the last one gives the buffer back. */
export function put_page(p: page): void {
  if (--p._refcount > 0) return;
  nr_pages--;
  if (p.order >= 0) free_lists[p.order].push(p);
}

/** Buffers in use. */
export function nr_used_pages(): number {
  return nr_pages;
}

/** Bytes of pooled memory, in use or free. */
export function nr_pool_bytes(): number {
  return nr_bytes;
}

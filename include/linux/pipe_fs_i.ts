// SPDX-License-Identifier: GPL-2.0-only
//
// A pipe: a ring of pieces of pages, written at `head`, read at `tail`; both count on and on.

import { mutex } from "./mutex.ts";
import type { page } from "./mm_types.ts";
import { wait_queue_head } from "./wait.ts";

export const PIPE_DEF_BUFFERS = 16;
/** The last write to it may go on in the same page. */
export const PIPE_BUF_FLAG_CAN_MERGE = 0x10;

/** A piece of a page, with a reference to it. */
export class pipe_buffer {
  page: page | null = null;
  offset = 0;
  len = 0;
  flags = 0;
}

/** A pipe. */
export class pipe_inode_info {
  readonly mutex = new mutex();
  readonly rd_wait = new wait_queue_head();
  readonly wr_wait = new wait_queue_head();
  head = 0;
  tail = 0;
  max_usage: number;
  /** A power of 2. */
  ring_size: number;
  readers = 1;
  writers = 1;
  /** Open files that refer to it. */
  files = 2;
  bufs: pipe_buffer[];

  constructor(ring_size: number) {
    this.max_usage = ring_size;
    this.ring_size = ring_size;
    this.bufs = Array.from({ length: ring_size }, () => new pipe_buffer());
    this.rd_wait.name = "pipe_read";
    this.wr_wait.name = "pipe_write";
  }
}

export function pipe_occupancy(head: number, tail: number): number {
  return (head - tail) >>> 0;
}

export function pipe_empty(head: number, tail: number): boolean {
  return head === tail;
}

export function pipe_full(head: number, tail: number, limit: number): boolean {
  return pipe_occupancy(head, tail) >= limit;
}

/** The piece at a count. */
export function pipe_buf(pipe: pipe_inode_info, slot: number): pipe_buffer {
  return pipe.bufs[slot & (pipe.ring_size - 1)];
}

/** The oldest piece; there is one. */
export function pipe_tail_buf(pipe: pipe_inode_info): pipe_buffer {
  return pipe_buf(pipe, pipe.tail);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// splice: moving pages between files by way of a pipe.

import type { loff_t_ptr } from "./fs.ts";
import type { file } from "./fs.ts";
import type { page } from "./mm_types.ts";

/** Pages are to be moved (a hint), */
export const SPLICE_F_MOVE = 0x01;
/** the call does not sleep on a pipe, */
export const SPLICE_F_NONBLOCK = 0x02;
/** more bytes will follow. */
export const SPLICE_F_MORE = 0x04;
export const SPLICE_F_GIFT = 0x08;
export const SPLICE_F_ALL = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

/** A piece of a page on its way into a pipe. */
export interface partial_page {
  page: page;
  offset: number;
  len: number;
}

/** Pieces for splice_to_pipe(), which takes their references over. */
export interface splice_pipe_desc {
  partial: partial_page[];
  nr_pages: number;
}

/** What splice_direct_to_actor() tells its actor, and is told. */
export interface splice_desc {
  total_len: number;
  flags: number;
  file: file;
  pos: number;
  opos: loff_t_ptr;
}

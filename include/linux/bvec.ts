// SPDX-License-Identifier: GPL-2.0-only
//
// bio_vec: a piece of a page. As it is also an iovec of the same bytes, what copies from an iov_iter need not know which
// of the two it has; who takes pages over (MSG_SPLICE_PAGES) does.

import type { page } from "./mm_types.ts";
import type { iovec } from "./uio.ts";

/** `iov_len` bytes at `bv_offset` of a page. */
export interface bio_vec extends iovec {
  bv_page: page;
  bv_offset: number;
}

/** A piece of a page. @differs answers it */
export function bvec_set_page(page: page, len: number, offset: number): bio_vec {
  const iov_base = page.u8.subarray(offset, offset + len);
  return { iov_base, iov_len: len, bv_page: page, bv_offset: offset };
}

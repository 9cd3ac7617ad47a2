// SPDX-License-Identifier: GPL-2.0-only
//
// Takes over a program's buffers for one call: the checks before an iov_iter is made. Called by
// fs/read_write.ts and net/socket.ts. Stepping and copying are in include/linux/uio.ts.

import { iov_iter, MAX_RW_COUNT, UIO_MAXIOV } from "../include/linux/uio.ts";
import type { iovec } from "../include/linux/uio.ts";
import { EFAULT, EINVAL } from "../include/uapi/asm-generic/errno.ts";

const NO_BYTES = new Uint8Array(0);

/** The program may be asked for `size` bytes at `addr`. */
export function access_ok(addr: Uint8Array | null, size: number): boolean {
  return addr !== null ? size <= addr.length : size === 0;
}

/** An iov_iter over one buffer, or -EFAULT. */
export function import_single_range(
  rw: number,
  buf: Uint8Array | null,
  len: number,
): iov_iter | number {
  if (len > MAX_RW_COUNT) len = MAX_RW_COUNT;
  if (!(len >= 0) || !access_ok(buf, len)) return -EFAULT;
  return new iov_iter(rw, buf ?? NO_BYTES, null, len);
}

/** An iov_iter over a list of buffers, -EINVAL or -EFAULT. */
export function import_iovec(
  type: number,
  uvec: readonly iovec[],
  nr_segs: number,
): iov_iter | number {
  if (!(nr_segs >= 0) || nr_segs > UIO_MAXIOV) return -EINVAL;
  if (nr_segs > uvec.length) return -EFAULT;
  let total = 0;
  for (let i = 0; i < nr_segs; i++) {
    const { iov_base, iov_len } = uvec[i];
    if (!(iov_len >= 0)) return -EINVAL;
    if (!access_ok(iov_base, iov_len)) return -EFAULT;
    total += iov_len;
  }
  if (total > MAX_RW_COUNT) total = MAX_RW_COUNT;
  if (nr_segs === 0) return new iov_iter(type, NO_BYTES, null, 0);
  if (nr_segs === 1) return new iov_iter(type, uvec[0].iov_base, null, total);
  return new iov_iter(type, uvec[0].iov_base, uvec, total);
}

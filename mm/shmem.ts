// SPDX-License-Identifier: GPL-2.0-only
//
// Files in memory, without names: memfd_create() (mm/memfd.ts) makes them, sendfile() and splice() take their pages.

import { IS_ERR } from "../include/linux/err.ts";
import { FMODE_LSEEK, FMODE_PREAD, FMODE_PWRITE, O_RDWR } from "../include/linux/fs.ts";
import type { file, file_operations, kiocb, loff_t_ptr } from "../include/linux/fs.ts";
import { get_page, page } from "../include/linux/mm_types.ts";
import { pipe_full } from "../include/linux/pipe_fs_i.ts";
import type { pipe_inode_info } from "../include/linux/pipe_fs_i.ts";
import { PAGE_SIZE } from "../include/linux/skbuff.ts";
import { copy_from_iter, copy_to_iter } from "../include/linux/uio.ts";
import type { iov_iter } from "../include/linux/uio.ts";
import { EFBIG } from "../include/uapi/asm-generic/errno.ts";
import { alloc_file } from "../fs/file_table.ts";
import { pipe_add_page } from "../fs/pipe.ts";
import { generic_file_llseek_size } from "../fs/read_write.ts";
import { iter_file_splice_write } from "../fs/splice.ts";
import { alloc_pages, put_page } from "./page_alloc.ts";

/** The largest file, bytes. */
const MAX_LFS_FILESIZE = 2 ** 31 - PAGE_SIZE;

/** What holes read as. */
const ZERO_PAGE = new page(new Uint8Array(PAGE_SIZE), -1);

/** A file's pages, by number; a hole has none. */
class shmem_inode_info {
  i_size = 0;
  readonly pages: (page | null)[] = [];
}

const shmem_file_operations: file_operations = {
  llseek: (file, offset, whence) =>
    generic_file_llseek_size(file, offset, whence, shmem_i(file).i_size),
  read_iter: shmem_file_read_iter,
  write_iter: shmem_file_write_iter,
  splice_read: shmem_file_splice_read,
  splice_write: iter_file_splice_write,
  release: shmem_release,
};

function shmem_i(file: file): shmem_inode_info {
  return file.private_data as shmem_inode_info;
}

/** Calls `fn` with each piece of up to `count` bytes from pos on, until it takes less: bytes taken. @local */
function for_each_piece(
  pos: number,
  count: number,
  fn: (index: number, offset: number, len: number) => number,
): number {
  let done = 0;
  while (done < count) {
    const offset = (pos + done) % PAGE_SIZE;
    const len = Math.min(count - done, PAGE_SIZE - offset);
    const n = fn((pos + done - offset) / PAGE_SIZE, offset, len);
    done += n;
    if (n < len) break;
  }
  return done;
}

function shmem_file_read_iter(iocb: kiocb, to: iov_iter): number {
  const { i_size, pages } = shmem_i(iocb.ki_filp);
  const ret = for_each_piece(
    iocb.ki_pos,
    Math.min(to.count, i_size - iocb.ki_pos),
    (index, offset, len) => copy_to_iter((pages[index] ?? ZERO_PAGE).u8, offset, len, to),
  );
  iocb.ki_pos += ret;
  return ret;
}

/** The page of a file that is written to. @local */
function shmem_get_page(info: shmem_inode_info, index: number): page {
  const { pages } = info;
  while (pages.length <= index) pages.push(null);
  let p = pages[index];
  if (p === null) {
    p = pages[index] = alloc_pages(PAGE_SIZE);
    p.u8.fill(0);
  }
  return p;
}

function shmem_file_write_iter(iocb: kiocb, from: iov_iter): number {
  const info = shmem_i(iocb.ki_filp);
  const room = MAX_LFS_FILESIZE - iocb.ki_pos;
  if (from.count === 0) return 0;
  if (room <= 0) return -EFBIG;
  const ret = for_each_piece(
    iocb.ki_pos,
    Math.min(from.count, room),
    (index, offset, len) => copy_from_iter(shmem_get_page(info, index).u8, offset, len, from),
  );
  iocb.ki_pos += ret;
  info.i_size = Math.max(info.i_size, iocb.ki_pos);
  return ret;
}

/** Shares pages with a pipe: what is written to the file later, the pipe's reader sees. */
function shmem_file_splice_read(
  in_: file,
  ppos: loff_t_ptr,
  pipe: pipe_inode_info,
  len: number,
  _flags: number,
): number {
  const { i_size, pages } = shmem_i(in_);
  const ret = for_each_piece(ppos[0], Math.min(len, i_size - ppos[0]), (index, offset, n) => {
    if (pipe_full(pipe.head, pipe.tail, pipe.max_usage)) return 0;
    const p = pages[index] ?? ZERO_PAGE;
    get_page(p);
    pipe_add_page(pipe, p, offset, n);
    return n;
  });
  ppos[0] += ret;
  return ret;
}

function shmem_release(file: file): number {
  for (const p of shmem_i(file).pages) if (p !== null) put_page(p);
  return 0;
}

/** A new file of `size` bytes, all zero; or a negative errno. */
export function shmem_file_setup(_name: string, size: number, _flags: number): file | number {
  const info = new shmem_inode_info();
  info.i_size = size;
  const res = alloc_file(info, O_RDWR, shmem_file_operations);
  if (!IS_ERR(res)) res.f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
  return res;
}

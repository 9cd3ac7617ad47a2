// SPDX-License-Identifier: GPL-2.0-only
//
// splice() and sendfile(): bytes go from file to file as references to pages.
//
//   splice(): one end is a pipe. do_splice -> splice_file_to_pipe -> do_splice_read -> the file's splice_read
//             (sock_splice_read -> tcp_splice_read -> skb_splice_bits -> splice_to_pipe), or do_splice_from ->
//             its splice_write (splice_to_socket -> tcp_sendmsg with MSG_SPLICE_PAGES), or splice_pipe_to_pipe
//   sendfile(): do_sendfile -> do_splice_direct -> splice_direct_to_actor, by way of a pipe of its own
//
// A position is the program's own (ppos) or the file's.

import { bvec_set_page } from "../include/linux/bvec.ts";
import type { bio_vec } from "../include/linux/bvec.ts";
import {
  FMODE_LSEEK,
  FMODE_PREAD,
  FMODE_PWRITE,
  FMODE_READ,
  FMODE_WRITE,
  kiocb,
  O_APPEND,
  O_NONBLOCK,
} from "../include/linux/fs.ts";
import type { file, loff_t_ptr } from "../include/linux/fs.ts";
import { get_page } from "../include/linux/mm_types.ts";
import { msghdr } from "../include/linux/net.ts";
import type { socket } from "../include/linux/net.ts";
import {
  pipe_buf,
  PIPE_BUF_FLAG_CAN_MERGE,
  pipe_empty,
  pipe_full,
  pipe_occupancy,
  pipe_tail_buf,
} from "../include/linux/pipe_fs_i.ts";
import type { pipe_inode_info } from "../include/linux/pipe_fs_i.ts";
import { after_sleep, current, signal_pending } from "../include/linux/sched.ts";
import { PAGE_SIZE } from "../include/linux/skbuff.ts";
import { MSG_DONTWAIT, MSG_MORE, MSG_SPLICE_PAGES } from "../include/linux/socket.ts";
import { SPLICE_F_ALL, SPLICE_F_MORE, SPLICE_F_NONBLOCK } from "../include/linux/splice.ts";
import type { splice_desc, splice_pipe_desc } from "../include/linux/splice.ts";
import { iov_iter_bvec, ITER_DEST, ITER_SOURCE, MAX_RW_COUNT } from "../include/linux/uio.ts";
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EPIPE,
  ERESTARTSYS,
  ESPIPE,
} from "../include/uapi/asm-generic/errno.ts";
import { send_sig, SIGPIPE } from "../kernel/signal.ts";
import { alloc_pages, put_page } from "../mm/page_alloc.ts";
import { fdget } from "./file.ts";
import { fput_after } from "./file_table.ts";
import {
  alloc_pipe_info,
  free_pipe_info,
  get_pipe_info,
  pipe_add_page,
  pipe_buf_release,
  pipe_wait_readable,
  pipe_wait_writable,
  wakeup_pipe_readers,
  wakeup_pipe_writers,
  with_pipe_lock,
} from "./pipe.ts";

/** Pieces that one sendmsg() takes. */
const SPLICE_BVECS = 16;

/** Puts pieces of pages into a locked pipe, as many as fit: bytes, -EAGAIN where it is full, -EPIPE. */
export function splice_to_pipe(pipe: pipe_inode_info, spd: splice_pipe_desc): number {
  let ret = 0;
  let i = 0;
  if (pipe.readers === 0) {
    send_sig(SIGPIPE, current, 0);
    ret = -EPIPE;
  } else {
    for (; i < spd.nr_pages && !pipe_full(pipe.head, pipe.tail, pipe.max_usage); i++) {
      const { page, offset, len } = spd.partial[i];
      pipe_add_page(pipe, page, offset, len);
      ret += len;
    }
    if (ret === 0) ret = -EAGAIN;
  }
  for (; i < spd.nr_pages; i++) put_page(spd.partial[i].page);
  return ret;
}

/** Reads a file that has no pages to share: copies to new ones. */
export function copy_splice_read(
  in_: file,
  ppos: loff_t_ptr,
  pipe: pipe_inode_info,
  len: number,
  _flags: number,
): number | Promise<number> {
  const room = pipe.max_usage - pipe_occupancy(pipe.head, pipe.tail);
  const bvec: bio_vec[] = [];
  len = Math.min(len, room * PAGE_SIZE);
  for (let left = len; left > 0; left -= PAGE_SIZE) {
    bvec.push(bvec_set_page(alloc_pages(PAGE_SIZE), Math.min(left, PAGE_SIZE), 0));
  }
  if (bvec.length === 0) return -EAGAIN;
  const kio = new kiocb(in_);
  kio.ki_pos = ppos[0];
  const read = in_.f_op.read_iter!(kio, iov_iter_bvec(ITER_DEST, bvec, len));
  return after_sleep(read, (ret) => {
    let left = Math.max(ret, 0);
    for (const { bv_page } of bvec) {
      const n = Math.min(left, PAGE_SIZE);
      if (n > 0) pipe_add_page(pipe, bv_page, 0, n, PIPE_BUF_FLAG_CAN_MERGE);
      else put_page(bv_page);
      left -= n;
    }
    if (ret > 0) ppos[0] = kio.ki_pos;
    return ret;
  });
}

/** Steps over `ret` bytes of a pipe: frees the pieces that are used up. @local */
function pipe_consume(pipe: pipe_inode_info, ret: number): void {
  while (ret > 0) {
    const buf = pipe_tail_buf(pipe);
    const seg = Math.min(ret, buf.len);
    buf.offset += seg;
    buf.len -= seg;
    ret -= seg;
    if (buf.len > 0) break;
    pipe_buf_release(buf);
    pipe.tail = (pipe.tail + 1) | 0;
  }
}

/** The first pieces of a pipe, `len` bytes at most. @local */
function pipe_bvecs(pipe: pipe_inode_info, len: number): { bvec: bio_vec[]; bytes: number } {
  const bvec: bio_vec[] = [];
  let bytes = 0;
  for (
    let i = pipe.tail;
    i !== pipe.head && bytes < len && bvec.length < SPLICE_BVECS;
    i = (i + 1) | 0
  ) {
    const buf = pipe_buf(pipe, i);
    const seg = Math.min(buf.len, len - bytes);
    if (seg === 0) continue;
    bvec.push(bvec_set_page(buf.page!, seg, buf.offset));
    bytes += seg;
  }
  return { bvec, bytes };
}

/** A pipe to a file by its write_iter, a batch at a time: bytes, or a negative errno. */
function splice_batches(
  pipe: pipe_inode_info,
  len: number,
  flags: number,
  spliced: number,
  write: (bvec: bio_vec[], bytes: number) => number | Promise<number>,
): number | Promise<number> {
  if (len <= 0) return spliced;
  const { bvec, bytes } = pipe_bvecs(pipe, len);
  if (bytes === 0) {
    if (pipe.writers === 0 || spliced > 0) return spliced;
    if ((flags & SPLICE_F_NONBLOCK) !== 0) return -EAGAIN;
    if (signal_pending(current)) return -ERESTARTSYS;
    return after_sleep(
      pipe_wait_readable(pipe),
      (err) => err < 0 ? err : splice_batches(pipe, len, flags, spliced, write),
    );
  }
  return after_sleep(write(bvec, bytes), (ret) => {
    if (ret <= 0) return spliced > 0 ? spliced : ret;
    pipe_consume(pipe, ret);
    wakeup_pipe_writers(pipe);
    if (ret < bytes) return spliced + ret;
    return splice_batches(pipe, len - ret, flags, spliced + ret, write);
  });
}

/** splice_write of files with write_iter. */
export function iter_file_splice_write(
  pipe: pipe_inode_info,
  out: file,
  ppos: loff_t_ptr,
  len: number,
  flags: number,
): number | Promise<number> {
  const write = (bvec: bio_vec[], bytes: number): number | Promise<number> => {
    const kio = new kiocb(out);
    kio.ki_pos = ppos[0];
    return after_sleep(
      out.f_op.write_iter!(kio, iov_iter_bvec(ITER_SOURCE, bvec, bytes)),
      (ret) => {
        ppos[0] = kio.ki_pos;
        return ret;
      },
    );
  };
  return with_pipe_lock(pipe, () => splice_batches(pipe, len, flags, 0, write));
}

/** splice_write of sockets: the pieces become fragments of packets. */
export function splice_to_socket(
  pipe: pipe_inode_info,
  out: file,
  _ppos: loff_t_ptr,
  len: number,
  flags: number,
): number | Promise<number> {
  const sock = out.private_data as socket;
  let left = len;
  const write = (bvec: bio_vec[], bytes: number): number | Promise<number> => {
    const msg = new msghdr();
    msg.msg_flags = MSG_SPLICE_PAGES;
    if ((flags & SPLICE_F_MORE) !== 0 || (bytes < left && bvec.length === SPLICE_BVECS)) {
      msg.msg_flags |= MSG_MORE;
    }
    if ((out.f_flags & O_NONBLOCK) !== 0) msg.msg_flags |= MSG_DONTWAIT;
    msg.msg_iter = iov_iter_bvec(ITER_SOURCE, bvec, bytes);
    return after_sleep(sock.ops.sendmsg(sock, msg, bytes), (ret) => {
      if (ret > 0) left -= ret;
      return ret;
    });
  };
  return with_pipe_lock(pipe, () => splice_batches(pipe, len, flags, 0, write));
}

function do_splice_from(
  pipe: pipe_inode_info,
  out: file,
  ppos: loff_t_ptr,
  len: number,
  flags: number,
): number | Promise<number> {
  if (out.f_op.splice_write === undefined) return -EINVAL;
  return out.f_op.splice_write(pipe, out, ppos, len, flags);
}

function do_splice_eof(sd: splice_desc): void | Promise<void> {
  return sd.file.f_op.splice_eof?.(sd.file);
}

/** From a file to a locked pipe, as far as it has room. */
function do_splice_read(
  in_: file,
  ppos: loff_t_ptr,
  pipe: pipe_inode_info,
  len: number,
  flags: number,
): number | Promise<number> {
  if ((in_.f_mode & FMODE_READ) === 0) return -EBADF;
  if (len === 0) return 0;
  const p_space = pipe.max_usage - pipe_occupancy(pipe.head, pipe.tail);
  len = Math.min(len, p_space * PAGE_SIZE, MAX_RW_COUNT);
  if (in_.f_op.splice_read === undefined) return -EINVAL;
  return in_.f_op.splice_read(in_, ppos, pipe, len, flags);
}

/** One turn after the other of splice_direct_to_actor(). @local */
function splice_direct_turns(
  in_: file,
  sd: splice_desc,
  pipe: pipe_inode_info,
  len: number,
  bytes: number,
  more: boolean,
): number | Promise<number> {
  if (len === 0) return bytes;
  const pos = Float64Array.of(sd.pos);
  return after_sleep(do_splice_read(in_, pos, pipe, len, 0), (read_len) => {
    if (read_len <= 0) {
      // The last bytes were sent as if more followed.
      const eof = read_len === 0 && !more && bytes > 0 ? do_splice_eof(sd) : undefined;
      return after_sleep(eof, () => bytes > 0 ? bytes : read_len);
    }
    if (read_len >= len && !more) sd.flags &= ~SPLICE_F_MORE;
    sd.total_len = read_len;
    return after_sleep(direct_splice_actor(pipe, sd), (ret) => {
      if (ret <= 0) return bytes > 0 ? bytes : ret;
      sd.pos = ret < read_len ? sd.pos + ret : pos[0];
      if (ret < read_len) return bytes + ret;
      return splice_direct_turns(in_, sd, pipe, len - ret, bytes + ret, more);
    });
  });
}

/** Pumps bytes of a file through a pipe to sd.file: bytes, or a negative errno. @differs one actor */
function splice_direct_to_actor(in_: file, sd: splice_desc): number | Promise<number> {
  if ((in_.f_mode & FMODE_LSEEK) === 0) return -EINVAL;
  const pipe = alloc_pipe_info();
  const more = (sd.flags & SPLICE_F_MORE) !== 0;
  sd.flags = (sd.flags & ~SPLICE_F_NONBLOCK) | SPLICE_F_MORE;
  return after_sleep(splice_direct_turns(in_, sd, pipe, sd.total_len, 0, more), (ret) => {
    free_pipe_info(pipe);
    return ret;
  });
}

function direct_splice_actor(pipe: pipe_inode_info, sd: splice_desc): number | Promise<number> {
  return do_splice_from(pipe, sd.file, sd.opos, sd.total_len, sd.flags);
}

/** From a file to a file that is no pipe: bytes, or a negative errno. */
export function do_splice_direct(
  in_: file,
  ppos: loff_t_ptr,
  out: file,
  opos: loff_t_ptr,
  len: number,
  flags: number,
): number | Promise<number> {
  if ((out.f_mode & FMODE_WRITE) === 0) return -EBADF;
  if ((out.f_flags & O_APPEND) !== 0) return -EINVAL;
  const sd: splice_desc = { total_len: len, flags, file: out, pos: ppos[0], opos };
  return after_sleep(splice_direct_to_actor(in_, sd), (ret) => {
    if (ret > 0) ppos[0] = sd.pos;
    return ret;
  });
}

/** The locked pipe has room: 0; or why the call does not wait for some. */
function wait_for_space(pipe: pipe_inode_info, flags: number): number | Promise<number> {
  if (pipe.readers === 0) {
    send_sig(SIGPIPE, current, 0);
    return -EPIPE;
  }
  if (!pipe_full(pipe.head, pipe.tail, pipe.max_usage)) return 0;
  if ((flags & SPLICE_F_NONBLOCK) !== 0) return -EAGAIN;
  if (signal_pending(current)) return -ERESTARTSYS;
  return after_sleep(
    pipe_wait_writable(pipe),
    (err) => err < 0 ? err : wait_for_space(pipe, flags),
  );
}

/** From a file to a pipe: bytes, or a negative errno. */
export function splice_file_to_pipe(
  in_: file,
  opipe: pipe_inode_info,
  ppos: loff_t_ptr,
  len: number,
  flags: number,
): number | Promise<number> {
  const ret = with_pipe_lock(
    opipe,
    () =>
      after_sleep(
        wait_for_space(opipe, flags),
        (err) => err < 0 ? err : do_splice_read(in_, ppos, opipe, len, flags),
      ),
  );
  return after_sleep(ret, (ret) => {
    if (ret > 0) wakeup_pipe_readers(opipe);
    return ret;
  });
}

/** Waits until a pipe has bytes, or nobody who writes any: 0 or a negative errno. */
function ipipe_prep(pipe: pipe_inode_info, flags: number): number | Promise<number> {
  if (!pipe_empty(pipe.head, pipe.tail)) return 0;
  return with_pipe_lock(pipe, () => {
    if (!pipe_empty(pipe.head, pipe.tail) || pipe.writers === 0) return 0;
    if ((flags & SPLICE_F_NONBLOCK) !== 0) return -EAGAIN;
    return pipe_wait_readable(pipe);
  });
}

/** Waits until a pipe has room. */
function opipe_prep(pipe: pipe_inode_info, flags: number): number | Promise<number> {
  if (!pipe_full(pipe.head, pipe.tail, pipe.max_usage)) return 0;
  return with_pipe_lock(pipe, () => wait_for_space(pipe, flags));
}

/** Moves pieces, and shares the one that is cut. Both pipes are locked. @local */
function splice_pipe_pieces(ipipe: pipe_inode_info, opipe: pipe_inode_info, len: number): number {
  let ret = 0;
  while (
    ret < len && !pipe_empty(ipipe.head, ipipe.tail) &&
    !pipe_full(opipe.head, opipe.tail, opipe.max_usage)
  ) {
    const ibuf = pipe_tail_buf(ipipe);
    const n = Math.min(ibuf.len, len - ret);
    get_page(ibuf.page!);
    // Behind a part of a page the rest stands, which the other pipe has.
    const flags = n === ibuf.len ? ibuf.flags : 0;
    pipe_add_page(opipe, ibuf.page!, ibuf.offset, n, flags);
    pipe_consume(ipipe, n);
    ret += n;
  }
  return ret;
}

/** From a pipe to a pipe: bytes, or a negative errno. */
function splice_pipe_to_pipe(
  ipipe: pipe_inode_info,
  opipe: pipe_inode_info,
  len: number,
  flags: number,
): number | Promise<number> {
  const prep = after_sleep(
    ipipe_prep(ipipe, flags),
    (err) => err < 0 ? err : opipe_prep(opipe, flags),
  );
  return after_sleep(prep, (err) => {
    if (err < 0) return err;
    const ret = with_pipe_lock(ipipe, () =>
      with_pipe_lock(opipe, () => {
        if (opipe.readers > 0) return splice_pipe_pieces(ipipe, opipe, len);
        send_sig(SIGPIPE, current, 0);
        return -EPIPE;
      }));
    return after_sleep(ret, (ret) => {
      if (ret < 0 || (ret === 0 && ipipe.writers === 0)) return ret;
      // Somebody else was faster.
      if (ret === 0) return splice_pipe_to_pipe(ipipe, opipe, len, flags);
      wakeup_pipe_readers(opipe);
      wakeup_pipe_writers(ipipe);
      return ret;
    });
  });
}

/** A position of the program's, or of the file. @local */
function position_of(file: file, off: loff_t_ptr | null): loff_t_ptr {
  return off !== null ? Float64Array.of(off[0]) : Float64Array.of(file.f_pos);
}

/** Stores where a call that used position_of() came to. @local */
function store_position(file: file, off: loff_t_ptr | null, pos: number): void {
  if (off !== null) off[0] = pos;
  else file.f_pos = pos;
}

/** One of the two is a pipe: bytes, or a negative errno. */
function do_splice(
  in_: file,
  off_in: loff_t_ptr | null,
  out: file,
  off_out: loff_t_ptr | null,
  len: number,
  flags: number,
): number | Promise<number> {
  const ipipe = get_pipe_info(in_);
  const opipe = get_pipe_info(out);
  if (ipipe !== null && off_in !== null) return -ESPIPE;
  if (opipe !== null && off_out !== null) return -ESPIPE;
  if ((in_.f_mode & FMODE_READ) === 0 || (out.f_mode & FMODE_WRITE) === 0) return -EBADF;

  if (ipipe !== null && opipe !== null) {
    if (ipipe === opipe) return -EINVAL;
    if (((in_.f_flags | out.f_flags) & O_NONBLOCK) !== 0) flags |= SPLICE_F_NONBLOCK;
    return splice_pipe_to_pipe(ipipe, opipe, len, flags);
  }
  if (ipipe !== null) {
    if (off_out !== null && (out.f_mode & FMODE_PWRITE) === 0) return -EINVAL;
    if ((out.f_flags & O_APPEND) !== 0) return -EINVAL;
    if ((in_.f_flags & O_NONBLOCK) !== 0) flags |= SPLICE_F_NONBLOCK;
    const pos = position_of(out, off_out);
    return after_sleep(do_splice_from(ipipe, out, pos, len, flags), (ret) => {
      store_position(out, off_out, pos[0]);
      return ret;
    });
  }
  if (opipe !== null) {
    if (off_in !== null && (in_.f_mode & FMODE_PREAD) === 0) return -EINVAL;
    if ((out.f_flags & O_NONBLOCK) !== 0) flags |= SPLICE_F_NONBLOCK;
    const pos = position_of(in_, off_in);
    return after_sleep(splice_file_to_pipe(in_, opipe, pos, len, flags), (ret) => {
      store_position(in_, off_in, pos[0]);
      return ret;
    });
  }
  return -EINVAL;
}

/** The program may be asked for a position at `off`. @local */
function offset_ok(off: loff_t_ptr | null): boolean {
  return off === null || (off instanceof Float64Array && off.length > 0);
}

/** Runs `fn` with the files of two descriptors. @local */
function with_two_files(
  fd_in: number,
  fd_out: number,
  fn: (in_: file, out: file) => number | Promise<number>,
): number | Promise<number> {
  const in_ = fdget(fd_in);
  if (in_ === null) return -EBADF;
  const out = fdget(fd_out);
  if (out === null) return fput_after(in_, -EBADF);
  return fput_after(in_, fput_after(out, fn(in_, out)));
}

/** Moves bytes from or to a pipe. Positions (null: the file's own) are moved along. */
export function __x64_sys_splice(
  fd_in: number,
  off_in: loff_t_ptr | null,
  fd_out: number,
  off_out: loff_t_ptr | null,
  len: number,
  flags: number,
): number | Promise<number> {
  if (len === 0) return 0;
  if ((flags & ~SPLICE_F_ALL) !== 0) return -EINVAL;
  return with_two_files(fd_in, fd_out, (in_, out) => {
    if (!offset_ok(off_in) || !offset_ok(off_out)) return -EFAULT;
    return do_splice(in_, off_in, out, off_out, len, flags);
  });
}

/**
 * Sends bytes of a file that has a position.
 * @differs fs/read_write.c has it in the kernel; here that file is below this one
 */
function do_sendfile(
  in_: file,
  out: file,
  off: loff_t_ptr | null,
  count: number,
): number | Promise<number> {
  if ((in_.f_mode & FMODE_READ) === 0) return -EBADF;
  if (off !== null && (in_.f_mode & FMODE_PREAD) === 0) return -ESPIPE;
  if (off !== null && off[0] < 0 || count < 0) return -EINVAL;
  if ((out.f_mode & FMODE_WRITE) === 0) return -EBADF;
  if (count > MAX_RW_COUNT) count = MAX_RW_COUNT;
  const pos = position_of(in_, off);
  const out_pos = Float64Array.of(out.f_pos);
  const opipe = get_pipe_info(out);
  const fl = (out.f_flags & O_NONBLOCK) !== 0 ? SPLICE_F_NONBLOCK : 0;
  const retval = opipe === null
    ? do_splice_direct(in_, pos, out, out_pos, count, 0)
    : splice_file_to_pipe(in_, opipe, pos, count, fl);
  return after_sleep(retval, (ret) => {
    if (ret <= 0) return ret;
    store_position(in_, off, pos[0]);
    out.f_pos = out_pos[0];
    return ret;
  });
}

/** Sends up to count bytes of a file from `offset` on (null: from where it stands): bytes. */
export function __x64_sys_sendfile64(
  out_fd: number,
  in_fd: number,
  offset: loff_t_ptr | null,
  count: number,
): number | Promise<number> {
  if (!offset_ok(offset)) return -EFAULT;
  return with_two_files(in_fd, out_fd, (in_, out) => do_sendfile(in_, out, offset, count));
}

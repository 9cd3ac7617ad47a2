// SPDX-License-Identifier: GPL-2.0-only
//
// MSG_ZEROCOPY: packets whose fragments are the program's own buffers, and the word on the error queue that these
// may be used again.
// @differs skbuff.c has it in the kernel; here it needs sock.ts, which stands on skbuff.ts
//
// tcp_sendmsg_locked -> msg_zerocopy_realloc, skb_zerocopy_iter_stream
// skb_zcopy_clear, net_zcopy_put -> msg_zerocopy_callback

import {
  SKB_EXT_ERR,
  SO_EE_CODE_ZEROCOPY_COPIED,
  SO_EE_ORIGIN_ZEROCOPY,
} from "../../include/linux/errqueue.ts";
import { get_page, page } from "../../include/linux/mm_types.ts";
import type { msghdr } from "../../include/linux/net.ts";
import {
  __skb_queue_tail,
  MAX_SKB_FRAGS,
  skb_can_coalesce,
  skb_fill_page_desc,
  SKB_TRUESIZE,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, ubuf_info } from "../../include/linux/skbuff.ts";
import { iov_iter_advance, next_iovec } from "../../include/linux/uio.ts";
import { SOCK_DEAD, sock_flag, sock_hold, sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import { EEXIST, EMSGSIZE } from "../../include/uapi/asm-generic/errno.ts";
import { alloc_skb, net_zcopy_get, net_zcopy_put, skb_zcopy, skb_zcopy_set } from "./skbuff.ts";
import { sk_mem_charge, sock_put } from "./sock.ts";

/** A zero-copy send of MSG_ZEROCOPY: sends id .. id + len - 1 complete together. */
export class ubuf_info_msgzc implements ubuf_info {
  callback: (skb: sk_buff | null, uarg: ubuf_info, zerocopy: boolean) => void =
    msg_zerocopy_callback;
  refcnt = 1;
  sk: sock;
  id: number;
  len = 1;
  /** No byte was copied. */
  zerocopy = true;
  bytelen: number;
  /** The program's buffer that is being sent. @local */
  page: page | null = null;

  constructor(sk: sock, id: number, bytelen: number) {
    this.sk = sk;
    this.id = id;
    this.bytelen = bytelen;
  }
}

export function uarg_to_msgzc(uarg: ubuf_info): ubuf_info_msgzc {
  return uarg as ubuf_info_msgzc;
}

/** One completion stands for no more bytes than these. */
const MSG_ZEROCOPY_BYTE_LIMIT = 512 * 1024;

/** What a notification takes of net.core.optmem_max, from the send until it is read. */
const MSG_ZEROCOPY_TRUESIZE = SKB_TRUESIZE(256);

/** A notification is read, or not needed. */
function sock_ofree(skb: sk_buff): void {
  (skb.sk as sock).sk_omem_alloc -= MSG_ZEROCOPY_TRUESIZE;
}

/**
 * A completion for the next send of sk; null where too many are waited for or wait to be read.
 * @differs the notification's skb is made when it is needed
 */
export function msg_zerocopy_alloc(sk: sock, size: number): ubuf_info | null {
  if (sk.sk_omem_alloc + SKB_TRUESIZE(0) > sock_net(sk).core.sysctl_optmem_max) return null;
  sk.sk_omem_alloc += MSG_ZEROCOPY_TRUESIZE;
  const uarg = new ubuf_info_msgzc(sk, sk.sk_zckey, size);
  sk.sk_zckey = (sk.sk_zckey + 1) | 0;
  sock_hold(sk);
  return uarg;
}

/** As msg_zerocopy_alloc(), or the one of the send before, which then covers this too. */
export function msg_zerocopy_realloc(
  sk: sock,
  size: number,
  uarg: ubuf_info | null,
): ubuf_info | null {
  if (uarg === null) return msg_zerocopy_alloc(sk, size);
  if (uarg.callback !== msg_zerocopy_callback) return null;
  const uz = uarg_to_msgzc(uarg);
  const bytelen = uz.bytelen + size;
  if (
    uz.len === 0xfffe || bytelen > MSG_ZEROCOPY_BYTE_LIMIT || ((uz.id + uz.len) | 0) !== sk.sk_zckey
  ) return msg_zerocopy_alloc(sk, size);
  uz.len++;
  uz.bytelen = bytelen;
  sk.sk_zckey = (sk.sk_zckey + 1) | 0;
  net_zcopy_get(uarg);
  return uarg;
}

/** The last notification in the error queue covers the sends before lo: extends it. */
function skb_zerocopy_notify_extend(skb: sk_buff, lo: number, len: number): boolean {
  const ee = SKB_EXT_ERR(skb).ee;
  const sum_len = ((ee.ee_data - ee.ee_info + 1) >>> 0) + len;
  if (sum_len > 0xffffffff || lo !== ((ee.ee_data + 1) | 0)) return false;
  ee.ee_data = (ee.ee_data + len) | 0;
  return true;
}

function __msg_zerocopy_callback(uarg: ubuf_info_msgzc): void {
  const sk = uarg.sk;
  let queued = false;
  uarg.page = null;
  if (uarg.len !== 0 && !sock_flag(sk, SOCK_DEAD)) {
    const code = uarg.zerocopy ? 0 : SO_EE_CODE_ZEROCOPY_COPIED;
    const q = sk.sk_error_queue;
    const tail = q.prev;
    const ee = tail === null ? null : SKB_EXT_ERR(tail).ee;
    if (
      tail === null || ee === null || ee.ee_origin !== SO_EE_ORIGIN_ZEROCOPY ||
      ee.ee_code !== code || !skb_zerocopy_notify_extend(tail, uarg.id, uarg.len)
    ) {
      const skb = alloc_skb(0);
      const serr = SKB_EXT_ERR(skb).ee;
      serr.ee_errno = 0;
      serr.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
      serr.ee_code = code;
      serr.ee_info = uarg.id;
      serr.ee_data = (uarg.id + uarg.len - 1) | 0;
      skb.sk = sk;
      skb.destructor = sock_ofree;
      __skb_queue_tail(q, skb);
      queued = true;
    }
    sk.sk_error_report(sk);
  }
  if (!queued) sk.sk_omem_alloc -= MSG_ZEROCOPY_TRUESIZE;
  sock_put(sk);
}

/** A user of a zero-copy send is done; the last one tells the program. */
export function msg_zerocopy_callback(
  _skb: sk_buff | null,
  uarg: ubuf_info,
  success: boolean,
): void {
  const uz = uarg_to_msgzc(uarg);
  uz.zerocopy = uz.zerocopy && success;
  if (--uz.refcnt === 0) __msg_zerocopy_callback(uz);
}

/** Takes a send back that took nothing. */
export function msg_zerocopy_put_abort(uarg: ubuf_info, have_uref: boolean): void {
  const uz = uarg_to_msgzc(uarg);
  uz.sk.sk_zckey = (uz.sk.sk_zckey - 1) | 0;
  uz.len--;
  if (have_uref) msg_zerocopy_callback(null, uarg, true);
}

export function net_zcopy_put_abort(uarg: ubuf_info, have_uref: boolean): void {
  if (uarg.callback === msg_zerocopy_callback) msg_zerocopy_put_abort(uarg, have_uref);
  else if (have_uref) net_zcopy_put(uarg);
}

/** The program's present buffer as a page that is never given back to the pool. */
function zerocopy_page(uarg: ubuf_info, buf: Uint8Array): page {
  const u8 = buf as Uint8Array<ArrayBuffer>;
  if (!(uarg instanceof ubuf_info_msgzc)) return new page(u8, -1);
  if (uarg.page === null || uarg.page.u8 !== u8) uarg.page = new page(u8, -1);
  return uarg.page;
}

/**
 * Hangs up to len bytes of the program's buffers on skb: bytes, -EEXIST where skb reports to another send, -EMSGSIZE
 * where it has no free fragment. @differs never SKBFL_PURE_ZEROCOPY: the program's memory is charged, too
 */
export function skb_zerocopy_iter_stream(
  sk: sock,
  skb: sk_buff,
  msg: msghdr,
  len: number,
  uarg: ubuf_info,
): number {
  const orig_uarg = skb_zcopy(skb);
  if (orig_uarg !== null && orig_uarg !== uarg) return -EEXIST;
  const iter = msg.msg_iter;
  let copied = 0;
  while (copied < len && iter.count > 0) {
    // The position may stand at the end of a buffer.
    if (iter.iov_offset === iter.iov_end) next_iovec(iter);
    const n = Math.min(len - copied, iter.count, iter.iov_end - iter.iov_offset);
    const p = zerocopy_page(uarg, iter.buf);
    const i = skb.shinfo.nr_frags;
    if (skb_can_coalesce(skb, i, p, iter.iov_offset)) {
      skb.shinfo.frags[i - 1].bv_len += n;
    } else {
      if (i === MAX_SKB_FRAGS) break;
      get_page(p);
      skb_fill_page_desc(skb, i, p, iter.iov_offset, n);
    }
    iov_iter_advance(iter, n);
    copied += n;
  }
  if (copied === 0) return -EMSGSIZE;
  skb.len += copied;
  skb.data_len += copied;
  skb.truesize += copied;
  sk.sk_wmem_queued += copied;
  sk_mem_charge(sk, copied);
  skb_zcopy_set(skb, uarg, false);
  return copied;
}

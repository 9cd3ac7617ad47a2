// SPDX-License-Identifier: GPL-2.0-only
//
// What datagram sockets share: waiting for a packet and taking it off a queue (recvmsg() of UDP and
// raw sockets: __skb_recv_datagram, __skb_try_recv_datagram, __skb_wait_for_more_packets), copying
// between packets and the program's buffers (TCP too: skb_copy_datagram_msg), and datagram_poll().

import { SKB_DROP_REASON_SKB_CSUM } from "../../include/net/dropreason.ts";
import {
  after_sleep,
  current,
  signal_pending,
  TASK_INTERRUPTIBLE,
} from "../../include/linux/sched.ts";
import type { file } from "../../include/linux/fs.ts";
import { SOCK_STREAM, SOCKWQ_ASYNC_NOSPACE } from "../../include/linux/net.ts";
import type { msghdr, socket } from "../../include/linux/net.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  EPOLLRDNORM,
  EPOLLWRBAND,
  EPOLLWRNORM,
} from "../../include/linux/poll.ts";
import type { poll_table } from "../../include/linux/poll.ts";
import {
  __skb_queue_after,
  __skb_unlink,
  skb_headlen,
  skb_orphan,
  skb_queue_empty,
  skb_shared,
} from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import { MSG_DONTWAIT, MSG_PEEK } from "../../include/linux/socket.ts";
import {
  copy_from_iter,
  copy_to_iter,
  iov_iter_count,
  iov_iter_revert,
} from "../../include/linux/uio.ts";
import type { iov_iter } from "../../include/linux/uio.ts";
import {
  RCV_SHUTDOWN,
  SHUTDOWN_MASK,
  sk_peek_offset_bwd,
  sock_error,
  sock_flag,
  sock_intr_errno,
  sock_rcvtimeo,
  SOCK_SELECT_ERR_QUEUE,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { EAGAIN, EFAULT, EINVAL, ENOENT, ENOTCONN } from "../../include/uapi/asm-generic/errno.ts";
import {
  autoremove_wake_function,
  DEFINE_WAIT_FUNC,
  finish_wait,
  prepare_to_wait_exclusive,
  schedule_timeout,
} from "../../kernel/sched/wait.ts";
import type { wait_queue_entry } from "../../kernel/sched/wait.ts";
import { csum_block_add, csum_fold, csum_partial } from "../../lib/checksum.ts";
import {
  __kfree_skb,
  __skb_checksum_complete,
  consume_skb,
  kfree_skb_reason,
  skb_clone,
  skb_unref,
} from "./skbuff.ts";
import { sk_sleep, sock_poll_wait, sock_writeable } from "./sock.ts";

const SOCK_SEQPACKET = 5;

/** What a receive answers beside the packet; C has pointers for them. @local */
export class skb_recv_state {
  /** In: where to peek; out: where in the packet that is. */
  off = 0;
  /** Negative errno, or 0. */
  err = 0;
  /** Jiffies left to wait. */
  timeo = 0;
  /** The queue's last packet when none was found: wait for another. */
  last: sk_buff | null = null;
}

function connection_based(sk: sock): boolean {
  return sk.sk_type === SOCK_SEQPACKET || sk.sk_type === SOCK_STREAM;
}

function receiver_wake_function(
  wait: wait_queue_entry,
  mode: number,
  sync: number,
  key: number,
): number {
  if (key !== 0 && (key & (EPOLLIN | EPOLLERR)) === 0) return 0;
  return autoremove_wake_function(wait, mode, sync, key);
}

/**
 * Waits until the queue's last packet is another than skb: 0, with st.timeo what is left. Not 0 where
 * there is nothing to wait for: st.err says why, 0 for a socket that was shut down.
 */
export function __skb_wait_for_more_packets(
  sk: sock,
  queue: sk_buff_head,
  st: skb_recv_state,
  skb: sk_buff | null,
): number | Promise<number> {
  const wq = sk_sleep(sk);
  const wait = DEFINE_WAIT_FUNC("__skb_wait_for_more_packets", receiver_wake_function);
  prepare_to_wait_exclusive(wq, wait, TASK_INTERRUPTIBLE);
  const stop = wait_stopped(sk, queue, st, skb);
  return after_sleep(stop === 0 ? schedule_timeout(wait, st.timeo) : st.timeo, (left) => {
    st.timeo = left;
    finish_wait(wq, wait);
    return stop < 0 ? 0 : stop;
  });
}

/** 1: nothing to wait for, see st.err; -1: there is a packet; 0: sleep. @local */
function wait_stopped(
  sk: sock,
  queue: sk_buff_head,
  st: skb_recv_state,
  skb: sk_buff | null,
): number {
  st.err = sock_error(sk);
  if (st.err !== 0) return 1;
  if (queue.prev !== skb) return -1;
  if ((sk.sk_shutdown & RCV_SHUTDOWN) !== 0) return 1;
  if (
    connection_based(sk) && sk.skc_state !== TCP_ESTABLISHED && sk.skc_state !== TCP_LISTEN
  ) {
    st.err = -ENOTCONN;
    return 1;
  }
  if (signal_pending(current)) {
    st.err = sock_intr_errno(st.timeo);
    return 1;
  }
  return 0;
}

/** Marks an empty packet as peeked at, in a copy where somebody else has it. */
function skb_set_peeked(queue: sk_buff_head, skb: sk_buff): sk_buff {
  if (skb.peeked) return skb;
  if (skb_shared(skb)) {
    const nskb = skb_clone(skb);
    __skb_queue_after(queue, skb, nskb);
    __skb_unlink(skb, queue);
    consume_skb(skb);
    skb = nskb;
  }
  skb.peeked = true;
  return skb;
}

/** Takes a packet off the queue, or with MSG_PEEK a reference to it; null when there is none. */
export function __skb_try_recv_from_queue(
  _sk: sock,
  queue: sk_buff_head,
  flags: number,
  st: skb_recv_state,
): sk_buff | null {
  const peek = (flags & MSG_PEEK) !== 0;
  const peek_at_off = peek && st.off >= 0;
  let off = peek_at_off ? st.off : 0;

  st.last = queue.prev;
  for (let skb = queue.next; skb !== null; skb = skb.next) {
    if (peek) {
      if (peek_at_off && off >= skb.len && (off !== 0 || skb.peeked)) {
        off -= skb.len;
        continue;
      }
      if (skb.len === 0) skb = skb_set_peeked(queue, skb);
      skb.users++;
    } else {
      __skb_unlink(skb, queue);
    }
    st.off = off;
    return skb;
  }
  return null;
}

/** A packet of the queue, or null with st.err: the socket's error, or -EAGAIN. */
export function __skb_try_recv_datagram(
  sk: sock,
  queue: sk_buff_head,
  flags: number,
  st: skb_recv_state,
): sk_buff | null {
  st.err = sock_error(sk);
  if (st.err !== 0) return null;
  const skb = __skb_try_recv_from_queue(sk, queue, flags, st);
  if (skb === null) st.err = -EAGAIN;
  return skb;
}

/** A packet of the queue; sleeps for one. Null with st.err: a negative errno, or 0 of a socket shut down. */
export function __skb_recv_datagram(
  sk: sock,
  sk_queue: sk_buff_head,
  flags: number,
  st: skb_recv_state,
): sk_buff | null | Promise<sk_buff | null> {
  const skb = __skb_try_recv_datagram(sk, sk_queue, flags, st);
  if (skb !== null || st.err !== -EAGAIN) return skb;
  st.timeo = sock_rcvtimeo(sk, (flags & MSG_DONTWAIT) !== 0);
  if (st.timeo === 0) return null;
  return skb_recv_datagram_wait(sk, sk_queue, flags, st);
}

function skb_recv_datagram_wait(
  sk: sock,
  sk_queue: sk_buff_head,
  flags: number,
  st: skb_recv_state,
): sk_buff | null | Promise<sk_buff | null> {
  return after_sleep(__skb_wait_for_more_packets(sk, sk_queue, st, st.last), (stop) => {
    if (stop !== 0) return null;
    const skb = __skb_try_recv_datagram(sk, sk_queue, flags, st);
    if (skb !== null || st.err !== -EAGAIN || st.timeo === 0) return skb;
    return skb_recv_datagram_wait(sk, sk_queue, flags, st);
  });
}

/** A packet of the receive queue; sleeps for one. Null with st.err. */
export function skb_recv_datagram(
  sk: sock,
  flags: number,
  st: skb_recv_state,
): sk_buff | null | Promise<sk_buff | null> {
  st.off = 0;
  return __skb_recv_datagram(sk, sk.sk_receive_queue, flags, st);
}

/** Done with a packet that was received. */
export function skb_free_datagram(_sk: sock, skb: sk_buff): void {
  consume_skb(skb);
}

/** As skb_free_datagram(), having read len bytes. */
export function __skb_free_datagram_locked(sk: sock, skb: sk_buff, len: number): void {
  sk_peek_offset_bwd(sk, len);
  if (!skb_unref(skb)) return;
  skb_orphan(skb);
  __kfree_skb(skb);
}

/** The packet is bad: takes a peeked one off the queue as well. 0, or -ENOENT where it is gone already. */
export function __sk_queue_drop_skb(
  sk: sock,
  sk_queue: sk_buff_head,
  skb: sk_buff,
  flags: number,
  destructor: ((sk: sock, skb: sk_buff) => void) | null,
): number {
  let err = 0;
  if ((flags & MSG_PEEK) !== 0) {
    err = -ENOENT;
    if (skb.next !== null || sk_queue.prev === skb) {
      __skb_unlink(skb, sk_queue);
      skb.users--;
      if (destructor !== null) destructor(sk, skb);
      err = 0;
    }
  }
  sk.sk_drops++;
  return err;
}

/** Frees a packet that was received and is bad; 0, or -ENOENT where a peeked one is gone already. */
export function skb_kill_datagram(sk: sock, skb: sk_buff, flags: number): number {
  const err = __sk_queue_drop_skb(sk, sk.sk_receive_queue, skb, flags, null);
  kfree_skb_reason(skb, SKB_DROP_REASON_SKB_CSUM);
  return err;
}

/** Copies len bytes from offset on to the program: 0 or -EFAULT. */
export function skb_copy_datagram_iter(
  skb: sk_buff,
  offset: number,
  to: iov_iter,
  len: number,
): number {
  const headlen = skb_headlen(skb);
  if (offset < headlen) {
    const n = Math.min(headlen - offset, len);
    if (copy_to_iter(skb.head.u8, skb.data + offset, n, to) !== n) return -EFAULT;
    len -= n;
    offset += n;
    if (len === 0) return 0;
  }
  let start = headlen;
  const { shinfo } = skb;
  for (let i = 0; i < shinfo.nr_frags; i++) {
    const frag = shinfo.frags[i];
    const end = start + frag.bv_len;
    if (offset < end) {
      const n = Math.min(end - offset, len);
      const at = frag.bv_offset + offset - start;
      if (copy_to_iter(frag.bv_page.u8, at, n, to) !== n) return -EFAULT;
      len -= n;
      offset += n;
      if (len === 0) return 0;
    }
    start = end;
  }
  for (let f = shinfo.frag_list; f !== null; f = f.next) {
    const end = start + f.len;
    if (offset < end) {
      const n = Math.min(end - offset, len);
      if (skb_copy_datagram_iter(f, offset - start, to, n) !== 0) return -EFAULT;
      len -= n;
      offset += n;
      if (len === 0) return 0;
    }
    start = end;
  }
  return len === 0 ? 0 : -EFAULT;
}

/** As skb_copy_datagram_iter(), to a message. */
export function skb_copy_datagram_msg(
  from: sk_buff,
  offset: number,
  msg: msghdr,
  size: number,
): number {
  return skb_copy_datagram_iter(from, offset, msg.msg_iter, size);
}

/** Copies len bytes from the program to offset of the packet: 0 or -EFAULT. */
export function skb_copy_datagram_from_iter(
  skb: sk_buff,
  offset: number,
  from: iov_iter,
  len: number,
): number {
  const headlen = skb_headlen(skb);
  if (offset < headlen) {
    const n = Math.min(headlen - offset, len);
    if (copy_from_iter(skb.head.u8, skb.data + offset, n, from) !== n) return -EFAULT;
    len -= n;
    offset += n;
    if (len === 0) return 0;
  }
  let start = headlen;
  const { shinfo } = skb;
  for (let i = 0; i < shinfo.nr_frags; i++) {
    const frag = shinfo.frags[i];
    const end = start + frag.bv_len;
    if (offset < end) {
      const n = Math.min(end - offset, len);
      const at = frag.bv_offset + offset - start;
      if (copy_from_iter(frag.bv_page.u8, at, n, from) !== n) return -EFAULT;
      len -= n;
      offset += n;
      if (len === 0) return 0;
    }
    start = end;
  }
  for (let f = shinfo.frag_list; f !== null; f = f.next) {
    const end = start + f.len;
    if (offset < end) {
      const n = Math.min(end - offset, len);
      if (skb_copy_datagram_from_iter(f, offset - start, from, n) !== 0) return -EFAULT;
      len -= n;
      offset += n;
      if (len === 0) return 0;
    }
    start = end;
  }
  return len === 0 ? 0 : -EFAULT;
}

/** The running sum of skb_copy_and_csum_datagram(): a copy is summed as it goes. */
let copy_csum = 0;
let copy_pos = 0;

/** Copies and sums one piece; false where the program has no room. */
function csum_and_copy_to_iter(u8: Uint8Array, off: number, n: number, to: iov_iter): boolean {
  copy_csum = csum_block_add(copy_csum, csum_partial(u8, off, n, 0), copy_pos);
  copy_pos += n;
  return copy_to_iter(u8, off, n, to) === n;
}

/** Copies what follows offset, to the end, adding its sum to copy_csum: 0 or -EFAULT. */
function skb_copy_and_csum_datagram(skb: sk_buff, offset: number, to: iov_iter): number {
  const headlen = skb_headlen(skb);
  if (offset < headlen) {
    if (!csum_and_copy_to_iter(skb.head.u8, skb.data + offset, headlen - offset, to)) {
      return -EFAULT;
    }
    offset = headlen;
  }
  let start = headlen;
  const { shinfo } = skb;
  for (let i = 0; i < shinfo.nr_frags; i++) {
    const frag = shinfo.frags[i];
    const end = start + frag.bv_len;
    if (offset < end) {
      const at = frag.bv_offset + offset - start;
      if (!csum_and_copy_to_iter(frag.bv_page.u8, at, end - offset, to)) return -EFAULT;
      offset = end;
    }
    start = end;
  }
  for (let f = shinfo.frag_list; f !== null; f = f.next) {
    const end = start + f.len;
    if (offset < end) {
      if (skb_copy_and_csum_datagram(f, offset - start, to) !== 0) return -EFAULT;
      offset = end;
    }
    start = end;
  }
  return 0;
}

/**
 * Copies what follows the first hlen bytes to the program and verifies the checksum on the way: 0,
 * -EINVAL where it is wrong (nothing counts as copied), or -EFAULT.
 */
export function skb_copy_and_csum_datagram_msg(
  skb: sk_buff,
  hlen: number,
  msg: msghdr,
): number {
  const chunk = skb.len - hlen;
  if (chunk === 0) return 0;
  if (iov_iter_count(msg.msg_iter) < chunk) {
    if (__skb_checksum_complete(skb) !== 0) return -EINVAL;
    return skb_copy_datagram_msg(skb, hlen, msg, iov_iter_count(msg.msg_iter));
  }
  copy_csum = csum_partial(skb.head.u8, skb.data, hlen, skb.csum);
  copy_pos = hlen;
  if (skb_copy_and_csum_datagram(skb, hlen, msg.msg_iter) !== 0) return -EFAULT;
  if (csum_fold(copy_csum) !== 0) {
    iov_iter_revert(msg.msg_iter, chunk);
    return -EINVAL;
  }
  return 0;
}

/** What a datagram socket is ready for, EPOLL*. */
export function datagram_poll(file: file, sock: socket, wait: poll_table | null): number {
  const sk = sock.sk as sock;
  let mask = 0;
  sock_poll_wait(file, sock, wait);

  if (sk.sk_err !== 0 || !skb_queue_empty(sk.sk_error_queue)) {
    mask |= EPOLLERR | (sock_flag(sk, SOCK_SELECT_ERR_QUEUE) ? EPOLLPRI : 0);
  }
  if ((sk.sk_shutdown & RCV_SHUTDOWN) !== 0) mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
  if (sk.sk_shutdown === SHUTDOWN_MASK) mask |= EPOLLHUP;
  if (!skb_queue_empty(sk.sk_receive_queue)) mask |= EPOLLIN | EPOLLRDNORM;

  if (connection_based(sk)) {
    if (sk.skc_state === TCP_CLOSE) mask |= EPOLLHUP;
    if (sk.skc_state === TCP_SYN_SENT) return mask;
  }

  if (sock_writeable(sk)) mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
  else if (sk.sk_wq !== null) sk.sk_wq.flags |= 1 << SOCKWQ_ASYNC_NOSPACE;
  return mask;
}

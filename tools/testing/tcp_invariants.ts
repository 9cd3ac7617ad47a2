// SPDX-License-Identifier: GPL-2.0-only
//
// What must hold of a TCP socket whatever has come in: queues in order and as long as the counters say, memory
// charged for what is queued. For tests that throw anything at the stack.

import { TCP_CLOSE, TCP_LISTEN } from "../../include/net/tcp_states.ts";
import { TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import type { rb_root } from "../../include/linux/rbtree.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import {
  after,
  before,
  tcp_is_sack,
  tcp_skb_pcount,
  TCPCB_LOST,
  TCPCB_SACKED_ACKED,
  TCPCB_SACKED_RETRANS,
} from "../../include/net/tcp.ts";
import { rb_first, rb_next } from "../../lib/rbtree.ts";

function list(head: sk_buff_head): sk_buff[] {
  const out: sk_buff[] = [];
  for (let skb = head.next; skb !== null; skb = skb.next) out.push(skb);
  return out;
}

function tree(root: rb_root<sk_buff>): sk_buff[] {
  const out: sk_buff[] = [];
  for (let n = rb_first(root); n !== null; n = rb_next(n)) out.push(n.owner);
  return out;
}

const truesize = (skbs: sk_buff[]): number => skbs.reduce((s, skb) => s + skb.truesize, 0);

/** What is wrong with the queues of what was sent. */
function check_send(tp: tcp_sock, wrong: (what: string) => void): void {
  const rtx = tree(tp.tcp_rtx_queue);
  const wq = list(tp.sk_write_queue);
  let seq = tp.snd_una;
  rtx.forEach((skb, i) => {
    const cb = TCP_SKB_CB(skb);
    if (i === 0 ? after(cb.seq, seq) : cb.seq !== seq) wrong(`rtx queue: gap at ${seq}`);
    if (!after(cb.end_seq, cb.seq)) wrong("rtx queue: an empty skb");
    if (i === 0 && !after(cb.end_seq, tp.snd_una)) wrong("rtx queue: acked skb at its head");
    seq = cb.end_seq;
  });
  if (rtx.length > 0 && seq !== tp.snd_nxt) wrong(`rtx queue ends at ${seq}, not ${tp.snd_nxt}`);
  if (rtx.length === 0 && tp.snd_una !== tp.snd_nxt) wrong("rtx queue empty with bytes unacked");
  seq = tp.snd_nxt;
  for (const skb of wq) {
    if (TCP_SKB_CB(skb).seq !== seq) wrong(`write queue: gap at ${seq}`);
    seq = TCP_SKB_CB(skb).end_seq;
  }
  if (wq.length > 0 && seq !== tp.write_seq) wrong(`write queue ends at ${seq}`);
  const count = (flag: number): number =>
    rtx.reduce(
      (s, skb) => s + ((TCP_SKB_CB(skb).sacked & flag) === flag ? tcp_skb_pcount(skb) : 0),
      0,
    );
  const same = (name: string, have: number, want: number): void => {
    if (have !== want) wrong(`${name} ${have}, in the queue ${want}`);
  };
  same("packets_out", tp.packets_out, count(0));
  same("retrans_out", tp.retrans_out, count(TCPCB_SACKED_RETRANS));
  same("lost_out", tp.lost_out, count(TCPCB_LOST));
  if (tcp_is_sack(tp)) same("sacked_out", tp.sacked_out, count(TCPCB_SACKED_ACKED));
  if (tp.sacked_out + tp.lost_out > tp.packets_out) wrong("sacked_out + lost_out > packets_out");
  same("sk_wmem_queued", tp.sk_wmem_queued, truesize(rtx) + truesize(wq));
  if (tp.snd_cwnd < 1) wrong(`snd_cwnd ${tp.snd_cwnd}`);
}

/** What is wrong with the queues of what was received. */
function check_receive(tp: tcp_sock, wrong: (what: string) => void): void {
  const rq = list(tp.sk_receive_queue);
  const ofo = tree(tp.out_of_order_queue);
  for (let i = 1; i < rq.length; i++) {
    if (after(TCP_SKB_CB(rq[i]).seq, TCP_SKB_CB(rq[i - 1]).end_seq)) wrong("receive queue: gap");
  }
  const last = rq.at(-1);
  if (last !== undefined && TCP_SKB_CB(last).end_seq !== tp.rcv_nxt) {
    wrong(`receive queue ends at ${TCP_SKB_CB(last).end_seq}, not ${tp.rcv_nxt}`);
  }
  if (after(tp.copied_seq, tp.rcv_nxt)) wrong("copied_seq behind rcv_nxt");
  for (let i = 0; i < ofo.length; i++) {
    const cb = TCP_SKB_CB(ofo[i]);
    if (!after(cb.end_seq, tp.rcv_nxt)) wrong("out-of-order queue: nothing new");
    if (i > 0 && before(cb.seq, TCP_SKB_CB(ofo[i - 1]).seq)) wrong("out-of-order queue: order");
  }
  if ((ofo.at(-1) ?? null) !== (ofo.length > 0 ? tp.ooo_last_skb : null)) wrong("ooo_last_skb");
  const rmem = truesize(rq) + truesize(ofo) + truesize(list(tp.sk_error_queue));
  if (tp.sk_rmem_alloc !== rmem) wrong(`sk_rmem_alloc ${tp.sk_rmem_alloc}, queued ${rmem}`);
}

/** What is wrong with a socket that nobody is working on, one line each. @local */
export function tcp_check_invariants(tp: tcp_sock): string[] {
  const out: string[] = [];
  const wrong = (what: string): void => void out.push(what);
  if (tp.skc_state === TCP_LISTEN || tp.sk_lock.owned) return out;
  // Less than nothing where dropping an overlapped skb gave back what was scheduled for the new one, as in C.
  if (tp.sk_forward_alloc < -65536) wrong(`sk_forward_alloc ${tp.sk_forward_alloc}`);
  if (tp.skc_state !== TCP_CLOSE) {
    check_send(tp, wrong);
    check_receive(tp, wrong);
  }
  return out;
}

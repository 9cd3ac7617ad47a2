// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { file } from "../../include/linux/fs.ts";
import { msghdr, SOCK_DGRAM, socket } from "../../include/linux/net.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../include/linux/poll.ts";
import { __skb_queue_tail, CHECKSUM_NONE } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { MSG_DONTWAIT, MSG_PEEK } from "../../include/linux/socket.ts";
import { iov_iter, ITER_DEST, ITER_SOURCE } from "../../include/linux/uio.ts";
import { net } from "../../include/net/net_namespace.ts";
import { proto_counters, SHUTDOWN_MASK, sock } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import { EAGAIN, ECONNREFUSED, EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { csum_partial } from "../../lib/checksum.ts";
import { alloc_pages } from "../../mm/page_alloc.ts";
import {
  __skb_recv_datagram,
  datagram_poll,
  skb_copy_and_csum_datagram_msg,
  skb_copy_datagram_from_iter,
  skb_copy_datagram_iter,
  skb_kill_datagram,
  skb_recv_datagram,
  skb_recv_state,
} from "./datagram.ts";
import {
  alloc_skb,
  consume_skb,
  kfree_skb,
  nr_skbs_alive,
  skb_add_rx_frag,
  skb_init,
  skb_put_data,
} from "./skbuff.ts";
import { sk_alloc, sock_init_data } from "./sock.ts";

const prot: proto = {
  name: "TEST",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new sock(),
};

function bytes(n: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (first + i * 7) & 255);
}

/** 100 bytes in the head, then two fragments of odd lengths. */
function nonlinear(data: Uint8Array): sk_buff {
  const skb = alloc_skb(256);
  skb_put_data(skb, data, 100);
  let at = 100;
  for (const [i, len] of [33, data.length - 133].entries()) {
    const page = alloc_pages(2048);
    page.u8.set(data.subarray(at, at + len), 5);
    skb_add_rx_frag(skb, i, page, 5, len, 2048);
    at += len;
  }
  return skb;
}

function message(buf: Uint8Array): msghdr {
  const msg = new msghdr();
  msg.msg_iter = new iov_iter(ITER_DEST, buf, null, buf.length);
  return msg;
}

function setup(): { machine: sim_machine; sk: sock; sock: socket; queue: (n: number) => void } {
  const machine = new sim_machine();
  machine.start();
  skb_init();
  const sock = new socket();
  sock.type = SOCK_DGRAM;
  const sk = sk_alloc(new net("test"), 2, prot, true);
  sock_init_data(sock, sk);
  const queue = (n: number): void => {
    const skb = alloc_skb(64);
    skb_put_data(skb, bytes(n), n);
    __skb_queue_tail(sk.sk_receive_queue, skb);
    sk.sk_data_ready(sk);
  };
  return { machine, sk, sock, queue };
}

Deno.test("skb_copy_datagram_iter() copies any range of a packet with fragments", () => {
  skb_init();
  const data = bytes(300);
  const skb = nonlinear(data);
  for (
    const [off, len] of [[0, 300], [99, 2], [100, 33], [120, 180], [133, 1], [299, 1], [50, 0]]
  ) {
    const buf = new Uint8Array(len);
    assertEquals(skb_copy_datagram_iter(skb, off, message(buf).msg_iter, len), 0);
    assertEquals(buf, data.slice(off, off + len));
  }
  assertEquals(skb_copy_datagram_iter(skb, 290, message(new Uint8Array(20)).msg_iter, 20), -14);
  kfree_skb(skb);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("skb_copy_datagram_from_iter() writes across fragments", () => {
  skb_init();
  const skb = nonlinear(bytes(300));
  const data = bytes(200, 99);
  const from = new iov_iter(ITER_SOURCE, data, null, data.length);
  assertEquals(skb_copy_datagram_from_iter(skb, 60, from, 200), 0);
  const buf = new Uint8Array(200);
  skb_copy_datagram_iter(skb, 60, message(buf).msg_iter, 200);
  assertEquals(buf, data);
  kfree_skb(skb);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("skb_copy_and_csum_datagram_msg() finds a wrong checksum and takes the copy back", () => {
  skb_init();
  const data = bytes(301);
  for (const hlen of [0, 8, 9]) {
    const skb = nonlinear(data);
    skb.ip_summed = CHECKSUM_NONE;
    skb.csum = ~csum_partial(data, 0, data.length, 0);
    const buf = new Uint8Array(301 - hlen);
    const msg = message(buf);
    assertEquals(skb_copy_and_csum_datagram_msg(skb, hlen, msg), 0);
    assertEquals(buf, data.slice(hlen));
    assertEquals(msg.msg_iter.count, 0);
    skb.csum ^= 0x100;
    const bad = message(new Uint8Array(301));
    assertEquals(skb_copy_and_csum_datagram_msg(skb, hlen, bad), -EINVAL);
    assertEquals(bad.msg_iter.count, 301);
    kfree_skb(skb);
  }
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("skb_recv_datagram() does not sleep while there is a packet", () => {
  const t = setup();
  const st = new skb_recv_state();
  t.queue(3);
  t.queue(4);
  const peeked = skb_recv_datagram(t.sk, MSG_PEEK, st) as sk_buff;
  assertEquals([peeked.len, peeked.users], [3, 2]);
  consume_skb(peeked);
  for (const len of [3, 4]) {
    const skb = skb_recv_datagram(t.sk, 0, st) as sk_buff;
    assertEquals(skb.len, len);
    consume_skb(skb);
  }
  assertEquals(skb_recv_datagram(t.sk, MSG_DONTWAIT, st), null);
  assertEquals(st.err, -EAGAIN);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("skb_recv_datagram() peeks behind st.off", () => {
  const t = setup();
  t.queue(3);
  t.queue(4);
  const st = new skb_recv_state();
  st.off = 5;
  const skb = __skb_recv_datagram(t.sk, t.sk.sk_receive_queue, MSG_PEEK, st) as sk_buff;
  assertEquals([skb.len, st.off], [4, 2]);
  assertEquals(skb_kill_datagram(t.sk, skb, MSG_PEEK), 0);
  assertEquals(t.sk.sk_receive_queue.qlen, 1);
  consume_skb(skb_recv_datagram(t.sk, 0, st) as sk_buff);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("skb_recv_datagram() sleeps until a packet, an error, a shutdown or the time limit", async () => {
  const t = setup();
  const st = new skb_recv_state();
  let got = skb_recv_datagram(t.sk, 0, st) as Promise<sk_buff | null>;
  await t.machine.settle();
  t.queue(9);
  const skb = await t.machine.run_until(got) as sk_buff;
  assertEquals(skb.len, 9);
  consume_skb(skb);

  got = skb_recv_datagram(t.sk, 0, st) as Promise<sk_buff | null>;
  t.sk.sk_err = ECONNREFUSED;
  t.sk.sk_error_report(t.sk);
  assertEquals(await t.machine.run_until(got), null);
  assertEquals(st.err, -ECONNREFUSED);

  got = skb_recv_datagram(t.sk, 0, st) as Promise<sk_buff | null>;
  t.sk.sk_shutdown = SHUTDOWN_MASK;
  t.sk.sk_state_change(t.sk);
  assertEquals(await t.machine.run_until(got), null);
  assertEquals(st.err, 0);

  t.sk.sk_shutdown = 0;
  t.sk.sk_rcvtimeo = 50;
  got = skb_recv_datagram(t.sk, 0, st) as Promise<sk_buff | null>;
  assertEquals(await t.machine.run_until(got), null);
  assertEquals(st.err, -EAGAIN);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("datagram_poll() tells what the socket is ready for", () => {
  const t = setup();
  const f = new file({}, 0, t.sock);
  const poll = (): number =>
    datagram_poll(f, t.sock, null) & (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP);
  assertEquals(poll(), EPOLLOUT);
  t.queue(1);
  assertEquals(poll(), EPOLLOUT | EPOLLIN);
  consume_skb(skb_recv_datagram(t.sk, 0, new skb_recv_state()) as sk_buff);
  t.sk.sk_err = ECONNREFUSED;
  assertEquals(poll(), EPOLLOUT | EPOLLERR);
  t.sk.sk_err = 0;
  t.sk.sk_shutdown = SHUTDOWN_MASK;
  assertEquals(poll(), EPOLLOUT | EPOLLIN | EPOLLHUP);
  assertEquals(nr_skbs_alive(), 0);
});

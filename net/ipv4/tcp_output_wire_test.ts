// SPDX-License-Identifier: GPL-2.0-only
//
// What the sender puts on the wire, and when. (tcp_output_test.ts has the functions one by one.)

import { assert, assertEquals } from "@std/assert";
import {
  NETDEV_TX_OK,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
} from "../../include/linux/netdevice.ts";
import { POLLOUT } from "../../include/linux/poll.ts";
import { MSG_MORE, SO_SNDBUF, SOL_SOCKET, SOL_TCP } from "../../include/linux/socket.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { TSQF_THROTTLED } from "../../include/net/tcp.ts";
import { TCP_CLOSE_WAIT } from "../../include/net/tcp_states.ts";
import { EAGAIN } from "../../include/uapi/asm-generic/errno.ts";
import { TCP_CORK, TCP_MAXSEG, TCP_NODELAY } from "../../include/uapi/linux/tcp.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { pattern, tcp_test } from "../../tools/testing/tcp.ts";
import type { tcp_peer } from "../../tools/testing/tcp.ts";

const OFFLOAD = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO;

function lens(peer: tcp_peer): number[] {
  return peer.queue.splice(0).map((s) => s.len);
}

// ---- Nagle, cork ----

Deno.test("tcp_nagle_test() holds a small segment back while another is in flight", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.write(fd, "a");
  peer.expect("P.", { seq: 1, data: "a" });
  t.write(fd, "b");
  t.write(fd, "c");
  await peer.expect_nothing(100);
  peer.send(".", { ack: 2 });
  peer.expect("P.", { seq: 2, data: "bc" });
  // What fills a segment goes at once; its small rest does, as no small one is in flight (Minshall).
  peer.send(".", { ack: 4 });
  t.write(fd, 1100);
  assertEquals(lens(peer), [1000, 100]);
  t.write(fd, 100);
  await peer.expect_nothing();
  t.write(fd, 900);
  assertEquals(lens(peer), [1000]);
});

Deno.test("setsockopt(TCP_NODELAY) sends what is held back, and everything at once from then on", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.write(fd, "a");
  t.write(fd, "b");
  assertEquals(lens(peer), [1]);
  t.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
  peer.expect("P.", { seq: 2, data: "b" });
  t.write(fd, "c");
  peer.expect("P.", { seq: 3, data: "c" });
});

Deno.test("setsockopt(TCP_CORK) sends full segments only, the rest when the cork is drawn", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_CORK, 1);
  t.write(fd, 600);
  await peer.expect_nothing();
  t.write(fd, 600);
  peer.expect(".", { seq: 1, len: 1000 });
  await peer.expect_nothing(20);
  t.setsockopt(fd, SOL_TCP, TCP_CORK, 0);
  peer.expect("P.", { seq: 1001, len: 200 });
});

Deno.test("tcp_check_probe_timer() sends what is corked after 200 ms", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_CORK, 1);
  t.write(fd, "corked");
  await peer.expect_after(200, "P.", { seq: 1, data: "corked" });
});

Deno.test("tcp_sendmsg() joins what MSG_MORE announces", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
  t.write(fd, "head", MSG_MORE);
  await peer.expect_nothing(10);
  t.write(fd, "er");
  peer.expect("P.", { seq: 1, data: "header" });
});

// ---- Windows ----

Deno.test("tcp_snd_wnd_test() sends no more than the peer's window", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, win: 2500 });
  assertEquals(t.sk(fd).snd_wnd, 2500);
  t.write(fd, 5000);
  // Half of the window in a packet: the second full segment, and no fraction of a third.
  assertEquals(lens(peer), [1000, 1000]);
  await peer.expect_nothing(100);
  peer.send(".", { ack: 1001, win: 2500 });
  assertEquals(lens(peer), [1000]);
  // The right edge moves left: what is in flight stays, nothing new goes.
  peer.send(".", { ack: 2001, win: 500 });
  await peer.expect_nothing();
  peer.send(".", { ack: 3001, win: 60000 });
  assertEquals(lens(peer), [1000, 1000]);
});

Deno.test("tcp_write_wakeup() fills a small window after 200 ms only (silly windows)", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { data: 10 });
  peer.send(".", { win: 300 });
  peer.queue.length = 0;
  t.write(fd, 1000);
  await peer.expect_after(200, "P.", { seq: 1, len: 300 });
  peer.send(".", { ack: 301, win: 1000 });
  peer.expect("P.", { seq: 301, len: 700 });
});

Deno.test("tcp_ack_update_window() takes no window from an old segment", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 1, data: "new" });
  peer.send(".", { seq: 4, win: 5000 });
  peer.expect(".");
  assertEquals(t.sk(fd).snd_wnd, 5000);
  // Sent before, it comes later.
  peer.send(".", { seq: 1, ack: 1, win: 9000 });
  assertEquals(t.sk(fd).snd_wnd, 5000);
  peer.send(".", { seq: 4, ack: 1, win: 9000 });
  assertEquals(t.sk(fd).snd_wnd, 9000);
});

Deno.test("tcp_ack_update_window() scales all windows but that of a SYN", async () => {
  await using t = tcp_test();
  const { fd } = t.accepted({ mss: 1000, wscale: 7, win: 100 });
  assertEquals(t.sk(fd).snd_wnd, 100 << 7);
  const { fd: fd2, peer: p2 } = t.connected({ mss: 1000, wscale: 7, win: 100, port: 9 });
  assertEquals(t.sk(fd2).snd_wnd, 100);
  p2.send(".");
  assertEquals(t.sk(fd2).snd_wnd, 100 << 7);
  p2.send(".", { win: 0 });
  p2.send(".", { win: 1 });
  assertEquals(t.sk(fd2).snd_wnd, 1 << 7);
});

// ---- Segment sizes ----

Deno.test("tcp_sync_mss() bounds segments by the peer's MSS, the MTU and TCP_MAXSEG", async () => {
  const cases: [number, number, number, number, string][] = [
    // MTU, peer's MSS, TCP_MAXSEG; size; our option
    [1500, 1460, 0, 1460, "mss 1460"],
    [1500, 536, 0, 536, "mss 1460"],
    [576, 1460, 0, 536, "mss 536"],
    [1500, 1460, 700, 700, "mss 700"],
    [9000, 8960, 0, 8960, "mss 8960"],
    [9000, 1460, 4000, 1460, "mss 4000"],
  ];
  for (const [mtu, mss, maxseg, size, options] of cases) {
    await using t = tcp_test({
      mtu,
      sysctl: { tcp_sack: 0, tcp_timestamps: 0, tcp_window_scaling: 0 },
    });
    const peer = t.peer({ port: 7, mss });
    const fd = t.connect(peer, 44404, (fd) => {
      if (maxseg > 0) assertEquals(t.setsockopt(fd, SOL_TCP, TCP_MAXSEG, maxseg), 0);
    });
    peer.expect("S", { options });
    peer.send("S.");
    peer.expect(".");
    assertEquals(t.getsockopt(fd, SOL_TCP, TCP_MAXSEG), size);
    t.write(fd, 2 * size);
    assertEquals(lens(peer), [size, size]);
  }
});

Deno.test("tcp_make_synack() offers the MSS of TCP_MAXSEG", async () => {
  await using t = tcp_test();
  t.listen(2222, 5, (fd) => t.setsockopt(fd, SOL_TCP, TCP_MAXSEG, 600));
  const peer = t.peer({ mss: 1460 });
  peer.send("S");
  peer.expect("S.", { options: "mss 600" });
});

Deno.test("tcp_current_mss() leaves room for the options of each segment", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, ts: true, sack: true });
  t.write(fd, 988);
  assertEquals(lens(peer), [988]);
  peer.send(".", { ack: 989 });
  // A gap in what was received: its SACK block takes 12 bytes.
  peer.send(".", { seq: 101, data: 10 });
  peer.queue.length = 0;
  t.write(fd, 988);
  assertEquals(lens(peer), [976, 12]);
});

Deno.test("tcp_write_xmit() hands TSO packets to a device that can", async () => {
  await using t = tcp_test({ features: OFFLOAD });
  const { peer, fd } = t.accepted({ mss: 1000 });
  t.write(fd, pattern(1, 10000));
  let seq = 1;
  const packets = peer.queue.splice(0);
  for (const s of packets) {
    assertEquals([s.seq, s.gso_size, s.len % 1000], [seq, s.len > 1000 ? 1000 : 0, 0]);
    assertEquals(s.bytes, pattern(seq, s.len));
    seq += s.len;
  }
  assertEquals(seq, 10001);
  assert(packets.length <= 3, `${packets.length} packets`);
});

Deno.test("tcp_gso_segment() cuts such packets where the device can't", async () => {
  for (const features of [0, NETIF_F_SG, NETIF_F_SG | NETIF_F_HW_CSUM]) {
    await using t = tcp_test({ features });
    const { peer, fd } = t.accepted({ mss: 1000, ts: true });
    t.write(fd, pattern(1, 9500));
    const packets = peer.queue.splice(0);
    let seq = 1;
    for (const [i, s] of packets.entries()) {
      assertEquals([s.seq, s.gso_size, s.ack], [seq, 0, 1]);
      assertEquals(s.bytes, pattern(seq, s.len));
      assertEquals(s.options, packets[0].options);
      assertEquals(s.id, (packets[0].id + i) & 0xffff);
      seq += s.len;
    }
    assertEquals(seq, 9501);
    // PSH on the last of a write.
    assertEquals(packets.at(-1)!.flags, "P.");
    assertEquals(packets[1].flags, ".");
  }
});

Deno.test("tcp_mark_push() sets PSH at the end of a write, and when half the window is queued", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, win: 60000 });
  t.write(fd, 3000);
  assertEquals(peer.queue.splice(0).map((s) => s.flags), [".", ".", "P."]);
});

// ---- Small queues ----

Deno.test("tcp_small_queue_check() hands the device tcp_limit_output_bytes, and more as it is done with them", async () => {
  await using t = tcp_test({
    features: OFFLOAD,
    sysctl: { tcp_limit_output_bytes: 8000 },
  });
  const { peer, fd } = t.accepted({ mss: 1000 });
  const sk = t.sk(fd);
  sk.sk_gso_max_segs = 1;
  const dev = sk.sk_dst_cache!.dev;
  const { netdev_ops } = dev;
  const held: sk_buff[] = [];
  // A device that is slow: it keeps what it is to send.
  dev.netdev_ops = {
    ...netdev_ops,
    ndo_start_xmit: (skb) => {
      held.push(skb);
      return NETDEV_TX_OK;
    },
  };
  t.write(fd, pattern(1, 10000));
  const taken = held.reduce((sum, skb) => sum + skb.truesize, 0);
  const largest = Math.max(...held.map((skb) => skb.truesize));
  assertEquals(sk.sk_wmem_alloc, 1 + taken);
  assert(taken > 8000 && taken <= 8000 + largest, `${taken} bytes`);
  assert((sk.sk_tsq_flags & TSQF_THROTTLED) !== 0);
  await t.advance(1);
  assertEquals(sk.sk_wmem_alloc, 1 + taken);

  // Each that it is done with makes room: tcp_wfree() has the tasklet send the next.
  let seq = 1;
  while (held.length > 0) {
    local_bh_disable();
    netdev_ops.ndo_start_xmit(held.shift()!, dev);
    local_bh_enable();
    const s = peer.queue.shift()!;
    assertEquals([s.seq, s.bytes], [seq, pattern(seq, s.len)]);
    seq += s.len;
    assert(held.reduce((sum, skb) => sum + skb.truesize, 0) <= 8000 + largest);
  }
  dev.netdev_ops = netdev_ops;
  assertEquals(seq, 10001);
  assertEquals(sk.sk_tsq_flags & TSQF_THROTTLED, 0);
  peer.send(".", { ack: seq });
});

// ---- Send buffer ----

Deno.test("tcp_sendmsg() takes what fits the send buffer, and says when there is room again", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1000 },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_SNDBUF, 10000),
  );
  assertEquals(t.sk(fd).sk_sndbuf, 20000);
  const n = t.write(fd, 100000);
  assert(n > 10000 && n < 60000, `${n}`);
  assertEquals(t.write(fd, 1), -EAGAIN);
  const fds = [{ fd, events: POLLOUT, revents: 0 }];
  assertEquals(t.u.sys_poll(fds, 1, 0), 0);
  let una = 1;
  let took = n;
  // At most a third of what is queued is free before the program hears of it.
  const poll = t.u.sys_poll(fds, 1, -1);
  assert(poll instanceof Promise);
  let ready = false;
  poll.then(() => ready = true);
  while (!ready) {
    assert(una < n);
    await t.advance(10);
    una = peer.rcv_nxt;
    peer.send(".", { ack: una });
    await t.sim.settle();
  }
  assertEquals(fds[0].revents, POLLOUT);
  took += t.write(fd, 100000);
  for (let i = 0; i < 200 && una < took + 1; i++) {
    await t.advance(10);
    una = peer.rcv_nxt;
    peer.send(".", { ack: una });
  }
  assertEquals(una, took + 1);
  assertEquals([t.sk(fd).sk_wmem_queued, t.sk(fd).packets_out], [0, 0]);
});

Deno.test("tcp_sendmsg() sleeps in a blocking socket until all is queued", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1000 },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_SNDBUF, 10000),
  );
  t.u.sys_fcntl(fd, 4, 0);
  const data = pattern(1, 100000);
  const write = t.u.sys_write(fd, data);
  assert(write instanceof Promise);
  const got = new Uint8Array(100000);
  let una = 1;
  for (let i = 0; i < 500 && una <= 100000; i++) {
    for (const s of peer.queue.splice(0)) {
      got.set(s.bytes, s.seq - 1);
      una = s.seq + s.len;
    }
    await t.advance(10);
    peer.send(".", { ack: una });
    await t.sim.settle();
  }
  assertEquals(await t.sim.run_until(write), 100000);
  assertEquals(got, data);
});

// ---- FIN ----

Deno.test("tcp_send_fin() goes with the last data that is still queued", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.write(fd, "a");
  peer.expect("P.", { data: "a" });
  t.write(fd, "bc");
  t.close(fd);
  // A FIN needs not wait for Nagle.
  peer.expect("FP.", { seq: 2, data: "bc" });
  peer.send(".", { ack: 5 });
  peer.send("F.", { seq: 1, ack: 5 });
  peer.expect(".", { seq: 5, ack: 2 });
});

Deno.test("tcp_send_fin() waits behind data that the window holds back", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, win: 2000 });
  t.write(fd, 3500);
  t.u.sys_shutdown(fd, 1);
  assertEquals(lens(peer), [1000, 1000]);
  peer.send(".", { ack: 1001, win: 3000 });
  peer.expect(".", { seq: 2001, len: 1000 });
  peer.expect("FP.", { seq: 3001, len: 500 });
});

Deno.test("a half-closed connection goes on sending for as long as it likes", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("F.", { seq: 1, ack: 1 });
  await t.advance(50);
  peer.queue.length = 0;
  for (let i = 0; i < 10; i++) {
    t.write(fd, 1000);
    peer.expect("P.", { seq: 1 + i * 1000, ack: 2, len: 1000 });
    await t.advance(60000);
    peer.queue.length = 0;
    peer.send(".", { seq: 2, ack: 1001 + i * 1000 });
  }
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE_WAIT);
});

// ---- ECN ----

Deno.test("tcp_ecn_send() negotiates ECN, marks data, and answers congestion with CWR", async () => {
  await using t = tcp_test({ sysctl: { tcp_ecn: 1 } });
  const peer = t.peer({ port: 7, mss: 1000 });
  const fd = t.connect(peer);
  peer.expect("SEW", { tos: 0 });
  peer.send("S.E");
  peer.expect(".", { tos: 0 });
  t.write(fd, 10000);
  assertEquals(peer.queue.map((s) => s.tos), Array(10).fill(2));
  lens(peer);
  await t.advance(10);
  peer.send(".E", { ack: 1001 });
  assert(t.sk(fd).snd_ssthresh < 10);
  peer.send(".", { ack: 10001 });
  t.write(fd, 1000);
  peer.expect("P.W", { seq: 10001, len: 1000, tos: 2 });
});

Deno.test("__tcp_ecn_check_ce() echoes congestion until CWR comes", async () => {
  await using t = tcp_test({ sysctl: { tcp_ecn: 1 } });
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("SEW");
  peer.expect("S.E");
  peer.send(".");
  const fd = t.accept(listener);
  peer.send("P.", { data: 10, tos: 3 });
  peer.expect(".E", { ack: 11 });
  peer.send("P.", { data: 10, tos: 2 });
  peer.expect(".E", { ack: 21 });
  peer.send("P.W", { data: 10, tos: 2 });
  peer.expect(".", { ack: 31 });
  assertEquals(t.read_pattern(fd, 1), 30);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// What the timers put on the wire, and when. (tcp_timer_test.ts has the functions one by one.)

import { assert, assertEquals } from "@std/assert";
import {
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_RCVTIMEO,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import { EAGAIN, ETIMEDOUT } from "../../include/uapi/asm-generic/errno.ts";
import {
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_USER_TIMEOUT,
} from "../../include/uapi/linux/tcp.ts";
import { tcp_test } from "../../tools/testing/tcp.ts";

// ---- Zero window ----

Deno.test("tcp_probe_timer() probes a closed window after 200 ms, and less and less often", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send(".", { win: 0 });
  t.write(fd, "data");
  for (const ms of [200, 400, 800, 1600, 3200, 6400]) {
    // A byte that the peer has: it must answer.
    await peer.expect_after(ms, ".", { seq: 0, ack: 1, len: 0 });
    peer.send(".", { win: 0 });
  }
  peer.send(".", { win: 1000 });
  peer.expect("P.", { seq: 1, data: "data" });
  peer.send(".", { ack: 5, win: 0 });
  // It starts anew.
  t.write(fd, "more");
  await peer.expect_after(200, ".", { seq: 4, ack: 1 });
});

Deno.test("tcp_probe_timer() never gives up while the peer answers, at most 120 s apart", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send(".", { win: 0 });
  t.write(fd, "data");
  let last = t.now();
  for (let i = 0; i < 40; i++) {
    await t.sim.run_until(() => peer.queue.length > 0);
    assert(t.now() - last < 136000);
    last = t.now();
    peer.expect(".");
    peer.send(".", { win: 0 });
  }
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  peer.send(".", { win: 1000 });
  peer.expect("P.", { data: "data" });
});

Deno.test("tcp_probe_timer() gives up after tcp_retries2 probes without answer", async () => {
  await using t = tcp_test({ sysctl: { tcp_retries2: 3 } });
  const { peer, fd } = t.accepted();
  peer.send(".", { win: 0 });
  t.write(fd, "data");
  for (const ms of [200, 400, 800]) await peer.expect_after(ms, ".", { seq: 0 });
  await peer.expect_nothing(1900);
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
});

Deno.test("tcp_retransmit_timer() goes on where the peer closed its window over data in flight", async () => {
  await using t = tcp_test({ sysctl: { tcp_retries2: 3 } });
  const { peer, fd } = t.accepted();
  t.write(fd, 1000);
  peer.expect("P.", { len: 1000 });
  peer.send(".", { ack: 1, win: 0 });
  // Each answer keeps it alive, for longer than tcp_retries2 would.
  for (let i = 0; i < 12; i++) {
    await t.sim.run_until(() => peer.queue.length > 0);
    peer.expect("P.", { seq: 1, len: 1000 });
    peer.send(".", { ack: 1, win: 0 });
  }
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  peer.send(".", { ack: 1001 });
  await peer.expect_nothing(5000);
});

// ---- Keepalive ----

Deno.test("tcp_keepalive_timer() probes an idle peer and ends the connection when it is dead", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, 10);
  t.setsockopt(fd, SOL_TCP, TCP_KEEPINTVL, 3);
  t.setsockopt(fd, SOL_TCP, TCP_KEEPCNT, 2);
  t.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  await peer.expect_after(10000, ".", { seq: 0, ack: 1, len: 0 });
  // It is alive.
  peer.send(".");
  await peer.expect_after(10000, ".", { seq: 0, ack: 1 });
  await peer.expect_after(3000, ".", { seq: 0, ack: 1 });
  await peer.expect_after(3000, "R.", { seq: 1, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.read(fd), -ETIMEDOUT);
});

Deno.test("tcp_keepalive_timer() waits for two hours by default, and not while data is in flight", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  await peer.expect_after(7200000, ".", { seq: 0 });
  peer.send(".");
  await t.advance(3600000);
  peer.send("P.", { data: "x" });
  peer.expect(".");
  // Counted from the last segment that came.
  await peer.expect_nothing(3600000 + 1000);
  await t.advance(3600000 + 500000);
  peer.expect(".", { seq: 0 });
});

Deno.test("tcp_keepalive_timer() minds TCP_USER_TIMEOUT in place of TCP_KEEPCNT", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, 5);
  t.setsockopt(fd, SOL_TCP, TCP_KEEPINTVL, 1);
  t.setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, 7000);
  t.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  await peer.expect_after(5000, ".", { seq: 0 });
  await peer.expect_after(1000, ".", { seq: 0 });
  await peer.expect_after(1000, "R.");
  assertEquals(t.read(fd), -ETIMEDOUT);
});

// ---- TCP_USER_TIMEOUT ----

Deno.test("tcp_write_timeout() ends the connection when TCP_USER_TIMEOUT is over", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, 1000);
  t.write(fd, "data");
  peer.expect("P.", { len: 4 });
  await peer.expect_after(200, "P.", { seq: 1, len: 4 });
  await peer.expect_after(400, "P.", { seq: 1, len: 4 });
  await t.advance(800);
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
});

Deno.test("tcp_probe_timer() ends the connection when TCP_USER_TIMEOUT is over", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_TCP, TCP_USER_TIMEOUT, 3000);
  peer.send(".", { win: 0 });
  t.write(fd, "data");
  const start = t.now();
  while (t.sk(fd).sk_state !== TCP_CLOSE) {
    await t.sim.run_until(() => peer.queue.length > 0 || t.sk(fd).sk_state === TCP_CLOSE);
    // Answers do not help.
    if (peer.queue.length > 0) {
      peer.expect(".");
      peer.send(".", { win: 0 });
    }
    assert(t.now() - start < 10000);
  }
  const took = t.now() - start;
  assert(took >= 3000 && took < 4000, `${took}`);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
});

// ---- Orphans ----

Deno.test("tcp_orphan_retries() ends an orphan whose FIN is not acknowledged", async () => {
  await using t = tcp_test({ sysctl: { tcp_orphan_retries: 2 } });
  const { peer, fd } = t.accepted();
  t.close(fd);
  peer.expect("F.", { seq: 1, ack: 1 });
  for (const ms of [200, 400, 800]) await peer.expect_after(ms, "F.", { seq: 1, ack: 1 });
  await t.advance(2000);
  assertEquals(t.state(), 0);
});

Deno.test("tcp_orphan_retries() ends an orphan whose peer keeps its window closed", async () => {
  await using t = tcp_test({ sysctl: { tcp_orphan_retries: 3 } });
  const { peer, fd } = t.accepted();
  peer.send(".", { win: 0 });
  t.write(fd, "data");
  t.close(fd);
  for (let i = 0; i < 3; i++) {
    await t.sim.run_until(() => peer.queue.length > 0);
    peer.queue.length = 0;
  }
  await t.advance(60000);
  assertEquals(t.state(), 0);
  peer.queue.length = 0;
});

Deno.test("tcp_keepalive_timer() keeps an orphan in FIN_WAIT2 for more than 60 s with TCP_LINGER2", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_LINGER2, 100), 0);
  t.close(fd);
  peer.expect("F.");
  peer.send(".", { seq: 1, ack: 2 });
  // What is above 60 s counts twice: as a socket, and then as a timewait socket.
  await t.advance(75000);
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(15000);
  assertEquals(t.state(), 0);
  await peer.expect_nothing();
});

// ---- Sleeps with a limit ----

/** struct timeval */
function timeval(ms: number): Uint8Array {
  const v = new Uint8Array(16);
  const dv = new DataView(v.buffer);
  dv.setBigInt64(0, BigInt(Math.floor(ms / 1000)), true);
  dv.setBigInt64(8, BigInt(ms % 1000 * 1000), true);
  return v;
}

Deno.test("tcp_recvmsg() and tcp_sendmsg() give up sleeping after SO_RCVTIMEO and SO_SNDTIMEO", async () => {
  await using t = tcp_test();
  const { fd } = t.accepted(
    { mss: 1000 },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_SNDBUF, 5000),
  );
  t.u.sys_fcntl(fd, 4, 0);
  t.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(1500));
  t.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeval(2500));
  let start = t.now();
  const read = t.u.sys_read(fd, new Uint8Array(10)) as Promise<number>;
  assertEquals(await t.sim.run_until(read), -EAGAIN);
  assert(Math.abs(t.now() - start - 1500) < 200, `${t.now() - start}`);
  start = t.now();
  const write = t.u.sys_write(fd, new Uint8Array(100000)) as Promise<number>;
  const n = await t.sim.run_until(write) as number;
  assert(n > 0 && n < 100000);
  assert(Math.abs(t.now() - start - 2500) < 400, `${t.now() - start}`);
});

Deno.test("tcp_close() sleeps until all is acknowledged, for as long as SO_LINGER says", async () => {
  await using t = tcp_test();
  const linger = Uint8Array.of(1, 0, 0, 0, 3, 0, 0, 0);
  // Acknowledged in time.
  const a = t.accepted();
  t.u.sys_fcntl(a.fd, 4, 0);
  t.setsockopt(a.fd, SOL_SOCKET, SO_LINGER, linger);
  t.write(a.fd, "data");
  const closed = t.u.sys_close(a.fd);
  assert(closed instanceof Promise);
  a.peer.expect("P.", { len: 4 });
  a.peer.expect("F.", { seq: 5 });
  await t.advance(100);
  a.peer.send(".", { ack: 6 });
  const start = t.now();
  assertEquals(await t.sim.run_until(closed), 0);
  assertEquals(t.now(), start);
  a.peer.send("F.", { ack: 6 });
  // Not acknowledged.
  const b = t.accepted();
  t.u.sys_fcntl(b.fd, 4, 0);
  t.setsockopt(b.fd, SOL_SOCKET, SO_LINGER, linger);
  t.write(b.fd, "data");
  const from = t.now();
  const late = t.u.sys_close(b.fd) as Promise<number>;
  assertEquals(await t.sim.run_until(late), 0);
  assert(Math.abs(t.now() - from - 3000) < 400, `${t.now() - from}`);
});

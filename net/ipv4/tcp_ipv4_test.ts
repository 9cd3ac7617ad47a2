// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import {
  SO_ERROR,
  SO_LINGER,
  SO_REUSEADDR,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from "../../include/uapi/linux/icmp.ts";
import { ICMP_HOST_UNREACH, ICMP_PORT_UNREACH } from "../../include/uapi/linux/icmp.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EHOSTUNREACH,
  EINPROGRESS,
  EPIPE,
  ETIMEDOUT,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_LISTENOVERFLOWS,
  LINUX_MIB_OUTOFWINDOWICMPS,
  LINUX_MIB_SYNCOOKIESFAILED,
  LINUX_MIB_SYNCOOKIESRECV,
  LINUX_MIB_SYNCOOKIESSENT,
  LINUX_MIB_TCPDEFERACCEPTDROP,
  LINUX_MIB_TCPREQQFULLDROP,
  TCP_MIB_CSUMERRORS,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_DEFER_ACCEPT, TCP_LINGER2, TCP_SYNCNT } from "../../include/uapi/linux/tcp.ts";
import { INADDR_US, PORT, tcp_test } from "../../tools/testing/tcp.ts";
import type { tcp_bench } from "../../tools/testing/tcp.ts";

/** SO_LINGER with a time of 0. */
function linger0(t: tcp_bench, fd: number): void {
  const v = new Uint8Array(8);
  v[0] = 1;
  assertEquals(t.setsockopt(fd, SOL_SOCKET, SO_LINGER, v), 0);
}

// ---- No socket ----

Deno.test("tcp_v4_rcv() answers a SYN to a closed port with RST", async () => {
  await using t = tcp_test();
  const peer = t.peer();
  peer.send("S", { seq: 0 });
  peer.expect("R.", { seq: 0, ack: 1, win: 0, options: "" });
  peer.send("S", { seq: 0, data: 5 });
  peer.expect("R.", { seq: 0, ack: 6 });
});

Deno.test("tcp_v4_rcv() answers an ACK to a closed port with a RST where the ACK says", async () => {
  await using t = tcp_test();
  const peer = t.peer();
  peer.send(".", { seq: 10, ack: 777 });
  peer.expect("R", { seq: 777, ack: 0, win: 0 });
  peer.send("P", { seq: 10, data: 5 });
  peer.expect("R.", { seq: 0, ack: 15 });
  peer.send("F.", { seq: 10, ack: 777 });
  peer.expect("R", { seq: 777 });
});

Deno.test("tcp_v4_rcv() never answers a RST", async () => {
  await using t = tcp_test();
  const peer = t.peer();
  peer.send("R", { seq: 0 });
  peer.send("R.", { seq: 0, ack: 5 });
  await peer.expect_nothing();
});

Deno.test("tcp_v4_rcv() drops and counts a segment with a wrong checksum", async () => {
  await using t = tcp_test();
  const peer = t.peer();
  peer.send("S", { seq: 0, bad_checksum: true });
  t.listen();
  peer.send("S", { seq: 0, bad_checksum: true });
  await peer.expect_nothing();
  assertEquals(t.host.net.mib.tcp_statistics[TCP_MIB_CSUMERRORS], 2);
});

Deno.test("tcp_v4_rcv() drops headers that can't be", async () => {
  await using t = tcp_test();
  const peer = t.peer({ mss: 1000 });
  t.listen();
  peer.send("S", { seq: 0, doff: 4 });
  peer.send("S", { seq: 0, doff: 15 });
  await peer.expect_nothing();
  // Cut at every offset.
  for (let len = 20; len < 40; len++) {
    const p = new Uint8Array(len);
    p[32] = 0x50;
    p[33] = 2;
    t.receive_ip(peer.addr, 6, p);
  }
  await peer.expect_nothing();
  peer.handshake();
});

Deno.test("tcp_v4_rcv() drops a SYN from our own address and port", async () => {
  await using t = tcp_test();
  t.listen();
  const land = t.peer({ addr: "198.51.100.2", port: PORT });
  land.send("S", { seq: 0, saddr: INADDR_US });
  await land.expect_nothing(3000);
  assertEquals(t.state(), 0);
});

// ---- A listener ----

Deno.test("tcp_v4_rcv() opens a connection: SYN, SYN+ACK, ACK, accept()", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1460, wscale: 7, sack: true, ts: true });
  peer.send("S", { seq: 0 });
  peer.expect("S.", {
    seq: 0,
    ack: 1,
    win: 65160,
    options: "mss 1460,sackOK,TS,nop,wscale 10",
    df: true,
    ttl: 64,
  });
  assertEquals(peer.stack_isn, t.isn);
  assertEquals(t.accept(listener), -EAGAIN);
  peer.send(".", { seq: 1, ack: 1 });
  assertEquals(t.sk(listener).sk_ack_backlog, 1);
  const fd = t.accept(listener);
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  peer.send("P.", { data: "hello" });
  peer.expect(".", { ack: 6, options: "nop,nop,TS" });
  assertEquals(t.read(fd), "hello");
  assertEquals(t.write(fd, "world"), 5);
  peer.expect("P.", { seq: 1, ack: 6, data: "world" });
  peer.send(".", { ack: 6 });
  await peer.expect_nothing(1000);
});

Deno.test("tcp_v4_rcv() answers an ACK, and a SYN+ACK, to a listener with RST", async () => {
  await using t = tcp_test();
  t.listen();
  const peer = t.peer();
  peer.send(".", { seq: 1, ack: 55 });
  peer.expect("R", { seq: 55 });
  peer.send("S.", { seq: 1, ack: 55 });
  peer.expect("R", { seq: 55 });
});

Deno.test("tcp_v4_rcv() drops segments to a listener that open nothing", async () => {
  await using t = tcp_test();
  t.listen();
  const peer = t.peer();
  peer.send("SF", { seq: 0 });
  peer.send("", { seq: 0 });
  peer.send("F", { seq: 0 });
  peer.send("P", { seq: 0, data: 5 });
  peer.send("R", { seq: 0 });
  peer.send("SR", { seq: 0 });
  await peer.expect_nothing();
  assertEquals(t.state(), 0);
});

Deno.test("tcp_check_req() answers the same SYN again with the same SYN+ACK, twice a second", async () => {
  await using t = tcp_test();
  t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.", { seq: 0, ack: 1 });
  peer.send("S", { seq: 0 });
  peer.expect("S.", { seq: 0, ack: 1 });
  peer.send("S", { seq: 0 });
  await peer.expect_nothing(400);
  await t.advance(110);
  peer.send("S", { seq: 0 });
  peer.expect("S.", { seq: 0, ack: 1 });
});

Deno.test("tcp_check_req() drops the request at a RST with the exact number alone", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  peer.send("R", { seq: 100000 });
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 1);
  peer.send("R", { seq: 1 });
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 0);
  await peer.expect_nothing(3000);
});

Deno.test("tcp_check_req() answers an ACK of what was not sent with RST", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  peer.send(".", { seq: 1, ack: 2 });
  peer.expect("R", { seq: 2 });
  peer.send(".", { seq: 1, ack: 1 });
  assert(t.accept(listener) >= 0);
});

Deno.test("tcp_check_req() takes data that comes with the third ACK, or before it", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  peer.send("P.", { seq: 1, ack: 1, data: "hello" });
  const fd = t.accept(listener);
  assertEquals(t.read(fd), "hello");
  peer.expect(".", { ack: 6 });

  const fin = t.peer({ mss: 1000 });
  fin.send("S", { seq: 0 });
  fin.expect("S.");
  fin.send("FP.", { seq: 1, ack: 1, data: "bye" });
  const fd2 = t.accept(listener);
  assertEquals(t.sk(fd2).sk_state, TCP_CLOSE_WAIT);
  assertEquals([t.read(fd2), t.read(fd2)], ["bye", ""]);
  await fin.expect_after(40, ".", { ack: 5 });
});

Deno.test("reqsk_timer_handler() sends the SYN+ACK again after 1, 2, 4, 8 and 16 s, then gives up", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  for (const s of [1, 2, 4, 8, 16]) {
    await peer.expect_after(s * 1000, "S.", { seq: 0, ack: 1, options: "mss 1460" });
  }
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 1);
  await peer.expect_nothing(40000);
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 0);
  assertEquals(t.state(), 0);
});

Deno.test("reqsk_timer_handler() sends the SYN+ACK again as often as TCP_SYNCNT says", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  assertEquals(t.setsockopt(listener, SOL_TCP, TCP_SYNCNT, 1), 0);
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  await peer.expect_after(1000, "S.");
  await peer.expect_nothing(10000);
  assertEquals(t.state(), 0);
});

Deno.test("tcp_v4_syn_recv_sock() drops the third ACK while the accept queue is full", async () => {
  await using t = tcp_test();
  const listener = t.listen(PORT, 1);
  // One more than the backlog.
  const [a, b, c] = [t.peer({ mss: 1000 }), t.peer({ mss: 1000 }), t.peer({ mss: 1000 })];
  a.handshake();
  c.send("S", { seq: 0 });
  c.expect("S.");
  b.handshake();
  assertEquals(t.sk(listener).sk_ack_backlog, 2);
  c.send(".", { seq: 1, ack: 1 });
  assertEquals(t.sk(listener).sk_ack_backlog, 2);
  assertEquals(t.mib(LINUX_MIB_LISTENOVERFLOWS), 1);
  const d = t.peer({ mss: 1000 });
  d.send("S", { seq: 0 });
  await d.expect_nothing();
  assertEquals(t.mib(LINUX_MIB_LISTENOVERFLOWS), 2);
  // There is room again: the SYN+ACK is sent once more, and its ACK is taken.
  assert(t.accept(listener) >= 0);
  await c.expect_after(1000, "S.");
  c.send(".", { seq: 1, ack: 1 });
  assertEquals(t.sk(listener).sk_ack_backlog, 2);
});

Deno.test("tcp_check_req() answers with RST while the accept queue is full, with tcp_abort_on_overflow", async () => {
  await using t = tcp_test({ sysctl: { tcp_abort_on_overflow: 1 } });
  t.listen(PORT, 1);
  const [a, b, c] = [t.peer({ mss: 1000 }), t.peer({ mss: 1000 }), t.peer({ mss: 1000 })];
  a.handshake();
  b.send("S", { seq: 0 });
  b.expect("S.");
  c.send("S", { seq: 0 });
  c.expect("S.", { options: "mss 1460" });
  c.send(".", { seq: 1, ack: 1 });
  b.send(".", { seq: 1, ack: 1 });
  b.expect("R", { seq: 1 });
  await b.expect_nothing(3000);
});

Deno.test("tcp_conn_request() drops a SYN while the SYN queue is full, without cookies", async () => {
  await using t = tcp_test({ sysctl: { tcp_syncookies: 0 } });
  // One more than the backlog.
  const listener = t.listen(PORT, 1);
  const peers = [0, 1, 2, 3].map(() => t.peer({ mss: 1000 }));
  for (const p of peers) p.send("S", { seq: 0 });
  for (const p of peers.slice(0, 2)) p.expect("S.");
  for (const p of peers.slice(2)) await p.expect_nothing();
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 2);
  assertEquals(t.mib(LINUX_MIB_TCPREQQFULLDROP), 2);
});

Deno.test("tcp_conn_request() sends SYN cookies while the SYN queue is full", async () => {
  await using t = tcp_test({ sysctl: { tcp_syncookies: 1 } });
  const listener = t.listen(PORT, 0);
  const [a, b] = [t.peer({ mss: 1000 }), t.peer({ mss: 1400, wscale: 5, sack: true })];
  a.send("S", { seq: 0 });
  a.expect("S.");
  b.send("S", { seq: 0 });
  // Without a timestamp there is no room for other options.
  b.expect("S.", { ack: 1, options: "mss 1460" });
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 1);
  assertEquals(t.mib(LINUX_MIB_SYNCOOKIESSENT), 1);
  // Nothing was kept: nothing is sent again.
  a.send("R", { seq: 1 });
  await b.expect_nothing(3000);
  b.send(".", { seq: 1, ack: 1 });
  assertEquals(t.mib(LINUX_MIB_SYNCOOKIESRECV), 1);
  const fd = t.accept(listener);
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  // Of eight sizes the next smaller one.
  assertEquals(t.sk(fd).mss_cache, 1300);
  assertEquals(t.write(fd, 2000), 2000);
  b.expect(".", { seq: 1, len: 1300 });
  b.expect("P.", { seq: 1301, len: 700 });
});

Deno.test("cookie_v4_check() finds window scale and SACK in the timestamp", async () => {
  await using t = tcp_test({ sysctl: { tcp_syncookies: 2 } });
  const listener = t.listen();
  const peer = t.peer({ mss: 1460, wscale: 5, sack: true, ts: true });
  peer.send("S", { seq: 0 });
  peer.expect("S.", { options: "mss 1460,sackOK,TS,nop,wscale 10" });
  assertEquals(t.state(), 0);
  peer.send(".", { seq: 1, ack: 1 });
  const sk = t.sk(t.accept(listener));
  assertEquals([sk.mss_cache, sk.rx_opt.snd_wscale, sk.rx_opt.rcv_wscale], [1448, 5, 10]);
  assertEquals([sk.rx_opt.sack_ok !== 0, sk.rx_opt.tstamp_ok], [true, true]);
});

Deno.test("cookie_v4_check() answers a cookie that is none of ours with RST", async () => {
  await using t = tcp_test({ sysctl: { tcp_syncookies: 2 } });
  t.listen();
  const peer = t.peer({ mss: 1460 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  peer.send(".", { seq: 1, ack: 2 });
  peer.expect("R", { seq: 2 });
  assertEquals(t.mib(LINUX_MIB_SYNCOOKIESFAILED), 1);
  // Nor is one that is two minutes old.
  await t.advance(130000);
  peer.send(".", { seq: 1, ack: 1 });
  peer.expect("R", { seq: 1 });
});

Deno.test("tcp_check_req() waits for data where TCP_DEFER_ACCEPT is set", async () => {
  await using t = tcp_test();
  const listener = t.listen(PORT, 10, (fd) => t.setsockopt(fd, SOL_TCP, TCP_DEFER_ACCEPT, 10));
  const peer = t.peer({ mss: 1000 });
  peer.handshake();
  assertEquals(t.accept(listener), -EAGAIN);
  assertEquals(t.mib(LINUX_MIB_TCPDEFERACCEPTDROP), 1);
  await peer.expect_nothing(2000);
  peer.send("P.", { seq: 1, ack: 1, data: "GET" });
  const fd = t.accept(listener);
  assertEquals(t.read(fd), "GET");
});

Deno.test("tcp_v4_rcv() resets connections that nobody accepted when the listener is closed", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const [a, b] = [t.peer({ mss: 1000 }), t.peer({ mss: 1000 })];
  a.handshake();
  b.send("S", { seq: 0 });
  b.expect("S.");
  t.close(listener);
  a.expect("R.", { seq: 1, ack: 1 });
  b.send(".", { seq: 1, ack: 1 });
  b.expect("R", { seq: 1 });
  await b.expect_nothing(3000);
});

// ---- connect() ----

Deno.test("tcp_v4_connect() opens a connection: SYN, SYN+ACK, ACK", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7, mss: 1400, wscale: 7, sack: true, ts: true });
  const fd = t.connect(peer);
  assertEquals(t.sk(fd).sk_state, TCP_SYN_SENT);
  peer.expect("S", { seq: 0, win: 64240, options: "mss 1460,sackOK,TS,nop,wscale 10" });
  assertEquals(peer.stack_isn, t.isn);
  peer.send("S.", { seq: 0, ack: 1 });
  peer.expect(".", { seq: 1, ack: 1, options: "nop,nop,TS" });
  const sk = t.sk(fd);
  assertEquals([sk.sk_state, sk.mss_cache], [TCP_ESTABLISHED, 1388]);
  assertEquals(t.u.sys_connect(fd, t.sockaddr(7, peer.addr)), 0);
});

Deno.test("tcp_v4_connect() fails with ECONNREFUSED at a RST that acknowledges the SYN, and at no other", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7 });
  const fd = t.connect(peer);
  peer.expect("S");
  peer.send("R", { seq: 0 });
  peer.send("R.", { seq: 0, ack: 5 });
  assertEquals(t.sk(fd).sk_state, TCP_SYN_SENT);
  peer.send("R.", { seq: 0, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), 0);
  await peer.expect_nothing(3000);
});

Deno.test("tcp_v4_connect() sleeps until the SYN+ACK comes, in a blocking socket", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7, dport: 0 });
  const fd = t.socket(0);
  const done = t.u.sys_connect(fd, t.sockaddr(7, peer.addr));
  assert(done instanceof Promise);
  peer.expect("S");
  peer.send("S.", { seq: 0, ack: 1 });
  peer.expect(".");
  assertEquals(await t.sim.run_until(done), 0);
  assertEquals(t.u.sys_connect(fd, t.sockaddr(7, peer.addr)), -106);
});

Deno.test("tcp_v4_connect() answers a SYN+ACK of another connection with RST, and goes on", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7, mss: 1000 });
  const fd = t.connect(peer);
  peer.expect("S");
  peer.send("S.", { seq: 0, ack: 1234 });
  peer.expect("R", { seq: 1234 });
  assertEquals(t.sk(fd).sk_state, TCP_SYN_SENT);
  // The SYN follows at once.
  await peer.expect_after(2, "S", { seq: 0 });
  peer.send("S.", { seq: 0, ack: 1 });
  peer.expect(".", { seq: 1, ack: 1 });
});

Deno.test("tcp_rcv_synsent_state_process() opens simultaneously: SYN crosses SYN", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7, mss: 1000, sack: true, ts: true, wscale: 3 });
  const fd = t.connect(peer);
  peer.expect("S", { seq: 0 });
  peer.send("S", { seq: 0 });
  peer.expect("S.", { seq: 0, ack: 1, options: "mss 1460,sackOK,TS,nop,wscale 10" });
  assertEquals(t.sk(fd).sk_state, TCP_SYN_RECV);
  peer.send("S.", { seq: 0, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  peer.expect(".", { seq: 1, ack: 1 });
  assertEquals(t.write(fd, "hi"), 2);
  peer.expect("P.", { seq: 1, ack: 1, data: "hi" });
  peer.send("P.", { seq: 1, ack: 3, data: "ho" });
  assertEquals(t.read(fd), "ho");
});

Deno.test("tcp_retransmit_timer() sends the SYN again after 1, 2, 4 ... s, then ETIMEDOUT", async () => {
  await using t = tcp_test({ sysctl: { tcp_syn_linear_timeouts: 0 } });
  const peer = t.peer({ port: 7 });
  const fd = t.connect(peer);
  const syn = peer.expect("S", { seq: 0 });
  for (const s of [1, 2, 4, 8, 16, 32]) {
    await peer.expect_after(s * 1000, "S", { seq: 0, win: syn.win });
  }
  await peer.expect_nothing(75000);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
});

Deno.test("tcp_retransmit_timer() sends the SYN again as often as TCP_SYNCNT says", async () => {
  await using t = tcp_test({ sysctl: { tcp_syn_linear_timeouts: 0 } });
  const peer = t.peer({ port: 7 });
  const fd = t.connect(peer, 44404, (fd) => t.setsockopt(fd, SOL_TCP, TCP_SYNCNT, 2));
  peer.expect("S");
  await peer.expect_after(1000, "S");
  await peer.expect_after(2000, "S");
  await peer.expect_nothing(5000);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
});

// ---- ICMP ----

Deno.test("tcp_v4_err() ends a connect() with ECONNREFUSED when the port is unreachable", async () => {
  await using t = tcp_test();
  const peer = t.peer({ port: 7 });
  const fd = t.connect(peer);
  peer.expect("S");
  peer.icmp(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, { seq: 5 });
  assertEquals(t.mib(LINUX_MIB_OUTOFWINDOWICMPS), 1);
  assertEquals(t.sk(fd).sk_state, TCP_SYN_SENT);
  peer.icmp(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, { seq: 0 });
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  await peer.expect_nothing(2000);
});

Deno.test("tcp_v4_err() takes an unreachable host as a hint only, once connected", async () => {
  await using t = tcp_test({ sysctl: { tcp_retries2: 3 } });
  const { peer, fd } = t.accepted();
  assertEquals(t.write(fd, "data"), 4);
  peer.expect("P.", { len: 4 });
  peer.icmp(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, { seq: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  assertEquals(t.sk(fd).sk_err_soft, EHOSTUNREACH);
  // When it gives up, the hint is what the program is told.
  await t.advance(60000);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), EHOSTUNREACH);
});

Deno.test("tcp_v4_err() sends smaller segments when fragmentation is needed", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1460 });
  assertEquals(t.write(fd, 2920), 2920);
  peer.expect(".", { seq: 1, len: 1460, df: true });
  peer.expect("P.", { seq: 1461, len: 1460 });
  peer.icmp(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, { seq: 1, mtu: 1000 });
  assertEquals(t.sk(fd).mss_cache, 960);
  peer.expect(".", { seq: 1, len: 960 });
  let got = 961;
  while (peer.queue.length > 0) {
    const s = peer.queue.shift()!;
    assert(s.len <= 960);
    assertEquals(s.seq, got);
    got += s.len;
  }
  peer.send(".", { ack: got });
  await t.advance(1);
  for (; peer.queue.length > 0;) got += peer.queue.shift()!.len;
  peer.send(".", { ack: 2921 });
  assertEquals(t.write(fd, 1000), 1000);
  assertEquals(peer.queue.map((s) => s.len), [960, 40]);
});

Deno.test("tcp_v4_err() ignores an ICMP error about what is not in flight", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1460 });
  peer.icmp(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, { seq: 100000, mtu: 576 });
  assertEquals(t.mib(LINUX_MIB_OUTOFWINDOWICMPS), 1);
  assertEquals(t.sk(fd).mss_cache, 1460);
});

Deno.test("tcp_req_err() drops a request only by an ICMP error that quotes its ISN", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer({ mss: 1000 });
  peer.send("S", { seq: 0 });
  peer.expect("S.");
  peer.icmp(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, { seq: 9 });
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 1);
  peer.icmp(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, { seq: 0 });
  assertEquals(t.sk(listener).icsk_accept_queue.qlen, 0);
});

// ---- Closing ----

Deno.test("tcp_close() goes FIN_WAIT1, FIN_WAIT2, TIME_WAIT, and is gone after 60 s", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.u.sys_shutdown(fd, 1);
  assertEquals(t.sk(fd).sk_state, TCP_FIN_WAIT1);
  peer.expect("F.", { seq: 1, ack: 1 });
  peer.send(".", { seq: 1, ack: 2 });
  assertEquals(t.sk(fd).sk_state, TCP_FIN_WAIT2);
  // The other half is still open.
  peer.send("P.", { seq: 1, ack: 2, data: "more" });
  peer.expect(".", { seq: 2, ack: 5 });
  assertEquals(t.read(fd), "more");
  assertEquals(t.write(fd, "no"), -EPIPE);
  peer.send("F.", { seq: 5, ack: 2 });
  peer.expect(".", { seq: 2, ack: 6 });
  assertEquals(t.read(fd), "");
  assertEquals(t.state(), TCP_TIME_WAIT);
  t.close(fd);
  await t.advance(59000);
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(6000);
  assertEquals(t.state(), 0);
});

Deno.test("tcp_close() goes CLOSE_WAIT, LAST_ACK, and is gone at the ACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("F.", { seq: 1, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE_WAIT);
  await peer.expect_after(1, ".", { seq: 1, ack: 2 });
  assertEquals(t.read(fd), "");
  // Ours is still open.
  assertEquals(t.write(fd, "bye"), 3);
  peer.expect("P.", { seq: 1, ack: 2, data: "bye" });
  t.close(fd);
  peer.expect("F.", { seq: 4, ack: 2 });
  assertEquals(t.state(), TCP_LAST_ACK);
  peer.send(".", { seq: 2, ack: 5 });
  assertEquals(t.state(), 0);
});

Deno.test("tcp_fin() closes simultaneously: FIN crosses FIN", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.close(fd);
  peer.expect("F.", { seq: 1, ack: 1 });
  peer.send("F.", { seq: 1, ack: 1 });
  peer.expect(".", { seq: 2, ack: 2 });
  assertEquals(t.state(), 11);
  peer.send(".", { seq: 2, ack: 2 });
  assertEquals(t.state(), TCP_TIME_WAIT);
});

Deno.test("tcp_close() sends RST where data was not read", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 1, ack: 1, data: "unread" });
  peer.expect(".", { ack: 7 });
  t.close(fd);
  peer.expect("R.", { seq: 1, ack: 7 });
  assertEquals(t.state(), 0);
  await peer.expect_nothing(1000);
});

Deno.test("tcp_close() sends RST, and forgets what is queued, with SO_LINGER 0", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  assertEquals(t.write(fd, "never mind"), 10);
  peer.expect("P.", { len: 10 });
  linger0(t, fd);
  t.close(fd);
  peer.expect("R.", { seq: 11, ack: 1 });
  assertEquals(t.state(), 0);
});

Deno.test("tcp_rcv_state_process() answers data after close() with RST", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.close(fd);
  peer.expect("F.", { seq: 1, ack: 1 });
  peer.send("P.", { seq: 1, ack: 1, data: "late" });
  peer.expect("R", { seq: 1 });
  assertEquals(t.state(), 0);
});

Deno.test("tcp_v4_timewait_ack() and tcp_timewait_state_process(): data to FIN_WAIT2 after close() is answered with RST", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.close(fd);
  peer.expect("F.");
  peer.send(".", { seq: 1, ack: 2 });
  peer.send("P.", { seq: 1, ack: 2, data: "late" });
  peer.expect("R", { seq: 2 });
  assertEquals(t.state(), 0);
});

Deno.test("tcp_close() waits in FIN_WAIT2 for 60 s, or as long as TCP_LINGER2 says", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_LINGER2, 5), 0);
  t.close(fd);
  peer.expect("F.");
  peer.send(".", { seq: 1, ack: 2 });
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(4500);
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(1500);
  assertEquals(t.state(), 0);

  const second = t.accepted();
  t.close(second.fd);
  second.peer.expect("F.");
  second.peer.send(".", { seq: 1, ack: 2 });
  await t.advance(59000);
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(6000);
  assertEquals(t.state(), 0);
});

Deno.test("tcp_close() does not wait in FIN_WAIT2 with a negative TCP_LINGER2", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_LINGER2, -1), 0);
  t.u.sys_shutdown(fd, 1);
  peer.expect("F.");
  peer.send(".", { seq: 1, ack: 2 });
  assertEquals(t.sk(fd).sk_state, TCP_FIN_WAIT2);
  t.close(fd);
  peer.expect("R.", { seq: 2, ack: 1 });
  assertEquals(t.state(), 0);
});

Deno.test("tcp_reset() ends reads with ECONNRESET, writes with EPIPE", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("R", { seq: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.read(fd), -ECONNRESET);
  assertEquals(t.read(fd), "");
  assertEquals(t.write(fd, "x"), -EPIPE);
});

// ---- TIME_WAIT ----

/** A connection from the peer's port 40000 that is in TIME_WAIT; the peer's next number is 2, ours 2. */
function time_wait(t: tcp_bench, o = {}) {
  const { peer, fd } = t.accepted({ mss: 1000, ...o });
  t.close(fd);
  peer.expect("F.", { seq: 1 });
  peer.send("F.", { seq: 1, ack: 2 });
  peer.expect(".", { seq: 2, ack: 2 });
  assertEquals(t.state(), TCP_TIME_WAIT);
  return peer;
}

Deno.test("tcp_timewait_state_process() acknowledges the FIN again, and starts the 60 s anew", async () => {
  await using t = tcp_test();
  const peer = time_wait(t);
  await t.advance(40000);
  peer.send("F.", { seq: 1, ack: 2 });
  peer.expect(".", { seq: 2, ack: 2 });
  await t.advance(40000);
  assertEquals(t.state(), TCP_TIME_WAIT);
  await t.advance(25000);
  assertEquals(t.state(), 0);
});

Deno.test("tcp_timewait_state_process() answers old data with an ACK, an old ACK with nothing", async () => {
  await using t = tcp_test();
  const peer = time_wait(t);
  peer.send("P.", { seq: -50, ack: 1, data: 10 });
  peer.expect(".", { seq: 2, ack: 2 });
  peer.send(".", { seq: 2, ack: 2 });
  await peer.expect_nothing();
  assertEquals(t.state(), TCP_TIME_WAIT);
});

Deno.test("tcp_timewait_state_process() ends TIME_WAIT at a RST, unless tcp_rfc1337 is set", async () => {
  for (const tcp_rfc1337 of [0, 1]) {
    await using t = tcp_test({ sysctl: { tcp_rfc1337 } });
    const peer = time_wait(t);
    peer.send("R", { seq: 2 });
    assertEquals(t.state(), tcp_rfc1337 === 0 ? 0 : TCP_TIME_WAIT);
  }
});

Deno.test("tcp_timewait_state_process() gives its place to a new SYN with a higher number", async () => {
  await using t = tcp_test();
  const peer = time_wait(t);
  const listener = t.listen();
  // An old one is acknowledged.
  peer.send("S", { seq: -10, options: "mss 1000" });
  peer.expect(".", { seq: 2, ack: 2 });
  const before = peer.stack_isn!;
  peer.send("S", { seq: 5000, options: "mss 1000" });
  peer.expect("S.", { ack: 5001 });
  // Above all that the old connection used.
  assert(((peer.stack_isn! - before) | 0) > 65535);
  peer.send(".", { seq: 5001, ack: 1 });
  assert(t.accept(listener) >= 0);
  assertEquals(t.state(), TCP_ESTABLISHED);
});

Deno.test("tcp_timewait_state_process() gives its place to a SYN with a newer timestamp", async () => {
  await using t = tcp_test();
  const peer = time_wait(t, { ts: true });
  t.listen();
  await t.advance(1500);
  peer.send("S", { seq: -100 });
  peer.expect("S.", { ack: -99 });
});

Deno.test("tcp_timewait_state_process() rejects a SYN with an older timestamp", async () => {
  await using t = tcp_test();
  const peer = time_wait(t, { ts: true });
  t.listen();
  peer.send("S", { seq: 5000, tsval: 1 });
  peer.expect(".", { ack: 2 });
  assertEquals(t.state(), TCP_TIME_WAIT);
});

/** A connection that we opened, from the only ephemeral port there is, and closed. */
function time_wait_of_ours(t: tcp_bench, ts: boolean) {
  t.host.net.ipv4.ip_local_ports = [44404, 44404];
  const peer = t.peer({ port: 7, dport: 44404, mss: 1000, ts });
  const fd = t.socket();
  t.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  t.choose_isn(peer);
  assertEquals(t.u.sys_connect(fd, t.sockaddr(peer.port, peer.addr)), -EINPROGRESS);
  peer.expect("S", { seq: 0 });
  peer.send("S.", { seq: 0, ack: 1 });
  peer.expect(".");
  t.close(fd);
  peer.expect("F.");
  peer.send("F.", { seq: 1, ack: 2 });
  peer.expect(".");
  assertEquals(t.state(44404), TCP_TIME_WAIT);
  return peer;
}

Deno.test("tcp_twsk_unique() gives connect() a port in TIME_WAIT after a second, if timestamps are in use", async () => {
  await using t = tcp_test({ sysctl: { tcp_tw_reuse: 1 } });
  const peer = time_wait_of_ours(t, true);
  const fd = t.socket();
  const to = t.sockaddr(peer.port, peer.addr);
  assertEquals(t.u.sys_connect(fd, to), -EADDRNOTAVAIL);
  await t.advance(1100);
  const before = peer.stack_isn!;
  assertEquals(t.u.sys_connect(fd, to), -EINPROGRESS);
  peer.expect("S");
  // Above all that the old connection used.
  assertEquals((peer.stack_isn! - before) | 0, 2 + 65535 + 2);
});

Deno.test("tcp_twsk_unique() keeps a port in TIME_WAIT from connect() without timestamps", async () => {
  await using t = tcp_test({ sysctl: { tcp_tw_reuse: 1 } });
  const peer = time_wait_of_ours(t, false);
  await t.advance(5000);
  assertEquals(t.u.sys_connect(t.socket(), t.sockaddr(peer.port, peer.addr)), -EADDRNOTAVAIL);
});

Deno.test("tcp_twsk_unique() gives a port in TIME_WAIT to who asks for it by bind()", async () => {
  await using t = tcp_test();
  const peer = time_wait_of_ours(t, true);
  const fd = t.socket();
  assertEquals(t.u.sys_bind(fd, t.sockaddr(44404, 0)), -EADDRINUSE);
  t.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  assertEquals(t.u.sys_bind(fd, t.sockaddr(44404, 0)), 0);
  assertEquals(t.u.sys_connect(fd, t.sockaddr(peer.port, peer.addr)), -EINPROGRESS);
  peer.expect("S");
});

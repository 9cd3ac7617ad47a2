// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import {
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  SIOCATMARK,
  SO_ERROR,
  SO_OOBINLINE,
  SO_RCVBUF,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { POLLIN, POLLPRI } from "../../include/linux/poll.ts";
import { TCP_CLOSE, TCP_CLOSE_WAIT, TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { EAGAIN, ECONNRESET, EINVAL, EPIPE } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_BEYOND_WINDOW,
  LINUX_MIB_OFOPRUNED,
  LINUX_MIB_PAWSESTABREJECTED,
  LINUX_MIB_PRUNECALLED,
  LINUX_MIB_TCPACKSKIPPEDCHALLENGE,
  LINUX_MIB_TCPCHALLENGEACK,
  LINUX_MIB_TCPHPACKS,
  LINUX_MIB_TCPHPHITS,
  LINUX_MIB_TCPOFODROP,
  LINUX_MIB_TCPOFOMERGE,
  LINUX_MIB_TCPOFOQUEUE,
  LINUX_MIB_TCPRCVCOLLAPSED,
  LINUX_MIB_TCPSYNCHALLENGE,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_QUICKACK } from "../../include/uapi/linux/tcp.ts";
import { tcp_test } from "../../tools/testing/tcp.ts";
import { lock_sock, release_sock } from "../core/sock.ts";

const SACK = { mss: 1000, sack: true };

// ---- Options ----

Deno.test("tcp_parse_options() reads MSS, window scale, SACK and timestamps of a SYN in any order", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer();
  peer.send("S", {
    options: "wscale 3,nop,TS val 77 ecr 0,sackOK,mss 1234",
  });
  peer.expect("S.", { options: "mss 1460,sackOK,TS,nop,wscale 10", tsecr: 77 });
  peer.send(".", { seq: 1, ack: 1, options: "nop,nop,TS", win: 1000 });
  const sk = t.sk(t.accept(listener));
  assertEquals([sk.rx_opt.snd_wscale, sk.snd_wnd], [3, 8000]);
  assertEquals(sk.mss_cache, 1234 - 12);
});

Deno.test("tcp_conn_request() offers only what the SYN offers", async () => {
  await using t = tcp_test();
  t.listen();
  const cases: [string, string][] = [
    ["", "mss 1460"],
    ["mss 1460", "mss 1460"],
    ["mss 1460,nop,nop,sackOK", "mss 1460,nop,nop,sackOK"],
    ["mss 1460,nop,wscale 7", "mss 1460,nop,wscale 10"],
    ["mss 1460,nop,nop,TS val 5 ecr 0", "mss 1460,nop,nop,TS"],
    ["mss 1460,sackOK,TS val 5 ecr 0", "mss 1460,sackOK,TS"],
    ["nop,nop,sackOK,nop,wscale 0", "mss 1460,nop,nop,sackOK,nop,wscale 10"],
  ];
  for (const [syn, synack] of cases) {
    const peer = t.peer();
    peer.send("S", { options: syn });
    peer.expect("S.", { options: synack });
  }
});

Deno.test("tcp_conn_request() offers nothing that sysctls forbid", async () => {
  await using t = tcp_test({
    sysctl: { tcp_sack: 0, tcp_timestamps: 0, tcp_window_scaling: 0 },
  });
  t.listen();
  const peer = t.peer({ mss: 1460, sack: true, ts: true, wscale: 7 });
  peer.send("S");
  peer.expect("S.", { options: "mss 1460" });
  const other = t.peer({ port: 7 });
  t.connect(other);
  other.expect("S", { options: "mss 1460" });
});

Deno.test("tcp_parse_options() bounds a window scale of more than 14", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  const peer = t.peer();
  peer.send("S", { options: "mss 1000,nop,wscale 15" });
  peer.expect("S.");
  peer.send(".", { seq: 1, ack: 1, win: 1 });
  assertEquals(t.sk(t.accept(listener)).snd_wnd, 1 << 14);
});

Deno.test("tcp_parse_options() takes 536 for a missing MSS, and at least 48 bytes", async () => {
  await using t = tcp_test();
  const listener = t.listen();
  for (const [options, mss] of [["", 536], ["mss 1", 48], ["mss 0", 536]] as const) {
    const peer = t.peer();
    peer.send("S", { options });
    peer.expect("S.");
    peer.send(".", { seq: 1, ack: 1 });
    assertEquals(t.sk(t.accept(listener)).mss_cache, mss, options);
  }
});

Deno.test("tcp_parse_options() skips options it does not know and stops at bad lengths", async () => {
  await using t = tcp_test();
  t.listen();
  const cases: [number[], string][] = [
    [[200, 4, 0, 0, 2, 4, 5, 0], "mss 1460"],
    // A length of 0, of 1, and one beyond the header.
    [[200, 0, 4, 2], "mss 1460"],
    [[200, 1, 4, 2], "mss 1460"],
    [[4, 2, 200, 9], "mss 1460,nop,nop,sackOK"],
    // MSS, SACK-permitted and timestamp of wrong lengths count for nothing.
    [[2, 3, 0, 1], "mss 1460"],
    [[4, 3, 0, 1], "mss 1460"],
    [[8, 4, 0, 1], "mss 1460"],
    [[3, 4, 5, 1], "mss 1460"],
    // Nothing is read behind the end of the list.
    [[0, 4, 2, 0], "mss 1460"],
    [[1, 1, 1, 1], "mss 1460"],
    [[1, 1, 1, 2], "mss 1460"],
    [[1, 1, 1, 8], "mss 1460"],
    [[5, 10, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1], "mss 1460"],
  ];
  for (const [b, options] of cases) {
    const peer = t.peer();
    peer.send("S", { options: Uint8Array.from(b) });
    peer.expect("S.", { options });
    peer.send("R", { seq: 1 });
  }
});

Deno.test("tcp_fast_parse_options() lives with any option of an established connection", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, sack: true, ts: true });
  let seq = 1;
  for (
    const b of [
      [5, 2, 1, 1],
      [5, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [5, 40, 0, 0],
      [8, 10, 0, 0],
      [254, 40, 1, 1],
      [1, 1, 1, 5],
      [2, 4, 0, 1],
      [3, 3, 14, 0],
      [0, 0, 0, 0],
    ]
  ) {
    peer.send("P.", { seq: seq++, ack: 1, data: "x", options: Uint8Array.from(b) });
  }
  assertEquals(t.read(fd), "x".repeat(9));
  assertEquals(t.sk(fd).mss_cache, 988);
});

Deno.test("tcp_options_write() puts timestamps on every segment, echoing the latest in order", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, ts: true, sack: true });
  await t.advance(100);
  peer.send("P.", { seq: 1, ack: 1, data: "a", tsval: 5000 });
  const s = peer.expect(".", { ack: 2, tsecr: 5000, options: "nop,nop,TS" });
  // Out of order: the echo stays that of the last segment in order. @rfc 7323 4.3
  await t.advance(50);
  peer.send("P.", { seq: 10, ack: 1, data: "b", tsval: 6000 });
  const s2 = peer.expect(".", { ack: 2, tsecr: 5000, options: "nop,nop,TS,nop,nop,sack 10:11" });
  assertEquals((s2.tsval - s.tsval) >>> 0, 50);
  t.write(fd, "x");
  peer.expect("P.", { tsecr: 5000, len: 1, options: "nop,nop,TS,nop,nop,sack 10:11" });
});

// ---- PAWS ----

Deno.test("tcp_disordered_ack_check() drops a segment with an old timestamp and acknowledges", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, ts: true });
  peer.send("P.", { seq: 1, ack: 1, data: "new", tsval: 9000 });
  peer.expect(".", { ack: 4 });
  peer.send("P.", { seq: 4, ack: 1, data: "old", tsval: 8000 });
  peer.expect(".", { ack: 4, tsecr: 9000 });
  assertEquals(t.mib(LINUX_MIB_PAWSESTABREJECTED), 1);
  assertEquals(t.read(fd), "new");
  assertEquals(t.read(fd), -EAGAIN);
  // A RST passes.
  peer.send("R", { seq: 4, options: "nop,nop,TS val 1 ecr 0" });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
});

Deno.test("tcp_paws_check() forgets the timestamp after 24 days", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000, ts: true });
  peer.send("P.", { seq: 1, ack: 1, data: "new", tsval: 9000 });
  peer.expect(".");
  // The clock of the peer wrapped while the connection was idle.
  await t.advance(25 * 86400 * 1000);
  peer.send("P.", { seq: 4, ack: 1, data: "old", tsval: 8000 });
  peer.expect(".", { ack: 7, tsecr: 8000 });
  assertEquals(t.read(fd), "newold");
});

Deno.test("tcp_paws_check() compares timestamps across their wrap", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1000 });
  peer.send(".", { seq: 1, ack: 1 });
  t.close(fd);
  peer.expect("F.");
  peer.send("R", { seq: 1 });
  const second = t.peer({ mss: 1000, ts: true });
  const listener = t.listen();
  second.send("S", { tsval: 0xfffffff0 });
  second.expect("S.", { tsecr: 0xfffffff0 });
  second.send(".", { seq: 1, ack: 1, tsval: 0xfffffff5 });
  const fd2 = t.accept(listener);
  second.send("P.", { seq: 1, ack: 1, data: "wrapped", tsval: 3 });
  second.expect(".", { ack: 8, tsecr: 3 });
  assertEquals(t.read(fd2), "wrapped");
});

// ---- RST and SYN: RFC 5961 ----

Deno.test("tcp_validate_incoming() takes a RST with the exact number", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("R", { seq: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ECONNRESET);
  await peer.expect_nothing();
});

Deno.test("tcp_validate_incoming() challenges a RST elsewhere in the window", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("R", { seq: 2 });
  peer.expect(".", { seq: 1, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  assertEquals(t.mib(LINUX_MIB_TCPCHALLENGEACK), 1);
  // One in half a second.
  peer.send("R.", { seq: 1000, ack: 1 });
  await peer.expect_nothing();
  assertEquals(t.mib(LINUX_MIB_TCPACKSKIPPEDCHALLENGE), 1);
  await t.advance(501);
  peer.send("R", { seq: 60000 });
  peer.expect(".", { seq: 1, ack: 1 });
  // The peer knows no such connection, and says so exactly.
  peer.send("R", { seq: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
});

Deno.test("tcp_validate_incoming() drops a RST out of the window", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("R", { seq: 100000 });
  peer.send("R", { seq: -5 });
  await peer.expect_nothing();
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
});

Deno.test("tcp_validate_incoming() takes a RST at the end of what was SACKed", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(SACK);
  peer.send(".", { seq: 101, ack: 1, data: 100 });
  peer.expect(".", { ack: 1, options: "nop,nop,sack 101:201" });
  peer.send("R", { seq: 201 });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
});

Deno.test("tcp_validate_incoming() challenges a SYN on a connection, wherever it is", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  for (const seq of [1, 500, 100000, -1000]) {
    peer.send("S", { seq, options: "" });
    peer.expect(".", { seq: 1, ack: 1 });
    await t.advance(501);
  }
  assertEquals(t.mib(LINUX_MIB_TCPSYNCHALLENGE), 4);
  peer.send("S.", { seq: 1, ack: 1, options: "" });
  peer.expect(".", { seq: 1, ack: 1 });
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
});

Deno.test("tcp_send_challenge_ack() sends at most so many a second, over all connections", async () => {
  await using t = tcp_test({ sysctl: { tcp_challenge_ack_limit: 4 } });
  const listener = t.listen();
  const peers = Array.from({ length: 12 }, () => t.peer({ mss: 1000 }).handshake());
  for (const _ of peers) assert(t.accept(listener) >= 0);
  for (const p of peers) p.send("R", { seq: 5 });
  const sent = peers.filter((p) => p.queue.length > 0).length;
  // Between half the limit and one and a half, at random.
  assert(sent >= 2 && sent <= 6, `${sent}`);
});

Deno.test("tcp_ack() challenges an ACK of what was never sent, and one far too old", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  for (const ack of [500, -70000]) {
    peer.send("P.", { seq: 1, ack, data: "forged" });
    peer.expect(".", { seq: 1, ack: 1 });
    peer.send(".", { seq: 1, ack });
    await peer.expect_nothing(550);
    assertEquals(t.read(fd), -EAGAIN);
  }
  assertEquals(t.mib(LINUX_MIB_TCPCHALLENGEACK), 2);
});

Deno.test("tcp_rcv_established() drops a segment without ACK, SYN and RST", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P", { seq: 1, data: "no ack" });
  peer.send("F", { seq: 1 });
  await peer.expect_nothing(100);
  assertEquals(t.read(fd), -EAGAIN);
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
});

Deno.test("tcp_rcv_established() drops a segment with a wrong checksum", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 1, ack: 1, data: "bad", bad_checksum: true });
  await peer.expect_nothing(100);
  peer.send("P.", { seq: 1, ack: 1, data: "good" });
  assertEquals(t.read(fd), "good");
});

// ---- Data in ----

Deno.test("tcp_rcv_established() takes what header prediction expects the short way", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  for (let i = 0; i < 4; i++) peer.send(".", { seq: 1 + 1000 * i, ack: 1, data: 1000 });
  const hits = t.mib(LINUX_MIB_TCPHPHITS);
  assert(hits >= 2, `${hits}`);
  assertEquals(t.read_pattern(fd, 1), 4000);
  t.write(fd, 10);
  const before = t.mib(LINUX_MIB_TCPHPACKS);
  peer.queue.length = 0;
  peer.send(".", { seq: 4001, ack: 11 });
  assertEquals(t.mib(LINUX_MIB_TCPHPACKS), before + 1);
});

Deno.test("tcp_data_queue_ofo() keeps what comes too early, and SACKs it, latest first", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(SACK);
  peer.send(".", { seq: 1001, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1, options: "nop,nop,sack 1001:2001" });
  peer.send(".", { seq: 3001, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1, options: "nop,nop,sack 3001:4001 1001:2001" });
  peer.send(".", { seq: 5001, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1, options: "nop,nop,sack 5001:6001 3001:4001 1001:2001" });
  assertEquals(t.mib(LINUX_MIB_TCPOFOQUEUE), 3);
  // Grows a block, which moves to the front.
  peer.send(".", { seq: 2001, ack: 1, data: 500 });
  await t.advance(5);
  peer.expect(".", { ack: 1, options: "nop,nop,sack 1001:2501 5001:6001 3001:4001" });
  // Joins two.
  peer.send(".", { seq: 4001, ack: 1, data: 1000 });
  await t.advance(5);
  peer.expect(".", { ack: 1, options: "nop,nop,sack 3001:6001 1001:2501" });
  assertEquals(t.read(fd), -EAGAIN);
  peer.send(".", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 2501, options: "nop,nop,sack 3001:6001" });
  peer.send(".", { seq: 2501, ack: 1, data: 500 });
  peer.expect(".", { ack: 6001, options: "" });
  assertEquals(t.read_pattern(fd, 1), 6000);
});

Deno.test("tcp_sack_new_ofo_skb() reports the four latest blocks of more, three with timestamps", async () => {
  for (const ts of [false, true]) {
    await using t = tcp_test();
    const { peer, fd } = t.accepted({ ...SACK, ts });
    for (let i = 1; i <= 6; i++) peer.send(".", { seq: 1 + i * 200, ack: 1, data: 100 });
    await t.advance(5);
    const blocks = [6, 5, 4, 3].slice(0, ts ? 3 : 4).map((i) => `${1 + i * 200}:${101 + i * 200}`);
    const last = peer.queue.pop()!;
    assertEquals(
      last.options.replace(/TS val.*?,/, "TS,"),
      `nop,nop,${ts ? "TS,nop,nop," : ""}sack ${blocks.join(" ")}`,
    );
    peer.queue.length = 0;
    peer.send(".", { seq: 1, ack: 1, data: 1400 });
    assertEquals(t.read_pattern(fd, 1), 1400);
  }
});

Deno.test("tcp_data_queue_ofo() sends a duplicate ACK for each segment without SACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  for (let i = 1; i < 6; i++) {
    peer.send(".", { seq: 1 + i * 1000, ack: 1, data: 1000 });
    peer.expect(".", { seq: 1, ack: 1, options: "" });
  }
  peer.send(".", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 6001 });
  assertEquals(t.read_pattern(fd, 1), 6000);
});

Deno.test("tcp_ofo_insert() merges overlaps of every kind", async () => {
  // Segments [start, end) of 0..1000 that arrive before [0, 100).
  const cases: [string, [number, number][]][] = [
    ["the same twice", [[200, 300], [200, 300]]],
    ["within", [[200, 400], [250, 300]]],
    ["covers", [[250, 300], [200, 400]]],
    ["covers two", [[200, 250], [300, 350], [150, 400]]],
    ["overlaps the end", [[200, 300], [250, 350]]],
    ["overlaps the start", [[250, 350], [200, 300]]],
    ["overlaps two", [[200, 300], [400, 500], [250, 450]]],
    ["same start, longer", [[200, 300], [200, 400]]],
    ["same end, longer", [[250, 300], [200, 300]]],
    ["bridges", [[200, 300], [400, 500], [300, 400]]],
    ["in front of all", [[500, 600], [300, 400], [100, 200]]],
    ["many", [[900, 1000], [100, 150], [500, 700], [120, 800], [650, 950]]],
  ];
  for (const sack of [true, false]) {
    for (const [name, segments] of cases) {
      await using t = tcp_test();
      const { peer, fd } = t.accepted({ mss: 1000, sack });
      for (const [a, b] of segments) peer.send(".", { seq: 1 + a, ack: 1, data: b - a });
      peer.send(".", { seq: 1, ack: 1, data: 100 });
      // The rest.
      peer.send(".", { seq: 101, ack: 1, data: 900 });
      assertEquals(t.read_pattern(fd, 1), 1000, name);
      assertEquals(t.read(fd), -EAGAIN);
      await t.advance(100);
      assertEquals(peer.queue.pop()!.ack, 1001, name);
      peer.queue.length = 0;
    }
  }
});

Deno.test("tcp_data_queue() reports what came twice as D-SACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(SACK);
  peer.send("P.", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1001 });
  // All of it old.
  peer.send("P.", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1001, options: "nop,nop,sack 1:1001" });
  // Partly.
  peer.send("P.", { seq: 501, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1501, options: "nop,nop,sack 501:1001" });
  // Above the ACK: the D-SACK stands before the block that holds it.
  peer.send(".", { seq: 2501, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1501, options: "nop,nop,sack 2501:3501" });
  peer.send(".", { seq: 2501, ack: 1, data: 500 });
  peer.expect(".", { ack: 1501, options: "nop,nop,sack 2501:3001 2501:3501" });
  assertEquals(t.mib(LINUX_MIB_TCPOFOMERGE), 1);
  // Reported once.
  peer.send(".", { seq: 4501, ack: 1, data: 10 });
  peer.expect(".", { ack: 1501, options: "nop,nop,sack 4501:4511 2501:3501" });
  assertEquals(t.read_pattern(fd, 1), 1500);
});

Deno.test("tcp_data_queue() sends no D-SACK if tcp_dsack is off", async () => {
  await using t = tcp_test({ sysctl: { tcp_dsack: 0 } });
  const { peer } = t.accepted(SACK);
  peer.send("P.", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1001 });
  peer.send("P.", { seq: 1, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1001, options: "" });
});

Deno.test("tcp_data_queue() acknowledges data beyond the window, and does not take it", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 70000, ack: 1, data: "beyond" });
  peer.expect(".", { ack: 1 });
  await t.advance(600);
  // It starts in the window and ends beyond.
  peer.send("P.", { seq: 64001, ack: 1, data: 1000 });
  peer.expect(".", { ack: 1 });
  assertEquals(t.read(fd), -EAGAIN);
});

Deno.test("tcp_fin() comes in order only: a FIN out of order waits", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(SACK);
  peer.send("F.", { seq: 11, ack: 1, data: "end" });
  peer.expect(".", { ack: 1, options: "nop,nop,sack 11:15" });
  assertEquals(t.sk(fd).sk_state, TCP_ESTABLISHED);
  peer.send("P.", { seq: 1, ack: 1, data: "0123456789" });
  peer.expect(".", { ack: 15, options: "" });
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE_WAIT);
  assertEquals([t.read(fd), t.read(fd), t.read(fd)], ["0123456789end", "", ""]);
});

Deno.test("tcp_fin() is acknowledged again when it comes again", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("F.", { seq: 1, ack: 1 });
  await peer.expect_after(1, ".", { ack: 2 });
  peer.send("F.", { seq: 1, ack: 1 });
  peer.expect(".", { ack: 2 });
  // Data after it is not.
  await t.advance(600);
  peer.send("P.", { seq: 2, ack: 1, data: "more" });
  await t.advance(50);
  assertEquals(t.read(fd), "");
});

Deno.test("tcp_recvmsg() waits for all with MSG_WAITALL, looks with MSG_PEEK", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 1, ack: 1, data: "abc" });
  assertEquals(t.read(fd, 2, MSG_PEEK), "ab");
  const b = new Uint8Array(6);
  // Not even SOCK_NONBLOCK would wait.
  assertEquals(t.u.sys_recv(fd, b, 6, MSG_WAITALL), 3);
  t.u.sys_fcntl(fd, 4, 0);
  const got = t.u.sys_recv(fd, b, 6, MSG_WAITALL);
  assert(got instanceof Promise);
  peer.send("P.", { seq: 4, ack: 1, data: "def" });
  await t.sim.settle();
  peer.send("P.", { seq: 7, ack: 1, data: "ghi" });
  assertEquals(await t.sim.run_until(got), 6);
  assertEquals(new TextDecoder().decode(b), "defghi");
});

// ---- Delayed and quick ACKs ----

Deno.test("__tcp_ack_snd_check() acknowledges at once at first, later after 40 ms or two segments", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  let seq = 1;
  const data = (len: number, flags = "P."): void => {
    peer.send(flags, { seq, ack: 1, data: len });
    seq += len;
  };
  // Quick ACKs.
  data(1000);
  peer.expect(".", { ack: seq });
  assertEquals(t.read_pattern(fd, 1), 1000);
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 0), 0);
  data(100);
  await peer.expect_after(40, ".", { ack: seq });
  t.read(fd);
  // Two full segments.
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 0), 0);
  data(1000, ".");
  await peer.expect_nothing(10);
  data(1000, ".");
  peer.expect(".", { ack: seq });
});

Deno.test("tcp_send_delayed_ack() lets data bear the ACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("P.", { seq: 1, ack: 1, data: "request" });
  peer.expect(".", { ack: 8 });
  t.read(fd);
  t.write(fd, "reply");
  peer.expect("P.", { seq: 1, ack: 8, len: 5 });
  // An exchange of requests and replies: ACKs wait for the reply.
  peer.send("P.", { seq: 8, ack: 6, data: "request" });
  await peer.expect_nothing(20);
  t.write(fd, "reply");
  peer.expect("P.", { seq: 6, ack: 15, len: 5 });
  await peer.expect_nothing(100);
});

Deno.test("tcp_send_delayed_ack() waits for 40 ms when no reply comes", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.write(fd, "hello");
  peer.expect("P.", { len: 5 });
  t.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 0);
  peer.send("P.", { seq: 1, ack: 6, data: "request" });
  await peer.expect_after(40, ".", { ack: 8 });
});

Deno.test("setsockopt(TCP_QUICKACK) sends the ACK that waits, and those to come", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.write(fd, "hello");
  peer.expect("P.", { len: 5 });
  t.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 0);
  peer.send("P.", { seq: 1, ack: 6, data: "request" });
  assertEquals(t.read(fd), "request");
  await peer.expect_nothing();
  t.setsockopt(fd, SOL_TCP, TCP_QUICKACK, 1);
  peer.expect(".", { ack: 8 });
  peer.send("P.", { seq: 8, ack: 6, data: "request" });
  peer.expect(".", { ack: 15 });
});

// ---- Receive window ----

Deno.test("__tcp_select_window() closes as the buffer fills and opens as it is read", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1000 },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_RCVBUF, 10000),
  );
  let seq = 1;
  let win = t.sk(fd).rcv_wnd;
  assert(win > 5000 && win <= 20000, `${win}`);
  // Right edge never goes back, and no more comes than fits.
  let edge = seq + win;
  for (let i = 0; i < 40 && win > 0; i++) {
    const len = Math.min(1000, edge - seq);
    if (len <= 0) break;
    peer.send("P.", { seq, ack: 1, data: len });
    seq += len;
    await t.advance(45);
    for (const s of peer.queue.splice(0)) {
      assert(s.ack + s.win >= edge, "the window shrank");
      edge = s.ack + s.win;
      win = s.win;
    }
  }
  assertEquals(win, 0);
  assertEquals(edge, seq);
  // A probe of it is answered, its byte is not taken.
  await t.advance(600);
  peer.send(".", { seq: seq - 1, ack: 1 });
  peer.expect(".", { ack: seq, win: 0 });
  peer.send("P.", { seq, ack: 1, data: "x" });
  peer.expect(".", { ack: seq, win: 0 });
  assertEquals(t.mib(LINUX_MIB_BEYOND_WINDOW), 1);
  // A small read opens nothing: silly windows are avoided.
  let got = 0;
  got += t.read_pattern(fd, 1, 100);
  await peer.expect_nothing();
  // One of everything does.
  got += t.read_pattern(fd, 1 + got);
  assertEquals(got, seq - 1);
  const s = peer.expect(".", { ack: seq });
  assert(s.win >= 5000, `${s.win}`);
});

Deno.test("tcp_rcv_space_adjust() widens the window of a reader that keeps up", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted({ mss: 1460, wscale: 7, sack: true, ts: true });
  const first = t.sk(fd).sk_rcvbuf;
  let seq = 1;
  let win = 64;
  for (let i = 0; i < 40; i++) {
    const room = win << 10;
    for (let n = 0; n + 1448 <= room && n < 200 * 1448; n += 1448) {
      peer.send(".", { seq, ack: 1, data: 1448 });
      seq += 1448;
    }
    await t.advance(10);
    const b = new Uint8Array(1 << 20);
    t.u.sys_recv(fd, b, b.length, 0x40);
    await t.advance(1);
    const last = peer.queue.at(-1);
    if (last !== undefined) win = last.win - ((seq - last.ack) >> 10);
    peer.queue.length = 0;
  }
  const sk = t.sk(fd);
  assert(sk.sk_rcvbuf > first, `${sk.sk_rcvbuf} > ${first}`);
  assert(sk.rcv_wnd > 200000, `${sk.rcv_wnd}`);
});

Deno.test("tcp_rcv_space_adjust() leaves a buffer alone that SO_RCVBUF has set", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1460, wscale: 7, ts: true },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_RCVBUF, 50000),
  );
  assertEquals(t.sk(fd).sk_rcvbuf, 100000);
  let seq = 1;
  for (let i = 0; i < 20; i++) {
    for (let n = 0; n < 10; n++, seq += 1448) peer.send(".", { seq, ack: 1, data: 1448 });
    await t.advance(10);
    t.read(fd);
  }
  peer.queue.length = 0;
  assertEquals(t.sk(fd).sk_rcvbuf, 100000);
});

Deno.test("tcp_prune_queue() collapses small segments, then drops what is out of order", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1000, sack: true },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_RCVBUF, 20000),
  );
  const sk = t.sk(fd);
  // Far more memory than bytes: one byte each, with gaps, so that they can't be merged.
  for (let i = 0; i < 200; i++) {
    peer.send(".", { seq: 101 + 2 * i, ack: 1, data: 1 });
    assert(sk.sk_backlog.rmem_alloc <= 2 * sk.sk_rcvbuf, `${sk.sk_backlog.rmem_alloc}`);
  }
  assert(t.mib(LINUX_MIB_PRUNECALLED) > 0);
  // What comes last is not worth what came before it.
  assert(t.mib(LINUX_MIB_TCPOFODROP) > 0);
  assertEquals(t.mib(LINUX_MIB_OFOPRUNED), 0);
  await t.advance(5);
  peer.queue.length = 0;
  // The data still comes whole.
  peer.send(".", { seq: 1, ack: 1, data: 600 });
  assertEquals(t.read_pattern(fd, 1), 600);
  assert(t.mib(LINUX_MIB_OFOPRUNED) > 0);
});

Deno.test("tcp_collapse() keeps every byte of small segments that fill the buffer", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted(
    { mss: 1000, sack: true },
    (l) => t.setsockopt(l, SOL_SOCKET, SO_RCVBUF, 20000),
  );
  let seq = 1;
  // Urgent pointers keep header prediction and merging away; sizes vary.
  for (let i = 0; i < 300; i++) {
    const len = 1 + i % 7;
    peer.send(".", { seq: seq + len, ack: 1, data: len });
    peer.send(".", { seq, ack: 1, data: len });
    seq += 2 * len;
  }
  await t.advance(50);
  const acked = peer.queue.at(-1)!.ack;
  peer.queue.length = 0;
  assertEquals(t.read_pattern(fd, 1), acked - 1);
  assert(t.mib(LINUX_MIB_TCPRCVCOLLAPSED) > 0);
});

Deno.test("__tcp_ack_snd_check() acknowledges the backlog at once, as tcp_backlog_ack_defer says", async () => {
  for (const [defer, acks] of [[1, [4001]], [0, [1001, 2001, 3001, 4001]]] as const) {
    await using t = tcp_test();
    const { peer, fd } = t.accepted({ mss: 1000 });
    const sk = t.sk(fd);
    sk.skc_net.ipv4.sysctl_tcp_backlog_ack_defer = defer;
    lock_sock(sk);
    // Of other flags, each: they are not merged in the backlog.
    for (let i = 0; i < 4; i++) {
      peer.send(i % 2 === 0 ? "." : "E.", { seq: 1 + 1000 * i, ack: 1, data: 1000 });
    }
    assertEquals(peer.queue.length, 0);
    release_sock(sk);
    assertEquals(peer.queue.splice(0).map((p) => p.ack), [...acks], `defer ${defer}`);
  }
});

// ---- Urgent data ----

Deno.test("tcp_urg() takes the byte before the urgent pointer out of the stream", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("PU.", { seq: 1, ack: 1, data: "abXcd", urg: 3 });
  const fds = [{ fd, events: POLLIN | POLLPRI, revents: 0 }];
  assertEquals(t.u.sys_poll(fds, 1, 0), 1);
  assertEquals(fds[0].revents, POLLIN | POLLPRI);
  const arg = new Int32Array(1);
  assertEquals([t.u.sys_ioctl(fd, SIOCATMARK, arg), arg[0]], [0, 0]);
  assertEquals(t.read(fd, 1, MSG_OOB), "X");
  assertEquals(t.read(fd, 1, MSG_OOB), -EINVAL);
  assertEquals(t.read(fd), "ab");
  assertEquals([t.u.sys_ioctl(fd, SIOCATMARK, arg), arg[0]], [0, 1]);
  assertEquals(t.read(fd), "cd");
});

Deno.test("tcp_check_urg() hears of an urgent byte that is still to come", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("PU.", { seq: 1, ack: 1, data: "ab", urg: 5 });
  assertEquals(t.read(fd, 1, MSG_OOB), -EAGAIN);
  peer.send("P.", { seq: 3, ack: 1, data: "cdXef" });
  assertEquals(t.read(fd, 1, MSG_OOB), "X");
  assertEquals([t.read(fd), t.read(fd)], ["abcd", "ef"]);
});

Deno.test("tcp_recvmsg() leaves the urgent byte in the stream with SO_OOBINLINE", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  t.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, 1);
  peer.send("PU.", { seq: 1, ack: 1, data: "abXcd", urg: 3 });
  assertEquals(t.read(fd, 1, MSG_OOB), -EINVAL);
  assertEquals([t.read(fd), t.read(fd)], ["ab", "Xcd"]);
});

Deno.test("tcp_sendmsg() sets the urgent pointer behind the byte sent with MSG_OOB", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  assertEquals(t.write(fd, "abX", MSG_OOB), 3);
  peer.expect("P.U", { seq: 1, data: "abX", urg: 3 });
  t.write(fd, "de");
  // Until it is acknowledged Nagle does not hold urgent data back.
  await t.advance(0);
  peer.send(".", { seq: 1, ack: 4 });
  peer.expect("P.", { seq: 4, data: "de", urg: 0 });
});

// ---- Errors of programs ----

Deno.test("tcp_reset() tells a poller and each call what happened", async () => {
  await using t = tcp_test();
  const { peer, fd } = t.accepted();
  peer.send("F.", { seq: 1, ack: 1 });
  peer.send("R", { seq: 2 });
  assertEquals(t.write(fd, "x"), -EPIPE);
  assertEquals(t.read(fd), "");
  const second = t.accepted({ mss: 1000 });
  const reading = (() => {
    t.u.sys_fcntl(second.fd, 4, 0);
    return t.u.sys_read(second.fd, new Uint8Array(10));
  })();
  assert(reading instanceof Promise);
  second.peer.send("R", { seq: 1 });
  assertEquals(await t.sim.run_until(reading), -ECONNRESET);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { SO_ERROR, SOL_SOCKET, SOL_TCP } from "../../include/linux/socket.ts";
import { TCP_CLOSE } from "../../include/net/tcp_states.ts";
import { ETIMEDOUT } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_TCPDSACKUNDO,
  LINUX_MIB_TCPLOSSPROBES,
  LINUX_MIB_TCPLOSSUNDO,
  LINUX_MIB_TCPRENORECOVERY,
  LINUX_MIB_TCPSACKDISCARD,
  LINUX_MIB_TCPSACKRECOVERY,
  LINUX_MIB_TCPSACKRENEGING,
  LINUX_MIB_TCPSPURIOUSRTOS,
  LINUX_MIB_TCPTIMEOUTS,
} from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CA_Disorder,
  TCP_CA_Loss,
  TCP_CA_Open,
  TCP_CA_Recovery,
  TCP_CONGESTION,
  TCP_NODELAY,
} from "../../include/uapi/linux/tcp.ts";
import { tcp_test } from "../../tools/testing/tcp.ts";
import type { peer_options, tcp_bench, tcp_peer } from "../../tools/testing/tcp.ts";

const RENO = new TextEncoder().encode("reno");

/** A connection with Reno and an RTT of so many ms. */
async function connection(t: tcp_bench, o: peer_options = {}, rtt = 100) {
  const peer = t.peer({ mss: 1000, ...o });
  const listener = t.listen();
  peer.send("S");
  peer.expect("S.");
  await t.advance(rtt);
  peer.send(".");
  const fd = t.accept(listener);
  t.close(listener);
  assertEquals(t.setsockopt(fd, SOL_TCP, TCP_CONGESTION, RENO), 0);
  return { peer, fd };
}

/** Takes what was sent: [seq, len] of each. */
function take(peer: tcp_peer): [number, number][] {
  return peer.queue.splice(0).map((s) => [s.seq, s.len]);
}

/** Takes so many full segments from seq on. */
function expect_data(peer: tcp_peer, seq: number, n: number): void {
  assertEquals(take(peer), Array.from({ length: n }, (_, i) => [seq + i * 1000, 1000]));
}

function ca_state(t: tcp_bench, fd: number): number {
  return t.sk(fd).icsk_ca_state;
}

// ---- Slow start and congestion avoidance ----

Deno.test("tcp_slow_start() doubles the window each round trip, from 10", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  t.write(fd, 60000);
  let una = 1;
  for (const cwnd of [10, 20, 40]) {
    assertEquals(t.sk(fd).snd_cwnd, cwnd);
    const sent = take(peer);
    assertEquals(sent[0], [una, 1000]);
    assertEquals(sent.length, cwnd);
    await t.advance(100);
    for (let i = 0; i < cwnd; i += 2) peer.send(".", { ack: una += 2000 });
    t.write(fd, 60000);
  }
  assertEquals(t.sk(fd).snd_cwnd, 80);
});

Deno.test("tcp_cong_avoid_ai() grows the window by one each round trip above ssthresh", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  const sk = t.sk(fd);
  sk.snd_ssthresh = 10;
  let una = 1;
  for (const cwnd of [10, 11, 12, 13]) {
    t.write(fd, 40000);
    assertEquals(sk.snd_cwnd, cwnd);
    take(peer);
    await t.advance(100);
    const in_flight = sk.packets_out;
    for (let i = 0; i < in_flight; i++) peer.send(".", { ack: una += 1000 });
  }
});

Deno.test("tcp_is_cwnd_limited() does not grow the window of a sender that does not fill it", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  let una = 1;
  for (let i = 0; i < 20; i++) {
    t.write(fd, 1000);
    take(peer);
    await t.advance(100);
    peer.send(".", { ack: una += 1000 });
  }
  assert(t.sk(fd).snd_cwnd <= 11, `${t.sk(fd).snd_cwnd}`);
});

Deno.test("tcp_slow_start_after_idle_check() starts anew with 10 after an idle time", async () => {
  for (const tcp_slow_start_after_idle of [1, 0]) {
    await using t = tcp_test({ sysctl: { tcp_slow_start_after_idle } });
    const { peer, fd } = await connection(t);
    let una = 1;
    for (let r = 0; r < 3; r++) {
      t.write(fd, 10000 << r);
      take(peer);
      await t.advance(100);
      while (una < peer.rcv_nxt) peer.send(".", { ack: una += 1000 });
    }
    assert(t.sk(fd).snd_cwnd >= 40);
    assertEquals(take(peer), []);
    await t.advance(60000);
    t.write(fd, 40000);
    assertEquals(take(peer).length, tcp_slow_start_after_idle === 1 ? 10 : 40);
  }
});

// ---- RTO ----

Deno.test("tcp_retransmit_timer() waits 200 ms at least, doubles, and gives up", async () => {
  await using t = tcp_test({ sysctl: { tcp_retries2: 3 } });
  const { peer, fd } = await connection(t, {}, 0);
  assertEquals(t.sk(fd).icsk_rto, 200);
  t.write(fd, 1000);
  expect_data(peer, 1, 1);
  for (const ms of [200, 400, 800, 1600]) {
    await peer.expect_after(ms, "P.", { seq: 1, ack: 1, len: 1000 });
  }
  await peer.expect_nothing(3700);
  assertEquals(t.sk(fd).sk_state, TCP_CLOSE);
  assertEquals(t.getsockopt(fd, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
});

Deno.test("tcp_retransmit_timer() gives up after tcp_retries2: 15 times, 924.6 s", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, {}, 0);
  const start = t.now();
  t.write(fd, 1000);
  let waits = 0;
  for (let last = start; t.sk(fd).sk_state !== TCP_CLOSE; waits++) {
    await t.sim.run_until(() => peer.queue.length > 1 || t.sk(fd).sk_state === TCP_CLOSE);
    // 120 s at most.
    assert(t.now() - last < 136000);
    last = t.now();
    peer.queue.length = 1;
  }
  const s = (t.now() - start) / 1000;
  assert(s > 920 && s < 1100, `${s} s, ${waits} times`);
});

Deno.test("tcp_set_rto() follows the round trip time", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, {}, 100);
  const sk = t.sk(fd);
  // The first sample: SRTT + 4 * RTT / 2.
  assertEquals([sk.srtt_us >> 3, sk.icsk_rto], [100000, 300]);
  let una = 1;
  for (let i = 0; i < 30; i++) {
    t.write(fd, 1000);
    await t.advance(100);
    peer.send(".", { ack: una += 1000 });
  }
  take(peer);
  // A steady path: variance is at its floor.
  assertEquals([sk.srtt_us >> 3, sk.icsk_rto], [100000, 300]);
  for (let i = 0; i < 30; i++) {
    t.write(fd, 1000);
    await t.advance(i % 2 === 0 ? 50 : 250);
    peer.send(".", { ack: una += 1000 });
  }
  assert(sk.icsk_rto > 350, `${sk.icsk_rto}`);
});

Deno.test("tcp_ack_update_rtt() takes no sample of what was retransmitted (Karn)", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, {}, 100);
  const srtt = t.sk(fd).srtt_us;
  t.write(fd, 1000);
  expect_data(peer, 1, 1);
  await peer.expect_after(300, "P.", { seq: 1, len: 1000 });
  assertEquals(t.sk(fd).icsk_rto, 600);
  await t.advance(1);
  peer.send(".", { ack: 1001 });
  assertEquals(t.sk(fd).srtt_us, srtt);
  // Backed off until a new sample comes.
  assertEquals(t.sk(fd).icsk_rto, 600);
  t.write(fd, 1000);
  await t.advance(100);
  peer.send(".", { ack: 2001 });
  assert(t.sk(fd).icsk_rto <= 300);
});

Deno.test("tcp_enter_loss() sends the oldest segment alone, then slow-starts through the others", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await peer.expect_after(300, ".", { seq: 1, len: 1000 });
  assertEquals([ca_state(t, fd), t.sk(fd).snd_cwnd, t.sk(fd).snd_ssthresh], [TCP_CA_Loss, 1, 5]);
  assertEquals(t.mib(LINUX_MIB_TCPTIMEOUTS), 1);
  await t.advance(100);
  peer.send(".", { ack: 1001 });
  expect_data(peer, 1001, 2);
  await t.advance(100);
  peer.send(".", { ack: 3001 });
  expect_data(peer, 3001, 4);
  await t.advance(100);
  peer.send(".", { ack: 7001 });
  assertEquals(take(peer).map((s) => s[0]), [7001, 8001, 9001]);
  await t.advance(100);
  peer.send(".", { ack: 10001 });
  // Without SACK the state ends with the first ACK of newer data.
  t.write(fd, 1000);
  take(peer);
  await t.advance(100);
  peer.send(".", { ack: 11001 });
  assertEquals(ca_state(t, fd), TCP_CA_Open);
});

Deno.test("tcp_process_loss() finds a timeout spurious by timestamps (Eifel)", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { ts: true, sack: true });
  t.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
  const cwnd = t.sk(fd).snd_cwnd;
  t.write(fd, 988);
  const first = peer.expect("P.", { seq: 1, len: 988 });
  // PTO or RTO: in either case it is sent again.
  while (ca_state(t, fd) !== TCP_CA_Loss) await t.advance(50);
  take(peer);
  peer.send(".", { ack: 989, tsecr: first.tsval });
  assertEquals(ca_state(t, fd), TCP_CA_Open);
  assertEquals(t.sk(fd).snd_cwnd >= cwnd, true);
  assertEquals(t.mib(LINUX_MIB_TCPLOSSUNDO), 1);
});

Deno.test("tcp_process_loss() finds a timeout spurious by the ACKs that follow (F-RTO)", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  while (ca_state(t, fd) !== TCP_CA_Loss) await t.advance(10);
  take(peer);
  t.write(fd, 4000);
  take(peer);
  // The originals were late only: new data is sent on the first ACK, and the second shows it.
  peer.send(".", { ack: 2001 });
  take(peer);
  peer.send(".", { ack: 4001 });
  assertEquals(t.mib(LINUX_MIB_TCPSPURIOUSRTOS), 1);
  assertEquals(ca_state(t, fd), TCP_CA_Open);
});

// ---- Tail loss probes ----

Deno.test("tcp_send_loss_probe() sends the last segment again after two round trips", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 3000);
  expect_data(peer, 1, 3);
  await peer.expect_after(202, "P.", { seq: 2001, len: 1000 });
  assertEquals(t.mib(LINUX_MIB_TCPLOSSPROBES), 1);
  // The SACK of it shows what is missing: recovery, long before the RTO.
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 2001:3001" });
  peer.expect(".", { seq: 1, len: 1000 });
  assertEquals(ca_state(t, fd), TCP_CA_Recovery);
  await t.advance(100);
  peer.send(".", { ack: 1001, options: "nop,nop,sack 2001:3001" });
  peer.expect(".", { seq: 1001, len: 1000 });
  await t.advance(100);
  peer.send(".", { ack: 3001 });
  assertEquals(ca_state(t, fd), TCP_CA_Open);
});

Deno.test("tcp_send_loss_probe() sends new data if there is any", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 11000);
  expect_data(peer, 1, 10);
  await peer.expect_after(202, "P.", { seq: 10001, len: 1000 });
});

Deno.test("tcp_process_tlp_ack() reduces the window where the probe repaired a loss", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 2000);
  expect_data(peer, 1, 2);
  await t.advance(100);
  peer.send(".", { ack: 1001 });
  // The last one is lost; the probe repairs it.
  await peer.expect_after(300, "P.", { seq: 1001, len: 1000 });
  const state = ca_state(t, fd);
  await t.advance(100);
  peer.send(".", { ack: 2001 });
  assert(state === TCP_CA_Open || state === TCP_CA_Loss);
  assertEquals(ca_state(t, fd), TCP_CA_Open);
  t.write(fd, 1000);
  take(peer);
  await t.advance(100);
  peer.send(".", { ack: 3001 });
  assert(t.sk(fd).snd_cwnd < 10);
});

// ---- Fast retransmit ----

Deno.test("tcp_rack_mark_lost() retransmits at the third SACKed segment", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:2001" });
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:3001" });
  await peer.expect_nothing();
  assertEquals(ca_state(t, fd), TCP_CA_Disorder);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:4001" });
  peer.expect(".", { seq: 1, ack: 1, len: 1000 });
  assertEquals([ca_state(t, fd), t.sk(fd).snd_ssthresh], [TCP_CA_Recovery, 5]);
  assertEquals(t.mib(LINUX_MIB_TCPSACKRECOVERY), 1);
  // It is not sent again for the SACKs that follow.
  for (let i = 5; i <= 10; i++) {
    peer.send(".", { ack: 1, options: `nop,nop,sack 1001:${i * 1000 + 1}` });
  }
  await peer.expect_nothing();
  await t.advance(100);
  peer.send(".", { ack: 10001 });
  assertEquals([ca_state(t, fd), t.sk(fd).snd_cwnd], [TCP_CA_Open, 5]);
  await peer.expect_nothing(2000);
});

Deno.test("tcp_rack_reo_timeout() retransmits a quarter of a round trip after a lone SACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 2000);
  expect_data(peer, 1, 2);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:2001" });
  await peer.expect_after(26, ".", { seq: 1, len: 1000 });
  assertEquals(ca_state(t, fd), TCP_CA_Recovery);
});

Deno.test("tcp_xmit_retransmit_queue() fills every hole, and sends new data besides", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 20000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  // 1, 3 and 5 are lost.
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:2001" });
  peer.send(".", { ack: 1, options: "nop,nop,sack 3001:4001 1001:2001" });
  peer.send(".", { ack: 1, options: "nop,nop,sack 5001:6001 3001:4001 1001:2001" });
  for (let i = 7; i <= 10; i++) {
    peer.send(".", { ack: 1, options: `nop,nop,sack 5001:${i * 1000 + 1} 3001:4001 1001:2001` });
  }
  await t.advance(30);
  const sent = take(peer).map((s) => s[0]);
  assertEquals(sent.filter((s) => s < 10000), [1, 2001, 4001]);
  await t.advance(100);
  peer.send(".", { ack: 10001 });
  take(peer);
  let una = 10001;
  for (let i = 0; i < 20 && una < 20001; i++) {
    await t.advance(100);
    una = peer.rcv_nxt;
    peer.send(".", { ack: una });
  }
  assertEquals(una, 20001);
  assertEquals(ca_state(t, fd), TCP_CA_Open);
});

Deno.test("tcp_rack_detect_loss() finds that a retransmission was lost, too", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 30000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:4001" });
  peer.expect(".", { seq: 1, len: 1000 });
  for (let i = 5; i <= 10; i++) {
    peer.send(".", { ack: 1, options: `nop,nop,sack 1001:${i * 1000 + 1}` });
  }
  const fresh = take(peer);
  assert(fresh.length > 0 && fresh[0][0] === 10001, `${fresh}`);
  await t.advance(110);
  // What was sent after it has arrived.
  peer.send(".", { ack: 1, options: `nop,nop,sack 1001:${fresh.at(-1)![0] + 1000}` });
  await t.advance(30);
  assertEquals(take(peer)[0], [1, 1000]);
});

Deno.test("tcp_newreno_mark_lost() retransmits at the third duplicate ACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  for (let i = 0; i < 2; i++) peer.send(".", { ack: 1 });
  await peer.expect_nothing();
  peer.send(".", { ack: 1 });
  peer.expect(".", { seq: 1, len: 1000 });
  assertEquals([ca_state(t, fd), t.sk(fd).snd_ssthresh], [TCP_CA_Recovery, 5]);
  assertEquals(t.mib(LINUX_MIB_TCPRENORECOVERY), 1);
  await t.advance(100);
  peer.send(".", { ack: 10001 });
  t.write(fd, 1000);
  await t.advance(100);
  peer.send(".", { ack: 11001 });
  assertEquals(ca_state(t, fd), TCP_CA_Open);
});

Deno.test("tcp_newreno_mark_lost() retransmits the next hole at each partial ACK", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  for (let i = 0; i < 3; i++) peer.send(".", { ack: 1 });
  peer.expect(".", { seq: 1, len: 1000 });
  for (let i = 0; i < 4; i++) peer.send(".", { ack: 1 });
  await peer.expect_nothing();
  await t.advance(100);
  peer.send(".", { ack: 3001 });
  peer.expect(".", { seq: 3001, len: 1000 });
  assertEquals(ca_state(t, fd), TCP_CA_Recovery);
  await t.advance(100);
  peer.send(".", { ack: 6001 });
  peer.expect(".", { seq: 6001, len: 1000 });
  await t.advance(100);
  peer.send(".", { ack: 10001 });
  await peer.expect_nothing(1000);
});

Deno.test("tcp_add_reno_sack() lets a duplicate ACK send a new segment (limited transmit)", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t);
  t.write(fd, 14000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  peer.send(".", { ack: 1 });
  expect_data(peer, 10001, 1);
  // Within a ms of the last one it would wait for more room (TSO).
  await t.advance(2);
  peer.send(".", { ack: 1 });
  expect_data(peer, 11001, 1);
  peer.send(".", { ack: 1 });
  assertEquals(take(peer)[0], [1, 1000]);
});

Deno.test("tcp_cwnd_reduction() halves the window gently: a segment for every two that arrive", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  const sk = t.sk(fd);
  t.write(fd, 60000);
  take(peer);
  let una = 1;
  await t.advance(100);
  for (let i = 0; i < 10; i++) peer.send(".", { ack: una += 1000 });
  const first = take(peer)[0][0];
  assertEquals([first, sk.snd_cwnd, sk.packets_out], [10001, 20, 20]);
  await t.advance(100);
  for (let i = 1; i < 20; i++) {
    peer.send(".", { ack: una, options: `nop,nop,sack ${una + 1000}:${una + 1000 + i * 1000}` });
  }
  // Before the third SACK one of new data.
  const sent = take(peer).slice(1);
  assertEquals(sent[0], [una, 1000]);
  assertEquals(sk.snd_ssthresh, 10);
  // One to repair, about half of 19 new ones.
  assert(sent.length >= 8 && sent.length <= 11, `${sent.length}`);
});

Deno.test("tcp_try_undo_dsack() takes the reduction back when all retransmissions came twice", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:4001" });
  peer.expect(".", { seq: 1, len: 1000 });
  // The original was late: it comes now, and then the retransmission.
  peer.send(".", { ack: 4001 });
  await t.advance(100);
  peer.send(".", { ack: 4001, options: "nop,nop,sack 1:1001" });
  peer.send(".", { ack: 10001 });
  assertEquals(t.mib(LINUX_MIB_TCPDSACKUNDO), 1);
  assertEquals(ca_state(t, fd), TCP_CA_Open);
  assert(t.sk(fd).snd_cwnd >= 10);
});

Deno.test("tcp_check_sack_reordering() raises the threshold when late segments fill holes", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:2001" });
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:3001" });
  // The first was late, not lost.
  peer.send(".", { ack: 3001 });
  assertEquals(t.sk(fd).reord_seen, 1);
  assertEquals(ca_state(t, fd), TCP_CA_Open);
  await peer.expect_nothing(50);
});

Deno.test("tcp_sacktag_write_queue() takes no notice of SACKs of what was not sent", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  expect_data(peer, 1, 10);
  await t.advance(50);
  for (
    const sack of ["20001:30001", "9001:12001", "5001:5001", "5001:4001", "-2000:-1000"]
  ) peer.send(".", { ack: 1, options: `nop,nop,sack ${sack.replaceAll("-", "")}` });
  assertEquals(t.sk(fd).sacked_out, 0);
  assert(t.mib(LINUX_MIB_TCPSACKDISCARD) >= 4);
  await peer.expect_nothing(50);
});

Deno.test("tcp_check_sack_reneging() sends again what the peer took back", async () => {
  await using t = tcp_test();
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 4000);
  expect_data(peer, 1, 4);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 1001:4001" });
  peer.expect(".", { seq: 1, len: 1000 });
  await t.advance(100);
  // It acknowledges the hole only.
  peer.send(".", { ack: 1001, options: "" });
  await t.advance(400);
  assertEquals(t.mib(LINUX_MIB_TCPSACKRENEGING), 1);
  assertEquals(take(peer)[0], [1001, 1000]);
  await t.advance(100);
  peer.send(".", { ack: 4001 });
  await peer.expect_nothing(3000);
});

Deno.test("tcp_match_skb_to_sack() cuts TSO packets where a SACK begins and ends", async () => {
  // SG, checksums and TSO by the device: 10 segments are one or two packets.
  await using t = tcp_test({ features: 1 | 8 | 1 << 16 });
  const { peer, fd } = await connection(t, { sack: true });
  t.write(fd, 10000);
  assert(peer.queue.length < 10);
  take(peer);
  await t.advance(100);
  peer.send(".", { ack: 1, options: "nop,nop,sack 2001:3001" });
  assertEquals(t.sk(fd).sacked_out, 1);
  peer.send(".", { ack: 1, options: "nop,nop,sack 2001:3001 5001:6501" });
  assertEquals(t.sk(fd).sacked_out, 2);
  peer.send(".", { ack: 1, options: "nop,nop,sack 2001:8001" });
  assertEquals(t.sk(fd).sacked_out, 6);
  await t.advance(30);
  peer.expect(".", { seq: 1, len: 1000 });
  await t.advance(100);
  peer.send(".", { ack: 1001, options: "nop,nop,sack 2001:8001" });
  peer.expect(".", { seq: 1001, len: 1000 });
  take(peer);
  // An ACK within a segment.
  peer.send(".", { ack: 1501, options: "nop,nop,sack 2001:8001" });
  assertEquals(t.sk(fd).sacked_out, 6);
  peer.send(".", { ack: 8001 });
  assertEquals([t.sk(fd).sacked_out, t.sk(fd).packets_out], [0, 2]);
  peer.send(".", { ack: 10001 });
  assertEquals(t.sk(fd).packets_out, 0);
});

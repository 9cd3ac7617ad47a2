// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { HZ, INITIAL_JIFFIES, jiffies_set } from "../../include/linux/jiffies.ts";
import { tcp_sock } from "../../include/linux/tcp.ts";
import { net } from "../../include/net/net_namespace.ts";
import { SK_PACING_NEEDED } from "../../include/net/sock.ts";
import {
  ack_sample,
  CA_EVENT_TX_START,
  TCP_CONG_NON_RESTRICTED,
  TCP_INFINITE_SSTHRESH,
} from "../../include/net/tcp.ts";
import { TCP_ESTABLISHED } from "../../include/net/tcp_states.ts";
import { EEXIST, ENOENT, EPERM } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_TCPHYSTARTDELAYDETECT,
  LINUX_MIB_TCPHYSTARTTRAINDETECT,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_CA_Loss } from "../../include/uapi/linux/tcp.ts";
import {
  tcp_assign_congestion_control,
  tcp_ca_find_key,
  tcp_ca_get_key_by_name,
  tcp_cong_avoid_ai,
  tcp_get_allowed_congestion_control,
  tcp_get_available_congestion_control,
  tcp_get_default_congestion_control,
  tcp_init_congestion_control,
  tcp_register_congestion_control,
  tcp_reno,
  tcp_set_allowed_congestion_control,
  tcp_set_congestion_control,
  tcp_set_default_congestion_control,
  tcp_slow_start,
} from "./tcp_cong.ts";
import { bictcp, cubic_root, cubictcp, cubictcp_register } from "./tcp_cubic.ts";

/** An established connection whose window is always full. */
function sock_of(name: string, cwnd: number, ssthresh = TCP_INFINITE_SSTHRESH): tcp_sock {
  tcp_register_congestion_control(tcp_reno);
  cubictcp_register();
  const sk = new tcp_sock();
  sk.skc_net = new net("test");
  tcp_set_default_congestion_control(sk.skc_net, name);
  sk.skc_state = TCP_ESTABLISHED;
  sk.snd_cwnd = cwnd;
  sk.snd_ssthresh = ssthresh;
  sk.snd_cwnd_clamp = 0xffffffff;
  sk.is_cwnd_limited = true;
  sk.sk_pacing_rate = 1e9;
  tcp_assign_congestion_control(sk);
  tcp_init_congestion_control(sk);
  return sk;
}

/** Lets `ms` pass. */
function pass(sk: tcp_sock, now: { ms: number }, ms: number): void {
  now.ms += ms;
  jiffies_set(INITIAL_JIFFIES + now.ms);
  sk.tcp_mstamp = now.ms * 1000;
}

/** A round trip of rtt ms: a full window is acknowledged, two packets by two. */
function round(sk: tcp_sock, now: { ms: number }, rtt: number): void {
  const sample = new ack_sample();
  sample.rtt_us = rtt * 1000;
  pass(sk, now, rtt);
  const acks = sk.snd_cwnd >> 1;
  sk.snd_nxt = (sk.snd_nxt + 2 * acks) | 0;
  for (let i = 0; i < acks; i++) {
    sk.snd_una = (sk.snd_una + 2) | 0;
    sk.icsk_ca_ops.pkts_acked?.(sk, sample);
    sk.icsk_ca_ops.cong_avoid!(sk, sk.snd_una, 2);
  }
}

Deno.test("tcp_slow_start() stops at ssthresh and answers what is left", () => {
  const sk = sock_of("reno", 10, 12);
  assertEquals(tcp_slow_start(sk, 5), 3);
  assertEquals(sk.snd_cwnd, 12);
});

Deno.test("tcp_cong_avoid_ai() grows by one per w packets and spends old credit gently", () => {
  const sk = sock_of("reno", 10, 5);
  for (let i = 0; i < 9; i++) tcp_cong_avoid_ai(sk, 10, 1);
  assertEquals([sk.snd_cwnd, sk.snd_cwnd_cnt], [10, 9]);
  tcp_cong_avoid_ai(sk, 10, 1);
  assertEquals([sk.snd_cwnd, sk.snd_cwnd_cnt], [11, 0]);
  tcp_cong_avoid_ai(sk, 10, 25);
  assertEquals([sk.snd_cwnd, sk.snd_cwnd_cnt], [13, 5]);
  tcp_cong_avoid_ai(sk, 3, 1);
  assertEquals([sk.snd_cwnd, sk.snd_cwnd_cnt], [14, 1]);
});

Deno.test("tcp_reno halves on loss and comes back on undo", () => {
  const sk = sock_of("reno", 20);
  assertEquals(sk.icsk_ca_ops, tcp_reno);
  assertEquals(tcp_reno.ssthresh(sk), 10);
  sk.prior_cwnd = 20;
  sk.snd_cwnd = 3;
  assertEquals(tcp_reno.ssthresh(sk), 2);
  assertEquals(tcp_reno.undo_cwnd(sk), 20);
});

Deno.test("the list of congestion controls answers by name and key, and begins anew at boot", () => {
  const sk = sock_of("cubic", 10);
  assertEquals(tcp_get_available_congestion_control(), "reno cubic");
  assertEquals(tcp_register_congestion_control(cubictcp), -EEXIST);
  const ecn = { value: true };
  assertEquals(tcp_ca_find_key(tcp_ca_get_key_by_name(sk.skc_net, "cubic", ecn)), cubictcp);
  assertEquals(ecn.value, false);
  assertEquals(tcp_ca_get_key_by_name(sk.skc_net, "vegas", ecn), 0);
  assertEquals(tcp_set_default_congestion_control(sk.skc_net, "vegas"), -ENOENT);
  assertEquals(tcp_get_default_congestion_control(sk.skc_net), "cubic");
  tcp_register_congestion_control(tcp_reno);
  assertEquals(tcp_get_available_congestion_control(), "reno");
});

Deno.test("tcp_set_congestion_control() minds what is allowed, locked or unknown", () => {
  const sk = sock_of("cubic", 10);
  assert(sk.icsk_ca_priv instanceof bictcp);
  assertEquals(tcp_set_allowed_congestion_control("cubic nosuch"), -ENOENT);
  assertEquals(tcp_set_allowed_congestion_control("cubic"), 0);
  assertEquals(tcp_get_allowed_congestion_control(), "cubic");
  assertEquals(tcp_set_congestion_control(sk, "reno", true, false), -EPERM);
  assertEquals(tcp_set_congestion_control(sk, "nosuch", true, true), -ENOENT);
  assertEquals(tcp_set_congestion_control(sk, "reno", true, true), 0);
  assertEquals([sk.icsk_ca_ops, sk.icsk_ca_priv], [tcp_reno, null]);
  assertEquals(tcp_set_congestion_control(sk, "reno", true, false), 0);
  sk.icsk_ca_dst_locked = true;
  assertEquals(tcp_set_congestion_control(sk, "cubic", true, true), -EPERM);
  tcp_set_allowed_congestion_control("reno cubic");
  assertEquals(cubictcp.flags & TCP_CONG_NON_RESTRICTED, TCP_CONG_NON_RESTRICTED);
});

Deno.test("cubic_root() is the integer cube root", () => {
  for (const n of [0, 1, 2, 3, 10, 63, 64, 1000, 4095, 65535]) {
    assertEquals(cubic_root(n ** 3), n);
    if (n > 1) assertEquals(cubic_root(n ** 3 - 1), n - 1);
    assertEquals(cubic_root(n ** 3 + 1), n === 0 ? 1 : n);
  }
});

Deno.test("cubictcp leaves 717/1024 of the window on loss, and remembers less of a shrinking one", () => {
  const sk = sock_of("cubic", 100);
  const ca = sk.icsk_ca_priv as bictcp;
  assertEquals(cubictcp.ssthresh(sk), 70);
  assertEquals(ca.last_max_cwnd, 100);
  sk.snd_cwnd = 80;
  assertEquals(cubictcp.ssthresh(sk), 56);
  assertEquals(ca.last_max_cwnd, 68);
  sk.snd_cwnd = 2;
  assertEquals(cubictcp.ssthresh(sk), 2);
});

Deno.test("cubictcp_cong_avoid() is back at the old window after K seconds, and slow around it", () => {
  const now = { ms: 1000 };
  const sk = sock_of("cubic", 1000);
  const ca = sk.icsk_ca_priv as bictcp;
  pass(sk, now, 0);
  sk.snd_ssthresh = sk.snd_cwnd = cubictcp.ssthresh(sk);
  assertEquals(sk.snd_cwnd, 700);
  // K = cbrt((W_max - cwnd) / C), C = 0.4 (41/1024 * 10)
  const K = Math.cbrt(300 / 0.4) * 1000;
  const start = now.ms;
  let plateau = 0;
  while (sk.snd_cwnd < 1000) {
    const before = sk.snd_cwnd;
    round(sk, now, 100);
    if (before > 980) plateau = Math.max(plateau, sk.snd_cwnd - before);
    assert(now.ms - start < 2 * K, `${sk.snd_cwnd} after ${now.ms - start} ms`);
  }
  assertEquals(ca.bic_origin_point, 1000);
  assert(Math.abs(ca.bic_K / 1024 - K / 1000) < 0.05, `K ${ca.bic_K / 1024}`);
  assert(Math.abs(now.ms - start - K) < K / 4, `${now.ms - start} ms for ${K}`);
  assert(plateau < 10, `${plateau} packets a round trip near the old window`);
});

Deno.test("cubictcp grows at least as Reno would on short round trips", () => {
  const now = { ms: 1000 };
  const sk = sock_of("cubic", 100);
  pass(sk, now, 0);
  sk.snd_ssthresh = sk.snd_cwnd = cubictcp.ssthresh(sk);
  for (let i = 0; i < 20; i++) round(sk, now, 2);
  // 40 ms: the cubic function has hardly moved, Reno with beta 0.7 has by half a packet a round trip.
  assert(sk.snd_cwnd >= 78 && sk.snd_cwnd <= 84, `${sk.snd_cwnd}`);
});

Deno.test("cubictcp's epoch does not age while nothing is sent", () => {
  const now = { ms: 5000 };
  const sk = sock_of("cubic", 50, 10);
  const ca = sk.icsk_ca_priv as bictcp;
  pass(sk, now, 0);
  round(sk, now, 10);
  const began = ca.epoch_start;
  assert(began !== 0);
  sk.lsndtime = (INITIAL_JIFFIES + now.ms) | 0;
  pass(sk, now, 3000);
  cubictcp.cwnd_event!(sk, CA_EVENT_TX_START);
  assertEquals(ca.epoch_start, (began + 3000) | 0);
  cubictcp.set_state!(sk, TCP_CA_Loss);
  assertEquals([ca.epoch_start, ca.delay_min, ca.found], [0, 0, false]);
});

Deno.test("hystart_update() ends slow start when the round trip grows", () => {
  const now = { ms: 1000 };
  const sk = sock_of("cubic", 32);
  pass(sk, now, 0);
  sk.snd_nxt = 1000;
  const sample = new ack_sample();
  const ca = sk.icsk_ca_priv as bictcp;
  ca.end_seq = 1000;
  sample.rtt_us = 40000;
  cubictcp.pkts_acked!(sk, sample);
  // ACKs 3 ms apart are no train.
  for (let i = 0; i < 9; i++) {
    pass(sk, now, 3);
    sample.rtt_us = 44000;
    cubictcp.pkts_acked!(sk, sample);
  }
  assert(!ca.found, "44 ms is less than an eighth above 40");
  sk.snd_una = 1001;
  sk.snd_nxt = 2000;
  for (let i = 0; i < 10; i++) {
    pass(sk, now, 3);
    sample.rtt_us = 46000;
    cubictcp.pkts_acked!(sk, sample);
  }
  assert(ca.found);
  assertEquals(sk.snd_ssthresh, 32);
  assertEquals(sk.skc_net.mib.net_statistics[LINUX_MIB_TCPHYSTARTDELAYDETECT], 1);
});

Deno.test("hystart_update() ends slow start after an ACK train of half a round trip", () => {
  const now = { ms: 1000 };
  const sk = sock_of("cubic", 32);
  pass(sk, now, 0);
  const ca = sk.icsk_ca_priv as bictcp;
  sk.snd_nxt = ca.end_seq = 100000;
  ca.round_start = ca.last_ack = sk.tcp_mstamp;
  const sample = new ack_sample();
  sample.rtt_us = 40000;
  let ms = 0;
  for (; ms < 60 && !ca.found; ms++) {
    pass(sk, now, 1);
    cubictcp.pkts_acked!(sk, sample);
  }
  assertEquals(ms, 21);
  assertEquals(sk.skc_net.mib.net_statistics[LINUX_MIB_TCPHYSTARTTRAINDETECT], 1);

  // Paced, half a round trip is what the pacer makes.
  const paced = sock_of("cubic", 32);
  paced.sk_pacing_status = SK_PACING_NEEDED;
  pass(paced, now, 0);
  const pca = paced.icsk_ca_priv as bictcp;
  paced.snd_nxt = pca.end_seq = 100000;
  pca.round_start = pca.last_ack = paced.tcp_mstamp;
  for (ms = 0; ms < 60 && !pca.found; ms++) {
    pass(paced, now, 1);
    cubictcp.pkts_acked!(paced, sample);
  }
  assertEquals(ms, 41);
});

Deno.test("hystart_update() leaves small windows and those after a loss alone", () => {
  const now = { ms: 1000 };
  const sk = sock_of("cubic", 15);
  pass(sk, now, 0);
  const sample = new ack_sample();
  sample.rtt_us = 1000;
  for (let i = 0; i < 100; i++) {
    pass(sk, now, 1);
    cubictcp.pkts_acked!(sk, sample);
  }
  assert(!(sk.icsk_ca_priv as bictcp).found);
  assertEquals(HZ, 1000);
});

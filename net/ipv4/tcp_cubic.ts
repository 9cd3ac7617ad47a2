// SPDX-License-Identifier: GPL-2.0-only
//
// CUBIC: the window grows as a cubic function of the time since the last loss, flat around the window at which it
// happened. tcp_ack() calls cubictcp_acked() with each round trip (HyStart ends slow start by it) and
// cubictcp_cong_avoid(); a loss calls cubictcp_recalc_ssthresh(). Numbers are those of Linux: beta 717/1024,
// C 0.4. @rfc 9438

import { HZ, usecs_to_jiffies } from "../../include/linux/jiffies.ts";
import { clamp } from "../../include/linux/kernel.ts";
import { USEC_PER_MSEC, USEC_PER_SEC } from "../../include/linux/time64.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import { NET_ADD_STATS, NET_INC_STATS } from "../../include/net/ip.ts";
import { SK_PACING_NONE, sock_net } from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  after,
  CA_EVENT_TX_START,
  TCP_CONG_NON_RESTRICTED,
  tcp_in_slow_start,
  tcp_is_cwnd_limited,
  tcp_jiffies32,
  tcp_sk,
  tcp_snd_cwnd,
} from "../../include/net/tcp.ts";
import type { ack_sample, tcp_congestion_ops } from "../../include/net/tcp.ts";
import {
  LINUX_MIB_TCPHYSTARTDELAYCWND,
  LINUX_MIB_TCPHYSTARTDELAYDETECT,
  LINUX_MIB_TCPHYSTARTTRAINCWND,
  LINUX_MIB_TCPHYSTARTTRAINDETECT,
} from "../../include/uapi/linux/snmp.ts";
import { TCP_CA_Loss } from "../../include/uapi/linux/tcp.ts";
import {
  tcp_cong_avoid_ai,
  tcp_register_congestion_control,
  tcp_reno_undo_cwnd,
  tcp_slow_start,
  tcp_unregister_congestion_control,
} from "./tcp_cong.ts";

/** beta is in 1/1024. */
const BICTCP_BETA_SCALE = 1024;
/** Unit of time of the cubic function: 2^-10 s. */
const BICTCP_HZ = 10;

const HYSTART_ACK_TRAIN = 0x1;
const HYSTART_DELAY = 0x2;
const HYSTART_MIN_SAMPLES = 8;
/** Increase of the round trip that ends slow start, us. */
const HYSTART_DELAY_MIN = 4000;
const HYSTART_DELAY_MAX = 16000;

function HYSTART_DELAY_THRESH(x: number): number {
  return clamp(x, HYSTART_DELAY_MIN, HYSTART_DELAY_MAX);
}

const fast_convergence = true;
const beta = 717;
const bic_scale = 41;
const tcp_friendliness = true;
const hystart = true;
/** Module parameters that tests set, as under /sys/module/tcp_cubic/parameters. @local */
export const tcp_cubic_parameters: { hystart_detect: number } = {
  hystart_detect: HYSTART_ACK_TRAIN | HYSTART_DELAY,
};
/** Slow start ends not before this window, packets. */
const hystart_low_window = 16;
/** ACKs at most this far apart are a train, us. */
const hystart_ack_delta_us = 2000;

/** 1024 * C / RTT, for an RTT of 100 ms. */
const cube_rtt_scale = bic_scale * 10;
/** Packets per packet of Reno's growth, with CUBIC's beta. */
const beta_scale = Math.floor(
  Math.floor((8 * (BICTCP_BETA_SCALE + beta)) / 3) / (BICTCP_BETA_SCALE - beta),
);
/** K^3 = cube_factor * (W_max - cwnd) */
const cube_factor = Math.floor(2 ** (10 + 3 * BICTCP_HZ) / (bic_scale * 10));

const U32_MAX = 0xffffffff;

/** State of a connection. Times are jiffies if not said otherwise. */
export class bictcp {
  /** The window grows by one per cnt packets acknowledged. */
  cnt = 0;
  last_max_cwnd = 0;
  last_cwnd = 0;
  last_time = 0;
  bic_origin_point = 0;
  /** From the epoch's start to the origin point, in units of BICTCP_HZ. */
  bic_K = 0;
  /** Shortest round trip, us. */
  delay_min = 0;
  /** 0: no epoch since the last loss. */
  epoch_start = 0;
  ack_cnt = 0;
  /** What Reno's window would be. */
  tcp_cwnd = 0;
  sample_cnt = 0;
  /** HyStart has ended slow start. */
  found = false;
  /** HyStart's round: when it began (us), where it ends, when its last ACK of a train came (us). */
  round_start = 0;
  end_seq = 0;
  last_ack = 0;
  /** Shortest round trip in this round, us. */
  curr_rtt = 0;
}

function bictcp_reset(ca: bictcp): void {
  ca.cnt = 0;
  ca.last_max_cwnd = 0;
  ca.last_cwnd = 0;
  ca.last_time = 0;
  ca.bic_origin_point = 0;
  ca.bic_K = 0;
  ca.delay_min = 0;
  ca.epoch_start = 0;
  ca.ack_cnt = 0;
  ca.tcp_cwnd = 0;
  ca.found = false;
}

/** The socket's state: all 0 before it is connected, when the SYN may already be acknowledged. @local */
function bictcp_ca(sk: sock): bictcp {
  return (inet_csk(sk).icsk_ca_priv ??= new bictcp()) as bictcp;
}

function bictcp_clock_us(sk: sock): number {
  return tcp_sk(sk).tcp_mstamp;
}

function bictcp_hystart_reset(sk: sock): void {
  const tp = tcp_sk(sk);
  const ca = bictcp_ca(sk);
  ca.round_start = ca.last_ack = bictcp_clock_us(sk);
  ca.end_seq = tp.snd_nxt;
  ca.curr_rtt = U32_MAX;
  ca.sample_cnt = 0;
}

function cubictcp_init(sk: sock): void {
  // Not the one at hand, which a child has from its listener.
  inet_csk(sk).icsk_ca_priv = new bictcp();
  if (hystart) bictcp_hystart_reset(sk);
}

/** After a pause the epoch is as much younger: time without data lets no window grow. @rfc 9438 4.2 */
function cubictcp_cwnd_event(sk: sock, event: number): void {
  if (event !== CA_EVENT_TX_START) return;
  const ca = bictcp_ca(sk);
  const now = tcp_jiffies32();
  const delta = (now - tcp_sk(sk).lsndtime) | 0;
  if (ca.epoch_start !== 0 && delta > 0) {
    ca.epoch_start = (ca.epoch_start + delta) | 0;
    if (after(ca.epoch_start, now)) ca.epoch_start = now;
  }
}

/** The integer cube root, rounded down. @differs exact, where the kernel is off by up to 0.2 % */
export function cubic_root(a: number): number {
  let x = Math.round(Math.cbrt(a));
  if (x * x * x > a) x--;
  return x;
}

/** Where the cubic function stands `t` (jiffies) after the epoch's start, packets. @rfc 9438 4.2 @local */
function bictcp_target(ca: bictcp, jiffies: number): number {
  const t = Math.floor((jiffies * 2 ** BICTCP_HZ) / HZ);
  const offs = Math.abs(t - ca.bic_K);
  const delta = Math.floor((cube_rtt_scale * offs * offs * offs) / 2 ** (10 + 3 * BICTCP_HZ));
  return t < ca.bic_K ? ca.bic_origin_point - delta : ca.bic_origin_point + delta;
}

/** Begins an epoch at the window cwnd. @local */
function bictcp_epoch_begin(ca: bictcp, cwnd: number, acked: number): void {
  // 0 stands for none.
  ca.epoch_start = tcp_jiffies32() || 1;
  ca.ack_cnt = acked;
  ca.tcp_cwnd = cwnd;
  if (ca.last_max_cwnd <= cwnd) {
    ca.bic_K = 0;
    ca.bic_origin_point = cwnd;
  } else {
    ca.bic_K = cubic_root(cube_factor * (ca.last_max_cwnd - cwnd));
    ca.bic_origin_point = ca.last_max_cwnd;
  }
}

/** Not slower than Reno would be. @rfc 9438 4.3 @local */
function bictcp_friendly(ca: bictcp, cwnd: number): void {
  const per_packet = Math.floor((cwnd * beta_scale) / 8);
  while (ca.ack_cnt > per_packet) {
    ca.ack_cnt -= per_packet;
    ca.tcp_cwnd++;
  }
  if (ca.tcp_cwnd > cwnd) {
    const max_cnt = Math.floor(cwnd / (ca.tcp_cwnd - cwnd));
    if (ca.cnt > max_cnt) ca.cnt = max_cnt;
  }
}

/** Sets ca.cnt for a window of cwnd packets, at most 32 times a second while that stays. */
function bictcp_update(ca: bictcp, cwnd: number, acked: number): void {
  const now = tcp_jiffies32();
  ca.ack_cnt += acked;
  if (ca.last_cwnd === cwnd && ((now - ca.last_time) | 0) <= HZ / 32) return;

  if (ca.epoch_start === 0 || now !== ca.last_time) {
    ca.last_cwnd = cwnd;
    ca.last_time = now;
    if (ca.epoch_start === 0) bictcp_epoch_begin(ca, cwnd, acked);

    const age = (now - ca.epoch_start) | 0;
    const bic_target = bictcp_target(ca, age + usecs_to_jiffies(ca.delay_min));
    if (bic_target > cwnd) ca.cnt = Math.floor(cwnd / (bic_target - cwnd));
    else ca.cnt = 100 * cwnd;
    // Before the first loss the function knows nothing: 5 % a round trip.
    if (ca.last_max_cwnd === 0 && ca.cnt > 20) ca.cnt = 20;
  }
  if (tcp_friendliness) bictcp_friendly(ca, cwnd);
  // By half a window per round trip, at most.
  ca.cnt = Math.max(ca.cnt, 2);
}

function cubictcp_cong_avoid(sk: sock, _ack: number, acked: number): void {
  const tp = tcp_sk(sk);
  const ca = bictcp_ca(sk);
  if (!tcp_is_cwnd_limited(sk)) return;
  if (tcp_in_slow_start(tp)) {
    acked = tcp_slow_start(tp, acked);
    if (acked === 0) return;
  }
  bictcp_update(ca, tcp_snd_cwnd(tp), acked);
  tcp_cong_avoid_ai(tp, ca.cnt, acked);
}

/** A loss ends the epoch: 0.7 of the window; a flow that lost ground leaves some more. @rfc 9438 4.6, 4.7 */
function cubictcp_recalc_ssthresh(sk: sock): number {
  const ca = bictcp_ca(sk);
  const cwnd = tcp_snd_cwnd(tcp_sk(sk));
  ca.epoch_start = 0;
  ca.last_max_cwnd = cwnd < ca.last_max_cwnd && fast_convergence
    ? Math.floor((cwnd * (BICTCP_BETA_SCALE + beta)) / (2 * BICTCP_BETA_SCALE))
    : cwnd;
  return Math.max(Math.floor((cwnd * beta) / BICTCP_BETA_SCALE), 2);
}

function cubictcp_state(sk: sock, new_state: number): void {
  if (new_state !== TCP_CA_Loss) return;
  bictcp_reset(bictcp_ca(sk));
  bictcp_hystart_reset(sk);
}

/** What offloads on the way may add to an ACK's delay: four of the largest packets, at most 1 ms; us. */
function hystart_ack_delay(sk: sock): number {
  const rate = sk.sk_pacing_rate;
  if (rate === 0) return 0;
  return Math.min(
    USEC_PER_MSEC,
    Math.floor((sk.sk_gso_max_size * 4 * USEC_PER_SEC) / rate),
  );
}

/** HyStart ends slow start here and counts which sign it was. @local */
function hystart_found(sk: sock, detect_mib: number, cwnd_mib: number): void {
  const tp = tcp_sk(sk);
  const cwnd = tcp_snd_cwnd(tp);
  bictcp_ca(sk).found = true;
  NET_INC_STATS(sock_net(sk), detect_mib);
  NET_ADD_STATS(sock_net(sk), cwnd_mib, cwnd);
  tp.snd_ssthresh = cwnd;
}

/** Looks for signs that the path is full: a train of ACKs of half a round trip, or a rising delay (us). */
function hystart_update(sk: sock, delay: number): void {
  const tp = tcp_sk(sk);
  const ca = bictcp_ca(sk);
  if (after(tp.snd_una, ca.end_seq)) bictcp_hystart_reset(sk);
  if (tcp_snd_cwnd(tp) < hystart_low_window) return;

  if ((tcp_cubic_parameters.hystart_detect & HYSTART_ACK_TRAIN) !== 0) {
    const now = bictcp_clock_us(sk);
    if (now - ca.last_ack <= hystart_ack_delta_us) {
      ca.last_ack = now;
      let threshold = ca.delay_min + hystart_ack_delay(sk);
      // Pacing alone spreads a window over half a round trip.
      if (sk.sk_pacing_status === SK_PACING_NONE) threshold = Math.floor(threshold / 2);
      if (now - ca.round_start > threshold) {
        hystart_found(sk, LINUX_MIB_TCPHYSTARTTRAINDETECT, LINUX_MIB_TCPHYSTARTTRAINCWND);
      }
    }
  }
  if ((tcp_cubic_parameters.hystart_detect & HYSTART_DELAY) !== 0) {
    if (ca.curr_rtt > delay) ca.curr_rtt = delay;
    if (ca.sample_cnt < HYSTART_MIN_SAMPLES) ca.sample_cnt++;
    else if (ca.curr_rtt > ca.delay_min + HYSTART_DELAY_THRESH(Math.floor(ca.delay_min / 8))) {
      hystart_found(sk, LINUX_MIB_TCPHYSTARTDELAYDETECT, LINUX_MIB_TCPHYSTARTDELAYCWND);
    }
  }
}

function cubictcp_acked(sk: sock, sample: ack_sample): void {
  const ca = bictcp_ca(sk);
  if (sample.rtt_us < 0) return;
  // Right after a recovery round trips say little.
  if (ca.epoch_start !== 0 && ((tcp_jiffies32() - ca.epoch_start) | 0) < HZ) return;
  const delay = Math.max(sample.rtt_us, 1);
  if (ca.delay_min === 0 || ca.delay_min > delay) ca.delay_min = delay;
  if (!ca.found && tcp_in_slow_start(tcp_sk(sk)) && hystart) hystart_update(sk, delay);
}

export const cubictcp: tcp_congestion_ops = {
  flags: TCP_CONG_NON_RESTRICTED,
  name: "cubic",
  init: cubictcp_init,
  ssthresh: cubictcp_recalc_ssthresh,
  cong_avoid: cubictcp_cong_avoid,
  set_state: cubictcp_state,
  undo_cwnd: tcp_reno_undo_cwnd,
  cwnd_event: cubictcp_cwnd_event,
  pkts_acked: cubictcp_acked,
};

/** An initcall. */
export function cubictcp_register(): number {
  cubictcp.flags |= TCP_CONG_NON_RESTRICTED;
  tcp_cubic_parameters.hystart_detect = HYSTART_ACK_TRAIN | HYSTART_DELAY;
  return tcp_register_congestion_control(cubictcp);
}

export function cubictcp_unregister(): void {
  tcp_unregister_congestion_control(cubictcp);
}

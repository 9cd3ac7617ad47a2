// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { INITIAL_JIFFIES, jiffies, jiffies_set } from "../../include/linux/jiffies.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { tcp_sock } from "../../include/linux/tcp.ts";
import { tk_core, TK_MONO } from "../../include/linux/timekeeping.ts";
import { RTAX_MAX } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  ICSK_ACK_SCHED,
  ICSK_ACK_TIMER,
  ICSK_TIME_RETRANS,
  inet_csk_enter_pingpong_mode,
} from "../../include/net/inet_connection_sock.ts";
import type { inet_connection_sock_af_ops } from "../../include/net/inet_connection_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import {
  PACING_UNLIMITED,
  proto_counters,
  SOCK_DEAD,
  sock_set_flag,
} from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import { TCP_ATO_MIN, TCP_INFINITE_SSTHRESH } from "../../include/net/tcp.ts";
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_SYN_SENT } from "../../include/net/tcp_states.ts";
import { ETIMEDOUT } from "../../include/uapi/asm-generic/errno.ts";
import {
  LINUX_MIB_DELAYEDACKS,
  LINUX_MIB_TCPABORTONTIMEOUT,
  LINUX_MIB_TCPTIMEOUTS,
} from "../../include/uapi/linux/snmp.ts";
import { softirq_init } from "../../kernel/softirq.ts";
import { hrtimers_init } from "../../kernel/time/hrtimer.ts";
import { timers_init } from "../../kernel/time/timer.ts";
import { kfree_skb, nr_skbs_alive, skb_init, skb_put } from "../core/skbuff.ts";
import {
  sk_stream_alloc_skb,
  tcp_add_write_queue_tail,
  tcp_clear_xmit_timers,
  tcp_push_pending_frames,
  tcp_write_queue_purge,
} from "./tcp.ts";
import { tcp_reno } from "./tcp_cong.ts";
import {
  tcp_connect,
  tcp_mstamp_refresh,
  tcp_send_delayed_ack,
  tcp_sync_mss,
  tcp_tasklet_init,
} from "./tcp_output.ts";
import {
  tcp_clamp_probe0_to_user_timeout,
  tcp_delack_timer_handler,
  tcp_init_xmit_timers,
  tcp_write_timer_handler,
} from "./tcp_timer.ts";

const ISN = -1000;

/** A socket whose packets vanish; `sent` has when they left, ms from the start. */
class rig {
  readonly sk = new tcp_sock();
  readonly sent: number[] = [];
  now = 0;

  constructor(state: number) {
    softirq_init();
    timers_init();
    hrtimers_init();
    skb_init();
    tcp_tasklet_init();
    this.pass(0);
    const sk = this.sk;
    sk.skc_net = new net("test");
    sk.skc_prot = {
      name: "TCP",
      counters: new proto_counters(),
      max_header: 0,
      unhash: () => {},
      destroy: () => {},
      close: () => {},
      alloc_sock: () => new tcp_sock(),
    } satisfies proto;
    sk.icsk_af_ops = {
      queue_xmit: (_sk: unknown, skb: sk_buff): number => {
        this.sent.push(this.now);
        kfree_skb(skb);
        return 0;
      },
      send_check: () => {},
      rebuild_header: () => 0,
      net_header_len: 20,
    } as unknown as inet_connection_sock_af_ops;
    sk.sk_write_space = sk.sk_state_change = sk.sk_error_report = () => {};
    sk.sk_destruct = () => {};
    sk.icsk_ca_ops = tcp_reno;
    sk.skc_state = state;
    const dst = {
      _metrics: new Int32Array(RTAX_MAX + 1),
      obsolete: 0,
      ops: { mtu: () => 1500, default_advmss: () => 1460, negative_advice: (d: unknown) => d },
    };
    sk.sk_dst_cache = dst as unknown as dst_entry;
    sk.sk_pacing_rate = PACING_UNLIMITED;
    sk.sk_gso_max_segs = 1;
    sk.sk_rcvbuf = 131072;
    sk.sk_sndbuf = 1 << 20;
    sk.scaling_ratio = 128;
    sk.icsk_rto = sk.icsk_rto_min = 200;
    sk.icsk_rto_max = 120000;
    sk.icsk_delack_max = 200;
    sk.icsk_ack.rcv_mss = 1460;
    sk.snd_cwnd = 10;
    sk.snd_cwnd_clamp = 0xffffffff;
    sk.snd_ssthresh = TCP_INFINITE_SSTHRESH;
    sk.reordering = 3;
    sk.write_seq =
      sk.snd_una =
      sk.snd_nxt =
      sk.snd_up =
      sk.snd_sml =
      sk.pushed_seq =
        ISN;
    sk.snd_wnd = sk.max_window = 60000;
    sk.rcv_wnd = sk.rcv_ssthresh = sk.window_clamp = 65535;
    sk.advmss = sk.rx_opt.mss_clamp = 1460;
    sk.tcp_header_len = 20;
    tcp_init_xmit_timers(sk);
    tcp_sync_mss(sk, 1500);
  }

  pass(ms: number): void {
    this.now += ms;
    jiffies_set(INITIAL_JIFFIES + 10000 + this.now);
    tk_core[TK_MONO] = (10000 + this.now) * 1e6;
  }

  /** Lets the retransmission timer expire. */
  expire(): void {
    this.pass((this.sk.icsk_timeout - jiffies) | 0);
    tcp_write_timer_handler(this.sk);
  }

  write(len: number): void {
    const sk = this.sk;
    const skb = sk_stream_alloc_skb(sk, len, true)!;
    skb_put(skb, len);
    skb.tcp_cb.seq = sk.write_seq;
    skb.tcp_cb.end_seq = sk.write_seq = (sk.write_seq + len) | 0;
    skb.tcp_cb.tcp_flags = 0x10;
    sk.sk_wmem_queued += skb.truesize;
    tcp_add_write_queue_tail(sk, skb);
    tcp_push_pending_frames(sk);
  }

  [Symbol.dispose](): void {
    tcp_write_queue_purge(this.sk);
    tcp_clear_xmit_timers(this.sk);
    assertEquals(nr_skbs_alive(), 0);
  }
}

Deno.test("tcp_retransmit_timer() sends SYNs after 1 s five times, then backs off, and gives up", () => {
  using t = new rig(TCP_SYN_SENT);
  tcp_connect(t.sk);
  while (t.sk.skc_state !== TCP_CLOSE) t.expire();
  assertEquals(
    t.sent.map((ms) => ms / 1000),
    [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67],
  );
  assertEquals(t.now, 131000);
  assertEquals(t.sk.sk_err, ETIMEDOUT);
  assertEquals(t.sk.skc_net.mib.net_statistics[LINUX_MIB_TCPABORTONTIMEOUT], 1);
});

Deno.test("tcp_retransmit_timer() doubles the RTO of data, up to its limit and retries2", () => {
  using t = new rig(TCP_ESTABLISHED);
  t.write(100);
  assertEquals(t.sk.icsk_pending, ICSK_TIME_RETRANS);
  const rtos: number[] = [];
  while (t.sk.skc_state !== TCP_CLOSE) {
    rtos.push(t.sk.icsk_rto);
    t.expire();
  }
  assertEquals(rtos.slice(0, 4), [200, 400, 800, 1600]);
  assertEquals(rtos.at(-1), 120000);
  assertEquals(t.sent.slice(0, 4), [0, 200, 600, 1400]);
  // 924.6 s are what 15 retransmissions take; they are counted from the first, 200 ms in.
  assertEquals(t.sent.length, 17);
  assertEquals(t.now, 924600 + 120000);
  assertEquals(t.sk.skc_net.mib.net_statistics[LINUX_MIB_TCPTIMEOUTS], 17);
});

Deno.test("TCP_USER_TIMEOUT ends retransmission to the ms", () => {
  using t = new rig(TCP_ESTABLISHED);
  t.sk.icsk_user_timeout = 1000;
  t.write(100);
  while (t.sk.skc_state !== TCP_CLOSE) t.expire();
  // The clock of the timeout starts at the first retransmission.
  assertEquals(t.sent, [0, 200, 600]);
  assertEquals(t.now, 1200);
  t.sk.icsk_probes_tstamp = jiffies;
  t.pass(900);
  assertEquals(tcp_clamp_probe0_to_user_timeout(t.sk, 500), 100);
});

Deno.test("an orphan gives up earlier", () => {
  using t = new rig(TCP_ESTABLISHED);
  sock_set_flag(t.sk, SOCK_DEAD);
  t.sk.skc_refcnt = 100;
  t.sk.skc_prot.counters.orphan_count = 1;
  t.sk.skc_net.ipv4.sysctl_tcp_orphan_retries = 2;
  t.write(100);
  let rounds = 0;
  while (t.sk.icsk_pending !== 0 && rounds < 20) {
    t.expire();
    rounds++;
  }
  assert(t.sent.length <= 4, `${t.sent.length} segments`);
});

Deno.test("tcp_delack_timer_handler() sends the ACK, and delays more or leaves interactive mode", () => {
  using t = new rig(TCP_ESTABLISHED);
  const ack = t.sk.icsk_ack;
  ack.ato = TCP_ATO_MIN;
  ack.pending |= ICSK_ACK_SCHED;
  tcp_mstamp_refresh(t.sk);
  tcp_send_delayed_ack(t.sk);
  assertEquals(ack.pending, ICSK_ACK_SCHED | ICSK_ACK_TIMER);
  tcp_delack_timer_handler(t.sk);
  assertEquals(t.sent, []);
  t.pass(40);
  tcp_delack_timer_handler(t.sk);
  assertEquals(t.sent, [40]);
  assertEquals([ack.ato, ack.pending], [80, 0]);

  inet_csk_enter_pingpong_mode(t.sk);
  ack.pending |= ICSK_ACK_SCHED;
  tcp_send_delayed_ack(t.sk);
  t.pass(80);
  tcp_delack_timer_handler(t.sk);
  assertEquals(t.sent, [40, 120]);
  assertEquals([ack.ato, ack.pingpong], [TCP_ATO_MIN, 0]);
  assertEquals(t.sk.skc_net.mib.net_statistics[LINUX_MIB_DELAYEDACKS], 2);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { net_device } from "../../include/linux/netdevice.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { tcp_sock } from "../../include/linux/tcp.ts";
import { dst_entry, RTAX_MAX, RTAX_SSTHRESH } from "../../include/net/dst.ts";
import type { dst_ops } from "../../include/net/dst.ts";
import { net } from "../../include/net/net_namespace.ts";
import {
  tcp_fastopen_cookie,
  TCP_INFINITE_SSTHRESH,
  TCP_TIMEOUT_FALLBACK,
} from "../../include/net/tcp.ts";
import { net_ns_init } from "../core/net_namespace.ts";
import {
  tcp_fastopen_cache_get,
  tcp_fastopen_cache_set,
  tcp_init_metrics,
  TCP_METRIC_CWND,
  TCP_METRIC_RTT,
  TCP_METRIC_SSTHRESH,
  tcp_metrics_dump,
  tcp_metrics_flush_all,
  tcp_metrics_init,
  tcp_update_metrics,
} from "./tcp_metrics.ts";

const m = new sim_machine();
m.start();

function start(): { n: net; dst: dst_entry } {
  net_ns_init();
  tcp_metrics_init();
  const n = new net("test");
  const dev = new net_device("eth0");
  dev.nd_net = n;
  const dst = new dst_entry(
    dev,
    {} as dst_ops,
    new Int32Array(RTAX_MAX),
    () => 0,
    () => 0,
  );
  return { n, dst };
}

function connection(n: net, dst: dst_entry, daddr: number): tcp_sock {
  const tp = new tcp_sock();
  tp.skc_net = n;
  tp.skc_family = AF_INET;
  tp.inet_saddr = 0xc6336402 | 0;
  tp.skc_daddr = daddr;
  tp.sk_dst_cache = dst;
  tp.icsk_rto = 1000;
  tp.icsk_rto_min = 200;
  tp.snd_ssthresh = TCP_INFINITE_SSTHRESH;
  tp.snd_cwnd_clamp = 65535;
  tp.snd_cwnd = 10;
  tp.reordering = 3;
  return tp;
}

Deno.test("tcp_update_metrics() keeps the RTT, and tcp_init_metrics() seeds the RTO by it", () => {
  const { n, dst } = start();
  const first = connection(n, dst, 1);
  first.srtt_us = 300000 << 3;
  first.mdev_us = 1000;
  tcp_update_metrics(first);
  assertEquals(tcp_metrics_dump(n)[0].tcpm_vals[TCP_METRIC_RTT], 300000 << 3);
  const next = connection(n, dst, 1);
  next.srtt_us = 1000 << 3;
  tcp_init_metrics(next);
  assertEquals(next.icsk_rto, 300 + 600);
  assertEquals(next.srtt_us, 1000 << 3, "the estimator is left alone");
  const other = connection(n, dst, 2);
  tcp_init_metrics(other);
  assertEquals(other.icsk_rto, TCP_TIMEOUT_FALLBACK, "no RTT of the handshake, none known");
});

Deno.test("tcp_update_metrics() raises the RTT at once and lowers it slowly", () => {
  const { n, dst } = start();
  const tp = connection(n, dst, 1);
  for (const [srtt_us, want] of [[8000, 8000], [16000, 16000], [8000, 15000]]) {
    tp.srtt_us = srtt_us;
    tcp_update_metrics(tp);
    assertEquals(tcp_metrics_dump(n)[0].tcpm_vals[TCP_METRIC_RTT], want);
  }
  tp.icsk_backoff = 1;
  tcp_update_metrics(tp);
  assertEquals(tcp_metrics_dump(n)[0].tcpm_vals[TCP_METRIC_RTT], 0, "it could not measure");
});

Deno.test("tcp_update_metrics() keeps window and threshold of congestion avoidance", () => {
  const { n, dst } = start();
  n.ipv4.sysctl_tcp_no_ssthresh_metrics_save = 0;
  const tp = connection(n, dst, 1);
  tp.srtt_us = 8000;
  tp.snd_cwnd = 40;
  tp.snd_ssthresh = 30;
  tcp_update_metrics(tp);
  const vals = tcp_metrics_dump(n)[0].tcpm_vals;
  assertEquals(vals[TCP_METRIC_SSTHRESH], 30);
  assertEquals(vals[TCP_METRIC_CWND], 20);
  const next = connection(n, dst, 1);
  tcp_init_metrics(next);
  assertEquals(next.snd_ssthresh, 30);
});

Deno.test("tcp_update_metrics() leaves alone what the route fixes", () => {
  const { n, dst } = start();
  n.ipv4.sysctl_tcp_no_ssthresh_metrics_save = 0;
  dst._metrics[0] = 1 << RTAX_SSTHRESH;
  dst._metrics[RTAX_SSTHRESH - 1] = 7;
  const tp = connection(n, dst, 1);
  tp.srtt_us = 8000;
  tp.snd_cwnd = 40;
  tp.snd_ssthresh = 30;
  tcp_update_metrics(tp);
  assertEquals(tcp_metrics_dump(n)[0].tcpm_vals[TCP_METRIC_SSTHRESH], 7);
});

Deno.test("tcp_update_metrics() uses the oldest entry anew where a chain is long", async () => {
  const { n, dst } = start();
  for (let daddr = 1; daddr <= 20000; daddr++) {
    if (daddr === 10000) await m.advance(1000);
    const tp = connection(n, dst, daddr);
    tp.srtt_us = 8000;
    tcp_update_metrics(tp);
  }
  const all = tcp_metrics_dump(n);
  assert(all.length <= 1024 * 6, `${all.length} entries`);
  assert(all.every((tm) => tm.tcpm_daddr >= 10000), "the older half is gone");
  tcp_metrics_flush_all(n);
  assertEquals(tcp_metrics_dump(n).length, 0);
});

Deno.test("tcp_fastopen_cache_get() answers the cookie that tcp_fastopen_cache_set() kept", () => {
  const { n, dst } = start();
  const tp = connection(n, dst, 1);
  const cookie = new tcp_fastopen_cookie();
  const mss = { value: 536 };
  tcp_fastopen_cache_get(tp, mss, cookie);
  assertEquals([mss.value, cookie.len], [536, 0]);
  cookie.len = 8;
  cookie.val.set([1, 2, 3, 4, 5, 6, 7, 8]);
  tcp_fastopen_cache_set(tp, 1460, cookie, false, 0);
  const got = new tcp_fastopen_cookie();
  tcp_fastopen_cache_get(connection(n, dst, 1), mss, got);
  assertEquals([mss.value, got.len, got.exp], [1460, 8, false]);
  assertEquals([...got.val.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("tcp_fastopen_cache_get() asks by the experimental option once the other failed", () => {
  const { n, dst } = start();
  const tp = connection(n, dst, 1);
  tcp_fastopen_cache_set(tp, 0, null, true, 1);
  const got = new tcp_fastopen_cookie();
  tcp_fastopen_cache_get(tp, { value: 0 }, got);
  assertEquals(got.exp, true);
});

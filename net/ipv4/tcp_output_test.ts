// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { INITIAL_JIFFIES, jiffies_set } from "../../include/linux/jiffies.ts";
import { NETIF_F_TSO } from "../../include/linux/netdevice.ts";
import {
  skb_fill_page_desc,
  SKB_GSO_TCPV4,
  tcp_hdr,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { tcp_request_sock, tcp_sock } from "../../include/linux/tcp.ts";
import { tk_core, TK_MONO } from "../../include/linux/timekeeping.ts";
import { RTAX_MAX } from "../../include/net/dst.ts";
import type { dst_entry } from "../../include/net/dst.ts";
import {
  ICSK_ACK_NOMEM,
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_RETRANS,
} from "../../include/net/inet_connection_sock.ts";
import type { inet_connection_sock_af_ops } from "../../include/net/inet_connection_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import { PACING_UNLIMITED, proto_counters } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import {
  TCP_ECN_OK,
  TCP_ECN_QUEUE_CWR,
  tcp_fastopen_cookie,
  TCP_FRAG_IN_RTX_QUEUE,
  TCP_INFINITE_SSTHRESH,
  TCP_NAGLE_CORK,
  TCP_NAGLE_OFF,
  TCP_SYNACK_NORMAL,
  TCPCB_LOST,
  TCPCB_SACKED_RETRANS,
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_PSH,
} from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_NEW_SYN_RECV,
  TCP_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { LINUX_MIB_TCPTOZEROWINDOWADV } from "../../include/uapi/linux/snmp.ts";
import { softirq_init } from "../../kernel/softirq.ts";
import { hrtimers_init } from "../../kernel/time/hrtimer.ts";
import { timers_init } from "../../kernel/time/timer.ts";
import { alloc_pages } from "../../mm/page_alloc.ts";
import { kfree_skb, nr_skbs_alive, skb_init } from "../core/skbuff.ts";
import {
  sk_stream_alloc_skb,
  tcp_add_write_queue_tail,
  tcp_clear_xmit_timers,
  tcp_rtx_queue_head,
  tcp_rtx_queue_tail,
  tcp_write_queue_purge,
} from "./tcp.ts";
import { tcp_reno } from "./tcp_cong.ts";
import {
  __tcp_push_pending_frames,
  __tcp_select_window,
  tcp_connect,
  tcp_fragment,
  tcp_make_synack,
  tcp_mstamp_refresh,
  tcp_retransmit_skb,
  tcp_select_initial_window,
  tcp_send_ack,
  tcp_send_active_reset,
  tcp_send_fin,
  tcp_send_loss_probe,
  tcp_send_probe0,
  tcp_sync_mss,
  tcp_tasklet_init,
  tcp_trim_head,
} from "./tcp_output.ts";
import { tcp_init_xmit_timers } from "./tcp_timer.ts";

const ISN = -1000;

/** A segment that reached IP. */
interface segment {
  flags: number;
  seq: number;
  ack: number;
  win: number;
  urg: number;
  len: number;
  gso_size: number;
  /** Options as hexadecimal digits. */
  opts: string;
}

/** Starts the clocks at `ms` after boot. */
function clock(ms: number): void {
  jiffies_set(INITIAL_JIFFIES + ms);
  tk_core[TK_MONO] = ms * 1e6;
}

function a_dst(mtu = 1500): dst_entry {
  return {
    _metrics: new Int32Array(RTAX_MAX + 1),
    obsolete: 0,
    ops: { mtu: () => mtu, default_advmss: () => mtu - 40 },
  } as unknown as dst_entry;
}

/** A socket whose packets end in `out`, with a clock that stands. */
class rig {
  readonly sk = new tcp_sock();
  readonly out: segment[] = [];

  constructor(state: number = TCP_ESTABLISHED) {
    softirq_init();
    timers_init();
    hrtimers_init();
    skb_init();
    tcp_tasklet_init();
    clock(10000);
    const sk = this.sk;
    sk.skc_net = new net("test");
    sk.skc_prot = {
      name: "TCP",
      counters: new proto_counters(),
      max_header: 0,
      sysctl_mem: (n) => n.ipv4.sysctl_tcp_mem,
      sysctl_wmem: (n) => n.ipv4.sysctl_tcp_wmem,
      unhash: () => {},
      close: () => {},
      alloc_sock: () => new tcp_sock(),
    } satisfies proto;
    sk.icsk_af_ops = {
      queue_xmit: (_sk: unknown, skb: sk_buff): number => this.queue_xmit(skb),
      send_check: () => {},
      rebuild_header: () => 0,
      net_header_len: 20,
    } as unknown as inet_connection_sock_af_ops;
    sk.sk_write_space = sk.sk_state_change = sk.sk_data_ready = () => {};
    sk.sk_destruct = () => {};
    sk.icsk_ca_ops = tcp_reno;
    sk.skc_state = state;
    sk.skc_dport = 80;
    sk.inet_sport = 40000;
    sk.sk_dst_cache = a_dst();
    sk.sk_pacing_rate = sk.sk_max_pacing_rate = PACING_UNLIMITED;
    sk.sk_gso_type = SKB_GSO_TCPV4;
    sk.sk_gso_max_size = 65536 - 321;
    sk.sk_gso_max_segs = 65535;
    sk.sk_route_caps = NETIF_F_TSO;
    sk.sk_rcvbuf = 131072;
    sk.sk_sndbuf = 1 << 20;
    sk.scaling_ratio = 128;
    sk.icsk_rto = 200;
    sk.icsk_rto_min = 200;
    sk.icsk_rto_max = 120000;
    sk.icsk_delack_max = 200;
    sk.icsk_ack.rcv_mss = 1460;
    sk.snd_cwnd = 10;
    sk.snd_cwnd_clamp = 0xffffffff;
    sk.snd_ssthresh = TCP_INFINITE_SSTHRESH;
    sk.reordering = 3;
    sk.rcv_nxt = sk.copied_seq = sk.rcv_wup = -5;
    sk.rcv_wnd = 65535;
    sk.rcv_ssthresh = 65535;
    sk.window_clamp = 65535;
    sk.write_seq =
      sk.snd_una =
      sk.snd_nxt =
      sk.snd_up =
      sk.snd_sml =
      sk.pushed_seq =
        ISN;
    sk.snd_wnd = sk.max_window = 60000;
    sk.advmss = 1460;
    sk.rx_opt.mss_clamp = 1460;
    sk.rx_opt.sack_ok = 1;
    sk.tcp_header_len = 20;
    tcp_init_xmit_timers(sk);
    tcp_sync_mss(sk, 1500);
  }

  queue_xmit(skb: sk_buff): number {
    const th = tcp_hdr(skb);
    const hlen = th.doff << 2;
    const opts = skb.head.u8.subarray(skb.data + 20, skb.data + hlen);
    this.out.push({
      flags: th.flags,
      seq: (th.seq - ISN) | 0,
      ack: th.ack_seq,
      win: th.window,
      urg: th.urg_ptr,
      len: skb.len - hlen,
      gso_size: skb.shinfo.gso_size,
      opts: [...opts].map((b) => b.toString(16).padStart(2, "0")).join(""),
    });
    kfree_skb(skb);
    return 0;
  }

  /** Queues `len` bytes as one skb, like a write that was copied into a page. */
  write(len: number): sk_buff {
    const sk = this.sk;
    const skb = sk_stream_alloc_skb(sk, 0, true)!;
    skb_fill_page_desc(skb, 0, alloc_pages(len), 0, len);
    skb.len = skb.data_len = len;
    skb.truesize += len;
    const tcb = TCP_SKB_CB(skb);
    tcb.seq = sk.write_seq;
    tcb.end_seq = sk.write_seq = (sk.write_seq + len) | 0;
    tcb.tcp_flags = TCPHDR_ACK;
    sk.sk_wmem_queued += skb.truesize;
    sk.sk_forward_alloc -= skb.truesize;
    // As __skb_header_release() does.
    skb.nohdr = true;
    skb.shinfo.dataref = 1 + (1 << 16);
    tcp_add_write_queue_tail(sk, skb);
    return skb;
  }

  push(nonagle = 0): void {
    __tcp_push_pending_frames(this.sk, this.sk.mss_cache, nonagle);
  }

  /** Lengths of the data segments since the last call. */
  lens(): number[] {
    return this.out.splice(0).map((s) => s.len);
  }

  /** Frees all; nothing may be left. */
  [Symbol.dispose](): void {
    tcp_write_queue_purge(this.sk);
    tcp_clear_xmit_timers(this.sk);
    assertEquals(nr_skbs_alive(), 0);
    assertEquals(this.sk.sk_wmem_queued, 0);
    assertEquals(this.sk.sk_wmem_alloc, 1);
  }
}

Deno.test("tcp_connect() sends a SYN with MSS, SACK permitted, timestamps and window scale", () => {
  using t = new rig(TCP_SYN_SENT);
  t.sk.window_clamp = 0;
  assertEquals(tcp_connect(t.sk), 0);
  const [syn] = t.out;
  assertEquals([syn.flags, syn.seq, syn.ack, syn.len], [2, 0, 0, 0]);
  // 10000 ms is 0x2710.
  assertEquals(syn.opts, "020405b4" + "0402080a" + "00002710" + "00000000" + "0103030a");
  assertEquals(syn.win, 64240);
  assertEquals([t.sk.snd_nxt, t.sk.packets_out], [(ISN + 1) | 0, 1]);
  assertEquals(t.sk.icsk_pending, ICSK_TIME_RETRANS);
});

Deno.test("tcp_connect() minds the sysctls of its options", () => {
  using t = new rig(TCP_SYN_SENT);
  const ipv4 = t.sk.skc_net.ipv4;
  ipv4.sysctl_tcp_timestamps = 0;
  ipv4.sysctl_tcp_window_scaling = 0;
  ipv4.sysctl_tcp_ecn = 1;
  tcp_connect(t.sk);
  assertEquals(t.out[0].opts, "020405b4" + "01010402");
  assertEquals(t.out[0].flags, 0xc2);
  // A SYN that is sent again does without ECN.
  tcp_retransmit_skb(t.sk, tcp_rtx_queue_head(t.sk)!, 1);
  assertEquals(t.out[1].flags, 0x02);
});

Deno.test("a Fast Open option asks for a cookie, and brings one, padded", () => {
  using t = new rig(TCP_SYN_SENT);
  const req = new tcp_request_sock();
  req.skc_net = t.sk.skc_net;
  req.skc_state = TCP_NEW_SYN_RECV;
  req.mss = 1460;
  req.snt_isn = 7;
  req.rcv_nxt = 9;
  req.rsk_rcv_wnd = 70000;
  const foc = new tcp_fastopen_cookie();
  const make = (): string => {
    const skb = tcp_make_synack(t.sk, a_dst(), req, foc, TCP_SYNACK_NORMAL, null)!;
    t.queue_xmit(skb);
    return t.out.pop()!.opts;
  };
  assertEquals(make(), "020405b4" + "22020101");
  foc.len = 8;
  foc.val.set([1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(make(), "020405b4" + "220a0102030405060708" + "0101");
  foc.exp = true;
  assertEquals(make(), "020405b4" + "fe0cf989" + "0102030405060708");
  foc.len = -1;
  req.tstamp_ok = req.sack_ok = req.wscale_ok = true;
  req.rcv_wscale = 7;
  req.ts_recent = 0x01020304;
  req.ts_off = -1;
  assertEquals(make(), "020405b4" + "0402080a" + "0000270f" + "01020304" + "01030307");
});

Deno.test("tcp_send_ack() brings timestamps and SACK blocks, a duplicate first", () => {
  using t = new rig();
  const rx = t.sk.rx_opt;
  rx.tstamp_ok = true;
  rx.ts_recent = 5;
  t.sk.tcp_header_len = 32;
  rx.num_sacks = 1;
  t.sk.selective_acks[0].start_seq = 0x100;
  t.sk.selective_acks[0].end_seq = 0x200;
  t.sk.duplicate_sack[0].start_seq = 0x10;
  t.sk.duplicate_sack[0].end_seq = 0x20;
  rx.dsack = true;
  tcp_mstamp_refresh(t.sk);
  tcp_send_ack(t.sk);
  tcp_send_ack(t.sk);
  const ts = "0101080a" + "00002710" + "00000005";
  const block = "00000100" + "00000200";
  assertEquals(t.out[0].opts, ts + "01010512" + "00000010" + "00000020" + block);
  assertEquals(t.out[1].opts, ts + "0101050a" + block);
  assertEquals([t.out[0].seq, t.out[0].ack, t.out[0].flags], [0, -5, TCPHDR_ACK]);
  // Four blocks do not fit beside timestamps.
  rx.num_sacks = 4;
  tcp_send_ack(t.sk);
  assertEquals(t.out[2].opts.length / 2, 12 + 4 + 3 * 8);
});

Deno.test("__tcp_push_pending_frames() sends what the congestion window allows, in two pieces", () => {
  using t = new rig();
  t.sk.mss_cache = 1000;
  t.sk.icsk_pmtu_cookie = 1500;
  t.sk.skc_net.ipv4.sysctl_tcp_min_tso_segs = 10;
  t.write(20000);
  t.push();
  assertEquals(t.out.map((s) => s.gso_size), [1000, 1000]);
  assertEquals(t.out.map((s) => s.flags), [TCPHDR_ACK | TCPHDR_PSH, TCPHDR_ACK | TCPHDR_PSH]);
  assertEquals(t.lens(), [5000, 5000]);
  assertEquals([t.sk.packets_out, t.sk.snd_nxt], [10, (ISN + 10000) | 0]);
  t.push();
  assertEquals(t.lens(), []);
  assert(t.sk.is_cwnd_limited);
  assertEquals(t.sk.icsk_pending, ICSK_TIME_LOSS_PROBE);
});

Deno.test("__tcp_push_pending_frames() stops at the peer's window", () => {
  using t = new rig();
  t.sk.snd_wnd = 3000;
  t.write(8000);
  t.push(TCP_NAGLE_OFF);
  assertEquals(t.lens(), [3000]);
  assertEquals(t.sk.packets_out, 3);
});

Deno.test("tcp_send_probe0() probes a closed window with a byte that is too old", () => {
  using t = new rig();
  t.sk.snd_wnd = 0;
  t.write(100);
  t.push();
  assertEquals(t.lens(), []);
  tcp_send_probe0(t.sk);
  assertEquals([t.out[0].seq, t.out[0].len], [-1, 0]);
  assertEquals([t.sk.icsk_probes_out, t.sk.icsk_backoff], [1, 1]);
});

Deno.test("Nagle's rule holds a second small segment back, cork any, TCP_NODELAY none", () => {
  using t = new rig();
  t.write(100);
  t.push();
  t.write(100);
  t.push();
  assertEquals(t.lens(), [100]);
  t.push(TCP_NAGLE_OFF);
  assertEquals(t.lens(), [100]);
  t.sk.snd_una = t.sk.snd_up = t.sk.snd_nxt;
  t.write(100);
  t.push(TCP_NAGLE_CORK);
  assertEquals(t.lens(), []);
  tcp_send_fin(t.sk);
  assertEquals(t.out[0].flags, TCPHDR_ACK | TCPHDR_FIN);
  assertEquals(t.lens(), [100]);
});

Deno.test("tcp_fragment() keeps the counts of packets when it cuts what was sent", () => {
  using t = new rig();
  t.write(4 * 1460);
  t.push();
  const skb = tcp_rtx_queue_head(t.sk)!;
  TCP_SKB_CB(skb).tcp_flags |= TCPHDR_FIN;
  TCP_SKB_CB(skb).sacked = TCPCB_LOST;
  t.sk.lost_out = 4;
  assertEquals(tcp_fragment(t.sk, TCP_FRAG_IN_RTX_QUEUE, skb, 1000, 1460), 0);
  const rest = tcp_rtx_queue_tail(t.sk)!;
  assertEquals([skb.len, rest.len], [1000, 4840]);
  assertEquals(TCP_SKB_CB(rest).seq, (ISN + 1000) | 0);
  assertEquals(TCP_SKB_CB(skb).tcp_flags & TCPHDR_FIN, 0);
  assert((TCP_SKB_CB(rest).tcp_flags & TCPHDR_FIN) !== 0);
  assertEquals([t.sk.packets_out, t.sk.lost_out], [5, 5]);
  assertEquals(t.sk.tsorted_sent_queue.first, skb);
  assertEquals(t.sk.tsorted_sent_queue.last, rest);
  assertEquals(tcp_trim_head(t.sk, rest, 1460), 0);
  assertEquals([rest.len, TCP_SKB_CB(rest).tcp_gso_segs], [3380, 3]);
});

Deno.test("tcp_retransmit_skb() trims, merges small neighbours and marks", () => {
  using t = new rig();
  for (let i = 0; i < 3; i++) {
    t.write(200);
    t.push(TCP_NAGLE_OFF);
  }
  assertEquals(t.lens(), [200, 200, 200]);
  t.sk.snd_una = (ISN + 50) | 0;
  const skb = tcp_rtx_queue_head(t.sk)!;
  assertEquals(tcp_retransmit_skb(t.sk, skb, 1), 0);
  assertEquals([t.out[0].seq, t.out[0].len], [50, 550]);
  assert((TCP_SKB_CB(skb).sacked & TCPCB_SACKED_RETRANS) !== 0);
  assertEquals([t.sk.packets_out, t.sk.retrans_out, t.sk.undo_retrans], [1, 1, 1]);
  assertEquals(t.sk.retrans_stamp, 10000);
});

Deno.test("tcp_send_loss_probe() sends new data if there is any, else the last segment", () => {
  using t = new rig();
  t.write(3000);
  t.push(TCP_NAGLE_CORK);
  assertEquals(t.lens(), [2920]);
  tcp_send_loss_probe(t.sk);
  assertEquals(t.lens(), [80]);
  assertEquals(t.sk.tlp_high_seq, t.sk.snd_nxt);
  t.sk.tlp_high_seq = 0;
  tcp_send_loss_probe(t.sk);
  assertEquals([t.out[0].seq, t.out[0].len], [2920, 80]);
  assert(t.sk.tlp_retrans);
  tcp_send_loss_probe(t.sk);
  assertEquals(t.out.length, 1);
});

Deno.test("ECN marks new data as capable and answers congestion once", () => {
  using t = new rig();
  t.sk.ecn_flags = TCP_ECN_OK | TCP_ECN_QUEUE_CWR;
  t.write(100);
  t.push(TCP_NAGLE_OFF);
  t.write(100);
  t.push(TCP_NAGLE_OFF);
  assertEquals(t.out.map((s) => s.flags), [0x90, 0x10]);
  assertEquals(t.sk.tos & 3, 2);
  tcp_send_ack(t.sk);
  assertEquals(t.sk.tos & 3, 0);
});

Deno.test("urgent data set pointer and flag, as far as 16 bits reach", () => {
  using t = new rig();
  t.sk.snd_up = (ISN + 120) | 0;
  t.write(100);
  t.push(TCP_NAGLE_OFF);
  assertEquals([t.out[0].flags & 0x20, t.out[0].urg], [0x20, 120]);
  t.write(100);
  t.sk.snd_up = (ISN + 70000) | 0;
  t.push(TCP_NAGLE_OFF);
  assertEquals([t.out[1].flags & 0x20, t.out[1].urg], [0x20, 65535]);
});

Deno.test("tcp_select_initial_window() offers whole segments and a scale for the largest buffer", () => {
  const { sk } = new rig(TCP_CLOSE);
  const select = (space: number, clamp: number, ok: boolean, init = 0): number[] => {
    const wnd = { value: 0 }, wclamp = { value: clamp }, wscale = { value: 0 };
    tcp_select_initial_window(sk, space, 1460, wnd, wclamp, ok, wscale, init);
    return [wnd.value, wclamp.value, wscale.value];
  };
  assertEquals(select(65536, 0, true), [64240, 65535 << 10, 10]);
  assertEquals(select(65536, 0, false), [64240, 65535, 0]);
  assertEquals(select(65536, 20000, true), [18980, 20000, 0]);
  assertEquals(select(65536, 0, true, 10), [14600, 65535 << 10, 10]);
  assertEquals(select(-1, 0, true), [0, 65535 << 10, 10]);
  sk.skc_net.ipv4.sysctl_tcp_workaround_signed_windows = 1;
  assertEquals(select(65536, 0, true)[0], 32767);
});

Deno.test("__tcp_select_window() closes in time and opens in steps", () => {
  using t = new rig();
  const sk = t.sk;
  sk.rcv_wnd = 0;
  assertEquals(__tcp_select_window(sk), 64240);
  sk.sk_rmem_alloc = 131072 - 2000;
  assertEquals(__tcp_select_window(sk), 0);
  sk.sk_rmem_alloc = 200000;
  assertEquals(__tcp_select_window(sk), 0);
  sk.sk_rmem_alloc = 131072 - 20000;
  sk.rcv_wnd = 9900;
  assertEquals(__tcp_select_window(sk), 9900);
  sk.rx_opt.rcv_wscale = 7;
  assertEquals(__tcp_select_window(sk), 9984);
  // With room again, an offer that is not used up is not taken back.
  sk.rcv_wnd = 30000;
  tcp_send_ack(sk);
  assertEquals([t.out[0].win, sk.rcv_wnd], [235, 30080]);
  sk.skc_net.ipv4.sysctl_tcp_shrink_window = 1;
  tcp_send_ack(sk);
  assertEquals([t.out[1].win, sk.rcv_wnd], [78, 9984]);
  sk.icsk_ack.pending |= ICSK_ACK_NOMEM;
  tcp_send_ack(sk);
  assertEquals([t.out[2].win, sk.rcv_wnd], [0, 0]);
  assertEquals(sk.skc_net.mib.net_statistics[LINUX_MIB_TCPTOZEROWINDOWADV], 0);
});

Deno.test("tcp_send_active_reset() stays within a window that was taken back", () => {
  using t = new rig();
  t.write(1000);
  t.push(TCP_NAGLE_OFF);
  tcp_send_active_reset(t.sk);
  t.sk.snd_wnd = 500;
  tcp_send_active_reset(t.sk);
  assertEquals(t.out.slice(1).map((s) => [s.flags, s.seq]), [[0x14, 1000], [0x14, 500]]);
});

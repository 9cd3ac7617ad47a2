// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { SKB_EXT_ERR, SO_EE_ORIGIN_ZEROCOPY } from "../../include/linux/errqueue.ts";
import { msghdr, socket_wq } from "../../include/linux/net.ts";
import { NETIF_F_SG } from "../../include/linux/netdevice.ts";
import {
  __skb_queue_tail,
  skb_reserve,
  SKB_TRUESIZE,
  TCP_SKB_CB,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  MSG_DONTWAIT,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_ZEROCOPY,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { tcp_sock } from "../../include/linux/tcp.ts";
import { iov_iter, ITER_DEST, ITER_SOURCE } from "../../include/linux/uio.ts";
import { net } from "../../include/net/net_namespace.ts";
import {
  PACING_UNLIMITED,
  proto_counters,
  SHUTDOWN_MASK,
  sock_set_flag,
  SOCK_ZEROCOPY,
} from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import { TCP_URG_VALID, TCPHDR_FIN } from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { EAGAIN, EINVAL, ENOTCONN } from "../../include/uapi/asm-generic/errno.ts";
import { TCP_MIB_CURRESTAB, TCP_MIB_ESTABRESETS } from "../../include/uapi/linux/snmp.ts";
import {
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_INFO,
  tcp_info_decode,
  TCP_INFO_SIZE,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_SAVED_SYN,
  TCP_USER_TIMEOUT,
} from "../../include/uapi/linux/tcp.ts";
import { alloc_skb, kfree_skb, skb_dequeue, skb_put } from "../core/skbuff.ts";
import { sock_def_readable } from "../core/sock.ts";
import {
  do_tcp_getsockopt,
  do_tcp_setsockopt,
  retrans_to_secs,
  secs_to_retrans,
  sk_stream_alloc_skb,
  tcp_close_state,
  tcp_inq,
  tcp_ioctl,
  tcp_recvmsg,
  tcp_sendmsg,
  tcp_set_state,
  tcp_write_queue_purge,
  tcp_xmit_size_goal,
} from "./tcp.ts";
import { tcp_reno } from "./tcp_cong.ts";

const ISN = -1000;

/** A connection without a network. */
function sock_of(state: number): tcp_sock {
  const sk = new tcp_sock();
  sk.skc_net = new net("test");
  sk.skc_prot = {
    name: "TCP",
    counters: new proto_counters(),
    max_header: 0,
    unhash: () => {},
    close: () => {},
    alloc_sock: () => new tcp_sock(),
  } satisfies proto;
  sk.skc_state = state;
  sk.sk_type = 1;
  sk.sk_rcvbuf = sk.sk_sndbuf = 1 << 20;
  sk.scaling_ratio = 128;
  sk.rcv_nxt = sk.copied_seq = sk.rcv_wup = ISN;
  sk.rcv_wnd = 65535;
  sk.write_seq =
    sk.snd_una =
    sk.snd_nxt =
    sk.snd_up =
    sk.pushed_seq =
      ISN;
  sk.tcp_header_len = 20;
  sk.sk_write_space = sk.sk_state_change = sk.sk_data_ready = () => {};
  sk.mss_cache = 1000;
  sk.icsk_ca_ops = tcp_reno;
  return sk;
}

/** Puts received bytes into the queue. */
function receive(sk: tcp_sock, text: string, flags = 0): sk_buff {
  const skb = alloc_skb(2048);
  skb_reserve(skb, 64);
  const at = skb_put(skb, text.length);
  new TextEncoder().encodeInto(text, skb.head.u8.subarray(at));
  const tcb = TCP_SKB_CB(skb);
  tcb.seq = sk.rcv_nxt;
  tcb.end_seq = (sk.rcv_nxt + text.length + (flags & TCPHDR_FIN ? 1 : 0)) | 0;
  tcb.tcp_flags = flags;
  sk.rcv_nxt = tcb.end_seq;
  __skb_queue_tail(sk.sk_receive_queue, skb);
  return skb;
}

/** What a read answers: its bytes as text, or a number. */
function read(sk: tcp_sock, len: number, flags = 0): string | number {
  const buf = new Uint8Array(len);
  const msg = new msghdr();
  msg.msg_iter = new iov_iter(ITER_DEST, buf, null, len);
  const ret = tcp_recvmsg(sk, msg, len, flags | MSG_DONTWAIT) as number;
  return ret > 0 && !(flags & MSG_TRUNC) ? new TextDecoder().decode(buf.subarray(0, ret)) : ret;
}

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

function getsockopt(sk: tcp_sock, name: number, size = 4): number {
  const val = new Uint8Array(size);
  const len = Int32Array.of(size);
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, name, val, len), 0);
  return new DataView(val.buffer).getInt32(0, true);
}

Deno.test("tcp_close_state() goes through RFC 9293's states and says when a FIN is due", () => {
  const table: [number, number, boolean][] = [
    [TCP_ESTABLISHED, TCP_FIN_WAIT1, true],
    [TCP_SYN_SENT, TCP_CLOSE, false],
    [TCP_SYN_RECV, TCP_FIN_WAIT1, true],
    [TCP_FIN_WAIT1, TCP_FIN_WAIT1, false],
    [TCP_FIN_WAIT2, TCP_FIN_WAIT2, false],
    [TCP_CLOSE, TCP_CLOSE, false],
    [TCP_CLOSE_WAIT, TCP_LAST_ACK, true],
    [TCP_LAST_ACK, TCP_LAST_ACK, false],
    [TCP_LISTEN, TCP_CLOSE, false],
    [TCP_CLOSING, TCP_CLOSING, false],
  ];
  for (const [from, to, fin] of table) {
    const sk = sock_of(from);
    assertEquals(tcp_close_state(sk), fin);
    assertEquals(sk.sk_state, to);
  }
});

Deno.test("tcp_set_state() counts established connections and resets", () => {
  const sk = sock_of(TCP_SYN_RECV);
  const mib = sk.skc_net.mib.tcp_statistics;
  let unhashed = 0;
  sk.skc_prot.unhash = () => unhashed++;
  tcp_set_state(sk, TCP_ESTABLISHED);
  tcp_set_state(sk, TCP_ESTABLISHED);
  assertEquals(mib[TCP_MIB_CURRESTAB], 1);
  tcp_set_state(sk, TCP_CLOSE_WAIT);
  assertEquals(mib[TCP_MIB_CURRESTAB], 1);
  tcp_set_state(sk, TCP_LAST_ACK);
  assertEquals(mib[TCP_MIB_CURRESTAB], 0);
  tcp_set_state(sk, TCP_CLOSE);
  assertEquals([mib[TCP_MIB_CURRESTAB], mib[TCP_MIB_ESTABRESETS], unhashed], [0, 0, 1]);
  const reset = sock_of(TCP_ESTABLISHED);
  tcp_set_state(reset, TCP_CLOSE);
  assertEquals(reset.skc_net.mib.tcp_statistics[TCP_MIB_ESTABRESETS], 1);
});

Deno.test("secs_to_retrans() and retrans_to_secs() convert with backoff up to the limit", () => {
  assertEquals([0, 1, 2, 3, 4, 7, 8].map((s) => secs_to_retrans(s, 1, 120)), [
    0,
    1,
    2,
    2,
    3,
    3,
    4,
  ]);
  assertEquals([0, 1, 2, 3, 8].map((n) => retrans_to_secs(n, 1, 120)), [0, 1, 3, 7, 247]);
  assertEquals(secs_to_retrans(0x7fffffff, 1, 120), 255);
});

Deno.test("tcp_xmit_size_goal() fills half of the largest window with whole segments", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.sk_gso_max_size = 65215;
  sk.sk_gso_max_segs = 65535;
  sk.max_window = 50000;
  assertEquals(tcp_xmit_size_goal(sk, 1000, true), 25000);
  assertEquals(sk.gso_segs, 25);
  assertEquals(tcp_xmit_size_goal(sk, 1000, false), 1000);
  sk.max_window = 1 << 20;
  assertEquals(tcp_xmit_size_goal(sk, 1000, true), 65000);
});

Deno.test("sk_stream_alloc_skb() charges 1280 bytes for a packet without payload", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  const skb = sk_stream_alloc_skb(sk, 0, false)!;
  assertEquals(skb.truesize, 1280);
  assertEquals(skb.truesize, SKB_TRUESIZE(skb.end));
  kfree_skb(skb);
});

Deno.test("tcp_sendmsg() copies bytes into one packet and accounts for them", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.packets_out = 1;
  sk.snd_wnd = sk.max_window = 65535;
  sk.snd_cwnd = 10;
  sk.sk_gso_max_size = 65215;
  sk.sk_gso_max_segs = 65535;
  sk.notsent_lowat = 0xffffffff;
  const data = new TextEncoder().encode("hello");
  for (let i = 0; i < 2; i++) {
    const msg = new msghdr();
    msg.msg_flags = MSG_MORE | MSG_DONTWAIT;
    msg.msg_iter = new iov_iter(ITER_SOURCE, data, null, data.length);
    assertEquals(tcp_sendmsg(sk, msg, data.length), 5);
  }
  const skb = sk.sk_write_queue.next!;
  assertEquals([sk.sk_write_queue.qlen, skb.len, skb.shinfo.nr_frags], [1, 10, 1]);
  const frag = skb.shinfo.frags[0];
  const bytes = frag.bv_page.u8.subarray(frag.bv_offset, frag.bv_offset + frag.bv_len);
  assertEquals(new TextDecoder().decode(bytes), "hellohello");
  assertEquals(sk.sk_wmem_queued, 1290);
  assertEquals([sk.write_seq, TCP_SKB_CB(skb).seq, TCP_SKB_CB(skb).end_seq], [
    ISN + 10,
    ISN,
    ISN + 10,
  ]);
  const arg = new Int32Array(1);
  assertEquals([tcp_ioctl(sk, SIOCOUTQ, arg), arg[0]], [0, 10]);
  tcp_write_queue_purge(sk);
  assertEquals(sk.sk_wmem_queued, 0);
});

Deno.test("tcp_recvmsg() reads across packets, keeps what it peeks at, and ends at FIN", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  assertEquals(read(sk, 10), -EAGAIN);
  receive(sk, "hello ");
  receive(sk, "world");
  assertEquals(tcp_inq(sk), 11);
  assertEquals(read(sk, 8, MSG_PEEK), "hello wo");
  assertEquals(read(sk, 8), "hello wo");
  assertEquals(sk.sk_receive_queue.qlen, 1);
  receive(sk, "!", TCPHDR_FIN);
  assertEquals(read(sk, 100), "rld!");
  assertEquals([sk.sk_receive_queue.qlen, sk.copied_seq], [0, sk.rcv_nxt]);
  sk.sk_shutdown = SHUTDOWN_MASK;
  assertEquals(read(sk, 100), 0);
});

Deno.test("tcp_sendmsg() stops at a full send buffer and says how much it took", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.packets_out = sk.snd_cwnd = 10;
  sk.snd_wnd = sk.max_window = 50000;
  sk.sk_gso_max_size = 65215;
  sk.sk_gso_max_segs = 65535;
  sk.sk_sndbuf = 42000;
  const data = new Uint8Array(61000);
  const write = (): number => {
    const msg = new msghdr();
    msg.msg_flags = MSG_DONTWAIT;
    msg.msg_iter = new iov_iter(ITER_SOURCE, data, null, data.length);
    return tcp_sendmsg(sk, msg, data.length) as number;
  };
  assertEquals(write(), 50000);
  assertEquals([sk.sk_write_queue.qlen, sk.sk_wmem_queued], [2, 2 * 26280]);
  assertEquals(write(), -EAGAIN);
  tcp_write_queue_purge(sk);
});

Deno.test("tcp_sendmsg() sends the program's own bytes with MSG_ZEROCOPY and reports when they are free", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.packets_out = sk.snd_cwnd = 10;
  sk.snd_wnd = sk.max_window = 50000;
  sk.sk_gso_max_size = 65215;
  sk.sk_gso_max_segs = 65535;
  sk.sk_route_caps = NETIF_F_SG;
  sk.sk_error_report = () => {};
  sock_set_flag(sk, SOCK_ZEROCOPY);
  const a = new Uint8Array(20000);
  const b = new Uint8Array(10000);
  for (let i = 0; i < 2; i++) {
    const msg = new msghdr();
    msg.msg_flags = MSG_DONTWAIT | MSG_ZEROCOPY;
    const iov = [{ iov_base: a, iov_len: a.length }, { iov_base: b, iov_len: b.length }];
    msg.msg_iter = new iov_iter(ITER_SOURCE, a, iov, 30000);
    assertEquals(tcp_sendmsg(sk, msg, 30000), 30000);
  }
  const first = sk.sk_write_queue.next!;
  assertEquals([first.len, first.shinfo.nr_frags], [25000, 2]);
  assertEquals(first.shinfo.frags[0].bv_page.u8 === a, true);
  assertEquals(first.shinfo.frags[1].bv_page.u8 === b, true);
  assertEquals(sk.sk_error_queue.qlen, 0);
  tcp_write_queue_purge(sk);
  const notice = skb_dequeue(sk.sk_error_queue)!;
  const ee = SKB_EXT_ERR(notice).ee;
  assertEquals(
    [ee.ee_origin, ee.ee_code, ee.ee_info, ee.ee_data],
    [SO_EE_ORIGIN_ZEROCOPY, 0, 0, 1],
  );
  assertEquals([sk.sk_wmem_queued, sk.sk_refcnt], [0, 1]);
  kfree_skb(notice);
});

Deno.test("tcp_recvmsg() sleeps until SO_RCVLOWAT bytes are there", async () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.sk_wq = new socket_wq();
  sk.sk_rcvlowat = 4;
  const buf = new Uint8Array(10);
  const msg = new msghdr();
  msg.msg_iter = new iov_iter(ITER_DEST, buf, null, buf.length);
  const ret = tcp_recvmsg(sk, msg, buf.length, 0);
  assertEquals(ret instanceof Promise, true);
  let done = false;
  const end = (ret as Promise<number>).then((n) => {
    done = true;
    return n;
  });
  for (const text of ["ab", "cde"]) {
    await new Promise((r) => setTimeout(r, 0));
    assertEquals([done, sk.sk_lock.owned], [false, false]);
    receive(sk, text);
    sock_def_readable(sk);
  }
  assertEquals(await end, 5);
  assertEquals(new TextDecoder().decode(buf.subarray(0, 5)), "abcde");
});

Deno.test("tcp_recvmsg() throws bytes away with MSG_TRUNC", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  receive(sk, "abcdef");
  assertEquals(read(sk, 4, MSG_TRUNC), 4);
  assertEquals(read(sk, 4), "ef");
});

Deno.test("tcp_recvmsg() stops at the urgent byte, which MSG_OOB reads", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  assertEquals(read(sk, 1, MSG_OOB), -EINVAL);
  receive(sk, "abcXdef");
  sk.urg_seq = (ISN + 3) | 0;
  sk.urg_data = TCP_URG_VALID | "X".charCodeAt(0);
  const arg = new Int32Array(1);
  assertEquals([tcp_ioctl(sk, SIOCINQ, arg), arg[0]], [0, 3]);
  assertEquals(read(sk, 100), "abc");
  assertEquals([tcp_ioctl(sk, SIOCATMARK, arg), arg[0]], [0, 1]);
  assertEquals(read(sk, 1, MSG_OOB), "X");
  assertEquals(read(sk, 1, MSG_OOB), -EINVAL);
  assertEquals(read(sk, 100), "def");
  assertEquals(sk.urg_data, 0);
});

Deno.test("tcp_recvmsg() fails on sockets that never were connected", () => {
  assertEquals(read(sock_of(TCP_LISTEN), 1), -ENOTCONN);
  assertEquals(read(sock_of(TCP_CLOSE), 1), -ENOTCONN);
});

Deno.test("getsockopt(TCP_INFO) writes struct tcp_info, cut to what the caller takes", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  sk.snd_cwnd = 10;
  sk.icsk_rto = 200;
  sk.srtt_us = 8000;
  sk.mdev_us = 2000;
  sk.sk_pacing_rate = 1e9;
  sk.sk_max_pacing_rate = PACING_UNLIMITED;
  sk.bytes_acked = 2 ** 40;
  sk.rate_delivered = 10;
  sk.rate_interval_us = 1000;
  sk.rx_opt.wscale_ok = true;
  sk.rx_opt.snd_wscale = 7;
  sk.rx_opt.rcv_wscale = 9;
  sk.rate_app_limited = true;
  sk.write_seq = (sk.snd_nxt + 77) | 0;
  const val = new Uint8Array(300);
  const len = Int32Array.of(300);
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, TCP_INFO, val, len), 0);
  assertEquals(len[0], TCP_INFO_SIZE);
  const dv = new DataView(val.buffer);
  assertEquals([val[0], val[5], val[6], val[7]], [TCP_ESTABLISHED, 4, 7 | (9 << 4), 1]);
  assertEquals([dv.getUint32(8, true), dv.getUint32(16, true)], [200000, 1000]);
  assertEquals([dv.getUint32(68, true), dv.getUint32(72, true)], [1000, 500]);
  assertEquals(dv.getUint32(80, true), 10);
  assertEquals(dv.getBigUint64(104, true), 1000000000n);
  assertEquals(dv.getBigUint64(112, true), 0xffffffffffffffffn);
  assertEquals(dv.getBigUint64(120, true), 2n ** 40n);
  assertEquals(dv.getUint32(144, true), 77);
  assertEquals(dv.getBigUint64(160, true), 10000000n);
  assertEquals(tcp_info_decode(val).tcpi_delivery_rate, 10000000);
  len[0] = 5;
  val.fill(255);
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, TCP_INFO, val, len), 0);
  assertEquals([len[0], val[0], val[5]], [5, TCP_ESTABLISHED, 255]);
});

Deno.test("setsockopt(SOL_TCP) takes what getsockopt answers, within limits", () => {
  const sk = sock_of(TCP_CLOSE);
  const set = (name: number, v: number): number =>
    do_tcp_setsockopt(sk, SOL_TCP, name, int(v), 4) as number;
  assertEquals(getsockopt(sk, TCP_KEEPIDLE), 7200);
  assertEquals([set(TCP_KEEPIDLE, 60), getsockopt(sk, TCP_KEEPIDLE)], [0, 60]);
  assertEquals(set(TCP_KEEPIDLE, 0), -EINVAL);
  assertEquals([set(TCP_KEEPCNT, 127), set(TCP_KEEPCNT, 128)], [0, -EINVAL]);
  assertEquals([set(TCP_NODELAY, 1), getsockopt(sk, TCP_NODELAY)], [0, 1]);
  assertEquals([set(TCP_CORK, 1), getsockopt(sk, TCP_CORK)], [0, 1]);
  assertEquals([set(TCP_MAXSEG, 1000), getsockopt(sk, TCP_MAXSEG)], [0, 1000]);
  assertEquals(set(TCP_MAXSEG, 87), -EINVAL);
  assertEquals(getsockopt(sk, TCP_LINGER2), 60);
  assertEquals([set(TCP_LINGER2, -5), getsockopt(sk, TCP_LINGER2)], [0, -1]);
  assertEquals([set(TCP_LINGER2, 1000), getsockopt(sk, TCP_LINGER2)], [0, 120]);
  assertEquals([set(TCP_DEFER_ACCEPT, 5), getsockopt(sk, TCP_DEFER_ACCEPT)], [0, 7]);
  assertEquals([set(TCP_USER_TIMEOUT, 5000), getsockopt(sk, TCP_USER_TIMEOUT)], [0, 5000]);
  assertEquals(set(TCP_USER_TIMEOUT, -1), -EINVAL);
  assertEquals(do_tcp_setsockopt(sk, SOL_TCP, TCP_NODELAY, int(1), 3), -EINVAL);
});

Deno.test("getsockopt(TCP_SAVED_SYN) gives the headers once", () => {
  const sk = sock_of(TCP_ESTABLISHED);
  const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
  sk.saved_syn = { mac_hdrlen: 0, network_hdrlen: 3, tcp_hdrlen: 3, data };
  const val = new Uint8Array(8);
  const len = Int32Array.of(4);
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, TCP_SAVED_SYN, val, len), -EINVAL);
  assertEquals(len[0], 6);
  len[0] = 8;
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, TCP_SAVED_SYN, val, len), 0);
  assertEquals([len[0], ...val], [6, 1, 2, 3, 4, 5, 6, 0, 0]);
  len[0] = 8;
  assertEquals(do_tcp_getsockopt(sk, SOL_TCP, TCP_SAVED_SYN, val, len), 0);
  assertEquals(len[0], 0);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { PF_INET } from "../../include/linux/socket.ts";
import { skb_reserve, skb_reset_transport_header, tcp_hdr } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { tcp_request_sock, tcp_sock, tcp_timewait_sock } from "../../include/linux/tcp.ts";
import type { inet_connection_sock_af_ops } from "../../include/net/inet_connection_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import type { request_sock_ops } from "../../include/net/request_sock.ts";
import { proto_counters } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import {
  TCP_TW_ACK,
  TCP_TW_RST,
  TCP_TW_SUCCESS,
  TCP_TW_SYN,
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_RST,
  TCPHDR_SYN,
} from "../../include/net/tcp.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import {
  LINUX_MIB_EMBRYONICRSTS,
  LINUX_MIB_PAWS_TW_REJECTED,
  LINUX_MIB_TCPACKSKIPPEDTIMEWAIT,
  LINUX_MIB_TCPCHALLENGEACK,
  LINUX_MIB_TCPDEFERACCEPTDROP,
} from "../../include/uapi/linux/snmp.ts";
import { reqsk_alloc } from "../core/request_sock.ts";
import { __kfree_skb, alloc_skb, skb_init, skb_put_zero } from "../core/skbuff.ts";
import {
  inet_csk_get_port,
  inet_csk_listen_start,
  inet_csk_reqsk_queue_hash_add,
} from "./inet_connection_sock.ts";
import {
  inet_ehash_insert,
  inet_hash,
  inet_hashinfo_init,
  tcp_hashinfo,
} from "./inet_hashtables.ts";
import { inet_twsk_alloc, inet_twsk_hashdance, inet_twsk_schedule } from "./inet_timewait_sock.ts";
import { tcp_check_req, tcp_timewait_state_process } from "./tcp_minisocks.ts";

const US = 0xc6336402 | 0;
const PEER = 0xc6336401 | 0;
/** The peer's next number, and ours: just below the wrap. */
const RCV = -5;
const SND = 0x7ffffff0;

let said: string[] = [];
const rsk_ops: request_sock_ops = {
  family: PF_INET,
  slab_name: "request_sock_TCP",
  alloc_request: () => new tcp_request_sock(),
  rtx_syn_ack: () => (said.push("synack"), 0),
  send_ack: () => void said.push("ack"),
  send_reset: () => void said.push("rst"),
  destructor() {},
  syn_ack_timeout() {},
};

const prot: proto = {
  name: "TCP",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new tcp_sock(),
  get_port: inet_csk_get_port,
  hash: inet_hash,
  hashinfo: tcp_hashinfo,
  rsk_prot: rsk_ops,
  twsk_prot: {
    twsk_slab_name: "tw_sock_TCP",
    alloc_timewait: () => new tcp_timewait_sock(),
    twsk_unique: () => false,
    twsk_destructor() {},
  },
};

function boot(): { machine: sim_machine; n: net } {
  const machine = new sim_machine();
  machine.start();
  skb_init();
  inet_hashinfo_init(tcp_hashinfo);
  said = [];
  return { machine, n: new net("t") };
}

function a_sock(n: net): tcp_sock {
  const sk = new tcp_sock();
  sk.skc_prot = prot;
  sk.skc_net = n;
  sk.skc_family = PF_INET;
  sk.skc_state = TCP_CLOSE;
  sk.sk_max_ack_backlog = 8;
  return sk;
}

interface segment {
  flags: number;
  seq?: number;
  ack?: number;
  len?: number;
  tsval?: number;
}

/** A segment as tcp_v4_fill_cb() leaves it. */
function a_segment(s: segment): sk_buff {
  const skb = alloc_skb(256)!;
  skb_reserve(skb, 64);
  const options = s.tsval === undefined ? 0 : 12;
  skb_put_zero(skb, 20 + options + (s.len ?? 0));
  skb_reset_transport_header(skb);
  const th = tcp_hdr(skb);
  th.seq = s.seq ?? RCV;
  th.ack_seq = s.ack ?? SND;
  th.flag_word = ((20 + options) << 26) | (s.flags << 16) | 1000;
  if (s.tsval !== undefined) {
    th.dv.setInt32(th.off + 20, 0x0101080a);
    th.dv.setInt32(th.off + 24, s.tsval);
  }
  const cb = skb.tcp_cb;
  cb.seq = th.seq;
  const extra = ((s.flags & TCPHDR_SYN) !== 0 ? 1 : 0) + (s.flags & TCPHDR_FIN);
  cb.end_seq = (cb.seq + (s.len ?? 0) + extra) | 0;
  cb.ack_seq = th.ack_seq;
  cb.tcp_flags = s.flags;
  cb.tcp_tw_isn = 0;
  return skb;
}

function a_timewait(n: net, substate = TCP_TIME_WAIT): tcp_timewait_sock {
  const sk = a_sock(n);
  sk.skc_state = TCP_ESTABLISHED;
  sk.inet_rcv_saddr = US;
  sk.inet_daddr = PEER;
  sk.inet_dport = 80;
  assertEquals(inet_csk_get_port(sk, 2222), 0);
  inet_ehash_insert(sk, null);
  const tw = inet_twsk_alloc(sk, n.ipv4.tcp_death_row, substate) as tcp_timewait_sock;
  tw.tw_rcv_nxt = RCV;
  tw.tw_snd_nxt = SND;
  tw.tw_rcv_wnd = 1000;
  inet_twsk_schedule(tw, 60 * HZ);
  inet_twsk_hashdance(tw, sk, tcp_hashinfo);
  return tw;
}

/** Gives a segment to a timewait socket: TCP_TW_*, the ISN of a new connection. */
function process(tw: tcp_timewait_sock, s: segment): { ret: number; isn: number } {
  tw.tw_refcnt++;
  const skb = a_segment(s);
  const ret = tcp_timewait_state_process(tw, skb, tcp_hdr(skb));
  const isn = skb.tcp_cb.tcp_tw_isn;
  __kfree_skb(skb);
  if (ret !== TCP_TW_SUCCESS) tw.tw_refcnt--;
  return { ret, isn };
}

Deno.test("tcp_timewait_state_process() lets a SYN with a newer number open a new connection", () => {
  const { n } = boot();
  const tw = a_timewait(n);
  const { ret, isn } = process(tw, { flags: TCPHDR_SYN, seq: RCV + 1 });
  assertEquals(ret, TCP_TW_SYN);
  assertEquals(isn, (SND + 65535 + 2) | 0);
  assertEquals(process(tw, { flags: TCPHDR_SYN, seq: RCV - 1 }).ret, TCP_TW_ACK);
});

Deno.test("tcp_timewait_state_process() takes a SYN with an older number and a newer timestamp", () => {
  const { n } = boot();
  const tw = a_timewait(n);
  tw.tw_ts_recent = 1000;
  tw.tw_ts_recent_stamp = 1;
  assertEquals(process(tw, { flags: TCPHDR_SYN, seq: RCV - 1000, tsval: 1001 }).ret, TCP_TW_SYN);
  assertEquals(process(tw, { flags: TCPHDR_SYN, seq: RCV + 1000, tsval: 999 }).ret, TCP_TW_ACK);
  assertEquals(n.mib.net_statistics[LINUX_MIB_PAWS_TW_REJECTED], 1);
});

Deno.test("tcp_timewait_state_process() acks what is out of window, twice a second at most", async () => {
  const { machine, n } = boot();
  const tw = a_timewait(n);
  const again = { flags: TCPHDR_FIN | TCPHDR_ACK, seq: RCV - 1 };
  assertEquals(process(tw, again).ret, TCP_TW_ACK);
  assertEquals(process(tw, { flags: TCPHDR_ACK, seq: RCV - 1 }).ret, TCP_TW_ACK);
  await machine.advance(100);
  // A FIN is no mere ACK: two hosts cannot go on about it for ever.
  assertEquals(process(tw, again).ret, TCP_TW_ACK);
  assertEquals(process(tw, { flags: TCPHDR_ACK, seq: RCV - 1 }).ret, TCP_TW_SUCCESS);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPACKSKIPPEDTIMEWAIT], 1);
  await machine.advance(500);
  assertEquals(process(tw, { flags: TCPHDR_ACK, seq: RCV - 1 }).ret, TCP_TW_ACK);
  assertEquals(tw.tw_refcnt, 3);
});

Deno.test("tcp_timewait_state_process() is ended by a RST unless tcp_rfc1337 is set", () => {
  const { n } = boot();
  const tw = a_timewait(n);
  n.ipv4.sysctl_tcp_rfc1337 = 1;
  assertEquals(process(tw, { flags: TCPHDR_RST }).ret, TCP_TW_SUCCESS);
  assertEquals(tw.tw_refcnt, 3);
  n.ipv4.sysctl_tcp_rfc1337 = 0;
  assertEquals(process(tw, { flags: TCPHDR_RST, seq: RCV + 1 }).ret, TCP_TW_SUCCESS);
  assertEquals(tw.tw_refcnt, 3);
  assertEquals(process(tw, { flags: TCPHDR_RST }).ret, TCP_TW_SUCCESS);
  assertEquals(tw.tw_refcnt, 0);
});

Deno.test("tcp_timewait_state_process() in FIN_WAIT2 goes on with the FIN and resets data", () => {
  const { n } = boot();
  const tw = a_timewait(n, TCP_FIN_WAIT2);
  assertEquals(process(tw, { flags: TCPHDR_ACK, len: 10 }).ret, TCP_TW_RST);
  assertEquals(process(tw, { flags: TCPHDR_ACK }).ret, TCP_TW_SUCCESS);
  assertEquals(process(tw, { flags: TCPHDR_FIN | TCPHDR_ACK }).ret, TCP_TW_ACK);
  assertEquals(tw.tw_substate, TCP_TIME_WAIT);
  assertEquals(tw.tw_rcv_nxt, RCV + 1);
  assertEquals(process(tw, { flags: TCPHDR_SYN, seq: RCV + 2 }).ret, TCP_TW_SYN);
});

function a_request(n: net): { listener: tcp_sock; req: tcp_request_sock } {
  const listener = a_sock(n);
  assertEquals(inet_csk_get_port(listener, 2222), 0);
  assertEquals(inet_csk_listen_start(listener), 0);
  listener.icsk_af_ops = {
    syn_recv_sock: (_sk, _skb, _req, _dst, _unhash, _own) => (said.push("child"), null),
  } as Partial<inet_connection_sock_af_ops> as inet_connection_sock_af_ops;
  const req = reqsk_alloc(rsk_ops, listener, true) as tcp_request_sock;
  req.skc_state = TCP_NEW_SYN_RECV;
  req.ir_rmt_addr = PEER;
  req.ir_rmt_port = 80;
  req.ir_loc_addr = US;
  req.ir_num = 2222;
  req.rcv_isn = RCV - 1;
  req.rcv_nxt = RCV;
  req.snt_isn = SND - 1;
  req.rsk_rcv_wnd = 1000;
  req.timeout = HZ;
  assert(inet_csk_reqsk_queue_hash_add(listener, req, req.timeout));
  assertEquals(listener.skc_state, TCP_LISTEN);
  return { listener, req };
}

/** Gives a segment to a request_sock: what came of it, and what was said. */
function check(listener: tcp_sock, req: tcp_request_sock, s: segment): [boolean, string] {
  said = [];
  const skb = a_segment(s);
  const stolen = { value: false };
  const sk = tcp_check_req(listener, skb, req, false, stolen);
  __kfree_skb(skb);
  assert(!stolen.value);
  if (sk !== null) assertStrictEquals(sk, listener);
  return [sk !== null, said.join()];
}

Deno.test("tcp_check_req() answers the SYN again, and not more often than twice a second", async () => {
  const { machine, n } = boot();
  const { listener, req } = a_request(n);
  const syn = { flags: TCPHDR_SYN, seq: RCV - 1 };
  assertEquals(check(listener, req, syn), [false, "synack"]);
  assertEquals(check(listener, req, syn), [false, ""]);
  await machine.advance(600);
  assertEquals(check(listener, req, syn), [false, "synack"]);
  assertEquals(req.num_retrans, 2);
});

Deno.test("tcp_check_req() leaves an ACK of what was not sent to the listener", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  assertEquals(check(listener, req, { flags: TCPHDR_ACK, ack: SND + 1 }), [true, ""]);
  assertEquals(check(listener, req, { flags: TCPHDR_ACK, ack: SND - 1 }), [true, ""]);
  assertEquals(check(listener, req, { flags: TCPHDR_ACK }), [false, "child"]);
  assert(req.acked);
});

Deno.test("tcp_check_req() acks what is out of the window", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  assertEquals(check(listener, req, { flags: TCPHDR_ACK, seq: RCV + 1001 }), [false, "ack"]);
  assertEquals(check(listener, req, { flags: TCPHDR_RST, seq: RCV + 1001 }), [false, ""]);
});

Deno.test("tcp_check_req() ends by a RST at the edge, and challenges one within the window", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  assertEquals(check(listener, req, { flags: TCPHDR_RST, seq: RCV + 1 }), [false, "ack"]);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPCHALLENGEACK], 1);
  assertEquals(listener.icsk_accept_queue.qlen, 1);
  assertEquals(check(listener, req, { flags: TCPHDR_RST }), [false, ""]);
  assertEquals(n.mib.net_statistics[LINUX_MIB_EMBRYONICRSTS], 1);
  assertEquals(listener.icsk_accept_queue.qlen, 0);
});

Deno.test("tcp_check_req() resets for another SYN within the window", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  assertEquals(check(listener, req, { flags: TCPHDR_SYN, seq: RCV + 1 }), [false, "rst"]);
  assertEquals(listener.icsk_accept_queue.qlen, 0);
});

Deno.test("tcp_check_req() drops a bare ACK while TCP_DEFER_ACCEPT lasts, not one with data", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  listener.icsk_accept_queue.rskq_defer_accept = 1;
  assertEquals(check(listener, req, { flags: TCPHDR_ACK }), [false, ""]);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPDEFERACCEPTDROP], 1);
  assertEquals(check(listener, req, { flags: TCPHDR_ACK, len: 1 }), [false, "child"]);
});

Deno.test("tcp_check_req() ends the connection where tcp_abort_on_overflow is set", () => {
  const { n } = boot();
  const { listener, req } = a_request(n);
  n.ipv4.sysctl_tcp_abort_on_overflow = 1;
  assertEquals(check(listener, req, { flags: TCPHDR_ACK }), [false, "child,rst"]);
  assertEquals(listener.icsk_accept_queue.qlen, 0);
});

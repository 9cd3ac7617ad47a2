// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertNotEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { ip_hdr, skb_reset_network_header, TCP_SKB_CB } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { tcp_request_sock, tcp_sock } from "../../include/linux/tcp.ts";
import type { inet_connection_sock_af_ops } from "../../include/net/inet_connection_sock.ts";
import { net } from "../../include/net/net_namespace.ts";
import type { request_sock_ops } from "../../include/net/request_sock.ts";
import {
  tcp_fastopen_cookie,
  TFO_CLIENT_NO_COOKIE,
  TFO_SERVER_ENABLE,
} from "../../include/net/tcp.ts";
import {
  LINUX_MIB_TCPFASTOPENCOOKIEREQD,
  LINUX_MIB_TCPFASTOPENLISTENOVERFLOW,
  LINUX_MIB_TCPFASTOPENPASSIVEFAIL,
} from "../../include/uapi/linux/snmp.ts";
import { alloc_skb, kfree_skb, skb_put } from "../core/skbuff.ts";
import {
  tcp_fastopen_active_disable,
  tcp_fastopen_active_should_disable,
  tcp_fastopen_get_cipher,
  tcp_fastopen_init_key_once,
  tcp_fastopen_reset_cipher,
  tcp_try_fastopen,
} from "./tcp_fastopen.ts";

interface env {
  m: sim_machine;
  n: net;
  listener: tcp_sock;
  req: tcp_request_sock;
  syn: sk_buff;
}

function start(): env {
  const m = new sim_machine();
  m.start();
  const n = new net("test");
  n.ipv4.sysctl_tcp_fastopen = TFO_SERVER_ENABLE;
  const listener = new tcp_sock();
  listener.skc_net = n;
  listener.icsk_accept_queue.fastopenq.max_qlen = 5;
  listener.icsk_af_ops = { syn_recv_sock: () => null } as unknown as inet_connection_sock_af_ops;
  const req = new tcp_request_sock();
  req.rsk_ops = { family: AF_INET } as request_sock_ops;
  const syn = alloc_skb(60)!;
  skb_put(syn, 40);
  skb_reset_network_header(syn);
  ip_hdr(syn).saddr = 0xc6336402 | 0;
  ip_hdr(syn).daddr = 0xc0000201 | 0;
  TCP_SKB_CB(syn).seq = -1;
  TCP_SKB_CB(syn).end_seq = 0;
  return { m, n, listener, req, syn };
}

function cookie(bytes: number[] | null): tcp_fastopen_cookie {
  const foc = new tcp_fastopen_cookie();
  foc.len = bytes === null ? -1 : bytes.length;
  if (bytes !== null) foc.val.set(bytes);
  return foc;
}

Deno.test("tcp_try_fastopen() answers a request with a cookie of the addresses", () => {
  const { n, listener, req, syn } = start();
  tcp_fastopen_init_key_once(n);
  const foc = cookie([]);
  assertEquals(tcp_try_fastopen(listener, syn, req, foc, null), null);
  assertEquals(foc.len, 8);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPFASTOPENCOOKIEREQD], 1);
  const again = cookie([]);
  tcp_try_fastopen(listener, syn, req, again, null);
  assertEquals(again.val, foc.val);
  ip_hdr(syn).saddr++;
  tcp_try_fastopen(listener, syn, req, again, null);
  assertNotEquals(again.val, foc.val);
  kfree_skb(syn);
});

Deno.test("tcp_try_fastopen() answers a bad cookie with a good one", () => {
  const { n, listener, req, syn } = start();
  tcp_fastopen_init_key_once(n);
  const good = cookie([]);
  tcp_try_fastopen(listener, syn, req, good, null);
  const foc = cookie([1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(tcp_try_fastopen(listener, syn, req, foc, null), null);
  assertEquals(foc.val, good.val);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPFASTOPENPASSIVEFAIL], 1);
  kfree_skb(syn);
});

Deno.test("tcp_try_fastopen() does nothing where the host or the listener does not want it", () => {
  const { n, listener, req, syn } = start();
  listener.icsk_accept_queue.fastopenq.max_qlen = 0;
  const foc = cookie([]);
  tcp_try_fastopen(listener, syn, req, foc, null);
  assertEquals(foc.len, -1);
  listener.icsk_accept_queue.fastopenq.max_qlen = 1;
  listener.icsk_accept_queue.fastopenq.qlen = 1;
  foc.len = 0;
  tcp_try_fastopen(listener, syn, req, foc, null);
  assertEquals(foc.len, -1);
  assertEquals(n.mib.net_statistics[LINUX_MIB_TCPFASTOPENLISTENOVERFLOW], 1);
  listener.icsk_accept_queue.fastopenq.qlen = 0;
  n.ipv4.sysctl_tcp_fastopen = TFO_CLIENT_NO_COOKIE;
  foc.len = 0;
  tcp_try_fastopen(listener, syn, req, foc, null);
  assertEquals(foc.len, -1);
  kfree_skb(syn);
});

Deno.test("tcp_fastopen_get_cipher() reads the keys that were set, a listener's apart", () => {
  const { n, listener } = start();
  const key = new Uint8Array(32);
  assertEquals(tcp_fastopen_get_cipher(n, null, key), 0);
  const one = Uint8Array.from({ length: 16 }, (_, i) => i + 0xf0);
  const two = Uint8Array.from({ length: 16 }, (_, i) => i);
  tcp_fastopen_reset_cipher(n, null, one, null);
  tcp_fastopen_reset_cipher(n, listener, two, one);
  assertEquals(tcp_fastopen_get_cipher(n, null, key), 1);
  assertEquals(key.subarray(0, 16), one);
  assertEquals(tcp_fastopen_get_cipher(n, listener, key), 2);
  assertEquals([...key], [...two, ...one]);
});

Deno.test("tcp_fastopen_active_disable() stops Fast Open for a time that doubles", async () => {
  const { m, n, listener } = start();
  tcp_fastopen_active_disable(listener);
  assertEquals(tcp_fastopen_active_should_disable(listener), false, "off by default");
  n.ipv4.sysctl_tcp_fastopen_blackhole_timeout = 3600;
  tcp_fastopen_active_disable(listener);
  assertEquals(tcp_fastopen_active_should_disable(listener), true);
  await m.advance(3601_000);
  assertEquals(tcp_fastopen_active_should_disable(listener), false);
  assertEquals(listener.syn_fastopen_ch, true);
  tcp_fastopen_active_disable(listener);
  await m.advance(3601_000);
  assertEquals(tcp_fastopen_active_should_disable(listener), true);
  await m.advance(3601_000);
  assertEquals(tcp_fastopen_active_should_disable(listener), false);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// What the fuzz test has broken once, each as the few frames that it takes.

import { assertEquals } from "@std/assert";
import { SOCK_DGRAM } from "../../include/linux/net.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { TCPCB_SACKED_RETRANS } from "../../include/net/tcp.ts";
import { skb_rb_first } from "../../net/core/skbuff.ts";
import { boot } from "../../mod.ts";
import { ip_packet } from "./frames.ts";
import { frame_host } from "./frame_host.ts";
import { HOST, PEER } from "./malformed.ts";
import { tcp_check_invariants } from "./tcp_invariants.ts";
import { tcp_test } from "./tcp_test.ts";

Deno.test("tcp_mark_skb_lost() does not count a retransmission twice that an undo came between", async () => {
  await using t = tcp_test();
  const peer = t.peer({ mss: 1000, sack: true, ts: true });
  const listener = t.listen();
  peer.send("S");
  peer.expect("S.");
  await t.advance(100);
  peer.send(".");
  const fd = t.accept(listener);
  t.close(listener);
  t.write(fd, 3000);
  const tsval = peer.queue[0].tsval;
  const sk = t.sk(fd);
  // Until the timeout, which the probe of tail loss precedes.
  for (let i = 0; sk.retrans_out === 0 && i < 100; i++) await t.advance(100);
  const [start, end] = [peer.queue[1].seq, peer.queue[1].seq + peer.queue[1].len];
  assertEquals([sk.retrans_out, sk.lost_out > 0], [1, true]);
  // An ACK from before the retransmission: it was not needed. The first packet is still not acked.
  peer.send(".", {
    ack: 1,
    options: `nop,nop,TS val ${peer.tsval()} ecr ${tsval},nop,nop,sack ${start}:${end}`,
  });
  assertEquals([sk.lost_out, sk.retrans_out], [0, 1]);
  for (let i = 0; sk.lost_out === 0 && i < 100; i++) await t.advance(100);
  assertEquals(tcp_check_invariants(sk), []);
  assertEquals(sk.retrans_out, 1);
  assertEquals((skb_rb_first(sk.tcp_rtx_queue)!.tcp_cb.sacked & TCPCB_SACKED_RETRANS) !== 0, true);
  peer.queue.length = 0;
});

Deno.test("fqdir_exit() frees fragments that still wait when the host ends", async () => {
  await using t = new frame_host();
  const f = { saddr: PEER, daddr: HOST, protocol: 17, id: 7, frag_off: 0x2000 };
  for (let id = 0; id < 5; id++) t.receive(ip_packet({ ...f, id }, new Uint8Array(64)));
});

Deno.test("inet_frags_init() draws the same key at each boot of the same seed", async () => {
  const mac: string[] = [];
  for (let i = 0; i < 3; i++) {
    await using m = boot({ clock: "sim", seed: 3 });
    // A host's tables and devices, and then a port, take from the same entropy.
    const u = m.host("a").task();
    m.wire(m.host("a"), m.host("b"));
    const fd = u.sys_socket(AF_INET, SOCK_DGRAM);
    assertEquals(u.sys_bind(fd, { sin_family: AF_INET, sin_port: 0, sin_addr: 0 }), 0);
    const me = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    u.sys_getsockname(fd, me);
    mac.push(`${m.host("a").nic("eth0").dev.dev_addr} ${me.sin_port}`);
  }
  assertEquals(mac, [mac[0], mac[0], mac[0]]);
});

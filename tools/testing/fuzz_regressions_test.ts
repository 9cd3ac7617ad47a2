// SPDX-License-Identifier: GPL-2.0-only
//
// What the fuzz test has broken once, each as the few frames that it takes.

import { assertEquals } from "@std/assert";
import { TCPCB_SACKED_RETRANS } from "../../include/net/tcp.ts";
import { skb_rb_first } from "../../net/core/skbuff.ts";
import { ip_packet } from "./frames.ts";
import { frame_host } from "./frame_host.ts";
import { HOST, PEER } from "./malformed.ts";
import { tcp_check_invariants } from "./tcp_invariants.ts";
import { tcp_test } from "./tcp.ts";

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

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { tcp_options_received, tcp_request_sock } from "../../include/linux/tcp.ts";
import { net } from "../../include/net/net_namespace.ts";
import { iphdr } from "../../include/uapi/linux/ip.ts";
import { tcphdr } from "../../include/uapi/linux/tcp.ts";
import {
  __cookie_v4_check,
  __cookie_v4_init_sequence,
  cookie_init_timestamp,
  cookie_timestamp_decode,
  syncookies_init,
} from "./syncookies.ts";

/** The headers of a segment. */
function headers(seq: number): { iph: iphdr; th: tcphdr } {
  const dv = new DataView(new ArrayBuffer(40));
  const iph = new iphdr(dv, 0);
  const th = new tcphdr(dv, 20);
  iph.saddr = 0xc6336402 | 0;
  iph.daddr = 0xc0000201 | 0;
  th.source = 40000;
  th.dest = 80;
  th.seq = seq;
  return { iph, th };
}

function start(): sim_machine {
  const m = new sim_machine();
  m.start();
  syncookies_init();
  return m;
}

Deno.test("__cookie_v4_check() finds the MSS that the cookie bears, rounded down to one of four", () => {
  start();
  for (const [mss, want] of [[9000, 1460], [1460, 1460], [1459, 1440], [1400, 1300], [200, 536]]) {
    const syn = headers(-1);
    const mssp = { value: mss };
    const cookie = __cookie_v4_init_sequence(syn.iph, syn.th, mssp);
    assertEquals(mssp.value, want);
    // The ACK's sequence number is one more than the SYN's, here beyond the wrap.
    const ack = headers(0);
    assertEquals(__cookie_v4_check(ack.iph, ack.th, cookie), want);
  }
});

Deno.test("__cookie_v4_check() refuses a cookie of another connection", () => {
  start();
  const syn = headers(1000);
  const cookie = __cookie_v4_init_sequence(syn.iph, syn.th, { value: 1460 });
  const ack = headers(1001);
  ack.th.source = 40001;
  assertEquals(__cookie_v4_check(ack.iph, ack.th, cookie), 0);
  const late = headers(1010);
  assertEquals(__cookie_v4_check(late.iph, late.th, cookie), 0);
  const good = headers(1001);
  assertEquals(__cookie_v4_check(good.iph, good.th, (cookie + 4) | 0), 0);
  assertEquals(__cookie_v4_check(good.iph, good.th, cookie), 1460);
});

Deno.test("__cookie_v4_check() refuses a cookie that is older than two minutes", async () => {
  const m = start();
  const syn = headers(7);
  const cookie = __cookie_v4_init_sequence(syn.iph, syn.th, { value: 1460 });
  const ack = headers(8);
  await m.advance(59_000);
  assertEquals(__cookie_v4_check(ack.iph, ack.th, cookie), 1460);
  await m.advance(62_000);
  assertEquals(__cookie_v4_check(ack.iph, ack.th, cookie), 0);
});

Deno.test("__cookie_v4_init_sequence() makes another cookie after each boot", () => {
  const syn = headers(7);
  new sim_machine({ seed: 1 }).start();
  syncookies_init();
  const one = __cookie_v4_init_sequence(syn.iph, syn.th, { value: 1460 });
  new sim_machine({ seed: 2 }).start();
  syncookies_init();
  assertNotEquals(__cookie_v4_init_sequence(syn.iph, syn.th, { value: 1460 }), one);
});

Deno.test("cookie_timestamp_decode() reads what cookie_init_timestamp() put into the timestamp", () => {
  start();
  const n = new net("test");
  for (
    const [wscale_ok, snd_wscale, sack_ok] of [[true, 7, true], [false, 0, true], [
      true,
      14,
      false,
    ]] as const
  ) {
    const req = new tcp_request_sock();
    req.wscale_ok = wscale_ok;
    req.snd_wscale = snd_wscale;
    req.sack_ok = sack_ok;
    const now = 123456789000000;
    const ts = cookie_init_timestamp(req, now);
    assert(ts <= now && ts > now - 65e6, "at most 64 ms back");
    const opt = new tcp_options_received();
    opt.saw_tstamp = true;
    opt.rcv_tsecr = Math.floor(ts / 1e6) | 0;
    assert(cookie_timestamp_decode(n, opt));
    assertEquals([opt.wscale_ok, opt.snd_wscale, opt.sack_ok !== 0], [
      wscale_ok,
      snd_wscale,
      sack_ok,
    ]);
  }
});

Deno.test("cookie_timestamp_decode() refuses options that the host does not use", () => {
  start();
  const n = new net("test");
  n.ipv4.sysctl_tcp_sack = 0;
  const opt = new tcp_options_received();
  opt.saw_tstamp = true;
  opt.rcv_tsecr = 0x1f;
  assertEquals(cookie_timestamp_decode(n, opt), false);
});

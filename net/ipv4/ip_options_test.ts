// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { ip_options, IPCB, skb_dst } from "../../include/linux/skbuff.ts";
import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { ICMP_PARAMETERPROB } from "../../include/uapi/linux/icmp.ts";
import { IPSTATS_MIB_INHDRERRORS } from "../../include/uapi/linux/snmp.ts";
import { kfree_skb } from "../core/skbuff.ts";
import { bytes, ip_host, ip_packet, PEER, US } from "../../tools/testing/ip_host.ts";
import { ip_rcv_core } from "./ip_input.ts";
import {
  ip_options_compile,
  ip_options_echo,
  ip_options_get,
  ip_options_undo,
} from "./ip_options.ts";
import { ip_route_input_noref } from "./route.ts";

const us = [198, 51, 100, 2];
const peer = [198, 51, 100, 1];

Deno.test("ip_options_compile() fills record route in, and the echo goes on with it", () => {
  using t = new ip_host();
  const rr = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const skb = ip_rcv_core(t.skb(ip_packet({ options: rr }, bytes(10))), t.net)!;
  assertEquals(ip_route_input_noref(skb, US, PEER, 0, t.dev), 0);
  const opt = IPCB(skb).opt;
  opt.optlen = 12;
  assertEquals(ip_options_compile(t.net, opt, skb), 0);
  const at = skb.network_header + 20;
  assertEquals([...skb.head.u8.subarray(at, at + 12)], [7, 11, 8, ...us, 0, 0, 0, 0, 0]);
  const dopt = new ip_options();
  assertEquals(ip_options_echo(t.net, dopt, skb), 0);
  assertEquals(dopt.rr, 20);
  assertEquals(dopt.optlen, 12);
  assertEquals([...dopt.__data!.subarray(0, 7)], [7, 11, 12, ...us]);
  assertEquals(skb_dst(skb) !== null, true);
  kfree_skb(skb);
});

Deno.test("ip_rcv_options() drops malformed options and says where they are wrong", () => {
  using t = new ip_host();
  const cases: [number[], number][] = [
    [[7, 1, 4, 0], 20], // length of no option
    [[7, 9, 4, 0], 20], // longer than the header
    [[7, 4, 3, 0], 22], // pointer into the option's head
    [[1, 68, 3, 5], 22], // time stamp too short
    [[131, 4, 4, 0, 131, 4, 4, 0], 24], // two source routes
  ];
  for (const [options, offset] of cases) {
    t.icmp.length = 0;
    t.receive(ip_packet({ options }, bytes(4)));
    assertEquals(t.icmp, [{ type: ICMP_PARAMETERPROB, code: 0, info: offset << 24 }]);
  }
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_INHDRERRORS], cases.length);
  assertEquals(t.delivered, []);
  // Unknown ones pass.
  t.receive(ip_packet({ options: [30, 4, 1, 2] }, bytes(4)));
  assertEquals(t.delivered.length, 1);
});

Deno.test("ip_rcv_options() drops source routes, which are off", () => {
  using t = new ip_host();
  t.receive(ip_packet({ options: [131, 7, 4, ...peer, 0] }, bytes(4)));
  assertEquals(t.delivered, []);
  assertEquals(t.icmp, []);
});

Deno.test("ip_options_get() takes a source route's first hop out, ip_options_undo() puts it back", () => {
  using t = new ip_host();
  const lsrr = Uint8Array.of(131, 11, 4, ...peer, ...us);
  const opt = ip_options_get(t.net, lsrr, 11) as ip_options;
  assertEquals(opt.optlen, 12);
  assertEquals(opt.faddr, PEER);
  assertEquals([...opt.__data!.subarray(3, 7)], us);
  ip_options_undo(opt);
  assertEquals([...opt.__data!.subarray(0, 11)], [...lsrr]);
  assertEquals(ip_options_get(t.net, Uint8Array.of(7, 2, 0, 0), 4), -EINVAL);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { IP_MF } from "../../include/net/ip.ts";
import type { fqdir } from "../../include/net/inet_frag.ts";
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from "../../include/uapi/linux/icmp.ts";
import {
  IPSTATS_MIB_REASM_OVERLAPS,
  IPSTATS_MIB_REASMOKS,
  IPSTATS_MIB_REASMTIMEOUT,
} from "../../include/uapi/linux/snmp.ts";
import { nr_skbs_alive } from "../core/skbuff.ts";
import { bytes, ip_host, ip_packet } from "../../tools/testing/ip_host.ts";

/** Fragments of a payload, size bytes each (a multiple of 8). */
function fragments(payload: Uint8Array, size: number, id = 7, tos = 0): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const more = at + size < payload.length ? IP_MF : 0;
    out.push(ip_packet({ id, tos, frag_off: (at >> 3) | more }, payload.slice(at, at + size)));
  }
  return out;
}

const mem = (t: ip_host): number => (t.net.ipv4.fqdir as fqdir).mem;

Deno.test("ip_defrag() puts fragments together in whatever order they come", () => {
  for (const order of [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2], [0, 2, 1, 3]]) {
    using t = new ip_host();
    const payload = bytes(4000);
    const frags = fragments(payload, 1000);
    for (const i of order) t.receive(frags[i]);
    assertEquals(t.delivered, [payload]);
    assertEquals(new DataView(t.packets[0].buffer).getUint16(2), 4020);
    assertEquals(mem(t), 0);
    assertEquals(nr_skbs_alive(), 0);
  }
});

Deno.test("ip_defrag() puts packets of many fragments together, duplicates included", () => {
  using t = new ip_host();
  const payload = bytes(65000);
  const frags = fragments(payload, 1480);
  for (let i = 0; i < frags.length; i += 2) t.receive(frags[i]);
  t.receive(frags[4]);
  for (let i = 1; i < frags.length; i += 2) t.receive(frags[i]);
  assertEquals(t.delivered, [payload]);
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_REASMOKS], 1);
  assertEquals(mem(t), 0);
});

Deno.test("ip_defrag() gives up a packet whose fragments overlap", () => {
  using t = new ip_host();
  const payload = bytes(3000);
  t.receive(ip_packet({ id: 9, frag_off: IP_MF }, payload.slice(0, 1000)));
  t.receive(ip_packet({ id: 9, frag_off: (504 >> 3) | IP_MF }, payload.slice(504, 2000)));
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_REASM_OVERLAPS], 1);
  assertEquals(t.delivered, []);
  assertEquals(mem(t), 0);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("ip_frag_reasm() carries CE over, and refuses fragments of which some are not ECT", () => {
  using t = new ip_host();
  const payload = bytes(2000);
  t.receive(fragments(payload, 1000, 1, 2)[0]);
  t.receive(fragments(payload, 1000, 1, 3)[1]);
  assertEquals(t.packets[0][1], 3);
  t.receive(fragments(payload, 1000, 2, 0)[0]);
  t.receive(fragments(payload, 1000, 2, 3)[1]);
  assertEquals(t.delivered.length, 1);
  assertEquals(mem(t), 0);
});

Deno.test("ip_expire() tells the sender after 30 s, if the first fragment came", async () => {
  using t = new ip_host();
  const frags = fragments(bytes(3000), 1000);
  t.receive(frags[0]);
  t.receive(frags[2]);
  t.receive(fragments(bytes(3000), 1000, 8)[1]);
  await t.machine.advance(29000);
  assertEquals(t.icmp, []);
  await t.machine.advance(3000);
  assertEquals(t.icmp, [{ type: ICMP_TIME_EXCEEDED, code: ICMP_EXC_FRAGTIME, info: 0 }]);
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_REASMTIMEOUT], 2);
  assertEquals(mem(t), 0);
  assertEquals(nr_skbs_alive(), 0);
});

Deno.test("inet_frag_find() makes no queue above the memory limit", async () => {
  using t = new ip_host();
  for (let id = 1; id < 4000; id++) t.receive(fragments(bytes(2800), 1400, id)[0]);
  const held = mem(t);
  assertEquals(held > 4 * 1024 * 1024 - 8192 && held < 4 * 1024 * 1024 + 8192, true);
  for (let id = 1; id < 4000; id++) t.receive(fragments(bytes(2800), 1400, id)[1]);
  assertEquals(nr_skbs_alive() > 0, true);
  await t.machine.advance(40000);
  assertEquals(mem(t), 0);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { net } from "../../include/net/net_namespace.ts";
import {
  IPSTATS_MIB_INPKTS,
  LINUX_MIB_LISTENDROPS,
  TCP_MIB_MAXCONN,
} from "../../include/uapi/linux/snmp.ts";
import {
  netstat_seq_show,
  snmp_counter,
  snmp_counters,
  snmp_seq_show,
  sockstat_seq_show,
} from "./proc.ts";

/** Values by "Group Name" of a text in pairs of lines. */
function parse(text: string): Map<string, string> {
  const lines = text.trimEnd().split("\n").map((line) => line.split(" "));
  const out = new Map<string, string>();
  for (let i = 0; i < lines.length; i += 2) {
    assertEquals(lines[i].length, lines[i + 1].length, lines[i][0]);
    lines[i].forEach((name, j) => out.set(`${lines[i][0]} ${name}`, lines[i + 1][j]));
  }
  return out;
}

Deno.test("snmp_seq_show() and netstat_seq_show() print names above values", () => {
  const n = new net("test");
  n.mib.ip_statistics[IPSTATS_MIB_INPKTS] = 5;
  n.mib.net_statistics[LINUX_MIB_LISTENDROPS] = 7;
  n.mib.tcp_statistics[TCP_MIB_MAXCONN] = -1;
  n.mib.icmpmsg_statistics[8] = 3;
  n.mib.icmpmsg_statistics[256] = 2;
  const snmp = parse(snmp_seq_show(n));
  assertEquals(snmp.get("Ip: Forwarding"), "2");
  assertEquals(snmp.get("Ip: InReceives"), "5");
  assertEquals(snmp.get("Tcp: MaxConn"), "-1");
  assertEquals(snmp.get("Icmp: InEchos"), "3");
  assertEquals(snmp.get("IcmpMsg: InType8"), "3");
  assertEquals(snmp.get("IcmpMsg: OutType0"), "2");
  assertEquals(parse(netstat_seq_show(n)).get("TcpExt: ListenDrops"), "7");
});

Deno.test("snmp_counter() finds a counter by the name that nstat gives it", () => {
  const n = new net("test");
  n.mib.net_statistics[LINUX_MIB_LISTENDROPS] = 7;
  assertEquals(snmp_counter(n, "TcpExtListenDrops"), 7);
  assertEquals(snmp_counter(n, "TcpActiveOpens"), 0);
  assertEquals(snmp_counter(n, "TcpExtNone"), undefined);
  assert(snmp_counters(n).size > 200);
});

Deno.test("sockstat_seq_show() counts sockets", () => {
  assertEquals(sockstat_seq_show(new net("test")).split("\n")[0], "sockets: used 0");
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The counters beside Linux's (linux.txt, as nstat -az of Linux 6.18 lists them): the same names in the same order, and
// each is bumped somewhere, or it is told here why it cannot be.

import { assertEquals } from "@std/assert";
import * as mib from "../../include/uapi/linux/snmp.ts";
import { boot } from "../../mod.ts";
import { modules } from "../check_layers.ts";
import { command_run } from "../lib/command.ts";
import { nstat } from "../lib/nstat.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Counters of what does not happen here. */
const never: Readonly<Record<string, string>> = {
  IPSTATS_MIB_INTOOBIGERRORS: "IPv6's",
  LINUX_MIB_BUSYPOLLRXPACKETS: "sockets do not poll a NIC",
  LINUX_MIB_PFMEMALLOCDROP: "packets are never of memory for emergencies",
  LINUX_MIB_TCPAOBAD: "there is no TCP-AO",
  LINUX_MIB_TCPAODROPPEDICMPS: "there is no TCP-AO",
  LINUX_MIB_TCPAOGOOD: "there is no TCP-AO",
  LINUX_MIB_TCPAOKEYNOTFOUND: "there is no TCP-AO",
  LINUX_MIB_TCPAOREQUIRED: "there is no TCP-AO",
  LINUX_MIB_TCPDUPLICATEDATAREHASH: "follows IPv6's flow label",
  LINUX_MIB_TCPMD5FAILURE: "no socket has a key: MD5 signatures are unexpected",
  LINUX_MIB_TCPMD5NOTFOUND: "no socket has a key: MD5 signatures are unexpected",
  LINUX_MIB_TCPMIGRATEREQFAILURE: "requests are not handed to another listener",
  LINUX_MIB_TCPMIGRATEREQSUCCESS: "requests are not handed to another listener",
  LINUX_MIB_TCPPLBREHASH: "there is no PLB",
};

Deno.test("nstat -az lists Linux's counters, in Linux's order", async () => {
  await using m = boot({ clock: "sim" });
  const { out } = command_run(nstat, m.host().net, ["-az"]);
  const names = out.trimEnd().split("\n").slice(1).map((line) => line.split(" ")[0]);
  const linux = await Deno.readTextFile(new URL("linux.txt", import.meta.url));
  assertEquals(names, linux.trimEnd().split("\n"));
});

Deno.test("each counter is bumped where Linux bumps it, or it is told why not", () => {
  // An import stands in a line of its own.
  const text = [...modules(root)]
    .filter(([p]) => /^(net|include\/net|drivers|kernel)\//.test(p) && p !== "net/ipv4/proc.ts")
    .map(([, source]) => source.replace(/^ {2}\w+,$/gm, "")).join("\n");
  const used = new Set(text.match(/\b(?:LINUX|TCP|UDP|IPSTATS)_MIB_\w+/g));
  const names = Object.keys(mib).filter((k) => /^(LINUX|TCP|UDP|IPSTATS)_MIB_(?!NUM$)/.test(k));
  const unused = names.filter((k) =>
    // Counted as the first of four, plus the ECN bits.
    !used.has(k) && !/^IPSTATS_MIB_(ECT[01]|CE)PKTS$/.test(k)
  );
  assertEquals(unused.sort(), Object.keys(never).sort());
});

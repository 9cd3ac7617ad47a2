// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { boot } from "../../mod.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { __IP_INC_STATS } from "../../include/net/ip.ts";
import { IPSTATS_MIB_INHDRERRORS, IPSTATS_MIB_INPKTS } from "../../include/uapi/linux/snmp.ts";
import { command_run, CommandUsageError, fnmatch_regexp, getopt } from "./command.ts";
import { nstat } from "./nstat.ts";
import { sysctl } from "./sysctl.ts";

Deno.test("getopt() reads short and long options, joined, with values, and what stands behind --", () => {
  const options = [
    { name: "all", short: "a" },
    { name: "quiet", short: "q" },
    { name: "pattern", short: "r", value: "required" },
    { name: "load", short: "p", value: "optional" },
  ] as const;
  const read = (...argv: string[]) => getopt(argv, options);
  assertEquals(read("-aq", "x", "--pattern=y", "-r", "z", "-rw", "--", "-a"), {
    opts: [["all", null], ["quiet", null], ["pattern", "y"], ["pattern", "z"], ["pattern", "w"]],
    args: ["x", "-a"],
  });
  assertEquals(read("-p", "f", "-pg", "--load", "-ap"), {
    opts: [["load", null], ["load", "g"], ["load", null], ["all", null], ["load", null]],
    args: ["f"],
  });
  assertEquals(read("-").args, ["-"]);
  for (const bad of [["-x"], ["--x"], ["-r"], ["--all=1"]]) {
    assertThrows(() => read(...bad), CommandUsageError);
  }
});

Deno.test("fnmatch_regexp() knows * ? and sets, and takes the rest as it is", () => {
  assertEquals(fnmatch_regexp("Tcp*").test("TcpExtTW"), true);
  assertEquals(fnmatch_regexp("Tcp*").test("ATcp"), false);
  assertEquals(fnmatch_regexp("a.b?").test("a.bc"), true);
  assertEquals(fnmatch_regexp("a.b?").test("axbc"), false);
  assertEquals(fnmatch_regexp("[ab]1").test("b1"), true);
  assertEquals(fnmatch_regexp("[!ab]1").test("b1"), false);
});

/** Runs commands on a host: `sysctl("-n", ...)`. */
async function with_host(
  fn: (
    n: net,
    sysctl_: (...argv: string[]) => [number, string, string],
    nstat_: (...argv: string[]) => [number, string, string],
  ) => void,
  files: Record<string, string> = {},
): Promise<void> {
  await using m = boot({ clock: "sim" });
  const n = m.host().net;
  const text = new Map(Object.entries(files));
  fn(n, (...argv) => {
    const r = command_run(sysctl, n, argv, text);
    return [r.status, r.out, r.err];
  }, (...argv) => {
    const r = command_run(nstat, n, argv, text);
    return [r.status, r.out, r.err];
  });
}

Deno.test("sysctl shows values, names and directories, and says what it does not know", () =>
  with_host((_, sysctl) => {
    assertEquals(sysctl("net.ipv4.tcp_sack"), [0, "net.ipv4.tcp_sack = 1\n", ""]);
    assertEquals(sysctl("net/ipv4/tcp_sack"), [0, "net.ipv4.tcp_sack = 1\n", ""]);
    assertEquals(sysctl("-n", "net.ipv4.tcp_sack"), [0, "1\n", ""]);
    assertEquals(sysctl("-N", "net.ipv4.tcp_sack"), [0, "net.ipv4.tcp_sack\n", ""]);
    assertEquals(sysctl("-b", "net.ipv4.tcp_sack"), [0, "1", ""]);
    const route = sysctl("net.ipv4.route")[1];
    assertStringIncludes(route, "net.ipv4.route.min_adv_mss = 256\n");
    assertEquals(/^(net\.ipv4\.route\.\w+ = .*\n)+$/.test(route), true);
    assertEquals(
      sysctl("-a", "-r", "tcp_[rw]mem$", "-N")[1],
      "net.ipv4.tcp_rmem\nnet.ipv4.tcp_wmem\n",
    );
    const unknown = "sysctl: cannot stat /proc/sys/net/ipv4/nosuch: No such file or directory\n";
    assertEquals(sysctl("net.ipv4.nosuch"), [1, "", unknown]);
    assertEquals(sysctl("-e", "net.ipv4.nosuch"), [0, "", ""]);
    assertEquals(sysctl("net.ipv4.nosuch=1"), [1, "", unknown]);
  }));

Deno.test("sysctl sets values, and says why it cannot", () =>
  with_host((n, sysctl) => {
    assertEquals(sysctl("net.ipv4.tcp_sack=0"), [0, "net.ipv4.tcp_sack = 0\n", ""]);
    assertEquals(n.ipv4.sysctl_tcp_sack, 0);
    assertEquals(sysctl("-w", "net.ipv4.tcp_sack = 1"), [0, "net.ipv4.tcp_sack = 1\n", ""]);
    assertEquals(n.ipv4.sysctl_tcp_sack, 1);
    assertEquals(sysctl("-q", "net.ipv4.tcp_rmem=4096 8192  16384"), [0, "", ""]);
    assertEquals([...n.ipv4.sysctl_tcp_rmem], [4096, 8192, 16384]);
    assertEquals(sysctl("--dry-run", "net.ipv4.tcp_sack=0"), [0, "net.ipv4.tcp_sack = 0\n", ""]);
    assertEquals(n.ipv4.sysctl_tcp_sack, 1);
    const why = (name: string, text: string) => `sysctl: setting key "net.ipv4.${name}": ${text}\n`;
    for (const bad of ["256", "x", "-1", ""]) {
      const got = sysctl(`net.ipv4.tcp_sack=${bad}`);
      assertEquals(got, [1, "", why("tcp_sack", "Invalid argument")]);
    }
    const fixed = sysctl("net.ipv4.tcp_available_congestion_control=reno");
    assertEquals(fixed, [1, "", why("tcp_available_congestion_control", "Permission denied")]);
    const syntax = "sysctl: command line(0): invalid syntax, continuing...\n";
    assertEquals(sysctl("-w", "net.ipv4.tcp_sack"), [1, "", syntax]);
    assertEquals(sysctl("net.ipv4.conf.*.rp_filter=2")[0], 0);
    assertEquals([n.ipv4.devconf_all.rp_filter, n.ipv4.devconf_dflt.rp_filter], [2, 2]);
  }));

Deno.test("sysctl -p sets what a file says", () => {
  const conf =
    "# why\n; too\n\nnet.ipv4.tcp_sack = 0\n-net.ipv4.nosuch=1\nnonsense\nnet/ipv4/tcp_dsack=0\n";
  return with_host((n, sysctl) => {
    for (const argv of [["-pf"], ["--load=f"], ["-p", "f"]]) {
      n.ipv4.sysctl_tcp_sack = 1;
      assertEquals(sysctl(...argv), [
        1,
        "net.ipv4.tcp_sack = 0\nnet.ipv4.tcp_dsack = 0\n",
        "sysctl: f(6): invalid syntax, continuing...\n",
      ]);
      assertEquals([n.ipv4.sysctl_tcp_sack, n.ipv4.sysctl_tcp_dsack], [0, 0]);
    }
    assertEquals(sysctl("-p", "g"), [
      1,
      "",
      'sysctl: cannot open "g": No such file or directory\n',
    ]);
  }, { f: conf });
});

Deno.test("sysctl and nstat end in the usage and 2 where they are used wrongly", () =>
  with_host((_, sysctl, nstat) => {
    for (const argv of [[], ["-w"], ["-Q"], ["--all=1"], ["-r", "(", "-a"], ["-r"]]) {
      const [status, out, err] = sysctl(...argv);
      assertEquals([status, out], [2, ""], argv.join(" "));
      assertStringIncludes(err, "\nusage: deno task sysctl ");
    }
    assertStringIncludes(sysctl("--help")[1], "usage: deno task sysctl ");
    const [status, out, err] = nstat("-d", "3");
    assertEquals([status, out], [2, ""]);
    assertStringIncludes(err, "\nusage: deno task nstat ");
  }));

Deno.test("nstat shows what has grown since it was called last", () =>
  with_host((n, _, nstat) => {
    const line = (name: string, v: number) => `${name.padEnd(32)}${String(v).padEnd(16)}   0.0\n`;
    const grow = () => __IP_INC_STATS(n, IPSTATS_MIB_INHDRERRORS);
    nstat("-n");
    grow();
    assertEquals(nstat("-s"), [0, `#kernel\n${line("IpInHdrErrors", 1)}`, ""]);
    assertEquals(nstat("IpIn*")[1], `#kernel\n${line("IpInHdrErrors", 1)}`);
    assertEquals(nstat()[1], "#kernel\n");
    grow();
    assertEquals(nstat("-a", "IpInHdrErrors")[1], `#kernel\n${line("IpInHdrErrors", 2)}`);
    assertEquals(nstat("-z", "IpInHdrErrors")[1], `#kernel\n${line("IpInHdrErrors", 0)}`);
    assertEquals(nstat("-r", "IpInHdrErrors")[1], `#kernel\n${line("IpInHdrErrors", 2)}`);
    grow();
    const json = JSON.parse(nstat("-j")[1]);
    assertEquals(json, { kernel: { IpInHdrErrors: 1 } });
    __IP_INC_STATS(n, IPSTATS_MIB_INPKTS);
    assertEquals(nstat("-jp")[1], '{\n    "kernel": {\n        "IpInReceives": 1\n    }\n}\n');
    assertEquals(nstat("-az")[1].includes("TcpRtoMin"), false);
  }));

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

Deno.test("parseArgs() reads strings, booleans, defaults and negated flags", () => {
  const a = parseArgs(
    ["--nic=tap", "--dev", "tux0", "-v", "--no-offload", "host", "80"],
    {
      string: ["nic", "dev", "address"],
      boolean: ["offload", "verbose", "help"],
      negatable: ["offload"],
      alias: { verbose: "v" },
      default: { address: "198.51.100.2/24", offload: true },
    },
  );
  assertEquals(a.nic, "tap");
  assertEquals(a.dev, "tux0");
  assertEquals(a.address, "198.51.100.2/24");
  assertEquals([a.verbose, a.v, a.offload, a.help], [true, true, false, false]);
  assertEquals(a._, ["host", 80]);
});

Deno.test("parseArgs() collects, stops early and reports unknown flags", () => {
  assertEquals(parseArgs(["-w", "a=1", "-w", "b=2"], { string: "w", collect: "w" }).w, [
    "a=1",
    "b=2",
  ]);
  const a = parseArgs(["-n", "x", "--y", "-z"], { boolean: "n", stopEarly: true });
  assertEquals([a.n, a._], [true, ["x", "--y", "-z"]]);
  const seen: string[] = [];
  const b = parseArgs(["--bad=1", "--port=7", "q"], {
    string: ["port"],
    unknown: (arg, key) => {
      if (key === undefined) return true;
      seen.push(arg);
      return false;
    },
  });
  assertEquals([seen, b.port, "bad" in b], [["--bad=1"], "7", false]);
});

Deno.test("parseArgs() takes short clusters, numbers and what follows --", () => {
  const a = parseArgs(["-tin", "-c3", "--mtu", "1500", "--", "-x"], { boolean: ["t", "i", "n"] });
  assertEquals([a.t, a.i, a.n, a.c, a.mtu, a._], [true, true, true, 3, 1500, ["-x"]]);
  assertEquals(parseArgs(["--", "5"], { "--": true })["--"], ["5"]);
});

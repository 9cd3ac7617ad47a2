// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertThrows } from "@std/assert";
import { bench_parse_args, benches, usage, UsageError } from "./args.ts";

Deno.test("bench_parse_args() measures everything by default", () => {
  assertEquals(bench_parse_args([]), { json: false, seconds: 1, only: benches });
});

Deno.test("bench_parse_args() takes names and what begins with them", () => {
  const names = (only: string) => bench_parse_args([`--only=${only}`])?.only.map((b) => b.name);
  assertEquals(names("wire"), ["wire"]);
  assertEquals(names("rr,memory"), ["rr", "rr-pinned", "memory"]);
  assertEquals(names("ehash"), ["ehash-1", "ehash-1000", "ehash-100000", "ehash-busy"]);
  assertEquals(names("in-plain"), ["in-plain"]);
});

Deno.test("bench_parse_args() takes --json, --seconds and --help", () => {
  const a = bench_parse_args(["--json", "--seconds=0.5"]);
  assertEquals([a?.json, a?.seconds], [true, 0.5]);
  assertEquals(bench_parse_args(["--help"]), null);
});

Deno.test("bench_parse_args() refuses what it does not know", () => {
  const wrong = [
    ["--only=nothing"],
    ["--only="],
    ["--seconds=0"],
    ["--seconds=-1"],
    ["--seconds=1e3"],
    ["--seconds=61"],
    ["--fast"],
    ["in"],
  ];
  for (const argv of wrong) {
    assertThrows(() => bench_parse_args(argv), UsageError, undefined, argv.join(" "));
  }
});

Deno.test("usage() names every figure", () => {
  const text = usage();
  assertEquals(benches.filter((b) => !text.includes(`  ${b.name} `)), []);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The traces on the pages of Documentation/callgraph are what deno task ftrace prints, and each chain is on a page.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { parse_chain, read_chains } from "./ftrace/chains.ts";
import { cut, fresh, grep, PAGES, read_blocks, traces } from "./callgraph.ts";

Deno.test("Documentation/callgraph is fresh (deno run -A tools/callgraph.ts --write)", async () => {
  const blocks = read_blocks();
  const chains = read_chains(PAGES);
  assertEquals(
    [...new Set(blocks.map((b) => b.chain).filter((c) => c !== null))].sort(),
    chains.map((c) => c.name),
  );
  const all = await traces(blocks.map((b) => b.args));
  for (const b of blocks) assertEquals(b.text, fresh(b, all, chains), `${b.page}: ${b.args}`);
});

Deno.test("traces() gives what deno task ftrace prints", async () => {
  const args = "--graph=sys_listen --max-depth=3 --packets handshake";
  const root = new URL("../", import.meta.url);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tools/ftrace/mod.ts", ...args.split(" ")],
    cwd: root,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text.includes("sys_listen() {"));
  assertEquals((await traces([args, "--graph=sys_bind --packets handshake"]))[args], text);
});

const TEXT = `# session x
# tracer: function_graph
# 1.000000 <softirq>
# eth0 In  IP one
 0)               |  a();
# 2.000000 <softirq>
# eth0 In  IP two
 0)               |  a() {
 0)               |    x() {
 0)               |      b() {
 0)               |        y();
 0) # 1000.000 us |      }
 0)               |    }
 0)               |    b();
 0)               |    c(); /* asleep */
 0)               |  }
`;

Deno.test("cut() keeps a chain's calls and those that lead to them", () => {
  assertEquals(
    cut(TEXT, parse_chain("t", "a\n  b\n  c\n")),
    `…
# 2.000000 <softirq>
# eth0 In  IP two
 0)               |  a() {
 0)               |    x() {
 0)               |      b() { … }
 0)               |    }
 0)               |    c(); /* asleep */
 0)               |  }`,
  );
  assertThrows(() => cut(TEXT, parse_chain("t", "a\n  b\n    y\n"), "x"), Error, "does not hold");
  assertThrows(() => cut(TEXT, parse_chain("t", "a\n  c\n  b\n")), Error, "does not hold");
});

Deno.test("grep() keeps the lines with a text", () => {
  assertEquals(grep(TEXT, " In "), "# eth0 In  IP one\n# eth0 In  IP two");
});

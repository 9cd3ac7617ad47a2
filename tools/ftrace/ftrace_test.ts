// SPDX-License-Identifier: GPL-2.0-only
//
// The tool as it is called: each chain of Documentation/callgraph holds, in its session on the wire and in what the host's
// curl and nc cause on a TAP; two runs give the same bytes; flags do what they say.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { private_netns_support } from "../../arch/deno/netns.ts";
import { missing_of, parse_chain, parse_trace, read_chains } from "./chains.ts";
import type { chain_call } from "./chains.ts";
import { ROOT } from "./mirror.ts";

const CHAINS = read_chains(`${ROOT}/Documentation/callgraph`);

async function ftrace(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tools/ftrace/mod.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (p: Uint8Array) => new TextDecoder().decode(p);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Traces by session. */
const recorded = new Map<string, string>();

async function session(name: string): Promise<string> {
  let text = recorded.get(name);
  if (text === undefined) {
    const { code, out, err } = await ftrace(name);
    assertEquals([code, err], [0, ""]);
    recorded.set(name, text = out);
  }
  return text;
}

/** Trees by session. */
const parsed = new Map<string, chain_call[]>();

async function trees_of(name: string): Promise<chain_call[]> {
  let trees = parsed.get(name);
  if (trees === undefined) parsed.set(name, trees = parse_trace(await session(name)));
  return trees;
}

for (const c of CHAINS) {
  Deno.test(`the chain ${c.name} holds in session ${c.session}`, async () => {
    assertEquals(missing_of(c, await trees_of(c.session)), null);
  });
}

Deno.test("a session gives the same bytes at each run", async () => {
  assertEquals((await ftrace("handshake")).out, await session("handshake"));
});

{
  const { why } = private_netns_support();
  Deno.test({
    name: `all chains hold on a TAP, for the host's curl and nc${why ? ` (ignored: ${why})` : ""}`,
    ignore: why !== undefined,
    async fn() {
      const { code, out, err } = await ftrace("tap");
      assertEquals([code, err], [0, ""]);
      const trees = parse_trace(out);
      for (const c of CHAINS) assertEquals([c.name, missing_of(c, trees)], [c.name, null]);
    },
  });
}

Deno.test("missing_of() names the first call that is not there", () => {
  const c = parse_chain("x", "# about\n# session: s\na\n  b\n    @any\n      c\n  d\n");
  assertEquals([c.about, c.session], ["about", "s"]);
  const text = (body: string) => parse_trace(` 0)    |  a() {\n${body} 0)   |  }\n`);
  assertEquals(
    missing_of(c, text("| b() {\n| x(v=1) {\n| c();\n| }\n| } /* y */\n| d();\n")),
    null,
  );
  assertEquals(missing_of(c, text("| b() {\n| c();\n| }\n| d();\n")), "c in a -> b -> @any");
  assertEquals(missing_of(c, text("| d();\n| b() {\n| x() {\n| c();\n| }\n| }\n")), "d in a");
  assertEquals(missing_of(c, []), "a, which is never called");
});

Deno.test("--graph, --max-depth, --notrace, --args and --packets show what they say", async () => {
  const { out } = await ftrace(
    "handshake",
    "--graph=tcp_v4_syn_recv_*,tcp_v4_conn_request",
    "--max-depth=2",
    "--notrace=tcp_*,inet_*",
    "--args",
  );
  const lines = out.split("\n").filter((l) => l !== "" && !l.startsWith("#"));
  const roots = lines.filter((l) => / \| {2}\w/.test(l)).map((l) => /\| {2}(\w+)/.exec(l)![1]);
  assertEquals(roots, ["tcp_v4_conn_request", "tcp_v4_syn_recv_sock"]);
  assertMatch(
    lines[0],
    /tcp_v4_conn_request\(sk=<LISTEN 0\.0\.0\.0:2222>, skb=<S \S+ > \S+:2222 seq 0>\) \{$/,
  );
  assert(!lines.some((l) => /\| {4,}(tcp|inet)_/.test(l)));
  assert(lines.some((l) => /\| {4}\w/.test(l)) && !lines.some((l) => /\| {6}\w/.test(l)));

  const packets = (await ftrace("handshake", "--graph=tcp_v4_rcv", "--packets")).out;
  assertMatch(
    packets,
    /\n# \S+ <softirq>\n# eth0 In {2}IP \S+ > 198\.51\.100\.2\.2222: Flags \[S\],.*\n# eth0 Out IP \S+ > \S+: Flags \[S\.\]/,
  );
});

Deno.test("--drops shows each reason with the chain that led there", async () => {
  const { out } = await ftrace("refused", "--drops");
  assertMatch(out, /# SKB_DROP_REASON_NO_SOCKET: IP \S+ > 198\.51\.100\.2\.2222: Flags \[S\]/);
  const c = parse_chain("drop", "tcp_v4_rcv\n  kfree_skb_reason\n");
  assertEquals(missing_of(c, parse_trace(out)), null);
  assertMatch(out, /# 1 SKB_DROP_REASON_NO_SOCKET\n/);
});

Deno.test("--json gives a document a line, -o writes a file", async () => {
  const { out } = await ftrace("udp", "--json");
  const trees = out.trimEnd().split("\n").map((l) => JSON.parse(l));
  assert(trees.some((t) => t.task === "<softirq>" && t.name === "__do_softirq"));
  assert(
    trees.some((t) => t.task === "a-1 a" && t.calls.length > 0 && /^arch\/.*:\d+$/.test(t.at)),
  );
  const file = await Deno.makeTempFile();
  try {
    assertEquals((await ftrace("handshake", "-o", file)).out, "");
    assertEquals(await Deno.readTextFile(file), await session("handshake"));
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a program runs traced, with its own arguments", async () => {
  const file = await Deno.makeTempFile();
  try {
    const argv = ["-o", file, "--graph=tcp_connect", "--", "samples/echo_server.ts", "--nic=wire"];
    assertEquals((await ftrace(...argv)).code, 0);
    assertMatch(await Deno.readTextFile(file), /\n# \S+ nc-\d+ peer\n.*\| {2}tcp_connect\(\) \{\n/);
    const { code, err } = await ftrace("--", "samples/echo_server.ts", "--no-such-flag");
    assertEquals(code, 2);
    assertMatch(err, /no flag/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("wrong flags end with the usage and 2", async () => {
  for (
    const argv of [["--nonsense", "all"], ["nowhere"], [], ["all", "--max-depth=0"], ["--graph="]]
  ) {
    const { code, err, out } = await ftrace(...argv);
    assertEquals([argv, code, out], [argv, 2, ""]);
    assertMatch(err, /^ftrace: .*\nusage: deno task ftrace /);
  }
  const { code, out } = await ftrace("--help");
  assertEquals(code, 0);
  assertMatch(out, /^usage: /);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// Runs all scripts of tools/testing/selftests/net/packetdrill; and, so that a pass means something, scripts that are wrong in
// one place each, which must fail at that line for that reason.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CodeError, interpreter } from "./code.ts";
import { find_scripts } from "./mod.ts";
import { parse_script } from "./parser.ts";
import { run_script } from "./run.ts";
import type { outcome } from "./run.ts";
import { ScriptError } from "./script.ts";
import { run_shell } from "./shell.ts";

const SCRIPTS = new URL("../testing/selftests/net/packetdrill", import.meta.url).pathname;

for (const path of await find_scripts(SCRIPTS)) {
  Deno.test(`packetdrill: ${path.slice(SCRIPTS.length + 1)}`, async () => {
    const o = await run_script(path, await Deno.readTextFile(path));
    assertEquals(o.result, "pass", `${path}:${o.line}: ${o.error}`);
  });
}

/** A script that passes, the lines of which are replaced to break it. */
const GOOD = `--tolerance_usecs=4000
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
   +0 bind(3, ..., ...) = 0
   +0 listen(3, 1) = 0
   +0 < S 0:0(0) win 65535 <mss 1012,sackOK,TS val 700 ecr 0>
   +0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 700>
 +.02 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 720 ecr 100>
   +0 accept(3, ..., ...) = 4
   +0 write(4, ..., 1000) = 1000
   +0 > P. 1:1001(1000) ack 1 <nop,nop,TS val 120 ecr 720>
 +.01 < P. 1:11(10) ack 1001 win 65535 <nop,nop,TS val 730 ecr 120>
   +0 > . 1001:1001(0) ack 11 <nop,nop,TS val 130 ecr 730>
   +0 read(4, ..., 100) = 10
   +0 read(4, ..., 100) = 0
`.replace(
  "   +0 read(4, ..., 100) = 0\n",
  `   +0 recv(4, ..., 1, MSG_DONTWAIT) = -1 EAGAIN (Again)
   +0 %{ assert tcpi_snd_mss == 1000, tcpi_snd_mss }%
   +0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [1000], [4]) = 0
   +0...0.010 poll([{fd=4, events=POLLIN, revents=0}], 1, 10) = 0
 +.01 epoll_create(1) = 6
   +0 epoll_ctl(6, EPOLL_CTL_ADD, 4, {events=EPOLLOUT, fd=4}) = 0
   +0 epoll_wait(6, {events=EPOLLOUT, fd=4}, 1, 0) = 1
   +0 \`nstat | grep TcpPassiveOpens\`
`,
);

/** One thing wrong: what is replaced by what, and why the script must fail there. */
const BROKEN: [name: string, from: string, to: string, reason: RegExp][] = [
  [
    "an early packet",
    "   +0 > P. 1:1001",
    " +.01 > P. 1:1001",
    /timing error: expected outbound packet/,
  ],
  [
    "a late packet",
    " +.01 < P. 1:11(10)",
    " +.01 > P. 1:1001(1000) ack 1 <nop,nop,TS val 125 ecr 720>\n +.01 < P. 1:11(10)",
    /timing error: expected outbound packet at 0.030020 sec but happened at 0.24/,
  ],
  ["a flag", "> P. 1:1001", "> . 1:1001", /live packet field tcp_psh: expected: 0 .* actual: 1/],
  ["a sequence number", "1001:1001(0) ack 11", "1002:1002(0) ack 11", /live packet field tcp_seq/],
  ["an ACK", "1001:1001(0) ack 11", "1001:1001(0) ack 12", /live packet field tcp_ack_seq/],
  [
    "a length",
    "> P. 1:1001(1000)",
    "> P. 1:901(900)",
    /payload: expected 900 bytes vs actual 1000/,
  ],
  ["a window", "ack 11 <nop", "ack 11 win 3 <nop", /live packet field tcp_window/],
  ["ECN", "> P. 1:1001", "> [ect0] P. 1:1001", /live packet field ip_ecn/],
  ["an option's value", "<mss 1460,", "<mss 1400,", /bad value in outbound TCP option \(kind=2\)/],
  [
    "the order of options",
    "<nop,nop,TS val 130 ecr 730>",
    "<TS val 130 ecr 730,nop,nop>",
    /bad outbound TCP options/,
  ],
  ["a missing option", "<nop,nop,TS val 130 ecr 730>", "", /live packet field tcp_data_offset/],
  [
    "an echo of nothing sent",
    "TS val 730 ecr 120",
    "TS val 730 ecr 121",
    /unable to infer live TS ecr/,
  ],
  [
    "a packet that never comes",
    "   +0 read(4",
    "   +0 > F. 1001:1001(0) ack 11\n   +0 read(4",
    /Timed out waiting for packet/,
  ],
  [
    "a packet more",
    "   +0 > P. 1:1001(1000) ack 1 <nop,nop,TS val 120 ecr 720>\n",
    "",
    /unable to infer|tcp_psh|tcp_seq/,
  ],
  [
    "a result",
    "write(4, ..., 1000) = 1000",
    "write(4, ..., 1000) = 999",
    /Expected result 999 but got 1000/,
  ],
  ["an errno", "EAGAIN (Again)", "EPIPE (Pipe)", /Expected errno EPIPE but got EAGAIN/],
  [
    "an assertion",
    "tcpi_snd_mss == 1000",
    "tcpi_snd_mss == 1001",
    /assert tcpi_snd_mss == 1001: 1000/,
  ],
  [
    "an option of the socket",
    "TCP_MAXSEG, [1000]",
    "TCP_MAXSEG, [999]",
    /Bad getsockopt optval: expected: 999 actual: 1000/,
  ],
  [
    "poll's answer",
    "revents=0}], 1, 10) = 0",
    "revents=POLLIN}], 1, 10) = 0",
    /Expected revents of POLLIN but got/,
  ],
  [
    "when a call returns",
    "+0...0.010 poll",
    "+0...0.030 poll",
    /timing error: expected system call return/,
  ],
  [
    "epoll's answer",
    "{events=EPOLLOUT, fd=4}, 1, 0)",
    "{events=EPOLLIN, fd=4}, 1, 0)",
    /expected: EPOLLIN actual: EPOLLOUT/,
  ],
  ["a command", "grep TcpPassiveOpens", "grep TcpAttemptFails", /error executing `nstat/],
  ["a call that does not exist", "listen(3, 1)", "lisen(3, 1)", /Unknown system call: 'lisen'/],
  ["a symbol that does not exist", "SO_REUSEADDR", "SO_REUSEADR", /Unknown symbol: 'SO_REUSEADR'/],
  ["a descriptor", "read(4", "read(5", /unable to find fd with script fd 5/],
];

function run(text: string): Promise<outcome> {
  return run_script("test.pkt", text);
}

Deno.test("run_script() passes the script that the broken ones are made of", async () => {
  const o = await run(GOOD);
  assertEquals([o.result, o.line, o.error], ["pass", 0, ""]);
});

for (const [name, from, to, reason] of BROKEN) {
  Deno.test(`run_script() fails a script that is wrong in ${name}`, async () => {
    const at = GOOD.indexOf(from);
    assert(at >= 0, from);
    const o = await run(GOOD.slice(0, at) + to + GOOD.slice(at + from.length));
    assertEquals(o.result, "fail");
    assertMatch(o.error, reason);
    assert(o.line >= GOOD.slice(0, at).split("\n").length, `line ${o.line}: ${o.error}`);
  });
}

Deno.test("run_script() puts segments together, but not under --strict_segments", async () => {
  const big = GOOD.replace("write(4, ..., 1000) = 1000", "write(4, ..., 3000) = 3000")
    .replace("P. 1:1001(1000)", "P. 1:3001(3000)").replaceAll("1001", "3001")
    .replace("   +0 bind", "   +0 `ethtool -K tun0 tso off gso off`\n   +0 bind");
  assertEquals((await run(big)).error, "");
  const o = await run(`--strict_segments\n${big}`);
  assertMatch(o.error, /payload: expected 3000 bytes vs actual 1000 bytes/);
});

Deno.test("run_script() maps timestamps and checks them only where their tick is known", async () => {
  const off = GOOD.replace("TS val 130 ecr 730", "TS val 230 ecr 730");
  assertEquals((await run(off)).error, "");
  assertMatch((await run(`--tcp_ts_tick_usecs=1000\n${off}`)).error, /bad outbound TCP timestamp/);
  const scaled = GOOD.replace("TS val 730 ecr 120", "TS val 730 ecr 119");
  assertEquals((await run(`--tcp_ts_ecr_scaled\n${scaled}`)).error, "");
});

Deno.test("parse_script() refuses what is no script, with the line", () => {
  const cases: [string, number, RegExp][] = [
    ["0 close(3) = 0\n+0 < S 0:0(0) win", 2, /int expected/],
    ["0 < S 0:5(4) win 1", 1, /inconsistent TCP sequence numbers/],
    ["0 < S 0:0(0)", 1, /window must be specified/],
    ["0 < X 0:0(0) win 1", 1, /Invalid TCP flag: 'X'/],
    ["0 > S 0:0(0) <nop>", 1, /not padded/],
    ["0 < . 0:0(0) win 1 <...>", 1, /only be used with outbound/],
    ["* close(3) = 0", 1, /only outbound packets/],
    ["0 > . 0:0(0) ack 1\n+.2~+.1 > . 0:0(0) ack 1", 2, /backwards/],
    ["/* nothing */", 1, /an event expected/],
  ];
  for (const [text, line, message] of cases) {
    const e = assertThrows(() => parse_script(text, new Map()), ScriptError);
    assertEquals([e.line, message.test(e.message)], [line, true], `${text}: ${e.message}`);
  }
});

Deno.test("interpreter.run() understands the Python of scripts", () => {
  const i = new interpreter();
  i.run("a = 6; b = a * 2 + 1  # thirteen\nassert b == 13 and not a > b, 'never'\nb -= 3");
  i.run("print('%d of %s' % (a, b)); assert (a & 4) != 0 | 0; assert 5 <= a <= 7 < b \\\n , b");
  assertEquals(i.printed, ["6 of 10"]);
  const e = assertThrows(() => i.run("assert 5 <= a < 6, 'a=%d' % a"), CodeError);
  assertEquals(e.message, "assert 5 <= a < 6: a=6");
  assertThrows(() => i.run("assert c"), CodeError, "name 'c' is not defined");
  assertThrows(() => i.run("import os"), CodeError);
});

Deno.test("run_shell() does quotes, arithmetic, conditions, pipes and redirections", async () => {
  const calls: string[] = [];
  const files: string[] = [];
  const env = {
    vars: new Map([["PPID", "7"]]),
    find: (name: string) =>
      name === "nothing" ? null : (argv: readonly string[], input: string) => {
        calls.push(argv.join("|") + (input === "" ? "" : ` < ${input}`));
        return { status: name === "false" ? 1 : 0, out: name };
      },
    write: (path: string, text: string) => {
      files.push(`${path}: ${text}`);
      return 0;
    },
    log: () => {},
  };
  const text = `a x="1 2  $((3*4+1))" '$b' \\
    c # comment
/tmp/r_\${PPID}.sh > /dev/null 2>&1; false && no || yes; ! false && not || no
one | two > /f
nothing`;
  assertEquals((await run_shell(env, text)).status, 127);
  assertEquals(calls, [
    "a|x=1 2  13|$b|c",
    "/tmp/r_7.sh",
    "false",
    "yes",
    "false",
    "not",
    "one",
    "two < one",
  ]);
  assertEquals(files, ["/f: two"]);
});

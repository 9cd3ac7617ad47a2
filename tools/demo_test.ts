// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { private_netns_support } from "../arch/deno/netns.ts";
import { run_program } from "./testing/interop.ts";

const argv = [Deno.execPath(), "run", "-A", new URL("demo.ts", import.meta.url).pathname];
const { why } = private_netns_support();

/** Lines of handshakes as tcpdump prints them. */
function handshake(text: string): string[] {
  return text.split("\n").filter((l) => /^ {2}[\d:.]{15} IP /.test(l)).map((l) => l.slice(18));
}

/** A connection's three packets from a client to a server. */
function assert_handshake([syn, syn_ack, ack]: string[], client: string, server: string): void {
  const c = `${client.replaceAll(".", "\\.")}\\.\\d+`;
  const s = server.replaceAll(".", "\\.");
  const ts = "TS val \\d+ ecr \\d+";
  const options = `options \\[mss 1460,sackOK,${ts},nop,wscale \\d+\\], length 0$`;
  assertMatch(syn, new RegExp(`^IP ${c} > ${s}: Flags \\[S\\], seq \\d+, win \\d+, ${options}`));
  const answer = `^IP ${s} > ${c}: Flags \\[S\\.\\], seq \\d+, ack \\d+, win \\d+, ${options}`;
  assertMatch(syn_ack, new RegExp(answer));
  const third = `^IP ${c} > ${s}: Flags \\[\\.\\], ack 1, win \\d+, options \\[nop,nop,${ts}\\]`;
  assertMatch(ack, new RegExp(third));
}

Deno.test({
  name: why === undefined ? "demo: on a TAP" : `demo: on a TAP (ignored: ${why})`,
  ignore: why !== undefined,
  async fn() {
    const { code, stdout, stderr } = await run_program(argv);
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /\n\ndemo: ok\n$/);
    const lines = handshake(stdout);
    assertEquals(lines.length, 9);
    assert_handshake(lines.slice(0, 3), "198.51.100.1", "198.51.100.2.80");
    assert_handshake(lines.slice(3, 6), "198.51.100.1", "198.51.100.2.80");
    assert_handshake(lines.slice(6), "198.51.100.2", "198.51.100.1.8080");
    assertEquals(stdout.match(/ got: 20000000 bytes in .*, sha256 .* equal\n/g)?.length, 2);
    assertEquals(stdout.match(/ss tuxnet, at the end: 198\.51\.100\.2:/g)?.length, 2);
    assertEquals(stdout.match(/ss kernel, halfway: 198\.51\.100\.1:/g)?.length, 2);
  },
});

Deno.test({
  name: why === undefined ? "demo: no TUN to be had" : `demo: no TUN to be had (as here: ${why})`,
  async fn() {
    const script = 'mount -t tmpfs none /dev/net && exec "$@"';
    const hide = why === undefined ? ["unshare", "-m", "sh", "-c", script, "sh"] : [];
    const { code, stdout, stderr } = await run_program([...hide, ...argv]);
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^no NIC here \(.*\): two hosts in this process instead\n/);
    assertMatch(stdout, /\n\ndemo: ok\n$/);
    const lines = handshake(stdout);
    assertEquals(lines.length, 3);
    assert_handshake(lines, "198.51.100.2", "198.51.100.1.80");
    assertStringIncludes(stdout, "ss server, at the end: 198.51.100.1:80 198.51.100.2:");
  },
});

Deno.test("demo: --help, and what it does not know", async () => {
  const help = await run_program([...argv, "--help"]);
  assertEquals([help.code, help.stdout, help.stderr], [0, "usage: deno task demo\n", ""]);
  const wrong = await run_program([...argv, "--fast"]);
  assertEquals([wrong.code, wrong.stdout, wrong.stderr], [2, "", "usage: deno task demo\n"]);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The command lines of the samples, and each of them between two hosts in its process. On a real NIC: see
// samples_interop_test.ts.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { is_private_netns, tun_unavailable } from "../arch/deno/netns.ts";
import { run_sample, running_sample } from "../tools/testing/sample.ts";
import { sha256 } from "../tools/testing/interop.ts";
import { parse_range } from "./http_server.ts";

const SERVERS = ["chargen_server", "discard_server", "echo_server", "http_server"];
const ALL = [...SERVERS, "inetd", "http_get", "nc"];
const root = new URL("..", import.meta.url).pathname;

/** Runs two at a time. */
async function in_pairs<T>(items: readonly T[], fn: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const run = async (): Promise<void> => {
    for (let item: T | undefined; (item = left.shift()) !== undefined;) await fn(item);
  };
  await Promise.all([run(), run()]);
}

Deno.test("--help prints the usage on stdout and exits with 0", async () => {
  await in_pairs(ALL, async (name) => {
    const { code, stdout, stderr } = await run_sample(name, ["--help"]);
    assertEquals([code, stderr], [0, ""], name);
    assertMatch(stdout, new RegExp(`^usage: deno task sample ${name} `));
    const flags = ["nic=", "dev=", "address=", "host-address=", "gateway=", "mtu=", "no-offload"];
    for (const flag of [...flags, "mac=", "sysctl=", "nstat", "control", "help"]) {
      assertStringIncludes(stdout, `--${flag}`);
    }
    for (const line of stdout.split("\n")) assertEquals(line.length <= 110, true, line);
  });
});

Deno.test("a wrong flag or address: why, the usage, and exit status 2", async () => {
  const url = "http://198.51.100.1/";
  const wrong: [string, string[], RegExp][] = [
    ["echo_server", ["--bogus"], /no flag --bogus/],
    ["echo_server", ["-x"], /no flag -x/],
    ["echo_server", ["stray"], /what is 'stray'\?/],
    ["echo_server", ["--nic=wifi"], /--nic=wifi: wire, tun or tap/],
    ["echo_server", ["--address=198.51.100.2"], /--address: .*no prefix length/],
    ["echo_server", ["--address=198.51.100.256/24"], /--address: .*no IPv4 address/],
    ["echo_server", ["--host-address=198.51.100.1/33"], /--host-address: /],
    ["echo_server", ["--gateway=here"], /--gateway: 'here' is no IPv4 address/],
    ["echo_server", ["--mtu=67"], /--mtu=67: a number from 68 to 65535/],
    ["echo_server", ["--mtu=many"], /--mtu=many/],
    ["echo_server", ["--mac=00:11:22"], /'00:11:22' is no Ethernet address/],
    ["echo_server", ["--mac=01:00:5e:00:00:01"], /'01:00:5e:00:00:01' is .*group/],
    ["echo_server", ["--dev=a/b"], /--dev=a\/b/],
    ["echo_server", ["--dev=abcdefghijklmnop"], /--dev=abcdefghijklmnop/],
    ["echo_server", ["--dev="], /--dev wants a value/],
    ["echo_server", ["--sysctl=net.ipv4.tcp_sack"], /--sysctl=.*: NAME=VALUE is wanted/],
    ["echo_server", ["--nic=wire", "--sysctl=net.ipv4.nosuch=1"], /nosuch=1: .*No such file/],
    ["echo_server", ["--nic=wire", "--sysctl=net.ipv4.tcp_sack=x"], /=x: .*Invalid argument/],
    ["echo_server", ["--port=0"], /--port=0: a number from 1 to 65535/],
    ["echo_server", ["--port=65536"], /--port=65536/],
    ["inetd", ["--services=echo"], /--services=echo: NAME:PORT of echo/],
    ["inetd", ["--services=finger:79"], /--services=finger:79/],
    ["inetd", ["--services=echo:seven"], /a number from 1 to 65535/],
    ["http_server", ["--root=/nonexistent"], /--root=\/nonexistent: no such folder/],
    ["http_get", [], /arguments wanted: http:/],
    ["http_get", ["ftp://198.51.100.1/"], /no http:\/\/ URL/],
    ["http_get", [url, url], /arguments wanted/],
    ["http_get", [url, "--dns=here"], /--dns: 'here' is no IPv4 address/],
    ["nc", [], /arguments wanted: HOST PORT/],
    ["nc", ["7"], /--listen PORT/],
    ["nc", ["198.51.100.1", "seven"], /a number from 1 to 65535/],
    ["nc", ["300.1.1.1", "7"], /'300.1.1.1' is no IPv4 address/],
    ["nc", ["--listen", "198.51.100.1", "7"], /--listen/],
  ];
  await in_pairs(wrong, async ([name, args, why]) => {
    const { code, stdout, stderr } = await run_sample(name, args);
    const what = `${name} ${args.join(" ")}: ${stderr}`;
    assertEquals([code, stdout], [2, ""], what);
    const [line, usage] = stderr.split("\n");
    assertMatch(line, new RegExp(`^${name}: `), what);
    assertMatch(line, why, what);
    assertMatch(usage, /^usage: deno task sample /, what);
  });
});

/** The complaint of a program that ended with 1: one line. */
function one_line(r: { code: number; stdout: string; stderr: string }): string {
  assertEquals([r.code, r.stdout], [1, ""], r.stderr);
  assertEquals(r.stderr.trimEnd().split("\n").length, 1, r.stderr);
  return r.stderr;
}

Deno.test({
  name: "a NIC in the machine's own network namespace is refused in one line",
  ignore: Deno.build.os !== "linux" || is_private_netns() || tun_unavailable() !== null,
  async fn() {
    const line = one_line(await run_sample("echo_server", []));
    assertMatch(line, /^echo_server: .*own network namespace.*unshare -n/);
  },
});

Deno.test("without the permission for FFI: one line", async () => {
  const file = new URL("echo_server.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-env", "--no-check", file],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (p: Uint8Array) => new TextDecoder().decode(p);
  const line = one_line({ code, stdout: text(stdout), stderr: text(stderr) });
  if (Deno.build.os === "linux") assertMatch(line, /^echo_server: .*--allow-ffi.*--nic=wire/);
});

Deno.test("echo_server --nic=wire: the terminal is a client on the other host", async () => {
  const got = await run_sample("echo_server", ["--nic=wire"], { stdin: "hello\nwire\n" });
  assertEquals([got.code, got.stdout], [0, "hello\nwire\n"], got.stderr);
  assertEquals(got.stderr, "echo on 198.51.100.2:7 (wire)\n");
});

Deno.test("--sysctl sets sysctls, those of the NIC, too, and --nstat prints the counters", async () => {
  const sysctls = ["net.ipv4.tcp_sack=0", "net.ipv4.conf.eth0.rp_filter=1"];
  const args = ["--nic=wire", "--nstat", ...sysctls.map((s) => `--sysctl=${s}`)];
  const got = await run_sample("echo_server", args, { stdin: "hello\n" });
  assertEquals([got.code, got.stdout], [0, "hello\n"], got.stderr);
  assertMatch(got.stderr, /^#kernel\nIpInReceives +\d+ +0\.0\n/m);
  assertMatch(got.stderr, /^TcpPassiveOpens +1 +0\.0$/m);
});

Deno.test("deno task sysctl, nstat and ss ask a sample that runs with --control", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tuxnet-samples-" });
  const env = { NO_COLOR: "1", XDG_RUNTIME_DIR: dir };
  const ask = async (tool: string, ...args: string[]) => {
    const file = new URL(`../tools/${tool}/mod.ts`, import.meta.url).pathname;
    const argv = ["run", "-A", "--no-check", file, ...args];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: argv, env })
      .output();
    const text = (p: Uint8Array) => new TextDecoder().decode(p);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  {
    const args = ["--nic=wire", "--control"];
    await using server = new running_sample("echo_server", args, { env, open: true });
    await server.said("echo on");
    assertEquals((await ask("sysctl", "net.ipv4.tcp_sack=0")).stdout, "net.ipv4.tcp_sack = 0\n");
    assertEquals((await ask("sysctl", "-n", "net.ipv4.tcp_sack")).stdout, "0\n");
    assertEquals((await ask("sysctl", "-n", "--host=peer", "net.ipv4.tcp_sack")).stdout, "1\n");
    assertMatch((await ask("nstat")).stdout, /^TcpPassiveOpens +1 +0\.0$/m);
    assertMatch((await ask("ss", "-tH")).stdout, /^ESTAB 0 +0 +198\.51\.100\.2:7 +198/);
    const other = await ask("nstat", "--pid=1");
    assertEquals([other.code, other.stdout], [1, ""]);
    assertMatch(other.stderr, /^nstat: process 1 does not answer/);
  }
  // None runs any more: a fresh one's.
  assertEquals((await ask("sysctl", "-n", "net.ipv4.tcp_sack")).stdout, "1\n");
  assertEquals((await ask("sysctl", "--pid=x", "-a")).code, 2);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("discard_server --nic=wire counts", async () => {
  const got = await run_sample("discard_server", ["--nic=wire", "--port=99"], { stdin: "12345" });
  assertEquals([got.code, got.stdout], [0, ""], got.stderr);
  assertMatch(got.stderr, /discard: 5 bytes in /);
});

Deno.test("inetd --nic=wire: daytime", async () => {
  const got = await run_sample("inetd", ["--nic=wire", "--services=daytime:13"], { stdin: "" });
  assertEquals(got.code, 0, got.stderr);
  assertMatch(got.stdout, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n$/);
});

Deno.test("http_server --nic=wire answers a request that is typed", async () => {
  const stdin = "GET /LICENSE HTTP/1.0\r\n\r\n";
  const got = await run_sample("http_server", ["--nic=wire", `--root=${root}`], { stdin });
  assertEquals(got.code, 0, got.stderr);
  assertMatch(got.stdout, /^HTTP\/1\.1 200 OK\r\n/);
  const body = got.stdout.slice(got.stdout.indexOf("\r\n\r\n") + 4);
  assertEquals(body, Deno.readTextFileSync(`${root}/LICENSE`));
});

Deno.test("http_get --nic=wire fetches from the other host", async () => {
  const cwd = Deno.cwd();
  Deno.chdir(root);
  try {
    const got = await run_sample("http_get", ["--nic=wire", "http://198.51.100.1/LICENSE"]);
    assertEquals(got.code, 0, got.stderr);
    assertEquals(got.stdout, Deno.readTextFileSync("LICENSE"));
    assertStringIncludes(got.stderr, `sha256 ${sha256(Deno.readFileSync("LICENSE"))}`);
  } finally {
    Deno.chdir(cwd);
  }
});

Deno.test("nc --nic=wire talks to the other host's services, and says what is refused", async () => {
  const args = ["--nic=wire", "198.51.100.1"];
  const echoed = await run_sample("nc", [...args, "7"], { stdin: "to the wire" });
  assertEquals([echoed.code, echoed.stdout, echoed.stderr], [0, "to the wire", ""]);
  const refused = await run_sample("nc", [...args, "8"], { stdin: "" });
  assertEquals(one_line(refused), "nc: connect ECONNREFUSED 198.51.100.1:8\n");
});

Deno.test("parse_range()", () => {
  const whole: [number, number] = [0, 100];
  const ranges: [string | undefined, [number, number] | null][] = [
    [undefined, whole],
    ["bytes=0-99", whole],
    ["bytes=0-", whole],
    ["bytes=10-19", [10, 20]],
    ["bytes=90-1000", [90, 100]],
    ["bytes=-10", [90, 100]],
    ["bytes=-1000", whole],
    ["bytes=100-", null],
    ["bytes=-0", null],
    // What is no range, or several, is as if it were not there.
    ["bytes=5-4", whole],
    ["bytes=200-100", whole],
    ["bytes=-", whole],
    ["bytes=0-1,5-6", whole],
    ["lines=1-2", whole],
  ];
  for (const [range, want] of ranges) assertEquals(parse_range(range, 100), want, range);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// deno task demo: the main job, end to end. In a network namespace of its own it boots the stack on a TAP and serves HTTP,
// has the host's own curl (or Deno's fetch) get a page and a 20 MB file through the host's kernel, then fetches that file as a
// client from a server on the kernel's stack. Where there is no TUN the same goes on between two hosts in this process.

import { createHash } from "node:crypto";
import { boot, check, connect, inet_addr, inet_ntoa } from "../mod.ts";
import type { host, machine, userland } from "../mod.ts";
import {
  in_private_netns,
  is_private_netns,
  private_netns_support,
  tun_unavailable,
} from "../arch/deno/netns.ts";
import { SOL_TCP } from "../include/linux/socket.ts";
import { IPPROTO_TCP } from "../include/uapi/linux/in.ts";
import type { sockaddr } from "../include/uapi/linux/in.ts";
import { ETH_P_IP } from "../include/uapi/linux/if_ether.ts";
import type { net_device } from "../include/linux/netdevice.ts";
import { msleep } from "../kernel/time/timer.ts";
import {
  TCP_CONGESTION,
  TCP_INFO,
  tcp_info_decode,
  TCP_INFO_SIZE,
} from "../include/uapi/linux/tcp.ts";
import { http_get } from "../samples/http_get.ts";
import { http_service } from "../samples/http_server.ts";
import { tcp_listen, tcp_serve } from "../samples/lib/server.ts";
import { ss_info } from "./lib/ss.ts";
import { tcpdump } from "./lib/tcpdump.ts";

const OURS = "198.51.100.2";
const THEIRS = "198.51.100.1";
const FILE_BYTES = 20_000_000;
const PAGE = "<h1>Served by tuxnet</h1>\n";
const TCPHDR_SYN = 2;

function say(line: string): void {
  console.log(line);
}

function heading(line: string): void {
  say(`\n== ${line}`);
}

/** A folder with a page and a file; the file's SHA-256. */
function make_root(): { root: string; sha256: string } {
  const root = Deno.makeTempDirSync({ prefix: "tuxnet-demo-" });
  Deno.writeTextFileSync(`${root}/index.html`, PAGE);
  const file = new Uint8Array(FILE_BYTES);
  const words = new Uint32Array(file.buffer, 0, FILE_BYTES >> 2);
  for (let i = 0, x = 1; i < words.length; i++) words[i] = x = Math.imul(x, 1664525) + 1013904223;
  Deno.writeFileSync(`${root}/file`, file);
  return { root, sha256: createHash("sha256").update(file).digest("hex") };
}

/** Prints the handshakes of a NIC: SYNs and the packet that follows each SYN+ACK. */
function show_handshakes(dev: net_device): () => void {
  const third = new Set<string>();
  return tcpdump(dev, (line) => say(`  ${line}`), {
    filter(dv, off, protocol) {
      if (protocol !== ETH_P_IP || dv.getUint8(off + 9) !== IPPROTO_TCP) return false;
      const th = off + (dv.getUint8(off) & 15) * 4;
      const sport = dv.getUint16(th);
      const dport = dv.getUint16(th + 2);
      const flags = dv.getUint8(th + 13);
      if ((flags & TCPHDR_SYN) !== 0) {
        if ((flags & 0x10) !== 0) third.add(`${dport}>${sport}`);
        return true;
      }
      return third.delete(`${sport}>${dport}`);
    },
  });
}

/** A connection as ss shows it: addresses, and what it knows. */
interface ss_lines {
  addresses: string;
  info: string;
}

/** A socket of ours. */
function ss(u: userland, fd: number): ss_lines {
  const info = new Uint8Array(TCP_INFO_SIZE);
  const name = new Uint8Array(16);
  check(u.sys_getsockopt(fd, SOL_TCP, TCP_INFO, info, Int32Array.of(info.length)) as number, "ss");
  u.sys_getsockopt(fd, SOL_TCP, TCP_CONGESTION, name, Int32Array.of(name.length));
  const congestion = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
  const local = { sin_family: 0, sin_port: 0, sin_addr: 0 }, peer = { ...local };
  u.sys_getsockname(fd, local);
  u.sys_getpeername(fd, peer);
  const text = (a: sockaddr): string => `${inet_ntoa(a.sin_addr)}:${a.sin_port}`;
  return {
    addresses: `${text(local)} ${text(peer)}`,
    info: ss_info(tcp_info_decode(info), congestion),
  };
}

/** Prints it, broken into lines of a hundred columns. */
function say_ss(whose: string, when: string, lines: ss_lines | null): void {
  if (lines === null) {
    say(`  ss ${whose}: (no ss here)`);
    return;
  }
  say(`  ss ${whose}, ${when}: ${lines.addresses}`);
  let line = "";
  for (const word of lines.info.split(" ")) {
    if (line.length + word.length > 94) {
      say(`     ${line}`);
      line = "";
    }
    line += ` ${word}`;
  }
  say(`     ${line}`);
}

/** Runs a program of the host; its output, or null where there is no such program. */
async function run(argv: string[]): Promise<string | null> {
  try {
    const { code, stdout } = await new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdin: "null",
      stderr: "null",
    }).output();
    return code === 0 ? new TextDecoder().decode(stdout) : null;
  } catch {
    return null;
  }
}

/** What the host's own ss says of its end of a connection with us, or null. */
async function host_ss(port: number): Promise<ss_lines | null> {
  const out = await run(["ss", "-tinHO", `( sport = :${port} or dport = :${port} )`]);
  const line = out?.split("\n").find((l) => /\bwscale:/.test(l));
  const m = /^\S+ +\d+ +\d+ +(\S+) +(\S+) +(.*?) *$/.exec(line ?? "");
  return m === null ? null : { addresses: `${m[1]} ${m[2]}`, info: m[3] };
}

interface transfer {
  bytes: number;
  seconds: number;
  sha256: string;
}

function report(what: string, t: transfer, sha256: string): boolean {
  const ok = t.sha256 === sha256;
  const rate = t.bytes * 8 / t.seconds / 1e6;
  say(
    `  ${what}: ${t.bytes} bytes in ${t.seconds.toFixed(3)} s, ${rate.toFixed(0)} Mbit/s, ` +
      `sha256 ${t.sha256.slice(0, 16)}… ${ok ? "equal" : `NOT EQUAL to ${sha256}`}`,
  );
  return ok;
}

/** Fetches by the host's curl, or by Deno's fetch where there is none; `half`: called in between. */
async function host_fetch(
  url: string,
  half: () => void,
): Promise<transfer & { client: string; text: string }> {
  const start = performance.now();
  const sha256 = createHash("sha256");
  let bytes = 0;
  let text = "";
  let client = "curl";
  let body: ReadableStream<Uint8Array> | null;
  try {
    const curl = new Deno.Command("curl", {
      args: ["--silent", "--fail", url],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    body = curl.stdout;
  } catch {
    client = "Deno's fetch";
    body = (await fetch(url)).body;
  }
  let asked = false;
  for await (const p of body ?? []) {
    sha256.update(p);
    bytes += p.length;
    if (bytes < 1000) text += new TextDecoder().decode(p);
    if (!asked && bytes >= FILE_BYTES / 2) {
      asked = true;
      half();
    }
  }
  const seconds = (performance.now() - start) / 1000;
  return { client, text, bytes, seconds, sha256: sha256.digest("hex") };
}

/** Serves on our stack, and tells of each connection as it ends. */
function serve(h: host, root: string, port: number, tell: (lines: ss_lines) => void): void {
  const u = h.task("http");
  const service = http_service(root);
  void tcp_serve(u, tcp_listen(u, port), async (u, fd) => {
    const dup = check(u.sys_dup(fd), "dup");
    await service(u, fd);
    tell(ss(u, dup));
    await u.sys_close(dup);
  });
}

/** The page and the file by a client on the kernel's stack, then the file by us. */
async function on_tap(m: machine, root: string, sha256: string): Promise<boolean> {
  const h = m.host();
  const nic = h.tuntap({
    type: "tap",
    host_address: inet_addr(THEIRS),
    host_prefix_len: 24,
  }).ifconfig(`${OURS}/24`);
  say(`tuxnet is ${OURS} on ${nic.name}; the kernel's own stack is ${THEIRS}`);
  const stop = show_handshakes(nic.dev);
  let ours: ss_lines | null = null;
  let theirs: Promise<ss_lines | null> = Promise.resolve(null);
  serve(h, root, 80, (lines) => ours = lines);

  heading(`the host gets http://${OURS}/ and http://${OURS}/file from tuxnet`);
  const page = await host_fetch(`http://${OURS}/`, () => {});
  say(`  ${page.client} got ${page.text.trim()}`);
  const got = await host_fetch(`http://${OURS}/file`, () => theirs = host_ss(80));
  await msleep(50);
  let ok = page.text === PAGE;
  ok = report(`${got.client} got`, got, sha256) && ok;
  say_ss("tuxnet", "at the end", ours);
  say_ss("kernel", "halfway", await theirs);

  heading(`tuxnet gets http://${THEIRS}:8080/file from the host`);
  const server = Deno.serve(
    { hostname: THEIRS, port: 8080, onListen: () => {} },
    async () => {
      const headers = { "content-length": String(FILE_BYTES) };
      return new Response((await Deno.open(`${root}/file`)).readable, { headers });
    },
  );
  ok = await fetch_file(h, 8080, () => theirs = host_ss(8080), sha256) && ok;
  say_ss("kernel", "halfway", await theirs);
  await server.shutdown();
  stop();
  return ok;
}

/** Gets the file as a client on h; `half`: called in between. */
async function fetch_file(
  h: host,
  port: number,
  half: () => void,
  sha256: string,
): Promise<boolean> {
  const u = h.task("http_get");
  const url = new URL(`http://${THEIRS}:${port}/file`);
  await using conn = await connect(u, { hostname: THEIRS, port });
  let bytes = 0;
  let asked = false;
  const got = await http_get(conn, url, (p) => {
    bytes += p.length;
    if (asked || bytes < FILE_BYTES / 2) return;
    asked = true;
    half();
  });
  const ok = report("tuxnet got", got, sha256);
  say_ss("tuxnet", "at the end", ss(u, conn.rid));
  return ok;
}

/** The same between two hosts of ours. */
async function on_wire(m: machine, root: string, sha256: string): Promise<boolean> {
  const a = m.host("client");
  const b = m.host("server");
  const [nic_a, nic_b] = m.wire(a, b);
  nic_a.ifconfig(`${OURS}/24`);
  nic_b.ifconfig(`${THEIRS}/24`);
  const stop = show_handshakes(nic_a.dev);
  let theirs: ss_lines | null = null;
  serve(b, root, 80, (lines) => theirs = lines);
  heading(`host client, ${OURS}, gets http://${THEIRS}/file from host server`);
  const ok = await fetch_file(a, 80, () => {}, sha256);
  await msleep(50);
  say_ss("server", "at the end", theirs);
  stop();
  return ok;
}

async function main(): Promise<void> {
  if (Deno.args.length > 0) {
    const help = Deno.args[0] === "--help" || Deno.args[0] === "-h";
    (help ? console.log : console.error)("usage: deno task demo");
    Deno.exit(help ? 0 : 2);
  }
  let why = tun_unavailable() ?? undefined;
  if (why === undefined && !is_private_netns()) {
    why = private_netns_support().why;
    if (why === undefined) Deno.exit(await in_private_netns([]));
  }
  const { root, sha256 } = make_root();
  let ok = false;
  try {
    await using m = boot();
    if (why === undefined) {
      ok = await on_tap(m, root, sha256);
    } else {
      say(`no NIC here (${why}): two hosts in this process instead`);
      ok = await on_wire(m, root, sha256);
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
  say(ok ? "\ndemo: ok" : "\ndemo: FAILED");
  Deno.exit(ok ? 0 : 1);
}

if (import.meta.main) await main();

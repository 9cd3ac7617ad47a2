// SPDX-License-Identifier: GPL-2.0-only
//
// A small wget: fetches http://HOST[:PORT]/PATH to a file or to stdout, with a progress bar on a terminal. On
// --nic=wire the other host serves the current folder.

import { createHash } from "node:crypto";
import { connect, SyscallError } from "../mod.ts";
import type { Conn } from "../mod.ts";
import { http_reader } from "./lib/http.ts";
import type { sink } from "./lib/http.ts";
import { parse_address, program_args, program_boot, program_exit, UsageError } from "./lib/nic.ts";
import type { program } from "./lib/nic.ts";
import { gethostbyname, ResolveError } from "../tools/lib/resolv.ts";
import { tcp_listen, tcp_serve } from "./lib/server.ts";
import { http_service } from "./http_server.ts";

/** An answer that is no page. */
export class HttpError extends Error {}

/** What http_get() has got. */
export interface http_result {
  status: number;
  bytes: number;
  seconds: number;
  sha256: string;
}

/** Fetches url over a connection to its host, handing the body to fn. Throws SyscallError, HttpError. */
export async function http_get(
  conn: Conn,
  url: URL,
  fn: sink,
  progress: (done: number, total: number | null) => void = () => {},
): Promise<http_result> {
  const start = performance.now();
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n` +
    "user-agent: tuxnet\r\nconnection: close\r\n\r\n";
  await conn.writeAll(new TextEncoder().encode(request));

  const r = new http_reader(conn, 262144);
  const head = await r.head();
  if (head === null) throw new HttpError("the server closed without an answer");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head);
  if (status === null) throw new HttpError("this is no HTTP server");
  const length = /^content-length: *(\d+)/im.exec(head);
  const total = length === null ? null : Number(length[1]);
  const sha256 = createHash("sha256");
  let bytes = 0;
  const take: sink = (p) => {
    sha256.update(p);
    bytes += p.length;
    progress(bytes, total);
    return fn(p);
  };
  const whole = /^transfer-encoding: *chunked *$/im.test(head)
    ? await r.chunks(take)
    : await r.body(total ?? Infinity, take);
  if (!whole) throw new HttpError(`the server closed after ${bytes} of ${total ?? "?"} bytes`);
  const seconds = (performance.now() - start) / 1000;
  return { status: Number(status[1]), bytes, seconds, sha256: sha256.digest("hex") };
}

/** Draws the bar on stderr, ten times a second. */
function progress_bar(): (done: number, total: number | null) => void {
  const start = performance.now();
  let last = -Infinity;
  return (done, total) => {
    const now = performance.now();
    if (now - last < 100 && done !== total) return;
    last = now;
    const rate = `${(done * 8 / (now - start) / 1000).toFixed(0)} Mbit/s`;
    const part = total === null || total === 0 ? 0 : done / total;
    const bar = "=".repeat(Math.floor(part * 40)).padEnd(40);
    const line = total === null ? `${done} bytes` : `[${bar}] ${(part * 100).toFixed(0)} %`;
    Deno.stderr.writeSync(new TextEncoder().encode(`\r${line} ${rate} \x1b[K`));
    if (done === total) console.error();
  };
}

async function main(): Promise<void> {
  const p: program = {
    name: "http_get",
    summary: "Fetches a page.",
    positional: "http://HOST[:PORT]/PATH",
    positionals: [1, 1],
    flags: {
      output: { default: "-", help: "the file to write, - for stdout" },
      dns: { default: "", help: "the server that is asked for names (default: the gateway)" },
    },
  };
  const { args, nic } = program_args(p, Deno.args, (a) => {
    const url = URL.canParse(a.positionals[0]) ? new URL(a.positionals[0]) : null;
    if (url === null || url.protocol !== "http:") {
      throw new UsageError(`'${a.positionals[0]}' is no http:// URL`);
    }
    return { url, output: a.flags.output, dns: a.flags.dns && parse_address("--dns", a.flags.dns) };
  });
  const run = await program_boot(p, nic);
  if (run.peer !== null) {
    const server = run.peer.task("http");
    void tcp_serve(server, tcp_listen(server, Number(args.url.port || 80)), http_service("."));
  }
  let code = 0;
  try {
    const u = run.host.task("http_get");
    const dns = args.dns || nic.gateway || nic.host_address.split("/")[0];
    const address = await gethostbyname(u, args.url.hostname, dns);
    using file = args.output === "-" ? null : await Deno.create(args.output);
    const out = file ?? Deno.stdout;
    await using conn = await connect(u, {
      hostname: address,
      port: Number(args.url.port || 80),
    });
    const got = await http_get(
      conn,
      args.url,
      async (b) => {
        for (let off = 0; off < b.length;) off += await out.write(b.subarray(off));
      },
      Deno.stderr.isTerminal() && file !== null ? progress_bar() : undefined,
    );
    const rate = (got.bytes * 8 / got.seconds / 1e6).toFixed(0);
    console.error(
      `${got.status}, ${got.bytes} bytes in ${got.seconds.toFixed(3)} s (${rate} Mbit/s), ` +
        `sha256 ${got.sha256}`,
    );
    if (got.status >= 400) code = 1;
  } catch (e) {
    const known = e instanceof SyscallError || e instanceof ResolveError || e instanceof HttpError;
    if (!known) throw e;
    console.error(`http_get: ${e.message}`);
    code = 1;
  }
  await program_exit(run, code);
}

if (import.meta.main) await main();

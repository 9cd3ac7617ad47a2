// SPDX-License-Identifier: GPL-2.0-only
//
// deno task kernel_map: the project beside the kernel. It checks kernel_map.tsv against the tree and prints, for every
// kernel file that we mirror, which of its functions are here and which of ours are @local; with a kernel tree also what
// is missing, or, as pages on this machine, both texts side by side.

import { parseArgs } from "@std/cli/parse-args";
import {
  check_map,
  compare,
  kernel_files,
  our_files,
  read_map,
  report,
  where_ours,
} from "./map.ts";
import type { kernel_file, our_file } from "./map.ts";
import { file_page, index_page } from "./page.ts";

const USAGE = `usage: deno task kernel_map [--kernel=DIR] [--report] [--json] [--port=N] [FILE ...]

Prints what of each kernel file is here; fails if a name of tools/kernel_map.tsv is not where it says.
  --kernel=DIR  your kernel tree: serves pages with the kernel's functions left, ours right
  --report      with --kernel: prints instead of serving, missing functions included
  --json        the report as data
  --port=N      of the pages (8461)
  FILE          only these, as net/ipv4/tcp_input.c or tcp_input
The report's words:
  here       in our file of the same name        elsewhere  in another file of ours
  missing    nowhere                             from       ours, from another kernel file
  @local     ours alone, marked so               parts      ours alone: parts of a longer function`;

/** Answers the requests for pages. */
export function handler(
  ours: ReadonlyMap<string, our_file>,
  kernel: ReadonlyMap<string, kernel_file | null>,
): (request: Request) => Response {
  const where = where_ours(ours);
  const find = (name: string): our_file | undefined => {
    const path = where.get(name);
    return path === undefined ? undefined : ours.get(path);
  };
  const all = compare(ours, kernel);
  const html = (text: string): Response =>
    new Response(text, { headers: { "content-type": "text/html; charset=utf-8" } });
  return (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return html(index_page(all));
    const [, kind, rest] = /^\/(file|fn)\/(.*)$/.exec(pathname) ?? [];
    if (kind === "file") {
      const file = ours.get(rest);
      if (file !== undefined) return html(file_page(file, kernel.get(rest) ?? null, find));
    }
    if (kind === "fn") {
      // To the kernel's file, where the function's own row is.
      const theirs = [...kernel].find(([, k]) => k?.functions.some((d) => d.name === rest));
      const path = theirs?.[0] ?? where.get(rest);
      if (path !== undefined) {
        return new Response(null, { status: 302, headers: { location: `/file/${path}#${rest}` } });
      }
    }
    return new Response("not found\n", { status: 404 });
  };
}

function usage(why?: string): never {
  if (why !== undefined) console.error(`kernel_map: ${why}`);
  console.error(USAGE);
  Deno.exit(2);
}

function fail(why: string): never {
  console.error(`kernel_map: ${why}`);
  Deno.exit(1);
}

if (import.meta.main) {
  const a = parseArgs(Deno.args, {
    boolean: ["report", "json", "help"],
    string: ["kernel", "port"],
    alias: { help: "h" },
    default: { port: "8461" },
    unknown: (arg, key) => key === undefined || usage(`no flag ${arg}`),
  });
  if (a.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const port = Number(a.port);
  if (!/^\d+$/.test(a.port) || port > 65535) usage(`no port '${a.port}'`);
  if (a.report && a.kernel === undefined) usage("--report needs --kernel=DIR");
  const ours = our_files();
  if (a.kernel !== undefined) {
    try {
      Deno.statSync(`${a.kernel}/net/ipv4/tcp_input.c`);
    } catch {
      fail(`'${a.kernel}' is no kernel tree: it has no net/ipv4/tcp_input.c`);
    }
  }
  const kernel = a.kernel === undefined ? null : kernel_files(a.kernel, ours);
  if (kernel !== null && !a.report && !a.json) {
    const show = (hostname: string, port: number): void =>
      console.log(`http://${hostname}:${port}/   (Ctrl-C ends it)`);
    try {
      Deno.serve({
        hostname: "127.0.0.1",
        port,
        onListen: (addr) => show(addr.hostname, addr.port),
      }, handler(ours, kernel));
    } catch (e) {
      fail((e as Error).message);
    }
  } else {
    const all = compare(ours, kernel).filter((c) =>
      a._.length === 0 || a._.some((f) =>
        c.kernel === String(f) || c.ours === String(f) ||
        c.ours.endsWith(`/${f}.ts`)
      )
    );
    if (all.length === 0) fail(`no file of ours mirrors ${a._.join(", ")}`);
    console.log(a.json ? JSON.stringify(all, null, 2) : report(all).trimEnd());
    const wrong = check_map(read_map(), ours);
    for (const w of wrong) console.error(`kernel_map.tsv: ${w}`);
    if (!a.json) console.log(`kernel_map.tsv: ${read_map().length} names, ${wrong.length} wrong`);
    if (wrong.length > 0) Deno.exit(1);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// A web server of a folder: GET and HEAD of files with keep-alive and ranges, PUT answers the SHA-256 of what was sent.
// @rfc 9110, 9112

import { createHash } from "node:crypto";
import { Conn } from "../mod.ts";
import type { userland } from "../mod.ts";
import { http_reader } from "./lib/http.ts";
import { UsageError } from "./lib/nic.ts";
import { parse_port, port_flag, server_main } from "./lib/server.ts";
import type { service } from "./lib/server.ts";

const CHUNK = 262144;
const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  txt: "text/plain; charset=utf-8",
  ts: "text/plain; charset=utf-8",
  md: "text/plain; charset=utf-8",
  json: "application/json",
  css: "text/css",
  js: "text/javascript",
  svg: "image/svg+xml",
  png: "image/png",
};

interface request {
  method: string;
  target: string;
  headers: Map<string, string>;
  keep_alive: boolean;
}

function parse_head(head: string): request | null {
  const [line, ...rest] = head.split("\r\n");
  const m = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(line);
  if (m === null) return null;
  const headers = new Map<string, string>();
  for (const h of rest) {
    const i = h.indexOf(":");
    if (i <= 0) return null;
    headers.set(h.slice(0, i).toLowerCase(), h.slice(i + 1).trim());
  }
  const connection = headers.get("connection")?.toLowerCase();
  const keep_alive = m[3] === "1" ? connection !== "close" : connection === "keep-alive";
  return { method: m[1], target: m[2], headers, keep_alive };
}

/** The range of a file that is asked for: all of it by default, null where there is no such. @rfc 9110 14.2 */
export function parse_range(range: string | undefined, size: number): [number, number] | null {
  const m = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (m === null || (m[1] === "" && m[2] === "")) return [0, size];
  if (m[1] !== "" && m[2] !== "" && Number(m[1]) > Number(m[2])) return [0, size];
  const from = m[1] === "" ? Math.max(0, size - Number(m[2])) : Number(m[1]);
  const to = m[1] === "" || m[2] === "" ? size : Math.min(size, Number(m[2]) + 1);
  return from < to ? [from, to] : null;
}

/** The path below root that a target means, or null where it would leave it. */
function resolve_target(root: string, target: string): string | null {
  try {
    const path = decodeURIComponent(target.split(/[?#]/)[0]);
    if (!path.startsWith("/") || path.includes("\0") || path.split("/").includes("..")) return null;
    return root + path;
  } catch {
    return null;
  }
}

/** An open file, a folder's index.html, or null. */
async function open_file(path: string): Promise<{ file: Deno.FsFile; size: number } | null> {
  try {
    const file = await Deno.open(path);
    const { isFile, isDirectory, size } = await file.stat();
    if (isFile) return { file, size };
    file.close();
    return isDirectory ? await open_file(`${path.replace(/\/$/, "")}/index.html`) : null;
  } catch {
    return null;
  }
}

/** Serves the files of a folder. */
export function http_service(root: string): service {
  const text = new TextEncoder();

  async function answer(
    conn: Conn,
    status: string,
    req: request | null,
    headers: Record<string, string | number>,
    body = "",
  ): Promise<boolean> {
    const keep = req !== null && req.keep_alive;
    const bytes = text.encode(body);
    const fields = {
      server: "tuxnet",
      "content-length": bytes.length,
      ...headers,
      connection: keep ? "keep-alive" : "close",
    };
    const lines = Object.entries(fields).map(([k, v]) => `${k}: ${v}\r\n`).join("");
    await conn.writeAll(text.encode(`HTTP/1.1 ${status}\r\n${lines}\r\n`));
    if (bytes.length > 0 && req?.method !== "HEAD") await conn.writeAll(bytes);
    return keep;
  }

  async function get(conn: Conn, req: request): Promise<boolean> {
    const path = resolve_target(root, req.target);
    const found = path === null ? null : await open_file(path);
    if (found === null) return await answer(conn, "404 Not Found", req, {}, "not found\n");
    using file = found.file;
    const range = parse_range(req.headers.get("range"), found.size);
    if (range === null) {
      const headers = { "content-range": `bytes */${found.size}` };
      return await answer(conn, "416 Range Not Satisfiable", req, headers);
    }
    const [from, to] = range;
    const partial = to - from !== found.size;
    const keep = await answer(conn, partial ? "206 Partial Content" : "200 OK", req, {
      "content-type": TYPES[path!.slice(path!.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      "accept-ranges": "bytes",
      "content-length": to - from,
      ...(partial ? { "content-range": `bytes ${from}-${to - 1}/${found.size}` } : {}),
    });
    if (req.method === "HEAD") return keep;
    await file.seek(from, Deno.SeekMode.Start);
    const buf = new Uint8Array(CHUNK);
    for (let left = to - from; left > 0;) {
      const n = await file.read(buf.subarray(0, Math.min(left, CHUNK)));
      // The file has shrunk: the length that was promised can't be kept.
      if (n === null) return false;
      await conn.writeAll(buf.subarray(0, n));
      left -= n;
    }
    return keep;
  }

  async function put(conn: Conn, req: request, r: http_reader): Promise<boolean> {
    const length = req.headers.get("content-length");
    if (length === undefined || !/^\d+$/.test(length)) {
      return await answer(conn, "411 Length Required", { ...req, keep_alive: false }, {});
    }
    if (req.headers.get("expect")?.toLowerCase() === "100-continue") {
      await conn.writeAll(text.encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const sha256 = createHash("sha256");
    if (!await r.body(Number(length), (p) => void sha256.update(p))) return false;
    return await answer(conn, "200 OK", req, {}, sha256.digest("hex") + "\n");
  }

  return async (u: userland, fd: number): Promise<void> => {
    await using conn = new Conn(u, fd);
    conn.setNoDelay();
    const r = new http_reader(conn);
    try {
      for (;;) {
        const head = await r.head();
        if (head === null) return;
        const req = parse_head(head);
        if (req === null) {
          await answer(conn, "400 Bad Request", null, {});
          return;
        }
        let keep: boolean;
        if (req.method === "GET" || req.method === "HEAD") keep = await get(conn, req);
        else if (req.method === "PUT" || req.method === "POST") keep = await put(conn, req, r);
        else keep = await answer(conn, "405 Method Not Allowed", req, { allow: "GET, HEAD, PUT" });
        if (!keep) return;
      }
    } catch {
      // The peer is gone.
    }
  };
}

if (import.meta.main) {
  await server_main(
    {
      name: "http_server",
      summary: "Serves the files of a folder; PUT answers the SHA-256 of what was sent.",
      flags: { ...port_flag(80), root: { default: ".", help: "the folder" } },
    },
    (flags) => {
      let root: string;
      try {
        root = Deno.realPathSync(flags.root);
        if (!Deno.statSync(root).isDirectory) throw new Error("no folder");
      } catch {
        throw new UsageError(`--root=${flags.root}: no such folder`);
      }
      return [{ port: parse_port(flags), name: "http", serve: http_service(root) }];
    },
  );
}

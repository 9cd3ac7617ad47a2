// SPDX-License-Identifier: GPL-2.0-only
//
// The control socket of a running stack: a Unix socket, of its own user only, on which commands (sysctl, nstat, ss) are run in
// the process that has the stack. control_listen() makes it; control_list() and control_ask() are what a command uses.
//
// One question a connection: a line of JSON, {"command", "argv", "files", "host"}; the answer is a line, too:
// {"status", "out", "err"}.

import type { net } from "../../include/net/net_namespace.ts";
import { command_run } from "./command.ts";
import type { command, command_result } from "./command.ts";
import { nstat } from "./nstat.ts";
import { ss } from "./ss.ts";
import { sysctl } from "./sysctl.ts";

/** What is asked. */
export interface control_request {
  command: string;
  argv: string[];
  /** Texts of files that the command reads. */
  files?: Record<string, string>;
  /** Name of the host, where a stack has several; default its first. */
  host?: string;
}

/** A running stack that answers. */
export interface control_stack {
  pid: number;
  path: string;
}

/** Commands that a stack answers. */
const commands: readonly command[] = [
  sysctl as command,
  nstat as command,
  ss as command,
];

/** Longest question, bytes. */
const REQUEST_MAX = 1 << 20;

/** Where the sockets are. */
export function control_dir(): string {
  const dir = Deno.env.get("XDG_RUNTIME_DIR");
  return dir ? `${dir}/tuxnet` : `/tmp/tuxnet-${Deno.uid()}`;
}

/** The folder is ours alone, so that nobody else can put or reach a socket there. */
function assert_private(dir: string): void {
  const st = Deno.lstatSync(dir);
  if (st.isDirectory && st.uid === Deno.uid() && ((st.mode ?? 0) & 0o077) === 0) return;
  throw new Deno.errors.PermissionDenied(`${dir} is not a folder of this user only (mode 0700)`);
}

/** A line of a connection, without its end; null where none comes. */
async function read_line(conn: Deno.Conn): Promise<string | null> {
  const decoder = new TextDecoder();
  const buf = new Uint8Array(65536);
  let text = "";
  while (text.length < REQUEST_MAX) {
    const n = await conn.read(buf);
    if (n === null) return null;
    text += decoder.decode(buf.subarray(0, n), { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return null;
}

async function write_line(conn: Deno.Conn, value: unknown): Promise<void> {
  const p = new TextEncoder().encode(JSON.stringify(value) + "\n");
  for (let off = 0; off < p.length;) off += await conn.write(p.subarray(off));
}

function is_request(r: unknown): r is control_request {
  if (typeof r !== "object" || r === null) return false;
  const { command, argv, files, host } = r as Partial<control_request>;
  return typeof command === "string" && Array.isArray(argv) &&
    argv.every((a) => typeof a === "string") && (host === undefined || typeof host === "string") &&
    (files === undefined || typeof files === "object" && files !== null &&
        Object.values(files).every((f) => typeof f === "string"));
}

/** Does what is asked. */
function answer(line: string, host: (name?: string) => net | null): command_result {
  const error = (why: string): command_result => ({ status: 1, out: "", err: `${why}\n` });
  let r: unknown;
  try {
    r = JSON.parse(line);
  } catch {
    return error("this is not JSON");
  }
  if (!is_request(r)) return error("command and argv are wanted");
  const { command: name, argv, files } = r;
  const cmd = commands.find((c) => c.name === name);
  if (cmd === undefined) return error(`no command ${name}`);
  const n = host(r.host);
  if (n === null) return error(`${name}: no host ${r.host}`);
  return command_run(cmd, n, argv, new Map(Object.entries(files ?? {})));
}

/** A stack's end of its control socket. */
export class control implements Disposable {
  private readonly listener: Deno.UnixListener;
  private readonly remove = (): void => control_remove(this.path);

  /** `host`: the host of a name, or the first; throws Deno.errors. */
  constructor(
    private readonly host: (name?: string) => net | null,
    readonly path = `${control_dir()}/${Deno.pid}`,
  ) {
    const dir = path.slice(0, path.lastIndexOf("/"));
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    assert_private(dir);
    // One of this pid that is there was left by a process that has ended.
    control_remove(path);
    this.listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o600);
    // It alone keeps no program running.
    this.listener.unref();
    addEventListener("unload", this.remove);
    void this.serve();
  }

  private async serve(): Promise<void> {
    try {
      for await (const conn of this.listener) void this.serve_one(conn);
    } catch (e) {
      if (!(e instanceof Deno.errors.BadResource || e instanceof Deno.errors.Interrupted)) throw e;
    }
  }

  private async serve_one(conn: Deno.Conn): Promise<void> {
    try {
      const line = await read_line(conn);
      if (line !== null) await write_line(conn, answer(line, this.host));
    } catch (e) {
      // Whoever asked has gone.
      if (!(e instanceof Deno.errors.BrokenPipe || e instanceof Deno.errors.ConnectionReset)) {
        throw e;
      }
    } finally {
      conn.close();
    }
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.listener.close();
    removeEventListener("unload", this.remove);
    this.remove();
  }
}

function control_remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (e) {
    if (!(e instanceof Deno.errors.NotFound)) throw e;
  }
}

/** Stacks of this user that answer. */
export async function control_list(): Promise<control_stack[]> {
  const dir = control_dir();
  const out: control_stack[] = [];
  try {
    assert_private(dir);
    for (const e of Deno.readDirSync(dir)) {
      if (e.isFile || e.isDirectory || !/^\d+$/.test(e.name)) continue;
      const path = `${dir}/${e.name}`;
      try {
        (await Deno.connect({ transport: "unix", path })).close();
        out.push({ pid: Number(e.name), path });
      } catch (err) {
        // Its process ended without closing it.
        if (err instanceof Deno.errors.ConnectionRefused) control_remove(path);
      }
    }
  } catch (e) {
    if (!(e instanceof Deno.errors.NotFound)) throw e;
  }
  return out.sort((a, b) => a.pid - b.pid);
}

/** Asks a stack. Throws Deno.errors where it is not there. */
export async function control_ask(
  stack: control_stack,
  request: control_request,
): Promise<command_result> {
  using conn = await Deno.connect({ transport: "unix", path: stack.path });
  await write_line(conn, request);
  const line = await read_line(conn);
  if (line === null) throw new Deno.errors.UnexpectedEof(`process ${stack.pid} gave no answer`);
  return JSON.parse(line) as command_result;
}

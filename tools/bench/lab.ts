// SPDX-License-Identifier: GPL-2.0-only
//
// The benchmark's processes: peers on the host's own TCP, the stack, and the second namespace that a kernel's veth joins
// to ours, where Linux is measured beside the stack.

import { OURS } from "./common.ts";
import type { ehash_load } from "./ehash.ts";
import type { run } from "./table.ts";

const PEER = new URL("peer.ts", import.meta.url).pathname;
const STACK = new URL("stack.ts", import.meta.url).pathname;
const VETH_SERVER = "203.0.113.2";
/** The least that the first run of a process takes, ms: by then its compilers are done. */
const WARM_UP = 10_000;
/** Until both ends have settled on the core that they share, ms: the client is a fresh process. */
const SETTLE = 5000;
/** Longer than anything that goes well, ms. */
const PATIENCE = 30_000;

/** A benchmark that could not be run. */
export class BenchError extends Error {}

/** The highest speed of a core that was seen: that of one which is ours alone, it is hoped. */
let full_speed = 0;

/** A process, of which one reads the lines that it prints. */
export class child implements AsyncDisposable {
  private readonly process: Deno.ChildProcess;
  private readonly stdin: WritableStream<Uint8Array>;
  private readonly lines: AsyncIterator<string>;
  private ended = false;

  constructor(argv: string[]) {
    this.process = new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.stdin = this.process.stdin;
    this.lines = lines_of(this.process.stdout);
    void this.process.status.then(() => this.ended = true);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** The next line, null at the end. @throws BenchError when none comes for longer than `ms` */
  async line(ms = PATIENCE): Promise<string | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new BenchError(`no answer for ${ms / 1000} s`)), ms);
    });
    try {
      const { value, done } = await Promise.race([this.lines.next(), late]);
      return done === true ? null : value;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The lines to the end. @throws BenchError when it does not end well */
  async all(ms: number): Promise<string[]> {
    const all: string[] = [];
    for (let s = await this.line(ms); s !== null; s = await this.line(ms)) all.push(s);
    const { code } = await this.process.status;
    if (code !== 0) throw new BenchError(`a process ended with ${code}`);
    return all;
  }

  /** Closes its stdin; kills it where that does not end it within `grace` ms. */
  async end(grace: number): Promise<void> {
    await this.stdin.close().catch(() => {});
    const kill = setTimeout(() => this.kill(), grace);
    await this.process.status;
    clearTimeout(kill);
    await this.lines.return?.();
  }

  private kill(): void {
    if (!this.ended) this.process.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end(2000);
  }
}

async function* lines_of(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function deno(file: string, args: (string | number)[], v8_flags: string[] = []): string[] {
  const flags = v8_flags.length === 0 ? [] : [`--v8-flags=${v8_flags.join(",")}`];
  return [Deno.execPath(), "run", "-A", "--no-check", ...flags, file, ...args.map(String)];
}

function on_core(core: number, argv: string[]): string[] {
  return ["taskset", "-c", String(core), ...argv];
}

/** Runs a command; its output, or what it complains about. */
function output_of(argv: string[]): { output: string } | { why: string } {
  try {
    const { code, stdout, stderr } = new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).outputSync();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    if (code === 0) return { output: text(stdout) };
    return { why: text(stderr).split("\n")[0] || `exit ${code}` };
  } catch (e) {
    return { why: (e as Error).message };
  }
}

/** What a command complains about, null where it is content. */
function complaint(argv: string[]): string | null {
  const out = output_of(argv);
  return "why" in out ? out.why : null;
}

/** The core that is the fastest within `ms` ms on each; notes how fast. @throws BenchError */
export function fastest_core(ms = 50): number {
  let best = { core: 0, speed: 0 };
  for (let core = 0; core < navigator.hardwareConcurrency; core++) {
    const out = output_of(on_core(core, deno(PEER, ["speed", ms])));
    if ("why" in out) throw new BenchError(`no speed of core ${core}: ${out.why}`);
    const speed = Number(out.output);
    if (speed > best.speed) best = { core, speed };
  }
  full_speed = Math.max(full_speed, best.speed);
  return best.core;
}

/** What print_runs() printed, each speed as a part of the full one as it is known by now. */
function read_runs(lines: readonly string[]): run[] {
  const runs = lines.map((line) => line.split(" ").map(Number));
  full_speed = Math.max(full_speed, ...runs.map((r) => r.at(-1)!));
  return runs.map((r) => ({ figures: r.slice(0, -1), speed: r.at(-1)! / full_speed }));
}

/** Why processes cannot be pinned here; null where they can. */
export function pinning_unavailable(): string | null {
  const why = complaint(on_core(0, ["true"]));
  return why === null ? null : `no taskset: ${why}`;
}

/** A namespace of its own, joined to ours by a veth of the kernel. */
export class veth_lab implements AsyncDisposable {
  private constructor(private readonly holder: child) {}

  /** @throws BenchError */
  static async open(): Promise<veth_lab> {
    const holder = new child(["unshare", "-n", "sh", "-c", "echo ready; exec cat"]);
    const lab = new veth_lab(holder);
    try {
      if (await holder.line() !== "ready") throw new BenchError("no second namespace");
      const pid = String(holder.pid);
      const there = lab.inside([]);
      for (
        const argv of [
          ["ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1", "netns", pid],
          ["ip", "addr", "add", "203.0.113.1/24", "dev", "bench0"],
          [...there, "ip", "addr", "add", `${VETH_SERVER}/24`, "dev", "bench1"],
          [...there, "ip", "link", "set", "bench1", "up"],
          ["ip", "link", "set", "bench0", "up"],
        ]
      ) {
        const why = complaint(argv);
        if (why !== null) throw new BenchError(`no veth by '${argv.join(" ")}': ${why}`);
      }
      return lab;
    } catch (e) {
      await holder.end(1000);
      throw e;
    }
  }

  /** The command that runs argv in the other namespace. */
  private inside(argv: string[]): string[] {
    return ["nsenter", "-t", String(this.holder.pid), "-n", "--", ...argv];
  }

  /** Figures of Linux: runs of a client here against a server over there. */
  async run(kind: string, ms: number, runs: number, pinned: boolean): Promise<run[]> {
    await using server = new child(
      this.inside(deno(PEER, ["server", kind])),
    );
    try {
      if (await server.line() !== "ready") throw new BenchError("the peer does not start");
      return await run_client(server, kind, VETH_SERVER, ms, runs, pinned);
    } finally {
      // It does not look at its stdin.
      await server.end(0);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder.end(1000);
  }
}

/**
 * Figures of runs against a server. Compilers and caches warm up in a run of another client before; only then is
 * the server pinned, all its threads, since the compilers' would have to share the core: to the one which is the
 * fastest then.
 */
async function run_client(
  server: child,
  kind: string,
  addr: string,
  ms: number,
  runs: number,
  pinned: boolean,
): Promise<run[]> {
  await using warm = new child(deno(PEER, ["client", kind, addr, Math.max(ms, WARM_UP), 0, 0, 0]));
  await warm.all(PATIENCE);
  const core = pinned ? fastest_core() : 0;
  if (pinned) {
    const why = complaint(["taskset", "-a", "-p", "-c", String(core), String(server.pid)]);
    if (why !== null) throw new BenchError(`taskset: ${why}`);
  }
  const settle = pinned ? SETTLE : ms;
  const argv = deno(PEER, ["client", kind, addr, settle, ms, runs, full_speed]);
  await using client = new child(pinned ? on_core(core, argv) : argv);
  return read_runs(await client.all(PATIENCE + ms));
}

/** Figures of the stack on a TUN, the client on the host's kernel. */
export async function run_nic(
  kind: string,
  nic: "offload" | "plain",
  ms: number,
  runs: number,
  pinned: boolean,
): Promise<run[]> {
  await using stack = new child(deno(STACK, ["nic", kind, nic]));
  if (await stack.line() !== "ready") throw new BenchError("the stack does not start");
  return await run_client(stack, kind, OURS, ms, runs, pinned);
}

/** Figures of the stack within one process; the first run warms up. */
export async function run_wire(ms: number, runs: number): Promise<run[]> {
  await using stack = new child(
    deno(STACK, ["wire", Math.max(ms, WARM_UP), ms, runs, full_speed]),
  );
  return read_runs(await stack.all(PATIENCE + ms));
}

/** Figures of a lookup, in each run one for each load. */
export async function run_ehash(loads: ehash_load[], runs: number): Promise<run[]> {
  const args = loads.map(({ size, busy }) => `${size}/${busy}`);
  await using stack = new child(deno(STACK, ["ehash", runs, full_speed, ...args]));
  return read_runs(await stack.all(PATIENCE * 4));
}

/** The bytes, which no core's speed changes. */
export async function run_memory(): Promise<run[]> {
  await using stack = new child(deno(STACK, ["memory"], ["--expose-gc"]));
  return [{ figures: (await stack.all(PATIENCE * 4)).map(Number), speed: 1 }];
}

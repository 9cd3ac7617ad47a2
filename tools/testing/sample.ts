// SPDX-License-Identifier: GPL-2.0-only
//
// For tests of the samples: a sample as a process of its own, as `deno task sample` starts it.

import type { program_result } from "./interop.ts";

function argv_of(name: string, args: readonly string[]): string[] {
  const file = new URL(`../../samples/${name}.ts`, import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", "--no-check", file, ...args];
}

/** Runs a sample to its end, at most for 20 s; `prefix`: the command that runs it. @local */
export async function run_sample(
  name: string,
  args: readonly string[],
  options: { stdin?: string; prefix?: string[]; env?: Record<string, string> } = {},
): Promise<program_result> {
  const argv = ["timeout", "20", ...(options.prefix ?? []), ...argv_of(name, args)];
  const child = new Deno.Command(argv[0], {
    args: argv.slice(1),
    env: { NO_COLOR: "1", ...options.env },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const w = child.stdin.getWriter();
    w.write(new TextEncoder().encode(options.stdin)).then(() => w.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const text = (p: Uint8Array) => new TextDecoder().decode(p);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A sample that runs until it is told to end. @local */
export class running_sample implements AsyncDisposable {
  private readonly child: Deno.ChildProcess;
  /** What it said on stderr so far. */
  stderr = "";
  private readonly reading: Promise<void>;
  private wake: () => void = () => {};
  private ended = false;

  /** `open`: its stdin does not end. */
  constructor(
    name: string,
    args: readonly string[],
    private readonly options: { env?: Record<string, string>; open?: boolean } = {},
  ) {
    const argv = argv_of(name, args);
    this.child = new Deno.Command(argv[0], {
      args: argv.slice(1),
      env: { NO_COLOR: "1", ...options.env },
      stdin: options.open ? "piped" : "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.reading = this.read();
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const p of this.child.stderr) {
      this.stderr += decoder.decode(p, { stream: true });
      this.wake();
    }
    this.ended = true;
    this.wake();
  }

  /** Waits until it has said this. */
  async said(what: string | RegExp): Promise<void> {
    const said = (): boolean =>
      typeof what === "string" ? this.stderr.includes(what) : what.test(this.stderr);
    const end = performance.now() + 10_000;
    while (!said()) {
      const left = end - performance.now();
      if (this.ended || left <= 0) throw new Error(`it said not '${what}' but: ${this.stderr}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
    }
  }

  /** Sends a signal; exit code, and ms until it ended. */
  async end(signal: Deno.Signal = "SIGINT"): Promise<{ code: number; ms: number }> {
    const start = performance.now();
    this.child.kill(signal);
    const kill = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    const { code } = await this.child.status;
    clearTimeout(kill);
    if (this.options.open) await this.child.stdin.abort().catch(() => {});
    await this.reading;
    return { code, ms: performance.now() - start };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ended) return void await this.child.status;
    await this.end("SIGKILL");
  }
}

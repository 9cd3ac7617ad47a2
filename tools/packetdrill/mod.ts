// SPDX-License-Identifier: GPL-2.0-only
//
// deno task packetdrill: runs scripts in packetdrill's language against the stack, in virtual time, without root.

import { run_script } from "./run.ts";
import type { outcome } from "./run.ts";

const USAGE = `usage: deno task packetdrill [OPTIONS] FILE|DIR...

Runs scripts (a directory: all *.pkt in it) and prints which pass.
  -v, --verbose     packets, calls and commands of each script
  --json            one JSON object per script
  --trace           the call trees of all that runs, as deno task ftrace --packets shows them
  --define=A=B, --tolerance_usecs=N, --local_ip=A, ...
                    packetdrill's own options; those in a script win`;

/** What the command line says. */
interface invocation {
  paths: string[];
  verbose: boolean;
  json: boolean;
  trace: boolean;
  options: { name: string; value: string | null }[];
}

function parse_command_line(args: readonly string[]): invocation | null {
  const inv: invocation = { paths: [], verbose: false, json: false, trace: false, options: [] };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "-h" || arg === "--help") return null;
    if (arg === "-v" || arg === "--verbose") inv.verbose = true;
    else if (arg === "--json") inv.json = true;
    else if (arg === "--trace") inv.trace = true;
    else if (arg === "-D") inv.options.push({ name: "define", value: args[++i] ?? "" });
    else if (arg.startsWith("--")) {
      const eq = arg.indexOf("=");
      const name = eq < 0 ? arg.slice(2) : arg.slice(2, eq);
      inv.options.push({ name, value: eq < 0 ? null : arg.slice(eq + 1) });
    } else inv.paths.push(arg);
  }
  return inv.paths.length === 0 ? null : inv;
}

/** All scripts of a file or directory, sorted. */
export async function find_scripts(path: string): Promise<string[]> {
  const { isDirectory } = await Deno.stat(path);
  if (!isDirectory) return [path];
  const out: string[] = [];
  for await (const e of Deno.readDir(path)) {
    if (e.isDirectory) out.push(...await find_scripts(`${path}/${e.name}`));
    else if (e.name.endsWith(".pkt")) out.push(`${path}/${e.name}`);
  }
  return out.sort();
}

function show_failure(o: outcome): void {
  console.log(`    ${o.path}:${o.line}: ${o.error.replaceAll("\n", "\n    ")}`);
  if (o.tcp_info === null) return;
  const fields = Object.entries(o.tcp_info).filter(([, v]) => v !== 0);
  console.log(`    tcp_info: ${fields.map(([k, v]) => `${k.slice(5)}=${v}`).join(" ")}`);
}

/** Passed and failed by directory. */
function show_groups(
  groups: ReadonlyMap<string, { pass: number; fail: number; skip: number }>,
): void {
  const width = Math.max(...[...groups.keys()].map((g) => g.length));
  console.log();
  for (const [name, c] of groups) {
    const failed = c.fail > 0 ? `${c.fail} failed` : "";
    console.log(`${name.padEnd(width)}  ${String(c.pass).padStart(4)} passed  ${failed}`.trimEnd());
  }
}

/** Runs the same under ftrace: the exit code. */
async function trace(args: readonly string[]): Promise<number> {
  const at = (path: string): string => new URL(path, import.meta.url).pathname;
  const rest = args.filter((a) => a !== "--trace");
  const argv = ["run", "-A", at("../ftrace/mod.ts"), "--packets", "--", at("./mod.ts"), ...rest];
  const child = new Deno.Command(Deno.execPath(), { args: argv }).spawn();
  return (await child.status).code;
}

/** Runs the command line: the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const inv = parse_command_line(args);
  if (inv === null) {
    console.error(USAGE);
    return 2;
  }
  if (inv.trace) return await trace(args);
  const counts = { pass: 0, fail: 0, skip: 0 };
  const groups = new Map<string, typeof counts>();
  for (const path of (await Promise.all(inv.paths.map(find_scripts))).flat()) {
    const text = await Deno.readTextFile(path);
    const o = await run_script(path, text, { options: inv.options, verbose: inv.verbose });
    counts[o.result]++;
    const group = path.replace(/\/[^/]*$/, "");
    if (!groups.has(group)) groups.set(group, { pass: 0, fail: 0, skip: 0 });
    groups.get(group)![o.result]++;
    if (inv.json) {
      console.log(JSON.stringify(o));
      continue;
    }
    const times = `${o.virtual.toFixed(3).padStart(9)} s ${o.real.toFixed(0).padStart(5)} ms`;
    console.log(`${o.result.padEnd(4)} ${times}  ${path}`);
    for (const line of o.log) console.log(`    ${line}`);
    if (o.result === "fail") show_failure(o);
  }
  const skipped = counts.skip > 0 ? `, ${counts.skip} not for IPv4` : "";
  if (!inv.json && groups.size > 1) show_groups(groups);
  if (!inv.json) console.log(`\n${counts.pass} passed, ${counts.fail} failed${skipped}`);
  return counts.fail > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

// SPDX-License-Identifier: GPL-2.0-only
//
// deno task ftrace: the call chains of real packets, in the format of the kernel's function_graph tracer. Writes a mirror
// of the tree with hooks in every function of the core, and runs a named session or a program from there.

import {
  in_private_netns,
  is_private_netns,
  private_netns_support,
} from "../../arch/deno/netns.ts";
import { DEFAULTS, FTRACE_ENV } from "./options.ts";
import type { ftrace_options } from "./options.ts";
import { mirror, ROOT } from "./mirror.ts";
import { SESSIONS } from "./sessions.ts";

const USAGE = `usage: deno task ftrace [flags] SESSION... | all
       deno task ftrace [flags] -- PROGRAM.ts [its arguments]
Prints what the stack calls, one tree for each system call and each run of softirqs.
flags:
  --graph=GLOB         only trees of these functions (set_graph_function)
  --notrace=GLOB       without these functions; what they call is shown (set_ftrace_notrace)
  --max-depth=N        so many levels (max_graph_depth)
  --args               first arguments in words
  --packets            each packet above the tree that it caused
  --drops              only what is dropped: why, and the chain that led there
  --json               a line of JSON for each tree
  -o FILE, --output=FILE
  --help               this text
GLOB: name with * ? [...]; several with commas, or the flag again
sessions, two hosts on a wire in virtual time:
${Object.entries(SESSIONS).map(([n, s]) => `  ${n.padEnd(20)} ${s.about}`).join("\n")}
on a TAP in a network namespace of its own:
  tap                  the host's curl fetches from us, we send to its nc`;

/** What the command line asks for. */
interface request {
  options: ftrace_options;
  sessions: string[];
  program: string[];
}

class UsageError extends Error {}

/** Reads the command line; null: help is wanted. Throws UsageError. */
export function parse_args(argv: readonly string[]): request | null {
  const options: ftrace_options = { ...DEFAULTS, graph: [], notrace: [] };
  let program: string[] = [];
  const sessions: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const m = /^(--[a-z-]+|-o|-h)(?:=(.*))?$/s.exec(argv[i]);
    if (argv[i] === "--" || (m === null && /[./]/.test(argv[i]))) {
      program = argv.slice(argv[i] === "--" ? i + 1 : i);
      break;
    }
    if (m === null) {
      if (argv[i].startsWith("-")) throw new UsageError(`no flag ${argv[i]}`);
      sessions.push(argv[i]);
      continue;
    }
    const [, flag, inline] = m;
    const value = (): string => {
      const v = inline ?? argv[++i];
      if (v === undefined || v === "") throw new UsageError(`${flag} wants a value`);
      return v;
    };
    if (flag === "--help" || flag === "-h") return null;
    else if (flag === "--graph") options.graph.push(...value().split(","));
    else if (flag === "--notrace") options.notrace.push(...value().split(","));
    else if (flag === "--max-depth") {
      const v = value();
      if (!/^[1-9]\d{0,5}$/.test(v)) throw new UsageError(`--max-depth=${v}: a number from 1 on`);
      options.max_depth = Number(v);
    } else if (flag === "--output" || flag === "-o") options.output = value();
    else if (["--args", "--packets", "--drops", "--json"].includes(flag)) {
      if (inline !== undefined) throw new UsageError(`${flag} takes no value`);
      options[flag.slice(2) as "args" | "packets" | "drops" | "json"] = true;
    } else throw new UsageError(`no flag ${flag}`);
  }
  if (program.length > 0 && sessions.length > 0) {
    throw new UsageError(`a session or a program, not both: ${sessions[0]}, ${program[0]}`);
  }
  if (program.length === 0 && sessions.length === 0) throw new UsageError("which session?");
  const all = Object.keys(SESSIONS);
  if (sessions.includes("tap") && sessions.length > 1) throw new UsageError("tap goes alone");
  const unknown = sessions.find((s) => s !== "all" && s !== "tap" && !all.includes(s));
  if (unknown !== undefined) throw new UsageError(`no session '${unknown}'`);
  return { options, sessions: sessions.includes("all") ? all : sessions, program };
}

/** Where a program of the tree is in the mirror; other programs are where they are. */
function mirrored_program(dir: string, program: string): string {
  const path = Deno.realPathSync(program);
  return path.startsWith(`${ROOT}/`) ? dir + path.slice(ROOT.length) : path;
}

/** The command that runs a module of the mirror. */
function deno_run(dir: string, args: string[]): string[] {
  const flags = ["run", "-A", "--no-check", "--quiet", `--config=${dir}/deno.json`];
  return [Deno.execPath(), ...flags, ...args];
}

/** Runs it; its exit code. */
async function run(argv: string[]): Promise<number> {
  const child = new Deno.Command(argv[0], {
    args: argv.slice(1),
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  // Ctrl-C reaches the child too, which decides when to end.
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
  return (await child.status).code;
}

if (import.meta.main) {
  let asked: request | null;
  try {
    asked = parse_args(Deno.args);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    console.error(`ftrace: ${e.message}\n${USAGE}`);
    Deno.exit(2);
  }
  if (asked === null) {
    console.log(USAGE);
    Deno.exit(0);
  }
  const { options, sessions, program } = asked;
  const dir = mirror();
  Deno.env.set(FTRACE_ENV, JSON.stringify(options));
  if (sessions[0] === "tap") {
    const argv = deno_run(dir, [`${dir}/tools/ftrace/tap_main.ts`]);
    if (is_private_netns()) Deno.exit(await run(argv));
    const { why } = private_netns_support();
    if (why !== undefined) {
      console.error(`ftrace: ${why}`);
      Deno.exit(1);
    }
    Deno.exit(await in_private_netns([], argv));
  }
  if (program.length === 0) {
    Deno.exit(await run(deno_run(dir, [`${dir}/tools/ftrace/session_main.ts`, ...sessions])));
  }
  let path: string;
  try {
    path = mirrored_program(dir, program[0]);
  } catch {
    console.error(`ftrace: no program '${program[0]}'`);
    Deno.exit(2);
  }
  const preload = `--preload=${dir}/tools/ftrace/preload.ts`;
  Deno.exit(await run(deno_run(dir, [preload, path, ...program.slice(1)])));
}

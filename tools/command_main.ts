// SPDX-License-Identifier: GPL-2.0-only
//
// The main of commands that ask a stack: of a running program (which boot({ control: true }) or --control lets answer),
// or, where none runs, of a machine that is booted for it and shows what a fresh one has.

import { boot } from "../mod.ts";
import { command_run, CommandUsageError } from "./lib/command.ts";
import type { command, command_result } from "./lib/command.ts";
import { control_ask, control_list } from "./lib/control.ts";
import type { control_stack } from "./lib/control.ts";

/** Whom to ask. */
interface target {
  pid: number | null;
  host: string | undefined;
}

/** Takes --pid=PID and --host=NAME out of the arguments. Throws CommandUsageError. */
function take_target(args: readonly string[]): { target: target; argv: string[] } {
  const target: target = { pid: null, host: undefined };
  const argv = args.filter((a) => {
    const m = /^--(pid|host)=(.*)$/.exec(a);
    if (m === null) return true;
    if (m[1] === "host") target.host = m[2];
    else if (/^[1-9]\d*$/.test(m[2])) target.pid = Number(m[2]);
    else throw new CommandUsageError(`--pid=${m[2]}: a process is wanted`);
    return false;
  });
  return { target, argv };
}

/** Texts of files by name; those that cannot be read are left out. */
async function read_files(names: readonly string[]): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  for (const name of names) {
    try {
      const text = name === "-"
        ? await new Response(Deno.stdin.readable).text()
        : await Deno.readTextFile(name);
      out.set(name, text);
    } catch (e) {
      if (!(e instanceof Deno.errors.NotFound || e instanceof Deno.errors.PermissionDenied)) {
        throw e;
      }
    }
  }
  return out;
}

/** The stack that is meant, null for none; a text: why it cannot be told. */
function choose(
  stacks: readonly control_stack[],
  pid: number | null,
): control_stack | null | string {
  if (pid !== null) {
    return stacks.find((s) => s.pid === pid) ?? `process ${pid} does not answer (see --control)`;
  }
  if (stacks.length > 1) return `several stacks run: --pid=${stacks.map((s) => s.pid).join("|")}`;
  return stacks[0] ?? null;
}

/** Runs the command line: the exit status. */
export async function command_main<R>(cmd: command<R>, args: readonly string[]): Promise<number> {
  const say = (r: command_result): number => {
    const write = (to: typeof Deno.stdout, text: string): void => {
      const p = new TextEncoder().encode(text);
      for (let off = 0; off < p.length;) off += to.writeSync(p.subarray(off));
    };
    write(Deno.stderr, r.err);
    write(Deno.stdout, r.out);
    return r.status;
  };
  const fail = (why: string): number => {
    return say({ status: 1, out: "", err: `${cmd.name}: ${why}\n` });
  };
  let parsed: ReturnType<typeof take_target>;
  let request: R | null;
  try {
    parsed = take_target(args);
    request = cmd.parse(parsed.argv);
  } catch (e) {
    if (!(e instanceof CommandUsageError)) throw e;
    return say({ status: 2, out: "", err: `${cmd.name}: ${e.message}\n${cmd.usage}\n` });
  }
  if (request === null) return say({ status: 0, out: `${cmd.usage}\n`, err: "" });
  const { target, argv } = parsed;
  const files = await read_files(cmd.files?.(request) ?? []);
  const stack = choose(await control_list(), target.pid);
  if (typeof stack === "string") return fail(stack);
  if (stack !== null) {
    try {
      return say(
        await control_ask(stack, {
          command: cmd.name,
          argv,
          files: Object.fromEntries(files),
          host: target.host,
        }),
      );
    } catch (e) {
      if (!(e instanceof Deno.errors.ConnectionRefused || e instanceof Deno.errors.UnexpectedEof)) {
        throw e;
      }
      return fail(`process ${stack.pid} has ended`);
    }
  }
  if (target.host !== undefined) {
    return fail(`no stack runs that answers, so no host ${target.host}`);
  }
  if (Deno.stderr.isTerminal()) {
    console.error(`${cmd.name}: no stack runs that answers (--control): this is a fresh one`);
  }
  await using m = boot();
  return say(command_run(cmd, m.host().net, argv, files));
}

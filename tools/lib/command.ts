// SPDX-License-Identifier: GPL-2.0-only
//
// Commands that ask a stack: sysctl, nstat, ss. Each is a function of a host and arguments, so that the same one serves the
// command line, a stack's control socket and scripts of packetdrill. command_run() is the way in.

import type { net } from "../../include/net/net_namespace.ts";

/** Arguments that make no sense. */
export class CommandUsageError extends Error {}

/** What a command answers. */
export interface command_result {
  status: number;
  out: string;
  err: string;
}

/** A command; R: what its arguments say. */
export interface command<R = unknown> {
  readonly name: string;
  readonly usage: string;
  /** Reads the arguments; null: help is wanted. Throws CommandUsageError. */
  parse(argv: readonly string[]): R | null;
  /** Names of the files that it reads. */
  files?(request: R): readonly string[];
  /** Does it; `files`: by name, without those that cannot be read. */
  run(n: net, request: R, files: ReadonlyMap<string, string>): command_result;
}

/** A command's option. */
export interface option {
  name: string;
  short?: string;
  /** It has a value; without: it has none. */
  value?: "required" | "optional";
}

/** Options in their order, and what else there is. Throws CommandUsageError. */
export function getopt(
  argv: readonly string[],
  options: readonly option[],
): { opts: [name: string, value: string | null][]; args: string[] } {
  const opts: [string, string | null][] = [];
  const args: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i];
    if (arg === "--") {
      args.push(...argv.slice(i + 1));
      break;
    }
    const take = (o: option, given: string | null): void => {
      let value = given;
      if (o.value === undefined && value !== null) {
        throw new CommandUsageError(`--${o.name} takes no value`);
      }
      if (o.value === "required" && value === null) {
        value = argv[++i] ?? null;
        if (value === null) throw new CommandUsageError(`${arg} wants a value`);
      }
      opts.push([o.name, value]);
    };
    if (arg.startsWith("--")) {
      const eq = arg.indexOf("=");
      const name = arg.slice(2, eq < 0 ? undefined : eq);
      const o = options.find((o) => o.name === name);
      if (o === undefined) throw new CommandUsageError(`no option --${name}`);
      take(o, eq < 0 ? null : arg.slice(eq + 1));
    } else if (arg.length > 1 && arg.startsWith("-")) {
      for (let at = 1; at < arg.length; at++) {
        const o = options.find((o) => o.short === arg[at]);
        if (o === undefined) throw new CommandUsageError(`no option -${arg[at]}`);
        const rest = arg.slice(at + 1);
        const inline = o.value !== undefined && rest !== "";
        take(o, inline ? rest : null);
        if (inline) break;
      }
    } else args.push(arg);
  }
  return { opts, args };
}

/** Runs a command on a host: wrong arguments end in the usage and 2. */
export function command_run<R>(
  cmd: command<R>,
  n: net,
  argv: readonly string[],
  files: ReadonlyMap<string, string> = new Map(),
): command_result {
  try {
    const request = cmd.parse(argv);
    if (request === null) return { status: 0, out: `${cmd.usage}\n`, err: "" };
    return cmd.run(n, request, files);
  } catch (e) {
    if (!(e instanceof CommandUsageError)) throw e;
    return { status: 2, out: "", err: `${cmd.name}: ${e.message}\n${cmd.usage}\n` };
  }
}

/** A pattern of a shell (* ? [abc]) as an expression for whole names. */
export function fnmatch_regexp(pattern: string): RegExp {
  const text = pattern.replace(
    /\[!([^\]]+)\]|\[([^\]]+)\]|[*?]|[\\^$.|+(){}[\]]/g,
    (c, not, set) => {
      if (not !== undefined) return `[^${not.replaceAll("\\", "\\\\")}]`;
      if (set !== undefined) return `[${set.replaceAll("\\", "\\\\")}]`;
      return c === "*" ? ".*" : c === "?" ? "." : `\\${c}`;
    },
  );
  return new RegExp(`^${text}$`, "s");
}

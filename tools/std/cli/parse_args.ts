// SPDX-License-Identifier: GPL-2.0-only
//
// A stand-in for jsr:@std/cli/parse-args where the registry is out of reach (deno.json `links`):
// parseArgs() with the options the tools and samples use, over node:util's tokenizer.

import { parseArgs as node_parseArgs } from "node:util";

type Names<K extends string> = K | readonly K[];

/** The options of parseArgs(), as in @std/cli. */
export interface ParseOptions<
  S extends string = string,
  B extends string = string,
  C extends string = string,
  D = Record<string, unknown>,
> {
  /** Flags with a text. */
  string?: Names<S>;
  /** Flags without a value; absent ones are false. `true`: every flag without `=`. */
  boolean?: boolean | Names<B>;
  /** Flags that may come several times. */
  collect?: Names<C>;
  /** Values of absent flags. */
  default?: D;
  /** Other names of a flag. */
  alias?: Record<string, string | readonly string[]>;
  /** Flags that `--no-x` sets to false. */
  negatable?: string | readonly string[];
  /** The first argument that is no flag ends the flags. */
  stopEarly?: boolean;
  /** Keep what follows `--` apart, under "--". */
  "--"?: boolean;
  /** Called for each flag (and argument) not named above; false leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type IfString<S extends string> = string extends S ? unknown : S;
type Collected<K, C extends string, T> = string extends C ? T : K extends C ? T[] : T;
type Defaulted<K, D, T> = K extends keyof D ? (T extends unknown[] ? T : NonNullable<T> | D[K]) : T;

/** What parseArgs() returns: the named flags typed, anything else unknown. */
export type Args<S extends string, B extends string, C extends string, D> =
  & { _: (string | number)[]; "--"?: string[] }
  & (IfString<S> extends string ? {
      [K in S]: Defaulted<
        K,
        D,
        Collected<K, C, string> extends (infer T)[] ? T[] : string | undefined
      >;
    }
    : unknown)
  & (IfString<B> extends string ? { [K in B]: Collected<K, C, boolean> } : unknown)
  // deno-lint-ignore no-explicit-any
  & Record<string, any>;

function list(v: string | readonly string[] | boolean | undefined): string[] {
  return typeof v === "string" ? [v] : Array.isArray(v) ? [...v] : [];
}

function guess(v: string): string | number {
  return /^[-+]?(0x[0-9a-f]+|(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i.test(v) ? Number(v) : v;
}

/** Parses a command line as jsr:@std/cli's parseArgs() does. */
export function parseArgs<
  const S extends string = string,
  const B extends string = string,
  const C extends string = string,
  const D extends Record<string, unknown> = Record<string, never>,
>(args: readonly string[], options: ParseOptions<S, B, C, D> = {}): Args<S, B, C, D> {
  const strings = new Set(list(options.string));
  const booleans = new Set(list(options.boolean as Names<string>));
  const collect = new Set(list(options.collect));
  const negatable = new Set(list(options.negatable));
  const aliases = new Map<string, string[]>();
  for (const [name, others] of Object.entries(options.alias ?? {})) {
    const all = [name, ...list(others)];
    for (const n of all) {
      aliases.set(n, [...new Set([...(aliases.get(n) ?? []), ...all])].filter((x) => x !== n));
    }
  }
  for (const set of [strings, booleans, collect, negatable]) {
    for (const n of [...set]) aliases.get(n)?.forEach((a) => set.add(a));
  }
  const defaults = new Map(Object.entries(options.default ?? {}));
  for (const [n, v] of [...defaults]) aliases.get(n)?.forEach((a) => defaults.set(a, v));
  const known = new Set([
    ...strings,
    ...booleans,
    ...collect,
    ...negatable,
    ...defaults.keys(),
    ...aliases.keys(),
  ]);
  const out: Record<string, unknown> & { _: (string | number)[] } = { _: [] };

  const set = (key: string, value: unknown): void => {
    for (const k of [key, ...(aliases.get(key) ?? [])]) {
      if (collect.has(k)) (out[k] = (out[k] as unknown[]) ?? [], out[k] as unknown[]).push(value);
      else out[k] = value;
    }
  };
  const flag = (arg: string, key: string, value: unknown): void => {
    if (!known.has(key) && options.unknown && options.unknown(arg, key, value) === false) return;
    set(key, value);
  };
  const positional = (arg: string): void => {
    if (options.unknown && options.unknown(arg) === false) return;
    out._.push(guess(arg));
  };

  const end = args.indexOf("--");
  const rest = end < 0 ? [] : args.slice(end + 1);
  let todo = end < 0 ? [...args] : args.slice(0, end);
  while (todo.length) {
    const { tokens } = node_parseArgs({
      args: todo,
      strict: false,
      allowPositionals: true,
      tokens: true,
      options: {},
    });
    const t = tokens[0];
    const arg = todo[0];
    if (t.kind !== "option") {
      if (options.stopEarly) {
        out._.push(...todo);
        break;
      }
      positional(arg);
      todo = todo.slice(1);
      continue;
    }
    let used = 1;
    if (arg.startsWith("--")) {
      const eq = arg.indexOf("=");
      const key = eq < 0 ? arg.slice(2) : arg.slice(2, eq);
      const off = key.startsWith("no-") && negatable.has(key.slice(3)) && eq < 0;
      used = option(arg, off ? key.slice(3) : key, eq < 0 ? undefined : arg.slice(eq + 1), off);
    } else {
      const letters = arg.slice(1);
      for (let i = 0; i < letters.length; i++) {
        const key = letters[i];
        const tail = letters.slice(i + 1);
        if (strings.has(key) && tail) {
          option(arg, key, tail.replace(/^=/, ""), false);
          break;
        }
        if (tail.startsWith("=")) {
          option(arg, key, tail.slice(1), false);
          break;
        }
        if (!booleans.has(key) && /^[-+.\d]/.test(tail)) {
          option(arg, key, tail, false);
          break;
        }
        if (tail) flag(arg, key, strings.has(key) ? "" : true);
        else used = option(arg, key, undefined, false);
      }
    }
    todo = todo.slice(used);
  }

  /** Sets one flag; returns how many arguments it took. */
  function option(arg: string, key: string, value: string | undefined, off: boolean): number {
    if (off) {
      flag(arg, key, false);
      return 1;
    }
    if (value !== undefined) {
      flag(
        arg,
        key,
        booleans.has(key) ? value !== "false" : strings.has(key) ? value : guess(value),
      );
      return 1;
    }
    const next = todo[1];
    const bool = booleans.has(key) || options.boolean === true;
    if (!bool && next !== undefined && !/^-/.test(next)) {
      flag(arg, key, strings.has(key) ? next : guess(next));
      return 2;
    }
    if (booleans.has(key) && (next === "true" || next === "false")) {
      flag(arg, key, next === "true");
      return 2;
    }
    flag(arg, key, strings.has(key) ? "" : true);
    return 1;
  }

  for (const [k, v] of defaults) if (!(k in out)) out[k] = v;
  for (const k of collect) if (!(k in out)) out[k] = [];
  for (const k of booleans) if (!(k in out)) out[k] = false;
  if (options["--"]) out["--"] = [...rest];
  else for (const a of rest) out._.push(guess(a));
  return out as Args<S, B, C, D>;
}

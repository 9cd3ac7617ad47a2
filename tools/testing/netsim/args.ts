// SPDX-License-Identifier: GPL-2.0-only
//
// netsim's command line.

import type { cell } from "./cell.ts";

export const USAGE = `usage: deno task netsim [--write] [--workers=N]
       deno task netsim --cell=NAME=VALUE,... [--seed=N] [--trace]
       deno task netsim --kernel [--cell=...] [--seconds=N] [--seed=N] [--runs=N]
Goodput over paths that lose, duplicate and reorder: between two hosts in virtual time, all cells
of the table or one; or the stack beside the host's kernel, in its time.
  --write       the table goes to tools/testing/netsim/table.txt
  --workers=N   computed by so many threads (default: one a core)
  --cell=...    one cell: what is not named is as in rtt=30,buffer=1,loss=1,reorder=off,duplicate=off,
                cc=cubic,sack=on (RTT in ms, buffer in bandwidth-delay products, loss in %);
                rate=N is the bottleneck's in Mbit/s (default 100 with an RTT up to 1 ms, else 10)
  --seed=N      of its losses (default 1, the table's)
  --trace       with its packets, what the path does to them, and the sender's state
  --kernel      the stack and the kernel as senders over the same path at the same time, in network
                namespaces of their own; without --cell: rate=40 with cubic, then with reno
  --seconds=N   how long they are compared, behind a start of 5 s (default 30)
  --runs=N      with so many seeds, from --seed on (default 4)
  --help        this text`;

/** A command line that cannot be. @local */
export class UsageError extends Error {}

/** What the command line says. @local */
export interface netsim_args {
  write: boolean;
  trace: boolean;
  kernel: boolean;
  workers: number;
  seed: number;
  seconds: number;
  runs: number;
  cell: cell | null;
}

function parse_number(what: string, s: string, min: number, max: number): number {
  const n = Number(s);
  if (!/^\d+(\.\d+)?$/.test(s) || n < min || n > max) {
    throw new UsageError(`${what}=${s}: a number from ${min} to ${max} is wanted`);
  }
  return n;
}

function parse_integer(what: string, s: string, min: number, max: number): number {
  const n = parse_number(what, s, min, max);
  if (!Number.isInteger(n)) throw new UsageError(`${what}=${s}: no fractions`);
  return n;
}

function parse_choice<T>(what: string, s: string, choices: Record<string, T>): T {
  if (Object.hasOwn(choices, s)) return choices[s];
  throw new UsageError(`${what}=${s}: ${Object.keys(choices).join(" or ")} is wanted`);
}

const ON_OFF = { on: true, off: false };

/** A cell by its name. @throws UsageError @local */
export function parse_cell(s: string): cell {
  const c: cell = {
    rtt: 30,
    buffer: 1,
    loss: 0.01,
    reorder: false,
    duplicate: false,
    cc: "cubic",
    sack: true,
  };
  for (const part of s.split(",")) {
    const [name, value = ""] = part.split("=");
    if (name === "rtt") c.rtt = parse_number(name, value, 0, 10000);
    else if (name === "buffer") c.buffer = parse_number(name, value, 0, 1000);
    else if (name === "loss") c.loss = parse_number(name, value, 0, 99) / 100;
    else if (name === "rate") c.rate = parse_number(name, value, 0.01, 1000) * 1e6;
    else if (name === "cc") c.cc = parse_choice(name, value, { reno: "reno", cubic: "cubic" });
    else if (name === "reorder") c.reorder = parse_choice(name, value, ON_OFF);
    else if (name === "duplicate") c.duplicate = parse_choice(name, value, ON_OFF);
    else if (name === "sack") c.sack = parse_choice(name, value, ON_OFF);
    else throw new UsageError(`--cell: there is no '${part}'`);
  }
  return c;
}

/** What does not go together. */
function check_args(a: netsim_args, given: ReadonlySet<string>): void {
  const only = (flags: string[], ok: boolean, why: string): void => {
    for (const f of flags) if (given.has(f) && !ok) throw new UsageError(`${f} ${why}`);
  };
  only(["--trace"], a.cell !== null && !a.kernel, "wants a --cell in virtual time");
  only(["--write", "--workers"], a.cell === null && !a.kernel, "is for the whole table");
  only(["--seconds", "--runs"], a.kernel, "wants --kernel");
  only(["--seed"], a.cell !== null || a.kernel, "wants a --cell or --kernel");
}

/** Reads the command line; null where the usage is asked for. @throws UsageError @local */
export function netsim_parse_args(argv: readonly string[]): netsim_args | null {
  const a: netsim_args = {
    write: false,
    trace: false,
    kernel: false,
    workers: navigator.hardwareConcurrency,
    seed: 1,
    seconds: 30,
    runs: 4,
    cell: null,
  };
  const given = new Set<string>();
  for (const arg of argv) {
    const eq = arg.indexOf("=");
    const name = eq < 0 ? arg : arg.slice(0, eq);
    const value = eq < 0 ? "" : arg.slice(eq + 1);
    given.add(name);
    if (arg === "--help" || arg === "-h") return null;
    if (arg === "--write") a.write = true;
    else if (arg === "--trace") a.trace = true;
    else if (arg === "--kernel") a.kernel = true;
    else if (name === "--workers") a.workers = parse_integer(name, value, 1, 64);
    else if (name === "--seed") a.seed = parse_integer(name, value, 0, 2 ** 28);
    else if (name === "--seconds") a.seconds = parse_number(name, value, 0.1, 3600);
    else if (name === "--runs") a.runs = parse_integer(name, value, 1, 1000);
    else if (name === "--cell") a.cell = parse_cell(value);
    else throw new UsageError(arg.startsWith("-") ? `no flag ${arg}` : `what is '${arg}'?`);
  }
  check_args(a, given);
  return a;
}

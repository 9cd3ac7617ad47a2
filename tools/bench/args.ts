// SPDX-License-Identifier: GPL-2.0-only
//
// What the benchmark measures, and its command line.

import { parseArgs } from "@std/cli/parse-args";
import type { ehash_load } from "./ehash.ts";

/** What is asked of a figure: at least or at most `value`, in the figure's unit or as a ratio. */
export interface floor {
  is: "least" | "most";
  value: number;
  /** of Linux in this run, or of another figure; default: the figure itself. */
  of?: "linux" | string;
}

/** A figure. */
export interface bench {
  name: string;
  title: string;
  unit: "Gbit/s" | "1/s" | "ns" | "bytes";
  /** What is done: by programs over a NIC, or inside one process. */
  kind: "sink" | "source" | "echo" | "close" | "wire" | "ehash" | "memory";
  /** Needs a NIC on the host. */
  nic?: "offload" | "plain";
  /** Both ends on one core. */
  pinned?: boolean;
  /** Connections in ehash, and how many of them have packets. */
  load?: ehash_load;
  floor?: floor;
}

const G = "Gbit/s";
const least = (value: number): floor => ({ is: "least", value });

/** All figures, in the order of the table. */
export const benches: readonly bench[] = [
  { name: "in", title: "bulk in, TUN", unit: G, kind: "sink", nic: "offload", floor: least(8) },
  { name: "out", title: "bulk out, TUN", unit: G, kind: "source", nic: "offload", floor: least(8) },
  {
    name: "in-plain",
    title: "bulk in, TUN without offload",
    unit: G,
    kind: "sink",
    nic: "plain",
    floor: least(1.5),
  },
  {
    name: "out-plain",
    title: "bulk out, TUN without offload",
    unit: G,
    kind: "source",
    nic: "plain",
    floor: least(1),
  },
  { name: "wire", title: "bulk between two hosts", unit: G, kind: "wire", floor: least(2) },
  {
    name: "rr",
    title: "1-byte request/response",
    unit: "1/s",
    kind: "echo",
    nic: "offload",
    floor: { is: "least", value: 0.7, of: "linux" },
  },
  {
    name: "rr-pinned",
    title: "1-byte request/response, one core",
    unit: "1/s",
    kind: "echo",
    nic: "offload",
    pinned: true,
    floor: least(30_000),
  },
  {
    name: "conn",
    title: "connections",
    unit: "1/s",
    kind: "close",
    nic: "offload",
    floor: least(3_000),
  },
  {
    name: "conn-pinned",
    title: "connections, one core",
    unit: "1/s",
    kind: "close",
    nic: "offload",
    pinned: true,
    floor: least(7_000),
  },
  {
    name: "ehash-1",
    title: "ehash lookup at 1",
    unit: "ns",
    kind: "ehash",
    load: { size: 1, busy: 1 },
  },
  {
    name: "ehash-1000",
    title: "ehash lookup at 1,000",
    unit: "ns",
    kind: "ehash",
    load: { size: 1000, busy: 1000 },
  },
  {
    name: "ehash-100000",
    title: "  at 100,000, 1,000 of them busy",
    unit: "ns",
    kind: "ehash",
    load: { size: 100_000, busy: 1000 },
    floor: { is: "most", value: 1.5, of: "ehash-1000" },
  },
  {
    name: "ehash-busy",
    title: "  at 100,000, all of them busy",
    unit: "ns",
    kind: "ehash",
    load: { size: 100_000, busy: 100_000 },
  },
  {
    name: "memory",
    title: "memory of an idle connection",
    unit: "bytes",
    kind: "memory",
    floor: { is: "most", value: 8192 },
  },
];

/** A command line. */
export interface bench_args {
  json: boolean;
  /** How long a run takes. */
  seconds: number;
  only: readonly bench[];
}

/** A command line that cannot be. */
export class UsageError extends Error {}

/** The usage text. */
export function usage(): string {
  const names = benches.map((b) => `  ${b.name.padEnd(14)} ${b.title}\n`).join("");
  return `usage: deno task bench [--json] [--only=NAME,...] [--seconds=N]
Measures the stack beside the host kernel's own TCP, in a network namespace of its own.
  --json           the figures as JSON
  --only=NAME,...  these only; a name also stands for all that begin with it and '-'
  --seconds=N      how long each run takes, 0.1 to 60 (default 1); a figure is the median of five,
                   those with the core at its fastest: others may share it
  --help           this text
Names:
${names}`;
}

function parse_only(list: string): readonly bench[] {
  const wanted = list.split(",");
  const match = (b: bench, n: string): boolean => b.name === n || b.name.startsWith(`${n}-`);
  for (const n of wanted) {
    if (!benches.some((b) => match(b, n))) throw new UsageError(`--only: nothing is named '${n}'`);
  }
  return benches.filter((b) => wanted.some((n) => match(b, n)));
}

function parse_seconds(s: string): number {
  const n = Number(s);
  if (!/^\d+(\.\d+)?$/.test(s) || n < 0.1 || n > 60) {
    throw new UsageError(`--seconds=${s}: a number from 0.1 to 60 is wanted`);
  }
  return n;
}

/** Reads the command line; null where the usage is asked for. @throws UsageError */
export function bench_parse_args(argv: string[]): bench_args | null {
  const a = parseArgs(argv, {
    string: ["only", "seconds", "_"],
    boolean: ["json", "help"],
    alias: { help: "h" },
    unknown: (arg: string, key?: string) => {
      throw new UsageError(key === undefined ? `what is '${arg}'?` : `no flag ${arg}`);
    },
  }) as Record<string, unknown> & { _: unknown[] };
  if (a.help === true) return null;
  if (a._.length > 0) throw new UsageError(`what is '${a._[0]}'?`);
  const text = (name: string): string | undefined => {
    const v = a[name];
    if (v === "") throw new UsageError(`--${name} wants a value`);
    return v as string | undefined;
  };
  const only = text("only"), seconds = text("seconds");
  return {
    json: a.json === true,
    only: only === undefined ? benches : parse_only(only),
    seconds: seconds === undefined ? 1 : parse_seconds(seconds),
  };
}

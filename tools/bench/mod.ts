// SPDX-License-Identifier: GPL-2.0-only
//
// deno task bench: the stack's speed beside the host kernel's own, measured in the same run. It runs itself again in a
// network namespace of its own; each figure is that of fresh processes (lab.ts): the stack (stack.ts) and a peer on the host's TCP
// (peer.ts), or for Linux two peers with a veth of the kernel between them.

import {
  in_private_netns,
  is_private_netns,
  private_netns_support,
} from "../../arch/deno/netns.ts";
import { bench_parse_args, usage, UsageError } from "./args.ts";
import type { bench, bench_args } from "./args.ts";
import {
  BenchError,
  fastest_core,
  pinning_unavailable,
  run_ehash,
  run_memory,
  run_nic,
  run_wire,
  veth_lab,
} from "./lab.ts";
import {
  best_figures,
  floor_result,
  linux_ratio,
  median,
  print_row,
  RUNS,
  table_head,
} from "./table.ts";
import type { row, run } from "./table.ts";

/** What this machine cannot do, with why. */
interface lacks {
  nic: string | null;
  linux: string | null;
  pinning: string | null;
}

class bench_run {
  readonly rows: row[] = [];
  private readonly ms: number;
  /** Linux over veth, measured once for what is the same. */
  private readonly linux = new Map<string, run[]>();
  private ehash: Promise<run[]> | null = null;

  constructor(
    private readonly args: bench_args,
    private readonly lab: veth_lab | null,
    private readonly lacks: lacks,
  ) {
    this.ms = args.seconds * 1000;
  }

  private async run_linux(b: bench): Promise<run[] | null> {
    if (this.lab === null || b.nic === undefined) return null;
    const key = `${b.kind} ${b.pinned ?? false}`;
    let runs = this.linux.get(key);
    if (runs === undefined) {
      runs = await this.lab.run(b.kind, this.ms, RUNS, b.pinned ?? false);
      this.linux.set(key, runs);
    }
    return runs;
  }

  private async run_stack(b: bench): Promise<run[]> {
    switch (b.kind) {
      case "wire":
        return await run_wire(this.ms, RUNS);
      case "memory":
        return await run_memory();
      case "ehash": {
        const same = this.args.only.filter((o) => o.kind === "ehash");
        this.ehash ??= run_ehash(same.map((o) => o.load!), RUNS);
        const at = same.indexOf(b);
        return (await this.ehash).map((r) => ({ ...r, figures: [r.figures[at]] }));
      }
      default:
        return await run_nic(b.kind, b.nic!, this.ms, RUNS, b.pinned ?? false);
    }
  }

  /** One figure, with the figures of the runs that it is the median of. */
  async figure(b: bench): Promise<row> {
    const row: row = { bench: b, runs: [], linux_runs: null, value: null, linux: null };
    const why = (b.nic !== undefined && this.lacks.nic) || (b.pinned && this.lacks.pinning);
    if (why) return { ...row, skipped: why };
    try {
      row.linux_runs = await this.run_linux(b);
      row.linux = row.linux_runs === null ? null : median(best_figures(row.linux_runs));
    } catch (e) {
      if (!(e instanceof BenchError)) throw e;
      row.linux_error = e.message;
    }
    try {
      row.runs = await this.run_stack(b);
      row.value = median(best_figures(row.runs));
    } catch (e) {
      if (!(e instanceof BenchError)) throw e;
      row.skipped = e.message;
    }
    return row;
  }

  async all(each: (r: row, rows: row[]) => void): Promise<void> {
    for (const b of this.args.only) {
      const r = await this.figure(b);
      this.rows.push(r);
      each(r, this.rows);
    }
  }
}

async function read_version(): Promise<string> {
  if (Deno.build.os !== "linux") return Deno.build.os;
  return `Linux ${(await Deno.readTextFile("/proc/sys/kernel/osrelease")).trim()}`;
}

async function bench_main(args: bench_args, nic: string | null): Promise<void> {
  const lacks: lacks = { nic, linux: nic, pinning: pinning_unavailable() };
  if (lacks.pinning === null) fastest_core(1000);
  let lab: veth_lab | null = null;
  if (nic === null && args.only.some((b) => b.nic !== undefined)) {
    try {
      lab = await veth_lab.open();
    } catch (e) {
      if (!(e instanceof BenchError)) throw e;
      lacks.linux = e.message;
    }
  }
  const machine = `${await read_version()}, ${navigator.hardwareConcurrency} cores, ` +
    `Deno ${Deno.version.deno}`;
  const run = new bench_run(args, lab, lacks);
  try {
    if (!args.json) {
      console.log(
        `${machine}; medians of ${RUNS} runs of ${args.seconds} s, those with the core at its fastest`,
      );
      if (lacks.linux !== null) console.log(`Linux is not measured beside: ${lacks.linux}`);
      console.log(table_head());
    }
    await run.all((r, rows) => {
      if (!args.json) console.log(print_row(r, rows));
    });
  } finally {
    await lab?.[Symbol.asyncDispose]();
  }
  if (!args.json) return;
  const figures = run.rows.map((r) => ({
    name: r.bench.name,
    title: r.bench.title,
    unit: r.bench.unit,
    value: r.value,
    runs: r.runs,
    linux: r.linux,
    linux_runs: r.linux_runs,
    ratio: linux_ratio(r),
    floor: r.bench.floor ?? null,
    passed: floor_result(r, run.rows)?.passed ?? null,
    skipped: r.skipped ?? null,
  }));
  console.log(
    JSON.stringify({ machine, seconds: args.seconds, linux: lacks.linux, figures }, null, 2),
  );
}

if (import.meta.main) {
  let args: bench_args | null;
  try {
    args = bench_parse_args(Deno.args);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    console.error(`bench: ${e.message}\n${usage()}`);
    Deno.exit(2);
  }
  if (args === null) {
    console.log(usage());
    Deno.exit(0);
  }
  if (is_private_netns()) {
    await bench_main(args, null);
  } else {
    const { why } = private_netns_support();
    if (why === undefined) Deno.exit(await in_private_netns(Deno.args));
    await bench_main(args, why);
  }
  Deno.exit(0);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// deno task netsim: the table of goodputs over bad paths, in virtual time; one cell of it, with a trace; or the stack
// beside the host's kernel on the same path.

import {
  in_private_netns,
  is_private_netns,
  private_netns_support,
} from "../../../arch/deno/netns.ts";
import { netsim_parse_args, parse_cell, USAGE, UsageError } from "./args.ts";
import type { netsim_args } from "./args.ts";
import { rate_of, run_cell } from "./cell.ts";
import type { cell, cell_result } from "./cell.ts";
import { compare } from "./kernel.ts";
import { all_cells, cell_name, compute, format_table } from "./table.ts";
import { cell_tracer } from "./trace.ts";

const TABLE = new URL("table.txt", import.meta.url);

function show_result(r: cell_result): string {
  const { path } = r;
  return `goodput ${r.goodput.toFixed(3)} of the bottleneck, ${r.seconds.toFixed(2)} s; ` +
    `the longest wait ${r.longest_gap.toFixed(2)} s\n` +
    `${r.sent} segments sent, ${r.retransmitted} sent again, ${r.timeouts} timeouts\n` +
    `the sender's packets: ${path.packets}, of them ${path.full} met a full buffer, ` +
    `${path.lost} lost, ${path.duplicated} came twice, ${path.late} late`;
}

/** One row of the comparison. */
function row(what: string | number, ours: number, linux: number): string {
  return String(what).padEnd(6) + (ours / 1e6).toFixed(2).padStart(10) +
    (linux / 1e6).toFixed(2).padStart(10) + (ours / linux).toFixed(3).padStart(10);
}

async function compare_cell(c: cell, { runs, seed, seconds }: netsim_args): Promise<void> {
  console.log(`${cell_name(c)}, ${rate_of(c) / 1e6} Mbit/s, ${seconds} s a run`);
  console.log("seed      tuxnet     Linux     ratio   (goodput, Mbit/s)");
  let ours = 0, linux = 0;
  for (let i = seed; i < seed + runs; i++) {
    const r = await compare(c, seconds, i);
    ours += r.ours;
    linux += r.linux;
    console.log(row(i, r.ours, r.linux));
  }
  console.log(row("mean", ours / runs, linux / runs) + "\n");
}

async function compare_main(args: netsim_args, argv: readonly string[]): Promise<number> {
  if (!is_private_netns()) {
    const { why } = private_netns_support();
    if (why === undefined) return await in_private_netns([...argv]);
    console.error(`netsim: ${why}`);
    return 1;
  }
  const cells = args.cell !== null
    ? [args.cell]
    : ["cubic", "reno"].map((cc) => parse_cell(`rate=40,cc=${cc}`));
  for (const c of cells) await compare_cell(c, args);
  return 0;
}

async function main(argv: readonly string[]): Promise<number> {
  let args: netsim_args | null;
  try {
    args = netsim_parse_args(argv);
  } catch (e) {
    if (!(e instanceof UsageError)) throw e;
    console.error(`netsim: ${e.message}\n${USAGE}`);
    return 2;
  }
  if (args === null) {
    console.log(USAGE);
    return 0;
  }
  if (args.kernel) return await compare_main(args, argv);
  if (args.cell !== null) {
    console.log(cell_name(args.cell));
    const watcher = args.trace ? cell_tracer(console.log) : undefined;
    console.log(show_result(await run_cell(args.cell, { seed: args.seed, watcher })));
    return 0;
  }
  const text = format_table(await compute(all_cells(), args.workers));
  if (args.write) Deno.writeTextFileSync(TABLE, text);
  else console.log(text);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

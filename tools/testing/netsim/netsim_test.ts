// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertGreater, assertMatch, assertThrows, fail } from "@std/assert";
import { netsim_parse_args, parse_cell, USAGE, UsageError } from "./args.ts";
import { rate_of, run_cell } from "./cell.ts";
import type { cell, cell_result } from "./cell.ts";
import {
  all_cells,
  cell_name,
  compare_table,
  compute,
  format_table,
  parse_table,
} from "./table.ts";

const TABLE = new URL("table.txt", import.meta.url);

let results: readonly cell_result[] = [];

/** Cells that satisfy a condition, with their results. */
function* where(fn: (c: cell) => boolean): Iterable<[cell, cell_result]> {
  for (const [i, c] of all_cells().entries()) if (fn(c)) yield [c, results[i]];
}

Deno.test("netsim: goodputs are the table's", async () => {
  results = await compute(all_cells(), navigator.hardwareConcurrency);
  const differ = compare_table(Deno.readTextFileSync(TABLE), results);
  if (differ.length === 0) return;
  fail(`where that is meant, run 'deno task netsim --write'\n${differ.join("\n")}`);
});

Deno.test("netsim: a table is read as it was written, and compared but for chance", () => {
  const text = format_table(results);
  const to_text = (f: number): string => f.toFixed(3);
  assertEquals(parse_table(text).map(to_text), results.map((r) => to_text(r.goodput)));
  const change = (n: number, factor: number): string[] =>
    compare_table(
      text,
      results.map((r, i) => i < n ? { ...r, goodput: r.goodput * factor } : r),
    );
  assertEquals(change(1, 0.5), []);
  assertEquals(change(4, 0.9), []);
  assertEquals(change(4, 0.7).length, 1);
  assertMatch(change(4, 1.3)[0], /^RTT 1 ms, buffer 0.25, loss 0 %, reno, SACK: .* is now /);
  assertEquals(compare_table(text.slice(0, -100), results).length, 1);
});

Deno.test("netsim: a path without loss is filled, but for slow start", () => {
  for (const [c, r] of where((c) => c.loss === 0 && c.buffer === 1 && c.sack && !c.reorder)) {
    assertGreater(r.goodput, c.rtt === 200 ? 0.7 : 0.85, cell_name(c));
  }
});

// Mathis et al. 1997: MSS / RTT * sqrt(3 / 2p).
Deno.test("netsim: SACK, at 1 %, comes near the square root's law", () => {
  for (const [c, r] of where((c) => c.loss === 0.01 && c.sack && c.rtt >= 30)) {
    const law = 1448 * 8 / (c.rtt / 1000) * Math.sqrt(1.5 / c.loss) / rate_of(c);
    assert(r.goodput > 0.7 * law && r.goodput < 1.25 * law, `${cell_name(c)}: ${r.goodput} ${law}`);
  }
});

Deno.test("netsim: SACK is not worse than none", () => {
  const mean = (c: cell): number => {
    const all = [
      ...where((d) =>
        d.rtt === c.rtt && d.buffer === c.buffer && d.loss === c.loss && d.cc === c.cc &&
        d.sack === c.sack
      ),
    ];
    return all.reduce((sum, [, r]) => sum + r.goodput, 0) / all.length;
  };
  for (const [c] of where((c) => c.sack && !c.reorder && !c.duplicate)) {
    assertGreater(mean(c), mean({ ...c, sack: false }) * 0.85 - 0.002, cell_name(c));
  }
});

Deno.test("netsim: nothing stands still for longer than a few timeouts", () => {
  for (const [c, r] of where(() => true)) assert(r.longest_gap < 10, cell_name(c));
});

Deno.test("netsim: the same cell gives the same, whatever ran before it", async () => {
  const c = parse_cell("rtt=1,loss=5,reorder=on,duplicate=on");
  const first = await run_cell(c);
  await run_cell(parse_cell("rtt=30,loss=0.1,cc=reno,sack=off"));
  assertEquals(await run_cell(c), first);
  assert((await run_cell(c, { seed: 2 })).seconds !== first.seconds);
});

for (const sack of ["on", "off"]) {
  const name = `rtt=10,buffer=0.5,loss=10,reorder=on,duplicate=on,sack=${sack}`;
  Deno.test(`netsim: all arrives whole where ACKs are lost as well: ${name}`, async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const r = await run_cell(parse_cell(name), { seed, both: true });
      assertGreater(r.retransmitted, 100);
    }
  });
}

Deno.test("netsim: a cell's name is what --cell takes", () => {
  for (const c of all_cells()) assertEquals(cell_name(parse_cell(cell_name(c))), cell_name(c));
});

Deno.test("netsim_parse_args() takes what the usage says", () => {
  assertEquals(netsim_parse_args(["--help"]), null);
  assertEquals(netsim_parse_args(["--write", "--workers=3"])?.workers, 3);
  const a = netsim_parse_args(["--cell=rtt=5,rate=50,cc=reno", "--seed=7", "--trace"])!;
  assertEquals([a.cell?.rtt, a.cell?.rate, a.cell?.cc, a.seed], [5, 50e6, "reno", 7]);
  assertEquals(netsim_parse_args(["--kernel", "--runs=2", "--seconds=1.5"])?.seconds, 1.5);
  for (const flag of ["write", "workers", "cell", "seed", "trace", "kernel", "seconds", "runs"]) {
    assert(USAGE.includes(`--${flag}`), flag);
  }
});

Deno.test("netsim_parse_args() refuses what it does not know", () => {
  const wrong = [
    ["--fast"],
    ["x"],
    ["--trace"],
    ["--seed=1"],
    ["--workers=0"],
    ["--workers=1.5"],
    ["--runs=2"],
    ["--write", "--cell=rtt=1"],
    ["--kernel", "--write"],
    ["--cell="],
    ["--cell=rtt"],
    ["--cell=rtt=x"],
    ["--cell=cc=bbr"],
    ["--cell=loss=100"],
    ["--cell=sack=yes"],
  ];
  for (const argv of wrong) {
    assertThrows(() => netsim_parse_args(argv), UsageError, undefined, argv.join(" "));
  }
});

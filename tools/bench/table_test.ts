// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { benches } from "./args.ts";
import { best_figures, floor_result, median, print_row } from "./table.ts";
import type { row, run } from "./table.ts";

function named(name: string, runs: run[], linux: number | null = null): row {
  const bench = benches.find((b) => b.name === name)!;
  return { bench, runs, value: median(best_figures(runs)), linux, linux_runs: null };
}

const run = (figure: number, speed = 1): run => ({ figures: [figure], speed });

Deno.test("a figure is the median of the runs during which the core was fastest", () => {
  const runs = [
    run(1, 0.5),
    run(30, 1),
    run(10, 0.9),
    run(2, 0.6),
    run(20, 1),
    run(50, 0.95),
    run(40, 1),
  ];
  assertEquals(best_figures(runs), [30, 20, 40, 50, 10]);
  assertEquals(median(best_figures(runs)), 30);
  assertEquals(median([1, 4, 2, 3]), 2.5);
  assertEquals(median([]), null);
});

Deno.test("floor_result() compares with a number, with Linux and with another figure", () => {
  const conn = named("conn-pinned", [run(6999)]), rr = named("rr", [run(7)], 10);
  assertEquals(floor_result(conn, [])?.passed, false);
  assertEquals(floor_result(rr, [])?.passed, true);
  assertEquals(floor_result(named("rr", [run(7)]), []), null);
  const few = named("ehash-1000", [run(30), run(80), run(30)]);
  const many = named("ehash-100000", [run(42), run(100), run(50)]);
  assertEquals(floor_result(many, [few, many])?.text, "at most 1.5 of ehash-1000: 1.40 ok");
  assertEquals(floor_result(many, [many]), null);
});

Deno.test("print_row() tells the figure, how it spreads, how fast the core was and the floor", () => {
  const r = named("conn-pinned", [run(8000, 0.8), run(8500), run(9000, 0.9)], 24_000);
  const line = print_row(r, [r]).replace(/ +/g, " ");
  assertEquals(
    line,
    "conn-pinned connections, one core 8,500 24,000 0.35 1/s (8,000 to 9,000, core at 90 %), " +
      "floor 7,000 1/s: 8,500 ok",
  );
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The benchmark's table: a row a figure, with Linux beside it and the floor that it has to reach.

import type { bench } from "./args.ts";

/** How many runs a figure is the median of. */
export const RUNS = 5;

/** A run: its figures, and the speed that the core had at that time, as a part of its full speed. */
export interface run {
  figures: number[];
  speed: number;
}

/** A figure that was measured, or not. */
export interface row {
  bench: bench;
  value: number | null;
  runs: run[];
  linux: number | null;
  linux_runs: run[] | null;
  /** Why there is no figure. */
  skipped?: string;
  /** Why there is none of Linux. */
  linux_error?: string;
}

/** The runs during which the core was fastest. */
export function best_runs(runs: readonly run[]): run[] {
  return [...runs].sort((a, b) => b.speed - a.speed).slice(0, RUNS);
}

/** The first figure of each of the runs that count. */
export function best_figures(runs: readonly run[]): number[] {
  return best_runs(runs).map((r) => r.figures[0]);
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid] : (sorted[mid - 1] + sorted[mid]) / 2;
}

/** A floor and what stands against it. */
export interface floor_outcome {
  text: string;
  passed: boolean;
}

function digits(v: number): string {
  const fraction = v >= 1000 || Number.isInteger(v) ? 0 : v >= 100 ? 1 : 2;
  return v.toLocaleString("en-US", {
    minimumFractionDigits: fraction,
    maximumFractionDigits: fraction,
  });
}

/** To Linux in the same run; null where either is missing. */
export function linux_ratio(r: row): number | null {
  return r.value === null || r.linux === null ? null : r.value / r.linux;
}

/** What is measured in the same runs is compared run by run: the machine changes from one to the next. */
function ratio_to(r: row, base: row | undefined): number | null {
  if (base === undefined || base.value === null) return null;
  const figures = best_figures(base.runs);
  return median(best_figures(r.runs).map((figure, i) => figure / figures[i]));
}

/** Whether a figure reaches its floor; null where it has none, or what it is compared to is missing. */
export function floor_result(r: row, rows: readonly row[]): floor_outcome | null {
  const { floor, unit } = r.bench;
  if (floor === undefined || r.value === null) return null;
  let measured = r.value;
  let of = ` ${unit}`;
  if (floor.of !== undefined) {
    const linux = floor.of === "linux";
    const ratio = linux ? linux_ratio(r) : ratio_to(r, rows.find((o) => o.bench.name === floor.of));
    if (ratio === null) return null;
    measured = ratio;
    of = linux ? " of Linux" : ` of ${floor.of}`;
  }
  const passed = floor.is === "least" ? measured >= floor.value : measured <= floor.value;
  const name = floor.is === "least" ? "floor" : "at most";
  const limit = floor.value.toLocaleString("en-US");
  return { passed, text: `${name} ${limit}${of}: ${digits(measured)} ${passed ? "ok" : "MISSED"}` };
}

const COLUMNS = [14, 33, 12, 12, 7] as const;

function columns(name: string, title: string, ours: string, linux: string, ratio: string): string {
  return name.padEnd(COLUMNS[0]) + title.padEnd(COLUMNS[1]) + ours.padStart(COLUMNS[2]) +
    linux.padStart(COLUMNS[3]) + ratio.padStart(COLUMNS[4]);
}

export function table_head(): string {
  return columns("name", "what", "tuxnet", "Linux", "ratio");
}

/** From where to where the runs reach, and how fast the core was on the way. */
function spread_of(runs: readonly run[]): string {
  if (runs.length < 2) return "";
  const figures = best_figures(runs);
  const speed = runs.reduce((sum, r) => sum + r.speed, 0) / runs.length;
  return ` (${digits(Math.min(...figures))} to ${digits(Math.max(...figures))}, ` +
    `core at ${Math.round(speed * 100)} %)`;
}

/** The line of a figure; `rows` has those that it is compared to. */
export function print_row(r: row, rows: readonly row[]): string {
  const { name, title, unit } = r.bench;
  if (r.value === null) {
    return `${columns(name, title, "-", r.linux === null ? "-" : digits(r.linux), "")}  ` +
      `not measured: ${r.skipped ?? "no figure"}`;
  }
  const linux = r.linux === null ? "-" : digits(r.linux);
  const ratio = linux_ratio(r)?.toFixed(2) ?? "-";
  const outcome = floor_result(r, rows);
  const floor = outcome === null ? "" : `, ${outcome.text}`;
  const spread = spread_of(best_runs(r.runs));
  const error = r.linux_error === undefined ? "" : `; Linux: ${r.linux_error}`;
  return `${columns(name, title, digits(r.value), linux, ratio)}  ${unit}${spread}${floor}${error}`;
}

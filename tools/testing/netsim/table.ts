// SPDX-License-Identifier: GPL-2.0-only
//
// The table: every cell, computed by workers, as text. A row is a path, a column what the path does besides and what the
// sender has against it.

import type { cell, cell_result } from "./cell.ts";
import { FILE_SIZE, rate_of } from "./cell.ts";

export const LOSSES = [0, 0.001, 0.01, 0.05, 0.1] as const;
export const BUFFERS = [0.25, 1] as const;
export const RTTS = [1, 30, 200] as const;
const CCS = ["reno", "cubic"] as const;
const BOOLS = [false, true] as const;

/** All cells, in the table's order: by row, then by column. */
export function all_cells(): cell[] {
  const cells: cell[] = [];
  for (const rtt of RTTS) {
    for (const buffer of BUFFERS) {
      for (const loss of LOSSES) {
        for (const cc of CCS) {
          for (const sack of [true, false]) {
            for (const duplicate of BOOLS) {
              for (const reorder of BOOLS) {
                cells.push({ loss, reorder, duplicate, buffer, rtt, cc, sack });
              }
            }
          }
        }
      }
    }
  }
  return cells;
}

/** A cell's name, as --cell takes it. */
export function cell_name(c: cell): string {
  const flag = (on: boolean): string => on ? "on" : "off";
  return `rtt=${c.rtt},buffer=${c.buffer},loss=${percent(c.loss)},reorder=${flag(c.reorder)},` +
    `duplicate=${flag(c.duplicate)},cc=${c.cc},sack=${flag(c.sack)}`;
}

/** Without noise of the last bits. */
function percent(p: number): string {
  return String(Number((p * 100).toFixed(3)));
}

/** .957 of 0.957. */
function fraction(f: number): string {
  const s = f.toFixed(3);
  return s.startsWith("0") ? s.slice(1) : s;
}

const COLUMNS = 16, PER_GROUP = 4, WIDTH = 5, LEFT = 14;

/** The columns' heads. */
function heads(): string[] {
  const groups: string[] = [], paths: string[] = [];
  for (const cc of CCS) {
    for (const sack of ["SACK", "no SACK"]) {
      groups.push(`${cc}, ${sack}`.padStart(10).padEnd(PER_GROUP * WIDTH));
      for (const path of ["-", "r", "d", "dr"]) paths.push(path.padStart(WIDTH));
    }
  }
  const spread = (cols: string[], n: number): string => {
    let s = "";
    for (let i = 0; i < cols.length; i += n) s += "  " + cols.slice(i, i + n).join("");
    return s;
  };
  return [
    (" ".repeat(LEFT) + spread(groups.map((g) => "  " + g.trim().padEnd(18)), 1)).trimEnd(),
    "buffer    loss".padEnd(LEFT) + spread(paths, PER_GROUP),
  ];
}

const HEAD = `Goodput of a transfer of ${
  FILE_SIZE / 1e6
} MB, but for its last segments, as a fraction of the bottleneck's
rate, in virtual time. The data's way loses so many of the packets, the ACKs' way none. Of 1500
bytes of a packet 1448 are goodput, so that .965 is all there is.
  buffer: before the bottleneck, in bandwidth-delay products
  r: 1 % of packets come late, passed by up to 8;  d: 1 % come twice;  -: neither
Made by 'deno task netsim --write', compared by netsim_test.ts but for chance.
`;

/** The table of results in the order of all_cells(). */
export function format_table(results: readonly cell_result[]): string {
  const cells = all_cells();
  let out = HEAD;
  for (let i = 0; i < cells.length; i += COLUMNS) {
    const c = cells[i];
    if (i === 0 || cells[i - 1].rtt !== c.rtt) {
      const packets = rate_of(c) * c.rtt / 1000 / 8 / 1500;
      out += `\nRTT ${c.rtt} ms, bottleneck ${rate_of(c) / 1e6} Mbit/s: ` +
        `one bandwidth-delay product is ${packets.toFixed(0)} packets\n${heads().join("\n")}\n`;
    }
    let line = `${String(c.buffer).padEnd(6)} ${percent(c.loss).padStart(5)} %`.padEnd(LEFT);
    for (let j = 0; j < COLUMNS; j++) {
      if (j % PER_GROUP === 0) line += "  ";
      line += fraction(results[i + j].goodput).padStart(WIDTH);
    }
    out += line + "\n";
  }
  return out;
}

/** The goodputs of a table, in the order of all_cells(). */
export function parse_table(text: string): number[] {
  const rows = text.split("\n").filter((line) => /^[\d.]+ +[\d.]+ %/.test(line));
  return rows.flatMap((row) => row.slice(LEFT).trim().split(/ +/).map(Number));
}

/**
 * What differs between a table and new results beyond chance, one line each. A segment that is sent a little earlier
 * meets another fate, so that single cells change with whatever changes; four of them, which differ by duplicates
 * and reordering alone, do so together only when something has become better or worse.
 */
export function compare_table(text: string, results: readonly cell_result[]): string[] {
  const was = parse_table(text), cells = all_cells();
  if (was.length !== cells.length) return [`${was.length} cells where ${cells.length} belong`];
  const differ: string[] = [];
  for (let i = 0; i < cells.length; i += PER_GROUP) {
    const before = was.slice(i, i + PER_GROUP);
    const after = results.slice(i, i + PER_GROUP).map((r) => r.goodput);
    const [b, a] = [before, after].map((g) => g.reduce((sum, f) => sum + f, 0) / PER_GROUP);
    if (Math.abs(a - b) <= Math.max(b * 0.25, 0.03)) continue;
    const { rtt, buffer, loss, cc, sack } = cells[i];
    differ.push(
      `RTT ${rtt} ms, buffer ${buffer}, loss ${percent(loss)} %, ${cc}, ${
        sack ? "" : "no "
      }SACK: ` +
        `${before.map(fraction).join(" ")} is now ${after.map(fraction).join(" ")}`,
    );
  }
  return differ;
}

/** Computes cells by so many workers; `on_result` hears of each. */
export async function compute(
  cells: readonly cell[],
  workers: number,
  on_result: (c: cell, r: cell_result) => void = () => {},
): Promise<cell_result[]> {
  const results: cell_result[] = new Array(cells.length);
  let next = 0;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
      const end = (error?: Error): void => {
        worker.terminate();
        if (error === undefined) resolve();
        else reject(error);
      };
      let at = -1;
      const give = (): void => {
        if (next >= cells.length) return end();
        at = next++;
        worker.postMessage(cells[at]);
      };
      worker.onmessage = ({ data }: MessageEvent<cell_result | string>) => {
        if (typeof data === "string") {
          next = cells.length;
          return end(new Error(`${cell_name(cells[at])}: ${data}`));
        }
        results[at] = data;
        on_result(cells[at], data);
        give();
      };
      worker.onerror = (e) => {
        e.preventDefault();
        next = cells.length;
        end(new Error(e.message));
      };
      give();
    });
  await Promise.all(Array.from({ length: workers }, work));
  return results;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// A hashinfo_view as text. A star stands at what was not so in the step before.

import { changes } from "./model.ts";
import type { hashinfo_view, node, row, table, view_changes } from "./model.ts";

function table_lines(t: table, c: view_changes): string[] {
  const head = `  ${t.name.padEnd(16)}${String(t.size).padStart(6)} buckets`;
  if (t.slots.length === 0) return [`${head}, all empty`];
  const width = String(t.size - 1).length + 2;
  return [
    head,
    ...t.slots.map(({ index, to }) => {
      const star = c.changed.has(`${t.name}[${index}]`) ? "*" : " ";
      return `  ${star} ${`[${index}]`.padStart(width)} -> ${to}`;
    }),
  ];
}

function row_line(n: node, r: row, c: view_changes): string {
  const star = c.changed.has(`${n.id}.${r.name}`) ? "*" : " ";
  const name = r.name.startsWith(".") ? `    ${r.name}` : r.name;
  return `  ${star} ${name.padEnd(23)}${r.to === null ? r.value : `-> ${r.to}`}`;
}

/** The tables as lines of text; `before` is the step before. */
export function hashinfo_text(view: hashinfo_view, before: hashinfo_view | null = null): string {
  const c = changes(before, view);
  const out = ["tcp_hashinfo"];
  for (const t of view.tables) out.push(...table_lines(t, c));
  for (const n of view.nodes) {
    const born = c.born.has(n.id) ? "  (new)" : "";
    out.push("", `${n.id}${n.role === "" ? "" : `  ${n.role}`}${born}`);
    for (const r of n.rows) out.push(row_line(n, r, c));
  }
  if (c.gone.length > 0) out.push("", `gone: ${c.gone.join(", ")}`);
  for (const w of view.wrong) out.push("", `WRONG: ${w}`);
  return out.join("\n") + "\n";
}

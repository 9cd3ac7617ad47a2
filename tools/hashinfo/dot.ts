// SPDX-License-Identifier: GPL-2.0-only
//
// A hashinfo_view as Graphviz: tables are records of which only the used buckets are drawn, with their index beside
// them; a gap (hatched in the SVG) stands for what is left out. listening_hash is drawn inside tcp_hashinfo,
// as it is inside the struct. Pointers and values that are new since the step before are drawn strong and coloured.

import { changes, HALF_OPEN } from "./model.ts";
import type { hashinfo_view, node, row, table, view_changes } from "./model.ts";

/** The colours. svg.ts replaces GAP by a hatching. */
export const GAP = "#f4f4f5";
const INK = "#1f2937";
const FAINT = "#8a94a3";
const LINE = "#64748b";
const PAPER = "#ffffff";
const CHANGED = "#c2410c";
const CHANGED_PAPER = "#fff3e8";
const HEADS: Record<string, string> = {
  tcp_hashinfo: "#dbe4f0",
  inet_bind_bucket: "#f7e7bd",
  tcp_sock: "#cfe5f5",
  tcp_request_sock: "#dceccb",
  tcp_timewait_sock: "#e7dbf2",
  socket: "#e5e7eb",
};

/** Text for a label. */
export function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function font(text: string, color: string, size?: number): string {
  const points = size === undefined ? "" : ` point-size="${size}"`;
  return `<font color="${color}"${points}>${text}</font>`;
}

/** A name that Graphviz takes as it is. */
function id(text: string): string {
  return text.replace(/\W/g, "_");
}

function cell(attributes: string, content: string): string {
  return `<td ${attributes}>${content}</td>`;
}

/** The rows of a table: [index, cell] pairs, with gaps between them. */
function slot_rows(t: table, c: view_changes): string[] {
  const out: string[] = [];
  const label = (text: string, strong: boolean): string =>
    cell(`border="0" align="right"`, font(text, strong ? INK : FAINT, strong ? 11 : 9));
  const gap = (from: number, to: number): void => {
    if (from > to) return;
    // Where the table begins and ends is worth a number, where a gap does is not.
    const ends = from === 0 && to === t.size - 1
      ? `0 … ${to}`
      : from === 0
      ? "0"
      : to === t.size - 1
      ? String(to)
      : "";
    const height = t.name === "listening_hash" ? 16 : 30;
    out.push(
      `<tr>${label(ends, false)}${
        cell(`bgcolor="${GAP}" width="46" height="${height}" fixedsize="false"`, "")
      }</tr>`,
    );
  };
  let next = 0;
  for (const { index } of t.slots) {
    gap(next, index - 1);
    const changed = c.changed.has(`${t.name}[${index}]`);
    out.push(
      `<tr>${label(`<b>${index}</b>`, true)}${
        cell(
          `port="b${index}" width="46" height="22" bgcolor="${changed ? CHANGED_PAPER : PAPER}"`,
          font("●", changed ? CHANGED : LINE, 8),
        )
      }</tr>`,
    );
    next = index + 1;
  }
  gap(next, t.size - 1);
  return out;
}

const TABLE = `border="0" cellborder="1" cellspacing="0" cellpadding="4" color="${LINE}"`;

/** An array of buckets. */
function table_label(t: table, c: view_changes): string {
  const type = t.name === "ehash" ? "inet_ehash_bucket" : "inet_bind_hashbucket";
  return `<table ${TABLE}><tr>${cell('border="0"', "")}${
    cell('border="0" port="top"', font(`${t.name}[]<br/>${font(type, FAINT, 9)}`, INK, 11))
  }</tr>${slot_rows(t, c).join("")}</table>`;
}

/** tcp_hashinfo with listening_hash inside. */
function hashinfo_label(view: hashinfo_view, c: view_changes): string {
  const [ehash, bhash, lhash] = view.tables;
  const row = (name: string, value: string, port = ""): string =>
    `<tr>${
      cell(
        `align="left" ${port === "" ? "" : `port="${port}" `}`,
        `${font(name, INK)}${value === "" ? "" : font(` ${value}`, FAINT)}`,
      )
    }</tr>`;
  return `<table ${TABLE}><tr>${
    cell(
      `bgcolor="${HEADS.tcp_hashinfo}" align="left"`,
      `<b>tcp_hashinfo</b>  ${font("inet_hashinfo", FAINT, 9)}`,
    )
  }</tr>${row("ehash", "", "ehash")}${row("ehash_mask", String(ehash.size - 1))}${
    row("bhash", "", "bhash")
  }${row("bhash_size", String(bhash.size))}<tr>${
    cell(
      'align="left"',
      `<table ${TABLE.replace('cellpadding="4"', 'cellpadding="2"')}><tr>${
        cell(
          'border="0" colspan="2" align="left"',
          `listening_hash${font(`[${lhash.size}]`, FAINT)}`,
        )
      }</tr>${slot_rows(lhash, c).join("")}</table>`,
    )
  }</tr></table>`;
}

/** Rows that a pointer enters: its port is on the left. */
const TARGETS = new Set(["node", "sk_node", "sk_nulls_node", "sk_bind_node"]);

/** Pointers to what stands to the left: they leave there, and do not decide where things stand. */
const BACK = new Set(["icsk_bind_hash", "tw_tb", "rsk_listener", "sk"]);

/** A request_sock in ehash stands left of its listener, one in the accept queue right of it. */
function points_back(n: node, r: row): boolean {
  return BACK.has(r.name) && !(r.name === "rsk_listener" && n.role === HALF_OPEN);
}

function row_html(n: node, r: row, c: view_changes): string {
  const changed = c.changed.has(`${n.id}.${r.name}`);
  const paper = changed ? ` bgcolor="${CHANGED_PAPER}"` : "";
  const name = html(r.name.startsWith(".") ? `  ${r.name}` : r.name);
  const label = font(name, changed ? CHANGED : INK);
  const dot = font("●", changed ? CHANGED : LINE, 8);
  const port = id(r.name);
  if (r.to !== null && points_back(n, r)) {
    return `<tr>${
      cell(`colspan="2" align="left" port="out_${port}"${paper}`, `${dot} ${label}`)
    }</tr>`;
  }
  const value = r.to !== null ? dot : font(
    changed ? `<b>${html(r.value)}</b>` : html(r.value),
    changed ? CHANGED : r.value === "NULL" || r.value === "unhashed" ? FAINT : INK,
  );
  const entry = TARGETS.has(r.name) ? ` port="in_${port}"` : "";
  return `<tr>${cell(`align="left" sides="LTB"${paper}${entry}`, label)}${
    cell(`align="right" sides="RTB" port="out_${port}"${paper}`, value)
  }</tr>`;
}

/** A struct with its fields; the structs that it begins with are told apart. */
function node_label(n: node, c: view_changes): string {
  const born = c.born.has(n.id);
  const role = n.role === "" ? "" : `   ${font(n.role, "#475569", 10)}`;
  const out = [
    `<tr>${
      cell(
        `colspan="2" align="left" port="top" bgcolor="${HEADS[n.struct]}"`,
        `<b>${n.struct}</b>${role}${born ? `   ${font("<b>new</b>", CHANGED, 10)}` : ""}`,
      )
    }</tr>`,
  ];
  let of = "";
  for (const r of n.rows) {
    if (r.of !== of) {
      of = r.of;
      out.push(
        `<tr>${
          cell('colspan="2" align="right" bgcolor="#f8fafc" cellpadding="1"', font(of, FAINT, 9))
        }</tr>`,
      );
    }
    out.push(row_html(n, r, c));
  }
  return `<table ${TABLE}>${out.join("")}</table>`;
}

/** Where a pointer ends: 'node:port:side'. */
function target(to: string): string {
  const [obj, field] = to.split(".");
  return field === undefined ? `${id(obj)}:top` : `${id(obj)}:in_${id(field)}:w`;
}

function edge(from: string, to: string, changed: boolean, extra = ""): string {
  const look = changed
    ? `color="${CHANGED}" penwidth=2.2 arrowsize=0.9`
    : `color="${LINE}" penwidth=1`;
  return `  ${from} -> ${to} [${look}${extra}];`;
}

function node_edges(n: node, c: view_changes): string[] {
  const out: string[] = [];
  for (const r of n.rows) {
    if (r.to === null) continue;
    const changed = c.changed.has(`${n.id}.${r.name}`);
    const from = `${id(n.id)}:out_${id(r.name)}`;
    if (points_back(n, r)) {
      const dashed = r.name === "icsk_bind_hash" || r.name === "tw_tb" ? " style=dashed" : "";
      out.push(edge(`${from}:w`, `${target(r.to)}:e`, changed, ` constraint=false${dashed}`));
    } else if (TARGETS.has(r.name)) {
      // The next of a chain stands above or below.
      const next = target(r.to).replace(":in_", ":out_").replace(/:w$/, ":e");
      out.push(edge(`${from}:e`, next, changed, " constraint=false"));
    } else {
      const tail = r.name.endsWith("tail") ? " constraint=false" : "";
      const to = target(r.to);
      out.push(edge(`${from}:e`, to.endsWith(":w") ? to : `${to}:w`, changed, tail));
    }
  }
  return out;
}

/** The view as a digraph. */
export function hashinfo_dot(
  view: hashinfo_view,
  before: hashinfo_view | null = null,
  title = `tcp_hashinfo of ${view.host}`,
): string {
  const c = changes(before, view);
  const gone = c.gone.map((g) => html(g.replace(/#\d+$/, ""))).join(", ");
  const legend = c.changed.size === 0
    ? ""
    : font(`    changed by this step${gone === "" ? "" : `; gone: ${gone}`}`, CHANGED);
  const out = [
    "digraph tcp_hashinfo {",
    `  graph [rankdir=LR ranksep=0.9 nodesep=0.35 pad=0.25 bgcolor="${PAPER}" fontname="Courier" fontsize=12 labelloc=t labeljust=l`,
    `    label=<${font(`<b>${html(title)}</b>`, INK, 17)}${legend}<br align="left"/>>];`,
    `  node [shape=plain fontname="Courier" fontsize=11 fontcolor="${INK}"];`,
    `  edge [arrowsize=0.7];`,
    `  tcp_hashinfo [label=<${hashinfo_label(view, c)}>];`,
  ];
  const [ehash, bhash, lhash] = view.tables;
  for (const t of [ehash, bhash]) {
    out.push(`  ${t.name} [label=<${table_label(t, c)}>];`);
    out.push(edge(`tcp_hashinfo:${t.name}:e`, `${t.name}:top:w`, false));
  }
  for (const n of view.nodes) out.push(`  ${id(n.id)} [label=<${node_label(n, c)}>];`);
  for (const t of [ehash, bhash]) {
    for (const s of t.slots) {
      const changed = c.changed.has(`${t.name}[${s.index}]`);
      out.push(edge(`${t.name}:b${s.index}:e`, target(s.to), changed));
    }
  }
  for (const s of lhash.slots) {
    const changed = c.changed.has(`${lhash.name}[${s.index}]`);
    out.push(edge(`tcp_hashinfo:b${s.index}:e`, target(s.to), changed));
  }
  for (const n of view.nodes) out.push(...node_edges(n, c));
  const rank = (struct: string): void => {
    const same = view.nodes.filter((n) => n.struct === struct);
    if (same.length > 1) out.push(`  { rank=same; ${same.map((n) => id(n.id)).join("; ")} }`);
  };
  out.push("  { rank=same; ehash; bhash }");
  rank("tcp_sock");
  rank("socket");
  out.push("}");
  return out.join("\n") + "\n";
}

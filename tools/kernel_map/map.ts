// SPDX-License-Identifier: GPL-2.0-only
//
// Our tree beside the kernel's: which file mirrors which, what of a kernel file's functions is here, elsewhere or missing,
// and what of ours the kernel does not have. The kernel's side needs the reader's own tree.

import { modules } from "../check_layers.ts";
import { c_functions, ts_functions, ts_reexports } from "./source.ts";
import type { definition } from "./source.ts";

export const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

/** The directories that the kernel has, too. */
const MIRRORED = /^(include|lib|kernel|mm|net|fs|init|drivers)\/|^arch\/entry\//;

/** One of our modules. */
export interface our_file {
  path: string;
  text: string;
  functions: definition[];
  reexports: string[];
}

/** A line of kernel_map.tsv. */
export interface map_row {
  name: string;
  kind: string;
  kernel: string;
  ours: string;
}

/** Modules whose kernel file has another path. */
const OTHER_PATH: Record<string, string> = {
  "arch/entry/common.ts": "arch/x86/entry/common.c",
  "drivers/tun/tun.ts": "drivers/net/tun.c",
};

/** The kernel file that a module mirrors. */
export function kernel_path(path: string): string {
  return OTHER_PATH[path] ?? path.replace(/\.ts$/, path.startsWith("include/") ? ".h" : ".c");
}

/** Our modules that mirror a kernel file, by path. */
export function our_files(root = ROOT): Map<string, our_file> {
  const out = new Map<string, our_file>();
  for (const [path, text] of modules(root)) {
    if (!MIRRORED.test(path)) continue;
    out.set(path, { path, text, functions: ts_functions(text), reexports: ts_reexports(text) });
  }
  return new Map([...out].sort(([a], [b]) => a < b ? -1 : 1));
}

export function read_map(root = ROOT): map_row[] {
  return Deno.readTextFileSync(`${root}/tools/kernel_map.tsv`).split("\n")
    .filter((l) => l !== "" && !l.startsWith("#"))
    .map((l) => {
      const [name, kind, kernel, ours] = l.split("\t");
      return { name, kind, kernel, ours };
    });
}

/** Names whose place the kernel's path does not tell, with the reason. */
const ELSEWHERE: Record<string, string> = {
  do_syscall_64: "arch/ has hosts here and no processors",
  tcp_skb_cb: "a field of sk_buff here, no bytes of cb[]",
};

/** A header's inline function may stand in net or fs, where it calls up; nothing else may stand elsewhere. */
function may_stand(row: map_row): boolean {
  if (row.ours === row.kernel.replace(/\.[ch]$/, ".ts") || row.name in ELSEWHERE) return true;
  return row.kind === "function" && /^include\/.*\.h$/.test(row.kernel) &&
    /^(net|fs)\//.test(row.ours);
}

/** What does not hold of the map, one line each. */
export function check_map(
  rows: readonly map_row[],
  files: ReadonlyMap<string, our_file>,
): string[] {
  const wrong: string[] = [];
  for (const row of rows) {
    if (!may_stand(row)) wrong.push(`${row.name}: ${row.ours} is no place for ${row.kernel}'s`);
    const file = files.get(row.ours);
    if (file === undefined) {
      wrong.push(`${row.name}: there is no ${row.ours}`);
      continue;
    }
    const there = row.kind === "struct"
      ? new RegExp(`^(?:export )?(?:class|interface|type) ${row.name}\\b`, "m").test(file.text)
      : file.functions.some((f) => f.name === row.name) || file.reexports.includes(row.name) ||
        new RegExp(`^(?:export )?const ${row.name}\\b`, "m").test(file.text);
    if (there) continue;
    const found = [...files.values()].find((f) => f.functions.some((d) => d.name === row.name));
    wrong.push(
      `${row.name}: not in ${row.ours}${found === undefined ? "" : ` but in ${found.path}`}`,
    );
  }
  return wrong;
}

/** A kernel file. */
export interface kernel_file {
  path: string;
  text: string;
  functions: definition[];
  macros: string[];
}

/** The kernel's files that ours mirror, from a tree at dir; null where that version has none of the name. */
export function kernel_files(
  dir: string,
  ours: ReadonlyMap<string, our_file>,
): Map<string, kernel_file | null> {
  const out = new Map<string, kernel_file | null>();
  for (const path of ours.keys()) {
    const kernel = kernel_path(path);
    let text: string | null = null;
    try {
      text = Deno.readTextFileSync(`${dir}/${kernel}`);
    } catch (e) {
      if (!(e instanceof Deno.errors.NotFound || e instanceof Deno.errors.NotADirectory)) throw e;
    }
    out.set(path, text === null ? null : { path: kernel, text, ...c_functions(text) });
  }
  return out;
}

/** A file of ours beside the kernel's. */
export interface comparison {
  ours: string;
  kernel: string;
  /** Functions of the kernel's file that stand in ours; without a kernel tree those not @local. */
  here: string[];
  /** ... in another of our files. */
  elsewhere: { name: string; path: string }[];
  /** ... nowhere; null without a kernel tree. */
  missing: string[] | null;
  /** Ours, of another of the kernel's files that we mirror. */
  from: { name: string; path: string }[];
  /** Ours, marked @local. */
  local: string[];
  /** Ours that are neither the kernel's nor marked: parts of a function; empty without a kernel tree. */
  parts: string[];
}

/** Where each function of ours is. */
export function where_ours(files: ReadonlyMap<string, our_file>): Map<string, string> {
  const where = new Map<string, string>();
  for (const f of files.values()) {
    for (const d of f.functions) if (d.exported || !where.has(d.name)) where.set(d.name, f.path);
  }
  return where;
}

/** Compares every module with its kernel file; kernel is null without a tree. */
export function compare(
  files: ReadonlyMap<string, our_file>,
  kernel: ReadonlyMap<string, kernel_file | null> | null,
): comparison[] {
  const ours = where_ours(files);
  const theirs = new Map<string, string>();
  for (const k of kernel?.values() ?? []) {
    if (k === null) continue;
    for (const name of [...k.functions.map((d) => d.name), ...k.macros]) {
      if (!theirs.has(name)) theirs.set(name, k.path);
    }
  }
  return [...files.values()].map((f) => {
    const c: comparison = {
      ours: f.path,
      kernel: kernel_path(f.path),
      here: [],
      elsewhere: [],
      missing: kernel === null ? null : [],
      from: [],
      local: f.functions.filter((d) => d.local).map((d) => d.name),
      parts: [],
    };
    const mine = new Set([...f.functions.map((d) => d.name), ...f.reexports]);
    const k = kernel?.get(f.path) ?? null;
    if (kernel === null) {
      c.here = f.functions.filter((d) => !d.local).map((d) => d.name);
      return c;
    }
    const its = new Set(k === null ? [] : [...k.functions.map((d) => d.name), ...k.macros]);
    for (const { name } of k?.functions ?? []) {
      const path = ours.get(name);
      if (mine.has(name)) c.here.push(name);
      else if (path !== undefined) c.elsewhere.push({ name, path });
      else c.missing!.push(name);
    }
    for (const name of k?.macros ?? []) if (mine.has(name)) c.here.push(name);
    for (const d of f.functions) {
      if (its.has(d.name) || d.local) continue;
      const path = theirs.get(d.name);
      if (path !== undefined) c.from.push({ name: d.name, path });
      else c.parts.push(d.name);
    }
    return c;
  });
}

function wrapped(label: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const out: string[] = [];
  let line = `  ${label.padEnd(10)}`;
  for (const n of names) {
    if (line.length + 1 + n.length > 110 && line.trim() !== label) {
      out.push(line);
      line = " ".repeat(12);
    }
    line += ` ${n}`;
  }
  return [...out, line];
}

/** The comparison as text. */
export function report(all: readonly comparison[]): string {
  const out: string[] = [];
  const sum = { here: 0, elsewhere: 0, missing: 0, local: 0 };
  const known = all.some((c) => c.missing !== null);
  for (const c of all) {
    sum.here += c.here.length;
    sum.elsewhere += c.elsewhere.length;
    sum.missing += c.missing?.length ?? 0;
    sum.local += c.local.length;
    out.push(`${c.kernel} -> ${c.ours}`);
    out.push(...wrapped("here:", c.here));
    out.push(...wrapped("elsewhere:", c.elsewhere.map((e) => `${e.name} (${e.path})`)));
    out.push(...wrapped("missing:", c.missing ?? []));
    out.push(...wrapped("from:", c.from.map((e) => `${e.name} (${e.path})`)));
    out.push(...wrapped("@local:", c.local));
    out.push(...wrapped("parts:", c.parts));
    out.push("");
  }
  const more = known ? `, ${sum.elsewhere} elsewhere, ${sum.missing} missing` : "";
  out.push(`${all.length} files: ${sum.here} functions here${more}, ${sum.local} @local`);
  return out.join("\n") + "\n";
}

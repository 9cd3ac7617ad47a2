// SPDX-License-Identifier: GPL-2.0-only
//
// The traces on the pages of Documentation/callgraph. A page has
//
//   <!-- chain: bind -->
//
// before a block of code whose first line is `$ deno task ftrace … --packets SESSION`: the block is what that prints, of
// the first tree that has the chain of bind.tree the functions of the chain and those that it goes through (`bind without f`: not by way of f). With
// `<!-- packets -->` the command ends in `| grep 'TEXT'`. `deno run -A tools/callgraph.ts --write` writes all blocks anew.

import { mirror } from "./ftrace/mirror.ts";
import { read_chains } from "./ftrace/chains.ts";
import type { chain, chain_call } from "./ftrace/chains.ts";

export const PAGES = new URL("../Documentation/callgraph/", import.meta.url);

/** A call of a trace, with its lines. */
interface traced {
  name: string;
  line: string;
  end: string | null;
  calls: traced[];
}

/** A tree of a trace: the lines above it, and its first call. */
interface traced_tree {
  head: string[];
  root: traced;
}

/** The trees of what ftrace printed. */
export function read_trees(text: string): traced_tree[] {
  const trees: traced_tree[] = [];
  const open: traced[] = [];
  let head: string[] = [];
  for (const line of text.split("\n")) {
    const m = /^ 0\).*?\| {2,}(\w+)\(.*\)( \{|;.*)$/.exec(line);
    if (m !== null) {
      const c: traced = { name: m[1], line, end: null, calls: [] };
      if (open.length > 0) open.at(-1)!.calls.push(c);
      else {
        trees.push({ head, root: c });
        head = [];
      }
      if (m[2] === " {") open.push(c);
    } else if (line.startsWith("#")) {
      if (/^# \d/.test(line)) head = [];
      head.push(line);
    } else if (line !== "") open.pop()!.end = line;
  }
  return trees;
}

/** All that a call leads to by other ways than `without`, each with the way there. */
function* below(c: traced, without: string): Generator<[traced, traced[]]> {
  for (const child of c.calls) {
    yield [child, [child]];
    if (child.name === without) continue;
    for (const [d, path] of below(child, without)) yield [d, [child, ...path]];
  }
}

/** The calls of have, which is want's, that the chain below want goes through; null: it does not hold. */
function match(want: chain_call, have: traced, without: string): Set<traced> | null {
  const all = [...below(have, without)];
  const kept = new Set<traced>();
  let at = 0;
  for (const child of want.calls) {
    let found: Set<traced> | null = null;
    for (; found === null; at++) {
      if (at === all.length) return null;
      const [c, path] = all[at];
      if (!child.name.startsWith("@") && child.name !== c.name) continue;
      found = match(child, c, without);
      if (found !== null) { for (const p of path) found.add(p); }
    }
    for (const c of found) kept.add(c);
  }
  return kept;
}

/** What remains of a trace for a chain; throws if it does not hold in any tree. */
export function cut(text: string, chain: chain, without = ""): string {
  const trees = read_trees(text);
  for (const [i, { head, root }] of trees.entries()) {
    if (!chain.root.name.startsWith("@") && chain.root.name !== root.name) continue;
    const kept = match(chain.root, root, without);
    if (kept === null) continue;
    const lines = i > 0 ? ["…", ...head] : [...head];
    const walk = (c: traced): void => {
      const calls = c.calls.filter((d) => kept.has(d));
      if (calls.length === 0) lines.push(c.calls.length === 0 ? c.line : `${c.line} … }`);
      else {
        lines.push(c.line);
        for (const d of calls) walk(d);
        lines.push(c.end!);
      }
    };
    walk(root);
    if (i + 1 < trees.length) lines.push("…");
    return lines.join("\n");
  }
  throw new Error(`the chain ${chain.name} does not hold below one root`);
}

/** The lines with a text, as grep prints them. */
export function grep(text: string, pattern: string): string {
  return text.split("\n").filter((l) => l.includes(pattern)).join("\n");
}

/** A block of a page. */
interface block {
  page: string;
  /** Name of the chain; null: lines with a text. */
  chain: string | null;
  without: string;
  grep: string;
  /** The arguments of ftrace. */
  args: string;
  text: string;
}

const BLOCK =
  /<!-- (?:chain: (\w+)(?: without (\w+))?|packets) -->\n\n```console\n\$ deno task ftrace (.*?)(?: \| grep '(.*)')?\n([\s\S]*?)\n?```\n/g;

/** The blocks of all pages. */
export function read_blocks(): block[] {
  const pages = [...Deno.readDirSync(PAGES)].map((e) => e.name).filter((n) => n.endsWith(".md"));
  return pages.sort().flatMap((page) =>
    [...Deno.readTextFileSync(new URL(page, PAGES)).matchAll(BLOCK)].map((m) => ({
      page,
      chain: m[1] ?? null,
      without: m[2] ?? "",
      args: m[3],
      grep: m[4] ?? "",
      text: m[5],
    }))
  );
}

/** What ftrace prints, by its arguments. */
export async function traces(args: Iterable<string>): Promise<Record<string, string>> {
  const dir = mirror();
  const run = ["run", "-A", "--no-check", "--quiet", `--config=${dir}/deno.json`];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...run, `${dir}/tools/callgraph_main.ts`, ...new Set(args)],
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What a block should be. */
export function fresh(b: block, traces: Record<string, string>, chains: chain[]): string {
  if (b.chain === null) return grep(traces[b.args], b.grep);
  const chain = chains.find((c) => c.name === b.chain);
  if (chain === undefined) throw new Error(`${b.page}: no chain ${b.chain}`);
  return cut(traces[b.args], chain, b.without);
}

if (import.meta.main) {
  if (Deno.args.length !== 1 || Deno.args[0] !== "--write") {
    console.error("usage: deno run -A tools/callgraph.ts --write");
    Deno.exit(2);
  }
  const blocks = read_blocks();
  const all = await traces(blocks.map((b) => b.args));
  const chains = read_chains(PAGES);
  for (const page of new Set(blocks.map((b) => b.page))) {
    const mine = blocks.filter((b) => b.page === page);
    const url = new URL(page, PAGES);
    const text = Deno.readTextFileSync(url).replace(BLOCK, (whole) => {
      const b = mine.shift()!;
      const command = whole.indexOf("$ ");
      const head = whole.slice(0, whole.indexOf("\n", command));
      return `${head}\n${fresh(b, all, chains)}\n\`\`\`\n`;
    });
    Deno.writeTextFileSync(url, text);
  }
}

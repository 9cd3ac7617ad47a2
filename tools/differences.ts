// SPDX-License-Identifier: GPL-2.0-only
//
// Writes Documentation/differences.md: every @differs of the sources, by file. A doc comment says by @differs where a
// function of a kernel's name is not what a reader of the kernel expects, and why.
//
//   deno run --allow-read --allow-write=Documentation tools/differences.ts

import { modules } from "./check_layers.ts";

/** A @differs. */
export interface difference {
  path: string;
  /** What the comment stands at: 'tcp_init()', 'task_struct.ignored'; "" for the whole file. */
  name: string;
  why: string;
}

const TOP =
  /^(?:export )?(?:abstract )?(?:async )?(function\*?|class|interface|const|let|type) (\w+)/;
const MEMBER = /^ +(?:(?:private|protected|static|readonly|async|get|set) )*\*?(\w+)(\()?/;
/** A doc comment, or lines of //. */
const COMMENT = /\/\*\*[\s\S]*?\*\/|(?:^\/\/[^\n]*\n)+/gm;

/** The name that a comment ending at `end` stands at. */
function name_at(text: string, end: number): string {
  const line = text.slice(end).replace(/^\s*\n/, "").split("\n", 1)[0];
  const top = TOP.exec(line);
  if (top !== null) return top[1].startsWith("function") ? `${top[2]}()` : top[2];
  const member = MEMBER.exec(line);
  if (member === null) return "";
  const holder = text.slice(0, end).split("\n").map((l) => TOP.exec(l)).filter((m) => m !== null)
    .pop();
  return `${holder?.[2] ?? "?"}.${member[1]}${member[2] === undefined ? "" : "()"}`;
}

/** The words of a comment, without its marks. */
function words_of(comment: string): string {
  return comment.replace(/^\/\*\*|\*\/$/g, "").split("\n")
    .map((l) => l.replace(/^\s*(?:\/\/|\*(?!\*))?\s?/, "").trim()).join(" ").trim();
}

/** The differences that a module's text tells. */
export function differences_of(path: string, text: string): difference[] {
  const found: difference[] = [];
  for (const m of text.matchAll(COMMENT)) {
    const at = m[0].indexOf("@differs");
    if (at < 0) continue;
    const rest = m[0].slice(at + "@differs".length);
    const after = words_of(rest.replace(/(?:\s@[a-z]+|\n *(?:\/\/|\*) *\n)[\s\S]*/, ""));
    // With nothing behind it, what stands before it tells the difference.
    const before = words_of(m[0].slice(0, at)).split(/(?<=\.) (?=[A-Z])/).pop() ?? "";
    const header = m[0].startsWith("//");
    const name = header ? "" : name_at(text, m.index + m[0].length);
    found.push({ path, name, why: (after || before).replace(/[.;]$/, "") });
  }
  return found;
}

/** Text as Markdown: names as code, nothing else with a meaning. */
function markdown(text: string): string {
  return text.split("`").map((part, i) => {
    if (i % 2 === 1) return `\`${part}\``;
    return part.replace(
      /[\w./]+\.(?:c|h|ts)\b|[\w.]*_(?:\*|\w*(?:\.\w+)*(?:\(\)|\[\d\])?)|\b\w+\(\)|[*<>[\]]/g,
      (s) => {
        return /^[*<>[\]]$/.test(s) ? `\\${s}` : `\`${s}\``;
      },
    );
  }).join("");
}

/** An entry of a list, in lines of at most 100. */
function item(text: string): string {
  const lines = ["-"];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last.length + 1 + word.length <= 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join("\n");
}

const HEAD = `<!-- deno-fmt-ignore-file -->
<!-- Written by tools/differences.ts: change the @differs in the sources, then run it. -->

# Where it differs from Linux

A function here has the kernel's name, the kernel's file and the kernel's job. Where it still is not what a
reader of the kernel expects, its doc comment says so behind the word \`@differs\`. This page is all of these,
by file. It is written by

    deno run --allow-read --allow-write=Documentation tools/differences.ts

and a test fails when it is not up to date. What differs everywhere and therefore is not repeated in each comment
(one CPU, no spinlocks, garbage collection, int32, promises) is in [architecture.md](architecture.md#what-differs-everywhere).
`;

/** The page. */
export function differences_page(found: readonly difference[]): string {
  let out = HEAD;
  let path = "";
  for (const d of found) {
    if (d.path !== path) out += `\n## [${d.path}](../${d.path})\n\n`;
    path = d.path;
    out += item(`${d.name === "" ? "the file" : `\`${d.name}\``}: ${markdown(d.why)}`) + "\n";
  }
  return out;
}

/** All differences of a tree, by path. */
export function find_differences(root: string): difference[] {
  return [...modules(root)].filter(([path]) => !path.startsWith("tools/"))
    .sort(([a], [b]) => a < b ? -1 : 1).flatMap(([path, text]) => differences_of(path, text));
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const found = find_differences(root);
  Deno.writeTextFileSync(`${root}/Documentation/differences.md`, differences_page(found));
  console.log(`${found.length} differences in ${new Set(found.map((d) => d.path)).size} files`);
}

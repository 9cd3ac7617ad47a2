// SPDX-License-Identifier: GPL-2.0-only
//
// The pages of the side-by-side view: an index of files, and per file two columns, the kernel's function left and ours
// right, in the order of the kernel's file. The kernel's text comes from the reader's tree and is kept nowhere.

import type { comparison, kernel_file, our_file } from "./map.ts";
import type { definition } from "./source.ts";

const STYLE = `
:root { --ink: #1f2937; --faint: #64748b; --line: #d7dde5; --paper: #fff; --head: #f4f6f9; --word: #1d4ed8;
  --comment: #6b7f6b; --string: #a04b12; --gone: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe5ee; --faint: #8a97a8; --line: #364152; --paper: #11161d;
  --head: #1a212b; --word: #8ab4ff; --comment: #84a084; --string: #e3a36f; --gone: #f28b82; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
a { color: inherit; text-decoration: none; }
a:hover { text-decoration: underline; }
header { position: sticky; top: 0; z-index: 1; display: flex; gap: 1.5em; align-items: baseline; padding: .5em 1em;
  background: var(--head); border-bottom: 1px solid var(--line); }
header b { font-size: 1.05em; } header span { color: var(--faint); }
main { display: grid; grid-template-columns: 15em minmax(0, 1fr) minmax(0, 1fr); }
nav { position: sticky; top: 2.6em; align-self: start; height: calc(100vh - 2.6em); overflow-y: auto; padding: .5em;
  border-right: 1px solid var(--line); font: 12px/1.6 ui-monospace, monospace; grid-row: 1 / span 9999; }
nav a { display: block; overflow: hidden; text-overflow: ellipsis; }
nav .missing, .none { color: var(--faint); } nav .local { color: var(--word); }
h2 { grid-column: 2 / span 2; margin: 0; padding: .35em 1em; font: 600 14px/1.5 ui-monospace, monospace;
  background: var(--head); border-top: 1px solid var(--line); scroll-margin-top: 2.6em; }
h2 small { font-weight: 400; color: var(--faint); margin-left: 1em; }
pre { margin: 0; padding: .6em 1em; overflow-x: auto; font: 12.5px/1.5 ui-monospace, monospace; tab-size: 8; }
pre a { border-bottom: 1px dotted var(--faint); }
pre.ours { border-left: 1px solid var(--line); }
.none { padding: .6em 1em; border-left: 1px solid var(--line); }
i { color: var(--comment); } s { color: var(--string); text-decoration: none; } b.k { color: var(--word); font-weight: 400; }
table { border-collapse: collapse; margin: 1em; } td, th { padding: .15em 1em; text-align: left; }
td { border-top: 1px solid var(--line); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 60em) { main { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } nav { display: none; }
  h2 { grid-column: 1 / span 2; } }
`;

/** Text for a page. */
export function escape_html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

const WORDS = new Set(
  ("if else for while do switch case default break continue return goto const let function class export import type " +
    "interface new null true false static inline struct union enum void int unsigned long char bool u8 u16 u32 u64 s32 sizeof " +
    "extends readonly number string boolean async await").split(" "),
);
const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\w+/g;

/** Code with comments, strings and keywords told apart, and functions that we have as links. */
export function code_html(code: string, known: (name: string) => boolean): string {
  let out = "";
  let at = 0;
  for (const m of code.matchAll(TOKENS)) {
    out += escape_html(code.slice(at, m.index));
    at = m.index + m[0].length;
    const text = escape_html(m[0]);
    if (/^\/[*/]/.test(m[0])) out += `<i>${text}</i>`;
    else if (/^["'\`]/.test(m[0])) out += `<s>${text}</s>`;
    else if (WORDS.has(m[0])) out += `<b class="k">${text}</b>`;
    else if (known(m[0])) out += `<a href="/fn/${text}">${text}</a>`;
    else out += text;
  }
  return out + escape_html(code.slice(at));
}

function page(title: string, header: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape_html(title)}</title><style>${STYLE}</style></head>
<body><header>${header}</header>${body}</body></html>
`;
}

/** All files, with how much of each is here. */
export function index_page(all: readonly comparison[]): string {
  const rows = all.map((c) => {
    const n = (v: number | undefined): string => `<td class="n">${v || ""}</td>`;
    return `<tr><td><a href="/file/${escape_html(c.ours)}">${escape_html(c.kernel)}</a></td>` +
      n(c.here.length) + n(c.elsewhere.length) + n(c.missing?.length) + n(c.local.length) + "</tr>";
  });
  const head = ["here", "elsewhere", "missing", "@local"].map((h) => `<th class="n">${h}</th>`);
  return page(
    "tuxnet beside the kernel",
    "<b>tuxnet beside the kernel</b><span>functions of each file</span>",
    `<table><tr><th>kernel file</th>${head.join("")}</tr>${rows.join("")}</table>`,
  );
}

function text_of(text: string, d: definition): string {
  return text.split("\n").slice(d.doc, d.end + 1).join("\n");
}

/** The two columns of a file. `find` tells where a function of ours is. */
export function file_page(
  ours: our_file,
  kernel: kernel_file | null,
  find: (name: string) => our_file | undefined,
): string {
  const known = (name: string): boolean => find(name) !== undefined;
  const nav: string[] = [];
  const rows: string[] = [];
  const shown = new Set<string>();
  const row = (name: string, left: definition | null, right: our_file | undefined): void => {
    const d = right?.functions.find((f) => f.name === name);
    shown.add(name);
    const how = left === null ? (d?.local ? "@local" : "ours") : d === undefined ? "missing" : "";
    const id = escape_html(name);
    const where = right !== undefined && right !== ours ? `in ${escape_html(right.path)}` : how;
    nav.push(
      `<a class="${
        how === "missing" ? how : left === null ? "local" : ""
      }" href="#${id}">${id}</a>`,
    );
    rows.push(
      `<h2 id="${id}">${id}<small>${where}</small></h2>` +
        (left === null
          ? '<div class="none" style="border:0">the kernel has it not in this file</div>'
          : `<pre>${code_html(text_of(kernel!.text, left), known)}</pre>`) +
        (d === undefined
          ? '<div class="none">not here</div>'
          : `<pre class="ours">${code_html(text_of(right!.text, d), known)}</pre>`),
    );
  };
  for (const d of kernel?.functions ?? []) {
    const here = ours.functions.some((f) => f.name === d.name);
    row(d.name, d, here ? ours : find(d.name));
  }
  for (const d of ours.functions) if (!shown.has(d.name)) row(d.name, null, ours);
  const left = kernel === null ? "no such file in this kernel" : kernel.path;
  return page(
    ours.path,
    `<a href="/">files</a><b>${escape_html(left)}</b><span>beside</span><b>${
      escape_html(ours.path)
    }</b>`,
    `<main><nav>${nav.join("")}</nav>${rows.join("")}</main>`,
  );
}

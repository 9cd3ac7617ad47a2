// SPDX-License-Identifier: GPL-2.0-only
//
// Which functions a file defines, ours or the kernel's, and where their text begins and ends. Both are read by their
// layout: a function starts in column 0 and ends with a brace in column 0, as deno fmt and the kernel's coding style
// have it.

/** A function in a file. Lines count from 0; the text goes from doc to end, inclusive. */
export interface definition {
  name: string;
  /** Where its comment begins; start if it has none. */
  doc: number;
  start: number;
  end: number;
  /** Marked @local: the kernel has no such name. */
  local: boolean;
  /** Our files: other modules can import it. C: it is not static. */
  exported: boolean;
}

/** The first line of the comment that ends right above a line. */
function comment_above(lines: readonly string[], at: number): number {
  let i = at - 1;
  if (/^\/\//.test(lines[i] ?? "")) {
    while (/^\/\//.test(lines[i - 1] ?? "")) i--;
    return i;
  }
  if (!/\*\/\s*$/.test(lines[i] ?? "")) return at;
  while (i >= 0 && !/^\s*\/\*/.test(lines[i])) i--;
  return i < 0 ? at : i;
}

/** The functions of one of our modules: declared ones, and constants that are functions. */
export function ts_functions(text: string): definition[] {
  const lines = text.split("\n");
  const out: definition[] = [];
  const head =
    /^(export )?(?:async )?function\*? (\w+)|^(export )?(?:const|let) (\w+)(?:: [^=]+)? = (?:async )?(?:\(|<|\w+ =>)/;
  lines.forEach((line, start) => {
    const m = head.exec(line);
    if (m === null) return;
    const name = m[2] ?? m[4];
    // One line, an expression on the next ones, or up to the line that closes it in column 0.
    let end = start;
    if (!/[;}]$/.test(line)) {
      const last = line.endsWith("=>") ? /;$/ : /^(?:\}|[})\]].*[;}])$/;
      end = start + 1;
      while (end < lines.length - 1 && !last.test(lines[end])) end++;
    }
    if (m[4] !== undefined && !lines.slice(start, end + 1).some((l) => l.includes("=>"))) return;
    const doc = comment_above(lines, start);
    const local = lines.slice(doc, start).some((l) => l.includes("@local"));
    out.push({ name, doc, start, end, local, exported: (m[1] ?? m[3]) !== undefined });
  });
  return out;
}

/** Names that one of our modules hands on from another. */
export function ts_reexports(text: string): string[] {
  return [...text.matchAll(/^export \{([^}]*)\} from/gm)].flatMap((m) =>
    m[1].split(",").map((n) => n.trim().split(/ as /).pop()!.trim()).filter((n) => n !== "")
  );
}

/** What may stand before a parameter list without being the function's name. */
const NO_NAME =
  /^(__attribute__|__printf|__acquires|__releases|__must_hold|__aligned|__section|typeof|if|for|while|switch|return|sizeof)$/;

/** The name in a function's header; null when it is none. */
function c_name(header: string): string | null {
  const syscall = /\bSYSCALL_DEFINE\d\((\w+)/.exec(header);
  if (syscall !== null) return `sys_${syscall[1]}`;
  if (/^\s*typedef\b|=/.test(header)) return null;
  for (const m of header.matchAll(/(\w+)\s*\(/g)) if (!NO_NAME.test(m[1])) return m[1];
  return null;
}

/** The functions of a C file or header, each name once, and its macros that take arguments. */
export function c_functions(text: string): { functions: definition[]; macros: string[] } {
  const lines = text.split("\n");
  const found = new Map<string, definition>();
  const macros: string[] = [];
  const add = (start: number, end: number): void => {
    const header = lines.slice(start, end + 1).join("\n").split("{")[0];
    const name = c_name(header);
    if (name === null || found.has(name)) return;
    const doc = comment_above(lines, start);
    const exported = !/^static\b/.test(lines[start]);
    found.set(name, { name, doc, start, end, local: false, exported });
  };
  for (let i = 0; i < lines.length; i++) {
    const macro = /^#\s*define\s+(\w+)\(/.exec(lines[i]);
    if (macro !== null) macros.push(macro[1]);
    // '{ return 0; }' behind the header, on one line or the last of several.
    const one_line = /^[\w\t ].*\)\s*\{.*\}\s*$/.test(lines[i]);
    if (
      !one_line && !/^\{\s*(\/\*.*)?$/.test(lines[i]) && !/^[a-z]\w*.*\)\s*\{\s*$/.test(lines[i])
    ) {
      continue;
    }
    let start = i;
    const own_line = lines[i].startsWith("{");
    if (own_line || /^\s/.test(lines[i])) {
      start--;
      // Back to the first line of the header: what stands above ends something else.
      while (start > 0 && !/^\s*$|[;}]\s*$|^#|\*\/\s*$|\\$|^\/\//.test(lines[start - 1])) start--;
    }
    if (start < 0 || !/^[a-zA-Z_]/.test(lines[start])) continue;
    let end = i;
    if (!one_line) {
      while (end < lines.length - 1 && !/^\}/.test(lines[end])) end++;
    }
    add(start, end);
    i = end;
  }
  return { functions: [...found.values()], macros };
}

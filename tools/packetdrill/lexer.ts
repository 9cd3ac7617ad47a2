// SPDX-License-Identifier: GPL-2.0-only
//
// Words of packetdrill's language. As in its own lexer the longest match counts, so that 00ab is a word and 0012 a
// number; words that the command line or --define gives a value are replaced here.

import { ScriptError } from "./script.ts";

/** What a token is; "char" is any other single character. */
export type token_kind =
  | "option"
  | "word"
  | "int"
  | "hex"
  | "float"
  | "string"
  | "backquoted"
  | "code"
  | "ellipsis"
  | "ipv4"
  | "char"
  | "end";

/** A token: its text, and its value if it is a number. */
export interface token {
  kind: token_kind;
  text: string;
  value: number;
  line: number;
}

const BLANK = /(?:[ \t\r\n]+|\/\/[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*/y;
const LONGEST: [token_kind, RegExp][] = [
  ["float", /-?[0-9]*\.[0-9]+/y],
  ["int", /-?[0-9]+/y],
  ["hex", /0x[0-9a-fA-F]+/y],
  ["word", /[a-zA-Z0-9_]+/y],
  ["ipv4", /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/y],
  ["ellipsis", /\.\.\./y],
];
const QUOTED: [token_kind, RegExp][] = [
  ["option", /--([a-zA-Z0-9_]+(?:=(?:"[^"]*"|`[^`]*`|[^\s"`])+)?)/y],
  ["string", /"((?:\\.|[^"\\])*)"/ys],
  ["backquoted", /`((?:\\.|[^`\\])*)`/ys],
  ["code", /%\{[ \t]*([^]*?)[ \t]*\}%/y],
];

function match_at(re: RegExp, text: string, at: number): RegExpExecArray | null {
  re.lastIndex = at;
  return re.exec(text);
}

/** A word that has been given a value. */
function define_token(value: string, line: number): token {
  const quote = value[0];
  if (value.length > 1 && (quote === '"' || quote === "`")) {
    const kind = quote === '"' ? "string" : "backquoted";
    return { kind, text: value.slice(1, -1), value: 0, line };
  }
  if (/^-?(0x[0-9a-f]+|[0-9]+)$/i.test(value)) {
    return { kind: "int", text: value, value: Number(value), line };
  }
  return { kind: "word", text: value, value: 0, line };
}

/** All tokens of a script, the last of kind "end". */
export function lex(text: string, defines: ReadonlyMap<string, string>): token[] {
  const out: token[] = [];
  let at = 0;
  let line = 1;
  const advance = (len: number): void => {
    for (const end = at + len; at < end; at++) if (text[at] === "\n") line++;
  };
  for (;;) {
    advance(match_at(BLANK, text, at)![0].length);
    if (at >= text.length) break;
    let best: token | null = null;
    let len = 0;
    for (const [kind, re] of QUOTED) {
      const m = match_at(re, text, at);
      if (m === null) continue;
      best = { kind, text: m[1], value: 0, line };
      len = m[0].length;
      break;
    }
    for (const [kind, re] of best === null ? LONGEST : []) {
      const m = match_at(re, text, at);
      if (m === null || m[0].length <= len) continue;
      len = m[0].length;
      best = { kind, text: m[0], value: Number(m[0]), line };
    }
    if (best === null) {
      const c = text[at];
      if ('"`%'.includes(c) && c !== "%") throw new ScriptError(line, `${c} without an end`);
      best = { kind: "char", text: c, value: 0, line };
      len = 1;
    }
    const value = best.kind === "word" ? defines.get(best.text) : undefined;
    if (value !== undefined) best = define_token(value, line);
    out.push(best);
    advance(len);
  }
  out.push({ kind: "end", text: "end of script", value: 0, line });
  return out;
}

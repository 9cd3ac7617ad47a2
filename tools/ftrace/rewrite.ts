// SPDX-License-Identifier: GPL-2.0-only
//
// The compiler's -mfentry for TypeScript: rewrite() puts a call of $enter() at the start of every function
// declaration of a module and a call of $exit() at all of its ends, and has after_sleep() pass what comes later
// through $later() (record.ts has what is called). Lines keep their numbers. It reads tokens, not a syntax
// tree: strings, templates, regular expressions and comments are skipped, types are stepped over.

/** A token: its kind, and where it stands in the text. */
interface token {
  kind: "name" | "number" | "string" | "regex" | "punct";
  text: string;
  start: number;
  end: number;
}

/** What is written into the text, at an offset. */
interface insertion {
  at: number;
  text: string;
}

/** A function that was found. */
export interface traced_function {
  name: string;
  line: number;
  params: string[];
}

/** Functions of the machinery below that stay as they are: what they call counts as their caller's. */
const NOTRACE = new Set(["after_sleep", "resume_call", "sleep_again", "switch_to", "__schedule"]);
/** Has its last argument run in the call that gave it. */
const LATER = "after_sleep";

/** Names after which a slash starts a regular expression. */
const BEFORE_REGEX = new Set(
  "return typeof case in of void delete throw new await yield else do instanceof".split(" "),
);

const CLOSER: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** Tokens of a text; a template's `${` counts as a brace, its other text is a string. */
export function tokenize(text: string): token[] {
  const out: token[] = [];
  /** Depth of braces within each open template expression. */
  const templates: number[] = [];
  let at = 0;
  const push = (kind: token["kind"], start: number, end: number): void => {
    out.push({ kind, text: text.slice(start, end), start, end });
    at = end;
  };
  /** From behind ` or } on to the next ${ or to the end of the template. */
  const template = (start: number): void => {
    let i = start;
    for (; i < text.length; i++) {
      if (text[i] === "\\") i++;
      else if (text[i] === "`") return push("string", start, i + 1);
      else if (text[i] === "$" && text[i + 1] === "{") {
        push("string", start, i);
        out.push({ kind: "punct", text: "{", start: i, end: i + 2 });
        at = i + 2;
        templates.push(0);
        return;
      }
    }
    throw new SyntaxError(`template without end at ${start}`);
  };
  const regex_may_start = (): boolean => {
    const prev = out.at(-1);
    if (prev === undefined) return true;
    if (prev.kind === "name") return BEFORE_REGEX.has(prev.text);
    if (prev.kind !== "punct") return false;
    return !")]}".includes(prev.text) && !(prev.text === "!" && /[\w)\]]!$/.test(
      text.slice(Math.max(0, prev.end - 2), prev.end),
    ));
  };
  while (at < text.length) {
    const c = text[at];
    if (/\s/.test(c)) {
      at++;
    } else if (c === "/" && text[at + 1] === "/") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (c === "/" && text[at + 1] === "*") {
      at = text.indexOf("*/", at + 2) + 2;
    } else if (c === '"' || c === "'") {
      let i = at + 1;
      while (text[i] !== c) i += text[i] === "\\" ? 2 : 1;
      push("string", at, i + 1);
    } else if (c === "`") {
      template(at + 1);
    } else if (c === "/" && regex_may_start()) {
      const m = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
      m.lastIndex = at;
      const found = m.exec(text);
      if (found === null) throw new SyntaxError(`regular expression without end at ${at}`);
      push("regex", at, at + found[0].length);
    } else if (/[A-Za-z_$#]/.test(c)) {
      let i = at + 1;
      while (i < text.length && /[\w$]/.test(text[i])) i++;
      push("name", at, i);
    } else if (/[0-9]/.test(c)) {
      let i = at + 1;
      while (i < text.length && /[\w.]/.test(text[i])) i++;
      push("number", at, i);
    } else if (c === "}" && templates.at(-1) === 0) {
      templates.pop();
      push("punct", at, at + 1);
      template(at);
    } else {
      if (templates.length > 0) {
        if (c === "{") templates[templates.length - 1]++;
        else if (c === "}") templates[templates.length - 1]--;
      }
      const two = text.slice(at, at + 2);
      push("punct", at, at + (two === "=>" || two === "?." ? 2 : 1));
    }
  }
  return out;
}

/** Walks tokens; positions are indexes of tokens. */
class walker {
  constructor(readonly t: token[]) {}

  is(i: number, text: string): boolean {
    return this.t[i]?.text === text && this.t[i].kind !== "string";
  }

  /** Behind the bracket that closes the one at i. */
  skip(i: number): number {
    const open = this.t[i].text;
    const close = CLOSER[open];
    let depth = 0;
    for (; i < this.t.length; i++) {
      if (this.is(i, open)) depth++;
      else if (this.is(i, close) && --depth === 0) return i + 1;
    }
    throw new SyntaxError(`'${open}' without '${close}'`);
  }

  /** Behind the type arguments that start at i. */
  skip_angles(i: number): number {
    let depth = 0;
    for (; i < this.t.length; i++) {
      if (this.t[i].text in CLOSER && this.t[i].kind === "punct") i = this.skip(i) - 1;
      else if (this.is(i, "<")) depth++;
      else if (this.is(i, ">") && --depth === 0) return i + 1;
    }
    throw new SyntaxError("'<' without '>'");
  }

  /** The brace of the function's body, where its return type starts at i; -1: it has none. */
  body_after_type(i: number): number {
    let operand = true;
    while (i < this.t.length) {
      const { kind, text } = this.t[i];
      if (kind === "punct" && (text === "{" || text === "(" || text === "[")) {
        if (!operand && text === "{") return i;
        i = this.skip(i);
        operand = false;
      } else if (kind === "punct" && text === "<") {
        i = this.skip_angles(i);
        operand = false;
      } else if (kind === "punct") {
        if (!["|", "&", "=>", ".", "?", ":", "-"].includes(text)) return -1;
        operand = true;
        i++;
      } else if (kind === "name") {
        operand = [
          "typeof",
          "keyof",
          "readonly",
          "asserts",
          "unique",
          "infer",
          "is",
          "extends",
          "import",
          "new",
        ].includes(text);
        i++;
      } else {
        operand = false;
        i++;
      }
    }
    return -1;
  }

  /** Names of the parameters between the brackets at i; one that is taken apart has none. */
  params(i: number): string[] {
    const end = this.skip(i) - 1;
    const names: string[] = [];
    for (i++; i < end;) {
      if (this.is(i, ".")) {
        i++;
        continue;
      }
      names.push(this.t[i].kind === "name" ? this.t[i].text : "");
      while (i < end && !this.is(i, ",")) {
        if (this.is(i, "<")) i = this.skip_angles(i);
        else if (this.t[i].kind === "punct" && this.t[i].text in CLOSER) i = this.skip(i);
        else i++;
      }
      i++;
    }
    return names;
  }
}

/** The text with hooks, which are imported from `record`, and what was found; `path` as traces show it. */
export function rewrite(
  path: string,
  text: string,
  record: string,
): { text: string; functions: traced_function[] } {
  const t = tokenize(text);
  const w = new walker(t);
  const inserts: insertion[] = [];
  const functions: traced_function[] = [];
  let line = 1;
  let counted = 0;
  for (let i = 0; i < t.length; i++) {
    if (!w.is(i, "function") || w.is(i - 1, ".") || t[i].kind !== "name") continue;
    let at = i + 1;
    if (t[at]?.kind !== "name") continue;
    const name = t[at++].text;
    if (w.is(at, "<")) at = w.skip_angles(at);
    if (!w.is(at, "(")) continue;
    const params = w.params(at);
    at = w.skip(at);
    const body = w.is(at, ":") ? w.body_after_type(at + 1) : w.is(at, "{") ? at : -1;
    if (body >= 0 && name === LATER) {
      const fn = params[params.length - 1];
      inserts.push({ at: t[body].end, text: `${fn}=$later(${fn});` });
    }
    if (body < 0 || NOTRACE.has(name)) continue;
    const end = w.skip(body) - 1;
    for (; counted < t[i].start; counted++) if (text[counted] === "\n") line++;
    functions.push({ name, line, params });
    const site = JSON.stringify(`${path}:${line}`);
    inserts.push({
      at: t[body].end,
      text: `const $t=$enter("${name}","${params.join()}",${site},arguments);try{`,
    }, { at: t[end].start, text: "}finally{$exit($t)}" });
  }
  if (inserts.length === 0) return { text, functions };
  inserts.sort((a, b) => a.at - b.at);
  let out = "";
  let from = 0;
  for (const { at, text: s } of inserts) {
    out += text.slice(from, at) + s;
    from = at;
  }
  out += text.slice(from).replace(/\n?$/, `\nimport{$enter,$exit,$later}from"${record}";\n`);
  return { text: out, functions };
}

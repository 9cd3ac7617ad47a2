// SPDX-License-Identifier: GPL-2.0-only
//
// What stands between %{ and }%: the little Python that scripts need. assert, print, assignments; numbers and strings,
// comparisons in chains, arithmetic, bits, and, or, not, '...' % values, min, max, abs. Variables live as long
// as the script; tcp_info's fields are put in before each snippet.

/** An assertion failed, or the text is not understood. */
export class CodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CodeError";
  }
}

type value = number | string | boolean | value[];

const TOKEN =
  /[ \t]*(?:(#[^\n]*)|(\\\n)|(\n|;)|(0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)|([A-Za-z_][A-Za-z0-9_]*)|'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|(\*\*|\/\/|<<|>>|[-+*/%&|^<>=!]=|[-+*/%&|^~<>=(),[\]]))/y;

interface tok {
  kind: "num" | "name" | "str" | "op" | "end";
  text: string;
}

function tokens(text: string): tok[] {
  const out: tok[] = [];
  let depth = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (m === null) {
      if (text.slice(at).trim() === "") break;
      throw new CodeError(`not understood: '${text.slice(at).split("\n")[0]}'`);
    }
    const [, comment, joined, end, num, name, s1, s2, op] = m;
    if (comment !== undefined || joined !== undefined) continue;
    if (end !== undefined) {
      if (depth === 0 || end === ";") out.push({ kind: "end", text: end });
    } else if (num !== undefined) out.push({ kind: "num", text: num });
    else if (name !== undefined) out.push({ kind: "name", text: name });
    else if (op !== undefined) {
      if (op === "(" || op === "[") depth++;
      if (op === ")" || op === "]") depth--;
      out.push({ kind: "op", text: op });
    } else out.push({ kind: "str", text: s1 ?? s2 });
  }
  out.push({ kind: "end", text: "" });
  return out;
}

function truth(v: value): boolean {
  return Array.isArray(v) ? v.length > 0 : v !== 0 && v !== "" && v !== false;
}

function num(v: value): number {
  if (typeof v === "boolean") return v ? 1 : 0;
  if (typeof v !== "number") throw new CodeError(`a number expected, not ${show(v)}`);
  return v;
}

function show(v: value): string {
  if (Array.isArray(v)) return `(${v.map(show).join(", ")})`;
  return typeof v === "boolean" ? (v ? "True" : "False") : String(v);
}

function format(text: string, args: value[]): string {
  let i = 0;
  return text.replace(/%(?:\.([0-9]+))?([dsuxf%])/g, (_, digits: string | undefined, c: string) => {
    if (c === "%") return "%";
    const v = args[i++];
    if (c === "s") return show(v);
    if (c === "x") return num(v).toString(16);
    return c === "f" ? num(v).toFixed(Number(digits ?? 6)) : String(Math.trunc(num(v)));
  });
}

/** Bits of doubles that are integers below 2^53. */
function bits(op: string, a: number, b: number): number {
  const [x, y] = [BigInt(a), BigInt(b)];
  if (op === "&") return Number(x & y);
  if (op === "|") return Number(x | y);
  if (op === "^") return Number(x ^ y);
  return Number(op === "<<" ? x << y : x >> y);
}

const LEVELS: string[][] = [["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "//", "%"]];
const COMPARISONS = ["==", "!=", "<=", ">=", "<", ">"];

function compare(op: string, a: value, b: value): boolean {
  if (op === "==") return show(a) === show(b);
  if (op === "!=") return show(a) !== show(b);
  const [x, y] = [num(a), num(b)];
  if (op === "<=") return x <= y;
  if (op === ">=") return x >= y;
  return op === "<" ? x < y : x > y;
}

function binary(op: string, a: value, b: value): value {
  if (op === "%" && typeof a === "string") return format(a, Array.isArray(b) ? b : [b]);
  if (op === "+" && typeof a === "string") return a + show(b);
  const [x, y] = [num(a), num(b)];
  switch (op) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    case "//":
      return Math.floor(x / y);
    case "%":
      return x - Math.floor(x / y) * y;
  }
  return bits(op, x, y);
}

/** Runs snippets. */
export class interpreter {
  /** Variables. */
  readonly vars = new Map<string, value>();
  /** Lines that were printed. */
  readonly printed: string[] = [];
  private toks: tok[] = [];
  private at = 0;

  /** Runs one snippet; throws CodeError. */
  run(text: string): void {
    this.toks = tokens(text);
    this.at = 0;
    while (this.at < this.toks.length) {
      if (this.toks[this.at].kind === "end") this.at++;
      else this.statement();
    }
  }

  private get tok(): tok {
    return this.toks[this.at];
  }

  private accept(text: string): boolean {
    const t = this.tok;
    if ((t.kind !== "op" && t.kind !== "name") || t.text !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) throw new CodeError(`'${text}' expected, not '${this.tok.text}'`);
  }

  private statement(): void {
    if (this.accept("assert")) {
      const from = this.at;
      const ok = truth(this.expression());
      const text = this.toks.slice(from, this.at).map((t) => t.text).join(" ");
      const message = this.accept(",") ? show(this.expression()) : "";
      if (!ok) throw new CodeError(`assert ${text}${message === "" ? "" : `: ${message}`}`);
    } else {
      const [name, op] = [this.tok, this.toks[this.at + 1]];
      if (name.kind === "name" && op.kind === "op" && /^[-+*/&|^]?=$/.test(op.text)) {
        this.at += 2;
        const v = this.expression();
        const old = op.text === "=" ? v : binary(op.text[0], this.variable(name.text), v);
        this.vars.set(name.text, old);
      } else this.expression();
    }
    if (this.tok.kind !== "end") throw new CodeError(`not understood: '${this.tok.text}'`);
  }

  private variable(name: string): value {
    const v = this.vars.get(name);
    if (v === undefined) throw new CodeError(`name '${name}' is not defined`);
    return v;
  }

  private expression(): value {
    let v = this.and();
    while (this.accept("or")) {
      const w = this.and();
      v = truth(v) ? v : w;
    }
    return v;
  }

  private and(): value {
    let v = this.not();
    while (this.accept("and")) {
      const w = this.not();
      v = truth(v) ? w : v;
    }
    return v;
  }

  private not(): value {
    return this.accept("not") ? !truth(this.not()) : this.comparison();
  }

  private comparison(): value {
    let left = this.level(0);
    let result: value | null = null;
    for (;;) {
      const op = COMPARISONS.find((o) => this.accept(o));
      if (op === undefined) return result ?? left;
      const right = this.level(0);
      result = (result ?? true) && compare(op, left, right);
      left = right;
    }
  }

  private level(n: number): value {
    if (n === LEVELS.length) return this.unary();
    let v = this.level(n + 1);
    for (;;) {
      const op = LEVELS[n].find((o) => this.accept(o));
      if (op === undefined) return v;
      v = binary(op, v, this.level(n + 1));
    }
  }

  private unary(): value {
    if (this.accept("-")) return -num(this.unary());
    if (this.accept("~")) return -num(this.unary()) - 1;
    return this.primary();
  }

  private arguments(close: string): value[] {
    const out: value[] = [];
    while (!this.accept(close)) {
      out.push(this.expression());
      if (!this.accept(",")) {
        this.expect(close);
        break;
      }
    }
    return out;
  }

  private primary(): value {
    const t = this.tok;
    this.at++;
    if (t.kind === "num") return Number(t.text);
    if (t.kind === "str") return t.text;
    if (t.kind === "op" && t.text === "(") {
      const list = this.arguments(")");
      return list.length === 1 && this.toks[this.at - 2].text !== "," ? list[0] : list;
    }
    if (t.kind !== "name") throw new CodeError(`not understood: '${t.text}'`);
    if (!this.accept("(")) {
      return t.text === "True" || t.text === "False" ? t.text === "True" : this.variable(t.text);
    }
    const args = this.arguments(")");
    switch (t.text) {
      case "print":
        this.printed.push(args.map(show).join(" "));
        return 0;
      case "abs":
        return Math.abs(num(args[0]));
      case "int":
        return Math.trunc(num(args[0]));
      case "min":
        return Math.min(...args.map(num));
      case "max":
        return Math.max(...args.map(num));
    }
    throw new CodeError(`no function '${t.text}'`);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// As much of the shell's language as scripts' commands need: words and quotes, $((...)) and variables, ';', '&&', '||',
// pipes and redirections. Programs are functions; nothing is run on the host.

/** What a program answers. */
export interface result {
  status: number;
  out: string;
}

/** A program: arguments with its name first, and what is piped to it. */
export type program = (argv: readonly string[], input: string) => result | Promise<result>;

/** What a shell runs with. */
export interface shell_env {
  vars: ReadonlyMap<string, string>;
  /** The program of a name, or null. */
  find(name: string): program | null;
  /** Stores what is redirected to a file other than /dev/null: exit status. */
  write(path: string, text: string): number;
  /** Told of messages. */
  log(line: string): void;
}

type word = { op: boolean; text: string };

const OPERATORS = ["&>>", "&>", "2>&1", "2>>", "2>", ">>", ">", "<", "&&", "||", ";", "\n", "|"];

/** $(( )) with numbers, * + - / only. */
function arithmetic(text: string): string {
  const m = text.match(/[0-9]+|[-+*/]/g) ?? [];
  let sum = 0;
  let sign = 1;
  for (let i = 0; i < m.length;) {
    if (m[i] === "+" || m[i] === "-") {
      sign = m[i++] === "-" ? -1 : 1;
      continue;
    }
    let product = Number(m[i++]);
    while (m[i] === "*" || m[i] === "/") {
      const v = Number(m[i + 1]);
      product = m[i] === "*" ? product * v : Math.trunc(product / v);
      i += 2;
    }
    sum += sign * product;
    sign = 1;
  }
  return String(sum);
}

function expand(text: string, vars: ReadonlyMap<string, string>): string {
  return text.replace(/\$\(\((.*?)\)\)/gs, (_, e: string) => arithmetic(e))
    .replace(/\$\{(\w+)\}|\$(\w+)/g, (_, a?: string, b?: string) => vars.get(a ?? b ?? "") ?? "");
}

function words(text: string, vars: ReadonlyMap<string, string>): word[] {
  const out: word[] = [];
  let at = 0;
  let cur: string | null = null;
  const flush = (): void => {
    if (cur !== null) out.push({ op: false, text: cur });
    cur = null;
  };
  while (at < text.length) {
    const rest = text.slice(at);
    const op = OPERATORS.find((o) => rest.startsWith(o) && (cur === null || !o.startsWith("2")));
    const m = /^(\\\n)|^([ \t]+)|^#[^\n]*|^'([^']*)'|^"((?:\\.|[^"\\])*)"|^\\(.)/.exec(rest);
    const arith = /^\$\(\(.*?\)\)/s.exec(rest);
    if (m !== null && (m[0][0] !== "#" || cur === null)) {
      at += m[0].length;
      if (m[1] !== undefined || m[2] !== undefined) flush();
      else if (m[3] !== undefined) cur = (cur ?? "") + m[3];
      else if (m[4] !== undefined) cur = (cur ?? "") + expand(m[4], vars);
      else if (m[5] !== undefined) cur = (cur ?? "") + m[5];
    } else if (op !== undefined) {
      flush();
      out.push({ op: true, text: op });
      at += op.length;
    } else {
      const piece = arith?.[0] ?? /^\$\{\w+\}|^\$\w+/.exec(rest)?.[0] ?? rest[0];
      cur = (cur ?? "") + expand(piece, vars);
      at += piece.length;
    }
  }
  flush();
  return out;
}

/** One program of a pipe with its redirections. */
async function simple(
  env: shell_env,
  list: readonly word[],
  piped: string,
): Promise<result> {
  const argv: string[] = [];
  let to: string | null = null;
  for (let i = 0; i < list.length; i++) {
    const w = list[i];
    if (!w.op) argv.push(w.text);
    else if (w.text !== "2>&1") {
      const file = list[++i]?.text ?? "";
      if (!w.text.startsWith("2") && w.text !== "<") to = file;
    }
  }
  if (argv.length === 0) return { status: 0, out: "" };
  const fn = env.find(argv[0]);
  if (fn === null) {
    env.log(`${argv[0]}: not supported`);
    return { status: 127, out: "" };
  }
  const r = await fn(argv, piped);
  if (r.status !== 0) env.log(`${argv.join(" ")}: exit status ${r.status}`);
  if (to === null) return r;
  const status = to === "/dev/null" ? 0 : env.write(to, r.out);
  return { status: r.status !== 0 ? r.status : status, out: "" };
}

/** Runs a text as a shell would: status and output of the last pipe. */
export async function run_shell(env: shell_env, text: string): Promise<result> {
  let last: result = { status: 0, out: "" };
  let connector = ";";
  let pipe: word[][] = [[]];
  const run = async (): Promise<void> => {
    const skip = connector === "&&" && last.status !== 0 || connector === "||" && last.status === 0;
    if (skip || pipe.every((p) => p.length === 0)) return;
    // '!' before a pipe turns its status round.
    const not = !(pipe[0][0]?.op ?? true) && pipe[0][0].text === "!";
    if (not) pipe[0].shift();
    let r: result = { status: 0, out: "" };
    for (const p of pipe) r = await simple(env, p, r.out);
    last = not ? { ...r, status: r.status === 0 ? 1 : 0 } : r;
  };
  for (const w of words(text, env.vars)) {
    if (w.op && w.text === "|") pipe.push([]);
    else if (w.op && [";", "\n", "&&", "||"].includes(w.text)) {
      const empty = pipe.every((p) => p.length === 0);
      await run();
      pipe = [[]];
      // '||' at a line's end goes on in the next.
      if (!(w.text === "\n" && empty && connector !== ";")) {
        connector = w.text === "\n" ? ";" : w.text;
      }
    } else pipe[pipe.length - 1].push(w);
  }
  await run();
  return last;
}

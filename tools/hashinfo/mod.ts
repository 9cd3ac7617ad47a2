// SPDX-License-Identifier: GPL-2.0-only
//
// deno task hashinfo: the pictures of tcp_hashinfo after each event of a connection's life, and TCP's state
// diagram, drawn from a real session of two hosts in virtual time. They are the same at every run.

import { parseArgs } from "@std/cli/parse-args";
import { hashinfo_dot } from "./dot.ts";
import { golden_steps } from "./golden.ts";
import type { step } from "./golden.ts";
import { record_states, states_dot, states_text } from "./states.ts";
import type { transition } from "./states.ts";
import { dot_to_svg } from "./svg.ts";
import { hashinfo_text } from "./text.ts";

/** Where the pages of the documentation have their pictures. */
export const PICTURES = new URL("../../Documentation/callgraph/", import.meta.url);
const STATES = "tcp_states";

const USAGE = `usage: deno task hashinfo [--text | --dot | --svg | --json] [-o DIR] [NAME ...]
       deno task hashinfo --from=FILE [--text | --dot | --svg] [-o DIR]

Draws TCP's hash tables after each event of a session, and the state diagram.
  --text       as text; a star stands at what the step has changed
  --dot        as Graphviz
  --svg        as SVG (without another format: this)
  --json       as data
  -o DIR       one file each in DIR; else text, dot and json go to the standard output,
               and SVGs to Documentation/callgraph
  --from=FILE  draws what --json has written, '-' for the standard input
  NAME         only these: bind listen connect passive_syn active_synack passive_ack accept ${STATES}`;

const FORMATS = ["text", "dot", "svg", "json"] as const;
type format = typeof FORMATS[number];
const SUFFIX: Record<format, string> = { text: "txt", dot: "dot", svg: "svg", json: "json" };

/** What can be drawn. */
export interface drawing {
  name: string;
  title: string;
  text(): string;
  dot(): string;
  json(): unknown;
}

function step_drawing(s: step): drawing {
  const title = `tcp_hashinfo ${s.title}, as host ${s.host} sees it`;
  return {
    name: s.name,
    title,
    text: () => `${title}\n\n${hashinfo_text(s.view, s.before)}`,
    dot: () => hashinfo_dot(s.view, s.before, s.title),
    json: () => s,
  };
}

function states_drawing(all: readonly transition[]): drawing {
  const title = "TCP's states, as recorded";
  return {
    name: STATES,
    title,
    text: () => `${title}\n\n${states_text(all)}`,
    dot: () => states_dot(all),
    json: () => ({ name: STATES, transitions: all }),
  };
}

/** Runs the sessions; null: all drawings. */
export async function drawings(names: readonly string[] | null = null): Promise<drawing[]> {
  const wanted = (name: string): boolean => names === null || names.includes(name);
  const out: drawing[] = [];
  if (names === null || names.some((n) => n !== STATES)) {
    for (const s of await golden_steps()) if (wanted(s.name)) out.push(step_drawing(s));
  }
  if (wanted(STATES)) out.push(states_drawing(await record_states()));
  return out;
}

/** A drawing in a format. */
export async function draw(d: drawing, format: format): Promise<string> {
  if (format === "text") return d.text();
  if (format === "dot") return d.dot();
  if (format === "json") return JSON.stringify(d.json(), null, 2) + "\n";
  return await dot_to_svg(d.dot(), d.title);
}

function usage(why?: string): never {
  if (why !== undefined) console.error(`hashinfo: ${why}`);
  console.error(USAGE);
  Deno.exit(2);
}

/** The drawings in a file that --json wrote. */
async function read_drawings(path: string): Promise<drawing[]> {
  const text = path === "-"
    ? await new Response(Deno.stdin.readable).text()
    : await Deno.readTextFile(path);
  const data = JSON.parse(text);
  const steps: (step & { transitions?: transition[] })[] = Array.isArray(data) ? data : [data];
  return steps.map((s) =>
    s.transitions === undefined ? step_drawing(s) : states_drawing(s.transitions)
  );
}

async function main(args: string[]): Promise<void> {
  const a = parseArgs(args, {
    boolean: [...FORMATS, "help"],
    string: ["output", "from"],
    alias: { output: "o", help: "h" },
    unknown: (arg, key) => key === undefined || usage(`no flag ${arg}`),
  });
  if (a.help) return console.log(USAGE);
  if (a.output === "") usage("-o needs a directory");
  const formats: format[] = FORMATS.filter((f) => a[f]);
  if (formats.length > 1) usage("one format at a time");
  const format = formats[0] ?? "svg";
  const names = a._.length === 0 ? null : a._.map(String);
  const known = ["bind", "listen", "connect", "passive_syn", "active_synack", "passive_ack"];
  for (const n of names ?? []) {
    if (![...known, "accept", STATES].includes(n)) usage(`no picture '${n}'`);
  }
  if (a.from !== undefined && names !== null) usage("--from draws all that is in the file");
  let all: drawing[];
  try {
    all = a.from === undefined ? await drawings(names) : await read_drawings(a.from);
  } catch (e) {
    if (a.from === undefined) throw e;
    console.error(`hashinfo: ${a.from}: ${(e as Error).message}`);
    Deno.exit(1);
  }
  if (a.output === undefined && format !== "svg") {
    if (format === "json") {
      console.log(JSON.stringify(all.map((d) => d.json()), null, 2));
    } else {
      const texts = await Promise.all(all.map((d) => draw(d, format)));
      console.log(texts.join(format === "text" ? "\n\n" : "\n").trimEnd());
    }
    return;
  }
  const dir = a.output ?? PICTURES.pathname;
  await Deno.mkdir(dir, { recursive: true });
  for (const d of all) {
    const path = `${dir.replace(/\/$/, "")}/${d.name}.${SUFFIX[format]}`;
    await Deno.writeTextFile(path, await draw(d, format));
    console.log(path);
  }
}

if (import.meta.main) await main(Deno.args);

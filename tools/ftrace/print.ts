// SPDX-License-Identifier: GPL-2.0-only
//
// Recorded calls as the kernel's function_graph tracer prints them, or as JSON.

import type { call, tree } from "./record.ts";
import { glob_match } from "./options.ts";
import type { ftrace_options } from "./options.ts";

/** A call as it is shown: what is left out has gone. */
export interface shown_call {
  name: string;
  /** FILE:LINE */
  site: string;
  args: string;
  /** ns */
  duration: number;
  /** It had not come back when the trace ended. */
  asleep: boolean;
  /** Runs in a tree of its own. */
  elsewhere: boolean;
  notes: string[];
  calls: shown_call[];
}

/** A tree as it is shown. */
export interface shown_tree {
  /** Order of the starts. */
  nr: number;
  task: string;
  /** ns */
  start: number;
  root: shown_call;
}

/** Entries from outside that are not worth a tree. */
const QUIET = new Set(["irq_enter", "ktime_get_ns", "local_bh_disable", "update_wall_time"]);

/** When a call and all that it started was done, ns. */
function end_of(c: call): number {
  let end = Math.max(c.start, c.end);
  for (const child of c.calls) end = Math.max(end, end_of(child));
  return end;
}

/** Turns what was recorded into what is shown. */
export class filter {
  private readonly graph: ((name: string) => boolean) | null;
  private readonly notrace: ((name: string) => boolean) | null;
  private readonly max_depth: number;

  constructor(o: ftrace_options) {
    this.graph = glob_match(o.graph);
    this.notrace = glob_match(o.notrace);
    this.max_depth = o.max_depth === 0 ? Infinity : o.max_depth;
  }

  /** The trees to show of one that was recorded. */
  trees(t: tree): shown_tree[] {
    const out: shown_tree[] = [];
    const add = (c: call): void => {
      const root = this.shown(c, 1);
      if (root !== null) out.push({ nr: c.nr, task: t.task, start: c.start, root });
    };
    const find = (c: call): void => {
      if (this.graph!(c.name)) add(c);
      else for (const child of c.calls) find(child);
    };
    const root = t.root!;
    if (this.graph !== null) find(root);
    // A lone call from outside is not worth a tree.
    else if (root.calls.length > 0 && !QUIET.has(root.name)) add(root);
    return out;
  }

  private shown(c: call, depth: number): shown_call | null {
    if (depth === 1 && this.graph === null && this.notrace?.(c.name)) return null;
    const calls: shown_call[] = [];
    if (depth < this.max_depth) this.below(c, depth, calls);
    return {
      name: c.name,
      site: c.site,
      args: c.args,
      duration: end_of(c) - c.start,
      asleep: c.end < 0,
      elsewhere: c.parent !== null && c.name === "__do_softirq",
      notes: depth === 1 ? this.notes(c) : [],
      calls,
    };
  }

  /** Lines of a call and of all below, once each. */
  private notes(c: call): string[] {
    const notes: string[] = [];
    const walk = (c: call): void => {
      for (const n of c.notes ?? []) if (!notes.includes(n)) notes.push(n);
      for (const child of c.calls) walk(child);
    };
    walk(c);
    return notes;
  }

  /** What c calls, with that of hidden calls in their place. */
  private below(c: call, depth: number, out: shown_call[]): void {
    for (const child of c.calls) {
      if (this.notrace?.(child.name)) this.below(child, depth, out);
      else out.push(this.shown(child, depth + 1)!);
    }
  }
}

/** The mark of a long duration, as the kernel sets it. */
function overhead(us: number): string {
  if (us > 1e6) return "$";
  if (us > 1e5) return "@";
  if (us > 1e4) return "*";
  if (us > 1e3) return "#";
  if (us > 1e2) return "!";
  return us > 10 ? "+" : " ";
}

const EMPTY = " 0)               |  ";

/** The columns before a call: its duration, at most seven characters of it. */
function columns(ns: number, virtual: boolean): string {
  if (virtual && ns === 0) return EMPTY;
  const us = ns / 1000;
  const whole = String(Math.floor(us));
  const digits = whole.length < 6 ? us.toFixed(3).slice(0, Math.max(7, whole.length)) : whole;
  return ` 0) ${overhead(us)} ${`${digits} us`.padEnd(11)}|  `;
}

/** Text of one tree. */
export function graph_text(t: shown_tree, virtual: boolean): string {
  const lines: string[] = [];
  const walk = (c: shown_call, indent: string): void => {
    const name = `${c.name}(${c.args})`;
    const cols = columns(c.duration, virtual);
    const comment = c.asleep ? " /* asleep */" : c.elsewhere ? " /* a tree of its own */" : "";
    if (c.calls.length === 0) {
      lines.push(`${cols}${indent}${name};${comment}`);
      return;
    }
    lines.push(`${EMPTY}${indent}${name} {`);
    for (const child of c.calls) walk(child, indent + "  ");
    lines.push(`${cols}${indent}}${comment}`);
  };
  walk(t.root, "");
  const time = (t.start / 1e9).toFixed(6);
  const head = [`# ${time} ${t.task}`, ...t.root.notes.map((n) => `# ${n}`)];
  return `${head.join("\n")}\n${lines.join("\n")}\n`;
}

/** The first lines of a text trace. */
export const GRAPH_HEADER = `# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
`;

/** A call as JSON: durations in us, only what there is. */
function json_call(c: shown_call): Record<string, unknown> {
  return {
    name: c.name,
    at: c.site,
    ...(c.args === "" ? {} : { args: c.args }),
    us: c.duration / 1000,
    ...(c.asleep ? { asleep: true } : {}),
    ...(c.calls.length === 0 ? {} : { calls: c.calls.map(json_call) }),
  };
}

/** A tree as one line of JSON; times in us. */
export function graph_json(t: shown_tree): string {
  const { nr, task, start, root } = t;
  const packets = root.notes.length === 0 ? {} : { packets: root.notes };
  return JSON.stringify({ nr, task, start: start / 1000, ...packets, ...json_call(root) }) + "\n";
}

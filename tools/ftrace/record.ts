// SPDX-License-Identifier: GPL-2.0-only
//
// What rewritten functions call: $enter() and $exit(), and $later() for what comes after a sleep, which goes on in
// the call that slept. Calls become trees, one for each system call or other entry from outside and one for each
// run of softirqs. A tree is handed to the tracer once nothing of it runs or sleeps any more.
//
// Imports nothing: rewritten modules import it, and it must be there before all of them.

/** A call that was recorded. */
export interface call {
  readonly name: string;
  /** Names of its parameters, with commas. */
  readonly params: string;
  /** FILE:LINE */
  readonly site: string;
  readonly tree: tree;
  readonly parent: call | null;
  readonly calls: call[];
  /** Order of the starts of all calls. */
  readonly nr: number;
  /** ns */
  start: number;
  /** ns; -1 while it runs or sleeps. */
  end: number;
  /** First arguments in words, where they were asked for. */
  args: string;
  /** Lines that go above what it did: packets. */
  notes: string[] | null;
  /** What ran before it, and goes on after it. */
  prev: call | null;
  /** How much of it is to come after a sleep. */
  asleep: number;
}

/** Everything of one entry. */
export interface tree {
  /** Order of their starts, from 1. */
  readonly nr: number;
  root: call | null;
  /** Sleeps and callbacks that are to come. */
  pending: number;
  /** Who it is: filled in by the tracer. */
  task: string;
  softirq: boolean;
}

/** What is done with calls; record() sets it. */
export interface tracer {
  /** ns */
  clock(): number;
  /** A tree starts with this call. */
  begin(t: tree, root: call): void;
  /** A call has started. */
  enter(c: call, args: IArguments): void;
  /** A tree is done. */
  end(t: tree): void;
}

let active: tracer | null = null;
/** Records as soon as a machine has booted. */
let waiting: tracer | null = null;
/** The call that runs. */
let cur: call | null = null;
let nr_trees = 0;
let nr_calls = 0;
/** Trees that are not done. */
const open = new Set<tree>();
/** Within a call that is not looked into: how deep. */
let muted = 0;

/** Entries that are only a way in: what they call stands for itself. */
const DOORS = new Set([
  "irq_exit",
  "local_bh_enable",
  "__local_bh_enable_ip",
  "do_softirq",
  "run_ksoftirqd",
]);
/** Always trees of their own. */
const SOFTIRQ = "__do_softirq";
/** Boot is not traced. */
const BOOT = "start_kernel";

/** Starts to record, `after_boot` only once a machine has booted; null ends. */
export function record(t: tracer | null, after_boot = false): void {
  active = after_boot ? null : t;
  waiting = after_boot ? t : null;
  nr_trees = 0;
  nr_calls = 0;
  open.clear();
}

/** Runs fn, whose calls are not recorded. */
export function unrecorded<T>(fn: () => T): T {
  const was = active;
  active = null;
  try {
    return fn();
  } finally {
    active = was;
  }
}

/** Hands over what is not done: it still sleeps. */
export function flush(): void {
  if (active === null) return;
  for (const t of [...open].sort((a, b) => a.nr - b.nr)) active.end(t);
  open.clear();
}

/** The call that runs. */
export function current_call(): call | null {
  return cur;
}

function new_call(
  name: string,
  params: string,
  site: string,
  tree: tree,
  parent: call | null,
  start: number,
): call {
  return {
    name,
    params,
    site,
    tree,
    parent,
    calls: [],
    nr: ++nr_calls,
    start,
    end: -1,
    args: "",
    notes: null,
    prev: cur,
    asleep: 0,
  };
}

/** A function starts. */
export function $enter(
  name: string,
  params: string,
  site: string,
  args: IArguments,
): call | null {
  if (name === BOOT || muted > 0) {
    muted++;
    return null;
  }
  if (active === null) return null;
  const now = active.clock();
  let parent = cur;
  if (parent === null && DOORS.has(name)) return null;
  if (parent !== null && name === SOFTIRQ) {
    // Where it was called from there stays a mark.
    const mark = new_call(name, params, site, parent.tree, parent, now);
    mark.end = now;
    parent.calls.push(mark);
    parent = null;
  }
  let t: tree;
  if (parent === null) {
    t = { nr: ++nr_trees, root: null, pending: 0, task: "", softirq: name === SOFTIRQ };
    open.add(t);
  } else {
    t = parent.tree;
  }
  const c = new_call(name, params, site, t, parent, now);
  if (parent === null) {
    t.root = c;
    active.begin(t, c);
  } else {
    parent.calls.push(c);
  }
  cur = c;
  active.enter(c, args);
  return c;
}

/** A tree whose last piece of work may just have ended. */
function settle(t: tree): void {
  if (t.pending > 0 || t.root!.end < 0 || !open.delete(t)) return;
  active?.end(t);
}

/** A function ends. */
export function $exit(c: call | null): void {
  if (c === null) {
    if (muted > 0 && --muted === 0 && waiting !== null) {
      active = waiting;
      waiting = null;
    }
    return;
  }
  if (c.asleep === 0) c.end = active?.clock() ?? c.start;
  cur = c.prev;
  if (cur?.tree !== c.tree) settle(c.tree);
}

/** What comes after a sleep, as what the call does that runs now. */
export function $later<T, R>(fn: (v: T) => R): (v: T) => R {
  const c = cur;
  if (c === null || active === null) return fn;
  const { tree } = c;
  tree.pending++;
  c.asleep++;
  return (v) => {
    const was = cur;
    cur = c;
    tree.pending--;
    c.asleep--;
    try {
      return fn(v);
    } finally {
      if (c.asleep === 0) c.end = active?.clock() ?? c.start;
      cur = was;
      if (was?.tree !== tree) settle(tree);
    }
  };
}

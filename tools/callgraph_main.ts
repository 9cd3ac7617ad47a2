// SPDX-License-Identifier: GPL-2.0-only
//
// Runs in the mirror, for callgraph.ts: records each session once, and prints, as JSON, what `deno task ftrace` would
// print for each of the command lines that it is given as arguments.

import { parse_args } from "./ftrace/mod.ts";
import { flush, record } from "./ftrace/record.ts";
import { run_session } from "./ftrace/sessions.ts";
import { ftrace } from "./ftrace/trace.ts";

interface command {
  line: string;
  tracer: ftrace;
  parts: string[];
}

const by_session = new Map<string, command[]>();
for (const line of Deno.args) {
  const asked = parse_args(line.split(" "));
  if (asked === null || asked.sessions.length !== 1 || !asked.options.packets) {
    throw new Error(`'${line}': one session, with --packets`);
  }
  const [name] = asked.sessions;
  const parts = [`# session ${name}\n`];
  const tracer = new ftrace(asked.options, (s) => void parts.push(s), { virtual: true });
  by_session.set(name, [...by_session.get(name) ?? [], { line, tracer, parts }]);
}

const out: Record<string, string> = {};
for (const [name, commands] of by_session) {
  const [{ tracer: first }] = commands;
  const start = (): void => {
    for (const c of commands) c.tracer.start();
    record({
      clock: () => first.clock(),
      begin: (t, root) => first.begin(t, root),
      enter: (c, args) => first.enter(c, args),
      end: (t) => commands.forEach((c) => c.tracer.end(t)),
    });
  };
  const stop = (): void => {
    flush();
    for (const c of commands) c.tracer.stop();
  };
  await run_session(name, () => first.learn(), start, stop);
  for (const c of commands) out[c.line] = c.parts.join("");
}
console.log(JSON.stringify(out));
Deno.exit(0);

// SPDX-License-Identifier: GPL-2.0-only
//
// Runs sessions in the mirror: the names are the arguments, the options stand in the environment.

import { DEFAULTS, FTRACE_ENV, open_output, write_text } from "./options.ts";
import type { ftrace_options } from "./options.ts";
import { run_session } from "./sessions.ts";
import { ftrace } from "./trace.ts";

const options: ftrace_options = { ...DEFAULTS, ...JSON.parse(Deno.env.get(FTRACE_ENV) ?? "{}") };
const file = open_output(options, Deno.stdout);

for (const name of Deno.args) {
  const parts = options.json ? [] : [`# session ${name}\n`];
  const tracer = new ftrace(options, (s) => void parts.push(s), { virtual: true });
  await run_session(name, () => tracer.learn(), () => tracer.start(), () => tracer.stop());
  write_text(file, parts.join(""));
}
Deno.exit(0);

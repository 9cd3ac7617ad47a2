// SPDX-License-Identifier: GPL-2.0-only
//
// Runs in the traced process before the program does (deno run --preload, from the mirror): takes
// the options from the environment, records, and writes trees as they end.

import { DEFAULTS, FTRACE_ENV, open_output, write_text } from "./options.ts";
import type { ftrace_options } from "./options.ts";
import { ftrace } from "./trace.ts";

const env = Deno.env.get(FTRACE_ENV);
if (env !== undefined) {
  const options: ftrace_options = { ...DEFAULTS, ...JSON.parse(env) };
  const file = open_output(options, Deno.stderr);
  const tracer = new ftrace(options, (s) => write_text(file, s));
  tracer.start(true);
  globalThis.addEventListener("unload", () => tracer.stop());
}

// SPDX-License-Identifier: GPL-2.0-only
//
// deno task nstat: shows the counters of a stack, see tools/lib/nstat.ts.

import { command_main } from "../command_main.ts";
import { nstat } from "../lib/nstat.ts";

if (import.meta.main) Deno.exit(await command_main(nstat, Deno.args));

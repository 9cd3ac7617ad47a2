// SPDX-License-Identifier: GPL-2.0-only
//
// deno task ss: shows the sockets of a stack, see tools/lib/ss.ts.

import { command_main } from "../command_main.ts";
import { ss } from "../lib/ss.ts";

if (import.meta.main) Deno.exit(await command_main(ss, Deno.args));

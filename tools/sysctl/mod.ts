// SPDX-License-Identifier: GPL-2.0-only
//
// deno task sysctl: shows and sets net.* of a stack, see tools/lib/sysctl.ts.

import { command_main } from "../command_main.ts";
import { sysctl } from "../lib/sysctl.ts";

if (import.meta.main) Deno.exit(await command_main(sysctl, Deno.args));

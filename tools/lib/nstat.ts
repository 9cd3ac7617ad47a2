// SPDX-License-Identifier: GPL-2.0-only
//
// nstat(8): a host's counters by name, and what they have grown by since they were last looked at. What was seen is
// remembered with the host, not in a file.

import type { net } from "../../include/net/net_namespace.ts";
import { snmp_counters } from "../../net/ipv4/proc.ts";
import { fnmatch_regexp, getopt } from "./command.ts";
import type { command, command_result, option } from "./command.ts";

const USAGE = `usage: deno task nstat [--pid=PID] [--host=NAME] [OPTIONS] [PATTERN...]

Shows the stack's counters that have grown since the last nstat, as nstat(8) does; PATTERN: of names, as 'TcpExt*'.
  -a, --ignore    whole values, not what was added since the last time
  -z, --zeros     also those that have not grown
  -s, --noupdate  does not remember what was seen
  -r, --reset     forgets what was seen before
  -n, --nooutput  only remembers
  -j, --json      as JSON
  -p, --pretty    JSON in lines
  -h, --help      this text`;

const OPTIONS: readonly option[] = [
  { name: "ignore", short: "a" },
  { name: "zeros", short: "z" },
  { name: "noupdate", short: "s" },
  { name: "reset", short: "r" },
  { name: "nooutput", short: "n" },
  { name: "json", short: "j" },
  { name: "pretty", short: "p" },
  { name: "help", short: "h" },
];

/** What nstat never shows: settings and states, no counts. */
const useless_numbers: ReadonlySet<string> = new Set([
  "IpForwarding",
  "IpDefaultTTL",
  "TcpRtoAlgorithm",
  "TcpRtoMin",
  "TcpRtoMax",
  "TcpMaxConn",
  "TcpCurrEstab",
]);

/** What the arguments say. */
export interface nstat_request {
  flags: ReadonlySet<string>;
  patterns: readonly RegExp[];
}

/** What was seen of each host. */
const history: WeakMap<net, ReadonlyMap<string, number>> = new WeakMap();

function text_of(values: readonly (readonly [string, number])[]): string {
  return "#kernel\n" +
    values.map(([name, v]) => `${name.padEnd(32)}${String(v).padEnd(16)}   0.0\n`).join("");
}

/** nstat(8). */
export const nstat: command<nstat_request> = {
  name: "nstat",
  usage: USAGE,
  parse(argv) {
    const { opts, args } = getopt(argv, OPTIONS);
    const flags = new Set(opts.map(([name]) => name));
    return flags.has("help") ? null : { flags, patterns: args.map(fnmatch_regexp) };
  },
  run(n, { flags, patterns }): command_result {
    const now = snmp_counters(n);
    for (const name of useless_numbers) now.delete(name);
    const seen = flags.has("ignore") || flags.has("reset") ? undefined : history.get(n);
    if (!flags.has("noupdate")) history.set(n, now);
    else if (flags.has("reset")) history.delete(n);
    if (flags.has("nooutput")) return { status: 0, out: "", err: "" };
    const values = [...now]
      .map(([name, v]) => [name, v - (seen?.get(name) ?? 0)] as const)
      .filter(([, v]) => v !== 0 || flags.has("zeros"))
      .filter(([name]) => patterns.length === 0 || patterns.some((re) => re.test(name)));
    const out = flags.has("json")
      ? JSON.stringify({ kernel: Object.fromEntries(values) }, null, flags.has("pretty") ? 4 : 0) +
        "\n"
      : text_of(values);
    return { status: 0, out, err: "" };
  },
};

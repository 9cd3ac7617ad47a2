// SPDX-License-Identifier: GPL-2.0-only
//
// sysctl(8): reads and sets a host's net.*.

import type { net } from "../../include/net/net_namespace.ts";
import {
  EACCES,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  EPERM,
  errname,
} from "../../include/uapi/asm-generic/errno.ts";
import { proc_sys_list, proc_sys_read, proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { CommandUsageError, fnmatch_regexp, getopt } from "./command.ts";
import type { command, command_result, option } from "./command.ts";
import { kernel } from "./kernel.ts";

const USAGE = `usage: deno task sysctl [--pid=PID] [--host=NAME] [OPTIONS] [NAME[=VALUE]...]

Shows and sets the stack's net.*, as sysctl(8) does: NAME shows a value, or all of a directory; NAME=VALUE sets one.
  -a, --all             all of them; with --deprecated also those that another name stands for
  -r, --pattern=REGEXP  only those whose name fits
  -n, --values          values without names
  -N, --names           names without values
  -b, --binary          no newline behind a value
  -w, --write           every NAME must have a VALUE
  -p, --load[=FILE]     sets what FILE says, a NAME = VALUE a line; default /etc/sysctl.conf, - for stdin
  -e, --ignore          no complaint of unknown names
  -q, --quiet           does not show what it sets
      --dry-run         sets nothing
  -h, --help            this text`;

const OPTIONS: readonly option[] = [
  { name: "all", short: "a" },
  { name: "all", short: "A" },
  { name: "all", short: "X" },
  { name: "deprecated" },
  { name: "pattern", short: "r", value: "required" },
  { name: "values", short: "n" },
  { name: "names", short: "N" },
  { name: "binary", short: "b" },
  { name: "write", short: "w" },
  { name: "load", short: "p", value: "optional" },
  { name: "load", short: "f", value: "optional" },
  { name: "ignore", short: "e" },
  { name: "quiet", short: "q" },
  { name: "dry-run" },
  { name: "help", short: "h" },
];

/** What the arguments say. */
export interface sysctl_request {
  flags: ReadonlySet<string>;
  pattern: RegExp | null;
  /** Names of files with settings. */
  load: string[];
  args: string[];
}

/** Names that another, in ms, has taken the place of. */
const DEPRECATED = /\.(base_reachable_time|retrans_time)$/;

const messages: Readonly<Record<number, string>> = {
  [EACCES]: "Permission denied",
  [EINVAL]: "Invalid argument",
  [ENOENT]: "No such file or directory",
  [ENOTSUPP]: "Operation not supported",
  [EPERM]: "Operation not permitted",
};

/** A name with dots: the first separator tells which of the two it is. */
function dotted(name: string): string {
  return /^[^./]*\//.test(name) ? name.replace(/[./]/g, (c) => c === "/" ? "." : "/") : name;
}

/** One run of the command. */
class run {
  status = 0;
  out = "";
  err = "";

  constructor(private readonly n: net, private readonly r: sysctl_request) {}

  private fail(text: string): void {
    this.err += `sysctl: ${text}\n`;
    this.status = 1;
  }

  private unknown(name: string): void {
    if (this.r.flags.has("ignore")) return;
    this.fail(
      `cannot stat /proc/sys/${dotted(name).replace(/[./]/g, (c) => c === "." ? "/" : ".")}: ` +
        messages[ENOENT],
    );
  }

  private show(name: string, value: string): void {
    const { flags, pattern } = this.r;
    if (pattern !== null && !pattern.test(name)) return;
    if (flags.has("names")) this.out += `${name}\n`;
    else if (flags.has("binary")) this.out += value;
    else if (flags.has("values")) this.out += `${value}\n`;
    else this.out += `${name} = ${value}\n`;
  }

  /** Shows one, or all of a directory. */
  read(name: string): void {
    const value = proc_sys_read(this.n, name);
    if (typeof value === "string") return this.show(dotted(name), value);
    const dir = dotted(name).replace(/\.?$/, ".");
    const names = proc_sys_list(this.n).filter((x) => x.startsWith(dir));
    if (names.length === 0) this.unknown(name);
    for (const x of names) this.read(x);
  }

  all(): void {
    for (const name of proc_sys_list(this.n)) {
      if (!DEPRECATED.test(name) || this.r.flags.has("deprecated")) this.read(name);
    }
  }

  private write_one(name: string, value: string, forgive: boolean): void {
    const { flags, pattern } = this.r;
    if (pattern !== null && !pattern.test(dotted(name))) return;
    const known = typeof proc_sys_read(this.n, name) === "string";
    if (!known) return forgive ? undefined : this.unknown(name);
    const err = flags.has("dry-run") ? 0 : kernel(() => proc_sys_write(this.n, name, value));
    if (err !== 0) {
      if (!forgive) this.fail(`setting key "${dotted(name)}": ${messages[-err] ?? errname(err)}`);
    } else if (!flags.has("quiet")) this.show(dotted(name), value);
  }

  /** Sets `name=value`; where it is from, for complaints. In a file '-' before the name forgives failure. */
  write(text: string, where: string): void {
    const eq = text.indexOf("=");
    const name = text.slice(0, Math.max(eq, 0)).trim();
    const key = name.replace(/^-/, "");
    if (key === "" || /\s/.test(key)) return this.fail(`${where}: invalid syntax, continuing...`);
    const value = text.slice(eq + 1).trim();
    const names = /[*?[]/.test(key)
      ? proc_sys_list(this.n).filter((x) => fnmatch_regexp(dotted(key)).test(x))
      : [key];
    if (names.length === 0) this.unknown(key);
    for (const x of names) this.write_one(x, value, key !== name);
  }

  load(file: string, text: string | undefined): void {
    if (text === undefined) return this.fail(`cannot open "${file}": ${messages[ENOENT]}`);
    text.split("\n").forEach((line, i) => {
      if (/^\s*([#;]|$)/.test(line)) return;
      this.write(line, `${file}(${i + 1})`);
    });
  }
}

function parse(argv: readonly string[]): sysctl_request | null {
  const { opts, args } = getopt(argv, OPTIONS);
  const flags = new Set(opts.map(([name]) => name));
  if (flags.has("help")) return null;
  const load = opts.filter(([name]) => name === "load").map(([, v]) => v ?? "/etc/sysctl.conf");
  // `-p FILE ...`: the arguments are files.
  if (load.length > 0 && args.length > 0) {
    if (load[load.length - 1] === "/etc/sysctl.conf") load.pop();
    load.push(...args.splice(0));
  }
  const pattern = opts.findLast(([name]) => name === "pattern")?.[1] ?? null;
  if (!flags.has("all") && load.length === 0 && args.length === 0) {
    throw new CommandUsageError("no variables specified");
  }
  let re: RegExp | null = null;
  try {
    if (pattern !== null) re = new RegExp(pattern);
  } catch {
    throw new CommandUsageError(`--pattern: '${pattern}' is no regular expression`);
  }
  return { flags, pattern: re, load, args };
}

/** sysctl(8). */
export const sysctl: command<sysctl_request> = {
  name: "sysctl",
  usage: USAGE,
  parse,
  files: (r) => r.load,
  run(n, r, files): command_result {
    const s = new run(n, r);
    if (r.flags.has("all")) s.all();
    for (const file of r.load) s.load(file, files.get(file));
    for (const arg of r.args) {
      if (arg.includes("=") || r.flags.has("write")) s.write(arg, "command line(0)");
      else s.read(arg);
    }
    return { status: s.status, out: s.out, err: s.err };
  },
};

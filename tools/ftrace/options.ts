// SPDX-License-Identifier: GPL-2.0-only
//
// What the tool is asked for, and how it reaches the traced process: as JSON in its environment.

/** Names the options to the traced process. */
export const FTRACE_ENV = "TUXNET_FTRACE";

/** What to show, and how. */
export interface ftrace_options {
  /** set_graph_function: only trees below one of these, as globs; none: all. */
  graph: string[];
  /** set_ftrace_notrace: globs of functions that are left out; what they call is not. */
  notrace: string[];
  /** max_graph_depth; 0: no limit. */
  max_depth: number;
  args: boolean;
  packets: boolean;
  drops: boolean;
  json: boolean;
  /** Where to write; null: stdout, with a program stderr. */
  output: string | null;
}

export const DEFAULTS: ftrace_options = {
  graph: [],
  notrace: [],
  max_depth: 0,
  args: false,
  packets: false,
  drops: false,
  json: false,
  output: null,
};

/** A matcher of names by globs: `*` any characters, `?` one, `[...]` one of these. */
export function glob_match(globs: readonly string[]): ((name: string) => boolean) | null {
  if (globs.length === 0) return null;
  const source = globs.map((g) =>
    g.replace(/[.+^${}()|\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".").replace(
      /\[!/g,
      "[^",
    )
  );
  const re = new RegExp(`^(?:${source.join("|")})$`);
  const known = new Map<string, boolean>();
  return (name) => {
    let v = known.get(name);
    if (v === undefined) known.set(name, v = re.test(name));
    return v;
  };
}

/** Writes text to a file; who reads it may leave early, which ends the program. */
export function write_text(file: Deno.FsFile | typeof Deno.stdout, s: string): void {
  const p = new TextEncoder().encode(s);
  try {
    for (let off = 0; off < p.length;) off += file.writeSync(p.subarray(off));
  } catch (e) {
    if (e instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    throw e;
  }
}

/** Opens what is written to: a file, or else one of the terminal's. */
export function open_output(
  o: ftrace_options,
  standard: typeof Deno.stdout,
): Deno.FsFile | typeof Deno.stdout {
  if (o.output === null) return standard;
  return Deno.openSync(o.output, { write: true, create: true, truncate: true });
}

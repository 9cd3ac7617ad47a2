// SPDX-License-Identifier: GPL-2.0-only
//
// The call chains of Documentation/callgraph: NAME.tree has a function on each line, below the one that it is
// called by. A chain holds in a trace when each of its functions is called within the one above it, be it by way
// of others, in the order in which they are written. '@NAME' stands for any one function.

/** A call of a chain or of a trace. */
export interface chain_call {
  name: string;
  calls: chain_call[];
}

/** A chain: what it shows, and which session has it. */
export interface chain {
  name: string;
  about: string;
  session: string;
  root: chain_call;
}

/** Reads the text of NAME.tree. */
export function parse_chain(name: string, text: string): chain {
  const top: chain_call = { name: "", calls: [] };
  const open: { depth: number; call: chain_call }[] = [{ depth: -1, call: top }];
  let about = "";
  let session = "";
  for (const line of text.split("\n")) {
    const s = line.trim();
    if (s.startsWith("#")) {
      const m = /^#\s*session:\s*(\S+)/.exec(s);
      if (m !== null) session = m[1];
      else about += (about === "" ? "" : " ") + s.slice(1).trim();
    } else if (s !== "") {
      const depth = line.length - line.trimStart().length;
      while (open.at(-1)!.depth >= depth) open.pop();
      const call = { name: s, calls: [] };
      open.at(-1)!.call.calls.push(call);
      open.push({ depth, call });
    }
  }
  if (top.calls.length !== 1) throw new SyntaxError(`${name}: one root is wanted`);
  return { name, about, session, root: top.calls[0] };
}

/** All chains of a folder, by name. */
export function read_chains(dir: string | URL): chain[] {
  return [...Deno.readDirSync(dir)].map((e) => e.name).filter((n) => n.endsWith(".tree")).sort()
    .map(
      (n) =>
        parse_chain(
          n.slice(0, -5),
          Deno.readTextFileSync(`${dir instanceof URL ? dir.pathname : dir}/${n}`),
        ),
    );
}

/** Reads function_graph text: its trees. */
export function parse_trace(text: string): chain_call[] {
  const top: chain_call = { name: "", calls: [] };
  const open = [top];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const s = line.slice(line.lastIndexOf("|") + 1).replace(/\/\*.*?\*\//g, "").trim();
    const m = /^(\w+)\(.*\)(;| \{)$/.exec(s);
    if (m !== null) {
      const call = { name: m[1], calls: [] };
      open.at(-1)!.calls.push(call);
      if (m[2] !== ";") open.push(call);
    } else if (s === "}" && open.length > 1) {
      open.pop();
    }
  }
  return top.calls;
}

/** Calls in the order of their starts, without those that they are in. */
function* all_calls(calls: chain_call[]): Generator<chain_call> {
  for (const c of calls) {
    yield c;
    yield* all_calls(c.calls);
  }
}

/** The chain's call that is found last of all that are looked for, where not all are. */
interface progress {
  depth: number;
  missing: string;
}

function same(want: string, have: string): boolean {
  return want.startsWith("@") || want === have;
}

function within(want: chain_call, have: chain_call, path: string[], best: progress): boolean {
  const below = [...all_calls(have.calls)];
  const from = (i: number, at: number): boolean => {
    if (i === want.calls.length) return true;
    const child = want.calls[i];
    for (let k = at; k < below.length; k++) {
      if (
        same(child.name, below[k].name) && within(child, below[k], [...path, child.name], best) &&
        from(i + 1, k + 1)
      ) return true;
    }
    const depth = path.length * 1000 + i;
    if (depth > best.depth) {
      best.depth = depth;
      best.missing = `${child.name} in ${path.join(" -> ")}`;
    }
    return false;
  };
  return from(0, 0);
}

/** Null: the chain holds in these trees; else what is missing. */
export function missing_of(c: chain, trees: chain_call[]): string | null {
  const best: progress = { depth: -1, missing: `${c.root.name}, which is never called` };
  for (const call of all_calls(trees)) {
    if (same(c.root.name, call.name) && within(c.root, call, [c.root.name], best)) return null;
  }
  return best.missing;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps the layers: fails on an import of a layer above, and on a circle of imports other than
// within the two knots that are the kernel's own. Tests may import what they like. Type-only imports
// count for layers but make no circles: they are gone when the code runs.
//
//   deno run --allow-read tools/check_layers.ts [DIR]

/** Lowest first; a file belongs to the first pattern that matches. */
const LAYERS: readonly (readonly [string, readonly RegExp[]])[] = [
  ["include", [/^include\//]],
  ["lib", [/^lib\//]],
  ["kernel, mm", [/^kernel\//, /^mm\/page_[a-z]+\.ts$/]],
  ["net/core, net/ethernet, net/sched, fs, net/socket", [
    /^net\/(core|ethernet|sched|packet|unix|netlink|ethtool)\//,
    /^net\/[a-z_]+\.ts$/,
    /^(fs|mm)\//,
  ]],
  ["net/ipv4", [/^net\/ipv4\//]],
  ["inet_*", [/^net\/ipv4\/inet_(hashtables|connection_sock|timewait_sock|diag)\.ts$/]],
  ["the tcp knot", [/^net\/ipv4\/(tcp|tcp_[a-z0-9]+)\.ts$/]],
  ["tcp_ipv4, udp, raw", [
    /^net\/ipv4\/(tcp_ipv4|tcp_diag|udp|udp_[a-z]+|udplite|raw|raw_diag|ping|syncookies)\.ts$/,
  ]],
  ["af_inet", [/^net\/ipv4\/(af_inet|sysctl_net_ipv4|proc)\.ts$/]],
  ["drivers", [/^drivers\//]],
  ["arch", [/^arch\//]],
  ["tools/lib", [/^tools\/lib\//]],
  ["mod.ts", [/^mod\.ts$/, /^init\//]],
  ["tools, samples", [/^tools\//, /^samples\//]],
];

/** Circles within one of these are the kernel's own. */
const KNOTS: readonly ReadonlySet<string>[] = [
  "tcp tcp_input tcp_output tcp_timer tcp_minisocks tcp_recovery tcp_cong tcp_rate tcp_fastopen",
  "inet_hashtables inet_connection_sock inet_timewait_sock",
].map((names) => new Set(names.split(" ").map((n) => `net/ipv4/${n}.ts`)));

/** An import in a file. */
export interface import_edge {
  to: string;
  line: number;
  type: boolean;
}

/** The layer's number of a file, -1 if it has no place; files of net/ipv4 by their narrowest pattern. */
export function layer_of(path: string): number {
  const fits = (i: number): boolean => LAYERS[i][1].some((re) => re.test(path));
  for (const i of [8, 7, 5, 6]) if (fits(i)) return i;
  return LAYERS.findIndex((_, i) => fits(i));
}

/** Relative imports of a module's text, by static syntax. */
export function imports_of(path: string, text: string): import_edge[] {
  const out: import_edge[] = [];
  const re =
    /^[ \t]*(import|export)\b(?!\s*(?:const|let|function|class|async|interface|enum|abstract|default)\b)([^"';]*?)(?:\bfrom\s*)?"(\.[^"]*)"/gm;
  for (const m of text.matchAll(re)) {
    const names = /^\s*(type\b)?\s*\{([^}]*)\}/.exec(m[2]);
    const all_types = names !== null &&
      names[2].split(",").every((n) => n.trim() === "" || /^type\s/.test(n.trim()));
    out.push({
      to: new URL(m[3], `file:///${path}`).pathname.slice(1),
      line: text.slice(0, m.index).split("\n").length,
      type: /^\s*type\b/.test(m[2]) || (all_types && names![2].trim() !== ""),
    });
  }
  return out;
}

/** Groups of files that import each other in a circle (Tarjan's strongly connected components). */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>(), low = new Map<string, number>();
  const stack: string[] = [];
  const on = new Set<string>();
  const out: string[][] = [];
  const visit = (v: string): void => {
    index.set(v, index.size);
    low.set(v, index.get(v)!);
    stack.push(v);
    on.add(v);
    for (const w of graph.get(v) ?? []) {
      if (!index.has(w)) {
        visit(w);
        low.set(v, Math.min(low.get(v)!, low.get(w)!));
      } else if (on.has(w)) low.set(v, Math.min(low.get(v)!, index.get(w)!));
    }
    if (low.get(v) !== index.get(v)) return;
    const group: string[] = [];
    for (let w = ""; w !== v;) {
      w = stack.pop()!;
      on.delete(w);
      group.push(w);
    }
    if (group.length > 1 || (graph.get(v) ?? []).includes(v)) out.push(group.sort());
  };
  for (const v of graph.keys()) if (!index.has(v)) visit(v);
  return out;
}

/** One circle through a group, for the message. */
function a_circle(graph: ReadonlyMap<string, readonly string[]>, group: readonly string[]): string {
  const inside = new Set(group);
  let walk: string[][] = [[group[0]]];
  const seen = new Set<string>();
  while (walk.length) {
    const next: string[][] = [];
    for (const path of walk) {
      for (const w of graph.get(path[path.length - 1]) ?? []) {
        if (w === group[0]) return [...path, w].join(" -> ");
        if (inside.has(w) && !seen.has(w)) {
          seen.add(w);
          next.push([...path, w]);
        }
      }
    }
    walk = next;
  }
  return group.join(" ");
}

/** What is wrong with these files (path to text), one line each. */
export function check_layers(files: ReadonlyMap<string, string>): string[] {
  const wrong: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of files) {
    const from = layer_of(path);
    if (from < 0) {
      wrong.push(`${path}: belongs to no layer`);
      continue;
    }
    const edges: string[] = [];
    for (const { to, line, type } of imports_of(path, text)) {
      const up = layer_of(to);
      if (up > from) {
        wrong.push(
          `${path}:${line}: imports ${to}: '${LAYERS[up][0]}' is above '${LAYERS[from][0]}'`,
        );
      }
      if (!type && files.has(to)) edges.push(to);
    }
    graph.set(path, edges);
  }
  for (const group of circles(graph)) {
    if (KNOTS.some((knot) => group.every((f) => knot.has(f)))) continue;
    wrong.push(`circle: ${a_circle(graph, group)}`);
  }
  return wrong;
}

/** Every module of the tree but tests, path relative to the root. */
export function modules(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const walk = (dir: string): void => {
    for (const e of Deno.readDirSync(root + "/" + dir)) {
      const path = dir + e.name;
      if (e.isDirectory && !/^(\.|node_modules$|coverage$)/.test(e.name)) walk(path + "/");
      if (e.isFile && e.name.endsWith(".ts") && !e.name.endsWith("_test.ts")) {
        files.set(path, Deno.readTextFileSync(root + "/" + path));
      }
    }
  };
  walk("");
  return files;
}

if (import.meta.main) {
  const root = Deno.args[0] ?? new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const files = modules(root);
  const wrong = check_layers(files);
  for (const line of wrong) console.error(line);
  console.log(`layers: ${files.size} modules, ${wrong.length} wrong`);
  if (wrong.length) Deno.exit(1);
}

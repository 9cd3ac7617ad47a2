// SPDX-License-Identifier: GPL-2.0-only
//
// Keeps the core pure: include, lib, kernel, mm, net, fs and drivers/net type-check with the language's own
// library alone (no DOM, no Deno, no node), and import nothing but each other. So the same code runs
// in Deno, under the simulator and in a web page. Nothing in it awaits: see after_sleep().
//
//   deno run --allow-read --allow-run=deno tools/check_core.ts

import { imports_of, modules } from "./check_layers.ts";

const CORE = /^(include|lib|kernel|mm|net|fs|drivers\/net)\//;

/** What is wrong with a core module's text, one line each. */
export function check_core(path: string, text: string): string[] {
  const wrong: string[] = [];
  for (
    const m of text.matchAll(
      /^[ \t]*(?:import|export)\b[^"';]*"((?:npm|jsr|node|https?|@)[^"]*)"/gm,
    )
  ) {
    wrong.push(`${path}: imports ${m[1]}`);
  }
  for (const { to, line } of imports_of(path, text)) {
    if (!CORE.test(to)) wrong.push(`${path}:${line}: imports ${to}, which is not of the core`);
  }
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (c) => c.replace(/[^\n]/g, " "));
  code.split("\n").forEach((line, i) => {
    if (/\bDeno\s*\./.test(line)) wrong.push(`${path}:${i + 1}: uses Deno`);
    if (/\b(async|await)\b/.test(line)) {
      wrong.push(`${path}:${i + 1}: awaits: what comes after a sleep goes to after_sleep()`);
    }
  });
  return wrong;
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const core = [...modules(root)].filter(([path]) => CORE.test(path));
  const wrong = core.flatMap(([path, text]) => check_core(path, text));
  for (const line of wrong) console.error(line);
  let types = true;
  if (core.length) {
    const check = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", "tools/core/deno.json", ...core.map(([path]) => path)],
      cwd: root,
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    types = check.success;
  }
  console.log(
    `core: ${core.length} modules, ${wrong.length} wrong, types ${types ? "pure" : "not pure"}`,
  );
  if (wrong.length || !types) Deno.exit(1);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// README.md and Documentation/ are true: links lead to files, a link named 'f()' to the file that defines f, and programs
// (a block of ts whose first line is its file's name) run and print what the block of text behind them says. There
// … stands for anything; on a line of its own, for any lines.

import { assertEquals, assertMatch } from "@std/assert";

const root = new URL("../", import.meta.url);

/** A program of a page, and what it prints if that is told. */
interface example {
  page: string;
  name: string;
  code: string;
  output: string | null;
}

function pages(): Map<string, string> {
  const names = ["Documentation", "Documentation/callgraph"].flatMap((dir) =>
    [...Deno.readDirSync(new URL(dir, root))].map((e) => `${dir}/${e.name}`)
  ).filter((n) => n.endsWith(".md")).sort();
  return new Map(
    ["README.md", ...names].map((n) => [n, Deno.readTextFileSync(new URL(n, root))]),
  );
}

/** The page without its blocks of code. */
function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}

/** The anchors of a page's headings. */
function anchors(text: string): string[] {
  return [...prose(text).matchAll(/^#+ (.*)$/gm)].map((m) =>
    m[1].toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
  );
}

/** What is wrong with a link, or null. */
function bad_link(page: string, text: string, name: string, target: string): string | null {
  const [path, anchor] = target.split("#");
  const url = path === "" ? new URL(page, root) : new URL(path, new URL(page, root));
  let file = text;
  try {
    if (Deno.statSync(url).isFile) file = Deno.readTextFileSync(url);
  } catch {
    return `${page}: ${target}: no such file`;
  }
  if (anchor !== undefined && !anchors(file).includes(anchor)) {
    return `${page}: ${target}: no such heading`;
  }
  const fn = /^`(\w+)\(\)`$/.exec(name)?.[1];
  if (fn === undefined) return null;
  const defined = new RegExp(`^(export )?(async )?function ${fn}\\b|^  (async )?${fn}[(<]`, "m");
  return defined.test(file) ? null : `${page}: ${path} does not define ${fn}()`;
}

/** The programs of a page. */
function examples(page: string, text: string): example[] {
  const re =
    /^```ts\n\/\/ ([a-z_]+\.ts)\n([\s\S]*?)^```$((?:(?!^```)[\s\S])*?^```text\n([\s\S]*?)^```$)?/gm;
  return [...text.matchAll(re)].map(([, name, code, , output]) => ({
    page,
    name,
    code: code.replaceAll('from "./', `from "${root.href}`),
    output: output ?? null,
  }));
}

/** A text in which … stands for anything, as a pattern. */
function pattern(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const lines = escaped.replace(/^…\n/gm, "(?:.*\n)*").replaceAll("…", ".*");
  return new RegExp(`^${lines}$`);
}

async function deno(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (p: Uint8Array) => new TextDecoder().decode(p);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("links of the documentation lead to files, headings and functions that are there", () => {
  const wrong: string[] = [];
  for (const [page, text] of pages()) {
    for (const [, name, target] of prose(text).matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const bad = bad_link(page, text, name, target);
      if (bad !== null) wrong.push(bad);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("programs of the documentation type-check, run and print what it says", async (t) => {
  const dir = Deno.makeTempDirSync({ prefix: "tuxnet-documentation-" });
  const config = ["--config", new URL("deno.json", root).pathname];
  try {
    const all = [...pages()].flatMap(([page, text]) => examples(page, text));
    const path = (e: example): string => `${dir}/${e.name}`;
    for (const e of all) Deno.writeTextFileSync(path(e), `// ${e.name}\n${e.code}`);
    assertEquals(new Set(all.map(path)).size, all.length, "two programs of one name");
    const check = await deno(["check", "--quiet", ...config, ...all.map(path)]);
    // Errors of other files are told by deno task check.
    if (check.stderr.includes(dir)) throw new Error(check.stderr);
    for (const e of all) {
      await t.step(`${e.page}: ${e.name}`, async () => {
        const how = e.name.endsWith("_test.ts") ? ["test", "-A"] : ["run"];
        const r = await deno([...how, "--no-check", ...config, path(e)]);
        assertEquals(r.code, 0, r.stderr || r.stdout);
        if (e.output !== null) assertMatch(r.stdout, pattern(e.output));
      });
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

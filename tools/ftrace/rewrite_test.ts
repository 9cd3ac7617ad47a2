// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { mirrored, ROOT } from "./mirror.ts";
import { rewrite, tokenize } from "./rewrite.ts";

Deno.test("tokenize() steps over strings, templates, regular expressions and comments", () => {
  const text = 'a(/}\\/[/"]/g, `x${ {b: `}${"}"}`} }y`) / 2; // {\n/* } */ "\\"}" x! / 3 / f(/r/)';
  const kinds = tokenize(text).filter((t) =>
    t.kind === "regex" || (t.kind === "punct" && "{}".includes(t.text))
  );
  assertEquals(kinds.map((t) => t.text), ['/}\\/[/"]/g', "{", "{", "{", "}", "}", "}", "/r/"]);
});

/** A text with hooks, the import aside, in short. */
function hooks(text: string): string {
  return rewrite("f.ts", text, "R").text.replace(/\nimport\{[^\n]*\n$/, "")
    .replace(/const \$t=\$enter\("(\w*)","([^"]*)","f.ts:(\d+)",arguments\);try\{/g, "<$1($2):$3 ")
    .replaceAll("}finally{$exit($t)}", ">");
}

Deno.test("rewrite() puts hooks into functions of all forms, and keeps lines", () => {
  assertEquals(hooks("function f() {}"), "function f() {<f():1 >}");
  assertEquals(
    hooks(
      "export function f<T extends { a: number }>(a: T, { b }: x, ...c: number[]):\n  { d: 1 } | null {\n  return null; }",
    ),
    "export function f<T extends { a: number }>(a: T, { b }: x, ...c: number[]):\n  { d: 1 } | null {<f(a,,c):1 \n  return null; >}",
  );
  assertEquals(
    hooks("\nfunction g(cb: (a: { x: 1 }) => void = () => {}): cb is T[] {\n  function h() { }\n}"),
    "\nfunction g(cb: (a: { x: 1 }) => void = () => {}): cb is T[] {<g(cb):2 \n  function h() {<h():3  >}\n>}",
  );
  // Overloads and types have no body, switch_to() passes on.
  const plain = "function f(a: number): void;\ntype t = { function: 1 };\nfunction switch_to() {}";
  assertEquals(rewrite("f.ts", plain, "R").text, plain);
  assertEquals(
    rewrite("f.ts", "function after_sleep<T>(ret: T, fn: (v: T) => void) { fn(ret); }", "R").text,
    "function after_sleep<T>(ret: T, fn: (v: T) => void) {fn=$later(fn); fn(ret); }\n" +
      'import{$enter,$exit,$later}from"R";\n',
  );
});

Deno.test("mirrored() rewrites the core only, and every function declaration of it", () => {
  assertEquals(mirrored("tools/x.ts", "function f() {}"), "function f() {}");
  assertEquals(mirrored("net/x_test.ts", "function f() {}"), "function f() {}");
  let functions = 0;
  const walk = (dir: string): void => {
    for (const e of Deno.readDirSync(`${ROOT}/${dir}`)) {
      const path = `${dir}/${e.name}`;
      if (e.isDirectory) walk(path);
      if (!e.isFile || !/(?<!_test)\.ts$/.test(path)) continue;
      const text = Deno.readTextFileSync(`${ROOT}/${path}`);
      const found = rewrite(path, text, "R");
      functions += found.functions.length;
      const declared = text.match(
        /^ *(export )?function (?!(after_sleep|resume_call|sleep_again|switch_to|__schedule)\b)\w+/gm,
      );
      assertEquals([path, found.functions.length], [path, declared?.length ?? 0]);
      assertEquals(
        found.text.split("\n").length - text.split("\n").length,
        found.functions.length ? 1 : 0,
      );
    }
  };
  for (const dir of ["include", "lib", "kernel", "mm", "net", "fs", "drivers"]) walk(dir);
  assertEquals(functions > 3000, true);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { differences_of, differences_page, find_differences } from "./differences.ts";

Deno.test("differences_of() finds what each @differs stands at", () => {
  const text = `// SPDX-License-Identifier: GPL-2.0-only
//
// A header.
// @differs sock.c has it in the kernel, and
// more.
//
// And this no more.

/** Returns it. @differs in C it is stored @local */
export async function f(): Promise<void> {}

/**
 * Two lines.
 * @differs why
 *   indeed.
 * @rfc 9293
 */
export class c {
  /** Nothing of interest. */
  a = 0;
  /** @differs another name */
  private b = 1;
  /** @differs answers it */
  m(x: number): void {}
}

/** Stands in ip.c. @differs */
const k = 1;
`;
  const d = (name: string, why: string) => ({ path: "net/x.ts", name, why });
  assertEquals(differences_of("net/x.ts", text), [
    d("", "sock.c has it in the kernel, and more"),
    d("f()", "in C it is stored"),
    d("c", "why indeed"),
    d("c.b", "another name"),
    d("c.m()", "answers it"),
    d("k", "Stands in ip.c"),
  ]);
});

Deno.test("differences_page() shows names as code and gives no other character a meaning", () => {
  const page = differences_page([{ path: "a.ts", name: "f()", why: "as __g() and sk_x.y * <b>" }]);
  assert(page.endsWith("## [a.ts](../a.ts)\n\n- `f()`: as `__g()` and `sk_x.y` \\* \\<b\\>\n"));
});

Deno.test("Documentation/differences.md is what tools/differences.ts writes", () => {
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const found = find_differences(root);
  assert(found.every((d) => d.why !== ""), "a @differs without a why");
  const fresh = differences_page(found);
  const page = Deno.readTextFileSync(`${root}/Documentation/differences.md`);
  assert(
    page === fresh,
    "it is not: deno run --allow-read --allow-write=Documentation tools/differences.ts",
  );
});

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { check_core } from "./check_core.ts";

Deno.test("check_core() finds host modules, host globals, imports out of the core and await", () => {
  assertEquals(check_core("net/core/a.ts", 'import { b } from "./b.ts";\n// Deno.open\n'), []);
  assertEquals(check_core("net/a.ts", 'import { b } from "node:fs";\n').length, 1);
  assertEquals(check_core("net/a.ts", 'import { b } from "@std/assert";\n').length, 1);
  assertEquals(check_core("net/a.ts", 'import { b } from "../arch/sim/mod.ts";\n').length, 1);
  assertEquals(check_core("lib/a.ts", "export const t = Deno.hostname();\n").length, 1);
  assertEquals(
    check_core("fs/a.ts", "// await\nasync function f() {\n  await g();\n}\n").length,
    2,
  );
});

// SPDX-License-Identifier: GPL-2.0-only

import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  AssertionError,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

Deno.test("assertEquals() compares deeply and shows both values when they differ", () => {
  assertEquals({ a: [1, new Uint8Array([2])] }, { a: [1, new Uint8Array([2])] });
  assertEquals({ a: 1, b: undefined } as object, { a: 1 });
  const e = assertThrows(() => assertEquals([1, 2], [1, 3], "why"), AssertionError, "why");
  assertStringIncludes(e.message, "[ 1, 3 ]");
  assertThrows(() => assertEquals<unknown>(1, "1"), AssertionError);
  assertNotEquals(new Uint8Array([1]), new Uint8Array([2]));
});

Deno.test("assertThrows() and assertRejects() insist on class and message", async () => {
  assertThrows(() => assertThrows(() => {}), AssertionError);
  assertThrows(() =>
    assertThrows(() => {
      throw new TypeError("x");
    }, RangeError), AssertionError);
  const e = await assertRejects(() => Promise.reject(new TypeError("boo")), TypeError, "oo");
  assert(e instanceof TypeError);
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError);
});

Deno.test("the other assertions accept what they should", () => {
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertArrayIncludes([1, { a: 1 }], [{ a: 1 }]);
  assertMatch("tuxnet", /^tux/);
  assertObjectMatch({ a: { b: 1, c: 2 } }, { a: { b: 1 } });
});

// SPDX-License-Identifier: GPL-2.0-only
//
// A stand-in for jsr:@std/assert where the registry is out of reach (deno.json `links`): the part of
// its face that the tests use, over node:assert's deep comparison and node:util's inspect.

import { isDeepStrictEqual } from "node:util";
import { inspect } from "node:util";

/** What every assertion of this module throws. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

function show(v: unknown): string {
  return inspect(v, { depth: 6, breakLength: 100, maxArrayLength: 64, sorted: true });
}

function die(what: string, msg?: string): never {
  throw new AssertionError(msg ? `${what}: ${msg}` : what);
}

/** -0 and 0 differ here as in the original; undefined members do not matter to equality. */
function strip(v: unknown): unknown {
  if (v === null || typeof v !== "object") return v;
  if (Array.isArray(v)) return v.map(strip);
  if (Object.getPrototypeOf(v) !== Object.prototype) return v;
  const out: Record<string, unknown> = {};
  for (const [k, x] of Object.entries(v)) if (x !== undefined) out[k] = strip(x);
  return out;
}

/** Structural equality. */
export function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b) || isDeepStrictEqual(strip(a), strip(b));
}

/** The first line at which two shown values part, marked. */
function diff(actual: unknown, expected: unknown): string {
  const a = show(actual).split("\n"), b = show(expected).split("\n");
  if (a.length === 1 && b.length === 1) return `\n  actual:   ${a[0]}\n  expected: ${b[0]}`;
  const out: string[] = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (a[i] === b[j]) {
      out.push(`    ${a[i]}`);
      i++;
      j++;
      continue;
    }
    const ahead = i < a.length ? b.indexOf(a[i], j) : -1;
    if (ahead >= 0 || i >= a.length) {
      const end = ahead >= 0 ? ahead : b.length;
      while (j < end) out.push(`  + ${b[j++]}`);
    } else out.push(`  - ${a[i++]}`);
  }
  return `\n  (- actual, + expected)\n${out.join("\n")}`;
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg || "Assertion failed");
}

/** Fails. */
export function fail(msg?: string): never {
  die("Failed assertion", msg);
}

/** Marks a place that must not be reached. */
export function unreachable(msg?: string): never {
  die("Unreachable", msg);
}

/** Deep equality. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) die(`Values are not equal${diff(actual, expected)}`, msg);
}

/** Deep inequality. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) die(`Expected something else than ${show(actual)}`, msg);
}

/** Identity by Object.is. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    die(`Values are not strictly equal${diff(actual, expected)}`, msg);
  }
}

/** No identity by Object.is. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) die(`Expected not to be ${show(actual)}`, msg);
}

/** Neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) die(`Expected a value, got ${actual}`, msg);
}

/** Falsy. */
export function assertFalse(expr: unknown, msg?: string): void {
  if (expr) die(`Expected a falsy value, got ${show(expr)}`, msg);
}

/** `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) die(`Expected ${show(actual)} to contain ${show(expected)}`, msg);
}

/** `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) die(`Expected ${show(actual)} to match ${expected}`, msg);
}

/** `actual` does not match `expected`. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) die(`Expected ${show(actual)} not to match ${expected}`, msg);
}

/** a > b */
export function assertGreater<T>(a: T, b: T, msg?: string): void {
  if (!(a > b)) die(`Expected ${show(a)} > ${show(b)}`, msg);
}

/** a >= b */
export function assertGreaterOrEqual<T>(a: T, b: T, msg?: string): void {
  if (!(a >= b)) die(`Expected ${show(a)} >= ${show(b)}`, msg);
}

/** a < b */
export function assertLess<T>(a: T, b: T, msg?: string): void {
  if (!(a < b)) die(`Expected ${show(a)} < ${show(b)}`, msg);
}

/** a <= b */
export function assertLessOrEqual<T>(a: T, b: T, msg?: string): void {
  if (!(a <= b)) die(`Expected ${show(a)} <= ${show(b)}`, msg);
}

/** |actual - expected| <= tolerance (1e-7 of expected by default). */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  tolerance ??= expected === 0 ? 1e-7 : Math.abs(expected) * 1e-7;
  if (!(Math.abs(actual - expected) <= tolerance)) {
    die(`Expected ${actual} to be within ${tolerance} of ${expected}`, msg);
  }
}

// deno-lint-ignore no-explicit-any
type AnyClass<T = unknown> = abstract new (...args: any[]) => T;

/** `actual instanceof cls` */
export function assertInstanceOf<T>(
  actual: unknown,
  cls: AnyClass<T>,
  msg?: string,
): asserts actual is T {
  if (!(actual instanceof cls)) {
    die(`Expected an instance of ${cls.name}, got ${show(actual)}`, msg);
  }
}

/** Every member of `expected` is deeply equal to some member of `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const have = Array.from(actual);
  const missing = Array.from(expected).filter((e) => !have.some((h) => equal(h, e)));
  if (missing.length) die(`Expected ${show(actual)} to include ${show(missing)}`, msg);
}

/** `expected`'s members, deeply, are among `actual`'s. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const part = (a: unknown, e: unknown): unknown => {
    if (e === null || typeof e !== "object" || a === null || typeof a !== "object") return a;
    if (Array.isArray(e) || Object.getPrototypeOf(e) !== Object.prototype) return a;
    const out: Record<string, unknown> = {};
    for (const [k, v] of Object.entries(e)) out[k] = part((a as Record<string, unknown>)[k], v);
    return out;
  };
  assertEquals(part(actual, expected), expected as unknown, msg);
}

function judge<E extends Error>(
  e: unknown,
  cls?: AnyClass<E>,
  includes?: string,
  msg?: string,
): E {
  if (!(e instanceof Error)) die(`Something that is no Error was thrown: ${show(e)}`, msg);
  if (cls && !(e instanceof cls)) {
    die(`Expected ${cls.name} to be thrown, but got ${e.name}: ${e.message}`, msg);
  }
  if (includes !== undefined && !e.message.includes(includes)) {
    die(`Expected the error's message to contain ${show(includes)}, got ${show(e.message)}`, msg);
  }
  return e as E;
}

/** `fn` throws; with a class and a text, that class with that text in its message. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  cls: AnyClass<E>,
  includes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  cls?: AnyClass<E> | string,
  includes?: string,
  msg?: string,
): unknown {
  if (typeof cls === "string") [cls, msg] = [undefined, cls];
  try {
    fn();
  } catch (e) {
    return cls || includes !== undefined ? judge(e, cls, includes, msg) : e;
  }
  die("Expected the function to throw", msg);
}

/** The promise of `fn` rejects; with a class and a text as assertThrows(). */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  cls: AnyClass<E>,
  includes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  cls?: AnyClass<E> | string,
  includes?: string,
  msg?: string,
): Promise<unknown> {
  if (typeof cls === "string") [cls, msg] = [undefined, cls];
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (e) {
    die(`The function threw where it should have rejected: ${e}`, msg);
  }
  try {
    await promise;
  } catch (e) {
    return cls || includes !== undefined ? judge(e, cls, includes, msg) : e;
  }
  die("Expected the promise to reject", msg);
}

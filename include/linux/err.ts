// SPDX-License-Identifier: GPL-2.0-only
//
// Functions that return an object or an error return `T | number`, the number a negative errno.

/** True of an error. */
export function IS_ERR(ptr: unknown): ptr is number {
  return typeof ptr === "number";
}

/** True of an error and of null. */
export function IS_ERR_OR_NULL(ptr: unknown): ptr is number | null | undefined {
  return ptr === null || ptr === undefined || typeof ptr === "number";
}

/** The negative errno of an error. */
export function PTR_ERR(ptr: number): number {
  return ptr;
}

/** An error of this negative errno. */
export function ERR_PTR(error: number): number {
  return error;
}

/** The negative errno, 0 for an object. */
export function PTR_ERR_OR_ZERO(ptr: unknown): number {
  return typeof ptr === "number" ? ptr : 0;
}

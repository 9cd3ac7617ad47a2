// SPDX-License-Identifier: GPL-2.0-only
//
// Lists that end in a number instead of null: the number tells a lookup on which list it ended.
// ehash and lhash2 are made of them. Walk with
// `for (let n = head.first; !is_a_nulls(n); n = n.next)`.

/** The number at the end of a list, or a node. */
export type hlist_nulls_next<T = unknown> = hlist_nulls_node<T> | number;

/**
 * A word that holds a node or the end's number: what `pprev` points to.
 * @local
 */
export interface hlist_nulls_slot<T = unknown> {
  /** The next member, or the number of the list that ends here. */
  next: hlist_nulls_next<T>;
}

/**
 * Head of a nulls list: a pointer to a word in an array of them. The words themselves lie side by side, as in C, so
 * that a lookup which knows the index fetches no other object.
 */
export class hlist_nulls_head<T = unknown> implements hlist_nulls_slot<T> {
  readonly heads: hlist_nulls_next<T>[];
  readonly index: number;

  constructor(heads: hlist_nulls_next<T>[], index: number) {
    this.heads = heads;
    this.index = index;
  }

  /** The first node, or the end's number. */
  get first(): hlist_nulls_next<T> {
    return this.next;
  }

  get next(): hlist_nulls_next<T> {
    return this.heads[this.index];
  }
  set next(v: hlist_nulls_next<T>) {
    this.heads[this.index] = v;
  }
}

/**
 * A member of a nulls list; `pprev` is null while it is in none. What stands in such a list is itself the node, as
 * sock_common: a lookup then fetches one object for each member, as in C, and not two.
 */
export class hlist_nulls_node<T = unknown> implements hlist_nulls_slot<T> {
  /** The next member, or the number of the list that ends here. */
  next: hlist_nulls_next<T> = 0;
  /** The word that points here; null while in no list. */
  pprev: hlist_nulls_slot<T> | null = null;

  /** container_of */
  get owner(): T {
    return this as unknown as T;
  }
}

/** What a list of this number ends in. @differs the number itself, no tag bit is needed */
export function NULLS_MARKER(value: number): number {
  return value;
}

/** Makes a list empty, ending in `nulls`. */
export function INIT_HLIST_NULLS_HEAD<T>(head: hlist_nulls_head<T>, nulls: number): void {
  head.next = nulls;
}

/** True of the end of a list. */
export function is_a_nulls<T>(ptr: hlist_nulls_next<T>): ptr is number {
  return typeof ptr === "number";
}

/** The number that a list ends in. */
export function get_nulls_value(ptr: number): number {
  return ptr;
}

/** True of a node in no list. */
export function hlist_nulls_unhashed<T>(n: hlist_nulls_node<T>): boolean {
  return n.pprev === null;
}

/** True of a list without members. */
export function hlist_nulls_empty<T>(head: hlist_nulls_head<T>): boolean {
  return typeof head.next === "number";
}

/** Adds at the front. */
export function hlist_nulls_add_head<T>(n: hlist_nulls_node<T>, h: hlist_nulls_head<T>): void {
  const first = h.next;
  n.next = first;
  n.pprev = h;
  h.next = n;
  if (typeof first !== "number") first.pprev = n;
}

/** Adds at the front. */
export function hlist_nulls_add_head_rcu<T>(n: hlist_nulls_node<T>, h: hlist_nulls_head<T>): void {
  hlist_nulls_add_head(n, h);
}

/** Adds at the end: walks the list. */
export function hlist_nulls_add_tail_rcu<T>(n: hlist_nulls_node<T>, h: hlist_nulls_head<T>): void {
  let last: hlist_nulls_slot<T> = h;
  let next = h.next;
  while (typeof next !== "number") {
    last = next;
    next = next.next;
  }
  n.next = next;
  n.pprev = last;
  last.next = n;
}

/** Unlinks a hashed node; leaves the node's own words as they were. */
export function __hlist_nulls_del<T>(n: hlist_nulls_node<T>): void {
  const next = n.next;
  const pprev = n.pprev as hlist_nulls_slot<T>;
  pprev.next = next;
  if (typeof next !== "number") next.pprev = pprev;
}

/** Unlinks a hashed node. */
export function hlist_nulls_del<T>(n: hlist_nulls_node<T>): void {
  __hlist_nulls_del(n);
  n.pprev = null;
}

/** Unlinks a hashed node. */
export function hlist_nulls_del_rcu<T>(n: hlist_nulls_node<T>): void {
  __hlist_nulls_del(n);
  n.pprev = null;
}

/** Unlinks a node that may be unhashed already; `next` stays, for a walk that stands on it. */
export function hlist_nulls_del_init_rcu<T>(n: hlist_nulls_node<T>): void {
  if (n.pprev === null) return;
  __hlist_nulls_del(n);
  n.pprev = null;
}

/** Puts `n` in the place of `old`, which is left unhashed. */
export function hlist_nulls_replace_init_rcu<T>(
  old: hlist_nulls_node<T>,
  n: hlist_nulls_node<T>,
): boolean {
  if (old.pprev === null) return false;
  const next = old.next;
  n.next = next;
  n.pprev = old.pprev;
  n.pprev.next = n;
  if (typeof next !== "number") next.pprev = n;
  old.pprev = null;
  return true;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The heads and nodes of intrusive lists. A node's `owner` is the object that it is embedded in,
// where C would use container_of(). Operations on them: list.ts and, for lists that end in a
// number, list_nulls.ts. A class that is a node itself has its fields, as timer_list and sock_common, and does not
// extend it: V8 does not inline a constructor that several classes share, and there are five timers to a socket.

/**
 * A word that holds a node: what `hlist_node.pprev` points to. Head and node both are one.
 * @local
 */
export interface hlist_slot<T = unknown> {
  next: hlist_node<T> | null;
}

/** Head of a list whose nodes point back to the word that points to them. */
export class hlist_head<T = unknown> implements hlist_slot<T> {
  next: hlist_node<T> | null = null;

  /** The first node. */
  get first(): hlist_node<T> | null {
    return this.next;
  }
}

/** A member of an hlist; `pprev` is null while it is in none. */
export class hlist_node<T = unknown> implements hlist_slot<T> {
  next: hlist_node<T> | null = null;
  pprev: hlist_slot<T> | null = null;
  owner: T;

  constructor(owner: T) {
    this.owner = owner;
  }
}

/** Head or member of a circular doubly linked list. A head's owner is null. */
export class list_head<T = unknown> {
  next: list_head<T>;
  prev: list_head<T>;
  owner: T;

  /** A member embedded in `owner`; a head has none. */
  constructor(owner?: T) {
    this.next = this;
    this.prev = this;
    this.owner = owner === undefined ? null as T : owner;
  }
}

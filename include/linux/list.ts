// SPDX-License-Identifier: GPL-2.0-only
//
// Operations on list_head (circular) and hlist (one pointer per head) of types.ts. Walk them with
// plain loops: `for (let n = head.next; n; n = n.next)` for an hlist, `for (let p = head.next;
// p !== head; p = p.next)` for a list_head.

import type { hlist_head, hlist_node, hlist_slot, list_head } from "./types.ts";

/** Makes a list empty, a member a member of nothing. */
export function INIT_LIST_HEAD<T>(list: list_head<T>): void {
  list.next = list;
  list.prev = list;
}

/** Puts `entry` between two neighbours. */
export function __list_add<T>(entry: list_head<T>, prev: list_head<T>, next: list_head<T>): void {
  next.prev = entry;
  entry.next = next;
  entry.prev = prev;
  prev.next = entry;
}

/** Adds at the front. */
export function list_add<T>(entry: list_head<T>, head: list_head<T>): void {
  __list_add(entry, head, head.next);
}

/** Adds at the end. */
export function list_add_tail<T>(entry: list_head<T>, head: list_head<T>): void {
  __list_add(entry, head.prev, head);
}

/** Joins the two neighbours of what stood between them. */
export function __list_del<T>(prev: list_head<T>, next: list_head<T>): void {
  next.prev = prev;
  prev.next = next;
}

/** Unlinks; the entry is left linked to itself, so that list_empty() holds of it. */
export function list_del<T>(entry: list_head<T>): void {
  __list_del(entry.prev, entry.next);
  INIT_LIST_HEAD(entry);
}

/** Unlinks and makes the entry a list of its own. */
export function list_del_init<T>(entry: list_head<T>): void {
  __list_del(entry.prev, entry.next);
  INIT_LIST_HEAD(entry);
}

/** Moves to the front of another list. */
export function list_move<T>(entry: list_head<T>, head: list_head<T>): void {
  __list_del(entry.prev, entry.next);
  list_add(entry, head);
}

/** Moves to the end of another list. */
export function list_move_tail<T>(entry: list_head<T>, head: list_head<T>): void {
  __list_del(entry.prev, entry.next);
  list_add_tail(entry, head);
}

/** True of an empty list and of an unlinked member. */
export function list_empty<T>(head: list_head<T>): boolean {
  return head.next === head;
}

/** True of the last member. */
export function list_is_last<T>(entry: list_head<T>, head: list_head<T>): boolean {
  return entry.next === head;
}

/** True of a list with one member. */
export function list_is_singular<T>(head: list_head<T>): boolean {
  return head.next !== head && head.next === head.prev;
}

/** The owner of the first member; the list must not be empty. */
export function list_first_entry<T>(head: list_head<T>): T {
  return head.next.owner;
}

/** The owner of the first member or null. */
export function list_first_entry_or_null<T>(head: list_head<T>): T | null {
  return head.next === head ? null : head.next.owner;
}

/** The owner of the last member; the list must not be empty. */
export function list_last_entry<T>(head: list_head<T>): T {
  return head.prev.owner;
}

function __list_splice<T>(list: list_head<T>, prev: list_head<T>, next: list_head<T>): void {
  const first = list.next;
  const last = list.prev;
  first.prev = prev;
  prev.next = first;
  last.next = next;
  next.prev = last;
}

/** Moves all members of `list` to the front of `head`; `list` is empty afterwards. */
export function list_splice_init<T>(list: list_head<T>, head: list_head<T>): void {
  if (list.next === list) return;
  __list_splice(list, head, head.next);
  INIT_LIST_HEAD(list);
}

/** Moves all members of `list` to the end of `head`; `list` is empty afterwards. */
export function list_splice_tail_init<T>(list: list_head<T>, head: list_head<T>): void {
  if (list.next === list) return;
  __list_splice(list, head.prev, head);
  INIT_LIST_HEAD(list);
}

/** Moves all members of `list` to the end of `head`; `list` itself is left as it was. */
export function list_splice_tail<T>(list: list_head<T>, head: list_head<T>): void {
  if (list.next !== list) __list_splice(list, head.prev, head);
}

/** Makes a list empty. */
export function INIT_HLIST_HEAD<T>(h: hlist_head<T>): void {
  h.next = null;
}

/** Makes a node a member of nothing. */
export function INIT_HLIST_NODE<T>(n: hlist_node<T>): void {
  n.next = null;
  n.pprev = null;
}

/** True of a node in no list. */
export function hlist_unhashed<T>(n: hlist_node<T>): boolean {
  return n.pprev === null;
}

/** True of a list without members. */
export function hlist_empty<T>(h: hlist_head<T>): boolean {
  return h.next === null;
}

/** Unlinks a hashed node; leaves the node's own words as they were. */
export function __hlist_del<T>(n: hlist_node<T>): void {
  const next = n.next;
  const pprev = n.pprev as hlist_slot<T>;
  pprev.next = next;
  if (next !== null) next.pprev = pprev;
}

/** Unlinks a hashed node; its `next` stays, for a walk that stands on it. */
export function hlist_del<T>(n: hlist_node<T>): void {
  __hlist_del(n);
  n.pprev = null;
}

/** Unlinks a node that may be unhashed already. */
export function hlist_del_init<T>(n: hlist_node<T>): void {
  if (n.pprev === null) return;
  __hlist_del(n);
  n.next = null;
  n.pprev = null;
}

/** As hlist_del_init(); `next` stays, for a walk that stands on the node. */
export function hlist_del_init_rcu<T>(n: hlist_node<T>): void {
  if (n.pprev === null) return;
  __hlist_del(n);
  n.pprev = null;
}

/** Adds at the front. */
export function hlist_add_head<T>(n: hlist_node<T>, h: hlist_head<T>): void {
  const first = h.next;
  n.next = first;
  if (first !== null) first.pprev = n;
  h.next = n;
  n.pprev = h;
}

/** Adds before a member. */
export function hlist_add_before<T>(n: hlist_node<T>, next: hlist_node<T>): void {
  const pprev = next.pprev as hlist_slot<T>;
  n.pprev = pprev;
  n.next = next;
  next.pprev = n;
  pprev.next = n;
}

/** Adds behind a member. */
export function hlist_add_behind<T>(n: hlist_node<T>, prev: hlist_node<T>): void {
  const next = prev.next;
  n.next = next;
  prev.next = n;
  n.pprev = prev;
  if (next !== null) next.pprev = n;
}

/** Adds at the end: walks the list. */
export function hlist_add_tail_rcu<T>(n: hlist_node<T>, h: hlist_head<T>): void {
  let last: hlist_slot<T> = h;
  while (last.next !== null) last = last.next;
  n.next = null;
  n.pprev = last;
  last.next = n;
}

/** Moves a whole list to another head. */
export function hlist_move_list<T>(old: hlist_head<T>, h: hlist_head<T>): void {
  h.next = old.next;
  if (h.next !== null) h.next.pprev = h;
  old.next = null;
}

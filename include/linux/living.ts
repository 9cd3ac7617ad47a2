// SPDX-License-Identifier: GPL-2.0-only
//
// What is in being, for the leak report: what a slab cache knows of its objects. A Set would give each object a hash first.

/** What stands in a living_list; `living_index` is its own. @local */
export interface living {
  living_index: number;
}

/** Objects in no order, entered and taken out at once. @local */
export class living_list<T extends living> {
  private readonly objects: T[] = [];

  get size(): number {
    return this.objects.length;
  }

  /** Enters an object that is not in it. */
  add(o: T): void {
    o.living_index = this.objects.length;
    this.objects.push(o);
  }

  /** Takes an object out, if it is in it: the last one moves to its place. */
  delete(o: T): void {
    const i = o.living_index;
    if (this.objects[i] !== o) return;
    const last = this.objects.pop()!;
    if (last === o) return;
    this.objects[i] = last;
    last.living_index = i;
  }

  clear(): void {
    this.objects.length = 0;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.objects[Symbol.iterator]();
  }
}

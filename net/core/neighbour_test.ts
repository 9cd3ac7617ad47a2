// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { net_device } from "../../include/linux/netdevice.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  neigh_confirm,
  neigh_table,
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
} from "../../include/net/neighbour.ts";
import type { neigh_ops, neighbour } from "../../include/net/neighbour.ts";
import { EPERM } from "../../include/uapi/asm-generic/errno.ts";
import { timers_pending } from "../../kernel/time/timer.ts";
import {
  neigh_add,
  neigh_create,
  neigh_delete,
  neigh_event_send,
  neigh_ifdown,
  neigh_lookup,
  neigh_table_init,
  neigh_update,
} from "./neighbour.ts";
import { alloc_skb, consume_skb, kfree_skb, nr_skbs_alive, skb_init } from "./skbuff.ts";

const PEER = 0xc6336401 | 0;
const ha = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);

/** A table whose neighbours note what becomes of packets. */
class table_test {
  readonly machine = new sim_machine();
  readonly tbl = new neigh_table();
  readonly dev = new net_device("eth0");
  readonly t0: number;
  /** What happened, with s since the start: the timer wheel is up to an eighth late. */
  readonly log: string[] = [];

  constructor() {
    this.machine.start();
    skb_init();
    const ops: neigh_ops = {
      family: 2,
      solicit: (neigh) => this.note(`ask ${neigh.probes}`),
      error_report: (_neigh, skb) => {
        this.note(`failed ${skb.mark}`);
        kfree_skb(skb);
      },
      output: (neigh, skb) => this.send("slow", neigh, skb),
      connected_output: (neigh, skb) => this.send("fast", neigh, skb),
    };
    this.dev.addr_len = 6;
    this.tbl.hash = (pkey, dev, rnd) => Math.imul(pkey ^ dev.ifindex, rnd);
    this.tbl.constructor_ = (neigh) => {
      neigh.ops = ops;
      neigh.output = ops.output;
      return 0;
    };
    neigh_table_init(0, this.tbl);
    this.tbl.parms.reachable_time = 30000;
    this.t0 = jiffies;
  }

  note(what: string): void {
    this.log.push(`${Math.floor(((jiffies - this.t0) | 0) / 1000)} ${what}`);
  }

  private send(path: string, neigh: neighbour, skb: sk_buff): number {
    if (neigh_event_send(neigh, skb) !== 0) return 0;
    this.note(`${path} ${skb.mark} to ${neigh.ha[5]}`);
    consume_skb(skb);
    return 0;
  }

  create(): neighbour {
    return neigh_create(this.tbl, PEER, this.dev) as neighbour;
  }

  output(neigh: neighbour, mark: number): void {
    const skb = alloc_skb(64);
    skb.mark = mark;
    neigh.output(neigh, skb);
  }

  [Symbol.dispose](): void {
    neigh_ifdown(this.tbl, null);
    assertEquals(this.tbl.entries, 0);
    assertEquals(timers_pending(), []);
    assertEquals(nr_skbs_alive(), 0);
  }
}

Deno.test("neigh_timer_handler() asks three times, a second apart, then reports what waited", async () => {
  using t = new table_test();
  const n = t.create();
  t.output(n, 1);
  t.output(n, 2);
  assertEquals(n.nud_state, NUD_INCOMPLETE);
  await t.machine.advance(5000);
  assertEquals(n.nud_state, NUD_FAILED);
  assertEquals(t.log, ["0 ask 3", "1 ask 4", "2 ask 5", "3 failed 1", "3 failed 2"]);
});

Deno.test("neigh_update() sends what waited, in order, when the address comes", async () => {
  using t = new table_test();
  const n = t.create();
  t.output(n, 1);
  t.output(n, 2);
  await t.machine.advance(10);
  assertEquals(neigh_update(n, ha(7), NUD_REACHABLE, NEIGH_UPDATE_F_OVERRIDE, 0), 0);
  t.output(n, 3);
  assertEquals(t.log, ["0 ask 3", "0 fast 1 to 7", "0 fast 2 to 7", "0 fast 3 to 7"]);
});

Deno.test("neighbour goes REACHABLE, STALE, DELAY, PROBE when used late and not confirmed", async () => {
  using t = new table_test();
  const n = t.create();
  neigh_update(n, ha(7), NUD_REACHABLE, NEIGH_UPDATE_F_OVERRIDE, 0);
  await t.machine.advance(34000);
  assertEquals(n.nud_state, NUD_STALE);
  t.output(n, 1);
  assertEquals(n.nud_state, NUD_DELAY);
  await t.machine.advance(5600);
  assertEquals(n.nud_state, NUD_PROBE);
  await t.machine.advance(5000);
  assertEquals(n.nud_state, NUD_FAILED);
  const asked = t.log.filter((l) => l.includes("ask")).map((l) => l.split(" ").slice(1).join(" "));
  assertEquals(asked, ["ask 0", "ask 1", "ask 2"]);
});

Deno.test("neigh_confirm() in DELAY saves the question", async () => {
  using t = new table_test();
  const n = t.create();
  neigh_update(n, ha(7), NUD_STALE, NEIGH_UPDATE_F_OVERRIDE, 0);
  t.output(n, 1);
  await t.machine.advance(1000);
  neigh_confirm(n);
  await t.machine.advance(4700);
  assertEquals(n.nud_state, NUD_REACHABLE);
  assertEquals(t.log, ["0 slow 1 to 7"]);
});

Deno.test("__neigh_event_send() drops the oldest beyond queue_len_bytes", () => {
  using t = new table_test();
  const n = t.create();
  const { truesize } = ((skb) => (kfree_skb(skb), skb))(alloc_skb(64));
  n.parms.queue_len_bytes = truesize * 2;
  for (let i = 1; i <= 4; i++) t.output(n, i);
  assertEquals(t.tbl.stats.unres_discards, 2);
  neigh_update(n, ha(7), NUD_REACHABLE, 0, 0);
  assertEquals(t.log.slice(1), ["0 fast 3 to 7", "0 fast 4 to 7"]);
  n.parms.queue_len_bytes = 212992;
});

Deno.test("neigh_update() keeps a good address without NEIGH_UPDATE_F_OVERRIDE", () => {
  using t = new table_test();
  const n = t.create();
  neigh_update(n, ha(7), NUD_REACHABLE, 0, 0);
  neigh_update(n, ha(8), NUD_REACHABLE, 0, 0);
  assertEquals(n.ha[5], 7);
  neigh_update(n, ha(8), NUD_STALE, NEIGH_UPDATE_F_OVERRIDE, 0);
  assertEquals([n.ha[5], n.nud_state], [8, NUD_STALE]);
});

Deno.test("neigh_add() makes a permanent entry that only an administrator changes", async () => {
  using t = new table_test();
  assertEquals(neigh_add(t.tbl, t.dev, PEER, ha(9), NUD_PERMANENT), 0);
  const n = neigh_lookup(t.tbl, PEER, t.dev)!;
  assertEquals(neigh_update(n, ha(7), NUD_REACHABLE, NEIGH_UPDATE_F_OVERRIDE, 0), -EPERM);
  await t.machine.advance(100000);
  t.output(n, 1);
  assertEquals(t.log, ["100 fast 1 to 9"]);
  assertEquals(neigh_delete(t.tbl, t.dev, PEER), 0);
  assertEquals(neigh_lookup(t.tbl, PEER, t.dev), null);
});

Deno.test("neigh_hash_grow() keeps every entry", () => {
  using t = new table_test();
  for (let i = 0; i < 100; i++) neigh_create(t.tbl, i, t.dev);
  assertEquals(t.tbl.entries, 100);
  for (let i = 0; i < 100; i++) assertEquals(neigh_lookup(t.tbl, i, t.dev)?.primary_key, i);
});

Deno.test("__neigh_create() makes room in a full table, or fails", () => {
  using t = new table_test();
  t.tbl.gc_thresh2 = t.tbl.gc_thresh3 = 4;
  for (let i = 0; i < 4; i++) neigh_create(t.tbl, i, t.dev);
  assertEquals(neigh_create(t.tbl, 4, t.dev), -105);
  neigh_lookup(t.tbl, 0, t.dev)!.nud_state = NUD_NOARP;
  neigh_create(t.tbl, 4, t.dev);
  assertEquals(neigh_lookup(t.tbl, 0, t.dev), null);
  assertEquals(t.tbl.entries, 4);
});

Deno.test("neigh_periodic_work() drops what nobody uses, while the table is large", async () => {
  using t = new table_test();
  for (let i = 0; i < 130; i++) {
    neigh_update(neigh_create(t.tbl, i, t.dev) as neighbour, ha(7), NUD_STALE, 0, 0);
  }
  await t.machine.advance(100000);
  assertEquals(t.tbl.entries, 0);
});

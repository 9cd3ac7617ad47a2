// SPDX-License-Identifier: GPL-2.0-only
//
// boot() and shutdown(): one machine after another, in real and in virtual time, and the leak check.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { living_files } from "./fs/file_table.ts";
import { AF_INET } from "./include/linux/socket.ts";
import { jiffies } from "./include/linux/jiffies.ts";
import { SOCK_DGRAM, SOCK_STREAM } from "./include/linux/net.ts";
import { EINTR } from "./include/uapi/asm-generic/errno.ts";
import { timers_pending } from "./kernel/time/timer.ts";
import { living_socks } from "./net/core/sock.ts";
import { living_sockets } from "./net/socket.ts";
import { boot, connect, DeadlockError, LeakError, listen } from "./mod.ts";
import { alloc_skb, kfree_skb } from "./net/core/skbuff.ts";
import { inet_forward_change } from "./net/ipv4/devinet.ts";
import { tcp_hashinfo } from "./net/ipv4/inet_hashtables.ts";
import { two_hosts } from "./tools/testing/two_hosts.ts";

/** Echoes one connection's bytes over the loopback device. */
async function echo_over_lo(m: ReturnType<typeof boot>, port: number): Promise<void> {
  const u = m.host().task("echo");
  using l = listen(u, { hostname: "127.0.0.1", port });
  const accepted = l.accept();
  using c = await connect(u, { port });
  using s = await accepted;
  await c.writeAll(new Uint8Array(200000).fill(7));
  await c.closeWrite();
  let n = 0;
  const buf = new Uint8Array(65536);
  for (let k; (k = await s.read(buf)) !== null;) n += k;
  assertEquals(n, 200000);
}

Deno.test("boot() runs in the host's time; shutdown() ends what is open", async () => {
  for (const port of [7, 8]) {
    const m = boot();
    assertThrows(() => boot(), Error, "a machine is running");
    await echo_over_lo(m, port);
    const u = m.host().task("left");
    listen(u, { port: 9 });
    u.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(living_files.size, 2);
    await m.shutdown({ grace_ms: 50 });
    assertEquals(living_files.size, 0);
  }
});

Deno.test("boot({clock: 'sim'}) takes thash_entries; a run with the same seed is the same", async () => {
  const run = async (seed: number): Promise<string> => {
    const m = boot({ clock: "sim", seed, thash_entries: 100 });
    assertEquals(tcp_hashinfo.ehash_mask, 127);
    const u = m.host().task();
    const l = listen(u, { port: 7 });
    const c = await m.sim!.run_until(connect(u, { port: 7 }));
    const addr = `${c!.localAddr.hostname}:${c!.localAddr.port}`;
    l.close();
    await m.shutdown();
    return addr;
  };
  assertEquals(await run(5), await run(5));
});

Deno.test("three hosts in a row forward by their routes", async () => {
  await using m = boot({ clock: "sim" });
  const [a, r, b] = ["a", "r", "b"].map((n) => m.host(n));
  const [a0, r0] = m.wire(a, r);
  const [r1, b0] = m.wire(r, b);
  a0.ifconfig("10.0.1.2/24");
  r0.ifconfig("10.0.1.1/24");
  r1.ifconfig("10.0.2.1/24");
  b0.ifconfig("10.0.2.2/24");
  a.route_add("default", "10.0.1.1");
  b.route_add("10.0.1.0/24", "10.0.2.1", "eth0");
  r.net.ipv4.devconf_all.forwarding = 1;
  inet_forward_change(r.net);
  const l = listen(b.task("b"), { port: 7 });
  const c = await m.sim!.run_until(connect(a.task("a"), { hostname: "10.0.2.2", port: 7 }));
  assertEquals(c!.localAddr.hostname, "10.0.1.2");
  l.close();
});

Deno.test("one simulated machine after another starts afresh, whatever was open", async () => {
  const run = async (): Promise<unknown[]> => {
    const m = boot({ clock: "sim", seed: 3 });
    const u = m.host("a").task("a");
    const l = listen(u, { port: 7 });
    const conns = [];
    for (let i = 0; i < 20; i++) {
      const accepted = l.accept();
      conns.push(await m.sim!.run_until(connect(u, { port: 7 })), await accepted);
    }
    for (const c of conns) await c!.write(new Uint8Array(1000));
    assertEquals(living_files.size, 41);
    const state = [
      m.sim!.now(),
      jiffies,
      u.task.pid,
      conns.map((c) => [c!.rid, c!.localAddr.port]),
    ];
    const asleep = u.sys_read(conns[0]!.rid, new Uint8Array(2000));
    if (asleep instanceof Promise) throw new Error("it has 1000 bytes");
    const waits = u.sys_accept(l.rid);
    await m.shutdown();
    assertEquals(await waits, -EINTR);
    assertEquals([living_files.size, living_sockets.size, living_socks.size], [0, 0, 0]);
    assertEquals(timers_pending().filter((t) => t !== "delayed_work_timer_fn"), []);
    return state;
  };
  const one = await run();
  assertEquals(await run(), one);
  assertEquals(await run(), one);
});

Deno.test("shutdown() by two at once, on the host's clock, finds no leak in itself", async () => {
  const m = boot();
  const server = listen(m.host().task("server"), { port: 7 });
  const c = await connect(m.host().task("client"), { port: 7 });
  await server.accept();
  await Promise.all([m.shutdown({ grace_ms: 50 }), m.shutdown({ grace_ms: 50 })]);
  assertEquals(c.remoteAddr.port, 7);
});

Deno.test("shutdown() twice is once; a machine is gone then", async () => {
  const m = boot({ clock: "sim" });
  // The second is called while the first goes on, the third afterwards.
  await Promise.all([m.shutdown(), m.shutdown()]);
  await m.shutdown();
  await using n = boot({ clock: "sim" });
  assertEquals(n === m, false);
});

Deno.test("a deadlock names every wait: who sleeps, in what", async () => {
  const m = boot({ clock: "sim" });
  const a = m.host("a").task("acceptor"), r = m.host("a").task("reader");
  const p = m.host("a").task("poller"), w = m.host("a").task("writer");
  const l = listen(a, { port: 7 });
  const accepted = l.accept();
  const c = await m.sim!.run_until(connect(w, { port: 7 }));
  const s = await accepted;
  const waits: Promise<unknown>[] = [l.accept(), s.read(new Uint8Array(1))];
  waits.push(Promise.resolve(p.sys_poll([], 0, -1)));
  const udp = r.sys_socket(AF_INET, SOCK_DGRAM);
  waits.push(Promise.resolve(r.sys_read(udp, new Uint8Array(1))));
  const all = Promise.allSettled(waits);
  const e = await assertRejects(() => m.sim!.run_until(Promise.race(waits)), DeadlockError);
  for (
    const wait of [
      `acceptor/${a.task.pid} in accept`,
      `acceptor/${a.task.pid} in sk_wait_data`,
      `poller/${p.task.pid} in do_poll`,
      `reader/${r.task.pid} in __skb_wait_for_more_packets`,
    ]
  ) assertEquals(e.message.includes(wait), true, `${wait}: ${e.message}`);
  c!.close();
  await m.shutdown();
  await all;
});

Deno.test("two_hosts() throws LeakError for a packet that nobody frees", async () => {
  let skb: ReturnType<typeof alloc_skb> | null = null;
  await assertRejects(() => two_hosts(() => void (skb = alloc_skb(100))), LeakError, "sk_buff");
  kfree_skb(skb);
  await two_hosts(() => {});
});

Deno.test("two_hosts() throws what the test does, and reports a program that never ends", async () => {
  await assertRejects(() => two_hosts(() => Promise.reject(new RangeError("x"))), RangeError);
  await assertRejects(
    () => two_hosts(async ({ ua }) => void await listen(ua, { port: 7 }).accept()),
    DeadlockError,
    "in accept",
  );
});

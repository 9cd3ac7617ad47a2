// SPDX-License-Identifier: GPL-2.0-only
//
// Our end of the benchmark, in a process of its own.
//   stack.ts nic KIND offload|plain         a server on a TUN; 'ready' when it listens; until the end of stdin
//   stack.ts wire WARM MS RUNS FULL        Gbit/s between two hosts: WARM ms, then print_runs() of runs of MS ms
//   stack.ts ehash RUNS FULL SIZE/BUSY...  ns of a lookup at each of these loads, by print_runs()
//   stack.ts memory                        bytes of an idle connection

import { boot, check, connect, inet_addr, LeakError, listen } from "../../mod.ts";
import type { machine, userland } from "../../mod.ts";
import { assert_private_netns } from "../../arch/deno/netns.ts";
import { BULK, OURS, PORT, print_runs, THEIRS } from "./common.ts";
import { ehash_bench } from "./ehash.ts";
import type { ehash_load } from "./ehash.ts";

async function sink(u: userland, fd: number, buf: Uint8Array): Promise<number> {
  let bytes = 0;
  for (;;) {
    const ret = u.sys_read(fd, buf);
    const n = typeof ret === "number" ? ret : await ret;
    if (n <= 0) return bytes;
    bytes += n;
  }
}

async function source(u: userland, fd: number, buf: Uint8Array, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const ret = u.sys_write(fd, buf);
    if ((typeof ret === "number" ? ret : await ret) < 0) return;
  }
}

const bulk = new Uint8Array(BULK);

/** What a server does with a connection: the twins of peer.ts's. */
const servers: Record<string, (u: userland, fd: number) => Promise<unknown> | void> = {
  sink: (u, fd) => sink(u, fd, bulk),

  async source(u, fd) {
    const ms = new Uint32Array(1);
    if (await u.sys_read(fd, new Uint8Array(ms.buffer)) !== 4) return;
    await source(u, fd, bulk, ms[0]);
  },

  async echo(u, fd) {
    const byte = new Uint8Array(1);
    for (;;) {
      const n = await u.sys_read(fd, byte);
      if (n !== 1 || await u.sys_write(fd, byte) !== 1) return;
    }
  },

  close: () => {},
};

async function serve(u: userland, lfd: number, kind: string): Promise<void> {
  for (;;) {
    const fd = await u.sys_accept(lfd);
    if (fd < 0) return;
    const served = servers[kind](u, fd);
    if (served !== undefined) await served;
    await u.sys_close(fd);
  }
}

/** Ends the machine; what it leaked is told. */
async function shutdown(m: machine): Promise<void> {
  try {
    await m.shutdown({ grace_ms: 200 });
  } catch (e) {
    if (!(e instanceof LeakError)) throw e;
    console.error(`bench: ${e.message}`);
  }
}

async function nic_main(kind: string, offload: boolean): Promise<void> {
  assert_private_netns();
  const m = boot();
  const host = m.host();
  host.tuntap({ type: "tun", offload, host_address: inet_addr(THEIRS), host_prefix_len: 24 })
    .ifconfig(`${OURS}/24`);
  const u = host.task("bench");
  void serve(u, listen(u, { port: PORT }).rid, kind);
  console.log("ready");
  const buf = new Uint8Array(64);
  while (await Deno.stdin.read(buf) !== null);
  await shutdown(m);
}

/** A machine with two hosts on a wire, the first with a listener. */
function two_hosts(): { m: machine; server: userland; client: userland; lfd: number } {
  const m = boot();
  const [a, b] = m.wire(m.host("a"), m.host("b"));
  a.ifconfig(`${OURS}/24`);
  b.ifconfig(`${THEIRS}/24`);
  const server = a.host.task("server"), client = b.host.task("client");
  return { m, server, client, lfd: listen(server, { port: PORT, backlog: 4096 }).rid };
}

async function wire_main(warm: number, ms: number, runs: number, full: number): Promise<void> {
  const { m, server, client, lfd } = two_hosts();
  const theirs = new Uint8Array(BULK);
  const run = async (ms: number): Promise<number> => {
    const accepted = Promise.resolve(server.sys_accept(lfd));
    const conn = await connect(client, { hostname: OURS, port: PORT });
    const fd = check(await accepted, "accept");
    const start = performance.now();
    const received = sink(server, fd, bulk);
    await source(client, conn.rid, theirs, ms);
    conn.close();
    const bytes = await received;
    await server.sys_close(fd);
    return bytes * 8 / (performance.now() - start) / 1e6;
  };
  await run(warm);
  await print_runs(runs, full, async () => [await run(ms)]);
  await shutdown(m);
}

/** Heap and buffers in use, after garbage collection. */
async function memory_used(): Promise<number> {
  const { gc } = globalThis as unknown as { gc: () => void };
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const IDLE_CONNECTIONS = 4000;

async function memory_main(): Promise<void> {
  const { m, server, client, lfd } = two_hosts();
  const byte = new Uint8Array(1);
  const open = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i++) {
      const accepted = Promise.resolve(server.sys_accept(lfd));
      const conn = await connect(client, { hostname: OURS, port: PORT });
      const fd = check(await accepted, "accept");
      // A request and its answer: idle connections are not unused ones.
      check(await client.sys_write(conn.rid, byte), "write");
      check(await server.sys_read(fd, byte), "read");
      check(await server.sys_write(fd, byte), "write");
      check(await client.sys_read(conn.rid, byte), "read");
    }
  };
  await open(200);
  const before = await memory_used();
  await open(IDLE_CONNECTIONS);
  const after = await memory_used();
  // Both ends are here.
  console.log(String((after - before) / (2 * IDLE_CONNECTIONS)));
  await shutdown(m);
}

async function ehash_main(loads: ehash_load[], runs: number, full: number): Promise<void> {
  const m = boot();
  const tables = new ehash_bench(m.host().net, loads);
  tables.run();
  await print_runs(runs, full, () => tables.run());
  tables.free();
  await shutdown(m);
}

function parse_load(s: string): ehash_load {
  const [size, busy] = s.split("/").map(Number);
  return { size, busy };
}

if (import.meta.main) {
  const [role, ...args] = Deno.args;
  const numbers = args.map(Number);
  if (role === "nic") await nic_main(args[0], args[1] === "offload");
  else if (role === "wire") await wire_main(numbers[0], numbers[1], numbers[2], numbers[3]);
  else if (role === "ehash") {
    await ehash_main(args.slice(2).map(parse_load), numbers[0], numbers[1]);
  } else if (role === "memory") await memory_main();
  Deno.exit(0);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Conn and Listener: what a program of Deno's expects of them, between two hosts in virtual time.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SHUT_RDWR } from "../../include/linux/net.ts";
import { SO_LINGER, SO_REUSEADDR, SOL_SOCKET } from "../../include/linux/socket.ts";
import { msleep } from "../../kernel/time/timer.ts";
import { connect, listen, SyscallError } from "../../mod.ts";
import type { Conn, Listener } from "../../mod.ts";
import { ADDR_A, ADDR_B, two_hosts } from "../testing/two_hosts.ts";
import type { two_hosts_bench, two_hosts_options } from "../testing/two_hosts.ts";

const text = (s: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(s);

/** What a call throws: its code. */
async function code(p: Promise<unknown>): Promise<string> {
  const e = await assertRejects(() => p, SyscallError);
  assertEquals(e.message.split(" ")[1], e.code);
  return e.code;
}

interface bench extends two_hosts_bench {
  l: Listener;
  /** The server's end, on a. */
  s: Conn;
  /** The client's, on b. */
  c: Conn;
}

/** A connection between the two hosts; both ends are closed behind the test. */
function conn_test(
  name: string,
  fn: (t: bench) => Promise<void>,
  options: two_hosts_options = {},
): void {
  Deno.test(name, () =>
    two_hosts(async (t) => {
      using l = listen(t.ua, { port: 7 });
      const accepted = l.accept();
      await using c = await connect(t.ub, { hostname: ADDR_A, port: 7 });
      await using s = await accepted;
      await fn({ ...t, l, s, c });
    }, options));
}

/** All that comes. */
async function read_all(c: Conn): Promise<Uint8Array> {
  const parts: number[] = [];
  const buf = new Uint8Array(10_000);
  for (let n; (n = await c.read(buf)) !== null;) parts.push(...buf.subarray(0, n));
  return Uint8Array.from(parts);
}

conn_test("localAddr and remoteAddr are each other's, addr the listener's", ({ l, s, c }) => {
  assertEquals(l.addr, { transport: "tcp", hostname: "0.0.0.0", port: 7 });
  assertEquals(c.remoteAddr, { transport: "tcp", hostname: ADDR_A, port: 7 });
  assertEquals(s.localAddr, c.remoteAddr);
  assertEquals(s.remoteAddr, c.localAddr);
  assertEquals(c.localAddr.hostname, ADDR_B);
  return Promise.resolve();
});

conn_test("read() gives what is there, null at the end, again and again", async ({ s, c }) => {
  assertEquals(await c.write(text("hello")), 5);
  const buf = new Uint8Array(3);
  assertEquals(await s.read(new Uint8Array(0)), 0);
  assertEquals(await s.read(buf), 3);
  assertEquals(buf, text("hel"));
  assertEquals(await s.read(buf), 2);
  await c.closeWrite();
  assertEquals(await s.read(buf), null);
  assertEquals(await s.read(buf), null);
});

conn_test("closeWrite() ends one direction only", async ({ s, c }) => {
  await c.writeAll(text("question"));
  await c.closeWrite();
  assertEquals(await read_all(s), text("question"));
  assertEquals(await code(c.write(text("more"))), "EPIPE");
  await s.writeAll(text("answer"));
  await s.closeWrite();
  assertEquals(await read_all(c), text("answer"));
});

conn_test("writeAll() waits while the reader takes nothing", async ({ s, c }) => {
  const total = 12_000_000;
  let through = false;
  const writing = c.writeAll(new Uint8Array(total).fill(3)).then(() => through = true);
  await msleep(60_000);
  assertEquals(through, false);
  let n = 0;
  const buf = new Uint8Array(100_000);
  while (n < total) n += await s.read(buf) ?? NaN;
  await writing;
  assertEquals(n, total);
});

conn_test("close() ends the read that waits, and later calls throw EBADF", async ({ s, c }) => {
  const buf = new Uint8Array(8);
  const reading = c.read(buf);
  await msleep(10);
  c.close();
  assertEquals(await reading, null);
  assertEquals(c.rid, -1);
  c.close();
  assertEquals(await code(c.read(buf)), "EBADF");
  assertEquals(await code(c.write(buf)), "EBADF");
  assertEquals(await code(c.closeWrite()), "EBADF");
  assertEquals(await s.read(buf), null);
});

conn_test("close() lets what was written arrive", async ({ s, c }) => {
  await c.writeAll(text("x".repeat(50_000)));
  c.close();
  assertEquals((await read_all(s)).length, 50_000);
}, { delay_ms: 30 });

conn_test("asyncDispose ends reads that wait; with SO_LINGER it waits for the peer", async (t) => {
  const { s, c, ub, sim } = t;
  const linger = new Uint8Array(Int32Array.of(1, 60).buffer);
  assertEquals(ub.sys_setsockopt(c.rid, SOL_SOCKET, SO_LINGER, linger), 0);
  await c.writeAll(new Uint8Array(30_000));
  const start = sim.now();
  const rest = read_all(s);
  await c[Symbol.asyncDispose]();
  assert(sim.now() - start >= 40e6);
  await c[Symbol.asyncDispose]();
  assertEquals((await rest).length, 30_000);
  await s.writeAll(text("late"));
  const reading = s.read(new Uint8Array(1));
  await s[Symbol.asyncDispose]();
  assertEquals(await reading, null);
}, { delay_ms: 20 });

conn_test("a reset throws ECONNRESET once, EPIPE to writers", async ({ s, c, ua }) => {
  const linger = new Uint8Array(Int32Array.of(1, 0).buffer);
  ua.sys_setsockopt(s.rid, SOL_SOCKET, SO_LINGER, linger);
  const buf = new Uint8Array(4);
  const reading = c.read(buf);
  await msleep(5);
  s.close();
  assertEquals(await code(reading), "ECONNRESET");
  assertEquals(await c.read(buf), null);
  assertEquals(await code(c.write(buf)), "EPIPE");
});

conn_test("setNoDelay() and setKeepAlive() set; they throw on a closed one", ({ c }) => {
  c.setNoDelay();
  c.setNoDelay(false);
  c.setKeepAlive();
  c.close();
  assertThrows(() => c.setNoDelay(), SyscallError, "setsockopt EBADF");
  return Promise.resolve();
});

conn_test("readable and writable carry bytes, and close each way", async ({ s, c }) => {
  const sent = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
  const echo = s.readable.pipeTo(s.writable);
  const writer = c.writable.getWriter();
  const writing = (async () => {
    for (let i = 0; i < sent.length; i += 50_000) await writer.write(sent.slice(i, i + 50_000));
    await writer.close();
  })();
  const got = new Uint8Array(sent.length);
  let n = 0;
  for await (const chunk of c.readable) {
    got.set(chunk, n);
    n += chunk.length;
  }
  await writing;
  await echo;
  assertEquals(n, sent.length);
  assertEquals(got, sent);
  assert(c.readable === c.readable && c.writable === c.writable);
});

conn_test("readable reads no more than is asked for", async ({ s, c }) => {
  const reader = c.readable.getReader();
  await s.writeAll(text("one"));
  assertEquals((await reader.read()).value, text("one"));
  await s.writeAll(text("two"));
  await msleep(10);
  // It stands in the socket, not in the stream.
  assertEquals(await c.read(new Uint8Array(8)), 3);
  await reader.cancel();
});

conn_test(
  "a stream's reader sees the connection's error; abort() of a writer closes",
  async (t) => {
    const { s, c, ua } = t;
    const linger = new Uint8Array(Int32Array.of(1, 0).buffer);
    const reader = c.readable.getReader();
    const pending = reader.read();
    await msleep(5);
    ua.sys_setsockopt(s.rid, SOL_SOCKET, SO_LINGER, linger);
    await s.writable.getWriter().abort("enough");
    assertEquals(s.rid, -1);
    assertEquals(await code(pending), "ECONNRESET");
  },
);

Deno.test("connect() throws with code, system call and address", () =>
  two_hosts(async ({ ub }) => {
    const e = await assertRejects(
      () => connect(ub, { hostname: ADDR_A, port: 9 }),
      SyscallError,
      `connect ECONNREFUSED ${ADDR_A}:9`,
    );
    assertEquals([e.code, e.errno, e.syscall, e.name], [
      "ECONNREFUSED",
      111,
      "connect",
      "SyscallError",
    ]);
    assertEquals(await code(connect(ub, { hostname: "10.9.9.9", port: 9 })), "ENETUNREACH");
    assertEquals(await code(connect(ub, { hostname: "198.51.100.77", port: 9 })), "EHOSTUNREACH");
    await assertRejects(() => connect(ub, { hostname: "no.name", port: 9 }), TypeError);
    // None of them leaves a descriptor.
    assertEquals(ub.sys_socket(2, 1), 0);
  }));

Deno.test("listen() throws EADDRINUSE and EADDRNOTAVAIL, takes port 0, reusePort, backlog", () =>
  two_hosts(({ ua }) => {
    using one = listen(ua, { port: 0 });
    assert(one.addr.port >= 1024);
    const { port } = one.addr;
    assertThrows(() => listen(ua, { port }), SyscallError, `bind EADDRINUSE 0.0.0.0:${port}`);
    assertThrows(() => listen(ua, { hostname: ADDR_B, port }), SyscallError, "EADDRNOTAVAIL");
    using two = listen(ua, { port: 80, reusePort: true, backlog: 1 });
    using three = listen(ua, { port: 80, reusePort: true });
    assertEquals(two.addr, three.addr);
    assertEquals([one.rid, two.rid, three.rid], [0, 1, 2]);
  }));

Deno.test("an AbortSignal ends connect() with its reason, before and during", () =>
  two_hosts(async ({ ub }) => {
    await assertRejects(
      () => connect(ub, { port: 7, signal: AbortSignal.abort(new RangeError("never")) }),
      RangeError,
      "never",
    );
    const ac = new AbortController();
    const p = connect(ub, { hostname: "198.51.100.99", port: 7, signal: ac.signal });
    await msleep(500);
    ac.abort(new RangeError("enough"));
    await assertRejects(() => p, RangeError, "enough");
    assertEquals(ub.sys_socket(2, 1), 0);
  }));

Deno.test("an AbortSignal ends the connection, and never a later socket of the same number", () =>
  two_hosts(async ({ ua, ub }) => {
    using l = listen(ua, { port: 7 });
    const ac = new AbortController();
    const accepted = l.accept();
    const c = await connect(ub, { hostname: ADDR_A, port: 7, signal: ac.signal });
    using s = await accepted;
    const reading = c.read(new Uint8Array(1));
    await msleep(1);
    ac.abort();
    assertEquals(await reading, null);
    assertEquals(await s.read(new Uint8Array(1)), null);
    c.close();

    const ac2 = new AbortController();
    const c2 = await connect(ub, { hostname: ADDR_A, port: 7, signal: ac2.signal });
    using _s2 = await l.accept();
    const fd = c2.rid;
    c2.close();
    using c3 = await connect(ub, { hostname: ADDR_A, port: 7 });
    using s3 = await l.accept();
    assertEquals(c3.rid, fd);
    ac2.abort();
    assertEquals(await c3.write(text("alive")), 5);
    assertEquals(await s3.read(new Uint8Array(9)), 5);
  }));

Deno.test("a Listener gives connections until close(), which ends accept() and the loop", () =>
  two_hosts(async ({ ua, ub }) => {
    const l = listen(ua, { port: 7 });
    const seen: number[] = [];
    const loop = (async () => {
      for await (const conn of l) {
        seen.push(conn.remoteAddr.port);
        conn.close();
      }
    })();
    const ports: number[] = [];
    for (let i = 0; i < 5; i++) {
      using c = await connect(ub, { hostname: ADDR_A, port: 7 });
      ports.push(c.localAddr.port);
      assertEquals(await c.read(new Uint8Array(1)), null);
    }
    l.close();
    l.close();
    await loop;
    assertEquals(seen, ports);
    assertEquals(l.rid, -1);
    assertEquals(await code(l.accept()), "EBADF");
    assertEquals(await code(connect(ub, { hostname: ADDR_A, port: 7 })), "ECONNREFUSED");
    // Its port is free at once.
    using again = listen(ua, { port: 7 });
    assertEquals(again.addr.port, 7);
  }));

Deno.test("accept() throws EINVAL when somebody else shuts the listener down", () =>
  two_hosts(async ({ ua }) => {
    using l = listen(ua, { port: 7 });
    const accepted = l.accept();
    await msleep(1);
    ua.sys_shutdown(l.rid, SHUT_RDWR);
    assertEquals(await code(accepted), "EINVAL");
    const on = new Uint8Array(4), len = Int32Array.of(4);
    ua.sys_getsockopt(l.rid, SOL_SOCKET, SO_REUSEADDR, on, len);
    assertEquals(on[0], 1);
  }));

// SPDX-License-Identifier: GPL-2.0-only
//
// TCP as programs see it: streams, options and states by scripts whose answers Linux gave; what needs time, two
// hosts, loss or many connections is written out here.

import { assert, assertEquals } from "@std/assert";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import { SHUT_WR, SOCK_STREAM } from "../../include/linux/net.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from "../../include/linux/poll.ts";
import {
  AF_INET,
  F_SETFL,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_WAITALL,
  MSG_ZEROCOPY,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SO_ZEROCOPY,
  SOL_IP,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { LINUX_MIB_TCPBACKLOGDROP } from "../../include/uapi/linux/snmp.ts";
import { TCP_ESTABLISHED, TCP_FIN_WAIT2 } from "../../include/net/tcp_states.ts";
import type { sock } from "../../include/net/sock.ts";
import type { socket } from "../../include/linux/net.ts";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINPROGRESS,
  EINTR,
  EINVAL,
  EIO,
  ENOTCONN,
  EPIPE,
  ETIMEDOUT,
} from "../../include/uapi/asm-generic/errno.ts";
import { IP_FREEBIND } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import {
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_INFO,
  tcp_info_decode,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_NODELAY,
  TCP_SYNCNT,
  TCP_USER_TIMEOUT,
  TCP_ZEROCOPY_RECEIVE,
  TCPI_OPT_SACK,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from "../../include/uapi/linux/tcp.ts";
import type { tcp_info } from "../../include/uapi/linux/tcp.ts";
import { send_sig, SIGINT } from "../../kernel/signal.ts";
import { msleep } from "../../kernel/time/timer.ts";
import { living_socks, lock_sock, release_sock } from "../core/sock.ts";
import type { userland } from "../../mod.ts";
import { tcpdump } from "../../tools/lib/tcpdump.ts";
import { syscall_script_tests } from "../../tools/testing/syscall_script.ts";
import { INADDR_A, INADDR_B, two_hosts } from "../../tools/testing/two_hosts.ts";
import type { two_hosts_bench, two_hosts_options } from "../../tools/testing/two_hosts.ts";

syscall_script_tests("stream");
syscall_script_tests("options");
syscall_script_tests("states");

const at = (sin_addr: number, sin_port: number): sockaddr => ({
  sin_family: AF_INET,
  sin_port,
  sin_addr,
});

const int = (...v: number[]): Uint8Array => new Uint8Array(Int32Array.from(v).buffer);

/** A struct timeval of ms. */
function timeval(ms: number): Uint8Array {
  return new Uint8Array(
    BigInt64Array.of(BigInt(Math.floor(ms / 1000)), BigInt(ms % 1000 * 1000)).buffer,
  );
}

function set(u: userland, fd: number, level: number, name: number, ...v: number[]): void {
  assertEquals(u.sys_setsockopt(fd, level, name, int(...v)), 0);
}

function get(u: userland, fd: number, level: number, name: number): number {
  const v = new Int32Array(1);
  assertEquals(u.sys_getsockopt(fd, level, name, new Uint8Array(v.buffer), Int32Array.of(4)), 0);
  return v[0];
}

function info(u: userland, fd: number): tcp_info {
  const v = new Uint8Array(256), len = Int32Array.of(256);
  assertEquals(u.sys_getsockopt(fd, SOL_TCP, TCP_INFO, v, len), 0);
  return tcp_info_decode(v.subarray(0, len[0]));
}

function tcp(u: userland): number {
  return u.sys_socket(AF_INET, SOCK_STREAM);
}

function listener(u: userland, port: number, backlog = 128): number {
  const fd = tcp(u);
  assertEquals(u.sys_bind(fd, at(0, port)), 0);
  assertEquals(u.sys_listen(fd, backlog), 0);
  return fd;
}

/** A connection from b to port 7 of a: a's end, b's end, the listener. */
async function connection({ ua, ub }: two_hosts_bench): Promise<[number, number, number]> {
  const l = listener(ua, 7);
  const c = tcp(ub);
  assertEquals(await ub.sys_connect(c, at(INADDR_A, 7)), 0);
  return [await ua.sys_accept(l), c, l];
}

/** The struct sock of a descriptor. */
function sk_of(u: userland, fd: number): sock {
  return (u.task.files!.fd[fd]!.private_data as socket).sk!;
}

function nonblock(u: userland, fd: number): void {
  assertEquals(u.sys_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/** A timeout of the timer wheel comes late by an eighth at most, as Linux's does. */
function assert_slept(took: number, ms: number): void {
  assert(took >= ms && took <= ms * 1.125 + 2, `${took} for ${ms} ms`);
}

/** Virtual ms that it takes, and what it answers. */
async function timed<T>(t: two_hosts_bench, p: T | Promise<T>): Promise<[number, T]> {
  const start = t.sim.now();
  const v = await p;
  return [Math.round((t.sim.now() - start) / 1e6), v];
}

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

Deno.test("SO_RCVTIMEO, SO_SNDTIMEO and poll() sleep as long as they say", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c, l] = await connection(t);
    const buf = new Uint8Array(10);
    for (const ms of [1, 1500, 60000]) {
      ua.sys_setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, timeval(ms));
      const [took, ret] = await timed(t, ua.sys_read(s, buf));
      assertEquals(ret, -EAGAIN);
      assert_slept(took, ms);
    }
    ua.sys_setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, timeval(250));
    const [accept_ms, none] = await timed(t, ua.sys_accept(l));
    assertEquals(none, -EAGAIN);
    assert_slept(accept_ms, 250);
    ub.sys_setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, timeval(700));
    let n = 0;
    for (let k = 1; k > 0; n += Math.max(k, 0)) {
      k = await ub.sys_send(c, new Uint8Array(65536), 65536, MSG_DONTWAIT);
    }
    await msleep(2000);
    while (await ub.sys_send(c, new Uint8Array(65536), 65536, MSG_DONTWAIT) > 0);
    const [send_ms, full] = await timed(t, ub.sys_send(c, buf));
    assertEquals(full, -EAGAIN);
    assert_slept(send_ms, 700);
    const p = [{ fd: c, events: POLLIN, revents: 0 }];
    const [poll_ms, polled] = await timed(t, ub.sys_poll(p, 1, 3000));
    assertEquals(polled, 0);
    assert_slept(poll_ms, 3000);
  }));

Deno.test("connect() to nobody: -EHOSTUNREACH by ARP, -ECONNREFUSED, -ETIMEDOUT after TCP_SYNCNT", () =>
  two_hosts(async (t) => {
    const { ub } = t;
    const [arp_ms, unreachable] = await timed(t, ub.sys_connect(tcp(ub), at(INADDR_A + 50, 7)));
    assertEquals(unreachable, -EHOSTUNREACH);
    assert(arp_ms > 2900 && arp_ms < 3200, `${arp_ms}`);
    assertEquals(await ub.sys_connect(tcp(ub), at(INADDR_A, 7)), -ECONNREFUSED);
    t.faulty_a!.tx.faults = { drop: 1 };
    // 1 + 2 + 4 s, then it gives up.
    const fd = tcp(ub);
    set(ub, fd, SOL_TCP, TCP_SYNCNT, 2);
    const [syn_ms, timedout] = await timed(t, ub.sys_connect(fd, at(INADDR_A, 7)));
    assertEquals(timedout, -ETIMEDOUT);
    assert(syn_ms >= 7000 && syn_ms < 7200, `${syn_ms}`);
    const ut = tcp(ub);
    set(ub, ut, SOL_TCP, TCP_USER_TIMEOUT, 2500);
    const [ut_ms, ended] = await timed(t, ub.sys_connect(ut, at(INADDR_A, 7)));
    assertEquals(ended, -ETIMEDOUT);
    assert(ut_ms >= 2500 && ut_ms < 3100, `${ut_ms}`);
    t.faulty_a!.tx.faults = {};
  }, { a_to_b: { drop: 0 } }));

Deno.test("keepalive ends a connection whose peer is gone after IDLE + CNT * INTVL", () =>
  two_hosts(async (t) => {
    const { ub } = t;
    const [, c] = await connection(t);
    set(ub, c, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(ub, c, SOL_TCP, TCP_KEEPIDLE, 20);
    set(ub, c, SOL_TCP, TCP_KEEPINTVL, 5);
    set(ub, c, SOL_TCP, TCP_KEEPCNT, 3);
    // A peer that answers keeps it alive.
    const p = [{ fd: c, events: POLLIN, revents: 0 }];
    assertEquals(await ub.sys_poll(p, 1, 100000), 0);
    assertEquals(info(ub, c).tcpi_state, TCP_ESTABLISHED);
    t.faulty_a!.tx.faults = { drop: 1 };
    const [ms, ret] = await timed(t, ub.sys_read(c, new Uint8Array(1)));
    assertEquals(ret, -ETIMEDOUT);
    assert(ms >= 15000 && ms <= 36000, `${ms}`);
    assertEquals(ub.sys_read(c, new Uint8Array(1)), 0);
    t.faulty_a!.tx.faults = {};
  }, { a_to_b: { drop: 0 } }));

Deno.test("TCP_USER_TIMEOUT ends a connection whose data nobody acknowledges; poll() tells", () =>
  two_hosts(async (t) => {
    const { ub } = t;
    const [, c] = await connection(t);
    set(ub, c, SOL_TCP, TCP_USER_TIMEOUT, 5000);
    t.faulty_a!.tx.faults = { drop: 1 };
    assertEquals(await ub.sys_write(c, new Uint8Array(100)), 100);
    const p = [{ fd: c, events: POLLIN | POLLRDHUP, revents: 0 }];
    const [ms, n] = await timed(t, ub.sys_poll(p, 1, 100000));
    assertEquals([n, p[0].revents], [1, POLLIN | POLLRDHUP | POLLERR | POLLHUP]);
    assert(ms >= 5000 && ms < 7000, `${ms}`);
    assertEquals(get(ub, c, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    assertEquals(ub.sys_write(c, new Uint8Array(1)), -EPIPE);
    t.faulty_a!.tx.faults = {};
  }, { a_to_b: { drop: 0 } }));

Deno.test("TCP_LINGER2 and the default 60 s: how long FIN_WAIT2 lasts for an orphan", async () => {
  for (const [linger2, ms] of [[0, 60000], [5, 5000]]) {
    await two_hosts(async (t) => {
      const { ua, ub } = t;
      const [s, c] = await connection(t);
      if (linger2 > 0) set(ub, c, SOL_TCP, TCP_LINGER2, linger2);
      const in_ehash = (): number =>
        t.machine.leaks().filter((w) => w.startsWith("in ehash")).length;
      await ub.sys_close(c);
      await msleep(ms * 0.8);
      // a's end in CLOSE_WAIT, b's as a time-wait socket.
      assertEquals(in_ehash(), 2);
      const p = [{ fd: s, events: 0, revents: 0 }];
      assertEquals(ua.sys_poll(p, 1, 0), 0);
      await msleep(ms * 0.35);
      assertEquals(in_ehash(), 1);
      // Nobody is there any more: RST.
      assertEquals(await ua.sys_write(s, text("x")), 1);
      await msleep(10);
      assertEquals(ua.sys_poll(p, 1, 0), 1);
      assertEquals(p[0].revents & (POLLERR | POLLHUP), POLLERR | POLLHUP);
    });
  }
});

Deno.test("TCP_DEFER_ACCEPT wakes accept() with the data, not before", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const l = listener(ua, 7);
    set(ua, l, SOL_TCP, TCP_DEFER_ACCEPT, 30);
    const c = tcp(ub);
    assertEquals(await ub.sys_connect(c, at(INADDR_A, 7)), 0);
    const accepted = timed(t, ua.sys_accept(l));
    await msleep(2000);
    assertEquals(await ub.sys_write(c, text("GET")), 3);
    const [ms, s] = await accepted;
    assert(ms >= 2000 && ms < 2100, `${ms}`);
    const buf = new Uint8Array(8);
    assertEquals(ua.sys_recv(s, buf, 8, MSG_DONTWAIT), 3);
  }));

Deno.test("TCP_CORK holds a part of a segment for 200 ms at most; Nagle for an ACK; TCP_NODELAY nothing", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const buf = new Uint8Array(4096);
    set(ub, c, SOL_TCP, TCP_CORK, 1);
    const cork = timed(t, ua.sys_read(s, buf));
    assertEquals(await ub.sys_write(c, text("abc")), 3);
    const [cork_ms, n] = await cork;
    assertEquals(n, 3);
    assert(cork_ms >= 199 && cork_ms <= 230, `${cork_ms}`);
    set(ub, c, SOL_TCP, TCP_CORK, 0);
    // The second small segment waits for the ACK of the first, which takes a round trip at least.
    await ub.sys_write(c, text("d"));
    await ub.sys_write(c, text("e"));
    assertEquals(await ua.sys_read(s, buf), 1);
    const [nagle_ms] = await timed(t, ua.sys_read(s, buf));
    assert(nagle_ms >= 2 && nagle_ms <= 220, `${nagle_ms}`);
    set(ub, c, SOL_TCP, TCP_NODELAY, 1);
    await ub.sys_write(c, text("f"));
    await ub.sys_write(c, text("g"));
    const [at_once] = await timed(t, ua.sys_recv(s, buf, 2, MSG_WAITALL));
    assertEquals(at_once < 5, true);
  }, { delay_ms: 1 }));

Deno.test("MSG_WAITALL and MSG_PEEK take segments that come one by one", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const buf = new Uint8Array(12);
    const all = ua.sys_recv(s, buf, 12, MSG_WAITALL | MSG_PEEK);
    for (const part of ["one", "two", "three", "!"]) {
      await msleep(100);
      assertEquals(await ub.sys_write(c, text(part)), part.length);
    }
    assertEquals(await all, 12);
    assertEquals(buf, text("onetwothree!"));
    buf.fill(0);
    assertEquals(await ua.sys_recv(s, buf, 12, MSG_WAITALL), 12);
    assertEquals(buf, text("onetwothree!"));
    const short = ua.sys_recv(s, buf, 12, MSG_WAITALL);
    await ub.sys_write(c, text("end"));
    ub.sys_shutdown(c, SHUT_WR);
    assertEquals(await short, 3);
  }));

Deno.test("two tasks reading one socket get each byte once; the last close ends it", () =>
  two_hosts(async (t) => {
    const { ua, ub, a } = t;
    const [s, c] = await connection(t);
    // As fork() does: the second task has the same file.
    const twin = a.task("twin");
    const file = ua.task.files!.fd[s]!;
    file.f_count++;
    twin.task.files!.fd[0] = file;
    twin.task.files!.open_fds[0] = true;
    const got: number[] = [];
    const reader = async (u: userland, fd: number): Promise<number> => {
      const b = new Uint8Array(7);
      let total = 0;
      for (let n; (n = await u.sys_read(fd, b)) > 0; total += n) {
        for (const v of b.subarray(0, n)) got.push(v);
        await msleep(1);
      }
      return total;
    };
    const readers = [reader(ua, s), reader(twin, 0)];
    for (let i = 0; i < 250; i += 5) {
      await ub.sys_write(c, Uint8Array.from({ length: 5 }, (_, k) => i + k));
      if (i % 20 === 0) await msleep(3);
    }
    ub.sys_shutdown(c, SHUT_WR);
    const totals = await Promise.all(readers);
    assertEquals(totals[0] + totals[1], 250);
    assert(totals[0] > 0 && totals[1] > 0);
    assertEquals(got.sort((x, y) => x - y), Array.from({ length: 250 }, (_, i) => i));
    await ua.sys_close(s);
    assertEquals(await twin.sys_write(0, text("still")), 5);
    await twin.sys_close(0);
    const b = new Uint8Array(8);
    assertEquals(await ub.sys_read(c, b), 5);
    assertEquals(await ub.sys_read(c, b), 0);
  }));

Deno.test("lock_sock() makes others wait, packets go to the backlog, release_sock() runs it", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const sk = sk_of(ua, s);
    assertEquals(lock_sock(sk), undefined);
    const buf = new Uint8Array(32);
    const order: string[] = [];
    const one = Promise.resolve(ua.sys_recv(s, buf, 4)).then((n) => order.push(`recv ${n}`));
    const two = Promise.resolve(ua.sys_send(s, text("back"))).then((n) => order.push(`send ${n}`));
    for (const w of ["abcd", "efgh"]) {
      await ub.sys_write(c, text(w));
      await msleep(5);
    }
    assertEquals(sk.sk_receive_queue.qlen, 0);
    assert(sk.sk_backlog.len > 0);
    assertEquals(order, []);
    release_sock(sk);
    assertEquals(sk.sk_backlog.len, 0);
    await Promise.all([one, two]);
    assertEquals(order, ["recv 4", "send 4"]);
    assertEquals(await ua.sys_recv(s, buf.subarray(4), 4), 4);
    assertEquals(buf.subarray(0, 8), text("abcdefgh"));
    assertEquals(await ub.sys_read(c, buf), 4);
  }));

Deno.test("a backlog beyond its limit drops, counts, and the data come again", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const sk = sk_of(ua, s);
    const total = 2_000_000;
    const sending = (async () => {
      for (let n = 0; n < total;) n += await ub.sys_write(c, new Uint8Array(total - n).fill(5));
      ub.sys_shutdown(c, SHUT_WR);
    })();
    assertEquals(lock_sock(sk), undefined);
    sk.sk_rcvbuf = 2304;
    sk.sk_sndbuf = 0;
    await msleep(3000);
    sk.sk_rcvbuf = 131072;
    sk.sk_sndbuf = 87040;
    const dropped = t.a.net.mib.net_statistics[LINUX_MIB_TCPBACKLOGDROP];
    release_sock(sk);
    let n = 0;
    const buf = new Uint8Array(65536);
    for (let k; (k = await ua.sys_read(s, buf)) > 0;) n += k;
    await sending;
    assertEquals(n, total);
    assert(dropped > 0, `${dropped}`);
  }));

Deno.test("a signal ends a sleep: -EINTR, or what was done so far", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c, l] = await connection(t);
    const interrupted = async (p: number | Promise<number>): Promise<number> => {
      assert(p instanceof Promise);
      await msleep(10);
      send_sig(SIGINT, ua.task, 0);
      return await p;
    };
    const buf = new Uint8Array(10);
    assertEquals(await interrupted(ua.sys_read(s, buf)), -EINTR);
    assertEquals(await interrupted(ua.sys_accept(l)), -EINTR);
    assertEquals(await interrupted(ua.sys_poll([{ fd: s, events: POLLIN, revents: 0 }])), -EINTR);
    await ub.sys_write(c, text("abc"));
    assertEquals(await interrupted(ua.sys_recv(s, buf, 10, MSG_WAITALL)), 3);
    const part = await interrupted(ua.sys_write(s, new Uint8Array(20_000_000)));
    assert(part > 0 && part < 20_000_000, `${part}`);
    const slow = tcp(ua);
    assertEquals(await interrupted(ua.sys_connect(slow, at(INADDR_B + 9, 1))), -EINTR);
  }));

Deno.test("a program that ends closes its sockets; its sleeping calls answer -EINTR", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const sleeping = ua.sys_read(s, new Uint8Array(1));
    await ua.sys_exit();
    assertEquals(await sleeping, -EINTR);
    assertEquals(await ub.sys_read(c, new Uint8Array(1)), 0);
    assertEquals(await ub.sys_connect(tcp(ub), at(INADDR_A, 7)), -ECONNREFUSED);
  }));

Deno.test("SO_LINGER: close() waits for the FIN's ACK and not longer than it says", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    set(ub, c, SOL_SOCKET, SO_LINGER, 1, 30);
    await ub.sys_write(c, new Uint8Array(100_000));
    const closed = timed(t, ub.sys_close(c));
    const buf = new Uint8Array(65536);
    let n = 0;
    for (let k; (k = await ua.sys_read(s, buf)) > 0;) n += k;
    assertEquals(n, 100_000);
    const [ms, ret] = await closed;
    assertEquals(ret, 0);
    assert(ms >= 100 && ms < 2000, `${ms}`);
    // The other end's, whose peer takes nothing.
    const d = tcp(ub);
    assertEquals(await ub.sys_connect(d, at(INADDR_A, 7)), 0);
    set(ub, d, SOL_SOCKET, SO_SNDBUF, 65536);
    nonblock(ub, d);
    for (let i = 0; i < 20; i++) {
      while (await ub.sys_write(d, buf) > 0);
      await msleep(150);
    }
    ub.sys_fcntl(d, F_SETFL, 0);
    set(ub, d, SOL_SOCKET, SO_LINGER, 1, 3);
    const [given_up] = await timed(t, ub.sys_close(d));
    assert_slept(given_up, 3000);
  }, { delay_ms: 50 }));

Deno.test("SO_REUSEPORT spreads connections over listeners, each to one", () =>
  two_hosts(async ({ ua, ub }) => {
    const listeners = [0, 1, 2, 3].map(() => {
      const fd = tcp(ua);
      set(ua, fd, SOL_SOCKET, SO_REUSEPORT, 1);
      assertEquals(ua.sys_bind(fd, at(0, 7)), 0);
      assertEquals(ua.sys_listen(fd, 128), 0);
      nonblock(ua, fd);
      return fd;
    });
    for (let i = 0; i < 100; i++) {
      assertEquals(await ub.sys_connect(tcp(ub), at(INADDR_A, 7)), 0);
    }
    await msleep(10);
    const counts = [];
    for (const l of listeners) {
      let n = 0;
      while (await ua.sys_accept(l) >= 0) n++;
      counts.push(n);
    }
    assertEquals(counts.reduce((x, y) => x + y), 100);
    assert(counts.every((n) => n >= 5), counts.join());
  }));

Deno.test("SO_REUSEPORT: whoever comes again from the same port comes to the same listener", () =>
  two_hosts(async ({ ua, ub }) => {
    const member = (): number => {
      const fd = tcp(ua);
      set(ua, fd, SOL_SOCKET, SO_REUSEPORT, 1);
      assertEquals(ua.sys_bind(fd, at(0, 7)), 0);
      assertEquals(ua.sys_listen(fd, 128), 0);
      nonblock(ua, fd);
      return fd;
    };
    const listeners = [member(), member(), member()];
    assertEquals(ua.sys_bind(tcp(ua), at(0, 7)), -EADDRINUSE, "not of the group");
    const who = async (port: number): Promise<number> => {
      const c = tcp(ub);
      set(ub, c, SOL_SOCKET, SO_LINGER, 1, 0);
      assertEquals(ub.sys_bind(c, at(0, port)), 0);
      assertEquals(await ub.sys_connect(c, at(INADDR_A, 7)), 0);
      await msleep(5);
      const fds = await Promise.all(listeners.map((l) => ua.sys_accept(l)));
      assertEquals(fds.filter((fd) => fd >= 0).length, 1);
      await ub.sys_close(c);
      await msleep(5);
      await ua.sys_close(Math.max(...fds));
      return fds.findIndex((fd) => fd >= 0);
    };
    const ports = Array.from({ length: 20 }, (_, i) => 2000 + i);
    const once = [], again = [], rest = [];
    for (const p of ports) once.push(await who(p));
    for (const p of ports) again.push(await who(p));
    assertEquals(again, once);
    assertEquals(new Set(once).size, 3);
    await ua.sys_close(listeners.shift()!);
    for (const p of ports) rest.push(await who(p));
    assertEquals(new Set(rest).size, 2);
  }));

Deno.test("IP_FREEBIND: a listener may be bound to an address that comes later", () =>
  two_hosts(async ({ ua, ub, nic_a }) => {
    const later = INADDR_A + 76;
    const l = tcp(ua);
    assertEquals(ua.sys_bind(l, at(later, 7)), -EADDRNOTAVAIL);
    assertEquals(get(ua, l, SOL_IP, IP_FREEBIND), 0);
    set(ua, l, SOL_IP, IP_FREEBIND, 1);
    assertEquals(get(ua, l, SOL_IP, IP_FREEBIND), 1);
    assertEquals(ua.sys_bind(l, at(later, 7)), 0);
    assertEquals(ua.sys_listen(l, 1), 0);
    const c = tcp(ub);
    assertEquals(await ub.sys_connect(c, at(later, 7)), -EHOSTUNREACH);
    nic_a.addr_add("198.51.100.77/24");
    assertEquals(await ub.sys_connect(c, at(later, 7)), 0);
    const name = at(0, 0);
    assertEquals(ua.sys_getsockname(await ua.sys_accept(l), name), 0);
    assertEquals([name.sin_addr, name.sin_port], [later, 7]);
    const d = tcp(ua);
    assertEquals(ua.sys_bind(d, at(later + 1, 0)), -EADDRNOTAVAIL);
    set(ua, d, SOL_IP, IP_FREEBIND, 1);
    assertEquals(ua.sys_bind(d, at(later + 1, 0)), 0);
  }));

Deno.test("SO_MEMINFO counts packets with all that they cost, queued, sent and received", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const meminfo = (u: userland, fd: number, len = 36): number[] => {
      const v = new Uint8Array(len), optlen = Int32Array.of(len);
      assertEquals(u.sys_getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, optlen), 0);
      assertEquals(optlen[0], Math.min(len, 36));
      return [...new Uint32Array(v.buffer, 0, optlen[0] >> 2)];
    };
    const rcvbuf = get(ub, c, SOL_SOCKET, SO_RCVBUF), sndbuf = get(ub, c, SOL_SOCKET, SO_SNDBUF);
    assertEquals(meminfo(ub, c), [0, rcvbuf, 0, sndbuf, 0, 0, 0, 0, 0]);
    assertEquals(meminfo(ub, c, 8), [0, rcvbuf]);
    assertEquals(meminfo(ub, c, 64).length, 9);
    // Memory is taken by the page: what is not used of it is to the socket's credit.
    set(ub, c, SOL_TCP, TCP_CORK, 1);
    assertEquals(await ub.sys_write(c, new Uint8Array(1)), 1);
    assertEquals(meminfo(ub, c), [0, rcvbuf, 0, sndbuf, 4096 - 1281, 1281, 0, 0, 0]);
    assertEquals(await ub.sys_write(c, new Uint8Array(999)), 999);
    assertEquals(meminfo(ub, c), [0, rcvbuf, 0, sndbuf, 4096 - 2280, 2280, 0, 0, 0]);
    set(ub, c, SOL_TCP, TCP_CORK, 0);
    await msleep(60);
    assertEquals(meminfo(ub, c), [0, rcvbuf, 0, sndbuf, 0, 0, 0, 0, 0]);
    const [rmem, , , , fwd] = meminfo(ua, s);
    assert(rmem >= 1000 && rmem + fwd === 4096, `${rmem} ${fwd}`);
    assertEquals(await ua.sys_read(s, new Uint8Array(1000)), 1000);
    assertEquals(meminfo(ua, s)[0], 0);
    // A zero-copy send costs a message for when it ends.
    set(ub, c, SOL_SOCKET, SO_ZEROCOPY, 1);
    assertEquals(await ub.sys_send(c, new Uint8Array(1000), 1000, MSG_ZEROCOPY), 1000);
    assert(meminfo(ub, c)[6] > 0);
    await msleep(60);
  }, { delay_ms: 20 }));

Deno.test("accept() takes connections in their order; more than the backlog wait for room", () =>
  two_hosts(async ({ ua, ub }) => {
    const l = listener(ua, 7, 3);
    const clients: number[] = [];
    const results: (number | Promise<number>)[] = [];
    for (let i = 0; i < 8; i++) {
      const c = tcp(ub);
      ub.sys_bind(c, at(0, 1000 + i));
      clients.push(c);
      results.push(ub.sys_connect(c, at(INADDR_A, 7)));
      await msleep(10);
    }
    const ports: number[] = [];
    const taken: number[] = [];
    for (let i = 0; i < 8; i++) {
      const peer = at(0, 0);
      taken.push(await ua.sys_accept(l, peer));
      ports.push(peer.sin_port);
    }
    assertEquals(await Promise.all(results), new Array(8).fill(0));
    assertEquals(ports.slice(0, 4), [1000, 1001, 1002, 1003]);
    assertEquals(ports.sort(), [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007]);
  }));

/** One round of what a server and its clients do, with all the ways to end. */
async function churn({ ua, ub }: two_hosts_bench, n: number, reset = true): Promise<void> {
  const l = listener(ua, 7, 1024);
  const serve = async (fd: number, i: number): Promise<void> => {
    const b = new Uint8Array(64);
    const k = await ua.sys_read(fd, b);
    if (k > 0 && i % 4 !== 3) await ua.sys_write(fd, b.subarray(0, k));
    if (i % 2 === 0) await ua.sys_read(fd, b);
    await ua.sys_close(fd);
  };
  const server = (async () => {
    const all: Promise<void>[] = [];
    for (let i = 0; i < n; i++) all.push(serve(await ua.sys_accept(l), i));
    await Promise.all(all);
  })();
  const client = async (i: number): Promise<void> => {
    const c = tcp(ub);
    assertEquals(await ub.sys_connect(c, at(INADDR_A, 7)), 0);
    await ub.sys_write(c, text(`hello ${i}`));
    if (reset && i % 5 === 0) set(ub, c, SOL_SOCKET, SO_LINGER, 1, 0);
    else if (i % 3 === 0) ub.sys_shutdown(c, SHUT_WR);
    else await ub.sys_read(c, new Uint8Array(64));
    await ub.sys_close(c);
  };
  for (let i = 0; i < n; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => client(i + k)));
  }
  await server;
  await ua.sys_close(l);
}

Deno.test("1000 connections opened and closed in every way leave nothing", () =>
  two_hosts(async (t) => {
    await churn(t, 1000);
    for (let i = 0; i < 60 && t.machine.leaks().length > 2; i++) await msleep(5000);
    const left = t.machine.leaks().filter((w) => !w.startsWith("task "));
    assertEquals(left, []);
    assertEquals([...living_socks].filter((sk) => !sk.sk_kern_sock), []);
  }));

Deno.test("200 connections through loss leave nothing", () =>
  two_hosts(async (t) => await churn(t, 200, false), {
    delay_ms: 3,
    a_to_b: { drop: 0.05, duplicate: 0.05, reorder: 0.05 },
    b_to_a: { drop: 0.05, duplicate: 0.05, reorder: 0.05 },
  }));

Deno.test("TCP_INFO is right after a transfer over 10 ms each way", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const total = 400_000;
    const sending = (async () => {
      for (let n = 0; n < total;) n += await ub.sys_write(c, new Uint8Array(total - n));
    })();
    const buf = new Uint8Array(65536);
    for (let n = 0; n < total;) n += await ua.sys_read(s, buf);
    await sending;
    await msleep(100);
    const i = info(ub, c), r = info(ua, s);
    const facts = (x: tcp_info): Partial<tcp_info> => ({
      tcpi_state: x.tcpi_state,
      tcpi_ca_state: x.tcpi_ca_state,
      tcpi_options: x.tcpi_options & ~0xc0,
      tcpi_snd_mss: x.tcpi_snd_mss,
      tcpi_advmss: x.tcpi_advmss,
      tcpi_pmtu: x.tcpi_pmtu,
      tcpi_unacked: x.tcpi_unacked,
      tcpi_sacked: x.tcpi_sacked,
      tcpi_lost: x.tcpi_lost,
      tcpi_retrans: x.tcpi_retrans,
      tcpi_total_retrans: x.tcpi_total_retrans,
      tcpi_notsent_bytes: x.tcpi_notsent_bytes,
      tcpi_bytes_sent: x.tcpi_bytes_sent,
      tcpi_bytes_acked: x.tcpi_bytes_acked,
      tcpi_bytes_received: x.tcpi_bytes_received,
      tcpi_bytes_retrans: x.tcpi_bytes_retrans,
      tcpi_reordering: x.tcpi_reordering,
    });
    const common = {
      tcpi_state: TCP_ESTABLISHED,
      tcpi_ca_state: 0,
      tcpi_options: TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE,
      tcpi_snd_mss: 1448,
      tcpi_advmss: 1448,
      tcpi_pmtu: 1500,
      tcpi_unacked: 0,
      tcpi_sacked: 0,
      tcpi_lost: 0,
      tcpi_retrans: 0,
      tcpi_total_retrans: 0,
      tcpi_notsent_bytes: 0,
      tcpi_bytes_retrans: 0,
      tcpi_reordering: 3,
    };
    assertEquals(facts(i), {
      ...common,
      tcpi_bytes_sent: total,
      tcpi_bytes_acked: total + 1,
      tcpi_bytes_received: 0,
    });
    assertEquals(facts(r), {
      ...common,
      tcpi_bytes_sent: 0,
      tcpi_bytes_acked: 0,
      tcpi_bytes_received: total,
    });
    assertEquals(i.tcpi_data_segs_out, r.tcpi_data_segs_in);
    assert(i.tcpi_data_segs_out >= Math.ceil(total / 1448));
    assertEquals(i.tcpi_delivered, i.tcpi_data_segs_out + 1);
    assertEquals(i.tcpi_segs_out, r.tcpi_segs_in);
    assertEquals(r.tcpi_segs_out + 1, i.tcpi_segs_in);
    assert(i.tcpi_rtt >= 20000 && i.tcpi_rtt < 65000, `rtt ${i.tcpi_rtt}`);
    assert(i.tcpi_min_rtt >= 20000 && i.tcpi_min_rtt <= 22000, `min_rtt ${i.tcpi_min_rtt}`);
    assert(i.tcpi_rto >= i.tcpi_rtt + 200000 - 1, `rto ${i.tcpi_rto} ${i.tcpi_rtt}`);
    assert(i.tcpi_snd_cwnd > 10);
    assert(i.tcpi_snd_wnd > 65535);
    assertEquals(i.tcpi_snd_wnd, r.tcpi_rcv_wnd);
    assertEquals(i.tcpi_snd_wscale, r.tcpi_rcv_wscale);
    assertEquals(i.tcpi_rcv_wscale, r.tcpi_snd_wscale);
    assertEquals(r.tcpi_rcv_mss, 1448);
    assert(r.tcpi_rcv_rtt > 0 && r.tcpi_rcv_space > 14480);
    assert(i.tcpi_busy_time >= 100_000, `busy ${i.tcpi_busy_time}`);
    assert(i.tcpi_busy_time >= i.tcpi_rwnd_limited + i.tcpi_sndbuf_limited);
    assert(i.tcpi_delivery_rate > 100_000, `rate ${i.tcpi_delivery_rate}`);
    assert(i.tcpi_pacing_rate > 0);
    assert(i.tcpi_last_data_sent >= 100 && r.tcpi_last_data_recv >= 100);
    assertEquals(r.tcpi_last_data_recv < 200, true);
  }, { delay_ms: 10, offload: false }));

Deno.test("TCP_INFO counts retransmissions as the host's counters do", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const total = 300_000;
    const sending = (async () => {
      for (let n = 0; n < total;) n += await ub.sys_write(c, new Uint8Array(total - n));
    })();
    const buf = new Uint8Array(65536);
    for (let n = 0; n < total;) n += await ua.sys_read(s, buf);
    await sending;
    await msleep(5000);
    const i = info(ub, c), r = info(ua, s);
    assert(i.tcpi_total_retrans > 0);
    assertEquals(i.tcpi_bytes_acked, total + 1);
    assertEquals(r.tcpi_bytes_received, total);
    assertEquals(i.tcpi_bytes_sent - i.tcpi_bytes_retrans, total);
    assertEquals([i.tcpi_unacked, i.tcpi_lost, i.tcpi_retrans, i.tcpi_sacked], [0, 0, 0, 0]);
    assert(r.tcpi_rcv_ooopack > 0);
    assert(i.tcpi_snd_ssthresh < 0x7fffffff);
  }, { delay_ms: 5, b_to_a: { drop: 0.03 } }));

Deno.test("poll() tells a nonblocking connect's end: POLLOUT, and SO_ERROR 0", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    listener(ua, 7);
    const c = tcp(ub);
    nonblock(ub, c);
    assertEquals(ub.sys_connect(c, at(INADDR_A, 7)), -EINPROGRESS);
    const p = [{ fd: c, events: POLLIN | POLLOUT, revents: 0 }];
    assertEquals(ub.sys_poll(p, 1, 0), 0);
    const [ms, n] = await timed(t, ub.sys_poll(p));
    assertEquals([n, p[0].revents], [1, POLLOUT]);
    assert(ms >= 40 && ms < 100, `${ms}`);
    assertEquals(get(ub, c, SOL_SOCKET, SO_ERROR), 0);
    assertEquals(ub.sys_connect(c, at(INADDR_A, 7)), 0);
  }, { delay_ms: 20 }));

Deno.test("a half-closed connection carries data the other way for as long as it likes", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    ub.sys_shutdown(c, SHUT_WR);
    assertEquals(await ua.sys_read(s, new Uint8Array(1)), 0);
    await msleep(200_000);
    assertEquals(info(ub, c).tcpi_state, TCP_FIN_WAIT2);
    const total = 200_000;
    const sending = (async () => {
      for (let n = 0; n < total;) n += await ua.sys_write(s, new Uint8Array(total - n));
      await ua.sys_close(s);
    })();
    let n = 0;
    const buf = new Uint8Array(65536);
    for (let k; (k = await ub.sys_read(c, buf)) > 0;) n += k;
    await sending;
    assertEquals(n, total);
  }));

/** What tcpdump shows of a busy run. */
async function trace(options: two_hosts_options): Promise<string> {
  const lines: string[] = [];
  await two_hosts(async (t) => {
    const stop = tcpdump(t.nic_a.dev, (line) => lines.push(line));
    await churn(t, 50, false);
    const [s, c] = await (async () => {
      const l = listener(t.ua, 8);
      const fd = tcp(t.ub);
      assertEquals(await t.ub.sys_connect(fd, at(INADDR_A, 8)), 0);
      return [await t.ua.sys_accept(l), fd];
    })();
    const total = 200_000;
    const sending = (async () => {
      for (let n = 0; n < total;) n += await t.ub.sys_write(c, new Uint8Array(total - n));
    })();
    const buf = new Uint8Array(10_000);
    for (let n = 0; n < total;) n += await t.ua.sys_read(s, buf);
    await sending;
    await t.ub.sys_close(c);
    await t.ua.sys_close(s);
    await msleep(1000);
    stop();
  }, options);
  return lines.join("\n");
}

Deno.test("the same seed gives byte-identical tcpdump text twice, another seed another", async () => {
  const options = {
    delay_ms: 2,
    a_to_b: { drop: 0.02, reorder: 0.02 },
    b_to_a: { drop: 0.02, duplicate: 0.02, reorder: 0.02 },
  };
  const one = await trace({ ...options, seed: 7 });
  assert(one.split("\n").length > 500);
  assertEquals(await trace({ ...options, seed: 7 }) === one, true);
  assertEquals(await trace({ ...options, seed: 8 }) === one, false);
});

Deno.test("MSG_PEEK leaves what it shows, over segment borders", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const sent = Uint8Array.from({ length: 10_000 }, (_, i) => i * 31);
    for (let i = 0; i < 10; i++) await ub.sys_write(c, sent.subarray(i * 1000, i * 1000 + 1000));
    await msleep(100);
    const one = new Uint8Array(10_000), two = new Uint8Array(10_000);
    assertEquals(await ua.sys_recv(s, one, 10_000, MSG_PEEK), 10_000);
    assertEquals(await ua.sys_recv(s, two, 10_000, 0), 10_000);
    assertEquals(one, sent);
    assertEquals(two, sent);
  }));

Deno.test("TCP_ZEROCOPY_RECEIVE answers as Linux does where nothing is mapped", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    // [answer, length given, recv_skip_hint, inq, err]
    const zc = (fd: number, len: number, address = 0): number[] => {
      const b = new Uint8Array(72);
      const dv = new DataView(b.buffer);
      dv.setUint32(0, address, true);
      for (const at of [12, 16, 20]) dv.setUint32(at, 7, true);
      const optlen = Int32Array.of(len);
      const ret = ua.sys_getsockopt(fd, SOL_TCP, TCP_ZEROCOPY_RECEIVE, b, optlen) as number;
      return [ret, optlen[0], ...[12, 16, 20].map((at) => dv.getInt32(at, true))];
    };
    assertEquals(zc(s, 4), [-EINVAL, 4, 7, 7, 7]);
    assertEquals(zc(s, 12), [0, 12, 7, 7, 7]);
    assertEquals(zc(s, 16), [0, 16, 0, 7, 7]);
    assertEquals(zc(s, 20), [0, 20, 0, 0, 7]);
    assertEquals(zc(s, 72), [0, 64, 0, 0, 0]);
    assertEquals(zc(s, 64, 5), [-EINVAL, 64, 7, 7, 7]);
    const l = ua.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(zc(l, 64), [0, 64, 0, 0, 0]);
    ua.sys_listen(l, 1);
    assertEquals(zc(l, 64), [-ENOTCONN, 64, 7, 7, 7]);
    await ub.sys_write(c, new Uint8Array(100));
    await msleep(10);
    assertEquals(zc(s, 64), [0, 64, 100, 100, 0]);
    await ub.sys_write(c, new Uint8Array(5000));
    await msleep(10);
    assertEquals(zc(s, 64), [-EINVAL, 64, 7, 7, 7]);
    ua.sys_read(s, new Uint8Array(5100));
    ub.sys_shutdown(c, SHUT_WR);
    await msleep(10);
    assertEquals(zc(s, 64), [-EIO, 64, 7, 7, 7]);
  }));

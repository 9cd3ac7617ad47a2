// SPDX-License-Identifier: GPL-2.0-only
//
// Pipes, files in memory, splice() and sendfile(): what arrives, what sleeps, and the answers of Linux to what is wrong.

import { assert, assertEquals } from "@std/assert";
import { O_NONBLOCK, SEEK_CUR, SEEK_END, SEEK_SET } from "../include/linux/fs.ts";
import { SHUT_WR, SOCK_STREAM } from "../include/linux/net.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../include/linux/poll.ts";
import { AF_INET, F_SETFL, FIONREAD } from "../include/linux/socket.ts";
import { SPLICE_F_NONBLOCK } from "../include/linux/splice.ts";
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  ENOTCONN,
  EPIPE,
  ESPIPE,
} from "../include/uapi/asm-generic/errno.ts";
import { send_sig, SIGINT, SIGPIPE } from "../kernel/signal.ts";
import { msleep } from "../kernel/time/timer.ts";
import { nr_used_pages } from "../mm/page_alloc.ts";
import { INADDR_A, two_hosts } from "../tools/testing/two_hosts.ts";
import type { two_hosts_bench } from "../tools/testing/two_hosts.ts";
import type { userland } from "../mod.ts";

const at = { sin_family: AF_INET, sin_port: 7, sin_addr: INADDR_A };

/** A connection from b to a: [a's end, b's end]. */
async function connection({ ua, ub }: two_hosts_bench): Promise<[number, number]> {
  const l = ua.sys_socket(AF_INET, SOCK_STREAM);
  assertEquals(ua.sys_bind(l, at), 0);
  assertEquals(ua.sys_listen(l, 1), 0);
  const c = ub.sys_socket(AF_INET, SOCK_STREAM);
  assertEquals(await ub.sys_connect(c, at), 0);
  return [await ua.sys_accept(l), c];
}

function pipe2(u: userland, flags = 0): [number, number] {
  const fds = new Int32Array(2);
  assertEquals(u.sys_pipe2(fds, flags), 0);
  return [fds[0], fds[1]];
}

/** Bytes of which none is like its neighbours. */
function pattern(n: number): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => i * 7 + (i >> 8));
}

function memfd(u: userland, bytes: Uint8Array): number {
  const fd = u.sys_memfd_create("f");
  assertEquals(u.sys_write(fd, bytes), bytes.length);
  assertEquals(u.sys_lseek(fd, 0, SEEK_SET), 0);
  return fd;
}

async function read_all(u: userland, fd: number, n: number): Promise<Uint8Array> {
  const buf = new Uint8Array(n);
  let got = 0;
  while (got < n) {
    const ret = await u.sys_read(fd, buf.subarray(got));
    if (ret <= 0) break;
    got += ret;
  }
  return buf.subarray(0, got);
}

Deno.test("a file in memory has a position, and holes that read as zeroes", () =>
  two_hosts(({ ua }) => {
    const pages = nr_used_pages();
    const fd = memfd(ua, pattern(5000));
    const buf = new Uint8Array(6000);
    assertEquals(ua.sys_read(fd, buf, 100), 100);
    assertEquals(ua.sys_lseek(fd, -50, SEEK_CUR), 50);
    assertEquals(ua.sys_read(fd, buf), 4950);
    assertEquals(buf.subarray(0, 4950), pattern(5000).subarray(50));
    assertEquals(ua.sys_read(fd, buf), 0);
    assertEquals(ua.sys_lseek(fd, 3000, SEEK_END), 8000);
    assertEquals(ua.sys_write(fd, Uint8Array.of(1)), 1);
    assertEquals(ua.sys_lseek(fd, 4000, SEEK_SET), 4000);
    assertEquals(ua.sys_read(fd, buf), 4001);
    assertEquals([buf[999], buf[1000], buf[3999], buf[4000]], [pattern(5000)[4999], 0, 0, 1]);
    assertEquals(ua.sys_lseek(fd, -1, SEEK_SET), -EINVAL);
    assertEquals(ua.sys_lseek(fd, 0, 9), -EINVAL);
    assertEquals(ua.sys_memfd_create("f", 4096), -EINVAL);
    assertEquals(ua.sys_memfd_create("f".repeat(250)), -EINVAL);
    assertEquals(ua.sys_close(fd), 0);
    assertEquals(nr_used_pages(), pages);
  }));

Deno.test("a pipe carries bytes in order; its ends sleep for each other", () =>
  two_hosts(async ({ ua }) => {
    const [r, w] = pipe2(ua);
    const buf = new Uint8Array(200_000);
    const reads = ua.sys_read(r, buf);
    assert(reads instanceof Promise);
    await msleep(10);
    assertEquals(ua.sys_write(w, pattern(3)), 3);
    assertEquals(await reads, 3);
    assertEquals(buf.subarray(0, 3), pattern(3));

    // More than fits: 16 pages do.
    const writes = ua.sys_write(w, pattern(100_000));
    assert(writes instanceof Promise);
    await msleep(10);
    const n = new Int32Array(1);
    assertEquals(ua.sys_ioctl(r, FIONREAD, n), 0);
    assertEquals(n[0], 65536);
    assertEquals(await read_all(ua, r, 100_000), pattern(100_000));
    assertEquals(await writes, 100_000);

    // Small writes share a page.
    for (let i = 0; i < 100; i++) assertEquals(ua.sys_write(w, pattern(10)), 10);
    assertEquals(ua.sys_read(r, buf), 1000);
    assertEquals(ua.sys_lseek(r, 0, SEEK_SET), -ESPIPE);
    assertEquals(ua.sys_read(w, buf), -EBADF);
    assertEquals(ua.sys_write(r, buf), -EBADF);
    assertEquals(ua.sys_pipe2(new Int32Array(2), 1), -EINVAL);
    assertEquals(ua.sys_pipe2(new Int32Array(1)), -EFAULT);
  }));

Deno.test("the end of a pipe's other end is told to who reads, writes and polls", () =>
  two_hosts(async ({ ua }) => {
    const [r, w] = pipe2(ua, O_NONBLOCK);
    const poll = (fd: number): number => {
      const p = [{ fd, events: POLLIN | POLLOUT, revents: 0 }];
      ua.sys_poll(p, 1, 0);
      return p[0].revents;
    };
    assertEquals([poll(r), poll(w)], [0, POLLOUT]);
    assertEquals(ua.sys_read(r, new Uint8Array(1)), -EAGAIN);
    assertEquals(ua.sys_write(w, new Uint8Array(100_000)), 65536);
    assertEquals(ua.sys_write(w, new Uint8Array(1)), -EAGAIN);
    assertEquals([poll(r), poll(w)], [POLLIN, 0]);
    assertEquals(ua.sys_close(w), 0);
    assertEquals(poll(r), POLLIN | POLLHUP);
    assertEquals(ua.sys_read(r, new Uint8Array(65536)), 65536);
    assertEquals([poll(r), ua.sys_read(r, new Uint8Array(1))], [POLLHUP, 0]);

    const [r2, w2] = pipe2(ua);
    ua.sys_close(r2);
    assertEquals(poll(w2), POLLOUT | POLLERR);
    ua.task.ignored |= 1 << (SIGPIPE - 1);
    assertEquals(ua.sys_write(w2, new Uint8Array(1)), -EPIPE);

    const [r3, w3] = pipe2(ua);
    const reads = ua.sys_read(r3, new Uint8Array(1));
    await msleep(10);
    ua.sys_close(w3);
    assertEquals(await reads, 0);
    const [r4] = pipe2(ua);
    const interrupted = ua.sys_read(r4, new Uint8Array(1));
    await msleep(10);
    send_sig(SIGINT, ua.task, 0);
    assertEquals(await interrupted, -EINTR);
  }));

Deno.test("sendfile() sends pages of a file, as far as there are any", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const data = pattern(300_000);
    const f = memfd(ub, data);
    const reads = read_all(ua, s, 300_000);
    assertEquals(await ub.sys_sendfile(c, f, null, 400_000), 300_000);
    assertEquals(await reads, data);
    assertEquals(ub.sys_lseek(f, 0, SEEK_CUR), 300_000);
    assertEquals(ub.sys_sendfile(c, f, null, 10), 0);

    const off = Float64Array.of(299_990);
    assertEquals(ub.sys_sendfile(c, f, off, 50), 10);
    assertEquals(off[0], 300_000);
    assertEquals(await read_all(ua, s, 10), data.subarray(-10));
    assertEquals(ub.sys_lseek(f, 0, SEEK_CUR), 300_000);

    // Into a file, and into a pipe.
    const g = ub.sys_memfd_create("g");
    assertEquals(ub.sys_sendfile(g, f, Float64Array.of(100), 200_000), 200_000);
    ub.sys_lseek(g, 0, SEEK_SET);
    assertEquals(await read_all(ub, g, 300_000), data.subarray(100, 200_100));
    const [r, w] = pipe2(ub);
    assertEquals(ub.sys_sendfile(w, f, Float64Array.of(1), 100_000), 65535);
    assertEquals(await read_all(ub, r, 65535), data.subarray(1, 65536));
  }, { delay_ms: 5 }));

Deno.test("sendfile() answers every errno", () =>
  two_hosts(async (t) => {
    const { ub } = t;
    const [, c] = await connection(t);
    const f = memfd(ub, pattern(10));
    const [r] = pipe2(ub);
    assertEquals(ub.sys_sendfile(c, 99, null, 1), -EBADF);
    assertEquals(ub.sys_sendfile(99, f, null, 1), -EBADF);
    assertEquals(ub.sys_sendfile(r, f, null, 1), -EBADF);
    assertEquals(ub.sys_sendfile(c, c, null, 1), -EINVAL);
    assertEquals(ub.sys_sendfile(c, r, null, 1), -EINVAL);
    assertEquals(ub.sys_sendfile(c, c, Float64Array.of(0), 1), -ESPIPE);
    assertEquals(ub.sys_sendfile(c, f, Float64Array.of(-1), 1), -EINVAL);
    assertEquals(ub.sys_sendfile(c, f, new Float64Array(0), 1), -EFAULT);
    const fresh = ub.sys_socket(AF_INET, SOCK_STREAM);
    ub.task.ignored |= 1 << (SIGPIPE - 1);
    assertEquals(ub.sys_sendfile(fresh, f, null, 1), -EPIPE);
  }));

Deno.test("splice() takes bytes from socket to socket by way of a pipe", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c] = await connection(t);
    const data = pattern(100_000);
    const writes = ub.sys_write(c, data);
    const reads = read_all(ub, c, 100_000);
    const [r, w] = pipe2(ua);
    for (let done = 0; done < data.length;) {
      const n = await ua.sys_splice(s, null, w, null, 1 << 20);
      assert(n > 0, `splice: ${n}`);
      done += n;
      for (let left = n; left > 0;) left -= await ua.sys_splice(r, null, s, null, left);
    }
    assertEquals(await writes, 100_000);
    assertEquals(await reads, data);

    const sleeps = ua.sys_splice(s, null, w, null, 10);
    assert(sleeps instanceof Promise);
    await msleep(20);
    ub.sys_write(c, pattern(3));
    assertEquals(await sleeps, 3);
    assertEquals(await read_all(ua, r, 3), pattern(3));
    ua.sys_fcntl(s, F_SETFL, O_NONBLOCK);
    assertEquals(ua.sys_splice(s, null, w, null, 10), -EAGAIN);
    ub.sys_shutdown(c, SHUT_WR);
    await msleep(20);
    assertEquals(ua.sys_splice(s, null, w, null, 10), 0);
  }, { delay_ms: 5 }));

Deno.test("splice() between files and pipes moves the position that it is given", () =>
  two_hosts(async ({ ua }) => {
    const data = pattern(10_000);
    const [f, g] = [memfd(ua, data), ua.sys_memfd_create("g")];
    const [r, w] = pipe2(ua), [r2, w2] = pipe2(ua);
    const off = Float64Array.of(1000);
    assertEquals(ua.sys_splice(f, off, w, null, 5000), 5000);
    assertEquals([off[0], ua.sys_lseek(f, 0, SEEK_CUR)], [6000, 0]);
    assertEquals(ua.sys_splice(r, null, w2, null, 4000), 4000);
    assertEquals(ua.sys_splice(r2, null, g, null, 3999), 3999);
    assertEquals(ua.sys_lseek(g, 0, SEEK_CUR), 3999);
    assertEquals(ua.sys_splice(r, null, g, Float64Array.of(4000), 9999), 1000);
    assertEquals(ua.sys_splice(r2, null, g, null, 1), 1);
    ua.sys_lseek(g, 0, SEEK_SET);
    assertEquals(await read_all(ua, g, 9999), data.subarray(1000, 6000));
    assertEquals(ua.sys_splice(f, Float64Array.of(10_000), w, null, 5), 0);

    const moves = ua.sys_splice(r, null, w2, null, 100);
    assert(moves instanceof Promise);
    await msleep(10);
    ua.sys_write(w, pattern(7));
    assertEquals(await moves, 7);
    assertEquals(await read_all(ua, r2, 7), pattern(7));
  }));

Deno.test("splice() answers every errno", () =>
  two_hosts(async (t) => {
    const { ub } = t;
    const [, c] = await connection(t);
    const f = memfd(ub, pattern(10));
    const [r, w] = pipe2(ub);
    const zero = Float64Array.of(0);
    assertEquals(ub.sys_splice(99, null, w, null, 0), 0);
    assertEquals(ub.sys_splice(99, null, w, null, 1), -EBADF);
    assertEquals(ub.sys_splice(r, null, 99, null, 1), -EBADF);
    assertEquals(ub.sys_splice(f, null, w, null, 1, 0x100), -EINVAL);
    assertEquals(ub.sys_splice(f, null, f, null, 1), -EINVAL);
    assertEquals(ub.sys_splice(r, null, w, null, 1), -EINVAL);
    assertEquals(ub.sys_splice(w, null, r, null, 1), -EBADF);
    assertEquals(ub.sys_splice(r, zero, f, null, 1), -ESPIPE);
    assertEquals(ub.sys_splice(f, null, w, zero, 1), -ESPIPE);
    assertEquals(ub.sys_splice(c, zero, w, null, 1), -EINVAL);
    assertEquals(ub.sys_splice(r, null, c, zero, 1), -EINVAL);
    assertEquals(ub.sys_splice(f, new Float64Array(0), w, null, 1), -EFAULT);
    assertEquals(ub.sys_splice(r, null, f, null, 1, SPLICE_F_NONBLOCK), -EAGAIN);
    const fresh = ub.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(ub.sys_splice(fresh, null, w, null, 1), -ENOTCONN);
    ub.task.ignored |= 1 << (SIGPIPE - 1);
    ub.sys_write(w, pattern(1));
    assertEquals(ub.sys_splice(r, null, fresh, null, 1), -EPIPE);
    for (let i = 0; i < 15; i++) {
      zero[0] = 0;
      assertEquals(ub.sys_splice(f, zero, w, null, 10, SPLICE_F_NONBLOCK), 10);
    }
    zero[0] = 0;
    assertEquals(ub.sys_splice(f, zero, w, null, 10, SPLICE_F_NONBLOCK), -EAGAIN);
    ub.sys_close(r);
    assertEquals(ub.sys_splice(f, zero, w, null, 10), -EPIPE);
  }));

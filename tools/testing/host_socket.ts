// SPDX-License-Identifier: GPL-2.0-only
//
// For interop tests: a socket of the host's own stack, with what Deno's have no words for: SO_LINGER, keepalive,
// buffer sizes, TCP_INFO, errors by number. Calls that would block wait off the main thread, so that our stack, in
// the same process, goes on. Results are the kernel's: a number, or -errno.

import {
  EFD_NONBLOCK,
  os_eventfd,
  os_poll_async,
  os_read_file,
  os_write_file,
  POLLIN,
  POLLOUT,
} from "../../arch/deno/libc.ts";
import { POLLPRI } from "../../include/linux/poll.ts";
import { SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM } from "../../include/linux/net.ts";
import {
  AF_INET,
  MSG_NOSIGNAL,
  SO_ERROR,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { EAGAIN, EINPROGRESS, ETIMEDOUT } from "../../include/uapi/asm-generic/errno.ts";
import {
  TCP_CONGESTION,
  TCP_INFO,
  tcp_info_decode,
  TCP_INFO_SIZE,
} from "../../include/uapi/linux/tcp.ts";
import type { tcp_info } from "../../include/uapi/linux/tcp.ts";
import { inet_addr } from "../lib/inet.ts";

const libc_interface = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

let symbols: Deno.StaticForeignLibraryInterface<typeof libc_interface> | null = null;

function libc(): NonNullable<typeof symbols> {
  return symbols ??= Deno.dlopen("libc.so.6", libc_interface).symbols;
}

function result(ret: number): number {
  return ret < 0 ? -new Deno.UnsafePointerView(libc().__errno_location()!).getInt32() : ret;
}

function sockaddr_in(addr: string, port: number): Uint8Array<ArrayBuffer> {
  const dv = new DataView(new ArrayBuffer(16));
  dv.setUint16(0, AF_INET, true);
  dv.setUint16(2, port);
  dv.setInt32(4, inet_addr(addr));
  return new Uint8Array(dv.buffer);
}

/** A socket that waits. */
interface waiter {
  fd: number;
  events: number;
  /** As performance.now(). */
  deadline: number;
  resolve: (err: number) => void;
}

const waiters = new Set<waiter>();
let wakeup_fd = -1;
let polling = false;

/** Waits for all sockets at once: Deno has few threads for calls that block. */
async function poll_waiters(): Promise<void> {
  const ts = new Int32Array(4);
  while (waiters.size > 0) {
    const polled = [...waiters];
    const fds = new Int32Array(2 + 2 * polled.length);
    fds.set([wakeup_fd, POLLIN, ...polled.flatMap((w) => [w.fd, w.events])]);
    const end = Math.min(...polled.map((w) => w.deadline));
    const timeout = Math.max(0, end - performance.now());
    await os_poll_async(fds, 1 + polled.length, timeout * 1e6, ts);
    if (fds[1] >>> 16 !== 0) os_read_file(wakeup_fd, new Uint8Array(8), 8);
    polled.forEach((w, i) => {
      const ready = fds[3 + 2 * i] >>> 16 !== 0;
      if (!ready && performance.now() < w.deadline) return;
      waiters.delete(w);
      w.resolve(ready ? 0 : -ETIMEDOUT);
    });
  }
  polling = false;
}

/** Waits for events; 0, or -ETIMEDOUT. */
function poll_wait(fd: number, events: number, ms: number): Promise<number> {
  return new Promise((resolve) => {
    waiters.add({ fd, events, deadline: performance.now() + ms, resolve });
    if (wakeup_fd < 0) wakeup_fd = os_eventfd(0, EFD_NONBLOCK);
    if (polling) {
      os_write_file(wakeup_fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 8);
    } else {
      polling = true;
      void poll_waiters();
    }
  });
}

/** Ints as an option's value. @local */
export function ints(...v: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.from(v).buffer);
}

/** A socket of the host. @local */
export class host_socket implements Disposable {
  private constructor(public fd: number) {}

  /** A TCP socket, with cubic where the host has it: its default may be slow on a TUN. */
  static tcp(): host_socket {
    const s = new host_socket(result(libc().socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)));
    s.setsockopt(SOL_TCP, TCP_CONGESTION, new TextEncoder().encode("cubic"));
    return s;
  }

  static udp(): host_socket {
    return new host_socket(result(libc().socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)));
  }

  setsockopt(level: number, name: number, v: Uint8Array<ArrayBuffer>): number {
    return result(libc().setsockopt(this.fd, level, name, v, v.length));
  }

  private getsockopt(level: number, name: number, len: number): Uint8Array {
    const v = new Uint8Array(len);
    const optlen = ints(len);
    const ret = result(libc().getsockopt(this.fd, level, name, v, optlen));
    if (ret < 0) throw new Error(`getsockopt: ${ret}`);
    return v;
  }

  /** SO_ERROR, negative or 0. */
  error(): number {
    return 0 - new DataView(this.getsockopt(SOL_SOCKET, SO_ERROR, 4).buffer).getInt32(0, true);
  }

  tcp_info(): tcp_info {
    return tcp_info_decode(this.getsockopt(SOL_TCP, TCP_INFO, TCP_INFO_SIZE));
  }

  private async until_ready(events: number, ms: number, fn: () => number): Promise<number> {
    for (;;) {
      const ret = result(fn());
      if (ret !== -EAGAIN) return ret;
      const err = await poll_wait(this.fd, events, ms);
      if (err < 0) return err;
    }
  }

  bind(addr: string, port: number): number {
    return result(libc().bind(this.fd, sockaddr_in(addr, port), 16));
  }

  listen(backlog = 512): number {
    return result(libc().listen(this.fd, backlog));
  }

  async accept(ms = 10_000): Promise<host_socket> {
    const fd = await this.until_ready(
      POLLIN,
      ms,
      () => libc().accept4(this.fd, null, null, SOCK_NONBLOCK),
    );
    if (fd < 0) throw new Error(`accept: ${fd}`);
    return new host_socket(fd);
  }

  async connect(addr: string, port: number, ms = 10_000): Promise<number> {
    const ret = result(libc().connect(this.fd, sockaddr_in(addr, port), 16));
    if (ret !== -EINPROGRESS) return ret;
    const err = await poll_wait(this.fd, POLLOUT, ms);
    return err < 0 ? err : this.error();
  }

  /** Bytes read, 0 at the end. */
  read(p: Uint8Array<ArrayBuffer>, ms = 10_000): Promise<number> {
    return this.until_ready(POLLIN, ms, () => libc().recv(this.fd, p, p.length, 0));
  }

  /** Bytes that are there already, or -EAGAIN. */
  try_read(p: Uint8Array<ArrayBuffer>): number {
    return result(libc().recv(this.fd, p, p.length, 0));
  }

  /** One call of recv(), which does not wait. */
  recv(p: Uint8Array<ArrayBuffer>, flags: number): number {
    return result(libc().recv(this.fd, p, p.length, flags));
  }

  /** One call of send(), which does not wait. */
  send(p: Uint8Array<ArrayBuffer>, flags: number): number {
    return result(libc().send(this.fd, p, p.length, flags));
  }

  /** Waits for urgent data; 0, or -ETIMEDOUT. */
  wait_urgent(ms = 10_000): Promise<number> {
    return poll_wait(this.fd, POLLPRI, ms);
  }

  /** Reads all that comes until the end; throws for an error. */
  async read_all(ms = 10_000): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (;;) {
      const p = new Uint8Array(262144);
      const n = await this.read(p, ms);
      if (n < 0) throw new Error(`read: ${n}`);
      if (n === 0) return new Uint8Array(await new Blob(parts).arrayBuffer());
      parts.push(p.subarray(0, n));
    }
  }

  /** Writes all; 0 or -errno. */
  async write(p: Uint8Array<ArrayBuffer>, ms = 10_000): Promise<number> {
    for (let off = 0; off < p.length;) {
      const rest = p.subarray(off);
      const n = await this.until_ready(
        POLLOUT,
        ms,
        () => libc().send(this.fd, rest, rest.length, MSG_NOSIGNAL),
      );
      if (n < 0) return n;
      off += n;
    }
    return 0;
  }

  shutdown(how: number): number {
    return result(libc().shutdown(this.fd, how));
  }

  close(): void {
    if (this.fd >= 0) libc().close(this.fd);
    this.fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

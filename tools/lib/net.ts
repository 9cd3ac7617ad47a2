// SPDX-License-Identifier: GPL-2.0-only
//
// TCP for programs, shaped like Deno.listen() and Deno.connect(): Conn and Listener over the system calls of one
// task, which throw SyscallError. What the stack takes or has at once costs no turn of the event loop inside it;
// back-pressure is the socket's: write() waits while the send buffer is full, and what is not read
// closes the receive window.

import { SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_STREAM } from "../../include/linux/net.ts";
import {
  AF_INET,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { EBADF, EINTR } from "../../include/uapi/asm-generic/errno.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { TCP_NODELAY } from "../../include/uapi/linux/tcp.ts";
import type { userland } from "../../arch/entry/common.ts";
import { check, SyscallError } from "./errno.ts";
import { inet_addr, inet_ntoa } from "./inet.ts";

/** An address as Deno has it. */
export interface NetAddr {
  /** Always TCP. */
  transport: "tcp";
  /** A dotted quad. */
  hostname: string;
  /** 1..65535 */
  port: number;
}

/** Where to connect to or to listen. */
export interface ConnectOptions {
  /** A dotted quad; default 127.0.0.1, for listen() 0.0.0.0. */
  hostname?: string;
  /** 1..65535 */
  port: number;
  /** Ends the attempt to connect, or the connection. */
  signal?: AbortSignal;
}

/** Where to listen, and how. */
export interface ListenOptions {
  /** A dotted quad; default 0.0.0.0, all of ours. */
  hostname?: string;
  /** 0: any free one. */
  port: number;
  /** Default 511, as node has it. */
  backlog?: number;
  /** Others may listen on the same port, too (SO_REUSEPORT): connections are shared out. */
  reusePort?: boolean;
}

function sockaddr_of(hostname: string, port: number): sockaddr {
  return { sin_family: AF_INET, sin_port: port, sin_addr: inet_addr(hostname) };
}

function net_addr(a: sockaddr): NetAddr {
  return { transport: "tcp", hostname: inet_ntoa(a.sin_addr), port: a.sin_port };
}

const ZERO: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };

/** An int option's value. */
function int(v: number): Uint8Array {
  return Uint8Array.of(v, v >> 8, v >> 16, v >> 24);
}

/** A connection. */
export class Conn implements AsyncDisposable, Disposable {
  /** Our end. */
  readonly localAddr: NetAddr;
  /** The peer's. */
  readonly remoteAddr: NetAddr;
  private fd: number;
  private readable_stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  private writable_stream: WritableStream<Uint8Array> | null = null;

  /** Takes over a connected socket; `on_close` is called when it is closed here. */
  constructor(
    readonly userland: userland,
    fd: number,
    private readonly on_close: () => void = () => {},
  ) {
    const local = { ...ZERO }, remote = { ...ZERO };
    this.fd = fd;
    userland.sys_getsockname(fd, local);
    userland.sys_getpeername(fd, remote);
    this.localAddr = net_addr(local);
    this.remoteAddr = net_addr(remote);
  }

  /** The descriptor, for system calls; -1 once closed. */
  get rid(): number {
    return this.fd;
  }

  /** Reads what is there, waiting for the first byte: how many, null at the end. */
  async read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return 0;
    const n = check(await this.userland.sys_read(this.fd, p), "read");
    return n === 0 ? null : n;
  }

  /** Writes some, waiting for room: how many. */
  async write(p: Uint8Array): Promise<number> {
    return check(await this.userland.sys_write(this.fd, p), "write");
  }

  /** Writes all. */
  async writeAll(p: Uint8Array): Promise<void> {
    for (let off = 0; off < p.length;) off += await this.write(off === 0 ? p : p.subarray(off));
  }

  /** No more is sent: the peer reads the end. */
  async closeWrite(): Promise<void> {
    check(await this.userland.sys_shutdown(this.fd, SHUT_WR), "shutdown");
  }

  /** TCP_NODELAY: small writes go at once. Throws SyscallError. */
  setNoDelay(on = true): void {
    this.setsockopt(SOL_TCP, TCP_NODELAY, on ? 1 : 0);
  }

  /** SO_KEEPALIVE: an idle peer is probed, by default after two hours. Throws SyscallError. */
  setKeepAlive(on = true): void {
    this.setsockopt(SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0);
  }

  private setsockopt(level: number, name: number, v: number): void {
    const ret = this.userland.sys_setsockopt(this.fd, level, name, int(v));
    if (typeof ret === "number") check(ret, "setsockopt");
  }

  /** Ends reads that wait, and closes: the promise, if any, is that of SO_LINGER. */
  private end(): number | Promise<number> {
    if (this.fd < 0) return 0;
    const fd = this.fd;
    this.fd = -1;
    this.on_close();
    // A read that waits has the file open: it ends when there is nothing more to come.
    if (this.userland.task.nr_asleep > 0) this.userland.sys_shutdown(fd, SHUT_RD);
    return this.userland.sys_close(fd);
  }

  /** Ends reads that wait, and closes. What was written still goes. */
  close(): void {
    this.end();
  }

  /** As close(). */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As close(); with SO_LINGER it waits for the peer. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** What comes, as a stream. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.readable_stream ??= new ReadableStream({
      pull: async (c) => {
        const p = new Uint8Array(65536);
        const n = await this.read(p);
        if (n === null) c.close();
        else c.enqueue(p.subarray(0, n));
      },
      cancel: () => {
        if (this.fd >= 0) this.userland.sys_shutdown(this.fd, SHUT_RD);
      },
    }, { highWaterMark: 0 });
  }

  /** What is to go, as a stream; its close is closeWrite(). */
  get writable(): WritableStream<Uint8Array> {
    return this.writable_stream ??= new WritableStream({
      write: (p) => this.writeAll(p),
      close: () => this.closeWrite(),
      abort: () => this.close(),
    });
  }
}

/** A listening socket. */
export class Listener implements AsyncIterable<Conn>, Disposable {
  /** Where it listens; the port is the one that was chosen. */
  readonly addr: NetAddr;
  private fd: number;

  /** Takes over a listening socket. */
  constructor(readonly userland: userland, fd: number) {
    const local = { ...ZERO };
    this.fd = fd;
    userland.sys_getsockname(fd, local);
    this.addr = net_addr(local);
  }

  /** The descriptor, for system calls; -1 once closed. */
  get rid(): number {
    return this.fd;
  }

  /** The next connection. Throws SyscallError: EINVAL when somebody shuts the socket down. */
  async accept(): Promise<Conn> {
    const fd = check(await this.userland.sys_accept(this.fd), "accept");
    return new Conn(this.userland, fd);
  }

  /** Ends an accept() that waits, and closes. */
  close(): void {
    if (this.fd < 0) return;
    const fd = this.fd;
    this.fd = -1;
    this.userland.sys_shutdown(fd, SHUT_RDWR);
    this.userland.sys_close(fd);
  }

  /** As close(). */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Connections, until close(). */
  async *[Symbol.asyncIterator](): AsyncGenerator<Conn> {
    while (this.fd >= 0) {
      let conn: Conn;
      try {
        conn = await this.accept();
      } catch (e) {
        if (this.fd < 0) return;
        if (e instanceof SyscallError && e.errno === EINTR) continue;
        // The program was ended, and its descriptors with it.
        if (e instanceof SyscallError && e.errno === EBADF) return;
        throw e;
      }
      yield conn;
    }
  }
}

/** Listens; throws SyscallError. */
export function listen(u: userland, o: ListenOptions): Listener {
  const hostname = o.hostname ?? "0.0.0.0";
  const fd = check(u.sys_socket(AF_INET, SOCK_STREAM), "socket");
  try {
    u.sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int(1));
    if (o.reusePort) u.sys_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, int(1));
    const what = `${hostname}:${o.port}`;
    check(u.sys_bind(fd, sockaddr_of(hostname, o.port)), "bind", what);
    check(u.sys_listen(fd, o.backlog ?? 511), "listen", what);
    return new Listener(u, fd);
  } catch (e) {
    u.sys_close(fd);
    throw e;
  }
}

/** Connects; throws SyscallError, or the signal's reason. */
export async function connect(u: userland, o: ConnectOptions): Promise<Conn> {
  const hostname = o.hostname ?? "127.0.0.1";
  o.signal?.throwIfAborted();
  const addr = sockaddr_of(hostname, o.port);
  const fd = check(u.sys_socket(AF_INET, SOCK_STREAM), "socket");
  let conn: Conn | null = null;
  // The number may be another socket's once the connection is closed.
  const on_abort = (): void => void u.sys_shutdown(conn === null ? fd : conn.rid, SHUT_RDWR);
  const forget = (): void => o.signal?.removeEventListener("abort", on_abort);
  o.signal?.addEventListener("abort", on_abort, { once: true });
  try {
    const ret = await u.sys_connect(fd, addr);
    o.signal?.throwIfAborted();
    check(ret, "connect", `${hostname}:${o.port}`);
    conn = new Conn(u, fd, forget);
    return conn;
  } catch (e) {
    forget();
    u.sys_close(fd);
    throw e;
  }
}

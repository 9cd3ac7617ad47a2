// SPDX-License-Identifier: GPL-2.0-only
//
// The other end of the benchmark: a program on the host's own TCP, with the same two roles as stack.ts has servers.
//   peer.ts server KIND                    until it is killed; 'ready' when it listens
//   peer.ts client KIND ADDRESS WARM MS RUNS FULL   WARM ms, then print_runs() of runs of MS ms
//   peer.ts speed MS                       the highest speed of the core in MS ms
// It blocks in the C library's calls, as a C program would, which costs some 20 ns a call: it is never what the
// figures tell.

import { assert_private_netns } from "../../arch/deno/netns.ts";
import { inet_addr } from "../lib/inet.ts";
import { BULK, core_speed, PORT, print_runs } from "./common.ts";

const AF_INET = 2, SOCK_STREAM = 1, SOL_SOCKET = 1, SO_REUSEADDR = 2, IPPROTO_TCP = 6;
const TCP_NODELAY = 1, TCP_CONGESTION = 13, SHUT_WR = 1, MSG_NOSIGNAL = 0x4000;

export const libc = Deno.dlopen("libc.so.6", {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept: { parameters: ["i32", "pointer", "pointer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

export function must(ret: number, what: string): number {
  if (ret >= 0) return ret;
  const errno = new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
  throw new Error(`peer: ${what}: errno ${errno}`);
}

export function sockaddr_in(addr: number, port: number): Uint8Array<ArrayBuffer> {
  const dv = new DataView(new ArrayBuffer(16));
  dv.setUint16(0, AF_INET, true);
  dv.setUint16(2, port);
  dv.setInt32(4, addr);
  return new Uint8Array(dv.buffer);
}

const one = Uint8Array.of(1, 0, 0, 0);
const byte = new Uint8Array(1);
const bulk = new Uint8Array(BULK);

export function tcp_socket(congestion = "cubic"): number {
  const fd = must(libc.socket(AF_INET, SOCK_STREAM, 0), "socket");
  must(libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, one, 4), "TCP_NODELAY");
  // The host's default may be bbr, which is slow on such a path. A host without cubic keeps it.
  const cc = new TextEncoder().encode(congestion);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, cc.length);
  return fd;
}

function tcp_connect(addr: Uint8Array<ArrayBuffer>): number {
  const fd = tcp_socket();
  must(libc.connect(fd, addr, addr.length), "connect");
  return fd;
}

export function send_all(fd: number, buf: Uint8Array<ArrayBuffer>): boolean {
  for (let off = 0; off < buf.length;) {
    const n = libc.send(fd, off === 0 ? buf : buf.subarray(off), buf.length - off, MSG_NOSIGNAL);
    if (n < 0) return false;
    off += n;
  }
  return true;
}

/** Bytes until the end. */
export function drain(fd: number): number {
  let bytes = 0;
  for (;;) {
    const n = libc.read(fd, bulk, BULK);
    if (n <= 0) return bytes;
    bytes += n;
  }
}

/** What a server does with a connection. */
const servers: Record<string, (fd: number) => void> = {
  sink: (fd) => void drain(fd),

  source(fd) {
    const ms = new Uint32Array(1);
    if (libc.read(fd, ms, 4) !== 4) return;
    const end = performance.now() + ms[0];
    while (performance.now() < end && send_all(fd, bulk));
  },

  echo(fd) {
    while (libc.read(fd, byte, 1) === 1 && libc.send(fd, byte, 1, MSG_NOSIGNAL) === 1);
  },

  close: () => {},
};

/** What a client does for so many ms; its figure. */
const clients: Record<string, (addr: Uint8Array<ArrayBuffer>, ms: number) => number> = {
  sink(addr, ms) {
    const fd = tcp_connect(addr);
    const start = performance.now();
    let bytes = 0;
    for (; performance.now() < start + ms; bytes += BULK) {
      if (!send_all(fd, bulk)) throw new Error("peer: the connection broke");
    }
    // The server closes when it has read everything.
    must(libc.shutdown(fd, SHUT_WR), "shutdown");
    drain(fd);
    const seconds = (performance.now() - start) / 1000;
    libc.close(fd);
    return bytes * 8 / seconds / 1e9;
  },

  source(addr, ms) {
    const fd = tcp_connect(addr);
    send_all(fd, new Uint8Array(Uint32Array.of(ms).buffer));
    must(libc.read(fd, byte, 1), "read");
    const start = performance.now();
    const bytes = drain(fd);
    const seconds = (performance.now() - start) / 1000;
    libc.close(fd);
    return bytes * 8 / seconds / 1e9;
  },

  echo(addr, ms) {
    const fd = tcp_connect(addr);
    const start = performance.now();
    let n = 0, now = start;
    for (; now < start + ms; n++) {
      must(libc.send(fd, byte, 1, MSG_NOSIGNAL), "send");
      if (libc.read(fd, byte, 1) !== 1) throw new Error("peer: the connection broke");
      now = performance.now();
    }
    libc.close(fd);
    return n / (now - start) * 1000;
  },

  close(addr, ms) {
    const start = performance.now();
    let n = 0, now = start;
    for (; now < start + ms; n++) {
      const fd = tcp_connect(addr);
      // The server has accepted it and closes.
      must(libc.read(fd, byte, 1), "read");
      libc.close(fd);
      now = performance.now();
    }
    return n / (now - start) * 1000;
  },
};

function server(kind: string): void {
  const lfd = tcp_socket();
  const addr = sockaddr_in(0, PORT);
  must(libc.setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, one, 4), "SO_REUSEADDR");
  must(libc.bind(lfd, addr, addr.length), "bind");
  must(libc.listen(lfd, 511), "listen");
  console.log("ready");
  for (;;) {
    const fd = must(libc.accept(lfd, null, null), "accept");
    servers[kind](fd);
    libc.close(fd);
  }
}

function highest_speed(ms: number): number {
  const end = performance.now() + ms;
  let speed = 0;
  while (performance.now() < end) speed = Math.max(speed, core_speed());
  return speed;
}

if (import.meta.main) {
  const [role, kind, ...rest] = Deno.args;
  if (role === "speed") {
    console.log(String(highest_speed(Number(kind))));
  } else if (role === "server") {
    assert_private_netns();
    server(kind);
  } else {
    assert_private_netns();
    const addr = sockaddr_in(inet_addr(rest[0]), PORT);
    const [warm, ms, runs, full] = rest.slice(1).map(Number);
    clients[kind](addr, warm);
    await print_runs(runs, full, () => [clients[kind](addr, ms)]);
  }
}

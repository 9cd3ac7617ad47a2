// SPDX-License-Identifier: GPL-2.0-only
//
// One cell of the table: a host sends a file to another through an emulated path in virtual time. run_cell() checks
// that all of it arrives as it was sent, that it never stands still for long and that nothing is
// left, and says how fast it was.

import { Buffer } from "node:buffer";
import { fcheck } from "../../../fs/file.ts";
import { proc_sys_write } from "../../../fs/proc/proc_sysctl.ts";
import { switch_to } from "../../../include/linux/sched.ts";
import type { tcp_sock } from "../../../include/linux/tcp.ts";
import { NSEC_PER_MSEC, NSEC_PER_SEC } from "../../../include/linux/time64.ts";
import { check, connect, listen } from "../../../mod.ts";
import type { host } from "../../../mod.ts";
import { sock_from_file } from "../../../net/socket.ts";
import { snmp_counter } from "../../../net/ipv4/proc.ts";
import { random_bytes } from "../interop.ts";
import { ADDR_A, two_hosts } from "../two_hosts.ts";
import type { two_hosts_bench } from "../two_hosts.ts";
import type { path_counters, path_options } from "./path.ts";

/** What a cell is about. @local */
export interface cell {
  /** Probability that a packet is lost. */
  loss: number;
  reorder: boolean;
  duplicate: boolean;
  /** Of the bottleneck, in bandwidth-delay products. */
  buffer: number;
  /** ms */
  rtt: number;
  cc: "reno" | "cubic";
  sack: boolean;
  /** Of the bottleneck, bit/s; default a local network's 100 Mbit/s, or 10 Mbit/s, a way out's. */
  rate?: number;
}

/** What came of it. @local */
export interface cell_result {
  /** Fraction of the bottleneck's rate, but for the end. */
  goodput: number;
  /** The whole transfer, virtual, s. */
  seconds: number;
  /** The longest time in which nothing arrived, s. */
  longest_gap: number;
  /** Segments sent, retransmitted, and timeouts of the sender. */
  sent: number;
  retransmitted: number;
  timeouts: number;
  path: path_counters;
}

/** Bytes of a transfer. */
export const FILE_SIZE = 4_000_000;
/** So many of them are timed: what becomes of the last segment is another story. */
const TIMED = 3_800_000;
/** Of packets, where they are duplicated or reordered. */
const DUPLICATE = 0.01, REORDER = 0.01;
/** One that comes late is passed by up to so many. */
const PASSERS = 8;
/** Nothing arrives for so long, s: the connection stands still. */
export const STALL = 60;
const PORT = 5001;
const CHUNK = 65536;
/** No multiple of any segment's size: what comes from the wrong place differs. */
const PATTERN = random_bytes(65521, 42);
/** From any place of the pattern on, so much of the file. */
const FILE = Uint8Array.from(
  { length: PATTERN.length + CHUNK },
  (_, i) => PATTERN[i % PATTERN.length],
);

/** The bottleneck's rate, bit/s. */
export function rate_of(c: cell): number {
  return c.rate ?? (c.rtt <= 1 ? 100e6 : 10e6);
}

/** The data's path and the ACKs', which has the same bottleneck and no faults. */
export function paths_of(
  c: cell,
  seed: number,
  both: boolean,
): [data: path_options, acks: path_options] {
  const rate = rate_of(c);
  const good: path_options = {
    rate,
    delay: c.rtt / 2 * NSEC_PER_MSEC,
    buffer: c.buffer * rate * c.rtt / 8000,
    loss: 0,
    duplicate: 0,
    reorder: 0,
    passers: PASSERS,
    seed: seed * 2 + 1,
  };
  const faults = {
    loss: c.loss,
    duplicate: c.duplicate ? DUPLICATE : 0,
    reorder: c.reorder ? REORDER : 0,
  };
  return [{ ...good, ...faults, seed: seed * 2 }, both ? { ...good, ...faults } : good];
}

export function sysctl(h: host, name: string, value: string): void {
  check(proc_sys_write(h.net, name, value), "sysctl", name);
}

/** Watches a transfer, for a trace. @local */
export interface cell_watcher {
  /** The connection is there; called in the sender's program. */
  start(t: two_hosts_bench, sk: tcp_sock): void;
}

/** The socket of a descriptor. */
function sock_of(t: two_hosts_bench, fd: number): tcp_sock {
  switch_to(t.ub.task);
  const file = fcheck(fd);
  return sock_from_file(file!)!.sk as tcp_sock;
}

/** Runs a cell; `both`: ACKs fare as data does. Throws if the file does not arrive whole, stands still, or anything is left. @local */
export async function run_cell(
  c: cell,
  options: { seed?: number; watcher?: cell_watcher; both?: boolean } = {},
): Promise<cell_result> {
  const seed = options.seed ?? 1;
  const [data, acks] = paths_of(c, seed, options.both ?? false);
  const must = options.both ? Infinity : STALL * NSEC_PER_SEC;
  let result: cell_result | null = null;
  await two_hosts(async (t) => {
    for (const h of [t.a, t.b]) {
      sysctl(h, "net.ipv4.tcp_congestion_control", c.cc);
      sysctl(h, "net.ipv4.tcp_sack", c.sack ? "1" : "0");
    }
    const listener = listen(t.ua, { port: PORT });
    const accepted = listener.accept();
    const client = await connect(t.ub, { hostname: ADDR_A, port: PORT });
    const server = await accepted;
    options.watcher?.start(t, sock_of(t, client.rid));
    const start = t.sim.now();
    let last = start, longest_gap = 0, got = 0, timed = 0;
    const received = (async () => {
      const buf = new Uint8Array(CHUNK);
      for (;;) {
        const n = await server.read(buf);
        const now = t.sim.now();
        longest_gap = Math.max(longest_gap, now - last);
        last = now;
        if (n === null) return now;
        const at = got % PATTERN.length;
        if (Buffer.compare(buf.subarray(0, n), FILE.subarray(at, at + n)) !== 0) {
          throw new Error(`what came at ${got} is not what was sent`);
        }
        if (got < TIMED && got + n >= TIMED) timed = (got + n) * 8 * NSEC_PER_SEC / (now - start);
        got += n;
      }
    })();
    for (let off = 0; off < FILE_SIZE;) {
      const at = off % PATTERN.length;
      off += await client.write(FILE.subarray(at, at + Math.min(CHUNK, FILE_SIZE - off)));
    }
    await client.closeWrite();
    const end = await received;
    if (got !== FILE_SIZE) throw new Error(`${got} bytes came of ${FILE_SIZE}`);
    if (longest_gap > must) {
      throw new Error(`nothing came for ${longest_gap / NSEC_PER_SEC} s`);
    }
    server.close();
    client.close();
    listener.close();
    const seconds = (end - start) / NSEC_PER_SEC;
    const counter = (name: string): number => snmp_counter(t.b.net, name) ?? NaN;
    result = {
      goodput: timed / rate_of(c),
      seconds,
      longest_gap: longest_gap / NSEC_PER_SEC,
      sent: counter("TcpOutSegs"),
      retransmitted: counter("TcpRetransSegs"),
      timeouts: counter("TcpExtTCPTimeouts"),
      path: { ...t.path_b!.stats },
    };
  }, { seed, paths: [acks, data] });
  return result!;
}

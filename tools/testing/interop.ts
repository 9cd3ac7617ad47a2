// SPDX-License-Identifier: GPL-2.0-only
//
// The bench of interop tests, inside netns_tests(): on_nic() boots a machine in the host's time with a TUN or TAP,
// 198.51.100.2 for us and 198.51.100.1 for the host's stack, runs the test, and ends the machine, which fails if
// anything is left. run_program() runs a program of the host.

import { createHash } from "node:crypto";
import { boot, inet_addr } from "../../mod.ts";
import type { host, machine, nic, userland } from "../../mod.ts";
import type { tuntap_options } from "../../arch/deno/mod.ts";
import { ifconfig } from "../../arch/deno/ifconfig.ts";
import { proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { snmp_counter } from "../../net/ipv4/proc.ts";

export const OURS = "198.51.100.2";
export const THEIRS = "198.51.100.1";

/** The kinds of NIC that everything is to work on. @local */
export const NICS: readonly { type: "tun" | "tap"; offload: boolean; name: string }[] = [
  { type: "tap", offload: true, name: "TAP" },
  { type: "tap", offload: false, name: "TAP without offload" },
  { type: "tun", offload: true, name: "TUN" },
  { type: "tun", offload: false, name: "TUN without offload" },
];

/** What a test works with. @local */
export interface nic_bench {
  machine: machine;
  host: host;
  nic: nic;
  /** A program. */
  u: userland;
  /** A counter of ours by nstat's name. */
  counter(name: string): number;
}

/** Runs a test on a NIC; then nothing may be left. @local */
export async function on_nic(
  options: tuntap_options,
  fn: (t: nic_bench) => Promise<void>,
): Promise<void> {
  ifconfig("lo", { up: true });
  const m = boot();
  let failed = true;
  try {
    const h = m.host();
    const nic = h.tuntap({ host_address: inet_addr(THEIRS), host_prefix_len: 24, ...options })
      .ifconfig(`${OURS}/24`);
    h.route_add("default", THEIRS);
    const counter = (name: string): number => {
      const v = snmp_counter(h.net, name);
      if (v === undefined) throw new Error(`no counter '${name}'`);
      return v;
    };
    await fn({ machine: m, host: h, nic, u: h.task("test"), counter });
    failed = false;
  } finally {
    const end = m.shutdown();
    // The test's own failure is the one to show.
    await (failed ? end.catch(() => {}) : end);
  }
}

/** Sets a sysctl of a host of ours. @local */
export function sysctl(h: host, name: string, value: string): void {
  const err = proc_sys_write(h.net, name, value);
  if (err < 0) throw new Error(`${name}=${value}: ${err}`);
}

/** What a program of the host ended in. @local */
export interface program_result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program of the host to its end, at most for 30 s. @local */
export async function run_program(
  argv: readonly string[],
  options: { stdin?: Uint8Array<ArrayBuffer> | string; cwd?: string } = {},
): Promise<program_result> {
  const { stdin } = options;
  const child = new Deno.Command("timeout", {
    args: ["30", ...argv],
    cwd: options.cwd,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const w = child.stdin.getWriter();
    const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
    // A program that ends before it has read all is no failure of ours.
    w.write(bytes).then(() => w.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const text = (p: Uint8Array) => new TextDecoder().decode(p);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Bytes without a pattern, the same for the same seed. @local */
export function random_bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = seed | 0;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** @local */
export function sha256(p: Uint8Array): string {
  return createHash("sha256").update(p).digest("hex");
}

/** @local */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

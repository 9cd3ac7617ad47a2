// SPDX-License-Identifier: GPL-2.0-only
//
// What the samples share: their flags, the NIC and sysctls that these ask for, and the end by Ctrl-C. A program
// says what it is (program), program_args() reads the command line (usage and exit status 2 where it is
// wrong), program_boot() starts a machine with a host on that NIC.

import { parseArgs } from "@std/cli/parse-args";
import { boot, inet_addr, inet_cidr, SyscallError } from "../../mod.ts";
import type { host, machine } from "../../mod.ts";
import { assert_private_netns, tun_unavailable } from "../../arch/deno/netns.ts";
import { os_error } from "../../arch/deno/mod.ts";
import { ENODEV } from "../../include/uapi/asm-generic/errno.ts";
import { command_run } from "../../tools/lib/command.ts";
import { nstat } from "../../tools/lib/nstat.ts";
import { sysctl } from "../../tools/lib/sysctl.ts";

/** A program as its usage tells it. */
export interface program {
  name: string;
  /** What it does, one line. */
  summary: string;
  /** Its arguments, as 'HOST PORT'; none by default. */
  positional?: string;
  /** How many of them there may be; default 0 to 0. */
  positionals?: readonly [min: number, max: number];
  /** Its own flags: default value and help. A boolean default makes a switch. */
  flags?: Record<string, { default: string | boolean; help: string }>;
}

/** A command line. */
export interface program_flags {
  /** Values of the program's own flags. */
  flags: Record<string, string>;
  switches: Record<string, boolean>;
  positionals: string[];
  nic: nic_flags;
}

/** The NIC that the flags ask for, and what else they say of the stack. */
export interface nic_flags {
  type: "wire" | "tun" | "tap";
  dev?: string;
  /** A.B.C.D/LEN */
  address: string;
  host_address: string;
  gateway?: string;
  mtu?: number;
  offload: boolean;
  mac?: Uint8Array;
  /** NAME=VALUE */
  sysctl: readonly string[];
  nstat: boolean;
  control: boolean;
}

/** A command line that cannot be. */
export class UsageError extends Error {}

const NIC_USAGE = `NIC flags:
  --nic=wire|tun|tap       the host's kernel by a TUN or TAP (default tap), or a second host in this process
  --dev=NAME               the host's name for the device (default: the next free one)
  --address=A.B.C.D/LEN    our address (default 198.51.100.2/24)
  --host-address=A/LEN     the other end's (default 198.51.100.1/24)
  --gateway=A.B.C.D        default route (default: the other end)
  --mtu=N                  68..65535 (default 1500)
  --no-offload             the NIC neither segments nor checksums
  --mac=XX:XX:XX:XX:XX:XX  our Ethernet address (default random)
Stack flags:
  --sysctl=NAME=VALUE      sets a net.* (deno task sysctl -a lists them); may come several times
  --nstat                  prints the counters at the end, on stderr
  --control                lets deno task sysctl, nstat and ss of this user ask it while it runs`;

const NIC_STRINGS = ["nic", "dev", "address", "host-address", "gateway", "mtu", "mac"];

/** The usage text of a program. */
export function usage(p: program): string {
  const flags = Object.entries(p.flags ?? {}).map(([name, f]) => {
    const left = typeof f.default === "boolean" ? `--${name}` : `--${name}=${name.toUpperCase()}`;
    const def = typeof f.default === "string" && f.default !== "" ? ` (default ${f.default})` : "";
    return `  ${left.padEnd(24)} ${f.help}${def}\n`;
  }).join("");
  const positional = p.positional === undefined ? "" : ` ${p.positional}`;
  return `usage: deno task sample ${p.name} [flags]${positional}\n${p.summary}\n${flags}` +
    `  --help                   this text\n${NIC_USAGE}`;
}

function parse_mac(s: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(s)) {
    throw new UsageError(`'${s}' is no Ethernet address`);
  }
  const mac = Uint8Array.from(s.split(":"), (b) => parseInt(b, 16));
  if ((mac[0] & 1) !== 0) throw new UsageError(`'${s}' is the Ethernet address of a group`);
  return mac;
}

/** An address, as it was given. */
export function parse_address(what: string, s: string): string {
  try {
    inet_addr(s);
    return s;
  } catch (e) {
    throw new UsageError(`${what}: ${(e as Error).message}`);
  }
}

/** An address with prefix length, as it was given. */
function parse_cidr(flag: string, s: string): string {
  try {
    if (!s.includes("/")) throw new TypeError(`'${s}' has no prefix length`);
    inet_cidr(s);
    return s;
  } catch (e) {
    throw new UsageError(`--${flag}: ${(e as Error).message}`);
  }
}

/** A number of a flag, within bounds. */
export function parse_number(flag: string, s: string, min: number, max: number): number {
  const n = Number(s);
  if (!/^\d+$/.test(s) || n < min || n > max) {
    throw new UsageError(`--${flag}=${s}: a number from ${min} to ${max} is wanted`);
  }
  return n;
}

function parse_sysctl(s: string): string {
  if (!/^[^=]+=./.test(s)) throw new UsageError(`--sysctl=${s}: NAME=VALUE is wanted`);
  return s;
}

function parse_nic(a: Record<string, unknown>): nic_flags {
  const str = (name: string): string | undefined => a[name] as string | undefined;
  const type = str("nic") ?? "tap";
  if (type !== "wire" && type !== "tun" && type !== "tap") {
    throw new UsageError(`--nic=${type}: wire, tun or tap is wanted`);
  }
  const dev = str("dev");
  if (dev !== undefined && !/^(?!\.\.?$)[^\s/:]{1,15}$/.test(dev)) {
    throw new UsageError(`--dev=${dev}: the name of an interface is wanted, 1 to 15 letters`);
  }
  const gateway = str("gateway");
  const mac = str("mac");
  const mtu = str("mtu");
  return {
    type,
    dev,
    address: parse_cidr("address", str("address") ?? "198.51.100.2/24"),
    host_address: parse_cidr("host-address", str("host-address") ?? "198.51.100.1/24"),
    gateway: gateway === undefined ? undefined : parse_address("--gateway", gateway),
    mtu: mtu === undefined ? undefined : parse_number("mtu", mtu, 68, 65535),
    offload: a["offload"] !== false,
    mac: mac === undefined ? undefined : parse_mac(mac),
    sysctl: ((a["sysctl"] ?? []) as string[]).map(parse_sysctl),
    nstat: a["nstat"] === true,
    control: a["control"] === true,
  };
}

function parse(p: program, argv: string[]): program_flags | null {
  const own = Object.entries(p.flags ?? {});
  const strings = own.filter(([, f]) => typeof f.default === "string").map(([name]) => name);
  const booleans = own.filter(([, f]) => typeof f.default === "boolean").map(([name]) => name);
  const a = parseArgs(argv, {
    string: [...NIC_STRINGS, "sysctl", ...strings, "_"],
    boolean: ["help", "offload", "nstat", "control", ...booleans],
    collect: ["sysctl"],
    negatable: ["offload"],
    default: { offload: true },
    alias: { help: "h" },
    unknown: (arg: string, key?: string) => {
      if (key !== undefined) throw new UsageError(`no flag ${arg}`);
      return true;
    },
  }) as Record<string, unknown> & { _: (string | number)[] };
  if (a.help === true) return null;
  const positionals = a._.map(String);
  const [min, max] = p.positionals ?? [0, 0];
  if (positionals.length < min || positionals.length > max) {
    throw new UsageError(
      max === 0 ? `what is '${positionals[0]}'?` : `arguments wanted: ${p.positional}`,
    );
  }
  for (const name of [...NIC_STRINGS, ...strings]) {
    if (a[name] === "") throw new UsageError(`--${name} wants a value`);
  }
  const flags: Record<string, string> = {};
  const switches: Record<string, boolean> = {};
  for (const [name, f] of own) {
    if (typeof f.default === "boolean") switches[name] = a[name] === true;
    else flags[name] = (a[name] as string | undefined) ?? f.default;
  }
  return { flags, switches, positionals, nic: parse_nic(a) };
}

/** Ends the program: usage on stderr, exit status 2. */
export function usage_error(p: program, why: string): never {
  console.error(`${p.name}: ${why}`);
  console.error(usage(p));
  Deno.exit(2);
}

/** Reads the command line; --help prints the usage and ends the program with 0, nonsense with 2. */
export function program_args<T>(
  p: program,
  argv: string[],
  check: (a: program_flags) => T,
): { args: T; nic: nic_flags } {
  try {
    const a = parse(p, argv);
    if (a !== null) return { args: check(a), nic: a.nic };
  } catch (e) {
    if (e instanceof UsageError) usage_error(p, e.message);
    throw e;
  }
  console.log(usage(p));
  Deno.exit(0);
}

/** A running program. */
export interface program_run {
  machine: machine;
  nic: nic_flags;
  /** Ours. */
  host: host;
  /** The second host of --nic=wire. */
  peer: host | null;
}

/** Sets what --sysctl says; those of the NIC only when that is there. Throws UsageError. */
function set_sysctls(us: host, settings: readonly string[], last: boolean): string[] {
  const later: string[] = [];
  for (const s of settings) {
    const r = command_run(sysctl, us.net, ["-q", "-w", s]);
    if (r.status === 0) continue;
    if (!last && r.err.includes("cannot stat")) later.push(s);
    else throw new UsageError(`--sysctl=${s}: ${r.err.trimEnd().replace(/^sysctl: /, "")}`);
  }
  return later;
}

function nic_boot(nic: nic_flags): program_run {
  const m = boot({ clock: "host", control: nic.control });
  const us = m.host();
  const later = set_sysctls(us, nic.sysctl, false);
  const run = nic_attach(m, us, nic);
  set_sysctls(us, later, true);
  return run;
}

function nic_attach(m: machine, us: host, nic: nic_flags): program_run {
  const other = inet_cidr(nic.host_address);
  const gateway = nic.gateway ?? nic.host_address.split("/")[0];
  if (nic.type === "wire") {
    const peer = m.host("peer");
    const [a, b] = m.wire(us, peer, { mtu: nic.mtu });
    a.ifconfig(nic.address);
    b.ifconfig(nic.host_address);
    us.route_add("default", gateway);
    return { machine: m, nic, host: us, peer };
  }
  const dev = us.tuntap({
    type: nic.type,
    dev: nic.dev,
    mtu: nic.mtu,
    offload: nic.offload,
    mac: nic.mac,
    host_address: other.addr,
    host_prefix_len: other.len,
  });
  dev.ifconfig(nic.address);
  us.route_add("default", gateway);
  return { machine: m, nic, host: us, peer: null };
}

/** Boots a machine with a host on the NIC; Ctrl-C ends connections, device and program. */
export async function program_boot(p: program, nic: nic_flags): Promise<program_run> {
  let run: program_run;
  try {
    if (nic.type !== "wire") {
      const why = tun_unavailable();
      if (why !== null) throw new os_error(ENODEV, `${why}, or use --nic=wire`);
      assert_private_netns();
    }
    run = nic_boot(nic);
  } catch (e) {
    if (e instanceof UsageError) usage_error(p, e.message);
    if (!(e instanceof os_error) && !(e instanceof SyscallError)) throw e;
    console.error(`${p.name}: ${e.message}`);
    Deno.exit(1);
  }
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => void program_exit(run, code));
  }
  return await Promise.resolve(run);
}

/** Ends the program: its connections, the device, the process. */
export async function program_exit(run: program_run, code: number): Promise<never> {
  await run.machine.shutdown({ grace_ms: 500 });
  if (run.nic.nstat) console.error(command_run(nstat, run.host.net, ["-a"]).out.trimEnd());
  Deno.exit(code);
}

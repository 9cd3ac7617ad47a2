// SPDX-License-Identifier: GPL-2.0-only
//
// A network namespace of the program's own, for the demo, the tests and the benchmark: what they
// send must not leave it. unshare(2) moves only the thread that calls it, and Deno has several, so
// the program is run again under unshare(1): as root by `unshare -n`, else by `unshare -Urn`, where
// it is root of a user namespace of its own.

import { EACCES, EBUSY, ENOENT, EPERM } from "../../include/uapi/asm-generic/errno.ts";
import { errname } from "../../include/uapi/asm-generic/errno.ts";
import { ethtool_get_driver } from "./ifconfig.ts";
import {
  libc_available,
  O_RDWR,
  os_close_file,
  os_error,
  os_geteuid,
  os_open_file,
  os_readlink,
} from "./libc.ts";

/** Names to the child the namespace that it was taken out of. */
const NETNS_ENV = "TUXNET_NETNS";
const TUN_PATH = "/dev/net/tun";

/** The command that starts a program in a namespace of its own, or why there is none. @local */
export type netns_support = { command: string[]; why?: undefined } | {
  command?: undefined;
  why: string;
};

/** Whether /dev/net/tun can be opened; else one line that says why not. @local */
export function tun_unavailable(): string | null {
  if (Deno.build.os !== "linux") return `${Deno.build.os} has no ${TUN_PATH}`;
  if (!libc_available()) return "no permission to call libc: run deno with --allow-ffi";
  const fd = os_open_file(TUN_PATH, O_RDWR, 0);
  if (fd >= 0) {
    os_close_file(fd);
    return null;
  }
  switch (-fd) {
    case ENOENT:
      return `no ${TUN_PATH}: load the module by 'modprobe tun'`;
    case EACCES:
    case EPERM:
      return `no permission to open ${TUN_PATH}: run as root`;
    default:
      return `cannot open ${TUN_PATH}: ${errname(fd)}`;
  }
}

/** Runs a command to its end without output; its exit code, and its first line of complaint. */
function try_command(argv: string[]): { code: number; complaint: string } {
  try {
    const { code, stderr } = new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).outputSync();
    return { code, complaint: new TextDecoder().decode(stderr).split("\n")[0] };
  } catch (e) {
    return { code: -1, complaint: (e as Error).message };
  }
}

/** How a private namespace with a NIC can be had here. Tries it out. @local */
export function private_netns_support(): netns_support {
  const why = tun_unavailable();
  if (why !== null) return { why };
  const command = os_geteuid() === 0 ? ["unshare", "-n"] : ["unshare", "-Urn"];
  const { code, complaint } = try_command([...command, "true"]);
  if (code === 0) return { command };
  return { why: `no network namespace by '${command.join(" ")}': ${complaint}` };
}

/** The namespace that the process is in, `net:[INODE]`, or null where that cannot be told. */
function current_netns(path = "/proc/self/ns/net"): string | null {
  if (Deno.build.os !== "linux" || !libc_available()) return null;
  const link = os_readlink(path);
  return typeof link === "string" ? link : null;
}

/** Whether every interface but lo is a TUN or TAP, so that no packet finds a way out. */
function only_tun_interfaces(): boolean {
  const names = Deno.readTextFileSync("/proc/self/net/dev").split("\n").slice(2)
    .map((line) => line.split(":")[0].trim()).filter((name) => name !== "" && name !== "lo");
  return names.every((name) => ethtool_get_driver(name) === "tun");
}

/** Whether the process is in a network namespace that is not the machine's own. @local */
export function is_private_netns(): boolean {
  const self = current_netns();
  if (self === null) return false;
  const outside = Deno.env.get(NETNS_ENV);
  if (outside !== undefined) return outside !== self;
  const init = current_netns("/proc/1/ns/net");
  return init !== null ? init !== self : only_tun_interfaces();
}

/** @throws os_error outside of a private namespace: a test or demo opens no NIC there. @local */
export function assert_private_netns(): void {
  if (is_private_netns()) return;
  throw new os_error(
    EBUSY,
    "this is the machine's own network namespace: run the program under 'unshare -n'",
  );
}

/**
 * Runs a program in a private namespace with this one's input and output and answers its exit code;
 * without argv this same program, with `args`. @throws os_error where no namespace can be had. @local
 */
export async function in_private_netns(args: string[], argv?: string[]): Promise<number> {
  const { command, why } = private_netns_support();
  if (command === undefined) throw new os_error(EPERM, why);
  const program = argv ?? [Deno.execPath(), "run", "-A", Deno.mainModule];
  const full = [...command, ...program, ...args];
  // Ctrl-C reaches the child too, which decides when to end.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const child = new Deno.Command(full[0], {
      args: full.slice(1),
      env: { [NETNS_ENV]: current_netns() ?? "unknown" },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

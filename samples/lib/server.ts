// SPDX-License-Identifier: GPL-2.0-only
//
// What the server samples share: the loop of accept(), reads and writes of whole buffers, and a main that boots the NIC
// and serves. On --nic=wire, where nobody could connect, the terminal becomes a client on the other host.

import { SOCK_STREAM } from "../../include/linux/net.ts";
import { AF_INET, SO_REUSEADDR, SOL_SOCKET } from "../../include/linux/socket.ts";
import { ECONNABORTED, EINTR } from "../../include/uapi/asm-generic/errno.ts";
import { INADDR_ANY } from "../../include/uapi/linux/in.ts";
import { check, connect, SyscallError } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { parse_number, program_args, program_boot, program_exit } from "./nic.ts";
import type { program } from "./nic.ts";
import { pump } from "./stdio.ts";

/** Serves one connection, and closes it. */
export type service = (u: userland, fd: number) => Promise<void>;

/** Writes all of p; 0 or -errno. */
export async function write_all(u: userland, fd: number, p: Uint8Array): Promise<number> {
  for (let off = 0; off < p.length;) {
    const n = await u.sys_write(fd, off === 0 ? p : p.subarray(off));
    if (n < 0) return n;
    off += n;
  }
  return 0;
}

/** socket, bind, listen; throws SyscallError. */
export function tcp_listen(u: userland, port: number): number {
  const fd = check(u.sys_socket(AF_INET, SOCK_STREAM, 0), "socket");
  u.sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0));
  const sin = { sin_family: AF_INET, sin_port: port, sin_addr: INADDR_ANY };
  check(u.sys_bind(fd, sin), "bind", `0.0.0.0:${port}`);
  check(u.sys_listen(fd, 511), "listen", `0.0.0.0:${port}`);
  return fd;
}

/** Accepts for ever, each connection served on its own. */
export async function tcp_serve(u: userland, listenfd: number, serve: service): Promise<void> {
  for (;;) {
    const fd = await u.sys_accept(listenfd);
    if (fd === -EINTR || fd === -ECONNABORTED) continue;
    if (fd < 0) return;
    void serve(u, fd);
  }
}

/** The main of a server: each of `services` on its port. */
export async function server_main(
  p: program,
  services: (flags: Record<string, string>) => { port: number; name: string; serve: service }[],
): Promise<void> {
  const { args, nic } = program_args(p, Deno.args, (a) => services(a.flags));
  const run = await program_boot(p, nic);
  const address = nic.address.split("/")[0];
  try {
    for (const { port, name, serve } of args) {
      const u = run.host.task(name);
      void tcp_serve(u, tcp_listen(u, port), serve);
      console.error(`${name} on ${address}:${port} (${nic.type})`);
    }
  } catch (e) {
    if (!(e instanceof SyscallError)) throw e;
    console.error(`${p.name}: ${e.message}`);
    await program_exit(run, 1);
  }
  if (run.peer !== null) {
    const conn = await connect(run.peer.task("nc"), { hostname: address, port: args[0].port });
    await pump(conn);
    await program_exit(run, 0);
  }
}

/** The flag of servers with one port. */
export function port_flag(port: number): NonNullable<program["flags"]> {
  return { port: { default: String(port), help: "the port to listen on" } };
}

/** The value of --port. */
export function parse_port(flags: Record<string, string>): number {
  return parse_number("port", flags.port, 1, 65535);
}

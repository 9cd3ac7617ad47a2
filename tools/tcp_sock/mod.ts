// SPDX-License-Identifier: GPL-2.0-only
//
// deno task tcp_sock: what stands in a connection's tcp_sock, struct by struct and field by field: of a client in the midst
// of sending to a server, in virtual time, or of that server's end.

import { parseArgs } from "@std/cli/parse-args";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import type { socket } from "../../include/linux/net.ts";
import { fcheck } from "../../fs/file.ts";
import { switch_to } from "../../include/linux/sched.ts";
import { sock_from_file } from "../../net/socket.ts";
import { SERVER_PORT, session } from "../hashinfo/session.ts";
import type { end } from "../hashinfo/session.ts";
import { read_chain, tcp_sock_sections, tcp_sock_text } from "./chain.ts";
import type { section } from "./chain.ts";

const USAGE = `usage: deno task tcp_sock [--end=client|server|listener] [--brief] [--json]

Prints tcp_sock, inet_connection_sock, inet_sock, sock and sock_common of a live connection with
values, units, and what the sources say about each field. Points in time are told from now.
  --end=...    whose: the client's that is sending (default), the server's, the listener's
  --brief      leaves out 0, false, NULL and what is empty
  --json       as data`;

export type whose = "client" | "server" | "listener";

/** The sock behind a program's descriptor. */
function sock_of(s: session, host: end, fd: number): tcp_sock {
  switch_to(s.programs[host].task);
  const sock = sock_from_file(fcheck(fd)!) as socket;
  return sock.sk as tcp_sock;
}

/** Runs a session up to the midst of a transfer, and shows one end of it. */
export async function live_sections(which: whose): Promise<section[]> {
  const chain = await read_chain();
  await using s = new session();
  const listener = await s.socket("b");
  await s.bind("b", listener, SERVER_PORT);
  await s.call("b", "listen()", (u) => u.sys_listen(listener, 5));
  const client = await s.socket("a");
  const { ret } = await s.connect("a", client, SERVER_PORT);
  await s.pass("b", "the wire", 10);
  while (await s.deliver() !== null) await s.pass("b", "the wire", 10);
  await ret;
  const { ret: server } = await s.call("b", "accept()", (u) => u.sys_accept(listener));
  await s.call("a", "write()", (u) => u.sys_write(client, new Uint8Array(6000)));
  // All of it, and the ACK of the first packet.
  for (let i = 0; i < 4; i++) {
    await s.pass("a", "the wire", 10);
    await s.deliver();
  }
  await s.call("b", "read()", (u) => u.sys_read(server as number, new Uint8Array(1000)));
  await s.call("b", "write()", (u) => u.sys_write(server as number, new Uint8Array(100)));
  await s.call("a", "write()", (u) => u.sys_write(client, new Uint8Array(3000)));
  await s.pass("a", "the wire", 5);
  const sk = which === "client"
    ? sock_of(s, "a", client)
    : sock_of(s, "b", which === "server" ? server as number : listener);
  return tcp_sock_sections(sk, chain);
}

function usage(why?: string): never {
  if (why !== undefined) console.error(`tcp_sock: ${why}`);
  console.error(USAGE);
  Deno.exit(2);
}

if (import.meta.main) {
  const a = parseArgs(Deno.args, {
    boolean: ["brief", "json", "help"],
    string: ["end"],
    alias: { help: "h" },
    default: { end: "client" },
    unknown: (arg) => usage(`no argument ${arg}`),
  });
  if (a.help) {
    console.log(USAGE);
    Deno.exit(0);
  }
  if (!["client", "server", "listener"].includes(a.end)) usage(`no end '${a.end}'`);
  const sections = await live_sections(a.end as whose);
  console.log(
    a.json ? JSON.stringify(sections, null, 2) : tcp_sock_text(sections, a.brief).trimEnd(),
  );
}

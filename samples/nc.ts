// SPDX-License-Identifier: GPL-2.0-only
//
// nc: a connection on the terminal. `nc HOST PORT` connects, `nc --listen PORT` waits for one connection. On --nic=wire
// the other host runs echo, discard, daytime and chargen.

import { connect, SyscallError } from "../mod.ts";
import type { Conn } from "../mod.ts";
import { listen } from "../mod.ts";
import {
  parse_address,
  parse_number,
  program_args,
  program_boot,
  program_exit,
  UsageError,
} from "./lib/nic.ts";
import type { program } from "./lib/nic.ts";
import { gethostbyname, ResolveError } from "../tools/lib/resolv.ts";
import { tcp_listen, tcp_serve } from "./lib/server.ts";
import { pump } from "./lib/stdio.ts";
import { services } from "./inetd.ts";

const PORTS: Record<string, number> = { echo: 7, discard: 9, daytime: 13, chargen: 19 };

const p: program = {
  name: "nc",
  summary: "A connection on stdin and stdout.",
  positional: "HOST PORT | --listen PORT",
  positionals: [1, 2],
  flags: {
    listen: { default: false, help: "wait for a connection to PORT" },
    dns: { default: "", help: "the server that is asked for names (default: the gateway)" },
  },
};

const { args, nic } = program_args(p, Deno.args, (a) => {
  const { positionals, flags } = a;
  const [host, port] = positionals.length === 2 ? positionals : ["", positionals[0]];
  if (a.switches.listen !== (host === "")) {
    throw new UsageError("HOST PORT is wanted, or --listen PORT");
  }
  if (/^[\d.]+$/.test(host)) parse_address("HOST", host);
  return {
    listening: a.switches.listen,
    host,
    port: parse_number("port", port, 1, 65535),
    dns: flags.dns && parse_address("--dns", flags.dns),
  };
});
const run = await program_boot(p, nic);
if (run.peer !== null) {
  for (const [name, port] of Object.entries(PORTS)) {
    const u = run.peer.task(name);
    void tcp_serve(u, tcp_listen(u, port), services[name]);
  }
}
const u = run.host.task("nc");

async function open(): Promise<Conn> {
  if (args.listening) {
    using listener = listen(u, { port: args.port });
    return await listener.accept();
  }
  const server = args.dns || nic.gateway || nic.host_address.split("/")[0];
  const hostname = await gethostbyname(u, args.host, server);
  return await connect(u, { hostname, port: args.port });
}

let code = 0;
try {
  await pump(await open());
} catch (e) {
  if (!(e instanceof SyscallError) && !(e instanceof ResolveError)) throw e;
  console.error(`nc: ${e.message}`);
  code = 1;
}
await program_exit(run, code);

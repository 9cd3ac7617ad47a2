// SPDX-License-Identifier: GPL-2.0-only
//
// Several small services in one process: echo, discard, chargen, and daytime (RFC 867).

import type { userland } from "../mod.ts";
import { parse_number, UsageError } from "./lib/nic.ts";
import { server_main, write_all } from "./lib/server.ts";
import type { service } from "./lib/server.ts";
import { chargen } from "./chargen_server.ts";
import { discard } from "./discard_server.ts";
import { echo } from "./echo_server.ts";

export async function daytime(u: userland, fd: number): Promise<void> {
  await write_all(u, fd, new TextEncoder().encode(`${new Date().toUTCString()}\r\n`));
  await u.sys_close(fd);
}

/** The services by name. */
export const services: Record<string, service> = { echo, discard, daytime, chargen };

const DEFAULT = "echo:7,discard:9,daytime:13,chargen:19";

/** Reads 'echo:7,discard:9'; throws on nonsense. */
function parse_services(list: string): { port: number; name: string; serve: service }[] {
  return list.split(",").map((s) => {
    const [name, port] = s.split(":");
    const serve = services[name];
    if (serve === undefined || port === undefined) {
      throw new UsageError(`--services=${list}: NAME:PORT of ${Object.keys(services).join(", ")}`);
    }
    return { port: parse_number("services", port, 1, 65535), name, serve };
  });
}

if (import.meta.main) {
  await server_main(
    {
      name: "inetd",
      summary: "Several small services in one process.",
      flags: {
        services: { default: DEFAULT, help: "what, and on which port" },
      },
    },
    (flags) => parse_services(flags.services),
  );
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Echo (RFC 862): sends back what it gets.

import type { userland } from "../mod.ts";
import { parse_port, port_flag, server_main, write_all } from "./lib/server.ts";

export async function echo(u: userland, fd: number): Promise<void> {
  const buf = new Uint8Array(65536);
  for (;;) {
    const n = await u.sys_read(fd, buf);
    if (n <= 0) break;
    if (await write_all(u, fd, buf.subarray(0, n)) < 0) break;
  }
  await u.sys_close(fd);
}

if (import.meta.main) {
  await server_main(
    { name: "echo_server", summary: "Sends back what it gets.", flags: port_flag(7) },
    (flags) => [{ port: parse_port(flags), name: "echo", serve: echo }],
  );
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Chargen (RFC 864): sends lines of characters as fast as they are taken, until the peer has enough.

import type { userland } from "../mod.ts";
import { parse_port, port_flag, server_main, write_all } from "./lib/server.ts";

/** The 95 lines of the pattern, 72 characters and CR LF each. */
function pattern(): Uint8Array {
  let lines = "";
  for (let i = 0; i < 95; i++) {
    for (let j = 0; j < 72; j++) lines += String.fromCharCode(32 + (i + j) % 95);
    lines += "\r\n";
  }
  return new TextEncoder().encode(lines.repeat(10));
}

const lines = pattern();

export async function chargen(u: userland, fd: number): Promise<void> {
  while (await write_all(u, fd, lines) === 0);
  await u.sys_close(fd);
}

if (import.meta.main) {
  await server_main(
    { name: "chargen_server", summary: "Sends characters without end.", flags: port_flag(19) },
    (flags) => [{ port: parse_port(flags), name: "chargen", serve: chargen }],
  );
}

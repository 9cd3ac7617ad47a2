// SPDX-License-Identifier: GPL-2.0-only
//
// Discard (RFC 863): reads and forgets, and says at the end how much and how fast that was.

import type { userland } from "../mod.ts";
import { parse_port, port_flag, server_main } from "./lib/server.ts";

export async function discard(u: userland, fd: number): Promise<void> {
  const buf = new Uint8Array(262144);
  const start = performance.now();
  let bytes = 0;
  for (;;) {
    const n = await u.sys_read(fd, buf);
    if (n <= 0) break;
    bytes += n;
  }
  await u.sys_close(fd);
  const seconds = (performance.now() - start) / 1000;
  console.error(
    `discard: ${bytes} bytes in ${seconds.toFixed(3)} s, ` +
      `${(bytes * 8 / seconds / 1e6).toFixed(1)} Mbit/s`,
  );
}

if (import.meta.main) {
  await server_main(
    { name: "discard_server", summary: "Reads and forgets.", flags: port_flag(9) },
    (flags) => [{ port: parse_port(flags), name: "discard", serve: discard }],
  );
}

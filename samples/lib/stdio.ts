// SPDX-License-Identifier: GPL-2.0-only
//
// A connection on the terminal: what is typed goes out, what comes is shown.

import type { Conn } from "../../tools/lib/net.ts";

async function write_stdout(p: Uint8Array): Promise<void> {
  for (let off = 0; off < p.length;) off += await Deno.stdout.write(p.subarray(off));
}

/**
 * Until both directions are closed, ours by the end of stdin; a person at a terminal is not waited for when the peer
 * has closed. Throws SyscallError.
 */
export async function pump(conn: Conn): Promise<void> {
  const out = (async () => {
    const p = new Uint8Array(65536);
    for (;;) {
      const n = await Deno.stdin.read(p);
      if (n === null) break;
      await conn.writeAll(p.subarray(0, n));
    }
    await conn.closeWrite();
  })();
  // What can't be sent any more is told by read() as well.
  const sent = out.catch(() => {});
  const p = new Uint8Array(65536);
  for (;;) {
    const n = await conn.read(p);
    if (n === null) break;
    await write_stdout(p.subarray(0, n));
  }
  if (!Deno.stdin.isTerminal()) await sent;
  conn.close();
}

// SPDX-License-Identifier: GPL-2.0-only
//
// ss_info() beside the host's own ss, for the same connections of the host.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { echo } from "../../samples/echo_server.ts";
import { chargen } from "../../samples/chargen_server.ts";
import { tcp_listen, tcp_serve } from "../../samples/lib/server.ts";
import { host_socket } from "../testing/host_socket.ts";
import { on_nic, OURS, run_program, sleep } from "../testing/interop.ts";
import { netns_tests } from "../testing/netns.ts";
import { ss_info } from "./ss.ts";

/** Words of a line but for what time changes, for the timer, and for what ss learnt after 6.1. */
function words(line: string): string[] {
  const left_out = /^(last(snd|rcv|ack):|timer:|rcv_wnd:)/;
  return line.trim().split(/\s+/).filter((w) => !left_out.test(w));
}

/** What the host's ss says of its connections to a port. */
async function ss(port: number): Promise<string[]> {
  const { stdout } = await run_program(["ss", "-tinoHO", `dport = :${port}`]);
  const m = /^ESTAB +\d+ +\d+ +\S+ +\S+ +(.*)$/.exec(stdout.trim());
  assert(m !== null, stdout);
  return words(m[1]);
}

netns_tests(import.meta.url, () => {
  Deno.test("ss_info() prints what the host's ss prints", async () => {
    await on_nic({ type: "tap" }, async (t) => {
      const u = t.host.task("servers");
      void tcp_serve(u, tcp_listen(u, 7), echo);
      void tcp_serve(u, tcp_listen(u, 19), chargen);

      using idle = host_socket.tcp();
      assertEquals(await idle.connect(OURS, 7), 0);
      const buf = new Uint8Array(100_000);
      for (let i = 0; i < 20; i++) {
        assertEquals(await idle.write(buf), 0);
        for (let n = 0; n < buf.length;) n += await idle.read(buf);
      }
      using full = host_socket.tcp();
      assertEquals(await full.connect(OURS, 19), 0);
      await sleep(500);
      for (const [s, port] of [[idle, 7], [full, 19]] as const) {
        const theirs = await ss(port);
        assertEquals(words(ss_info(s.tcp_info(), "cubic")), theirs);
        assertGreater(theirs.length, 20);
      }
    });
  });
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The lines of tools/lib/tcpdump.ts beside those of the host's own tcpdump, for the same packets.

import { assertEquals, assertGreater } from "@std/assert";
import { SOCK_DGRAM } from "../../include/linux/net.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { connect, inet_addr } from "../../mod.ts";
import { echo } from "../../samples/echo_server.ts";
import { tcp_listen, tcp_serve } from "../../samples/lib/server.ts";
import { host_socket } from "../testing/host_socket.ts";
import { on_nic, OURS, run_program, sleep, THEIRS } from "../testing/interop.ts";
import { netns_tests } from "../testing/netns.ts";
import { tcpdump } from "./tcpdump.ts";

/** The host's tcpdump on an interface, until stop() answers its lines. */
class host_tcpdump {
  private readonly child: Deno.ChildProcess;
  private readonly output: Promise<string>;
  private constructor(dev: string) {
    this.child = new Deno.Command("tcpdump", {
      args: ["-n", "-t", "-l", "--immediate-mode", "-i", dev, "ip or arp"],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.output = new Response(this.child.stdout).text();
  }

  /** Started, and it listens. */
  static async start(dev: string): Promise<host_tcpdump> {
    const t = new host_tcpdump(dev);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Read to its end: tcpdump dies when nobody hears it.
    void (async () => {
      let said = "";
      const decoder = new TextDecoder();
      for await (const p of t.child.stderr) {
        said += decoder.decode(p, { stream: true });
        if (/listening on/.test(said)) resolve();
      }
      reject(new Error(`tcpdump: ${said}`));
    })();
    await promise;
    return t;
  }

  async stop(): Promise<string[]> {
    await sleep(200);
    this.child.kill("SIGINT");
    await this.child.status;
    return (await this.output).trimEnd().split("\n");
  }
}

netns_tests(import.meta.url, () => {
  for (const type of ["tap", "tun"] as const) {
    Deno.test(`${type}: our tcpdump prints what the host's tcpdump prints`, async () => {
      await on_nic({ type, offload: false }, async (t) => {
        const { u } = t;
        const theirs = await host_tcpdump.start(t.nic.name);
        const ours: string[] = [];
        const stop = tcpdump(t.nic.dev, (line) => ours.push(line.slice(16)));

        await run_program(["ping", "-c", "2", "-i", "0.05", "-s", "3000", OURS]);
        const server = t.host.task("echo");
        void tcp_serve(server, tcp_listen(server, 1007), echo);
        assertEquals((await run_program(["nc", "-N", OURS, "1007"], { stdin: "hello" })).code, 0);
        // Refused: a RST.
        await run_program(["nc", OURS, "1008"]);
        // UDP, and the ICMP errors that it meets.
        using s = host_socket.udp();
        await s.connect(OURS, 1009);
        await s.write(new Uint8Array(100));
        const fd = u.sys_socket(AF_INET, SOCK_DGRAM);
        const to = { sin_family: AF_INET, sin_port: 1010, sin_addr: inet_addr(THEIRS) };
        await u.sys_sendto(fd, new Uint8Array(10), 10, 0, to);
        await u.sys_close(fd);
        await connect(u, { hostname: THEIRS, port: 1011 }).catch(() => {});
        if (type === "tap") {
          await connect(u, { hostname: "198.51.100.77", port: 1 }).catch(() => {});
        }
        await sleep(100);

        stop();
        const lines = await theirs.stop();
        assertGreater(lines.length, 20);
        // The host's is woken by another clock: what one sent and the other received may change places.
        const sorted = (l: string[]) => l.map((x) => x.trimEnd()).sort();
        assertEquals(sorted(ours), sorted(lines));
      });
    });
  }
});

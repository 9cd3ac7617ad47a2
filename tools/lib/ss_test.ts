// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertMatch } from "@std/assert";
import { SOCK_DGRAM } from "../../include/linux/net.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { init_net } from "../../net/core/net_namespace.ts";
import { tcp_test } from "../testing/tcp.ts";
import { command_run } from "./command.ts";
import { print_ms_timer, ss } from "./ss.ts";

Deno.test("print_ms_timer() tells less the longer it is", () => {
  const want: [number, string][] = [
    [0, ""],
    [7, "007ms"],
    [200, "200ms"],
    [1500, "1.500ms"],
    [9000, "9sec"],
    [12345, "12sec"],
    [61_000, "1min1sec"],
    [700_000, "11min"],
  ];
  for (const [ms, text] of want) assertEquals(print_ms_timer(ms), text);
});

Deno.test("ss shows listeners, connections, requests and TIME_WAITs with their queues and timers", async () => {
  await using t = tcp_test();
  const show = (...argv: string[]): string[] => {
    const r = command_run(ss, init_net, argv);
    assertEquals([r.status, r.err], [0, ""]);
    return r.out.trimEnd().split("\n").map((l) => l.replace(/ +/g, " ").trim());
  };
  const listener = t.listen();
  const peer = t.peer({ mss: 1000, port: 40001 }).handshake();
  const fd = t.accept(listener);
  const half = t.peer({ mss: 1000, port: 40002 });
  half.send("S");
  half.expect("S.", { ack: 1 });
  peer.send("P.", { ack: 1, data: "12345" });
  peer.expect(".", { ack: 6 });
  assertEquals(show("-tl"), [
    "State Recv-Q Send-Q Local Address:Port Peer Address:Port",
    "LISTEN 0 128 0.0.0.0:2222 0.0.0.0:*",
  ]);
  assertEquals(show("-tH"), ["ESTAB 5 0 198.51.100.2:2222 198.51.100.1:40001"]);
  const all = show("-taH");
  assertEquals(all.length, 3);
  assertEquals(all.includes("SYN-RECV 0 0 198.51.100.2:2222 198.51.100.1:40002"), true);

  t.write(fd, 700);
  peer.expect("P.", { seq: 1, len: 700 });
  assertMatch(show("-toH")[0], /^ESTAB 5 700 \S+ \S+ timer:\(on,\d+ms,0\)$/);
  assertMatch(show("-timOH")[0], /^ESTAB 5 700 \S+ \S+ skmem:\(r\d+,rb131072,.* cubic .*mss:1000/);

  const udp = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  t.u.sys_bind(udp, { sin_family: AF_INET, sin_port: 53, sin_addr: 0 });
  assertEquals(show("-uaH"), ["UNCONN 0 0 0.0.0.0:53 0.0.0.0:*"]);
  assertEquals(show("-alH").filter((l) => l.startsWith("udp")).length, 1);

  half.send("R", { seq: 1 });
  peer.send(".", { seq: 6, ack: 701 });
  t.read(fd);
  t.close(fd);
  peer.expect("F.", { seq: 701 });
  peer.send("F.", { seq: 6, ack: 702 });
  peer.expect(".", { ack: 7 });
  assertMatch(show("-taoH").at(-1)!, /^TIME-WAIT 0 0 .* timer:\(timewait,1min,0\)$/);
  assertEquals(command_run(ss, init_net, ["sport", "=", ":7"]).status, 2);
});

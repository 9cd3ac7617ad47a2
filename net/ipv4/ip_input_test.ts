// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { SOCK_DGRAM, SOCK_STREAM } from "../../include/linux/net.ts";
import { AF_INET, MSG_DONTWAIT } from "../../include/linux/socket.ts";
import { EAGAIN } from "../../include/uapi/asm-generic/errno.ts";
import { frame_host } from "../../tools/testing/frame_host.ts";
import { malformed } from "../../tools/testing/malformed.ts";

Deno.test("malformed frames are dropped and counted as nstat names it", async () => {
  await using t = new frame_host();
  const { u } = t;
  const any = (sin_port: number) => ({ sin_family: AF_INET, sin_port, sin_addr: 0 });
  const udp = u.sys_socket(AF_INET, SOCK_DGRAM);
  assertEquals(u.sys_bind(udp, any(53)), 0);
  const tcp = u.sys_socket(AF_INET, SOCK_STREAM);
  assertEquals(u.sys_bind(tcp, any(80)), 0);
  assertEquals(u.sys_listen(tcp, 5), 0);
  t.sysctl("net.ipv4.icmp_ratelimit", 0);
  t.sysctl("net.ipv4.icmp_ratemask", 0);
  const buf = new Uint8Array(100);
  const mac = t.dev.dev_addr.slice(0, 6);
  for (const c of malformed) {
    const got = t.counting(() => {
      for (const f of c.frames(mac)) t.frames(f);
      // It counts datagrams when they are read.
      while (u.sys_recv(udp, buf, buf.length, MSG_DONTWAIT) !== -EAGAIN);
    });
    assertEquals({ name: c.name, ...got }, { name: c.name, ...c.counters });
    await t.advance(1);
  }
});

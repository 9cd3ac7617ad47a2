// SPDX-License-Identifier: GPL-2.0-only
//
// The host's own Linux counts the malformed frames of ip_input_test.ts as that test says.

import { assertEquals } from "@std/assert";
import { ifconfig, ifconfig_get_hwaddr } from "../../arch/deno/ifconfig.ts";
import {
  O_NONBLOCK,
  O_RDWR,
  os_close_file,
  os_ioctl_generic,
  os_open_file,
  os_write_file,
} from "../../arch/deno/libc.ts";
import { IFF_NO_PI, IFF_TAP, TUNSETIFF } from "../../include/uapi/linux/if_tun.ts";
import { host_socket } from "../../tools/testing/host_socket.ts";
import { counted, hello, HOST, malformed } from "../../tools/testing/malformed.ts";
import { netns_tests } from "../../tools/testing/netns.ts";

const DEV = "frames0";

/** A TAP whose far end is the test: its descriptor. */
function open_tap(): number {
  const fd = os_open_file("/dev/net/tun", O_RDWR | O_NONBLOCK, 0);
  const ifr = new Uint8Array(40);
  new TextEncoder().encodeInto(DEV, ifr);
  new DataView(ifr.buffer).setInt16(16, IFF_TAP | IFF_NO_PI, true);
  assertEquals(os_ioctl_generic(fd, TUNSETIFF, ifr), 0);
  return fd;
}

function proc(name: string): string {
  return Deno.readTextFileSync(`/proc/self/net/${name}`);
}

/** The counters of /proc/net/snmp and netstat, by nstat's names. */
function nstat(): Map<string, number> {
  const out = new Map<string, number>();
  const lines = (proc("snmp") + proc("netstat")).trim().split("\n");
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const names = lines[i].split(" "), values = lines[i + 1].split(" ");
    const group = names[0].slice(0, -1);
    for (let j = 1; j < names.length; j++) out.set(group + names[j], Number(values[j]));
  }
  return out;
}

netns_tests(import.meta.url, () => {
  Deno.test("the host's Linux counts malformed frames the same way", () => {
    const sysctl = (name: string, v: number) =>
      Deno.writeTextFileSync(`/proc/sys/net/${name}`, String(v));
    const tap = open_tap();
    sysctl(`ipv6/conf/${DEV}/disable_ipv6`, 1);
    sysctl("ipv4/icmp_ratelimit", 0);
    sysctl("ipv4/icmp_ratemask", 0);
    sysctl("ipv4/conf/all/rp_filter", 0);
    sysctl(`ipv4/conf/${DEV}/rp_filter`, 0);
    assertEquals(ifconfig("lo", { up: true }), 0);
    assertEquals(ifconfig(DEV, { address: HOST, prefix_len: 24, up: true }), 0);
    const mac = ifconfig_get_hwaddr(DEV) as Uint8Array;
    using udp = host_socket.udp();
    using tcp = host_socket.tcp();
    assertEquals([udp.bind("0.0.0.0", 53), tcp.bind("0.0.0.0", 80), tcp.listen(5)], [0, 0, 0]);
    const write = (f: Uint8Array): void => {
      assertEquals(os_write_file(tap, f.slice(), f.length), f.length);
    };
    write(hello());
    const buf = new Uint8Array(100);
    const wrong: unknown[] = [];
    for (const c of malformed) {
      const before = nstat();
      for (const f of c.frames(mac)) write(f);
      while (udp.try_read(buf) >= 0);
      const got = counted(before, nstat());
      try {
        assertEquals(got, c.counters);
      } catch {
        wrong.push([c.name, "Linux", got, "table", c.counters]);
      }
    }
    os_close_file(tap);
    assertEquals(wrong, []);
  });
});

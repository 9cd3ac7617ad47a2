// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import {
  proc_sys_init,
  proc_sys_list,
  proc_sys_read,
  proc_sys_write,
} from "../../fs/proc/proc_sysctl.ts";
import { net } from "../../include/net/net_namespace.ts";
import { EINVAL, ENOENT } from "../../include/uapi/asm-generic/errno.ts";
import { sysctl_ipv4_init } from "./sysctl_net_ipv4.ts";

function start(): net {
  new sim_machine().start();
  proc_sys_init();
  sysctl_ipv4_init();
  return new net("test");
}

Deno.test("sysctl_ipv4_init() makes net.ipv4 with the kernel's defaults", () => {
  const n = start();
  const want = {
    tcp_rmem: n.ipv4.sysctl_tcp_rmem.join("\t"),
    tcp_wmem: "4096\t16384\t4194304",
    tcp_keepalive_time: "7200",
    tcp_fin_timeout: "60",
    tcp_syn_retries: "6",
    ip_local_port_range: "32768\t60999",
    tcp_notsent_lowat: "4294967295",
    icmp_ratemask: "6168",
    ip_local_reserved_ports: "",
    "conf.all.rp_filter": "0",
    "neigh.default.base_reachable_time_ms": "30000",
  };
  for (const [name, value] of Object.entries(want)) {
    assertEquals(proc_sys_read(n, `net.ipv4.${name}`), value, name);
  }
  assert(proc_sys_list(n).length > 120);
});

Deno.test("net.ipv4.ip_local_port_range is a range above the privileged ports", () => {
  const n = start();
  const write = (text: string): number => proc_sys_write(n, "net.ipv4.ip_local_port_range", text);
  assertEquals(write("10000 10009"), 0);
  assertEquals(n.ipv4.ip_local_ports, [10000, 10009]);
  for (const bad of ["20000 10000", "0 100", "500 60000", "10000 65536"]) {
    assertEquals(write(bad), -EINVAL, bad);
  }
  assertEquals(proc_sys_write(n, "net.ipv4.ip_unprivileged_port_start", "10001"), -EINVAL);
  assertEquals(proc_sys_write(n, "net.ipv4.ip_unprivileged_port_start", "80"), 0);
  assertEquals(write("500 60000"), 0);
});

Deno.test("net.ipv4.tcp_fastopen_key is written as it is read", () => {
  const n = start();
  const name = "net.ipv4.tcp_fastopen_key";
  assertEquals(proc_sys_read(n, name), "00000000-00000000-00000000-00000000");
  const key = "01234567-89abcdef-00000000-ffffffff";
  assertEquals(proc_sys_write(n, name, key + "\n"), 0);
  assertEquals(proc_sys_read(n, name), key);
  assertEquals(proc_sys_write(n, name, `${key},${key}`), 0);
  assertEquals(proc_sys_read(n, name), `${key},${key}`);
  assertEquals(proc_sys_write(n, name, "0-1-2"), -EINVAL);
});

Deno.test("net.ipv4.ip_forward switches all devices and those to come", () => {
  const n = start();
  assertEquals(proc_sys_write(n, "net.ipv4.ip_forward", "1"), 0);
  assertEquals(proc_sys_read(n, "net.ipv4.conf.default.forwarding"), "1");
  assertEquals(proc_sys_read(n, "net.ipv4.conf.all.forwarding"), "1");
  assertEquals(proc_sys_write(n, "net.ipv4.conf.all.forwarding", "0"), 0);
  assertEquals(proc_sys_read(n, "net.ipv4.ip_forward"), "0");
  assertEquals(proc_sys_read(n, "net.ipv4.conf.eth9.forwarding"), -ENOENT);
});

Deno.test("net.ipv4.tcp_reordering is bounded by tcp_max_reordering", () => {
  const n = start();
  assertEquals(proc_sys_write(n, "net.ipv4.tcp_reordering", "301"), -EINVAL);
  assertEquals(proc_sys_write(n, "net.ipv4.tcp_max_reordering", "400"), 0);
  assertEquals(proc_sys_write(n, "net.ipv4.tcp_reordering", "301"), 0);
});

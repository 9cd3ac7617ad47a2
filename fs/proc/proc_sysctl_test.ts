// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { net } from "../../include/net/net_namespace.ts";
import { EACCES, EINVAL, ENOENT } from "../../include/uapi/asm-generic/errno.ts";
import { proc_dou8vec_minmax, proc_readonly } from "../../kernel/sysctl.ts";
import { sysctl_core_init } from "../../net/core/sysctl_net_core.ts";
import {
  proc_sys_init,
  proc_sys_list,
  proc_sys_read,
  proc_sys_write,
  register_net_sysctl,
  register_net_sysctl_dir,
} from "./proc_sysctl.ts";

Deno.test("proc_sys_read() finds a sysctl by dots and by slashes", () => {
  proc_sys_init();
  const n = new net("test");
  register_net_sysctl("net/ipv4", [
    proc_dou8vec_minmax("tcp_sack", (n) => n.ipv4, "sysctl_tcp_sack"),
    proc_readonly("fixed", () => "7"),
  ]);
  assertEquals(proc_sys_read(n, "net.ipv4.tcp_sack"), "1");
  assertEquals(proc_sys_read(n, "net/ipv4/tcp_sack"), "1");
  assertEquals(proc_sys_read(n, "net.ipv4.tcp_sock"), -ENOENT);
  assertEquals(proc_sys_write(n, "net.ipv4.tcp_sack", "0"), 0);
  assertEquals(proc_sys_read(n, "net.ipv4.tcp_sack"), "0");
  assertEquals(proc_sys_write(n, "net.ipv4.tcp_sack", "256"), -EINVAL);
  assertEquals(proc_sys_write(n, "net.ipv4.fixed", "1"), -EACCES);
  assertEquals(proc_sys_write(n, "net.ipv4.none", "1"), -ENOENT);
});

Deno.test("proc_sys_read() asks a directory, whose names may have dots", () => {
  proc_sys_init();
  const n = new net("test");
  register_net_sysctl_dir("net/ipv4/conf", {
    lookup: (_n, name) => name === "eth0.2/mtu" ? proc_readonly("mtu", () => "9") : null,
    list: () => ["eth0.2/mtu"],
  });
  assertEquals(proc_sys_read(n, "net/ipv4/conf/eth0.2/mtu"), "9");
  assertEquals(proc_sys_read(n, "net.ipv4.conf.eth0/2.mtu"), "9");
  assertEquals(proc_sys_list(n), ["net.ipv4.conf.eth0/2.mtu"]);
  assertEquals(proc_sys_read(n, "net.ipv4.conf.lo.mtu"), -ENOENT);
});

Deno.test("sysctl_core_init() makes net.core with the kernel's defaults and bounds", () => {
  proc_sys_init();
  sysctl_core_init();
  const n = new net("test");
  assertEquals(proc_sys_read(n, "net.core.somaxconn"), "4096");
  assertEquals(proc_sys_read(n, "net.core.rmem_max"), "4194304");
  assertEquals(proc_sys_write(n, "net.core.rmem_max", "1"), -EINVAL);
  assertEquals(proc_sys_write(n, "net.core.rmem_max", "8388608"), 0);
  assertEquals(n.core.sysctl_rmem_max, 8388608);
});

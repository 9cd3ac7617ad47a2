// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { net } from "../include/net/net_namespace.ts";
import { EACCES, EINVAL } from "../include/uapi/asm-generic/errno.ts";
import {
  proc_do_large_bitmap,
  proc_dointvec_jiffies,
  proc_dointvec_minmax,
  proc_dou8vec_minmax,
  proc_get_longs,
  proc_readonly,
  proc_vector,
} from "./sysctl.ts";

const n = new net("test");
const ipv4 = (n: net): net["ipv4"] => n.ipv4;

Deno.test("proc_get_longs() takes decimal, hexadecimal and octal words, and nothing else", () => {
  assertEquals(proc_get_longs(" 10\t0x10 010\n", 3), [10, 16, 8]);
  assertEquals(proc_get_longs("-7", 1), [-7]);
  assertEquals(proc_get_longs("0", 1), [0]);
  assertEquals(proc_get_longs("5 beyond", 1), [5]);
  for (const bad of ["", "abc", "12x", "08", "1.5", "--1"]) {
    assertEquals(proc_get_longs(bad, 1), null, bad);
  }
});

Deno.test("proc_dou8vec_minmax() keeps to its bounds", () => {
  const t = proc_dou8vec_minmax("tcp_ecn", ipv4, "sysctl_tcp_ecn", 0, 2);
  assertEquals(t.read(n), "2");
  assertEquals(t.write(n, "1\n"), 0);
  assertEquals(n.ipv4.sysctl_tcp_ecn, 1);
  assertEquals(t.write(n, "3"), -EINVAL);
  assertEquals(t.write(n, "-1"), -EINVAL);
  assertEquals(n.ipv4.sysctl_tcp_ecn, 1);
});

Deno.test("proc_dointvec_jiffies() is in seconds", () => {
  const t = proc_dointvec_jiffies("tcp_fin_timeout", ipv4, "sysctl_tcp_fin_timeout");
  assertEquals(t.read(n), "60");
  assertEquals(t.write(n, "20"), 0);
  assertEquals(n.ipv4.sysctl_tcp_fin_timeout, 20000);
  assertEquals(t.write(n, "3000000"), -EINVAL);
});

Deno.test("proc_dointvec_minmax() takes negative numbers where they are allowed", () => {
  const t = proc_dointvec_minmax("x", ipv4, "sysctl_tcp_app_win", -31, 31);
  assertEquals(t.write(n, "-2"), 0);
  assertEquals(t.read(n), "-2");
});

Deno.test("proc_vector() writes the numbers that are given and leaves the others", () => {
  n.ipv4.sysctl_tcp_rmem.set([4096, 131072, 6291456]);
  const t = proc_vector("tcp_rmem", (n) => n.ipv4.sysctl_tcp_rmem, 4096);
  assertEquals(t.read(n), "4096\t131072\t6291456");
  assertEquals(t.write(n, "8192 65536"), 0);
  assertEquals(t.read(n), "8192\t65536\t6291456");
  assertEquals(t.write(n, "100"), -EINVAL);
  assertEquals(t.write(n, "8192 word"), -EINVAL);
  assertEquals(t.read(n), "8192\t65536\t6291456");
});

Deno.test("proc_do_large_bitmap() reads and writes ranges", () => {
  const t = proc_do_large_bitmap("r", (n) => n.ipv4.ip_local_reserved_ports, 65536);
  assertEquals(t.read(n), "");
  assertEquals(t.write(n, "8080,9000-9002,9003\n"), 0);
  assertEquals(t.read(n), "8080,9000-9003");
  assertEquals(t.write(n, "9-8"), -EINVAL);
  assertEquals(t.write(n, "65536"), -EINVAL);
  assertEquals(t.read(n), "8080,9000-9003");
  assertEquals(t.write(n, ""), 0);
  assertEquals(t.read(n), "");
});

Deno.test("proc_readonly() refuses to be written", () => {
  assertEquals(proc_readonly("x", () => "a").write(n, "b"), -EACCES);
});

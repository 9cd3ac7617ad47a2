// SPDX-License-Identifier: GPL-2.0-only
//
// The stack's sysctls beside Linux's: none is missing without a reason, defaults are the same, and each is read by the
// code that it is for.

import { assertEquals } from "@std/assert";
import { proc_sys_list, proc_sys_read, proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { ipv4_devconf } from "../../include/linux/inetdevice.ts";
import { neigh_parms, neigh_table } from "../../include/net/neighbour.ts";
import { netns_core } from "../../include/net/net_namespace.ts";
import { netns_ipv4 } from "../../include/net/netns/ipv4.ts";
import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { boot } from "../../mod.ts";
import { inet_peer_sysctls } from "../../net/ipv4/inetpeer.ts";
import { ip_rt } from "../../net/ipv4/route.ts";
import { modules } from "../check_layers.ts";
import { absent, differs, legacy, linux_sysctls, page, pattern_regexp } from "./absent.ts";

const root = new URL("../../", import.meta.url);

Deno.test("each of Linux's sysctls is there with Linux's default, or it is said why not", async () => {
  await using m = boot({ clock: "sim" });
  const { net } = m.host();
  const linux = linux_sysctls();
  const wrong: string[] = [];
  for (const [name, { value }] of linux) {
    const ours = proc_sys_read(net, name);
    const reasons = absent.filter(([list]) => list.some((p) => pattern_regexp(p).test(name)));
    const there = typeof ours === "string";
    if (reasons.length !== (there ? 0 : 1)) {
      wrong.push(`${name}: ${there ? "is" : "is not"} there, ${reasons.length} reasons why not`);
    } else if (there && value !== "?" && ours !== (differs[name]?.[0] ?? value)) {
      wrong.push(`${name} = ${ours}, but ${value} in Linux`);
    }
  }
  for (const name of proc_sys_list(net)) {
    if (!linux.has(name)) wrong.push(`${name}: Linux has none`);
  }
  for (const name of [...Object.keys(differs), ...Object.keys(legacy)]) {
    if (typeof proc_sys_read(net, name) !== "string") {
      wrong.push(`${name}: is told of, but not there`);
    }
  }
  for (const pattern of absent.flatMap(([list]) => list)) {
    if (![...linux.keys()].some((name) => pattern_regexp(pattern).test(name))) {
      wrong.push(`${pattern}: Linux has none`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("each sysctl takes the numbers that it takes in Linux", async () => {
  await using m = boot({ clock: "sim" });
  const { net } = m.host();
  for (const [name, { min, max }] of linux_sysctls()) {
    const old = proc_sys_read(net, name);
    if (min === undefined || typeof old !== "string") continue;
    const take = (v: number): boolean => {
      const err = proc_sys_write(net, name, String(v));
      assertEquals([0, -EINVAL].includes(err), true, `${name}=${v}: ${err}`);
      if (err === 0) assertEquals(proc_sys_read(net, name), String(v), name);
      assertEquals(proc_sys_write(net, name, old), 0, name);
      return err === 0;
    };
    assertEquals([take(min), take(min - 1)], [true, false], `${name} from ${min}`);
    if (max !== undefined) {
      assertEquals([take(max), take(max + 1)], [true, false], `${name} to ${max}`);
    }
    for (const bad of ["", "x", "1x"]) {
      assertEquals(proc_sys_write(net, name, bad), -EINVAL, `${name}='${bad}'`);
    }
  }
});

/** Where sysctls are told, set up and set, but do not act. */
const TABLES = /sysctl|_test\.ts$|^include\/net\/(netns\/ipv4|net_namespace|neighbour)\.ts$/;

Deno.test("each sysctl is read by the code that it is for", () => {
  const keys = (o: object, re: RegExp): string[] => Object.keys(o).filter((k) => re.test(k));
  const parms = new neigh_parms(new neigh_table(), null);
  const fields = [
    ...keys(new netns_ipv4(), /^(sysctl_|ip_rt_|ip_local_)/),
    ...keys(new netns_core(), /^(sysctl_|netdev_|dev_[rt]x_weight)/),
    ...keys(parms, /_probes|_reprobes|_time$|_staletime|queue_len_bytes|locktime|proxy_/),
    ...keys(parms.tbl, /gc_thresh/),
    ...Object.keys(ip_rt),
    ...Object.keys(inet_peer_sysctls),
    "sysctl_max_tw_buckets",
  ].filter((k) => k !== "reachable_time");
  const sources = [...modules(root.pathname)]
    .filter(([p]) => /^(net|include|kernel|drivers)\//.test(p) && !TABLES.test(p))
    .map(([, text]) => text);
  const read = (re: RegExp): boolean => sources.some((text) => re.test(text));
  const unread = fields.filter((k) =>
    // Neither set, nor declared.
    !read(new RegExp(`\\.${k}\\b(?! = |: )`)) &&
    !read(new RegExp(`\\{[^{}\n]*\\b${k}\\b[^{}\n]*\\} = `))
  );
  assertEquals(unread, []);
  // The switches of devices are read by IN_DEV_*() or by their names as texts.
  const switches = Object.keys(new ipv4_devconf()).filter((k) =>
    !read(new RegExp(`"${k}"\\)|cnf\\.${k}\\b(?! = )`))
  );
  assertEquals(switches, []);
});

Deno.test("Documentation/sysctl.md is fresh (deno run -A tools/sysctl/absent.ts)", () => {
  assertEquals(Deno.readTextFileSync(new URL("Documentation/sysctl.md", root)), page());
});

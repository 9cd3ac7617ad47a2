// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { proc_sys_read, proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { boot, inet_ntoa } from "../../mod.ts";
import type { host, nic } from "../../mod.ts";
import { netif_carrier_off, netif_carrier_on } from "../sched/sch_generic.ts";
import { ip_route_output } from "./route.ts";
import { inet_addr } from "../../tools/lib/inet.ts";

/** A host with two devices, on wires to another. */
async function with_host(
  fn: (h: host, eth0: nic, eth1: nic) => void | Promise<void>,
): Promise<void> {
  await using m = boot({ clock: "sim" });
  const [eth0] = m.wire(m.host(), m.host("b"));
  const [eth1] = m.wire(m.host(), m.host("b"));
  for (const name of ["eth0", "eth1"]) m.host("b").nic(name).ifconfig();
  await fn(m.host(), eth0, eth1);
}

const get = (n: net, name: string) => proc_sys_read(n, `net.ipv4.${name}`);
const set = (n: net, name: string, v: number) =>
  assertEquals(proc_sys_write(n, `net.ipv4.${name}`, String(v)), 0, name);

/** Addresses of a device, secondaries in brackets. */
function addresses(nic: nic): string[] {
  const out: string[] = [];
  for (let ifa = nic.dev.ip_ptr!.ifa_list; ifa !== null; ifa = ifa.ifa_next) {
    const text = inet_ntoa(ifa.ifa_local);
    out.push((ifa.ifa_flags & 1) !== 0 ? `(${text})` : text);
  }
  return out;
}

/** Where packets to addr go: source and device. */
function route(h: host, addr: string): string {
  const rt = ip_route_output(h.net, inet_addr(addr), 0, 0, 0);
  return typeof rt === "number" ? String(rt) : rt.dev.name;
}

Deno.test("devinet_copy_dflt_conf() changes devices that have no address and were not set themselves", () =>
  with_host((h, eth0, eth1) => {
    eth0.ifconfig("198.51.100.2/24");
    set(h.net, "conf.eth1.arp_ignore", 1);
    set(h.net, "conf.default.arp_ignore", 2);
    set(h.net, "conf.default.rp_filter", 2);
    const of = (key: string) => ["all", "eth0", "eth1"].map((d) => get(h.net, `conf.${d}.${key}`));
    assertEquals(of("arp_ignore"), ["0", "0", "1"]);
    assertEquals(of("rp_filter"), ["0", "0", "2"]);
    eth1.ifconfig("203.0.113.2/24");
    set(h.net, "conf.default.rp_filter", 1);
    assertEquals(of("rp_filter"), ["0", "0", "2"]);
  }));

Deno.test("neigh_proc_update() hands defaults to devices for which they were not set", () =>
  with_host((h) => {
    set(h.net, "neigh.eth0.ucast_solicit", 5);
    set(h.net, "neigh.default.ucast_solicit", 7);
    set(h.net, "neigh.default.base_reachable_time_ms", 4000);
    assertEquals(get(h.net, "neigh.eth0.ucast_solicit"), "5");
    assertEquals(get(h.net, "neigh.eth1.ucast_solicit"), "7");
    const parms = h.nic("eth1").dev.ip_ptr!.arp_parms!;
    assertEquals(parms.reachable_time >= 2000 && parms.reachable_time < 6000, true);
    set(h.net, "neigh.eth0.unres_qlen", 3);
    assertEquals(get(h.net, "neigh.eth0.unres_qlen_bytes"), "6270");
  }));

Deno.test("inet_del_ifa() takes the secondaries along, or promotes the first with promote_secondaries", () =>
  with_host((h, eth0) => {
    const add = () => {
      for (const a of ["198.51.100.2", "198.51.100.3", "198.51.100.4"]) eth0.addr_add(`${a}/24`);
    };
    eth0.ifconfig("203.0.113.2/24");
    add();
    eth0.addr_del("198.51.100.2/24");
    assertEquals(addresses(eth0), ["203.0.113.2"]);
    set(h.net, "conf.eth0.promote_secondaries", 1);
    add();
    assertEquals(addresses(eth0).slice(-2), ["(198.51.100.3)", "(198.51.100.4)"]);
    eth0.addr_del("198.51.100.2/24");
    assertEquals(addresses(eth0), ["203.0.113.2", "198.51.100.3", "(198.51.100.4)"]);
    const rt = ip_route_output(h.net, inet_addr("198.51.100.9"), 0, 0, 0);
    assertEquals(typeof rt === "number" ? rt : rt.dev.name, "eth0");
  }));

Deno.test("ip_ignore_linkdown() leaves routes by a device without carrier out, where that is asked for", () =>
  with_host(async (h, eth0, eth1) => {
    eth0.ifconfig("198.51.100.2/24");
    eth1.ifconfig("198.51.100.3/16");
    assertEquals(route(h, "198.51.100.9"), "eth0");
    netif_carrier_off(eth0.dev);
    await h.machine.sim!.advance(2000);
    assertEquals(route(h, "198.51.100.9"), "eth0");
    set(h.net, "conf.eth0.ignore_routes_with_linkdown", 1);
    assertEquals(route(h, "198.51.100.9"), "eth1");
    netif_carrier_on(eth0.dev);
    await h.machine.sim!.advance(2000);
    assertEquals(route(h, "198.51.100.9"), "eth0");
  }));

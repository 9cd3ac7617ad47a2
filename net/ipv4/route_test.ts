// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { SOCK_DGRAM } from "../../include/linux/net.ts";
import { AF_INET, SO_BROADCAST, SOL_IP, SOL_SOCKET } from "../../include/linux/socket.ts";
import { EACCES, ENETUNREACH } from "../../include/uapi/asm-generic/errno.ts";
import { IP_MTU } from "../../include/uapi/linux/in.ts";
import { inet_addr, inet_ntoa } from "../../mod.ts";
import { frame_host } from "../../tools/testing/frame_host.ts";
import { arp_packet, eth_frame, everybody, icmp_packet } from "../../tools/testing/frames.ts";
import { HOST, PEER } from "../../tools/testing/malformed.ts";

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

function sin(addr: string, port = 9) {
  return { sin_family: AF_INET, sin_port: port, sin_addr: inet_addr(addr) };
}

/** Whom the host asks ARP for since the last time. */
function asked(t: frame_host): string[] {
  return t.other.splice(0).map((f) => inet_ntoa(new DataView(f.buffer).getInt32(38)));
}

/** Sends a byte to an address: whom the host asks for, or -errno. */
function hop(t: frame_host, to: string): string | number {
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  const ret = t.u.sys_sendto(fd, new Uint8Array(1), 1, 0, sin(to)) as number;
  t.u.sys_close(fd);
  return ret < 0 ? ret : asked(t)[0];
}

/** Another host of the link says its address. */
function announce(t: frame_host, ip: string, mac: Uint8Array): void {
  const p = arp_packet({ op: 1, sha: mac, sip: inet_addr(ip), tip: HOST });
  t.frames(eth_frame(everybody, mac, p, 0x0806));
  t.other.length = 0;
}

/** A connected socket's path MTU. */
function path_mtu(t: frame_host, fd: number): number {
  const v = new Uint8Array(4);
  assertEquals(t.u.sys_getsockopt(fd, SOL_IP, IP_MTU, v, Int32Array.of(4)), 0);
  return new DataView(v.buffer).getInt32(0, true);
}

Deno.test("fib_lookup() takes the longest prefix, and the default gateway for the rest", async () => {
  await using t = new frame_host();
  assertEquals(hop(t, "192.0.2.1"), -ENETUNREACH);
  assertEquals(hop(t, "198.51.100.77"), "198.51.100.77");
  t.host.route_add("default", "198.51.100.10");
  t.host.route_add("192.0.0.0/8", "198.51.100.11");
  t.host.route_add("192.0.2.0/24", "198.51.100.12");
  t.host.route_add("192.0.2.128/25", "198.51.100.13");
  t.host.route_add("192.0.2.200/32", "198.51.100.14");
  assertEquals(hop(t, "8.8.8.8"), "198.51.100.10");
  assertEquals(hop(t, "192.1.0.1"), "198.51.100.11");
  assertEquals(hop(t, "192.0.2.1"), "198.51.100.12");
  assertEquals(hop(t, "192.0.2.129"), "198.51.100.13");
  assertEquals(hop(t, "192.0.2.200"), "198.51.100.14");
  t.host.route_del("192.0.2.200/32");
  t.host.route_del("192.0.2.128/25");
  await t.advance(5000);
  t.other.length = 0;
  assertEquals(hop(t, "192.0.2.200"), "198.51.100.12");
  t.host.route_del("default");
  assertEquals(hop(t, "8.8.8.8"), -ENETUNREACH);
  t.host.route_add("0.0.0.0/0", "198.51.100.15");
  assertEquals(hop(t, "8.8.8.8"), "198.51.100.15");
});

Deno.test("routes by a device go with its link, and gateways must be on one", async () => {
  await using t = new frame_host();
  t.host.route_add("default", "198.51.100.10");
  t.nic.down();
  assertEquals(hop(t, "8.8.8.8"), -ENETUNREACH);
  assertEquals(hop(t, "198.51.100.1"), -ENETUNREACH);
  t.nic.ifconfig();
  assertEquals(hop(t, "198.51.100.20"), "198.51.100.20");
  let message = "";
  try {
    t.host.route_add("192.0.2.0/24", "203.0.113.1");
  } catch (e) {
    message = (e as Error).message;
  }
  assertEquals(message, "SIOCADDRT ENETUNREACH 192.0.2.0/24");
});

Deno.test("inet_select_addr() gives a packet the address of the gateway's subnet", async () => {
  await using t = new frame_host();
  t.nic.addr_add("192.0.2.2/24");
  t.host.route_add("203.0.113.0/24", "192.0.2.1");
  const name = (to: string): string => {
    const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
    assertEquals(t.u.sys_connect(fd, sin(to)), 0);
    const me = sin("0.0.0.0");
    t.u.sys_getsockname(fd, me);
    t.u.sys_close(fd);
    return inet_ntoa(me.sin_addr);
  };
  assertEquals(name("198.51.100.9"), "198.51.100.2");
  assertEquals(name("192.0.2.9"), "192.0.2.2");
  assertEquals(name("203.0.113.9"), "192.0.2.2");
  assertEquals(name("127.0.0.1"), "127.0.0.1");
  assertEquals(name("192.0.2.2"), "192.0.2.2");
});

Deno.test("ip_do_redirect() follows the gateway in use to another of its link, nobody else", async () => {
  await using t = new frame_host();
  t.host.route_add("default", "198.51.100.1");
  announce(t, "198.51.100.3", Uint8Array.of(2, 0, 0, 0, 0, 3));
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  assertEquals(t.u.sys_connect(fd, sin("192.0.2.1")), 0);
  const send = (): string => {
    t.u.sys_write(fd, new Uint8Array(1));
    return asked(t)[0] ?? "none";
  };
  assertEquals(send(), "none");
  const [sent] = t.take();
  const redirect = (saddr: number, to: string): void =>
    t.receive(icmp_packet({ saddr, daddr: HOST }, { type: 5, code: 1, un: inet_addr(to) }, sent));
  redirect(inet_addr("198.51.100.9"), "198.51.100.44");
  redirect(PEER, "198.51.100.2");
  redirect(PEER, "198.51.100.255");
  // Linux takes gateways of other links while shared_media is on.
  t.sysctl("net.ipv4.conf.all.shared_media", 0);
  t.sysctl("net.ipv4.conf.eth0.shared_media", 0);
  redirect(PEER, "203.0.113.1");
  t.sysctl("net.ipv4.conf.all.secure_redirects", 0);
  t.sysctl("net.ipv4.conf.eth0.secure_redirects", 0);
  assertEquals([asked(t), send()], [[], "none"]);
  // The first asks for the new gateway's address, the next finds it.
  redirect(PEER, "198.51.100.44");
  assertEquals(asked(t), ["198.51.100.44"]);
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 44);
  announce(t, "198.51.100.44", mac);
  redirect(PEER, "198.51.100.44");
  const to: number[] = [];
  const { dev } = t;
  const ops = dev.netdev_ops;
  dev.netdev_ops = {
    ...ops,
    ndo_start_xmit: (skb, d) => {
      to.push(skb.head.u8[skb.data + 5]);
      return ops.ndo_start_xmit(skb, d);
    },
  };
  send();
  assertEquals(to, [44]);
});

Deno.test("__ip_rt_update_pmtu() believes no MTU below min_pmtu, and none that grows", async () => {
  await using t = new frame_host();
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  assertEquals(t.u.sys_connect(fd, sin("198.51.100.1")), 0);
  t.u.sys_write(fd, new Uint8Array(100));
  const [sent] = t.take();
  const told = (mtu: number): number => {
    const addr = { saddr: inet_addr("198.51.100.9"), daddr: HOST };
    t.receive(icmp_packet(addr, { type: 3, code: 4, un: mtu }, sent));
    t.u.sys_recv(fd, new Uint8Array(1), 1, 0x40);
    return path_mtu(t, fd);
  };
  assertEquals(told(1600), 1500);
  assertEquals(told(1400), 1400);
  assertEquals(told(1450), 1400);
  assertEquals(told(68), 552);
  await t.advance(600_001);
  assertEquals(path_mtu(t, fd), 1500);
});

Deno.test("ip_route_output_key() sends to broadcast addresses only for those who may", async () => {
  await using t = new frame_host();
  const fd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
  const send = (to: string): unknown => t.u.sys_sendto(fd, new Uint8Array(5), 5, 0, sin(to));
  assertEquals([send("198.51.100.255"), send("255.255.255.255")], [-EACCES, -ENETUNREACH]);
  t.host.route_add("default", "198.51.100.1");
  assertEquals(send("255.255.255.255"), -EACCES);
  t.u.sys_setsockopt(fd, SOL_SOCKET, SO_BROADCAST, int(1));
  const before = t.sent.length;
  assertEquals([send("198.51.100.255"), send("255.255.255.255")], [5, 5]);
  assertEquals(t.sent.length - before, 2);
  assertEquals(t.take().map((p) => inet_ntoa(new DataView(p.buffer).getInt32(16))), [
    "198.51.100.255",
    "255.255.255.255",
  ]);
  assertEquals(asked(t), []);
});

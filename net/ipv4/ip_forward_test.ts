// SPDX-License-Identifier: GPL-2.0-only
//
// a (198.51.100.2) - r (198.51.100.1, 203.0.113.1) - c (203.0.113.2), each its own host in one machine.

import { assert, assertEquals } from "@std/assert";
import { SOCK_DGRAM, SOCK_RAW } from "../../include/linux/net.ts";
import { NETIF_F_ALL_TSO } from "../../include/linux/netdevice.ts";
import { AF_INET, MSG_DONTWAIT, MSG_ERRQUEUE, SOL_IP } from "../../include/linux/socket.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_RECVERR,
  IP_TTL,
  IPPROTO_ICMP,
} from "../../include/uapi/linux/in.ts";
import { skb_copy_bits } from "../core/skbuff.ts";
import { boot, connect, inet_addr, listen } from "../../mod.ts";
import type { host, machine, nic, userland } from "../../mod.ts";
import { proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { packet_printer } from "../../tools/lib/tcpdump.ts";
import { snmp_counter } from "./proc.ts";

const A = "198.51.100.2", R = "198.51.100.1", C = "203.0.113.2";

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

function sin(addr: string, port = 9) {
  return { sin_family: AF_INET, sin_port: port, sin_addr: inet_addr(addr) };
}

/** Three hosts in a row. */
class row {
  readonly m: machine = boot({ clock: "sim" });
  readonly a: host = this.m.host("a");
  readonly r: host = this.m.host("r");
  readonly c: host = this.m.host("c");
  readonly ua: userland = this.a.task("a");
  readonly uc: userland = this.c.task("c");
  readonly ends: [nic, nic, nic, nic];

  constructor(o: { mtu?: number; forward?: boolean } = {}) {
    const [na, nr] = this.m.wire(this.a, this.r);
    const [nr2, nc] = this.m.wire(this.r, this.c, { mtu: o.mtu });
    for (const n of [na, nr, nr2, nc]) n.dev.features &= ~NETIF_F_ALL_TSO;
    na.ifconfig(`${A}/24`);
    nr.ifconfig(`${R}/24`);
    nr2.ifconfig("203.0.113.1/24");
    nc.ifconfig(`${C}/24`);
    this.ends = [na, nr, nr2, nc];
    this.a.route_add("default", R);
    this.c.route_add("default", "203.0.113.1");
    if (o.forward ?? true) assertEquals(proc_sys_write(this.r.net, "net.ipv4.ip_forward", "1"), 0);
  }

  /** A datagram socket of a. */
  udp(addr?: string, port = 9): number {
    const fd = this.ua.sys_socket(AF_INET, SOCK_DGRAM);
    if (addr !== undefined) assertEquals(this.ua.sys_connect(fd, sin(addr, port)), 0);
    return fd;
  }

  /** What a receives without waiting: bytes or -errno. */
  recv(fd: number, flags = 0): number {
    return this.ua.sys_recv(fd, new Uint8Array(5000), 5000, MSG_DONTWAIT | flags) as number;
  }

  count(h: host, name: string): number {
    return snmp_counter(h.net, name)!;
  }

  /** Lines of what a device sends. */
  watch(n: nic): string[] {
    const lines: string[] = [];
    const { dev } = n;
    const ops = dev.netdev_ops;
    const printer = new packet_printer();
    dev.netdev_ops = {
      ...ops,
      ndo_start_xmit: (skb, d) => {
        const f = new Uint8Array(skb.len);
        skb_copy_bits(skb, 0, f, skb.len);
        if (f[12] === 8 && f[13] === 0) {
          lines.push(`ttl ${f[22]} ${printer.ip(new DataView(f.buffer, 14))}`);
        }
        return ops.ndo_start_xmit(skb, d);
      },
    };
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.m.shutdown({ grace_ms: 0 });
  }
}

/** c sends its datagrams on port 9 back. */
function echo(t: row): void {
  const fd = t.uc.sys_socket(AF_INET, SOCK_DGRAM);
  assertEquals(t.uc.sys_bind(fd, sin("0.0.0.0")), 0);
  const serve = async (): Promise<void> => {
    const buf = new Uint8Array(5000);
    for (;;) {
      const from = sin("0.0.0.0");
      const n = await t.uc.sys_recvfrom(fd, buf, buf.length, 0, from);
      if (n < 0) return;
      await t.uc.sys_sendto(fd, buf.slice(0, n), n, 0, from);
    }
  };
  serve();
}

Deno.test("ip_forward() hands packets on with one less of TTL, both ways", async () => {
  await using t = new row();
  echo(t);
  const out = t.watch(t.ends[2]);
  const fd = t.udp(C);
  assertEquals(t.ua.sys_write(fd, new Uint8Array(100)), 100);
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), 100);
  assert(out[0].startsWith("ttl 63 IP 198.51.100.2."), out[0]);
  assertEquals([t.count(t.r, "IpForwDatagrams"), t.count(t.r, "IpInDelivers")], [2, 0]);
});

Deno.test("ip_error() drops packets for others when the host is no router", async () => {
  await using t = new row({ forward: false });
  const fd = t.udp(C);
  t.ua.sys_write(fd, new Uint8Array(100));
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), -EAGAIN);
  assertEquals([t.count(t.r, "IpInAddrErrors"), t.count(t.r, "IcmpOutMsgs")], [1, 0]);
});

Deno.test("ip_forward() says that a packet's time is over: the way of traceroute", async () => {
  await using t = new row();
  const fd = t.udp();
  t.ua.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  t.ua.sys_setsockopt(fd, SOL_IP, IP_TTL, int(1));
  t.ua.sys_sendto(fd, new Uint8Array(10), 10, 0, sin(C));
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), -EHOSTUNREACH);
  const control = new Uint8Array(100);
  const msg = { msg_iov: [], msg_control: control, msg_name: sin("0.0.0.0") };
  assertEquals(t.ua.sys_recvmsg(fd, msg, MSG_ERRQUEUE | MSG_DONTWAIT), 0);
  const dv = new DataView(control.buffer);
  // struct sock_extended_err and the sockaddr of who said it.
  assertEquals([dv.getInt32(16, true), control[20], control[21], control[22]], [
    EHOSTUNREACH,
    2,
    11,
    0,
  ]);
  assertEquals(dv.getInt32(16 + 16 + 4), inet_addr(R));
  assertEquals(msg.msg_name.sin_addr, inet_addr(C));
  assertEquals(t.count(t.r, "IcmpOutTimeExcds"), 1);
  t.ua.sys_setsockopt(fd, SOL_IP, IP_TTL, int(2));
  t.ua.sys_sendto(fd, new Uint8Array(10), 10, 0, sin(C));
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), -ECONNREFUSED);
});

Deno.test("ip_error() of a router answers 'net unreachable' where it has no route", async () => {
  await using t = new row();
  const fd = t.udp("192.0.2.1");
  t.ua.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  t.ua.sys_write(fd, new Uint8Array(10));
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), -ENETUNREACH);
  assertEquals([t.count(t.r, "IpExtInNoRoutes"), t.count(t.r, "IcmpOutDestUnreachs")], [1, 1]);
});

Deno.test("arp_error_report() of a router answers 'host unreachable' where nobody answers ARP", async () => {
  await using t = new row();
  const fd = t.udp("203.0.113.77");
  t.ua.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  t.ua.sys_write(fd, new Uint8Array(10));
  await t.m.sim!.advance(2500);
  assertEquals(t.recv(fd), -EAGAIN);
  await t.m.sim!.advance(1500);
  assertEquals(t.recv(fd), -EHOSTUNREACH);
});

Deno.test("ip_forward() fragments what does not fit, and the receiver puts it together", async () => {
  await using t = new row({ mtu: 576 });
  echo(t);
  const fd = t.udp(C);
  t.ua.sys_setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, int(IP_PMTUDISC_DONT));
  assertEquals(t.ua.sys_write(fd, new Uint8Array(1400)), 1400);
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), 1400);
  assertEquals([t.count(t.r, "IpFragOKs"), t.count(t.r, "IpFragCreates")], [1, 3]);
  assertEquals([t.count(t.c, "IpReasmReqds"), t.count(t.c, "IpReasmOKs")], [3, 1]);
  // c's answer is in fragments already, and is so at a.
  assertEquals(t.count(t.a, "IpReasmOKs"), 1);
});

Deno.test("ip_exceeds_mtu(): with DF the sender is told the MTU, and keeps to it", async () => {
  await using t = new row({ mtu: 1000 });
  echo(t);
  const fd = t.udp(C);
  t.ua.sys_setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, int(IP_PMTUDISC_DO));
  const mtu = (): number => {
    const v = new Uint8Array(4);
    assertEquals(t.ua.sys_getsockopt(fd, SOL_IP, IP_MTU, v, Int32Array.of(4)), 0);
    return new DataView(v.buffer).getInt32(0, true);
  };
  assertEquals(mtu(), 1500);
  assertEquals(t.ua.sys_write(fd, new Uint8Array(1472)), 1472);
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), -EMSGSIZE);
  assertEquals(mtu(), 1000);
  assertEquals(t.ua.sys_write(fd, new Uint8Array(1472)), -EMSGSIZE);
  assertEquals(t.ua.sys_write(fd, new Uint8Array(972)), 972);
  await t.m.sim!.advance(100);
  assertEquals(t.recv(fd), 972);
  assertEquals(t.count(t.r, "IpFragFails"), 1);
  // ip_no_pmtu_disc aside, what was learned is forgotten after ten minutes.
  await t.m.sim!.advance(601000);
  assertEquals(mtu(), 1500);
});

Deno.test("tcp_v4_mtu_reduced() cuts segments to the path, and all bytes arrive", async () => {
  await using t = new row();
  // Neither end knows.
  t.ends[2].ifconfig(undefined, { mtu: 600 });
  const run = async (): Promise<number> => {
    using l = listen(t.uc, { port: 7 });
    const accepted = l.accept();
    const a = await connect(t.ua, { hostname: C, port: 7 });
    const c = await accepted;
    const sending = a.writeAll(new Uint8Array(200000).map((_, i) => i * 7)).then(() => a.close());
    const buf = new Uint8Array(10000);
    let at = 0;
    for (let n; (n = await c.read(buf)) !== null;) {
      for (let i = 0; i < n; i++) {
        if (buf[i] !== ((at + i) * 7 & 255)) throw new Error(`byte ${at + i}`);
      }
      at += n;
    }
    await sending;
    c.close();
    return at;
  };
  const out = t.watch(t.ends[0]);
  assertEquals(await t.m.sim!.run_until(run()), 200000);
  assert(t.count(t.r, "IpFragFails") > 0);
  assertEquals(t.count(t.r, "IpFragCreates"), 0);
  const sizes = out.map((l) => Number(l.match(/length (\d+)$/)![1]));
  assertEquals(sizes.slice(-50).filter((n) => n > 548), []);
});

Deno.test("ip_rt_send_redirect() shows a host the better way, ever more rarely", async () => {
  await using t = new row();
  // c sends by r what r sends back to c's own link.
  t.r.route_add("192.0.2.0/24", "203.0.113.7");
  assertEquals(proc_sys_write(t.c.net, "net.ipv4.conf.all.accept_redirects", "0"), 0);
  assertEquals(proc_sys_write(t.c.net, "net.ipv4.conf.eth0.accept_redirects", "0"), 0);
  const fd = t.uc.sys_socket(AF_INET, SOCK_DGRAM);
  for (let i = 0; i < 20; i++) {
    t.uc.sys_sendto(fd, new Uint8Array(10), 10, 0, sin("192.0.2.9"));
    await t.m.sim!.advance(10);
  }
  assertEquals([t.count(t.r, "IcmpOutRedirects"), t.count(t.c, "IcmpInRedirects")], [3, 3]);
});

Deno.test("ip_forward() does not forward what was broadcast on the link", async () => {
  await using t = new row();
  const lines = t.watch(t.ends[2]);
  const raw = t.ua.sys_socket(AF_INET, SOCK_RAW, 255);
  const p = new Uint8Array(28);
  p.set([0x45, 0, 0, 28, 0, 1, 0, 0, 64, IPPROTO_ICMP]);
  new DataView(p.buffer).setInt32(16, inet_addr("203.0.113.255"));
  t.ua.sys_sendto(raw, p, p.length, 0, sin("203.0.113.255"));
  await t.m.sim!.advance(100);
  assertEquals(lines, []);
});

Deno.test("arp_fwd_proxy() answers for what is behind another device of another medium", async () => {
  await using t = new row();
  const conf = (name: string, v: number) =>
    assertEquals(proc_sys_write(t.r.net, `net.ipv4.conf.${name}`, String(v)), 0);
  conf("eth0.proxy_arp", 1);
  conf("eth0.medium_id", 1);
  echo(t);
  // For a, c is on its own link.
  t.a.route_del("default", R);
  t.a.route_add("203.0.113.0/24", undefined, "eth0");
  const fd = t.udp(C);
  const ask = async () => {
    t.ua.sys_send(fd, new Uint8Array(1), 1, 0);
    await t.m.sim!.advance(4000);
    return t.recv(fd);
  };
  for (const id of [1, -1]) {
    conf("eth1.medium_id", id);
    assertEquals(await ask(), -EAGAIN, `medium ${id}`);
  }
  conf("eth1.medium_id", 2);
  assertEquals(await ask(), 1);
});

Deno.test("ip_error() of a router spends error_cost of error_burst on each", async () => {
  await using t = new row();
  assertEquals(proc_sys_write(t.r.net, "net.ipv4.route.error_burst", "2000"), 0);
  assertEquals(proc_sys_write(t.r.net, "net.ipv4.route.error_cost", "1000"), 0);
  assertEquals(proc_sys_write(t.r.net, "net.ipv4.icmp_ratemask", "0"), 0);
  await t.m.sim!.advance(10_000);
  const fd = t.udp();
  t.ua.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
  for (let i = 0; i < 5; i++) {
    t.ua.sys_sendto(fd, new Uint8Array(1), 1, 0, sin("192.0.2.1"));
    await t.m.sim!.advance(10);
  }
  assertEquals(t.count(t.r, "IcmpOutDestUnreachs"), 2);
});

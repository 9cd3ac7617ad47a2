// SPDX-License-Identifier: GPL-2.0-only
//
// Two hosts in virtual time, on a wire that keeps each TCP packet until it is told to hand it over: so a program can
// look at the tables between any two packets. Host a (198.51.100.1) is the client, b (198.51.100.2) the server.
// Everything happens inside an event, a system call or a packet, that has a name and remembers what was sent:
//
//   await s.call("b", "listen()", (u) => u.sys_listen(fd, 5));
//   await s.deliver();            // the oldest packet that is on the wire
//   await s.end();                // or `await using s = new session()`
//
// The same calls give the same run, byte for byte.

import { NETDEV_TX_OK } from "../../include/linux/netdevice.ts";
import type { net_device_ops } from "../../include/linux/netdevice.ts";
import { SOCK_STREAM } from "../../include/linux/net.ts";
import { ip_hdr, tcp_hdr } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { register_random_source } from "../../include/linux/random.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import { kfree_skb } from "../../net/core/skbuff.ts";
import { inet_ehashfn } from "../../net/ipv4/inet_hashtables.ts";
import { seeded_random } from "../../arch/sim/random.ts";
import { boot, check, inet_addr } from "../../mod.ts";
import type { host, machine, nic, sim_machine, userland } from "../../mod.ts";

export const ADDR_A = "198.51.100.1";
export const ADDR_B = "198.51.100.2";
export const SERVER_PORT = 2222;
export const CLIENT_PORT = 44404;

/** One of the two hosts. */
export type end = "a" | "b";

/** What happened, and the packets that it made. */
export interface event {
  host: end;
  /** "listen()", or the packet that came: "SYN". */
  what: string;
  sent: string[];
}

/** A packet on the wire. */
interface held {
  from: end;
  name: string;
  skb: sk_buff;
  nic: nic;
  ops: net_device_ops;
}

/** Runs fn as softirqs run. */
function in_softirq(fn: () => void): void {
  update_wall_time();
  local_bh_disable();
  try {
    fn();
  } finally {
    local_bh_enable();
  }
}

/** "SYN", "SYN+ACK", "FIN+ACK", "ACK", "RST", "data". */
function packet_name(skb: sk_buff): string {
  const th = tcp_hdr(skb);
  if (th.rst) return "RST";
  if (th.syn) return th.ack ? "SYN+ACK" : "SYN";
  // A FIN always has the ACK bit: nothing is to be said by it.
  if (th.fin) return "FIN";
  return ip_hdr(skb).tot_len > ip_hdr(skb).ihl * 4 + th.doff * 4 ? "data" : "ACK";
}

/** The two hosts and the wire. @local */
export class session {
  readonly machine: machine;
  readonly sim: sim_machine;
  readonly hosts: Readonly<Record<end, host>>;
  readonly programs: Readonly<Record<end, userland>>;
  /** The packets on the wire, oldest first. */
  readonly wire: held[] = [];
  /** What has happened so far. */
  readonly events: event[] = [];
  /** What is happening. */
  now: event | null = null;

  /** Called at the end of each event. */
  after: (now: event) => void = () => {};
  /** The wire keeps nothing any more. */
  private open = false;

  constructor(options: { thash_entries?: number } = {}) {
    this.machine = boot({ clock: "sim", seed: 1, thash_entries: options.thash_entries ?? 1024 });
    this.sim = this.machine.sim as sim_machine;
    this.hosts = { a: this.machine.host("a"), b: this.machine.host("b") };
    // As in a kernel without namespaces: a port's bucket is then the port's low bits.
    for (const h of [this.hosts.a, this.hosts.b]) h.net.hash_mix = 0;
    const [nic_a, nic_b] = this.machine.wire(this.hosts.a, this.hosts.b);
    nic_a.ifconfig(`${ADDR_A}/24`);
    nic_b.ifconfig(`${ADDR_B}/24`);
    this.hold("a", nic_a);
    this.hold("b", nic_b);
    // The secret of ehash comes first from a fresh seed: buckets do not depend on what booting took.
    register_random_source(seeded_random(1));
    inet_ehashfn(this.hosts.a.net, 0, 0, 0, 0);
    this.programs = { a: this.hosts.a.task("client"), b: this.hosts.b.task("server") };
  }

  /** Keeps the TCP packets that a NIC sends. */
  private hold(from: end, nic: nic): void {
    const ops = nic.dev.netdev_ops;
    nic.dev.netdev_ops = {
      ...ops,
      ndo_start_xmit: (skb, dev) => {
        if (this.open || skb.protocol !== ETH_P_IP || ip_hdr(skb).protocol !== IPPROTO_TCP) {
          return ops.ndo_start_xmit(skb, dev);
        }
        const name = packet_name(skb);
        this.wire.push({ from, name, skb, nic, ops });
        this.now?.sent.push(name);
        return NETDEV_TX_OK;
      },
    };
  }

  private begin(host: end, what: string): event {
    const now = { host, what, sent: [] };
    this.events.push(now);
    return this.now = now;
  }

  private finish(now: event): void {
    this.now = null;
    this.after(now);
  }

  /** Runs fn as an event, until all programs sleep. */
  async event<T>(host: end, what: string, fn: () => T): Promise<T> {
    const now = this.begin(host, what);
    const ret = fn();
    await this.sim.settle();
    this.finish(now);
    return ret;
  }

  /** A system call; throws on an error, unless it sleeps: then the promise is the caller's. */
  async call<T extends number | Promise<number>>(
    host: end,
    what: string,
    fn: (u: userland) => T,
  ): Promise<{ ret: T }> {
    const ret = await this.event(host, what, () => ({ ret: fn(this.programs[host]) }));
    if (typeof ret.ret === "number") check(ret.ret, what);
    return ret;
  }

  /** The oldest packet reaches the other host; its name, null where none is on the wire. */
  async deliver(): Promise<string | null> {
    const p = this.wire.shift();
    if (p === undefined) return null;
    await this.event(p.from === "a" ? "b" : "a", p.name, () => {
      in_softirq(() => void p.ops.ndo_start_xmit(p.skb, p.nic.dev));
    });
    return p.name;
  }

  /** Hands packets over until none is left. */
  async deliver_all(): Promise<void> {
    while (await this.deliver() !== null);
  }

  /** The oldest packet gets lost. */
  lose(): void {
    const p = this.wire.shift();
    if (p !== undefined) in_softirq(() => kfree_skb(p.skb));
  }

  /** Time passes. */
  async pass(host: end, what: string, ms: number): Promise<void> {
    const now = this.begin(host, what);
    await this.sim.advance(ms);
    this.finish(now);
  }

  /** A TCP socket: its descriptor. */
  async socket(host: end): Promise<number> {
    return (await this.call(host, "socket()", (u) => u.sys_socket(AF_INET, SOCK_STREAM))).ret;
  }

  bind(host: end, fd: number, port: number): Promise<{ ret: number }> {
    const addr = { sin_family: AF_INET, sin_addr: 0, sin_port: port };
    return this.call(host, "bind()", (u) => u.sys_bind(fd, addr));
  }

  /** connect() to a port of the other host, asleep until the SYN+ACK; `.ret` is its answer. */
  connect(host: end, fd: number, port: number): Promise<{ ret: number | Promise<number> }> {
    const sin_addr = inet_addr(host === "a" ? ADDR_B : ADDR_A);
    const addr = { sin_family: AF_INET, sin_addr, sin_port: port };
    return this.call(host, "connect()", (u) => u.sys_connect(fd, addr));
  }

  /** The ports that connect() chooses from on a host. */
  local_port_range(host: end, low: number, high: number): void {
    this.hosts[host].net.ipv4.ip_local_ports = [low, high];
  }

  /** Ends it all; throws when anything is left. */
  async end(): Promise<void> {
    this.open = true;
    await this.deliver_all();
    await this.machine.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The face of tuxnet. boot() starts a machine; machine.host() are its hosts, each a network namespace; wire() joins
// two of them, tuntap() gives one a NIC on the host's kernel; host.task() starts a program, whose system calls
// are methods (-errno below, listen() and connect() throw). shutdown() ends all of it and throws
// LeakError when anything is left.
//
//   const m = boot();
//   const [a, b] = m.wire(m.host("a"), m.host("b"));
//   a.ifconfig("198.51.100.1/24"); b.ifconfig("198.51.100.2/24");
//   const server = listen(a.host.task("server"), { port: 7 });
//   const conn = await connect(b.host.task("client"), { hostname: "198.51.100.1", port: 7 });

import { create_task, do_exit, living_tasks, userland } from "./arch/entry/common.ts";
import * as deno_arch from "./arch/deno/mod.ts";
import type { tuntap_options } from "./arch/deno/mod.ts";
import { sim_machine } from "./arch/sim/mod.ts";
import { veth_newlink } from "./drivers/net/veth.ts";
import { living_files } from "./fs/file_table.ts";
import type { net_device } from "./include/linux/netdevice.ts";
import { IFF_BROADCAST, IFF_UP } from "./include/linux/netdevice.ts";
import { is_a_nulls } from "./include/linux/list_nulls.ts";
import { AF_INET } from "./include/linux/socket.ts";
import { ktime_get_ns } from "./include/linux/timekeeping.ts";
import type { net } from "./include/net/net_namespace.ts";
import type { sock } from "./include/net/sock.ts";
import type { sock_common } from "./include/net/sock.ts";
import { ECONNABORTED, errname } from "./include/uapi/asm-generic/errno.ts";
import { RTF_GATEWAY, RTF_UP } from "./include/uapi/linux/route.ts";
import { CLONE_NEWNET } from "./include/uapi/linux/sched.ts";
import { SIOCADDRT, SIOCDELRT } from "./include/uapi/linux/sockios.ts";
import { inet_make_mask } from "./include/linux/inetdevice.ts";
import { start_kernel } from "./init/main.ts";
import type { arch_ops, boot_params } from "./init/main.ts";
import { show_sleepers } from "./kernel/sched/core.ts";
import { hrtimers_pending } from "./kernel/time/hrtimer.ts";
import { msleep, timers_pending } from "./kernel/time/timer.ts";
import { nr_used_pages } from "./mm/page_alloc.ts";
import {
  __dev_get_by_name,
  dev_change_flags,
  dev_set_mtu,
  unregister_netdev,
} from "./net/core/dev.ts";
import {
  cleanup_net,
  copy_net_ns,
  init_net,
  net_namespace_list,
} from "./net/core/net_namespace.ts";
import { nr_skb_double_frees, nr_skbs_alive, skb_debug, skb_leaks } from "./net/core/skbuff.ts";
import { living_socks, proto_list, task_frag_release } from "./net/core/sock.ts";
import { inet_rtm_deladdr, inet_rtm_newaddr } from "./net/ipv4/devinet.ts";
import { ip_rt_ioctl } from "./net/ipv4/fib_frontend.ts";
import { tcp_hashinfo } from "./net/ipv4/inet_hashtables.ts";
import { living_sockets } from "./net/socket.ts";
import { control } from "./tools/lib/control.ts";
import { check } from "./tools/lib/errno.ts";
import { inet_addr, inet_cidr } from "./tools/lib/inet.ts";
import { kernel } from "./tools/lib/kernel.ts";

export { userland } from "./arch/entry/common.ts";
export { DeadlockError, sim_machine } from "./arch/sim/mod.ts";
export type { arch_ops, boot_params } from "./init/main.ts";
export { check, SyscallError } from "./tools/lib/errno.ts";
export { inet_addr, inet_cidr, inet_ntoa } from "./tools/lib/inet.ts";
export { Conn, connect, listen, Listener } from "./tools/lib/net.ts";
export type { ConnectOptions, ListenOptions, NetAddr } from "./tools/lib/net.ts";

/** How a machine starts. */
export interface boot_options extends boot_params {
  /** "host" (default): the time of the host; "sim": virtual time, see machine.sim. */
  clock?: "host" | "sim";
  /** Of the entropy of a simulated machine. */
  seed?: number;
  /** Another port than those two. */
  arch?: arch_ops;
  /** Remembers where each packet was made, for the leak report. Slow. */
  debug?: boolean;
  /** Commands of the same user (deno task sysctl, nstat, ss) may ask it: see tools/lib/control.ts. */
  control?: boolean;
}

/** A machine ended with something left. */
export class LeakError extends Error {
  /** What was left, one line each. */
  readonly leaks: readonly string[];

  /** With what was left. */
  constructor(leaks: readonly string[]) {
    super(`the machine leaked:\n  ${leaks.join("\n  ")}`);
    this.name = "LeakError";
    this.leaks = leaks;
  }
}

/** A network device of a host. */
export class nic {
  /** A device of a host, which must be registered: see host.nic(). */
  constructor(readonly host: host, readonly dev: net_device) {}

  /** As `ip link` shows it: 'eth0'. */
  get name(): string {
    return this.dev.name;
  }

  /** Gives it an address ('A.B.C.D/LEN'), if any, and sets it up. */
  ifconfig(address?: string, options: { mtu?: number } = {}): this {
    const { dev } = this;
    kernel(() => {
      if (options.mtu !== undefined) check(dev_set_mtu(dev, options.mtu), "SIOCSIFMTU", dev.name);
      if (address !== undefined) this.addr_add(address);
      check(dev_change_flags(dev, dev.flags | IFF_UP), "SIOCSIFFLAGS", dev.name);
    });
    return this;
  }

  /** As `ip addr add`. */
  addr_add(address: string): void {
    const { addr, len } = inet_cidr(address);
    const { dev } = this;
    const broadcast = (dev.flags & IFF_BROADCAST) !== 0 && len < 31;
    const ret = kernel(() =>
      inet_rtm_newaddr(this.host.net, {
        ifa_index: dev.ifindex,
        ifa_prefixlen: len,
        ifa_local: addr,
        ifa_broadcast: broadcast ? addr | ~inet_make_mask(len) : 0,
      })
    );
    check(ret, "SIOCSIFADDR", `${dev.name} ${address}`);
  }

  /** As `ip addr del`. */
  addr_del(address: string): void {
    const { addr, len } = inet_cidr(address);
    const ifm = { ifa_index: this.dev.ifindex, ifa_prefixlen: len, ifa_local: addr };
    check(kernel(() => inet_rtm_deladdr(this.host.net, ifm)), "SIOCDIFADDR", address);
  }

  /** Sets it down: its routes go. Throws SyscallError. */
  down(): void {
    const { dev } = this;
    check(kernel(() => dev_change_flags(dev, dev.flags & ~IFF_UP)), "SIOCSIFFLAGS", dev.name);
  }

  /** The device goes. */
  remove(): void {
    kernel(() => unregister_netdev(this.dev));
  }
}

/** A host: a network namespace with its devices and programs. */
export class host {
  /** A namespace of the machine: machine.host() makes it. */
  constructor(readonly machine: machine, readonly net: net) {}

  /** What it was called when it was made. */
  get name(): string {
    return this.net.name;
  }

  /** A new program: its system calls. */
  task(comm = "task"): userland {
    return new userland(create_task(comm, this.net));
  }

  /** A device by name. */
  nic(name: string): nic {
    const dev = __dev_get_by_name(this.net, name);
    if (dev === null) throw new TypeError(`${this.name} has no device '${name}'`);
    return new nic(this, dev);
  }

  /** A NIC on a TUN or TAP of the host's kernel; throws os_error of one line. */
  tuntap(options: tuntap_options): nic {
    return new nic(this, kernel(() => deno_arch.tuntap_open(this.net, options)));
  }

  private route(cmd: number, dst: string, via?: string, dev?: string): void {
    const { addr, len } = dst === "default" ? { addr: 0, len: 0 } : inet_cidr(dst);
    const sin = (sin_addr: number) => ({ sin_family: AF_INET, sin_port: 0, sin_addr });
    const ret = kernel(() =>
      ip_rt_ioctl(this.net, cmd, {
        rt_dst: sin(addr),
        rt_genmask: sin(inet_make_mask(len)),
        rt_gateway: via === undefined ? null : sin(inet_addr(via)),
        rt_flags: RTF_UP | (via === undefined ? 0 : RTF_GATEWAY),
        rt_metric: 0,
        rt_dev: dev ?? null,
        rt_mtu: 0,
        rt_window: 0,
      })
    );
    check(ret, cmd === SIOCADDRT ? "SIOCADDRT" : "SIOCDELRT", dst);
  }

  /** As `ip route add DST via GATEWAY dev DEV`; 'default' for 0.0.0.0/0. */
  route_add(dst: string, via?: string, dev?: string): void {
    this.route(SIOCADDRT, dst, via, dev);
  }

  /** As `ip route del`. Throws SyscallError: ESRCH where there is no such route. */
  route_del(dst: string, via?: string, dev?: string): void {
    this.route(SIOCDELRT, dst, via, dev);
  }
}

/** What is left, one line each; `all`: the kernel's own sockets and the hosts count, too. */
function find_leaks(pages: number, all: boolean): string[] {
  const leaks: string[] = [];
  const add = (n: number, what: string): void => void (n !== 0 && leaks.push(`${n} ${what}`));
  for (const w of show_sleepers()) leaks.push(`asleep: ${w}`);
  for (const t of living_tasks) leaks.push(`task ${t.comm}/${t.pid}`);
  add(living_files.size, "files");
  const user = (sk: sock | null): boolean => all || sk === null || !sk.sk_kern_sock;
  add([...living_sockets].filter((s) => user(s.sk)).length, "sockets of programs");
  for (const sk of living_socks) {
    if (!user(sk)) continue;
    leaks.push(
      `sock ${sk.skc_prot.name} state ${sk.skc_state} port ${sk.skc_num} -> ${sk.skc_dport} ` +
        `refcnt ${sk.skc_refcnt}, ${sk.sk_receive_queue.qlen} in, ${sk.sk_wmem_queued} bytes out`,
    );
  }
  leaks.push(...hash_leaks());
  add(nr_skbs_alive(), "packets (sk_buff)");
  leaks.push(...skb_leaks());
  add(nr_skb_double_frees(), "packets freed twice");
  for (const prot of proto_list) {
    const c = prot.counters;
    add(c.orphan_count, `orphans of ${prot.name}`);
    if (!all) continue;
    add(c.sockets_allocated, `sockets_allocated of ${prot.name}`);
    add(c.memory_allocated, `pages of memory_allocated of ${prot.name}`);
  }
  if (!all) return leaks;
  // Work that a subsystem does all its life is no leak.
  for (const t of timers_pending()) if (t !== "delayed_work_timer_fn") leaks.push(`timer ${t}`);
  for (const t of hrtimers_pending()) leaks.push(`hrtimer ${t}`);
  task_frag_release();
  add(nr_used_pages() - pages, "pages");
  return leaks;
}

/** What stands in TCP's tables. */
function hash_leaks(): string[] {
  const leaks: string[] = [];
  const name = (sk: sock_common): string =>
    `state ${sk.skc_state} port ${sk.skc_num} -> ${sk.skc_dport}`;
  for (const first of tcp_hashinfo.ehash) {
    for (let n = first; !is_a_nulls(n); n = n.next) leaks.push(`in ehash: ${name(n.owner)}`);
  }
  for (const b of tcp_hashinfo.listening_hash) {
    for (let n = b.head.next; n !== null; n = n.next) leaks.push("in listening_hash: a sock");
  }
  if (tcp_hashinfo.bind_bucket_cachep !== 0) {
    leaks.push(`${tcp_hashinfo.bind_bucket_cachep} bind buckets`);
  }
  return leaks;
}

let running: machine | null = null;

/** A machine: the hosts of one process. */
export class machine {
  /** What the machine runs on. */
  readonly arch: arch_ops;
  /** Virtual time, of a simulated machine. */
  readonly sim: sim_machine | null;
  private readonly pages: number;
  private readonly hosts = new Map<string, host>();
  private halting: Promise<void> | null = null;
  private readonly control: control | null;

  /** As boot() does, which also sees to it that there is only one. */
  constructor(options: boot_options) {
    const sim = options.clock === "sim" ? new sim_machine({ seed: options.seed }) : null;
    this.arch = options.arch ?? sim ?? deno_arch;
    this.sim = sim ?? (this.arch instanceof sim_machine ? this.arch : null);
    this.pages = nr_used_pages();
    living_tasks.clear();
    // As Linux with 32 GiB has. Tests boot often and have few connections; a host has those of TIME_WAIT besides.
    const thash_entries = options.thash_entries ?? (sim === null ? 262_144 : 0);
    start_kernel(this.arch, { ...options, thash_entries });
    skb_debug(options.debug ?? false);
    this.hosts.set(init_net.name, new host(this, init_net));
    const find = (name = init_net.name): net | null => this.hosts.get(name)?.net ?? null;
    this.control = options.control ? new control(find) : null;
  }

  /** The host of this name, which is made if there is none. Without a name: the first. */
  host(name: string = init_net.name): host {
    let h = this.hosts.get(name);
    if (h === undefined) {
      const n = kernel(() => copy_net_ns(CLONE_NEWNET, init_net, name));
      if (typeof n === "number") throw new Error(`no host '${name}': ${errname(n)}`);
      h = new host(this, n);
      h.nic("lo").ifconfig();
      this.hosts.set(name, h);
    }
    return h;
  }

  /** A cable between two hosts: the NICs of its ends, named eth0 and so on. */
  wire(a: host, b: host, options: { mtu?: number } = {}): [nic, nic] {
    const free = (h: host): string => {
      for (let i = 0;; i++) {
        if (__dev_get_by_name(h.net, `eth${i}`) === null) return `eth${i}`;
      }
    };
    const name = free(a);
    // Both ends on one host need two names.
    const peer = a === b ? `eth${Number(name.slice(3)) + 1}` : free(b);
    const ends = kernel(() => veth_newlink(a.net, name, b.net, peer));
    if (typeof ends === "number") throw new Error(`no wire: ${errname(ends)}`);
    const [da, db] = ends;
    if (options.mtu !== undefined) {
      check(dev_set_mtu(da, options.mtu), "SIOCSIFMTU");
      check(dev_set_mtu(db, options.mtu), "SIOCSIFMTU");
    }
    return [new nic(a, da), new nic(b, db)];
  }

  /** What programs have left behind, one line each: empty when all connections are through. */
  leaks(): string[] {
    return find_leaks(this.pages, false);
  }

  /** Throws LeakError when anything of the programs is left. */
  assert_no_leaks(): void {
    const leaks = this.leaks();
    if (leaks.length > 0) throw new LeakError(leaks);
  }

  /** Ends all programs. Connections go on closing. */
  async exit_tasks(): Promise<void> {
    const ends = [...living_tasks].map((t) => do_exit(t));
    await Promise.all(ends);
  }

  /**
   * Ends the machine: programs, then connections (those that are not closed within grace_ms by RST),
   * then hosts with their devices. Throws LeakError when anything is left. A second call waits for the first.
   */
  shutdown(options: { grace_ms?: number } = {}): Promise<void> {
    return this.halting ??= this.halt(options.grace_ms ?? 1000);
  }

  private async halt(grace_ms: number): Promise<void> {
    this.control?.[Symbol.dispose]();
    const end = ktime_get_ns() + grace_ms * 1e6;
    const orphans = (): sock[] => [...living_socks].filter((sk) => !sk.sk_kern_sock);
    const closing = async (): Promise<void> => {
      // A close() that lingers, or a socket that nobody unlocks, must not keep the machine.
      void this.exit_tasks();
      while (orphans().length > 0 && ktime_get_ns() < end) await msleep(10);
    };
    if (this.sim !== null) await this.sim.run_until(closing());
    else await closing();
    kernel(() => {
      for (const sk of orphans()) sk.skc_prot.diag_destroy?.(sk, ECONNABORTED);
    });
    await this.settle();
    for (const n of [...net_namespace_list].reverse()) kernel(() => cleanup_net(n));
    await this.settle();
    await this.arch.machine_halt();
    running = null;
    const leaks = find_leaks(this.pages, true);
    if (leaks.length > 0) throw new LeakError(leaks);
  }

  /** Lets what is on its way arrive. */
  private async settle(): Promise<void> {
    if (this.sim !== null) await this.sim.settle();
    else await msleep(1);
  }

  /** As shutdown(). */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** Boots a machine. There is one at a time: shut the last one down first. */
export function boot(options: boot_options = {}): machine {
  if (running !== null) throw new Error("a machine is running: await machine.shutdown() first");
  running = new machine(options);
  running.host().nic("lo").ifconfig();
  return running;
}

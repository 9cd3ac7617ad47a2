// SPDX-License-Identifier: GPL-2.0-only
//
// Throws mutated frames at a host that is at work, all from one seed: connections to a real host in the machine
// carry patterns both ways, programs do random system calls on connections to peers that exist only in forged frames, a
// third host stands behind this one as a router. fuzz() ends with the proof that nothing broke: no exception in the receive path, no
// warning, queues and counters of every socket sound, every byte of the real host's connections arrived, new ones
// are accepted, and (by machine.shutdown()) nothing leaked. A failure names the seed and the frames in flight.

import { warnings } from "../../include/asm-generic/bug.ts";
import { NETDEV_TX_OK, NETIF_F_GRO } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM } from "../../include/linux/net.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  AF_INET,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_OOBINLINE,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_SNDBUF,
  SOL_IP,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import { tcp_sk } from "../../include/net/tcp.ts";
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_PERMANENT,
} from "../../include/net/neighbour.ts";
import { EAGAIN, EINPROGRESS } from "../../include/uapi/asm-generic/errno.ts";
import { ETH_P_ARP } from "../../include/uapi/linux/if_ether.ts";
import { IP_RECVERR, IPPROTO_ICMP, IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import {
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_KEEPIDLE,
  TCP_NODELAY,
  TCP_QUICKACK,
  TCP_USER_TIMEOUT,
} from "../../include/uapi/linux/tcp.ts";
import { proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { local_bh_disable, local_bh_enable } from "../../kernel/softirq.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import { register_net_rx_oops } from "../../net/core/dev.ts";
import { __neigh_lookup, neigh_update } from "../../net/core/neighbour.ts";
import { kfree_skb, skb_copy_bits } from "../../net/core/skbuff.ts";
import { living_socks } from "../../net/core/sock.ts";
import { arp_tbl } from "../../net/ipv4/arp.ts";
import { snmp_counters } from "../../net/ipv4/proc.ts";
import { boot, connect, listen } from "../../mod.ts";
import type { Conn, host, machine, sim_machine, userland } from "../../mod.ts";
import { arp_packet, eth_frame, ETH_HLEN, frame_rx, frame_skb } from "./frames.ts";
import { fuzz_random, hex, pick_kind } from "./fuzz_frames.ts";
import type { fuzz_source } from "./fuzz_frames.ts";
import { tcp_check_invariants } from "./tcp_invariants.ts";

/** How much is thrown. @local */
export interface fuzz_options {
  frames: number;
  seed: number;
  /** The host forwards, too, and takes source routes. */
  router?: boolean;
}

/** What came of it. @local */
export interface fuzz_report {
  frames: number;
  /** By nstat's names. */
  counters: Map<string, number>;
  /** Virtual time, ns. */
  time: number;
  /** Bytes that the real host's connections carried. */
  bytes: number;
  /** Frames by kind. */
  kinds: Map<string, number>;
}

/** Batches between checks of all sockets. */
const CHECK_EVERY = 8;

const US = 0xc6336401 | 0;
const REAL = 0xc6336402 | 0;
const BEHIND = 0xcb007102 | 0;
const PEERS = [3, 4, 5, 6].map((n) => (0xc6336400 | n) | 0);
const FORGED_MAC = Uint8Array.of(2, 0, 0, 0, 0, 3);
const TCP_PORTS = [80, 81, 82];
const UDP_PORTS = [53, 54, 55];

function int(v: number): Uint8Array {
  return new Uint8Array(Int32Array.of(v).buffer);
}

/** Byte i of the stream number n. */
function pattern(n: number, i: number): number {
  return (i * 7 + (i >> 8) * 13 + n * 101) & 255;
}

function fill(p: Uint8Array, n: number, at: number): Uint8Array {
  for (let i = 0; i < p.length; i++) p[i] = pattern(n, at + i);
  return p;
}

/** The real host's connections: streams of a pattern, both ways, until told to stop. */
class keepers {
  bytes = 0;
  stop = false;
  /** What went wrong first. */
  broken: { error: unknown } | null = null;
  private readonly ends: Promise<void>[] = [];

  constructor(private readonly r: fuzz_random) {}

  /** Both ends of connection n. */
  run(n: number, a: Conn, b: Conn): void {
    const len: [number, number] = [-1, -1];
    const ends = [
      this.send(a, 2 * n, len, 0),
      this.receive(b, 2 * n, len, 0),
      this.send(b, 2 * n + 1, len, 1),
      this.receive(a, 2 * n + 1, len, 1),
    ];
    for (const e of ends) e.catch((error) => this.broken ??= { error });
    this.ends.push(...ends);
  }

  private async send(c: Conn, n: number, len: [number, number], dir: number): Promise<void> {
    let at = 0;
    while (!this.stop) {
      const p = fill(new Uint8Array(1 + this.r.below(this.r.pick([10, 1000, 20000]))), n, at);
      await c.writeAll(p);
      at += p.length;
      await this.pause(c);
    }
    await c.closeWrite();
    len[dir] = at;
  }

  private async receive(c: Conn, n: number, len: [number, number], dir: number): Promise<void> {
    const buf = new Uint8Array(20000);
    let at = 0;
    for (;;) {
      const got = await c.read(buf.subarray(0, 1 + this.r.below(buf.length)));
      if (got === null) break;
      for (let i = 0; i < got; i++) {
        if (buf[i] !== pattern(n, at + i)) throw new Error(`stream ${n}: wrong byte ${at + i}`);
      }
      at += got;
      this.bytes += got;
      if (!this.stop) await this.pause(c);
    }
    while (len[dir] < 0) await this.pause(c);
    if (len[dir] !== at) throw new Error(`stream ${n}: ${at} bytes of ${len[dir]}`);
  }

  /** Sleeps a while: by poll() of nothing. */
  private async pause(c: Conn): Promise<void> {
    await c.userland.sys_poll([], 0, this.r.pick([1, 20, 100, 400]));
  }

  /** All bytes have come, and the ends have met. */
  async finish(): Promise<void> {
    this.stop = true;
    await Promise.all(this.ends);
  }
}

/** Programs on the host that do anything to their sockets; their calls never sleep. */
class programs {
  private readonly fds: number[] = [];
  private readonly listeners: number[] = [];
  private readonly buf = new Uint8Array(20000);

  constructor(private readonly u: userland, private readonly s: fuzz_source) {
    for (const port of s.tcp_ports) {
      const fd = u.sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
      u.sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int(1));
      this.must(u.sys_bind(fd, { sin_family: AF_INET, sin_port: port, sin_addr: 0 }));
      this.must(u.sys_listen(fd, port === 81 ? 2 : 100));
      if (port === 82) u.sys_setsockopt(fd, SOL_TCP, TCP_DEFER_ACCEPT, int(5));
      this.listeners.push(fd);
    }
    for (const port of s.udp_ports) {
      const fd = u.sys_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
      this.must(u.sys_bind(fd, { sin_family: AF_INET, sin_port: port, sin_addr: 0 }));
      if (port !== 53) u.sys_setsockopt(fd, SOL_IP, IP_RECVERR, int(1));
      this.fds.push(fd);
    }
    this.fds.push(u.sys_socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP));
  }

  private must(ret: number): void {
    if (ret < 0) throw new Error(`setting up: ${ret}`);
  }

  /** One system call, or a few. */
  step(): void {
    const { u, s } = this;
    const { r } = s;
    const l = r.pick(this.listeners);
    if (this.fds.length < 60 && r.one_in(2)) {
      const fd = u.sys_accept4(l, null, null, SOCK_NONBLOCK) as number;
      if (fd >= 0) {
        this.fds.push(fd);
        u.sys_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, int(1));
        u.sys_setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, int(1 + r.below(10)));
      } else if (fd !== -EAGAIN && fd !== -103) throw new Error(`accept: ${fd}`);
    }
    if (this.fds.length < 60 && r.one_in(10)) this.connect();
    const i = r.below(this.fds.length);
    const keep = i < s.udp_ports.length + 1;
    if (this.call(this.fds[i], keep) || keep) return;
    this.fds.splice(i, 1);
  }

  /** A connection to a peer that may answer by chance. */
  private connect(): void {
    const { u, s } = this;
    const { r } = s;
    const fd = u.sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    const sin_addr = r.pick(s.peers), sin_port = 1 + r.below(65535);
    const ret = u.sys_connect(fd, { sin_family: AF_INET, sin_port, sin_addr });
    if (ret !== -EINPROGRESS) {
      u.sys_close(fd);
      return;
    }
    const me = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    u.sys_getsockname(fd, me);
    s.flows.push({ saddr: sin_addr, source: sin_port, daddr: s.us, dest: me.sin_port });
    this.fds.push(fd);
  }

  /** Does something to a socket; false where it is closed now. */
  private call(fd: number, keep: boolean): boolean {
    const { u, s, buf } = this;
    const { r } = s;
    const n = r.pick([1, 10, 1000, 1448, 20000]);
    switch (r.below(16)) {
      case 0:
      case 1:
      case 2:
        u.sys_recv(fd, buf, n, MSG_DONTWAIT | r.pick([0, 0, 0, MSG_PEEK, MSG_TRUNC]));
        break;
      case 3:
      case 4:
      case 5: {
        const flags = r.pick([0, 0, 0, MSG_MORE, MSG_OOB]);
        u.sys_send(fd, r.bytes(n), n, MSG_DONTWAIT | MSG_NOSIGNAL | flags);
        break;
      }
      case 6:
        u.sys_recv(fd, buf, n, MSG_DONTWAIT | r.pick([MSG_OOB, MSG_ERRQUEUE]));
        break;
      case 7:
        u.sys_setsockopt(
          fd,
          SOL_TCP,
          r.pick([TCP_NODELAY, TCP_CORK, TCP_QUICKACK]),
          int(r.below(2)),
        );
        break;
      case 8:
        u.sys_setsockopt(fd, SOL_SOCKET, r.pick([SO_RCVBUF, SO_SNDBUF]), int(r.below(100000)));
        break;
      case 9:
        u.sys_setsockopt(fd, SOL_SOCKET, r.pick([SO_KEEPALIVE, SO_OOBINLINE]), int(r.below(2)));
        break;
      case 10:
        u.sys_setsockopt(
          fd,
          SOL_TCP,
          r.pick([TCP_USER_TIMEOUT, TCP_KEEPIDLE]),
          int(1 + r.below(100)),
        );
        break;
      case 11:
        u.sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, buf, Int32Array.of(4));
        break;
      case 12:
        if (!keep && r.one_in(3)) u.sys_shutdown(fd, r.below(3));
        break;
      case 13:
        if (keep || !r.one_in(3)) break;
        if (r.one_in(3)) {
          u.sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
        }
        u.sys_close(fd);
        return false;
      case 14:
        if (!keep && r.one_in(6)) {
          // connect() to AF_UNSPEC: tcp_disconnect().
          u.sys_connect(fd, { sin_family: 0, sin_port: 0, sin_addr: 0 });
        }
        break;
      default:
        u.sys_poll([{ fd, events: 0x1f, revents: 0 }], 1, 0);
    }
    return true;
  }
}

/** A machine under attack. */
class attack {
  readonly m: machine;
  readonly sim: sim_machine;
  readonly a: host;
  readonly b: host;
  readonly r: fuzz_random;
  readonly s: fuzz_source;
  readonly kinds = new Map<string, number>();
  private readonly dev: net_device;
  private readonly rx: frame_rx;
  private readonly to_a: sk_buff[] = [];
  private readonly to_b: sk_buff[] = [];
  private readonly answers: Uint8Array[] = [];
  private batch: [name: string, frame: Uint8Array][] = [];
  private count = 0;
  /** The cable is cut: what is sent is lost. */
  private cut = false;

  constructor(private readonly o: fuzz_options) {
    const m = this.m = boot({ clock: "sim", seed: o.seed });
    this.sim = m.sim as sim_machine;
    this.r = new fuzz_random(o.seed);
    const a = this.a = m.host("a"), b = this.b = m.host("b"), c = m.host("c");
    const [na, nb] = m.wire(a, b);
    const [na2, nc] = m.wire(a, c);
    na.ifconfig("198.51.100.1/24");
    nb.ifconfig("198.51.100.2/24");
    na2.ifconfig("203.0.113.1/24");
    nc.ifconfig("203.0.113.2/24");
    a.route_add("default", "198.51.100.6");
    c.route_add("default", "203.0.113.1");
    if (o.router) {
      proc_sys_write(a.net, "net.ipv4.ip_forward", "1");
      proc_sys_write(a.net, "net.ipv4.conf.all.accept_source_route", "1");
      proc_sys_write(a.net, "net.ipv4.conf.eth0.accept_source_route", "1");
    }
    this.dev = na.dev;
    this.rx = new frame_rx(na.dev);
    this.s = {
      r: this.r,
      dev: na.dev,
      mac: FORGED_MAC,
      us: US,
      real: REAL,
      peers: PEERS,
      behind: BEHIND,
      tcp_ports: TCP_PORTS,
      udp_ports: UDP_PORTS,
      flows: [],
      kept: [],
      live: [],
      heard: [],
    };
    const neigh = __neigh_lookup(arp_tbl, REAL, na.dev, true)!;
    const flags = NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN;
    neigh_update(neigh, nb.dev.dev_addr.slice(0, 6), NUD_PERMANENT, flags, 0);
    this.cable(na.dev, nb.dev);
    register_net_rx_oops((e) => this.fail(e instanceof Error ? e.stack ?? e.message : String(e)));
  }

  /** Ends the run, naming what was thrown last. */
  private fail(what: string): never {
    throw new Error(
      `fuzz seed ${this.o.seed}${this.o.router ? " router" : ""}, frame ${this.count}: ${what}\n` +
        this.batch.map(([name, f]) => `${name}: ${hex(f)}`).join("\n"),
    );
  }

  /** Has packets of both ends wait for the next batch; those to forged peers are heard and gone. */
  private cable(a: net_device, b: net_device): void {
    const from_a = (skb: sk_buff): number => {
      const f = bytes(skb);
      if (f[12] === 8 && f[13] === 0) remember(this.s.heard, f.slice(ETH_HLEN), 64);
      const arp = f[12] === ETH_P_ARP >> 8 && f[13] === (ETH_P_ARP & 255);
      const dst = new DataView(f.buffer).getInt32(arp ? 38 : 30);
      if (!this.cut && (dst === REAL || (arp && (f[0] & 1) !== 0))) this.to_b.push(skb);
      else kfree_skb(skb);
      if (arp && f[21] === 1) this.resolve(dst);
      return NETDEV_TX_OK;
    };
    const from_b = (skb: sk_buff): number => {
      remember(this.s.live, bytes(skb), 64);
      if (this.cut) kfree_skb(skb);
      else this.to_a.push(skb);
      return NETDEV_TX_OK;
    };
    a.netdev_ops = { ...a.netdev_ops, ndo_start_xmit: from_a };
    b.netdev_ops = { ...b.netdev_ops, ndo_start_xmit: from_b };
    // NICs without offload.
    a.features = NETIF_F_GRO;
    b.features = 0;
    this.b_rx = new frame_rx(b);
  }

  private b_rx!: frame_rx;

  /** A forged peer answers the host's question for it, most times. */
  private resolve(ip: number): void {
    if (!PEERS.includes(ip) || this.r.one_in(4)) return;
    const p = arp_packet({ op: 2, sha: FORGED_MAC, sip: ip, tha: this.dev.dev_addr, tip: US });
    this.answers.push(eth_frame(this.dev.dev_addr.slice(0, 6), FORGED_MAC, p, ETH_P_ARP));
  }

  /** Frames of the attack and of the real host come in, as one interrupt. */
  private interrupt(frames: readonly Uint8Array[]): void {
    const { r } = this;
    const real = this.to_a.splice(0);
    update_wall_time();
    local_bh_disable();
    let i = 0, j = 0;
    while (i < frames.length || j < real.length) {
      if (j < real.length && (i >= frames.length || r.one_in(2))) {
        const skb = real[j++];
        if (r.one_in(50)) kfree_skb(skb);
        else this.deliver(this.rx, skb);
      } else {
        this.rx.queue(frame_skb(this.dev, frames[i++]));
      }
    }
    local_bh_enable();
    local_bh_disable();
    for (const skb of this.to_b.splice(0)) {
      if (r.one_in(50)) kfree_skb(skb);
      else this.deliver(this.b_rx, skb);
    }
    local_bh_enable();
  }

  /** A packet of the one host for the other: as a NIC would have made of its frame. */
  private deliver(rx: frame_rx, skb: sk_buff): void {
    const f = bytes(skb);
    kfree_skb(skb);
    rx.queue(frame_skb(rx.dev, f));
  }

  /** Fails where a socket's queues and counters do not agree, or something was warned about. */
  private check(): void {
    if (warnings.length > 0) this.fail(warnings.join("\n"));
    for (const sk of living_socks) {
      if (sk.sk_kern_sock || sk.sk_protocol !== IPPROTO_TCP) continue;
      const tp = tcp_sk(sk);
      const wrong = tcp_check_invariants(tp);
      if (wrong.length > 0) {
        const who = `${tp.skc_num} -> ${tp.skc_dport} state ${tp.skc_state}`;
        this.fail(`sock ${who}: ${wrong.join("; ")}`);
      }
    }
  }

  /** The next frames of the attack. */
  private next_frames(): Uint8Array[] {
    const frames: Uint8Array[] = this.answers.splice(0);
    const n = 1 + this.r.below(12);
    this.batch = [];
    while (frames.length < n && this.count < this.o.frames) {
      const [name, , make] = pick_kind(this.r);
      for (const f of make(this.s)) {
        frames.push(f);
        this.batch.push([name, f]);
        this.kinds.set(name, (this.kinds.get(name) ?? 0) + 1);
        this.count++;
      }
    }
    return frames;
  }

  /** A connection of the real host. */
  private async keep(n: number, k: keepers, ua: userland, ub: userland): Promise<void> {
    using l = listen(ua, { port: 7000 + n });
    const accepted = l.accept();
    const b = await connect(ub, { hostname: "198.51.100.1", port: 7000 + n });
    const a = await accepted;
    const { localAddr } = b;
    this.s.kept.push({ saddr: REAL, source: localAddr.port, daddr: US, dest: 7000 + n });
    k.run(n, a, b);
  }

  /** Throws, all in virtual time. */
  async run(): Promise<fuzz_report> {
    const { sim, r, a, b } = this;
    const k = new keepers(new fuzz_random(this.o.seed + 1));
    const ua = a.task("keepers"), ub = b.task("keepers");
    const p = new programs(a.task("programs"), this.s);
    const up = Promise.all([0, 1, 2, 3].map((n) => this.keep(n, k, ua, ub)));
    up.catch((error) => k.broken ??= { error });
    let ticks = 0;
    const tick = async (frames: readonly Uint8Array[]): Promise<void> => {
      this.interrupt(frames);
      if (k.broken !== null) this.fail(String(k.broken.error));
      ticks++;
      const ms = ticks % 500 === 0 ? [3000, 30000] : ticks % 50 === 0 ? [200, 1000] : [0, 1, 2, 5];
      await sim.advance(r.pick(ms));
    };
    while (this.count < this.o.frames) {
      for (let n = r.below(4); n > 0; n--) p.step();
      await tick(this.next_frames());
      if (ticks % CHECK_EVERY === 0) this.check();
    }
    this.batch = [];
    // The network calms down; what is left of connections and fragments is forgotten.
    let done: unknown = null;
    await up;
    k.finish().then(() => done = true, (e) => done = e);
    for (let n = 0; done === null; n++) {
      if (n > 200000) this.fail("the real host's connections stall");
      await tick([]);
    }
    if (done !== true) throw done;
    this.check();
    await this.still_serves(tick, ua, ub);
    return {
      frames: this.count,
      counters: snmp_counters(a.net),
      time: sim.now(),
      bytes: k.bytes,
      kinds: this.kinds,
    };
  }

  /** After five minutes a new connection is taken at once. */
  private async still_serves(
    tick: (f: readonly Uint8Array[]) => Promise<void>,
    ua: userland,
    ub: userland,
  ): Promise<void> {
    await this.sim.advance(300000);
    const k = new keepers(new fuzz_random(1));
    let done: unknown = null;
    const all = async (): Promise<void> => {
      await this.keep(100, k, ua, ub);
      await k.finish();
    };
    all().then(() => done = true, (e) => done = e);
    for (let n = 0; done === null; n++) {
      if (n > 2000) this.fail("no new connection");
      await tick([]);
    }
    if (done !== true) throw done;
  }

  /** Ends the machine; throws LeakError. */
  async end(): Promise<void> {
    register_net_rx_oops(null);
    this.cut = true;
    for (const skb of [...this.to_a.splice(0), ...this.to_b.splice(0)]) kfree_skb(skb);
    await this.m.shutdown();
  }
}

/** The frame of an skb that a device is to send. */
function bytes(skb: sk_buff): Uint8Array {
  const f = new Uint8Array(skb.len);
  skb_copy_bits(skb, 0, f, skb.len);
  return f;
}

/** Keeps the last few. */
function remember(ring: Uint8Array[], f: Uint8Array, most: number): void {
  ring.push(f);
  if (ring.length > most) ring.shift();
}

/** Throws frames at a host; throws where that breaks something. @local */
export async function fuzz(o: fuzz_options): Promise<fuzz_report> {
  const t = new attack(o);
  let report: fuzz_report;
  try {
    report = await t.run();
  } catch (e) {
    // What has thrown with a socket locked leaves its closer waiting: the failure itself is what counts.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => timer = setTimeout(resolve, 5000));
    await Promise.race([t.end().catch(() => {}), enough]);
    clearTimeout(timer);
    throw e;
  }
  await t.end();
  return report;
}

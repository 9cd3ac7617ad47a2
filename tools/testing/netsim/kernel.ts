// SPDX-License-Identifier: GPL-2.0-only
//
// The stack beside the host's kernel, in the host's time: two transfers at once, each over a path of its own with the
// same seed, one from our stack and one from the kernel's, both to the kernel's TCP. A kernel's end is a
// TUN in a namespace of its own, whose descriptor is a NIC of ours: what comes from one goes through the
// path and on to the other. Goodput is what the receiver acknowledges on the path, between two points in
// time, so that it is measured alike.

import { assert_private_netns } from "../../../arch/deno/netns.ts";
import { tun_struct } from "../../../drivers/tun/tun.ts";
import { proc_sys_write } from "../../../fs/proc/proc_sysctl.ts";
import type { sk_buff } from "../../../include/linux/skbuff.ts";
import { ETH_P_IP } from "../../../include/uapi/linux/if_ether.ts";
import { boot, check, connect } from "../../../mod.ts";
import type { host, nic } from "../../../mod.ts";
import { netif_receive_skb } from "../../../net/core/dev.ts";
import { skb_copy_bits } from "../../../net/core/skbuff.ts";
import { child } from "../../bench/lab.ts";
import type { cell } from "./cell.ts";
import { paths_of, sysctl } from "./cell.ts";
import { net_path, path_of_dev } from "./path.ts";
import type { path_options } from "./path.ts";

const SENDER = "198.51.100.2", RECEIVER = "198.51.100.1", PORT = 5001;
const PEER = new URL("peer.ts", import.meta.url).pathname;
/** Slow start is not what is compared, s. */
const WARM = 5;

/** What both kernels start from, whatever the host has set. */
const SYSCTLS = [
  "net.ipv4.tcp_rmem=4096 131072 6291456",
  "net.ipv4.tcp_wmem=4096 16384 4194304",
  "net.ipv4.tcp_no_metrics_save=1",
  "net.ipv4.tcp_timestamps=1",
];

function run(argv: string[]): void {
  const { code, stderr } = new Deno.Command(argv[0], { args: argv.slice(1), stderr: "piped" })
    .outputSync();
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** A namespace with the kernel's end of a TUN. */
class kernel_end implements AsyncDisposable {
  private constructor(private readonly holder: child, readonly nic: nic) {}

  /** A namespace, and the NIC on a host of ours that has its descriptor. */
  static async open(h: host, dev: string, address: string, sack: boolean): Promise<kernel_end> {
    const holder = new child(["unshare", "-n", "sh", "-c", "echo ready; exec cat"]);
    if (await holder.line() !== "ready") throw new Error("no namespace");
    const nic = h.tuntap({ type: "tun", dev, offload: false }).ifconfig();
    const end = new kernel_end(holder, nic);
    run(["ip", "link", "set", dev, "netns", String(holder.pid)]);
    end.run_inside(["ip", "link", "set", "lo", "up"]);
    end.run_inside(["ip", "addr", "add", `${address}/24`, "dev", dev]);
    end.run_inside(["ip", "link", "set", dev, "up"]);
    end.run_inside(["sysctl", "-qw", ...SYSCTLS, `net.ipv4.tcp_sack=${sack ? 1 : 0}`]);
    return end;
  }

  /** A command that runs there. */
  inside(argv: string[]): string[] {
    return ["nsenter", "-t", String(this.holder.pid), "-n", "--", ...argv];
  }

  private run_inside(argv: string[]): void {
    run(this.inside(argv));
  }

  /** A program on the kernel's TCP. */
  peer(...args: (string | number)[]): child {
    const argv = [Deno.execPath(), "run", "-A", "--no-check", PEER, ...args.map(String)];
    return new child(this.inside(argv));
  }

  /** Has `fn` called with what the kernel sends. */
  on_packet(fn: (skb: sk_buff) => void): void {
    (this.nic.dev.priv as tun_struct).xdp_prog = (skb) => {
      fn(skb);
      return true;
    };
  }

  /** Gives the kernel a packet. */
  transmit(skb: sk_buff): void {
    const { dev } = this.nic;
    skb.dev = dev;
    dev.netdev_ops.ndo_start_xmit(skb, dev);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder.end(1000);
  }
}

/** What the receiver has acknowledged. */
class ack_counter {
  private readonly header = new Uint8Array(40);
  private readonly dv = new DataView(this.header.buffer);
  private last: number | null = null;
  bytes = 0;

  see(skb: sk_buff): void {
    if (skb.protocol !== ETH_P_IP || skb.len < 40) return;
    skb_copy_bits(skb, 0, this.header, 40);
    const ihl = (this.header[0] & 15) * 4;
    if (this.header[9] !== 6 || ihl !== 20) return;
    const ack = this.dv.getInt32(ihl + 8);
    const delta = this.last === null ? 0 : (ack - this.last) | 0;
    if (delta < 0) return;
    this.bytes += delta;
    this.last = ack;
  }
}

/** A transfer that runs. */
interface transfer {
  readonly acked: ack_counter;
  readonly paths: net_path[];
}

/** From the kernel's TCP, over a path that joins two TUNs. */
function kernel_transfer(
  from: kernel_end,
  to: kernel_end,
  [data, acks]: readonly [path_options, path_options],
): transfer {
  const acked = new ack_counter();
  const there = new net_path(data, (skb) => to.transmit(skb));
  const back = new net_path(acks, (skb) => from.transmit(skb));
  from.on_packet((skb) => there.input(skb));
  to.on_packet((skb) => {
    acked.see(skb);
    back.input(skb);
  });
  return { acked, paths: [there, back] };
}

/** From our stack, which is on the TUN itself. */
function our_transfer(
  to: kernel_end,
  [data, acks]: readonly [path_options, path_options],
): transfer {
  const acked = new ack_counter();
  const there = new path_of_dev(to.nic.dev, data);
  const back = new net_path(acks, (skb) => void netif_receive_skb(skb));
  to.on_packet((skb) => {
    acked.see(skb);
    back.input(skb);
  });
  return { acked, paths: [there.path, back] };
}

/** Goodputs of one run, bit/s. @local */
export interface comparison {
  ours: number;
  linux: number;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs both for so many seconds behind the warm-up. In a private namespace. @local */
export async function compare(c: cell, seconds: number, seed: number): Promise<comparison> {
  assert_private_netns();
  const paths = paths_of(c, seed, false);
  const m = boot();
  try {
    const router = m.host("router"), us = m.host("us");
    await using from = await kernel_end.open(router, "sender", SENDER, c.sack);
    await using to = await kernel_end.open(router, "receiver", RECEIVER, c.sack);
    await using to_us = await kernel_end.open(us, "us", RECEIVER, c.sack);
    to_us.nic.addr_add(`${SENDER}/24`);
    sysctl(us, "net.ipv4.tcp_sack", c.sack ? "1" : "0");
    sysctl(us, "net.ipv4.tcp_congestion_control", c.cc);
    for (const name of ["tcp_rmem", "tcp_wmem"]) {
      const [text] = SYSCTLS.filter((s) => s.includes(name));
      check(proc_sys_write(us.net, `net.ipv4.${name}`, text.split("=")[1]), "sysctl");
    }
    const theirs = kernel_transfer(from, to, paths);
    const ours = our_transfer(to_us, paths);

    await using receiver = to.peer("receive", PORT);
    await using our_receiver = to_us.peer("receive", PORT);
    for (const p of [receiver, our_receiver]) {
      if (await p.line() !== "ready") throw new Error("the receiver does not start");
    }
    await using sender = from.peer("send", RECEIVER, PORT, c.cc);
    const conn = await connect(us.task("sender"), { hostname: RECEIVER, port: PORT });
    if (await sender.line() !== "ready") throw new Error("the sender does not start");
    let going = true;
    const sending = (async () => {
      const buf = new Uint8Array(65536);
      while (going) await conn.write(buf);
    })();
    await sleep(WARM * 1000);
    const start = [performance.now(), ours.acked.bytes, theirs.acked.bytes];
    await sleep(seconds * 1000);
    const end = [performance.now(), ours.acked.bytes, theirs.acked.bytes];
    going = false;
    const rate = (i: number): number => (end[i] - start[i]) * 8000 / (end[0] - start[0]);
    // The rest need not arrive.
    await Promise.race([sending, sleep(2000)]);
    conn.close();
    for (const p of [...ours.paths, ...theirs.paths]) p.stop();
    return { ours: rate(1), linux: rate(2) };
  } finally {
    await m.shutdown({ grace_ms: 100 });
  }
}

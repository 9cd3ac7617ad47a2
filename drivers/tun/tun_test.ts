// SPDX-License-Identifier: GPL-2.0-only
//
// The driver under the simulator, with a /dev/net/tun that the test is.

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import {
  netdev_priv,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_TSO,
  netif_queue_stopped,
} from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import {
  EAGAIN,
  EBADFD,
  EBUSY,
  EINTR,
  EINVAL,
  EIO,
  ENODEV,
} from "../../include/uapi/asm-generic/errno.ts";
import {
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO_ECN,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETVNETHDRSZ,
} from "../../include/uapi/linux/if_tun.ts";
import { IFNAMSIZ } from "../../include/uapi/linux/if.ts";
import {
  virtio_net_hdr,
  VIRTIO_NET_HDR_F_DATA_VALID,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_UDP,
} from "../../include/uapi/linux/virtio_net.ts";
import type { page } from "../../include/linux/mm_types.ts";
import { early_irq_init, generic_handle_irq, irq_set_chip } from "../../kernel/irq/irqdesc.ts";
import { for_each_irq_desc } from "../../kernel/irq/irqdesc.ts";
import { IRQCHIP_STATE_PENDING } from "../../include/linux/irq.ts";
import { irq_enter, irq_exit } from "../../kernel/softirq.ts";
import { boot, connect, inet_addr, listen, nic } from "../../mod.ts";
import type { host, machine } from "../../mod.ts";
import { snmp_counter } from "../../net/ipv4/proc.ts";
import { tun_chr_open, tun_chrdev_register, tun_set_iff, tun_struct } from "./tun.ts";
import type { tun_chrdev_ops, tun_file, tun_iov } from "./tun.ts";

const OURS = inet_addr("198.51.100.2");
const THEIRS = inet_addr("198.51.100.1");
const ALL_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;

/** An open descriptor. */
class fake_file {
  flags = 0;
  vnet_hdr_sz = 10;
  offload = 0;
  masked = true;
  /** The driver said that there may be more to read. */
  pending = 0;
  reads = 0;
  /** Packets to be read, or errors. */
  readonly in: (Uint8Array | number)[] = [];
  /** Packets that were written. */
  readonly out: Uint8Array[] = [];
  /** What is written here is read there. */
  peer: fake_file | null = null;
  /** For the next write. */
  write_error = 0;
  constructor(readonly fd: number) {}

  /** A packet comes. */
  receive(...packets: (Uint8Array | number)[]): void {
    this.in.push(...packets);
    this.interrupt();
  }

  interrupt(): void {
    while (!this.masked && this.in.length > 0) {
      irq_enter();
      generic_handle_irq(this.fd);
      irq_exit();
    }
  }

  written(packet: Uint8Array): number {
    if (this.write_error !== 0) {
      const err = this.write_error;
      this.write_error = 0;
      return err;
    }
    this.out.push(packet);
    if (this.peer !== null) this.peer.receive(packet);
    return packet.length;
  }
}

/** The host's side. */
class fake_chrdev implements tun_chrdev_ops {
  readonly files = new Map<number, fake_file>();
  /** What the host can. */
  offloads = ALL_OFFLOADS;
  setiff_error = 0;

  open(): number {
    const fd = 40 + this.files.size;
    this.files.set(fd, new fake_file(fd));
    return fd;
  }

  close(fd: number): number {
    return this.files.delete(fd) ? 0 : -EINVAL;
  }

  ioctl(fd: number, cmd: number, arg: Uint8Array): number {
    const f = this.files.get(fd)!;
    if (cmd === TUNSETVNETHDRSZ) {
      f.vnet_hdr_sz = arg[0];
      return 0;
    }
    assertEquals(cmd, TUNSETIFF);
    if (this.setiff_error !== 0) return this.setiff_error;
    const name = new TextDecoder().decode(arg.subarray(0, arg.indexOf(0)));
    arg.set(new TextEncoder().encode(name.replace("%d", String(fd - 40)) + "\0"));
    f.flags = arg[IFNAMSIZ] | arg[IFNAMSIZ + 1] << 8;
    return 0;
  }

  ioctl_int(fd: number, cmd: number, arg: number): number {
    assertEquals(cmd, TUNSETOFFLOAD);
    if ((arg & ~this.offloads) !== 0) return -EINVAL;
    this.files.get(fd)!.offload = arg;
    return 0;
  }

  read(fd: number, p: page, off: number, len: number): number {
    const f = this.files.get(fd)!;
    f.reads++;
    const packet = f.in.shift();
    if (packet === undefined) return -EAGAIN;
    if (typeof packet === "number") return packet;
    assert(packet.length <= len, `a packet of ${packet.length} bytes for ${len}`);
    p.u8.set(packet, off);
    return packet.length;
  }

  write(fd: number, p: page, off: number, len: number): number {
    return this.files.get(fd)!.written(p.u8.slice(off, off + len));
  }

  writev(fd: number, iov: tun_iov): number {
    const parts: number[] = [];
    for (let i = 0; i < iov.nr; i++) {
      const { u8 } = iov.pages[i];
      parts.push(...u8.subarray(iov.offsets[i], iov.offsets[i] + iov.lens[i]));
    }
    return this.files.get(fd)!.written(Uint8Array.from(parts));
  }
}

/** A simulated machine with interrupt lines and the test's /dev/net/tun. */
class tun_machine extends sim_machine {
  readonly chrdev = new fake_chrdev();

  override setup_arch(): void {
    super.setup_arch();
    tun_chrdev_register(this.chrdev);
  }

  override init_IRQ(): void {
    super.init_IRQ();
    early_irq_init();
    const { files } = this.chrdev;
    irq_set_chip({
      name: "test",
      irq_mask: (irq) => void (files.get(irq)!.masked = true),
      irq_unmask(irq) {
        const f = files.get(irq)!;
        f.masked = false;
      },
      irq_set_irqchip_state(irq, which, state) {
        assertEquals([which, state], [IRQCHIP_STATE_PENDING, true]);
        files.get(irq)!.pending++;
      },
    });
  }
}

interface bench {
  m: machine;
  sim: tun_machine;
  chrdev: fake_chrdev;
}

/** A NIC of the host h. */
function open_nic(b: bench, h: host, flags: number, mtu = 1500): { nic: nic; file: fake_file } {
  const file = tun_chr_open() as tun_file;
  const dev = tun_set_iff(h.net, file, {
    ifr_name: (flags & IFF_TAP) !== 0 ? "tap%d" : "tun%d",
    ifr_flags: flags | IFF_NO_PI,
    ifname: `eth${file.fd}`,
    mtu,
  });
  assert(typeof dev === "object", `tun_set_iff: ${dev}`);
  return { nic: new nic(h, dev), file: b.chrdev.files.get(file.fd)! };
}

/** Runs a test; then nothing may be left, and the descriptors are closed. */
async function with_tun(fn: (b: bench) => Promise<void> | void): Promise<void> {
  const sim = new tun_machine();
  const m = boot({ arch: sim });
  try {
    await fn({ m, sim, chrdev: sim.chrdev });
  } catch (e) {
    // The test's own failure is the one to show.
    await m.shutdown().catch(() => {});
    throw e;
  }
  await m.shutdown();
  assertEquals(sim.chrdev.files.size, 0);
  assertEquals([...for_each_irq_desc()].length, 0);
}

/** A test with one NIC that is up, 198.51.100.2/24. */
function with_nic(
  flags: number,
  fn: (t: bench & { dev: net_device; tun: tun_struct; file: fake_file; h: host }) => void,
): Promise<void> {
  return with_tun(async (b) => {
    const h = b.m.host();
    const { nic, file } = open_nic(b, h, flags);
    nic.ifconfig("198.51.100.2/24");
    fn({ ...b, dev: nic.dev, tun: netdev_priv<tun_struct>(nic.dev), file, h });
    await b.sim.settle();
  });
}

function csum(p: Uint8Array, sum = 0): number {
  for (let i = 0; i < p.length; i += 2) sum += (p[i] << 8) | (p[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Fails unless the checksums of an IPv4 packet with TCP are right. */
function assert_csum(ip: Uint8Array): void {
  assertEquals(csum(ip.subarray(0, 20)), 0);
  const addresses = ~csum(ip.subarray(12, 20)) & 0xffff;
  assertEquals(csum(ip.subarray(20), 6 + ip.length - 20 + addresses), 0);
}

/** An IPv4 packet to us, of `protocol`. */
function ipv4(protocol: number, payload: Uint8Array): Uint8Array {
  const p = new Uint8Array(20 + payload.length);
  const dv = new DataView(p.buffer);
  p.set([0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol]);
  dv.setUint16(2, p.length);
  dv.setInt32(12, THEIRS);
  dv.setInt32(16, OURS);
  dv.setUint16(10, csum(p.subarray(0, 20)));
  p.set(payload, 20);
  return p;
}

/** An echo request with so many bytes of data. */
function echo_request(bytes: number): Uint8Array {
  const p = new Uint8Array(8 + bytes).fill(0x55, 8);
  p.set([8, 0, 0, 0, 0, 7, 0, 1]);
  const sum = csum(p);
  p.set([sum >> 8, sum & 255], 2);
  return ipv4(1, p);
}

/** A virtio_net_hdr of `size` bytes before a packet. */
function vnet(
  packet: Uint8Array,
  h: { flags?: number; gso_type?: number; gso_size?: number; start?: number; off?: number } = {},
  size = 12,
): Uint8Array {
  const p = new Uint8Array(size + packet.length);
  p.set(packet, size);
  const hdr = new virtio_net_hdr(new DataView(p.buffer), 0);
  hdr.flags_gso_type = (h.flags ?? 0) | (h.gso_type ?? 0) << 8;
  hdr.gso_size = h.gso_size ?? 0;
  hdr.csum_start = h.start ?? 0;
  hdr.csum_offset = h.off ?? 0;
  return p;
}

/** The header in front of a written packet. */
function hdr_of(p: Uint8Array): virtio_net_hdr {
  return new virtio_net_hdr(new DataView(p.buffer, p.byteOffset), 0);
}

Deno.test("tun_set_iff() asks the host for interface, header and offloads, and has what it gives", async () => {
  await with_tun((b) => {
    const h = b.m.host();
    const tap = open_nic(b, h, IFF_TAP | IFF_VNET_HDR);
    assertEquals(tap.file.flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    assertEquals(tap.file.offload, ALL_OFFLOADS);
    assertEquals(tap.file.vnet_hdr_sz, 10);
    const features = NETIF_F_TSO | NETIF_F_HW_CSUM | NETIF_F_RXCSUM;
    assertEquals(tap.nic.dev.features & features, features);
    assertEquals(tap.nic.dev.dev_addr[0] & 3, 2);

    // The header leaves the IP header aligned on both.
    const tun = open_nic(b, h, IFF_TUN | IFF_VNET_HDR);
    assertEquals(tun.file.vnet_hdr_sz, 12);
    const plain = open_nic(b, h, IFF_TUN);
    assertEquals(plain.file.offload, 0);
    assertEquals(plain.nic.dev.features & features, 0);

    b.chrdev.offloads = TUN_F_CSUM;
    const old = open_nic(b, h, IFF_TAP | IFF_VNET_HDR);
    assertEquals(old.file.offload, TUN_F_CSUM);
    assertEquals(old.nic.dev.features & features, NETIF_F_HW_CSUM | NETIF_F_RXCSUM);
    b.chrdev.offloads = 0;
    const older = open_nic(b, h, IFF_TAP | IFF_VNET_HDR);
    assertEquals(older.nic.dev.features & features, 0);
  });
});

Deno.test("tun_set_iff() answers what the host says, and closes the file", async () => {
  await with_tun((b) => {
    b.chrdev.setiff_error = -EBUSY;
    const file = tun_chr_open() as tun_file;
    const ifr = { ifr_name: "tap0", ifr_flags: IFF_TAP | IFF_NO_PI };
    assertEquals(tun_set_iff(b.m.host().net, file, ifr), -EBUSY);
    assertEquals(file.fd, -1);
    assertEquals(b.chrdev.files.size, 0);
  });
});

for (const [name, flags] of [["with", IFF_TUN | IFF_VNET_HDR], ["without", IFF_TUN]] as const) {
  const wrap = (p: Uint8Array): Uint8Array => flags === IFF_TUN ? p : vnet(p);
  const unwrap = (p: Uint8Array): Uint8Array => flags === IFF_TUN ? p : p.subarray(12);

  Deno.test(`tun_napi_poll() reads and tun_net_xmit() writes, ${name} a header in front`, async () => {
    await with_nic(flags, ({ dev, file }) => {
      const request = echo_request(100);
      file.receive(wrap(request));
      assertEquals(file.out.length, 1);
      const reply = unwrap(file.out[0]);
      assertEquals(reply.length, request.length);
      assertEquals(reply[20], 0);
      assertEquals(csum(reply.subarray(20)), 0);
      assertEquals(csum(reply.subarray(0, 20)), 0);
      assertEquals(reply.subarray(28), request.subarray(28));
      const { stats } = dev;
      const { rx_packets, rx_bytes, tx_packets, tx_bytes } = stats;
      assertEquals([rx_packets, rx_bytes, tx_packets, tx_bytes], [1, 128, 1, 128]);
    });
  });

  Deno.test(`tun_get_user() survives a packet cut at every offset, ${name} a header in front`, async () => {
    await with_nic(flags, ({ dev, file }) => {
      const whole = wrap(echo_request(8));
      for (let n = 0; n < whole.length; n++) file.receive(whole.slice(0, n));
      assertEquals(file.out.length, 0);
      const { rx_length_errors } = dev.stats;
      assertEquals(rx_length_errors, flags === IFF_TUN ? 1 : 13);
    });
  });
}

Deno.test("tun_interrupt() masks the line until tun_napi_poll() has read everything", async () => {
  await with_nic(IFF_TUN, ({ file, tun }) => {
    let masked_in_poll = true;
    tun.xdp_prog = () => {
      masked_in_poll &&= file.masked;
      return false;
    };
    // More than a poll's budget of 64, which is taken up again.
    file.receive(...Array.from({ length: 200 }, () => echo_request(1)));
    assertEquals(file.out.length, 200);
    assert(masked_in_poll);
    assertEquals(file.masked, false);
    // The last read, and only that one, found nothing.
    assertEquals(file.reads, 201);
  });
});

Deno.test("tun_rx_moderate() spares the read that finds nothing where short packets come one by one", async () => {
  await with_nic(IFF_TUN, ({ file, tun }) => {
    /** Reads for each of n packets that come alone. */
    const lone = (n: number, bytes = 1): number[] =>
      Array.from({ length: n }, () => {
        const before = file.reads;
        file.receive(echo_request(bytes));
        return file.reads - before;
      });
    assertEquals(lone(14).join(""), "21211121111111");
    assertEquals(file.pending, 1 + 3 + 7);
    // It learns of others that it left from the line, and of those that it reads.
    assertEquals([tun.rx_lone, tun.rx_lone_max], [0, 7]);
    file.receive(echo_request(1), echo_request(1));
    assertEquals([tun.rx_lone, tun.rx_lone_max], [0, 0]);
    assertEquals(lone(2).join(""), "21");
    assertEquals(lone(3, 1000).join(""), "222");
    assertEquals(lone(40).filter((reads) => reads === 2).length, 2);
    assertEquals([tun.rx_lone_max, file.out.length], [15, 14 + 2 + 2 + 3 + 40]);
  });
});

Deno.test("tun_napi_poll() reads again after -EINTR, and counts other errors", async () => {
  await with_nic(IFF_TUN, ({ file, dev }) => {
    file.receive(-EINTR, echo_request(1), -EIO, echo_request(1));
    assertEquals(file.out.length, 2);
    assertEquals(dev.stats.rx_errors, 1);
  });
});

Deno.test("the interface is deleted on the host: the queue stops and the line is given back", async () => {
  await with_nic(IFF_TUN, ({ file, dev }) => {
    file.receive(-EBADFD);
    assertEquals(netif_queue_stopped(dev), true);
    assertEquals([...for_each_irq_desc()].length, 0);
    assertEquals(dev.stats.rx_errors, 1);
  });
});

Deno.test("tun_net_xmit() drops and counts what the host does not take", async () => {
  await with_nic(IFF_TUN, ({ file, dev }) => {
    for (const err of [-EINVAL, -EAGAIN, -EIO]) {
      file.write_error = err;
      file.receive(echo_request(1));
    }
    assertEquals(file.out.length, 0);
    assertEquals(dev.stats.tx_dropped, 3);
    assertEquals(dev.stats.tx_errors, 1);
    assertEquals(dev.stats.tx_fifo_errors, 2);
    file.receive(echo_request(1));
    assertEquals(file.out.length, 1);
  });
});

Deno.test("tun_get_user() believes a checksum only as far as the header says", async () => {
  await with_nic(IFF_TUN | IFF_VNET_HDR, ({ file, h }) => {
    const counter = (name: string) => snmp_counter(h.net, name);
    // UDP to a closed port with a wrong checksum: an ICMP error answers only what is believed.
    const udp = ipv4(17, Uint8Array.of(0, 9, 0, 9, 0, 12, 0xde, 0xad, 1, 2, 3, 4));
    file.receive(vnet(udp));
    assertEquals(counter("UdpInCsumErrors"), 1);
    assertEquals(file.out.length, 0);
    file.receive(vnet(udp, { flags: VIRTIO_NET_HDR_F_DATA_VALID }));
    assertEquals(counter("UdpNoPorts"), 1);
    file.receive(vnet(udp, { flags: VIRTIO_NET_HDR_F_NEEDS_CSUM, start: 20, off: 6 }));
    assertEquals(counter("UdpNoPorts"), 2);
    assertEquals(counter("UdpInCsumErrors"), 1);
  });
});

Deno.test("tun_get_user() drops a packet whose header contradicts it", async () => {
  await with_nic(IFF_TUN | IFF_VNET_HDR, ({ file, dev }) => {
    const tcp = new Uint8Array(3000);
    tcp[12] = 0x50;
    const p = ipv4(6, tcp);
    const needs = { flags: VIRTIO_NET_HDR_F_NEEDS_CSUM, start: 20, off: 16 };
    const gso = { ...needs, gso_type: VIRTIO_NET_HDR_GSO_TCPV4, gso_size: 1000 };
    const bad: Uint8Array[] = [
      vnet(p, { ...needs, start: p.length }),
      vnet(p, { ...needs, start: 65535, off: 65535 }),
      vnet(p, { ...gso, gso_size: 0 }),
      vnet(p, { ...gso, gso_size: 65535 }),
      vnet(p, { ...gso, off: 6 }),
      vnet(p, { ...gso, gso_type: VIRTIO_NET_HDR_GSO_UDP }),
      vnet(p, { ...gso, gso_type: 99 }),
      vnet(p, { gso_type: VIRTIO_NET_HDR_GSO_TCPV4 | 0x80, gso_size: 0 }),
      vnet(ipv4(17, tcp), { gso_type: VIRTIO_NET_HDR_GSO_TCPV4, gso_size: 1000 }),
      vnet(ipv4(6, new Uint8Array(3000)), gso),
    ];
    file.receive(...bad);
    assertEquals(dev.stats.rx_frame_errors, bad.length);
    assertEquals(dev.stats.rx_packets, 0);
    // Neither IPv4 nor IPv6.
    file.receive(vnet(new Uint8Array(40).fill(0xff)));
    assertEquals(dev.stats.rx_dropped, 1);
  });
});

Deno.test("tun_build_skb() copies small packets and gives the page away with large ones", async () => {
  await with_nic(IFF_TUN, ({ file, tun }) => {
    const { rx_page } = tun;
    file.receive(echo_request(10));
    assertEquals(tun.rx_page === rx_page, true);
    file.receive(echo_request(1000));
    assertEquals(tun.rx_page === rx_page, false);
    assertEquals(file.out.length, 2);
  });
});

Deno.test("a TAP answers ARP for its own address only, with its own MAC", async () => {
  await with_nic(IFF_TAP, ({ file, dev }) => {
    const who_has = (ip: number): Uint8Array => {
      const f = new Uint8Array(42);
      const dv = new DataView(f.buffer);
      f.fill(0xff, 0, 6);
      f.set([2, 0, 0, 0, 0, 1], 6);
      f.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1], 12);
      dv.setInt32(28, THEIRS);
      dv.setInt32(38, ip);
      return f;
    };
    file.receive(who_has(OURS + 1));
    assertEquals(file.out.length, 0);
    file.receive(who_has(OURS));
    assertEquals(file.out.length, 1);
    const [reply] = file.out;
    const mac = dev.dev_addr.subarray(0, 6);
    assertEquals([...reply.subarray(0, 6)], [2, 0, 0, 0, 0, 1]);
    assertEquals([...reply.subarray(6, 12)], [...mac]);
    assertEquals([...reply.subarray(12, 22)], [8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    assertEquals([...reply.subarray(22, 28)], [...mac]);
    // A frame to somebody else's address is not ours to answer.
    const other = Uint8Array.from([2, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1, 8, 0, ...echo_request(4)]);
    file.receive(other);
    assertEquals(file.out.length, 1);
  });
});

/** Sends bytes by TCP between two hosts whose NICs are joined; what was written on both sides. */
async function transfer(b: bench, flags: number, bytes: number): Promise<Uint8Array[]> {
  const ends = ["a", "b"].map((name) => open_nic(b, b.m.host(name), flags));
  const [a, c] = ends;
  a.file.peer = c.file;
  c.file.peer = a.file;
  a.nic.ifconfig("198.51.100.1/24");
  c.nic.ifconfig("198.51.100.2/24");
  const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) ^ (i >> 8));
  const got: number[] = [];
  await b.sim.run_until((async () => {
    using server = listen(b.m.host("b").task("server"), { port: 7 });
    const client = await connect(b.m.host("a").task("client"), {
      hostname: "198.51.100.2",
      port: 7,
    });
    await using conn = await server.accept();
    const read = (async () => {
      const p = new Uint8Array(65536);
      for (let n: number | null; (n = await conn.read(p)) !== null;) got.push(...p.subarray(0, n));
    })();
    await client.writeAll(data);
    await client[Symbol.asyncDispose]();
    await read;
  })());
  assertEquals(got.length, bytes);
  assert(got.every((v, i) => v === data[i]));
  return [...a.file.out, ...c.file.out];
}

for (const [name, type, size] of [["TUN", IFF_TUN, 12], ["TAP", IFF_TAP, 10]] as const) {
  const link = type === IFF_TAP ? 14 : 0;

  Deno.test(`${name} with offload: TCP leaves checksums and segmentation to the header`, async () => {
    await with_tun(async (b) => {
      const out = await transfer(b, type | IFF_VNET_HDR, 300_000);
      let gso = 0;
      for (const p of out) {
        if (link > 0 && p[size + 13] === 6) continue;
        const hdr = hdr_of(p);
        if (hdr.flags === 0) {
          // ip_send_unicast_reply() for a socket in TIME_WAIT sums itself.
          assert_csum(p.subarray(size + link));
          continue;
        }
        assertEquals(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        assertEquals([hdr.csum_start, hdr.csum_offset], [link + 20, 16]);
        const doff = (p[size + link + 32] >> 4) * 4;
        const payload = p.length - size - link - 20 - doff;
        if (hdr.gso_type === 0) {
          assert(payload <= 1448);
          continue;
        }
        gso++;
        assertEquals(hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
        assertEquals(hdr.gso_size, 1448);
        assertEquals(hdr.hdr_len, link + 20 + doff);
        assertGreater(payload, 1448);
      }
      assertGreater(gso, 0);
      assertLess(out.length, 300);
    });
  });

  Deno.test(`${name} without offload: TCP's packets are whole and no longer than the MTU`, async () => {
    await with_tun(async (b) => {
      const out = await transfer(b, type, 100_000);
      for (const p of out) {
        if (link > 0 && p[13] === 6) continue;
        const ip = p.subarray(link);
        assert(ip.length <= 1500);
        assert_csum(ip);
      }
      assertGreater(out.length, 70);
    });
  });
}

Deno.test("tun_chr_open() answers -ENODEV where no host has registered", async () => {
  await with_tun(() => {
    tun_chrdev_register(null as unknown as tun_chrdev_ops);
    assertEquals(tun_chr_open(), -ENODEV);
  });
});

// SPDX-License-Identifier: GPL-2.0-only
//
// The NIC's connection to the host: the calls on /dev/net/tun that drivers/tun makes through
// tun_chrdev_ops, and tuntap_open(), which makes a device with both its ends set up.

import {
  EACCES,
  EBUSY,
  EINVAL,
  ENOENT,
  EPERM,
  errname,
} from "../../include/uapi/asm-generic/errno.ts";
import { IFNAMSIZ } from "../../include/uapi/linux/if.ts";
import { IFF_NO_PI, IFF_TAP, IFF_TUN, IFF_VNET_HDR } from "../../include/uapi/linux/if_tun.ts";
import type { __be32 } from "../../include/uapi/linux/in.ts";
import type { page } from "../../include/linux/mm_types.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { unregister_netdev } from "../../net/core/dev.ts";
import { tun_chr_open, tun_set_iff } from "../../drivers/tun/tun.ts";
import type { tun_chrdev_ops, tun_iov } from "../../drivers/tun/tun.ts";
import { ifconfig } from "./ifconfig.ts";
import {
  IOVEC_SIZE,
  libc,
  O_NONBLOCK,
  O_RDWR,
  os_address_of,
  os_close_file,
  os_errno,
  os_error,
  os_ioctl_generic,
  os_ioctl_int,
  os_open_file,
} from "./libc.ts";

const TUN_PATH = "/dev/net/tun";
const TWO_POW_32 = 2 ** 32;
const IOV_WORDS = IOVEC_SIZE / 4;

/** Finds out where in memory a page is: pooled pages stay there. */
function dma_map_page(p: page): void {
  const addr = Number(os_address_of(p.u8));
  p.dma_hi = Math.floor(addr / TWO_POW_32);
  p.dma_lo = addr - p.dma_hi * TWO_POW_32;
  p.dma_mapped = true;
}

/** The address of a byte of a page, as a fast call takes it; kept for the next time. */
function dma_map_single(p: page, off: number): bigint {
  if (p.dma_off === off) return p.dma_addr;
  if (!p.dma_mapped) dma_map_page(p);
  p.dma_off = off;
  p.dma_addr = BigInt(p.dma_hi * TWO_POW_32 + p.dma_lo + off);
  return p.dma_addr;
}

const iovecs = new Uint32Array(IOV_WORDS * 64);

function fill_iovecs(iov: tun_iov): void {
  for (let i = 0, w = 0; i < iov.nr; i++, w += IOV_WORDS) {
    const p = iov.pages[i];
    if (!p.dma_mapped) dma_map_page(p);
    const lo = p.dma_lo + iov.offsets[i];
    iovecs[w] = lo;
    iovecs[w + 1] = lo < TWO_POW_32 ? p.dma_hi : p.dma_hi + 1;
    iovecs[w + 2] = iov.lens[i];
  }
}

/** /dev/net/tun of the host. */
export const os_tun_chrdev_ops: tun_chrdev_ops = {
  open: () => os_open_file(TUN_PATH, O_RDWR | O_NONBLOCK, 0),
  close: os_close_file,
  ioctl: os_ioctl_generic,
  ioctl_int: os_ioctl_int,

  read(fd: number, p: page, off: number, len: number): number {
    const n = libc().read_dma(fd, dma_map_single(p, off), len);
    return n < 0 ? os_errno() : n;
  },

  write(fd: number, p: page, off: number, len: number): number {
    const n = libc().write_dma(fd, dma_map_single(p, off), len);
    return n < 0 ? os_errno() : n;
  },

  writev(fd: number, iov: tun_iov): number {
    fill_iovecs(iov);
    const n = libc().writev(fd, iovecs, iov.nr);
    return n < 0 ? os_errno() : n;
  },
};

/** A NIC and the host's end of it. Addresses are int32. @local */
export interface tuntap_options {
  type: "tun" | "tap";
  /** The host's name for it, default `tun%d` or `tap%d` with the next free number. */
  dev?: string;
  /** Our name for it, default the host's. */
  ifname?: string;
  /** Checksums and segmentation are left to the NIC; default true. */
  offload?: boolean;
  /** 68..65535, default 1500. */
  mtu?: number;
  /** Our Ethernet address, 6 bytes; default random. */
  mac?: Uint8Array;
  host_mac?: Uint8Array;
  host_address?: __be32;
  host_prefix_len?: number;
}

/** One line that says what is wrong and what to do. */
function describe_open_error(err: number): string {
  switch (-err) {
    case ENOENT:
      return `no ${TUN_PATH}: load the module by 'modprobe tun', or use --nic=wire`;
    case EACCES:
    case EPERM:
      return `no permission to open ${TUN_PATH}: run as root, or use --nic=wire`;
    default:
      return `cannot open ${TUN_PATH}: ${errname(err)}`;
  }
}

function describe_set_iff_error(err: number, o: tuntap_options): string {
  const what = `the ${o.type.toUpperCase()} interface '${o.dev ?? o.type + "%d"}'`;
  switch (-err) {
    case EPERM:
      return `no permission to make ${what}: run as root, or under 'unshare -Urn'`;
    case EBUSY:
      return `${what} is in use by another program: choose another by --dev`;
    case EINVAL:
      return `cannot make ${what}: there is an interface of that name and another type`;
    default:
      return `cannot make ${what}: ${errname(err)}`;
  }
}

function check_options(o: tuntap_options): void {
  const { dev, mtu, host_prefix_len, mac } = o;
  if (
    dev !== undefined && (dev.length === 0 || dev.length >= IFNAMSIZ || /[\s/:]|^\.\.?$/.test(dev))
  ) {
    throw new os_error(EINVAL, `'${dev}' is no name for an interface: 1 to 15 letters and digits`);
  }
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65535)) {
    throw new os_error(EINVAL, `no MTU of ${mtu}: choose 68 to 65535`);
  }
  if (host_prefix_len !== undefined && !(host_prefix_len >= 0 && host_prefix_len <= 32)) {
    throw new os_error(EINVAL, `no prefix length of ${host_prefix_len}: choose 0 to 32`);
  }
  for (const addr of [mac, o.host_mac]) {
    if (addr !== undefined && (addr.length !== 6 || (addr[0] & 1) !== 0)) {
      throw new os_error(EINVAL, "an Ethernet address is 6 bytes and no group's");
    }
  }
}

/**
 * Makes a NIC on a new interface of the host, and sets the host's end up. Our end is registered and
 * still down; the interface is gone from the host when the device is unregistered.
 * @throws os_error of one line that says what to do
 */
export function tuntap_open(net: net, o: tuntap_options): net_device {
  check_options(o);
  libc();
  const file = tun_chr_open();
  if (typeof file === "number") throw new os_error(file, describe_open_error(file));
  const offload = o.offload ?? true;
  const dev = tun_set_iff(net, file, {
    ifr_name: o.dev ?? `${o.type}%d`,
    ifr_flags: (o.type === "tap" ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0),
    ifname: o.ifname,
    mtu: o.mtu,
    mac: o.mac,
  });
  if (typeof dev === "number") throw new os_error(dev, describe_set_iff_error(dev, o));
  const err = ifconfig(file.ifr_name, {
    address: o.host_address,
    prefix_len: o.host_prefix_len,
    mtu: o.mtu,
    hwaddr: o.host_mac,
    up: true,
  });
  if (err < 0) {
    unregister_netdev(dev);
    throw new os_error(
      err,
      `cannot set up the host's interface '${file.ifr_name}': ${errname(err)}`,
    );
  }
  return dev;
}

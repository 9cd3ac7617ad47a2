// SPDX-License-Identifier: GPL-2.0-only
//
// The host's end of a NIC: gives the host's interface its address and sets it up by the SIOCSIF*
// ioctls, as ifconfig does, so that neither `ip` nor `ifconfig` is needed. Called after TUNSETIFF has
// made the interface; the host removes it, addresses and all, when the descriptor is closed.

import { EINVAL, ENAMETOOLONG } from "../../include/uapi/asm-generic/errno.ts";
import {
  IFF_RUNNING,
  IFF_UP,
  IFNAMSIZ,
  IFR_IFRU,
  IFREQ_SIZE,
} from "../../include/uapi/linux/if.ts";
import { ARPHRD_ETHER } from "../../include/uapi/linux/if_arp.ts";
import type { __be32 } from "../../include/uapi/linux/in.ts";
import {
  SIOCETHTOOL,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFMTU,
  SIOCSIFADDR,
  SIOCSIFFLAGS,
  SIOCSIFHWADDR,
  SIOCSIFMTU,
  SIOCSIFNETMASK,
} from "../../include/uapi/linux/sockios.ts";
import {
  AF_INET,
  os_address_of,
  os_close_file,
  os_ioctl_generic,
  os_socket_dgram,
} from "./libc.ts";

const ETHTOOL_GDRVINFO = 3;
/** sizeof(struct ethtool_drvinfo); the driver's name is the 32 bytes behind the command. */
const DRVINFO_SIZE = 196;

/** What to set of a host's interface; what is absent stays as it is. @local */
export interface ifconfig_options {
  address?: __be32;
  /** 0..32 */
  prefix_len?: number;
  mtu?: number;
  /** 6 bytes; Ethernet only. */
  hwaddr?: Uint8Array;
  up?: boolean;
}

class ifreq {
  readonly u8 = new Uint8Array(IFREQ_SIZE);
  readonly dv = new DataView(this.u8.buffer);

  constructor(ifname: string) {
    this.u8.set(new TextEncoder().encode(ifname));
  }

  set_sockaddr_in(addr: __be32): void {
    this.u8.fill(0, IFR_IFRU);
    this.dv.setUint16(IFR_IFRU, AF_INET, true);
    this.dv.setInt32(IFR_IFRU + 4, addr);
  }
}

/** The netmask of a prefix length. */
function inet_make_mask(prefix_len: number): __be32 {
  return prefix_len === 0 ? 0 : -1 << (32 - prefix_len);
}

function set_address(fd: number, ifr: ifreq, o: ifconfig_options): number {
  if (o.address === undefined) return 0;
  ifr.set_sockaddr_in(o.address);
  const err = os_ioctl_generic(fd, SIOCSIFADDR, ifr.u8);
  if (err < 0 || o.prefix_len === undefined) return err;
  ifr.set_sockaddr_in(inet_make_mask(o.prefix_len));
  return os_ioctl_generic(fd, SIOCSIFNETMASK, ifr.u8);
}

function set_hwaddr(fd: number, ifr: ifreq, hwaddr: Uint8Array): number {
  ifr.u8.fill(0, IFR_IFRU);
  ifr.dv.setUint16(IFR_IFRU, ARPHRD_ETHER, true);
  ifr.u8.set(hwaddr.subarray(0, 6), IFR_IFRU + 2);
  return os_ioctl_generic(fd, SIOCSIFHWADDR, ifr.u8);
}

function set_flags(fd: number, ifr: ifreq, up: boolean): number {
  const err = os_ioctl_generic(fd, SIOCGIFFLAGS, ifr.u8);
  if (err < 0) return err;
  const flags = ifr.dv.getUint16(IFR_IFRU, true);
  const wanted = up ? flags | IFF_UP | IFF_RUNNING : flags & ~IFF_UP;
  ifr.dv.setUint16(IFR_IFRU, wanted, true);
  return os_ioctl_generic(fd, SIOCSIFFLAGS, ifr.u8);
}

/** Runs fn with a socket and a request for the interface; its result or -errno. */
function with_ifreq(ifname: string, fn: (fd: number, ifr: ifreq) => number): number {
  if (ifname.length === 0) return -EINVAL;
  if (ifname.length >= IFNAMSIZ) return -ENAMETOOLONG;
  const fd = os_socket_dgram();
  if (fd < 0) return fd;
  try {
    return fn(fd, new ifreq(ifname));
  } finally {
    os_close_file(fd);
  }
}

/** Configures a host's interface: hardware address, MTU, address, netmask, flags. 0 or -errno. @local */
export function ifconfig(ifname: string, o: ifconfig_options): number {
  return with_ifreq(ifname, (fd, ifr) => {
    let err = 0;
    if (o.hwaddr !== undefined) err = set_hwaddr(fd, ifr, o.hwaddr);
    if (err >= 0 && o.mtu !== undefined) {
      ifr.u8.fill(0, IFR_IFRU);
      ifr.dv.setInt32(IFR_IFRU, o.mtu, true);
      err = os_ioctl_generic(fd, SIOCSIFMTU, ifr.u8);
    }
    if (err >= 0) err = set_address(fd, ifr, o);
    if (err >= 0 && o.up !== undefined) err = set_flags(fd, ifr, o.up);
    return err < 0 ? err : 0;
  });
}

/** The interface's MTU, or -errno. @local */
export function ifconfig_get_mtu(ifname: string): number {
  return with_ifreq(ifname, (fd, ifr) => {
    const err = os_ioctl_generic(fd, SIOCGIFMTU, ifr.u8);
    return err < 0 ? err : ifr.dv.getInt32(IFR_IFRU, true);
  });
}

/** The interface's flags IFF_*, or -errno. @local */
export function ifconfig_get_flags(ifname: string): number {
  return with_ifreq(ifname, (fd, ifr) => {
    const err = os_ioctl_generic(fd, SIOCGIFFLAGS, ifr.u8);
    return err < 0 ? err : ifr.dv.getUint16(IFR_IFRU, true);
  });
}

/** The interface's hardware address, 6 bytes, or -errno. @local */
export function ifconfig_get_hwaddr(ifname: string): Uint8Array | number {
  const addr = new Uint8Array(6);
  const err = with_ifreq(ifname, (fd, ifr) => {
    const ret = os_ioctl_generic(fd, SIOCGIFHWADDR, ifr.u8);
    addr.set(ifr.u8.subarray(IFR_IFRU + 2, IFR_IFRU + 8));
    return ret;
  });
  return err < 0 ? err : addr;
}

/** The name of the interface's driver, `tun` for TUN and TAP; or -errno. @local */
export function ethtool_get_driver(ifname: string): string | number {
  const info = new Uint8Array(DRVINFO_SIZE);
  info[0] = ETHTOOL_GDRVINFO;
  const err = with_ifreq(ifname, (fd, ifr) => {
    ifr.dv.setBigUint64(IFR_IFRU, os_address_of(info), true);
    return os_ioctl_generic(fd, SIOCETHTOOL, ifr.u8);
  });
  if (err < 0) return err;
  return new TextDecoder().decode(info.subarray(4, 4 + 32)).split("\0")[0];
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The ioctls of network devices, by name: what of sock_ioctl() no address family takes. A struct ifreq is
// its bytes here, as on x86-64: 16 of the name, then the union.

import { IFNAMSIZ } from "../../include/linux/netdevice.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  EFAULT,
  EINVAL,
  ENODEV,
  ENOTTY,
  EOPNOTSUPP,
} from "../../include/uapi/asm-generic/errno.ts";
import { IFR_IFRU, IFREQ_SIZE } from "../../include/uapi/linux/if.ts";
import {
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMETRIC,
  SIOCGIFMTU,
  SIOCGIFNAME,
  SIOCSIFFLAGS,
  SIOCSIFHWADDR,
  SIOCSIFMETRIC,
  SIOCSIFMTU,
} from "../../include/uapi/linux/sockios.ts";
import {
  __dev_get_by_name,
  dev_change_flags,
  dev_get_by_index,
  dev_get_flags,
  dev_set_mac_address,
  dev_set_mtu,
} from "./dev.ts";

/** Where SIOCGIFCONF stores the first struct ifreq, behind its struct ifconf. @local */
export const IFCONF_SIZE = 16;

/** The name of a struct ifreq at `off`. @local */
export function ifreq_get_name(dv: DataView, off = 0): string {
  let name = "";
  for (let i = 0; i < IFNAMSIZ; i++) {
    const c = dv.getUint8(off + i);
    if (c === 0) break;
    name += String.fromCharCode(c);
  }
  return name;
}

/** Stores the name of a struct ifreq at `off`. @local */
export function ifreq_put_name(dv: DataView, name: string, off = 0): void {
  for (let i = 0; i < IFNAMSIZ; i++) {
    dv.setUint8(off + i, i < name.length && i < IFNAMSIZ - 1 ? name.charCodeAt(i) : 0);
  }
}

function dev_ifname(net: net, dv: DataView): number {
  const dev = dev_get_by_index(net, dv.getInt32(IFR_IFRU, true));
  if (dev === null) return -ENODEV;
  ifreq_put_name(dv, dev.name);
  return 0;
}

/**
 * All addresses of a host's interfaces, as many as fit.
 * @differs ifc_req is not a pointer: the ifreqs follow at byte IFCONF_SIZE; ifc_len (the first int) becomes their bytes
 */
export function dev_ifconf(net: net, arg: Int32Array): number {
  const dv = new DataView(arg.buffer, arg.byteOffset, arg.byteLength);
  if (dv.byteLength < IFCONF_SIZE) return -EFAULT;
  let off = IFCONF_SIZE;
  for (const dev of net.dev_base_head) {
    for (let ifa = dev.ip_ptr?.ifa_list ?? null; ifa !== null; ifa = ifa.ifa_next) {
      if (off + IFREQ_SIZE > dv.byteLength) break;
      ifreq_put_name(dv, ifa.ifa_label || dev.name, off);
      dv.setUint16(off + IFR_IFRU, AF_INET, true);
      dv.setUint16(off + IFR_IFRU + 2, 0);
      dv.setInt32(off + IFR_IFRU + 4, ifa.ifa_local);
      off += IFREQ_SIZE;
    }
  }
  dv.setInt32(0, off - IFCONF_SIZE, true);
  return 0;
}

function dev_getifhwaddr(dev: net_device, dv: DataView): number {
  dv.setUint16(IFR_IFRU, dev.type, true);
  for (let i = 0; i < 14; i++) {
    dv.setUint8(IFR_IFRU + 2 + i, i < dev.addr_len ? dev.dev_addr[i] : 0);
  }
  return 0;
}

function dev_setifhwaddr(dev: net_device, dv: DataView): number {
  if (dv.getUint16(IFR_IFRU, true) !== dev.type) return -EINVAL;
  const addr = new Uint8Array(dev.addr_len);
  for (let i = 0; i < dev.addr_len; i++) addr[i] = dv.getUint8(IFR_IFRU + 2 + i);
  return dev_set_mac_address(dev, addr);
}

function dev_ifsioc(net: net, dv: DataView, cmd: number): number {
  const dev = __dev_get_by_name(net, ifreq_get_name(dv));
  if (dev === null) return -ENODEV;
  switch (cmd) {
    case SIOCGIFFLAGS:
      dv.setUint16(IFR_IFRU, dev_get_flags(dev) & 0xffff, true);
      return 0;
    case SIOCSIFFLAGS:
      return dev_change_flags(dev, dv.getUint16(IFR_IFRU, true));
    case SIOCGIFMETRIC:
      dv.setInt32(IFR_IFRU, 0, true);
      return 0;
    case SIOCSIFMETRIC:
      return -EOPNOTSUPP;
    case SIOCGIFMTU:
      dv.setInt32(IFR_IFRU, dev.mtu, true);
      return 0;
    case SIOCSIFMTU:
      return dev_set_mtu(dev, dv.getInt32(IFR_IFRU, true));
    case SIOCGIFHWADDR:
      return dev_getifhwaddr(dev, dv);
    case SIOCSIFHWADDR:
      return dev_setifhwaddr(dev, dv);
    case SIOCGIFINDEX:
      dv.setInt32(IFR_IFRU, dev.ifindex, true);
      return 0;
    default:
      return -ENOTTY;
  }
}

/** An ioctl of a device: 0 or a negative errno, -ENOTTY for a command that there is not. */
export function dev_ioctl(net: net, cmd: number, arg: Int32Array): number {
  const dv = new DataView(arg.buffer, arg.byteOffset, arg.byteLength);
  switch (cmd) {
    case SIOCGIFNAME:
      return dv.byteLength < IFREQ_SIZE ? -EFAULT : dev_ifname(net, dv);
    case SIOCGIFFLAGS:
    case SIOCSIFFLAGS:
    case SIOCGIFMETRIC:
    case SIOCSIFMETRIC:
    case SIOCGIFMTU:
    case SIOCSIFMTU:
    case SIOCGIFHWADDR:
    case SIOCSIFHWADDR:
    case SIOCGIFINDEX:
      return dv.byteLength < IFREQ_SIZE ? -EFAULT : dev_ifsioc(net, dv, cmd);
    default:
      return -ENOTTY;
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The NIC: a net_device on a TUN or TAP of the host, whose descriptor is the wire. The names are
// those of the kernel's driver, seen from its other side: tun_net_xmit() writes to the descriptor;
// that it is readable is the interrupt, tun_interrupt() schedules NAPI and masks the line, and
// tun_napi_poll() reads packets into skbs until there are none. With IFF_VNET_HDR a virtio_net_hdr
// stands before each packet: checksums and TSO are left to the other side, both ways.
//
// The host's calls come through tun_chrdev_ops, which arch registers, or a test.

import {
  EAGAIN,
  EBADF,
  EBADFD,
  EINTR,
  EINVAL,
  ENODEV,
} from "../../include/uapi/asm-generic/errno.ts";
import { ARPHRD_NONE } from "../../include/uapi/linux/if_arp.ts";
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6 } from "../../include/uapi/linux/if_ether.ts";
import { IFNAMSIZ, IFREQ_SIZE } from "../../include/uapi/linux/if.ts";
import {
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
import {
  virtio_net_hdr,
  VIRTIO_NET_HDR_SIZE,
  VIRTIO_NET_HDR_V1_SIZE,
} from "../../include/uapi/linux/virtio_net.ts";
import { IRQCHIP_STATE_PENDING } from "../../include/linux/irq.ts";
import { IRQ_HANDLED } from "../../include/linux/irqreturn.ts";
import type { irqreturn_t } from "../../include/linux/irqreturn.ts";
import type { page } from "../../include/linux/mm_types.ts";
import {
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_POINTOPOINT,
  napi_struct,
  net_device,
  netdev_priv,
  NETDEV_TX_OK,
  NETIF_F_GRO,
  NETIF_F_GSO,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
} from "../../include/linux/netdevice.ts";
import type { net_device_ops } from "../../include/linux/netdevice.ts";
import {
  MAX_SKB_FRAGS,
  NET_SKB_PAD,
  skb_headlen,
  skb_reserve,
  skb_reset_mac_header,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { virtio_net_hdr_from_skb, virtio_net_hdr_to_skb } from "../../include/linux/virtio_net.ts";
import type { net } from "../../include/net/net_namespace.ts";
import {
  SKB_DROP_REASON_DEV_HDR,
  SKB_DROP_REASON_DEV_READY,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_INVALID_PROTO,
  SKB_DROP_REASON_NOMEM,
} from "../../include/net/dropreason.ts";
import {
  disable_irq_nosync,
  enable_irq,
  free_irq,
  irq_set_irqchip_state,
  request_irq,
} from "../../kernel/irq/manage.ts";
import { alloc_pages, put_page } from "../../mm/page_alloc.ts";
import { eth_mac_addr, eth_type_trans, ether_setup } from "../../net/ethernet/eth.ts";
import {
  napi_complete_done,
  napi_disable,
  napi_enable,
  napi_schedule,
  netif_napi_add,
  netif_receive_skb,
  netif_start_queue,
  netif_stop_queue,
  register_netdev,
} from "../../net/core/dev.ts";
import { napi_gro_receive } from "../../net/core/gro.ts";
import {
  __skb_put,
  build_skb,
  consume_skb,
  kfree_skb_reason,
  napi_alloc_skb,
  skb_cow_head,
  skb_linearize,
} from "../../net/core/skbuff.ts";
import { get_random_bytes } from "../../include/linux/random.ts";

/** A packet in pieces, as writev() takes it: reused, the first `nr` are valid. @local */
export class tun_iov {
  nr = 0;
  readonly pages: page[] = [];
  readonly offsets = new Int32Array(MAX_SKB_FRAGS + 1);
  readonly lens = new Int32Array(MAX_SKB_FRAGS + 1);

  add(p: page, off: number, len: number): void {
    this.pages[this.nr] = p;
    this.offsets[this.nr] = off;
    this.lens[this.nr++] = len;
  }
}

/** The host's side of /dev/net/tun. All return -errno for an error. @local */
export interface tun_chrdev_ops {
  /** A descriptor that is not attached to an interface yet, nonblocking. */
  open(): number;
  close(fd: number): number;
  ioctl(fd: number, cmd: number, arg: Uint8Array<ArrayBuffer>): number;
  ioctl_int(fd: number, cmd: number, arg: number): number;
  /** Reads one packet of at most len bytes into a page. */
  read(fd: number, p: page, off: number, len: number): number;
  /** Writes one packet. */
  write(fd: number, p: page, off: number, len: number): number;
  writev(fd: number, iov: tun_iov): number;
}

let chrdev_ops: tun_chrdev_ops | null = null;

/** Gives the driver its host. @local */
export function tun_chrdev_register(ops: tun_chrdev_ops): void {
  chrdev_ops = ops;
}

/** An open /dev/net/tun. */
export class tun_file {
  readonly ops: tun_chrdev_ops;
  /** -1 once closed. */
  fd: number;
  /** The host's interface, once attached. */
  ifr_name = "";

  constructor(ops: tun_chrdev_ops, fd: number) {
    this.ops = ops;
    this.fd = fd;
  }
}

/** What tun_set_iff() is asked for. @local */
export interface tun_ifreq {
  /** The host's name for the interface; `%d` stands for the next free number. */
  ifr_name: string;
  /** IFF_TUN or IFF_TAP, with IFF_NO_PI and perhaps IFF_VNET_HDR. */
  ifr_flags: number;
  /** Our name for the device, default the host's. */
  ifname?: string;
  mtu?: number;
  /** Ours; default random. */
  mac?: Uint8Array;
}

/** Sees a received packet before the stack, as an XDP program would; true: keeps it. @local */
export type tun_prog = (skb: sk_buff, dev: net_device) => boolean;

/** The driver's state of a device. */
export class tun_struct {
  readonly dev: net_device;
  readonly file: tun_file;
  /** IFF_TUN or IFF_TAP, IFF_VNET_HDR */
  readonly flags: number;
  readonly napi: napi_struct;
  /** Bytes before each packet. */
  readonly vnet_hdr_sz: number;
  readonly hdr: virtio_net_hdr;
  readonly iov = new tun_iov();
  /** Where a page is read into so that the IP header is aligned, and with headroom. */
  readonly rx_off: number;
  readonly rx_len: number;
  /** Shorter packets are copied to a buffer of their size, longer ones keep the page. */
  readonly rx_copybreak: number;
  rx_page: page;
  /** How many polls may end at a lone short packet without looking for another, and at most in a row. */
  rx_lone = 0;
  rx_lone_max = 0;
  /** There may be more to read. */
  rx_pending = false;
  xdp_prog: tun_prog | null = null;

  constructor(dev: net_device, file: tun_file, flags: number) {
    const is_tap = (flags & IFF_TAP) !== 0;
    const vnet = (flags & IFF_VNET_HDR) !== 0;
    this.dev = dev;
    this.file = file;
    this.flags = flags;
    this.napi = new napi_struct(dev, tun_napi_poll);
    this.vnet_hdr_sz = vnet ? (is_tap ? VIRTIO_NET_HDR_SIZE : VIRTIO_NET_HDR_V1_SIZE) : 0;
    this.rx_off = is_tap && !vnet ? NET_SKB_PAD + 2 : NET_SKB_PAD;
    this.rx_len = vnet ? this.vnet_hdr_sz + ETH_HLEN + 65535 : Math.max(dev.mtu, 1500) + ETH_HLEN;
    this.rx_copybreak = vnet ? VNET_COPYBREAK : PLAIN_COPYBREAK;
    this.rx_page = alloc_pages(this.rx_off + this.rx_len);
    this.hdr = new virtio_net_hdr(this.rx_page.dv, 0);
  }
}

const PLAIN_COPYBREAK = 256;
const RX_LONE_LIMIT = 15;
/** Below, the memory that a 64 KiB page would waste weighs more than the copy. */
const VNET_COPYBREAK = 8192;

/** Counts a packet that could not be sent, and frees it. */
function tun_tx_drop(dev: net_device, skb: sk_buff, err: number, reason: number): number {
  const { stats } = dev;
  stats.tx_dropped++;
  if (err === -EINVAL) stats.tx_errors++;
  else if (err !== 0) stats.tx_fifo_errors++;
  kfree_skb_reason(skb, reason);
  return NETDEV_TX_OK;
}

/** Writes the header before skb's data, where the stack left needed_headroom; 0 or -errno. */
function tun_put_vnet_hdr(tun: tun_struct, skb: sk_buff): number {
  const err = skb_cow_head(skb, tun.vnet_hdr_sz);
  if (err !== 0) return err;
  const hdr = tun.hdr;
  hdr.dv = skb.head.dv;
  hdr.off = skb.data - tun.vnet_hdr_sz;
  if (tun.vnet_hdr_sz === VIRTIO_NET_HDR_V1_SIZE) {
    hdr.dv.setUint16(hdr.off + VIRTIO_NET_HDR_SIZE, 0);
  }
  return virtio_net_hdr_from_skb(skb, hdr);
}

/** writev() of head and frags. */
function tun_write_frags(tun: tun_struct, skb: sk_buff): number {
  const { iov, vnet_hdr_sz } = tun;
  const { frags, nr_frags } = skb.shinfo;
  iov.nr = 0;
  iov.add(skb.head, skb.data - vnet_hdr_sz, skb_headlen(skb) + vnet_hdr_sz);
  for (let i = 0; i < nr_frags; i++) {
    iov.add(frags[i].bv_page, frags[i].bv_offset, frags[i].bv_len);
  }
  return tun.file.ops.writev(tun.file.fd, iov);
}

/**
 * Sends skb with one system call. The host queues behind the descriptor without a bound, so that an
 * error is one of this packet: it is dropped, never to be tried again.
 */
function tun_net_xmit(skb: sk_buff, dev: net_device): number {
  const tun = netdev_priv<tun_struct>(dev);
  const { file, vnet_hdr_sz } = tun;
  const { shinfo } = skb;
  if (file.fd < 0) return tun_tx_drop(dev, skb, -EBADF, SKB_DROP_REASON_DEV_READY);
  if (shinfo.frag_list !== null && skb_linearize(skb) !== 0) {
    return tun_tx_drop(dev, skb, 0, SKB_DROP_REASON_NOMEM);
  }
  if (vnet_hdr_sz !== 0) {
    const err = tun_put_vnet_hdr(tun, skb);
    if (err !== 0) return tun_tx_drop(dev, skb, err, SKB_DROP_REASON_DEV_HDR);
  }
  const n = shinfo.nr_frags === 0
    ? file.ops.write(file.fd, skb.head, skb.data - vnet_hdr_sz, skb.len + vnet_hdr_sz)
    : tun_write_frags(tun, skb);
  if (n < 0) return tun_tx_drop(dev, skb, n, SKB_DROP_REASON_FULL_RING);
  dev.stats.tx_packets++;
  dev.stats.tx_bytes += skb.len;
  consume_skb(skb);
  return NETDEV_TX_OK;
}

/** An skb with the packet of n bytes that was read; its data starts behind the vnet header. */
function tun_build_skb(tun: tun_struct, n: number): sk_buff | null {
  const p = tun.rx_page;
  const off = tun.rx_off + tun.vnet_hdr_sz;
  const len = n - tun.vnet_hdr_sz;
  if (n < tun.rx_copybreak) {
    const skb = napi_alloc_skb(tun.napi, len);
    if (skb === null) return null;
    skb.head.u8.set(p.u8.subarray(off, off + len), __skb_put(skb, len));
    return skb;
  }
  const skb = build_skb(p);
  skb_reserve(skb, off);
  __skb_put(skb, len);
  tun.rx_page = alloc_pages(tun.rx_off + tun.rx_len);
  return skb;
}

/** The type of a packet without a link header, by its version; 0 for neither IPv4 nor IPv6. */
function tun_protocol(skb: sk_buff): number {
  switch (skb.head.u8[skb.data] >> 4) {
    case 4:
      return ETH_P_IP;
    case 6:
      return ETH_P_IPV6;
    default:
      return 0;
  }
}

/** The packet of n bytes in rx_page as an skb ready for the stack, or null and it is counted. */
function tun_get_user(tun: tun_struct, n: number): sk_buff | null {
  const { dev, vnet_hdr_sz, hdr } = tun;
  const { stats } = dev;
  const is_tun = (tun.flags & IFF_TUN) !== 0;
  if (n < vnet_hdr_sz + (is_tun ? 1 : ETH_HLEN)) {
    stats.rx_errors++;
    stats.rx_length_errors++;
    return null;
  }
  const page = tun.rx_page;
  const skb = tun_build_skb(tun, n);
  if (skb === null) {
    stats.rx_dropped++;
    return null;
  }
  skb.dev = dev;
  if (is_tun) skb.protocol = tun_protocol(skb);
  if (vnet_hdr_sz !== 0) {
    hdr.dv = page.dv;
    hdr.off = tun.rx_off;
    // A packet that nothing was left out of has zeroes in front.
    if (
      hdr.flags_gso_type !== 0 && virtio_net_hdr_to_skb(skb, hdr, is_tun ? 0 : ETH_HLEN) !== 0
    ) {
      stats.rx_errors++;
      stats.rx_frame_errors++;
      kfree_skb_reason(skb, SKB_DROP_REASON_DEV_HDR);
      return null;
    }
  }
  if (is_tun) {
    if (skb.protocol === 0) {
      stats.rx_dropped++;
      kfree_skb_reason(skb, SKB_DROP_REASON_INVALID_PROTO);
      return null;
    }
    skb_reset_mac_header(skb);
  } else {
    skb.protocol = eth_type_trans(skb, dev);
  }
  stats.rx_packets++;
  stats.rx_bytes += n - vnet_hdr_sz;
  return skb;
}

/** The descriptor lost its interface: someone deleted it on the host. */
function tun_gone(tun: tun_struct): void {
  netif_stop_queue(tun.dev);
  free_irq(tun.file.fd, tun.dev);
}

/**
 * A poll that read to the end found so many packets. Where packets come one by one, as questions do, the read that
 * finds nothing costs as much as the one before: polls that follow do without, for a while.
 */
function tun_rx_moderate(tun: tun_struct, received: number): void {
  if (received === 1) tun.rx_lone_max = Math.min(2 * tun.rx_lone_max + 1, RX_LONE_LIMIT);
  else if (received > 1) tun.rx_lone_max = 0;
  tun.rx_lone = tun.rx_lone_max;
}

/** Reads up to `budget` packets into the stack; how many came. */
function tun_napi_receive(napi: napi_struct, budget: number): number {
  const tun = netdev_priv<tun_struct>(napi.dev);
  const { file, rx_off, rx_len } = tun;
  let received = 0;
  let n = 0;
  while (received < budget && file.fd >= 0) {
    if (received === 1 && n < PLAIN_COPYBREAK && tun.rx_lone > 0) {
      tun.rx_lone--;
      tun.rx_pending = true;
      return received;
    }
    n = file.ops.read(file.fd, tun.rx_page, rx_off, rx_len);
    if (n < 0) {
      if (n === -EINTR) continue;
      if (n !== -EAGAIN) {
        napi.dev.stats.rx_errors++;
        if (n === -EBADFD || n === -ENODEV) tun_gone(tun);
      }
      tun_rx_moderate(tun, received);
      break;
    }
    received++;
    const skb = tun_get_user(tun, n);
    if (skb === null) continue;
    if (tun.xdp_prog !== null && tun.xdp_prog(skb, napi.dev)) continue;
    if ((napi.dev.features & NETIF_F_GRO) !== 0) napi_gro_receive(napi, skb);
    else netif_receive_skb(skb);
  }
  return received;
}

function tun_napi_poll(napi: napi_struct, budget: number): number {
  const received = tun_napi_receive(napi, budget);
  if (received < budget && napi_complete_done(napi, received)) {
    const tun = netdev_priv<tun_struct>(napi.dev);
    const { fd } = tun.file;
    enable_irq(fd);
    if (tun.rx_pending) irq_set_irqchip_state(fd, IRQCHIP_STATE_PENDING, true);
    tun.rx_pending = false;
  }
  return received;
}

/** There is something to read: NAPI reads it, with the line masked till it is done. */
function tun_interrupt(irq: number, dev_id: unknown): irqreturn_t {
  const tun = netdev_priv<tun_struct>(dev_id as net_device);
  disable_irq_nosync(irq);
  napi_schedule(tun.napi);
  return IRQ_HANDLED;
}

function tun_net_open(dev: net_device): number {
  const tun = netdev_priv<tun_struct>(dev);
  if (tun.file.fd < 0) return -ENODEV;
  const err = request_irq(tun.file.fd, tun_interrupt, 0, dev.name, dev);
  if (err !== 0) return err;
  napi_enable(tun.napi);
  netif_start_queue(dev);
  return 0;
}

function tun_net_close(dev: net_device): number {
  const tun = netdev_priv<tun_struct>(dev);
  netif_stop_queue(dev);
  napi_disable(tun.napi);
  free_irq(tun.file.fd, dev);
  return 0;
}

/** Closes the descriptor, with which the host's interface goes. */
function tun_net_uninit(dev: net_device): void {
  const tun = netdev_priv<tun_struct>(dev);
  put_page(tun.rx_page);
  tun_chr_close(tun.file);
}

const tun_netdev_ops: net_device_ops = {
  ndo_uninit: tun_net_uninit,
  ndo_open: tun_net_open,
  ndo_stop: tun_net_close,
  ndo_start_xmit: tun_net_xmit,
};

const tap_netdev_ops: net_device_ops = {
  ndo_uninit: tun_net_uninit,
  ndo_open: tun_net_open,
  ndo_stop: tun_net_close,
  ndo_start_xmit: tun_net_xmit,
  ndo_set_mac_address: eth_mac_addr,
};

/** Link type, addresses and features of a new device. */
function tun_net_initialize(dev: net_device, ifr: tun_ifreq, flags: number): void {
  if ((flags & IFF_TAP) !== 0) {
    ether_setup(dev);
    dev.netdev_ops = tap_netdev_ops;
    if (ifr.mac !== undefined) {
      dev.dev_addr.set(ifr.mac);
    } else {
      const addr = dev.dev_addr.subarray(0, 6);
      get_random_bytes(addr);
      addr[0] = (addr[0] & 0xfe) | 0x02;
    }
  } else {
    dev.netdev_ops = tun_netdev_ops;
    dev.type = ARPHRD_NONE;
    dev.hard_header_len = 0;
    dev.addr_len = 0;
    dev.flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
  }
  dev.mtu = ifr.mtu ?? 1500;
  dev.tx_queue_len = 500;
  dev.features = NETIF_F_GSO | NETIF_F_GRO;
}

/** Takes from the host what both can; the features that the device has by it. */
function tun_set_offload(file: tun_file, vnet_hdr_sz: number): number {
  const arg = new Uint8Array(4);
  arg[0] = vnet_hdr_sz;
  const err = file.ops.ioctl(file.fd, TUNSETVNETHDRSZ, arg);
  if (err < 0) return err;
  const csum = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM;
  if (file.ops.ioctl_int(file.fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN) >= 0) {
    return csum | NETIF_F_TSO | NETIF_F_TSO_ECN;
  }
  return file.ops.ioctl_int(file.fd, TUNSETOFFLOAD, TUN_F_CSUM) >= 0 ? csum : 0;
}

/** Attaches the descriptor to an interface of the host, which is made if need be. 0 or -errno. */
function tun_attach(file: tun_file, ifr: tun_ifreq): number {
  const ifreq = new Uint8Array(IFREQ_SIZE);
  ifreq.set(new TextEncoder().encode(ifr.ifr_name).subarray(0, IFNAMSIZ - 1));
  ifreq[IFNAMSIZ] = ifr.ifr_flags & 0xff;
  ifreq[IFNAMSIZ + 1] = ifr.ifr_flags >> 8;
  const err = file.ops.ioctl(file.fd, TUNSETIFF, ifreq);
  if (err < 0) return err;
  const name = ifreq.subarray(0, ifreq.indexOf(0));
  file.ifr_name = new TextDecoder().decode(name);
  return 0;
}

/** Opens /dev/net/tun. A tun_file, or -errno. */
export function tun_chr_open(): tun_file | number {
  if (chrdev_ops === null) return -ENODEV;
  const fd = chrdev_ops.open();
  return fd < 0 ? fd : new tun_file(chrdev_ops, fd);
}

export function tun_chr_close(file: tun_file): void {
  if (file.fd >= 0) file.ops.close(file.fd);
  file.fd = -1;
}

/**
 * Makes a device on an interface of the host and registers it in `net`. The device, or -errno and
 * the file is closed.
 */
export function tun_set_iff(net: net, file: tun_file, ifr: tun_ifreq): net_device | number {
  let err = tun_attach(file, ifr);
  if (err < 0) {
    tun_chr_close(file);
    return err;
  }
  const dev = new net_device(ifr.ifname ?? file.ifr_name);
  dev.nd_net = net;
  tun_net_initialize(dev, ifr, ifr.ifr_flags);
  const tun = new tun_struct(dev, file, ifr.ifr_flags);
  dev.priv = tun;
  if (tun.vnet_hdr_sz !== 0) {
    err = tun_set_offload(file, tun.vnet_hdr_sz);
    if (err >= 0) dev.features |= err;
    dev.needed_headroom = tun.vnet_hdr_sz;
  }
  netif_napi_add(dev, tun.napi, tun_napi_poll);
  if (err >= 0) err = register_netdev(dev);
  if (err < 0) {
    put_page(tun.rx_page);
    tun_chr_close(file);
    return err;
  }
  return dev;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Between a virtio_net_hdr and a packet: virtio_net_hdr_to_skb() when one was received in front of a
// packet, virtio_net_hdr_from_skb() when one is to be sent. The other side's header is not trusted.

import { EINVAL } from "../uapi/asm-generic/errno.ts";
import { ETH_P_IP } from "../uapi/linux/if_ether.ts";
import { IPPROTO_TCP } from "../uapi/linux/in.ts";
import {
  VIRTIO_NET_HDR_F_DATA_VALID,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_ECN,
  VIRTIO_NET_HDR_GSO_NONE,
  VIRTIO_NET_HDR_GSO_TCPV4,
} from "../uapi/linux/virtio_net.ts";
import type { virtio_net_hdr } from "../uapi/linux/virtio_net.ts";
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  skb_checksum_start_offset,
  SKB_GSO_DODGY,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  skb_headlen,
  skb_is_gso,
  skb_reset_mac_header,
} from "./skbuff.ts";
import type { sk_buff } from "./skbuff.ts";

/** Smallest segment that is taken for real, bytes. */
const TCP_MIN_GSO_SIZE = 8;
/** A gso_size with a meaning of its own inside the kernel. */
const GSO_BY_FRAGS = 0xffff;
const TCPHDR_LEN = 20;
const IPHDR_LEN = 20;
/** Of the checksum in a TCP header, and of the header's length. */
const TCP_CHECK_OFFSET = 16;
const TCP_DOFF_OFFSET = 12;

/** Offset of the TCP header of an IPv4 packet at nhoff; -EINVAL where there is none. */
function flow_dissect_tcpv4(skb: sk_buff, nhoff: number): number {
  const { u8 } = skb.head;
  const nh = skb.data + nhoff;
  if (nhoff + IPHDR_LEN > skb_headlen(skb) || u8[nh] >> 4 !== 4) return -EINVAL;
  const ihl = (u8[nh] & 15) << 2;
  if (ihl < IPHDR_LEN || u8[nh + 9] !== IPPROTO_TCP) return -EINVAL;
  return nhoff + ihl;
}

/** Leaves the checksum from start on, stored at off behind it, for later. False if out of bounds. */
function partial_csum_set(skb: sk_buff, start: number, off: number): boolean {
  if (start + off + 2 > skb_headlen(skb)) return false;
  skb.ip_summed = CHECKSUM_PARTIAL;
  skb.csum_start = skb.data + start;
  skb.csum_offset = off;
  skb.transport_header = skb.data + start;
  return true;
}

/** The part of virtio_net_hdr_to_skb() for GSO packets. */
function virtio_net_hdr_gso(skb: sk_buff, hdr: virtio_net_hdr, nhoff: number): number {
  const type = hdr.gso_type;
  let gso_size = hdr.gso_size;
  if ((type & ~VIRTIO_NET_HDR_GSO_ECN) !== VIRTIO_NET_HDR_GSO_TCPV4) return -EINVAL;
  if (skb.protocol !== 0 && skb.protocol !== ETH_P_IP) return -EINVAL;
  if (gso_size === 0 || gso_size === GSO_BY_FRAGS) return -EINVAL;
  if (gso_size < TCP_MIN_GSO_SIZE) gso_size = TCP_MIN_GSO_SIZE;

  let thoff: number;
  if (skb.ip_summed === CHECKSUM_PARTIAL) {
    if (skb.csum_offset !== TCP_CHECK_OFFSET) return -EINVAL;
    thoff = skb_checksum_start_offset(skb);
  } else {
    thoff = flow_dissect_tcpv4(skb, nhoff);
    if (thoff < 0) return thoff;
    skb.transport_header = skb.data + thoff;
  }
  if (thoff + TCPHDR_LEN > skb_headlen(skb)) return -EINVAL;
  const thlen = (skb.head.u8[skb.data + thoff + TCP_DOFF_OFFSET] >> 4) << 2;
  if (thlen < TCPHDR_LEN || thoff + thlen > skb_headlen(skb)) return -EINVAL;

  const payload = skb.len - thoff - thlen;
  // Too small for two segments: not really a GSO packet.
  if (payload <= gso_size) return 0;
  const shinfo = skb.shinfo;
  shinfo.gso_size = gso_size;
  shinfo.gso_segs = Math.ceil(payload / gso_size);
  shinfo.gso_type = SKB_GSO_TCPV4 | SKB_GSO_DODGY |
    ((type & VIRTIO_NET_HDR_GSO_ECN) !== 0 ? SKB_GSO_TCP_ECN : 0);
  return 0;
}

/**
 * Takes what the header in front of a packet says over into skb, whose data starts with the link
 * header, if any, of nhoff bytes. 0, or -EINVAL where the header contradicts the packet.
 *
 * @differs the skb is linear and the header's bytes are the host's, hence nhoff for little_endian;
 * DATA_VALID is taken here and not in each driver; gso_segs is known, since the header is checked
 */
export function virtio_net_hdr_to_skb(skb: sk_buff, hdr: virtio_net_hdr, nhoff: number): number {
  const flags = hdr.flags;
  skb_reset_mac_header(skb);
  if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
    if (!partial_csum_set(skb, hdr.csum_start, hdr.csum_offset)) return -EINVAL;
  } else if ((flags & VIRTIO_NET_HDR_F_DATA_VALID) !== 0) {
    skb.ip_summed = CHECKSUM_UNNECESSARY;
  }
  if (hdr.gso_type === VIRTIO_NET_HDR_GSO_NONE) return 0;
  return virtio_net_hdr_gso(skb, hdr, nhoff);
}

/**
 * Fills the header of an outgoing packet. 0, or -EINVAL for a GSO type that the other side does not
 * know.
 *
 * @differs no vlan_hlen; hdr_len is the length of the headers and not of skb's linear part
 */
export function virtio_net_hdr_from_skb(skb: sk_buff, hdr: virtio_net_hdr): number {
  let gso_type = VIRTIO_NET_HDR_GSO_NONE;
  const partial = skb.ip_summed === CHECKSUM_PARTIAL;
  const csum_start = partial ? skb_checksum_start_offset(skb) : 0;

  if (skb_is_gso(skb)) {
    const shinfo = skb.shinfo;
    if ((shinfo.gso_type & SKB_GSO_TCPV4) === 0 || !partial) return -EINVAL;
    gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    if ((shinfo.gso_type & SKB_GSO_TCP_ECN) !== 0) gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    const doff = skb.head.u8[skb.csum_start + TCP_DOFF_OFFSET] >> 4;
    hdr.hdr_len = csum_start + (doff << 2);
    hdr.gso_size = shinfo.gso_size;
  } else {
    hdr.hdr_len = 0;
    hdr.gso_size = 0;
  }
  hdr.flags_gso_type = (partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0) | gso_type << 8;
  hdr.csum_start = csum_start;
  hdr.csum_offset = partial ? skb.csum_offset : 0;
  return 0;
}

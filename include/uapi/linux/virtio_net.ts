// SPDX-License-Identifier: GPL-2.0-only
//
// The header that says of a packet which of its work is left to the other side: checksum and
// segmentation.

/** The checksum from csum_start on is to be stored at csum_offset after it. */
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
/** The checksum was found good. */
export const VIRTIO_NET_HDR_F_DATA_VALID = 2;
export const VIRTIO_NET_HDR_F_RSC_INFO = 4;

export const VIRTIO_NET_HDR_GSO_NONE = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
export const VIRTIO_NET_HDR_GSO_UDP = 3;
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
export const VIRTIO_NET_HDR_GSO_ECN = 0x80;

/** sizeof(struct virtio_net_hdr), and with num_buffers and padding as TUNSETVNETHDRSZ takes it. */
export const VIRTIO_NET_HDR_SIZE = 10;
export const VIRTIO_NET_HDR_V1_SIZE = 12;

/**
 * A header at `off` of `dv`, in the host's byte order (little-endian on what Deno runs on).
 */
export class virtio_net_hdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get flags(): number {
    return this.dv.getUint8(this.off);
  }
  get gso_type(): number {
    return this.dv.getUint8(this.off + 1);
  }
  /** flags | gso_type << 8, in one access. */
  get flags_gso_type(): number {
    return this.dv.getUint16(this.off, true);
  }
  set flags_gso_type(v: number) {
    this.dv.setUint16(this.off, v, true);
  }
  /** Ethernet + IP + TCP header length: a hint. */
  get hdr_len(): number {
    return this.dv.getUint16(this.off + 2, true);
  }
  set hdr_len(v: number) {
    this.dv.setUint16(this.off + 2, v, true);
  }
  /** Payload bytes of a segment. */
  get gso_size(): number {
    return this.dv.getUint16(this.off + 4, true);
  }
  set gso_size(v: number) {
    this.dv.setUint16(this.off + 4, v, true);
  }
  get csum_start(): number {
    return this.dv.getUint16(this.off + 6, true);
  }
  set csum_start(v: number) {
    this.dv.setUint16(this.off + 6, v, true);
  }
  get csum_offset(): number {
    return this.dv.getUint16(this.off + 8, true);
  }
  set csum_offset(v: number) {
    this.dv.setUint16(this.off + 8, v, true);
  }
}

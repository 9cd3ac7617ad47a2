// SPDX-License-Identifier: GPL-2.0-only
//
// The Ethernet header and protocol numbers.

export const ETH_ALEN = 6;
export const ETH_HLEN = 14;
export const ETH_ZLEN = 60;
export const ETH_DATA_LEN = 1500;
export const ETH_FRAME_LEN = 1514;
export const ETH_MIN_MTU = 68;
export const ETH_MAX_MTU = 0xffff;

export const ETH_P_LOOP = 0x0060;
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_802_3_MIN = 0x0600;
export const ETH_P_802_3 = 0x0001;
export const ETH_P_ALL = 0x0003;
export const ETH_P_802_2 = 0x0004;

/** An Ethernet header, 14 bytes at `off` of `dv`. @rfc 894 */
export class ethhdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  /** Offset of the destination address, 6 bytes. */
  get h_dest(): number {
    return this.off;
  }
  /** Offset of the source address, 6 bytes. */
  get h_source(): number {
    return this.off + 6;
  }
  get h_proto(): number {
    return this.dv.getUint16(this.off + 12);
  }
  set h_proto(v: number) {
    this.dv.setUint16(this.off + 12, v);
  }
}

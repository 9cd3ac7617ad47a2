// SPDX-License-Identifier: GPL-2.0-only
//
// The ARP header and hardware types.

export const ARPHRD_ETHER = 1;
export const ARPHRD_IEEE802 = 6;
export const ARPHRD_LOOPBACK = 772;
export const ARPHRD_NONE = 0xfffe;
export const ARPHRD_VOID = 0xffff;

export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;

/** Flags of an entry: complete; permanent; answered for others. */
export const ATF_COM = 0x02;
export const ATF_PERM = 0x04;
export const ATF_PUBL = 0x08;

/** Bytes of struct arpreq. */
export const ARPREQ_SIZE = 68;

/** An entry of the ARP table, for SIOCSARP, SIOCGARP and SIOCDARP. */
export interface arpreq {
  /** Protocol address, int32. */
  arp_pa: number;
  /** ARPHRD_* and the link address. */
  arp_ha_family: number;
  arp_ha: Uint8Array;
  /** ATF_* */
  arp_flags: number;
  /** Device name, "" for any. */
  arp_dev: string;
}

/** An ARP header, 8 bytes at `off` of `dv`; the addresses follow. @rfc 826 */
export class arphdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get ar_hrd(): number {
    return this.dv.getUint16(this.off);
  }
  set ar_hrd(v: number) {
    this.dv.setUint16(this.off, v);
  }
  get ar_pro(): number {
    return this.dv.getUint16(this.off + 2);
  }
  set ar_pro(v: number) {
    this.dv.setUint16(this.off + 2, v);
  }
  get ar_hln(): number {
    return this.dv.getUint8(this.off + 4);
  }
  set ar_hln(v: number) {
    this.dv.setUint8(this.off + 4, v);
  }
  get ar_pln(): number {
    return this.dv.getUint8(this.off + 5);
  }
  set ar_pln(v: number) {
    this.dv.setUint8(this.off + 5, v);
  }
  get ar_op(): number {
    return this.dv.getUint16(this.off + 6);
  }
  set ar_op(v: number) {
    this.dv.setUint16(this.off + 6, v);
  }
}

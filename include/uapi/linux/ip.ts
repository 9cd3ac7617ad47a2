// SPDX-License-Identifier: GPL-2.0-only
//
// The IPv4 header, as an overlay over the bytes of a packet.

export const IPTOS_TOS_MASK = 0x1e;
export const IPTOS_LOWDELAY = 0x10;
export const IPTOS_PREC_INTERNETCONTROL = 0xc0;
export const IPVERSION = 4;
export const MAXTTL = 255;
export const IPDEFTTL = 64;

export const IPOPT_COPY = 0x80;
export const IPOPT_END = 0;
export const IPOPT_NOOP = 1;
export const IPOPT_RR = 7;
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_CIPSO = 134;
export const IPOPT_LSRR = 131;
export const IPOPT_SSRR = 137;
export const IPOPT_RA = 148;
export const IPOPT_OPTVAL = 0;
export const IPOPT_OLEN = 1;
export const IPOPT_OFFSET = 2;
export const IPOPT_MINOFF = 4;
export const IPOPT_TS_TSONLY = 0;
export const IPOPT_TS_TSANDADDR = 1;
export const IPOPT_TS_PRESPEC = 3;
export const MAX_IPOPTLEN = 40;

/** An IPv4 header at `off` of `dv`. @rfc 791 3.1 */
export class iphdr {
  dv: DataView;
  off: number;
  /** The same bytes as dv's, where ip_hdr() set it: for sums. */
  u8: Uint8Array | null = null;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get version(): number {
    return this.dv.getUint8(this.off) >> 4;
  }
  /** Header length in 32-bit words, 5..15. */
  get ihl(): number {
    return this.dv.getUint8(this.off) & 15;
  }
  /** Version and header length as one byte, as they stand. */
  set version_ihl(v: number) {
    this.dv.setUint8(this.off, v);
  }
  get tos(): number {
    return this.dv.getUint8(this.off + 1);
  }
  set tos(v: number) {
    this.dv.setUint8(this.off + 1, v);
  }
  get tot_len(): number {
    return this.dv.getUint16(this.off + 2);
  }
  set tot_len(v: number) {
    this.dv.setUint16(this.off + 2, v);
  }
  get id(): number {
    return this.dv.getUint16(this.off + 4);
  }
  set id(v: number) {
    this.dv.setUint16(this.off + 4, v);
  }
  /** IP_CE, IP_DF and IP_MF above the offset in units of 8 bytes. */
  get frag_off(): number {
    return this.dv.getUint16(this.off + 6);
  }
  set frag_off(v: number) {
    this.dv.setUint16(this.off + 6, v);
  }
  get ttl(): number {
    return this.dv.getUint8(this.off + 8);
  }
  set ttl(v: number) {
    this.dv.setUint8(this.off + 8, v);
  }
  get protocol(): number {
    return this.dv.getUint8(this.off + 9);
  }
  set protocol(v: number) {
    this.dv.setUint8(this.off + 9, v);
  }
  get check(): number {
    return this.dv.getUint16(this.off + 10);
  }
  set check(v: number) {
    this.dv.setUint16(this.off + 10, v);
  }
  get saddr(): number {
    return this.dv.getInt32(this.off + 12);
  }
  set saddr(v: number) {
    this.dv.setInt32(this.off + 12, v);
  }
  get daddr(): number {
    return this.dv.getInt32(this.off + 16);
  }
  set daddr(v: number) {
    this.dv.setInt32(this.off + 16, v);
  }
}

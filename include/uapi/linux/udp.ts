// SPDX-License-Identifier: GPL-2.0-only
//
// The UDP header and socket options.

export const UDP_CORK = 1;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

/** A UDP header, 8 bytes at `off` of `dv`. @rfc 768 */
export class udphdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get source(): number {
    return this.dv.getUint16(this.off);
  }
  set source(v: number) {
    this.dv.setUint16(this.off, v);
  }
  get dest(): number {
    return this.dv.getUint16(this.off + 2);
  }
  set dest(v: number) {
    this.dv.setUint16(this.off + 2, v);
  }
  get len(): number {
    return this.dv.getUint16(this.off + 4);
  }
  set len(v: number) {
    this.dv.setUint16(this.off + 4, v);
  }
  get check(): number {
    return this.dv.getUint16(this.off + 6);
  }
  set check(v: number) {
    this.dv.setUint16(this.off + 6, v);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The ICMP header and its types and codes.

export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_INFO_REQUEST = 15;
export const ICMP_INFO_REPLY = 16;
export const ICMP_ADDRESS = 17;
export const ICMP_ADDRESSREPLY = 18;
export const NR_ICMP_TYPES = 18;

export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_SR_FAILED = 5;
export const ICMP_NET_UNKNOWN = 6;
export const ICMP_HOST_UNKNOWN = 7;
export const ICMP_HOST_ISOLATED = 8;
export const ICMP_NET_ANO = 9;
export const ICMP_HOST_ANO = 10;
export const ICMP_NET_UNR_TOS = 11;
export const ICMP_HOST_UNR_TOS = 12;
export const ICMP_PKT_FILTERED = 13;
export const ICMP_PREC_VIOLATION = 14;
export const ICMP_PREC_CUTOFF = 15;
export const NR_ICMP_UNREACH = 15;

export const ICMP_REDIR_NET = 0;
export const ICMP_REDIR_HOST = 1;
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;

/** Option of a raw socket: the types that it does not want, a bit each. */
export const ICMP_FILTER = 1;

/** An ICMP header, 8 bytes at `off` of `dv`. @rfc 792 */
export class icmphdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get type(): number {
    return this.dv.getUint8(this.off);
  }
  set type(v: number) {
    this.dv.setUint8(this.off, v);
  }
  get code(): number {
    return this.dv.getUint8(this.off + 1);
  }
  set code(v: number) {
    this.dv.setUint8(this.off + 1, v);
  }
  get checksum(): number {
    return this.dv.getUint16(this.off + 2);
  }
  set checksum(v: number) {
    this.dv.setUint16(this.off + 2, v);
  }
  /** The second word whole: `un.gateway`, or what the type makes of it. */
  get un(): number {
    return this.dv.getInt32(this.off + 4);
  }
  set un(v: number) {
    this.dv.setInt32(this.off + 4, v);
  }
  /** `un.echo.id`. */
  get id(): number {
    return this.dv.getUint16(this.off + 4);
  }
  set id(v: number) {
    this.dv.setUint16(this.off + 4, v);
  }
  /** `un.echo.sequence`; `un.frag.mtu` of a Fragmentation Needed. */
  get sequence(): number {
    return this.dv.getUint16(this.off + 6);
  }
  set sequence(v: number) {
    this.dv.setUint16(this.off + 6, v);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Addresses as people write them: '198.51.100.2', '198.51.100.0/24', and the int32 that the stack uses.

/** The int32 of a dotted quad; throws TypeError for anything else. */
export function inet_addr(s: string): number {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(s);
  if (m === null || m.slice(1).some((b) => Number(b) > 255)) {
    throw new TypeError(`'${s}' is no IPv4 address`);
  }
  return (Number(m[1]) << 24) | (Number(m[2]) << 16) | (Number(m[3]) << 8) | Number(m[4]);
}

/** The dotted quad of an int32. */
export function inet_ntoa(addr: number): string {
  return `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`;
}

/** Address and prefix length of 'A.B.C.D/LEN'; without '/LEN' it is 32. */
export function inet_cidr(s: string): { addr: number; len: number } {
  const m = /^([^/]*)(?:\/(\d{1,2}))?$/.exec(s);
  const len = m?.[2] === undefined ? 32 : Number(m[2]);
  if (m === null || len > 32) throw new TypeError(`'${s}' is no IPv4 address with prefix length`);
  return { addr: inet_addr(m[1]), len };
}

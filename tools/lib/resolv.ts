// SPDX-License-Identifier: GPL-2.0-only
//
// A stub resolver: the IPv4 address of a name, asked of one server by UDP. @rfc 1035

import { SOCK_DGRAM } from "../../include/linux/net.ts";
import { AF_INET, SO_RCVTIMEO, SOL_SOCKET } from "../../include/linux/socket.ts";
import { EAGAIN } from "../../include/uapi/asm-generic/errno.ts";
import { check } from "./errno.ts";
import { inet_addr, inet_ntoa } from "./inet.ts";
import type { userland } from "../../arch/entry/common.ts";

const TYPE_A = 1;
const TYPE_CNAME = 5;
const CLASS_IN = 1;
const FLAG_RESPONSE = 0x8000;
const FLAG_RECURSION_DESIRED = 0x0100;
const RCODES: Record<number, string> = {
  1: "the server found the question malformed",
  2: "the server failed",
  3: "no such name",
  5: "the server refused",
};

/** A name that can't be resolved. */
export class ResolveError extends Error {
  readonly code = "ENOTFOUND";
}

/** A question for the A records of a name. */
export function dns_query(id: number, name: string): Uint8Array {
  const labels = name.replace(/\.$/, "").split(".");
  const bytes: number[] = [];
  for (const label of labels) {
    const b = new TextEncoder().encode(label);
    if (b.length === 0 || b.length > 63) throw new ResolveError(`'${name}' is no name of a host`);
    bytes.push(b.length, ...b);
  }
  const p = new Uint8Array(12 + bytes.length + 5);
  const dv = new DataView(p.buffer);
  dv.setUint16(0, id);
  dv.setUint16(2, FLAG_RECURSION_DESIRED);
  dv.setUint16(4, 1);
  p.set(bytes, 12);
  dv.setUint16(p.length - 4, TYPE_A);
  dv.setUint16(p.length - 2, CLASS_IN);
  return p;
}

/** The offset behind the name at off, or -1. */
function skip_name(dv: DataView, off: number): number {
  while (off < dv.byteLength) {
    const len = dv.getUint8(off);
    if (len === 0) return off + 1;
    if ((len & 0xc0) === 0xc0) return off + 2;
    off += 1 + len;
  }
  return -1;
}

/** The first address of an answer to question `id`; null where it is none. Throws ResolveError. */
export function dns_answer(p: Uint8Array, id: number, name: string): string | null {
  const dv = new DataView(p.buffer, p.byteOffset, p.byteLength);
  if (p.length < 12 || dv.getUint16(0) !== id || (dv.getUint16(2) & FLAG_RESPONSE) === 0) {
    return null;
  }
  const rcode = dv.getUint16(2) & 15;
  if (rcode !== 0) throw new ResolveError(`${name}: ${RCODES[rcode] ?? `error ${rcode}`}`);
  let off = 12;
  for (let i = dv.getUint16(4); i > 0 && off >= 0; i--) {
    off = skip_name(dv, off);
    if (off >= 0) off += 4;
  }
  for (let i = dv.getUint16(6); i > 0 && off >= 0; i--) {
    off = skip_name(dv, off);
    if (off < 0 || off + 10 > p.length) break;
    const type = dv.getUint16(off);
    const rdlength = dv.getUint16(off + 8);
    off += 10;
    if (off + rdlength > p.length) break;
    if (type === TYPE_A && rdlength === 4) return inet_ntoa(dv.getInt32(off));
    if (type !== TYPE_CNAME) break;
    off += rdlength;
  }
  throw new ResolveError(`${name}: no address`);
}

/** struct timeval of the option, little-endian. */
function timeval(ms: number): Uint8Array {
  const p = new Uint8Array(16);
  const dv = new DataView(p.buffer);
  dv.setUint32(0, Math.floor(ms / 1000), true);
  dv.setUint32(8, (ms % 1000) * 1000, true);
  return p;
}

/** The address of a host: a dotted quad as it is, a name by three questions to `server`, 2 s apart. */
export async function gethostbyname(u: userland, name: string, server: string): Promise<string> {
  if (/^[\d.]+$/.test(name)) return inet_ntoa(inet_addr(name));
  if (name === "localhost") return "127.0.0.1";
  const fd = check(u.sys_socket(AF_INET, SOCK_DGRAM, 0), "socket");
  try {
    const to = { sin_family: AF_INET, sin_port: 53, sin_addr: inet_addr(server) };
    check(await u.sys_connect(fd, to), "connect", server);
    u.sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(2000));
    const id = crypto.getRandomValues(new Uint16Array(1))[0];
    const answer = new Uint8Array(1500);
    for (let i = 0; i < 3; i++) {
      check(await u.sys_write(fd, dns_query(id, name)), "write", `${server}:53`);
      for (;;) {
        const n = await u.sys_read(fd, answer);
        if (n === -EAGAIN) break;
        const found = dns_answer(answer.subarray(0, check(n, "read", `${server}:53`)), id, name);
        if (found !== null) return found;
      }
    }
    throw new ResolveError(`${name}: no answer from ${server}`);
  } finally {
    await u.sys_close(fd);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Ancillary data of recvmsg(): protocols call put_cmsg() while they receive. msghdr.msg_control is what is
// left of the program's room, msg_controllen its bytes.

import type { msghdr } from "../../include/linux/net.ts";
import { CMSG_LEN, CMSG_SPACE, CMSGHDR_SIZE, MSG_CTRUNC } from "../../include/linux/socket.ts";

function put_u32(to: Uint8Array, at: number, v: number): void {
  to[at] = v;
  to[at + 1] = v >>> 8;
  to[at + 2] = v >>> 16;
  to[at + 3] = v >>> 24;
}

/** Adds ancillary data of len bytes; what does not fit is cut and MSG_CTRUNC set. Returns 0. */
export function put_cmsg(
  msg: msghdr,
  level: number,
  type: number,
  len: number,
  data: Uint8Array,
): number {
  const cm = msg.msg_control;
  const room = cm === null ? 0 : Math.min(msg.msg_controllen, cm.length);
  if (cm === null || room < CMSGHDR_SIZE) {
    msg.msg_flags |= MSG_CTRUNC;
    return 0;
  }
  let cmlen = CMSG_LEN(len);
  if (room < cmlen) {
    msg.msg_flags |= MSG_CTRUNC;
    cmlen = room;
  }
  put_u32(cm, 0, cmlen);
  put_u32(cm, 4, 0);
  put_u32(cm, 8, level);
  put_u32(cm, 12, type);
  cm.set(data.subarray(0, cmlen - CMSGHDR_SIZE), CMSGHDR_SIZE);
  const space = Math.min(CMSG_SPACE(len), room);
  msg.msg_control = cm.subarray(space);
  msg.msg_controllen = room - space;
  return 0;
}

/** Seconds and ns, or us with `div` 1000, of a time in ns, as two 64-bit words. */
function put_time(to: Uint8Array, at: number, ns: number, div: number): void {
  const sec = Math.floor(ns / 1e9);
  const high = Math.floor(sec / 4294967296);
  put_u32(to, at, sec - high * 4294967296);
  put_u32(to, at + 4, high);
  put_u32(to, at + 8, Math.floor((ns - sec * 1e9) / div));
  put_u32(to, at + 12, 0);
}

/** Ancillary data of a struct timeval (SO_TIMESTAMP) of a time in ns since 1970. @local */
export function put_cmsg_timeval(msg: msghdr, level: number, type: number, ns: number): void {
  const tv = new Uint8Array(16);
  put_time(tv, 0, ns, 1000);
  put_cmsg(msg, level, type, 16, tv);
}

/** Ancillary data of a struct timespec (SO_TIMESTAMPNS) of a time in ns since 1970. @local */
export function put_cmsg_timespec(msg: msghdr, level: number, type: number, ns: number): void {
  const ts = new Uint8Array(16);
  put_time(ts, 0, ns, 1);
  put_cmsg(msg, level, type, 16, ts);
}

/** Ancillary data of a struct scm_timestamping: software stamp, nothing, hardware stamp; 0: none. */
export function put_cmsg_scm_timestamping(
  msg: msghdr,
  level: number,
  type: number,
  sw: number,
  hw: number,
): void {
  const tss = new Uint8Array(48);
  if (sw !== 0) put_time(tss, 0, sw, 1);
  if (hw !== 0) put_time(tss, 32, hw, 1);
  put_cmsg(msg, level, type, 48, tss);
}

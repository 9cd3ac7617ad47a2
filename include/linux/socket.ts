// SPDX-License-Identifier: GPL-2.0-only
//
// Address families, message flags, socket-level options and ioctls; messages as programs pass them.

import type { sockaddr } from "../uapi/linux/in.ts";
import type { iovec } from "./uio.ts";

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;
export const PF_INET = AF_INET;
export const PF_INET6 = AF_INET6;
export const PF_PACKET = AF_PACKET;
export const NPROTO = 46;

/** Default limit of the accept queue. */
export const SOMAXCONN = 4096;

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_TCP = 6;
export const SOL_UDP = 17;
export const SOL_RAW = 255;

export const MSG_OOB = 1;
export const MSG_PEEK = 2;
export const MSG_DONTROUTE = 4;
export const MSG_CTRUNC = 8;
export const MSG_PROBE = 0x10;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_EOR = 0x80;
export const MSG_WAITALL = 0x100;
export const MSG_FIN = 0x200;
export const MSG_SYN = 0x400;
export const MSG_CONFIRM = 0x800;
export const MSG_RST = 0x1000;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const MSG_WAITFORONE = 0x10000;
/** More messages follow in the same call. */
export const MSG_BATCH = 0x40000;
export const MSG_ZEROCOPY = 0x4000000;
/** The message is pieces of pages, which may be shared; only the kernel says so. */
export const MSG_SPLICE_PAGES = 0x8000000;
export const MSG_FASTOPEN = 0x20000000;
export const MSG_CMSG_CLOEXEC = 0x40000000;

export const SO_DEBUG = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_DONTROUTE = 5;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_NO_CHECK = 11;
export const SO_PRIORITY = 12;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_PASSCRED = 16;
export const SO_RCVLOWAT = 18;
export const SO_SNDLOWAT = 19;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_BINDTODEVICE = 25;
export const SO_PEERNAME = 28;
export const SO_TIMESTAMP = 29;
export const SO_ACCEPTCONN = 30;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const SO_MARK = 36;
export const SO_TIMESTAMPING = 37;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_RXQ_OVFL = 40;
export const SO_PEEK_OFF = 42;
export const SO_NOFCS = 43;
export const SO_SELECT_ERR_QUEUE = 45;
export const SO_BUSY_POLL = 46;
export const SO_MAX_PACING_RATE = 47;
export const SO_INCOMING_CPU = 49;
export const SO_CNX_ADVICE = 53;
export const SO_MEMINFO = 55;
export const SO_INCOMING_NAPI_ID = 56;
export const SO_COOKIE = 57;
export const SO_ZEROCOPY = 60;
export const SO_TXTIME = 61;
export const SO_BINDTOIFINDEX = 62;
export const SO_TIMESTAMP_NEW = 63;
export const SO_TIMESTAMPNS_NEW = 64;
export const SO_TIMESTAMPING_NEW = 65;
export const SO_RCVTIMEO_NEW = 66;
export const SO_SNDTIMEO_NEW = 67;
export const SO_PREFER_BUSY_POLL = 69;
export const SO_BUSY_POLL_BUDGET = 70;
export const SO_BUF_LOCK = 72;
export const SO_TXREHASH = 74;

export const SCM_TIMESTAMP = SO_TIMESTAMP;
export const SCM_TIMESTAMPNS = SO_TIMESTAMPNS;
export const SCM_TIMESTAMPING = SO_TIMESTAMPING;

export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const SIOCINQ = FIONREAD;
export const SIOCOUTQ = 0x5411;
export const SIOCATMARK = 0x8905;
export const SIOCOUTQNSD = 0x894b;

export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const FD_CLOEXEC = 1;

/** sizeof(struct sockaddr_storage), and of struct sockaddr_in. */
export const SOCKADDR_STORAGE_SIZE = 128;
export const SOCKADDR_IN_SIZE = 16;

/** What a program gives to sendmsg() and recvmsg(); recvmsg() stores what it answers here. */
export interface user_msghdr {
  msg_name?: sockaddr | null;
  /** Bytes of msg_name; default: of a sockaddr_in. */
  msg_namelen?: number;
  msg_iov: readonly iovec[];
  /** Ancillary data, or room for it. */
  msg_control?: Uint8Array | null;
  /** Bytes of msg_control, default all. */
  msg_controllen?: number;
  msg_flags?: number;
}

/** One message of sendmmsg() and recvmmsg(). */
export interface mmsghdr {
  msg_hdr: user_msghdr;
  /** Bytes sent or received. */
  msg_len: number;
}

/** sizeof(struct cmsghdr): cmsg_len (8 bytes), cmsg_level and cmsg_type (4 each). */
export const CMSGHDR_SIZE = 16;

/** A length, rounded up as ancillary data is. */
export function CMSG_ALIGN(len: number): number {
  return (len + 7) & ~7;
}

/** Room that ancillary data of len bytes takes, with what pads it. */
export function CMSG_SPACE(len: number): number {
  return CMSGHDR_SIZE + CMSG_ALIGN(len);
}

/** cmsg_len of ancillary data of len bytes. */
export function CMSG_LEN(len: number): number {
  return CMSGHDR_SIZE + len;
}

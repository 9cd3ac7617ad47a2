// SPDX-License-Identifier: GPL-2.0-only
//
// socket: what a file descriptor refers to; proto_ops: what an address family does with it; msghdr
// and iov_iter: what a send or receive call carries.

import type { sock } from "../net/sock.ts";
import type { net } from "../net/net_namespace.ts";
import type { sockaddr } from "../uapi/linux/in.ts";
import type { file, loff_t_ptr } from "./fs.ts";
import type { pipe_inode_info } from "./pipe_fs_i.ts";
import type { poll_table } from "./poll.ts";
import type { ubuf_info } from "./skbuff.ts";
import type { iov_iter } from "./uio.ts";
import { wait_queue_head } from "./wait.ts";

export const SS_FREE = 0;
export const SS_UNCONNECTED = 1;
export const SS_CONNECTING = 2;
export const SS_CONNECTED = 3;
export const SS_DISCONNECTING = 4;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_PACKET = 10;
export const SOCK_TYPE_MASK = 0xf;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** Bits of socket.flags and of socket_wq.flags. */
export const SOCKWQ_ASYNC_NOSPACE = 0;
export const SOCKWQ_ASYNC_WAITDATA = 1;
export const SOCK_NOSPACE = 2;

/** Who waits for a socket. */
export class socket_wq {
  readonly wait = new wait_queue_head();
  flags = 0;
}

/** The program's end of a socket. */
export class socket {
  /** SS_* */
  state = SS_UNCONNECTED;
  /** SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
  type = 0;
  /** Bit numbers SOCK_NOSPACE … */
  flags = 0;
  file: file | null = null;
  sk: sock | null = null;
  ops!: proto_ops;
  readonly wq = new socket_wq();
  /** Place in living_sockets. @local */
  living_index = -1;
}

/** A message in the kernel: where it goes or comes from, its bytes, ancillary data, flags. */
export class msghdr {
  msg_name: sockaddr | null = null;
  /** Bytes of the address that the caller gave; 0 none. */
  msg_namelen = 0;
  msg_iter!: iov_iter;
  /** Ancillary data: struct cmsghdr and payloads, as bytes. */
  msg_control: Uint8Array | null = null;
  msg_controllen = 0;
  /** MSG_* */
  msg_flags = 0;
  msg_ubuf: ubuf_info | null = null;
  /** TCP: bytes copied so far, where the call slept in between. */
  msg_copied = 0;
  /** The caller wants msg_inq: bytes that are left to read. */
  msg_get_inq = false;
  msg_inq = 0;
  /** TCP: when the last packet that was copied came, ns; 0 not known. @local */
  msg_tstamp = 0;
  /** TCP, MSG_PEEK: where the next byte is, how far the first was, urgent bytes that were stepped over. @local */
  msg_peek_seq = 0;
  msg_peek_offset = 0;
  msg_urg_hole = 0;
  /** TCP: SOF_TIMESTAMPING_* of the bytes that are being sent. @local */
  msg_tsflags = 0;
}

/** Operations of an address family on a socket. Calls that may sleep may answer a promise. */
export interface proto_ops {
  family: number;
  release(sock: socket): number | Promise<number>;
  bind(sock: socket, myaddr: sockaddr, sockaddr_len: number): number;
  connect(
    sock: socket,
    vaddr: sockaddr,
    sockaddr_len: number,
    flags: number,
  ): number | Promise<number>;
  accept(sock: socket, newsock: socket, flags: number): number | Promise<number>;
  /** Fills addr, answers its length or a negative errno. */
  getname(sock: socket, addr: sockaddr, peer: number): number;
  poll(file: file, sock: socket, wait: poll_table | null): number;
  ioctl(sock: socket, cmd: number, arg: Int32Array): number;
  listen(sock: socket, len: number): number;
  shutdown(sock: socket, flags: number): number | Promise<number>;
  setsockopt(
    sock: socket,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: number,
  ): number | Promise<number>;
  getsockopt(
    sock: socket,
    level: number,
    optname: number,
    optval: Uint8Array,
    optlen: Int32Array,
  ): number | Promise<number>;
  sendmsg(sock: socket, m: msghdr, total_len: number): number | Promise<number>;
  recvmsg(sock: socket, m: msghdr, total_len: number, flags: number): number | Promise<number>;
  /** Moves up to len received bytes to a locked pipe: bytes, or a negative errno. */
  splice_read?(
    sock: socket,
    ppos: loff_t_ptr,
    pipe: pipe_inode_info,
    len: number,
    flags: number,
  ): number | Promise<number>;
  splice_eof?(sock: socket): void | Promise<void>;
  set_peek_off?(sk: sock, val: number): number;
  set_rcvlowat?(sk: sock, val: number): number;
  /** connect() for a sender that has the socket locked (Fast Open): __inet_stream_connect(). @local */
  connect_locked?(
    sock: socket,
    vaddr: sockaddr | null,
    sockaddr_len: number,
    flags: number,
    is_sendmsg: number,
  ): number | Promise<number>;
}

/** An address family: makes its sockets. */
export interface net_proto_family {
  family: number;
  /** 0 or a negative errno. */
  create(net: net, sock: socket, protocol: number, kern: boolean): number;
}

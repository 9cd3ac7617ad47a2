// SPDX-License-Identifier: GPL-2.0-only
//
// The top of sockets: what a descriptor of a socket is (sock_alloc, sock_alloc_file, socket_file_ops), the
// address families (sock_register), and the system calls of the socket family. A call looks the
// socket up (sockfd_lookup_light), takes over the program's address and buffers, calls the family's
// operation, and drops the file (fput_light), after the sleep where the operation slept.

import { IS_ERR } from "../include/linux/err.ts";
import type { file, file_operations, kiocb, loff_t_ptr } from "../include/linux/fs.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from "../include/linux/fs.ts";
import { living_list } from "../include/linux/living.ts";
import {
  msghdr,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_PACKET,
  SOCK_TYPE_MASK,
  socket,
  SS_UNCONNECTED,
} from "../include/linux/net.ts";
import type { net_proto_family, proto_ops } from "../include/linux/net.ts";
import type { pipe_inode_info } from "../include/linux/pipe_fs_i.ts";
import type { poll_table } from "../include/linux/poll.ts";
import { after_sleep, current } from "../include/linux/sched.ts";
import { SKBTX_SCHED_TSTAMP, SKBTX_SW_TSTAMP } from "../include/linux/skbuff.ts";
import type { sk_buff } from "../include/linux/skbuff.ts";
import {
  MSG_BATCH,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_SPLICE_PAGES,
  MSG_WAITFORONE,
  NPROTO,
  PF_INET,
  PF_PACKET,
  SCM_TIMESTAMP,
  SCM_TIMESTAMPING,
  SCM_TIMESTAMPNS,
  SO_RXQ_OVFL,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPNS_NEW,
  SOCKADDR_IN_SIZE,
  SOCKADDR_STORAGE_SIZE,
  SOL_SOCKET,
} from "../include/linux/socket.ts";
import type { mmsghdr, user_msghdr } from "../include/linux/socket.ts";
import { ktime_get_ns, ktime_get_real } from "../include/linux/timekeeping.ts";
import { ITER_DEST, ITER_SOURCE, UIO_MAXIOV } from "../include/linux/uio.ts";
import type { iov_iter } from "../include/linux/uio.ts";
import type { net } from "../include/net/net_namespace.ts";
import {
  sock_error,
  sock_flag,
  sock_net,
  SOCK_RCVTSTAMP,
  SOCK_RCVTSTAMPNS,
  SOCK_RXQ_OVFL,
  SOCK_TIMESTAMP,
  SOCK_TSTAMP_NEW,
} from "../include/net/sock.ts";
import type { sock } from "../include/net/sock.ts";
import {
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  ECONNABORTED,
  EEXIST,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOIOCTLCMD,
  ENOTSOCK,
  ENOTTY,
  EOPNOTSUPP,
} from "../include/uapi/asm-generic/errno.ts";
import type { sockaddr } from "../include/uapi/linux/in.ts";
import {
  SOF_TIMESTAMPING_RX_SOFTWARE,
  SOF_TIMESTAMPING_SOFTWARE,
  SOF_TIMESTAMPING_TX_SCHED,
  SOF_TIMESTAMPING_TX_SOFTWARE,
} from "../include/uapi/linux/net_tstamp.ts";
import { SIOCGIFCONF } from "../include/uapi/linux/sockios.ts";
import { import_iovec, import_single_range } from "../lib/iov_iter.ts";
import { fd_install, fdget, get_unused_fd_flags, put_unused_fd } from "../fs/file.ts";
import { alloc_file, fput, fput_after, fput_light } from "../fs/file_table.ts";
import { copy_splice_read, splice_to_socket } from "../fs/splice.ts";
import { dev_ifconf, dev_ioctl } from "./core/dev_ioctl.ts";
import {
  put_cmsg,
  put_cmsg_scm_timestamping,
  put_cmsg_timespec,
  put_cmsg_timeval,
} from "./core/scm.ts";
import { skb_init } from "./core/skbuff.ts";
import { sk_init, sock_getsockopt, sock_kmalloc, sock_setsockopt } from "./core/sock.ts";

const SOCK_MAX = SOCK_PACKET + 1;
/** Flags that only the kernel gives to sendmsg(). */
const MSG_INTERNAL_SENDMSG_FLAGS = MSG_SPLICE_PAGES;

/** The address families. */
export const net_families: (net_proto_family | null)[] = new Array(NPROTO).fill(null);

/** Every struct socket in being, for the leak report. @local */
export const living_sockets: living_list<socket> = new living_list();

/** What a file of a socket does. */
export const socket_file_ops: file_operations = {
  read_iter: sock_read_iter,
  write_iter: sock_write_iter,
  poll: sock_poll,
  unlocked_ioctl: sock_ioctl,
  release: sock_close,
  splice_read: sock_splice_read,
  splice_write: splice_to_socket,
  splice_eof: sock_splice_eof,
};

const NO_BYTES = new Uint8Array(0);
const no_ops = null as unknown as proto_ops;

// ---- addresses ----

/**
 * Takes over a program's address of ulen bytes: a copy of it, -EINVAL or -EFAULT.
 * @differs answers the address
 */
export function move_addr_to_kernel(uaddr: sockaddr | null, ulen: number): sockaddr | number {
  if (!(ulen >= 0) || ulen > SOCKADDR_STORAGE_SIZE) return -EINVAL;
  const kaddr: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
  if (ulen === 0) return kaddr;
  if (uaddr === null || typeof uaddr !== "object") return -EFAULT;
  kaddr.sin_family = uaddr.sin_family;
  kaddr.sin_port = uaddr.sin_port & 0xffff;
  kaddr.sin_addr = uaddr.sin_addr | 0;
  return kaddr;
}

/** Gives a program an address and, in ulen, its true length: 0, -EINVAL or -EFAULT. */
function move_addr_to_user(
  kaddr: sockaddr,
  klen: number,
  uaddr: sockaddr | null,
  ulen: Int32Array | null,
): number {
  if (ulen === null || ulen.length < 1) return -EFAULT;
  const len = Math.min(ulen[0], klen);
  if (len < 0) return -EINVAL;
  if (len > 0) {
    if (uaddr === null) return -EFAULT;
    uaddr.sin_family = kaddr.sin_family;
    if (len >= 4) uaddr.sin_port = kaddr.sin_port;
    if (len >= 8) uaddr.sin_addr = kaddr.sin_addr;
  }
  ulen[0] = klen;
  return 0;
}

function new_address(): sockaddr {
  return { sin_family: 0, sin_port: 0, sin_addr: 0 };
}

// ---- files ----

/** The file of a socket; the socket is released where there can be none. */
export function sock_alloc_file(sock: socket, flags: number, _dname: string | null): file | number {
  const file = alloc_file(sock, O_RDWR | (flags & O_NONBLOCK), socket_file_ops);
  if (IS_ERR(file)) {
    sock_release(sock);
    return file;
  }
  sock.file = file;
  return file;
}

function sock_map_fd(sock: socket, flags: number): number {
  const fd = get_unused_fd_flags(flags);
  if (fd < 0) {
    sock_release(sock);
    return fd;
  }
  const newfile = sock_alloc_file(sock, flags, null);
  if (IS_ERR(newfile)) {
    put_unused_fd(fd);
    return newfile;
  }
  fd_install(fd, newfile);
  return fd;
}

/** The socket of a file, null where it is another kind of file. */
export function sock_from_file(file: file): socket | null {
  return file.f_op === socket_file_ops ? file.private_data as socket : null;
}

/** The socket of a descriptor, its file held until fput_light(); -EBADF or -ENOTSOCK. */
function sockfd_lookup_light(fd: number): socket | number {
  const f = fdget(fd);
  if (f === null) return -EBADF;
  const sock = sock_from_file(f);
  if (sock !== null) return sock;
  fput(f);
  return -ENOTSOCK;
}

/** The socket of a descriptor, its file held until sockfd_put(); or a negative errno. */
export function sockfd_lookup(fd: number): socket | number {
  return sockfd_lookup_light(fd);
}

export function sockfd_put(sock: socket): void | Promise<void> {
  return fput(sock.file as file);
}

/** fput_light() when the call is done; gives the call's answer. */
function put_after(file: file, ret: number | Promise<number>): number | Promise<number> {
  if (ret instanceof Promise) return after_sleep(ret, (v) => put_after(file, v));
  const released = fput_light(file, 1);
  return released === undefined ? ret : after_sleep(released, () => ret);
}

// ---- making and ending ----

/** A socket without a family. */
export function sock_alloc(): socket {
  const sock = new socket();
  sock.state = SS_UNCONNECTED;
  living_sockets.add(sock);
  return sock;
}

function __sock_release(sock: socket): void | Promise<void> {
  const { ops } = sock;
  living_sockets.delete(sock);
  sock.ops = no_ops;
  sock.file = null;
  if (ops === no_ops || ops === undefined) return;
  const ret = ops.release(sock);
  if (ret instanceof Promise) return after_sleep(ret, () => {});
}

/** The program's end of a socket goes. */
export function sock_release(sock: socket): void | Promise<void> {
  return __sock_release(sock);
}

function sock_close(file: file): number | Promise<number> {
  const ret = __sock_release(file.private_data as socket);
  return ret === undefined ? 0 : after_sleep(ret, () => 0);
}

/** A new socket of a family: 0 or a negative errno by way of the answer. @differs answers the socket */
export function __sock_create(
  net: net,
  family: number,
  type: number,
  protocol: number,
  kern: boolean,
): socket | number {
  if (!(family >= 0) || family >= NPROTO) return -EAFNOSUPPORT;
  if (!(type >= 0) || type >= SOCK_MAX) return -EINVAL;
  if (family === PF_INET && type === SOCK_PACKET) family = PF_PACKET;
  const sock = sock_alloc();
  sock.type = type;
  const pf = net_families[family];
  let err = -EAFNOSUPPORT;
  if (pf !== null) {
    err = pf.create(net, sock, protocol, kern);
    if (err >= 0) return sock;
    sock.sk = null;
    sock.ops = no_ops;
  }
  sock_release(sock);
  return err;
}

export function sock_create(family: number, type: number, protocol: number): socket | number {
  return __sock_create(current.nsproxy.net_ns, family, type, protocol, false);
}

export function sock_create_kern(
  net: net,
  family: number,
  type: number,
  protocol: number,
): socket | number {
  return __sock_create(net, family, type, protocol, true);
}

/** Half of a socket of the kernel itself. */
export function sock_create_lite(
  _family: number,
  type: number,
  _protocol: number,
): socket | number {
  const sock = sock_alloc();
  sock.type = type;
  return sock;
}

// ---- sending ----

/** SKBTX_* for SOF_TIMESTAMPING_* of a sender. */
export function __sock_tx_timestamp(tsflags: number): number {
  let flags = 0;
  if ((tsflags & SOF_TIMESTAMPING_TX_SOFTWARE) !== 0) flags |= SKBTX_SW_TSTAMP;
  if ((tsflags & SOF_TIMESTAMPING_TX_SCHED) !== 0) flags |= SKBTX_SCHED_TSTAMP;
  return flags;
}

function sock_sendmsg_nosec(sock: socket, msg: msghdr): number | Promise<number> {
  return sock.ops.sendmsg(sock, msg, msg.msg_iter.count);
}

/** Sends a message: bytes or a negative errno. */
export function sock_sendmsg(sock: socket, msg: msghdr): number | Promise<number> {
  return sock_sendmsg_nosec(sock, msg);
}

// ---- receiving ----

/** Stamps and counters of skb as ancillary data, where the socket wants them. */
export function __sock_recv_timestamp(msg: msghdr, sk: sock, skb: sk_buff): void {
  const new_tstamp = sock_flag(sk, SOCK_TSTAMP_NEW);
  if (sock_flag(sk, SOCK_RCVTSTAMP)) {
    if (skb.tstamp === 0) skb.tstamp = ktime_get_real();
    if (!sock_flag(sk, SOCK_RCVTSTAMPNS)) {
      put_cmsg_timeval(msg, SOL_SOCKET, new_tstamp ? SO_TIMESTAMP_NEW : SCM_TIMESTAMP, skb.tstamp);
    } else {
      const type = new_tstamp ? SO_TIMESTAMPNS_NEW : SCM_TIMESTAMPNS;
      put_cmsg_timespec(msg, SOL_SOCKET, type, skb.tstamp);
    }
  }
  if ((sk.sk_tsflags & SOF_TIMESTAMPING_SOFTWARE) !== 0 && skb.tstamp !== 0) {
    const type = new_tstamp ? SO_TIMESTAMPING_NEW : SCM_TIMESTAMPING;
    put_cmsg_scm_timestamping(msg, SOL_SOCKET, type, skb.tstamp, 0);
  }
}

/** As __sock_recv_timestamp(), or remembers the stamp for SIOCGSTAMP. */
export function sock_recv_timestamp(msg: msghdr, sk: sock, skb: sk_buff): void {
  const kt = skb.tstamp;
  if (
    sock_flag(sk, SOCK_RCVTSTAMP) || (sk.sk_tsflags & SOF_TIMESTAMPING_RX_SOFTWARE) !== 0 ||
    (kt !== 0 && (sk.sk_tsflags & SOF_TIMESTAMPING_SOFTWARE) !== 0)
  ) {
    __sock_recv_timestamp(msg, sk, skb);
  } else {
    sk.sk_stamp = kt;
  }
}

function sock_recv_drops(msg: msghdr, sk: sock): void {
  if (!sock_flag(sk, SOCK_RXQ_OVFL) || sk.sk_drops === 0) return;
  const n = sk.sk_drops;
  put_cmsg(msg, SOL_SOCKET, SO_RXQ_OVFL, 4, Uint8Array.of(n, n >>> 8, n >>> 16, n >>> 24));
}

export function __sock_recv_cmsgs(msg: msghdr, sk: sock, skb: sk_buff): void {
  sock_recv_timestamp(msg, sk, skb);
  sock_recv_drops(msg, sk);
}

const TSFLAGS_ANY = SOF_TIMESTAMPING_SOFTWARE;

/** What of SOL_SOCKET a received datagram tells the reader. */
export function sock_recv_cmsgs(msg: msghdr, sk: sock, skb: sk_buff): void {
  if (
    sock_flag(sk, SOCK_RCVTSTAMP) || sock_flag(sk, SOCK_RXQ_OVFL) ||
    (sk.sk_tsflags & TSFLAGS_ANY) !== 0
  ) {
    __sock_recv_cmsgs(msg, sk, skb);
  } else if (sock_flag(sk, SOCK_TIMESTAMP)) {
    sk.sk_stamp = skb.tstamp;
  } else if (sk.sk_stamp === -1) {
    sk.sk_stamp = 0;
  }
}

function sock_recvmsg_nosec(sock: socket, msg: msghdr, flags: number): number | Promise<number> {
  return sock.ops.recvmsg(sock, msg, msg.msg_iter.count, flags);
}

/** Receives a message: bytes or a negative errno. */
export function sock_recvmsg(sock: socket, msg: msghdr, flags: number): number | Promise<number> {
  return sock_recvmsg_nosec(sock, msg, flags);
}

/** A socket to a pipe. */
function sock_splice_read(
  file: file,
  ppos: loff_t_ptr,
  pipe: pipe_inode_info,
  len: number,
  flags: number,
): number | Promise<number> {
  const sock = file.private_data as socket;
  if (sock.ops.splice_read === undefined) return copy_splice_read(file, ppos, pipe, len, flags);
  return sock.ops.splice_read(sock, ppos, pipe, len, flags);
}

function sock_splice_eof(file: file): void | Promise<void> {
  const sock = file.private_data as socket;
  return sock.ops.splice_eof?.(sock);
}

function sock_read_iter(iocb: kiocb, to: iov_iter): number | Promise<number> {
  const file = iocb.ki_filp;
  const sock = file.private_data as socket;
  const msg = new msghdr();
  msg.msg_iter = to;
  if ((file.f_flags & O_NONBLOCK) !== 0) msg.msg_flags = MSG_DONTWAIT;
  if (to.count === 0) return 0;
  return sock_recvmsg(sock, msg, msg.msg_flags);
}

function sock_write_iter(iocb: kiocb, from: iov_iter): number | Promise<number> {
  const file = iocb.ki_filp;
  const sock = file.private_data as socket;
  const msg = new msghdr();
  msg.msg_iter = from;
  if ((file.f_flags & O_NONBLOCK) !== 0) msg.msg_flags = MSG_DONTWAIT;
  return sock_sendmsg(sock, msg);
}

// ---- poll and ioctl ----

function sock_poll(file: file, wait: poll_table | null): number {
  const sock = file.private_data as socket;
  return sock.ops.poll(file, sock, wait);
}

function sock_do_ioctl(net: net, sock: socket, cmd: number, arg: Int32Array): number {
  const err = sock.ops.ioctl(sock, cmd, arg);
  if (err !== -ENOIOCTLCMD && err !== -ENOTTY) return err;
  return dev_ioctl(net, cmd, arg);
}

function sock_ioctl(file: file, cmd: number, arg: Int32Array): number {
  const sock = file.private_data as socket;
  if (!(arg instanceof Int32Array) || arg.length < 1) return -EFAULT;
  const net = sock_net(sock.sk as sock);
  if (cmd === SIOCGIFCONF) return dev_ifconf(net, arg);
  return sock_do_ioctl(net, sock, cmd, arg);
}

// ---- system calls ----

export function __sys_socket(family: number, type: number, protocol: number): number {
  let flags = type & ~SOCK_TYPE_MASK;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  type &= SOCK_TYPE_MASK;
  const sock = sock_create(family, type, protocol);
  if (IS_ERR(sock)) return sock;
  flags &= O_CLOEXEC | O_NONBLOCK;
  return sock_map_fd(sock, flags);
}

/** A descriptor, or a negative errno. */
export function sys_socket(family: number, type: number, protocol: number): number {
  return __sys_socket(family, type, protocol);
}

/** No family here has socketpair(). */
export function __sys_socketpair(family: number, type: number, protocol: number): number {
  if (((type & ~SOCK_TYPE_MASK) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  const sock = sock_create(family, type & SOCK_TYPE_MASK, protocol);
  if (IS_ERR(sock)) return sock;
  sock_release(sock);
  return -EOPNOTSUPP;
}

export function sys_socketpair(
  family: number,
  type: number,
  protocol: number,
  _usockvec: Int32Array,
): number {
  return __sys_socketpair(family, type, protocol);
}

export function __sys_bind(
  fd: number,
  umyaddr: sockaddr | null,
  addrlen: number,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const address = move_addr_to_kernel(umyaddr, addrlen);
  const err = IS_ERR(address) ? address : sock.ops.bind(sock, address, addrlen);
  return put_after(file, err);
}

/** 0 or a negative errno. */
export function sys_bind(
  fd: number,
  umyaddr: sockaddr | null,
  addrlen: number,
): number | Promise<number> {
  return __sys_bind(fd, umyaddr, addrlen);
}

export function __sys_listen(fd: number, backlog: number): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const somaxconn = sock_net(sock.sk as sock).core.sysctl_somaxconn;
  if ((backlog >>> 0) > somaxconn) backlog = somaxconn;
  return put_after(file, sock.ops.listen(sock, backlog));
}

/** 0 or a negative errno. */
export function sys_listen(fd: number, backlog: number): number | Promise<number> {
  return __sys_listen(fd, backlog);
}

/** accept() has an answer: the new descriptor, with the peer's address; or undoes what was made. */
function accept_done(
  err: number,
  newsock: socket,
  newfd: number,
  newfile: file,
  upeer_sockaddr: sockaddr | null,
  upeer_addrlen: Int32Array | null,
): number | Promise<number> {
  if (err >= 0 && upeer_sockaddr !== null) {
    const address = new_address();
    const len = newsock.ops.getname(newsock, address, 2);
    err = len < 0 ? -ECONNABORTED : move_addr_to_user(address, len, upeer_sockaddr, upeer_addrlen);
  }
  if (err >= 0) {
    fd_install(newfd, newfile);
    return newfd;
  }
  put_unused_fd(newfd);
  return fput_after(newfile, err);
}

export function __sys_accept4(
  fd: number,
  upeer_sockaddr: sockaddr | null,
  upeer_addrlen: Int32Array | null,
  flags: number,
): number | Promise<number> {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return -EINVAL;
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const newsock = sock_alloc();
  newsock.type = sock.type;
  newsock.ops = sock.ops;
  const newfd = get_unused_fd_flags(flags);
  if (newfd < 0) {
    sock_release(newsock);
    return put_after(file, newfd);
  }
  const newfile = sock_alloc_file(newsock, flags, (sock.sk as sock).skc_prot.name);
  if (IS_ERR(newfile)) {
    put_unused_fd(newfd);
    return put_after(file, newfile);
  }
  const err = after_sleep(
    sock.ops.accept(sock, newsock, file.f_flags),
    (ret) => accept_done(ret, newsock, newfd, newfile, upeer_sockaddr, upeer_addrlen),
  );
  return put_after(file, err);
}

/** A connection's descriptor, or a negative errno. */
export function sys_accept4(
  fd: number,
  upeer_sockaddr: sockaddr | null,
  upeer_addrlen: Int32Array | null,
  flags: number,
): number | Promise<number> {
  return __sys_accept4(fd, upeer_sockaddr, upeer_addrlen, flags);
}

export function sys_accept(
  fd: number,
  upeer_sockaddr: sockaddr | null,
  upeer_addrlen: Int32Array | null,
): number | Promise<number> {
  return __sys_accept4(fd, upeer_sockaddr, upeer_addrlen, 0);
}

export function __sys_connect(
  fd: number,
  uservaddr: sockaddr | null,
  addrlen: number,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const address = move_addr_to_kernel(uservaddr, addrlen);
  const err = IS_ERR(address) ? address : sock.ops.connect(sock, address, addrlen, file.f_flags);
  return put_after(file, err);
}

/** 0 or a negative errno. */
export function sys_connect(
  fd: number,
  uservaddr: sockaddr | null,
  addrlen: number,
): number | Promise<number> {
  return __sys_connect(fd, uservaddr, addrlen);
}

function getname(
  fd: number,
  usockaddr: sockaddr | null,
  usockaddr_len: Int32Array | null,
  peer: number,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const address = new_address();
  let err = sock.ops.getname(sock, address, peer);
  if (err >= 0) err = move_addr_to_user(address, err, usockaddr, usockaddr_len);
  return put_after(file, err);
}

export function __sys_getsockname(
  fd: number,
  usockaddr: sockaddr | null,
  usockaddr_len: Int32Array | null,
): number | Promise<number> {
  return getname(fd, usockaddr, usockaddr_len, 0);
}

/** Stores the local address: 0 or a negative errno. */
export function sys_getsockname(
  fd: number,
  usockaddr: sockaddr | null,
  usockaddr_len: Int32Array | null,
): number | Promise<number> {
  return __sys_getsockname(fd, usockaddr, usockaddr_len);
}

export function __sys_getpeername(
  fd: number,
  usockaddr: sockaddr | null,
  usockaddr_len: Int32Array | null,
): number | Promise<number> {
  return getname(fd, usockaddr, usockaddr_len, 1);
}

/** Stores the peer's address: 0 or a negative errno. */
export function sys_getpeername(
  fd: number,
  usockaddr: sockaddr | null,
  usockaddr_len: Int32Array | null,
): number | Promise<number> {
  return __sys_getpeername(fd, usockaddr, usockaddr_len);
}

export function __sys_sendto(
  fd: number,
  buff: Uint8Array | null,
  len: number,
  flags: number,
  addr: sockaddr | null,
  addr_len: number,
): number | Promise<number> {
  const iter = import_single_range(ITER_SOURCE, buff, len);
  if (IS_ERR(iter)) return iter;
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const msg = new msghdr();
  msg.msg_iter = iter;
  if (addr !== null) {
    const address = move_addr_to_kernel(addr, addr_len);
    if (IS_ERR(address)) return put_after(file, address);
    msg.msg_name = address;
    msg.msg_namelen = addr_len;
  }
  flags &= ~MSG_INTERNAL_SENDMSG_FLAGS;
  if ((file.f_flags & O_NONBLOCK) !== 0) flags |= MSG_DONTWAIT;
  msg.msg_flags = flags;
  return put_after(file, sock_sendmsg(sock, msg));
}

/** Bytes sent, or a negative errno. */
export function sys_sendto(
  fd: number,
  buff: Uint8Array | null,
  len: number,
  flags: number,
  addr: sockaddr | null,
  addr_len: number,
): number | Promise<number> {
  return __sys_sendto(fd, buff, len, flags, addr, addr_len);
}

export function sys_send(
  fd: number,
  buff: Uint8Array | null,
  len: number,
  flags: number,
): number | Promise<number> {
  return __sys_sendto(fd, buff, len, flags, null, 0);
}

export function __sys_recvfrom(
  fd: number,
  ubuf: Uint8Array | null,
  size: number,
  flags: number,
  addr: sockaddr | null,
  addr_len: Int32Array | null,
): number | Promise<number> {
  const iter = import_single_range(ITER_DEST, ubuf, size);
  if (IS_ERR(iter)) return iter;
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const msg = new msghdr();
  msg.msg_iter = iter;
  if ((file.f_flags & O_NONBLOCK) !== 0) flags |= MSG_DONTWAIT;
  if (addr === null) return put_after(file, sock_recvmsg(sock, msg, flags));
  const address = new_address();
  msg.msg_name = address;
  const ret = after_sleep(sock_recvmsg(sock, msg, flags), (err) => {
    if (err < 0) return err;
    const err2 = move_addr_to_user(address, msg.msg_namelen, addr, addr_len);
    return err2 < 0 ? err2 : err;
  });
  return put_after(file, ret);
}

/** Bytes received, 0 at the end, or a negative errno. */
export function sys_recvfrom(
  fd: number,
  ubuf: Uint8Array | null,
  size: number,
  flags: number,
  addr: sockaddr | null,
  addr_len: Int32Array | null,
): number | Promise<number> {
  return __sys_recvfrom(fd, ubuf, size, flags, addr, addr_len);
}

export function sys_recv(
  fd: number,
  ubuf: Uint8Array | null,
  size: number,
  flags: number,
): number | Promise<number> {
  return __sys_recvfrom(fd, ubuf, size, flags, null, null);
}

export function __sys_setsockopt(
  fd: number,
  level: number,
  optname: number,
  optval: Uint8Array | null,
  optlen: number,
): number | Promise<number> {
  if (!(optlen >= 0)) return -EINVAL;
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  let err: number | Promise<number>;
  if (optval === null ? optlen > 0 : optval.length < optlen) err = -EFAULT;
  else if (level === SOL_SOCKET) {
    err = sock_setsockopt(sock, level, optname, optval ?? NO_BYTES, optlen);
  } else err = sock.ops.setsockopt(sock, level, optname, optval ?? NO_BYTES, optlen);
  return put_after(file, err);
}

/** 0 or a negative errno. */
export function sys_setsockopt(
  fd: number,
  level: number,
  optname: number,
  optval: Uint8Array | null,
  optlen: number,
): number | Promise<number> {
  return __sys_setsockopt(fd, level, optname, optval, optlen);
}

export function __sys_getsockopt(
  fd: number,
  level: number,
  optname: number,
  optval: Uint8Array | null,
  optlen: Int32Array | null,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  let err: number | Promise<number>;
  if (optlen === null || optlen.length < 1) err = -EFAULT;
  else if (level === SOL_SOCKET) {
    err = sock_getsockopt(sock, level, optname, optval ?? NO_BYTES, optlen);
  } else err = sock.ops.getsockopt(sock, level, optname, optval ?? NO_BYTES, optlen);
  return put_after(file, err);
}

/** Stores the value, and its length in optlen: 0 or a negative errno. */
export function sys_getsockopt(
  fd: number,
  level: number,
  optname: number,
  optval: Uint8Array | null,
  optlen: Int32Array | null,
): number | Promise<number> {
  return __sys_getsockopt(fd, level, optname, optval, optlen);
}

export function __sys_shutdown(fd: number, how: number): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  return put_after(file, sock.ops.shutdown(sock, how));
}

/** 0 or a negative errno. */
export function sys_shutdown(fd: number, how: number): number | Promise<number> {
  return __sys_shutdown(fd, how);
}

/** Takes over a program's msghdr, without its address; 0 or a negative errno. */
function copy_msghdr_from_user(kmsg: msghdr, umsg: user_msghdr, rw: number): number {
  if (umsg.msg_iov.length > UIO_MAXIOV) return -EMSGSIZE;
  const control = umsg.msg_control ?? null;
  const controllen = control === null ? 0 : umsg.msg_controllen ?? control.length;
  kmsg.msg_namelen = umsg.msg_name ? umsg.msg_namelen ?? SOCKADDR_IN_SIZE : 0;
  if (kmsg.msg_namelen < 0) return -EINVAL;
  kmsg.msg_namelen = Math.min(kmsg.msg_namelen, SOCKADDR_STORAGE_SIZE);
  if (controllen > 0x7fffffff || controllen < 0) return -ENOBUFS;
  if (control !== null && controllen > control.length) return -EFAULT;
  kmsg.msg_control = control === null ? null : control.subarray(0, controllen);
  kmsg.msg_controllen = controllen;
  kmsg.msg_flags = umsg.msg_flags ?? 0;
  const iter = import_iovec(rw, umsg.msg_iov, umsg.msg_iov.length);
  if (IS_ERR(iter)) return iter;
  kmsg.msg_iter = iter;
  return 0;
}

/** Control messages of so many bytes are no burden. */
const SENDMSG_CTL_SIZE = 36;

function ___sys_sendmsg(
  sock: socket,
  umsg: user_msghdr,
  msg: msghdr,
  flags: number,
  allowed_msghdr_flags: number,
): number | Promise<number> {
  const err = copy_msghdr_from_user(msg, umsg, ITER_SOURCE);
  if (err < 0) return err;
  if (
    msg.msg_controllen > SENDMSG_CTL_SIZE && !sock_kmalloc(sock.sk as sock, msg.msg_controllen)
  ) return -ENOBUFS;
  if (msg.msg_namelen > 0) {
    const address = move_addr_to_kernel(umsg.msg_name ?? null, msg.msg_namelen);
    if (IS_ERR(address)) return address;
    msg.msg_name = address;
  }
  flags |= msg.msg_flags & allowed_msghdr_flags;
  flags &= ~MSG_INTERNAL_SENDMSG_FLAGS;
  if (((sock.file as file).f_flags & O_NONBLOCK) !== 0) flags |= MSG_DONTWAIT;
  msg.msg_flags = flags;
  return sock_sendmsg(sock, msg);
}

export function __sys_sendmsg(
  fd: number,
  msg: user_msghdr,
  flags: number,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  return put_after(file, ___sys_sendmsg(sock, msg, new msghdr(), flags, 0));
}

/** Bytes sent, or a negative errno. */
export function sys_sendmsg(
  fd: number,
  msg: user_msghdr,
  flags: number,
): number | Promise<number> {
  return __sys_sendmsg(fd, msg, flags);
}

/** Runs `one` for the messages in turn until it says stop; the last answer of it. */
function for_each_mmsg(
  mmsg: readonly mmsghdr[],
  vlen: number,
  i: number,
  one: (entry: mmsghdr, i: number) => number | Promise<number>,
  done: (ret: number, entry: mmsghdr) => boolean,
): number | Promise<number> {
  let ret = 0;
  for (; i < vlen; i++) {
    const entry = mmsg[i];
    const r = one(entry, i);
    if (r instanceof Promise) {
      const next = i + 1;
      return after_sleep(
        r,
        (v) => done(v, entry) ? v : for_each_mmsg(mmsg, vlen, next, one, done),
      );
    }
    ret = r;
    if (done(ret, entry)) break;
  }
  return ret;
}

/** Messages sent, or a negative errno where it is none. */
export function __sys_sendmmsg(
  fd: number,
  mmsg: readonly mmsghdr[],
  vlen: number,
  flags: number,
): number | Promise<number> {
  vlen = Math.min(vlen >>> 0, UIO_MAXIOV, mmsg.length);
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  let datagrams = 0;
  let msg = new msghdr();
  const err = for_each_mmsg(
    mmsg,
    vlen,
    0,
    (entry, i) => {
      msg = new msghdr();
      const f = i === vlen - 1 ? flags : flags | MSG_BATCH;
      return ___sys_sendmsg(sock, entry.msg_hdr, msg, f, MSG_EOR);
    },
    (ret, entry) => {
      if (ret < 0) return true;
      entry.msg_len = ret;
      datagrams++;
      return msg.msg_iter.count > 0;
    },
  );
  return put_after(file, after_sleep(err, (e) => datagrams !== 0 ? datagrams : Math.min(e, 0)));
}

export function sys_sendmmsg(
  fd: number,
  mmsg: readonly mmsghdr[],
  vlen: number,
  flags: number,
): number | Promise<number> {
  return __sys_sendmmsg(fd, mmsg, vlen, flags);
}

function ___sys_recvmsg(
  sock: socket,
  umsg: user_msghdr,
  msg: msghdr,
  flags: number,
): number | Promise<number> {
  const err = copy_msghdr_from_user(msg, umsg, ITER_DEST);
  if (err < 0) return err;
  const uaddr = umsg.msg_name ?? null;
  const uaddr_len = umsg.msg_namelen ?? SOCKADDR_IN_SIZE;
  const controllen = msg.msg_controllen;
  const address = new_address();
  msg.msg_name = address;
  msg.msg_namelen = 0;
  msg.msg_flags = flags & MSG_CMSG_CLOEXEC;
  if (((sock.file as file).f_flags & O_NONBLOCK) !== 0) flags |= MSG_DONTWAIT;
  return after_sleep(sock_recvmsg(sock, msg, flags), (len) => {
    if (len < 0) return len;
    if (uaddr !== null) {
      const ulen = Int32Array.of(uaddr_len);
      const e = move_addr_to_user(address, msg.msg_namelen, uaddr, ulen);
      if (e < 0) return e;
      umsg.msg_namelen = ulen[0];
    }
    umsg.msg_flags = msg.msg_flags;
    umsg.msg_controllen = controllen - msg.msg_controllen;
    return len;
  });
}

export function __sys_recvmsg(
  fd: number,
  msg: user_msghdr,
  flags: number,
): number | Promise<number> {
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  return put_after(file, ___sys_recvmsg(sock, msg, new msghdr(), flags));
}

/** Bytes received, 0 at the end, or a negative errno; msg tells the rest. */
export function sys_recvmsg(
  fd: number,
  msg: user_msghdr,
  flags: number,
): number | Promise<number> {
  return __sys_recvmsg(fd, msg, flags);
}

/** Messages received, or a negative errno where it is none. @differs a timeout in ns, null: none */
export function __sys_recvmmsg(
  fd: number,
  mmsg: readonly mmsghdr[],
  vlen: number,
  flags: number,
  timeout: number | null,
): number | Promise<number> {
  if (timeout !== null && !(timeout >= 0)) return -EINVAL;
  const sock = sockfd_lookup_light(fd);
  if (IS_ERR(sock)) return sock;
  const file = sock.file as file;
  const sk = sock.sk as sock;
  if ((flags & MSG_ERRQUEUE) === 0) {
    const err = sock_error(sk);
    if (err !== 0) return put_after(file, err);
  }
  const end = timeout === null ? Infinity : ktime_get_ns() + timeout;
  let datagrams = 0;
  let msg = new msghdr();
  const err = for_each_mmsg(
    mmsg,
    Math.min(vlen >>> 0, mmsg.length),
    0,
    (entry) => {
      msg = new msghdr();
      return ___sys_recvmsg(sock, entry.msg_hdr, msg, flags & ~MSG_WAITFORONE);
    },
    (ret, entry) => {
      if (ret < 0) return true;
      entry.msg_len = ret;
      datagrams++;
      if ((flags & MSG_WAITFORONE) !== 0) flags |= MSG_DONTWAIT;
      return ktime_get_ns() >= end || (msg.msg_flags & MSG_OOB) !== 0;
    },
  );
  return put_after(
    file,
    after_sleep(err, (e) => {
      if (e >= 0) return datagrams;
      if (datagrams === 0) return e;
      if (e !== -EAGAIN) sk.sk_err = -e;
      return datagrams;
    }),
  );
}

export function sys_recvmmsg(
  fd: number,
  mmsg: readonly mmsghdr[],
  vlen: number,
  flags: number,
  timeout: number | null,
): number | Promise<number> {
  return __sys_recvmmsg(fd, mmsg, vlen, flags, timeout);
}

// ---- the kernel as a program ----

export function kernel_bind(sock: socket, addr: sockaddr, addrlen: number): number {
  return sock.ops.bind(sock, addr, addrlen);
}

export function kernel_listen(sock: socket, backlog: number): number {
  return sock.ops.listen(sock, backlog);
}

export function kernel_connect(
  sock: socket,
  addr: sockaddr,
  addrlen: number,
  flags: number,
): number | Promise<number> {
  return sock.ops.connect(sock, addr, addrlen, flags);
}

export function kernel_getsockname(sock: socket, addr: sockaddr): number {
  return sock.ops.getname(sock, addr, 0);
}

export function kernel_getpeername(sock: socket, addr: sockaddr): number {
  return sock.ops.getname(sock, addr, 1);
}

export function kernel_sendmsg(sock: socket, msg: msghdr): number | Promise<number> {
  return sock_sendmsg(sock, msg);
}

export function kernel_recvmsg(
  sock: socket,
  msg: msghdr,
  flags: number,
): number | Promise<number> {
  return sock_recvmsg(sock, msg, flags);
}

export function kernel_sock_shutdown(sock: socket, how = SHUT_RDWR): number | Promise<number> {
  return sock.ops.shutdown(sock, how);
}

// ---- families ----

/** Makes an address family known: 0, -ENOBUFS or -EEXIST. */
export function sock_register(ops: net_proto_family): number {
  if (ops.family >= NPROTO) return -ENOBUFS;
  if (net_families[ops.family] !== null) return -EEXIST;
  net_families[ops.family] = ops;
  return 0;
}

export function sock_unregister(family: number): void {
  net_families[family] = null;
}

export function sock_is_registered(family: number): boolean {
  return family >= 0 && family < NPROTO && net_families[family] !== null;
}

/** No sockets, no families. */
export function sock_init(): number {
  living_sockets.clear();
  net_families.fill(null);
  skb_init();
  sk_init();
  return 0;
}

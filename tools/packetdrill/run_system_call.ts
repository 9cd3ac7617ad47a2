// SPDX-License-Identifier: GPL-2.0-only
//
// System calls of a script: arguments are translated, the call is made, its result, errno and what it stored are
// compared. A call with an end time may sleep while the script goes on.

import type { iovec } from "../../include/linux/uio.ts";
import {
  CMSG_ALIGN,
  CMSG_LEN,
  CMSG_SPACE,
  CMSGHDR_SIZE,
  SCM_TIMESTAMPING,
  SOL_IP,
  SOL_SOCKET,
} from "../../include/linux/socket.ts";
import type { user_msghdr } from "../../include/linux/socket.ts";
import { AF_INET, AF_UNSPEC } from "../../include/linux/socket.ts";
import { SEEK_SET } from "../../include/linux/fs.ts";
import { ENOENT, errname } from "../../include/uapi/asm-generic/errno.ts";
import type { epoll_event } from "../../include/uapi/linux/eventpoll.ts";
import { IP_RECVERR } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import type { pollfd } from "../../include/linux/poll.ts";
import type { userland } from "../../mod.ts";
import { EE_FIELDS } from "./script.ts";
import type { event, expr, syscall } from "./script.ts";
import { script_socket } from "./state.ts";
import type { state } from "./state.ts";
import { flag_names, symbol_value } from "./symbols.ts";

/** A call that has been made. */
interface made {
  ret: number | Promise<number>;
  /** The result is a descriptor: any will do where one is expected. */
  fd?: boolean;
  /** Looks at what the call stored. */
  check?: (ret: number) => void;
}

const RANGE = { min: -(2 ** 31), max: 2 ** 32 - 1 };

/** Values of a call's arguments. */
class arguments_of {
  constructor(readonly s: state, readonly call: syscall) {}

  count(...n: number[]): void {
    const { args } = this.call;
    if (!n.includes(args.length)) {
      this.s.fail(`Expected ${n.join(" or ")} args but got ${args.length}`);
    }
  }

  at(i: number): expr {
    return this.call.args[i] ?? this.s.fail("Argument list too short");
  }

  value(e: expr): number {
    if (e.type === "int") return e.value;
    if (e.type === "word") {
      return symbol_value(e.name) ?? this.s.fail(`Unknown symbol: '${e.name}'`);
    }
    if (e.type === "or") return (this.value(e.left) | this.value(e.right)) >>> 0;
    return this.s.fail(`Bad type; actual: ${e.type} expected: integer`);
  }

  /** An int32 of an expression; unsigned 32-bit values become negative. */
  int(e: expr): number {
    const v = this.value(e);
    if (v < RANGE.min || v > RANGE.max) this.s.fail(`Value out of range for 32-bit integer: ${v}`);
    return v | 0;
  }

  s32(i: number): number {
    return this.int(this.at(i));
  }

  /** The one element of [x]. */
  bracketed(i: number): number {
    const e = this.at(i);
    if (e.type !== "list" || e.items.length !== 1) this.s.fail("Expected [<element>]");
    return this.int(e.items[0]);
  }

  ellipsis(i: number): void {
    const e = this.at(i);
    if (e.type !== "ellipsis") this.s.fail(`Bad type; actual: ${e.type} expected: ellipsis`);
  }

  fd(i: number): number {
    return this.s.live_fd(this.s32(i));
  }

  /** A buffer of zeroes, or NULL. */
  buffer(i: number, count: number): Uint8Array {
    const e = this.at(i);
    if (e.type === "ellipsis") return new Uint8Array(Math.max(0, count));
    if (this.value(e) !== 0) this.s.fail("Expected ... or NULL for buffer");
    return null as unknown as Uint8Array;
  }

  iovec(items: readonly expr[]): iovec[] {
    return items.map((e) => {
      if (e.type !== "iovec") return this.s.fail(`Bad type; actual: ${e.type} expected: iovec`);
      return { iov_base: new Uint8Array(e.len), iov_len: e.len };
    });
  }
}

/** Where connect() and sendto() go; a socket that is new connects from now on. */
function run_connect(s: state, script_fd: number, family: number): sockaddr {
  const { config } = s;
  const addr = { sin_family: family, sin_port: config.connect_port, sin_addr: config.remote_ip };
  const sk = s.find_fd(script_fd) ?? s.fail(`unable to find socket with script fd ${script_fd}`);
  if (family === AF_UNSPEC) sk.state = "new";
  else if (sk.state === "new") {
    sk.state = "connecting";
    sk.remote_addr = config.remote_ip;
    sk.remote_port = config.connect_port;
    sk.local_addr = 0;
    sk.local_port = 0;
  }
  return addr;
}

/** The family of an address argument. */
function family_of(a: arguments_of, i: number): number {
  return a.at(i).type === "ellipsis" ? AF_INET : a.s32(i);
}

// ---- Control messages ----

function put_le(to: Uint8Array, at: number, v: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) to[at + i] = Math.floor(v / 2 ** (8 * i)) & 255;
}

interface cmsg {
  level: number;
  type: number;
  data: Uint8Array;
}

const SIZEOF_EXTENDED_ERR = 16;
const SIZEOF_SOCKADDR_IN = 16;

function expected_cmsg(a: arguments_of, e: expr): cmsg {
  if (e.type !== "cmsg") return a.s.fail(`Bad type; actual: ${e.type} expected: cmsg`);
  const level = a.int(e.level);
  const type = a.int(e.cmsg_type);
  let data = new Uint8Array(4);
  if (e.data.type === "scm_timestamping") {
    data = new Uint8Array(48);
    put_le(data, 0, e.data.sec, 8);
    put_le(data, 8, e.data.nsec, 8);
  } else if (e.data.type === "extended_err") {
    data = new Uint8Array(SIZEOF_EXTENDED_ERR + SIZEOF_SOCKADDR_IN);
    const { fields } = e.data;
    const [errno, origin, ee_type, code, info, ee_data] = EE_FIELDS.map((f) => a.int(fields[f]));
    put_le(data, 0, errno >>> 0, 4);
    data.set([origin, ee_type, code], 4);
    put_le(data, 8, info >>> 0, 4);
    put_le(data, 12, ee_data >>> 0, 4);
  } else put_le(data, 0, a.int(e.data) >>> 0, 4);
  return { level, type, data };
}

function actual_cmsgs(control: Uint8Array, len: number): cmsg[] {
  const out: cmsg[] = [];
  const dv = new DataView(control.buffer, control.byteOffset, control.byteLength);
  for (let at = 0; at + CMSGHDR_SIZE <= len;) {
    const clen = dv.getUint32(at, true);
    if (clen < CMSGHDR_SIZE) break;
    out.push({
      level: dv.getInt32(at + 8, true),
      type: dv.getInt32(at + 12, true),
      data: control.slice(at + CMSGHDR_SIZE, at + clen),
    });
    at += CMSG_ALIGN(clen);
  }
  return out;
}

/** The stored times against the script's; 0 stands for any. */
function check_timestamping(s: state, want: Uint8Array, got: Uint8Array, index: number): void {
  const us = (b: Uint8Array, i: number): number => {
    const dv = new DataView(b.buffer, b.byteOffset);
    return dv.getUint32(i * 16, true) * 1e6 + dv.getUint32(i * 16 + 8, true) / 1000;
  };
  for (let i = 0; i < 3; i++) {
    const expected = us(want, i);
    if (expected === 0) continue;
    const actual = us(got, i) - s.start_real / 1000;
    if (Math.abs(actual - expected) > s.config.tolerance_usecs) {
      s.fail(
        `Bad timestamp ${i} in scm_timestamping ${index}: ` +
          `expected=${expected} us actual=${Math.round(actual)} us`,
      );
    }
  }
}

function check_extended_err(s: state, want: Uint8Array, got: Uint8Array, index: number): void {
  const fields = (b: Uint8Array): number[] => {
    const dv = new DataView(b.buffer, b.byteOffset);
    return [dv.getUint32(0, true), b[4], b[5], b[6], dv.getUint32(8, true), dv.getUint32(12, true)];
  };
  const [w, g] = [fields(want), fields(got)];
  for (const [i, name] of EE_FIELDS.entries()) {
    if (w[i] !== g[i]) {
      s.fail(`Bad ${name} in extended err ${index}: expected=${w[i]} actual=${g[i]}`);
    }
  }
}

function check_cmsgs(s: state, want: readonly cmsg[], got: readonly cmsg[]): void {
  for (let i = 0; i < Math.min(want.length, got.length); i++) {
    const [w, g] = [want[i], got[i]];
    const fields: [string, number, number][] = [
      ["level", w.level, g.level],
      ["type", w.type, g.type],
      ["len", CMSG_LEN(w.data.length), CMSG_LEN(g.data.length)],
    ];
    for (const [name, a, b] of fields) {
      if (a !== b) s.fail(`Bad ${name} in cmsg ${i}: expected=${a} actual=${b}`);
    }
    if (w.level === SOL_IP && w.type === IP_RECVERR) check_extended_err(s, w.data, g.data, i);
    else if (w.level === SOL_SOCKET && w.type === SCM_TIMESTAMPING) {
      check_timestamping(s, w.data, g.data, i);
    } else if (w.data.some((b, j) => b !== g.data[j])) {
      s.fail(`Bad data in cmsg ${i}: expected=${w.data.join(" ")} actual=${g.data.join(" ")}`);
    }
  }
  if (got.length > want.length) s.fail(`received more than ${want.length} cmsgs`);
  if (got.length < want.length) s.fail(`received only ${got.length} cmsgs`);
}

// ---- Calls ----

type handler = (a: arguments_of, u: userland) => made;

function new_socket(a: arguments_of, u: userland): made {
  a.count(3);
  const domain = family_of(a, 0);
  const type = a.s32(1);
  const protocol = a.s32(2);
  const script_fd = a.int(a.call.result);
  const ret = u.sys_socket(domain, type, protocol);
  const check = (fd: number): void => {
    if (fd < 0) return;
    if (a.s.find_fd(script_fd) !== undefined) a.s.fail(`duplicate fd ${script_fd} in script`);
    const sk = new script_socket("new", protocol);
    sk.script_fd = script_fd;
    sk.live_fd = fd;
    a.s.sockets.unshift(sk);
    a.s.socket_under_test = sk;
  };
  return { ret, fd: true, check };
}

function accept(a: arguments_of, u: userland): made {
  a.count(3);
  const listener = a.fd(0);
  a.ellipsis(1);
  a.ellipsis(2);
  const addr: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
  const ret = u.sys_accept(listener, addr);
  const check = (fd: number): void => {
    if (fd < 0) return;
    const sk =
      a.s.sockets.find((x) =>
        (x.state === "synack_sent" || x.state === "synack_acked") && x.remote_port === addr.sin_port
      ) ?? a.s.fail("unable to find socket matching accept() call");
    sk.script_fd = a.int(a.call.result);
    sk.live_fd = fd;
  };
  return { ret, fd: true, check };
}

function listen(a: arguments_of, u: userland): made {
  a.count(2);
  const sk = a.s.find_fd(a.s32(0));
  const check = (): void => {
    if (sk === undefined) a.s.fail("unable to find socket");
    sk.state = "listening";
  };
  return { ret: u.sys_listen(a.fd(0), a.s32(1)), check };
}

function close(a: arguments_of, u: userland): made {
  a.count(1);
  const script_fd = a.s32(0);
  const fd = a.fd(0);
  const check = (): void => {
    const sk = a.s.find_fd(script_fd);
    if (sk !== undefined) sk.closed = true;
    else a.s.fds.delete(script_fd);
  };
  return { ret: u.sys_close(fd), check };
}

function recvmsg(a: arguments_of, u: userland): made {
  a.count(3);
  const e = a.at(1);
  if (e.type !== "msghdr") return a.s.fail(`Bad type; actual: ${e.type} expected: msghdr`);
  if (e.iov.length !== e.iovlen) a.s.fail("msg_iovlen does not match iovec array");
  const want = e.control.map((c) => expected_cmsg(a, c));
  const flags = a.int(e.flags);
  const room = want.reduce((n, c) => n + CMSG_SPACE(c.data.length), 0);
  const msg: user_msghdr = {
    msg_name: { sin_family: 0, sin_port: 0, sin_addr: 0 },
    msg_namelen: 128,
    msg_iov: a.iovec(e.iov),
    msg_control: new Uint8Array(room),
    msg_controllen: room,
    msg_flags: flags,
  };
  const control = msg.msg_control!;
  const check = (): void => {
    const got = msg.msg_flags ?? 0;
    if (got !== flags) {
      const name = (v: number): string => flag_names("MSG_", v);
      a.s.fail(`Expected msg_flags ${name(flags)} but got ${name(got)}`);
    }
    check_cmsgs(a.s, want, actual_cmsgs(control, msg.msg_controllen ?? 0));
  };
  return { ret: u.sys_recvmsg(a.fd(0), msg, a.s32(2)), check };
}

function sendmsg(a: arguments_of, u: userland): made {
  a.count(3);
  const e = a.at(1);
  if (e.type !== "msghdr") return a.s.fail(`Bad type; actual: ${e.type} expected: msghdr`);
  if (e.iov.length !== e.iovlen) a.s.fail("msg_iovlen does not match iovec array");
  if (a.int(e.flags) !== 0) a.s.fail("sendmsg ignores msg_flags field in msghdr");
  const msg: user_msghdr = {
    msg_name: run_connect(a.s, a.s32(0), AF_INET),
    msg_iov: a.iovec(e.iov),
  };
  return { ret: u.sys_sendmsg(a.fd(0), msg, a.s32(2)) };
}

function sendto(a: arguments_of, u: userland): made {
  a.count(6);
  const count = a.s32(2);
  const buf = a.buffer(1, count);
  a.ellipsis(5);
  const addr = run_connect(a.s, a.s32(0), family_of(a, 4));
  return { ret: u.sys_sendto(a.fd(0), buf, count, a.s32(3), addr) };
}

function connect(a: arguments_of, u: userland): made {
  a.count(3);
  a.ellipsis(2);
  const addr = run_connect(a.s, a.s32(0), family_of(a, 1));
  return { ret: u.sys_connect(a.fd(0), addr) };
}

function setsockopt(a: arguments_of, u: userland): made {
  a.count(5);
  const e = a.at(3);
  const len = a.s32(4);
  let val = new Uint8Array(Math.max(4, len));
  if (e.type === "list") put_le(val, 0, a.bracketed(3) >>> 0, 4);
  else if (e.type === "string") {
    val = new Uint8Array(Math.max(e.bytes.length, len));
    val.set(e.bytes);
  } else if (e.type === "linger") {
    val = new Uint8Array(Math.max(8, len));
    put_le(val, 0, e.onoff, 4);
    put_le(val, 4, e.linger, 4);
  } else a.s.fail(`unsupported setsockopt value type: ${e.type}`);
  return { ret: u.sys_setsockopt(a.fd(0), a.s32(1), a.s32(2), val, len) };
}

function getsockopt(a: arguments_of, u: userland): made {
  a.count(5);
  const e = a.at(3);
  const len = a.bracketed(4);
  const val = new Uint8Array(len + 1);
  const optlen = Int32Array.of(len);
  const check = (): void => {
    if (optlen[0] !== len) {
      a.s.fail(`Bad getsockopt optlen: expected: ${len} actual: ${optlen[0]}`);
    }
    if (e.type === "string") {
      const text = (b: Uint8Array): string => JSON.stringify(new TextDecoder().decode(b));
      if (len !== e.bytes.length || e.bytes.some((b, i) => b !== val[i])) {
        a.s.fail(`Bad getsockopt optval: expected: ${text(e.bytes)} actual: ${text(val)}`);
      }
      return;
    }
    const want = a.bracketed(3);
    if (len !== 4) a.s.fail(`Unsupported getsockopt optlen: ${len}`);
    const got = new DataView(val.buffer).getInt32(0, true);
    if (got !== want) a.s.fail(`Bad getsockopt optval: expected: ${want} actual: ${got}`);
  };
  return { ret: u.sys_getsockopt(a.fd(0), a.s32(1), a.s32(2), val, optlen), check };
}

function ioctl(a: arguments_of, u: userland): made {
  a.count(2, 3);
  if (a.call.args.length === 2) return { ret: u.sys_ioctl(a.fd(0), a.s32(1)) };
  const want = a.bracketed(2);
  const val = new Int32Array(1);
  const check = (): void => {
    if (val[0] !== want) a.s.fail(`Bad ioctl optval: expected: ${want} actual: ${val[0]}`);
  };
  return { ret: u.sys_ioctl(a.fd(0), a.s32(1), val), check };
}

function poll(a: arguments_of, u: userland): made {
  a.count(3);
  const e = a.at(0);
  if (e.type !== "list") return a.s.fail(`Bad type; actual: ${e.type} expected: list`);
  const want: number[] = [];
  const fds: pollfd[] = e.items.map((p) => {
    if (p.type !== "pollfd") return a.s.fail(`Bad type; actual: ${p.type} expected: pollfd`);
    want.push(p.revents === null ? 0 : a.int(p.revents));
    return { fd: a.s.live_fd(a.int(p.fd)), events: a.int(p.events), revents: 0 };
  });
  if (a.s32(1) !== fds.length) a.s.fail("nfds does not match pollfd array");
  const check = (): void => {
    for (const [i, f] of fds.entries()) {
      if (f.revents === want[i]) continue;
      const name = (v: number): string => flag_names("POLL", v);
      a.s.fail(`Expected revents of ${name(want[i])} but got ${name(f.revents)} for pollfd ${i}`);
    }
  };
  return { ret: u.sys_poll(fds, fds.length, a.s32(2)), check };
}

/** An event as epoll has it. */
function epoll_event_of(a: arguments_of, i: number): epoll_event {
  const e = a.at(i);
  if (e.type !== "epollev") return a.s.fail(`Bad type; actual: ${e.type} expected: epollev`);
  const v = a.value(e.value);
  return { events: a.int(e.events), data: e.data === "fd" ? a.s.live_fd(v) : v };
}

function epoll_wait(a: arguments_of, u: userland): made {
  a.count(4);
  const want = epoll_event_of(a, 1);
  const events: epoll_event[] = Array.from(
    { length: Math.max(1, a.s32(2)) },
    () => ({ events: 0, data: 0 }),
  );
  const check = (): void => {
    const got = events[0] ?? { events: 0, data: 0 };
    const name = (v: number): string => v === 0 ? "0" : flag_names("EPOLL", v);
    if ((got.events | 0) !== (want.events | 0)) {
      a.s.fail(
        `epoll_event->events does not match script: ` +
          `expected: ${name(want.events)} actual: ${name(got.events)}`,
      );
    }
    if (got.data !== want.data) {
      a.s.fail(
        `epoll_event->data does not match script: expected: ${want.data} actual: ${got.data}`,
      );
    }
  };
  return { ret: u.sys_epoll_wait(a.fd(0), events, a.s32(2), a.s32(3)), check };
}

function epoll_create(a: arguments_of, u: userland): made {
  a.count(1);
  const check = (fd: number): void => void a.s.fds.set(a.int(a.call.result), fd);
  return { ret: u.sys_epoll_create1(0), fd: true, check };
}

/** The script's file that a command made before. */
function open(a: arguments_of, u: userland): made {
  a.count(2);
  const e = a.at(0);
  if (e.type !== "string") return a.s.fail(`Bad type; actual: ${e.type} expected: string`);
  a.s32(1);
  const name = new TextDecoder().decode(e.bytes);
  const text = a.s.files.get(name);
  if (text === undefined) return { ret: -ENOENT, fd: true };
  const fd = u.sys_memfd_create(name);
  u.sys_write(fd, Uint8Array.from(text, (c) => c.charCodeAt(0)));
  u.sys_lseek(fd, 0, SEEK_SET);
  const check = (): void => void a.s.fds.set(a.int(a.call.result), fd);
  return { ret: fd, fd: true, check };
}

/** A position in [x], or NULL. */
function offset_of(a: arguments_of, i: number): Float64Array | null {
  if (a.at(i).type === "list") return Float64Array.of(a.bracketed(i));
  if (a.s32(i) !== 0) a.s.fail("Expected [<offset>] or NULL");
  return null;
}

/** pipe([3, 4]) */
function pipe(a: arguments_of, u: userland): made {
  a.count(1);
  const e = a.at(0);
  if (e.type !== "list" || e.items.length !== 2) return a.s.fail("Expected [<fd>, <fd>]");
  const live = new Int32Array(2);
  const check = (ret: number): void => {
    for (const [i, x] of e.items.entries()) if (ret === 0) a.s.fds.set(a.int(x), live[i]);
  };
  return { ret: u.sys_pipe2(live), check };
}

const handlers: Record<string, handler> = {
  socket: new_socket,
  bind: (a, u) => {
    a.count(3);
    a.ellipsis(1);
    a.ellipsis(2);
    const { local_ip, bind_port } = a.s.config;
    const addr = { sin_family: AF_INET, sin_port: bind_port, sin_addr: local_ip };
    return { ret: u.sys_bind(a.fd(0), addr) };
  },
  listen,
  accept,
  connect,
  close,
  shutdown: (a, u) => ({ ret: u.sys_shutdown(a.fd(0), a.s32(1)) }),
  read: (a, u) => ({ ret: u.sys_read(a.fd(0), a.buffer(1, a.s32(2)), a.s32(2)) }),
  write: (a, u) => ({ ret: u.sys_write(a.fd(0), a.buffer(1, a.s32(2)), a.s32(2)) }),
  readv: (a, u) => ({ ret: u.sys_readv(a.fd(0), vector(a), a.s32(2)) }),
  writev: (a, u) => ({ ret: u.sys_writev(a.fd(0), vector(a), a.s32(2)) }),
  recv: (a, u) => ({ ret: u.sys_recv(a.fd(0), a.buffer(1, a.s32(2)), a.s32(2), a.s32(3)) }),
  send: (a, u) => ({ ret: u.sys_send(a.fd(0), a.buffer(1, a.s32(2)), a.s32(2), a.s32(3)) }),
  recvfrom: (a, u) => {
    const addr: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    a.count(6);
    return { ret: u.sys_recvfrom(a.fd(0), a.buffer(1, a.s32(2)), a.s32(2), a.s32(3), addr) };
  },
  sendto,
  recvmsg,
  sendmsg,
  setsockopt,
  getsockopt,
  fcntl: (a, u) => {
    a.count(2, 3);
    return { ret: u.sys_fcntl(a.fd(0), a.s32(1), a.call.args.length === 3 ? a.s32(2) : 0) };
  },
  ioctl,
  open,
  sendfile: (a, u) => {
    a.count(4);
    return { ret: u.sys_sendfile(a.fd(0), a.fd(1), offset_of(a, 2), a.s32(3)) };
  },
  pipe,
  splice: (a, u) => {
    a.count(6);
    const [off_in, off_out] = [offset_of(a, 1), offset_of(a, 3)];
    return { ret: u.sys_splice(a.fd(0), off_in, a.fd(2), off_out, a.s32(4), a.s32(5)) };
  },
  poll,
  epoll_create,
  epoll_ctl: (a, u) => {
    a.count(4);
    return { ret: u.sys_epoll_ctl(a.fd(0), a.s32(1), a.fd(2), epoll_event_of(a, 3)) };
  },
  epoll_wait,
};

function vector(a: arguments_of): iovec[] {
  const e = a.at(1);
  if (e.type !== "list") return a.s.fail(`Bad type; actual: ${e.type} expected: list`);
  const iov = a.iovec(e.items);
  if (a.s32(2) !== iov.length) a.s.fail("iov_count does not match iovec array");
  return iov;
}

/** Compares the result with what the script wants. */
function end_call(a: arguments_of, m: made, ret: number): void {
  const { s, call } = a;
  const want = a.int(call.result);
  const got = ret < 0 ? -1 : ret | 0;
  const errno = ret < 0 ? errname(-ret) : "no error";
  s.log?.(`${call.name}() = ${got}${ret < 0 ? ` ${errno}` : ""} at ${(s.now() / 1e6).toFixed(6)}`);
  if (m.fd === true && want >= 0) {
    if (ret < 0) s.fail(`Expected non-negative result but got ${got} with errno ${errno}`);
  } else if (got !== want) {
    s.fail(`Expected result ${want} but got ${got} with errno ${errno}`);
  }
  if (call.errno !== null) {
    const e = symbol_value(call.errno) ?? s.fail(`Unknown symbol: '${call.errno}'`);
    if (e !== -ret) s.fail(`Expected errno ${call.errno} but got ${errno}`);
  }
  m.check?.(ret);
}

function make_call(s: state, call: syscall, u: userland): { a: arguments_of; m: made } {
  const handler = handlers[call.name] ?? s.fail(`Unknown system call: '${call.name}'`);
  const a = new arguments_of(s, call);
  return { a, m: handler(a, u) };
}

const IDLE_LIMIT_US = 1e6;
const CALL_LIMIT_US = 3600e6;

/** Waits for a call that sleeps, a second at most: whether none does any more. Throws what it met with. */
export async function await_idle(s: state): Promise<boolean> {
  const { blocking } = s;
  if (blocking === null) return true;
  await s.wait_until(() => blocking.finished, s.now() + IDLE_LIMIT_US);
  check_blocking(s);
  return s.blocking === null;
}

/** Throws what a call that sleeps has met with. */
export function check_blocking(s: state): void {
  const { blocking } = s;
  if (blocking === null || !blocking.finished) return;
  s.blocking = null;
  if (blocking.error !== null) throw blocking.error;
}

async function run_blocking(s: state, ev: event, call: syscall, end: number): Promise<void> {
  if (!await await_idle(s)) {
    s.fail("blocking system call while another blocking system call is already in progress");
  }
  const { a, m } = make_call(s, call, s.thread);
  const finish = (ret: number): void => {
    const now = s.now();
    const at = s.event;
    // What follows is about the event of the call, not about that which runs meanwhile.
    s.event = ev;
    try {
      end_call(a, m, ret);
      s.verify_time(ev.time_type, end, 0, now, ev.time, "system call return");
    } finally {
      s.event = at;
    }
  };
  if (!(m.ret instanceof Promise)) {
    finish(m.ret);
    return;
  }
  const b = { line: ev.line, name: call.name, finished: false, error: null as unknown };
  const done = m.ret.then(finish).catch((e) => void (b.error = e)).finally(() => b.finished = true);
  s.blocking = Object.assign(b, { done });
  await s.sim.settle();
}

/** Carries out a system call. */
export async function run_system_call(
  s: state,
  ev: event,
  call: syscall,
  wait: () => Promise<void>,
): Promise<void> {
  await wait();
  if (call.end !== null) {
    await run_blocking(s, ev, call, call.end);
    return;
  }
  await await_idle(s);
  const { a, m } = make_call(s, call, s.u);
  let { ret } = m;
  if (ret instanceof Promise) {
    let value: number | null = null;
    let error: unknown = null;
    ret.then((v) => value = v, (e) => error = e);
    const limit = s.now() + CALL_LIMIT_US;
    await s.wait_until(() => value !== null || error !== null, limit);
    if (error !== null) throw error;
    ret = value ?? s.fail("the call sleeps and nothing can wake it");
  }
  end_call(a, m, ret);
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The host's system calls, through FFI to its libc. The names are those of arch/um/os-Linux, the
// kernel's own port to a process; what they return is the kernel's convention: a result, or a
// negative errno. Nothing is loaded before the first call, so that importing this file needs neither
// Linux nor a permission.
//
// Counts and results are declared u32 and i32, since only those take V8's fast call; an address goes
// as u64 in a BigInt made once. errno is read by memcpy and not through an UnsafePointerView, which
// --allow-ffi=PATH does not cover.

import { EACCES, EINTR, ENOENT, ENOSYS, EPERM } from "../../include/uapi/asm-generic/errno.ts";
import { errname } from "../../include/uapi/asm-generic/errno.ts";

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

export const POLLIN = 0x0001;
export const POLLOUT = 0x0004;
export const POLLERR = 0x0008;
export const POLLHUP = 0x0010;
export const POLLNVAL = 0x0020;

export const EFD_NONBLOCK = O_NONBLOCK;
export const EFD_CLOEXEC = O_CLOEXEC;
export const PR_SET_TIMERSLACK = 29;
export const CLONE_NEWNET = 0x40000000;
export const AF_INET = 2;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = O_CLOEXEC;

/** Bytes of a struct pollfd, of a struct iovec and of a struct timespec on 64-bit machines. */
export const POLLFD_SIZE = 8;
export const IOVEC_SIZE = 16;
export const TIMESPEC_SIZE = 16;

const libc_interface = {
  __errno_location: { parameters: [], result: "pointer" },
  copy_from: { name: "memcpy", parameters: ["buffer", "pointer", "u32"], result: "void" },
  address_of: { name: "memcpy", parameters: ["buffer", "buffer", "u32"], result: "u64" },
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  ioctl_int: { name: "ioctl", parameters: ["i32", "u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  read_dma: { name: "read", parameters: ["i32", "u64", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write_dma: { name: "write", parameters: ["i32", "u64", "u32"], result: "i32" },
  readv: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  writev: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  ppoll: { parameters: ["buffer", "u32", "buffer", "pointer"], result: "i32" },
  ppoll_async: {
    name: "ppoll",
    parameters: ["buffer", "u32", "buffer", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  ppoll_async_forever: {
    name: "ppoll",
    parameters: ["buffer", "u32", "pointer", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  prctl: { parameters: ["i32", "u32", "u32", "u32", "u32"], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  mount: { parameters: ["buffer", "buffer", "buffer", "u32", "pointer"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  geteuid: { parameters: [], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libc that the port calls. */
export type libc_symbols = Deno.StaticForeignLibraryInterface<typeof libc_interface>;

/** What a call to the host ended in, thrown where a program sets up a machine. @local */
export class os_error extends Error {
  /** The errno's name, as in node:net. */
  readonly code: string;
  /** Positive. */
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.name = "os_error";
    this.errno = Math.abs(errno);
    this.code = errname(errno);
  }
}

let symbols: libc_symbols | null = null;
let errno_location: Deno.PointerValue = null;
const errno_copy = new Int32Array(1);

/** Where the C library is, the real paths of the usual distributions. */
function libc_paths(): string[] {
  const arch = Deno.build.arch;
  return [
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    `/lib/${arch}-linux-gnu/libc.so.6`,
    "/usr/lib64/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
  ];
}

/** Opens the C library; @throws os_error that says which permission or system is lacking. */
function os_dlopen(): libc_symbols {
  if (Deno.build.os !== "linux") {
    throw new os_error(ENOSYS, `a NIC needs Linux, this is ${Deno.build.os}: use --nic=wire`);
  }
  const paths = libc_paths();
  const granted = (path: string) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
  let candidates = paths.filter(granted);
  // The loader finds it by name, but a grant of one path does not cover that.
  if (Deno.permissions.querySync({ name: "ffi" }).state === "granted") candidates = ["libc.so.6"];
  for (const path of candidates) {
    try {
      return Deno.dlopen(path, libc_interface).symbols;
    } catch (e) {
      if (e instanceof Deno.errors.NotCapable) continue;
      if (path === candidates[candidates.length - 1]) {
        throw new os_error(ENOENT, `cannot load ${path}: ${(e as Error).message}`);
      }
    }
  }
  throw new os_error(
    EACCES,
    `the NIC's system calls need permission: run deno with --allow-ffi=${paths[0]}`,
  );
}

/** The C library's functions, loaded at the first call. @local */
export function libc(): libc_symbols {
  if (symbols === null) {
    symbols = os_dlopen();
    errno_location = symbols.__errno_location();
  }
  return symbols;
}

/** The library if it is in use already, else null. @local */
export function libc_loaded(): libc_symbols | null {
  return symbols;
}

/** Whether libc() will answer rather than throw, without asking the user for anything. @local */
export function libc_available(): boolean {
  if (symbols !== null) return true;
  try {
    libc();
    return true;
  } catch (_) {
    return false;
  }
}

/** The calling thread's errno negated: says nothing about a call off the main thread. @local */
export function os_errno(): number {
  symbols!.copy_from(errno_copy, errno_location, 4);
  return -errno_copy[0];
}

/** A C string. */
function cstr(s: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(s + "\0");
}

/** The host's address of a buffer's first byte. The buffer must outlive what is done with it. */
export function os_address_of(buf: Uint8Array<ArrayBuffer>): bigint {
  return libc().address_of(buf, buf, 0);
}

/** Opens a file; a descriptor or -errno. */
export function os_open_file(file: string, flags: number, mode: number): number {
  const fd = libc().open(cstr(file), flags | O_CLOEXEC, mode);
  return fd < 0 ? os_errno() : fd;
}

export function os_close_file(fd: number): number {
  return libc().close(fd) < 0 ? os_errno() : 0;
}

/** ioctl with a pointer to a struct; its result or -errno. */
export function os_ioctl_generic(fd: number, cmd: number, arg: Uint8Array<ArrayBuffer>): number {
  const ret = libc().ioctl(fd, cmd, arg);
  return ret < 0 ? os_errno() : ret;
}

/** ioctl with an int as its argument. @local */
export function os_ioctl_int(fd: number, cmd: number, arg: number): number {
  const ret = libc().ioctl_int(fd, cmd, arg);
  return ret < 0 ? os_errno() : ret;
}

/** Bytes read, 0 at the end, or -errno. */
export function os_read_file(fd: number, buf: Uint8Array<ArrayBuffer>, len: number): number {
  const n = libc().read(fd, buf, len);
  return n < 0 ? os_errno() : n;
}

/** Bytes written or -errno. */
export function os_write_file(fd: number, buf: Uint8Array<ArrayBuffer>, len: number): number {
  const n = libc().write(fd, buf, len);
  return n < 0 ? os_errno() : n;
}

/** A nonblocking eventfd, or -errno. */
export function os_eventfd(initval: number, flags: number): number {
  const fd = libc().eventfd(initval, flags | EFD_CLOEXEC);
  return fd < 0 ? os_errno() : fd;
}

/** A socket for interface ioctls, or -errno. @local */
export function os_socket_dgram(): number {
  const fd = libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? os_errno() : fd;
}

/** How much later than asked the host may end a sleep, ns. */
export function os_set_timerslack(ns: number): void {
  libc().prctl(PR_SET_TIMERSLACK, ns, 0, 0, 0);
}

/** Lets whoever else waits for this core go first. */
export function os_sched_yield(): void {
  libc().sched_yield();
}

/** Target of a symbolic link, or -errno. */
export function os_readlink(path: string): string | number {
  const buf = new Uint8Array(256);
  const n = libc().readlink(cstr(path), buf, buf.length);
  return n < 0 ? os_errno() : new TextDecoder().decode(buf.subarray(0, n));
}

/** Moves the calling thread, and no other, into new namespaces. 0 or -errno. */
export function os_unshare(flags: number): number {
  return libc().unshare(flags) < 0 ? os_errno() : 0;
}

/** Moves the calling thread into the namespace that fd refers to. 0 or -errno. */
export function os_setns(fd: number, nstype: number): number {
  return libc().setns(fd, nstype) < 0 ? os_errno() : 0;
}

/** Mounts without data. 0 or -errno. */
export function os_mount(source: string, target: string, type: string, flags: number): number {
  const ret = libc().mount(cstr(source), cstr(target), cstr(type), flags, null);
  return ret < 0 ? os_errno() : 0;
}

export function os_getpid(): number {
  return libc().getpid();
}

/** The user in whose name the process acts; 0 is root. */
export function os_geteuid(): number {
  return libc().geteuid();
}

const sync_timeout = new Int32Array(4);

/** Writes a duration, ns and less than 2^31 s, into a struct timespec. */
function set_timespec(ts: Int32Array, ns: number): void {
  const sec = Math.floor(ns / 1e9);
  ts[0] = sec;
  ts[2] = ns - sec * 1e9;
}

/**
 * Waits for one of nfds struct pollfd, at most timeout ns, blocking the thread. Answers how many are
 * ready, 0 at the timeout or after a signal, or -errno.
 */
export function os_poll(fds: Int32Array<ArrayBuffer>, nfds: number, timeout_ns: number): number {
  set_timespec(sync_timeout, timeout_ns);
  const n = libc().ppoll(fds, nfds, sync_timeout, null);
  if (n >= 0) return n;
  const err = os_errno();
  return err === -EINTR ? 0 : err;
}

/**
 * os_poll() on another thread, timeout_ns Infinity for no end. `ts` is a struct timespec that, like
 * `fds`, is the host's until the promise resolves: to the number ready, or -1 where the call failed.
 */
export function os_poll_async(
  fds: Int32Array<ArrayBuffer>,
  nfds: number,
  timeout_ns: number,
  ts: Int32Array<ArrayBuffer>,
): Promise<number> {
  if (timeout_ns === Infinity) return libc().ppoll_async_forever(fds, nfds, null, null);
  set_timespec(ts, timeout_ns);
  return libc().ppoll_async(fds, nfds, ts, null);
}

/** Whether a host error means that the user lacks a right. @local */
export function is_permission_error(err: number): boolean {
  return err === -EPERM || err === -EACCES;
}

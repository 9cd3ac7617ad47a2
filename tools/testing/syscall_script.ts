// SPDX-License-Identifier: GPL-2.0-only
//
// Scripts of system calls: one call a line, with its answer, so that a test reads like a shell session and
// its answers can be those that another kernel gave. syscall_script() runs the calls of one task over the
// loopback device and gives the same text with the answers of this stack.
//
//   socket s stream = ok          names a descriptor
//   &1 recv s 10 = asleep         starts a call that may sleep; what it has come to after 60 ms
//   join 1 = 3 abc                waits for it: bytes received, and which where they are few
//   get s SO_LINGER = 0,0         options by name, or LEVEL/NUMBER; errors by name: -EINVAL

import { assertEquals } from "@std/assert";
import { O_NONBLOCK } from "../../include/linux/fs.ts";
import { SHUT_RD, SHUT_RDWR, SHUT_WR } from "../../include/linux/net.ts";
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../include/linux/net.ts";
import { SOCK_RAW, SOCK_STREAM } from "../../include/linux/net.ts";
import * as so from "../../include/linux/socket.ts";
import type { iovec } from "../../include/linux/uio.ts";
import { errname } from "../../include/uapi/asm-generic/errno.ts";
import * as ip from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import * as tcp from "../../include/uapi/linux/tcp.ts";
import { msleep } from "../../kernel/time/timer.ts";
import { inet_addr, inet_ntoa } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { two_hosts } from "./two_hosts.ts";

const SHUT: Record<string, number> = { RD: SHUT_RD, WR: SHUT_WR, RDWR: SHUT_RDWR };

const TYPES: Record<string, number> = { stream: SOCK_STREAM, dgram: SOCK_DGRAM, raw: SOCK_RAW };

const MSG: Record<string, number> = {
  OOB: so.MSG_OOB,
  PEEK: so.MSG_PEEK,
  DONTROUTE: so.MSG_DONTROUTE,
  CTRUNC: so.MSG_CTRUNC,
  TRUNC: so.MSG_TRUNC,
  DONTWAIT: so.MSG_DONTWAIT,
  EOR: so.MSG_EOR,
  WAITALL: so.MSG_WAITALL,
  ERRQUEUE: so.MSG_ERRQUEUE,
  NOSIGNAL: so.MSG_NOSIGNAL,
  MORE: so.MSG_MORE,
  FASTOPEN: so.MSG_FASTOPEN,
  CONFIRM: so.MSG_CONFIRM,
};

const POLL: Record<string, number> = {
  IN: 1,
  PRI: 2,
  OUT: 4,
  ERR: 8,
  HUP: 16,
  NVAL: 32,
  RDNORM: 64,
  RDBAND: 128,
  WRNORM: 256,
  WRBAND: 512,
  RDHUP: 0x2000,
};

const STATES = [
  "?",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

/** Bytes of an option's value that is no int. */
const VALUE_SIZE: Record<string, number> = {
  SO_LINGER: 8,
  SO_RCVTIMEO: 16,
  SO_SNDTIMEO: 16,
  TCP_CONGESTION: 16,
  TCP_ULP: 16,
};

type answer = string | number;

function flags(word: string, table: Record<string, number>): number {
  let v = 0;
  for (const f of word.split("|")) v |= table[f] ?? Number(f);
  return v;
}

function names(v: number, table: Record<string, number>): string {
  const set = Object.keys(table).filter((n) => (v & table[n]) !== 0);
  return set.join("|") || "0";
}

/** The bytes of 'text', '-' (none), or '1000x'. */
function bytes_of(word: string): Uint8Array {
  if (word === "-") return new Uint8Array(0);
  if (!/^\d+x$/.test(word)) return Uint8Array.from(word, (c) => c.charCodeAt(0));
  return Uint8Array.from(
    { length: parseInt(word) },
    (_, i) => "0123456789abcdef".charCodeAt(i & 15),
  );
}

/** The errno's name for an error. */
function show(ret: number): answer {
  return ret < 0 ? `-${errname(ret)}` : ret;
}

/** Bytes received, and which where they are few. */
function show_data(n: number, buf: Uint8Array, extra = ""): answer {
  if (n < 0) return show(n);
  const text = n > 0 && n <= 16 ? " " + String.fromCharCode(...buf.subarray(0, n)) : "";
  return `${n}${text}${extra}`;
}

function option(name: string): [level: number, name: number] {
  if (name.includes("/")) return name.split("/").map(Number) as [number, number];
  const [level, table]: [number, object] = name.startsWith("SO_")
    ? [so.SOL_SOCKET, so]
    : name.startsWith("TCP_")
    ? [so.SOL_TCP, tcp]
    : [so.SOL_IP, ip];
  const n = (table as Record<string, number>)[name];
  if (typeof n !== "number") throw new TypeError(`no option '${name}'`);
  return [level, n];
}

function option_value(word: string): Uint8Array<ArrayBuffer> | null {
  const of = (size: number, ...words: number[]): Uint8Array<ArrayBuffer> => {
    const dv = new DataView(new ArrayBuffer(size * words.length));
    words.forEach((w, i) => {
      if (size === 4) dv.setInt32(4 * i, w, true);
      else dv.setBigInt64(8 * i, BigInt(w), true);
    });
    return new Uint8Array(dv.buffer);
  };
  const [kind, rest = ""] = word.split(":");
  switch (kind) {
    case "null":
      return null;
    case "tv":
      return of(8, ...rest.split(".").map(Number));
    case "linger":
      return of(4, ...rest.split(",").map(Number));
    case "str":
      return Uint8Array.from(rest, (c) => c.charCodeAt(0));
    case "hex":
      return Uint8Array.from(rest.match(/../g) ?? [], (h) => parseInt(h, 16));
    default:
      return of(4, Number(word));
  }
}

function show_option(name: string, v: Uint8Array): string {
  const dv = new DataView(v.buffer, v.byteOffset, v.length);
  const size = VALUE_SIZE[name] ?? 4;
  if (v.length !== size) {
    const hex = v.length === 4
      ? String(dv.getInt32(0, true))
      : Array.from(v, (b) => b.toString(16).padStart(2, "0")).join("") || "empty";
    return `${hex} len=${v.length}`;
  }
  if (name === "SO_LINGER") return `${dv.getInt32(0, true)},${dv.getInt32(4, true)}`;
  if (name.endsWith("TIMEO")) {
    return `${dv.getBigInt64(0, true)}.${String(dv.getBigInt64(8, true)).padStart(6, "0")}`;
  }
  if (size === 16) return String.fromCharCode(...v).split("\0")[0];
  return String(dv.getInt32(0, true));
}

async function asleep(ms: number): Promise<answer> {
  await msleep(ms);
  return "asleep";
}

/** One script that is running. */
class script {
  private readonly fds = new Map<string, number>();
  private next_port = 2001;
  private readonly started = new Map<string, Promise<answer>>();

  constructor(readonly u: userland) {}

  private fd(name: string): number {
    return this.fds.get(name) ?? Number(name);
  }

  private fd_new(name: string, ret: number): answer {
    if (ret < 0) return show(ret);
    this.fds.set(name, ret);
    return "ok";
  }

  private addr(word: string, o: Record<string, string>): [sockaddr | null, number] {
    const len = Number(o.len ?? 16);
    if (word === "null") return [null, len];
    const family = Number(o.family ?? so.AF_INET);
    const a: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    if (word.startsWith("@")) this.u.sys_getsockname(this.fd(word.slice(1)), a);
    else {
      const [host, port] = word.split(":");
      a.sin_addr = host === "*" ? 0 : inet_addr(host);
      a.sin_port = Number(port);
    }
    a.sin_family = family;
    return [a, len];
  }

  private show_addr(a: sockaddr): string {
    return `${inet_ntoa(a.sin_addr)}:${a.sin_port >= 32768 ? "eph" : a.sin_port}`;
  }

  private iov(c: string, word: string, cnt?: string): iovec[] {
    const vec = word.split(",").map((w): iovec => {
      const iov_base = c === "writev" || c === "sendmsg" ? bytes_of(w) : new Uint8Array(Number(w));
      return { iov_base, iov_len: iov_base.length };
    });
    while (vec.length < Number(cnt ?? 0)) vec.push({ iov_base: new Uint8Array(0), iov_len: 0 });
    return vec;
  }

  private async send(c: string, pos: string[], o: Record<string, string>): Promise<answer> {
    const { u } = this;
    const fd = this.fd(pos[0]), f = flags(pos[2] ?? "0", MSG);
    if (c === "writev") {
      const vec = this.iov(c, pos[1]);
      return show(await u.sys_writev(fd, vec, Number(o.cnt ?? vec.length)));
    }
    if (c === "sendmsg") {
      const [msg_name, msg_namelen] = o.to ? this.addr(o.to, o) : [null, 0];
      return show(
        await u.sys_sendmsg(fd, { msg_name, msg_namelen, msg_iov: this.iov(c, pos[1], o.cnt) }, f),
      );
    }
    const b = bytes_of(pos[1]);
    const p = o.bad ? null as unknown as Uint8Array : b;
    const n = Number(o.n ?? b.length);
    if (c === "write") return show(await u.sys_write(fd, p, n));
    const [to, len] = o.to ? this.addr(o.to, o) : [null, 0];
    return show(await u.sys_sendto(fd, p, n, f, to, len));
  }

  private async receive(c: string, pos: string[], o: Record<string, string>): Promise<answer> {
    const { u } = this;
    const fd = this.fd(pos[0]), f = flags(pos[2] ?? "0", MSG);
    const join = (vec: iovec[]): Uint8Array =>
      Uint8Array.from(vec.flatMap((v) => Array.from(v.iov_base)));
    if (c === "readv") {
      const vec = this.iov(c, pos[1]);
      return show_data(await u.sys_readv(fd, vec, Number(o.cnt ?? vec.length)), join(vec));
    }
    if (c === "recvmsg") {
      const vec = this.iov(c, pos[1]);
      const msg = { msg_iov: vec, msg_flags: 0 };
      const n = await u.sys_recvmsg(fd, msg, f);
      return show_data(n, join(vec), ` flags=${names(msg.msg_flags, MSG)}`);
    }
    const size = Number(pos[1]);
    const buf = new Uint8Array(size);
    const p = o.bad ? null as unknown as Uint8Array : buf;
    if (c === "read") return show_data(await u.sys_read(fd, p, size), buf);
    if (c === "recv") {
      const n = await u.sys_recv(fd, p, size, f);
      return (f & so.MSG_TRUNC) !== 0 ? show(n) : show_data(n, buf);
    }
    const from: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    const len = Int32Array.of(Number(o.len ?? 16));
    const n = await u.sys_recvfrom(fd, p, size, f, from, len);
    return show_data(n, buf, ` len=${len[0]}${len[0] >= 8 ? ` from=${this.show_addr(from)}` : ""}`);
  }

  private async accept(pos: string[], o: Record<string, string>): Promise<answer> {
    const words: Record<string, number> = { nonblock: SOCK_NONBLOCK, cloexec: SOCK_CLOEXEC };
    const f = pos.slice(2).reduce((v, w) => v | (words[w] ?? Number(w)), 0);
    const fd = this.fd(pos[0]);
    if (!o.len && !o.null) {
      return this.fd_new(pos[1], await this.u.sys_accept4(fd, null, null, f));
    }
    const a: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    const len = Int32Array.of(Number(o.len ?? 16));
    const ret = this.fd_new(pos[1], await this.u.sys_accept4(fd, a, o.null ? null : len, f));
    return ret === "ok" ? `ok len=${len[0]}` : ret;
  }

  private getname(c: string, pos: string[], o: Record<string, string>): answer {
    const { u } = this;
    const get = c === "getsockname" ? u.sys_getsockname.bind(u) : u.sys_getpeername.bind(u);
    const a: sockaddr = { sin_family: 0, sin_port: 0, sin_addr: 0 };
    const len = Int32Array.of(Number(o.len ?? 16));
    const ret = get(this.fd(pos[0]), o.null === "addr" ? null : a, o.null === "len" ? null : len);
    if (ret < 0) return show(ret);
    return o.len || o.null ? `${ret} len=${len[0]}` : this.show_addr(a);
  }

  private async get(pos: string[], o: Record<string, string>): Promise<answer> {
    const [level, name] = option(pos[1]);
    const len = Int32Array.of(Number(o.len ?? VALUE_SIZE[pos[1]] ?? 4));
    const v = new Uint8Array(256);
    const ret = await this.u.sys_getsockopt(
      this.fd(pos[0]),
      level,
      name,
      o.null === "val" ? null : v,
      o.null === "len" ? null : len,
    );
    return ret < 0 ? show(ret) : show_option(pos[1], v.subarray(0, len[0]));
  }

  private async set(pos: string[], o: Record<string, string>): Promise<answer> {
    const [level, name] = option(pos[1]);
    const v = option_value(pos[2]);
    const len = Number(o.len ?? v?.length ?? 4);
    const room = v === null ? null : new Uint8Array(Math.max(64, len, v.length));
    if (v !== null) room?.set(v);
    return show(await this.u.sys_setsockopt(this.fd(pos[0]), level, name, room, len));
  }

  /** The value it has, and what comes of each that is set. */
  private async values([s, name, ...values]: string[]): Promise<answer> {
    const out: answer[] = [await this.get([s, name], {}), "|"];
    for (const v of values) {
      const ret = await this.set([s, name, v], {});
      out.push(ret === 0 ? await this.get([s, name], {}) : ret);
    }
    return out.join(" ");
  }

  /** Wrong lengths and pointers of an int: what set answers, then get. */
  private async lengths(pos: string[]): Promise<answer> {
    const out: answer[] = [];
    for (const o of [{ len: "3" }, { len: "0" }, null, { len: "8" }]) {
      out.push(await this.set([...pos, o === null ? "null" : "1"], o ?? {}));
    }
    out.push("|");
    for (const len of ["0", "1", "2", "3", "8", "-1"]) out.push(await this.get(pos, { len }));
    out.push(await this.get(pos, { null: "val" }), await this.get(pos, { null: "len" }));
    return out.map((a) => String(a).replace(" len=", "/")).join(" ");
  }

  /** A socket with SO_REUSEADDR, SO_REUSEPORT, both or neither ('-'). */
  private async reusing(name: string, reuse: string): Promise<void> {
    await this.step(`socket ${name} stream`);
    if (reuse === "addr" || reuse === "both") await this.step(`set ${name} SO_REUSEADDR 1`);
    if (reuse === "port" || reuse === "both") await this.step(`set ${name} SO_REUSEPORT 1`);
  }

  /**
   * A has a port, in a state: may B bind it, with which address and options? One letter each: U not, u bind()
   * but not listen(), '.' both.
   */
  private async conflict([state, addr, reuse]: string[]): Promise<answer> {
    const out: string[] = [];
    for (const b_addr of ["127.0.0.1", "*", "127.0.0.2"]) {
      for (const b_reuse of ["-", "addr", "port", "both"]) {
        const port = this.next_port++;
        await this.reusing("A", reuse);
        await this.step(`bind A ${addr}:${port}`);
        if (state !== "bound") await this.step("listen A 5");
        if (state === "connected" || state === "timewait") {
          await this.step("socket C stream");
          await this.step(`connect C 127.0.0.1:${port}`);
          await this.step("accept A S");
          await this.step("close A");
        }
        if (state === "timewait") {
          await this.step("close S");
          await this.step("close C");
        }
        await this.reusing("B", b_reuse);
        const bound = await this.step(`bind B ${b_addr}:${port}`) === 0;
        out.push(!bound ? "U" : await this.step("listen B 5") === 0 ? "." : "u");
        for (const name of ["A", "B", "C", "S"]) {
          if (this.fds.has(name)) await this.step(`close ${name}`);
        }
      }
      out.push("|");
    }
    return out.slice(0, -1).join(" ");
  }

  private async info(fd: number): Promise<tcp.tcp_info | number> {
    const v = new Uint8Array(256), len = Int32Array.of(256);
    const ret = await this.u.sys_getsockopt(fd, so.SOL_TCP, tcp.TCP_INFO, v, len);
    return ret < 0 ? ret : tcp.tcp_info_decode(v.subarray(0, len[0]));
  }

  private ioctl(fd: number, cmd: number, bad: boolean): answer {
    const v = Int32Array.of(-1);
    const ret = this.u.sys_ioctl(fd, cmd, bad ? null : v);
    return ret < 0 ? show(ret) : v[0];
  }

  private async call(c: string, pos: string[], o: Record<string, string>): Promise<answer> {
    const { u } = this;
    const fd = this.fd(pos[0]);
    switch (c) {
      case "socket": {
        const words: Record<string, number> = { nonblock: SOCK_NONBLOCK, cloexec: SOCK_CLOEXEC };
        let type = TYPES[pos[1]] ?? Number(pos[1]), protocol = 0;
        for (const w of pos.slice(2)) {
          if (w in words) type |= words[w];
          else protocol = Number(w);
        }
        return this.fd_new(pos[0], u.sys_socket(Number(o.family ?? so.AF_INET), type, protocol));
      }
      case "bind": {
        const [a, len] = this.addr(pos[1], o);
        return show(u.sys_bind(fd, a, len));
      }
      case "connect": {
        const [a, len] = this.addr(pos[1], o);
        return show(await u.sys_connect(fd, a, len));
      }
      case "listen":
        return show(u.sys_listen(fd, Number(pos[1])));
      case "accept":
        return await this.accept(pos, o);
      case "send":
      case "sendmsg":
      case "write":
      case "writev":
        return await this.send(c, pos, o);
      case "recv":
      case "recvfrom":
      case "recvmsg":
      case "read":
      case "readv":
        return await this.receive(c, pos, o);
      case "shutdown":
        return show(await u.sys_shutdown(fd, SHUT[pos[1]] ?? Number(pos[1])));
      case "close":
        this.fds.delete(pos[0]);
        return show(await u.sys_close(fd));
      case "dup":
        return this.fd_new(pos[1], u.sys_dup(fd));
      case "getsockname":
      case "getpeername":
        return this.getname(c, pos, o);
      case "set":
        return await this.set(pos, o);
      case "get":
        return await this.get(pos, o);
      case "values":
        return await this.values(pos);
      case "lengths":
        return await this.lengths(pos);
      case "conflict":
        return await this.conflict(pos);
      case "state": {
        const i = await this.info(fd);
        return typeof i === "number" ? show(i) : STATES[i.tcpi_state];
      }
      case "info": {
        const i = await this.info(fd);
        if (typeof i === "number") return show(i);
        const field = (f: string): string => `${f}=${i[`tcpi_${f}` as keyof tcp.tcp_info]}`;
        return pos[1].split(",").map(field).join(" ");
      }
      case "poll": {
        const p = { fd, events: pos[1] ? flags(pos[1], POLL) : 0x23df, revents: 0 };
        const ret = await u.sys_poll([p], 1, Number(o.timeout ?? 0));
        return ret < 0 ? show(ret) : names(p.revents, POLL);
      }
      case "fionread":
        return this.ioctl(fd, so.FIONREAD, o.bad !== undefined);
      case "outq":
        return this.ioctl(fd, so.SIOCOUTQ, o.bad !== undefined);
      case "outqnsd":
        return this.ioctl(fd, so.SIOCOUTQNSD, o.bad !== undefined);
      case "atmark":
        return this.ioctl(fd, so.SIOCATMARK, o.bad !== undefined);
      case "fionbio":
        return show(u.sys_ioctl(fd, so.FIONBIO, Int32Array.of(Number(pos[1]))));
      case "nonblock":
        return show(u.sys_fcntl(fd, so.F_SETFL, pos[1] === "0" ? 0 : O_NONBLOCK));
      case "fcntl":
        return show(u.sys_fcntl(fd, Number(pos[1]), Number(pos[2] ?? 0)));
      case "fill":
        for (const b = new Uint8Array(65536);;) {
          const n = await u.sys_send(fd, b, b.length, so.MSG_DONTWAIT);
          if (n < 0) return show(n);
        }
      case "drain":
        for (const b = new Uint8Array(65536);;) {
          const n = await u.sys_recv(fd, b, b.length, so.MSG_DONTWAIT);
          if (n <= 0) return show(n);
        }
      case "sysctl": {
        const { ipv4 } = u.task.nsproxy.net_ns as unknown as { ipv4: Record<string, number> };
        ipv4[`sysctl_${pos[0]}`] = Number(pos[1]);
        return 0;
      }
      case "sleep":
        await msleep(Number(pos[0]));
        return "ok";
      default:
        throw new SyntaxError(`no call '${c}'`);
    }
  }

  private step(line: string): Promise<answer> {
    const [c, ...words] = line.split(/\s+/);
    const o = Object.fromEntries(words.filter((w) => w.includes("=")).map((w) => w.split("=")));
    return this.call(c, words.filter((w) => !w.includes("=")), o);
  }

  /** The call as it stands there, with the stack's answer. */
  async line(line: string): Promise<string> {
    const cmd = line.split(" = ")[0].trim();
    if (cmd === "" || cmd.startsWith("#")) return line;
    const wait = (p: Promise<answer>, ms: number): Promise<answer> => Promise.race([p, asleep(ms)]);
    const start = /^&(\w+) (.*)$/.exec(cmd);
    if (start !== null) {
      const p = this.step(start[2]);
      this.started.set(start[1], p);
      return `${cmd} = ${await wait(p, 60)}`;
    }
    const join = /^join (\w+)( \d+)?$/.exec(cmd);
    if (join !== null) {
      return `${cmd} = ${await wait(this.started.get(join[1])!, 1000 * Number(join[2] ?? 4))}`;
    }
    return `${cmd} = ${await this.step(cmd)}`;
  }
}

/** Runs a script; its text with the stack's answers. @local */
export async function syscall_script(u: userland, text: string): Promise<string> {
  const run = new script(u);
  const out: string[] = [];
  for (const line of text.split("\n").map((l) => l.trim())) out.push(await run.line(line));
  return out.join("\n");
}

/**
 * Registers each part ('## NAME') of a file of this directory's selftests/net/syscalls as a test: it must
 * answer on this stack what it says. @local
 */
export function syscall_script_tests(file: string): void {
  const url = new URL(`./selftests/net/syscalls/${file}.txt`, import.meta.url);
  for (const part of Deno.readTextFileSync(url).split(/^## /m).slice(1)) {
    const [name, ...lines] = part.trimEnd().split("\n");
    const text = lines.join("\n");
    Deno.test(`${file}: ${name}`, () =>
      two_hosts(async ({ ua }) => {
        assertEquals(await syscall_script(ua, text), text);
      }));
  }
}

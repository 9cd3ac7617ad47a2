// SPDX-License-Identifier: GPL-2.0-only
//
// The system calls of sockets: every errno of a bad argument or a bad state, and what they have in
// common. What protocols do is tested beside them.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { living_files } from "../fs/file_table.ts";
import { O_NONBLOCK } from "../include/linux/fs.ts";
import {
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
} from "../include/linux/net.ts";
import { POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from "../include/linux/poll.ts";
import {
  AF_INET,
  AF_UNIX,
  AF_UNSPEC,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  FIONREAD,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITFORONE,
  SIOCOUTQ,
  SO_ACCEPTCONN,
  SO_ERROR,
  SO_TYPE,
  SOL_SOCKET,
} from "../include/linux/socket.ts";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EAGAIN,
  EALREADY,
  EBADF,
  ECONNREFUSED,
  EDESTADDRREQ,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EMFILE,
  EMSGSIZE,
  ENETUNREACH,
  ENOPROTOOPT,
  ENOTCONN,
  ENOTTY,
  EOPNOTSUPP,
  EPIPE,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  ESPIPE,
} from "../include/uapi/asm-generic/errno.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../include/uapi/linux/in.ts";
import type { sockaddr } from "../include/uapi/linux/in.ts";
import { SIOCGIFADDR, SIOCGIFMTU } from "../include/uapi/linux/sockios.ts";
import { EPOLL_CTL_ADD } from "../include/uapi/linux/eventpoll.ts";
import type { epoll_event } from "../include/uapi/linux/eventpoll.ts";
import { connect, listen, SyscallError } from "../mod.ts";
import type { userland } from "../mod.ts";
import { ADDR_A, INADDR_A, INADDR_B, two_hosts } from "../tools/testing/two_hosts.ts";
import type { two_hosts_bench } from "../tools/testing/two_hosts.ts";
import { syscall_script_tests } from "../tools/testing/syscall_script.ts";

const at = (sin_addr: number, sin_port: number): sockaddr => ({
  sin_family: AF_INET,
  sin_port,
  sin_addr,
});
const any = (port: number): sockaddr => at(0, port);

/** A listening socket of `u` on a port. */
function listener(u: userland, port: number, type = SOCK_STREAM): number {
  const fd = u.sys_socket(AF_INET, type);
  assertEquals(u.sys_bind(fd, any(port)), 0);
  assertEquals(u.sys_listen(fd, 5), 0);
  return fd;
}

/** A connection from b to port 7 of a: [a's end, b's end, the listener]. */
async function connection({ ua, ub }: two_hosts_bench): Promise<[number, number, number]> {
  const l = listener(ua, 7);
  const c = ub.sys_socket(AF_INET, SOCK_STREAM);
  assertEquals(await ub.sys_connect(c, at(INADDR_A, 7)), 0);
  return [await ua.sys_accept(l), c, l];
}

function int_opt(u: userland, fd: number, name: number): number {
  const v = new Uint8Array(4);
  assertEquals(u.sys_getsockopt(fd, SOL_SOCKET, name, v, Int32Array.of(4)), 0);
  return new DataView(v.buffer).getInt32(0, true);
}

Deno.test("sys_socket() answers every errno of its arguments", () =>
  two_hosts(({ ua }) => {
    assertEquals(ua.sys_socket(-1, SOCK_STREAM), -EAFNOSUPPORT);
    assertEquals(ua.sys_socket(46, SOCK_STREAM), -EAFNOSUPPORT);
    assertEquals(ua.sys_socket(AF_UNIX, SOCK_STREAM), -EAFNOSUPPORT);
    assertEquals(ua.sys_socket(AF_INET, 11), -EINVAL);
    assertEquals(ua.sys_socket(AF_INET, SOCK_STREAM | 0x100), -EINVAL);
    assertEquals(ua.sys_socket(AF_INET, 5), -ESOCKTNOSUPPORT);
    assertEquals(ua.sys_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
    assertEquals(ua.sys_socket(AF_INET, SOCK_RAW, 0), -EPROTONOSUPPORT);
    assertEquals(ua.sys_socket(AF_INET, SOCK_STREAM, 263), -EINVAL);
    assertEquals(ua.sys_socketpair(AF_INET, SOCK_STREAM, 0, new Int32Array(2)), -EOPNOTSUPP);
    const fd = ua.sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    assertEquals(fd, 0);
    assertEquals(ua.sys_fcntl(fd, F_GETFD), FD_CLOEXEC);
    assertEquals(ua.sys_fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assertEquals(int_opt(ua, fd, SO_TYPE), SOCK_STREAM);
    ua.task.files!.max_fds = 1;
    assertEquals(ua.sys_socket(AF_INET, SOCK_STREAM), -EMFILE);
    assertEquals(living_files.size, 1);
  }));

Deno.test("all calls answer -EBADF for no descriptor", () =>
  two_hosts(({ ua }) => {
    const b = new Uint8Array(1), len = Int32Array.of(16);
    const msg = { msg_iov: [{ iov_base: b, iov_len: 1 }] };
    for (const fd of [-1, 9, 1 << 20, NaN]) {
      assertEquals(ua.sys_bind(fd, any(1)), -EBADF);
      assertEquals(ua.sys_listen(fd, 1), -EBADF);
      assertEquals(ua.sys_accept(fd), -EBADF);
      assertEquals(ua.sys_connect(fd, any(1)), -EBADF);
      assertEquals(ua.sys_read(fd, b), -EBADF);
      assertEquals(ua.sys_write(fd, b), -EBADF);
      assertEquals(ua.sys_send(fd, b), -EBADF);
      assertEquals(ua.sys_recv(fd, b), -EBADF);
      assertEquals(ua.sys_sendmsg(fd, msg), -EBADF);
      assertEquals(ua.sys_recvmsg(fd, msg), -EBADF);
      assertEquals(ua.sys_shutdown(fd, SHUT_WR), -EBADF);
      assertEquals(ua.sys_close(fd), -EBADF);
      assertEquals(ua.sys_getsockname(fd, any(0)), -EBADF);
      assertEquals(ua.sys_getpeername(fd, any(0)), -EBADF);
      assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, SO_TYPE, b), -EBADF);
      assertEquals(ua.sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, b, len), -EBADF);
      assertEquals(ua.sys_fcntl(fd, F_GETFL), -EBADF);
      assertEquals(ua.sys_ioctl(fd, FIONREAD, len), -EBADF);
    }
  }));

Deno.test("sys_bind() answers every errno", () =>
  two_hosts(({ ua }) => {
    const fd = ua.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(ua.sys_bind(fd, null), -EFAULT);
    assertEquals(ua.sys_bind(fd, any(7), 129), -EINVAL);
    assertEquals(ua.sys_bind(fd, any(7), -1), -EINVAL);
    assertEquals(ua.sys_bind(fd, any(7), 8), -EINVAL);
    assertEquals(ua.sys_bind(fd, { ...any(7), sin_family: AF_UNIX }), -EAFNOSUPPORT);
    assertEquals(ua.sys_bind(fd, { ...at(INADDR_A, 7), sin_family: AF_UNSPEC }), -EAFNOSUPPORT);
    assertEquals(ua.sys_bind(fd, at(INADDR_B, 7)), -EADDRNOTAVAIL);
    assertEquals(ua.sys_bind(fd, at(INADDR_A, 7)), 0);
    assertEquals(ua.sys_bind(fd, at(INADDR_A, 8)), -EINVAL);
    const name = any(0), len = Int32Array.of(16);
    assertEquals(ua.sys_getsockname(fd, name, len), 0);
    assertEquals([name.sin_family, name.sin_port, name.sin_addr, len[0]], [2, 7, INADDR_A, 16]);
    const other = ua.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(ua.sys_bind(other, at(INADDR_A, 7)), -EADDRINUSE);
    assertEquals(ua.sys_bind(other, any(7)), -EADDRINUSE);
    assertEquals(ua.sys_bind(other, { ...any(0), sin_family: AF_UNSPEC }), 0);
    assertEquals(ua.sys_getsockname(other, name), 0);
    assertEquals(name.sin_port > 0, true);
  }));

Deno.test("sys_listen() and sys_accept4() answer every errno", () =>
  two_hosts(({ ua }) => {
    const udp = ua.sys_socket(AF_INET, SOCK_DGRAM);
    assertEquals(ua.sys_listen(udp, 1), -EOPNOTSUPP);
    assertEquals(ua.sys_accept(udp), -EOPNOTSUPP);
    const fd = ua.sys_socket(AF_INET, SOCK_STREAM);
    assertEquals(ua.sys_accept(fd), -EINVAL);
    assertEquals(int_opt(ua, fd, SO_ACCEPTCONN), 0);
    assertEquals(ua.sys_listen(fd, -1), 0);
    assertEquals(int_opt(ua, fd, SO_ACCEPTCONN), 1);
    assertEquals(ua.sys_accept4(fd, null, null, 1), -EINVAL);
    assertEquals(ua.sys_connect(fd, at(INADDR_B, 1)), -EISCONN);
    assertEquals(ua.sys_ioctl(fd, FIONREAD, Int32Array.of(0)), -EINVAL);
    ua.sys_fcntl(fd, 4, O_NONBLOCK);
    const files = living_files.size;
    assertEquals(ua.sys_accept(fd), -EAGAIN);
    assertEquals(living_files.size, files);
    assertEquals(ua.sys_socket(AF_INET, SOCK_STREAM), fd + 1);
  }));

Deno.test("sys_connect() answers every errno", () =>
  two_hosts(async ({ ub }) => {
    const tcp = (): number => ub.sys_socket(AF_INET, SOCK_STREAM);
    let fd = tcp();
    assertEquals(ub.sys_connect(fd, null), -EFAULT);
    assertEquals(ub.sys_connect(fd, at(INADDR_A, 7), 8), -EINVAL);
    assertEquals(ub.sys_connect(fd, { ...at(INADDR_A, 7), sin_family: 10 }), -EAFNOSUPPORT);
    assertEquals(ub.sys_connect(fd, at(0x08080808, 7)), -ENETUNREACH);
    assertEquals(await ub.sys_connect(fd, at(INADDR_A, 7)), -ECONNREFUSED);
    fd = ub.sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    assertEquals(ub.sys_connect(fd, at(INADDR_A, 7)), -EINPROGRESS);
    assertEquals(ub.sys_connect(fd, at(INADDR_A, 7)), -EALREADY);
    const p = [{ fd, events: POLLOUT, revents: 0 }];
    assertEquals(await ub.sys_poll(p), 1);
    assertEquals((p[0].revents & POLLHUP) !== 0, true);
    assertEquals(int_opt(ub, fd, SO_ERROR), ECONNREFUSED);
    assertEquals(int_opt(ub, fd, SO_ERROR), 0);
  }, { delay_ms: 5 }));

Deno.test("a connection carries bytes both ways; calls on it answer as Linux does", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c, l] = await connection(t);
    const peer = any(0), me = any(0);
    assertEquals(ua.sys_getpeername(s, peer), 0);
    assertEquals(ub.sys_getsockname(c, me), 0);
    assertEquals([peer.sin_addr, peer.sin_port], [INADDR_B, me.sin_port]);
    assertEquals(ua.sys_getpeername(l, peer), -ENOTCONN);
    assertEquals(ub.sys_connect(c, at(INADDR_A, 7)), -EISCONN);
    assertEquals(ub.sys_listen(c, 1), -EINVAL);

    const hello = new TextEncoder().encode("hello");
    const buf = new Uint8Array(16);
    assertEquals(ub.sys_write(c, hello), 5);
    assertEquals(await ua.sys_recv(s, buf, 3, MSG_PEEK), 3);
    const n = Int32Array.of(0);
    assertEquals(ua.sys_ioctl(s, FIONREAD, n), 0);
    assertEquals(n[0], 5);
    assertEquals(ua.sys_read(s, buf), 5);
    assertEquals(buf.subarray(0, 5), hello);
    assertEquals(ua.sys_recv(s, buf, 16, MSG_DONTWAIT), -EAGAIN);
    assertEquals(ua.sys_ioctl(s, SIOCOUTQ, n), 0);
    assertEquals(ua.sys_lseek(s, 0, 0), -ESPIPE);
    assertEquals(ua.sys_shutdown(s, 3), -EINVAL);
    assertEquals(ua.sys_recv(s, buf, 17), -EFAULT);

    const msg = {
      msg_name: any(0),
      msg_iov: [1, 2, 16].map((k) => ({ iov_base: new Uint8Array(k), iov_len: k })),
      msg_flags: -1,
      msg_namelen: 16,
    };
    assertEquals(ub.sys_writev(c, [{ iov_base: hello, iov_len: 5 }]), 5);
    assertEquals(await ua.sys_recvmsg(s, msg), 5);
    assertEquals([msg.msg_flags, msg.msg_namelen], [0, 0]);
    assertEquals(msg.msg_iov[2].iov_base[1], hello[4]);

    assertEquals(ub.sys_shutdown(c, SHUT_WR), 0);
    assertEquals(await ua.sys_read(s, buf), 0);
    const p = [{ fd: s, events: POLLIN | POLLRDHUP, revents: 0 }];
    assertEquals(ua.sys_poll(p), 1);
    assertEquals(p[0].revents, POLLIN | POLLRDHUP);
    assertEquals(ub.sys_write(c, hello), -EPIPE);
    assertEquals(ua.sys_write(s, hello), 5);
    assertEquals(await ub.sys_read(c, buf), 5);
    assertEquals(await ua.sys_close(s), 0);
    assertEquals(await ub.sys_read(c, buf), 0);
    assertEquals(await ub.sys_close(c), 0);
  }));

Deno.test("an unconnected socket answers -ENOTCONN, -EPIPE and -EDESTADDRREQ", () =>
  two_hosts(({ ua }) => {
    const fd = ua.sys_socket(AF_INET, SOCK_STREAM);
    const b = new Uint8Array(4);
    assertEquals(ua.sys_read(fd, b), -ENOTCONN);
    assertEquals(ua.sys_write(fd, b), -EPIPE);
    assertEquals(ua.sys_shutdown(fd, SHUT_RD), -ENOTCONN);
    assertEquals(ua.sys_getpeername(fd, any(0)), -ENOTCONN);
    const udp = ua.sys_socket(AF_INET, SOCK_DGRAM);
    assertEquals(ua.sys_send(udp, b), -EDESTADDRREQ);
  }));

Deno.test("options check level, name, length and buffer", () =>
  two_hosts(({ ua }) => {
    const fd = ua.sys_socket(AF_INET, SOCK_STREAM);
    const v = new Uint8Array(4), len = Int32Array.of(4);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, 4711, v), -ENOPROTOOPT);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, SO_TYPE, v), -ENOPROTOOPT);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, 2, v, 3), -EINVAL);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, 2, v, -1), -EINVAL);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, 2, v, 5), -EFAULT);
    assertEquals(ua.sys_setsockopt(fd, SOL_SOCKET, 2, null, 4), -EFAULT);
    assertEquals(ua.sys_setsockopt(fd, 4711, 1, v), -ENOPROTOOPT);
    assertEquals(ua.sys_getsockopt(fd, SOL_SOCKET, 4711, v, len), -ENOPROTOOPT);
    assertEquals(ua.sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, v, Int32Array.of(-1)), -EINVAL);
    assertEquals(ua.sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, v, null), -EFAULT);
    const two = Int32Array.of(2);
    assertEquals(ua.sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, v, two), 0);
    assertEquals(two[0], 2);
  }));

Deno.test("ioctls of interfaces take a struct ifreq's bytes", () =>
  two_hosts(({ ua }) => {
    const fd = ua.sys_socket(AF_INET, SOCK_DGRAM);
    const ifr = new Int32Array(10);
    const u8 = new Uint8Array(ifr.buffer);
    u8.set(new TextEncoder().encode("eth0"));
    assertEquals(ua.sys_ioctl(fd, SIOCGIFADDR, ifr), 0);
    assertEquals(new DataView(ifr.buffer).getInt32(20), INADDR_A);
    assertEquals(ua.sys_ioctl(fd, SIOCGIFMTU, ifr), 0);
    assertEquals(ifr[4], 1500);
    assertEquals(ua.sys_ioctl(fd, SIOCGIFMTU, null), -EFAULT);
    assertEquals(ua.sys_ioctl(fd, 0x89ef, ifr), -ENOTTY);
  }));

Deno.test("a listener that is shut down ends the accept() that sleeps", () =>
  two_hosts(async ({ ua }) => {
    const l = listener(ua, 7);
    const accepted = ua.sys_accept(l);
    assertEquals(ua.sys_shutdown(l, SHUT_RDWR), 0);
    assertEquals(await accepted, -EINVAL);
  }));

Deno.test("listen() and connect() throw SyscallError with its code, read to the end, close", () =>
  two_hosts(async ({ ua, ub }) => {
    await assertRejects(
      () => connect(ub, { hostname: ADDR_A, port: 7 }),
      SyscallError,
      "connect ECONNREFUSED 198.51.100.1:7",
    );
    using l = listen(ua, { port: 0 });
    assertThrows(() => listen(ub, { hostname: ADDR_A, port: 1 }), SyscallError, "EADDRNOTAVAIL");
    const echo = (async () => {
      for await (const conn of l) {
        const buf = new Uint8Array(4096);
        for (;;) {
          const n = await conn.read(buf);
          if (n === null) break;
          await conn.writeAll(buf.subarray(0, n));
        }
        conn.close();
      }
    })();
    const c = await connect(ub, { hostname: ADDR_A, port: l.addr.port });
    assertEquals(c.remoteAddr, { transport: "tcp", hostname: ADDR_A, port: l.addr.port });
    const sent = crypto.getRandomValues(new Uint8Array(60000));
    const sending = c.writeAll(sent).then(() => c.closeWrite());
    const got = new Uint8Array(60001);
    let n = 0;
    for (let k; (k = await c.read(got.subarray(n))) !== null;) n += k;
    await sending;
    assertEquals(n, 60000);
    assertEquals(got.subarray(0, n), sent);
    c.close();
    l.close();
    await echo;
  }));

Deno.test("bytes arrive intact through loss, reordering and delay", () =>
  two_hosts(async ({ ua, ub, faulty_a }) => {
    using l = listen(ua, { port: 7 });
    const serve = (async () => {
      const conn = await l.accept();
      const all = new Uint8Array(300000);
      for (let i = 0; i < all.length; i++) all[i] = i * 7 ^ (i >> 8);
      await conn.writeAll(all);
      conn.close();
      return all;
    })();
    const c = await connect(ub, { hostname: ADDR_A, port: 7 });
    const got = new Uint8Array(300001);
    let n = 0;
    for (let k; (k = await c.read(got.subarray(n))) !== null;) n += k;
    c.close();
    assertEquals(got.subarray(0, n), await serve);
    assertEquals((faulty_a?.tx.stats.dropped ?? 0) > 0, true);
  }, { delay_ms: 10, a_to_b: { drop: 0.03, reorder: 0.05 }, b_to_a: { drop: 0.03 } }));

Deno.test("epoll over sockets tells the listener and the connection", () =>
  two_hosts(async ({ ua, ub }) => {
    const l = listener(ua, 7);
    const ep = ua.sys_epoll_create1();
    const ev: epoll_event[] = [];
    assertEquals(ua.sys_epoll_ctl(ep, EPOLL_CTL_ADD, l, { events: POLLIN, data: "l" }), 0);
    const c = ub.sys_socket(AF_INET, SOCK_STREAM);
    const connected = ub.sys_connect(c, at(INADDR_A, 7));
    assertEquals(await ua.sys_epoll_wait(ep, ev, 8), 1);
    assertEquals(ev[0], { events: POLLIN, data: "l" });
    assertEquals(await connected, 0);
    const s = await ua.sys_accept(l);
    assertEquals(ua.sys_epoll_ctl(ep, EPOLL_CTL_ADD, s, { events: POLLIN, data: "s" }), 0);
    assertEquals(ua.sys_epoll_wait(ep, ev, 8, 0), 0);
    ub.sys_write(c, new Uint8Array(1));
    assertEquals(await ua.sys_epoll_wait(ep, ev, 8), 1);
    assertEquals(ev[0], { events: POLLIN, data: "s" });
  }));

syscall_script_tests("socket");

Deno.test("select() over sockets: the listener reads, the connection writes, urgent data are exceptions", () =>
  two_hosts(async (t) => {
    const { ua, ub } = t;
    const [s, c, l] = await connection(t);
    const bits = (...fds: number[]): Uint32Array => {
      const set = new Uint32Array(1);
      for (const fd of fds) set[0] |= 1 << fd;
      return set;
    };
    const r = bits(s, l), w = bits(s), x = bits(s);
    assertEquals(ua.sys_select(32, r, w, x, 0), 1);
    assertEquals([r[0], w[0], x[0]], [0, 1 << s, 0]);
    const c2 = ub.sys_socket(AF_INET, SOCK_STREAM);
    const connecting = ub.sys_connect(c2, at(INADDR_A, 7));
    const lr = bits(s, l);
    assertEquals(await ua.sys_select(32, lr, null, null, 1000), 1);
    assertEquals(lr[0], 1 << l);
    assertEquals(await connecting, 0);
    ub.sys_send(c, new Uint8Array(1), 1, MSG_OOB);
    const r2 = bits(s), x2 = bits(s);
    assertEquals(await ua.sys_select(32, r2, null, x2, 1000), 1);
    assertEquals([r2[0], x2[0]], [0, 1 << s]);
    assertEquals(ua.sys_select(32, bits(31), null, null, 0), 0);
  }));

Deno.test("sendmmsg() and recvmmsg() carry several datagrams, and stop at an error", () =>
  two_hosts(async ({ ua, ub }) => {
    const u = ua.sys_socket(AF_INET, SOCK_DGRAM), v = ub.sys_socket(AF_INET, SOCK_DGRAM);
    assertEquals(ua.sys_bind(u, any(7)), 0);
    const message = (size: number, to: sockaddr | null) => ({
      msg_hdr: { msg_name: to, msg_iov: [{ iov_base: new Uint8Array(size), iov_len: size }] },
      msg_len: -1,
    });
    const out = [10, 20, 70000, 40].map((n) => message(n, at(INADDR_A, 7)));
    assertEquals(await ub.sys_sendmmsg(v, out, 4, 0), 2);
    assertEquals(out.map((m) => m.msg_len), [10, 20, -1, -1]);
    assertEquals(await ub.sys_sendmmsg(v, out.slice(2), 2, 0), -EMSGSIZE);
    const from = any(0);
    const into = [message(15, from), message(15, null), message(15, null)];
    assertEquals(await ua.sys_recvmmsg(u, into, 3, MSG_WAITFORONE), 2);
    assertEquals(into.map((m) => m.msg_len), [10, 15, -1]);
    assertEquals(from.sin_addr, INADDR_B);
    assertEquals(await ua.sys_recvmmsg(u, into, 3, MSG_DONTWAIT), -EAGAIN);
  }));

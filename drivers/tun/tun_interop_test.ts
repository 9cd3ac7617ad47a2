// SPDX-License-Identifier: GPL-2.0-only
//
// The stack on a real TUN and TAP against the host's own Linux and unmodified programs: curl, nc, ping.

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { ifconfig } from "../../arch/deno/ifconfig.ts";
import { SHUT_WR, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from "../../include/linux/net.ts";
import { POLLPRI } from "../../include/linux/poll.ts";
import {
  AF_INET,
  MSG_OOB,
  SIOCATMARK,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SO_SNDBUF,
  SOL_SOCKET,
  SOL_TCP,
} from "../../include/linux/socket.ts";
import {
  ECONNREFUSED,
  ECONNRESET,
  EPIPE,
  ETIMEDOUT,
} from "../../include/uapi/asm-generic/errno.ts";
import { IPPROTO_ICMP } from "../../include/uapi/linux/in.ts";
import {
  TCP_INFO,
  tcp_info_decode,
  TCP_INFO_SIZE,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCPI_OPT_ECN,
  TCPI_OPT_SACK,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from "../../include/uapi/linux/tcp.ts";
import type { tcp_info } from "../../include/uapi/linux/tcp.ts";
import { connect, inet_addr } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { echo } from "../../samples/echo_server.ts";
import { http_service } from "../../samples/http_server.ts";
import { tcp_listen, tcp_serve, write_all } from "../../samples/lib/server.ts";
import type { service } from "../../samples/lib/server.ts";
import { gethostbyname } from "../../tools/lib/resolv.ts";
import { faulty_nic } from "../../tools/testing/faulty_nic.ts";
import type { faults } from "../../tools/testing/faulty_nic.ts";
import { host_socket, ints } from "../../tools/testing/host_socket.ts";
import {
  NICS,
  on_nic,
  OURS,
  random_bytes,
  run_program,
  sha256,
  sleep,
  sysctl,
  THEIRS,
} from "../../tools/testing/interop.ts";
import type { nic_bench } from "../../tools/testing/interop.ts";
import { netns_tests } from "../../tools/testing/netns.ts";

const MB = 1_000_000;
const encoder = new TextEncoder();

/** A connection's struct tcp_info. */
function info_of(u: userland, fd: number): tcp_info {
  const p = new Uint8Array(TCP_INFO_SIZE);
  assertEquals(u.sys_getsockopt(fd, SOL_TCP, TCP_INFO, p, Int32Array.of(p.length)), 0);
  return tcp_info_decode(p);
}

/** All that comes on fd until the end. */
async function read_all(u: userland, fd: number): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const p = new Uint8Array(262144);
    const n = await u.sys_read(fd, p);
    assert(n >= 0, `read: ${n}`);
    if (n === 0) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(p.subarray(0, n));
  }
}

/** Serves on a port of ours. */
function serve(t: nic_bench, port: number, fn: service): void {
  const u = t.host.task(`port${port}`);
  void tcp_serve(u, tcp_listen(u, port), fn);
}

/** Sends this and closes. */
function source(data: Uint8Array): service {
  return async (u, fd) => {
    await write_all(u, fd, data);
    await u.sys_close(fd);
  };
}

/** Reads to the end, answers with the SHA-256 and closes. */
const digest: service = async (u, fd) => {
  const hash = createHash("sha256");
  const p = new Uint8Array(262144);
  let n = 0;
  while ((n = await u.sys_read(fd, p)) > 0) hash.update(p.subarray(0, n));
  if (n === 0) await write_all(u, fd, encoder.encode(hash.digest("hex")));
  await u.sys_close(fd);
};

/** A listening socket of the host on a port. */
function host_listen(port: number): host_socket {
  const s = host_socket.tcp();
  assertEquals(s.bind(THEIRS, port), 0);
  assertEquals(s.listen(), 0);
  return s;
}

/** A connection of the host to a port of ours. */
async function host_connect(port: number, setup: (s: host_socket) => void = () => {}) {
  const s = host_socket.tcp();
  setup(s);
  assertEquals(await s.connect(OURS, port), 0);
  return s;
}

/** A folder with a file of that many bytes for the time of fn. */
async function with_file(bytes: number, fn: (dir: string, sum: string) => Promise<void>) {
  const dir = Deno.makeTempDirSync({ prefix: "tuxnet-test-" });
  try {
    const data = random_bytes(bytes);
    Deno.writeFileSync(`${dir}/file`, data);
    await fn(dir, sha256(data));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** 'N.N Gbit/s' */
function rate(bytes: number, ms: number): string {
  return `${(bytes * 8 / ms / 1e6).toFixed(2)} Gbit/s`;
}

netns_tests(import.meta.url, () => {
  for (const { name, ...options } of NICS) {
    Deno.test(`${name}: curl downloads and uploads 100 MB with equal sha256`, async () => {
      const bytes = 100 * MB;
      await with_file(bytes, async (dir, sum) => {
        await on_nic(options, async (t) => {
          serve(t, 80, http_service(dir));
          const start = performance.now();
          const get = `curl -sSf http://${OURS}/file | sha256sum`;
          const down = await run_program(["sh", "-c", get]);
          assertEquals(down.stdout.split(" ")[0], sum, down.stderr);
          const middle = performance.now();
          const up = await run_program(["curl", "-sSfT", `${dir}/file`, `http://${OURS}/`]);
          assertEquals(up.stdout.trim(), sum, up.stderr);
          const end = performance.now();
          console.log(`    down ${rate(bytes, middle - start)}, up ${rate(bytes, end - middle)}`);
          assertEquals(t.counter("TcpInErrs"), 0);
          assertEquals(t.counter("IpInHdrErrors"), 0);
        });
      });
    });

    Deno.test(`${name}: we upload 100 MB to a program of the host and download them`, async () => {
      await on_nic(options, async (t) => {
        const data = random_bytes(100 * MB);
        const sum = sha256(data);
        using l = host_listen(5000);
        const conn = connect(t.u, { hostname: THEIRS, port: 5000 });
        using s = await l.accept();
        await using c = await conn;
        const start = performance.now();
        const got = s.read_all();
        await c.writeAll(data);
        await c.closeWrite();
        assertEquals(sha256(await got), sum);
        const middle = performance.now();
        const sent = s.write(data).then(() => s.shutdown(SHUT_WR));
        assertEquals(sha256(await read_all(t.u, c.rid)), sum);
        assertEquals(await sent, 0);
        const end = performance.now();
        const [out, in_] = [rate(data.length, middle - start), rate(data.length, end - middle)];
        console.log(`    out ${out}, in ${in_}`);
      });
    });

    Deno.test(`${name}: ping, and ping of 60000 bytes, which is fragmented both ways`, async () => {
      await on_nic(options, async (t) => {
        const small = await run_program(["ping", "-c", "5", "-i", "0.02", "-W", "2", OURS]);
        assertMatch(small.stdout, /5 received, 0% packet loss/);
        const ping = ["ping", "-c", "3", "-i", "0.05", "-W", "2", "-s", "60000", OURS];
        const large = await run_program(ping);
        assertMatch(large.stdout, /3 received, 0% packet loss/);
        assertEquals(t.counter("IpReasmOKs"), 3);
        assertEquals(t.counter("IpFragOKs"), 3);
        await ping_host(t, 60000);
        assertEquals(t.counter("IpReasmOKs"), 4);
      });
    });

    Deno.test(`${name}: half-close both ways, and nc as client and server`, async () => {
      await on_nic(options, async (t) => {
        const data = random_bytes(300_000);
        serve(t, 7, echo);
        serve(t, 8, digest);
        const nc = await run_program(["nc", "-N", OURS, "7"], { stdin: "hello\n" });
        assertEquals(nc.stdout, "hello\n");
        const asked = await run_program(["nc", "-N", OURS, "8"], { stdin: data });
        assertEquals(asked.stdout, sha256(data));

        // We close first and read what the host sends after.
        using l = host_listen(5001);
        const conn = connect(t.u, { hostname: THEIRS, port: 5001 });
        using s = await l.accept();
        await using c = await conn;
        await c.writeAll(data);
        await c.closeWrite();
        assertEquals(sha256(await s.read_all()), sha256(data));
        const answered = s.write(data).then((ret) => (s.close(), ret));
        assertEquals(sha256(await read_all(t.u, c.rid)), sha256(data));
        assertEquals(await answered, 0);

        // nc -l sends what it is given and closes its direction first.
        const server = run_program(["nc", "-l", "-N", THEIRS, "5002"], { stdin: data });
        await using d = await retry(() => connect(t.u, { hostname: THEIRS, port: 5002 }));
        assertEquals(sha256(await read_all(t.u, d.rid)), sha256(data));
        await d.writeAll(encoder.encode("from us\n"));
        d.close();
        assertEquals((await server).stdout, "from us\n");
      });
    });

    Deno.test(`${name}: RST by SO_LINGER 0 both ways`, async () => {
      await on_nic(options, async (t) => {
        const reset: service = async (u, fd) => {
          await u.sys_read(fd, new Uint8Array(1));
          assertEquals(await u.sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, ints(1, 0)), 0);
          await u.sys_close(fd);
        };
        serve(t, 1000, reset);
        using s = await host_connect(1000);
        assertEquals(await s.write(Uint8Array.of(1)), 0);
        assertEquals(await s.read(new Uint8Array(1)), -ECONNRESET);
        assertEquals(t.counter("TcpOutRsts"), 1);

        using l = host_listen(5003);
        const conn = connect(t.u, { hostname: THEIRS, port: 5003 });
        using a = await l.accept();
        await using c = await conn;
        a.setsockopt(SOL_SOCKET, SO_LINGER, ints(1, 0));
        const read = t.u.sys_read(c.rid, new Uint8Array(1));
        a.close();
        assertEquals(await read, -ECONNRESET);
        assertEquals(await t.u.sys_read(c.rid, new Uint8Array(1)), 0);
        assertEquals(await t.u.sys_write(c.rid, new Uint8Array(1)), -EPIPE);
      });
    });

    Deno.test(`${name}: closed ports refuse, TCP and UDP, both ways`, async () => {
      await on_nic(options, async (t) => {
        const curl = await run_program(["curl", "-sS", `http://${OURS}:81/`]);
        assertEquals(curl.code, 7, curl.stderr);
        const to = (sin_port: number) => ({
          sin_family: AF_INET,
          sin_port,
          sin_addr: inet_addr(THEIRS),
        });
        const fd = t.u.sys_socket(AF_INET, SOCK_STREAM);
        assertEquals(await t.u.sys_connect(fd, to(5004)), -ECONNREFUSED);
        await t.u.sys_close(fd);

        using s = host_socket.udp();
        assertEquals(await s.connect(OURS, 81), 0);
        assertEquals(await s.write(new Uint8Array(10)), 0);
        assertEquals(await s.read(new Uint8Array(10)), -ECONNREFUSED);
        const ufd = t.u.sys_socket(AF_INET, SOCK_DGRAM);
        assertEquals(await t.u.sys_connect(ufd, to(5004)), 0);
        assertEquals(await t.u.sys_write(ufd, new Uint8Array(10)), 10);
        assertEquals(await t.u.sys_read(ufd, new Uint8Array(10)), -ECONNREFUSED);
        await t.u.sys_close(ufd);
      });
    });

    Deno.test(`${name}: 200 concurrent connections in, 200 out, and 200 of curl`, async () => {
      await with_file(100_000, async (dir) => {
        await on_nic(options, async (t) => {
          serve(t, 7, echo);
          serve(t, 80, http_service(dir));
          await host_crowd(200);
          await our_crowd(t, 200);
          const urls = `http://${OURS}/file?[1-200]`;
          const curl = await run_program(
            [
              "curl",
              "-sSfZ",
              "--parallel-immediate",
              "--parallel-max",
              "200",
              urls,
              "-o",
              "/dev/null",
            ]
              .concat(["-w", "%{size_download}\n"]),
          );
          assertEquals(curl.code, 0, curl.stderr);
          const sizes = curl.stdout.trim().split("\n");
          assertEquals(sizes.length, 200);
          assertEquals(new Set(sizes), new Set(["100000"]));
        });
      });
    });

    Deno.test(`${name}: zero window: the host's reader sleeps, and ours`, async () => {
      await on_nic(options, async (t) => {
        await Promise.all([host_sleeps(t), we_sleep(t)]);
      });
    });

    Deno.test(`${name}: a name over UDP from a DNS server of the host`, async () => {
      await on_nic(options, async (t) => {
        const server = createSocket("udp4");
        server.on("message", (q, from) => server.send(dns_reply(q), from.port, from.address));
        await new Promise<void>((resolve) => server.bind(53, THEIRS, resolve));
        try {
          assertEquals(await gethostbyname(t.u, "www.example.org", THEIRS), "192.0.2.1");
        } finally {
          server.close();
        }
      });
    });
  }

  for (const type of ["tap", "tun"] as const) {
    const bad: faults = { drop: 0.01, reorder: 0.02, duplicate: 0.01, corrupt: 0.01 };
    Deno.test(`${type}: equal sha256 under loss, reordering, duplication and corruption`, async () => {
      await on_nic({ type, offload: false }, async (t) => {
        const data = random_bytes(5 * MB);
        serve(t, 1000, source(data));
        serve(t, 1001, digest);
        const faulty = new faulty_nic(t.nic.dev, { seed: 7, tx: bad, rx: bad });
        try {
          const download = async () => {
            using s = await host_connect(1000);
            assertEquals(sha256(await s.read_all()), sha256(data));
          };
          const upload = async () => {
            using s = await host_connect(1001);
            assertEquals(await s.write(data), 0);
            s.shutdown(SHUT_WR);
            assertEquals(new TextDecoder().decode(await s.read_all()), sha256(data));
          };
          await Promise.all([download(), upload()]);
          for (const p of [faulty.tx, faulty.rx]) {
            const { dropped, reordered, duplicated, corrupted } = p.stats;
            for (const n of [dropped, reordered, duplicated, corrupted]) assertGreater(n, 0);
          }
          assertGreater(t.counter("TcpInErrs"), 0);
          assertGreater(t.counter("TcpRetransSegs"), 0);
        } finally {
          faulty.stop();
        }
      });
    });

    Deno.test(`${type}: keepalive: the host's is answered, ours notices that the host is gone`, async () => {
      await on_nic({ type }, async (t) => {
        await Promise.all([host_keepalive(t), our_keepalive(t)]);
      });
    });
  }

  const OPTIONS = [
    ["tcp_timestamps", TCPI_OPT_TIMESTAMPS],
    ["tcp_sack", TCPI_OPT_SACK],
    ["tcp_window_scaling", TCPI_OPT_WSCALE],
  ] as const;
  for (const off of [0b001, 0b010, 0b100, 0b111]) {
    const without = OPTIONS.filter((_, i) => (off >> i & 1) !== 0);
    const names = without.map(([name]) => name).join(", ");
    Deno.test(`the host's TCP without ${names}: data arrives, with loss, too`, async () => {
      const set = (v: string) => without.forEach(([name]) => host_sysctl(name, v));
      set("0");
      try {
        await on_nic({ type: "tun", offload: false }, async (t) => {
          const data = random_bytes(2 * MB);
          serve(t, 1000, source(data));
          const lost: faults = { drop: 0.01, reorder: 0.01 };
          const faulty = new faulty_nic(t.nic.dev, { seed: off, tx: lost, rx: lost });
          using l = host_listen(5000);
          const conn = connect(t.u, { hostname: THEIRS, port: 5000 });
          using a = await l.accept();
          await using c = await conn;
          const all = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
          const want = all & ~without.reduce((bits, [, bit]) => bits | bit, 0);
          assertEquals(info_of(t.u, c.rid).tcpi_options & all, want);
          assertEquals(a.tcp_info().tcpi_options & all, want);
          const got = a.read_all();
          const write = c.writeAll(data).then(() => c.closeWrite());
          using s = await host_connect(1000);
          assertEquals(s.tcp_info().tcpi_options & all, want);
          assertEquals(sha256(await s.read_all()), sha256(data));
          await write;
          assertEquals(sha256(await got), sha256(data));
          faulty.stop();
        });
      } finally {
        set("1");
      }
    });
  }

  Deno.test("the host asks for ECN: it is agreed on, and data arrives", async () => {
    host_sysctl("tcp_ecn", "1");
    try {
      await on_nic({ type: "tap", offload: true }, async (t) => {
        sysctl(t.host, "net.ipv4.tcp_ecn", "1");
        const data = random_bytes(2 * MB);
        serve(t, 1001, digest);
        using s = await host_connect(1001);
        assertEquals(s.tcp_info().tcpi_options & TCPI_OPT_ECN, TCPI_OPT_ECN);
        assertEquals(await s.write(data), 0);
        s.shutdown(SHUT_WR);
        assertEquals(new TextDecoder().decode(await s.read_all()), sha256(data));
        using l = host_listen(5000);
        const conn = connect(t.u, { hostname: THEIRS, port: 5000 });
        using a = await l.accept();
        await using c = await conn;
        assertEquals(info_of(t.u, c.rid).tcpi_options & TCPI_OPT_ECN, TCPI_OPT_ECN);
        const got = a.read_all();
        await c.writeAll(data);
        await c.closeWrite();
        assertEquals(sha256(await got), sha256(data));
      });
    } finally {
      host_sysctl("tcp_ecn", "2");
    }
  });

  Deno.test("urgent data both ways: MSG_OOB, POLLPRI, SIOCATMARK", async () => {
    await on_nic({ type: "tap" }, async (t) => {
      const { u } = t;
      using l = host_listen(5000);
      const conn = connect(u, { hostname: THEIRS, port: 5000 });
      using s = await l.accept();
      await using c = await conn;
      // The last byte of what is sent with MSG_OOB is the urgent one, out of the stream.
      assertEquals(await u.sys_send(c.rid, encoder.encode("abcU"), 4, MSG_OOB), 4);
      assertEquals(await u.sys_send(c.rid, encoder.encode("def")), 3);
      const p = new Uint8Array(10);
      assertEquals(await s.wait_urgent(), 0);
      assertEquals(s.recv(p, MSG_OOB), 1);
      assertEquals(p[0], "U".charCodeAt(0));
      assertEquals(await s.read(p), 3);
      assertEquals(new TextDecoder().decode(p.subarray(0, 3)), "abc");
      assertEquals(await s.read(p), 3);

      assertEquals(s.send(encoder.encode("abcU"), MSG_OOB), 4);
      assertEquals(s.send(encoder.encode("def"), 0), 3);
      const fds = [{ fd: c.rid, events: POLLPRI, revents: 0 }];
      assertEquals(await u.sys_poll(fds, 1, 5000), 1);
      assertEquals(fds[0].revents, POLLPRI);
      assertEquals(await u.sys_recv(c.rid, p, 10, MSG_OOB), 1);
      assertEquals(p[0], "U".charCodeAt(0));
      assertEquals(await u.sys_read(c.rid, p), 3);
      assertEquals(new TextDecoder().decode(p.subarray(0, 3)), "abc");
      const mark = new Int32Array(1);
      assertEquals(u.sys_ioctl(c.rid, SIOCATMARK, mark), 0);
      assertEquals(mark[0], 1);
      assertEquals(await u.sys_read(c.rid, p), 3);
      assertEquals(new TextDecoder().decode(p.subarray(0, 3)), "def");
    });
  });

  Deno.test("1000 connections one after another, closed by either side first, in and out", async () => {
    await on_nic({ type: "tun" }, async (t) => {
      const { u } = t;
      const byte = new Uint8Array(1);
      serve(t, 1000, source(byte));
      serve(t, 7, echo);
      using l = host_listen(5000);
      for (let i = 0; i < 250; i++) {
        // We close first: TIME_WAIT is ours.
        using a = await host_connect(1000);
        assertEquals(await a.read(byte), 1);
        assertEquals(await a.read(byte), 0);
        // The host closes first.
        using b = await host_connect(7);
        assertEquals(await b.write(byte), 0);
        assertEquals(await b.read(byte), 1);
        b.close();
        for (const host_first of [false, true]) {
          const conn = connect(u, { hostname: THEIRS, port: 5000 });
          using s = await l.accept();
          const c = await conn;
          if (host_first) {
            s.close();
            assertEquals(await c.read(byte), null);
            c.close();
          } else {
            c.close();
            assertEquals(await s.read(byte), 0);
          }
        }
      }
      assertEquals(t.counter("TcpActiveOpens"), 500);
      assertEquals(t.counter("TcpPassiveOpens"), 500);
      assertEquals(t.counter("TcpExtTW") >= 0, true);
      assertEquals(t.counter("TcpOutRsts"), 0);
      assertEquals(t.counter("TcpEstabResets"), 0);
    });
  });

  Deno.test("path MTU: the host forwards to a smaller MTU, and our TCP shrinks", async () => {
    await on_nic({ type: "tap", offload: true }, async (t) => {
      // A second NIC, of another host of ours: the kernel routes between them.
      host_sysctl("ip_forward", "1");
      const far = t.machine.host("far");
      far.tuntap({ type: "tap", dev: "tap7", host_address: inet_addr("203.0.113.1") }).ifconfig(
        "203.0.113.2/24",
      );
      far.route_add("default", "203.0.113.1");
      ifconfig("tap7", { prefix_len: 24, address: inet_addr("203.0.113.1"), mtu: 1280 });
      const fu = far.task("far");
      void tcp_serve(fu, tcp_listen(fu, 1001), digest);
      await using c = await connect(t.u, { hostname: "203.0.113.2", port: 1001 });
      assertEquals(info_of(t.u, c.rid).tcpi_pmtu, 1500);
      const data = random_bytes(2 * MB);
      await c.writeAll(data);
      assertEquals(info_of(t.u, c.rid).tcpi_pmtu, 1280);
      assertEquals(info_of(t.u, c.rid).tcpi_snd_mss, 1228);
      await c.closeWrite();
      assertEquals(new TextDecoder().decode(await read_all(t.u, c.rid)), sha256(data));
      assertEquals(t.counter("IcmpInDestUnreachs") > 0, true);
    });
  });

  Deno.test("path MTU: we forward to a smaller MTU, and the host's TCP shrinks", async () => {
    await on_nic({ type: "tap", offload: false }, async (t) => {
      sysctl(t.host, "net.ipv4.ip_forward", "1");
      const far = t.machine.host("far");
      const [near_end, far_end] = t.machine.wire(t.host, far);
      near_end.ifconfig("203.0.113.1/24", { mtu: 1280 });
      far_end.ifconfig("203.0.113.2/24");
      far.route_add("default", "203.0.113.1");
      const add = await run_program(["ip", "route", "add", "203.0.113.0/24", "via", OURS]);
      assertEquals(add.code, 0, add.stderr);
      const fu = far.task("far");
      void tcp_serve(fu, tcp_listen(fu, 1001), digest);
      const data = random_bytes(2 * MB);
      using s = host_socket.tcp();
      assertEquals(await s.connect("203.0.113.2", 1001), 0);
      assertEquals(s.tcp_info().tcpi_pmtu, 1500);
      assertEquals(await s.write(data), 0);
      s.shutdown(SHUT_WR);
      assertEquals(new TextDecoder().decode(await s.read_all()), sha256(data));
      assertEquals(s.tcp_info().tcpi_pmtu, 1280);
      assertGreater(t.counter("IcmpOutDestUnreachs"), 0);
      // 64 KiB a packet at most, however well they merge.
      assertGreater(t.counter("IpForwDatagrams"), 32);
    });
  });
});

/** Sets a sysctl of the namespace's TCP. */
function host_sysctl(name: string, value: string): void {
  Deno.writeTextFileSync(`/proc/sys/net/ipv4/${name}`, value);
}

/** The answer to a question: 192.0.2.1. */
function dns_reply(q: Uint8Array): Uint8Array {
  const a = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
  const p = new Uint8Array([...q, ...a]);
  p[2] |= 0x80;
  p[7] = 1;
  return p;
}

/** Tries again while the host's program starts. */
async function retry<T>(fn: () => Promise<T>): Promise<T> {
  for (let i = 0;; i++) {
    try {
      return await fn();
    } catch (e) {
      if (i === 100) throw e;
      await sleep(20);
    }
  }
}

/** One echo request of ours to the host, by a raw socket. */
async function ping_host(t: nic_bench, bytes: number): Promise<void> {
  const { u } = t;
  const fd = u.sys_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  assert(fd >= 0, `socket: ${fd}`);
  const timeout = new Uint8Array(16);
  timeout[0] = 5;
  assertEquals(await u.sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout), 0);
  assertEquals(await u.sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, ints(200_000)), 0);
  const p = random_bytes(8 + bytes);
  p.set([8, 0, 0, 0, 0x12, 0x34, 0, 1]);
  let sum = 0;
  for (let i = 0; i < p.length; i += 2) sum += (p[i] << 8) | (p[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  p[2] = (~sum >> 8) & 0xff;
  p[3] = ~sum & 0xff;
  const to = { sin_family: AF_INET, sin_port: 0, sin_addr: inet_addr(THEIRS) };
  assertEquals(await u.sys_sendto(fd, p, p.length, 0, to), p.length);
  const buf = new Uint8Array(65535);
  for (;;) {
    const n = await u.sys_read(fd, buf);
    assert(n > 0, `no reply: ${n}`);
    if (buf[20] !== 0 || buf[24] !== 0x12 || buf[25] !== 0x34) continue;
    assertEquals(n, 20 + p.length);
    assertEquals(sha256(buf.subarray(28, n)), sha256(p.subarray(8)));
    break;
  }
  await u.sys_close(fd);
}

/** n connections of the host to our echo, all open before the first is used. */
async function host_crowd(n: number): Promise<void> {
  const conns = await Promise.all(Array.from({ length: n }, () => host_connect(7)));
  await Promise.all(conns.map(async (s, i) => {
    const data = random_bytes(20_000, i + 1);
    assertEquals(await s.write(data), 0);
    s.shutdown(SHUT_WR);
    assertEquals(sha256(await s.read_all()), sha256(data));
    s.close();
  }));
}

/** n connections of ours to an echo of the host. */
async function our_crowd(t: nic_bench, n: number): Promise<void> {
  using l = host_listen(5005);
  const server = (async () => {
    for (let i = 0; i < n; i++) {
      const s = await l.accept();
      void (async () => {
        await s.write(await s.read_all());
        s.close();
      })();
    }
  })();
  const opened = Array.from({ length: n }, () => connect(t.u, { hostname: THEIRS, port: 5005 }));
  const conns = await Promise.all(opened);
  await server;
  await Promise.all(conns.map(async (c, i) => {
    const data = random_bytes(20_000, i + 1);
    await c.writeAll(data);
    await c.closeWrite();
    assertEquals(sha256(await read_all(t.u, c.rid)), sha256(data));
    c.close();
  }));
}

/** Our sender waits, however long, for a host's reader with a small buffer. */
async function host_sleeps(t: nic_bench): Promise<void> {
  const data = random_bytes(4 * MB);
  let waiting: tcp_info | null = null;
  serve(t, 1000, async (u, fd) => {
    const look = setTimeout(() => waiting = info_of(u, fd), 800);
    await write_all(u, fd, data);
    clearTimeout(look);
    await u.sys_close(fd);
  });
  using s = await host_connect(1000, (s) => s.setsockopt(SOL_SOCKET, SO_RCVBUF, ints(20_000)));
  await sleep(1200);
  assertEquals(sha256(await s.read_all()), sha256(data));
  assert(waiting !== null);
  const { tcpi_snd_wnd, tcpi_notsent_bytes } = waiting as tcp_info;
  assertLess(tcpi_snd_wnd, 1448);
  assertGreater(tcpi_notsent_bytes, 0);
  assertGreater(t.counter("TcpExtTCPWinProbe"), 0);
}

/** The host's sender waits for our reader. */
async function we_sleep(t: nic_bench): Promise<void> {
  const data = random_bytes(8 * MB);
  const { u } = t;
  const lfd = tcp_listen(u, 1002);
  await u.sys_setsockopt(lfd, SOL_SOCKET, SO_RCVBUF, ints(30_000));
  using s = await host_connect(1002);
  const fd = await u.sys_accept(lfd);
  const sent = s.write(data).then((ret) => (s.shutdown(SHUT_WR), ret));
  await sleep(1200);
  assertEquals(s.tcp_info().tcpi_snd_wnd < 1448, true);
  assertGreater(t.counter("TcpExtTCPToZeroWindowAdv"), 0);
  assertEquals(sha256(await read_all(u, fd)), sha256(data));
  assertEquals(await sent, 0);
  assertGreater(t.counter("TcpExtTCPFromZeroWindowAdv"), 0);
  await u.sys_close(fd);
  await u.sys_close(lfd);
}

/** The host probes an idle connection once, and would give it up at once without an answer. */
async function host_keepalive(t: nic_bench): Promise<void> {
  serve(t, 7, echo);
  using s = await host_connect(7);
  s.setsockopt(SOL_SOCKET, SO_KEEPALIVE, ints(1));
  s.setsockopt(SOL_TCP, TCP_KEEPIDLE, ints(1));
  s.setsockopt(SOL_TCP, TCP_KEEPINTVL, ints(1));
  s.setsockopt(SOL_TCP, TCP_KEEPCNT, ints(1));
  assertEquals(await s.read(new Uint8Array(1), 2200), -ETIMEDOUT);
  assertEquals(s.error(), 0);
  assertEquals(await s.write(Uint8Array.of(1)), 0);
  assertEquals(await s.read(new Uint8Array(1)), 1);
}

/** We probe an idle connection, and give it up when nobody answers. */
async function our_keepalive(t: nic_bench): Promise<void> {
  const { u } = t;
  using l = host_listen(5006);
  const conn = connect(u, { hostname: THEIRS, port: 5006 });
  using _s = await l.accept();
  await using c = await conn;
  const set = (level: number, name: number, v: number) =>
    assertEquals(u.sys_setsockopt(c.rid, level, name, ints(v)), 0);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(SOL_TCP, TCP_KEEPIDLE, 1);
  set(SOL_TCP, TCP_KEEPINTVL, 1);
  set(SOL_TCP, TCP_KEEPCNT, 2);
  const read = u.sys_read(c.rid, new Uint8Array(1));
  const early = await Promise.race([read, sleep(2600)]);
  assertEquals(early, undefined);
  assertGreater(t.counter("TcpExtTCPKeepAlive"), 1);
  // The host forgets the connection without a word: its packets are lost from here on.
  const faulty = new faulty_nic(t.nic.dev, { seed: 1, rx: { drop: 1 } });
  const start = performance.now();
  assertEquals(await read, -ETIMEDOUT);
  const took = performance.now() - start;
  assert(took > 1500 && took < 4000, `${took} ms`);
  assertEquals(t.counter("TcpExtTCPAbortOnTimeout"), 1);
  faulty.stop();
}

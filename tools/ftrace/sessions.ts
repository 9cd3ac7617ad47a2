// SPDX-License-Identifier: GPL-2.0-only
//
// The named sessions: what two hosts on a wire do in virtual time while it is recorded. Runs in the mirror.

import { SHUT_WR, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from "../../include/linux/net.ts";
import { NETDEV_TX_OK, NETIF_F_GRO } from "../../include/linux/netdevice.ts";
import { AF_INET, SO_KEEPALIVE, SO_RCVBUF, SOL_SOCKET } from "../../include/linux/socket.ts";
import { SKB_DROP_REASON_FULL_RING } from "../../include/net/dropreason.ts";
import { ECONNREFUSED } from "../../include/uapi/asm-generic/errno.ts";
import { IPPROTO_ICMP } from "../../include/uapi/linux/in.ts";
import type { sockaddr } from "../../include/uapi/linux/in.ts";
import { msleep } from "../../kernel/time/timer.ts";
import { check, inet_addr } from "../../mod.ts";
import type { userland } from "../../mod.ts";
import { kfree_skb_reason } from "../../net/core/skbuff.ts";
import { ADDR_B, two_hosts } from "../testing/two_hosts.ts";
import type { two_hosts_bench, two_hosts_options } from "../testing/two_hosts.ts";

/** What a session works with. */
interface session_bench extends two_hosts_bench {
  /** Lets so many seconds of virtual time pass. */
  sim_pass(s: number): Promise<void>;
  /** The next n packets that a sends get lost. */
  lose(n: number): void;
}

/** A session: what happens before the recording, and in it. */
interface session {
  about: string;
  options?: two_hosts_options;
  run(t: session_bench, start: () => void): Promise<void>;
}

const PORT = 2222;
/** One way, unless the session says otherwise. */
const DELAY_MS = 10;

function sin(addr: string, port: number): sockaddr {
  return { sin_family: AF_INET, sin_port: port, sin_addr: inet_addr(addr) };
}

function listen_on(u: userland, rcvbuf = 0): number {
  const fd = check(u.sys_socket(AF_INET, SOCK_STREAM), "socket");
  if (rcvbuf > 0) {
    u.sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Uint8Array.of(rcvbuf, rcvbuf >> 8, 0, 0));
  }
  check(u.sys_bind(fd, sin("0.0.0.0", PORT)), "bind");
  check(u.sys_listen(fd, 5), "listen");
  return fd;
}

async function connect_to(u: userland): Promise<number> {
  const fd = check(u.sys_socket(AF_INET, SOCK_STREAM), "socket");
  check(await u.sys_connect(fd, sin(ADDR_B, PORT)), "connect");
  return fd;
}

/** A connection from a to b: descriptors of the client, the server, the listener. */
async function connected(t: session_bench, rcvbuf = 0): Promise<[number, number, number]> {
  const listener = listen_on(t.ub, rcvbuf);
  const client = await connect_to(t.ua);
  const server = check(await t.ub.sys_accept4(listener, null, null, 0), "accept4");
  return [client, server, listener];
}

/** Reads n bytes. */
async function read_all(u: userland, fd: number, n: number): Promise<void> {
  const buf = new Uint8Array(65536);
  while (n > 0) {
    const got = check(await u.sys_read(fd, buf), "read");
    if (got === 0) throw new Error(`the end comes ${n} bytes early`);
    n -= got;
  }
}

/** A small write, read by the other end. */
async function exchange(t: session_bench, client: number, server: number): Promise<void> {
  check(await t.ua.sys_write(client, new Uint8Array(100)), "write");
  await read_all(t.ub, server, 100);
}

/** Reads the end. */
async function read_end(u: userland, fd: number): Promise<void> {
  if (await u.sys_read(fd, new Uint8Array(16)) !== 0) throw new Error("no end");
}

export const SESSIONS: Record<string, session> = {
  handshake: {
    about: "bind, listen, connect; SYN, SYN+ACK, ACK; accept",
    async run(t, start) {
      start();
      const listener = listen_on(t.ub);
      const accepting = t.ub.sys_accept4(listener, null, null, 0);
      await connect_to(t.ua);
      check(await accepting, "accept4");
    },
  },
  transfer: {
    about: "a small write and its read; a long write against a slow reader",
    async run(t, start) {
      const [client, server] = await connected(t);
      start();
      await exchange(t, client, server);
      const n = 300000;
      const writing = t.ua.sys_write(client, new Uint8Array(n));
      await read_all(t.ub, server, n);
      check(await writing, "write");
    },
  },
  napi: {
    about: "the same small write, received through NAPI and GRO as a list",
    options: { offload: false },
    async run(t, start) {
      const [client, server] = await connected(t);
      start();
      await exchange(t, client, server);
    },
  },
  "no-gro": {
    about: "the same small write, received through NAPI without GRO, one by one",
    options: { offload: false },
    async run(t, start) {
      const [client, server] = await connected(t);
      t.nic_b.dev.features &= ~NETIF_F_GRO;
      start();
      await exchange(t, client, server);
    },
  },
  close: {
    about: "FIN from both ends, TIME_WAIT to its end",
    async run(t, start) {
      const [client, server, listener] = await connected(t);
      start();
      await t.ua.sys_close(client);
      await read_end(t.ub, server);
      await t.ub.sys_close(server);
      await t.ub.sys_close(listener);
      await t.sim_pass(61);
    },
  },
  "half-close": {
    about: "shutdown of one direction; the other goes on",
    async run(t, start) {
      const [client, server] = await connected(t);
      start();
      check(await t.ua.sys_shutdown(client, SHUT_WR), "shutdown");
      await read_end(t.ub, server);
      check(await t.ub.sys_write(server, new Uint8Array(100)), "write");
      await read_all(t.ua, client, 100);
    },
  },
  refused: {
    about: "connect to a port where nobody listens: RST",
    async run(t, start) {
      const fd = check(t.ua.sys_socket(AF_INET, SOCK_STREAM), "socket");
      start();
      const ret = await t.ua.sys_connect(fd, sin(ADDR_B, PORT));
      if (ret !== -ECONNREFUSED) throw new Error(`connect: ${ret}`);
    },
  },
  retransmit: {
    about: "a lost segment: RTO, and sent again",
    async run(t, start) {
      const [client, server] = await connected(t);
      start();
      t.lose(1);
      await exchange(t, client, server);
    },
  },
  "fast-retransmit": {
    about: "a lost segment before others: SACKs, RACK, and sent again",
    options: { offload: false },
    async run(t, start) {
      const [client, server] = await connected(t);
      start();
      t.lose(1);
      check(await t.ua.sys_write(client, new Uint8Array(14480)), "write");
      await read_all(t.ub, server, 14480);
    },
  },
  "zero-window": {
    about: "a reader that does not read: zero window, probe, update",
    async run(t, start) {
      const [client, server] = await connected(t, 8192);
      const n = 40000;
      const writing = t.ua.sys_write(client, new Uint8Array(n));
      await t.sim_pass(0.15);
      start();
      await t.sim_pass(1);
      await read_all(t.ub, server, n);
      check(await writing, "write");
    },
  },
  keepalive: {
    about: "an idle connection is asked whether it is alive",
    options: { limit_s: 10000 },
    async run(t, start) {
      const [client] = await connected(t);
      const on = Uint8Array.of(1, 0, 0, 0);
      t.ua.sys_setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, on);
      start();
      await t.sim_pass(7201);
    },
  },
  udp: {
    about: "a datagram to a socket, and one to a port without: ICMP",
    async run(t, start) {
      const fd = check(t.ub.sys_socket(AF_INET, SOCK_DGRAM), "socket");
      check(t.ub.sys_bind(fd, sin("0.0.0.0", 53)), "bind");
      const client = check(t.ua.sys_socket(AF_INET, SOCK_DGRAM), "socket");
      start();
      check(await t.ua.sys_sendto(client, new Uint8Array(20), 20, 0, sin(ADDR_B, 53)), "sendto");
      check(await t.ub.sys_recv(fd, new Uint8Array(100)), "recv");
      check(await t.ua.sys_sendto(client, new Uint8Array(20), 20, 0, sin(ADDR_B, 54)), "sendto");
    },
  },
  ping: {
    about: "ICMP echo",
    async run(t, start) {
      const fd = check(t.ua.sys_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "socket");
      start();
      const echo = Uint8Array.of(8, 0, 0xf7, 0xfe, 0, 0, 0, 1);
      check(await t.ua.sys_sendto(fd, echo, echo.length, 0, sin(ADDR_B, 0)), "sendto");
      check(await t.ua.sys_recv(fd, new Uint8Array(100)), "recv");
    },
  },
};

/** The bench of a session. */
function bench(t: two_hosts_bench): session_bench {
  return {
    ...t,
    async sim_pass(s) {
      await msleep(s * 1000);
    },
    lose(n) {
      const { dev } = t.nic_a;
      const ops = dev.netdev_ops;
      dev.netdev_ops = {
        ...ops,
        ndo_start_xmit(skb, dev) {
          if (--n === 0) dev.netdev_ops = ops;
          kfree_skb_reason(skb, SKB_DROP_REASON_FULL_RING);
          return NETDEV_TX_OK;
        },
      };
    },
  };
}

/** Runs a session; `prepare` comes first of all, `start` begins to record, `stop` ends it. */
export async function run_session(
  name: string,
  prepare: () => void,
  start: () => void,
  stop: () => void,
): Promise<void> {
  const s = SESSIONS[name];
  await two_hosts(async (bare) => {
    const t = bench(bare);
    prepare();
    await s.run(t, start);
    // What is on its way arrives.
    await t.sim_pass(0.1);
    stop();
  }, { delay_ms: DELAY_MS, ...s.options });
}

// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { SOCK_NOSPACE, socket, socket_wq } from "../../include/linux/net.ts";
import { MAX_SCHEDULE_TIMEOUT } from "../../include/linux/sched.ts";
import { MSG_NOSIGNAL } from "../../include/linux/socket.ts";
import { net } from "../../include/net/net_namespace.ts";
import { proto_counters, SEND_SHUTDOWN, sock } from "../../include/net/sock.ts";
import type { proto } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { EAGAIN, ECONNRESET, EPIPE } from "../../include/uapi/asm-generic/errno.ts";
import { show_sleepers } from "../../kernel/sched/core.ts";
import { lock_sock, sk_alloc, sock_def_wakeup, sock_init_data } from "./sock.ts";
import {
  sk_stream_error,
  sk_stream_wait_close,
  sk_stream_wait_connect,
  sk_stream_wait_memory,
  sk_stream_write_space,
} from "./stream.ts";

const test_prot: proto = {
  name: "TEST",
  close() {},
  counters: new proto_counters(),
  max_header: 0,
  alloc_sock: () => new sock(),
};

function start(state: number): { m: sim_machine; sk: sock } {
  const m = new sim_machine();
  m.start();
  const s = new socket();
  const sk = sk_alloc(new net("test"), 2, test_prot, true);
  sock_init_data(s, sk);
  sk.sk_wq = new socket_wq();
  sk.skc_state = state;
  sk.sk_sndbuf = 10000;
  lock_sock(sk);
  return { m, sk };
}

Deno.test("sk_stream_wait_memory() answers -EAGAIN at once and asks to be told of room", () => {
  const { sk } = start(TCP_ESTABLISHED);
  sk.sk_wmem_queued = 20000;
  assertEquals(sk_stream_wait_memory(sk, { value: 0 }), -EAGAIN);
  assertEquals(sk.sk_socket!.flags & (1 << SOCK_NOSPACE), 1 << SOCK_NOSPACE);
  sk.sk_shutdown = SEND_SHUTDOWN;
  assertEquals(sk_stream_wait_memory(sk, { value: 10 }), -EPIPE);
});

Deno.test("sk_stream_wait_memory() sleeps until sk_stream_write_space()", async () => {
  const { m, sk } = start(TCP_ESTABLISHED);
  sk.sk_wmem_queued = 20000;
  const timeo_p = { value: 10 * HZ };
  const ret = sk_stream_wait_memory(sk, timeo_p) as Promise<number>;
  await m.advance(1000);
  assertEquals(sk.sk_write_pending, 1);
  assertEquals(sk.sk_lock.owned, false);
  sk.sk_wmem_queued = 9000;
  sk_stream_write_space(sk);
  await m.advance(1000);
  assertEquals(sk.sk_write_pending, 1, "less than a third is free: nobody is woken");
  sk.sk_wmem_queued = 2000;
  sk_stream_write_space(sk);
  assertEquals(await m.run_until(ret), 0);
  assertEquals(timeo_p.value, 8 * HZ);
  assertEquals(sk.sk_lock.owned, true);
  assertEquals(sk.sk_write_pending, 0);
  assertEquals(show_sleepers(), []);
});

Deno.test("sk_stream_wait_memory() sleeps a short time where only the protocol's limit was met", async () => {
  const { m, sk } = start(TCP_ESTABLISHED);
  const timeo_p = { value: MAX_SCHEDULE_TIMEOUT };
  const from = m.now();
  assertEquals(await m.run_until(sk_stream_wait_memory(sk, timeo_p) as Promise<number>), 0);
  const slept = (m.now() - from) / 1e6;
  // The timer wheel is coarser the farther a timer is off.
  assertEquals(slept >= 2 && slept <= (HZ / 5 + 2) * 9 / 8, true, `${slept} ms`);
  assertEquals(timeo_p.value, MAX_SCHEDULE_TIMEOUT);
});

Deno.test("sk_stream_wait_memory() ends with -EAGAIN when the time is over", async () => {
  const { m, sk } = start(TCP_ESTABLISHED);
  sk.sk_wmem_queued = 20000;
  const timeo_p = { value: HZ };
  assertEquals(await m.run_until(sk_stream_wait_memory(sk, timeo_p) as Promise<number>), -EAGAIN);
  assertEquals(timeo_p.value, 0);
});

Deno.test("sk_stream_wait_connect() ends with the handshake, or its error", async () => {
  const { m, sk } = start(TCP_SYN_SENT);
  const ret = sk_stream_wait_connect(sk, { value: MAX_SCHEDULE_TIMEOUT }) as Promise<number>;
  await m.advance(10);
  sk.skc_state = TCP_ESTABLISHED;
  sock_def_wakeup(sk);
  assertEquals(await m.run_until(ret), 0);
  sk.skc_state = TCP_SYN_SENT;
  sk.sk_err = ECONNRESET;
  assertEquals(sk_stream_wait_connect(sk, { value: 1 }), -ECONNRESET);
  sk.skc_state = TCP_CLOSE;
  assertEquals(sk_stream_wait_connect(sk, { value: 1 }), -EPIPE);
});

Deno.test("sk_stream_wait_close() waits for the FIN's acknowledgement, and no longer than told", async () => {
  const { m, sk } = start(TCP_FIN_WAIT1);
  const done = sk_stream_wait_close(sk, 5 * HZ) as Promise<void>;
  await m.advance(100);
  sk.skc_state = TCP_FIN_WAIT2;
  sock_def_wakeup(sk);
  await m.run_until(done);
  sk.skc_state = TCP_FIN_WAIT1;
  const from = m.now();
  await m.run_until(sk_stream_wait_close(sk, HZ) as Promise<void>);
  const slept = (m.now() - from) / 1e6;
  assertEquals(slept >= 1000 && slept < 1125, true, `${slept} ms`);
  assertEquals(sk_stream_wait_close(sk, 0), undefined);
});

Deno.test("sk_stream_error() prefers the socket's error", () => {
  const { sk } = start(TCP_CLOSE);
  assertEquals(sk_stream_error(sk, MSG_NOSIGNAL, -EPIPE), -EPIPE);
  sk.sk_err = ECONNRESET;
  assertEquals(sk_stream_error(sk, 0, -EPIPE), -ECONNRESET);
  assertEquals(sk.sk_err, 0);
  assertEquals(sk_stream_error(sk, 0, -EAGAIN), -EAGAIN);
});

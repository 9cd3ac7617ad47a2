// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { net } from "../../include/net/net_namespace.ts";
import {
  secure_ipv4_port_ephemeral,
  secure_seq_init,
  secure_tcp_sequence_number,
  secure_tcp_ts_off,
} from "./secure_seq.ts";

const A = 0xc6336401 | 0;
const B = 0xc6336402 | 0;

function boot(seed = 1): sim_machine {
  const machine = new sim_machine({ seed });
  machine.start();
  secure_seq_init();
  return machine;
}

Deno.test("secure_tcp_sequence_number() moves on by one each 64 ns", async () => {
  const machine = boot();
  const isn = secure_tcp_sequence_number(A, B, 44404, 80);
  assertEquals(isn, isn | 0);
  assertEquals(secure_tcp_sequence_number(A, B, 44404, 80), isn);
  await machine.advance(1);
  // The wall clock is a double: 256 ns are its step in this century.
  const steps = (secure_tcp_sequence_number(A, B, 44404, 80) - isn) | 0;
  assert(Math.abs(steps - 1000000 / 64) <= 4, `${steps}`);
});

Deno.test("secure_tcp_sequence_number() differs by address, port and boot", () => {
  boot();
  const isn = secure_tcp_sequence_number(A, B, 44404, 80);
  assertNotEquals(secure_tcp_sequence_number(B, A, 44404, 80), isn);
  assertNotEquals(secure_tcp_sequence_number(A, B, 80, 44404), isn);
  assertNotEquals(secure_tcp_sequence_number(A, B, 44405, 80), isn);
  boot(2);
  assertNotEquals(secure_tcp_sequence_number(A, B, 44404, 80), isn);
  boot(1);
  assertEquals(secure_tcp_sequence_number(A, B, 44404, 80), isn);
});

Deno.test("secure_ipv4_port_ephemeral() starts elsewhere for each destination, always there for one", () => {
  boot();
  const seen = new Set<number>();
  for (let port = 1; port <= 1000; port++) seen.add(secure_ipv4_port_ephemeral(A, B, port));
  assert(seen.size > 990);
  assertEquals(secure_ipv4_port_ephemeral(A, B, 7), secure_ipv4_port_ephemeral(A, B, 7));
});

Deno.test("secure_tcp_ts_off() is 0 unless tcp_timestamps is 1", () => {
  boot();
  const n = new net("t");
  const off = secure_tcp_ts_off(n, A, B);
  assertNotEquals(off, 0);
  assertEquals(secure_tcp_ts_off(n, A, B), off);
  assertNotEquals(secure_tcp_ts_off(n, B, A), off);
  n.ipv4.sysctl_tcp_timestamps = 2;
  assertEquals(secure_tcp_ts_off(n, A, B), 0);
});

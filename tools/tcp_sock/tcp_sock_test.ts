// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertMatch } from "@std/assert";
import { tcp_sock } from "../../include/linux/tcp.ts";
import { fields_of, read_chain, tcp_sock_text } from "./chain.ts";
import type { section } from "./chain.ts";
import { live_sections } from "./mod.ts";
import { UNITS } from "./units.ts";

/** Paths of the fields that hold numbers, as units.ts names them. */
function numbers(of: object, prefix = ""): string[] {
  return Object.entries(of).flatMap(([name, v]) => {
    const path = prefix + name;
    if (typeof v === "number") return [path];
    if (Array.isArray(v) || v?.constructor.name === "minmax") return [path];
    return prefix === "" && SHOWN.test(v?.constructor.name ?? "") ? numbers(v, `${path}.`) : [];
  });
}

const SHOWN =
  /^(icsk_ack_state|icsk_mtup_state|sk_backlog|request_sock_queue|tcp_(options_received|rack|rcv_rtt_est|rcvq_space))$/;

Deno.test("fields_of() reads the fields of a class with their comments", () => {
  const text = `
/** A thing. */
export class thing extends other {
  /** bytes */
  a = 0;
  readonly b = new list();
  c!: (sk: sock) => void;
  /**
   * Of two
   * lines.
   */
  d: number | null = null;

  constructor() {
    super();
    this.e = 1;
  }

  get f(): number {
    return 1;
  }
}
`;
  const { line, fields } = fields_of(text, "thing");
  assertEquals(line, 3);
  assertEquals(fields.map((f) => [f.name, f.line, f.doc]), [
    ["a", 5, "bytes"],
    ["b", 6, ""],
    ["c", 7, ""],
    ["d", 12, "Of two lines."],
  ]);
});

Deno.test("read_chain() finds every field of a tcp_sock, each once", async () => {
  const chain = await read_chain();
  assertEquals(chain.map((s) => s.name), [
    "tcp_sock",
    "inet_connection_sock",
    "inet_sock",
    "sock",
    "sock_common",
  ]);
  const found = chain.flatMap((s) => s.fields.map((f) => f.name));
  assertEquals([...found].sort(), Object.keys(new tcp_sock()).sort());
});

Deno.test("every number of a tcp_sock has a unit, and every unit its field", () => {
  const fields = numbers(new tcp_sock());
  assertEquals(fields.filter((f) => !UNITS.has(f)), []);
  assertEquals([...UNITS.keys()].filter((f) => !fields.includes(f)), []);
});

function value(sections: section[], name: string): string {
  const f = sections.flatMap((s) => s.fields).find((f) => f.name === name);
  assert(f !== undefined, name);
  return f.value;
}

Deno.test("tcp_sock shows both ends of a connection that agree with each other", async () => {
  const client = await live_sections("client");
  const server = await live_sections("server");
  assertEquals(value(client, "skc_state"), "TCP_ESTABLISHED (1)");
  assertEquals(value(client, "skc_daddr"), value(server, "skc_rcv_saddr"));
  assertEquals(value(client, "skc_dport"), "2222");
  assertEquals(value(client, "rx_opt.snd_wscale"), value(server, "rx_opt.rcv_wscale"));
  const acked = Number(value(server, "rcv_nxt")) - Number(value(client, "snd_una"));
  assert(acked >= 0 && acked <= 6000, `${acked} bytes arrived and are not acknowledged`);
  assertEquals(value(client, "mss_cache"), "1448");
  assertMatch(value(client, "icsk_retransmit_timer"), /^tcp_write_timer\(\) in \d+ jiffies$/);
  assertMatch(value(client, "srtt_us"), /^\d+ \([\d.]+ us\)$/);
});

Deno.test("tcp_sock shows a listener with its accept queue", async () => {
  const listener = await live_sections("listener");
  assertEquals(value(listener, "skc_state"), "TCP_LISTEN (10)");
  assertEquals(value(listener, "icsk_accept_queue.qlen"), "0");
  const text = tcp_sock_text(listener);
  assertMatch(text, /^struct tcp_sock +include\/linux\/tcp\.ts:\d+\n/);
  assertMatch(text, /\n {2}sk_rcvbuf +\d+ bytes +bytes\n/);
  assert(tcp_sock_text(listener, true).length < text.length);
});

Deno.test("tcp_sock refuses what it does not know", async () => {
  for (const args of [["--nope"], ["--end=middle"], ["x"]]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("./mod.ts", import.meta.url).pathname, ...args],
      stdout: "null",
    }).output();
    assertEquals(code, 2);
    assertMatch(new TextDecoder().decode(stderr), /usage: deno task tcp_sock/);
  }
});

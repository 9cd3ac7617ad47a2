// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertMatch } from "@std/assert";
import { golden_steps } from "./golden.ts";
import type { step } from "./golden.ts";
import { draw, drawings, PICTURES } from "./mod.ts";
import type { hashinfo_view, node } from "./model.ts";
import { changes, hashinfo_view as take_view, name_book } from "./model.ts";
import { SERVER_PORT, session } from "./session.ts";
import { arcs, record_states, states_text } from "./states.ts";

const steps: Promise<step[]> = golden_steps();

async function step_of(name: string): Promise<step> {
  return (await steps).find((s) => s.name === name)!;
}

function slots(v: hashinfo_view, table: string): [number, string][] {
  return v.tables.find((t) => t.name === table)!.slots.map((s) => [s.index, s.to]);
}

function find(v: hashinfo_view, id: string): node {
  const n = v.nodes.find((n) => n.id === id);
  assert(n !== undefined, `${id} is not in the view`);
  return n;
}

/** A field: where it points to, or its value. */
function field(v: hashinfo_view, id: string, name: string): string {
  const r = find(v, id).rows.find((r) => r.name === name);
  assert(r !== undefined, `${id} has no ${name}`);
  return r.to ?? r.value;
}

function structs(v: hashinfo_view): string[] {
  return v.nodes.map((n) => n.id).sort();
}

Deno.test("hashinfo_view() finds nothing wrong in any step", async () => {
  for (const s of await steps) assertEquals(s.view.wrong, [], s.name);
});

Deno.test("hashinfo_view() knows the sizes of the tables", async () => {
  const { view } = await step_of("bind");
  assertEquals(view.tables.map((t) => [t.name, t.size]), [
    ["ehash", 1024],
    ["bhash", 1024],
    ["listening_hash", 32],
  ]);
});

Deno.test("hashinfo_view() after bind(): the port's bucket, owned by the socket", async () => {
  const { view } = await step_of("bind");
  assertEquals(slots(view, "bhash"), [[174, "inet_bind_bucket#1.node"]]);
  assertEquals(slots(view, "listening_hash"), []);
  assertEquals(slots(view, "ehash"), []);
  assertEquals(field(view, "inet_bind_bucket#1", "port"), "2222");
  assertEquals(field(view, "inet_bind_bucket#1", "num_owners"), "1");
  assertEquals(field(view, "inet_bind_bucket#1", "owners"), "tcp_sock#1.sk_bind_node");
  assertEquals(field(view, "tcp_sock#1", "icsk_bind_hash"), "inet_bind_bucket#1");
  assertEquals(field(view, "tcp_sock#1", "sk_state"), "TCP_CLOSE (7)");
});

Deno.test("hashinfo_view() after listen(): the socket stands in listening_hash, too", async () => {
  const { view } = await step_of("listen");
  assertEquals(slots(view, "bhash"), [[174, "inet_bind_bucket#1.node"]]);
  assertEquals(slots(view, "listening_hash"), [[14, "tcp_sock#1.sk_node"]]);
  assertEquals(slots(view, "ehash"), []);
  assertEquals(field(view, "tcp_sock#1", "sk_state"), "TCP_LISTEN (10)");
  assertEquals(field(view, "tcp_sock#1", "sk_ack_backlog"), "0");
});

Deno.test("hashinfo_view() after the SYN: a request_sock in ehash", async () => {
  const { view } = await step_of("passive_syn");
  const [[index, to], ...more] = slots(view, "ehash");
  assertEquals([to, more.length], ["tcp_request_sock#1.sk_nulls_node", 0]);
  const req = "tcp_request_sock#1";
  assertEquals(field(view, req, "ireq_state"), "TCP_NEW_SYN_RECV (12)");
  assertEquals(field(view, req, "sk_nulls_node"), `nulls ${index}`);
  assertEquals(field(view, req, "rsk_listener"), "tcp_sock#1");
  assertEquals(field(view, "tcp_sock#1", "icsk_accept_queue.qlen"), "1");
  assertEquals(field(view, "tcp_sock#1", ".rskq_accept_head"), "NULL");
  assertEquals(field(view, "inet_bind_bucket#1", "num_owners"), "1");
});

Deno.test("hashinfo_view() after the ACK: the child in the request_sock's place", async () => {
  const before = await step_of("passive_syn");
  const { view } = await step_of("passive_ack");
  const [[index, to], ...more] = slots(view, "ehash");
  assertEquals([to, more.length], ["tcp_sock#2.sk_nulls_node", 0]);
  assertEquals(index, slots(before.view, "ehash")[0][0]);
  assertEquals(field(view, "tcp_sock#2", "sk_state"), "TCP_ESTABLISHED (1)");
  assertEquals(field(view, "inet_bind_bucket#1", "num_owners"), "2");
  assertEquals(field(view, "inet_bind_bucket#1", "owners"), "tcp_sock#2.sk_bind_node");
  assertEquals(field(view, "tcp_sock#2", "sk_bind_node"), "tcp_sock#1.sk_bind_node");
  assertEquals(field(view, "tcp_sock#2", "icsk_bind_hash"), "inet_bind_bucket#1");
  assertEquals(field(view, "tcp_sock#1", "icsk_bind_hash"), "inet_bind_bucket#1");
  assertEquals(field(view, "tcp_sock#1", "icsk_accept_queue.qlen"), "0");
  assertEquals(field(view, "tcp_sock#1", "sk_ack_backlog"), "1");
  assertEquals(field(view, "tcp_sock#1", ".rskq_accept_head"), "tcp_request_sock#1");
  assertEquals(field(view, "tcp_request_sock#1", "sk"), "tcp_sock#2");
  assertEquals(field(view, "tcp_request_sock#1", "sk_node"), "unhashed");
  assertEquals(field(view, "tcp_sock#2", "sk_socket"), "NULL");
});

Deno.test("hashinfo_view() after accept(): the child has a socket with a descriptor", async () => {
  const { view, before } = await step_of("accept");
  assertEquals(field(view, "tcp_sock#1", ".rskq_accept_head"), "NULL");
  assertEquals(field(view, "tcp_sock#1", "sk_ack_backlog"), "0");
  assertEquals(structs(view), [
    "inet_bind_bucket#1",
    "socket#1",
    "socket#2",
    "tcp_sock#1",
    "tcp_sock#2",
  ]);
  assertEquals(changes(before, view).gone, ["tcp_request_sock#1"]);
  assertEquals(field(view, "tcp_sock#2", "sk_socket"), "socket#2");
  assertEquals(field(view, "socket#2", "sk"), "tcp_sock#2");
  assertEquals(field(view, "socket#2", "state"), "SS_CONNECTED");
  assertMatch(field(view, "socket#2", "file"), /^fd \d+ of server$/);
});

Deno.test("hashinfo_view() after connect(): one socket in bhash and ehash", async () => {
  const { view } = await step_of("connect");
  assertEquals(slots(view, "bhash"), [[372, "inet_bind_bucket#1.node"]]);
  assertEquals(field(view, "inet_bind_bucket#1", "port"), "44404");
  assertEquals(field(view, "inet_bind_bucket#1", "owners"), "tcp_sock#1.sk_bind_node");
  const [[index, to], ...more] = slots(view, "ehash");
  assertEquals([to, more.length], ["tcp_sock#1.sk_nulls_node", 0]);
  assertEquals(field(view, "tcp_sock#1", "sk_nulls_node"), `nulls ${index}`);
  assertEquals(field(view, "tcp_sock#1", "sk_state"), "TCP_SYN_SENT (2)");
  assertEquals(slots(view, "listening_hash"), []);
});

Deno.test("hashinfo_view() follows chains and shows what is left in TIME_WAIT", async () => {
  await using s = new session({ thash_entries: 1 });
  const one = await s.socket("b");
  await s.bind("b", one, SERVER_PORT);
  await s.call("b", "listen()", (u) => u.sys_listen(one, 5));
  const two = await s.socket("b");
  await s.bind("b", two, SERVER_PORT + 32);
  await s.call("b", "listen()", (u) => u.sys_listen(two, 5));
  const fd = await s.socket("a");
  const { ret } = await s.connect("a", fd, SERVER_PORT);
  await s.deliver_all();
  await ret;
  const { ret: child } = await s.call("b", "accept()", (u) => u.sys_accept(one));
  await s.call("b", "close()", (u) => u.sys_close(child as number));
  await s.deliver_all();
  await s.call("a", "close()", (u) => u.sys_close(fd));
  await s.deliver_all();
  const v = take_view(s.hosts.b.net, new name_book());
  assertEquals(v.wrong, []);
  // The later of two goes first, in bhash as in listening_hash.
  assertEquals(slots(v, "bhash"), [[0, "inet_bind_bucket#1.node"]]);
  assertEquals(field(v, "inet_bind_bucket#1", "port"), String(SERVER_PORT + 32));
  assertEquals(field(v, "inet_bind_bucket#1", "node"), "inet_bind_bucket#2.node");
  assertEquals(slots(v, "listening_hash"), [[14, "tcp_sock#1.sk_node"]]);
  assertEquals(field(v, "tcp_sock#1", "sk_node"), "tcp_sock#2.sk_node");
  const tw = "tcp_timewait_sock#1";
  assertEquals(slots(v, "ehash"), [[0, `${tw}.sk_nulls_node`]]);
  assertEquals(field(v, tw, "tw_substate"), "TCP_TIME_WAIT (6)");
  assertEquals(field(v, tw, "tw_tb"), "inet_bind_bucket#2");
});

Deno.test("hashinfo_view() tells of pointers that do not agree", async () => {
  await using s = new session();
  const fd = await s.socket("b");
  await s.bind("b", fd, SERVER_PORT);
  const names = new name_book();
  const { tcp_hashinfo } = await import("../../net/ipv4/inet_hashtables.ts");
  const tb = tcp_hashinfo.bhash[174].chain.first!.owner;
  tb.num_owners++;
  const { wrong } = take_view(s.hosts.b.net, names);
  tb.num_owners--;
  assertEquals(wrong, ["port 2222 has 1 owners, num_owners 2"]);
  assertEquals(take_view(s.hosts.b.net, names).wrong, []);
});

Deno.test("changes() names what a step has changed", async () => {
  const { view, before } = await step_of("listen");
  const c = changes(before, view);
  assert(c.changed.has("listening_hash[14]"));
  assert(c.changed.has("tcp_sock#1.sk_state"));
  assert(!c.changed.has("bhash[174]"));
  assertEquals([c.born.size, c.gone], [0, []]);
});

Deno.test("record_states() records the way of both ends through the states", async () => {
  const all = await record_states();
  const way = (host: string, struct: string): string[] =>
    all.filter((t) => t.session === "session" && t.host === host && t.struct === struct)
      .map((t) => `${t.from}>${t.to}`);
  assertEquals(way("a", "tcp_sock"), ["0>7", "7>2", "2>1", "1>4", "4>5", "5>7"]);
  assertEquals(way("a", "tcp_timewait_sock"), ["0>6", "6>0"]);
  assertEquals(way("b", "tcp_request_sock"), ["0>12"]);
  assertEquals(way("b", "tcp_sock"), [
    "0>7",
    "7>10",
    "0>10",
    "10>3",
    "3>1",
    "1>8",
    "8>9",
    "9>7",
    "10>7",
  ]);
  const established = all.find((t) => t.from === 2 && t.to === 1)!;
  assert(established.by.includes("tcp_set_state"));
  assertEquals([established.what, established.sent[0]], ["SYN+ACK", "ACK"]);
  assertEquals(arcs(all).length, 18);
});

Deno.test("the text of the pictures is the kept one", async () => {
  const all = await drawings();
  const text = all.map((d) => d.text()).join("\n\n");
  const kept = await Deno.readTextFile(new URL("./golden.txt", import.meta.url));
  assertEquals(
    text.trimEnd(),
    kept.trimEnd(),
    "deno task hashinfo --text > tools/hashinfo/golden.txt",
  );
});

Deno.test("the pictures of the documentation are fresh", async () => {
  for (const d of await drawings()) {
    const svg = await draw(d, "svg");
    assertMatch(svg, /^<svg role="img"[\s\S]*<\/svg>\n$/);
    const kept = await Deno.readTextFile(new URL(`${d.name}.svg`, PICTURES));
    assert(svg === kept, `${d.name}.svg is stale: deno task hashinfo`);
  }
});

Deno.test("package.json and deno.json pin the same Graphviz", async () => {
  const read = async (path: string) =>
    JSON.parse(await Deno.readTextFile(new URL(`../../${path}`, import.meta.url)));
  const pinned = (await read("package.json")).optionalDependencies["@viz-js/viz"];
  const { imports } = await read("deno.json");
  assertEquals(imports["@viz-js/viz"], `npm:@viz-js/viz@${pinned}`);
  const lock = await read("package-lock.json");
  assertEquals(lock.packages["node_modules/@viz-js/viz"].version, pinned);
});

Deno.test("hashinfo refuses flags and names it does not know", async () => {
  for (const args of [["--nope"], ["nope"], ["--text", "--dot"]]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("./mod.ts", import.meta.url).pathname, ...args],
      stdout: "null",
    }).output();
    assertEquals(code, 2);
    assertMatch(new TextDecoder().decode(stderr), /usage: deno task hashinfo/);
  }
});

Deno.test("states_text() says which function decided", async () => {
  const text = states_text(await record_states());
  assertMatch(
    text,
    /SYN_SENT \(2\).*-> TCP_ESTABLISHED \(1\) .*tcp_set_state < tcp_finish_connect/,
  );
});

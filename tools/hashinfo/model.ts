// SPDX-License-Identifier: GPL-2.0-only
//
// tcp_hashinfo of a host as plain data: hashinfo_view() walks the tables and what hangs on them, follows each pointer,
// and checks on the way that they agree with each other. It only reads. A picture is made of
//   tables  ehash, bhash, listening_hash: their used buckets, each with what its first pointer points to;
//   nodes   bind buckets, sockets, request_socks, timewait sockets, struct sockets: rows of a name with a value or a pointer.
// An object keeps its name (tcp_sock#1) for as long as the same name_book is used; changes() tells what is different
// from an earlier view.

import { living_tasks } from "../../arch/entry/common.ts";
import { hlist_nulls_head, is_a_nulls } from "../../include/linux/list_nulls.ts";
import type { hlist_nulls_next } from "../../include/linux/list_nulls.ts";
import type { socket } from "../../include/linux/net.ts";
import {
  SS_CONNECTED,
  SS_CONNECTING,
  SS_DISCONNECTING,
  SS_UNCONNECTED,
} from "../../include/linux/net.ts";
import type { hlist_head } from "../../include/linux/types.ts";
import { inet_csk } from "../../include/net/inet_connection_sock.ts";
import type { inet_bind_bucket, inet_hashinfo } from "../../include/net/inet_hashtables.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import * as tcp_states from "../../include/net/tcp_states.ts";
import { TCP_LISTEN, TCP_NEW_SYN_RECV, TCP_TIME_WAIT } from "../../include/net/tcp_states.ts";
import {
  inet_bhashfn,
  inet_lhashfn,
  sk_ehashfn,
  tcp_hashinfo,
} from "../../net/ipv4/inet_hashtables.ts";
import { inet_ntoa } from "../lib/inet.ts";

/** The role of a request_sock that stands in ehash. */
export const HALF_OPEN = "half open";

/** A field: its value as text, or the object ("tcp_sock#1") or place in it ("tcp_sock#1.sk_bind_node") it points to. */
export interface row {
  name: string;
  value: string;
  to: string | null;
  /** The struct of the chain that the field belongs to. */
  of: string;
}

/** An object. */
export interface node {
  id: string;
  struct: string;
  /** What it is to the reader: 'listener', 'connection'. */
  role: string;
  rows: row[];
}

/** A used bucket. */
export interface slot {
  index: number;
  to: string;
}

export interface table {
  name: "ehash" | "bhash" | "listening_hash";
  size: number;
  slots: slot[];
}

/** tcp_hashinfo as one host sees it. */
export interface hashinfo_view {
  host: string;
  tables: table[];
  nodes: node[];
  /** Pointers and counts that do not agree; empty in a healthy stack. */
  wrong: string[];
}

/** Names of objects: the n-th of a struct that was seen is struct#n. @local */
export class name_book {
  private readonly names = new WeakMap<object, string>();
  private readonly count = new Map<string, number>();

  /** The name of an object. */
  of(object: object, struct: string): string {
    let name = this.names.get(object);
    if (name === undefined) {
      const n = (this.count.get(struct) ?? 0) + 1;
      this.count.set(struct, n);
      name = `${struct}#${n}`;
      this.names.set(object, name);
    }
    return name;
  }
}

const STATE_NAMES: string[] = [];
for (const [name, value] of Object.entries(tcp_states)) {
  if (/^TCP_(?!MAX|STATE|ACTION)/.test(name)) STATE_NAMES[value as number] = name;
}

/** "TCP_LISTEN (10)". */
export function state_name(state: number): string {
  return `${STATE_NAMES[state] ?? "?"} (${state})`;
}

const SOCKET_STATES: Record<number, string> = {
  [SS_UNCONNECTED]: "SS_UNCONNECTED",
  [SS_CONNECTING]: "SS_CONNECTING",
  [SS_CONNECTED]: "SS_CONNECTED",
  [SS_DISCONNECTING]: "SS_DISCONNECTING",
};

function struct_of(sk: sock_common): string {
  if (sk.skc_state === TCP_NEW_SYN_RECV) return "tcp_request_sock";
  if (sk.skc_state === TCP_TIME_WAIT) return "tcp_timewait_sock";
  return "tcp_sock";
}

/** "fd 3 of server"; "NULL" where no program has it. */
function descriptor(sock: socket): string {
  for (const task of living_tasks) {
    const fd = task.files?.fd.findIndex((f) => f !== null && f === sock.file) ?? -1;
    if (fd >= 0) return `fd ${fd} of ${task.comm}`;
  }
  return "NULL";
}

/** Walks the tables. */
class walker {
  readonly wrong: string[] = [];
  readonly nodes: node[] = [];
  private readonly seen = new Set<object>();

  constructor(
    private readonly net: net,
    private readonly h: inet_hashinfo,
    private readonly names: name_book,
  ) {}

  private expect(holds: boolean, what: string): void {
    if (!holds) this.wrong.push(what);
  }

  name(sk: sock_common): string {
    return this.names.of(sk, struct_of(sk));
  }

  /** The members of an hlist that are this host's, in order. */
  private hlist<T>(head: hlist_head<T>, what: string, mine: (owner: T) => boolean): T[] {
    const out: T[] = [];
    let slot: hlist_head<T> | NonNullable<hlist_head<T>["next"]> = head;
    for (let n = head.next; n !== null; n = n.next) {
      this.expect(n.pprev === slot, `${what}: pprev does not point back`);
      if (mine(n.owner)) out.push(n.owner);
      slot = n;
    }
    return out;
  }

  private nulls(first: hlist_nulls_next<sock_common>, index: number): sock_common[] {
    const out: sock_common[] = [];
    let n = first;
    for (; !is_a_nulls(n); n = n.next) {
      const { pprev } = n;
      const back = n !== first ||
        pprev instanceof hlist_nulls_head && pprev.heads === this.h.ehash && pprev.index === index;
      this.expect(back && pprev?.next === n, `ehash[${index}]: pprev does not point back`);
      if (n.owner.skc_net === this.net) out.push(n.owner);
    }
    this.expect(n === index, `ehash[${index}]: ends in nulls ${n}`);
    return out;
  }

  tables(): table[] {
    const { h, net } = this;
    const ehash: table = { name: "ehash", size: h.ehash_mask + 1, slots: [] };
    const bhash: table = { name: "bhash", size: h.bhash_size, slots: [] };
    const lhash: table = { name: "listening_hash", size: h.listening_hash.length, slots: [] };
    const mine = (sk: sock_common): boolean => sk.skc_net === net;
    const buckets: inet_bind_bucket[] = [];
    const socks: sock_common[] = [];

    h.bhash.forEach((b, index) => {
      const chain = this.hlist(b.chain, `bhash[${index}]`, (tb) => tb.ib_net === net);
      if (chain.length === 0) return;
      bhash.slots.push({ index, to: `${this.names.of(chain[0], "inet_bind_bucket")}.node` });
      for (const tb of chain) {
        this.expect(
          inet_bhashfn(net, tb.port, h.bhash_size) === index,
          `port ${tb.port} stands in bhash[${index}]`,
        );
        buckets.push(tb);
      }
    });
    h.listening_hash.forEach((b, index) => {
      const chain = this.hlist(b.head, `listening_hash[${index}]`, mine);
      if (chain.length === 0) return;
      lhash.slots.push({ index, to: `${this.name(chain[0])}.sk_node` });
      for (const sk of chain) {
        this.expect(
          inet_lhashfn(net, sk.skc_num) === index,
          `${this.name(sk)} stands in listening_hash[${index}]`,
        );
        this.expect(sk.skc_state === TCP_LISTEN, `${this.name(sk)} does not listen`);
      }
      socks.push(...chain);
    });
    h.ehash.forEach((first, index) => {
      const chain = this.nulls(first, index);
      if (chain.length === 0) return;
      ehash.slots.push({ index, to: `${this.name(chain[0])}.sk_nulls_node` });
      for (const sk of chain) {
        this.expect(sk_ehashfn(sk) === sk.skc_hash, `${this.name(sk)}: skc_hash is another's`);
        this.expect(
          (sk.skc_hash & h.ehash_mask) === index,
          `${this.name(sk)} stands in ehash[${index}]`,
        );
      }
      socks.push(...chain);
    });

    for (const tb of buckets) this.bind_bucket(tb);
    for (const sk of socks) this.sock(sk);
    return [ehash, bhash, lhash];
  }

  private add(object: object, struct: string, role: string): node | null {
    if (this.seen.has(object)) return null;
    this.seen.add(object);
    const n = { id: this.names.of(object, struct), struct, role, rows: [] };
    this.nodes.push(n);
    return n;
  }

  private bind_bucket(tb: inet_bind_bucket): void {
    const n = this.add(tb, "inet_bind_bucket", "");
    if (n === null) return;
    const owners = this.hlist(tb.owners, `owners of port ${tb.port}`, () => true);
    // Timewait sockets stand among the owners, uncounted.
    const count = owners.filter((sk) => sk.skc_state !== TCP_TIME_WAIT).length;
    this.expect(
      count === tb.num_owners,
      `port ${tb.port} has ${count} owners, num_owners ${tb.num_owners}`,
    );
    // Of the chain of bhash; others of the same chain may be another host's.
    let next = tb.node.next;
    while (next !== null && next.owner.ib_net !== this.net) next = next.next;
    const of = "";
    n.rows.push({ name: "port", value: String(tb.port), to: null, of });
    n.rows.push({ name: "fastreuse", value: String(tb.fastreuse), to: null, of });
    n.rows.push({ name: "num_owners", value: String(tb.num_owners), to: null, of });
    n.rows.push({
      name: "node",
      value: next === null ? "NULL" : "",
      to: next === null ? null : `${this.names.of(next.owner, "inet_bind_bucket")}.node`,
      of,
    });
    n.rows.push({
      name: "owners",
      value: owners.length > 0 ? "" : "NULL",
      to: owners.length > 0 ? `${this.name(owners[0])}.sk_bind_node` : null,
      of,
    });
    for (const sk of owners) this.sock(sk);
  }

  private sock(sk: sock_common): void {
    if (sk.skc_state === TCP_NEW_SYN_RECV) this.request_sock(sk, HALF_OPEN);
    else if (sk.skc_state === TCP_TIME_WAIT) this.timewait_sock(sk);
    else this.full_sock(sk as sock);
  }

  /** The rows that everything in the tables has. */
  private common(n: node, sk: sock_common, prefix: string): void {
    const of = "sock_common";
    const add = (name: string, value: string, to: string | null = null): void => {
      n.rows.push({ name, value, to, of });
    };
    const peer = sk.skc_dport === 0 ? "0.0.0.0:*" : `${inet_ntoa(sk.skc_daddr)}:${sk.skc_dport}`;
    add("skc_daddr:dport", peer);
    add("skc_rcv_saddr:num", `${inet_ntoa(sk.skc_rcv_saddr)}:${sk.skc_num}`);
    add(`${prefix}_state`, state_name(sk.skc_state));
  }

  /** Where the node stands in ehash or listening_hash. */
  private hashed(n: node, sk: sock_common): void {
    const of = "sock_common";
    if (sk.skc_nulls_node.pprev !== null) {
      let next = sk.skc_nulls_node.next;
      while (!is_a_nulls(next) && next.owner.skc_net !== this.net) next = next.next;
      n.rows.push({
        name: "sk_nulls_node",
        value: is_a_nulls(next) ? `nulls ${next}` : "",
        to: is_a_nulls(next) ? null : `${this.name(next.owner)}.sk_nulls_node`,
        of,
      });
      return;
    }
    let next = sk.skc_node.next;
    while (next !== null && next.owner.skc_net !== this.net) next = next.next;
    const unhashed = sk.skc_node.pprev === null;
    n.rows.push({
      name: "sk_node",
      value: unhashed ? "unhashed" : next === null ? "NULL" : "",
      to: unhashed || next === null ? null : `${this.name(next.owner)}.sk_node`,
      of,
    });
  }

  private bound(n: node, sk: sock_common): void {
    const next = sk.skc_bind_node.next;
    n.rows.push({
      name: "sk_bind_node",
      value: sk.skc_bind_node.pprev === null ? "unhashed" : next === null ? "NULL" : "",
      to: next === null ? null : `${this.name(next.owner)}.sk_bind_node`,
      of: "sock_common",
    });
  }

  private full_sock(sk: sock): void {
    const listens = sk.skc_state === TCP_LISTEN;
    const connected = sk.skc_dport !== 0;
    const n = this.add(sk, "tcp_sock", listens ? "listener" : connected ? "connection" : "bound");
    if (n === null) return;
    const icsk = inet_csk(sk);
    const add = (of: string, name: string, value: string, to: string | null = null): void => {
      n.rows.push({ name, value, to, of });
    };
    this.common(n, sk, "sk");
    this.bound(n, sk);
    this.hashed(n, sk);
    const sock = sk.sk_socket;
    add(
      "sock",
      "sk_socket",
      sock === null ? "NULL" : "",
      sock === null ? null : this.names.of(sock, "socket"),
    );
    const tb = icsk.icsk_bind_hash;
    if (listens) {
      add("sock", "sk_ack_backlog", `${sk.sk_ack_backlog}`);
      add("sock", "sk_max_ack_backlog", `${sk.sk_max_ack_backlog}`);
      this.accept_queue(n, sk);
    }
    add(
      "inet_connection_sock",
      "icsk_bind_hash",
      tb === null ? "NULL" : "",
      tb === null ? null : this.names.of(tb, "inet_bind_bucket"),
    );
    if (tb !== null) {
      this.expect(tb.port === sk.skc_num, `${n.id}: icsk_bind_hash is of another port`);
      this.expect(sk.skc_bind_node.pprev !== null, `${n.id}: icsk_bind_hash, but no owner`);
    }
    if (sock !== null) this.socket(sock);
    if (listens) this.requests(sk);
  }

  private accept_queue(n: node, sk: sock): void {
    const q = inet_csk(sk).icsk_accept_queue;
    const of = "inet_connection_sock";
    const name = "icsk_accept_queue";
    n.rows.push({ name: `${name}.qlen`, value: String(q.qlen), to: null, of });
    for (const end of ["rskq_accept_head", "rskq_accept_tail"] as const) {
      // The tail is meaningless while the queue is empty.
      const req = q.rskq_accept_head === null ? null : q[end];
      n.rows.push({
        name: `.${end}`,
        value: req === null ? "NULL" : "",
        to: req === null ? null : this.name(req),
        of,
      });
    }
  }

  /** The request_socks that wait for accept(). */
  private requests(sk: sock): void {
    let count = 0;
    for (let r = inet_csk(sk).icsk_accept_queue.rskq_accept_head; r !== null; r = r.dl_next) {
      this.request_sock(r, "to be accepted");
      count++;
    }
    this.expect(
      count === sk.sk_ack_backlog,
      `${this.name(sk)}: ${count} in the accept queue, sk_ack_backlog ${sk.sk_ack_backlog}`,
    );
  }

  private request_sock(sk: sock_common, role: string): void {
    const n = this.add(sk, "tcp_request_sock", role);
    if (n === null) return;
    const req = inet_reqsk(sk);
    this.common(n, sk, "ireq");
    this.hashed(n, sk);
    const of = "request_sock";
    const point = (name: string, to: sock_common | null): void => {
      n.rows.push({
        name,
        value: to === null ? "NULL" : "",
        to: to === null ? null : this.name(to),
        of,
      });
    };
    point("rsk_listener", req.rsk_listener);
    point("sk", req.sk);
    point("dl_next", req.dl_next);
    if (req.rsk_listener !== null) this.full_sock(req.rsk_listener);
    if (req.sk !== null) this.full_sock(req.sk);
  }

  private timewait_sock(sk: sock_common): void {
    const n = this.add(sk, "tcp_timewait_sock", "time wait");
    if (n === null) return;
    const tw = inet_twsk(sk);
    this.common(n, sk, "tw");
    n.rows.push({
      name: "tw_substate",
      value: state_name(tw.tw_substate),
      to: null,
      of: "inet_timewait_sock",
    });
    this.bound(n, sk);
    this.hashed(n, sk);
    n.rows.push({
      name: "tw_tb",
      value: tw.tw_tb === null ? "NULL" : "",
      to: tw.tw_tb === null ? null : this.names.of(tw.tw_tb, "inet_bind_bucket"),
      of: "inet_timewait_sock",
    });
  }

  private socket(sock: socket): void {
    const n = this.add(sock, "socket", "");
    if (n === null) return;
    const of = "";
    n.rows.push({
      name: "state",
      value: SOCKET_STATES[sock.state] ?? String(sock.state),
      to: null,
      of,
    });
    n.rows.push({ name: "file", value: descriptor(sock), to: null, of });
    n.rows.push({
      name: "sk",
      value: sock.sk === null ? "NULL" : "",
      to: sock.sk === null ? null : this.name(sock.sk),
      of,
    });
  }
}

/** The tables as they are, seen from one host. `names` keeps the names of objects from view to view. */
export function hashinfo_view(
  net: net,
  names: name_book = new name_book(),
  h: inet_hashinfo = tcp_hashinfo,
): hashinfo_view {
  const w = new walker(net, h, names);
  const tables = w.tables();
  return { host: net.name, tables, nodes: w.nodes, wrong: w.wrong };
}

/** What is different between two views of a host. @local */
export interface view_changes {
  /** "bhash[174]" and "tcp_sock#1.sk_state": pointers and values that are new or other than before. */
  changed: Set<string>;
  /** Objects that were not there. */
  born: Set<string>;
  /** Objects that are there no more. */
  gone: string[];
}

/** Compares with the view before; null: nothing was there, and nothing is called changed. */
export function changes(before: hashinfo_view | null, after: hashinfo_view): view_changes {
  const out: view_changes = { changed: new Set(), born: new Set(), gone: [] };
  if (before === null) return out;
  const words = (v: hashinfo_view): Map<string, string> => {
    const m = new Map<string, string>();
    for (const t of v.tables) for (const s of t.slots) m.set(`${t.name}[${s.index}]`, s.to);
    for (const n of v.nodes) {
      for (const r of n.rows) m.set(`${n.id}.${r.name}`, r.to ?? `=${r.value}`);
    }
    return m;
  };
  const old = words(before);
  const ids = new Set(before.nodes.map((n) => n.id));
  for (const n of after.nodes) if (!ids.delete(n.id)) out.born.add(n.id);
  out.gone.push(...ids);
  for (const [place, word] of words(after)) {
    const id = place.split(".")[0];
    // Of what is new, only the pointers are of interest: its values are all new.
    if (out.born.has(id) && word.startsWith("=")) continue;
    if (old.get(place) !== word) out.changed.add(place);
  }
  return out;
}

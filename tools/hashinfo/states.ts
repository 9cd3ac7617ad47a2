// SPDX-License-Identifier: GPL-2.0-only
//
// TCP's state diagram, recorded: full sessions of both ends, in which each socket, request_sock and timewait socket tells
// when its state changes. No function is touched for it: the protocol's allocators hand out objects whose skc_state is an
// accessor, and the stack of calls at that moment names the functions that did it.

import type { sock_common } from "../../include/net/sock.ts";
import { SHUT_WR } from "../../include/linux/net.ts";
import {
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { tcp_prot } from "../../net/ipv4/tcp_ipv4.ts";
import type { inet_timewait_sock } from "../../include/net/inet_timewait_sock.ts";
import type { request_sock } from "../../include/net/request_sock.ts";
import { html } from "./dot.ts";
import { state_name } from "./model.ts";
import { CLIENT_PORT, SERVER_PORT, session } from "./session.ts";
import type { end, event } from "./session.ts";

/** A change of state. */
export interface transition {
  session: string;
  host: end;
  /** tcp_sock, tcp_request_sock, tcp_timewait_sock */
  struct: string;
  /** 0: the object is new. */
  from: number;
  /** 0: the object is gone. */
  to: number;
  /** What made it: a system call, a packet, time. */
  what: string;
  /** Packets that were sent in answer. */
  sent: string[];
  /** The functions that did it, innermost first, from the one that writes the state. */
  by: string[];
}

/** Frames of the stack that say nothing about who changed the state. */
const SILENT = /^(callers|new .*|\w+\.(set|copy_from)|recorder\..*|set|record)$/;

/** The functions on the stack, innermost first. */
function callers(): string[] {
  const { stack = "" } = new Error();
  const names: string[] = [];
  for (const line of stack.split("\n").slice(1)) {
    const m = /^\s+at (?:async )?(?:Object\.)?([\w.$]+)(?: \[as \w+\])? \(/.exec(line);
    if (m !== null && !SILENT.test(m[1])) names.push(m[1]);
  }
  return names;
}

/** Listens to every socket that is made from now on. */
class recorder {
  readonly all: transition[] = [];
  private readonly timewaits = new Map<inet_timewait_sock, end>();
  private readonly was: Partial<typeof tcp_prot>;
  private readonly was_alloc_request: () => request_sock;
  private readonly was_alloc_timewait: () => inet_timewait_sock;
  private readonly limit = Error.stackTraceLimit;
  name = "";
  s: session | null = null;

  constructor() {
    const { alloc_sock } = tcp_prot;
    const rsk = tcp_prot.rsk_prot!, twsk = tcp_prot.twsk_prot!;
    this.was = { alloc_sock };
    this.was_alloc_request = rsk.alloc_request;
    this.was_alloc_timewait = twsk.alloc_timewait;
    Error.stackTraceLimit = 50;
    tcp_prot.alloc_sock = () => this.watch(alloc_sock(), "tcp_sock");
    rsk.alloc_request = () => this.watch(this.was_alloc_request(), "tcp_request_sock");
    twsk.alloc_timewait = () => {
      const tw = this.watch(this.was_alloc_timewait(), "tcp_timewait_sock");
      this.timewaits.set(tw, this.s!.now!.host);
      return tw;
    };
  }

  stop(): void {
    Object.assign(tcp_prot, this.was);
    tcp_prot.rsk_prot!.alloc_request = this.was_alloc_request;
    tcp_prot.twsk_prot!.alloc_timewait = this.was_alloc_timewait;
    Error.stackTraceLimit = this.limit;
  }

  private watch<T extends sock_common>(sk: T, struct: string): T {
    let state = sk.skc_state;
    const record = (from: number, to: number): void => this.record(struct, from, to);
    Object.defineProperty(sk, "skc_state", {
      enumerable: true,
      get: () => state,
      set(to: number) {
        const from = state;
        state = to;
        if (from !== to) record(from, to);
      },
    });
    return sk;
  }

  private record(struct: string, from: number, to: number): void {
    const now: event | null = this.s?.now ?? null;
    if (now === null) return;
    const { host, what, sent } = now;
    const by = callers();
    this.all.push({ session: this.name, host, struct, from, to, what, sent, by });
  }

  /** After an event: timewait sockets that have ended. */
  ended(now: event): void {
    for (const [tw, host] of this.timewaits) {
      if (tw.skc_refcnt !== 0) continue;
      this.timewaits.delete(tw);
      const { what, sent } = now;
      const by = ["inet_twsk_free"];
      const struct = "tcp_timewait_sock";
      this.all.push({
        session: this.name,
        host,
        struct,
        from: tw.skc_state,
        to: 0,
        what,
        sent,
        by,
      });
    }
  }
}

const HELLO = new TextEncoder().encode("hello");

/** Both ends of a session up to ESTABLISHED: [listener, the server's connection, the client's]. */
async function open(s: session): Promise<[number, number, number]> {
  const listener = await s.socket("b");
  await s.bind("b", listener, SERVER_PORT);
  await s.call("b", "listen()", (u) => u.sys_listen(listener, 5));
  const client = await s.socket("a");
  const { ret } = await s.connect("a", client, SERVER_PORT);
  await s.deliver_all();
  await ret;
  const { ret: server } = await s.call("b", "accept()", (u) => u.sys_accept(listener));
  return [listener, server as number, client];
}

const shutdown = (s: session, host: end, fd: number) =>
  s.call(host, "shutdown()", (u) => u.sys_shutdown(fd, SHUT_WR));
const close = (s: session, host: end, fd: number) =>
  s.call(host, "close()", (u) => u.sys_close(fd));

/** Two minutes: longer than TIME_WAIT. */
const wait = (s: session, host: end) => s.pass(host, "2 MSL", 120_000);

/** The sessions; the first is the one that the diagram draws strong. */
const SESSIONS: Record<string, (s: session) => Promise<void>> = {
  /** The server is called, answers, and is left. */
  async session(s) {
    const [listener, server, client] = await open(s);
    await s.call("a", "write()", (u) => u.sys_write(client, HELLO));
    await s.deliver_all();
    await s.call("b", "read()", (u) => u.sys_read(server, new Uint8Array(16)));
    await shutdown(s, "a", client);
    await s.deliver_all();
    await s.pass("b", "delayed ACK", 100);
    await s.deliver_all();
    await close(s, "b", server);
    await s.deliver_all();
    await close(s, "a", client);
    await wait(s, "a");
    await close(s, "b", listener);
  },
  /** Both close before they hear of each other. */
  async "simultaneous close"(s) {
    const [listener, server, client] = await open(s);
    await shutdown(s, "a", client);
    await shutdown(s, "b", server);
    await s.deliver_all();
    await wait(s, "a");
    await close(s, "a", client);
    await close(s, "b", server);
    await close(s, "b", listener);
  },
  /** Both connect to each other. */
  async "simultaneous open"(s) {
    const a = await s.socket("a");
    await s.bind("a", a, CLIENT_PORT);
    const b = await s.socket("b");
    await s.bind("b", b, SERVER_PORT);
    const one = await s.connect("a", a, SERVER_PORT);
    const two = await s.connect("b", b, CLIENT_PORT);
    await s.deliver_all();
    await one.ret;
    await two.ret;
    await close(s, "a", a);
    await s.deliver_all();
    await close(s, "b", b);
    await s.deliver_all();
    await wait(s, "a");
  },
  /** Nobody listens. */
  async refused(s) {
    const fd = await s.socket("a");
    const { ret } = await s.connect("a", fd, SERVER_PORT);
    await s.deliver_all();
    await ret;
    await close(s, "a", fd);
  },
};

/** Every change of state in the sessions, in order. */
export async function record_states(): Promise<transition[]> {
  const rec = new recorder();
  try {
    for (const [name, run] of Object.entries(SESSIONS)) {
      await using s = new session();
      rec.name = name;
      rec.s = s;
      s.after = (now) => rec.ended(now);
      await run(s);
    }
  } finally {
    rec.stop();
  }
  return rec.all;
}

/** The functions of the kernel that decide on a state; those below them only write it. */
const DECIDE = new Set(
  ("sock_init_data sock_copy inet_csk_listen_start inet_csk_clone_lock inet_reqsk_alloc inet_twsk_alloc inet_twsk_free " +
    "tcp_v4_connect tcp_finish_connect tcp_rcv_synsent_state_process tcp_rcv_state_process tcp_fin tcp_reset tcp_shutdown " +
    "__tcp_close tcp_time_wait tcp_disconnect tcp_abort tcp_write_err tcp_keepalive_timer").split(
      " ",
    ),
);

/** The function that decided on the change. */
export function decided_by(t: transition): string {
  return t.by.find((f) => DECIDE.has(f)) ?? t.by[0] ?? "";
}

/** "SYN / SYN+ACK", in the manner of the RFC's diagram: what happened, what was sent. */
export function cause(t: transition): string {
  return t.sent.length === 0 ? t.what : `${t.what} / ${t.sent[0]}`;
}

const name = (state: number): string => state === 0 ? "-" : state_name(state);

/** The transitions as a table: one line each, by session. */
export function states_text(all: readonly transition[]): string {
  const out: string[] = [];
  let session = "";
  for (const t of all) {
    if (t.session !== session) {
      if (session !== "") out.push("");
      session = t.session;
      out.push(`${session}:`);
    }
    const through = t.by.includes("tcp_set_state") ? "tcp_set_state" : t.by[0];
    out.push(
      `  ${t.host}  ${t.struct.padEnd(17)} ${name(t.from).padEnd(20)} -> ${name(t.to).padEnd(22)}` +
        `${cause(t).padEnd(20)} ${through}${
          through === decided_by(t) ? "" : ` < ${decided_by(t)}`
        }`,
    );
  }
  return out.join("\n") + "\n";
}

/** An edge of the diagram. */
interface arc {
  from: number;
  to: number;
  /** What the change makes, where it makes an object. */
  makes: string;
  why: transition[];
  /** "active" and "passive": the two ends of the first session; else a session's name. */
  who: Set<string>;
}

/**
 * The transitions as edges between states. A request_sock comes from its listener, a child from its
 * request_sock, a timewait socket from the socket that it stands for.
 */
export function arcs(all: readonly transition[]): arc[] {
  const found = new Map<string, arc>();
  const [main] = Object.keys(SESSIONS);
  all.forEach((t, i) => {
    let { from, to } = t;
    let makes = "";
    if (t.struct === "tcp_request_sock" && from === 0) {
      from = TCP_LISTEN;
      makes = t.struct;
    } else if (t.by.includes("inet_csk_clone_lock")) {
      // The clone starts as a listener, for no longer than it takes to copy.
      if (from === 0) return;
      from = TCP_NEW_SYN_RECV;
      makes = t.struct;
    } else if (t.struct === "tcp_timewait_sock" && from === 0) {
      from = all.slice(i).find((o) => o.struct === "tcp_sock" && o.host === t.host)!.from;
      makes = t.struct;
    } else if (t.by.includes("tcp_time_wait")) return;
    else if (from === 0) return;
    if (to === 0) to = TCP_CLOSE;
    const key = `${from} ${to}`;
    const e = found.get(key) ?? { from, to, makes, why: [], who: new Set() };
    found.set(key, e);
    e.why.push(t);
    e.who.add(t.session !== main ? t.session : t.host === "a" ? "active" : "passive");
  });
  return [...found.values()];
}

const PASSIVE = "#1d4ed8";
const ACTIVE = "#c2410c";
const OTHER = "#8a94a3";
const FAINT = "#8a94a3";

/** States of something that is no full socket: its colour. */
const FILL: Record<number, string> = {
  [TCP_NEW_SYN_RECV]: "#dceccb",
  [TCP_TIME_WAIT]: "#e7dbf2",
};

/** Why, by whom, and what is made. Of a change that the first session shows, the others tell nothing new. */
function arc_label(e: arc): string {
  const [main] = Object.keys(SESSIONS);
  const first = e.why.filter((t) => t.session === main);
  const shown = first.length > 0 ? first : e.why;
  const small = (text: string): string =>
    `<font color="#64748b" point-size="9">&#160;${text}&#160;</font>`;
  const lines: string[] = [];
  for (const by of new Set(shown.map(decided_by))) {
    const causes = new Set(shown.filter((t) => decided_by(t) === by).map(cause));
    lines.push(`&#160;${html([...causes].join(", "))}&#160;`, small(html(by)));
  }
  if (e.makes !== "") lines.push(small(`<i>makes a ${e.makes}</i>`));
  return lines.join("<br/>");
}

/** The state diagram as recorded. */
export function states_dot(all: readonly transition[]): string {
  const edges = arcs(all);
  const states = new Set(edges.flatMap((e) => [e.from, e.to]));
  const node = (id: string, state: number): string => {
    const [text, number] = state_name(state).replace("TCP_", "").split(" ");
    const struct = state === TCP_NEW_SYN_RECV
      ? "tcp_request_sock"
      : state === TCP_TIME_WAIT
      ? "tcp_timewait_sock"
      : "";
    const below = struct === "" ? "" : `<br/><font color="#64748b" point-size="9">${struct}</font>`;
    return `  ${id} [fillcolor="${
      FILL[state] ?? "#cfe5f5"
    }" label=<<b>${text}</b> <font color="${FAINT}">${number.slice(1, -1)}</font>${below}>];`;
  };
  const out = [
    "digraph tcp_states {",
    '  graph [rankdir=TB ranksep=0.55 nodesep=0.7 pad=0.25 bgcolor="#ffffff" fontname="Courier" fontsize=12 labelloc=t labeljust=l',
    `    label=<<font point-size="17"><b>TCP's states, as recorded</b></font>    <font color="${PASSIVE}">server</font>  <font color="${ACTIVE}">client</font>  <font color="${OTHER}">other sessions</font><br align="left"/>>];`,
    '  node [shape=box style="rounded,filled" color="#64748b" fontname="Courier" fontsize=12 fontcolor="#1f2937" margin="0.15,0.07"];',
    '  edge [fontname="Courier" fontsize=10 arrowsize=0.8];',
  ];
  for (const s of states) out.push(node(`s${s}`, s));
  out.push(node("end", TCP_CLOSE));
  for (const e of edges) {
    const passive = e.who.has("passive"), active = e.who.has("active");
    const color = passive && active
      ? `${PASSIVE}:${ACTIVE}`
      : passive
      ? PASSIVE
      : active
      ? ACTIVE
      : OTHER;
    const width = passive || active ? 2 : 1;
    const ink = passive ? PASSIVE : active ? ACTIVE : "#64748b";
    // Back to the start: not where the picture ends.
    const back = e.to === TCP_CLOSE && (e.from === TCP_LISTEN || e.from === TCP_SYN_SENT);
    const to = e.to === TCP_CLOSE && !back ? "end" : `s${e.to}`;
    // A pointer back is laid out as if it led down.
    const ends = back ? `s${e.to} -> s${e.from}` : `s${e.from} -> ${to}`;
    const style = back ? " dir=back" : e.makes === "" ? "" : " style=dashed";
    out.push(
      `  ${ends} [color="${color}" penwidth=${width} fontcolor="${ink}"${style} label=<${
        arc_label(e)
      }>];`,
    );
  }
  out.push("}");
  return out.join("\n") + "\n";
}

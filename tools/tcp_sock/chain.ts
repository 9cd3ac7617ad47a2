// SPDX-License-Identifier: GPL-2.0-only
//
// The chain of structs in a tcp_sock with the values of a live connection. Which field belongs to which struct, in
// which order, and what is said of it, is read from the classes' own sources in include/.

import { jiffies } from "../../include/linux/jiffies.ts";
import { hrtimer } from "../../include/linux/hrtimer.ts";
import type { rb_node } from "../../include/linux/rbtree.ts";
import { rb_root } from "../../include/linux/rbtree.ts";
import { MAX_SCHEDULE_TIMEOUT } from "../../include/linux/sched.ts";
import { sk_buff_head } from "../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../include/linux/tcp.ts";
import { timer_list } from "../../include/linux/timer.ts";
import { hlist_node } from "../../include/linux/types.ts";
import { PACING_UNLIMITED } from "../../include/net/sock.ts";
import { state_name } from "../hashinfo/model.ts";
import { inet_ntoa } from "../lib/inet.ts";
import { UNITS } from "./units.ts";
import type { unit } from "./units.ts";

/** A field as its class declares it. */
export interface declaration {
  name: string;
  line: number;
  /** The doc comment, "" without one. */
  doc: string;
}

/** A struct of the chain. */
export interface struct {
  name: string;
  path: string;
  line: number;
  fields: declaration[];
}

/** A field with its value. */
export interface field {
  name: string;
  value: string;
  unit: unit | "";
  doc: string;
}

export interface section {
  struct: string;
  /** 'include/net/sock.ts:192' */
  where: string;
  fields: field[];
}

/** From what embeds to what is embedded. */
const CHAIN: readonly (readonly [string, string])[] = [
  ["tcp_sock", "include/linux/tcp.ts"],
  ["inet_connection_sock", "include/net/inet_connection_sock.ts"],
  ["inet_sock", "include/net/inet_sock.ts"],
  ["sock", "include/net/sock.ts"],
  ["sock_common", "include/net/sock.ts"],
];

/** The fields that a class declares in a text. */
export function fields_of(text: string, name: string): { line: number; fields: declaration[] } {
  const lines = text.split("\n");
  const start = lines.findIndex((l) => new RegExp(`^export class ${name}\\b`).test(l));
  if (start < 0) throw new Error(`no class ${name}`);
  const fields: declaration[] = [];
  let doc = "";
  let comment: string[] | null = null;
  for (let i = start + 1; lines[i] !== "}"; i++) {
    const line = lines[i];
    if (comment === null && /^ {2}\/\*\*/.test(line)) comment = [];
    if (comment !== null) {
      comment.push(line.replace(/^\s*(\/\*\*|\*\/|\*(?!\/))?\s?/, "").replace(/\s*\*\/$/, ""));
      if (line.includes("*/")) {
        doc = comment.join(" ").trim();
        comment = null;
      }
      continue;
    }
    const m = /^ {2}(?:readonly )?([a-z]\w*)[!?]?(?:: [^()]*?(?:\([^)]*\) =>.*)?)?(?: =.*|;)$/.exec(
      line,
    );
    if (m !== null) fields.push({ name: m[1], line: i + 1, doc });
    doc = "";
  }
  return { line: start + 1, fields };
}

/** The structs with their fields, read from the sources. */
export async function read_chain(): Promise<struct[]> {
  const root = new URL("../../", import.meta.url);
  return await Promise.all(CHAIN.map(async ([name, path]) => {
    const text = await Deno.readTextFile(new URL(path, root));
    return { name, path, ...fields_of(text, name) };
  }));
}

const CA_STATES = ["Open", "Disorder", "CWR", "Recovery", "Loss"];

/** A number in words, by its unit. Points in time are told from now. */
export function number_text(v: number, unit: unit | "", sk: tcp_sock): string {
  const from_now = (d: number, name: string): string =>
    v === 0 ? "never" : d === 0 ? "now" : d < 0 ? `${-d} ${name} ago` : `in ${d} ${name}`;
  switch (unit) {
    case "IPv4 address":
      return inet_ntoa(v);
    case "state":
      return state_name(v);
    case "ca state":
      return `TCP_CA_${CA_STATES[v]} (${v})`;
    case "seq":
      return String(v >>> 0);
    case "nulls":
      return `nulls ${v}`;
    case "hash":
      return `0x${(v >>> 0).toString(16).padStart(8, "0")}`;
    case "flags":
      return v === 0 ? "0" : `0x${(v >>> 0).toString(16)}`;
    case "at jiffies":
      return from_now((v - jiffies) | 0, "jiffies");
    case "at us":
      return from_now(v - sk.tcp_mstamp, "us");
    case "at ms":
      return String(v >>> 0);
    case "us << 3":
      return `${v} (${v / 8} us)`;
    case "us << 2":
      return `${v} (${v / 4} us)`;
    case "jiffies":
      return v === MAX_SCHEDULE_TIMEOUT ? "MAX_SCHEDULE_TIMEOUT" : String(v);
    case "B/s":
      return v >= PACING_UNLIMITED ? "PACING_UNLIMITED" : String(Math.floor(v));
    default:
      return v === 0x7fffffff ? "0x7fffffff" : String(v);
  }
}

function tree_size(node: rb_node | null): number {
  return node === null ? 0 : 1 + tree_size(node.rb_left) + tree_size(node.rb_right);
}

/** An object in words; null where its own fields are to be shown. */
function object_text(v: object): string | null {
  if (v instanceof sk_buff_head) return `${v.qlen} packets`;
  if (v instanceof rb_root) return `${tree_size(v.rb_node)} packets`;
  if (v instanceof hrtimer) {
    return v.is_queued ? `in ${v.function?.name ?? "?"}` : "not pending";
  }
  if (v instanceof timer_list) {
    if (v.pprev === null) return "not pending";
    return `${v.function?.name ?? "?"}() in ${(v.expires - jiffies) | 0} jiffies`;
  }
  if (v instanceof hlist_node) {
    return v.pprev === null ? "unhashed" : v.next === null ? "hashed, the last" : "-> next";
  }
  const name = v.constructor.name;
  if (/^(tcp_options_received|tcp_rack|tcp_rcv_rtt_est|tcp_rcvq_space)$/.test(name)) return null;
  if (/^(icsk_ack_state|icsk_mtup_state|sk_backlog|socket_lock_t|request_sock_queue)$/.test(name)) {
    return null;
  }
  const named = (v as { name?: unknown }).name;
  const of = name === "Object" ? "operations" : name;
  return typeof named === "string" ? `-> ${of} "${named}"` : `-> ${of}`;
}

/** A field's value in words: one line, or those of the struct within. */
function field_lines(name: string, v: unknown, doc: string, sk: tcp_sock): field[] {
  const unit = UNITS.get(name) ?? "";
  const one = (value: string, u: unit | "" = unit): field[] => [{ name, value, unit: u, doc }];
  if (typeof v === "number") return one(number_text(v, unit, sk));
  if (typeof v === "boolean") return one(v ? "true" : "false", "");
  if (v === null || v === undefined) return one("NULL", "");
  if (typeof v === "function") return one(`-> ${v.name}()`, "");
  if (typeof v !== "object") return one(JSON.stringify(v));
  if (Array.isArray(v)) {
    const items = v.map((x) =>
      typeof x === "number" ? number_text(x, unit, sk) : `${x.start_seq >>> 0}-${x.end_seq >>> 0}`
    );
    return one(items.join(", "));
  }
  if (v.constructor.name === "minmax") {
    return one(String((v as { s: { v: number }[] }).s[0].v));
  }
  const text = object_text(v);
  if (text !== null) return one(text, "");
  const inner: field[] = [];
  for (const [key, value] of Object.entries(v)) {
    // What is within a struct within is not a value of the connection's own.
    if (value !== null && typeof value === "object") continue;
    inner.push(...field_lines(`${name}.${key}`, value, "", sk));
  }
  if (inner.length > 0) inner[0].doc = doc;
  return inner;
}

/** A connection, struct by struct. */
export function tcp_sock_sections(sk: tcp_sock, chain: readonly struct[]): section[] {
  const values = sk as unknown as Record<string, unknown>;
  return chain.map((s) => ({
    struct: s.name,
    where: `${s.path}:${s.line}`,
    fields: s.fields.flatMap((f) => field_lines(f.name, values[f.name], f.doc, sk)),
  }));
}

/** A field that says nothing: 0, false, NULL, nothing queued. */
export function is_blank(f: field): boolean {
  return /^(0|never|false|NULL|unhashed|not pending|0 packets|0\.0\.0\.0|0x00000000|0 \(0 us\))$/
    .test(
      f.value,
    );
}

/** What stands behind a number. */
const SHOWN: Partial<Record<unit | "", string>> = {
  seq: "seq",
  bytes: "bytes",
  segments: "segments",
  packets: "packets",
  jiffies: "jiffies",
  ms: "ms",
  "at ms": "ms",
  us: "us",
  "at ns": "ns",
  "at s": "s",
  "B/s": "B/s",
};

/** The sections as text; brief: without what says nothing. */
export function tcp_sock_text(sections: readonly section[], brief = false): string {
  const out: string[] = [];
  for (const s of sections) {
    const title = `struct ${s.struct}`;
    out.push(`${title.padEnd(60)} ${s.where}`);
    for (const f of s.fields) {
      if (brief && is_blank(f)) continue;
      const unit = SHOWN[f.unit] ?? "";
      const value = /^\d|^-/.test(f.value) && unit !== "" ? `${f.value} ${unit}` : f.value;
      out.push(`  ${f.name.padEnd(27)} ${value.padEnd(28)} ${f.doc}`.trimEnd());
    }
    out.push("");
  }
  return out.join("\n").trimEnd() + "\n";
}

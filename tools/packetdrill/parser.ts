// SPDX-License-Identifier: GPL-2.0-only
//
// packetdrill's grammar, by recursive descent: options, an initial command, events, a last command.
// parse_script() is called by run.ts; what cannot be a script throws ScriptError with its line.

import {
  TCPOPT_EOL,
  TCPOPT_EXP,
  TCPOPT_FASTOPEN,
  TCPOPT_FASTOPEN_MAGIC,
  TCPOPT_MD5SIG,
  TCPOPT_MSS,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERM,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
} from "../../include/net/tcp.ts";
import { lex } from "./lexer.ts";
import type { token, token_kind } from "./lexer.ts";
import { EE_FIELDS, ScriptError } from "./script.ts";
import type {
  action,
  ee_field,
  event,
  expr,
  icmp_packet,
  ip_info,
  script,
  syscall,
  tcp_option,
  tcp_packet,
  time_type,
} from "./script.ts";

/** AccECN's options: e0b first, e1b first. */
export const TCPOPT_ACCECN0 = 172;
export const TCPOPT_ACCECN1 = 174;

const U32 = 0xffffffff;
const U16 = 0xffff;

const IP_ECN: Record<string, number> = { noecn: 0, ect1: 1, ect0: 2, ce: 3 };

/** Bytes of numbers in network order: [value, bytes]... */
function be(...fields: [value: number, bytes: number][]): Uint8Array {
  const out: number[] = [];
  for (const [v, n] of fields) for (let i = n - 1; i >= 0; i--) out.push((v / 2 ** (8 * i)) & 255);
  return Uint8Array.from(out);
}

function hex_bytes(line: number, text: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new ScriptError(line, `'${text}' is no hex`);
  return Uint8Array.from(text.match(/../g) ?? [], (h) => parseInt(h, 16));
}

/** The bytes of a string literal: \xNN, \n, \t, \0 and the like. */
function unescape(text: string): Uint8Array {
  const escapes: Record<string, number> = { n: 10, t: 9, r: 13, "0": 0 };
  const out: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== "\\") {
      out.push(text.charCodeAt(i) & 255);
      continue;
    }
    i++;
    if (text[i] === "x") {
      out.push(parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else out.push(escapes[text[i]] ?? text.charCodeAt(i));
  }
  return Uint8Array.from(out);
}

class parser {
  private at = 0;

  constructor(private readonly tokens: readonly token[]) {}

  private get tok(): token {
    return this.tokens[this.at];
  }

  private peek(n: number): token {
    return this.tokens[Math.min(this.at + n, this.tokens.length - 1)];
  }

  private fail(what: string): never {
    throw new ScriptError(this.tok.line, `${what}, not '${this.tok.text}'`);
  }

  /** Whether the next token is this character or word. */
  private is(text: string): boolean {
    const t = this.tok;
    return (t.kind === "char" || t.kind === "word" || t.kind === "ellipsis") && t.text === text;
  }

  private accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  private expect(...texts: string[]): void {
    for (const text of texts) if (!this.accept(text)) this.fail(`'${text}' expected`);
  }

  private take(...kinds: token_kind[]): token {
    const t = this.tok;
    if (!kinds.includes(t.kind)) this.fail(`${kinds.join(" or ")} expected`);
    this.at++;
    return t;
  }

  private number(min: number, max: number, what: string, hex = false): number {
    const t = hex ? this.take("hex", "int") : this.take("int");
    if (t.value < min || t.value > max) throw new ScriptError(t.line, `${what} out of range`);
    return t.value;
  }

  script(): script {
    const s: script = { options: [], init: null, events: [], cleanup: null };
    while (this.tok.kind === "option") {
      const { line, text } = this.take("option");
      const eq = text.indexOf("=");
      const value = eq < 0 ? null : text.slice(eq + 1).replace(/^"(.*)"$/, "$1");
      s.options.push({ line, name: eq < 0 ? text : text.slice(0, eq), value });
    }
    if (this.tok.kind === "backquoted") s.init = this.take("backquoted");
    while (this.tok.kind !== "end") {
      if (this.tok.kind === "backquoted" && this.peek(1).kind === "end") {
        s.cleanup = this.take("backquoted");
      } else s.events.push(this.event());
    }
    if (s.events.length === 0) this.fail("an event expected");
    return s;
  }

  private time(): number {
    const t = this.take("float", "int");
    if (t.value < 0) throw new ScriptError(t.line, "negative time");
    return Math.round(t.value * 1e6);
  }

  private event(): event {
    const { line } = this.tok;
    let time_type: time_type;
    let time = 0;
    let time_end = -1;
    if (this.accept("*")) time_type = "any";
    else if (this.accept("+")) {
      time = this.time();
      time_type = "relative";
      if (this.accept("~")) {
        this.expect("+");
        time_end = this.time();
        time_type = "relative_range";
      }
    } else {
      time = this.time();
      time_type = "absolute";
      if (this.accept("~")) {
        time_end = this.time();
        time_type = "absolute_range";
      }
    }
    if (time_end >= 0 && time_end < time) throw new ScriptError(line, "time range is backwards");
    const action = this.action();
    const outbound = action.type === "packet" && !action.inbound;
    if (!outbound && (time_type === "any" || time_end >= 0)) {
      throw new ScriptError(line, "only outbound packets have any time, or a range of times");
    }
    return { line, time_type, time, time_end, action };
  }

  private action(): action {
    const t = this.tok;
    if (t.kind === "backquoted") return { type: "command", text: this.take("backquoted").text };
    if (t.kind === "code") return { type: "code", text: this.take("code").text };
    if (this.is("<") || this.is(">")) return this.packet();
    return this.syscall();
  }

  // ---- Packets ----

  private packet(): action {
    const inbound = this.take("char").text === "<";
    const ip = this.ip_info();
    if (this.is("ipv4") || this.is("ipv6") || this.is("gre") || this.is("mpls")) {
      this.fail("encapsulation is not supported: a TCP, UDP or ICMP packet expected");
    }
    let sport = 0;
    let dport = 0;
    if (this.accept("icmp")) return this.icmp(inbound, ip);
    const ports = (): void => {
      if (this.tok.kind !== "int" || this.peek(1).text !== ">") return;
      sport = this.number(0, U16, "port");
      this.expect(">");
      dport = this.number(0, U16, "port");
    };
    if (this.accept("udp")) {
      ports();
      this.expect("(");
      const len = this.number(0, U16, "UDP payload size");
      this.expect(")");
      return { type: "packet", proto: "udp", inbound, ip, sport, dport, len };
    }
    ports();
    return this.tcp(inbound, ip, sport, dport);
  }

  private ip_info(): ip_info {
    const info: ip_info = { check: "none", tos: 0, ttl: 0 };
    const close = this.is("(") ? ")" : this.is("[") ? "]" : null;
    if (close === null) return info;
    this.at++;
    do {
      const { text } = this.take("word");
      if (text in IP_ECN) {
        info.check = "ecn";
        info.tos = IP_ECN[text];
      } else if (text === "ect01") info.check = "ect01";
      else if (text === "tos") {
        info.check = "tos";
        info.tos = this.number(0, 255, "tos", true);
      } else if (text === "ttl") info.ttl = this.number(0, 255, "ttl");
      else if (text === "flowlabel") this.number(0, 0xfffff, "flowlabel", true);
      else this.fail("ECN, tos or ttl expected");
    } while (this.accept(","));
    this.expect(close);
    return info;
  }

  private flags(): { flags: string; ace: number } {
    const { line } = this.tok;
    let flags = "";
    let ace = -1;
    if (this.accept("-")) return { flags, ace };
    if (this.tok.kind === "word") flags = this.take("word").text;
    if (this.tok.kind === "float" && /^\.[0-7]$/.test(this.tok.text)) {
      const { text } = this.take("float");
      ace = Number(text[1]);
      flags += ".";
    } else if (this.accept(".")) flags += ".";
    else if (flags === "") this.fail("TCP flags expected");
    const bad = /[^FSRP.UEWA]/.exec(flags);
    if (bad !== null) throw new ScriptError(line, `Invalid TCP flag: '${bad[0]}'`);
    return { flags, ace };
  }

  private sequence(): { seq: number; len: number } {
    const { line } = this.tok;
    const seq = this.number(0, U32, "TCP start sequence number");
    this.expect(":");
    const end = this.number(0, U32, "TCP end sequence number");
    this.expect("(");
    const len = this.number(0, U16, "TCP payload size");
    this.expect(")");
    if (end !== seq + len) {
      throw new ScriptError(line, "inconsistent TCP sequence numbers and payload size");
    }
    return { seq, len };
  }

  private optional(name: string, max: number, none: number): number {
    return this.accept(name) ? this.number(0, max, name) : none;
  }

  private tcp(inbound: boolean, ip: ip_info, sport: number, dport: number): tcp_packet {
    const { line } = this.tok;
    const { flags, ace } = this.flags();
    const { seq, len } = this.sequence();
    const ack = this.optional("ack", U32, 0);
    const win = this.optional("win", U16, -1);
    const urg = this.optional("urg", U16, 0);
    let options: tcp_option[] | null = [];
    if (this.accept("<")) {
      if (this.accept("...")) options = null;
      else do options.push(this.tcp_option()); while (this.accept(","));
      this.expect(">");
    }
    if (inbound && win < 0) {
      throw new ScriptError(line, "window must be specified for inbound packets");
    }
    if (inbound && options === null) {
      throw new ScriptError(line, "<...> for TCP options can only be used with outbound packets");
    }
    if (inbound && ip.check === "ect01") {
      throw new ScriptError(line, "[ect01] can only be used with outbound packets");
    }
    const bytes = (options ?? []).reduce((n, o) => n + (o.kind < 2 ? 1 : 2 + o.data.length), 0);
    if ((bytes & 3) !== 0) {
      throw new ScriptError(
        line,
        `TCP options are not padded to a multiple of 4 bytes: ${bytes & 3} excess bytes`,
      );
    }
    if (bytes > 40) throw new ScriptError(line, "TCP header too large");
    const type = "packet";
    const proto = "tcp";
    return {
      ...{ type, proto, inbound, ip, sport, dport, flags, ace },
      ...{ seq, len, ack, win, urg, options },
    };
  }

  /** What stands for a cookie or a digest. */
  private blob(): Uint8Array {
    const { kind, text, line } = this.tok;
    if (kind !== "word" && kind !== "int") return new Uint8Array();
    this.at++;
    return hex_bytes(line, text);
  }

  private tcp_option(): tcp_option {
    const { line, text } = this.take("word");
    const option = (kind: number, data: Uint8Array = new Uint8Array()): tcp_option => ({
      kind,
      data,
    });
    const u = (bytes: number, what: string): [number, number] => [
      this.number(0, 2 ** (8 * bytes) - 1, what),
      bytes,
    ];
    switch (text) {
      case "nop":
        return option(TCPOPT_NOP);
      case "eol":
        return option(TCPOPT_EOL);
      case "mss":
        return option(TCPOPT_MSS, be(u(2, "mss")));
      case "wscale":
        return option(TCPOPT_WINDOW, be(u(1, "wscale")));
      case "sackOK":
        return option(TCPOPT_SACK_PERM);
      case "md5":
        return option(TCPOPT_MD5SIG, this.blob());
      case "FO":
        return option(TCPOPT_FASTOPEN, this.blob());
      case "FOEXP":
        return option(
          TCPOPT_EXP,
          Uint8Array.of(TCPOPT_FASTOPEN_MAGIC >> 8, TCPOPT_FASTOPEN_MAGIC & 255, ...this.blob()),
        );
      case "TS": {
        this.expect("val");
        const val = u(4, "ts val");
        this.expect("ecr");
        return option(TCPOPT_TIMESTAMP, be(val, u(4, "ecr val")));
      }
      case "sack": {
        const edges: [number, number][] = [];
        while (this.tok.kind === "int") {
          edges.push(u(4, "SACK edge"));
          this.expect(":");
          edges.push(u(4, "SACK edge"));
        }
        return option(TCPOPT_SACK, be(...edges));
      }
      case "ECN": {
        const fields: [number, number][] = [];
        const kind = this.is("e0b") ? TCPOPT_ACCECN0 : TCPOPT_ACCECN1;
        while (this.accept("e0b") || this.accept("e1b") || this.accept("ceb")) {
          fields.push(u(3, "AccECN counter"));
        }
        return option(kind, be(...fields));
      }
    }
    throw new ScriptError(line, `no TCP option '${text}'`);
  }

  private icmp(inbound: boolean, ip: ip_info): icmp_packet {
    const icmp_type = this.take("word").text;
    const named = this.tok.kind === "word" && !this.is("mtu") && !this.is("id");
    const code = named ? this.take("word").text : null;
    const mtu = this.optional("mtu", U32, -1);
    const id = this.optional("id", U16, 0);
    const echoed: icmp_packet["echoed"] = { proto: "tcp", seq: 0, len: 0 };
    if (this.accept("[")) {
      if (this.is("udp") || this.is("raw")) {
        echoed.proto = this.take("word").text as "udp" | "raw";
        this.expect("(");
        echoed.len = this.number(0, U16, "payload size");
        this.expect(")");
      } else Object.assign(echoed, this.sequence());
      this.expect("]");
    }
    return { type: "packet", proto: "icmp", inbound, ip, icmp_type, code, mtu, id, echoed };
  }

  // ---- System calls ----

  private syscall(): syscall {
    const end = this.accept("...") ? this.time() : null;
    const name = this.take("word").text;
    const args: expr[] = [];
    this.expect("(");
    if (!this.accept(")")) {
      args.push(...this.expressions());
      this.expect(")");
    }
    this.expect("=");
    const result = this.expression();
    const errno = this.tok.kind === "word" ? this.take("word").text : null;
    if (this.accept("(")) { while (!this.accept(")")) this.take("word"); }
    return { type: "syscall", name, args, result, errno, end };
  }

  private expressions(): expr[] {
    const out = [this.expression()];
    while (this.accept(",")) out.push(this.expression());
    return out;
  }

  private expression(): expr {
    let left = this.operand();
    while (this.accept("|")) left = { type: "or", left, right: this.operand() };
    return left;
  }

  private operand(): expr {
    const t = this.tok;
    if (this.accept("...")) return { type: "ellipsis" };
    if (t.kind === "int" || t.kind === "hex") {
      this.at++;
      return { type: "int", value: t.value };
    }
    if (t.kind === "string") {
      const bytes: number[] = [];
      while (this.tok.kind === "string") bytes.push(...unescape(this.take("string").text));
      this.accept("...");
      return { type: "string", bytes: Uint8Array.from(bytes) };
    }
    if (t.kind === "word") {
      this.at++;
      const word: expr = { type: "word", name: t.text };
      return this.accept("=") ? { type: "assign", left: word, right: this.expression() } : word;
    }
    if (this.accept("[")) {
      const items = this.is("]") ? [] : this.expressions();
      this.expect("]");
      return { type: "list", items };
    }
    if (this.accept("{")) {
      const e = this.braces();
      this.expect("}");
      return e;
    }
    return this.fail("a value expected");
  }

  /** name = */
  private field(name: string): void {
    this.expect(name, "=");
  }

  private braces(): expr {
    if (this.is("...")) {
      this.expect("...", ",");
      return { type: "iovec", len: this.number(0, U32, "iov_len") };
    }
    const name = this.peek(1).text === "=" || this.peek(1).text === "(" ? this.tok.text : "";
    switch (name) {
      case "sa_family":
        return this.sockaddr();
      case "msg_name":
        return this.msghdr();
      case "cmsg_level":
        return this.cmsg();
      case "scm_sec": {
        this.field("scm_sec");
        const sec = this.number(0, U32, "scm_sec");
        this.expect(",");
        this.field("scm_nsec");
        return { type: "scm_timestamping", sec, nsec: this.number(0, 999999999, "scm_nsec") };
      }
      case "ee_errno": {
        const fields = {} as Record<ee_field, expr>;
        for (const f of EE_FIELDS) {
          if (f !== "ee_errno") this.expect(",");
          this.field(f);
          fields[f] = this.expression();
        }
        return { type: "extended_err", fields };
      }
      case "fd":
        return this.pollfd();
      case "events":
        return this.epollev();
      case "onoff": {
        this.field("onoff");
        const onoff = this.number(0, U32, "onoff");
        this.expect(",");
        this.field("linger");
        return { type: "linger", onoff, linger: this.number(0, U32, "linger") };
      }
    }
    return { type: "list", items: this.is("}") ? [] : this.expressions() };
  }

  private sockaddr(): expr {
    this.field("sa_family");
    const family = this.take("word").text;
    this.expect(",", "sin_port", "=", "htons", "(");
    const port = this.number(0, U16, "port");
    this.expect(")", ",", "sin_addr", "=", "inet_addr", "(");
    const addr = this.take("string").text;
    this.expect(")");
    return { type: "sockaddr", family, port, addr };
  }

  private list(): expr[] {
    const e = this.operand();
    return e.type === "list" ? e.items : this.fail("a list expected");
  }

  private msghdr(): expr {
    this.expect("msg_name", "(", "...", ")", "=", "...", ",", "msg_iov", "(");
    const iovlen = this.number(0, U32, "msg_iovlen");
    this.expect(")", "=");
    const iov = this.list();
    this.expect(",");
    this.field("msg_flags");
    const flags = this.expression();
    let control: expr[] = [];
    if (this.accept(",")) {
      this.field("msg_control");
      control = this.list();
    }
    return { type: "msghdr", iov, iovlen, flags, control };
  }

  private cmsg(): expr {
    this.field("cmsg_level");
    const level = this.expression();
    this.expect(",");
    this.field("cmsg_type");
    const cmsg_type = this.expression();
    this.expect(",");
    this.field("cmsg_data");
    return { type: "cmsg", level, cmsg_type, data: this.expression() };
  }

  private pollfd(): expr {
    this.field("fd");
    const fd = this.expression();
    this.expect(",");
    this.field("events");
    const events = this.expression();
    let revents: expr | null = null;
    if (this.accept(",")) {
      this.field("revents");
      revents = this.expression();
    }
    return { type: "pollfd", fd, events, revents };
  }

  private epollev(): expr {
    this.field("events");
    const events = this.expression();
    this.expect(",");
    const data = this.take("word").text;
    if (data !== "fd" && data !== "ptr" && data !== "u32" && data !== "u64") {
      this.fail("fd, ptr, u32 or u64 expected");
    }
    this.expect("=");
    return { type: "epollev", events, data, value: this.expression() };
  }
}

/** A script from its text, with words replaced that `defines` has. */
export function parse_script(text: string, defines: ReadonlyMap<string, string>): script {
  return new parser(lex(text, defines)).script();
}

// SPDX-License-Identifier: GPL-2.0-only
//
// A script of packetdrill as data: options, events with their times, packets, system calls. parser.ts makes it out
// of text, run.ts carries it out.

/** A script is wrong, or something went otherwise than it says. */
export class ScriptError extends Error {
  /** Line of the script, from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = "ScriptError";
    this.line = line;
  }
}

/** A value in a system call. */
export type expr =
  | { type: "ellipsis" }
  | { type: "int"; value: number }
  | { type: "word"; name: string }
  | { type: "string"; bytes: Uint8Array }
  | { type: "or"; left: expr; right: expr }
  | { type: "assign"; left: expr; right: expr }
  | { type: "list"; items: expr[] }
  | { type: "iovec"; len: number }
  | { type: "linger"; onoff: number; linger: number }
  | { type: "sockaddr"; family: string; port: number; addr: string }
  | { type: "msghdr"; iov: expr[]; iovlen: number; flags: expr; control: expr[] }
  | { type: "cmsg"; level: expr; cmsg_type: expr; data: expr }
  | { type: "scm_timestamping"; sec: number; nsec: number }
  | { type: "extended_err"; fields: Record<ee_field, expr> }
  | { type: "pollfd"; fd: expr; events: expr; revents: expr | null }
  | { type: "epollev"; events: expr; data: "fd" | "ptr" | "u32" | "u64"; value: expr };

export const EE_FIELDS = [
  "ee_errno",
  "ee_origin",
  "ee_type",
  "ee_code",
  "ee_info",
  "ee_data",
] as const;
/** A field of struct sock_extended_err. */
export type ee_field = typeof EE_FIELDS[number];

/** What is checked of the TOS byte. */
export type tos_check = "none" | "ecn" | "ect01" | "tos";

/** What a packet says of its IP header. */
export interface ip_info {
  check: tos_check;
  tos: number;
  /** 0: not checked; inbound: 255. */
  ttl: number;
}

/** One TCP option. */
export interface tcp_option {
  kind: number;
  /** Bytes behind kind and length; numbers in network order. */
  data: Uint8Array;
}

interface packet_base {
  type: "packet";
  inbound: boolean;
  ip: ip_info;
}

/** A TCP segment of a script. */
export interface tcp_packet extends packet_base {
  proto: "tcp";
  /** 0: those of the socket under test. */
  sport: number;
  dport: number;
  /** Of 'FSRP.UEWA'. */
  flags: string;
  /** The AccECN counter where the flags give one, else -1. */
  ace: number;
  seq: number;
  len: number;
  ack: number;
  /** -1: not checked. */
  win: number;
  urg: number;
  /** null: not checked. */
  options: tcp_option[] | null;
}

/** A UDP datagram of a script. */
export interface udp_packet extends packet_base {
  proto: "udp";
  sport: number;
  dport: number;
  len: number;
}

/** An ICMP message of a script, with what it echoes. */
export interface icmp_packet extends packet_base {
  proto: "icmp";
  icmp_type: string;
  code: string | null;
  /** -1: none. */
  mtu: number;
  id: number;
  echoed: { proto: "tcp" | "udp" | "raw"; seq: number; len: number };
}

export type packet = tcp_packet | udp_packet | icmp_packet;

/** A system call and its result. */
export interface syscall {
  type: "syscall";
  name: string;
  args: expr[];
  result: expr;
  /** Name of the errno, or null. */
  errno: string | null;
  /** When it returns, us; null: at once. */
  end: number | null;
}

export type action =
  | packet
  | syscall
  | { type: "command"; text: string }
  | { type: "code"; text: string };

export type time_type = "absolute" | "relative" | "any" | "absolute_range" | "relative_range";

/** What is to happen when. */
export interface event {
  line: number;
  time_type: time_type;
  /** us; relative ones are made absolute when their turn comes. */
  time: number;
  time_end: number;
  action: action;
}

/** A script. */
export interface script {
  options: { line: number; name: string; value: string | null }[];
  init: { line: number; text: string } | null;
  events: event[];
  cleanup: { line: number; text: string } | null;
}

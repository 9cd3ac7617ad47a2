// SPDX-License-Identifier: GPL-2.0-only
//
// Options of a script and of the command line, with packetdrill's defaults; those of the script win.

import { inet_addr, inet_cidr } from "../lib/inet.ts";
import { ScriptError } from "./script.ts";

/** How a script is run. */
export interface config {
  ip_version: string;
  local_ip: number;
  local_ip_len: number;
  remote_ip: number;
  gateway_ip: number;
  bind_port: number;
  connect_port: number;
  /** Bytes per segment of inbound packets, which then come as from a NIC that merges; 0: they do not. */
  mss: number;
  mtu: number;
  tolerance_usecs: number;
  tolerance_percent: number;
  /** us per tick of outbound timestamps; 0: they are not checked. */
  tcp_ts_tick_usecs: number;
  tcp_ts_ecr_scaled: boolean;
  strict_segments: boolean;
  send_omit_free: boolean;
  /** Words and what stands for them. */
  defines: Map<string, string>;
}

/** As the public suite's own runner calls packetdrill for IPv4. */
export function default_config(): config {
  return {
    ip_version: "ipv4",
    local_ip: inet_addr("192.168.0.1"),
    local_ip_len: 16,
    remote_ip: inet_addr("192.0.2.1"),
    gateway_ip: inet_addr("192.168.0.1"),
    bind_port: 8080,
    connect_port: 8080,
    mss: 0,
    mtu: 1500,
    tolerance_usecs: 4000,
    tolerance_percent: 12.5,
    tcp_ts_tick_usecs: 0,
    tcp_ts_ecr_scaled: false,
    strict_segments: false,
    send_omit_free: false,
    defines: new Map([
      ["CODE", "host_unreachable"],
      ["CMSG_LEVEL_IP", "SOL_IP"],
      ["CMSG_TYPE_RECVERR", "IP_RECVERR"],
    ]),
  };
}

const NUMBERS = [
  "bind_port",
  "connect_port",
  "mss",
  "mtu",
  "tolerance_usecs",
  "tolerance_percent",
  "tcp_ts_tick_usecs",
] as const;
const SWITCHES = ["tcp_ts_ecr_scaled", "strict_segments", "send_omit_free"] as const;
const ADDRESSES = ["local_ip", "remote_ip", "gateway_ip"] as const;
/** Of no meaning here: code is always Python and reads TCP_INFO; the wire is virtual. */
const IGNORED = ["init_scripts", "code_command", "code_format", "speed", "dry_run", "debug"];

/** Sets one option. `line` is for the error. */
export function set_option(c: config, line: number, name: string, value: string | null): void {
  const text = value ?? "";
  const bad = (): never => {
    throw new ScriptError(line, `bad option --${name}${value === null ? "" : `=${value}`}`);
  };
  const number = NUMBERS.find((n) => n === name);
  if (number !== undefined) {
    const v = Number(text);
    c[number] = text !== "" && v >= 0 ? v : bad();
    return;
  }
  const flag = SWITCHES.find((n) => n === name);
  if (flag !== undefined) {
    c[flag] = true;
    return;
  }
  const address = ADDRESSES.find((n) => n === name);
  if (address !== undefined) {
    if (!/^[0-9.]+(\/[0-9]+)?$/.test(text)) bad();
    c[address] = inet_cidr(text.includes("/") ? text : `${text}/32`).addr;
  } else if (name === "netmask_ip") c.local_ip_len = 32 - Math.log2(-inet_addr(text) >>> 0);
  else if (name === "ip_version") c.ip_version = text;
  else if (name === "define") {
    const eq = text.indexOf("=");
    if (eq < 0) bad();
    c.defines.set(text.slice(0, eq), text.slice(eq + 1));
  } else if (!IGNORED.includes(name)) bad();
}

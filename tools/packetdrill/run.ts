// SPDX-License-Identifier: GPL-2.0-only
//
// Runs a script: boots a machine in virtual time with the addresses and the route that packetdrill would set up, carries
// out event after event, and ends the machine, which must leave nothing behind.

import { warnings } from "../../include/asm-generic/bug.ts";
import { SOL_TCP } from "../../include/linux/socket.ts";
import { TCP_INFO, tcp_info_decode, TCP_INFO_SIZE } from "../../include/uapi/linux/tcp.ts";
import * as uapi_tcp from "../../include/uapi/linux/tcp.ts";
import * as tcp_states from "../../include/net/tcp_states.ts";
import { ktime_mono_to_real } from "../../include/linux/timekeeping.ts";
import { boot, inet_ntoa, LeakError } from "../../mod.ts";
import { userland } from "../../mod.ts";
import { create_task, living_tasks } from "../../arch/entry/common.ts";
import { check } from "../lib/errno.ts";
import { CodeError } from "./code.ts";
import { default_config, set_option } from "./config.ts";
import type { config } from "./config.ts";
import { netdev } from "./netdev.ts";
import { parse_script } from "./parser.ts";
import { commands } from "./run_command.ts";
import { run_packet } from "./run_packet.ts";
import { await_idle, check_blocking, run_system_call } from "./run_system_call.ts";
import { ScriptError } from "./script.ts";
import type { event, script } from "./script.ts";
import { state } from "./state.ts";

/** How a script went. */
export interface outcome {
  path: string;
  /** "skip": it is not for IPv4. */
  result: "pass" | "fail" | "skip";
  /** Line of the script and what is wrong, where it failed. */
  line: number;
  error: string;
  /** tcp_info of the socket under test, where it failed. */
  tcp_info: Record<string, number> | null;
  /** s of virtual time. */
  virtual: number;
  /** ms. */
  real: number;
  /** What the script printed, and what --verbose shows. */
  log: string[];
}

/** How scripts are run. */
export interface run_options {
  /** Options of the command line. */
  options?: readonly { name: string; value: string | null }[];
  verbose?: boolean;
  seed?: number;
}

/** Where in a tick the script begins: as packetdrill, away from its edges. */
const START_US = 100_250;

/** Names of states and flags that code uses. */
const CODE_SYMBOLS: Record<string, number> = { TCPI_OPT_USEC_TS: 64, TCPI_OPT_TFO_CHILD: 128 };
for (const table of [uapi_tcp, tcp_states] as Record<string, unknown>[]) {
  for (const [name, v] of Object.entries(table)) {
    if (typeof v === "number" && /^(TCP_[A-Z]|TCP_CA_|TCPI_OPT)/.test(name)) CODE_SYMBOLS[name] = v;
  }
}

function read_tcp_info(s: state): Record<string, number> | null {
  const sk = s.socket_under_test;
  if (sk === null || sk.live_fd < 0) return null;
  const val = new Uint8Array(TCP_INFO_SIZE);
  const len = Int32Array.of(TCP_INFO_SIZE);
  const ret = s.u.sys_getsockopt(sk.live_fd, SOL_TCP, TCP_INFO, val, len);
  if (ret !== 0) return null;
  return tcp_info_decode(val) as unknown as Record<string, number>;
}

function run_code(s: state, text: string): void {
  const info = read_tcp_info(s) ?? s.fail("no socket to get TCP data from");
  for (const [k, v] of [...Object.entries(CODE_SYMBOLS), ...Object.entries(info)]) {
    s.code.vars.set(k, v);
  }
  try {
    s.code.run(text);
  } catch (e) {
    if (e instanceof CodeError) s.fail(e.message);
    throw e;
  }
}

const anchored = (e: event): boolean => e.action.type === "packet" && e.action.inbound;

/** An event with its times counted from the beginning of the script. */
function with_absolute_times(s: state, e: event): event {
  if (e.time_type === "absolute" || e.time_type === "absolute_range") return e;
  const last = s.last_event;
  const offset = last !== null && anchored(last) && anchored(e) ? last.time : s.now();
  const out = { ...e, time: e.time + offset };
  if (e.time_end >= 0) out.time_end += offset;
  if (e.action.type === "syscall" && e.action.end !== null) {
    out.action = { ...e.action, end: e.action.end + offset };
  }
  return out;
}

async function run_event(s: state, cmds: commands, ev: event, first: boolean): Promise<void> {
  const { action } = ev;
  const what = action.type === "syscall"
    ? "system call start"
    : action.type === "packet"
    ? "inbound packet"
    : action.type === "command"
    ? "command"
    : "data collection for code";
  const wait = async (): Promise<void> => {
    await s.wait_for(ev.time);
    if (first) return;
    const last = s.last_event === null ? null : s.last_event.time;
    s.verify_time(ev.time_type, ev.time, ev.time_end, s.now(), last, what);
  };
  switch (action.type) {
    case "packet":
      await run_packet(s, ev, action, wait);
      break;
    case "syscall":
      await run_system_call(s, ev, action, wait);
      break;
    case "command":
      await wait();
      if (await cmds.run(action.text) !== 0) s.fail(`error executing \`${action.text}\``);
      break;
    case "code":
      await wait();
      run_code(s, action.text);
      break;
  }
  check_blocking(s);
  await s.sim.settle();
}

async function run_events(s: state, cmds: commands, sc: script): Promise<void> {
  if (sc.init !== null) {
    const status = await cmds.run(sc.init.text);
    if (status !== 0) s.fail(`error executing init command: exit status ${status}`, sc.init.line);
  }
  await s.sim.settle();
  await s.sim.run_until(Math.ceil(s.sim.now() / 1e6) * 1e6 + START_US * 1000);
  s.start = s.sim.now();
  s.start_real = ktime_mono_to_real(s.start);
  for (const [i, e] of sc.events.entries()) {
    s.event = e;
    const last = s.last_event;
    const absolute = (x: event): boolean => x.time_type.startsWith("absolute");
    if (i === 0 && e.time !== 0) s.fail("first event should be at time 0");
    if (last !== null && absolute(last) && absolute(e) && e.time < last.time) {
      s.fail("time goes backward in script");
    }
    s.event = with_absolute_times(s, e);
    await run_event(s, cmds, s.event, i === 0);
    s.last_event = s.event;
  }
  if (!await await_idle(s)) {
    s.fail("exiting while a blocking system call is in progress", s.blocking!.line);
  }
  if (sc.cleanup !== null && await cmds.run(sc.cleanup.text) !== 0) {
    s.fail("error executing cleanup command", sc.cleanup.line);
  }
}

function setup(config: config, o: run_options): state {
  const machine = boot({ clock: "sim", seed: o.seed ?? 1, thash_entries: 256 });
  const host = machine.host();
  const wire = new netdev("tun0", config.mtu);
  host.nic("tun0").ifconfig(`${inet_ntoa(config.local_ip)}/${config.local_ip_len}`);
  host.route_add(`${inet_ntoa(config.remote_ip)}/32`, undefined, "tun0");
  const u = host.task("script");
  const task = create_task("thread", host.net);
  task.files = u.task.files;
  living_tasks.delete(task);
  const s = new state(config, machine, host, wire, u, new userland(task));
  wire.now = () => s.now();
  return s;
}

function error_of(s: state | null, e: unknown): { line: number; error: string } {
  if (e instanceof ScriptError) return { line: e.line, error: e.message };
  const line = s?.event?.line ?? 0;
  if (e instanceof LeakError) return { line: 0, error: e.message };
  return { line, error: e instanceof Error ? e.stack ?? e.message : String(e) };
}

/** Runs one script from its text. `path` is where it stands: for messages and relative names. */
export async function run_script(
  path: string,
  text: string,
  o: run_options = {},
): Promise<outcome> {
  const began = performance.now();
  const out: outcome = {
    ...{ path, result: "pass", line: 0, error: "", tcp_info: null, virtual: 0, real: 0, log: [] },
  };
  const config = default_config();
  let s: state | null = null;
  try {
    for (const { name, value } of o.options ?? []) set_option(config, 0, name, value);
    // TFO_COOKIE belongs to the suite's addresses and key.
    if (!config.defines.has("TFO_COOKIE")) config.defines.set("TFO_COOKIE", "3021b9d889017eeb");
    const sc = parse_script(text, config.defines);
    for (const { name, value } of sc.options) {
      if (name === "ip_version" || !/:/.test(value ?? "")) {
        set_option(config, sc.options[0].line, name, value);
      }
    }
    if (config.ip_version !== "ipv4" || sc.options.some((x) => /:/.test(x.value ?? ""))) {
      out.result = "skip";
      return out;
    }
    s = setup(config, o);
    if (o.verbose) s.log = (line) => void out.log.push(line);
    warnings.length = 0;
    await run_events(
      s,
      new commands(s, path.includes("/") ? path.replace(/\/[^/]*$/, "") : "."),
      sc,
    );
  } catch (e) {
    Object.assign(out, error_of(s, e), { result: "fail" });
    if (s !== null) out.tcp_info = read_tcp_info(s);
  }
  if (s !== null) {
    out.log.push(...s.code.printed);
    out.virtual = Math.max(0, s.now() / 1e6);
    try {
      await s.machine.shutdown({ grace_ms: 0 });
      check(warnings.length === 0 ? 0 : -1, "warnings", warnings.join("; "));
    } catch (e) {
      if (out.result === "pass") Object.assign(out, error_of(null, e), { result: "fail" });
    }
  }
  out.real = performance.now() - began;
  return out;
}

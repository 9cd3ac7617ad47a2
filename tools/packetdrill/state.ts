// SPDX-License-Identifier: GPL-2.0-only
//
// What a running script consists of: the machine, the wire, the descriptors that the script knows by its own
// numbers, and the socket that packets are about, with the mapping of its sequence numbers and timestamps.

import { timer_list, timer_setup } from "../../include/linux/timer.ts";
import { jiffies } from "../../include/linux/jiffies.ts";
import { del_timer, mod_timer } from "../../kernel/time/timer.ts";
import { DeadlockError } from "../../mod.ts";
import type { host, machine, sim_machine, userland } from "../../mod.ts";
import { interpreter } from "./code.ts";
import type { config } from "./config.ts";
import type { netdev } from "./netdev.ts";
import { ScriptError } from "./script.ts";
import type { event, time_type } from "./script.ts";

export type socket_state =
  | "new"
  | "listening"
  | "packet_received"
  | "synack_sent"
  | "synack_acked"
  | "connecting"
  | "syn_sent"
  | "syn_acked";

/** A socket of the script, perhaps without a descriptor yet. */
export class script_socket {
  state: socket_state;
  /** SOCK_STREAM, ... */
  protocol: number;
  script_fd = -1;
  live_fd = -1;
  closed = false;
  remote_port = 0;
  local_port = 0;
  remote_addr = 0;
  local_addr = 0;
  remote_isn = 0;
  script_local_isn = 0;
  live_local_isn = 0;
  /** Of outbound timestamps: the script's value -> ours. */
  readonly ts_val = new Map<number, number>();
  first_ts: { script: number; live: number } | null = null;

  constructor(state: socket_state, protocol: number) {
    this.state = state;
    this.protocol = protocol;
  }
}

/** A call that the script lets sleep. */
export interface blocking_call {
  line: number;
  name: string;
  done: Promise<void>;
  finished: boolean;
  error: unknown;
}

/** A script that runs. */
export class state {
  readonly code = new interpreter();
  /** Sockets, the newest first. */
  readonly sockets: script_socket[] = [];
  /** Other descriptors: epoll, pipes, files. */
  readonly fds = new Map<number, number>();
  socket_under_test: script_socket | null = null;
  event: event | null = null;
  last_event: event | null = null;
  blocking: blocking_call | null = null;
  /** Next port of the peer. */
  next_port = 33000;
  /** What --verbose shows. */
  log: ((line: string) => void) | null = null;
  /** ns since boot when the script began, and ns since 1970. */
  start = 0;
  start_real = 0;
  /** Files that commands have made, by path; a character is a byte. */
  readonly files = new Map<string, string>();
  /** Sysctls as they were before the script wrote them. */
  readonly saved_sysctls = new Map<string, string>();

  constructor(
    readonly config: config,
    readonly machine: machine,
    readonly host: host,
    readonly netdev: netdev,
    readonly u: userland,
    /** Its calls may sleep while those of `u` go on; it has the same descriptors. */
    readonly thread: userland,
  ) {}

  get sim(): sim_machine {
    return this.machine.sim!;
  }

  /** us since the script began. */
  now(): number {
    return (this.sim.now() - this.start) / 1000;
  }

  fail(message: string, line = this.event?.line ?? 0): never {
    throw new ScriptError(line, message);
  }

  /** Lets the machine run until something is so, at most until `limit` (us): whether it is. */
  async wait_until(what: () => boolean, limit: number): Promise<boolean> {
    await this.sim.settle();
    if (what() || this.now() >= limit) return what();
    const timer = new timer_list<state>(this);
    timer_setup(timer, () => {}, 0);
    if (limit < Infinity) {
      mod_timer(timer, (jiffies + Math.ceil((limit - this.now()) / 1000)) | 0);
    }
    try {
      await this.sim.run_until(() => what() || this.now() >= limit);
    } catch (e) {
      if (!(e instanceof DeadlockError)) throw e;
    } finally {
      del_timer(timer);
    }
    return what();
  }

  /** Lets time pass until `us` after the beginning. */
  async wait_for(us: number): Promise<void> {
    await this.sim.run_until(Math.max(this.sim.now(), this.start + Math.round(us * 1000)));
  }

  /** Throws unless `live` (us) is when the script wants it, give or take the tolerance. */
  verify_time(
    type: time_type,
    time: number,
    time_end: number,
    live: number,
    last: number | null,
    what: string,
  ): void {
    if (type === "any") return;
    const { tolerance_usecs, tolerance_percent } = this.config;
    const dynamic = last === null ? 0 : (tolerance_percent / 100) * (time - last);
    const tolerance = Math.max(tolerance_usecs, dynamic);
    const end = type === "absolute_range" || type === "relative_range" ? time_end : time;
    if (live >= time - tolerance && live <= end + tolerance) return;
    const sec = (us: number): string => (us / 1e6).toFixed(6);
    const range = end === time ? `at ${sec(time)}` : `in time range ${sec(time)}~${sec(end)}`;
    this.fail(
      `timing error: expected ${what} ${range} sec but happened at ${sec(live)} sec; ` +
        `tolerance ${sec(tolerance)} sec`,
    );
  }

  find_fd(script_fd: number): script_socket | undefined {
    return this.sockets.find((s) => !s.closed && s.script_fd === script_fd && s.live_fd >= 0);
  }

  /** Our descriptor for the script's. */
  live_fd(script_fd: number): number {
    return this.find_fd(script_fd)?.live_fd ?? this.fds.get(script_fd) ??
      this.fail(`unable to find fd with script fd ${script_fd}`);
  }
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Commands of a script: sysctl, ip, tc, ethtool, nstat, grep and the like, each done on the stack itself. Files are
// /proc/sys and /proc/net of the host; a command that is a file of the suite is read and done line by line.

import { fib_config } from "../../include/net/ip_fib.ts";
import {
  RTAX_ADVMSS,
  RTAX_CWND,
  RTAX_FEATURE_ECN,
  RTAX_FEATURES,
  RTAX_INITCWND,
  RTAX_INITRWND,
  RTAX_LOCK,
  RTAX_MAX,
  RTAX_MTU,
  RTAX_QUICKACK,
  RTAX_REORDERING,
  RTAX_RTO_MIN,
  RTAX_RTT,
  RTAX_RTTVAR,
  RTAX_SSTHRESH,
  RTAX_WINDOW,
} from "../../include/net/dst.ts";
import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTPROT_BOOT,
} from "../../include/uapi/linux/rtnetlink.ts";
import { proc_sys_read, proc_sys_write } from "../../fs/proc/proc_sysctl.ts";
import { inet_rtm_delroute, inet_rtm_newroute } from "../../net/ipv4/fib_frontend.ts";
import { tcp_cubic_parameters } from "../../net/ipv4/tcp_cubic.ts";
import { tcp4_proc_show } from "../../net/ipv4/tcp_ipv4.ts";
import { tcp_metrics_flush_all } from "../../net/ipv4/tcp_metrics.ts";
import { fifo_set_limit } from "../../net/sched/sch_fifo.ts";
import { tc_modify_qdisc } from "../../net/sched/sch_api.ts";
import { command_run } from "../lib/command.ts";
import type { command } from "../lib/command.ts";
import { inet_cidr } from "../lib/inet.ts";
import { kernel } from "../lib/kernel.ts";
import { nstat } from "../lib/nstat.ts";
import { sysctl } from "../lib/sysctl.ts";
import { run_shell } from "./shell.ts";
import type { program, result, shell_env } from "./shell.ts";
import type { state } from "./state.ts";

/** The pid that the script takes for packetdrill's. */
const PPID = "1";
const RESTORE = `/tmp/sysctl_restore_${PPID}.sh`;

const ok = (out = ""): result => ({ status: 0, out });
const error = (status = 1): result => ({ status, out: "" });

/** Metrics that are times, and the kernel's units in a ms. */
const TIMES: Record<number, number> = { [RTAX_RTT]: 8, [RTAX_RTTVAR]: 4, [RTAX_RTO_MIN]: 1 };

/** 30ms, 1s, or a plain number in the kernel's units. */
function time_metric(metric: number, text: string): number {
  const m = /^([0-9.]+)(ms|s)?$/.exec(text);
  if (m === null) return 0;
  const ms = m[2] === "s" ? 1000 : 1;
  return Math.round(Number(m[1]) * ms * (m[2] === undefined ? 1 : TIMES[metric]));
}

/** Runs the commands of one script. */
export class commands {
  private readonly programs: Record<string, program>;

  /** `dir`: of the script, where its relative names begin. */
  constructor(private readonly s: state, private readonly dir: string) {
    this.programs = {
      sysctl: (argv) => this.command(sysctl, argv),
      "set_sysctls.py": (argv) => this.set_sysctls(argv),
      ip: (argv) => this.ip(argv),
      tc: (argv) => this.tc(argv),
      ethtool: (argv) => this.ethtool(argv),
      nstat: (argv) => this.command(nstat, argv),
      grep: (argv, input) => this.grep(argv, input),
      cat: (argv) => this.cat(argv),
      echo: (argv) => ok(argv.slice(1).filter((w) => w !== "-n").join(" ") + "\n"),
      rm: (argv) => {
        for (const f of argv.slice(1)) s.files.delete(f);
        return ok();
      },
      dd: (argv) => this.dd(argv),
      sleep: async (argv) => {
        await s.sim.advance(Number(argv[1]) * 1000);
        return ok();
      },
      true: () => ok(),
      ":": () => ok(),
      false: () => error(),
    };
  }

  /** Does a command: its exit status. */
  async run(text: string): Promise<number> {
    const env: shell_env = {
      vars: new Map([["PPID", PPID], ["PACKETDRILL_PID", PPID]]),
      find: (name) => this.find(name),
      write: (path, out) => this.write(path, out),
      log: (line) => this.s.log?.(line),
    };
    const r = await run_shell(env, text);
    if (r.out !== "") this.s.log?.(r.out.trimEnd());
    return r.status;
  }

  private find(name: string): program | null {
    if (name === RESTORE) return () => this.restore();
    const base = name.slice(name.lastIndexOf("/") + 1);
    const fn = Object.hasOwn(this.programs, base) ? this.programs[base] : null;
    if (fn !== null) return fn;
    if (!base.endsWith(".sh")) return null;
    return async () => {
      try {
        const text = await Deno.readTextFile(name.startsWith("/") ? name : `${this.dir}/${name}`);
        return { status: await this.run(text), out: "" };
      } catch (e) {
        if (!(e instanceof Deno.errors.NotFound)) throw e;
        this.s.log?.(`${name}: not found`);
        return error(127);
      }
    };
  }

  private write(path: string, out: string): number {
    if (path.startsWith("/proc/sys/")) return this.set(path.slice(10), out.trimEnd());
    const param = /^\/sys\/module\/tcp_cubic\/parameters\/(\w+)$/.exec(path)?.[1];
    if (param !== undefined && Object.hasOwn(tcp_cubic_parameters, param)) {
      tcp_cubic_parameters[param as "hystart_detect"] = Number(out);
      return 0;
    }
    if (path.startsWith("/sys/")) return 1;
    this.s.files.set(path, out);
    return 0;
  }

  /** One of tools/lib. */
  private command<R>(cmd: command<R>, argv: readonly string[]): result {
    const r = command_run(cmd, this.s.host.net, argv.slice(1));
    if (r.err !== "") this.s.log?.(r.err.trimEnd());
    return { status: r.status, out: r.out };
  }

  // ---- Sysctls ----

  private set(name: string, value: string): number {
    const err = kernel(() => proc_sys_write(this.s.host.net, name, value));
    if (err !== 0) this.s.log?.(`sysctl ${name}=${value}: ${err}`);
    return err === 0 ? 0 : 255;
  }

  private set_sysctls(argv: readonly string[]): result {
    const { saved_sysctls, host } = this.s;
    for (const arg of argv.slice(1)) {
      const [path, value] = arg.split("=", 2);
      const name = path.replace(/^\/proc\/sys\//, "");
      const old = proc_sys_read(host.net, name);
      if (typeof old === "string" && !saved_sysctls.has(name)) saved_sysctls.set(name, old);
      this.set(name, value);
    }
    return ok();
  }

  private restore(): result {
    for (const [name, value] of this.s.saved_sysctls) this.set(name, value);
    return ok();
  }

  // ---- Routes, devices ----

  private ip(argv: readonly string[]): result {
    const args = argv.slice(1).filter((a) => a !== "-4");
    if (args[0] === "-6") return error(2);
    if (args[0] === "tcp_metrics" && args[1] === "flush") {
      kernel(() => tcp_metrics_flush_all(this.s.host.net));
      return ok();
    }
    if (args[0] !== "route") return error(2);
    return kernel(() => this.route(args[1], args.slice(2))) === 0 ? ok() : error(2);
  }

  private route(cmd: string, args: string[]): number {
    const { host } = this.s;
    const cfg = new fib_config();
    const { addr, len } = args[0] === "default" ? { addr: 0, len: 0 } : inet_cidr(args[0]);
    cfg.fc_dst = addr;
    cfg.fc_dst_len = len;
    cfg.fc_table = RT_TABLE_MAIN;
    cfg.fc_protocol = RTPROT_BOOT;
    cfg.fc_type = RTN_UNICAST;
    cfg.fc_scope = RT_SCOPE_LINK;
    const mx = new Int32Array(RTAX_MAX);
    const metrics: Record<string, number> = {
      ...{ advmss: RTAX_ADVMSS, mtu: RTAX_MTU, window: RTAX_WINDOW, initcwnd: RTAX_INITCWND },
      ...{ initrwnd: RTAX_INITRWND, rto_min: RTAX_RTO_MIN, quickack: RTAX_QUICKACK },
      ...{ cwnd: RTAX_CWND, ssthresh: RTAX_SSTHRESH, reordering: RTAX_REORDERING },
      ...{ rtt: RTAX_RTT, rttvar: RTAX_RTTVAR },
    };
    for (let i = 1; i < args.length; i++) {
      const value = (): string => args[++i] ?? "";
      const word = args[i];
      if (word === "via") {
        cfg.fc_gw4 = inet_cidr(value()).addr;
        cfg.fc_scope = RT_SCOPE_UNIVERSE;
      } else if (word === "dev") cfg.fc_oif = host.nic(value()).dev.ifindex;
      else if (word === "src") cfg.fc_prefsrc = inet_cidr(value()).addr;
      else if (word === "features") {
        if (value() === "ecn") mx[RTAX_FEATURES - 1] |= RTAX_FEATURE_ECN;
      } else if (Object.hasOwn(metrics, word)) {
        const metric = metrics[word];
        let v = value();
        if (v === "lock") {
          mx[RTAX_LOCK - 1] |= 1 << metric;
          v = value();
        }
        mx[metric - 1] = TIMES[metric] === undefined ? parseInt(v) : time_metric(metric, v);
        // As ip does.
        if (metric === RTAX_RTO_MIN) mx[RTAX_LOCK - 1] |= 1 << metric;
      } else return -1;
    }
    if (mx.some((v) => v !== 0)) cfg.fc_mx = mx;
    if (cmd === "del" || cmd === "delete") return inet_rtm_delroute(host.net, cfg);
    if (cmd === "add") cfg.fc_nlflags = NLM_F_CREATE | NLM_F_EXCL;
    else if (cmd === "change") cfg.fc_nlflags = NLM_F_REPLACE;
    else if (cmd === "replace") cfg.fc_nlflags = NLM_F_REPLACE | NLM_F_CREATE;
    else return -1;
    return inet_rtm_newroute(host.net, cfg);
  }

  /** tc qdisc add|replace|delete dev DEV root KIND [limit N] */
  private tc(argv: readonly string[]): result {
    const at = argv.indexOf("root");
    if (argv[1] !== "qdisc" || at < 0) return error(1);
    const del = argv[2] === "delete" || argv[2] === "del";
    const kind = del ? "pfifo_fast" : argv[at + 1];
    const limit = argv.indexOf("limit");
    const { dev } = this.s.netdev;
    const ret = kernel(() => {
      const err = tc_modify_qdisc(dev, kind);
      return err === 0 && limit > 0 ? fifo_set_limit(dev.qdisc, Number(argv[limit + 1])) : err;
    });
    if (ret !== 0) this.s.log?.(`tc: no qdisc ${kind}, or no limit for it`);
    return ret === 0 ? ok() : error(2);
  }

  /** ethtool -K DEV tso|gso on|off ... */
  private ethtool(argv: readonly string[]): result {
    if (argv[1] !== "-K") return error();
    for (let i = 3; i + 1 < argv.length; i += 2) {
      kernel(() => this.s.netdev.set_feature(argv[i], argv[i + 1] === "on"));
    }
    return ok();
  }

  // ---- Looking ----

  private read(path: string): string | null {
    const { net } = this.s.host;
    if (path === "/proc/net/tcp") return tcp4_proc_show(net);
    if (path === "/proc/net/tcp6") return "";
    if (path.startsWith("/proc/sys/")) {
      const v = proc_sys_read(net, path.slice(10));
      return typeof v === "string" ? `${v}\n` : null;
    }
    return this.s.files.get(path) ?? null;
  }

  private cat(argv: readonly string[]): result {
    const texts = argv.slice(1).map((p) => this.read(p));
    return { status: texts.includes(null) ? 1 : 0, out: texts.join("") };
  }

  private grep(argv: readonly string[], input: string): result {
    const args = argv.slice(1).filter((a) => !a.startsWith("-"));
    const flags = argv.slice(1).filter((a) => a.startsWith("-")).join("");
    const re = new RegExp(args[0]);
    const texts = args.length > 1 ? args.slice(1).map((p) => this.read(p) ?? "") : [input];
    const invert = flags.includes("v");
    const lines = texts.flatMap((t) => t.split("\n")).filter((l) =>
      l !== "" && re.test(l) !== invert
    );
    const out = flags.includes("q") ? "" : lines.map((l) => `${l}\n`).join("");
    return { status: lines.length > 0 ? 0 : 1, out };
  }

  private dd(argv: readonly string[]): result {
    const v = (name: string): string =>
      argv.find((a) => a.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
    this.s.files.set(v("of"), "\0".repeat(Number(v("bs") || "512") * Number(v("count") || "0")));
    return ok();
  }
}

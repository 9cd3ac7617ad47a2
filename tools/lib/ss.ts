// SPDX-License-Identifier: GPL-2.0-only
//
// ss(8): a host's sockets, and a connection's tcp_info as `ss -tino` prints it.

import { jiffies } from "../../include/linux/jiffies.ts";
import { timer_pending } from "../../include/linux/timer.ts";
import { inet_sk } from "../../include/net/inet_sock.ts";
import { inet_twsk } from "../../include/net/inet_timewait_sock.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { inet_reqsk } from "../../include/net/request_sock.ts";
import { sk_rmem_alloc_get } from "../../include/net/sock.ts";
import type { sock, sock_common } from "../../include/net/sock.ts";
import {
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_NEW_SYN_RECV,
  TCP_SYN_RECV,
  TCP_TIME_WAIT,
} from "../../include/net/tcp_states.ts";
import { tcp_sk } from "../../include/net/tcp.ts";
import {
  ICSK_TIME_LOSS_PROBE,
  ICSK_TIME_PROBE0,
  ICSK_TIME_REO_TIMEOUT,
  ICSK_TIME_RETRANS,
} from "../../include/net/inet_connection_sock.ts";
import { tcp_get_info } from "../../net/ipv4/tcp.ts";
import { SEQ_START_TOKEN, tcp_iter_state, tcp_seq_next } from "../../net/ipv4/tcp_ipv4.ts";
import { udp_table } from "../../net/ipv4/udp.ts";
import { CommandUsageError, getopt } from "./command.ts";
import type { command, option } from "./command.ts";
import { inet_ntoa } from "./inet.ts";
import { tcp_info } from "../../include/uapi/linux/tcp.ts";
import {
  TCPI_OPT_ECN,
  TCPI_OPT_ECN_SEEN,
  TCPI_OPT_SACK,
  TCPI_OPT_SYN_DATA,
  TCPI_OPT_TIMESTAMPS,
  TCPI_OPT_WSCALE,
} from "../../include/uapi/linux/tcp.ts";

/** us as ms, six digits at most. */
function ms(us: number): string {
  return String(Number((us / 1000).toPrecision(6)));
}

/** Bytes per second as ss prints them with -n: '1158400000bps'. */
function sprint_bw(bytes_per_second: number): string {
  return `${(bytes_per_second * 8).toFixed(0)}bps`;
}

/** Larger than this, ss takes it for not set. */
const SSTHRESH_SHOWN = 0xffff;

/** The second line of ss. `congestion`: the name of the congestion control. */
export function ss_info(i: tcp_info, congestion: string): string {
  const out: string[] = [];
  const add = (name: string, v: number): void => void (v !== 0 && out.push(`${name}:${v}`));
  if (i.tcpi_options & TCPI_OPT_TIMESTAMPS) out.push("ts");
  if (i.tcpi_options & TCPI_OPT_SACK) out.push("sack");
  if (i.tcpi_options & TCPI_OPT_ECN) out.push("ecn");
  if (i.tcpi_options & TCPI_OPT_ECN_SEEN) out.push("ecnseen");
  if (i.tcpi_options & TCPI_OPT_SYN_DATA) out.push("fastopen");
  out.push(congestion);
  if (i.tcpi_options & TCPI_OPT_WSCALE) {
    out.push(`wscale:${i.tcpi_snd_wscale},${i.tcpi_rcv_wscale}`);
  }
  if (i.tcpi_rto !== 0 && i.tcpi_rto !== 3000000) out.push(`rto:${ms(i.tcpi_rto)}`);
  add("backoff", i.tcpi_backoff);
  if (i.tcpi_rtt !== 0) out.push(`rtt:${ms(i.tcpi_rtt)}/${ms(i.tcpi_rttvar)}`);
  if (i.tcpi_ato !== 0) out.push(`ato:${ms(i.tcpi_ato)}`);
  add("mss", i.tcpi_snd_mss);
  add("pmtu", i.tcpi_pmtu);
  add("rcvmss", i.tcpi_rcv_mss);
  add("advmss", i.tcpi_advmss);
  add("cwnd", i.tcpi_snd_cwnd);
  if (i.tcpi_snd_ssthresh < SSTHRESH_SHOWN) add("ssthresh", i.tcpi_snd_ssthresh);
  add("bytes_sent", i.tcpi_bytes_sent);
  add("bytes_retrans", i.tcpi_bytes_retrans);
  add("bytes_acked", i.tcpi_bytes_acked);
  add("bytes_received", i.tcpi_bytes_received);
  add("segs_out", i.tcpi_segs_out);
  add("segs_in", i.tcpi_segs_in);
  add("data_segs_out", i.tcpi_data_segs_out);
  add("data_segs_in", i.tcpi_data_segs_in);
  if (i.tcpi_rtt !== 0) {
    const rate = i.tcpi_snd_cwnd * i.tcpi_snd_mss * 1e6 / i.tcpi_rtt;
    out.push(`send ${sprint_bw(rate)}`);
  }
  add("lastsnd", i.tcpi_last_data_sent);
  add("lastrcv", i.tcpi_last_data_recv);
  add("lastack", i.tcpi_last_ack_recv);
  if (i.tcpi_pacing_rate !== 0) out.push(`pacing_rate ${sprint_bw(i.tcpi_pacing_rate)}`);
  if (i.tcpi_delivery_rate !== 0) out.push(`delivery_rate ${sprint_bw(i.tcpi_delivery_rate)}`);
  add("delivered", i.tcpi_delivered);
  add("delivered_ce", i.tcpi_delivered_ce);
  if (i.tcpi_delivery_rate_app_limited !== 0) out.push("app_limited");
  if (i.tcpi_busy_time !== 0) out.push(`busy:${Math.floor(i.tcpi_busy_time / 1000)}ms`);
  const limited = (name: string, us: number): void => {
    if (us === 0 || i.tcpi_busy_time === 0) return;
    const percent = (100 * us / i.tcpi_busy_time).toFixed(1);
    out.push(`${name}:${Math.floor(us / 1000)}ms(${percent}%)`);
  };
  limited("rwnd_limited", i.tcpi_rwnd_limited);
  limited("sndbuf_limited", i.tcpi_sndbuf_limited);
  add("unacked", i.tcpi_unacked);
  if (i.tcpi_retrans !== 0 || i.tcpi_total_retrans !== 0) {
    out.push(`retrans:${i.tcpi_retrans}/${i.tcpi_total_retrans}`);
  }
  add("lost", i.tcpi_lost);
  add("sacked", i.tcpi_sacked);
  add("dsack_dups", i.tcpi_dsack_dups);
  if (i.tcpi_reordering !== 3) add("reordering", i.tcpi_reordering);
  add("reord_seen", i.tcpi_reord_seen);
  if (i.tcpi_rcv_rtt !== 0) out.push(`rcv_rtt:${ms(i.tcpi_rcv_rtt)}`);
  add("rcv_space", i.tcpi_rcv_space);
  add("rcv_ssthresh", i.tcpi_rcv_ssthresh);
  add("notsent", i.tcpi_notsent_bytes);
  if (i.tcpi_min_rtt !== 0) out.push(`minrtt:${ms(i.tcpi_min_rtt)}`);
  add("rcv_ooopack", i.tcpi_rcv_ooopack);
  add("snd_wnd", i.tcpi_snd_wnd);
  add("rcv_wnd", i.tcpi_rcv_wnd);
  return out.join(" ");
}

// ---- The command ----

const USAGE = `usage: deno task ss [--pid=PID] [--host=NAME] [OPTIONS]

Shows the stack's sockets, as ss(8) does: without -a or -l those that are connected.
  -t, --tcp         TCP only
  -u, --udp         UDP only
  -a, --all         also listeners and what is not connected
  -l, --listening   only those
  -o, --options     timers
  -i, --info        what TCP knows of a connection
  -m, --memory      what its buffers hold
  -H, --no-header   no line of names
  -O, --oneline     one line a socket
  -n, --numeric     (always)
  -h, --help        this text`;

const OPTIONS: readonly option[] = [
  { name: "tcp", short: "t" },
  { name: "udp", short: "u" },
  { name: "all", short: "a" },
  { name: "listening", short: "l" },
  { name: "options", short: "o" },
  { name: "info", short: "i" },
  { name: "memory", short: "m" },
  { name: "no-header", short: "H" },
  { name: "oneline", short: "O" },
  { name: "numeric", short: "n" },
  { name: "ipv4", short: "4" },
  { name: "help", short: "h" },
];

const STATES =
  ("UNKNOWN ESTAB SYN-SENT SYN-RECV FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT UNCONN CLOSE-WAIT " +
    "LAST-ACK LISTEN CLOSING").split(" ");

/** A socket's line. */
interface row {
  netid: string;
  /** TCP_* */
  state: number;
  recv_q: number;
  send_q: number;
  local: readonly [addr: string, port: string];
  peer: readonly [addr: string, port: string];
  /** What -o, -m and -i add. */
  timer: string;
  more: string[];
}

/** A time as ss prints it: 'min' and 'sec' where it is long. */
export function print_ms_timer(ms: number): string {
  const minutes = Math.floor(ms / 60000);
  let secs = Math.floor(ms / 1000) % 60;
  let msecs = Math.floor(ms % 1000);
  let out = "";
  if (minutes > 0) {
    msecs = 0;
    out = `${minutes}min`;
    if (minutes > 9) secs = 0;
  }
  if (secs > 0) {
    if (secs > 9) msecs = 0;
    out += `${secs}${msecs > 0 ? "." : "sec"}`;
  }
  if (msecs > 0) out += `${String(msecs).padStart(3, "0")}ms`;
  return out;
}

function timer_text(name: string, expires: number, retrans: number): string {
  return `timer:(${name},${print_ms_timer(Math.max((expires - jiffies) | 0, 0))},${retrans})`;
}

function tcp_timer(sk: sock): string {
  const tp = tcp_sk(sk);
  switch (tp.icsk_pending) {
    case ICSK_TIME_RETRANS:
    case ICSK_TIME_REO_TIMEOUT:
    case ICSK_TIME_LOSS_PROBE:
      return timer_text("on", tp.icsk_timeout, tp.icsk_retransmits);
    case ICSK_TIME_PROBE0:
      return timer_text("persist", tp.icsk_timeout, tp.icsk_probes_out);
  }
  if (!timer_pending(sk.sk_timer)) return "";
  return timer_text("keepalive", sk.sk_timer.expires, tp.icsk_probes_out);
}

function end(addr: number, port: number): [string, string] {
  return [inet_ntoa(addr), port === 0 ? "*" : String(port)];
}

function skmem(sk: sock): string {
  return `skmem:(r${sk_rmem_alloc_get(sk)},rb${sk.sk_rcvbuf},t${sk.sk_wmem_alloc - 1},` +
    `tb${sk.sk_sndbuf},f${sk.sk_forward_alloc},w${sk.sk_wmem_queued},o${sk.sk_omem_alloc},` +
    `bl${sk.sk_backlog.len},d${sk.sk_drops})`;
}

function tcp_row(sk: sock_common, flags: ReadonlySet<string>): row {
  const row: row = {
    netid: "tcp",
    state: sk.skc_state,
    recv_q: 0,
    send_q: 0,
    local: end(sk.skc_rcv_saddr, sk.skc_num),
    peer: end(sk.skc_daddr, sk.skc_dport),
    timer: "",
    more: [],
  };
  if (sk.skc_state === TCP_TIME_WAIT) {
    const tw = inet_twsk(sk);
    return {
      ...row,
      state: tw.tw_substate,
      local: end(sk.skc_rcv_saddr, tw.tw_sport),
      timer: timer_text("timewait", tw.tw_timer.expires, 0),
    };
  }
  if (sk.skc_state === TCP_NEW_SYN_RECV) {
    const req = inet_reqsk(sk);
    const timer = timer_text("on", req.rsk_timer.expires, req.num_timeout);
    return { ...row, state: TCP_SYN_RECV, timer };
  }
  const tp = tcp_sk(sk as sock);
  row.local = end(sk.skc_rcv_saddr, tp.inet_sport);
  const listens = sk.skc_state === TCP_LISTEN;
  row.recv_q = listens ? tp.sk_ack_backlog : Math.max((tp.rcv_nxt - tp.copied_seq) | 0, 0);
  row.send_q = listens ? tp.sk_max_ack_backlog : (tp.write_seq - tp.snd_una) | 0;
  row.timer = tcp_timer(tp);
  if (flags.has("memory")) row.more.push(skmem(tp));
  if (flags.has("info")) {
    const info = new tcp_info();
    tcp_get_info(tp, info);
    row.more.push(ss_info(info, tp.icsk_ca_ops?.name ?? ""));
  }
  return row;
}

function tcp_rows(n: net, flags: ReadonlySet<string>): row[] {
  const st = new tcp_iter_state(n);
  const out: row[] = [];
  for (let v = tcp_seq_next(st, SEQ_START_TOKEN); v !== null; v = tcp_seq_next(st, v)) {
    out.push(tcp_row(v, flags));
  }
  return out;
}

function udp_rows(n: net, flags: ReadonlySet<string>): row[] {
  const out: row[] = [];
  for (const slot of udp_table.hash) {
    for (let node = slot.head.first; node !== null; node = node.next) {
      const sk = node.owner as sock;
      if (sk.skc_net !== n) continue;
      out.push({
        netid: "udp",
        state: sk.skc_state === TCP_ESTABLISHED ? TCP_ESTABLISHED : TCP_CLOSE,
        recv_q: sk_rmem_alloc_get(sk),
        send_q: sk.sk_wmem_alloc - 1,
        local: end(sk.skc_rcv_saddr, inet_sk(sk).inet_sport),
        peer: end(sk.skc_daddr, sk.skc_dport),
        timer: "",
        more: flags.has("memory") ? [skmem(sk)] : [],
      });
    }
  }
  return out;
}

/** Whether the options ask for sockets of this state. */
function wanted(state: number, flags: ReadonlySet<string>): boolean {
  if (flags.has("all")) return true;
  const unconnected = state === TCP_LISTEN || state === TCP_CLOSE;
  if (flags.has("listening")) return unconnected;
  return !unconnected && state !== TCP_TIME_WAIT && state !== TCP_SYN_RECV;
}

function text_of(rows: readonly row[], flags: ReadonlySet<string>, both: boolean): string {
  const table = rows.map((r) => [
    ...(both ? [r.netid] : []),
    STATES[r.state],
    String(r.recv_q),
    String(r.send_q),
    ...r.local,
    ...r.peer,
  ]);
  const head = [...(both ? ["Netid"] : []), "State", "Recv-Q", "Send-Q"];
  const ends = ["Local Address", "Port", "Peer Address", "Port"];
  if (!flags.has("no-header")) table.unshift([...head, ...ends]);
  const width = table[0]?.map((_, i) => Math.max(...table.map((line) => line[i].length))) ?? [];
  const first = head.length;
  let out = "";
  table.forEach((line, i) => {
    const cells = line.map((c, j) =>
      // Addresses stand at their port.
      j === first || j === first + 2 ? c.padStart(width[j]) : c.padEnd(width[j])
    );
    const left = cells.slice(0, first).join(" ");
    let text = `${left} ${cells[first]}:${cells[first + 1]} ${cells[first + 2]}:${
      cells[first + 3]
    }`;
    const r = rows[i - (flags.has("no-header") ? 0 : 1)];
    if (r !== undefined && flags.has("options") && r.timer !== "") text += ` ${r.timer}`;
    if (r !== undefined && r.more.length > 0) {
      text = text.trimEnd() + (flags.has("oneline") ? " " : "\n\t ") + r.more.join(" ");
    }
    out += `${text.trimEnd()}\n`;
  });
  return out;
}

/** ss(8). */
export const ss: command<ReadonlySet<string>> = {
  name: "ss",
  usage: USAGE,
  parse(argv) {
    const { opts, args } = getopt(argv, OPTIONS);
    if (args.length > 0) throw new CommandUsageError(`no filters here: '${args[0]}'`);
    const flags = new Set(opts.map(([name]) => name));
    return flags.has("help") ? null : flags;
  },
  run(n, flags) {
    const both = flags.has("tcp") === flags.has("udp");
    const rows = [
      ...(both || flags.has("udp") ? udp_rows(n, flags) : []),
      ...(both || flags.has("tcp") ? tcp_rows(n, flags) : []),
    ].filter((r) => wanted(r.state, flags));
    return { status: 0, out: text_of(rows, flags, both), err: "" };
  },
};

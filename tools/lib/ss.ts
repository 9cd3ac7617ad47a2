// SPDX-License-Identifier: GPL-2.0-only
//
// A connection's tcp_info as `ss -tino` prints it.

import type { tcp_info } from "../../include/uapi/linux/tcp.ts";
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

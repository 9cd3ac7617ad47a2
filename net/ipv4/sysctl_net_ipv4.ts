// SPDX-License-Identifier: GPL-2.0-only
//
// net.ipv4.*: names, kinds and bounds; the values stand in the host (include/net/netns/ipv4.ts) with their defaults.
// inet_init -> sysctl_ipv4_init. Also those that the kernel has in devinet.c (conf.*), neighbour.c (neigh.*),
// route.c (route.*) and ip_fragment.c (ipfrag_*). @differs

import type { ctl_dir } from "../../fs/proc/proc_sysctl.ts";
import { register_net_sysctl, register_net_sysctl_dir } from "../../fs/proc/proc_sysctl.ts";
import type { ipv4_devconf } from "../../include/linux/inetdevice.ts";
import { SKB_TRUESIZE } from "../../include/linux/skbuff.ts";
import type { ctl_table } from "../../include/linux/sysctl.ts";
import type { fqdir } from "../../include/net/inet_frag.ts";
import type { neigh_parms } from "../../include/net/neighbour.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { MAX_TCP_SYNCNT, TCP_CA_NAME_MAX, TCP_MIN_SND_MSS } from "../../include/net/tcp.ts";
import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import {
  INT_MAX,
  proc_do_large_bitmap,
  proc_dointvec,
  proc_dointvec_jiffies,
  proc_dointvec_minmax,
  proc_dointvec_ms_jiffies,
  proc_dointvec_userhz_jiffies,
  proc_dostring,
  proc_dou8vec_minmax,
  proc_douintvec_minmax,
  proc_doulongvec_minmax,
  proc_get_longs,
  proc_readonly,
  proc_vector,
  UINT_MAX,
} from "../../kernel/sysctl.ts";
import { init_net } from "../core/net_namespace.ts";
import { neigh_rand_reach_time } from "../core/neighbour.ts";
import { arp_tbl } from "./arp.ts";
import { devinet_copy_dflt_conf, inet_forward_change } from "./devinet.ts";
import { tcp_hashinfo } from "./inet_hashtables.ts";
import { inet_peer_sysctls } from "./inetpeer.ts";
import { ip_rt, rt_cache_flush } from "./route.ts";
import {
  tcp_get_allowed_congestion_control,
  tcp_get_available_congestion_control,
  tcp_get_default_congestion_control,
  tcp_set_allowed_congestion_control,
  tcp_set_default_congestion_control,
} from "./tcp_cong.ts";
import {
  tcp_fastopen_get_cipher,
  TCP_FASTOPEN_KEY_BUF_LENGTH,
  TCP_FASTOPEN_KEY_LENGTH,
  TCP_FASTOPEN_KEY_MAX,
  tcp_fastopen_reset_cipher,
} from "./tcp_fastopen.ts";
import { udp_table } from "./udp.ts";

const ipv4 = (n: net): net["ipv4"] => n.ipv4;
const TCP_CA_BUF_MAX = 2048;

/** Two numbers, both given. */
function proc_pair(
  procname: string,
  get: (n: net) => [number, number],
  set: (n: net, range: [number, number]) => number,
): ctl_table {
  return {
    procname,
    mode: 0o644,
    read: (n) => get(n).join("\t"),
    write(n, text) {
      const vals = proc_get_longs(text, 2);
      if (vals === null) return -EINVAL;
      // One alone is the first.
      return set(n, [vals[0], vals[1] ?? get(n)[1]]);
    },
  };
}

function set_local_port_range(n: net, range: [number, number]): number {
  const [lo, hi] = range;
  if (lo < 1 || hi > 65535 || hi < lo || lo < n.ipv4.sysctl_ip_prot_sock) return -EINVAL;
  n.ipv4.ip_local_ports = range;
  return 0;
}

/** ip_unprivileged_port_start: not within the range of chosen ports. */
const ipv4_privileged_ports: ctl_table = {
  procname: "ip_unprivileged_port_start",
  mode: 0o644,
  read: (n) => String(n.ipv4.sysctl_ip_prot_sock),
  write(n, text) {
    const vals = proc_get_longs(text, 1);
    if (vals === null || vals[0] < 0 || vals[0] > 65535) return -EINVAL;
    if (n.ipv4.ip_local_ports[0] < vals[0]) return -EINVAL;
    n.ipv4.sysctl_ip_prot_sock = vals[0];
    return 0;
  },
};

/** Forwarding of a host: also of each device. */
const ip_forward: ctl_table = {
  procname: "ip_forward",
  mode: 0o644,
  read: (n) => String(n.ipv4.devconf_all.forwarding),
  write: (n, text) => set_forwarding(n, n.ipv4.devconf_all, text),
};

/** tcp_fastopen_key: two keys at most, each four groups of eight hexadecimal digits. */
const proc_tcp_fastopen_key: ctl_table = {
  procname: "tcp_fastopen_key",
  mode: 0o600,
  read(n) {
    const key = new Uint8Array(TCP_FASTOPEN_KEY_BUF_LENGTH);
    const n_keys = tcp_fastopen_get_cipher(n, null, key) || 1;
    const dv = new DataView(key.buffer);
    const out: string[] = [];
    for (let k = 0; k < n_keys; k++) {
      const words: string[] = [];
      for (let i = 0; i < 4; i++) {
        words.push(
          dv.getUint32(k * TCP_FASTOPEN_KEY_LENGTH + 4 * i, true).toString(16).padStart(8, "0"),
        );
      }
      out.push(words.join("-"));
    }
    return out.join(",");
  },
  write(n, text) {
    const keys = text.trim().split(",");
    if (keys.length > TCP_FASTOPEN_KEY_MAX) return -EINVAL;
    const bytes: Uint8Array[] = [];
    for (const k of keys) {
      const m = /^([0-9a-f]{1,8})-([0-9a-f]{1,8})-([0-9a-f]{1,8})-([0-9a-f]{1,8})$/i.exec(k);
      if (m === null) return -EINVAL;
      const b = new Uint8Array(TCP_FASTOPEN_KEY_LENGTH);
      const dv = new DataView(b.buffer);
      for (let i = 0; i < 4; i++) dv.setUint32(4 * i, parseInt(m[i + 1], 16), true);
      bytes.push(b);
    }
    tcp_fastopen_reset_cipher(n, null, bytes[0], bytes[1] ?? null);
    return 0;
  },
};

/** tcp_fastopen_blackhole_timeout_sec: to set it forgives what was held against the paths. */
const proc_tfo_blackhole_detect_timeout: ctl_table = {
  procname: "tcp_fastopen_blackhole_timeout_sec",
  mode: 0o644,
  read: (n) => String(n.ipv4.sysctl_tcp_fastopen_blackhole_timeout),
  write(n, text) {
    const vals = proc_get_longs(text, 1);
    if (vals === null || vals[0] < 0 || vals[0] > INT_MAX) return -EINVAL;
    n.ipv4.sysctl_tcp_fastopen_blackhole_timeout = vals[0];
    n.ipv4.tfo_active_disable_times = 0;
    return 0;
  },
};

/** ipfrag_*: the queues have their own copy. */
function proc_ipfrag(
  procname: string,
  key:
    | "sysctl_ipfrag_high_thresh"
    | "sysctl_ipfrag_low_thresh"
    | "sysctl_ipfrag_time"
    | "sysctl_ipfrag_max_dist",
  fq_key: "high_thresh" | "low_thresh" | "timeout" | "max_dist",
): ctl_table {
  const entry = key === "sysctl_ipfrag_time"
    ? proc_dointvec_jiffies(procname, ipv4, key)
    : key === "sysctl_ipfrag_max_dist"
    ? proc_dointvec_minmax(procname, ipv4, key, 0)
    : proc_doulongvec_minmax(procname, ipv4, key);
  return {
    ...entry,
    write(n, text) {
      const old = n.ipv4[key];
      const err = entry.write(n, text);
      if (err !== 0) return err;
      if (n.ipv4.sysctl_ipfrag_low_thresh > n.ipv4.sysctl_ipfrag_high_thresh) {
        n.ipv4[key] = old;
        return -EINVAL;
      }
      const fqd = n.ipv4.fqdir as fqdir | null;
      if (fqd !== null) fqd[fq_key] = n.ipv4[key];
      return 0;
    },
  };
}

const icmp_table: readonly ctl_table[] = [
  proc_dou8vec_minmax("icmp_echo_ignore_all", ipv4, "sysctl_icmp_echo_ignore_all", 0, 1),
  proc_dou8vec_minmax(
    "icmp_echo_ignore_broadcasts",
    ipv4,
    "sysctl_icmp_echo_ignore_broadcasts",
    0,
    1,
  ),
  proc_dou8vec_minmax(
    "icmp_ignore_bogus_error_responses",
    ipv4,
    "sysctl_icmp_ignore_bogus_error_responses",
    0,
    1,
  ),
  proc_dou8vec_minmax(
    "icmp_errors_use_inbound_ifaddr",
    ipv4,
    "sysctl_icmp_errors_use_inbound_ifaddr",
    0,
    1,
  ),
  proc_dointvec_ms_jiffies("icmp_ratelimit", ipv4, "sysctl_icmp_ratelimit"),
  proc_dointvec("icmp_ratemask", ipv4, "sysctl_icmp_ratemask"),
  proc_dointvec_minmax("icmp_msgs_per_sec", ipv4, "sysctl_icmp_msgs_per_sec", 0),
  proc_dointvec_minmax("icmp_msgs_burst", ipv4, "sysctl_icmp_msgs_burst", 0),
];

const ip_table: readonly ctl_table[] = [
  ip_forward,
  proc_dou8vec_minmax("ip_dynaddr", ipv4, "sysctl_ip_dynaddr"),
  proc_dou8vec_minmax("ip_early_demux", ipv4, "sysctl_ip_early_demux"),
  proc_dou8vec_minmax("ip_default_ttl", ipv4, "sysctl_ip_default_ttl", 1, 255),
  proc_pair("ip_local_port_range", (n) => n.ipv4.ip_local_ports, set_local_port_range),
  proc_do_large_bitmap("ip_local_reserved_ports", (n) => n.ipv4.ip_local_reserved_ports, 65536),
  proc_dou8vec_minmax("ip_no_pmtu_disc", ipv4, "sysctl_ip_no_pmtu_disc"),
  proc_dou8vec_minmax("ip_forward_use_pmtu", ipv4, "sysctl_ip_fwd_use_pmtu"),
  proc_dou8vec_minmax("ip_forward_update_priority", ipv4, "sysctl_ip_fwd_update_priority", 0, 1),
  proc_dou8vec_minmax("ip_nonlocal_bind", ipv4, "sysctl_ip_nonlocal_bind"),
  proc_dou8vec_minmax("ip_autobind_reuse", ipv4, "sysctl_ip_autobind_reuse", 0, 1),
  proc_dou8vec_minmax("fwmark_reflect", ipv4, "sysctl_fwmark_reflect"),
  ipv4_privileged_ports,
  proc_ipfrag("ipfrag_high_thresh", "sysctl_ipfrag_high_thresh", "high_thresh"),
  proc_ipfrag("ipfrag_low_thresh", "sysctl_ipfrag_low_thresh", "low_thresh"),
  proc_ipfrag("ipfrag_time", "sysctl_ipfrag_time", "timeout"),
  proc_ipfrag("ipfrag_max_dist", "sysctl_ipfrag_max_dist", "max_dist"),
];

const route = (): typeof ip_rt => ip_rt;
const peer = (): typeof inet_peer_sysctls => inet_peer_sysctls;

const peer_table: readonly ctl_table[] = [
  proc_dointvec("inet_peer_threshold", peer, "threshold"),
  proc_dointvec_jiffies("inet_peer_minttl", peer, "minttl"),
  proc_dointvec_jiffies("inet_peer_maxttl", peer, "maxttl"),
];

/** What Linux keeps for old settings, and reads nowhere: neither do we. */
const legacy = {
  tcp_fack: 0,
  tcp_low_latency: 0,
  tcp_adv_win_scale: 1,
  ipfrag_secret_interval: 0,
};
const legacy_defaults = { ...legacy };
const legacy_of = (): typeof legacy => legacy;
const legacy_table: readonly ctl_table[] = [
  proc_dou8vec_minmax("tcp_fack", legacy_of, "tcp_fack"),
  proc_dointvec("tcp_low_latency", legacy_of, "tcp_low_latency"),
  proc_dointvec_minmax("tcp_adv_win_scale", legacy_of, "tcp_adv_win_scale", -31, 31),
  proc_dointvec_jiffies("ipfrag_secret_interval", legacy_of, "ipfrag_secret_interval"),
];

const route_table: readonly ctl_table[] = [
  proc_dointvec_jiffies("gc_timeout", route, "gc_timeout"),
  proc_dointvec("redirect_load", route, "redirect_load"),
  proc_dointvec("redirect_number", route, "redirect_number"),
  proc_dointvec("redirect_silence", route, "redirect_silence"),
  proc_dointvec("error_cost", route, "error_cost"),
  proc_dointvec("error_burst", route, "error_burst"),
  proc_dointvec_minmax("min_pmtu", ipv4, "ip_rt_min_pmtu", 68),
  proc_dointvec_jiffies("mtu_expires", ipv4, "ip_rt_mtu_expires"),
  proc_dointvec("min_adv_mss", ipv4, "ip_rt_min_advmss"),
];

/** The size of a table; negative where the host shares it with the first. @local */
function hash_entries(n: net, entries: number): string {
  return String(n === init_net ? entries : -entries);
}

const udp_sysctls: readonly ctl_table[] = [
  proc_readonly("udp_hash_entries", (n) => hash_entries(n, udp_table.mask + 1)),
  proc_dou8vec_minmax("udp_early_demux", ipv4, "sysctl_udp_early_demux"),
  proc_vector("udp_mem", (n) => n.ipv4.sysctl_udp_mem, 0),
  proc_dointvec_minmax("udp_rmem_min", ipv4, "sysctl_udp_rmem_min", 1),
  proc_dointvec_minmax("udp_wmem_min", ipv4, "sysctl_udp_wmem_min", 1),
];

const tcp_table: readonly ctl_table[] = [
  proc_dointvec("tcp_max_orphans", ipv4, "sysctl_tcp_max_orphans"),
  proc_vector("tcp_mem", (n) => n.ipv4.sysctl_tcp_mem, 0),
  proc_dointvec("tcp_max_tw_buckets", (n) => n.ipv4.tcp_death_row, "sysctl_max_tw_buckets"),
  proc_dou8vec_minmax("tcp_ecn", ipv4, "sysctl_tcp_ecn", 0, 2),
  proc_dou8vec_minmax("tcp_ecn_fallback", ipv4, "sysctl_tcp_ecn_fallback", 0, 1),
  proc_dou8vec_minmax("tcp_early_demux", ipv4, "sysctl_tcp_early_demux"),
  proc_dou8vec_minmax("tcp_fwmark_accept", ipv4, "sysctl_tcp_fwmark_accept"),
  proc_dou8vec_minmax("tcp_mtu_probing", ipv4, "sysctl_tcp_mtu_probing"),
  proc_dointvec("tcp_base_mss", ipv4, "sysctl_tcp_base_mss"),
  proc_dointvec_minmax(
    "tcp_min_snd_mss",
    ipv4,
    "sysctl_tcp_min_snd_mss",
    TCP_MIN_SND_MSS,
    65535,
  ),
  proc_dointvec_minmax(
    "tcp_mtu_probe_floor",
    ipv4,
    "sysctl_tcp_mtu_probe_floor",
    TCP_MIN_SND_MSS,
    65535,
  ),
  proc_dointvec("tcp_probe_threshold", ipv4, "sysctl_tcp_probe_threshold"),
  proc_douintvec_minmax(
    "tcp_probe_interval",
    ipv4,
    "sysctl_tcp_probe_interval",
    0,
    UINT_MAX / 1000,
  ),
  proc_dostring(
    "tcp_congestion_control",
    tcp_get_default_congestion_control,
    tcp_set_default_congestion_control,
    TCP_CA_NAME_MAX,
  ),
  proc_readonly("tcp_available_congestion_control", () => tcp_get_available_congestion_control()),
  proc_dostring(
    "tcp_allowed_congestion_control",
    () => tcp_get_allowed_congestion_control(),
    (_n, val) => tcp_set_allowed_congestion_control(val),
    TCP_CA_BUF_MAX,
  ),
  proc_dointvec_jiffies("tcp_keepalive_time", ipv4, "sysctl_tcp_keepalive_time"),
  proc_dou8vec_minmax("tcp_keepalive_probes", ipv4, "sysctl_tcp_keepalive_probes"),
  proc_dointvec_jiffies("tcp_keepalive_intvl", ipv4, "sysctl_tcp_keepalive_intvl"),
  proc_dou8vec_minmax("tcp_syn_retries", ipv4, "sysctl_tcp_syn_retries", 1, MAX_TCP_SYNCNT),
  proc_dou8vec_minmax("tcp_synack_retries", ipv4, "sysctl_tcp_synack_retries"),
  proc_dou8vec_minmax(
    "tcp_syn_linear_timeouts",
    ipv4,
    "sysctl_tcp_syn_linear_timeouts",
    0,
    MAX_TCP_SYNCNT,
  ),
  proc_dou8vec_minmax("tcp_syncookies", ipv4, "sysctl_tcp_syncookies"),
  {
    ...proc_dointvec_minmax("tcp_reordering", ipv4, "sysctl_tcp_reordering", 1),
    write: (n, text) =>
      proc_dointvec_minmax(
        "tcp_reordering",
        ipv4,
        "sysctl_tcp_reordering",
        1,
        n.ipv4.sysctl_tcp_max_reordering,
      ).write(n, text),
  },
  proc_dou8vec_minmax("tcp_retries1", ipv4, "sysctl_tcp_retries1", 0, 255),
  proc_dou8vec_minmax("tcp_retries2", ipv4, "sysctl_tcp_retries2"),
  proc_dou8vec_minmax("tcp_orphan_retries", ipv4, "sysctl_tcp_orphan_retries"),
  proc_dointvec_jiffies("tcp_fin_timeout", ipv4, "sysctl_tcp_fin_timeout"),
  proc_douintvec_minmax("tcp_notsent_lowat", ipv4, "sysctl_tcp_notsent_lowat"),
  proc_dou8vec_minmax("tcp_tw_reuse", ipv4, "sysctl_tcp_tw_reuse", 0, 2),
  proc_dointvec_minmax("tcp_tw_reuse_delay", ipv4, "sysctl_tcp_tw_reuse_delay", 1, 60000),
  proc_dointvec("tcp_max_syn_backlog", ipv4, "sysctl_max_syn_backlog"),
  proc_dointvec("tcp_fastopen", ipv4, "sysctl_tcp_fastopen"),
  proc_tcp_fastopen_key,
  proc_tfo_blackhole_detect_timeout,
  proc_dou8vec_minmax("tcp_sack", ipv4, "sysctl_tcp_sack"),
  proc_dou8vec_minmax("tcp_window_scaling", ipv4, "sysctl_tcp_window_scaling"),
  proc_dou8vec_minmax("tcp_timestamps", ipv4, "sysctl_tcp_timestamps"),
  proc_dou8vec_minmax("tcp_early_retrans", ipv4, "sysctl_tcp_early_retrans", 0, 4),
  proc_dou8vec_minmax("tcp_recovery", ipv4, "sysctl_tcp_recovery"),
  proc_dou8vec_minmax("tcp_thin_linear_timeouts", ipv4, "sysctl_tcp_thin_linear_timeouts"),
  proc_dou8vec_minmax("tcp_slow_start_after_idle", ipv4, "sysctl_tcp_slow_start_after_idle"),
  proc_dou8vec_minmax("tcp_retrans_collapse", ipv4, "sysctl_tcp_retrans_collapse"),
  proc_dou8vec_minmax("tcp_stdurg", ipv4, "sysctl_tcp_stdurg"),
  proc_dou8vec_minmax("tcp_rfc1337", ipv4, "sysctl_tcp_rfc1337"),
  proc_dou8vec_minmax("tcp_abort_on_overflow", ipv4, "sysctl_tcp_abort_on_overflow"),
  proc_dointvec_minmax("tcp_max_reordering", ipv4, "sysctl_tcp_max_reordering", 1),
  proc_dou8vec_minmax("tcp_dsack", ipv4, "sysctl_tcp_dsack"),
  proc_dou8vec_minmax("tcp_app_win", ipv4, "sysctl_tcp_app_win", 0, 31),
  proc_dou8vec_minmax("tcp_frto", ipv4, "sysctl_tcp_frto"),
  proc_dou8vec_minmax("tcp_no_metrics_save", ipv4, "sysctl_tcp_nometrics_save"),
  proc_dou8vec_minmax(
    "tcp_no_ssthresh_metrics_save",
    ipv4,
    "sysctl_tcp_no_ssthresh_metrics_save",
    0,
    1,
  ),
  proc_dou8vec_minmax("tcp_moderate_rcvbuf", ipv4, "sysctl_tcp_moderate_rcvbuf"),
  proc_dou8vec_minmax("tcp_tso_win_divisor", ipv4, "sysctl_tcp_tso_win_divisor"),
  proc_dou8vec_minmax(
    "tcp_workaround_signed_windows",
    ipv4,
    "sysctl_tcp_workaround_signed_windows",
  ),
  proc_dointvec("tcp_limit_output_bytes", ipv4, "sysctl_tcp_limit_output_bytes"),
  proc_dointvec("tcp_challenge_ack_limit", ipv4, "sysctl_tcp_challenge_ack_limit"),
  proc_dou8vec_minmax("tcp_min_tso_segs", ipv4, "sysctl_tcp_min_tso_segs", 1),
  proc_dou8vec_minmax("tcp_tso_rtt_log", ipv4, "sysctl_tcp_tso_rtt_log"),
  proc_dointvec_minmax("tcp_min_rtt_wlen", ipv4, "sysctl_tcp_min_rtt_wlen", 0, 24 * 3600),
  proc_dou8vec_minmax("tcp_autocorking", ipv4, "sysctl_tcp_autocorking", 0, 1),
  proc_dointvec_ms_jiffies("tcp_invalid_ratelimit", ipv4, "sysctl_tcp_invalid_ratelimit"),
  proc_dointvec_minmax("tcp_pacing_ss_ratio", ipv4, "sysctl_tcp_pacing_ss_ratio", 0, 1000),
  proc_dointvec_minmax("tcp_pacing_ca_ratio", ipv4, "sysctl_tcp_pacing_ca_ratio", 0, 1000),
  proc_vector("tcp_wmem", (n) => n.ipv4.sysctl_tcp_wmem, 1),
  proc_vector("tcp_rmem", (n) => n.ipv4.sysctl_tcp_rmem, 1),
  proc_doulongvec_minmax("tcp_comp_sack_delay_ns", ipv4, "sysctl_tcp_comp_sack_delay_ns"),
  proc_doulongvec_minmax("tcp_comp_sack_slack_ns", ipv4, "sysctl_tcp_comp_sack_slack_ns"),
  proc_dou8vec_minmax("tcp_comp_sack_nr", ipv4, "sysctl_tcp_comp_sack_nr"),
  proc_dou8vec_minmax("tcp_backlog_ack_defer", ipv4, "sysctl_tcp_backlog_ack_defer", 0, 1),
  proc_dou8vec_minmax("tcp_reflect_tos", ipv4, "sysctl_tcp_reflect_tos", 0, 1),
  proc_readonly("tcp_ehash_entries", (n) => hash_entries(n, tcp_hashinfo.ehash_mask + 1)),
  proc_dou8vec_minmax("tcp_shrink_window", ipv4, "sysctl_tcp_shrink_window", 0, 1),
  proc_dou8vec_minmax("tcp_pingpong_thresh", ipv4, "sysctl_tcp_pingpong_thresh", 1),
  proc_dointvec_minmax("tcp_rto_min_us", ipv4, "sysctl_tcp_rto_min_us", 1),
  proc_dointvec_minmax("tcp_rto_max_ms", ipv4, "sysctl_tcp_rto_max_ms", 1000, 120000),
];

/** A device's forwarding, or with devconf_all that of the whole host. */
function set_forwarding(n: net, cnf: ipv4_devconf, text: string): number {
  const was = cnf.forwarding;
  const err = proc_dointvec("forwarding", () => cnf, "forwarding").write(n, text);
  if (err !== 0 || cnf.forwarding === was || cnf === n.ipv4.devconf_dflt) return err;
  if (cnf === n.ipv4.devconf_all) inet_forward_change(n);
  rt_cache_flush(n);
  return 0;
}

/** Switches that routes handed out before do not know of. */
const FLUSHING: ReadonlySet<string> = new Set([
  "accept_local",
  "bc_forwarding",
  "drop_unicast_in_l2_multicast",
  "promote_secondaries",
  "route_localnet",
]);

/** A switch of a device, of "default" (also of devices for which it was not set) or of "all". */
function devinet_conf_proc(
  cnf: ipv4_devconf,
  state: Set<keyof ipv4_devconf> | null,
  key: keyof ipv4_devconf,
): ctl_table {
  const entry = proc_dointvec(key, () => cnf, key);
  return {
    ...entry,
    write(n, text) {
      const was = cnf[key];
      const err = key === "forwarding" ? set_forwarding(n, cnf, text) : entry.write(n, text);
      if (err !== 0) return err;
      if (key !== "forwarding") state?.add(key);
      if (cnf === n.ipv4.devconf_dflt && key !== "forwarding") devinet_copy_dflt_conf(n, key);
      if (cnf[key] !== was && FLUSHING.has(key)) rt_cache_flush(n);
      return 0;
    },
  };
}

/** The switches of "all", "default" or a device. */
function devconf_of(n: net, name: string): ipv4_devconf | null {
  if (name === "all") return n.ipv4.devconf_all;
  if (name === "default") return n.ipv4.devconf_dflt;
  return n.dev_name_head.get(name)?.ip_ptr?.cnf ?? null;
}

/** net.ipv4.conf.DEVICE.* */
const devinet_sysctl: ctl_dir = {
  lookup(n, name) {
    const at = name.lastIndexOf("/");
    const cnf = at < 0 ? null : devconf_of(n, name.slice(0, at));
    const key = name.slice(at + 1) as keyof ipv4_devconf;
    if (cnf === null || !Object.hasOwn(cnf, key)) return null;
    const state = n.dev_name_head.get(name.slice(0, at))?.ip_ptr?.cnf_state ?? null;
    return devinet_conf_proc(cnf, state, key);
  },
  list(n) {
    const out: string[] = [];
    for (const dev of ["all", "default", ...n.dev_name_head.keys()]) {
      const cnf = devconf_of(n, dev);
      if (cnf !== null) { for (const key of Object.keys(cnf)) out.push(`${dev}/${key}`); }
    }
    return out;
  },
};

/** What is told to a packet with an Ethernet frame, bytes. */
const FRAME_TRUESIZE = 1514 + SKB_TRUESIZE(0);

/** unres_qlen: queue_len_bytes as so many full frames. */
function proc_unres_qlen(parms: neigh_parms): ctl_table {
  const most = Math.floor(INT_MAX / FRAME_TRUESIZE);
  const size = {
    get frames(): number {
      return Math.floor(parms.queue_len_bytes / FRAME_TRUESIZE);
    },
    set frames(v: number) {
      parms.queue_len_bytes = v * FRAME_TRUESIZE;
    },
  };
  return proc_dointvec_minmax("unres_qlen", () => size, "frames", 0, most);
}

/** base_reachable_time: what follows from it is chosen anew. */
function neigh_proc_base_reachable_time(entry: ctl_table, parms: neigh_parms): ctl_table {
  return {
    ...entry,
    write(n, text) {
      const err = entry.write(n, text);
      if (err === 0) parms.reachable_time = neigh_rand_reach_time(parms.base_reachable_time);
      return err;
    },
  };
}

type neigh_var =
  | "mcast_probes"
  | "ucast_probes"
  | "app_probes"
  | "mcast_reprobes"
  | "retrans_time"
  | "base_reachable_time"
  | "delay_probe_time"
  | "gc_staletime"
  | "queue_len_bytes"
  | "locktime"
  | "proxy_delay"
  | "proxy_qlen";

/** What each entry of net.ipv4.neigh.DEVICE.* sets. */
const neigh_vars: Readonly<Record<string, neigh_var>> = {
  mcast_solicit: "mcast_probes",
  ucast_solicit: "ucast_probes",
  app_solicit: "app_probes",
  mcast_resolicit: "mcast_reprobes",
  retrans_time: "retrans_time",
  retrans_time_ms: "retrans_time",
  base_reachable_time: "base_reachable_time",
  base_reachable_time_ms: "base_reachable_time",
  delay_first_probe_time: "delay_probe_time",
  gc_stale_time: "gc_staletime",
  unres_qlen: "queue_len_bytes",
  unres_qlen_bytes: "queue_len_bytes",
  locktime: "locktime",
  proxy_delay: "proxy_delay",
  proxy_qlen: "proxy_qlen",
};

/** Entries of net.ipv4.neigh.DEVICE.* for these parameters. */
function neigh_sysctls(parms: neigh_parms, dflt: boolean): ctl_table[] {
  const p = (): neigh_parms => parms;
  const out = [
    proc_dointvec_minmax("mcast_solicit", p, "mcast_probes", 0),
    proc_dointvec_minmax("ucast_solicit", p, "ucast_probes", 0),
    proc_dointvec_minmax("app_solicit", p, "app_probes", 0),
    proc_dointvec_minmax("mcast_resolicit", p, "mcast_reprobes", 0),
    proc_dointvec_userhz_jiffies("retrans_time", p, "retrans_time"),
    proc_dointvec_ms_jiffies("retrans_time_ms", p, "retrans_time"),
    neigh_proc_base_reachable_time(
      proc_dointvec_jiffies("base_reachable_time", p, "base_reachable_time"),
      parms,
    ),
    neigh_proc_base_reachable_time(
      proc_dointvec_ms_jiffies("base_reachable_time_ms", p, "base_reachable_time"),
      parms,
    ),
    proc_dointvec_jiffies("delay_first_probe_time", p, "delay_probe_time"),
    proc_dointvec_jiffies("gc_stale_time", p, "gc_staletime"),
    proc_dointvec_minmax("unres_qlen_bytes", p, "queue_len_bytes", 0),
    proc_unres_qlen(parms),
    proc_dointvec_userhz_jiffies("locktime", p, "locktime"),
    proc_dointvec_userhz_jiffies("proxy_delay", p, "proxy_delay"),
    proc_dointvec_minmax("proxy_qlen", p, "proxy_qlen", 0),
  ].map((entry) => neigh_proc_update(entry, parms, dflt));
  if (dflt) {
    const tbl = (): neigh_parms["tbl"] => parms.tbl;
    out.push(
      proc_dointvec_minmax("gc_thresh1", tbl, "gc_thresh1", 0),
      proc_dointvec_minmax("gc_thresh2", tbl, "gc_thresh2", 0),
      proc_dointvec_minmax("gc_thresh3", tbl, "gc_thresh3", 0),
    );
  }
  return out;
}

/** A default is also that of the devices of the host for which it was not set. */
function neigh_proc_update(entry: ctl_table, parms: neigh_parms, dflt: boolean): ctl_table {
  const key = neigh_vars[entry.procname];
  return {
    ...entry,
    write(n, text) {
      const err = entry.write(n, text);
      if (err !== 0) return err;
      parms.data_state.add(key);
      if (!dflt) return 0;
      for (const dev of n.dev_base_head) {
        const own = dev.ip_ptr?.arp_parms ?? null;
        if (own === null || own.data_state.has(key)) continue;
        own[key] = parms[key];
        if (key === "base_reachable_time") {
          own.reachable_time = neigh_rand_reach_time(own.base_reachable_time);
        }
      }
      return 0;
    },
  };
}

function neigh_parms_of(n: net, name: string): neigh_parms | null {
  if (name === "default") return arp_tbl.parms;
  return n.dev_name_head.get(name)?.ip_ptr?.arp_parms ?? null;
}

/** net.ipv4.neigh.DEVICE.* */
const neigh_sysctl: ctl_dir = {
  lookup(n, name) {
    const at = name.lastIndexOf("/");
    const dev = at < 0 ? "" : name.slice(0, at);
    const parms = neigh_parms_of(n, dev);
    if (parms === null) return null;
    const key = name.slice(at + 1);
    return neigh_sysctls(parms, dev === "default").find((t) => t.procname === key) ?? null;
  },
  list(n) {
    const out: string[] = [];
    for (const dev of ["default", ...n.dev_name_head.keys()]) {
      const parms = neigh_parms_of(n, dev);
      if (parms === null) continue;
      for (const t of neigh_sysctls(parms, dev === "default")) out.push(`${dev}/${t.procname}`);
    }
    return out;
  },
};

/** Makes net.ipv4.* known. */
export function sysctl_ipv4_init(): number {
  Object.assign(legacy, legacy_defaults);
  for (const table of [icmp_table, ip_table, udp_sysctls, tcp_table, peer_table, legacy_table]) {
    register_net_sysctl("net/ipv4", table);
  }
  register_net_sysctl("net/ipv4/route", route_table);
  register_net_sysctl_dir("net/ipv4/conf", devinet_sysctl);
  register_net_sysctl_dir("net/ipv4/neigh", neigh_sysctl);
  return 0;
}

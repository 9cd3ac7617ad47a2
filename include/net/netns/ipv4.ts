// SPDX-License-Identifier: GPL-2.0-only
//
// netns_ipv4: one host's IPv4 state and the sysctls net.ipv4.*, with Linux's names and defaults.

import { ipv4_devconf } from "../../linux/inetdevice.ts";
import type { fib_rules_table } from "../ip_fib.ts";
import { inet_timewait_death_row } from "../inet_timewait_sock.ts";
import type { neigh_table } from "../neighbour.ts";
import type { sock } from "../sock.ts";
import type { tcp_congestion_ops } from "../tcp.ts";

/** A host's IPv4. */
export class netns_ipv4 {
  readonly tcp_death_row = new inet_timewait_death_row();
  /** Routing tables, of net/ipv4/fib_frontend.ts. */
  fib: fib_rules_table | null = null;
  arp_tbl: neigh_table | null = null;
  readonly devconf_all = new ipv4_devconf();
  /** Lets devices take source routes, which devconf_all does not. */
  readonly devconf_dflt: ipv4_devconf = Object.assign(new ipv4_devconf(), {
    accept_source_route: 1,
  });
  /** The kernel's own socket for ICMP and TCP resets. */
  icmp_sk: sock | null = null;
  tcp_sk: sock | null = null;
  tcp_congestion_control: tcp_congestion_ops | null = null;
  /** Moves on whenever routes change: cached ones are looked up again. */
  rt_genid = 0;
  /** States of inetpeer, fragments, metrics and exceptions: owned by the files of these names. */
  peers: unknown = null;
  fqdir: unknown = null;
  tcp_metrics: unknown = null;
  ip_id_key = 0;

  sysctl_icmp_echo_ignore_all = 0;
  sysctl_icmp_echo_ignore_broadcasts = 1;
  sysctl_icmp_ignore_bogus_error_responses = 1;
  sysctl_icmp_errors_use_inbound_ifaddr = 0;
  /** ms between errors to one host, and the mask of limited types */
  sysctl_icmp_ratelimit = 1000;
  sysctl_icmp_ratemask = 0x1818;
  /** Errors per second of the whole host, and the burst. */
  sysctl_icmp_msgs_per_sec = 1000;
  sysctl_icmp_msgs_burst = 50;
  /** The token bucket of these two: credits, and jiffies of the last filling. */
  icmp_global_credit = 0;
  icmp_global_stamp = 0;

  /** seconds */
  ip_rt_min_pmtu = 552;
  ip_rt_mtu_expires = 600 * 1000;
  ip_rt_min_advmss = 256;
  sysctl_ip_default_ttl = 64;
  sysctl_ip_no_pmtu_disc = 0;
  sysctl_ip_fwd_use_pmtu = 0;
  sysctl_ip_fwd_update_priority = 1;
  sysctl_ip_nonlocal_bind = 0;
  sysctl_ip_autobind_reuse = 0;
  sysctl_ip_dynaddr = 0;
  sysctl_ip_early_demux = 1;
  /** @differs 0: see inet_init_net(). */
  sysctl_tcp_early_demux = 0;
  ip_local_ports: [number, number] = [32768, 60999];
  sysctl_ip_prot_sock = 1024;
  /** Ports never chosen. */
  ip_local_reserved_ports: Set<number> = new Set();

  sysctl_tcp_ecn = 2;
  sysctl_tcp_ecn_fallback = 1;
  sysctl_fwmark_reflect = 0;
  sysctl_tcp_fwmark_accept = 0;
  sysctl_tcp_mtu_probing = 0;
  sysctl_tcp_mtu_probe_floor = 48;
  sysctl_tcp_base_mss = 1024;
  sysctl_tcp_min_snd_mss = 48;
  sysctl_tcp_probe_threshold = 8;
  /** seconds */
  sysctl_tcp_probe_interval = 600;
  /** jiffies */
  sysctl_tcp_keepalive_time = 7200 * 1000;
  sysctl_tcp_keepalive_intvl = 75 * 1000;
  sysctl_tcp_keepalive_probes = 9;
  sysctl_tcp_syn_retries = 6;
  sysctl_tcp_synack_retries = 5;
  sysctl_tcp_syncookies = 1;
  sysctl_tcp_comp_sack_nr = 44;
  sysctl_tcp_backlog_ack_defer = 1;
  sysctl_tcp_reordering = 3;
  sysctl_tcp_retries1 = 3;
  sysctl_tcp_retries2 = 15;
  sysctl_tcp_orphan_retries = 0;
  sysctl_tcp_tw_reuse = 2;
  /** ms */
  sysctl_tcp_tw_reuse_delay = 1000;
  sysctl_tcp_sack = 1;
  sysctl_tcp_window_scaling = 1;
  sysctl_tcp_timestamps = 1;
  sysctl_tcp_early_retrans = 3;
  sysctl_tcp_recovery = 1;
  sysctl_tcp_thin_linear_timeouts = 0;
  sysctl_tcp_slow_start_after_idle = 1;
  sysctl_tcp_retrans_collapse = 1;
  sysctl_tcp_stdurg = 0;
  sysctl_tcp_rfc1337 = 0;
  sysctl_tcp_abort_on_overflow = 0;
  sysctl_tcp_max_reordering = 300;
  sysctl_tcp_dsack = 1;
  sysctl_tcp_app_win = 31;
  sysctl_tcp_frto = 2;
  sysctl_tcp_nometrics_save = 0;
  sysctl_tcp_no_ssthresh_metrics_save = 1;
  sysctl_tcp_moderate_rcvbuf = 1;
  sysctl_tcp_tso_win_divisor = 3;
  sysctl_tcp_workaround_signed_windows = 0;
  sysctl_tcp_limit_output_bytes = 4194304;
  sysctl_tcp_challenge_ack_limit = 0x7fffffff;
  sysctl_tcp_min_rtt_wlen = 300;
  sysctl_tcp_min_tso_segs = 2;
  sysctl_tcp_tso_rtt_log = 9;
  sysctl_tcp_autocorking = 1;
  sysctl_tcp_reflect_tos = 0;
  /** ms between repeated ACKs to invalid segments */
  sysctl_tcp_invalid_ratelimit = 500;
  sysctl_tcp_pacing_ss_ratio = 200;
  sysctl_tcp_pacing_ca_ratio = 120;
  sysctl_tcp_wmem: Int32Array = Int32Array.of(4096, 16384, 4194304);
  sysctl_tcp_rmem: Int32Array = Int32Array.of(4096, 131072, 33554432);
  /** Pages: low, pressure, high. */
  sysctl_tcp_mem: Int32Array = Int32Array.of(262144, 393216, 524288);
  sysctl_tcp_max_orphans = 65536;
  /** ns */
  sysctl_tcp_comp_sack_delay_ns = 1000000;
  sysctl_tcp_comp_sack_slack_ns = 100000;
  sysctl_max_syn_backlog = 4096;
  sysctl_tcp_fastopen = 1;
  sysctl_tcp_fastopen_blackhole_timeout = 0;
  tfo_active_disable_times = 0;
  tfo_active_disable_stamp = 0;
  tcp_fastopen_ctx: unknown = null;
  tcp_challenge_timestamp = 0;
  tcp_challenge_count = 0;
  /** jiffies */
  sysctl_tcp_fin_timeout = 60 * 1000;
  sysctl_tcp_notsent_lowat = 0xffffffff;
  sysctl_tcp_shrink_window = 0;
  sysctl_tcp_rto_min_us = 200000;
  sysctl_tcp_rto_max_ms = 120000;
  sysctl_tcp_syn_linear_timeouts = 4;
  sysctl_tcp_pingpong_thresh = 1;
  sysctl_udp_rmem_min = 4096;
  sysctl_udp_wmem_min = 4096;
  sysctl_udp_mem: Int32Array = Int32Array.of(524288, 786432, 1048576);
  sysctl_udp_early_demux = 1;
  /** Fragments: bytes, seconds as jiffies, and the distance of a lost one. */
  sysctl_ipfrag_high_thresh = 4 * 1024 * 1024;
  sysctl_ipfrag_low_thresh = 3 * 1024 * 1024;
  sysctl_ipfrag_time = 30 * 1000;
  sysctl_ipfrag_max_dist = 64;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Which of Linux's sysctls there are not, and why; which have another default; which have no effect. Of all those that
// linux.txt lists (of Linux 6.18 with HZ 1000; '?': the machine's size or its administrator says; in brackets the numbers
// that it takes), net.core and net.ipv4.
// sysctl_test.ts keeps this complete, and Documentation/sysctl.md what main() writes.
//
//   deno run --allow-read --allow-write=Documentation tools/sysctl/absent.ts

/** Sysctls by their names, * for the rest of a part and DEV for devices; and why they are not there. */
export const absent: readonly [names: readonly string[], why: string][] = [
  [["net.core.bpf_jit_*"], "there is no BPF"],
  [
    ["net.core.busy_poll", "net.core.busy_read"],
    "sockets do not poll a NIC's queue: the arch waits for it",
  ],
  [["net.core.devconf_inherit_init_net"], "hosts are machines of their own and inherit nothing"],
  [["net.core.fb_tunnels_only_for_init_net"], "there are no tunnels"],
  [
    [
      "net.core.flow_limit_*",
      "net.core.mem_pcpu_rsv",
      "net.core.netdev_rss_key",
      "net.core.rps_*",
      "net.core.skb_defer_max",
    ],
    "there is one CPU, and one queue a NIC",
  ],
  [
    ["net.core.high_order_alloc_disable", "net.core.max_skb_frags"],
    "pages and fragments are constants",
  ],
  [
    ["net.core.message_*", "net.core.warnings", "net.ipv4.conf.DEV.log_martians"],
    "there is no kernel log: drops are counted by reason, and `deno task ftrace --drops` shows them",
  ],
  [
    ["net.core.netdev_unregister_timeout_secs"],
    "devices are garbage collected: nobody waits for references",
  ],
  [["net.core.tstamp_allow_data"], "programs have all capabilities, which it would ask for"],
  [
    [
      "net.core.xfrm_*",
      "net.ipv4.xfrm4_gc_thresh",
      "net.ipv4.conf.DEV.disable_policy",
      "net.ipv4.conf.DEV.disable_xfrm",
    ],
    "there is no IPsec",
  ],
  [["net.ipv4.cipso_*"], "there are no security labels"],
  [
    [
      "net.ipv4.igmp_*",
      "net.ipv4.conf.DEV.force_igmp_version",
      "net.ipv4.conf.DEV.igmpv*",
      "net.ipv4.conf.DEV.mc_forwarding",
    ],
    "hosts join no multicast groups, and do not route them",
  ],
  [
    ["net.ipv4.fib_*", "net.ipv4.nexthop_compat_mode"],
    "a route has one next hop, and no hardware does the routing",
  ],
  [["net.ipv4.conf.DEV.src_valid_mark"], "no route is chosen by a packet's mark"],
  [["net.ipv4.*_l3mdev_accept"], "there are no VRFs"],
  [
    [
      "net.ipv4.conf.DEV.bootp_relay",
      "net.ipv4.conf.DEV.tag",
      "net.ipv4.neigh.default.gc_interval",
      "net.ipv4.route.gc_elasticity",
      "net.ipv4.route.gc_interval",
      "net.ipv4.route.gc_min_interval*",
      "net.ipv4.route.gc_thresh",
      "net.ipv4.route.max_size",
    ],
    "Linux itself reads them nowhere",
  ],
  [["net.ipv4.neigh.DEV.anycast_delay"], "it is IPv6's"],
  [
    ["net.ipv4.neigh.DEV.interval_probe_time_ms"],
    "there are no managed neighbours, which only netlink makes",
  ],
  [["net.ipv4.icmp_echo_enable_probe"], "PROBE (RFC 8335) gets no answer"],
  [["net.ipv4.ping_group_range"], "there are no sockets for ping without privileges"],
  [["net.ipv4.tcp_available_ulp"], "there are no upper layer protocols"],
  [
    ["net.ipv4.tcp_child_ehash_entries", "net.ipv4.udp_child_hash_entries"],
    "all hosts share the tables",
  ],
  [["net.ipv4.tcp_ecn_option*"], "there is no accurate ECN (RFC 9768)"],
  [["net.ipv4.tcp_migrate_req"], "requests of a listener that closes are not handed to another"],
  [["net.ipv4.tcp_plb_*"], "it would choose among paths by IPv6's flow label"],
];

/** Defaults that are not Linux's, and why. */
export const differs: Readonly<Record<string, [value: string, why: string]>> = {
  "net.ipv4.tcp_early_demux": [
    "0",
    "the call chains that are told here are those without it; set it, and they are shorter",
  ],
};

/** What has no effect, as in Linux. */
export const legacy: Readonly<Record<string, string>> = {
  "net.ipv4.ipfrag_secret_interval": "since 4.17",
  "net.ipv4.tcp_adv_win_scale": "since 6.6: how much of the memory is payload is measured",
  "net.ipv4.tcp_fack": "since 4.15: RACK does it",
  "net.ipv4.tcp_low_latency": "since 4.14: there is no prequeue",
};

/** An expression for a pattern of `absent`. */
export function pattern_regexp(pattern: string): RegExp {
  const text = pattern.replace(/\./g, "\\.").replace(/\*/g, "[^.]*").replace(
    /DEV/,
    "(?:all|default|lo)",
  );
  return new RegExp(`^${text}$`);
}

/** One of Linux's. */
export interface linux_sysctl {
  /** '?': says the machine or its administrator. */
  value: string;
  /** Least and greatest number that is taken, where that was looked for. */
  min?: number;
  max?: number;
}

/** Linux's sysctls by name. */
export function linux_sysctls(): Map<string, linux_sysctl> {
  const text = Deno.readTextFileSync(new URL("linux.txt", import.meta.url));
  return new Map(
    text.trimEnd().split("\n").map((line) => {
      const m = /^(\S+) = ?(.*?)(?: \[(\S+) ?(\S+)?\])?$/.exec(line)!;
      const number = (v?: string): number | undefined => v === undefined ? undefined : Number(v);
      return [m[1], { value: m[2], min: number(m[3]), max: number(m[4]) }];
    }),
  );
}

/** The page. */
export function page(): string {
  const names = (list: readonly string[]): string => list.map((n) => `\`${n}\``).join(", ");
  const rows = (list: readonly (readonly string[])[]): string =>
    list.map((row) => `| ${row.join(" | ")} |\n`).join("");
  return `<!-- deno-fmt-ignore-file -->
<!-- Written by tools/sysctl/absent.ts: change that, then run it. -->

# Sysctls

\`deno task sysctl -a\` lists the stack's sysctls with their values, and \`deno task sysctl NAME=VALUE\` sets one
of a stack that runs with \`--control\`; samples set them at their start by \`--sysctl=NAME=VALUE\`. Names, defaults,
bounds and errors are those of Linux 6.18 (with HZ 1000), and each is read where Linux reads it. A test compares
them with [Linux's own](../tools/sysctl/linux.txt); what is not as there stands here.

## What there is not

| sysctl | because |
|---|---|
${rows(absent.map(([list, why]) => [names(list), why]))}
## What has another default

Besides those that follow the size of a machine's memory (\`tcp_mem\`, \`udp_mem\`, \`tcp_max_orphans\`,
\`tcp_max_tw_buckets\`, \`tcp_max_syn_backlog\`, \`tcp_ehash_entries\`, \`udp_hash_entries\`) and the congestion
controls, which are reno and cubic:

| sysctl | default | because |
|---|---|---|
${rows(Object.entries(differs).map(([name, [value, why]]) => [names([name]), value, why]))}
## What has no effect

In Linux they have none, either; settings of old times still name them.

| sysctl | |
|---|---|
${rows(Object.entries(legacy).map(([name, since]) => [names([name]), since]))}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../../Documentation/sysctl.md", import.meta.url), page());
}

// SPDX-License-Identifier: GPL-2.0-only
//
// net.core.*

import type { ctl_table } from "../../include/linux/sysctl.ts";
import { IFNAMSIZ } from "../../include/linux/netdevice.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF } from "../../include/net/sock.ts";
import {
  INT_MAX,
  proc_dointvec,
  proc_dointvec_minmax,
  proc_dostring,
  proc_dou8vec_minmax,
} from "../../kernel/sysctl.ts";
import { register_net_sysctl } from "../../fs/proc/proc_sysctl.ts";
import { qdisc_get_default, qdisc_set_default } from "../sched/sch_api.ts";
import { gro_normal_batch, gro_normal_batch_set } from "./gro.ts";

const core = (n: net): net["core"] => n.core;

/** net.core.gro_normal_batch, which is of all hosts. */
const gro = {
  get batch(): number {
    return gro_normal_batch;
  },
  set batch(v: number) {
    gro_normal_batch_set(v);
  },
};

/** dev_weight and its biases: what follows from them is what acts. */
function proc_do_dev_weight(
  name: "dev_weight" | "dev_weight_rx_bias" | "dev_weight_tx_bias",
): ctl_table {
  const entry = proc_dointvec_minmax(name, core, name, 1);
  return {
    ...entry,
    write(n, text) {
      const err = entry.write(n, text);
      if (err !== 0) return err;
      const c = n.core;
      c.dev_rx_weight = Math.min(c.dev_weight * c.dev_weight_rx_bias, INT_MAX);
      c.dev_tx_weight = Math.min(c.dev_weight * c.dev_weight_tx_bias, INT_MAX);
      return 0;
    },
  };
}

const netns_core_table: readonly ctl_table[] = [
  proc_dointvec_minmax("wmem_max", core, "sysctl_wmem_max", SOCK_MIN_SNDBUF),
  proc_dointvec_minmax("rmem_max", core, "sysctl_rmem_max", SOCK_MIN_RCVBUF),
  proc_dointvec_minmax("wmem_default", core, "sysctl_wmem_default", SOCK_MIN_SNDBUF),
  proc_dointvec_minmax("rmem_default", core, "sysctl_rmem_default", SOCK_MIN_RCVBUF),
  proc_dointvec("netdev_max_backlog", core, "sysctl_netdev_max_backlog"),
  proc_dointvec_minmax("optmem_max", core, "sysctl_optmem_max", 0),
  proc_do_dev_weight("dev_weight"),
  proc_do_dev_weight("dev_weight_rx_bias"),
  proc_do_dev_weight("dev_weight_tx_bias"),
  proc_dointvec("netdev_tstamp_prequeue", core, "netdev_tstamp_prequeue"),
  proc_dointvec("netdev_budget", core, "netdev_budget"),
  proc_dointvec_minmax("netdev_budget_usecs", core, "netdev_budget_usecs", 0),
  proc_dostring(
    "default_qdisc",
    () => qdisc_get_default(),
    (_n, name) => qdisc_set_default(name),
    IFNAMSIZ,
  ),
  proc_dointvec_minmax("gro_normal_batch", () => gro, "batch", 1),
  proc_dointvec_minmax("somaxconn", core, "sysctl_somaxconn", 0),
  proc_dou8vec_minmax("txrehash", core, "sysctl_txrehash", 0, 1),
];

/** Makes net.core.* known. */
export function sysctl_core_init(): number {
  register_net_sysctl("net/core", netns_core_table);
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only

import type { net } from "../net/net_namespace.ts";

/** The namespaces of a task. */
export class nsproxy {
  net_ns: net;

  constructor(net_ns: net) {
    this.net_ns = net_ns;
  }
}

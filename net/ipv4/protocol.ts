// SPDX-License-Identifier: GPL-2.0-only
//
// Who takes IP packets of which protocol: inet_init() and the offloads register here;
// ip_protocol_deliver_rcu(), ICMP errors, GRO and GSO look them up.

import { inet_offloads, inet_protos } from "../../include/net/protocol.ts";
import type { net_offload, net_protocol } from "../../include/net/protocol.ts";

export { inet_offloads, inet_protos } from "../../include/net/protocol.ts";

/** Registers the receiver of a protocol; 0, or -1 where it has one. */
export function inet_add_protocol(prot: net_protocol, protocol: number): number {
  if (inet_protos[protocol] !== null) return -1;
  inet_protos[protocol] = prot;
  return 0;
}

/** Registers GRO and GSO of a protocol; 0, or -1 where it has them. */
export function inet_add_offload(prot: net_offload, protocol: number): number {
  if (inet_offloads[protocol] !== null) return -1;
  inet_offloads[protocol] = prot;
  return 0;
}

/** Takes a receiver back; 0, or -1 where the protocol has another. */
export function inet_del_protocol(prot: net_protocol, protocol: number): number {
  if (inet_protos[protocol] !== prot) return -1;
  inet_protos[protocol] = null;
  return 0;
}

/** Takes GRO and GSO back; 0, or -1 where the protocol has others. */
export function inet_del_offload(prot: net_offload, protocol: number): number {
  if (inet_offloads[protocol] !== prot) return -1;
  inet_offloads[protocol] = null;
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// Namespaces: each is a host of its own. net_ns_init() makes init_net; subsystems register what is to
// run for each namespace that starts (setup_net, in order of registration) and ends (cleanup_net, in
// reverse). Devices register after the subsystems, so that they go first.

import { CLONE_NEWNET } from "../../include/uapi/linux/sched.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import { net } from "../../include/net/net_namespace.ts";
import type { pernet_operations } from "../../include/net/net_namespace.ts";

/** The first host. */
export let init_net: net = new net("init_net");

/** All hosts, oldest first. */
export const net_namespace_list: net[] = [];

/** Subsystems, and from first_device on devices. */
const pernet_list: pernet_operations[] = [];
let first_device = 0;
let nr_named = 0;

function ops_init(ops: pernet_operations, n: net): number {
  return ops.init !== undefined ? ops.init(n) : 0;
}

/** Starts a host: 0, or the negative errno of the subsystem that failed; those before it have ended. */
export function setup_net(n: net): number {
  n.hash_mix = get_random_u32() | 0;
  for (let i = 0; i < pernet_list.length; i++) {
    const error = ops_init(pernet_list[i], n);
    if (error >= 0) continue;
    while (--i >= 0) pernet_list[i].exit?.(n);
    return error;
  }
  net_namespace_list.push(n);
  return 0;
}

/**
 * The network namespace of a new task: the old one, or with CLONE_NEWNET a new one. An error is a
 * negative errno.
 * @differs no user namespace; the new namespace may be given a name
 */
export function copy_net_ns(flags: number, old_net: net, name?: string): net | number {
  if ((flags & CLONE_NEWNET) === 0) return old_net;
  const n = new net(name ?? `net${++nr_named}`);
  const rv = setup_net(n);
  return rv < 0 ? rv : n;
}

/** Ends a host: its devices, then all that its subsystems hold. */
export function cleanup_net(n: net): void {
  const i = net_namespace_list.indexOf(n);
  if (i < 0) return;
  net_namespace_list.splice(i, 1);
  for (let j = pernet_list.length - 1; j >= 0; j--) pernet_list[j].exit?.(n);
}

/** The namespace of this name, or null. @local */
export function get_net_ns_by_name(name: string): net | null {
  return net_namespace_list.find((n) => n.name === name) ?? null;
}

/** Inserts ops at `at` and runs its init for every host; 0 or a negative errno and it is not registered. */
function register_pernet_operations(at: number, ops: pernet_operations): number {
  pernet_list.splice(at, 0, ops);
  for (let i = 0; i < net_namespace_list.length; i++) {
    const error = ops_init(ops, net_namespace_list[i]);
    if (error >= 0) continue;
    while (--i >= 0) ops.exit?.(net_namespace_list[i]);
    pernet_list.splice(at, 1);
    return error;
  }
  return 0;
}

function unregister_pernet_operations(ops: pernet_operations): void {
  const i = pernet_list.indexOf(ops);
  if (i < 0) return;
  pernet_list.splice(i, 1);
  if (i < first_device) first_device--;
  for (const n of net_namespace_list) ops.exit?.(n);
}

/** Has ops run for every host there is and will be, before devices; 0 or a negative errno. */
export function register_pernet_subsys(ops: pernet_operations): number {
  const error = register_pernet_operations(first_device, ops);
  if (error === 0) first_device++;
  return error;
}

export function unregister_pernet_subsys(ops: pernet_operations): void {
  unregister_pernet_operations(ops);
}

/** As register_pernet_subsys(), behind all subsystems. */
export function register_pernet_device(ops: pernet_operations): number {
  return register_pernet_operations(pernet_list.length, ops);
}

export function unregister_pernet_device(ops: pernet_operations): void {
  unregister_pernet_operations(ops);
}

/** Makes init_net of a machine that boots. */
export function net_ns_init(): void {
  pernet_list.length = 0;
  net_namespace_list.length = 0;
  first_device = 0;
  nr_named = 0;
  init_net = new net("init_net");
  setup_net(init_net);
}

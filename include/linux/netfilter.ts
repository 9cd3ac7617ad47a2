// SPDX-License-Identifier: GPL-2.0-only
//
// Netfilter's hook points: where a packet passes, registered functions may drop or take it.

import { EPERM } from "../uapi/asm-generic/errno.ts";
import type { net } from "../net/net_namespace.ts";
import type { sock } from "../net/sock.ts";
import type { net_device } from "./netdevice.ts";
import { __skb_queue_tail, skb_queue_head_init } from "./skbuff.ts";
import type { sk_buff, sk_buff_head } from "./skbuff.ts";

export const NF_DROP = 0;
export const NF_ACCEPT = 1;
export const NF_STOLEN = 2;

export const NFPROTO_IPV4 = 2;
export const NFPROTO_ARP = 3;
const NFPROTO_NUMPROTO = 4;

export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_LOCAL_IN = 1;
export const NF_INET_FORWARD = 2;
export const NF_INET_LOCAL_OUT = 3;
export const NF_INET_POST_ROUTING = 4;
const NF_INET_NUMHOOKS = 5;

export const NF_ARP_IN = 0;
export const NF_ARP_OUT = 1;

/** Where a packet is while a hook looks at it. */
export interface nf_hook_state {
  hook: number;
  pf: number;
  in: net_device | null;
  out: net_device | null;
  sk: sock | null;
  net: net;
}

/** A function at a hook point: NF_ACCEPT, NF_DROP (the caller frees), or NF_STOLEN (it freed). */
export interface nf_hook_ops {
  hook(priv: unknown, skb: sk_buff, state: nf_hook_state): number;
  priv: unknown;
  pf: number;
  hooknum: number;
  /** Lower ones run first. */
  priority: number;
  net: net;
}

const hooks: nf_hook_ops[][] = [];
for (let i = 0; i < NFPROTO_NUMPROTO * NF_INET_NUMHOOKS; i++) hooks.push([]);

/** Adds a hook function; 0. */
export function nf_register_net_hook(n: net, ops: nf_hook_ops): number {
  ops.net = n;
  const list = hooks[ops.pf * NF_INET_NUMHOOKS + ops.hooknum];
  list.push(ops);
  list.sort((a, b) => a.priority - b.priority);
  return 0;
}

export function nf_unregister_net_hook(_net: net, ops: nf_hook_ops): void {
  const list = hooks[ops.pf * NF_INET_NUMHOOKS + ops.hooknum];
  const i = list.indexOf(ops);
  if (i >= 0) list.splice(i, 1);
}

/** Asks the hooks of one point: 1 go on, otherwise the packet is theirs (0) or to be dropped (-1). */
export function nf_hook(
  pf: number,
  hook: number,
  n: net,
  sk: sock | null,
  skb: sk_buff,
  indev: net_device | null,
  outdev: net_device | null,
): number {
  const list = hooks[pf * NF_INET_NUMHOOKS + hook];
  if (list.length === 0) return 1;
  const state: nf_hook_state = { hook, pf, in: indev, out: outdev, sk, net: n };
  for (const ops of list) {
    if (ops.net !== n) continue;
    const verdict = ops.hook(ops.priv, skb, state);
    if (verdict === NF_DROP) return -1;
    if (verdict !== NF_ACCEPT) return 0;
  }
  return 1;
}

/** Forgets all hooks. @local */
export function netfilter_init(): void {
  for (const list of hooks) list.length = 0;
}

export type okfn = (n: net, sk: sock | null, skb: sk_buff) => number;

/** Asks the hooks of one point and goes on with okfn. */
export function NF_HOOK(
  pf: number,
  hook: number,
  n: net,
  sk: sock | null,
  skb: sk_buff,
  indev: net_device | null,
  outdev: net_device | null,
  okfn: okfn,
): number {
  const ret = nf_hook(pf, hook, n, sk, skb, indev, outdev);
  if (ret === 1) return okfn(n, sk, skb);
  if (ret < 0) nf_drop(skb);
  return ret < 0 ? -EPERM : 0;
}

/** Asks the hooks of one point about each packet of a list; those that go on stay in it. */
export function NF_HOOK_LIST(
  pf: number,
  hook: number,
  n: net,
  sk: sock | null,
  head: sk_buff_head,
  indev: net_device | null,
  outdev: net_device | null,
  _okfn: okfn,
): void {
  if (hooks[pf * NF_INET_NUMHOOKS + hook].length === 0) return;
  let skb = head.next;
  skb_queue_head_init(head);
  while (skb !== null) {
    const next: sk_buff | null = skb.next;
    skb.next = null;
    skb.prev = null;
    const ret = nf_hook(pf, hook, n, sk, skb, indev, outdev);
    if (ret === 1) __skb_queue_tail(head, skb);
    else if (ret < 0) nf_drop(skb);
    skb = next;
  }
}

/** As NF_HOOK(), but straight on to okfn where cond does not hold. */
export function NF_HOOK_COND(
  pf: number,
  hook: number,
  n: net,
  sk: sock | null,
  skb: sk_buff,
  indev: net_device | null,
  outdev: net_device | null,
  okfn: okfn,
  cond: boolean,
): number {
  if (!cond) return okfn(n, sk, skb);
  const ret = nf_hook(pf, hook, n, sk, skb, indev, outdev);
  if (ret === 1) return okfn(n, sk, skb);
  if (ret < 0) nf_drop(skb);
  return ret < 0 ? -EPERM : 0;
}

/** How net/core frees a packet that a hook dropped. @local */
export function nf_register_drop(drop: (skb: sk_buff) => void): void {
  nf_drop = drop;
}
let nf_drop: (skb: sk_buff) => void = () => {};

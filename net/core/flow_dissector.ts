// SPDX-License-Identifier: GPL-2.0-only
//
// A hash of a packet's flow: addresses, protocol and ports, or ICMP's id. Where the device or the socket
// has not said one (skb.hash), __skb_get_hash() reads the headers. Queueing disciplines, and routing
// over several next hops, tell flows apart by it.

import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import { get_random_u32 } from "../../include/linux/random.ts";
import { jhash_3words } from "../../include/linux/jhash.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";

const IP_OFFSET_MF = 0x3fff;

/** What flows are told apart by. Addresses int32, ports as one word, source in the upper half. */
export class flow_keys {
  n_proto = 0;
  ip_proto = 0;
  src = 0;
  dst = 0;
  ports = 0;
  /** The packet is a fragment, first or later: there are no ports to go by. */
  is_fragment = false;
  /** Offset of the transport header from the packet's data. */
  thoff = 0;
}

const hashrnd = { value: 0, set: false };
const keys = new flow_keys();

function flow_keys_clear(k: flow_keys): void {
  k.n_proto = 0;
  k.ip_proto = 0;
  k.src = 0;
  k.dst = 0;
  k.ports = 0;
  k.is_fragment = false;
  k.thoff = 0;
}

/** Reads keys from the packet's network header on; false where it is not IPv4, or too short. */
export function skb_flow_dissect_flow_keys(skb: sk_buff, k: flow_keys, _flags: number): boolean {
  flow_keys_clear(k);
  k.n_proto = skb.protocol;
  if (skb.protocol !== ETH_P_IP) return false;
  const { u8, dv } = skb.head;
  const nh = skb.network_header;
  const end = skb.data + (skb.len - skb.data_len);
  if (nh + 20 > end) return false;
  const ihl = (u8[nh] & 15) << 2;
  if (u8[nh] >> 4 !== 4 || ihl < 20) return false;
  k.ip_proto = u8[nh + 9];
  k.src = dv.getInt32(nh + 12);
  k.dst = dv.getInt32(nh + 16);
  k.thoff = nh + ihl - skb.data;
  if ((dv.getUint16(nh + 6) & IP_OFFSET_MF) !== 0) {
    k.is_fragment = true;
    return true;
  }
  const th = nh + ihl;
  if (k.ip_proto === IPPROTO_TCP || k.ip_proto === IPPROTO_UDP) {
    if (th + 4 <= end) k.ports = dv.getInt32(th);
  } else if (k.ip_proto === IPPROTO_ICMP) {
    const type = th < end ? u8[th] : 255;
    // Echo, timestamp, information and address mask have an id.
    if ((type === 0 || type === 8 || (type >= 13 && type <= 18)) && th + 6 <= end) {
      k.ports = dv.getUint16(th + 4);
    }
  }
  return true;
}

/** The same order for both directions of a flow, so that they have one hash. */
function __flow_hash_consistentify(k: flow_keys): void {
  const { src, dst, ports } = k;
  const src_port = ports >>> 16, dst_port = ports & 0xffff;
  if ((dst >>> 0) < (src >>> 0) || (dst === src && dst_port < src_port)) {
    k.src = dst;
    k.dst = src;
    k.ports = (dst_port << 16) | src_port;
  }
}

function __flow_hash_from_keys(k: flow_keys, keyval: number): number {
  __flow_hash_consistentify(k);
  const hash = jhash_3words(k.src, k.dst, k.ports ^ k.ip_proto, keyval);
  return hash === 0 ? 1 : hash;
}

/** The hash of keys, never 0. */
export function flow_hash_from_keys(k: flow_keys): number {
  return __flow_hash_from_keys(k, flow_hashrnd());
}

function flow_hashrnd(): number {
  if (!hashrnd.set) {
    hashrnd.value = get_random_u32();
    hashrnd.set = true;
  }
  return hashrnd.value;
}

/** A new secret for a machine that boots. @local */
export function init_default_flow_dissectors(): void {
  hashrnd.set = false;
}

/** Notes the flow's hash in skb, computed from its headers. */
export function __skb_get_hash(skb: sk_buff): void {
  skb_flow_dissect_flow_keys(skb, keys, 0);
  const l4 = keys.ports !== 0 && !keys.is_fragment;
  skb.hash = __flow_hash_from_keys(keys, flow_hashrnd());
  skb.l4_hash = l4;
  skb.sw_hash = true;
}

/** The hash of the packet's flow, int32 and not 0. */
export function skb_get_hash(skb: sk_buff): number {
  if (!skb.l4_hash && !skb.sw_hash) __skb_get_hash(skb);
  return skb.hash;
}

/** As skb_get_hash(), with a key of the caller's own. */
export function skb_get_hash_perturb(skb: sk_buff, perturb: number): number {
  skb_flow_dissect_flow_keys(skb, keys, 0);
  return __flow_hash_from_keys(keys, perturb);
}

/** A hash that both directions of a flow share. */
export function __skb_get_hash_symmetric(skb: sk_buff): number {
  skb_flow_dissect_flow_keys(skb, keys, 0);
  return __flow_hash_from_keys(keys, flow_hashrnd());
}

/** Length of the headers up to the payload, bytes from data. */
export function skb_get_poff(skb: sk_buff): number {
  if (!skb_flow_dissect_flow_keys(skb, keys, 0)) return 0;
  let poff = keys.thoff;
  if (keys.is_fragment) return poff;
  const end = skb.len - skb.data_len;
  switch (keys.ip_proto) {
    case IPPROTO_TCP:
      if (poff + 13 <= end) {
        poff += Math.max((skb.head.u8[skb.data + poff + 12] & 0xf0) >> 2, 20);
      }
      break;
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
      poff += 8;
      break;
  }
  return poff;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// UDP's GSO: a packet made of several datagrams of gso_size bytes (UDP_SEGMENT) is cut into them, where
// the device cannot, through inet_gso_segment(). Datagrams that come in are not joined.

import { EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { ERR_PTR, IS_ERR } from "../../include/linux/err.ts";
import { IPPROTO_UDP } from "../../include/uapi/linux/in.ts";
import { NETIF_F_GSO_ROBUST } from "../../include/linux/netdevice.ts";
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, udp_hdr } from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import type { net_offload } from "../../include/net/protocol.ts";
import type { sock } from "../../include/net/sock.ts";
import { csum_tcpudp_magic } from "../../lib/checksum.ts";
import { skb_gso_ok } from "../core/dev.ts";
import { __skb_pull, pskb_may_pull, skb_checksum, skb_segment } from "../core/skbuff.ts";
import { sock_wfree } from "../core/sock.ts";
import { inet_add_offload } from "./protocol.ts";

const UDPHDR_LEN = 8;

/** Writes a datagram's length and checksum, or leaves the checksum to the device. */
function udp_gso_finish(seg: sk_buff): void {
  const thoff = seg.transport_header - seg.data;
  const len = seg.len - thoff;
  const uh = udp_hdr(seg);
  const { dv } = seg.head;
  const saddr = dv.getInt32(seg.network_header + 12);
  const daddr = dv.getInt32(seg.network_header + 16);
  uh.len = len;
  if (seg.ip_summed === CHECKSUM_PARTIAL) {
    uh.check = ~csum_tcpudp_magic(saddr, daddr, len, IPPROTO_UDP, 0) & 0xffff;
    return;
  }
  uh.check = 0;
  const check = csum_tcpudp_magic(
    saddr,
    daddr,
    len,
    IPPROTO_UDP,
    skb_checksum(seg, thoff, len, 0),
  );
  uh.check = check === 0 ? 0xffff : check;
}

/** Cuts a packet, UDP header in front, into datagrams. Null where it may go as it is, or -errno. */
export function __udp_gso_segment(
  gso_skb: sk_buff,
  features: number,
  _is_ipv6: boolean,
): sk_buff | null | number {
  const si = gso_skb.shinfo;
  const mss = si.gso_size;
  if (gso_skb.len <= UDPHDR_LEN + mss) return ERR_PTR(-EINVAL);
  if (skb_gso_ok(gso_skb, features | NETIF_F_GSO_ROBUST)) {
    si.gso_segs = Math.ceil((gso_skb.len - UDPHDR_LEN) / mss);
    return null;
  }
  __skb_pull(gso_skb, UDPHDR_LEN);
  const segs = skb_segment(gso_skb, features);
  if (IS_ERR(segs)) return segs;
  let sum_truesize = 0;
  for (let seg: sk_buff | null = segs; seg !== null; seg = seg.next) {
    udp_gso_finish(seg);
    sum_truesize += seg.truesize;
  }
  if (gso_skb.destructor === sock_wfree) {
    const sk = gso_skb.sk as sock;
    for (let seg: sk_buff | null = segs; seg !== null; seg = seg.next) {
      seg.destructor = sock_wfree;
      seg.sk = sk;
    }
    sk.sk_wmem_alloc += sum_truesize - gso_skb.truesize;
    gso_skb.destructor = null;
    gso_skb.sk = null;
  }
  return segs;
}

/** The name is the kernel's; UFO itself, which it was made for, is no more. */
function udp4_ufo_fragment(skb: sk_buff, features: number): sk_buff | null | number {
  if ((skb.shinfo.gso_type & SKB_GSO_UDP_L4) === 0) return ERR_PTR(-EINVAL);
  if (!pskb_may_pull(skb, UDPHDR_LEN)) return ERR_PTR(-EINVAL);
  return __udp_gso_segment(skb, features, false);
}

/** Nothing is joined. */
function udp4_gro_receive(_head: sk_buff_head, skb: sk_buff): sk_buff | null {
  skb.gro_cb.flush = 1;
  return null;
}

function udp4_gro_complete(_skb: sk_buff, _nhoff: number): number {
  return -EINVAL;
}

export const udpv4_offload: net_offload = {
  gso_segment: udp4_ufo_fragment,
  gro_receive: udp4_gro_receive,
  gro_complete: udp4_gro_complete,
};

export function udpv4_offload_init(): number {
  return inet_add_offload(udpv4_offload, IPPROTO_UDP);
}

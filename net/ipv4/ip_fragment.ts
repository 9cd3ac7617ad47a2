// SPDX-License-Identifier: GPL-2.0-only
//
// IPv4 reassembly: ip_local_deliver() gives fragments to ip_defrag(). ip_frag_queue() checks one and puts it
// in its packet's queue; when all are there ip_frag_reasm() makes the packet of them. A queue that is not
// complete in time ends in ip_expire(). @rfc 791 3.2, 815

import { jiffies } from "../../include/linux/jiffies.ts";
import {
  ip_hdr,
  ip_hdrlen,
  IPCB,
  IPSKB_FRAG_COMPLETE,
  IPSKB_FRAG_PMTU,
  PACKET_HOST,
  skb_network_offset,
  skb_orphan,
} from "../../include/linux/skbuff.ts";
import { skb_dst, skb_dst_drop, skb_dst_set } from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  SKB_DROP_REASON_DUP_FRAG,
  SKB_DROP_REASON_FRAG_REASM_TIMEOUT,
  SKB_DROP_REASON_FRAG_TOO_FAR,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_NOMEM,
} from "../../include/net/dropreason.ts";
import { icmp_send } from "../../include/net/icmp.ts";
import {
  add_frag_mem_limit,
  fqdir,
  INET_FRAG_COMPLETE,
  INET_FRAG_FIRST_IN,
  INET_FRAG_LAST_IN,
  IPFRAG_DUP,
  IPFRAG_OK,
  sub_frag_mem_limit,
} from "../../include/net/inet_frag.ts";
import type { inet_frag_queue, inet_frags } from "../../include/net/inet_frag.ts";
import type { inet_peer } from "../../include/net/inetpeer.ts";
import { __IP_INC_STATS, IP_DF, IP_MF, IP_OFFSET } from "../../include/net/ip.ts";
import { IP_DEFRAG_LOCAL_DELIVER } from "../../include/net/ip.ts";
import type { net, pernet_operations } from "../../include/net/net_namespace.ts";
import { skb_rtable } from "../../include/net/route.ts";
import { EINPROGRESS, EINVAL, ENOENT, ENOMEM } from "../../include/uapi/asm-generic/errno.ts";
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from "../../include/uapi/linux/icmp.ts";
import type { iphdr } from "../../include/uapi/linux/ip.ts";
import { RTN_LOCAL } from "../../include/uapi/linux/rtnetlink.ts";
import {
  IPSTATS_MIB_REASM_OVERLAPS,
  IPSTATS_MIB_REASMFAILS,
  IPSTATS_MIB_REASMOKS,
  IPSTATS_MIB_REASMREQDS,
  IPSTATS_MIB_REASMTIMEOUT,
} from "../../include/uapi/linux/snmp.ts";
import { mod_timer } from "../../kernel/time/timer.ts";
import { ip_fast_csum } from "../../lib/checksum.ts";
import { dev_get_by_index } from "../core/dev.ts";
import { register_pernet_subsys } from "../core/net_namespace.ts";
import {
  kfree_skb_reason,
  pskb_may_pull,
  pskb_pull,
  pskb_trim_rcsum,
  skb_push,
} from "../core/skbuff.ts";
import {
  fqdir_exit,
  fqdir_init,
  inet_frag_find,
  inet_frag_kill,
  inet_frag_pull_head,
  inet_frag_put,
  inet_frag_queue_insert,
  inet_frag_rbtree_purge,
  inet_frag_reasm_finish,
  inet_frag_reasm_prepare,
  inet_frags_init,
} from "./inet_fragment.ts";
import { inet_getpeer_v4 } from "./inetpeer.ts";
import { ip_route_input_noref } from "./route.ts";

const IPFRAG_ECN_NOT_ECT = 0x01;
const IPFRAG_ECN_ECT_1 = 0x02;
const IPFRAG_ECN_ECT_0 = 0x04;
const IPFRAG_ECN_CE = 0x08;
const INVALID_ECN = 0xff;

/** By the ECN codepoints that a packet's fragments had: what it gets, or 0xff where they do not go together. @rfc 3168 5.3 */
const ip_frag_ecn_table = new Uint8Array(16);
for (const other of [IPFRAG_ECN_ECT_1, IPFRAG_ECN_ECT_0, IPFRAG_ECN_ECT_0 | IPFRAG_ECN_ECT_1]) {
  ip_frag_ecn_table[IPFRAG_ECN_CE | other] = 3;
  ip_frag_ecn_table[IPFRAG_ECN_NOT_ECT | IPFRAG_ECN_CE | other] = INVALID_ECN;
}
ip_frag_ecn_table[IPFRAG_ECN_NOT_ECT | IPFRAG_ECN_CE] = INVALID_ECN;

function ip4_frag_ecn(tos: number): number {
  return 1 << (tos & 3);
}

function net_fqdir(n: net): fqdir {
  return n.ipv4.fqdir as fqdir;
}

/** How many fragments of a source this host has seen, by peer: for sysctl ipfrag_max_dist. */
const peer_rid: WeakMap<inet_peer, { rid: number }> = new WeakMap();

function frag_peer(n: net, saddr: number): { rid: number } | null {
  if (net_fqdir(n).max_dist === 0) return null;
  const peer = inet_getpeer_v4(n.ipv4.peers, saddr, 0, true);
  if (peer === null) return null;
  let rid = peer_rid.get(peer);
  if (rid === undefined) peer_rid.set(peer, rid = { rid: 0 });
  return rid;
}

/** The time of a queue is over: if the first fragment came, its sender is told. @rfc 792 */
function ip_expire(qp: inet_frag_queue): void {
  // The timer's reference.
  const n = qp.fqdir.net;
  let head: sk_buff | null = null;
  if (!qp.fqdir.dead && (qp.flags & INET_FRAG_COMPLETE) === 0) {
    inet_frag_kill(qp);
    __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
    __IP_INC_STATS(n, IPSTATS_MIB_REASMTIMEOUT);
    if ((qp.flags & INET_FRAG_FIRST_IN) !== 0) {
      head = inet_frag_pull_head(qp);
      if (head !== null && ip_expire_head(n, qp, head)) {
        icmp_send(head, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
      }
    }
  }
  kfree_skb_reason(head, SKB_DROP_REASON_FRAG_REASM_TIMEOUT);
  inet_frag_put(qp);
}

/** Gives the first fragment a route again; whether an error about it is due: only of packets for this host. */
function ip_expire_head(n: net, qp: inet_frag_queue, head: sk_buff): boolean {
  head.dev = dev_get_by_index(n, qp.iif);
  if (head.dev === null) return false;
  const iph = ip_hdr(head);
  if (skb_dst(head) === null) {
    if (ip_route_input_noref(head, iph.daddr, iph.saddr, iph.tos, head.dev) !== 0) return false;
  }
  return qp.user === IP_DEFRAG_LOCAL_DELIVER && skb_rtable(head)!.rt_type === RTN_LOCAL &&
    head.pkt_type === PACKET_HOST;
}

/** The queue of iph's packet, or null above the memory limit. */
function ip_find(n: net, iph: iphdr, user: number): inet_frag_queue | null {
  const q = inet_frag_find(net_fqdir(n), iph.saddr, iph.daddr, user, iph.id, iph.protocol);
  if (q !== null && q.peer === null) q.peer = frag_peer(n, q.saddr);
  return q;
}

/** So many of the source's other fragments came since the last one that this queue's is an older packet's. */
function ip_frag_too_far(qp: inet_frag_queue): boolean {
  const peer = qp.peer as { rid: number } | null;
  const max = qp.fqdir.max_dist;
  if (peer === null || max === 0) return false;
  const start = qp.rid;
  const end = ++peer.rid;
  qp.rid = end;
  const rc = qp.fragments_tail !== null && end - start > max;
  if (rc) __IP_INC_STATS(qp.fqdir.net, IPSTATS_MIB_REASMFAILS);
  return rc;
}

/** Starts a queue anew, and its time: 0, or -ETIMEDOUT where the time is just over. */
function ip_frag_reinit(qp: inet_frag_queue): number {
  if (mod_timer(qp.timer, (jiffies + qp.fqdir.timeout) | 0) === 0) {
    qp.refcnt++;
    return -110;
  }
  const sum = inet_frag_rbtree_purge(qp, SKB_DROP_REASON_FRAG_TOO_FAR);
  sub_frag_mem_limit(qp.fqdir, sum);
  qp.flags = 0;
  qp.len = 0;
  qp.meat = 0;
  qp.max_df_size = 0;
  qp.max_size = 0;
  qp.fragments_tail = null;
  qp.last_run_head = null;
  qp.iif = 0;
  qp.ecn = 0;
  return 0;
}

/** Adds a fragment: 0 and skb is the whole packet, else negative, and skb is queued or gone. */
function ip_frag_queue(qp: inet_frag_queue, skb: sk_buff): number {
  const n = qp.fqdir.net;
  let reason = SKB_DROP_REASON_DUP_FRAG;
  let err = -ENOENT;
  discard: {
    if ((qp.flags & INET_FRAG_COMPLETE) !== 0) break discard;
    if ((IPCB(skb).flags & IPSKB_FRAG_COMPLETE) === 0 && ip_frag_too_far(qp)) {
      err = ip_frag_reinit(qp);
      if (err !== 0) {
        inet_frag_kill(qp);
        reason = SKB_DROP_REASON_FRAG_TOO_FAR;
        break discard;
      }
    }
    reason = SKB_DROP_REASON_IP_INHDR;
    const iph = ip_hdr(skb);
    const ecn = ip4_frag_ecn(iph.tos);
    const frag_off = iph.frag_off;
    const flags = frag_off & ~IP_OFFSET;
    const offset = (frag_off & IP_OFFSET) << 3;
    const ihl = ip_hdrlen(skb);
    let end = offset + skb.len - skb_network_offset(skb) - ihl;
    err = -EINVAL;
    discard_qp: {
      if ((flags & IP_MF) === 0) {
        // The last fragment: it says how long the packet is, for good.
        if (end < qp.len || ((qp.flags & INET_FRAG_LAST_IN) !== 0 && end !== qp.len)) {
          break discard_qp;
        }
        qp.flags |= INET_FRAG_LAST_IN;
        qp.len = end;
      } else {
        if ((end & 7) !== 0) end &= ~7;
        if (end > qp.len) {
          if ((qp.flags & INET_FRAG_LAST_IN) !== 0) break discard_qp;
          qp.len = end;
        }
      }
      if (end === offset) break discard_qp;
      if (pskb_pull(skb, skb_network_offset(skb) + ihl) < 0) {
        err = -ENOMEM;
        reason = SKB_DROP_REASON_NOMEM;
        break discard_qp;
      }
      err = pskb_trim_rcsum(skb, end - offset);
      if (err !== 0) break discard_qp;
      const dev = skb.dev;
      const prev_tail = qp.fragments_tail;
      err = inet_frag_queue_insert(qp, skb, offset, end);
      if (err !== IPFRAG_OK) {
        if (err === IPFRAG_DUP) {
          reason = SKB_DROP_REASON_DUP_FRAG;
          err = -EINVAL;
          break discard;
        }
        __IP_INC_STATS(n, IPSTATS_MIB_REASM_OVERLAPS);
        err = -EINVAL;
        break discard_qp;
      }
      if (dev !== null) qp.iif = dev.ifindex;
      qp.stamp = skb.tstamp;
      qp.meat += skb.len;
      qp.ecn |= ecn;
      add_frag_mem_limit(qp.fqdir, skb.truesize);
      if (offset === 0) qp.flags |= INET_FRAG_FIRST_IN;
      const fragsize = skb.len + ihl;
      if (fragsize > qp.max_size) qp.max_size = fragsize;
      if ((frag_off & IP_DF) !== 0 && fragsize > qp.max_df_size) qp.max_df_size = fragsize;
      if (
        (qp.flags & (INET_FRAG_FIRST_IN | INET_FRAG_LAST_IN)) ===
          (INET_FRAG_FIRST_IN | INET_FRAG_LAST_IN) && qp.meat === qp.len
      ) {
        skb_dst_pending = skb_dst(skb);
        skb_dst_drop(skb);
        err = ip_frag_reasm(qp, skb, prev_tail, dev);
        if (err !== 0) inet_frag_kill(qp);
        return err;
      }
      skb_dst_drop(skb);
      skb_orphan(skb);
      return -EINPROGRESS;
    }
    inet_frag_kill(qp);
    __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
  }
  kfree_skb_reason(skb, reason);
  return err;
}

/** The route of the fragment that completes a packet: the packet's. */
let skb_dst_pending: ReturnType<typeof skb_dst> = null;

function ip_frag_coalesce_ok(qp: inet_frag_queue): boolean {
  return qp.user === IP_DEFRAG_LOCAL_DELIVER;
}

/** Makes one packet of a queue, in skb, the fragment that came last: 0, -EINVAL or -ENOMEM. */
function ip_frag_reasm(
  qp: inet_frag_queue,
  skb: sk_buff,
  prev_tail: sk_buff | null,
  dev: sk_buff["dev"],
): number {
  const n = qp.fqdir.net;
  const dst = skb_dst_pending;
  skb_dst_pending = null;
  inet_frag_kill(qp);
  const ecn = ip_frag_ecn_table[qp.ecn];
  if (ecn === INVALID_ECN) {
    __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
    return -EINVAL;
  }
  // The reassembled packet is skb: the head's contents move there.
  if (!inet_frag_reasm_prepare(qp, skb, prev_tail)) {
    __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
    return -ENOMEM;
  }
  const ihl = ip_hdrlen(skb);
  const len = ihl + qp.len;
  if (len > 65535) {
    __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
    return -EINVAL;
  }
  skb_push(skb, skb.data - skb.network_header);
  inet_frag_reasm_finish(qp, skb, ip_frag_coalesce_ok(qp));
  skb.dev = dev;
  skb_dst_set(skb, dst);
  IPCB(skb).iif = qp.iif;
  IPCB(skb).frag_max_size = Math.max(qp.max_df_size, qp.max_size);
  const iph = ip_hdr(skb);
  iph.tot_len = len;
  iph.tos = iph.tos | ecn;
  if (qp.max_df_size === qp.max_size) {
    // What was sent with DF is to stay so when it is fragmented again.
    IPCB(skb).flags |= IPSKB_FRAG_PMTU;
    iph.frag_off = IP_DF;
  } else {
    iph.frag_off = 0;
  }
  iph.check = 0;
  iph.check = ip_fast_csum(skb.head.u8, iph.off, iph.ihl);
  __IP_INC_STATS(n, IPSTATS_MIB_REASMOKS);
  return 0;
}

/** Takes a fragment: 0 and skb is the whole packet now, else negative, and skb is queued or gone. */
export function ip_defrag(n: net, skb: sk_buff, user: number): number {
  __IP_INC_STATS(n, IPSTATS_MIB_REASMREQDS);
  const qp = ip_find(n, ip_hdr(skb), user);
  if (qp !== null) {
    const ret = ip_frag_queue(qp, skb);
    inet_frag_put(qp);
    return ret;
  }
  __IP_INC_STATS(n, IPSTATS_MIB_REASMFAILS);
  kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
  return -ENOMEM;
}

/** As ip_defrag() of what only may be a fragment; the packet, or null where it is queued or gone. */
export function ip_check_defrag(n: net, skb: sk_buff, user: number): sk_buff | null {
  const iph = ip_hdr(skb);
  if (iph.version !== 4 || iph.ihl < 5 || (iph.frag_off & (IP_MF | IP_OFFSET)) === 0) return skb;
  if (!pskb_may_pull(skb, iph.ihl << 2)) return skb;
  return ip_defrag(n, skb, user) === 0 ? skb : null;
}

const ip4_frags: inet_frags = {
  frag_expire: ip_expire,
  frags_cache_name: "ip4-frags",
};

function ipv4_frags_init_net(n: net): number {
  const fqd = fqdir_init(ip4_frags, n);
  fqd.high_thresh = n.ipv4.sysctl_ipfrag_high_thresh;
  fqd.low_thresh = n.ipv4.sysctl_ipfrag_low_thresh;
  fqd.timeout = n.ipv4.sysctl_ipfrag_time;
  fqd.max_dist = n.ipv4.sysctl_ipfrag_max_dist;
  n.ipv4.fqdir = fqd;
  return 0;
}

function ipv4_frags_exit_net(n: net): void {
  if (n.ipv4.fqdir !== null) fqdir_exit(net_fqdir(n));
  n.ipv4.fqdir = null;
}

const ip4_frags_ops: pernet_operations = { init: ipv4_frags_init_net, exit: ipv4_frags_exit_net };

export function ipfrag_init(): void {
  inet_frags_init(ip4_frags);
  register_pernet_subsys(ip4_frags_ops);
}

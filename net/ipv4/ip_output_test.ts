// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { skb_dst_set, skb_reserve } from "../../include/linux/skbuff.ts";
import { skb_reset_network_header } from "../../include/linux/skbuff.ts";
import { flowi4, flowi4_init_output } from "../../include/net/flow.ts";
import {
  IP_DF,
  ip_dont_fragment,
  IP_MF,
  IP_OFFSET,
  ipcm_cookie,
  ipcm_init,
} from "../../include/net/ip.ts";
import { fib_config } from "../../include/net/ip_fib.ts";
import { raw_sock } from "../../include/net/raw.ts";
import type { sock } from "../../include/net/sock.ts";
import type { rtable } from "../../include/net/route.ts";
import { EMSGSIZE, ENETUNREACH } from "../../include/uapi/asm-generic/errno.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
} from "../../include/uapi/linux/icmp.ts";
import {
  ICMP_NET_UNREACH,
  ICMP_PROT_UNREACH,
  ICMP_REDIRECT,
} from "../../include/uapi/linux/icmp.ts";
import { ICMP_TIME_EXCEEDED } from "../../include/uapi/linux/icmp.ts";
import {
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_INTERFACE,
  IP_PMTUDISC_OMIT,
  IP_PMTUDISC_PROBE,
  IP_PMTUDISC_WANT,
} from "../../include/uapi/linux/in.ts";
import { NLM_F_CREATE, RT_TABLE_MAIN, RTN_UNICAST } from "../../include/uapi/linux/rtnetlink.ts";
import { IPSTATS_MIB_CSUMERRORS, IPSTATS_MIB_FRAGOKS } from "../../include/uapi/linux/snmp.ts";
import { ip_fast_csum } from "../../lib/checksum.ts";
import { bytes, ip_host, ip_packet, PEER, PROTO, US } from "../../tools/testing/ip_host.ts";
import { alloc_skb, skb_put_data } from "../core/skbuff.ts";
import { inet_rtm_newroute } from "./fib_frontend.ts";
import { ip_append_data, ip_local_out, ip_push_pending_frames } from "./ip_output.ts";
import { ip_route_output, ip_route_output_flow, ipv4_mtu, ipv4_update_pmtu } from "./route.ts";
import { kfree_skb } from "../core/skbuff.ts";

const FAR = 0xcb007105 | 0;

function packet_out(t: ip_host, payload: Uint8Array, frag_off: number): number {
  const p = ip_packet({ saddr: US, daddr: PEER, frag_off }, payload);
  const skb = alloc_skb(p.length + 64);
  skb_reserve(skb, 64);
  skb_put_data(skb, p, p.length);
  skb_reset_network_header(skb);
  skb.transport_header = skb.network_header + 20;
  skb_dst_set(skb, ip_route_output(t.net, PEER, US, 0, 0) as rtable);
  return ip_local_out(t.net, null, skb);
}

/** A socket with as much as ip_append_data() looks at. */
function a_sock(t: ip_host): sock {
  const sk = new raw_sock();
  sk.skc_net = t.net;
  sk.sk_sndbuf = 212992;
  sk.sk_protocol = PROTO;
  sk.pmtudisc = IP_PMTUDISC_WANT;
  sk.sk_write_space = () => {};
  return sk;
}

/** Payload of fragments, put together; checks headers. */
function join(frags: Uint8Array[], mtu: number): Uint8Array {
  const out = new Uint8Array(70000);
  let end = 0;
  frags.forEach((f, i) => {
    const dv = new DataView(f.buffer);
    const off = dv.getUint16(6);
    assertEquals(f.length <= mtu, true);
    assertEquals(dv.getUint16(2), f.length);
    assertEquals(ip_fast_csum(f, 0, f[0] & 15), 0);
    assertEquals((off & IP_MF) !== 0, i < frags.length - 1);
    assertEquals((off & IP_OFFSET) << 3, end);
    const hlen = (f[0] & 15) << 2;
    out.set(f.subarray(hlen), end);
    end += f.length - hlen;
  });
  return out.slice(0, end);
}

Deno.test("ip_dont_fragment() sets DF for DO, and for WANT unless the route's MTU is locked", () => {
  using t = new ip_host();
  const sk = a_sock(t) as raw_sock;
  const rt = ip_route_output(t.net, PEER, US, 0, 0) as rtable;
  const df = (): number[] =>
    [
      IP_PMTUDISC_DONT,
      IP_PMTUDISC_WANT,
      IP_PMTUDISC_DO,
      IP_PMTUDISC_PROBE,
      IP_PMTUDISC_INTERFACE,
      IP_PMTUDISC_OMIT,
    ].map((pmtudisc) => {
      sk.pmtudisc = pmtudisc;
      return Number(ip_dont_fragment(sk, rt));
    });
  assertEquals(df(), [0, 1, 1, 0, 0, 0]);
  rt.rt_mtu_locked = true;
  assertEquals(df(), [0, 0, 1, 0, 0, 0]);
});

Deno.test("ip_local_out() sends what fits, and cuts what does not", () => {
  using t = new ip_host();
  assertEquals(packet_out(t, bytes(1480), IP_DF), 0);
  assertEquals(t.sent.length, 1);
  assertEquals(t.sent[0].slice(20), bytes(1480));
  t.sent.length = 0;
  assertEquals(packet_out(t, bytes(5000), 0), 0);
  assertEquals(t.sent.length, 4);
  assertEquals(join(t.sent, 1500), bytes(5000));
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_FRAGOKS], 1);
});

Deno.test("ip_fragment() answers a packet with DF that does not fit by the MTU", () => {
  using t = new ip_host();
  assertEquals(packet_out(t, bytes(1481), IP_DF), -EMSGSIZE);
  assertEquals(t.icmp, [{ type: ICMP_DEST_UNREACH, code: ICMP_FRAG_NEEDED, info: 1500 }]);
});

Deno.test("ip_append_data() makes pieces that leave as fragments as they are", () => {
  using t = new ip_host();
  for (const sizes of [[100], [1472], [1473], [3000, 1, 2000], [7, 9, 1480, 5000], [60000]]) {
    const sk = a_sock(t);
    const fl4 = new flowi4();
    flowi4_init_output(fl4, 0, 0, 0, 0, PROTO, 0, PEER, 0, 0, 0, 0);
    const rt = ip_route_output_flow(t.net, fl4, sk) as rtable;
    assertEquals(fl4.saddr, US);
    const ipc = new ipcm_cookie();
    ipcm_init(ipc);
    const all = bytes(sizes.reduce((a, b) => a + b));
    let at = 0;
    for (const n of sizes) {
      const part = all.subarray(at, at += n);
      const getfrag = (
        from: Uint8Array,
        to: Uint8Array,
        to_off: number,
        off: number,
        len: number,
      ): number => {
        to.set(from.subarray(off, off + len), to_off);
        return 0;
      };
      assertEquals(ip_append_data(sk, fl4, getfrag, part, n, 0, ipc, rt, 0), 0);
    }
    t.sent.length = 0;
    assertEquals(ip_push_pending_frames(sk, fl4), 0);
    assertEquals(join(t.sent, 1500), all);
    assertEquals(sk.sk_wmem_alloc, 1);
  }
});

Deno.test("ip_route_output_flow() answers the same rtable for destinations behind one nexthop", async () => {
  using t = new ip_host();
  assertEquals(ip_route_output(t.net, FAR, 0, 0, 0), -ENETUNREACH);
  const cfg = Object.assign(new fib_config(), {
    fc_type: RTN_UNICAST,
    fc_gw4: PEER,
    fc_table: RT_TABLE_MAIN,
    fc_nlflags: NLM_F_CREATE,
  });
  assertEquals(inet_rtm_newroute(t.net, cfg), 0);
  const rt = ip_route_output(t.net, FAR, 0, 0, 0) as rtable;
  assertEquals(rt.rt_gw4, PEER);
  assertEquals(rt.rt_uses_gateway, true);
  assertEquals(ip_route_output(t.net, FAR + 77, 0, 0, 0), rt);
  assertEquals(rt.ops.check(rt, 0), rt);
  // The path to one of them is narrower: it alone gets a route of its own, for ten minutes.
  const skb = t.skb(ip_packet({ saddr: US, daddr: FAR }, bytes(8)));
  ipv4_update_pmtu(skb, t.net, 1400, 0, PROTO);
  kfree_skb(skb);
  assertEquals(rt.ops.check(rt, 0), null);
  const narrow = ip_route_output(t.net, FAR, 0, 0, 0) as rtable;
  assertEquals(ipv4_mtu(narrow), 1400);
  assertEquals(ip_route_output(t.net, FAR, 0, 0, 0), narrow);
  assertEquals(ipv4_mtu(ip_route_output(t.net, FAR + 77, 0, 0, 0) as rtable), 1500);
  const again = t.skb(ip_packet({ saddr: US, daddr: FAR }, bytes(8)));
  ipv4_update_pmtu(again, t.net, 100, 0, PROTO);
  kfree_skb(again);
  assertEquals(ipv4_mtu(narrow), 552);
  await t.machine.advance(601000);
  assertEquals(ipv4_mtu(ip_route_output(t.net, FAR, 0, 0, 0) as rtable), 1500);
});

Deno.test("ip_rcv_core() drops what is no IPv4 packet", () => {
  using t = new ip_host();
  const good = ip_packet({}, bytes(20));
  const bad = good.slice();
  bad[11] ^= 1;
  t.receive(bad);
  t.receive(good.slice(0, 30));
  t.receive(good.slice(0, 19));
  t.receive(Uint8Array.from([0x65, ...good.slice(1)]));
  t.receive(ip_packet({ saddr: US }, bytes(20)));
  t.receive(ip_packet({ saddr: 0x7f000001 }, bytes(20)));
  t.receive(ip_packet({ saddr: -1 }, bytes(20)));
  assertEquals(t.delivered, []);
  assertEquals(t.icmp, []);
  assertEquals(t.net.mib.ip_statistics[IPSTATS_MIB_CSUMERRORS], 1);
  // Padding behind the packet is cut off.
  t.receive(Uint8Array.from([...good, 9, 9, 9]));
  assertEquals(t.delivered, [bytes(20)]);
});

Deno.test("ip_protocol_deliver_rcu() answers for a protocol that nobody takes", () => {
  using t = new ip_host();
  t.receive(ip_packet({ protocol: 200 }, bytes(20)));
  assertEquals(t.icmp, [{ type: ICMP_DEST_UNREACH, code: ICMP_PROT_UNREACH, info: 0 }]);
});

Deno.test("ip_forward() forwards only as a router, and says when a packet's time is over", () => {
  using t = new ip_host();
  const p = ip_packet({ daddr: PEER + 8, saddr: PEER, ttl: 2 }, bytes(20));
  t.receive(p);
  assertEquals(t.sent, []);
  t.dev.ip_ptr!.cnf.forwarding = 1;
  t.receive(p);
  assertEquals(t.sent.length, 1);
  assertEquals(t.sent[0][8], 1);
  assertEquals(ip_fast_csum(t.sent[0], 0, 5), 0);
  // Both are on the link: the sender need not go by us.
  assertEquals(t.icmp, [{ type: ICMP_REDIRECT, code: 1, info: PEER + 8 }]);
  t.icmp.length = 0;
  t.receive(ip_packet({ daddr: PEER + 8, ttl: 1 }, bytes(20)));
  t.receive(ip_packet({ daddr: FAR, saddr: PEER + 5 }, bytes(20)));
  assertEquals(t.icmp[0], { type: ICMP_TIME_EXCEEDED, code: ICMP_EXC_TTL, info: 0 });
  assertEquals(t.icmp[1], { type: ICMP_DEST_UNREACH, code: ICMP_NET_UNREACH, info: 0 });
});

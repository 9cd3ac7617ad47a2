// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import { ETH_P_IP } from "../../include/uapi/linux/if_ether.ts";
import { IPPROTO_TCP } from "../../include/uapi/linux/in.ts";
import {
  GRO_HELD,
  GRO_MERGED,
  GRO_MERGED_FREE,
  GRO_NORMAL,
  napi_struct,
  net_device,
  NETIF_F_GRO,
  NETIF_F_HW_CSUM,
  NETIF_F_RXCSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
} from "../../include/linux/netdevice.ts";
import {
  __skb_dequeue,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  ip_hdr,
  SKB_GSO_TCPV4,
  skb_reserve,
  tcp_hdr,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { inet_offloads } from "../../include/net/protocol.ts";
import { csum_partial, csum_tcpudp_magic, ip_fast_csum } from "../../lib/checksum.ts";
import { nr_used_pages } from "../../mm/page_alloc.ts";
import { __skb_gso_segment } from "../core/dev.ts";
import {
  dev_add_offload,
  gro_init,
  gro_normal_list,
  napi_gro_flush,
  napi_gro_receive,
} from "../core/gro.ts";
import {
  alloc_skb,
  consume_skb,
  kfree_skb_list,
  nr_skbs_alive,
  skb_checksum,
  skb_copy_bits,
  skb_init,
  skb_put,
} from "../core/skbuff.ts";
import { inet_gro_complete, inet_gro_receive, inet_gso_segment } from "./af_inet.ts";
import { tcpv4_offload } from "./tcp_offload.ts";

const SADDR = 0xc6336401 | 0, DADDR = 0xc6336402 | 0;
const ACK = 0x10, PSH = 0x08, FIN = 0x01, CWR = 0x80, SYN = 0x02;
/** Just below the wrap. */
const ISN = -1000;

class machine {
  readonly dev = new net_device("eth0");
  readonly napi = new napi_struct(this.dev, () => 0);
  readonly up: sk_buff[] = [];
  readonly pages = nr_used_pages();
  id = 100;

  constructor() {
    skb_init();
    new sim_machine().start();
    gro_init((head) => {
      for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
        this.up.push(skb);
      }
    });
    dev_add_offload({
      type: ETH_P_IP,
      priority: 0,
      gso_segment: inet_gso_segment,
      gro_receive: inet_gro_receive,
      gro_complete: inet_gro_complete,
    });
    inet_offloads[IPPROTO_TCP] = tcpv4_offload;
    this.dev.features = NETIF_F_GRO | NETIF_F_RXCSUM | NETIF_F_SG;
  }

  /** A segment with 12 bytes of options and a right checksum. */
  segment(seq: number, len: number, flags = ACK, ack = 7): sk_buff {
    const skb = alloc_skb(128 + 52 + len);
    skb_reserve(skb, 64);
    const at = skb_put(skb, 52 + len);
    const { u8, dv } = skb.head;
    u8.fill(0, at, at + 52);
    skb.dev = this.dev;
    skb.protocol = ETH_P_IP;
    skb.mac_header = skb.network_header = at;
    skb.transport_header = at + 20;
    const iph = ip_hdr(skb);
    iph.version_ihl = 0x45;
    iph.tot_len = 52 + len;
    iph.id = this.id++;
    iph.frag_off = 0x4000;
    iph.ttl = 64;
    iph.protocol = IPPROTO_TCP;
    iph.saddr = SADDR;
    iph.daddr = DADDR;
    iph.check = ip_fast_csum(u8, at, 5);
    const th = tcp_hdr(skb);
    th.source = 1234;
    th.dest = 80;
    th.seq = seq;
    th.ack_seq = ack;
    dv.setUint8(at + 32, 8 << 4);
    th.flags = flags;
    th.window = 500;
    u8.set([1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8], at + 40);
    for (let i = 0; i < len; i++) u8[at + 52 + i] = (seq + i) & 0xff;
    const sum = csum_partial(u8, at + 20, 32 + len, 0);
    th.check = csum_tcpudp_magic(SADDR, DADDR, 32 + len, IPPROTO_TCP, sum);
    return skb;
  }

  /** A GSO packet of len bytes, its checksum left out. */
  gso(seq: number, len: number, mss: number, flags: number): sk_buff {
    const skb = this.segment(seq, len, flags);
    skb.shinfo.gso_size = mss;
    skb.shinfo.gso_segs = Math.ceil(len / mss);
    skb.shinfo.gso_type = SKB_GSO_TCPV4;
    skb.ip_summed = CHECKSUM_PARTIAL;
    skb.csum_start = skb.transport_header;
    skb.csum_offset = 16;
    tcp_hdr(skb).check = ~csum_tcpudp_magic(SADDR, DADDR, 32 + len, IPPROTO_TCP, 0) & 0xffff;
    return skb;
  }

  receive(skb: sk_buff): number {
    return napi_gro_receive(this.napi, skb);
  }

  flush(): sk_buff[] {
    napi_gro_flush(this.napi, false);
    gro_normal_list(this.napi);
    return this.up.splice(0);
  }

  end(...skbs: sk_buff[]): void {
    for (const skb of skbs) consume_skb(skb);
    assertEquals(nr_skbs_alive(), 0);
    assertEquals(nr_used_pages(), this.pages);
  }
}

/** The checksums of IP and TCP are right. */
function checks(skb: sk_buff): boolean {
  const n = skb.len - 20;
  const sum = skb_checksum(skb, skb.transport_header - skb.data, n, 0);
  return ip_fast_csum(skb.head.u8, skb.network_header, 5) === 0 &&
    csum_tcpudp_magic(SADDR, DADDR, n, IPPROTO_TCP, sum) === 0;
}

function payload_is(skb: sk_buff, seq: number, len: number): void {
  const bytes = new Uint8Array(skb.len - 52);
  skb_copy_bits(skb, 52, bytes, bytes.length);
  assertEquals(bytes.length, len);
  assert(bytes.every((b, i) => b === ((seq + i) & 0xff)));
}

function listed(segs: unknown): sk_buff[] {
  const out: sk_buff[] = [];
  for (let skb = segs as sk_buff | null; skb !== null; skb = skb.next) out.push(skb);
  return out;
}

for (
  const [name, features] of [
    ["without anything", 0],
    ["with scatter-gather", NETIF_F_SG],
    ["with checksums", NETIF_F_SG | NETIF_F_HW_CSUM],
  ] as const
) {
  Deno.test(`tcp_gso_segment() cuts a packet for a device ${name}`, () => {
    const m = new machine();
    const skb = m.gso(ISN, 2500, 1000, ACK | PSH | FIN | CWR);
    const segs = __skb_gso_segment(skb, features, true);
    assert(typeof segs !== "number" && segs !== null);
    const list = listed(segs);
    assertEquals(segs.prev, list[2]);
    assertEquals(list.map((s) => tcp_hdr(s).seq), [ISN, 0, 1000]);
    assertEquals(list.map((s) => tcp_hdr(s).flags), [ACK | CWR, ACK, ACK | PSH | FIN]);
    assertEquals(list.map((s) => ip_hdr(s).id), [100, 101, 102]);
    assertEquals(list.map((s) => ip_hdr(s).tot_len), [1052, 1052, 552]);
    list.forEach((s, i) => {
      payload_is(s, (ISN + 1000 * i) | 0, [1000, 1000, 500][i]);
      if ((features & NETIF_F_HW_CSUM) !== 0) assertEquals(s.ip_summed, CHECKSUM_PARTIAL);
      else assert(s.ip_summed === CHECKSUM_NONE && checks(s));
    });
    kfree_skb_list(segs);
    m.end(skb);
  });
}

Deno.test("tcp_gso_segment() leaves a packet whole for a device that can cut it", () => {
  const m = new machine();
  const skb = m.gso(ISN, 2500, 1000, ACK);
  skb.shinfo.gso_segs = 0;
  const features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO;
  assertEquals(__skb_gso_segment(skb, features, true), null);
  assertEquals([skb.shinfo.gso_segs, skb.len, skb.data], [3, 2552, skb.network_header]);
  m.end(skb);
});

Deno.test("tcp_gro_receive() joins what follows, across the wrap of sequence numbers", () => {
  const m = new machine();
  assertEquals(m.receive(m.segment(ISN, 1000)), GRO_HELD);
  for (let i = 1; i < 40; i++) {
    // Where fragments are used up it becomes part of the packet itself.
    const ret = m.receive(m.segment((ISN + i * 1000) | 0, 1000));
    assertEquals(ret, i === 18 || i === 36 ? GRO_MERGED : GRO_MERGED_FREE);
  }
  const [skb, ...more] = m.flush();
  assertEquals(more.length, 0);
  payload_is(skb, ISN, 40000);
  assertEquals([skb.shinfo.gso_segs, skb.shinfo.gso_size], [40, 1000]);
  assertEquals(skb.shinfo.gso_type & SKB_GSO_TCPV4, SKB_GSO_TCPV4);
  assertEquals([skb.ip_summed, skb.csum_start], [CHECKSUM_PARTIAL, skb.transport_header]);
  assertEquals(ip_hdr(skb).tot_len, 40052);
  assertEquals(ip_fast_csum(skb.head.u8, skb.network_header, 5), 0);
  assertEquals(
    tcp_hdr(skb).check,
    ~csum_tcpudp_magic(SADDR, DADDR, 40032, IPPROTO_TCP, 0) & 0xffff,
  );
  m.end(skb);
});

Deno.test("what GRO joined GSO cuts again into the same segments", () => {
  const m = new machine();
  for (let i = 0; i < 30; i++) m.receive(m.segment((ISN + i * 1000) | 0, 1000));
  const [skb] = m.flush();
  const segs = __skb_gso_segment(skb, NETIF_F_SG, true);
  const list = listed(segs);
  assertEquals(list.length, 30);
  list.forEach((s, i) => {
    payload_is(s, (ISN + i * 1000) | 0, 1000);
    assert(checks(s));
    assertEquals(ip_hdr(s).id, 100 + i);
  });
  kfree_skb_list(segs as sk_buff);
  m.end(skb);
});

Deno.test("a short segment, PSH and FIN end a packet", () => {
  const m = new machine();
  m.receive(m.segment(0, 1000));
  assertEquals(m.receive(m.segment(1000, 400, ACK | PSH)), GRO_MERGED_FREE);
  gro_normal_list(m.napi);
  const [skb] = m.up.splice(0);
  payload_is(skb, 0, 1400);
  assertEquals(tcp_hdr(skb).flags, ACK | PSH);
  assertEquals(m.receive(m.segment(1400, 1000, ACK | FIN)), GRO_NORMAL);
  m.end(skb, ...m.flush());
});

Deno.test("segments that don't follow, or differ in their headers, are not joined", () => {
  const m = new machine();
  const seg = (change: (skb: sk_buff) => void): sk_buff => {
    const skb = m.segment(1000, 1000);
    change(skb);
    const th = tcp_hdr(skb);
    th.check = 0;
    th.check = csum_tcpudp_magic(
      SADDR,
      DADDR,
      1032,
      IPPROTO_TCP,
      csum_partial(skb.head.u8, skb.transport_header, 1032, 0),
    );
    return skb;
  };
  const changes: ((skb: sk_buff) => void)[] = [
    (skb) => tcp_hdr(skb).seq = 1001,
    (skb) => tcp_hdr(skb).ack_seq = 8,
    (skb) => tcp_hdr(skb).window = 501,
    (skb) => skb.head.u8[skb.transport_header + 27]++,
    (skb) => tcp_hdr(skb).flags = ACK | CWR,
    (skb) => tcp_hdr(skb).flags = ACK | SYN,
    (skb) => tcp_hdr(skb).source = 1235,
  ];
  for (const change of changes) {
    m.receive(m.segment(0, 1000));
    m.receive(seg(change));
    const got = m.flush();
    assertEquals(got.map((skb) => skb.len), [1052, 1052]);
    got.forEach((skb) => consume_skb(skb));
  }
  m.end();
});

Deno.test("tcp4_gro_receive() joins nothing with a wrong checksum, and notes right ones", () => {
  const m = new machine();
  m.receive(m.segment(0, 1000));
  const bad = m.segment(1000, 1000);
  bad.head.u8[bad.data + 60] ^= 1;
  assertEquals(m.receive(bad), GRO_NORMAL);
  const got = m.flush();
  const good = got.find((skb) => skb !== bad);
  assertEquals([good?.ip_summed, bad.ip_summed], [CHECKSUM_UNNECESSARY, CHECKSUM_NONE]);
  m.end(...got);
});

Deno.test("pure ACKs pass at once, behind what is held of their connection", () => {
  const m = new machine();
  m.receive(m.segment(0, 1000));
  assertEquals(m.receive(m.segment(1000, 0)), GRO_NORMAL);
  const got = m.flush();
  assertEquals(got.map((skb) => skb.len), [1052, 52]);
  m.end(...got);
});

// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals } from "@std/assert";
import { sim_machine } from "../../arch/sim/mod.ts";
import {
  GRO_HELD,
  GRO_MERGED_FREE,
  GRO_NORMAL,
  MAX_GRO_SKBS,
  napi_struct,
  net_device,
  NETIF_F_GRO,
} from "../../include/linux/netdevice.ts";
import type { packet_offload } from "../../include/linux/netdevice.ts";
import { MAX_SKB_FRAGS, skb_fill_page_desc, skb_reserve } from "../../include/linux/skbuff.ts";
import type { sk_buff, sk_buff_head } from "../../include/linux/skbuff.ts";
import { __skb_dequeue } from "../../include/linux/skbuff.ts";
import { alloc_pages, nr_used_pages } from "../../mm/page_alloc.ts";
import {
  dev_add_offload,
  gro_init,
  gro_normal_list,
  napi_gro_flush,
  napi_gro_purge,
  napi_gro_receive,
  skb_gro_flush_final,
  skb_gro_header,
  skb_gro_len,
  skb_gro_offset,
  skb_gro_pull,
  skb_gro_receive,
} from "./gro.ts";
import {
  alloc_skb,
  consume_skb,
  nr_skbs_alive,
  skb_clone,
  skb_copy_bits,
  skb_init,
  skb_linearize,
  skb_put,
} from "./skbuff.ts";

const PROTO = 0x88b5;

/** A protocol whose packets have a number of their flow in front and are joined whatever they are. */
const offload: packet_offload = {
  type: PROTO,
  priority: 0,
  gso_segment: () => null,
  gro_receive(head: sk_buff_head, skb: sk_buff): sk_buff | null {
    const off = skb_gro_offset(skb);
    const th = skb_gro_header(skb, off + 1, off);
    const flow = skb.head.u8[th];
    skb_gro_pull(skb, 1);
    for (let p = head.next; p !== null; p = p.next) {
      if (!p.gro_cb.same_flow) continue;
      if (p.head.u8[p.network_header] !== flow) {
        p.gro_cb.same_flow = false;
        continue;
      }
      // 0xff ends a flow's packet.
      if (skb_gro_len(skb) === 1 && skb.head.u8[th + 1] === 0xff) {
        skb_gro_flush_final(skb, p, 1);
        return p;
      }
      if (skb_gro_receive(p, skb) !== 0) return p;
      return null;
    }
    return null;
  },
  gro_complete(skb: sk_buff): number {
    skb.shinfo.gso_segs = skb.gro_cb.count;
    return 0;
  },
};

class machine {
  readonly dev = new net_device("eth0");
  readonly napi = new napi_struct(this.dev, () => 0);
  readonly up: { bytes: number[]; segs: number }[] = [];
  readonly pages = nr_used_pages();

  constructor() {
    skb_init();
    new sim_machine().start();
    gro_init((head) => {
      for (let skb = __skb_dequeue(head); skb !== null; skb = __skb_dequeue(head)) {
        const bytes = new Uint8Array(skb.len);
        skb_copy_bits(skb, 0, bytes, skb.len);
        this.up.push({ bytes: [...bytes], segs: skb.shinfo.gso_segs });
        consume_skb(skb);
      }
    });
    dev_add_offload(offload);
    this.dev.features = NETIF_F_GRO;
  }

  packet(bytes: number[]): sk_buff {
    const skb = alloc_skb(128 + bytes.length);
    skb_reserve(skb, 64);
    skb.head.u8.set(bytes, skb_put(skb, bytes.length));
    skb.mac_header = skb.data;
    skb.dev = this.dev;
    skb.protocol = PROTO;
    return skb;
  }

  receive(...bytes: number[]): number {
    return napi_gro_receive(this.napi, this.packet(bytes));
  }

  flush(): { bytes: number[]; segs: number }[] {
    napi_gro_flush(this.napi, false);
    gro_normal_list(this.napi);
    return this.up.splice(0);
  }

  end(): void {
    assertEquals(nr_skbs_alive(), 0);
    assertEquals(nr_used_pages(), this.pages);
    assertEquals(this.napi.gro_bitmask, 0);
  }
}

Deno.test("napi_gro_receive() holds the first packet of a flow and joins the next ones", () => {
  const m = new machine();
  assertEquals(m.receive(1, 10), GRO_HELD);
  assertEquals(m.receive(1, 11), GRO_MERGED_FREE);
  assertEquals(m.receive(2, 20), GRO_HELD);
  assertEquals(m.receive(1, 12, 13), GRO_MERGED_FREE);
  assertEquals(m.up.length, 0);
  // The oldest first.
  assertEquals(m.flush(), [
    { bytes: [1, 10, 11, 12, 13], segs: 3 },
    { bytes: [2, 20], segs: 0 },
  ]);
  m.end();
});

Deno.test("napi_gro_receive() passes on what no GRO is for, eight at a time", () => {
  const m = new machine();
  m.dev.features = 0;
  for (let i = 0; i < 7; i++) assertEquals(m.receive(1, i), GRO_NORMAL);
  assertEquals(m.up.length, 0);
  m.receive(1, 7);
  assertEquals(m.up.map((p) => p.bytes[1]), [0, 1, 2, 3, 4, 5, 6, 7]);
  m.end();
});

Deno.test("dev_gro_receive() lets the held packet go before one that ends it", () => {
  const m = new machine();
  m.receive(1, 10);
  m.receive(1, 11);
  assertEquals(m.receive(1, 0xff), GRO_NORMAL);
  assertEquals(m.flush().map((p) => p.bytes), [[1, 10, 11], [1, 0xff]]);
  m.end();
});

Deno.test("dev_gro_receive() holds MAX_GRO_SKBS packets, then lets the oldest go", () => {
  const m = new machine();
  for (let flow = 0; flow <= MAX_GRO_SKBS; flow++) m.receive(flow, 1);
  gro_normal_list(m.napi);
  assertEquals(m.up.splice(0).map((p) => p.bytes[0]), [0]);
  assertEquals(m.flush().map((p) => p.bytes[0]), [1, 2, 3, 4, 5, 6, 7, 8]);
  m.end();
});

Deno.test("skb_gro_receive() goes on in a frag_list when the fragments are used up", () => {
  const m = new machine();
  const n = 3 * MAX_SKB_FRAGS;
  for (let i = 0; i < n; i++) m.receive(1, i, i + 1);
  const bucket = m.napi.gro_hash[0].list;
  const p = bucket.next as sk_buff;
  assertEquals(p.shinfo.nr_frags, MAX_SKB_FRAGS);
  assert(p.shinfo.frag_list !== null);
  assertEquals(p.len, 1 + 2 * n);
  const [up] = m.flush();
  assertEquals(up.segs, n);
  assertEquals(up.bytes.slice(1), Array.from({ length: 2 * n }, (_, i) => (i >> 1) + (i & 1)));
  m.end();
});

Deno.test("skb_gro_receive() makes no packet of 64 KiB or more", () => {
  const m = new machine();
  const bytes = new Array(9001).fill(1);
  for (let i = 0; i < 8; i++) m.receive(...bytes);
  const up = m.flush();
  assertEquals(up.map((p) => p.bytes.length), [63001, 9001]);
  m.end();
});

Deno.test("skb_gro_receive() takes payload that stands in fragments", () => {
  const m = new machine();
  m.receive(1, 10);
  const skb = m.packet([]);
  const page = alloc_pages(64);
  page.u8.set([1, 11, 12], 5);
  skb_fill_page_desc(skb, 0, page, 5, 3);
  skb.len = skb.data_len = 3;
  skb.truesize += 64;
  assertEquals(napi_gro_receive(m.napi, skb), GRO_MERGED_FREE);
  assertEquals(m.flush(), [{ bytes: [1, 10, 11, 12], segs: 2 }]);
  m.end();
});

Deno.test("skb_gro_receive() leaves a clone alone", () => {
  const m = new machine();
  m.receive(1, 10);
  const skb = m.packet([1, 11]);
  const clone = skb_clone(skb);
  napi_gro_receive(m.napi, skb);
  assertEquals(m.flush().map((p) => p.bytes), [[1, 10], [1, 11]]);
  assertEquals([clone.len, clone.head.u8[clone.data + 1]], [2, 11]);
  consume_skb(clone);
  m.end();
});

Deno.test("a joined packet can be made linear", () => {
  const m = new machine();
  for (let i = 0; i < 40; i++) m.receive(1, i);
  const p = m.napi.gro_hash[0].list.next as sk_buff;
  assertEquals(skb_linearize(p), 0);
  assertEquals(p.data_len, 0);
  assertEquals(
    [...p.head.u8.subarray(p.data + 1, p.data + 41)],
    Array.from({ length: 40 }, (_, i) => i),
  );
  p.gro_cb.last = p;
  m.flush();
  m.end();
});

Deno.test("packets of another device or link address are another flow", () => {
  const m = new machine();
  m.dev.hard_header_len = 14;
  const frame = (src: number, b: number): sk_buff => {
    const skb = m.packet([1, b]);
    skb.mac_header = skb.data - 14;
    skb.head.u8.fill(src, skb.mac_header, skb.data);
    return skb;
  };
  napi_gro_receive(m.napi, frame(7, 10));
  napi_gro_receive(m.napi, frame(8, 20));
  napi_gro_receive(m.napi, frame(7, 11));
  assertEquals(m.flush().map((p) => p.bytes), [[1, 10, 11], [1, 20]]);
  m.end();
});

Deno.test("napi_gro_purge() frees what is held", () => {
  const m = new machine();
  for (let i = 0; i < 30; i++) m.receive(i % 3, i);
  m.dev.features = 0;
  m.receive(1, 1);
  napi_gro_purge(m.napi);
  m.end();
});

// SPDX-License-Identifier: GPL-2.0-only
//
// A cell's trace: packets at the sender as tcpdump prints them, what the path does to them, and the sender's state
// whenever it has changed.

import { NSEC_PER_SEC } from "../../../include/linux/time64.ts";
import { ktime_get, ktime_get_ns } from "../../../include/linux/timekeeping.ts";
import type { sk_buff } from "../../../include/linux/skbuff.ts";
import type { tcp_sock } from "../../../include/linux/tcp.ts";
import { skb_copy_bits } from "../../../net/core/skbuff.ts";
import { packet_printer, print_time, tcpdump } from "../../lib/tcpdump.ts";
import type { two_hosts_bench } from "../two_hosts.ts";
import type { cell_watcher } from "./cell.ts";
import type { net_path, path_event } from "./path.ts";

const CA_STATES = ["Open", "Disorder", "CWR", "Recovery", "Loss"];

/** The sender's state, one line. */
function state_of(sk: tcp_sock): string {
  const ssthresh = sk.snd_ssthresh >= 0x7fffffff ? "-" : sk.snd_ssthresh;
  return `${CA_STATES[sk.icsk_ca_state]} cwnd ${sk.snd_cwnd} ssthresh ${ssthresh} ` +
    `out ${sk.packets_out} sacked ${sk.sacked_out} lost ${sk.lost_out} retrans ${sk.retrans_out} ` +
    `reordering ${sk.reordering} rto ${sk.icsk_rto} backoff ${sk.icsk_backoff}`;
}

/** Prints a cell's trace. @local */
export function cell_tracer(print: (line: string) => void): cell_watcher {
  return {
    start(t: two_hosts_bench, sk: tcp_sock): void {
      let last = "";
      const state = (): void => {
        const now = state_of(sk);
        if (now !== last) print(`${print_time(ktime_get())}   ${now}`);
        last = now;
      };
      const start = ktime_get_ns();
      print(`the connection is there after ${start / NSEC_PER_SEC} s`);
      tcpdump(t.nic_b.dev, (line) => {
        state();
        print(line);
      });
      const watch = (path: net_path, from: string): void => {
        const printer = new packet_printer();
        path.on_event = (what: path_event, skb: sk_buff) => {
          const off = skb.network_header - skb.data;
          const bytes = new Uint8Array(skb.len - off);
          skb_copy_bits(skb, off, bytes, bytes.length);
          print(`  ${what}, from ${from}: ${printer.ip(new DataView(bytes.buffer))}`);
        };
      };
      watch(t.path_a!, "a");
      watch(t.path_b!, "b");
    },
  };
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The tracer: gets calls from record.ts, gives them names of tasks, arguments and packets, and
// writes the trees. Works in the mirror only, where functions have hooks.

import { current } from "../../include/linux/sched.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import { args_text, drop_text, forget_isns, learn_isn, packet_text } from "./args.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import {
  register_trace_kfree_skb,
  unregister_trace_kfree_skb,
} from "../../include/trace/events/skb.ts";
import type { ftrace_options } from "./options.ts";
import { filter, GRAPH_HEADER, graph_json, graph_text } from "./print.ts";
import type { shown_call, shown_tree } from "./print.ts";
import { current_call, flush, record, unrecorded } from "./record.ts";
import type { call, tracer, tree } from "./record.ts";

/** A running trace. */
export class ftrace implements tracer {
  private readonly filter: filter;
  private readonly virtual: boolean;
  private readonly origin: number;
  /** What was dropped, by reason. */
  private readonly drops = new Map<string, number>();
  private waiting: shown_tree[] = [];

  /** Virtual time shows durations of sleeps only, and trees in the order of their starts. */
  constructor(
    private readonly options: ftrace_options,
    private readonly write: (s: string) => void,
    run: { virtual?: boolean } = {},
  ) {
    this.filter = new filter(options);
    this.virtual = run.virtual ?? false;
    this.origin = performance.now();
  }

  /** Until start(): only looks at packets, so that their sequence numbers can be shown from 0 on. */
  learn(): void {
    forget_isns();
    const nothing = (): void => {};
    record({
      clock: () => 0,
      begin: nothing,
      enter: (c, args) => unrecorded(() => learn_isn(c.name, args)),
      end: nothing,
    });
  }

  /** `after_boot`: waits for a machine to boot. */
  start(after_boot = false): void {
    if (!this.options.json && !this.options.drops) this.write(GRAPH_HEADER);
    if (this.options.drops) register_trace_kfree_skb(this.dropped);
    record(this, after_boot);
  }

  stop(): void {
    flush();
    record(null);
    if (this.options.drops) unregister_trace_kfree_skb(this.dropped);
    for (const t of this.waiting.sort((a, b) => a.nr - b.nr)) this.show(t);
    this.waiting = [];
    if (this.options.drops && !this.options.json) {
      const counts = [...this.drops].sort(([a], [b]) => a < b ? -1 : 1);
      for (const [reason, n] of counts) this.write(`# ${n} ${reason}\n`);
      if (counts.length === 0) this.write("# nothing was dropped\n");
    }
  }

  clock(): number {
    if (this.virtual) return unrecorded(ktime_get_ns);
    return Math.round((performance.now() - this.origin) * 1e6);
  }

  begin(t: tree, root: call): void {
    if (t.softirq) t.task = "<softirq>";
    else if (root.name === "do_syscall_64" || root.name === "do_exit") {
      t.task = `${current.comm}-${current.pid} ${current.nsproxy.net_ns.name}`;
    } else t.task = "<idle>-0";
  }

  enter(c: call, args: IArguments): void {
    const { options } = this;
    if (options.args) c.args = unrecorded(() => args_text(c.params, args));
    if (options.packets) {
      const line = unrecorded(() => packet_text(c.name, args));
      if (line !== null) c.notes = line;
    }
  }

  end(t: tree): void {
    if (this.options.drops) return;
    const trees = this.filter.trees(t);
    if (this.virtual) this.waiting.push(...trees);
    else trees.forEach((s) => this.show(s));
  }

  private show(t: shown_tree): void {
    this.write(this.options.json ? graph_json(t) : graph_text(t, this.virtual));
  }

  /** A packet is dropped: shows the chain that led there. */
  private readonly dropped = (skb: sk_buff, why: number): void => {
    const { reason, packet } = unrecorded(() => drop_text(skb, why));
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
    // The last call is that of the trace point.
    const last = current_call()?.parent ?? null;
    if (last === null) return;
    let chain: shown_call | null = null;
    for (let c: call | null = last; c !== null; c = c.parent) {
      chain = {
        name: c.name,
        site: c.site,
        args: c.args,
        duration: 0,
        asleep: false,
        elsewhere: false,
        notes: c.parent === null ? [`${reason}: ${packet}`] : [],
        calls: chain === null ? [] : [chain],
      };
    }
    const { nr, tree: { task } } = last;
    const t = { nr, task, start: last.start, root: chain! };
    this.write(this.options.json ? graph_json(t) : graph_text(t, true));
  };
}

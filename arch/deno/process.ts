// SPDX-License-Identifier: GPL-2.0-only
//
// The CPU's life on Deno: cpu_startup_entry() starts the idle loop, machine_halt() ends it. One turn
// (do_idle) looks which lines are raised, hands them to generic_handle_irq(), runs due timers and
// softirqs; then the programs that they woke go on, and every so often the event loop turns for all else. When a turn
// found nothing it sleeps: as cpuidle's haltpoll does, first for a short time that follows how soon the
// last wake-ups came, looking again and again and then in a ppoll that blocks the thread (a wake-up costs least there);
// then in a ppoll on another thread, cut short through an eventfd when a timer is started that is due sooner.
//
// A line is a descriptor of the host. Without any, hosts in one process, there is nothing to poll and
// setTimeout serves timers, so that no permission is needed.

import type { clock_event_device } from "../../include/linux/clockchips.ts";
import { IRQCHIP_STATE_PENDING } from "../../include/linux/irq.ts";
import type { irq_chip } from "../../include/linux/irq.ts";
import { NSEC_PER_MSEC } from "../../include/linux/time64.ts";
import { ktime_get_ns } from "../../include/linux/timekeeping.ts";
import { generic_handle_irq } from "../../kernel/irq/irqdesc.ts";
import {
  irq_enter,
  irq_exit,
  ksoftirqd_running,
  local_softirq_pending,
  run_ksoftirqd,
} from "../../kernel/softirq.ts";
import { clockevents_register_device } from "../../kernel/time/clockevents.ts";
import { tick_nohz_handler, tick_nohz_idle_enter } from "../../kernel/time/tick-sched.ts";
import { update_wall_time } from "../../kernel/time/timekeeping.ts";
import { get_next_timer_interrupt } from "../../kernel/time/timer.ts";
import { deno_clocksource } from "./clocksource.ts";
import {
  EFD_NONBLOCK,
  os_close_file,
  os_error,
  os_eventfd,
  os_poll,
  os_poll_async,
  os_read_file,
  os_sched_yield,
  os_set_timerslack,
  os_write_file,
  POLLERR,
  POLLHUP,
  POLLIN,
} from "./libc.ts";

/** Longest wait in a ppoll that blocks the thread, ns; 0: never. As the module parameters of haltpoll. */
let guest_halt_poll_ns = 300_000;
/** A wait grows from here, by this factor, and shrinks by that. */
const guest_halt_poll_grow_start = 50_000;
const guest_halt_poll_grow = 2;
const guest_halt_poll_shrink = 2;

const CPU_OFF = 0;
const CPU_RUNNING = 1;
/** Asleep in os_poll_async(), or by setTimeout. */
const CPU_POLLING = 2;
const CPU_TIMER = 3;
/** machine_halt() was called during os_poll_async(). */
const CPU_DYING = 4;

let state = CPU_OFF;
/** How long the next blocking wait may be, ns. */
let poll_limit_ns = 0;
/** When a sleep ends at the latest, ns since boot. */
let deadline = Infinity;
/** When the CPU ran out of work, ns of the clocksource. */
let idle_since = 0;

/** The lines to watch as struct pollfd: descriptor, events and, in the upper half, revents. */
let pollfds = new Int32Array(2 * 8);
let nr_pollfds = 0;
/** A line's driver says that it is raised, so that there is no need to poll. */
let irq_pending = false;
/** The lines of this turn, as they were polled. */
let raised = new Int32Array(2 * 8);
/** What the other thread polls: the eventfd first, then a copy of pollfds. */
let sleep_pollfds = new Int32Array(2 * 9);
let sleep_ts = new Int32Array(4);
let wakeup_fd = -1;
let wakeup_written = false;
const wakeup_value = new Uint8Array(8);

let timeout_handle: ReturnType<typeof setTimeout> | undefined;
let sleeping: Promise<number> | null = null;
let halted: (() => void) | null = null;
/** The loop keeps the process alive while this is positive. */
let refs = 0;

/** How often each way of waiting was taken, and the loop turned. @local */
export const cpu_idle_stats = {
  turns: 0,
  blocking: 0,
  blocking_hits: 0,
  sleeps: 0,
  wakeups: 0,
};

/**
 * Deno's own means to let the process end in spite of a pending call, and to run what promises wait for without a turn
 * of its event loop; not a public interface.
 */
interface deno_core {
  refOpPromise(promise: Promise<unknown>): void;
  unrefOpPromise(promise: Promise<unknown>): void;
  runMicrotasks(): void;
}

function find_deno_core(): deno_core | null {
  const deno = Deno as unknown as Record<PropertyKey, unknown>;
  const core = (deno[deno.internal as symbol] as { core?: deno_core } | undefined)?.core;
  return typeof core?.unrefOpPromise === "function" && typeof core.runMicrotasks === "function"
    ? core
    : null;
}

const core = find_deno_core();
/**
 * How long to look again and again before a blocking wait, ns: to be woken from one costs about as much. Whoever shares
 * the core is let through between two looks.
 */
const SPIN_NS = 30_000;
/** For how long at most turns follow each other before the event loop has its own, ns. */
const EVENT_LOOP_PERIOD_NS = 1_000_000;
/** How often an unreferenced loop looks, where Deno cannot let go of a pending call, ms. */
const UNREF_PERIOD = 10;

function find_pollfd(irq: number): number {
  for (let i = 0; i < nr_pollfds; i++) {
    if (pollfds[2 * i] === irq) return i;
  }
  return -1;
}

/** Descriptors as interrupt lines: raised while readable. */
const poll_irq_chip: irq_chip = {
  name: "ppoll",

  irq_unmask(irq: number): void {
    if (find_pollfd(irq) >= 0) return;
    if (2 * nr_pollfds === pollfds.length) {
      const grown = new Int32Array(4 * nr_pollfds);
      grown.set(pollfds);
      pollfds = grown;
    }
    pollfds[2 * nr_pollfds] = irq;
    pollfds[2 * nr_pollfds + 1] = POLLIN;
    nr_pollfds++;
    if (state >= CPU_POLLING) wake_up_idle_cpu();
  },

  irq_mask(irq: number): void {
    const i = find_pollfd(irq);
    if (i < 0) return;
    nr_pollfds--;
    pollfds[2 * i] = pollfds[2 * nr_pollfds];
    pollfds[2 * i + 1] = pollfds[2 * nr_pollfds + 1];
    if (state >= CPU_POLLING) wake_up_idle_cpu();
  },

  irq_set_irqchip_state(irq: number, which: number, pending: boolean): void {
    const i = find_pollfd(irq);
    if (i < 0 || which !== IRQCHIP_STATE_PENDING) return;
    pollfds[2 * i + 1] = pending ? POLLIN | POLLIN << 16 : POLLIN;
    if (!pending) return;
    irq_pending = true;
    if (state >= CPU_POLLING) wake_up_idle_cpu();
  },
};

/** Ends a sleep early. */
function wake_up_idle_cpu(): void {
  if (state === CPU_POLLING) {
    if (wakeup_written) return;
    wakeup_written = true;
    wakeup_value[0] = 1;
    os_write_file(wakeup_fd, wakeup_value, 8);
  } else if (state === CPU_TIMER) {
    clearTimeout(timeout_handle);
    timeout_handle = undefined;
    state = CPU_RUNNING;
    schedule_turn();
  }
}

/** The alarm clock of timers: only a sleep has to know, each turn looks by itself. */
const idle_clockevent: clock_event_device = {
  name: "ppoll",
  event_handler: null,
  set_next_event(expires: number): void {
    if (state < CPU_POLLING || expires >= deadline) return;
    // Programs are woken by something else than the NIC: a blocking wait would be in their way.
    poll_limit_ns = 0;
    wake_up_idle_cpu();
  },
};

/** Nobody will look at the softirqs soon: sees to it. */
function wakeup_ksoftirqd(): void {
  if (state === CPU_POLLING || state === CPU_TIMER) setImmediate(run_ksoftirqd);
}

/** Calls the handlers of the lines that are raised in `fds`, from the i-th on. */
function handle_irqs(fds: Int32Array, i: number, nfds: number): void {
  for (; i < nfds; i++) {
    const revents = fds[2 * i + 1] >>> 16;
    if ((revents & (POLLIN | POLLERR | POLLHUP)) !== 0) generic_handle_irq(fds[2 * i]);
  }
}

/**
 * Interrupts: raised lines, then the clock. In this order, since both may have waited for a program: an ACK that is here
 * stops the timer that it would be late for.
 */
function do_IRQ(fds: Int32Array, first: number, nfds: number): void {
  if (nfds > first) {
    irq_enter();
    try {
      update_wall_time();
      handle_irqs(fds, first, nfds);
    } finally {
      irq_exit();
    }
  }
  tick_nohz_handler(idle_clockevent);
}

/** How long to block for lines, ns: not past the next timer, and not at all when there is work. */
function blocking_time(): number {
  if (poll_limit_ns === 0 || ksoftirqd_running() || local_softirq_pending() !== 0) return 0;
  const next = get_next_timer_interrupt();
  if (next === Infinity) return poll_limit_ns;
  update_wall_time();
  return Math.max(0, Math.min(poll_limit_ns, next - ktime_get_ns()));
}

/** How many lines are raised within `timeout` ns. */
function spin_or_block(timeout: number): number {
  const start = deno_clocksource.read();
  let spent: number;
  do {
    const n = os_poll(pollfds, nr_pollfds, 0);
    if (n !== 0) return n;
    os_sched_yield();
    spent = deno_clocksource.read() - start;
    if (spent >= timeout) return 0;
  } while (spent < SPIN_NS);
  return os_poll(pollfds, nr_pollfds, timeout - spent);
}

/** The lines that are pending, in `raised`: how many to look at. */
function pending_irqs(): number {
  irq_pending = false;
  for (let i = 0; i < nr_pollfds; i++) {
    raised[2 * i] = pollfds[2 * i];
    raised[2 * i + 1] = pollfds[2 * i + 1];
    pollfds[2 * i + 1] = POLLIN;
  }
  return nr_pollfds;
}

/**
 * Polls the lines, waiting at most `timeout` ns; how many to look at in `raised`. The handlers get a copy, since they mask
 * their lines.
 */
function poll_irqs(timeout: number): number {
  if (nr_pollfds === 0) return 0;
  if (raised.length < pollfds.length) raised = new Int32Array(pollfds.length);
  if (irq_pending) return pending_irqs();
  const n = timeout > 0 ? spin_or_block(timeout) : os_poll(pollfds, nr_pollfds, 0);
  if (timeout > 0) {
    cpu_idle_stats.blocking++;
    if (n > 0) cpu_idle_stats.blocking_hits++;
  }
  if (n <= 0) return 0;
  for (let i = 0; i < 2 * nr_pollfds; i++) raised[i] = pollfds[i];
  return nr_pollfds;
}

/** One turn of the loop; true: there was something to do. */
function do_idle(): boolean {
  cpu_idle_stats.turns++;
  const nfds = poll_irqs(nr_pollfds === 0 || irq_pending ? 0 : blocking_time());
  do_IRQ(raised, 0, nfds);
  if (ksoftirqd_running()) {
    run_ksoftirqd();
    return true;
  }
  return nfds > 0 || irq_pending || local_softirq_pending() !== 0;
}

/**
 * Turns, and between them the programs that they woke: a turn of the event loop costs more than a packet. Every so often
 * everything else that waits for the event loop.
 */
function cpu_idle(): void {
  let busy = true;
  const start = ktime_get_ns();
  try {
    while (state === CPU_RUNNING) {
      busy = do_idle();
      if (!busy || core === null || ktime_get_ns() - start >= EVENT_LOOP_PERIOD_NS) break;
      core.runMicrotasks();
    }
  } finally {
    if (state === CPU_RUNNING) {
      if (busy) schedule_turn();
      else cpuidle_enter();
    }
  }
}

/** Has the event loop come back here after everything else that is ready. */
function schedule_turn(): void {
  const immediate = setImmediate(cpu_idle);
  if (refs <= 0) immediate.unref();
}

/** Nothing to do: sleeps until a line is raised or a timer is due. */
function cpuidle_enter(): void {
  idle_since = deno_clocksource.read();
  deadline = tick_nohz_idle_enter();
  cpu_idle_stats.sleeps++;
  if (nr_pollfds === 0 || (refs <= 0 && core === null)) sleep_by_timer();
  else sleep_by_poll();
}

function ns_to_deadline(): number {
  update_wall_time();
  return Math.max(0, deadline - ktime_get_ns());
}

/** Without lines. With neither lines nor timers only a program can give the CPU work. */
function sleep_by_timer(): void {
  state = CPU_TIMER;
  let ms = Math.min(Math.ceil(ns_to_deadline() / NSEC_PER_MSEC), 0x7fffffff);
  if (nr_pollfds > 0) ms = Math.min(ms, UNREF_PERIOD);
  else if (deadline === Infinity) return;
  timeout_handle = setTimeout(timer_wakeup, ms);
  if (refs <= 0) timeout_handle.unref();
}

function timer_wakeup(): void {
  timeout_handle = undefined;
  if (state !== CPU_TIMER) return;
  state = CPU_RUNNING;
  cpu_idle();
}

function sleep_by_poll(): void {
  if (wakeup_fd < 0) wakeup_init();
  if (sleep_pollfds.length < pollfds.length + 2) sleep_pollfds = new Int32Array(pollfds.length + 2);
  sleep_pollfds[0] = wakeup_fd;
  sleep_pollfds[1] = POLLIN;
  for (let i = 0; i < 2 * nr_pollfds; i++) sleep_pollfds[i + 2] = pollfds[i];
  const nfds = nr_pollfds + 1;
  const ns = deadline === Infinity ? Infinity : ns_to_deadline();
  state = CPU_POLLING;
  sleeping = os_poll_async(sleep_pollfds, nfds, ns, sleep_ts);
  if (refs <= 0) core?.unrefOpPromise(sleeping);
  sleeping.then((n) => poll_wakeup(n, nfds));
}

function poll_wakeup(n: number, nfds: number): void {
  // What ended the sleep may have been long ago, and a line have been raised since.
  const stale = n <= 0 || wakeup_written;
  sleeping = null;
  if (wakeup_written) os_read_file(wakeup_fd, wakeup_value, 8);
  else if (n > 0) adjust_poll_limit(deno_clocksource.read() - idle_since);
  wakeup_written = false;
  if (state === CPU_DYING) {
    cpu_dead();
    return;
  }
  state = CPU_RUNNING;
  cpu_idle_stats.wakeups++;
  try {
    if (stale) do_IRQ(raised, 0, poll_irqs(0));
    else do_IRQ(sleep_pollfds, 1, nfds);
  } finally {
    if (state === CPU_RUNNING) schedule_turn();
  }
}

/** Learns from a sleep of block_ns that a line ended: would a longer blocking wait have met it? */
function adjust_poll_limit(block_ns: number): void {
  if (block_ns > guest_halt_poll_ns) {
    poll_limit_ns = Math.floor(poll_limit_ns / guest_halt_poll_shrink);
    if (poll_limit_ns < guest_halt_poll_grow_start) poll_limit_ns = 0;
  } else {
    const grown = Math.max(poll_limit_ns * guest_halt_poll_grow, guest_halt_poll_grow_start);
    poll_limit_ns = Math.min(grown, guest_halt_poll_ns);
  }
}

/** @throws os_error */
function wakeup_init(): void {
  os_set_timerslack(1);
  wakeup_fd = os_eventfd(0, EFD_NONBLOCK);
  if (wakeup_fd < 0) throw new os_error(wakeup_fd, "cannot make an eventfd");
}

/** Longest blocking wait for the NIC, us, 0 for none: shorter lets other work of the program pass. @local */
export function set_halt_poll_us(us: number): void {
  guest_halt_poll_ns = us * 1000;
  poll_limit_ns = Math.min(poll_limit_ns, guest_halt_poll_ns);
}

/** A reason more (delta 1) or less (-1) for the process to stay alive while the loop sleeps. @local */
export function cpu_idle_ref(delta: number): void {
  const before = refs > 0;
  refs += delta;
  const after = refs > 0;
  if (before === after) return;
  if (sleeping !== null) {
    if (core === null) wake_up_idle_cpu();
    else if (after) core.refOpPromise(sleeping);
    else core.unrefOpPromise(sleeping);
  }
  if (timeout_handle !== undefined) {
    if (after) timeout_handle.ref();
    else timeout_handle.unref();
  }
}

/** The chip, the alarm clock and ksoftirqd's wake-up: what kernel/ calls here. @local */
export function cpu_idle_init(): { chip: irq_chip; wakeup_ksoftirqd: () => void } {
  if (state === CPU_DYING) {
    throw new Error("the last machine is still halting: await machine_halt()");
  }
  if (state !== CPU_OFF) throw new Error("a machine is running: await machine_halt() first");
  nr_pollfds = 0;
  irq_pending = false;
  poll_limit_ns = 0;
  deadline = Infinity;
  clockevents_register_device(idle_clockevent, tick_nohz_handler);
  return { chip: poll_irq_chip, wakeup_ksoftirqd };
}

/** Starts the loop, which keeps the process alive until cpu_idle_ref(-1) or machine_halt(). */
export function cpu_startup_entry(): void {
  state = CPU_RUNNING;
  refs = 1;
  schedule_turn();
}

function cpu_dead(): void {
  state = CPU_OFF;
  if (wakeup_fd >= 0) os_close_file(wakeup_fd);
  wakeup_fd = -1;
  sleep_ts = new Int32Array(4);
  halted?.();
  halted = null;
}

/**
 * Ends the loop: nothing of the machine runs any more. The promise tells when the other thread has
 * let go of its descriptors.
 */
export function machine_halt(): Promise<void> {
  if (state === CPU_OFF) return Promise.resolve();
  return new Promise((resolve) => {
    halted = resolve;
    if (state === CPU_POLLING) {
      wake_up_idle_cpu();
      state = CPU_DYING;
      return;
    }
    if (timeout_handle !== undefined) clearTimeout(timeout_handle);
    timeout_handle = undefined;
    cpu_dead();
  });
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The smallest or largest value of a sliding window of time, kept with three samples: the best of the window,
// the best since, and the best since that one. TCP keeps its minimum RTT so (tcp_update_rtt_min).

import type { minmax } from "../include/linux/tcp.ts";

/** The best value of the window. */
export function minmax_get(m: minmax): number {
  return m.s[0].v;
}

/** Forgets all but this value; answers it. */
export function minmax_reset(m: minmax, t: number, meas: number): number {
  const s = m.s;
  s[0].t = s[1].t = s[2].t = t;
  s[0].v = s[1].v = s[2].v = meas;
  return meas;
}

/** Sample i takes the place of its elder. */
function minmax_promote(m: minmax, i: number): void {
  m.s[i - 1].t = m.s[i].t;
  m.s[i - 1].v = m.s[i].v;
}

/** A new value that is not the best: samples that are too old give way, quarters of the window get theirs. */
function minmax_subwin_update(m: minmax, win: number, t: number, meas: number): number {
  const s = m.s;
  const age = (t - s[0].t) >>> 0;
  if (age > win) {
    minmax_promote(m, 1);
    minmax_promote(m, 2);
    s[2].t = t;
    s[2].v = meas;
    if (((t - s[0].t) >>> 0) > win) {
      minmax_promote(m, 1);
      minmax_promote(m, 2);
      s[2].t = t;
      s[2].v = meas;
    }
  } else if (s[1].t === s[0].t && age > Math.floor(win / 4)) {
    s[1].t = s[2].t = t;
    s[1].v = s[2].v = meas;
  } else if (s[2].t === s[1].t && age > Math.floor(win / 2)) {
    s[2].t = t;
    s[2].v = meas;
  }
  return s[0].v;
}

/** Takes a value at time t (int32) into a window of `win`; answers the largest. */
export function minmax_running_max(m: minmax, win: number, t: number, meas: number): number {
  const s = m.s;
  if (meas >= s[0].v || ((t - s[2].t) >>> 0) > win) return minmax_reset(m, t, meas);
  if (meas >= s[1].v) {
    s[1].t = s[2].t = t;
    s[1].v = s[2].v = meas;
  } else if (meas >= s[2].v) {
    s[2].t = t;
    s[2].v = meas;
  }
  return minmax_subwin_update(m, win, t, meas);
}

/** Takes a value at time t (int32) into a window of `win`; answers the smallest. */
export function minmax_running_min(m: minmax, win: number, t: number, meas: number): number {
  const s = m.s;
  if (meas <= s[0].v || ((t - s[2].t) >>> 0) > win) return minmax_reset(m, t, meas);
  if (meas <= s[1].v) {
    s[1].t = s[2].t = t;
    s[1].v = s[2].v = meas;
  } else if (meas <= s[2].v) {
    s[2].t = t;
    s[2].v = meas;
  }
  return minmax_subwin_update(m, win, t, meas);
}

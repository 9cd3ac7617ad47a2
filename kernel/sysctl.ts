// SPDX-License-Identifier: GPL-2.0-only
//
// Kinds of sysctls: how numbers are written as text, and within which bounds they are taken. A table's entry is
// made by proc_dointvec_minmax() and its kin, from a name and the place of the number in the host.

import type { ctl_table } from "../include/linux/sysctl.ts";
import { HZ } from "../include/linux/jiffies.ts";
import type { net } from "../include/net/net_namespace.ts";
import { EACCES, EINVAL } from "../include/uapi/asm-generic/errno.ts";

export const INT_MIN = -2147483648;
export const INT_MAX = 2147483647;
export const UINT_MAX = 4294967295;

/** Where the number stands. */
type place<K extends string> = (n: net) => { [P in K]: number };

/** The number of a word: decimal, 0x hexadecimal, 0 octal; NaN for anything else. */
function strtol(word: string): number {
  const m = /^(-?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(word);
  if (m === null) return NaN;
  const octal = m[2].length > 1 && m[2][0] === "0" && !/^0x/i.test(m[2]);
  const val = Number(octal ? `0o${m[2].slice(1)}` : m[2]);
  return m[1] !== "" && val !== 0 ? -val : val;
}

/** The first numbers of a text, at most `most`; null where there is none, or one that is none. @local */
export function proc_get_longs(text: string, most: number): number[] | null {
  const words = text.trim().split(/[ \t\n]+/, most);
  const vals = words.map(strtol);
  return vals.some(Number.isNaN) ? null : vals;
}

/** A sysctl that cannot be written. @local */
export function proc_readonly(procname: string, read: (n: net) => string): ctl_table {
  return { procname, mode: 0o444, read, write: () => -EACCES };
}

/** A number between bounds; text is the number times 1 / scale. @local */
function proc_number<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
  min: number,
  max: number,
  scale: number,
): ctl_table {
  return {
    procname,
    mode: 0o644,
    read: (n) => String(Math.trunc(data(n)[key] / scale)),
    write(n, text) {
      const vals = proc_get_longs(text, 1);
      if (vals === null || vals[0] < min || vals[0] > max) return -EINVAL;
      data(n)[key] = vals[0] * scale;
      return 0;
    },
  };
}

/** An int. */
export function proc_dointvec<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
): ctl_table {
  return proc_number(procname, data, key, INT_MIN, INT_MAX, 1);
}

/** An int between bounds. */
export function proc_dointvec_minmax<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
  extra1 = INT_MIN,
  extra2 = INT_MAX,
): ctl_table {
  return proc_number(procname, data, key, extra1, extra2, 1);
}

/** An unsigned int between bounds. */
export function proc_douintvec_minmax<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
  extra1 = 0,
  extra2 = UINT_MAX,
): ctl_table {
  return proc_number(procname, data, key, extra1, extra2, 1);
}

/** 0..255, or less. */
export function proc_dou8vec_minmax<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
  extra1 = 0,
  extra2 = 255,
): ctl_table {
  return proc_number(procname, data, key, extra1, extra2, 1);
}

/** Seconds, kept as jiffies. */
export function proc_dointvec_jiffies<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
): ctl_table {
  const most = Math.floor(INT_MAX / HZ);
  return proc_number(procname, data, key, -most, most, HZ);
}

/** ms, kept as jiffies (which are ms). */
export function proc_dointvec_ms_jiffies<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
): ctl_table {
  return proc_number(procname, data, key, 0, INT_MAX, 1000 / HZ);
}

const USER_HZ = 100;

/** Hundredths of a second, kept as jiffies. */
export function proc_dointvec_userhz_jiffies<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
): ctl_table {
  const most = Math.floor(INT_MAX / (HZ / USER_HZ));
  return proc_number(procname, data, key, -most, most, HZ / USER_HZ);
}

/** An unsigned long between bounds. */
export function proc_doulongvec_minmax<K extends string>(
  procname: string,
  data: place<K>,
  key: K,
  extra1 = 0,
  extra2 = Number.MAX_SAFE_INTEGER,
): ctl_table {
  return proc_number(procname, data, key, extra1, extra2, 1);
}

/** Several numbers between bounds; a write may give the first of them only. @local */
export function proc_vector(
  procname: string,
  data: (n: net) => Int32Array,
  extra1 = INT_MIN,
  extra2 = INT_MAX,
): ctl_table {
  return {
    procname,
    mode: 0o644,
    read: (n) => data(n).join("\t"),
    write(n, text) {
      const to = data(n);
      const vals = proc_get_longs(text, to.length);
      if (vals === null || vals.some((v) => v < extra1 || v > extra2)) return -EINVAL;
      to.set(vals);
      return 0;
    },
  };
}

/** A string of at most maxlen - 1 characters, up to the end of the line. */
export function proc_dostring(
  procname: string,
  get: (n: net) => string,
  set: (n: net, text: string) => number,
  maxlen: number,
): ctl_table {
  return {
    procname,
    mode: 0o644,
    read: get,
    write: (n, text) => set(n, text.split("\n", 1)[0].slice(0, maxlen - 1)),
  };
}

/** A set of numbers below `bits`, as ranges: 8080,9000-9010. */
export function proc_do_large_bitmap(
  procname: string,
  data: (n: net) => Set<number>,
  bits: number,
): ctl_table {
  return {
    procname,
    mode: 0o644,
    read(n) {
      const vals = [...data(n)].sort((a, b) => a - b);
      const out: string[] = [];
      for (let i = 0; i < vals.length;) {
        let j = i;
        while (j + 1 < vals.length && vals[j + 1] === vals[j] + 1) j++;
        out.push(j > i ? `${vals[i]}-${vals[j]}` : String(vals[i]));
        i = j + 1;
      }
      return out.join(",");
    },
    write(n, text) {
      const vals: number[] = [];
      for (const range of text.replace(/\n$/, "").split(",")) {
        if (range === "") continue;
        const [from, to, more] = range.split("-");
        const a = strtol(from);
        const b = to !== undefined ? strtol(to) : a;
        if (more !== undefined || !(a >= 0 && a <= b && b < bits)) return -EINVAL;
        for (let v = a; v <= b; v++) vals.push(v);
      }
      const to = data(n);
      to.clear();
      for (const v of vals) to.add(v);
      return 0;
    },
  };
}

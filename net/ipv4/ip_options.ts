// SPDX-License-Identifier: GPL-2.0-only
//
// IPv4 options: ip_rcv_options() has ip_options_compile() parse those of a packet; ip_options_build() writes
// a socket's into a header; ip_options_echo() turns a packet's into those of the answer; routers go on by
// ip_options_rcv_srr() and ip_forward_options(). Sockets get theirs parsed by ip_options_get().
//
// Offsets (srr, rr, ts, …) count from the start of the IP header. @rfc 791 3.1

import { IS_ERR } from "../../include/linux/err.ts";
import type { net_device } from "../../include/linux/netdevice.ts";
import {
  ip_hdr,
  ip_options,
  IPCB,
  PACKET_HOST,
  skb_dst,
  skb_dst_set,
} from "../../include/linux/skbuff.ts";
import type { sk_buff } from "../../include/linux/skbuff.ts";
import { ktime_get_real_ns } from "../../include/linux/timekeeping.ts";
import { icmp_send } from "../../include/net/icmp.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { skb_rtable } from "../../include/net/route.ts";
import type { rtable } from "../../include/net/route.ts";
import { EINVAL, ENOMEM } from "../../include/uapi/asm-generic/errno.ts";
import { ICMP_PARAMETERPROB } from "../../include/uapi/linux/icmp.ts";
import {
  IPOPT_CIPSO,
  IPOPT_COPY,
  IPOPT_END,
  IPOPT_LSRR,
  IPOPT_NOOP,
  IPOPT_RA,
  IPOPT_RR,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
  IPOPT_TS_PRESPEC,
  IPOPT_TS_TSANDADDR,
  IPOPT_TS_TSONLY,
  MAX_IPOPTLEN,
} from "../../include/uapi/linux/ip.ts";
import { RTN_LOCAL, RTN_UNICAST } from "../../include/uapi/linux/rtnetlink.ts";
import { fib_compute_spec_dst, inet_addr_type } from "./fib_frontend.ts";
import { ip_route_input, ip_rt_get_source } from "./route.ts";

const IPHDR = 20;

function get32(b: Uint8Array, at: number): number {
  return (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3];
}

function put32(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 24;
  b[at + 1] = v >>> 16;
  b[at + 2] = v >>> 8;
  b[at + 3] = v;
}

/** ms since midnight UT. */
function inet_current_timestamp(): number {
  return Math.floor(ktime_get_real_ns() / 1000000) % 86400000;
}

/** Copies what was parsed; the bytes are another matter. */
function ip_options_copy(to: ip_options, from: ip_options): void {
  to.faddr = from.faddr;
  to.nexthop = from.nexthop;
  to.optlen = from.optlen;
  to.srr = from.srr;
  to.rr = from.rr;
  to.ts = from.ts;
  to.is_strictroute = from.is_strictroute;
  to.srr_is_hit = from.srr_is_hit;
  to.is_changed = from.is_changed;
  to.rr_needaddr = from.rr_needaddr;
  to.ts_needtime = from.ts_needtime;
  to.ts_needaddr = from.ts_needaddr;
  to.router_alert = from.router_alert;
  to.cipso = from.cipso;
}

/** As new; the bytes' buffer stays for reuse. */
function ip_options_reset(opt: ip_options): void {
  opt.faddr = 0;
  opt.nexthop = 0;
  opt.optlen = 0;
  opt.srr = 0;
  opt.rr = 0;
  opt.ts = 0;
  opt.is_strictroute = false;
  opt.srr_is_hit = false;
  opt.is_changed = false;
  opt.rr_needaddr = false;
  opt.ts_needtime = false;
  opt.ts_needaddr = false;
  opt.router_alert = 0;
  opt.cipso = 0;
}

/** Writes options behind a new header of skb and completes them for their way to daddr. */
export function ip_options_build(
  skb: sk_buff,
  opt: ip_options,
  daddr: number,
  rt: rtable,
  is_frag = 0,
): void {
  const u8 = skb.head.u8;
  const iph = skb.network_header;
  const cb = IPCB(skb).opt;
  ip_options_copy(cb, opt);
  cb.__data = null;
  const data = opt.__data;
  for (let i = 0; i < opt.optlen; i++) u8[iph + IPHDR + i] = data !== null ? data[i] : 0;
  if (opt.srr !== 0) put32(u8, iph + opt.srr + u8[iph + opt.srr + 1] - 4, daddr);
  if (is_frag === 0) {
    if (opt.rr_needaddr) {
      put32(u8, iph + opt.rr + u8[iph + opt.rr + 2] - 5, ip_rt_get_source(skb, rt));
    }
    if (opt.ts_needaddr) {
      put32(u8, iph + opt.ts + u8[iph + opt.ts + 2] - 9, ip_rt_get_source(skb, rt));
    }
    if (opt.ts_needtime) {
      put32(u8, iph + opt.ts + u8[iph + opt.ts + 2] - 5, inet_current_timestamp());
    }
    return;
  }
  // Only the first fragment records.
  blank(u8, iph, opt.rr);
  blank(u8, iph, opt.ts);
  cb.ts = 0;
  cb.rr = 0;
  cb.rr_needaddr = cb.ts_needaddr = cb.ts_needtime = false;
}

/** Makes an option of the header at iph padding. */
function blank(u8: Uint8Array, iph: number, at: number): void {
  if (at !== 0) u8.fill(IPOPT_NOOP, iph + at, iph + at + u8[iph + at + 1]);
}

/** Time stamps go back as they came, with room for those of the way: 0 or -EINVAL. */
function echo_ts(
  n: net,
  dopt: ip_options,
  sopt: ip_options,
  d: Uint8Array,
  dat: number,
  optlen: number,
): number {
  let soffset = d[dat + 2];
  if (soffset > optlen) return 0;
  if (sopt.ts_needaddr) {
    if (soffset + 3 > optlen) return -EINVAL;
    dopt.ts_needaddr = true;
    soffset += 4;
  }
  if (sopt.ts_needtime) {
    if (soffset + 3 > optlen) return -EINVAL;
    if ((d[dat + 3] & 0xf) !== IPOPT_TS_PRESPEC) {
      dopt.ts_needtime = true;
      soffset += 4;
    } else if (
      soffset + 7 <= optlen && inet_addr_type(n, get32(d, dat + soffset - 1)) !== RTN_UNICAST
    ) {
      dopt.ts_needtime = true;
      soffset += 8;
    }
  }
  d[dat + 2] = soffset;
  return 0;
}

/** The options of an answer to skb, whose own are sopt: 0 or -EINVAL. The bytes are dopt.__data. */
export function __ip_options_echo(
  n: net,
  dopt: ip_options,
  skb: sk_buff,
  sopt: ip_options,
): number {
  ip_options_reset(dopt);
  if (sopt.optlen === 0) return 0;
  const d = dopt.__data !== null && dopt.__data.length >= MAX_IPOPTLEN
    ? dopt.__data
    : dopt.__data = new Uint8Array(MAX_IPOPTLEN);
  const u8 = skb.head.u8;
  const sptr = skb.network_header;
  let dat = 0;
  if (sopt.rr !== 0) {
    const optlen = u8[sptr + sopt.rr + 1];
    const soffset = u8[sptr + sopt.rr + 2];
    dopt.rr = dopt.optlen + IPHDR;
    for (let i = 0; i < optlen; i++) d[dat + i] = u8[sptr + sopt.rr + i];
    if (sopt.rr_needaddr && soffset <= optlen) {
      if (soffset + 3 > optlen) return -EINVAL;
      d[dat + 2] = soffset + 4;
      dopt.rr_needaddr = true;
    }
    dat += optlen;
    dopt.optlen += optlen;
  }
  if (sopt.ts !== 0) {
    const optlen = u8[sptr + sopt.ts + 1];
    dopt.ts = dopt.optlen + IPHDR;
    for (let i = 0; i < optlen; i++) d[dat + i] = u8[sptr + sopt.ts + i];
    if (echo_ts(n, dopt, sopt, d, dat, optlen) !== 0) return -EINVAL;
    dat += optlen;
    dopt.optlen += optlen;
  }
  if (sopt.srr !== 0) {
    const start = sptr + sopt.srr;
    let soffset = u8[start + 2];
    let faddr = 0;
    if (soffset > u8[start + 1]) soffset = u8[start + 1] + 1;
    soffset -= 4;
    let doffset = 0;
    if (soffset > 3) {
      faddr = get32(u8, start + soffset - 1);
      for (soffset -= 4, doffset = 4; soffset > 3; soffset -= 4, doffset += 4) {
        put32(d, dat + doffset - 1, get32(u8, start + soffset - 1));
      }
      // A route that starts with the sender itself is mended. @rfc 1812 5.2.4.1
      if (get32(u8, start + soffset + 3) === ip_hdr(skb).saddr) doffset -= 4;
    }
    if (doffset > 3) {
      dopt.faddr = faddr;
      d[dat] = u8[start];
      d[dat + 1] = doffset + 3;
      d[dat + 2] = 4;
      dat += doffset + 3;
      dopt.srr = dopt.optlen + IPHDR;
      dopt.optlen += doffset + 3;
      dopt.is_strictroute = sopt.is_strictroute;
    }
  }
  if (sopt.cipso !== 0) {
    const optlen = u8[sptr + sopt.cipso + 1];
    dopt.cipso = dopt.optlen + IPHDR;
    for (let i = 0; i < optlen; i++) d[dat + i] = u8[sptr + sopt.cipso + i];
    dat += optlen;
    dopt.optlen += optlen;
  }
  while ((dopt.optlen & 3) !== 0) {
    d[dat++] = IPOPT_END;
    dopt.optlen++;
  }
  return 0;
}

/** As __ip_options_echo(), of the options parsed with the packet. */
export function ip_options_echo(n: net, dopt: ip_options, skb: sk_buff): number {
  return __ip_options_echo(n, dopt, skb, IPCB(skb).opt);
}

/** Leaves in the header of a later fragment only what every fragment carries. */
export function ip_options_fragment(skb: sk_buff): void {
  const u8 = skb.head.u8;
  const opt = IPCB(skb).opt;
  let at = skb.network_header + IPHDR;
  for (let l = opt.optlen; l > 0;) {
    if (u8[at] === IPOPT_END) break;
    if (u8[at] === IPOPT_NOOP) {
      l--;
      at++;
      continue;
    }
    const optlen = u8[at + 1];
    if (optlen < 2 || optlen > l) return;
    if ((u8[at] & IPOPT_COPY) === 0) u8.fill(IPOPT_NOOP, at, at + optlen);
    l -= optlen;
    at += optlen;
  }
  opt.ts = 0;
  opt.rr = 0;
  opt.rr_needaddr = false;
  opt.ts_needaddr = false;
  opt.ts_needtime = false;
}

const info = new Int32Array(1);

/**
 * Parses options: of a packet (skb), where records of route and time are filled in, or of opt.__data. 0, or
 * -EINVAL and the offset of what is wrong, from the start of the header, in the highest byte of info[0].
 */
export function __ip_options_compile(
  n: net,
  opt: ip_options,
  skb: sk_buff | null,
  info: Int32Array | null,
): number {
  const u8 = skb !== null ? skb.head.u8 : opt.__data!;
  const iph = skb !== null ? skb.network_header : -IPHDR;
  const rt = skb !== null ? skb_rtable(skb) : null;
  let spec_dst = 0;
  let at = iph + IPHDR;
  let pp_ptr = -1;
  error: {
    for (let l = opt.optlen; l > 0;) {
      const code = u8[at];
      if (code === IPOPT_END) {
        for (at++, l--; l > 0; at++, l--) {
          if (u8[at] === IPOPT_END) continue;
          u8[at] = IPOPT_END;
          opt.is_changed = true;
        }
        break;
      }
      if (code === IPOPT_NOOP) {
        l--;
        at++;
        continue;
      }
      if (l < 2) {
        pp_ptr = at;
        break error;
      }
      const optlen = u8[at + 1];
      if (optlen < 2 || optlen > l) {
        pp_ptr = at;
        break error;
      }
      switch (code) {
        case IPOPT_SSRR:
        case IPOPT_LSRR:
          if (optlen < 3) {
            pp_ptr = at + 1;
            break error;
          }
          if (u8[at + 2] < 4) {
            pp_ptr = at + 2;
            break error;
          }
          if (opt.srr !== 0) {
            pp_ptr = at;
            break error;
          }
          if (skb === null) {
            if (u8[at + 2] !== 4 || optlen < 7 || ((optlen - 3) & 3) !== 0) {
              pp_ptr = at + 1;
              break error;
            }
            opt.faddr = get32(u8, at + 3);
            if (optlen > 7) u8.copyWithin(at + 3, at + 7, at + optlen);
          }
          opt.is_strictroute = code === IPOPT_SSRR;
          opt.srr = at - iph;
          break;
        case IPOPT_RR:
          if (opt.rr !== 0) {
            pp_ptr = at;
            break error;
          }
          if (optlen < 3) {
            pp_ptr = at + 1;
            break error;
          }
          if (u8[at + 2] < 4) {
            pp_ptr = at + 2;
            break error;
          }
          if (u8[at + 2] <= optlen) {
            if (u8[at + 2] + 3 > optlen) {
              pp_ptr = at + 2;
              break error;
            }
            if (rt !== null) {
              spec_dst = fib_compute_spec_dst(skb!);
              put32(u8, at + u8[at + 2] - 1, spec_dst);
              opt.is_changed = true;
            }
            u8[at + 2] += 4;
            opt.rr_needaddr = true;
          }
          opt.rr = at - iph;
          break;
        case IPOPT_TIMESTAMP:
          if (opt.ts !== 0) {
            pp_ptr = at;
            break error;
          }
          if (optlen < 4) {
            pp_ptr = at + 1;
            break error;
          }
          if (u8[at + 2] < 5) {
            pp_ptr = at + 2;
            break error;
          }
          if (u8[at + 2] <= optlen) {
            let timeptr = -1;
            if (u8[at + 2] + 3 > optlen) {
              pp_ptr = at + 2;
              break error;
            }
            const kind = u8[at + 3] & 0xf;
            if (kind === IPOPT_TS_TSONLY) {
              if (skb !== null) timeptr = at + u8[at + 2] - 1;
              opt.ts_needtime = true;
              u8[at + 2] += 4;
            } else if (kind === IPOPT_TS_TSANDADDR) {
              if (u8[at + 2] + 7 > optlen) {
                pp_ptr = at + 2;
                break error;
              }
              if (rt !== null) {
                spec_dst = fib_compute_spec_dst(skb!);
                put32(u8, at + u8[at + 2] - 1, spec_dst);
                timeptr = at + u8[at + 2] + 3;
              }
              opt.ts_needaddr = true;
              opt.ts_needtime = true;
              u8[at + 2] += 8;
            } else if (kind === IPOPT_TS_PRESPEC) {
              if (u8[at + 2] + 7 > optlen) {
                pp_ptr = at + 2;
                break error;
              }
              // The address is that of another host: not ours to stamp.
              if (inet_addr_type(n, get32(u8, at + u8[at + 2] - 1)) !== RTN_UNICAST) {
                if (skb !== null) timeptr = at + u8[at + 2] + 3;
                opt.ts_needtime = true;
                u8[at + 2] += 8;
              }
            } else if (skb === null) {
              pp_ptr = at + 3;
              break error;
            }
            if (timeptr >= 0) {
              put32(u8, timeptr, inet_current_timestamp());
              opt.is_changed = true;
            }
          } else if ((u8[at + 3] & 0xf) !== IPOPT_TS_PRESPEC) {
            const overflow = u8[at + 3] >> 4;
            if (overflow === 15) {
              pp_ptr = at + 3;
              break error;
            }
            if (skb !== null) {
              u8[at + 3] = (u8[at + 3] & 0xf) | ((overflow + 1) << 4);
              opt.is_changed = true;
            }
          }
          opt.ts = at - iph;
          break;
        case IPOPT_RA:
          if (optlen < 4) {
            pp_ptr = at + 1;
            break error;
          }
          if (u8[at + 2] === 0 && u8[at + 3] === 0) opt.router_alert = at - iph;
          break;
        case IPOPT_CIPSO:
          if (opt.cipso !== 0) {
            pp_ptr = at;
            break error;
          }
          opt.cipso = at - iph;
          break;
        default:
          // Unknown ones are let through; in a program's they are an error.
          if (skb === null) {
            pp_ptr = at;
            break error;
          }
      }
      l -= optlen;
      at += optlen;
    }
    return 0;
  }
  if (info !== null) info[0] = (pp_ptr - iph) << 24;
  return -EINVAL;
}

/** Parses a packet's options: 0, or -EINVAL, and its sender is told where. */
export function ip_options_compile(n: net, opt: ip_options, skb: sk_buff | null): number {
  const ret = __ip_options_compile(n, opt, skb, info);
  if (ret !== 0 && skb !== null) icmp_send(skb, ICMP_PARAMETERPROB, 0, info[0]);
  return ret;
}

/** Undoes in opt's bytes what __ip_options_compile() and the way changed, for a program to see. */
export function ip_options_undo(opt: ip_options): void {
  const d = opt.__data!;
  if (opt.srr !== 0) {
    const at = opt.srr - IPHDR;
    d.copyWithin(at + 7, at + 3, at + d[at + 1] - 4);
    put32(d, at + 3, opt.faddr);
  }
  if (opt.rr_needaddr) {
    const at = opt.rr - IPHDR;
    d[at + 2] -= 4;
    put32(d, at + d[at + 2] - 1, 0);
  }
  if (opt.ts !== 0) {
    const at = opt.ts - IPHDR;
    if (opt.ts_needtime) {
      d[at + 2] -= 4;
      put32(d, at + d[at + 2] - 1, 0);
      if ((d[at + 3] & 0xf) === IPOPT_TS_PRESPEC) d[at + 2] -= 4;
    }
    if (opt.ts_needaddr) {
      d[at + 2] -= 4;
      put32(d, at + d[at + 2] - 1, 0);
    }
  }
}

/** The options that a program gives for its packets, parsed; or a negative errno. */
export function ip_options_get(n: net, data: Uint8Array, optlen: number): ip_options | number {
  if (optlen > MAX_IPOPTLEN) return -EINVAL;
  if (data.length < optlen) return -ENOMEM;
  const opt = new ip_options();
  opt.__data = new Uint8Array(MAX_IPOPTLEN);
  for (let i = 0; i < optlen; i++) opt.__data[i] = data[i];
  while ((optlen & 3) !== 0) opt.__data[optlen++] = IPOPT_END;
  opt.optlen = optlen;
  if (optlen !== 0) {
    const err = ip_options_compile(n, opt, null);
    if (IS_ERR(err) && err !== 0) return -EINVAL;
  }
  return opt;
}

/** A router writes its address and time into the options of a packet that it forwards. */
export function ip_forward_options(skb: sk_buff): void {
  const opt = IPCB(skb).opt;
  const rt = skb_rtable(skb)!;
  const u8 = skb.head.u8;
  const raw = skb.network_header;
  if (opt.rr_needaddr) {
    put32(u8, raw + opt.rr + u8[raw + opt.rr + 2] - 5, ip_rt_get_source(skb, rt));
    opt.is_changed = true;
  }
  if (opt.srr_is_hit) {
    const optptr = raw + opt.srr;
    const end = u8[optptr + 1];
    let srrptr = u8[optptr + 2];
    for (; srrptr <= end; srrptr += 4) {
      if (srrptr + 3 > end) break;
      if (get32(u8, optptr + srrptr - 1) === opt.nexthop) break;
    }
    if (srrptr + 3 <= end) {
      opt.is_changed = true;
      ip_hdr(skb).daddr = opt.nexthop;
      put32(u8, optptr + srrptr - 1, ip_rt_get_source(skb, rt));
      u8[optptr + 2] = srrptr + 4;
    }
    if (opt.ts_needaddr) {
      const ts = raw + opt.ts;
      put32(u8, ts + u8[ts + 2] - 9, ip_rt_get_source(skb, rt));
      opt.is_changed = true;
    }
  } else if (opt.ts_needaddr) {
    const ts = raw + opt.ts;
    put32(u8, ts + u8[ts + 2] - 9, ip_rt_get_source(skb, rt));
    opt.is_changed = true;
  }
}

/** A packet that is routed by its sender reached a hop: gives it the route to the next. 0 or -EINVAL. */
export function ip_options_rcv_srr(skb: sk_buff, dev: net_device): number {
  const opt = IPCB(skb).opt;
  const rt = skb_rtable(skb)!;
  if (rt.rt_type !== RTN_LOCAL && opt.is_strictroute && skb.pkt_type === PACKET_HOST) {
    icmp_send(skb, ICMP_PARAMETERPROB, 0, 16 << 24);
    return -EINVAL;
  }
  if (skb.pkt_type !== PACKET_HOST) return -EINVAL;
  if (rt.rt_type === RTN_UNICAST) return 0;
  if (rt.rt_type !== RTN_LOCAL) return -EINVAL;
  const u8 = skb.head.u8;
  const optptr = skb.network_header + opt.srr;
  const end = u8[optptr + 1];
  let srrptr = u8[optptr + 2];
  let nexthop = 0;
  for (; srrptr <= end; srrptr += 4) {
    if (srrptr + 3 > end) {
      icmp_send(skb, ICMP_PARAMETERPROB, 0, (opt.srr + 2) << 24);
      return -EINVAL;
    }
    nexthop = get32(u8, optptr + srrptr - 1);
    const orefdst = skb_dst(skb);
    skb_dst_set(skb, null);
    const iph = ip_hdr(skb);
    const err = ip_route_input(skb, nexthop, iph.saddr, iph.tos, dev);
    const rt2 = skb_rtable(skb);
    if (err !== 0 || (rt2!.rt_type !== RTN_UNICAST && rt2!.rt_type !== RTN_LOCAL)) {
      skb_dst_set(skb, orefdst);
      return -EINVAL;
    }
    if (rt2!.rt_type !== RTN_LOCAL) break;
    // This host once more: step over it.
    iph.daddr = nexthop;
    opt.is_changed = true;
  }
  if (srrptr <= end) {
    opt.srr_is_hit = true;
    opt.nexthop = nexthop;
    opt.is_changed = true;
  }
  return 0;
}

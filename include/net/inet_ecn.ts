// SPDX-License-Identifier: GPL-2.0-only
//
// Explicit Congestion Notification: the two low bits of the TOS byte. @rfc 3168 5

import type { iphdr } from "../uapi/linux/ip.ts";
import type { inet_sock } from "./inet_sock.ts";
import type { sock } from "./sock.ts";
import { csum_fold16 } from "./dsfield.ts";

export const INET_ECN_NOT_ECT = 0;
export const INET_ECN_ECT_1 = 1;
export const INET_ECN_ECT_0 = 2;
export const INET_ECN_CE = 3;
export const INET_ECN_MASK = 3;

export function INET_ECN_is_ce(dsfield: number): boolean {
  return (dsfield & INET_ECN_MASK) === INET_ECN_CE;
}

export function INET_ECN_is_not_ect(dsfield: number): boolean {
  return (dsfield & INET_ECN_MASK) === INET_ECN_NOT_ECT;
}

export function INET_ECN_is_capable(dsfield: number): boolean {
  return (dsfield & INET_ECN_ECT_0) !== 0;
}

/** Takes the ECN bits off a header that is yet to be summed. */
export function IP_ECN_clear(iph: iphdr): void {
  iph.tos = iph.tos & ~INET_ECN_MASK;
}

/** Marks a packet as having met congestion; false where its transport does not know ECN. */
export function IP_ECN_set_ce(iph: iphdr): boolean {
  const ecn = (iph.tos + 1) & INET_ECN_MASK;
  // 0 was CE, 1 was not ECT: nothing to do in both.
  if ((ecn & 2) === 0) return ecn === 0;
  const tos = iph.tos;
  iph.check = csum_fold16(iph.check, tos, tos | INET_ECN_CE);
  iph.tos = tos | INET_ECN_CE;
  return true;
}

/** The socket's packets are ECN capable from now on. */
export function INET_ECN_xmit(sk: sock): void {
  (sk as inet_sock).tos |= INET_ECN_ECT_0;
}

/** The socket's packets are not ECN capable from now on. */
export function INET_ECN_dontxmit(sk: sock): void {
  (sk as inet_sock).tos &= ~INET_ECN_MASK;
}

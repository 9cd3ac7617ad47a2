// SPDX-License-Identifier: GPL-2.0-only
//
// Internet addresses, protocols and IP-level socket options.

export const IPPROTO_IP = 0;
export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_RAW = 255;
export const IPPROTO_MPTCP = 262;
export const IPPROTO_MAX = 263;

export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_HDRINCL = 3;
export const IP_OPTIONS = 4;
export const IP_ROUTER_ALERT = 5;
export const IP_RECVOPTS = 6;
export const IP_RETOPTS = 7;
export const IP_PKTINFO = 8;
export const IP_PKTOPTIONS = 9;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_RECVTOS = 13;
export const IP_MTU = 14;
export const IP_FREEBIND = 15;
export const IP_TRANSPARENT = 19;
export const IP_RECVORIGDSTADDR = 20;
export const IP_ORIGDSTADDR = IP_RECVORIGDSTADDR;
export const IP_MINTTL = 21;
export const IP_NODEFRAG = 22;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_RECVFRAGSIZE = 25;
export const IP_RECVERR_RFC4884 = 26;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_UNICAST_IF = 50;
export const IP_LOCAL_PORT_RANGE = 51;
export const IP_PROTOCOL = 52;

export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;
export const IP_PMTUDISC_INTERFACE = 4;
export const IP_PMTUDISC_OMIT = 5;

/** An IPv4 address as the int32 read big-endian. */
export type __be32 = number;

export const INADDR_ANY: __be32 = 0;
export const INADDR_BROADCAST: __be32 = -1;
export const INADDR_NONE: __be32 = -1;
export const INADDR_LOOPBACK: __be32 = 0x7f000001;

/** An Internet socket address. `sin_port` 0..65535; `sin_addr` int32, INADDR_ANY for any. */
export interface sockaddr_in {
  sin_family: number;
  sin_port: number;
  sin_addr: __be32;
}

/** The parts of an Internet socket address that a call may be given or answer. */
export type sockaddr = sockaddr_in;

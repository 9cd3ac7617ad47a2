// SPDX-License-Identifier: GPL-2.0-only
//
// The counters of a host as texts of /proc/net: snmp (MIB-II: Ip, Icmp, Tcp, Udp), netstat (what Linux adds: TcpExt,
// IpExt) and sockstat; and one by one under the names that nstat gives them (IpInReceives, TcpExtListenDrops).

import type { fqdir } from "../../include/net/inet_frag.ts";
import type { net } from "../../include/net/net_namespace.ts";
import * as icmp from "../../include/uapi/linux/icmp.ts";
import * as mib from "../../include/uapi/linux/snmp.ts";
import { proc_create_net_single } from "../../fs/proc/proc_net.ts";
import { sock_inuse_get, sock_prot_inuse_get } from "../core/sock.ts";
import { raw_prot } from "./raw.ts";
import { tcp_prot } from "./tcp_ipv4.ts";
import { udp_prot } from "./udp.ts";

/** A printed name and the index of its counter. */
type snmp_mib = readonly [name: string, entry: number];

/** /proc/net/sockstat */
export function sockstat_seq_show(n: net): string {
  const tcp = tcp_prot.counters;
  const tw = n.ipv4.tcp_death_row.tw_refcount - 1;
  const fqd = n.ipv4.fqdir as fqdir | null;
  return `sockets: used ${sock_inuse_get(n)}\n` +
    `TCP: inuse ${sock_prot_inuse_get(n, tcp_prot)} orphan ${tcp.orphan_count} tw ${tw} ` +
    `alloc ${tcp.sockets_allocated} mem ${tcp.memory_allocated}\n` +
    `UDP: inuse ${sock_prot_inuse_get(n, udp_prot)} mem ${udp_prot.counters.memory_allocated}\n` +
    `UDPLITE: inuse 0\n` +
    `RAW: inuse ${sock_prot_inuse_get(n, raw_prot)}\n` +
    `FRAG: inuse ${fqd?.nr_queues ?? 0} memory ${fqd?.mem ?? 0}\n`;
}

/** Ip of snmp */
const snmp4_ipstats_list: readonly snmp_mib[] = [
  ["InReceives", mib.IPSTATS_MIB_INPKTS],
  ["InHdrErrors", mib.IPSTATS_MIB_INHDRERRORS],
  ["InAddrErrors", mib.IPSTATS_MIB_INADDRERRORS],
  ["ForwDatagrams", mib.IPSTATS_MIB_OUTFORWDATAGRAMS],
  ["InUnknownProtos", mib.IPSTATS_MIB_INUNKNOWNPROTOS],
  ["InDiscards", mib.IPSTATS_MIB_INDISCARDS],
  ["InDelivers", mib.IPSTATS_MIB_INDELIVERS],
  ["OutRequests", mib.IPSTATS_MIB_OUTREQUESTS],
  ["OutDiscards", mib.IPSTATS_MIB_OUTDISCARDS],
  ["OutNoRoutes", mib.IPSTATS_MIB_OUTNOROUTES],
  ["ReasmTimeout", mib.IPSTATS_MIB_REASMTIMEOUT],
  ["ReasmReqds", mib.IPSTATS_MIB_REASMREQDS],
  ["ReasmOKs", mib.IPSTATS_MIB_REASMOKS],
  ["ReasmFails", mib.IPSTATS_MIB_REASMFAILS],
  ["FragOKs", mib.IPSTATS_MIB_FRAGOKS],
  ["FragFails", mib.IPSTATS_MIB_FRAGFAILS],
  ["FragCreates", mib.IPSTATS_MIB_FRAGCREATES],
  ["OutTransmits", mib.IPSTATS_MIB_OUTPKTS],
];

/** IpExt of netstat */
const snmp4_ipextstats_list: readonly snmp_mib[] = [
  ["InNoRoutes", mib.IPSTATS_MIB_INNOROUTES],
  ["InTruncatedPkts", mib.IPSTATS_MIB_INTRUNCATEDPKTS],
  ["InMcastPkts", mib.IPSTATS_MIB_INMCASTPKTS],
  ["OutMcastPkts", mib.IPSTATS_MIB_OUTMCASTPKTS],
  ["InBcastPkts", mib.IPSTATS_MIB_INBCASTPKTS],
  ["OutBcastPkts", mib.IPSTATS_MIB_OUTBCASTPKTS],
  ["InOctets", mib.IPSTATS_MIB_INOCTETS],
  ["OutOctets", mib.IPSTATS_MIB_OUTOCTETS],
  ["InMcastOctets", mib.IPSTATS_MIB_INMCASTOCTETS],
  ["OutMcastOctets", mib.IPSTATS_MIB_OUTMCASTOCTETS],
  ["InBcastOctets", mib.IPSTATS_MIB_INBCASTOCTETS],
  ["OutBcastOctets", mib.IPSTATS_MIB_OUTBCASTOCTETS],
  ["InCsumErrors", mib.IPSTATS_MIB_CSUMERRORS],
  ["InNoECTPkts", mib.IPSTATS_MIB_NOECTPKTS],
  ["InECT1Pkts", mib.IPSTATS_MIB_ECT1PKTS],
  ["InECT0Pkts", mib.IPSTATS_MIB_ECT0PKTS],
  ["InCEPkts", mib.IPSTATS_MIB_CEPKTS],
  ["ReasmOverlaps", mib.IPSTATS_MIB_REASM_OVERLAPS],
];

/** Types of ICMP that MIB-II counts. */
const icmpmibmap: readonly snmp_mib[] = [
  ["DestUnreachs", icmp.ICMP_DEST_UNREACH],
  ["TimeExcds", icmp.ICMP_TIME_EXCEEDED],
  ["ParmProbs", icmp.ICMP_PARAMETERPROB],
  ["SrcQuenchs", icmp.ICMP_SOURCE_QUENCH],
  ["Redirects", icmp.ICMP_REDIRECT],
  ["Echos", icmp.ICMP_ECHO],
  ["EchoReps", icmp.ICMP_ECHOREPLY],
  ["Timestamps", icmp.ICMP_TIMESTAMP],
  ["TimestampReps", icmp.ICMP_TIMESTAMPREPLY],
  ["AddrMasks", icmp.ICMP_ADDRESS],
  ["AddrMaskReps", icmp.ICMP_ADDRESSREPLY],
];

/** Tcp of snmp */
const snmp4_tcp_list: readonly snmp_mib[] = [
  ["RtoAlgorithm", mib.TCP_MIB_RTOALGORITHM],
  ["RtoMin", mib.TCP_MIB_RTOMIN],
  ["RtoMax", mib.TCP_MIB_RTOMAX],
  ["MaxConn", mib.TCP_MIB_MAXCONN],
  ["ActiveOpens", mib.TCP_MIB_ACTIVEOPENS],
  ["PassiveOpens", mib.TCP_MIB_PASSIVEOPENS],
  ["AttemptFails", mib.TCP_MIB_ATTEMPTFAILS],
  ["EstabResets", mib.TCP_MIB_ESTABRESETS],
  ["CurrEstab", mib.TCP_MIB_CURRESTAB],
  ["InSegs", mib.TCP_MIB_INSEGS],
  ["OutSegs", mib.TCP_MIB_OUTSEGS],
  ["RetransSegs", mib.TCP_MIB_RETRANSSEGS],
  ["InErrs", mib.TCP_MIB_INERRS],
  ["OutRsts", mib.TCP_MIB_OUTRSTS],
  ["InCsumErrors", mib.TCP_MIB_CSUMERRORS],
];

/** Udp of snmp */
const snmp4_udp_list: readonly snmp_mib[] = [
  ["InDatagrams", mib.UDP_MIB_INDATAGRAMS],
  ["NoPorts", mib.UDP_MIB_NOPORTS],
  ["InErrors", mib.UDP_MIB_INERRORS],
  ["OutDatagrams", mib.UDP_MIB_OUTDATAGRAMS],
  ["RcvbufErrors", mib.UDP_MIB_RCVBUFERRORS],
  ["SndbufErrors", mib.UDP_MIB_SNDBUFERRORS],
  ["InCsumErrors", mib.UDP_MIB_CSUMERRORS],
  ["IgnoredMulti", mib.UDP_MIB_IGNOREDMULTI],
  ["MemErrors", mib.UDP_MIB_MEMERRORS],
];

/** TcpExt of netstat */
const snmp4_net_list: readonly snmp_mib[] = [
  ["SyncookiesSent", mib.LINUX_MIB_SYNCOOKIESSENT],
  ["SyncookiesRecv", mib.LINUX_MIB_SYNCOOKIESRECV],
  ["SyncookiesFailed", mib.LINUX_MIB_SYNCOOKIESFAILED],
  ["EmbryonicRsts", mib.LINUX_MIB_EMBRYONICRSTS],
  ["PruneCalled", mib.LINUX_MIB_PRUNECALLED],
  ["RcvPruned", mib.LINUX_MIB_RCVPRUNED],
  ["OfoPruned", mib.LINUX_MIB_OFOPRUNED],
  ["OutOfWindowIcmps", mib.LINUX_MIB_OUTOFWINDOWICMPS],
  ["LockDroppedIcmps", mib.LINUX_MIB_LOCKDROPPEDICMPS],
  ["ArpFilter", mib.LINUX_MIB_ARPFILTER],
  ["TW", mib.LINUX_MIB_TIMEWAITED],
  ["TWRecycled", mib.LINUX_MIB_TIMEWAITRECYCLED],
  ["TWKilled", mib.LINUX_MIB_TIMEWAITKILLED],
  ["PAWSActive", mib.LINUX_MIB_PAWSACTIVEREJECTED],
  ["PAWSEstab", mib.LINUX_MIB_PAWSESTABREJECTED],
  ["BeyondWindow", mib.LINUX_MIB_BEYOND_WINDOW],
  ["TSEcrRejected", mib.LINUX_MIB_TSECRREJECTED],
  ["PAWSOldAck", mib.LINUX_MIB_PAWS_OLD_ACK],
  ["PAWSTimewait", mib.LINUX_MIB_PAWS_TW_REJECTED],
  ["DelayedACKs", mib.LINUX_MIB_DELAYEDACKS],
  ["DelayedACKLocked", mib.LINUX_MIB_DELAYEDACKLOCKED],
  ["DelayedACKLost", mib.LINUX_MIB_DELAYEDACKLOST],
  ["ListenOverflows", mib.LINUX_MIB_LISTENOVERFLOWS],
  ["ListenDrops", mib.LINUX_MIB_LISTENDROPS],
  ["TCPHPHits", mib.LINUX_MIB_TCPHPHITS],
  ["TCPPureAcks", mib.LINUX_MIB_TCPPUREACKS],
  ["TCPHPAcks", mib.LINUX_MIB_TCPHPACKS],
  ["TCPRenoRecovery", mib.LINUX_MIB_TCPRENORECOVERY],
  ["TCPSackRecovery", mib.LINUX_MIB_TCPSACKRECOVERY],
  ["TCPSACKReneging", mib.LINUX_MIB_TCPSACKRENEGING],
  ["TCPSACKReorder", mib.LINUX_MIB_TCPSACKREORDER],
  ["TCPRenoReorder", mib.LINUX_MIB_TCPRENOREORDER],
  ["TCPTSReorder", mib.LINUX_MIB_TCPTSREORDER],
  ["TCPFullUndo", mib.LINUX_MIB_TCPFULLUNDO],
  ["TCPPartialUndo", mib.LINUX_MIB_TCPPARTIALUNDO],
  ["TCPDSACKUndo", mib.LINUX_MIB_TCPDSACKUNDO],
  ["TCPLossUndo", mib.LINUX_MIB_TCPLOSSUNDO],
  ["TCPLostRetransmit", mib.LINUX_MIB_TCPLOSTRETRANSMIT],
  ["TCPRenoFailures", mib.LINUX_MIB_TCPRENOFAILURES],
  ["TCPSackFailures", mib.LINUX_MIB_TCPSACKFAILURES],
  ["TCPLossFailures", mib.LINUX_MIB_TCPLOSSFAILURES],
  ["TCPFastRetrans", mib.LINUX_MIB_TCPFASTRETRANS],
  ["TCPSlowStartRetrans", mib.LINUX_MIB_TCPSLOWSTARTRETRANS],
  ["TCPTimeouts", mib.LINUX_MIB_TCPTIMEOUTS],
  ["TCPLossProbes", mib.LINUX_MIB_TCPLOSSPROBES],
  ["TCPLossProbeRecovery", mib.LINUX_MIB_TCPLOSSPROBERECOVERY],
  ["TCPRenoRecoveryFail", mib.LINUX_MIB_TCPRENORECOVERYFAIL],
  ["TCPSackRecoveryFail", mib.LINUX_MIB_TCPSACKRECOVERYFAIL],
  ["TCPRcvCollapsed", mib.LINUX_MIB_TCPRCVCOLLAPSED],
  ["TCPBacklogCoalesce", mib.LINUX_MIB_TCPBACKLOGCOALESCE],
  ["TCPDSACKOldSent", mib.LINUX_MIB_TCPDSACKOLDSENT],
  ["TCPDSACKOfoSent", mib.LINUX_MIB_TCPDSACKOFOSENT],
  ["TCPDSACKRecv", mib.LINUX_MIB_TCPDSACKRECV],
  ["TCPDSACKOfoRecv", mib.LINUX_MIB_TCPDSACKOFORECV],
  ["TCPAbortOnData", mib.LINUX_MIB_TCPABORTONDATA],
  ["TCPAbortOnClose", mib.LINUX_MIB_TCPABORTONCLOSE],
  ["TCPAbortOnMemory", mib.LINUX_MIB_TCPABORTONMEMORY],
  ["TCPAbortOnTimeout", mib.LINUX_MIB_TCPABORTONTIMEOUT],
  ["TCPAbortOnLinger", mib.LINUX_MIB_TCPABORTONLINGER],
  ["TCPAbortFailed", mib.LINUX_MIB_TCPABORTFAILED],
  ["TCPMemoryPressures", mib.LINUX_MIB_TCPMEMORYPRESSURES],
  ["TCPMemoryPressuresChrono", mib.LINUX_MIB_TCPMEMORYPRESSURESCHRONO],
  ["TCPSACKDiscard", mib.LINUX_MIB_TCPSACKDISCARD],
  ["TCPDSACKIgnoredOld", mib.LINUX_MIB_TCPDSACKIGNOREDOLD],
  ["TCPDSACKIgnoredNoUndo", mib.LINUX_MIB_TCPDSACKIGNOREDNOUNDO],
  ["TCPSpuriousRTOs", mib.LINUX_MIB_TCPSPURIOUSRTOS],
  ["TCPMD5NotFound", mib.LINUX_MIB_TCPMD5NOTFOUND],
  ["TCPMD5Unexpected", mib.LINUX_MIB_TCPMD5UNEXPECTED],
  ["TCPMD5Failure", mib.LINUX_MIB_TCPMD5FAILURE],
  ["TCPSackShifted", mib.LINUX_MIB_SACKSHIFTED],
  ["TCPSackMerged", mib.LINUX_MIB_SACKMERGED],
  ["TCPSackShiftFallback", mib.LINUX_MIB_SACKSHIFTFALLBACK],
  ["TCPBacklogDrop", mib.LINUX_MIB_TCPBACKLOGDROP],
  ["PFMemallocDrop", mib.LINUX_MIB_PFMEMALLOCDROP],
  ["TCPMinTTLDrop", mib.LINUX_MIB_TCPMINTTLDROP],
  ["TCPDeferAcceptDrop", mib.LINUX_MIB_TCPDEFERACCEPTDROP],
  ["IPReversePathFilter", mib.LINUX_MIB_IPRPFILTER],
  ["TCPTimeWaitOverflow", mib.LINUX_MIB_TCPTIMEWAITOVERFLOW],
  ["TCPReqQFullDoCookies", mib.LINUX_MIB_TCPREQQFULLDOCOOKIES],
  ["TCPReqQFullDrop", mib.LINUX_MIB_TCPREQQFULLDROP],
  ["TCPRetransFail", mib.LINUX_MIB_TCPRETRANSFAIL],
  ["TCPRcvCoalesce", mib.LINUX_MIB_TCPRCVCOALESCE],
  ["TCPOFOQueue", mib.LINUX_MIB_TCPOFOQUEUE],
  ["TCPOFODrop", mib.LINUX_MIB_TCPOFODROP],
  ["TCPOFOMerge", mib.LINUX_MIB_TCPOFOMERGE],
  ["TCPChallengeACK", mib.LINUX_MIB_TCPCHALLENGEACK],
  ["TCPSYNChallenge", mib.LINUX_MIB_TCPSYNCHALLENGE],
  ["TCPFastOpenActive", mib.LINUX_MIB_TCPFASTOPENACTIVE],
  ["TCPFastOpenActiveFail", mib.LINUX_MIB_TCPFASTOPENACTIVEFAIL],
  ["TCPFastOpenPassive", mib.LINUX_MIB_TCPFASTOPENPASSIVE],
  ["TCPFastOpenPassiveFail", mib.LINUX_MIB_TCPFASTOPENPASSIVEFAIL],
  ["TCPFastOpenListenOverflow", mib.LINUX_MIB_TCPFASTOPENLISTENOVERFLOW],
  ["TCPFastOpenCookieReqd", mib.LINUX_MIB_TCPFASTOPENCOOKIEREQD],
  ["TCPFastOpenBlackhole", mib.LINUX_MIB_TCPFASTOPENBLACKHOLE],
  ["TCPSpuriousRtxHostQueues", mib.LINUX_MIB_TCPSPURIOUS_RTX_HOSTQUEUES],
  ["BusyPollRxPackets", mib.LINUX_MIB_BUSYPOLLRXPACKETS],
  ["TCPAutoCorking", mib.LINUX_MIB_TCPAUTOCORKING],
  ["TCPFromZeroWindowAdv", mib.LINUX_MIB_TCPFROMZEROWINDOWADV],
  ["TCPToZeroWindowAdv", mib.LINUX_MIB_TCPTOZEROWINDOWADV],
  ["TCPWantZeroWindowAdv", mib.LINUX_MIB_TCPWANTZEROWINDOWADV],
  ["TCPSynRetrans", mib.LINUX_MIB_TCPSYNRETRANS],
  ["TCPOrigDataSent", mib.LINUX_MIB_TCPORIGDATASENT],
  ["TCPHystartTrainDetect", mib.LINUX_MIB_TCPHYSTARTTRAINDETECT],
  ["TCPHystartTrainCwnd", mib.LINUX_MIB_TCPHYSTARTTRAINCWND],
  ["TCPHystartDelayDetect", mib.LINUX_MIB_TCPHYSTARTDELAYDETECT],
  ["TCPHystartDelayCwnd", mib.LINUX_MIB_TCPHYSTARTDELAYCWND],
  ["TCPACKSkippedSynRecv", mib.LINUX_MIB_TCPACKSKIPPEDSYNRECV],
  ["TCPACKSkippedPAWS", mib.LINUX_MIB_TCPACKSKIPPEDPAWS],
  ["TCPACKSkippedSeq", mib.LINUX_MIB_TCPACKSKIPPEDSEQ],
  ["TCPACKSkippedFinWait2", mib.LINUX_MIB_TCPACKSKIPPEDFINWAIT2],
  ["TCPACKSkippedTimeWait", mib.LINUX_MIB_TCPACKSKIPPEDTIMEWAIT],
  ["TCPACKSkippedChallenge", mib.LINUX_MIB_TCPACKSKIPPEDCHALLENGE],
  ["TCPWinProbe", mib.LINUX_MIB_TCPWINPROBE],
  ["TCPKeepAlive", mib.LINUX_MIB_TCPKEEPALIVE],
  ["TCPMTUPFail", mib.LINUX_MIB_TCPMTUPFAIL],
  ["TCPMTUPSuccess", mib.LINUX_MIB_TCPMTUPSUCCESS],
  ["TCPDelivered", mib.LINUX_MIB_TCPDELIVERED],
  ["TCPDeliveredCE", mib.LINUX_MIB_TCPDELIVEREDCE],
  ["TCPAckCompressed", mib.LINUX_MIB_TCPACKCOMPRESSED],
  ["TCPZeroWindowDrop", mib.LINUX_MIB_TCPZEROWINDOWDROP],
  ["TCPRcvQDrop", mib.LINUX_MIB_TCPRCVQDROP],
  ["TCPWqueueTooBig", mib.LINUX_MIB_TCPWQUEUETOOBIG],
  ["TCPFastOpenPassiveAltKey", mib.LINUX_MIB_TCPFASTOPENPASSIVEALTKEY],
  ["TcpTimeoutRehash", mib.LINUX_MIB_TCPTIMEOUTREHASH],
  ["TcpDuplicateDataRehash", mib.LINUX_MIB_TCPDUPLICATEDATAREHASH],
  ["TCPDSACKRecvSegs", mib.LINUX_MIB_TCPDSACKRECVSEGS],
  ["TCPDSACKIgnoredDubious", mib.LINUX_MIB_TCPDSACKIGNOREDDUBIOUS],
  ["TCPMigrateReqSuccess", mib.LINUX_MIB_TCPMIGRATEREQSUCCESS],
  ["TCPMigrateReqFailure", mib.LINUX_MIB_TCPMIGRATEREQFAILURE],
  ["TCPPLBRehash", mib.LINUX_MIB_TCPPLBREHASH],
  ["TCPAORequired", mib.LINUX_MIB_TCPAOREQUIRED],
  ["TCPAOBad", mib.LINUX_MIB_TCPAOBAD],
  ["TCPAOKeyNotFound", mib.LINUX_MIB_TCPAOKEYNOTFOUND],
  ["TCPAOGood", mib.LINUX_MIB_TCPAOGOOD],
  ["TCPAODroppedIcmps", mib.LINUX_MIB_TCPAODROPPEDICMPS],
];

/** Names and values of one group, as nstat has them but for the group's name. */
type group = [name: string, value: number][];

function mib_group(list: readonly snmp_mib[], values: Float64Array): group {
  return list.map(([name, entry]) => [name, values[entry]]);
}

function ip_group(n: net): group {
  return [
    ["Forwarding", n.ipv4.devconf_all.forwarding !== 0 ? 1 : 2],
    ["DefaultTTL", n.ipv4.sysctl_ip_default_ttl],
    ...mib_group(snmp4_ipstats_list, n.mib.ip_statistics),
  ];
}

function icmp_group(n: net): group {
  const { icmp_statistics: stats, icmpmsg_statistics: msgs } = n.mib;
  const out: group = [
    ["InMsgs", stats[mib.ICMP_MIB_INMSGS]],
    ["InErrors", stats[mib.ICMP_MIB_INERRORS]],
    ["InCsumErrors", stats[mib.ICMP_MIB_CSUMERRORS]],
  ];
  for (const [name, type] of icmpmibmap) out.push([`In${name}`, msgs[type]]);
  out.push(
    ["OutMsgs", stats[mib.ICMP_MIB_OUTMSGS]],
    ["OutErrors", stats[mib.ICMP_MIB_OUTERRORS]],
    ["OutRateLimitGlobal", stats[mib.ICMP_MIB_RATELIMITGLOBAL]],
    ["OutRateLimitHost", stats[mib.ICMP_MIB_RATELIMITHOST]],
  );
  for (const [name, type] of icmpmibmap) out.push([`Out${name}`, msgs[256 + type]]);
  return out;
}

/** Only what was ever counted. */
function icmpmsg_group(n: net): group {
  const out: group = [];
  n.mib.icmpmsg_statistics.forEach((val, i) => {
    if (val !== 0) out.push([`${i < 256 ? "In" : "Out"}Type${i & 255}`, val]);
  });
  return out;
}

/** Two lines: the names and the values. */
function put_group(title: string, g: group): string {
  return `${title}: ${g.map(([name]) => name).join(" ")}\n` +
    `${title}: ${g.map(([, value]) => value).join(" ")}\n`;
}

/** IcmpMsg comes in lines of this many. */
const PERLINE = 16;

/** /proc/net/snmp */
export function snmp_seq_show(n: net): string {
  let out = put_group("Ip", ip_group(n)) + put_group("Icmp", icmp_group(n));
  const msgs = icmpmsg_group(n);
  for (let i = 0; i < msgs.length; i += PERLINE) {
    out += put_group("IcmpMsg", msgs.slice(i, i + PERLINE));
  }
  out += put_group("Tcp", mib_group(snmp4_tcp_list, n.mib.tcp_statistics));
  out += put_group("Udp", mib_group(snmp4_udp_list, n.mib.udp_statistics));
  return out + put_group("UdpLite", mib_group(snmp4_udp_list, new Float64Array(mib.__UDP_MIB_MAX)));
}

/** /proc/net/netstat */
export function netstat_seq_show(n: net): string {
  return put_group("TcpExt", mib_group(snmp4_net_list, n.mib.net_statistics)) +
    put_group("IpExt", mib_group(snmp4_ipextstats_list, n.mib.ip_statistics));
}

/** All counters of a host by nstat's names, in nstat's order. @local */
export function snmp_counters(n: net): Map<string, number> {
  const out = new Map<string, number>();
  const add = (title: string, g: group): void => {
    for (const [name, value] of g) out.set(title + name, value);
  };
  add("Ip", mib_group(snmp4_ipstats_list, n.mib.ip_statistics));
  add("Icmp", icmp_group(n));
  add("IcmpMsg", icmpmsg_group(n));
  add("Tcp", mib_group(snmp4_tcp_list, n.mib.tcp_statistics));
  add("Udp", mib_group(snmp4_udp_list, n.mib.udp_statistics));
  add("UdpLite", mib_group(snmp4_udp_list, new Float64Array(mib.__UDP_MIB_MAX)));
  add("TcpExt", mib_group(snmp4_net_list, n.mib.net_statistics));
  add("IpExt", mib_group(snmp4_ipextstats_list, n.mib.ip_statistics));
  return out;
}

/** One counter by nstat's name (TcpExtListenDrops); undefined where there is none of the name. @local */
export function snmp_counter(n: net, name: string): number | undefined {
  return snmp_counters(n).get(name);
}

/** Makes the files of /proc/net. */
export function ip_misc_proc_init(): number {
  proc_create_net_single("sockstat", sockstat_seq_show);
  proc_create_net_single("netstat", netstat_seq_show);
  proc_create_net_single("snmp", snmp_seq_show);
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
//
// The TCP header, the socket options of level IPPROTO_TCP, and struct tcp_info.

export const TCP_FLAG_CWR = 0x00800000;
export const TCP_FLAG_ECE = 0x00400000;
export const TCP_FLAG_URG = 0x00200000;
export const TCP_FLAG_ACK = 0x00100000;
export const TCP_FLAG_PSH = 0x00080000;
export const TCP_FLAG_RST = 0x00040000;
export const TCP_FLAG_SYN = 0x00020000;
export const TCP_FLAG_FIN = 0x00010000;
export const TCP_RESERVED_BITS = 0x0f000000;
export const TCP_DATA_OFFSET = 0xf0000000 | 0;

/** Bytes of a TCP header without options, sizeof(struct tcphdr). */
export const TCP_HLEN = 20;
export const TCP_MSS_DEFAULT = 536;
export const TCP_MSS_DESIRED = 1220;

export const TCP_NODELAY = 1;
export const TCP_MAXSEG = 2;
export const TCP_CORK = 3;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_SYNCNT = 7;
export const TCP_LINGER2 = 8;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_WINDOW_CLAMP = 10;
export const TCP_INFO = 11;
export const TCP_QUICKACK = 12;
export const TCP_CONGESTION = 13;
export const TCP_MD5SIG = 14;
export const TCP_THIN_LINEAR_TIMEOUTS = 16;
export const TCP_THIN_DUPACK = 17;
export const TCP_USER_TIMEOUT = 18;
export const TCP_REPAIR = 19;
export const TCP_REPAIR_QUEUE = 20;
export const TCP_QUEUE_SEQ = 21;
export const TCP_REPAIR_OPTIONS = 22;
export const TCP_FASTOPEN = 23;
export const TCP_TIMESTAMP = 24;
export const TCP_NOTSENT_LOWAT = 25;
export const TCP_CC_INFO = 26;
export const TCP_SAVE_SYN = 27;
export const TCP_SAVED_SYN = 28;
export const TCP_REPAIR_WINDOW = 29;
export const TCP_FASTOPEN_CONNECT = 30;
export const TCP_ULP = 31;
export const TCP_FASTOPEN_KEY = 33;
export const TCP_FASTOPEN_NO_COOKIE = 34;
export const TCP_ZEROCOPY_RECEIVE = 35;
export const TCP_INQ = 36;
export const TCP_CM_INQ = TCP_INQ;
export const TCP_TX_DELAY = 37;
export const TCP_RTO_MAX_MS = 44;
export const TCP_RTO_MIN_US = 45;
export const TCP_DELACK_MAX_US = 46;

/** TCP_REPAIR: on, off, off without a window probe. */
export const TCP_REPAIR_ON = 1;
export const TCP_REPAIR_OFF = 0;
export const TCP_REPAIR_OFF_NO_WP = -1;
/** TCP_REPAIR_QUEUE */
export const TCP_NO_QUEUE = 0;
export const TCP_RECV_QUEUE = 1;
export const TCP_SEND_QUEUE = 2;
export const TCP_QUEUES_NR = 3;

export const TCPI_OPT_TIMESTAMPS = 1;
export const TCPI_OPT_SACK = 2;
export const TCPI_OPT_WSCALE = 4;
export const TCPI_OPT_ECN = 8;
export const TCPI_OPT_ECN_SEEN = 16;
export const TCPI_OPT_SYN_DATA = 32;

/** Congestion states, icsk_ca_state. */
export const TCP_CA_Open = 0;
export const TCP_CA_Disorder = 1;
export const TCP_CA_CWR = 2;
export const TCP_CA_Recovery = 3;
export const TCP_CA_Loss = 4;
export const TCPF_CA_Open = 1 << TCP_CA_Open;
export const TCPF_CA_Disorder = 1 << TCP_CA_Disorder;
export const TCPF_CA_CWR = 1 << TCP_CA_CWR;
export const TCPF_CA_Recovery = 1 << TCP_CA_Recovery;
export const TCPF_CA_Loss = 1 << TCP_CA_Loss;

export const TFO_STATUS_UNSPEC = 0;
export const TFO_COOKIE_UNAVAILABLE = 1;
export const TFO_DATA_NOT_ACKED = 2;
export const TFO_SYN_RETRANSMITTED = 3;

/** A TCP header at `off` of `dv`. Sequence numbers are int32. @rfc 9293 3.1 */
export class tcphdr {
  dv: DataView;
  off: number;

  constructor(dv: DataView, off: number) {
    this.dv = dv;
    this.off = off;
  }

  get source(): number {
    return this.dv.getUint16(this.off);
  }
  set source(v: number) {
    this.dv.setUint16(this.off, v);
  }
  get dest(): number {
    return this.dv.getUint16(this.off + 2);
  }
  set dest(v: number) {
    this.dv.setUint16(this.off + 2, v);
  }
  get seq(): number {
    return this.dv.getInt32(this.off + 4);
  }
  set seq(v: number) {
    this.dv.setInt32(this.off + 4, v);
  }
  get ack_seq(): number {
    return this.dv.getInt32(this.off + 8);
  }
  set ack_seq(v: number) {
    this.dv.setInt32(this.off + 8, v);
  }
  /** Data offset, flags and window in one word, as the TCP_FLAG_* masks cut it (int32). */
  get flag_word(): number {
    return this.dv.getInt32(this.off + 12);
  }
  set flag_word(v: number) {
    this.dv.setInt32(this.off + 12, v);
  }
  /** Header length in 32-bit words, 5..15. */
  get doff(): number {
    return this.dv.getUint8(this.off + 12) >> 4;
  }
  /** Flag byte: CWR ECE URG ACK PSH RST SYN FIN. */
  get flags(): number {
    return this.dv.getUint8(this.off + 13);
  }
  set flags(v: number) {
    this.dv.setUint8(this.off + 13, v);
  }
  get fin(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x01) !== 0;
  }
  get syn(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x02) !== 0;
  }
  get rst(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x04) !== 0;
  }
  get psh(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x08) !== 0;
  }
  get ack(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x10) !== 0;
  }
  get urg(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x20) !== 0;
  }
  get ece(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x40) !== 0;
  }
  get cwr(): boolean {
    return (this.dv.getUint8(this.off + 13) & 0x80) !== 0;
  }
  /** Window as it stands in the header, unscaled. */
  get window(): number {
    return this.dv.getUint16(this.off + 14);
  }
  set window(v: number) {
    this.dv.setUint16(this.off + 14, v);
  }
  get check(): number {
    return this.dv.getUint16(this.off + 16);
  }
  set check(v: number) {
    this.dv.setUint16(this.off + 16, v);
  }
  get urg_ptr(): number {
    return this.dv.getUint16(this.off + 18);
  }
  set urg_ptr(v: number) {
    this.dv.setUint16(this.off + 18, v);
  }
}

/** getsockopt(TCP_INFO). Times in us where the name or Linux says so, `*_ms` fields below in ms. */
export class tcp_info {
  tcpi_state = 0;
  tcpi_ca_state = 0;
  tcpi_retransmits = 0;
  tcpi_probes = 0;
  tcpi_backoff = 0;
  tcpi_options = 0;
  /** 4 bits of ours in the low half of the byte, 4 bits of the peer's in the high half. */
  tcpi_snd_wscale = 0;
  tcpi_rcv_wscale = 0;
  tcpi_delivery_rate_app_limited = 0;
  tcpi_fastopen_client_fail = 0;
  /** us */
  tcpi_rto = 0;
  /** us */
  tcpi_ato = 0;
  tcpi_snd_mss = 0;
  tcpi_rcv_mss = 0;
  tcpi_unacked = 0;
  tcpi_sacked = 0;
  tcpi_lost = 0;
  tcpi_retrans = 0;
  tcpi_fackets = 0;
  /** ms */
  tcpi_last_data_sent = 0;
  tcpi_last_ack_sent = 0;
  tcpi_last_data_recv = 0;
  tcpi_last_ack_recv = 0;
  tcpi_pmtu = 0;
  tcpi_rcv_ssthresh = 0;
  /** us */
  tcpi_rtt = 0;
  tcpi_rttvar = 0;
  tcpi_snd_ssthresh = 0;
  tcpi_snd_cwnd = 0;
  tcpi_advmss = 0;
  tcpi_reordering = 0;
  tcpi_rcv_rtt = 0;
  tcpi_rcv_space = 0;
  tcpi_total_retrans = 0;
  /** bytes per second */
  tcpi_pacing_rate = 0;
  tcpi_max_pacing_rate = 0;
  tcpi_bytes_acked = 0;
  tcpi_bytes_received = 0;
  tcpi_segs_out = 0;
  tcpi_segs_in = 0;
  tcpi_notsent_bytes = 0;
  tcpi_min_rtt = 0;
  tcpi_data_segs_in = 0;
  tcpi_data_segs_out = 0;
  /** bytes per second */
  tcpi_delivery_rate = 0;
  /** us */
  tcpi_busy_time = 0;
  tcpi_rwnd_limited = 0;
  tcpi_sndbuf_limited = 0;
  tcpi_delivered = 0;
  tcpi_delivered_ce = 0;
  tcpi_bytes_sent = 0;
  tcpi_bytes_retrans = 0;
  tcpi_dsack_dups = 0;
  tcpi_reord_seen = 0;
  tcpi_rcv_ooopack = 0;
  tcpi_snd_wnd = 0;
  tcpi_rcv_wnd = 0;
  tcpi_rehash = 0;
  /** Expiries of the RTO, the recoveries that they began, and how long these took, ms. */
  tcpi_total_rto = 0;
  tcpi_total_rto_recoveries = 0;
  tcpi_total_rto_time = 0;
}

type field = [name: keyof tcp_info, offset: number, bytes: 1 | 2 | 4 | 8];

const words: (keyof tcp_info)[] = [
  "tcpi_rto",
  "tcpi_ato",
  "tcpi_snd_mss",
  "tcpi_rcv_mss",
  "tcpi_unacked",
  "tcpi_sacked",
  "tcpi_lost",
  "tcpi_retrans",
  "tcpi_fackets",
  "tcpi_last_data_sent",
  "tcpi_last_ack_sent",
  "tcpi_last_data_recv",
  "tcpi_last_ack_recv",
  "tcpi_pmtu",
  "tcpi_rcv_ssthresh",
  "tcpi_rtt",
  "tcpi_rttvar",
  "tcpi_snd_ssthresh",
  "tcpi_snd_cwnd",
  "tcpi_advmss",
  "tcpi_reordering",
  "tcpi_rcv_rtt",
  "tcpi_rcv_space",
  "tcpi_total_retrans",
];

/** Where each field of struct tcp_info lies; bytes 6 and 7 hold bit fields. */
const tcp_info_layout: field[] = [
  ["tcpi_state", 0, 1],
  ["tcpi_ca_state", 1, 1],
  ["tcpi_retransmits", 2, 1],
  ["tcpi_probes", 3, 1],
  ["tcpi_backoff", 4, 1],
  ["tcpi_options", 5, 1],
  ...words.map((name, i): field => [name, 8 + 4 * i, 4]),
  ["tcpi_pacing_rate", 104, 8],
  ["tcpi_max_pacing_rate", 112, 8],
  ["tcpi_bytes_acked", 120, 8],
  ["tcpi_bytes_received", 128, 8],
  ["tcpi_segs_out", 136, 4],
  ["tcpi_segs_in", 140, 4],
  ["tcpi_notsent_bytes", 144, 4],
  ["tcpi_min_rtt", 148, 4],
  ["tcpi_data_segs_in", 152, 4],
  ["tcpi_data_segs_out", 156, 4],
  ["tcpi_delivery_rate", 160, 8],
  ["tcpi_busy_time", 168, 8],
  ["tcpi_rwnd_limited", 176, 8],
  ["tcpi_sndbuf_limited", 184, 8],
  ["tcpi_delivered", 192, 4],
  ["tcpi_delivered_ce", 196, 4],
  ["tcpi_bytes_sent", 200, 8],
  ["tcpi_bytes_retrans", 208, 8],
  ["tcpi_dsack_dups", 216, 4],
  ["tcpi_reord_seen", 220, 4],
  ["tcpi_rcv_ooopack", 224, 4],
  ["tcpi_snd_wnd", 228, 4],
  ["tcpi_rcv_wnd", 232, 4],
  ["tcpi_rehash", 236, 4],
  ["tcpi_total_rto", 240, 2],
  ["tcpi_total_rto_recoveries", 242, 2],
  ["tcpi_total_rto_time", 244, 4],
];

/** sizeof(struct tcp_info), bytes. */
export const TCP_INFO_SIZE = 248;

/** Writes struct tcp_info, little-endian, as far as `to` reaches. @local */
export function tcp_info_encode(info: tcp_info): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(TCP_INFO_SIZE);
  const dv = new DataView(to.buffer);
  for (const [name, off, bytes] of tcp_info_layout) {
    const v = info[name];
    if (bytes === 1) dv.setUint8(off, v);
    else if (bytes === 2) dv.setUint16(off, v, true);
    else if (bytes === 4) dv.setUint32(off, v, true);
    // No limit: the double nearest to 2^64 stands for the kernel's ~0.
    else dv.setBigUint64(off, v >= 2 ** 64 - 2048 ? 2n ** 64n - 1n : BigInt(v), true);
  }
  dv.setUint8(6, info.tcpi_snd_wscale | (info.tcpi_rcv_wscale << 4));
  dv.setUint8(7, info.tcpi_delivery_rate_app_limited | (info.tcpi_fastopen_client_fail << 1));
  return to;
}

/** Reads what getsockopt(TCP_INFO) wrote; fields past the end stay 0. @local */
export function tcp_info_decode(from: Uint8Array): tcp_info {
  const info = new tcp_info();
  const dv = new DataView(from.buffer, from.byteOffset, from.byteLength);
  for (const [name, off, bytes] of tcp_info_layout) {
    if (off + bytes > from.length) continue;
    if (bytes === 1) info[name] = dv.getUint8(off);
    else if (bytes === 2) info[name] = dv.getUint16(off, true);
    else if (bytes === 4) info[name] = dv.getUint32(off, true);
    else info[name] = Number(dv.getBigUint64(off, true));
  }
  if (from.length >= 8) {
    info.tcpi_snd_wscale = from[6] & 15;
    info.tcpi_rcv_wscale = from[6] >> 4;
    info.tcpi_delivery_rate_app_limited = from[7] & 1;
    info.tcpi_fastopen_client_fail = (from[7] >> 1) & 3;
  }
  return info;
}

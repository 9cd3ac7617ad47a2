// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers that must be hard to guess and yet the same for the same connection: where the search for an ephemeral
// port starts (inet_hash_connect), initial sequence numbers (tcp_v4_connect, tcp_v4_init_sequence), offsets of
// timestamps. MD5 over the connection's identity and a secret of this boot. @rfc 6528

import { get_random_u32 } from "../../include/linux/random.ts";
import { siphash_key_random, siphash_key_t } from "../../include/linux/siphash.ts";
import { ktime_get_real_ns } from "../../include/linux/timekeeping.ts";
import type { net } from "../../include/net/net_namespace.ts";
import { md5_transform } from "../../lib/md5.ts";
import { siphash_2u32 } from "../../lib/siphash.ts";

const NET_SECRET_SIZE = 16;

const net_secret = new Int32Array(NET_SECRET_SIZE);
const ts_secret = new siphash_key_t();
const hash = new Int32Array(4);
let net_secret_ready = false;

/** Chooses the secrets at their first use. */
function net_secret_init(): void {
  if (net_secret_ready) return;
  net_secret_ready = true;
  for (let i = 0; i < NET_SECRET_SIZE; i++) net_secret[i] = get_random_u32();
  siphash_key_random(ts_secret);
}

/** Forgets the secrets: the machine boots. @local */
export function secure_seq_init(): void {
  net_secret_ready = false;
}

/** Adds a clock of 64 ns steps, so that a connection's next incarnation starts higher. */
function seq_scale(seq: number): number {
  return (seq + (Math.floor(ktime_get_real_ns() / 64) % 4294967296)) | 0;
}

/** What to add to the clock of the timestamps between two hosts, ms (int32). @rfc 7323 7.1 */
export function secure_tcp_ts_off(net: net, saddr: number, daddr: number): number {
  if (net.ipv4.sysctl_tcp_timestamps !== 1) return 0;
  net_secret_init();
  return siphash_2u32(saddr, daddr, ts_secret);
}

/** The initial sequence number of a connection, int32. @rfc 9293 3.4.1 */
export function secure_tcp_sequence_number(
  saddr: number,
  daddr: number,
  sport: number,
  dport: number,
): number {
  net_secret_init();
  hash[0] = saddr;
  hash[1] = daddr;
  hash[2] = (sport << 16) + dport;
  hash[3] = net_secret[15];
  md5_transform(hash, net_secret);
  return seq_scale(hash[0]);
}

/** Where the search for a local port to this destination starts, int32. @rfc 6056 3.3.3 */
export function secure_ipv4_port_ephemeral(saddr: number, daddr: number, dport: number): number {
  net_secret_init();
  hash[0] = saddr;
  hash[1] = daddr;
  hash[2] = dport ^ net_secret[14];
  hash[3] = net_secret[15];
  md5_transform(hash, net_secret);
  return hash[0];
}

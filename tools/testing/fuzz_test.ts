// SPDX-License-Identifier: GPL-2.0-only
//
// FUZZ_SEED and FUZZ_FRAMES set another seed and length.

import { assert, assertEquals } from "@std/assert";
import { fuzz } from "./fuzz.ts";
import { kinds } from "./fuzz_frames.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 1);
const FRAMES = Number(Deno.env.get("FUZZ_FRAMES") ?? 50000);

/** Counters that a run of this length must have moved: the frames got as deep as that. */
const DEEP = [
  "IpInHdrErrors",
  "IpInUnknownProtos",
  "IpReasmOKs",
  "IpReasmFails",
  "IpReasmTimeout",
  "IpFragCreates",
  "IcmpInCsumErrors",
  "IcmpOutDestUnreachs",
  "IcmpOutParmProbs",
  "TcpPassiveOpens",
  "TcpEstabResets",
  "TcpOutRsts",
  "TcpInCsumErrors",
  "UdpInDatagrams",
  "UdpNoPorts",
  "UdpInCsumErrors",
  "IpExtInTruncatedPkts",
  "IpExtReasmOverlaps",
  "TcpExtSyncookiesSent",
  "TcpExtEmbryonicRsts",
  "TcpExtOutOfWindowIcmps",
  "TcpExtTW",
  "TcpExtPAWSEstab",
  "TcpExtTCPSackRecovery",
  "TcpExtTCPDSACKRecv",
  "TcpExtTCPSACKDiscard",
  "TcpExtTCPSackShifted",
  "TcpExtTCPOFOQueue",
  "TcpExtTCPChallengeACK",
  "TcpExtTCPSYNChallenge",
  "TcpExtTCPAbortOnTimeout",
  "TcpExtTCPWinProbe",
  "TcpExtTCPKeepAlive",
];

// The first machine of the process, and one after another.
Deno.test("fuzz() does the same for the same seed", async () => {
  const [a, b] = [await fuzz({ frames: 1000, seed: 7 }), await fuzz({ frames: 1000, seed: 7 })];
  assertEquals(a, b);
});

for (const router of [false, true]) {
  const who = router ? "a router" : "a host";
  Deno.test(`${FRAMES} mutated frames do ${who} with open connections no harm`, async () => {
    const r = await fuzz({ frames: FRAMES, seed: SEED + (router ? 1 : 0), router });
    assert(r.frames >= FRAMES);
    if (FRAMES < 50000 || SEED !== 1) return;
    assertEquals(r.kinds.size, kinds.length);
    assertEquals(DEEP.filter((name) => r.counters.get(name) === 0), []);
    if (router) assert(r.counters.get("IpForwDatagrams")! > 100);
    assert(r.bytes > 5_000_000, `${r.bytes} bytes`);
  });
}

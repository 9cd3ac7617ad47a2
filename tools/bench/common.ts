// SPDX-License-Identifier: GPL-2.0-only
//
// What both ends of the benchmark have to know.

/** The stack's address on the TUN, and the host's. */
export const OURS = "198.51.100.2";
export const THEIRS = "198.51.100.1";
/** The servers' port. */
export const PORT = 5001;
/** Bytes of a read or write of bulk data. */
export const BULK = 256 * 1024;

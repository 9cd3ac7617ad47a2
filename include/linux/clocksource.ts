// SPDX-License-Identifier: GPL-2.0-only
//
// The seam through which time enters: arch gives a clocksource to timekeeping_init().

/** A clock. */
export interface clocksource {
  readonly name: string;
  /** ns, never going back; any epoch. */
  read(): number;
  /** ns to add to read() for the time since 1970. */
  readonly real_offset: number;
}

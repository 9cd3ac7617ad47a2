// SPDX-License-Identifier: GPL-2.0-only
//
// Flags of an interface's address.

export const IFA_F_SECONDARY = 0x01;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_NOPREFIXROUTE = 0x200;

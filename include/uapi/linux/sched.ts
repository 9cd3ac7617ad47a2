// SPDX-License-Identifier: GPL-2.0-only
//
// What a new task has of its own.

export const CLONE_NEWNET = 0x40000000;

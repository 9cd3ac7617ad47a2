// SPDX-License-Identifier: GPL-2.0-only

export const U8_MAX = 0xff;
export const S8_MAX = 0x7f;
export const U16_MAX = 0xffff;
export const S16_MAX = 0x7fff;
export const U32_MAX = 0xffffffff;
export const S32_MAX = 0x7fffffff;
export const S32_MIN = -0x80000000;
export const INT_MAX = 0x7fffffff;
export const INT_MIN = -0x80000000;
export const UINT_MAX = 0xffffffff;

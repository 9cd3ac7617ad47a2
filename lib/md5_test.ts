// SPDX-License-Identifier: GPL-2.0-only

import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import { md5_transform } from "./md5.ts";

/** All of MD5 over md5_transform(): padding and length. */
function md5(data: Uint8Array): string {
  const padded = new Uint8Array((((data.length + 8) >> 6) + 1) << 6);
  padded.set(data);
  padded[data.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 8, data.length * 8, true);
  const hash = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  for (let i = 0; i < padded.length; i += 64) {
    md5_transform(hash, new Int32Array(padded.buffer, i, 16));
  }
  return [...new Uint8Array(hash.buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

Deno.test("md5_transform() is the MD5 of RFC 1321", () => {
  assertEquals(md5(new Uint8Array(0)), "d41d8cd98f00b204e9800998ecf8427e");
  for (let n = 0; n < 300; n += 7) {
    const data = Uint8Array.from({ length: n }, (_, i) => (i * 167 + n) & 255);
    assertEquals(md5(data), createHash("md5").update(data).digest("hex"));
  }
});

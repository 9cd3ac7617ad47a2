// SPDX-License-Identifier: GPL-2.0-only
//
// What server and client of HTTP share: a connection read by heads, by lines and by counted bytes.

import type { Conn } from "../../mod.ts";

const MAX_HEAD = 16384;

/** Takes a piece of a body. */
export type sink = (p: Uint8Array) => void | Promise<void>;

export class http_reader {
  private readonly buf: Uint8Array;
  private start = 0;
  private end = 0;

  constructor(private readonly conn: Conn, size = 65536) {
    this.buf = new Uint8Array(size);
  }

  /** More bytes behind those not used yet; false at the end. */
  private async fill(): Promise<boolean> {
    if (this.start > 0) {
      this.buf.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    const n = await this.conn.read(this.buf.subarray(this.end));
    if (n === null) return false;
    this.end += n;
    return true;
  }

  /** The bytes up to a mark, which is left out, or null: the peer has closed, or sends nonsense. */
  private async until(mark: string): Promise<string | null> {
    for (;;) {
      const limit = Math.min(this.end, this.start + MAX_HEAD + mark.length);
      const text = new TextDecoder("latin1").decode(this.buf.subarray(this.start, limit));
      const i = text.indexOf(mark);
      if (i >= 0) {
        this.start += i + mark.length;
        return text.slice(0, i);
      }
      if (text.length > MAX_HEAD || !await this.fill()) return null;
    }
  }

  /** The bytes up to the empty line, or null. */
  head(): Promise<string | null> {
    return this.until("\r\n\r\n");
  }

  /** Hands `length` bytes of body to fn, Infinity: all to the end; false if they did not all come. */
  async body(length: number, fn: sink): Promise<boolean> {
    while (length > 0) {
      if (this.start === this.end && !await this.fill()) return length === Infinity;
      const n = Math.min(length, this.end - this.start);
      const ret = fn(this.buf.subarray(this.start, this.start + n));
      if (ret !== undefined) await ret;
      this.start += n;
      length -= n;
    }
    return true;
  }

  /** Hands a body of chunks to fn; false if they did not all come. @rfc 9112 7.1 */
  async chunks(fn: sink): Promise<boolean> {
    for (;;) {
      const line = await this.until("\r\n");
      const m = /^([0-9a-f]{1,12})\s*(;|$)/i.exec(line ?? "");
      if (m === null) return false;
      const size = parseInt(m[1], 16);
      if (!await this.body(size, fn)) return false;
      // Behind the last one fields may follow, up to an empty line.
      let field: string | null;
      do {
        field = await this.until("\r\n");
        if (field === null) return false;
      } while (size === 0 && field !== "");
      if (size === 0) return true;
      if (field !== "") return false;
    }
  }
}

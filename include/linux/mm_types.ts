// SPDX-License-Identifier: GPL-2.0-only
//
// A page: one pooled piece of memory that packet headers or payload live in. mm/page_alloc.ts hands
// them out in a few size classes; whoever stores a reference takes one with get_page().

/** A pooled buffer with the views that the packet path reads and writes it through. */
export class page {
  /** The bytes. Its length is the size class. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** The same bytes, for big-endian headers. */
  readonly dv: DataView<ArrayBuffer>;
  /** Size class, an index for mm/page_alloc.ts; -1 for a buffer that is not pooled. */
  readonly order: number;
  /** Users of the buffer. */
  _refcount = 1;
  /** Host address of the first byte as low and high 32 bits, filled by a driver that does DMA. */
  dma_lo = 0;
  dma_hi = 0;
  /** dma_lo and dma_hi hold the address. */
  dma_mapped = false;
  /** The address of the byte at dma_off that a driver used last, to be used again. */
  dma_off = -1;
  dma_addr = 0n;

  constructor(u8: Uint8Array<ArrayBuffer>, order: number) {
    this.u8 = u8;
    this.dv = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
    this.order = order;
  }
}

/** A page that is handed out in pieces, front to back. */
export class page_frag {
  page: page | null = null;
  offset = 0;
  size = 0;
}

/** Takes one more reference. */
export function get_page(p: page): void {
  p._refcount++;
}

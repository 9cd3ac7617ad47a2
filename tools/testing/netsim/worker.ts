// SPDX-License-Identifier: GPL-2.0-only
//
// Computes cells for compute(): takes a cell, answers its result, or what went wrong.

/// <reference lib="deno.worker" />

import { run_cell } from "./cell.ts";
import type { cell } from "./cell.ts";

self.onmessage = async ({ data }: MessageEvent<cell>) => {
  try {
    self.postMessage(await run_cell(data));
  } catch (e) {
    self.postMessage(e instanceof Error ? e.stack ?? e.message : String(e));
  }
};

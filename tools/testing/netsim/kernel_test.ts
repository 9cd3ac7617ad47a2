// SPDX-License-Identifier: GPL-2.0-only

import { assert } from "@std/assert";
import { netns_tests } from "../netns.ts";
import { parse_cell } from "./args.ts";
import { compare } from "./kernel.ts";

netns_tests(import.meta.url, () => {
  // Short, and on a machine that may have other things to do: figures are made by hand.
  Deno.test("compare() has the stack and the kernel send at about the same speed", async () => {
    const { ours, linux } = await compare(parse_cell("rtt=10,rate=10,loss=1"), 3, 1);
    assert(ours > 1e6 && linux > 1e6, `${ours} ${linux}`);
    assert(ours > linux / 2 && ours < linux * 2, `${ours} ${linux}`);
  });
});

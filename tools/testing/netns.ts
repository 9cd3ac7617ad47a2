// SPDX-License-Identifier: GPL-2.0-only
//
// Tests that send real packets: netns_tests() has `deno test` run the calling file once more in a
// network namespace of its own, and registers the file's tests only there. Where there is no
// namespace or no /dev/net/tun to be had, one ignored test says why.

import { assertEquals } from "@std/assert";
import {
  in_private_netns,
  is_private_netns,
  private_netns_support,
} from "../../arch/deno/netns.ts";

/** Registers the tests of the file at `url` (import.meta.url) inside a private namespace. @local */
export function netns_tests(url: string, register: () => void): void {
  if (Deno.build.os === "linux" && is_private_netns()) {
    register();
    return;
  }
  const file = new URL(url).pathname;
  const name = `${file.slice(file.lastIndexOf("/") + 1)} in a network namespace of its own`;
  const { why } = private_netns_support();
  Deno.test({
    name: why === undefined ? name : `${name} (ignored: ${why})`,
    ignore: why !== undefined,
    async fn() {
      const argv = [Deno.execPath(), "test", "-A", "--no-check", file];
      assertEquals(await in_private_netns([], argv), 0, `tests of ${file} failed`);
    },
  });
}

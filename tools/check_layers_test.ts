// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertStringIncludes } from "@std/assert";
import { check_layers, imports_of, layer_of } from "./check_layers.ts";

const tree = (files: Record<string, string>): Map<string, string> => new Map(Object.entries(files));

Deno.test("layer_of() puts files in the design's order", () => {
  const order = [
    "include/net/tcp.ts",
    "lib/md5.ts",
    "kernel/time/timer.ts",
    "net/socket.ts",
    "net/ipv4/ip_input.ts",
    "net/ipv4/inet_hashtables.ts",
    "net/ipv4/tcp_cubic.ts",
    "net/ipv4/tcp_ipv4.ts",
    "net/ipv4/af_inet.ts",
    "drivers/net/loopback.ts",
    "arch/sim/mod.ts",
    "tools/lib/mod.ts",
    "mod.ts",
    "samples/nc.ts",
  ].map(layer_of);
  assertEquals(order, [...order].sort((a, b) => a - b));
  assertEquals(new Set(order).size, order.length);
  assertEquals(layer_of("net/ipv4/inet_fragment.ts"), layer_of("net/ipv4/route.ts"));
  assertEquals(layer_of("net/core/sock.ts"), layer_of("fs/read_write.ts"));
  assertEquals(layer_of("misc/x.ts"), -1);
});

Deno.test("imports_of() tells type-only imports from others", () => {
  const text = `import { a } from "./a.ts";
import type { b } from "./b.ts";
import { type c } from "../c.ts";
import {
  d,
  type e,
} from "./d.ts";
export * from "./f.ts";
import "./g.ts";
export const x = "./no.ts";
// import { q } from "./q.ts";
`;
  assertEquals(
    imports_of("net/core/x.ts", text).map((e) => [e.to, e.type]),
    [
      ["net/core/a.ts", false],
      ["net/core/b.ts", true],
      ["net/c.ts", true],
      ["net/core/d.ts", false],
      ["net/core/f.ts", false],
      ["net/core/g.ts", false],
    ],
  );
});

Deno.test("check_layers() fails on an import upwards", () => {
  const wrong = check_layers(tree({
    "include/net/a.ts": 'import type { x } from "../../net/core/b.ts";\n',
    "net/core/b.ts": 'import { y } from "../ipv4/tcp.ts";\n',
    "net/ipv4/tcp.ts": 'import { z } from "../core/b.ts";\n',
  }));
  assertEquals(wrong.length, 3);
  assertStringIncludes(wrong[0], "include/net/a.ts:1: imports net/core/b.ts");
  assertStringIncludes(wrong[2], "circle: net/core/b.ts -> net/ipv4/tcp.ts -> net/core/b.ts");
});

Deno.test("check_layers() accepts the kernel's knots and circles of types", () => {
  assertEquals(
    check_layers(tree({
      "net/ipv4/tcp.ts": 'import { a } from "./tcp_output.ts";\n',
      "net/ipv4/tcp_output.ts": 'import { b } from "./tcp.ts";\n',
      "include/a.ts": 'import type { b } from "./b.ts";\n',
      "include/b.ts": 'import { a } from "./a.ts";\n',
    })),
    [],
  );
  assertEquals(
    check_layers(tree({
      "net/ipv4/tcp.ts": 'import { a } from "./tcp_cubic.ts";\n',
      "net/ipv4/tcp_cubic.ts": 'import { b } from "./tcp.ts";\n',
    })).length,
    1,
  );
});

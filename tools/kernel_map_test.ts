// SPDX-License-Identifier: GPL-2.0-only
//
// The map of kernel names (kernel_map.tsv) holds: each name is defined in the file that it names, and that file is where
// a reader of the kernel looks first.

import { assert, assertEquals } from "@std/assert";

/** A line of kernel_map.tsv. */
interface row {
  name: string;
  kind: string;
  kernel: string;
  ours: string;
}

const root = new URL("../", import.meta.url);

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

function rows(): row[] {
  return read("tools/kernel_map.tsv").split("\n").filter((l) => l !== "" && !l.startsWith("#"))
    .map((l) => {
      const [name, kind, kernel, ours] = l.split("\t");
      return { name, kind, kernel, ours };
    });
}

/** The kernel's path, with .ts. */
function same_path(kernel: string): string {
  return kernel.replace(/\.[ch]$/, ".ts");
}

/** Not there, with the reason; a header's inline function that calls up needs none. */
const ELSEWHERE: Record<string, string> = {
  do_syscall_64: "arch/ has hosts here and no processors: what all of them share is in arch/entry",
  tcp_skb_cb: "skb.cb[] is no array of bytes here: sk_buff has each protocol's block as a field",
};

/** The name is defined at the top level of a text. */
function defines(text: string, { name, kind }: row): boolean {
  const words = kind === "struct" ? "class|interface|type" : "(?:async )?function|const";
  return new RegExp(`^(?:export )?(?:${words}) ${name}\\b`, "m").test(text);
}

Deno.test("kernel_map.tsv names each name once, functions and structs", () => {
  const all = rows();
  assert(all.length >= 292);
  assertEquals(new Set(all.map((r) => r.name)).size, all.length);
  assertEquals(all.filter((r) => r.kind !== "function" && r.kind !== "struct"), []);
  assertEquals(
    all,
    [...all].sort((a, b) => a.kernel < b.kernel ? -1 : a.kernel > b.kernel ? 1 : 0),
  );
});

Deno.test("every name of the kernel is defined in the file of the map", () => {
  const texts = new Map<string, string>();
  const missing = rows().filter((r) => {
    if (!texts.has(r.ours)) texts.set(r.ours, read(r.ours));
    return !defines(texts.get(r.ours)!, r);
  });
  assertEquals(missing, []);
});

Deno.test("our file is the kernel's, but for inlines of headers that call up", () => {
  const moved = rows().filter((r) => r.ours !== same_path(r.kernel));
  const unexplained = moved.filter((r) =>
    !(r.name in ELSEWHERE) &&
    !(r.kind === "function" && /^include\/.*\.h$/.test(r.kernel) && /^(net|fs)\//.test(r.ours))
  );
  assertEquals(unexplained, []);
  for (const name of Object.keys(ELSEWHERE)) {
    assertEquals(moved.filter((r) => r.name === name).length, 1, `${name} is not elsewhere`);
  }
});

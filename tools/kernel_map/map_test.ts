// SPDX-License-Identifier: GPL-2.0-only

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { check_map, compare, kernel_files, our_files, read_map, report } from "./map.ts";
import { handler } from "./mod.ts";
import { code_html } from "./page.ts";
import { c_functions, ts_functions, ts_reexports } from "./source.ts";

const C = `/* A file in the kernel's style. */
#include <linux/nothing.h>

#define double_of(x) \\
	((x) * 2)

struct thing {
	int a;
};

static const struct ops thing_ops = {
	.open = thing_open,
};

/* Opens a thing. */
static inline int thing_open(struct thing *t)
{
	if (t) {
		return 0;
	}
	return thing_fail(t);
}
EXPORT_SYMBOL(thing_open);

enum thing_state
thing_alloc(int a,
	    int b)
{
	return NULL;
}

static inline void thing_free(struct thing *t) { }
static inline int thing_count(const struct thing *t,
			      int b) { return 1; }

SYSCALL_DEFINE2(thing, int, fd, struct thing __user *, t)
{
	return 0;
}

void thing_last(void) {
	thing_free(NULL);
}
`;

const TS = `// SPDX-License-Identifier: GPL-2.0-only

export { thing_free } from "./other.ts";

/** Opens a thing. */
export function thing_open(t: thing): number {
  return t === null ? -1 : 0;
}

/** Ours alone. @local */
function helper(
  a: number,
): { b: number } {
  const c = () => 1;
  return { b: a };
}

const short = (a: number): number => a + 1;
const longer = (a: number): number =>
  a + 2;
export const table = { open: thing_open };
const TABLE: readonly number[] = [1];
export async function thing_last(): Promise<void> {
}
`;

Deno.test("c_functions() finds functions by the kernel's layout", () => {
  const { functions, macros } = c_functions(C);
  assertEquals(functions.map((d) => [d.name, d.exported]), [
    ["thing_open", false],
    ["thing_alloc", true],
    ["thing_free", false],
    ["thing_count", false],
    ["sys_thing", true],
    ["thing_last", true],
  ]);
  assertEquals(macros, ["double_of"]);
  const lines = C.split("\n");
  const [open, alloc] = functions;
  assertEquals(lines[open.doc], "/* Opens a thing. */");
  assertEquals([lines[open.start].slice(0, 6), lines[open.end]], ["static", "}"]);
  assertEquals([lines[alloc.start], lines[alloc.end]], ["enum thing_state", "}"]);
});

Deno.test("ts_functions() finds functions, their comments and @local", () => {
  assertEquals(ts_functions(TS).map((d) => [d.name, d.doc + 1, d.start + 1, d.end + 1, d.local]), [
    ["thing_open", 5, 6, 8, false],
    ["helper", 10, 11, 16, true],
    ["short", 18, 18, 18, false],
    ["longer", 19, 19, 20, false],
    ["thing_last", 23, 23, 24, false],
  ]);
  assertEquals(ts_reexports(TS), ["thing_free"]);
});

Deno.test("ts_functions() gives no line of our tree to two functions", () => {
  for (const f of our_files().values()) {
    let last = -1;
    for (const d of f.functions) {
      assert(d.doc > last, `${f.path}:${d.start + 1}: ${d.name}`);
      last = d.end;
    }
  }
});

Deno.test("every name of kernel_map.tsv stands where the map says", () => {
  assertEquals(check_map(read_map(), our_files()), []);
});

Deno.test("check_map() fails on a name that is absent or stands in another file", () => {
  const files = our_files();
  const row = { name: "tcp_ack", kind: "function", kernel: "net/ipv4/tcp_input.c" };
  assertEquals(check_map([{ ...row, ours: "net/ipv4/tcp_output.ts" }], files), [
    "tcp_ack: net/ipv4/tcp_output.ts is no place for net/ipv4/tcp_input.c's",
    "tcp_ack: not in net/ipv4/tcp_output.ts but in net/ipv4/tcp_input.ts",
  ]);
  const gone = { ...row, name: "tcp_nack", ours: "net/ipv4/tcp_input.ts" };
  assertEquals(check_map([gone], files), ["tcp_nack: not in net/ipv4/tcp_input.ts"]);
});

/** A tree of the kernel's, as far as it goes: texts of our own. */
async function with_trees(fn: (ours: string, kernel: string) => void | Promise<void>) {
  const dir = await Deno.makeTempDir();
  try {
    for (const [path, text] of [["kernel/net/thing.c", C], ["ours/net/thing.ts", TS]]) {
      await Deno.mkdir(`${dir}/${path.replace(/\/[^/]*$/, "")}`, { recursive: true });
      await Deno.writeTextFile(`${dir}/${path}`, text);
    }
    await fn(`${dir}/ours`, `${dir}/kernel`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("compare() tells what is here, missing and ours alone", async () => {
  await with_trees((ours, kernel) => {
    const files = our_files(ours);
    const [c] = compare(files, kernel_files(kernel, files));
    assertEquals([c.kernel, c.ours], ["net/thing.c", "net/thing.ts"]);
    assertEquals(c.here, ["thing_open", "thing_free", "thing_last"]);
    assertEquals(c.missing, ["thing_alloc", "thing_count", "sys_thing"]);
    assertEquals(c.local, ["helper"]);
    assertEquals(c.parts, ["short", "longer"]);
    assertStringIncludes(report([c]), "  missing:   thing_alloc thing_count sys_thing\n");
    assertStringIncludes(report(compare(files, null)), "1 files: 4 functions here, 1 @local\n");
  });
});

Deno.test("the pages show both texts side by side, and nothing but our files", async () => {
  await with_trees(async (ours, kernel) => {
    const files = our_files(ours);
    const serve = handler(files, kernel_files(kernel, files));
    const get = (path: string): Response => serve(new Request(`http://127.0.0.1${path}`));
    assertMatch(await get("/").text(), /<a href="\/file\/net\/thing.ts">net\/thing.c<\/a>/);
    const page = await get("/file/net/thing.ts").text();
    assertMatch(page, /<h2 id="thing_open">[\s\S]*struct<\/b> thing \*t[\s\S]*<pre class="ours">/);
    assertMatch(page, /<h2 id="thing_alloc">thing_alloc<small>missing/);
    assertMatch(page, /<h2 id="helper">helper<small>@local/);
    assertEquals(get("/fn/thing_open").headers.get("location"), "/file/net/thing.ts#thing_open");
    for (const path of ["/file/../../etc/passwd", "/file/deno.json", "/fn/nothing", "/x"]) {
      assertEquals(get(path).status, 404);
    }
  });
});

Deno.test("code_html() escapes and marks", () => {
  const html = code_html('if (a<b) f("x&y"); // <z>', (n) => n === "f");
  assertEquals(
    html,
    '<b class="k">if</b> (a&lt;b) <a href="/fn/f">f</a>(<s>&quot;x&amp;y&quot;</s>); <i>// &lt;z&gt;</i>',
  );
});

Deno.test("kernel_map prints a file, and refuses what it does not know", async () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("./mod.ts", import.meta.url).pathname, ...args],
    }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  const one = await run("tcp_rate");
  assertEquals(one.code, 0);
  assertMatch(
    one.out,
    /^net\/ipv4\/tcp_rate\.c -> net\/ipv4\/tcp_rate\.ts\n {2}here: +tcp_rate_skb_sent /,
  );
  assertMatch(one.out, /kernel_map\.tsv: \d+ names, 0 wrong/);
  assertEquals((await run("--kernel=/nowhere")).code, 1);
  for (const args of [["--nope"], ["--report"], ["--port=x"]]) {
    const { code, err } = await run(...args);
    assertEquals(code, 2);
    assertMatch(err, /usage: deno task kernel_map/);
  }
});

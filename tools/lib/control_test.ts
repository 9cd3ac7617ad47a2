// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { boot } from "../../mod.ts";
import { control_ask, control_dir, control_list } from "./control.ts";
import type { control_request, control_stack } from "./control.ts";

/** A folder of its own for the sockets, for this process. */
async function with_dir(fn: (dir: string) => Promise<void>): Promise<void> {
  const old = Deno.env.get("XDG_RUNTIME_DIR");
  const dir = await Deno.makeTempDir({ prefix: "tuxnet-control-" });
  Deno.env.set("XDG_RUNTIME_DIR", dir);
  try {
    await fn(dir);
  } finally {
    if (old === undefined) Deno.env.delete("XDG_RUNTIME_DIR");
    else Deno.env.set("XDG_RUNTIME_DIR", old);
    await Deno.remove(dir, { recursive: true });
  }
}

/** Sends a line as it is: what comes back. */
async function raw(stack: control_stack, line: string): Promise<string> {
  using conn = await Deno.connect({ transport: "unix", path: stack.path });
  await conn.write(new TextEncoder().encode(line));
  await conn.closeWrite();
  return await new Response(conn.readable).text();
}

Deno.test("boot({ control: true }) answers commands of its user on a socket", () =>
  with_dir(async () => {
    {
      await using m = boot({ clock: "sim", control: true });
      m.host("b");
      const stacks = await control_list();
      assertEquals(stacks, [{ pid: Deno.pid, path: `${control_dir()}/${Deno.pid}` }]);
      assertEquals((await Deno.stat(stacks[0].path)).mode! & 0o777, 0o600);
      assertEquals((await Deno.stat(control_dir())).mode! & 0o777, 0o700);

      const ask = async (command: string, argv: string[], more: Partial<control_request> = {}) => {
        const r = await control_ask(stacks[0], { command, argv, ...more });
        return [r.status, r.out, r.err];
      };
      assertEquals(await ask("sysctl", ["-n", "net.ipv4.tcp_sack"]), [0, "1\n", ""]);
      assertEquals(await ask("sysctl", ["-q", "net.ipv4.tcp_sack=0"], { host: "b" }), [0, "", ""]);
      assertEquals(m.host("b").net.ipv4.sysctl_tcp_sack, 0);
      assertEquals(m.host().net.ipv4.sysctl_tcp_sack, 1);
      const files = { f: "net.ipv4.tcp_dsack=0" };
      assertEquals((await ask("sysctl", ["-pf"], { files }))[1], "net.ipv4.tcp_dsack = 0\n");
      assertEquals(await ask("nstat", []), [0, "#kernel\n", ""]);
      assertEquals((await ask("nstat", ["-Q"]))[0], 2);
      assertEquals(await ask("rm", ["-rf"]), [1, "", "no command rm\n"]);
      assertEquals(await ask("nstat", [], { host: "c" }), [1, "", "nstat: no host c\n"]);

      assertStringIncludes(await raw(stacks[0], "hello\n"), "this is not JSON");
      for (const bad of ["1\n", "null\n", '{"command":"nstat"}\n', '{"command":1,"argv":[]}\n']) {
        assertStringIncludes(await raw(stacks[0], bad), "command and argv are wanted");
      }
      assertEquals(await raw(stacks[0], '{"command"'), "");
    }
    assertEquals(await control_list(), []);
    await assertRejects(
      () => control_ask({ pid: 1, path: `${control_dir()}/1` }, { command: "nstat", argv: [] }),
      Deno.errors.NotFound,
    );
  }));

Deno.test("a socket in a folder that others may write to is not used", () =>
  with_dir(async (dir) => {
    await Deno.mkdir(`${dir}/tuxnet`, { mode: 0o755 });
    let why = "";
    try {
      boot({ clock: "sim", control: true });
    } catch (e) {
      why = (e as Error).message;
    }
    assertMatch(why, /not a folder of this user only/);
    await assertRejects(() => control_list(), Deno.errors.PermissionDenied);
    // The machine that was not made is not in the way of the next.
    await boot({ clock: "sim" }).shutdown();
  }));

Deno.test("a socket whose process has ended is removed", () =>
  with_dir(async () => {
    await Deno.mkdir(control_dir(), { mode: 0o700 });
    const path = `${control_dir()}/4194305`;
    Deno.listen({ transport: "unix", path }).close();
    assertEquals(await control_list(), []);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }));

// SPDX-License-Identifier: GPL-2.0-only
//
// The samples on a real TUN or TAP, each a process of its own, with curl, nc, ping and servers of the host at the
// other end.

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { createSocket } from "node:dgram";
import { random_bytes, run_program, sha256, sleep, THEIRS } from "../tools/testing/interop.ts";
import { netns_tests } from "../tools/testing/netns.ts";
import { run_sample, running_sample } from "../tools/testing/sample.ts";

const OURS = "198.51.100.2";

/** The host's interfaces, but for lo. */
function interfaces(): string[] {
  return Deno.readTextFileSync("/proc/self/net/dev").split("\n").slice(2)
    .map((l) => l.split(":")[0].trim()).filter((n) => n !== "" && n !== "lo");
}

/** Runs a server, then fn, then ends it as Ctrl-C does: quickly, and the device is gone. */
async function with_server(
  name: string,
  args: string[],
  ready: string,
  fn: (s: running_sample) => Promise<void>,
): Promise<void> {
  await using s = new running_sample(name, args);
  await s.said(ready);
  await fn(s);
  const { code, ms } = await s.end();
  assertEquals(code, 130, s.stderr);
  assertLess(ms, 2000);
  assertEquals(interfaces(), []);
}

async function with_folder(fn: (dir: string, file: Uint8Array<ArrayBuffer>) => Promise<void>) {
  const dir = Deno.makeTempDirSync({ prefix: "tuxnet-test-" });
  try {
    const file = random_bytes(3_000_000);
    Deno.writeFileSync(`${dir}/file`, file);
    Deno.writeTextFileSync(`${dir}/index.html`, "<h1>index</h1>\n");
    await fn(dir, file);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** What curl prints. */
async function curl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run_program(["curl", "-sS", ...args]);
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Sends `stdin` by nc and returns what comes back. */
async function nc(port: number, stdin: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const { code, stdout, stderr } = await run_program(["nc", "-N", OURS, String(port)], { stdin });
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Serves on the host for the time of fn: /file by its length, /chunked in pieces, else 404. */
async function host_http(fn: (file: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
  const file = random_bytes(3_000_000);
  const server = Deno.serve({ hostname: THEIRS, port: 8080, onListen() {} }, (req) => {
    const { pathname } = new URL(req.url);
    if (pathname === "/file") return new Response(file);
    if (pathname !== "/chunked") return new Response("nothing here\n", { status: 404 });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    void (async () => {
      const w = writable.getWriter();
      for (let i = 0; i < file.length; i += 100_001) await w.write(file.subarray(i, i + 100_001));
      await w.close();
    })();
    return new Response(readable);
  });
  try {
    await fn(file);
  } finally {
    await server.shutdown();
  }
}

/** A DNS server of the host for the time of fn: www.example.org is the host, nothing else is. */
async function host_dns(fn: () => Promise<void>): Promise<void> {
  const server = createSocket("udp4");
  server.on("message", (q, from) => {
    const known = new TextDecoder().decode(q.subarray(12)).includes("\x03www\x07example\x03org");
    const a = known
      ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...THEIRS.split(".").map(Number)]
      : [];
    const p = Uint8Array.from([...q, ...a]);
    p[2] |= 0x80;
    p[3] = known ? 0 : 3;
    p[7] = known ? 1 : 0;
    server.send(p, from.port, from.address);
  });
  await new Promise<void>((resolve) => server.bind(53, resolve));
  try {
    await fn();
  } finally {
    server.close();
  }
}

/** The complaint of a program that ended with 1: one line. */
function one_line(r: { code: number; stdout: string; stderr: string }): string {
  assertEquals([r.code, r.stdout], [1, ""], r.stderr);
  assertEquals(r.stderr.trimEnd().split("\n").length, 1, r.stderr);
  return r.stderr;
}

/**
 * Runs fn with an interface that is the host's own, so that its servers have an address before a sample
 * makes the device.
 */
async function with_host_address(fn: () => Promise<void>): Promise<void> {
  for (const args of [["link", "set", "lo", "up"], ["addr", "add", `${THEIRS}/32`, "dev", "lo"]]) {
    const { code, stderr } = await run_program(["ip", ...args]);
    assertEquals(code, 0, stderr);
  }
  try {
    await fn();
  } finally {
    await run_program(["ip", "addr", "del", `${THEIRS}/32`, "dev", "lo"]);
  }
}

netns_tests(import.meta.url, () => {
  Deno.test("echo_server", async () => {
    await with_server("echo_server", [], `echo on ${OURS}:7 (tap)`, async () => {
      assertEquals(await nc(7, "hello\n"), "hello\n");
      const text = "x".repeat(500_000);
      assertEquals(await nc(7, text), text);
    });
  });

  Deno.test("discard_server says how much it got", async () => {
    await with_server("discard_server", ["--nic=tun"], `discard on ${OURS}:9 (tun)`, async (s) => {
      assertEquals(await nc(9, random_bytes(1_000_000)), "");
      await s.said(/discard: 1000000 bytes in [\d.]+ s, [\d.]+ Mbit\/s/);
    });
  });

  Deno.test("chargen_server sends until the peer has enough", async () => {
    await with_server("chargen_server", ["--port=1019"], "chargen on", async () => {
      const head = await run_program(["sh", "-c", `nc ${OURS} 1019 < /dev/null | head -c 1000000`]);
      assertEquals(head.stdout.length, 1_000_000);
      const [first, second] = head.stdout.split("\r\n");
      assertEquals(first.length, 72);
      assertEquals(first.slice(1), second.slice(0, 71));
    });
  });

  Deno.test("inetd serves several, and each by its port", async () => {
    const args = ["--services=discard:5001,chargen:5002,echo:5003,daytime:5004"];
    await with_server("inetd", args, `daytime on ${OURS}:5004`, async (s) => {
      await nc(5001, "gone");
      await s.said("discard: 4 bytes");
      assertEquals(await nc(5003, "back"), "back");
      assertMatch(await nc(5004, ""), /^\w{3}, \d\d \w{3} \d{4} .* GMT\r\n$/);
      const head = await run_program(["sh", "-c", `nc ${OURS} 5002 < /dev/null | head -c 74`]);
      assertMatch(head.stdout, /^ !"#\$%&/);
    });
  });

  Deno.test("inetd: a port that is taken", async () => {
    const taken = await run_sample("inetd", ["--services=echo:7,discard:7"]);
    assertEquals(taken.code, 1);
    assertMatch(taken.stderr, /inetd: bind EADDRINUSE .*:7\n$/);
    assertEquals(interfaces(), []);
  });

  Deno.test("http_server: files, ranges, HEAD, PUT, keep-alive, errors", async () => {
    await with_folder(async (dir, file) => {
      await with_server("http_server", [`--root=${dir}`], `http on ${OURS}:80`, async () => {
        const url = `http://${OURS}`;
        assertEquals(await curl(`${url}/`), "<h1>index</h1>\n");
        const get = (range: string) =>
          run_program(["sh", "-c", `curl -sS ${range} ${url}/file | sha256sum`]);
        const sum = async (range: string) => (await get(range)).stdout.split(" ")[0];
        assertEquals(await sum(""), sha256(file));
        assertEquals(await sum("-r 1000-1999"), sha256(file.subarray(1000, 2000)));
        assertEquals(await sum("-r -500"), sha256(file.subarray(-500)));
        assertEquals(await sum("-r 2999990-"), sha256(file.subarray(2999990)));
        const part = await curl("-r", "0-9", "-D", "-", "-o", "/dev/null", `${url}/file`);
        assertMatch(part, /^HTTP\/1\.1 206 Partial Content\r\n/);
        assertMatch(part, /content-range: bytes 0-9\/3000000\r\n/);

        const status = (...args: string[]) =>
          curl("-o", "/dev/null", "-w", "%{http_code}", ...args);
        assertEquals(await status("-r", "3000000-", `${url}/file`), "416");
        assertEquals(await status(`${url}/nothing`), "404");
        assertEquals(await status("--path-as-is", `${url}/../../etc/passwd`), "404");
        assertEquals(await status("-X", "DELETE", `${url}/file`), "405");
        const head = await curl("-I", `${url}/file`);
        assertMatch(head, /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 3000000\r\n[^]*\r\n\r\n$/);

        assertEquals(await curl("-T", `${dir}/file`, `${url}/new`), `${sha256(file)}\n`);
        const expect = ["-H", "Expect: 100-continue", "-T", `${dir}/index.html`, `${url}/new`];
        assertEquals(await curl(...expect), `${sha256(Deno.readFileSync(`${dir}/index.html`))}\n`);

        // One connection for three requests, a 404 and a PUT among them.
        const again = ["-w", "%{num_connects} %{http_code}\n", "-o", "/dev/null"];
        const next = ["--next", "-sS", ...again];
        const reused = await curl(
          ...again,
          `${url}/`,
          ...next,
          `${url}/nothing`,
          ...next,
          "-T",
          `${dir}/file`,
          `${url}/`,
        );
        assertEquals(reused, "1 200\n0 404\n0 200\n");
        assertMatch(await nc(80, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
        assertMatch(await nc(80, "GET / HTTP/1.0\r\n\r\n"), /connection: close\r\n/);
      });
    });
  });

  Deno.test("http_get from a server of the host, by address and by name over UDP DNS", async () => {
    await with_host_address(() =>
      host_http((file) =>
        host_dns(async () => {
          const out = Deno.makeTempFileSync({ prefix: "tuxnet-test-" });
          const args = ["--output", out];
          const fetched = async (url: string) => {
            const got = await run_sample("http_get", [...args, url]);
            assertEquals(got.code, 0, got.stderr);
            assertMatch(got.stderr, /^200, 3000000 bytes in [\d.]+ s \(\d+ Mbit\/s\), sha256 /);
            assertEquals(sha256(Deno.readFileSync(out)), sha256(file));
          };
          try {
            await fetched(`http://${THEIRS}:8080/file`);
            await fetched(`http://${THEIRS}:8080/chunked`);
            await fetched("http://www.example.org:8080/file");
            const none = await run_sample("http_get", [`http://${THEIRS}:8080/nothing`]);
            assertEquals([none.code, none.stdout], [1, "nothing here\n"], none.stderr);
            const refused = await run_sample("http_get", [`http://${THEIRS}:8081/`]);
            assertEquals(one_line(refused), `http_get: connect ECONNREFUSED ${THEIRS}:8081\n`);
            const unknown = await run_sample("http_get", ["http://nowhere.example.org/"]);
            assertEquals(one_line(unknown), "http_get: nowhere.example.org: no such name\n");
          } finally {
            Deno.removeSync(out);
          }
        })
      )
    );
    assertEquals(interfaces(), []);
  });

  Deno.test("nc connects to the host's nc, and listens for it", async () => {
    await with_host_address(async () => {
      const server = run_program(["nc", "-l", "-N", THEIRS, "6000"], { stdin: "from the host\n" });
      await sleep(100);
      const client = await run_sample("nc", [THEIRS, "6000"], { stdin: "from us\n" });
      assertEquals([client.code, client.stdout], [0, "from the host\n"], client.stderr);
      assertEquals((await server).stdout, "from us\n");
    });
    const listener = run_sample("nc", ["--listen", "6001", "--dev=tap3"], { stdin: "from us\n" });
    for (let i = 0; !interfaces().includes("tap3") && i < 200; i++) await sleep(20);
    await sleep(50);
    assertEquals(await nc(6001, "from the host\n"), "from us\n");
    const { code, stdout } = await listener;
    assertEquals([code, stdout], [0, "from the host\n"]);
    assertEquals(interfaces(), []);
  });

  Deno.test("the NIC is as the flags say", async () => {
    const args = ["--nic=tap", "--dev=my0", "--address=10.9.8.2/28", "--host-address=10.9.8.1/28"]
      .concat(["--mtu=1400", "--mac=02:00:5e:10:00:07", "--no-offload", "--port=77"]);
    await with_server("echo_server", args, "echo on 10.9.8.2:77 (tap)", async () => {
      const { stdout } = await run_program(["ip", "addr", "show", "dev", "my0"]);
      assertMatch(stdout, /my0: <.*\bUP\b.*> mtu 1400 /);
      assertMatch(stdout, /inet 10\.9\.8\.1\/28 /);
      const ping = await run_program(["ping", "-c", "1", "-W", "2", "-s", "2000", "10.9.8.2"]);
      assertMatch(ping.stdout, /1 received/);
      const neigh = await run_program(["ip", "neigh", "show", "dev", "my0"]);
      assertMatch(neigh.stdout, /^10\.9\.8\.2 lladdr 02:00:5e:10:00:07 /);
    });
  });

  Deno.test("Ctrl-C ends connections that are open and stuck, by RST, and quickly", async () => {
    for (const [signal, exit] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      await using s = new running_sample("inetd", ["--services=chargen:19,echo:7"]);
      await s.said("echo on");
      // The first is never read from, the second idle.
      const stuck = await Deno.connect({ hostname: OURS, port: 19 });
      const idle = await Deno.connect({ hostname: OURS, port: 7 });
      await sleep(300);
      const { code, ms } = await s.end(signal);
      assertEquals(code, exit, s.stderr);
      assertLess(ms, 2000);
      assertEquals(interfaces(), []);
      stuck.close();
      idle.close();
    }
  });

  Deno.test("the device is busy: one line", async () => {
    await with_server("echo_server", ["--dev=tap5"], "echo on", async () => {
      const busy = one_line(await run_sample("echo_server", ["--dev=tap5"]));
      assertMatch(
        busy,
        /^echo_server: the TAP interface 'tap5' is in use by another program: .*--dev/,
      );
    });
  });

  Deno.test("an interface of that name and another type: one line", async () => {
    await with_server("echo_server", ["--dev=tap5"], "echo on", async () => {
      const other = one_line(await run_sample("echo_server", ["--nic=tun", "--dev=tap5"]));
      assertMatch(other, /^echo_server: cannot make the TUN interface 'tap5': /);
    });
  });

  Deno.test("no permission, no TUN: one line", async () => {
    // Without CAP_NET_ADMIN, and with a /dev/net that is empty.
    const no_admin = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    const denied = one_line(await run_sample("echo_server", [], { prefix: no_admin }));
    assertMatch(denied, /^echo_server: no permission to make the TAP interface .*: run as root/);
    const script = 'mount -t tmpfs none /dev/net && exec "$@"';
    const no_tun = ["unshare", "-m", "sh", "-c", script, "sh"];
    const none = one_line(await run_sample("echo_server", [], { prefix: no_tun }));
    assertMatch(none, /^echo_server: no \/dev\/net\/tun: load the module by 'modprobe tun'/);
  });

  Deno.test("deno task sample NAME runs a sample and passes Ctrl-C and exit status on", async () => {
    const sample = new URL("../tools/sample.ts", import.meta.url).pathname;
    const argv = [Deno.execPath(), "run", "-A", "--no-check", sample];
    const child = new Deno.Command(argv[0], {
      args: [...argv.slice(1), "echo_server", "--dev=tap9"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let i = 0; !interfaces().includes("tap9") && i < 300; i++) await sleep(20);
    assert(interfaces().includes("tap9"));
    await sleep(100);
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 143);
    assertEquals(interfaces(), []);
    const unknown = await run_program([...argv, "nothing"]);
    assertEquals(unknown.code, 2);
    assertMatch(unknown.stderr, /^sample: no sample 'nothing'\nusage: .*\nnames: chargen_server /);
  });
});

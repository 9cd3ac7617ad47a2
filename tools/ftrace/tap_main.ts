// SPDX-License-Identifier: GPL-2.0-only
//
// The session on a real NIC, in the mirror and in a network namespace of its own: the host's curl fetches from our
// HTTP server, we send to the host's nc, through a TAP and the host's own stack.

import { SOCK_STREAM } from "../../include/linux/net.ts";
import { NETIF_F_GRO } from "../../include/linux/netdevice.ts";
import { AF_INET } from "../../include/linux/socket.ts";
import { check, inet_addr } from "../../mod.ts";
import { http_service } from "../../samples/http_server.ts";
import { tcp_listen } from "../../samples/lib/server.ts";
import { on_nic, run_program, sleep, THEIRS } from "../testing/interop.ts";
import type { nic_bench, program_result } from "../testing/interop.ts";
import { DEFAULTS, FTRACE_ENV, open_output, write_text } from "./options.ts";
import type { ftrace_options } from "./options.ts";
import { ftrace } from "./trace.ts";

const options: ftrace_options = { ...DEFAULTS, ...JSON.parse(Deno.env.get(FTRACE_ENV) ?? "{}") };
const file = open_output(options, Deno.stdout);

function expect(what: string, r: program_result): void {
  if (r.code !== 0) throw new Error(`${what} ended with ${r.code}: ${r.stderr}`);
}

/** curl gets a page of 26 bytes and a file of 400 kB. */
async function serve_curl(t: nic_bench, root: string): Promise<void> {
  const u = t.host.task("http_server");
  const fd = tcp_listen(u, 80);
  const serve = http_service(root);
  void (async () => {
    for (;;) {
      const conn = await u.sys_accept4(fd, null, null, 0);
      if (conn < 0) return;
      void serve(u, conn);
    }
  })();
  for (const name of ["index.html", "file"]) {
    const r = await run_program(["curl", "-sS", "-o", "/dev/null", `http://198.51.100.2/${name}`]);
    expect("curl", r);
  }
}

/** We connect to a listening nc, and send it 400 kB. */
async function send_to_nc(t: nic_bench): Promise<void> {
  const port = 7777;
  const nc = run_program(["nc", "-N", "-l", THEIRS, String(port)], { stdin: "hello from nc\n" });
  const u = t.host.task("client");
  let fd = -1;
  for (let tries = 0; tries < 50 && fd < 0; tries++) {
    await sleep(50);
    fd = check(u.sys_socket(AF_INET, SOCK_STREAM), "socket");
    const addr = { sin_family: AF_INET, sin_port: port, sin_addr: inet_addr(THEIRS) };
    if (await u.sys_connect(fd, addr) === 0) break;
    await u.sys_close(fd);
    fd = -1;
  }
  check(fd, "connect");
  for (const n of [100, 400000]) check(await u.sys_write(fd, new Uint8Array(n)), "write");
  const buf = new Uint8Array(4096);
  while (check(await u.sys_read(fd, buf), "read") > 0);
  await u.sys_close(fd);
  expect("nc", await nc);
}

const parts: string[] = options.json ? [] : ["# session tap\n"];
const tracer = new ftrace(options, (s) => void parts.push(s));
const root = Deno.makeTempDirSync({ prefix: "tuxnet-ftrace-" });
try {
  Deno.writeTextFileSync(`${root}/index.html`, "<h1>Served by tuxnet</h1>\n");
  Deno.writeFileSync(`${root}/file`, new Uint8Array(400000));
  await on_nic({ type: "tap" }, async (t) => {
    tracer.start();
    await serve_curl(t, root);
    await send_to_nc(t);
    // Once more without GRO: packets come one by one.
    t.nic.dev.features &= ~NETIF_F_GRO;
    expect("curl", await run_program(["curl", "-sS", "-o", "/dev/null", "http://198.51.100.2/"]));
    await sleep(50);
    tracer.stop();
  });
} finally {
  Deno.removeSync(root, { recursive: true });
}
write_text(file, parts.join(""));
Deno.exit(0);

// SPDX-License-Identifier: GPL-2.0-only
//
// A program on the host's own TCP for the comparison.
//   peer.ts receive PORT          takes one connection after the other and what comes by it; 'ready' when it listens
//   peer.ts send ADDRESS PORT CC  connects, says 'ready', sends until it is killed

import { assert_private_netns } from "../../../arch/deno/netns.ts";
import { drain, libc, must, send_all, sockaddr_in, tcp_socket } from "../../bench/peer.ts";
import { inet_addr } from "../../lib/inet.ts";

function receive(port: number): void {
  const lfd = tcp_socket();
  const addr = sockaddr_in(0, port);
  must(libc.bind(lfd, addr, addr.length), "bind");
  must(libc.listen(lfd, 5), "listen");
  console.log("ready");
  for (;;) {
    const fd = must(libc.accept(lfd, null, null), "accept");
    drain(fd);
    libc.close(fd);
  }
}

function send(address: string, port: number, cc: string): void {
  const fd = tcp_socket(cc);
  const addr = sockaddr_in(inet_addr(address), port);
  must(libc.connect(fd, addr, addr.length), "connect");
  console.log("ready");
  const buf = new Uint8Array(65536);
  while (send_all(fd, buf));
}

if (import.meta.main) {
  assert_private_netns();
  const [role, ...args] = Deno.args;
  if (role === "receive") receive(Number(args[0]));
  else send(args[0], Number(args[1]), args[2]);
}

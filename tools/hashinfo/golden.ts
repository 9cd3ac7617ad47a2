// SPDX-License-Identifier: GPL-2.0-only
//
// The session that the pictures show: a server that binds and listens, a client that connects, both ends of
// its handshake, and accept(). After each event the tables of the host that it happened on.

import type { end } from "./session.ts";
import { CLIENT_PORT, SERVER_PORT, session } from "./session.ts";
import { hashinfo_view, name_book } from "./model.ts";
import type { hashinfo_view as view } from "./model.ts";

/** A picture: the tables after an event. */
export interface step {
  /** The file's name, without suffix. */
  name: string;
  title: string;
  host: end;
  view: view;
  /** The same host's tables one step earlier. */
  before: view | null;
}

/** Runs the session. The ports and the sizes of the tables are those of a small machine: 1024, 1024, 32 buckets. */
export async function golden_steps(): Promise<step[]> {
  await using s = new session({ thash_entries: 1024 });
  const steps: step[] = [];
  const names = { a: new name_book(), b: new name_book() };
  const last = {
    a: hashinfo_view(s.hosts.a.net, names.a),
    b: hashinfo_view(s.hosts.b.net, names.b),
  };
  const show = (name: string, title: string, host: end): void => {
    const view = hashinfo_view(s.hosts[host].net, names[host]);
    steps.push({ name, title, host, view, before: last[host] });
    last[host] = view;
  };
  s.local_port_range("a", CLIENT_PORT, CLIENT_PORT + 1);

  const listener = await s.socket("b");
  await s.bind("b", listener, SERVER_PORT);
  show("bind", `after bind(${SERVER_PORT})`, "b");
  await s.call("b", "listen()", (u) => u.sys_listen(listener, 5));
  show("listen", "after listen()", "b");

  const fd = await s.socket("a");
  const connected = await s.connect("a", fd, SERVER_PORT);
  show("connect", `after connect() from port ${CLIENT_PORT}`, "a");
  await s.deliver();
  show("passive_syn", "after the SYN", "b");
  await s.deliver();
  show("active_synack", "after the SYN+ACK", "a");
  await connected.ret;
  await s.deliver();
  show("passive_ack", "after the ACK", "b");
  await s.call("b", "accept()", (u) => u.sys_accept(listener));
  show("accept", "after accept()", "b");

  return steps;
}

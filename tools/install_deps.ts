// SPDX-License-Identifier: GPL-2.0-only
//
// Installs the host's programs that the interop tests talk to: curl, nc, ping, ip, tcpdump. Runs before the tests. As root
// on Debian or a relative it installs what is missing; elsewhere it says what is missing and goes on.

const WANTED: readonly (readonly [string, string])[] = [
  ["curl", "curl"],
  ["nc", "netcat-openbsd"],
  ["ping", "iputils-ping"],
  ["unshare", "util-linux"],
  ["ip", "iproute2"],
  ["tcpdump", "tcpdump"],
];

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function on_path(program: string): boolean {
  const dirs = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin", "/bin"];
  return dirs.some((dir) => exists(`${dir}/${program}`));
}

function apt_get(...args: string[]): boolean {
  return new Deno.Command("apt-get", {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).outputSync().success;
}

if (import.meta.main && Deno.build.os === "linux") {
  const missing = WANTED.filter(([program]) => !on_path(program));
  if (missing.length) {
    const packages = missing.map(([, name]) => name);
    const done = Deno.uid() === 0 && on_path("apt-get") &&
      apt_get("update", "-q") &&
      apt_get("install", "-y", "-q", "--no-install-recommends", ...packages);
    console.error(`${done ? "installed" : "missing"}: ${packages.join(" ")}`);
  }
}

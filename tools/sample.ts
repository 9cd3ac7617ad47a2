// SPDX-License-Identifier: GPL-2.0-only
//
// deno task sample NAME [flags]: runs samples/NAME.ts with the flags as its own arguments.
// Without a name, or with an unknown one, it lists the names and exits with 2.

const dir = new URL("../samples/", import.meta.url);

function names(): string[] {
  try {
    return [...Deno.readDirSync(dir)]
      .filter((e) => e.isFile && /^[a-z0-9_]+\.ts$/.test(e.name) && !e.name.endsWith("_test.ts"))
      .map((e) => e.name.slice(0, -3))
      .sort();
  } catch {
    return [];
  }
}

function usage(why?: string): never {
  if (why) console.error(`sample: ${why}`);
  console.error("usage: deno task sample NAME [flags]   (NAME --help tells the flags)");
  console.error(`names: ${names().join(" ") || "none yet"}`);
  Deno.exit(2);
}

const [name, ...args] = Deno.args;
if (name === "--help" || name === "-h") {
  console.log("usage: deno task sample NAME [flags]   (NAME --help tells the flags)");
  console.log(`names: ${names().join(" ")}`);
  Deno.exit(0);
}
if (name === undefined) usage("which sample?");
if (!names().includes(name)) usage(`no sample '${name}'`);

// In a process of its own, so that the sample sees only its own arguments and gets Ctrl-C itself.
const child = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", new URL(`${name}.ts`, dir).pathname, ...args],
  stdin: "inherit",
  stdout: "inherit",
  stderr: "inherit",
}).spawn();
for (const sig of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(sig, () => {
    // SIGINT from a terminal reaches the child by itself
    if (sig === "SIGTERM") child.kill(sig);
  });
}
Deno.exit((await child.status).code);

// SPDX-License-Identifier: GPL-2.0-only
//
// A copy of the tree whose core has hooks, in a cache outside of it: mirror() writes what has changed
// since the last time and answers where it is. Everything else in it is as here, so that programs, samples and
// tools run from there as they do from here.

import { rewrite } from "./rewrite.ts";

/** What gets hooks: the kernel's own code. */
const CORE = /^(include|init|lib|kernel|mm|net|fs|drivers|arch\/entry)\//;
/** No part of a running program, or nothing that it needs. */
const LEFT_OUT = /^(\.[^/]*|node_modules|coverage|tmp|Documentation)$/;
/** The recorder is the one module that hooks import. */
const RECORD = "tools/ftrace/record.ts";

/** The tree that this file is in. */
export const ROOT: string = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

function hash(s: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}

/** Folders that may take the mirror, best first. */
function* places(): Generator<string> {
  const name = `tuxnet-ftrace-${hash(ROOT)}`;
  const cache = Deno.env.get("XDG_CACHE_HOME");
  const home = Deno.env.get("HOME");
  if (cache) yield `${cache}/${name}`;
  if (home) yield `${home}/.cache/${name}`;
  yield Deno.makeTempDirSync({ prefix: name });
}

function make_dir(): string {
  for (const dir of places()) {
    try {
      Deno.mkdirSync(dir, { recursive: true });
      Deno.writeTextFileSync(`${dir}/.from`, ROOT);
      return dir;
    } catch {
      // The next one may be writable.
    }
  }
  throw new Error("no folder for the mirror can be written");
}

/** Paths of a tree's files, relative to it. */
function* files(root: string, dir = ""): Generator<string> {
  for (const e of Deno.readDirSync(`${root}/${dir}`)) {
    if (LEFT_OUT.test(e.name)) continue;
    const path = dir + e.name;
    if (e.isDirectory) yield* files(root, `${path}/`);
    else if (e.isFile && /\.(ts|json|lock|pkt|tree)$/.test(e.name)) yield path;
  }
}

/** The text of a file in the mirror. */
export function mirrored(path: string, text: string): string {
  if (!CORE.test(path) || !path.endsWith(".ts") || path.endsWith("_test.ts")) return text;
  const up = "../".repeat(path.split("/").length - 1);
  return rewrite(path, text, up + RECORD).text;
}

/** Brings the mirror up to date; where it is. */
export function mirror(): string {
  const dir = make_dir();
  const known = new Set<string>();
  for (const path of files(ROOT)) {
    known.add(path);
    const text = mirrored(path, Deno.readTextFileSync(`${ROOT}/${path}`));
    const to = `${dir}/${path}`;
    let old: string | null = null;
    try {
      old = Deno.readTextFileSync(to);
    } catch {
      Deno.mkdirSync(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    }
    if (old === text) continue;
    // Another run may be reading it.
    const part = `${to}.${Deno.pid}`;
    Deno.writeTextFileSync(part, text);
    Deno.renameSync(part, to);
  }
  for (const path of files(dir)) if (!known.has(path)) Deno.removeSync(`${dir}/${path}`);
  return dir;
}

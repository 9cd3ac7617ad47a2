// SPDX-License-Identifier: GPL-2.0-only
//
// Graphviz to SVG, by npm:@viz-js/viz (Graphviz in WebAssembly): the same picture on every machine. Then gaps
// become hatched, and what only Graphviz needs goes.

import { instance } from "@viz-js/viz";
import { GAP } from "./dot.ts";

const HATCH = `<defs>
<pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="6" height="6" fill="#ffffff"/>
<line x1="0" y1="0" x2="0" y2="6" stroke="#c3cad4" stroke-width="2"/>
</pattern>
</defs>
`;

/** Fonts in which a letter is as wide as Graphviz takes it to be. */
const MONOSPACE = "DejaVu Sans Mono,Menlo,Liberation Mono,Courier New,monospace";

/** The picture of a graph; `label` is what it shows, for those who cannot see it. */
export async function dot_to_svg(dot: string, label: string): Promise<string> {
  const viz = await instance();
  const svg = viz.renderString(dot, { format: "svg", engine: "dot" });
  return svg
    .replace(/^[\s\S]*?<svg /, '<svg role="img" ')
    .replace(/<!--[\s\S]*?-->\n?/g, "")
    .replace(/<title>[\s\S]*?<\/title>\n?/g, "")
    .replace(/(<svg [^>]*>\n)/, `$1<title>${label.replace(/[<>&]/g, "")}</title>\n${HATCH}`)
    .replaceAll(`fill="${GAP}"`, 'fill="url(#gap)"')
    .replaceAll("Courier,monospace", MONOSPACE)
    .trimEnd() + "\n";
}

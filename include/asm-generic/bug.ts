// SPDX-License-Identifier: GPL-2.0-only
//
// Warnings: what must not happen, and after which the stack goes on. Nobody prints here; the leak
// check at the end of a machine reads the list.

/** What was warned about, each once. @local */
export const warnings: string[] = [];

/** Notes `format` the first time that `condition` holds; answers the condition. */
export function WARN_ONCE(condition: boolean, format: string): boolean {
  if (condition && !warnings.includes(format)) warnings.push(format);
  return condition;
}

/** Forgets all warnings: at boot. @local */
export function warnings_init(): void {
  warnings.length = 0;
}

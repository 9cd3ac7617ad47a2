// SPDX-License-Identifier: GPL-2.0-only
//
// TCP as programs see it: streams, options and states by scripts whose answers Linux gave; what needs time, two
// hosts, loss or many connections is written out here.

import { syscall_script_tests } from "../../tools/testing/syscall_script.ts";

syscall_script_tests("stream");
syscall_script_tests("options");
syscall_script_tests("states");

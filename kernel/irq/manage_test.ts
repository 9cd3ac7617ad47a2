// SPDX-License-Identifier: GPL-2.0-only

import { assertEquals } from "@std/assert";
import { EBUSY, EINVAL } from "../../include/uapi/asm-generic/errno.ts";
import { IRQCHIP_STATE_PENDING, IRQF_SHARED } from "../../include/linux/irq.ts";
import { IRQ_HANDLED, IRQ_NONE } from "../../include/linux/irqreturn.ts";
import { early_irq_init, generic_handle_irq, irq_set_chip, irq_to_desc } from "./irqdesc.ts";
import {
  disable_irq_nosync,
  enable_irq,
  free_irq,
  irq_set_irqchip_state,
  request_irq,
} from "./manage.ts";

const pending: number[] = [];

function test_chip(): Set<number> {
  const watched = new Set<number>();
  pending.length = 0;
  early_irq_init();
  irq_set_chip({
    name: "test",
    irq_unmask: (irq) => void watched.add(irq),
    irq_mask: (irq) => void watched.delete(irq),
    irq_set_irqchip_state: (irq, _which, state) => void (state && pending.push(irq)),
  });
  return watched;
}

Deno.test("request_irq() lets generic_handle_irq() reach the handler until free_irq()", () => {
  const watched = test_chip();
  const seen: unknown[] = [];
  const handler = (irq: number, dev_id: unknown) => {
    seen.push(irq, dev_id);
    return IRQ_HANDLED;
  };
  assertEquals(request_irq(7, handler, 0, "eth0", "a"), 0);
  assertEquals([...watched], [7]);
  assertEquals(generic_handle_irq(7), 0);
  assertEquals(seen, [7, "a"]);
  assertEquals(free_irq(7, "b"), null);
  assertEquals(free_irq(7, "a"), "a");
  assertEquals(watched.size, 0);
  assertEquals(generic_handle_irq(7), -EINVAL);
  assertEquals(seen, [7, "a"]);
});

Deno.test("request_irq() shares a line only among those who agree", () => {
  test_chip();
  const none = () => IRQ_NONE;
  assertEquals(request_irq(-1, none, 0, "x", 1), -EINVAL);
  assertEquals(request_irq(3, none, IRQF_SHARED, "x", 1), 0);
  assertEquals(request_irq(3, none, 0, "y", 2), -EBUSY);
  assertEquals(request_irq(3, () => IRQ_HANDLED, IRQF_SHARED, "z", 3), 0);
  generic_handle_irq(3);
  assertEquals(irq_to_desc(3)!.irqs_unhandled, 0);
  free_irq(3, 3);
  generic_handle_irq(3);
  assertEquals(irq_to_desc(3)!.irqs_unhandled, 1);
  assertEquals(irq_to_desc(3)!.tot_count, 2);
});

Deno.test("disable_irq_nosync() nests and masks the line in the chip", () => {
  const watched = test_chip();
  let n = 0;
  request_irq(5, () => (n++, IRQ_HANDLED), 0, "x", 1);
  disable_irq_nosync(5);
  disable_irq_nosync(5);
  assertEquals(watched.size, 0);
  generic_handle_irq(5);
  enable_irq(5);
  generic_handle_irq(5);
  assertEquals(n, 0);
  assertEquals(irq_set_irqchip_state(5, IRQCHIP_STATE_PENDING, true), 0);
  assertEquals(pending, []);
  enable_irq(5);
  assertEquals([...watched], [5]);
  assertEquals(irq_set_irqchip_state(5, IRQCHIP_STATE_PENDING, true), 0);
  assertEquals(irq_set_irqchip_state(6, IRQCHIP_STATE_PENDING, true), -EINVAL);
  assertEquals(pending, [5]);
  generic_handle_irq(5);
  assertEquals(n, 1);
});

// SPDX-License-Identifier: GPL-2.0-only
//
// What stream sockets share: waiting for a connection, for its end, for memory to send; waking
// writers; the errors of a broken stream; emptying the queues at the end.
//
// tcp_sendmsg -> sk_stream_wait_connect, sk_stream_wait_memory, sk_stream_error
// tcp_close   -> sk_stream_wait_close;  inet_csk_destroy_sock -> sk_stream_kill_queues
// tcp_new_space, sock_wfree -> sk_write_space -> sk_stream_write_space
//
// All are called with the socket locked.

import { WARN_ONCE } from "../../include/asm-generic/bug.ts";
import { HZ } from "../../include/linux/jiffies.ts";
import { SOCK_NOSPACE, SOCKWQ_ASYNC_NOSPACE } from "../../include/linux/net.ts";
import { EPOLLOUT, EPOLLWRBAND, EPOLLWRNORM } from "../../include/linux/poll.ts";
import { prandom_u32_max } from "../../include/linux/random.ts";
import {
  after_sleep,
  current,
  MAX_SCHEDULE_TIMEOUT,
  signal_pending,
} from "../../include/linux/sched.ts";
import { MSG_NOSIGNAL } from "../../include/linux/socket.ts";
import {
  __sk_stream_is_writeable,
  SEND_SHUTDOWN,
  sk_stream_memory_free,
  SOCK_DEAD,
  sock_error,
  sock_flag,
  sock_intr_errno,
} from "../../include/net/sock.ts";
import type { sock } from "../../include/net/sock.ts";
import {
  TCPF_CLOSE_WAIT,
  TCPF_CLOSING,
  TCPF_ESTABLISHED,
  TCPF_FIN_WAIT1,
  TCPF_LAST_ACK,
  TCPF_SYN_RECV,
  TCPF_SYN_SENT,
} from "../../include/net/tcp_states.ts";
import { EAGAIN, EPIPE } from "../../include/uapi/asm-generic/errno.ts";
import {
  add_wait_queue,
  remove_wait_queue,
  wake_up_interruptible_poll,
} from "../../kernel/sched/wait.ts";
import { send_sig, SIGPIPE } from "../../kernel/signal.ts";
import { __skb_queue_purge, skb_queue_purge } from "./skbuff.ts";
import {
  DEFINE_WAIT_WOKEN,
  sk_mem_reclaim_final,
  sk_sleep,
  sk_wait_event,
  skwq_has_sleeper,
} from "./sock.ts";

/** The send queue got shorter: wakes writers when a third of the buffer is free. */
export function sk_stream_write_space(sk: sock): void {
  const sock = sk.sk_socket;
  if (sock === null || !__sk_stream_is_writeable(sk, 1)) return;
  sock.flags &= ~(1 << SOCK_NOSPACE);
  const wq = sk.sk_wq;
  if (wq !== null && skwq_has_sleeper(wq)) {
    wake_up_interruptible_poll(wq.wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
  }
}

/** Why a wait for the connection ends before it starts; 0 go on. */
function sk_stream_connect_err(sk: sock, timeo: number): number {
  const err = sock_error(sk);
  if (err !== 0) return err;
  if ((1 << sk.skc_state) & ~(TCPF_SYN_SENT | TCPF_SYN_RECV)) return -EPIPE;
  if (timeo === 0) return -EAGAIN;
  if (signal_pending(current)) return sock_intr_errno(timeo);
  return 0;
}

function sk_stream_connected(sk: sock): boolean {
  return sk.sk_err === 0 && ((1 << sk.skc_state) & ~(TCPF_ESTABLISHED | TCPF_CLOSE_WAIT)) === 0;
}

/** Waits until the connection is there: 0 or a negative errno; timeo_p is left with the jiffies left. */
export function sk_stream_wait_connect(
  sk: sock,
  timeo_p: { value: number },
): number | Promise<number> {
  const err = sk_stream_connect_err(sk, timeo_p.value);
  return err !== 0 ? err : __sk_stream_wait_connect(sk, timeo_p);
}

function __sk_stream_wait_connect(
  sk: sock,
  timeo_p: { value: number },
): number | Promise<number> {
  const wait = DEFINE_WAIT_WOKEN("sk_stream_wait_connect");
  const connected = (): boolean => sk_stream_connected(sk);
  const wq = sk_sleep(sk);
  add_wait_queue(wq, wait);
  sk.sk_write_pending++;
  return after_sleep(sk_wait_event(sk, timeo_p.value, connected, wait), (left) => {
    timeo_p.value = left;
    remove_wait_queue(wq, wait);
    sk.sk_write_pending--;
    return connected() ? 0 : sk_stream_wait_connect(sk, timeo_p);
  });
}

/** Our FIN is not acknowledged yet. */
function sk_stream_closing(sk: sock): boolean {
  return ((1 << sk.skc_state) & (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK)) !== 0;
}

/** Lingers, at most `timeout` jiffies, until the peer has all that was sent. */
export function sk_stream_wait_close(sk: sock, timeout: number): void | Promise<void> {
  if (timeout === 0 || !sk_stream_closing(sk)) return;
  return __sk_stream_wait_close(sk, timeout);
}

function __sk_stream_wait_close(sk: sock, timeout: number): void | Promise<void> {
  const wait = DEFINE_WAIT_WOKEN("sk_stream_wait_close");
  const wq = sk_sleep(sk);
  const closed = (): boolean => !sk_stream_closing(sk);
  add_wait_queue(wq, wait);
  const sleep = (timeout: number): void | Promise<void> =>
    after_sleep(sk_wait_event(sk, timeout, closed, wait), (left) => {
      if (!closed() && !signal_pending(current) && left !== 0) return sleep(left);
      remove_wait_queue(wq, wait);
    });
  return sleep(timeout);
}

/** Why a wait for memory ends; 0 go on. */
function sk_stream_memory_err(sk: sock, timeo: number): number {
  if (sk.sk_err !== 0 || (sk.sk_shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE;
  if (timeo === 0) {
    // Whoever is told EAGAIN must see EPOLLOUT later: tcp_check_space() asks for this bit.
    if (sk.sk_socket !== null) sk.sk_socket.flags |= 1 << SOCK_NOSPACE;
    return -EAGAIN;
  }
  if (signal_pending(current)) return sock_intr_errno(timeo);
  return 0;
}

/**
 * Waits until the socket may queue more to send: 0 or a negative errno (-EPIPE: see sk_stream_error()).
 * timeo_p is left with the jiffies left. A socket that has room all the same met the limit of all
 * sockets' memory: it sleeps a short random time.
 */
export function sk_stream_wait_memory(
  sk: sock,
  timeo_p: { value: number },
): number | Promise<number> {
  const err = sk_stream_memory_err(sk, timeo_p.value);
  if (err !== 0) {
    if (sk.sk_wq !== null) sk.sk_wq.flags |= 1 << SOCKWQ_ASYNC_NOSPACE;
    return err;
  }
  return __sk_stream_wait_memory(sk, timeo_p);
}

function __sk_stream_wait_memory(
  sk: sock,
  timeo_p: { value: number },
): number | Promise<number> {
  const wait = DEFINE_WAIT_WOKEN("sk_stream_wait_memory");
  const wq = sk_sleep(sk);
  let current_timeo = timeo_p.value;
  let vm_wait = 0;
  if (sk_stream_memory_free(sk)) current_timeo = vm_wait = prandom_u32_max(HZ / 5) + 2;
  const ready = (): boolean =>
    sk.sk_err !== 0 || (sk.sk_shutdown & SEND_SHUTDOWN) !== 0 ||
    (sk_stream_memory_free(sk) && vm_wait === 0);
  const out = (err: number): number => {
    if (!sock_flag(sk, SOCK_DEAD)) remove_wait_queue(wq, wait);
    return err;
  };
  const look = (): number | Promise<number> => {
    if (sk.sk_wq !== null) sk.sk_wq.flags |= 1 << SOCKWQ_ASYNC_NOSPACE;
    const err = sk_stream_memory_err(sk, timeo_p.value);
    if (err !== 0) return out(err);
    if (sk.sk_wq !== null) sk.sk_wq.flags &= ~(1 << SOCKWQ_ASYNC_NOSPACE);
    if (sk_stream_memory_free(sk) && vm_wait === 0) return out(0);
    if (sk.sk_socket !== null) sk.sk_socket.flags |= 1 << SOCK_NOSPACE;
    sk.sk_write_pending++;
    return after_sleep(sk_wait_event(sk, current_timeo, ready, wait), (left) => {
      sk.sk_write_pending--;
      current_timeo = left;
      if (vm_wait !== 0) {
        vm_wait -= current_timeo;
        current_timeo = timeo_p.value;
        if (current_timeo !== MAX_SCHEDULE_TIMEOUT) {
          current_timeo = Math.max(current_timeo - vm_wait, 0);
        }
        vm_wait = 0;
      }
      timeo_p.value = current_timeo;
      return look();
    });
  };
  add_wait_queue(wq, wait);
  return look();
}

/** The errno for the program of a send that failed; a broken pipe also raises SIGPIPE. */
export function sk_stream_error(sk: sock, flags: number, err: number): number {
  if (err === -EPIPE) err = sock_error(sk) || -EPIPE;
  if (err === -EPIPE && (flags & MSG_NOSIGNAL) === 0) send_sig(SIGPIPE, current, 0);
  return err;
}

/** Empties the queues of a socket that nobody can read or write any more. */
export function sk_stream_kill_queues(sk: sock): void {
  __skb_queue_purge(sk.sk_receive_queue);
  skb_queue_purge(sk.sk_error_queue);
  WARN_ONCE(sk.sk_write_queue.next !== null, "sk_stream_kill_queues: sk_write_queue is not empty");
  sk_mem_reclaim_final(sk);
  WARN_ONCE(sk.sk_wmem_queued !== 0, "sk_stream_kill_queues: sk_wmem_queued is not 0");
}

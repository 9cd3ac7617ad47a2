// SPDX-License-Identifier: GPL-2.0-only
//
// Numbers of the system calls, those of x86-64.

export const __NR_read = 0;
export const __NR_write = 1;
export const __NR_close = 3;
export const __NR_poll = 7;
export const __NR_lseek = 8;
export const __NR_ioctl = 16;
export const __NR_readv = 19;
export const __NR_writev = 20;
export const __NR_select = 23;
export const __NR_dup = 32;
export const __NR_dup2 = 33;
export const __NR_getpid = 39;
export const __NR_sendfile = 40;
export const __NR_socket = 41;
export const __NR_connect = 42;
export const __NR_accept = 43;
export const __NR_sendto = 44;
export const __NR_recvfrom = 45;
export const __NR_sendmsg = 46;
export const __NR_recvmsg = 47;
export const __NR_shutdown = 48;
export const __NR_bind = 49;
export const __NR_listen = 50;
export const __NR_getsockname = 51;
export const __NR_getpeername = 52;
export const __NR_socketpair = 53;
export const __NR_setsockopt = 54;
export const __NR_getsockopt = 55;
export const __NR_exit = 60;
export const __NR_fcntl = 72;
export const __NR_epoll_wait = 232;
export const __NR_epoll_ctl = 233;
export const __NR_splice = 275;
export const __NR_accept4 = 288;
export const __NR_epoll_create1 = 291;
export const __NR_dup3 = 292;
export const __NR_pipe2 = 293;
export const __NR_recvmmsg = 299;
export const __NR_sendmmsg = 307;
export const __NR_memfd_create = 319;

export const __NR_syscalls = 452;

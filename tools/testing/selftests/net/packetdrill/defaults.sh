#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts beside it start from, whatever a host has set.
ip tcp_metrics flush all > /dev/null 2>&1
sysctl -q net.ipv4.tcp_rmem="4096 131072 6291456"
sysctl -q net.ipv4.tcp_wmem="4096 16384 4194304"
sysctl -q net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_dsack=1
sysctl -q net.ipv4.tcp_ecn=2 net.ipv4.tcp_fastopen=3
sysctl -q net.ipv4.tcp_early_retrans=3 net.ipv4.tcp_recovery=1
tc qdisc replace dev tun0 root pfifo

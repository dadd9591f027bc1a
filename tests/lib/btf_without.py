#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
"""Copies the running kernel's BTF to FILE as if it had none of what is called NAME: types, members, tracepoints
(btf_trace_NAME). The numbers of types stay, so that the kernel takes what was looked up in it.

usage: btf_without.py FILE NAME...
"""
import sys


def main():
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        data = f.read()
    for name in sys.argv[2:]:
        whole = b"\0" + name.encode() + b"\0"
        if whole not in data:
            sys.exit(f"btf_without.py: there is no {name}")
        data = data.replace(whole, whole[:-2] + b"~\0")
    with open(sys.argv[1], "wb") as f:
        f.write(data)


if __name__ == "__main__":
    main()

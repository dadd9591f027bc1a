/* SPDX-License-Identifier: GPL-2.0-only */
/* io.bpf.c for kernels that have bpf_rdonly_cast() (UNTRUSTED in compat.bpf.h): spoor starts sooner there. */
#define HAVE_RDONLY_CAST
#include "io.bpf.c"

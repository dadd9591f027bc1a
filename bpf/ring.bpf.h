/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring of records. */
#ifndef SPOOR_BPF_RING_H
#define SPOOR_BPF_RING_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

const volatile u32 ring_wake = 1 << 16;  /* bytes in the ring that wake the reader; it polls besides */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* The reader polls; it is woken early only when the ring fills, so that a record costs no wake-up. */
static __always_inline u64 ring_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= ring_wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* False: it is full. */
static __always_inline bool ring_send(void *rec, u64 size)
{
	return !bpf_ringbuf_output(&ring, rec, size, ring_flags());
}

#endif

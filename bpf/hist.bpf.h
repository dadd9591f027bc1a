/* SPDX-License-Identifier: GPL-2.0-only */
/* The histogram's buckets, as model/hist.c has them. */
#ifndef SPOOR_BPF_HIST_H
#define SPOOR_BPF_HIST_H

#include "kernel.h"
#include "wire.h"

/* Of a byte. A look-up, for branches on single bits of a time would be guessed wrong as often as not. */
const u8 log2_byte[256] = {
	[2 ... 3] = 1, [4 ... 7] = 2, [8 ... 15] = 3, [16 ... 31] = 4, [32 ... 63] = 5, [64 ... 127] = 6, [128 ... 255] = 7,
};

static __always_inline u32 log2_u64(u64 v)
{
	u32 r = 0;

	if (v >> 32) { v >>= 32; r += 32; }
	if (v >> 16) { v >>= 16; r += 16; }
	if (v >> 8) { v >>= 8; r += 8; }
	return r + log2_byte[v & 255];
}

/* The bucket of model/hist.c: 8 to each doubling. */
__noinline u32 hist_bucket(u64 ns)
{
	u32 e, b;

	if (ns < 16)
		return ns;
	e = log2_u64(ns) - 3;
	b = e * 8 + (u32)(ns >> e);
	return b < WIRE_HIST_N ? b : WIRE_HIST_N - 1;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Direct-mapped tables with two ways: an array map, a key and a rule which two entries may hold it.
 * Cheaper than a hash map (no lock, no allocation, the lookup is inlined by the verifier) and addressable
 * by index from any context. */
#ifndef SPOOR_BPF_SLOT_H
#define SPOOR_BPF_SLOT_H

#include "kernel.h"

/* Fibonacci hashing (Knuth, TAOCP 3, 6.4). */
static __always_inline u32 slot_hash(u64 key)
{
	return (key * 0x9e3779b97f4a7c15ull) >> 40;
}

/* A kernel pointer with a type cannot be multiplied; its lower half, moved as a 32-bit register, is a number. */
static __always_inline u32 slot_hash_pointer(u64 p)
{
	u32 low;

	asm volatile("%0 = %1" : "=w"(low) : "w"((u32)p));
	return slot_hash(low);
}

#endif

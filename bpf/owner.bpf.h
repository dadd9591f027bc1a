/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has a lock of the kernel. */
#ifndef SPOOR_BPF_OWNER_H
#define SPOOR_BPF_OWNER_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>

/* Who holds a mutex, or a semaphore for writing: a pointer with flags in its lowest bits (MUTEX_FLAGS, RWSEM_*). */
static __always_inline struct task_struct *lock_owner(u64 lock, u32 flags)
{
	struct rw_semaphore *sem = (struct rw_semaphore *)lock;
	struct mutex *mutex = (struct mutex *)lock;
	u64 owner = 0;

	if (flags & LCB_F_MUTEX) {
		if (bpf_core_field_exists(mutex->owner))
			owner = BPF_CORE_READ(mutex, owner.counter);
	} else if (!(flags & (LCB_F_SPIN | LCB_F_RT | LCB_F_PERCPU)) && flags & (LCB_F_READ | LCB_F_WRITE)) {
		if (bpf_core_field_exists(sem->owner))
			owner = BPF_CORE_READ(sem, owner.counter);
		if (owner & 1) /* RWSEM_READER_OWNED: one of several, perhaps gone */
			return NULL;
	}
	return (struct task_struct *)(owner & ~7ull);
}

#endif

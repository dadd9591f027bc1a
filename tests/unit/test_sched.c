/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* How waits for locks get their names. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "path/sched/sched_priv.h"

static void test_lock_kinds(void **state)
{
	/* LCB_F_SPIN 1, READ 2, WRITE 4, RT 8, PERCPU 16, MUTEX 32, as the kernel's lock functions combine them */
	static const struct { unsigned int flags; const char *kind; } t[] = {
		{ 0, "semaphore" }, { 1, "spinlock" }, { 1 | 2, "rwlock read" }, { 1 | 4, "rwlock write" }, { 2, "rwsem read" },
		{ 4, "rwsem write" }, { 8, "rt_mutex" }, { 8 | 2, "rt rwlock read" }, { 8 | 4, "rt rwlock write" },
		{ 16 | 2, "percpu_rwsem read" }, { 16 | 4, "percpu_rwsem write" }, { 32, "mutex" }, { 32 | 1, "mutex" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(sched_lock_kind(t[i].flags), t[i].kind);
}

static void test_lock_where(void **state)
{
	static const char *const spin[] = { "bpf_prog_1234_sched_contended", "bpf_trace_run2", "__traceiter_contention_begin",
					    "native_queued_spin_lock_slowpath", "_raw_spin_lock_irqsave", "__queue_work", "queue_work_on" };
	static const char *const sem[] = { "rwsem_down_write_slowpath", "down_write", "ext4_buffered_write_iter" };
	static const char *const mutex[] = { "__mutex_lock.constprop", "mutex_lock", "pipe_write" };
	static const char *const all[] = { "mutex_lock" };

	(void)state;
	assert_string_equal(sched_lock_where(spin, 7), "__queue_work");
	assert_string_equal(sched_lock_where(sem, 3), "ext4_buffered_write_iter");
	assert_string_equal(sched_lock_where(mutex, 3), "pipe_write");
	assert_string_equal(sched_lock_where(all, 1), "unknown");
	assert_string_equal(sched_lock_where(NULL, 0), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_kinds),
		cmocka_unit_test(test_lock_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

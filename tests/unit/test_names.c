/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Names of files by key: as many as the kernel side remembers are all kept; the oldest give way to more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/names.h"

/* As path_send() makes a key: addresses some words apart, times an odd number, and a number that grows. */
static uint64_t key_of(uint64_t i)
{
	return (0xffff888000000000ull + i * 192) * 31 + i;
}

static void names_put(struct names *n, uint64_t first, uint64_t count)
{
	char path[32];

	for (uint64_t i = first; i < first + count; i++) {
		snprintf(path, sizeof(path), "/f%llu", (unsigned long long)i);
		assert_int_equal(names_path_add(n, key_of(i), 0, path), 0);
	}
}

static unsigned int names_missing(struct names *n, uint64_t first, uint64_t count)
{
	unsigned int missing = 0;

	for (uint64_t i = first; i < first + count; i++)
		missing += !names_path(n, key_of(i))[0];
	return missing;
}

static void test_thousands(void **state)
{
	struct names *n = names_new();

	(void)state;
	assert_non_null(n);
	names_put(n, 0, 8192);
	assert_in_range(names_missing(n, 0, 8192), 0, 8);
	names_put(n, 8192, 200000);
	assert_in_range(names_missing(n, 200000, 8192), 0, 8);
	assert_string_equal(names_path(n, key_of(208191)), "/f208191");
	names_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_thousands) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* base/parse.h: no input may crash it, and what it refuses leaves the result alone. */
#include <errno.h>
#include <stdint.h>

#include "base/fmt.h"
#include "base/parse.h"

static void check(int err, uint64_t value)
{
	if (err ? err != -EINVAL && err != -ERANGE : 0)
		abort();
	if (err && value != 77)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = strndup((const char *)data, size); /* exactly sized, so that reading past the end is seen */
	uint64_t v;
	uint32_t u = 77;

	if (!s)
		return 0;
	v = 77;
	check(parse_u64(s, &v), v);
	check(parse_u32(s, &u), u);
	v = 77;
	check(parse_duration(s, &v), v);
	v = 77;
	check(parse_size(s, &v), v);
	free(s);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor find --complete`: what tools/completion/spoor.bash asks. */
#include "base/fmt.h"
#include "cmd/cmd.h"
#include "cmd/find.h"
#include "expr/complete.h"

enum { MOST = 2000 }; /* a shell would only ask whether to show so many */

static int print(void *ctx, const char *whole)
{
	unsigned int *n = ctx;

	find_line("%s", whole);
	return ++*n >= MOST;
}

int find_complete(const char *text)
{
	struct env env = { .tracefs = -1 };
	unsigned int n = 0;
	int r = complete_probe(&env, text, print, &n);

	env_free(&env);
	return cmd_flush(r < 0 ? EXIT_FAILURE : n ? EXIT_SUCCESS : 1);
}

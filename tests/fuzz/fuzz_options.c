/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor io`: the input's lines are its words. */
#include <errno.h>
#include <stdint.h>

#include "cmd/io_options.h"

enum { WORDS = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *word, *rest = text;
	char *argv[WORDS + 2] = { (char[]){ "io" } }, message[CMD_MESSAGE];
	struct io_cmdline c;
	int argc = 1, r;

	/* a copy of each word, so that reading past its end is seen */
	while (argc <= WORDS && (word = strsep(&rest, "\n")))
		argv[argc++] = strdup(word);
	memset(message, 'x', sizeof(message));
	r = io_cmdline_parse(argc, argv, &c, message);
	if (!memchr(message, 0, sizeof(message)) || (r < 0 && !message[0]))
		abort(); /* refused without a word */
	if (r == OPTS_OK && c.each && c.top)
		abort();
	io_cmdline_free(&c);
	while (argc > 1)
		free(argv[--argc]);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command lines of `spoor io`, `spoor sched` and `spoor report`: the input's lines are its words. */
#include <errno.h>
#include <stdint.h>

#include "cmd/io_options.h"
#include "cmd/report_options.h"
#include "cmd/sched_options.h"

enum { WORDS = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *word, *rest = text;
	char *words[WORDS + 2] = { (char[]){ "io" } }, *argv[WORDS + 2], message[CMD_MESSAGE];
	struct sched_cmdline s;
	struct report_cmdline p;
	struct io_cmdline c;
	int argc = 1, r;

	/* a copy of each word, so that reading past its end is seen */
	while (argc <= WORDS && (word = strsep(&rest, "\n")))
		words[argc++] = strdup(word);
	memcpy(argv, words, sizeof(argv)); /* operands are moved to its front */
	memset(message, 'x', sizeof(message));
	r = io_cmdline_parse(argc, argv, &c, message);
	if (!memchr(message, 0, sizeof(message)) || (r < 0 && !message[0]))
		abort(); /* refused without a word */
	if (r == OPTS_OK && c.each && c.top)
		abort();
	io_cmdline_free(&c);
	memcpy(argv, words, sizeof(argv));
	memset(message, 'x', sizeof(message));
	r = sched_cmdline_parse(argc, argv, &s, message);
	if (!memchr(message, 0, sizeof(message)) || (r < 0 && !message[0]))
		abort();
	sched_cmdline_free(&s);
	memcpy(argv, words, sizeof(argv));
	memset(message, 'x', sizeof(message));
	r = report_cmdline_parse(argc, argv, &p, message);
	if (!memchr(message, 0, sizeof(message)) || (r < 0 && !message[0]) || (r == OPTS_OK && !p.recording))
		abort();
	report_cmdline_free(&p);
	while (argc > 1)
		free(words[--argc]);
	free(text);
	return 0;
}

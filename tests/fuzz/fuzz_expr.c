/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Any text as a probe. What parses prints as a text that parses to the same tree; what does not has a message, and a place
 * within the text. The first byte picks: a probe, or the name of a type.
 */
#include <errno.h>
#include <locale.h>
#include <stdint.h>

#include "expr/ast.h"
#include "expr/diag.h"

static FILE *null;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	null = fopen("/dev/null", "w");
	return null ? 0 : -1;
}

static void check_diag(const struct diag *d, const char *text)
{
	if (!d->err || !memchr(d->message, 0, sizeof(d->message)) || !d->message[0] || !memchr(d->note, 0, sizeof(d->note)))
		abort();
	if (d->at.at > strlen(text) || (d->at.len > 1 && d->at.at + d->at.len > strlen(text)))
		abort(); /* a single character may stand for the end */
	diag_print(d, text, "spoor: ", 0, null);
	diag_print(d, text, "spoor: ", 40, null);
}

static char *printed(const struct probe_ast *p)
{
	size_t n = probe_ast_print(p, NULL, 0);
	char *s = malloc(n + 1);

	if (!s || probe_ast_print(p, s, n + 1) != n || strlen(s) != n)
		abort();
	return s;
}

static void check_tree(const struct probe_ast *p)
{
	char *once = printed(p), *twice;
	struct probe_ast *q;

	q = probe_parse(once, NULL);
	if (!q && strlen(once) <= 8192) { /* parentheses make it longer, and deeper than may be */
		struct diag d = { 0 };

		if (!probe_parse(once, &d) && !strstr(d.message, "nested too deeply") && !strstr(d.message, "too long"))
			abort();
	}
	if (q) {
		twice = printed(q);
		if (strcmp(once, twice))
			abort();
		free(twice);
	}
	probe_ast_free(q);
	free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = { 0 };
	struct type_name name;
	struct probe_ast *p;
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1); /* exactly as long as it is, so that reading past its end is seen */
	if (data[0] & 1) {
		if (!type_name_parse(text, &name, &d))
			free((char *)name.name);
		else
			check_diag(&d, text);
		free(text);
		return 0;
	}
	p = probe_parse(text, &d);
	if (p)
		check_tree(p);
	else
		check_diag(&d, text);
	probe_ast_free(p);
	free(text);
	return 0;
}

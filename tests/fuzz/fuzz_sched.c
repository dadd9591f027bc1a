/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Records of delays, damaged in any way, through decode and the renderers. What decodes must add up, and become one whole
 * line of JSON. Input: a byte (1: mend; 2: leave the length as it is) and the record. */
#include <locale.h>
#include <wchar.h>

#include "model/sink.h"
#include "path/sched/sched_priv.h"

static struct names *names;
static void *tree_self, *json_self;
static FILE *json_out;
static char *json_text;
static size_t json_size;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sink_opts so = { .out = fopen("/dev/null", "w"), .color = true, .width = 100, .verbose = true };

	setlocale(LC_CTYPE, "C.UTF-8");
	names = names_new();
	tree_self = sink_tree.open(&so);
	json_out = open_memstream(&json_text, &json_size);
	so.out = json_out;
	so.color = false;
	json_self = sink_json.open(&so);
	if (!names || !tree_self || !json_self)
		abort();
	return 0;
}

static void check_json(const struct delay *d)
{
	mbstate_t state = { 0 };
	const char *s;

	rewind(json_out);
	if (sink_json.delay(json_self, d) || fflush(json_out) || json_size < 2 || json_text[json_size - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < json_size; i++)
		if ((unsigned char)json_text[i] < 0x20)
			abort();
	json_text[json_size] = 0; /* a longer line may have been there before */
	s = json_text;
	if (mbsrtowcs(NULL, &s, 0, &state) == (size_t)-1)
		abort();
}

/* Reaching past the checks by chance would take for ever: mend what they ask for. */
static void mend(struct sched_rec *rec)
{
	rec->how = SCHED_WOKEN + rec->how % 3;
	rec->context %= SCHED_BY_IRQ + 1;
	rec->cgroup &= 7; /* a new one is looked for in the file system */
	rec->rest &= UINT64_MAX >> 16;
	rec->ns = rec->rest;
	for (int i = 0; i < SCHED_RAN; i++)
		rec->ns += rec->ran[i].stretches ? rec->ran[i].ns &= UINT64_MAX >> 16 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ran ran[SCHED_RAN];
	struct sched_rec *rec;
	struct delay d;
	uint64_t sum;
	size_t n;

	if (!size)
		return 0;
	n = data[0] & 2 ? size - 1 : sizeof(*rec);
	rec = calloc(1, n ? n : 1); /* of its own, so that reading past its end is seen */
	memcpy(rec, data + 1, size - 1 < n ? size - 1 : n);
	if (data[0] & 1 && n >= sizeof(*rec))
		mend(rec);
	if (!sched_record_check(rec, n)) {
		sched_decode(names, rec, ran, &d);
		sum = d.rest;
		for (unsigned int i = 0; i < d.nran; i++)
			sum += d.ran[i].ns;
		if (sum != d.ns || d.nran > SCHED_RAN || sink_tree.delay(tree_self, &d))
			abort();
		check_json(&d);
	}
	free(rec);
	return 0;
}

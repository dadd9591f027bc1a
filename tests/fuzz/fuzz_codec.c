/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A chunk, damaged in any way, through the decoder and every sink. Whatever comes out of it must encode, and decode to the same
 * bytes. Input: two bytes (little-endian) of the dictionary's length, dictionary, body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/sink.h"
#include "store/codec.h"

#define CHECK(what) do { if (!(what)) abort(); } while (0)

static const struct sink *const sinks[] = { &sink_json, &sink_tree, &sink_line, &sink_table };
static void *self[4];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct sink_opts o = { .out = fopen("/dev/null", "w"), .histograms = true, .each = true, .verbose = true, .width = 100 };

	for (int i = 0; i < 4; i++)
		CHECK(o.out && (self[i] = sinks[i]->open(&o)));
	return 0;
}

static void deliver(const struct message *m)
{
	for (int i = 0; i < 4; i++) {
		const struct sink *s = sinks[i];

		if (m->type == MSG_OP && s->op)
			s->op(self[i], &m->op);
		else if (m->type == MSG_DELAY && s->delay)
			s->delay(self[i], &m->delay);
		else if (m->type == MSG_CALL && s->call)
			s->call(self[i], &m->call);
		else if (m->type == MSG_HIT && s->hit)
			s->hit(self[i], &m->hit);
		else if (m->type == MSG_SUMMARY && s->summary)
			s->summary(self[i], &m->summary);
		else if (m->type == MSG_LOST && s->lost)
			s->lost(self[i], &m->lost);
		else if (m->type == MSG_COST && s->cost)
			s->cost(self[i], &m->cost);
	}
}

/* All of a chunk into another; how many messages there were. */
static unsigned int copy(struct codec *from, struct codec *to, bool show)
{
	struct message m;
	unsigned int n = 0;

	codec_begin(to);
	for (; codec_next(from, &m) == 1; n++) {
		if (show)
			deliver(&m);
		CHECK(!codec_put(to, m.type, &m.op));
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct codec *in, *out, *again;
	const void *dict, *body, *dict2, *body2;
	size_t ndict, nbody, ndict2, nbody2, n = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);
	unsigned int messages;

	if (!in)
		CHECK((in = codec_new()) && (out = codec_new()) && (again = codec_new()));
	if (size < 2 || n > size - 2 || codec_open(in, data + 2, n, data + 2 + n, size - 2 - n))
		return 0;
	messages = copy(in, out, true);
	codec_chunk(out, &dict, &ndict, &body, &nbody);
	CHECK(!codec_open(in, dict, ndict, body, nbody));
	CHECK(copy(in, again, false) == messages);
	codec_chunk(again, &dict2, &ndict2, &body2, &nbody2);
	CHECK(ndict == ndict2 && nbody == nbody2 && (!ndict || !memcmp(dict, dict2, ndict)) && (!nbody || !memcmp(body, body2, nbody)));
	return 0;
}

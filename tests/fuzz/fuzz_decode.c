/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Records as a recording may hold them, damaged in any way, through decode and every renderer of operations. What
 * decodes must add up, and become one whole line of JSON.
 *
 * Input: records, each two bytes of length (low 12 bits; the top bit: leave all as it is; the next: let sums overflow)
 * and the bytes.
 */
#include <errno.h>
#include <locale.h>
#include <wchar.h>

#include "model/names.h"
#include "model/sink.h"
#include "path/io/io_priv.h"

enum { SITES = 16 };

static struct io_state st;
static struct io_decoder *decoder;
static const struct sink *const sinks[] = { &sink_tree, &sink_line };
static void *self[2], *json_self;
static FILE *json_out;
static char *json_text;
static size_t json_size;

/* Made-up addresses; none at all for site 1. */
static unsigned int fetch(void *ctx, uint64_t id, uint64_t *addr, unsigned int max)
{
	unsigned int n = (unsigned int)(id - 1) * 3;

	for (unsigned int i = 0; i < n && i < max; i++)
		addr[i] = 0xffffffff81000000 + id * 0x10000 + i * 0x777;
	return n < max ? n : max;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sink_opts so = { .out = fopen("/dev/null", "w"), .color = true, .width = 100, .verbose = true };

	setlocale(LC_CTYPE, "C.UTF-8");
	st.devs = blockdevs_new("");
	st.names = names_new();
	st.stacks = stacks_new(fetch, NULL, NULL);
	decoder = st.decoder = io_decoder_new(&st);
	for (int i = 0; i < 2; i++)
		self[i] = sinks[i]->open(&so);
	json_out = open_memstream(&json_text, &json_size);
	so.out = json_out;
	so.color = false;
	json_self = sink_json.open(&so);
	if (!decoder || !self[0] || !self[1] || !json_self)
		abort();
	return 0;
}

static void check_sums(const struct op *op)
{
	uint64_t parts = 0, waits = 0;

	for (int i = 0; i < PART_N; i++) {
		parts += op->part[i];
		if (op->part[i] > op->wall)
			abort();
	}
	for (unsigned int i = 0; i < op->nwaits; i++) {
		waits += op->waits[i].ns;
		if (!op->waits[i].reason)
			abort();
	}
	if (parts != op->wall || waits != op->part[PART_WAIT])
		abort();
	for (unsigned int i = 0; i < op->nstages; i++)
		if (op->stages[i].parent >= (int)op->stages[i].request)
			abort(); /* a request serves one that came before it */
}

/* One line, no control characters, UTF-8. */
static void check_json(const struct op *op)
{
	mbstate_t state = { 0 };
	const char *s;

	rewind(json_out);
	if (sink_json.op(json_self, op) || fflush(json_out) || json_size < 2 || json_text[json_size - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < json_size; i++)
		if ((unsigned char)json_text[i] < 0x20)
			abort();
	s = json_text;
	if (mbsrtowcs(NULL, &s, 0, &state) == (size_t)-1)
		abort();
}

/* Reaching past the checks by chance would take for ever: mend what they ask for, unless told not to. */
static void mend(struct io_rec_op *rec, size_t size, uint64_t most)
{
	if (size < sizeof(*rec) - sizeof(rec->item) || rec->type == IO_REC_PATH)
		return;
	rec->type = IO_REC_OP;
	rec->kind %= IO_KIND_N;
	rec->nitems %= IO_ITEMS + 1;
	rec->inflight &= most;
	rec->unreaped &= most;
	rec->wall = rec->inflight + rec->unreaped;
	for (size_t i = 0; i < sizeof(rec->part) / sizeof(rec->part[0]); i++)
		rec->wall += rec->part[i] &= most;
	for (unsigned int i = 0; i < rec->nitems && (const char *)&rec->item[i + 1] <= (char *)rec + size; i++)
		if (rec->item[i].type == IO_ITEM_WAIT)
			rec->item[i].wait.site %= SITES; /* names are looked up once a site, and kept */
}

static void one_record(void *rec, size_t size)
{
	struct op op;

	if (size < sizeof(uint16_t))
		return;
	if (*(uint16_t *)rec == IO_REC_PATH) {
		io_decode_path(&st, rec, size);
		return;
	}
	if (io_decode(decoder, rec, size, &op))
		return;
	check_sums(&op);
	check_json(&op);
	for (int i = 0; i < 2; i++)
		if (sinks[i]->op(self[i], &op))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size > 2) {
		size_t head = (size_t)data[0] | (size_t)data[1] << 8, n = head & 0xfff;
		void *rec;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		rec = malloc(n ? n : 1); /* of its own, so that reading past its end is seen */
		memcpy(rec, data, n);
		if (!(head & 0x8000))
			mend(rec, n, head & 0x4000 ? UINT64_MAX : UINT64_MAX >> 16);
		one_record(rec, n);
		free(rec);
		data += n;
		size -= n;
	}
	return 0;
}

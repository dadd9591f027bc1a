/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * A page of ftrace's ring buffer, damaged in any way, and records out of its events: by a tracepoint's own fields, and by the
 * arguments of a probe event. Nothing beyond the page may be read, nothing beyond a record be written.
 *
 * Input: the page from its length on (time is left out).
 */
#include <errno.h>

#include "expr/ftrace_priv.h"

#define IR(...) (&(struct ir){ __VA_ARGS__ })
#define NUM(n) IR(.op = IR_NUM, .number = (n))

static struct probe_ast ast = { .text = "e x", .letter = 'e', .func = "x" };
static struct plan plans[2];
static struct ftprobe probes[2];
static struct out outs[2][6];
static struct ir arg = { .op = IR_ARG }, word = { .op = IR_CTX, .number = 16, .size = 4 };

static void plan_init(unsigned int i, enum point point, struct ir *number, struct ir *text, struct ir *bytes)
{
	struct ir *sum = calloc(1, sizeof(*sum)), *is = calloc(1, sizeof(*is)), *seven = calloc(1, sizeof(*seven));

	*seven = *NUM(7);
	*sum = *IR(.op = IR_MUL, .a = number, .b = seven);
	*is = *IR(.op = IR_STREQ, .a = text, .text = "abc");
	outs[i][0] = (struct out){ .kind = OUT_NUMBER, .ir = number, .size = 8 };
	outs[i][1] = (struct out){ .kind = OUT_STRING, .ir = text, .size = 2 + 20 };
	outs[i][2] = (struct out){ .kind = OUT_BYTES, .ir = bytes, .size = 16 };
	outs[i][3] = (struct out){ .kind = OUT_NUMBER, .ir = sum, .size = 8 };
	outs[i][4] = (struct out){ .kind = OUT_NUMBER, .ir = is, .size = 8 };
	outs[i][5] = (struct out){ .kind = OUT_COMM, .size = 16 };
	plans[i] = (struct plan){ .ast = &ast, .index = i, .point = point, .outs = { outs[i], 6, 6 } };
	plan_layout(&plans[i]);
	probes[i].p = &plans[i];
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct ir number = { .op = IR_CTX, .number = 8, .size = 4, .is_signed = true }, at = { .op = IR_CTX_AT }, low, text, place;
	static struct ir mask = { .op = IR_NUM, .number = 0xffff }, pnum = { .op = IR_LOAD, .size = 2, .a = &arg }, bytes = { .op = IR_CTX_AT, .number = 24 };
	struct leaf leaves[] = {
		{ .kind = LEAF_NUMBER, .ir = &pnum, .off = 8, .size = 2 }, { .kind = LEAF_STRING, .ir = &arg, .off = 12, .size = 4, .data_loc = true },
		{ .kind = LEAF_BYTES, .ir = &place, .off = 20, .size = 16 }, { .kind = LEAF_COMM, .off = 16, .size = 4, .data_loc = true },
	};

	place = (struct ir){ .op = IR_ARG, .number = 1 };
	low = (struct ir){ .op = IR_BAND, .a = &word, .b = &mask };
	text = (struct ir){ .op = IR_ADD, .a = &at, .b = &low };
	plan_init(0, POINT_TRACEPOINT, &number, &text, &bytes);
	plan_init(1, POINT_FUNC, &pnum, &arg, &place);
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (vec_push(&probes[1].leaves, leaves[i]))
			return -1;
	return 0;
}

static bool event(void *ctx, const struct ring_event *e)
{
	(void)ctx;
	for (int i = 0; i < 2; i++) {
		struct seen s = { .fp = &probes[i], .data = e->data, .size = e->size, .t = e->t, .comm = "" };
		size_t size = plan_record_size(&plans[i]);
		uint8_t *record = malloc(size);
		char name[16];

		if (!record || !record_fill(&s, record, NULL, 0))
			abort();
		for (int k = 0; k < 6; k++)
			if (outs[i][k].kind == OUT_STRING && *(int16_t *)(record + outs[i][k].off) > (int)outs[i][k].size - 2)
				abort();
		if (i && leaf_string(&s, &probes[1].leaves.v[3], name, sizeof(name)) > (int)sizeof(name))
			abort();
		free(record);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *page = malloc(size + 8); /* exactly as long as it is */
	uint64_t lost;

	memset(page, 0, 8);
	memcpy(page + 8, data, size);
	ring_page(page, size + 8, event, NULL, &lost);
	free(page);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Typed operations over what an event brought, as the instructions of emit_expr.c would do them; and the record. */
#include <errno.h>

#include "base/glob.h"
#include "expr/ftrace_priv.h"

static uint64_t extended(uint64_t v, unsigned int bytes, bool is_signed)
{
	unsigned int up = bytes && bytes < 8 ? 64 - 8 * bytes : 0;

	return is_signed ? (uint64_t)((int64_t)(v << up) >> up) : v << up >> up;
}

static uint64_t number_at(const uint8_t *from, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, from, bytes < 8 ? bytes : 8);
	return v;
}

/* An address in the event's own record: where, if n bytes are there. */
static const uint8_t *in_record(const struct seen *s, uint64_t address, uint64_t n)
{
	uint64_t begin = (uint64_t)(uintptr_t)s->data;

	return address >= begin && address - begin <= s->size && n <= s->size - (address - begin) ? s->data + (address - begin) : NULL;
}

static uint64_t leaf_number(struct seen *s, const struct leaf *l)
{
	const struct ir *ir = l->ir;

	if (l->size > 8 || (uint64_t)l->off + l->size > s->size) {
		s->fault = true;
		return 0;
	}
	if (ir->op == IR_BITS && ir->is_signed)
		return (uint64_t)((int64_t)(number_at(s->data + l->off, l->size) << (64 - ir->bits)) >> (64 - ir->bits));
	return extended(number_at(s->data + l->off, l->size), l->size, ir->is_signed);
}

static uint64_t load(struct seen *s, uint64_t address, const struct ir *ir)
{
	const uint8_t *at = in_record(s, address, ir->size);

	if (!at)
		s->fault = true;
	return at ? extended(number_at(at, ir->size), ir->size, ir->is_signed) : 0;
}

static uint64_t divided(const struct ir *ir, uint64_t a, uint64_t b)
{
	bool is_signed = ir->is_signed, mod = ir->op == IR_MOD, minus = is_signed && (int64_t)(mod ? a : a ^ b) < 0;
	uint64_t v;

	if (is_signed && (int64_t)a < 0)
		a = 0 - a;
	if (is_signed && (int64_t)b < 0)
		b = 0 - b;
	if (!b)
		v = mod ? a : 0; /* as BPF has it */
	else
		v = mod ? a % b : a / b;
	return minus ? 0 - v : v;
}

static bool compared(const struct ir *ir, uint64_t a, uint64_t b)
{
	bool less = ir->is_signed ? (int64_t)a < (int64_t)b : a < b;

	switch (ir->op) {
	case IR_LT: return less;
	case IR_LE: return less || a == b;
	case IR_GT: return !less && a != b;
	case IR_GE: return !less;
	case IR_EQ: return a == b;
	default: return a != b;
	}
}

static uint64_t arithmetic(const struct ir *ir, uint64_t a, uint64_t b)
{
	switch (ir->op) {
	case IR_MUL: return a * b;
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_SHL: return a << (b & 63);
	case IR_SHR: return ir->is_signed ? (uint64_t)((int64_t)a >> (b & 63)) : a >> (b & 63);
	case IR_BAND: return a & b;
	case IR_XOR: return a ^ b;
	case IR_BOR: return a | b;
	case IR_DIV: case IR_MOD: return divided(ir, a, b);
	default: return compared(ir, a, b);
	}
}

static bool string_is(struct seen *s, const struct ir *ir)
{
	char text[STRING_MAX];

	if (ir->a->op == IR_COMM)
		snprintf(text, sizeof(text), "%s", s->comm);
	else if (eval_string(s, ir->a, text, sizeof(text)) < 0)
		return false;
	return ir->op == IR_GLOB ? glob_match(ir->text, text) : !strcmp(ir->text, text);
}

/* The n bytes at an address: where they came to, NULL: not read. */
static const uint8_t *bytes_at(struct seen *s, const struct ir *at, uint32_t n)
{
	const struct leaf *l = leaf_find(s->fp, LEAF_BYTES, at);
	const uint8_t *found = l ? (l->size >= n && (uint64_t)l->off + n <= s->size ? s->data + l->off : NULL) : in_record(s, eval(s, at), n);

	if (!found)
		s->fault = true;
	return found;
}

static bool bytes_are(struct seen *s, const struct ir *ir)
{
	const uint8_t *at = bytes_at(s, ir->a, (uint32_t)ir->number);

	return at && !memcmp(at, ir->text, ir->number);
}

static uint64_t builtin(const struct seen *s, const struct ir *ir)
{
	switch (ir->op) {
	case IR_NUM: return ir->number;
	case IR_IDS: return ir->number ? s->tgid : s->tid;
	case IR_CPU: return s->cpu;
	case IR_NS: return s->t;
	default: return s->func;
	}
}

uint64_t eval(struct seen *s, const struct ir *ir)
{
	const struct leaf *l;

	if (ir_here(ir))
		return builtin(s, ir);
	l = leaf_find(s->fp, LEAF_NUMBER, ir);
	if (l)
		return leaf_number(s, l);
	switch (ir->op) {
	case IR_CTX_AT: return (uint64_t)(uintptr_t)s->data + ir->number;
	case IR_CTX: return load(s, (uint64_t)(uintptr_t)s->data + ir->number, ir);
	case IR_LOAD: return load(s, eval(s, ir->a) + ir->number, ir);
	case IR_EXT: return extended(eval(s, ir->a), ir->size, ir->is_signed);
	case IR_BITS: {
		uint64_t v = eval(s, ir->a) << (64 - ir->number - ir->bits);

		return ir->is_signed ? (uint64_t)((int64_t)v >> (64 - ir->bits)) : v >> (64 - ir->bits);
	}
	case IR_SWAP: return __builtin_bswap64(eval(s, ir->a)) >> (64 - 8 * ir->size);
	case IR_NEG: return 0 - eval(s, ir->a);
	case IR_INV: return ~eval(s, ir->a);
	case IR_NOT: return !eval(s, ir->a);
	case IR_AND: return eval(s, ir->a) && eval(s, ir->b);
	case IR_OR: return eval(s, ir->a) || eval(s, ir->b);
	case IR_COND: return eval(s, ir->a) ? eval(s, ir->b) : eval(s, ir->c);
	case IR_STREQ: case IR_GLOB: return string_is(s, ir);
	case IR_BYTESEQ: return bytes_are(s, ir);
	default:
		if (ir->op >= IR_MUL && ir->op <= IR_NE)
			return arithmetic(ir, eval(s, ir->a), eval(s, ir->b));
		s->fault = true; /* leaves_need() lets nothing else through */
		return 0;
	}
}

/* ---- strings ---- */

static int string_copy(const uint8_t *from, uint64_t room, char *to, unsigned int max)
{
	size_t n = strnlen((const char *)from, room < max - 1 ? (size_t)room : max - 1);

	memcpy(to, from, n);
	to[n] = '\0';
	return (int)n + 1;
}

/* What a __data_loc word tells; where the string could not be read the kernel leaves nothing, newer ones a remark. */
int leaf_string(const struct seen *s, const struct leaf *l, char *to, unsigned int max)
{
	uint32_t word, off, n;

	if (l->size != 4 || !l->data_loc || (uint64_t)l->off + 4 > s->size)
		return -EFAULT;
	word = (uint32_t)number_at(s->data + l->off, 4);
	off = word & 0xffff;
	n = word >> 16;
	if (!n || (uint64_t)off + n > s->size)
		return -EFAULT;
	if (n == sizeof("(fault)") && !memcmp(s->data + off, "(fault)", n))
		return -EFAULT;
	return string_copy(s->data + off, n, to, max);
}

int eval_string(struct seen *s, const struct ir *ir, char *to, unsigned int max)
{
	const struct leaf *l = leaf_find(s->fp, LEAF_STRING, ir);
	const uint8_t *at;
	uint64_t address;

	to[0] = '\0';
	if (l)
		return leaf_string(s, l, to, max);
	address = eval(s, ir);
	at = in_record(s, address, 1);
	return at ? string_copy(at, s->size - (uint64_t)(at - s->data), to, max) : -EFAULT;
}

/* ---- the record ---- */

static void out_fill(struct seen *s, const struct out *o, uint8_t *to, const uint64_t *stack, unsigned int n)
{
	const uint8_t *bytes;
	uint64_t v;
	int16_t length;

	switch (o->kind) {
	case OUT_NUMBER:
		v = eval(s, o->ir);
		memcpy(to, &v, sizeof(v));
		break;
	case OUT_STRING:
		length = (int16_t)eval_string(s, o->ir, (char *)to + 2, o->size - 2);
		s->fault |= length < 0;
		memcpy(to, &length, sizeof(length));
		break;
	case OUT_BYTES:
		bytes = bytes_at(s, o->ir, o->size);
		if (bytes)
			memcpy(to, bytes, o->size);
		break;
	case OUT_COMM:
		snprintf((char *)to, 16, "%s", s->comm);
		break;
	case OUT_STACK:
		n = n < STACK_DEPTH ? n : STACK_DEPTH;
		v = n ? 8ull * n : (uint64_t)-EFAULT;
		memcpy(to, &v, sizeof(v));
		if (n)
			memcpy(to + STACK_HEAD, stack, 8ul * n);
		break;
	default:
		break;
	}
}

bool record_fill(struct seen *s, uint8_t *record, const uint64_t *stack, unsigned int n)
{
	const struct plan *p = s->fp->p;
	struct hit_head head = { .plan = p->index, .cpu = s->cpu, .t = s->t, .ids = (uint64_t)s->tgid << 32 | s->tid };

	memset(record, 0, plan_record_size(p));
	if (s->fp->filtered_here && !eval(s, p->filter))
		return false;
	snprintf(head.comm, sizeof(head.comm), "%s", s->comm);
	for (size_t i = 0; i < p->outs.n; i++) {
		s->fault = false;
		out_fill(s, &p->outs.v[i], record + p->outs.v[i].off, stack, n);
		head.faults |= s->fault && i < 64 ? 1ull << i : 0;
	}
	memcpy(record, &head, sizeof(head));
	return true;
}

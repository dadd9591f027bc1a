/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The layout of structures, unions and enums, as C with offsets and sizes, and what is between the members. */
#include <errno.h>
#include <inttypes.h>

#include "expr/types_priv.h"

enum { DECL_LEN = 512, DECL_COLUMN = 50, DEPTH_MOST = 16, CACHE_LINE = 64 };

struct layout {
	struct types *t;
	FILE *out;
	int column;                 /* where the numbers begin */
	uint64_t line;              /* of the cache that the last member began in */
	unsigned int members, holes, bit_holes;
	uint64_t hole_bytes, hole_bits;
	int err;
};

static bool is_aggregate(const struct type *ty)
{
	return ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION;
}

/* Shown as what it consists of: it has no name by which it could be shown elsewhere. */
static bool is_inline(const struct type *ty)
{
	return is_aggregate(ty) && !ty->name[0] && !ty->alias;
}

/* Of an array the element, and what is behind the name: "[4][2]". */
static const struct type *element(const struct type *ty, char *dims, size_t cap)
{
	size_t at = 0;

	dims[0] = '\0';
	for (; ty->kind == TYPE_ARRAY && !ty->alias && at < cap; ty = ty->to)
		at += (size_t)snprintf(dims + at, cap - at, "[%" PRIu64 "]", ty->count);
	return ty;
}

/* A pointer to a function shows its parameters, and they must be there for it. */
static void function_complete(struct layout *l, const struct type *ty)
{
	while (ty->kind == TYPE_ARRAY || ty->kind == TYPE_PTR)
		ty = ty->to;
	if (ty->kind == TYPE_FUNC)
		(void)type_complete(l->t, (struct type *)ty);
}

static void indent(struct layout *l, unsigned int depth)
{
	for (unsigned int i = 0; i <= depth; i++)
		fputc('\t', l->out);
}

static uint64_t member_bits(const struct member *m)
{
	return m->bit_size ? m->bit_size : m->type->size * 8;
}

static void numbers(struct layout *l, const struct member *m, uint64_t base, unsigned int depth, int used)
{
	uint64_t at = base + m->bit_off;
	int pad = l->column - (int)depth * 8 - used;

	fprintf(l->out, "%*s/* ", pad > 1 ? pad : 1, "");
	if (m->bit_size) /* where it lies, and in how many bits */
		fprintf(l->out, "%4" PRIu64 ":%-2" PRIu64 " %3" PRIu32 "b */\n", at / 8, at % 8, m->bit_size);
	else
		fprintf(l->out, "%4" PRIu64 "    %4" PRIu64 " */\n", at / 8, m->type->size);
}

static void hole(struct layout *l, uint64_t bits, unsigned int depth)
{
	indent(l, depth);
	if (bits % 8) {
		fprintf(l->out, "/* %" PRIu64 " bits hole */\n", bits);
		l->bit_holes++;
		l->hole_bits += bits;
	} else {
		fprintf(l->out, "/* %" PRIu64 " byte%s hole */\n", bits / 8, bits == 8 ? "" : "s");
		l->holes++;
		l->hole_bytes += bits / 8;
	}
}

static void cache_line(struct layout *l, uint64_t byte, unsigned int depth)
{
	if (depth || byte / CACHE_LINE == l->line)
		return;
	l->line = byte / CACHE_LINE;
	fprintf(l->out, "\t/* cache line %" PRIu64 "%s */\n", l->line, byte % CACHE_LINE ? ", begins within the member above" : "");
}

static void members(struct layout *l, struct type *ty, uint64_t base, unsigned int depth);

static void member(struct layout *l, const struct member *m, uint64_t base, unsigned int depth)
{
	char decl[DECL_LEN], dims[64];
	struct type *of = (struct type *)element(m->type, dims, sizeof(dims));
	int used;

	l->members += !depth;
	function_complete(l, m->type);
	indent(l, depth);
	if (is_inline(of) && depth < DEPTH_MOST) {
		fprintf(l->out, "%s {\n", of->kind == TYPE_UNION ? "union" : "struct");
		members(l, of, base + m->bit_off, depth + 1);
		indent(l, depth);
		used = fprintf(l->out, "}%s%s%s;", m->name[0] ? " " : "", m->name, dims);
	} else {
		type_print_named(m->type, m->name, decl, sizeof(decl));
		used = m->bit_size ? fprintf(l->out, "%s:%" PRIu32 ";", decl, m->bit_size) : fprintf(l->out, "%s;", decl);
	}
	numbers(l, m, base, depth, used);
}

static void members(struct layout *l, struct type *ty, uint64_t base, unsigned int depth)
{
	uint64_t end = 0;
	int err = type_complete(l->t, ty);

	if (err)
		l->err = err;
	for (unsigned int i = 0; !err && i < ty->n; i++) {
		const struct member *m = &ty->members[i];

		if (ty->kind == TYPE_STRUCT && m->bit_off > end)
			hole(l, m->bit_off - end, depth);
		cache_line(l, (base + m->bit_off) / 8, depth);
		member(l, m, base, depth);
		if (m->bit_off + member_bits(m) > end)
			end = m->bit_off + member_bits(m);
	}
	if (!err && ty->kind == TYPE_STRUCT && ty->size * 8 > end && ty->n) {
		indent(l, depth);
		if ((ty->size * 8 - end) % 8)
			fprintf(l->out, "/* %" PRIu64 " bits padding */\n", ty->size * 8 - end);
		else
			fprintf(l->out, "/* %" PRIu64 " byte%s padding */\n", ty->size - end / 8, ty->size - end / 8 == 1 ? "" : "s");
	}
}

/* Wide enough for nearly all; what is longer shifts its own numbers only. */
static size_t width_find(struct layout *l, const struct type *ty, unsigned int depth)
{
	char decl[DECL_LEN], dims[64];
	size_t most = 0;

	for (unsigned int i = 0; i < ty->n; i++) {
		const struct member *m = &ty->members[i];
		struct type *of = (struct type *)element(m->type, dims, sizeof(dims));
		size_t len = 0;

		function_complete(l, m->type);
		if (!is_inline(of))
			len = depth * 8 + strlen(type_print_named(m->type, m->name, decl, sizeof(decl))) + (m->bit_size ? 4 : 1);
		else if (depth < DEPTH_MOST && !type_complete(l->t, of))
			len = width_find(l, of, depth + 1);
		if (len <= DECL_COLUMN + depth * 8 && len > most)
			most = len;
	}
	return most;
}

static void enum_print(const struct type *ty, FILE *out)
{
	for (unsigned int i = 0; i < ty->n; i++) {
		const struct enumerator *e = &ty->enumerators[i];

		if (ty->is_signed || e->value < 0 || e->value < 1 << 20)
			fprintf(out, "\t%s = %" PRId64 ",\n", e->name, e->value);
		else
			fprintf(out, "\t%s = 0x%" PRIx64 ",\n", e->name, (uint64_t)e->value);
	}
}

int type_print_layout(struct types *t, struct type *ty, FILE *out)
{
	struct layout l = { .t = t, .out = out };
	const char *word = ty->kind == TYPE_UNION ? "union" : ty->kind == TYPE_ENUM ? "enum" : "struct";
	int err = type_complete(t, ty);

	if (err)
		return err;
	if (!is_aggregate(ty) && ty->kind != TYPE_ENUM)
		return -EINVAL;
	fprintf(out, "%s%s%s {\n", word, ty->name[0] ? " " : "", ty->name);
	if (ty->kind == TYPE_ENUM) {
		enum_print(ty, out);
		fprintf(out, "};  /* size: %" PRIu64 ", values: %u */\n", ty->size, ty->n);
		return 0;
	}
	l.column = (int)width_find(&l, ty, 0) + 2;
	members(&l, ty, 0, 0);
	fprintf(out, "};  /* size: %" PRIu64 ", members: %u", ty->size, l.members);
	if (l.holes)
		fprintf(out, ", holes: %u (%" PRIu64 " bytes)", l.holes, l.hole_bytes);
	if (l.bit_holes)
		fprintf(out, ", bit holes: %u (%" PRIu64 " bits)", l.bit_holes, l.hole_bits);
	fputs(" */\n", out);
	return l.err;
}

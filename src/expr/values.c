/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "base/fmt.h"
#include "expr/symbolizer.h"
#include "expr/values.h"

enum { DEPTH_MOST = 8, ELEMENTS_MOST = 64 };

static void put_unknown(struct text *t)
{
	text_put(t, t->json ? "null" : "?");
}

static void put_address(struct text *t, const uint8_t *at, size_t size)
{
	char buf[INET6_ADDRSTRLEN] = "";

	inet_ntop(size == 16 ? AF_INET6 : AF_INET, at, buf, sizeof(buf));
	if (t->json)
		text_quoted(t, buf, sizeof(buf));
	else
		text_put(t, buf);
}

static void put_function(struct text *t, const struct render *r, uint64_t addr)
{
	uint64_t off = 0;
	const char *name = r->user || !addr ? NULL : symbol_kernel(r->symbols, addr, &off);
	char more[32];

	if (!name) {
		text_hex(t, addr);
		return;
	}
	if (t->json)
		text_char(t, '"');
	text_put(t, name);
	if (off) {
		snprintf(more, sizeof(more), "+0x%llx", (unsigned long long)off);
		text_put(t, more);
	}
	if (t->json)
		text_char(t, '"');
}

static void put_enum(struct text *t, const struct type *ty, int64_t v)
{
	for (unsigned int i = 0; ty->complete && i < ty->n; i++)
		if (ty->enumerators[i].value == v) {
			text_bare(t, ty->enumerators[i].name);
			return;
		}
	text_int(t, v);
}

/* The kernel's own dev_t: 12 bits, then 20. */
static void put_dev(struct text *t, uint64_t v)
{
	if (t->json)
		text_char(t, '"');
	text_dec(t, v >> 20 & 0xfff);
	text_char(t, ':');
	text_dec(t, v & 0xfffff);
	if (t->json)
		text_char(t, '"');
}

static bool is_alias(const struct type *ty, const char *name)
{
	return ty->alias && !strcmp(ty->alias, name);
}

static bool ends(const char *name, const char *end)
{
	size_t n = name ? strlen(name) : 0, k = strlen(end);

	return n >= k && !strcmp(name + n - k, end);
}

/* Network byte order: an address where the name says so. */
static bool put_network(struct text *t, const struct type *ty, const char *name, uint64_t v)
{
	uint32_t word = (uint32_t)v;

	if (is_alias(ty, "__be16")) {
		text_dec(t, ntohs((uint16_t)v));
	} else if (is_alias(ty, "__be32")) {
		if (ends(name, "addr"))
			put_address(t, (const uint8_t *)&word, 4);
		else
			text_dec(t, ntohl(word));
	} else {
		return false;
	}
	return true;
}

static void put_char(struct text *t, uint64_t v)
{
	char c[] = { '\'', (char)v, '\'' };

	if (t->json || (char)v < ' ' || (char)v >= 0x7f)
		text_int(t, (int8_t)v);
	else
		text_bytes(t, c, sizeof(c));
}

/* A number of a type, extended to 64 bits as that type wants. */
static void put_typed(struct text *t, const struct render *r, const struct type *ty, const char *name, uint64_t v)
{
	switch (ty->kind) {
	case TYPE_BOOL: text_put(t, v ? "true" : "false"); break;
	case TYPE_CHAR: put_char(t, v); break;
	case TYPE_ENUM:
		type_complete(r->types, (struct type *)ty);
		put_enum(t, ty, ty->is_signed || ty->size == 8 ? (int64_t)v : (int64_t)(uint32_t)v);
		break;
	case TYPE_PTR:
		if (ty->to->kind == TYPE_FUNC)
			put_function(t, r, v);
		else
			text_hex(t, v);
		break;
	default:
		if (put_network(t, ty, name, v))
			break;
		if (is_alias(ty, "dev_t"))
			put_dev(t, v);
		else if (ty->is_signed)
			text_int(t, (int64_t)v);
		else
			text_dec(t, v);
	}
}

static uint64_t extend(uint64_t v, size_t size, bool is_signed)
{
	unsigned int shift = size < 8 ? 64 - 8 * (unsigned int)size : 0;

	return is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

/* Nothing is known: small numbers are numbers, the rest are addresses. */
static void put_untyped(struct text *t, uint64_t v)
{
	if (v < 1ULL << 32 || v >= (uint64_t)-4095)
		text_int(t, (int64_t)v);
	else
		text_hex(t, v);
}

void number_text(struct text *t, const struct render *r, const struct out *o, uint64_t v)
{
	const struct type *ty = o->type;
	size_t size = ty && ty->kind != TYPE_ARRAY && ty->size && ty->size <= 8 ? ty->size : 8;
	uint32_t word = (uint32_t)v;
	char buf[FMT_LEN];

	switch (o->show) {
	case SHOW_SIGNED: text_int(t, (int64_t)extend(v, size, true)); return;
	case SHOW_UNSIGNED: text_dec(t, extend(v, size, false)); return;
	case SHOW_HEX: text_hex(t, extend(v, size, false)); return;
	case SHOW_SWAP_HEX: text_hex(t, v); return;
	case SHOW_SWAP_DEC: text_dec(t, v); return;
	case SHOW_IP: put_address(t, (const uint8_t *)&word, 4); return;
	default: break;
	}
	if (o->is_func)
		put_function(t, r, v);
	else if (o->is_time && !t->json)
		text_put(t, (int64_t)v < 0 ? "-" : fmt_time(buf, v));
	else if (!ty)
		put_untyped(t, v);
	else if (ty->kind == TYPE_ARRAY || ty->kind == TYPE_FUNC)
		text_hex(t, v);
	else if (ty->kind == TYPE_STRUCT || ty->kind == TYPE_UNION)
		value_of_type(t, r, ty, o->name, (const uint8_t *)&v, sizeof(v), 0);
	else
		put_typed(t, r, ty, o->name, v);
}

/* ---- memory ---- */

static uint64_t bits_at(const uint8_t *at, size_t size, uint64_t bit_off, uint32_t bits, bool is_signed)
{
	uint64_t v = 0;
	size_t from = bit_off / 8, n = (bit_off % 8 + bits + 7) / 8;

	if (from >= size)
		return 0;
	n = n > 8 ? 8 : n;
	memcpy(&v, at + from, n < size - from ? n : size - from);
	v >>= bit_off % 8;
	if (bits < 64)
		v = is_signed ? (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits)) : v & ((1ULL << bits) - 1);
	return v;
}

static void put_member(struct text *t, const struct render *r, const struct member *m, const uint8_t *at, size_t size,
		       unsigned int depth)
{
	uint64_t off = m->bit_off / 8;

	if (m->bit_size)
		put_typed(t, r, m->type, m->name, bits_at(at, size, m->bit_off, m->bit_size, m->type->is_signed));
	else if (off > size)
		put_unknown(t);
	else
		value_of_type(t, r, m->type, m->name, at + off, size - off, depth + 1);
}

/* Members of anonymous structures stand among the others, as they are named in C. */
static bool put_members(struct text *t, const struct render *r, const struct type *ty, const uint8_t *at, size_t size,
			unsigned int depth, bool some)
{
	if (type_complete(r->types, (struct type *)ty))
		return some;
	for (unsigned int i = 0; i < ty->n; i++) {
		const struct member *m = &ty->members[i];
		uint64_t off = m->bit_off / 8;

		if (!m->name[0]) {
			bool record = m->type->kind == TYPE_STRUCT || m->type->kind == TYPE_UNION;

			if (record && off <= size && depth < DEPTH_MOST)
				some = put_members(t, r, m->type, at + off, size - off, depth + 1, some);
			continue;
		}
		if (some)
			text_put(t, t->json ? "," : ", ");
		some = true;
		if (t->json)
			text_char(t, '"');
		text_put(t, m->name);
		text_put(t, t->json ? "\":" : "=");
		put_member(t, r, m, at, size, depth);
	}
	return some;
}

static void put_array(struct text *t, const struct render *r, const struct type *ty, const char *name, const uint8_t *at, size_t size,
		      unsigned int depth)
{
	uint64_t n = ty->count, each = ty->to->size;

	if (ty->to->kind == TYPE_CHAR) {
		text_quoted(t, (const char *)at, n && n < size ? n : size);
		return;
	}
	text_char(t, '[');
	for (uint64_t i = 0; i < n && each && (i + 1) * each <= size; i++) {
		if (i)
			text_put(t, t->json ? "," : ", ");
		if (i == ELEMENTS_MOST) {
			text_put(t, t->json ? "\"...\"" : "...");
			break;
		}
		value_of_type(t, r, ty->to, name, at + i * each, each, depth + 1);
	}
	text_char(t, ']');
}

static bool put_known_record(struct text *t, const struct type *ty, const uint8_t *at, size_t size)
{
	bool v4 = !strcmp(ty->name, "in_addr"), v6 = !strcmp(ty->name, "in6_addr");

	if ((!v4 || size < 4) && (!v6 || size < 16))
		return false;
	put_address(t, at, v6 ? 16 : 4);
	return true;
}

/* atomic_t, kuid_t and the like: one number in a structure is shown as the number. */
static const struct type *only_member(const struct render *r, const struct type *ty)
{
	while (ty->kind == TYPE_STRUCT && !type_complete(r->types, (struct type *)ty) && ty->n == 1 && !ty->members[0].bit_size &&
	       !ty->members[0].bit_off && ty->members[0].type->size == ty->size && ty->members[0].type->kind != TYPE_ARRAY &&
	       strcmp(ty->name, "in_addr"))
		ty = ty->members[0].type;
	return ty;
}

void value_of_type(struct text *t, const struct render *r, const struct type *ty, const char *name, const uint8_t *at, size_t size,
		   unsigned int depth)
{
	double d = 0;
	float f = 0;
	char buf[FMT_LEN];

	ty = only_member(r, ty);
	if (ty->size > size || depth > DEPTH_MOST) {
		put_unknown(t);
		return;
	}
	switch (ty->kind) {
	case TYPE_STRUCT: case TYPE_UNION:
		if (put_known_record(t, ty, at, size))
			return;
		text_char(t, '{');
		put_members(t, r, ty, at, ty->size, depth, false);
		text_char(t, '}');
		return;
	case TYPE_ARRAY: put_array(t, r, ty, name, at, size, depth); return;
	case TYPE_FLOAT:
		if (ty->size == 4)
			memcpy(&f, at, 4);
		else if (ty->size == 8)
			memcpy(&d, at, 8);
		snprintf(buf, sizeof(buf), "%.9g", ty->size == 4 ? (double)f : d);
		text_put(t, t->json && strpbrk(buf, "ni") ? "null" : buf);
		return;
	case TYPE_INT: case TYPE_BOOL: case TYPE_CHAR: case TYPE_ENUM: case TYPE_PTR:
		put_typed(t, r, ty, name, bits_at(at, size, 0, ty->size < 8 ? 8 * (uint32_t)ty->size : 64, ty->is_signed));
		return;
	default: put_unknown(t);
	}
}

/* ---- what stands in a record ---- */

static void put_string(struct text *t, const uint8_t *at, size_t size)
{
	int16_t n;

	memcpy(&n, at, 2);
	if (n < 0)
		put_unknown(t);
	else
		text_quoted(t, (const char *)at + 2, (size_t)n < size - 2 ? (size_t)n : size - 2);
}

static void put_list(struct text *t, const struct render *r, const struct out *o, const uint8_t *at)
{
	const struct list_walk *w = o->list;
	struct out elem = { .type = w->type, .show = o->show, .bits = o->bits, .name = o->name };
	uint64_t n, v;

	memcpy(&n, at, 8);
	text_char(t, '[');
	for (uint64_t i = 0; i < n && i < LIST_MAX; i++) {
		const uint8_t *e = at + 8 + i * w->size;

		if (i)
			text_put(t, t->json ? "," : ", ");
		memcpy(&v, e, 8);
		if (w->kind == OUT_STRING)
			put_string(t, e, w->size);
		else
			number_text(t, r, &elem, v);
	}
	if (n > LIST_MAX)
		text_put(t, t->json ? ",\"...\"" : ", ...");
	text_char(t, ']');
}

/* Parts were read from the innermost outwards. */
static void put_path(struct text *t, const uint8_t *at)
{
	char path[PATH_PARTS * PATH_PART + 8];
	size_t n = 0;
	uint64_t whole;

	memcpy(&whole, at, 8);
	if (!whole)
		n += (size_t)snprintf(path, sizeof(path), "...");
	for (int i = PATH_PARTS - 1; i >= 0; i--) {
		const uint8_t *part = at + 8 + i * PATH_PART;
		int16_t len;

		memcpy(&len, part, 2);
		if (!len)
			continue;
		path[n++] = '/';
		if (len < 0) {
			path[n++] = '?';
			continue;
		}
		len = (int16_t)(len > PATH_PART - 2 ? PATH_PART - 2 : len);
		memcpy(path + n, part + 2, (size_t)len - 1);
		n += (size_t)len - 1;
	}
	if (!whole && n == 3) { /* nothing at all was read */
		put_unknown(t);
		return;
	}
	if (!n)
		path[n++] = '/';
	path[n] = '\0';
	text_quoted(t, path, n);
}

static void put_stack(struct text *t, const struct render *r, const struct out *o, const uint8_t *at)
{
	const struct stack *s;
	int64_t bytes;

	memcpy(&bytes, at, 8);
	s = bytes > 0 ? symbol_stack(r->symbols, (const uint64_t *)(const void *)(at + STACK_HEAD), (unsigned int)(bytes / 8), 0,
				     o->user_stack) : NULL;
	stack_text(t, s);
}

/* Frames on one line; in JSON an array. */
void stack_text(struct text *t, const struct stack *s)
{
	if (t->json)
		text_char(t, '[');
	for (unsigned int i = 0; s && i < s->n; i++) {
		if (i)
			text_put(t, t->json ? "," : " < ");
		text_bare(t, s->name[i]);
	}
	if (t->json)
		text_char(t, ']');
	else if (!s || !s->n)
		text_char(t, '-');
}

void value_text(struct text *t, const struct render *r, const struct out *o, const uint8_t *at, bool fault)
{
	uint64_t v;

	if (fault) {
		put_unknown(t);
		return;
	}
	switch (o->kind) {
	case OUT_NUMBER:
		memcpy(&v, at, 8);
		number_text(t, r, o, v);
		break;
	case OUT_STRING: put_string(t, at, o->size); break;
	case OUT_COMM: text_quoted(t, (const char *)at, 16); break;
	case OUT_BYTES:
		if (o->show == SHOW_IP && (o->size == 16 || o->size == 4))
			put_address(t, at, o->size);
		else
			value_of_type(t, r, o->type, o->name, at, o->size, 0);
		break;
	case OUT_PATH: put_path(t, at); break;
	case OUT_LIST: put_list(t, r, o, at); break;
	default: put_stack(t, r, o, at);
	}
}

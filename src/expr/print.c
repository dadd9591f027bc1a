/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A probe's tree as text that gives the same tree when it is parsed. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>

#include "expr/ast.h"

struct text { char *buf; size_t cap, n; };

__attribute__((format(printf, 2, 3)))
static void put(struct text *t, const char *fmt, ...)
{
	char none[1];
	bool room = t->n < t->cap;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? t->buf + t->n : none, room ? t->cap - t->n : 0, fmt, ap);
	va_end(ap);
	t->n += n > 0 ? (size_t)n : 0;
}

static void put_string(struct text *t, const char *s)
{
	put(t, "\"");
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			put(t, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			put(t, "\\x%02x", (unsigned char)*s);
		else
			put(t, "%c", *s);
	put(t, "\"");
}

static void put_type(struct text *t, const struct type_name *type)
{
	static const char *const tags[] = { "", "struct ", "union ", "enum " };

	put(t, "%s%s%s", tags[type->tag], type->name, type->stars ? " " : "");
	for (unsigned int i = 0; i < type->stars; i++)
		put(t, "*");
	if (type->count)
		put(t, " [%u]", type->count);
}

static const char *op_text(enum expr_op op)
{
	static const char *const texts[] = {
		[OP_NONE] = "?", [OP_NEG] = "-", [OP_NOT] = "!", [OP_INV] = "~", [OP_DEREF] = "*", [OP_ADDRESS] = "&",
		[OP_MUL] = "*", [OP_DIV] = "/", [OP_MOD] = "%", [OP_ADD] = "+", [OP_SUB] = "-", [OP_SHL] = "<<", [OP_SHR] = ">>",
		[OP_LT] = "<", [OP_LE] = "<=", [OP_GT] = ">", [OP_GE] = ">=", [OP_EQ] = "==", [OP_NE] = "!=",
		[OP_GLOB] = "~", [OP_NGLOB] = "!~", [OP_BAND] = "&", [OP_XOR] = "^", [OP_BOR] = "|", [OP_AND] = "&&", [OP_OR] = "||",
	};

	return texts[op];
}

static void put_expr(struct text *t, const struct expr *e);

/* Where only an operand may stand; a name could be taken for a layer's mark or a type. */
static void put_operand(struct text *t, const struct expr *e)
{
	put(t, e->kind == EXPR_NAME ? "(" : "");
	put_expr(t, e);
	put(t, e->kind == EXPR_NAME ? ")" : "");
}

static void put_call(struct text *t, const struct expr *e)
{
	put(t, "%s(", e->text);
	for (const struct expr *a = e->args; a; a = a->next) {
		put_expr(t, a);
		put(t, a->next ? ", " : "");
	}
	put(t, ")");
}

static void put_addr(struct text *t, const struct expr *e)
{
	char addr[INET6_ADDRSTRLEN] = "";

	inet_ntop(e->naddr == 16 ? AF_INET6 : AF_INET, e->addr, addr, sizeof(addr));
	put(t, "%s", addr);
}

static void put_cast(struct text *t, const struct expr *e)
{
	put(t, e->kind == EXPR_PACKET ? "(@(" : e->a ? "(!(" : "");
	put_type(t, &e->type);
	if (!e->a)
		return; /* a type as an argument */
	put(t, ")");
	if (e->layer)
		put(t, "l%u", e->layer);
	put_operand(t, e->a);
	put(t, ")");
}

static void put_expr(struct text *t, const struct expr *e)
{
	switch (e->kind) {
	case EXPR_NUMBER: put(t, "%" PRIu64, e->number); break;
	case EXPR_STRING: put_string(t, e->text); break;
	case EXPR_ADDR: put_addr(t, e); break;
	case EXPR_PARAM: put(t, "%%%" PRIu64, e->number); break;
	case EXPR_REG: put(t, "%%%s", e->text); break;
	case EXPR_VAR: put(t, "$%s", e->text); break;
	case EXPR_NAME: put(t, "%s", e->text); break;
	case EXPR_SYMBOL: put(t, "@%s", e->text); break;
	case EXPR_AT: put(t, "@0x%" PRIx64, e->number); break;
	case EXPR_CALL: put_call(t, e); break;
	case EXPR_CAST: case EXPR_PACKET: put_cast(t, e); break;
	case EXPR_MEMBER:
		put(t, "(");
		put_expr(t, e->a);
		put(t, "%s%s)", e->arrow ? "->" : ".", e->text);
		break;
	case EXPR_INDEX:
		put(t, "(");
		put_expr(t, e->a);
		put(t, "[");
		put_expr(t, e->b);
		put(t, "])");
		break;
	case EXPR_UNARY:
		put(t, "(%s", op_text(e->op));
		put_operand(t, e->a);
		put(t, ")");
		break;
	case EXPR_BINARY:
		put(t, "(");
		put_expr(t, e->a);
		put(t, " %s ", op_text(e->op));
		put_expr(t, e->b);
		put(t, ")");
		break;
	}
}

static void put_arg(struct text *t, const struct arg *a)
{
	static const char *const prefixes[] = { [SHOW_SIGNED] = "S", [SHOW_UNSIGNED] = "U", [SHOW_HEX] = "X" };
	const char *prefix = a->show >= SHOW_SIGNED && a->show <= SHOW_HEX ? prefixes[a->show] : "";
	enum expr_kind kind = a->expr->kind;
	/* A prefix stands before a sign, never before a letter, digit or quote. */
	bool wrap = *prefix && (kind == EXPR_NUMBER || kind == EXPR_STRING || kind == EXPR_ADDR || kind == EXPR_NAME ||
				kind == EXPR_CALL);

	put(t, a->named ? " %s=%s%s" : " %.0s%s%s", a->name, prefix, wrap ? "(" : "");
	put_expr(t, a->expr);
	put(t, wrap ? ")" : "");
}

static void put_target(struct text *t, const struct probe_ast *p)
{
	put(t, "%c ", p->letter);
	if (p->letter == 's')
		put(t, p->hz ? "%" PRIu64 "hz" : "%" PRIu64 "ns", p->hz ? p->hz : p->period);
	if (p->bin)
		put(t, "%s:", p->bin);
	if (p->provider)
		put(t, "%s%c", p->provider, p->bin ? ':' : '/');
	if (p->func)
		put(t, "%s", p->func);
	if (p->off)
		put(t, "+0x%" PRIx64, p->off);
}

static void put_agg(struct text *t, const struct agg *g)
{
	static const char *const fns[] = {
		[AGG_COUNT] = "count", [AGG_SUM] = "sum", [AGG_AVG] = "avg", [AGG_MIN] = "min", [AGG_MAX] = "max", [AGG_HIST] = "hist",
		[AGG_LINEAR] = "linear", [AGG_STATS] = "stats",
	};

	put(t, " | %s%s", fns[g->fn], g->fn == AGG_LINEAR ? "(" : g->value ? " " : "");
	if (g->value)
		put_expr(t, g->value);
	if (g->fn == AGG_LINEAR)
		put(t, ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ")", g->low, g->high, g->step);
	for (const struct expr *k = g->by; k; k = k->next) {
		put(t, k == g->by ? " by " : ", ");
		put_expr(t, k);
	}
	if (g->top)
		put(t, " top %" PRIu64, g->top);
}

size_t probe_ast_print(const struct probe_ast *p, char *buf, size_t cap)
{
	struct text t = { buf, cap, 0 };

	if (cap)
		buf[0] = '\0';
	put_target(&t, p);
	for (const struct arg *a = p->args; a; a = a->next)
		put_arg(&t, a);
	if (p->filter) {
		put(&t, " f:");
		put_expr(&t, p->filter);
	}
	if (p->agg.fn != AGG_NONE)
		put_agg(&t, &p->agg);
	return t.n;
}

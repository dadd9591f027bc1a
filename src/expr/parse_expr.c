/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Expressions: C's operators with C's precedence, and
 *	!(struct file *)%ax->f_pos            the cast binds to the operand, members are those of the result
 *	@(struct iphdr *)l3%0->saddr          a packet's header; binds in the same way
 */
#include <errno.h>

#include "base/fmt.h"
#include "expr/parse.h"

static struct expr *binary(struct parser *ps, unsigned int least);
static struct expr *operand(struct parser *ps);

static struct expr *node(struct parser *ps, enum expr_kind kind, uint32_t at)
{
	struct expr *e;

	if (++ps->nodes > NODES_MAX) {
		lex_fail(&ps->lx, (struct span){ at, 1 }, "the expression is too long: at most %d operators and values", NODES_MAX);
		return NULL;
	}
	e = arena_alloc(ps->lx.arena, sizeof(*e));
	if (!e) {
		lex_nomem(&ps->lx);
		return NULL;
	}
	e->kind = kind;
	e->span = e->name_span = (struct span){ at, ps->lx.at > at ? ps->lx.at - at : 0 };
	return e;
}

static struct expr *ends_here(struct parser *ps, struct expr *e)
{
	e->span.len = ps->lx.at - e->span.at;
	return e;
}

int token_unexpected(struct lexer *lx, const struct token *t, const char *what)
{
	const char *s = lx->text + t->span.at;
	struct span at = t->span;
	char shown[48];
	uint32_t cp;

	if (lx->err)
		return lx->err;
	if (t->kind == TOK_END)
		return lex_fail(lx, (struct span){ lx->at, 1 }, "%s was expected here", what);
	if (t->kind == TOK_CLOSE || *s == ')')
		return lex_fail(lx, (struct span){ at.at, 1 }, lx->depth ? "%s was expected before the parenthesis" :
				"this parenthesis closes none", what);
	if (*s == ']' && !lx->depth)
		return lex_fail(lx, (struct span){ at.at, 1 }, "this bracket closes none");
	if (*s == '=')
		return lex_fail(lx, (struct span){ at.at, 1 }, "'=' names an argument; == compares");
	if (!at.len || t->kind == TOK_OTHER)
		at.len = (uint32_t)fmt_utf8_next(s, &cp);
	snprintf(shown, sizeof(shown), "%.*s", (int)(at.len < 32 ? at.len : 32), s);
	return lex_fail(lx, at, "%s was expected, not '%s'", what, shown);
}

/* ---- values ---- */

static struct expr *leaf(struct parser *ps, const struct token *t)
{
	static const enum expr_kind kinds[] = {
		[TOK_NUMBER] = EXPR_NUMBER, [TOK_STRING] = EXPR_STRING, [TOK_ADDR] = EXPR_ADDR, [TOK_PARAM] = EXPR_PARAM,
		[TOK_REG] = EXPR_REG, [TOK_VAR] = EXPR_VAR, [TOK_NAME] = EXPR_NAME, [TOK_SYMBOL] = EXPR_SYMBOL, [TOK_AT] = EXPR_AT,
	};
	struct expr *e;

	ps->lx.at = token_end(t);
	e = node(ps, kinds[t->kind], t->span.at);
	if (!e)
		return NULL;
	e->number = t->number;
	e->text = t->text;
	e->naddr = t->naddr;
	memcpy(e->addr, t->addr, sizeof(e->addr));
	return e;
}

/* The ) or ] that belongs to what opened at `open`. */
static bool closes(struct parser *ps, uint32_t open, enum token_kind kind)
{
	struct token t = lex_operator(&ps->lx);
	bool paren = kind == TOK_CLOSE;

	if (t.kind == kind) {
		ps->lx.at = token_end(&t);
		ps->lx.depth--;
		return true;
	}
	if (t.kind == TOK_END)
		lex_fail(&ps->lx, (struct span){ open, 1 }, "this %s is not closed", paren ? "parenthesis" : "bracket");
	else if (t.kind == TOK_CLOSE || t.kind == TOK_UNINDEX)
		lex_fail(&ps->lx, t.span, "this closes another kind of bracket than was opened");
	else
		token_unexpected(&ps->lx, &t, paren ? "an operator or )" : "an operator or ]");
	return false;
}

static struct expr *parenthesis(struct parser *ps, const struct token *t)
{
	struct expr *e;

	ps->lx.at = token_end(t);
	ps->lx.depth++;
	e = binary(ps, 1);
	if (!e || !closes(ps, t->span.at, TOK_CLOSE))
		return NULL;
	e->span = (struct span){ t->span.at, ps->lx.at - t->span.at };
	return e;
}

/* The type of a cast, from its parenthesis at `open` to behind the other. */
static bool cast_type(struct parser *ps, uint32_t open, struct type_name *to)
{
	ps->lx.at = open + 1;
	if (type_read(&ps->lx, to))
		return false;
	lex_space(&ps->lx);
	if (ps->lx.text[ps->lx.at] != ')') {
		lex_fail(&ps->lx, (struct span){ open, 1 }, "this parenthesis is not closed behind the type");
		return false;
	}
	ps->lx.at++;
	return true;
}

static struct expr *argument(struct parser *ps)
{
	struct expr *e;

	lex_space(&ps->lx);
	if (!type_has_tag(ps->lx.text + ps->lx.at))
		return binary(ps, 1);
	e = node(ps, EXPR_CAST, ps->lx.at);
	return !e || type_read(&ps->lx, &e->type) ? NULL : ends_here(ps, e);
}

static struct expr *call(struct parser *ps, const struct token *name)
{
	struct expr *e = node(ps, EXPR_CALL, name->span.at), **last = e ? &e->args : NULL;
	uint32_t open = token_end(name);
	struct token t;

	if (!e)
		return NULL;
	e->text = name->text;
	e->name_span = name->span;
	ps->lx.at = open + 1;
	ps->lx.depth++;
	for (t = lex_operator(&ps->lx); t.kind != TOK_CLOSE; ps->lx.at = t.kind == TOK_COMMA ? token_end(&t) : ps->lx.at) {
		*last = argument(ps);
		if (!*last)
			return NULL;
		last = &(*last)->next;
		t = lex_operator(&ps->lx);
		if (t.kind != TOK_COMMA && t.kind != TOK_CLOSE && t.kind != TOK_END)
			token_unexpected(&ps->lx, &t, "an operator, a comma or )");
		if (t.kind != TOK_COMMA)
			break;
	}
	return closes(ps, open, TOK_CLOSE) ? ends_here(ps, e) : NULL;
}

/* ---- packets ---- */

static const struct { const char *name; unsigned int layer; } headers[] = {
	{ "ethhdr", 2 }, { "iphdr", 3 }, { "ipv6hdr", 3 }, { "tcphdr", 4 }, { "udphdr", 4 }, { "icmphdr", 4 }, { "icmp6hdr", 4 },
};

/* l2, l3, l4 behind the type: the layer that skb->data points at where the probe is. Headers of it and of those above can be
 * read. A name that only begins so is no mark. */
static bool layer_mark(struct parser *ps, struct expr *e)
{
	const char *s = ps->lx.text + ps->lx.at;
	struct span at = { ps->lx.at, 2 };

	if (s[0] != 'l' || s[1] < '0' || s[1] > '9' || lex_is_word(s[2])) {
		at.len = 0;
	} else if (s[1] < '2' || s[1] > '4') {
		lex_fail(&ps->lx, at, "a layer's mark is l2, l3 or l4");
		return false;
	} else {
		e->layer = (uint8_t)(s[1] - '0');
		ps->lx.at += 2;
	}
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		unsigned int layer = headers[i].layer, mark = e->layer ? e->layer : 3;

		if (strcmp(headers[i].name, e->type.name) || layer >= mark)
			continue;
		lex_fail(&ps->lx, at.len ? at : e->type.span, "struct %s is of layer %u, %sl%u says that skb->data is past it; "
			 "write l%u behind the type", e->type.name, layer, at.len ? "but " : "and without a mark ", mark, layer);
		return false;
	}
	return true;
}

static struct expr *packet(struct parser *ps, const struct token *t)
{
	struct expr *e = node(ps, EXPR_PACKET, t->span.at);

	if (!e || !cast_type(ps, t->span.at + 1, &e->type))
		return NULL;
	if (e->type.tag != TYPE_NAME_STRUCT || e->type.stars > 1 || e->type.count) {
		lex_fail(&ps->lx, e->type.span, "a packet's header is a structure: @(struct iphdr *)l3%%0");
		return NULL;
	}
	if (!layer_mark(ps, e))
		return NULL;
	if (e->layer)
		lex_space(&ps->lx);
	e->a = operand(ps);
	return e->a ? ends_here(ps, e) : NULL;
}

/* ---- operands ---- */

static bool is_bang_cast(const struct parser *ps, const struct token *t)
{
	return t->kind == TOK_UNARY && t->op == OP_NOT && ps->lx.text[t->span.at + 1] == '(' &&
	       type_is_cast(&ps->lx, t->span.at + 2, true);
}

static struct expr *bang_cast(struct parser *ps, const struct token *t)
{
	struct expr *e = node(ps, EXPR_CAST, t->span.at);

	if (!e || !cast_type(ps, t->span.at + 1, &e->type))
		return NULL;
	e->a = operand(ps);
	return e->a ? ends_here(ps, e) : NULL;
}

static struct expr *primary(struct parser *ps, const struct token *t)
{
	if (is_bang_cast(ps, t))
		return bang_cast(ps, t);
	switch (t->kind) {
	case TOK_NAME:
		return ps->lx.text[token_end(t)] == '(' ? call(ps, t) : leaf(ps, t);
	case TOK_NUMBER: case TOK_STRING: case TOK_ADDR: case TOK_PARAM: case TOK_REG: case TOK_VAR: case TOK_SYMBOL: case TOK_AT:
		return leaf(ps, t);
	case TOK_PACKET:
		return packet(ps, t);
	case TOK_OPEN:
		return parenthesis(ps, t);
	default:
		token_unexpected(&ps->lx, t, "a value");
		return NULL;
	}
}

/* A member's name behind -> or . */
static struct expr *member(struct parser *ps, struct expr *of, const struct token *t)
{
	struct expr *e;
	size_t n;

	ps->lx.at = token_end(t);
	if (ps->lx.depth || ps->lx.free)
		lex_space(&ps->lx);
	n = lex_word(ps->lx.text + ps->lx.at);
	if (!n) {
		lex_fail(&ps->lx, (struct span){ ps->lx.at, 1 }, "the name of a member was expected behind %s",
			 t->kind == TOK_ARROW ? "->" : ".");
		return NULL;
	}
	e = node(ps, EXPR_MEMBER, of->span.at);
	if (!e)
		return NULL;
	e->a = of;
	e->arrow = t->kind == TOK_ARROW;
	e->name_span = (struct span){ ps->lx.at, (uint32_t)n };
	e->text = arena_strndup(ps->lx.arena, ps->lx.text + ps->lx.at, n);
	ps->lx.at += (uint32_t)n;
	if (!e->text)
		lex_nomem(&ps->lx);
	return e->text ? ends_here(ps, e) : NULL;
}

static struct expr *index_of(struct parser *ps, struct expr *of, const struct token *t)
{
	struct expr *e = node(ps, EXPR_INDEX, of->span.at);

	if (!e)
		return NULL;
	e->a = of;
	ps->lx.at = token_end(t);
	ps->lx.depth++;
	e->b = binary(ps, 1);
	return e->b && closes(ps, t->span.at, TOK_UNINDEX) ? ends_here(ps, e) : NULL;
}

static struct expr *postfix(struct parser *ps, struct expr *e)
{
	while (e) {
		struct token t = lex_operator(&ps->lx);

		if (t.kind == TOK_ARROW || t.kind == TOK_DOT)
			e = member(ps, e, &t);
		else if (t.kind == TOK_INDEX)
			e = index_of(ps, e, &t);
		else
			break;
	}
	return e;
}

/* A sign, a cast, or what stands alone. Members are read for the last only if `members`: those behind !(T)x are the cast's. */
static struct expr *prefixed(struct parser *ps, bool members)
{
	struct token t = lex_value(&ps->lx);
	bool cast = t.kind == TOK_OPEN && type_is_cast(&ps->lx, t.span.at + 1, false);
	struct expr *e;

	if (!cast && (t.kind != TOK_UNARY || is_bang_cast(ps, &t))) {
		e = primary(ps, &t);
		return members ? postfix(ps, e) : e;
	}
	e = node(ps, cast ? EXPR_CAST : EXPR_UNARY, t.span.at);
	if (!e || (cast && !cast_type(ps, t.span.at, &e->type)))
		return NULL;
	if (!cast) {
		e->op = t.op;
		ps->lx.at = token_end(&t);
	}
	e->a = members ? prefixed(ps, true) : operand(ps);
	return e->a ? ends_here(ps, e) : NULL;
}

static bool nest_enter(struct parser *ps)
{
	if (++ps->nest <= NEST_MAX)
		return true;
	lex_fail(&ps->lx, (struct span){ ps->lx.at, 1 }, "nested too deeply: at most %d levels", NEST_MAX);
	return false;
}

static struct expr *operand(struct parser *ps)
{
	struct expr *e = nest_enter(ps) ? prefixed(ps, false) : NULL;

	ps->nest--;
	return e;
}

static struct expr *binary(struct parser *ps, unsigned int least)
{
	struct expr *left = nest_enter(ps) ? prefixed(ps, true) : NULL, *e;
	struct token t;

	while (left) {
		t = lex_operator(&ps->lx);
		if (t.kind != TOK_BINARY || t.prec < least)
			break;
		ps->lx.at = token_end(&t);
		lex_space(&ps->lx);
		e = node(ps, EXPR_BINARY, left->span.at);
		if (!e)
			return NULL;
		e->op = t.op;
		e->name_span = t.span;
		e->a = left;
		e->b = binary(ps, t.prec + 1);
		left = e->b ? ends_here(ps, e) : NULL;
	}
	ps->nest--;
	return left;
}

struct expr *expr_parse(struct parser *ps)
{
	struct expr *e;

	ps->nodes = ps->nest = 0;
	e = binary(ps, 1);
	return ps->lx.err ? NULL : e;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The whole of a probe: letter and target, arguments, filter, aggregation. */
#include <errno.h>

#include "base/opts.h"
#include "expr/parse.h"
#include "expr/parse_target.h"

/* ---- arguments ---- */

/* ip_src, B16_port: the name says how the value is shown. */
static void show_by_name(struct arg *a)
{
	static const struct { const char *begins; enum show show; uint8_t bits; } names[] = {
		{ "ip_", SHOW_IP, 0 },
		{ "B16_", SHOW_SWAP_HEX, 16 }, { "B32_", SHOW_SWAP_HEX, 32 }, { "B64_", SHOW_SWAP_HEX, 64 },
		{ "b16_", SHOW_SWAP_DEC, 16 }, { "b32_", SHOW_SWAP_DEC, 32 }, { "b64_", SHOW_SWAP_DEC, 64 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && a->show == SHOW_AUTO; i++) {
		if (strncmp(a->name, names[i].begins, strlen(names[i].begins)))
			continue;
		a->show = names[i].show;
		a->bits = names[i].bits;
	}
}

/* S, U, X before what is no name. */
static void prefix_take(struct lexer *lx, struct arg *a)
{
	static const char prefixes[] = "SUX";
	static const enum show shows[] = { SHOW_SIGNED, SHOW_UNSIGNED, SHOW_HEX };
	const char *s = lx->text + lx->at, *which = *s ? strchr(prefixes, *s) : NULL;

	if (!which || !s[1] || !strchr("%@$!(", s[1]))
		return;
	a->show = shows[which - prefixes];
	lx->at++;
}

/* "name =", not "name ==": bytes to behind it, 0: no name stands here. */
static size_t name_ahead(const char *s)
{
	size_t i = lex_word(s);

	while (i && lex_is_space(s[i]))
		i++;
	return i && s[i] == '=' && s[i + 1] != '=' ? i + 1 : 0;
}

/* The name's length, 0: there is none. The lexer stands at the value then. */
static size_t name_take(struct lexer *lx)
{
	size_t n = lex_word(lx->text + lx->at), all = name_ahead(lx->text + lx->at);
	uint32_t behind = lx->at + (uint32_t)all;

	if (!all)
		return 0;
	lx->at = behind;
	lex_space(lx);
	if (name_ahead(lx->text + lx->at))
		lx->at = behind; /* "a= b=1": no value of a */
	return n;
}

static int name_check(struct lexer *lx, const struct probe_ast *p, const struct arg *a, size_t n)
{
	for (const struct arg *other = p->args; other; other = other->next)
		if (other != a && other->named && !strcmp(other->name, a->name))
			return lex_fail(lx, (struct span){ a->span.at, (uint32_t)n }, "two arguments have the name '%s'", a->name);
	return 0;
}

static bool is_condition(const struct expr *e)
{
	return e->kind == EXPR_BINARY && (e->op == OP_AND || e->op == OP_OR || (e->op >= OP_LT && e->op <= OP_NGLOB));
}

static int arg_parse(struct parser *ps, struct arg *a)
{
	struct lexer *lx = &ps->lx;
	uint32_t start = lx->at;
	size_t n = name_take(lx);
	struct token t;

	prefix_take(lx, a);
	a->expr = expr_parse(ps);
	if (!a->expr)
		return lx->err;
	a->span = (struct span){ start, lx->at - start };
	t = lex_operator(lx);
	if (t.kind == TOK_OTHER && lx->text[t.span.at] == ':')
		return lex_fail(lx, t.span, "an argument's name is followed by =; a filter begins with f:");
	if (t.kind != TOK_END && t.kind != TOK_BAR)
		return token_unexpected(lx, &t, "an operator or the next argument");
	a->named = n;
	a->name = arena_strndup(lx->arena, lx->text + start, n ? n : a->span.len);
	if (!a->name)
		return lex_nomem(lx);
	if (!n && is_condition(a->expr))
		return lex_fail(lx, a->span, "a condition is a filter: f:%s", a->name);
	if (n)
		show_by_name(a);
	return name_check(lx, ps->p, a, n);
}

static int args_parse(struct parser *ps)
{
	struct lexer *lx = &ps->lx;
	struct arg **last = &ps->p->args;
	unsigned int n = 0;

	for (lex_space(lx); lx->text[lx->at] && lx->text[lx->at] != '|'; lex_space(lx)) {
		if (lx->text[lx->at] == 'f' && lx->text[lx->at + 1] == ':')
			break;
		if (++n > ARGS_MAX)
			return lex_fail(lx, (struct span){ lx->at, 1 }, "at most %d arguments", ARGS_MAX);
		*last = arena_alloc(lx->arena, sizeof(**last));
		if (!*last)
			return lex_nomem(lx);
		if (arg_parse(ps, *last))
			return lx->err;
		last = &(*last)->next;
	}
	return 0;
}

/* ---- filter ---- */

/* What stands behind a filter that is none of it. */
static int filter_end(struct lexer *lx)
{
	static const char *const words[] = { "and", "or", "not", NULL };
	static const char *const signs[] = { "&&", "||", "!" };
	struct token t = lex_operator(lx);
	const char *s = lx->text + t.span.at;
	uint32_t after;

	if (t.kind == TOK_END || t.kind == TOK_BAR)
		return 0;
	for (size_t i = 0; t.kind == TOK_WORD && words[i]; i++)
		if (strlen(words[i]) == t.span.len && !memcmp(s, words[i], t.span.len))
			return lex_fail(lx, t.span, "'%s' is written %s", words[i], signs[i]);
	if (s[0] == 'f' && s[1] == ':')
		return lex_fail(lx, (struct span){ t.span.at, 2 }, "a probe has one filter; && joins conditions");
	for (after = t.span.len; lex_is_space(s[after]);)
		after++;
	if (t.kind == TOK_WORD && s[after] == '=' && s[after + 1] != '=')
		return lex_fail(lx, t.span, "arguments stand before f:, the filter is the last");
	return token_unexpected(lx, &t, "an operator, | or the end");
}

static int filter_parse(struct parser *ps)
{
	struct lexer *lx = &ps->lx;
	struct span at = { lx->at, 2 };

	if (strncmp(lx->text + lx->at, "f:", 2))
		return 0;
	lx->at += 2;
	lx->free = true;
	lex_space(lx);
	if (!lx->text[lx->at] || lx->text[lx->at] == '|')
		return lex_fail(lx, at, "the filter is empty");
	ps->p->filter = expr_parse(ps);
	return ps->p->filter ? filter_end(lx) : lx->err;
}

/* ---- aggregation ---- */

static const char *const fn_names[] = { "count", "sum", "avg", "min", "max", "hist", "quantize", "linear", "stats", NULL };
static const enum agg_fn fns[] = { AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_HIST, AGG_HIST, AGG_LINEAR, AGG_STATS };

static bool word_here(struct lexer *lx, const char *word)
{
	lex_space(lx);
	return lex_word(lx->text + lx->at) == strlen(word) && !strncmp(lx->text + lx->at, word, strlen(word));
}

static int fn_parse(struct lexer *lx, struct agg *g)
{
	const char *near;
	char word[24];
	size_t n;

	lex_space(lx);
	n = lex_word(lx->text + lx->at);
	g->span = (struct span){ lx->at, n ? (uint32_t)n : 1 };
	snprintf(word, sizeof(word), "%.*s", (int)n, lx->text + lx->at);
	for (size_t i = 0; fn_names[i]; i++)
		if (strlen(fn_names[i]) == n && !strcmp(fn_names[i], word))
			g->fn = fns[i];
	lx->at += (uint32_t)n;
	if (g->fn != AGG_NONE)
		return 0;
	near = n ? name_nearest(word, fn_names) : NULL;
	if (lx->text[g->span.at] == '|')
		lex_fail(lx, (struct span){ g->span.at, 1 }, "|| needs conditions on both sides, and stands in a filter");
	else
		lex_fail(lx, g->span, n ? "there is no aggregation '%.*s'%s%s%s" : "an aggregation was expected behind |", (int)n,
			 lx->text + g->span.at, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	diag_note(lx->d, "count, sum X, avg X, min X, max X, stats X, hist X, linear(X, LOW, HIGH, STEP); then by KEY, ... top N");
	return lx->err;
}

/* One of linear's bounds, with a comma before it. */
static int bound_read(struct lexer *lx, uint64_t *v)
{
	size_t n = 0;

	lex_space(lx);
	if (lx->text[lx->at] == ',') {
		lx->at++;
		lex_space(lx);
		n = lx->text[lx->at] >= '0' && lx->text[lx->at] <= '9' ? lex_number(lx, lx->at, v) : 0;
	}
	if (!n)
		return lex_fail(lx, (struct span){ lx->at, 1 }, "a comma and a number were expected: linear(X, LOW, HIGH, STEP)");
	lx->at += (uint32_t)n;
	return 0;
}

static int linear_parse(struct parser *ps, struct agg *g)
{
	struct lexer *lx = &ps->lx;
	uint32_t open;

	lex_space(lx);
	open = lx->at;
	if (lx->text[open] != '(')
		return lex_fail(lx, g->span, "linear is written linear(X, LOW, HIGH, STEP)");
	lx->at++;
	lx->depth++;
	g->value = expr_parse(ps);
	if (!g->value || bound_read(lx, &g->low) || bound_read(lx, &g->high) || bound_read(lx, &g->step))
		return lx->err;
	lex_space(lx);
	if (lx->text[lx->at] != ')')
		return lex_fail(lx, (struct span){ open, 1 }, "this parenthesis is not closed");
	lx->at++;
	lx->depth--;
	if (g->low >= g->high || !g->step || (g->high - g->low) / g->step > BUCKETS_MAX || g->high > INT64_MAX)
		return lex_fail(lx, (struct span){ open, lx->at - open },
				"LOW must be below HIGH, and STEP make at most %d rows of it", BUCKETS_MAX);
	return 0;
}

static int value_parse(struct parser *ps, struct agg *g)
{
	struct lexer *lx = &ps->lx;
	bool none;

	lex_space(lx);
	none = !lx->text[lx->at] || lx->text[lx->at] == '|' || word_here(lx, "by") || word_here(lx, "top");
	if (g->fn == AGG_COUNT)
		return none ? 0 : lex_fail(lx, (struct span){ lx->at, 1 }, "count takes no value: count by KEY");
	if (g->fn == AGG_LINEAR)
		return linear_parse(ps, g);
	if (none)
		return lex_fail(lx, g->span, "%.*s of what? %.*s X by KEY", (int)g->span.len, lx->text + g->span.at,
				(int)g->span.len, lx->text + g->span.at);
	g->value = expr_parse(ps);
	return lx->err;
}

static int keys_parse(struct parser *ps, struct agg *g)
{
	struct lexer *lx = &ps->lx;
	struct expr **last = &g->by;
	bool more = word_here(lx, "by");
	unsigned int n = 0;

	lx->at += more ? 2 : 0;
	for (; more; lx->at += more ? 1 : 0) {
		if (++n > KEYS_MAX)
			return lex_fail(lx, (struct span){ lx->at, 1 }, "at most %d keys", KEYS_MAX);
		*last = expr_parse(ps);
		if (!*last)
			return lx->err;
		last = &(*last)->next;
		lex_space(lx);
		more = lx->text[lx->at] == ',';
	}
	return 0;
}

static int top_parse(struct lexer *lx, struct agg *g)
{
	size_t n;

	if (!word_here(lx, "top"))
		return 0;
	lx->at += 3;
	lex_space(lx);
	n = lx->text[lx->at] >= '0' && lx->text[lx->at] <= '9' ? lex_number(lx, lx->at, &g->top) : 0;
	if (!n || !g->top)
		return lex_fail(lx, (struct span){ lx->at, n ? (uint32_t)n : 1 }, "top how many? top 10");
	lx->at += (uint32_t)n;
	return 0;
}

static int agg_parse(struct parser *ps)
{
	struct lexer *lx = &ps->lx;
	struct agg *g = &ps->p->agg;
	struct token t;
	uint32_t start;

	lex_space(lx);
	if (lx->text[lx->at] != '|')
		return 0;
	lx->at++;
	lx->free = true;
	if (fn_parse(lx, g) || value_parse(ps, g) || keys_parse(ps, g) || top_parse(lx, g))
		return lx->err;
	start = g->span.at;
	g->span.len = lx->at - start;
	t = lex_operator(lx);
	if (t.kind == TOK_BAR)
		return lex_fail(lx, t.span, "a probe has one aggregation; give the probe twice for two");
	return t.kind == TOK_END ? 0 : token_unexpected(lx, &t, g->top ? "the end" : g->by ? "a comma, 'top' or the end" :
							"'by', 'top' or the end");
}

/* ---- the whole ---- */

static int probe_read(struct parser *ps, const char *text)
{
	struct probe_ast *p = arena_alloc(ps->lx.arena, sizeof(*p));
	const char *copy = p ? arena_strndup(ps->lx.arena, text, strlen(text)) : NULL;

	if (!copy)
		return lex_nomem(&ps->lx);
	ps->p = p;
	ps->lx.text = p->text = copy;
	p->arena = ps->lx.arena;
	if (target_parse(&ps->lx, p) || args_parse(ps) || filter_parse(ps))
		return ps->lx.err;
	return agg_parse(ps);
}

struct probe_ast *probe_parse(const char *text, struct diag *d)
{
	struct parser ps = { .lx = { .text = text, .d = d } };
	int err;

	ps.lx.arena = calloc(1, sizeof(*ps.lx.arena));
	if (!ps.lx.arena)
		err = lex_nomem(&ps.lx);
	else if (strlen(text) > TEXT_MAX)
		err = lex_fail(&ps.lx, (struct span){ 0, 0 }, "a probe has at most %d characters", TEXT_MAX);
	else
		err = probe_read(&ps, text);
	if (!err)
		return ps.p;
	if (ps.lx.arena)
		arena_free(ps.lx.arena);
	free(ps.lx.arena);
	errno = -err;
	return NULL;
}

void probe_ast_free(struct probe_ast *p)
{
	struct arena *a = p ? p->arena : NULL;

	if (a)
		arena_free(a);
	free(a);
}

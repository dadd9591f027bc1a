/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>

#include "base/parse.h"
#include "expr/lex.h"

int lex_fail(struct lexer *lx, struct span at, const char *fmt, ...)
{
	char message[DIAG_MESSAGE];
	va_list ap;

	if (lx->err)
		return lx->err;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	lx->err = -EINVAL;
	return diag_set(lx->d, -EINVAL, at, "%s", message);
}

int lex_nomem(struct lexer *lx)
{
	if (!lx->err)
		lx->err = diag_set(lx->d, -ENOMEM, (struct span){ 0, 0 }, "out of memory");
	return lx->err;
}

bool lex_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool lex_is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t lex_word(const char *s)
{
	size_t n = 0;

	while (!is_digit(s[0]) && lex_is_word(s[n]))
		n++;
	return n;
}

void lex_space(struct lexer *lx)
{
	while (lex_is_space(lx->text[lx->at]))
		lx->at++;
}

/* ---- numbers ---- */

static bool octal(const char *s, uint64_t *v)
{
	uint64_t sum = 0;

	for (; *s >= '0' && *s <= '7'; s++) {
		if (sum >> 61)
			return false;
		sum = sum << 3 | (uint64_t)(*s - '0');
	}
	*v = sum;
	return !*s;
}

/* C's suffixes of constants say nothing here. */
static bool is_c_suffix(const char *s)
{
	static const char *const suffixes[] = { "u", "U", "l", "L", "ul", "UL", "ll", "LL", "ull", "ULL", NULL };

	for (size_t i = 0; suffixes[i]; i++)
		if (!strcmp(s, suffixes[i]))
			return true;
	return false;
}

/* 0 or -EINVAL, -ERANGE. number: all of it; unit: its letters; fraction: there is a point in it. */
static int number_value(char *number, char *unit, bool fraction, uint64_t *v)
{
	int err;

	if (is_c_suffix(unit) && !fraction)
		*unit = '\0';
	if (!*unit && fraction)
		return -EINVAL;
	if (!*unit && number[0] == '0' && number[1])
		return octal(number, v) ? 0 : -EINVAL;
	if (!*unit)
		return parse_u64(number, v);
	err = parse_duration(number, v);
	return err == -EINVAL ? parse_size(number, v) : err;
}

size_t lex_number(struct lexer *lx, uint32_t at, uint64_t *v)
{
	const char *s = lx->text + at;
	size_t n = strspn(s, "0123456789"), all;
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X'), fraction = s[n] == '.' && is_digit(s[n + 1]);
	char copy[64], *unit;
	int err;

	if (fraction)
		n += 1 + strspn(s + n + 1, "0123456789");
	if (hex)
		n = 2 + strspn(s + 2, "0123456789abcdefABCDEF");
	for (all = n; lex_is_word(s[all]) || (!strncmp(s + all, "µs", 3) && all == n);) /* µ is two bytes, no letter of a name */
		all += lex_is_word(s[all]) ? 1 : 3;
	if (all >= sizeof(copy)) {
		lex_fail(lx, (struct span){ at, (uint32_t)all }, "no number has that many digits");
		return 0;
	}
	memcpy(copy, s, all);
	copy[all] = '\0';
	unit = copy + n;
	if (hex && is_c_suffix(unit))
		*unit = '\0';
	err = hex ? parse_u64(copy, v) : number_value(copy, unit, fraction, v);
	if (!err)
		return all;
	if (err == -ERANGE)
		lex_fail(lx, (struct span){ at, (uint32_t)all }, "the number is too large: 64 bits at most");
	else if (!hex && !*unit)
		lex_fail(lx, (struct span){ at, (uint32_t)all }, fraction ? "a fraction needs a unit: ns, us, ms, s, k, M, G" :
			 "a number that begins with 0 is octal, and has the digits 0 to 7 only");
	else if (hex)
		lex_fail(lx, (struct span){ at, (uint32_t)all }, "not a hexadecimal number");
	else
		lex_fail(lx, (struct span){ at + (uint32_t)n, (uint32_t)(all - n) },
			 "unknown unit '%s'; there are ns, us, ms, s, min, h for time and k, M, G, T for sizes", unit);
	return 0;
}

/* ---- addresses ---- */

/* Whether an IPv6 address stands here: digits, letters and at least two colons. Length, 0: none. */
static size_t ipv6_length(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF:."), colons = 0;

	if (!memchr(s, ':', n))
		return 0;
	for (size_t i = 0; i < n; i++)
		colons += s[i] == ':';
	while (n && s[n - 1] == '.')
		n--;
	return colons >= 2 ? n : 0;
}

static size_t ipv4_length(const char *s)
{
	size_t n = 0;

	for (int part = 0; part < 4; part++) {
		size_t digits = strspn(s + n, "0123456789");

		if (!digits || (part < 3 && s[n + digits] != '.'))
			return 0;
		n += digits + (part < 3);
	}
	return n;
}

static bool address(struct lexer *lx, struct token *t)
{
	const char *s = lx->text + t->span.at;
	size_t n = ipv6_length(s);
	bool six = n;
	char copy[INET6_ADDRSTRLEN + 1];

	if (!n)
		n = ipv4_length(s);
	if (!n)
		return false;
	t->kind = TOK_ADDR;
	t->span.len = (uint32_t)n;
	t->naddr = six ? 16 : 4;
	if (n < sizeof(copy)) {
		memcpy(copy, s, n);
		copy[n] = '\0';
		if (inet_pton(six ? AF_INET6 : AF_INET, copy, t->addr) == 1)
			return true;
	}
	lex_fail(lx, t->span, "not an %s address", six ? "IPv6" : "IPv4");
	t->kind = TOK_BAD;
	return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
	const char *at = c ? strchr("0123456789abcdef", c | 0x20) : NULL;

	return at && lex_is_word(c) ? (int)(at - "0123456789abcdef") : -1;
}

/* The escape after a backslash at s: *out, and its bytes; 0: there is none such. */
static size_t escape_read(const char *s, char *out)
{
	static const char names[] = "nrt0\\\"'", values[] = "\n\r\t\0\\\"'";
	const char *at = *s ? strchr(names, *s) : NULL;

	if (at)
		*out = values[at - names];
	else if (*s == 'x' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0)
		*out = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
	return at ? 1 : *s == 'x' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0 ? 3 : 0;
}

/* What stands between quotes that open at the token's begin; sets its length and, resolved, its text. Length, or -1. */
static long quoted(struct lexer *lx, struct token *t)
{
	const char *s = lx->text + t->span.at, quote = *s;
	char *to = arena_alloc(lx->arena, strlen(s));
	size_t i = 1, n = 0;

	if (!to)
		return lex_nomem(lx), -1;
	for (; s[i] && s[i] != quote; n++) {
		size_t used = 1;

		to[n] = s[i];
		if (s[i] == '\\') {
			used = escape_read(s + i + 1, &to[n]) + 1;
			if (used == 1 || !to[n]) {
				lex_fail(lx, (struct span){ t->span.at + (uint32_t)i, s[i + 1] ? 2 : 1 },
					 "unknown escape; there are \\n \\r \\t \\\\ \\\" \\' \\xNN");
				return -1;
			}
		}
		i += used;
	}
	if (!s[i]) {
		lex_fail(lx, (struct span){ t->span.at, 1 }, "this quote is not closed");
		return -1;
	}
	t->span.len = (uint32_t)i + 1;
	t->text = to;
	return (long)n;
}

/* 'a' is a number, as in C. */
static void character(struct lexer *lx, struct token *t)
{
	long n = quoted(lx, t);

	if (n == 1) {
		t->kind = TOK_NUMBER;
		t->number = (unsigned char)t->text[0];
	} else if (n >= 0) {
		lex_fail(lx, t->span, "one character stands between single quotes; a string has double ones");
	}
}

/* ---- the tokens ---- */

static void word_into(struct lexer *lx, struct token *t, enum token_kind kind, size_t skip, size_t n)
{
	t->kind = kind;
	t->span.len = (uint32_t)(skip + n);
	t->text = arena_strndup(lx->arena, lx->text + t->span.at + skip, n);
	if (!t->text) {
		lex_nomem(lx);
		t->kind = TOK_BAD;
	}
}

/* %0, %ax */
static void percent(struct lexer *lx, struct token *t)
{
	enum { PARAMS = 32 };
	const char *s = lx->text + t->span.at + 1;
	size_t digits = strspn(s, "0123456789"), n = lex_word(s);

	if (n) {
		word_into(lx, t, TOK_REG, 1, n);
	} else if (digits && digits < 3 && !lex_is_word(s[digits])) {
		t->kind = TOK_PARAM;
		t->span.len = (uint32_t)digits + 1;
		t->number = (uint64_t)(s[0] - '0');
		if (digits == 2)
			t->number = t->number * 10 + (uint64_t)(s[1] - '0');
		if (t->number >= PARAMS) {
			lex_fail(lx, t->span, "no function has that many parameters; %%0 is the first");
			t->kind = TOK_BAD;
		}
	} else {
		lex_fail(lx, (struct span){ t->span.at, digits ? (uint32_t)digits + 1 : 1 },
			 "a parameter (%%0 is the first) or a register (%%ax) was expected");
	}
}

/* @name, @0xffff..., @( */
static void at_sign(struct lexer *lx, struct token *t)
{
	const char *s = lx->text + t->span.at + 1;
	size_t n = lex_word(s);

	if (n) {
		word_into(lx, t, TOK_SYMBOL, 1, n);
	} else if (is_digit(*s)) {
		n = lex_number(lx, t->span.at + 1, &t->number);
		t->kind = n ? TOK_AT : TOK_BAD;
		t->span.len = (uint32_t)n + 1;
	} else if (*s == '(') {
		t->kind = TOK_PACKET;
		t->span.len = 2;
	} else {
		lex_fail(lx, t->span, "after @ comes a variable of the kernel, an address, or (struct iphdr *) of a packet");
	}
}

static enum expr_op unary(char c)
{
	return c == '-' ? OP_NEG : c == '!' ? OP_NOT : c == '~' ? OP_INV : c == '*' ? OP_DEREF : c == '&' ? OP_ADDRESS : OP_NONE;
}

struct token lex_value(struct lexer *lx)
{
	struct token t = { .kind = TOK_BAD };
	const char *s;
	size_t n;

	if (lx->depth || lx->free)
		lex_space(lx);
	s = lx->text + lx->at;
	t.span = (struct span){ lx->at, 1 };
	if (!*s || lex_is_space(*s)) {
		t.kind = TOK_END;
		t.span.len = *s ? 1 : 0;
	} else if (address(lx, &t)) {
		;
	} else if (is_digit(*s)) {
		n = lex_number(lx, lx->at, &t.number);
		t.kind = n ? TOK_NUMBER : TOK_BAD;
		t.span.len = (uint32_t)n;
	} else if ((n = lex_word(s))) {
		word_into(lx, &t, TOK_NAME, 0, n);
	} else if (*s == '%') {
		percent(lx, &t);
	} else if (*s == '@') {
		at_sign(lx, &t);
	} else if (*s == '$' && (n = lex_word(s + 1))) {
		word_into(lx, &t, TOK_VAR, 1, n);
	} else if (*s == '"') {
		t.kind = quoted(lx, &t) < 0 ? TOK_BAD : TOK_STRING;
	} else if (*s == '\'') {
		character(lx, &t);
	} else if (*s == '(') {
		t.kind = TOK_OPEN;
	} else if (unary(*s)) {
		t.kind = TOK_UNARY;
		t.op = unary(*s);
	} else {
		t.kind = TOK_OTHER;
	}
	return t;
}

struct spelling { const char *text; enum token_kind kind; enum expr_op op; unsigned int prec; };

/* The longer ones first. */
static const struct spelling operators[] = {
	{ "->", TOK_ARROW, OP_NONE, 0 },
	{ "||", TOK_BINARY, OP_OR, 1 }, { "&&", TOK_BINARY, OP_AND, 2 },
	{ "==", TOK_BINARY, OP_EQ, 6 }, { "!=", TOK_BINARY, OP_NE, 6 }, { "!~", TOK_BINARY, OP_NGLOB, 6 },
	{ "<<", TOK_BINARY, OP_SHL, 8 }, { ">>", TOK_BINARY, OP_SHR, 8 },
	{ "<=", TOK_BINARY, OP_LE, 7 }, { ">=", TOK_BINARY, OP_GE, 7 },
	{ "<", TOK_BINARY, OP_LT, 7 }, { ">", TOK_BINARY, OP_GT, 7 }, { "~", TOK_BINARY, OP_GLOB, 6 },
	{ "|", TOK_BINARY, OP_BOR, 3 }, { "^", TOK_BINARY, OP_XOR, 4 }, { "&", TOK_BINARY, OP_BAND, 5 },
	{ "+", TOK_BINARY, OP_ADD, 9 }, { "-", TOK_BINARY, OP_SUB, 9 },
	{ "*", TOK_BINARY, OP_MUL, 10 }, { "/", TOK_BINARY, OP_DIV, 10 }, { "%", TOK_BINARY, OP_MOD, 10 },
	{ ".", TOK_DOT, OP_NONE, 0 }, { "[", TOK_INDEX, OP_NONE, 0 }, { "]", TOK_UNINDEX, OP_NONE, 0 },
	{ ")", TOK_CLOSE, OP_NONE, 0 }, { ",", TOK_COMMA, OP_NONE, 0 },
};

static void operator_read(struct lexer *lx, struct token *t)
{
	const char *s = lx->text + t->span.at;

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const struct spelling *o = &operators[i];

		if (strncmp(s, o->text, strlen(o->text)))
			continue;
		t->kind = o->op == OP_BOR && !lx->depth ? TOK_BAR : o->kind; /* outside of parentheses it ends the filter */
		t->op = o->op;
		t->prec = o->prec;
		t->span.len = (uint32_t)strlen(o->text);
		return;
	}
}

struct token lex_operator(struct lexer *lx)
{
	struct token t = { .kind = TOK_OTHER, .span = { lx->at, 1 } };
	bool spaced = lex_is_space(lx->text[lx->at]), ends = spaced && !lx->depth && !lx->free;

	while (lex_is_space(lx->text[t.span.at]))
		t.span.at++;
	if (!lx->text[t.span.at]) {
		t.kind = TOK_END;
		t.span.len = 0;
	} else if (lex_is_word(lx->text[t.span.at])) {
		t.kind = TOK_WORD;
		while (lex_is_word(lx->text[t.span.at + t.span.len]))
			t.span.len++;
	} else {
		operator_read(lx, &t);
	}
	/* "a - b" is one argument, "a -b" and "a *b" are two. */
	if (ends && !(t.kind == TOK_BINARY && lex_is_space(lx->text[t.span.at + t.span.len])))
		t = (struct token){ .kind = TOK_END, .span = { lx->at, 0 } };
	return t;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Tokens of a probe's text. Two functions, because % & * - ~ ! mean one thing where a value can begin and another after one:
 * "%0" is a parameter, "a%2" a remainder. Nothing is consumed by looking; the parser moves `at` to a token's end.
 */
#ifndef SPOOR_EXPR_LEX_H
#define SPOOR_EXPR_LEX_H

#include "base/arena.h"
#include "expr/diag.h"

enum token_kind {
	TOK_END,       /* of the text, or of an argument: white space outside of parentheses */
	TOK_BAD,       /* lexer.err says why */
	TOK_NUMBER, TOK_STRING, TOK_ADDR, TOK_PARAM, TOK_REG, TOK_VAR, TOK_NAME, TOK_SYMBOL, TOK_AT,
	TOK_PACKET,    /* @( */
	TOK_OPEN,      /* ( */
	TOK_UNARY,     /* op */
	TOK_BINARY,    /* op, prec */
	TOK_ARROW, TOK_DOT, TOK_INDEX /* [ */, TOK_CLOSE /* ) */, TOK_UNINDEX /* ] */, TOK_COMMA, TOK_BAR,
	TOK_WORD,      /* a word where an operator could be */
	TOK_OTHER,     /* anything else */
};

struct token {
	enum token_kind kind;
	struct span span;
	enum expr_op op;
	unsigned int prec;       /* 1: || to 10: * / % */
	uint64_t number;
	const char *text;        /* in the arena */
	uint8_t addr[16], naddr;
};

struct lexer {
	const char *text;
	uint32_t at;             /* bytes of it done */
	unsigned int depth;      /* open parentheses and brackets: white space means nothing in them */
	bool free;               /* nor anywhere: in a filter, an aggregation */
	struct arena *arena;
	struct diag *d;
	int err;                 /* the first error */
};

struct token lex_value(struct lexer *lx);    /* where a value can begin */
struct token lex_operator(struct lexer *lx); /* after one */

bool lex_is_space(char c);
bool lex_is_word(char c);                    /* letters, digits, _ */
size_t lex_word(const char *s);              /* length of the name at s, 0: none (a name begins with no digit) */
void lex_space(struct lexer *lx);            /* past white space */
/* "12", "0x1f", "0644", "1.5ms", "64k" at s: bytes of it, *v; 0: err is set, the reason too. */
size_t lex_number(struct lexer *lx, uint32_t at, uint64_t *v);

/* Sets the error, once; returns it. */
int lex_fail(struct lexer *lx, struct span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int lex_nomem(struct lexer *lx);

#endif

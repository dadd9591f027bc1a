/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Between the parts of the parser: what is about the whole probe, expressions, names of types. */
#ifndef SPOOR_EXPR_PARSE_H
#define SPOOR_EXPR_PARSE_H

#include "expr/lex.h"

enum {
	TEXT_MAX = 16384,        /* bytes of a probe */
	NEST_MAX = 64,           /* of parentheses, casts, signs: who walks a tree may recurse */
	NODES_MAX = 512,         /* of one expression, so that a chain of operators is no deeper either */
	ARGS_MAX = 64,
	BUCKETS_MAX = 1000,      /* of linear() */
	KEYS_MAX = 8,            /* of an aggregation */
};

struct parser {
	struct lexer lx;
	struct probe_ast *p;
	unsigned int nest, nodes;
};

/* An expression from where the lexer stands to where it cannot go on. NULL: lx.err. */
struct expr *expr_parse(struct parser *ps);

/* A type's name where the lexer stands; names into the arena. 0 or lx.err. */
int type_read(struct lexer *lx, struct type_name *to);
/* Whether what follows the parenthesis at `at` is a type and makes a cast of it; bang: a ! stands before it. */
bool type_is_cast(const struct lexer *lx, uint32_t at, bool bang);
bool type_has_tag(const char *s); /* "struct x", "union x", "enum x" */

/* Says that t is not what could be here; what: "a value", "an operator". */
int token_unexpected(struct lexer *lx, const struct token *t, const char *what);

static inline uint32_t token_end(const struct token *t)
{
	return t->span.at + t->span.len;
}

#endif

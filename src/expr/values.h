/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Values of a record or a key as text: numbers, enumerators by name, structures with their members, addresses, paths. */
#ifndef SPOOR_EXPR_VALUES_H
#define SPOOR_EXPR_VALUES_H

#include "expr/ir.h"
#include "expr/text.h"
#include "model/model.h"

struct symbolizer;

struct render {
	struct types *types;
	struct symbolizer *symbols;
	bool user;                 /* pointers are a program's */
};

/* The bytes of an out, from where it lies; fault: it could not be read. */
void value_text(struct text *t, const struct render *r, const struct out *o, const uint8_t *at, bool fault);
void value_of_type(struct text *t, const struct render *r, const struct type *ty, const char *name, const uint8_t *at, size_t size,
		   unsigned int depth);
void number_text(struct text *t, const struct render *r, const struct out *o, uint64_t v);

void stack_text(struct text *t, const struct stack *s);

#endif

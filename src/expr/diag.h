/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What is wrong with a probe, and where:
 *	error: struct task_struct has no member 'com'; did you mean 'comm'?
 *	  p wake_up_new_task comm=%0->com
 *	                              ^~~
 * The first error of a probe counts; later ones are dropped. Nothing is printed here.
 */
#ifndef SPOOR_EXPR_DIAG_H
#define SPOOR_EXPR_DIAG_H

#include <stdio.h>

#include "expr/ast.h"

enum { DIAG_MESSAGE = 512, DIAG_NOTE = 2048 };

struct diag {
	int err;                    /* -errno; 0: nothing is wrong */
	struct span at;             /* in the text; len 0: nowhere */
	char message[DIAG_MESSAGE];
	char note[DIAG_NOTE];       /* lines below the caret: candidates, a prototype; "" */
};

/* All return err (which is negative), so that a caller can end with them. */
int diag_set(struct diag *d, int err, struct span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void diag_note(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* a line, appended; cut if too long */

/* The message, then the text with a caret below the place (columns as terminals count them), then the notes. Every line
 * begins with prefix. A long text is cut around the place to width columns (0: not). */
void diag_print(const struct diag *d, const char *text, const char *prefix, unsigned int width, FILE *out);

#endif

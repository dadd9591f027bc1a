/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_EXPR_PARSE_TARGET_H
#define SPOOR_EXPR_PARSE_TARGET_H

#include "expr/lex.h"

/* Letter and target, from the beginning of the text. 0 or lx->err. */
int target_parse(struct lexer *lx, struct probe_ast *p);

#endif

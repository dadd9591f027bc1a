/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Names of types: "struct sk_buff *", "unsigned long", "u8 [16]". */
#include <errno.h>

#include "expr/parse.h"

static const char *const base_words[] = {
	"void", "char", "short", "int", "long", "unsigned", "signed", "float", "double", "bool", "_Bool",
	"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
	"__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "__sum16", "__wsum", NULL,
};
enum { C_WORDS = 9 }; /* the first ones can be joined: "unsigned long int" */

static bool word_is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

static long base_index(const char *s, size_t n)
{
	for (long i = 0; base_words[i]; i++)
		if (word_is(s, n, base_words[i]))
			return i;
	return -1;
}

static bool is_qualifier(const char *s, size_t n)
{
	return word_is(s, n, "const") || word_is(s, n, "volatile") || word_is(s, n, "restrict") || word_is(s, n, "__user") ||
	       word_is(s, n, "__rcu");
}

static int tag_of(const char *s, size_t n)
{
	return word_is(s, n, "struct") ? TYPE_NAME_STRUCT : word_is(s, n, "union") ? TYPE_NAME_UNION :
	       word_is(s, n, "enum") ? TYPE_NAME_ENUM : TYPE_NAME_PLAIN;
}

bool type_has_tag(const char *s)
{
	size_t n = lex_word(s);

	if (tag_of(s, n) == TYPE_NAME_PLAIN || !lex_is_space(s[n]))
		return false;
	while (lex_is_space(s[n]))
		n++;
	return lex_word(s + n);
}

/* Past const and the like. */
static void qualifiers(struct lexer *lx)
{
	for (size_t n = 1; n;) {
		lex_space(lx);
		n = lex_word(lx->text + lx->at);
		n = is_qualifier(lx->text + lx->at, n) ? n : 0;
		lx->at += (uint32_t)n;
	}
}

/* "unsigned", "long": each further word that can be joined. */
static int words_read(struct lexer *lx, struct type_name *to)
{
	const char *s = lx->text + lx->at;
	size_t n = lex_word(s), used = n;
	bool joins = to->tag == TYPE_NAME_PLAIN && base_index(s, n) >= 0 && base_index(s, n) < C_WORDS;
	char name[64];

	if (!n)
		return lex_fail(lx, (struct span){ lx->at, 1 }, "the name of a type was expected");
	to->name = arena_strndup(lx->arena, s, n);
	lx->at += (uint32_t)n;
	qualifiers(lx);
	for (; to->name && joins; qualifiers(lx)) {
		s = lx->text + lx->at;
		n = lex_word(s);
		if (!n || base_index(s, n) < 0 || base_index(s, n) >= C_WORDS || used + n + 2 > sizeof(name))
			break;
		memcpy(name, to->name, used);
		name[used] = ' ';
		memcpy(name + used + 1, s, n);
		used += n + 1;
		to->name = arena_strndup(lx->arena, name, used);
		lx->at += (uint32_t)n;
	}
	return to->name ? 0 : lex_nomem(lx);
}

/* [16] */
static int count_read(struct lexer *lx, struct type_name *to)
{
	uint32_t open = lx->at;
	uint64_t count = 0;
	size_t n;

	lx->at++;
	lex_space(lx);
	n = lx->text[lx->at] >= '0' && lx->text[lx->at] <= '9' ? lex_number(lx, lx->at, &count) : 0;
	if (lx->err)
		return lx->err;
	if (!n || !count || count > UINT32_MAX)
		return lex_fail(lx, (struct span){ lx->at, n ? (uint32_t)n : 1 }, "the array's number of elements was expected");
	to->count = (uint32_t)count;
	lx->at += (uint32_t)n;
	lex_space(lx);
	if (lx->text[lx->at] != ']')
		return lex_fail(lx, (struct span){ open, 1 }, "this bracket is not closed");
	lx->at++;
	return 0;
}

int type_read(struct lexer *lx, struct type_name *to)
{
	enum { STARS = 8 };
	uint32_t start;
	size_t n;
	int err;

	memset(to, 0, sizeof(*to));
	qualifiers(lx);
	start = lx->at;
	n = lex_word(lx->text + start);
	to->tag = (typeof(to->tag))tag_of(lx->text + start, n);
	if (to->tag != TYPE_NAME_PLAIN) {
		lx->at += (uint32_t)n;
		lex_space(lx);
	}
	err = words_read(lx, to);
	for (; !err && lx->text[lx->at] == '*'; qualifiers(lx)) {
		lx->at++;
		if (++to->stars > STARS)
			err = lex_fail(lx, (struct span){ start, lx->at - start }, "at most %d stars", STARS);
	}
	if (!err && lx->text[lx->at] == '[')
		err = count_read(lx, to);
	to->span = (struct span){ start, lx->at - start };
	while (to->span.len && lex_is_space(lx->text[start + to->span.len - 1]))
		to->span.len--;
	return err;
}

static bool is_type_name(const struct type_name *t)
{
	size_t n = strlen(t->name);

	return t->tag != TYPE_NAME_PLAIN || t->stars || t->count || strchr(t->name, ' ') || base_index(t->name, n) >= 0 ||
	       (n > 2 && !strcmp(t->name + n - 2, "_t"));
}

bool type_is_cast(const struct lexer *lx, uint32_t at, bool bang)
{
	struct lexer ahead = *lx;
	struct type_name type;
	char next;

	if (type_has_tag(lx->text + at))
		return true; /* nothing else can begin so */
	ahead.d = NULL;
	ahead.at = at;
	if (type_read(&ahead, &type))
		return false;
	lex_space(&ahead);
	if (ahead.text[ahead.at] != ')')
		return false;
	ahead.at++;
	if (!is_type_name(&type))
		return bang && ahead.text[ahead.at] && (strchr("%@$(\"':", ahead.text[ahead.at]) || lex_is_word(ahead.text[ahead.at]));
	if (lx->depth || lx->free)
		lex_space(&ahead);
	next = ahead.text[ahead.at];
	return next && (strchr("%@$(\"':-!~*&", next) || lex_is_word(next));
}

int type_name_parse(const char *text, struct type_name *to, struct diag *d)
{
	struct arena arena = { NULL };
	struct lexer lx = { .text = text, .arena = &arena, .d = d, .free = true };
	int err = strlen(text) > TEXT_MAX ? lex_fail(&lx, (struct span){ 0, 0 }, "that is too long for the name of a type") : 0;

	if (!err)
		err = type_read(&lx, to);
	if (!err) {
		lex_space(&lx);
		if (text[lx.at])
			err = lex_fail(&lx, (struct span){ lx.at, 1 }, "the name of a type ends before this");
	}
	if (!err) {
		to->name = strdup(to->name);
		err = to->name ? 0 : lex_nomem(&lx);
	}
	arena_free(&arena);
	return err;
}

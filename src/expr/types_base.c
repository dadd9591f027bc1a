/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The names of C's base types. gcc's debug information says "long unsigned int", clang's and people "unsigned long". */
#include "expr/types_priv.h"

enum { SPELLINGS = 3 };
static const char *const base_names[][SPELLINGS] = { /* people's first */
	{ "char" }, { "signed char" }, { "unsigned char" }, { "int" }, { "unsigned int" },
	{ "short", "short int" }, { "unsigned short", "short unsigned int" },
	{ "long", "long int" }, { "unsigned long", "long unsigned int" },
	{ "long long", "long long int" }, { "unsigned long long", "long long unsigned int" },
	{ "__int128" }, { "unsigned __int128", "__int128 unsigned" },
	{ "_Bool", "bool" }, { "float" }, { "double" }, { "long double" }, { "void" },
};
enum { BASE_NAMES = sizeof(base_names) / sizeof(base_names[0]) };

const char *types_base_name(const char *name)
{
	for (int i = 0; i < BASE_NAMES; i++)
		for (int s = 1; s < SPELLINGS && base_names[i][s]; s++)
			if (!strcmp(base_names[i][s], name) && strcmp(name, "bool"))
				return base_names[i][0];
	return name;
}

const char *types_base_spelling(const char *canonical, unsigned int n)
{
	for (int i = 0; i < BASE_NAMES; i++)
		if (!strcmp(base_names[i][0], canonical))
			return n < SPELLINGS ? base_names[i][n] : NULL;
	return n ? NULL : canonical;
}

/* s8 and u8, and what else has a name of its own but comes down to a signed or unsigned char, are numbers. */
enum type_kind types_byte_kind(const char *base, const char *alias)
{
	if (!strcmp(base, "char"))
		return TYPE_CHAR;
	return !alias && (!strcmp(base, "signed char") || !strcmp(base, "unsigned char")) ? TYPE_CHAR : TYPE_INT;
}

enum { W_CHAR, W_SHORT, W_INT, W_LONG, W_SIGNED, W_UNSIGNED, W_INT128, W_FLOAT, W_DOUBLE, W_BOOL, W_N };
static const char *const words[W_N] = {
	"char", "short", "int", "long", "signed", "unsigned", "__int128", "float", "double", "_Bool",
};

/* How often each word is there; false: another one is. */
static bool words_count(const char *text, unsigned int count[W_N])
{
	while (*text) {
		size_t len = strcspn(text, " ");
		int w = 0;

		while (w < W_N && (strlen(words[w]) != len || strncmp(words[w], text, len)))
			w++;
		if (w == W_N || ++count[w] > 2)
			return false;
		text += len;
		text += strspn(text, " ");
	}
	return true;
}

const char *types_base_canonical(const char *text)
{
	unsigned int c[W_N] = { 0 };
	bool u;

	if (!words_count(text, c))
		return NULL;
	u = c[W_UNSIGNED];
	if (c[W_BOOL])
		return "_Bool";
	if (c[W_FLOAT])
		return "float";
	if (c[W_DOUBLE])
		return c[W_LONG] ? "long double" : "double";
	if (c[W_CHAR])
		return u ? "unsigned char" : c[W_SIGNED] ? "signed char" : "char";
	if (c[W_INT128])
		return u ? "unsigned __int128" : "__int128";
	if (c[W_SHORT])
		return u ? "unsigned short" : "short";
	if (c[W_LONG])
		return c[W_LONG] == 2 ? u ? "unsigned long long" : "long long" : u ? "unsigned long" : "long";
	return !c[W_INT] && !c[W_SIGNED] && !u ? NULL : u ? "unsigned int" : "int";
}

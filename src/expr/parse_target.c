/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A probe's letter and what it is put on: "p vfs_read+0x10", "e sched/sched_switch", "P libc:fopen", "s 99hz". */
#include <errno.h>

#include "base/opts.h"
#include "base/parse.h"
#include "expr/parse_target.h"

static const struct letter { char letter; const char *what; } letters[] = {
	{ 'p', "a function of the kernel: p vfs_read" }, { 'r', "its return: r vfs_read" },
	{ 'e', "a tracepoint: e sched/sched_switch" }, { 't', "a tracepoint's typed arguments: t sched_switch" },
	{ 'P', "a function or USDT probe of a program: P libc:fopen" }, { 'R', "a program's function's return: R libc:fopen" },
	{ 's', "samples on each CPU: s 99hz" },
};

/* What others call them. */
static const char *const other_names[] = {
	"kprobe", "probe", "fentry", "kretprobe", "return", "fexit", "tracepoint", "event", "rawtracepoint", "tp_btf",
	"uprobe", "usdt", "uretprobe", "profile", "sample", "interval", "hardware", "software", NULL,
};
static const char other_letters[] = "ppprrreettPPRsssss";

static int letter_fail(struct lexer *lx, struct span at)
{
	char word[24];
	const char *near;
	size_t i = 0;

	snprintf(word, sizeof(word), "%.*s", (int)at.len, lx->text + at.at);
	word[strcspn(word, ":")] = '\0';
	near = strlen(word) > 2 ? name_nearest(word, other_names) : NULL;
	while (near && strcmp(other_names[i], near))
		i++;
	if (near)
		lex_fail(lx, at, "a probe begins with a letter; did you mean '%c'?", other_letters[i]);
	else if (strlen(word) > 1)
		lex_fail(lx, at, "a probe begins with a letter; did you mean 'p %.*s'?", (int)at.len, lx->text + at.at);
	else
		lex_fail(lx, at, "no kind of probe has the letter '%s'; there are:", word);
	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		diag_note(lx->d, "%c  %s", letters[i].letter, letters[i].what);
	return lx->err;
}

/* The bytes to the next white space or bar. */
static struct span word_ahead(struct lexer *lx)
{
	uint32_t n = 0;

	lex_space(lx);
	while (lx->text[lx->at + n] && !lex_is_space(lx->text[lx->at + n]) && lx->text[lx->at + n] != '|')
		n++;
	return (struct span){ lx->at, n };
}

static const char *part(struct lexer *lx, struct span at)
{
	const char *s = arena_strndup(lx->arena, lx->text + at.at, at.len);

	if (!s)
		lex_nomem(lx);
	return s;
}

/* A name of the kernel's or a program's, or a pattern. */
static int func_set(struct lexer *lx, struct probe_ast *p, struct span at, const char *what)
{
	const char *s = lx->text + at.at;

	if (!at.len)
		return lex_fail(lx, (struct span){ at.at, 1 }, "%s was expected here", what);
	for (uint32_t i = 0; i < at.len; i++) {
		p->glob |= strchr("*?[", s[i]) != NULL;
		if (!lex_is_word(s[i]) && !strchr(".$@*?[]!^-", s[i]))
			return lex_fail(lx, (struct span){ at.at + i, 1 }, "this cannot be part of %s%s", what,
					s[i] == '=' ? "; the arguments follow it, with white space between" : "");
	}
	p->func_span = at;
	p->func = part(lx, at);
	return p->func ? 0 : lx->err;
}

/* FUNC+OFF: cuts the offset off. */
static int offset_take(struct lexer *lx, struct probe_ast *p, struct span *at)
{
	const char *s = lx->text + at->at, *plus = memrchr(s, '+', at->len);
	struct span off;

	if (!plus)
		return 0;
	off = (struct span){ at->at + (uint32_t)(plus - s), at->len - (uint32_t)(plus - s) };
	at->len -= off.len;
	if (plus[1] < '0' || plus[1] > '9' || off.len == 1)
		return lex_fail(lx, off, "behind + comes the offset in the function: +16, +0x10");
	if (lex_number(lx, off.at + 1, &p->off) != off.len - 1)
		return lex_fail(lx, off, "this is no offset");
	if (p->off && (p->letter == 'r' || p->letter == 'R'))
		return lex_fail(lx, off, "a return probe has no offset");
	return 0;
}

static int kernel_function(struct lexer *lx, struct probe_ast *p, struct span at)
{
	const char *colon = memchr(lx->text + at.at, ':', at.len);
	int err;

	if (colon) {
		err = lex_fail(lx, at, "a function of the kernel has no ':' in its name; of a program it is %c %.*s",
			       p->letter == 'p' ? 'P' : 'R', (int)at.len, lx->text + at.at);
		return err;
	}
	err = offset_take(lx, p, &at);
	err = err ? err : func_set(lx, p, at, "the name of a function");
	if (!err && p->glob && p->off)
		err = lex_fail(lx, at, "an offset belongs to one function, not to a pattern");
	return err;
}

/* SYS/EVENT or SYS:EVENT; the name alone, too. */
static int tracepoint(struct lexer *lx, struct probe_ast *p, struct span at)
{
	const char *s = lx->text + at.at, *slash = memchr(s, '/', at.len);
	uint32_t n;

	if (!slash)
		slash = memchr(s, ':', at.len);
	if (slash) {
		n = (uint32_t)(slash - s);
		if (!n)
			return lex_fail(lx, (struct span){ at.at, 1 }, "the subsystem was expected before this: sched/sched_switch");
		p->provider = part(lx, (struct span){ at.at, n });
		at = (struct span){ at.at + n + 1, at.len - n - 1 };
	}
	return lx->err ? lx->err : func_set(lx, p, at, "the name of a tracepoint");
}

/* BIN:FUNC[+OFF], BIN:PROVIDER:NAME. A path may hold colons if what follows it does not look like two names. */
static int user_function(struct lexer *lx, struct probe_ast *p, struct span at)
{
	const char *s = lx->text + at.at, *last = memrchr(s, ':', at.len), *before;
	struct span func, bin, provider;
	int err;

	if (!last)
		return lex_fail(lx, at, "which function of it? %c %.*s:FUNCTION", p->letter, (int)at.len, s);
	func = (struct span){ at.at + (uint32_t)(last - s) + 1, at.len - (uint32_t)(last - s) - 1 };
	bin = (struct span){ at.at, (uint32_t)(last - s) };
	before = memrchr(s, ':', bin.len);
	if (before && before[1] == ':')
		return lex_fail(lx, (struct span){ at.at + (uint32_t)(before - s), 2 },
				"names of C++ are written as the linker knows them: P prog:_ZN2ns1fEv");
	if (before) {
		provider = (struct span){ at.at + (uint32_t)(before - s) + 1, (uint32_t)(last - before) - 1 };
		bin.len = (uint32_t)(before - s);
		p->provider = part(lx, provider);
		if (p->letter == 'R')
			return lex_fail(lx, provider, "a USDT probe has no return; P puts a probe on it");
	}
	if (!bin.len)
		return lex_fail(lx, (struct span){ at.at, 1 }, "the program, library or pid was expected before the colon");
	p->bin = part(lx, bin);
	if (lx->err)
		return lx->err;
	err = p->provider ? 0 : offset_take(lx, p, &func);
	err = err ? err : func_set(lx, p, func, p->provider ? "the name of a USDT probe" : "the name of a function");
	if (!err && p->glob && p->off)
		err = lex_fail(lx, func, "an offset belongs to one function, not to a pattern");
	return err;
}

static int samples(struct lexer *lx, struct probe_ast *p, struct span at)
{
	enum { HZ_MAX = 100000 };
	char word[32];
	size_t digits;
	uint64_t v;

	snprintf(word, sizeof(word), "%.*s", (int)at.len, lx->text + at.at);
	digits = strspn(word, "0123456789");
	if (digits && at.len < sizeof(word) && (!strcmp(word + digits, "hz") || !strcmp(word + digits, "Hz"))) {
		word[digits] = '\0';
		if (!parse_u64(word, &v) && v && v <= HZ_MAX) {
			p->hz = v;
			return 0;
		}
		return lex_fail(lx, at, "from 1hz to %dhz", HZ_MAX);
	}
	if (!digits || !word[digits] || at.len >= sizeof(word) || parse_duration(word, &v))
		return lex_fail(lx, at.len ? at : (struct span){ at.at, 1 }, "how often? 99hz, 1ms");
	if (v < 1000000000 / HZ_MAX)
		return lex_fail(lx, at, "at least 10us apart");
	p->period = v;
	return 0;
}

int target_parse(struct lexer *lx, struct probe_ast *p)
{
	struct span at = word_ahead(lx);
	bool known = false;

	if (!at.len)
		return lex_fail(lx, (struct span){ at.at, 1 }, "an empty probe: what is wanted is, say, p vfs_read");
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		known |= at.len == 1 && lx->text[at.at] == letters[i].letter;
	if (!known)
		return letter_fail(lx, at);
	p->letter = lx->text[at.at];
	lx->at = at.at + at.len;
	p->target_span = at = word_ahead(lx);
	lx->at += at.len;
	if (p->letter == 's')
		return samples(lx, p, at);
	if (p->letter == 'e' || p->letter == 't')
		return tracepoint(lx, p, at);
	return p->letter == 'P' || p->letter == 'R' ? user_function(lx, p, at) : kernel_function(lx, p, at);
}

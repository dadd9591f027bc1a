/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * USDT probes: the notes that SystemTap's <sys/sdt.h> leaves in .note.stapsdt. A note has the address of the probe (a nop), of the
 * section .stapsdt.base when the file was linked, of the probe's semaphore; provider, name, and the arguments as the
 * assembler writes operands: "-4@%edi 8@-20(%rbp) 4@$5".
 */
#include <errno.h>
#include <gelf.h>

#include "base/glob.h"
#include "kernel/elf_file.h"
#include "kernel/targets.h"

enum { NOTE_TYPE = 3, USDTS_MOST = 1 << 16, OPERAND_LEN = 128 };
#define NOTE_NAME "stapsdt"

/* --- arguments --- */

static const struct { const char *reg, *names; } x86_regs[] = {
	{ "ax", " rax eax ax al " }, { "bx", " rbx ebx bx bl " }, { "cx", " rcx ecx cx cl " }, { "dx", " rdx edx dx dl " },
	{ "si", " rsi esi si sil " }, { "di", " rdi edi di dil " }, { "bp", " rbp ebp bp bpl " }, { "sp", " rsp esp sp spl " },
	{ "r8", " r8 r8d r8w r8b " }, { "r9", " r9 r9d r9w r9b " }, { "r10", " r10 r10d r10w r10b " },
	{ "r11", " r11 r11d r11w r11b " }, { "r12", " r12 r12d r12w r12b " }, { "r13", " r13 r13d r13w r13b " },
	{ "r14", " r14 r14d r14w r14b " }, { "r15", " r15 r15d r15w r15b " }, { "ip", " rip " },
};

/* s: "%eax", up to len. */
static bool x86_reg(const char *s, size_t len, char to[8])
{
	char word[16];

	if (len < 2 || len > 6 || s[0] != '%')
		return false;
	snprintf(word, sizeof(word), " %.*s ", (int)len - 1, s + 1);
	for (size_t i = 0; i < sizeof(x86_regs) / sizeof(x86_regs[0]); i++)
		if (strstr(x86_regs[i].names, word)) {
			snprintf(to, 8, "%s", x86_regs[i].reg);
			return true;
		}
	return false;
}

static bool number(const char *s, char **end, int64_t *v)
{
	errno = 0;
	*v = strtoll(s, end, 0);
	return *end != s && !errno;
}

struct place { Elf *elf; uint64_t addr; }; /* of the probe */

/* Address of a variable, which an operand may name: "4@counter(%rip)". */
static bool symbol_address(Elf *elf, const char *name, size_t len, uint64_t *addr)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data;
		size_t n;

		if (!gelf_getshdr(scn, &sh) || (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM))
			continue;
		data = elf_getdata(scn, NULL);
		n = data ? data->d_size / sizeof(Elf64_Sym) : 0;
		for (size_t i = 0; i < n && i < INT32_MAX; i++) {
			GElf_Sym sym;
			const char *is;

			if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_OBJECT)
				continue;
			is = elf_strptr(elf, sh.sh_link, sym.st_name);
			if (is && !strncmp(is, name, len) && !is[len]) {
				*addr = sym.st_value;
				return true;
			}
		}
	}
	return false;
}

/* What stands before the parenthesis: "", "-20", "counter", "counter+8", "16+counter". */
static bool displacement(const struct place *p, const char *s, const char *end, bool relative, int64_t *v)
{
	uint64_t addr = 0, sum = 0;
	bool symbol = false;

	while (s < end) {
		int64_t part = 0;
		char *after;

		if (number(s, &after, &part) && after <= end) {
			sum += (uint64_t)part;
			s = after;
		} else {
			size_t len = 0;

			while (s + len < end && s[len] != '+' && s[len] != '-')
				len++;
			if (!len || symbol || !symbol_address(p->elf, s, len, &addr))
				return false;
			symbol = true;
			s += len;
		}
		if (s < end && *s == '+')
			s++;
	}
	if (relative != symbol) /* a bare number counts from an instruction whose length is not told */
		return false;
	*v = (int64_t)(sum + (symbol ? addr - p->addr : 0));
	return true;
}

/* "disp(base)", "disp(base,index,scale)", "disp(,index,scale)" */
static bool x86_memory(const struct place *p, const char *s, struct usdt_arg *a)
{
	const char *open = strchr(s, '('), *close = open ? strchr(open, ')') : NULL, *q, *comma;
	int64_t scale = 1;
	char *end;

	if (!close || close[1])
		return false;
	q = open + 1;
	comma = memchr(q, ',', (size_t)(close - q));
	if (!comma) {
		a->kind = USDT_MEM;
		return x86_reg(q, (size_t)(close - q), a->reg) && displacement(p, s, open, !strcmp(a->reg, "ip"), &a->value);
	}
	a->kind = USDT_SIB;
	if (comma > q && !x86_reg(q, (size_t)(comma - q), a->reg))
		return false;
	q = comma + 1;
	comma = memchr(q, ',', (size_t)(close - q));
	if (!x86_reg(q, (size_t)((comma ? comma : close) - q), a->index))
		return false;
	if (comma && (!number(comma + 1, &end, &scale) || end != close || scale < 1 || scale > 8))
		return false;
	a->scale = (uint8_t)scale;
	return displacement(p, s, open, false, &a->value);
}

static bool x86_operand(const struct place *p, const char *s, struct usdt_arg *a)
{
	char *end;

	if (s[0] == '$') {
		a->kind = USDT_CONST;
		return number(s + 1, &end, &a->value) && !*end;
	}
	if (s[0] == '%') {
		a->kind = USDT_REG;
		return x86_reg(s, strlen(s), a->reg);
	}
	return x86_memory(p, s, a);
}

static bool arm_reg(const char *s, size_t len, char to[8])
{
	char word[8], *end;
	unsigned long n;

	if (!len || len >= sizeof(word))
		return false;
	snprintf(word, sizeof(word), "%.*s", (int)len, s);
	if (!strcmp(word, "sp") || !strcmp(word, "wsp")) {
		snprintf(to, 8, "sp");
		return true;
	}
	if ((word[0] != 'x' && word[0] != 'w') || word[1] < '0' || word[1] > '9')
		return false;
	n = strtoul(word + 1, &end, 10);
	if (*end || n > 30)
		return false;
	snprintf(to, 8, "x%u", (unsigned int)n % 31);
	return true;
}

/* "x0", "[sp]", "[sp, 12]", "[x1, x2]", "5" */
static bool arm_operand(const char *s, struct usdt_arg *a)
{
	size_t len = strlen(s), base;
	const char *q;
	char *end;

	if (s[0] != '[') {
		a->kind = USDT_CONST;
		if (number(s[0] == '#' ? s + 1 : s, &end, &a->value) && !*end)
			return true;
		a->kind = USDT_REG;
		return arm_reg(s, len, a->reg);
	}
	if (s[len - 1] != ']')
		return false;
	base = strcspn(s + 1, ",]");
	a->kind = USDT_MEM;
	if (!arm_reg(s + 1, base, a->reg))
		return false;
	q = s + 1 + base;
	if (*q == ']')
		return !q[1];
	q += 1 + strspn(q + 1, " ");
	if (number(*q == '#' ? q + 1 : q, &end, &a->value))
		return !strcmp(end, "]");
	a->kind = USDT_SIB;
	a->scale = 1;
	return arm_reg(q, strcspn(q, ",]"), a->index) && !strcmp(q + strcspn(q, ",]"), "]");
}

/* One argument, "-4@%edi". What cannot be read is USDT_UNKNOWN, so that those after it keep their numbers. */
static void argument_parse(const struct place *p, unsigned int machine, char *text, struct usdt_arg *a)
{
	char *at = strchr(text, '@'), *end = text;
	long size = sizeof(long);
	bool good = true;

	*a = (struct usdt_arg){ .kind = USDT_UNKNOWN };
	if (at) {
		size = strtol(text, &end, 10);
		good = end == at; /* "8f@": a float */
	}
	if (size != 1 && size != 2 && size != 4 && size != 8 && size != -1 && size != -2 && size != -4 && size != -8)
		good = false;
	if (good)
		good = machine == EM_X86_64 ? x86_operand(p, at ? at + 1 : text, a) :
		       machine == EM_AARCH64 ? arm_operand(at ? at + 1 : text, a) : false;
	if (!good)
		*a = (struct usdt_arg){ .kind = USDT_UNKNOWN };
	a->size = (int8_t)(size >= -8 && size <= 8 ? size : 0);
}

/* Blanks part them, but not those within brackets: "8@[sp, 8]". */
static size_t argument_length(const char *s)
{
	bool within = false;
	size_t n = 0;

	for (; s[n] && (s[n] != ' ' || within); n++)
		within = s[n] == '[' || s[n] == '(' ? true : s[n] == ']' || s[n] == ')' ? false : within;
	return n;
}

static void arguments_parse(const struct place *p, unsigned int machine, const char *s, struct usdt *u)
{
	char one[OPERAND_LEN];

	for (s += strspn(s, " "); *s && u->n < USDT_ARGS; s += strspn(s, " ")) {
		size_t len = argument_length(s);

		if (len < sizeof(one)) {
			snprintf(one, sizeof(one), "%.*s", (int)len, s);
			argument_parse(p, machine, one, &u->arg[u->n++]);
		} else {
			u->arg[u->n++] = (struct usdt_arg){ .kind = USDT_UNKNOWN };
		}
		s += len;
	}
}

/* --- notes --- */

struct find { Elf *elf; unsigned int machine; uint64_t base; const char *provider, *name; usdts_t *out; };

static bool matches(const char *glob, const char *s)
{
	return !glob || glob_match(glob, s);
}

/* The three strings behind the addresses; false: they do not end within the note. */
static bool strings(const char *s, size_t len, const char *out[3])
{
	for (int i = 0; i < 3; i++) {
		const char *end = memchr(s, '\0', len);

		if (!end)
			return false;
		out[i] = s;
		len -= (size_t)(end + 1 - s);
		s = end + 1;
	}
	return true;
}

static void usdt_clear(struct usdt *u)
{
	free(u->provider);
	free(u->name);
}

static int note_take(struct find *f, const char *desc, size_t len)
{
	struct usdt u = { .n = 0 };
	struct place place = { .elf = f->elf };
	uint64_t addr[3], moved;
	const char *s[3];

	if (len < sizeof(addr) || !strings(desc + sizeof(addr), len - sizeof(addr), s) || !matches(f->provider, s[0]) ||
	    !matches(f->name, s[1]))
		return 0;
	memcpy(addr, desc, sizeof(addr));
	moved = f->base && addr[1] ? f->base - addr[1] : 0; /* prelinked since */
	place.addr = addr[0] + moved;
	u.file_off = elf_file_offset(f->elf, place.addr);
	u.semaphore = addr[2] ? elf_file_offset(f->elf, addr[2] + moved) : 0;
	if (!u.file_off)
		return 0;
	if (f->out->n == USDTS_MOST)
		return -E2BIG;
	arguments_parse(&place, f->machine, s[2], &u);
	u.provider = strdup(s[0]);
	u.name = strdup(s[1]);
	if (u.provider && u.name && !vec_push(f->out, u))
		return 0;
	usdt_clear(&u);
	return -ENOMEM;
}

static int notes_read(struct find *f, Elf_Scn *scn)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t at = 0, name, desc;
	GElf_Nhdr nh;
	int err = 0;

	while (data && !err && (at = gelf_getnote(data, at, &nh, &name, &desc))) {
		const char *buf = data->d_buf;

		if (nh.n_type == NOTE_TYPE && nh.n_namesz == sizeof(NOTE_NAME) && !memcmp(buf + name, NOTE_NAME, sizeof(NOTE_NAME)))
			err = note_take(f, buf + desc, nh.n_descsz);
	}
	return err;
}

int usdts_find(const char *path, const char *provider, const char *name, usdts_t *out)
{
	struct find f = { .provider = provider, .name = name, .out = out };
	struct elf_file file;
	Elf_Scn *scn, *base;
	GElf_Ehdr eh;
	GElf_Shdr sh;
	int err;

	*out = (usdts_t){ 0 };
	err = elf_file_open(path, &file);
	if (err)
		return err;
	f.elf = file.elf;
	f.machine = gelf_getehdr(file.elf, &eh) ? eh.e_machine : EM_NONE;
	base = elf_file_section(file.elf, ".stapsdt.base");
	if (base && gelf_getshdr(base, &sh))
		f.base = sh.sh_addr;
	scn = elf_file_section(file.elf, ".note.stapsdt");
	if (scn)
		err = notes_read(&f, scn);
	elf_file_close(&file);
	if (err)
		usdts_free(out);
	return err;
}

void usdts_free(usdts_t *u)
{
	for (size_t i = 0; i < u->n; i++)
		usdt_clear(&u->v[i]);
	vec_free(u);
}

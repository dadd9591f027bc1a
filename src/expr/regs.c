/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Where registers lie in struct pt_regs, and which of them hold arguments. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "expr/gen.h"

#if defined(__x86_64__)
static const char *const reg_names[] = {
	"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs",
	"flags", "sp", "ss",
};
static const int reg_args[] = { 14, 13, 12, 11, 9, 8 };
enum { REG_COUNT = 21, REG_RETURN = 10, REG_STACK = 19, REG_IP = 16 };
#else
static const char *const reg_names[] = {
	"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
	"x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp", "pc", "pstate",
};
static const int reg_args[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
enum { REG_COUNT = 34, REG_RETURN = 0, REG_STACK = 31, REG_IP = 32 };
#endif

int regs_argument(unsigned int slot)
{
	return slot < sizeof(reg_args) / sizeof(reg_args[0]) ? reg_args[slot] * 8 : -1;
}

int regs_return(void)
{
	return REG_RETURN * 8;
}

int regs_stack(void)
{
	return REG_STACK * 8;
}

int regs_ip(void)
{
	return REG_IP * 8;
}

const char *regs_name(int off)
{
	return off >= 0 && off % 8 == 0 && off / 8 < REG_COUNT ? reg_names[off / 8] : NULL;
}

static int reg_index(const char *name)
{
	for (int i = 0; i < REG_COUNT; i++)
		if (!strcmp(reg_names[i], name))
			return i * 8;
	return -ENOENT;
}

/* "al", "ah" and the like are left out: nobody looks for them in the middle of a function. */
int regs_find(const char *name, unsigned int *bytes)
{
	int off = reg_index(name);

	*bytes = 8;
#if defined(__x86_64__)
	if (off < 0 && (name[0] == 'r' || name[0] == 'e')) {
		off = reg_index(name + 1);
		*bytes = name[0] == 'e' ? 4 : 8;
	}
#else
	if (off < 0 && name[0] == 'w') {
		char wide[8];

		snprintf(wide, sizeof(wide), "x%s", name + 1);
		off = reg_index(wide);
		*bytes = 4;
	}
	if (off < 0 && !strcmp(name, "lr"))
		off = reg_index("x30");
#endif
	return off;
}

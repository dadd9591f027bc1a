/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Says what the compiler made of the types in shapes.h, a line each: "NAME.MEMBER BIT-OFFSET BITS". For bit fields it looks
 * which bits change. With arguments it calls its functions and USDT probes over and over, to be probed.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shapes.h"
#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#define PROBES 1
unsigned short shapes_called_semaphore __attribute__((section(".probes"), used));
unsigned short shapes_counted_semaphore __attribute__((section(".probes"), used));
#endif
#endif

#define AT(type, member) \
	printf("%s.%s %zu %zu\n", &#type[strcspn(#type, " ") + 1], #member, offsetof(type, member) * 8, sizeof(((type *)0)->member) * 8)
#define BIT(type, path) do { \
	type x; \
	memset(&x, 0, sizeof(x)); \
	x.path = -1; \
	bits(&#type[strcspn(#type, " ") + 1], #path, &x, sizeof(x)); \
} while (0)

static void bits(const char *type, const char *member, const void *p, size_t size)
{
	const unsigned char *b = p;
	size_t first = 0, n = 0;

	for (size_t i = 0; i < size * 8; i++)
		if (b[i / 8] >> i % 8 & 1) {
			first = n ? first : i;
			n++;
		}
	printf("%s.%s %zu %zu\n", type, member, first, n);
}

int shapes_function(int v, struct node *a, const char *s, double d);
int shapes_function(int v, struct node *a, const char *s, double d)
{
#ifdef PROBES
	DTRACE_PROBE4(shapes, called, v, a, s, a->m[1][2]);
	DTRACE_PROBE1(shapes, counted, 7);
#endif
	return v + a->m[0][1] + (int)d + s[0];
}

static long __attribute__((noinline)) shapes_static(unsigned long x, ...)
{
	return (long)x * 3;
}

void shapes_nothing(void);
void shapes_nothing(void)
{
	__asm__ volatile("");
}

/* Another name for it, as libraries have for what they export. */
int shapes_alias(int v, struct node *a, const char *s, double d) __attribute__((alias("shapes_function")));

static struct node *global;
static struct packed packed __attribute__((used)); /* a type that nothing has is not in the debug information */
static struct empty empty __attribute__((used));
static struct line line __attribute__((used));

static void say(void)
{
	AT(struct node, next); AT(struct node, prev); AT(struct node, name); AT(struct node, cv); AT(struct node, l);
	AT(struct node, s1); AT(struct node, s2); AT(struct node, bits); AT(struct node, color); AT(struct node, sign);
	AT(struct node, any); AT(struct node, m); AT(struct node, call); AT(struct node, plain); AT(struct node, unknown);
	AT(struct node, by); AT(struct node, ok); AT(struct node, dev); AT(struct node, ti); AT(struct node, te);
	AT(struct node, uc); AT(struct node, less); AT(struct node, at); AT(struct node, more); AT(struct node, gap);
	AT(struct packed, c); AT(struct packed, i); AT(struct packed, s);
	AT(struct line, a); AT(struct line, b); AT(struct line, c);
	AT(union any, d); AT(union any, c);
	BIT(struct bits, a); BIT(struct bits, b); BIT(struct bits, c); BIT(struct bits, d); BIT(struct bits, e);
	printf("node.flex %zu 0\n", offsetof(struct node, flex) * 8);
	printf("node %zu\nbits %zu\nany %zu\npacked %zu\nempty %zu\nline %zu\n", sizeof(struct node), sizeof(struct bits),
	       sizeof(union any), sizeof(struct packed), sizeof(struct empty), sizeof(struct line));
}

int main(int argc, char **argv)
{
	static struct node n = { .name = "shape", .color = BLUE, .sign = NEG, .m = { { 1, 2 }, { 0, 0, 42 } } };
	int sum = 0;

	global = &n;
	n.next = global;
	if (argc < 2)
		say();
	for (long i = 0; argc > 1 && i < strtol(argv[1], NULL, 10); i++) {
		sum += shapes_function((int)i, global, "text", 1.5) + (int)shapes_static((unsigned long)i);
		shapes_nothing();
		usleep(1000);
	}
	return sum == 1;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions with known arguments, for probes.
 *	probed [N]             calls each function N times (3), says on stdout what they returned
 *	probed rate N          calls tight() N times and says how long that took, ns
 *	probed recurse N       recursion(N), which calls itself, twice
 *	probed usdt N          passes the USDT probe spoor:mark(int i, unsigned long 10 * i) N times, where somebody listens
 *	probed slow N          sleeps 2 ms in each of N calls of slow()
 * Built with debug information: what a probe says is compared with what stands here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum colour { RED, GREEN = 5, BLUE };
struct inner { unsigned int low : 3, high : 5; enum colour colour; };
struct thing {
	int number;
	const char *text;
	struct inner in;
	double real;
	char name[8];
	unsigned short ports[3];
	union { int whole; char part[4]; };
	struct thing *next;
};

#define PROBED __attribute__((noinline, noclone))

PROBED long func(int v, const struct thing *t, const char *s, unsigned long long big)
{
	__asm__ volatile("" ::: "memory");
	return v * 2L + t->number + (s[0] == 's') + (long)(big >> 40);
}

PROBED int recursion(int n)
{
	int below = n ? recursion(n - 1) : -1;

	__asm__ volatile("" : "+r"(below)); /* no loop is made of it */
	return below + 1;
}

PROBED int slow(int n)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	return n;
}

PROBED void tight(int n, const char *s)
{
	__asm__ volatile("" :: "r"(n), "r"(s) : "memory");
}

#if defined(__x86_64__)
/* What SystemTap's sys/sdt.h makes, by hand: a note that tells where the probe is, and where its arguments are there. */
unsigned short mark_semaphore __attribute__((section(".probes"), used));

static void mark(int i, unsigned long n)
{
	__asm__ volatile("990:	nop\n"
		"	.pushsection .note.stapsdt,\"\",\"note\"\n"
		"	.balign 4\n"
		"	.4byte 992f-991f, 994f-993f, 3\n"
		"991:	.asciz \"stapsdt\"\n"
		"992:	.balign 4\n"
		"993:	.8byte 990b\n"
		"	.8byte _.stapsdt.base\n"
		"	.8byte mark_semaphore\n"
		"	.asciz \"spoor\"\n"
		"	.asciz \"mark\"\n"
		"	.asciz \"-4@%k0 8@%1\"\n"
		"994:	.balign 4\n"
		"	.popsection\n"
		"	.ifndef _.stapsdt.base\n"
		"	.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
		"	.weak _.stapsdt.base\n"
		"	.hidden _.stapsdt.base\n"
		"_.stapsdt.base: .space 1\n"
		"	.size _.stapsdt.base, 1\n"
		"	.popsection\n"
		"	.endif\n" : : "r"(i), "r"(n));
}

static void marks(int n)
{
	for (int i = 0; i < n; i++)
		if (*(volatile unsigned short *)&mark_semaphore)
			mark(-i, 10UL * (unsigned long)i);
}
#else
static void marks(int n) { (void)n; }
#endif

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
}

static void calls(int n)
{
	struct thing second = { .number = 2, .text = "second", .name = "two" };
	struct thing t = { .text = "a \"text\"", .in = { 5, 17, GREEN }, .real = 2.5, .name = "thing", .ports = { 80, 443, 65535 },
			   .whole = 0x64636261, .next = &second };
	long sum = 0;

	for (int i = 0; i < n; i++) {
		t.number = -7 - i;
		sum += func(i, &t, "str", 1ULL << 40);
	}
	printf("%ld\n", sum);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;
	unsigned long long start;

	if (argc > 2 && !strcmp(argv[1], "rate")) {
		start = now();
		for (int i = 0; i < n; i++)
			tight(i, "tight");
		printf("%llu\n", now() - start);
	} else if (argc > 2 && !strcmp(argv[1], "recurse")) {
		printf("%d\n", recursion(n) + recursion(n));
	} else if (argc > 2 && !strcmp(argv[1], "usdt")) {
		marks(n);
	} else if (argc > 2 && !strcmp(argv[1], "slow")) {
		for (int i = 0; i < n; i++)
			slow(i);
	} else {
		calls(argc > 1 ? atoi(argv[1]) : 3);
	}
	return 0;
}

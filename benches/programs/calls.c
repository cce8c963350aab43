/* Functions that call functions: one call for every few instructions. */
#include "pure.h"

NOINLINE u64 mix(u64 a, u64 b);
NOINLINE u64 pair(u64 a, u64 b);

ENTRY(mem, len)
{
	u64 sum = 0;

	for (u64 i = 0; i < 4096; i++)
		sum += pair(sum, i);
	return sum;
}

NOINLINE u64 pair(u64 a, u64 b)
{
	return mix(a, b) + mix(b, a);
}

NOINLINE u64 mix(u64 a, u64 b)
{
	asm volatile("" : "+r"(a));
	return (a ^ (b << 7)) * 0x9e3779b97f4a7c15;
}

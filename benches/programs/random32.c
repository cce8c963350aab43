/* Two random number generators that mix: 32-bit shifts, multiplications, a division, no memory. */
#include "pure.h"

ENTRY(mem, len)
{
	u32 x = 2463534242u, lcg = 1, sum = 0;

	for (u64 i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		lcg = lcg * 1664525 + 1013904223;
		sum += x % (lcg | 1);
	}
	return sum;
}

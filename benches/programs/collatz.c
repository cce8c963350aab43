/* The longest Collatz chain that starts below a bound: branches that cannot be foreseen. */
#include "pure.h"

ENTRY(mem, len)
{
	u64 longest = 0;

	for (u64 start = 1; start < 1000; start++) {
		u64 n = start, steps = 0;

		while (n != 1) {
			n = n & 1 ? 3 * n + 1 : n / 2;
			steps++;
		}
		if (steps > longest)
			longest = steps;
	}
	return longest;
}

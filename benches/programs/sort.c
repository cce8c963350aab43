/* Heap sort of 32-bit numbers in the memory: dependent loads and signed comparisons. */
#include "pure.h"

static inline void sift(s32 *v, u64 root, u64 end)
{
	for (;;) {
		u64 child = 2 * root + 1;
		s32 value;

		if (child >= end)
			return;
		if (child + 1 < end && v[child] < v[child + 1])
			child++;
		if (v[root] >= v[child])
			return;
		value = v[root];
		v[root] = v[child];
		v[child] = value;
		root = child;
	}
}

ENTRY(mem, len)
{
	s32 *v = (s32 *)mem;
	u64 n = 2048;

	for (u64 i = n / 2; i-- > 0;)
		sift(v, i, n);
	for (u64 end = n - 1; end > 0; end--) {
		s32 value = v[0];

		v[0] = v[end];
		v[end] = value;
		sift(v, 0, end);
	}
	return (u32)v[n / 2];
}

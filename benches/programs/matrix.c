/* Product of two 32 x 32 matrices that lie in the memory, 4 bytes an element; the result lies behind them. */
#include "pure.h"

#define N 32

ENTRY(mem, len)
{
	u32 *a = (u32 *)mem, *b = a + N * N, *c = b + N * N, trace = 0;

	for (u32 i = 0; i < N; i++) {
		for (u32 j = 0; j < N; j++) {
			u32 sum = 0;

			for (u32 k = 0; k < N; k++)
				sum += a[i * N + k] * b[k * N + j];
			c[i * N + j] = sum;
		}
		trace += c[i * N + i];
	}
	return trace;
}

/* Primes below the length of the memory: byte stores in strides, byte loads in a row. */
#include "pure.h"

ENTRY(mem, len)
{
	u64 count = 0;

	for (u64 i = 0; i < len; i++)
		mem[i] = 1;
	for (u64 i = 2; i < len; i++) {
		if (!mem[i])
			continue;
		count++;
		for (u64 j = i * i; j < len; j += i)
			mem[j] = 0;
	}
	return count;
}

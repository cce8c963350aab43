/* MurmurHash3 (32 bits) over the memory: 32-bit multiplications and rotations. */
#include "pure.h"

static inline u32 rotate(u32 x, int n)
{
	return (x << n) | (x >> (32 - n));
}

ENTRY(mem, len)
{
	u32 hash = 42;

	for (u64 i = 0; i + 4 <= len; i += 4) {
		u32 k = *(u32 *)(mem + i) * 0xcc9e2d51;

		hash ^= rotate(k, 15) * 0x1b873593;
		hash = rotate(hash, 13) * 5 + 0xe6546b64;
	}
	hash ^= (u32)len;
	hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

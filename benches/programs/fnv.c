/* FNV-1a over the memory: a load, an exclusive or and a multiplication that wait for each other. */
#include "pure.h"

ENTRY(mem, len)
{
	u64 hash = 0xcbf29ce484222325;

	for (u64 i = 0; i < len; i++)
		hash = (hash ^ mem[i]) * 0x100000001b3;
	return hash;
}

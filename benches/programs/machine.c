/* A small machine that reads a program of 64 instructions from the memory, and runs it again and again: a switch with
 * many arms. */
#include "pure.h"

ENTRY(mem, len)
{
	u64 acc = 1, a = 2, b = 3;

	for (u64 pc = 0; pc < len; pc++) {
		switch (mem[pc & 63] & 15) {
		case 0: acc += a; break;
		case 1: acc -= b; break;
		case 2: acc ^= a << 3; break;
		case 3: acc |= 1; break;
		case 4: a = acc; break;
		case 5: b = acc; break;
		case 6: acc *= 31; break;
		case 7: acc >>= 1; break;
		case 8: acc = a ^ b; break;
		case 9: a++; break;
		case 10: b--; break;
		case 11: acc += pc; break;
		case 12: if (acc & 1) pc++; break;
		case 13: a = b; break;
		case 14: acc = ~acc; break;
		default: break;
		}
	}
	return acc;
}

/* What the pure programs share: each file has one `entry`, given a block of memory of LENGTH bytes, and nothing else.
 * No helpers, no maps: any engine that knows the instruction set runs them. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

#define LENGTH 65536

#define ENTRY(mem, len)                                                                                                \
	static inline __attribute__((always_inline)) u64 body(u8 *mem, u64 len);                                       \
	u64 __attribute__((section("pure"))) entry(u8 *memory)                                                         \
	{                                                                                                              \
		u64 length = LENGTH;                                                                                   \
                                                                                                                       \
		/* Not a constant to the compiler, since no real program's length is one. */                           \
		asm volatile("" : "+r"(length));                                                                       \
		return body(memory, length);                                                                           \
	}                                                                                                              \
	static inline u64 body(u8 *mem, u64 len)
#define NOINLINE static __attribute__((noinline, section("pure")))

/* Parses the memory as IPv4 packets in slots of 64 bytes, sums their ports and checks their headers: bounds checks,
 * byte order, small loads, and a frame on the stack, as filters do it. */
#include "pure.h"

struct flow {
	u32 from, to;
	u16 from_port, to_port;
	u8 protocol;
};

static inline int parse(const u8 *at, const u8 *end, struct flow *flow)
{
	u32 header;

	if (at + 20 > end)
		return 0;
	header = (at[0] & 15) * 4;
	if (header < 20 || at + header + 4 > end)
		return 0;
	flow->from = *(u32 *)(at + 12);
	flow->to = *(u32 *)(at + 16);
	flow->protocol = at[9];
	flow->from_port = __builtin_bswap16(*(u16 *)(at + header));
	flow->to_port = __builtin_bswap16(*(u16 *)(at + header + 2));
	return 1;
}

static inline u32 checksum(const u8 *at)
{
	u32 sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += *(u16 *)(at + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

ENTRY(mem, len)
{
	const u8 *end = mem + len;
	u64 sum = 0;

	for (u8 *at = mem; at + 64 <= end; at += 64) {
		volatile struct flow flow;
		struct flow seen = {};

		at[0] = 0x45;
		if (!parse(at, end, &seen))
			continue;
		flow.from = seen.from;
		flow.to = seen.to;
		flow.from_port = seen.from_port;
		flow.to_port = seen.to_port;
		flow.protocol = seen.protocol;
		sum += flow.from ^ flow.to;
		sum += flow.protocol == 17 ? flow.from_port : flow.to_port;
		sum += checksum(at);
	}
	return sum;
}

#!/bin/sh
# Compiles the programs to raw instructions, one .bin beside each .c. Run it after changing one, and commit both.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
	name=${source%.c}
	clang-19 -O2 -g0 -target bpf -mcpu=v3 -Wall -Wno-unused-parameter -fno-builtin -c "$source" -o "$name.o"
	llvm-objcopy-19 -O binary --only-section=pure "$name.o" "$name.bin"
	if llvm-readelf-19 -S "$name.o" | grep -q '\.relpure'; then
		echo "$source: has relocations" >&2
		exit 1
	fi
	rm "$name.o"
done

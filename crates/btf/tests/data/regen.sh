#!/bin/sh
# Makes the recorded files in this folder from the .c files beside them: the raw sections, and what bpftool says.
# Needs clang-19, llvm-objcopy-19 and bpftool 7.5 (that of Linux 6.12: older ones pad structures otherwise), found
# as $BPFTOOL.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
	name=${source%.c}
	object=$(mktemp)
	clang-19 -O2 -g --target=bpf -ffile-prefix-map="$PWD=." -c "$source" -o "$object"
	llvm-objcopy-19 --dump-section .BTF="$name.btf" --dump-section .BTF.ext="$name.btf.ext" "$object"
	"${BPFTOOL:-bpftool}" btf dump file "$object" format c >"$name.dump.h"
	"${BPFTOOL:-bpftool}" btf dump file "$object" format raw >"$name.dump.txt"
	rm "$object"
done

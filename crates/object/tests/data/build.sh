#!/bin/sh
# Makes the objects beside it again, with clang 19 and libbpf's headers. A `// clang:` line adds flags.
set -eu
cd "$(dirname "$0")"
include=/usr/include/$(uname -m)-linux-gnu
for source in *.bpf.[cs]; do
    object=${source%.[cs]}.o
    extra=$(sed -n 's,^\(//\|#\) clang:,,p' "$source")
    # shellcheck disable=SC2086
    clang-19 -Qunused-arguments -O2 -g --target=bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall "-ffile-prefix-map=$PWD=" \
        -idirafter "$include" $extra -c "$source" -o "$object"
    llvm-strip-19 -g "$object"
done

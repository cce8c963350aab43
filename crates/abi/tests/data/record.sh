#!/bin/sh
# Prints numbers and layouts of the kernel's user-space headers, one fact a line: `NAME value`, `SIZE struct bytes`,
# `AT struct.field offset bytes`. Recorded from Linux 6.12 in uapi.txt; the tests compare the tables with that.
#   ./record.sh KERNEL-SOURCE/include/uapi >uapi.txt
set -eu
uapi=$1
headers="linux/bpf.h linux/perf_event.h linux/pkt_cls.h"
temp=$(mktemp -d)
trap 'rm -r "$temp"' EXIT
cd "$temp"
for it in $headers; do echo "#include \"$uapi/$it\""; done >headers.h
echo '#include <asm/ptrace.h>' >>headers.h
echo '#include <linux/bpf_perf_event.h>' >>headers.h
echo '#include <errno.h>' >>headers.h

# Every enumerator and every number-like macro of the families that the tables have.
for it in $headers; do cat "$uapi/$it"; done | sed 's|/\*.*||' |
    grep -oE '\b(BPF_(MAP_TYPE|PROG_TYPE|F|RB|RINGBUF|FIB_LOOKUP|ADJ_ROOM|TRACE|CGROUP|SK|XDP|LSM|TCX|NETKIT|LOCAL_STORAGE)_[A-Z0-9_]+|BPF_(ANY|NOEXIST|EXIST|OK|DROP|REDIRECT|LWT_REROUTE|XDP|NETFILTER|PERF_EVENT|STRUCT_OPS|MODIFY_RETURN|LIRC_MODE2|FLOW_DISSECTOR|FLOW_DISSECTOR_CONTINUE|OBJ_NAME_LEN|BUILD_ID_SIZE)|XDP_[A-Z]+|SK_(DROP|PASS)|TC_ACT_[A-Z]+|PERF_(TYPE|COUNT_SW|SAMPLE|RECORD|ATTR_SIZE)_[A-Z0-9_]+)\b' |
    grep -vE '_$|_(MAX|SHIFT|DEPRECATED|BRANCH|FOO)$|__|ENCAP_L2$' | sort -u >names
sed -n 's/.*FN(\([a-z0-9_]*\), *[0-9]*,.*/BPF_FUNC_\1/p' "$uapi/linux/bpf.h" >>names
sed -n 's/^#define[ \t]*\(E[A-Z0-9]*\)[ \t]*[0-9].*/\1/p' "$uapi/asm-generic/errno-base.h" "$uapi/asm-generic/errno.h" >>names

structs="__sk_buff xdp_md bpf_sock bpf_sock_addr bpf_sock_ops sk_msg_md sk_reuseport_md bpf_sk_lookup
bpf_cgroup_dev_ctx bpf_sysctl bpf_sockopt bpf_flow_keys bpf_tcp_sock bpf_xdp_sock bpf_fib_lookup bpf_redir_neigh bpf_tunnel_key
bpf_xfrm_state bpf_pidns_info bpf_perf_event_value bpf_stack_build_id pt_regs bpf_perf_event_data perf_event_attr
perf_event_mmap_page perf_event_header"
# The compiler knows the fields: they are in its debug information.
{ cat headers.h; for it in $structs; do echo "struct $it use_$it;"; done; } >use.c
cc -g -c use.c -o use.o
pahole -a use.o >layout 2>/dev/null
{
    cat headers.h
    cat <<'END'
#include <stdio.h>
#include <stddef.h>
#define NUMBER(it) printf(#it " %lld\n", (long long)it);
#define SIZE(it) printf("SIZE " #it " %zu\n", sizeof(struct it));
#define AT(it, field) printf("AT " #it "." #field " %zu %zu\n", offsetof(struct it, field), sizeof(((struct it *)0)->field));
int main(void) {
END
    sed 's/.*/NUMBER(&)/' names
    for it in $structs; do
        echo "SIZE($it)"
        awk -v it="$it" '
            $1 == "struct" && $2 == it && $3 == "{" { on = 1; next }
            /^}/ { on = 0 }
            on && /;/ && !/}/ {
                sub(/;.*/, ""); sub(/\[.*/, ""); sub(/:[0-9]+$/, "?"); n = split($0, w, /[ \t*]+/)
                if (w[n] ~ /^[a-z_][A-Za-z0-9_]*$/ && !seen[w[n]]++) print "AT(" it ", " w[n] ")"
            }' layout
    done
    echo '}'
} >print.c
cc print.c -o print
./print

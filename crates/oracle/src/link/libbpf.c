// SPDX-License-Identifier: MIT OR Apache-2.0
/* Links objects with libbpf: OUTPUT INPUT... What it says goes to stderr; exit 1 when it refuses. */
#include <bpf/libbpf.h>

int main(int argc, char **argv)
{
	struct bpf_linker *linker = argc > 2 ? bpf_linker__new(argv[1], NULL) : NULL;
	int err = !linker;

	for (int i = 2; !err && i < argc; i++)
		err = bpf_linker__add_file(linker, argv[i], NULL);
	err = err ? err : bpf_linker__finalize(linker);
	bpf_linker__free(linker);
	return err ? 1 : 0;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What libbpf makes of CO-RE relocations: loads every program of an object by itself, against the types of a file, and
 * prints what libbpf said about each relocation and the instructions that it handed to the kernel. Nothing is attached.
 */
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_PROGRAMS 4096

static char names[MAX_PROGRAMS][64];
/* "libbpf: prog 'NAME': " of the program that is being loaded. */
static char prefix[128];

/* Only what is about relocations: the rest differs from kernel to kernel. */
static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	static char text[1 << 20];
	char *line, *rest = text;

	(void)level;
	vsnprintf(text, sizeof(text), format, args);
	while ((line = strsep(&rest, "\n"))) {
		char *said = line + strlen(prefix);
		char *at;

		if (!strncmp(line, prefix, strlen(prefix)) && !strncmp(said, "relo ", 5)) {
			if (!strstr(said, ": patched insn") && !strstr(said, "non-matching") && !strstr(said, "substituting"))
				printf("\t%s\n", said);
		} else if ((at = strstr(line, "failed to resolve CO-RE relocation"))) {
			printf("\t%s\n", at);
		}
	}
	return 0;
}

static void show(const struct bpf_program *program)
{
	const struct bpf_insn *insns = bpf_program__insns(program);
	size_t count = bpf_program__insn_cnt(program);

	printf("\tinsns");
	for (size_t i = 0; i < count; i++) {
		const unsigned char *bytes = (const unsigned char *)&insns[i];

		printf(" ");
		for (int byte = 0; byte < 8; byte++)
			printf("%02x", bytes[byte]);
	}
	printf("\n");
}

static int load(const char *object, const char *types, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types);
	struct bpf_object *open = bpf_object__open_file(object, &options);
	struct bpf_program *program;

	if (!open)
		return -1;
	printf("program %s\n", name);
	snprintf(prefix, sizeof(prefix), "libbpf: prog '%s': ", name);
	bpf_object__for_each_program(program, open)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
	bpf_object__load(open);
	show(bpf_object__find_program_by_name(open, name));
	bpf_object__close(open);
	return 0;
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options);
	struct bpf_program *program;
	struct bpf_object *open;
	int count = 0;

	if (argc != 3)
		return 2;
	libbpf_set_print(NULL);
	open = bpf_object__open_file(argv[1], &options);
	if (!open)
		return 1;
	bpf_object__for_each_program(program, open)
		if (count < MAX_PROGRAMS)
			snprintf(names[count++], sizeof(names[0]), "%s", bpf_program__name(program));
	bpf_object__close(open);
	printf("# libbpf %u.%u\n", libbpf_major_version(), libbpf_minor_version());
	libbpf_set_print(print);
	for (int i = 0; i < count; i++)
		if (load(argv[1], argv[2], names[i]))
			return 1;
	return 0;
}

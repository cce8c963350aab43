// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What libbpf makes of externs: loads an object on a kernel whose types, modules, symbols, configuration and release are
 * those of files and arguments, and prints what libbpf said of externs, the configuration's bytes, and the instructions
 * that it would have handed to the kernel. What libbpf asks the host is answered here (the linker's --wrap); maps are
 * really made, programs are not.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_MODULES 8
#define MAX_PROGRAMS 64
#define FIRST_FD 900

static const char *object_path, *vmlinux, *kallsyms, *config, *release;
static int wrapper;
static struct module {
	const char *name;
	const char *path;
} modules[MAX_MODULES];
static int module_count;

static struct program {
	char name[64];
	struct bpf_insn *insns;
	size_t count;
	int fd_array[MAX_MODULES + 1];
} programs[MAX_PROGRAMS];
static int program_count;
static struct bpf_object *object;

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	static char text[1 << 16];
	char *line, *rest = text;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	while ((line = strsep(&rest, "\n"))) {
		char *said = strncmp(line, "libbpf: ", 8) ? line : line + 8;

		if (!strncmp(said, "extern", 6) || !strncmp(said, "failed to parse", 15))
			printf("\t%s\n", said);
	}
	return 0;
}

/* The host, as libbpf looks at it. */

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	return btf__parse(vmlinux, NULL);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	return __real_fopen(strcmp(path, "/proc/kallsyms") ? path : kallsyms, mode);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	return __real_fopen64(strcmp(path, "/proc/kallsyms") ? path : kallsyms, mode);
}

gzFile __real_gzopen(const char *path, const char *mode);
gzFile __real_gzopen64(const char *path, const char *mode);
gzFile __wrap_gzopen(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen(config, mode);
}

gzFile __wrap_gzopen64(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen64(config, mode);
}

int __wrap_uname(struct utsname *names)
{
	memset(names, 0, sizeof(*names));
	snprintf(names->release, sizeof(names->release), "%s", release);
	snprintf(names->version, sizeof(names->version), "#1");
	return 0;
}

int __wrap_probe_kern_syscall_wrapper(int token_fd)
{
	(void)token_fd;
	return wrapper;
}

int __wrap_bpf_btf_get_next_id(__u32 start, __u32 *next)
{
	if ((int)start >= module_count) {
		errno = ENOENT;
		return -ENOENT;
	}
	*next = start + 1;
	return 0;
}

int __wrap_bpf_btf_get_fd_by_id(__u32 id)
{
	return dup2(open("/dev/null", O_RDONLY), FIRST_FD + id);
}

int __real_bpf_btf_get_info_by_fd(int fd, struct bpf_btf_info *info, __u32 *len);
int __wrap_bpf_btf_get_info_by_fd(int fd, struct bpf_btf_info *info, __u32 *len)
{
	const struct module *module;
	FILE *file;
	long size;

	/* libbpf tries out whether the kernel tells of modules. */
	if (fd <= FIRST_FD)
		return __real_bpf_btf_get_info_by_fd(fd, info, len);
	module = &modules[fd - FIRST_FD - 1];
	file = __real_fopen(module->path, "r");
	if (!file)
		return -ENOENT;
	if (info->name_len)
		snprintf((char *)(long)info->name, info->name_len, "%s", module->name);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	if (info->btf_size >= size && fread((void *)(long)info->btf, 1, size, file) != (size_t)size)
		size = 0;
	info->btf_size = size;
	info->kernel_btf = 1;
	fclose(file);
	return 0;
}

int __real_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, struct bpf_prog_load_opts *opts);
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, struct bpf_prog_load_opts *opts)
{
	struct program *program = &programs[program_count];

	/* libbpf tries out what the kernel can do. */
	if (!name || !bpf_object__find_program_by_name(object, name) || program_count == MAX_PROGRAMS)
		return __real_bpf_prog_load(type, name, license, insns, count, opts);
	program_count++;
	snprintf(program->name, sizeof(program->name), "%s", name);
	program->insns = malloc(count * sizeof(*insns));
	memcpy(program->insns, insns, count * sizeof(*insns));
	program->count = count;
	for (int i = 1; opts->fd_array && i <= module_count; i++)
		program->fd_array[i] = opts->fd_array[i];
	return open("/dev/null", O_RDONLY);
}

/* What it came to. */

static const char *module_of(int fd)
{
	int at = fd - FIRST_FD - 1;

	return fd && at >= 0 && at < module_count ? modules[at].name : "vmlinux";
}

static const char *map_of(int fd)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (bpf_map__fd(map) == fd)
			return strchr(bpf_map__name(map), '.') ?: bpf_map__name(map);
	return "?";
}

static void show_word(struct bpf_insn insn, const char *mark)
{
	const unsigned char *bytes = (const unsigned char *)&insn;

	printf(" ");
	for (int byte = 0; byte < 8; byte++)
		printf("%02x", bytes[byte]);
	if (mark)
		printf("@%s", mark);
}

/* What refers to something: descriptors are numbers of this process, so their names stand for them. */
static void show(const struct program *program)
{
	printf("\t%s", program->name);
	for (size_t i = 0; i < program->count; i++) {
		struct bpf_insn insn = program->insns[i];
		const char *mark = NULL;

		if (insn.code == 0x18 && (insn.src_reg == 1 || insn.src_reg == 2)) {
			mark = map_of(insn.imm);
			insn.imm = 0;
		} else if (insn.code == 0x85 && insn.src_reg == 2) {
			mark = module_of(program->fd_array[insn.off]);
		} else if (insn.code != 0x18 && insn.code != 0x85) {
			continue;
		}
		show_word(insn, mark);
		if (insn.code == 0x18) {
			struct bpf_insn second = program->insns[++i];

			mark = insn.src_reg == 3 ? module_of(second.imm) : NULL;
			second.imm = mark ? 0 : second.imm;
			show_word(second, mark);
		}
	}
	printf("\n");
}

static void show_config(void)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = strchr(bpf_map__name(map), '.');
		size_t size = bpf_map__value_size(map);
		unsigned char *bytes;
		__u32 key = 0;

		if (!name || strcmp(name, ".kconfig"))
			continue;
		bytes = calloc(1, size);
		if (bpf_map_lookup_elem(bpf_map__fd(map), &key, bytes))
			return;
		printf("\t.kconfig ");
		for (size_t i = 0; i < size; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options);

	if (argc < 7)
		return 2;
	object_path = argv[1];
	vmlinux = argv[2];
	kallsyms = argv[3];
	config = argv[4];
	release = argv[5];
	wrapper = atoi(argv[6]);
	for (int i = 7; i + 1 < argc && module_count < MAX_MODULES; i += 2)
		modules[module_count++] = (struct module){ argv[i], argv[i + 1] };
	libbpf_set_print(print);
	object = bpf_object__open_file(object_path, &options);
	if (!object)
		return 1;
	if (bpf_object__load(object)) {
		printf("\trefused\n");
		return 0;
	}
	show_config();
	for (int i = 0; i < program_count; i++)
		show(&programs[i]);
	return 0;
}

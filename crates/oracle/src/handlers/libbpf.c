// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What libbpf does with SEC() handlers: runs the commands of a script on the standard input and prints each with what
 * came of it. Programs are not loaded: what libbpf would have handed to the kernel is printed (the linker's --wrap).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HANDLERS 4096
#define MAX_WORDS 64
/* Cookies count the registrations, from here. */
#define FIRST_COOKIE 100

static struct handler {
	int setup_error, prepare_error, attach_error;
	int setup_type, setup_attach_type, setup_flags, setup_autoload;
	int prepare_attach_type, prepare_flags;
} handlers[MAX_HANDLERS];
static int handler_count;

static const char *object_path;
static struct bpf_object *object;

static int silence(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static struct handler *handler(long cookie)
{
	return &handlers[cookie - FIRST_COOKIE];
}

static int setup(struct bpf_program *prog, long cookie)
{
	struct handler *it = handler(cookie);

	printf("\tsetup %s %ld\n", bpf_program__section_name(prog), cookie);
	if (it->setup_type >= 0)
		bpf_program__set_type(prog, it->setup_type);
	if (it->setup_attach_type >= 0)
		bpf_program__set_expected_attach_type(prog, it->setup_attach_type);
	if (it->setup_flags >= 0)
		bpf_program__set_flags(prog, it->setup_flags);
	if (it->setup_autoload >= 0)
		bpf_program__set_autoload(prog, it->setup_autoload);
	return -it->setup_error;
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct handler *it = handler(cookie);

	printf("\tprepare %s %ld %d %u\n", bpf_program__section_name(prog), cookie,
	       opts->expected_attach_type, opts->prog_flags);
	if (it->prepare_attach_type >= 0)
		opts->expected_attach_type = it->prepare_attach_type;
	if (it->prepare_flags >= 0)
		opts->prog_flags |= it->prepare_flags;
	return -it->prepare_error;
}

static int attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)link;
	printf("\tattach %s %ld\n", bpf_program__section_name(prog), cookie);
	return -handler(cookie)->attach_error;
}

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
			 const struct bpf_insn *insns, size_t count, struct bpf_prog_load_opts *opts)
{
	(void)license, (void)insns;
	if (name && !strncmp(name, "on_", 3))
		printf("\tload %s %d %d %u %zu\n", name, type, opts->expected_attach_type, opts->prog_flags,
		       count);
	return open("/dev/null", O_RDONLY);
}

static struct bpf_program *program(const char *section)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, object)
		if (!strcmp(bpf_program__section_name(prog), section))
			return prog;
	exit(3);
}

static const char *text(const char *word)
{
	return !strcmp(word, "NULL") ? NULL : !strcmp(word, "\"\"") ? "" : word;
}

/* `setup:error:22` and the like. */
static void option(struct handler *it, const char *word, bool *calls)
{
	static const struct {
		const char *name;
		size_t field;
		int call;
	} options[] = {
		{ "setup:error:", offsetof(struct handler, setup_error), 0 },
		{ "setup:type:", offsetof(struct handler, setup_type), 0 },
		{ "setup:attach-type:", offsetof(struct handler, setup_attach_type), 0 },
		{ "setup:flags:", offsetof(struct handler, setup_flags), 0 },
		{ "setup:autoload:", offsetof(struct handler, setup_autoload), 0 },
		{ "prepare:error:", offsetof(struct handler, prepare_error), 1 },
		{ "prepare:attach-type:", offsetof(struct handler, prepare_attach_type), 1 },
		{ "prepare:flags:", offsetof(struct handler, prepare_flags), 1 },
		{ "attach:error:", offsetof(struct handler, attach_error), 2 },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		size_t length = strlen(options[i].name);

		if (strncmp(word, options[i].name, length))
			continue;
		*(int *)((char *)it + options[i].field) = atoi(word + length);
		calls[options[i].call] = true;
		return;
	}
	exit(4);
}

static int register_handler(char **words, int count)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts);
	struct handler *it = &handlers[handler_count];
	bool calls[3] = {};
	int i;

	memset(it, -1, sizeof(*it));
	it->setup_error = it->prepare_error = it->attach_error = 0;
	for (i = 4; i < count; i++)
		option(it, words[i], calls);
	opts.cookie = FIRST_COOKIE + handler_count++;
	opts.prog_setup_fn = calls[0] ? setup : NULL;
	opts.prog_prepare_load_fn = calls[1] ? prepare : NULL;
	opts.prog_attach_fn = calls[2] ? attach : NULL;
	return libbpf_register_prog_handler(text(words[1]), atoi(words[2]), atoi(words[3]), &opts);
}

static void show(struct bpf_program *prog)
{
	printf("\t%d %d %u %d\n", bpf_program__type(prog), bpf_program__expected_attach_type(prog),
	       bpf_program__flags(prog), bpf_program__autoload(prog));
}

/* Loads these programs and no others. */
static int load(char **words, int count)
{
	struct bpf_program *prog;
	int i;

	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, false);
	for (i = 1; i < count; i++)
		bpf_program__set_autoload(program(words[i]), true);
	return bpf_object__load(object);
}

static int attach_one(const char *section)
{
	struct bpf_link *link = bpf_program__attach(program(section));

	return link ? 0 : -errno;
}

static void run(char **words, int count)
{
	enum bpf_attach_type attach_type;
	enum bpf_prog_type type;
	int err;

	if (!strcmp(words[0], "register")) {
		printf("\t%d\n", register_handler(words, count));
	} else if (!strcmp(words[0], "unregister")) {
		printf("\t%d\n", libbpf_unregister_prog_handler(atoi(words[1])));
	} else if (!strcmp(words[0], "type")) {
		err = libbpf_prog_type_by_name(text(words[1]), &type, &attach_type);
		err ? printf("\t%d\n", err) : printf("\t%d %d\n", type, attach_type);
	} else if (!strcmp(words[0], "attach-type")) {
		err = libbpf_attach_type_by_name(text(words[1]), &attach_type);
		printf("\t%d\n", err ?: (int)attach_type);
	} else if (!strcmp(words[0], "open")) {
		object = bpf_object__open(object_path);
		printf("\t%d\n", object ? 0 : -errno);
	} else if (!strcmp(words[0], "show")) {
		show(program(words[1]));
	} else if (!strcmp(words[0], "set-type")) {
		printf("\t%d\n", bpf_program__set_type(program(words[1]), atoi(words[2])));
	} else if (!strcmp(words[0], "load")) {
		printf("\t%d\n", load(words, count));
	} else if (!strcmp(words[0], "attach")) {
		printf("\t%d\n", attach_one(words[1]));
	} else if (!strcmp(words[0], "close")) {
		bpf_object__close(object);
		object = NULL;
	} else {
		exit(5);
	}
}

int main(int argc, char **argv)
{
	char line[4096], *words[MAX_WORDS], *rest;

	object_path = argv[argc - 1];
	libbpf_set_print(silence);
	while (fgets(line, sizeof(line), stdin)) {
		int count = 0;

		fputs(line, stdout);
		rest = line;
		while (count < MAX_WORDS && (words[count] = strsep(&rest, " \n")))
			count += *words[count] != 0;
		if (count)
			run(words, count);
	}
	return 0;
}

/* libbpf_register_prog_handler(): handlers of section names of one's own. Run in the root of the repository. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "check.h"

#define DOOR 41
#define REST 42

static int set_up, prepared, attached, refuse;

static int setup(struct bpf_program *prog, long cookie)
{
    CHECK(cookie == DOOR || cookie == REST);
    if (cookie == DOOR)
        CHECK(!strcmp(bpf_program__section_name(prog), "watch/door"));
    set_up++;
    if (refuse)
        return -refuse;
    return 0;
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
    IS(cookie, DOOR);
    CHECK(opts->sz >= offsetof(struct bpf_prog_load_opts, prog_flags));
    CHECK(!strcmp(bpf_program__section_name(prog), "watch/door"));
    prepared++;
    return 0;
}

static int attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
    IS(cookie, DOOR);
    CHECK(bpf_program__fd(prog) > 2);
    *link = NULL;
    attached++;
    return attached == 1 ? -EALREADY : 0;
}

/* Opens it and leaves the programs of these two sections alone to be loaded. */
static struct bpf_object *open_it(void)
{
    struct bpf_object *obj = bpf_object__open_file("fixtures/sections.bpf.o", NULL);
    struct bpf_program *prog;

    if (!obj)
        return NULL;
    bpf_object__for_each_program(prog, obj) {
        const char *sec = bpf_program__section_name(prog);

        bpf_program__set_autoload(prog, !strcmp(sec, "watch/door") || !strcmp(sec, "abc"));
    }
    return obj;
}

static struct bpf_program *in_section(struct bpf_object *obj, const char *name)
{
    struct bpf_program *prog;

    bpf_object__for_each_program(prog, obj)
        if (!strcmp(bpf_program__section_name(prog), name))
            return prog;
    return NULL;
}

int main(void)
{
    LIBBPF_OPTS(libbpf_prog_handler_opts, door, .cookie = DOOR, .prog_setup_fn = setup,
                .prog_prepare_load_fn = prepare, .prog_attach_fn = attach);
    LIBBPF_OPTS(libbpf_prog_handler_opts, rest, .cookie = REST, .prog_setup_fn = setup);
    struct bpf_object *obj;
    int on_door, on_rest;

    /* Without handlers nobody knows these sections. */
    obj = open_it();
    CHECK(obj);
    IS(bpf_program__type(in_section(obj, "watch/door")), BPF_PROG_TYPE_UNSPEC);
    CHECK(bpf_object__load(obj) < 0);
    bpf_object__close(obj);
    IS(set_up, 0);

    on_door = libbpf_register_prog_handler("watch/", BPF_PROG_TYPE_TRACEPOINT, 0, &door);
    CHECK(on_door > 0);
    on_rest = libbpf_register_prog_handler(NULL, BPF_PROG_TYPE_SOCKET_FILTER, 0, &rest);
    CHECK(on_rest > on_door);
    FAILS(libbpf_register_prog_handler(NULL, BPF_PROG_TYPE_XDP, 0, NULL), EBUSY);
    door.sz = 4;
    FAILS(libbpf_register_prog_handler("x", BPF_PROG_TYPE_XDP, 0, &door), EINVAL);

    obj = open_it();
    CHECK(obj);
    IS(set_up, 2);
    IS(prepared, 0);
    IS(bpf_program__type(in_section(obj, "watch/door")), BPF_PROG_TYPE_TRACEPOINT);
    IS(bpf_program__type(in_section(obj, "abc")), BPF_PROG_TYPE_SOCKET_FILTER);
    IS(bpf_program__type(in_section(obj, "xdp")), BPF_PROG_TYPE_XDP);
    IS(bpf_object__load(obj), 0);
    IS(prepared, 1);
    CHECK(bpf_program__fd(in_section(obj, "watch/door")) > 2);
    CHECK(bpf_program__fd(in_section(obj, "xdp")) < 0);
    CHECK(bpf_object__find_program_by_name(obj, "no_such_program") == NULL && errno == ENOENT);

    /* What the callback answers is passed on; the fallback has none, and attaches nothing. */
    errno = 0;
    CHECK(!bpf_program__attach(in_section(obj, "watch/door")) && errno == EALREADY);
    CHECK(!bpf_program__attach(in_section(obj, "watch/door")) && errno == EOPNOTSUPP);
    IS(attached, 2);
    CHECK(!bpf_program__attach(in_section(obj, "abc")) && errno == EOPNOTSUPP);
    bpf_object__close(obj);

    /* A set-up that fails fails the opening. */
    refuse = EDOM;
    errno = 0;
    CHECK(!open_it() && errno == EDOM);
    refuse = 0;

    IS(libbpf_unregister_prog_handler(on_door), 0);
    FAILS(libbpf_unregister_prog_handler(on_door), ENOENT);
    FAILS(libbpf_unregister_prog_handler(0), EINVAL);
    FAILS(libbpf_unregister_prog_handler(-1), EINVAL);
    IS(libbpf_unregister_prog_handler(on_rest), 0);
    return 0;
}

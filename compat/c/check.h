/* Checks that end the program and say what was wrong. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);  \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* A call answers a number. */
#define IS(call, number)                                                                       \
    do {                                                                                       \
        long long is_ = (call), should_ = (number);                                            \
        if (is_ != should_) {                                                                  \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld (errno %d)\n", __FILE__, __LINE__,    \
                    #call, is_, should_, errno);                                               \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* A call fails: it answers the negative number, and errno is it. */
#define FAILS(call, error)                                                                     \
    do {                                                                                       \
        errno = 0;                                                                             \
        IS(call, -(error));                                                                    \
        IS(errno, error);                                                                      \
    } while (0)

#endif

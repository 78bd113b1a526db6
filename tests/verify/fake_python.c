/* tests/verify/fake_python.c -- exports the symbols by which `verify` knows an interpreter, with a
 * version of the caller's choice: FAKE_VERSION. It has no allocator behind them; FAKE_CALLS makes
 * it use its tables for so many blocks that never were pymalloc's. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct domain_table {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *block, size_t size);
    void (*free)(void *ctx, void *block);
};

struct arena_table {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *arena, size_t size);
};

/* NOLINTBEGIN(readability-identifier-naming): CPython's names. */
const char *Py_GetVersion(void);
void *PyObject_Malloc(size_t size);
void PyMem_GetAllocator(int domain, struct domain_table *out);
void PyMem_SetAllocator(int domain, const struct domain_table *table);
void PyObject_GetArenaAllocator(struct arena_table *out);
void PyObject_SetArenaAllocator(const struct arena_table *table);

static void *plain_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *plain_calloc(void *ctx, size_t count, size_t size)
{
    (void)ctx;
    return calloc(count, size);
}

static void *plain_realloc(void *ctx, void *block, size_t size)
{
    (void)ctx;
    return realloc(block, size);
}

static void plain_free(void *ctx, void *block)
{
    (void)ctx;
    free(block);
}

#define PLAIN                                                                                      \
    {                                                                                              \
        NULL, plain_malloc, plain_calloc, plain_realloc, plain_free                                \
    }

static struct {
    struct domain_table domains[3];
    struct arena_table arenas;
} fake = {.domains = {PLAIN, PLAIN, PLAIN}};

const char *Py_GetVersion(void)
{
    const char *version = getenv("FAKE_VERSION");
    return version != NULL ? version : "3.11.2 (fake)";
}

void *PyObject_Malloc(size_t size)
{
    return fake.domains[2].malloc(fake.domains[2].ctx, size);
}

void PyMem_GetAllocator(int domain, struct domain_table *out)
{
    *out = fake.domains[domain];
}

void PyMem_SetAllocator(int domain, const struct domain_table *table)
{
    fake.domains[domain] = *table;
}

void PyObject_GetArenaAllocator(struct arena_table *out)
{
    *out = fake.arenas;
}

void PyObject_SetArenaAllocator(const struct arena_table *table)
{
    fake.arenas = *table;
}

/* NOLINTEND(readability-identifier-naming) */

int main(void)
{
    const char *text = getenv("FAKE_CALLS");
    long calls = text != NULL ? strtol(text, NULL, 10) : 0;
    for (long i = 0; i < calls; i++) {
        void *block = PyObject_Malloc(40);
        fake.domains[2].free(fake.domains[2].ctx, block);
    }
    puts("it ran");
    return 0;
}

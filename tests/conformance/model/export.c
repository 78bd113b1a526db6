#include "tests/conformance/model/trial.h"

#include <inttypes.h>
#include <string.h>

/* What every program begins with. Blocks hold bytes made of their number and the offset, over all
 * that is usable; look() finds the first that is not what it was. */
static const char preamble[] =
    "#include <malloc.h>\n"
    "#include <stdint.h>\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "static struct { unsigned char *at; size_t size; } b[%u];\n"
    "static unsigned char own(int i, size_t k) { return (unsigned char)((i * 40503u + k) * 40503u "
    ">> 8); }\n"
    "static int bad(int i, size_t k, const char *what) { printf(\"block %%d, byte %%zu: %%s\\n\", "
    "i, "
    "k, what); exit(1); }\n"
    "static void look(int i, size_t n) { for (size_t k = 0; k < n; k++) if (b[i].at[k] != own(i, "
    "k)) bad(i, k, \"changed\"); }\n"
    "static void take(int i, void *at, size_t size, size_t align, size_t kept, int zero) {\n"
    "    if (at == NULL) { printf(\"block %%d: NULL\\n\", i); return; }\n"
    "    b[i].at = at, b[i].size = malloc_usable_size(at) > size ? malloc_usable_size(at) : size;\n"
    "    if ((uintptr_t)at %% align || malloc_usable_size(at) < size) bad(i, 0, \"misaligned or "
    "too "
    "small\");\n"
    "    for (size_t k = 0; zero && k < size; k++) if (b[i].at[k]) bad(i, k, \"not zero\");\n"
    "    look(i, kept);\n"
    "    for (size_t k = 0; k < b[i].size; k++) b[i].at[k] = own(i, k);\n"
    "}\n"
    "static void give(int i) { look(i, b[i].size); free(b[i].at); b[i].at = NULL; }\n"
    "int main(void) {\n";

static const char ending[] = "    for (int i = 0; i < %u; i++) if (b[i].at) look(i, b[i].size);\n"
                             "    puts(\"nothing found\");\n"
                             "}\n";

static size_t align_of(size_t size)
{
    return size >= 16 ? 16 : size == 0 ? 1 : (size_t)1 << (63 - __builtin_clzll(size));
}

/* Requested bytes of each slot as the program goes, SIZE_MAX: empty. */
struct exporter {
    FILE *out;
    size_t *sizes;
    bool is_plain; /* every call so far is one that a plain program makes */
};

static void write_taking(struct exporter *exporter, const struct model_op *op)
{
    size_t *held = &exporter->sizes[op->slot];
    size_t size = op->size;
    bool is_split = op->call == MODEL_CALLOC || op->call == MODEL_REALLOCARRAY;
    bool wraps = is_split && __builtin_mul_overflow((size_t)op->count, (size_t)op->size, &size);
    bool is_realloc = op->call == MODEL_REALLOC || op->call == MODEL_REALLOCARRAY;
    size_t align = (size_t)1 << (op->count < 64 ? op->count : 0);
    char call[160];
    if (!is_realloc && *held != SIZE_MAX) {
        return;
    }
    size_t kept = !is_realloc || *held == SIZE_MAX ? 0 : *held < size ? *held : size;
    if (op->call == MODEL_CALLOC) {
        snprintf(call, sizeof(call), "calloc(%uu, %zuu)", op->count, (size_t)op->size);
    } else if (op->call == MODEL_REALLOCARRAY) {
        snprintf(call, sizeof(call), "reallocarray(b[%u].at, %uu, %zuu)", op->slot, op->count,
                 (size_t)op->size);
    } else if (op->call == MODEL_REALLOC) {
        size = size == 0 ? 1 : size;
        snprintf(call, sizeof(call), "realloc(b[%u].at, %zuu)", op->slot, size);
    } else if (op->call == MODEL_MALLOC) {
        snprintf(call, sizeof(call), "malloc(%zuu)", size);
    } else {
        align = align < sizeof(void *) ? sizeof(void *) : align;
        snprintf(call, sizeof(call), "aligned_alloc(%zuu, %zuu)", align, size);
    }
    bool is_aligned = op->call == MODEL_ALIGNED || op->call == MODEL_POSIX;
    if (wraps || size > PTRDIFF_MAX) {
        fprintf(exporter->out, "    if (%s) bad(%u, 0, \"not NULL\");\n", call, op->slot);
        return;
    }
    fprintf(exporter->out, "    take(%u, %s, %zu, %zu, %zu, %d);\n", op->slot, call, size,
            is_aligned ? align : align_of(size), kept, op->call == MODEL_CALLOC);
    *held = size;
}

/* A burst is a loop over the numbers behind those of the slots. */
static void write_burst(struct exporter *exporter, const struct model_op *op, uint32_t base)
{
    uint32_t end = base + op->slot;
    FILE *out = exporter->out;
    fprintf(out,
            "    for (int i = %u; i < %u; i++) take(i, malloc(%" PRIu64 "u), %" PRIu64
            ", %zu, 0, 0);\n",
            base, end, op->size, op->size, align_of(op->size));
    if (op->count == MODEL_ALTERNATE) {
        fprintf(out, "    for (int i = %u; i < %u; i += 2) give(i);\n", base, end);
        fprintf(out,
                "    for (int i = %u; i < %u; i += 2) take(i, malloc(%" PRIu64 "u), %" PRIu64
                ", %zu, 0, 0);\n",
                base, end, op->size, op->size, align_of(op->size));
    }
    if (op->count == MODEL_FIFO) {
        fprintf(out, "    for (int i = %u; i < %u; i++) give(i);\n", base, end);
    } else {
        fprintf(out, "    for (int i = %u; i-- > %u;) give(i);\n", end, base);
    }
}

static void write_line(struct exporter *exporter, const struct model_op *op, uint32_t base)
{
    FILE *out = exporter->out;
    bool is_held = op->slot < MODEL_SLOTS && exporter->sizes[op->slot] != SIZE_MAX;
    switch ((enum model_call)op->call) {
    case MODEL_MALLOC:
    case MODEL_CALLOC:
    case MODEL_REALLOC:
    case MODEL_REALLOCARRAY:
    case MODEL_ALIGNED:
    case MODEL_POSIX:
        write_taking(exporter, op);
        break;
    case MODEL_FREE:
    case MODEL_FREE_SIZED:
        if (is_held) {
            fprintf(out, "    give(%u);\n", op->slot);
            exporter->sizes[op->slot] = SIZE_MAX;
        }
        break;
    case MODEL_VERIFY:
    case MODEL_REWRITE:
        if (is_held) {
            fprintf(out, "    look(%u, b[%u].size);\n", op->slot, op->slot);
        }
        break;
    case MODEL_BURST:
        write_burst(exporter, op, base);
        break;
    case MODEL_DRAIN:
        for (uint32_t slot = 0; slot < base; slot++) {
            if (exporter->sizes[slot] != SIZE_MAX) {
                fprintf(out, "    give(%u);\n", slot);
                exporter->sizes[slot] = SIZE_MAX;
            }
        }
        break;
    case MODEL_SWEEP:
        break;
    default:
        exporter->is_plain = false;
    }
}

/* Slots, and blocks of the largest burst behind them. */
static void count_blocks(const struct model_list *list, uint32_t *slots, uint32_t *blocks)
{
    *slots = 0;
    uint32_t most = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct model_op *op = &list->ops[i];
        if (op->call == MODEL_BURST) {
            most = op->slot > most ? op->slot : most;
        } else if (op->call <= MODEL_VERIFY && op->slot >= *slots) {
            *slots = op->slot + 1;
        }
    }
    *blocks = *slots + most > 0 ? *slots + most : 1;
}

char *pab_model_program(const struct model_list *list, const char *statement, const char *text)
{
    char *program = NULL;
    size_t size = 0;
    uint32_t slots = 0;
    uint32_t blocks = 0;
    count_blocks(list, &slots, &blocks);
    struct exporter exporter = {.is_plain = true};
    exporter.sizes = malloc(MODEL_SLOTS * sizeof(*exporter.sizes));
    exporter.out = exporter.sizes == NULL ? NULL : open_memstream(&program, &size);
    if (exporter.out == NULL) {
        free(exporter.sizes);
        return NULL;
    }
    memset(exporter.sizes, 0xFF, MODEL_SLOTS * sizeof(*exporter.sizes)); /* SIZE_MAX */
    fprintf(exporter.out,
            "/* %s: %s\n * cc -D_GNU_SOURCE -O0 -fno-builtin, then run it with "
            "LD_PRELOAD=the allocator. */\n",
            statement, text);
    fprintf(exporter.out, preamble, blocks);
    for (size_t i = 0; i < list->count; i++) {
        exporter.is_plain &= list->ops[i].thread == 0;
        write_line(&exporter, &list->ops[i], slots);
    }
    fprintf(exporter.out, ending, blocks);
    bool is_whole = fclose(exporter.out) == 0 && exporter.is_plain;
    free(exporter.sizes);
    if (!is_whole) {
        free(program);
        return NULL;
    }
    return program;
}

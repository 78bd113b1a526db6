/* Delta debugging (Zeller, Hildebrandt, IEEE TSE 2002) by complements: leave out ever smaller
 * parts, keep what still shows; then fewer threads, smaller bursts, plainer sizes. */
#include "tests/conformance/model/trial.h"

#include <string.h>
#include <time.h>

#define FEW_LINES     30u
#define ROUNDED_LEAST 64u
#define ROUNDING_MS   2000

struct shrinker {
    struct model_list *list;
    struct model_op *trying; /* room for as many as the list had */
    unsigned threads;
    model_shows shows;
    void *arg;
    int64_t deadline_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_late(const struct shrinker *shrinker)
{
    return now_ms() >= shrinker->deadline_ms;
}

/* Keeps the first `count` of `trying` if they show. */
static bool attempt_any(struct shrinker *shrinker, size_t count, bool any)
{
    if (count == 0 || is_late(shrinker) ||
        !shrinker->shows(shrinker->arg, shrinker->trying, &count, any)) {
        return false;
    }
    memcpy(shrinker->list->ops, shrinker->trying, count * sizeof(*shrinker->trying));
    shrinker->list->count = count;
    return true;
}

static bool attempt(struct shrinker *shrinker, size_t count)
{
    return attempt_any(shrinker, count, false);
}

static bool leave_out(struct shrinker *shrinker, size_t from, size_t part)
{
    const struct model_list *list = shrinker->list;
    size_t behind = from + part < list->count ? list->count - from - part : 0;
    memcpy(shrinker->trying, list->ops, from * sizeof(*list->ops));
    memcpy(shrinker->trying + from, list->ops + from + part, behind * sizeof(*list->ops));
    return attempt(shrinker, from + behind);
}

/* From the end: what happened last is nearest to the finding. `part` falls by halves, and stays
 * where it is as long as single lines still go. */
static void cut_lines(struct shrinker *shrinker)
{
    size_t part = (shrinker->list->count + 1) / 2;
    while (part > 0 && !is_late(shrinker)) {
        bool has_cut = false;
        size_t end = shrinker->list->count;
        while (end > 0 && !is_late(shrinker)) {
            size_t from = end > part ? end - part : 0;
            has_cut |= leave_out(shrinker, from, end - from);
            end = from < shrinker->list->count ? from : shrinker->list->count;
        }
        part = has_cut && part <= 2 ? part : part / 2;
    }
}

static void copy_list(struct shrinker *shrinker)
{
    memcpy(shrinker->trying, shrinker->list->ops,
           shrinker->list->count * sizeof(*shrinker->trying));
}

/* All that thread `from` does is done by thread 0. */
static bool merge_thread(struct shrinker *shrinker, unsigned from)
{
    bool has_any = false;
    copy_list(shrinker);
    for (size_t i = 0; i < shrinker->list->count; i++) {
        has_any |= shrinker->trying[i].thread == from;
        if (shrinker->trying[i].thread == from) {
            shrinker->trying[i].thread = 0;
        }
    }
    return has_any && attempt(shrinker, shrinker->list->count);
}

static bool try_size(struct shrinker *shrinker, size_t index, uint64_t size)
{
    if (shrinker->list->ops[index].size == size) {
        return false;
    }
    copy_list(shrinker);
    shrinker->trying[index].size = size;
    return attempt(shrinker, shrinker->list->count) && index < shrinker->list->count;
}

static bool try_blocks(struct shrinker *shrinker, size_t index, uint32_t blocks)
{
    if (blocks == 0 || blocks >= shrinker->list->ops[index].slot) {
        return false;
    }
    copy_list(shrinker);
    shrinker->trying[index].slot = blocks;
    return attempt(shrinker, shrinker->list->count) && index < shrinker->list->count;
}

/* Halves while that shows, then ever smaller steps. */
static void shrink_burst(struct shrinker *shrinker, size_t index)
{
    uint32_t step = shrinker->list->ops[index].slot / 2;
    while (step > 0 && index < shrinker->list->count && !is_late(shrinker)) {
        uint32_t blocks = shrinker->list->ops[index].slot;
        if (step >= blocks || !try_blocks(shrinker, index, blocks - step)) {
            step /= 2;
        }
    }
}

static bool has_size(const struct model_op *op)
{
    return op->call <= MODEL_POSIX || op->call == MODEL_BURST;
}

/* A call that does more than it must becomes a malloc; a size goes to 1, to the nearest bound of a
 * class above it, to half. */
static void plain_line(struct shrinker *shrinker, size_t index)
{
    const struct model_op *ops = shrinker->list->ops;
    if (!has_size(&ops[index])) {
        return;
    }
    if (ops[index].call == MODEL_CALLOC) {
        copy_list(shrinker);
        struct model_op *op = &shrinker->trying[index];
        op->call = MODEL_MALLOC;
        op->size *= op->count;
        op->count = 0;
        if (attempt(shrinker, shrinker->list->count) && index >= shrinker->list->count) {
            return;
        }
    }
    if (try_size(shrinker, index, 1) || try_size(shrinker, index, 16)) {
        return;
    }
    while (index < shrinker->list->count && ops[index].size > 64 &&
           ops[index].size <= PTRDIFF_MAX && try_size(shrinker, index, ops[index].size / 2)) {
    }
    if (index < shrinker->list->count && ops[index].size <= PTRDIFF_MAX) {
        (void)try_size(shrinker, index, (ops[index].size + 15) & ~UINT64_C(15));
    }
}

static void plain_lines(struct shrinker *shrinker)
{
    for (size_t i = shrinker->list->count; i > 0 && !is_late(shrinker); i--) {
        if (i <= shrinker->list->count && shrinker->list->ops[i - 1].call == MODEL_BURST) {
            shrink_burst(shrinker, i - 1);
        }
        if (i <= shrinker->list->count) {
            plain_line(shrinker, i - 1);
        }
    }
}

/* What shows only after very many calls cannot be cut to few lines; but one line may make as many.
 * The sizes tried are those of the last calls; another finding will do, too. */
static bool one_burst(struct shrinker *shrinker)
{
    static const uint32_t blocks[] = {512, 8192, 65536, 131072, MODEL_BURST_MOST};
    for (size_t i = 0; i < ARRAY_COUNT(blocks); i++) {
        uint64_t tried = UINT64_MAX;
        for (size_t back = 1; back <= 4 && back <= shrinker->list->count; back++) {
            const struct model_op *last = &shrinker->list->ops[shrinker->list->count - back];
            uint64_t size = has_size(last) && last->size <= 1024 ? last->size : 16;
            if (size == tried) {
                continue;
            }
            tried = size;
            shrinker->trying[0] = (struct model_op){
                .size = size, .slot = blocks[i], .count = MODEL_FIFO, .call = MODEL_BURST};
            if (attempt_any(shrinker, 1, true)) {
                return true;
            }
        }
    }
    return false;
}

/* A burst that is only just large enough would miss in a process that made a few calls less before:
 * up to the next power of two, if that shows as well. */
static void round_bursts(struct shrinker *shrinker)
{
    for (size_t i = 0; i < shrinker->list->count && !is_late(shrinker); i++) {
        const struct model_op *op = &shrinker->list->ops[i];
        if (op->call == MODEL_BURST && op->slot > ROUNDED_LEAST && op->slot < MODEL_BURST_MOST) {
            copy_list(shrinker);
            shrinker->trying[i].slot = UINT32_C(1) << (32 - __builtin_clz(op->slot - 1));
            (void)attempt(shrinker, shrinker->list->count);
        }
    }
}

bool pab_model_shrink(struct model_list *list, unsigned threads, int64_t most_ms, model_shows shows,
                      void *arg)
{
    int64_t start_ms = now_ms();
    struct shrinker shrinker = {list, NULL, threads, shows, arg, start_ms + most_ms * 2 / 5};
    shrinker.trying = malloc((list->count + 1) * sizeof(*shrinker.trying));
    if (shrinker.trying == NULL || list->count == 0) {
        free(shrinker.trying);
        return false;
    }
    cut_lines(&shrinker);
    shrinker.deadline_ms = start_ms + most_ms;
    if (list->count > FEW_LINES) {
        (void)one_burst(&shrinker);
    }
    size_t before = 0;
    do {
        before = list->count;
        for (unsigned thread = 1; thread < threads; thread++) {
            (void)merge_thread(&shrinker, thread);
        }
        plain_lines(&shrinker);
        cut_lines(&shrinker);
    } while (list->count < before && !is_late(&shrinker));
    bool is_late_now = is_late(&shrinker);
    shrinker.deadline_ms += ROUNDING_MS;
    round_bursts(&shrinker);
    pab_model_list_renumber(list);
    free(shrinker.trying);
    return !is_late_now;
}

/* A storm's calls as text: one line a run of like calls on neighbouring slots.
 *
 *     arenas unaligned
 *     seed 4
 *     malloc 64 b0..b30       31 blocks of 64 bytes, in this order
 *     realloc 48 b7
 *     free b30..b0
 */
#include "tests/conformance/storm/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *const call_words[] = {
    [STORM_MALLOC] = "malloc",
    [STORM_CALLOC] = "calloc",
    [STORM_REALLOC] = "realloc",
    [STORM_FREE] = "free",
};

const char *pab_storm_call_name(enum storm_call call)
{
    return call_words[call];
}

/* --- writing -------------------------------------------------------------------------------- */

/* How many calls from `at` on are alike, with slots that go up, or down, by one. */
static size_t run_length(const struct storm_list *list, size_t at, int *step)
{
    size_t length = 1;
    *step = 1;
    for (; at + length < list->count; length++) {
        const struct storm_op *last = &list->ops[at + length - 1];
        const struct storm_op *next = &list->ops[at + length];
        int moved = (int)next->slot - (int)last->slot;
        if (next->call != last->call || next->size != last->size || (moved != 1 && moved != -1) ||
            (length > 1 && moved != *step)) {
            break;
        }
        *step = moved;
    }
    return length;
}

static void write_ops(FILE *file, const struct storm_list *list)
{
    int step = 1;
    for (size_t at = 0; at < list->count;) {
        const struct storm_op *op = &list->ops[at];
        size_t length = run_length(list, at, &step);
        fprintf(file, "%s ", call_words[op->call]);
        if (op->call != STORM_FREE) {
            fprintf(file, "%u ", (unsigned)op->size);
        }
        fprintf(file, "b%" PRIu32, op->slot);
        if (length > 1) {
            fprintf(file, "..b%" PRIu32, list->ops[at + length - 1].slot);
        }
        fprintf(file, "\n");
        at += length;
    }
}

char *pab_storm_listing_write(const struct pab_storm_plan *plan, const struct pab_oracle *oracle,
                              const struct storm_list *list)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return NULL;
    }
    fprintf(file, "# %zu calls on which CPython %s and ours differ\narenas %s\nseed %" PRIu64 "\n",
            list->count, oracle->version, pab_storm_arenas_name(plan->arenas), plan->seed);
    write_ops(file, list);
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

void pab_storm_list_renumber(struct storm_list *list)
{
    uint32_t *numbers = calloc(STORM_SLOTS, sizeof(*numbers)); /* + 1; 0: none yet */
    uint32_t next = 0;
    for (size_t i = 0; numbers != NULL && i < list->count; i++) {
        uint32_t *number = &numbers[list->ops[i].slot];
        if (*number == 0) {
            *number = ++next;
        }
        list->ops[i].slot = *number - 1;
    }
    free(numbers);
}

/* --- reading -------------------------------------------------------------------------------- */

struct reader {
    struct storm_list *list;
    size_t capacity;
    struct pab_storm_plan *plan;
};

static bool push(struct reader *reader, struct storm_op op)
{
    struct storm_list *list = reader->list;
    if (list->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? 256 : 2 * reader->capacity;
        struct storm_op *grown = realloc(list->ops, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        list->ops = grown;
        reader->capacity = capacity;
    }
    list->ops[list->count++] = op;
    return true;
}

/* A whole number up to `most` at *at, which moves behind it. */
static bool take_number(const char **at, uint64_t most, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(*at, &end, 10);
    bool good = **at >= '0' && **at <= '9' && errno == 0 && value <= most;
    *out = value;
    *at = end;
    return good;
}

/* "b3" or "b3..b9" or "b9..b3", and nothing behind it. */
static bool take_blocks(const char *at, uint64_t *first, uint64_t *last)
{
    if (*at++ != 'b' || !take_number(&at, STORM_SLOTS - 1, first)) {
        return false;
    }
    *last = *first;
    if (strncmp(at, "..b", 3) == 0) {
        at += 3;
        if (!take_number(&at, STORM_SLOTS - 1, last)) {
            return false;
        }
    }
    return *at == '\0';
}

static bool read_call(struct reader *reader, enum storm_call call, const char *rest)
{
    uint64_t size = 0;
    if (call != STORM_FREE) {
        if (!take_number(&rest, UINT16_MAX - 1, &size) || *rest++ != ' ') {
            return false;
        }
    }
    uint64_t slot = 0;
    uint64_t last = 0;
    if (!take_blocks(rest, &slot, &last)) {
        return false;
    }
    for (;;) {
        if (!push(reader, (struct storm_op){(uint32_t)slot, (uint16_t)size, (uint8_t)call, 0})) {
            return false;
        }
        if (slot == last) {
            return true;
        }
        slot = slot < last ? slot + 1 : slot - 1;
    }
}

static bool read_arenas(struct reader *reader, const char *name)
{
    for (int arenas = 0; arenas < PAB_STORM_ARENAS_COUNT; arenas++) {
        if (strcmp(pab_storm_arenas_name((enum pab_storm_arenas)arenas), name) == 0) {
            reader->plan->arenas = (enum pab_storm_arenas)arenas;
            return true;
        }
    }
    return false;
}

static bool read_line(struct reader *reader, const char *line)
{
    line += strspn(line, " "); /* a listing may be pasted with the table that it stood in */
    if (line[0] == '\0' || line[0] == '#') {
        return true;
    }
    size_t length = strcspn(line, " ");
    const char *rest = line + length + (line[length] == ' ');
    for (size_t call = 0; call < ARRAY_COUNT(call_words); call++) {
        if (strlen(call_words[call]) == length && memcmp(call_words[call], line, length) == 0) {
            return read_call(reader, (enum storm_call)call, rest);
        }
    }
    if (length == 4 && memcmp(line, "seed", length) == 0) {
        return take_number(&rest, UINT64_MAX, &reader->plan->seed) && *rest == '\0';
    }
    return length == 6 && memcmp(line, "arenas", length) == 0 && read_arenas(reader, rest);
}

enum pab_status pab_storm_listing_read(const char *text, struct pab_storm_plan *plan,
                                       struct storm_list *list, struct pab_error *err)
{
    *list = (struct storm_list){0};
    struct reader reader = {.list = list, .plan = plan};
    size_t number = 1;
    for (const char *at = text; *at != '\0'; number++) {
        char line[128];
        size_t length = strcspn(at, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)(length < 120 ? length : 120), at);
        if (!read_line(&reader, line)) {
            free(list->ops);
            return pab_fail(err, PAB_USAGE,
                            "line %zu is no call: '%.40s'; write malloc|calloc|realloc SIZE "
                            "bN[..bM], or free bN[..bM]",
                            number, line);
        }
        at += length + (at[length] == '\n');
    }
    if (list->count == 0) {
        return pab_fail(err, PAB_USAGE, "the listing holds no call");
    }
    return PAB_OK;
}

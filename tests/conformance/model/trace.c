#include "tests/conformance/model/trace.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define FIRST_LINE "pyallocbench trace 1"

/* What stands behind a call's name, one letter for each word:
 *   s slot   z bytes   c count   a alignment   b blocks   o order   k calls to the kernel
 *   l lines  t thread (respawn)  g thread (give) */
static const struct call_text {
    const char *name, *words;
} calls[MODEL_CALLS] = {
    [MODEL_MALLOC] = {"malloc", "sz"},    [MODEL_CALLOC] = {"calloc", "scz"},
    [MODEL_REALLOC] = {"realloc", "sz"},  [MODEL_REALLOCARRAY] = {"reallocarray", "scz"},
    [MODEL_ALIGNED] = {"aligned", "saz"}, [MODEL_POSIX] = {"posix", "saz"},
    [MODEL_FREE] = {"free", "s"},         [MODEL_FREE_SIZED] = {"free_sized", "s"},
    [MODEL_REWRITE] = {"rewrite", "s"},   [MODEL_VERIFY] = {"verify", "s"},
    [MODEL_BURST] = {"burst", "bzo"},     [MODEL_SWEEP] = {"sweep", ""},
    [MODEL_DRAIN] = {"drain", ""},        [MODEL_FAIL] = {"fail", "kl"},
    [MODEL_PURGE] = {"purge", ""},        [MODEL_FORK] = {"fork", ""},
    [MODEL_RESPAWN] = {"respawn", "t"},   [MODEL_GIVE] = {"give", "sg"},
    [MODEL_TAKE] = {"take", "s"},
};

static const char *const order_names[MODEL_ORDERS] = {
    [MODEL_LIFO] = "lifo",
    [MODEL_FIFO] = "fifo",
    [MODEL_SHUFFLED] = "shuffled",
    [MODEL_ALTERNATE] = "alternate",
};

bool pab_model_op_is_valid(const struct model_op *op)
{
    bool is_valid = op->call < MODEL_CALLS && op->thread < MODEL_THREADS;
    for (const char *word = is_valid ? calls[op->call].words : ""; *word != '\0'; word++) {
        is_valid = is_valid && (*word != 's' || op->slot < MODEL_SLOTS) &&
                   (*word != 'a' || op->count <= MODEL_ALIGN_LOG2) &&
                   (*word != 'b' || (op->slot >= 1 && op->slot <= MODEL_BURST_MOST)) &&
                   (*word != 'o' || op->count < MODEL_ORDERS) &&
                   (*word != 't' || op->slot < MODEL_THREADS) &&
                   (*word != 'g' || op->count < MODEL_THREADS);
    }
    return is_valid;
}

/* --- writing -------------------------------------------------------------------------------- */

void pab_model_op_write(const struct model_op *op, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", calls[op->call].name);
    for (const char *word = calls[op->call].words; *word != '\0' && used < size; word++) {
        char *at = out + used;
        size_t room = size - used;
        if (*word == 'z') {
            used += (size_t)snprintf(at, room, " %" PRIu64, op->size);
        } else if (*word == 'a') {
            used += (size_t)snprintf(at, room, " %lu", 1ul << op->count);
        } else if (*word == 'o') {
            used += (size_t)snprintf(at, room, " %s", order_names[op->count]);
        } else {
            bool in_slot = strchr("sblt", *word) != NULL;
            used += (size_t)snprintf(at, room, " %" PRIu32, in_slot ? op->slot : op->count);
        }
    }
}

char *pab_model_trace_write(const struct model_head *head, const struct model_list *list)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    fprintf(out, FIRST_LINE "\nprofile %s\nseed %" PRIu64 "\nthreads %u\n", head->profile,
            head->seed, head->threads);
    unsigned thread = 0;
    for (size_t i = 0; i < list->count; i++) {
        char line[96];
        if (list->ops[i].thread != thread) {
            thread = list->ops[i].thread;
            fprintf(out, "thread %u\n", thread);
        }
        pab_model_op_write(&list->ops[i], line, sizeof(line));
        fprintf(out, "%s\n", line);
    }
    fprintf(out, "end\n");
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- reading -------------------------------------------------------------------------------- */

#define WORDS_MOST 6
#define LINE_BYTES 128

struct reader {
    const char *at; /* behind the line that is being read */
    size_t line;
    char text[LINE_BYTES];
    char *words[WORDS_MOST];
    size_t count;
    unsigned thread;
    size_t room; /* of list->ops */
    struct pab_error *err;
};

__attribute__((format(printf, 2, 3))) static enum pab_status bad_line(const struct reader *reader,
                                                                      const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return pab_fail(reader->err, PAB_USAGE, "line %zu of the trace: %s", reader->line, what);
}

/* The next line that says something, in words; PAB_OK with none at the end of the text. */
static enum pab_status read_line(struct reader *reader)
{
    reader->count = 0;
    while (reader->count == 0 && *reader->at != '\0') {
        size_t length = strcspn(reader->at, "\n");
        reader->line++;
        if (length >= sizeof(reader->text)) {
            return bad_line(reader, "longer than any call");
        }
        for (size_t i = 0; i < length; i++) {
            unsigned char byte = (unsigned char)reader->at[i];
            if (byte != '\t' && (byte < ' ' || byte > '~')) {
                return bad_line(reader, "byte 0x%02x is no text", byte);
            }
        }
        memcpy(reader->text, reader->at, length);
        reader->text[length] = '\0';
        reader->at += length + (reader->at[length] == '\n' ? 1 : 0);
        reader->text[strcspn(reader->text, "#")] = '\0';
        char *rest = NULL;
        for (char *word = strtok_r(reader->text, " \t", &rest); word != NULL;
             word = strtok_r(NULL, " \t", &rest)) {
            if (reader->count == WORDS_MOST) {
                return bad_line(reader, "more words than any call has");
            }
            reader->words[reader->count++] = word;
        }
    }
    return PAB_OK;
}

static enum pab_status read_number(const struct reader *reader, const char *word, uint64_t most,
                                   uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(word, &end, 10);
    if (!isdigit((unsigned char)word[0]) || *end != '\0') {
        return bad_line(reader, "'%.40s' is no whole number", word);
    }
    if (errno != 0 || *out > most) {
        return bad_line(reader, "%.40s is more than %" PRIu64, word, most);
    }
    return PAB_OK;
}

static enum pab_status read_order(const struct reader *reader, const char *word, uint16_t *out)
{
    for (int order = 0; order < MODEL_ORDERS; order++) {
        if (strcmp(word, order_names[order]) == 0) {
            *out = (uint16_t)order;
            return PAB_OK;
        }
    }
    return bad_line(reader, "'%.40s' is no order: lifo, fifo, shuffled, alternate", word);
}

static uint64_t most_of(char word)
{
    switch (word) {
    case 's':
        return MODEL_SLOTS - 1;
    case 'b':
        return MODEL_BURST_MOST;
    case 'a':
        return UINT64_C(1) << MODEL_ALIGN_LOG2;
    case 't':
    case 'g':
        return MODEL_THREADS - 1;
    case 'z':
        return UINT64_MAX;
    case 'l':
        return UINT32_MAX;
    default:
        return UINT16_MAX;
    }
}

static enum pab_status read_word(const struct reader *reader, char kind, const char *word,
                                 struct model_op *op)
{
    if (kind == 'o') {
        return read_order(reader, word, &op->count);
    }
    uint64_t value = 0;
    enum pab_status status = read_number(reader, word, most_of(kind), &value);
    if (status != PAB_OK) {
        return status;
    }
    if (kind == 'a' && (value == 0 || (value & (value - 1)) != 0)) {
        return bad_line(reader, "%" PRIu64 " is no power of two", value);
    }
    if (kind == 'b' && value == 0) {
        return bad_line(reader, "a burst of no blocks");
    }
    if (kind == 'z') {
        op->size = value;
    } else if (kind == 'a') {
        op->count = (uint16_t)__builtin_ctzll(value);
    } else if (strchr("sblt", kind) != NULL) {
        op->slot = (uint32_t)value;
    } else {
        op->count = (uint16_t)value;
    }
    return PAB_OK;
}

static const char *call_name(size_t index)
{
    return calls[index].name;
}

static enum pab_status read_call(struct reader *reader, struct model_op *op)
{
    uint8_t call = 0;
    while (call < MODEL_CALLS && strcmp(calls[call].name, reader->words[0]) != 0) {
        call++;
    }
    if (call == MODEL_CALLS) {
        return bad_line(reader, "'%.40s' is no call that a trace knows", reader->words[0]);
    }
    const char *words = calls[call].words;
    if (reader->count != strlen(words) + 1) {
        return bad_line(reader, "%s takes %zu numbers", call_name(call), strlen(words));
    }
    memset(op, 0, sizeof(*op));
    op->call = call;
    op->thread = (uint8_t)reader->thread;
    enum pab_status status = PAB_OK;
    for (size_t i = 0; words[i] != '\0' && status == PAB_OK; i++) {
        status = read_word(reader, words[i], reader->words[i + 1], op);
    }
    return status;
}

/* The four lines that a trace begins with. */
static enum pab_status read_head(struct reader *reader, struct model_head *head)
{
    static const char *const names[] = {"profile", "seed", "threads"};
    if (strncmp(reader->at, FIRST_LINE "\n", strlen(FIRST_LINE) + 1) != 0) {
        reader->line = 1;
        return bad_line(reader, "it does not begin with '" FIRST_LINE "'");
    }
    enum pab_status status = read_line(reader);
    for (size_t i = 0; i < ARRAY_COUNT(names) && status == PAB_OK; i++) {
        status = read_line(reader);
        if (status == PAB_OK && (reader->count != 2 || strcmp(reader->words[0], names[i]) != 0)) {
            return bad_line(reader, "'%s' and its value must stand here", names[i]);
        }
        uint64_t value = 0;
        if (status == PAB_OK && i == 0) {
            snprintf(head->profile, sizeof(head->profile), "%s", reader->words[1]);
        } else if (status == PAB_OK) {
            status =
                read_number(reader, reader->words[1], i == 1 ? UINT64_MAX : MODEL_THREADS, &value);
        }
        if (i == 1) {
            head->seed = value;
        } else if (i == 2) {
            head->threads = value == 0 ? 1 : (unsigned)value;
        }
    }
    return status;
}

static enum pab_status append(struct reader *reader, struct model_list *list,
                              const struct model_op *op)
{
    if (list->count == MODEL_TRACE_LINES) {
        return bad_line(reader, "more than %u calls", MODEL_TRACE_LINES);
    }
    if (list->count == reader->room) {
        size_t room = reader->room == 0 ? 256 : 2 * reader->room;
        struct model_op *grown = realloc(list->ops, room * sizeof(*grown));
        if (grown == NULL) {
            return pab_fail(reader->err, PAB_NO_MEMORY, "no memory for a trace");
        }
        list->ops = grown;
        reader->room = room;
    }
    list->ops[list->count++] = *op;
    return PAB_OK;
}

/* "thread N": who makes the calls that follow. */
static enum pab_status read_thread(struct reader *reader, const struct model_head *head)
{
    uint64_t value = 0;
    if (reader->count != 2) {
        return bad_line(reader, "thread takes 1 number");
    }
    enum pab_status status = read_number(reader, reader->words[1], head->threads - 1, &value);
    reader->thread = (unsigned)value;
    return status;
}

enum pab_status pab_model_trace_read(const char *text, struct model_head *head,
                                     struct model_list *list, struct pab_error *err)
{
    struct reader reader = {.at = text, .err = err};
    memset(list, 0, sizeof(*list));
    memset(head, 0, sizeof(*head));
    bool has_ended = false;
    enum pab_status status = read_head(&reader, head);
    while (status == PAB_OK && (status = read_line(&reader)) == PAB_OK && reader.count > 0) {
        struct model_op op;
        if (has_ended) {
            status = bad_line(&reader, "something follows the end");
        } else if (strcmp(reader.words[0], "end") == 0 && reader.count == 1) {
            has_ended = true;
        } else if (strcmp(reader.words[0], "thread") == 0) {
            status = read_thread(&reader, head);
        } else if ((status = read_call(&reader, &op)) == PAB_OK) {
            status = append(&reader, list, &op);
        }
    }
    if (status == PAB_OK && !has_ended) {
        status = bad_line(&reader, "the trace was cut off: no 'end' follows");
    }
    if (status != PAB_OK) {
        free(list->ops);
        memset(list, 0, sizeof(*list));
    }
    return status;
}

/* --- bytes ---------------------------------------------------------------------------------- */

/* Six bytes a call: which, slot, a size of one of four kinds. Few slots, so that calls meet. */
size_t pab_model_trace_of_bytes(const unsigned char *bytes, size_t size, struct model_op *ops,
                                size_t most)
{
    size_t count = 0;
    for (; size >= 6 && count < most; bytes += 6, size -= 6) {
        struct model_op *op = &ops[count++];
        uint64_t value = (uint64_t)bytes[2] | (uint64_t)bytes[3] << 8;
        memset(op, 0, sizeof(*op));
        op->call = bytes[0] % (MODEL_DRAIN + 1);
        op->slot = bytes[1];
        op->count = bytes[4];
        op->size = bytes[5] < 160   ? value % 600
                   : bytes[5] < 230 ? value
                   : bytes[5] < 250
                       ? value << 3
                       : SIZE_MAX - value * (bytes[4] % 2 == 0 ? 1 : UINT64_C(1) << 46);
        if (op->call == MODEL_BURST) {
            op->slot = 1 + (uint32_t)bytes[1] * 4;
            op->count = bytes[4] % MODEL_ORDERS;
            op->size %= 700;
        } else if (op->call == MODEL_ALIGNED || op->call == MODEL_POSIX) {
            op->count = bytes[4] % 17;
        }
    }
    return count;
}

void pab_model_list_renumber(struct model_list *list)
{
    static uint32_t numbers[MODEL_SLOTS]; /* 0: not seen yet */
    memset(numbers, 0, sizeof(numbers));
    uint32_t seen = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct model_op *op = &list->ops[i];
        if (calls[op->call].words[0] == 's') {
            if (numbers[op->slot] == 0) {
                numbers[op->slot] = ++seen;
            }
            op->slot = numbers[op->slot] - 1;
        }
    }
}

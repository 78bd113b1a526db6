#include "harness/compare/reading_state.h"

#include "harness/stats/stats.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Where in a row an event happens. */
enum spot {
    SPOT_ROW,
    SPOT_MEM,
    SPOT_KEPT,      /* mem.f_ret[] */
    SPOT_KEPT_ITEM, /* one of them */
    SPOT_STRUCTURE, /* mem.structure */
    SPOT_FIGURES,
    SPOT_REPS,
    SPOT_IGNORED,
};

enum kind {
    KIND_IGNORED,
    KIND_NAME,
    KIND_TRUTH,
    KIND_HASH,   /* or null */
    KIND_WHOLE,  /* 0..most */
    KIND_AMOUNT, /* of time or bytes, not negative; or null */
    KIND_COUNT,  /* 0..2^53, whole: what is divided by it stays finite; or null */
    KIND_REAL,   /* or null */
    KIND_OPENS,  /* an object or array; or null */
};

/* In the order in which our documents have them: find_field() goes on from the last one. */
enum field {
    FIELD_WORKLOAD,
    FIELD_BACKEND,
    FIELD_PASS,
    FIELD_ROUND,
    FIELD_POSITION,
    FIELD_HOST,
    FIELD_STARTED,
    FIELD_OPS,
    FIELD_ITERATIONS,
    FIELD_COLD,
    FIELD_REPS_WALL,
    FIELD_REPS_CPU,
    FIELD_CHECKSUM,
    FIELD_MINFLT,
    FIELD_MAJFLT,
    FIELD_MEM,
    FIELD_LARGE,
    FIELD_FIGURES,
    FIELD_SERIES,
    FIELD_ENV,
    FIELD_EXIT,
    FIELD_SIGNAL,
    FIELD_PEAK_RSS,
    FIELD_INTERNAL,
    FIELD_F_PEAK,
    FIELD_F_TIME,
    FIELD_F_RET,
    FIELD_STRUCTURE,
    FIELD_AFTER,
    FIELD_VALUE,
    FIELD_COUNT,
    FIELD_NONE = FIELD_COUNT, /* a key that we do not know */
};

/* What stands in a row. Others may stand there, too: newer documents add keys. */
static const struct {
    const char *key;
    enum spot spot, opens; /* `opens`: what its array or object is */
    enum kind kind;
    bool is_object;
    double most;
} fields[FIELD_COUNT] = {
    [FIELD_WORKLOAD] = {"workload", SPOT_ROW, SPOT_IGNORED, KIND_NAME, false, 0},
    [FIELD_BACKEND] = {"backend", SPOT_ROW, SPOT_IGNORED, KIND_NAME, false, 0},
    [FIELD_PASS] = {"pass", SPOT_ROW, SPOT_IGNORED, KIND_NAME, false, 0},
    [FIELD_ROUND] = {"round", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false, PAB_READING_ROUND_MAX},
    [FIELD_POSITION] = {"position", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false,
                        PAB_READING_ROUND_MAX},
    [FIELD_HOST] = {"host", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false, PAB_READING_IDS_MAX - 1},
    [FIELD_STARTED] = {"started_ms", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false,
                       PAB_READING_NUMBER_MAX},
    [FIELD_OPS] = {"ops", SPOT_ROW, SPOT_IGNORED, KIND_COUNT, false, PAB_READING_NUMBER_MAX},
    [FIELD_ITERATIONS] = {"iterations", SPOT_ROW, SPOT_IGNORED, KIND_IGNORED, false, 0},
    [FIELD_COLD] = {"cold_ns", SPOT_ROW, SPOT_IGNORED, KIND_AMOUNT, false, 0},
    [FIELD_REPS_WALL] = {"reps_wall_ns", SPOT_ROW, SPOT_REPS, KIND_OPENS, false, 0},
    [FIELD_REPS_CPU] = {"reps_cpu_ns", SPOT_ROW, SPOT_REPS, KIND_OPENS, false, 0},
    [FIELD_CHECKSUM] = {"checksum", SPOT_ROW, SPOT_IGNORED, KIND_HASH, false, 0},
    [FIELD_MINFLT] = {"minflt", SPOT_ROW, SPOT_IGNORED, KIND_IGNORED, false, 0},
    [FIELD_MAJFLT] = {"majflt", SPOT_ROW, SPOT_IGNORED, KIND_IGNORED, false, 0},
    [FIELD_MEM] = {"mem", SPOT_ROW, SPOT_MEM, KIND_OPENS, true, 0},
    [FIELD_LARGE] = {"large", SPOT_ROW, SPOT_IGNORED, KIND_TRUTH, false, 0},
    [FIELD_FIGURES] = {"figures", SPOT_ROW, SPOT_FIGURES, KIND_OPENS, true, 0},
    [FIELD_SERIES] = {"series", SPOT_ROW, SPOT_IGNORED, KIND_IGNORED, true, 0},
    [FIELD_ENV] = {"env_bytes", SPOT_ROW, SPOT_IGNORED, KIND_IGNORED, false, 0},
    [FIELD_EXIT] = {"exit", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false, PAB_READING_NUMBER_MAX},
    [FIELD_SIGNAL] = {"signal", SPOT_ROW, SPOT_IGNORED, KIND_WHOLE, false, PAB_READING_NUMBER_MAX},
    [FIELD_PEAK_RSS] = {"peak_rss_bytes", SPOT_MEM, SPOT_IGNORED, KIND_AMOUNT, false, 0},
    [FIELD_INTERNAL] = {"internal", SPOT_MEM, SPOT_IGNORED, KIND_REAL, false, 0},
    [FIELD_F_PEAK] = {"f_peak", SPOT_MEM, SPOT_IGNORED, KIND_REAL, false, 0},
    [FIELD_F_TIME] = {"f_time", SPOT_MEM, SPOT_IGNORED, KIND_REAL, false, 0},
    [FIELD_F_RET] = {"f_ret", SPOT_MEM, SPOT_KEPT, KIND_OPENS, false, 0},
    [FIELD_STRUCTURE] = {"structure", SPOT_MEM, SPOT_STRUCTURE, KIND_OPENS, true, 0},
    [FIELD_AFTER] = {"after_ms", SPOT_KEPT_ITEM, SPOT_IGNORED, KIND_AMOUNT, false, 0},
    [FIELD_VALUE] = {"value", SPOT_KEPT_ITEM, SPOT_IGNORED, KIND_REAL, false, 0},
};

#define BIT(field) (UINT64_C(1) << (field))

/* Without one of these a row says nothing. */
#define FIELDS_NEEDED                                                                              \
    (BIT(FIELD_WORKLOAD) | BIT(FIELD_BACKEND) | BIT(FIELD_PASS) | BIT(FIELD_ROUND) |               \
     BIT(FIELD_CHECKSUM) | BIT(FIELD_EXIT) | BIT(FIELD_SIGNAL))

struct reps {
    double ns[PAB_READING_REPS_MAX];
    size_t count;
};

/* A number of `figures` or `mem.structure`: which metric it is of depends on the row's pass. */
struct named {
    char name[PAB_READING_NAME_MAX + 1];
    double value;
    bool is_structure;
};

struct pab_row_reader {
    struct pab_reading *reading;
    struct pab_error *err;
    struct pab_reading_row row;
    size_t field_lengths[FIELD_COUNT];
    enum spot spots[PAB_READING_DEPTH_MAX];
    size_t depth;
    enum field field; /* of the last key */
    enum field in;    /* the field whose repetitions are read */
    uint64_t seen;
    bool has_mem;
    double numbers[FIELD_COUNT]; /* NAN: null, or not there */
    double kept_at_once;
    struct reps wall, cpu;
    char key[PAB_READING_NAME_MAX + 1]; /* of a figure */
    struct named *named;
    size_t named_count;
};

struct pab_row_reader *pab_row_reader_new(struct pab_reading *reading, struct pab_error *err)
{
    struct pab_row_reader *reader = calloc(1, sizeof(*reader));
    PAB_CHECK(reader != NULL);
    reader->reading = reading;
    reader->err = err;
    reader->named = calloc(PAB_READING_FIGURES_MAX, sizeof(*reader->named));
    PAB_CHECK(reader->named != NULL);
    for (int i = 0; i < FIELD_COUNT; i++) {
        reader->field_lengths[i] = strlen(fields[i].key);
    }
    return reader;
}

void pab_row_reader_free(struct pab_row_reader *reader)
{
    if (reader != NULL) {
        free(reader->named);
        free(reader);
    }
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct pab_row_reader *reader,
                                                         const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    pab_reading_refuse(reader->reading, reader->err, reader->row.is_control ? "control" : "samples",
                       reader->row.index, "%s", text);
    return false;
}

static const char *field_name(enum field field)
{
    return field == FIELD_NONE ? "an unknown key" : fields[field].key;
}

static enum spot spot_of(const struct pab_row_reader *reader)
{
    return reader->spots[reader->depth];
}

void pab_row_reader_begin(struct pab_row_reader *reader, bool is_control, size_t index)
{
    reader->row = (struct pab_reading_row){.is_control = is_control, .index = (uint32_t)index};
    reader->depth = 0;
    reader->spots[0] = SPOT_ROW;
    reader->field = FIELD_NONE;
    reader->seen = 0;
    reader->has_mem = false;
    for (int i = 0; i < FIELD_COUNT; i++) {
        reader->numbers[i] = NAN;
    }
    reader->kept_at_once = NAN;
    reader->wall.count = 0;
    reader->cpu.count = 0;
    reader->named_count = 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Keys come in the same order in every row of a document: the one behind the last is tried
 * first. */
static enum field find_field(const struct pab_row_reader *reader, const char *text, size_t length)
{
    enum spot spot = spot_of(reader);
    size_t start = reader->field == FIELD_NONE ? 0 : reader->field + 1u;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t at = start + i < FIELD_COUNT ? start + i : start + i - FIELD_COUNT;
        if (fields[at].spot == spot && reader->field_lengths[at] == length &&
            memcmp(fields[at].key, text, length) == 0) {
            return (enum field)at;
        }
    }
    return FIELD_NONE;
}

static bool keep_key(struct pab_row_reader *reader, const char *text, size_t length)
{
    if (length == 0 || length > PAB_READING_NAME_MAX || memchr(text, '\0', length) != NULL) {
        return refuse(reader,
                      "a figure's name has %zu bytes, or none that can be shown; names "
                      "have 1 to %u",
                      length, PAB_READING_NAME_MAX);
    }
    memcpy(reader->key, text, length);
    reader->key[length] = '\0';
    return true;
}

bool pab_row_reader_key(struct pab_row_reader *reader, const char *text, size_t length)
{
    enum spot spot = spot_of(reader);
    if (spot == SPOT_IGNORED) {
        return true;
    }
    if (spot == SPOT_FIGURES || spot == SPOT_STRUCTURE) {
        return keep_key(reader, text, length);
    }
    reader->field = find_field(reader, text, length);
    if (reader->field != FIELD_NONE && (reader->seen & BIT(reader->field)) != 0) {
        return refuse(reader, "%s is there twice", field_name(reader->field));
    }
    reader->seen |= reader->field == FIELD_NONE ? 0 : BIT(reader->field);
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool refuse_number(struct pab_row_reader *reader, enum field field, double value)
{
    if (fields[field].kind == KIND_WHOLE || fields[field].kind == KIND_COUNT) {
        return refuse(reader, "%s is %.17g, not a whole number within 0..%.0f", field_name(field),
                      value, fields[field].most);
    }
    if (fields[field].kind == KIND_AMOUNT || field == FIELD_REPS_WALL || field == FIELD_REPS_CPU) {
        return refuse(reader, "%s holds %.17g, and time and bytes lie within 0..2^53",
                      field_name(field), value);
    }
    if (fields[field].kind == KIND_REAL) {
        return refuse(reader, "%s is %.17g, beyond what any reader of JSON holds",
                      field_name(field), value);
    }
    return refuse(reader, "%s is the number %.17g, and is none in our documents", field_name(field),
                  value);
}

static bool is_amount(double value)
{
    return value >= 0 && value <= PAB_READING_NUMBER_MAX;
}

static bool take_field(struct pab_row_reader *reader, double value)
{
    enum field field = reader->field;
    bool good = false;
    if (field == FIELD_NONE) {
        return true;
    }
    switch (fields[field].kind) {
    case KIND_IGNORED:
        return true;
    case KIND_WHOLE:
    case KIND_COUNT:
        good = value >= 0 && value <= fields[field].most && value == floor(value);
        break;
    case KIND_AMOUNT:
        good = is_amount(value);
        break;
    case KIND_REAL:
        good = fabs(value) <= PAB_READING_NUMBER_MAX;
        break;
    default:
        break;
    }
    reader->numbers[field] = value;
    return good || refuse_number(reader, field, value);
}

static bool take_repetition(struct pab_row_reader *reader, double value)
{
    struct reps *reps = reader->in == FIELD_REPS_WALL ? &reader->wall : &reader->cpu;
    if (reps->count == PAB_READING_REPS_MAX) {
        return refuse(reader, "%s has more than %u repetitions", field_name(reader->in),
                      PAB_READING_REPS_MAX);
    }
    reps->ns[reps->count++] = value;
    return is_amount(value) || refuse_number(reader, reader->in, value);
}

static bool take_figure(struct pab_row_reader *reader, double value)
{
    if (!is_amount(value)) {
        return refuse(reader, "%s is %.17g, and figures lie within 0..2^53",
                      pab_reading_show(reader->key, strlen(reader->key)).text, value);
    }
    if (reader->named_count == PAB_READING_FIGURES_MAX) {
        return refuse(reader, "it has more than %u figures", PAB_READING_FIGURES_MAX);
    }
    struct named *named = &reader->named[reader->named_count++];
    memcpy(named->name, reader->key, sizeof(named->name));
    named->value = value;
    named->is_structure = spot_of(reader) == SPOT_STRUCTURE;
    return true;
}

bool pab_row_reader_number(struct pab_row_reader *reader, double value)
{
    switch (spot_of(reader)) {
    case SPOT_ROW:
    case SPOT_MEM:
    case SPOT_KEPT_ITEM:
        return take_field(reader, value);
    case SPOT_REPS:
        return take_repetition(reader, value);
    case SPOT_STRUCTURE:
    case SPOT_FIGURES:
        return take_figure(reader, value);
    case SPOT_KEPT:
        return refuse(reader, "f_ret holds the number %.17g where {after_ms value} belongs", value);
    case SPOT_IGNORED:
        break;
    }
    return true;
}

/* Where neither a word nor a truth value can stand for a number. */
static bool refuse_word(struct pab_row_reader *reader, const char *what)
{
    enum spot spot = spot_of(reader);
    if (spot == SPOT_IGNORED ||
        ((spot == SPOT_ROW || spot == SPOT_MEM || spot == SPOT_KEPT_ITEM) &&
         (reader->field == FIELD_NONE || fields[reader->field].kind == KIND_IGNORED))) {
        return true;
    }
    return refuse(reader, "%s holds %s, which belongs elsewhere",
                  spot == SPOT_FIGURES || spot == SPOT_STRUCTURE ? "a figure"
                                                                 : field_name(reader->field),
                  what);
}

bool pab_row_reader_bool(struct pab_row_reader *reader, bool value)
{
    if (spot_of(reader) == SPOT_ROW && reader->field == FIELD_LARGE) {
        reader->row.body = value ? PAB_READING_LARGE : PAB_READING_SMALL;
        return true;
    }
    return refuse_word(reader, "a truth value");
}

bool pab_row_reader_null(struct pab_row_reader *reader)
{
    enum spot spot = spot_of(reader);
    enum field field = reader->field;
    bool may_be = spot == SPOT_ROW || spot == SPOT_MEM || spot == SPOT_KEPT_ITEM;
    if (may_be && field != FIELD_NONE && fields[field].kind >= KIND_AMOUNT) {
        return true;
    }
    return (may_be && field == FIELD_CHECKSUM) || refuse_word(reader, "null");
}

/* The value of a lower-case hex digit, or 16. */
static unsigned hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (unsigned)(digit - '0');
    }
    return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10 : 16;
}

static bool take_hash(struct pab_row_reader *reader, const char *text, size_t length)
{
    uint64_t value = 0;
    bool good = length == 16;
    for (size_t i = 0; good && i < length; i++) {
        unsigned digit = hex_digit(text[i]);
        good = digit < 16;
        value = value << 4 | digit;
    }
    if (!good) {
        return refuse(reader, "checksum is not 16 lower-case hex digits");
    }
    reader->row.checksum = value;
    reader->row.has_checksum = true;
    return true;
}

static bool take_name(struct pab_row_reader *reader, const char *text, size_t length)
{
    if (length == 0 || length > PAB_READING_NAME_MAX || memchr(text, '\0', length) != NULL) {
        return refuse(reader, "%s is a name of %zu bytes; names have 1 to %u, and no NUL",
                      field_name(reader->field), length, PAB_READING_NAME_MAX);
    }
    uint32_t name = pab_names_add(&reader->reading->names, text, length);
    if (reader->field == FIELD_WORKLOAD) {
        reader->row.workload = name;
    } else if (reader->field == FIELD_BACKEND) {
        reader->row.backend = name;
    } else {
        reader->row.pass = name;
    }
    return true;
}

bool pab_row_reader_text(struct pab_row_reader *reader, const char *text, size_t length)
{
    if (spot_of(reader) == SPOT_ROW && reader->field != FIELD_NONE) {
        if (fields[reader->field].kind == KIND_NAME) {
            return take_name(reader, text, length);
        }
        if (fields[reader->field].kind == KIND_HASH) {
            return take_hash(reader, text, length);
        }
    }
    return refuse_word(reader, "a text");
}

/* --- nesting ---------------------------------------------------------------------------------- */

bool pab_row_reader_open(struct pab_row_reader *reader, bool is_object)
{
    enum spot spot = spot_of(reader);
    enum spot inner = SPOT_IGNORED;
    enum field field = reader->field;
    if (spot == SPOT_KEPT && is_object) {
        inner = SPOT_KEPT_ITEM;
        reader->seen &= ~(BIT(FIELD_AFTER) | BIT(FIELD_VALUE));
        reader->numbers[FIELD_AFTER] = NAN;
        reader->numbers[FIELD_VALUE] = NAN;
    } else if ((spot == SPOT_ROW || spot == SPOT_MEM) && field != FIELD_NONE &&
               fields[field].kind == KIND_OPENS && fields[field].is_object == is_object) {
        inner = fields[field].opens;
        reader->in = field;
        reader->has_mem |= inner == SPOT_MEM;
    } else if (!refuse_word(reader, is_object ? "an object" : "an array")) {
        return false;
    }
    reader->depth++; /* the document's own limit is met first */
    PAB_CHECK(reader->depth < PAB_READING_DEPTH_MAX);
    reader->spots[reader->depth] = inner;
    return true;
}

void pab_row_reader_close(struct pab_row_reader *reader)
{
    if (spot_of(reader) == SPOT_KEPT_ITEM && reader->numbers[FIELD_AFTER] == 0) {
        reader->kept_at_once = reader->numbers[FIELD_VALUE];
    }
    reader->depth--;
}

/* --- the end of a row ------------------------------------------------------------------------- */

static void add_figure(struct pab_row_reader *reader, uint32_t metric, double value)
{
    if (!isnan(value)) {
        pab_reading_add_figure(reader->reading, &reader->row, metric, value);
    }
}

static double median_per_op(struct reps *reps, double ops)
{
    return reps->count > 0 && ops > 0 ? pab_median(reps->ns, reps->count) / ops : NAN;
}

static void add_times(struct pab_row_reader *reader)
{
    double ops = reader->numbers[FIELD_OPS];
    if (reader->cpu.count > 0) { /* before they are sorted */
        reader->row.first_rep_ns = reader->cpu.ns[0];
        reader->row.last_rep_ns = reader->cpu.ns[reader->cpu.count - 1];
    }
    add_figure(reader, METRIC_CPU, median_per_op(&reader->cpu, ops));
    add_figure(reader, METRIC_WALL, median_per_op(&reader->wall, ops));
    add_figure(reader, METRIC_COLD, ops > 0 ? reader->numbers[FIELD_COLD] / ops : NAN);
}

static void add_memory(struct pab_row_reader *reader)
{
    add_figure(reader, METRIC_PEAK_RSS, reader->numbers[FIELD_PEAK_RSS]);
    add_figure(reader, METRIC_F_PEAK, reader->numbers[FIELD_F_PEAK]);
    add_figure(reader, METRIC_F_TIME, reader->numbers[FIELD_F_TIME]);
    add_figure(reader, METRIC_F_RET, reader->kept_at_once);
    add_figure(reader, METRIC_INTERNAL, reader->numbers[FIELD_INTERNAL]);
}

/* "PASS.FIGURE", and "structure.NAME" of the memory pass. */
static bool add_named(struct pab_row_reader *reader, const char *pass)
{
    struct pab_reading *reading = reader->reading;
    for (size_t i = 0; i < reader->named_count; i++) {
        const struct named *named = &reader->named[i];
        char name[2 * PAB_READING_NAME_MAX + 2];
        int length = snprintf(name, sizeof(name), "%s.%s", named->is_structure ? "structure" : pass,
                              named->name);
        size_t known = reading->metric_names.count;
        uint32_t number = pab_names_add(&reading->metric_names, name, (size_t)length);
        if (number == known && !pab_reading_is_plain(name)) {
            return refuse(reader, "the name of its figure %s is no plain text",
                          pab_reading_show(name, (size_t)length).text);
        }
        if (reading->metric_names.count > PAB_READING_METRICS_MAX) {
            return refuse(reader, "with it there are more than %u different figures",
                          PAB_READING_METRICS_MAX);
        }
        if (!pab_reading_is_first_of_row(reading, number)) {
            return refuse(reader, "%s is there twice", pab_reading_show(name, (size_t)length).text);
        }
        add_figure(reader, METRIC_FIXED + number, named->value);
    }
    return true;
}

/* A metric is of one pass, so that a cell has one value of it in a round. */
static bool add_figures(struct pab_row_reader *reader)
{
    const char *pass = reader->reading->names.texts[reader->row.pass];
    bool is_memory = strcmp(pass, "memory") == 0;
    if (strcmp(pass, "structure") == 0 || strchr(pass, '.') != NULL) {
        return refuse(reader, "its pass %s could not be told from another's figures",
                      pab_reading_show(pass, strlen(pass)).text);
    }
    if (reader->has_mem && !is_memory) {
        return refuse(reader, "it has mem, and is of another pass than memory");
    }
    reader->row.first_figure = (uint32_t)reader->reading->figure_count;
    if (is_memory) {
        reader->row.body = PAB_READING_LARGE;
        add_memory(reader);
    } else if (strcmp(pass, "time") == 0) {
        reader->row.body = PAB_READING_SMALL;
        add_times(reader);
    }
    return add_named(reader, pass);
}

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

bool pab_row_reader_end(struct pab_row_reader *reader)
{
    struct pab_reading_row *row = &reader->row;
    uint64_t missing = FIELDS_NEEDED & ~reader->seen;
    if (missing != 0) {
        return refuse(reader, "it has no %s", field_name((enum field)__builtin_ctzll(missing)));
    }
    row->round = (uint32_t)reader->numbers[FIELD_ROUND];
    row->position = (uint32_t)or_zero(reader->numbers[FIELD_POSITION]);
    row->host = (uint16_t)or_zero(reader->numbers[FIELD_HOST]);
    row->started_ms = (uint64_t)or_zero(reader->numbers[FIELD_STARTED]);
    row->ended_well = reader->numbers[FIELD_EXIT] == 0 && reader->numbers[FIELD_SIGNAL] == 0;
    row->first_rep_ns = NAN;
    row->last_rep_ns = NAN;
    if (!add_figures(reader)) {
        return false;
    }
    pab_reading_add_row(reader->reading, row);
    return true;
}

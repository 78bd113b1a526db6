#include "harness/compare/reading_state.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <yajl/yajl_parse.h>

/* What the next value is, or what the open one belongs to. */
enum part {
    PART_TOP,  /* the document */
    PART_RUN,  /* its "pyallocbench" */
    PART_NONE, /* within one of these two, before a key */
    PART_IGNORED,
    PART_TREE,
    PART_ROWS,
};

struct pab_reading_parser {
    struct pab_reading *reading;
    struct pab_error *err;
    yajl_handle yajl;
    uint64_t bytes; /* parsed before */
    size_t depth;   /* open braces and brackets */
    enum part part;
    size_t part_depth; /* where its value stands */
    bool in_run;
    bool is_control;
    size_t row_index;
    bool refused;    /* err is filled, but a newer schema would be a better reason */
    bool has_schema; /* and it is ours */
    json_t *seen[2]; /* {KEY: true}: of the document, of "pyallocbench" */
    char name[64];   /* of the part */
    struct pab_tree tree;
    struct pab_row_reader *rows;
};

/* There is no use in going on. */
__attribute__((format(printf, 2, 3))) static int stop(struct pab_reading_parser *parser,
                                                      const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!parser->refused) {
        pab_fail(parser->err, PAB_BAD_DATA, "%s: %s", parser->reading->path, text);
        parser->refused = true;
    }
    return 0;
}

/* A row or value that is refused: what a newer schema means by it is not ours to judge, so the
 * schema is looked for first. */
static int take(struct pab_reading_parser *parser, bool good)
{
    if (!good) {
        parser->refused = true;
        parser->part = PART_IGNORED;
        json_decref(parser->tree.root);
        parser->tree.root = NULL;
    }
    return good || !parser->has_schema;
}

/* --- parts ------------------------------------------------------------------------------------ */

static enum part part_of_key(const struct pab_reading_parser *parser)
{
    bool is_schema = strcmp(parser->name, "schema") == 0;
    if (!parser->in_run) {
        return strcmp(parser->name, "pyallocbench") == 0 ? PART_RUN : PART_IGNORED;
    }
    if ((parser->refused && !is_schema) || strcmp(parser->name, "timelines") == 0) {
        return PART_IGNORED;
    }
    bool is_rows = strcmp(parser->name, "samples") == 0 || strcmp(parser->name, "control") == 0;
    return is_rows ? PART_ROWS : PART_TREE;
}

static int begin_part(struct pab_reading_parser *parser, const char *key, size_t length)
{
    struct pab_reading_shown shown = pab_reading_show(key, length);
    if (length >= sizeof(parser->name) || memchr(key, '\0', length) != NULL) {
        return stop(parser, "the key %s... is none of ours: " PAB_READING_ADVICE, shown.text);
    }
    json_t *seen = parser->seen[parser->in_run];
    if (json_object_getn(seen, key, length) != NULL) {
        return stop(parser, "%s is there twice: " PAB_READING_ADVICE, shown.text);
    }
    json_object_setn_new(seen, key, length, json_true()); /* not UTF-8: no key of ours */
    memcpy(parser->name, key, length);
    parser->name[length] = '\0';
    parser->part = part_of_key(parser);
    parser->part_depth = parser->depth;
    parser->is_control = strcmp(parser->name, "control") == 0;
    parser->row_index = 0;
    parser->tree.root = NULL;
    parser->tree.depth = 0;
    return 1;
}

static int check_schema(struct pab_reading_parser *parser)
{
    const char *schema = json_string_value(json_object_get(parser->reading->run, "schema"));
    if (schema == NULL || strncmp(schema, PAB_SCHEMA, strlen(PAB_SCHEMA) - 1) != 0) {
        return stop(parser, "is no results document of pyallocbench");
    }
    if (strcmp(schema, PAB_SCHEMA) != 0) {
        parser->refused = true;
        pab_fail(parser->err, PAB_NOT_COMPARABLE,
                 "%s: is of schema %s; this pyallocbench reads %s: use a newer one",
                 parser->reading->path, pab_reading_show(schema, strlen(schema)).text, PAB_SCHEMA);
        return 0;
    }
    parser->has_schema = true;
    return !parser->refused;
}

/* After each value: is it the last one of the part? */
static int end_value(struct pab_reading_parser *parser)
{
    if (parser->depth != parser->part_depth || parser->part == PART_NONE) {
        return 1;
    }
    bool is_tree = parser->part == PART_TREE;
    parser->part = PART_NONE;
    if (!is_tree) {
        return 1;
    }
    json_object_set_new(parser->reading->run, parser->name, parser->tree.root);
    parser->tree.root = NULL;
    return strcmp(parser->name, "schema") == 0 ? check_schema(parser) : 1;
}

/* --- yajl's events ---------------------------------------------------------------------------- */

/* What stands where no such value can. */
static int misplaced(struct pab_reading_parser *parser)
{
    if (parser->part == PART_ROWS) {
        return stop(parser, "%s is no array of objects: " PAB_READING_ADVICE, parser->name);
    }
    return stop(parser, "is no results document of pyallocbench");
}

static bool is_within_row(const struct pab_reading_parser *parser)
{
    return parser->depth > parser->part_depth + 1;
}

static int on_number(void *context, const char *text, size_t length)
{
    struct pab_reading_parser *parser = context;
    double value = 0;
    if (parser->part == PART_TREE) {
        return take(parser, pab_tree_number(&parser->tree, text, length)) && end_value(parser);
    }
    if (parser->part != PART_ROWS) {
        return parser->part == PART_IGNORED ? end_value(parser) : misplaced(parser);
    }
    if (!is_within_row(parser)) {
        return misplaced(parser);
    }
    if (!pab_reading_number(text, length, &value)) {
        pab_reading_refuse(parser->reading, parser->err, parser->name, parser->row_index,
                           "%s is a number beyond what any reader of JSON holds",
                           pab_reading_show(text, length).text);
        return take(parser, false);
    }
    return take(parser, pab_row_reader_number(parser->rows, value));
}

static int on_string(void *context, const unsigned char *bytes, size_t length)
{
    struct pab_reading_parser *parser = context;
    const char *text = (const char *)bytes;
    if (parser->part == PART_TREE) {
        return take(parser, pab_tree_text(&parser->tree, text, length)) && end_value(parser);
    }
    if (parser->part != PART_ROWS) {
        return parser->part == PART_IGNORED ? end_value(parser) : misplaced(parser);
    }
    return is_within_row(parser) ? take(parser, pab_row_reader_text(parser->rows, text, length))
                                 : misplaced(parser);
}

static int on_null(void *context)
{
    struct pab_reading_parser *parser = context;
    if (parser->part == PART_TREE) {
        return take(parser, pab_tree_add(&parser->tree, json_null())) && end_value(parser);
    }
    if (parser->part != PART_ROWS) {
        return parser->part == PART_IGNORED ? end_value(parser) : misplaced(parser);
    }
    return is_within_row(parser) ? take(parser, pab_row_reader_null(parser->rows))
                                 : misplaced(parser);
}

static int on_bool(void *context, int value)
{
    struct pab_reading_parser *parser = context;
    if (parser->part == PART_TREE) {
        return take(parser, pab_tree_add(&parser->tree, json_boolean(value))) && end_value(parser);
    }
    if (parser->part != PART_ROWS) {
        return parser->part == PART_IGNORED ? end_value(parser) : misplaced(parser);
    }
    return is_within_row(parser) ? take(parser, pab_row_reader_bool(parser->rows, value != 0))
                                 : misplaced(parser);
}

static int on_key(void *context, const unsigned char *bytes, size_t length)
{
    struct pab_reading_parser *parser = context;
    const char *key = (const char *)bytes;
    switch (parser->part) {
    case PART_NONE:
        return begin_part(parser, key, length);
    case PART_TREE:
        return take(parser, pab_tree_key(&parser->tree, key, length));
    case PART_ROWS:
        return take(parser, pab_row_reader_key(parser->rows, key, length));
    default:
        return 1;
    }
}

static int open_in_rows(struct pab_reading_parser *parser, bool is_object)
{
    size_t level = parser->depth - parser->part_depth;
    if (level <= 1 && is_object != (level == 1)) {
        return misplaced(parser);
    }
    if (level == 1) {
        pab_row_reader_begin(parser->rows, parser->is_control, parser->row_index);
    }
    return level <= 1 || take(parser, pab_row_reader_open(parser->rows, is_object));
}

static int open_container(struct pab_reading_parser *parser, bool is_object)
{
    int good = 1;
    if (parser->depth == PAB_READING_DEPTH_MAX) {
        return stop(parser, "is nested deeper than any of ours: " PAB_READING_ADVICE);
    }
    switch (parser->part) {
    case PART_TOP:
    case PART_RUN:
        if (!is_object) {
            return misplaced(parser);
        }
        parser->in_run = parser->part == PART_RUN;
        parser->part = PART_NONE;
        break;
    case PART_TREE:
        good = take(parser, pab_tree_add(&parser->tree, is_object ? json_object() : json_array()));
        break;
    case PART_ROWS:
        good = open_in_rows(parser, is_object);
        break;
    default:
        break;
    }
    parser->depth++;
    return good;
}

static int close_in_rows(struct pab_reading_parser *parser)
{
    size_t level = parser->depth - parser->part_depth;
    if (level == 1) {
        parser->row_index++;
        return take(parser, pab_row_reader_end(parser->rows));
    }
    if (level > 1) {
        pab_row_reader_close(parser->rows);
    }
    return 1;
}

static int close_container(void *context)
{
    struct pab_reading_parser *parser = context;
    int good = 1;
    parser->depth--;
    if (parser->part == PART_NONE) {
        parser->in_run = false;
        return 1;
    }
    if (parser->part == PART_TREE) {
        pab_tree_close(&parser->tree);
    } else if (parser->part == PART_ROWS) {
        good = close_in_rows(parser);
    }
    return good && end_value(parser);
}

static int on_open_object(void *context)
{
    return open_container(context, true);
}

static int on_open_array(void *context)
{
    return open_container(context, false);
}

static const yajl_callbacks events = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open_object,
    .yajl_map_key = on_key,
    .yajl_end_map = close_container,
    .yajl_start_array = on_open_array,
    .yajl_end_array = close_container,
};

/* --- the parser ------------------------------------------------------------------------------- */

struct pab_reading_parser *pab_reading_parser_new(struct pab_reading *reading,
                                                  struct pab_error *err)
{
    struct pab_reading_parser *parser = calloc(1, sizeof(*parser));
    PAB_CHECK(parser != NULL);
    parser->reading = reading;
    parser->err = err;
    parser->part = PART_TOP;
    parser->yajl = yajl_alloc(&events, NULL, parser);
    PAB_CHECK(parser->yajl != NULL);
    parser->rows = pab_row_reader_new(reading, err);
    parser->seen[0] = json_object();
    parser->seen[1] = json_object();
    parser->tree = (struct pab_tree){.reading = reading, .err = err, .name = parser->name};
    return parser;
}

void pab_reading_parser_free(struct pab_reading_parser *parser)
{
    yajl_free(parser->yajl);
    pab_row_reader_free(parser->rows);
    json_decref(parser->seen[0]);
    json_decref(parser->seen[1]);
    json_decref(parser->tree.root);
    free(parser);
}

/* The word around `at`, letters and signs. */
static struct pab_reading_shown word_at(const char *text, size_t bytes, size_t at)
{
    static const char of_words[] = "+-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t first = at < bytes ? at : bytes;
    size_t end = first;
    while (first > 0 && memchr(of_words, text[first - 1], sizeof(of_words) - 1) != NULL) {
        first--;
    }
    while (end < bytes && memchr(of_words, text[end], sizeof(of_words) - 1) != NULL) {
        end++;
    }
    return pab_reading_show(text + first, end - first);
}

static bool is_no_number(const char *word)
{
    word += *word == '-' || *word == '+';
    return strncasecmp(word, "nan", 3) == 0 || strncasecmp(word, "inf", 3) == 0;
}

/* yajl's own reason, without its line end; what other programs write for no number by name. */
static void explain_grammar(struct pab_reading_parser *parser, const char *text, size_t bytes)
{
    size_t at = yajl_get_bytes_consumed(parser->yajl);
    unsigned long long place = parser->bytes + at;
    struct pab_reading_shown word = word_at(text, bytes, at);
    if (is_no_number(word.text)) {
        stop(parser, "holds %s near byte %llu, which is no JSON: " PAB_READING_ADVICE, word.text,
             place);
        return;
    }
    unsigned char *reason = yajl_get_error(parser->yajl, 0, NULL, 0);
    const char *words = reason == NULL ? "unknown error" : (const char *)reason;
    stop(parser, "is not JSON: %.*s near byte %llu: copy it again, or run again",
         (int)strcspn(words, "\n"), words, place);
    yajl_free_error(parser->yajl, reason);
}

bool pab_reading_parser_feed(struct pab_reading_parser *parser, const unsigned char *text,
                             size_t bytes)
{
    if (parser->bytes + bytes > PAB_READING_BYTES_MAX) {
        stop(parser, "is larger than 1 GiB, and no document of ours should be: split the run");
        return false;
    }
    yajl_status status = yajl_parse(parser->yajl, text, bytes);
    if (status == yajl_status_error) {
        explain_grammar(parser, (const char *)text, bytes);
    }
    parser->bytes += bytes;
    return status == yajl_status_ok;
}

/* What no document lacks. */
static enum pab_status check_parts(struct pab_reading_parser *parser)
{
    static const char *const needed[] = {"schema",   "samples",  "workloads",
                                         "backends", "failures", "baseline"};
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        if (json_object_get(parser->seen[1], needed[i]) == NULL) {
            bool is_ours = i > 0;
            stop(parser,
                 is_ours ? "has no %s: " PAB_READING_ADVICE
                         : "is no results document of pyallocbench",
                 needed[i]);
            return PAB_BAD_DATA;
        }
    }
    return PAB_OK;
}

enum pab_status pab_reading_parser_end(struct pab_reading_parser *parser)
{
    if (!parser->refused && yajl_complete_parse(parser->yajl) != yajl_status_ok) {
        stop(parser,
             "is cut short after %llu bytes: copy it again (the .partial of an unfinished "
             "run becomes whole by run --resume)",
             (unsigned long long)parser->bytes);
    }
    if (!parser->refused) {
        return check_parts(parser);
    }
    return parser->err != NULL ? parser->err->status : PAB_BAD_DATA;
}

/* workloads/strings.c -- text that is read, taken apart, counted and kept for a while.
 *
 * A str is one block: 49 bytes and the characters if all are ASCII, 73 if they fit Latin-1, 74
 * and two bytes each for most other scripts (PEP 393; CPython 3.11, Objects/unicodeobject.c). So
 * text processing asks for blocks of 50..130 bytes, of no round size, whose lives follow the line
 * they came from; `s += t` resizes one block over and over, to the exact size.
 *
 * The text is synthetic: words of a vocabulary drawn by Zipf's law, in lines of 4..19 words. Its
 * bytes lie in the inputs, as a file's pages lie in the system's cache. The body acts out a
 * service that reads lines, turns each into a record (line, [word, ...]) and keeps a bounded
 * number of records, replacing at random:
 *
 *   records   list of `live` tuples          counts   dict word -> how often
 *   names     dict of interned words, as the compiler and attribute look-ups keep them
 *
 * An operation is one result: a str or bytes object, a count, a container of a record.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/mix.h"
#include "workloads/support/program.h"
#include "workloads/support/zipf.h"
#include "workloads/workload.h"

#include <string.h>

enum { LIVE, STEPS, WORDS, LATIN, WIDE, HOT };

static const struct pab_param strings_params[] = {
    {"live", "records kept", "records", 600, 60000, 16, 10000000},
    {"steps", "lines handled in the steady phase", "lines", 2500, 100000, 16, 100000000},
    {"words", "size of the vocabulary", "words", 4000, 60000, 16, 1000000},
    {"latin", "share of the other words with a Latin-1 letter", "1/1000", 20, 0, 0, 1000},
    {"wide", "share of words in a two-byte script", "1/1000", 5, 0, 0, 1000},
    {"hot", "share of replacements that hit the hot sixteenth", "1/1000", 500, 0, 0, 1000},
    {0},
};

#define LINES         4096u /* of the synthetic text, a power of two */
#define LINE_WORDS    19u   /* at most */
#define WORD_LETTERS  16u   /* at most */
#define WORD_BYTES    (2 * WORD_LETTERS)
#define TEXT_BYTES    ((size_t)LINES * LINE_WORDS * (WORD_BYTES + 1))
#define COMMONEST     64u  /* words that are short */
#define COUNTS_LIMIT  8192 /* words, above which the counts are summed up and started anew */
#define REPORT_LENGTH 400  /* characters, above which a report is finished */

struct word {
    char text[WORD_BYTES];
    uint8_t bytes;
};

struct line {
    uint32_t start, bytes; /* within the text */
};

struct strings {
    struct pab_program py;
    struct pab_mix mix;
    const char *text; /* UTF-8 */
    struct line lines[LINES];
    /* Reset at the start of each body: */
    struct pab_object *records, *counts, *names;
    struct pab_object *space, *comma, *spaced_comma; /* constants of the code */
};

/* --- the text ------------------------------------------------------------------------------ */

/* Lengths 1..16 with a mean of 7, but 1..4 for the commonest words: what is said often is short. */
static uint32_t draw_letters(struct pab_rng *rng, uint32_t rank)
{
    uint32_t letters = 1 + pab_rng_below(rng, 4);
    if (rank >= COMMONEST) {
        letters += pab_rng_below(rng, 4);
        letters += pab_rng_below(rng, 4);
        letters += pab_rng_below(rng, 2) == 0 ? 0 : pab_rng_below(rng, 7);
    }
    return letters;
}

static void put_letter(struct word *word, uint32_t code_point)
{
    if (code_point < 0x80) {
        word->text[word->bytes++] = (char)code_point;
    } else {
        word->text[word->bytes++] = (char)(0xc0 | code_point >> 6);
        word->text[word->bytes++] = (char)(0x80 | (code_point & 0x3f));
    }
}

/* `latin`: one letter is U+00E0..U+00FE; `wide`: all are Greek small letters. */
static struct word draw_word(struct pab_rng *rng, uint32_t rank, const uint64_t *params)
{
    struct word word = {.bytes = 0};
    uint32_t letters = draw_letters(rng, rank);
    bool wide = pab_rng_below(rng, 1000) < params[WIDE];
    bool latin = !wide && pab_rng_below(rng, 1000) < params[LATIN];
    uint32_t accented = latin ? pab_rng_below(rng, letters) : letters;
    for (uint32_t i = 0; i < letters; i++) {
        if (wide) {
            put_letter(&word, 0x3b1 + pab_rng_below(rng, 17));
        } else if (i == accented) {
            put_letter(&word, 0xe0 + pab_rng_below(rng, 23));
        } else {
            uint32_t first = i == 0 && pab_rng_below(rng, 8) == 0 ? 'A' : 'a';
            put_letter(&word, first + pab_rng_below(rng, 26));
        }
    }
    return word;
}

static void write_text(struct strings *w, struct pab_inputs *inputs, struct pab_rng *rng)
{
    uint32_t vocabulary = (uint32_t)w->py.params[WORDS];
    struct word *words = pab_inputs_take(inputs, vocabulary * sizeof(*words));
    for (uint32_t i = 0; i < vocabulary; i++) {
        words[i] = draw_word(rng, i, w->py.params);
    }
    struct pab_zipf zipf;
    pab_zipf_init(&zipf, vocabulary, inputs);
    char *text = pab_inputs_take(inputs, TEXT_BYTES);
    uint32_t used = 0;
    for (uint32_t i = 0; i < LINES; i++) {
        w->lines[i].start = used;
        for (uint32_t left = 4 + pab_rng_below(rng, LINE_WORDS - 3); left > 0; left--) {
            const struct word *word = &words[pab_zipf_draw(&zipf, rng)];
            memcpy(text + used, word->text, word->bytes);
            used += word->bytes;
            text[used] = ' ';
            used += left > 1;
        }
        w->lines[i].bytes = used - w->lines[i].start;
    }
    w->text = text;
}

/* --- small steps --------------------------------------------------------------------------- */

static uint32_t below(struct strings *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

/* Notes the length and the two ends of a str: what a reader of the result would look at. */
static void note(struct strings *w, struct pab_object *str)
{
    pab_ssize length = pab_unicode_length(str);
    w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)length);
    if (length > 0) {
        w->py.sum = pab_checksum_add(w->py.sum, pab_unicode_read_char(str, 0));
        w->py.sum = pab_checksum_add(w->py.sum, pab_unicode_read_char(str, length - 1));
    }
}

/* file.readline() */
static struct pab_object *read_line(struct strings *w)
{
    const struct line *line = &w->lines[below(w, LINES)];
    w->py.ops++;
    return pab_must(pab_unicode_from_utf8(w->text + line->start, (pab_ssize)line->bytes));
}

static struct pab_object *split(struct strings *w, struct pab_object *line)
{
    struct pab_object *words = pab_must(pab_unicode_split(line, ' '));
    w->py.ops += (uint64_t)pab_list_size(words) + 1;
    return words;
}

static struct pab_object *random_record(struct strings *w)
{
    return pab_list_get_item(w->records, below(w, (uint32_t)w->py.params[LIVE]));
}

static struct pab_object *random_word(struct strings *w)
{
    struct pab_object *words = pab_tuple_get_item(random_record(w), 1);
    return pab_list_get_item(words, below(w, (uint32_t)pab_list_size(words)));
}

/* --- the handlers: each acts out the Python code above it ----------------------------------- */

/* words = line.split(' '); record = (line, words) */
static struct pab_object *make_record(struct strings *w)
{
    struct pab_object *line = read_line(w);
    struct pab_object *words = split(w, line);
    struct pab_object *record = pab_must(pab_tuple_pack(2, line, words));
    pab_decref(words);
    pab_decref(line);
    w->py.ops++;
    return record;
}

/* records[index()] = record */
static void keep_record(struct strings *w)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    uint32_t reach = below(w, 1000) < w->py.params[HOT] ? live / 16 : live;
    uint32_t index = below(w, reach);
    pab_list_set_item(w->records, (pab_ssize)index, make_record(w));
}

/* When too many words are known: the total goes to the checksum, counts = {} */
static void sum_up_counts(struct strings *w)
{
    struct pab_object *word;
    struct pab_object *count;
    for (pab_ssize at = 0; pab_dict_next(w->counts, &at, &word, &count);) {
        note(w, word);
        w->py.sum = pab_checksum_add(w->py.sum, (uint64_t)pab_long_as_int64(count));
    }
    pab_store(&w->counts, pab_must(pab_dict_new()));
}

/* for word in line.lower().split(' '): counts[word] = counts.get(word, 0) + 1 */
static void count_words(struct strings *w)
{
    struct pab_object *line = read_line(w);
    pab_store(&line, pab_must(pab_unicode_lower(line)));
    struct pab_object *words = split(w, line);
    struct pab_object *one = pab_int(1);
    for (pab_ssize i = 0; i < pab_list_size(words); i++) {
        struct pab_object *word = pab_list_get_item(words, i);
        struct pab_object *known = pab_dict_get_item(w->counts, word);
        struct pab_object *count =
            known == NULL ? pab_new_ref(one) : pab_must(pab_long_add(known, one));
        pab_must_do(pab_dict_set_item(w->counts, word, count));
        pab_decref(count);
        w->py.ops++;
    }
    pab_decref(one);
    pab_decref(words);
    pab_decref(line);
    w->py.ops++;
    if (pab_dict_size(w->counts) > COUNTS_LIMIT) {
        sum_up_counts(w);
    }
}

/* A tokenizer: for each name, text[k:k + n], then sys.intern() of it. */
static void intern_names(struct strings *w)
{
    struct pab_object *line = pab_tuple_get_item(random_record(w), 0);
    pab_ssize length = pab_unicode_length(line);
    pab_ssize start = 0;
    for (pab_ssize end = 0; end <= length; end++) {
        if (end < length && pab_unicode_read_char(line, end) != ' ') {
            continue;
        }
        struct pab_object *name = pab_must(pab_unicode_substring(line, start, end));
        pab_must_do(pab_unicode_intern_in_place(&name));
        pab_must_do(pab_dict_set_item(w->names, name, pab_none()));
        pab_decref(name);
        start = end + 1;
        w->py.ops += 3;
    }
    if (pab_dict_size(w->names) > COUNTS_LIMIT) {
        pab_dict_clear(w->names);
    }
}

/* report = ''; for ...: report += word; report += ' ' -- one str, resized again and again */
static void build_report(struct strings *w)
{
    struct pab_object *report = pab_must(pab_unicode_from_ascii("", 0));
    while (pab_unicode_length(report) < REPORT_LENGTH) {
        pab_must_do(pab_unicode_append(&report, random_word(w)));
        pab_must_do(pab_unicode_append(&report, w->space));
        w->py.ops += 2;
    }
    note(w, report);
    pab_decref(report);
}

/* str(number) + ': ' + word, several times, then ', '.join(parts) */
static void format_fields(struct strings *w)
{
    struct pab_object *parts = pab_must(pab_list_new(0));
    for (uint32_t left = 2 + below(w, 8); left > 0; left--) {
        struct pab_object *number = pab_int(below(w, 100000));
        struct pab_object *field = pab_must(pab_object_str(number));
        pab_decref(number);
        pab_store(&field, pab_must(pab_unicode_concat(field, w->spaced_comma)));
        pab_store(&field, pab_must(pab_unicode_concat(field, random_word(w))));
        pab_list_push(parts, field);
        w->py.ops += 4;
    }
    struct pab_object *joined = pab_must(pab_unicode_join(w->spaced_comma, parts));
    note(w, joined);
    pab_decref(joined);
    pab_decref(parts);
    w->py.ops += 2;
}

/* line.replace(' ', ','), line.find(word), line[a:b] */
static void edit_line(struct strings *w)
{
    struct pab_object *record = random_record(w);
    struct pab_object *line = pab_tuple_get_item(record, 0);
    struct pab_object *words = pab_tuple_get_item(record, 1);
    struct pab_object *last = pab_list_get_item(words, pab_list_size(words) - 1);
    pab_ssize found = pab_unicode_find(line, last);
    struct pab_object *edited = pab_must(pab_unicode_replace(line, w->space, w->comma));
    struct pab_object *part =
        pab_must(pab_unicode_substring(edited, found / 2, pab_unicode_length(edited)));
    pab_decref(edited);
    note(w, part);
    pab_decref(part);
    w->py.ops += 3;
}

/* data = header + line.encode(); data.decode(): what is sent and received */
static void send_and_receive(struct strings *w)
{
    struct pab_object *line = pab_tuple_get_item(random_record(w), 0);
    struct pab_object *body = pab_must(pab_unicode_encode(line));
    struct pab_object *header = pab_must(pab_bytes_from_string("length: ", 8));
    struct pab_object *data = pab_must(pab_bytes_concat(header, body));
    pab_decref(header);
    pab_decref(body);
    struct pab_object *received = pab_must(pab_bytes_decode(data));
    pab_decref(data);
    note(w, received);
    pab_decref(received);
    w->py.ops += 4;
}

/* Shares of 256, of lines handled. */
static const struct handler {
    void (*run)(struct strings *w);
    unsigned shares;
} handlers[] = {
    {keep_record, 96},   {count_words, 56}, {intern_names, 24},     {build_report, 8},
    {format_fields, 24}, {edit_line, 24},   {send_and_receive, 24},
};

/* --- the phases ---------------------------------------------------------------------------- */

static void build(struct strings *w)
{
    w->space = pab_must(pab_unicode_from_ascii(" ", 1));
    w->comma = pab_must(pab_unicode_from_ascii(",", 1));
    w->spaced_comma = pab_must(pab_unicode_from_ascii(", ", 2));
    w->counts = pab_must(pab_dict_new());
    w->names = pab_must(pab_dict_new());
    w->records = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->records, make_record(w));
    }
}

static void note_all(struct strings *w)
{
    sum_up_counts(w);
    for (uint64_t i = 0; i < w->py.params[LIVE]; i++) {
        struct pab_object *record = pab_list_get_item(w->records, (pab_ssize)i);
        note(w, pab_tuple_get_item(record, 0));
        w->py.sum =
            pab_checksum_add(w->py.sum, (uint64_t)pab_list_size(pab_tuple_get_item(record, 1)));
    }
}

/* records[i] = None for three quarters in scattered order, as caches age; then all the rest. */
static void drain(struct strings *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->records, w->py.params[LIVE], seed);
    pab_unbind(&w->records);
    pab_unbind(&w->names);
    pab_unbind(&w->counts);
    pab_unbind(&w->spaced_comma);
    pab_unbind(&w->comma);
    pab_unbind(&w->space);
}

static void strings_body(struct pab_run *run)
{
    struct strings *w = run->state;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        handlers[pab_mix_draw(&w->mix, &w->py.rng)].run(w);
    }
    note_all(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status strings_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct strings *w = pab_program_new(run, sizeof(*w));
    struct pab_rng rng;
    pab_rng_seed(&rng, run->seed ^ LINES);
    write_text(w, run->inputs, &rng);
    for (unsigned i = 0; i < ARRAY_COUNT(handlers); i++) {
        pab_mix_add(&w->mix, i, handlers[i].shares);
    }
    PAB_CHECK(w->mix.filled == PAB_MIX_SHARES);
    return PAB_OK;
}

const struct pab_workload pab_workload_strings = {
    .name = "strings",
    .summary = "lines read, split, counted, joined, encoded and kept for a while",
    .models = "A text or log service. A str is one block of 49 + n bytes (ASCII), 73 + n (Latin-1) "
              "or 74 + 2n (two-byte scripts), `+=` resizes it in place to the exact size (CPython "
              "3.11, Objects/unicodeobject.c, PEP 393). Words follow Zipf's law; the proportion of "
              "handlers is our choice, not measured.",
    .unit = "one result: a str or bytes object, a count, a list or tuple",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = strings_params,
    .setup = strings_setup,
    .body = strings_body,
};

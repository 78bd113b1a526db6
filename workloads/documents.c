/* workloads/documents.c -- JSON documents: read, walked, kept for a while, written, dropped.
 *
 * What json.loads() asks for (CPython 3.11, Modules/_json.c): a dict or list for each pair of
 * brackets, grown item by item; a str cut out of the text for each string; for a key, one object
 * for all that are alike within the document, through a memo that is emptied at its end; for a
 * number, first a bytes object with its digits. So a document is a tree of hundreds of blocks of
 * very unlike sizes, made within a moment and dropped as one, from its root.
 *
 * The texts are drawn once, before the body: lists of records with texts, numbers, tags and
 * records within records. The body keeps `live` parsed documents. One after another is read anew,
 * walked as a program does that looks for something, or written: json.dumps() makes a list of
 * pieces and joins it.
 *
 * An operation is one value read, visited or written.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/support/scatter.h"
#include "workloads/workload.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIVE, STEPS, RECORDS, DEPTH };

static const struct pab_param documents_params[] = {
    {"live", "documents kept", "documents", 24, 1200, 4, 10000000},
    {"steps", "documents read, walked or written in the steady phase", "documents", 60, 2000, 4,
     100000000},
    {"records", "bound of the records of one document", "records", 24, 48, 1, 100000},
    {"depth", "how deep records lie within records, at most", "levels", 3, 0, 1, 12},
    {0},
};

#define TEXTS      32u
#define TEXT_BYTES 512u /* for each record and level, at most */

struct documents {
    struct pab_program py;
    char *texts[TEXTS];
    size_t lengths[TEXTS];
    /* Reset at the start of each body: */
    struct pab_object *kept;
    struct pab_object *memo; /* of the keys: the scanner's */
};

/* --- the texts: drawn in setup() ------------------------------------------------------------- */

struct writer {
    struct pab_rng rng;
    char *text;
    size_t used, capacity;
};

static void put(struct writer *writer, const char *text)
{
    size_t length = strlen(text);
    PAB_CHECK(length < writer->capacity - writer->used);
    memcpy(writer->text + writer->used, text, length + 1);
    writer->used += length;
}

static void put_number(struct writer *writer, const char *before, uint32_t number)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", number);
    put(writer, before);
    put(writer, text);
}

static void put_words(struct writer *writer, uint32_t count)
{
    static const char *const words[] = {"river",  "stone", "a",     "northern", "light",
                                        "forest", "of",    "early", "harbour",  "glass"};
    put(writer, "\"");
    for (uint32_t i = 0; i < count; i++) {
        put(writer, i == 0 ? "" : " ");
        put(writer, words[pab_rng_below(&writer->rng, 10)]);
    }
    put(writer, "\"");
}

static void put_tags(struct writer *writer)
{
    uint32_t count = pab_rng_below(&writer->rng, 5);
    put(writer, "\"tags\": [");
    for (uint32_t i = 0; i < count; i++) {
        put(writer, i == 0 ? "" : ", ");
        put_words(writer, 1);
    }
    put(writer, "]");
}

/* {"id": 1, ..., "inner": {...}}: a chain of records, each within the one before. */
static void put_record(struct writer *writer, uint32_t levels)
{
    static const char *const quarter_texts[] = {".00", ".25", ".50", ".75"};
    for (uint32_t level = 0; level < levels; level++) {
        uint32_t id = pab_rng_below(&writer->rng, 1000000);
        uint32_t quarters = pab_rng_below(&writer->rng, 40000);
        put_number(writer, "{\"id\": ", id);
        put_number(writer, ", \"price\": ", quarters / 4);
        put(writer, quarter_texts[quarters % 4]);
        put(writer, ", \"name\": ");
        put_words(writer, 1 + pab_rng_below(&writer->rng, 4));
        put(writer, id % 3 == 0 ? ", \"active\": true, " : ", \"active\": false, ");
        put_tags(writer);
        if (pab_rng_below(&writer->rng, 3) == 0) {
            put(writer, ", \"text\": ");
            put_words(writer, 8 + pab_rng_below(&writer->rng, 16));
        }
        put(writer, level + 1 < levels ? ", \"inner\": " : ", \"inner\": null");
    }
    for (uint32_t level = 0; level < levels; level++) {
        put(writer, "}");
    }
}

static void put_document(struct documents *w, struct writer *writer)
{
    uint32_t records = 1 + pab_rng_below(&writer->rng, (uint32_t)w->py.params[RECORDS]);
    put_number(writer, "{\"count\": ", records);
    put(writer, ", \"items\": [");
    for (uint32_t i = 0; i < records; i++) {
        put(writer, i == 0 ? "" : ", ");
        put_record(writer, 1 + pab_rng_below(&writer->rng, (uint32_t)w->py.params[DEPTH]));
    }
    put(writer, "]}");
}

/* --- json.loads() ---------------------------------------------------------------------------- */

struct scanner {
    struct documents *w;
    struct pab_object *text;
    const char *chars;
    pab_ssize at;
};

static struct pab_object *scan_value(struct scanner *scanner);

static void skip(struct scanner *scanner, const char *separators)
{
    while (scanner->chars[scanner->at] != '\0' &&
           strchr(separators, scanner->chars[scanner->at]) != NULL) {
        scanner->at++;
    }
}

static struct pab_object *scan_string(struct scanner *scanner)
{
    pab_ssize start = ++scanner->at;
    while (scanner->chars[scanner->at] != '"') {
        scanner->at++;
    }
    return pab_must(pab_unicode_substring(scanner->text, start, scanner->at++));
}

/* memo.setdefault(key, key) */
static struct pab_object *scan_key(struct scanner *scanner)
{
    struct pab_object *memo = scanner->w->memo;
    struct pab_object *key = scan_string(scanner);
    struct pab_object *known = pab_dict_get_item(memo, key);
    if (known == NULL) {
        pab_must_do(pab_dict_set_item(memo, key, key));
        return key;
    }
    pab_incref(known);
    pab_decref(key);
    return known;
}

static struct pab_object *scan_number(struct scanner *scanner)
{
    const char *start = scanner->chars + scanner->at;
    size_t length = strspn(start, "0123456789.");
    struct pab_object *digits = pab_must(pab_bytes_from_string(start, (pab_ssize)length));
    const char *text = pab_bytes_as_string(digits);
    struct pab_object *number = memchr(text, '.', length) != NULL
                                    ? pab_must(pab_float_from_double(strtod(text, NULL)))
                                    : pab_must(pab_long_from_text(text));
    pab_decref(digits);
    scanner->at += (pab_ssize)length;
    return number;
}

static struct pab_object *scan_object(struct scanner *scanner)
{
    struct pab_object *dict = pab_must(pab_dict_new());
    scanner->at++;
    for (skip(scanner, " ,"); scanner->chars[scanner->at] != '}'; skip(scanner, " ,")) {
        struct pab_object *key = scan_key(scanner);
        skip(scanner, ": ");
        pab_dict_store(dict, key, scan_value(scanner));
    }
    scanner->at++;
    return dict;
}

static struct pab_object *scan_array(struct scanner *scanner)
{
    struct pab_object *list = pab_must(pab_list_new(0));
    scanner->at++;
    for (skip(scanner, " ,"); scanner->chars[scanner->at] != ']'; skip(scanner, " ,")) {
        pab_list_push(list, scan_value(scanner));
    }
    scanner->at++;
    return list;
}

static struct pab_object *scan_word(struct scanner *scanner)
{
    char first = scanner->chars[scanner->at];
    scanner->at += first == 'f' ? 5 : 4;
    return pab_new_ref(first == 'n' ? pab_none() : pab_bool(first == 't'));
}

static struct pab_object *scan_value(struct scanner *scanner)
{
    scanner->w->py.ops++;
    switch (scanner->chars[scanner->at]) {
    case '{':
        return scan_object(scanner);
    case '[':
        return scan_array(scanner);
    case '"':
        return scan_string(scanner);
    case 't':
    case 'f':
    case 'n':
        return scan_word(scanner);
    default:
        return scan_number(scanner);
    }
}

/* document = json.loads(file.read()) */
static struct pab_object *load(struct documents *w)
{
    uint32_t which = pab_rng_below(&w->py.rng, TEXTS);
    struct scanner scanner = {.w = w};
    scanner.text = pab_must(pab_unicode_from_ascii(w->texts[which], (pab_ssize)w->lengths[which]));
    scanner.chars = pab_unicode_data(scanner.text);
    struct pab_object *document = scan_value(&scanner);
    pab_dict_clear(w->memo);
    pab_decref(scanner.text);
    return document;
}

/* --- what is done with a document ------------------------------------------------------------- */

static void note(struct documents *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static struct pab_object *get(struct pab_object *dict, const char *key)
{
    struct pab_object *name = pab_name(key);
    struct pab_object *value = pab_dict_get_item(dict, name);
    pab_decref(name);
    return value;
}

/* while record is not None: total += record["price"]; n += len(record["tags"]); record = inner */
static void walk(struct documents *w, struct pab_object *document)
{
    struct pab_object *items = get(document, "items");
    double total = 0.0;
    uint64_t letters = 0;
    for (pab_ssize i = 0; i < pab_list_size(items); i++) {
        struct pab_object *record = pab_list_get_item(items, i);
        while (record != pab_none()) {
            total += pab_float_as_double(get(record, "price"));
            letters += (uint64_t)pab_unicode_length(get(record, "name"));
            letters += (uint64_t)pab_list_size(get(record, "tags"));
            record = get(record, "inner");
            w->py.ops += 4;
        }
    }
    note(w, (uint64_t)total);
    note(w, letters);
}

/* text = ", ".join([str(record["id"]) + ": " + record["name"] for record in items]) */
static void dump(struct documents *w, struct pab_object *document)
{
    struct pab_object *items = get(document, "items");
    struct pab_object *colon = pab_must(pab_unicode_from_ascii(": ", 2));
    struct pab_object *comma = pab_must(pab_unicode_from_ascii(", ", 2));
    struct pab_object *pieces = pab_must(pab_list_new(0));
    for (pab_ssize i = 0; i < pab_list_size(items); i++) {
        struct pab_object *record = pab_list_get_item(items, i);
        struct pab_object *piece = pab_must(pab_object_str(get(record, "id")));
        pab_must_do(pab_unicode_append(&piece, colon));
        pab_must_do(pab_unicode_append(&piece, get(record, "name")));
        pab_list_push(pieces, piece);
        w->py.ops += 3;
    }
    struct pab_object *text = pab_must(pab_unicode_join(comma, pieces));
    note(w, (uint64_t)pab_object_hash(text));
    pab_decref(text);
    pab_decref(pieces);
    pab_decref(comma);
    pab_decref(colon);
}

/* --- the phases ------------------------------------------------------------------------------ */

static void steady(struct documents *w)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        uint32_t index = pab_rng_below(&w->py.rng, live);
        switch (pab_rng_below(&w->py.rng, 4)) {
        case 0:
            walk(w, pab_list_get_item(w->kept, index));
            break;
        case 1:
            dump(w, pab_list_get_item(w->kept, index));
            break;
        default:
            pab_list_set_item(w->kept, index, load(w));
            break;
        }
    }
}

/* kept[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct documents *w, uint64_t seed)
{
    struct pab_scatter scatter;
    pab_scatter_init(&scatter, w->py.params[LIVE], seed);
    uint32_t index;
    for (uint64_t left = w->py.params[LIVE] * 3 / 4; left > 0; left--) {
        PAB_CHECK(pab_scatter_next(&scatter, &index));
        walk(w, pab_list_get_item(w->kept, index));
        pab_list_set_item(w->kept, index, pab_new_ref(pab_none()));
    }
    pab_unbind(&w->kept);
    pab_unbind(&w->memo);
}

static void documents_body(struct pab_run *run)
{
    struct documents *w = run->state;
    pab_program_begin(&w->py, run);
    w->memo = pab_must(pab_dict_new());
    w->kept = pab_must(pab_list_new(0));
    for (uint64_t i = 0; i < run->params[LIVE]; i++) {
        pab_list_push(w->kept, load(w));
    }
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

static enum pab_status documents_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct documents *w = pab_program_new(run, sizeof(*w));
    struct writer writer = {.capacity = 128 + TEXT_BYTES * (size_t)run->params[RECORDS] *
                                                  (size_t)run->params[DEPTH]};
    pab_rng_seed(&writer.rng, run->seed + 1);
    for (uint32_t i = 0; i < TEXTS; i++) {
        writer.text = pab_inputs_take(run->inputs, writer.capacity);
        writer.used = 0;
        put_document(w, &writer);
        w->texts[i] = writer.text;
        w->lengths[i] = writer.used;
    }
    return PAB_OK;
}

const struct pab_workload pab_workload_documents = {
    .name = "documents",
    .summary = "JSON documents: read, walked, kept for a while, written, dropped",
    .models = "json.loads() as its C scanner asks for memory: one dict or list for each pair of "
              "brackets, one str for each string, keys shared within a document, a bytes object "
              "for the digits of each number (CPython 3.11, Modules/_json.c). The shape of the "
              "documents is our choice, not measured.",
    .unit = "one value read, visited or written",
    .contract = PAB_WORKLOAD_CONTRACT,
    .flags = PAB_WORKLOAD_DEFAULT,
    .params = documents_params,
    .setup = documents_setup,
    .body = documents_body,
};

/* workloads/string_building.c -- records read with their keys interned or not, texts put together
 * by joining parts or by adding them on.
 *
 * A reader of records meets the same few names in each. If it makes a str for every one, they are
 * as many blocks of 49 + n bytes as there are fields; if it interns them, as sys.intern() and the
 * json module's memo do, each is made, looked up and dropped at once, and the records share one
 * (CPython 3.11, Objects/unicodeobject.c: the dict of interned names lies outside of the heap here).
 * The parameter `interned` chooses.
 *
 * A writer that says `text += part` has one block resized, to the exact size, at each step, as
 * long as nobody else looks; one that collects the parts and says ''.join(parts) keeps them all,
 * and asks once. The parameter `joined` chooses. The results are the same either way.
 *
 * The body keeps `live` records, dicts of 3 to 10 fields; it replaces some, looks up fields by name
 * and writes records out as lines.
 *
 * An operation is one field read, looked up or written.
 */
#include "workloads/support/inputs.h"
#include "workloads/support/locals.h"
#include "workloads/support/program.h"
#include "workloads/workload.h"

enum { LIVE, STEPS, INTERNED, JOINED, HOT };

static const struct pab_param string_building_params[] = {
    {"live", "records kept", "records", 1000, 90000, 16, 10000000},
    {"steps", "records handled in the steady phase", "records", 1500, 40000, 16, 100000000},
    {"interned", "whether the names of fields are interned", PAB_PARAM_WAYS, 1, 0, 0, 1},
    {"joined", "whether texts are joined from parts rather than added to", PAB_PARAM_WAYS, 0, 0, 0,
     1},
    {"hot", "share of replacements that hit the hot sixteenth", "1/1000", 500, 0, 0, 1000},
    {0},
};

enum { NAMES = 64, NAME_BYTES = 24, KINDS = 16, FIELDS_LEAST = 3, FIELDS_SPREAD = 8 };

struct string_building {
    struct pab_program py;
    char names[NAMES][NAME_BYTES];                      /* as they stand in the file that is read */
    uint8_t kinds[KINDS][FIELDS_LEAST + FIELDS_SPREAD]; /* which names a kind of record has */
    uint8_t field_counts[KINDS];
    uint8_t *kind_of; /* of each record */
    /* Reset at the start of each body: */
    struct pab_object *records, *equals, *comma;
};

static uint32_t below(struct string_building *w, uint32_t bound)
{
    return pab_rng_below(&w->py.rng, bound);
}

static void note(struct string_building *w, uint64_t value)
{
    w->py.sum = pab_checksum_add(w->py.sum, value);
}

static struct pab_object *text_of(const char *ascii)
{
    return pab_must(pab_unicode_from_ascii(ascii, (pab_ssize)strlen(ascii)));
}

/* --- reading --------------------------------------------------------------------------------- */

/* The name of a field, as a parser cuts it out of the text. */
static struct pab_object *read_name(struct string_building *w, uint32_t kind, uint32_t field)
{
    struct pab_object *name = text_of(w->names[w->kinds[kind][field]]);
    if (w->py.params[INTERNED] != 0) {
        pab_must_do(pab_unicode_intern_in_place(&name));
    }
    return name;
}

/* An int, or a word of 4 to 35 letters. */
static struct pab_object *read_value(struct string_building *w)
{
    char text[48];
    uint64_t random = pab_rng_next(&w->py.rng);
    if (random % 3 == 0) {
        snprintf(text, sizeof(text), "%u", (unsigned)(random >> 40));
        return pab_must(pab_long_from_text(text));
    }
    uint32_t letters = 4 + pab_rng_scale((uint32_t)(random >> 32), 32);
    for (uint32_t i = 0; i < letters; i++) {
        text[i] = (char)('a' + (random >> (i % 56)) % 26);
    }
    return pab_must(pab_unicode_from_ascii(text, (pab_ssize)letters));
}

/* {name: value, ...} out of one line */
static struct pab_object *read_record(struct string_building *w, uint32_t index)
{
    uint32_t kind = below(w, KINDS);
    struct pab_object *record = pab_must(pab_dict_new());
    for (uint32_t i = 0; i < w->field_counts[kind]; i++) {
        struct pab_object *name = read_name(w, kind, i);
        pab_dict_store(record, name, read_value(w));
        w->py.ops += 2;
    }
    w->kind_of[index] = (uint8_t)kind;
    return record;
}

static void replace_record(struct string_building *w)
{
    uint32_t live = (uint32_t)w->py.params[LIVE];
    uint32_t reach = below(w, 1000) < w->py.params[HOT] ? live / 16 : live;
    uint32_t index = below(w, reach);
    pab_list_set_item(w->records, index, read_record(w, index));
}

/* --- looking up ------------------------------------------------------------------------------ */

/* total += len(str(record[name])): the name comes from a request, a str of its own */
static void look_up(struct string_building *w)
{
    for (int times = 0; times < 4; times++) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        uint32_t kind = w->kind_of[index];
        struct pab_object *name = read_name(w, kind, below(w, w->field_counts[kind]));
        struct pab_object *value = pab_dict_get_item(pab_list_get_item(w->records, index), name);
        PAB_CHECK(value != NULL);
        note(w, (uint64_t)pab_object_hash(value));
        pab_decref(name);
        w->py.ops++;
    }
}

/* --- writing --------------------------------------------------------------------------------- */

/* A text under way: a str that is added to, or the list of its parts. */
struct writer {
    struct pab_object *text, *parts; /* one of them is NULL */
};

static struct writer writer_open(struct string_building *w)
{
    struct writer writer = {NULL, NULL};
    if (w->py.params[JOINED] != 0) {
        writer.parts = pab_must(pab_list_new(0));
    } else {
        writer.text = text_of("");
    }
    return writer;
}

/* Takes the reference. */
static void writer_add(struct writer *writer, struct pab_object *part)
{
    if (writer->parts != NULL) {
        pab_list_push(writer->parts, part);
    } else {
        pab_must_do(pab_unicode_append(&writer->text, part));
        pab_decref(part);
    }
}

static struct pab_object *writer_close(struct writer *writer)
{
    if (writer->parts == NULL) {
        return writer->text;
    }
    struct pab_object *separator = text_of("");
    struct pab_object *text = pab_must(pab_unicode_join(separator, writer->parts));
    pab_decref(separator);
    pab_decref(writer->parts);
    return text;
}

/* for name, value in record.items(): text += name; text += '='; text += str(value); ... */
static void write_record(struct string_building *w, struct writer *writer,
                         struct pab_object *record)
{
    struct pab_object *name;
    struct pab_object *value;
    for (pab_ssize at = 0; pab_dict_next(record, &at, &name, &value);) {
        writer_add(writer, pab_new_ref(name));
        writer_add(writer, pab_new_ref(w->equals));
        writer_add(writer, pab_must(pab_object_str(value)));
        writer_add(writer, pab_new_ref(w->comma));
        w->py.ops++;
    }
}

/* A page of 1 to 8 records, sent and forgotten. */
static void write_page(struct string_building *w)
{
    struct writer writer = writer_open(w);
    for (uint32_t left = 1 + below(w, 8); left > 0; left--) {
        uint32_t index = below(w, (uint32_t)w->py.params[LIVE]);
        write_record(w, &writer, pab_list_get_item(w->records, index));
    }
    struct pab_object *page = writer_close(&writer);
    note(w, (uint64_t)pab_unicode_length(page));
    note(w, (uint64_t)pab_object_hash(page));
    pab_decref(page);
}

/* --- the phases ------------------------------------------------------------------------------ */

static void build(struct string_building *w)
{
    w->equals = text_of("=");
    w->comma = text_of(", ");
    w->records = pab_must(pab_list_new(0));
    for (uint32_t i = 0; i < w->py.params[LIVE]; i++) {
        pab_list_push(w->records, read_record(w, i));
    }
}

static void steady(struct string_building *w)
{
    for (uint64_t left = w->py.params[STEPS]; left > 0; left--) {
        switch (below(w, 4)) {
        case 0:
            write_page(w);
            break;
        case 1:
            look_up(w);
            break;
        default:
            replace_record(w);
            break;
        }
    }
}

/* records[i] = None for three quarters in scattered order, then all the rest. */
static void drain(struct string_building *w, uint64_t seed)
{
    pab_program_scatter(&w->py, w->records, w->py.params[LIVE], seed);
    pab_unbind(&w->records);
    pab_unbind(&w->comma);
    pab_unbind(&w->equals);
}

static void string_building_body(struct pab_run *run)
{
    struct string_building *w = run->state;
    pab_program_begin(&w->py, run);
    build(w);
    pab_run_phase(run, PAB_PHASE_STEADY);
    steady(w);
    pab_run_phase(run, PAB_PHASE_DRAIN);
    drain(w, run->seed);
    pab_program_end(&w->py, run);
}

/* Names of 5 to 20 letters, all different; for each kind of record a run of them. */
static enum pab_status string_building_setup(struct pab_run *run, struct pab_error *err)
{
    (void)err;
    struct string_building *w = pab_program_new(run, sizeof(*w));
    w->kind_of = pab_inputs_take(run->inputs, run->params[LIVE]);
    struct pab_rng rng;
    pab_rng_seed(&rng, run->seed ^ NAMES);
    for (uint32_t i = 0; i < NAMES; i++) {
        uint32_t letters = 3 + pab_rng_below(&rng, 16);
        for (uint32_t k = 0; k < letters; k++) {
            w->names[i][k] = (char)('a' + pab_rng_below(&rng, 26));
        }
        snprintf(w->names[i] + letters, NAME_BYTES - letters, "%02u", (unsigned)i % NAMES);
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        uint32_t first = pab_rng_below(&rng, NAMES);
        uint32_t count = FIELDS_LEAST + pab_rng_below(&rng, FIELDS_SPREAD);
        w->field_counts[kind] = (uint8_t)count;
        for (uint32_t i = 0; i < count; i++) {
            w->kinds[kind][i] = (uint8_t)((first + 3 * i) % NAMES);
        }
    }
    return PAB_OK;
}

const struct pab_workload pab_workload_string_building = {
    .name = "string_building",
    .summary = "records with interned names or without, texts joined or added to",
    .models = "A reader and writer of records. A name is a block of 49 + n bytes for each field "
              "unless it is interned; `text += part` resizes one block to the exact size, "
              "''.join(parts) keeps all parts and asks once (CPython 3.11, "
              "Objects/unicodeobject.c). Names, values and the proportion of operations are our "
              "choice, not measured.",
    .unit = "one field read, looked up or written",
    .contract = PAB_WORKLOAD_CONTRACT,
    .params = string_building_params,
    .setup = string_building_setup,
    .body = string_building_body,
};

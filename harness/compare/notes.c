#include "harness/compare/notes.h"

#include "harness/json_text.h"
#include "harness/text.h"

#include <stdarg.h>
#include <string.h>

#define NOTE_MAX 1024

void pab_note(struct pab_comparison *comparison, const char *format, ...)
{
    char raw[NOTE_MAX];
    char text[NOTE_MAX]; /* a document may hold any text; a note is one line of it */
    va_list values;
    va_start(values, format);
    vsnprintf(raw, sizeof(raw), format, values);
    va_end(values);
    pab_text_clean(raw, false, text, sizeof(text));
    char **grown =
        realloc(comparison->notes, (comparison->note_count + 1) * sizeof(*comparison->notes));
    PAB_CHECK(grown != NULL);
    comparison->notes = grown;
    comparison->notes[comparison->note_count] = strdup(text);
    PAB_CHECK(comparison->notes[comparison->note_count] != NULL);
    comparison->note_count++;
}

/* --- the machines ------------------------------------------------------------------------------ */

/* What a warning says whatever its figures are. */
static void kind_of(const char *text, char out[static NOTE_MAX])
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < NOTE_MAX; text++) {
        if (strchr("0123456789.", *text) == NULL) {
            out[used++] = *text;
        }
    }
    out[used] = '\0';
}

/* Notes the warnings of a part: {KIND: [its first text, in how many parts, the last of these]}. */
static void gather(json_t *kinds, const json_t *noise, size_t part)
{
    size_t index = 0;
    json_t *warning = NULL;
    json_array_foreach(json_object_get(noise, "warnings"), index, warning)
    {
        char kind[NOTE_MAX];
        const char *text =
            json_is_string(warning) ? json_string_value(warning) : "a warning that is no text";
        kind_of(text, kind);
        json_t *known = json_object_get(kinds, kind);
        if (known == NULL) {
            json_object_set_new(kinds, kind, json_pack("[s, i, I]", text, 1, (json_int_t)part));
        } else if ((size_t)json_integer_value(json_array_get(known, 2)) != part) {
            json_t *count = json_array_get(known, 1);
            json_integer_set(count, json_integer_value(count) + 1);
            json_integer_set(json_array_get(known, 2), (json_int_t)part);
        }
    }
}

static void note_kinds(struct pab_comparison *comparison, const json_t *kinds, const char *where,
                       size_t parts)
{
    const char *kind = NULL;
    json_t *known = NULL;
    json_object_foreach((json_t *)kinds, kind, known)
    {
        const char *text = json_string_value(json_array_get(known, 0));
        json_int_t count = json_integer_value(json_array_get(known, 1));
        if (parts > 1) {
            pab_note(comparison, "%s%s (in %" JSON_INTEGER_FORMAT " of %zu parts)", where, text,
                     count, parts);
        } else {
            pab_note(comparison, "%s%s", where, text);
        }
    }
}

static void note_host(struct pab_comparison *comparison, const json_t *host, const char *where)
{
    const json_t *parts = json_object_get(host, "parts");
    json_t *kinds = json_object();
    size_t index = 0;
    json_t *part = NULL;
    json_array_foreach(parts, index, part)
    {
        gather(kinds, json_object_get(part, "noise"), index);
    }
    note_kinds(comparison, kinds, where, json_array_size(parts));
    json_decref(kinds);
}

void pab_note_noise(struct pab_comparison *comparison, const struct pab_reading *reading,
                    const char *prefix)
{
    const json_t *run = pab_reading_run(reading);
    const json_t *hosts = json_object_get(run, "hosts");
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        const json_t *host = json_array_get(hosts, i);
        char where[400];
        snprintf(where, sizeof(where), "%s", prefix);
        if (json_array_size(hosts) > 1) {
            snprintf(where, sizeof(where), "%shost %zu (%.255s): ", prefix, i,
                     pab_json_text(host, "name"));
        }
        note_host(comparison, host, where);
    }
    if (hosts == NULL) {
        json_t *kinds = json_object();
        gather(kinds, json_object_get(run, "noise"), 0);
        note_kinds(comparison, kinds, prefix, 1);
        json_decref(kinds);
    }
}

/* --- the passes -------------------------------------------------------------------------------- */

/* "; it is shard 2 of 4: `pyallocbench merge` joins them", where it is one. */
static void advise(const struct pab_reading *reading, char *out, size_t size)
{
    const json_t *shard = json_object_get(pab_reading_run(reading), "shard");
    out[0] = '\0';
    if (json_is_object(shard)) {
        snprintf(out, size,
                 "; it is shard %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                 ": `pyallocbench merge` joins them",
                 pab_json_count(shard, "index"), pab_json_count(shard, "count"));
    }
}

static bool is_of(const struct pab_row *row, const char *wanted)
{
    char pass[PAB_READING_NAME_MAX + 1];
    pab_metric_pass(row->metric, pass, sizeof(pass));
    return row->lacks_pass && strcmp(pass, wanted) == 0;
}

void pab_note_passes(struct pab_comparison *comparison, const struct pab_reading *base,
                     const struct pab_reading *head)
{
    json_t *told = json_object();
    for (size_t i = 0; i < comparison->count; i++) {
        const struct pab_row *row = &comparison->rows[i];
        char pass[PAB_READING_NAME_MAX + 1];
        char advice[120];
        pab_metric_pass(row->metric, pass, sizeof(pass));
        if (!row->lacks_pass || json_object_get(told, pass) != NULL) {
            continue;
        }
        size_t rows = 0;
        for (size_t j = i; j < comparison->count; j++) {
            rows += is_of(&comparison->rows[j], pass);
        }
        const struct pab_reading *side = row->call == PAB_CALL_NEW ? base : head;
        advise(side, advice, sizeof(advice));
        pab_note(comparison, "no %s pass in %s: %zu figure%s nothing beside %s%s", pass,
                 pab_reading_path(side), rows, rows == 1 ? " has" : "s have",
                 rows == 1 ? "it" : "them", advice);
        json_object_set_new(told, pass, json_true());
    }
    json_decref(told);
}

#include "harness/outcome.h"

#include "harness/text.h"

#include <math.h>
#include <string.h>

#define SERIES_HEAD_BYTES offsetof(struct pab_series_note, values)

static bool has_right_size(enum pab_message_type type, size_t bytes)
{
    switch (type) {
    case PAB_MESSAGE_STAGE:
        return bytes > 0 && bytes <= PAB_NAME_MAX;
    case PAB_MESSAGE_OPENED:
        return bytes == sizeof(struct pab_opened);
    case PAB_MESSAGE_MANIFEST:
        return bytes == sizeof(struct pab_manifest);
    case PAB_MESSAGE_VERDICT:
        return bytes == sizeof(struct pab_verdict_note);
    case PAB_MESSAGE_DEMAND:
        return bytes == sizeof(struct pab_demand);
    case PAB_MESSAGE_TIME:
        return bytes == sizeof(struct pab_time_sample);
    case PAB_MESSAGE_MEMORY:
        return bytes == sizeof(struct pab_memory_sample);
    case PAB_MESSAGE_CURVE:
        return bytes <= PAB_CURVE_MAX * sizeof(struct pab_curve_point) &&
               bytes % sizeof(struct pab_curve_point) == 0;
    case PAB_MESSAGE_STAT:
        return bytes == sizeof(struct pab_stat_note);
    case PAB_MESSAGE_RETAINED:
        return bytes == sizeof(struct pab_retained);
    case PAB_MESSAGE_BODY:
        return bytes == sizeof(struct pab_body_note);
    case PAB_MESSAGE_FIGURE:
        return bytes == sizeof(struct pab_figure_note);
    case PAB_MESSAGE_SERIES:
        return bytes >= SERIES_HEAD_BYTES && bytes <= sizeof(struct pab_series_note) &&
               (bytes - SERIES_HEAD_BYTES) % sizeof(uint64_t) == 0;
    case PAB_MESSAGE_REFUSED:
        return bytes == sizeof(struct pab_refusal);
    case PAB_MESSAGE_LINGER:
    case PAB_MESSAGE_DONE:
        return bytes == 0;
    }
    return false;
}

bool pab_message_is_sound(const struct pab_message *header)
{
    return header->type <= PAB_MESSAGE_DONE && header->bytes <= PAB_PAYLOAD_MAX &&
           has_right_size((enum pab_message_type)header->type, header->bytes);
}

#define END_TEXT(array) ((array)[sizeof(array) - 1] = '\0')

/* What a document or a terminal is to hold, too. */
#define CLEAN_TEXT(array) clean_text(array, sizeof(array))

static void clean_text(char *text, size_t size)
{
    char copy[1024];
    PAB_CHECK(size <= sizeof(copy));
    text[size - 1] = '\0';
    snprintf(copy, sizeof(copy), "%s", text);
    pab_text_clean(copy, false, text, size);
}

static void clean_texts(struct pab_identity *identity)
{
    CLEAN_TEXT(identity->path);
    CLEAN_TEXT(identity->build_id);
    CLEAN_TEXT(identity->version);
    CLEAN_TEXT(identity->tls_model);
    CLEAN_TEXT(identity->settings);
    CLEAN_TEXT(identity->proof);
}

static void take_refusal(struct pab_outcome *outcome, const unsigned char *payload)
{
    struct pab_refusal refusal;
    memcpy(&refusal, payload, sizeof(refusal));
    CLEAN_TEXT(refusal.kind);
    CLEAN_TEXT(refusal.error.text);
    snprintf(outcome->kind, sizeof(outcome->kind), "%s", refusal.kind);
    snprintf(outcome->message, sizeof(outcome->message), "%s", refusal.error.text);
}

static void take_stat(struct pab_outcome *out, const unsigned char *payload)
{
    if (out->stat_count < ARRAY_COUNT(out->stats)) {
        struct pab_stat_note *note = &out->stats[out->stat_count++];
        memcpy(note, payload, sizeof(*note));
        CLEAN_TEXT(note->name);
    }
}

static void take_retained(struct pab_outcome *out, const unsigned char *payload)
{
    if (out->retained_count < ARRAY_COUNT(out->retained)) {
        memcpy(&out->retained[out->retained_count++], payload, sizeof(out->retained[0]));
    }
}

/* What no reader of a document could use is not a worker's word. */
static bool take_figure(struct pab_outcome *out, const unsigned char *payload)
{
    struct pab_figure_note note;
    memcpy(&note, payload, sizeof(note));
    CLEAN_TEXT(note.name);
    if (!isfinite(note.value) || note.value < 0 || out->figure_count == PAB_FIGURES_MAX) {
        return false;
    }
    out->figures[out->figure_count++] = note;
    return true;
}

static bool take_series(struct pab_outcome *out, const unsigned char *payload, size_t bytes)
{
    if (out->series == NULL) {
        out->series = calloc(PAB_SERIES_COUNT, sizeof(*out->series));
        PAB_CHECK(out->series != NULL);
    }
    if (out->series_count == PAB_SERIES_COUNT) {
        return false;
    }
    struct pab_series_note *note = &out->series[out->series_count];
    memcpy(note, payload, bytes);
    CLEAN_TEXT(note->name);
    out->series_count++;
    return note->count == (bytes - SERIES_HEAD_BYTES) / sizeof(uint64_t);
}

bool pab_outcome_take(struct pab_outcome *out, const struct pab_message *header,
                      const unsigned char *payload)
{
    size_t bytes = header->bytes;
    switch ((enum pab_message_type)header->type) {
    case PAB_MESSAGE_OPENED:
        memcpy(&out->opened, payload, bytes);
        clean_texts(&out->opened.identity);
        clean_texts(&out->opened.raw);
        return true;
    case PAB_MESSAGE_MANIFEST:
        memcpy(&out->manifest, payload, bytes);
        CLEAN_TEXT(out->manifest.text);
        return true;
    case PAB_MESSAGE_VERDICT:
        memcpy(&out->verdict, payload, bytes);
        END_TEXT(out->verdict.reason);
        END_TEXT(out->verdict.answer);
        END_TEXT(out->verdict.compared);
        END_TEXT(out->verdict.detail);
        return (unsigned)out->verdict.verdict < PAB_VERDICT_COUNT;
    case PAB_MESSAGE_DEMAND:
        memcpy(&out->demand, payload, bytes);
        return true;
    case PAB_MESSAGE_TIME:
        memcpy(&out->time, payload, bytes);
        return out->time.rep_count <= PAB_REPS_MAX;
    case PAB_MESSAGE_MEMORY:
        memcpy(&out->memory, payload, bytes);
        return true;
    case PAB_MESSAGE_CURVE:
        memcpy(out->curve, payload, bytes);
        out->curve_count = bytes / sizeof(*out->curve);
        return true;
    case PAB_MESSAGE_STAT:
        take_stat(out, payload);
        return true;
    case PAB_MESSAGE_RETAINED:
        take_retained(out, payload);
        return true;
    case PAB_MESSAGE_BODY:
        memcpy(&out->body, payload, bytes);
        return true;
    case PAB_MESSAGE_FIGURE:
        return take_figure(out, payload);
    case PAB_MESSAGE_SERIES:
        return take_series(out, payload, bytes);
    case PAB_MESSAGE_REFUSED:
        take_refusal(out, payload);
        return true;
    default:
        return false;
    }
}

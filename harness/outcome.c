#include "harness/outcome.h"

#include "harness/text.h"

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

/* What any reader of JSON holds exactly; nothing that a worker can count or time comes near it. */
static bool is_count(uint64_t value)
{
    return value < UINT64_C(1) << 53;
}

static bool are_amounts(const double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!(values[i] >= 0) || !(values[i] < 0x1p53)) {
            return false;
        }
    }
    return true;
}

static bool is_time_sample(const struct pab_time_sample *sample)
{
    return sample->rep_count <= PAB_REPS_MAX && is_count(sample->op_count) &&
           is_count(sample->iterations) && is_count(sample->cold_cpu_ns) &&
           is_count(sample->minor_faults) && is_count(sample->major_faults) &&
           are_amounts(sample->rep_wall_ns, sample->rep_count) &&
           are_amounts(sample->rep_cpu_ns, sample->rep_count);
}

static bool is_memory_sample(const struct pab_memory_sample *sample)
{
    bool good = is_count(sample->op_count) && is_count(sample->calls) &&
                is_count(sample->r0_bytes) && is_count(sample->peak_rss_bytes) &&
                is_count(sample->drain_rss_bytes) && is_count(sample->minor_faults) &&
                is_count(sample->major_faults);
    for (size_t i = 0; i < PAB_PHASE_COUNT; i++) {
        good = good && is_count(sample->phases[i].calls) && is_count(sample->phases[i].bytes);
    }
    return good;
}

static bool is_demand(const struct pab_demand *demand)
{
    bool good = is_count(demand->calls) && is_count(demand->peak_live_bytes) &&
                is_count(demand->peak_blocks) && is_count(demand->peak_calls) &&
                is_count(demand->op_count) && is_count(demand->tick_calls);
    for (size_t i = 0; i < PAB_DOMAIN_COUNT; i++) {
        good = good && is_count(demand->domain_calls[i]);
    }
    for (size_t i = 0; i < PAB_PHASE_COUNT; i++) {
        good = good && is_count(demand->phase_live_bytes[i]);
    }
    return good;
}

static bool is_curve(const struct pab_curve_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_count(points[i].calls) || !is_count(points[i].bytes) ||
            !is_count(points[i].usable)) {
            return false;
        }
    }
    return true;
}

static bool take_stat(struct pab_outcome *out, const unsigned char *payload)
{
    struct pab_stat_note note;
    memcpy(&note, payload, sizeof(note));
    CLEAN_TEXT(note.name);
    if (note.name[0] == '\0' || !is_count(note.value) || out->stat_count == PAB_STATS_MAX) {
        return false;
    }
    out->stats[out->stat_count++] = note;
    return true;
}

static bool take_retained(struct pab_outcome *out, const unsigned char *payload)
{
    struct pab_retained note;
    memcpy(&note, payload, sizeof(note));
    if (!is_count(note.after_ms) || !is_count(note.rss_bytes) ||
        out->retained_count == PAB_RETAIN_MAX) {
        return false;
    }
    out->retained[out->retained_count++] = note;
    return true;
}

/* What no reader of a document could use is not a worker's word. */
static bool take_figure(struct pab_outcome *out, const unsigned char *payload)
{
    struct pab_figure_note note;
    memcpy(&note, payload, sizeof(note));
    CLEAN_TEXT(note.name);
    if (note.name[0] == '\0' || !are_amounts(&note.value, 1) ||
        out->figure_count == PAB_FIGURES_MAX) {
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
    bool good =
        note->name[0] != '\0' && note->count == (bytes - SERIES_HEAD_BYTES) / sizeof(uint64_t);
    for (size_t i = 0; good && i < note->count; i++) {
        good = is_count(note->values[i]);
    }
    return good;
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
        return is_count(out->opened.start_rss_bytes);
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
        return is_demand(&out->demand);
    case PAB_MESSAGE_TIME:
        memcpy(&out->time, payload, bytes);
        return is_time_sample(&out->time);
    case PAB_MESSAGE_MEMORY:
        memcpy(&out->memory, payload, bytes);
        return is_memory_sample(&out->memory);
    case PAB_MESSAGE_CURVE:
        memcpy(out->curve, payload, bytes);
        out->curve_count = bytes / sizeof(*out->curve);
        return is_curve(out->curve, out->curve_count);
    case PAB_MESSAGE_STAT:
        return take_stat(out, payload);
    case PAB_MESSAGE_RETAINED:
        return take_retained(out, payload);
    case PAB_MESSAGE_BODY:
        memcpy(&out->body, payload, bytes);
        return is_count(out->body.op_count);
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

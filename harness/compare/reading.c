#include "harness/compare/reading_state.h"

#include "harness/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 * 1024)

/* --- errors ----------------------------------------------------------------------------------- */

struct pab_reading_shown pab_reading_show(const char *text, size_t length)
{
    struct pab_reading_shown shown = {"\"\""};
    size_t used = length < 40 ? length : 40;
    for (size_t i = 0; i < used; i++) {
        bool is_plain = text[i] >= ' ' && text[i] <= '~';
        shown.text[i] = (char)(is_plain ? text[i] : '?');
        shown.text[i + 1] = '\0';
    }
    return shown;
}

bool pab_reading_is_plain(const char *name)
{
    char clean[2 * PAB_READING_NAME_MAX + 2];
    pab_text_clean(name, false, clean, sizeof(clean));
    return strcmp(name, clean) == 0;
}

enum pab_status pab_reading_refuse(const struct pab_reading *reading, struct pab_error *err,
                                   const char *where, size_t index, const char *format, ...)
{
    char text[256];
    char place[32] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (index != SIZE_MAX) {
        snprintf(place, sizeof(place), "[%zu]", index);
    }
    return pab_fail(err, PAB_BAD_DATA, "%s: %s%s: %s: " PAB_READING_ADVICE, reading->path, where,
                    place, text);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static struct pab_reading *reading_new(const char *path)
{
    struct pab_reading *reading = calloc(1, sizeof(*reading));
    PAB_CHECK(reading != NULL);
    reading->path = strdup(path);
    reading->run = json_object();
    PAB_CHECK(reading->path != NULL && reading->run != NULL);
    return reading;
}

void pab_reading_close(struct pab_reading *reading)
{
    if (reading == NULL) {
        return;
    }
    size_t cells =
        reading->cells == NULL ? 0 : (size_t)2 * reading->workload_count * reading->backend_count;
    for (size_t i = 0; i < cells; i++) {
        free(reading->cells[i].series);
        free(reading->cells[i].values);
    }
    pab_names_fini(&reading->names);
    pab_names_fini(&reading->metric_names);
    pab_names_fini(&reading->workloads);
    pab_names_fini(&reading->backends);
    free(reading->cells);
    free(reading->rows);
    free(reading->figures);
    free(reading->last_row);
    free(reading->metrics);
    free(reading->metric_places);
    free(reading->sorted);
    free(reading->places);
    free(reading->failures.patterns);
    json_decref(reading->run);
    free(reading->path);
    free(reading);
}

static enum pab_status read_file(int fd, struct pab_reading_parser *parser,
                                 const struct pab_reading *reading, struct pab_error *err)
{
    unsigned char *piece = malloc(PIECE_BYTES);
    PAB_CHECK(piece != NULL);
    enum pab_status status = PAB_OK;
    ssize_t bytes = 0;
    do {
        bytes = read(fd, piece, PIECE_BYTES);
        if (bytes < 0 && errno != EINTR) {
            status = pab_fail(err, PAB_IO, "cannot read %s: %s", reading->path, strerror(errno));
            break;
        }
    } while (bytes < 0 || (bytes > 0 && pab_reading_parser_feed(parser, piece, (size_t)bytes)));
    free(piece);
    return status == PAB_OK ? pab_reading_parser_end(parser) : status;
}

static enum pab_status check_names(const struct pab_reading *reading, const char *array,
                                   const struct pab_names *ids, struct pab_error *err)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (!pab_reading_is_plain(ids->texts[i])) {
            return pab_reading_refuse(reading, err, array, i, "its id is no plain text");
        }
    }
    return PAB_OK;
}

static bool has_time(const struct pab_reading *reading, const struct pab_reading_row *row)
{
    return row->figure_count > 0 && reading->figures[row->first_figure].metric == METRIC_CPU;
}

/* Of a document whose times are all of no operation only the memory would be left to compare. */
static enum pab_status check_times(const struct pab_reading *reading, struct pab_error *err)
{
    const struct pab_reading_row *first = NULL;
    for (size_t i = 0; i < reading->row_count; i++) {
        const struct pab_reading_row *row = &reading->rows[i];
        if (has_time(reading, row)) {
            return PAB_OK;
        }
        if (first == NULL && row->counts && !isnan(row->first_rep_ns)) {
            first = row;
        }
    }
    return first == NULL
               ? PAB_OK
               : pab_reading_refuse(reading, err, first->is_control ? "control" : "samples",
                                    first->index,
                                    "it did no operations (ops), nor did any other "
                                    "that took time");
}

/* A document of `check` says what is correct, not what is fast. */
static enum pab_status check_cells(const struct pab_reading *reading, struct pab_error *err)
{
    const char *preset = json_string_value(json_object_get(reading->run, "preset"));
    bool is_check = preset != NULL && strcmp(preset, "check") == 0;
    if (is_check || (reading->row_count == 0 && reading->workload_count == 0)) {
        return pab_fail(err, PAB_BAD_DATA,
                        "%s: holds no measurements: name a file that `pyallocbench run -o FILE` "
                        "wrote",
                        reading->path);
    }
    const char *baseline = json_string_value(json_object_get(reading->run, "baseline"));
    if (baseline == NULL || pab_reading_find_backend(reading, baseline) == reading->backend_count) {
        return pab_reading_refuse(reading, err, "baseline", SIZE_MAX, "is none of its backends");
    }
    return check_times(reading, err);
}

static enum pab_status finish(struct pab_reading *reading, enum pab_status status,
                              struct pab_reading **out)
{
    if (status != PAB_OK) {
        pab_reading_close(reading);
        return status;
    }
    *out = reading;
    return PAB_OK;
}

static enum pab_status arrange_document(struct pab_reading *reading, struct pab_error *err)
{
    enum pab_status status = pab_reading_arrange(reading, err);
    status =
        status == PAB_OK ? check_names(reading, "workloads", &reading->workloads, err) : status;
    status = status == PAB_OK ? check_names(reading, "backends", &reading->backends, err) : status;
    return status == PAB_OK ? check_cells(reading, err) : status;
}

enum pab_status pab_reading_open(const char *path, struct pab_reading **out, struct pab_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return pab_fail(err, PAB_IO, "cannot read %s: %s", path, strerror(errno));
    }
    struct pab_reading *reading = reading_new(path);
    struct pab_reading_parser *parser = pab_reading_parser_new(reading, err);
    enum pab_status status = read_file(fd, parser, reading, err);
    pab_reading_parser_free(parser);
    close(fd);
    status = status == PAB_OK ? arrange_document(reading, err) : status;
    return finish(reading, status, out);
}

enum pab_status pab_reading_parse(const char *name, const unsigned char *text, size_t bytes,
                                  struct pab_reading **out, struct pab_error *err)
{
    struct pab_reading *reading = reading_new(name);
    struct pab_reading_parser *parser = pab_reading_parser_new(reading, err);
    pab_reading_parser_feed(parser, text, bytes);
    enum pab_status status = pab_reading_parser_end(parser);
    pab_reading_parser_free(parser);
    status = status == PAB_OK ? arrange_document(reading, err) : status;
    return finish(reading, status, out);
}

enum pab_status pab_reading_of_run(const json_t *run, struct pab_reading **out,
                                   struct pab_error *err)
{
    struct pab_reading *reading = reading_new("this run");
    enum pab_status status = pab_reading_take_json(reading, run, err);
    status = status == PAB_OK ? pab_reading_arrange(reading, err) : status;
    return finish(reading, status, out);
}

/* --- what is in it ---------------------------------------------------------------------------- */

const json_t *pab_reading_run(const struct pab_reading *reading)
{
    return reading->run;
}

const char *pab_reading_path(const struct pab_reading *reading)
{
    return reading->path;
}

size_t pab_reading_workloads(const struct pab_reading *reading)
{
    return reading->workload_count;
}

const char *pab_reading_workload(const struct pab_reading *reading, size_t index)
{
    PAB_CHECK(index < reading->workload_count);
    return reading->workloads.texts[index];
}

size_t pab_reading_backends(const struct pab_reading *reading)
{
    return reading->backend_count;
}

const char *pab_reading_backend(const struct pab_reading *reading, size_t index)
{
    PAB_CHECK(index < reading->backend_count);
    return reading->backends.texts[index];
}

size_t pab_reading_metrics(const struct pab_reading *reading)
{
    return reading->metric_count;
}

const struct pab_metric *pab_reading_metric(const struct pab_reading *reading, size_t index)
{
    PAB_CHECK(index < reading->metric_count);
    return &reading->metrics[index];
}

size_t pab_reading_hosts(const struct pab_reading *reading)
{
    return reading->host_count;
}

size_t pab_reading_samples(const struct pab_reading *reading)
{
    return reading->sample_count;
}

size_t pab_reading_find_workload(const struct pab_reading *reading, const char *id)
{
    return pab_names_find(&reading->workloads, id);
}

size_t pab_reading_find_backend(const struct pab_reading *reading, const char *id)
{
    return pab_names_find(&reading->backends, id);
}

size_t pab_reading_find_metric(const struct pab_reading *reading, const char *name)
{
    size_t index = 0;
    while (index < reading->metric_count && strcmp(reading->metrics[index].name, name) != 0) {
        index++;
    }
    return index;
}

bool pab_reading_has_pass(const struct pab_reading *reading, const char *pass)
{
    uint32_t number = pab_names_find(&reading->names, pass);
    for (size_t i = 0; i < reading->row_count; i++) {
        if (reading->rows[i].pass == number) {
            return true;
        }
    }
    size_t index = 0;
    json_t *failure = NULL;
    json_array_foreach(json_object_get(reading->run, "failures"), index, failure)
    {
        const char *name = json_string_value(json_object_get(failure, "pass"));
        if (name == NULL || strcmp(name, pass) == 0) {
            return true;
        }
    }
    return false;
}

size_t pab_reading_places(const struct pab_reading *reading)
{
    return reading->row_count;
}

/* The time that speaks for the row's workload; NAN where it has none. */
static double clock_of(const struct pab_reading *reading, const struct pab_reading_row *row)
{
    const char *clock = pab_reading_clock(reading, row->workload);
    const struct pab_reading_figure *figures = &reading->figures[row->first_figure];
    for (size_t i = 0; i < row->figure_count && figures[i].metric < METRIC_FIXED; i++) {
        if (strcmp(reading->metrics[figures[i].metric].name, clock) == 0) {
            return figures[i].value;
        }
    }
    return NAN;
}

struct pab_row_place pab_reading_place(const struct pab_reading *reading, size_t index)
{
    PAB_CHECK(index < reading->row_count);
    const struct pab_reading_row *row = &reading->rows[reading->places[index]];
    return (struct pab_row_place){
        .workload = row->workload,
        .backend = row->backend,
        .is_control = row->is_control,
        .counts = row->counts,
        .host = row->host,
        .round = row->round,
        .position = row->position,
        .started_ms = row->started_ms,
        .ns_per_op = clock_of(reading, row),
        .first_rep_ns = row->first_rep_ns,
        .last_rep_ns = row->last_rep_ns,
    };
}

/* --- series ----------------------------------------------------------------------------------- */

static const struct pab_reading_row *row_of_cell(const struct pab_reading *reading,
                                                 const struct pab_reading_cell *cell, size_t index)
{
    return &reading->rows[reading->sorted[cell->first + index]];
}

/* Places for each metric's values in one block: all values, then all rounds, then all hosts. */
static void make_room(const struct pab_reading *reading, struct pab_reading_cell *cell)
{
    size_t total = 0;
    for (size_t i = 0; i < cell->count; i++) {
        const struct pab_reading_row *row = row_of_cell(reading, cell, i);
        total += row->figure_count;
        for (size_t f = 0; f < row->figure_count; f++) {
            uint32_t metric = reading->figures[row->first_figure + f].metric;
            cell->series[reading->metric_places[metric]].count++;
        }
    }
    cell->values = malloc(total * (sizeof(double) + sizeof(uint32_t) + sizeof(uint16_t)) + 1);
    PAB_CHECK(cell->values != NULL);
    double *values = cell->values;
    uint32_t *rounds = (uint32_t *)(values + total);
    uint16_t *hosts = (uint16_t *)(rounds + total);
    size_t used = 0;
    for (size_t m = 0; m < reading->metric_count; m++) {
        struct pab_series *series = &cell->series[m];
        series->values = values + used;
        series->rounds = rounds + used;
        series->hosts = hosts + used;
        used += series->count;
        series->count = 0;
    }
}

/* All metrics of a cell at once: its rows are gone through twice, however many metrics it has. */
static void make_series(const struct pab_reading *reading, struct pab_reading_cell *cell)
{
    cell->series = calloc(reading->metric_count, sizeof(*cell->series));
    PAB_CHECK(cell->series != NULL);
    make_room(reading, cell);
    for (size_t i = 0; i < cell->count; i++) {
        const struct pab_reading_row *row = row_of_cell(reading, cell, i);
        for (size_t f = 0; f < row->figure_count; f++) {
            const struct pab_reading_figure *figure = &reading->figures[row->first_figure + f];
            struct pab_series *series = &cell->series[reading->metric_places[figure->metric]];
            series->values[series->count] = figure->value;
            series->rounds[series->count] = row->round;
            series->hosts[series->count] = row->host;
            series->count++;
        }
    }
}

const struct pab_series *pab_reading_series(struct pab_reading *reading, enum pab_reading_part part,
                                            size_t workload, size_t backend, size_t metric)
{
    static const struct pab_series none;
    PAB_CHECK(workload < reading->workload_count && backend < reading->backend_count &&
              metric < reading->metric_count);
    size_t at = ((size_t)part * reading->workload_count + workload) * reading->backend_count;
    struct pab_reading_cell *cell = &reading->cells[at + backend];
    if (cell->count == 0) {
        return &none;
    }
    if (cell->series == NULL) {
        make_series(reading, cell);
    }
    return &cell->series[metric];
}

/* harness/compare/reading_state.h -- the inside of a reading, for reading*.c alone. Depends on
 * reading.h, names.h.
 *
 *   reading_text.c     yajl's events   --+--> reading_tree.c   small parts, as jansson's values
 *   reading_json.c     a run's own JSON -+--> reading_row.c    a sample -> struct pab_reading_row
 *   reading_figures.c  rows and their figures, one behind the other
 *   reading_cells.c    rows + small parts -> which rows count, sorted into cells
 *   reading_metrics.c  which metrics there are, and of what kind
 *   reading.c          what others ask for: series, failures, places
 */
#ifndef PAB_HARNESS_COMPARE_READING_STATE_H
#define PAB_HARNESS_COMPARE_READING_STATE_H

#include "harness/compare/names.h"
#include "harness/compare/reading.h"

#define PAB_READING_BYTES_MAX   ((uint64_t)1 << 30) /* of a file: some 1.5 million samples */
#define PAB_READING_DEPTH_MAX   64u
#define PAB_READING_TREE_MAX    4000000u /* values beside the samples */
#define PAB_READING_TEXT_MAX    65536u   /* bytes of one text */
#define PAB_READING_REPS_MAX    64u
#define PAB_READING_IDS_MAX     256u /* workloads; backends; hosts */
#define PAB_READING_METRICS_MAX 1024u
#define PAB_READING_CELLS_MAX   4000000u           /* workloads * backends * metrics */
#define PAB_READING_FIGURES_MAX 512u               /* of one sample */
#define PAB_READING_ROUND_MAX   9999999u           /* also of a position */
#define PAB_READING_NUMBER_MAX  9007199254740992.0 /* 2^53: what every reader of JSON holds */

/* What an error of data ends with: what to do. */
#define PAB_READING_ADVICE "take the file as pyallocbench wrote it"

enum {
    METRIC_CPU,
    METRIC_WALL,
    METRIC_COLD,
    METRIC_PEAK_RSS,
    METRIC_F_PEAK,
    METRIC_F_TIME,
    METRIC_F_RET,
    METRIC_INTERNAL,
    METRIC_FIXED, /* how many: the named ones follow */
};

struct pab_reading_figure {
    uint32_t metric; /* a fixed one, or METRIC_FIXED + number in metric_names */
    double value;
};

/* Which of its workload's parameters a body had. */
enum pab_reading_body {
    PAB_READING_EITHER, /* nothing says it: its checksum may be that of either */
    PAB_READING_SMALL,
    PAB_READING_LARGE, /* memory_params */
};

/* A sample. Names are numbers in `names` until the arrays of workloads and backends are known;
 * then `workload` and `backend` are indices of these. */
struct pab_reading_row {
    uint32_t index; /* in its array */
    uint32_t workload, backend, pass;
    uint32_t round, position;
    uint16_t host;
    bool is_control, ended_well, has_checksum, counts;
    enum pab_reading_body body;
    uint16_t figure_count;
    uint32_t first_figure;
    uint64_t started_ms, checksum;
    double first_rep_ns, last_rep_ns; /* CPU time of one body; NAN without repetitions */
};

/* One workload, backend and part: its rows that count, ascending by (host, round). */
struct pab_reading_cell {
    size_t first, count;       /* in `sorted` */
    struct pab_series *series; /* [metric_count], with their values in `values`; NULL: not yet */
    void *values;
};

struct pab_reading_pattern; /* what a row of failures[] names (reading_cells.c) */

struct pab_reading_failures {
    struct pab_reading_pattern *patterns; /* sorted */
    size_t count;
    uint32_t masks; /* bit M: null occurs at the keys whose bits are set in M, and at no other */
};

struct pab_reading {
    char *path;
    json_t *run; /* without samples, control, timelines */
    struct pab_names names, metric_names;
    struct pab_reading_row *rows;
    size_t row_count, row_room;
    struct pab_reading_figure *figures;
    size_t figure_count, figure_room;
    size_t sample_count; /* of the rows: those of samples[] */
    uint32_t *last_row;  /* by named metric: the last row (number + 1) that has it */
    size_t last_row_room;

    /* From pab_reading_arrange(). */
    struct pab_names workloads, backends; /* ids, by index */
    size_t workload_count, backend_count, host_count;
    struct pab_metric *metrics; /* names of the fixed ones are static */
    size_t metric_count;
    uint32_t *metric_places;        /* by metric of a figure: its index in `metrics` */
    uint32_t *sorted;               /* rows that count, by cell */
    uint32_t *places;               /* all rows, in the order in which they ran */
    struct pab_reading_cell *cells; /* [part][workload][backend] */
    struct pab_reading_failures failures;
};

/* PAB_BAD_DATA: "PATH: WHERE[INDEX]: ..." */
__attribute__((format(printf, 5, 6))) enum pab_status
pab_reading_refuse(const struct pab_reading *reading, struct pab_error *err, const char *where,
                   size_t index, const char *format, ...);

/* Up to 40 bytes of `text`, without anything that a terminal could take for more than text. */
struct pab_reading_shown {
    char text[48];
};
struct pab_reading_shown pab_reading_show(const char *text, size_t length);

/* Whether a name is one line of text wherever it is shown: UTF-8 without control characters. */
bool pab_reading_is_plain(const char *name);

/* --- what rows are kept in (reading_figures.c) ------------------------------------------------ */

/* `row` is the one in the making, the next to be added. */
void pab_reading_add_figure(struct pab_reading *reading, struct pab_reading_row *row,
                            uint32_t metric, double value);
/* False where that row has this named metric already. */
bool pab_reading_is_first_of_row(struct pab_reading *reading, uint32_t number);
void pab_reading_add_row(struct pab_reading *reading, const struct pab_reading_row *row);

/* --- one sample after the other (reading_row.c) ----------------------------------------------- */

struct pab_row_reader;

struct pab_row_reader *pab_row_reader_new(struct pab_reading *reading, struct pab_error *err);
void pab_row_reader_free(struct pab_row_reader *reader);

/* The events of a row, between its braces. False: it is refused, and the error filled. */
void pab_row_reader_begin(struct pab_row_reader *reader, bool is_control, size_t index);
bool pab_row_reader_key(struct pab_row_reader *reader, const char *text, size_t length);
bool pab_row_reader_null(struct pab_row_reader *reader);
bool pab_row_reader_bool(struct pab_row_reader *reader, bool value);
bool pab_row_reader_number(struct pab_row_reader *reader, double value);
bool pab_row_reader_text(struct pab_row_reader *reader, const char *text, size_t length);
bool pab_row_reader_open(struct pab_row_reader *reader, bool is_object);
void pab_row_reader_close(struct pab_row_reader *reader);
bool pab_row_reader_end(struct pab_row_reader *reader);

/* --- a value as JSON (reading_tree.c) --------------------------------------------------------- */

/* What is being built: `root` is the value once `depth` is 0 again. */
struct pab_tree {
    struct pab_reading *reading;
    struct pab_error *err;
    const char *name; /* of the part, for errors */
    json_t *root;
    json_t *open[PAB_READING_DEPTH_MAX];
    char keys[PAB_READING_DEPTH_MAX][PAB_READING_NAME_MAX + 1];
    size_t depth, values;
};

bool pab_tree_key(struct pab_tree *tree, const char *text, size_t length);
/* Takes `value`; NULL: it could not be made. */
bool pab_tree_add(struct pab_tree *tree, json_t *value);
bool pab_tree_text(struct pab_tree *tree, const char *text, size_t length);
bool pab_tree_number(struct pab_tree *tree, const char *text, size_t length);
void pab_tree_close(struct pab_tree *tree);

/* A number of JSON's grammar, not ended by a NUL; false where no finite double is near. */
bool pab_reading_number(const char *text, size_t length, double *out);

/* --- whole documents -------------------------------------------------------------------------- */

/* A document's text, piece by piece (reading_text.c). */
struct pab_reading_parser;

struct pab_reading_parser *pab_reading_parser_new(struct pab_reading *reading,
                                                  struct pab_error *err);
void pab_reading_parser_free(struct pab_reading_parser *parser);
/* False: there is no use in the rest. */
bool pab_reading_parser_feed(struct pab_reading_parser *parser, const unsigned char *text,
                             size_t bytes);
enum pab_status pab_reading_parser_end(struct pab_reading_parser *parser);

/* The same of a run that is JSON already (reading_json.c). */
enum pab_status pab_reading_take_json(struct pab_reading *reading, const json_t *run,
                                      struct pab_error *err);

/* After either, when all rows are known: which metrics they have (reading_metrics.c). */
void pab_reading_name_metrics(struct pab_reading *reading);

/* After either: names become indices, rows are judged and sorted into cells. */
enum pab_status pab_reading_arrange(struct pab_reading *reading, struct pab_error *err);

#endif

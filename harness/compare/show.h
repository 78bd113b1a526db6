/* harness/compare/show.h -- a comparison for people and for other programs. Depends on compare.h.
 *
 * All are made from the same rows, with the same words. Printers fit pab_output_write(): they take
 * a struct pab_show, and false from them is a failed write.
 */
#ifndef PAB_HARNESS_COMPARE_SHOW_H
#define PAB_HARNESS_COMPARE_SHOW_H

#include "harness/compare/compare.h"

struct pab_show {
    const struct pab_comparison *comparison;
    const struct pab_reading *base, *head; /* the same one within a document */
    bool has_colour;                       /* of the table */
    const struct pab_row **rows;           /* what is shown, in that order; owned */
    size_t count;
    size_t hidden[PAB_CALL_COUNT][PAB_FAMILY_COUNT]; /* how many are not */
};

/* What somebody who asked for nothing in particular wants to see: CPU time and peak RSS; of base
 * against head also what else of memory changed, and what must hold and does not. */
bool pab_show_by_default(const struct pab_comparison *comparison, const struct pab_row *row);

/* Takes the rows that `wants` likes, by workload and metric, the lowest ratio first. Free with
 * pab_show_fini(). */
void pab_show_init(struct pab_show *show, const struct pab_comparison *comparison,
                   bool (*wants)(const struct pab_row *row, void *arg), void *arg);
void pab_show_fini(struct pab_show *show);

/* How each output begins: what begins otherwise is none of ours and never written over. */
#define PAB_SHOW_TABLE_HEAD    "pyallocbench compare: "
#define PAB_SHOW_MARKDOWN_HEAD "<!-- pyallocbench compare -->\n"
#define PAB_SHOW_CSV_HEAD      "workload,backend,host,metric,unit,family,"
#define PAB_SHOW_JSON_HEAD     "{\n \"schema\": \"pyallocbench-compare/1\","
#define PAB_SHOW_PYPERF_HEAD   "{\n \"version\": \"1.0\",\n \"metadata\": {\n  \"pyallocbench_"

bool pab_show_table(FILE *file, const void *show);
bool pab_show_markdown(FILE *file, const void *show);
bool pab_show_csv(FILE *file, const void *show);
bool pab_show_json(FILE *file, const void *show);

/* A struct pab_reading ** as a pyperf suite: a benchmark for each workload and backend, a run of one
 * value for each process: seconds of CPU time for one operation. */
bool pab_show_pyperf(FILE *file, const void *reading_at);

/* --- for the printers ------------------------------------------------------------------------- */

#define PAB_VERDICT_MAX 240

/* "slower", "cannot tell: changes below 2.1 % would probably be missed", "faster (advisory)". */
const char *pab_show_verdict(const struct pab_comparison *comparison, const struct pab_row *row,
                             char out[PAB_VERDICT_MAX]);
/* "jemalloc", "jemalloc, host 1" */
const char *pab_show_label(const struct pab_row *row, char out[PAB_VERDICT_MAX]);
/* "3 slower, 1 faster, 2 cannot tell", of the rows shown; "nothing was judged". */
const char *pab_show_tally(const struct pab_show *show, char out[PAB_VERDICT_MAX]);
/* Whether both rows stand in one block: of the same workload and metric. */
bool pab_show_same_block(const struct pab_row *a, const struct pab_row *b);
/* How to read it, as lines. */
size_t pab_show_legend(const struct pab_show *show, char lines[][PAB_VERDICT_MAX], size_t most);

#endif

/* harness/gate/show.h -- what a gate found, for people, pull requests and CI systems. Depends on
 * case.h.
 *
 * All are told from the same findings, in the same words. Printers fit pab_output_write(): they
 * take a struct pab_gate_page, and false from them is a failed write.
 */
#ifndef PAB_HARNESS_GATE_SHOW_H
#define PAB_HARNESS_GATE_SHOW_H

#include "harness/gate/case.h"

#include <stdio.h>

struct pab_gate_page {
    const struct pab_gate_case *the_case;
    bool is_verbose; /* the table shows every judged figure */
};

/* How each file begins: what begins otherwise is none of ours and never written over. */
#define PAB_GATE_MARKDOWN_HEAD "<!-- pyallocbench gate -->\n"
#define PAB_GATE_JUNIT_HEAD                                                                        \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- pyallocbench gate -->\n"

bool pab_gate_show_table(FILE *file, const void *page);

/* For a pull request: what changed, then all of it, folded. At most some 60,000 bytes: GitHub
 * takes no comment above 65,536. */
bool pab_gate_show_markdown(FILE *file, const void *page);

/* A suite a backend, a case a workload and family. */
bool pab_gate_show_junit(FILE *file, const void *page);

/* GitHub's workflow commands: ::error, ::warning, ::notice. */
bool pab_gate_show_annotations(FILE *file, const void *page);

/* `gate.findings` of a document: what is not as it should be, or better; a new array. */
json_t *pab_gate_findings_json(const struct pab_gate_case *the_case);

/* --- for the printers ------------------------------------------------------------------------- */

/* "REGRESSION", "GOOD", ... */
const char *pab_gate_result_word(enum pab_gate_result result);

#define PAB_GATE_SENTENCE_MAX 1200
#define PAB_GATE_WORD_MAX     320

/* What was found, how sure that is, and what would have been missed. */
const char *pab_gate_sentence(const struct pab_gate_case *the_case,
                              char out[PAB_GATE_SENTENCE_MAX]);
/* A finding as the cells of a table. */
struct pab_gate_line {
    char workload[80]; /* "all 4" of the suite */
    char label[PAB_GATE_WORD_MAX];
    char metric[80];
    char base[48], head[48], change[48], interval[48];
    char verdict[PAB_GATE_WORD_MAX];
};

void pab_gate_line_make(const struct pab_gate_item *item, struct pab_gate_line *line);
/* The backend of all findings, or NULL where there are several. */
const char *pab_gate_only_label(const struct pab_gate_verdict *verdict);
/* "strings on pymalloc: cpu_ns_per_op 73.7 ns -> 76.2 ns, +3.4 % [+2.1, +4.7]: slower, ..." */
void pab_gate_line_text(const struct pab_gate_line *line, char *out, size_t size);

/* Whether it belongs to what changed, in the table of a pull request. */
bool pab_gate_is_news(const struct pab_gate_item *item);
/* Whether nobody misses it who asked for nothing in particular: in order, and not the main figure
 * of its family. */
bool pab_gate_is_quiet(const struct pab_gate_item *item);
/* How many of a family are in order, not wanted: "and in order: ..."; "" where there are none. */
const char *pab_gate_quiet_text(const struct pab_gate_case *the_case,
                                bool (*wants)(const struct pab_gate_item *item),
                                char out[PAB_GATE_WORD_MAX]);

/* Which rounds the figures are of, where some were measured again; else "". */
const char *pab_gate_again_text(const struct pab_gate_verdict *verdict);

/* "base" or "head", version, commit, binary or spec, as one text. */
const char *pab_gate_side_text(const struct pab_gate_case *the_case, bool is_head,
                               char out[PAB_GATE_WORD_MAX]);
/* The command that made it, to be pasted. */
const char *pab_gate_command_text(const struct pab_gate_case *the_case,
                                  char out[PAB_GATE_SENTENCE_MAX]);

#endif

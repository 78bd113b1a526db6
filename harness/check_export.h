/* harness/check_export.h -- conformance in files for others: Markdown for readers, JUnit XML for CI
 * systems. Depends on jansson.
 *
 * Both are made from a results document of `check` and say nothing that is not in it.
 */
#ifndef PAB_HARNESS_CHECK_EXPORT_H
#define PAB_HARNESS_CHECK_EXPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* What each begins with: a file that does not is none of ours. */
#define PAB_MARKDOWN_HEAD "# Conformance of memory allocators\n"
#define PAB_JUNIT_HEAD    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- pyallocbench check -->\n"

/* Checks by backends, a table a group; notes say what did not pass, and what the answers are. */
bool pab_check_markdown_print(FILE *file, const void *document);

/* A suite a backend, a case a check. What deviates has passed, with what was found as its output:
 * CI systems know no third way. */
bool pab_check_junit_print(FILE *file, const void *document);

#endif

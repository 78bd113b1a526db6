/* harness/document.h -- the results document: made from a journal's record, written, read back.
 * Depends on jansson, status.h, compare/reading.h. results/README.md and results/schema.json define
 * it.
 */
#ifndef PAB_HARNESS_DOCUMENT_H
#define PAB_HARNESS_DOCUMENT_H

#include "allocators/status.h"
#include "harness/compare/reading.h"

#include <jansson.h>
#include <stdbool.h>

/* What stands above the rows of a record: who ran what, when, where and by which plan (taken). */
json_t *pab_document_header(json_t *plan, int argc, char **argv);

/* The document of what the record holds now: a new object. */
json_t *pab_document_make(const json_t *record, bool complete);

/* Writes it beside `path` and renames: a reader sees the old file or the whole new one. */
enum pab_status pab_document_write(const json_t *document, const char *path, struct pab_error *err);

/* Reads a document of ours. PAB_BAD_DATA: truncated, or not ours; PAB_NOT_COMPARABLE: of a newer
 * schema; PAB_IO: cannot be read. */
enum pab_status pab_document_read(const char *path, json_t **out, struct pab_error *err);

/* Refuses a path that holds anything but a document of ours; a path that holds nothing is fine. */
enum pab_status pab_document_may_replace(const char *path, struct pab_error *err);

#endif

#include "harness/gate/files.h"

#include "harness/cmd.h"
#include "harness/document.h"
#include "harness/output.h"

#include <errno.h>
#include <string.h>

enum pab_status pab_gate_expect_files(const struct pab_gate_arguments *arguments,
                                      const char *document, struct pab_error *err)
{
    const char *paths[] = {document, arguments->markdown, arguments->junit};
    static const char *const heads[] = {NULL, PAB_GATE_MARKDOWN_HEAD, PAB_GATE_JUNIT_HEAD};
    static const char *const names[] = {"-o", "--md", "--junit"};
    enum pab_status status = PAB_OK;
    for (size_t i = 0; status == PAB_OK && i < ARRAY_COUNT(paths); i++) {
        for (size_t j = 0; j < i; j++) {
            if (paths[i] != NULL && paths[j] != NULL && pab_output_is_same(paths[i], paths[j])) {
                return pab_fail(err, PAB_USAGE, "-o, --md and --junit need a file each");
            }
        }
        if (paths[i] != NULL) {
            status = heads[i] == NULL ? pab_document_may_replace(paths[i], err)
                                      : pab_output_expect_own(names[i], paths[i], heads[i], err);
        }
        if (paths[i] != NULL && status == PAB_OK) {
            status = pab_output_expect_writable(paths[i], err);
        }
    }
    return status;
}

/* The step's summary is GitHub's file: others have written to it, too. */
static enum pab_status append_summary(const struct pab_gate_page *page, struct pab_error *err)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    if (path == NULL || path[0] == '\0') {
        return PAB_OK;
    }
    FILE *file = fopen(path, "ae");
    bool good = file != NULL && pab_gate_show_markdown(file, page);
    good = file != NULL && fclose(file) == 0 && good;
    return good ? PAB_OK
                : pab_fail(err, PAB_IO, "cannot write %s (GITHUB_STEP_SUMMARY): %s", path,
                           strerror(errno));
}

bool pab_gate_write_files(const struct pab_gate_arguments *arguments,
                          const struct pab_gate_page *page)
{
    struct pab_error err;
    bool good = true;
    if (arguments->markdown != NULL &&
        pab_output_write(arguments->markdown, pab_gate_show_markdown, page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    if (arguments->junit != NULL &&
        pab_output_write(arguments->junit, pab_gate_show_junit, page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    if (arguments->github && append_summary(page, &err) != PAB_OK) {
        (void)pab_cmd_fail(&err);
        good = false;
    }
    return good;
}

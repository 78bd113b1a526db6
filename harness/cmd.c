#include "harness/cmd.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+./,:=@%";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

void pab_shell_quote(const char *text, char *out, size_t size)
{
    if (is_plain(text)) {
        snprintf(out, size, "%s", text);
        return;
    }
    size_t used = 0;
    out[used++] = '\'';
    for (; *text != '\0' && used + 6 < size; text++) {
        const char *piece = *text == '\'' ? "'\\''" : (char[]){*text, '\0'};
        used += (size_t)snprintf(out + used, size - used, "%s", piece);
    }
    snprintf(out + used, size - used, "'");
}

int pab_cmd_fail(const struct pab_error *err)
{
    fprintf(stderr, "pyallocbench: %s\n", err->text);
    switch (err->status) {
    case PAB_USAGE:
    case PAB_BAD_DATA:
        return PAB_EXIT_USAGE;
    case PAB_IDENTITY:
        return PAB_EXIT_FAILED;
    case PAB_UNAVAILABLE:
        return PAB_EXIT_NOTHING;
    case PAB_NOT_COMPARABLE:
        return PAB_EXIT_NOT_COMPARABLE;
    default:
        return PAB_EXIT_ERROR;
    }
}

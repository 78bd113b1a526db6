#include "harness/markup.h"

#include "harness/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Within a word an underscore is none of GitHub's markup. */
static bool is_within_word(const char *text, const char *at)
{
    return at > text && isalnum((unsigned char)at[-1]) != 0 && isalnum((unsigned char)at[1]) != 0;
}

/* A heading or a quotation, where blanks alone are before it. */
static bool starts_a_block(const char *text, const char *at)
{
    return strchr("#>", *at) != NULL && strspn(text, " \t\n") == (size_t)(at - text);
}

void pab_markdown_text(FILE *file, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr("|<&*~`$[]\\", *at) != NULL || (*at == '_' && !is_within_word(text, at)) ||
            starts_a_block(text, at)) {
            fputc('\\', file);
        }
        fputc(*at == '\n' ? ' ' : *at, file);
    }
}

void pab_markdown_code(FILE *file, const char *text)
{
    int longest = 0;
    int run = 0;
    for (const char *at = text; *at != '\0'; at++) {
        run = *at == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    const char *blank = longest > 0 ? " " : ""; /* Markdown takes it off again */
    for (int i = 0; i <= longest; i++) {
        fputc('`', file);
    }
    fprintf(file, "%s%s%s", blank, text, blank);
    for (int i = 0; i <= longest; i++) {
        fputc('`', file);
    }
}

void pab_xml_text(FILE *file, const char *text)
{
    char clean[8192];
    pab_text_clean(text, true, clean, sizeof(clean));
    for (const char *at = clean; *at != '\0'; at++) {
        switch (*at) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        case '\n':
            fputs("&#10;", file);
            break;
        default:
            fputc(*at, file);
        }
    }
}

void pab_xml_attribute(FILE *file, const char *name, const char *text)
{
    fprintf(file, " %s=\"", name);
    pab_xml_text(file, text);
    fprintf(file, "\"");
}

void pab_xml_timestamp(FILE *file, const char *text)
{
    char seconds[sizeof("2026-02-03T10:11:12")];
    snprintf(seconds, sizeof(seconds), "%s", text);
    pab_xml_attribute(file, "timestamp", seconds);
}

void pab_xml_property(FILE *file, const char *name, const char *text)
{
    fprintf(file, "<property");
    pab_xml_attribute(file, "name", name);
    pab_xml_attribute(file, "value", text);
    fprintf(file, "/>\n");
}

#include "harness/markup.h"

#include "harness/text.h"

#include <string.h>

void pab_markdown_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("|<*`[]\\", *text) != NULL) {
            fputc('\\', file);
        }
        fputc(*text == '\n' ? ' ' : *text, file);
    }
}

void pab_markdown_code(FILE *file, const char *text)
{
    const char *fence = strchr(text, '`') == NULL ? "`" : "``";
    fprintf(file, "%s%s%s", fence, text, fence);
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

void pab_xml_property(FILE *file, const char *name, const char *text)
{
    fprintf(file, "<property");
    pab_xml_attribute(file, "name", name);
    pab_xml_attribute(file, "value", text);
    fprintf(file, "/>\n");
}
